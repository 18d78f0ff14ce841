// nn/session.c - one timeline of a model: append, score, rewind, fork.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "nn/nn_internal.h"

static float *floats(size_t rows, size_t cols) {
  return malloc((rows * cols + 1) * sizeof(float));
}

static int *ints(size_t n) {
  return malloc((n + 1) * sizeof(int));
}

static bool allocate(gaze_session *s) {
  const gaze_model_config *c = &s->m->cfg;
  size_t max = (size_t)s->max, n = (size_t)s->chunk, hidden = (size_t)c->hidden;
  size_t q = (size_t)c->heads * (size_t)c->head_dim, kv = (size_t)c->kv_heads * (size_t)c->head_dim;
  size_t ff = (size_t)c->ff, vocab = (size_t)c->vocab, half = (size_t)c->head_dim / 2;
  s->ids = ints(max);
  s->pos = ints(3 * max);
  s->after = ints(max);
  s->index = ints(n);
  s->seen = ints(vocab);
  s->seen_bits = calloc(vocab / 32 + 1, sizeof(uint32_t));
  s->allow = calloc(vocab / 32 + 1, sizeof(uint32_t));
  s->k = floats((size_t)c->layers * max, kv);
  s->v = floats((size_t)c->layers * max, kv);
  s->logits = floats(1, vocab);
  s->x = floats(n, hidden);
  s->y = floats(n, hidden);
  s->qkv = floats(n, q + 2 * kv);
  s->attn = floats(n, q);
  s->gate_up = floats(n, 2 * ff);
  s->act = floats(n, ff);
  s->cos = floats(n, half);
  s->sin = floats(n, half);
  return s->ids && s->pos && s->after && s->index && s->seen && s->seen_bits && s->allow && s->k &&
         s->v && s->logits && s->x && s->y && s->qkv && s->attn && s->gate_up && s->act && s->cos &&
         s->sin;
}

gaze_err gaze_session_open(gaze_session **out, const gaze_model *m, gaze_exec *ex, int max_tokens) {
  if (!out || !m || !ex) return gaze_fail(GAZE_ERR_ARG, "session: NULL argument");
  *out = NULL;
  if (max_tokens < 1 || max_tokens > m->cfg.context) {
    return gaze_fail(GAZE_ERR_RANGE, "session: max_tokens %d, expected 1..%d", max_tokens,
                     m->cfg.context);
  }
  gaze_session *s = calloc(1, sizeof *s);
  if (!s) return gaze_fail(GAZE_ERR_NOMEM, "session");
  s->m = m;
  s->ex = ex;
  s->max = max_tokens;
  s->chunk = max_tokens < GAZEI_CHUNK ? max_tokens : GAZEI_CHUNK;
  gaze_err e = GAZE_OK;
  if (!allocate(s)) e = gaze_fail(GAZE_ERR_NOMEM, "session: %d tokens", max_tokens);
  if (!e) e = gazei_vision_reserve(&s->vision, m, GAZEI_PATCHES);
  if (e) gaze_session_close(&s);
  *out = s;
  return e;
}

void gaze_session_close(gaze_session **sp) {
  if (!sp || !*sp) return;
  gaze_session *s = *sp;
  void *const owned[] = {s->ids,       s->pos,   s->after, s->index,    s->seen,
                         s->seen_bits, s->allow, s->k,     s->v,        s->logits,
                         s->x,         s->y,     s->qkv,   s->attn,     s->gate_up,
                         s->act,       s->cos,   s->sin,   s->features, s->grid};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
  gazei_vision_close(&s->vision);
  free(s);
  *sp = NULL;
}

// grids of all images, and the cells they have together
static gaze_err measure(gaze_session *s, const gaze_image *images, int n, int *cells) {
  if (n > s->grid_cap) {
    int(*grid)[2] = realloc(s->grid, (size_t)n * sizeof *grid);
    if (!grid) return gaze_fail(GAZE_ERR_NOMEM, "append: %d images", n);
    s->grid = grid;
    s->grid_cap = n;
  }
  int64_t sum = 0;
  for (int i = 0; i < n; i++) {
    int h, w;
    if (!images[i].rgb) return gaze_fail(GAZE_ERR_ARG, "append: image %d has no pixels", i);
    GAZE_TRY(gazei_image_grid(s->m, images[i].h, images[i].w, &h, &w, s->grid[i]));
    sum += (int64_t)s->grid[i][0] * s->grid[i][1];
  }
  if (sum > s->max)
    return gaze_fail(GAZE_ERR_RANGE, "append: images of %lld cells", (long long)sum);
  *cells = (int)sum;
  return GAZE_OK;
}

// everything that can be wrong with an append; fills ids and positions behind the session's end
static gaze_err prepare(gaze_session *s, const int *ids, int n, const gaze_image *images,
                        int n_images, int *cells) {
  if (!s || n < 0 || n_images < 0 || (n > 0 && !ids) || (n_images > 0 && !images)) {
    return gaze_fail(GAZE_ERR_ARG, "append: NULL or negative argument");
  }
  if (n > s->max - s->length) {
    return gaze_fail(GAZE_ERR_RANGE, "append: %d tokens on %d, the session holds %d", n, s->length,
                     s->max);
  }
  for (int i = 0; i < n; i++) {
    if (ids[i] < 0 || ids[i] >= s->m->cfg.vocab) {
      return gaze_fail(GAZE_ERR_ARG, "append: id %d at %d, expected 0..%d", ids[i], i,
                       s->m->cfg.vocab - 1);
    }
  }
  if (n_images > n) return gaze_fail(GAZE_ERR_ARG, "append: %d images, %d tokens", n_images, n);
  GAZE_TRY(measure(s, images, n_images, cells));
  int next = s->length > 0 ? s->after[s->length - 1] : 0;
  GAZE_TRY(gazei_positions(&s->m->cfg, ids, n, (const int(*)[2])s->grid, n_images,
                           s->pos + s->length, (size_t)s->max, s->after + s->length, &next));
  if (n > 0) memcpy(s->ids + s->length, ids, (size_t)n * sizeof(int));
  return GAZE_OK;
}

static gaze_err see(gaze_session *s, const gaze_image *images, int n, int cells) {
  size_t hidden = (size_t)s->m->cfg.hidden, at = 0;
  if (cells > s->features_cap) {
    free(s->features);
    s->features_cap = 0;
    s->features = floats((size_t)cells, hidden);
    if (!s->features) return gaze_fail(GAZE_ERR_NOMEM, "append: %d image tokens", cells);
    s->features_cap = cells;
  }
  for (int i = 0; i < n; i++) {
    GAZE_TRY(gazei_vision_forward(&s->vision, s->m, s->ex, &images[i], s->features + at * hidden));
    at += (size_t)s->grid[i][0] * (size_t)s->grid[i][1];
  }
  return GAZE_OK;
}

// with `out`: logits of every position
static gaze_err run(gaze_session *s, int n, float *out) {
  size_t hidden = (size_t)s->m->cfg.hidden, vocab = (size_t)s->m->cfg.vocab, seen = 0;
  for (int done = 0; done < n;) {
    int size = n - done < s->chunk ? n - done : s->chunk, used = 0;
    const float *features = s->features ? s->features + seen * hidden : NULL;
    int need = out ? size : done + size == n;
    GAZE_TRY(gazei_decoder_chunk(s, s->length + done, size, need, features, &used));
    if (out) {
      GAZE_TRY(gazei_decoder_head(s, 0, size, out + (size_t)done * vocab));
    } else if (need) {
      GAZE_TRY(gazei_decoder_head(s, size - 1, 1, s->logits));
    }
    seen += (size_t)used;
    done += size;
  }
  if (out) memcpy(s->logits, out + (size_t)(n - 1) * vocab, vocab * sizeof(float));
  return GAZE_OK;
}

static gaze_err append(gaze_session *s, const int *ids, int n, const gaze_image *images,
                       int n_images, float *out) {
  int cells = 0;
  GAZE_TRY(prepare(s, ids, n, images, n_images, &cells));
  if (n == 0) return GAZE_OK;
  s->has_logits = false;
  GAZE_TRY(see(s, images, n_images, cells));
  GAZE_TRY(run(s, n, out));
  s->length += n;
  s->has_logits = true;
  return GAZE_OK;
}

gaze_err gaze_session_append(gaze_session *s, const int *ids, int n, const gaze_image *images,
                             int n_images) {
  return append(s, ids, n, images, n_images, NULL);
}

gaze_err gaze_session_score(gaze_session *s, const int *ids, int n, const gaze_image *images,
                            int n_images, float *out) {
  if (!out) return gaze_fail(GAZE_ERR_ARG, "score: NULL output");
  return append(s, ids, n, images, n_images, out);
}

const float *gaze_session_logits(const gaze_session *s) {
  return s->logits;
}

int gaze_session_length(const gaze_session *s) {
  return s->length;
}

const int *gaze_session_ids(const gaze_session *s) {
  return s->ids;
}

gaze_err gaze_session_rewind(gaze_session *s, int length) {
  if (!s || length < 0 || length > s->length) {
    return gaze_fail(GAZE_ERR_RANGE, "rewind: to %d, the session holds %d", length,
                     s ? s->length : 0);
  }
  if (length < s->length) s->has_logits = false;
  s->length = length;
  return GAZE_OK;
}

gaze_err gaze_session_fork(gaze_session **child, const gaze_session *s) {
  if (!child || !s) return gaze_fail(GAZE_ERR_ARG, "fork: NULL argument");
  GAZE_TRY(gaze_session_open(child, s->m, s->ex, s->max));
  gaze_session *c = *child;
  const gaze_model_config *g = &s->m->cfg;
  size_t kv = (size_t)g->kv_heads * (size_t)g->head_dim, n = (size_t)s->length;
  size_t max = (size_t)s->max;
  for (size_t i = 0; i < (size_t)g->layers; i++) {
    memcpy(c->k + i * max * kv, s->k + i * max * kv, n * kv * sizeof(float));
    memcpy(c->v + i * max * kv, s->v + i * max * kv, n * kv * sizeof(float));
  }
  for (size_t i = 0; i < 3; i++) memcpy(c->pos + i * max, s->pos + i * max, n * sizeof(int));
  memcpy(c->ids, s->ids, n * sizeof(int));
  memcpy(c->after, s->after, n * sizeof(int));
  if (s->has_logits) memcpy(c->logits, s->logits, (size_t)g->vocab * sizeof(float));
  c->length = s->length;
  c->has_logits = s->has_logits;
  return GAZE_OK;
}
