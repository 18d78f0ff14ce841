// core/cfg.h - settings of a run: one JSON object, dotted keys, typed reads that report misuse.
#ifndef GAZE_CORE_CFG_H
#define GAZE_CORE_CFG_H

#include <stdbool.h>
#include <stdint.h>
#include "core/err.h"

typedef struct gaze_cfg gaze_cfg;  // opaque: a cJSON tree

// Makes an empty configuration. Caller closes it.  [rt: init]
gaze_err gaze_cfg_open(gaze_cfg **c);
// Frees and nulls.  [rt: never]
void gaze_cfg_close(gaze_cfg **c);

// Merges a JSON file (an object) into `c`; later values win.  [rt: init]
gaze_err gaze_cfg_load(gaze_cfg *c, const char *path);

// Merges the text of a JSON object; `what` names it in errors.  [rt: init]
gaze_err gaze_cfg_merge_text(gaze_cfg *c, const char *json, const char *what);

// Sets one value from "a.b.c=value": JSON if it parses as JSON, a string otherwise.  [rt: init]
gaze_err gaze_cfg_set(gaze_cfg *c, const char *assignment);
// Sets a string, number or bool under a dotted key.  [rt: init]
gaze_err gaze_cfg_set_str(gaze_cfg *c, const char *key, const char *value);
gaze_err gaze_cfg_set_num(gaze_cfg *c, const char *key, double value);  // [rt: init]

// Returns whether the dotted key exists.  [rt: never]
bool gaze_cfg_has(const gaze_cfg *c, const char *key);

// Typed reads: `fallback` if the key is absent (or `c` is NULL), ARG naming the key if the value
// has another type or lies outside [lo,hi].  Strings are borrowed from the configuration.  [rt:
// init]
gaze_err gaze_cfg_int(const gaze_cfg *c, const char *key, int64_t fallback, int64_t lo, int64_t hi,
                      int64_t *out);
gaze_err gaze_cfg_num(const gaze_cfg *c, const char *key, double fallback, double lo, double hi,
                      double *out);                                                    // [rt: init]
gaze_err gaze_cfg_bool(const gaze_cfg *c, const char *key, bool fallback, bool *out);  // [rt: init]
gaze_err gaze_cfg_str(const gaze_cfg *c, const char *key, const char *fallback,
                      const char **out);  // [rt: init]

// Returns the whole configuration as JSON text (caller frees), for manifests.  [rt: never]
char *gaze_cfg_dump(const gaze_cfg *c);

#endif
