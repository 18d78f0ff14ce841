// tests/envs/test_trajectory.c - paths: the oracle's are gone by both arms, others fail as they
// should.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "envs/trajectory/env_trajectory.h"
#include "envs/trajectory/route.h"
#include "sim/world_internal.h"
#include "tests/envs/fixture_tabletop.h"

static const gaze_env *const env = &gaze_env_trajectory;
static const char *const fast[] = {"trajectory.execute=false", NULL};
static const char *const there[] = {"trajectory.absent=0", NULL};
static const char *const fast_there[] = {"trajectory.execute=false", "trajectory.absent=0", NULL};

static void test_oracle(void **state) {
  (void)state;
  for (int r = 0; r < 2; r++) {
    char robot[64];
    snprintf(robot, sizeof robot, "trajectory.robot=%s", tabletop_robots[r]);
    const char *const more[] = {robot, NULL};
    tabletop *t = tabletop_test_open(env, more);
    tabletop_test_oracle(env, t, 0, 6);
    tabletop_test_close(env, t);
  }
}

static void test_geometry(void **state) {
  (void)state;
  tabletop *t = tabletop_test_open(env, fast);
  const int absent = tabletop_test_oracle(env, t, 0, 80);
  assert_true(absent > 1 && absent < 20);
  tabletop_test_close(env, t);
}

// The waypoints of the truth.
static int truth_path(const tabletop *t, double (*point)[2]) {
  gaze_vla_r1_reply r;
  gaze_vla_r1_parse(t->truth.reply, strlen(t->truth.reply), point, TABLETOP_POINTS_MAX, &r);
  assert_int_equal(r.kind, GAZE_VLA_R1_PATH);
  assert_true(r.points >= 4 && r.points <= TABLETOP_POINTS_MAX);
  return r.points;
}

static const char *reply_of(const double (*point)[2], int n) {
  static char text[512];  // of the latest reply
  int at = snprintf(text, sizeof text, "<think>t</think><output>[");
  for (int i = 0; i < n; i++)
    at += snprintf(text + at, sizeof text - (size_t)at, "%s[%.4f, %.4f]", i ? ", " : "",
                   point[i][0], point[i][1]);
  snprintf(text + at, sizeof text - (size_t)at, "]</output>");
  return text;
}

// Wrong ends fail though everything between is right: another object at the start, another place at
// the end, the path turned round.
static void test_wrong_ends(void **state) {
  (void)state;
  tabletop *t = tabletop_test_open(env, fast_there);
  int others = 0;
  for (uint64_t seed = 0; seed < 12; seed++) {
    double p[TABLETOP_POINTS_MAX][2], q[TABLETOP_POINTS_MAX][2];
    tabletop_test_reset(env, t, seed);
    const int n = truth_path(t, p);
    for (int k = 0; k < n; k++) memcpy(q[k], p[n - 1 - k], sizeof q[k]);
    gaze_outcome out = tabletop_test_step(env, t, reply_of((const double(*)[2])q, n));
    assert_false(out.correct);
    assert_true(out.reward < 0.9f);

    for (int i = 1; i < t->task.scene.n; i++) {
      if (t->view.pixels[i] < 400) continue;
      tabletop_test_reset(env, t, seed);
      memcpy(q, p, sizeof q);
      for (int k = 0; k < 2; k++) q[0][k] = 0.5 * (t->view.box[i][k] + t->view.box[i][2 + k]);
      out = tabletop_test_step(env, t, reply_of((const double(*)[2])q, n));
      assert_false(out.correct);
      others += strcmp(out.status, "ok") == 0;
      break;
    }

    tabletop_test_reset(env, t, seed);
    memcpy(q, p, sizeof q);
    q[n - 1][1] = 0.93;
    out = tabletop_test_step(env, t, reply_of((const double(*)[2])q, n));
    assert_false(out.correct);
    assert_true((double)out.goal_dist > 0.03);
  }
  assert_true(others > 0);
  tabletop_test_close(env, t);
}

static void test_nothing(void **state) {
  (void)state;
  static const struct {
    const char *payload, *status;
  } row[] = {
      {"[[0.5, 0.01], [0.5, 0.5], [0.6, 0.6]]", "no_depth"},
      {"[[0.5, 0.97], [0.5, 0.5], [0.6, 0.6]]", "missed"},
      {"{}", "ok"},
      {"{\"x\": 0.5, \"y\": 0.5, \"width\": 0.1, \"height\": 0.1}", "invalid"},
  };
  tabletop *t = tabletop_test_open(env, there);
  char reply[256];
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    tabletop_test_reset(env, t, 31);
    const gaze_outcome out =
        tabletop_test_step(env, t, tabletop_test_wrap(reply, sizeof reply, row[i].payload));
    if (strcmp(out.status, row[i].status) != 0) fail_msg("row %zu: %s", i, out.status);
    assert_true(!out.correct && out.terminated);
  }
  tabletop_test_close(env, t);
}

static void test_absent(void **state) {
  (void)state;
  const char *const more[] = {"trajectory.absent=1", NULL};
  tabletop *t = tabletop_test_open(env, more);
  assert_int_equal(tabletop_test_oracle(env, t, 40, 4), 4);
  tabletop_test_reset(env, t, 41);
  const double p[3][2] = {{0.5, 0.5}, {0.5, 0.4}, {0.6, 0.6}};
  assert_false(tabletop_test_step(env, t, reply_of(p, 3)).correct);
  tabletop_test_close(env, t);
}

// A path whose straight line is blocked by a large object, gone straight: geometry refuses, the arm
// too (at the first such table: it costs much more). Around it both go.
static void test_obstacle(void **state) {
  (void)state;
  uint64_t first = 0;
  for (int run = 0; run < 2; run++) {
    tabletop *t = tabletop_test_open(env, run ? there : fast_there);
    const int wanted = run ? 1 : 3;
    int blocked = 0;
    for (uint64_t seed = first; blocked < wanted && seed < first + 60; seed++) {
      double p[TABLETOP_POINTS_MAX][2], q[3][2], spot[3];
      tabletop_test_reset(env, t, seed);
      const int n = truth_path(t, p);
      const route w = route_of(t->now, t->task.scene.n, 0);
      const double from[2] = {(double)t->now[0].pos[0], (double)t->now[0].pos[1]};
      assert_true(tabletop_surface(&t->view, p[n - 1], spot));
      if (n == 4 || route_line(&w, -1, from, spot) > -0.01) continue;
      const double middle[3] = {0.5 * (from[0] + spot[0]), 0.5 * (from[1] + spot[1]), w.z};
      memcpy(q[0], p[0], sizeof q[0]);
      memcpy(q[2], p[n - 1], sizeof q[2]);
      assert_true(tabletop_project(&t->view, middle, q[1]));
      gaze_outcome out = tabletop_test_step(env, t, reply_of((const double(*)[2])q, 3));
      if (strcmp(out.status, "blocked") != 0 || out.correct)
        fail_msg("seed %d: %s", (int)seed, out.status);
      tabletop_test_reset(env, t, seed);
      out = tabletop_test_step(env, t, t->truth.reply);
      assert_true(out.correct);
      if (blocked++ == 0 && run == 0) first = seed;
    }
    assert_int_equal(blocked, wanted);
    tabletop_test_close(env, t);
  }
}

// The rule of the inner points: the truth's, read back, are where its route was planned.
static void test_carrying_plane(void **state) {
  (void)state;
  tabletop *t = tabletop_test_open(env, fast_there);
  for (uint64_t seed = 0; seed < 20; seed++) {
    double p[TABLETOP_POINTS_MAX][2], spot[3], at[3];
    tabletop_test_reset(env, t, seed);
    const int n = truth_path(t, p);
    const route w = route_of(t->now, t->task.scene.n, 0);
    const gaze_body *b = &t->now[0];
    assert_true(fabs(w.z - (double)b->pos[2] - 0.07) < 1e-6);
    // over its place, and over the spot
    assert_true(tabletop_plane(&t->view, p[1], w.z, at));
    assert_true(hypot(at[0] - (double)b->pos[0], at[1] - (double)b->pos[1]) < 0.002);
    assert_true(tabletop_surface(&t->view, p[n - 1], spot) && spot[2] < 0.006);
    assert_true(tabletop_plane(&t->view, p[n - 2], w.z, at));
    assert_true(hypot(at[0] - spot[0], at[1] - spot[1]) < 0.003);
    double last[2] = {(double)b->pos[0], (double)b->pos[1]};
    for (int k = 1; k < n - 1; k++) {
      assert_true(tabletop_plane(&t->view, p[k], w.z, at));
      assert_true(route_line(&w, -1, last, at) > ROUTE_CLEAR - 0.002);
      memcpy(last, at, sizeof last);
    }
  }
  tabletop_test_close(env, t);
}

// A route round a wall of large cubes, and none where the goal is walled in.
static void test_route(void **state) {
  (void)state;
  gaze_body b[10] = {{.shape = GAZE_SHAPE_CUBE, .half = 0.018f, .pos = {0, -0.2f, 0.018f}}};
  for (int i = 0; i < 10; i++)
    for (int k = 0; k < 9; k += 4) b[i].rot[k] = 1.0f;
  for (int i = 1; i < 6; i++) {
    b[i].shape = GAZE_SHAPE_CUBE, b[i].half = 0.036f;
    b[i].pos[0] = 0.08f * (float)(i - 3), b[i].pos[1] = 0.0f, b[i].pos[2] = 0.036f;
  }
  const double from[2] = {0, -0.2}, to[2] = {0, 0.2}, inside[2] = {0, 0.10};
  double corner[6][2], last[2] = {from[0], from[1]}, length = 0.0;
  route w = route_of(b, 6, 0);
  assert_true(route_line(&w, -1, from, to) < 0.0 && route_line(&w, 3, from, to) < 0.0);
  assert_true(route_line(&w, 1, from, to) > 0.05);
  const int n = route_find(&w, from, to, corner, 6);
  assert_true(n >= 1 && n <= 3);
  for (int k = 0; k <= n; k++) {
    const double *next = k < n ? corner[k] : to;
    assert_true(route_line(&w, -1, last, next) >= ROUTE_CLEAR);
    length += hypot(next[0] - last[0], next[1] - last[1]);
    memcpy(last, next, sizeof last);
  }
  // round the end of the wall at 196 mm; 0.65 m would be the shortest way
  assert_true(length > 0.64 && length < 0.70);
  assert_int_equal(route_find(&w, from, to, corner, 0), -1);
  // over a small one there is a way
  b[3].half = 0.018f, b[3].pos[2] = 0.018f;
  assert_true(route_room(&w, 3, inside) > 0.0);

  static const float wall[4][2] = {{-0.1f, 0.1f}, {0.1f, 0.1f}, {0.0f, 0.2f}, {0.0f, 0.0f}};
  for (int i = 6; i < 10; i++) {
    b[i].shape = GAZE_SHAPE_CUBE, b[i].half = 0.036f;
    b[i].pos[0] = wall[i - 6][0], b[i].pos[1] = wall[i - 6][1], b[i].pos[2] = 0.036f;
  }
  w = route_of(b, 10, 0);
  assert_int_equal(route_find(&w, from, inside, corner, 6), -1);
  const double beyond[2] = {0, 0.6};
  assert_int_equal(route_find(&w, from, beyond, corner, 6), -1);
}

// A neighbour that was moved spoils it, wherever the object itself ends.
static void test_others_stay(void **state) {
  (void)state;
  tabletop *t = tabletop_test_open(env, there);
  const gaze_obs obs = tabletop_test_reset(env, t, 2);
  assert_true(obs.truth->boxes > 1);
  // the last object is not where the environment saw it
  t->now[t->task.scene.n - 1].pos[2] += 0.006f;
  gaze_outcome out = tabletop_test_step(env, t, t->truth.reply);
  assert_string_equal(out.status, "ok");
  assert_false(out.correct);
  tabletop_test_reset(env, t, 2);
  t->now[t->task.scene.n - 1].pos[2] += 0.004f;
  out = tabletop_test_step(env, t, t->truth.reply);
  assert_true(out.correct);
  tabletop_test_close(env, t);
}

static void test_places(void **state) {
  (void)state;
  static const char *const words[] = {" to the left of the ", " to the right of the ",
                                      " in front of the ", " behind the ", " into the tray."};
  tabletop *t = tabletop_test_open(env, fast_there);
  int said[5] = {0}, around = 0;
  for (uint64_t seed = 0; seed < 80; seed++) {
    double p[TABLETOP_POINTS_MAX][2];
    const gaze_obs obs = tabletop_test_reset(env, t, seed);
    for (int k = 0; k < 5; k++) said[k] += strstr(obs.text, words[k]) != NULL;
    assert_int_equal(strncmp(obs.text, "move the ", 9), 0);
    around += truth_path(t, p) > 4;
  }
  for (int k = 0; k < 5; k++) assert_true(said[k] > 2);
  assert_int_equal(said[0] + said[1] + said[2] + said[3] + said[4], 80);
  assert_true(around > 5);
  tabletop_test_close(env, t);
}

static void test_seam(void **state) {
  (void)state;
  tabletop_test_equal_seeds(env, NULL);
  tabletop_test_malformed(env, fast_there);
  tabletop_test_fault(env, there);
}

static void test_slips(void **state) {
  (void)state;
  tabletop *t = tabletop_test_open(env, there);
  tabletop_test_reset(env, t, 50);
  for (int g = 0; g < t->world->m->ngeom; g++)
    if (t->world->m->geom_priority[g] > 0) t->world->m->geom_friction[3 * g] = 1e-5;
  const gaze_outcome out = tabletop_test_step(env, t, t->truth.reply);
  assert_string_equal(out.status, "slipped");
  assert_false(out.correct);
  tabletop_test_close(env, t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_oracle),     cmocka_unit_test(test_geometry),
      cmocka_unit_test(test_wrong_ends), cmocka_unit_test(test_nothing),
      cmocka_unit_test(test_absent),     cmocka_unit_test(test_obstacle),
      cmocka_unit_test(test_route),      cmocka_unit_test(test_carrying_plane),
      cmocka_unit_test(test_places),     cmocka_unit_test(test_others_stay),
      cmocka_unit_test(test_seam),       cmocka_unit_test(test_slips),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
