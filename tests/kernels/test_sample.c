// tests/kernels/test_sample.c - sampling step by step against hand-computed kept sets.
#include <math.h>
#include <string.h>
#include "fixture_op.h"

static int token;
static float logp;

static gaze_sample base(const float *logits, int vocab) {
  return (gaze_sample){.token = &token,
                       .logp = &logp,
                       .logits = logits,
                       .vocab = vocab,
                       .temperature = 1.0f,
                       .top_p = 1.0f,
                       .repetition_penalty = 1.0f};
}

// the set of tokens reachable by sweeping u, as bits; checks that each share is exp(logp)
static unsigned reach(gaze_sample a) {
  gaze_exec *ex = op_open(1, ~0u);
  enum { STEPS = 4000 };
  double share[32] = {0}, lp[32] = {0};
  unsigned set = 0;
  int last = -1;
  for (int i = 0; i < STEPS; i++) {
    a.u = (i + 0.5) / STEPS;
    assert_int_equal(gaze_ops_cpu.sample(ex, &a), GAZE_OK);
    assert_true(token >= last);  // id order
    last = token;
    set |= 1u << token, share[token] += 1.0 / STEPS, lp[token] = (double)logp;
  }
  for (int v = 0; v < 32; v++)
    if (set >> v & 1u) assert_true(fabs(share[v] - exp(lp[v])) < 2.0 / STEPS);
  gaze_exec_close(&ex);
  return set;
}

// probabilities 0.1 0.4 0.2 0.05 0.25
static void make(float *z) {
  static const double p[5] = {0.1, 0.4, 0.2, 0.05, 0.25};
  for (int i = 0; i < 5; i++) z[i] = (float)log(p[i]) + 3.0f;
}

static void test_filters(void **state) {
  (void)state;
  float z[5];
  make(z);
  gaze_sample a = base(z, 5);
  assert_int_equal(reach(a), 0x1F);
  a.top_k = 2;
  assert_int_equal(reach(a), 0x12);
  a.top_k = 0, a.top_p = 0.64f;  // 0.4 + 0.25 reaches it
  assert_int_equal(reach(a), 0x12);
  a.top_p = 0.66f;
  assert_int_equal(reach(a), 0x16);
  a.top_p = 0.001f;  // one always stays
  assert_int_equal(reach(a), 0x02);
  a.top_p = 1.0f, a.min_p = 0.3f;  // at least 0.12
  assert_int_equal(reach(a), 0x16);
  a.min_p = 0.0f;
  uint32_t allow = 0x0D;
  a.allow = &allow;
  assert_int_equal(reach(a), 0x0D);
  // top-p works on what top-k left: 0.4 0.25 0.2 become 0.47 0.29 0.24
  a.allow = NULL, a.top_k = 3, a.top_p = 0.7f;
  assert_int_equal(reach(a), 0x12);
}

static void test_ties(void **state) {
  (void)state;
  float z[4] = {1.0f, 2.0f, 2.0f, 2.0f};
  gaze_sample a = base(z, 4);
  a.top_k = 1;  // all that equal the k-th stay
  assert_int_equal(reach(a), 0x0E);
  a.top_k = 0, a.top_p = 0.29f;  // one is enough, the lower id
  assert_int_equal(reach(a), 0x02);
  a.temperature = 0.0f;
  assert_int_equal(reach(a), 0x02);
}

static void test_penalty_and_temperature(void **state) {
  (void)state;
  gaze_exec *ex = op_open(1, ~0u);
  float z[3] = {2.0f, -1.0f, 1.5f};
  int seen[3] = {0, 0, 1};
  gaze_sample a = base(z, 3);
  a.seen = seen, a.seen_n = 3, a.repetition_penalty = 2.0f, a.temperature = 0.5f;
  // 2 / 2, -1 * 2 and 1.5, over 0.5
  double w[3] = {exp(2.0), exp(-4.0), exp(3.0)}, sum = w[0] + w[1] + w[2];
  a.u = 0.999;
  assert_int_equal(gaze_ops_cpu.sample(ex, &a), GAZE_OK);
  assert_int_equal(token, 2);
  assert_true(fabs((double)logp - log(w[2] / sum)) < 1e-6);
  a.u = 0.0;
  assert_int_equal(gaze_ops_cpu.sample(ex, &a), GAZE_OK);
  assert_int_equal(token, 0);
  assert_true(fabs((double)logp - log(w[0] / sum)) < 1e-6);
  a.temperature = 0.0f;
  assert_int_equal(gaze_ops_cpu.sample(ex, &a), GAZE_OK);
  assert_int_equal(token, 2);
  gaze_exec_close(&ex);
}

// against a plain selection on a large random row
static void test_large(void **state) {
  (void)state;
  enum { N = 5000 };
  static float z[N];
  gaze_rng r;
  gaze_rng_init(&r, 11, 0);
  double sum = 0.0, kept = 0.0;
  for (int i = 0; i < N; i++) sum += exp((double)(z[i] = (float)(2.0 * gaze_rng_normal(&r))));
  static bool in[N];
  memset(in, 0, sizeof in);
  while (kept < (double)0.8f * sum) {
    int best = -1;
    for (int i = 0; i < N; i++)
      if (!in[i] && (best < 0 || z[i] > z[best])) best = i;
    in[best] = true, kept += exp((double)z[best]);
  }
  gaze_exec *ex = op_open(1, ~0u);
  gaze_sample a = base(z, N);
  a.top_p = 0.8f;
  for (int t = 0; t < 200; t++) {
    a.u = gaze_rng_real(&r, 0.0, 1.0);
    double run = 0.0;
    int want = -1;
    for (int i = 0; i < N && want < 0; i++)
      if (in[i] && (run += exp((double)z[i])) > a.u * kept) want = i;
    assert_int_equal(gaze_ops_cpu.sample(ex, &a), GAZE_OK);
    assert_int_equal(token, want);
  }
  gaze_exec_close(&ex);
}

static void test_bad(void **state) {
  (void)state;
  gaze_exec *ex = op_open(1, ~0u);
  float z[2] = {1.0f, NAN}, bad[2] = {NAN, -INFINITY};
  int seen[1] = {2};
  uint32_t none = 0;
  gaze_sample a = base(z, 2);
  assert_int_equal(gaze_ops_cpu.sample(ex, &a), GAZE_OK);  // a NaN is never chosen
  assert_int_equal(token, 0);
  a.allow = &none;
  assert_int_equal(gaze_ops_cpu.sample(ex, &a), GAZE_ERR_RANGE);
  a.allow = NULL, a.logits = bad;
  assert_int_equal(gaze_ops_cpu.sample(ex, &a), GAZE_ERR_RANGE);
  a.logits = z, a.u = 1.0;
  assert_int_equal(gaze_ops_cpu.sample(ex, &a), GAZE_ERR_ARG);
  a.u = 0.5, a.seen = seen, a.seen_n = 1;
  assert_int_equal(gaze_ops_cpu.sample(ex, &a), GAZE_ERR_ARG);
  a.seen_n = 0, a.temperature = NAN;
  assert_int_equal(gaze_ops_cpu.sample(ex, &a), GAZE_ERR_ARG);
  a.temperature = 1.0f, a.top_p = 0.0f;
  assert_int_equal(gaze_ops_cpu.sample(ex, &a), GAZE_ERR_ARG);
  a.top_p = 1.0f, a.vocab = 0;
  assert_int_equal(gaze_ops_cpu.sample(ex, &a), GAZE_ERR_ARG);
  gaze_exec_close(&ex);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_filters),
      cmocka_unit_test(test_ties),
      cmocka_unit_test(test_penalty_and_temperature),
      cmocka_unit_test(test_large),
      cmocka_unit_test(test_bad),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
