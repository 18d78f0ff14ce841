// app/registry.c - see registry.h. Adding an implementation of a seam is one line here.
#include "app/registry.h"
#include <stdio.h>
#include <string.h>
#include "core/buf.h"
#include "envs/affordance/env_affordance.h"
#include "envs/avr/env_avr.h"
#include "envs/reach/env_reach.h"
#include "envs/rewards/reach.h"
#include "envs/rewards/vla_r1.h"
#include "envs/split.h"
#include "envs/trajectory/env_trajectory.h"
#include "envs/tutorial.h"

const gaze_policy *const gaze_policies[] = {
    &gaze_policy_vla,          &gaze_policy_blind,    &gaze_policy_oracle,
    &gaze_policy_greedy,       &gaze_policy_random,   &gaze_policy_always_answer,
    &gaze_policy_first_action, &gaze_policy_act_1,    &gaze_policy_act_2,
    &gaze_policy_act_3,        &gaze_policy_majority, &gaze_policy_first_view,
    &gaze_policy_symbolic,     &gaze_policy_servo,    NULL,
};

const gaze_env *const gaze_envs[] = {&gaze_env_avr,        &gaze_env_tutorial,   &gaze_env_reach,
                                     &gaze_env_affordance, &gaze_env_trajectory, NULL};

const gaze_reward *const gaze_rewards[] = {&gaze_reward_vla_r1, &gaze_reward_vla_r1_strict,
                                           &gaze_reward_reach, NULL};

extern const gaze_command gaze_cmd_run, gaze_cmd_eval, gaze_cmd_gen, gaze_cmd_train_sft,
    gaze_cmd_serve_env, gaze_cmd_generate, gaze_cmd_reward, gaze_cmd_info, gaze_cmd_bench,
    gaze_cmd_plot, gaze_cmd_convert, gaze_cmd_view;

const gaze_command *const gaze_commands[] = {
    &gaze_cmd_run,      &gaze_cmd_eval,   &gaze_cmd_gen,  &gaze_cmd_train_sft, &gaze_cmd_serve_env,
    &gaze_cmd_generate, &gaze_cmd_reward, &gaze_cmd_info, &gaze_cmd_bench,     &gaze_cmd_plot,
    &gaze_cmd_convert,  &gaze_cmd_view,   NULL,
};

gaze_err gaze_policy_find(const char *name, const gaze_policy **out) {
  gaze_buf known = GAZE_BUF_INIT;
  for (int i = 0; gaze_policies[i]; i++) {
    if (!strcmp(gaze_policies[i]->name, name)) {
      *out = gaze_policies[i];
      gaze_buf_fini(&known);
      return GAZE_OK;
    }
    gaze_buf_printf(&known, "%s%s", i ? ", " : "", gaze_policies[i]->name);
  }
  gaze_err e =
      gaze_fail(GAZE_ERR_ARG, "unknown policy \"%s\"; known: %s", name, gaze_buf_text(&known));
  gaze_buf_fini(&known);
  return e;
}

gaze_err gaze_env_find(const char *name, const gaze_env **out) {
  gaze_buf known = GAZE_BUF_INIT;
  for (int i = 0; gaze_envs[i]; i++) {
    if (!strcmp(gaze_envs[i]->name, name)) {
      *out = gaze_envs[i];
      gaze_buf_fini(&known);
      return GAZE_OK;
    }
    gaze_buf_printf(&known, "%s%s", i ? ", " : "", gaze_envs[i]->name);
  }
  gaze_err e =
      gaze_fail(GAZE_ERR_ARG, "unknown environment \"%s\"; known: %s", name, gaze_buf_text(&known));
  gaze_buf_fini(&known);
  return e;
}

gaze_err gaze_env_spec(const char *spec, const char *default_split, const gaze_env **env,
                       char split[16], uint64_t *first_seed) {
  char name[64];
  const char *colon = strchr(spec, ':');
  size_t n = colon ? (size_t)(colon - spec) : strlen(spec);
  if (n >= sizeof name) return gaze_fail(GAZE_ERR_ARG, "unknown environment \"%s\"", spec);
  memcpy(name, spec, n);
  name[n] = 0;
  GAZE_TRY(gaze_env_find(name, env));
  const gaze_split *found;
  GAZE_TRY(gaze_split_find(colon ? colon + 1 : default_split, &found));
  snprintf(split, 16, "%s", found->name);
  *first_seed = found->first;
  return GAZE_OK;
}
