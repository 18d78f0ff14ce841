// tests/policies/test_vla.c - the model as a policy: reproducible, really fed by the picture, and
// able to go on when its context is full.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "nn/vision_input.h"
#include "policies/policy.h"

#define MODEL GAZE_SOURCE_DIR "/tests/golden/qwen2_5_vl/tiny-a"

static gaze_cfg *settings(int context, int max_new) {
  gaze_cfg *c;
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  gaze_cfg_set_str(c, "model", MODEL);
  gaze_cfg_set_num(c, "threads", 1);
  gaze_cfg_set_num(c, "context", context);
  gaze_cfg_set_num(c, "max_new", max_new);
  return c;
}

static void paint(gaze_image *im, int seed) {
  for (int i = 0; i < im->w * im->h * 3; i++) im->rgb[i] = (uint8_t)(i * (7 + seed) + seed * 50);
}

// plays `turns` turns and returns the concatenated replies
static char *play(const gaze_policy *p, const gaze_cfg *cfg, int turns, int picture) {
  void *self = NULL;
  gaze_image im = {.rgb = malloc(56 * 56 * 3), .w = 56, .h = 56};
  gaze_buf all = GAZE_BUF_INIT;
  assert_int_equal(p->open(&self, cfg), GAZE_OK);
  assert_int_equal(p->reset(self, 3), GAZE_OK);
  for (int t = 0; t < turns; t++) {
    paint(&im, picture + t);
    const gaze_obs obs = {
        .image = &im, .images = 1, .text = "look\n<image>\nsay", .turn = (uint32_t)t};
    gaze_act act = {0};
    gaze_trace trace = {0};
    assert_int_equal(p->act(self, &obs, &act, &trace), GAZE_OK);
    assert_true(trace.n > 0 && trace.ids != NULL);
    gaze_buf_printf(&all, "%s|", act.text);
  }
  p->close(&self);
  free(im.rgb);
  return all.data;
}

static void test_reproducible_and_seeing(void **state) {
  (void)state;
  gaze_cfg *c = settings(2048, 12);
  char *a = play(&gaze_policy_vla, c, 3, 0), *b = play(&gaze_policy_vla, c, 3, 0);
  char *other = play(&gaze_policy_vla, c, 3, 1);
  char *blind = play(&gaze_policy_blind, c, 3, 0), *blind_other = play(&gaze_policy_blind, c, 3, 1);
  assert_string_equal(a, b);
  assert_string_not_equal(a, other);        // another picture, another reply
  assert_string_equal(blind, blind_other);  // the blind policy cannot tell
  assert_string_not_equal(a, blind);
  free(a);
  free(b);
  free(other);
  free(blind);
  free(blind_other);
  gaze_cfg_close(&c);
}

// what it is told it said is what it remembers: its next reply depends on that
static void test_said(void **state) {
  (void)state;
  gaze_cfg *c = settings(2048, 12);
  uint8_t rgb[56 * 56 * 3] = {0};
  const gaze_image im = {.rgb = rgb, .w = 56, .h = 56};
  static const char *const said[] = {"<answer>B</answer>", "<answer>B</answer>", NULL};
  char *second[3];
  for (int k = 0; k < 3; k++) {
    void *self = NULL;
    gaze_act act = {0};
    gaze_obs obs = {.image = &im, .images = 1, .text = "look\n<image>\nsay"};
    assert_int_equal(gaze_policy_vla.open(&self, c), GAZE_OK);
    assert_int_equal(gaze_policy_vla.reset(self, 3), GAZE_OK);
    assert_int_equal(gaze_policy_vla.act(self, &obs, &act, NULL), GAZE_OK);
    if (said[k]) assert_int_equal(gaze_policy_vla.said(self, said[k]), GAZE_OK);
    obs.turn = 1;
    assert_int_equal(gaze_policy_vla.act(self, &obs, &act, NULL), GAZE_OK);
    second[k] = strdup(act.text);
    gaze_policy_vla.close(&self);
  }
  assert_string_equal(second[0], second[1]);
  assert_string_not_equal(second[0], second[2]);
  for (int k = 0; k < 3; k++) free(second[k]);
  gaze_cfg_close(&c);
}

static void test_full_context(void **state) {
  (void)state;
  // a turn takes about 50 tokens with its reply: ten turns do not fit into 128
  gaze_cfg *c = settings(128, 12);
  char *a = play(&gaze_policy_vla, c, 10, 0);
  int turns = 0;
  for (const char *s = a; (s = strchr(s, '|')) != NULL; s++) turns++;
  assert_true(turns >= 10);
  free(a);
  gaze_cfg_close(&c);
}

// the side asked for by a model folder whose processor has these limits
static int asked(const char *dir, long min_pixels, long max_pixels) {
  char path[GAZE_DIR_TEMP_MAX + 32];
  snprintf(path, sizeof path, "%s/preprocessor_config.json", dir);
  gaze_processor p;
  assert_int_equal(gaze_processor_load(&p, MODEL "/preprocessor_config.json"), GAZE_OK);
  p.min_pixels = min_pixels, p.max_pixels = max_pixels;
  assert_int_equal(gaze_processor_save(&p, path), GAZE_OK);
  gaze_cfg *c = settings(256, 1);
  gaze_cfg_set_str(c, "model", dir);
  int px = -1;
  assert_int_equal(gaze_policy_vla.image_size(c, &px), GAZE_OK);
  gaze_cfg_close(&c);
  return px;
}

static void test_image_size(void **state) {
  (void)state;
  char dir[GAZE_DIR_TEMP_MAX];
  assert_int_equal(gaze_dir_temp(dir), GAZE_OK);
  assert_int_equal(asked(dir, 336 * 336, 336 * 336), 336);
  assert_int_equal(asked(dir, 3136, 336 * 336), 0);       // any size will do
  assert_int_equal(asked(dir, 336 * 337, 336 * 337), 0);  // not a square
  gaze_dir_remove(dir);
  gaze_cfg *c = settings(256, 1);
  int px;
  gaze_cfg_set_str(c, "model", dir);  // gone
  assert_int_not_equal(gaze_policy_blind.image_size(c, &px), GAZE_OK);
  gaze_cfg_close(&c);
}

static void test_bad_settings(void **state) {
  (void)state;
  void *self = NULL;
  gaze_cfg *c = settings(128, 12);
  gaze_cfg_set_str(c, "weights", "int3");
  assert_int_equal(gaze_policy_vla.open(&self, c), GAZE_ERR_ARG);
  assert_null(self);
  gaze_cfg_set_str(c, "weights", "int8");
  gaze_cfg_set_str(c, "model", "/nowhere");
  assert_int_not_equal(gaze_policy_vla.open(&self, c), GAZE_OK);
  assert_null(self);
  gaze_cfg_close(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reproducible_and_seeing),
      cmocka_unit_test(test_said),
      cmocka_unit_test(test_full_context),
      cmocka_unit_test(test_image_size),
      cmocka_unit_test(test_bad_settings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
