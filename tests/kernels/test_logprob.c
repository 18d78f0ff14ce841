// tests/kernels/test_logprob.c - chunked log-probabilities, entropy, argmax and the gradient.
#include <math.h>
#include <stdlib.h>
#include "fixture_op.h"

typedef struct shape {
  int rows, cols, vocab;
  bool bf16;
  double bound;
} shape;

typedef struct ref {
  double *x, *w, *logp, *entropy;
  const float *g;
  const int *target;
  int *best;
  int rows, cols, vocab;
  double inv_temp;
} ref;

static void ref_all(ref *r) {
  double *z = malloc((size_t)r->vocab * sizeof *z);
  assert_non_null(z);
  for (int i = 0; i < r->rows; i++) {
    r->logp[i] = r->entropy[i] = 0.0, r->best[i] = 0;
    if (r->target[i] < 0) continue;
    double max = -INFINITY, sum = 0.0, mean = 0.0;
    for (int v = 0; v < r->vocab; v++) {
      z[v] = 0.0;
      for (int c = 0; c < r->cols; c++) z[v] += r->x[i * r->cols + c] * r->w[v * r->cols + c];
      z[v] *= r->inv_temp;
      if (z[v] > max) max = z[v], r->best[i] = v;
    }
    for (int v = 0; v < r->vocab; v++) sum += exp(z[v] - max), mean += exp(z[v] - max) * z[v];
    r->logp[i] = z[r->target[i]] - max - log(sum);
    r->entropy[i] = max + log(sum) - mean / sum;
  }
  free(z);
}

static double value(void *ctx) {
  ref *r = ctx;
  ref_all(r);
  double sum = 0.0;
  for (int i = 0; i < r->rows; i++) sum += (double)r->g[i] * r->logp[i];
  return sum;
}

static ref make(op_mem *m, const shape *s, gaze_logprob *a, float *g) {
  size_t rows = (size_t)s->rows, nx = rows * (size_t)s->cols;
  size_t nw = (size_t)s->vocab * (size_t)s->cols;
  float *x = op_in(m, nx, 1.0), *w = op_in(m, nw, 1.0);
  int *target = op_raw(m, rows * sizeof *target, false);
  for (int i = 0; i < s->rows; i++) target[i] = gaze_rng_int(&m->rng, -1, s->vocab - 1);
  *a = (gaze_logprob){.logp = op_out(m, rows),
                      .lse = op_out(m, rows),
                      .entropy = op_out(m, rows),
                      .best = op_raw(m, rows * sizeof(int), true),
                      .x = x,
                      .target = target,
                      .w = {w, NULL, GAZE_F32, s->cols},
                      .rows = s->rows,
                      .cols = s->cols,
                      .vocab = s->vocab,
                      .inv_temp = 0.7f,
                      .bf16_products = s->bf16};
  ref r = {.x = op_f64(m, x, nx),
           .w = op_f64(m, w, nw),
           .g = g,
           .target = target,
           .rows = s->rows,
           .cols = s->cols,
           .vocab = s->vocab,
           .inv_temp = (double)0.7f};
  r.logp = op_raw(m, rows * sizeof(double), false);
  r.entropy = op_raw(m, rows * sizeof(double), false);
  r.best = op_raw(m, rows * sizeof(int), false);
  return r;
}

static void run_fwd(gaze_exec *ex, op_mem *m, const void *arg) {
  const shape *s = arg;
  gaze_logprob a;
  ref r = make(m, s, &a, NULL);
  ref_all(&r);
  assert_int_equal(gaze_ops_cpu.logprob_fwd(ex, &a), GAZE_OK);
  assert_nmse(a.logp, r.logp, (size_t)s->rows, s->bound);
  assert_nmse(a.entropy, r.entropy, (size_t)s->rows, s->bound * 10.0);
  for (int i = 0; i < s->rows && !s->bf16; i++) assert_int_equal(a.best[i], r.best[i]);
}

static void run_bwd(gaze_exec *ex, op_mem *m, const void *arg) {
  const shape *s = arg;
  size_t nx = (size_t)(s->rows * s->cols), nw = (size_t)(s->vocab * s->cols);
  gaze_logprob a;
  float *g = op_in(m, (size_t)s->rows, 1.0);
  ref r = make(m, s, &a, g);
  assert_int_equal(gaze_ops_cpu.logprob_fwd(ex, &a), GAZE_OK);
  gaze_logprob_grad b = {.fwd = a, .g = g, .dx = op_out(m, nx), .dw = op_zero(m, nw)};
  for (size_t i = 0; i < nw; i++) b.dw[i] = 1.0f;  // dw accumulates
  assert_int_equal(gaze_ops_cpu.logprob_bwd(ex, &b), GAZE_OK);
  double *dx = op_raw(m, nx * sizeof *dx, false), *dw = op_raw(m, nw * sizeof *dw, false);
  for (size_t i = 0; i < nx; i++) dx[i] = op_slope(value, &r, &r.x[i]);
  for (size_t i = 0; i < nw; i++) dw[i] = 1.0 + op_slope(value, &r, &r.w[i]);
  assert_nmse(b.dx, dx, nx, s->bound);
  assert_nmse(b.dw, dw, nw, s->bound);
}

static void test_forward(void **state) {
  (void)state;
  op_each(run_fwd, &(shape){3, 3, 1, false, 1e-11});
  op_each(run_fwd, &(shape){33, 33, 257, false, 1e-11});
  op_each(run_fwd, &(shape){1300, 8, 90, false, 1e-11});   // more than one chunk of rows
  op_each(run_fwd, &(shape){33, 4, 50000, false, 1e-11});  // chunks of few rows
  op_each(run_fwd, &(shape){40, 64, 130, true, 2e-5});
}

static void test_gradient(void **state) {
  (void)state;
  op_each(run_bwd, &(shape){3, 5, 7, false, 1e-9});
  op_each(run_bwd, &(shape){12, 3, 33, false, 1e-9});
  op_each(run_bwd, &(shape){12, 16, 17, true, 1e-4});
}

static void test_bad(void **state) {
  (void)state;
  gaze_exec *ex = op_open(1, ~0u);
  float x[4] = {0};
  int target[1] = {2};
  gaze_logprob a = {.logp = x,
                    .lse = x + 1,
                    .x = x,
                    .w = {x, NULL, GAZE_F32, 1},
                    .target = target,
                    .rows = 1,
                    .cols = 1,
                    .vocab = 2,
                    .inv_temp = 1.0f};
  assert_int_equal(gaze_ops_cpu.logprob_fwd(ex, &a), GAZE_ERR_ARG);  // target beyond vocab
  target[0] = 1, a.inv_temp = 0.0f;
  assert_int_equal(gaze_ops_cpu.logprob_fwd(ex, &a), GAZE_ERR_ARG);
  a.inv_temp = 1.0f, a.logp = NULL;
  assert_int_equal(gaze_ops_cpu.logprob_fwd(ex, &a), GAZE_ERR_ARG);
  assert_int_equal(gaze_ops_cpu.logprob_bwd(ex, &(gaze_logprob_grad){.fwd = a}), GAZE_ERR_ARG);
  a.rows = 0;
  assert_int_equal(gaze_ops_cpu.logprob_fwd(ex, &a), GAZE_OK);
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
