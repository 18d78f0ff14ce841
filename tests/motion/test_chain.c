// tests/motion/test_chain.c - forward kinematics by hand, the Jacobian against differences.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/motion/fixture_arm.h"

enum { N = GAZE_CHAIN_JOINTS_MAX };

static const double PI = 3.14159265358979323846;

static void near3(const double *got, double x, double y, double z) {
  const double want[3] = {x, y, z};
  assert_true(gaze_vec_distance(got, want) < 1e-12);
}

static void test_pose_algebra(void **state) {
  (void)state;
  // a quarter turn about z, then a step along the turned x
  const double z[3] = {0, 0, 1}, x[3] = {1, 0, 0};
  gaze_pose a = {.pos = {1, 2, 3}}, b = {.pos = {1, 0, 0}, .quat = {1, 0, 0, 0}};
  gaze_quat_axis(a.quat, z, 0.5 * PI);
  gaze_pose ab = gaze_pose_mul(&a, &b);
  near3(ab.pos, 1, 3, 3);
  gaze_pose back = gaze_pose_inverse(&a), id = gaze_pose_mul(&back, &a);
  near3(id.pos, 0, 0, 0);
  double out[3];
  gaze_pose_direction(out, &a, x);
  near3(out, 0, 1, 0);
  gaze_quat_error(out, a.quat, b.quat);
  near3(out, 0, 0, 0.5 * PI);

  // half of a quarter turn is an eighth, and -q is the same rotation as q
  gaze_pose half = gaze_pose_between(&b, &a, 0.5);
  near3(half.pos, 1, 1, 1.5);
  for (int k = 0; k < 4; k++) a.quat[k] = -a.quat[k];
  gaze_quat_error(out, a.quat, half.quat);
  near3(out, 0, 0, 0.25 * PI);
}

static void test_quat_columns(void **state) {
  (void)state;
  gaze_rng r;
  gaze_rng_init(&r, 3, 0);
  const double e[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  for (int trial = 0; trial < 200; trial++) {
    double axis[3] = {gaze_rng_normal(&r), gaze_rng_normal(&r), gaze_rng_normal(&r)};
    double length = sqrt(gaze_vec_dot(axis, axis)), col[3][3], off[3];
    for (int k = 0; k < 3; k++) axis[k] /= length;
    // near pi all four branches of the largest component are met
    gaze_pose p = gaze_pose_identity(), got = p;
    gaze_quat_axis(p.quat, axis, trial % 2 ? PI - 1e-7 : gaze_rng_real(&r, -PI, PI));
    for (int k = 0; k < 3; k++) gaze_pose_direction(col[k], &p, e[k]);
    gaze_quat_columns(got.quat, col[0], col[1], col[2]);
    gaze_quat_error(off, got.quat, p.quat);
    assert_true(sqrt(gaze_vec_dot(off, off)) < 1e-9);
  }
}

static void test_planar_by_hand(void **state) {
  (void)state;
  gaze_chain c = planar_arm();
  assert_int_equal(gaze_chain_check(&c), GAZE_OK);
  // elbow at (0.4 cos 30, 0.4 sin 30); the second link points to 30 + 60 = 90 degrees
  double q[3] = {PI / 6, PI / 3, 0.1};
  gaze_pose link[3], tool = gaze_chain_fk(&c, q, link);
  near3(link[0].pos, 0, 0, 0);
  near3(link[1].pos, 0.4 * sqrt(0.75), 0.2, 0);
  near3(tool.pos, 0.4 * sqrt(0.75), 0.5, 0.1);

  // columns: z x (p - o) for the hinges, z for the slide
  double jac[18];
  gaze_chain_jacobian(&c, q, jac);
  const double want[18] = {-0.5, -0.3, 0, 0.4 * sqrt(0.75), 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
                           1,    1,    0};
  for (int k = 0; k < 18; k++) assert_true(fabs(jac[k] - want[k]) < 1e-12);
}

// The maker's example pose: all zero, the Panda's flange stands at (0.088, 0, 0.926) upside down,
// the UR5e lies stretched along -x.
static void test_known_poses(void **state) {
  (void)state;
  const double q[7] = {0}, z[3] = {0, 0, 1};
  gaze_chain c = panda_arm();
  gaze_pose tool = gaze_chain_fk(&c, q, NULL);
  double out[3];
  near3(tool.pos, 0.088, 0, 0.333 + 0.316 + 0.384 - 0.107 - 0.1034);
  gaze_pose_direction(out, &tool, z);
  near3(out, 0, 0, -1);

  c = ur5e_arm();
  tool = gaze_chain_fk(&c, q, NULL);
  near3(tool.pos, -0.425 - 0.3922, -0.1333 - 0.0996 - 0.15, 0.1625 - 0.0997);
}

static void jacobian_matches(const gaze_chain *c, gaze_rng *r) {
  double q[N], jac[6 * N];
  random_posture(c, r, q);
  gaze_chain_jacobian(c, q, jac);
  for (int i = 0; i < c->n; i++) {
    const double h = 1e-6;
    double keep = q[i], turn[3];
    q[i] = keep + h;
    gaze_pose b = gaze_chain_fk(c, q, NULL);
    q[i] = keep - h;
    gaze_pose a = gaze_chain_fk(c, q, NULL);
    q[i] = keep;
    gaze_quat_error(turn, b.quat, a.quat);
    for (int k = 0; k < 3; k++) {
      assert_true(fabs((b.pos[k] - a.pos[k]) / (2 * h) - jac[k * c->n + i]) < 1e-8);
      assert_true(fabs(turn[k] / (2 * h) - jac[(k + 3) * c->n + i]) < 1e-8);
    }
  }
}

static void test_jacobian_differences(void **state) {
  (void)state;
  gaze_rng r;
  gaze_rng_init(&r, 1, 0);
  gaze_chain arm[3] = {planar_arm(), panda_arm(), ur5e_arm()};
  for (int a = 0; a < 3; a++) {
    arm[a].base.pos[1] = 0.3;
    gaze_quat_axis(arm[a].base.quat, (const double[3]){0, 0, 1}, 1.1);
    for (int trial = 0; trial < 50; trial++) jacobian_matches(&arm[a], &r);
  }
}

static void test_check_refuses(void **state) {
  (void)state;
  gaze_chain c = panda_arm();
  c.joint[2].frame.quat[0] = 2.0;
  assert_int_equal(gaze_chain_check(&c), GAZE_ERR_RANGE);
  c = panda_arm();
  c.joint[6].axis[2] = 0.5;
  assert_int_equal(gaze_chain_check(&c), GAZE_ERR_RANGE);
  c = panda_arm();
  c.joint[0].lo = NAN;
  assert_int_equal(gaze_chain_check(&c), GAZE_ERR_RANGE);
  c = panda_arm();
  c.joint[5].vel = 0.0;
  assert_int_equal(gaze_chain_check(&c), GAZE_ERR_RANGE);
  c = panda_arm();
  c.tool.pos[0] = INFINITY;
  assert_int_equal(gaze_chain_check(&c), GAZE_ERR_RANGE);
  c.n = GAZE_CHAIN_JOINTS_MAX + 1;
  assert_int_equal(gaze_chain_check(&c), GAZE_ERR_ARG);
}

static void test_within(void **state) {
  (void)state;
  gaze_chain c = planar_arm();
  double q[3] = {2.5, -2.5, 0.2};
  assert_true(gaze_chain_within(&c, q, 0.0));
  q[1] = -2.51;
  assert_false(gaze_chain_within(&c, q, 0.0));
  assert_true(gaze_chain_within(&c, q, 0.02));
  q[1] = NAN;
  assert_false(gaze_chain_within(&c, q, 1.0));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pose_algebra),
      cmocka_unit_test(test_quat_columns),
      cmocka_unit_test(test_planar_by_hand),
      cmocka_unit_test(test_known_poses),
      cmocka_unit_test(test_jacobian_differences),
      cmocka_unit_test(test_check_refuses),
      cmocka_unit_test(test_within),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
