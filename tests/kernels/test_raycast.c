// tests/kernels/test_raycast.c - known rays for every primitive, and all paths bit for bit.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/rng.h"
#include "kernels/cpu/raycast_internal.h"

enum { PATHS = 3, GUARD = 64 };

static const float IDENTITY[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
static const float Z_TO_X[9] = {0, 0, 1, 0, 1, 0, -1, 0, 0};  // axis z of the frame lies along x
static const float Y_45[9] = {0.70710678f, 0, 0.70710678f, 0, 1, 0, -0.70710678f, 0, 0.70710678f};

typedef struct shot {
  float depth;
  int id;
  uint8_t rgb[3];
} shot;

static gaze_light light_of(void) {
  gaze_light l = {.dir = {{0, 0, 1}, {1, 0, 0}},
                  .strength = {0.5f, 0.25f},
                  .ambient = 0.2f,
                  .background = {0.0f, 0.5f, 1.0f}};
  return l;
}

static gaze_prim prim_of(int kind, float x, float y, float z, float s0, float s1, float s2) {
  gaze_prim p = {.pos = {x, y, z}, .size = {s0, s1, s2}, .rgb = {1, 1, 1}, .kind = kind, .id = 7};
  memcpy(p.rot, IDENTITY, sizeof p.rot);
  return p;
}

static gaze_prim turned(gaze_prim p, const float rot[9]) {
  memcpy(p.rot, rot, sizeof p.rot);
  return p;
}

// One ray from the origin along (tx, ty, -1), on every path; all must agree exactly.
static shot shoot_lit(const gaze_prim *prims, int n, float tx, float ty, gaze_light light) {
  shot first = {0};
  for (int path = 0; path < PATHS; path++) {
    if (!gaze_ray_path_ok((gaze_ray_path)path)) continue;
    shot s = {.depth = -1.0f, .id = -5};
    int16_t id = -5;
    gaze_raycast a = {.rgb = s.rgb,
                      .depth = &s.depth,
                      .ids = &id,
                      .prims = prims,
                      .n = n,
                      .cam = {.fx = 1, .fy = 1, .cx = 0.5f - tx, .cy = 0.5f + ty, .w = 1, .h = 1},
                      .light = light};
    memcpy(a.cam.rot, IDENTITY, sizeof a.cam.rot);
    assert_int_equal(gaze_raycast_with(NULL, &a, (gaze_ray_path)path), GAZE_OK);
    s.id = id;
    if (path == 0) first = s;
    assert_memory_equal(&s.depth, &first.depth, sizeof s.depth);
    assert_memory_equal(s.rgb, first.rgb, 3);
    assert_int_equal(s.id, first.id);
  }
  return first;
}

static shot shoot(gaze_prim p, float tx, float ty) {
  return shoot_lit(&p, 1, tx, ty, light_of());
}

static void hits(gaze_prim p, float tx, float ty, double depth) {
  shot s = shoot(p, tx, ty);
  assert_int_equal(s.id, 7);
  assert_true(fabs((double)s.depth - depth) < 1e-5);
}

static void misses(gaze_prim p, float tx, float ty) {
  static const uint8_t background[3] = {0, 128, 255};
  shot s = shoot(p, tx, ty);
  assert_int_equal(s.id, -1);
  assert_true(s.depth == 0.0f);
  assert_memory_equal(s.rgb, background, 3);
}

static void test_plane(void **state) {
  (void)state;
  hits(prim_of(GAZE_PRIM_PLANE, 0, 0, -5, 0, 0, 0), 0, 0, 5.0);
  hits(prim_of(GAZE_PRIM_PLANE, 0, 0, -5, 0, 0, 0), 3, -2, 5.0);  // depth is not distance
  hits(turned(prim_of(GAZE_PRIM_PLANE, 0, 0, -5, 0, 0, 0), Y_45), 0.5f, 0, 10.0);
  hits(prim_of(GAZE_PRIM_PLANE, 0, 0, -5, 1, 2, 0), 0.199f, 0.399f, 5.0);
  misses(prim_of(GAZE_PRIM_PLANE, 0, 0, -5, 1, 2, 0), 0.201f, 0);
  misses(prim_of(GAZE_PRIM_PLANE, 0, 0, -5, 1, 2, 0), 0, -0.401f);
  misses(prim_of(GAZE_PRIM_PLANE, 0, 0, 5, 0, 0, 0), 0, 0);
  misses(turned(prim_of(GAZE_PRIM_PLANE, 1, 0, -5, 0, 0, 0), Z_TO_X), 0, 0);  // parallel
}

static void test_box(void **state) {
  (void)state;
  hits(prim_of(GAZE_PRIM_BOX, 0, 0, -5, 0.5f, 1, 2), 0, 0, 3.0);
  hits(turned(prim_of(GAZE_PRIM_BOX, 0, 0, -5, 1, 1, 1), Y_45), 0, 0, 5.0 - sqrt(2.0));
  hits(prim_of(GAZE_PRIM_BOX, 2, 0, -5, 1, 1, 1), 0.2f, 0, 5.0);  // side face x = 1 at depth 5
  hits(prim_of(GAZE_PRIM_BOX, 0, 0, -5, 1, 1, 1), 0.2499f, 0, 4.0);
  misses(prim_of(GAZE_PRIM_BOX, 0, 0, -5, 1, 1, 1), 0.2501f, 0);
  misses(prim_of(GAZE_PRIM_BOX, 0, 0, 5, 1, 1, 1), 0, 0);
  hits(prim_of(GAZE_PRIM_BOX, 0.2f, 0, -0.5f, 1, 1, 1), 0, 0, 1.5);  // from inside
}

static void test_sphere(void **state) {
  (void)state;
  hits(prim_of(GAZE_PRIM_SPHERE, 0, 0, -5, 1, 0, 0), 0, 0, 4.0);
  hits(prim_of(GAZE_PRIM_SPHERE, 0.6f, 0, -5, 1, 0, 0), 0, 0, 4.2);
  hits(turned(prim_of(GAZE_PRIM_SPHERE, 0, 0.6f, -5, 1, 0, 0), Y_45), 0, 0, 4.2);
  hits(prim_of(GAZE_PRIM_SPHERE, 0.999f, 0, -5, 1, 0, 0), 0, 0, 5.0 - sqrt(1 - 0.999 * 0.999));
  misses(prim_of(GAZE_PRIM_SPHERE, 1.001f, 0, -5, 1, 0, 0), 0, 0);
  misses(prim_of(GAZE_PRIM_SPHERE, 0, 0, 5, 1, 0, 0), 0, 0);
  hits(prim_of(GAZE_PRIM_SPHERE, 0, 0, 0.5f, 1, 0, 0), 0, 0, 0.5);  // from inside
}

static void test_cylinder(void **state) {
  (void)state;
  hits(prim_of(GAZE_PRIM_CYLINDER, 0, 0, -5, 1, 0.5f, 0), 0, 0, 4.5);  // along its axis: the cap
  hits(prim_of(GAZE_PRIM_CYLINDER, 0.9f, 0, -5, 1, 0.5f, 0), 0, 0, 4.5);
  misses(prim_of(GAZE_PRIM_CYLINDER, 1.1f, 0, -5, 1, 0.5f, 0), 0, 0);
  hits(turned(prim_of(GAZE_PRIM_CYLINDER, 0, 0, -5, 1, 0.5f, 0), Z_TO_X), 0, 0, 4.0);
  hits(turned(prim_of(GAZE_PRIM_CYLINDER, 0, 0.6f, -5, 1, 0.5f, 0), Z_TO_X), 0, 0, 4.2);
  misses(turned(prim_of(GAZE_PRIM_CYLINDER, 0.51f, 0, -5, 1, 0.5f, 0), Z_TO_X), 0, 0);
  misses(prim_of(GAZE_PRIM_CYLINDER, 0, 0, 5, 1, 0.5f, 0), 0, 0);
  hits(prim_of(GAZE_PRIM_CYLINDER, 0, 0, 0, 1, 0.5f, 0), 0, 0, 0.5);
}

static void test_capsule(void **state) {
  (void)state;
  hits(prim_of(GAZE_PRIM_CAPSULE, 0, 0, -5, 1, 0.5f, 0), 0, 0, 3.5);
  hits(prim_of(GAZE_PRIM_CAPSULE, 0.6f, 0, -5, 1, 0.5f, 0), 0, 0, 5.0 - 0.5 - 0.8);
  hits(turned(prim_of(GAZE_PRIM_CAPSULE, 0.4f, 0.6f, -5, 1, 0.5f, 0), Z_TO_X), 0, 0, 4.2);
  hits(turned(prim_of(GAZE_PRIM_CAPSULE, 1.1f, 0, -5, 1, 0.5f, 0), Z_TO_X), 0, 0, 4.2);  // end ball
  misses(turned(prim_of(GAZE_PRIM_CAPSULE, 1.3f, 0.7f, -5, 1, 0.5f, 0), Z_TO_X), 0, 0);
  hits(prim_of(GAZE_PRIM_CAPSULE, 0, 0, -5, 1, 0, 0), 0, 0, 4.0);  // no length: a sphere
  misses(prim_of(GAZE_PRIM_CAPSULE, 0, 0, 5, 1, 0.5f, 0), 0, 0);
  hits(prim_of(GAZE_PRIM_CAPSULE, 0, 0, 0, 1, 0.5f, 0), 0, 0, 1.5);
}

static void test_ellipsoid(void **state) {
  (void)state;
  hits(prim_of(GAZE_PRIM_ELLIPSOID, 0, 0, -5, 2, 3, 0.5f), 0, 0, 4.5);
  hits(prim_of(GAZE_PRIM_ELLIPSOID, 1.2f, 0, -5, 2, 3, 0.5f), 0, 0, 5.0 - 0.8 * 0.5);
  hits(turned(prim_of(GAZE_PRIM_ELLIPSOID, 0, 0, -5, 2, 3, 0.5f), Z_TO_X), 0, 0, 3.0);
  misses(prim_of(GAZE_PRIM_ELLIPSOID, 0, 3.01f, -5, 2, 3, 0.5f), 0, 0);
  misses(prim_of(GAZE_PRIM_ELLIPSOID, 0, 0, 5, 2, 3, 0.5f), 0, 0);
  hits(prim_of(GAZE_PRIM_ELLIPSOID, 0, 0, 0, 2, 3, 0.5f), 0, 0, 0.5);
}

static void test_nearest_and_ties(void **state) {
  (void)state;
  gaze_prim p[3] = {prim_of(GAZE_PRIM_BOX, 0, 0, -5, 1, 1, 1),
                    prim_of(GAZE_PRIM_SPHERE, 0, 0, -3, 1, 0, 0),
                    prim_of(GAZE_PRIM_SPHERE, 0, 0, -3, 1, 0, 0)};
  p[0].id = 1, p[1].id = 32766, p[2].id = 3;
  shot s = shoot_lit(p, 3, 0, 0, light_of());
  assert_int_equal(s.id, 32766);
  assert_true(fabsf(s.depth - 2.0f) < 1e-6f);
  s = shoot_lit(p, 1, 0, 0, light_of());
  assert_int_equal(s.id, 1);
  assert_int_equal(shoot_lit(NULL, 0, 0, 0, light_of()).id, -1);
}

static int grey(double light) {
  return (int)floor(255.0 * fmin(light, 1.0) + 0.5);
}

static void test_shading(void **state) {
  (void)state;
  const double key = 0.5, fill = 0.25, ambient = 0.2;
  // faces the key light; the fill light is level with it
  assert_int_equal(shoot(prim_of(GAZE_PRIM_PLANE, 0, 0, -5, 0, 0, 0), 0, 0).rgb[0],
                   grey(ambient + key));
  // the far wall of a box seen from inside is lit towards the viewer
  assert_int_equal(shoot(prim_of(GAZE_PRIM_BOX, 0, 0, 0, 1, 1, 1), 0, 0).rgb[1],
                   grey(ambient + key));
  // normals (0.6, 0, 0.8) on the left and (-0.6, 0, 0.8) on the right of a ball
  assert_int_equal(shoot(prim_of(GAZE_PRIM_SPHERE, -0.6f, 0, -5, 1, 0, 0), 0, 0).rgb[2],
                   grey(ambient + 0.8 * key + 0.6 * fill));
  assert_int_equal(shoot(prim_of(GAZE_PRIM_SPHERE, 0.6f, 0, -5, 1, 0, 0), 0, 0).rgb[0],
                   grey(ambient + 0.8 * key));
  assert_int_equal(shoot(turned(prim_of(GAZE_PRIM_BOX, 0.1f, 0, -5, 1, 1, 1), Y_45), 0, 0).rgb[0],
                   grey(ambient + sqrt(0.5) * key));
  assert_int_equal(shoot(prim_of(GAZE_PRIM_CYLINDER, 0.9f, 0, -5, 1, 0.5f, 0), 0, 0).rgb[0],
                   grey(ambient + key));
  assert_int_equal(
      shoot(turned(prim_of(GAZE_PRIM_CYLINDER, 0, 0.6f, -5, 1, 0.5f, 0), Z_TO_X), 0, 0).rgb[0],
      grey(ambient + 0.8 * key));
  assert_int_equal(
      shoot(turned(prim_of(GAZE_PRIM_CAPSULE, 1.1f, 0, -5, 1, 0.5f, 0), Z_TO_X), 0, 0).rgb[0],
      grey(ambient + 0.8 * key));
  assert_int_equal(
      shoot(turned(prim_of(GAZE_PRIM_CAPSULE, 0.4f, 0.6f, -5, 1, 0.5f, 0), Z_TO_X), 0, 0).rgb[0],
      grey(ambient + 0.8 * key));

  // ellipsoid x = -1.2 of radii 2, 3, 0.5: gradient (0.3, 0, 1.6), normalised
  double len = sqrt(0.3 * 0.3 + 1.6 * 1.6);
  assert_int_equal(shoot(prim_of(GAZE_PRIM_ELLIPSOID, -1.2f, 0, -5, 2, 3, 0.5f), 0, 0).rgb[0],
                   grey(ambient + 1.6 / len * key + 0.3 / len * fill));

  // colour scales each channel, and the sum is clamped
  gaze_prim p = prim_of(GAZE_PRIM_PLANE, 0, 0, -5, 0, 0, 0);
  gaze_light l = light_of();
  p.rgb[0] = 0.1f, p.rgb[1] = 0.0f, p.rgb[2] = 0.9f;
  l.ambient = 0.9f;
  shot s = shoot_lit(&p, 1, 0, 0, l);
  assert_int_equal(s.rgb[0], grey(0.1 * 1.4));
  assert_int_equal(s.rgb[1], 0);
  assert_int_equal(s.rgb[2], 255);
}

static void test_shadows(void **state) {
  (void)state;
  for (int kind = GAZE_PRIM_PLANE; kind <= GAZE_PRIM_ELLIPSOID; kind++) {
    gaze_light l = light_of();
    // the light comes along (0.6, 0, 0.8): a caster at (3, 0, -1) hides point (0, 0, -5)
    l.dir[0][0] = 0.6f, l.dir[0][2] = 0.8f;
    gaze_prim p[2] = {prim_of(GAZE_PRIM_PLANE, 0, 0, -5, 0, 0, 0),
                      prim_of(kind, 3, 0, -1, 0.5f, 0.5f, 0.5f)};
    assert_int_equal(shoot_lit(p, 2, 0, 0, l).rgb[0], grey(0.2 + 0.8 * 0.5));
    l.shadows = true;
    assert_int_equal(shoot_lit(p, 2, 0, 0, l).rgb[0], grey(0.2));
    p[1].pos[1] = 1.0f;  // beside the way of the light
    assert_int_equal(shoot_lit(p, 2, 0, 0, l).rgb[0], grey(0.2 + 0.8 * 0.5));
    p[1].pos[1] = 0.0f, p[1].pos[0] = -3.0f, p[1].pos[2] = -9.0f;  // behind the lit point
    assert_int_equal(shoot_lit(p, 2, 0, 0, l).rgb[0], grey(0.2 + 0.8 * 0.5));
  }
}

// ---- random scenes ----

typedef struct picture {
  uint8_t *rgb;
  float *depth;
  int16_t *ids;
  size_t pixels;
} picture;

static picture picture_of(int w, int h) {
  picture p = {.pixels = (size_t)w * (size_t)h};
  p.rgb = malloc(3 * p.pixels + 2 * GUARD);
  p.depth = malloc(4 * p.pixels + 2 * GUARD);
  p.ids = malloc(2 * p.pixels + 2 * GUARD);
  assert_true(p.rgb != NULL && p.depth != NULL && p.ids != NULL);
  memset(p.rgb, 0xa5, 3 * p.pixels + 2 * GUARD);
  memset(p.depth, 0xa5, 4 * p.pixels + 2 * GUARD);
  memset(p.ids, 0xa5, 2 * p.pixels + 2 * GUARD);
  p.rgb += GUARD, p.depth += GUARD / 4, p.ids += GUARD / 2;
  return p;
}

static void guards_intact(const picture *p) {
  static const struct { int size; } item[3] = {{3}, {4}, {2}};
  const uint8_t *at[3] = {p->rgb, (const uint8_t *)p->depth, (const uint8_t *)p->ids};
  for (int k = 0; k < 3; k++) {
    const uint8_t *end = at[k] + (size_t)item[k].size * p->pixels;
    for (int i = 0; i < GUARD; i++) assert_true(end[i] == 0xa5 && at[k][i - GUARD] == 0xa5);
  }
}

static void picture_free(picture *p) {
  free(p->rgb - GUARD);
  free(p->depth - GUARD / 4);
  free(p->ids - GUARD / 2);
}

static void same_picture(const picture *a, const picture *b) {
  assert_memory_equal(a->rgb, b->rgb, 3 * a->pixels);
  assert_memory_equal(a->depth, b->depth, 4 * a->pixels);
  assert_memory_equal(a->ids, b->ids, 2 * a->pixels);
}

static void random_rot(gaze_rng *r, float rot[9]) {
  double q[4], len = 0.0;
  for (int i = 0; i < 4; i++) q[i] = gaze_rng_normal(r), len += q[i] * q[i];
  len = 1.0 / sqrt(len);
  double w = q[0] * len, x = q[1] * len, y = q[2] * len, z = q[3] * len;
  double m[9] = {1 - 2 * (y * y + z * z), 2 * (x * y - w * z),     2 * (x * z + w * y),
                 2 * (x * y + w * z),     1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
                 2 * (x * z - w * y),     2 * (y * z + w * x),     1 - 2 * (x * x + y * y)};
  for (int i = 0; i < 9; i++) rot[i] = (float)m[i];
}

static float real(gaze_rng *r, double lo, double hi) {
  return (float)gaze_rng_real(r, lo, hi);
}

// Some primitives round (0, 0, -2), some partly behind the camera or round it.
static gaze_raycast random_scene(gaze_rng *r, gaze_prim *prims, int n, int w, int h) {
  for (int k = 0; k < n; k++) {
    gaze_prim *p = &prims[k];
    *p = prim_of(gaze_rng_int(r, 0, 5), real(r, -1.2, 1.2), real(r, -1.2, 1.2), real(r, -4, 0.4),
                 real(r, 0.05, 0.6), real(r, 0.05, 0.6), real(r, 0.05, 0.6));
    random_rot(r, p->rot);
    for (int i = 0; i < 3; i++) p->rgb[i] = real(r, 0, 1);
    p->id = k;
    if (p->kind == GAZE_PRIM_PLANE && gaze_rng_below(r, 2) == 0) p->size[0] = p->size[1] = 0.0f;
  }
  gaze_raycast a = {.prims = prims, .n = n, .light = light_of()};
  float f = real(r, 0.6, 1.5) * (float)w;
  a.cam = (gaze_camera){.fx = f, .fy = f, .cx = 0.5f * (float)w, .cy = 0.45f * (float)h};
  a.cam.w = w, a.cam.h = h;
  memcpy(a.cam.rot, IDENTITY, sizeof a.cam.rot);
  for (int i = 0; i < 3; i++) a.cam.pos[i] = real(r, -0.2, 0.2);
  a.light.dir[0][0] = 0.48f, a.light.dir[0][1] = -0.64f, a.light.dir[0][2] = 0.6f;
  return a;
}

static void render(gaze_raycast *a, picture *p, gaze_pool *pool, gaze_ray_path path) {
  a->rgb = p->rgb, a->depth = p->depth, a->ids = p->ids;
  assert_int_equal(gaze_raycast_with(pool, a, path), GAZE_OK);
  guards_intact(p);
}

static void test_paths_agree(void **state) {
  (void)state;
  static const int size[][2] = {{1, 1}, {17, 5}, {64, 64}, {33, 7}, {600, 3}, {16, 2}, {8, 9}};
  gaze_rng r;
  gaze_rng_init(&r, 1, 0);
  for (int t = 0; t < 70; t++) {
    gaze_prim prims[14];
    const int *s = size[t % 7];
    gaze_raycast a = random_scene(&r, prims, gaze_rng_int(&r, 0, 14), s[0], s[1]);
    a.light.shadows = t % 3 == 0;
    picture want = picture_of(s[0], s[1]);
    render(&a, &want, NULL, GAZE_RAY_PLAIN);
    for (int path = GAZE_RAY_AVX2; path <= GAZE_RAY_BEST; path++) {
      if (!gaze_ray_path_ok((gaze_ray_path)path)) continue;
      picture got = picture_of(s[0], s[1]);
      render(&a, &got, NULL, (gaze_ray_path)path);
      same_picture(&want, &got);
      picture_free(&got);
    }
    picture_free(&want);
  }
}

static void test_threads_agree(void **state) {
  (void)state;
  gaze_rng r;
  gaze_rng_init(&r, 2, 0);
  gaze_prim prims[12];
  gaze_raycast a = random_scene(&r, prims, 12, 131, 101);
  a.light.shadows = true;
  picture want = picture_of(131, 101);
  render(&a, &want, NULL, GAZE_RAY_BEST);
  for (int threads = 1; threads <= 3; threads++) {
    gaze_pool *pool = NULL;
    assert_int_equal(gaze_pool_open(&pool, threads), GAZE_OK);
    for (int path = 0; path < PATHS; path++) {
      if (!gaze_ray_path_ok((gaze_ray_path)path)) continue;
      picture got = picture_of(131, 101);
      render(&a, &got, pool, (gaze_ray_path)path);
      same_picture(&want, &got);
      picture_free(&got);
    }
    gaze_pool_close(&pool);
  }
  picture_free(&want);
}

static void test_missing_outputs(void **state) {
  (void)state;
  gaze_rng r;
  gaze_rng_init(&r, 3, 0);
  gaze_prim prims[8];
  gaze_raycast a = random_scene(&r, prims, 8, 40, 30);
  picture want = picture_of(40, 30);
  render(&a, &want, NULL, GAZE_RAY_BEST);
  for (int path = 0; path < PATHS; path++) {
    if (!gaze_ray_path_ok((gaze_ray_path)path)) continue;
    for (int mask = 0; mask < 8; mask++) {
      picture got = picture_of(40, 30);
      a.rgb = mask & 1 ? got.rgb : NULL;
      a.depth = mask & 2 ? got.depth : NULL;
      a.ids = mask & 4 ? got.ids : NULL;
      assert_int_equal(gaze_raycast_with(NULL, &a, (gaze_ray_path)path), GAZE_OK);
      guards_intact(&got);
      if (mask & 1) assert_memory_equal(got.rgb, want.rgb, 3 * want.pixels);
      if (mask & 2) assert_memory_equal(got.depth, want.depth, 4 * want.pixels);
      if (mask & 4) assert_memory_equal(got.ids, want.ids, 2 * want.pixels);
      picture_free(&got);
    }
  }
  picture_free(&want);
}

// Signed membership in f64: > slack means outside, < -slack inside the primitive.
static double outside(const gaze_prim *p, const double world[3]) {
  double v[3] = {0, 0, 0};
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) v[i] += (double)p->rot[3 * j + i] * (world[j] - (double)p->pos[j]);
  double s0 = (double)p->size[0], s1 = (double)p->size[1], s2 = (double)p->size[2];
  double ax = fabs(v[0]), ay = fabs(v[1]), az = fabs(v[2]), rho = hypot(v[0], v[1]);
  switch (p->kind) {
    case GAZE_PRIM_PLANE: {
      double edge = fmax(s0 > 0 ? ax - s0 : -1.0, s1 > 0 ? ay - s1 : -1.0);
      return fmax(az, edge);
    }
    case GAZE_PRIM_BOX:
      return fmax(fmax(ax - s0, ay - s1), az - s2);
    case GAZE_PRIM_CYLINDER:
      return fmax(rho - s0, az - s1);
    case GAZE_PRIM_CAPSULE:
      return hypot(rho, fmax(az - s1, 0.0)) - s0;
    case GAZE_PRIM_SPHERE:
      return sqrt(rho * rho + v[2] * v[2]) - s0;
    default:
      v[0] /= s0, v[1] /= s1, v[2] /= s2;
      return (sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]) - 1.0) * fmin(s0, fmin(s1, s2));
  }
}

// Marches every ray in f64: what is reported lies on its surface, and nothing lies before it.
static void test_against_marching(void **state) {
  (void)state;
  gaze_rng r;
  gaze_rng_init(&r, 4, 0);
  enum { W = 24, H = 20, N = 7, STEPS = 300 };
  const double far = 6.0;
  int hit_count = 0;
  for (int t = 0; t < 24; t++) {
    gaze_prim prims[N];
    gaze_raycast a = random_scene(&r, prims, N, W, H);
    picture p = picture_of(W, H);
    render(&a, &p, NULL, GAZE_RAY_BEST);
    double eye[3] = {(double)a.cam.pos[0], (double)a.cam.pos[1], (double)a.cam.pos[2]};
    for (int i = 0; i < W * H; i++) {
      double x = (i % W + 0.5 - (double)a.cam.cx) / (double)a.cam.fx;
      double y = ((double)a.cam.cy - (i / W + 0.5)) / (double)a.cam.fy;
      double z = (double)p.depth[i];
      if (p.ids[i] >= 0) {
        double at[3] = {eye[0] + z * x, eye[1] + z * y, eye[2] - z};
        assert_true(fabs(outside(&prims[p.ids[i]], at)) < 2e-5 * (1.0 + z));
        hit_count++;
      }
      for (int k = 0; k < N; k++) {
        bool began = outside(&prims[k], eye) < 0.0;
        double end = p.ids[i] >= 0 ? z : far;
        for (int s = 1; s < STEPS; s++) {
          double d = end * s / STEPS;
          double at[3] = {eye[0] + d * x, eye[1] + d * y, eye[2] - d};
          double o = outside(&prims[k], at);
          // a ray that began inside may not come out earlier, any other may not go in
          if (prims[k].kind != GAZE_PRIM_PLANE) assert_true(began ? o < 1e-4 : o > -1e-4);
        }
      }
    }
    picture_free(&p);
  }
  assert_true(hit_count > 3000);
}

static void refused(gaze_raycast a, gaze_err want) {
  assert_int_equal(gaze_raycast_with(NULL, &a, GAZE_RAY_BEST), want);
}

static void test_bad_arguments(void **state) {
  (void)state;
  gaze_prim p = prim_of(GAZE_PRIM_BOX, 0, 0, -5, 1, 1, 1);
  float depth[4] = {0};
  gaze_raycast ok = {.depth = depth, .prims = &p, .n = 1, .light = light_of()};
  ok.cam = (gaze_camera){.fx = 1, .fy = 1, .w = 2, .h = 2};
  memcpy(ok.cam.rot, IDENTITY, sizeof ok.cam.rot);
  refused(ok, GAZE_OK);

  gaze_raycast a = ok;
  a.n = -1, refused(a, GAZE_ERR_ARG);
  a = ok, a.prims = NULL, refused(a, GAZE_ERR_ARG);
  a = ok, a.n = GAZE_RAY_PRIMS_MAX + 1, refused(a, GAZE_ERR_RANGE);
  a = ok, a.cam.w = -1, refused(a, GAZE_ERR_RANGE);
  a = ok, a.cam.h = 40000, refused(a, GAZE_ERR_RANGE);
  a = ok, a.cam.fx = 0.0f, refused(a, GAZE_ERR_ARG);
  a = ok, a.cam.cy = NAN, refused(a, GAZE_ERR_ARG);
  a = ok, a.cam.rot[4] = INFINITY, refused(a, GAZE_ERR_ARG);
  a = ok, a.light.ambient = NAN, refused(a, GAZE_ERR_ARG);
  a = ok, a.light.strength[1] = -1.0f, refused(a, GAZE_ERR_RANGE);
  a = ok, a.cam.w = 0, refused(a, GAZE_OK);

  gaze_prim good = p;
  p.kind = 6, refused(ok, GAZE_ERR_RANGE);
  p = good, p.id = -1, refused(ok, GAZE_ERR_RANGE);
  p = good, p.id = 32767, refused(ok, GAZE_ERR_RANGE);
  p = good, p.size[2] = 0.0f, refused(ok, GAZE_ERR_RANGE);
  p = good, p.size[0] = NAN, refused(ok, GAZE_ERR_RANGE);
  p = good, p.pos[0] = NAN, refused(ok, GAZE_ERR_RANGE);
  p = good, p.kind = GAZE_PRIM_SPHERE, p.size[1] = NAN, refused(ok, GAZE_OK);  // not read
}

// The public entry gives what the plain form gives.
static void test_backend_entry(void **state) {
  (void)state;
  gaze_rng r;
  gaze_rng_init(&r, 5, 0);
  gaze_prim prims[9];
  gaze_raycast a = random_scene(&r, prims, 9, 128, 96);
  picture want = picture_of(128, 96), got = picture_of(128, 96);
  render(&a, &want, NULL, GAZE_RAY_PLAIN);
  gaze_exec *ex = NULL;
  assert_int_equal(gaze_exec_open_cpu(&ex, 2), GAZE_OK);
  a.rgb = got.rgb, a.depth = got.depth, a.ids = got.ids;
  assert_int_equal(gaze_ops_cpu.raycast(ex, &a), GAZE_OK);
  same_picture(&want, &got);
  gaze_exec_close(&ex);
  picture_free(&want);
  picture_free(&got);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_plane),
      cmocka_unit_test(test_box),
      cmocka_unit_test(test_sphere),
      cmocka_unit_test(test_cylinder),
      cmocka_unit_test(test_capsule),
      cmocka_unit_test(test_ellipsoid),
      cmocka_unit_test(test_nearest_and_ties),
      cmocka_unit_test(test_shading),
      cmocka_unit_test(test_shadows),
      cmocka_unit_test(test_paths_agree),
      cmocka_unit_test(test_threads_agree),
      cmocka_unit_test(test_missing_outputs),
      cmocka_unit_test(test_against_marching),
      cmocka_unit_test(test_bad_arguments),
      cmocka_unit_test(test_backend_entry),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
