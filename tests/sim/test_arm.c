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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pick),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
