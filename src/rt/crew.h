// rt/crew.h - persistent worker threads that take jobs from one queue, first come first served.
#ifndef GAZE_RT_CREW_H
#define GAZE_RT_CREW_H

#include "core/err.h"

typedef struct gaze_crew gaze_crew;

// One job: whatever was posted beside it, and its number.
typedef void (*gaze_crew_fn)(void *ctx, int job);

// Starts `threads` (1..256) workers with room for `cap` (1..2^20) waiting jobs. Workers keep
// denormals: what they compute is what any thread would. ARG, NOMEM.  [rt: init]
gaze_err gaze_crew_open(gaze_crew **c, int threads, int cap);

// Carries out what waits, joins the workers, frees, nulls.  [rt: never]
void gaze_crew_close(gaze_crew **c);

// Queues fn(ctx, job[i]) for every i < n, all or none; any thread may post, and wait for the jobs
// by means of its own. RANGE if there is no room for n.  [rt: never]
gaze_err gaze_crew_post(gaze_crew *c, gaze_crew_fn fn, void *ctx, const int *job, int n);

// Returns the number of workers; 0 for NULL.  [rt: safe]
int gaze_crew_threads(const gaze_crew *c);

#endif
