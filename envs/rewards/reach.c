// envs/rewards/reach.c - see reach.h.
#include "envs/rewards/reach.h"
#include <math.h>
#include <stddef.h>

enum { SUCCESS, CLOSE, TERMS };
static const char *const terms[] = {"success", "close", NULL};

static const float CLOSE_M = 0.10f;      // closeness falls to 1/e at 10 cm
static const float CLOSE_WEIGHT = 0.5f;  // of a whole episode at the goal

static void reach_eval(const gaze_outcome *o, float *term) {
  const bool applies = o->max_steps > 0 && o->goal_dist >= 0.0f;
  term[SUCCESS] = applies ? (o->correct ? 1.0f : 0.0f) : NAN;
  term[CLOSE] = applies ? expf(-o->goal_dist / CLOSE_M) : NAN;
}

float gaze_reach_reward(const gaze_outcome *o) {
  float term[TERMS];
  reach_eval(o, term);
  if (isnan(term[CLOSE])) return 0.0f;
  // by the share of the episode it took: short chunks and long ones earn alike
  return term[SUCCESS] + CLOSE_WEIGHT * term[CLOSE] * (float)o->steps / (float)o->max_steps;
}

const gaze_reward gaze_reward_reach = {.name = "reach", .terms = terms, .eval = reach_eval};
