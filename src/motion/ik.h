// motion/ik.h - inverse kinematics: damped least squares within joint limits, restarted from seeds.
//
// Damped least squares after Nakamura and Hanafusa 1986 and Buss 2004 (error clamping), with the
// damping falling with the square of the error as in Sugihara 2011, so that singular poses are
// passed slowly and reachable ones met exactly.
#ifndef GAZE_MOTION_IK_H
#define GAZE_MOTION_IK_H

#include <stdint.h>
#include "motion/chain.h"

typedef struct gaze_ik {
  gaze_pose target;    // of the tool, in the world
  bool position_only;  // the tool may point anywhere
  double tol_m, tol_rad;
  double damping;      // at errors of 0.1 and more
  int iterations;      // of one start
  int restarts;        // further starts after the first, from random postures near home
  double margin;       // kept from the joint limits [rad|m]; at most half of a range is used
  const double *home;  // [n] posture preferred where the task leaves freedom; NULL: mid range
  uint64_t seed;       // of the restarts
} gaze_ik;

// Returns the usual arguments for a target: 0.1 mm, 1 mrad, damping 0.05, 100 iterations, 20
// restarts, margin 0.05.  [rt: safe]
gaze_ik gaze_ik_default(const gaze_pose *target);

// Finds q[n] that puts the tool on the target, first from q0 (clamped into the limits), then from
// random postures. NOTFOUND with the best try's distance if there is none; q is unchanged then.
// What is returned was verified by forward kinematics. q may be q0. No allocation, time bounded by
// iterations * (restarts + 1).  [rt: never]
gaze_err gaze_ik_solve(const gaze_chain *c, const gaze_ik *ik, const double *q0, double *q);

// Takes ik->iterations damped steps from q0 (clamped into the limits) towards the target and writes
// where they end to q[n]: within the limits less the margin, on the target or as near as they came;
// fewer steps if the tolerances are met before. No restarts. For following a target that moves a
// little at a time. q may be q0. ARG and RANGE as above.  [rt: safe]
gaze_err gaze_ik_toward(const gaze_chain *c, const gaze_ik *ik, const double *q0, double *q);

#endif
