// nn/trainer_forward.c - the forward pass over a pack, with everything the backward pass reads
// kept.
//
// The pack is cut into chunks of whole sequences (or images) of about a thousand rows; each goes
// through all blocks before the next starts, so that what one op writes is still in the cache when
// the next one reads it.
#include <math.h>
#include <string.h>
#include "nn/trainer_internal.h"

gaze_err gazei_rows(gaze_trainer *t, gaze_rows_mode mode, float *y, const float *x,
                    const int *index, int n, int cols) {
  gaze_rows a = {.y = y,
                 .x = {x, NULL, GAZE_F32, cols},
                 .index = index,
                 .n = n,
                 .cols = cols,
                 .ldy = cols,
                 .mode = mode};
  return n > 0 ? t->ops->rows(t->ex, &a) : GAZE_OK;
}

// y = x w^T + bias
static gaze_err linear(gaze_trainer *t, float *y, const float *x, const gaze_linear *l, int rows) {
  gaze_gemm a = {.c = y,
                 .ldc = l->out,
                 .a = {x, NULL, GAZE_F32, l->in},
                 .b = l->w,
                 .bias = l->bias,
                 .m = rows,
                 .n = l->out,
                 .k = l->in,
                 .trans_b = true,
                 .bf16_products = t->o.bf16_products};
  return t->ops->gemm(t->ex, &a);
}

gaze_attention gazei_attention(const gazei_tower *tw, const gazei_acts *a, const gazei_chunk *c,
                               bool windows) {
  size_t row = (size_t)c->row;
  float *qkv = a->qkv + row * (size_t)tw->qkv;
  int segs = windows ? c->wins : c->segs, width = tw->heads * tw->dim;
  const int *start = tw->segs + (windows ? c->win : c->seg);
  return (gaze_attention){.o = a->o + row * (size_t)width,
                          .lse = a->lse + row * (size_t)tw->heads,
                          .q = qkv,
                          .k = qkv + width,
                          .v = qkv + width + tw->kv_heads * tw->dim,
                          .q_start = start,
                          .k_start = start,
                          .k_end = start + 1,
                          .segments = segs,
                          .heads = tw->heads,
                          .kv_heads = tw->kv_heads,
                          .dim = tw->dim,
                          .ldq = tw->qkv,
                          .ldkv = tw->qkv,
                          .ldo = width,
                          .scale = 1.0f / sqrtf((float)tw->dim),
                          .causal = tw->causal};
}

// ---- one block over one chunk ----

// x (+ the pending branch of the block before) -> norm, q k v, rotation, attention
static gaze_err attention_half(gaze_trainer *t, const gazei_tower *tw, const gaze_block_weights *w,
                               int layer, const gazei_chunk *c, bool windows) {
  const gazei_acts *a = &tw->acts[layer];
  size_t row = (size_t)c->row, h = (size_t)tw->hidden;
  float *x = a->x + row * h;
  gaze_rmsnorm norm = {.y = a->n1 + row * h,
                       .rstd = a->rstd1 + row,
                       .x = x,
                       .w = w->norm1,
                       .rows = c->rows,
                       .cols = tw->hidden,
                       .eps = tw->eps};
  if (layer > 0) {
    norm.x = tw->acts[layer - 1].mid + row * h;
    norm.add = t->s.branch;
    norm.sum = x;
  }
  GAZE_TRY(t->ops->rmsnorm_fwd(t->ex, &norm));

  float *qkv = a->qkv + row * (size_t)tw->qkv;
  GAZE_TRY(linear(t, qkv, norm.y, &w->qkv, c->rows));
  // q and k heads lie next to each other: one rotation for both
  size_t half = (size_t)tw->dim / 2;
  gaze_rope rope = {.x = qkv,
                    .cos = tw->cos + row * half,
                    .sin = tw->sin + row * half,
                    .rows = c->rows,
                    .heads = tw->heads + tw->kv_heads,
                    .dim = tw->dim,
                    .ld = tw->qkv};
  GAZE_TRY(t->ops->rope(t->ex, &rope));
  gaze_attention at = gazei_attention(tw, a, c, windows);
  return t->ops->attention_fwd(t->ex, &at);
}

// attention output -> projection, residual, norm, SwiGLU; leaves the branch for the next norm.
// In the last block of the decoder only scored rows go on (`kept`).
static gaze_err mlp_half(gaze_trainer *t, const gazei_tower *tw, const gaze_block_weights *w,
                         int layer, const gazei_chunk *c, bool kept) {
  const gazei_acts *a = &tw->acts[layer];
  size_t h = (size_t)tw->hidden, width = (size_t)(tw->heads * tw->dim), ff = (size_t)tw->ff;
  size_t row = (size_t)c->row, at = kept ? (size_t)c->keep : row;
  int rows = kept ? c->keeps : c->rows;
  if (rows == 0) return GAZE_OK;
  const float *x = a->x + row * h, *o = a->o + row * width;
  float *mid = a->mid + at * h;
  if (kept) {
    const int *index = t->keep_row + c->keep;
    GAZE_TRY(gazei_rows(t, GAZE_ROWS_GATHER, mid, x, index, rows, tw->hidden));
    GAZE_TRY(gazei_rows(t, GAZE_ROWS_GATHER, t->s.o, o, index, rows, (int)width));
    x = mid;
    o = t->s.o;
  }
  GAZE_TRY(linear(t, t->s.branch, o, &w->proj, rows));
  gaze_rmsnorm norm = {.y = a->n2 + at * h,
                       .rstd = a->rstd2 + at,
                       .sum = mid,
                       .x = x,
                       .add = t->s.branch,
                       .w = w->norm2,
                       .rows = rows,
                       .cols = tw->hidden,
                       .eps = tw->eps};
  GAZE_TRY(t->ops->rmsnorm_fwd(t->ex, &norm));
  float *gate_up = a->gate_up + at * 2 * ff, *act = a->act + at * ff;
  GAZE_TRY(linear(t, gate_up, norm.y, &w->gate_up, rows));
  gaze_swiglu swiglu = {.y = act,
                        .gate = gate_up,
                        .up = gate_up + ff,
                        .rows = rows,
                        .cols = tw->ff,
                        .ld = 2 * tw->ff};
  GAZE_TRY(t->ops->swiglu_fwd(t->ex, &swiglu));
  return linear(t, t->s.branch, act, &w->down, rows);
}

// ---- vision ----

// patches of a chunk of images -> features of its merged cells, in window order
static gaze_err vision_chunk(gaze_trainer *t, const gaze_pack *p, const gazei_chunk *c) {
  const gazei_tower *tw = &t->vision;
  size_t row = (size_t)c->row, h = (size_t)tw->hidden;
  int unit = t->cfg.vision.merge * t->cfg.vision.merge, cells = c->rows / unit;
  size_t cell = row / (size_t)unit, wide = h * (size_t)unit;
  const float *patches = p->patches + row * (size_t)t->w.patch.in;
  GAZE_TRY(linear(t, t->s.branch, patches, &t->w.patch, c->rows));
  GAZE_TRY(gazei_rows(t, GAZE_ROWS_GATHER, tw->acts[0].x + row * h, t->s.branch,
                      t->patch_local + row, c->rows, tw->hidden));
  for (int i = 0; i < tw->depth; i++) {
    const gaze_block_weights *w = &t->w.vision[i];
    GAZE_TRY(attention_half(t, tw, w, i, c, !t->cfg.vision.full_attention[i]));
    GAZE_TRY(mlp_half(t, tw, w, i, c, false));
  }
  gaze_rmsnorm norm = {.y = t->vis_n + row * h,
                       .rstd = t->vis_rstd + row,
                       .sum = t->vis_x + row * h,
                       .x = tw->acts[tw->depth - 1].mid + row * h,
                       .add = t->s.branch,
                       .w = t->w.merger_norm,
                       .rows = c->rows,
                       .cols = tw->hidden,
                       .eps = tw->eps};
  GAZE_TRY(t->ops->rmsnorm_fwd(t->ex, &norm));
  float *fc1 = t->fc1 + cell * wide, *gelu = t->gelu + cell * wide;
  GAZE_TRY(linear(t, fc1, norm.y, &t->w.merger_fc1, cells));
  gaze_gelu act = {.y = gelu, .x = fc1, .n = (size_t)cells * wide};
  GAZE_TRY(t->ops->gelu_fwd(t->ex, &act));
  return linear(t, t->feat + cell * (size_t)t->cfg.hidden, gelu, &t->w.merger_fc2, cells);
}

// ---- decoder ----

static gaze_err embed(gaze_trainer *t) {
  int h = t->cfg.hidden;
  // the embedding itself is never rounded, only products are
  gaze_rows a = {.y = t->lang.acts[0].x,
                 .x = {t->p + t->embed_offset, NULL, GAZE_F32, h},
                 .index = t->embed_at,
                 .n = t->tokens,
                 .cols = h,
                 .ldy = h,
                 .mode = GAZE_ROWS_GATHER};
  GAZE_TRY(t->ops->rows(t->ex, &a));
  return gazei_rows(t, GAZE_ROWS_SCATTER, a.y, t->feat, t->cell_row, t->cells, h);
}

static gaze_err lang_chunk(gaze_trainer *t, const gazei_chunk *c) {
  const gazei_tower *tw = &t->lang;
  if (c->keeps == 0) return GAZE_OK;  // nothing of these sequences is asked for
  for (int i = 0; i < tw->depth; i++) {
    GAZE_TRY(attention_half(t, tw, &t->w.layer[i], i, c, false));
    GAZE_TRY(mlp_half(t, tw, &t->w.layer[i], i, c, i == tw->depth - 1));
  }
  size_t at = (size_t)c->keep, h = (size_t)tw->hidden;
  gaze_rmsnorm norm = {.y = t->fin_n + at * h,
                       .rstd = t->fin_rstd + at,
                       .sum = t->fin_x + at * h,
                       .x = tw->acts[tw->depth - 1].mid + at * h,
                       .add = t->s.branch,
                       .w = t->w.norm,
                       .rows = c->keeps,
                       .cols = tw->hidden,
                       .eps = tw->eps};
  return t->ops->rmsnorm_fwd(t->ex, &norm);
}

gaze_logprob gazei_logprob(gaze_trainer *t, const gaze_pack *p) {
  return (gaze_logprob){.logp = t->logp,
                        .lse = t->lse,
                        .x = t->score_x,
                        .w = t->w.head,
                        .target = p->target,
                        .rows = p->scored,
                        .cols = t->cfg.hidden,
                        .vocab = t->cfg.vocab,
                        .inv_temp = 1.0f,
                        .bf16_products = t->o.bf16_products};
}

static gaze_err score(gaze_trainer *t, const gaze_pack *p, float *logp, int *hit, float *entropy) {
  if (p->scored == 0) return GAZE_OK;
  GAZE_TRY(gazei_rows(t, GAZE_ROWS_GATHER, t->score_x, t->fin_n, t->score_keep, p->scored,
                      t->cfg.hidden));
  gaze_logprob a = gazei_logprob(t, p);
  a.entropy = entropy ? t->entropy : NULL;
  a.best = hit ? t->best : NULL;
  GAZE_TRY(t->ops->logprob_fwd(t->ex, &a));
  size_t n = (size_t)p->scored;
  if (logp) memcpy(logp, t->logp, n * sizeof *logp);
  if (entropy) memcpy(entropy, t->entropy, n * sizeof *entropy);
  for (size_t i = 0; hit && i < n; i++) hit[i] = t->best[i] == p->target[i];
  return GAZE_OK;
}

gaze_err gaze_trainer_forward(gaze_trainer *t, const gaze_pack *p, float *logp, int *hit,
                              float *entropy) {
  if (!t || !p) return gaze_fail(GAZE_ERR_ARG, "trainer forward: NULL argument");
  t->ready = false;
  GAZE_TRY(gazei_pack_plan(t, p));
  gazei_trainer_refresh(t);
  for (int i = 0; i < t->vision.chunks; i++) GAZE_TRY(vision_chunk(t, p, &t->vision.chunk[i]));
  GAZE_TRY(embed(t));
  for (int i = 0; i < t->lang.chunks; i++) GAZE_TRY(lang_chunk(t, &t->lang.chunk[i]));
  GAZE_TRY(score(t, p, logp, hit, entropy));
  t->ready = true;
  return GAZE_OK;
}
