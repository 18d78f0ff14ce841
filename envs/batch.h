// envs/batch.h - N environments of one kind behind one object, stepped by a crew of threads.
//
// A row is one environment. What a row shows depends on its seed and its acts alone, so any number
// of threads gives the same bytes. An error stays in its row; the others go on.
#ifndef GAZE_ENVS_BATCH_H
#define GAZE_ENVS_BATCH_H

#include "envs/env.h"
#include "rt/crew.h"

enum { GAZE_ENV_BATCH_MAX = 4096, GAZE_ENV_BATCH_ACTS_MAX = 4096 };

// What a step does with a row whose episode is over; the names are Gymnasium's.
typedef enum gaze_autoreset {
  GAZE_AUTORESET_DISABLED,   // it refuses (STATE) until the caller resets the row
  GAZE_AUTORESET_NEXT_STEP,  // it ignores its acts and shows the next episode, reward 0
  GAZE_AUTORESET_SAME_STEP,  // the step that ends an episode shows the next one; the end is `last`
} gaze_autoreset;

typedef struct gaze_env_batch_options {
  const gaze_env *env;
  const gaze_cfg *cfg;  // settings of every environment, NULL = none; read during open only
  int n;                // rows, 1..GAZE_ENV_BATCH_MAX
  gaze_crew *crew;      // who steps, with room for n jobs; borrowed. NULL: the caller, in send
  gaze_autoreset autoreset;
  // called (by a worker, within a lock: no call back into the batch) when the last row that was
  // sent is ready; may be NULL
  void (*done)(void *ctx);
  void *ctx;
} gaze_env_batch_options;

// Where pictures go: arrays of the caller, a slice per row. All may be NULL.
typedef struct gaze_env_batch_view {
  uint8_t *rgb;  // [n,image_h,image_w,3]
  // [n,(h/patch)*(w/patch),3*2*patch^2], the vision tower's input; sizes must be multiples of
  // patch*merge. `form` gives patch, merge, mean, std; its other fields are not read.
  float *patches;
  gaze_patchify form;
  bool ask;  // draw when gaze_env_batch_render asks, not with every reset and step
} gaze_env_batch_view;

typedef struct gaze_env_batch_fact {  // of one act of a step
  float reward;
  bool terminated, truncated;
} gaze_env_batch_fact;

// What a row's last reset, step or render left; borrowed until the row is sent again.
typedef struct gaze_env_batch_row {
  // OK, or why: ARG or STATE: an act was refused and changed nothing; any other: the episode was
  // lost (its last fact and outcome say truncated, "fault"), or could not begin. `why` is a
  // sentence
  gaze_err err;
  char why[256];
  gaze_obs obs;               // pixels in the caller's array, or NULL if nobody drew them
  gaze_outcome out;           // of the last act carried out; zero after a reset
  int acts;                   // carried out: fewer than sent after an end or an error
  gaze_env_batch_fact *fact;  // [acts sent], zero beyond `acts`
  uint64_t seed;              // of the episode that obs belongs to
  bool ended;                 // an episode ended in this step
  gaze_obs last;  // what it showed last (SAME_STEP only; has pixels even if nobody asked)
} gaze_env_batch_row;

typedef struct gaze_env_batch_stats {
  uint64_t episodes, acts;   // begun; carried out
  uint64_t refused, faults;  // acts refused; episodes lost
} gaze_env_batch_stats;

typedef struct gaze_env_batch gaze_env_batch;

// Opens n environments. The k-th episode that a row begins on its own takes a seed of the split
// (setting "split") that follows from (the seed of its last reset, row, k). Errors as the
// environment's open; ARG.  [rt: init]
gaze_err gaze_env_batch_open(gaze_env_batch **b, const gaze_env_batch_options *o);

// Waits for the rows in work, frees, nulls.  [rt: never]
void gaze_env_batch_close(gaze_env_batch **b);

// What holds for every row; zeros if the environment does not say.  [rt: safe]
gaze_space gaze_env_batch_space(const gaze_env_batch *b);

// Pictures go to `v` (copied; its arrays are borrowed) from now on. STATE while rows are in work,
// UNSUPPORTED if the environment's pictures vary, ARG if they do not fit the patches.  [rt: init]
gaze_err gaze_env_batch_show(gaze_env_batch *b, const gaze_env_batch_view *v);

// Start resets, steps of `acts` acts, or the drawing of pictures in rows row[0..n-1] (NULL: all)
// and return; `seed` [n] and `act` [n,acts] are borrowed until their rows are received. ARG for
// rows that do not exist, stand twice or are in work; nothing has begun then.  [rt: never]
gaze_err gaze_env_batch_send_reset(gaze_env_batch *b, const int *row, int n, const uint64_t *seed);
gaze_err gaze_env_batch_send_step(gaze_env_batch *b, const int *row, int n, const gaze_act *act,
                                  int acts);
gaze_err gaze_env_batch_send_render(gaze_env_batch *b, const int *row, int n);  // [rt: never]

// Waits until `least` rows are ready (or all that are in work, if fewer), writes up to `cap` of
// them to row[] in the order they came, and returns their number.  [rt: never]
int gaze_env_batch_recv(gaze_env_batch *b, int least, int *row, int cap);

// All rows in step: send and receive. A row's error is in the row.  [rt: never]
gaze_err gaze_env_batch_reset(gaze_env_batch *b, const uint64_t *seed);
gaze_err gaze_env_batch_step(gaze_env_batch *b, const gaze_act *act);  // act [n]  [rt: never]

// The result of row i, which must not be in work.  [rt: safe]
const gaze_env_batch_row *gaze_env_batch_at(const gaze_env_batch *b, int i);

// Rows sent and not yet received.  [rt: safe]
int gaze_env_batch_pending(const gaze_env_batch *b);

// Counts since open, of rows received.  [rt: safe]
gaze_env_batch_stats gaze_env_batch_count(const gaze_env_batch *b);

#endif
