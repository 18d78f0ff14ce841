// core/json.h - strict JSON on top of cJSON: whole text, valid UTF-8, bounded nesting.
#ifndef GAZE_CORE_JSON_H
#define GAZE_CORE_JSON_H

#include <cjson/cJSON.h>
#include <stdint.h>
#include "core/buf.h"
#include "core/err.h"

// Parses exactly one RFC 8259 value from `n` bytes into *out (caller frees with cJSON_Delete).
// Stricter than cJSON: no trailing text, no NaN or Infinity words, no leading zeros, plus signs or
// bare dots in numbers, valid UTF-8, no raw control characters in strings, nesting <= 64.
// `what` names the source in the error sentence.  FORMAT on failure, *out NULL.  [rt: never]
gaze_err gaze_json_parse(cJSON **out, const char *text, size_t n, const char *what);

// Reads and parses a file of at most 256 MiB.  [rt: never]
gaze_err gaze_json_load(cJSON **out, const char *path);

// Finds a member by exact name; NULL if `o` is no object or has none. The last duplicate wins, as
// in most readers.  Borrowed.  [rt: never]
const cJSON *gaze_json_get(const cJSON *o, const char *key);

// Reads an integer member within [lo,hi]; FORMAT naming `what`, the key and the bounds when it is
// missing, no number, not whole or outside.  [rt: never]
gaze_err gaze_json_int(const cJSON *o, const char *key, int64_t lo, int64_t hi, int64_t *out,
                       const char *what);

// Reads a finite number member; FORMAT naming `what` and the key otherwise.  [rt: never]
gaze_err gaze_json_num(const cJSON *o, const char *key, double *out, const char *what);

// Reads a string member (borrowed); FORMAT naming `what` and the key otherwise.  [rt: never]
gaze_err gaze_json_str(const cJSON *o, const char *key, const char **out, const char *what);

// Appends `s` as a JSON string with quotes; invalid UTF-8 becomes U+FFFD.  [rt: never]
void gaze_json_add_str(gaze_buf *b, const char *s, size_t n);

#endif
