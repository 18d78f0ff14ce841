// tests/kernels/test_attention.c - packed, grouped, causal, prefixed attention and its gradient.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "fixture_op.h"

enum { MOST = 8 };

typedef struct shape {
  int segments, heads, kv_heads, dim;
  int q[MOST], k[MOST], prefix[MOST];  // lengths; prefix -1: the same rows as the segment before
  bool causal, prefixed;
} shape;

// arguments with storage for the ranges, and the same numbers in f64
typedef struct setup {
  gaze_attention a;
  int q_start[MOST + 1], k_start[MOST], k_end[MOST], p_start[MOST], p_end[MOST];
  int rows_q, rows_k;
  size_t nq, nk;  // floats of q and o, of k and v
  double *q, *k, *v, *o, *lse, *d_o, *dq, *dk, *dv;
} setup;

static void lay_out(setup *u, const shape *s) {
  for (int i = 0; i < s->segments; i++) {
    u->q_start[i] = u->rows_q;
    u->rows_q += s->q[i];
    bool again = s->prefix[i] < 0;
    u->p_start[i] = again ? u->p_start[i - 1] : u->rows_k;
    u->p_end[i] = again ? u->p_end[i - 1] : u->rows_k + s->prefix[i];
    if (!again) u->rows_k += s->prefix[i];
    u->k_start[i] = u->rows_k;
    u->rows_k += s->k[i];
    u->k_end[i] = u->rows_k;
  }
  u->q_start[s->segments] = u->rows_q;
}

static void make(setup *u, op_mem *m, const shape *s) {
  *u = (setup){0};
  lay_out(u, s);
  gaze_attention *a = &u->a;
  *a = (gaze_attention){.q_start = u->q_start,
                        .k_start = u->k_start,
                        .k_end = u->k_end,
                        .segments = s->segments,
                        .heads = s->heads,
                        .kv_heads = s->kv_heads,
                        .dim = s->dim,
                        .causal = s->causal};
  if (s->prefixed) a->p_start = u->p_start, a->p_end = u->p_end;
  a->ldq = s->heads * s->dim + 4, a->ldo = s->heads * s->dim + 2;
  a->ldkv = s->kv_heads * s->dim + 6;
  a->scale = 1.0f / sqrtf((float)s->dim);
  size_t nq = (size_t)u->rows_q * (size_t)a->ldq, no = (size_t)u->rows_q * (size_t)a->ldo;
  u->nq = nq > no ? nq : no, u->nk = (size_t)u->rows_k * (size_t)a->ldkv;
  a->q = op_in(m, u->nq, 1.5), a->k = op_in(m, u->nk, 1.0), a->v = op_in(m, u->nk, 1.0);
  a->o = op_zero(m, u->nq), a->lse = op_out(m, (size_t)(u->rows_q * s->heads));
  u->q = op_f64(m, a->q, u->nq), u->k = op_f64(m, a->k, u->nk), u->v = op_f64(m, a->v, u->nk);
  u->o = op_f64(m, a->o, u->nq);
  u->lse = op_raw(m, (size_t)(u->rows_q * s->heads) * sizeof(double), false);
}

static int key_row(const setup *u, int s, int j) {
  int pre = u->a.p_start ? u->p_end[s] - u->p_start[s] : 0;
  return j < pre ? u->p_start[s] + j : u->k_start[s] + j - pre;
}

static int visible(const setup *u, int s, int q) {
  int n = u->k_end[s] - u->k_start[s] + (u->a.p_start ? u->p_end[s] - u->p_start[s] : 0);
  if (u->a.causal) n -= u->q_start[s + 1] - 1 - q;
  return n < 0 ? 0 : n;
}

// one output row; with gradients wanted, also adds its share of dq, dk, dv
static void ref_row(setup *u, int s, int q, int h, double *p) {
  const gaze_attention *a = &u->a;
  int n = visible(u, s, q), d = a->dim, kv = h / (a->heads / a->kv_heads);
  const double *x = u->q + q * a->ldq + h * d;
  double *o = u->o + q * a->ldo + h * d, max = -INFINITY, sum = 0.0;
  for (int c = 0; c < d; c++) o[c] = 0.0;
  for (int j = 0; j < n; j++) {
    const double *k = u->k + key_row(u, s, j) * a->ldkv + kv * d;
    p[j] = 0.0;
    for (int c = 0; c < d; c++) p[j] += x[c] * k[c];
    p[j] *= (double)a->scale;
    if (p[j] > max) max = p[j];
  }
  for (int j = 0; j < n; j++) sum += p[j] = exp(p[j] - max);
  u->lse[q * a->heads + h] = max + log(sum);
  for (int j = 0; j < n; j++) {
    const double *v = u->v + key_row(u, s, j) * a->ldkv + kv * d;
    p[j] /= sum;
    for (int c = 0; c < d; c++) o[c] += p[j] * v[c];
  }
  if (!u->dq) return;
  const double *d_o = u->d_o + q * a->ldo + h * d;
  double mean = 0.0;
  for (int c = 0; c < d; c++) mean += d_o[c] * o[c];
  for (int j = 0; j < n; j++) {
    long at = (long)key_row(u, s, j) * a->ldkv + kv * d;
    double dp = 0.0;
    for (int c = 0; c < d; c++) dp += d_o[c] * u->v[at + c];
    double ds = p[j] * (dp - mean) * (double)a->scale;
    for (int c = 0; c < d; c++) {
      u->dq[q * a->ldq + h * d + c] += ds * u->k[at + c];
      u->dk[at + c] += ds * x[c];
      u->dv[at + c] += p[j] * d_o[c];
    }
  }
}

static void ref_all(setup *u) {
  double *p = malloc((size_t)(u->rows_k + 1) * sizeof *p);
  assert_non_null(p);
  for (int s = 0; s < u->a.segments; s++)
    for (int q = u->q_start[s]; q < u->q_start[s + 1]; q++)
      for (int h = 0; h < u->a.heads; h++) ref_row(u, s, q, h, p);
  free(p);
}

static void run_fwd(gaze_exec *ex, op_mem *m, const void *arg) {
  setup u;
  make(&u, m, arg);
  ref_all(&u);
  assert_int_equal(gaze_ops_cpu.attention_fwd(ex, &u.a), GAZE_OK);
  assert_nmse(u.a.o, u.o, u.nq, 1e-11);
  for (int i = 0; i < u.rows_q * u.a.heads; i++)
    if (isfinite(u.lse[i]))
      assert_true(fabs((double)u.a.lse[i] - u.lse[i]) < 1e-5 * (1.0 + fabs(u.lse[i])));
    else
      assert_true(u.a.lse[i] == -INFINITY);
}

static void run_bwd(gaze_exec *ex, op_mem *m, const void *arg) {
  setup u;
  make(&u, m, arg);
  gaze_attention_grad g = {.d_o = op_in(m, u.nq, 1.0),
                           .dq = op_zero(m, u.nq),
                           .dk = op_zero(m, u.nk),
                           .dv = op_zero(m, u.nk)};
  u.d_o = op_f64(m, g.d_o, u.nq);
  u.dq = op_f64(m, g.dq, u.nq), u.dk = op_f64(m, g.dk, u.nk), u.dv = op_f64(m, g.dv, u.nk);
  ref_all(&u);
  assert_int_equal(gaze_ops_cpu.attention_fwd(ex, &u.a), GAZE_OK);
  g.fwd = u.a;
  assert_int_equal(gaze_ops_cpu.attention_bwd(ex, &g), GAZE_OK);
  assert_nmse(g.dq, u.dq, u.nq, 1e-10);
  assert_nmse(g.dk, u.dk, u.nk, 1e-10);
  assert_nmse(g.dv, u.dv, u.nk, 1e-10);
  // gradients accumulate: a second pass doubles them
  assert_int_equal(gaze_ops_cpu.attention_bwd(ex, &g), GAZE_OK);
  for (size_t i = 0; i < u.nk; i++) u.dk[i] *= 2.0;
  assert_nmse(g.dk, u.dk, u.nk, 1e-10);
}

static const shape shapes[] = {
    {.segments = 1, .heads = 1, .kv_heads = 1, .dim = 16, .q = {1}, .k = {1}},
    {.segments = 3,
     .heads = 6,
     .kv_heads = 3,
     .dim = 32,
     .q = {33, 1, 3},
     .k = {33, 1, 3},
     .causal = true},
    {.segments = 2, .heads = 2, .kv_heads = 2, .dim = 32, .q = {64, 257}, .k = {64, 257}},
    // cached keys before the queries, and more queries than one block
    {.segments = 2,
     .heads = 4,
     .kv_heads = 1,
     .dim = 24,
     .q = {5, 200},
     .k = {70, 300},
     .causal = true},
    // decode: one and two queries against a long cache
    {.segments = 2,
     .heads = 6,
     .kv_heads = 3,
     .dim = 32,
     .q = {1, 2},
     .k = {1000, 77},
     .causal = true},
    // three answers share one prompt, one has its own
    {.segments = 4,
     .heads = 6,
     .kv_heads = 3,
     .dim = 32,
     .q = {17, 30, 1, 9},
     .k = {17, 30, 1, 9},
     .prefix = {40, -1, -1, 300},
     .causal = true,
     .prefixed = true},
    // queries that see nothing, an empty segment, an odd size
    {.segments = 3,
     .heads = 2,
     .kv_heads = 1,
     .dim = 19,
     .q = {9, 0, 4},
     .k = {4, 3, 0},
     .causal = true},
    {.segments = 1, .heads = 2, .kv_heads = 1, .dim = 128, .q = {70}, .k = {130}, .causal = true},
    {.segments = 1, .heads = 2, .kv_heads = 2, .dim = 80, .q = {65}, .k = {65}},
};

static void test_forward(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) op_each(run_fwd, &shapes[i]);
}

static void test_gradient(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) op_each(run_bwd, &shapes[i]);
}

static double value(void *ctx) {
  setup *u = ctx;
  ref_all(u);
  double sum = 0.0;
  for (int q = 0; q < u->rows_q; q++)
    for (int i = 0; i < u->a.heads * u->a.dim; i++)
      sum += u->o[q * u->a.ldo + i] * u->d_o[q * u->a.ldo + i];
  return sum;
}

// the reference gradient itself stands on finite differences
static void run_differences(gaze_exec *ex, op_mem *m, const void *arg) {
  setup u;
  make(&u, m, arg);
  gaze_attention_grad g = {.d_o = op_in(m, u.nq, 1.0),
                           .dq = op_zero(m, u.nq),
                           .dk = op_zero(m, u.nk),
                           .dv = op_zero(m, u.nk)};
  u.d_o = op_f64(m, g.d_o, u.nq);
  assert_int_equal(gaze_ops_cpu.attention_fwd(ex, &u.a), GAZE_OK);
  g.fwd = u.a;
  assert_int_equal(gaze_ops_cpu.attention_bwd(ex, &g), GAZE_OK);
  double *dq = op_f64(m, g.dq, u.nq), *dk = op_f64(m, g.dk, u.nk), *dv = op_f64(m, g.dv, u.nk);
  for (size_t i = 0; i < u.nq; i++) dq[i] = op_slope(value, &u, &u.q[i]);
  for (size_t i = 0; i < u.nk; i++) dk[i] = op_slope(value, &u, &u.k[i]);
  for (size_t i = 0; i < u.nk; i++) dv[i] = op_slope(value, &u, &u.v[i]);
  assert_nmse(g.dq, dq, u.nq, 1e-9);
  assert_nmse(g.dk, dk, u.nk, 1e-9);
  assert_nmse(g.dv, dv, u.nk, 1e-9);
}

static void test_differences(void **state) {
  (void)state;
  op_each(run_differences, &(shape){.segments = 2,
                                    .heads = 2,
                                    .kv_heads = 1,
                                    .dim = 4,
                                    .q = {5, 3},
                                    .k = {5, 3},
                                    .prefix = {3, -1},
                                    .causal = true,
                                    .prefixed = true});
  op_each(run_differences,
          &(shape){.segments = 1, .heads = 2, .kv_heads = 2, .dim = 6, .q = {6}, .k = {7}});
}

static void test_bad(void **state) {
  (void)state;
  gaze_exec *ex = op_open(1, ~0u);
  float x[64] = {0};
  int start[2] = {0, 1}, zero[1] = {0}, one[1] = {1};
  gaze_attention a = {.o = x,
                      .q = x,
                      .k = x,
                      .v = x,
                      .q_start = start,
                      .k_start = zero,
                      .k_end = one,
                      .segments = 1,
                      .heads = 2,
                      .kv_heads = 1,
                      .dim = 4,
                      .ldq = 8,
                      .ldkv = 4,
                      .ldo = 8,
                      .scale = 1.0f};
  assert_int_equal(gaze_ops_cpu.attention_fwd(ex, &a), GAZE_OK);
  a.kv_heads = 3;
  assert_int_equal(gaze_ops_cpu.attention_fwd(ex, &a), GAZE_ERR_ARG);
  a.kv_heads = 1, a.ldq = 7;
  assert_int_equal(gaze_ops_cpu.attention_fwd(ex, &a), GAZE_ERR_ARG);
  a.ldq = 8, a.p_start = zero;
  assert_int_equal(gaze_ops_cpu.attention_fwd(ex, &a), GAZE_ERR_ARG);
  a.p_start = NULL, a.k_start = one, a.k_end = zero;
  assert_int_equal(gaze_ops_cpu.attention_fwd(ex, &a), GAZE_ERR_ARG);
  a.k_start = zero, a.k_end = one;
  assert_int_equal(gaze_ops_cpu.attention_bwd(ex, &(gaze_attention_grad){.fwd = a}), GAZE_ERR_ARG);
  a.segments = 0;
  assert_int_equal(gaze_ops_cpu.attention_fwd(ex, &a), GAZE_OK);
  gaze_exec_close(&ex);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_forward),
      cmocka_unit_test(test_gradient),
      cmocka_unit_test(test_differences),
      cmocka_unit_test(test_bad),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
