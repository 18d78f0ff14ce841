// tests/envs/test_talk.c - training conversations: form, truth of the short answers, determinism.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "envs/avr/avr.h"
#include "envs/avr/talk.h"

enum { SIZE = 56 };

static gaze_talker *open_talker(const char *more) {
  gaze_cfg *c = NULL;
  gaze_talker *t = NULL;
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  gaze_cfg_set_num(c, "image_size", SIZE);
  gaze_cfg_set(c, "avr.judge_size=224");
  gaze_cfg_set(c, "avr.search_depth=4");
  if (more) gaze_cfg_set(c, more);
  if (gaze_talker_open(&t, c)) fail_msg("%s", gaze_err_detail());
  gaze_cfg_close(&c);  // holds no string here
  return t;
}

static void ok(gaze_err err) {
  if (err) fail_msg("%s", gaze_err_detail());
}

// one picture per "<image>" mark, no stray spaces, texts present
static void check_form(const gaze_talk *t) {
  assert_true(t->turns > 0);
  for (int i = 0; i < t->turns; i++) {
    const gaze_turn *u = &t->turn[i];
    const char *mark = strstr(u->user, "<image>");
    assert_true((mark != NULL) == (u->rgb != NULL));
    if (mark) assert_null(strstr(mark + 1, "<image>"));
    if (u->rgb) assert_true(u->w == SIZE && u->h == SIZE);
    const char *text[2] = {u->user, u->reply};
    for (int k = 0; k < 2; k++) {
      size_t n = strlen(text[k]);
      assert_true(n > 0 && text[k][n - 1] != '\n' && text[k][n - 1] != ' ');
      assert_null(strstr(text[k], "  "));
      assert_null(strstr(text[k], " \n"));
      assert_null(strstr(text[k], "\n\n"));
    }
  }
}

// text of the option with this letter in the list of a message; false if it is not listed
static bool option_text(const char *user, char letter, char *out, size_t cap) {
  const char *at = strstr(user, "Options:\n");
  if (!at) return false;
  for (at += 9; *at;) {
    const char *end = strchr(at, '\n');
    size_t n = end ? (size_t)(end - at) : strlen(at);
    if (n > 2 && at[n - 1] == letter && at[n - 2] == ' ') {
      snprintf(out, cap, "%.*s", (int)(n - 2), at);
      return true;
    }
    at += n + (end ? 1 : 0);
  }
  return false;
}

static int count_options(const char *user) {
  char text[128];
  int n = 0;
  while (option_text(user, (char)('A' + n), text, sizeof text)) n++;
  return n;
}

static void test_episodes(void **state) {
  (void)state;
  gaze_talker *t = open_talker("talk.noise=0.3");
  gaze_talk talk = GAZE_TALK_INIT;
  gaze_rng r;
  gaze_rng_init(&r, 3, 0);
  int forced = 0;
  for (int k = 0; k < 12; k++) {
    ok(gaze_talk_episode(t, &r, &talk));
    check_form(&talk);
    assert_true(talk.turns <= AVR_T_MAX + 1);
    for (int i = 0; i < talk.turns; i++) {
      const gaze_turn *u = &talk.turn[i];
      // the first turn asks, later ones tell how the action went
      assert_true((strstr(u->user, "Question: ") != NULL) == (i == 0));
      assert_true((strncmp(u->user, "Result: ", 8) == 0) == (i > 0));
      assert_non_null(u->rgb);
      avr_reply reply = avr_parse_reply(u->reply, strlen(u->reply), count_options(u->user));
      assert_true(reply.strict);
      // the decision names the chosen option and its letter
      char text[128], line[160];
      assert_true(option_text(u->user, (char)('A' + reply.choice), text, sizeof text));
      snprintf(line, sizeof line, "sufficient: %s %c\n</think>", text, 'A' + reply.choice);
      assert_non_null(strstr(u->reply, line));
      assert_true((strstr(u->reply, "\nKnown: ") != NULL) == (i > 0));
      // a forced decision is no target, but all that stands before it is
      bool whole = u->taught == GAZE_TAUGHT_ALL;
      if (!whole) assert_ptr_equal(strstr(u->reply, "## Decision"), u->reply + u->taught);
      if (!whole) forced++;
    }
    assert_true(talk.turn[talk.turns - 1].taught == GAZE_TAUGHT_ALL || talk.turns == AVR_T_MAX + 1);
  }
  assert_true(forced > 0);
  gaze_talk_fini(&talk);
  gaze_talker_close(&t);
  assert_null(t);
}

static void test_no_noise_trains_every_turn(void **state) {
  (void)state;
  gaze_talker *t = open_talker("talk.noise=0");
  gaze_talk talk = GAZE_TALK_INIT;
  gaze_rng r;
  gaze_rng_init(&r, 4, 0);
  for (int k = 0; k < 6; k++) {
    ok(gaze_talk_episode(t, &r, &talk));
    for (int i = 0; i < talk.turns; i++) assert_int_equal(talk.turn[i].taught, GAZE_TAUGHT_ALL);
    assert_non_null(strstr(talk.turn[talk.turns - 1].reply, "\nsufficient: "));
  }
  gaze_talk_fini(&talk);
  gaze_talker_close(&t);
}

static int count_lines_with(const char *list, const char *word) {
  int n = 0;
  size_t len = strlen(word);
  for (const char *p = list; (p = strstr(p, word)) != NULL; p += len) {
    bool whole = (p == list || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\n' || p[len] == '\0');
    n += whole;
  }
  return n;
}

// words of a description between `from` and `to`, all of which a line of the list must hold
static bool line_holds(const char *line, size_t n, const char *words, size_t words_n) {
  char low[128], want[64];
  snprintf(low, sizeof low, " %.*s ", (int)n, line);
  for (size_t at = 0; at < words_n;) {
    size_t end = at;
    while (end < words_n && words[end] != ' ') end++;
    snprintf(want, sizeof want, " %.*s ", (int)(end - at), words + at);
    if (strcmp(want, " object ") != 0 && !strstr(low, want)) return false;
    at = end + 1;
  }
  return true;
}

static int lines_that_hold(const char *list, const char *words, size_t words_n) {
  int n = 0;
  for (const char *at = list; *at;) {
    const char *end = strchr(at, '\n');
    size_t len = end ? (size_t)(end - at) : strlen(at);
    n += line_holds(at, len, words, words_n);
    at += len + (end ? 1 : 0);
  }
  return n;
}

typedef struct tally {
  int list_first, counts, yes, no, attributes, where, hidden, hidden_none, behind, farthest,
      closest;
} tally;

// checks a short answer against the list of boxes it belongs to
static void check_answer(const char *list, const gaze_turn *u, tally *c) {
  const char *q = u->user;
  if (strncmp(q, "how many objects are ", 21) == 0) {
    char word[32];
    snprintf(word, sizeof word, "%.*s", (int)(strlen(q) - 22), q + 21);
    assert_int_equal(atoi(u->reply), count_lines_with(list, word));
    c->counts++;
  } else if (strncmp(q, "is there a ", 11) == 0) {
    int found = lines_that_hold(list, q + 11, strlen(q) - 12);
    assert_string_equal(u->reply, found ? "yes" : "no");
    (*(found ? &c->yes : &c->no))++;
  } else if (strstr(q, " is the ") && strncmp(q, "what ", 5) == 0) {
    const char *of = strstr(q, " is the ") + 8;
    assert_int_equal(lines_that_hold(list, of, strlen(of) - 1), 1);
    char both[128];
    int n = snprintf(both, sizeof both, "%.*s %s", (int)(strlen(of) - 1), of, u->reply);
    assert_int_equal(lines_that_hold(list, both, (size_t)n), 1);
    c->attributes++;
  } else if (strncmp(q, "where is the ", 13) == 0) {
    const char *at = strstr(list, u->reply);
    assert_non_null(at);
    assert_int_equal(lines_that_hold(u->reply, q + 13, strlen(q) - 14), 1);
    c->where++;
  } else if (strncmp(q, "what is farthest to the ", 24) == 0) {
    // the list runs from left to right
    bool left = strncmp(q + 24, "left", 4) == 0;
    const char *line = left ? list : strrchr(list, '\n') ? strrchr(list, '\n') + 1 : list;
    const char *text = strstr(line, "] ") + 2;
    assert_int_equal(strncmp(text, u->reply, strlen(u->reply)), 0);
    c->farthest++;
  } else if (strncmp(q, "what is behind the ", 19) == 0) {
    if (strcmp(u->reply, "none") != 0) {
      const char *comma = strchr(u->reply, ',');
      size_t n = comma ? (size_t)(comma - u->reply) : strlen(u->reply);
      assert_true(lines_that_hold(list, u->reply, n) >= 1);
    }
    c->behind++;
  } else if (strncmp(q, "what is closest to the ", 23) == 0) {
    assert_true(lines_that_hold(list, u->reply, strlen(u->reply)) >= 1);
    c->closest++;
  } else {
    assert_string_equal(q, "Hidden?");
    bool none = strcmp(u->reply, "none") == 0;
    assert_true(none || strncmp(u->reply, "behind ", 7) == 0 ||
                strncmp(u->reply, "under ", 6) == 0);
    c->hidden++;
    c->hidden_none += none;
  }
}

static void test_perception(void **state) {
  (void)state;
  gaze_talker *t = open_talker("talk.asked=0");
  gaze_talk talk = GAZE_TALK_INIT;
  gaze_rng r;
  tally c = {0};
  gaze_rng_init(&r, 11, 0);
  enum { TALKS = 400 };
  for (int k = 0; k < TALKS; k++) {
    ok(gaze_talk_perception(t, &r, &talk));
    check_form(&talk);
    assert_true(talk.turns <= 7);
    const char *list = talk.turn[0].reply;
    bool first = strcmp(talk.turn[0].user, "List.\n<image>") == 0;
    assert_true(first || strcmp(talk.turn[0].user, "<image>\nList.") == 0);
    c.list_first += first;
    int x0, y0, x1, y1;
    assert_int_equal(sscanf(list, "[%d %d %d %d] ", &x0, &y0, &x1, &y1), 4);
    assert_true(0 <= x0 && x0 <= x1 && x1 <= 99 && 0 <= y0 && y0 <= y1 && y1 <= 99);
    for (int i = 0; i < talk.turns; i++) {
      assert_int_equal(talk.turn[i].taught, GAZE_TAUGHT_ALL);
      if (i > 0) check_answer(list, &talk.turn[i], &c);
    }
  }
  // every kind is asked, and no answer can be guessed from its frequency
  assert_true(c.list_first > TALKS / 3 && c.list_first < 2 * TALKS / 3);
  assert_true(c.counts > 50 && c.attributes > 50 && c.where > 50 && c.farthest > 50);
  assert_true(c.behind > 20 && c.closest > 50 && c.hidden > 50);
  assert_true(c.hidden_none > c.hidden / 20 && c.hidden_none < 19 * c.hidden / 20);
  assert_true(c.yes > 20 && c.no > 20 && c.yes < 2 * c.no && c.no < 2 * c.yes);
  gaze_talk_fini(&talk);
  gaze_talker_close(&t);
}

// a list with what the thought says of it: numbers count up over the lines that fit the question
// (of a query one at most, which Match names), "behind" and "under" tell whether something may be
// hidden
static void check_asked(const char *question, const char *reply, tally *c) {
  static const char head[] = "## Visual Reasoning\n";
  assert_int_equal(strncmp(reply, head, strlen(head)), 0);
  const char *at = reply + strlen(head), *words = NULL;
  bool count = strncmp(question, "how many objects are ", 21) == 0, open = false;
  if (count || strncmp(question, "is there a ", 11) == 0) words = question + (count ? 21 : 11);
  char line[64] = "";
  int number = 0;
  for (size_t n; *at == '['; at += n + 1) {
    n = strcspn(at, "\n");
    const char *name = strchr(at, ']') + 2;
    size_t marks = strcspn(name, "\n0123456789");
    bool numbered = name[marks] >= '0' && name[marks] <= '9';
    open |= line_holds(at, n, "behind", 6) || line_holds(at, n, "under", 5);
    if (numbered) {
      assert_int_equal(atoi(name + marks), ++number);
      snprintf(line, sizeof line, "Match: %.*s\n", (int)marks - 1, name);
    }
    if (words && !strstr(question, "the "))
      assert_int_equal(numbered, line_holds(at, n, words, strcspn(words, "?")));
  }
  if (strncmp(question, "what ", 5) == 0)
    assert_in_range(number, 0, 1);
  else
    snprintf(line, sizeof line, "Match: %d\n", number);
  assert_int_equal(strncmp(at, line, strlen(line)), 0);
  // what hides something may itself be out of this view, so no mark need not mean "none"
  assert_non_null(strstr(at, "\nHidden: "));
  if (open) assert_non_null(strstr(at, "\nHidden: unknown\n"));
  assert_non_null(strstr(at, "\nAnswer: "));
  c->counts += count;
  c->yes += number > 0;
  c->hidden += open;
}

static void test_asked_lists(void **state) {
  (void)state;
  gaze_talker *t = open_talker("talk.asked=1");
  gaze_talk talk = GAZE_TALK_INIT;
  gaze_rng r;
  tally c = {0};
  int asked = 0;
  gaze_rng_init(&r, 12, 0);
  for (int k = 0; k < 400; k++) {
    ok(gaze_talk_perception(t, &r, &talk));
    const char *q = strstr(talk.turn[0].user, "Question: ");
    if (!q) continue;
    asked++;
    check_asked(q + 10, talk.turn[0].reply, &c);
  }
  assert_true(asked > 300 && c.counts > 30 && c.yes > 40 && c.hidden > 100 &&
              c.hidden < asked - 30);
  gaze_talk_fini(&talk);
  gaze_talker_close(&t);
}

static void check_letters(const gaze_talk *talk, int *answers) {
  const char *list = talk->turn[0].user;
  int n = count_options(list);
  assert_true(n >= 7 && n <= 12);
  for (int i = 0; i < talk->turns; i++) {
    const char *q = i ? talk->turn[i].user : strrchr(list, '\n') + 1, *a = talk->turn[i].reply;
    char text[128], want[160];
    if (strncmp(q, "Value: ", 7) == 0) {
      assert_true(option_text(list, q[7], text, sizeof text));
      assert_string_equal(a, text);
      continue;
    }
    char letter = a[strlen(a) - 1];
    assert_true(letter >= 'A' && letter < 'A' + n);
    answers[letter - 'A']++;
    // the question line "Choose: red" must not be taken for an option
    assert_true(option_text(list, letter, text, sizeof text));
    assert_string_equal(strchr(q, ' ') + 1, text);
    if (strncmp(q, "Choose: ", 8) == 0) {
      snprintf(want, sizeof want, "%s %c", text, letter);
      assert_string_equal(a, want);
    } else {
      assert_int_equal(strncmp(q, "Letter: ", 8), 0);
      assert_int_equal(strlen(a), 1);
    }
  }
}

static bool is_action(const char *name) {
  return strncmp(name, "view ", 5) == 0 || strncmp(name, "turn ", 5) == 0 ||
         strncmp(name, "pick ", 5) == 0 || strncmp(name, "move ", 5) == 0;
}

// whether the line "what: a, b" of the text names this option
static bool line_names(const char *text, const char *what, const char *name) {
  char head[32], item[160];
  snprintf(head, sizeof head, "\n%s: ", what);
  snprintf(item, sizeof item, ", %s,", name);
  const char *at = strstr(text, head);
  if (!at) return false;
  char line[1200];
  at += strlen(head);
  snprintf(line, sizeof line, ", %.*s,", (int)strcspn(at, "\n"), at);
  return strstr(line, item) != NULL;
}

// the gain section follows from what the user said, option by option, and the decision with it
static void check_decisions(const gaze_talk *talk, int *chosen) {
  const char *list = talk->turn[0].user;
  int n = count_options(list);
  for (int i = 0; i < talk->turns; i++) {
    const char *q = talk->turn[i].user, *a = talk->turn[i].reply;
    char want[1200] = "## Information Gain\n", text[128];
    for (int k = 0; k < n; k++) {
      assert_true(option_text(list, (char)('A' + k), text, sizeof text));
      const char *what = !is_action(text)                 ? "answer"
                         : line_names(q, "reveals", text) ? "reveals"
                         : line_names(q, "blocked", text) ? "blocked"
                                                          : "irrelevant";
      snprintf(want + strlen(want), sizeof want - strlen(want), "%s %c %s\n", text, 'A' + k, what);
    }
    assert_int_equal(strncmp(a, want, strlen(want)), 0);

    avr_reply r = avr_parse_reply(a, strlen(a), n);
    assert_true(option_text(list, (char)('A' + r.choice), text, sizeof text));
    const char *told = strstr(q, "Answer: ");
    bool sure = told != NULL;
    if (!sure) told = strstr(q, "not sufficient: ");
    assert_non_null(told);
    assert_int_equal(strncmp(strchr(told, ':') + 2, text, strlen(text)), 0);
    assert_true(sure != is_action(text));
    assert_true(sure || line_names(q, "reveals", text));
    assert_true((strstr(a, "\nnot sufficient: ") != NULL) == !sure);
    chosen[sure]++;
  }
}

static void check_matches(const gaze_talk *talk) {
  for (int i = 0; i < talk->turns; i++) {
    const char *q = strstr(talk->turn[i].user, "Question: "), *a = talk->turn[i].reply;
    assert_non_null(q);
    // the objects again, those that match numbered; every word asked for stands in a numbered name
    assert_int_equal(strncmp(a, "Known: ", 7), 0);
    const char *names = talk->turn[0].user + 7, *p = a + 7;
    int number = 0;
    for (; *names && *names != '\n'; names++, p++) {
      if (*p == *names) continue;
      assert_true(*names == ',');
      assert_int_equal(strtol(p, (char **)(uintptr_t)&p, 10), ++number);
    }
    if (*p == ' ') assert_int_equal(strtol(p, (char **)(uintptr_t)&p, 10), ++number);
    char line[24];
    snprintf(line, sizeof line, "\nMatch: %d", number);
    assert_int_equal(strncmp(p, line, strlen(line)), 0);
    bool closed = strstr(talk->turn[0].user, "Hidden: none") != NULL;
    assert_true((strstr(a, "\nAnswer: ") != NULL) == closed);
  }
}

static void test_lookup(void **state) {
  (void)state;
  gaze_talk talk = GAZE_TALK_INIT;
  gaze_rng r;
  gaze_rng_init(&r, 17, 0);
  int letters = 0, matches = 0, decisions = 0, answers[16] = {0}, chosen[2] = {0};
  for (int k = 0; k < 600; k++) {
    ok(gaze_talk_lookup(&r, &talk));
    check_form(&talk);
    assert_in_range(talk.turns, 5, 12);
    if (strstr(talk.turn[0].user, "not sufficient: ") || strstr(talk.turn[0].user, "Answer: ")) {
      check_decisions(&talk, chosen);
      decisions++;
    } else if (strncmp(talk.turn[0].user, "Options:\n", 9) == 0) {
      check_letters(&talk, answers);
      letters++;
    } else {
      assert_int_equal(strncmp(talk.turn[0].user, "Known: ", 7), 0);
      check_matches(&talk);
      matches++;
    }
  }
  assert_true(letters > 150 && matches > 100 && decisions > 150);
  assert_true(chosen[0] > 300 && chosen[1] > 300);
  // the first seven letters are in every list and equally often right
  for (int i = 0; i < 7; i++) assert_true(answers[i] > 40);
  gaze_talk_fini(&talk);
}

static void same(const gaze_talk *a, const gaze_talk *b) {
  assert_int_equal(a->turns, b->turns);
  for (int i = 0; i < a->turns; i++) {
    assert_string_equal(a->turn[i].user, b->turn[i].user);
    assert_string_equal(a->turn[i].reply, b->turn[i].reply);
    assert_int_equal(a->turn[i].taught, b->turn[i].taught);
    if (a->turn[i].rgb)
      assert_memory_equal(a->turn[i].rgb, b->turn[i].rgb, (size_t)SIZE * SIZE * 3);
  }
}

// the same generator gives the same talks, whatever the maker did before
static void test_determinism(void **state) {
  (void)state;
  gaze_talker *t = open_talker("talk.wording=-1"), *u = open_talker("talk.wording=-1");
  gaze_talk a = GAZE_TALK_INIT, b = GAZE_TALK_INIT;
  gaze_rng r;
  gaze_rng_init(&r, 1, 9);
  ok(gaze_talk_perception(u, &r, &b));
  for (uint64_t k = 0; k < 3; k++) {
    gaze_rng x, y;
    gaze_rng_init(&x, 21, k);
    gaze_rng_init(&y, 21, k);
    ok(gaze_talk_episode(t, &x, &a));
    ok(gaze_talk_episode(u, &y, &b));
    same(&a, &b);
    ok(gaze_talk_perception(t, &x, &a));
    ok(gaze_talk_perception(u, &y, &b));
    same(&a, &b);
    ok(gaze_talk_lookup(&x, &a));
    ok(gaze_talk_lookup(&y, &b));
    same(&a, &b);
  }
  gaze_talk_fini(&a);
  gaze_talk_fini(&b);
  gaze_talker_close(&t);
  gaze_talker_close(&u);
}

static void test_list(void **state) {
  (void)state;
  gaze_talk t = GAZE_TALK_INIT;
  uint8_t rgb[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  for (int i = 0; i < 20; i++) ok(gaze_talk_add(&t, "a <image>", "b", rgb, 2, 2, i));
  assert_int_equal(t.turns, 20);
  rgb[0] = 99;
  assert_int_equal(t.turn[19].rgb[0], 1);  // a copy
  assert_int_equal(t.turn[19].taught, 19);
  ok(gaze_talk_add(&t, "c", "d", NULL, 5, 5, GAZE_TAUGHT_ALL));
  assert_true(t.turn[20].rgb == NULL && t.turn[20].w == 0);
  assert_int_equal(gaze_talk_add(&t, "c", "d", rgb, 0, 2, 0), GAZE_ERR_ARG);
  assert_int_equal(gaze_talk_add(&t, "c", "d", rgb, 1 << 20, 2, 0), GAZE_ERR_ARG);
  assert_int_equal(t.turns, 21);
  gaze_talk_clear(&t);
  assert_int_equal(t.turns, 0);
  gaze_talk_fini(&t);
}

static void test_settings(void **state) {
  (void)state;
  static const char *const bad[] = {"talk.noise=1.5", "talk.wording=8", "talk.seeds=0",
                                    "avr.family=round"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    gaze_cfg *c = NULL;
    gaze_talker *t = NULL;
    assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
    gaze_cfg_set(c, bad[i]);
    assert_int_equal(gaze_talker_open(&t, c), GAZE_ERR_ARG);
    assert_null(t);
    gaze_cfg_close(&c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_list),
      cmocka_unit_test(test_settings),
      cmocka_unit_test(test_lookup),
      cmocka_unit_test(test_perception),
      cmocka_unit_test(test_asked_lists),
      cmocka_unit_test(test_episodes),
      cmocka_unit_test(test_no_noise_trains_every_turn),
      cmocka_unit_test(test_determinism),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
