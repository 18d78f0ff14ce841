// tests/kernels/test_muon.c - Muon against the formula in f64, wide, tall and square.
#include <math.h>
#include <string.h>
#include "fixture_op.h"

typedef struct shape {
  int rows, cols;
  bool bf16;
  double bound;
} shape;

enum { MOST = 128 * 128 };

// x [r,c] <- a x + (b A + c A A) x, A = x x', written as sums
static void step(double *x, int r, int c) {
  static double s[MOST], t[MOST], y[MOST];
  for (int i = 0; i < r; i++)
    for (int j = 0; j < r; j++) {
      s[i * r + j] = 0.0;
      for (int k = 0; k < c; k++) s[i * r + j] += x[i * c + k] * x[j * c + k];
    }
  for (int i = 0; i < r; i++)
    for (int j = 0; j < r; j++) {
      t[i * r + j] = -4.7750 * s[i * r + j];
      for (int k = 0; k < r; k++) t[i * r + j] += 2.0315 * s[i * r + k] * s[k * r + j];
    }
  for (int i = 0; i < r; i++)
    for (int j = 0; j < c; j++) {
      y[i * c + j] = 3.4445 * x[i * c + j];
      for (int k = 0; k < r; k++) y[i * c + j] += t[i * r + k] * x[k * c + j];
    }
  memcpy(x, y, (size_t)(r * c) * sizeof *x);
}

static void run(gaze_exec *ex, op_mem *mem, const void *arg) {
  const shape *s = arg;
  size_t n = (size_t)(s->rows * s->cols);
  gaze_muon a = {.p = op_zero(mem, n),
                 .m = op_zero(mem, n),
                 .g = op_in(mem, n, 1.0),
                 .rows = s->rows,
                 .cols = s->cols,
                 .ns_steps = 5,
                 .lr = 0.1f,
                 .momentum = 0.95f,
                 .decay = 0.05f,
                 .g_scale = 2.0f,
                 .bf16_products = s->bf16};
  for (size_t i = 0; i < n; i++) {
    a.p[i] = (float)gaze_rng_normal(&mem->rng);
    a.m[i] = (float)gaze_rng_normal(&mem->rng);
  }
  double *p = op_f64(mem, a.p, n), *m = op_f64(mem, a.m, n), *x = op_f64(mem, a.g, n), sum = 0.0;
  bool tall = s->rows > s->cols;
  int r = tall ? s->cols : s->rows, c = tall ? s->rows : s->cols;
  for (int i = 0; i < s->rows; i++)
    for (int j = 0; j < s->cols; j++) {
      double g = 2.0 * (double)a.g[i * s->cols + j], *mi = &m[i * s->cols + j];
      *mi = (double)a.momentum * *mi + g;
      double u = g + (double)a.momentum * *mi;
      x[tall ? j * c + i : i * c + j] = u;
      sum += u * u;
    }
  for (size_t i = 0; i < n; i++) x[i] /= sqrt(sum) + 1e-7;
  for (int i = 0; i < 5; i++) step(x, r, c);
  double scale = tall ? sqrt((double)s->rows / s->cols) : 1.0;
  for (int i = 0; i < s->rows; i++)
    for (int j = 0; j < s->cols; j++) {
      double *pi = &p[i * s->cols + j], u = x[tall ? j * c + i : i * c + j];
      *pi -= (double)a.lr * (scale * u + (double)a.decay * *pi);
    }
  assert_int_equal(gaze_ops_cpu.muon(ex, &a), GAZE_OK);
  assert_nmse(a.m, m, n, 1e-12);
  assert_nmse(a.p, p, n, s->bound);
}

static void test_values(void **state) {
  (void)state;
  op_each(run, &(shape){1, 1, false, 1e-11});
  op_each(run, &(shape){3, 33, false, 1e-11});
  op_each(run, &(shape){33, 3, false, 1e-11});
  op_each(run, &(shape){40, 40, false, 1e-10});
  op_each(run, &(shape){100, 64, false, 1e-10});
  op_each(run, &(shape){64, 100, true, 1e-5});
}

static void test_bad(void **state) {
  (void)state;
  gaze_exec *ex = op_open(1, ~0u);
  assert_int_equal(gaze_ops_cpu.muon(ex, &(gaze_muon){.rows = 1, .cols = 1}), GAZE_ERR_ARG);
  assert_int_equal(gaze_ops_cpu.muon(ex, &(gaze_muon){.rows = -1, .cols = 1}), GAZE_ERR_ARG);
  assert_int_equal(gaze_ops_cpu.muon(ex, &(gaze_muon){.rows = 0, .cols = 1}), GAZE_OK);
  gaze_exec_close(&ex);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_bad)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
