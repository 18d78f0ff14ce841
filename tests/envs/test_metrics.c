// tests/envs/test_metrics.c - the figures of a hand-computed table of episodes.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/json.h"
#include "envs/avr/metrics.h"

static gaze_truth truth(const char *family, const char *question, bool control, int optimal) {
  gaze_truth t;
  memset(&t, 0, sizeof t);
  snprintf(t.family, sizeof t.family, "%s", family);
  snprintf(t.question, sizeof t.question, "%s", question);
  t.control = control;
  t.optimal_steps = optimal;
  t.options = 3;
  strcpy(t.text[0], "red");
  strcpy(t.text[1], "view left 30");
  strcpy(t.text[2], "pick large red cube");
  return t;
}

static gaze_outcome act(bool sure, int choice, bool gaining, bool useful, const char *status) {
  return (gaze_outcome){.format = true,
                        .choice = choice,
                        .action = true,
                        .status = status,
                        .sufficient_before = sure,
                        .gaining = gaining,
                        .useful = useful};
}

static gaze_outcome answer(bool sure, bool correct) {
  return (gaze_outcome){.format = true,
                        .choice = 0,
                        .answered = true,
                        .correct = correct,
                        .terminated = true,
                        .status = "ok",
                        .sufficient_before = sure};
}

static gaze_outcome invalid(bool sure) {
  return (gaze_outcome){.choice = -1, .status = "invalid", .sufficient_before = sure};
}

static void add(gaze_avr_tally *t, const gaze_truth *first, const gaze_outcome *step, int n) {
  gaze_avr_record r;
  gaze_avr_record_begin(&r, first);
  for (int i = 0; i < n; i++) gaze_avr_record_step(&r, first, &step[i]);
  assert_int_equal(gaze_avr_tally_add(t, &r), GAZE_OK);
}

// four main episodes and one control, every term computed by hand below
static gaze_avr_tally table(void) {
  gaze_avr_tally t = GAZE_AVR_TALLY_INIT;
  gaze_truth a = truth("occlusion", "K1", false, 2), b = truth("occlusion", "Q2", false, 1);
  gaze_truth c = truth("stack", "K2", false, 1), d = truth("stack", "K2", false, 2);
  gaze_truth e = truth("stack", "K2", true, 0);

  // A: three actions, two gain, one pick slips, then right and sure: igr 2/3, excess 1, spl 2/3
  gaze_outcome one[] = {act(false, 1, true, true, "ok"), act(false, 2, false, true, "slipped"),
                        act(false, 2, true, true, "ok"), answer(true, true)};
  // B: right at once, but not sure: premature, counts only ungated
  gaze_outcome two[] = {answer(false, true)};
  // C: one gaining action, one more although sure, right: igr 1/2, excess 1, spl 1/2
  gaze_outcome three[] = {act(false, 1, true, true, "ok"), act(true, 1, false, false, "ok"),
                          answer(true, true)};
  // D: invalid first, one useless action, wrong and not sure
  gaze_outcome four[] = {invalid(false), act(false, 1, false, false, "blocked"),
                         answer(false, false)};
  // E: control, sufficient at the start, answered at once
  gaze_outcome five[] = {answer(true, true)};
  add(&t, &a, one, 4);
  add(&t, &b, two, 1);
  add(&t, &c, three, 3);
  add(&t, &d, four, 3);
  add(&t, &e, five, 1);
  return t;
}

static void near(double a, double b) {
  if (!(fabs(a - b) < 1e-9)) fail_msg("%.12g is not %.12g", a, b);
}

static void test_figures(void **state) {
  (void)state;
  gaze_avr_tally t = table();
  gaze_avr_figures f = gaze_avr_tally_figures(&t, NULL, NULL);
  assert_int_equal(f.episodes, 5);
  assert_int_equal(f.main, 4);
  near(f.isj_main, 50.0);  // A and C act first; B answers, D is invalid
  near(f.isj, 75.0);       // mean of 2/4 and 1/1
  near(f.igr, 100.0 * (2.0 / 3 + 0 + 0.5 + 0) / 4);
  near(f.igr_acting, 100.0 * (2.0 / 3 + 0.5 + 0) / 3);
  near(f.igr_pooled, 100.0 * 3 / (6 + 4));  // A 3, C 2, D 1 actions; four answers
  near(f.useful, 100.0 * 4 / 6);
  near(f.fa, 50.0);
  near(f.fa_ungated, 75.0);
  near(f.steps_mean, 6.0 / 4);
  near(f.excess, 1.0);
  near(f.spl, 100.0 * (2.0 / 3 + 0.5) / 4);
  near(f.premature, 50.0);
  near(f.over_exploring, 25.0);
  near(f.execution, 50.0);  // two picks, one ok
  near(f.format, 100.0 * 10 / 11);
  gaze_avr_tally_fini(&t);
}

static void test_groups(void **state) {
  (void)state;
  gaze_avr_tally t = table();
  gaze_avr_figures stack = gaze_avr_tally_figures(&t, "stack", NULL);
  assert_int_equal(stack.episodes, 3);
  assert_int_equal(stack.main, 2);
  near(stack.isj, 75.0);  // mean of 1/2 and 1/1
  near(stack.fa, 50.0);
  gaze_avr_figures q2 = gaze_avr_tally_figures(&t, NULL, "Q2");
  assert_int_equal(q2.main, 1);
  near(q2.fa, 0.0);
  assert_true(isnan(q2.igr_acting) && isnan(q2.excess) && isnan(q2.execution));
  gaze_avr_figures none = gaze_avr_tally_figures(&t, "composite", NULL);
  assert_int_equal(none.episodes, 0);
  assert_true(isnan(none.isj) && isnan(none.igr));
  gaze_avr_tally_fini(&t);
}

static double number(const cJSON *j, const char *key) {
  double v = NAN;
  assert_int_equal(gaze_json_num(j, key, &v, "test"), GAZE_OK);
  return v;
}

static void test_json(void **state) {
  (void)state;
  gaze_avr_tally t = table();
  gaze_buf b = GAZE_BUF_INIT, again = GAZE_BUF_INIT;
  gaze_avr_report report = {.env = "avr", .policy = "oracle", .seed = 2000000, .seconds = 4.0};
  assert_int_equal(gaze_avr_tally_json(&t, &report, &b), GAZE_OK);
  assert_int_equal(gaze_avr_tally_json(&t, &report, &again), GAZE_OK);
  assert_string_equal(b.data, again.data);
  cJSON *j = NULL;
  assert_int_equal(gaze_json_parse(&j, b.data, b.len, "test"), GAZE_OK);

  static const char *const order[] = {
      "env",    "policy",  "episodes",        "seed",       "isj", "isj_main",  "igr",
      "useful", "fa",      "fa_ungated",      "steps_mean", "spl", "by_family", "by_question",
      "ci95",   "seconds", "decisions_per_s", "more"};
  int k = 0;
  for (const cJSON *i = j->child; i; i = i->next) assert_string_equal(i->string, order[k++]);
  assert_int_equal(k, 18);
  near(number(j, "episodes"), 5);
  near(number(j, "seed"), 2000000);
  near(number(j, "isj"), 75);
  near(number(j, "decisions_per_s"), 3);  // 4+1+3+3+1 decisions in 4 s
  const cJSON *family = gaze_json_get(j, "by_family");
  assert_string_equal(family->child->string, "occlusion");
  near(number(gaze_json_get(family, "stack"), "fa"), 50);
  assert_int_equal(cJSON_GetArraySize(gaze_json_get(j, "by_question")), 3);

  // every interval holds its figure
  const cJSON *ci = gaze_json_get(j, "ci95");
  assert_int_equal(cJSON_GetArraySize(ci), 8);
  for (const cJSON *i = ci->child; i; i = i->next) {
    double lo = cJSON_GetArrayItem(i, 0)->valuedouble, hi = cJSON_GetArrayItem(i, 1)->valuedouble;
    double v = number(j, i->string);
    assert_true(lo <= v + 1e-9 && v <= hi + 1e-9 && lo < hi);
  }
  // Wilson of 2 of 4: 50 +- 35.00
  const cJSON *fa = gaze_json_get(ci, "fa");
  assert_true(fabs(cJSON_GetArrayItem(fa, 0)->valuedouble - 15.0036) < 1e-3);
  assert_true(fabs(cJSON_GetArrayItem(fa, 1)->valuedouble - 84.9964) < 1e-3);
  cJSON_Delete(j);
  gaze_buf_fini(&b);
  gaze_buf_fini(&again);
  gaze_avr_tally_fini(&t);
}

static void test_empty_json(void **state) {
  (void)state;
  gaze_avr_tally t = GAZE_AVR_TALLY_INIT;
  gaze_buf b = GAZE_BUF_INIT;
  gaze_avr_report report = {.env = "avr", .policy = "\"odd\"", .seconds = 0.0};
  assert_int_equal(gaze_avr_tally_json(&t, &report, &b), GAZE_OK);
  cJSON *j = NULL;
  assert_int_equal(gaze_json_parse(&j, b.data, b.len, "test"), GAZE_OK);
  assert_true(cJSON_IsNull(gaze_json_get(j, "isj")));
  assert_true(cJSON_IsNull(gaze_json_get(j, "decisions_per_s")));
  cJSON_Delete(j);
  gaze_buf_fini(&b);
}

// always-act scores every insufficient start and no sufficient one: balance shows it
static void test_balance(void **state) {
  (void)state;
  gaze_avr_tally t = GAZE_AVR_TALLY_INIT;
  gaze_truth hidden = truth("stack", "K1", false, 1), clear = truth("stack", "K1", true, 0);
  gaze_outcome early[] = {act(false, 1, false, false, "ok")},
               late[] = {act(true, 1, false, false, "ok")};
  for (int i = 0; i < 9; i++) add(&t, &hidden, early, 1);
  add(&t, &clear, late, 1);
  gaze_avr_figures f = gaze_avr_tally_figures(&t, NULL, NULL);
  near(f.isj_main, 100.0);
  near(f.isj, 50.0);
  gaze_avr_tally_fini(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_figures), cmocka_unit_test(test_groups),
      cmocka_unit_test(test_json),    cmocka_unit_test(test_empty_json),
      cmocka_unit_test(test_balance),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
