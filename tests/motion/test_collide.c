// tests/motion/test_collide.c - distances by hand and against dense sampling; nothing passed
// unseen.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "tests/motion/fixture_arm.h"

enum { N = GAZE_CHAIN_JOINTS_MAX };

static const double PI = 3.14159265358979323846;

static gaze_solid solid(gaze_solid_shape shape, double x, double y, double z) {
  return (gaze_solid){.shape = shape, .pose = gaze_pose_identity(), .size = {x, y, z}};
}

static void near(double got, double want) {
  assert_true(fabs(got - want) < 1e-12);
}

static void test_points_by_hand(void **state) {
  (void)state;
  gaze_solid box = solid(GAZE_SOLID_BOX, 1, 2, 3);
  near(gaze_solid_distance(&box, (const double[3]){4, 6, 0}), 5);       // an edge: 3, 4, 5
  near(gaze_solid_distance(&box, (const double[3]){0.9, 0, 0}), -0.1);  // the nearest wall
  near(gaze_solid_distance(&box, (const double[3]){0, 0, 3.5}), 0.5);
  box.pose.pos[0] = 10;
  gaze_quat_axis(box.pose.quat, (const double[3]){0, 0, 1}, 0.5 * PI);
  near(gaze_solid_distance(&box, (const double[3]){13, 0, 0}), 1);  // its y lies along x now

  gaze_solid tin = solid(GAZE_SOLID_CYLINDER, 1, 2, 0);
  near(gaze_solid_distance(&tin, (const double[3]){4, 0, 6}), 5);
  near(gaze_solid_distance(&tin, (const double[3]){0, 0.5, 0}), -0.5);
  near(gaze_solid_distance(&tin, (const double[3]){0.1, 0, 1.95}), -0.05);
  gaze_solid pill = solid(GAZE_SOLID_CAPSULE, 1, 2, 0);
  near(gaze_solid_distance(&pill, (const double[3]){3, 0, 6}), 4);
  near(gaze_solid_distance(&pill, (const double[3]){0, 3, 1}), 2);
  gaze_solid ball = solid(GAZE_SOLID_SPHERE, 2, 0, 0);
  near(gaze_solid_distance(&ball, (const double[3]){2, 3, 6}), 5);
  gaze_solid floor = solid(GAZE_SOLID_PLANE, 0, 0, 0);
  floor.pose.pos[2] = 1;
  near(gaze_solid_distance(&floor, (const double[3]){9, 9, -1}), -2);
}

static void test_extents_by_hand(void **state) {
  (void)state;
  const double x[3] = {1, 0, 0}, z[3] = {0, 0, 1}, slant[3] = {0.6, 0, 0.8};
  gaze_solid box = solid(GAZE_SOLID_BOX, 1, 2, 3), tin = solid(GAZE_SOLID_CYLINDER, 1, 2, 0);
  gaze_solid pill = solid(GAZE_SOLID_CAPSULE, 1, 2, 0), ball = solid(GAZE_SOLID_SPHERE, 2, 0, 0);
  near(gaze_solid_half(&box, slant), 0.6 * 1 + 0.8 * 3);
  near(gaze_solid_half(&tin, slant), 0.6 * 1 + 0.8 * 2);
  near(gaze_solid_half(&pill, slant), 1 + 0.8 * 2);
  near(gaze_solid_half(&ball, slant), 2);
  gaze_quat_axis(box.pose.quat, (const double[3]){0, 1, 0}, 0.5 * PI);
  near(gaze_solid_half(&box, x), 3);
  near(gaze_solid_half(&box, z), 1);
  near(gaze_solid_radius(&box), sqrt(14));
  near(gaze_solid_radius(&tin), sqrt(5));
  near(gaze_solid_radius(&pill), 3);
  near(gaze_solid_radius(&ball), 2);
}

static void test_segments_by_hand(void **state) {
  (void)state;
  const double a[3] = {0, 0, 0}, b[3] = {2, 0, 0}, c[3] = {1, -1, 1}, d[3] = {1, 1, 1};
  near(gaze_segment_distance(a, b, c, d), 1);  // crossing
  near(gaze_segment_distance(a, b, (const double[3]){5, 4, 0}, (const double[3]){9, 4, 0}), 5);
  near(gaze_segment_distance(a, b, (const double[3]){1, 2, 0}, (const double[3]){3, 2, 0}), 2);
  near(gaze_segment_distance(a, a, c, c), sqrt(3));  // two points
  near(gaze_segment_distance(a, a, c, d), sqrt(2));  // a point and a segment
}

static void random_pose(gaze_rng *r, gaze_pose *p) {
  double axis[3] = {gaze_rng_normal(r), gaze_rng_normal(r), gaze_rng_normal(r)};
  double length = sqrt(gaze_vec_dot(axis, axis));
  for (int k = 0; k < 3; k++) axis[k] /= length, p->pos[k] = gaze_rng_real(r, -0.5, 0.5);
  gaze_quat_axis(p->quat, axis, gaze_rng_real(r, -PI, PI));
}

// Never more than the densely sampled distance, and at most 10 um plus the sampling below it.
static void test_capsules_against_samples(void **state) {
  (void)state;
  gaze_rng r;
  gaze_rng_init(&r, 5, 0);
  for (int trial = 0; trial < 200; trial++) {
    gaze_solid s = solid((gaze_solid_shape)(trial % 5), gaze_rng_real(&r, 0.02, 0.3),
                         gaze_rng_real(&r, 0.02, 0.3), gaze_rng_real(&r, 0.02, 0.3));
    random_pose(&r, &s.pose);
    double a[3], b[3], p[3], least = INFINITY;
    for (int k = 0; k < 3; k++)
      a[k] = gaze_rng_real(&r, -0.6, 0.6), b[k] = gaze_rng_real(&r, -0.6, 0.6);
    for (int e = 0; e <= 2000; e++) {
      for (int k = 0; k < 3; k++) p[k] = a[k] + (b[k] - a[k]) * e / 2000.0;
      least = fmin(least, gaze_solid_distance(&s, p));
    }
    double got = gaze_solid_capsule(&s, a, b, 0.05) + 0.05;
    assert_true(got <= least + 1e-12);
    assert_true(got >= least - 1e-5 - gaze_vec_distance(a, b) / 2000.0);
    if (s.shape == GAZE_SOLID_SPHERE) {
      const double *o = s.pose.pos;
      double exact = gaze_segment_distance(a, b, o, o) - s.size[0];
      assert_true(got <= exact + 1e-14 && got >= exact - 1.1e-5);
    }
  }
}

static void test_segments_against_samples(void **state) {
  (void)state;
  gaze_rng r;
  gaze_rng_init(&r, 6, 0);
  for (int trial = 0; trial < 300; trial++) {
    double e[4][3], least = INFINITY, p[3], q[3];
    for (int k = 0; k < 12; k++) e[k / 3][k % 3] = gaze_rng_real(&r, -0.5, 0.5);
    for (int s = 0; s <= 100; s++) {
      for (int t = 0; t <= 100; t++) {
        for (int k = 0; k < 3; k++) {
          p[k] = e[0][k] + (e[1][k] - e[0][k]) * s / 100.0;
          q[k] = e[2][k] + (e[3][k] - e[2][k]) * t / 100.0;
        }
        least = fmin(least, gaze_vec_distance(p, q));
      }
    }
    double got = gaze_segment_distance(e[0], e[1], e[2], e[3]);
    assert_true(got <= least + 1e-12 && got >= least - 0.02);
  }
}

static void test_arm_and_table(void **state) {
  (void)state;
  gaze_arm arm = panda_with_hand();
  gaze_solid s[2] = {solid(GAZE_SOLID_BOX, 0.05, 0.05, 0.01), solid(GAZE_SOLID_SPHERE, 0.03, 0, 0)};
  gaze_clutter w = {.solid = s, .n = 1, .target = -1, .held = -1, .margin = 0.005};
  gaze_pose tool = gaze_chain_fk(&arm.chain, arm.home, NULL);

  // the fingertips are the lowest part of the hand: a box 10 mm under them is the nearest thing
  memcpy(s[0].pose.pos, tool.pos, sizeof tool.pos);
  s[0].pose.pos[2] -= 0.02;
  gaze_near hit = gaze_collide(&arm.chain, &arm.hull, &w, arm.home, 0.0);
  assert_true(fabs(hit.distance - 0.010) < 1e-4 && !hit.self && hit.other == 0);
  assert_true(arm.hull.capsule[hit.capsule].finger);

  // a ball between the open fingers: free when it is the target, or held, or the fingers are open
  s[0].pose.pos[2] = 5.0;
  memcpy(s[1].pose.pos, tool.pos, sizeof tool.pos);
  w.n = 2;
  assert_true(gaze_collide(&arm.chain, &arm.hull, &w, arm.home, 0.0).distance < 0.0);
  assert_true(gaze_collide(&arm.chain, &arm.hull, &w, arm.home, 1.0).distance > 0.004);
  w.target = 1;
  assert_true(gaze_collide(&arm.chain, &arm.hull, &w, arm.home, 0.0).distance > 0.01);
  // the palm may not touch it all the same
  s[1].pose.pos[2] = tool.pos[2] + 0.08;
  assert_true(gaze_collide(&arm.chain, &arm.hull, &w, arm.home, 0.0).distance < 0.0);
  s[1].pose.pos[2] = tool.pos[2];
  w.target = -1, w.held = 1;
  assert_true(gaze_collide(&arm.chain, &arm.hull, &w, arm.home, 0.0).distance > 0.03);
}

static void test_self(void **state) {
  (void)state;
  gaze_arm arm = panda_with_hand();
  gaze_clutter w = {.target = -1, .held = -1, .margin = 0.005};
  assert_true(arm.hull.pairs > 5);
  assert_true(gaze_collide(&arm.chain, &arm.hull, &w, arm.home, 1.0).distance > 0.0);
  // folded: the hand goes into the upper arm
  const double folded[7] = {0, 0, 0, -3.0, 0, 0.2, 0};
  gaze_near hit = gaze_collide(&arm.chain, &arm.hull, &w, folded, 1.0);
  assert_true(hit.self && hit.distance < 0.0);

  arm.hull.capsule[0].link = 7;
  assert_int_equal(gaze_hull_pairs(&arm.hull, &arm.chain, arm.home), GAZE_ERR_RANGE);
}

// A thin post in the middle of a long fast sweep: every sampled posture near it is refused, and an
// accepted path is clear at ten times finer samples.
static void test_path_misses_nothing(void **state) {
  (void)state;
  gaze_arm arm = panda_with_hand();
  gaze_rng r;
  gaze_rng_init(&r, 9, 0);
  gaze_path_limits lim = gaze_path_limits_of(&arm.chain, 1.0, 1.0);
  int refused = 0, kept = 0;
  for (int trial = 0; trial < 60; trial++) {
    double point[2 * 7], q[7];
    for (int k = 0; k < 2; k++)
      for (int i = 0; i < 7; i++) point[7 * k + i] = arm.home[i] + gaze_rng_real(&r, -0.5, 0.5);
    gaze_solid post = solid(GAZE_SOLID_CYLINDER, 0.002, 0.5, 0);
    // near where the hand will be half way
    for (int i = 0; i < 7; i++) q[i] = 0.5 * (point[i] + point[7 + i]);
    post.pose.pos[2] = 0.5;
    gaze_pose tool = gaze_chain_fk(&arm.chain, q, NULL);
    for (int k = 0; k < 2; k++) post.pose.pos[k] = tool.pos[k] + gaze_rng_real(&r, -0.25, 0.25);
    gaze_clutter w = {.solid = &post, .n = 1, .target = -1, .held = -1, .margin = 0.004};
    gaze_path p;
    gaze_near hit;
    assert_int_equal(gaze_path_plan(&p, &lim, point, 2, 7), GAZE_OK);
    gaze_err e = gaze_collide_path(&arm.chain, &arm.hull, &w, &p, 1.0, &hit);

    double least = INFINITY;
    for (int k = 0; k <= 3000; k++) {
      gaze_path_eval(&p, gaze_path_duration(&p) * k / 3000.0, q, NULL, NULL);
      least = fmin(least, gaze_collide(&arm.chain, &arm.hull, &w, q, 1.0).distance);
    }
    if (e == GAZE_OK) {
      assert_true(least >= 0.5 * w.margin);
      kept++;
    } else {
      assert_int_equal(e, GAZE_ERR_STATE);
      assert_true(least < w.margin + 1e-3 && hit.distance < w.margin);
      refused++;
    }
  }
  print_message("%d refused, %d kept\n", refused, kept);
  assert_true(refused >= 10 && kept >= 10);
}

// A long arm sweeps over a grain of sand at full speed, far from where it starts and ends.
static void test_far_end_moves_fast(void **state) {
  (void)state;
  gaze_chain c = planar_arm();
  gaze_hull h = {.n = 1, .capsule = {{.link = 2, .radius = 0.001}}};
  gaze_solid grain = solid(GAZE_SOLID_SPHERE, 0.001, 0, 0);
  gaze_clutter w = {.solid = &grain, .n = 1, .target = -1, .held = -1, .margin = 0.001};
  gaze_path_limits lim = gaze_path_limits_of(&c, 1.0, 1.0);
  const double point[6] = {-2.0, 0, 0, 2.0, 0, 0};
  gaze_path p;
  gaze_near hit;
  assert_int_equal(gaze_path_plan(&p, &lim, point, 2, 3), GAZE_OK);
  for (int k = 0; k < 20; k++) {
    double angle = -1.5 + 0.15 * k;
    grain.pose.pos[0] = 0.7 * cos(angle), grain.pose.pos[1] = 0.7 * sin(angle);
    assert_int_equal(gaze_collide_path(&c, &h, &w, &p, 0.0, &hit), GAZE_ERR_STATE);
    grain.pose.pos[2] = 0.004;  // just over it
    assert_int_equal(gaze_collide_path(&c, &h, &w, &p, 0.0, &hit), GAZE_OK);
    grain.pose.pos[2] = 0.0;
  }
}

static void test_valid(void **state) {
  (void)state;
  gaze_solid s = solid(GAZE_SOLID_BOX, 1, 1, 1);
  assert_true(gaze_solid_valid(&s));
  s.size[2] = 0.0;
  assert_false(gaze_solid_valid(&s));
  s = solid(GAZE_SOLID_SPHERE, NAN, 0, 0);
  assert_false(gaze_solid_valid(&s));
  s = solid(GAZE_SOLID_SPHERE, 1, 0, 0);
  s.pose.quat[1] = 1.0;
  assert_false(gaze_solid_valid(&s));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_points_by_hand),
      cmocka_unit_test(test_extents_by_hand),
      cmocka_unit_test(test_segments_by_hand),
      cmocka_unit_test(test_capsules_against_samples),
      cmocka_unit_test(test_segments_against_samples),
      cmocka_unit_test(test_arm_and_table),
      cmocka_unit_test(test_self),
      cmocka_unit_test(test_path_misses_nothing),
      cmocka_unit_test(test_far_end_moves_fast),
      cmocka_unit_test(test_valid),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
