// nn/trainer.c - opening a trainer, its memory, freezing and the optimiser step.
#define _DEFAULT_SOURCE  // madvise
#include "nn/trainer.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "core/bf16.h"
#include "core/file.h"
#include "nn/safetensors.h"
#include "nn/trainer_internal.h"

gaze_train_options gaze_train_defaults(void) {
  return (gaze_train_options){.max_tokens = 8192,
                              .max_patches = 16384,
                              .max_scored = 8192,
                              .bf16_products = true,
                              .lr_matrix = 0.02f,
                              .lr_other = 2e-3f,
                              .muon = true,
                              .momentum = 0.95f,
                              .beta1 = 0.9f,
                              .beta2 = 0.98f,
                              .eps = 1e-8f,
                              .decay_matrix = 0.05f,
                              .clip = 1.0f};
}

enum { HUGE_PAGE = 2 << 20 };

// ---- memory: one walk counts, a second one hands out ----

typedef struct carver {
  char *base;  // NULL while counting
  size_t used;
} carver;

static void *take(carver *c, size_t n, size_t size) {
  size_t at = (c->used + 63) / 64 * 64;
  c->used = at + n * size;
  return c->base ? c->base + at : NULL;
}

static float *floats(carver *c, size_t rows, size_t cols) {
  return take(c, rows * cols, 4);
}
static int *ints(carver *c, size_t n) {
  return take(c, n, sizeof(int));
}

static void carve_tower(carver *c, gazei_tower *tw, size_t rows) {
  size_t h = (size_t)tw->hidden, ff = (size_t)tw->ff, width = (size_t)(tw->heads * tw->dim);
  tw->acts = take(c, (size_t)tw->depth, sizeof *tw->acts);
  for (int i = 0; i < tw->depth; i++) {
    gazei_acts a = {.x = floats(c, rows, h),
                    .rstd1 = floats(c, rows, 1),
                    .n1 = floats(c, rows, h),
                    .qkv = floats(c, rows, (size_t)tw->qkv),
                    .o = floats(c, rows, width),
                    .lse = floats(c, rows, (size_t)tw->heads),
                    .mid = floats(c, rows, h),
                    .rstd2 = floats(c, rows, 1),
                    .n2 = floats(c, rows, h),
                    .gate_up = floats(c, rows, 2 * ff),
                    .act = floats(c, rows, ff)};
    if (c->base) tw->acts[i] = a;
  }
  tw->dx = floats(c, rows, h);
  // each segment list has one entry more than segments; a chunk has at least one segment
  tw->segs = ints(c, 4 * rows + 4);
  tw->chunk = take(c, rows + 1, sizeof *tw->chunk);
}

static size_t widest(size_t a, size_t b) {
  return a > b ? a : b;
}

static void carve_scratch(carver *c, gaze_trainer *t, size_t rows) {
  const gazei_tower *v = &t->vision, *l = &t->lang;
  size_t h = widest((size_t)v->hidden, (size_t)l->hidden);
  size_t ff = widest((size_t)v->ff, (size_t)l->ff);
  size_t o = widest((size_t)v->hidden, (size_t)(l->heads * l->dim));
  t->s.branch = floats(c, rows, h);
  t->s.o = floats(c, rows, o);
  t->s.d_o = floats(c, rows, o);
  t->s.d_qkv = floats(c, rows, widest((size_t)v->qkv, (size_t)l->qkv));
  // the merger borrows these two for rows as wide as the vision tower
  t->s.d_gu = floats(c, rows, widest(2 * ff, h));
  t->s.d_act = floats(c, rows, widest(ff, h));
  t->s.d_norm = floats(c, rows, h);
}

static void carve(carver *c, gaze_trainer *t) {
  size_t tokens = (size_t)t->o.max_tokens, patches = (size_t)t->o.max_patches;
  size_t scored = (size_t)t->o.max_scored, vh = (size_t)t->vision.hidden;
  size_t h = (size_t)t->lang.hidden, unit = (size_t)(t->cfg.vision.merge * t->cfg.vision.merge);
  size_t cells = patches / unit + 1, wide = vh * unit;
  carve_tower(c, &t->vision, patches);
  carve_tower(c, &t->lang, tokens);
  carve_scratch(c, t, widest(tokens, patches));
  t->cos = floats(c, tokens, (size_t)t->lang.dim / 2);
  t->sin = floats(c, tokens, (size_t)t->lang.dim / 2);
  t->vis_x = floats(c, patches, vh);
  t->vis_rstd = floats(c, patches, 1);
  t->vis_n = floats(c, patches, vh);
  t->fc1 = floats(c, cells, wide);
  t->gelu = floats(c, cells, wide);
  t->feat = floats(c, cells, h);
  t->d_feat = floats(c, cells, h);
  t->aux_logit = floats(c, cells, GAZEI_AUX_OUT);
  t->fin_x = floats(c, scored, h);
  t->fin_rstd = floats(c, scored, 1);
  t->fin_n = floats(c, scored, h);
  t->d_fin = floats(c, scored, h);
  t->score_x = floats(c, scored, h);
  t->d_score = floats(c, scored, h);
  t->logp = floats(c, scored, 1);
  t->lse = floats(c, scored, 1);
  t->entropy = floats(c, scored, 1);
  t->best = ints(c, scored);
  t->keep_row = ints(c, scored);
  t->keep_of = ints(c, tokens);
  t->score_keep = ints(c, scored);
  t->embed_at = ints(c, tokens);
  t->cell_row = ints(c, cells);
  t->cell_token = ints(c, cells);
  t->patch_local = ints(c, patches);
}

// a large block on huge pages where the system has them: fewer page faults and table misses
static void *open_block(size_t bytes) {
  size_t size = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
  void *p = aligned_alloc(HUGE_PAGE, size);
  if (p) (void)madvise(p, size, MADV_HUGEPAGE);  // a hint only
  return p;
}

static gaze_err open_activations(gaze_trainer *t) {
  carver c = {0};
  carve(&c, t);
  t->acts_bytes = c.used;
  t->acts_block = open_block(c.used);
  if (!t->acts_block) {
    return gaze_fail(GAZE_ERR_NOMEM, "trainer: %zu bytes of activations", t->acts_bytes);
  }
  c = (carver){.base = t->acts_block};
  carve(&c, t);
  GAZE_TRY(
      gazei_vision_plan_open(&t->plan, &t->cfg.vision, t->o.max_patches, t->o.max_patches / 4 + 1));
  t->vision.cos = t->plan.cos;
  t->vision.sin = t->plan.sin;
  t->lang.cos = t->cos;
  t->lang.sin = t->sin;
  return GAZE_OK;
}

static void set_towers(gaze_trainer *t) {
  const gaze_model_config *c = &t->cfg;
  const gaze_vision_config *v = &c->vision;
  t->vision = (gazei_tower){.depth = v->depth,
                            .hidden = v->hidden,
                            .heads = v->heads,
                            .kv_heads = v->heads,
                            .dim = v->hidden / v->heads,
                            .ff = v->ff,
                            .qkv = 3 * v->hidden,
                            .eps = GAZEI_VISION_EPS};
  t->lang = (gazei_tower){.depth = c->layers,
                          .hidden = c->hidden,
                          .heads = c->heads,
                          .kv_heads = c->kv_heads,
                          .dim = c->head_dim,
                          .ff = c->ff,
                          .qkv = (c->heads + 2 * c->kv_heads) * c->head_dim,
                          .eps = c->eps,
                          .causal = true};
}

static gaze_err open_parameters(gaze_trainer *t) {
  size_t n = t->layout.floats;
  t->aux_n = t->o.aux_weight > 0 ? (size_t)GAZEI_AUX_OUT * (size_t)(t->cfg.hidden + 1) : 0;
  size_t total = 4 * (n + (t->aux_n + 15) / 16 * 16);
  t->block = open_block(total * sizeof(float));
  t->frozen = calloc((size_t)t->layout.n + 1, sizeof *t->frozen);
  if (!t->block || !t->frozen) {
    return gaze_fail(GAZE_ERR_NOMEM, "trainer: %zu parameters", n + t->aux_n);
  }
  memset(t->block, 0, total * sizeof(float));
  float **part[] = {&t->p, &t->g, &t->m, &t->v};
  float **aux[] = {&t->aux_p, &t->aux_g, &t->aux_m, &t->aux_v};
  for (size_t i = 0; i < 4; i++) {
    *part[i] = t->block + i * n;
    *aux[i] = t->block + 4 * n + i * ((t->aux_n + 15) / 16 * 16);
  }
  const gaze_param *embed = gaze_layout_find(&t->layout, "model.embed_tokens.weight");
  if (!embed) return gaze_fail(GAZE_ERR_INTERNAL, "trainer: the layout has no embedding");
  t->embed_offset = embed->offset;
  if (t->o.bf16_products) {
    t->half = calloc(gazei_layout_f32_start(&t->layout) + 1, sizeof *t->half);
    if (!t->half) return gaze_fail(GAZE_ERR_NOMEM, "trainer: bf16 copy of the weights");
    gazei_store s = {GAZE_BF16, t->half, NULL, t->p + gazei_layout_f32_start(&t->layout)};
    return gazei_weights_bind(&t->w, &t->cfg, &t->layout, &s);
  }
  return gaze_weights_bind(&t->w, &t->cfg, &t->layout, t->p);
}

void gazei_trainer_refresh(gaze_trainer *t) {
  size_t n = t->half ? gazei_layout_f32_start(&t->layout) : 0;
  const float *p = t->p;
  uint16_t *half = t->half;
  // gaze_bf16_from_f32 spelled out for finite values, so that the loop becomes vector code
  for (size_t i = 0; i < n; i++) {
    uint32_t u;
    memcpy(&u, p + i, sizeof u);
    half[i] = (uint16_t)((u + 0x7FFFu + (u >> 16 & 1u)) >> 16);
  }
}

// ---- freezing ----

bool gazei_match(const char *pattern, const char *name) {
  // greedy with one point to return to: linear in practice, never exponential
  const char *star = NULL, *back = NULL;
  while (*name) {
    if (*pattern == '*') {
      star = pattern++;
      back = name;
    } else if (*pattern == *name) {
      pattern++, name++;
    } else if (star) {
      pattern = star + 1;
      name = ++back;
    } else {
      return false;
    }
  }
  while (*pattern == '*') pattern++;
  return !*pattern;
}

// whether no parameter in the n floats at `g` (a gradient) is trained
static bool all_frozen(const gaze_trainer *t, const void *g, size_t n) {
  size_t at = (size_t)((const float *)g - t->g);
  for (int i = 0; i < t->layout.n; i++) {
    const gaze_param *p = &t->layout.param[i];
    size_t end = p->offset + (size_t)p->rows * (size_t)p->cols;
    if (p->offset < at + n && end > at && !t->frozen[i]) return false;
  }
  return true;
}

static void drop_vector(const gaze_trainer *t, const float **g, int n) {
  if (*g && all_frozen(t, *g, (size_t)n)) *g = NULL;
}

static void drop_matrix(const gaze_trainer *t, gaze_mat *g, int rows) {
  if (g->data && all_frozen(t, g->data, (size_t)rows * (size_t)g->ld)) g->data = NULL;
}

static void drop_linear(const gaze_trainer *t, gaze_linear *g) {
  drop_matrix(t, &g->w, g->out);
  drop_vector(t, &g->bias, g->out);
}

static void drop_block(const gaze_trainer *t, gaze_block_weights *g, int hidden) {
  drop_vector(t, &g->norm1, hidden);
  drop_vector(t, &g->norm2, hidden);
  drop_linear(t, &g->qkv);
  drop_linear(t, &g->proj);
  drop_linear(t, &g->gate_up);
  drop_linear(t, &g->down);
}

static gaze_err freeze(gaze_trainer *t) {
  t->vision_frozen = true;
  for (const char *const *f = t->o.freeze; f && *f; f++) {
    int found = 0;
    for (int i = 0; i < t->layout.n; i++) {
      if (!gazei_match(*f, t->layout.param[i].name)) continue;
      t->frozen[i] = true;
      found++;
    }
    if (!found) return gaze_fail(GAZE_ERR_ARG, "trainer: freeze: no parameter matches \"%s\"", *f);
  }
  for (int i = 0; i < t->layout.n; i++) {
    bool vision = strncmp(t->layout.param[i].name, "visual.", 7) == 0;
    if (vision && !t->frozen[i]) t->vision_frozen = false;
  }
  GAZE_TRY(gaze_weights_bind(&t->gw, &t->cfg, &t->layout, t->g));
  gaze_weights *g = &t->gw;
  const gaze_model_config *c = &t->cfg;
  drop_linear(t, &g->patch);
  for (int i = 0; i < c->vision.depth; i++) drop_block(t, &g->vision[i], c->vision.hidden);
  drop_vector(t, &g->merger_norm, c->vision.hidden);
  drop_linear(t, &g->merger_fc1);
  drop_linear(t, &g->merger_fc2);
  drop_matrix(t, &g->embed, c->vocab);
  for (int i = 0; i < c->layers; i++) drop_block(t, &g->layer[i], c->hidden);
  drop_vector(t, &g->norm, c->hidden);
  drop_matrix(t, &g->head, c->vocab);
  return GAZE_OK;
}

// ---- life cycle ----

static bool in_range(float x, float lo, float hi) {
  return x >= lo && x <= hi;
}

static gaze_err check_options(const gaze_train_options *o) {
  if (o->max_tokens < 1 || o->max_tokens > 1 << 24 || o->max_patches < 0 ||
      o->max_patches > 1 << 24 || o->max_scored < 0 || o->max_scored > 1 << 24) {
    return gaze_fail(GAZE_ERR_RANGE,
                     "trainer: max_tokens, max_patches or max_scored: expected up "
                     "to %d",
                     1 << 24);
  }
  if (!in_range(o->lr_matrix, 0, 1e3f) || !in_range(o->lr_other, 0, 1e3f) ||
      !in_range(o->momentum, 0, 1) || !in_range(o->beta1, 0, 0.9999999f) ||
      !in_range(o->beta2, 0, 0.9999999f) || !in_range(o->eps, 0, 1) ||
      !in_range(o->decay_matrix, 0, 1e3f) || !in_range(o->decay_other, 0, 1e3f) ||
      !in_range(o->clip, 0, 1e30f) || !in_range(o->aux_weight, 0, 1e6f)) {
    return gaze_fail(GAZE_ERR_RANGE,
                     "trainer: a rate, beta, decay, clip or aux_weight is out of "
                     "range");
  }
  return GAZE_OK;
}

static bool has_weights(const char *dir) {
  static const char *const name[] = {"model.safetensors", "model.safetensors.index.json"};
  bool found = false;
  for (size_t i = 0; i < 2; i++) {
    gaze_buf path = GAZE_BUF_INIT;
    gaze_buf_printf(&path, "%s/%s", dir, name[i]);
    if (gaze_file_exists(gaze_buf_text(&path))) found = true;
    gaze_buf_fini(&path);
  }
  return found;
}

static gaze_err load_weights(gaze_trainer *t, const char *dir) {
  gaze_st *st = NULL;
  GAZE_TRY(gaze_st_open_folder(&st, dir));
  gaze_err e = GAZE_OK;
  for (int i = 0; i < t->layout.n && !e; i++) {
    const gaze_param *p = &t->layout.param[i];
    const gaze_st_tensor *x = gaze_st_find(st, p->name);
    bool same = x && x->rank == p->rank;
    for (int k = 0; same && k < p->rank; k++) same = x->shape[k] == p->shape[k];
    if (!same)
      e = gaze_fail(GAZE_ERR_FORMAT, "%s: tensor %s: %s", dir, p->name,
                    x ? "has another shape than config.json asks for" : "is missing");
    else
      e = gaze_st_read_f32(x, t->p + p->offset, (size_t)p->rows * (size_t)p->cols);
  }
  gaze_st_close(&st);
  return e;
}

static gaze_err open_model(gaze_trainer *t, const char *dir, uint64_t seed) {
  gaze_buf path = GAZE_BUF_INIT;
  gaze_buf_printf(&path, "%s/config.json", dir);
  gaze_err e = path.failed ? GAZE_ERR_NOMEM : gaze_model_config_load(&t->cfg, gaze_buf_text(&path));
  gaze_buf_fini(&path);
  if (e) return e;
  set_towers(t);
  GAZE_TRY(gaze_layout_open(&t->layout, &t->cfg));
  GAZE_TRY(open_parameters(t));
  GAZE_TRY(open_activations(t));
  GAZE_TRY(freeze(t));
  GAZE_TRY(gaze_model_wrap(&t->model, t->ops, dir, &t->cfg, t->p));
  gazei_trainer_random(t, seed);
  if (!has_weights(dir)) return GAZE_OK;
  GAZE_TRY(load_weights(t, dir));
  return gazei_trainer_warm_aux(t, dir);
}

gaze_err gaze_trainer_open(gaze_trainer **out, const gaze_ops *ops, gaze_exec *ex, const char *dir,
                           const gaze_train_options *o, uint64_t seed) {
  if (!out) return gaze_fail(GAZE_ERR_ARG, "trainer: NULL argument");
  *out = NULL;
  if (!ops || !ex || !dir || !o) return gaze_fail(GAZE_ERR_ARG, "trainer: NULL argument");
  GAZE_TRY(check_options(o));
  GAZE_TRY(gazei_checkpoint_recover(dir));
  gaze_trainer *t = calloc(1, sizeof *t);
  if (!t) return gaze_fail(GAZE_ERR_NOMEM, "trainer: out of memory");
  *t = (gaze_trainer){.ops = ops, .ex = ex, .o = *o};
  size_t n = strlen(dir) + 1;
  t->dir = malloc(n);
  gaze_err e = t->dir ? GAZE_OK : gaze_fail(GAZE_ERR_NOMEM, "trainer: out of memory");
  if (!e) {
    memcpy(t->dir, dir, n);
    e = open_model(t, dir, seed);
  }
  t->o.freeze = NULL;  // the caller's list is not kept
  if (e)
    gaze_trainer_close(&t);
  else
    *out = t;
  return e;
}

void gaze_trainer_close(gaze_trainer **t) {
  if (!t || !*t) return;
  gaze_model_close(&(*t)->model);
  gazei_vision_plan_close(&(*t)->plan);
  gaze_layout_close(&(*t)->layout);
  free((*t)->acts_block);
  free((*t)->block);
  free((*t)->half);
  free((*t)->frozen);
  free((*t)->dir);
  free(*t);
  *t = NULL;
}

const gaze_model *gaze_trainer_model(const gaze_trainer *t) {
  return t->model;
}
float *gaze_trainer_params(gaze_trainer *t) {
  return t->p;
}
const float *gaze_trainer_grads(const gaze_trainer *t) {
  return t->g;
}
const gaze_layout *gaze_trainer_layout(const gaze_trainer *t) {
  return &t->layout;
}

// ---- step ----

static void clear_gradients(gaze_trainer *t) {
  memset(t->g, 0, t->layout.floats * sizeof *t->g);
  if (t->aux_n) memset(t->aux_g, 0, t->aux_n * sizeof *t->aux_g);
}

// squared norm of what is trained; the gradient of a frozen part of a fused matrix is dropped
static gaze_err square_norm(gaze_trainer *t, double *sum) {
  for (int i = 0; i < t->layout.n; i++) {
    const gaze_param *p = &t->layout.param[i];
    size_t n = (size_t)p->rows * (size_t)p->cols;
    if (t->frozen[i]) memset(t->g + p->offset, 0, n * sizeof *t->g);
  }
  double aux = 0;
  gaze_sumsq a = {.out = sum, .x = t->g, .n = t->layout.floats};
  GAZE_TRY(t->ops->sumsq(t->ex, &a));
  if (t->aux_n) {
    a = (gaze_sumsq){.out = &aux, .x = t->aux_g, .n = t->aux_n};
    GAZE_TRY(t->ops->sumsq(t->ex, &a));
  }
  *sum += aux;
  return GAZE_OK;
}

static gaze_adamw adamw(const gaze_trainer *t, float rate, float scale) {
  return (gaze_adamw){.lr = t->o.lr_other * rate,
                      .beta1 = t->o.beta1,
                      .beta2 = t->o.beta2,
                      .eps = t->o.eps,
                      .decay = t->o.decay_other,
                      .g_scale = scale,
                      .step = t->step};
}

static gaze_err update(gaze_trainer *t, const gaze_param *p, float rate, float scale) {
  bool matrix = p->kind == GAZE_PARAM_MATRIX;
  if (matrix && t->o.muon) {
    gaze_muon a = {.p = t->p + p->offset,
                   .m = t->m + p->offset,
                   .g = t->g + p->offset,
                   .rows = p->rows,
                   .cols = p->cols,
                   .ns_steps = 5,
                   .lr = t->o.lr_matrix * rate,
                   .momentum = t->o.momentum,
                   .decay = t->o.decay_matrix,
                   .g_scale = scale,
                   .bf16_products = t->o.bf16_products};
    return t->ops->muon(t->ex, &a);
  }
  gaze_adamw a = adamw(t, rate, scale);
  a.p = t->p + p->offset;
  a.m = t->m + p->offset;
  a.v = t->v + p->offset;
  a.g = t->g + p->offset;
  a.n = (size_t)p->rows * (size_t)p->cols;
  if (matrix) {
    a.lr = t->o.lr_matrix * rate;
    a.decay = t->o.decay_matrix;
  }
  if (p->kind == GAZE_PARAM_VECTOR && !t->o.decay_vectors) a.decay = 0;
  return t->ops->adamw(t->ex, &a);
}

gaze_err gaze_trainer_step(gaze_trainer *t, float rate, float *grad_norm) {
  if (!t || !isfinite(rate) || rate < 0) {
    return gaze_fail(GAZE_ERR_ARG, "trainer step: expected a trainer and a rate >= 0");
  }
  double sum = 0;
  GAZE_TRY(square_norm(t, &sum));
  double norm = sqrt(sum);
  if (grad_norm) *grad_norm = (float)norm;
  if (!isfinite(norm)) {
    clear_gradients(t);
    return gaze_fail(GAZE_ERR_FORMAT, "trainer step: the gradient is not finite");
  }
  // 1e-6 as torch.nn.utils.clip_grad_norm_
  double fit = t->o.clip > 0 ? (double)t->o.clip / (norm + 1e-6) : 1.0;
  float scale = fit < 1 ? (float)fit : 1.0f;
  t->step++;
  t->ready = false;  // the kept activations belong to the old weights
  for (int i = 0; i < t->layout.n; i++) {
    if (!t->frozen[i]) GAZE_TRY(update(t, &t->layout.param[i], rate, scale));
  }
  if (t->aux_n) {
    gaze_adamw a = adamw(t, rate, scale);
    a.p = t->aux_p, a.g = t->aux_g, a.m = t->aux_m, a.v = t->aux_v;
    a.n = t->aux_n;
    GAZE_TRY(t->ops->adamw(t->ex, &a));
  }
  clear_gradients(t);
  return GAZE_OK;
}
