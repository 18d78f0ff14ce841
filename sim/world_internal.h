// sim/world_internal.h - the world's insides, shared by world.c, build.c, act.c, hand.c, arm.c and
// place.c.
#ifndef GAZE_SIM_WORLD_INTERNAL_H
#define GAZE_SIM_WORLD_INTERNAL_H

#include <mujoco/mujoco.h>
#include "sim/robot.h"
#include "sim/world.h"

#define GAZE_TRAY_X (-0.45)
#define GAZE_TRAY_Y 0.30
#define GAZE_TRAY_HALF 0.125
#define GAZE_TRAY_TOP 0.004
#define GAZE_TABLE_HALF_X 0.62
#define GAZE_TABLE_HALF_Y 0.50
#define GAZE_TABLE_HALF_Z 0.02
#define GAZE_ACT_OFF 0.010    // object this far from where it should be: slipped [m]
#define GAZE_ACT_LIMIT_S 8.0  // simulated seconds of an action, before the way home and settling

// The arm of a world that has one.
typedef struct gaze_world_arm {
  gaze_robot robot;
  double lead[GAZE_CHAIN_JOINTS_MAX];  // of a joint's servo: it follows this far behind [s]
  gaze_plan plan[4];                   // of the present action
} gaze_world_arm;

struct gaze_world {
  mjModel *m;
  mjData *d;
  int n;
  gaze_body body[GAZE_SCENE_BODIES_MAX];  // shapes; for gone ones also the last pose in the tray
  int qpos[GAZE_SCENE_BODIES_MAX];        // address of x, y, z, quaternion
  int qvel[GAZE_SCENE_BODIES_MAX];        // address of linear, angular velocity
  int weld[GAZE_SCENE_BODIES_MAX];        // equality that ties the object to the hand
  int held;                               // object in the kinematic hand, -1 for none
  gaze_world_arm *arm;                    // NULL: the kinematic hand acts
  gaze_fault fault;                       // why the arm found no way in the last action
  bool rehearse;                          // the arm plans and does not move
  mjtNum *state;                          // scratch of state_n numbers
  int state_n;
};

// Makes mjModel, mjData and the address tables from w->body. `robot` (NULL: the kinematic hand) is
// the arm's spec, taken: the scene is added to it.  [rt: init]
gaze_err gaze_world_build(gaze_world *w, mjSpec *robot);

// Opens a robot by name, standing where the scene has its place, into w->arm and *spec (taken by
// gaze_world_build). Errors as gaze_robot_open.  [rt: init]
gaze_err gaze_arm_open(gaze_world *w, const char *robot, mjSpec **spec);

// Puts the arm at home and reads how far its servos follow behind. After gaze_world_build.
// [rt: init]
void gaze_arm_park(gaze_world *w);

// How an object is carried. The kinematic hand reads `to` only.
typedef struct gaze_carrying {
  double to[3];            // of its centre when it is let go [m]
  double rise;             // it is lifted by so much,
  double hold_s;           // held there so long,
  const double (*way)[2];  // [count], borrowed: and its centre goes through these points (x, y) at
  int count;               // that height; 0: by any safe way
} gaze_carrying;

// Takes object i, carries it and lets go: with the kinematic hand (OK, or SLIPPED if it did not
// arrive), or with the arm by friction (also BLOCKED and TIMEOUT, the world untouched, if there is
// no way or no time). `before`: the present bodies.  [rt: never]
gaze_err gaze_hand_carry(gaze_world *w, const gaze_body *before, int i, const double to[3],
                         gaze_act_status *status);
gaze_err gaze_arm_carry(gaze_world *w, const gaze_body *before, int i, const gaze_carrying *how,
                        gaze_act_status *status);

// Pushes object i with the fingers; BLOCKED and TIMEOUT as above.  [rt: never]
gaze_err gaze_arm_push(gaze_world *w, const gaze_body *before, int i, const float dir[2],
                       double distance, gaze_act_status *status);

// Distance of object i's centre from a point [m].  [rt: safe]
double gaze_world_off(const gaze_world *w, int i, const double to[3]);

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
