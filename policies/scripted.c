// policies/scripted.c - policies without a network: oracle, greedy, random, always-answer,
// first-action, act-1 to act-3. Each picks a letter; the oracle also says why.
#include "policies/scripted.h"
#include <stdio.h>
#include <stdlib.h>

gaze_err gaze_scripted_open(void **self, const gaze_cfg *cfg) {
  (void)cfg;
  *self = calloc(1, sizeof(gaze_scripted));
  return *self ? GAZE_OK : gaze_fail(GAZE_ERR_NOMEM, "policy: out of memory");
}

gaze_err gaze_scripted_reset(void *self, uint64_t seed) {
  gaze_rng *r = &((gaze_scripted *)self)->rng;
  // twice: streams of one seed differ by a constant only, so that a policy's draws would go with
  // those the environment makes from the same seed
  gaze_rng_init(r, seed, 0x5C21);
  gaze_rng_init(r, gaze_rng_u64(r), 0x5C21);
  return GAZE_OK;
}

void gaze_scripted_close(void **self) {
  free(*self);
  *self = NULL;
}

gaze_err gaze_scripted_choose(gaze_scripted *s, int option, gaze_act *act) {
  // a valid four-part reply, so that the format is never what a scripted policy is judged by
  snprintf(s->reply, sizeof s->reply,
           "<think>\n## Visual Reasoning\n## Uncertainty\n## Information Gain\n## Decision\n"
           "</think>\n<answer>%c</answer>",
           'A' + option);
  *act = (gaze_act){.text = s->reply};
  return GAZE_OK;
}

gaze_err gaze_scripted_kind(gaze_scripted *s, const gaze_obs *obs, bool action, bool first,
                            gaze_act *act) {
  gaze_choices c;
  int of_kind[GAZE_OPTIONS_MAX], k = 0;
  gaze_choices_read(obs->text, &c);
  for (int i = 0; i < c.n; i++)
    if (c.action[i] == action) of_kind[k++] = i;
  if (k == 0) return gaze_scripted_choose(s, 0, act);
  return gaze_scripted_choose(s, of_kind[first ? 0 : (int)gaze_rng_below(&s->rng, (uint32_t)k)],
                              act);
}

static gaze_err oracle_act(void *self, const gaze_obs *obs, gaze_act *act, gaze_trace *trace) {
  (void)self, (void)trace;
  if (!obs->truth) return gaze_fail(GAZE_ERR_STATE, "policy oracle: the environment gave no truth");
  *act = (gaze_act){.text = obs->truth->reply};
  return GAZE_OK;
}

static gaze_err greedy_act(void *self, const gaze_obs *obs, gaze_act *act, gaze_trace *trace) {
  (void)trace;
  if (!obs->truth) return gaze_fail(GAZE_ERR_STATE, "policy greedy: the environment gave no truth");
  char letter = obs->truth->greedy[0];
  return gaze_scripted_choose(self, letter >= 'A' && letter <= 'P' ? letter - 'A' : 0, act);
}

static gaze_err random_act(void *self, const gaze_obs *obs, gaze_act *act, gaze_trace *trace) {
  (void)trace;
  gaze_scripted *s = self;
  gaze_choices c;
  gaze_choices_read(obs->text, &c);
  return gaze_scripted_choose(s, (int)gaze_rng_below(&s->rng, (uint32_t)c.n), act);
}

static gaze_err always_answer_act(void *self, const gaze_obs *obs, gaze_act *act,
                                  gaze_trace *trace) {
  (void)trace;
  return gaze_scripted_kind(self, obs, false, false, act);
}

static gaze_err first_action_act(void *self, const gaze_obs *obs, gaze_act *act,
                                 gaze_trace *trace) {
  (void)trace;
  return gaze_scripted_kind(self, obs, true, true, act);
}

// k actions whatever was seen, then an answer whatever was seen
static gaze_err act_then_answer(gaze_scripted *s, const gaze_obs *obs, uint32_t k, gaze_act *act) {
  return gaze_scripted_kind(s, obs, obs->turn < k, false, act);
}

static gaze_err act_1(void *self, const gaze_obs *obs, gaze_act *act, gaze_trace *trace) {
  (void)trace;
  return act_then_answer(self, obs, 1, act);
}

static gaze_err act_2(void *self, const gaze_obs *obs, gaze_act *act, gaze_trace *trace) {
  (void)trace;
  return act_then_answer(self, obs, 2, act);
}

static gaze_err act_3(void *self, const gaze_obs *obs, gaze_act *act, gaze_trace *trace) {
  (void)trace;
  return act_then_answer(self, obs, 3, act);
}

const gaze_policy gaze_policy_oracle = {
    .name = "oracle",
    .about = "shortest plan from the simulator's truth, with its thought",
    .needs_truth = true,
    .open = gaze_scripted_open,
    .reset = gaze_scripted_reset,
    .act = oracle_act,
    .close = gaze_scripted_close,
};
const gaze_policy gaze_policy_greedy = {
    .name = "greedy",
    .about = "largest one-step gain from the simulator's truth",
    .needs_truth = true,
    .open = gaze_scripted_open,
    .reset = gaze_scripted_reset,
    .act = greedy_act,
    .close = gaze_scripted_close,
};
const gaze_policy gaze_policy_random = {
    .name = "random",
    .about = "any option, each equally likely",
    .open = gaze_scripted_open,
    .reset = gaze_scripted_reset,
    .act = random_act,
    .close = gaze_scripted_close,
};
const gaze_policy gaze_policy_always_answer = {
    .name = "always-answer",
    .about = "answers at once, any answer",
    .open = gaze_scripted_open,
    .reset = gaze_scripted_reset,
    .act = always_answer_act,
    .close = gaze_scripted_close,
};
const gaze_policy gaze_policy_first_action = {
    .name = "first-action",
    .about = "always takes the first action listed",
    .open = gaze_scripted_open,
    .reset = gaze_scripted_reset,
    .act = first_action_act,
    .close = gaze_scripted_close,
};
const gaze_policy gaze_policy_act_1 = {
    .name = "act-1",
    .about = "any action, then any answer",
    .open = gaze_scripted_open,
    .reset = gaze_scripted_reset,
    .act = act_1,
    .close = gaze_scripted_close,
};
const gaze_policy gaze_policy_act_2 = {
    .name = "act-2",
    .about = "any two actions, then any answer",
    .open = gaze_scripted_open,
    .reset = gaze_scripted_reset,
    .act = act_2,
    .close = gaze_scripted_close,
};
const gaze_policy gaze_policy_act_3 = {
    .name = "act-3",
    .about = "any three actions, then any answer",
    .open = gaze_scripted_open,
    .reset = gaze_scripted_reset,
    .act = act_3,
    .close = gaze_scripted_close,
};
