// tests/envs/test_truth_json.c - the oracle's view survives JSON, and damaged JSON is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/json.h"
#include "envs/env.h"

static gaze_truth sample(void) {
  gaze_truth t;
  memset(&t, 0, sizeof t);
  t.sufficient = true;
  t.options = 2;
  t.label[0] = GAZE_OPT_ANSWER | GAZE_OPT_CORRECT;
  t.label[1] = GAZE_OPT_GAINING;
  strcpy(t.text[0], "red");
  strcpy(t.text[1], "view left 30");
  strcpy(t.reply, "<think>\n\"a\"\n</think>");
  strcpy(t.known, "viewer 0 25 0 0\n");
  strcpy(t.greedy, "B");
  t.boxes = 1;
  t.box[0] = (gaze_truth_box){.x0 = 0.25f, .y0 = 0.5f, .x1 = 0.75f, .y1 = 1.0f};
  strcpy(t.box[0].name, "large red cube");
  strcpy(t.family, "occlusion");
  strcpy(t.layout, "single_screen");
  strcpy(t.question, "K1");
  strcpy(t.answer, "red");
  t.optimal_steps = 3;
  t.steps_left = -1;
  t.control = true;
  t.has_goal = true;
  t.to_goal[0] = 0.1f, t.to_goal[5] = -3e-9f;
  t.bodies = 2;
  t.body[0] = (gaze_body){.shape = GAZE_SHAPE_CYLINDER, .half = 0.036f, .rot = {1, 0, 0}};
  t.body[0].rgb[1] = 0.5f, t.body[0].pos[2] = -0.036f, t.body[0].rot[8] = 0.25f;
  t.body[1] = (gaze_body){.half = 0.018f, .gone = true};
  t.viewer = (gaze_viewer){.azimuth = -30, .elevation = 25, .pan = 20, .tilt = -15};
  return t;
}

static void test_round_trip(void **state) {
  (void)state;
  gaze_truth t = sample(), back;
  cJSON *j = gaze_truth_to_json(&t);
  assert_non_null(j);
  char *text = cJSON_PrintUnformatted(j);
  cJSON_Delete(j);
  cJSON *again = NULL;
  assert_int_equal(gaze_json_parse(&again, text, strlen(text), "test"), GAZE_OK);
  cJSON_free(text);
  assert_int_equal(gaze_truth_from_json(again, &back), GAZE_OK);
  cJSON_Delete(again);

  assert_true(back.sufficient && back.control);
  assert_int_equal(back.options, 2);
  assert_int_equal(back.label[0], t.label[0]);
  assert_int_equal(back.label[1], t.label[1]);
  assert_string_equal(back.text[1], "view left 30");
  assert_string_equal(back.reply, t.reply);
  assert_string_equal(back.known, t.known);
  assert_string_equal(back.greedy, "B");
  assert_int_equal(back.boxes, 1);
  assert_true(back.box[0].x0 == 0.25f && back.box[0].y0 == 0.5f);
  assert_true(back.box[0].x1 == 0.75f && back.box[0].y1 == 1.0f);
  assert_string_equal(back.box[0].name, "large red cube");
  assert_string_equal(back.family, "occlusion");
  assert_string_equal(back.layout, "single_screen");
  assert_string_equal(back.question, "K1");
  assert_string_equal(back.answer, "red");
  assert_int_equal(back.optimal_steps, 3);
  assert_int_equal(back.steps_left, -1);
  assert_true(back.has_goal);
  assert_memory_equal(back.to_goal, t.to_goal, sizeof t.to_goal);

  // what has no goal of a tool says nothing about one
  t.has_goal = false;
  j = gaze_truth_to_json(&t);
  assert_null(gaze_json_get(j, "to_goal"));
  assert_int_equal(gaze_truth_from_json(j, &back), GAZE_OK);
  cJSON_Delete(j);
  assert_true(!back.has_goal && back.to_goal[0] == 0.0f);
}

// bodies and viewer come back; a truth without a scene has none, and half a scene is refused
static void test_scene(void **state) {
  (void)state;
  gaze_truth t = sample(), back;
  cJSON *j = gaze_truth_to_json(&t);
  assert_int_equal(gaze_truth_from_json(j, &back), GAZE_OK);
  assert_int_equal(back.bodies, 2);
  for (int i = 0; i < 2; i++) {
    const gaze_body *a = &t.body[i], *b = &back.body[i];
    assert_true(a->shape == b->shape && a->gone == b->gone);
    assert_float_equal(a->half, b->half, 1e-6f);
    for (int k = 0; k < 3; k++) assert_float_equal(a->rgb[k], b->rgb[k], 1e-5f);
    for (int k = 0; k < 3; k++) assert_float_equal(a->pos[k], b->pos[k], 1e-5f);
    for (int k = 0; k < 9; k++) assert_float_equal(a->rot[k], b->rot[k], 1e-5f);
  }
  assert_memory_equal(&back.viewer, &t.viewer, sizeof t.viewer);
  cJSON_DeleteItemFromObjectCaseSensitive(j, "viewer");
  assert_int_equal(gaze_truth_from_json(j, &back), GAZE_ERR_FORMAT);
  cJSON_DeleteItemFromObjectCaseSensitive(j, "bodies");
  assert_int_equal(gaze_truth_from_json(j, &back), GAZE_OK);
  assert_int_equal(back.bodies, 0);
  cJSON_Delete(j);
}

// every member is needed, and every one is checked for its type
static void test_members(void **state) {
  (void)state;
  static const char *const key[] = {
      "sufficient", "control",       "family",     "layout",  "question", "answer", "greedy",
      "reply",      "optimal_steps", "steps_left", "options", "boxes",    "known"};
  gaze_truth t = sample(), back;
  for (size_t k = 0; k < sizeof key / sizeof key[0]; k++) {
    cJSON *j = gaze_truth_to_json(&t);
    cJSON_DeleteItemFromObjectCaseSensitive(j, key[k]);
    assert_int_equal(gaze_truth_from_json(j, &back), GAZE_ERR_FORMAT);
    assert_non_null(strstr(gaze_err_detail(), key[k]));
    cJSON_AddNullToObject(j, key[k]);
    assert_int_equal(gaze_truth_from_json(j, &back), GAZE_ERR_FORMAT);
    assert_int_equal(back.options, 0);  // nothing half-read is left
    cJSON_Delete(j);
  }
  assert_int_equal(gaze_truth_from_json(NULL, &back), GAZE_ERR_FORMAT);
}

static void expect_refused(const char *from, const char *to) {
  gaze_truth t = sample(), back;
  cJSON *j = gaze_truth_to_json(&t), *changed = NULL;
  char *text = cJSON_PrintUnformatted(j), *at = strstr(text, from);
  cJSON_Delete(j);
  assert_non_null(at);
  char out[8192];
  int n = snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
  cJSON_free(text);
  assert_true(n > 0 && n < (int)sizeof out);
  assert_int_equal(gaze_json_parse(&changed, out, (size_t)n, "test"), GAZE_OK);
  assert_int_equal(gaze_truth_from_json(changed, &back), GAZE_ERR_FORMAT);
  cJSON_Delete(changed);
}

static void test_limits(void **state) {
  (void)state;
  char name[80] = "\"", many[600] = "\"boxes\":[", known[4100] = "\"";
  memset(name + 1, 'x', 64);
  strcpy(name + 65, "\"");
  expect_refused("\"view left 30\"", name);    // 64 bytes where 63 fit
  expect_refused("\"large red cube\"", name);  // 48-byte field
  memset(known + 1, 'x', 4096);
  strcpy(known + 4097, "\"");
  expect_refused("\"viewer 0 25 0 0\\n\"", known);  // 4096 bytes where 4095 fit
  expect_refused("\"label\":4", "\"label\":16");
  expect_refused("\"label\":4", "\"label\":-1");
  expect_refused("\"label\":4", "\"label\":1.5");
  expect_refused("[0.25,0.5,0.75,1]", "[0.25,0.5,0.75]");
  expect_refused("[0.25,0.5,0.75,1]", "[0.25,0.5,0.75,1,1]");
  expect_refused("[0.25,0.5,0.75,1]", "[0.25,0.5,0.75,1e40]");
  expect_refused("[0.25,0.5,0.75,1]", "[0.25,0.5,0.75,\"1\"]");
  expect_refused("\"optimal_steps\":3", "\"optimal_steps\":99999");
  expect_refused("\"to_goal\":[", "\"to_goal\":[0,");
  expect_refused("\"to_goal\":[", "\"to_goal\":[],\"was\":[");
  expect_refused("\"to_goal\":[", "\"to_goal\":[true,0,0,0,0,0],\"was\":[");
  expect_refused("\"to_goal\":[", "\"to_goal\":1,\"was\":[");
  expect_refused("\"viewer\":[-30", "\"viewer\":[0,-30");
  expect_refused("\"bodies\":[[2", "\"bodies\":[[3");
  expect_refused("\"bodies\":[[2", "\"bodies\":[[0.5");
  expect_refused("\"bodies\":[[2", "\"bodies\":[[]],\"was\":[[2");
  expect_refused("\"bodies\":[[2", "\"bodies\":[1,[2");
  expect_refused("\"bodies\":[", "\"bodies\":[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],");
  for (int i = 0; i < GAZE_BOXES_MAX; i++) strcat(many, "{},");
  expect_refused("\"boxes\":[", many);  // 33 boxes
}

static void test_bad_counts_are_not_written(void **state) {
  (void)state;
  gaze_truth t = sample();
  t.options = GAZE_OPTIONS_MAX + 1;
  assert_null(gaze_truth_to_json(&t));
  t.options = 1;
  t.boxes = -1;
  assert_null(gaze_truth_to_json(&t));
  t.boxes = 1, t.bodies = GAZE_SCENE_BODIES_MAX + 1;
  assert_null(gaze_truth_to_json(&t));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_scene),
      cmocka_unit_test(test_members),
      cmocka_unit_test(test_limits),
      cmocka_unit_test(test_bad_counts_are_not_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
