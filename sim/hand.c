// sim/hand.c - the kinematic hand: picks an object into the tray or moves it on the table.
//
// The hand is a mocap body without a shape. To grasp, it takes the object's pose and the weld
// between the two is switched on; the object then follows it as a real body with real contacts.
#include <math.h>
#include <string.h>
#include "sim/world_internal.h"

static const double LIFT = 0.15;      // [m]
static const double CLEAR = 0.02;     // over the highest other object [m]
static const double SPEED = 1.0;      // peak speed of the hand [m/s]
static const double HOLD = 0.05;      // waits for the object to catch up with the hand [s]
static const double SLIP = 0.010;     // object this far from where it should be: slipped [m]
static const double TOPPLE = 0.005;   // unrelated object moved this far: toppled [m]
static const double ACT_LIMIT = 8.0;  // simulated seconds of an action
static const double SETTLE_LIMIT = 2.0;

static void grasp(gaze_world *w, int i) {
  mju_copy(w->d->mocap_pos, w->d->qpos + w->qpos[i], 3);
  mju_copy(w->d->mocap_quat, w->d->qpos + w->qpos[i] + 3, 4);
  w->d->eq_active[w->weld[i]] = 1;
  w->held = i;
}

static void release(gaze_world *w) {
  if (w->held >= 0) w->d->eq_active[w->weld[w->held]] = 0;
  w->held = -1;
}

// Moves the hand in a straight line, speed and acceleration zero at both ends (minimum jerk:
// s = 10 t^3 - 15 t^4 + 6 t^5, whose peak speed is 1.875 times the mean).
static gaze_err glide(gaze_world *w, const double to[3]) {
  mjtNum from[3];
  mju_copy3(from, w->d->mocap_pos);
  double length =
      sqrt((to[0] - from[0]) * (to[0] - from[0]) + (to[1] - from[1]) * (to[1] - from[1]) +
           (to[2] - from[2]) * (to[2] - from[2]));
  int steps = (int)ceil(fmax(1.875 * length / SPEED, 0.1) / w->m->opt.timestep);
  for (int k = 1; k <= steps; k++) {
    double t = (double)k / steps, s = t * t * t * (10.0 - 15.0 * t + 6.0 * t * t);
    for (int c = 0; c < 3; c++) w->d->mocap_pos[c] = from[c] + s * (to[c] - from[c]);
    GAZE_TRY(gaze_world_step(w));
  }
  return GAZE_OK;
}

static gaze_err wait(gaze_world *w, double seconds) {
  for (double t = 0.0; t < seconds; t += w->m->opt.timestep) GAZE_TRY(gaze_world_step(w));
  return GAZE_OK;
}

static double off_target(const gaze_world *w, int i, const double to[3]) {
  const mjtNum *q = w->d->qpos + w->qpos[i];
  return sqrt((q[0] - to[0]) * (q[0] - to[0]) + (q[1] - to[1]) * (q[1] - to[1]) +
              (q[2] - to[2]) * (q[2] - to[2]));
}

// Height of the object's centre at which nothing else is met on the way.
static double carry_height(const gaze_body *before, int n, int i) {
  double z = (double)before[i].pos[2] + LIFT, low = gaze_body_height(&before[i]);
  for (int j = 0; j < n; j++) {
    if (j == i || before[j].gone) continue;
    z = fmax(z, (double)before[j].pos[2] + gaze_body_height(&before[j]) + low + CLEAR);
  }
  return z;
}

static bool toppled(const gaze_world *w, const gaze_body *before, int i) {
  for (int j = 0; j < w->n; j++) {
    if (j == i || before[j].gone) continue;
    double was[3] = {(double)before[j].pos[0], (double)before[j].pos[1], (double)before[j].pos[2]};
    if (!(off_target(w, j, was) <= TOPPLE)) return true;
  }
  return false;
}

// Grasps i, carries it to `to` and lets go there. *kept: it arrived in the hand.
static gaze_err carry(gaze_world *w, const gaze_body *before, int i, const double to[3],
                      bool *kept) {
  double high = carry_height(before, w->n, i);
  const mjtNum *q = w->d->qpos + w->qpos[i];
  double up[3] = {q[0], q[1], high}, over[3] = {to[0], to[1], high};
  grasp(w, i);
  GAZE_TRY(glide(w, up));
  GAZE_TRY(glide(w, over));
  GAZE_TRY(glide(w, to));
  GAZE_TRY(wait(w, HOLD));
  *kept = off_target(w, i, to) <= SLIP;
  return GAZE_OK;
}

// The whole action after it was found possible.
static gaze_err act(gaze_world *w, const gaze_body *before, int i, const double to[3], bool tray,
                    gaze_act_status *status) {
  gaze_world_refresh(w);
  double start = w->d->time;
  bool kept = false;
  gaze_err e = carry(w, before, i, to, &kept);
  release(w);
  GAZE_TRY(e);

  e = gaze_world_settle(w, SETTLE_LIMIT);
  if (e != GAZE_OK && e != GAZE_ERR_TIMEOUT) return e;
  bool late = e == GAZE_ERR_TIMEOUT || w->d->time - start > ACT_LIMIT;
  bool there = kept && off_target(w, i, to) <= SLIP;

  *status = GAZE_ACT_OK;
  if (toppled(w, before, i)) {
    *status = GAZE_ACT_TOPPLED;
  } else if (!there) {
    *status = GAZE_ACT_SLIPPED;
  } else if (late) {
    *status = GAZE_ACT_TIMEOUT;
  }
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

gaze_err gaze_world_pick(gaze_world *w, int i, gaze_act_status *status) {
  GAZE_TRY(check(w, i, status));
  gaze_body before[GAZE_SCENE_BODIES_MAX];
  gaze_world_bodies(w, before);
  *status = GAZE_ACT_BLOCKED;
  if (!gaze_scene_graspable(before, w->n, i)) return GAZE_OK;

  double to[3] = {GAZE_TRAY_X, GAZE_TRAY_Y, GAZE_TRAY_TOP + gaze_body_height(&before[i])};
  return act(w, before, i, to, true, status);
}

gaze_err gaze_world_move(gaze_world *w, int i, const float dir[2], gaze_act_status *status) {
  GAZE_TRY(check(w, i, status));
  if (dir == NULL || !(fabs(hypot((double)dir[0], (double)dir[1]) - 1.0) < 1e-3))
    return gaze_fail(GAZE_ERR_ARG, "world: field dir: expected a unit vector in x, y");
  gaze_body before[GAZE_SCENE_BODIES_MAX];
  float pos[3];
  gaze_world_bodies(w, before);
  *status = GAZE_ACT_BLOCKED;
  if (!gaze_scene_graspable(before, w->n, i)) return GAZE_OK;
  if (!gaze_scene_place(before, w->n, i, dir, pos)) return GAZE_OK;

  double to[3] = {(double)pos[0], (double)pos[1], (double)pos[2]};
  return act(w, before, i, to, false, status);
}
