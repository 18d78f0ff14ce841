// tests/motion/test_ik.c - reachable targets are met, unreachable ones are refused.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "motion/ik.h"
#include "tests/motion/fixture_arm.h"

enum { N = GAZE_CHAIN_JOINTS_MAX, TARGETS = 200 };

// Fails unless q puts the tool on the target within the limits.
static void on_target(const gaze_chain *c, const gaze_ik *ik, const double *q) {
  double turn[3];
  gaze_pose tool = gaze_chain_fk(c, q, NULL);
  assert_true(gaze_vec_distance(tool.pos, ik->target.pos) <= ik->tol_m);
  gaze_quat_error(turn, ik->target.quat, tool.quat);
  assert_true(ik->position_only || sqrt(gaze_vec_dot(turn, turn)) <= ik->tol_rad);
  assert_true(gaze_chain_within(c, q, 0.0));
}

// Targets are the tool poses of random postures; every solve starts from home.
static int found(const gaze_chain *c, const double *home, int targets, int restarts,
                 bool position_only) {
  gaze_rng r;
  gaze_rng_init(&r, 7, 0);
  int hits = 0;
  for (int k = 0; k < targets; k++) {
    double q[N];
    random_posture(c, &r, q);
    gaze_pose target = gaze_chain_fk(c, q, NULL);
    gaze_ik ik = gaze_ik_default(&target);
    ik.position_only = position_only;
    ik.restarts = restarts;
    ik.home = home;
    ik.seed = (uint64_t)k;
    if (gaze_ik_solve(c, &ik, home, q) != GAZE_OK) continue;
    on_target(c, &ik, q);
    hits++;
  }
  return hits;
}

static void test_random_targets(void **state) {
  (void)state;
  const double panda_home[7] = {0, -0.785, 0, -2.356, 0, 1.571, 0.785};
  const double ur5e_home[6] = {-1.571, -1.571, 1.571, -1.571, -1.571, 0};
  gaze_chain panda = panda_arm(), ur5e = ur5e_arm();
  int got[3] = {found(&panda, panda_home, TARGETS, 20, false),
                found(&ur5e, ur5e_home, TARGETS, 20, false),
                found(&panda, panda_home, TARGETS, 20, true)};
  for (int a = 0; a < 3; a++) {
    print_message("arm %d: %d of %d targets found\n", a, got[a], TARGETS);
    assert_true(got[a] >= TARGETS * 99 / 100);
  }
}

// From home alone: a joint that stops at its limit must leave its share to the others (without
// that 79 % are found).
static void test_one_start(void **state) {
  (void)state;
  const double home[7] = {0, -0.785, 0, -2.356, 0, 1.571, 0.785};
  gaze_chain c = panda_arm();
  int got = found(&c, home, 5 * TARGETS, 0, false);
  print_message("one start: %d of %d targets found\n", got, 5 * TARGETS);
  assert_true(got >= 5 * TARGETS * 81 / 100);
}

// In place but turned: the last joint turns the tool about its own axis.
static void test_orientation_counts(void **state) {
  (void)state;
  gaze_chain c = panda_arm();
  double q[7] = {0, -0.785, 0, -2.356, 0, 1.571, 0.785};
  gaze_pose target = gaze_chain_fk(&c, q, NULL);
  gaze_ik ik = gaze_ik_default(&target);
  q[6] -= 0.5;
  assert_int_equal(gaze_ik_solve(&c, &ik, q, q), GAZE_OK);
  on_target(&c, &ik, q);
  assert_true(fabs(q[6] - 0.785) < 0.1);
}

static void test_unreachable(void **state) {
  (void)state;
  gaze_chain c = panda_arm();
  const double home[7] = {0, -0.785, 0, -2.356, 0, 1.571, 0.785};
  double q[7];
  memcpy(q, home, sizeof q);
  gaze_pose target = {.pos = {1.5, 0, 0.5}, .quat = {0, 1, 0, 0}};
  gaze_ik ik = gaze_ik_default(&target);
  assert_int_equal(gaze_ik_solve(&c, &ik, q, q), GAZE_ERR_NOTFOUND);
  assert_non_null(strstr(gaze_err_detail(), "cannot reach (1.500, 0.000, 0.500)"));
  assert_memory_equal(q, home, sizeof q);  // a failure leaves no half solution behind
}

// The planar arm reaches what the law of cosines says and nothing beyond its limits.
static void test_limits_hold(void **state) {
  (void)state;
  gaze_chain c = planar_arm();
  gaze_pose target = {.pos = {0.5, 0, 0.12}, .quat = {1, 0, 0, 0}};
  gaze_ik ik = gaze_ik_default(&target);
  ik.position_only = true;
  double q[3] = {0.3, 0.3, 0};
  assert_int_equal(gaze_ik_solve(&c, &ik, q, q), GAZE_OK);
  on_target(&c, &ik, q);
  assert_true(fabs(cos(q[1]) - (0.25 - 0.16 - 0.09) / 0.24) < 1e-3);
  assert_true(fabs(q[2] - 0.12) < 1e-3);

  ik.target.pos[2] = 0.16;  // the slide ends at 0.2 - 0.05
  assert_int_equal(gaze_ik_solve(&c, &ik, q, q), GAZE_ERR_NOTFOUND);
}

static void test_posture_in_the_null_space(void **state) {
  (void)state;
  gaze_chain c = panda_arm();
  const double start[7] = {1.2, -0.4, -1.2, -2.0, 0.5, 1.8, 0.2};
  const double home[7] = {0, -0.785, 0, -2.356, 0, 1.571, 0.785};
  gaze_pose target = {.pos = {0.5, 0, 0.3}, .quat = {0, 1, 0, 0}};
  gaze_ik ik = gaze_ik_default(&target);
  double free_end[7], posed[7], d_free = 0, d_posed = 0;
  ik.home = start;
  assert_int_equal(gaze_ik_solve(&c, &ik, start, free_end), GAZE_OK);
  ik.home = home;
  assert_int_equal(gaze_ik_solve(&c, &ik, start, posed), GAZE_OK);
  on_target(&c, &ik, posed);
  for (int i = 0; i < 7; i++) {
    d_free += (free_end[i] - home[i]) * (free_end[i] - home[i]);
    d_posed += (posed[i] - home[i]) * (posed[i] - home[i]);
  }
  assert_true(d_posed < d_free);
}

static void test_seeded_and_checked(void **state) {
  (void)state;
  gaze_chain c = panda_arm();
  const double far_off[7] = {2.5, 1.5, -2.5, -0.2, 2.5, 3.5, -2.5};
  gaze_pose target = {.pos = {0.4, -0.2, 0.2}, .quat = {0, 1, 0, 0}};
  gaze_ik ik = gaze_ik_default(&target);
  double a[7], b[7];
  assert_int_equal(gaze_ik_solve(&c, &ik, far_off, a), GAZE_OK);
  assert_int_equal(gaze_ik_solve(&c, &ik, far_off, b), GAZE_OK);
  assert_memory_equal(a, b, sizeof a);

  ik.target.quat[1] = NAN;
  assert_int_equal(gaze_ik_solve(&c, &ik, far_off, a), GAZE_ERR_ARG);
  ik = gaze_ik_default(&target);
  ik.iterations = 0;
  assert_int_equal(gaze_ik_solve(&c, &ik, far_off, a), GAZE_ERR_ARG);
  ik = gaze_ik_default(&target);
  const double bad[7] = {NAN};
  assert_int_equal(gaze_ik_solve(&c, &ik, bad, a), GAZE_ERR_ARG);
}

// A target that runs along a line is followed, one out of reach is neared within the limits, and
// none at all moves nothing.
static void test_toward(void **state) {
  (void)state;
  gaze_chain c = panda_arm();
  const double home[7] = {0, -0.785, 0, -2.356, 0, 1.571, 0.785};
  double q[7], before[7];
  memcpy(q, home, sizeof q);
  gaze_pose target = gaze_chain_fk(&c, q, NULL);
  gaze_ik ik = gaze_ik_default(&target);
  ik.iterations = 4, ik.home = home;
  assert_int_equal(gaze_ik_toward(&c, &ik, q, q), GAZE_OK);
  assert_memory_equal(q, home, sizeof q);
  for (int k = 0; k < 10; k++) {
    ik.target.pos[0] += 0.01, ik.target.pos[2] -= 0.02;
    assert_int_equal(gaze_ik_toward(&c, &ik, q, q), GAZE_OK);
    gaze_pose tool = gaze_chain_fk(&c, q, NULL);
    assert_true(gaze_vec_distance(tool.pos, ik.target.pos) < 1e-3);
  }
  ik.target.pos[0] = 3.0;
  double far = INFINITY;
  for (int k = 0; k < 20; k++) {
    assert_int_equal(gaze_ik_toward(&c, &ik, q, q), GAZE_OK);
    assert_true(gaze_chain_within(&c, q, 0.0));
  }
  far = gaze_vec_distance(gaze_chain_fk(&c, q, NULL).pos, ik.target.pos);
  assert_true(far < 3.0 - 0.45 && far > 2.0);
  ik.target.pos[0] = NAN;
  memcpy(before, q, sizeof q);
  assert_int_equal(gaze_ik_toward(&c, &ik, q, q), GAZE_ERR_ARG);
  assert_memory_equal(q, before, sizeof q);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_random_targets),     cmocka_unit_test(test_one_start),
      cmocka_unit_test(test_orientation_counts), cmocka_unit_test(test_unreachable),
      cmocka_unit_test(test_limits_hold),        cmocka_unit_test(test_posture_in_the_null_space),
      cmocka_unit_test(test_seeded_and_checked), cmocka_unit_test(test_toward),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
