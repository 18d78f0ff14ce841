// envs/avr/layouts_occlusion.c - large front objects ("screens") that hide small ones.
//
// A screen alone would be opened by any step to the side. So blockers stand beside most screens and
// close the left or the right views, or both; and gaps decide whether a look from above helps.
#include <math.h>
#include "envs/avr/layouts_internal.h"

static const float DEGREE = 0.017453293f;

float avr_between(gaze_rng *r, double lo, double hi) {
  return (float)gaze_rng_real(r, lo, hi);
}

void avr_away(const gaze_body *b, float dir[2]) {
  dir[0] = b->pos[0], dir[1] = b->pos[1] - AVR_VIEWER_Y;
  float len = hypotf(dir[0], dir[1]);
  dir[0] /= len, dir[1] /= len;
}

bool avr_begin_front(avr_scene *s) {
  s->start = (gaze_viewer){.elevation = 25.0f};
  return true;
}

static int screen_shape(gaze_rng *r) {
  int k = gaze_rng_int(r, 0, 3);  // cubes hide best
  return k < 2 ? GAZE_SHAPE_CUBE : k == 2 ? GAZE_SHAPE_SPHERE : GAZE_SHAPE_CYLINDER;
}

// Puts an object at `gap` from object `from` in direction (dx, dy); -1 if it does not fit.
int avr_put_beside(avr_scene *s, int from, int shape, int size, float dx, float dy, float gap,
                   float yaw) {
  const gaze_body *b = &s->body[from];
  int i = avr_put(s, shape, size, b->pos[0], b->pos[1], yaw);
  if (i < 0) return -1;
  float d = avr_reach(&s->body[from], dx, dy) + gap + avr_reach(&s->body[i], dx, dy);
  s->body[i].pos[0] += d * dx, s->body[i].pos[1] += d * dy;
  return avr_fits(s, i, AVR_NARROW) ? i : -1;
}

int avr_put_screen(gaze_rng *r, avr_scene *s, float gap) {
  for (int k = 0; k < 30; k++) {
    float yaw = avr_between(r, 0, 90), y = avr_between(r, -0.17, 0.08),
          x = avr_between(r, -0.17, 0.17);
    int i = avr_put(s, screen_shape(r), AVR_LARGE, x, y, yaw);
    if (i < 0) return -1;
    if (avr_fits(s, i, gap)) return i;
    s->n--;
  }
  return -1;
}

static float hidden_gap(gaze_rng *r) {
  return gaze_rng_int(r, 0, 2) ? avr_between(r, 0.005, 0.016) : avr_between(r, 0.022, 0.040);
}

// A small object behind the screen as the first viewer sees it, up to `aside` off the straight
// line; `gap` 0 draws one of two kinds, else it is the widest.
int avr_put_hidden(gaze_rng *r, avr_scene *s, int screen, double gap, double aside) {
  float side = avr_between(r, -aside, aside);
  float off = gap > 0 ? avr_between(r, 0.005, gap) : hidden_gap(r), yaw = avr_between(r, 0, 90);
  float dir[2];
  avr_away(&s->body[screen], dir);
  int i = avr_put_beside(s, screen, gaze_rng_int(r, 0, 2), AVR_SMALL, dir[0], dir[1], off, yaw);
  if (i < 0) return -1;
  s->body[i].pos[0] += side * dir[1], s->body[i].pos[1] -= side * dir[0];
  return avr_fits(s, i, AVR_NARROW) ? i : -1;
}

// A large object beside `inner`, in the way of a viewer at this azimuth.
bool avr_put_blocker(gaze_rng *r, avr_scene *s, int inner, float azimuth) {
  // behind, it must stand so far off that the screen leaves most of it in sight
  float gap = fabsf(azimuth) > 100 ? 0.045f : 0.005f;
  for (int k = 0; k < 8; k++) {
    float a = azimuth + avr_between(r, -6, 6);
    int n = s->n, shape = gaze_rng_int(r, 0, 3) ? GAZE_SHAPE_CUBE : GAZE_SHAPE_CYLINDER;
    float yaw = a + avr_between(r, -8, 8), off = gap + avr_between(r, 0, 0.009);
    if (avr_put_beside(s, inner, shape, AVR_LARGE, sinf(a * DEGREE), -cosf(a * DEGREE), off, yaw) >=
        0)
      return true;
    s->n = n;
  }
  return false;
}

// Objects in the open, mostly small: a large one is one more thing to look behind.
void avr_put_decoys(gaze_rng *r, avr_scene *s, int lo, int hi) {
  for (int k = gaze_rng_int(r, lo, hi); k > 0; k--)
    if (!avr_scatter(r, s, -1, gaze_rng_int(r, 0, 4) ? AVR_SMALL : AVR_LARGE)) return;
}

bool avr_draw_single_screen(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  int f = avr_put_screen(r, s, 0.03f);
  int h = f < 0 ? -1 : avr_put_hidden(r, s, f, 0, 0.008);
  if (h < 0) return false;
  int sides = gaze_rng_int(r, 0, 9);  // free 2, left 2, right 2, both 4 of ten
  if ((sides >= 4 || sides / 2 == 1) && !avr_put_blocker(r, s, h, -70)) return false;
  if ((sides >= 6 || sides / 2 == 2) && sides != 4 && sides != 5 && !avr_put_blocker(r, s, h, 70))
    return false;
  avr_put_decoys(r, s, 1, 3);
  return true;
}

bool avr_draw_twin_screens(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  for (int k = 0; k < 2; k++) {
    int f = avr_put_screen(r, s, 0.03f);
    int h = f < 0 ? -1 : avr_put_hidden(r, s, f, 0, 0.008);
    if (h < 0) return false;
    int sides = gaze_rng_int(r, 0, 2);
    if (sides > 0 && !avr_put_blocker(r, s, h, sides == 1 ? -70.0f : 70.0f)) return false;
  }
  avr_put_decoys(r, s, 0, 2);
  return true;
}

bool avr_draw_wall(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  int f = avr_put_screen(r, s, 0.03f);
  if (f < 0) return false;
  float x = s->body[f].pos[0], y = s->body[f].pos[1] - AVR_VIEWER_Y, len = hypotf(x, y);
  float side = x > 0 ? -1.0f : 1.0f;  // towards the middle, where there is room
  float yaw = avr_between(r, 0, 90), gap = avr_between(r, 0.004, 0.010);
  int g =
      avr_put_beside(s, f, screen_shape(r), AVR_LARGE, side * y / len, -side * x / len, gap, yaw);
  if (g < 0) return false;
  int first = avr_put_hidden(r, s, f, 0, 0.015);
  if (first < 0) return false;
  if (avr_put_hidden(r, s, g, 0, 0.015) < 0) return false;
  if (gaze_rng_int(r, 0, 2) && !avr_put_blocker(r, s, first, -70.0f * side)) return false;
  avr_put_decoys(r, s, 0, 3);
  return true;
}

bool avr_draw_empty_screen(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  int f = avr_put_screen(r, s, 0.03f);
  int h = f < 0 ? -1 : avr_put_hidden(r, s, f, 0, 0.008);
  if (h < 0) return false;
  int sides = gaze_rng_int(r, 0, 2);
  if (sides > 0 && !avr_put_blocker(r, s, h, sides == 1 ? -70.0f : 70.0f)) return false;
  for (int k = gaze_rng_int(r, 1, 2); k > 0; k--)
    if (avr_put_screen(r, s, 0.03f) < 0) return false;
  avr_put_decoys(r, s, 0, 2);
  return true;
}

bool avr_draw_bare_screen(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  int f = avr_put_screen(r, s, 0.03f);
  if (f < 0) return false;
  // place for one small object is kept, so that its blockers stand as if it were there
  int h = avr_put_hidden(r, s, f, 0, 0.008);
  if (h < 0) return false;
  int sides = gaze_rng_int(r, 0, 3);
  if ((sides & 1) && !avr_put_blocker(r, s, h, -70)) return false;
  if ((sides & 2) && !avr_put_blocker(r, s, h, 70)) return false;
  for (int k = h; k + 1 < s->n; k++) s->body[k] = s->body[k + 1], s->object[k] = s->object[k + 1];
  s->n--;
  avr_put_decoys(r, s, 1, 4);
  return true;
}

bool avr_draw_pocket(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  int f = avr_put_screen(r, s, 0.03f);
  int h = f < 0 ? -1 : avr_put_hidden(r, s, f, 0.016, 0.008);
  if (h < 0) return false;
  float side = gaze_rng_int(r, 0, 1) ? 1.0f : -1.0f;
  if (!avr_put_blocker(r, s, h, 70 * side) || !avr_put_blocker(r, s, h, 165 * side)) return false;
  avr_put_decoys(r, s, 0, 3);
  return true;
}

bool avr_draw_ring(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  int f = avr_put_screen(r, s, 0.03f);
  int h = f < 0 ? -1 : avr_put_hidden(r, s, f, 0.012, 0.006);
  if (h < 0) return false;
  if (!avr_put_blocker(r, s, h, 78) || !avr_put_blocker(r, s, h, -78) ||
      !avr_put_blocker(r, s, h, 176))
    return false;
  avr_put_decoys(r, s, 0, 3);
  return true;
}

bool avr_draw_open_table(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  int large = gaze_rng_int(r, 0, 1);
  for (int k = 0; k < large; k++)
    if (!avr_scatter(r, s, -1, AVR_LARGE)) return false;
  for (int k = gaze_rng_int(r, 3, 8); k > 0; k--)
    if (!avr_scatter(r, s, -1, AVR_SMALL)) return false;
  return true;
}

// The far one is closed to one side or both, where the near one is open: no side view shows both.
bool avr_draw_file_behind(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  int f = avr_put_screen(r, s, 0.03f);
  // a sphere's top is too low to hide two in file
  if (f < 0 || s->body[f].shape == GAZE_SHAPE_SPHERE) return false;
  int near = avr_put_hidden(r, s, f, 0.006, 0.004);
  int far = near < 0 ? -1 : avr_put_hidden(r, s, near, 0.006, 0.004);
  if (far < 0) return false;
  int sides = gaze_rng_int(r, 1, 3);
  if ((sides & 1) && !avr_put_blocker(r, s, far, -98)) return false;
  if ((sides & 2) && !avr_put_blocker(r, s, far, 98)) return false;
  avr_put_decoys(r, s, 0, 3);
  return true;
}

bool avr_draw_split_areas(gaze_rng *r, avr_scene *s) {
  avr_begin_front(s);
  for (int k = 0; k < 2; k++) {
    float side = k ? 1.0f : -1.0f;
    for (int j = gaze_rng_int(r, 1, 2), first = 1; j > 0; j--, first = 0) {
      int f = -1;
      for (int tries = 0; tries < 8 && f < 0; tries++) {
        f = avr_put_screen(r, s, 0.03f);
        if (f < 0) return false;
        if (s->body[f].pos[0] * side < 0.05f) s->n--, f = -1;
      }
      if (f < 0) return false;
      if (!first && gaze_rng_int(r, 0, 1)) continue;
      int h = avr_put_hidden(r, s, f, 0, 0.008);
      if (h < 0) return false;
      if (gaze_rng_int(r, 0, 1) && !avr_put_blocker(r, s, h, 70 * side)) return false;
    }
  }
  avr_put_decoys(r, s, 0, 2);
  return true;
}
