// envs/reach/move.c - one action: limits, Jacobian, guard, drive; see reach_internal.h.
#include <math.h>
#include <string.h>
#include "envs/reach/reach_internal.h"
#include "motion/ik.h"

enum { N = GAZE_CHAIN_JOINTS_MAX, ITERATIONS = 4 };

static const double DT = 1.0 / GAZE_REACH_HZ;
static const double MARGIN = 0.02;  // of joint targets from the joint limits [rad|m]

// Shortens v to `most`; returns whether that was more than rounding.
static bool cut(double v[3], double most) {
  const double length = sqrt(gaze_vec_dot(v, v));
  for (int k = 0; k < 3 && length > most; k++) v[k] *= most / length;
  return length > most * (1.0 + 1e-6);
}

// Where the tool is sent: from where it was told to be, by the action within its limits.
static gaze_pose target_of(const env_reach *v, const float *action, bool *clipped) {
  double move[3], turn[3];
  for (int k = 0; k < 3; k++) move[k] = (double)action[k], turn[k] = (double)action[3 + k];
  *clipped = cut(move, GAZE_REACH_MOVE_MAX);
  *clipped = cut(turn, GAZE_REACH_TURN_MAX) || *clipped;
  gaze_pose at = gaze_chain_fk(&v->arm.chain, v->told, NULL);
  reach_turn(&at, turn);
  for (int k = 0; k < 3; k++) at.pos[k] += move[k];
  // an arm that is below already (its home may be) is not lifted, only not sent lower
  const double floor = fmin(GAZE_REACH_TOOL_FLOOR, at.pos[2] - move[2]);
  if (at.pos[2] < floor) at.pos[2] = floor, *clipped = true;
  return at;
}

// Joint targets for the tool's target: within the joint limits, and no joint faster than it may
// be, all slowed alike so that the tool keeps its direction.
static gaze_err joints_of(const env_reach *v, const gaze_pose *target, double *q, bool *clipped) {
  const gaze_chain *c = &v->arm.chain;
  gaze_ik ik = gaze_ik_default(target);
  ik.iterations = ITERATIONS;
  ik.margin = MARGIN;
  ik.home = v->arm.home;
  GAZE_TRY(gaze_ik_toward(c, &ik, v->told, q));
  double share = 1.0;
  for (int i = 0; i < c->n; i++) {
    const double way = fabs(q[i] - v->told[i]);
    if (way > c->joint[i].vel * DT) share = fmin(share, c->joint[i].vel * DT / way);
  }
  if (share < 1.0) *clipped = true;
  for (int i = 0; i < c->n && share < 1.0; i++) q[i] = v->told[i] + share * (q[i] - v->told[i]);
  return GAZE_OK;
}

// How near the arm at q comes to table, tray or itself, wherever its fingers are on their way: they
// need several steps to follow what the hand is told, and lie between open and closed.
static double room(const env_reach *v, const double *q) {
  gaze_solid fixed[GAZE_WORLD_FIXED];
  gaze_world_fixed(fixed);
  const gaze_clutter around = {.solid = fixed, .n = GAZE_WORLD_FIXED, .target = -1, .held = -1};
  const gaze_near open = gaze_collide(&v->arm.chain, &v->arm.hull, &around, q, 1.0);
  const gaze_near closed = gaze_collide(&v->arm.chain, &v->arm.hull, &around, q, 0.0);
  return fmin(open.distance, closed.distance);
}

// Whether the arm may go there: far enough from everything, or no nearer than it is.
static bool safe(const env_reach *v, const double *q) {
  const double there = room(v, q);
  return there >= GAZE_REACH_GUARD || there >= room(v, v->told);
}

gaze_err reach_act(env_reach *v, const float *action, reach_move *done) {
  double q[N], grip = (double)action[6];
  *done = (reach_move){0};
  const gaze_pose target = target_of(v, action, &done->clipped);
  if (fabs(grip) > 1.0) grip = copysign(1.0, grip), done->clipped = true;
  const double open = 0.5 * (grip + 1.0);
  GAZE_TRY(joints_of(v, &target, q, &done->clipped));
  done->blocked = !safe(v, q);
  if (!done->blocked) {
    memcpy(v->told, q, sizeof v->told);
    v->open = open;
  }
  return gaze_world_drive(v->world, v->told, v->open, DT);
}

void reach_look(env_reach *v) {
  double q[N], dq[N], goal[3];
  gaze_world_bodies(v->world, v->now);
  gaze_world_posture(v->world, q, dq);
  v->state = (gaze_state){.q = v->q, .dq = v->dq, .joints = v->arm.chain.n};
  for (int i = 0; i < v->arm.chain.n; i++) v->q[i] = (float)q[i], v->dq[i] = (float)dq[i];

  const gaze_pose tool = gaze_chain_fk(&v->arm.chain, q, NULL);
  reach_goal(&v->scene, v->now, goal);
  for (int k = 0; k < 3; k++) v->off[k] = goal[k] - tool.pos[k];
  reach_tilt(&tool, v->off + 3);
}
