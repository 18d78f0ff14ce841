// nn/trainer_backward.c - gradients of a pack from the activations its forward pass kept.
#include <string.h>
#include "nn/trainer_internal.h"

// dx = dy w, with accumulate: dx += dy w
static gaze_err linear_dx(gaze_trainer *t, float *dx, const float *dy, const gaze_linear *l,
                          int rows) {
  gaze_gemm a = {.c = dx,
                 .ldc = l->in,
                 .a = {dy, NULL, GAZE_F32, l->out},
                 .b = l->w,
                 .m = rows,
                 .n = l->in,
                 .k = l->out,
                 .bf16_products = t->o.bf16_products};
  return t->ops->gemm(t->ex, &a);
}

// dw += dy^T x, db += sum of dy; either is skipped where it is frozen
static gaze_err linear_dw(gaze_trainer *t, const gaze_linear *g, const float *dy, const float *x,
                          int rows) {
  if (g->w.data) {
    gaze_gemm a = {.c = (float *)g->w.data,
                   .ldc = g->in,
                   .a = {dy, NULL, GAZE_F32, g->out},
                   .b = {x, NULL, GAZE_F32, g->in},
                   .m = g->out,
                   .n = g->in,
                   .k = rows,
                   .trans_a = true,
                   .accumulate = true,
                   .bf16_products = t->o.bf16_products};
    GAZE_TRY(t->ops->gemm(t->ex, &a));
  }
  if (!g->bias) return GAZE_OK;
  gaze_bias_grad b = {.db = (float *)g->bias, .dy = dy, .rows = rows, .cols = g->out, .ld = g->out};
  return t->ops->bias_bwd(t->ex, &b);
}

// dx (+)= gradient through the norm of x
static gaze_err norm_dx(gaze_trainer *t, float *dx, const float *dy, const float *x,
                        const float *rstd, const float *w, const float *dw, int rows, int cols,
                        bool accumulate) {
  gaze_rmsnorm_grad a = {.dx = dx,
                         .dw = (float *)dw,
                         .dy = dy,
                         .x = x,
                         .rstd = rstd,
                         .w = w,
                         .rows = rows,
                         .cols = cols,
                         .accumulate = accumulate};
  return t->ops->rmsnorm_bwd(t->ex, &a);
}

// ---- one block over one chunk ----

// d [rows,hidden]: in, the gradient after the block; out, after the attention residual
static gaze_err mlp_half(gaze_trainer *t, const gazei_tower *tw, const gaze_block_weights *w,
                         const gaze_block_weights *g, const gazei_acts *a, float *d, size_t at,
                         int rows) {
  size_t h = (size_t)tw->hidden, ff = (size_t)tw->ff;
  const float *gate_up = a->gate_up + at * 2 * ff;
  GAZE_TRY(linear_dw(t, &g->down, d, a->act + at * ff, rows));
  GAZE_TRY(linear_dx(t, t->s.d_act, d, &w->down, rows));
  gaze_swiglu_grad s = {.d_gate = t->s.d_gu,
                        .d_up = t->s.d_gu + ff,
                        .dy = t->s.d_act,
                        .gate = gate_up,
                        .up = gate_up + ff,
                        .rows = rows,
                        .cols = tw->ff,
                        .ld = 2 * tw->ff};
  GAZE_TRY(t->ops->swiglu_bwd(t->ex, &s));
  GAZE_TRY(linear_dw(t, &g->gate_up, t->s.d_gu, a->n2 + at * h, rows));
  GAZE_TRY(linear_dx(t, t->s.d_norm, t->s.d_gu, &w->gate_up, rows));
  return norm_dx(t, d, t->s.d_norm, a->mid + at * h, a->rstd2 + at, w->norm2, g->norm2, rows,
                 tw->hidden, true);
}

// d_o of the chunk -> q, k, v -> gradient before the block, added to dx
static gaze_err attention_half(gaze_trainer *t, const gazei_tower *tw, const gaze_block_weights *w,
                               const gaze_block_weights *g, const gazei_acts *a,
                               const gazei_chunk *c, bool windows) {
  size_t row = (size_t)c->row, h = (size_t)tw->hidden, half = (size_t)tw->dim / 2;
  int width = tw->heads * tw->dim;
  float *d_qkv = t->s.d_qkv;
  memset(d_qkv, 0, (size_t)c->rows * (size_t)tw->qkv * sizeof *d_qkv);
  gaze_attention_grad at = {.fwd = gazei_attention(tw, a, c, windows),
                            .dq = d_qkv,
                            .dk = d_qkv + width,
                            .dv = d_qkv + width + tw->kv_heads * tw->dim,
                            .d_o = t->s.d_o};
  GAZE_TRY(t->ops->attention_bwd(t->ex, &at));
  gaze_rope rope = {.x = d_qkv,
                    .cos = tw->cos + row * half,
                    .sin = tw->sin + row * half,
                    .rows = c->rows,
                    .heads = tw->heads + tw->kv_heads,
                    .dim = tw->dim,
                    .ld = tw->qkv,
                    .inverse = true};
  GAZE_TRY(t->ops->rope(t->ex, &rope));
  GAZE_TRY(linear_dw(t, &g->qkv, d_qkv, a->n1 + row * h, c->rows));
  GAZE_TRY(linear_dx(t, t->s.d_norm, d_qkv, &w->qkv, c->rows));
  return norm_dx(t, tw->dx + row * h, t->s.d_norm, a->x + row * h, a->rstd1 + row, w->norm1,
                 g->norm1, c->rows, tw->hidden, true);
}

static gaze_err block(gaze_trainer *t, const gazei_tower *tw, const gaze_block_weights *w,
                      const gaze_block_weights *g, int layer, const gazei_chunk *c, bool windows) {
  const gazei_acts *a = &tw->acts[layer];
  size_t row = (size_t)c->row, h = (size_t)tw->hidden, width = (size_t)(tw->heads * tw->dim);
  float *d = tw->dx + row * h;
  GAZE_TRY(mlp_half(t, tw, w, g, a, d, row, c->rows));
  GAZE_TRY(linear_dw(t, &g->proj, d, a->o + row * width, c->rows));
  GAZE_TRY(linear_dx(t, t->s.d_o, d, &w->proj, c->rows));
  return attention_half(t, tw, w, g, a, c, windows);
}

// the decoder's last block: only scored rows have a gradient until the attention spreads it
static gaze_err last_block(gaze_trainer *t, const gazei_chunk *c) {
  const gazei_tower *tw = &t->lang;
  int layer = tw->depth - 1, width = tw->heads * tw->dim;
  const gaze_block_weights *w = &t->w.layer[layer], *g = &t->gw.layer[layer];
  const gazei_acts *a = &tw->acts[layer];
  size_t row = (size_t)c->row, h = (size_t)tw->hidden, at = (size_t)c->keep;
  const int *index = t->keep_row + c->keep;
  float *d = t->d_fin + at * h, *dx = tw->dx + row * h;
  GAZE_TRY(mlp_half(t, tw, w, g, a, d, at, c->keeps));
  if (g->proj.w.data || g->proj.bias) {
    GAZE_TRY(gazei_rows(t, GAZE_ROWS_GATHER, t->s.o, a->o + row * (size_t)width, index, c->keeps,
                        width));
    GAZE_TRY(linear_dw(t, &g->proj, d, t->s.o, c->keeps));
  }
  GAZE_TRY(linear_dx(t, t->s.o, d, &w->proj, c->keeps));
  memset(t->s.d_o, 0, (size_t)c->rows * (size_t)width * sizeof(float));
  memset(dx, 0, (size_t)c->rows * h * sizeof(float));
  GAZE_TRY(gazei_rows(t, GAZE_ROWS_SCATTER, t->s.d_o, t->s.o, index, c->keeps, width));
  GAZE_TRY(gazei_rows(t, GAZE_ROWS_SCATTER, dx, d, index, c->keeps, tw->hidden));
  return attention_half(t, tw, w, g, a, c, false);
}

// ---- decoder ----

static gaze_err lang_chunk(gaze_trainer *t, const gazei_chunk *c) {
  const gazei_tower *tw = &t->lang;
  size_t row = (size_t)c->row, at = (size_t)c->keep, h = (size_t)tw->hidden;
  if (!c->live) {
    memset(tw->dx + row * h, 0, (size_t)c->rows * h * sizeof(float));
    return GAZE_OK;
  }
  // through the final norm; d_fin becomes the gradient of the residual stream
  float *d = t->d_fin + at * h;
  memcpy(t->s.d_norm, d, (size_t)c->keeps * h * sizeof *d);
  GAZE_TRY(norm_dx(t, d, t->s.d_norm, t->fin_x + at * h, t->fin_rstd + at, t->w.norm, t->gw.norm,
                   c->keeps, tw->hidden, false));
  GAZE_TRY(last_block(t, c));
  for (int i = tw->depth - 2; i >= 0; i--) {
    GAZE_TRY(block(t, tw, &t->w.layer[i], &t->gw.layer[i], i, c, false));
  }
  return GAZE_OK;
}

// sequences without any gradient (groups of equal reward in GRPO) cost nothing
static void mark_live(gaze_trainer *t, const float *g) {
  gazei_chunk *c = t->lang.chunk;
  for (int i = 0; i < t->lang.chunks; i++) c[i].live = false;
  for (int i = 0, at = 0; i < t->scored; i++) {
    int k = t->score_keep[i];
    while (k < c[at].keep) at--;
    while (k >= c[at].keep + c[at].keeps) at++;
    if (g[i] != 0) c[at].live = true;  // NaN counts
  }
}

static gaze_err head(gaze_trainer *t, const gaze_pack *p, const float *g) {
  size_t h = (size_t)t->cfg.hidden;
  memset(t->d_fin, 0, (size_t)t->kept * h * sizeof *t->d_fin);
  mark_live(t, g);
  if (p->scored == 0) return GAZE_OK;
  gaze_logprob_grad a = {
      .fwd = gazei_logprob(t, p), .g = g, .dx = t->d_score, .dw = (float *)t->gw.head.data};
  GAZE_TRY(t->ops->logprob_bwd(t->ex, &a));
  return gazei_rows(t, GAZE_ROWS_ADD, t->d_fin, t->d_score, t->score_keep, p->scored,
                    t->cfg.hidden);
}

static gaze_err embed(gaze_trainer *t) {
  int h = t->cfg.hidden;
  if (t->gw.embed.data) {
    GAZE_TRY(gazei_rows(t, GAZE_ROWS_ADD, (float *)t->gw.embed.data, t->lang.dx, t->embed_at,
                        t->tokens, h));
  }
  return gazei_rows(t, GAZE_ROWS_GATHER, t->d_feat, t->lang.dx, t->cell_row, t->cells, h);
}

// ---- vision ----

static gaze_err merger(gaze_trainer *t, const gazei_chunk *c) {
  const gazei_tower *tw = &t->vision;
  int unit = t->cfg.vision.merge * t->cfg.vision.merge, cells = c->rows / unit;
  size_t row = (size_t)c->row, h = (size_t)tw->hidden;
  size_t cell = row / (size_t)unit, wide = h * (size_t)unit;
  const float *d = t->d_feat + cell * (size_t)t->cfg.hidden;
  float *d_gelu = t->s.d_gu, *d_fc1 = t->s.d_act, *d_norm = t->s.d_gu;
  GAZE_TRY(linear_dw(t, &t->gw.merger_fc2, d, t->gelu + cell * wide, cells));
  GAZE_TRY(linear_dx(t, d_gelu, d, &t->w.merger_fc2, cells));
  gaze_gelu_grad act = {
      .dx = d_fc1, .dy = d_gelu, .x = t->fc1 + cell * wide, .n = (size_t)cells * wide};
  GAZE_TRY(t->ops->gelu_bwd(t->ex, &act));
  GAZE_TRY(linear_dw(t, &t->gw.merger_fc1, d_fc1, t->vis_n + row * h, cells));
  GAZE_TRY(linear_dx(t, d_norm, d_fc1, &t->w.merger_fc1, cells));
  return norm_dx(t, tw->dx + row * h, d_norm, t->vis_x + row * h, t->vis_rstd + row,
                 t->w.merger_norm, t->gw.merger_norm, c->rows, tw->hidden, false);
}

static bool has_gradient(const gaze_trainer *t, const gazei_chunk *c) {
  size_t unit = (size_t)(t->cfg.vision.merge * t->cfg.vision.merge), h = (size_t)t->cfg.hidden;
  const float *d = t->d_feat + (size_t)c->row / unit * h;
  size_t n = (size_t)c->rows / unit * h, i = 0;
  while (i < n && d[i] == 0) i++;
  return i < n;
}

static gaze_err vision_chunk(gaze_trainer *t, const gaze_pack *p, const gazei_chunk *c) {
  const gazei_tower *tw = &t->vision;
  size_t row = (size_t)c->row, h = (size_t)tw->hidden;
  if (!has_gradient(t, c)) return GAZE_OK;
  GAZE_TRY(merger(t, c));
  for (int i = tw->depth - 1; i >= 0; i--) {
    GAZE_TRY(
        block(t, tw, &t->w.vision[i], &t->gw.vision[i], i, c, !t->cfg.vision.full_attention[i]));
  }
  if (!t->gw.patch.w.data) return GAZE_OK;
  // back to the order of the patches
  GAZE_TRY(gazei_rows(t, GAZE_ROWS_SCATTER, t->s.branch, tw->dx + row * h, t->patch_local + row,
                      c->rows, tw->hidden));
  return linear_dw(t, &t->gw.patch, t->s.branch, p->patches + row * (size_t)t->w.patch.in, c->rows);
}

gaze_err gaze_trainer_backward(gaze_trainer *t, const gaze_pack *p, const float *g, float *aux) {
  if (!t || !p || (p->scored && !g)) {
    return gaze_fail(GAZE_ERR_ARG, "trainer backward: NULL argument");
  }
  if (!t->ready || p->tokens != t->tokens || p->scored != t->scored || p->n_patches != t->patches) {
    return gaze_fail(GAZE_ERR_STATE, "trainer backward: this pack was not the last forward");
  }
  if (aux) *aux = 0;
  GAZE_TRY(head(t, p, g));
  for (int i = 0; i < t->lang.chunks; i++) GAZE_TRY(lang_chunk(t, &t->lang.chunk[i]));
  GAZE_TRY(embed(t));
  if (t->aux_n && p->cell && t->cells) GAZE_TRY(gazei_aux_backward(t, p, aux));
  if (t->vision_frozen) return GAZE_OK;
  for (int i = 0; i < t->vision.chunks; i++) GAZE_TRY(vision_chunk(t, p, &t->vision.chunk[i]));
  return GAZE_OK;
}
