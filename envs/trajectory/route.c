// envs/trajectory/route.c - see route.h.
#include "envs/trajectory/route.h"
#include <math.h>
#include <string.h>
#include "envs/trajectory/env_trajectory.h"

enum { NX = 85, NY = 73, STEPS_MAX = NX * NY };

static const double CELL = 0.010, X0 = -0.46, Y0 = -0.32;  // [m]
static const double SAMPLE = 0.004;                        // along a line [m]

route route_of(const gaze_body *bodies, int n, int i) {
  const gaze_solid s = gaze_scene_solid(&bodies[i]);
  return (route){.bodies = bodies,
                 .n = n,
                 .object = i,
                 .z = s.pose.pos[2] + GAZE_TRAJECTORY_RISE,
                 .radius = gaze_solid_radius(&s)};
}

double route_room(const route *w, int k, const double at[2]) {
  const double p[3] = {at[0], at[1], w->z};
  double least = 1e9;
  for (int i = 0; i < w->n; i++) {
    if (i == w->object || w->bodies[i].gone || (k >= 0 && i != k)) continue;
    const gaze_solid s = gaze_scene_solid(&w->bodies[i]);
    least = fmin(least, gaze_solid_distance(&s, p) - w->radius);
  }
  return least;
}

double route_line(const route *w, int k, const double a[2], const double b[2]) {
  const int steps = (int)ceil(hypot(b[0] - a[0], b[1] - a[1]) / SAMPLE) + 1;
  double least = 1e9;
  for (int i = 0; i <= steps; i++) {
    const double s = (double)i / steps,
                 at[2] = {a[0] + s * (b[0] - a[0]), a[1] + s * (b[1] - a[1])};
    least = fmin(least, route_room(w, k, at));
  }
  return least;
}

static void cell_at(int c, double at[2]) {
  at[0] = X0 + CELL * (c % NX), at[1] = Y0 + CELL * (c / NX);
}

static int cell_of(const double at[2]) {
  const int x = (int)lround((at[0] - X0) / CELL), y = (int)lround((at[1] - Y0) / CELL);
  return x < 0 || y < 0 || x >= NX || y >= NY ? -1 : y * NX + x;
}

// The neighbour of a cell in one of eight directions, -1 beyond the grid, and the way there.
static int next_to(int c, int dir, double *way) {
  static const int dx[8] = {1, -1, 0, 0, 1, 1, -1, -1}, dy[8] = {0, 0, 1, -1, 1, -1, 1, -1};
  const int x = c % NX + dx[dir], y = c / NX + dy[dir];
  *way = dir < 4 ? 1.0 : 1.4142135623730951;
  return x < 0 || y < 0 || x >= NX || y >= NY ? -1 : y * NX + x;
}

// Length of the shortest way from every free cell to the goal, in cells.
static void flood(const bool *open, int goal, double *far) {
  for (int c = 0; c < STEPS_MAX; c++) far[c] = INFINITY;
  far[goal] = 0.0;
  for (bool changed = true; changed;) {
    changed = false;
    for (int k = 0; k < 2 * STEPS_MAX; k++) {
      // there and back, so that a few sweeps reach everything
      const int c = k < STEPS_MAX ? k : 2 * STEPS_MAX - 1 - k;
      double way;
      if (!open[c]) continue;
      for (int d = 0; d < 8; d++) {
        const int m = next_to(c, d, &way);
        if (m >= 0 && far[m] + way < far[c] - 1e-9) far[c] = far[m] + way, changed = true;
      }
    }
  }
}

// Down the lengths from the start; returns the number of cells.
static int descend(const double *far, int start, int *cell) {
  int n = 0;
  cell[n++] = start;
  while (far[cell[n - 1]] > 0.0 && n < STEPS_MAX) {
    int best = -1;
    double least = INFINITY, way;
    for (int d = 0; d < 8; d++) {
      const int m = next_to(cell[n - 1], d, &way);
      if (m >= 0 && far[m] + way < least) least = far[m] + way, best = m;
    }
    cell[n++] = best;
  }
  return n;
}

int route_find(const route *w, const double from[2], const double to[2], double (*corner)[2],
               int cap) {
  bool open[STEPS_MAX];
  double far[STEPS_MAX], at[2] = {from[0], from[1]}, next[2];
  int cell[STEPS_MAX];
  const int start = cell_of(from), goal = cell_of(to);
  if (start < 0 || goal < 0) return -1;
  if (route_line(w, -1, from, to) >= ROUTE_CLEAR) return 0;
  for (int c = 0; c < STEPS_MAX; c++) {
    cell_at(c, next);
    open[c] = route_room(w, -1, next) >= ROUTE_CLEAR;
  }
  if (!open[start] || !open[goal]) return -1;
  flood(open, goal, far);
  if (!isfinite(far[start])) return -1;
  const int n = descend(far, start, cell);
  int corners = 0;
  for (int i = 0; route_line(w, -1, at, to) < ROUTE_CLEAR;) {
    // the farthest cell in sight
    int sight = -1;
    for (int k = n - 1; k > i && sight < 0; k--) {
      cell_at(cell[k], next);
      if (route_line(w, -1, at, next) >= ROUTE_CLEAR) sight = k;
    }
    if (sight < 0 || corners == cap) return -1;
    i = sight;
    cell_at(cell[i], at);
    memcpy(corner[corners++], at, sizeof at);
  }
  return corners;
}
