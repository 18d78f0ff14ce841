// view/window.h - a window on a run or a log: scene, policy's picture, thought, options, facts.
//
// One window per process, used by the thread that opened it (the main thread where the system asks
// for that). Drawing needs GLFW; built without it, opening fails and says so.
#ifndef GAZE_VIEW_WINDOW_H
#define GAZE_VIEW_WINDOW_H

#include "view/shot.h"

typedef struct gaze_window gaze_window;  // opaque: GLFW window, MuJoCo renderer

// Opens a window of w x h. UNSUPPORTED: built without GLFW; DEVICE: no display, or no OpenGL that
// MuJoCo can draw with.  [rt: init]
gaze_err gaze_window_open(gaze_window **out, const char *title, int w, int h);
void gaze_window_close(gaze_window **w);  // [rt: never]

// Handles what the person does, waiting at most `wait_s` for it, and draws `s` if anything has
// changed; NULL is an empty window. DEVICE if the scene cannot be drawn.  [rt: never]
gaze_err gaze_window_draw(gaze_window *w, const gaze_shot *s, double wait_s);

// Takes the next thing asked for; false if there is none.  [rt: safe]
bool gaze_window_ask(gaze_window *w, gaze_ask *ask);

// Whether the person closed the window.  [rt: safe]
bool gaze_window_closing(const gaze_window *w);

// Draws `s` and reads the window back; *out is owned by the caller (gaze_image_free).  [rt: never]
gaze_err gaze_window_picture(gaze_window *w, const gaze_shot *s, gaze_image *out);

#endif
