// sim/act.c - physical actions: what is possible, who carries, and how it went.
//
// The kinematic hand (hand.c) or an arm (arm.c) does the work; both are judged alike.
#include <math.h>
#include <string.h>
#include "sim/world_internal.h"

static const double TOPPLE = 0.005;  // unrelated object moved this far: toppled [m]
static const double SETTLE_LIMIT = 2.0;
static const double RISE = 0.15;                         // of what is picked or moved [m]
static const double HOLD_S = 1.0;                        // of what is only lifted
static const double RISE_LEAST = 0.02, RISE_MOST = 0.5;  // [m]
static const double PUSH_LEAST = 0.01, PUSH_MOST = 0.3;  // [m]
// a push may end this far off: so much, and this share of the way
static const double PUSH_OFF = 0.01, PUSH_SHARE = 0.1;

double gaze_world_off(const gaze_world *w, int i, const double to[3]) {
  const mjtNum *q = w->d->qpos + w->qpos[i];
  return sqrt((q[0] - to[0]) * (q[0] - to[0]) + (q[1] - to[1]) * (q[1] - to[1]) +
              (q[2] - to[2]) * (q[2] - to[2]));
}

static bool toppled(const gaze_world *w, const gaze_body *before, int i) {
  for (int j = 0; j < w->n; j++) {
    if (j == i || before[j].gone) continue;
    double was[3] = {(double)before[j].pos[0], (double)before[j].pos[1], (double)before[j].pos[2]};
    if (!(gaze_world_off(w, j, was) <= TOPPLE)) return true;
  }
  return false;
}

// Lets everything come to rest and judges an action that ended as *status says: object i should lie
// within `off` of `to`.
static gaze_err judge(gaze_world *w, int i, const double to[3], double off,
                      gaze_act_status *status) {
  gaze_err e = gaze_world_settle(w, SETTLE_LIMIT);
  if (e != GAZE_OK && e != GAZE_ERR_TIMEOUT) return e;
  if (!(gaze_world_off(w, i, to) <= off)) *status = GAZE_ACT_SLIPPED;
  if (*status == GAZE_ACT_OK && e == GAZE_ERR_TIMEOUT) *status = GAZE_ACT_TIMEOUT;
  return GAZE_OK;
}

// The whole action after it was found possible.
static gaze_err carry(gaze_world *w, const gaze_body *before, int i, const gaze_carrying *how,
                      bool tray, gaze_act_status *status) {
  gaze_world_refresh(w);
  double start = w->d->time;
  if (w->arm)
    GAZE_TRY(gaze_arm_carry(w, before, i, how, status));
  else
    GAZE_TRY(gaze_hand_carry(w, before, i, how->to, status));
  if (w->d->time == start) return GAZE_OK;  // not even begun
  GAZE_TRY(judge(w, i, how->to, GAZE_ACT_OFF, status));
  bool there = *status != GAZE_ACT_SLIPPED;
  if (toppled(w, before, i)) *status = GAZE_ACT_TOPPLED;

  // what lies in the tray leaves the physics, whatever else happened
  if (tray && there) {
    gaze_body now[GAZE_SCENE_BODIES_MAX];
    gaze_world_bodies(w, now);
    w->body[i] = now[i];
    w->body[i].gone = true;
    gaze_world_park(w, i);
  }
  return GAZE_OK;
}

static gaze_err check(const gaze_world *w, int i, const gaze_act_status *status) {
  if (w == NULL || status == NULL || i < 0 || i >= w->n)
    return gaze_fail(GAZE_ERR_ARG, "world: field i: expected an object of the scene, got %d", i);
  return GAZE_OK;
}

static gaze_err check_dir(const float dir[2]) {
  if (dir == NULL || !(fabs(hypot((double)dir[0], (double)dir[1]) - 1.0) < 1e-3))
    return gaze_fail(GAZE_ERR_ARG, "world: field dir: expected a unit vector in x, y");
  return GAZE_OK;
}

gaze_err gaze_world_pick(gaze_world *w, int i, gaze_act_status *status) {
  GAZE_TRY(check(w, i, status));
  gaze_body before[GAZE_SCENE_BODIES_MAX];
  gaze_world_bodies(w, before);
  *status = GAZE_ACT_BLOCKED;
  w->fault = GAZE_FAULT_NONE;
  if (!gaze_scene_graspable(before, w->n, i)) return GAZE_OK;

  const gaze_carrying how = {
      .to = {GAZE_TRAY_X, GAZE_TRAY_Y, GAZE_TRAY_TOP + gaze_body_height(&before[i])}, .rise = RISE};
  return carry(w, before, i, &how, true, status);
}

gaze_err gaze_world_move(gaze_world *w, int i, const float dir[2], gaze_act_status *status) {
  GAZE_TRY(check(w, i, status));
  GAZE_TRY(check_dir(dir));
  gaze_body before[GAZE_SCENE_BODIES_MAX];
  float pos[3];
  gaze_world_bodies(w, before);
  *status = GAZE_ACT_BLOCKED;
  w->fault = GAZE_FAULT_NONE;
  if (!gaze_scene_graspable(before, w->n, i)) return GAZE_OK;
  if (!gaze_scene_place(before, w->n, i, dir, pos)) return GAZE_OK;

  const gaze_carrying how = {.to = {(double)pos[0], (double)pos[1], (double)pos[2]}, .rise = RISE};
  return carry(w, before, i, &how, false, status);
}

// Where object i is, if the arm can be asked to grasp it; *status is BLOCKED if it cannot.
static gaze_err begin_grasp(gaze_world *w, int i, gaze_body *before, bool *possible,
                            gaze_act_status *status) {
  GAZE_TRY(check(w, i, status));
  if (w->arm == NULL)
    return gaze_fail(GAZE_ERR_UNSUPPORTED, "world: lifting and carrying need an arm");
  gaze_world_bodies(w, before);
  *status = GAZE_ACT_BLOCKED;
  w->fault = GAZE_FAULT_NONE;
  *possible = gaze_scene_graspable(before, w->n, i);
  return GAZE_OK;
}

gaze_err gaze_world_lift(gaze_world *w, int i, gaze_act_status *status) {
  gaze_body before[GAZE_SCENE_BODIES_MAX];
  bool possible = false;
  GAZE_TRY(begin_grasp(w, i, before, &possible, status));
  if (!possible) return GAZE_OK;
  const float *p = before[i].pos;
  const gaze_carrying how = {
      .to = {(double)p[0], (double)p[1], (double)p[2]}, .rise = RISE, .hold_s = HOLD_S};
  return carry(w, before, i, &how, false, status);
}

gaze_err gaze_world_carry(gaze_world *w, int i, double rise, const double (*way)[2], int count,
                          const double spot[3], gaze_act_status *status) {
  gaze_body before[GAZE_SCENE_BODIES_MAX];
  bool possible = false;
  if (way == NULL || count < 1 || count > GAZE_WORLD_WAY_MAX || spot == NULL ||
      !(rise >= RISE_LEAST && rise <= RISE_MOST))
    return gaze_fail(GAZE_ERR_ARG,
                     "world: carry: expected 1..%d points, a spot and a rise of %g..%g m",
                     GAZE_WORLD_WAY_MAX, RISE_LEAST, RISE_MOST);
  double sum = spot[0] + spot[1] + spot[2];
  for (int k = 0; k < count; k++) sum += way[k][0] + way[k][1];
  if (!isfinite(sum)) return gaze_fail(GAZE_ERR_ARG, "world: carry: expected finite numbers");
  GAZE_TRY(begin_grasp(w, i, before, &possible, status));
  if (!possible) return GAZE_OK;
  const gaze_carrying how = {.to = {spot[0], spot[1], spot[2] + gaze_body_height(&before[i])},
                             .rise = rise,
                             .way = way,
                             .count = count};
  return carry(w, before, i, &how, false, status);
}

void gaze_world_rehearse(gaze_world *w, bool on) {
  w->rehearse = on;
}

gaze_err gaze_world_push(gaze_world *w, int i, const float dir[2], double distance,
                         gaze_act_status *status) {
  GAZE_TRY(check(w, i, status));
  GAZE_TRY(check_dir(dir));
  if (!(distance >= PUSH_LEAST && distance <= PUSH_MOST))
    return gaze_fail(GAZE_ERR_RANGE, "world: field distance: expected %g..%g m", PUSH_LEAST,
                     PUSH_MOST);
  if (w->arm == NULL)
    return gaze_fail(GAZE_ERR_UNSUPPORTED, "world: pushing needs an arm, this world has none");
  gaze_body before[GAZE_SCENE_BODIES_MAX];
  gaze_world_bodies(w, before);
  *status = GAZE_ACT_BLOCKED;
  w->fault = GAZE_FAULT_NONE;
  const gaze_body *b = &before[i];
  double to[3] = {(double)b->pos[0] + distance * (double)dir[0],
                  (double)b->pos[1] + distance * (double)dir[1], (double)b->pos[2]};
  if (!gaze_scene_pushable(before, w->n, i, dir, distance)) return GAZE_OK;

  gaze_world_refresh(w);
  double start = w->d->time;
  GAZE_TRY(gaze_arm_push(w, before, i, dir, distance, status));
  if (w->d->time == start) return GAZE_OK;
  GAZE_TRY(judge(w, i, to, PUSH_OFF + PUSH_SHARE * distance, status));
  if (toppled(w, before, i)) *status = GAZE_ACT_TOPPLED;
  return GAZE_OK;
}

gaze_fault gaze_world_fault(const gaze_world *w) {
  return w->fault;
}
