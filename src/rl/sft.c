// rl/sft.c - see sft.h. One step: draw conversations, pack, forward, backward, update.
#include "rl/sft.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/file.h"
#include "core/json.h"
#include "data/imagefile.h"
#include "rl/feed.h"
#include "rl/roll.h"

// settings of one run, read once
typedef struct settings {
  const char *model;
  int64_t steps, seed, pack_tokens, pack_patches, pack_scored;
  double warmup, hold, floor_rate, save_seconds, stop_seconds;
  gaze_weights_of weights;
  bool soft, cells;
  gaze_train_options train;
  const char *freeze[17];
} settings;

typedef struct run {
  const gaze_sft_job *job;
  settings set;
  gaze_exec *ex;
  gaze_trainer *trainer;
  gaze_dialog dialog;
  gaze_feed feed;
  gaze_batch batch;
  gaze_roll roll;
  bool pending;            // `roll` was drawn and waits for the next batch
  gaze_feed_place drawn;   // where the feed stood before `roll`: a resumed run draws it again
  float *logp, *g, *word;  // word: loss factor by token id
  int *hit;
  int64_t step, first_step, samples, tokens;
  int64_t begin_ns, saved_ns;
  FILE *metrics;
  gaze_record record;  // behind `roll`, for the auxiliary labels
} run;

static gaze_err read_train(const gaze_cfg *c, gaze_train_options *o) {
  double v;
#define READ(field, key, lo, hi)                        \
  GAZE_TRY(gaze_cfg_num(c, key, o->field, lo, hi, &v)); \
  o->field = (float)v
  READ(lr_matrix, "optim.lr_matrix", 0, 10);
  READ(lr_other, "optim.lr_other", 0, 10);
  READ(momentum, "optim.momentum", 0, 1);
  READ(beta1, "optim.beta1", 0, 1);
  READ(beta2, "optim.beta2", 0, 1);
  READ(eps, "optim.eps", 0, 1);
  READ(decay_matrix, "optim.decay_matrix", 0, 10);
  READ(decay_other, "optim.decay_other", 0, 10);
  READ(clip, "optim.clip", 0, 1e9);
  READ(aux_weight, "loss.aux", 0, 100);
#undef READ
  GAZE_TRY(gaze_cfg_bool(c, "optim.muon", o->muon, &o->muon));
  return gaze_cfg_bool(c, "train.bf16", true, &o->bf16_products);
}

static gaze_err read_settings(const gaze_cfg *c, settings *s) {
  double thought, answer, box;
  GAZE_TRY(gaze_cfg_str(c, "model", NULL, &s->model));
  if (!s->model) return gaze_fail(GAZE_ERR_ARG, "setting \"model\": name the model folder");
  GAZE_TRY(gaze_cfg_int(c, "train.steps", 1000, 1, 1 << 30, &s->steps));
  GAZE_TRY(gaze_cfg_int(c, "train.seed", 1, 0, 1LL << 52, &s->seed));
  GAZE_TRY(gaze_cfg_int(c, "train.pack_tokens", 8192, 64, 1 << 20, &s->pack_tokens));
  GAZE_TRY(gaze_cfg_int(c, "train.pack_patches", 8192, 4, 1 << 20, &s->pack_patches));
  GAZE_TRY(gaze_cfg_int(c, "train.pack_scored", 3 * s->pack_tokens, 64, 1 << 22, &s->pack_scored));
  GAZE_TRY(gaze_cfg_num(c, "train.save_seconds", 120, 0, 1e9, &s->save_seconds));
  GAZE_TRY(gaze_cfg_num(c, "train.stop_seconds", 1e9, 0, 1e9, &s->stop_seconds));
  GAZE_TRY(gaze_cfg_num(c, "optim.warmup", 0.03, 0, 1, &s->warmup));
  GAZE_TRY(gaze_cfg_num(c, "optim.hold", 0.2, 0, 1, &s->hold));
  GAZE_TRY(gaze_cfg_num(c, "optim.floor", 0.02, 0, 1, &s->floor_rate));
  GAZE_TRY(gaze_cfg_num(c, "loss.thought", 1, 0, 1000, &thought));
  GAZE_TRY(gaze_cfg_num(c, "loss.answer", 3, 0, 1000, &answer));
  GAZE_TRY(gaze_cfg_num(c, "loss.box", 1, 0, 1000, &box));
  GAZE_TRY(gaze_cfg_bool(c, "loss.soft_coordinates", true, &s->soft));
  s->weights.thought = (float)thought, s->weights.answer = (float)answer;
  s->weights.box = (float)box;
  s->train = gaze_train_defaults();
  GAZE_TRY(read_train(c, &s->train));
  s->cells = s->train.aux_weight > 0;
  s->train.max_tokens = (int)s->pack_tokens;
  s->train.max_patches = (int)s->pack_patches;
  s->train.max_scored = (int)s->pack_scored;

  // freeze: "pattern,pattern" of parameter names with '*'
  const char *freeze;
  GAZE_TRY(gaze_cfg_str(c, "train.freeze", NULL, &freeze));
  if (freeze) {
    s->freeze[0] = freeze;
    s->train.freeze = s->freeze;
  }
  return GAZE_OK;
}

// the share of the full rate: warm-up, constant, cosine to the floor
static double rate_at(const settings *s, int64_t step) {
  double x = (double)step / (double)s->steps;
  if (x < s->warmup) return (x + 1.0 / (double)s->steps) / s->warmup;
  if (x < s->hold) return 1;
  double y = fmin(1, (x - s->hold) / fmax(1e-9, 1 - s->hold));
  return s->floor_rate + (1 - s->floor_rate) * 0.5 * (1 + cos(3.14159265358979 * y));
}

static const char *const colour_words[] = {"gray",   "red",  "blue",   "green", "brown",
                                           "purple", "cyan", "yellow", NULL};
static const char *const shape_words[] = {"cube", "sphere", "cylinder", NULL};
static const char *const size_words[] = {"large", "small", NULL};
static const char *const *const attribute_words[3] = {colour_words, shape_words, size_words};

// decodes the pictures of a turn into image[GAZE_RECORD_IMAGES_MAX]
static gaze_err decode_images(const gaze_record_turn *t, gaze_image *image) {
  for (int i = 0; i < t->images; i++) {
    gaze_err e = gaze_image_decode(&image[i], t->image[i].png, t->image[i].bytes, "training image");
    if (!e) continue;
    while (i--) gaze_image_free(&image[i]);
    return e;
  }
  return GAZE_OK;
}

static gaze_err record_to_roll(run *r, const gaze_record *rec) {
  const gaze_model *m = gaze_trainer_model(r->trainer);
  gaze_image image[GAZE_RECORD_IMAGES_MAX];
  GAZE_TRY(gaze_roll_start(&r->roll, &r->dialog));
  for (int i = 0; i < rec->turns; i++) {
    const gaze_record_turn *t = &rec->turn[i];
    GAZE_TRY(decode_images(t, image));
    GAZE_TRY(gaze_roll_turn(&r->roll, &r->dialog, m, t->user ? t->user : "",
                            t->reply ? t->reply : "", t->taught, image, t->images));
  }
  return GAZE_OK;
}

// only a turn with one picture says which picture its boxes are of
static void label_cells(run *r, const gaze_record *rec, int image) {
  int merge = gaze_model_processor(gaze_trainer_model(r->trainer))->merge;
  for (int i = 0; i < rec->turns; image += rec->turn[i++].images)
    for (int k = 0; k < rec->turn[i].images; k++)
      gaze_batch_label_cells(&r->batch, image + k, merge,
                             rec->turn[i].images == 1 ? rec->turn[i].reply : "", attribute_words);
}

// draws conversations until the next one does not fit
static gaze_err fill_batch(run *r, double progress) {
  const gaze_model *m = gaze_trainer_model(r->trainer);
  gaze_batch_clear(&r->batch);
  for (;;) {
    if (!r->pending) {
      gaze_record_free(&r->record);
      r->drawn = r->feed.place;
      GAZE_TRY(gaze_feed_next(&r->feed, progress, &r->record));
      GAZE_TRY(record_to_roll(r, &r->record));
    }
    r->pending = true;
    int image = r->batch.pack.images;
    gaze_err e = gaze_batch_add(&r->batch, m, r->ex, &r->roll, &r->set.weights);
    if (e == GAZE_ERR_END) return GAZE_OK;
    r->pending = false;
    if (e == GAZE_ERR_RANGE) continue;  // larger than a batch: skipped
    GAZE_TRY(e);
    label_cells(r, &r->record, image);
    r->samples++;
  }
}

// forward over the batch; weighted loss, and g = d loss / d logp
static gaze_err batch_loss(run *r, double *loss, double *accuracy) {
  const gaze_pack *p = gaze_batch_seal(&r->batch);
  GAZE_TRY(gaze_trainer_forward(r->trainer, p, r->logp, r->hit, NULL));
  double total = 0, sum = 0, right = 0, hard = 0;
  for (int i = 0; i < p->scored; i++) total += (double)r->batch.weight[i];
  if (!(total > 0)) return gaze_fail(GAZE_ERR_FORMAT, "training data: nothing to learn in a batch");
  for (int i = 0; i < p->scored; i++) {
    double w = (double)r->batch.weight[i] / total;
    sum -= w * (double)r->logp[i];
    r->g[i] = (float)-w;
    if (p->target[i] != p->ids[p->row[i] + 1]) continue;  // a neighbour of a soft target
    hard++;
    right += r->hit[i];
  }
  *loss = sum, *accuracy = hard > 0 ? right / hard : 0;
  return GAZE_OK;
}

static gaze_err save(run *r) {
  gaze_buf path = GAZE_BUF_INIT;
  gaze_buf_printf(&path, "%s/checkpoint", r->job->out);
  cJSON *state = cJSON_CreateObject();
  cJSON_AddNumberToObject(state, "sft_step", (double)r->step);
  cJSON_AddNumberToObject(state, "samples", (double)r->samples);
  cJSON_AddNumberToObject(state, "tokens", (double)r->tokens);
  cJSON_AddItemToObject(state, "feed",
                        gaze_feed_state(&r->feed, r->pending ? &r->drawn : &r->feed.place));
  char *text = cJSON_PrintUnformatted(state);
  cJSON_Delete(state);
  gaze_err e = text && !path.failed
                   ? gaze_trainer_save(r->trainer, gaze_buf_text(&path), GAZE_BF16, true, text)
                   : GAZE_ERR_NOMEM;
  free(text);
  gaze_buf_fini(&path);
  r->saved_ns = gaze_clock_now();
  return e;
}

static gaze_err resume(run *r) {
  gaze_buf path = GAZE_BUF_INIT;
  gaze_buf_printf(&path, "%s/checkpoint", r->job->out);
  char *text = NULL;
  gaze_err e = gaze_trainer_resume(r->trainer, gaze_buf_text(&path), &text);
  cJSON *state = NULL;
  if (!e) e = gaze_json_parse(&state, text, strlen(text), gaze_buf_text(&path));
  if (!e) e = gaze_json_int(state, "sft_step", 0, 1LL << 50, &r->step, "trainer.json");
  if (!e) e = gaze_json_int(state, "samples", 0, 1LL << 50, &r->samples, "trainer.json");
  if (!e) e = gaze_json_int(state, "tokens", 0, 1LL << 50, &r->tokens, "trainer.json");
  if (!e) e = gaze_feed_restore(&r->feed, gaze_json_get(state, "feed"));
  cJSON_Delete(state);
  free(text);
  gaze_buf_fini(&path);
  r->first_step = r->step;
  return e;
}

// drops the lines of steps that the checkpoint does not know, so the curve has no loops
static gaze_err open_metrics(run *r) {
  gaze_buf path = GAZE_BUF_INIT, old = GAZE_BUF_INIT;
  gaze_buf_printf(&path, "%s/metrics.jsonl", r->job->out);
  gaze_err e = GAZE_OK;
  if (r->job->resume && !gaze_file_read(gaze_buf_text(&path), (size_t)1 << 30, &old)) {
    const char *s = gaze_buf_text(&old), *keep = s;
    long long step;
    while (sscanf(s, "{\"step\":%lld", &step) == 1 && step <= r->step) {
      const char *end = strchr(s, '\n');
      if (!end) break;
      s = keep = end + 1;
    }
    e = gaze_file_write_atomic(gaze_buf_text(&path), gaze_buf_text(&old),
                               (size_t)(keep - gaze_buf_text(&old)));
  }
  if (!e) {
    r->metrics = fopen(gaze_buf_text(&path), r->job->resume ? "a" : "w");
    if (!r->metrics) e = gaze_fail(GAZE_ERR_IO, "%s: cannot write", gaze_buf_text(&path));
  }
  gaze_buf_fini(&path);
  gaze_buf_fini(&old);
  return e;
}

static gaze_err log_step(run *r, const gaze_sft_progress *p, int sequences) {
  int n = fprintf(r->metrics,
                  "{\"step\":%lld,\"loss\":%.6f,\"accuracy\":%.5f,\"aux\":%.5f,"
                  "\"learning_rate\":%.6g,\"grad_norm\":%.5g,\"tokens_per_s\":%.1f,"
                  "\"samples_per_s\":%.2f,\"sequences\":%d,\"samples\":%lld,\"seconds\":%.1f}\n",
                  (long long)p->step, p->loss, p->accuracy, p->aux, p->learning_rate, p->grad_norm,
                  p->tokens_per_s, p->samples_per_s, sequences, (long long)r->samples, p->seconds);
  if (n < 0 || fflush(r->metrics))
    return gaze_fail(GAZE_ERR_IO, "%s/metrics.jsonl: cannot write (disk full?)", r->job->out);
  return GAZE_OK;
}

static gaze_err step_once(run *r) {
  int64_t t0 = gaze_clock_now(), samples0 = r->samples;
  double progress = (double)r->step / (double)r->set.steps, loss = 0, accuracy = 0;
  GAZE_TRY(fill_batch(r, progress));
  GAZE_TRY(batch_loss(r, &loss, &accuracy));
  float aux = 0, norm = 0;
  GAZE_TRY(gaze_trainer_backward(r->trainer, &r->batch.pack, r->g, &aux));
  double rate = rate_at(&r->set, r->step);
  GAZE_TRY(gaze_trainer_step(r->trainer, (float)rate, &norm));
  r->step++;
  r->tokens += r->batch.pack.tokens;

  double s = (double)(gaze_clock_now() - t0) * 1e-9;
  gaze_sft_progress p = {.step = r->step,
                         .steps = r->set.steps,
                         .loss = loss,
                         .accuracy = accuracy,
                         .tokens_per_s = r->batch.pack.tokens / s,
                         .samples_per_s = (double)(r->samples - samples0) / s,
                         .learning_rate = rate * (double)r->set.train.lr_matrix,
                         .grad_norm = (double)norm,
                         .aux = (double)aux,
                         .seconds = (double)(gaze_clock_now() - r->begin_ns) * 1e-9};
  GAZE_TRY(log_step(r, &p, r->batch.pack.seqs));
  if (r->job->progress) r->job->progress(r->job->ctx, &p);
  return GAZE_OK;
}

static gaze_err train(run *r) {
  r->begin_ns = r->saved_ns = gaze_clock_now();
  while (r->step < r->set.steps) {
    GAZE_TRY(step_once(r));
    double since = (double)(gaze_clock_now() - r->saved_ns) * 1e-9;
    double total = (double)(gaze_clock_now() - r->begin_ns) * 1e-9;
    bool stop = (r->job->stop && *r->job->stop) || total > r->set.stop_seconds;
    if (stop || (since > r->set.save_seconds && r->step < r->set.steps)) GAZE_TRY(save(r));
    if (stop) return gaze_fail(GAZE_ERR_INTERRUPTED, "stopped at step %lld", (long long)r->step);
  }
  return save(r);
}

// "loss.words": {word: factor}, each one token behind a space
static gaze_err weigh_words(run *r, const gaze_tokenizer *t, const cJSON *words) {
  if (!words) return GAZE_OK;
  int n = gaze_tokenizer_size(t);
  r->word = malloc((size_t)n * sizeof *r->word);
  if (!r->word) return gaze_fail(GAZE_ERR_NOMEM, "training: out of memory");
  for (int i = 0; i < n; i++) r->word[i] = 1;
  r->set.weights.word = r->word;
  if (!cJSON_IsObject(words))
    return gaze_fail(GAZE_ERR_ARG, "setting \"loss.words\": expected {\"word\": factor, ...}");
  for (const cJSON *w = words->child; w; w = w->next) {
    gaze_buf text = GAZE_BUF_INIT;
    gaze_buf_printf(&text, " %s", w->string);
    int id = text.failed ? -1 : gaze_tokenizer_id(t, gaze_buf_text(&text));
    gaze_buf_fini(&text);
    if (id < 0)
      return gaze_fail(GAZE_ERR_ARG, "setting \"loss.words\": \"%s\" is not one token", w->string);
    if (!cJSON_IsNumber(w) || !(w->valuedouble >= 0 && w->valuedouble <= 1000))
      return gaze_fail(GAZE_ERR_ARG, "setting \"loss.words\": \"%s\": expected 0..1000", w->string);
    r->word[id] = (float)w->valuedouble;
  }
  return GAZE_OK;
}

static gaze_err open_run(run *r, const gaze_ops *ops) {
  GAZE_TRY(read_settings(r->job->cfg, &r->set));
  GAZE_TRY(gaze_dir_make(r->job->out));
  GAZE_TRY(gaze_exec_open_cpu(&r->ex, r->job->threads));
  GAZE_TRY(gaze_trainer_open(&r->trainer, ops, r->ex, r->set.model, &r->set.train,
                             (uint64_t)r->set.seed));
  const gaze_model *m = gaze_trainer_model(r->trainer);
  GAZE_TRY(gaze_dialog_init(&r->dialog, gaze_model_tokenizer(m)));
  gaze_weights_find(&r->set.weights, gaze_model_tokenizer(m), r->set.soft);
  char *text = gaze_cfg_dump(r->job->cfg);
  cJSON *all = NULL;
  gaze_err e = text ? gaze_json_parse(&all, text, strlen(text), "settings") : GAZE_ERR_NOMEM;
  if (!e)
    e = gaze_feed_open(&r->feed, r->job->data, r->job->files,
                       gaze_json_get(gaze_json_get(all, "data"), "mix"), (uint64_t)r->set.seed);
  if (!e)
    e = weigh_words(r, gaze_model_tokenizer(m), gaze_json_get(gaze_json_get(all, "loss"), "words"));
  cJSON_Delete(all);
  free(text);
  GAZE_TRY(e);
  GAZE_TRY(gaze_batch_open(&r->batch, m, (int)r->set.pack_tokens, (int)r->set.pack_patches,
                           (int)r->set.pack_scored, (int)r->set.pack_tokens / 16, r->set.cells));
  r->logp = calloc((size_t)r->set.pack_scored, sizeof *r->logp);
  r->g = calloc((size_t)r->set.pack_scored, sizeof *r->g);
  r->hit = calloc((size_t)r->set.pack_scored, sizeof *r->hit);
  if (!r->logp || !r->g || !r->hit) return gaze_fail(GAZE_ERR_NOMEM, "training: out of memory");
  if (r->job->resume) GAZE_TRY(resume(r));
  return open_metrics(r);
}

gaze_err gaze_sft_run(const gaze_sft_job *job, const gaze_ops *ops) {
  run r = {.job = job};
  gaze_err e = open_run(&r, ops);
  if (!e) e = train(&r);
  if (r.metrics) fclose(r.metrics);
  gaze_record_free(&r.record);
  gaze_roll_fini(&r.roll);
  gaze_batch_close(&r.batch);
  gaze_feed_close(&r.feed);
  gaze_trainer_close(&r.trainer);
  gaze_exec_close(&r.ex);
  free(r.logp);
  free(r.g);
  free(r.word);
  free(r.hit);
  return e;
}
