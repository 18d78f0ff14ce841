// motion/path.h - joint paths in time: a jerk-limited spline through waypoints.
//
// q(t) is a cubic spline (acceleration linear between knots, continuous), so the extremes of
// position, velocity, acceleration and jerk are known exactly and no limit is exceeded anywhere.
// Two free knots, one in the first and one in the last segment, bring velocity and acceleration to
// zero at both ends (Biagiotti and Melchiorri 2008, section 4.4). Durations begin
// with one smooth start and stop for the whole path, then shrink and stretch per segment towards
// the limits (after Lin, Chang and Luh 1983). A spline rather than
// time-optimal path parameterisation: jerk stays bounded, which position-controlled arms need, and
// evaluation is one cubic.
#ifndef GAZE_MOTION_PATH_H
#define GAZE_MOTION_PATH_H

#include "motion/chain.h"

enum { GAZE_PATH_POINTS_MAX = 64, GAZE_PATH_KNOTS_MAX = GAZE_PATH_POINTS_MAX + 2 };

// What no joint may exceed; units as in gaze_joint.
typedef struct gaze_path_limits {
  double lo[GAZE_CHAIN_JOINTS_MAX], hi[GAZE_CHAIN_JOINTS_MAX];
  double vel[GAZE_CHAIN_JOINTS_MAX], acc[GAZE_CHAIN_JOINTS_MAX], jerk[GAZE_CHAIN_JOINTS_MAX];
} gaze_path_limits;

// Plain data; a path of one knot stays where it is.
typedef struct gaze_path {
  int n;                          // joints
  int knots;                      // 1..GAZE_PATH_KNOTS_MAX
  double t[GAZE_PATH_KNOTS_MAX];  // [s], from 0, rising
  double q[GAZE_PATH_KNOTS_MAX][GAZE_CHAIN_JOINTS_MAX];
  double ddq[GAZE_PATH_KNOTS_MAX][GAZE_CHAIN_JOINTS_MAX];
} gaze_path;

// Returns the limits of a chain, velocities times vel_share, accelerations and jerks times
// acc_share.  [rt: safe]
gaze_path_limits gaze_path_limits_of(const gaze_chain *c, double vel_share, double acc_share);

// Times a path through points [count,n], at rest at both ends. Points closer than 1e-6 to the one
// before are dropped; short lists get points between, on the straight lines. RANGE names the joint
// if the spline leaves a position limit.  [rt: never]
gaze_err gaze_path_plan(gaze_path *p, const gaze_path_limits *lim, const double *points, int count,
                        int n);

// Returns the last knot's time [s].  [rt: safe]
double gaze_path_duration(const gaze_path *p);

// Writes position, velocity and acceleration at time t (before the start: the start at rest, after
// the end: the end at rest); any of q, dq, ddq [n] may be NULL.  [rt: safe]
void gaze_path_eval(const gaze_path *p, double t, double *q, double *dq, double *ddq);

// Slows the whole path down by a factor >= 1; every limit that held still holds.  [rt: safe]
void gaze_path_stretch(gaze_path *p, double factor);

// Writes the largest speed of each joint between knots k and k+1 to speed[n].  [rt: safe]
void gaze_path_speed(const gaze_path *p, int k, double *speed);

#endif
