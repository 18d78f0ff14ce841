// kernels/cpu/gelu.c - the exact (erf) gelu and its gradient.
#include <math.h>
#include "kernels/cpu/simd.h"

enum { BLOCK = 16384 };

// exp(-z^2) and erfc(z) for z >= 0, to about 2e-7 relative (Chebyshev fit of Numerical Recipes,
// section 6.2: erfc = t exp(-z^2 + P(t)), t = 1/(1 + z/2))
GAZE_INLINE float erfc_pos(float z) {
  float t = 1.0f / (1.0f + 0.5f * z);
  float p = 0.17087277f;
  p = p * t - 0.82215223f;
  p = p * t + 1.48851587f;
  p = p * t - 1.13520398f;
  p = p * t + 0.27886807f;
  p = p * t - 0.18628806f;
  p = p * t + 0.09678418f;
  p = p * t + 0.37409196f;
  p = p * t + 1.00002368f;
  p = p * t - 1.26551223f;
  return t * gaze_exp(p - z * z);
}

GAZE_INLINE void fwd_body(const gaze_gelu *a, long lo, long hi) {
  GAZE_IVDEP
  for (long i = lo; i < hi; i++) {
    float x = a->x[i], z = fabsf(x);
    float half = 0.5f * erfc_pos(z * 0.70710678f);  // the small tail Phi(-|x|)
    a->y[i] = 0.5f * (x + z) - z * half;            // max(x, 0) - |x| Phi(-|x|)
  }
}
GAZE_CLONES(fwd, gaze_gelu)

// d/dx x Phi(x) = Phi(x) + x phi(x)
GAZE_INLINE void bwd_body(const gaze_gelu_grad *a, long lo, long hi) {
  GAZE_IVDEP
  for (long i = lo; i < hi; i++) {
    float x = a->x[i];
    float half = 0.5f * erfc_pos(fabsf(x) * 0.70710678f);
    float step = 0.5f + copysignf(0.5f, x);  // 0 or 1
    float phi = 0.39894228f * gaze_exp(-0.5f * x * x);
    a->dx[i] = a->dy[i] * (step - copysignf(half, x) + x * phi);
  }
}
GAZE_CLONES(bwd, gaze_gelu_grad)

gaze_err gaze_cpu_gelu_fwd(gaze_exec *ex, const gaze_gelu *a) {
  if (a->n && (!a->y || !a->x)) return gaze_fail(GAZE_ERR_ARG, "gelu_fwd: x or y is NULL");
  gaze_cpu_job job = {ex, a};
  gaze_cpu_for(ex, (long)a->n, BLOCK, fwd, &job);
  return GAZE_OK;
}

gaze_err gaze_cpu_gelu_bwd(gaze_exec *ex, const gaze_gelu_grad *a) {
  if (a->n && (!a->dx || !a->dy || !a->x))
    return gaze_fail(GAZE_ERR_ARG, "gelu_bwd: x, dy or dx is NULL");
  gaze_cpu_job job = {ex, a};
  gaze_cpu_for(ex, (long)a->n, BLOCK, bwd, &job);
  return GAZE_OK;
}
