// core/clock.h - monotonic and wall time in nanoseconds.
#ifndef GAZE_CORE_CLOCK_H
#define GAZE_CORE_CLOCK_H

#include <stdint.h>

// Returns CLOCK_MONOTONIC in nanoseconds.  [rt: safe]
int64_t gaze_clock_now(void);
// Returns the wall clock in nanoseconds since 1970; for manifests only.  [rt: safe]
int64_t gaze_clock_wall(void);

#endif
