// tests/kernels/test_rmsnorm.c - norm with fused residual, and its gradient.
#include <math.h>
#include <string.h>
#include "fixture_op.h"

typedef struct shape {
  int rows, cols;
  bool add, in_place;
} shape;

static void norm(double *y, const double *x, const double *w, int rows, int cols) {
  for (int r = 0; r < rows; r++) {
    double sum = 1e-6 * cols;
    for (int c = 0; c < cols; c++) sum += x[r * cols + c] * x[r * cols + c];
    for (int c = 0; c < cols; c++) y[r * cols + c] = x[r * cols + c] * w[c] / sqrt(sum / cols);
  }
}

static void run_fwd(gaze_exec *ex, op_mem *m, const void *arg) {
  const shape *s = arg;
  size_t n = (size_t)s->rows * (size_t)s->cols;
  float *x = op_in(m, n, 2.0), *add = op_in(m, n, 1.0), *w = op_in(m, (size_t)s->cols, 1.0);
  double *ex64 = op_f64(m, x, n), *w64 = op_f64(m, w, (size_t)s->cols);
  double *want = op_raw(m, n * sizeof *want, false);
  for (size_t i = 0; i < n && s->add; i++) ex64[i] += (double)add[i];
  norm(want, ex64, w64, s->rows, s->cols);
  float *sum = s->in_place ? x : op_out(m, n);
  gaze_rmsnorm a = {.y = op_out(m, n),
                    .rstd = op_out(m, (size_t)s->rows),
                    .x = x,
                    .w = w,
                    .rows = s->rows,
                    .cols = s->cols,
                    .eps = 1e-6f};
  if (s->add) a.add = add, a.sum = sum;
  assert_int_equal(gaze_ops_cpu.rmsnorm_fwd(ex, &a), GAZE_OK);
  assert_nmse(a.y, want, n, 1e-12);
  if (s->add) assert_nmse(sum, ex64, n, 1e-13);
}

typedef struct loss {
  double *x, *w, *dy, *y;
  int rows, cols;
} loss;

static double value(void *ctx) {
  loss *l = ctx;
  norm(l->y, l->x, l->w, l->rows, l->cols);
  double sum = 0.0;
  for (int i = 0; i < l->rows * l->cols; i++) sum += l->y[i] * l->dy[i];
  return sum;
}

static void run_bwd(gaze_exec *ex, op_mem *m, const void *arg) {
  const shape *s = arg;
  size_t n = (size_t)s->rows * (size_t)s->cols, cols = (size_t)s->cols;
  float *x = op_in(m, n, 1.5), *w = op_in(m, cols, 1.0), *dy = op_in(m, n, 1.0);
  gaze_rmsnorm f = {.y = op_out(m, n),
                    .rstd = op_out(m, (size_t)s->rows),
                    .x = x,
                    .w = w,
                    .rows = s->rows,
                    .cols = s->cols,
                    .eps = 1e-6f};
  assert_int_equal(gaze_ops_cpu.rmsnorm_fwd(ex, &f), GAZE_OK);
  gaze_rmsnorm_grad g = {.dx = op_out(m, n),
                         .dw = op_zero(m, cols),
                         .dy = dy,
                         .x = x,
                         .rstd = f.rstd,
                         .w = w,
                         .rows = s->rows,
                         .cols = s->cols};
  for (size_t i = 0; i < cols; i++) g.dw[i] = 2.0f;  // dw accumulates
  for (size_t i = 0; i < n && s->add; i++) g.dx[i] = 3.0f;
  g.accumulate = s->add;
  assert_int_equal(gaze_ops_cpu.rmsnorm_bwd(ex, &g), GAZE_OK);
  loss l = {op_f64(m, x, n), op_f64(m, w, cols), op_f64(m, dy, n), op_f64(m, x, n), s->rows,
            s->cols};
  double *dx = op_raw(m, n * sizeof *dx, false), *dw = op_raw(m, cols * sizeof *dw, false);
  for (size_t i = 0; i < n; i++) dx[i] = op_slope(value, &l, &l.x[i]) + (s->add ? 3.0 : 0.0);
  for (size_t i = 0; i < cols; i++) dw[i] = op_slope(value, &l, &l.w[i]) + 2.0;
  assert_nmse(g.dx, dx, n, 1e-10);
  assert_nmse(g.dw, dw, cols, 1e-10);
}

static void test_forward(void **state) {
  (void)state;
  static const int sizes[] = {1, 3, 33, 257};
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++)
      for (int k = 0; k < 3; k++) op_each(run_fwd, &(shape){sizes[i], sizes[j], k > 0, k > 1});
  op_each(run_fwd, &(shape){900, 192, true, true});
}

static void test_gradient(void **state) {
  (void)state;
  op_each(run_bwd, &(shape){3, 7, false, false});
  op_each(run_bwd, &(shape){2, 33, true, false});
  op_each(run_bwd, &(shape){130, 3, false, false});
}

static void test_bad(void **state) {
  (void)state;
  gaze_exec *ex = op_open(1, ~0u);
  float x[2] = {1, 1};
  gaze_rmsnorm a = {.y = x, .x = x, .w = x, .add = x, .rows = 1, .cols = 2};
  assert_int_equal(gaze_ops_cpu.rmsnorm_fwd(ex, &a), GAZE_ERR_ARG);
  a.rows = -1;
  assert_int_equal(gaze_ops_cpu.rmsnorm_fwd(ex, &a), GAZE_ERR_ARG);
  assert_int_equal(gaze_ops_cpu.rmsnorm_bwd(ex, &(gaze_rmsnorm_grad){.rows = 1, .cols = 1}),
                   GAZE_ERR_ARG);
  assert_int_equal(gaze_ops_cpu.rmsnorm_bwd(ex, &(gaze_rmsnorm_grad){.rows = 0, .cols = 1}),
                   GAZE_OK);
  gaze_exec_close(&ex);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_forward),
      cmocka_unit_test(test_gradient),
      cmocka_unit_test(test_bad),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
