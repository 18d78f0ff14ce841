// envs/avr/env_avr.c - see env_avr.h. One decision: parse the reply, judge it, carry it out, look.
#include "envs/avr/env_avr.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "envs/avr/act.h"
#include "envs/avr/belief.h"
#include "envs/avr/words.h"

// reward weights of avr.md section 9, without the belief term
static const float COST_PER_ACTION = 0.02f, FORMAT_BONUS = 0.1f;

typedef struct env_avr {
  avr_oracle *oracle;
  gaze_exec *ex;
  gaze_world *world;  // of this episode; NULL until physics is needed
  avr_settings set;
  char family[16], layout[32], question[8], hand[512];  // owned copies of the settings' strings
  int image_size, wording;
  bool tell, physics, lazy;

  avr_episode e;
  bool playing, all_strict;
  uint32_t turn;
  uint8_t *rgb;  // [image_size,image_size,3]
  gaze_image image;
  gaze_truth truth;
  gaze_buf text, reply, reference;
} env_avr;

static void env_close(void **self) {
  env_avr *v = *self;
  if (!v) return;
  avr_oracle_close(&v->oracle);
  gaze_exec_close(&v->ex);
  gaze_world_close(&v->world);
  free(v->rgb);
  gaze_buf_fini(&v->text);
  gaze_buf_fini(&v->reply);
  gaze_buf_fini(&v->reference);
  free(v);
  *self = NULL;
}

// the configuration may be closed before the environment
static const char *keep(const char *s, char *to, size_t cap) {
  if (!s) return NULL;
  snprintf(to, cap, "%s", s);
  return to;
}

static gaze_err open_settings(env_avr *v, const gaze_cfg *cfg, int *threads) {
  int64_t size = 224, wording = 0, workers = 1;
  GAZE_TRY(gaze_cfg_int(cfg, "image_size", size, 28, 1792, &size));
  GAZE_TRY(gaze_cfg_bool(cfg, "oracle", false, &v->tell));
  GAZE_TRY(gaze_cfg_int(cfg, "threads", workers, 0, 256, &workers));
  GAZE_TRY(gaze_cfg_int(cfg, "avr.wording", wording, 0, AVR_WORDINGS - 1, &wording));
  GAZE_TRY(gaze_cfg_bool(cfg, "avr.physics", true, &v->physics));
  GAZE_TRY(avr_settings_read(cfg, &v->set));
  v->set.family = keep(v->set.family, v->family, sizeof v->family);
  v->set.layout = keep(v->set.layout, v->layout, sizeof v->layout);
  v->set.question = keep(v->set.question, v->question, sizeof v->question);
  if (v->set.hand && strlen(v->set.hand) >= sizeof v->hand)
    return gaze_fail(GAZE_ERR_ARG, "avr.hand: expected a name of at most %zu bytes",
                     sizeof v->hand - 1);
  v->set.hand = keep(v->set.hand, v->hand, sizeof v->hand);
  v->image_size = (int)size;
  v->wording = (int)wording;
  *threads = (int)workers;
  return GAZE_OK;
}

// a robot that cannot be read is told now, not in the middle of an episode
static gaze_err try_hand(const char *hand) {
  gaze_world *w = NULL;
  gaze_err err = hand ? gaze_world_open_arm(&w, NULL, 0, hand) : GAZE_OK;
  gaze_world_close(&w);
  return err;
}

static gaze_err open_parts(env_avr *v, const gaze_cfg *cfg) {
  int threads = 1;
  GAZE_TRY(open_settings(v, cfg, &threads));
  GAZE_TRY(try_hand(v->set.hand));
  GAZE_TRY(avr_oracle_open(&v->oracle, v->set.judge_size, threads));
  GAZE_TRY(gaze_exec_open_cpu(&v->ex, threads));
  v->rgb = malloc((size_t)v->image_size * (size_t)v->image_size * 3);
  return v->rgb ? GAZE_OK : gaze_fail(GAZE_ERR_NOMEM, "avr: out of memory");
}

static gaze_err env_open(void **self, const gaze_cfg *cfg) {
  env_avr *v = calloc(1, sizeof *v);
  *self = v;
  if (!v) return gaze_fail(GAZE_ERR_NOMEM, "avr: out of memory");
  gaze_err err = open_parts(v, cfg);
  if (err) env_close(self);
  return err;
}

static void copy_name(gaze_buf *from, char *to, size_t cap) {
  snprintf(to, cap, "%s", gaze_buf_text(from));
  gaze_buf_clear(from);
}

// letter an agent would choose that looks one step ahead only
static int greedy_option(const avr_episode *e, bool sufficient) {
  int best = -1;
  for (int i = 0; i < e->options && !sufficient; i++) {
    const avr_option *o = &e->option[i];
    if (o->kind != AVR_ANSWER && (best < 0 || o->gain > e->option[best].gain)) best = i;
  }
  return best >= 0 ? best : avr_best_option(e);
}

static void truth_boxes(const avr_episode *e, const avr_seen *seen, int n, gaze_buf *b,
                        gaze_truth *t) {
  t->boxes = n < GAZE_BOXES_MAX ? n : GAZE_BOXES_MAX;
  for (int i = 0; i < t->boxes; i++) {
    const float *x = seen[i].box;
    t->box[i] = (gaze_truth_box){.x0 = x[0], .y0 = x[1], .x1 = x[2], .y1 = x[3]};
    uint8_t fact = (uint8_t)(seen[i].fact | e->state.know.fact[seen[i].object]);
    avr_object_name(&e->scene, seen[i].object, fact, b);
    copy_name(b, t->box[i].name, sizeof t->box[i].name);
  }
}

static gaze_err fill_truth(env_avr *v) {
  const avr_episode *e = &v->e;
  gaze_truth *t = &v->truth;
  *t =
      (gaze_truth){.options = e->options, .optimal_steps = e->optimal_steps, .control = e->control};
  avr_values values;
  avr_possible(&e->scene, &e->question, &e->state, &values);
  t->sufficient = avr_sufficient(&values);
  t->steps_left = e->steps_left;
  memcpy(t->body, e->state.body, sizeof t->body);
  t->bodies = e->scene.n;
  t->viewer = e->state.viewer;

  gaze_buf b = GAZE_BUF_INIT;
  for (int i = 0; i < e->options; i++) {
    t->label[i] = e->option[i].label;
    avr_option_name(e, &e->option[i], &b);
    copy_name(&b, t->text[i], sizeof t->text[i]);
  }
  avr_value_name(&e->question, e->question.answer, &b);
  copy_name(&b, t->answer, sizeof t->answer);
  snprintf(t->greedy, sizeof t->greedy, "%c", 'A' + greedy_option(e, t->sufficient));
  snprintf(t->family, sizeof t->family, "%s", avr_family_word[e->scene.family]);
  snprintf(t->layout, sizeof t->layout, "%s", avr_layouts[e->scene.layout].name);
  snprintf(t->question, sizeof t->question, "%s", avr_template_name[e->question.id]);

  avr_seen seen[GAZE_SCENE_BODIES_MAX];
  int n = avr_look(v->oracle, &e->scene, &e->state, seen);
  gaze_err err =
      n < 0 ? gaze_fail(GAZE_ERR_INTERNAL, "avr: the view could not be rendered") : GAZE_OK;
  if (!err) truth_boxes(e, seen, n, &b, t);
  if (!err) err = avr_thought_of(seen, n, e, avr_best_option(e), v->wording, &b);
  if (!err && b.len >= sizeof t->reply)
    err = gaze_fail(GAZE_ERR_RANGE, "avr: the ideal reply has %zu bytes, at most %zu fit", b.len,
                    sizeof t->reply - 1);
  if (!err && b.failed) err = gaze_fail(GAZE_ERR_NOMEM, "avr: out of memory");
  if (!err) copy_name(&b, t->reply, sizeof t->reply);
  gaze_buf_clear(&b);
  avr_symbols_write(e, &b);
  if (!err && b.len >= sizeof t->known)
    err = gaze_fail(GAZE_ERR_RANGE, "avr: the symbols have %zu bytes, at most %zu fit", b.len,
                    sizeof t->known - 1);
  if (!err && b.failed) err = gaze_fail(GAZE_ERR_NOMEM, "avr: out of memory");
  if (!err) copy_name(&b, t->known, sizeof t->known);
  gaze_buf_fini(&b);
  return err;
}

static void env_lazy(void *self) {
  ((env_avr *)self)->lazy = true;
}

static gaze_err env_render(void *self, uint8_t *rgb) {
  env_avr *v = self;
  // the oracle judges what stands where, so another light changes the picture alone
  const gaze_light light =
      v->set.split == AVR_LIGHT_SPLIT ? gaze_scene_light_drawn(v->e.seed) : gaze_scene_light();
  return gaze_scene_render_lit(&gaze_ops_cpu, v->ex, v->e.state.body, v->e.scene.n,
                               &v->e.state.viewer, &light, v->image_size, rgb, NULL, NULL);
}

// pictures, words and truth of the present state
static gaze_err observe(env_avr *v, const char *status, gaze_obs *obs) {
  if (!v->lazy) GAZE_TRY(env_render(v, v->rgb));
  v->image = (gaze_image){
      .rgb = v->lazy ? NULL : v->rgb, .w = v->image_size, .h = v->image_size, .camera = "viewer"};
  gaze_buf_clear(&v->text);
  avr_prompt(&v->e, status, &v->text);
  if (v->text.failed) return gaze_fail(GAZE_ERR_NOMEM, "avr: out of memory");
  if (v->tell) GAZE_TRY(fill_truth(v));
  *obs = (gaze_obs){.image = &v->image,
                    .images = 1,
                    .text = gaze_buf_text(&v->text),
                    .turn = v->turn,
                    .first = v->turn == 0,
                    .truth = v->tell ? &v->truth : NULL};
  return GAZE_OK;
}

static gaze_err env_reset(void *self, uint64_t seed, gaze_obs *obs) {
  env_avr *v = self;
  gaze_world_close(&v->world);
  v->playing = false;
  GAZE_TRY(avr_generate(v->oracle, &v->set, seed, &v->e));
  v->turn = 0;
  v->all_strict = true;
  GAZE_TRY(observe(v, NULL, obs));
  v->playing = true;
  return GAZE_OK;
}

static void finish(env_avr *v, gaze_obs *obs, gaze_outcome *out, bool sufficient) {
  out->terminated = true;
  out->reward += (out->correct && sufficient ? 1.0f : 0.0f) + (v->all_strict ? FORMAT_BONUS : 0.0f);
  *obs = (gaze_obs){.text = "", .turn = v->turn, .last = true};
  v->playing = false;
}

// Whether a way of `needed` actions to the answer was there before the last action and is longer or
// gone now: that action hid an open region. After the last action nobody plans.
static bool lost_way(const avr_episode *e, int needed) {
  return needed >= 0 && e->state.t < AVR_T_MAX && (e->steps_left < 0 || e->steps_left > needed);
}

// an action or a wasted step, up to the next observation
static gaze_err go_on(env_avr *v, gaze_obs *obs, gaze_outcome *out) {
  if (out->choice < 0) {
    GAZE_TRY(avr_waste(v->oracle, &v->set, &v->e));
    return observe(v, out->status, obs);
  }
  const int label = v->e.option[out->choice].label, needed = v->e.steps_left;
  avr_effect effect;
  GAZE_TRY(
      avr_execute(v->oracle, &v->set, v->physics ? &v->world : NULL, &v->e, out->choice, &effect));
  out->action = true;
  out->status = effect.status;
  out->reward -= COST_PER_ACTION;
  if (v->tell) {
    out->gaining = effect.gain > 0.0f;
    out->useful = (label & (GAZE_OPT_GAINING | GAZE_OPT_OPTIMAL)) != 0;
    out->harmful = strcmp(effect.status, "toppled") == 0 || lost_way(&v->e, needed);
  }
  return observe(v, out->status, obs);
}

static gaze_err env_step(void *self, const gaze_act *act, gaze_obs *obs, gaze_outcome *out) {
  env_avr *v = self;
  if (!v->playing) return gaze_fail(GAZE_ERR_STATE, "avr: step: the episode is over, reset first");
  if (!act->text) return gaze_fail(GAZE_ERR_ARG, "avr: act: expected text, found a chunk");
  gaze_buf_clear(&v->reply);
  gaze_buf_str(&v->reply, act->text);
  gaze_buf_clear(&v->reference);
  if (v->tell) gaze_buf_str(&v->reference, v->truth.reply);
  if (v->reply.failed || v->reference.failed)
    return gaze_fail(GAZE_ERR_NOMEM, "avr: out of memory");

  const avr_reply r = avr_parse_reply(gaze_buf_text(&v->reply), v->reply.len, v->e.options);
  avr_values values;
  avr_possible(&v->e.scene, &v->e.question, &v->e.state, &values);
  const bool sufficient = avr_sufficient(&values);
  *out = (gaze_outcome){.format = r.strict,
                        .choice = r.choice,
                        .status = r.choice < 0 ? "invalid" : "ok",
                        .sufficient_before = v->tell && sufficient,
                        .reply = gaze_buf_text(&v->reply),
                        .reference = v->tell ? gaze_buf_text(&v->reference) : NULL};
  v->all_strict = v->all_strict && r.strict;
  v->turn++;

  const avr_option *o = r.choice < 0 ? NULL : &v->e.option[r.choice];
  if (o && o->kind == AVR_ANSWER) {
    out->answered = true;
    out->correct = o->value == v->e.question.answer;
  }
  // the last decision can only be an answer: anything else ends the episode wrong
  if (out->answered || v->e.state.t >= AVR_T_MAX) {
    finish(v, obs, out, sufficient);
    return GAZE_OK;
  }
  gaze_err err = go_on(v, obs, out);
  if (err) v->playing = false;
  return err;
}

static void env_space(const void *self, gaze_space *s) {
  const env_avr *v = self;
  // the last decision can only be an answer
  *s = (gaze_space){.image_h = v->image_size, .image_w = v->image_size, .max_steps = AVR_T_MAX + 1};
}

const gaze_env gaze_env_avr = {.name = "avr",
                               .open = env_open,
                               .reset = env_reset,
                               .step = env_step,
                               .close = env_close,
                               .space = env_space,
                               .lazy = env_lazy,
                               .render = env_render};
