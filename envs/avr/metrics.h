// envs/avr/metrics.h - the figures of avr.md section 8 that need no belief.
#ifndef GAZE_ENVS_AVR_METRICS_H
#define GAZE_ENVS_AVR_METRICS_H

#include "core/buf.h"
#include "core/err.h"
#include "envs/env.h"

// Facts of one episode.
typedef struct gaze_avr_record {
  char family[16], question[8];
  bool control;                        // outside the main split
  int optimal_steps;                   // L*
  bool begun;                          // the first decision was judged
  bool first_sufficient, first_right;  // state before d_0; d_0 matched it
  int decisions, strict;               // replies, and those the strict parser took
  int actions, gaining, useful;        // A_e, g_e
  int physical, physical_ok;           // picks and moves, and those with status ok
  bool answered, correct, gated;       // gated: right, and given while sufficient
  bool premature, over_exploring;      // answered too early; acted although sure
} gaze_avr_record;

// Starts a record with the truth of the first observation.  [rt: safe]
void gaze_avr_record_begin(gaze_avr_record *r, const gaze_truth *first);

// Adds one decision: the truth before it and what came of it.  [rt: safe]
void gaze_avr_record_step(gaze_avr_record *r, const gaze_truth *before, const gaze_outcome *out);

// A growing list of episodes; zero-initialise with GAZE_AVR_TALLY_INIT.
typedef struct gaze_avr_tally {
  gaze_avr_record *record;  // [n], owned
  int n, cap;
} gaze_avr_tally;
#define GAZE_AVR_TALLY_INIT ((gaze_avr_tally){0})

// Appends a finished episode (copied). Order does not change any figure but the bootstrap's
// draws.  [rt: never]
gaze_err gaze_avr_tally_add(gaze_avr_tally *t, const gaze_avr_record *r);
void gaze_avr_tally_fini(gaze_avr_tally *t);  // [rt: never]

// Every figure of one group of episodes; shares in percent, NAN where nothing applies.
typedef struct gaze_avr_figures {
  int episodes, main;                  // all, and outside the controls
  double isj, isj_main;                // balanced over all; main only
  double igr, igr_acting, igr_pooled;  // per episode; of acting episodes; per decision
  double useful, fa, fa_ungated;
  double steps_mean, excess, spl;  // actions; actions above L*; percent
  double premature, over_exploring, execution, format;
} gaze_avr_figures;

// Computes the figures of the episodes of `family` and `question` (NULL = any).  [rt: never]
gaze_avr_figures gaze_avr_tally_figures(const gaze_avr_tally *t, const char *family,
                                        const char *question);

// What the report says beside the figures.
typedef struct gaze_avr_report {
  const char *env, *policy;
  uint64_t seed;   // of the first episode; also seeds the bootstrap
  double seconds;  // wall time
} gaze_avr_report;

// Appends the `eval` JSON object of architecture.md section 6 (one line). Figures that do not apply
// are null; what the contract does not name stands under "more". 95 % intervals: Wilson for
// shares of episodes, Newcombe's combination of the two Wilson intervals for the balanced ISJ,
// 10,000-fold episode bootstrap for means.  [rt: never]
gaze_err gaze_avr_tally_json(const gaze_avr_tally *t, const gaze_avr_report *report, gaze_buf *out);

#endif
