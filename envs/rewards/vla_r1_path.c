// envs/rewards/vla_r1_path.c - distances between two polylines: oriented and plain Frechet,
// Hausdorff, and the distance of evenly spaced points.
#include <math.h>
#include <string.h>
#include "envs/rewards/vla_r1.h"

static const double ANGLE_WEIGHT = 0.25, RATIO_WEIGHT = 0.10, TINY = 1e-12, MERGE = 1e-6;
enum { RESAMPLED = 32 };

// what every vertex of a path is compared by
typedef struct shape {
  double tangent[GAZE_VLA_R1_POINTS_MAX][2];
  double norm[GAZE_VLA_R1_POINTS_MAX];    // of the tangent: 1, or 0 if there is none
  double length[GAZE_VLA_R1_POINTS_MAX];  // of the segment that follows
} shape;

static bool sizes_ok(int n, int m) {
  return n >= 1 && m >= 1 && n <= GAZE_VLA_R1_POINTS_MAX && m <= GAZE_VLA_R1_POINTS_MAX;
}

static void unit(double v[2]) {
  double n = hypot(v[0], v[1]);
  for (int a = 0; a < 2; a++) v[a] = n < TINY ? 0 : v[a] / n;
}

static void describe(const double (*p)[2], int n, shape *s) {
  double in[2] = {0, 0};  // direction of the segment before the vertex
  for (int i = 0; i < n; i++) {
    double out[2] = {0, 0};
    if (i + 1 < n) {
      for (int a = 0; a < 2; a++) out[a] = p[i + 1][a] - p[i][a];
      s->length[i] = hypot(out[0], out[1]);
      unit(out);
    } else {
      s->length[i] = n > 1 ? s->length[i - 1] : 0;
    }
    double t[2];
    if (i == 0) {
      memcpy(t, out, sizeof t);
    } else if (i + 1 == n) {
      memcpy(t, in, sizeof t);
    } else {
      for (int a = 0; a < 2; a++) t[a] = in[a] + out[a];
      // a turn back on itself has no bisector
      if (hypot(t[0], t[1]) < TINY)
        memcpy(t, in, sizeof t);
      else
        unit(t);
    }
    memcpy(s->tangent[i], t, sizeof t);
    s->norm[i] = hypot(t[0], t[1]);
    memcpy(in, out, sizeof in);
  }
}

static double angle(const double u[2], double nu, const double v[2], double nv) {
  if (nu < TINY || nv < TINY) return 0;
  double c = (u[0] * v[0] + u[1] * v[1]) / (nu * nv);
  return acos(c < -1 ? -1 : c > 1 ? 1 : c);
}

static double log_ratio(double a, double b) {
  if (a <= TINY || b <= TINY) a += TINY, b += TINY;
  return fabs(log(a / b));
}

// one column step of the dynamic programme: row[j] before is D(i-1,j), after D(i,j)
static double step(const double *row, int i, int j, double diagonal, double cost) {
  double best = i == 0 && j == 0 ? -INFINITY : INFINITY;
  if (i > 0) best = fmin(best, row[j]);
  if (j > 0) best = fmin(best, row[j - 1]);
  if (i > 0 && j > 0) best = fmin(best, diagonal);
  return fmax(best, cost);
}

double gaze_vla_r1_denominator(void) {
  return sqrt(2.0) + ANGLE_WEIGHT * acos(-1.0) + RATIO_WEIGHT * log(10.0);
}

double gaze_vla_r1_frechet(const double (*p)[2], int n, const double (*q)[2], int m,
                           bool cap_ratio) {
  if (!sizes_ok(n, m)) return INFINITY;
  shape a, b;
  double row[GAZE_VLA_R1_POINTS_MAX];
  const double cap = log(10.0);
  describe(p, n, &a);
  describe(q, m, &b);
  for (int i = 0; i < n; i++) {
    double diagonal = 0;
    for (int j = 0; j < m; j++) {
      double ratio = log_ratio(a.length[i], b.length[j]);
      if (cap_ratio && ratio > cap) ratio = cap;
      double cost = hypot(p[i][0] - q[j][0], p[i][1] - q[j][1]) +
                    ANGLE_WEIGHT * angle(a.tangent[i], a.norm[i], b.tangent[j], b.norm[j]) +
                    RATIO_WEIGHT * ratio;
      double above = i > 0 ? row[j] : 0;
      row[j] = step(row, i, j, diagonal, cost);
      diagonal = above;
    }
  }
  return row[m - 1];
}

double gaze_path_dfd(const double (*p)[2], int n, const double (*q)[2], int m) {
  if (!sizes_ok(n, m)) return INFINITY;
  double row[GAZE_VLA_R1_POINTS_MAX];
  for (int i = 0; i < n; i++) {
    double diagonal = 0;
    for (int j = 0; j < m; j++) {
      double above = i > 0 ? row[j] : 0;
      row[j] = step(row, i, j, diagonal, hypot(p[i][0] - q[j][0], p[i][1] - q[j][1]));
      diagonal = above;
    }
  }
  return row[m - 1];
}

static double farthest(const double (*p)[2], int n, const double (*q)[2], int m) {
  double worst = 0;
  for (int i = 0; i < n; i++) {
    double best = INFINITY;
    for (int j = 0; j < m; j++) best = fmin(best, hypot(p[i][0] - q[j][0], p[i][1] - q[j][1]));
    worst = fmax(worst, best);
  }
  return worst;
}

double gaze_path_hausdorff(const double (*p)[2], int n, const double (*q)[2], int m) {
  if (!sizes_ok(n, m)) return INFINITY;
  return fmax(farthest(p, n, q, m), farthest(q, m, p, n));
}

// 32 points uniform in arc length; a path without length repeats its point
static void resample(const double (*p)[2], int n, double out[RESAMPLED][2]) {
  double total = 0;
  for (int i = 0; i + 1 < n; i++) total += hypot(p[i + 1][0] - p[i][0], p[i + 1][1] - p[i][1]);
  int seg = 0;
  double before = 0;  // arc length at the start of the segment
  for (int k = 0; k < RESAMPLED; k++) {
    if (!(total > 0)) {
      memcpy(out[k], p[0], sizeof out[k]);
      continue;
    }
    double want = total * k / (RESAMPLED - 1), len = 0;
    for (;; seg++) {
      len = hypot(p[seg + 1][0] - p[seg][0], p[seg + 1][1] - p[seg][1]);
      if (seg + 2 >= n || before + len >= want) break;
      before += len;
    }
    double t = len > 0 ? fmin(1, (want - before) / len) : 0;
    for (int a = 0; a < 2; a++) out[k][a] = p[seg][a] + t * (p[seg + 1][a] - p[seg][a]);
  }
}

double gaze_path_rmse(const double (*p)[2], int n, const double (*q)[2], int m) {
  if (!sizes_ok(n, m)) return INFINITY;
  double a[RESAMPLED][2], b[RESAMPLED][2], sum = 0;
  resample(p, n, a);
  resample(q, m, b);
  for (int k = 0; k < RESAMPLED; k++) {
    double dx = a[k][0] - b[k][0], dy = a[k][1] - b[k][1];
    sum += dx * dx + dy * dy;
  }
  return sqrt(sum / RESAMPLED);
}

int gaze_path_merge(double (*p)[2], int n) {
  int kept = 0;
  for (int i = 0; i < n; i++) {
    if (kept && hypot(p[i][0] - p[kept - 1][0], p[i][1] - p[kept - 1][1]) < MERGE) continue;
    memmove(p[kept++], p[i], sizeof p[i]);
  }
  return kept;
}
