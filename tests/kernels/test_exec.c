// tests/kernels/test_exec.c - the context: thread counts, features, scratch that stops growing.
#include <math.h>
#include <string.h>
#include "fixture_op.h"
#include "kernels/cpu/tile.h"

static void test_open(void **state) {
  (void)state;
  gaze_exec *ex = NULL;
  assert_int_equal(gaze_exec_open_cpu(&ex, -1), GAZE_ERR_ARG);
  assert_int_equal(gaze_exec_open_cpu(&ex, 257), GAZE_ERR_ARG);
  assert_int_equal(gaze_exec_open_cpu(NULL, 1), GAZE_ERR_ARG);
  assert_null(ex);
  assert_int_equal(gaze_exec_open_cpu(&ex, 0), GAZE_OK);
  assert_true(gaze_exec_threads(ex) >= 1);
  assert_true(strlen(gaze_exec_features(ex)) > 0);
  gaze_exec_close(&ex);
  assert_null(ex);
  gaze_exec_close(&ex);
}

// a small step that touches gemm, attention, logprob and muon
static void work(gaze_exec *ex, op_mem *m) {
  enum { T = 40, D = 32 };
  float *x = op_in(m, T * D, 1.0), *w = op_in(m, D * D, 1.0), *y = op_out(m, T * D);
  int start[2] = {0, T}, zero[1] = {0}, end[1] = {T}, target[T] = {0};
  for (int bf16 = 0; bf16 < 2; bf16++) {
    gaze_gemm g = {.c = y,
                   .ldc = D,
                   .a = {x, NULL, GAZE_F32, D},
                   .b = {w, NULL, GAZE_F32, D},
                   .m = T,
                   .n = D,
                   .k = D,
                   .trans_b = true,
                   .bf16_products = bf16};
    assert_int_equal(gaze_ops_cpu.gemm(ex, &g), GAZE_OK);
  }
  float *lse = op_out(m, T), *grad = op_zero(m, T * D);
  gaze_attention a = {.o = y,
                      .lse = lse,
                      .q = x,
                      .k = x,
                      .v = x,
                      .q_start = start,
                      .k_start = zero,
                      .k_end = end,
                      .segments = 1,
                      .heads = 1,
                      .kv_heads = 1,
                      .dim = D,
                      .ldq = D,
                      .ldkv = D,
                      .ldo = D,
                      .scale = 0.2f,
                      .causal = true};
  assert_int_equal(gaze_ops_cpu.attention_fwd(ex, &a), GAZE_OK);
  gaze_attention_grad b = {a, grad, grad, grad, x};
  b.dk = op_zero(m, T * D), b.dv = op_zero(m, T * D);
  assert_int_equal(gaze_ops_cpu.attention_bwd(ex, &b), GAZE_OK);
  gaze_logprob l = {.logp = op_out(m, T),
                    .lse = lse,
                    .x = x,
                    .w = {w, NULL, GAZE_F32, D},
                    .target = target,
                    .rows = T,
                    .cols = D,
                    .vocab = D,
                    .inv_temp = 1.0f};
  assert_int_equal(gaze_ops_cpu.logprob_fwd(ex, &l), GAZE_OK);
  gaze_muon u = {.p = op_zero(m, D * D),
                 .m = op_zero(m, D * D),
                 .g = w,
                 .rows = D,
                 .cols = D,
                 .ns_steps = 2,
                 .lr = 0.1f,
                 .g_scale = 1.0f};
  assert_int_equal(gaze_ops_cpu.muon(ex, &u), GAZE_OK);
}

static void run_steady(gaze_exec *ex, op_mem *m, const void *arg) {
  (void)arg;
  work(ex, m);
  gaze_cpu_slot before[GAZE_SLOT_END];
  memcpy(before, ex->slot, sizeof before);
  work(ex, m);
  assert_memory_equal(before, ex->slot, sizeof before);
}

static void test_scratch_is_steady(void **state) {
  (void)state;
  op_each(run_steady, NULL);
}

static void count(void *ctx, int worker, long lo, long hi) {
  int *hits = ctx;
  (void)worker;
  assert_true(lo % 7 == 0 && (hi - lo == 7 || hi == 100));
  for (long i = lo; i < hi; i++) hits[i]++;
}

static void test_blocks_cover_once(void **state) {
  (void)state;
  for (int threads = 1; threads < 4; threads++) {
    gaze_exec *ex = op_open(threads, 0);
    int hits[100] = {0};
    gaze_cpu_for(ex, 100, 7, count, hits);
    for (int i = 0; i < 100; i++) assert_int_equal(hits[i], 1);
    gaze_cpu_for(ex, 0, 7, count, hits);
    gaze_exec_close(&ex);
  }
}

// exp over its whole range, on each instruction set
static void test_exp(void **state) {
  (void)state;
  static const unsigned levels[] = {0, GAZE_ISA_AVX2, GAZE_ISA_AVX2 | GAZE_ISA_AVX512};
  for (int l = 0; l < 3; l++) {
    gaze_exec *ex = op_open(1, levels[l]);
    for (double x = -87.0; x <= 0.0; x += 0.0137) {
      float v[2] = {(float)x, 0.0f}, max;
      (void)gaze_tile_softmax(ex->isa, v, 2, 1.0f, &max);
      assert_true(max == 0.0f && v[1] == 1.0f);
      double want = exp((double)(float)x);
      assert_true(fabs((double)v[0] - want) <= 3e-7 * want);
    }
    float low[2] = {-200.0f, 0.0f}, bad[2] = {NAN, 0.0f}, max;
    gaze_tile_softmax(ex->isa, low, 2, 1.0f, &max);
    assert_true(low[0] == 0.0f);
    assert_true(isnan(gaze_tile_softmax(ex->isa, bad, 2, 1.0f, &max)));
    gaze_exec_close(&ex);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_open),
      cmocka_unit_test(test_scratch_is_steady),
      cmocka_unit_test(test_blocks_cover_once),
      cmocka_unit_test(test_exp),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
