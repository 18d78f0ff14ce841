// envs/rewards/reach.h - the reward of embodied tasks with a goal: did it get there, how close.
#ifndef GAZE_ENVS_REWARDS_REACH_H
#define GAZE_ENVS_REWARDS_REACH_H

#include "envs/env.h"

// Terms: success (0 or 1) and close = exp(-goal_dist / 0.1 m), both in 0..1; NaN for a step that
// was no chunk of actions (max_steps 0) or whose distance is not a number.
extern const gaze_reward gaze_reward_reach;

// Returns success + 0.5 * close * steps / max_steps: an episode without success earns less than
// 0.5 however it hovers, one with success at least 1. 0 where the terms are NaN.  [rt: safe]
float gaze_reach_reward(const gaze_outcome *o);

#endif
