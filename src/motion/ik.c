// motion/ik.c - see ik.h.
#include "motion/ik.h"
#include <math.h>
#include <string.h>
#include "core/rng.h"

enum { N = GAZE_CHAIN_JOINTS_MAX };

static const double PI = 3.14159265358979323846;
static const double ROTATION_M = 0.2;  // one radian counts as much as 0.2 m
static const double ERROR_MAX = 0.2;   // longest error one step tries to close [m]
static const double NEAR = 0.1;        // error from which the damping falls [m]
static const double DAMPING2_MIN = 1e-9;
static const double POSTURE = 0.1;   // share of the way home per iteration, fading out
static const double STEP_MAX = 0.5;  // of one joint in one iteration [rad|m]

// One start's state. Rows of jac and err: position, then rotation times ROTATION_M.
typedef struct solver {
  const gaze_chain *c;
  const gaze_ik *ik;
  int rows;  // 3 or 6
  double lo[N], hi[N], home[N];
  double q[N], jac[6 * N], err[6];
  double off_m, off_rad;  // distance from the target
} solver;

gaze_ik gaze_ik_default(const gaze_pose *target) {
  return (gaze_ik){.target = *target,
                   .tol_m = 1e-4,
                   .tol_rad = 1e-3,
                   .damping = 0.05,
                   .iterations = 100,
                   .restarts = 20,
                   .margin = 0.05};
}

static gaze_err check(const gaze_chain *c, const gaze_ik *ik, const double *q0, const double *q) {
  GAZE_TRY(gaze_chain_check(c));
  if (ik == NULL || q0 == NULL || q == NULL)
    return gaze_fail(GAZE_ERR_ARG, "ik: expected arguments, a start and a place for the result");
  if (!gaze_pose_valid(&ik->target))
    return gaze_fail(GAZE_ERR_ARG, "ik: field target: expected a pose of finite numbers");
  if (!(ik->tol_m > 0.0 && ik->tol_rad > 0.0 && ik->damping >= 0.0 && ik->damping <= 10.0 &&
        ik->margin >= 0.0 && ik->iterations > 0 && ik->restarts >= 0))
    return gaze_fail(GAZE_ERR_ARG,
                     "ik: expected positive tolerances and iterations, damping in 0..10, "
                     "margin and restarts not below 0");
  for (int i = 0; i < c->n; i++)
    if (!isfinite(q0[i]))
      return gaze_fail(GAZE_ERR_ARG, "ik: field q0[%d]: expected a finite number", i);
  return GAZE_OK;
}

static double clamp(double x, double lo, double hi) {
  return fmin(fmax(x, lo), hi);
}

static void prepare(solver *s, const gaze_chain *c, const gaze_ik *ik) {
  *s = (solver){.c = c, .ik = ik, .rows = ik->position_only ? 3 : 6};
  for (int i = 0; i < c->n; i++) {
    const gaze_joint *j = &c->joint[i];
    double margin = fmin(ik->margin, 0.25 * (j->hi - j->lo));
    s->lo[i] = j->lo + margin, s->hi[i] = j->hi - margin;
    s->home[i] = ik->home ? clamp(ik->home[i], s->lo[i], s->hi[i]) : 0.5 * (j->lo + j->hi);
  }
}

// Fills jac, err and the distances at the present q; returns whether the target is met.
static bool look(solver *s) {
  int n = s->c->n;
  double turn[3];
  gaze_pose tool = gaze_chain_jacobian(s->c, s->q, s->jac);
  gaze_quat_error(turn, s->ik->target.quat, tool.quat);
  for (int k = 0; k < 3; k++) {
    s->err[k] = s->ik->target.pos[k] - tool.pos[k];
    s->err[k + 3] = ROTATION_M * turn[k];
    for (int i = 0; i < n; i++) s->jac[(k + 3) * n + i] *= ROTATION_M;
  }
  s->off_m = sqrt(gaze_vec_dot(s->err, s->err));
  s->off_rad = s->ik->position_only ? 0.0 : sqrt(gaze_vec_dot(turn, turn));
  return s->off_m <= s->ik->tol_m && s->off_rad <= s->ik->tol_rad;
}

// Solves a x = b in place for a symmetric positive definite a [m,m] (Cholesky).
static void solve_spd(double a[6][6], double *b, int m) {
  for (int i = 0; i < m; i++) {
    for (int k = 0; k <= i; k++) {
      double sum = a[i][k];
      for (int r = 0; r < k; r++) sum -= a[i][r] * a[k][r];
      a[i][k] = k < i ? sum / a[k][k] : sqrt(fmax(sum, 1e-30));
    }
  }
  for (int i = 0; i < m; i++) {
    for (int r = 0; r < i; r++) b[i] -= a[i][r] * b[r];
    b[i] /= a[i][i];
  }
  for (int i = m - 1; i >= 0; i--) {
    for (int r = i + 1; r < m; r++) b[i] -= a[r][i] * b[r];
    b[i] /= a[i][i];
  }
}

// dq = z + J' (J J' + damping I)^-1 (e - J z) over the free joints, z the way home.
static void damped_step(const solver *s, const bool *fixed, const double *e, double posture,
                        double *dq) {
  int n = s->c->n, m = s->rows;
  double a[6][6], y[6], size = 0.0;
  for (int r = 0; r < m; r++) size += s->err[r] * s->err[r];
  double damping2 = s->ik->damping * s->ik->damping * fmin(1.0, size / (NEAR * NEAR));
  for (int i = 0; i < n; i++)
    if (!fixed[i]) dq[i] = posture * (s->home[i] - s->q[i]);

  for (int r = 0; r < m; r++) {
    y[r] = e[r];
    for (int k = 0; k < m; k++) a[r][k] = r == k ? damping2 + DAMPING2_MIN : 0.0;
    for (int i = 0; i < n; i++) {
      if (fixed[i]) continue;
      y[r] -= s->jac[r * n + i] * dq[i];
      for (int k = 0; k < m; k++) a[r][k] += s->jac[r * n + i] * s->jac[k * n + i];
    }
  }
  solve_spd(a, y, m);
  for (int i = 0; i < n; i++) {
    if (fixed[i]) continue;
    for (int r = 0; r < m; r++) dq[i] += s->jac[r * n + i] * y[r];
  }
}

// One iteration. A joint that would pass its limit is stopped there and the others do the rest
// (Baerlocher and Boulic 2004); each round stops at least one more, so there are at most n + 1.
static void advance(solver *s, double posture) {
  int n = s->c->n;
  bool fixed[N] = {false}, again = true;
  double e[6], dq[N], size = 0.0;
  for (int r = 0; r < s->rows; r++) size += s->err[r] * s->err[r];
  double scale = fmin(1.0, ERROR_MAX / fmax(sqrt(size), 1e-300));
  for (int r = 0; r < s->rows; r++) e[r] = scale * s->err[r];

  while (again) {
    again = false;
    damped_step(s, fixed, e, posture, dq);
    for (int i = 0; i < n; i++) {
      double to = clamp(s->q[i] + dq[i], s->lo[i], s->hi[i]);
      if (fixed[i] || to == s->q[i] + dq[i]) continue;
      fixed[i] = again = true;
      dq[i] = to - s->q[i];
      for (int r = 0; r < s->rows; r++) e[r] -= s->jac[r * n + i] * dq[i];
    }
  }
  for (int i = 0; i < n; i++)
    s->q[i] = clamp(s->q[i] + clamp(dq[i], -STEP_MAX, STEP_MAX), s->lo[i], s->hi[i]);
}

static bool run(solver *s) {
  for (int k = 0; k < s->ik->iterations; k++) {
    if (look(s)) return true;
    advance(s, POSTURE * fmax(0.0, 1.0 - 2.0 * k / s->ik->iterations));
  }
  return look(s);
}

gaze_err gaze_ik_solve(const gaze_chain *c, const gaze_ik *ik, const double *q0, double *q) {
  GAZE_TRY(check(c, ik, q0, q));
  solver s;
  prepare(&s, c, ik);
  gaze_rng rng;
  gaze_rng_init(&rng, ik->seed, 0);
  double best = INFINITY, best_m = 0.0, best_rad = 0.0;
  for (int start = 0; start <= ik->restarts; start++) {
    for (int i = 0; i < c->n; i++) {
      // a joint may turn more than once: one turn round home holds every posture
      double near =
          gaze_rng_real(&rng, fmax(s.lo[i], s.home[i] - PI), fmin(s.hi[i], s.home[i] + PI));
      s.q[i] = start == 0 ? clamp(q0[i], s.lo[i], s.hi[i]) : near;
    }
    if (run(&s)) {
      memcpy(q, s.q, (size_t)c->n * sizeof *q);
      return GAZE_OK;
    }
    double off = s.off_m + ROTATION_M * s.off_rad;
    if (off < best) best = off, best_m = s.off_m, best_rad = s.off_rad;
  }
  const double *p = ik->target.pos;
  return gaze_fail(GAZE_ERR_NOTFOUND,
                   "ik: the tool cannot reach (%.3f, %.3f, %.3f): the best of %d tries is %.1f mm "
                   "and %.1f deg off",
                   p[0], p[1], p[2], ik->restarts + 1, 1e3 * best_m, best_rad * 180.0 / PI);
}

gaze_err gaze_ik_toward(const gaze_chain *c, const gaze_ik *ik, const double *q0, double *q) {
  GAZE_TRY(check(c, ik, q0, q));
  solver s;
  prepare(&s, c, ik);
  for (int i = 0; i < c->n; i++) s.q[i] = clamp(q0[i], s.lo[i], s.hi[i]);
  (void)run(&s);
  memcpy(q, s.q, (size_t)c->n * sizeof *q);
  return GAZE_OK;
}
