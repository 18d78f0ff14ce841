// motion/skill.h - skills: pure planners from (arm, posture, goal, surroundings) to timed paths.
//
// A plan is a list of phases; in each the hand is told an opening, the arm follows a joint path,
// then both wait. Planning looks at nothing but its arguments, so a plan can be made, checked and
// thrown away at no cost to the world. Fixed in all of them: the hand points down, and every path
// is checked against everything with a margin.
#ifndef GAZE_MOTION_SKILL_H
#define GAZE_MOTION_SKILL_H

#include <stdint.h>
#include "motion/collide.h"
#include "motion/path.h"

enum { GAZE_PLAN_PHASES_MAX = 6, GAZE_SKILL_WAY_MAX = 64 };

// What planning knows of a robot. Plain data; sim/robot.h reads one from a model file.
typedef struct gaze_arm {
  gaze_chain chain;
  gaze_hull hull;
  double home[GAZE_CHAIN_JOINTS_MAX];  // a sound posture, hand above the table
  double open_m;                       // gap between the fingertips when fully open
} gaze_arm;

// The arm, its surroundings and its manners.
typedef struct gaze_planner {
  const gaze_arm *arm;      // borrowed
  const gaze_solid *solid;  // [solids], borrowed; the table is one of them
  int solids;
  int held;                     // the solid in the hand, -1 for none
  double table_z;               // fingertips stay 8 mm above it [m]
  double margin;                // kept from everything not meant to be touched [m]
  double tool_speed;            // of the fingertips [m/s]
  double vel_share, acc_share;  // of the joint limits
  double grip_s;                // for the fingers to close or open [s]
  double depth;                 // of the fingertips below the top of what is grasped [m]
  double lift;                  // of what was grasped [m]
  uint64_t seed;                // of the searches for postures
} gaze_planner;

// What a planner ran into.
typedef enum gaze_fault {
  GAZE_FAULT_NONE,
  GAZE_FAULT_UNREACHABLE,  // no posture, or no continuous line of them
  GAZE_FAULT_COLLISION,    // everything tried would touch something
  GAZE_FAULT_CLEARANCE,    // does not fit between the fingers, or no room for it
} gaze_fault;

typedef struct gaze_phase {
  const char *name;  // static text, for people and logs
  double open;       // share of the hand's opening, told at the start of the phase
  gaze_path path;
  double wait_s;  // after the path
} gaze_phase;

// About 100 KB of plain data: not for the stack of a small thread.
typedef struct gaze_plan {
  int n;
  gaze_fault fault;  // why there is no plan
  gaze_phase phase[GAZE_PLAN_PHASES_MAX];
} gaze_plan;

// Returns the usual manners for an arm with nothing round it: margin 5 mm, 0.25 m/s, half of the
// joint limits, 0.6 s to close, 20 mm deep, lifts by 0.15 m.  [rt: safe]
gaze_planner gaze_planner_default(const gaze_arm *arm);

// Every skill starts at rest at q[n] with the hand open by the share `open`, and writes *plan
// (about 100 KB). If there is no plan: NOTFOUND, plan->fault, n = 0 and a sentence that names the
// skill, the phase and the obstacle; ARG for arguments that make no sense.

// Brings the tool to a pose, round obstacles by lifting first if need be.  [rt: never]
gaze_err gaze_skill_reach(const gaze_planner *p, const double *q, double open,
                          const gaze_pose *target, gaze_plan *plan);

// Grasps solid i from above, closing along its shorter side: to 0.12 m above its top, down to
// p->depth below the top, of what is round from the side 4 mm below its middle at least (always
// 8 mm above the table), close, lift by p->lift.  [rt: never]
gaze_err gaze_skill_pick(const gaze_planner *p, const double *q, double open, int i,
                         gaze_plan *plan);

// Sets p->held (its pose still the one it was grasped in by gaze_skill_pick) down with its lowest
// point at `spot`, lets go and rises 0.12 m. On the way it counts as the sphere round it.
// [rt: never]
gaze_err gaze_skill_place(const gaze_planner *p, const double *q, const double spot[3],
                          gaze_plan *plan);

// Pushes solid i along `dir` (unit vector in x, y) by `distance` metres with the fingers a little
// apart, backs off 10 mm and rises 0.12 m. The ball inside the solid must have a free way.  [rt:
// never]
gaze_err gaze_skill_push(const gaze_planner *p, const double *q, double open, int i,
                         const double dir[2], double distance, gaze_plan *plan);

// Goes to way[0], then along straight lines to the other poses (count in 1..64) in one motion. The
// spline passes points at most 10 mm apart (a way of more than 0.6 m: a sixtieth of it); between
// them it rounds corners and stays within about 2 mm of the lines.  [rt: never]
gaze_err gaze_skill_follow(const gaze_planner *p, const double *q, double open,
                           const gaze_pose *way, int count, gaze_plan *plan);

// Goes back to the arm's home posture, round obstacles by lifting first if need be.  [rt: never]
gaze_err gaze_skill_home(const gaze_planner *p, const double *q, double open, gaze_plan *plan);

// Lifts the tool straight up by `height` metres.  [rt: never]
gaze_err gaze_skill_retreat(const gaze_planner *p, const double *q, double open, double height,
                            gaze_plan *plan);

// How high above a solid's lowest point the fingertips close on it [m]; of the planner it reads
// depth and table_z.  [rt: safe]
double gaze_grasp_height(const gaze_planner *p, const gaze_solid *s);

// Height of the fingertips that push a solid [m], world frame; reads table_z.  [rt: safe]
double gaze_push_height(const gaze_planner *p, const gaze_solid *s);

// Returns the sum of all paths and waits [s].  [rt: safe]
double gaze_plan_duration(const gaze_plan *plan);

// Writes joint positions and velocities [n] and the hand's opening at time t of the plan, its last
// state after the end; dq may be NULL. Returns the index of the phase. The plan must have one.
// [rt: safe]
int gaze_plan_eval(const gaze_plan *plan, double t, double *q, double *dq, double *open);

#endif
