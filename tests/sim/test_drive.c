// tests/sim/test_drive.c - an arm driven by joint targets goes there, and nowhere it must not.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sim/world_internal.h"

enum { N = GAZE_CHAIN_JOINTS_MAX };

static const char *const robots[2] = {"panda7", "ur5e6"};

static void test_follows(void **state) {
  (void)state;
  for (int r = 0; r < 2; r++) {
    gaze_world *w = NULL;
    assert_int_equal(gaze_world_open_arm(&w, NULL, 0, robots[r]), GAZE_OK);
    const gaze_arm *arm = gaze_world_arm_of(w);
    double q[N], dq[N], want[N], start = gaze_world_time(w);
    memcpy(want, arm->home, sizeof want);
    for (int i = 0; i < arm->chain.n; i++) want[i] += i % 2 ? -0.1 : 0.1;
    // half way at half the time: the targets move on straight lines, the arm a little behind
    double half[N];
    for (int i = 0; i < N; i++) half[i] = 0.5 * (arm->home[i] + want[i]);
    assert_int_equal(gaze_world_drive(w, half, 1.0, 0.25), GAZE_OK);
    gaze_world_posture(w, q, dq);
    assert_true(fabs(q[0] - arm->home[0]) > 0.03 && fabs(q[0] - half[0]) < 0.02);
    assert_true(fabs(dq[0] - 0.2) < 0.05);
    assert_int_equal(gaze_world_drive(w, want, 1.0, 0.25), GAZE_OK);
    assert_true(fabs(gaze_world_time(w) - start - 0.5) < 1e-9);
    assert_int_equal(gaze_world_drive(w, want, 0.0, 0.5), GAZE_OK);
    gaze_world_posture(w, q, NULL);
    for (int i = 0; i < arm->chain.n; i++) assert_true(fabs(q[i] - want[i]) < 2e-3);
    gaze_world_close(&w);
  }
}

static void test_refused(void **state) {
  (void)state;
  gaze_world *w = NULL;
  double q[N] = {0};
  assert_int_equal(gaze_world_open(&w, NULL, 0), GAZE_OK);
  assert_null(gaze_world_arm_of(w));
  assert_int_equal(gaze_world_drive(w, q, 1.0, 0.05), GAZE_ERR_UNSUPPORTED);
  gaze_world_close(&w);

  assert_int_equal(gaze_world_open_arm(&w, NULL, 0, "panda7"), GAZE_OK);
  const gaze_arm *arm = gaze_world_arm_of(w);
  const size_t bytes = gaze_world_state_bytes(w);
  unsigned char *was = malloc(bytes), *is = malloc(bytes);
  assert_true(was && is);
  gaze_world_save(w, was);
  const double bad[] = {NAN, INFINITY, arm->chain.joint[1].hi + 0.01,
                        arm->chain.joint[1].lo - 0.01};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    memcpy(q, arm->home, sizeof q);
    q[1] = bad[i];
    assert_int_equal(gaze_world_drive(w, q, 1.0, 0.05), GAZE_ERR_ARG);
  }
  const double odd[][2] = {{-0.1, 0.05}, {1.1, 0.05}, {NAN, 0.05}, {1, 0}, {1, 11}, {1, NAN}};
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
    assert_int_equal(gaze_world_drive(w, arm->home, odd[i][0], odd[i][1]), GAZE_ERR_ARG);
  gaze_world_save(w, is);
  assert_memory_equal(was, is, bytes);
  w->d->qvel[2] = NAN;
  assert_int_equal(gaze_world_drive(w, arm->home, 1.0, 0.05), GAZE_ERR_DEVICE);
  free(was);
  free(is);
  gaze_world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_follows),
      cmocka_unit_test(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
