// tests/kernels/test_rope.c - rotary embedding, its inverse, and the gap between rows.
#include <math.h>
#include <string.h>
#include "fixture_op.h"

typedef struct shape {
  int rows, heads, dim;
} shape;

static void run(gaze_exec *ex, op_mem *m, const void *arg) {
  const shape *s = arg;
  int half = s->dim / 2, ld = s->heads * s->dim + 5;
  size_t n = (size_t)s->rows * (size_t)ld, angles = (size_t)(s->rows * half);
  float *x = op_out(m, n), *start = op_in(m, n, 1.0);
  float *cs = op_in(m, angles, 1.0), *sn = op_in(m, angles, 1.0);
  memcpy(x, start, n * sizeof *x);
  for (size_t i = 0; i < angles; i++) {
    double t = 10.0 * (double)cs[i];
    cs[i] = (float)cos(t), sn[i] = (float)sin(t);
  }
  double *want = op_f64(m, x, n), *back = op_f64(m, x, n);
  for (int r = 0; r < s->rows; r++)
    for (int h = 0; h < s->heads; h++)
      for (int j = 0; j < half; j++) {
        double *u = want + r * ld + h * s->dim + j, c = (double)cs[r * half + j];
        double v = u[half], w = (double)sn[r * half + j];
        u[half] = v * c + *u * w;
        *u = *u * c - v * w;
      }
  gaze_rope a = {
      .x = x, .cos = cs, .sin = sn, .rows = s->rows, .heads = s->heads, .dim = s->dim, .ld = ld};
  assert_int_equal(gaze_ops_cpu.rope(ex, &a), GAZE_OK);
  assert_nmse(x, want, n, 1e-13);
  a.inverse = true;
  assert_int_equal(gaze_ops_cpu.rope(ex, &a), GAZE_OK);
  assert_nmse(x, back, n, 1e-13);
}

static void test_values(void **state) {
  (void)state;
  op_each(run, &(shape){1, 1, 2});
  op_each(run, &(shape){3, 3, 6});
  op_each(run, &(shape){257, 6, 32});
  op_each(run, &(shape){33, 2, 80});
}

static void test_bad(void **state) {
  (void)state;
  gaze_exec *ex = op_open(1, ~0u);
  float x[4] = {0};
  gaze_rope a = {.x = x, .cos = x, .sin = x, .rows = 1, .heads = 1, .dim = 3, .ld = 4};
  assert_int_equal(gaze_ops_cpu.rope(ex, &a), GAZE_ERR_ARG);
  a.dim = 4, a.ld = 3;
  assert_int_equal(gaze_ops_cpu.rope(ex, &a), GAZE_ERR_ARG);
  a.ld = 4, a.cos = NULL;
  assert_int_equal(gaze_ops_cpu.rope(ex, &a), GAZE_ERR_ARG);
  a.rows = 0;
  assert_int_equal(gaze_ops_cpu.rope(ex, &a), GAZE_OK);
  gaze_exec_close(&ex);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_bad)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
