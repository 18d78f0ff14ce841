// nn/params.c - the layout of all parameters, and weight views into a block.
#include "nn/params.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "nn/nn_internal.h"

// groups start on cache lines even when stored as bytes
enum { ALIGN_ELEMENTS = 64 };

// The list under construction: pass 1 counts (param NULL), pass 2 fills.
typedef struct builder {
  gaze_param *param;
  int n;
  size_t used;
} builder;

static void begin_group(builder *b) {
  b->used = (b->used + ALIGN_ELEMENTS - 1) / ALIGN_ELEMENTS * ALIGN_ELEMENTS;
}

__attribute__((format(printf, 5, 6))) static void add(builder *b, gaze_param_kind kind, int rows,
                                                      int cols, const char *fmt, ...) {
  if (b->param) {
    gaze_param *p = &b->param[b->n];
    va_list args;
    va_start(args, fmt);
    vsnprintf(p->name, sizeof p->name, fmt, args);
    va_end(args);
    p->kind = kind;
    p->rows = rows;
    p->cols = cols;
    p->rank = kind == GAZE_PARAM_VECTOR ? 1 : 2;
    p->shape[0] = kind == GAZE_PARAM_VECTOR ? cols : rows;
    p->shape[1] = kind == GAZE_PARAM_VECTOR ? 0 : cols;
    p->offset = b->used;
  }
  b->n++;
  b->used += (size_t)rows * (size_t)cols;
}

static void add_vision_matrices(builder *b, const gaze_vision_config *v) {
  for (int i = 0; i < v->depth; i++) {
    begin_group(b);
    add(b, GAZE_PARAM_MATRIX, 3 * v->hidden, v->hidden, "visual.blocks.%d.attn.qkv.weight", i);
    begin_group(b);
    add(b, GAZE_PARAM_MATRIX, v->hidden, v->hidden, "visual.blocks.%d.attn.proj.weight", i);
    begin_group(b);
    add(b, GAZE_PARAM_MATRIX, v->ff, v->hidden, "visual.blocks.%d.mlp.gate_proj.weight", i);
    add(b, GAZE_PARAM_MATRIX, v->ff, v->hidden, "visual.blocks.%d.mlp.up_proj.weight", i);
    begin_group(b);
    add(b, GAZE_PARAM_MATRIX, v->hidden, v->ff, "visual.blocks.%d.mlp.down_proj.weight", i);
  }
}

static void add_merger_matrices(builder *b, const gaze_model_config *c) {
  int wide = c->vision.hidden * c->vision.merge * c->vision.merge;
  begin_group(b);
  add(b, GAZE_PARAM_MATRIX, wide, wide, "visual.merger.mlp.0.weight");
  begin_group(b);
  add(b, GAZE_PARAM_MATRIX, c->hidden, wide, "visual.merger.mlp.2.weight");
}

static void add_language_matrices(builder *b, const gaze_model_config *c) {
  int q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
  for (int i = 0; i < c->layers; i++) {
    begin_group(b);
    add(b, GAZE_PARAM_MATRIX, q, c->hidden, "model.layers.%d.self_attn.q_proj.weight", i);
    add(b, GAZE_PARAM_MATRIX, kv, c->hidden, "model.layers.%d.self_attn.k_proj.weight", i);
    add(b, GAZE_PARAM_MATRIX, kv, c->hidden, "model.layers.%d.self_attn.v_proj.weight", i);
    begin_group(b);
    add(b, GAZE_PARAM_MATRIX, c->hidden, q, "model.layers.%d.self_attn.o_proj.weight", i);
    begin_group(b);
    add(b, GAZE_PARAM_MATRIX, c->ff, c->hidden, "model.layers.%d.mlp.gate_proj.weight", i);
    add(b, GAZE_PARAM_MATRIX, c->ff, c->hidden, "model.layers.%d.mlp.up_proj.weight", i);
    begin_group(b);
    add(b, GAZE_PARAM_MATRIX, c->hidden, c->ff, "model.layers.%d.mlp.down_proj.weight", i);
  }
}

static void vec(builder *b, int cols, const char *fmt, int layer) {
  char name[96];
  snprintf(name, sizeof name, fmt, layer);
  add(b, GAZE_PARAM_VECTOR, 1, cols, "%s", name);
}

static void add_vision_vectors(builder *b, const gaze_model_config *c) {
  const gaze_vision_config *v = &c->vision;
  for (int i = 0; i < v->depth; i++) {
    begin_group(b);
    vec(b, v->hidden, "visual.blocks.%d.norm1.weight", i);
    begin_group(b);
    vec(b, v->hidden, "visual.blocks.%d.norm2.weight", i);
    begin_group(b);
    vec(b, 3 * v->hidden, "visual.blocks.%d.attn.qkv.bias", i);
    begin_group(b);
    vec(b, v->hidden, "visual.blocks.%d.attn.proj.bias", i);
    begin_group(b);
    vec(b, v->ff, "visual.blocks.%d.mlp.gate_proj.bias", i);
    vec(b, v->ff, "visual.blocks.%d.mlp.up_proj.bias", i);
    begin_group(b);
    vec(b, v->hidden, "visual.blocks.%d.mlp.down_proj.bias", i);
  }
  begin_group(b);
  add(b, GAZE_PARAM_VECTOR, 1, v->hidden, "visual.merger.ln_q.weight");
  begin_group(b);
  add(b, GAZE_PARAM_VECTOR, 1, v->hidden * v->merge * v->merge, "visual.merger.mlp.0.bias");
  begin_group(b);
  add(b, GAZE_PARAM_VECTOR, 1, c->hidden, "visual.merger.mlp.2.bias");
}

static void add_language_vectors(builder *b, const gaze_model_config *c) {
  int q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
  for (int i = 0; i < c->layers; i++) {
    begin_group(b);
    vec(b, c->hidden, "model.layers.%d.input_layernorm.weight", i);
    begin_group(b);
    vec(b, c->hidden, "model.layers.%d.post_attention_layernorm.weight", i);
    begin_group(b);
    vec(b, q, "model.layers.%d.self_attn.q_proj.bias", i);
    vec(b, kv, "model.layers.%d.self_attn.k_proj.bias", i);
    vec(b, kv, "model.layers.%d.self_attn.v_proj.bias", i);
  }
  begin_group(b);
  add(b, GAZE_PARAM_VECTOR, 1, c->hidden, "model.norm.weight");
}

// what may be packed comes first; from the patch projection on everything stays f32
static void build(builder *b, const gaze_model_config *c) {
  const gaze_vision_config *v = &c->vision;
  add_vision_matrices(b, v);
  add_merger_matrices(b, c);
  add_language_matrices(b, c);
  begin_group(b);
  add(b, GAZE_PARAM_EMBED, c->vocab, c->hidden, "model.embed_tokens.weight");
  begin_group(b);
  if (!c->tied) add(b, GAZE_PARAM_EMBED, c->vocab, c->hidden, "lm_head.weight");
  begin_group(b);
  int at = b->n;
  add(b, GAZE_PARAM_PATCH, v->hidden, 3 * 2 * v->patch * v->patch,
      "visual.patch_embed.proj.weight");
  if (b->param) {
    const int shape[5] = {v->hidden, 3, 2, v->patch, v->patch};
    memcpy(b->param[at].shape, shape, sizeof shape);
    b->param[at].rank = 5;
  }
  add_vision_vectors(b, c);
  add_language_vectors(b, c);
  begin_group(b);
}

gaze_err gaze_layout_open(gaze_layout *l, const gaze_model_config *c) {
  if (!l || !c) return gaze_fail(GAZE_ERR_ARG, "layout: NULL argument");
  *l = (gaze_layout){0};
  const gaze_vision_config *v = &c->vision;
  if (v->depth < 0 || v->depth > GAZE_LAYERS_MAX || c->layers < 1 || c->layers > GAZE_LAYERS_MAX) {
    return gaze_fail(GAZE_ERR_RANGE, "layout: expected at most %d layers", GAZE_LAYERS_MAX);
  }
  const int64_t dim[] = {v->hidden,
                         v->ff,
                         v->patch,
                         v->merge,
                         c->hidden,
                         c->ff,
                         (int64_t)c->heads * c->head_dim,
                         c->vocab,
                         c->heads,
                         c->kv_heads,
                         c->head_dim};
  for (size_t i = 0; i < sizeof dim / sizeof *dim; i++) {
    if (dim[i] < 1 || dim[i] > 1 << 24) {
      return gaze_fail(GAZE_ERR_RANGE, "layout: a model size of %lld is not possible",
                       (long long)dim[i]);
    }
  }
  if (v->patch > 256 || v->merge > 16 || c->kv_heads > c->heads) {
    return gaze_fail(GAZE_ERR_RANGE, "layout: patch, merge or kv_heads is not possible");
  }
  builder count = {0};
  build(&count, c);
  builder b = {calloc((size_t)count.n, sizeof(gaze_param)), 0, 0};
  if (!b.param) return gaze_fail(GAZE_ERR_NOMEM, "layout: %d parameters", count.n);
  build(&b, c);
  *l = (gaze_layout){b.param, b.n, b.used};
  return GAZE_OK;
}

void gaze_layout_close(gaze_layout *l) {
  if (!l) return;
  free(l->param);
  *l = (gaze_layout){0};
}

const gaze_param *gaze_layout_find(const gaze_layout *l, const char *name) {
  for (int i = 0; l && name && i < l->n; i++) {
    if (strcmp(l->param[i].name, name) == 0) return &l->param[i];
  }
  return NULL;
}

static const gaze_param *first_f32(const gaze_layout *l, size_t *rows) {
  *rows = 0;
  for (int i = 0; i < l->n; i++) {
    const gaze_param *p = &l->param[i];
    if (p->kind == GAZE_PARAM_PATCH || p->kind == GAZE_PARAM_VECTOR) return p;
    *rows += (size_t)p->rows;
  }
  return NULL;
}

size_t gazei_layout_f32_start(const gaze_layout *l) {
  size_t rows;
  const gaze_param *p = first_f32(l, &rows);
  return p ? p->offset : l->floats;
}

size_t gazei_layout_rows(const gaze_layout *l) {
  size_t rows;
  first_f32(l, &rows);
  return rows;
}

// The layout is walked in the order of `build`, so that binding needs no search by name.
typedef struct binder {
  const gaze_layout *l;
  const gazei_store *s;
  size_t f32_start, row;  // row: I8 scales used so far
  int at;
  bool failed;
} binder;

static gaze_mat bind_matrix(binder *b, int rows, int cols) {
  gaze_mat m = {NULL, NULL, b->s->type, cols};
  int have = 0;
  const gaze_param *first = NULL;
  // a fused matrix is several parameters of the layout, one after the other
  while (have < rows && b->at < b->l->n) {
    const gaze_param *p = &b->l->param[b->at];
    size_t end = first ? first->offset + (size_t)have * (size_t)cols : p->offset;
    if (p->cols != cols || p->rows > rows - have || p->offset != end) break;
    if (!first) first = p;
    have += p->rows;
    b->at++;
  }
  if (have != rows || !first) {
    b->failed = true;
    return m;
  }
  if (first->offset >= b->f32_start) {
    m.type = GAZE_F32;
    m.data = b->s->f32 + (first->offset - b->f32_start);
    return m;
  }
  size_t bytes = m.type == GAZE_F32 ? 4 : m.type == GAZE_I8 ? 1 : 2;
  m.data = (const char *)b->s->matrix + first->offset * bytes;
  if (b->s->scale) m.scale = b->s->scale + b->row;
  b->row += (size_t)rows;
  return m;
}

static gaze_linear bind_linear(binder *b, int out, int in) {
  return (gaze_linear){bind_matrix(b, out, in), NULL, out, in};
}

static const float *bind_vector(binder *b, int n) {
  return bind_matrix(b, 1, n).data;
}

// q, k, v or gate, up biases: `parts` vectors in a row, `n` floats together
static const float *bind_biases(binder *b, int parts, int n) {
  const float *first = NULL;
  int have = 0;
  for (int i = 0; i < parts && b->at < b->l->n; i++) {
    int cols = b->l->param[b->at].cols;
    const float *v = bind_vector(b, cols);
    if (!v) break;
    if (!first) first = v;
    if (v != first + have) b->failed = true;
    have += cols;
  }
  if (have != n) b->failed = true;
  return first;
}

static void bind_block_matrices(binder *b, gaze_block_weights *w, int qkv, int attn, int hidden,
                                int ff) {
  w->qkv = bind_linear(b, qkv, hidden);
  w->proj = bind_linear(b, hidden, attn);
  w->gate_up = bind_linear(b, 2 * ff, hidden);
  w->down = bind_linear(b, hidden, ff);
}

gaze_err gazei_weights_bind(gaze_weights *w, const gaze_model_config *c, const gaze_layout *l,
                            const gazei_store *s) {
  const gaze_vision_config *v = &c->vision;
  int wide = v->hidden * v->merge * v->merge;
  int q = c->heads * c->head_dim, qkv = (c->heads + 2 * c->kv_heads) * c->head_dim;
  binder b = {.l = l, .s = s, .f32_start = gazei_layout_f32_start(l)};
  memset(w, 0, sizeof *w);
  for (int i = 0; i < v->depth; i++) {
    bind_block_matrices(&b, &w->vision[i], 3 * v->hidden, v->hidden, v->hidden, v->ff);
  }
  w->merger_fc1 = bind_linear(&b, wide, wide);
  w->merger_fc2 = bind_linear(&b, c->hidden, wide);
  for (int i = 0; i < c->layers; i++) {
    bind_block_matrices(&b, &w->layer[i], qkv, q, c->hidden, c->ff);
  }
  w->embed = bind_matrix(&b, c->vocab, c->hidden);
  w->head = c->tied ? w->embed : bind_matrix(&b, c->vocab, c->hidden);
  w->patch = bind_linear(&b, v->hidden, 3 * 2 * v->patch * v->patch);
  for (int i = 0; i < v->depth; i++) {
    gaze_block_weights *k = &w->vision[i];
    k->norm1 = bind_vector(&b, v->hidden);
    k->norm2 = bind_vector(&b, v->hidden);
    k->qkv.bias = bind_vector(&b, 3 * v->hidden);
    k->proj.bias = bind_vector(&b, v->hidden);
    k->gate_up.bias = bind_biases(&b, 2, 2 * v->ff);
    k->down.bias = bind_vector(&b, v->hidden);
  }
  w->merger_norm = bind_vector(&b, v->hidden);
  w->merger_fc1.bias = bind_vector(&b, wide);
  w->merger_fc2.bias = bind_vector(&b, c->hidden);
  for (int i = 0; i < c->layers; i++) {
    w->layer[i].norm1 = bind_vector(&b, c->hidden);
    w->layer[i].norm2 = bind_vector(&b, c->hidden);
    w->layer[i].qkv.bias = bind_biases(&b, 3, qkv);
  }
  w->norm = bind_vector(&b, c->hidden);
  if (b.failed || b.at != l->n) {
    return gaze_fail(GAZE_ERR_ARG, "weights: the layout does not belong to this model");
  }
  return GAZE_OK;
}

gaze_err gaze_weights_bind(gaze_weights *w, const gaze_model_config *c, const gaze_layout *l,
                           const float *block) {
  if (!w || !c || !l || !l->param || !block) {
    return gaze_fail(GAZE_ERR_ARG, "weights: NULL argument");
  }
  gazei_store s = {GAZE_F32, block, NULL, block + gazei_layout_f32_start(l)};
  return gazei_weights_bind(w, c, l, &s);
}
