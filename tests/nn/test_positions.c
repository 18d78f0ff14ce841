// tests/nn/test_positions.c - image tokens, expansion and M-RoPE positions, by hand.
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka after the headers it needs
#include <cmocka.h>
#include "fixture_golden.h"

enum { IMG = 7 };

static void by_hand(void **state) {
  (void)state;
  gaze_model_config c = {.image_token = IMG};
  const int ids[] = {1, 2, IMG, IMG, IMG, IMG, IMG, IMG, 3, IMG, 4};
  const int grid[2][2] = {{2, 3}, {1, 1}};
  int pos[33], next = 5;
  // 5 6 | image at 7: rows 7 7 7 8 8 8, columns 7 8 9 7 8 9 | 7 + max(2,3) = 10 | 11 | 12
  const int t[] = {5, 6, 7, 7, 7, 7, 7, 7, 10, 11, 12};
  const int h[] = {5, 6, 7, 7, 7, 8, 8, 8, 10, 11, 12};
  const int w[] = {5, 6, 7, 8, 9, 7, 8, 9, 10, 11, 12};
  fx_ok(gaze_model_positions(&c, ids, 11, grid, 2, pos, &next));
  assert_memory_equal(pos, t, sizeof t);
  assert_memory_equal(pos + 11, h, sizeof h);
  assert_memory_equal(pos + 22, w, sizeof w);
  assert_int_equal(next, 13);
}

static void adjacent_images(void **state) {
  (void)state;
  gaze_model_config c = {.image_token = IMG};
  const int ids[] = {IMG, IMG, IMG};
  const int grid[2][2] = {{1, 2}, {1, 1}};
  int pos[9], next = 0;
  const int want[] = {0, 0, 2, 0, 0, 2, 0, 1, 2};
  fx_ok(gaze_model_positions(&c, ids, 3, grid, 2, pos, &next));
  assert_memory_equal(pos, want, sizeof want);
  assert_int_equal(next, 3);
}

static void refused(void **state) {
  (void)state;
  gaze_model_config c = {.image_token = IMG};
  const int ids[] = {1, IMG, IMG, 2};
  int pos[12], next = 0;
  const int wrong[][2] = {{1, 3}}, none[][2] = {{0, 2}}, two[][2] = {{1, 2}, {1, 1}};
  const int huge[][2] = {{INT_MAX, INT_MAX}}, fit[][2] = {{1, 2}};
  assert_int_equal(gaze_model_positions(&c, ids, 4, NULL, 0, pos, &next), GAZE_ERR_ARG);
  assert_int_equal(gaze_model_positions(&c, ids, 4, wrong, 1, pos, &next), GAZE_ERR_ARG);
  assert_int_equal(gaze_model_positions(&c, ids, 4, none, 1, pos, &next), GAZE_ERR_ARG);
  assert_int_equal(gaze_model_positions(&c, ids, 4, two, 2, pos, &next), GAZE_ERR_ARG);
  assert_int_equal(gaze_model_positions(&c, ids, 4, huge, 1, pos, &next), GAZE_ERR_ARG);
  assert_int_equal(gaze_model_positions(&c, ids, 2, fit, 1, pos, &next), GAZE_ERR_ARG);
  assert_int_equal(next, 0);
  next = INT_MAX;
  assert_int_equal(gaze_model_positions(&c, ids, 4, fit, 1, pos, &next), GAZE_ERR_RANGE);
}

static void expansion(void **state) {
  (void)state;
  gaze_model *m = fx_model("tiny-a", GAZE_F32);
  int img = gaze_model_cfg(m)->image_token, n = 0;
  const int ids[] = {5, img, 6, img};
  // 140x84 pixels are 5 x 3 cells; 30x45 grows to the smallest size, 2 x 3 cells
  gaze_image images[2] = {{.w = 140, .h = 84}, {.w = 45, .h = 30}};
  gaze_ids out = {0};
  fx_ok(gaze_model_image_tokens(m, 84, 140, &n));
  assert_int_equal(n, 15);
  fx_ok(gaze_model_expand(m, ids, 4, images, 2, &out));
  assert_int_equal(out.n, 1 + 15 + 1 + 6);
  assert_int_equal(out.v[0], 5);
  assert_int_equal(out.v[1], img);
  assert_int_equal(out.v[15], img);
  assert_int_equal(out.v[16], 6);
  assert_int_equal(out.v[22], img);
  assert_int_equal(gaze_model_expand(m, ids, 4, images, 1, &out), GAZE_ERR_ARG);
  assert_int_equal(gaze_model_expand(m, ids, 1, images, 1, &out), GAZE_ERR_ARG);
  assert_int_equal(gaze_model_image_tokens(m, 1, 201, &n), GAZE_ERR_RANGE);
  assert_int_equal(gaze_model_image_tokens(m, 0, 10, &n), GAZE_ERR_RANGE);
  assert_int_equal(gaze_model_image_tokens(m, -4, 10, &n), GAZE_ERR_RANGE);
  gaze_ids_fini(&out);
  gaze_model_close(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(by_hand),
      cmocka_unit_test(adjacent_images),
      cmocka_unit_test(refused),
      cmocka_unit_test(expansion),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
