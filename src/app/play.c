// app/play.c - see play.h. The shortest reading of the whole program: reset, act, step.
#include "app/play.h"
#include <stdlib.h>
#include <string.h>

struct gaze_player {
  const gaze_env *env_type;
  const gaze_policy *policy_type;
  void *env, *policy;
  bool env_borrowed;
  // what an observer may need after the step has replaced the observation
  gaze_image image;
  size_t cap;
  gaze_buf user, reply;
  gaze_truth truth;
};

static gaze_err keep(gaze_player *k, const gaze_obs *obs) {
  gaze_buf_clear(&k->user);
  gaze_buf_str(&k->user, obs->text);
  if (obs->truth) k->truth = *obs->truth;
  k->image.w = k->image.h = 0;
  if (obs->images == 0) return GAZE_OK;
  const gaze_image *im = &obs->image[0];
  size_t n = (size_t)im->w * (size_t)im->h * 3;
  if (n > k->cap) {
    uint8_t *p = realloc(k->image.rgb, n);
    if (!p) return gaze_fail(GAZE_ERR_NOMEM, "playing: out of memory");
    k->image.rgb = p, k->cap = n;
  }
  memcpy(k->image.rgb, im->rgb, n);
  k->image.w = im->w, k->image.h = im->h;
  return GAZE_OK;
}

// a chunk has no words: its numbers, exact, a line an action
static void put_act(gaze_buf *b, const gaze_act *act) {
  gaze_buf_clear(b);
  if (act->text) gaze_buf_str(b, act->text);
  for (int i = 0; !act->text && act->chunk && i < act->steps * act->dims; i++)
    gaze_buf_printf(b, "%.9g%s", (double)act->chunk[i], (i + 1) % act->dims ? " " : "\n");
}

// the policy's act, or what an observer puts in its place
static gaze_err decide(gaze_player *k, const gaze_play *p, const gaze_obs *obs, gaze_act *act,
                       gaze_trace *trace) {
  // a policy that has to see for itself never holds the truth
  gaze_obs shown = *obs;
  if (!p->policy->needs_truth) shown.truth = NULL;
  if (p->look) GAZE_TRY(p->look(p->ctx, obs));
  GAZE_TRY(k->policy_type->act(k->policy, &shown, act, trace));

  // the oracle's reply is part of the observation that the step replaces
  put_act(&k->reply, act);
  const char *instead = NULL;
  if (p->decide) GAZE_TRY(p->decide(p->ctx, gaze_buf_text(&k->reply), &instead));
  if (!instead) return GAZE_OK;
  *act = (gaze_act){.text = instead};
  put_act(&k->reply, act);
  return k->policy_type->said ? k->policy_type->said(k->policy, instead) : GAZE_OK;
}

gaze_err gaze_player_episode(gaze_player *k, const gaze_play *p, int episode) {
  uint64_t seed = p->first_seed + (uint64_t)episode;
  gaze_obs obs;
  GAZE_TRY(k->env_type->reset(k->env, seed, &obs));
  GAZE_TRY(k->policy_type->reset(k->policy, seed));
  if (p->begin) GAZE_TRY(p->begin(p->ctx, episode, &obs));
  for (bool over = false; !over;) {
    GAZE_TRY(keep(k, &obs));
    gaze_trace trace = {.stream = p->stream, .ctx = p->ctx};
    gaze_act act = {0};
    GAZE_TRY(decide(k, p, &obs, &act, &trace));
    gaze_outcome out = {0};
    bool truth = obs.truth != NULL;
    uint32_t turn = obs.turn;
    GAZE_TRY(k->env_type->step(k->env, &act, &obs, &out));
    over = out.terminated || out.truncated;
    gaze_step_view view = {.episode = episode,
                           .seed = seed,
                           .turn = turn,
                           .image = &k->image,
                           .user = gaze_buf_text(&k->user),
                           .reply = gaze_buf_text(&k->reply),
                           .truth = truth ? &k->truth : NULL,
                           .out = &out,
                           .trace = &trace,
                           .last = over};
    if (p->step) GAZE_TRY(p->step(p->ctx, &view));
    if (p->stop && *p->stop) return gaze_fail(GAZE_ERR_INTERRUPTED, "interrupted");
  }
  return GAZE_OK;
}

gaze_err gaze_play_image_size(gaze_cfg *cfg, const gaze_policy *policy) {
  int64_t given;
  int px = 0;
  GAZE_TRY(gaze_cfg_int(cfg, "image_size", 0, 0, 1 << 16, &given));
  if (given == 0 && policy->image_size) GAZE_TRY(policy->image_size(cfg, &px));
  return px > 0 ? gaze_cfg_set_num(cfg, "image_size", px) : GAZE_OK;
}

gaze_err gaze_player_open(gaze_player **out, const gaze_play *p) {
  gaze_player *k = *out = calloc(1, sizeof *k);
  if (!k) return gaze_fail(GAZE_ERR_NOMEM, "playing: out of memory");
  k->env_type = p->env, k->policy_type = p->policy;
  k->env = p->env_self, k->env_borrowed = p->env_self != NULL;
  gaze_err e = k->env ? GAZE_OK : p->env->open(&k->env, p->env_cfg);
  if (!e) e = p->policy->open(&k->policy, p->policy_cfg);
  if (e) gaze_player_close(out);
  return e;
}

void gaze_player_close(gaze_player **out) {
  gaze_player *k = *out;
  if (!k) return;
  if (k->policy) k->policy_type->close(&k->policy);
  if (k->env && !k->env_borrowed) k->env_type->close(&k->env);
  gaze_buf_fini(&k->user);
  gaze_buf_fini(&k->reply);
  free(k->image.rgb);
  free(k);
  *out = NULL;
}
