// envs/embodied.h - the figures of an evaluation on embodied tasks: tasks told chunks of actions.
#ifndef GAZE_ENVS_EMBODIED_H
#define GAZE_ENVS_EMBODIED_H

#include "core/buf.h"
#include "envs/env.h"

// Facts of one episode.
typedef struct gaze_embodied_record {
  char robot[24];                // from gaze_truth.layout, "" without a truth
  bool success, timeout, fault;  // how it ended
  int decisions, blocked;        // chunks, and those that ended "blocked"
  int steps, clipped;            // actions carried out, and those cut to the limits
  double goal_dist;              // at the end [m]
} gaze_embodied_record;

// Starts a record with the truth of the first observation (NULL: none).  [rt: safe]
void gaze_embodied_begin(gaze_embodied_record *r, const gaze_truth *first);

// Adds what came of one chunk.  [rt: safe]
void gaze_embodied_step(gaze_embodied_record *r, const gaze_outcome *out);

typedef struct gaze_embodied_figures {
  int episodes;
  double success;           // percent
  double steps_mean;        // actions of an episode that succeeded; NAN if none did
  double dist_mean;         // at the end [m]
  double clipped, blocked;  // percent of actions, of chunks
  double timeout, fault;    // percent of episodes
} gaze_embodied_figures;

// Computes the figures of n records, of one robot or (NULL) all; NAN where nothing applies.
// [rt: safe]
gaze_embodied_figures gaze_embodied_sum(const gaze_embodied_record *r, int n, const char *robot);

// What the report says beside the figures.
typedef struct gaze_embodied_report {
  const char *env, *policy;
  uint64_t seed;
  double seconds;  // wall time
} gaze_embodied_report;

// Appends the `eval` JSON object of embodied tasks (architecture.md section 6), one line: what does
// not apply is null, what the contract does not name stands under "more". The interval of success
// is Wilson's, 95 %. NOMEM.  [rt: never]
gaze_err gaze_embodied_json(const gaze_embodied_record *r, int n, const gaze_embodied_report *about,
                            gaze_buf *out);

#endif
