// app/bench.h - what the benchmarks share: rounds, rows of results, the clock, the machine's steal.
#ifndef GAZE_APP_BENCH_H
#define GAZE_APP_BENCH_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include "core/buf.h"
#include "core/cfg.h"
#include "core/err.h"
#include "sim/scene.h"

enum { GAZE_BENCH_ROUNDS_MAX = 100 };

// One measured quantity: a rate per round, beside a limit or a peer taken in the same rounds.
typedef struct gaze_bench_row {
  const char *unit;    // "frames/s"
  const char *beside;  // what `limit` is: "GEMV bound", "MuJoCo"; NULL if there is none
  double rate[GAZE_BENCH_ROUNDS_MAX], limit[GAZE_BENCH_ROUNDS_MAX];
  // processor time our side got over what it could use, 0..1: well below 1 on a machine that is
  // busy with something else, whose wall-clock figures then say little
  double share[GAZE_BENCH_ROUNDS_MAX];
} gaze_bench_row;

typedef struct gaze_bench {
  const gaze_cfg *cfg;
  int rounds;
  bool json;
  cJSON *rows;  // array
} gaze_bench;

// Adds a row under a name and prints it unless JSON was asked for: median and worst rate, median
// limit, median and worst ratio of a round.  [rt: never]
gaze_err gaze_bench_add(gaze_bench *b, const gaze_bench_row *r, const char *name);

// Seconds on the monotonic clock.  [rt: safe]
double gaze_bench_now(void);
// Seconds of processor time this process has used, all threads.  [rt: safe]
double gaze_bench_cpu(void);

gaze_err gaze_bench_render(gaze_bench *b);  // bench_render.c  [rt: never]
gaze_err gaze_bench_decode(gaze_bench *b);  // bench_decode.c  [rt: never]
gaze_err gaze_bench_env(gaze_bench *b);     // bench_env.c  [rt: never]
gaze_err gaze_bench_batch(gaze_bench *b);   // bench_batch.c  [rt: never]
gaze_err gaze_bench_arm(gaze_bench *b);     // bench_arm.c  [rt: never]

// The scene of the render and step benchmarks: 10 objects on the table. Returns their number.
// [rt: safe]
int gaze_bench_scene(gaze_body *bodies);

// The same scene as MJCF text: two directional lights, one camera "view", bodies free to move if
// `free_joints`. The caller frees with gaze_buf_fini.  [rt: never]
gaze_err gaze_bench_mjcf(const gaze_body *bodies, int n, bool shadows, bool free_joints,
                         gaze_buf *out);

#endif
