// kernels/cpu/attention.c - softmax attention over packed segments, forward.
//
// Work item: (segment, kv head, block of query rows). The keys a block sees are turned once so that
// scores are plain tiles; a strip of rows keeps all its scores, so no rescaling is needed
// (unlike Dao et al. 2022, whose tiles must be rescaled because scores do not stay).
#include "kernels/cpu/attention.h"
#include <math.h>
#include "kernels/cpu/simd.h"
#include "kernels/cpu/tile.h"

enum { BLOCK = 192, STRIP = 24, FEW = 4 };  // query rows per item, per strip; too few to turn keys

typedef struct item {
  int segment, head, q0, q1;  // kv head; query rows
} item;

typedef struct forward {
  const gaze_attention *a;
  unsigned isa;
  gaze_exec *ex;
  const item *items;
  long keys;  // most keys of a segment, rounded up
} forward;

gaze_err gaze_attention_check(const char *op, const gaze_attention *a, bool *work) {
  *work = false;
  if (a->segments < 0 || a->heads < 0 || a->kv_heads < 0 || a->dim < 0)
    return gaze_fail(GAZE_ERR_ARG, "%s: segments, heads, kv_heads and dim: expected >= 0", op);
  if (!a->segments || !a->heads || !a->dim) return GAZE_OK;
  if (!a->kv_heads || a->heads % a->kv_heads)
    return gaze_fail(GAZE_ERR_ARG, "%s: heads %d: expected a multiple of kv_heads %d", op, a->heads,
                     a->kv_heads);
  if (!a->o || !a->q || !a->k || !a->v || !a->q_start || !a->k_start || !a->k_end ||
      !a->p_start != !a->p_end)
    return gaze_fail(GAZE_ERR_ARG, "%s: an array is NULL", op);
  if (a->ldq < (long)a->heads * a->dim || a->ldo < (long)a->heads * a->dim ||
      a->ldkv < (long)a->kv_heads * a->dim)
    return gaze_fail(GAZE_ERR_ARG, "%s: ldq, ldo or ldkv: shorter than a row", op);
  for (int s = 0; s < a->segments; s++) {
    gaze_keys k = gaze_attention_keys(a, s);
    if (k.q0 < 0 || k.q1 < k.q0 || k.k0 < 0 || k.k1 < k.k0 || k.p0 < 0 || k.p1 < k.p0)
      return gaze_fail(GAZE_ERR_ARG, "%s: segment %d: expected ranges that run forwards", op, s);
  }
  *work = true;
  return GAZE_OK;
}

// o row = P V / sum over prefix and own keys, for rows of one strip
static void mix(const forward *f, const gaze_keys *k, const float *p, long ldp, int q, int rows,
                int seen, int h) {
  const gaze_attention *a = f->a;
  int kv = h / (a->heads / a->kv_heads), pre = k->prefix < seen ? k->prefix : seen;
  gaze_tile t = {.c = a->o + (long)q * a->ldo + (long)h * a->dim,
                 .ldc = a->ldo,
                 .a = p,
                 .si = ldp,
                 .sk = 1,
                 .b = a->v + (long)k->p0 * a->ldkv + (long)kv * a->dim,
                 .ldb = a->ldkv,
                 .m = rows,
                 .n = a->dim,
                 .k = pre};
  if (pre) gaze_tile_run(f->isa, &t);
  t.accumulate = pre > 0;
  t.a = p + pre, t.k = seen - pre;
  t.b = a->v + (long)k->k0 * a->ldkv + (long)kv * a->dim;
  if (t.k > 0 || !pre) gaze_tile_run(f->isa, &t);
}

// softmax of each row over what it sees, zero beyond; then the mix and the division by the sum
static void finish(const forward *f, const gaze_keys *k, float *p, long ldp, int q, int rows,
                   int h) {
  const gaze_attention *a = f->a;
  int seen = gaze_attention_seen(a, k, q + rows - 1);
  float inv[STRIP];
  for (int i = 0; i < rows; i++) {
    float *row = p + i * ldp, max = -INFINITY, sum = 0.0f;
    int n = gaze_attention_seen(a, k, q + i);
    if (n < 0) n = 0;
    if (n > 0) sum = gaze_tile_softmax(f->isa, row, n, a->scale, &max);
    for (int j = n; j < seen; j++) row[j] = 0.0f;
    inv[i] = sum > 0.0f ? 1.0f / sum : n > 0 ? NAN : 0.0f;
    if (a->lse) a->lse[(long)(q + i) * a->heads + h] = n > 0 ? max + logf(sum) : -INFINITY;
  }
  mix(f, k, p, ldp, q, rows, seen < 0 ? 0 : seen, h);
  for (int i = 0; i < rows; i++) {
    float *o = a->o + (long)(q + i) * a->ldo + (long)h * a->dim;
    for (int j = 0; j < a->dim; j++) o[j] *= inv[i];
  }
}

static void item_few(const forward *f, const item *it, const gaze_keys *k, float *p) {
  const gaze_attention *a = f->a;
  int group = a->heads / a->kv_heads;
  const float *key = a->k + (long)it->head * a->dim;
  for (int h = it->head * group; h < (it->head + 1) * group; h++)
    for (int q = it->q0; q < it->q1; q++) {
      const float *x = a->q + (long)q * a->ldq + (long)h * a->dim;
      int seen = gaze_attention_seen(a, k, q);
      for (int j = 0; j < seen; j++) {
        long row = j < k->prefix ? k->p0 + j : k->k0 + j - k->prefix;
        p[j] = gaze_tile_dot(f->isa, x, key + row * a->ldkv, a->dim);
      }
      finish(f, k, p, f->keys, q, 1, h);
    }
}

static void item_many(const forward *f, const item *it, const gaze_keys *k, float *kt) {
  const gaze_attention *a = f->a;
  int group = a->heads / a->kv_heads, seen = gaze_attention_seen(a, k, it->q1 - 1);
  if (seen < 0) seen = 0;
  float *p = kt + f->keys * a->dim;
  const float *key = a->k + (long)it->head * a->dim;
  int pre = k->prefix < seen ? k->prefix : seen;
  gaze_tile_turn(f->isa, kt, f->keys, key + (long)k->p0 * a->ldkv, a->ldkv, pre, a->dim);
  gaze_tile_turn(f->isa, kt + pre, f->keys, key + (long)k->k0 * a->ldkv, a->ldkv, seen - pre,
                 a->dim);
  for (int h = it->head * group; h < (it->head + 1) * group; h++)
    for (int q = it->q0; q < it->q1; q += STRIP) {
      int rows = it->q1 - q < STRIP ? it->q1 - q : STRIP;
      gaze_tile t = {.c = p,
                     .ldc = f->keys,
                     .a = a->q + (long)q * a->ldq + (long)h * a->dim,
                     .si = a->ldq,
                     .sk = 1,
                     .b = kt,
                     .ldb = f->keys,
                     .m = rows,
                     .n = gaze_attention_seen(a, k, q + rows - 1),
                     .k = a->dim};
      gaze_tile_run(f->isa, &t);
      finish(f, k, p, f->keys, q, rows, h);
    }
}

static void run_items(void *ctx, int worker, long lo, long hi) {
  const forward *f = ctx;
  float *scratch = gaze_cpu_scratch(f->ex, worker, 0);
  for (long i = lo; i < hi; i++) {
    const item *it = &f->items[i];
    gaze_keys k = gaze_attention_keys(f->a, it->segment);
    if (it->q1 - it->q0 <= FEW)
      item_few(f, it, &k, scratch);
    else
      item_many(f, it, &k, scratch);
  }
}

// the last blocks of a segment see most keys, so they come first
static long list_items(const gaze_attention *a, item *items) {
  long n = 0;
  for (int s = 0; s < a->segments; s++)
    for (int q1 = a->q_start[s + 1]; q1 > a->q_start[s]; q1 -= BLOCK)
      for (int h = 0; h < a->kv_heads; h++, n++) {
        int q0 = q1 - BLOCK > a->q_start[s] ? q1 - BLOCK : a->q_start[s];
        if (items) items[n] = (item){s, h, q0, q1};
      }
  return n;
}

gaze_err gaze_cpu_attention_fwd(gaze_exec *ex, const gaze_attention *a) {
  bool work;
  GAZE_TRY(gaze_attention_check("attention_fwd", a, &work));
  if (!work) return GAZE_OK;
  forward f = {.a = a, .isa = ex->isa, .ex = ex};
  long products = 0;
  for (int s = 0; s < a->segments; s++) {
    gaze_keys k = gaze_attention_keys(a, s);
    if (k.n > f.keys) f.keys = k.n;
    products += (long)(k.q1 - k.q0) * k.n * a->dim * a->heads;
  }
  f.keys =
      (f.keys + 31) & ~15L;  // one cache line off a power of two, so rows of keys do not collide
  long n = list_items(a, NULL);
  item *items = gaze_cpu_scratch(ex, GAZE_SLOT_OP, (size_t)(n + 1) * sizeof *items);
  if (!items) return gaze_fail(GAZE_ERR_NOMEM, "attention_fwd: out of memory for scratch");
  list_items(a, items);
  f.items = items;
  GAZE_TRY(gaze_cpu_scratch_all(ex, (size_t)f.keys * (size_t)(a->dim + STRIP) * sizeof(float)));
  // waking the workers costs more than a small decode step
  gaze_cpu_for(ex, n, products < 100000 ? n : 1, run_items, &f);
  return GAZE_OK;
}
