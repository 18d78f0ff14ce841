// sim/world.h - the MuJoCo world of one scene: physics, settling, and the hand or arm that acts.
#ifndef GAZE_SIM_WORLD_H
#define GAZE_SIM_WORLD_H

#include <stddef.h>
#include "core/err.h"
#include "motion/skill.h"
#include "sim/scene.h"

typedef struct gaze_world gaze_world;  // opaque: mjModel and mjData

// How a physical action ended.
typedef enum gaze_act_status {
  GAZE_ACT_OK,
  GAZE_ACT_BLOCKED,  // something rests on it, no finger clearance, no free place, or no way
  GAZE_ACT_SLIPPED,  // it is not where it should be
  GAZE_ACT_TOPPLED,  // an unrelated object moved by more than 5 mm
  GAZE_ACT_TIMEOUT,
} gaze_act_status;

// Builds a world (mjSpec: table, tray, one free body per object; density 300 kg/m3, friction 1.0,
// condim 6, rolling friction 0.002; step 2 ms) from bodies at rest poses. Copies the bodies.
// FORMAT with MuJoCo's words if the model does not compile.  [rt: init]
gaze_err gaze_world_open(gaze_world **w, const gaze_body *bodies, int n);

// As gaze_world_open, with an arm that acts by friction instead of the kinematic hand: `robot` is
// "panda7", "ur5e6" or an MJCF or URDF file, standing at (0, 0.50) m, facing the viewer; NULL is
// the kinematic hand. The arm waits at home, the hand open, and goes back there after every action.
// Errors also as gaze_robot_open.  [rt: init]
gaze_err gaze_world_open_arm(gaze_world **w, const gaze_body *bodies, int n, const char *robot);

// Frees and nulls.  [rt: never]
void gaze_world_close(gaze_world **w);

// Steps until every object is below 5 mm/s and 0.05 rad/s for 0.2 s, at most `limit_s` simulated
// seconds: TIMEOUT then. DEVICE if MuJoCo reports a bad state.  [rt: never]
gaze_err gaze_world_settle(gaze_world *w, double limit_s);

// Writes the present poses to bodies[n].  [rt: never]
void gaze_world_bodies(const gaze_world *w, gaze_body *bodies);

// Full physics state: mj_getState with mjSTATE_INTEGRATION plus what the hand holds and what is
// gone. Bytes; a copy restores bit for bit.  [rt: never]
size_t gaze_world_state_bytes(const gaze_world *w);
void gaze_world_save(const gaze_world *w, void *state);         // [rt: never]
gaze_err gaze_world_restore(gaze_world *w, const void *state);  // [rt: never]

// Whether the hand could take object i from above: nothing rests on it, and one of two
// perpendicular finger directions is free (30 mm) on both sides. Pure geometry on bodies, so that
// the oracle and the world agree.  [rt: safe]
bool gaze_scene_graspable(const gaze_body *bodies, int n, int i);

// Finds where MoveObject puts object i: 0.15 m along `dir` (unit vector in x, y), else the first
// free place in 0.12..0.18 m by 1 cm, on the table area and clear of others by 5 mm. Returns false
// if there is none.  [rt: safe]
bool gaze_scene_place(const gaze_body *bodies, int n, int i, const float dir[2], float pos[3]);

// Whether object i can be pushed by `distance` metres along `dir` (unit vector in x, y): it stands
// on the table with nothing on it, two fingers fit behind it, and its way is within the area of
// gaze_scene_place and clear of others by 5 mm.  [rt: safe]
bool gaze_scene_pushable(const gaze_body *bodies, int n, int i, const float dir[2],
                         double distance);

// Grasps object i from above (kinematic hand: a mocap body welded to it; arm: between the fingers),
// lifts it 0.15 m, carries it to the tray, settles; the object is `gone` then. At most 8 s
// simulated, an arm's way home apart: what would take an arm longer is not begun (TIMEOUT).
// [rt: never]
gaze_err gaze_world_pick(gaze_world *w, int i, gaze_act_status *status);

// Grasps, lifts, carries and sets down object i as gaze_scene_place says, settles.  [rt: never]
gaze_err gaze_world_move(gaze_world *w, int i, const float dir[2], gaze_act_status *status);

// Pushes object i by `distance` (0.01..0.3 m) along `dir` with the arm's fingers, settles.
// Blocked unless gaze_scene_pushable; SLIPPED if it ends more than 10 mm and a tenth of the way
// from where it should be. UNSUPPORTED without an arm.  [rt: never]
gaze_err gaze_world_push(gaze_world *w, int i, const float dir[2], double distance,
                         gaze_act_status *status);

// Grasps object i with the arm, lifts it 0.15 m, holds it for 1 s, sets it down where it was. OK
// only if it was still within 20 mm of where the hand had lifted it to. Otherwise as
// gaze_world_pick; UNSUPPORTED without an arm.  [rt: never]
gaze_err gaze_world_lift(gaze_world *w, int i, gaze_act_status *status);

// Grasps object i with the arm, lifts it by `rise` (0.02..0.5 m), carries its centre at that height
// along straight lines through way[count] (x, y; 1..62 points) and on to above `spot`, and sets it
// down with its lowest point there. The hand keeps its direction on the way. SLIPPED if it ends
// more than 10 mm from there; otherwise as gaze_world_pick. UNSUPPORTED without an arm.
// [rt: never]
enum { GAZE_WORLD_WAY_MAX = 62 };
gaze_err gaze_world_carry(gaze_world *w, int i, double rise, const double (*way)[2], int count,
                          const double spot[3], gaze_act_status *status);

// While on, an arm's actions are planned and not carried out: OK says that every way was found and
// the time suffices, and nothing has moved. What slips is not foreseen.  [rt: safe]
void gaze_world_rehearse(gaze_world *w, bool on);

// Returns a body as planning sees it.  [rt: safe]
gaze_solid gaze_scene_solid(const gaze_body *b);

// Height of the fingertips when a hand grasps (else pushes) the body from above [m]: what lies over
// it can be touched.  [rt: safe]
double gaze_scene_touch_z(const gaze_body *b, bool grasp);

// Writes the table and the tray as planning sees them: what stands in every scene.  [rt: safe]
enum { GAZE_WORLD_FIXED = 2 };
void gaze_world_fixed(gaze_solid solid[GAZE_WORLD_FIXED]);

// Returns what planning knows of the world's arm (chain, hull, home), NULL without one; borrowed.
// [rt: safe]
const gaze_arm *gaze_world_arm_of(const gaze_world *w);

// Writes the arm's joint positions and velocities [n] (rad or m, per second); either may be NULL.
// Nothing without an arm.  [rt: safe]
void gaze_world_posture(const gaze_world *w, double *q, double *dq);

// Drives the arm for `seconds` (a step of 2 ms .. 10 s): its joint targets go on straight lines
// from where they are to q[n], the hand is told its opening (share of 0..1) at once. The servos
// follow behind. UNSUPPORTED without an arm, ARG for numbers that are not finite or not within the
// joint limits (the world is untouched then), DEVICE if physics breaks.  [rt: never]
gaze_err gaze_world_drive(gaze_world *w, const double *q, double open, double seconds);

// Simulated seconds since the world was opened.  [rt: safe]
double gaze_world_time(const gaze_world *w);

// Why the arm's planner found no way in the last action; NONE if it found one, was not asked, or
// the world has no arm.  [rt: safe]
gaze_fault gaze_world_fault(const gaze_world *w);

// Version of the linked MuJoCo; fails unless it equals the headers'.  [rt: init]
gaze_err gaze_world_version(int *version);

#endif
