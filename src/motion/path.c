// motion/path.c - see path.h.
#include "motion/path.h"
#include <math.h>
#include <string.h>

enum { N = GAZE_CHAIN_JOINTS_MAX, KNOTS = GAZE_PATH_KNOTS_MAX, POINTS = GAZE_PATH_POINTS_MAX };

static const double SAME = 1e-6;          // points closer than this are one [rad|m]
static const double DURATION_MIN = 1e-3;  // of a segment while times are sought [s]
static const double FULL = 1.0 - 1e-9;    // share of the limits used: room for rounding
static const int PIECES = 24;             // segments of a path of few points
static const double EASE = 0.2;  // of a duration towards its limit, each round: more would swing
static const int ROUNDS = 80;    // of the search for durations

gaze_path_limits gaze_path_limits_of(const gaze_chain *c, double vel_share, double acc_share) {
  gaze_path_limits lim = {0};
  for (int i = 0; i < c->n; i++) {
    const gaze_joint *j = &c->joint[i];
    lim.lo[i] = j->lo, lim.hi[i] = j->hi;
    lim.vel[i] = vel_share * j->vel;
    lim.acc[i] = acc_share * j->acc, lim.jerk[i] = acc_share * j->jerk;
  }
  return lim;
}

static gaze_err check(const gaze_path_limits *lim, const double *points, int count, int n) {
  if (lim == NULL || points == NULL || n < 1 || n > N)
    return gaze_fail(GAZE_ERR_ARG, "path: expected limits, points and 1..%d joints", N);
  if (count < 1 || count > POINTS)
    return gaze_fail(GAZE_ERR_RANGE, "path: expected 1..%d points, got %d", POINTS, count);
  for (int i = 0; i < n; i++)
    if (!(lim->vel[i] > 0.0 && lim->acc[i] > 0.0 && lim->jerk[i] > 0.0))
      return gaze_fail(GAZE_ERR_RANGE, "path: joint %d: expected positive limits", i);
  for (int k = 0; k < count; k++)
    for (int i = 0; i < n; i++)
      if (!(points[k * n + i] >= lim->lo[i] && points[k * n + i] <= lim->hi[i]))
        return gaze_fail(GAZE_ERR_RANGE, "path: point %d, joint %d: expected %g..%g, got %g", k, i,
                         lim->lo[i], lim->hi[i], points[k * n + i]);
  return GAZE_OK;
}

// Largest joint step between two points.
static double span(const double *a, const double *b, int n) {
  double most = 0.0;
  for (int i = 0; i < n; i++) most = fmax(most, fabs(b[i] - a[i]));
  return most;
}

// Copies the points that differ from their predecessor to p->q; returns their number. The last
// point is kept exactly: it replaces a near one before it.
static int distinct(gaze_path *p, const double *points, int count) {
  int kept = 0;
  for (int k = 0; k < count; k++) {
    const double *at = points + (size_t)k * (size_t)p->n;
    if (kept > 0 && span(p->q[kept - 1], at, p->n) < SAME) {
      if (k < count - 1 || kept == 1) continue;
      kept--;
    }
    memcpy(p->q[kept++], at, (size_t)p->n * sizeof *at);
  }
  return kept;
}

// Cuts the straight lines between the points so that a path of few points has about PIECES equal
// segments (room to speed up, cruise and slow down), at least two; returns the new number.
static int refine(gaze_path *p, int count) {
  double from[POINTS][N], total = 0.0;
  memcpy(from, p->q, (size_t)count * sizeof from[0]);
  for (int k = 0; k + 1 < count; k++) total += span(from[k], from[k + 1], p->n);

  int spare = POINTS - count, made = 0;
  for (int k = 0; k + 1 < count; k++) {
    int cuts = (int)(PIECES * span(from[k], from[k + 1], p->n) / total);
    cuts = cuts > spare ? spare : cuts;
    spare -= cuts;
    for (int c = 0; c <= cuts; c++, made++)
      for (int i = 0; i < p->n; i++)
        p->q[made][i] = from[k][i] + (from[k + 1][i] - from[k][i]) * c / (cuts + 1);
  }
  memcpy(p->q[made++], from[count - 1], sizeof from[0]);
  return made;
}

// Makes room for the two free knots: points 0, 1..m-2, m-1 become knots 0, 2..m-1, m+1.
static void open_ends(gaze_path *p, int points) {
  p->knots = points + 2;
  memcpy(p->q[points + 1], p->q[points - 1], sizeof p->q[0]);
  memmove(p->q[2], p->q[1], (size_t)(points - 2) * sizeof p->q[0]);
}

// The free knots halve the first and last segment in time, h[0] = h[1]: with v = a = 0 at knot 0,
// q1 = q0 + h^2 a1 / 6, and continuity of velocity at knots 1..K-2 gives the tridiagonal system
//   row 1:            6 h0 a1 + h1 a2                        = 6 (q2 - q0) / h1
//   row k:  h a[k-1] + 2 (h[k-1] + h[k]) a[k] + h[k] a[k+1]  = 6 (slope[k] - slope[k-1])
// in which the neighbour of a free knot loses its term: its slope is (q2 - q0) / h1. The last
// rows mirror the first.
static void solve_joint(gaze_path *p, const double *h, int i) {
  int last = p->knots - 1;
  double low[KNOTS], mid[KNOTS], up[KNOTS], rhs[KNOTS], slope[KNOTS];
  for (int k = 2; k < last - 2; k++) slope[k] = (p->q[k + 1][i] - p->q[k][i]) / h[k];
  slope[1] = (p->q[2][i] - p->q[0][i]) / h[1];
  slope[last - 2] = (p->q[last][i] - p->q[last - 2][i]) / h[last - 2];

  mid[1] = 6.0 * h[0], up[1] = h[1], rhs[1] = 6.0 * slope[1];
  for (int k = 2; k < last - 1; k++) {
    low[k] = k == 2 ? 0.0 : h[k - 1];
    up[k] = k == last - 2 ? 0.0 : h[k];
    mid[k] = 2.0 * (h[k - 1] + h[k]);
    rhs[k] = 6.0 * (slope[k] - slope[k - 1]);
  }
  low[last - 1] = h[last - 2], mid[last - 1] = 6.0 * h[last - 1];
  rhs[last - 1] = -6.0 * slope[last - 2];

  // diagonally dominant: elimination needs no pivots (Thomas)
  for (int k = 2; k < last; k++) {
    double f = low[k] / mid[k - 1];
    mid[k] -= f * up[k - 1], rhs[k] -= f * rhs[k - 1];
  }
  p->ddq[0][i] = p->ddq[last][i] = 0.0;
  p->ddq[last - 1][i] = rhs[last - 1] / mid[last - 1];
  for (int k = last - 2; k >= 1; k--) p->ddq[k][i] = (rhs[k] - up[k] * p->ddq[k + 1][i]) / mid[k];
  p->q[1][i] = p->q[0][i] + h[0] * h[0] * p->ddq[1][i] / 6.0;
  p->q[last - 1][i] = p->q[last][i] + h[last - 1] * h[last - 1] * p->ddq[last - 1][i] / 6.0;
}

static void solve(gaze_path *p, const double *h) {
  for (int i = 0; i < p->n; i++) solve_joint(p, h, i);
  p->t[0] = 0.0;
  for (int k = 0; k + 1 < p->knots; k++) p->t[k + 1] = p->t[k] + h[k];
}

// One joint's cubic between knots k and k+1: q + v s + a s^2 / 2 + j s^3 / 6.
typedef struct cubic {
  double h, q, v, a, j;
} cubic;

static cubic cubic_at(const gaze_path *p, int k, int i) {
  double h = p->t[k + 1] - p->t[k], a = p->ddq[k][i], b = p->ddq[k + 1][i];
  double v = (p->q[k + 1][i] - p->q[k][i]) / h - h * (2.0 * a + b) / 6.0;
  return (cubic){.h = h, .q = p->q[k][i], .v = v, .a = a, .j = (b - a) / h};
}

static double cubic_q(const cubic *c, double s) {
  return c->q + s * (c->v + s * (0.5 * c->a + s * c->j / 6.0));
}

static double cubic_v(const cubic *c, double s) {
  return c->v + s * (c->a + 0.5 * s * c->j);
}

// Speed is largest at the ends or where the acceleration passes zero.
static double cubic_speed(const cubic *c) {
  double most = fmax(fabs(c->v), fabs(cubic_v(c, c->h)));
  double s = c->j != 0.0 ? -c->a / c->j : -1.0;
  return s > 0.0 && s < c->h ? fmax(most, fabs(cubic_v(c, s))) : most;
}

// How many times longer segment k would have to be for all its limits to hold.
static double excess(const gaze_path *p, const gaze_path_limits *lim, int k) {
  double r = 0.0;
  for (int i = 0; i < p->n; i++) {
    cubic c = cubic_at(p, k, i);
    double acc = fmax(fabs(c.a), fabs(p->ddq[k + 1][i]));
    r = fmax(r, cubic_speed(&c) / (FULL * lim->vel[i]));
    r = fmax(r, sqrt(acc / (FULL * lim->acc[i])));
    r = fmax(r, cbrt(fabs(c.j) / (FULL * lim->jerk[i])));
  }
  return r;
}

// A smooth start: speed v (3 x^2 - 2 x^3) with x = t / ramp, so the way is v ramp (x^3 - x^4 / 2),
// the largest acceleration 1.5 v / ramp and the largest jerk 6 v / ramp^2.
typedef struct law {
  double length, v, ramp;
} law;

static double ramp_of(double v, double acc, double jerk) {
  return fmax(1.5 * v / acc, sqrt(6.0 * v / jerk));
}

// Rest to rest over `length` at speed 1 if there is room: the two ramps cover v * ramp.
static law law_over(double length, double acc, double jerk) {
  double lo = 0.0, hi = 1.0;
  for (int k = 0; k < 50 && ramp_of(1.0, acc, jerk) > length; k++) {
    double v = 0.5 * (lo + hi);
    if (v * ramp_of(v, acc, jerk) > length) {
      hi = v;
    } else {
      lo = v;
    }
  }
  return (law){.length = length, .v = hi, .ramp = ramp_of(hi, acc, jerk)};
}

// When the law has gone the way u.
static double law_time(const law *l, double u) {
  double half = 0.5 * l->v * l->ramp, total = 2.0 * l->ramp + (l->length - 2.0 * half) / l->v;
  if (u > 0.5 * l->length) return total - law_time(l, l->length - u);
  if (u >= half) return l->ramp + (u - half) / l->v;
  double lo = 0.0, hi = 1.0;
  for (int k = 0; k < 50; k++) {
    double x = 0.5 * (lo + hi);
    if (x * x * x * (1.0 - 0.5 * x) * l->v * l->ramp > u) {
      hi = x;
    } else {
      lo = x;
    }
  }
  return hi * l->ramp;
}

// The knot of a path's j-th point, the free knots left out.
static int knot_of(const gaze_path *p, int j) {
  if (j == 0) return 0;
  return j == p->knots - 3 ? p->knots - 1 : j + 1;
}

// First guess: along the path, measured by the time its fastest joint needs at full speed, goes one
// smooth start, a cruise and one smooth stop.
static void first_durations(const gaze_path *p, const gaze_path_limits *lim, double *h) {
  int points = p->knots - 2, last = p->knots - 1;
  double way[POINTS] = {0}, acc = INFINITY, jerk = INFINITY;
  for (int i = 0; i < p->n; i++) {
    acc = fmin(acc, lim->acc[i] / lim->vel[i]);
    jerk = fmin(jerk, lim->jerk[i] / lim->vel[i]);
  }
  for (int j = 1; j < points; j++) {
    const double *from = p->q[knot_of(p, j - 1)], *to = p->q[knot_of(p, j)];
    double step = 0.0;
    for (int i = 0; i < p->n; i++) step = fmax(step, fabs(to[i] - from[i]) / lim->vel[i]);
    way[j] = way[j - 1] + step;
  }
  law l = law_over(way[points - 1], acc, jerk);
  for (int j = 1; j < points; j++)
    h[j] = fmax(DURATION_MIN, law_time(&l, way[j]) - law_time(&l, way[j - 1]));
  // the free knots halve the first and the last
  h[0] = h[1] = 0.5 * h[1];
  h[last - 1] = h[last - 2] = 0.5 * h[last - 2];
}

// Stretches and shrinks each segment towards its own limit and keeps the durations that are the
// shortest after one common stretch; that last stretch is what makes the limits hold.
static void find_durations(gaze_path *p, const gaze_path_limits *lim) {
  int last = p->knots - 1;
  double h[KNOTS] = {0}, best[KNOTS] = {0}, shortest = INFINITY;
  first_durations(p, lim, h);
  for (int round = 0; round < ROUNDS; round++) {
    double r[KNOTS] = {0}, worst = 0.0;
    solve(p, h);
    for (int k = 0; k < last; k++) {
      r[k] = excess(p, lim, k);
      worst = fmax(worst, r[k]);
    }
    r[0] = r[1] = fmax(r[0], r[1]);
    r[last - 1] = r[last - 2] = fmax(r[last - 1], r[last - 2]);
    if (p->t[last] * worst < shortest) {
      shortest = p->t[last] * worst;
      for (int k = 0; k < last; k++) best[k] = h[k] * worst;
    }
    for (int k = 0; k < last; k++)
      h[k] = fmax(DURATION_MIN, h[k] * fmin(2.0, fmax(0.5, pow(r[k], EASE))));
  }
  solve(p, best);
}

// Position is extreme where the velocity, a quadratic, is zero.
static gaze_err check_positions(const gaze_path *p, const gaze_path_limits *lim) {
  for (int k = 0; k + 1 < p->knots; k++) {
    for (int i = 0; i < p->n; i++) {
      cubic c = cubic_at(p, k, i);
      double root = sqrt(fmax(0.0, c.a * c.a - 2.0 * c.j * c.v));
      double u = -(c.a + copysign(root, c.a));  // the stable form of the two roots
      double at[3] = {0.0, c.j != 0.0 ? u / c.j : 0.0, u != 0.0 ? 2.0 * c.v / u : 0.0};
      for (int e = 0; e < 3; e++) {
        double q = cubic_q(&c, fmin(fmax(at[e], 0.0), c.h));
        if (!(q >= lim->lo[i] - SAME && q <= lim->hi[i] + SAME))
          return gaze_fail(GAZE_ERR_RANGE, "path: joint %d would swing to %g, expected %g..%g", i,
                           q, lim->lo[i], lim->hi[i]);
      }
    }
  }
  return GAZE_OK;
}

gaze_err gaze_path_plan(gaze_path *p, const gaze_path_limits *lim, const double *points, int count,
                        int n) {
  if (p == NULL) return gaze_fail(GAZE_ERR_ARG, "path: expected a place for the path");
  GAZE_TRY(check(lim, points, count, n));
  memset(p, 0, sizeof *p);
  p->n = n;
  int kept = distinct(p, points, count);
  p->knots = 1;
  if (kept == 1) return GAZE_OK;

  open_ends(p, refine(p, kept));
  find_durations(p, lim);
  return check_positions(p, lim);
}

double gaze_path_duration(const gaze_path *p) {
  return p->t[p->knots - 1];
}

// Returns the segment that holds time t, 0 <= t < duration.
static int segment_at(const gaze_path *p, double t) {
  int lo = 0, hi = p->knots - 1;
  while (hi - lo > 1) {
    int mid = (lo + hi) / 2;
    if (p->t[mid] <= t) {
      lo = mid;
    } else {
      hi = mid;
    }
  }
  return lo;
}

void gaze_path_eval(const gaze_path *p, double t, double *q, double *dq, double *ddq) {
  bool rests = !(t > 0.0 && t < gaze_path_duration(p));
  int k = rests ? 0 : segment_at(p, t);
  const double *rest = p->q[t > 0.0 ? p->knots - 1 : 0];
  for (int i = 0; i < p->n; i++) {
    cubic c = {.q = rest[i]};
    double s = rests ? 0.0 : t - p->t[k];
    if (!rests) c = cubic_at(p, k, i);
    if (q != NULL) q[i] = cubic_q(&c, s);
    if (dq != NULL) dq[i] = cubic_v(&c, s);
    if (ddq != NULL) ddq[i] = c.a + s * c.j;
  }
}

void gaze_path_stretch(gaze_path *p, double factor) {
  for (int k = 0; k < p->knots; k++) {
    p->t[k] *= factor;
    for (int i = 0; i < p->n; i++) p->ddq[k][i] /= factor * factor;
  }
}

void gaze_path_speed(const gaze_path *p, int k, double *speed) {
  for (int i = 0; i < p->n; i++) {
    cubic c = cubic_at(p, k, i);
    speed[i] = cubic_speed(&c);
  }
}
