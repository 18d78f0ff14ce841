// tests/nn/test_vision_plan.c - window order and rotary tables against the reference's own.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka after the headers it needs
#include <cmocka.h>
#include "fixture_golden.h"
#include "nn/nn_internal.h"

static void config(gaze_model_config *c, const char *model) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s/config.json", FX_GOLDEN, model);
  fx_ok(gaze_model_config_load(c, path));
}

// the reference permutes cells of patches; ours permutes patches at once
static void same_order(const gazei_vision_plan *p, const gaze_st *st) {
  const int *index = fx_i32(st, "vision.window_index", p->cells);
  const int *windows = fx_i32(st, "vision.cu_window_seqlens", p->windows + 1);
  const int *images = fx_i32(st, "vision.cu_seqlens", p->images + 1);
  assert_memory_equal(p->cell_at, index, (size_t)p->cells * sizeof(int));
  assert_memory_equal(p->window, windows, ((size_t)p->windows + 1) * sizeof(int));
  assert_memory_equal(p->image, images, ((size_t)p->images + 1) * sizeof(int));
  for (int i = 0; i < p->patches; i++) assert_int_equal(p->patch_at[i], index[i / 4] * 4 + i % 4);
}

static void same_tables(const gazei_vision_plan *p, const gaze_st *st, int dim) {
  const float *cos = fx_f32(st, "vision.cos", p->patches * dim);
  const float *sin = fx_f32(st, "vision.sin", p->patches * dim);
  for (int i = 0; i < p->patches; i++) {
    const float *c = cos + (size_t)p->patch_at[i] * (size_t)dim;
    const float *s = sin + (size_t)p->patch_at[i] * (size_t)dim;
    for (int j = 0; j < dim / 2; j++) {
      float got_c = p->cos[i * (dim / 2) + j], got_s = p->sin[i * (dim / 2) + j];
      assert_true(fabsf(got_c - c[j]) < 1e-6f && fabsf(got_c - c[j + dim / 2]) < 1e-6f);
      assert_true(fabsf(got_s - s[j]) < 1e-6f && fabsf(got_s - s[j + dim / 2]) < 1e-6f);
    }
  }
}

static void against_reference(void **state) {
  (void)state;
  const struct {
    const char *model, *debug, *name;
  } runs[] = {{"tiny-a", "debug_one_image", "one_image"},
              {"tiny-b", "debug_two_images", "two_images"}};
  for (int i = 0; i < 2; i++) {
    gaze_model_config c;
    gazei_vision_plan p;
    gaze_st *st = NULL;
    char path[512];
    int grid[4][2], n = 0;
    config(&c, runs[i].model);
    snprintf(path, sizeof path, "%s/%s-golden/%s.safetensors", FX_GOLDEN, runs[i].model,
             runs[i].debug);
    fx_ok(gaze_st_open(&st, path));
    cJSON *cases = fx_cases(runs[i].model);
    const cJSON *row, *one = gaze_json_get(gaze_json_get(cases, "cases"), runs[i].name);
    cJSON_ArrayForEach(row, gaze_json_get(one, "image_grid_thw")) {
      grid[n][0] = cJSON_GetArrayItem(row, 1)->valueint;
      grid[n][1] = cJSON_GetArrayItem(row, 2)->valueint;
      n++;
    }
    fx_ok(gazei_vision_plan_open(&p, &c.vision, 256, 4));
    fx_ok(gazei_vision_plan_make(&p, &c.vision, (const int(*)[2])grid, n));
    same_order(&p, st);
    same_tables(&p, st, c.vision.hidden / c.vision.heads);
    gazei_vision_plan_close(&p);
    cJSON_Delete(cases);
    gaze_st_close(&st);
  }
}

static void language_table(void **state) {
  (void)state;
  const char *const run[][3] = {{"tiny-a", "debug_one_image", "one_image"},
                                {"tiny-b", "debug_two_images", "two_images"}};
  for (int r = 0; r < 2; r++) {
    gaze_model_config c;
    gaze_st *st = NULL;
    char path[512];
    config(&c, run[r][0]);
    snprintf(path, sizeof path, "%s/%s-golden/%s.safetensors", FX_GOLDEN, run[r][0], run[r][1]);
    fx_ok(gaze_st_open(&st, path));
    cJSON *cases = fx_cases(run[r][0]);
    fx_case one = fx_case_open(run[r][0], gaze_json_get(gaze_json_get(cases, "cases"), run[r][2]));
    int d = c.head_dim, half = d / 2;
    const float *want_c = fx_f32(st, "lm.cos", one.n * d),
                *want_s = fx_f32(st, "lm.sin", one.n * d);
    float *cos = malloc((size_t)(one.n * half) * sizeof *cos);
    float *sin = malloc((size_t)(one.n * half) * sizeof *sin);
    gazei_rope_table(&c, one.pos, one.n, one.n, cos, sin);
    for (int i = 0; i < one.n * half; i++) {
      int at = i / half * d + i % half;
      assert_true(fabsf(cos[i] - want_c[at]) < 5e-6f);
      assert_true(fabsf(sin[i] - want_s[at]) < 5e-6f);
    }
    free(cos);
    free(sin);
    fx_case_close(&one);
    cJSON_Delete(cases);
    gaze_st_close(&st);
  }
}

// 5 x 3 cells with windows of 2 x 2: the small windows at the edges, by hand
static void edges(void **state) {
  (void)state;
  gaze_vision_config v = {.hidden = 8, .heads = 2, .patch = 14, .merge = 2, .window = 56};
  const int grid[1][2] = {{10, 6}};
  const int cells[15] = {0, 1, 3, 4, 2, 5, 6, 7, 9, 10, 8, 11, 12, 13, 14};
  const int windows[7] = {0, 16, 24, 40, 48, 56, 60};
  gazei_vision_plan p;
  fx_ok(gazei_vision_plan_open(&p, &v, 60, 1));
  fx_ok(gazei_vision_plan_make(&p, &v, grid, 1));
  assert_int_equal(p.cells, 15);
  assert_int_equal(p.windows, 6);
  assert_memory_equal(p.cell_at, cells, sizeof cells);
  assert_memory_equal(p.window, windows, sizeof windows);
  assert_int_equal(p.widest, 60);
  const int bad[1][2] = {{3, 4}}, large[1][2] = {{12, 6}};
  assert_int_equal(gazei_vision_plan_make(&p, &v, bad, 1), GAZE_ERR_ARG);
  assert_int_equal(gazei_vision_plan_make(&p, &v, large, 1), GAZE_ERR_RANGE);
  const int two[2][2] = {{2, 2}, {2, 2}};
  assert_int_equal(gazei_vision_plan_make(&p, &v, two, 2), GAZE_ERR_RANGE);
  gazei_vision_plan_close(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(against_reference),
      cmocka_unit_test(language_table),
      cmocka_unit_test(edges),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
