// core/clock.c - see clock.h.
#define _POSIX_C_SOURCE 200809L
#include "core/clock.h"
#include <time.h>

static int64_t read_clock(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t gaze_clock_now(void) {
  return read_clock(CLOCK_MONOTONIC);
}

int64_t gaze_clock_wall(void) {
  return read_clock(CLOCK_REALTIME);
}
