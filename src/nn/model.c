// nn/model.c - opening a checkpoint folder, and read access to a model.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/bf16.h"
#include "nn/nn_internal.h"
#include "nn/safetensors.h"

static gaze_err check_ops(const gaze_ops *o) {
  const struct {
    const char *name;
    bool there;
  } need[] = {
      {"gemm", o->gemm != NULL},
      {"rmsnorm_fwd", o->rmsnorm_fwd != NULL},
      {"rope", o->rope != NULL},
      {"attention_fwd", o->attention_fwd != NULL},
      {"swiglu_fwd", o->swiglu_fwd != NULL},
      {"gelu_fwd", o->gelu_fwd != NULL},
      {"rows", o->rows != NULL},
      {"sample", o->sample != NULL},
      {"patchify", o->patchify != NULL},
  };
  char missing[256] = "";
  size_t len = 0;
  for (size_t i = 0; i < sizeof need / sizeof *need; i++) {
    if (need[i].there) continue;
    len += (size_t)snprintf(missing + len, sizeof missing - len, " %s", need[i].name);
  }
  if (len == 0) return GAZE_OK;
  return gaze_fail(GAZE_ERR_UNSUPPORTED, "model: backend %s lacks%s", o->name ? o->name : "?",
                   missing);
}

static gaze_err check_config(const gaze_model_config *c, const char *dir) {
  const gaze_vision_config *v = &c->vision;
  if (c->heads < 1 || c->kv_heads < 1 || c->heads % c->kv_heads) {
    return gaze_fail(GAZE_ERR_FORMAT, "%s: field num_key_value_heads: expected a divisor of %d",
                     dir, c->heads);
  }
  if (c->head_dim % 2 || c->mrope[0] < 0 || c->mrope[1] < 0 || c->mrope[2] < 0 ||
      c->mrope[0] + c->mrope[1] + c->mrope[2] != c->head_dim / 2) {
    return gaze_fail(GAZE_ERR_FORMAT, "%s: field mrope_section: expected a sum of head_dim / 2",
                     dir);
  }
  if (v->heads < 1 || v->hidden % v->heads || v->hidden / v->heads % 4) {
    return gaze_fail(GAZE_ERR_FORMAT, "%s: field vision num_heads: expected head size in fours",
                     dir);
  }
  if (v->window < v->patch * v->merge || c->context < 1) {
    return gaze_fail(GAZE_ERR_FORMAT, "%s: field window_size or max_position_embeddings: too small",
                     dir);
  }
  return GAZE_OK;
}

static void join(char *out, size_t cap, const char *dir, const char *name) {
  snprintf(out, cap, "%s/%s", dir, name);
}

// tokenizer and processor of the folder, checked against the sizes of the network
static gaze_err open_texts(gaze_model *m, const char *dir) {
  char path[4096];
  join(path, sizeof path, dir, "tokenizer.json");
  GAZE_TRY(gaze_tokenizer_open(&m->tokenizer, path));
  join(path, sizeof path, dir, "preprocessor_config.json");
  GAZE_TRY(gaze_processor_load(&m->processor, path));
  const gaze_vision_config *v = &m->cfg.vision;
  if (m->processor.patch != v->patch || m->processor.merge != v->merge) {
    return gaze_fail(GAZE_ERR_FORMAT,
                     "%s: field patch_size, merge_size: expected %d, %d as the model", path,
                     v->patch, v->merge);
  }
  if (gaze_tokenizer_size(m->tokenizer) > m->cfg.vocab) {
    return gaze_fail(GAZE_ERR_FORMAT, "%s: %d token ids, but field vocab_size is %d", dir,
                     gaze_tokenizer_size(m->tokenizer), m->cfg.vocab);
  }
  m->im_end = gaze_tokenizer_id(m->tokenizer, "<|im_end|>");
  return GAZE_OK;
}

static size_t element(gaze_dtype type) {
  return type == GAZE_F32 ? 4 : type == GAZE_I8 ? 1 : 2;
}

static size_t linear_bytes(const gaze_mat *w, size_t out, size_t in) {
  return out * in * element(w->type) + (w->scale ? out * sizeof(float) : 0);
}

static size_t count_bytes(const gaze_model *m) {
  const gaze_model_config *c = &m->cfg;
  size_t sum = linear_bytes(&m->w.head, (size_t)c->vocab, (size_t)c->hidden);
  for (int i = 0; i < c->layers; i++) {
    const gaze_block_weights *b = &m->w.layer[i];
    const gaze_linear *l[] = {&b->qkv, &b->proj, &b->gate_up, &b->down};
    for (int k = 0; k < 4; k++) sum += linear_bytes(&l[k]->w, (size_t)l[k]->out, (size_t)l[k]->in);
    sum += (2 * (size_t)c->hidden + (size_t)b->qkv.out) * sizeof(float);
  }
  return sum + (size_t)c->hidden * sizeof(float);
}

// checkpoints of newer library versions put another level into the names
static const gaze_st_tensor *find_tensor(const gaze_st *st, const char *name) {
  char alias[160];
  const gaze_st_tensor *t = gaze_st_find(st, name);
  if (t) return t;
  if (strncmp(name, "visual.", 7) == 0) {
    snprintf(alias, sizeof alias, "model.%s", name);
  } else if (strncmp(name, "model.", 6) == 0) {
    snprintf(alias, sizeof alias, "model.language_model.%s", name + 6);
  } else {
    return NULL;
  }
  return gaze_st_find(st, alias);
}

static bool known_tensor(const gaze_model *m, const char *name) {
  char plain[256];
  if (strcmp(name, "lm_head.weight") == 0) return true;  // tied checkpoints may store it as well
  if (gaze_layout_find(&m->layout, name)) return true;
  if (strncmp(name, "model.visual.", 13) == 0) {
    return gaze_layout_find(&m->layout, name + 6) != NULL;
  }
  if (strncmp(name, "model.language_model.", 21) != 0) return false;
  snprintf(plain, sizeof plain, "model.%s", name + 21);
  return gaze_layout_find(&m->layout, plain) != NULL;
}

static gaze_err check_tensor(const gaze_param *p, const gaze_st_tensor *t, const char *dir) {
  if (!t) return gaze_fail(GAZE_ERR_FORMAT, "%s: tensor %s is missing", dir, p->name);
  bool same = t->rank == p->rank;
  for (int i = 0; same && i < p->rank; i++) same = t->shape[i] == p->shape[i];
  if (same) return GAZE_OK;
  return gaze_fail(GAZE_ERR_FORMAT, "%s: tensor %s: expected shape [%d,%d] (%d dimensions)", dir,
                   p->name, p->shape[0], p->rank > 1 ? p->shape[1] : 1, p->rank);
}

// scale = max|w| / 127 per row; an all-zero row gets 1, scales are positive
static void pack_i8(const float *w, int rows, int cols, int8_t *out, float *scale) {
  for (int r = 0; r < rows; r++) {
    const float *row = w + (size_t)r * (size_t)cols;
    int8_t *to = out + (size_t)r * (size_t)cols;
    float most = 0;
    for (int i = 0; i < cols; i++) most = fmaxf(most, fabsf(row[i]));
    scale[r] = most > 0 ? most / 127.0f : 1.0f;
    for (int i = 0; i < cols; i++) {
      float q = nearbyintf(row[i] / scale[r]);
      to[i] = (int8_t)fminf(fmaxf(q, -127.0f), 127.0f);
    }
  }
}

static gaze_err load_param(gaze_model *m, const gaze_param *p, const gaze_st_tensor *t,
                           gaze_dtype type, float *temp, size_t row) {
  size_t n = (size_t)p->rows * (size_t)p->cols, f32 = gazei_layout_f32_start(&m->layout);
  if (p->offset >= f32) return gaze_st_read_f32(t, m->f32 + (p->offset - f32), n);
  if (type == GAZE_F32) return gaze_st_read_f32(t, (float *)m->matrix + p->offset, n);
  GAZE_TRY(gaze_st_read_f32(t, temp, n));
  if (type == GAZE_I8) {
    pack_i8(temp, p->rows, p->cols, (int8_t *)m->matrix + p->offset, m->scale + row);
  } else {
    gaze_bf16 *to = (gaze_bf16 *)m->matrix + p->offset;
    for (size_t i = 0; i < n; i++) to[i] = gaze_bf16_from_f32(temp[i]);
  }
  return GAZE_OK;
}

static gaze_err load_all(gaze_model *m, const gaze_st *st, const char *dir, gaze_dtype type,
                         float *temp) {
  size_t row = 0;
  for (int i = 0; i < m->layout.n; i++) {
    const gaze_param *p = &m->layout.param[i];
    const gaze_st_tensor *t = find_tensor(st, p->name);
    GAZE_TRY(check_tensor(p, t, dir));
    GAZE_TRY(load_param(m, p, t, type, temp, row));
    row += (size_t)p->rows;
  }
  for (int i = 0; i < gaze_st_count(st); i++) {
    const char *name = gaze_st_at(st, i)->name;
    if (known_tensor(m, name)) continue;
    return gaze_fail(GAZE_ERR_FORMAT, "%s: tensor %s does not belong to the model of config.json",
                     dir, name);
  }
  return GAZE_OK;
}

static gaze_err load_weights(gaze_model *m, const char *dir, gaze_dtype type) {
  gaze_st *st = NULL;
  size_t f32 = gazei_layout_f32_start(&m->layout), largest = 1;
  for (int i = 0; i < m->layout.n; i++) {
    size_t n = (size_t)m->layout.param[i].rows * (size_t)m->layout.param[i].cols;
    if (n > largest) largest = n;
  }
  m->matrix = calloc(f32 + 1, element(type));
  m->f32 = calloc(m->layout.floats - f32 + 1, sizeof(float));
  if (type == GAZE_I8) m->scale = calloc(gazei_layout_rows(&m->layout) + 1, sizeof(float));
  float *temp = type == GAZE_F32 ? NULL : malloc(largest * sizeof(float));
  if (!m->matrix || !m->f32 || (type == GAZE_I8 && !m->scale) || (type != GAZE_F32 && !temp)) {
    free(temp);
    return gaze_fail(GAZE_ERR_NOMEM, "%s: %zu weights", dir, m->layout.floats);
  }
  gaze_err e = gaze_st_open_folder(&st, dir);
  if (!e) e = load_all(m, st, dir, type, temp);
  free(temp);
  gaze_st_close(&st);
  if (e) return e;
  gazei_store s = {type, m->matrix, m->scale, m->f32};
  return gazei_weights_bind(&m->w, &m->cfg, &m->layout, &s);
}

static gaze_err start(gaze_model **out, const gaze_ops *ops, const char *dir) {
  if (!out || !ops || !dir) return gaze_fail(GAZE_ERR_ARG, "model: NULL argument");
  *out = NULL;
  GAZE_TRY(check_ops(ops));
  if (strlen(dir) > 3000) return gaze_fail(GAZE_ERR_ARG, "model: the folder's name is too long");
  *out = calloc(1, sizeof **out);
  if (!*out) return gaze_fail(GAZE_ERR_NOMEM, "model");
  (*out)->ops = ops;
  return GAZE_OK;
}

static gaze_err fill(gaze_model *m, const char *dir, gaze_dtype type) {
  char path[4096];
  join(path, sizeof path, dir, "config.json");
  GAZE_TRY(gaze_model_config_load(&m->cfg, path));
  GAZE_TRY(check_config(&m->cfg, dir));
  GAZE_TRY(open_texts(m, dir));
  GAZE_TRY(gaze_layout_open(&m->layout, &m->cfg));
  GAZE_TRY(load_weights(m, dir, type));
  m->bytes = count_bytes(m);
  return GAZE_OK;
}

gaze_err gaze_model_open(gaze_model **out, const gaze_ops *ops, const char *dir,
                         gaze_dtype weights) {
  if (weights != GAZE_F32 && weights != GAZE_BF16 && weights != GAZE_I8) {
    return gaze_fail(GAZE_ERR_UNSUPPORTED, "model: weights are kept as f32, bf16 or i8");
  }
  GAZE_TRY(start(out, ops, dir));
  gaze_err e = fill(*out, dir, weights);
  if (e) gaze_model_close(out);
  return e;
}

static gaze_err fill_wrapped(gaze_model *m, const char *dir, const float *block) {
  GAZE_TRY(check_config(&m->cfg, dir));
  GAZE_TRY(open_texts(m, dir));
  GAZE_TRY(gaze_layout_open(&m->layout, &m->cfg));
  GAZE_TRY(gaze_weights_bind(&m->w, &m->cfg, &m->layout, block));
  m->bytes = count_bytes(m);
  return GAZE_OK;
}

gaze_err gaze_model_wrap(gaze_model **out, const gaze_ops *ops, const char *dir,
                         const gaze_model_config *c, const float *block) {
  if (!c || !block) return gaze_fail(GAZE_ERR_ARG, "model: NULL argument");
  GAZE_TRY(start(out, ops, dir));
  (*out)->cfg = *c;
  gaze_err e = fill_wrapped(*out, dir, block);
  if (e) gaze_model_close(out);
  return e;
}

void gaze_model_close(gaze_model **mp) {
  if (!mp || !*mp) return;
  gaze_model *m = *mp;
  gaze_layout_close(&m->layout);
  gaze_tokenizer_close(&m->tokenizer);
  free(m->matrix);
  free(m->scale);
  free(m->f32);
  free(m);
  *mp = NULL;
}

const gaze_model_config *gaze_model_cfg(const gaze_model *m) {
  return &m->cfg;
}

const gaze_tokenizer *gaze_model_tokenizer(const gaze_model *m) {
  return m->tokenizer;
}

const gaze_processor *gaze_model_processor(const gaze_model *m) {
  return &m->processor;
}

const gaze_weights *gaze_model_weights(const gaze_model *m) {
  return &m->w;
}

const gaze_ops *gaze_model_ops(const gaze_model *m) {
  return m->ops;
}

size_t gaze_model_bytes(const gaze_model *m) {
  return m->bytes;
}
