// tests/envs/test_vla_r1.c - the reward against the golden vectors, the published metrics, and the
// ways to cheat it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>
#include "core/json.h"
#include "core/rng.h"
#include "envs/rewards/vla_r1.h"

#define WRAP(payload) "<think>because</think><output>" payload "</output>"
#define G "[[0.1,0.1],[0.2,0.2],[0.3,0.3]]"
#define REF4 "[[0.12,0.40],[0.25,0.33],[0.41,0.30],[0.55,0.36]]"
#define PRED5 "[[0.10,0.42],[0.22,0.36],[0.36,0.30],[0.50,0.33],[0.58,0.40]]"
#define BOX "{\"x\":0.5,\"y\":0.5,\"width\":0.2,\"height\":0.2}"

static const gaze_vla_r1_options strict = {.mode = GAZE_VLA_R1_STRICT};

static gaze_vla_r1_score eval(const char *p, const char *r, const gaze_vla_r1_options *o) {
  return gaze_vla_r1_eval(p, strlen(p), r, strlen(r), o);
}

static double score(const char *p, const char *r) {
  return eval(p, r, NULL).score;
}

static gaze_vla_r1_metrics measure(const char *p, const char *r) {
  return gaze_vla_r1_measure(p, strlen(p), r, strlen(r));
}

#define NEAR(a, b, tol)                                             \
  do {                                                              \
    double near_a_ = (a), near_b_ = (b);                            \
    if (!(fabs(near_a_ - near_b_) <= (tol)))                        \
      fail_msg("%s = %.12g, expected %.12g", #a, near_a_, near_b_); \
  } while (0)

static void same_or_null(double got, const cJSON *want, const char *name, const char *field) {
  if (cJSON_IsNull(want)) {
    if (!isnan(got)) fail_msg("%s: %s = %g, expected null", name, field, got);
  } else if (!(fabs(got - want->valuedouble) <= 1e-8)) {
    fail_msg("%s: %s = %.12g, expected %.12g", name, field, got, want->valuedouble);
  }
}

static void test_golden(void **state) {
  (void)state;
  cJSON *all = NULL;
  assert_int_equal(gaze_json_load(&all, GAZE_SOURCE_DIR "/tests/golden/rewards.json"), GAZE_OK);
  const cJSON *c = NULL;
  static const char *const kind[] = {"invalid", "box", "path"};
  int n = 0;
  cJSON_ArrayForEach(c, gaze_json_get(all, "cases")) {
    const char *name = gaze_json_get(c, "name")->valuestring;
    const gaze_vla_r1_score s = eval(gaze_json_get(c, "prediction")->valuestring,
                                     gaze_json_get(c, "reference")->valuestring, NULL);
    assert_string_equal(kind[s.kind], gaze_json_get(c, "kind")->valuestring);
    same_or_null(s.task, gaze_json_get(c, "task"), name, "task");
    same_or_null(s.format, gaze_json_get(c, "format"), name, "format");
    same_or_null(s.score, gaze_json_get(c, "score"), name, "score");
    same_or_null(s.iou, gaze_json_get(c, "iou"), name, "iou");
    same_or_null(s.frechet_norm, gaze_json_get(c, "frechet_norm"), name, "frechet_norm");
    n++;
  }
  cJSON_Delete(all);
  assert_int_equal(n, 60);
}

// the worked vectors of the specification, written out by hand
static void test_worked_vectors(void **state) {
  (void)state;
  const char *ref = WRAP(BOX), *g = WRAP(G);
  NEAR(score(WRAP("{\"x\":0.6,\"y\":0.5,\"width\":0.2,\"height\":0.2}"), ref), 0.7, 1e-8);
  NEAR(score("<output>{\"x\":0.6,\"y\":0.5,\"width\":0.2,\"height\":0.2}</output>", ref), 0.6,
       1e-8);
  NEAR(score(g, g), 1, 1e-8);
  NEAR(score(WRAP("[[0.15,0.1],[0.25,0.2],[0.35,0.3]]"), g), 0.9814804925, 1e-8);
  NEAR(score(WRAP("[[0.1,0.1],[0.3,0.1],[0.3,0.3]]"), g), 0.9144373198, 1e-8);
  NEAR(score(WRAP("[]"), g), 0.1, 1e-12);
  NEAR(score("no tags", g), 0, 1e-12);
  NEAR(gaze_vla_r1_denominator(), 2.4298702350699477, 1e-15);
  NEAR(eval(WRAP(PRED5), WRAP(REF4), NULL).frechet_norm, 0.0676793471, 1e-8);
}

static void test_metrics(void **state) {
  (void)state;
  gaze_vla_r1_metrics m = measure(WRAP(PRED5), WRAP(REF4));
  assert_false(m.malformed);
  NEAR(m.dfd, 58.3095189485, 1e-8);
  NEAR(m.hd, 58.3095189485, 1e-8);
  NEAR(m.rmse, 26.2482753313, 1e-8);
  NEAR(m.avg, 47.6224377427, 1e-8);
  assert_true(isnan(m.iou));

  m = measure(WRAP("[[0.3,0.3],[0.2,0.2],[0.1,0.1]]"), WRAP(G));
  NEAR(m.dfd, 282.8427124746, 1e-8);
  NEAR(m.hd, 0, 1e-9);
  NEAR(m.rmse, 168.4847078348, 1e-8);

  m = measure("garbage", WRAP(G));
  assert_true(m.malformed);
  NEAR(m.dfd, 1414.21, 0);
  NEAR(m.avg, 1414.21, 1e-9);
  m = measure(WRAP(G), WRAP(BOX));
  assert_true(m.malformed && m.iou == 0 && isnan(m.dfd));
  NEAR(measure(WRAP(BOX), WRAP(BOX)).iou, 100, 1e-10);
  assert_true(measure(WRAP("[]"), WRAP(G)).malformed);
}

static void test_parsing_rules(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double format;
    gaze_vla_r1_kind kind;
  } row[] = {
      {WRAP("{\"x\":NaN,\"y\":0.5,\"width\":0.2,\"height\":0.2}"), 0, GAZE_VLA_R1_INVALID},
      {WRAP("[[Infinity,0.1]]"), 0, GAZE_VLA_R1_INVALID},
      {WRAP("[[1e999,0.1]]"), 1, GAZE_VLA_R1_INVALID},
      {WRAP("[[1e300,0.1]]"), 1, GAZE_VLA_R1_PATH},
      {WRAP("[[\"0.1\",0.1]]"), 1, GAZE_VLA_R1_INVALID},
      {WRAP("[[true,0.1]]"), 1, GAZE_VLA_R1_INVALID},
      {WRAP("[[0.1,0.1,0.1]]"), 1, GAZE_VLA_R1_INVALID},
      {WRAP("[[01,0.1]]"), 0, GAZE_VLA_R1_INVALID},
      {WRAP("[[.5,0.1]]"), 0, GAZE_VLA_R1_INVALID},
      {WRAP("[[0.1,0.1]] done"), 0, GAZE_VLA_R1_INVALID},
      {WRAP("```[[0.1,0.1]]```"), 0, GAZE_VLA_R1_INVALID},
      {WRAP("\v\f [[0.1,0.1]]\r\n"), 1, GAZE_VLA_R1_PATH},
      {WRAP("\xC2\xA0[[0.1,0.1]]"), 0, GAZE_VLA_R1_INVALID},
      {WRAP("null"), 0, GAZE_VLA_R1_INVALID},
      {WRAP("{}"), 1, GAZE_VLA_R1_EMPTY},
      {WRAP(" { } "), 1, GAZE_VLA_R1_EMPTY},
      {WRAP("{\"a\":1}"), 1, GAZE_VLA_R1_INVALID},
      {WRAP("7"), 1, GAZE_VLA_R1_INVALID},
      {WRAP("{\"X\":0.5,\"y\":0.5,\"width\":0.2,\"height\":0.2}"), 1, GAZE_VLA_R1_INVALID},
      {WRAP("{\"x\":9,\"y\":0.5,\"width\":0.2,\"height\":0.2,\"a\":[{}],\"x\":0.5}"), 1,
       GAZE_VLA_R1_BOX},
      {WRAP("{\"x\":0.5,\"y\":0.5,\"width\":0.2,\"height\":0.2,\"x\":null}"), 1,
       GAZE_VLA_R1_INVALID},
      {WRAP("{\"\\u0078\":0.5,\"y\":0.5,\"width\":0.2,\"height\":0.2}"), 1, GAZE_VLA_R1_BOX},
      {"<THINK></Think><OUTPUT>" BOX "</output>", 1, GAZE_VLA_R1_BOX},
      {"<thin\xE2\x84\xAA></thin\xE2\x84\xAA><output>" BOX "</output>", 0, GAZE_VLA_R1_BOX},
      {"<think >t</think ><output>" BOX "</output>", 0, GAZE_VLA_R1_BOX},
      {"<output>" BOX "</output><output>[]</output><think>t</think>", 1, GAZE_VLA_R1_BOX},
      {"<think><output>[]</output></think><output>" BOX "</output>", 1, GAZE_VLA_R1_PATH},
      {"<think>t</think><output>" BOX, 0, GAZE_VLA_R1_INVALID},
      {"", 0, GAZE_VLA_R1_INVALID},
  };
  double point[8][2];
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    gaze_vla_r1_reply r;
    gaze_vla_r1_parse(row[i].text, strlen(row[i].text), point, 8, &r);
    double format = r.json && r.think ? 1 : 0;
    if (r.kind != row[i].kind || format != row[i].format)
      fail_msg("row %zu: kind %d, format %g: %s", i, (int)r.kind, format, row[i].text);
  }
}

// what the weaknesses table says each trick earns, and what is left of it in strict mode
static void test_hacking_probes(void **state) {
  (void)state;
  const char *g = WRAP(G), *ref4 = WRAP(REF4), *box = WRAP(BOX);
  const char *reversed = WRAP("[[0.3,0.3],[0.2,0.2],[0.1,0.1]]");
  const char *constant = WRAP("[[0.4,0.5],[0.5,0.5],[0.6,0.5]]");
  const char *two = WRAP("[[0.1,0.1],[0.3,0.3]]");
  const char *twice = WRAP("[[0.1,0.1],[0.1,0.1],[0.2,0.2],[0.3,0.3]]");
  const char *whole = WRAP("{\"x\":0.5,\"y\":0.5,\"width\":1,\"height\":1}");
  const char *dot = WRAP("{\"x\":0.5,\"y\":0.5,\"width\":0,\"height\":0}");
  const char *nan_box = WRAP("{\"x\":NaN,\"y\":NaN,\"width\":NaN,\"height\":NaN}");
  NEAR(score(reversed, g), 0.6043341021, 1e-8);
  NEAR(score(constant, ref4), 0.830, 5e-4);
  NEAR(score(two, g), 0.9219454339, 1e-8);
  NEAR(score(twice, g), 0.1, 1e-8);
  NEAR(score(whole, box), 0.568, 5e-4);
  NEAR(score(dot, box), 0.55, 5e-4);
  NEAR(score(nan_box, box), 0, 0);

  NEAR(eval(two, g, &strict).score, 0.1, 1e-12);
  NEAR(eval(twice, g, &strict).score, 1, 1e-8);
  NEAR(eval(dot, box, &strict).score, 0.1, 1e-12);
  NEAR(eval(dot, box, &strict).iou, 0, 0);
  NEAR(eval(g, g, &strict).score, 1, 1e-8);
  NEAR(eval(g, twice, &strict).score, 1, 1e-8);  // references are merged too
  const gaze_vla_r1_options sharp = {.sharpen = true};
  NEAR(eval(reversed, g, &sharp).task, 0, 0);
  NEAR(eval(whole, box, &sharp).task, 0, 0);
  NEAR(eval(g, g, &sharp).task, 1, 1e-8);
}

// nothing is there: {} is right and pays in full, and pays nothing where there is a target
static void test_empty(void **state) {
  (void)state;
  const char *none = WRAP("{}"), *box = WRAP(BOX), *path = WRAP(G);
  for (int k = 0; k < 2; k++) {
    const gaze_vla_r1_options *o = k ? &strict : NULL;
    NEAR(eval(none, none, o).score, 1, 0);
    NEAR(eval(none, box, o).score, 0.1, 1e-12);
    NEAR(eval(none, path, o).score, 0.1, 1e-12);
    NEAR(eval(box, none, o).score, 0.1, 1e-12);
    NEAR(eval(path, none, o).score, 0.1, 1e-12);
    NEAR(eval(WRAP("null"), none, o).score, 0, 0);
    assert_true(isnan(eval(none, none, o).iou));
  }
  gaze_vla_r1_metrics m = gaze_vla_r1_measure(none, strlen(none), none, strlen(none));
  assert_true(m.kind == GAZE_VLA_R1_EMPTY && !m.malformed && isnan(m.iou) && isnan(m.avg));
  m = gaze_vla_r1_measure(box, strlen(box), none, strlen(none));
  assert_true(m.malformed && isnan(m.iou));
}

static void test_strict_grammar(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double format;
  } row[] = {
      {" <think>t</think>\n<output>" BOX "</output>\n", 1},
      {"<think> </think><output>" BOX "</output>", 0},
      {"<output>" BOX "</output><think>t</think>", 0},
      {"<think>t</think><output>" BOX "</output> more", 0},
      {"so <think>t</think><output>" BOX "</output>", 0},
      {"<think>t</think> hm <output>" BOX "</output>", 0},
      {"<think>t</think><output>" BOX "</output><output>{}</output>", 0},
      {"<think>a<think>t</think><output>" BOX "</output>", 0},
  };
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    gaze_vla_r1_score s = eval(row[i].text, WRAP(BOX), &strict);
    if (s.format != row[i].format) fail_msg("row %zu: format %g", i, s.format);
    NEAR(eval(row[i].text, WRAP(BOX), NULL).format, 1, 0);
  }
}

// eleven points are too many in strict mode, a ten-point path is not
static void test_strict_points(void **state) {
  (void)state;
  for (int n = 2; n <= 11; n++) {
    gaze_buf b = GAZE_BUF_INIT;
    gaze_buf_str(&b, "<think>t</think><output>[");
    for (int i = 0; i < n; i++) gaze_buf_printf(&b, "%s[%.3f,0.5]", i ? "," : "", 0.05 * (i + 1));
    gaze_buf_str(&b, "]</output>");
    double task = eval(gaze_buf_text(&b), gaze_buf_text(&b), &strict).task;
    NEAR(task, n >= 3 && n <= 10 ? 1 : 0, 1e-8);
    gaze_buf_fini(&b);
  }
}

static void random_path(gaze_rng *r, int n, double (*p)[2]) {
  for (int i = 0; i < n; i++)
    for (int a = 0; a < 2; a++) p[i][a] = gaze_rng_real(r, 0, 1);
}

// bounds, symmetry of the metrics, identity
static void test_properties(void **state) {
  (void)state;
  gaze_rng rng;
  gaze_rng_init(&rng, 5, 0);
  double p[12][2], q[12][2];
  for (int k = 0; k < 300; k++) {
    int n = gaze_rng_int(&rng, 1, 12), m = gaze_rng_int(&rng, 1, 12);
    random_path(&rng, n, p);
    random_path(&rng, m, q);
    const double(*a)[2] = (const double(*)[2])p, (*b)[2] = (const double(*)[2])q;
    double d = gaze_path_dfd(a, n, b, m), h = gaze_path_hausdorff(a, n, b, m);
    NEAR(d, gaze_path_dfd(b, m, a, n), 1e-12);
    NEAR(h, gaze_path_hausdorff(b, m, a, n), 1e-12);
    NEAR(gaze_path_rmse(a, n, b, m), gaze_path_rmse(b, m, a, n), 1e-12);
    double o = gaze_vla_r1_frechet(a, n, b, m, false);
    assert_true(h <= d + 1e-12 && d <= o + 1e-12);  // each looks at more than the one before
    assert_true(gaze_vla_r1_frechet(a, n, b, m, true) <= o);
    NEAR(gaze_vla_r1_frechet(a, n, a, n, false), 0, 1e-7);
    NEAR(gaze_path_rmse(a, n, a, n), 0, 0);
    double iou, giou,
        s[4] = {fmin(p[0][0], q[0][0]), fmin(p[0][1], q[0][1]), fmax(p[0][0], q[0][0]),
                fmax(p[0][1], q[0][1])};
    double t[4] = {0.2, 0.2, 0.7, 0.9};
    gaze_vla_r1_giou(s, t, &iou, &giou);
    assert_true(iou >= 0 && iou <= 1 && giou >= -1 && giou <= iou + 1e-12);
  }
  assert_true(isinf(gaze_path_dfd((const double(*)[2])p, 0, (const double(*)[2])q, 1)));
}

// the two-row programme against the definition, by brute recursion on short paths
static double recursive(const double (*p)[2], int i, const double (*q)[2], int j) {
  double c = hypot(p[i][0] - q[j][0], p[i][1] - q[j][1]);
  if (i == 0 && j == 0) return c;
  double best = INFINITY;
  if (i > 0) best = fmin(best, recursive(p, i - 1, q, j));
  if (j > 0) best = fmin(best, recursive(p, i, q, j - 1));
  if (i > 0 && j > 0) best = fmin(best, recursive(p, i - 1, q, j - 1));
  return fmax(best, c);
}

static void test_frechet_definition(void **state) {
  (void)state;
  gaze_rng rng;
  gaze_rng_init(&rng, 6, 0);
  double p[6][2], q[6][2];
  for (int k = 0; k < 100; k++) {
    int n = gaze_rng_int(&rng, 1, 6), m = gaze_rng_int(&rng, 1, 6);
    random_path(&rng, n, p);
    random_path(&rng, m, q);
    const double(*a)[2] = (const double(*)[2])p, (*b)[2] = (const double(*)[2])q;
    NEAR(gaze_path_dfd(a, n, b, m), recursive(a, n - 1, b, m - 1), 0);
  }
}

static void long_path(gaze_buf *b, int n) {
  gaze_buf_str(b, "<think>t</think><output>[");
  for (int i = 0; i < n; i++) gaze_buf_printf(b, "%s[%.6f,0.5]", i ? "," : "", i / 5000.0);
  gaze_buf_str(b, "]</output>");
}

// 4,096 points are scored, one more is refused; nothing overflows
static void test_limits(void **state) {
  (void)state;
  gaze_buf at = GAZE_BUF_INIT, over = GAZE_BUF_INIT, deep = GAZE_BUF_INIT;
  long_path(&at, GAZE_VLA_R1_POINTS_MAX);
  long_path(&over, GAZE_VLA_R1_POINTS_MAX + 1);
  assert_true(eval(gaze_buf_text(&at), WRAP(G), NULL).task > 0);
  gaze_vla_r1_score s = eval(gaze_buf_text(&over), WRAP(G), NULL);
  NEAR(s.task, 0, 0);
  NEAR(s.format, 1, 0);
  gaze_buf_str(&deep, "<think>t</think><output>");
  for (int i = 0; i < 100000; i++) gaze_buf_str(&deep, "[");
  gaze_buf_str(&deep, "</output>");
  NEAR(score(gaze_buf_text(&deep), WRAP(G)), 0, 0);
  gaze_buf_fini(&at);
  gaze_buf_fini(&over);
  gaze_buf_fini(&deep);
}

static void test_plugin(void **state) {
  (void)state;
  float term[8];
  gaze_outcome o = {.reply = WRAP(G), .reference = WRAP(G)};
  int n = 0;
  while (gaze_reward_vla_r1.terms[n]) n++;
  assert_int_equal(n, 5);
  gaze_reward_vla_r1.eval(&o, term);
  NEAR((double)term[0], 1, 1e-6);
  NEAR((double)term[1], 1, 0);
  assert_true(isnan(term[2]));
  NEAR((double)term[4], 1, 0);
  o.reply = NULL;
  gaze_reward_vla_r1_strict.eval(&o, term);
  assert_true(term[0] == 0 && term[1] == 0 && isnan(term[3]) && term[4] == 0);
  o.reference = NULL;
  gaze_reward_vla_r1.eval(&o, term);
  for (int i = 0; i < 5; i++) assert_true(isnan(term[i]));
}

static void test_extra_terms(void **state) {
  (void)state;
  NEAR(gaze_overlong_penalty(10, 100, 20), 0, 0);
  NEAR(gaze_overlong_penalty(80, 100, 20), 0, 0);
  NEAR(gaze_overlong_penalty(90, 100, 20), -0.5, 1e-12);
  NEAR(gaze_overlong_penalty(101, 100, 20), -1, 0);
  NEAR(gaze_repetition_penalty("a b", 3), 0, 0);
  // 3-grams of "a b c A B C": abc, bca, cab, abc -> 3 of 4 are unique
  NEAR(gaze_repetition_penalty("a b c A B C", 11), -0.25, 1e-12);
  NEAR(gaze_repetition_penalty("x x x x x", 9), -(1 - 1.0 / 3), 1e-12);
  double p[2][2] = {{0, 0}, {0.5, 0.5}}, q[1][2] = {{0.5, 0.6}};
  gaze_vla_r1_reply a = {.point = p, .points = 2}, b = {.point = q, .points = 1};
  NEAR(gaze_vla_r1_endpoint(&a, &b), exp(-1), 1e-12);
  b.points = 0;
  NEAR(gaze_vla_r1_endpoint(&a, &b), 0, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_golden),         cmocka_unit_test(test_worked_vectors),
      cmocka_unit_test(test_metrics),        cmocka_unit_test(test_parsing_rules),
      cmocka_unit_test(test_hacking_probes), cmocka_unit_test(test_empty),
      cmocka_unit_test(test_strict_grammar), cmocka_unit_test(test_strict_points),
      cmocka_unit_test(test_properties),     cmocka_unit_test(test_frechet_definition),
      cmocka_unit_test(test_limits),         cmocka_unit_test(test_plugin),
      cmocka_unit_test(test_extra_terms),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
