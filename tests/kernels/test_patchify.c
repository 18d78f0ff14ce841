// tests/kernels/test_patchify.c - patch order, channels, and normalisation.
#include <math.h>
#include "fixture_op.h"

typedef struct shape {
  int h, w, patch, merge;
} shape;

static void run(gaze_exec *ex, op_mem *m, const void *arg) {
  const shape *s = arg;
  size_t n = (size_t)(s->h * s->w) * 6;
  uint8_t *rgb = op_raw(m, (size_t)(s->h * s->w) * 3, false);
  for (int i = 0; i < s->h * s->w * 3; i++) rgb[i] = (uint8_t)gaze_rng_below(&m->rng, 256);
  gaze_patchify a = {.y = op_out(m, n),
                     .rgb = rgb,
                     .h = s->h,
                     .w = s->w,
                     .patch = s->patch,
                     .merge = s->merge,
                     .mean = {0.48f, 0.45f, 0.40f},
                     .std = {0.26f, 0.25f, 0.27f}};
  double *want = op_raw(m, n * sizeof *want, false), *at = want;
  // the order spelled out: blocks, patches in a block, channel, time, y, x
  int p = s->patch, unit = p * s->merge;
  for (int by = 0; by < s->h; by += unit)
    for (int bx = 0; bx < s->w; bx += unit)
      for (int y0 = by; y0 < by + unit; y0 += p)
        for (int x0 = bx; x0 < bx + unit; x0 += p)
          for (int c = 0; c < 3; c++)
            for (int t = 0; t < 2; t++)
              for (int y = y0; y < y0 + p; y++)
                for (int x = x0; x < x0 + p; x++)
                  *at++ =
                      (rgb[(y * s->w + x) * 3 + c] / 255.0 - (double)a.mean[c]) / (double)a.std[c];
  assert_int_equal(gaze_ops_cpu.patchify(ex, &a), GAZE_OK);
  assert_nmse(a.y, want, n, 1e-13);
}

static void test_values(void **state) {
  (void)state;
  op_each(run, &(shape){28, 56, 14, 2});
  op_each(run, &(shape){1, 3, 1, 1});
  op_each(run, &(shape){66, 33, 3, 1});
  op_each(run, &(shape){112, 84, 14, 2});
}

static void test_bad(void **state) {
  (void)state;
  gaze_exec *ex = op_open(1, ~0u);
  float y[24];
  uint8_t rgb[12] = {0};
  gaze_patchify a = {
      .y = y, .rgb = rgb, .h = 2, .w = 2, .patch = 2, .merge = 1, .std = {1.0f, 1.0f, 1.0f}};
  assert_int_equal(gaze_ops_cpu.patchify(ex, &a), GAZE_OK);
  a.merge = 2;
  assert_int_equal(gaze_ops_cpu.patchify(ex, &a), GAZE_ERR_ARG);
  a.merge = 1, a.std[1] = 0.0f;
  assert_int_equal(gaze_ops_cpu.patchify(ex, &a), GAZE_ERR_ARG);
  a.std[1] = 1.0f, a.patch = 0;
  assert_int_equal(gaze_ops_cpu.patchify(ex, &a), GAZE_ERR_ARG);
  a.patch = 2, a.h = 0;
  assert_int_equal(gaze_ops_cpu.patchify(ex, &a), GAZE_OK);
  gaze_exec_close(&ex);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_bad)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
