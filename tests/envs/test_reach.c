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

// Random actions, far beyond the limits now and then; `down` leans on the table.
static void wild(gaze_rng *rng, float *chunk, int n, double down) {
  for (int i = 0; i < n; i++) {
    float *a = chunk + i * DIMS;
    const double size = gaze_rng_real(rng, 0.0, 0.06), turn = gaze_rng_real(rng, 0.0, 0.3);
    for (int k = 0; k < 3; k++) a[k] = (float)(size * gaze_rng_real(rng, -1.0, 1.0));
    for (int k = 3; k < 6; k++) a[k] = (float)(turn * gaze_rng_real(rng, -1.0, 1.0));
    a[2] -= (float)down;
    a[6] = (float)gaze_rng_real(rng, -1.5, 1.5);
  }
}

static void same_obs(const gaze_obs *a, const gaze_obs *b) {
  assert_string_equal(a->text, b->text);
  assert_true(a->turn == b->turn && a->first == b->first && a->last == b->last);
  assert_int_equal(a->images, b->images);
  assert_true(a->image->time_ns == b->image->time_ns);
  assert_memory_equal(a->image->rgb, b->image->rgb, SIZE * SIZE * 3);
  const size_t n = (size_t)a->robot->joints * sizeof(float);
  assert_int_equal(a->robot->joints, b->robot->joints);
  assert_memory_equal(a->robot->q, b->robot->q, n);
  assert_memory_equal(a->robot->dq, b->robot->dq, n);
  assert_memory_equal(a->truth->to_goal, b->truth->to_goal, sizeof a->truth->to_goal);
}

static void test_equal_seeds(void **state) {
  (void)state;
  for (int r = 0; r < 2; r++) {
    env_reach *a = open_env(robots[r], NULL), *b = open_env(robots[r], NULL);
    gaze_obs x, y;
    reset(b, 99, &y);  // what was played before leaves no trace, be it a closing hand
    float chunk[4 * DIMS] = {0.02f, 0, 0, 0, 0, 0, -1.0f};
    step(b, chunk, 1, &y);
    for (uint64_t seed = 5; seed < 8; seed++) {
      gaze_rng rng;
      gaze_rng_init(&rng, seed, 0);
      reset(a, seed, &x);
      reset(b, seed, &y);
      same_obs(&x, &y);
      assert_true(a->open == 1.0 && b->open == 1.0);
      for (int k = 0; k < 15 && !x.last; k++) {
        wild(&rng, chunk, 4, 0.01);
        gaze_outcome p = step(a, chunk, 4, &x), q = step(b, chunk, 4, &y);
        same_obs(&x, &y);
        assert_true(p.reward == q.reward && p.goal_dist == q.goal_dist);
        assert_true(p.steps == q.steps && p.clipped == q.clipped && p.correct == q.correct);
        assert_string_equal(p.status, q.status);
      }
    }
    reset(a, 1, &x);
    reset(b, 2, &y);
    assert_memory_not_equal(x.image->rgb, y.image->rgb, SIZE * SIZE * 3);
    close_env(a);
    close_env(b);
  }
}

static void test_hostile_chunks(void **state) {
  (void)state;
  env_reach *v = open_env("panda7", NULL);
  gaze_obs obs, before;
  gaze_outcome out = {.reward = 7.0f};
  float ok[2 * DIMS] = {0.01f}, bad[2 * DIMS] = {0};
  const struct {
    gaze_act act;
    int at;  // of `bad`, -1: none
    float value;
    const char *says;
  } row[] = {
      {{.chunk = bad, .steps = 2, .dims = DIMS}, 9, NAN, "chunk[1][2]: expected a finite number"},
      {{.chunk = bad, .steps = 2, .dims = DIMS}, 6, INFINITY, "chunk[0][6]"},
      {{.chunk = bad, .steps = 2, .dims = DIMS}, 13, -INFINITY, "chunk[1][6]"},
      {{.chunk = ok, .steps = 2, .dims = 6}, -1, 0, "expected a chunk [1..64,7], found [2,6]"},
      {{.chunk = ok, .steps = 1, .dims = 8}, -1, 0, "found [1,8]"},
      {{.chunk = ok, .steps = 0, .dims = DIMS}, -1, 0, "found [0,7]"},
      {{.chunk = ok, .steps = -1, .dims = DIMS}, -1, 0, "found [-1,7]"},
      {{.chunk = ok, .steps = GAZE_REACH_CHUNK_MAX + 1, .dims = DIMS}, -1, 0, "found [65,7]"},
      {{.text = "<answer>A</answer>"}, -1, 0, "expected a chunk of actions, found text"},
      {{0}, -1, 0, "expected a chunk"},
  };
  gaze_act act = {.chunk = ok, .steps = 1, .dims = DIMS};
  assert_int_equal(gaze_env_reach.step(v, &act, &obs, &out), GAZE_ERR_STATE);  // no episode yet
  reset(v, 3, &before);
  const size_t bytes = gaze_world_state_bytes(v->world);
  unsigned char *was = malloc(bytes), *is = malloc(bytes);
  assert_true(was && is);
  gaze_world_save(v->world, was);
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    memset(bad, 0, sizeof bad);
    if (row[i].at >= 0) bad[row[i].at] = row[i].value;
    obs = before;
    assert_int_equal(gaze_env_reach.step(v, &row[i].act, &obs, &out), GAZE_ERR_ARG);
    if (!strstr(gaze_err_detail(), row[i].says)) fail_msg("row %zu: %s", i, gaze_err_detail());
    gaze_world_save(v->world, is);
    assert_memory_equal(was, is, bytes);
    assert_true(v->steps == 0 && v->turn == 0 && obs.turn == 0 && v->playing);
    assert_true(out.reward == 7.0f);
  }
  free(was);
  free(is);
  // finite and enormous is cut, not refused
  for (int k = 0; k < DIMS; k++) bad[k] = k % 2 ? 3e38f : -3e38f;
  out = step(v, bad, 1, &obs);
  assert_true(out.clipped == 1 && out.steps == 1);
  close_env(v);
}

// The lowest point of the fingers' geoms by MuJoCo's own poses [m].
static double fingers_low(const env_reach *v) {
  const mjModel *m = v->world->m;
  const mjData *d = v->world->d;
  double low = INFINITY;
  for (int g = 0; g < m->ngeom; g++) {
    const char *body = mj_id2name(m, mjOBJ_BODY, m->geom_bodyid[g]);
    if (!body || !strstr(body, "finger") || !(m->geom_contype[g] || m->geom_conaffinity[g]))
      continue;
    const mjtNum *rot = d->geom_xmat + 9 * g, *box = m->geom_aabb + 6 * g;
    double z = d->geom_xpos[3 * g + 2];
    for (int k = 0; k < 3; k++) z += rot[6 + k] * box[k] - fabs(rot[6 + k]) * box[3 + k];
    low = fmin(low, z);
  }
  return low;
}

static void within_limits(const env_reach *v) {
  const gaze_robot *r = &v->world->arm->robot;
  for (int i = 0; i < r->arm.chain.n; i++) {
    const gaze_joint *j = &r->arm.chain.joint[i];
    const double q = v->world->d->qpos[r->qpos[i]], told = v->told[i];
    if (!(q >= j->lo && q <= j->hi && told >= j->lo && told <= j->hi))
      fail_msg("%s: %g (told %g) of %g..%g", j->name, q, told, j->lo, j->hi);
  }
}

// Wild actions of all sizes, leaning on the table: neither joint limits nor the table give way.
static void test_limits_and_table(void **state) {
  (void)state;
  for (int r = 0; r < 2; r++) {
    env_reach *v = open_env(robots[r], "reach.steps=400");
    int blocked = 0, clipped = 0;
    double low = INFINITY;
    for (uint64_t seed = 0; seed < 6; seed++) {
      gaze_rng rng;
      gaze_rng_init(&rng, seed, 1);
      gaze_obs obs;
      reset(v, seed, &obs);
      while (!obs.last) {
        float chunk[DIMS];
        wild(&rng, chunk, 1, seed % 2 ? 0.02 : 0.0);
        gaze_outcome out = step(v, chunk, 1, &obs);
        assert_string_not_equal(out.status, "fault");
        blocked += strcmp(out.status, "blocked") == 0;
        clipped += out.clipped;
        within_limits(v);
        low = fmin(low, fingers_low(v));
        assert_true(isfinite(out.reward) && out.reward >= 0.0f);
      }
    }
    print_message("%s: fingers at %.1f mm at least, %d blocked, %d cut\n", robots[r], 1e3 * low,
                  blocked, clipped);
    assert_true(low > 0.001);
    assert_true(blocked > 0 && clipped > 0);  // else the guards were not tried
    close_env(v);
  }
}

// Straight down into the table: first the floor cuts, then nothing goes lower. A tilted hand is
// blocked: the action that would go too far is not carried out, its time passes, the chunk ends.
static void test_blocked(void **state) {
  (void)state;
  for (int r = 0; r < 2; r++) {
    env_reach *v = open_env(robots[r], "reach.distractors=0");
    gaze_obs obs;
    float down[40 * DIMS] = {0};
    for (int i = 0; i < 40; i++) down[i * DIMS + 2] = -0.02f, down[i * DIMS + 6] = 1.0f;
    reset(v, 1, &obs);
    gaze_outcome out = step(v, down, 40, &obs);
    assert_string_equal(out.status, "ok");
    assert_true(out.clipped > 0 && out.steps == 40);
    const gaze_pose tool = gaze_chain_fk(&v->arm.chain, v->told, NULL);
    assert_true(tool.pos[2] >= GAZE_REACH_TOOL_FLOOR - 1e-3 && tool.pos[2] < 0.03);

    reset(v, 1, &obs);
    float tilt[40 * DIMS] = {0};
    for (int i = 0; i < 40; i++) {
      tilt[i * DIMS + 2] = -0.02f, tilt[i * DIMS + 6] = 1.0f;
      if (i < 6) tilt[i * DIMS + 4] = 0.1f;
    }
    out = step(v, tilt, 40, &obs);
    assert_string_equal(out.status, "blocked");
    assert_non_null(strstr(obs.text, "blocked"));
    assert_true(out.steps > 5 && out.steps < 40 && !out.truncated && !obs.last);
    // what is left of the way was not gone, and the way back is free
    double stood[GAZE_CHAIN_JOINTS_MAX];
    memcpy(stood, v->told, sizeof stood);
    out = step(v, tilt + 20 * DIMS, 1, &obs);
    assert_string_equal(out.status, "blocked");
    assert_memory_equal(stood, v->told, sizeof stood);
    for (int i = 0; i < 40; i++) tilt[i * DIMS + 2] = 0.02f, tilt[i * DIMS + 4] = 0.0f;
    out = step(v, tilt, 5, &obs);
    assert_string_equal(out.status, "ok");
    assert_int_equal(out.steps, 5);
    close_env(v);
  }
}

static void test_truncation(void **state) {
  (void)state;
  env_reach *v = open_env("panda7", "reach.steps=5");
  gaze_obs obs;
  const float still[4 * DIMS] = {0};
  reset(v, 0, &obs);
  assert_true(obs.first && !obs.last && obs.turn == 0);
  gaze_outcome out = step(v, still, 3, &obs);
  assert_true(!out.truncated && !out.terminated && out.steps == 3 && out.max_steps == 5);
  assert_true(!obs.first && !obs.last && obs.turn == 1);
  assert_true(obs.image->time_ns == 150000000);
  out = step(v, still, 4, &obs);  // two of them fit
  assert_true(out.truncated && !out.terminated && !out.correct && out.steps == 2);
  assert_string_equal(out.status, "timeout");
  assert_true(obs.last && obs.images == 1 && obs.robot && obs.truth);
  gaze_act act = {.chunk = still, .steps = 1, .dims = DIMS};
  assert_int_equal(gaze_env_reach.step(v, &act, &obs, &out), GAZE_ERR_STATE);
  reset(v, 0, &obs);
  assert_true(step(v, still, 1, &obs).steps == 1);
  close_env(v);
}

// Physics that breaks ends the episode and says so; what is shown is the last sound look.
static void test_fault(void **state) {
  (void)state;
  env_reach *v = open_env("ur5e6", NULL);
  gaze_obs obs;
  const float still[4 * DIMS] = {0};
  reset(v, 0, &obs);
  step(v, still, 2, &obs);
  v->world->d->qvel[0] = NAN;
  gaze_outcome out = step(v, still, 4, &obs);
  assert_true(out.truncated && !out.terminated && !out.correct && out.steps == 1);
  assert_string_equal(out.status, "fault");
  assert_non_null(strstr(obs.text, "fault"));
  assert_true(obs.last && isfinite(out.goal_dist) && isfinite(out.reward));
  for (int i = 0; i < obs.robot->joints; i++)
    assert_true(isfinite(obs.robot->q[i]) && isfinite(obs.robot->dq[i]));
  assert_true(play(v, 1, 4, &(float){0}).correct);  // the next episode is sound
  close_env(v);
}

// Standing at the goal for less than 0.2 s is passing by.
static void test_hold(void **state) {
  (void)state;
  env_reach *v = open_env("panda7", NULL);
  gaze_obs obs;
  float chunk[DIMS];
  int near = 0;
  reset(v, 2, &obs);
  for (bool over = false; !over;) {
    straight(obs.truth, chunk, 1);
    gaze_outcome out = step(v, chunk, 1, &obs);
    const float *o = obs.truth->to_goal;
    const double tilt = sqrt(pow((double)o[3], 2) + pow((double)o[4], 2) + pow((double)o[5], 2));
    near = (double)out.goal_dist <= GAZE_REACH_NEAR_M && tilt <= GAZE_REACH_NEAR_RAD ? near + 1 : 0;
    over = out.terminated || out.truncated;
    assert_int_equal(out.terminated, near == GAZE_REACH_HOLD);
    assert_int_equal(out.correct, out.terminated);
  }
  assert_int_equal(near, GAZE_REACH_HOLD);
  close_env(v);
}

// The words name the target, no other object bears its name, and the goal is over it.
static void test_task(void **state) {
  (void)state;
  env_reach *v = open_env("panda7", NULL);
  gaze_obs obs;
  int counts[REACH_OBJECTS_MAX] = {0};
  for (uint64_t seed = 0; seed < 30; seed++) {
    char want[80];
    reset(v, seed, &obs);
    const reach_scene *s = &v->scene;
    assert_true(s->n >= 1 && s->n <= REACH_OBJECTS_MAX);
    counts[s->n - 1]++;
    snprintf(want, sizeof want, "reach the %s\n<image>", s->name[0]);
    assert_string_equal(obs.text, want);
    for (int i = 0; i < s->n; i++)
      for (int k = 0; k < i; k++) assert_string_not_equal(s->name[i], s->name[k]);
    const gaze_pose tool = gaze_chain_fk(&v->arm.chain, v->arm.home, NULL);
    const float *p = s->body[0].pos;
    const double goal[3] = {(double)p[0], (double)p[1], (double)(2.0f * s->body[0].half) + 0.03};
    for (int k = 0; k < 3; k++)
      assert_true(fabs((double)obs.truth->to_goal[k] - (goal[k] - tool.pos[k])) < 2e-3);
    assert_int_equal(obs.robot->joints, 7);
  }
  for (int i = 0; i < REACH_OBJECTS_MAX; i++) assert_true(counts[i] > 0);
  close_env(v);

  v = open_env("panda7", "reach.target=point");
  double x, y, z;
  reset(v, 4, &obs);
  assert_int_equal(sscanf(obs.text, "reach the point %lf %lf %lf", &x, &y, &z), 3);
  assert_true(fabs(x - v->scene.point[0]) + fabs(z - v->scene.point[2]) < 1e-9);
  close_env(v);
}

static void test_settings(void **state) {
  (void)state;
  env_reach *v = NULL;
  assert_int_equal(try_env(&v, "no/such/robot.xml", NULL), GAZE_ERR_NOTFOUND);
  assert_null(v);
  assert_int_equal(try_env(&v, NULL, "reach.target=moon"), GAZE_ERR_ARG);
  assert_non_null(strstr(gaze_err_detail(), "reach.target"));
  assert_int_equal(try_env(&v, NULL, "reach.distractors=4"), GAZE_ERR_ARG);
  assert_int_equal(try_env(&v, NULL, "reach.steps=0"), GAZE_ERR_ARG);
  assert_int_equal(try_env(&v, NULL, "oracle=false"), GAZE_OK);
  gaze_obs obs;
  reset(v, 0, &obs);
  assert_null(obs.truth);
  close_env(v);
}

static void test_reward(void **state) {
  (void)state;
  float term[2];
  gaze_outcome o = {.max_steps = 100, .steps = 4, .goal_dist = 0.1f};
  gaze_reward_reach.eval(&o, term);
  assert_true(term[0] == 0.0f && fabsf(term[1] - expf(-1.0f)) < 1e-6f);
  assert_true(fabsf(gaze_reach_reward(&o) - 0.5f * expf(-1.0f) * 0.04f) < 1e-6f);
  o.correct = true, o.goal_dist = 0.0f;
  gaze_reward_reach.eval(&o, term);
  assert_true(term[0] == 1.0f && term[1] == 1.0f);
  assert_true(fabsf(gaze_reach_reward(&o) - 1.02f) < 1e-6f);
  o.goal_dist = NAN;  // no number is no reward
  gaze_reward_reach.eval(&o, term);
  assert_true(isnan(term[0]) && isnan(term[1]) && gaze_reach_reward(&o) == 0.0f);
  o = (gaze_outcome){.correct = true};  // a text task
  gaze_reward_reach.eval(&o, term);
  assert_true(isnan(term[0]) && gaze_reach_reward(&o) == 0.0f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_straight_succeeds),
      cmocka_unit_test(test_equal_seeds),
      cmocka_unit_test(test_hostile_chunks),
      cmocka_unit_test(test_limits_and_table),
      cmocka_unit_test(test_blocked),
      cmocka_unit_test(test_truncation),
      cmocka_unit_test(test_fault),
      cmocka_unit_test(test_hold),
      cmocka_unit_test(test_task),
      cmocka_unit_test(test_settings),
      cmocka_unit_test(test_reward),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
