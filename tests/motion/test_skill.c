// tests/motion/test_skill.c - plans reach their goals, keep limits and margins, and say what fails.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/motion/fixture_arm.h"

enum { N = GAZE_CHAIN_JOINTS_MAX, TRIALS = 20 };

static const double PI = 3.14159265358979323846;

// Two arms at the edge of a table 1.24 m wide whose top is z = 0, facing it (the UR5e points along
// its own -x), with room for three things on it.
typedef struct bench {
  gaze_arm arm[2];
  gaze_solid solid[4];
  gaze_planner planner;
  gaze_plan plan;
} bench;

static int open_bench(void **state) {
  bench *b = calloc(1, sizeof *b);
  *state = b;
  b->arm[0] = panda_with_hand(), b->arm[1] = ur5e_with_hand();
  for (int a = 0; a < 2; a++) {
    b->arm[a].chain.base.pos[1] = -0.55;
    gaze_quat_axis(b->arm[a].chain.base.quat, (const double[3]){0, 0, 1},
                   a == 0 ? 0.5 * PI : -0.5 * PI);
  }
  b->solid[0] = (gaze_solid){.shape = GAZE_SOLID_BOX,
                             .pose = {.pos = {0, 0, -0.02}, .quat = {1, 0, 0, 0}},
                             .size = {0.62, 0.5, 0.02}};
  return 0;
}

static int close_bench(void **state) {
  free(*state);
  return 0;
}

static gaze_solid cube(double half, double x, double y, double yaw) {
  gaze_solid s = {.shape = GAZE_SOLID_BOX, .size = {half, half, half}};
  gaze_quat_axis(s.pose.quat, (const double[3]){0, 0, 1}, yaw);
  s.pose.pos[0] = x, s.pose.pos[1] = y, s.pose.pos[2] = half;
  return s;
}

static const gaze_planner *planner_for(bench *b, int arm, int solids) {
  b->planner = gaze_planner_default(&b->arm[arm]);
  b->planner.solid = b->solid, b->planner.solids = solids, b->planner.table_z = 0.0;
  return &b->planner;
}

static gaze_pose tool_at_end(const bench *b, int phase) {
  const gaze_path *path = &b->plan.phase[phase].path;
  return gaze_chain_fk(&b->planner.arm->chain, path->q[path->knots - 1], NULL);
}

static void at(const gaze_pose *tool, double x, double y, double z) {
  const double want[3] = {x, y, z};
  assert_true(gaze_vec_distance(tool->pos, want) < 2e-4);
}

static void points_down(const gaze_pose *tool) {
  double z[3];
  gaze_pose_direction(z, tool, (const double[3]){0, 0, 1});
  assert_true(z[2] < -0.999999);
}

// Samples the whole plan at 1 ms: joined, within every limit, no faster than the tool may.
static void plan_is_sound(const bench *b, const double *q0) {
  const gaze_chain *c = &b->planner.arm->chain;
  double q[N], dq[N], before[N], open, T = gaze_plan_duration(&b->plan);
  gaze_pose was = gaze_chain_fk(c, q0, NULL);
  memcpy(before, q0, sizeof(double) * (size_t)c->n);
  assert_true(b->plan.n > 0 && b->plan.fault == GAZE_FAULT_NONE);
  for (int k = 0; k * 0.001 <= T + 0.01; k++) {
    gaze_plan_eval(&b->plan, k * 0.001, q, dq, &open);
    assert_true(gaze_chain_within(c, q, 0.0) && open >= 0.0 && open <= 1.0);
    for (int i = 0; i < c->n; i++) {
      assert_true(fabs(dq[i]) <= 0.5 * c->joint[i].vel);
      assert_true(fabs(q[i] - before[i]) <= 0.5 * c->joint[i].vel * 0.001 + 1e-9);
    }
    gaze_pose now = gaze_chain_fk(c, q, NULL);
    assert_true(gaze_vec_distance(now.pos, was.pos) <= 0.251 * 0.001 + 1e-9);
    memcpy(before, q, sizeof before), was = now;
  }
  for (int i = 0; i < c->n; i++) assert_true(dq[i] == 0.0);
}

static void fails(bench *b, gaze_err e, gaze_fault fault, const char *word) {
  assert_int_equal(e, GAZE_ERR_NOTFOUND);
  assert_int_equal(b->plan.fault, fault);
  assert_int_equal(b->plan.n, 0);
  if (strstr(gaze_err_detail(), word) == NULL) print_message("%s\n", gaze_err_detail());
  assert_non_null(strstr(gaze_err_detail(), word));
}

static void test_pick_reaches(void **state) {
  bench *b = *state;
  gaze_rng r;
  gaze_rng_init(&r, 21, 0);
  for (int trial = 0; trial < TRIALS; trial++) {
    const gaze_planner *p = planner_for(b, trial % 2, 2);
    double half = trial % 4 < 2 ? 0.018 : 0.036, x = gaze_rng_real(&r, -0.25, 0.25);
    double y = gaze_rng_real(&r, -0.2, 0.1), z = half == 0.018 ? 0.016 : 0.052;
    b->solid[1] = cube(half, x, y, gaze_rng_real(&r, -PI, PI));
    gaze_err e = gaze_skill_pick(p, p->arm->home, 1.0, 1, &b->plan);
    if (e != GAZE_OK) print_message("%s\n", gaze_err_detail());
    assert_int_equal(e, GAZE_OK);
    plan_is_sound(b, p->arm->home);

    assert_int_equal(b->plan.n, 4);
    assert_string_equal(b->plan.phase[2].name, "close");
    assert_true(b->plan.phase[1].open * p->arm->open_m > 2 * half && b->plan.phase[2].open == 0.0);
    gaze_pose above = tool_at_end(b, 0), grip = tool_at_end(b, 1), lifted = tool_at_end(b, 3);
    at(&above, x, y, 2 * half + 0.12), at(&grip, x, y, z), at(&lifted, x, y, z + 0.15);
    points_down(&grip), points_down(&lifted);

    // the fingers close along a side of the cube
    double closing[3], side[3];
    gaze_pose_direction(closing, &grip, (const double[3]){0, 1, 0});
    gaze_pose_direction(side, &b->solid[1].pose, (const double[3]){1, 0, 0});
    double c = fabs(gaze_vec_dot(closing, side));
    assert_true(c > 0.99999 || c < 0.005);
  }
}

// The descent is a line: sideways it stays within the inverse kinematics' tolerance.
static void test_descent_is_straight(void **state) {
  bench *b = *state;
  const gaze_planner *p = planner_for(b, 0, 2);
  b->solid[1] = cube(0.018, 0.1, -0.05, 0.3);
  assert_int_equal(gaze_skill_pick(p, p->arm->home, 1.0, 1, &b->plan), GAZE_OK);
  const gaze_path *path = &b->plan.phase[1].path;
  for (int k = 0; k <= 500; k++) {
    double q[N];
    gaze_path_eval(path, gaze_path_duration(path) * k / 500.0, q, NULL, NULL);
    gaze_pose tool = gaze_chain_fk(&p->arm->chain, q, NULL);
    assert_true(hypot(tool.pos[0] - 0.1, tool.pos[1] + 0.05) < 5e-4);
  }
}

static void test_place_after_pick(void **state) {
  bench *b = *state;
  for (int arm = 0; arm < 2; arm++) {
    planner_for(b, arm, 2);
    double q[N], dq[N], open;
    b->solid[1] = cube(0.018, -0.1, -0.1, 0.2);
    assert_int_equal(gaze_skill_pick(&b->planner, b->arm[arm].home, 1.0, 1, &b->plan), GAZE_OK);
    gaze_plan_eval(&b->plan, 1e9, q, dq, &open);
    assert_true(open == 0.0);

    b->planner.held = 1;
    const double spot[3] = {0.2, 0.05, 0.0};
    assert_int_equal(gaze_skill_place(&b->planner, q, spot, &b->plan), GAZE_OK);
    plan_is_sound(b, q);
    gaze_pose set = tool_at_end(b, 1), up = tool_at_end(b, 3);
    at(&set, 0.2, 0.05, 0.016 + 0.002), at(&up, 0.2, 0.05, 0.018 + 0.12);
    assert_true(b->plan.phase[1].open == 0.0 && b->plan.phase[2].open > 0.4);
  }
}

static void test_push(void **state) {
  bench *b = *state;
  const double dir[2] = {0.6, 0.8};
  for (int arm = 0; arm < 2; arm++) {
    const gaze_planner *p = planner_for(b, arm, 2);
    b->solid[1] = cube(0.036, -0.05, -0.1, atan2(0.8, 0.6));
    gaze_err e = gaze_skill_push(p, p->arm->home, 1.0, 1, dir, 0.15, &b->plan);
    if (e != GAZE_OK) print_message("%s\n", gaze_err_detail());
    assert_int_equal(e, GAZE_OK);
    plan_is_sound(b, p->arm->home);
    // the fingers end where the pushed side ends: 36 mm behind the centre, their own 6..12 mm too
    gaze_pose low = tool_at_end(b, 1), done = tool_at_end(b, 2);
    double went = (done.pos[0] + 0.05) * 0.6 + (done.pos[1] + 0.1) * 0.8;
    double across = (done.pos[0] + 0.05) * 0.8 - (done.pos[1] + 0.1) * 0.6;
    assert_true(went > 0.15 - 0.036 - 0.0125 && went < 0.15 - 0.036 - 0.0055);
    assert_true(fabs(across) < 2e-4 && fabs(low.pos[2] - 0.034) < 2e-4);
    assert_true(fabs(gaze_vec_distance(low.pos, done.pos) - 0.18) < 4e-4);
    // the fingers stand 0.8 of half its width apart
    for (int k = 0; k < b->plan.n; k++)
      assert_true(fabs(b->plan.phase[k].open * p->arm->open_m - 0.8 * 0.036) < 1e-9);
    // backs off before it rises
    gaze_pose up = tool_at_end(b, 3);
    double back = (done.pos[0] - up.pos[0]) * 0.6 + (done.pos[1] - up.pos[1]) * 0.8;
    assert_true(fabs(back - 0.01) < 2e-4 && fabs(up.pos[2] - done.pos[2] - 0.12) < 2e-4);
  }
}

// Home is reached exactly; where something stands there, it is refused.
static void test_home(void **state) {
  bench *b = *state;
  for (int arm = 0; arm < 2; arm++) {
    const gaze_planner *p = planner_for(b, arm, 2);
    double q[N], open;
    b->solid[1] = cube(0.036, 0.15, -0.1, 0.2);
    assert_int_equal(gaze_skill_pick(p, p->arm->home, 1.0, 1, &b->plan), GAZE_OK);
    gaze_plan_eval(&b->plan, gaze_plan_duration(&b->plan), q, NULL, &open);
    assert_int_equal(gaze_skill_home(p, q, 1.0, &b->plan), GAZE_OK);
    plan_is_sound(b, q);
    gaze_plan_eval(&b->plan, gaze_plan_duration(&b->plan), q, NULL, &open);
    for (int i = 0; i < p->arm->chain.n; i++) assert_true(fabs(q[i] - p->arm->home[i]) < 1e-9);

    gaze_pose tool = gaze_chain_fk(&p->arm->chain, p->arm->home, NULL);
    q[0] += 0.5;
    b->solid[1].pose = tool;
    fails(b, gaze_skill_home(p, q, 1.0, &b->plan), GAZE_FAULT_COLLISION, "home: home");
  }
}

static void test_follow_and_retreat(void **state) {
  bench *b = *state;
  const gaze_planner *p = planner_for(b, 0, 1);
  gaze_pose way[5];
  for (int k = 0; k < 5; k++)
    way[k] =
        (gaze_pose){.pos = {-0.2 + 0.1 * k, -0.1 + 0.05 * (k % 2), 0.15}, .quat = {0, 1, 0, 0}};
  assert_int_equal(gaze_skill_follow(p, p->arm->home, 0.5, way, 5, &b->plan), GAZE_OK);
  plan_is_sound(b, p->arm->home);
  gaze_pose end = tool_at_end(b, 1);
  at(&end, 0.2, -0.1, 0.15);
  for (int k = 0; k < 5; k++) {
    double nearest = 1.0, q[N];
    const gaze_path *path = &b->plan.phase[1].path;
    for (int e = 0; e <= 2000; e++) {
      gaze_path_eval(path, gaze_path_duration(path) * e / 2000.0, q, NULL, NULL);
      gaze_pose tool = gaze_chain_fk(&p->arm->chain, q, NULL);
      nearest = fmin(nearest, gaze_vec_distance(tool.pos, way[k].pos));
    }
    assert_true(nearest < 0.003);
  }

  double q[N], open;
  gaze_plan_eval(&b->plan, 1e9, q, NULL, &open);
  assert_int_equal(gaze_skill_retreat(p, q, open, 0.1, &b->plan), GAZE_OK);
  gaze_pose up = tool_at_end(b, 0);
  at(&up, 0.2, -0.1, 0.25);
}

// Lines between any two poses: near a singular posture joints would have to jump and the line would
// be left; that is refused, and what is accepted stays on the line.
static void test_lines_are_lines(void **state) {
  bench *b = *state;
  gaze_rng r;
  gaze_rng_init(&r, 2, 0);
  int accepted = 0;
  double worst = 0.0;
  for (int trial = 0; trial < 60; trial++) {
    gaze_arm *arm = &b->arm[trial % 2];
    gaze_planner p = gaze_planner_default(arm);
    gaze_pose way[2];
    double q[N];
    for (int k = 0; k < 2; k++) {
      random_posture(&arm->chain, &r, q);
      way[k] = gaze_chain_fk(&arm->chain, q, NULL);
    }
    if (gaze_skill_follow(&p, arm->home, 0.0, way, 2, &b->plan) != GAZE_OK) continue;
    accepted++;
    const gaze_path *path = &b->plan.phase[1].path;
    for (int k = 0; k <= 500; k++) {
      gaze_path_eval(path, gaze_path_duration(path) * k / 500.0, q, NULL, NULL);
      gaze_pose at = gaze_chain_fk(&arm->chain, q, NULL);
      worst = fmax(worst, gaze_segment_distance(way[0].pos, way[1].pos, at.pos, at.pos));
    }
  }
  print_message("%d lines accepted, at most %.2f mm off\n", accepted, 1e3 * worst);
  assert_true(accepted >= 5 && worst < 0.0025);
}

// A wall between here and there: the straight way is refused inside, the plan goes over it.
static void test_reach_goes_round(void **state) {
  bench *b = *state;
  const gaze_planner *p = planner_for(b, 0, 1);
  gaze_pose left = {.pos = {-0.25, -0.1, 0.1}, .quat = {0, 1, 0, 0}}, right = left;
  right.pos[0] = 0.25;
  double q[N], open;
  assert_int_equal(gaze_skill_reach(p, p->arm->home, 0.0, &left, &b->plan), GAZE_OK);
  gaze_plan_eval(&b->plan, 1e9, q, NULL, &open);

  assert_int_equal(gaze_skill_reach(p, q, 0.0, &right, &b->plan), GAZE_OK);
  double direct = gaze_plan_duration(&b->plan);
  b->solid[1] = (gaze_solid){.shape = GAZE_SOLID_BOX,
                             .pose = {.pos = {0, 0.05, 0.1}, .quat = {1, 0, 0, 0}},
                             .size = {0.01, 0.25, 0.1}};
  planner_for(b, 0, 2);
  gaze_err e = gaze_skill_reach(p, q, 0.0, &right, &b->plan);
  if (e != GAZE_OK) print_message("%s\n", gaze_err_detail());
  assert_int_equal(e, GAZE_OK);
  plan_is_sound(b, q);
  assert_true(gaze_plan_duration(&b->plan) > direct);
  gaze_pose end = tool_at_end(b, 0);
  at(&end, 0.25, -0.1, 0.1);
}

// What is carried keeps its distance too: over the same wall the bare hand passes lower.
static void test_carried_counts(void **state) {
  bench *b = *state;
  const gaze_planner *p = planner_for(b, 0, 3);
  const double spot[3] = {0.2, -0.1, 0.0};
  double q[N], open;
  b->solid[1] = cube(0.018, -0.2, -0.1, 0.0);
  b->solid[2] = (gaze_solid){.shape = GAZE_SOLID_BOX,
                             .pose = {.pos = {0, -0.1, 0.06}, .quat = {1, 0, 0, 0}},
                             .size = {0.01, 0.2, 0.06}};
  assert_int_equal(gaze_skill_pick(p, p->arm->home, 1.0, 1, &b->plan), GAZE_OK);
  gaze_plan_eval(&b->plan, 1e9, q, NULL, &open);
  b->planner.held = 1;
  assert_int_equal(gaze_skill_place(p, q, spot, &b->plan), GAZE_OK);
  const gaze_path *path = &b->plan.phase[0].path;
  double least = 1.0, at_q[N];
  for (int k = 0; k <= 1000; k++) {
    gaze_path_eval(path, gaze_path_duration(path) * k / 1000.0, at_q, NULL, NULL);
    gaze_pose tool = gaze_chain_fk(&p->arm->chain, at_q, NULL);
    least = fmin(least, gaze_solid_distance(&b->solid[2], tool.pos));
  }
  assert_true(least >= 0.018 * sqrt(3.0) + 0.0025);
  print_message("carried past the wall at %.1f mm\n", 1e3 * least);
}

// Mounted the wrong way round the first postures found run into the arm itself: others are tried.
static void test_mounted_backwards(void **state) {
  bench *b = *state;
  gaze_arm turned = b->arm[1];
  gaze_quat_axis(turned.chain.base.quat, (const double[3]){0, 0, 1}, 0.5 * PI);
  gaze_rng r;
  gaze_rng_init(&r, 31, 0);
  for (int trial = 0; trial < 10; trial++) {
    planner_for(b, 1, 2);
    b->planner.arm = &turned;
    b->solid[1] = cube(0.018, gaze_rng_real(&r, -0.3, 0.3), gaze_rng_real(&r, -0.3, 0.1), 0.5);
    assert_int_equal(gaze_skill_pick(&b->planner, turned.home, 1.0, 1, &b->plan), GAZE_OK);
    plan_is_sound(b, turned.home);
  }
}

static void test_faults(void **state) {
  bench *b = *state;
  const gaze_planner *p = planner_for(b, 0, 2);
  const double *home = p->arm->home;

  b->solid[1] = cube(0.018, 0.0, 0.45, 0.0);  // 1 m from the base
  fails(b, gaze_skill_pick(p, home, 1.0, 1, &b->plan), GAZE_FAULT_UNREACHABLE, "pick: approach");
  b->solid[1] = cube(0.045, 0.0, -0.1, 0.0);  // 90 mm
  fails(b, gaze_skill_pick(p, home, 1.0, 1, &b->plan), GAZE_FAULT_CLEARANCE, "90 mm wide");
  b->solid[1] = cube(0.018, 0.0, -0.1, 0.0);  // on its edge
  gaze_quat_axis(b->solid[1].pose.quat, (const double[3]){1, 0, 0}, 0.25 * PI);
  fails(b, gaze_skill_pick(p, home, 1.0, 1, &b->plan), GAZE_FAULT_CLEARANCE, "tilted");

  // walls on all sides leave no room for the fingers; over it a lid
  b->solid[1] = cube(0.018, 0.0, -0.1, 0.0);
  b->solid[2] = cube(0.03, 0.0, -0.1, 0.0);
  b->solid[2].pose.pos[2] = 0.1;
  planner_for(b, 0, 3);
  fails(b, gaze_skill_pick(p, home, 1.0, 1, &b->plan), GAZE_FAULT_COLLISION, "solid 2");
  b->solid[2] = cube(0.018, 0.04, -0.1, 0.0);
  b->solid[3] = cube(0.018, 0.0, -0.06, 0.0);
  planner_for(b, 0, 4);
  fails(b, gaze_skill_pick(p, home, 1.0, 1, &b->plan), GAZE_FAULT_COLLISION, "pick: descend");

  const double right[2] = {1.0, 0.0};
  fails(b, gaze_skill_push(p, home, 1.0, 1, right, 0.15, &b->plan), GAZE_FAULT_CLEARANCE,
        "push: way");
}

static void test_arguments(void **state) {
  bench *b = *state;
  const gaze_planner *p = planner_for(b, 0, 2);
  const double *home = p->arm->home, bad[7] = {NAN}, skew[2] = {1.0, 1.0};
  const double nowhere[3] = {0, NAN, 0};
  gaze_pose target = {.pos = {0, 0, NAN}, .quat = {0, 1, 0, 0}};
  b->solid[1] = cube(0.018, 0.0, -0.1, 0.0);
  assert_int_equal(gaze_skill_pick(p, home, 1.0, 2, &b->plan), GAZE_ERR_ARG);
  assert_int_equal(gaze_skill_pick(p, bad, 1.0, 1, &b->plan), GAZE_ERR_ARG);
  assert_int_equal(gaze_skill_pick(p, home, NAN, 1, &b->plan), GAZE_ERR_ARG);
  assert_int_equal(gaze_skill_place(p, home, nowhere, &b->plan), GAZE_ERR_ARG);
  assert_int_equal(gaze_skill_push(p, home, 1.0, 1, skew, 0.1, &b->plan), GAZE_ERR_ARG);
  assert_int_equal(gaze_skill_reach(p, home, 1.0, &target, &b->plan), GAZE_ERR_ARG);
  assert_int_equal(gaze_skill_follow(p, home, 1.0, &target, 0, &b->plan), GAZE_ERR_ARG);
  assert_int_equal(gaze_skill_retreat(p, home, 1.0, -0.1, &b->plan), GAZE_ERR_ARG);
  b->solid[1].size[0] = NAN;
  assert_int_equal(gaze_skill_pick(p, home, 1.0, 1, &b->plan), GAZE_ERR_ARG);
  b->solid[1].shape = GAZE_SOLID_PLANE;
  b->planner.held = 1;
  assert_int_equal(gaze_skill_retreat(p, home, 1.0, 0.1, &b->plan), GAZE_ERR_ARG);
}

static void test_same_seed_same_plan(void **state) {
  bench *b = *state;
  const gaze_planner *p = planner_for(b, 1, 2);
  gaze_plan *first = malloc(sizeof *first);
  b->solid[1] = cube(0.018, 0.2, -0.05, 1.0);
  assert_int_equal(gaze_skill_pick(p, p->arm->home, 1.0, 1, &b->plan), GAZE_OK);
  *first = b->plan;
  assert_int_equal(gaze_skill_pick(p, p->arm->home, 1.0, 1, &b->plan), GAZE_OK);
  for (int k = 0; k < first->n; k++)
    assert_memory_equal(&first->phase[k].path, &b->plan.phase[k].path, sizeof(gaze_path));
  free(first);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pick_reaches),
      cmocka_unit_test(test_descent_is_straight),
      cmocka_unit_test(test_place_after_pick),
      cmocka_unit_test(test_push),
      cmocka_unit_test(test_home),
      cmocka_unit_test(test_follow_and_retreat),
      cmocka_unit_test(test_reach_goes_round),
      cmocka_unit_test(test_faults),
      cmocka_unit_test(test_arguments),
      cmocka_unit_test(test_same_seed_same_plan),
      cmocka_unit_test(test_lines_are_lines),
      cmocka_unit_test(test_carried_counts),
      cmocka_unit_test(test_mounted_backwards),
  };
  return cmocka_run_group_tests(tests, open_bench, close_bench);
}
