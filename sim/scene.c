// sim/scene.c - the avr-v1 look: cameras, light, and the primitives of a tabletop.
#include "sim/scene.h"
#include <math.h>
#include <string.h>
#include "core/rng.h"

static const double RADIUS = 0.90;         // viewer to centre [m]
static const double CENTRE_Z = 0.03;       // what the viewer looks at: (0, 0, z) [m]
static const double FIELD_OF_VIEW = 42.0;  // vertical [deg]
static const double DEGREE = 3.14159265358979323846 / 180.0;

static const float TABLE_HALF[3] = {0.62f, 0.50f, 0.02f};
static const float TABLE_RGB[3] = {0.72f, 0.72f, 0.70f};
static const float TRAY_AT[2] = {-0.45f, 0.30f};
static const float TRAY_HALF[3] = {0.125f, 0.125f, 0.002f};
static const float TRAY_RGB[3] = {0.55f, 0.50f, 0.45f};

static void cross(const double a[3], const double b[3], double out[3]) {
  out[0] = a[1] * b[2] - a[2] * b[1];
  out[1] = a[2] * b[0] - a[0] * b[2];
  out[2] = a[0] * b[1] - a[1] * b[0];
}

// Turns u towards v by the angle (u and v orthonormal): u cos + v sin, v cos - u sin.
static void turn(double u[3], double v[3], double angle) {
  double c = cos(angle), s = sin(angle);
  for (int i = 0; i < 3; i++) {
    double a = u[i] * c + v[i] * s, b = v[i] * c - u[i] * s;
    u[i] = a, v[i] = b;
  }
}

gaze_camera gaze_scene_camera(const gaze_viewer *v, int size) {
  double a = (double)v->azimuth * DEGREE, e = (double)v->elevation * DEGREE;
  double ca = cos(a), sa = sin(a), ce = cos(e), se = sin(e);

  // the axes from the angles themselves: right is level and up points away from the viewer even
  // straight overhead, where a cross product with the vertical would vanish
  double ahead[3] = {-ce * sa, ce * ca, -se}, right[3] = {ca, sa, 0.0}, up[3];
  cross(right, ahead, up);
  turn(ahead, right, (double)v->pan * DEGREE);
  turn(ahead, up, (double)v->tilt * DEGREE);

  gaze_camera c = {.w = size, .h = size};
  c.pos[0] = (float)(RADIUS * ce * sa);
  c.pos[1] = (float)(-RADIUS * ce * ca);
  c.pos[2] = (float)(CENTRE_Z + RADIUS * se);
  for (int i = 0; i < 3; i++) {
    c.rot[3 * i] = (float)right[i];
    c.rot[3 * i + 1] = (float)up[i];
    c.rot[3 * i + 2] = (float)-ahead[i];
  }
  c.fx = c.fy = (float)(0.5 * size / tan(0.5 * FIELD_OF_VIEW * DEGREE));
  c.cx = c.cy = 0.5f * (float)size;
  return c;
}

gaze_light gaze_scene_light(void) {
  gaze_light l = {.dir = {{-0.45f, -0.55f, 0.80f}, {0.70f, -0.25f, 0.45f}},
                  .strength = {0.55f, 0.25f},
                  .ambient = 0.35f,
                  .background = {0.84f, 0.88f, 0.92f}};
  for (int s = 0; s < 2; s++) {
    float *d = l.dir[s], len = sqrtf(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
    for (int i = 0; i < 3; i++) d[i] /= len;
  }
  return l;
}

// unit vector towards a light, from its azimuth and elevation
static void towards(double azimuth, double elevation, float dir[3]) {
  double a = azimuth * DEGREE, e = elevation * DEGREE;
  dir[0] = (float)(cos(e) * sin(a)), dir[1] = (float)(-cos(e) * cos(a)), dir[2] = (float)sin(e);
}

gaze_light gaze_scene_light_drawn(uint64_t seed) {
  gaze_light l = gaze_scene_light();
  gaze_rng r;
  gaze_rng_init(&r, seed, 0x11647);
  double key = gaze_rng_real(&r, -180, 180), key_height = gaze_rng_real(&r, 40, 70);
  double fill = gaze_rng_real(&r, -180, 180), fill_height = gaze_rng_real(&r, 15, 45);
  towards(key, key_height, l.dir[0]);
  towards(fill, fill_height, l.dir[1]);
  l.strength[0] = (float)gaze_rng_real(&r, 0.40, 0.75);
  l.strength[1] = (float)gaze_rng_real(&r, 0.10, 0.30);
  l.ambient = (float)gaze_rng_real(&r, 0.20, 0.40);
  l.shadows = true;
  return l;
}

static gaze_prim plate(const float half[3], const float rgb[3], int id) {
  gaze_prim p = {.rot = {1, 0, 0, 0, 1, 0, 0, 0, 1}, .kind = GAZE_PRIM_BOX, .id = id};
  memcpy(p.size, half, sizeof p.size);
  memcpy(p.rgb, rgb, sizeof p.rgb);
  return p;
}

static gaze_prim body_prim(const gaze_body *b, int id) {
  gaze_prim p = {.id = id};
  memcpy(p.pos, b->pos, sizeof p.pos);
  memcpy(p.rot, b->rot, sizeof p.rot);
  memcpy(p.rgb, b->rgb, sizeof p.rgb);
  p.size[0] = p.size[1] = p.size[2] = b->half;
  p.kind = b->shape == GAZE_SHAPE_CUBE     ? GAZE_PRIM_BOX
           : b->shape == GAZE_SHAPE_SPHERE ? GAZE_PRIM_SPHERE
                                           : GAZE_PRIM_CYLINDER;
  return p;
}

int gaze_scene_prims(const gaze_body *bodies, int n, gaze_prim *prims) {
  int count = 0;
  prims[count] = plate(TABLE_HALF, TABLE_RGB, GAZE_SCENE_ID_TABLE);
  prims[count++].pos[2] = -TABLE_HALF[2];
  prims[count] = plate(TRAY_HALF, TRAY_RGB, GAZE_SCENE_ID_TRAY);
  prims[count].pos[0] = TRAY_AT[0], prims[count].pos[1] = TRAY_AT[1];
  prims[count++].pos[2] = TRAY_HALF[2];

  if (n > GAZE_SCENE_BODIES_MAX) n = GAZE_SCENE_BODIES_MAX;
  for (int i = 0; i < n; i++)
    if (!bodies[i].gone) prims[count++] = body_prim(&bodies[i], i);
  return count;
}

gaze_err gaze_scene_render(const gaze_ops *ops, gaze_exec *ex, const gaze_body *bodies, int n,
                           const gaze_viewer *v, int size, uint8_t *rgb, float *depth,
                           int16_t *ids) {
  const gaze_light light = gaze_scene_light();
  return gaze_scene_render_lit(ops, ex, bodies, n, v, &light, size, rgb, depth, ids);
}

gaze_err gaze_scene_render_lit(const gaze_ops *ops, gaze_exec *ex, const gaze_body *bodies, int n,
                               const gaze_viewer *v, const gaze_light *light, int size,
                               uint8_t *rgb, float *depth, int16_t *ids) {
  if (n < 0 || n > GAZE_SCENE_BODIES_MAX || (n > 0 && bodies == NULL) || v == NULL || size < 0)
    return gaze_fail(GAZE_ERR_ARG, "scene: field bodies: expected 0..%d bodies, got %d",
                     GAZE_SCENE_BODIES_MAX, n);
  if (ops == NULL || ops->raycast == NULL)
    return gaze_fail(GAZE_ERR_UNSUPPORTED, "scene: the backend has no raycast");

  gaze_prim prims[GAZE_SCENE_PRIMS_MAX];
  gaze_raycast a = {.rgb = rgb,
                    .depth = depth,
                    .ids = ids,
                    .prims = prims,
                    .n = gaze_scene_prims(bodies, n, prims),
                    .cam = gaze_scene_camera(v, size),
                    .light = *light};
  return ops->raycast(ex, &a);
}

bool gaze_camera_project(const gaze_camera *c, const float p[3], float *px, float *py,
                         float *depth) {
  float v[3];
  for (int i = 0; i < 3; i++)
    v[i] = c->rot[i] * (p[0] - c->pos[0]) + c->rot[3 + i] * (p[1] - c->pos[1]) +
           c->rot[6 + i] * (p[2] - c->pos[2]);
  if (!(v[2] < 0.0f)) return false;

  *depth = -v[2];
  *px = c->cx + c->fx * v[0] / *depth;
  *py = c->cy - c->fy * v[1] / *depth;
  return true;
}
