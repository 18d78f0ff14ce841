// envs/tabletop/view.c - the picture measured: masks, depth, and the way back to 3-D; see
// tabletop.h.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "envs/tabletop/tabletop.h"
#include "sim/scene.h"

enum { SIZE = TABLETOP_JUDGE, LEAST = 9, AROUND = 2 };

static const gaze_viewer VIEWER = {.elevation = 40.0f};
static const double DEPTH_MIN = 0.1, DEPTH_MAX = 2.0;  // of a depth camera [m]
static const double CENTRAL[2] = {0.3, 0.6};           // shares of a box that are looked at
static const double GRAIN = 5e-4;                      // of heights read from depth [m]

static void join(double box[4], int x, int y) {
  box[0] = fmin(box[0], (double)x / SIZE), box[2] = fmax(box[2], (double)(x + 1) / SIZE);
  box[1] = fmin(box[1], (double)y / SIZE), box[3] = fmax(box[3], (double)(y + 1) / SIZE);
}

static void empty_box(double box[4]) {
  box[0] = box[1] = 1.0, box[2] = box[3] = 0.0;
}

gaze_err tabletop_look(gaze_exec *ex, const gaze_body *bodies, int n, tabletop_view *v) {
  v->cam = gaze_scene_camera(&VIEWER, SIZE);
  GAZE_TRY(gaze_scene_render(&gaze_ops_cpu, ex, bodies, n, &VIEWER, SIZE, NULL, v->depth, v->ids));
  memset(v->pixels, 0, sizeof v->pixels);
  for (int i = 0; i < GAZE_SCENE_BODIES_MAX; i++) empty_box(v->box[i]);
  for (int y = 0; y < SIZE; y++) {
    for (int x = 0; x < SIZE; x++) {
      const int id = v->ids[y * SIZE + x];
      if (id < 0 || id >= n) continue;
      v->pixels[id]++;
      join(v->box[id], x, y);
    }
  }
  return GAZE_OK;
}

static int ascending(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static int clip(double v) {
  return v < 0.0 ? 0 : v > SIZE ? SIZE : (int)v;
}

// Median of the valid depths in a rectangle of pixels; NAN if there are too few, or no memory.
static double median(const tabletop_view *v, int x0, int y0, int x1, int y1, int least) {
  if (x1 <= x0 || y1 <= y0) return NAN;
  float *d = malloc((size_t)(x1 - x0) * (size_t)(y1 - y0) * sizeof *d);
  if (!d) return NAN;
  int n = 0;
  for (int y = y0; y < y1; y++)
    for (int x = x0; x < x1; x++) {
      const float z = v->depth[y * SIZE + x];
      if ((double)z >= DEPTH_MIN && (double)z <= DEPTH_MAX) d[n++] = z;
    }
  qsort(d, (size_t)n, sizeof *d, ascending);
  const double found = n < least ? NAN : (double)d[n / 2];
  free(d);
  return found;
}

// The same of a box in 0..1.
static double box_depth(const tabletop_view *v, const double box[4], int least) {
  return median(v, clip(floor(box[0] * SIZE)), clip(floor(box[1] * SIZE)),
                clip(ceil(box[2] * SIZE)), clip(ceil(box[3] * SIZE)), least);
}

// The direction of a ray with length 1 along the optical axis, world frame.
static void ray(const tabletop_view *v, const double at[2], double dir[3]) {
  const gaze_camera *c = &v->cam;
  const double x = (at[0] * SIZE - (double)c->cx) / (double)c->fx;
  const double y = -(at[1] * SIZE - (double)c->cy) / (double)c->fy;
  for (int k = 0; k < 3; k++)
    dir[k] = (double)c->rot[3 * k] * x + (double)c->rot[3 * k + 1] * y - (double)c->rot[3 * k + 2];
}

void tabletop_point(const tabletop_view *v, const double at[2], double depth, double p[3]) {
  double dir[3];
  ray(v, at, dir);
  for (int k = 0; k < 3; k++) p[k] = (double)v->cam.pos[k] + depth * dir[k];
}

bool tabletop_surface(const tabletop_view *v, const double at[2], double p[3]) {
  const int x = clip(at[0] * SIZE), y = clip(at[1] * SIZE);
  const int x0 = x < AROUND ? 0 : x - AROUND, y0 = y < AROUND ? 0 : y - AROUND;
  const int x1 = x + AROUND >= SIZE ? SIZE : x + AROUND + 1;
  const int y1 = y + AROUND >= SIZE ? SIZE : y + AROUND + 1;
  const double depth = median(v, x0, y0, x1, y1, 1);
  if (!isfinite(depth)) return false;
  tabletop_point(v, at, depth, p);
  return true;
}

bool tabletop_box_point(const tabletop_view *v, const double box[4], double p[3]) {
  const double at[2] = {0.5 * (box[0] + box[2]), 0.5 * (box[1] + box[3])};
  double depth = NAN;
  for (int k = 0; k < 2 && !isfinite(depth); k++) {
    const double w = 0.5 * CENTRAL[k] * (box[2] - box[0]), h = 0.5 * CENTRAL[k] * (box[3] - box[1]);
    const double part[4] = {at[0] - w, at[1] - h, at[0] + w, at[1] + h};
    depth = box_depth(v, part, LEAST);
  }
  if (!isfinite(depth)) return false;
  tabletop_point(v, at, depth, p);
  return true;
}

bool tabletop_plane(const tabletop_view *v, const double at[2], double z, double p[3]) {
  double dir[3];
  ray(v, at, dir);
  const double depth = (z - (double)v->cam.pos[2]) / dir[2];
  if (!(depth > 0.0) || !isfinite(depth)) return false;
  tabletop_point(v, at, depth, p);
  return true;
}

bool tabletop_project(const tabletop_view *v, const double p[3], double at[2]) {
  const float point[3] = {(float)p[0], (float)p[1], (float)p[2]};
  float x, y, depth;
  if (!gaze_camera_project(&v->cam, point, &x, &y, &depth)) return false;
  at[0] = (double)x / SIZE, at[1] = (double)y / SIZE;
  return at[0] >= 0.0 && at[0] <= 1.0 && at[1] >= 0.0 && at[1] <= 1.0;
}

bool tabletop_region(const tabletop_view *v, int i, double z, double box[4]) {
  empty_box(box);
  for (int y = 0; y < SIZE; y++) {
    for (int x = 0; x < SIZE; x++) {
      if (v->ids[y * SIZE + x] != i) continue;
      const double at[2] = {(x + 0.5) / SIZE, (y + 0.5) / SIZE};
      double p[3];
      tabletop_point(v, at, (double)v->depth[y * SIZE + x], p);
      if (p[2] >= z - GRAIN) join(box, x, y);
    }
  }
  return box[2] > box[0];
}

int tabletop_nearest(const gaze_body *bodies, int n, const double p[3]) {
  int best = -1;
  double least = TABLETOP_NEAR_M;
  for (int i = 0; i < n; i++) {
    if (bodies[i].gone) continue;
    const gaze_solid s = gaze_scene_solid(&bodies[i]);
    const double d = gaze_solid_distance(&s, p);
    if (d <= least) least = d, best = i;
  }
  return best;
}
