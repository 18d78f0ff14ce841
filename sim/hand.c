// sim/hand.c - the kinematic hand carries an object.
//
// The hand is a mocap body without a shape. To grasp, it takes the object's pose and the weld
// between the two is switched on; the object then follows it as a real body with real contacts.
#include <math.h>
#include "sim/world_internal.h"

static const double LIFT = 0.15;   // [m]
static const double CLEAR = 0.02;  // over the highest other object [m]
static const double SPEED = 1.0;   // peak speed of the hand [m/s]
static const double HOLD = 0.05;   // waits for the object to catch up with the hand [s]

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

// Height of the object's centre at which nothing else is met on the way.
static double carry_height(const gaze_body *before, int n, int i) {
  double z = (double)before[i].pos[2] + LIFT, low = gaze_body_height(&before[i]);
  for (int j = 0; j < n; j++) {
    if (j == i || before[j].gone) continue;
    z = fmax(z, (double)before[j].pos[2] + gaze_body_height(&before[j]) + low + CLEAR);
  }
  return z;
}

static gaze_err glide_over(gaze_world *w, const gaze_body *before, int i, const double to[3]) {
  double high = carry_height(before, w->n, i);
  const mjtNum *q = w->d->qpos + w->qpos[i];
  double up[3] = {q[0], q[1], high}, over[3] = {to[0], to[1], high};
  GAZE_TRY(glide(w, up));
  GAZE_TRY(glide(w, over));
  GAZE_TRY(glide(w, to));
  return wait(w, HOLD);
}

gaze_err gaze_hand_carry(gaze_world *w, const gaze_body *before, int i, const double to[3],
                         gaze_act_status *status) {
  double start = w->d->time;
  grasp(w, i);
  gaze_err e = glide_over(w, before, i, to);
  *status = w->d->time - start <= GAZE_ACT_LIMIT_S ? GAZE_ACT_OK : GAZE_ACT_TIMEOUT;
  if (!(gaze_world_off(w, i, to) <= GAZE_ACT_OFF)) *status = GAZE_ACT_SLIPPED;
  release(w);
  return e;
}
