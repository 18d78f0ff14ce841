// app/registry.h - the lists of every seam; the one file that names every layer.
#ifndef GAZE_APP_REGISTRY_H
#define GAZE_APP_REGISTRY_H

#include "app/args.h"
#include "envs/env.h"
#include "policies/policy.h"

extern const gaze_policy *const gaze_policies[];   // end with NULL
extern const gaze_env *const gaze_envs[];          // end with NULL
extern const gaze_reward *const gaze_rewards[];    // end with NULL
extern const gaze_command *const gaze_commands[];  // end with NULL

// Find by name; ARG with the known names otherwise.  [rt: init]
gaze_err gaze_policy_find(const char *name, const gaze_policy **out);
gaze_err gaze_env_find(const char *name, const gaze_env **out);  // [rt: init]

// Splits "avr:test" into the environment and the first seed of its split (avr.md section 3), NOTE:
// no split means train for `gen` and test otherwise; ARG for unknown splits.  [rt: init]
gaze_err gaze_env_spec(const char *spec, const char *default_split, const gaze_env **env,
                       char split[16], uint64_t *first_seed);

#endif
