// policies/scripted.c - policies without a network: oracle, greedy, random, always-answer,
// first-action. Each picks a letter; the oracle also says why.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/rng.h"
#include "policies/policy.h"

typedef struct scripted {
  gaze_rng rng;
  char reply[160];
} scripted;

static gaze_err scripted_open(void **self, const gaze_cfg *cfg) {
  (void)cfg;
  *self = calloc(1, sizeof(scripted));
  return *self ? GAZE_OK : gaze_fail(GAZE_ERR_NOMEM, "policy: out of memory");
}

static gaze_err scripted_reset(void *self, uint64_t seed) {
  gaze_rng_init(&((scripted *)self)->rng, seed, 0x5C21);
  return GAZE_OK;
}

static void scripted_close(void **self) {
  free(*self);
  *self = NULL;
}

static gaze_err choose(scripted *s, int option, gaze_act *act) {
  // a valid four-part reply, so that the format is never what a scripted policy is judged by
  snprintf(s->reply, sizeof s->reply,
           "<think>\n## Visual Reasoning\n## Uncertainty\n## Information Gain\n## Decision\n"
           "</think>\n<answer>%c</answer>",
           'A' + option);
  *act = (gaze_act){.text = s->reply};
  return GAZE_OK;
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
  return choose(self, letter >= 'A' && letter <= 'P' ? letter - 'A' : 0, act);
}

// lists the option letters of a user message: lines that end in " X" after "Options:"
static int read_options(const char *text, bool action[GAZE_OPTIONS_MAX]) {
  static const char *const verb[] = {"view ", "turn ", "pick ", "move "};
  const char *s = strstr(text, "Options:");
  int n = 0;
  while (s && (s = strchr(s, '\n')) != NULL && n < GAZE_OPTIONS_MAX) {
    const char *line = ++s, *end = strchr(line, '\n');
    size_t len = end ? (size_t)(end - line) : strlen(line);
    if (len < 3 || line[len - 2] != ' ' || line[len - 1] != 'A' + n) break;
    action[n] = false;
    for (size_t v = 0; v < 4; v++) action[n] |= strncmp(line, verb[v], strlen(verb[v])) == 0;
    n++;
  }
  return n;
}

static gaze_err random_act(void *self, const gaze_obs *obs, gaze_act *act, gaze_trace *trace) {
  (void)trace;
  scripted *s = self;
  bool action[GAZE_OPTIONS_MAX];
  int n = read_options(obs->text, action);
  return choose(s, (int)gaze_rng_below(&s->rng, (uint32_t)n), act);
}

// picks at random among the options of one kind, or all if there is none
static gaze_err pick_kind(scripted *s, const gaze_obs *obs, bool want_action, bool first,
                          gaze_act *act) {
  bool action[GAZE_OPTIONS_MAX];
  int n = read_options(obs->text, action), of_kind[GAZE_OPTIONS_MAX], k = 0;
  for (int i = 0; i < n; i++)
    if (action[i] == want_action) of_kind[k++] = i;
  if (k == 0) return choose(s, 0, act);
  return choose(s, of_kind[first ? 0 : (int)gaze_rng_below(&s->rng, (uint32_t)k)], act);
}

static gaze_err always_answer_act(void *self, const gaze_obs *obs, gaze_act *act,
                                  gaze_trace *trace) {
  (void)trace;
  return pick_kind(self, obs, false, false, act);
}

static gaze_err first_action_act(void *self, const gaze_obs *obs, gaze_act *act,
                                 gaze_trace *trace) {
  (void)trace;
  return pick_kind(self, obs, true, true, act);
}

const gaze_policy gaze_policy_oracle = {
    .name = "oracle",
    .about = "shortest plan from the simulator's truth, with its thought",
    .needs_truth = true,
    .open = scripted_open,
    .reset = scripted_reset,
    .act = oracle_act,
    .close = scripted_close,
};
const gaze_policy gaze_policy_greedy = {
    .name = "greedy",
    .about = "largest one-step gain from the simulator's truth",
    .needs_truth = true,
    .open = scripted_open,
    .reset = scripted_reset,
    .act = greedy_act,
    .close = scripted_close,
};
const gaze_policy gaze_policy_random = {
    .name = "random",
    .about = "any option, each equally likely",
    .open = scripted_open,
    .reset = scripted_reset,
    .act = random_act,
    .close = scripted_close,
};
const gaze_policy gaze_policy_always_answer = {
    .name = "always-answer",
    .about = "answers at once, any answer",
    .open = scripted_open,
    .reset = scripted_reset,
    .act = always_answer_act,
    .close = scripted_close,
};
const gaze_policy gaze_policy_first_action = {
    .name = "first-action",
    .about = "always takes the first action listed",
    .open = scripted_open,
    .reset = scripted_reset,
    .act = first_action_act,
    .close = scripted_close,
};
