// kernels/cpu/raycast.c - the ray-caster: the op's entry and its plain C form.
//
// This file is the readable statement of the op. Each primitive is convex, so a ray meets it in
// one interval [near, far] of depths; outside the primitive the near end is seen, inside the far
// end. Surfaces seen from inside, and planes from below, have their normals turned to the viewer.
// The vector forms do the same arithmetic in the same order and give the same bits.
#include <math.h>
#include <string.h>
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/raycast_internal.h"

typedef struct ray {
  float ox, oy, oz, dx, dy, dz;  // canonical origin and direction
} ray;

typedef struct span {
  float near, far;  // depths; the ray hits if near <= far
} span;

static const span MISS = {1.0f, -1.0f};

static float max2(float a, float b) {
  return a > b ? a : b;
}
static float min2(float a, float b) {
  return a < b ? a : b;
}
static float nonzero(float d) {
  return fabsf(d) < GAZE_RAY_TINY ? GAZE_RAY_TINY : d;
}

static span slab(float o, float d) {
  float inv = 1.0f / nonzero(d), mid = -(o * inv), reach = fabsf(inv);
  return (span){mid - reach, mid + reach};
}

static span both(span a, span b) {
  return (span){max2(a.near, b.near), min2(a.far, b.far)};
}

static span meet_plane(const ray *r) {
  float t = -(r->oz / nonzero(r->dz));
  float x = r->ox + t * r->dx, y = r->oy + t * r->dy;
  return fabsf(x) <= 1.0f && fabsf(y) <= 1.0f ? (span){t, t} : MISS;
}

static span meet_box(const ray *r) {
  return both(both(slab(r->ox, r->dx), slab(r->oy, r->dy)), slab(r->oz, r->dz));
}

// From the point nearest to the centre, not from the textbook discriminant: that one loses all
// digits when the ball is small and far.
static span meet_ball(const ray *r, float oz) {
  float a = r->dx * r->dx + r->dy * r->dy + r->dz * r->dz;
  float inv = 1.0f / max2(a, GAZE_RAY_TINY);
  float mid = -((r->ox * r->dx + r->oy * r->dy + oz * r->dz) * inv);
  float x = r->ox + mid * r->dx, y = r->oy + mid * r->dy, z = oz + mid * r->dz;
  float rest = 1.0f - (x * x + y * y + z * z);
  if (!(rest >= 0.0f)) return MISS;
  float reach = sqrtf(rest * inv);
  return (span){mid - reach, mid + reach};
}

// The infinite cylinder of radius 1 round z.
static span meet_tube(const ray *r) {
  float a = r->dx * r->dx + r->dy * r->dy;
  float inv = 1.0f / max2(a, GAZE_RAY_TINY);
  float mid = -((r->ox * r->dx + r->oy * r->dy) * inv);
  float x = r->ox + mid * r->dx, y = r->oy + mid * r->dy;
  float rest = 1.0f - (x * x + y * y);
  if (!(rest >= 0.0f)) return MISS;
  float reach = sqrtf(rest * inv);
  return (span){mid - reach, mid + reach};
}

// Where the tube is met beyond an end, the ball of that end decides.
static span meet_capsule(const ray *r, float half) {
  span tube = meet_tube(r);
  if (!(tube.near <= tube.far)) return MISS;

  float z0 = r->oz + tube.near * r->dz, z1 = r->oz + tube.far * r->dz;
  float end0 = min2(max2(z0, -half), half), end1 = min2(max2(z1, -half), half);
  if (z0 != end0) {
    span ball = meet_ball(r, r->oz - end0);
    if (!(ball.near <= ball.far)) return MISS;
    tube.near = ball.near;
  }
  if (z1 != end1) {
    span ball = meet_ball(r, r->oz - end1);
    if (!(ball.near <= ball.far)) return MISS;
    tube.far = ball.far;
  }
  return tube;
}

static span meet(const gaze_ray_prim *p, const ray *r) {
  switch (p->kind) {
    case GAZE_PRIM_PLANE:
      return meet_plane(r);
    case GAZE_PRIM_BOX:
      return meet_box(r);
    case GAZE_PRIM_CYLINDER:
      return both(meet_tube(r), slab(r->oz, r->dz));
    case GAZE_PRIM_CAPSULE:
      return meet_capsule(r, p->half);
    default:
      return meet_ball(r, r->oz);
  }
}

static ray ray_at(const gaze_ray_prim *p, float x, float y) {
  return (ray){p->o[0],
               p->o[1],
               p->o[2],
               (p->b[0] * y + p->c[0]) + p->a[0] * x,
               (p->b[1] * y + p->c[1]) + p->a[1] * x,
               (p->b[2] * y + p->c[2]) + p->a[2] * x};
}

// Lambert terms of both lights at canonical point (x, y, z), not yet clamped.
static void facing(const gaze_ray_prim *p, float x, float y, float z, float lit[2]) {
  float ax = fabsf(x), ay = fabsf(y), az = fabsf(z);
  for (int s = 0; s < 2; s++) {
    const float *l = p->light[s];
    if (p->kind == GAZE_PRIM_PLANE) {
      lit[s] = l[2];
    } else if (p->kind == GAZE_PRIM_BOX) {
      float v = ax >= ay ? (x < 0.0f ? -l[0] : l[0]) : (y < 0.0f ? -l[1] : l[1]);
      lit[s] = az > max2(ax, ay) ? (z < 0.0f ? -l[2] : l[2]) : v;
    } else if (p->kind == GAZE_PRIM_CYLINDER) {
      float rho2 = x * x + y * y;
      float side = (x * l[0] + y * l[1]) / sqrtf(max2(rho2, GAZE_RAY_TINY));
      lit[s] = z * z >= rho2 ? (z < 0.0f ? -l[2] : l[2]) : side;
    } else {
      float gz = p->kind == GAZE_PRIM_CAPSULE ? z - min2(max2(z, -p->half), p->half) : z;
      float gx = x * p->grad[0], gy = y * p->grad[1];
      gz = gz * p->grad[2];
      float len2 = gx * gx + gy * gy + gz * gz;
      lit[s] = (gx * l[0] + gy * l[1] + gz * l[2]) / sqrtf(max2(len2, GAZE_RAY_TINY));
    }
  }
}

// Whether the key light is hidden at depth t of pixel direction (x, y). A convex surface never
// shades its own lit side, so `self` is left out and needs no offset.
static bool shaded(const gaze_ray_frame *f, int self, float x, float y, float t) {
  float p[3];
  for (int i = 0; i < 3; i++) {
    float d = (f->dir[3 * i + 1] * y - f->dir[3 * i + 2]) + f->dir[3 * i] * x;
    p[i] = f->eye[i] + t * d;
  }
  for (int k = 0; k < f->n; k++) {
    const gaze_ray_prim *q = &f->prim[k];
    if (k == self) continue;
    float v0 = p[0] - q->at[0], v1 = p[1] - q->at[1], v2 = p[2] - q->at[2];
    ray r = {q->to[0] * v0 + q->to[1] * v1 + q->to[2] * v2,
             q->to[3] * v0 + q->to[4] * v1 + q->to[5] * v2,
             q->to[6] * v0 + q->to[7] * v1 + q->to[8] * v2,
             q->sun[0],
             q->sun[1],
             q->sun[2]};
    span s = meet(q, &r);
    if (s.near <= s.far && s.far > GAZE_RAY_SHADOW_MIN) return true;
  }
  return false;
}

static uint8_t level(float color, float light) {
  return (uint8_t)(min2(max2(color * light, 0.0f), 255.0f) + 0.5f);
}

static void shade(const gaze_ray_frame *f, int k, float x, float y, float t, uint8_t rgb[3]) {
  const gaze_ray_prim *p = &f->prim[k];
  ray r = ray_at(p, x, y);
  float lit[2];
  facing(p, r.ox + t * r.dx, r.oy + t * r.dy, r.oz + t * r.dz, lit);
  float key = max2(lit[0], 0.0f), fill = max2(lit[1], 0.0f);
  if (f->shadows && shaded(f, k, x, y, t)) key = 0.0f;
  float light = (f->ambient + key) + fill;
  for (int i = 0; i < 3; i++) rgb[i] = level(p->color[i], light);
}

static void pixel(const gaze_ray_frame *f, int i, int j, float x, float y) {
  const gaze_raycast *a = f->out;
  float best = GAZE_RAY_FAR;
  int hit = -1;
  for (int k = 0; k < f->n; k++) {
    const gaze_ray_prim *p = &f->prim[k];
    if (i < p->x0 || i >= p->x1 || j < p->y0 || j >= p->y1) continue;
    ray r = ray_at(p, x, y);
    span s = meet(p, &r);
    float t = p->inside ? s.far : s.near;
    if (s.near <= s.far && t > 0.0f && t < best) best = t, hit = k;
  }
  size_t at = (size_t)j * (size_t)a->cam.w + (size_t)i;
  if (a->depth != NULL) a->depth[at] = hit < 0 ? 0.0f : best;
  if (a->ids != NULL) a->ids[at] = hit < 0 ? (int16_t)-1 : (int16_t)(f->prim[hit].code & 0xffffu);
  if (a->rgb == NULL) return;
  uint8_t *rgb = a->rgb + 3 * at;
  if (hit >= 0) {
    shade(f, hit, x, y, best, rgb);
  } else {
    for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)(f->background >> (8 * c));
  }
}

void gaze_ray_rows_plain(const gaze_ray_frame *f, int y0, int y1) {
  for (int j = y0; j < y1; j++) {
    float y = (f->cy - ((float)j + 0.5f)) * f->ify;
    for (int i = 0; i < f->out->cam.w; i++) pixel(f, i, j, (((float)i + 0.5f) - f->cx) * f->ifx, y);
  }
}

bool gaze_ray_path_ok(gaze_ray_path path) {
#if defined(__x86_64__)
  if (path == GAZE_RAY_AVX2) return __builtin_cpu_supports("avx2") != 0;
  if (path == GAZE_RAY_AVX512)
    return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0;
#endif
  return path == GAZE_RAY_PLAIN || path == GAZE_RAY_BEST;
}

static gaze_ray_rows_fn rows_of(gaze_ray_path path) {
#if defined(__x86_64__)
  bool best = path == GAZE_RAY_BEST;
  if (path == GAZE_RAY_AVX512 || (best && gaze_ray_path_ok(GAZE_RAY_AVX512)))
    return gaze_ray_rows_avx512;
  if (path == GAZE_RAY_AVX2 || (best && gaze_ray_path_ok(GAZE_RAY_AVX2))) return gaze_ray_rows_avx2;
#endif
  (void)path;
  return gaze_ray_rows_plain;
}

typedef struct job {
  const gaze_ray_frame *frame;
  gaze_ray_rows_fn rows;
} job;

// Bands are dealt round robin: the middle of the picture costs more than its top.
static void work(void *ctx, int worker, int workers) {
  const job *j = ctx;
  int h = j->frame->out->cam.h;
  for (long y = (long)worker * GAZE_RAY_BAND; y < h; y += (long)workers * GAZE_RAY_BAND) {
    int end = (int)y + GAZE_RAY_BAND;
    j->rows(j->frame, (int)y, end < h ? end : h);
  }
}

gaze_err gaze_raycast_with(gaze_pool *pool, const gaze_raycast *a, gaze_ray_path path) {
  if (!gaze_ray_path_ok(path))
    return gaze_fail(GAZE_ERR_UNSUPPORTED, "raycast: path %d does not run on this processor",
                     (int)path);
  gaze_ray_frame f;
  GAZE_TRY(gaze_ray_frame_init(&f, a));
  if (a->cam.w == 0 || a->cam.h == 0) return GAZE_OK;

  // waking the workers costs more than a thumbnail
  job j = {&f, rows_of(path)};
  bool small = (long)a->cam.w * a->cam.h < 8192;
  if (small || gaze_pool_threads(pool) == 1) {
    j.rows(&f, 0, a->cam.h);
  } else {
    gaze_pool_run(pool, work, &j);
  }
  return GAZE_OK;
}

gaze_err gaze_cpu_raycast(gaze_exec *ex, const gaze_raycast *a) {
  return gaze_raycast_with(ex == NULL ? NULL : ex->pool, a, GAZE_RAY_BEST);
}
