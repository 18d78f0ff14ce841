// sim/world_internal.h - the world's insides, shared by world.c, build.c, hand.c and place.c.
#ifndef GAZE_SIM_WORLD_INTERNAL_H
#define GAZE_SIM_WORLD_INTERNAL_H

#include <mujoco/mujoco.h>
#include "sim/world.h"

#define GAZE_TRAY_X (-0.45)
#define GAZE_TRAY_Y 0.30
#define GAZE_TRAY_HALF 0.125
#define GAZE_TRAY_TOP 0.004
#define GAZE_TABLE_HALF_X 0.62
#define GAZE_TABLE_HALF_Y 0.50
#define GAZE_TABLE_HALF_Z 0.02

struct gaze_world {
  mjModel *m;
  mjData *d;
  int n;
  gaze_body body[GAZE_SCENE_BODIES_MAX];  // shapes; for gone ones also the last pose in the tray
  int qpos[GAZE_SCENE_BODIES_MAX];        // address of x, y, z, quaternion
  int qvel[GAZE_SCENE_BODIES_MAX];        // address of linear, angular velocity
  int weld[GAZE_SCENE_BODIES_MAX];        // equality that ties the object to the hand
  int held;                               // object in the hand, -1 for none
  mjtNum *state;                          // scratch of state_n numbers
  int state_n;
};

// Makes mjModel, mjData and the address tables from w->body.  [rt: init]
gaze_err gaze_world_build(gaze_world *w);

// Moves object i out of the scene, to its own place on the floor under the table.  [rt: never]
void gaze_world_park(gaze_world *w, int i);

// Wakes everything and drops all derived quantities: what follows depends on the saved state only.
// [rt: never]
void gaze_world_refresh(gaze_world *w);

// One step of 2 ms; DEVICE if MuJoCo reports a bad number or full buffers.  [rt: never]
gaze_err gaze_world_step(gaze_world *w);

// Half the vertical extent of a body in its present orientation [m].  [rt: safe]
double gaze_body_height(const gaze_body *b);

#endif
