// rl/feed.h - draws conversations from recorded files in a seeded, resumable order.
#ifndef GAZE_RL_FEED_H
#define GAZE_RL_FEED_H

#include "core/cfg.h"
#include "core/json.h"
#include "core/rng.h"
#include "data/episode.h"

enum { GAZE_FEED_FILES_MAX = 32, GAZE_FEED_STAGES_MAX = 8 };

typedef struct gaze_feed_file {
  gaze_record_reader *reader;
  char kind[16];  // of its first record: "avr", "perception", "lookup"
  int64_t count;  // records
} gaze_feed_file;

// One part of the schedule: until `until` (0..1 of the run) kinds are drawn with these weights.
typedef struct gaze_feed_stage {
  double until;
  double weight[GAZE_FEED_FILES_MAX];  // by file; files of one kind share their kind's weight
} gaze_feed_stage;

// Where drawing stands; a copy is a snapshot.
typedef struct gaze_feed_place {
  int64_t next[GAZE_FEED_FILES_MAX];  // records drawn so far, by file
  gaze_rng rng;                       // draws the file
} gaze_feed_place;

typedef struct gaze_feed {
  gaze_feed_file file[GAZE_FEED_FILES_MAX];
  int files, stages;
  gaze_feed_stage stage[GAZE_FEED_STAGES_MAX];
  uint64_t seed;
  gaze_feed_place place;
} gaze_feed;

// Opens the files; `mix` is an array of {"until":x, kind:weight, ...}, NULL weighs every record
// alike.  [rt: init]
gaze_err gaze_feed_open(gaze_feed *f, const char *const *paths, int n, const cJSON *mix,
                        uint64_t seed);
void gaze_feed_close(gaze_feed *f);  // [rt: never]

// Draws the next record at `progress` (0..1). Every record of a file comes once per pass, in an
// order that depends on the seed and the pass.  [rt: never]
gaze_err gaze_feed_next(gaze_feed *f, double progress, gaze_record *out);

// Writes a place of this feed as JSON (caller frees), and goes back to one, so that a resumed run
// draws the same records.  [rt: never]
cJSON *gaze_feed_state(const gaze_feed *f, const gaze_feed_place *at);
gaze_err gaze_feed_restore(gaze_feed *f, const cJSON *state);  // [rt: init]

#endif
