// view/window_off.c - in place of window.c where GLFW is missing: a window that never opens.
#include "view/window.h"

gaze_err gaze_window_open(gaze_window **out, const char *title, int w, int h) {
  (void)title, (void)w, (void)h;
  *out = NULL;
  return gaze_fail(GAZE_ERR_UNSUPPORTED, "no window: this gaze was built without GLFW");
}

void gaze_window_close(gaze_window **w) {
  *w = NULL;
}

gaze_err gaze_window_draw(gaze_window *w, const gaze_shot *s, double wait_s) {
  (void)w, (void)s, (void)wait_s;
  return GAZE_ERR_UNSUPPORTED;
}

bool gaze_window_ask(gaze_window *w, gaze_ask *ask) {
  (void)w, (void)ask;
  return false;
}

bool gaze_window_closing(const gaze_window *w) {
  (void)w;
  return true;
}

gaze_err gaze_window_picture(gaze_window *w, const gaze_shot *s, gaze_image *out) {
  (void)w, (void)s, (void)out;
  return GAZE_ERR_UNSUPPORTED;
}
