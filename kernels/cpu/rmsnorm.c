// kernels/cpu/rmsnorm.c - root-mean-square norm (Zhang and Sennrich 2019), residual fused.
#include <math.h>
#include "kernels/cpu/simd.h"

enum { BLOCK = 32768, GRAD_ROWS = 64 };

GAZE_INLINE float dot16(const float *x, const float *y, int n) {
  float s[16] = {0};
  int i = 0;
  for (; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; j++) s[j] += x[i + j] * y[i + j];
  for (int j = 0; i < n; i++, j++) s[j] += x[i] * y[i];
  return gaze_sum16(s);
}

GAZE_INLINE void fwd_body(const gaze_rmsnorm *a, long lo, long hi) {
  for (long r = lo; r < hi; r++) {
    const float *x = a->x + r * a->cols;
    if (a->add) {
      const float *add = a->add + r * a->cols;
      float *sum = a->sum + r * a->cols;
      GAZE_IVDEP
      for (int c = 0; c < a->cols; c++) sum[c] = x[c] + add[c];
      x = sum;
    }
    float rstd = 1.0f / sqrtf(dot16(x, x, a->cols) / (float)a->cols + a->eps);
    float *y = a->y + r * a->cols;
    GAZE_IVDEP
    for (int c = 0; c < a->cols; c++) y[c] = x[c] * rstd * a->w[c];
    if (a->rstd) a->rstd[r] = rstd;
  }
}
GAZE_CLONES(fwd, gaze_rmsnorm)

gaze_err gaze_cpu_rmsnorm_fwd(gaze_exec *ex, const gaze_rmsnorm *a) {
  if (a->rows < 0 || a->cols < 0)
    return gaze_fail(GAZE_ERR_ARG, "rmsnorm_fwd: rows %d, cols %d: expected >= 0", a->rows,
                     a->cols);
  if (!a->rows || !a->cols) return GAZE_OK;
  if (!a->y || !a->x || !a->w || (a->add && !a->sum))
    return gaze_fail(GAZE_ERR_ARG, "rmsnorm_fwd: y, x, w, or sum (needed with add) is NULL");
  gaze_cpu_job job = {ex, a};
  gaze_cpu_for(ex, a->rows, BLOCK / a->cols, fwd, &job);
  return GAZE_OK;
}

typedef struct grad {
  const gaze_rmsnorm_grad *a;
  float *part;  // [blocks, cols]: dw of each block of rows, or NULL
} grad;

// dx = rstd (dy w - x rstd^2 mean(dy w x)); dw = sum over rows of dy x rstd
GAZE_INLINE void bwd_body(const grad *g, long lo, long hi) {
  const gaze_rmsnorm_grad *a = g->a;
  int n = a->cols;
  float *part = g->part ? g->part + lo / GRAD_ROWS * n : NULL;
  if (part) memset(part, 0, (size_t)n * sizeof *part);
  for (long r = lo; r < hi; r++) {
    const float *dy = a->dy + r * n, *x = a->x + r * n, *w = a->w;
    float *dx = a->dx + r * n, rstd = a->rstd[r], s[16] = {0};
    int i = 0;
    for (; i + 16 <= n; i += 16)
      for (int j = 0; j < 16; j++) s[j] += dy[i + j] * w[i + j] * x[i + j];
    for (int j = 0; i < n; i++, j++) s[j] += dy[i] * w[i] * x[i];
    float mean = gaze_sum16(s) / (float)n * rstd * rstd;
    if (a->accumulate) {
      GAZE_IVDEP
      for (int c = 0; c < n; c++) dx[c] += rstd * (dy[c] * w[c] - x[c] * mean);
    } else {
      GAZE_IVDEP
      for (int c = 0; c < n; c++) dx[c] = rstd * (dy[c] * w[c] - x[c] * mean);
    }
    if (!part) continue;
    GAZE_IVDEP
    for (int c = 0; c < n; c++) part[c] += dy[c] * x[c] * rstd;
  }
}
GAZE_CLONES(bwd, grad)

gaze_err gaze_cpu_rmsnorm_bwd(gaze_exec *ex, const gaze_rmsnorm_grad *a) {
  if (a->rows < 0 || a->cols < 0)
    return gaze_fail(GAZE_ERR_ARG, "rmsnorm_bwd: rows %d, cols %d: expected >= 0", a->rows,
                     a->cols);
  if (!a->rows || !a->cols) return GAZE_OK;
  if (!a->dx || !a->dy || !a->x || !a->rstd || !a->w)
    return gaze_fail(GAZE_ERR_ARG, "rmsnorm_bwd: dx, dy, x, rstd or w is NULL");
  long blocks = (a->rows + GRAD_ROWS - 1) / GRAD_ROWS;
  grad g = {.a = a};
  if (a->dw) {
    g.part = gaze_cpu_scratch(ex, GAZE_SLOT_OP, (size_t)blocks * (size_t)a->cols * sizeof *g.part);
    if (!g.part) return gaze_fail(GAZE_ERR_NOMEM, "rmsnorm_bwd: out of memory for scratch");
  }
  gaze_cpu_job job = {ex, &g};
  gaze_cpu_for(ex, a->rows, GRAD_ROWS, bwd, &job);
  for (long b = 0; a->dw && b < blocks; b++)
    for (int c = 0; c < a->cols; c++) a->dw[c] += g.part[b * a->cols + c];
  return GAZE_OK;
}
