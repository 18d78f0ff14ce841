// tests/nn/fixture_trainer.c - see fixture_trainer.h.
// clang-format off
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include "fixture_trainer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "core/json.h"
#include "nn/safetensors.h"

static void *make(size_t n, size_t size) {
  void *p = calloc(n + 1, size);
  assert_non_null(p);
  return p;
}

static void allocate(test_pack *t, int tokens, int seqs, int scored, int images, int patches) {
  memset(t, 0, sizeof *t);
  t->ids = make((size_t)tokens, sizeof(int));
  t->pos = make((size_t)tokens * 3, sizeof(int));
  t->seq_start = make((size_t)seqs + 1, sizeof(int));
  t->row = make((size_t)scored, sizeof(int));
  t->target = make((size_t)scored, sizeof(int));
  t->grid = make((size_t)images, sizeof *t->grid);
  t->patches = make((size_t)patches * 1176, sizeof(float));
  t->cell = make((size_t)patches / 4, sizeof *t->cell);
  t->box = make((size_t)patches / 4, sizeof *t->box);
  t->p = (gaze_pack){.ids = t->ids,
                     .pos = t->pos,
                     .seq_start = t->seq_start,
                     .tokens = tokens,
                     .seqs = seqs,
                     .patches = t->patches,
                     .grid = (const int(*)[2])t->grid,
                     .images = images,
                     .n_patches = patches,
                     .row = t->row,
                     .target = t->target,
                     .scored = scored};
}

void test_pack_free(test_pack *t) {
  free(t->ids);
  free(t->pos);
  free(t->seq_start);
  free(t->row);
  free(t->target);
  free(t->grid);
  free(t->patches);
  free(t->cell);
  free(t->box);
  memset(t, 0, sizeof *t);
}

// ---- golden cases ----

static const cJSON *path_get(const cJSON *o, const char *a, const char *b, const char *c) {
  const cJSON *x = gaze_json_get(gaze_json_get(gaze_json_get(o, a), b), c);
  assert_non_null(x);
  return x;
}

static void read_npy(const char *image, float *out, size_t n) {
  char path[1024];
  snprintf(path, sizeof path, TINY_A_GOLDEN "/pixels/%s.pixel_values.npy", image);
  gaze_buf b = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(path, 64 << 20, &b), GAZE_OK);
  // magic, version 1.0, 16-bit header length
  size_t head = 10 + (size_t)(unsigned char)b.data[8] + 256 * (size_t)(unsigned char)b.data[9];
  assert_int_equal(b.len - head, n * sizeof(float));
  memcpy(out, b.data + head, n * sizeof(float));
  gaze_buf_fini(&b);
}

static const gaze_st_tensor *must_find(const gaze_st *st, const char *name) {
  const gaze_st_tensor *x = gaze_st_find(st, name);
  assert_non_null(x);
  return x;
}

void test_pack_case(test_pack *t, const char *name) {
  char path[1024];
  snprintf(path, sizeof path, TINY_A_GOLDEN "/cases/%s.safetensors", name);
  gaze_st *st = NULL;
  assert_int_equal(gaze_st_open(&st, path), GAZE_OK);
  const gaze_st_tensor *ids = must_find(st, "input_ids"), *pos = must_find(st, "position_ids");
  const gaze_st_tensor *goal = must_find(st, "target_ids");
  const gaze_st_tensor *grid = gaze_st_find(st, "image_grid_thw");
  int n = (int)ids->shape[0], k = (int)goal->shape[0], images = grid ? (int)grid->shape[0] : 0;
  int32_t thw[8][3] = {{0}};
  assert_true(images <= 8);
  if (images) memcpy(thw, grid->data, grid->bytes);
  int patches = 0;
  for (int i = 0; i < images; i++) patches += thw[i][1] * thw[i][2];
  allocate(t, n + k, 1, k, images, patches);
  memcpy(t->ids, ids->data, ids->bytes);
  memcpy(t->ids + n, goal->data, goal->bytes);
  t->seq_start[1] = n + k;
  for (int a = 0; a < 3; a++) {
    int *to = t->pos + a * (n + k);
    memcpy(to, (const char *)pos->data + (size_t)a * (size_t)n * 4, (size_t)n * 4);
    // the prompt ends in text, so the target goes on from its last position
    for (int i = n; i < n + k; i++) to[i] = to[i - 1] + 1;
  }
  for (int i = 0; i < k; i++) {
    t->row[i] = n + i - 1;
    t->target[i] = t->ids[n + i];
  }
  cJSON *o = NULL;
  assert_int_equal(gaze_json_load(&o, TINY_A_GOLDEN "/cases.json"), GAZE_OK);
  float *at = t->patches;
  for (int i = 0; i < images; i++) {
    t->grid[i][0] = thw[i][1];
    t->grid[i][1] = thw[i][2];
    size_t floats = (size_t)(thw[i][1] * thw[i][2]) * 1176;
    const cJSON *image = cJSON_GetArrayItem(path_get(o, "cases", name, "images"), i);
    read_npy(image->valuestring, at, floats);
    at += floats;
  }
  cJSON_Delete(o);
  gaze_st_close(&st);
}

// ---- random packs ----

static void random_labels(test_pack *t, int cells, gaze_rng *r) {
  for (int i = 0; i < cells; i++) {
    bool object = gaze_rng_below(r, 2) == 1;
    int8_t label[4] = {(int8_t)object, (int8_t)gaze_rng_below(r, 8), (int8_t)gaze_rng_below(r, 3),
                       (int8_t)gaze_rng_below(r, 2)};
    for (int k = 0; k < 4; k++) t->cell[i][k] = k && !object ? -1 : label[k];
    for (int k = 0; k < 4; k++) t->box[i][k] = (float)gaze_rng_real(r, 0, 1);
  }
  t->p.cell = (const int8_t(*)[4])t->cell;
  t->p.box = (const float(*)[4])t->box;
}

void test_pack_random(test_pack *t, const gaze_model_config *c, int seqs, int images, int rows,
                      int cols, int text, uint64_t seed) {
  gaze_rng r;
  gaze_rng_init(&r, seed, 7);
  int cells = rows * cols / 4, patches = images * rows * cols;
  int tokens = seqs * text + images * cells;
  allocate(t, tokens, seqs, seqs * (text - 1), images, patches);
  int n = 0, scored = 0;
  for (int s = 0; s < seqs; s++) {
    int *pos[3] = {t->pos + n, t->pos + tokens + n, t->pos + 2 * tokens + n};
    int at = 0, count = 0, first = n + (s < images ? cells : 0);
    for (; s < images && count < cells; count++) {
      t->ids[n++] = c->image_token;
      pos[0][count] = 0;
      pos[1][count] = count / (cols / 2);
      pos[2][count] = count % (cols / 2);
    }
    if (s < images) at = (rows > cols ? rows : cols) / 2;
    for (int i = 0; i < text; i++, count++, at++) {
      t->ids[n++] = (int)gaze_rng_below(&r, 256);
      for (int a = 0; a < 3; a++) pos[a][count] = at;
      if (i > 0) {
        t->row[scored] = first + i - 1;
        t->target[scored++] = t->ids[n - 1];
      }
    }
    t->seq_start[s + 1] = n;
  }
  for (int i = 0; i < images; i++) {
    t->grid[i][0] = rows;
    t->grid[i][1] = cols;
  }
  for (int i = 0; i < patches * 1176; i++) t->patches[i] = (float)gaze_rng_normal(&r);
  random_labels(t, patches / 4, &r);
}

void test_pack_join(test_pack *t, const test_pack *a, const test_pack *b) {
  const gaze_pack *p = &a->p, *q = &b->p;
  int tokens = p->tokens + q->tokens;
  allocate(t, tokens, p->seqs + q->seqs, p->scored + q->scored, p->images + q->images,
           p->n_patches + q->n_patches);
  for (int i = 0; i < tokens; i++) {
    bool first = i < p->tokens;
    int k = first ? i : i - p->tokens;
    t->ids[i] = first ? p->ids[k] : q->ids[k];
    for (int x = 0; x < 3; x++) {
      t->pos[x * tokens + i] = first ? p->pos[x * p->tokens + k] : q->pos[x * q->tokens + k];
    }
  }
  for (int i = 1; i <= t->p.seqs; i++) {
    t->seq_start[i] = i <= p->seqs ? p->seq_start[i] : p->tokens + q->seq_start[i - p->seqs];
  }
  for (int i = 0; i < t->p.scored; i++) {
    bool first = i < p->scored;
    t->row[i] = first ? p->row[i] : p->tokens + q->row[i - p->scored];
    t->target[i] = first ? p->target[i] : q->target[i - p->scored];
  }
  for (int i = 0; i < t->p.images; i++) {
    memcpy(t->grid[i], i < p->images ? p->grid[i] : q->grid[i - p->images], sizeof *t->grid);
  }
  memcpy(t->patches, p->patches, (size_t)p->n_patches * 1176 * sizeof(float));
  memcpy(t->patches + (size_t)p->n_patches * 1176, q->patches,
         (size_t)q->n_patches * 1176 * sizeof(float));
  size_t cells = (size_t)p->n_patches / 4, more = (size_t)q->n_patches / 4;
  memcpy(t->cell, a->cell, cells * sizeof *t->cell);
  memcpy(t->cell + cells, b->cell, more * sizeof *t->cell);
  memcpy(t->box, a->box, cells * sizeof *t->box);
  memcpy(t->box + cells, b->box, more * sizeof *t->box);
  t->p.cell = (const int8_t(*)[4])t->cell;
  t->p.box = (const float(*)[4])t->box;
}

// ---- training ----

gaze_train_options golden_options(void) {
  gaze_train_options o = gaze_train_defaults();
  o.max_tokens = 256;
  o.max_patches = 512;
  o.max_scored = 256;
  o.bf16_products = o.muon = false;
  o.lr_matrix = o.lr_other = 1e-3f;
  o.beta1 = 0.9f;
  o.beta2 = 0.95f;
  o.eps = 1e-8f;
  o.decay_matrix = o.decay_other = 0.1f;
  o.clip = 1.0f;
  return o;
}

double train_pass(gaze_trainer *t, const gaze_pack *p, float *aux) {
  float *logp = make((size_t)p->scored, sizeof(float)), *g = make((size_t)p->scored, sizeof(float));
  assert_int_equal(gaze_trainer_forward(t, p, logp, NULL, NULL), GAZE_OK);
  double loss = 0;
  for (int i = 0; i < p->scored; i++) {
    loss -= (double)logp[i] / p->scored;
    g[i] = -1.0f / (float)p->scored;
  }
  assert_int_equal(gaze_trainer_backward(t, p, g, aux), GAZE_OK);
  free(logp);
  free(g);
  return loss;
}

void write_tiny_model(const char *dir, bool tied) {
  static const char *const text[] = {"tokenizer.json", "tokenizer_config.json",
                                     "preprocessor_config.json", "generation_config.json"};
  assert_int_equal(gaze_dir_make(dir), GAZE_OK);
  char path[1024];
  for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
    gaze_buf b = GAZE_BUF_INIT;
    snprintf(path, sizeof path, TINY_A "/%s", text[i]);
    assert_int_equal(gaze_file_read(path, 1 << 24, &b), GAZE_OK);
    snprintf(path, sizeof path, "%s/%s", dir, text[i]);
    assert_int_equal(gaze_file_write_atomic(path, b.data, b.len), GAZE_OK);
    gaze_buf_fini(&b);
  }
  cJSON *o = NULL;
  assert_int_equal(gaze_json_load(&o, TINY_A "/config.json"), GAZE_OK);
  cJSON_ReplaceItemInObjectCaseSensitive(o, "tie_word_embeddings", cJSON_CreateBool(tied));
  char *config = cJSON_Print(o);
  snprintf(path, sizeof path, "%s/config.json", dir);
  assert_int_equal(gaze_file_write_atomic(path, config, strlen(config)), GAZE_OK);
  cJSON_free(config);
  cJSON_Delete(o);
}
