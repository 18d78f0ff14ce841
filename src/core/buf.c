// core/buf.c - see buf.h.
#include "core/buf.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// makes room for n more bytes and the terminator
static bool grow(gaze_buf *b, size_t n) {
  if (b->failed) return false;
  if (n < b->cap - b->len) return true;
  size_t cap = b->cap ? b->cap : 64;
  while (cap - b->len <= n) {
    if (cap > (size_t)-1 / 2) return !(b->failed = true);
    cap *= 2;
  }
  char *p = realloc(b->data, cap);
  if (!p) return !(b->failed = true);
  b->data = p, b->cap = cap;
  return true;
}

void gaze_buf_add(gaze_buf *b, const void *bytes, size_t n) {
  if (!grow(b, n)) return;
  if (n) memcpy(b->data + b->len, bytes, n);
  b->len += n;
  b->data[b->len] = 0;
}

void gaze_buf_str(gaze_buf *b, const char *s) {
  gaze_buf_add(b, s, strlen(s));
}

void gaze_buf_printf(gaze_buf *b, const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n >= 0 && grow(b, (size_t)n)) {
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
    b->len += (size_t)n;
  }
  va_end(again);
}

void gaze_buf_clear(gaze_buf *b) {
  b->len = 0, b->failed = false;
  if (b->data) b->data[0] = 0;
}

const char *gaze_buf_text(const gaze_buf *b) {
  return b->data ? b->data : "";
}

void gaze_buf_fini(gaze_buf *b) {
  free(b->data);
  *b = GAZE_BUF_INIT;
}
