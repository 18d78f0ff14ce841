// core/log.h - the one replaceable handler through which library code may speak.
#ifndef GAZE_CORE_LOG_H
#define GAZE_CORE_LOG_H

typedef enum gaze_log_level { GAZE_LOG_DEBUG, GAZE_LOG_INFO, GAZE_LOG_WARN } gaze_log_level;
typedef void (*gaze_log_fn)(gaze_log_level level, const char *text);

// Installs the handler (NULL: silence, the default). Call before threads start.  [rt: init]
void gaze_log_set(gaze_log_fn fn);

// Formats and hands over one line.  [rt: never]
__attribute__((format(printf, 2, 3))) void gaze_log(gaze_log_level level, const char *fmt, ...);

#endif
