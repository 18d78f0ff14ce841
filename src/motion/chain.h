// motion/chain.h - a serial arm as plain data: joints, limits, tool; forward kinematics, Jacobian.
//
// Frames: the world holds the base, the base the first link, each link the next, the last the tool.
// A link's frame sits on its joint: it moves with the joint and equals `frame` at q = 0. The tool
// frame lies between the fingertips, z out of the hand, y along the closing direction.
#ifndef GAZE_MOTION_CHAIN_H
#define GAZE_MOTION_CHAIN_H

#include "core/err.h"
#include "motion/pose.h"

enum { GAZE_CHAIN_JOINTS_MAX = 16, GAZE_CHAIN_NAME_MAX = 40 };

typedef enum gaze_joint_type { GAZE_JOINT_HINGE, GAZE_JOINT_SLIDE } gaze_joint_type;

// One joint and the link behind it. Units: rad for a hinge, m for a slide.
typedef struct gaze_joint {
  char name[GAZE_CHAIN_NAME_MAX];
  gaze_joint_type type;
  gaze_pose frame;        // this link in the parent link at q = 0
  double axis[3];         // unit, in this link
  double lo, hi;          // position limits [rad|m]
  double vel, acc, jerk;  // largest magnitudes [rad|m] per s, s^2, s^3
  double effort;          // largest torque or force [N m|N]
} gaze_joint;

// Plain data: copying it copies the arm.
typedef struct gaze_chain {
  int n;           // joints in use
  gaze_pose base;  // in the world
  gaze_joint joint[GAZE_CHAIN_JOINTS_MAX];
  gaze_pose tool;  // in the last link
} gaze_chain;

// Fails with RANGE or ARG and one sentence unless every pose, axis and limit makes sense.
// [rt: never]
gaze_err gaze_chain_check(const gaze_chain *c);

// Writes the world poses of all links to link[n] (NULL: not wanted) and returns the tool's.
// [rt: safe]
gaze_pose gaze_chain_fk(const gaze_chain *c, const double *q, gaze_pose *link);

// Writes the geometric Jacobian of the tool to jac [6,n], row-major: rows 0..2 velocity of the
// tool's origin, rows 3..5 angular velocity, world frame, per unit joint velocity; returns the
// tool's pose.  [rt: safe]
gaze_pose gaze_chain_jacobian(const gaze_chain *c, const double *q, double *jac);

// Returns whether q[n] is finite and within the limits, widened by slack [rad|m].  [rt: safe]
bool gaze_chain_within(const gaze_chain *c, const double *q, double slack);

#endif
