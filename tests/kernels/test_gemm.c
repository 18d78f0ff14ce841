// tests/kernels/test_gemm.c - matrix product in every form against sums in f64.
#include <math.h>
#include <string.h>
#include "core/bf16.h"
#include "fixture_op.h"

typedef struct shape {
  int m, n, k;
  bool trans_a, trans_b, accumulate, bias, bf16;
  gaze_dtype type;  // of b
} shape;

static double rounded(double x, bool bf16) {
  return bf16 ? (double)gaze_bf16_to_f32(gaze_bf16_from_f32((float)x)) : x;
}

// a random stored matrix of a type, and its exact values
static gaze_mat make(op_mem *m, gaze_dtype type, int rows, int cols, double *exact) {
  int ld = cols + 3;
  gaze_mat x = {.type = type, .ld = ld};
  size_t n = (size_t)rows * (size_t)ld;
  float *f = op_in(m, n, 1.0), *scale = op_in(m, (size_t)rows, 0.0);
  if (type == GAZE_F32) x.data = f;
  uint16_t *h = op_raw(m, n * 2, false);
  int8_t *q = op_raw(m, n, false);
  for (int r = 0; r < rows; r++) {
    scale[r] = 0.01f + 0.001f * (float)(r % 7);
    for (int c = 0; c < ld; c++) {
      size_t i = (size_t)r * (size_t)ld + (size_t)c;
      h[i] = gaze_bf16_from_f32(f[i]);
      q[i] = (int8_t)gaze_rng_int(&m->rng, -127, 127);
      if (c >= cols) continue;
      double v = (double)f[i];
      if (type == GAZE_BF16) v = (double)gaze_bf16_to_f32(h[i]);
      if (type == GAZE_I8) v = (double)((float)q[i] * scale[r]);
      exact[(size_t)r * (size_t)cols + (size_t)c] = v;
    }
  }
  if (type == GAZE_BF16) x.data = h;
  if (type == GAZE_I8) x.data = q, x.scale = scale;
  return x;
}

static void run(gaze_exec *ex, op_mem *mem, const void *arg) {
  const shape *s = arg;
  size_t m = (size_t)s->m, n = (size_t)s->n, k = (size_t)s->k;
  double *ea = op_raw(mem, m * k * sizeof(double), false);
  double *eb = op_raw(mem, n * k * sizeof(double), false);
  double *want = op_raw(mem, m * n * sizeof(double), false);
  gaze_gemm g = {.m = s->m, .n = s->n, .k = s->k, .trans_a = s->trans_a, .trans_b = s->trans_b};
  g.accumulate = s->accumulate, g.bf16_products = s->bf16;
  g.a = make(mem, GAZE_F32, s->trans_a ? s->k : s->m, s->trans_a ? s->m : s->k, ea);
  g.b = make(mem, s->type, s->trans_b ? s->n : s->k, s->trans_b ? s->k : s->n, eb);
  float *bias = op_in(mem, n, 1.0), *start = op_in(mem, m * n, 1.0);
  g.bias = s->bias ? bias : NULL;
  g.ldc = s->n + 5;
  g.c = op_out(mem, (m > 0 ? m - 1 : 0) * (size_t)g.ldc + n);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      double sum = s->bias ? (double)bias[j] : 0.0;
      if (s->accumulate) {
        sum += (double)start[i * n + j];
        g.c[i * (size_t)g.ldc + j] = start[i * n + j];
      }
      for (size_t p = 0; p < k; p++)
        sum += rounded(ea[s->trans_a ? p * m + i : i * k + p], s->bf16) *
               rounded(eb[s->trans_b ? j * k + p : p * n + j], s->bf16);
      want[i * n + j] = sum;
    }
  assert_int_equal(gaze_ops_cpu.gemm(ex, &g), GAZE_OK);
  float *got = op_raw(mem, m * n * sizeof *got, false);
  for (size_t i = 0; i < m; i++) {
    memcpy(got + i * n, g.c + i * (size_t)g.ldc, n * sizeof *got);
    // the gap between rows is not written
    for (size_t j = n; j < (size_t)g.ldc && i + 1 < m; j++)
      assert_true(isnan(g.c[i * (size_t)g.ldc + j]));
  }
  assert_nmse(got, want, m * n, 1e-11);
}

static void each_form(shape s) {
  for (int form = 0; form < 32; form++) {
    s.trans_a = form & 1, s.trans_b = form & 2, s.accumulate = form & 4, s.bias = form & 8;
    s.bf16 = form & 16;
    op_each(run, &s);
  }
}

static void test_odd_shapes(void **state) {
  (void)state;
  static const int sizes[] = {1, 3, 33};
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      for (int l = 0; l < 3; l++)
        each_form((shape){.m = sizes[i], .n = sizes[j], .k = sizes[l], .type = GAZE_F32});
}

static void test_larger(void **state) {
  (void)state;
  each_form((shape){.m = 257, .n = 130, .k = 257, .type = GAZE_F32});
  each_form((shape){.m = 7, .n = 257, .k = 300, .type = GAZE_F32});
}

static void test_weights(void **state) {
  (void)state;
  static const int rows[] = {1, 4, 5, 8, 9, 70};
  for (int i = 0; i < 6; i++) {
    each_form((shape){.m = rows[i], .n = 67, .k = 97, .type = GAZE_BF16});
    each_form((shape){.m = rows[i], .n = 67, .k = 97, .type = GAZE_I8});
  }
}

// long k (several passes), many columns (the split along n), enough rows for many blocks
static void test_blocks(void **state) {
  (void)state;
  op_each(
      run,
      &(shape){.m = 192, .n = 100, .k = 1500, .trans_a = true, .accumulate = true, .bf16 = true});
  op_each(run, &(shape){.m = 1100, .n = 70, .k = 65, .trans_b = true, .bf16 = true});
  op_each(run, &(shape){.m = 1100, .n = 70, .k = 65, .trans_b = true});
  op_each(run, &(shape){.m = 1, .n = 3001, .k = 400, .trans_b = true});
  op_each(run, &(shape){.m = 20, .n = 1200, .k = 64, .trans_b = true, .bf16 = true, .bias = true});
}

// rounding to bf16 costs about 1e-5 against exact products, and is really done
static void test_rounding_is_bf16(void **state) {
  (void)state;
  enum { K = 256 };
  float a[16 * K], b[16 * K], c[256];
  double want[256];
  gaze_rng r;
  gaze_rng_init(&r, 3, 0);
  for (int i = 0; i < 16 * K; i++)
    a[i] = (float)gaze_rng_normal(&r), b[i] = (float)gaze_rng_normal(&r);
  for (int i = 0; i < 256; i++) {
    want[i] = 0.0;
    for (int p = 0; p < K; p++) want[i] += (double)a[i / 16 * K + p] * (double)b[i % 16 * K + p];
  }
  gaze_exec *ex = op_open(2, ~0u);
  gaze_gemm g = {.c = c,
                 .ldc = 16,
                 .a = {a, NULL, GAZE_F32, K},
                 .b = {b, NULL, GAZE_F32, K},
                 .m = 16,
                 .n = 16,
                 .k = K,
                 .trans_b = true,
                 .bf16_products = true};
  assert_int_equal(gaze_ops_cpu.gemm(ex, &g), GAZE_OK);
  double e = op_nmse(c, want, 256);
  assert_true(e > 1e-7 && e < 2e-5);
  gaze_exec_close(&ex);
}

static void test_zero_and_bad(void **state) {
  (void)state;
  gaze_exec *ex = op_open(1, ~0u);
  float x[4] = {1, 2, 3, 4}, c[4] = {9, 9, 9, 9}, bias[2] = {5, 6};
  gaze_mat f = {x, NULL, GAZE_F32, 2};
  assert_int_equal(gaze_ops_cpu.gemm(ex, &(gaze_gemm){.m = 0, .n = 2, .k = 2}), GAZE_OK);
  // no products: the bias remains
  gaze_gemm g = {.c = c, .ldc = 2, .a = f, .b = f, .bias = bias, .m = 2, .n = 2, .k = 0};
  assert_int_equal(gaze_ops_cpu.gemm(ex, &g), GAZE_OK);
  assert_true(c[0] == 5 && c[1] == 6 && c[2] == 5 && c[3] == 6);
  g.k = 2, g.m = -1;
  assert_int_equal(gaze_ops_cpu.gemm(ex, &g), GAZE_ERR_ARG);
  g.m = 2, g.ldc = 1;
  assert_int_equal(gaze_ops_cpu.gemm(ex, &g), GAZE_ERR_ARG);
  g.ldc = 2, g.a.data = NULL;
  assert_int_equal(gaze_ops_cpu.gemm(ex, &g), GAZE_ERR_ARG);
  g.a = f, g.a.type = GAZE_BF16;
  assert_int_equal(gaze_ops_cpu.gemm(ex, &g), GAZE_ERR_UNSUPPORTED);
  g.a = f, g.b.type = GAZE_I8;
  assert_int_equal(gaze_ops_cpu.gemm(ex, &g), GAZE_ERR_ARG);
  g.b.type = GAZE_F16;
  assert_int_equal(gaze_ops_cpu.gemm(ex, &g), GAZE_ERR_UNSUPPORTED);
  gaze_exec_close(&ex);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_odd_shapes),       cmocka_unit_test(test_larger),
      cmocka_unit_test(test_weights),          cmocka_unit_test(test_blocks),
      cmocka_unit_test(test_rounding_is_bf16), cmocka_unit_test(test_zero_and_bad),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
