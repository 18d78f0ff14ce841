// tests/envs/test_embodied.c - figures of embodied tasks from episodes counted by hand.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "core/json.h"
#include "envs/embodied.h"

// panda7: 6 actions, one chunk blocked, reached; ur5e6: out of time 0.2 m off, then a fault
static void three(gaze_embodied_record r[3]) {
  gaze_truth t = {.layout = "panda7"};
  gaze_embodied_begin(&r[0], &t);
  gaze_outcome o = {.status = "blocked", .steps = 2, .max_steps = 50, .clipped = 1, .goal_dist = 1};
  gaze_embodied_step(&r[0], &o);
  o = (gaze_outcome){.status = "ok", .steps = 4, .max_steps = 50, .goal_dist = 0.01f};
  o.terminated = o.correct = true;
  gaze_embodied_step(&r[0], &o);
  strcpy(t.layout, "ur5e6");
  gaze_embodied_begin(&r[1], &t);
  o = (gaze_outcome){.status = "timeout", .steps = 5, .max_steps = 50, .goal_dist = 0.2f};
  o.truncated = true;
  gaze_embodied_step(&r[1], &o);
  gaze_embodied_begin(&r[2], &t);
  o.status = "fault", o.steps = 1, o.goal_dist = 0.3f, o.clipped = 1;
  gaze_embodied_step(&r[2], &o);
}

static void close_to(double is, double want) {
  assert_true(fabs(is - want) < 1e-5);
}

static void test_figures(void **state) {
  (void)state;
  gaze_embodied_record r[3];
  three(r);
  gaze_embodied_figures f = gaze_embodied_sum(r, 3, NULL);
  assert_int_equal(f.episodes, 3);
  close_to(f.success, 100.0 / 3);
  close_to(f.steps_mean, 6);
  close_to(f.dist_mean, 0.51 / 3);
  close_to(f.clipped, 100.0 * 2 / 12);
  close_to(f.blocked, 25);
  close_to(f.timeout, 100.0 / 3);
  close_to(f.fault, 100.0 / 3);
  f = gaze_embodied_sum(r, 3, "ur5e6");
  assert_int_equal(f.episodes, 2);
  assert_true(f.success == 0.0 && isnan(f.steps_mean));
  assert_true(isnan(gaze_embodied_sum(r, 0, NULL).success));
}

static double number(const cJSON *j, const char *a, const char *b) {
  const cJSON *v = gaze_json_get(j, a);
  if (b) v = gaze_json_get(v, b);
  assert_true(cJSON_IsNumber(v));
  return v->valuedouble;
}

static void test_json(void **state) {
  (void)state;
  gaze_embodied_record r[3];
  three(r);
  const gaze_embodied_report about = {.env = "reach", .policy = "servo", .seed = 9, .seconds = 2.0};
  for (int n = 0; n <= 3; n += 3) {
    gaze_buf b = GAZE_BUF_INIT;
    cJSON *j = NULL;
    assert_int_equal(gaze_embodied_json(r, n, &about, &b), GAZE_OK);
    assert_int_equal(gaze_json_parse(&j, b.data, b.len, "test"), GAZE_OK);
    static const char *const empty[] = {"iou", "dfd", "hd", "rmse", "avg"};
    for (int i = 0; i < 5; i++) assert_true(cJSON_IsNull(gaze_json_get(j, empty[i])));
    close_to(number(j, "episodes", NULL), n);
    close_to(number(j, "seed", NULL), 9);
    if (n == 0) assert_true(cJSON_IsNull(gaze_json_get(j, "success")));
    if (n == 3) {
      assert_true(fabs(number(j, "success", NULL) - 100.0 / 3) < 1e-3);
      close_to(number(j, "decisions_per_s", NULL), 2);
      close_to(number(gaze_json_get(j, "by_robot"), "panda7", "success"), 100);
      close_to(number(gaze_json_get(j, "by_robot"), "ur5e6", "episodes"), 2);
      const cJSON *ci = gaze_json_get(gaze_json_get(j, "ci95"), "success");
      assert_int_equal(cJSON_GetArraySize(ci), 2);
      assert_true(ci->child->valuedouble > 5 && ci->child->next->valuedouble < 80);
      close_to(number(j, "more", "steps_per_s"), 6);
    }
    cJSON_Delete(j);
    gaze_buf_fini(&b);
  }
}

// A box of IoU 1/3, a perfect one, no box at all, nothing where nothing is, and the path of
// vla_r1.md section 4.
static void replies(gaze_embodied_record r[5]) {
#define WRAP(payload) "<think>t</think><output>" payload "</output>"
  static const char *const box = WRAP("{\"x\": 0.5, \"y\": 0.5, \"width\": 0.2, \"height\": 0.2}");
  static const struct {
    const char *reply, *reference, *status;
    bool right;
  } row[5] = {
      {WRAP("{\"x\": 0.6, \"y\": 0.5, \"width\": 0.2, \"height\": 0.2}"), NULL, "ok", false},
      {NULL, NULL, "ok", true},
      {"nothing", NULL, "invalid", false},
      {WRAP("{}"), WRAP("{}"), "ok", true},
      {WRAP("[[0.10,0.42],[0.22,0.36],[0.36,0.30],[0.50,0.33],[0.58,0.40]]"),
       WRAP("[[0.12,0.40],[0.25,0.33],[0.41,0.30],[0.55,0.36]]"), "blocked", false},
  };
  const gaze_truth t = {.layout = "ur5e6"};
  for (int i = 0; i < 5; i++) {
    gaze_embodied_begin(&r[i], &t);
    const gaze_outcome o = {.terminated = true,
                            .correct = row[i].right,
                            .status = row[i].status,
                            .goal_dist = 0.2f,
                            .reply = row[i].reply ? row[i].reply : box,
                            .reference = row[i].reference ? row[i].reference : box};
    gaze_embodied_step(&r[i], &o);
  }
#undef WRAP
}

static void test_replies(void **state) {
  (void)state;
  gaze_embodied_record r[5];
  replies(r);
  const gaze_embodied_figures f = gaze_embodied_sum(r, 5, NULL);
  close_to(f.success, 40);
  close_to(f.metric[GAZE_EMBODIED_IOU], 100.0 * (1.0 / 3 + 1) / 3);
  close_to(f.well[GAZE_EMBODIED_IOU], 100.0 * (1.0 / 3 + 1) / 2);
  close_to(f.metric[GAZE_EMBODIED_DFD], 58.3095189485);
  close_to(f.metric[GAZE_EMBODIED_HD], 58.3095189485);
  close_to(f.metric[GAZE_EMBODIED_RMSE], 26.2482753313);
  close_to(f.metric[GAZE_EMBODIED_AVG], 47.6224377427);
  close_to(f.malformed, 20);
  close_to(f.dist_mean, 0.2);  // of the path
  close_to(f.blocked, 20);
  assert_true(isnan(f.steps_mean) && isnan(f.clipped));

  const gaze_embodied_report about = {.env = "affordance", .policy = "vla", .seconds = 1.0};
  gaze_buf b = GAZE_BUF_INIT;
  cJSON *j = NULL;
  assert_int_equal(gaze_embodied_json(r, 5, &about, &b), GAZE_OK);
  assert_int_equal(gaze_json_parse(&j, b.data, b.len, "test"), GAZE_OK);
  assert_true(fabs(number(j, "iou", NULL) - 400.0 / 9) < 1e-3);
  assert_true(fabs(number(j, "avg", NULL) - 47.6224) < 1e-3);
  const cJSON *more = gaze_json_get(j, "more"), *ci = gaze_json_get(j, "ci95");
  assert_true(fabs(number(more, "iou_wellformed", NULL) - 200.0 / 3) < 1e-3);
  close_to(number(more, "malformed", NULL), 20);
  const cJSON *failures = gaze_json_get(more, "failures");
  assert_int_equal(cJSON_GetArraySize(failures), 3);
  close_to(number(failures, "blocked", NULL), 1);
  close_to(number(failures, "invalid", NULL), 1);
  close_to(number(failures, "ok", NULL), 1);
  const cJSON *iou = gaze_json_get(ci, "iou");
  assert_true(iou->child->valuedouble >= 0 && iou->child->valuedouble < 44);
  assert_true(iou->child->next->valuedouble > 45 && iou->child->next->valuedouble <= 100);
  assert_true(fabs(number(gaze_json_get(j, "by_robot"), "ur5e6", "dfd") - 58.3095) < 1e-3);
  cJSON_Delete(j);
  gaze_buf_fini(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_figures),
      cmocka_unit_test(test_json),
      cmocka_unit_test(test_replies),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
