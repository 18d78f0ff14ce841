// envs/split.h - the named ranges of seeds: what is trained on, and what only measured.
#ifndef GAZE_ENVS_SPLIT_H
#define GAZE_ENVS_SPLIT_H

#include <stdint.h>
#include "core/cfg.h"

typedef struct gaze_split {
  const char *name;
  uint64_t first, count;  // seeds first .. first + count - 1
} gaze_split;

extern const gaze_split gaze_splits[];  // ends with a NULL name

// Finds a split by name: ARG with the known names otherwise.  [rt: init]
gaze_err gaze_split_find(const char *name, const gaze_split **s);

// Reads the setting "split" (default train).  [rt: init]
gaze_err gaze_split_read(const gaze_cfg *cfg, const gaze_split **s);

#endif
