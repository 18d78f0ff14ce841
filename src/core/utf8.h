// core/utf8.h - UTF-8 validity, the first check on every text from outside.
#ifndef GAZE_CORE_UTF8_H
#define GAZE_CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

// Returns the length (1..4) of the valid UTF-8 sequence at `s`, 0 if it is invalid or cut off by
// `n`. Overlong forms, surrogates and values above U+10FFFF are invalid (RFC 3629).  [rt: safe]
int gaze_utf8_len(const char *s, size_t n);

// Returns whether all `n` bytes are valid UTF-8.  [rt: safe]
bool gaze_utf8_valid(const char *s, size_t n);

#endif
