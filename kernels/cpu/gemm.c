// kernels/cpu/gemm.c - matrix product: checks, the choice of kernel, and the f32 path over BLAS.
#include "kernels/cpu/gemm.h"
#include <cblas.h>
#include "kernels/cpu/simd.h"

enum { ROW_BLOCK = 512, COL_BLOCK = 512, SMALL = 1 << 20 };  // SMALL: products not worth a split

typedef struct sgemm {
  const gaze_gemm *g;
  const float *a, *b;
  int lda, ldb;
  int block;  // rows or columns of c per item
  bool by_rows;
} sgemm;

static void fill_bias(const gaze_gemm *g, int i0, int i1, int j0, int j1) {
  for (int i = i0; i < i1; i++) {
    float *c = g->c + (long)i * g->ldc;
    if (g->accumulate)
      for (int j = j0; j < j1; j++) c[j] += g->bias ? g->bias[j] : 0.0f;
    else
      for (int j = j0; j < j1; j++) c[j] = g->bias ? g->bias[j] : 0.0f;
  }
}

static void sgemm_part(void *ctx, int worker, long lo, long hi) {
  const sgemm *s = ctx;
  const gaze_gemm *g = s->g;
  (void)worker;
  int i0 = s->by_rows ? (int)lo : 0, i1 = s->by_rows ? (int)hi : g->m;
  int j0 = s->by_rows ? 0 : (int)lo, j1 = s->by_rows ? g->n : (int)hi;
  if (g->bias) fill_bias(g, i0, i1, j0, j1);
  const float *a = s->a + (g->trans_a ? i0 : (long)i0 * s->lda);
  const float *b = s->b + (g->trans_b ? (long)j0 * s->ldb : j0);
  cblas_sgemm(CblasRowMajor, g->trans_a ? CblasTrans : CblasNoTrans,
              g->trans_b ? CblasTrans : CblasNoTrans, i1 - i0, j1 - j0, g->k, 1.0f, a, s->lda, b,
              s->ldb, g->accumulate || g->bias ? 1.0f : 0.0f, g->c + (long)i0 * g->ldc + j0,
              g->ldc);
}

typedef struct widen {
  float *out;  // [rows,cols]
  const gaze_mat *x;
  int cols;
  bool round;  // to bf16, kept as f32
} widen;

GAZE_INLINE void widen_rows_body(const widen *w, long lo, long hi) {
  for (long r = lo; r < hi; r++) {
    float *out = w->out + r * w->cols;
    gaze_cpu_widen(out, w->x, r, 0, w->cols);
    if (!w->round) continue;
    GAZE_IVDEP
    for (int c = 0; c < w->cols; c++) {
      uint32_t u;
      memcpy(&u, &out[c], sizeof u);
      uint32_t up = (u + 0x7FFFu + (u >> 16 & 1u)) & 0xFFFF0000u;
      u = (u & 0x7FFFFFFFu) > 0x7F800000u ? u : up;
      memcpy(&out[c], &u, sizeof u);
    }
  }
}
GAZE_CLONES(widen_rows, widen)

// points *out at an f32 form of a stored [rows,cols] matrix, a copy only where it is needed
static gaze_err as_f32(gaze_exec *ex, int slot, const gaze_mat *x, int rows, int cols, bool round,
                       const float **out, int *ld) {
  *out = x->data, *ld = x->ld;
  if (x->type == GAZE_F32 && !round) return GAZE_OK;
  float *copy = gaze_cpu_scratch(ex, slot, (size_t)rows * (size_t)cols * sizeof(float));
  if (!copy)
    return gaze_fail(GAZE_ERR_NOMEM, "gemm: out of memory for %d x %d scratch", rows, cols);
  widen w = {.out = copy, .x = x, .cols = cols, .round = round};
  gaze_cpu_job job = {ex, &w};
  gaze_cpu_for(ex, rows, 1 + 65536 / cols, widen_rows, &job);
  *out = copy, *ld = cols;
  return GAZE_OK;
}

static gaze_err gemm_f32(gaze_exec *ex, const gaze_gemm *g) {
  sgemm s = {.g = g};
  bool round = g->bf16_products;
  int ar = g->trans_a ? g->k : g->m, ac = g->trans_a ? g->m : g->k;
  int br = g->trans_b ? g->n : g->k, bc = g->trans_b ? g->k : g->n;
  GAZE_TRY(as_f32(ex, GAZE_SLOT_GEMM_A, &g->a, ar, ac, round, &s.a, &s.lda));
  GAZE_TRY(as_f32(ex, GAZE_SLOT_GEMM_B, &g->b, br, bc, round, &s.b, &s.ldb));
  s.by_rows = g->m >= g->n || g->m >= 2 * ROW_BLOCK;
  int size = s.by_rows ? g->m : g->n;
  s.block = (double)g->m * g->n * g->k < SMALL
                ? size
                : gaze_gemm_block(size, s.by_rows ? ROW_BLOCK : COL_BLOCK);
  gaze_cpu_for(ex, size, s.block, sgemm_part, &s);
  return GAZE_OK;
}

static gaze_err check_mat(const char *name, const gaze_mat *x, int cols) {
  if (!x->data) return gaze_fail(GAZE_ERR_ARG, "gemm: %s.data: is NULL", name);
  if (x->type != GAZE_F32 && x->type != GAZE_BF16 && x->type != GAZE_I8)
    return gaze_fail(GAZE_ERR_UNSUPPORTED, "gemm: %s.type: expected f32, bf16 or i8", name);
  if (x->type == GAZE_I8 && !x->scale)
    return gaze_fail(GAZE_ERR_ARG, "gemm: %s.scale: needed for i8", name);
  if (x->ld < cols)
    return gaze_fail(GAZE_ERR_ARG, "gemm: %s.ld: expected at least %d, not %d", name, cols, x->ld);
  return GAZE_OK;
}

static gaze_err check(const gaze_gemm *g) {
  if (g->m < 0 || g->n < 0 || g->k < 0)
    return gaze_fail(GAZE_ERR_ARG, "gemm: m %d, n %d, k %d: expected >= 0", g->m, g->n, g->k);
  if (!g->m || !g->n) return GAZE_OK;
  if (!g->c) return gaze_fail(GAZE_ERR_ARG, "gemm: c: is NULL");
  if (g->ldc < g->n)
    return gaze_fail(GAZE_ERR_ARG, "gemm: ldc: expected at least %d, not %d", g->n, g->ldc);
  if (!g->k) return GAZE_OK;
  GAZE_TRY(check_mat("a", &g->a, g->trans_a ? g->m : g->k));
  if (g->a.type != GAZE_F32) return gaze_fail(GAZE_ERR_UNSUPPORTED, "gemm: a.type: expected f32");
  return check_mat("b", &g->b, g->trans_b ? g->k : g->n);
}

gaze_err gaze_cpu_gemm(gaze_exec *ex, const gaze_gemm *g) {
  GAZE_TRY(check(g));
  if (!g->m || !g->n) return GAZE_OK;
  if (!g->k) {
    fill_bias(g, 0, g->m, 0, g->n);
    return GAZE_OK;
  }
  if (g->m <= GAZE_GEMV_ROWS && !g->trans_a && g->trans_b) return gaze_cpu_gemv(ex, g);
  if (g->bf16_products && (ex->isa & GAZE_ISA_BF16)) return gaze_cpu_gemm_bf16(ex, g);
  return gemm_f32(ex, g);
}
