// tests/sim/test_arm.c - an arm picks, moves and pushes by friction; its failures are real ones.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sim/world_internal.h"

static const char *const robots[2] = {"panda7", "ur5e6"};

static gaze_body body_at(gaze_shape shape, float half, float x, float y, float yaw) {
  float c = cosf(yaw), s = sinf(yaw);
  return (gaze_body){.shape = shape,
                     .half = half,
                     .rgb = {0.5f, 0.5f, 0.5f},
                     .pos = {x, y, half},
                     .rot = {c, -s, 0, s, c, 0, 0, 0, 1}};
}

static gaze_world *open_world(const char *robot, const gaze_body *b, int n) {
  gaze_world *w = NULL;
  gaze_err e = gaze_world_open_arm(&w, b, n, robot);
  if (e != GAZE_OK) print_message("%s\n", gaze_err_detail());
  assert_int_equal(e, GAZE_OK);
  return w;
}

static double distance(const gaze_body *a, const gaze_body *b) {
  double s = 0;
  for (int i = 0; i < 3; i++) s += pow((double)a->pos[i] - (double)b->pos[i], 2);
  return sqrt(s);
}

static gaze_act_status pick(gaze_world *w, int i) {
  gaze_act_status status = GAZE_ACT_TIMEOUT;
  gaze_err e = gaze_world_pick(w, i, &status);
  if (e != GAZE_OK || status != GAZE_ACT_OK)
    print_message("pick %d: status %d: %s\n", i, (int)status, gaze_err_detail());
  assert_int_equal(e, GAZE_OK);
  return status;
}

// Every shape, large and small, is carried into the tray; the rest stays where it is.
static void test_pick(void **state) {
  (void)state;
  for (int r = 0; r < 2; r++) {
    gaze_body b[3] = {body_at(GAZE_SHAPE_CUBE, 0.018f, 0.10f, 0.05f, 0.4f),
                      body_at(GAZE_SHAPE_SPHERE, 0.036f, -0.12f, 0.0f, 0.0f),
                      body_at(GAZE_SHAPE_CYLINDER, 0.036f, 0.0f, -0.15f, 0.0f)};
    gaze_body now[3];
    gaze_world *w = open_world(robots[r], b, 3);
    for (int i = 0; i < 3; i++) {
      double start = w->d->time;
      assert_int_equal(pick(w, i), GAZE_ACT_OK);
      print_message("%s picks in %.2f s\n", robots[r], w->d->time - start);
      gaze_world_bodies(w, now);
      for (int j = 0; j < 3; j++) {
        assert_int_equal(now[j].gone, j <= i);
        if (j > i) assert_true(distance(&now[j], &b[j]) < 1e-3);
      }
      assert_true(fabsf(now[i].pos[0] + 0.45f) < 0.01f && fabsf(now[i].pos[1] - 0.30f) < 0.01f);
    }
    gaze_world_close(&w);
  }
}

// What was moved stands where gaze_scene_place says, turned as before.
static void test_move(void **state) {
  (void)state;
  const float dir[2] = {-1, 0};
  for (int r = 0; r < 2; r++) {
    gaze_body b[2] = {body_at(GAZE_SHAPE_CUBE, 0.036f, 0.08f, -0.05f, 0.3f),
                      body_at(GAZE_SHAPE_SPHERE, 0.018f, 0.08f, 0.10f, 0.0f)};
    gaze_body now[2];
    gaze_act_status status = GAZE_ACT_TIMEOUT;
    gaze_world *w = open_world(robots[r], b, 2);
    assert_int_equal(gaze_world_move(w, 0, dir, &status), GAZE_OK);
    assert_int_equal(status, GAZE_ACT_OK);
    gaze_world_bodies(w, now);
    assert_true(fabsf(now[0].pos[0] + 0.07f) < 0.005f && fabsf(now[0].pos[1] + 0.05f) < 0.005f);
    assert_true(fabsf(now[0].pos[2] - 0.036f) < 0.001f);
    for (int k = 0; k < 9; k++) assert_true(fabsf(now[0].rot[k] - b[0].rot[k]) < 0.03f);
    assert_true(distance(&now[1], &b[1]) < 1e-3);
    gaze_world_close(&w);
  }
}

// The arm is home again after an action, told and real.
static void test_goes_home(void **state) {
  (void)state;
  gaze_body b[1] = {body_at(GAZE_SHAPE_CUBE, 0.018f, 0.0f, 0.0f, 0.0f)};
  gaze_world *w = open_world("panda7", b, 1);
  double q[GAZE_CHAIN_JOINTS_MAX];
  assert_int_equal(pick(w, 0), GAZE_ACT_OK);
  const gaze_robot *r = &w->arm->robot;
  gaze_robot_posture(r, w->d, q);
  for (int i = 0; i < r->arm.chain.n; i++) {
    assert_true(w->d->ctrl[r->ctrl[i]] == r->arm.home[i]);
    assert_true(fabs(q[i] - r->arm.home[i]) < 1e-3);
  }
  assert_true(w->d->ctrl[r->grip[0]] == r->grip_open[0]);
  gaze_world_close(&w);
}

// Nothing but friction holds: without it the same pick slips, and the arm goes home empty.
static void test_slips_without_friction(void **state) {
  (void)state;
  for (int r = 0; r < 2; r++) {
    gaze_body b[1] = {body_at(GAZE_SHAPE_CUBE, 0.018f, 0.05f, 0.0f, 0.2f)}, now[1];
    gaze_world *w = open_world(robots[r], b, 1);
    for (int g = 0; g < w->m->ngeom; g++)
      if (w->m->geom_priority[g] > 0) w->m->geom_friction[3 * g] = 1e-5;
    gaze_act_status status = GAZE_ACT_OK;
    assert_int_equal(gaze_world_pick(w, 0, &status), GAZE_OK);
    assert_int_equal(status, GAZE_ACT_SLIPPED);
    gaze_world_bodies(w, now);
    assert_false(now[0].gone);
    assert_true(now[0].pos[2] < 0.02f);  // on the table
    for (int i = 0; i < w->arm->robot.arm.chain.n; i++)
      assert_true(w->d->ctrl[w->arm->robot.ctrl[i]] == w->arm->robot.arm.home[i]);
    gaze_world_close(&w);
  }
}

// What cannot be reached is reported, not a step is taken, and the world goes on.
static void test_unreachable(void **state) {
  (void)state;
  gaze_body b[2] = {body_at(GAZE_SHAPE_CUBE, 0.018f, 0.55f, -0.40f, 0.0f),
                    body_at(GAZE_SHAPE_CUBE, 0.018f, 0.0f, 0.05f, 0.0f)};
  for (int r = 0; r < 2; r++) {
    gaze_world *w = open_world(robots[r], b, 2);
    gaze_act_status status = GAZE_ACT_OK;
    assert_int_equal(gaze_world_pick(w, 0, &status), GAZE_OK);
    assert_int_equal(status, GAZE_ACT_BLOCKED);
    assert_int_equal(gaze_world_fault(w), GAZE_FAULT_UNREACHABLE);
    assert_true(w->d->time == 0.0);
    assert_int_equal(pick(w, 1), GAZE_ACT_OK);
    assert_int_equal(gaze_world_fault(w), GAZE_FAULT_NONE);
    gaze_world_close(&w);
  }
}

// A cube leaning on the picked one falls when its support goes.
static void test_toppled(void **state) {
  (void)state;
  gaze_body b[2] = {body_at(GAZE_SHAPE_CUBE, 0.036f, 0, 0, 0),
                    body_at(GAZE_SHAPE_CUBE, 0.018f, 0, 0, 0)};
  const float c = cosf(0.5f), s = sinf(0.5f);
  const float rot[9] = {c, 0, -s, 0, 1, 0, s, 0, c};
  memcpy(b[1].rot, rot, sizeof rot);
  b[1].pos[0] = 0.036f + 0.018f * (c + s), b[1].pos[2] = 0.018f * (c + s);
  gaze_world *w = open_world("ur5e6", b, 2);
  gaze_act_status status = GAZE_ACT_OK;
  assert_int_equal(gaze_world_pick(w, 0, &status), GAZE_OK);
  assert_int_equal(status, GAZE_ACT_TOPPLED);
  gaze_world_close(&w);
}

// A push takes each shape about as far as told; where something is in the way it is not begun.
static void test_push(void **state) {
  (void)state;
  const float dir[2] = {1, 0};
  for (int r = 0; r < 2; r++) {
    gaze_world *w = NULL;
    gaze_act_status status;
    for (int shape = 0; shape < 3; shape++) {
      gaze_body b[1] = {body_at((gaze_shape)shape, shape == 1 ? 0.036f : 0.018f, -0.05f, 0, 0)};
      gaze_body now[1];
      w = open_world(robots[r], b, 1);
      status = GAZE_ACT_TIMEOUT;
      assert_int_equal(gaze_world_push(w, 0, dir, 0.12, &status), GAZE_OK);
      assert_int_equal(status, GAZE_ACT_OK);
      gaze_world_bodies(w, now);
      print_message("%s pushes shape %d by %.1f mm instead of 120, aside by %.1f\n", robots[r],
                    shape, 1e3 * ((double)now[0].pos[0] + 0.05), 1e3 * (double)now[0].pos[1]);
      assert_true(fabsf(now[0].pos[0] - 0.07f) < 0.005f && fabsf(now[0].pos[1]) < 0.003f);
      gaze_world_close(&w);
    }
    gaze_body two[2] = {body_at(GAZE_SHAPE_CUBE, 0.018f, -0.05f, 0, 0),
                        body_at(GAZE_SHAPE_CUBE, 0.018f, 0.05f, 0, 0)};
    w = open_world(robots[r], two, 2);
    assert_int_equal(gaze_world_push(w, 0, dir, 0.12, &status), GAZE_OK);
    assert_int_equal(status, GAZE_ACT_BLOCKED);
    assert_int_equal(gaze_world_push(w, 0, dir, 1.0, &status), GAZE_ERR_RANGE);
    gaze_world_close(&w);
  }
}

// A state saved after one action replays bit for bit, rewound and in another world.
static void test_restore_replays(void **state) {
  (void)state;
  const float dir[2] = {0, -1};
  gaze_body b[3] = {body_at(GAZE_SHAPE_CUBE, 0.018f, 0.10f, 0.05f, 0.4f),
                    body_at(GAZE_SHAPE_SPHERE, 0.018f, -0.12f, 0.0f, 0.0f),
                    body_at(GAZE_SHAPE_CYLINDER, 0.036f, 0.0f, -0.05f, 0.0f)};
  gaze_world *w = open_world("panda7", b, 3), *other = open_world("panda7", b, 3);
  gaze_act_status status;
  assert_int_equal(pick(w, 1), GAZE_ACT_OK);
  size_t bytes = gaze_world_state_bytes(w);
  unsigned char *saved = malloc(bytes), *end = malloc(bytes), *again = malloc(bytes);
  assert_true(saved != NULL && end != NULL && again != NULL);
  gaze_world_save(w, saved);
  assert_int_equal(gaze_world_move(w, 2, dir, &status), GAZE_OK);
  assert_int_equal(status, GAZE_ACT_OK);
  gaze_world_save(w, end);
  assert_memory_not_equal(saved, end, bytes);
  for (int k = 0; k < 2; k++) {
    gaze_world *v = k == 0 ? w : other;
    assert_int_equal(gaze_world_restore(v, saved), GAZE_OK);
    assert_int_equal(gaze_world_move(v, 2, dir, &status), GAZE_OK);
    gaze_world_save(v, again);
    assert_memory_equal(end, again, bytes);
  }
  free(saved);
  free(end);
  free(again);
  gaze_world_close(&w);
  gaze_world_close(&other);
}

// What was lifted stands where it stood; of what is not in the hand after a second it is told.
static void test_lift(void **state) {
  (void)state;
  gaze_body b[3] = {body_at(GAZE_SHAPE_CUBE, 0.018f, 0.10f, 0.05f, 0.4f),
                    body_at(GAZE_SHAPE_SPHERE, 0.036f, -0.12f, 0.0f, 0.0f),
                    body_at(GAZE_SHAPE_CYLINDER, 0.018f, 0.0f, -0.15f, 0.0f)};
  for (int r = 0; r < 2; r++) {
    gaze_body now[3];
    gaze_act_status status;
    gaze_world *w = open_world(robots[r], b, 3);
    for (int i = 0; i < 3; i++) {
      const double start = w->d->time;
      status = GAZE_ACT_TIMEOUT;
      assert_int_equal(gaze_world_lift(w, i, &status), GAZE_OK);
      assert_int_equal(status, GAZE_ACT_OK);
      gaze_world_bodies(w, now);
      for (int j = 0; j < 3; j++) assert_true(!now[j].gone && distance(&now[j], &b[j]) < 0.01);
      // pick, 1 s in the air, set down, home
      double planned = 1.0;
      for (int k = 0; k < 4; k++)
        if (w->arm->plan[k].n) planned += gaze_plan_duration(&w->arm->plan[k]);
      assert_true(w->d->time - start > planned);
    }
    gaze_world_close(&w);
    w = open_world(robots[r], b, 3);
    for (int g = 0; g < w->m->ngeom; g++) w->m->geom_friction[3 * g] = 1e-4;
    assert_int_equal(gaze_world_lift(w, 0, &status), GAZE_OK);
    assert_int_equal(status, GAZE_ACT_SLIPPED);
    gaze_world_close(&w);
  }
}

// How near the centre of what hangs in the hand comes to a point of its way [m].
static double passes(const gaze_world *w, const gaze_body *held, const double way[2]) {
  const gaze_chain *c = &w->arm->robot.arm.chain;
  const gaze_plan *along = &w->arm->plan[1];
  const double T = gaze_plan_duration(along);
  double q[GAZE_CHAIN_JOINTS_MAX], open, least = 1e9;
  gaze_plan_eval(along, 0.0, q, NULL, &open);
  const gaze_pose at0 = gaze_chain_fk(c, q, NULL);
  for (double t = 0.0; t <= T; t += 0.01) {
    gaze_plan_eval(along, t, q, NULL, &open);
    const gaze_pose at = gaze_chain_fk(c, q, NULL);
    const double x = (double)held->pos[0] + at.pos[0] - at0.pos[0] - way[0];
    const double y = (double)held->pos[1] + at.pos[1] - at0.pos[1] - way[1];
    least = fmin(least, sqrt(x * x + y * y + pow(at.pos[2] - at0.pos[2], 2)));
  }
  return least;
}

// Carried past a large cube that stands on the straight line, through every point of the way and
// at one height; straight through it there is no way.
static void test_carry(void **state) {
  (void)state;
  gaze_body b[2] = {body_at(GAZE_SHAPE_CUBE, 0.018f, 0.16f, -0.05f, 0.2f),
                    body_at(GAZE_SHAPE_CUBE, 0.036f, 0.0f, -0.05f, 0.0f)};
  const double way[3][2] = {{0.16, -0.20}, {-0.05, -0.20}, {-0.16, -0.12}};
  const double spot[3] = {-0.18, -0.04, 0.0}, through[1][2] = {{0.0, -0.05}};
  for (int r = 0; r < 2; r++) {
    gaze_body now[2];
    gaze_act_status status = GAZE_ACT_TIMEOUT;
    gaze_world *w = open_world(robots[r], b, 2);
    assert_int_equal(gaze_world_carry(w, 0, 0.07, through, 1, spot, &status), GAZE_OK);
    assert_int_equal(status, GAZE_ACT_BLOCKED);
    assert_int_equal(gaze_world_fault(w), GAZE_FAULT_COLLISION);
    assert_true(gaze_world_time(w) == 0.0);

    assert_int_equal(gaze_world_carry(w, 0, 0.07, way, 3, spot, &status), GAZE_OK);
    assert_int_equal(status, GAZE_ACT_OK);
    gaze_world_bodies(w, now);
    assert_true(hypot((double)now[0].pos[0] - spot[0], (double)now[0].pos[1] - spot[1]) < 0.01);
    assert_true(distance(&now[1], &b[1]) < 1e-3);
    for (int k = 0; k < 3; k++) assert_true(passes(w, &b[0], way[k]) < 0.005);
    const double bad[1][2] = {{NAN, 0}};
    assert_int_equal(gaze_world_carry(w, 0, 0.07, bad, 1, spot, &status), GAZE_ERR_ARG);
    assert_int_equal(gaze_world_carry(w, 0, 0.0, way, 3, spot, &status), GAZE_ERR_ARG);
    assert_int_equal(gaze_world_carry(w, 0, 0.07, way, 0, spot, &status), GAZE_ERR_ARG);
    assert_int_equal(gaze_world_carry(w, 2, 0.07, way, 3, spot, &status), GAZE_ERR_ARG);
    gaze_world_close(&w);
  }
}

// A rehearsal says what the action would and moves nothing, not even the arm.
static void test_rehearse(void **state) {
  (void)state;
  const float dir[2] = {0, -1};
  gaze_body b[2] = {body_at(GAZE_SHAPE_CUBE, 0.036f, 0.08f, 0.0f, 0.3f),
                    body_at(GAZE_SHAPE_CUBE, 0.018f, 1.5f, 0.0f, 0.0f)};
  gaze_act_status status;
  gaze_world *w = open_world("ur5e6", b, 2);
  gaze_world_rehearse(w, true);
  const size_t bytes = gaze_world_state_bytes(w);
  unsigned char *was = malloc(bytes), *is = malloc(bytes);
  assert_true(was != NULL && is != NULL);
  gaze_world_save(w, was);
  assert_int_equal(gaze_world_lift(w, 0, &status), GAZE_OK);
  assert_int_equal(status, GAZE_ACT_OK);
  assert_int_equal(gaze_world_push(w, 0, dir, 0.1, &status), GAZE_OK);
  assert_int_equal(status, GAZE_ACT_OK);
  assert_int_equal(gaze_world_pick(w, 0, &status), GAZE_OK);
  assert_int_equal(status, GAZE_ACT_OK);
  assert_int_equal(gaze_world_lift(w, 1, &status), GAZE_OK);
  assert_int_equal(status, GAZE_ACT_BLOCKED);
  assert_int_equal(gaze_world_fault(w), GAZE_FAULT_UNREACHABLE);
  gaze_world_save(w, is);
  assert_memory_equal(was, is, bytes);
  gaze_world_rehearse(w, false);
  assert_int_equal(gaze_world_push(w, 0, dir, 0.1, &status), GAZE_OK);
  gaze_world_save(w, is);
  assert_memory_not_equal(was, is, bytes);
  free(was);
  free(is);
  gaze_world_close(&w);
}

// Fingers reach 20 mm below the top of what they grasp, past the middle of what is round, and 38 mm
// or three quarters down what they push.
static void test_touch(void **state) {
  (void)state;
  const gaze_body cube = body_at(GAZE_SHAPE_CUBE, 0.036f, 0, 0, 0.3f);
  const gaze_body ball = body_at(GAZE_SHAPE_SPHERE, 0.036f, 0, 0, 0);
  const gaze_body small = body_at(GAZE_SHAPE_CYLINDER, 0.018f, 0, 0, 0);
  assert_true(fabs(gaze_scene_touch_z(&cube, true) - 0.052) < 1e-6);
  assert_true(fabs(gaze_scene_touch_z(&ball, true) - 0.032) < 1e-6);
  assert_true(fabs(gaze_scene_touch_z(&small, true) - 0.016) < 1e-6);
  assert_true(fabs(gaze_scene_touch_z(&cube, false) - 0.034) < 1e-6);
  assert_true(fabs(gaze_scene_touch_z(&small, false) - 0.009) < 1e-6);
}

static void test_refuses(void **state) {
  (void)state;
  const float dir[2] = {1, 0};
  gaze_body b[1] = {body_at(GAZE_SHAPE_CUBE, 0.018f, 0, 0, 0)};
  gaze_world *w = NULL;
  gaze_act_status status;
  assert_int_equal(gaze_world_open_arm(&w, b, 1, "no/such.xml"), GAZE_ERR_NOTFOUND);
  assert_null(w);
  // without an arm nothing is pushed
  assert_int_equal(gaze_world_open(&w, b, 1), GAZE_OK);
  assert_int_equal(gaze_world_push(w, 0, dir, 0.1, &status), GAZE_ERR_UNSUPPORTED);
  assert_int_equal(gaze_world_lift(w, 0, &status), GAZE_ERR_UNSUPPORTED);
  const double way[1][2] = {{0.1, 0}}, spot[3] = {0.1, 0, 0};
  assert_int_equal(gaze_world_carry(w, 0, 0.07, way, 1, spot, &status), GAZE_ERR_UNSUPPORTED);
  gaze_world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pick),        cmocka_unit_test(test_move),
      cmocka_unit_test(test_goes_home),   cmocka_unit_test(test_slips_without_friction),
      cmocka_unit_test(test_unreachable), cmocka_unit_test(test_toppled),
      cmocka_unit_test(test_push),        cmocka_unit_test(test_restore_replays),
      cmocka_unit_test(test_lift),        cmocka_unit_test(test_carry),
      cmocka_unit_test(test_rehearse),    cmocka_unit_test(test_touch),
      cmocka_unit_test(test_refuses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
