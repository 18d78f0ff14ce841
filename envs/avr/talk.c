// envs/avr/talk.c - the list of turns, its maker, and played episodes; see talk.h.
#include "envs/avr/talk.h"
#include <stdlib.h>
#include <string.h>
#include "envs/avr/talk_internal.h"

enum { SEEDS_TRIED = 50 };

static void turn_fini(gaze_turn *t) {
  free(t->user);
  free(t->reply);
  free(t->rgb);
}

void gaze_talk_clear(gaze_talk *t) {
  for (int i = 0; i < t->turns; i++) turn_fini(&t->turn[i]);
  t->turns = 0;
}

void gaze_talk_fini(gaze_talk *t) {
  gaze_talk_clear(t);
  free(t->turn);
  *t = GAZE_TALK_INIT;
}

static void *copy(const void *from, size_t n) {
  void *to = malloc(n);
  if (to) memcpy(to, from, n);
  return to;
}

gaze_err gaze_talk_add(gaze_talk *t, const char *user, const char *reply, const uint8_t *rgb, int w,
                       int h, int taught) {
  if (rgb && (w <= 0 || h <= 0 || w > 16384 || h > 16384))
    return gaze_fail(GAZE_ERR_ARG, "talk: picture: expected a size of 1..16384, found %dx%d", w, h);
  if (t->turns == t->cap) {
    int cap = t->cap ? 2 * t->cap : 8;
    gaze_turn *grown = realloc(t->turn, (size_t)cap * sizeof *grown);
    if (!grown) return gaze_fail(GAZE_ERR_NOMEM, "talk: out of memory");
    t->turn = grown;
    t->cap = cap;
  }
  gaze_turn n = {.user = copy(user, strlen(user) + 1),
                 .reply = copy(reply, strlen(reply) + 1),
                 .rgb = rgb ? copy(rgb, (size_t)w * (size_t)h * 3) : NULL,
                 .w = rgb ? w : 0,
                 .h = rgb ? h : 0,
                 .taught = taught};
  if (!n.user || !n.reply || (rgb && !n.rgb)) {
    turn_fini(&n);
    return gaze_fail(GAZE_ERR_NOMEM, "talk: out of memory");
  }
  t->turn[t->turns++] = n;
  return GAZE_OK;
}

gaze_err avr_talk_turn(gaze_talk *out, gaze_buf *user, gaze_buf *reply, const uint8_t *rgb,
                       int size, int taught) {
  if (user->failed || reply->failed) return gaze_fail(GAZE_ERR_NOMEM, "talk: out of memory");
  GAZE_TRY(gaze_talk_add(out, gaze_buf_text(user), gaze_buf_text(reply), rgb, size, size, taught));
  gaze_buf_clear(user);
  gaze_buf_clear(reply);
  return GAZE_OK;
}

uint8_t avr_attr_fact(avr_attr a) {
  static const uint8_t bit[AVR_ATTRS] = {AVR_KNOWS_COLOUR, AVR_KNOWS_SIZE, AVR_KNOWS_SHAPE};
  return bit[a];
}

gaze_err avr_talk_render(gaze_talker *t, const avr_scene *s, const avr_state *st) {
  return gaze_scene_render(&gaze_ops_cpu, t->ex, st->body, s->n, &st->viewer, t->image_size, t->rgb,
                           NULL, NULL);
}

static gaze_err open_parts(gaze_talker *t, const gaze_cfg *cfg) {
  int64_t size = 224, threads = 1, wording = 0, questions = -1;
  GAZE_TRY(avr_settings_read(cfg, &t->set));
  GAZE_TRY(gaze_cfg_int(cfg, "image_size", size, 28, 1792, &size));
  GAZE_TRY(gaze_cfg_int(cfg, "threads", threads, 0, 256, &threads));
  GAZE_TRY(gaze_cfg_int(cfg, "talk.wording", wording, -1, AVR_WORDINGS - 1, &wording));
  GAZE_TRY(gaze_cfg_int(cfg, "talk.questions", questions, -1, 20, &questions));
  GAZE_TRY(gaze_cfg_num(cfg, "talk.noise", 0.3, 0.0, 1.0, &t->noise));
  GAZE_TRY(gaze_cfg_num(cfg, "talk.asked", 0.5, 0.0, 1.0, &t->asked));
  GAZE_TRY(gaze_cfg_int(cfg, "talk.seed_first", 0, 0, (int64_t)1 << 40, &t->seed_first));
  GAZE_TRY(gaze_cfg_int(cfg, "talk.seeds", 1000000, 1, UINT32_MAX, &t->seeds));
  t->image_size = (int)size;
  t->wording = (int)wording;
  t->questions = (int)questions;
  GAZE_TRY(avr_oracle_open(&t->oracle, t->set.judge_size, (int)threads));
  GAZE_TRY(gaze_exec_open_cpu(&t->ex, (int)threads));
  t->rgb = malloc((size_t)size * (size_t)size * 3);
  return t->rgb ? GAZE_OK : gaze_fail(GAZE_ERR_NOMEM, "talk: out of memory");
}

gaze_err gaze_talker_open(gaze_talker **out, const gaze_cfg *cfg) {
  gaze_talker *t = calloc(1, sizeof *t);
  *out = t;
  if (!t) return gaze_fail(GAZE_ERR_NOMEM, "talk: out of memory");
  gaze_err err = open_parts(t, cfg);
  if (err) gaze_talker_close(out);
  return err;
}

void gaze_talker_close(gaze_talker **out) {
  gaze_talker *t = *out;
  if (!t) return;
  avr_oracle_close(&t->oracle);
  gaze_exec_close(&t->ex);
  free(t->rgb);
  free(t);
  *out = NULL;
}

// a random action of the list, -1 if only answers are offered
static int random_action(gaze_rng *r, const avr_episode *e) {
  int action[GAZE_OPTIONS_MAX], n = 0;
  for (int i = 0; i < e->options; i++)
    if (e->option[i].kind != AVR_ANSWER) action[n++] = i;
  return n ? action[gaze_rng_below(r, (uint32_t)n)] : -1;
}

// whether taking this option is worth imitating: the right answer when sure, a useful action before
static bool worth(const avr_episode *e, int choice, bool sure) {
  const avr_option *o = &e->option[choice];
  if (sure) return (o->label & GAZE_OPT_CORRECT) != 0;
  return o->kind != AVR_ANSWER && (o->label & (GAZE_OPT_OPTIMAL | GAZE_OPT_GAINING)) != 0;
}

// A forced or guessed decision is no model, but what was seen and concluded before it is.
static int up_to_decision(const char *reply) {
  const char *at = strstr(reply, avr_heading[3]);
  return at ? (int)(at - reply) : 0;
}

// a few seeds have no scene that fits the settings: draw another
static gaze_err draw_episode(gaze_talker *t, gaze_rng *r) {
  gaze_err err = GAZE_OK;
  for (int tries = 0; tries < SEEDS_TRIED; tries++) {
    uint64_t seed = (uint64_t)t->seed_first + gaze_rng_below(r, (uint32_t)t->seeds);
    err = avr_generate(t->oracle, &t->set, seed, &t->e);
    if (err != GAZE_ERR_NOTFOUND) break;
  }
  return err;
}

static gaze_err play(gaze_talker *t, gaze_rng *r, gaze_buf *user, gaze_buf *reply, gaze_talk *out) {
  avr_episode *e = &t->e;
  int wording = t->wording < 0 ? gaze_rng_int(r, 0, AVR_WORDINGS - 1) : t->wording;
  GAZE_TRY(draw_episode(t, r));
  const char *status = NULL;
  for (;;) {
    avr_values v;
    avr_possible(&e->scene, &e->question, &e->state, &v);
    int best = avr_best_option(e), choice = best;
    if (best < 0)
      return gaze_fail(GAZE_ERR_INTERNAL, "talk: seed %llu: no option is listed",
                       (unsigned long long)e->seed);
    if (gaze_rng_real(r, 0.0, 1.0) < t->noise) {
      int other = random_action(r, e);
      if (other >= 0) choice = other;
    }
    bool good = choice == best && worth(e, choice, avr_sufficient(&v));

    GAZE_TRY(avr_talk_render(t, &e->scene, &e->state));
    avr_prompt(e, status, user);
    GAZE_TRY(avr_thought(t->oracle, e, choice, wording, reply));
    int taught = good ? GAZE_TAUGHT_ALL : up_to_decision(gaze_buf_text(reply));
    GAZE_TRY(avr_talk_turn(out, user, reply, t->rgb, t->image_size, taught));
    if (e->option[choice].kind == AVR_ANSWER) return GAZE_OK;
    avr_effect effect;
    GAZE_TRY(avr_execute(t->oracle, &t->set, NULL, e, choice, &effect));
    status = effect.status;
  }
}

gaze_err gaze_talk_episode(gaze_talker *t, gaze_rng *r, gaze_talk *out) {
  gaze_buf user = GAZE_BUF_INIT, reply = GAZE_BUF_INIT;
  gaze_talk_clear(out);
  gaze_err err = play(t, r, &user, &reply, out);
  gaze_buf_fini(&user);
  gaze_buf_fini(&reply);
  return err;
}
