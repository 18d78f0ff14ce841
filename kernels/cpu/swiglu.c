// kernels/cpu/swiglu.c - silu(gate) * up and its gradient.
#include "kernels/cpu/simd.h"

enum { BLOCK = 16384 };  // elements per block of work

GAZE_INLINE void fwd_body(const gaze_swiglu *a, long lo, long hi) {
  for (long r = lo; r < hi; r++) {
    float *y = a->y + r * a->cols;
    const float *gate = a->gate + r * a->ld, *up = a->up + r * a->ld;
    GAZE_IVDEP
    for (int c = 0; c < a->cols; c++) y[c] = gate[c] / (1.0f + gaze_exp(-gate[c])) * up[c];
  }
}
GAZE_CLONES(fwd, gaze_swiglu)

// silu'(g) = s (1 + g (1 - s)) with s = sigmoid(g)
GAZE_INLINE void bwd_body(const gaze_swiglu_grad *a, long lo, long hi) {
  for (long r = lo; r < hi; r++) {
    const float *dy = a->dy + r * a->cols;
    const float *gate = a->gate + r * a->ld, *up = a->up + r * a->ld;
    float *dg = a->d_gate + r * a->ld, *du = a->d_up + r * a->ld;
    GAZE_IVDEP
    for (int c = 0; c < a->cols; c++) {
      float g = gate[c], s = 1.0f / (1.0f + gaze_exp(-g)), d = dy[c];
      float u = up[c];
      du[c] = d * g * s;
      dg[c] = d * u * s * (1.0f + g * (1.0f - s));
    }
  }
}
GAZE_CLONES(bwd, gaze_swiglu_grad)

static gaze_err check(const char *op, int rows, int cols, int ld, bool null) {
  if (rows < 0 || cols < 0 || ld < cols)
    return gaze_fail(GAZE_ERR_ARG,
                     "%s: rows %d, cols %d, ld %d: expected sizes >= 0 and ld >= cols", op, rows,
                     cols, ld);
  if (rows && cols && null) return gaze_fail(GAZE_ERR_ARG, "%s: an array is NULL", op);
  return GAZE_OK;
}

gaze_err gaze_cpu_swiglu_fwd(gaze_exec *ex, const gaze_swiglu *a) {
  GAZE_TRY(check("swiglu_fwd", a->rows, a->cols, a->ld, !a->y || !a->gate || !a->up));
  if (!a->cols) return GAZE_OK;
  gaze_cpu_job job = {ex, a};
  gaze_cpu_for(ex, a->rows, BLOCK / a->cols, fwd, &job);
  return GAZE_OK;
}

gaze_err gaze_cpu_swiglu_bwd(gaze_exec *ex, const gaze_swiglu_grad *a) {
  bool null = !a->d_gate || !a->d_up || !a->dy || !a->gate || !a->up;
  GAZE_TRY(check("swiglu_bwd", a->rows, a->cols, a->ld, null));
  if (!a->cols) return GAZE_OK;
  gaze_cpu_job job = {ex, a};
  gaze_cpu_for(ex, a->rows, BLOCK / a->cols, bwd, &job);
  return GAZE_OK;
}
