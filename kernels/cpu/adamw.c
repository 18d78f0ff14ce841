// kernels/cpu/adamw.c - AdamW (Loshchilov and Hutter 2019, algorithm 2).
#include <math.h>
#include "kernels/cpu/simd.h"

enum { BLOCK = 16384 };

typedef struct step {
  const gaze_adamw *a;
  float keep, rate, root;  // 1 - lr decay, lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t)
} step;

// p = (1 - lr decay) p - lr m^ / (sqrt(v^) + eps)
GAZE_INLINE void update_body(const step *s, long lo, long hi) {
  const gaze_adamw *a = s->a;
  float b1 = a->beta1, b2 = a->beta2, c1 = 1.0f - b1, c2 = 1.0f - b2, eps = a->eps;
  float scale = a->g_scale, keep = s->keep, rate = s->rate, root = s->root;
  float *p = a->p, *m = a->m, *v = a->v;
  const float *grad = a->g;
  GAZE_IVDEP
  for (long i = lo; i < hi; i++) {
    float g = grad[i] * scale;
    float mi = b1 * m[i] + c1 * g, vi = b2 * v[i] + c2 * g * g;
    m[i] = mi, v[i] = vi;
    p[i] = keep * p[i] - rate * mi / (sqrtf(vi) * root + eps);
  }
}
GAZE_CLONES(update, step)

gaze_err gaze_cpu_adamw(gaze_exec *ex, const gaze_adamw *a) {
  if (a->n && (!a->p || !a->m || !a->v || !a->g))
    return gaze_fail(GAZE_ERR_ARG, "adamw: p, m, v or g is NULL");
  if (a->step < 1) return gaze_fail(GAZE_ERR_ARG, "adamw: step: counts from 1");
  double t = (double)a->step;
  step s = {.a = a};
  s.keep = (float)(1.0 - (double)a->lr * (double)a->decay);
  s.rate = (float)((double)a->lr / (1.0 - pow((double)a->beta1, t)));
  s.root = (float)(1.0 / sqrt(1.0 - pow((double)a->beta2, t)));
  gaze_cpu_job job = {ex, &s};
  gaze_cpu_for(ex, (long)a->n, BLOCK, update, &job);
  return GAZE_OK;
}
