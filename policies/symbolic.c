// policies/symbolic.c - agents with perfect eyes: they receive what was seen so far as symbols and
// reason about it themselves. `symbolic` looks until it is sure, `first-view` answers at once.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "envs/avr/belief.h"
#include "policies/scripted.h"

enum { FAILED_MAX = 8 };

typedef struct symbolic {
  gaze_scripted base;  // first: its functions take a symbolic for one
  avr_belief *belief;
  char tried[64];               // text of the last action, "" if none
  char failed[FAILED_MAX][64];  // texts of actions that did not succeed
  int failures;
} symbolic;

static void symbolic_close(void **self) {
  symbolic *s = *self;
  if (s) avr_belief_close(&s->belief);
  free(s);
  *self = NULL;
}

static gaze_err symbolic_open(void **self, const gaze_cfg *cfg) {
  int64_t judge = 448;
  GAZE_TRY(gaze_cfg_int(cfg, "avr.judge_size", judge, 112, 896, &judge));
  symbolic *s = *self = calloc(1, sizeof *s);
  if (!s) return gaze_fail(GAZE_ERR_NOMEM, "policy: out of memory");
  gaze_err e = avr_belief_open(&s->belief, (int)judge);
  if (e) symbolic_close(self);
  return e;
}

static gaze_err symbolic_reset(void *self, uint64_t seed) {
  symbolic *s = self;
  s->failures = 0;
  s->tried[0] = '\0';
  return gaze_scripted_reset(&s->base, seed);
}

static gaze_err first_view_act(void *self, const gaze_obs *obs, gaze_act *act, gaze_trace *trace) {
  (void)trace;
  symbolic *s = self;
  bool sure;
  GAZE_TRY(avr_belief_take(s->belief, obs));
  int answer = avr_belief_answer(s->belief, &sure);
  return gaze_scripted_choose(&s->base, answer < 0 ? 0 : answer, act);
}

// An action that did not succeed would be blocked again: what blocks it may never have been seen.
static unsigned remember_failures(symbolic *s, const gaze_obs *obs, const gaze_choices *c) {
  bool ok = strncmp(obs->text, "Result: ok.", 11) == 0;
  unsigned skip = 0;
  if (s->tried[0] && !ok && s->failures < FAILED_MAX)
    snprintf(s->failed[s->failures++], sizeof s->failed[0], "%s", s->tried);
  s->tried[0] = '\0';
  for (int i = 0; i < c->n; i++)
    for (int k = 0; k < s->failures; k++)
      if (strcmp(c->text[i], s->failed[k]) == 0) skip |= 1u << i;
  return skip;
}

static gaze_err symbolic_act(void *self, const gaze_obs *obs, gaze_act *act, gaze_trace *trace) {
  (void)trace;
  symbolic *s = self;
  gaze_choices c;
  bool sure;
  int option = -1;
  GAZE_TRY(avr_belief_take(s->belief, obs));
  gaze_choices_read(obs->text, &c);
  unsigned skip = remember_failures(s, obs, &c);
  int answer = avr_belief_answer(s->belief, &sure), actions = 0;
  for (int i = 0; i < c.n; i++) actions += c.action[i];
  if (answer >= 0 && (sure || actions == 0)) return gaze_scripted_choose(&s->base, answer, act);

  GAZE_TRY(avr_belief_search(s->belief, skip, &option));
  // nothing it can think of helps: any action, as anyone would who is at a loss
  if (option < 0) return gaze_scripted_kind(&s->base, obs, true, false, act);
  snprintf(s->tried, sizeof s->tried, "%s", c.text[option]);
  return gaze_scripted_choose(&s->base, option, act);
}

const gaze_policy gaze_policy_first_view = {
    .name = "first-view",
    .about = "perfect eyes, answers from the first view",
    .needs_truth = true,
    .open = symbolic_open,
    .reset = symbolic_reset,
    .act = first_view_act,
    .close = symbolic_close,
};
const gaze_policy gaze_policy_symbolic = {
    .name = "symbolic",
    .about = "perfect eyes, own reasoning about what was seen; looks until it is sure",
    .needs_truth = true,
    .open = symbolic_open,
    .reset = symbolic_reset,
    .act = symbolic_act,
    .close = symbolic_close,
};
