// sim/drive.c - the arm driven step by step: joint targets from outside instead of a plan.
#include <math.h>
#include "sim/world_internal.h"

const gaze_arm *gaze_world_arm_of(const gaze_world *w) {
  return w->arm ? &w->arm->robot.arm : NULL;
}

void gaze_world_posture(const gaze_world *w, double *q, double *dq) {
  if (w->arm == NULL) return;
  const gaze_robot *r = &w->arm->robot;
  if (q) gaze_robot_posture(r, w->d, q);
  for (int i = 0; dq && i < r->arm.chain.n; i++) dq[i] = w->d->qvel[r->dof[i]];
}

gaze_err gaze_world_drive(gaze_world *w, const double *q, double open, double seconds) {
  if (w->arm == NULL) return gaze_fail(GAZE_ERR_UNSUPPORTED, "world: drive: there is no arm");
  const gaze_robot *r = &w->arm->robot;
  const double dt = w->m->opt.timestep;
  if (q == NULL || !gaze_chain_within(&r->arm.chain, q, 1e-9))
    return gaze_fail(GAZE_ERR_ARG, "world: field q: expected finite numbers within the limits");
  if (!(open >= 0.0 && open <= 1.0 && seconds >= dt && seconds <= 10.0))
    return gaze_fail(GAZE_ERR_ARG, "world: drive: expected an opening in 0..1 and %g..10 s", dt);

  double from[GAZE_CHAIN_JOINTS_MAX], now[GAZE_CHAIN_JOINTS_MAX];
  for (int i = 0; i < r->arm.chain.n; i++) from[i] = w->d->ctrl[r->ctrl[i]];
  const long steps = lround(seconds / dt);
  for (long k = 1; k <= steps; k++) {
    const double share = (double)k / (double)steps;
    // the last one exactly: the next drive begins there
    for (int i = 0; i < r->arm.chain.n; i++)
      now[i] = k == steps ? q[i] : from[i] + share * (q[i] - from[i]);
    gaze_robot_command(r, w->d, now, open);
    GAZE_TRY(gaze_world_step(w));
  }
  return GAZE_OK;
}
