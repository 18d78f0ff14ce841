// tests/envs/test_avr_text.c - the exact words of questions, options, prompts and boxes.
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/file.h"
#include "envs/avr/words.h"

enum { ALL = AVR_EXISTS | AVR_KNOWS_COLOUR | AVR_KNOWS_SHAPE | AVR_KNOWS_SIZE };
enum { GRAY, RED, BLUE, GREEN };
enum { LARGE, SMALL };
enum { CUBE, SPHERE, CYLINDER };

// a large red cube, a small blue sphere, and a stack of two small cubes, gray under green
static avr_episode table(void) {
  static const int value[4][AVR_ATTRS] = {
      {RED, LARGE, CUBE}, {BLUE, SMALL, SPHERE}, {GRAY, SMALL, CUBE}, {GREEN, SMALL, CUBE}};
  avr_episode e;
  memset(&e, 0, sizeof e);
  e.scene.n = 4;
  e.scene.stacks = 1;
  for (int i = 0; i < 4; i++) {
    memcpy(e.scene.object[i].value, value[i], sizeof value[i]);
    e.scene.object[i].stack = i < 2 ? -1 : 0;
    e.scene.object[i].level = i < 2 ? -1 : i - 2;
    e.state.know.fact[i] = ALL;
  }
  e.question =
      (avr_question){.id = AVR_Q2, .attr = AVR_COLOUR, .anchor = 0, .filter = {{-1, -1, -1}}};
  return e;
}

static void test_names(void **state) {
  (void)state;
  avr_episode e = table();
  static const struct {
    uint8_t fact;
    const char *name;
  } rows[] = {{ALL, "large red cube"},
              {AVR_EXISTS, "object"},
              {AVR_KNOWS_COLOUR, "red object"},
              {AVR_KNOWS_COLOUR | AVR_KNOWS_SHAPE, "red cube"},
              {AVR_KNOWS_SIZE | AVR_KNOWS_SHAPE, "large cube"},
              {AVR_KNOWS_SIZE | AVR_KNOWS_PLACE, "large object"}};
  gaze_buf b = GAZE_BUF_INIT;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    gaze_buf_clear(&b);
    avr_object_name(&e.scene, 0, rows[i].fact, &b);
    assert_string_equal(b.data, rows[i].name);
  }
  gaze_buf_fini(&b);
}

static void expect_question(const avr_question *q, const char *text) {
  avr_episode e = table();
  gaze_buf b = GAZE_BUF_INIT;
  avr_question_text(&e.scene, q, &b);
  assert_string_equal(gaze_buf_text(&b), text);
  gaze_buf_fini(&b);
}

static void test_questions(void **state) {
  (void)state;
  const avr_filter any = {{-1, -1, -1}};
  avr_question q = {.id = AVR_Q1, .attr = AVR_SIZE, .anchor = 3, .filter = any};
  expect_question(&q, "what size is the object under the small green cube on top?");
  q = (avr_question){.id = AVR_Q2, .attr = AVR_COLOUR, .anchor = 0, .filter = any};
  expect_question(&q, "what colour is the object closest to the large red cube?");
  q = (avr_question){.id = AVR_Q3, .attr = AVR_SHAPE, .anchor = -1, .dir = AVR_BACK, .filter = any};
  expect_question(&q, "what shape is the small object farthest to the back?");
  q = (avr_question){.id = AVR_E1, .filter = {{RED, SMALL, CUBE}}};
  expect_question(&q, "is there a small red cube?");
  q = (avr_question){.id = AVR_E1, .filter = {{RED, SMALL, -1}}};
  expect_question(&q, "is there a small red object?");
  q = (avr_question){.id = AVR_E1, .filter = {{-1, SMALL, SPHERE}}};
  expect_question(&q, "is there a small sphere?");
  q = (avr_question){.id = AVR_K1, .filter = {{RED, -1, -1}}};
  expect_question(&q, "how many objects are red?");
  q = (avr_question){.id = AVR_K1, .filter = {{-1, -1, CUBE}}};
  expect_question(&q, "how many objects are cube?");
  q = (avr_question){.id = AVR_K2, .filter = {{GRAY, -1, -1}}, .stack = 0};
  expect_question(&q, "how many cubes are gray in the stack topped by the green cube?");
  q = (avr_question){.id = AVR_K3, .filter = {{-1, SMALL, -1}}, .dir = AVR_RIGHT};
  expect_question(&q, "how many objects are small in the right area?");
  q = (avr_question){.id = AVR_P1, .filter = {{RED, -1, -1}}};
  expect_question(&q, "is the number of red objects equal in the left and right areas?");
  q = (avr_question){.id = AVR_P2, .filter = {{-1, -1, CUBE}}, .more = 1};
  expect_question(&q, "which area has more cube objects?");
  q.more = -1;
  expect_question(&q, "which area has fewer cube objects?");
  q = (avr_question){.id = AVR_P3, .attr = AVR_COLOUR, .filter = {{-1, SMALL, CUBE}}, .anchor = 1};
  expect_question(&q,
                  "is the colour of the small cube the same as the colour of the small sphere?");
  q = (avr_question){.id = AVR_P3, .attr = AVR_SHAPE, .filter = {{RED, SMALL, -1}}, .anchor = 0};
  expect_question(
      &q, "is the shape of the small red object the same as the shape of the large red object?");
  q = (avr_question){
      .id = AVR_M1, .filter = {{RED, -1, -1}}, .removed = {{{-1, SMALL, CUBE}}}, .n_removed = 1};
  expect_question(&q,
                  "remove all objects that are small cube: how many objects that are red remain?");
  q.id = AVR_M2, q.dir = AVR_LEFT;
  expect_question(&q,
                  "remove all objects that are small cube: how many objects that are red remain in "
                  "the left area?");
  q = (avr_question){.id = AVR_M3, .filter = {{-1, SMALL, -1}}, .added = 3};
  expect_question(&q, "add 3 objects that are small: how many objects are small then?");
  q = (avr_question){.id = AVR_M4, .filter = {{GRAY, -1, -1}}, .stack = 0, .added = 1};
  expect_question(&q,
                  "add 1 cubes that are gray to the stack topped by the green cube: how many cubes "
                  "are gray in it then?");
  q = (avr_question){.id = AVR_M5,
                     .filter = {{RED, -1, -1}},
                     .removed = {{{-1, SMALL, CUBE}}, {{-1, LARGE, SPHERE}}},
                     .n_removed = 2};
  expect_question(&q,
                  "remove all objects that are small cube and all that are large sphere: how many "
                  "objects that are red remain?");
  q.id = AVR_X2, q.more = 1;
  expect_question(
      &q,
      "remove all objects that are small cube and all that are large sphere: which area "
      "has more red objects?");
  q = (avr_question){.id = AVR_X1,
                     .attr = AVR_COLOUR,
                     .stack = 0,
                     .anchor = 1,
                     .removed = {{{-1, LARGE, CUBE}}},
                     .n_removed = 1};
  expect_question(&q,
                  "remove all objects that are large cube: is the colour of the centre cube of the "
                  "stack topped by the green cube the same as the colour of the small sphere?");
}

static const avr_option options[] = {
    {.kind = AVR_ANSWER, .value = RED},   {.kind = AVR_ANSWER, .value = BLUE},
    {.kind = AVR_PICK, .object = 0},      {.kind = AVR_MOVE, .object = 1, .dir = AVR_LEFT},
    {.kind = AVR_ORBIT, .azimuth = -60},  {.kind = AVR_ORBIT, .azimuth = 30},
    {.kind = AVR_ORBIT, .elevation = 20}, {.kind = AVR_ORBIT, .elevation = -20},
    {.kind = AVR_TURN, .pan = 20},        {.kind = AVR_TURN, .pan = -20},
    {.kind = AVR_TURN, .tilt = 15},       {.kind = AVR_TURN, .tilt = -15},
};
#define LINES                                                                                     \
  "Options:\nred A\nblue B\npick large red cube C\nmove small blue sphere left D\nview left 60 "  \
  "E\nview right 30 F\nview higher G\nview lower H\nturn right 20 I\nturn left 20 J\nturn up 15 " \
  "K\nturn down 15 L"

static void test_prompts(void **state) {
  (void)state;
  avr_episode e = table();
  e.options = (int)(sizeof options / sizeof options[0]);
  memcpy(e.option, options, sizeof options);
  gaze_buf b = GAZE_BUF_INIT;
  avr_prompt(&e, NULL, &b);
  assert_string_equal(
      b.data,
      "At most 12 objects, stacks of 1 to 4 cubes, at most 2 small objects hidden "
      "behind one large object, at most 3 objects outside the first image. The answer "
      "is about the start.\n"
      "Question: what colour is the object closest to the large red cube?\n"
      "<image>\n" LINES);
  gaze_buf_clear(&b);
  avr_prompt(&e, "blocked", &b);
  assert_string_equal(b.data, "Result: blocked.\n<image>\n" LINES);
  gaze_buf_fini(&b);
}

static void test_values(void **state) {
  (void)state;
  static const struct {
    avr_template id;
    avr_attr attr;
    int value;
    const char *text;
  } rows[] = {{AVR_Q1, AVR_COLOUR, 7, "yellow"},  {AVR_Q2, AVR_SIZE, 1, "small"},
              {AVR_Q3, AVR_SHAPE, 2, "cylinder"}, {AVR_E1, AVR_COLOUR, 0, "no"},
              {AVR_E1, AVR_COLOUR, 1, "yes"},     {AVR_K1, AVR_COLOUR, 0, "0"},
              {AVR_K3, AVR_COLOUR, 12, "12"},     {AVR_P1, AVR_COLOUR, 0, "no"},
              {AVR_P2, AVR_COLOUR, 0, "left"},    {AVR_X2, AVR_SHAPE, 1, "right"},
              {AVR_P2, AVR_SHAPE, 2, "equal"},    {AVR_P3, AVR_SHAPE, 1, "yes"},
              {AVR_M3, AVR_SHAPE, 15, "15"},      {AVR_X1, AVR_COLOUR, 1, "yes"}};
  gaze_buf b = GAZE_BUF_INIT;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    avr_question q = {.id = rows[i].id, .attr = rows[i].attr};
    gaze_buf_clear(&b);
    avr_value_name(&q, rows[i].value, &b);
    assert_string_equal(b.data, rows[i].text);
  }
  gaze_buf_fini(&b);
}

// integers are floors of hundredths, kept within 0..99; names join this view and earlier knowledge
static void test_boxes(void **state) {
  (void)state;
  avr_episode e = table();
  const avr_seen seen[] = {{0, AVR_EXISTS, {0.307f, 0.411f, 0.445f, 0.609f}},
                           {1, AVR_EXISTS | AVR_KNOWS_COLOUR, {-0.2f, 0.999f, 1.0f, 7.5f}}};
  gaze_buf b = GAZE_BUF_INIT;
  avr_box_lines(&e.scene, NULL, seen, 2, NULL, &b);
  assert_string_equal(b.data, "[30 41 44 60] object\n[0 99 99 99] blue object\n");
  gaze_buf_clear(&b);
  avr_box_lines(&e.scene, &e.state.know, seen, 2, NULL, &b);
  assert_string_equal(b.data, "[30 41 44 60] large red cube\n[0 99 99 99] small blue sphere\n");
  gaze_buf_clear(&b);
  avr_marks m = {.w = &avr_wording[0], .number = {0, 12}, .behind = {true, false}, .under = {true}};
  avr_box_lines(&e.scene, &e.state.know, seen, 2, &m, &b);
  assert_string_equal(b.data,
                      "[30 41 44 60] large red cube behind under\n"
                      "[0 99 99 99] small blue sphere 12\n");
  // where areas are compared each has numbers of its own
  gaze_buf_clear(&b);
  m = (avr_marks){
      .w = &avr_wording[0], .by_area = true, .number = {2, 1}, .area = {AVR_LEFT, AVR_RIGHT}};
  avr_box_lines(&e.scene, &e.state.know, seen, 2, &m, &b);
  assert_string_equal(b.data,
                      "[30 41 44 60] large red cube left 2\n"
                      "[0 99 99 99] small blue sphere right 1\n");
  gaze_buf_fini(&b);
}

// the eight phrase sets differ, and none could be mistaken for a heading or a tag
static void test_wordings(void **state) {
  (void)state;
  for (int i = 0; i < AVR_WORDINGS; i++) {
    const char *const *p = (const char *const *)(const void *)&avr_wording[i];
    for (size_t k = 0; k < sizeof avr_wording[i] / sizeof *p; k++) {
      assert_non_null(p[k]);
      assert_true(strlen(p[k]) > 0);
      assert_null(strpbrk(p[k], "#<>\n"));
      assert_null(strstr(p[k], "  "));
    }
    for (int j = 0; j < i; j++) {
      assert_string_not_equal(avr_wording[i].known, avr_wording[j].known);
      assert_string_not_equal(avr_wording[i].sufficient, avr_wording[j].sufficient);
    }
    // what an action would do must stay four different things
    const avr_phrases *w = &avr_wording[i];
    assert_string_not_equal(w->reveals, w->enables);
    assert_string_not_equal(w->reveals, w->irrelevant);
    assert_string_not_equal(w->blocked, w->irrelevant);
    assert_string_not_equal(w->enables, w->blocked);
  }
}

// ---- the tokenizer's word list holds every word the game says ----

static bool listed(const char *list, const char *word, size_t n) {
  for (const char *line = list; *line;) {
    const char *end = strchr(line, '\n');
    size_t len = end ? (size_t)(end - line) : strlen(line);
    if (len == n && memcmp(line, word, n) == 0) return true;
    line += len + (end ? 1 : 0);
  }
  return false;
}

static void expect_listed(const char *list, const char *text) {
  for (const char *p = text; *p;) {
    size_t n = 0;
    while (isalpha((unsigned char)p[n])) n++;
    // slots of the template texts are not words
    bool slot = p > text && p[-1] == '{';
    if (n && !slot && !listed(list, p, n))
      fail_msg("\"%.*s\" of \"%s\" is not listed", (int)n, p, text);
    p += n ? n : 1;
  }
}

static void test_word_list(void **state) {
  (void)state;
  gaze_buf list = GAZE_BUF_INIT, b = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(GAZE_SOURCE_DIR "/tools/tiny_words.txt", 1 << 20, &list),
                   GAZE_OK);
  const char *words = gaze_buf_text(&list);
  expect_listed(words, avr_rules);
  expect_listed(words,
                "Question Options Result ok blocked slipped toppled timeout invalid List Hidden "
                "Choose Letter Value what is behind closest farthest to the left in image where");
  for (int i = 0; i < 4; i++) assert_true(listed(words, avr_heading[i], strlen(avr_heading[i])));
  for (int i = 0; i < AVR_TEMPLATE_TEXTS; i++) expect_listed(words, avr_template_text[i]);
  for (int i = 0; i < AVR_COLOURS; i++) expect_listed(words, avr_colour_name[i]);
  for (int i = 0; i < AVR_SIZES; i++) expect_listed(words, avr_size_name[i]);
  for (int i = 0; i < AVR_SHAPES; i++) expect_listed(words, avr_shape_name[i]);
  for (int i = 0; i < AVR_WORDINGS; i++) {
    const char *const *p = (const char *const *)(const void *)&avr_wording[i];
    for (size_t k = 0; k < sizeof avr_wording[i] / sizeof *p; k++) expect_listed(words, p[k]);
  }
  avr_episode e = table();
  e.options = (int)(sizeof options / sizeof options[0]);
  memcpy(e.option, options, sizeof options);
  avr_prompt(&e, NULL, &b);
  expect_listed(words, b.data);
  gaze_buf_fini(&b);
  gaze_buf_fini(&list);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_names),     cmocka_unit_test(test_questions),
      cmocka_unit_test(test_prompts),   cmocka_unit_test(test_values),
      cmocka_unit_test(test_boxes),     cmocka_unit_test(test_wordings),
      cmocka_unit_test(test_word_list),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
