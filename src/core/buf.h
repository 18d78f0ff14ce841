// core/buf.h - growable byte buffer, always NUL-terminated; also the string builder.
#ifndef GAZE_CORE_BUF_H
#define GAZE_CORE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include "core/err.h"

typedef struct gaze_buf {
  char *data;  // owned; NULL while empty and never grown
  size_t len, cap;
  bool failed;  // an append ran out of memory: what follows is dropped
} gaze_buf;

#define GAZE_BUF_INIT ((gaze_buf){0})

// Appends `n` bytes. On lack of memory sets `failed` and keeps what is there.  [rt: never]
void gaze_buf_add(gaze_buf *b, const void *bytes, size_t n);

// Appends a C string.  [rt: never]
void gaze_buf_str(gaze_buf *b, const char *s);

// Appends formatted text.  [rt: never]
__attribute__((format(printf, 2, 3))) void gaze_buf_printf(gaze_buf *b, const char *fmt, ...);

// Empties the buffer and keeps its memory.  [rt: safe]
void gaze_buf_clear(gaze_buf *b);

// Returns the text, "" when empty; borrowed until the next append.  [rt: safe]
const char *gaze_buf_text(const gaze_buf *b);

// Frees the memory and resets the buffer.  [rt: never]
void gaze_buf_fini(gaze_buf *b);

#endif
