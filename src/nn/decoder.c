// nn/decoder.c - the language blocks over one chunk of tokens, with the key and value cache.
#include <math.h>
#include <string.h>
#include "nn/nn_internal.h"

static gaze_err linear(gaze_session *s, const gaze_linear *l, const float *x, int rows, float *y,
                       bool accumulate) {
  return s->m->ops->gemm(s->ex, &(gaze_gemm){.c = y,
                                             .ldc = l->out,
                                             .a = {x, NULL, GAZE_F32, l->in},
                                             .b = l->w,
                                             .bias = l->bias,
                                             .m = rows,
                                             .n = l->out,
                                             .k = l->in,
                                             .trans_b = true,
                                             .accumulate = accumulate});
}

static gaze_err norm(gaze_session *s, const float *x, const float *w, int rows) {
  return s->m->ops->rmsnorm_fwd(
      s->ex,
      &(gaze_rmsnorm){
          .y = s->y, .x = x, .w = w, .rows = rows, .cols = s->m->cfg.hidden, .eps = s->m->cfg.eps});
}

// rows of the embedding, and of the image features where the id is the image token
static gaze_err embed(gaze_session *s, int past, int n, const float *features, int *used) {
  const gaze_model_config *c = &s->m->cfg;
  size_t hidden = (size_t)c->hidden;
  *used = 0;
  for (int i = 0; i < n; i++) {
    int id = s->ids[past + i];
    s->index[i] = id == c->image_token ? -1 : id;
    if (id != c->image_token) continue;
    memcpy(s->x + (size_t)i * hidden, features + (size_t)*used * hidden, hidden * sizeof(float));
    ++*used;
  }
  return s->m->ops->rows(s->ex, &(gaze_rows){.y = s->x,
                                             .x = s->m->w.embed,
                                             .index = s->index,
                                             .n = n,
                                             .cols = c->hidden,
                                             .ldy = c->hidden,
                                             .mode = GAZE_ROWS_GATHER});
}

// keys and values of all n rows go to the cache; only rows first..n-1 look at them
static gaze_err attend(gaze_session *s, int layer, int past, int n, int first) {
  const gaze_model_config *c = &s->m->cfg;
  int q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim, ld = q + 2 * kv;
  size_t base = (size_t)layer * (size_t)s->max * (size_t)kv, row = (size_t)kv * sizeof(float);
  // q and k lie side by side, so one call rotates both
  GAZE_TRY(s->m->ops->rope(s->ex, &(gaze_rope){.x = s->qkv,
                                               .cos = s->cos,
                                               .sin = s->sin,
                                               .rows = n,
                                               .heads = c->heads + c->kv_heads,
                                               .dim = c->head_dim,
                                               .ld = ld}));
  for (int i = 0; i < n; i++) {
    const float *from = s->qkv + (size_t)i * (size_t)ld + q;
    size_t to = base + (size_t)(past + i) * (size_t)kv;
    memcpy(s->k + to, from, row);
    memcpy(s->v + to, from + kv, row);
  }
  if (first == n) return GAZE_OK;
  const int q_start[2] = {0, n - first}, k_start[1] = {0}, k_end[1] = {past + n};
  return s->m->ops->attention_fwd(s->ex,
                                  &(gaze_attention){.o = s->attn + (size_t)first * (size_t)q,
                                                    .q = s->qkv + (size_t)first * (size_t)ld,
                                                    .k = s->k + base,
                                                    .v = s->v + base,
                                                    .q_start = q_start,
                                                    .k_start = k_start,
                                                    .k_end = k_end,
                                                    .segments = 1,
                                                    .heads = c->heads,
                                                    .kv_heads = c->kv_heads,
                                                    .dim = c->head_dim,
                                                    .ldq = ld,
                                                    .ldkv = kv,
                                                    .ldo = q,
                                                    .scale = 1.0f / sqrtf((float)c->head_dim),
                                                    .causal = true});
}

static gaze_err feed_forward(gaze_session *s, const gaze_block_weights *w, float *x, int rows) {
  int ff = s->m->cfg.ff;
  GAZE_TRY(norm(s, x, w->norm2, rows));
  GAZE_TRY(linear(s, &w->gate_up, s->y, rows, s->gate_up, false));
  GAZE_TRY(s->m->ops->swiglu_fwd(s->ex, &(gaze_swiglu){.y = s->act,
                                                       .gate = s->gate_up,
                                                       .up = s->gate_up + ff,
                                                       .rows = rows,
                                                       .cols = ff,
                                                       .ld = 2 * ff}));
  return linear(s, &w->down, s->act, rows, x, true);
}

// the residual stream goes on for rows first..n-1 only
static gaze_err block(gaze_session *s, int layer, int past, int n, int first) {
  const gaze_block_weights *w = &s->m->w.layer[layer];
  const float *o = s->attn + (size_t)first * (size_t)w->proj.in;
  float *x = s->x + (size_t)first * (size_t)s->m->cfg.hidden;
  GAZE_TRY(norm(s, s->x, w->norm1, n));
  GAZE_TRY(linear(s, &w->qkv, s->y, n, s->qkv, false));
  GAZE_TRY(attend(s, layer, past, n, first));
  if (first == n) return GAZE_OK;
  GAZE_TRY(linear(s, &w->proj, o, n - first, x, true));
  return feed_forward(s, w, x, n - first);
}

gaze_err gazei_decoder_chunk(gaze_session *s, int past, int n, int need, const float *features,
                             int *used) {
  int layers = s->m->cfg.layers;
  GAZE_TRY(embed(s, past, n, features, used));
  gazei_rope_table(&s->m->cfg, s->pos + past, s->max, n, s->cos, s->sin);
  // behind the last block only the rows whose logits are wanted matter
  for (int i = 0; i < layers; i++) {
    GAZE_TRY(block(s, i, past, n, i + 1 < layers ? 0 : n - need));
  }
  return GAZE_OK;
}

gaze_err gazei_decoder_head(gaze_session *s, int first, int rows, float *out) {
  const gaze_model_config *c = &s->m->cfg;
  gaze_linear head = {s->m->w.head, NULL, c->vocab, c->hidden};
  GAZE_TRY(norm(s, s->x + (size_t)first * (size_t)c->hidden, s->m->w.norm, rows));
  return linear(s, &head, s->y, rows, out, false);
}
