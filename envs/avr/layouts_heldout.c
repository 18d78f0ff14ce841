// envs/avr/layouts_heldout.c - layouts that training never shows; the split "layouts" draws no
// others.
#include <math.h>
#include "envs/avr/layouts_internal.h"

// Screens at different depths: the second closes the right views of what the first hides, and the
// third the left views of what the second hides, so each side opens one and closes the other.
// Mirrored half of the time.
static bool stagger(gaze_rng *r, avr_scene *s, float side) {
  int f = avr_put_screen(r, s, 0.03f);
  int first = f < 0 ? -1 : avr_put_hidden(r, s, f, 0.032, 0.006);
  if (first < 0 || !avr_put_blocker(r, s, first, 78 * side)) return false;
  int second = avr_put_hidden(r, s, s->n - 1, 0.036, 0.006);
  return second >= 0 && avr_put_blocker(r, s, second, -92 * side);
}

bool avr_draw_staggered(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  float side = gaze_rng_int(r, 0, 1) ? 1.0f : -1.0f;
  for (int k = 0; k < 60; k++) {
    s->n = 0;
    if (!stagger(r, s, side)) continue;
    avr_put_decoys(r, s, 0, 2);
    return true;
  }
  return false;
}

// A small object behind a screen's edge: so far aside that a sliver of it shows.
static bool put_sliver(gaze_rng *r, avr_scene *s, int screen) {
  float dir[2];
  avr_away(&s->body[screen], dir);
  float side = gaze_rng_int(r, 0, 1) ? 1.0f : -1.0f;
  float aside =
      side * (avr_reach(&s->body[screen], dir[1], -dir[0]) + avr_between(r, 0.000, 0.012));
  float gap = avr_between(r, 0.004, 0.020), yaw = avr_between(r, 0, 90);
  int shape = gaze_rng_int(r, 0, AVR_SHAPES - 1);
  int i = avr_put_beside(s, screen, shape, AVR_SMALL, dir[0], dir[1], gap, yaw);
  if (i < 0) return false;
  s->body[i].pos[0] += aside * dir[1], s->body[i].pos[1] -= aside * dir[0];
  return avr_fits(s, i, AVR_NARROW);
}

bool avr_draw_peek(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  for (int k = gaze_rng_int(r, 1, 2); k > 0; k--) {
    int f = avr_put_screen(r, s, 0.03f);
    if (f < 0 || !put_sliver(r, s, f)) return false;
    int sliver = s->n - 1, sides = gaze_rng_int(r, 0, 2);
    if (sides > 0 && !avr_put_blocker(r, s, sliver, sides == 1 ? -75.0f : 75.0f)) return false;
  }
  avr_put_decoys(r, s, 1, 3);
  return true;
}

// Large, small, large: from above the upper one hides the middle.
bool avr_draw_hourglass(gaze_rng *r, avr_scene *s) {
  s->start = (gaze_viewer){.elevation = 70.0f};
  int t = avr_put_tower(r, s, AVR_LARGE, 3, 0.14);
  if (t < 0) return false;
  avr_make_small(s, t + 1);
  avr_put_guards(r, s, t);
  avr_put_stack_decoys(r, s, 0, 3);
  return true;
}

// Two by two towers of two cubes. The far ones stand so deep that their upper cubes show over the
// near ones and their lower cubes do not.
bool avr_draw_tower_block(gaze_rng *r, avr_scene *s) {
  s->start = (gaze_viewer){.elevation = 25.0f};
  int size = gaze_rng_int(r, 0, 2) ? AVR_SMALL : AVR_LARGE;
  float h = AVR_HALF[size], side = gaze_rng_int(r, 0, 1) ? 1.0f : -1.0f;
  float aside = 2.0f * h + avr_between(r, 0.006, 0.014), deep = h * avr_between(r, 4.6, 5.2);
  float x = side * (0.022f + h + avr_between(r, 0, 0.03)), yaw = avr_between(r, -4, 4);
  float y = avr_between(r, -0.15, 0.0);
  for (int k = 0; k < 4; k++) {
    int n = s->n;
    float at_x = x + side * aside * (float)(k & 1), at_y = y + deep * (float)(k >> 1);
    if (!avr_tower(r, s, size, 2, at_x, at_y, yaw)) return false;
    if (!avr_levels_fit(s, n, 0.002f)) return false;
  }
  avr_put_stack_decoys(r, s, 0, 2);
  return true;
}
