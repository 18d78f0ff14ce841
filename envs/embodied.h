// envs/embodied.h - the figures of an evaluation on embodied tasks: what an arm did, told by chunks
// of actions or by a box or a path.
#ifndef GAZE_ENVS_EMBODIED_H
#define GAZE_ENVS_EMBODIED_H

#include "core/buf.h"
#include "envs/env.h"

// Figures of a reply against its reference (rewards/vla_r1.h), in the order of the report.
enum {
  GAZE_EMBODIED_IOU,
  GAZE_EMBODIED_DFD,
  GAZE_EMBODIED_HD,
  GAZE_EMBODIED_RMSE,
  GAZE_EMBODIED_AVG,
  GAZE_EMBODIED_METRICS
};

// Facts of one episode.
typedef struct gaze_embodied_record {
  char robot[24];                        // from gaze_truth.layout, "" without a truth
  bool success, timeout, fault;          // how it ended
  int decisions, blocked;                // chunks, and those that ended "blocked"
  int steps, clipped;                    // actions carried out, and those cut to the limits
  double goal_dist;                      // at the end [m], NAN where there is no goal
  char status[12];                       // of the last step
  bool asked;                            // there is a reference reply
  bool malformed;                        // the last reply is not of the reference's kind
  double metric[GAZE_EMBODIED_METRICS];  // of the last reply: percent, thousandths of the picture;
                                         // NAN = does not apply
} gaze_embodied_record;

// Starts a record with the truth of the first observation (NULL: none).  [rt: safe]
void gaze_embodied_begin(gaze_embodied_record *r, const gaze_truth *first);

// Adds what came of one step.  [rt: safe]
void gaze_embodied_step(gaze_embodied_record *r, const gaze_outcome *out);

typedef struct gaze_embodied_figures {
  int episodes;
  double success;                        // percent
  double steps_mean;                     // actions of an episode that succeeded; NAN if none did
  double dist_mean;                      // at the end [m]
  double clipped, blocked;               // percent of actions, of chunks
  double timeout, fault;                 // percent of episodes
  double malformed;                      // percent of replies with a reference
  double metric[GAZE_EMBODIED_METRICS];  // means over all episodes they apply to
  double well[GAZE_EMBODIED_METRICS];    // and over well-formed replies
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
// not apply is null, what the contract does not name stands under "more", failures by status too.
// Intervals are 95 %: Wilson's of success, a bootstrap's over episodes of the means. NOMEM.
// [rt: never]
gaze_err gaze_embodied_json(const gaze_embodied_record *r, int n, const gaze_embodied_report *about,
                            gaze_buf *out);

#endif
