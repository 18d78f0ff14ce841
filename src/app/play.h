// app/play.h - one episode after another: an environment, a policy, and who wants to see the steps.
#ifndef GAZE_APP_PLAY_H
#define GAZE_APP_PLAY_H

#include "core/cfg.h"
#include "envs/env.h"
#include "policies/policy.h"

// One decision, handed to the observer right after it was carried out; borrowed pointers.
typedef struct gaze_step_view {
  int episode;  // 0-based, in playing order
  uint64_t seed;
  uint32_t turn;
  const gaze_image *image;  // what the policy saw
  const char *user;         // the message it got
  const char *reply;        // what it wrote; a chunk of actions as lines of numbers
  const gaze_truth *truth;  // before the decision
  const gaze_outcome *out;  // of the decision
  const gaze_trace *trace;  // timing, tokens
  bool last;                // the episode ended with this decision
} gaze_step_view;

typedef struct gaze_play {
  const gaze_env *env;
  const gaze_policy *policy;
  void *env_self;  // an open environment (borrowed), or NULL: open one with env_cfg
  const gaze_cfg *env_cfg, *policy_cfg;
  uint64_t first_seed;
  gaze_err (*look)(void *ctx, const gaze_obs *);          // before the policy is asked, or NULL
  void (*stream)(void *ctx, const char *text, size_t n);  // thought as it is written, or NULL
  // with the policy's reply, or NULL; may set another to be carried out in its place, borrowed
  // until the next call
  gaze_err (*decide)(void *ctx, const char *reply, const char **instead);
  gaze_err (*begin)(void *ctx, int episode, const gaze_obs *);  // a new episode, or NULL
  gaze_err (*step)(void *ctx, const gaze_step_view *);          // after each decision, or NULL
  void *ctx;
  const volatile int *stop;  // set: INTERRUPTED after the present decision
} gaze_play;

// An open environment and policy, and what a step must remember.
typedef struct gaze_player gaze_player;

// Sets "image_size" to what the policy asks for, unless the settings have it already.  [rt: init]
gaze_err gaze_play_image_size(gaze_cfg *cfg, const gaze_policy *policy);

// Opens the environment and the policy of `p`.  [rt: init]
gaze_err gaze_player_open(gaze_player **pl, const gaze_play *p);
void gaze_player_close(gaze_player **pl);  // [rt: never]

// Plays episode number `episode` with the seed first_seed + episode.  [rt: never]
gaze_err gaze_player_episode(gaze_player *pl, const gaze_play *p, int episode);

#endif
