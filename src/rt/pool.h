// rt/pool.h - persistent worker threads for data-parallel loops.
#ifndef GAZE_RT_POOL_H
#define GAZE_RT_POOL_H

#include "core/err.h"

typedef struct gaze_pool gaze_pool;

// One share of a parallel loop: `worker` of `workers` (0-based); the caller is worker 0.
typedef void (*gaze_pool_fn)(void *ctx, int worker, int workers);

// Starts threads - 1 workers (the caller is the first); threads in 1..256. Each worker sets
// flush-to-zero. A pool serves one caller at a time.  [rt: init]
gaze_err gaze_pool_open(gaze_pool **p, int threads);

// Stops and joins the workers, nulls the pointer.  [rt: never]
void gaze_pool_close(gaze_pool **p);

// Runs fn on every worker and returns when all are done. Workers spin for some microseconds and
// then sleep, so short loops in a row cost little.  [rt: never]
void gaze_pool_run(gaze_pool *p, gaze_pool_fn fn, void *ctx);

// Returns the number of workers, the caller included; 1 for NULL.  [rt: safe]
int gaze_pool_threads(const gaze_pool *p);

// Splits n items evenly: the half-open range of one worker.  [rt: safe]
void gaze_pool_range(long n, int worker, int workers, long *lo, long *hi);

// Sets flush-to-zero and denormals-are-zero on the calling thread (a denormal makes matrix
// products 6-14 times slower), or plain IEEE arithmetic again.  [rt: safe]
void gaze_ftz_on(void);
void gaze_ftz_off(void);  // [rt: safe]

// Reads and restores the calling thread's floating-point mode, of which the two above change a
// part; 0 where it is not known.  [rt: safe]
unsigned long gaze_fp_mode(void);
void gaze_fp_restore(unsigned long mode);  // [rt: safe]

#endif
