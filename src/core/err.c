// core/err.c - see err.h.
#include "core/err.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local char detail[1024];

const char *gaze_err_text(gaze_err e) {
  switch ((int)e) {
#define GAZE_ERR_CASE(name, code, text) \
  case code:                            \
    return text;
    GAZE_ERR_MAP(GAZE_ERR_CASE)
#undef GAZE_ERR_CASE
    default:
      return "unknown error";
  }
}

gaze_err gaze_fail(gaze_err e, const char *fmt, ...) {
  // format aside first: an argument may be the old detail itself
  char text[sizeof detail];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  for (size_t i = 0; i < sizeof text; i++) {
    detail[i] = text[i];
    if (!text[i]) break;
  }
  return e;
}

const char *gaze_err_detail(void) {
  return detail;
}

void gaze_assert_failed(const char *cond, const char *file, int line) {
  fprintf(stderr, "gaze: assertion failed: %s at %s:%d\n", cond, file, line);
  abort();
}
