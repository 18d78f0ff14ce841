// envs/trajectory/env_trajectory.h - how to bring it there: an instruction and a picture, a path
// for a reply.
#ifndef GAZE_ENVS_TRAJECTORY_ENV_TRAJECTORY_H
#define GAZE_ENVS_TRAJECTORY_ENV_TRAJECTORY_H

#include "envs/env.h"

// The lowest point of what is carried goes this high over where it stood [m]: over small objects,
// not over large ones, which are 72 mm high.
#define GAZE_TRAJECTORY_RISE 0.070

// Observation: a picture (avr-v1, from the front, elevation 40 degrees; the arm is never drawn) and
// text: "move the small red sphere to the left of the large blue cube" or "... into the tray", then
// the shape of the answer. Action: text, <think>..</think><output>[[x1, y1], ...]</output>, 3..10
// waypoints in 0..1 of the picture, {} for what is not there. What a path means:
//   first point   the surface seen there (depth, median of 5 x 5 pixels at 448) belongs to the
//                 object that is moved; it is grasped and lifted by GAZE_TRAJECTORY_RISE
//   inner points  where the ray through the point meets the horizontal plane on which the centre of
//                 the lifted object lies: there its centre goes, on straight lines, from over its
//                 place through all of them to over the spot
//   last point    the surface seen there, table or tray, is the spot where it is set down
// One step: the arm carries the reply out and the episode ends. Success: the object meant was
// moved by at least 50 mm, lies in the goal region, and no other object moved by more than 5 mm.
// Beside an object the region is a centre 0.10..0.15 m from the object's along the direction and
// 0.03 m to either side of it, each widened by 0.03 m; the tray's is the tray, less half the
// object's width, widened by 0.03 m. Facts and settings as affordance, under "trajectory.";
// goal_dist is the distance of the object from the middle of its goal [m].
extern const gaze_env gaze_env_trajectory;

#endif
