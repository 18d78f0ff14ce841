// kernels/cpu/raycast_setup.c - checks the arguments of a frame and prepares its primitives.
#include <math.h>
#include <string.h>
#include "kernels/cpu/raycast_internal.h"

static bool finite_all(const float *v, int n) {
  float sum = 0.0f;  // x * 0 is 0 for finite x and NaN otherwise
  for (int i = 0; i < n; i++) sum += v[i] * 0.0f;
  return sum == 0.0f;
}

static gaze_err check_camera(const gaze_camera *c) {
  if (c->w < 0 || c->h < 0 || c->w > 32768 || c->h > 32768)
    return gaze_fail(GAZE_ERR_RANGE, "raycast: field cam.w, cam.h: expected 0..32768, got %d x %d",
                     c->w, c->h);
  if (!finite_all(c->pos, 3) || !finite_all(c->rot, 9) || !finite_all(&c->fx, 4))
    return gaze_fail(GAZE_ERR_ARG, "raycast: field cam: expected finite numbers");
  if (!(c->fx > 0.0f) || !(c->fy > 0.0f))
    return gaze_fail(GAZE_ERR_ARG, "raycast: field cam.fx, cam.fy: expected positive pixels");
  return GAZE_OK;
}

static gaze_err check_light(const gaze_light *l) {
  if (!finite_all(l->dir[0], 6) || !finite_all(l->strength, 2) || !finite_all(&l->ambient, 1) ||
      !finite_all(l->background, 3))
    return gaze_fail(GAZE_ERR_ARG, "raycast: field light: expected finite numbers");
  if (l->strength[0] < 0.0f || l->strength[1] < 0.0f)
    return gaze_fail(GAZE_ERR_RANGE, "raycast: field light.strength: expected >= 0");
  return GAZE_OK;
}

static gaze_err check_prim(const gaze_prim *p, int k) {
  if (p->kind < GAZE_PRIM_PLANE || p->kind > GAZE_PRIM_ELLIPSOID)
    return gaze_fail(GAZE_ERR_RANGE, "raycast: field prims[%d].kind: unknown kind %d", k, p->kind);
  if (p->id < 0 || p->id > 32766)
    return gaze_fail(GAZE_ERR_RANGE, "raycast: field prims[%d].id: expected 0..32766, got %d", k,
                     p->id);

  // only the sizes that the kind reads must make sense
  static const int used[] = {2, 3, 1, 2, 2, 3};
  int n = used[p->kind];
  bool zero_ok = p->kind == GAZE_PRIM_PLANE;
  bool good = finite_all(p->pos, 3) && finite_all(p->rot, 9) && finite_all(p->rgb, 3);
  for (int i = 0; i < n; i++) {
    float s = p->size[i];
    bool cap_length = p->kind == GAZE_PRIM_CAPSULE && i == 1;
    good = good && s <= 1e6f && (s >= 1e-6f || ((zero_ok || cap_length) && s == 0.0f));
  }
  if (good) return GAZE_OK;
  return gaze_fail(GAZE_ERR_RANGE,
                   "raycast: field prims[%d]: expected finite pose, colour and size", k);
}

// 1/size per axis of the canonical frame; 0 makes a plane infinite
static void inverse_size(const gaze_prim *p, double inv[3]) {
  double s0 = (double)p->size[0], s1 = (double)p->size[1], s2 = (double)p->size[2];
  switch (p->kind) {
    case GAZE_PRIM_PLANE:
      inv[0] = s0 > 0.0 ? 1.0 / s0 : 0.0, inv[1] = s1 > 0.0 ? 1.0 / s1 : 0.0, inv[2] = 1.0;
      break;
    case GAZE_PRIM_CYLINDER:
      inv[0] = inv[1] = 1.0 / s0, inv[2] = 1.0 / s1;
      break;
    case GAZE_PRIM_SPHERE:
    case GAZE_PRIM_CAPSULE:
      inv[0] = inv[1] = inv[2] = 1.0 / s0;
      break;
    default:
      inv[0] = 1.0 / s0, inv[1] = 1.0 / s1, inv[2] = 1.0 / s2;
  }
}

static bool camera_inside(const gaze_ray_prim *q) {
  float x = q->o[0], y = q->o[1], z = q->o[2];
  switch (q->kind) {
    case GAZE_PRIM_PLANE:
      return z < 0.0f;
    case GAZE_PRIM_BOX:
      return fabsf(x) < 1.0f && fabsf(y) < 1.0f && fabsf(z) < 1.0f;
    case GAZE_PRIM_CYLINDER:
      return x * x + y * y < 1.0f && fabsf(z) < 1.0f;
    case GAZE_PRIM_CAPSULE: {
      float e = fmaxf(fabsf(z) - q->half, 0.0f);
      return x * x + y * y + e * e < 1.0f;
    }
    default:
      return x * x + y * y + z * z < 1.0f;
  }
}

// Projects the corners of the primitive's bounding box; a corner near or behind the camera plane
// or an infinite plane means the whole image.
static void bound(gaze_ray_prim *q, const gaze_prim *p, const gaze_camera *c, const double m[9],
                  const double rel[3]) {
  double e[3] = {(double)p->size[0], (double)p->size[1], (double)p->size[2]};
  q->x0 = 0, q->y0 = 0, q->x1 = c->w, q->y1 = c->h;
  if (p->kind == GAZE_PRIM_PLANE) {
    if (!(e[0] > 0.0) || !(e[1] > 0.0)) return;
    e[2] = 0.0;
  }
  bool ball = p->kind == GAZE_PRIM_SPHERE;
  if (ball) e[1] = e[2] = e[0];
  if (p->kind == GAZE_PRIM_CYLINDER) e[2] = e[1], e[1] = e[0];
  if (p->kind == GAZE_PRIM_CAPSULE) e[2] = e[1] + e[0], e[1] = e[0];

  // m: axes of the primitive in the camera frame, columns; a ball needs no turning
  double lo_x = 1e30, lo_y = 1e30, hi_x = -1e30, hi_y = -1e30;
  for (int corner = 0; corner < 8; corner++) {
    double v[3];
    double s[3] = {corner & 1 ? e[0] : -e[0], corner & 2 ? e[1] : -e[1], corner & 4 ? e[2] : -e[2]};
    for (int i = 0; i < 3; i++)
      v[i] = rel[i] + (ball ? s[i] : m[3 * i] * s[0] + m[3 * i + 1] * s[1] + m[3 * i + 2] * s[2]);
    if (v[2] > -1e-4) return;
    double inv = -1.0 / v[2];
    double px = v[0] * inv, py = v[1] * inv;
    lo_x = fmin(lo_x, px), hi_x = fmax(hi_x, px);
    lo_y = fmin(lo_y, py), hi_y = fmax(hi_y, py);
  }
  // one pixel more on each side covers every rounding; clamped first, so the casts are safe
  double fx = (double)c->fx, fy = (double)c->fy, cx = (double)c->cx, cy = (double)c->cy;
  q->x0 = (int)fmin(fmax(cx + lo_x * fx - 1.5, 0.0), (double)c->w);
  q->x1 = (int)fmin(fmax(cx + hi_x * fx + 1.5, 0.0), (double)c->w);
  q->y0 = (int)fmin(fmax(cy - hi_y * fy - 1.5, 0.0), (double)c->h);
  q->y1 = (int)fmin(fmax(cy - lo_y * fy + 1.5, 0.0), (double)c->h);
}

static void prepare(gaze_ray_prim *q, const gaze_prim *p, int k, const gaze_raycast *a) {
  const gaze_camera *c = &a->cam;
  double inv[3], turn[9], rel[3];
  inverse_size(p, inv);
  q->kind = p->kind;
  q->code = (uint32_t)k << 16 | (uint32_t)p->id;
  q->half = p->kind == GAZE_PRIM_CAPSULE ? p->size[1] / p->size[0] : 0.0f;

  // row i of `to` is axis i of the primitive, scaled; a ball keeps the world's axes, so that its
  // picture does not depend on its spin
  for (int i = 0; i < 3; i++) {
    double o = 0.0;
    q->at[i] = p->pos[i];
    q->grad[i] = (float)inv[i];
    q->color[i] = p->rgb[i] * 255.0f;
    for (int j = 0; j < 3; j++) {
      double axis = p->kind == GAZE_PRIM_SPHERE ? (double)(i == j) : (double)p->rot[3 * j + i];
      turn[3 * i + j] = axis;
      q->to[3 * i + j] = (float)(inv[i] * axis);
      o += inv[i] * axis * ((double)c->pos[j] - (double)p->pos[j]);
    }
    q->o[i] = (float)o;
  }
  q->inside = camera_inside(q);

  double seen[9];  // axes of the primitive in the camera frame, columns
  for (int i = 0; i < 3; i++) {
    double d[3] = {0.0, 0.0, 0.0};  // camera axes in the primitive's frame
    for (int j = 0; j < 3; j++)
      for (int r = 0; r < 3; r++) d[r] += turn[3 * i + j] * (double)c->rot[3 * j + r];
    q->a[i] = (float)(inv[i] * d[0]);
    q->b[i] = (float)(inv[i] * d[1]);
    q->c[i] = (float)(-inv[i] * d[2]);
    for (int r = 0; r < 3; r++) seen[3 * r + i] = d[r];

    double sun = 0.0;
    for (int s = 0; s < 2; s++) {
      double l = 0.0;
      for (int j = 0; j < 3; j++) l += turn[3 * i + j] * (double)a->light.dir[s][j];
      if (s == 0) sun = l * inv[i];
      q->light[s][i] = (float)((q->inside ? -l : l) * (double)a->light.strength[s]);
    }
    q->sun[i] = (float)sun;
  }
  for (int r = 0; r < 3; r++) {
    rel[r] = 0.0;
    for (int j = 0; j < 3; j++)
      rel[r] += (double)c->rot[3 * j + r] * ((double)p->pos[j] - (double)c->pos[j]);
  }
  bound(q, p, c, seen, rel);
}

static uint32_t pack_background(const float rgb[3]) {
  uint32_t v = 0;
  for (int i = 0; i < 3; i++) {
    float x = fminf(fmaxf(rgb[i] * 255.0f, 0.0f), 255.0f);
    v |= (uint32_t)(x + 0.5f) << (8 * i);
  }
  return v;
}

gaze_err gaze_ray_frame_init(gaze_ray_frame *f, const gaze_raycast *a) {
  if (a == NULL || a->n < 0 || (a->n > 0 && a->prims == NULL))
    return gaze_fail(GAZE_ERR_ARG, "raycast: field prims: expected an array of n >= 0 primitives");
  if (a->n > GAZE_RAY_PRIMS_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "raycast: field n: expected at most %d primitives, got %d",
                     GAZE_RAY_PRIMS_MAX, a->n);
  GAZE_TRY(check_camera(&a->cam));
  GAZE_TRY(check_light(&a->light));
  for (int k = 0; k < a->n; k++) GAZE_TRY(check_prim(&a->prims[k], k));

  for (int k = 0; k < a->n; k++) prepare(&f->prim[k], &a->prims[k], k, a);
  f->n = a->n;
  f->ifx = 1.0f / a->cam.fx, f->ify = 1.0f / a->cam.fy;
  f->cx = a->cam.cx, f->cy = a->cam.cy;
  memcpy(f->dir, a->cam.rot, sizeof f->dir);
  memcpy(f->eye, a->cam.pos, sizeof f->eye);
  f->ambient = a->light.ambient;
  f->shadows = a->light.shadows;
  f->background = pack_background(a->light.background);
  f->out = a;
  return GAZE_OK;
}
