// app/bench_scene.c - the scene of the benchmarks, as our bodies and as MJCF for MuJoCo.
#include <math.h>
#include <string.h>
#include "app/bench.h"

enum { BODIES = 10 };

int gaze_bench_scene(gaze_body *bodies) {
  static const struct {
    gaze_shape shape;
    float half, x, y, yaw;
    float rgb[3];
  } row[BODIES] = {
      {GAZE_SHAPE_CUBE, 0.036f, -0.15f, -0.12f, 0.3f, {0.68f, 0.14f, 0.14f}},
      {GAZE_SHAPE_SPHERE, 0.036f, 0.00f, -0.15f, 0.0f, {0.16f, 0.29f, 0.84f}},
      {GAZE_SHAPE_CYLINDER, 0.036f, 0.15f, -0.10f, 0.0f, {0.11f, 0.41f, 0.08f}},
      {GAZE_SHAPE_CUBE, 0.036f, 0.12f, 0.10f, 1.1f, {1.00f, 0.93f, 0.20f}},
      {GAZE_SHAPE_SPHERE, 0.036f, -0.12f, 0.08f, 0.0f, {0.51f, 0.15f, 0.75f}},
      {GAZE_SHAPE_CUBE, 0.018f, 0.00f, 0.00f, 0.7f, {0.16f, 0.82f, 0.82f}},
      {GAZE_SHAPE_SPHERE, 0.018f, 0.06f, 0.04f, 0.0f, {0.34f, 0.34f, 0.34f}},
      {GAZE_SHAPE_CYLINDER, 0.018f, -0.05f, 0.16f, 0.0f, {0.51f, 0.29f, 0.10f}},
      {GAZE_SHAPE_CUBE, 0.018f, -0.19f, 0.00f, 0.2f, {0.11f, 0.41f, 0.08f}},
      {GAZE_SHAPE_CYLINDER, 0.018f, 0.19f, 0.00f, 0.0f, {0.68f, 0.14f, 0.14f}},
  };
  for (int i = 0; i < BODIES; i++) {
    gaze_body *b = &bodies[i];
    float c = cosf(row[i].yaw), s = sinf(row[i].yaw);
    *b = (gaze_body){.shape = row[i].shape,
                     .half = row[i].half,
                     .pos = {row[i].x, row[i].y, row[i].half},
                     .rot = {c, -s, 0, s, c, 0, 0, 0, 1}};
    memcpy(b->rgb, row[i].rgb, sizeof b->rgb);
  }
  return BODIES;
}

// position and the first two columns of the rotation, which is how MJCF states a frame
static void put_frame(gaze_buf *out, const float pos[3], const float rot[9]) {
  gaze_buf_printf(out, " pos=\"%.9g %.9g %.9g\"", (double)pos[0], (double)pos[1], (double)pos[2]);
  gaze_buf_printf(out, " xyaxes=\"%.9g %.9g %.9g %.9g %.9g %.9g\"", (double)rot[0], (double)rot[3],
                  (double)rot[6], (double)rot[1], (double)rot[4], (double)rot[7]);
}

static void put_light(gaze_buf *out, const float dir[3], float strength, bool shadow) {
  gaze_buf_printf(out,
                  "<light type=\"directional\" pos=\"%.6g %.6g %.6g\" dir=\"%.6g %.6g %.6g\" "
                  "diffuse=\"%.3g %.3g %.3g\" ambient=\"0 0 0\" specular=\"0 0 0\" "
                  "castshadow=\"%s\"/>\n",
                  2 * (double)dir[0], 2 * (double)dir[1], 2 * (double)dir[2], -(double)dir[0],
                  -(double)dir[1], -(double)dir[2], (double)strength, (double)strength,
                  (double)strength, shadow ? "true" : "false");
}

static void put_geom(gaze_buf *out, const gaze_prim *p) {
  static const char *const type[] = {"plane", "box", "sphere", "cylinder", "capsule", "ellipsoid"};
  gaze_buf_printf(out, "<geom type=\"%s\" size=\"%.9g %.9g %.9g\" rgba=\"%.4g %.4g %.4g 1\"",
                  type[p->kind], (double)p->size[0], (double)p->size[1], (double)p->size[2],
                  (double)p->rgb[0], (double)p->rgb[1], (double)p->rgb[2]);
}

gaze_err gaze_bench_mjcf(const gaze_body *bodies, int n, bool shadows, bool free_joints,
                         gaze_buf *out) {
  gaze_prim prim[GAZE_SCENE_PRIMS_MAX];
  int prims = gaze_scene_prims(bodies, n, prim);
  const gaze_viewer viewer = {.elevation = 25};
  const gaze_camera cam = gaze_scene_camera(&viewer, 224);
  const gaze_light light = gaze_scene_light();
  const double a = (double)light.ambient;
  double fovy = 2 * atan(0.5 * cam.h / (double)cam.fy) * 180 / acos(-1.0);
  gaze_buf_printf(out,
                  "<mujoco><option timestep=\"0.002\"/>\n"
                  "<visual><headlight ambient=\"%.3g %.3g %.3g\" diffuse=\"0 0 0\" "
                  "specular=\"0 0 0\"/><map znear=\"0.05\"/></visual>\n<worldbody>\n",
                  a, a, a);
  for (int i = 0; i < 2; i++) put_light(out, light.dir[i], light.strength[i], shadows && i == 0);
  gaze_buf_printf(out, "<camera name=\"view\" fovy=\"%.9g\"", fovy);
  put_frame(out, cam.pos, cam.rot);
  gaze_buf_str(out, "/>\n");
  for (int i = 0; i < prims; i++) {
    bool moves = free_joints && prim[i].id < GAZE_SCENE_BODIES_MAX;
    if (moves) {
      gaze_buf_str(out, "<body");
      put_frame(out, prim[i].pos, prim[i].rot);
      gaze_buf_str(out, "><freejoint/>");
      put_geom(out, &prim[i]);
      gaze_buf_str(out, " density=\"300\" condim=\"6\"/></body>\n");
    } else {
      put_geom(out, &prim[i]);
      put_frame(out, prim[i].pos, prim[i].rot);
      gaze_buf_str(out, "/>\n");
    }
  }
  gaze_buf_str(out, "</worldbody></mujoco>\n");
  return out->failed ? gaze_fail(GAZE_ERR_NOMEM, "out of memory") : GAZE_OK;
}
