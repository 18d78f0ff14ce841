// tests/kernels/test_swiglu.c - silu(gate) * up and its gradient.
#include <math.h>
#include "fixture_op.h"

typedef struct shape {
  int rows, cols;
} shape;

static double silu(double x) {
  return x / (1.0 + exp(-x));
}

static void run(gaze_exec *ex, op_mem *m, const void *arg) {
  const shape *s = arg;
  int ld = 2 * s->cols + 1;
  size_t n = (size_t)s->rows * (size_t)s->cols, wide = (size_t)s->rows * (size_t)ld;
  float *both = op_in(m, wide, 6.0), *dy = op_in(m, n, 1.0), *grad = op_zero(m, wide);
  gaze_swiglu f = {op_out(m, n), both, both + s->cols, s->rows, s->cols, ld};
  gaze_swiglu_grad g = {grad, grad + s->cols, dy, both, both + s->cols, s->rows, s->cols, ld};
  both[0] = -80.0f;  // results near the ends of the float range
  if (n > 2) both[1] = 95.0f, both[2] = 0.0f;
  assert_int_equal(gaze_ops_cpu.swiglu_fwd(ex, &f), GAZE_OK);
  assert_int_equal(gaze_ops_cpu.swiglu_bwd(ex, &g), GAZE_OK);
  double *want = op_raw(m, n * sizeof *want, false),
         *slope = op_raw(m, wide * sizeof *slope, false);
  for (int r = 0; r < s->rows; r++) {
    slope[(r + 1) * ld - 1] = 0.0;
    for (int c = 0; c < s->cols; c++) {
      double x = (double)f.gate[r * ld + c], u = (double)f.up[r * ld + c], h = 1e-5;
      double d = (double)dy[r * s->cols + c];
      want[r * s->cols + c] = silu(x) * u;
      slope[r * ld + c] = d * u * (silu(x + h) - silu(x - h)) / (2 * h);
      slope[r * ld + s->cols + c] = d * silu(x);
    }
  }
  assert_nmse(f.y, want, n, 1e-12);
  assert_nmse(grad, slope, wide, 1e-11);
  // small results too, relative to themselves
  for (size_t i = 0; i < n; i++)
    assert_true(fabs((double)f.y[i] - want[i]) <= 2e-6 * fabs(want[i]) + 1e-30);
}

static void test_values(void **state) {
  (void)state;
  static const int sizes[] = {1, 3, 33, 257};
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) op_each(run, &(shape){sizes[i], sizes[j]});
}

static void test_bad(void **state) {
  (void)state;
  gaze_exec *ex = op_open(1, ~0u);
  float x[2] = {1, 1};
  assert_int_equal(gaze_ops_cpu.swiglu_fwd(ex, &(gaze_swiglu){x, x, x, 1, 2, 1}), GAZE_ERR_ARG);
  assert_int_equal(gaze_ops_cpu.swiglu_fwd(ex, &(gaze_swiglu){NULL, x, x, 1, 2, 2}), GAZE_ERR_ARG);
  assert_int_equal(gaze_ops_cpu.swiglu_fwd(ex, &(gaze_swiglu){NULL, NULL, NULL, 0, 2, 2}), GAZE_OK);
  assert_int_equal(gaze_ops_cpu.swiglu_bwd(ex, &(gaze_swiglu_grad){.rows = -1}), GAZE_ERR_ARG);
  gaze_exec_close(&ex);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_bad)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
