// policies/vla.c - the vision-language-action policy: sees, writes a thought, decides.
//
// One decision: the new user turn and its images are appended to the session (the past stays in the
// KV cache), then the reply is decoded until its end token. `blind` is the same policy with every
// picture replaced by grey, the control that shows whether it really looks.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "nn/dialog.h"
#include "nn/model.h"
#include "nn/vision_input.h"
#include "policies/policy.h"

typedef struct vla {
  gaze_exec *ex;
  gaze_model *model;
  gaze_session *session;
  gaze_dialog dialog;
  gaze_sampling sampling;
  uint64_t seed;
  int context;       // tokens the session holds
  int reply_at;      // of these, those before the last reply
  bool grey, spoke;  // grey: pictures are hidden; spoke: a reply stands in the session
  gaze_generated reply;
  gaze_buf text;
  gaze_image *image;  // grey copies
  int images;
} vla;

static void vla_close(void **self) {
  vla *p = *self;
  if (!p) return;
  gaze_generated_fini(&p->reply);
  gaze_buf_fini(&p->text);
  gaze_session_close(&p->session);
  gaze_model_close(&p->model);
  gaze_exec_close(&p->ex);
  for (int i = 0; i < p->images; i++) free(p->image[i].rgb);
  free(p->image);
  free(p);
  *self = NULL;
}

static gaze_err read_sampling(vla *p, const gaze_cfg *cfg) {
  double temperature, top_p;
  int64_t top_k, max_new;
  GAZE_TRY(gaze_cfg_num(cfg, "temperature", 0, 0, 100, &temperature));
  GAZE_TRY(gaze_cfg_num(cfg, "top_p", 1, 0, 1, &top_p));
  GAZE_TRY(gaze_cfg_int(cfg, "top_k", 0, 0, 1 << 20, &top_k));
  GAZE_TRY(gaze_cfg_int(cfg, "max_new", 512, 1, 1 << 16, &max_new));
  p->sampling = (gaze_sampling){.temperature = (float)temperature,
                                .top_p = (float)top_p,
                                .top_k = (int)top_k,
                                .repetition_penalty = 1,
                                .max_new = (int)max_new};
  return GAZE_OK;
}

static gaze_err model_dir(const gaze_cfg *cfg, const char **dir) {
  return gaze_cfg_str(cfg, "model", "policies/tiny", dir);
}

// A model that reads one number of pixels only asks for square pictures of that many.
static gaze_err vla_image_size(const gaze_cfg *cfg, int *px) {
  const char *dir;
  char path[1024];
  gaze_processor p;
  *px = 0;
  GAZE_TRY(model_dir(cfg, &dir));
  if (snprintf(path, sizeof path, "%s/preprocessor_config.json", dir) >= (int)sizeof path)
    return gaze_fail(GAZE_ERR_ARG, "policy vla: the path of the model folder is too long");
  GAZE_TRY(gaze_processor_load(&p, path));
  long side = lround(sqrt((double)p.max_pixels));
  if (p.min_pixels == p.max_pixels && side * side == p.max_pixels) *px = (int)side;
  return GAZE_OK;
}

static gaze_err open_with(vla *p, const gaze_cfg *cfg) {
  const char *dir, *weights;
  int64_t threads, context;
  gaze_dtype type;
  GAZE_TRY(model_dir(cfg, &dir));
  GAZE_TRY(gaze_cfg_int(cfg, "threads", 0, 0, 256, &threads));
  GAZE_TRY(gaze_cfg_int(cfg, "context", 8192, 64, 1 << 20, &context));
  GAZE_TRY(gaze_cfg_str(cfg, "weights", "f32", &weights));
  GAZE_TRY(gaze_weights_type(weights, &type));
  GAZE_TRY(read_sampling(p, cfg));
  GAZE_TRY(gaze_exec_open_cpu(&p->ex, (int)threads));
  GAZE_TRY(gaze_model_open(&p->model, &gaze_ops_cpu, dir, type));
  GAZE_TRY(gaze_dialog_init(&p->dialog, gaze_model_tokenizer(p->model)));
  int limit = gaze_model_cfg(p->model)->context;
  if (context > limit) context = limit;
  p->context = (int)context;
  return gaze_session_open(&p->session, p->model, p->ex, (int)context);
}

static gaze_err open_policy(void **self, const gaze_cfg *cfg, bool grey) {
  vla *p = *self = calloc(1, sizeof *p);
  if (!p) return gaze_fail(GAZE_ERR_NOMEM, "policy vla: out of memory");
  p->grey = grey;
  gaze_err e = open_with(p, cfg);
  if (e) vla_close(self);
  return e;
}

static gaze_err vla_open(void **self, const gaze_cfg *cfg) {
  return open_policy(self, cfg, false);
}

static gaze_err blind_open(void **self, const gaze_cfg *cfg) {
  return open_policy(self, cfg, true);
}

static gaze_err vla_reset(void *self, uint64_t seed) {
  vla *p = self;
  p->seed = seed, p->spoke = false;
  return gaze_session_rewind(p->session, 0);
}

// grey pictures of the same sizes
static gaze_err hide(vla *p, const gaze_obs *obs) {
  for (int i = 0; i < p->images; i++) free(p->image[i].rgb);
  p->images = 0;
  gaze_image *list = realloc(p->image, (size_t)(obs->images ? obs->images : 1) * sizeof *list);
  if (!list) return gaze_fail(GAZE_ERR_NOMEM, "policy blind: out of memory");
  p->image = list;
  for (int i = 0; i < obs->images; i++) {
    gaze_image im = obs->image[i];
    size_t n = (size_t)im.w * (size_t)im.h * 3;
    im.rgb = malloc(n);
    if (!im.rgb) return gaze_fail(GAZE_ERR_NOMEM, "policy blind: out of memory");
    memset(im.rgb, 128, n);
    p->image[p->images++] = im;
  }
  return GAZE_OK;
}

// the turn as tokens, after what the session already holds
static gaze_err turn_ids(vla *p, const gaze_obs *obs, const gaze_image *image, gaze_ids *expanded) {
  gaze_ids ids = {0};
  gaze_err e = GAZE_OK;
  if (gaze_session_length(p->session) == 0) e = gaze_dialog_system(&p->dialog, NULL, &ids);
  if (!e && p->spoke) e = gaze_dialog_reply_end(&p->dialog, &ids);
  if (!e) e = gaze_dialog_user(&p->dialog, obs->text, &ids);
  if (!e) e = gaze_model_expand(p->model, ids.v, ids.n, image, obs->images, expanded);
  gaze_ids_fini(&ids);
  return e;
}

static gaze_err append_turn(vla *p, const gaze_obs *obs) {
  gaze_ids ids = {0};
  const gaze_image *image = obs->image;
  gaze_err e = p->grey ? hide(p, obs) : GAZE_OK;
  if (p->grey) image = p->image;
  if (!e) e = turn_ids(p, obs, image, &ids);
  // room for the turn, the whole reply and its end; a full session forgets the past rather than
  // cutting a thought short
  int need = ids.n + p->sampling.max_new + 2;
  if (!e && gaze_session_length(p->session) + need > p->context &&
      gaze_session_length(p->session) > 0) {
    p->spoke = false;
    ids.n = 0;
    e = gaze_session_rewind(p->session, 0);
    if (!e) e = turn_ids(p, obs, image, &ids);
  }
  if (!e) e = gaze_session_append(p->session, ids.v, ids.n, image, obs->images);
  gaze_ids_fini(&ids);
  return e;
}

static bool pass_on(void *ctx, const char *text, size_t n) {
  gaze_trace *t = ctx;
  if (t && t->stream) t->stream(t->ctx, text, n);
  return true;
}

static gaze_err vla_act(void *self, const gaze_obs *obs, gaze_act *act, gaze_trace *trace) {
  vla *p = self;
  int64_t t0 = gaze_clock_now();
  GAZE_TRY(append_turn(p, obs));
  p->reply_at = gaze_session_length(p->session);
  int64_t t1 = gaze_clock_now();
  gaze_generated_fini(&p->reply);
  p->sampling.seed = p->seed * 1000003u + obs->turn;
  GAZE_TRY(gaze_session_generate(p->session, &p->sampling, pass_on, NULL, trace, &p->reply));
  gaze_buf_clear(&p->text);
  GAZE_TRY(gaze_tokenizer_decode(gaze_model_tokenizer(p->model), p->reply.ids.v, p->reply.ids.n,
                                 true, &p->text));
  // a reply that ran out of tokens lacks its end mark; the next turn needs one
  if (!p->reply.ended && gaze_session_length(p->session) < p->context)
    GAZE_TRY(gaze_session_append(p->session, &p->dialog.im_end, 1, NULL, 0));
  p->spoke = true;
  *act = (gaze_act){.text = gaze_buf_text(&p->text)};
  if (trace) {
    trace->ids = p->reply.ids.v, trace->logp = p->reply.logp, trace->n = p->reply.ids.n;
    trace->prefill_ns = t1 - t0, trace->decode_ns = gaze_clock_now() - t1;
  }
  return GAZE_OK;
}

static gaze_err vla_said(void *self, const char *text) {
  vla *p = self;
  gaze_ids ids = {0};
  int n = 0;
  gaze_err e = gaze_dialog_reply(&p->dialog, text, &ids, &n);
  if (!e) e = gaze_session_rewind(p->session, p->reply_at);
  if (!e) e = gaze_session_append(p->session, ids.v, n, NULL, 0);
  gaze_ids_fini(&ids);
  return e;
}

const gaze_policy gaze_policy_vla = {
    .name = "vla",
    .about = "the model: looks at the picture, writes a thought, decides",
    .open = vla_open,
    .reset = vla_reset,
    .act = vla_act,
    .close = vla_close,
    .image_size = vla_image_size,
    .said = vla_said,
};
const gaze_policy gaze_policy_blind = {
    .name = "blind",
    .about = "the same model with every picture replaced by grey",
    .open = blind_open,
    .reset = vla_reset,
    .act = vla_act,
    .close = vla_close,
    .image_size = vla_image_size,
    .said = vla_said,
};
