// core/log.c - see log.h. The handler is the project's only global.
#include "core/log.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static gaze_log_fn handler;

void gaze_log_set(gaze_log_fn fn) {
  handler = fn;
}

void gaze_log(gaze_log_level level, const char *fmt, ...) {
  if (!handler) return;
  char text[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  handler(level, text);
}
