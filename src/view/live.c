// view/live.c - see live.h.
#include "view/live.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "core/clock.h"
#include "policies/scripted.h"
#include "rt/latest.h"

struct gaze_live {
  gaze_latest latest;
  gaze_shot slot[3];
  bool any;  // the window has taken one

  // the player's own
  gaze_shot now;
  bool streamed, yours;  // the reply came in pieces; a person chose
  gaze_scripted hand;    // writes the person's reply
  double hold_s;

  // written by the window
  atomic_bool paused, take_over, next, gone;
  atomic_int forward;  // decisions asked for while paused
  atomic_int choice;   // option + 1, 0 for none
};

gaze_err gaze_live_open(gaze_live **out, const char *source, bool paused, double hold_s) {
  gaze_live *l = *out = calloc(1, sizeof *l);
  if (!l) return gaze_fail(GAZE_ERR_NOMEM, "view: out of memory");
  gaze_latest_init(&l->latest);
  snprintf(l->now.source, sizeof l->now.source, "%s", source);
  atomic_init(&l->paused, paused);
  l->hold_s = hold_s;
  return GAZE_OK;
}

void gaze_live_close(gaze_live **out) {
  gaze_live *l = *out;
  if (!l) return;
  for (int i = 0; i < 3; i++) gaze_shot_fini(&l->slot[i]);
  gaze_shot_fini(&l->now);
  free(l);
  *out = NULL;
}

// a moment that does not fit in memory is not shown; the player goes on
static void publish(gaze_live *l) {
  l->now.version++;
  l->now.paused = atomic_load(&l->paused), l->now.take_over = atomic_load(&l->take_over);
  if (gaze_shot_copy(&l->slot[l->latest.writer], &l->now) == GAZE_OK)
    gaze_latest_publish(&l->latest);
}

// while waiting, what the keys have changed is shown at once
static void nap(gaze_live *l) {
  if (l->now.paused != atomic_load(&l->paused) || l->now.take_over != atomic_load(&l->take_over))
    publish(l);
  nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

static bool left(const gaze_live *l, const volatile int *stop) {
  return atomic_load(&l->gone) || (stop && *stop);
}

// a paused world goes on when it is let go, for one decision or for good
static bool held(gaze_live *l) {
  if (!atomic_load(&l->paused)) return false;
  if (atomic_load(&l->forward) == 0) return true;
  atomic_fetch_sub(&l->forward, 1);
  return false;
}

static gaze_err wait_here(gaze_live *l, double hold_s, const volatile int *stop) {
  int64_t until = gaze_clock_now() + (int64_t)(hold_s * 1e9);
  // pausing while an outcome is held, and letting go again, does not cut the holding short
  while (!left(l, stop) && !atomic_load(&l->next) &&
         (held(l) || (!atomic_load(&l->paused) && gaze_clock_now() < until)))
    nap(l);
  return atomic_exchange(&l->next, false) ? gaze_fail(GAZE_ERR_END, "view: next episode") : GAZE_OK;
}

void gaze_live_begin(gaze_live *l, int episode, int episodes, uint64_t seed) {
  l->now.episode = episode, l->now.episodes = episodes, l->now.seed = seed;
  l->now.steps = 0;
  l->now.question[0] = 0;
  atomic_store(&l->next, false);
}

gaze_err gaze_live_look(gaze_live *l, const gaze_obs *obs, const volatile int *stop) {
  gaze_shot_set_turn(&l->now, obs->text, obs->truth);
  l->now.turn = (int)obs->turn;
  l->streamed = l->yours = false;
  if (obs->images > 0) GAZE_TRY(gaze_shot_set_image(&l->now, &obs->image[obs->images - 1]));
  l->now.stage = GAZE_STAGE_THINKING;
  publish(l);
  return obs->turn == 0 ? wait_here(l, 0.0, stop) : GAZE_OK;
}

void gaze_live_text(gaze_live *l, const char *text, size_t n) {
  gaze_buf_add(&l->now.reply, text, n);
  l->streamed = true;
  publish(l);
}

// waits for a letter of this decision's list; -1 if the policy is to decide after all
static int choice_of(gaze_live *l, const volatile int *stop) {
  gaze_choices c;
  gaze_choices_read(gaze_buf_text(&l->now.user), &c);
  atomic_store(&l->choice, 0);
  while (c.n && atomic_load(&l->take_over) && !atomic_load(&l->next) && !left(l, stop)) {
    int k = atomic_exchange(&l->choice, 0) - 1;
    if (k >= 0 && k < c.n) return k;
    if (l->now.stage != GAZE_STAGE_YOURS) {
      l->now.stage = GAZE_STAGE_YOURS;
      publish(l);
    }
    nap(l);
  }
  return -1;
}

gaze_err gaze_live_decide(gaze_live *l, const char *reply, const volatile int *stop,
                          const char **yours) {
  *yours = NULL;
  if (!l->streamed && reply) gaze_buf_str(&l->now.reply, reply);
  publish(l);
  int k = choice_of(l, stop);
  if (atomic_exchange(&l->next, false)) return gaze_fail(GAZE_ERR_END, "view: next episode");
  l->yours = k >= 0;
  if (!l->yours) return GAZE_OK;
  gaze_act act;
  GAZE_TRY(gaze_scripted_choose(&l->hand, k, &act));
  *yours = act.text;
  return GAZE_OK;
}

gaze_err gaze_live_outcome(gaze_live *l, const gaze_outcome *out, const volatile int *stop) {
  gaze_shot_set_outcome(&l->now, out, l->yours);
  publish(l);
  return wait_here(l, l->hold_s, stop);
}

const gaze_shot *gaze_live_take(gaze_live *l) {
  if (gaze_latest_take(&l->latest)) l->any = true;
  return l->any ? &l->slot[l->latest.reader] : NULL;
}

void gaze_live_ask(gaze_live *l, gaze_ask ask) {
  switch (ask.kind) {
    case GAZE_ASK_PAUSE:
      atomic_store(&l->paused, !atomic_load(&l->paused));
      break;
    case GAZE_ASK_FORWARD:
      // pressed while it runs: stop at the next decision, as the same key does in simulate
      if (!atomic_exchange(&l->paused, true)) break;
      atomic_fetch_add(&l->forward, 1);
      break;
    case GAZE_ASK_NEXT:
      atomic_store(&l->next, true);
      break;
    case GAZE_ASK_TAKE_OVER:
      atomic_store(&l->take_over, !atomic_load(&l->take_over));
      break;
    case GAZE_ASK_CHOOSE:
      atomic_store(&l->choice, ask.option + 1);
      break;
    case GAZE_ASK_NONE:
    case GAZE_ASK_BACK:
    case GAZE_ASK_FIRST:
    case GAZE_ASK_LAST:
    case GAZE_ASK_PREVIOUS:
    case GAZE_ASK_FASTER:
    case GAZE_ASK_SLOWER:
    case GAZE_ASK_PICTURE:
      break;
  }
}

void gaze_live_leave(gaze_live *l) {
  atomic_store(&l->gone, true);
}
