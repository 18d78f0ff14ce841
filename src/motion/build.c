// motion/build.c - adds phases to a plan: postures found, paths timed and checked.
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "core/rng.h"
#include "motion/ik.h"
#include "motion/skill_internal.h"

enum { N = GAZE_CHAIN_JOINTS_MAX, POINTS = GAZE_PATH_POINTS_MAX };

static const double UP[3] = {0.0, 0.0, 1.0};
static const double BELOW = 0.004;    // fingertips below the middle of what is round [m]
static const double STEP_M = 0.010;   // between postures on a line [m]
static const double STEP_RAD = 0.05;  // [rad]
static const double JUMP = 0.25;      // a joint moving more between two of them has no line [rad|m]
static const double SPREAD = 1.5;     // of guesses round home [rad|m]
static const int RESTARTS = 20;
static const double OVER = 0.12;  // height over everything on a detour [m]
static const double LINE_TOL_M = 2e-5, LINE_TOL_RAD = 2e-4;

gaze_pose gaze_builder_tool(const gaze_builder *b) {
  return gaze_chain_fk(&b->planner->arm->chain, b->q, NULL);
}

double gaze_grasp_height(const gaze_planner *p, const gaze_solid *s) {
  const double z[3] = {0.0, 0.0, 1.0};
  double half = gaze_solid_half(s, UP), bottom = s->pose.pos[2] - half, axis[3], depth = p->depth;
  gaze_pose_direction(axis, &s->pose, z);
  bool lying = s->shape == GAZE_SOLID_CYLINDER || s->shape == GAZE_SOLID_CAPSULE;
  // higher up the pads would press a round thing down and out of the hand
  if (s->shape == GAZE_SOLID_SPHERE || (lying && fabs(axis[2]) < 0.5))
    depth = fmax(depth, half + BELOW);
  return fmax(2.0 * half - depth, fmax(p->table_z + GAZE_TABLE_GAP_M - bottom, 0.0));
}

// A ball round the held solid, which hangs from the fingertips as it was grasped.
static void carry(gaze_builder *b, const gaze_solid *s) {
  const gaze_chain *c = &b->planner->arm->chain;
  const double below[3] = {0.0, 0.0, gaze_grasp_height(b->planner, s) - gaze_solid_half(s, UP)};
  gaze_capsule *ball = &b->hull.capsule[b->hull.n++];
  *ball = (gaze_capsule){.link = c->n - 1, .radius = gaze_solid_radius(s)};
  gaze_pose_point(ball->a, &c->tool, below);
  memcpy(ball->b, ball->a, sizeof ball->b);
}

void gaze_builder_start(gaze_builder *b, const gaze_planner *p, const double *q, double open,
                        gaze_plan *plan) {
  *b = (gaze_builder){
      .planner = p, .plan = plan, .hull = p->arm->hull, .target = -1, .open = open, .span = open};
  memcpy(b->q, q, (size_t)p->arm->chain.n * sizeof *q);
  plan->n = 0;
  plan->fault = GAZE_FAULT_NONE;
  if (p->held >= 0) carry(b, &p->solid[p->held]);
}

gaze_err gaze_builder_fault(gaze_builder *b, gaze_fault fault, const char *sentence) {
  char why[400];
  snprintf(why, sizeof why, "%s", sentence);  // it may be the buffer gaze_fail writes to
  b->plan->fault = fault;
  return gaze_fail(GAZE_ERR_NOTFOUND, "%s: %s", b->phase, why);
}

static gaze_phase *next_phase(gaze_builder *b, const char *name) {
  GAZE_ASSERT(b->plan->n < GAZE_PLAN_PHASES_MAX);
  gaze_phase *ph = &b->plan->phase[b->plan->n];
  *ph = (gaze_phase){.name = name, .open = b->open};
  b->phase = name;
  return ph;
}

static void finish_phase(gaze_builder *b) {
  const gaze_path *path = &b->plan->phase[b->plan->n++].path;
  gaze_path_eval(path, gaze_path_duration(path), b->q, NULL, NULL);
}

// Largest speed of the fingertips, looked at eight times between knots.
static double tool_peak(const gaze_chain *c, const gaze_path *path) {
  double peak = 0.0, q[N], dq[N], jac[6 * N];
  for (int k = 0; k + 1 < path->knots; k++) {
    for (int e = 0; e < 8; e++) {
      double v[3] = {0};
      gaze_path_eval(path, path->t[k] + e * (path->t[k + 1] - path->t[k]) / 8.0, q, dq, NULL);
      gaze_chain_jacobian(c, q, jac);
      for (int r = 0; r < 3; r++)
        for (int i = 0; i < c->n; i++) v[r] += jac[r * c->n + i] * dq[i];
      peak = fmax(peak, sqrt(gaze_vec_dot(v, v)));
    }
  }
  return peak;
}

// Times the points: lower joint speeds until the fingertips keep theirs, the rest by stretching,
// which alone would make the start and the stop as slow as the cruise.
static gaze_err time_path(const gaze_planner *p, const double *points, int count, gaze_path *path) {
  const gaze_chain *c = &p->arm->chain;
  double share = p->vel_share, peak = 0.0;
  for (int round = 0; round < 3; round++) {
    gaze_path_limits lim = gaze_path_limits_of(c, share, p->acc_share);
    GAZE_TRY(gaze_path_plan(path, &lim, points, count, c->n));
    peak = tool_peak(c, path);
    if (peak <= p->tool_speed) return GAZE_OK;
    share *= p->tool_speed / peak;
  }
  gaze_path_stretch(path, peak / p->tool_speed);
  return GAZE_OK;
}

// Times and checks one list of postures; the sentence of a failure is left for the caller.
static gaze_err try_points(gaze_builder *b, const double *points, int count, gaze_path *path) {
  const gaze_planner *p = b->planner;
  gaze_clutter w = {
      .solid = p->solid, .n = p->solids, .target = b->target, .held = p->held, .margin = p->margin};
  GAZE_TRY(time_path(p, points, count, path));
  return gaze_collide_path(&p->arm->chain, &b->hull, &w, path, b->span, NULL);
}

static gaze_err posture(const gaze_builder *b, const gaze_pose *to, const double *from,
                        int restarts, double *q) {
  gaze_ik ik = gaze_ik_default(to);
  ik.home = b->planner->arm->home;
  ik.restarts = restarts;
  ik.seed = b->planner->seed;
  return gaze_ik_solve(&b->planner->arm->chain, &ik, from, q);
}

// The posture a search begins with: where the arm is, then home, then anywhere near home.
static void first_guess(const gaze_builder *b, uint64_t seed, double *q) {
  const gaze_arm *arm = b->planner->arm;
  gaze_rng rng;
  gaze_rng_init(&rng, b->planner->seed, seed);
  for (int i = 0; i < arm->chain.n; i++) {
    q[i] = seed == 0 ? b->q[i] : arm->home[i];
    if (seed >= 2) q[i] += gaze_rng_real(&rng, -SPREAD, SPREAD);
  }
}

// The height at which the tool meets nothing on its way from one height to another.
static double height_over(const gaze_builder *b, double z0, double z1) {
  const gaze_planner *p = b->planner;
  double z = fmax(z0, z1);
  for (int i = 0; i < p->solids; i++)
    if (p->solid[i].shape != GAZE_SOLID_PLANE && i != p->held)
      z = fmax(z, p->solid[i].pose.pos[2] + gaze_solid_half(&p->solid[i], UP) + OVER);
  return z;
}

// Ways from q to goal: straight in joint space; up, over and down; over home. Each is a list of at
// most five postures.
static gaze_err detours(gaze_builder *b, const double *goal, gaze_path *path) {
  int n = b->planner->arm->chain.n;
  size_t row = (size_t)n * sizeof(double);
  double at[5 * N];
  memcpy(at, b->q, row), memcpy(at + n, goal, row);
  gaze_err e = try_points(b, at, 2, path);
  if (e == GAZE_OK) return e;

  gaze_pose from = gaze_builder_tool(b), to = gaze_chain_fk(&b->planner->arm->chain, goal, NULL);
  gaze_pose up = from, over = to;
  double up_q[N], over_q[N];
  up.pos[2] = over.pos[2] = height_over(b, from.pos[2], to.pos[2]);
  bool lifted =
      posture(b, &up, b->q, 0, up_q) == GAZE_OK && posture(b, &over, goal, 0, over_q) == GAZE_OK;
  if (lifted) {
    memcpy(at + n, up_q, row), memcpy(at + 2 * n, over_q, row), memcpy(at + 3 * n, goal, row);
    e = try_points(b, at, 4, path);
    if (e == GAZE_OK) return e;
    memcpy(at + 2 * n, b->planner->arm->home, row);
    memcpy(at + 3 * n, over_q, row), memcpy(at + 4 * n, goal, row);
    return try_points(b, at, 5, path);
  }
  memcpy(at + n, b->planner->arm->home, row), memcpy(at + 2 * n, goal, row);
  return try_points(b, at, 3, path);
}

gaze_err gaze_builder_swing(gaze_builder *b, const char *phase, const double *goal) {
  gaze_phase *ph = next_phase(b, phase);
  if (detours(b, goal, &ph->path) != GAZE_OK)
    return gaze_builder_fault(b, GAZE_FAULT_COLLISION, gaze_err_detail());
  finish_phase(b);
  return GAZE_OK;
}

gaze_err gaze_builder_transit(gaze_builder *b, const char *phase, const gaze_pose *to,
                              uint64_t seed) {
  double guess[N], goal[N];
  b->phase = phase;
  first_guess(b, seed, guess);
  if (posture(b, to, guess, RESTARTS, goal) != GAZE_OK)
    return gaze_builder_fault(b, GAZE_FAULT_UNREACHABLE, gaze_err_detail());
  return gaze_builder_swing(b, phase, goal);
}

// Length of the line between two poses, counted in steps.
static double steps_between(const gaze_pose *a, const gaze_pose *b) {
  double turn[3];
  gaze_quat_error(turn, b->quat, a->quat);
  return fmax(gaze_vec_distance(a->pos, b->pos) / STEP_M,
              sqrt(gaze_vec_dot(turn, turn)) / STEP_RAD);
}

// Follows the lines by small steps of inverse kinematics, each from the posture before; returns
// the number of postures, or 0 with a sentence if they do not join.
static int postures_along(gaze_builder *b, const gaze_pose *way, int count, double *points) {
  const gaze_chain *c = &b->planner->arm->chain;
  gaze_pose from = gaze_builder_tool(b);
  double total = 0.0;
  for (int k = 0; k < count; k++) total += steps_between(k ? &way[k - 1] : &from, &way[k]);
  double stride = fmax(1.0, total / (POINTS - 1 - count));

  int made = 1;
  memcpy(points, b->q, (size_t)c->n * sizeof *points);
  for (int k = 0; k < count; k++) {
    const gaze_pose *start = k ? &way[k - 1] : &from;
    int pieces = (int)ceil(fmax(steps_between(start, &way[k]) / stride, 1e-9));
    for (int e = 1; e <= pieces && made < POINTS; e++, made++) {
      const double *before = points + (made - 1) * c->n;
      double *q = points + made * c->n;
      gaze_pose at = gaze_pose_between(start, &way[k], (double)e / pieces);
      gaze_ik ik = gaze_ik_default(&at);
      ik.tol_m = LINE_TOL_M, ik.tol_rad = LINE_TOL_RAD, ik.restarts = 0, ik.home = before;
      if (gaze_ik_solve(c, &ik, before, q) != GAZE_OK) return 0;
      for (int i = 0; i < c->n; i++) {
        if (fabs(q[i] - before[i]) <= JUMP) continue;
        gaze_fail(GAZE_ERR_NOTFOUND, "joint %d would have to jump by %.2f on the line", i,
                  q[i] - before[i]);
        return 0;
      }
    }
  }
  return made;
}

gaze_err gaze_builder_trace(gaze_builder *b, const char *phase, const gaze_pose *way, int count) {
  double points[POINTS * N];
  gaze_phase *ph = next_phase(b, phase);
  int made = postures_along(b, way, count, points);
  if (made == 0) return gaze_builder_fault(b, GAZE_FAULT_UNREACHABLE, gaze_err_detail());
  if (try_points(b, points, made, &ph->path) != GAZE_OK)
    return gaze_builder_fault(b, GAZE_FAULT_COLLISION, gaze_err_detail());
  finish_phase(b);
  return GAZE_OK;
}

void gaze_builder_wait(gaze_builder *b, const char *phase, double seconds) {
  gaze_phase *ph = next_phase(b, phase);
  int n = b->planner->arm->chain.n;
  ph->path.n = n, ph->path.knots = 1;
  memcpy(ph->path.q[0], b->q, (size_t)n * sizeof *b->q);
  ph->wait_s = seconds;
  b->plan->n++;
}
