// sim/robot_internal.h - what robot.c and robot_hull.c share.
#ifndef GAZE_SIM_ROBOT_INTERNAL_H
#define GAZE_SIM_ROBOT_INTERNAL_H

#include "sim/robot.h"

// The files in robots/, made into C by the build; the last has no name.
typedef struct gaze_robot_file {
  const char *name;
  const char *xml;
} gaze_robot_file;
extern const gaze_robot_file gaze_robot_files[];

// A compiled robot while its parts are found. Joints are MuJoCo's indices.
typedef struct gaze_robot_parts {
  const char *name;  // for messages
  mjModel *m;
  mjData *d;
  int joint[GAZE_CHAIN_JOINTS_MAX];
  int root;  // body under the world that holds the arm
  int hand;  // body from which the fingers branch
} gaze_robot_parts;

// Returns whether body b is `above` or hangs below it.  [rt: safe]
bool gaze_robot_below(const mjModel *m, int b, int above);

// Returns the finger (child of the hand) that body b belongs to, -1 if it is none.  [rt: safe]
int gaze_robot_finger(const gaze_robot_parts *p, int b);

// Drives the hand to both ends of its controls, and from where the fingers come to rest finds which
// end opens, by how much, the tool frame if no site tells it, and the capsules of the hull.
// Expects r's chain and actuators. Leaves p->d changed.  [rt: init]
gaze_err gaze_robot_hand(gaze_robot_parts *p, gaze_robot *r);

#endif
