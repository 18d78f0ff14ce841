// tests/kernels/test_reduce.c - bias gradient, axpy and the sum of squares.
#include <math.h>
#include "fixture_op.h"

typedef struct shape {
  int rows, cols;
} shape;

static void run_bias(gaze_exec *ex, op_mem *m, const void *arg) {
  const shape *s = arg;
  int ld = s->cols + 3;
  float *dy = op_in(m, (size_t)(s->rows * ld), 1.0), *db = op_zero(m, (size_t)s->cols);
  for (int c = 0; c < s->cols; c++) db[c] = (float)c;
  double *want = op_f64(m, db, (size_t)s->cols);
  for (int r = 0; r < s->rows; r++)
    for (int c = 0; c < s->cols; c++) want[c] += (double)dy[r * ld + c];
  gaze_bias_grad a = {db, dy, s->rows, s->cols, ld};
  assert_int_equal(gaze_ops_cpu.bias_bwd(ex, &a), GAZE_OK);
  assert_nmse(db, want, (size_t)s->cols, 1e-11);
}

static void run_flat(gaze_exec *ex, op_mem *m, const void *arg) {
  size_t n = *(const size_t *)arg;
  float *x = op_in(m, n, 1.0), *y = op_zero(m, n);
  for (size_t i = 0; i < n; i++) y[i] = 1.0f;
  double *want = op_f64(m, y, n), sum = 0.0, *got = op_raw(m, sizeof *got, true);
  for (size_t i = 0; i < n; i++) {
    want[i] += -0.5 * (double)x[i];
    sum += (double)x[i] * (double)x[i];
  }
  assert_int_equal(gaze_ops_cpu.axpy(ex, &(gaze_axpy){y, x, n, -0.5f}), GAZE_OK);
  assert_nmse(y, want, n, 1e-13);
  assert_int_equal(gaze_ops_cpu.sumsq(ex, &(gaze_sumsq){got, x, n}), GAZE_OK);
  assert_true(fabs(*got - sum) <= 1e-13 * sum);
}

static void test_values(void **state) {
  (void)state;
  static const int sizes[] = {1, 3, 33, 257};
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) op_each(run_bias, &(shape){sizes[i], sizes[j]});
  static const size_t flat[] = {0, 1, 3, 33, 257, 32768, 100003};
  for (int i = 0; i < 7; i++) op_each(run_flat, &flat[i]);
}

static void test_bad(void **state) {
  (void)state;
  gaze_exec *ex = op_open(1, ~0u);
  float x[2] = {0};
  assert_int_equal(gaze_ops_cpu.bias_bwd(ex, &(gaze_bias_grad){x, x, 1, 2, 1}), GAZE_ERR_ARG);
  assert_int_equal(gaze_ops_cpu.bias_bwd(ex, &(gaze_bias_grad){NULL, x, 1, 2, 2}), GAZE_ERR_ARG);
  assert_int_equal(gaze_ops_cpu.axpy(ex, &(gaze_axpy){.n = 1}), GAZE_ERR_ARG);
  assert_int_equal(gaze_ops_cpu.sumsq(ex, &(gaze_sumsq){.n = 0}), GAZE_ERR_ARG);
  gaze_exec_close(&ex);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_bad)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
