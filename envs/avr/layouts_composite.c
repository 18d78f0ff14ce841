// envs/avr/layouts_composite.c - screens and towers in one scene.
//
// As among screens, blockers close some of the side views; a cube that stands alone shows its foot,
// so that it is no tower's top (generate.c draws anew where it does not).
#include <math.h>
#include "envs/avr/layouts_internal.h"

static const float PAN = 20.0f;         // where the viewer of cropped_view looks [deg]
static const float FROM_ABOVE = 70.0f;  // start of overhang_shadow [deg]

typedef struct range {
  double lo, hi;
} range;

// A large cube or cylinder with its centre in x, y, `gap` from all others; -1 if there is no room.
static int put_screen_in(gaze_rng *r, avr_scene *s, range x, range y, float gap) {
  for (int k = 0; k < 30; k++) {
    float yaw = avr_between(r, 0, 90), at_y = avr_between(r, y.lo, y.hi);
    float at_x = avr_between(r, x.lo, x.hi);
    int shape = gaze_rng_int(r, 0, 2) ? GAZE_SHAPE_CUBE : GAZE_SHAPE_CYLINDER;
    int i = avr_put(s, shape, AVR_LARGE, at_x, at_y, yaw);
    if (i < 0) return -1;
    if (avr_fits(s, i, gap)) return i;
    s->n--;
  }
  return -1;
}

// A tower with its axis in x, y; its lowest cube, -1 if there is no room.
static int put_tower_in(gaze_rng *r, avr_scene *s, int size, int height, range x, range y) {
  for (int k = 0; k < 30; k++) {
    int n = s->n, stacks = s->stacks;
    float yaw = avr_between(r, 0, 90), at_y = avr_between(r, y.lo, y.hi);
    float at_x = avr_between(r, x.lo, x.hi);
    if (!avr_tower(r, s, size, height, at_x, at_y, yaw)) return -1;
    if (avr_levels_fit(s, n, 0.03f)) return n;
    s->n = n, s->stacks = stacks;
  }
  return -1;
}

// The side's area, far enough from the middle for a large object.
static range area(float side, double inner) {
  return side > 0 ? (range){inner, 0.17} : (range){-0.17, -inner};
}

static float draw_side(gaze_rng *r) {
  return gaze_rng_int(r, 0, 1) ? 1.0f : -1.0f;
}

// Blockers at none, one or both sides of `inner`.
static bool put_sides(gaze_rng *r, avr_scene *s, int inner) {
  int sides = gaze_rng_int(r, 0, 3);
  if ((sides & 1) && !avr_put_blocker(r, s, inner, -70)) return false;
  return !(sides & 2) || avr_put_blocker(r, s, inner, 70);
}

// Whether a screen or tower stands between the object and the viewer, or nearly so.
static bool in_shadow(const avr_scene *s, int i) {
  float dir[2];
  avr_away(&s->body[i], dir);
  for (int j = 0; j < s->n; j++) {
    float x = s->body[i].pos[0] - s->body[j].pos[0], y = s->body[i].pos[1] - s->body[j].pos[1];
    float beside = fabsf(x * dir[1] - y * dir[0]);
    if (j != i && x * dir[0] + y * dir[1] > 0 && beside < 1.42f * s->body[j].half + 0.03f)
      return true;
  }
  return false;
}

static void take_out(avr_scene *s, int i) {
  for (int k = i; k + 1 < s->n; k++) s->body[k] = s->body[k + 1], s->object[k] = s->object[k + 1];
  s->n--;
}

// A tower of small cubes straight behind the screen, at a distance at which its top shows over it
// and its lowest cube does not. The lowest cube, -1 if it does not fit.
static int put_tower_behind(gaze_rng *r, avr_scene *s, int screen) {
  const gaze_body *f = &s->body[screen];
  int n = s->n, height = gaze_rng_int(r, 2, 4);
  float dir[2], yaw = avr_between(r, 0, 90);
  float off = height == 2   ? avr_between(r, 0.052, 0.075)
              : height == 3 ? avr_between(r, 0.020, 0.070)
                            : avr_between(r, 0.006, 0.070);
  avr_away(f, dir);
  if (!avr_tower(r, s, AVR_SMALL, height, f->pos[0], f->pos[1], yaw)) return -1;
  float d = avr_reach(f, dir[0], dir[1]) + off + avr_reach(&s->body[n], dir[0], dir[1]);
  for (int i = n; i < s->n; i++) s->body[i].pos[0] += d * dir[0], s->body[i].pos[1] += d * dir[1];
  return avr_levels_fit(s, n, AVR_NARROW) ? n : -1;
}

bool avr_draw_tower_behind_screen(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  int f = put_screen_in(r, s, (range){-0.15, 0.15}, (range){-0.16, 0.06}, 0.03f);
  int t = f < 0 ? -1 : put_tower_behind(r, s, f);
  if (t < 0 || !put_sides(r, s, t)) return false;
  avr_put_decoys(r, s, 0, 3);
  return true;
}

// A tower and a small object behind it. Towers of small cubes are turned so that they hide best.
static int put_hiding_tower(gaze_rng *r, avr_scene *s, range x, range y) {
  int size = gaze_rng_int(r, 0, 3) ? AVR_LARGE : AVR_SMALL;
  int t = put_tower_in(r, s, size, size == AVR_LARGE ? 2 : gaze_rng_int(r, 3, 4), x, y);
  if (t < 0) return -1;
  return avr_put_hidden(r, s, t, 0, size == AVR_LARGE ? 0.006 : 0.002);
}

bool avr_draw_small_behind_tower(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  int h = put_hiding_tower(r, s, (range){-0.16, 0.16}, (range){-0.17, 0.06});
  if (h < 0 || !put_sides(r, s, h)) return false;
  avr_put_decoys(r, s, 1, 3);
  return true;
}

bool avr_draw_screen_and_tower(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  int f = avr_put_screen(r, s, 0.03f);
  int h = f < 0 ? -1 : avr_put_hidden(r, s, f, 0, 0.008);
  if (h < 0 || !put_sides(r, s, h)) return false;
  const range wide = {-0.17, 0.17};
  // what the tower hides is the other unknown, whether or not there is anything
  if (gaze_rng_int(r, 0, 1)) {
    if (put_hiding_tower(r, s, wide, (range){-0.17, 0.06}) < 0) return false;
  } else {
    int size = gaze_rng_int(r, 0, 1), height = size == AVR_LARGE ? 2 : gaze_rng_int(r, 2, 4);
    if (put_tower_in(r, s, size, height, wide, (range){-0.17, 0.10}) < 0) return false;
  }
  avr_put_decoys(r, s, 0, 2);
  return true;
}

// Seen from above: the large cube hides the small one that carries it, and one behind.
bool avr_draw_overhang_shadow(gaze_rng *r, avr_scene *s) {
  s->start = (gaze_viewer){.elevation = FROM_ABOVE};
  int t = avr_put_overhang(r, s, 0.05, 0.10);
  if (t < 0) return false;
  const gaze_body *top = &s->body[t + 1];
  // away from the viewer at 70 degrees, who stands over (0, -0.31) m
  float x = top->pos[0], y = top->pos[1] + 0.308f, len = hypotf(x, y);
  int shape = gaze_rng_int(r, 0, 2) ? GAZE_SHAPE_SPHERE : gaze_rng_int(r, 0, 2);
  float off = avr_between(r, 0.004, 0.008), yaw = avr_between(r, 0, 90);
  if (avr_put_beside(s, t + 1, shape, AVR_SMALL, x / len, y / len, off, yaw) < 0) return false;
  int n = s->n;
  avr_put_guards(r, s, t + 1);
  // from above nobody can tell whether a cube stands alone
  for (int i = s->n - 1; i >= n; i--)
    if (s->object[i].stack < 0 && s->object[i].value[AVR_SHAPE] == GAZE_SHAPE_CUBE) take_out(s, i);
  for (int k = gaze_rng_int(r, 1, 3); k > 0; k--)
    if (!avr_scatter(r, s, gaze_rng_int(r, 1, 2), -1)) break;
  return true;
}

// A small cube lies on the screen, which cannot be picked before it.
static bool put_on_top(gaze_rng *r, avr_scene *s, int screen) {
  const gaze_body *b = &s->body[screen];
  float top = b->pos[2] + b->half, x = b->pos[0], y = b->pos[1];
  float off_x = avr_between(r, -0.008, 0.008), off_y = avr_between(r, -0.008, 0.008);
  float yaw = avr_between(r, 0, 90);
  int i = avr_put(s, GAZE_SHAPE_CUBE, AVR_SMALL, x + off_x, y + off_y, yaw);
  if (i < 0) return false;
  s->body[i].pos[2] = top + s->body[i].half;
  // no centre in the strip between the areas
  return fabsf(s->body[i].pos[0]) > 0.021f;
}

bool avr_draw_stacked_screen(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  int f = avr_put_screen(r, s, 0.03f);
  // nothing lies still on a sphere
  if (f < 0 || s->body[f].shape == GAZE_SHAPE_SPHERE) return false;
  int h = avr_put_hidden(r, s, f, 0, 0.008);
  if (h < 0 || !put_on_top(r, s, f) || !put_sides(r, s, h)) return false;
  avr_put_decoys(r, s, 0, 3);
  return true;
}

bool avr_draw_twin_stacked_screens(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  int empty = gaze_rng_int(r, 0, 1), nobody = -1;
  for (int k = 0; k < 2; k++) {
    int f = put_screen_in(r, s, (range){-0.17, 0.17}, (range){-0.17, 0.08}, 0.03f);
    int h = f < 0 ? -1 : avr_put_hidden(r, s, f, 0, 0.008);
    if (h < 0 || !put_on_top(r, s, f) || !put_sides(r, s, h)) return false;
    if (k == empty) nobody = h;
  }
  // its place was kept, so that the blockers stand as if it were there
  take_out(s, nobody);
  // what is scattered must not hide behind the empty one
  for (int k = gaze_rng_int(r, 0, 2); k > 0; k--)
    if (avr_scatter(r, s, -1, AVR_SMALL) && in_shadow(s, s->n - 1)) s->n--;
  return true;
}

bool avr_draw_tower_in_pocket(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  int f = put_screen_in(r, s, (range){-0.15, 0.15}, (range){-0.17, 0.0}, 0.03f);
  int t = f < 0 ? -1 : put_tower_behind(r, s, f);
  float side = draw_side(r);
  if (t < 0 || !avr_put_blocker(r, s, t, 78 * side)) return false;
  if (gaze_rng_int(r, 0, 1) && !avr_put_blocker(r, s, t, 165 * side)) return false;
  avr_put_decoys(r, s, 0, 3);
  return true;
}

bool avr_draw_two_areas_mixed(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  float side = draw_side(r);
  for (int k = gaze_rng_int(r, 1, 2), first = 1; k > 0; k--, first = 0) {
    int f = put_screen_in(r, s, area(side, 0.06), (range){-0.17, 0.06}, 0.03f);
    if (f < 0) return false;
    if (!first && gaze_rng_int(r, 0, 1)) continue;
    int h = avr_put_hidden(r, s, f, 0, 0.008);
    if (h < 0 || (gaze_rng_int(r, 0, 1) && !avr_put_blocker(r, s, h, 70 * side))) return false;
  }
  int h = put_hiding_tower(r, s, area(-side, 0.06), (range){-0.17, 0.04});
  if (h < 0 || (gaze_rng_int(r, 0, 1) && !avr_put_blocker(r, s, h, -70 * side))) return false;
  if (gaze_rng_int(r, 0, 1))
    put_tower_in(r, s, AVR_SMALL, 2, area(-side, 0.05), (range){-0.19, 0.19});
  avr_put_decoys(r, s, 0, 2);
  return true;
}

// Towers in front, screens behind them and beside their shadows, small objects in the last row,
// closed to most side views. On one screen or both lies a cube, so that opening it takes two picks.
static bool deepen(gaze_rng *r, avr_scene *s) {
  int stacked = gaze_rng_int(r, 1, 3);
  for (int k = 0; k < 2; k++) {
    float side = k ? 1.0f : -1.0f;
    int f = put_screen_in(r, s, area(side, 0.07), (range){-0.08, 0.02}, 0.03f);
    int h = f < 0 ? -1 : avr_put_hidden(r, s, f, 0.012, 0.006);
    if (h < 0 || ((stacked >> k & 1) && !put_on_top(r, s, f))) return false;
    if (!avr_put_blocker(r, s, h, -78 * side)) return false;
    if (gaze_rng_int(r, 0, 1)) avr_put_blocker(r, s, h, 78 * side);
  }
  for (int k = gaze_rng_int(r, 1, 2), first = 1; k > 0; k--, first = 0) {
    int t = put_tower_in(r, s, AVR_SMALL, 2, (range){-0.18, 0.18}, (range){-0.20, -0.14});
    if (t < 0) return !first;
  }
  return true;
}

bool avr_draw_deep_scene(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  for (int k = 0; k < 20; k++) {
    s->n = s->stacks = 0;
    if (deepen(r, s)) return true;
  }
  return false;
}

// Beyond the frame stand one to three objects: loose ones, a screen with a small object behind it,
// or a tower.
static bool put_outside(gaze_rng *r, avr_scene *s, float side) {
  int kind = gaze_rng_int(r, 0, 3);
  if (kind == 0)
    return put_tower_in(r, s, AVR_SMALL, gaze_rng_int(r, 2, 3), area(side, 0.06),
                        (range){-0.17, 0.17}) >= 0;
  if (kind < 3) {
    int f = put_screen_in(r, s, area(side, 0.09), (range){-0.17, 0.08}, 0.03f);
    if (f < 0 || avr_put_hidden(r, s, f, 0, 0.008) < 0) return false;
  }
  for (int k = gaze_rng_int(r, kind == 3, kind == 3 ? 3 : 1); k > 0; k--) {
    for (int tries = 0;; tries++) {
      if (tries == 20 || !avr_scatter(r, s, -1, AVR_SMALL)) return false;
      if (s->body[s->n - 1].pos[0] * side > 0.06f) break;
      s->n--;
    }
  }
  return true;
}

bool avr_draw_cropped_view(gaze_rng *r, avr_scene *s) {
  float side = draw_side(r);
  avr_begin_front(s);
  s->start.pan = PAN * side;
  int f = put_screen_in(r, s, area(side, 0.09), (range){-0.17, 0.06}, 0.03f);
  if (f < 0) return false;
  if (gaze_rng_int(r, 0, 1) && avr_put_hidden(r, s, f, 0, 0.008) < 0) return false;
  if (gaze_rng_int(r, 0, 1) && put_tower_in(r, s, AVR_SMALL, gaze_rng_int(r, 2, 3),
                                            area(side, 0.06), (range){-0.19, 0.19}) < 0)
    return false;
  for (int k = gaze_rng_int(r, 1, 3); k > 0; k--) {
    if (!avr_scatter(r, s, -1, AVR_SMALL)) break;
    if (s->body[s->n - 1].pos[0] * side < 0.06f) s->n--;
  }
  return put_outside(r, s, -side);
}

// Controls: everything shows, and screens and towers that hide nothing.

bool avr_draw_open_mix(gaze_rng *r, avr_scene *s) {
  const range wide = {-0.18, 0.18};
  avr_begin_front(s);
  // far back, where next to no table is left to hide on
  int size = gaze_rng_int(r, 0, 2) ? AVR_SMALL : AVR_LARGE;
  int height = gaze_rng_int(r, 2, size == AVR_LARGE ? 2 : 4);
  if (put_tower_in(r, s, size, height, wide, (range){0.10, 0.19}) < 0) return false;
  if (gaze_rng_int(r, 0, 1) && put_screen_in(r, s, wide, (range){0.12, 0.18}, 0.03f) < 0)
    return false;
  for (int k = gaze_rng_int(r, 2, 6); k > 0; k--)
    if (!avr_scatter(r, s, -1, AVR_SMALL)) return false;
  return true;
}

bool avr_draw_bare_mix(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  int f = avr_put_screen(r, s, 0.03f);
  int h = f < 0 ? -1 : avr_put_hidden(r, s, f, 0, 0.008);
  if (h < 0 || !put_sides(r, s, h)) return false;
  take_out(s, h);
  int size = gaze_rng_int(r, 0, 1), height = size == AVR_LARGE ? 2 : gaze_rng_int(r, 2, 4);
  if (put_tower_in(r, s, size, height, (range){-0.17, 0.17}, (range){-0.17, 0.15}) < 0)
    return false;
  avr_put_decoys(r, s, 0, 3);
  return true;
}
