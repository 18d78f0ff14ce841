// nn/vision.c - the vision tower: a picture to the features of its merged cells.
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include "nn/nn_internal.h"

void gazei_vision_close(gazei_vision *v) {
  gazei_vision_plan_close(&v->plan);
  free(v->rgb);
  free(v->pixels);
  free(v->x);
  free(v->y);
  free(v->qkv);
  free(v->attn);
  free(v->gate_up);
  free(v->act);
  free(v->out);
  *v = (gazei_vision){0};
}

static float *floats(int rows, int cols) {
  return malloc(((size_t)rows * (size_t)cols + 1) * sizeof(float));
}

gaze_err gazei_vision_reserve(gazei_vision *v, const gaze_model *m, int patches) {
  const gaze_vision_config *c = &m->cfg.vision;
  int area = c->patch * c->patch, act = c->ff > c->hidden ? c->ff : c->hidden;
  if (patches <= v->cap) return GAZE_OK;
  gazei_vision_close(v);
  GAZE_TRY(gazei_vision_plan_open(&v->plan, c, patches, 1));
  v->rgb = malloc((size_t)patches * (size_t)area * 3);
  v->pixels = floats(patches, 3 * 2 * area);
  v->x = floats(patches, c->hidden);
  v->y = floats(patches, c->hidden);
  v->qkv = floats(patches, 3 * c->hidden);
  v->attn = floats(patches, c->hidden);
  v->gate_up = floats(patches, 2 * c->ff);
  v->act = floats(patches, act);
  v->out = floats(patches / (c->merge * c->merge), m->cfg.hidden);
  if (!v->rgb || !v->pixels || !v->x || !v->y || !v->qkv || !v->attn || !v->gate_up || !v->act ||
      !v->out) {
    gazei_vision_close(v);
    return gaze_fail(GAZE_ERR_NOMEM, "vision: %d patches", patches);
  }
  v->cap = patches;
  return GAZE_OK;
}

static gaze_err linear(const gaze_model *m, gaze_exec *ex, const gaze_linear *l, const float *x,
                       int rows, float *y, bool accumulate) {
  return m->ops->gemm(ex, &(gaze_gemm){.c = y,
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

static gaze_err norm(gazei_vision *v, const gaze_model *m, gaze_exec *ex, const float *w) {
  return m->ops->rmsnorm_fwd(ex, &(gaze_rmsnorm){.y = v->y,
                                                 .x = v->x,
                                                 .w = w,
                                                 .rows = v->plan.patches,
                                                 .cols = m->cfg.vision.hidden,
                                                 .eps = GAZEI_VISION_EPS});
}

static gaze_err attend(gazei_vision *v, const gaze_model *m, gaze_exec *ex, bool full) {
  const gazei_vision_plan *p = &v->plan;
  int hidden = m->cfg.vision.hidden, heads = m->cfg.vision.heads, dim = hidden / heads;
  const int *start = full ? p->image : p->window;
  // q and k lie side by side, so one call rotates both
  GAZE_TRY(m->ops->rope(ex, &(gaze_rope){.x = v->qkv,
                                         .cos = p->cos,
                                         .sin = p->sin,
                                         .rows = p->patches,
                                         .heads = 2 * heads,
                                         .dim = dim,
                                         .ld = 3 * hidden}));
  return m->ops->attention_fwd(ex, &(gaze_attention){.o = v->attn,
                                                     .q = v->qkv,
                                                     .k = v->qkv + hidden,
                                                     .v = v->qkv + 2 * hidden,
                                                     .q_start = start,
                                                     .k_start = start,
                                                     .k_end = start + 1,
                                                     .segments = full ? p->images : p->windows,
                                                     .heads = heads,
                                                     .kv_heads = heads,
                                                     .dim = dim,
                                                     .ldq = 3 * hidden,
                                                     .ldkv = 3 * hidden,
                                                     .ldo = hidden,
                                                     .scale = 1.0f / sqrtf((float)dim)});
}

static gaze_err block(gazei_vision *v, const gaze_model *m, gaze_exec *ex, int i) {
  const gaze_block_weights *w = &m->w.vision[i];
  const gaze_vision_config *c = &m->cfg.vision;
  int n = v->plan.patches;
  GAZE_TRY(norm(v, m, ex, w->norm1));
  GAZE_TRY(linear(m, ex, &w->qkv, v->y, n, v->qkv, false));
  GAZE_TRY(attend(v, m, ex, c->full_attention[i]));
  GAZE_TRY(linear(m, ex, &w->proj, v->attn, n, v->x, true));
  GAZE_TRY(norm(v, m, ex, w->norm2));
  GAZE_TRY(linear(m, ex, &w->gate_up, v->y, n, v->gate_up, false));
  GAZE_TRY(m->ops->swiglu_fwd(ex, &(gaze_swiglu){.y = v->act,
                                                 .gate = v->gate_up,
                                                 .up = v->gate_up + c->ff,
                                                 .rows = n,
                                                 .cols = c->ff,
                                                 .ld = 2 * c->ff}));
  return linear(m, ex, &w->down, v->act, n, v->x, true);
}

// norm per patch, four patches side by side, linear, gelu, linear, back to cell order
static gaze_err merge(gazei_vision *v, const gaze_model *m, gaze_exec *ex, float *features) {
  const gazei_vision_plan *p = &v->plan;
  size_t wide = (size_t)m->w.merger_fc1.out;
  float *h = v->qkv, *g = v->x;  // both have room for [cells, wide] by now
  GAZE_TRY(norm(v, m, ex, m->w.merger_norm));
  GAZE_TRY(linear(m, ex, &m->w.merger_fc1, v->y, p->cells, h, false));
  GAZE_TRY(m->ops->gelu_fwd(ex, &(gaze_gelu){.y = g, .x = h, .n = (size_t)p->cells * wide}));
  GAZE_TRY(linear(m, ex, &m->w.merger_fc2, g, p->cells, v->out, false));
  return m->ops->rows(ex, &(gaze_rows){.y = features,
                                       .x = {v->out, NULL, GAZE_F32, m->cfg.hidden},
                                       .index = p->cell_at,
                                       .n = p->cells,
                                       .cols = m->cfg.hidden,
                                       .ldy = m->cfg.hidden,
                                       .mode = GAZE_ROWS_SCATTER});
}

static gaze_err patches(gazei_vision *v, const gaze_model *m, gaze_exec *ex,
                        const gaze_image *image, int h, int w) {
  const gaze_processor *q = &m->processor;
  const uint8_t *rgb = image->rgb;
  if (h != image->h || w != image->w) {
    GAZE_TRY(gaze_image_resize(image->rgb, image->h, image->w, v->rgb, h, w));
    rgb = v->rgb;
  }
  gaze_patchify a = {.y = v->pixels, .rgb = rgb, .h = h, .w = w};
  a.patch = q->patch;
  a.merge = q->merge;
  for (int i = 0; i < 3; i++) {
    a.mean[i] = q->mean[i];
    a.std[i] = q->std[i];
  }
  return m->ops->patchify(ex, &a);
}

gaze_err gazei_vision_forward(gazei_vision *v, const gaze_model *m, gaze_exec *ex,
                              const gaze_image *image, float *features) {
  const gaze_vision_config *c = &m->cfg.vision;
  int h, w, cells[2];
  GAZE_TRY(gazei_image_grid(m, image->h, image->w, &h, &w, cells));
  const int grid[1][2] = {{h / c->patch, w / c->patch}};
  GAZE_TRY(gazei_vision_reserve(v, m, grid[0][0] * grid[0][1]));
  GAZE_TRY(gazei_vision_plan_make(&v->plan, c, grid, 1));
  GAZE_TRY(patches(v, m, ex, image, h, w));
  // project first and permute then: a row of pixels is much longer than one of features
  GAZE_TRY(linear(m, ex, &m->w.patch, v->pixels, v->plan.patches, v->y, false));
  GAZE_TRY(m->ops->rows(ex, &(gaze_rows){.y = v->x,
                                         .x = {v->y, NULL, GAZE_F32, c->hidden},
                                         .index = v->plan.patch_at,
                                         .n = v->plan.patches,
                                         .cols = c->hidden,
                                         .ldy = c->hidden,
                                         .mode = GAZE_ROWS_GATHER}));
  for (int i = 0; i < c->depth; i++) GAZE_TRY(block(v, m, ex, i));
  return merge(v, m, ex, features);
}
