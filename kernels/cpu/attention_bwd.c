// kernels/cpu/attention_bwd.c - gradient of attention; probabilities are recomputed from lse.
//
// With P = softmax(scale q k'), D = rowsum(do * o): dv = P' do, dS = P * (do v' - D) scale,
// dq = dS k, dk = dS' q (Dao et al. 2022, appendix B). Work item: (component, kv head), where a
// component is the segments that share keys, so that no two workers add to the same row.
#include "kernels/cpu/attention.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/tile.h"

enum { ROWS = 64, KEYS = 256 };  // query rows and keys of a tile

typedef struct backward {
  const gaze_attention_grad *g;
  gaze_exec *ex;
  int *leader;  // [segments] first segment of the component
  long keys;    // most keys of a segment, rounded up
} backward;

// scratch of a worker
typedef struct space {
  float *kt, *vt;  // [dim, keys] turned
  float *p, *dp;   // [ROWS, KEYS]
} space;

// one tile: rows q..q+rows-1 of head h, keys j0..j0+n-1, stored from row `key` on
static void run_tile(const backward *b, const gaze_keys *k, const space *s, int h, int q, int rows,
                     int j0, int n, long key) {
  const gaze_attention *a = &b->g->fwd;
  unsigned isa = b->ex->isa;
  long at_q = (long)q * a->ldq + (long)h * a->dim, at_o = (long)q * a->ldo + (long)h * a->dim;
  long at_k = key * a->ldkv + (long)(h / (a->heads / a->kv_heads)) * a->dim;
  gaze_tile t = {.ldc = KEYS, .sk = 1, .ldb = b->keys, .m = rows, .n = n, .k = a->dim};
  t.c = s->p, t.a = a->q + at_q, t.si = a->ldq, t.b = s->kt + j0;
  gaze_tile_run(isa, &t);
  t.c = s->dp, t.a = b->g->d_o + at_o, t.si = a->ldo, t.b = s->vt + j0;
  gaze_tile_run(isa, &t);
  for (int i = 0; i < rows; i++) {
    float *p = s->p + i * KEYS, *dp = s->dp + i * KEYS;
    const float *d_o = b->g->d_o + at_o + (long)i * a->ldo, *o = a->o + at_o + (long)i * a->ldo;
    int seen = gaze_attention_seen(a, k, q + i) - j0;
    seen = seen < 0 ? 0 : seen > n ? n : seen;
    if (seen)
      gaze_tile_softmax_grad(isa, p, dp, seen, a->scale, a->lse[(long)(q + i) * a->heads + h],
                             gaze_tile_dot(isa, d_o, o, a->dim));
    for (int j = seen; j < n; j++) p[j] = dp[j] = 0.0f;
  }
  t = (gaze_tile){.a = s->dp,
                  .si = KEYS,
                  .sk = 1,
                  .b = a->k + at_k,
                  .ldb = a->ldkv,
                  .m = rows,
                  .n = a->dim,
                  .k = n,
                  .accumulate = true};
  t.c = b->g->dq + at_q, t.ldc = a->ldq;
  gaze_tile_run(isa, &t);
  t.ldc = a->ldkv, t.si = 1, t.sk = KEYS, t.m = n, t.k = rows;
  t.c = b->g->dv + at_k, t.a = s->p, t.b = b->g->d_o + at_o, t.ldb = a->ldo;
  gaze_tile_run(isa, &t);
  t.c = b->g->dk + at_k, t.a = s->dp, t.b = a->q + at_q, t.ldb = a->ldq;
  gaze_tile_run(isa, &t);
}

static void run_segment(const backward *b, const space *s, int segment, int kv) {
  const gaze_attention *a = &b->g->fwd;
  unsigned isa = b->ex->isa;
  gaze_keys k = gaze_attention_keys(a, segment);
  int group = a->heads / a->kv_heads;
  long pre = (long)k.p0 * a->ldkv + (long)kv * a->dim,
       own = (long)k.k0 * a->ldkv + (long)kv * a->dim;
  gaze_tile_turn(isa, s->kt, b->keys, a->k + pre, a->ldkv, k.prefix, a->dim);
  gaze_tile_turn(isa, s->kt + k.prefix, b->keys, a->k + own, a->ldkv, k.n - k.prefix, a->dim);
  gaze_tile_turn(isa, s->vt, b->keys, a->v + pre, a->ldkv, k.prefix, a->dim);
  gaze_tile_turn(isa, s->vt + k.prefix, b->keys, a->v + own, a->ldkv, k.n - k.prefix, a->dim);
  for (int h = kv * group; h < (kv + 1) * group; h++)
    for (int q = k.q0; q < k.q1; q += ROWS) {
      int rows = k.q1 - q < ROWS ? k.q1 - q : ROWS;
      int seen = gaze_attention_seen(a, &k, q + rows - 1);
      for (int j = 0; j < seen;) {
        int end = j < k.prefix ? k.prefix : k.n;  // a tile does not cross the end of the prefix
        int n = end - j < KEYS ? end - j : KEYS;
        if (n > seen - j) n = seen - j;
        run_tile(b, &k, s, h, q, rows, j, n, j < k.prefix ? k.p0 + j : k.k0 + j - k.prefix);
        j += n;
      }
    }
}

static void run_items(void *ctx, int worker, long lo, long hi) {
  const backward *b = ctx;
  const gaze_attention *a = &b->g->fwd;
  space s = {.kt = gaze_cpu_scratch(b->ex, worker, 0)};
  s.vt = s.kt + b->keys * a->dim;
  s.p = s.vt + b->keys * a->dim;
  s.dp = s.p + ROWS * KEYS;
  for (long i = lo; i < hi; i++) {
    int first = (int)(i / a->kv_heads);
    if (b->leader[first] != first) continue;
    for (int m = first; m < a->segments; m++)
      if (b->leader[m] == first) run_segment(b, &s, m, (int)(i % a->kv_heads));
  }
}

static bool overlap(int a0, int a1, int b0, int b1) {
  return a0 < b1 && b0 < a1;
}

static bool share_keys(const gaze_attention *a, int s, int t) {
  gaze_keys x = gaze_attention_keys(a, s), y = gaze_attention_keys(a, t);
  return overlap(x.k0, x.k1, y.k0, y.k1) || overlap(x.p0, x.p1, y.p0, y.p1) ||
         overlap(x.k0, x.k1, y.p0, y.p1) || overlap(x.p0, x.p1, y.k0, y.k1);
}

static void find_components(const gaze_attention *a, int *leader) {
  for (int s = 0; s < a->segments; s++) {
    leader[s] = s;
    for (int t = 0; t < s; t++) {
      if (leader[t] == leader[s] || !share_keys(a, s, t)) continue;
      int from = leader[s] > leader[t] ? leader[s] : leader[t];
      int to = leader[s] < leader[t] ? leader[s] : leader[t];
      for (int u = 0; u <= s; u++)
        if (leader[u] == from) leader[u] = to;
    }
  }
}

gaze_err gaze_cpu_attention_bwd(gaze_exec *ex, const gaze_attention_grad *g) {
  const gaze_attention *a = &g->fwd;
  bool work;
  GAZE_TRY(gaze_attention_check("attention_bwd", a, &work));
  if (!work) return GAZE_OK;
  if (!g->dq || !g->dk || !g->dv || !g->d_o || !a->lse)
    return gaze_fail(GAZE_ERR_ARG, "attention_bwd: dq, dk, dv, d_o or lse is NULL");
  backward b = {.g = g, .ex = ex};
  for (int s = 0; s < a->segments; s++) {
    gaze_keys k = gaze_attention_keys(a, s);
    if (k.n > b.keys) b.keys = k.n;
  }
  b.keys = (b.keys + 31) & ~15L;
  b.leader = gaze_cpu_scratch(ex, GAZE_SLOT_OP, (size_t)a->segments * sizeof *b.leader);
  if (!b.leader) return gaze_fail(GAZE_ERR_NOMEM, "attention_bwd: out of memory for scratch");
  find_components(a, b.leader);
  size_t need = (size_t)b.keys * (size_t)a->dim * 2 + 2 * ROWS * KEYS;
  GAZE_TRY(gaze_cpu_scratch_all(ex, need * sizeof(float)));
  gaze_cpu_for(ex, (long)a->segments * a->kv_heads, 1, run_items, &b);
  return GAZE_OK;
}
