// view/window_internal.h - the window's insides, shared by window.c, window_panels.c,
// window_stage.c and their tests.
#ifndef GAZE_VIEW_WINDOW_INTERNAL_H
#define GAZE_VIEW_WINDOW_INTERNAL_H

#include <mujoco/mujoco.h>
#include "sim/world.h"
#include "view/known.h"
#include "view/window.h"

typedef struct GLFWwindow GLFWwindow;

enum { VIEW_ASKS = 32 };

// The scene in three dimensions. Its world is the viewer's own: pushing things about in it touches
// no episode.
typedef struct view_stage {
  gaze_world *world;  // NULL: nothing to show
  mjvScene scene;
  mjvCamera camera;
  mjvOption option;
  mjvPerturb pert;
  bool policy_eye;  // seen as the policy sees it, not by the free camera
  bool copy;        // moved by hand: no longer what stands in the episode
  // what stands in the episode
  gaze_body body[GAZE_SCENE_BODIES_MAX];
  bool known[GAZE_SCENE_BODIES_MAX];  // seen in some view so far
  int bodies;
  gaze_viewer viewer;
  double time_s;  // of the last step of the copy
} view_stage;

typedef struct view_layout {
  mjrRect all, scene, inset, thought, facts, bar;  // width 0: not shown
} view_layout;

struct gaze_window {
  GLFWwindow *glfw;
  bool glfw_open;   // glfwInit was done
  mjrContext draw;  // MuJoCo's renderer, its font too
  int font_scale;   // percent
  view_layout at;
  view_stage stage;

  bool panels, boxes, labels, help;  // shown
  bool take_over;                    // letters choose options, as of the last shot
  int scroll;                        // lines of the thought above its end
  uint64_t version;                  // of the last shot drawn
  bool stale;                        // must be drawn again
  gaze_ask ask[VIEW_ASKS];
  int ask_first, asks;

  double mouse_x, mouse_y;  // pixels, from the top left
  bool left, right, middle;
  double click_s;  // time of the last press
  int click_button;
  int x, y, w, h;  // of the window before full screen

  uint8_t *pixels;  // [h,w,3] the policy's picture at the size shown, bottom row first
  size_t pixels_cap;
};

// ---- window.c ----

// What a key does; `key` and `mods` as GLFW numbers them.  [rt: never]
void view_key(gaze_window *w, int key, int mods);

// ---- window_stage.c ----

// Starts with the camera in front of the table.  [rt: init]
void view_stage_init(view_stage *t);
void view_stage_fini(view_stage *t);  // [rt: never]

// Shows the scene of a shot; *remade tells that the model is another one and the renderer needs
// mjr_makeContext. Without a scene in the shot, nothing is shown.  [rt: never]
gaze_err view_stage_show(view_stage *t, const gaze_shot *s, bool *remade);

// Puts everything back where it stands in the episode.  [rt: never]
void view_stage_restore(view_stage *t);

// Draws into `at`; the copy's physics moves on to time `now_s`.  [rt: never]
void view_stage_draw(view_stage *t, mjrRect at, double now_s, const mjrContext *draw);

// Whether the copy is in motion, so that it has to be drawn again.  [rt: safe]
bool view_stage_moves(const view_stage *t);

// Mouse, as in simulate. dx, dy in heights of the view; x, y in 0..1 of it from the bottom left.
void view_stage_drag(view_stage *t, int action, double dx, double dy);  // [rt: never]
void view_stage_zoom(view_stage *t, double amount);                     // [rt: never]
// Selects what lies there (centre: also looks at it).  [rt: never]
void view_stage_select(view_stage *t, double x, double y, double aspect, bool centre);
// Takes the selected object by hand (mjtPertBit), 0 lets go; false if nothing is selected.
bool view_stage_grab(view_stage *t, int perturbation);  // [rt: never]

// ---- window_panels.c ----

// Divides a window of w x h pixels.  [rt: safe]
view_layout view_lay_out(const gaze_window *w, int width, int height, bool scene);

// Draws everything that is not the scene.  [rt: never]
void view_panels_draw(gaze_window *w, const gaze_shot *s);

// Number of lines of `text` when wrapped to `width` pixels.  [rt: never]
int view_lines(const mjrContext *draw, const char *text, int width);

#endif
