// sim/robot.h - an arm with a hand, read from a model file, as a planner and as MuJoCo see it.
#ifndef GAZE_SIM_ROBOT_H
#define GAZE_SIM_ROBOT_H

#include <mujoco/mujoco.h>
#include "core/err.h"
#include "motion/skill.h"

enum { GAZE_ROBOT_GRIPS_MAX = 4 };

// Plain data. Addresses are places in mjData; they hold for every model made from the robot's spec
// by adding bodies and actuators behind what is there.
typedef struct gaze_robot {
  gaze_arm arm;                     // chain, hull, home, opening: what motion plans with
  int qpos[GAZE_CHAIN_JOINTS_MAX];  // of each joint of the chain
  int dof[GAZE_CHAIN_JOINTS_MAX];
  int ctrl[GAZE_CHAIN_JOINTS_MAX];  // its position actuator
  int grips;                        // actuators of the hand
  int grip[GAZE_ROBOT_GRIPS_MAX];
  double grip_open[GAZE_ROBOT_GRIPS_MAX], grip_closed[GAZE_ROBOT_GRIPS_MAX];  // their controls
} gaze_robot;

// Reads a robot: "panda7" and "ur5e6" are built in, anything else is an MJCF or URDF file. `base`
// (NULL: the identity) is where the file's world frame stands; the built-in arms face its x axis.
// Fills *r; the caller owns *spec (mj_deleteSpec), adds a scene to it and compiles it.
//
// The arm is the longest unbranched chain of hinges and slides from the world; the hand is where it
// branches; the fingers are the branches. The tool frame is the site "tool", or else lies between
// the fingertips. Joint user data of three numbers are the largest velocity, acceleration and
// jerk; without them 1.5, 5 and 100 are taken (a slide a fifth). Home is the keyframe "home", or
// else the reference posture. Which control opens the hand is found by trying both ends.
//
// A URDF has no actuators: each joint gets a position servo. One sentence tells what is wrong:
// NOTFOUND for a file that is not there, FORMAT for one MuJoCo refuses, UNSUPPORTED for one that is
// no arm with position actuators and a hand.  [rt: init]
gaze_err gaze_robot_open(gaze_robot *r, const char *name, const gaze_pose *base, mjSpec **spec);

// Writes joint targets q[n] and the hand's opening (share of 0..1) to d->ctrl.  [rt: safe]
void gaze_robot_command(const gaze_robot *r, mjData *d, const double *q, double open);

// Puts the arm at q[n] at rest, targets too.  [rt: safe]
void gaze_robot_place(const gaze_robot *r, mjData *d, const double *q, double open);

// Reads the joint positions q[n].  [rt: safe]
void gaze_robot_posture(const gaze_robot *r, const mjData *d, double *q);

#endif
