// tests/envs/test_reach.c - the reach task through its seam, and what physics says behind it.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/rng.h"
#include "envs/reach/reach_internal.h"
#include "envs/rewards/reach.h"
#include "sim/world_internal.h"

enum { SIZE = 56, DIMS = GAZE_REACH_DIMS };

static const char *const robots[2] = {"panda7", "ur5e6"};

static gaze_err try_env(env_reach **env, const char *robot, const char *more) {
  gaze_cfg *c = NULL;
  void *self = NULL;
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  gaze_cfg_set_num(c, "image_size", SIZE);
  gaze_cfg_set(c, "oracle=true");
  if (robot) gaze_cfg_set_str(c, "reach.robot", robot);
  if (more) gaze_cfg_set(c, more);
  gaze_err e = gaze_env_reach.open(&self, c);
  gaze_cfg_close(&c);  // the environment keeps nothing of it
  *env = self;
  return e;
}

static env_reach *open_env(const char *robot, const char *more) {
  env_reach *v = NULL;
  if (try_env(&v, robot, more)) fail_msg("%s", gaze_err_detail());
  return v;
}

static void close_env(env_reach *v) {
  void *self = v;
  gaze_env_reach.close(&self);
  assert_null(self);
}

static void reset(env_reach *v, uint64_t seed, gaze_obs *obs) {
  if (gaze_env_reach.reset(v, seed, obs)) fail_msg("%s", gaze_err_detail());
}

static gaze_outcome step(env_reach *v, const float *chunk, int steps, gaze_obs *obs) {
  gaze_outcome out;
  gaze_act act = {.chunk = chunk, .steps = steps, .dims = DIMS};
  if (gaze_env_reach.step(v, &act, obs, &out)) fail_msg("%s", gaze_err_detail());
  return out;
}

// What policies/servo.c does, in chunks of n: straight to the goal. (That layer is above this.)
static void straight(const gaze_truth *t, float *chunk, int n) {
  const float *o = t->to_goal;
  float m = sqrtf(o[0] * o[0] + o[1] * o[1] + o[2] * o[2]) / 0.020f;
  float r = sqrtf(o[3] * o[3] + o[4] * o[4] + o[5] * o[5]) / 0.1f;
  for (int i = 0; i < n; i++) {
    for (int k = 0; k < 3; k++) {
      chunk[i * DIMS + k] = o[k] / fmaxf(m, (float)n);
      chunk[i * DIMS + 3 + k] = o[3 + k] / fmaxf(r, (float)n);
    }
    chunk[i * DIMS + 6] = 1.0f;
  }
}

// Plays to the end; returns the last outcome, *total the sum of rewards.
static gaze_outcome play(env_reach *v, uint64_t seed, int n, float *total) {
  float chunk[8 * DIMS];
  gaze_obs obs;
  gaze_outcome out = {0};
  reset(v, seed, &obs);
  *total = 0.0f;
  while (!obs.last) {
    straight(obs.truth, chunk, n);
    out = step(v, chunk, n, &obs);
    *total += out.reward;
    assert_true(out.terminated || out.truncated || !obs.last);
  }
  return out;
}

static void test_straight_succeeds(void **state) {
  (void)state;
  for (int r = 0; r < 2; r++) {
    for (int air = 0; air < 2; air++) {
      env_reach *v = open_env(robots[r], air ? "reach.target=point" : NULL);
      for (uint64_t seed = 0; seed < 5; seed++) {
        float total = 0.0f;
        gaze_outcome out = play(v, seed, 4, &total);
        print_message("%s %s %s seed %d: %s, %d steps, %.1f mm, reward %.2f\n", robots[r],
                      air ? "point" : "object", v->scene.name[0], (int)seed, out.status, v->steps,
                      1e3 * (double)out.goal_dist, (double)total);
        assert_true(out.terminated && out.correct && !out.truncated);
        assert_true(out.goal_dist <= (float)GAZE_REACH_NEAR_M);
        assert_true(total >= 1.0f && total <= 1.5f);
      }
      close_env(v);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_straight_succeeds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
