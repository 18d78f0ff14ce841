// tests/view/test_window.c - a real window on a virtual screen: its panels, keys, hand, and end.
#include <stdio.h>

#ifndef GAZE_WINDOW
int main(void) {
  puts("SKIP: built without GLFW");
  return 0;
}
#else
#define GLFW_INCLUDE_NONE
#include <GLFW/glfw3.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include "data/imagefile.h"
#include "sim/world_mujoco.h"
#include "tests/view/fixture_log.h"
#include "tests/view/fixture_screen.h"
#include "view/replay.h"
#include "view/window_internal.h"

#define LOG GAZE_BINARY_DIR "/test_window.mcap"

enum { WIDTH = 900, HEIGHT = 600 };

typedef struct rig {
  gaze_window *w;
  gaze_replay *log;
  gaze_image seen;  // the window as it was last drawn
} rig;

// Of the leak checker, where there is one. Mesa's driver keeps some bytes of every screen and is
// unloaded with the window, so no suppression can name it.
__attribute__((weak)) void __lsan_disable(void);
__attribute__((weak)) void __lsan_enable(void);

static gaze_err open_window(gaze_window **w, const char *title, int width, int height) {
  if (__lsan_disable) __lsan_disable();
  gaze_err e = gaze_window_open(w, title, width, height);
  if (__lsan_enable) __lsan_enable();
  return e;
}

static rig start(bool scenes) {
  rig r = {0};
  assert_true(fixture_log_write(LOG, 1, scenes));
  assert_int_equal(gaze_replay_open(&r.log, LOG), GAZE_OK);
  if (open_window(&r.w, "test", WIDTH, HEIGHT)) fail_msg("%s", gaze_err_detail());
  return r;
}

static void look(rig *r) {
  gaze_image_free(&r->seen);
  assert_int_equal(gaze_window_picture(r->w, gaze_replay_shot(r->log), &r->seen), GAZE_OK);
}

static void finish(rig *r) {
  gaze_image_free(&r->seen);
  gaze_window_close(&r->w);
  gaze_replay_close(&r->log);
}

static const uint8_t *pixel(const rig *r, int x, int y) {  // y from the bottom, as rectangles are
  return r->seen.rgb + 3 * ((size_t)(r->seen.h - 1 - y) * (size_t)r->seen.w + (size_t)x);
}

// pixels in a rectangle that are near a colour
static int count(const rig *r, mjrRect at, int red, int green, int blue) {
  int n = 0;
  for (int y = at.bottom; y < at.bottom + at.height; y++)
    for (int x = at.left; x < at.left + at.width; x++) {
      const uint8_t *p = pixel(r, x, y);
      n += abs(p[0] - red) < 24 && abs(p[1] - green) < 24 && abs(p[2] - blue) < 24;
    }
  return n;
}

// pixels much brighter than the panels' background: letters
static int letters(const rig *r, mjrRect at) {
  int n = 0;
  for (int y = at.bottom; y < at.bottom + at.height; y++)
    for (int x = at.left; x < at.left + at.width; x++) {
      const uint8_t *p = pixel(r, x, y);
      n += p[0] + p[1] + p[2] > 300;
    }
  return n;
}

static bool same_pixels(const gaze_image *a, const gaze_image *b) {
  return a->w == b->w && a->h == b->h &&
         memcmp(a->rgb, b->rgb, (size_t)a->w * (size_t)a->h * 3) == 0;
}

static void test_panels(void **state) {
  (void)state;
  rig r = start(true);
  look(&r);
  const view_layout *at = &r.w->at;
  assert_true(r.seen.w == WIDTH && r.seen.h == HEIGHT);
  assert_true(letters(&r, at->thought) > 300 && letters(&r, at->facts) > 300);
  assert_true(letters(&r, at->bar) > 50);

  // the policy's picture is red; the cited box from 20 to 59 hundredths is drawn in orange
  mjrRect in = at->inset;
  assert_true(count(&r, in, 200, 0, 0) > in.width * in.height / 2);
  int box = count(&r, in, 255, 176, 33);
  assert_true(box > in.width);
  int x = in.left + in.width / 5, y = in.bottom + in.height - in.height * 2 / 5;
  mjrRect edge = {x - 1, y - 5, 4, 10};
  assert_true(count(&r, edge, 255, 176, 33) >= 10);

  // the scene: the table, the red cube, and the green one, pale as no view has shown it
  mjrRect scene = {at->scene.left, at->scene.bottom, at->scene.width, in.bottom - at->scene.bottom};
  int red = 0, green = 0, pale = 0;
  for (int v = scene.bottom; v < scene.bottom + scene.height; v++)
    for (int u = scene.left; u < scene.left + scene.width; u++) {
      const uint8_t *p = pixel(&r, u, v);
      red += p[0] > 80 && p[1] < 30 && p[2] < 30;
      green += p[1] > 80 && p[0] < 30 && p[2] < 30;
      pale += p[1] > p[0] + 15 && p[0] > 60 && p[2] > 60;
    }
  assert_true(red > 50 && green == 0 && pale > 50);

  // without boxes, without panels
  view_key(r.w, GLFW_KEY_F6, 0);
  look(&r);
  assert_int_equal(count(&r, in, 255, 176, 33), 0);
  view_key(r.w, GLFW_KEY_TAB, 0);
  look(&r);
  assert_true(r.w->at.thought.width == 0 && r.w->at.scene.width == WIDTH);
  finish(&r);
}

static void ask_all(rig *r) {
  gaze_ask ask;
  while (gaze_window_ask(r->w, &ask)) assert_int_equal(gaze_replay_ask(r->log, ask), GAZE_OK);
}

static void test_keys(void **state) {
  (void)state;
  rig r = start(false);
  look(&r);
  // a log without scenes: the picture is the main view
  assert_null(r.w->stage.world);
  assert_true(r.w->at.inset.width > HEIGHT / 2);
  gaze_image first = r.seen;
  r.seen = (gaze_image){0};

  view_key(r.w, GLFW_KEY_RIGHT, 0);
  ask_all(&r);
  look(&r);
  assert_true(count(&r, r.w->at.inset, 0, 200, 0) > 1000);
  assert_false(same_pixels(&first, &r.seen));
  view_key(r.w, GLFW_KEY_LEFT, 0);
  ask_all(&r);
  look(&r);
  assert_true(same_pixels(&first, &r.seen));
  gaze_image_free(&first);

  // letters choose only for who has taken over
  gaze_ask ask;
  view_key(r.w, GLFW_KEY_B, 0);
  assert_false(gaze_window_ask(r.w, &ask));
  r.w->take_over = true;
  view_key(r.w, GLFW_KEY_B, 0);
  assert_true(gaze_window_ask(r.w, &ask));
  assert_true(ask.kind == GAZE_ASK_CHOOSE && ask.option == 1);

  // more keys than anybody reads
  for (int i = 0; i < 3 * VIEW_ASKS; i++) view_key(r.w, GLFW_KEY_SPACE, 0);
  int asks = 0;
  while (gaze_window_ask(r.w, &ask)) asks++;
  assert_int_equal(asks, VIEW_ASKS);

  // help covers the view; the mouse wheel over an empty stage does nothing
  gaze_image before = r.seen;
  r.seen = (gaze_image){0};
  view_key(r.w, GLFW_KEY_F1, 0);
  view_stage_zoom(&r.w->stage, 0.1);
  look(&r);
  assert_false(same_pixels(&before, &r.seen));
  gaze_image_free(&before);
  finish(&r);
}

// a long thought shows its end, and its beginning when scrolled
static void test_long_thought(void **state) {
  (void)state;
  rig r = start(false);
  look(&r);
  gaze_shot s = {0};
  assert_int_equal(gaze_shot_copy(&s, gaze_replay_shot(r.log)), GAZE_OK);
  for (int i = 0; i < 200; i++) gaze_buf_printf(&s.reply, "\nline %d \xc3\xa4 \x01", i);
  s.version++;
  gaze_image end = {0}, begin = {0}, again = {0};
  assert_int_equal(gaze_window_picture(r.w, &s, &end), GAZE_OK);
  for (int i = 0; i < 30; i++) view_key(r.w, GLFW_KEY_PAGE_UP, 0);
  assert_int_equal(gaze_window_picture(r.w, &s, &begin), GAZE_OK);
  assert_false(same_pixels(&end, &begin));
  for (int i = 0; i < 30; i++) view_key(r.w, GLFW_KEY_PAGE_DOWN, 0);
  assert_int_equal(gaze_window_picture(r.w, &s, &again), GAZE_OK);
  assert_true(same_pixels(&end, &again));
  gaze_image_free(&end);
  gaze_image_free(&begin);
  gaze_image_free(&again);
  gaze_shot_fini(&s);
  finish(&r);
}

static void test_wrapping(void **state) {
  (void)state;
  rig r = start(false);
  const mjrContext *d = &r.w->draw;
  int wide = 10 * d->charWidth['m'];
  assert_int_equal(view_lines(d, "", wide), 0);
  assert_int_equal(view_lines(d, "mmm mmm", wide), 1);
  assert_int_equal(view_lines(d, "mmmmm mmmmm mmmmm", wide), 3);
  assert_int_equal(view_lines(d, "mmmmmmmmmmmmmmmmmmmmmmmmm", wide), 3);  // no space to break at
  assert_int_equal(view_lines(d, "a\n\nb\n", wide), 3);
  assert_int_equal(view_lines(d, "mmmm", 1), 4);  // always goes on
  finish(&r);
}

// the place of an object in the copy
static void place(rig *r, int i, mjtNum at[3]) {
  char name[24];
  snprintf(name, sizeof name, "object%d", i);
  int b = mj_name2id(gaze_world_model(r->w->stage.world), mjOBJ_BODY, name);
  mju_copy3(at, gaze_world_data(r->w->stage.world)->xpos + 3 * b);
}

static void test_hand(void **state) {
  (void)state;
  rig r = start(true);
  look(&r);
  view_stage *t = &r.w->stage;
  mjtNum before[3], after[3];
  place(&r, 0, before);
  assert_float_equal(before[2], 0.036, 1e-6);

  // nothing selected: nothing to grab. The cube stands near the centre of the view.
  assert_false(view_stage_grab(t, mjPERT_TRANSLATE));
  assert_false(t->copy);
  double aspect = (double)r.w->at.scene.width / r.w->at.scene.height;
  for (int k = 0; k < 400 && t->pert.select <= 0; k++)
    view_stage_select(t, 0.025 + 0.05 * (k % 20), 0.025 + 0.05 * (k / 20), aspect, false);
  assert_true(t->pert.select > 0);
  int held = t->pert.select - mj_name2id(gaze_world_model(t->world), mjOBJ_BODY, "object0");
  assert_in_range(held, 0, 2);
  place(&r, held, before);

  assert_false(view_stage_moves(t));
  assert_true(view_stage_grab(t, mjPERT_TRANSLATE));
  assert_true(view_stage_moves(t));
  for (int k = 0; k < 10; k++) {
    view_stage_drag(t, mjMOUSE_MOVE_H, 0.03, 0.0);
    view_stage_draw(t, r.w->at.scene, t->time_s + 0.05, &r.w->draw);
  }
  view_stage_grab(t, 0);
  assert_true(view_stage_moves(t));
  place(&r, held, after);
  assert_true(t->copy);
  assert_true(hypot(after[0] - before[0], after[1] - before[1]) > 0.01);

  // a decision that moves nothing leaves the copy, one that does ends it
  assert_int_equal(gaze_replay_ask(r.log, (gaze_ask){.kind = GAZE_ASK_FORWARD}), GAZE_OK);
  look(&r);
  assert_true(t->copy);
  gaze_shot moved = {0};
  bool remade;
  assert_int_equal(gaze_shot_copy(&moved, gaze_replay_shot(r.log)), GAZE_OK);
  moved.truth.body[1].pos[0] += 0.05f;
  assert_int_equal(view_stage_show(t, &moved, &remade), GAZE_OK);
  assert_false(t->copy || remade);
  gaze_shot_fini(&moved);

  // the episode is what it was: backspace shows it again
  assert_true(view_stage_grab(t, mjPERT_TRANSLATE));
  view_stage_drag(t, mjMOUSE_MOVE_H, 0.1, 0.0);
  view_stage_draw(t, r.w->at.scene, t->time_s + 0.05, &r.w->draw);
  place(&r, held, after);
  assert_true(hypot(after[0] - before[0], after[1] - before[1]) > 1e-6);
  view_key(r.w, GLFW_KEY_BACKSPACE, 0);
  place(&r, held, after);
  assert_false(t->copy);
  for (int k = 0; k < 3; k++) assert_float_equal(after[k], before[k], 1e-9);
  finish(&r);
}

static void test_policy_eye(void **state) {
  (void)state;
  rig r = start(true);
  look(&r);
  view_key(r.w, GLFW_KEY_RIGHT_BRACKET, 0);
  look(&r);
  // the cube at the table's centre is in the middle of the policy's view, a bit below the horizon
  mjrRect at = r.w->at.scene;
  const uint8_t *p = pixel(&r, at.left + at.width / 2, at.bottom + at.height / 2);
  assert_true(p[0] > 60 && p[1] < 40 && p[2] < 40);
  view_key(r.w, GLFW_KEY_ESCAPE, 0);
  assert_false(r.w->stage.policy_eye);
  finish(&r);
}

static void test_drawing_and_closing(void **state) {
  (void)state;
  rig r = start(true);
  assert_int_equal(gaze_window_draw(r.w, NULL, 0.0), GAZE_OK);  // before anything is known
  const gaze_shot *s = gaze_replay_shot(r.log);
  for (int i = 0; i < 3; i++) assert_int_equal(gaze_window_draw(r.w, s, 0.001), GAZE_OK);
  assert_false(r.w->stale);
  assert_false(gaze_window_closing(r.w));
  view_key(r.w, GLFW_KEY_Q, GLFW_MOD_CONTROL);
  assert_true(gaze_window_closing(r.w));
  finish(&r);
  assert_null(r.w);

  // a process may open another one, also a tiny one
  assert_int_equal(open_window(&r.w, "tiny", 40, 30), GAZE_OK);
  assert_true(fixture_log_write(LOG, 1, true));
  assert_int_equal(gaze_replay_open(&r.log, LOG), GAZE_OK);
  assert_int_equal(gaze_window_draw(r.w, gaze_replay_shot(r.log), 0.0), GAZE_OK);
  finish(&r);
}

static void test_no_display(void **state) {
  (void)state;
  char *kept = strdup(getenv("DISPLAY"));
  gaze_window *w;
  assert_int_equal(setenv("DISPLAY", ":4095", 1), 0);
  assert_int_equal(gaze_window_open(&w, "none", 100, 100), GAZE_ERR_DEVICE);
  assert_null(w);
  assert_non_null(strstr(gaze_err_detail(), "no window: "));
  assert_int_equal(setenv("DISPLAY", kept, 1), 0);
  free(kept);
}

int main(void) {
  pid_t screen = screen_start();
  if (!screen) {
    puts("SKIP: no virtual screen (Xvfb)");
    return 0;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_panels),       cmocka_unit_test(test_keys),
      cmocka_unit_test(test_long_thought), cmocka_unit_test(test_wrapping),
      cmocka_unit_test(test_hand),         cmocka_unit_test(test_policy_eye),
      cmocka_unit_test(test_no_display),   cmocka_unit_test(test_drawing_and_closing),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  screen_stop(screen);
  return failed;
}
#endif
