// kernels/cpu/logprob.c - log-probability of targets without the full logits, and its gradient.
//
// Rows without a target are dropped first; the others are done in chunks, each a gemm, a softmax
// and, backwards, two more gemms.
#include <math.h>
#include "kernels/cpu/simd.h"
#include "kernels/cpu/tile.h"

enum { CHUNK_FLOATS = 1 << 20, CHUNK_MAX = 1024, CHUNK_MIN = 16 };

// one chunk of kept rows
typedef struct chunk {
  const gaze_logprob *a;
  const gaze_logprob_grad *grad;  // NULL forwards
  gaze_exec *ex;
  const int *kept;  // [rows] row numbers
  float *x, *dx;    // [rows,cols] their inputs and gradients
  float *z;         // [rows,vocab] logits, then their gradients
  int rows;
} chunk;

static gaze_err check(const char *op, const gaze_logprob *a) {
  if (a->rows < 0 || a->cols < 1 || a->vocab < 1)
    return gaze_fail(GAZE_ERR_ARG, "%s: rows %d, cols %d, vocab %d: expected >= 0, >= 1, >= 1", op,
                     a->rows, a->cols, a->vocab);
  if (!a->rows) return GAZE_OK;
  if (!a->lse || !a->x || !a->w.data || !a->target)
    return gaze_fail(GAZE_ERR_ARG, "%s: lse, x, w or target is NULL", op);
  if (!(a->inv_temp > 0.0f)) return gaze_fail(GAZE_ERR_ARG, "%s: inv_temp: expected positive", op);
  for (int r = 0; r < a->rows; r++)
    if (a->target[r] >= a->vocab)
      return gaze_fail(GAZE_ERR_ARG, "%s: target[%d]: %d is not below vocab %d", op, r,
                       a->target[r], a->vocab);
  return GAZE_OK;
}

static void score_rows(void *ctx, int worker, long lo, long hi) {
  const chunk *c = ctx;
  const gaze_logprob *a = c->a;
  float *e = gaze_cpu_scratch(c->ex, worker, 0);
  for (long i = lo; i < hi; i++) {
    int r = c->kept[i];
    const float *z = c->z + i * a->vocab;
    float max;
    memcpy(e, z, (size_t)a->vocab * sizeof *e);
    float sum = gaze_tile_softmax(c->ex->isa, e, a->vocab, a->inv_temp, &max);
    float lse = max + logf(sum);
    a->lse[r] = lse;
    a->logp[r] = a->inv_temp * z[a->target[r]] - lse;
    if (a->entropy)
      a->entropy[r] = lse - a->inv_temp * gaze_tile_dot(c->ex->isa, e, z, a->vocab) / sum;
    if (a->best) a->best[r] = gaze_tile_argmax(c->ex->isa, z, a->vocab);
  }
}

// d logp / d z = inv_temp (onehot - p)
GAZE_INLINE void slope_body(const chunk *c, long lo, long hi) {
  const gaze_logprob *a = c->a;
  for (long i = lo; i < hi; i++) {
    int r = c->kept[i];
    float *z = c->z + i * a->vocab, k = c->grad->g[r] * a->inv_temp, lse = a->lse[r];
    float temp = a->inv_temp;
    GAZE_IVDEP
    for (int v = 0; v < a->vocab; v++) z[v] = -k * gaze_exp(temp * z[v] - lse);
    z[a->target[r]] += k;
  }
}
GAZE_CLONES(slope, chunk)

static void collect_rows(void *ctx, int worker, long lo, long hi) {
  const chunk *c = ctx;
  const gaze_logprob *a = c->a;
  (void)worker;
  for (long i = lo; i < hi; i++)
    memcpy(c->x + i * a->cols, a->x + (long)c->kept[i] * a->cols, (size_t)a->cols * sizeof(float));
}

static gaze_err run_grad(chunk *c) {
  const gaze_logprob *a = c->a;
  gaze_cpu_job job = {c->ex, c};
  gaze_cpu_for(c->ex, c->rows, 8, slope, &job);
  gaze_gemm g = {.c = c->dx,
                 .ldc = a->cols,
                 .a = {.data = c->z, .type = GAZE_F32, .ld = a->vocab},
                 .b = a->w,
                 .m = c->rows,
                 .n = a->cols,
                 .k = a->vocab,
                 .bf16_products = a->bf16_products};
  GAZE_TRY(gaze_cpu_gemm(c->ex, &g));
  for (int i = 0; i < c->rows; i++)
    memcpy(c->grad->dx + (long)c->kept[i] * a->cols, c->dx + (long)i * a->cols,
           (size_t)a->cols * sizeof(float));
  if (!c->grad->dw) return GAZE_OK;
  g.c = c->grad->dw;
  g.b = (gaze_mat){.data = c->x, .type = GAZE_F32, .ld = a->cols};
  g.m = a->vocab, g.k = c->rows;
  g.trans_a = g.accumulate = true;
  return gaze_cpu_gemm(c->ex, &g);
}

static gaze_err run_chunk(chunk *c) {
  const gaze_logprob *a = c->a;
  gaze_cpu_for(c->ex, c->rows, 64, collect_rows, c);
  gaze_gemm g = {.c = c->z,
                 .ldc = a->vocab,
                 .a = {.data = c->x, .type = GAZE_F32, .ld = a->cols},
                 .b = a->w,
                 .m = c->rows,
                 .n = a->vocab,
                 .k = a->cols,
                 .trans_b = true,
                 .bf16_products = a->bf16_products};
  GAZE_TRY(gaze_cpu_gemm(c->ex, &g));
  if (c->grad) return run_grad(c);
  GAZE_TRY(gaze_cpu_scratch_all(c->ex, (size_t)a->vocab * sizeof(float)));
  gaze_cpu_for(c->ex, c->rows, 8, score_rows, c);
  return GAZE_OK;
}

static gaze_err run(gaze_exec *ex, const gaze_logprob *a, const gaze_logprob_grad *grad) {
  chunk c = {.a = a, .grad = grad, .ex = ex};
  int most = CHUNK_FLOATS / a->vocab;
  most = most > CHUNK_MAX ? CHUNK_MAX : most < CHUNK_MIN ? CHUNK_MIN : most;
  size_t floats = (size_t)most * (size_t)(a->vocab + 2 * (long)a->cols);
  c.z = gaze_cpu_scratch(ex, GAZE_SLOT_OP, (floats + (size_t)a->rows) * sizeof(float));
  if (!c.z) return gaze_fail(GAZE_ERR_NOMEM, "logprob: out of memory for scratch");
  c.x = c.z + (long)most * a->vocab;
  c.dx = c.x + (long)most * a->cols;
  int *kept = (int *)(void *)(c.dx + (long)most * a->cols), n = 0;
  for (int r = 0; r < a->rows; r++)
    if (a->target[r] >= 0) kept[n++] = r;
  for (int i = 0; i < n; i += most) {
    c.kept = kept + i;
    c.rows = n - i < most ? n - i : most;
    GAZE_TRY(run_chunk(&c));
  }
  return GAZE_OK;
}

gaze_err gaze_cpu_logprob_fwd(gaze_exec *ex, const gaze_logprob *a) {
  GAZE_TRY(check("logprob_fwd", a));
  if (!a->rows) return GAZE_OK;
  if (!a->logp) return gaze_fail(GAZE_ERR_ARG, "logprob_fwd: logp is NULL");
  for (int r = 0; r < a->rows; r++) {
    if (a->target[r] >= 0) continue;
    a->logp[r] = a->lse[r] = 0.0f;
    if (a->entropy) a->entropy[r] = 0.0f;
    if (a->best) a->best[r] = 0;
  }
  return run(ex, a, NULL);
}

gaze_err gaze_cpu_logprob_bwd(gaze_exec *ex, const gaze_logprob_grad *g) {
  const gaze_logprob *a = &g->fwd;
  GAZE_TRY(check("logprob_bwd", a));
  if (!a->rows) return GAZE_OK;
  if (!g->g || !g->dx) return gaze_fail(GAZE_ERR_ARG, "logprob_bwd: g or dx is NULL");
  for (int r = 0; r < a->rows; r++)
    if (a->target[r] < 0) memset(g->dx + (long)r * a->cols, 0, (size_t)a->cols * sizeof *g->dx);
  return run(ex, a, g);
}
