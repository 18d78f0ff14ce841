// data/base64.h - RFC 4648 base64 with padding, the form JSON messages carry pictures in.
#ifndef GAZE_DATA_BASE64_H
#define GAZE_DATA_BASE64_H

#include <stddef.h>
#include <stdint.h>
#include "core/buf.h"
#include "core/err.h"

// Appends `n` bytes as base64 text.  [rt: never]
void gaze_base64_add(gaze_buf *b, const void *bytes, size_t n);

// Returns the decoded length of `n` characters at `s`, or (size_t)-1 if it cannot be base64 (length
// not a multiple of four). At most n / 4 * 3.  [rt: safe]
size_t gaze_base64_size(const char *s, size_t n);

// Decodes `n` characters into `out` of gaze_base64_size bytes. FORMAT for a foreign character,
// wrong padding or bits set behind the end.  [rt: safe]
gaze_err gaze_base64_decode(const char *s, size_t n, uint8_t *out);

#endif
