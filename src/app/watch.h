// app/watch.h - a window on a job: the job runs in a thread of its own, the window in the caller's.
#ifndef GAZE_APP_WATCH_H
#define GAZE_APP_WATCH_H

#include "core/cfg.h"
#include "view/live.h"
#include "view/replay.h"
#include "view/window.h"

typedef struct gaze_watch {
  gaze_window *window;
  const char *picture;  // file for a picture of the window, NULL for none
  int64_t frames;       // after so many the picture is taken and the window closes; 0: never
} gaze_watch;

// Reads the settings "screenshot" and "frames" and opens the window.  [rt: init]
gaze_err gaze_watch_open(gaze_watch *w, const gaze_cfg *cfg, const char *title);
void gaze_watch_close(gaze_watch *w);  // [rt: never]

// Shows a log until the window is closed.  [rt: never]
gaze_err gaze_watch_log(gaze_watch *w, gaze_replay *log);

// Runs the job and shows what it tells `live` until it is over or the window is closed; the window
// is gone then. The job is waited for in either case. hands_off: what a person asks that would
// change the run (take over, next episode) is not passed on. *stop becomes 1 with a signal, and,
// unless hands_off, when the window is closed. Returns the job's error with its sentence; *closed
// tells whether the window was closed before the end.  [rt: never]
gaze_err gaze_watch_job(gaze_watch *w, gaze_live *live, gaze_err (*job)(void *ctx), void *ctx,
                        bool hands_off, volatile int *stop, bool *closed);

#endif
