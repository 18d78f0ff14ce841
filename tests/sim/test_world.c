// tests/sim/test_world.c - resting, stacking, picking, moving, and exact restoring.
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sim/world_internal.h"

enum { N = 8 };

static gaze_body body_at(int shape, float half, float x, float y, float z, float yaw) {
  float c = cosf(yaw), s = sinf(yaw);
  gaze_body b = {.shape = (gaze_shape)shape,
                 .half = half,
                 .rgb = {0.5f, 0.5f, 0.5f},
                 .pos = {x, y, z},
                 .rot = {c, -s, 0, s, c, 0, 0, 0, 1}};
  return b;
}

// Eight objects on a grid, every shape and size.
static void spread(gaze_body b[N]) {
  for (int i = 0; i < N; i++) {
    float half = i % 2 ? 0.018f : 0.036f;
    b[i] = body_at(i % 3, half, -0.165f + 0.11f * (float)(i % 4), -0.1f + 0.14f * (float)(i / 4),
                   half, 0.4f * (float)i);
  }
}

static gaze_world *open_world(const gaze_body *b, int n) {
  gaze_world *w = NULL;
  assert_int_equal(gaze_world_open(&w, b, n), GAZE_OK);
  return w;
}

static double distance(const gaze_body *a, const gaze_body *b) {
  double s = 0;
  for (int i = 0; i < 3; i++) {
    double d = (double)a->pos[i] - (double)b->pos[i];
    s += d * d;
  }
  return sqrt(s);
}

static void test_rest_stays(void **state) {
  (void)state;
  gaze_body b[N], now[N];
  spread(b);
  gaze_world *w = open_world(b, N);
  assert_int_equal(gaze_world_settle(w, 2.0), GAZE_OK);
  assert_true(w->d->time < 0.3);  // rest is recognised at once
  gaze_world_bodies(w, now);
  for (int i = 0; i < N; i++) {
    assert_true(distance(&b[i], &now[i]) < 2e-4);
    for (int k = 0; k < 9; k++) assert_true(fabsf(now[i].rot[k] - b[i].rot[k]) < 2e-3f);
    assert_int_equal(now[i].shape, b[i].shape);
  }
  gaze_world_close(&w);
  assert_null(w);
}

static void test_stack_stays(void **state) {
  (void)state;
  // three on each other, and an overhang pair: large on small
  gaze_body b[5] = {body_at(0, 0.018f, 0.05f, 0, 0.018f, 0.05f),
                    body_at(0, 0.018f, 0.052f, 0.002f, 0.054f, -0.05f),
                    body_at(0, 0.018f, 0.05f, 0, 0.090f, 0.08f),
                    body_at(0, 0.018f, -0.1f, 0, 0.018f, 0),
                    body_at(0, 0.036f, -0.098f, 0.003f, 0.072f, 0.3f)};
  gaze_body now[5];
  gaze_world *w = open_world(b, 5);
  assert_int_equal(gaze_world_settle(w, 2.0), GAZE_OK);
  gaze_world_bodies(w, now);
  for (int i = 0; i < 5; i++) assert_true(distance(&b[i], &now[i]) < 5e-4);
  gaze_world_close(&w);
}

static void test_fall(void **state) {
  (void)state;
  // past the balance point the upper cube falls; in the air a ball drops
  gaze_body b[3] = {body_at(0, 0.036f, 0, 0, 0.036f, 0), body_at(0, 0.036f, 0.038f, 0, 0.108f, 0),
                    body_at(1, 0.018f, -0.15f, 0, 0.08f, 0)};
  gaze_body now[3];
  gaze_world *w = open_world(b, 3);
  assert_int_equal(gaze_world_settle(w, 5.0), GAZE_OK);
  gaze_world_bodies(w, now);
  assert_true(now[1].pos[2] < 0.08f);
  assert_true(fabsf(now[2].pos[2] - 0.018f) < 5e-4f);
  gaze_world_close(&w);

  w = open_world(b, 3);
  assert_int_equal(gaze_world_settle(w, 0.02), GAZE_ERR_TIMEOUT);
  gaze_world_close(&w);
}

static void test_pick(void **state) {
  (void)state;
  gaze_body b[N], now[N];
  spread(b);
  gaze_world *w = open_world(b, N);
  for (int i = 0; i < N; i++) {
    gaze_act_status status = GAZE_ACT_TIMEOUT;
    double start = w->d->time;
    assert_int_equal(gaze_world_pick(w, i, &status), GAZE_OK);
    assert_int_equal(status, GAZE_ACT_OK);
    assert_true(w->d->time - start < 8.0);
    gaze_world_bodies(w, now);
    for (int j = 0; j < N; j++) assert_int_equal(now[j].gone, j <= i);
    for (int j = i + 1; j < N; j++) assert_true(distance(&now[j], &b[j]) < 5e-4);
    assert_true(fabsf(now[i].pos[0] + 0.45f) < 0.01f && fabsf(now[i].pos[1] - 0.30f) < 0.01f);
    // a second pick of the same object is refused
    assert_int_equal(gaze_world_pick(w, i, &status), GAZE_OK);
    assert_int_equal(status, GAZE_ACT_BLOCKED);
  }
  assert_int_equal(gaze_world_settle(w, 2.0), GAZE_OK);
  gaze_world_close(&w);
}

static void test_move(void **state) {
  (void)state;
  for (int shape = 0; shape < 3; shape++) {
    for (int k = 0; k < 4; k++) {
      static const float dir[4][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};
      gaze_body b[2] = {
          body_at(shape, k % 2 ? 0.018f : 0.036f, 0, 0, k % 2 ? 0.018f : 0.036f, 0.3f),
          body_at(1, 0.036f, 0.1f, 0.1f, 0.036f, 0)};
      gaze_body now[2];
      gaze_act_status status = GAZE_ACT_TIMEOUT;
      gaze_world *w = open_world(b, 2);
      assert_int_equal(gaze_world_move(w, 0, dir[k], &status), GAZE_OK);
      assert_int_equal(status, GAZE_ACT_OK);
      gaze_world_bodies(w, now);
      assert_true(fabsf(now[0].pos[0] - 0.15f * dir[k][0]) < 0.002f);
      assert_true(fabsf(now[0].pos[1] - 0.15f * dir[k][1]) < 0.002f);
      assert_true(fabsf(now[0].pos[2] - b[0].half) < 0.001f);
      assert_true(distance(&now[1], &b[1]) < 5e-4);
      gaze_world_close(&w);
    }
  }
}

static void test_stack_pick_and_move(void **state) {
  (void)state;
  gaze_body b[4], now[4];
  for (int i = 0; i < 4; i++)
    b[i] = body_at(0, 0.036f, 0, 0.05f, 0.036f + 0.072f * (float)i, 0.02f * (float)i);
  gaze_world *w = open_world(b, 4);
  gaze_act_status status = GAZE_ACT_OK;
  const float right[2] = {1, 0}, left[2] = {-1, 0};
  assert_int_equal(gaze_world_pick(w, 0, &status), GAZE_OK);
  assert_int_equal(status, GAZE_ACT_BLOCKED);
  assert_int_equal(gaze_world_move(w, 2, right, &status), GAZE_OK);
  assert_int_equal(status, GAZE_ACT_BLOCKED);

  assert_int_equal(gaze_world_pick(w, 3, &status), GAZE_OK);
  assert_int_equal(status, GAZE_ACT_OK);
  assert_int_equal(gaze_world_move(w, 2, right, &status), GAZE_OK);
  assert_int_equal(status, GAZE_ACT_OK);
  assert_int_equal(gaze_world_move(w, 1, left, &status), GAZE_OK);
  assert_int_equal(status, GAZE_ACT_OK);
  gaze_world_bodies(w, now);
  assert_true(now[3].gone && distance(&now[0], &b[0]) < 1e-3);
  assert_true(fabsf(now[2].pos[2] - 0.036f) < 1e-3f && fabsf(now[1].pos[2] - 0.036f) < 1e-3f);
  // the places beside the tower are taken now
  assert_int_equal(gaze_world_move(w, 0, right, &status), GAZE_OK);
  assert_int_equal(status, GAZE_ACT_BLOCKED);
  gaze_world_close(&w);
}

// A cube leaning on the picked one falls when its support goes.
static void test_toppled(void **state) {
  (void)state;
  gaze_body b[2] = {body_at(0, 0.036f, 0, 0, 0.036f, 0), body_at(0, 0.018f, 0.062f, 0, 0.03f, 0)};
  // tilted about y so that its upper edge rests against the large cube
  const float c = cosf(0.5f), s = sinf(0.5f);
  const float rot[9] = {c, 0, -s, 0, 1, 0, s, 0, c};
  memcpy(b[1].rot, rot, sizeof rot);
  b[1].pos[0] = 0.036f + 0.018f * (c + s), b[1].pos[2] = 0.018f * (c + s);
  gaze_world *w = open_world(b, 2);
  gaze_act_status status = GAZE_ACT_OK;
  assert_int_equal(gaze_world_pick(w, 0, &status), GAZE_OK);
  assert_int_equal(status, GAZE_ACT_TOPPLED);
  gaze_world_close(&w);
}

// Something stands in the tray: the carried object cannot come down where it should.
static void test_slipped(void **state) {
  (void)state;
  gaze_body b[2] = {body_at(0, 0.018f, 0, 0, 0.018f, 0),
                    body_at(0, 0.036f, -0.45f, 0.30f, 0.040f, 0)};
  gaze_body now[2];
  gaze_world *w = open_world(b, 2);
  gaze_act_status status = GAZE_ACT_OK;
  assert_int_equal(gaze_world_pick(w, 0, &status), GAZE_OK);
  assert_int_equal(status, GAZE_ACT_SLIPPED);
  gaze_world_bodies(w, now);
  assert_false(now[0].gone);
  assert_true(now[0].pos[0] < -0.3f);  // it was carried, and is not in the hand any more
  assert_int_equal(gaze_world_settle(w, 2.0), GAZE_OK);
  gaze_world_close(&w);
}

// A saved state replays bit for bit: in the same world, after other actions, and in another world.
static void test_restore_replays(void **state) {
  (void)state;
  gaze_body b[N], one[N], two[N];
  spread(b);
  gaze_world *w = open_world(b, N), *other = open_world(b, N);
  const float dir[2] = {0, 1};
  gaze_act_status status = GAZE_ACT_OK;
  assert_int_equal(gaze_world_settle(w, 2.0), GAZE_OK);
  assert_int_equal(gaze_world_pick(w, 1, &status), GAZE_OK);

  size_t bytes = gaze_world_state_bytes(w);
  unsigned char *saved = malloc(bytes), *end = malloc(bytes), *again = malloc(bytes);
  assert_true(saved != NULL && end != NULL && again != NULL);
  gaze_world_save(w, saved);
  assert_int_equal(gaze_world_restore(w, saved), GAZE_OK);
  gaze_world_save(w, again);
  assert_memory_equal(saved, again, bytes);

  // without restoring first
  assert_int_equal(gaze_world_move(w, 4, dir, &status), GAZE_OK);
  assert_int_equal(gaze_world_pick(w, 2, &status), GAZE_OK);
  gaze_world_save(w, end);
  gaze_world_bodies(w, one);
  assert_memory_not_equal(saved, end, bytes);

  // the same world rewound, then a fresh world
  for (int k = 0; k < 2; k++) {
    gaze_world *v = k == 0 ? w : other;
    assert_int_equal(gaze_world_restore(v, saved), GAZE_OK);
    assert_int_equal(gaze_world_move(v, 4, dir, &status), GAZE_OK);
    assert_int_equal(gaze_world_pick(v, 2, &status), GAZE_OK);
    gaze_world_save(v, again);
    gaze_world_bodies(v, two);
    assert_memory_equal(end, again, bytes);
    for (int i = 0; i < N; i++) {
      assert_memory_equal(one[i].pos, two[i].pos, sizeof one[i].pos);
      assert_memory_equal(one[i].rot, two[i].rot, sizeof one[i].rot);
    }
  }
  free(saved);
  free(end);
  free(again);
  gaze_world_close(&w);
  gaze_world_close(&other);
}

static void test_restore_refuses(void **state) {
  (void)state;
  gaze_body b[N];
  spread(b);
  gaze_world *w = open_world(b, N);
  b[3].half = 0.02f;
  gaze_world *other = open_world(b, N);
  size_t bytes = gaze_world_state_bytes(w);
  unsigned char *saved = malloc(bytes);
  assert_non_null(saved);
  gaze_world_save(w, saved);
  assert_int_equal(gaze_world_restore(other, saved), GAZE_ERR_FORMAT);
  memset(saved + bytes - 64, 0xff, 64);  // NaN
  assert_int_equal(gaze_world_restore(w, saved), GAZE_ERR_FORMAT);
  assert_int_equal(gaze_world_restore(w, NULL), GAZE_ERR_ARG);
  free(saved);
  gaze_world_close(&w);
  gaze_world_close(&other);
}

static void test_gone_at_open(void **state) {
  (void)state;
  gaze_body b[N], now[N];
  spread(b);
  b[2].gone = true;
  gaze_world *w = open_world(b, N);
  assert_int_equal(gaze_world_settle(w, 2.0), GAZE_OK);
  gaze_world_bodies(w, now);
  assert_true(now[2].gone && distance(&now[2], &b[2]) == 0.0);
  gaze_world_close(&w);
}

static void test_bad_numbers(void **state) {
  (void)state;
  gaze_body b[N];
  spread(b);
  gaze_world *w = open_world(b, N);
  w->d->qvel[3] = NAN;
  gaze_act_status status;
  assert_int_equal(gaze_world_settle(w, 1.0), GAZE_ERR_DEVICE);
  // found before MuJoCo finds it and writes a log file of its own
  assert_non_null(strstr(gaze_err_detail(), "not numbers"));
  assert_int_equal(gaze_world_pick(w, 1, &status), GAZE_ERR_DEVICE);
  gaze_world_close(&w);
}

static void test_open_refuses(void **state) {
  (void)state;
  gaze_body b[1] = {body_at(0, 0.018f, 0, 0, 0.018f, 0)};
  gaze_world *w = NULL;
  assert_int_equal(gaze_world_open(NULL, b, 1), GAZE_ERR_ARG);
  assert_int_equal(gaze_world_open(&w, NULL, 1), GAZE_ERR_ARG);
  assert_int_equal(gaze_world_open(&w, b, 17), GAZE_ERR_ARG);
  b[0].pos[1] = NAN;
  assert_int_equal(gaze_world_open(&w, b, 1), GAZE_ERR_ARG);
  b[0].pos[1] = 0, b[0].half = 0;
  assert_int_equal(gaze_world_open(&w, b, 1), GAZE_ERR_RANGE);
  b[0].half = 0.018f, b[0].shape = (gaze_shape)9;
  assert_int_equal(gaze_world_open(&w, b, 1), GAZE_ERR_RANGE);
  assert_null(w);
  gaze_world_close(&w);
  gaze_world_close(NULL);

  // an empty table is a world too
  assert_int_equal(gaze_world_open(&w, NULL, 0), GAZE_OK);
  assert_int_equal(gaze_world_settle(w, 0.1), GAZE_OK);
  gaze_act_status status;
  const float dir[2] = {0.5f, 0};
  assert_int_equal(gaze_world_pick(w, 0, &status), GAZE_ERR_ARG);
  gaze_world_close(&w);
  b[0] = body_at(0, 0.018f, 0, 0, 0.018f, 0);
  w = open_world(b, 1);
  assert_int_equal(gaze_world_move(w, 0, dir, &status), GAZE_ERR_ARG);
  assert_int_equal(gaze_world_settle(w, -1.0), GAZE_ERR_RANGE);
  gaze_world_close(&w);

  int version = 0;
  assert_int_equal(gaze_world_version(&version), GAZE_OK);
  assert_int_equal(version, mjVERSION_HEADER);
}

typedef struct run {
  gaze_err err;
  gaze_body now[N];
} run;

static void *play(void *ctx) {
  run *r = ctx;
  gaze_body b[N];
  spread(b);
  gaze_world *w = NULL;
  const float dir[2] = {0, 1};
  r->err = gaze_world_open(&w, b, N);
  for (int i = 4; r->err == GAZE_OK && i < N; i++) {
    gaze_act_status status;
    r->err = i % 2 ? gaze_world_pick(w, i, &status) : gaze_world_move(w, i, dir, &status);
  }
  if (w != NULL) gaze_world_bodies(w, r->now);
  gaze_world_close(&w);
  return NULL;
}

static void test_two_threads(void **state) {
  (void)state;
  static run r[3];
  pthread_t thread[2];
  play(&r[2]);
  for (int k = 0; k < 2; k++) assert_int_equal(pthread_create(&thread[k], NULL, play, &r[k]), 0);
  for (int k = 0; k < 2; k++) assert_int_equal(pthread_join(thread[k], NULL), 0);
  for (int k = 0; k < 3; k++) assert_int_equal(r[k].err, GAZE_OK);
  for (int k = 0; k < 2; k++)
    for (int i = 0; i < N; i++)
      assert_memory_equal(r[k].now[i].pos, r[2].now[i].pos, sizeof r[2].now[i].pos);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rest_stays),
      cmocka_unit_test(test_stack_stays),
      cmocka_unit_test(test_fall),
      cmocka_unit_test(test_pick),
      cmocka_unit_test(test_move),
      cmocka_unit_test(test_stack_pick_and_move),
      cmocka_unit_test(test_toppled),
      cmocka_unit_test(test_slipped),
      cmocka_unit_test(test_restore_replays),
      cmocka_unit_test(test_restore_refuses),
      cmocka_unit_test(test_gone_at_open),
      cmocka_unit_test(test_bad_numbers),
      cmocka_unit_test(test_open_refuses),
      cmocka_unit_test(test_two_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
