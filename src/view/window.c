// view/window.c - see window.h. Opening, keys, mouse, and when to draw.
#define GLFW_INCLUDE_NONE
#include <GLFW/glfw3.h>
#include <stdlib.h>
#include <string.h>
#include "sim/world_mujoco.h"
#include "view/window_internal.h"

static const double DOUBLE_CLICK_S = 0.25;
static const double WHEEL = -0.05;  // zoom of one notch, as in simulate
static const int SCROLL = 3;        // lines of a notch

// ---- what a person does ----

static void ask(gaze_window *w, gaze_ask_kind kind, int option) {
  if (w->asks == VIEW_ASKS) return;  // nobody listens
  w->ask[(w->ask_first + w->asks++) % VIEW_ASKS] = (gaze_ask){.kind = kind, .option = option};
}

static void full_screen(gaze_window *w) {
  if (glfwGetWindowMonitor(w->glfw)) {
    glfwSetWindowMonitor(w->glfw, NULL, w->x, w->y, w->w, w->h, 0);
    return;
  }
  GLFWmonitor *screen = glfwGetPrimaryMonitor();
  const GLFWvidmode *mode = screen ? glfwGetVideoMode(screen) : NULL;
  if (!mode) return;
  glfwGetWindowPos(w->glfw, &w->x, &w->y);
  glfwGetWindowSize(w->glfw, &w->w, &w->h);
  glfwSetWindowMonitor(w->glfw, screen, 0, 0, mode->width, mode->height, mode->refreshRate);
}

static void scroll_thought(gaze_window *w, int lines) {
  w->scroll = w->scroll + lines > 0 ? w->scroll + lines : 0;
}

// keys that change what is asked of the run or the log
static gaze_ask_kind asked(int key) {
  switch (key) {
    case GLFW_KEY_SPACE:
      return GAZE_ASK_PAUSE;
    case GLFW_KEY_RIGHT:
      return GAZE_ASK_FORWARD;
    case GLFW_KEY_LEFT:
      return GAZE_ASK_BACK;
    case GLFW_KEY_HOME:
      return GAZE_ASK_FIRST;
    case GLFW_KEY_END:
      return GAZE_ASK_LAST;
    case GLFW_KEY_UP:
      return GAZE_ASK_PREVIOUS;
    case GLFW_KEY_DOWN:
      return GAZE_ASK_NEXT;
    case GLFW_KEY_EQUAL:
    case GLFW_KEY_KP_ADD:
      return GAZE_ASK_FASTER;
    case GLFW_KEY_MINUS:
    case GLFW_KEY_KP_SUBTRACT:
      return GAZE_ASK_SLOWER;
    case GLFW_KEY_T:
      return GAZE_ASK_TAKE_OVER;
    default:
      return GAZE_ASK_NONE;
  }
}

// keys that change only what is shown
static void look_key(gaze_window *w, int key) {
  switch (key) {
    case GLFW_KEY_F1:
      w->help = !w->help;
      break;
    case GLFW_KEY_F5:
      full_screen(w);
      break;
    case GLFW_KEY_F6:
      w->boxes = !w->boxes;
      break;
    case GLFW_KEY_F7:
      w->labels = !w->labels;
      break;
    case GLFW_KEY_TAB:
      w->panels = !w->panels;
      break;
    case GLFW_KEY_ESCAPE:
      w->stage.policy_eye = false;
      break;
    case GLFW_KEY_LEFT_BRACKET:
    case GLFW_KEY_RIGHT_BRACKET:
      w->stage.policy_eye = !w->stage.policy_eye;
      break;
    case GLFW_KEY_BACKSPACE:
      view_stage_restore(&w->stage);
      break;
    case GLFW_KEY_PAGE_UP:
      scroll_thought(w, 10);
      break;
    case GLFW_KEY_PAGE_DOWN:
      scroll_thought(w, -10);
      break;
    default:
      break;
  }
}

void view_key(gaze_window *w, int key, int mods) {
  w->stale = true;
  if (key == GLFW_KEY_Q) {
    glfwSetWindowShouldClose(w->glfw, GLFW_TRUE);
  } else if (key == GLFW_KEY_P && (mods & GLFW_MOD_CONTROL)) {
    ask(w, GAZE_ASK_PICTURE, 0);
  } else if (key >= GLFW_KEY_A && key < GLFW_KEY_A + GAZE_OPTIONS_MAX) {
    if (w->take_over) ask(w, GAZE_ASK_CHOOSE, key - GLFW_KEY_A);
  } else if (asked(key) != GAZE_ASK_NONE) {
    ask(w, asked(key), 0);
  } else {
    look_key(w, key);
  }
}

static void on_key(GLFWwindow *g, int key, int scancode, int action, int mods) {
  (void)scancode;
  if (action != GLFW_RELEASE) view_key(glfwGetWindowUserPointer(g), key, mods);
}

// window coordinates and pixels differ on some screens
static void mouse_pixels(gaze_window *w, double x, double y, double *px, double *py) {
  int ww, wh;
  glfwGetWindowSize(w->glfw, &ww, &wh);
  *px = ww > 0 ? x * w->at.all.width / ww : x;
  *py = wh > 0 ? y * w->at.all.height / wh : y;
}

static bool within(const gaze_window *w, mjrRect r) {
  double y = w->at.all.height - w->mouse_y;
  return w->mouse_x >= r.left && w->mouse_x < r.left + r.width && y >= r.bottom &&
         y < r.bottom + r.height;
}

static bool pressed(const gaze_window *w, int key) {
  return glfwGetKey(w->glfw, key) == GLFW_PRESS;
}

static bool control(const gaze_window *w) {
  return pressed(w, GLFW_KEY_LEFT_CONTROL) || pressed(w, GLFW_KEY_RIGHT_CONTROL);
}

static void on_move(GLFWwindow *g, double x, double y) {
  gaze_window *w = glfwGetWindowUserPointer(g);
  double px, py;
  mouse_pixels(w, x, y, &px, &py);
  double dx = px - w->mouse_x, dy = py - w->mouse_y;
  w->mouse_x = px, w->mouse_y = py;
  if (!(w->left || w->right || w->middle) || w->at.scene.height <= 0) return;
  bool shift = pressed(w, GLFW_KEY_LEFT_SHIFT) || pressed(w, GLFW_KEY_RIGHT_SHIFT);
  int action = w->right  ? (shift ? mjMOUSE_MOVE_H : mjMOUSE_MOVE_V)
               : w->left ? (shift ? mjMOUSE_ROTATE_H : mjMOUSE_ROTATE_V)
                         : mjMOUSE_ZOOM;
  view_stage_drag(&w->stage, action, dx / w->at.scene.height, dy / w->at.scene.height);
  w->stale = true;
}

static void on_press(gaze_window *w, int button) {
  double now = glfwGetTime();
  bool twice = button == w->click_button && now - w->click_s < DOUBLE_CLICK_S;
  w->click_button = button, w->click_s = now;
  const mjrRect *at = &w->at.scene;
  if (twice)
    view_stage_select(&w->stage, (w->mouse_x - at->left) / at->width,
                      (w->at.all.height - w->mouse_y - at->bottom) / at->height,
                      (double)at->width / at->height, button == GLFW_MOUSE_BUTTON_RIGHT);
  else if (control(w) && button != GLFW_MOUSE_BUTTON_MIDDLE)
    view_stage_grab(&w->stage,
                    button == GLFW_MOUSE_BUTTON_RIGHT ? mjPERT_TRANSLATE : mjPERT_ROTATE);
}

static void on_button(GLFWwindow *g, int button, int action, int mods) {
  (void)mods;
  gaze_window *w = glfwGetWindowUserPointer(g);
  bool down = action == GLFW_PRESS && within(w, w->at.scene) && !within(w, w->at.inset);
  if (button == GLFW_MOUSE_BUTTON_LEFT) w->left = down;
  if (button == GLFW_MOUSE_BUTTON_RIGHT) w->right = down;
  if (button == GLFW_MOUSE_BUTTON_MIDDLE) w->middle = down;
  if (down)
    on_press(w, button);
  else if (action == GLFW_RELEASE)
    view_stage_grab(&w->stage, 0);
  w->stale = true;
}

static void on_wheel(GLFWwindow *g, double dx, double dy) {
  (void)dx;
  gaze_window *w = glfwGetWindowUserPointer(g);
  if (within(w, w->at.thought))
    scroll_thought(w, (int)(dy * SCROLL));
  else
    view_stage_zoom(&w->stage, WHEEL * dy);
  w->stale = true;
}

static void on_change(GLFWwindow *g) {
  ((gaze_window *)glfwGetWindowUserPointer(g))->stale = true;
}

// ---- life ----

static gaze_err glfw_failed(const char *what) {
  const char *why = NULL;
  glfwGetError(&why);
  return gaze_fail(GAZE_ERR_DEVICE, "%s: %s", what, why ? why : "unknown reason");
}

// MuJoCo ends the program where it cannot draw, so that is asked for first
static gaze_err check_opengl(const gaze_window *w) {
  int major = glfwGetWindowAttrib(w->glfw, GLFW_CONTEXT_VERSION_MAJOR);
  int minor = glfwGetWindowAttrib(w->glfw, GLFW_CONTEXT_VERSION_MINOR);
  bool buffers = major >= 3 || glfwExtensionSupported("GL_ARB_framebuffer_object");
  if (major * 10 + minor >= 15 && buffers) return GAZE_OK;
  return gaze_fail(GAZE_ERR_DEVICE, "no window: OpenGL %d.%d cannot draw to buffers", major, minor);
}

static gaze_err open_parts(gaze_window *w, const char *title, int width, int height) {
  if (!glfwInit()) return glfw_failed("no window");
  w->glfw_open = true;
  glfwWindowHint(GLFW_SAMPLES, 4);
  w->glfw = glfwCreateWindow(width, height, title, NULL, NULL);
  if (!w->glfw) return glfw_failed("no window");
  glfwMakeContextCurrent(w->glfw);
  GAZE_TRY(check_opengl(w));
  glfwSwapInterval(1);
  float x, y;
  glfwGetWindowContentScale(w->glfw, &x, &y);
  w->font_scale = x >= 3.0f ? mjFONTSCALE_300 : x >= 2.0f ? mjFONTSCALE_200 : mjFONTSCALE_100;
  mjr_makeContext(NULL, &w->draw, w->font_scale);
  glfwSetWindowUserPointer(w->glfw, w);
  glfwSetKeyCallback(w->glfw, on_key);
  glfwSetCursorPosCallback(w->glfw, on_move);
  glfwSetMouseButtonCallback(w->glfw, on_button);
  glfwSetScrollCallback(w->glfw, on_wheel);
  glfwSetWindowRefreshCallback(w->glfw, on_change);
  return GAZE_OK;
}

gaze_err gaze_window_open(gaze_window **out, const char *title, int width, int height) {
  gaze_window *w = *out = calloc(1, sizeof *w);
  if (!w) return gaze_fail(GAZE_ERR_NOMEM, "view: out of memory");
  w->panels = w->boxes = w->stale = true;
  w->click_s = -1.0;
  mjr_defaultContext(&w->draw);
  view_stage_init(&w->stage);
  gaze_err e = open_parts(w, title, width, height);
  if (e) gaze_window_close(out);
  return e;
}

void gaze_window_close(gaze_window **out) {
  gaze_window *w = *out;
  if (!w) return;
  view_stage_fini(&w->stage);
  if (w->glfw) {
    mjr_freeContext(&w->draw);
    glfwDestroyWindow(w->glfw);
  }
  if (w->glfw_open) glfwTerminate();
  free(w->pixels);
  free(w);
  *out = NULL;
}

bool gaze_window_ask(gaze_window *w, gaze_ask *out) {
  if (w->asks == 0) return false;
  *out = w->ask[w->ask_first];
  w->ask_first = (w->ask_first + 1) % VIEW_ASKS, w->asks--;
  return true;
}

bool gaze_window_closing(const gaze_window *w) {
  return glfwWindowShouldClose(w->glfw);
}

// ---- drawing ----

static gaze_err take_shot(gaze_window *w, const gaze_shot *s) {
  if (s->version == w->version) return GAZE_OK;
  bool remade;
  w->version = s->version;
  w->take_over = s->take_over;
  w->stale = true;
  GAZE_TRY(view_stage_show(&w->stage, s, &remade));
  if (remade) mjr_makeContext(gaze_world_model(w->stage.world), &w->draw, w->font_scale);
  return GAZE_OK;
}

static gaze_err draw(gaze_window *w, const gaze_shot *s) {
  static const gaze_shot empty = {.paused = false};
  if (!s) s = &empty;
  GAZE_TRY(take_shot(w, s));
  int width, height;
  glfwGetFramebufferSize(w->glfw, &width, &height);
  w->at = view_lay_out(w, width, height, w->stage.world != NULL);
  mjr_setBuffer(mjFB_WINDOW, &w->draw);
  mjr_rectangle(w->at.all, 0.05f, 0.06f, 0.08f, 1.0f);
  if (w->stage.world && w->at.scene.width > 0 && w->at.scene.height > 0)
    view_stage_draw(&w->stage, w->at.scene, glfwGetTime(), &w->draw);
  view_panels_draw(w, s);
  return GAZE_OK;
}

gaze_err gaze_window_draw(gaze_window *w, const gaze_shot *s, double wait_s) {
  glfwWaitEventsTimeout(wait_s > 0.0 ? wait_s : 1e-4);
  int width, height;
  glfwGetFramebufferSize(w->glfw, &width, &height);
  bool resized = width != w->at.all.width || height != w->at.all.height;
  if (!w->stale && !resized && !view_stage_moves(&w->stage) && (!s || s->version == w->version))
    return GAZE_OK;
  w->stale = false;
  GAZE_TRY(draw(w, s));
  glfwSwapBuffers(w->glfw);
  return GAZE_OK;
}

gaze_err gaze_window_picture(gaze_window *w, const gaze_shot *s, gaze_image *out) {
  *out = (gaze_image){0};
  GAZE_TRY(draw(w, s));
  int width = w->at.all.width, height = w->at.all.height;
  size_t row = (size_t)width * 3;
  uint8_t *rgb = malloc(row * (size_t)height * 2);
  if (!rgb) return gaze_fail(GAZE_ERR_NOMEM, "view: out of memory");
  // the renderer's first row is the lowest
  uint8_t *raw = rgb + row * (size_t)height;
  mjr_readPixels(raw, NULL, w->at.all, &w->draw);
  for (int y = 0; y < height; y++)
    memcpy(rgb + row * (size_t)y, raw + row * (size_t)(height - 1 - y), row);
  *out = (gaze_image){.rgb = rgb, .w = width, .h = height};
  return GAZE_OK;
}
