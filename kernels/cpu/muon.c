// kernels/cpu/muon.c - Muon (Jordan 2024): momentum, then the update is made orthogonal by
// Newton-Schulz steps X <- a X + (b A + c A A) X with A = X X', on the wide form of X.
#include <math.h>
#include "kernels/cpu/simd.h"

enum { BLOCK = 16384, TURN = 16 };

typedef struct muon {
  const gaze_muon *a;
  float *u;      // [rows,cols] nesterov update
  float *x, *y;  // [r,c] with r <= c: the iterate and its successor
  float *s, *t;  // [r,r]: A, and b A + c A A
  size_t n;
  const float *from;  // what scale_part scales
  float *to, factor;
} muon;

GAZE_INLINE void momentum_body(const muon *w, long lo, long hi) {
  const gaze_muon *a = w->a;
  float mu = a->momentum, scale = a->g_scale;
  float *m = a->m, *u = w->u;
  GAZE_IVDEP
  for (long i = lo; i < hi; i++) {
    float g = a->g[i] * scale, v = mu * m[i] + g;
    m[i] = v;
    u[i] = g + mu * v;
  }
}
GAZE_CLONES(momentum, muon)

GAZE_INLINE void scale_body(const muon *w, long lo, long hi) {
  GAZE_IVDEP
  for (long i = lo; i < hi; i++) w->to[i] = w->from[i] * w->factor;
}
GAZE_CLONES(scale, muon)

GAZE_INLINE void apply_body(const muon *w, long lo, long hi) {
  const gaze_muon *a = w->a;
  float keep = 1.0f - a->lr * a->decay, rate = a->lr * w->factor, *p = a->p;
  GAZE_IVDEP
  for (long i = lo; i < hi; i++) p[i] = keep * p[i] - rate * w->u[i];
}
GAZE_CLONES(apply, muon)

// out[cols,rows] = x[rows,cols] turned, in squares so that both stay in the cache
static void turn(float *out, const float *x, int rows, int cols) {
  for (int i0 = 0; i0 < rows; i0 += TURN)
    for (int j0 = 0; j0 < cols; j0 += TURN)
      for (int i = i0; i < i0 + TURN && i < rows; i++)
        for (int j = j0; j < j0 + TURN && j < cols; j++)
          out[(long)j * rows + i] = x[(long)i * cols + j];
}

static void scaled(gaze_exec *ex, muon *w, float *to, const float *from, float factor, size_t n) {
  gaze_cpu_job job = {ex, w};
  w->to = to, w->from = from, w->factor = factor;
  gaze_cpu_for(ex, (long)n, BLOCK, scale, &job);
}

static gaze_err newton_schulz(gaze_exec *ex, muon *w, int r, int c) {
  const float ka = 3.4445f, kb = -4.7750f, kc = 2.0315f;
  size_t square = (size_t)r * (size_t)r;
  for (int i = 0; i < w->a->ns_steps; i++) {
    gaze_gemm g = {.c = w->s, .ldc = r, .m = r, .n = r, .k = c, .trans_b = true};
    g.bf16_products = w->a->bf16_products;
    g.a = g.b = (gaze_mat){.data = w->x, .type = GAZE_F32, .ld = c};
    GAZE_TRY(gaze_cpu_gemm(ex, &g));
    // t = c A A + b A: A is scaled by c for the left factor, which needs no other buffer
    scaled(ex, w, w->t, w->s, kb, square);
    scaled(ex, w, w->y, w->s, kc, square);
    g.c = w->t, g.k = r, g.trans_b = false, g.accumulate = true;
    g.a = (gaze_mat){.data = w->y, .type = GAZE_F32, .ld = r};
    g.b = (gaze_mat){.data = w->s, .type = GAZE_F32, .ld = r};
    GAZE_TRY(gaze_cpu_gemm(ex, &g));
    scaled(ex, w, w->y, w->x, ka, w->n);
    g.c = w->y, g.ldc = c, g.n = c;
    g.a = (gaze_mat){.data = w->t, .type = GAZE_F32, .ld = r};
    g.b = (gaze_mat){.data = w->x, .type = GAZE_F32, .ld = c};
    GAZE_TRY(gaze_cpu_gemm(ex, &g));
    float *x = w->x;
    w->x = w->y, w->y = x;
  }
  return GAZE_OK;
}

gaze_err gaze_cpu_muon(gaze_exec *ex, const gaze_muon *a) {
  if (a->rows < 0 || a->cols < 0 || a->ns_steps < 0)
    return gaze_fail(GAZE_ERR_ARG, "muon: rows %d, cols %d, ns_steps %d: expected >= 0", a->rows,
                     a->cols, a->ns_steps);
  if (!a->rows || !a->cols) return GAZE_OK;
  if (!a->p || !a->m || !a->g) return gaze_fail(GAZE_ERR_ARG, "muon: p, m or g is NULL");
  bool tall = a->rows > a->cols;
  int r = tall ? a->cols : a->rows, c = tall ? a->rows : a->cols;
  muon w = {.a = a, .n = (size_t)r * (size_t)c};
  size_t square = (size_t)r * (size_t)r;
  // gaze_cpu_sumsq owns the op slot while it runs, so the matrices lie in the last slot
  w.u = gaze_cpu_scratch(ex, GAZE_SLOT_MUON, (3 * w.n + 2 * square) * sizeof(float));
  if (!w.u) return gaze_fail(GAZE_ERR_NOMEM, "muon: out of memory for scratch");
  w.x = w.u + w.n, w.y = w.x + w.n, w.s = w.y + w.n, w.t = w.s + square;
  gaze_cpu_job job = {ex, &w};
  gaze_cpu_for(ex, (long)w.n, BLOCK, momentum, &job);
  double sum;
  GAZE_TRY(gaze_cpu_sumsq(ex, &(gaze_sumsq){.out = &sum, .x = w.u, .n = w.n}));
  if (tall) turn(w.y, w.u, a->rows, a->cols);
  scaled(ex, &w, w.x, tall ? w.y : w.u, (float)(1.0 / (sqrt(sum) + 1e-7)), w.n);
  GAZE_TRY(newton_schulz(ex, &w, r, c));
  if (tall)
    turn(w.u, w.x, r, c);
  else
    w.u = w.x;
  w.factor = a->rows > a->cols ? sqrtf((float)a->rows / (float)a->cols) : 1.0f;
  gaze_cpu_for(ex, (long)w.n, BLOCK, apply, &job);
  return GAZE_OK;
}
