// envs/reach/reach_internal.h - what scene.c, move.c and env_reach.c share.
#ifndef GAZE_ENVS_REACH_REACH_INTERNAL_H
#define GAZE_ENVS_REACH_REACH_INTERNAL_H

#include "core/rng.h"
#include "envs/reach/env_reach.h"
#include "sim/world.h"

enum { REACH_OBJECTS_MAX = 4 };

// The drawn task. Object 0 is the target, if the target is an object.
typedef struct reach_scene {
  gaze_body body[REACH_OBJECTS_MAX];
  char name[REACH_OBJECTS_MAX][48];  // "small red sphere"
  int n;
  bool air;         // the goal is a point in the air
  double point[3];  // where [m]
} reach_scene;

typedef struct env_reach {
  gaze_exec *ex;
  gaze_world *world;  // of this episode
  gaze_arm arm;
  char robot[512];
  int image_size, max_steps, distractors;
  bool tell, air, lazy;

  reach_scene scene;
  gaze_body now[REACH_OBJECTS_MAX];    // where the objects are
  double told[GAZE_CHAIN_JOINTS_MAX];  // joint targets
  double open;                         // share of the hand's opening
  double off[6];                       // from tool to goal, as gaze_truth.to_goal
  int steps, held;                     // actions so far; those on end that were at the goal
  bool playing;
  uint32_t turn;
  float q[GAZE_CHAIN_JOINTS_MAX], dq[GAZE_CHAIN_JOINTS_MAX];
  gaze_state state;
  uint8_t *rgb;  // [image_size,image_size,3]
  gaze_image image;
  gaze_truth truth;
  char text[160];
} env_reach;

// Draws objects and goal for a seed, all within reach of the arm with the hand pointing down.
// NOTFOUND if 100 draws have none.  [rt: never]
gaze_err reach_draw(reach_scene *s, const gaze_arm *arm, bool air, int distractors, uint64_t seed);

// Writes where the goal is: the drawn point, or GAZE_REACH_ABOVE over the target's top as it lies
// now.  [rt: safe]
void reach_goal(const reach_scene *s, const gaze_body *now, double goal[3]);

// Writes the rotation vector [rad], world frame, that points a hand straight down without turning
// it about the vertical.  [rt: safe]
void reach_tilt(const gaze_pose *tool, double turn[3]);

// Turns a pose on the spot by a rotation vector [rad], world frame.  [rt: safe]
void reach_turn(gaze_pose *pose, const double turn[3]);

// How one action ended.
typedef struct reach_move {
  bool clipped, blocked;
} reach_move;

// Carries out one action [7] for one control step: cuts it to the limits, turns it into joint
// targets within joint limits and speeds, guards them, drives the arm. DEVICE if physics breaks.
// [rt: never]
gaze_err reach_act(env_reach *v, const float *action, reach_move *done);

// Reads where objects, joints and tool are into v.  [rt: never]
void reach_look(env_reach *v);

#endif
