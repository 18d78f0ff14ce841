// app/bench_decode.c - gaze bench decode: tokens per second, beside the products alone.
//
// The bound runs every matrix product of a token once over the same weights on the same threads,
// and nothing else: no attention, no norms, no sampling.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/args.h"
#include "app/bench.h"
#include "core/file.h"
#include "nn/model.h"
#include "nn/trainer.h"

enum { PROMPT = 32, TOKENS = 48 };

typedef struct rig {
  gaze_exec *ex;
  gaze_model *m;
  gaze_session *s;
  float *x, *y;     // widest input and output of a product
  int ids[TOKENS];  // decoded last
} rig;

static int image_safe(const gaze_model_config *c, int id) {
  // an image token without an image is refused, so it is read as another one
  return id == c->image_token || id == c->video_token ? 0 : id;
}

static gaze_err decode(rig *r, double *rate) {
  const gaze_model_config *c = gaze_model_cfg(r->m);
  const gaze_ops *ops = gaze_model_ops(r->m);
  GAZE_TRY(gaze_session_rewind(r->s, PROMPT - 1));
  int id = image_safe(c, PROMPT % c->vocab);
  GAZE_TRY(gaze_session_append(r->s, &id, 1, NULL, 0));
  double t0 = gaze_bench_now();
  for (int i = 0; i < TOKENS; i++) {
    const gaze_sample a = {.token = &id,
                           .logits = gaze_session_logits(r->s),
                           .vocab = c->vocab,
                           .top_p = 1,
                           .repetition_penalty = 1};
    GAZE_TRY(ops->sample(r->ex, &a));
    id = image_safe(c, id);
    r->ids[i] = id;
    GAZE_TRY(gaze_session_append(r->s, &id, 1, NULL, 0));
  }
  *rate = TOKENS / (gaze_bench_now() - t0);
  return GAZE_OK;
}

static gaze_err product(rig *r, const gaze_mat *w, int out, int in) {
  const gaze_gemm g = {.c = r->y,
                       .ldc = out,
                       .a = {.data = r->x, .type = GAZE_F32, .ld = in},
                       .b = *w,
                       .m = 1,
                       .n = out,
                       .k = in,
                       .trans_b = true};
  return gaze_model_ops(r->m)->gemm(r->ex, &g);
}

static gaze_err bound(rig *r, double *rate) {
  const gaze_model_config *c = gaze_model_cfg(r->m);
  const gaze_weights *w = gaze_model_weights(r->m);
  double t0 = gaze_bench_now();
  for (int i = 0; i < TOKENS; i++) {
    for (int l = 0; l < c->layers; l++) {
      const gaze_block_weights *b = &w->layer[l];
      const gaze_linear *const all[] = {&b->qkv, &b->proj, &b->gate_up, &b->down};
      for (int k = 0; k < 4; k++) GAZE_TRY(product(r, &all[k]->w, all[k]->out, all[k]->in));
    }
    GAZE_TRY(product(r, &w->head, c->vocab, c->hidden));
  }
  *rate = TOKENS / (gaze_bench_now() - t0);
  return GAZE_OK;
}

static int widest(const gaze_model *m) {
  const gaze_model_config *c = gaze_model_cfg(m);
  int n = c->vocab > 2 * c->ff ? c->vocab : 2 * c->ff;
  int qkv = (c->heads + 2 * c->kv_heads) * c->head_dim;
  return n > qkv ? n : qkv;
}

static void rig_close(rig *r) {
  gaze_session_close(&r->s);
  gaze_model_close(&r->m);
  gaze_exec_close(&r->ex);
  free(r->x), free(r->y);
}

static gaze_err rig_open(rig *r, const char *dir, gaze_dtype type, int threads) {
  GAZE_TRY(gaze_exec_open_cpu(&r->ex, threads));
  GAZE_TRY(gaze_model_open(&r->m, &gaze_ops_cpu, dir, type));
  GAZE_TRY(gaze_session_open(&r->s, r->m, r->ex, PROMPT + TOKENS));
  size_t n = (size_t)widest(r->m);
  r->x = calloc(n, sizeof *r->x);
  r->y = calloc(n, sizeof *r->y);
  if (!r->x || !r->y) return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
  for (size_t i = 0; i < n; i++) r->x[i] = 0.01f * (float)(i % 97);
  const gaze_model_config *c = gaze_model_cfg(r->m);
  int prompt[PROMPT];
  for (int i = 0; i < PROMPT; i++) prompt[i] = image_safe(c, (7 * i + 1) % c->vocab);
  GAZE_TRY(gaze_session_append(r->s, prompt, PROMPT, NULL, 0));
  return gaze_session_append(r->s, prompt, 1, NULL, 0);
}

// `first` holds the ids one thread decoded: the gate every other thread count has to pass
static gaze_err measure(gaze_bench *b, const char *dir, const char *weights, int threads,
                        int *first) {
  rig r = {.ex = NULL};
  gaze_dtype type;
  gaze_bench_row row = {.unit = "tokens/s", .beside = "products alone"};
  double unused, mb = 0;
  gaze_err e = gaze_weights_type(weights, &type);
  if (!e) e = rig_open(&r, dir, type, threads);
  if (!e) e = decode(&r, &unused);
  if (!e) e = bound(&r, &unused);
  if (!e && threads == 1) memcpy(first, r.ids, sizeof r.ids);
  if (!e && memcmp(first, r.ids, sizeof r.ids) != 0)
    e = gaze_fail(GAZE_ERR_INTERNAL, "decode: %d threads wrote other tokens than one", threads);
  for (int k = 0; k < b->rounds && !e; k++) {
    double t0 = gaze_bench_now(), c0 = gaze_bench_cpu();
    e = decode(&r, &row.rate[k]);
    row.share[k] = (gaze_bench_cpu() - c0) / (gaze_bench_now() - t0) / threads;
    if (!e) e = bound(&r, &row.limit[k]);
  }
  if (!e) mb = (double)gaze_model_bytes(r.m) / 1e6;
  rig_close(&r);
  if (e) return e;
  char name[80];
  snprintf(name, sizeof name, "%s, %d thread%s (%.2f MB)", weights, threads, threads > 1 ? "s" : "",
           mb);
  return gaze_bench_add(b, &row, name);
}

// a checkpoint of random weights for a folder that has none; speed does not depend on them
static gaze_err random_checkpoint(const char *dir, char folder[GAZE_DIR_TEMP_MAX], char out[96]) {
  gaze_exec *ex = NULL;
  gaze_trainer *t = NULL;
  gaze_train_options o = gaze_train_defaults();
  o.max_tokens = 64, o.max_patches = 64, o.max_scored = 64;
  GAZE_TRY(gaze_dir_temp(folder));
  snprintf(out, 96, "%s/model", folder);
  gaze_err e = gaze_exec_open_cpu(&ex, 1);
  if (!e) e = gaze_trainer_open(&t, &gaze_ops_cpu, ex, dir, &o, 1);
  if (!e) e = gaze_trainer_save(t, out, GAZE_F32, false, NULL);
  gaze_trainer_close(&t);
  gaze_exec_close(&ex);
  return e;
}

static bool has_weights(const char *dir) {
  static const char *const name[] = {"model.safetensors", "model.safetensors.index.json"};
  char path[4096];
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/%s", dir, name[i]);
    if (gaze_file_exists(path)) return true;
  }
  return false;
}

gaze_err gaze_bench_decode(gaze_bench *b) {
  static const char *const weights[] = {"f32", "bf16", "int8"};
  const char *dir;
  int most;
  char folder[GAZE_DIR_TEMP_MAX] = "", made[96];
  int first[TOKENS];
  GAZE_TRY(gaze_cfg_str(b->cfg, "model", "policies/tiny", &dir));
  GAZE_TRY(gaze_args_threads(b->cfg, &most));
  gaze_err e = GAZE_OK;
  if (!has_weights(dir)) {
    e = random_checkpoint(dir, folder, made);
    dir = made;
  }
  for (int w = 0; w < 3 && !e; w++)
    for (int threads = 1; threads <= most && !e; threads *= 2)
      e = measure(b, dir, weights[w], threads, first);
  if (folder[0]) gaze_dir_remove(folder);
  return e;
}
