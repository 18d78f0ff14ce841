// tests/policies/test_baselines.c - act-k, majority, first-view, symbolic: each does what its name
// says, and the perfect eyes see nothing that was not shown.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "data/episode.h"
#include "envs/avr/avr.h"
#include "envs/avr/belief.h"
#include "envs/avr/env_avr.h"
#include "policies/policy.h"

static const char message[] =
    "At most 12 objects.\nQuestion: how many objects are red?\n<image>\nOptions:\n"
    "0 A\nview left 60 B\n1 C\npick large red cube D\nturn up 15 E\n2 F";

// chosen option of one act, checked against the strict grammar
static int choose(const gaze_policy *p, void *self, const gaze_obs *obs, int options) {
  gaze_act a = {0};
  if (p->act(self, obs, &a, NULL)) fail_msg("%s", gaze_err_detail());
  avr_reply r = avr_parse_reply(a.text, strlen(a.text), options);
  assert_true(r.strict);
  return r.choice;
}

static void test_act_k(void **state) {
  (void)state;
  const gaze_policy *const p[] = {&gaze_policy_act_1, &gaze_policy_act_2, &gaze_policy_act_3};
  for (uint32_t k = 1; k <= 3; k++) {
    void *self = NULL;
    int hits[6] = {0};
    assert_false(p[k - 1]->needs_truth);
    assert_int_equal(p[k - 1]->open(&self, NULL), GAZE_OK);
    for (uint64_t seed = 0; seed < 200; seed++) {
      assert_int_equal(p[k - 1]->reset(self, seed), GAZE_OK);
      for (uint32_t turn = 0; turn <= k; turn++) {
        const gaze_obs obs = {.text = message, .turn = turn, .first = turn == 0};
        int option = choose(p[k - 1], self, &obs, 6);
        bool action = option == 1 || option == 3 || option == 4;
        assert_int_equal(action, turn < k);
        hits[option]++;
      }
    }
    for (int i = 0; i < 6; i++) assert_true(hits[i] > 30);  // any of its kind
    p[k - 1]->close(&self);
  }
}

// ---- majority ----

#define LOG GAZE_BINARY_DIR "/test_baselines.mcap"

static void write_episode(gaze_record_writer *w, int n, const char *question, const char *options,
                          char letter) {
  char user[256], reply[128], id[32];
  gaze_record r;
  snprintf(id, sizeof id, "avr-%d", n);
  snprintf(user, sizeof user, "Question: %s\n<image>\nOptions:\n%s", question, options);
  snprintf(reply, sizeof reply, "<think>\n</think>\n<answer>%c</answer>", letter);
  gaze_record_init(&r, id, "avr", (uint64_t)n);
  assert_int_equal(gaze_record_add_turn(&r, user, reply, GAZE_TAUGHT_ALL, NULL, NULL), GAZE_OK);
  assert_int_equal(gaze_record_write(w, &r), GAZE_OK);
  gaze_record_free(&r);
}

static gaze_err open_majority(void **self, const char *path) {
  gaze_cfg *c = NULL;
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  if (path) gaze_cfg_set_str(c, "majority.data", path);
  gaze_err e = gaze_policy_majority.open(self, c);
  gaze_cfg_close(&c);
  return e;
}

static int ask_majority(void *self, const char *question, const char *options, int n) {
  char user[256];
  snprintf(user, sizeof user, "Question: %s\n<image>\nOptions:\n%s", question, options);
  const gaze_obs obs = {.text = user, .first = true};
  return choose(&gaze_policy_majority, self, &obs, n);
}

static void test_majority(void **state) {
  (void)state;
  gaze_record_writer *w = NULL;
  assert_int_equal(gaze_record_create(&w, LOG, NULL), GAZE_OK);
  // 1 is right twice of red things, 2 once; in areas 2 is right; actions and wrecks do not count
  write_episode(w, 0, "how many objects are red?", "0 A\n1 B\nview lower C\n2 D", 'B');
  write_episode(w, 1, "how many objects are small?", "2 A\n1 B", 'B');
  write_episode(w, 2, "how many objects are cube?", "2 A\n1 B", 'A');
  write_episode(w, 3, "how many objects are red in the left area?", "2 A\n1 B", 'A');
  for (int k = 4; k < 9; k++) {
    write_episode(w, k, "how many objects are red?", "0 A\nview lower B", 'B');
    write_episode(w, 10 + k, "how many objects are red?", "0 A\n1 B", 'Z');
    write_episode(w, 20 + k, "who is there?", "0 A\n1 B", 'A');
  }
  assert_int_equal(gaze_record_finish(&w), GAZE_OK);

  void *self = NULL;
  assert_false(gaze_policy_majority.needs_truth);
  assert_int_equal(open_majority(&self, LOG), GAZE_OK);
  assert_int_equal(gaze_policy_majority.reset(self, 1), GAZE_OK);
  assert_int_equal(ask_majority(self, "how many objects are blue?", "0 A\n2 B\n1 C\n3 D", 4), 2);
  assert_int_equal(ask_majority(self, "how many objects are blue?", "0 A\n2 B\n3 C", 3), 1);
  assert_int_equal(
      ask_majority(self, "how many objects are gray in the right area?", "1 A\n2 B", 2), 1);
  // never learned: the first answer, whatever stands before it
  assert_int_equal(ask_majority(self, "is there a small red cube?", "view lower A\nyes B\nno C", 3),
                   1);
  gaze_policy_majority.close(&self);
  assert_null(self);
}

static void test_majority_needs_data(void **state) {
  (void)state;
  void *self = NULL;
  assert_int_equal(open_majority(&self, NULL), GAZE_ERR_ARG);
  assert_non_null(strstr(gaze_err_detail(), "majority.data"));
  assert_true(open_majority(&self, GAZE_BINARY_DIR "/no_such.mcap") != GAZE_OK);
  gaze_record_writer *w = NULL;
  assert_int_equal(gaze_record_create(&w, LOG, NULL), GAZE_OK);
  write_episode(w, 0, "who is there?", "0 A", 'A');
  assert_int_equal(gaze_record_finish(&w), GAZE_OK);
  assert_int_equal(open_majority(&self, LOG), GAZE_ERR_FORMAT);
  assert_null(self);
}

// ---- perfect eyes ----

static void *open_env(void) {
  gaze_cfg *c = NULL;
  void *env = NULL;
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  gaze_cfg_set_num(c, "image_size", 28);
  gaze_cfg_set(c, "avr.judge_size=224");
  gaze_cfg_set(c, "avr.search_depth=4");
  gaze_cfg_set(c, "avr.physics=false");
  gaze_cfg_set(c, "oracle=true");
  if (gaze_env_avr.open(&env, c)) fail_msg("%s", gaze_err_detail());
  gaze_cfg_close(&c);
  return env;
}

static void *open_policy(const gaze_policy *p) {
  gaze_cfg *c = NULL;
  void *self = NULL;
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  gaze_cfg_set(c, "avr.judge_size=224");
  if (p->open(&self, c)) fail_msg("%s", gaze_err_detail());
  gaze_cfg_close(&c);
  return self;
}

typedef struct score {
  int episodes, right, decisions, unsure_answers, sure_actions, actions, useful;
} score;

// Plays episodes with a truth that holds nothing but the symbols.
static score play(const gaze_policy *p, int episodes) {
  void *env = open_env(), *self = open_policy(p);
  score s = {0};
  for (uint64_t seed = 0; s.episodes < episodes; seed++) {
    gaze_obs obs;
    gaze_outcome out = {0};
    if (gaze_env_avr.reset(env, 40 + 17 * seed, &obs)) continue;
    assert_int_equal(p->reset(self, seed), GAZE_OK);
    s.episodes++;
    while (!out.terminated) {
      gaze_truth blank = {0};
      snprintf(blank.known, sizeof blank.known, "%s", obs.truth->known);
      gaze_obs shown = obs;
      shown.truth = &blank;
      gaze_act act;
      if (p->act(self, &shown, &act, NULL))
        fail_msg("seed %u: %s", (unsigned)seed, gaze_err_detail());
      assert_int_equal(gaze_env_avr.step(env, &act, &obs, &out), GAZE_OK);
      s.decisions++;
      s.actions += out.action;
      s.useful += out.useful;
      s.sure_actions += out.action && out.sufficient_before;
      s.unsure_answers += out.answered && !out.sufficient_before;
    }
    s.right += out.correct && out.sufficient_before;
  }
  p->close(&self);
  gaze_env_avr.close(&env);
  return s;
}

// It is sure when the oracle is, and mostly finds the way there.
static void test_symbolic(void **state) {
  (void)state;
  assert_true(gaze_policy_symbolic.needs_truth);
  score s = play(&gaze_policy_symbolic, 36);
  print_message("symbolic: %d of %d right, %d of %d actions useful, unsure %d, late %d of %d\n",
                s.right, s.episodes, s.useful, s.actions, s.unsure_answers, s.sure_actions,
                s.decisions);
  assert_true(s.right >= 30);
  assert_true(s.unsure_answers + s.sure_actions <= s.decisions / 20);
  assert_true(2 * s.useful > s.actions);
}

static void test_first_view(void **state) {
  (void)state;
  assert_true(gaze_policy_first_view.needs_truth);
  score s = play(&gaze_policy_first_view, 24);
  print_message("first-view: %d of %d right\n", s.right, s.episodes);
  assert_int_equal(s.decisions, 24);
  assert_int_equal(s.actions, 0);
  // of two dozen seeds 17 apart two are sufficient at the start, and those it must answer
  assert_int_equal(s.right, 2);
}

// What was not seen leaves no trace in the symbols: neither its values nor its place.
static void test_symbols_hold_what_was_seen(void **state) {
  (void)state;
  const avr_settings set = {.judge_size = 224, .search_depth = 1, .sufficient_share = 0};
  static avr_episode e, other;
  avr_oracle *o;
  int hidden = 0;
  assert_int_equal(avr_oracle_open(&o, 224, 1), GAZE_OK);
  for (uint64_t seed = 0; seed < 12; seed++) {
    gaze_buf a = GAZE_BUF_INIT, b = GAZE_BUF_INIT;
    assert_int_equal(avr_generate(o, &set, seed, &e), GAZE_OK);
    // first views show most things in full: make one a glimpse
    uint8_t *some = &e.state.know.fact[seed % (uint64_t)e.scene.n];
    if (*some) *some = AVR_EXISTS;
    other = e;
    int lines = 1;
    for (int i = 0; i < e.scene.n; i++) {
      int fact = e.state.know.fact[i];
      lines += (fact & AVR_EXISTS) != 0;
      if (!(fact & AVR_KNOWS_COLOUR)) other.scene.object[i].value[AVR_COLOUR] ^= 1;
      if (!(fact & AVR_KNOWS_SIZE)) other.scene.object[i].value[AVR_SIZE] ^= 1;
      if (!(fact & AVR_KNOWS_SHAPE)) other.scene.object[i].value[AVR_SHAPE] = GAZE_SHAPE_SPHERE;
      if (fact & AVR_EXISTS) continue;
      hidden++;
      other.state.body[i].pos[0] += 0.1f;
      other.scene.body[i].pos[0] += 0.1f;
    }
    avr_symbols_write(&e, &a);
    avr_symbols_write(&other, &b);
    assert_string_equal(gaze_buf_text(&a), gaze_buf_text(&b));
    for (const char *at = a.data; (at = strchr(at, '\n')) != NULL; at++) lines--;
    assert_int_equal(lines, 0);
    gaze_buf_fini(&a);
    gaze_buf_fini(&b);
  }
  assert_true(hidden >= 12);
  avr_oracle_close(&o);
}

static void test_damaged_symbols(void **state) {
  (void)state;
  static const char good[] =
      "viewer 0 25 0 0\n"
      "object c 1 31 1 0 0 -1 -1 0.1000 -0.0500 0.0360 1 0 0 0 1 0 0 0 1\n";
  static const char *const from[] = {"viewer",  " 25 ",  "object",      "c 1",
                                     "31 1",    "31 1",  "1 0 0 -1 -1", "0.1000",
                                     "0 0 1\n", "-1 -1", "-1 -1 0",     "0.0360 1"};
  static const char *const to[] = {"viewe",        " nan ", "objekt", "z 1",  "99 1",  "31 8",
                                   "-1 0 0 -1 -1", "1e9",   "0 0\n",  "3 -1", "-1 -1", "0.0360 x"};
  void *self = open_policy(&gaze_policy_symbolic);
  gaze_truth truth = {0};
  gaze_obs obs = {.text = message, .first = true, .truth = &truth};
  gaze_act act;
  assert_int_equal(gaze_policy_symbolic.act(self, &obs, &act, NULL), GAZE_ERR_STATE);
  snprintf(truth.known, sizeof truth.known, "%s", good);
  if (gaze_policy_symbolic.act(self, &obs, &act, NULL)) fail_msg("%s", gaze_err_detail());
  for (size_t k = 0; k < sizeof from / sizeof *from; k++) {
    const char *at = strstr(good, from[k]);
    assert_non_null(at);
    snprintf(truth.known, sizeof truth.known, "%.*s%s%s", (int)(at - good), good, to[k],
             at + strlen(from[k]));
    if (gaze_policy_symbolic.act(self, &obs, &act, NULL) != GAZE_ERR_FORMAT)
      fail_msg("accepted: %s", truth.known);
  }
  snprintf(truth.known, sizeof truth.known, "%.*s", (int)sizeof good - 2, good);  // cut
  assert_int_equal(gaze_policy_symbolic.act(self, &obs, &act, NULL), GAZE_ERR_FORMAT);
  gaze_policy_symbolic.close(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_act_k),
      cmocka_unit_test(test_majority),
      cmocka_unit_test(test_majority_needs_data),
      cmocka_unit_test(test_symbolic),
      cmocka_unit_test(test_first_view),
      cmocka_unit_test(test_symbols_hold_what_was_seen),
      cmocka_unit_test(test_damaged_symbols),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
