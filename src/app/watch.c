// app/watch.c - see watch.h.
#include "app/watch.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include "app/args.h"
#include "core/clock.h"
#include "core/file.h"
#include "data/imagefile.h"

static const double WAIT_S = 1.0 / 30.0;

gaze_err gaze_watch_open(gaze_watch *w, const gaze_cfg *cfg, const char *title) {
  *w = (gaze_watch){0};
  int64_t width, height;
  GAZE_TRY(gaze_cfg_str(cfg, "screenshot", NULL, &w->picture));
  GAZE_TRY(gaze_cfg_int(cfg, "frames", w->picture ? 3 : 0, 0, 1 << 30, &w->frames));
  GAZE_TRY(gaze_cfg_int(cfg, "view.width", 1400, 320, 16384, &width));
  GAZE_TRY(gaze_cfg_int(cfg, "view.height", 800, 240, 16384, &height));
  return gaze_window_open(&w->window, title, (int)width, (int)height);
}

void gaze_watch_close(gaze_watch *w) {
  gaze_window_close(&w->window);
}

static gaze_err save_picture(gaze_watch *w, const gaze_shot *s, const char *path) {
  gaze_image im;
  gaze_buf png = GAZE_BUF_INIT;
  GAZE_TRY(gaze_window_picture(w->window, s, &im));
  gaze_err e = gaze_image_encode_png(&im, 9, &png);
  if (!e) e = gaze_file_write_atomic(path, png.data, png.len);
  gaze_buf_fini(&png);
  gaze_image_free(&im);
  return e;
}

// after each frame: pictures asked for by key or by flag; *over when the flag's was taken
static gaze_err frame_done(gaze_watch *w, const gaze_shot *s, int64_t frame, bool *over) {
  if (w->frames == 0 || frame < w->frames) return GAZE_OK;
  *over = true;
  return w->picture ? save_picture(w, s, w->picture) : GAZE_OK;
}

static gaze_err key_picture(gaze_watch *w, const gaze_shot *s) {
  static const char path[] = "gaze_view.png";
  GAZE_TRY(save_picture(w, s, path));
  printf("screenshot: %s\n", path);
  return GAZE_OK;
}

gaze_err gaze_watch_log(gaze_watch *w, gaze_replay *log) {
  int64_t before = gaze_clock_now();
  bool over = false;
  for (int64_t frame = 1; !over && !gaze_window_closing(w->window) && !*gaze_stop_flag(); frame++) {
    gaze_ask ask;
    GAZE_TRY(gaze_window_draw(w->window, gaze_replay_shot(log), WAIT_S));
    while (gaze_window_ask(w->window, &ask)) {
      if (ask.kind == GAZE_ASK_PICTURE)
        GAZE_TRY(key_picture(w, gaze_replay_shot(log)));
      else
        GAZE_TRY(gaze_replay_ask(log, ask));
    }
    int64_t now = gaze_clock_now();
    GAZE_TRY(gaze_replay_pass(log, (double)(now - before) * 1e-9));
    before = now;
    GAZE_TRY(frame_done(w, gaze_replay_shot(log), frame, &over));
  }
  return GAZE_OK;
}

typedef struct worker {
  gaze_err (*job)(void *ctx);
  void *ctx;
  gaze_err error;
  char detail[1024];
  atomic_bool done;
} worker;

static void *work(void *arg) {
  worker *k = arg;
  k->error = k->job(k->ctx);
  // the sentence belongs to this thread
  snprintf(k->detail, sizeof k->detail, "%s", k->error ? gaze_err_detail() : "");
  atomic_store(&k->done, true);
  return NULL;
}

static bool changes_run(gaze_ask_kind kind) {
  return kind == GAZE_ASK_TAKE_OVER || kind == GAZE_ASK_CHOOSE || kind == GAZE_ASK_NEXT;
}

static gaze_err show(gaze_watch *w, gaze_live *live, worker *k, bool hands_off,
                     volatile int *stop) {
  bool over = false;
  for (int64_t frame = 1; !over && !atomic_load(&k->done); frame++) {
    gaze_ask ask;
    const gaze_shot *s = gaze_live_take(live);
    GAZE_TRY(gaze_window_draw(w->window, s, WAIT_S));
    while (gaze_window_ask(w->window, &ask)) {
      if (ask.kind == GAZE_ASK_PICTURE)
        GAZE_TRY(key_picture(w, s));
      else if (!hands_off || !changes_run(ask.kind))
        gaze_live_ask(live, ask);
    }
    if (*gaze_stop_flag()) *stop = 1;
    if (gaze_window_closing(w->window)) break;
    GAZE_TRY(frame_done(w, s, frame, &over));
  }
  return GAZE_OK;
}

gaze_err gaze_watch_job(gaze_watch *w, gaze_live *live, gaze_err (*job)(void *ctx), void *ctx,
                        bool hands_off, volatile int *stop, bool *closed) {
  worker k = {.job = job, .ctx = ctx};
  pthread_t thread;
  atomic_init(&k.done, false);
  if (pthread_create(&thread, NULL, work, &k) != 0)
    return gaze_fail(GAZE_ERR_IO, "view: cannot start a thread");
  gaze_err e = show(w, live, &k, hands_off, stop);
  *closed = !atomic_load(&k.done);
  gaze_live_leave(live);
  gaze_watch_close(w);
  if (!hands_off) *stop = 1;
  // without a window, a signal still ends the job
  while (!atomic_load(&k.done)) {
    struct timespec nap = {.tv_nsec = 20000000};
    nanosleep(&nap, NULL);
    if (*gaze_stop_flag()) *stop = 1;
  }
  pthread_join(thread, NULL);
  if (k.error) return gaze_fail(k.error, "%s", k.detail);
  return e;
}
