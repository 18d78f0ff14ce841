// kernels/cpu/rope.c - rotary position embedding (Su et al. 2021), rotate-half form, in place.
#include "kernels/cpu/simd.h"

enum { BLOCK = 32768 };

GAZE_INLINE void rotate_body(const gaze_rope *a, long lo, long hi) {
  int half = a->dim / 2;
  float sign = a->inverse ? -1.0f : 1.0f;
  for (long r = lo; r < hi; r++) {
    const float *cs = a->cos + r * half, *sn = a->sin + r * half;
    for (int h = 0; h < a->heads; h++) {
      float *x = a->x + r * a->ld + (long)h * a->dim, *y = x + half;
      GAZE_IVDEP
      for (int j = 0; j < half; j++) {
        float u = x[j], v = y[j], s = sign * sn[j];
        x[j] = u * cs[j] - v * s;
        y[j] = v * cs[j] + u * s;
      }
    }
  }
}
GAZE_CLONES(rotate, gaze_rope)

gaze_err gaze_cpu_rope(gaze_exec *ex, const gaze_rope *a) {
  if (a->rows < 0 || a->heads < 0 || a->dim < 0 || a->dim % 2)
    return gaze_fail(GAZE_ERR_ARG, "rope: rows %d, heads %d, dim %d: expected >= 0 and dim even",
                     a->rows, a->heads, a->dim);
  if (!a->rows || !a->heads || !a->dim) return GAZE_OK;
  if (!a->x || !a->cos || !a->sin) return gaze_fail(GAZE_ERR_ARG, "rope: x, cos or sin is NULL");
  if (a->ld < (long)a->heads * a->dim)
    return gaze_fail(GAZE_ERR_ARG, "rope: ld: expected at least heads*dim, not %d", a->ld);
  gaze_cpu_job job = {ex, a};
  gaze_cpu_for(ex, a->rows, BLOCK / ((long)a->heads * a->dim), rotate, &job);
  return GAZE_OK;
}
