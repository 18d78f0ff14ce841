// tests/sim/test_scene.c - the avr-v1 camera, light and primitives, and the grasp geometry.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sim/scene.h"
#include "sim/world.h"

enum { SIZE = 448, SMALL = 224 };

static gaze_body body_at(gaze_shape shape, float half, float x, float y, float z) {
  gaze_body b = {.shape = shape,
                 .half = half,
                 .rgb = {0.5f, 0.5f, 0.5f},
                 .pos = {x, y, z},
                 .rot = {1, 0, 0, 0, 1, 0, 0, 0, 1}};
  return b;
}

static gaze_body cube(float half, float x, float y) {
  return body_at(GAZE_SHAPE_CUBE, half, x, y, half);
}

static void turn(gaze_body *b, float angle) {
  float c = cosf(angle), s = sinf(angle);
  float rot[9] = {c, -s, 0, s, c, 0, 0, 0, 1};
  memcpy(b->rot, rot, sizeof rot);
}

static int open_backend(void **state) {
  gaze_exec *ex = NULL;
  if (gaze_exec_open_cpu(&ex, 1) != GAZE_OK) return -1;
  *state = ex;
  return 0;
}

static int close_backend(void **state) {
  gaze_exec *ex = *state;
  gaze_exec_close(&ex);
  return 0;
}

static int count(gaze_exec *ex, const gaze_body *b, int n, gaze_viewer v, int size, int id) {
  int16_t *ids = malloc((size_t)size * (size_t)size * sizeof *ids);
  assert_non_null(ids);
  assert_int_equal(gaze_scene_render(&gaze_ops_cpu, ex, b, n, &v, size, NULL, NULL, ids), GAZE_OK);
  int sum = 0;
  for (int i = 0; i < size * size; i++) sum += ids[i] == id;
  free(ids);
  return sum;
}

static void test_apparent_size(void **state) {
  gaze_viewer v = {.elevation = 25};
  gaze_body little = cube(0.018f, 0, 0), big = cube(0.036f, 0, 0);
  assert_in_range(count(*state, &little, 1, v, SIZE, 0), 707, 781);  // 744 within 5 %
  assert_in_range(count(*state, &big, 1, v, SIZE, 0), 2843, 3141);   // 2,992 within 5 %
  assert_in_range(count(*state, &big, 1, v, SMALL, 0), 711, 785);    // a quarter of it
}

static double dot(const float *a, const float *b, int step) {
  double s = 0;
  for (int i = 0; i < 3; i++) s += (double)a[step * i] * (double)b[step * i];
  return s;
}

static void test_camera_axes(void **state) {
  (void)state;
  static const float angle[][4] = {{0, 25, 0, 0},   {-90, 15, 40, 30}, {90, 45, -40, -30},
                                   {30, 88, 0, 0},  {0, 88, 20, 15},   {60, 90, 0, 0},
                                   {-30, 20, 10, 0}};
  for (int k = 0; k < 7; k++) {
    gaze_viewer v = {angle[k][0], angle[k][1], angle[k][2], angle[k][3]};
    gaze_camera c = gaze_scene_camera(&v, SIZE);
    for (int i = 0; i < 3; i++)
      for (int j = 0; j < 3; j++) assert_true(fabs(dot(c.rot + i, c.rot + j, 3) - (i == j)) < 1e-6);
    // right-handed: right x up = backwards
    float z = c.rot[3] * c.rot[7] - c.rot[6] * c.rot[4];
    assert_true(fabsf(z - c.rot[2]) < 1e-6f);
    float from[3] = {c.pos[0], c.pos[1], c.pos[2] - 0.03f};
    assert_true(fabs(sqrt(dot(from, from, 1)) - 0.90) < 1e-6);
  }
}

static void seen_at(gaze_viewer v, float x, float y, float z, double px, double py) {
  gaze_camera c = gaze_scene_camera(&v, SIZE);
  float p[3] = {x, y, z}, u = 0, w = 0, depth = 0;
  assert_true(gaze_camera_project(&c, p, &u, &w, &depth));
  assert_true(fabs((double)u - px) < 0.01 && fabs((double)w - py) < 0.01);
}

static void test_projection(void **state) {
  (void)state;
  const double f = 224.0 / tan(21.0 * acos(-1.0) / 180.0);
  gaze_viewer front = {.elevation = 25};
  seen_at(front, 0, 0, 0.03f, 224, 224);                     // the centre of the look
  seen_at(front, 0.1f, 0, 0.03f, 224 + f * 0.1 / 0.9, 224);  // x to the right
  gaze_viewer top = {.elevation = 90};
  seen_at(top, 0.1f, 0, 0.03f, 224 + f * 0.1 / 0.9, 224);
  seen_at(top, 0, 0.1f, 0.03f, 224, 224 - f * 0.1 / 0.9);  // y away is up, even overhead
  gaze_viewer right = {.azimuth = 90, .elevation = 25};
  seen_at(right, 0, 0.1f, 0.03f, 224 + f * 0.1 / 0.9, 224);  // from the right, away is right
  gaze_viewer pan = {.elevation = 25, .pan = 20};
  seen_at(pan, 0, 0, 0.03f, 224 - f * tan(20 * acos(-1.0) / 180), 224);
  gaze_viewer tilt = {.elevation = 25, .tilt = 15};
  seen_at(tilt, 0, 0, 0.03f, 224, 224 + f * tan(15 * acos(-1.0) / 180));

  gaze_camera c = gaze_scene_camera(&front, SIZE);
  float behind[3] = {0, -2, 1}, u, w, depth;
  assert_false(gaze_camera_project(&c, behind, &u, &w, &depth));
}

// The projection and the ray-caster must be the same camera.
static void test_projection_meets_render(void **state) {
  gaze_viewer v = {.azimuth = 30, .elevation = 35, .pan = 8, .tilt = -5};
  gaze_body b = body_at(GAZE_SHAPE_SPHERE, 0.018f, 0.07f, -0.05f, 0.018f);
  int16_t *ids = malloc(SIZE * SIZE * sizeof *ids);
  float *depth = malloc(SIZE * SIZE * sizeof *depth);
  assert_true(ids != NULL && depth != NULL);
  assert_int_equal(gaze_scene_render(&gaze_ops_cpu, *state, &b, 1, &v, SIZE, NULL, depth, ids),
                   GAZE_OK);
  double sx = 0, sy = 0, n = 0;
  for (int i = 0; i < SIZE * SIZE; i++)
    if (ids[i] == 0) sx += i % SIZE + 0.5, sy += i / SIZE + 0.5, n += 1;
  gaze_camera c = gaze_scene_camera(&v, SIZE);
  float u = 0, w = 0, d = 0;
  assert_true(gaze_camera_project(&c, b.pos, &u, &w, &d));
  assert_true(fabs(sx / n - (double)u) < 0.5 && fabs(sy / n - (double)w) < 0.5);
  float nearest = depth[(int)w * SIZE + (int)u];
  assert_true(fabsf(nearest + 0.018f - d) < 3e-4f);
  free(ids);
  free(depth);
}

static void test_prims(void **state) {
  (void)state;
  gaze_body b[3] = {cube(0.036f, 0.1f, 0.1f), cube(0.018f, -0.1f, 0.1f),
                    body_at(GAZE_SHAPE_CYLINDER, 0.018f, 0, -0.1f, 0.018f)};
  b[1].gone = true;
  gaze_prim p[GAZE_SCENE_PRIMS_MAX];
  assert_int_equal(gaze_scene_prims(b, 3, p), 4);
  assert_int_equal(p[0].id, GAZE_SCENE_ID_TABLE);
  assert_true(p[0].pos[2] + p[0].size[2] == 0.0f);  // table top at z = 0
  assert_int_equal(p[1].id, GAZE_SCENE_ID_TRAY);
  assert_true(fabsf(p[1].pos[2] + p[1].size[2] - 0.004f) < 1e-7f);
  assert_int_equal(p[2].id, 0);
  assert_int_equal(p[3].id, 2);  // the index stays when one before is gone
  assert_int_equal(p[3].kind, GAZE_PRIM_CYLINDER);
  assert_true(p[3].size[0] == 0.018f && p[3].size[1] == 0.018f);

  gaze_body many[GAZE_SCENE_BODIES_MAX];
  for (int i = 0; i < GAZE_SCENE_BODIES_MAX; i++) many[i] = b[0];
  assert_in_range(gaze_scene_prims(many, GAZE_SCENE_BODIES_MAX, p), 18, GAZE_SCENE_PRIMS_MAX);
}

static void test_light(void **state) {
  (void)state;
  gaze_light l = gaze_scene_light();
  for (int s = 0; s < 2; s++) assert_true(fabs(dot(l.dir[s], l.dir[s], 1) - 1.0) < 1e-6);
  assert_true(l.ambient == 0.35f && l.strength[0] == 0.55f && l.strength[1] == 0.25f);
  assert_false(l.shadows);
}

// The second look: unit vectors from above, casting shadows; a seed gives one light, another
// another.
static void test_drawn_light(void **state) {
  (void)state;
  gaze_light before = gaze_scene_light_drawn(1000);
  for (uint64_t seed = 0; seed < 50; seed++) {
    gaze_light l = gaze_scene_light_drawn(seed), again = gaze_scene_light_drawn(seed);
    for (int s = 0; s < 2; s++) {
      assert_true(fabs(dot(l.dir[s], l.dir[s], 1) - 1.0) < 1e-6);
      assert_true(l.dir[s][2] > 0.2f && l.dir[s][0] != before.dir[s][0]);
      assert_true(l.strength[s] == again.strength[s] && l.dir[s][0] == again.dir[s][0]);
    }
    // a lit face is neither black nor burnt out
    assert_true(l.ambient >= 0.2f && l.ambient + l.strength[0] + l.strength[1] <= 1.45f);
    assert_true(l.shadows);
    before = l;
  }
}

// The eight CLEVR colours on the lit top of a cube stay well apart.
static void test_colours(void **state) {
  static const uint8_t clevr[8][3] = {{87, 87, 87},   {173, 35, 35}, {42, 75, 215},
                                      {29, 105, 20},  {129, 74, 25}, {129, 38, 192},
                                      {41, 208, 208}, {255, 238, 51}};
  uint8_t *rgb = malloc(SMALL * SMALL * 3);
  int16_t *ids = malloc(SMALL * SMALL * sizeof *ids);
  assert_true(rgb != NULL && ids != NULL);
  double mean[8][3];
  for (int k = 0; k < 8; k++) {
    gaze_body b = cube(0.036f, 0, 0);
    for (int c = 0; c < 3; c++) b.rgb[c] = (float)clevr[k][c] / 255.0f;
    gaze_viewer v = {.elevation = 45, .azimuth = 20};
    assert_int_equal(gaze_scene_render(&gaze_ops_cpu, *state, &b, 1, &v, SMALL, rgb, NULL, ids),
                     GAZE_OK);
    double sum[3] = {0}, n = 0;
    for (int i = 0; i < SMALL * SMALL; i++) {
      if (ids[i] != 0) continue;
      n += 1;
      for (int c = 0; c < 3; c++) sum[c] += rgb[3 * i + c];
    }
    for (int c = 0; c < 3; c++) mean[k][c] = sum[c] / n;
    for (int j = 0; j < k; j++) {
      double d = 0;
      for (int c = 0; c < 3; c++) d += (mean[k][c] - mean[j][c]) * (mean[k][c] - mean[j][c]);
      assert_true(sqrt(d) > 35.0);
    }
  }
  free(rgb);
  free(ids);
}

static void test_render_refuses(void **state) {
  gaze_body b = cube(0.036f, 0, 0);
  gaze_viewer v = {.elevation = 25};
  gaze_ops none = {.name = "none"};
  assert_int_equal(gaze_scene_render(&gaze_ops_cpu, *state, &b, -1, &v, 8, NULL, NULL, NULL),
                   GAZE_ERR_ARG);
  assert_int_equal(gaze_scene_render(&gaze_ops_cpu, *state, &b, 17, &v, 8, NULL, NULL, NULL),
                   GAZE_ERR_ARG);
  assert_int_equal(gaze_scene_render(&gaze_ops_cpu, *state, NULL, 1, &v, 8, NULL, NULL, NULL),
                   GAZE_ERR_ARG);
  assert_int_equal(gaze_scene_render(&none, *state, &b, 1, &v, 8, NULL, NULL, NULL),
                   GAZE_ERR_UNSUPPORTED);
}

static void test_graspable(void **state) {
  (void)state;
  gaze_body b[5] = {cube(0.018f, 0, 0)};
  assert_true(gaze_scene_graspable(b, 1, 0));
  assert_false(gaze_scene_graspable(b, 1, 1));
  assert_false(gaze_scene_graspable(b, 1, -1));

  // a stack: only the top one
  b[1] = body_at(GAZE_SHAPE_CUBE, 0.018f, 0.003f, 0, 0.054f);
  assert_false(gaze_scene_graspable(b, 2, 0));
  assert_true(gaze_scene_graspable(b, 2, 1));
  b[1].gone = true;
  assert_true(gaze_scene_graspable(b, 2, 0));
  assert_false(gaze_scene_graspable(b, 2, 1));

  // neighbours 10 mm away in x: the fingers still fit in y
  b[1] = cube(0.018f, 0.046f, 0);
  b[2] = cube(0.018f, -0.046f, 0);
  assert_true(gaze_scene_graspable(b, 3, 0));
  // one more in y closes both directions
  b[3] = cube(0.018f, 0, 0.046f);
  assert_false(gaze_scene_graspable(b, 4, 0));
  // 30 mm away is enough
  b[3] = cube(0.018f, 0, 0.066f);
  assert_true(gaze_scene_graspable(b, 4, 0));

  // turned by 45 degrees the fingers come diagonally, between the neighbours
  b[3] = cube(0.018f, 0, 0.056f);
  assert_false(gaze_scene_graspable(b, 4, 0));
  turn(&b[0], 0.78539816f);
  b[1].pos[0] = 0.08f, b[2].pos[0] = -0.08f;
  assert_true(gaze_scene_graspable(b, 4, 0));

  // a low neighbour does not reach the fingers of the upper cube of a tower
  gaze_body t[4] = {cube(0.018f, 0, 0), body_at(GAZE_SHAPE_CUBE, 0.018f, 0, 0, 0.054f),
                    cube(0.018f, 0.04f, 0), cube(0.018f, 0, 0.04f)};
  assert_true(gaze_scene_graspable(t, 4, 1));
}

static void test_place(void **state) {
  (void)state;
  const float right[2] = {1, 0}, back[2] = {0, 1};
  float pos[3] = {0};
  gaze_body b[3] = {cube(0.018f, 0, 0)};
  assert_true(gaze_scene_place(b, 1, 0, right, pos));
  assert_true(fabsf(pos[0] - 0.15f) < 1e-6f && pos[1] == 0.0f && fabsf(pos[2] - 0.018f) < 1e-6f);

  // taken from a stack it goes down to the table
  b[0].pos[2] = 0.054f;
  assert_true(gaze_scene_place(b, 1, 0, back, pos));
  assert_true(fabsf(pos[1] - 0.15f) < 1e-6f && fabsf(pos[2] - 0.018f) < 1e-6f);
  b[0].pos[2] = 0.018f;

  // 0.15 taken: 0.12 leaves 2 mm only, 0.13..0.18 overlap, nothing free
  b[1] = cube(0.018f, 0.158f, 0);
  assert_false(gaze_scene_place(b, 2, 0, right, pos));
  // 4 mm farther 0.12 has 6 mm
  b[1].pos[0] = 0.162f;
  assert_true(gaze_scene_place(b, 2, 0, right, pos));
  assert_true(fabsf(pos[0] - 0.12f) < 1e-6f);
  // blocked near, free far
  b[1].pos[0] = 0.118f;
  assert_true(gaze_scene_place(b, 2, 0, right, pos));
  assert_true(fabsf(pos[0] - 0.16f) < 1e-6f);

  // a ball in the corner direction is nearer than its box would be: exact distance counts
  b[1] = body_at(GAZE_SHAPE_SPHERE, 0.018f, 0.15f + 0.018f + 0.0165f, 0.018f + 0.0165f, 0.018f);
  assert_true(gaze_scene_place(b, 2, 0, right, pos));
  assert_true(fabsf(pos[0] - 0.15f) < 1e-6f);

  // 4 mm from the face at 0.15; at 0.12 the corner is 7 mm away
  b[1] = body_at(GAZE_SHAPE_SPHERE, 0.018f, 0.15f, 0.040f, 0.018f);
  assert_true(gaze_scene_place(b, 2, 0, right, pos));
  assert_true(fabsf(pos[0] - 0.12f) < 1e-6f);

  // off the area
  b[0].pos[0] = 0.20f;
  assert_false(gaze_scene_place(b, 1, 0, right, pos));
  // and never onto the tray
  b[0] = cube(0.018f, -0.20f, 0.25f);
  const float left[2] = {-1, 0};
  assert_false(gaze_scene_place(b, 1, 0, left, pos));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_apparent_size),  cmocka_unit_test(test_camera_axes),
      cmocka_unit_test(test_projection),     cmocka_unit_test(test_projection_meets_render),
      cmocka_unit_test(test_prims),          cmocka_unit_test(test_light),
      cmocka_unit_test(test_drawn_light),    cmocka_unit_test(test_colours),
      cmocka_unit_test(test_render_refuses), cmocka_unit_test(test_graspable),
      cmocka_unit_test(test_place),
  };
  return cmocka_run_group_tests(tests, open_backend, close_backend);
}
