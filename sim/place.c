// sim/place.c - geometry of grasping and setting down, on footprints seen from above.
//
// A footprint is a rectangle with rounded edges: cubes are rectangles, spheres and standing
// cylinders are points with a radius. Distances between footprints are exact.
#include <math.h>
#include "sim/world_internal.h"

static const double FINGER_GAP = 0.0295;   // free space beside the object [m], 30 mm less rounding
static const double FINGER_WIDTH = 0.010;  // half width of a finger [m]
static const double FINGER_DEPTH = 0.010;  // finger tips reach this far below the centre [m]
static const double PLACE_LIMIT = 0.30;    // |x|, |y| of a set-down centre [m]
static const double PLACE_GAP = 0.005;     // clear of other objects [m]
static const double PUSH_STEP = 0.005;     // between the places looked at along a push [m]
static const double PUSH_ROOM = 0.045;     // behind what is pushed, for the fingers [m]
static const double PUSH_WIDTH = 0.018;    // half the width of two fingers, without their gap [m]
static const double PUSH_GAP = 0.4;        // half the gap between them over half the object
static const double ON_TABLE = 0.003;      // lowest point of what stands on the table [m]

typedef struct footprint {
  double at[2], u[2];  // centre and first axis; the second is (-u[1], u[0])
  double half[2], round;
} footprint;

double gaze_body_height(const gaze_body *b) {
  double h = (double)b->half, x = fabs((double)b->rot[6]), y = fabs((double)b->rot[7]);
  double z = fabs((double)b->rot[8]);
  if (b->shape == GAZE_SHAPE_SPHERE) return h;
  if (b->shape == GAZE_SHAPE_CUBE) return h * (x + y + z);
  return h * (z + sqrt(fmax(0.0, 1.0 - z * z)));
}

// The horizontal direction of the body frame that a finger pair would follow.
static void first_axis(const gaze_body *b, double u[2]) {
  int best = 0;
  double most = -1.0;
  for (int k = 0; k < 3; k++) {
    // of a standing cylinder every horizontal axis serves; of a lying one the long axis first
    double x = (double)b->rot[k], y = (double)b->rot[3 + k], len = x * x + y * y;
    if (b->shape == GAZE_SHAPE_CYLINDER && k == 2) len *= 2.0;
    if (len > most) most = len, best = k;
  }
  u[0] = (double)b->rot[best], u[1] = (double)b->rot[3 + best];
  double len = hypot(u[0], u[1]);
  u[0] = len > 0.0 ? u[0] / len : 1.0, u[1] = len > 0.0 ? u[1] / len : 0.0;
}

static footprint footprint_of(const gaze_body *b) {
  footprint f = {.at = {(double)b->pos[0], (double)b->pos[1]}};
  double h = (double)b->half;
  first_axis(b, f.u);
  bool lying = b->shape == GAZE_SHAPE_CYLINDER && fabs((double)b->rot[8]) < 0.7;
  if (b->shape == GAZE_SHAPE_CUBE || lying) {
    f.half[0] = f.half[1] = h;
  } else {
    f.round = h;
  }
  return f;
}

static void corners(const footprint *f, double c[4][2]) {
  static const double sx[4] = {-1, 1, 1, -1}, sy[4] = {-1, -1, 1, 1};
  for (int k = 0; k < 4; k++) {
    double a = sx[k] * f->half[0], b = sy[k] * f->half[1];
    c[k][0] = f->at[0] + a * f->u[0] - b * f->u[1];
    c[k][1] = f->at[1] + a * f->u[1] + b * f->u[0];
  }
}

// Distance of a point from a footprint without its rounding; negative inside (to the nearest edge).
static double point_distance(const footprint *f, const double p[2]) {
  double dx = p[0] - f->at[0], dy = p[1] - f->at[1];
  double a = fabs(dx * f->u[0] + dy * f->u[1]) - f->half[0];
  double b = fabs(dy * f->u[0] - dx * f->u[1]) - f->half[1];
  if (a <= 0.0 && b <= 0.0) return fmax(a, b);
  return hypot(fmax(a, 0.0), fmax(b, 0.0));
}

// Largest gap along the axes of either rectangle; negative if no axis separates them.
static double axis_gap(const footprint *f, const footprint *g) {
  double most = -1e30;
  for (int k = 0; k < 4; k++) {
    const footprint *o = k < 2 ? f : g;
    double ax = k % 2 == 0 ? o->u[0] : -o->u[1], ay = k % 2 == 0 ? o->u[1] : o->u[0];
    double reach = 0.0;
    for (int s = 0; s < 2; s++) {
      const footprint *q = s == 0 ? f : g;
      reach += q->half[0] * fabs(ax * q->u[0] + ay * q->u[1]) +
               q->half[1] * fabs(ay * q->u[0] - ax * q->u[1]);
    }
    double gap = fabs(ax * (f->at[0] - g->at[0]) + ay * (f->at[1] - g->at[1])) - reach;
    most = fmax(most, gap);
  }
  return most;
}

// Gap between two footprints [m]; negative where they overlap. Two disjoint rectangles are nearest
// at a corner of one of them.
static double gap(const footprint *f, const footprint *g) {
  double best = axis_gap(f, g);
  if (best > 0.0) {
    double c[4][2];
    best = 1e30;
    corners(f, c);
    for (int k = 0; k < 4; k++) best = fmin(best, point_distance(g, c[k]));
    corners(g, c);
    for (int k = 0; k < 4; k++) best = fmin(best, point_distance(f, c[k]));
  }
  return best - f->round - g->round;
}

static bool fingers_free(const gaze_body *bodies, int n, int i, const footprint *f, int axis) {
  double half = f->half[0] + f->round, low = (double)bodies[i].pos[2] - FINGER_DEPTH;
  double u[2] = {axis == 0 ? f->u[0] : -f->u[1], axis == 0 ? f->u[1] : f->u[0]};
  for (int side = -1; side <= 1; side += 2) {
    double off = side * (half + 0.5 * FINGER_GAP);
    footprint finger = {.at = {f->at[0] + off * u[0], f->at[1] + off * u[1]},
                        .u = {u[0], u[1]},
                        .half = {0.5 * FINGER_GAP, FINGER_WIDTH}};
    for (int j = 0; j < n; j++) {
      if (j == i || bodies[j].gone) continue;
      footprint g = footprint_of(&bodies[j]);
      double top = (double)bodies[j].pos[2] + gaze_body_height(&bodies[j]);
      if (top > low && gap(&finger, &g) < 0.0) return false;
    }
  }
  return true;
}

bool gaze_scene_graspable(const gaze_body *bodies, int n, int i) {
  if (bodies == NULL || i < 0 || i >= n || bodies[i].gone) return false;
  footprint f = footprint_of(&bodies[i]);
  for (int j = 0; j < n; j++) {
    if (j == i || bodies[j].gone) continue;
    // whatever is higher and overlaps either rests on it or hangs in the hand's way
    footprint g = footprint_of(&bodies[j]);
    if (bodies[j].pos[2] > bodies[i].pos[2] && gap(&f, &g) < -0.001) return false;
  }
  return fingers_free(bodies, n, i, &f, 0) || fingers_free(bodies, n, i, &f, 1);
}

static bool place_free(const gaze_body *bodies, int n, int i, const footprint *f) {
  static const footprint tray = {
      .at = {GAZE_TRAY_X, GAZE_TRAY_Y}, .u = {1.0, 0.0}, .half = {GAZE_TRAY_HALF, GAZE_TRAY_HALF}};
  if (fabs(f->at[0]) > PLACE_LIMIT || fabs(f->at[1]) > PLACE_LIMIT) return false;
  if (gap(f, &tray) < PLACE_GAP) return false;
  for (int j = 0; j < n; j++) {
    if (j == i || bodies[j].gone) continue;
    footprint g = footprint_of(&bodies[j]);
    if (gap(f, &g) < PLACE_GAP) return false;
  }
  return true;
}

bool gaze_scene_place(const gaze_body *bodies, int n, int i, const float dir[2], float pos[3]) {
  static const double distance[] = {0.15, 0.12, 0.13, 0.14, 0.16, 0.17, 0.18};
  if (bodies == NULL || i < 0 || i >= n || bodies[i].gone) return false;
  for (int k = 0; k < (int)(sizeof distance / sizeof distance[0]); k++) {
    footprint f = footprint_of(&bodies[i]);
    f.at[0] += distance[k] * (double)dir[0];
    f.at[1] += distance[k] * (double)dir[1];
    if (!place_free(bodies, n, i, &f)) continue;
    pos[0] = (float)f.at[0], pos[1] = (float)f.at[1];
    pos[2] = (float)gaze_body_height(&bodies[i]);
    return true;
  }
  return false;
}

static double reach_along(const footprint *f, const double d[2]) {
  return f->round + f->half[0] * fabs(d[0] * f->u[0] + d[1] * f->u[1]) +
         f->half[1] * fabs(d[1] * f->u[0] - d[0] * f->u[1]);
}

// Whether two fingers fit behind object i.
static bool room_behind(const gaze_body *bodies, int n, int i, const footprint *f,
                        const double d[2]) {
  double reach = reach_along(f, d), off = reach + 0.5 * PUSH_ROOM;
  footprint hand = {.at = {f->at[0] - off * d[0], f->at[1] - off * d[1]},
                    .u = {d[0], d[1]},
                    .half = {0.5 * PUSH_ROOM, PUSH_WIDTH + PUSH_GAP * reach}};
  for (int j = 0; j < n; j++) {
    if (j == i || bodies[j].gone) continue;
    footprint g = footprint_of(&bodies[j]);
    if (gap(&hand, &g) < 0.0) return false;
  }
  return true;
}

bool gaze_scene_pushable(const gaze_body *bodies, int n, int i, const float dir[2],
                         double distance) {
  if (bodies == NULL || i < 0 || i >= n || bodies[i].gone) return false;
  const double d[2] = {(double)dir[0], (double)dir[1]};
  footprint f = footprint_of(&bodies[i]);
  if ((double)bodies[i].pos[2] - gaze_body_height(&bodies[i]) > ON_TABLE) return false;
  for (int j = 0; j < n; j++) {
    if (j == i || bodies[j].gone || bodies[j].pos[2] <= bodies[i].pos[2]) continue;
    footprint g = footprint_of(&bodies[j]);
    if (gap(&f, &g) < -0.001) return false;  // it carries something
  }
  if (!room_behind(bodies, n, i, &f, d)) return false;
  int steps = (int)ceil(distance / PUSH_STEP);
  for (int k = 1; k <= steps; k++) {
    footprint at = f;
    for (int c = 0; c < 2; c++) at.at[c] += distance * k / steps * d[c];
    if (!place_free(bodies, n, i, &at)) return false;
  }
  return true;
}
