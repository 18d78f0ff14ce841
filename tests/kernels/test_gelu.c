// tests/kernels/test_gelu.c - the exact gelu and its gradient.
#include <math.h>
#include "fixture_op.h"

static double gelu(double x) {
  return x * 0.5 * erfc(-x / sqrt(2.0));
}

static void run(gaze_exec *ex, op_mem *m, const void *arg) {
  size_t n = *(const size_t *)arg;
  float *x = op_in(m, n, 2.0), *dy = op_in(m, n, 1.0);
  if (n > 4) x[0] = 0.0f, x[1] = -12.0f, x[2] = 12.0f, x[3] = -5.0f;
  gaze_gelu f = {op_out(m, n), x, n};
  gaze_gelu_grad g = {op_out(m, n), dy, x, n};
  assert_int_equal(gaze_ops_cpu.gelu_fwd(ex, &f), GAZE_OK);
  assert_int_equal(gaze_ops_cpu.gelu_bwd(ex, &g), GAZE_OK);
  double *want = op_f64(m, x, n), *slope = op_f64(m, x, n);
  for (size_t i = 0; i < n; i++) {
    double v = (double)x[i];
    want[i] = gelu(v);
    slope[i] = (double)dy[i] * (gelu(v + 1e-5) - gelu(v - 1e-5)) / 2e-5;
    // the small left tail is right in relative terms, not only beside the large values
    assert_true(fabs((double)f.y[i] - want[i]) <= 2e-5 * fabs(want[i]) + 1e-30);
  }
  assert_nmse(f.y, want, n, 1e-12);
  assert_nmse(g.dx, slope, n, 1e-11);
}

static void test_values(void **state) {
  (void)state;
  static const size_t sizes[] = {1, 3, 33, 257, 70000};
  for (int i = 0; i < 5; i++) op_each(run, &sizes[i]);
}

static void test_bad(void **state) {
  (void)state;
  gaze_exec *ex = op_open(1, ~0u);
  assert_int_equal(gaze_ops_cpu.gelu_fwd(ex, &(gaze_gelu){.n = 1}), GAZE_ERR_ARG);
  assert_int_equal(gaze_ops_cpu.gelu_bwd(ex, &(gaze_gelu_grad){.n = 1}), GAZE_ERR_ARG);
  assert_int_equal(gaze_ops_cpu.gelu_fwd(ex, &(gaze_gelu){.n = 0}), GAZE_OK);
  gaze_exec_close(&ex);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_bad)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
