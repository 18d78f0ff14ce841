// tests/kernels/test_adamw.c - three AdamW steps against the formula in f64.
#include <math.h>
#include "fixture_op.h"

static void run(gaze_exec *ex, op_mem *m, const void *arg) {
  size_t n = *(const size_t *)arg;
  gaze_adamw a = {.p = op_zero(m, n),
                  .m = op_zero(m, n),
                  .v = op_zero(m, n),
                  .n = n,
                  .lr = 0.01f,
                  .beta1 = 0.9f,
                  .beta2 = 0.95f,
                  .eps = 1e-8f,
                  .decay = 0.1f,
                  .g_scale = 0.5f};
  for (size_t i = 0; i < n; i++) a.p[i] = (float)gaze_rng_normal(&m->rng);
  double *p = op_f64(m, a.p, n), *m1 = op_f64(m, a.m, n), *v = op_f64(m, a.v, n);
  for (a.step = 1; a.step <= 3; a.step++) {
    a.g = op_in(m, n, 1.0);
    double t = (double)a.step, b1 = (double)a.beta1, b2 = (double)a.beta2, lr = (double)a.lr;
    for (size_t i = 0; i < n; i++) {
      double g = 0.5 * (double)a.g[i];
      m1[i] = b1 * m1[i] + (1.0 - b1) * g;
      v[i] = b2 * v[i] + (1.0 - b2) * g * g;
      double step = m1[i] / (1.0 - pow(b1, t)) / (sqrt(v[i] / (1.0 - pow(b2, t))) + 1e-8);
      p[i] -= lr * (step + (double)a.decay * p[i]);
    }
    assert_int_equal(gaze_ops_cpu.adamw(ex, &a), GAZE_OK);
  }
  assert_nmse(a.p, p, n, 1e-12);
  assert_nmse(a.m, m1, n, 1e-12);
  assert_nmse(a.v, v, n, 1e-12);
}

static void test_values(void **state) {
  (void)state;
  static const size_t sizes[] = {1, 3, 33, 257, 40000};
  for (int i = 0; i < 5; i++) op_each(run, &sizes[i]);
}

static void test_bad(void **state) {
  (void)state;
  gaze_exec *ex = op_open(1, ~0u);
  assert_int_equal(gaze_ops_cpu.adamw(ex, &(gaze_adamw){.n = 1, .step = 1}), GAZE_ERR_ARG);
  assert_int_equal(gaze_ops_cpu.adamw(ex, &(gaze_adamw){.n = 0, .step = 0}), GAZE_ERR_ARG);
  assert_int_equal(gaze_ops_cpu.adamw(ex, &(gaze_adamw){.n = 0, .step = 1}), GAZE_OK);
  gaze_exec_close(&ex);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_bad)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
