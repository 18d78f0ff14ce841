// envs/reach/env_reach.h - a simulated arm brings its tool to a goal by small end-effector motions.
#ifndef GAZE_ENVS_REACH_ENV_REACH_H
#define GAZE_ENVS_REACH_ENV_REACH_H

#include "envs/env.h"

enum {
  GAZE_REACH_DIMS = 7,         // dx dy dz [m], rotation vector [rad], gripper -1 closed .. 1 open
  GAZE_REACH_CHUNK_MAX = 64,   // actions of one chunk
  GAZE_REACH_HZ = 20,          // actions a simulated second
  GAZE_REACH_STEPS_MAX = 120,  // of an episode unless "reach.steps" says otherwise: 6 s
};

#define GAZE_REACH_MOVE_MAX 0.020    // longest translation of one action [m]
#define GAZE_REACH_TURN_MAX 0.1      // longest rotation of one action [rad]
#define GAZE_REACH_NEAR_M 0.015      // there: the tool this near to its goal
#define GAZE_REACH_NEAR_RAD 0.2      // and the hand this near to pointing straight down,
#define GAZE_REACH_HOLD 4            // after so many actions on end (0.2 s)
#define GAZE_REACH_ABOVE 0.030       // goal over an object's top [m]
#define GAZE_REACH_TOOL_FLOOR 0.012  // the tool is not sent lower than this over the table [m]
#define GAZE_REACH_GUARD 0.010       // nor any part of the arm nearer to table, tray or itself [m]

// Observation: a picture (avr-v1, from the front; the arm is never drawn), the robot's joints, and
// the task in words. Action: a chunk [1..64,7] in the world frame, rotations about the tool. Facts
// of a step: gaze_outcome.{steps, max_steps, clipped, goal_dist}, `correct` for success, status
// "ok", "blocked" (the next action would have come too near to table, tray or the arm itself: it
// was not carried out, its time passed, the rest of the chunk was dropped), "timeout" (step limit)
// or "fault" (physics broke: the episode is truncated). Settings: "reach.robot" panda7 | ur5e6 |
// FILE, "reach.target" object | point, "reach.distractors" -1 (drawn) or 0..3, "reach.steps"
// 1..10000, and image_size, oracle, threads.
extern const gaze_env gaze_env_reach;

#endif
