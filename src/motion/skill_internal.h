// motion/skill_internal.h - how plans are put together, shared by skill.c and build.c.
#ifndef GAZE_MOTION_SKILL_INTERNAL_H
#define GAZE_MOTION_SKILL_INTERNAL_H

#include "motion/skill.h"

#define GAZE_TABLE_GAP_M 0.008  // fingertips above the table

// A plan under construction: phases are added at its end.
typedef struct gaze_builder {
  const gaze_planner *planner;
  gaze_plan *plan;
  gaze_hull hull;     // the arm's, with what it carries
  const char *phase;  // the one being made
  int target;         // solid the fingers may touch, -1
  double open;        // share the hand is told in the next phases
  double span;        // share at which the fingers then stand: they may close on something
  double q[GAZE_CHAIN_JOINTS_MAX];  // end of the last phase
} gaze_builder;

// Starts an empty plan at q; what planner->held says is carried.  [rt: never]
void gaze_builder_start(gaze_builder *b, const gaze_planner *p, const double *q, double open,
                        gaze_plan *plan);

// Notes why there is no plan and returns NOTFOUND with `phase: sentence`.  [rt: never]
gaze_err gaze_builder_fault(gaze_builder *b, gaze_fault fault, const char *sentence);

// Adds a phase that moves the tool to a pose any safe way. `seed` varies the posture found.
// [rt: never]
gaze_err gaze_builder_transit(gaze_builder *b, const char *phase, const gaze_pose *to,
                              uint64_t seed);

// Adds a phase to a posture goal[n] any safe way.  [rt: never]
gaze_err gaze_builder_swing(gaze_builder *b, const char *phase, const double *goal);

// Adds a phase along straight lines from where the tool is through way[count].  [rt: never]
gaze_err gaze_builder_trace(gaze_builder *b, const char *phase, const gaze_pose *way, int count);

// Adds a phase that stays and waits.  [rt: never]
void gaze_builder_wait(gaze_builder *b, const char *phase, double seconds);

// Returns the tool's pose at the end of the last phase.  [rt: safe]
gaze_pose gaze_builder_tool(const gaze_builder *b);

#endif
