// data/jsonspan.h - walks JSON text in place: members as spans, no tree, for records read by the
// million.
#ifndef GAZE_DATA_JSONSPAN_H
#define GAZE_DATA_JSONSPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"

typedef struct gaze_span {  // borrowed text
  const char *s;
  size_t n;
} gaze_span;

typedef struct gaze_span_iter {
  const char *at, *end;
  bool first;
} gaze_span_iter;

// Checks that the span is exactly one RFC 8259 value: valid UTF-8, nesting <= 64, no raw control
// characters, no trailing text.  [rt: safe]
bool gaze_span_valid(gaze_span v);

// Starts over the members of an object or the items of an array; false if the span is neither.
// The span must have passed gaze_span_valid.  [rt: safe]
bool gaze_span_open(gaze_span v, gaze_span_iter *it);

// Steps to the next member (`key` without quotes, escapes untouched; NULL for arrays) and its
// value; false at the end.  [rt: safe]
bool gaze_span_next(gaze_span_iter *it, gaze_span *key, gaze_span *value);

// Returns whether the key is `name`.  [rt: safe]
bool gaze_span_is(gaze_span key, const char *name);

// Copies a string value without its escapes (caller frees); FORMAT if it is no string or holds
// U+0000 or half a surrogate pair.  [rt: never]
gaze_err gaze_span_str(gaze_span v, char **out, const char *what);

// Reads a whole number within [lo,hi].  [rt: safe]
gaze_err gaze_span_int(gaze_span v, int64_t lo, int64_t hi, int64_t *out, const char *what);

// Reads true or false.  [rt: safe]
gaze_err gaze_span_bool(gaze_span v, bool *out, const char *what);

#endif
