// motion/collide.c - see collide.h.
#include "motion/collide.h"
#include <math.h>
#include <stddef.h>

enum { N = GAZE_CHAIN_JOINTS_MAX, CAPSULES = GAZE_HULL_CAPSULES_MAX };

static const double GOLDEN = 0.61803398874989485;
static const double BRACKET = 1e-5;  // of a capsule's axis, left by the search [m]
static const double TOUCH = 0.002;   // capsules this near at the sound posture always are [m]

// Distance to a region given by its distances along two independent directions: outside the corner
// counts, inside the nearest wall.
static double corner(double x, double y) {
  return hypot(fmax(x, 0.0), fmax(y, 0.0)) + fmin(fmax(x, y), 0.0);
}

static double box_distance(const double p[3], const double half[3]) {
  double d[3], out = 0.0, in = -INFINITY;
  for (int k = 0; k < 3; k++) {
    d[k] = fabs(p[k]) - half[k];
    out += fmax(d[k], 0.0) * fmax(d[k], 0.0);
    in = fmax(in, d[k]);
  }
  return sqrt(out) + fmin(in, 0.0);
}

// The point is in the solid's own frame.
static double local_distance(const gaze_solid *s, const double p[3]) {
  double across = hypot(p[0], p[1]);
  switch (s->shape) {
    case GAZE_SOLID_PLANE:
      return p[2];
    case GAZE_SOLID_BOX:
      return box_distance(p, s->size);
    case GAZE_SOLID_SPHERE:
      return hypot(across, p[2]) - s->size[0];
    case GAZE_SOLID_CYLINDER:
      return corner(across - s->size[0], fabs(p[2]) - s->size[1]);
    case GAZE_SOLID_CAPSULE:
      return hypot(across, fmax(fabs(p[2]) - s->size[1], 0.0)) - s->size[0];
  }
  return -INFINITY;  // an unknown shape is in the way
}

bool gaze_solid_valid(const gaze_solid *s) {
  static const int sizes[] = {0, 3, 1, 2, 2};  // by shape
  if ((int)s->shape < 0 || s->shape > GAZE_SOLID_CAPSULE || !gaze_pose_valid(&s->pose))
    return false;
  for (int k = 0; k < sizes[s->shape]; k++)
    if (!(isfinite(s->size[k]) && s->size[k] > 0.0)) return false;
  return true;
}

double gaze_solid_distance(const gaze_solid *s, const double point[3]) {
  gaze_pose inv = gaze_pose_inverse(&s->pose);
  double p[3];
  gaze_pose_point(p, &inv, point);
  return local_distance(s, p);
}

double gaze_solid_radius(const gaze_solid *s) {
  const double *h = s->size;
  switch (s->shape) {
    case GAZE_SOLID_PLANE:
      return INFINITY;
    case GAZE_SOLID_BOX:
      return sqrt(gaze_vec_dot(h, h));
    case GAZE_SOLID_SPHERE:
      return h[0];
    case GAZE_SOLID_CYLINDER:
      return hypot(h[0], h[1]);
    case GAZE_SOLID_CAPSULE:
      return h[0] + h[1];
  }
  return INFINITY;
}

double gaze_solid_half(const gaze_solid *s, const double dir[3]) {
  const double e[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  double share[3], axis[3];
  for (int k = 0; k < 3; k++) {
    gaze_pose_direction(axis, &s->pose, e[k]);
    share[k] = fabs(gaze_vec_dot(axis, dir));
  }
  if (s->shape == GAZE_SOLID_PLANE) return INFINITY;
  if (s->shape == GAZE_SOLID_BOX) return gaze_vec_dot(s->size, share);
  if (s->shape == GAZE_SOLID_SPHERE) return s->size[0];
  double across = s->shape == GAZE_SOLID_CAPSULE ? 1.0 : hypot(share[0], share[1]);
  return s->size[0] * across + s->size[1] * share[2];
}

static double along(const gaze_solid *s, const double a[3], const double b[3], double t) {
  double p[3];
  for (int k = 0; k < 3; k++) p[k] = a[k] + t * (b[k] - a[k]);
  return local_distance(s, p);
}

double gaze_solid_capsule(const gaze_solid *s, const double a[3], const double b[3],
                          double radius) {
  gaze_pose inv = gaze_pose_inverse(&s->pose);
  double p[3], q[3], length = gaze_vec_distance(a, b);
  gaze_pose_point(p, &inv, a);
  gaze_pose_point(q, &inv, b);
  double lo = 0.0, hi = 1.0, least = fmin(along(s, p, q, 0.0), along(s, p, q, 1.0));
  if (s->shape == GAZE_SOLID_PLANE) return least - radius;

  double t1 = hi - GOLDEN * (hi - lo), t2 = lo + GOLDEN * (hi - lo);
  double d1 = along(s, p, q, t1), d2 = along(s, p, q, t2);
  while ((hi - lo) * length > BRACKET) {
    if (d1 < d2) {
      hi = t2, t2 = t1, d2 = d1;
      t1 = hi - GOLDEN * (hi - lo), d1 = along(s, p, q, t1);
    } else {
      lo = t1, t1 = t2, d1 = d2;
      t2 = lo + GOLDEN * (hi - lo), d2 = along(s, p, q, t2);
    }
  }
  // a distance changes by no more than the way gone
  return fmin(least, fmin(d1, d2) - (hi - lo) * length) - radius;
}

double gaze_segment_distance(const double a[3], const double b[3], const double c[3],
                             const double d[3]) {
  double u[3], v[3], w[3], gap[3];
  for (int k = 0; k < 3; k++) u[k] = b[k] - a[k], v[k] = d[k] - c[k], w[k] = a[k] - c[k];
  double uu = gaze_vec_dot(u, u), vv = gaze_vec_dot(v, v), uv = gaze_vec_dot(u, v);
  double uw = gaze_vec_dot(u, w), vw = gaze_vec_dot(v, w), det = uu * vv - uv * uv;

  // nearest point on the first line, then on the second segment, then back on the first
  double s = det > 1e-12 * uu * vv ? fmin(fmax((uv * vw - uw * vv) / det, 0.0), 1.0) : 0.0;
  double t = vv > 0.0 ? (uv * s + vw) / vv : 0.0;
  if (!(t >= 0.0 && t <= 1.0) || vv == 0.0) {
    t = fmin(fmax(t, 0.0), 1.0);
    s = uu > 0.0 ? fmin(fmax((uv * t - uw) / uu, 0.0), 1.0) : 0.0;
  }
  for (int k = 0; k < 3; k++) gap[k] = w[k] + s * u[k] - t * v[k];
  return sqrt(gaze_vec_dot(gap, gap));
}

// All capsules' ends in the world.
typedef struct placed {
  double a[CAPSULES][3], b[CAPSULES][3];
} placed;

static void place(placed *out, const gaze_chain *c, const gaze_hull *h, const double *q,
                  double open) {
  gaze_pose link[N];
  gaze_chain_fk(c, q, link);
  for (int i = 0; i < h->n; i++) {
    const gaze_capsule *cap = &h->capsule[i];
    const gaze_pose *at = cap->link < 0 ? &c->base : &link[cap->link];
    double a[3], b[3];
    for (int k = 0; k < 3; k++) {
      a[k] = cap->a[k] + open * cap->opening[k];
      b[k] = cap->b[k] + open * cap->opening[k];
    }
    gaze_pose_point(out->a[i], at, a);
    gaze_pose_point(out->b[i], at, b);
  }
}

static double capsules_distance(const gaze_hull *h, const placed *at, int i, int k) {
  double d = gaze_segment_distance(at->a[i], at->b[i], at->a[k], at->b[k]);
  return d - h->capsule[i].radius - h->capsule[k].radius;
}

gaze_err gaze_hull_pairs(gaze_hull *h, const gaze_chain *c, const double *q) {
  if (h->n < 0 || h->n > CAPSULES)
    return gaze_fail(GAZE_ERR_RANGE, "hull: field n: expected 0..%d capsules", CAPSULES);
  for (int i = 0; i < h->n; i++)
    if (h->capsule[i].link < -1 || h->capsule[i].link >= c->n)
      return gaze_fail(GAZE_ERR_RANGE, "hull: capsule %d: field link: expected -1..%d", i,
                       c->n - 1);
  placed at;
  place(&at, c, h, q, 1.0);
  h->pairs = 0;
  for (int i = 0; i < h->n; i++) {
    for (int k = 0; k < i; k++) {
      int apart = h->capsule[i].link - h->capsule[k].link;
      if ((apart < 2 && apart > -2) || capsules_distance(h, &at, i, k) < TOUCH) continue;
      if (h->pairs == GAZE_HULL_PAIRS_MAX)
        return gaze_fail(GAZE_ERR_RANGE, "hull: more than %d pairs of capsules",
                         GAZE_HULL_PAIRS_MAX);
      h->pair[h->pairs][0] = (unsigned char)i;
      h->pair[h->pairs++][1] = (unsigned char)k;
    }
  }
  return GAZE_OK;
}

// The middle of the axis bounds the distance from below: most pairs need no more.
static double bounded_distance(const gaze_solid *s, const double a[3], const double b[3],
                               double radius, double enough) {
  double mid[3];
  for (int k = 0; k < 3; k++) mid[k] = 0.5 * (a[k] + b[k]);
  double bound = gaze_solid_distance(s, mid) - 0.5 * gaze_vec_distance(a, b) - radius;
  return bound >= enough ? bound : gaze_solid_capsule(s, a, b, radius);
}

gaze_near gaze_collide(const gaze_chain *c, const gaze_hull *h, const gaze_clutter *w,
                       const double *q, double open) {
  gaze_near near = {.distance = INFINITY, .capsule = -1, .other = -1};
  placed at;
  place(&at, c, h, q, open);
  for (int i = 0; i < h->n; i++) {
    const gaze_capsule *cap = &h->capsule[i];
    for (int k = 0; cap->link >= 1 && k < w->n; k++) {
      if (k == w->held || (cap->finger && k == w->target)) continue;
      double d = bounded_distance(&w->solid[k], at.a[i], at.b[i], cap->radius, near.distance);
      if (d < near.distance) near = (gaze_near){d, i, k, false};
    }
  }
  for (int p = 0; p < h->pairs; p++) {
    double d = capsules_distance(h, &at, h->pair[p][0], h->pair[p][1]);
    if (d < near.distance) near = (gaze_near){d, h->pair[p][0], h->pair[p][1], true};
  }
  return near;
}

// Per joint, how far the farthest point of the arm behind it moves per unit of joint motion: the
// radius it swings on, summed over the links as if stretched.
static void sweep_radius(const gaze_chain *c, const gaze_hull *h, double *radius) {
  double beyond = 0.0;
  for (int i = c->n - 1; i >= 0; i--) {
    const gaze_joint *j = &c->joint[i];
    for (int k = 0; k < h->n; k++) {
      const gaze_capsule *cap = &h->capsule[k];
      if (cap->link != i) continue;
      double shift = sqrt(gaze_vec_dot(cap->opening, cap->opening));
      double a = sqrt(gaze_vec_dot(cap->a, cap->a)), b = sqrt(gaze_vec_dot(cap->b, cap->b));
      beyond = fmax(beyond, fmax(a, b) + shift + cap->radius);
    }
    bool hinge = j->type == GAZE_JOINT_HINGE;
    radius[i] = hinge ? beyond : 1.0;
    if (!hinge) beyond += fmax(fabs(j->lo), fabs(j->hi));
    beyond += sqrt(gaze_vec_dot(j->frame.pos, j->frame.pos));
  }
}

static gaze_err collision(const gaze_near *near, double t, gaze_near *hit) {
  if (hit != NULL) *hit = *near;
  return gaze_fail(GAZE_ERR_STATE, "path: at %.2f s part %d of the arm is %.1f mm from %s %d", t,
                   near->capsule, 1e3 * near->distance, near->self ? "its own part" : "solid",
                   near->other);
}

gaze_err gaze_collide_path(const gaze_chain *c, const gaze_hull *h, const gaze_clutter *w,
                           const gaze_path *path, double open, gaze_near *hit) {
  if (!(w->margin > 0.0))
    return gaze_fail(GAZE_ERR_ARG, "path: field margin: expected a positive distance");
  double q[N], speed[N], radius[N], t = 0.0, end = gaze_path_duration(path);
  sweep_radius(c, h, radius);
  for (int k = 0; k + 1 < path->knots; k++) {
    // two capsules of the arm may both move, hence twice
    double fastest = 1e-9;
    gaze_path_speed(path, k, speed);
    for (int i = 0; i < c->n; i++) fastest += 2.0 * radius[i] * speed[i];
    while (t < path->t[k + 1]) {
      gaze_path_eval(path, t, q, NULL, NULL);
      gaze_near near = gaze_collide(c, h, w, q, open);
      if (!(near.distance >= w->margin)) return collision(&near, t, hit);
      // after this way the distance is still half a margin, and is looked at again
      t += (near.distance - 0.5 * w->margin) / fastest;
    }
    t = path->t[k + 1];
  }
  gaze_path_eval(path, end, q, NULL, NULL);
  gaze_near near = gaze_collide(c, h, w, q, open);
  return near.distance >= w->margin ? GAZE_OK : collision(&near, end, hit);
}
