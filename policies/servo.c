// policies/servo.c - drives the tool straight to its goal, told by the truth how far that is.
#include <math.h>
#include <stdlib.h>
#include "policies/policy.h"

// The arm is some 30 ms behind what it was told: who goes all that is left at every look, 20 times
// a second, swings about the goal (2 of 200 episodes never stood still). Hence no share above 1/3.
enum { DIMS = 7, STEPS_MAX = 64, SPREAD_MIN = 3 };

// an action's limits, those of the reach task; what is longer would be cut anyway
static const float MOVE_MAX = 0.020f, TURN_MAX = 0.1f;

typedef struct servo {
  int steps;  // actions of a chunk
  float chunk[STEPS_MAX * DIMS];
} servo;

static gaze_err servo_open(void **self, const gaze_cfg *cfg) {
  int64_t steps = 4;
  GAZE_TRY(gaze_cfg_int(cfg, "servo.steps", 4, 1, STEPS_MAX, &steps));
  servo *s = *self = calloc(1, sizeof *s);
  if (!s) return gaze_fail(GAZE_ERR_NOMEM, "policy servo: out of memory");
  s->steps = (int)steps;
  return GAZE_OK;
}

static gaze_err servo_reset(void *self, uint64_t seed) {
  (void)self, (void)seed;
  return GAZE_OK;
}

static void servo_close(void **self) {
  free(*self);
  *self = NULL;
}

// The share of v [3] that one of `steps` equal actions goes, none longer than `most`.
static float share(const float *v, int steps, float most) {
  const float length = sqrtf(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  return length > most * (float)steps ? most / length : 1.0f / (float)steps;
}

static gaze_err servo_act(void *self, const gaze_obs *obs, gaze_act *act, gaze_trace *trace) {
  (void)trace;
  servo *s = self;
  if (!obs->truth || !obs->truth->has_goal)
    return gaze_fail(GAZE_ERR_STATE, "policy servo: the environment tells no goal of a tool");
  const float *off = obs->truth->to_goal;
  const int spread = s->steps > SPREAD_MIN ? s->steps : SPREAD_MIN;
  const float move = share(off, spread, MOVE_MAX), turn = share(off + 3, spread, TURN_MAX);
  for (int i = 0; i < s->steps; i++) {
    float *a = s->chunk + i * DIMS;
    for (int k = 0; k < 3; k++) a[k] = move * off[k], a[3 + k] = turn * off[3 + k];
    a[6] = 1.0f;  // the hand stays open
  }
  *act = (gaze_act){.chunk = s->chunk, .steps = s->steps, .dims = DIMS};
  return GAZE_OK;
}

const gaze_policy gaze_policy_servo = {
    .name = "servo",
    .about = "drives the tool straight to the goal the simulator tells",
    .needs_truth = true,
    .open = servo_open,
    .reset = servo_reset,
    .act = servo_act,
    .close = servo_close,
};
