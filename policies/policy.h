// policies/policy.h - who decides: one const struct per policy, one file each.
#ifndef GAZE_POLICIES_POLICY_H
#define GAZE_POLICIES_POLICY_H

#include "core/cfg.h"
#include "envs/env.h"

// What a decision was, beside its text; pointers live until the next act.
typedef struct gaze_trace {
  const int *ids;     // [n] tokens decoded, NULL for policies without a model
  const float *logp;  // [n] their sampling log-probabilities
  int n;
  int64_t prefill_ns, decode_ns;
  // called with each decoded piece of text, if set by the caller before act
  void (*stream)(void *ctx, const char *text, size_t n);
  void *ctx;
} gaze_trace;

typedef struct gaze_policy {
  const char *name;
  const char *about;  // one line for --help
  bool needs_truth;   // reads obs->truth: an oracle, never a policy that has to see
  gaze_err (*open)(void **self, const gaze_cfg *cfg);  // [rt: init]
  gaze_err (*reset)(void *self, uint64_t seed);        // [rt: never]
  // act->text is borrowed until the next call; trace may be NULL
  gaze_err (*act)(void *self, const gaze_obs *obs, gaze_act *act,
                  gaze_trace *trace);  // [rt: never]
  void (*close)(void **self);          // [rt: never]
  // writes the side of the square pictures it asks for, 0 for any; NULL: any will do
  gaze_err (*image_size)(const gaze_cfg *cfg, int *px);  // [rt: init]
  // after act: another reply was carried out in its place, so that is what it has said; NULL: it
  // does not remember its replies
  gaze_err (*said)(void *self, const char *text);  // [rt: never]
} gaze_policy;

extern const gaze_policy gaze_policy_vla, gaze_policy_blind, gaze_policy_oracle, gaze_policy_greedy,
    gaze_policy_random, gaze_policy_always_answer, gaze_policy_first_action, gaze_policy_act_1,
    gaze_policy_act_2, gaze_policy_act_3, gaze_policy_majority, gaze_policy_first_view,
    gaze_policy_symbolic, gaze_policy_servo;

#endif
