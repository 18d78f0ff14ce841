// envs/avr/layouts_stack.c - towers of cubes, named by their top cube.
//
// From overhead a stack's height is unknown. Guards (towers or cylinders close by) close some of
// the lower views, so that going down alone is not always enough.
#include <math.h>
#include "envs/avr/layouts_internal.h"

static const float DEGREE = 0.017453293f;

void avr_make_small(avr_scene *s, int i) {
  float down = 2.0f * (s->body[i].half - AVR_HALF[AVR_SMALL]);
  s->object[i].value[AVR_SIZE] = AVR_SMALL;
  s->body[i].half = AVR_HALF[AVR_SMALL];
  s->body[i].pos[2] -= 0.5f * down;
  for (int k = 0; k < s->n; k++)
    if (s->object[k].stack == s->object[i].stack && s->object[k].level > s->object[i].level)
      s->body[k].pos[2] -= down;
}

// A tower at a random spot; returns its lowest cube, -1 if there is no room.
int avr_put_tower(gaze_rng *r, avr_scene *s, int size, int height, double reach) {
  for (int k = 0; k < 30; k++) {
    int n = s->n, stacks = s->stacks;
    float yaw = avr_between(r, 0, 90), y = avr_between(r, -reach, reach),
          x = avr_between(r, -reach, reach);
    if (!avr_tower(r, s, size, height, x, y, yaw)) return -1;
    if (avr_fits(s, n, 0.03f)) return n;
    s->n = n, s->stacks = stacks;
  }
  return -1;
}

// Whether all levels of the stack from object `first` on fit: each is turned a little.
bool avr_levels_fit(const avr_scene *s, int first, float gap) {
  for (int i = first; i < s->n; i++)
    if (!avr_fits(s, i, gap)) return false;
  return true;
}

// Something beside cube `inner`, at least as tall as its stack, in the way of a viewer at this
// azimuth. Large cubes are kept so far off that the cube below the top stays the nearest to it.
static bool put_guard(gaze_rng *r, avr_scene *s, int inner, float azimuth) {
  const gaze_body *b = &s->body[inner];
  int levels = 0;
  for (int i = 0; i < s->n; i++) levels += s->object[i].stack == s->object[inner].stack;
  int tall = (int)ceilf((float)levels * b->half / 0.036f - 0.01f);
  bool small = b->half < 0.02f;
  for (int k = 0; k < 4; k++) {
    int n = s->n, stacks = s->stacks, height = small ? tall + gaze_rng_int(r, 0, 1) : tall;
    float a = azimuth + avr_between(r, -3, 3), dx = sinf(a * DEGREE), dy = -cosf(a * DEGREE);
    float yaw = a + avr_between(r, -4, 4), gap = 0.019f + avr_between(r, 0, 0.005);
    if (height == 1 && gaze_rng_int(r, 0, 2) == 0) {
      if (avr_put(s, GAZE_SHAPE_CYLINDER, AVR_LARGE, b->pos[0], b->pos[1], yaw) < 0) return false;
    } else if (!avr_tower(r, s, AVR_LARGE, height, b->pos[0], b->pos[1], yaw)) {
      return false;
    }
    float d = avr_reach(b, dx, dy) + gap + avr_reach(&s->body[n], dx, dy);
    for (int i = n; i < s->n; i++) s->body[i].pos[0] += d * dx, s->body[i].pos[1] += d * dy;
    if (avr_levels_fit(s, n, 0.003f)) return true;
    s->n = n, s->stacks = stacks;
  }
  return false;
}

// No guard, or one to three at the azimuths a viewer can take; 60 degrees apart they fit, and two
// of them close the azimuth avr_between as well.
void avr_put_guards(gaze_rng *r, avr_scene *s, int inner) {
  static const float at[9][3] = {{0, 60, 0},   {0, -60, 0},  {60, -60, 0},
                                 {30, -30, 0}, {30, -60, 0}, {-30, 60, 0},
                                 {0, 60, -60}, {30, 0, 0},   {-30, 0, 0}};
  static const int count[9] = {2, 2, 2, 2, 2, 2, 3, 1, 1};
  int k = gaze_rng_int(r, 0, 9);
  for (int j = 0; k < 9 && j < count[k]; j++) put_guard(r, s, inner, at[k][j]);
}

void avr_put_stack_decoys(gaze_rng *r, avr_scene *s, int lo, int hi) {
  for (int k = gaze_rng_int(r, lo, hi); k > 0; k--)
    if (!avr_scatter(r, s, gaze_rng_int(r, 0, 3) ? gaze_rng_int(r, 1, 2) : 0, -1)) return;
}

// A tower under the overhead viewer: further out, the sides of its lower cubes would show.
static int put_central(gaze_rng *r, avr_scene *s, int size, int height) {
  for (int k = 0; k < 20; k++) {
    int n = s->n, stacks = s->stacks;
    float x = avr_between(r, 0.022, 0.038);
    if (!gaze_rng_int(r, 0, 1)) x = -x;
    float yaw = avr_between(r, 0, 90), y = avr_between(r, -0.065, 0.005);
    if (!avr_tower(r, s, size, height, x, y, yaw)) return -1;
    if (avr_fits(s, n, 0.03f)) return n;
    s->n = n, s->stacks = stacks;
  }
  return -1;
}

static bool overhead(gaze_rng *r, avr_scene *s, int size, int height) {
  s->start = (gaze_viewer){.elevation = 88.0f};
  int t = put_central(r, s, size, height);
  if (t < 0) return false;
  avr_put_guards(r, s, t);
  avr_put_stack_decoys(r, s, 0, 3);
  return true;
}

bool avr_draw_pair_overhead(gaze_rng *r, avr_scene *s) {
  return overhead(r, s, gaze_rng_int(r, 0, 2) ? AVR_SMALL : AVR_LARGE, 2);
}

bool avr_draw_triple_overhead(gaze_rng *r, avr_scene *s) {
  return overhead(r, s, gaze_rng_int(r, 0, 2) ? AVR_SMALL : AVR_LARGE, 3);
}

bool avr_draw_quad_overhead(gaze_rng *r, avr_scene *s) {
  return overhead(r, s, AVR_SMALL, 4);
}

bool avr_draw_plain_overhead(gaze_rng *r, avr_scene *s) {
  s->start = (gaze_viewer){.elevation = 88.0f};
  for (int k = gaze_rng_int(r, 2, 3), first = 1; k > 0; k--, first = 0) {
    int height = gaze_rng_int(r, 0, 1) ? 1 : gaze_rng_int(r, 2, 3), size = gaze_rng_int(r, 0, 1);
    int t = first ? put_central(r, s, size, height) : avr_put_tower(r, s, size, height, 0.16);
    if (t < 0) return false;
    if (first && gaze_rng_int(r, 0, 1)) avr_put_guards(r, s, t);
  }
  avr_put_stack_decoys(r, s, 0, 3);
  return true;
}

bool avr_draw_twin_towers(gaze_rng *r, avr_scene *s) {
  s->start = (gaze_viewer){.elevation = 25.0f};
  int size = gaze_rng_int(r, 0, 1), near = gaze_rng_int(r, 1, 3);
  int t = avr_put_tower(r, s, size, near, 0.13);
  if (t < 0 || s->body[t].pos[1] > 0.08f) return false;
  const float *f = s->body[t].pos;
  float dir[2], h = s->body[t].half;
  avr_away(&s->body[t], dir);
  float yaw = avr_between(r, 0, 90), d = 2.9f * h + avr_between(r, 0.004, 0.02);
  int n = s->n;
  if (!avr_tower(r, s, size, near + 1, f[0] + d * dir[0], f[1] + d * dir[1], yaw)) return false;
  if (!avr_levels_fit(s, n, 0.004f)) return false;
  if (gaze_rng_int(r, 0, 2)) put_guard(r, s, n, gaze_rng_int(r, 0, 1) ? 65.0f : -65.0f);
  if (gaze_rng_int(r, 0, 2) == 0) put_guard(r, s, n, gaze_rng_int(r, 0, 1) ? 75.0f : -75.0f);
  avr_put_stack_decoys(r, s, 0, 2);
  return true;
}

bool avr_draw_open_towers(gaze_rng *r, avr_scene *s) {
  s->start = (gaze_viewer){.elevation = 25.0f};
  for (int k = gaze_rng_int(r, 1, 3); k > 0; k--) {
    int height = gaze_rng_int(r, 2, 4), size = gaze_rng_int(r, 0, 1);
    if (avr_put_tower(r, s, size, height, 0.17) < 0) return false;
  }
  avr_put_stack_decoys(r, s, 0, 3);
  return true;
}

// A large cube on a small one; its lowest cube, -1 if there is no room. Farther out than y the
// viewer at 70 degrees would see the small one.
int avr_put_overhang(gaze_rng *r, avr_scene *s, double y_lo, double y_hi) {
  for (int k = 0; k < 30; k++) {
    int n = s->n, stacks = s->stacks;
    float x = avr_between(r, 0.022, 0.12), yaw = avr_between(r, 0, 90);
    if (gaze_rng_int(r, 0, 1)) x = -x;
    if (!avr_tower(r, s, AVR_LARGE, 2, x, avr_between(r, y_lo, y_hi), yaw)) return -1;
    avr_make_small(s, n);
    if (avr_levels_fit(s, n, 0.03f)) return n;
    s->n = n, s->stacks = stacks;
  }
  return -1;
}

bool avr_draw_overhang_pair(gaze_rng *r, avr_scene *s) {
  s->start = (gaze_viewer){.elevation = 70.0f};
  int t = avr_put_overhang(r, s, -0.13, 0.03);
  if (t < 0) return false;
  avr_put_guards(r, s, t + 1);
  avr_put_stack_decoys(r, s, 1, 3);
  return true;
}

// In a row across, or a little askew.
bool avr_draw_mushroom_row(gaze_rng *r, avr_scene *s) {
  s->start = (gaze_viewer){.elevation = 70.0f};
  int pairs = gaze_rng_int(r, 2, 3);
  float askew = avr_between(r, -20, 20) * DEGREE, apart = avr_between(r, 0.115, 0.13);
  // the middle one of three keeps off the strip between the areas
  float x = avr_between(r, pairs == 3 ? 0.024 : 0, pairs == 3 ? 0.035 : 0.02);
  float y = avr_between(r, -0.10, 0.0);
  if (gaze_rng_int(r, 0, 1)) x = -x;
  for (int k = 0; k < pairs; k++) {
    float along = apart * ((float)k - 0.5f * (float)(pairs - 1)), yaw = avr_between(r, 0, 90);
    int n = s->n;
    if (!avr_tower(r, s, AVR_LARGE, 2, x + along * cosf(askew), y + along * sinf(askew), yaw))
      return false;
    avr_make_small(s, n);
    if (!avr_levels_fit(s, n, 0.01f)) return false;
  }
  avr_put_stack_decoys(r, s, 0, 3);
  return true;
}

// Towers of 3, 2 and 1 small cubes in line, so far apart that the tops show over each other and the
// lower cube of the second does not.
bool avr_draw_stairs(gaze_rng *r, avr_scene *s) {
  s->start = (gaze_viewer){.elevation = 25.0f};
  float x = avr_between(r, 0.022, 0.10), y = avr_between(r, -0.195, -0.17);
  if (gaze_rng_int(r, 0, 1)) x = -x;
  float dir[2], far = 0;
  for (int height = 3, first = s->n; height > 0; height--) {
    int n = s->n;
    float yaw = avr_between(r, 0, 90);
    if (!avr_tower(r, s, AVR_SMALL, height, x, y, yaw)) return false;
    if (height == 3) avr_away(&s->body[first], dir);
    for (int i = n; i < s->n; i++)
      s->body[i].pos[0] += far * dir[0], s->body[i].pos[1] += far * dir[1];
    if (!avr_levels_fit(s, n, 0.004f)) return false;
    far += height == 3 ? avr_between(r, 0.165, 0.188) : avr_between(r, 0.172, 0.185);
  }
  if (gaze_rng_int(r, 0, 1)) put_guard(r, s, 3, gaze_rng_int(r, 0, 1) ? 65.0f : -65.0f);
  if (gaze_rng_int(r, 0, 2) == 0) put_guard(r, s, 3, gaze_rng_int(r, 0, 1) ? 80.0f : -80.0f);
  avr_put_stack_decoys(r, s, 0, 2);
  return true;
}
