// envs/trajectory/env_trajectory.c - see env_trajectory.h: what a path means, the truth of it, and
// going it.
#include "envs/trajectory/env_trajectory.h"
#include <math.h>
#include <string.h>
#include "envs/avr/avr_internal.h"
#include "envs/avr/words.h"
#include "envs/tabletop/tabletop.h"
#include "envs/trajectory/route.h"

enum { BESIDE, TRAY, VERBS, CORNERS_MAX = TABLETOP_POINTS_MAX - 4 };

static const char *const verb[VERBS] = {"beside", "tray"};
static const char *const place_word[AVR_DIRS] = {"to the left of", "to the right of", "in front of",
                                                 "behind"};
static const double ALONG[2] = {0.10, 0.15}, ACROSS = 0.03;  // of a place beside an object [m]
static const double WIDER = 0.03;                            // of a goal region [m]
static const double BESIDE_FIRST = 0.12;                     // where the truth looks first [m]
static const double SPOT_GAP = 0.020;  // between what is set down and others, of the truth [m]
static const double MOVED = 0.05;      // at least [m]
static const double STARTS = 0.08;     // at least, of the start from the goal, of the truth [m]
static const double STILL = 0.005;     // at most, of the others [m]
static const double ON_TABLE = 0.010;  // surfaces up to this height are table or tray [m]
static const double LIMIT_X = 0.30, LIMIT_Y = 0.28;  // of spots on the table [m]

static gaze_solid tray_solid(void) {
  gaze_solid fixed[GAZE_WORLD_FIXED];
  gaze_world_fixed(fixed);
  return fixed[1];
}

// ---- the goal ----

static bool in_region(const tabletop *t, const double p[2]) {
  const tabletop_task *k = &t->task;
  if (k->verb == TRAY) {
    const gaze_solid tray = tray_solid();
    const double half = (double)t->now[k->target].half;
    return fabs(p[0] - tray.pose.pos[0]) <= tray.size[0] - half + WIDER &&
           fabs(p[1] - tray.pose.pos[1]) <= tray.size[1] - half + WIDER;
  }
  float dir[2];
  avr_dir_vector((avr_dir)k->dir, dir);
  const float *a = t->now[k->anchor].pos;
  const double dx = p[0] - (double)a[0], dy = p[1] - (double)a[1];
  const double along = dx * (double)dir[0] + dy * (double)dir[1];
  const double across = fabs(dx * (double)dir[1] - dy * (double)dir[0]);
  return along >= ALONG[0] - WIDER && along <= ALONG[1] + WIDER && across <= ACROSS + WIDER;
}

// Whether object i can be set down there, `gap` from all others.
static bool spot_free(const tabletop *t, int i, const double spot[3], double gap) {
  gaze_body b = t->now[i];
  b.pos[0] = (float)spot[0], b.pos[1] = (float)spot[1];
  for (int k = 0; k < t->task.scene.n; k++)
    if (k != i && (double)avr_footprint_gap(&b, &t->now[k]) < gap) return false;
  return true;
}

// The k-th place to try for the target's goal; false after the last.
static bool candidate(const tabletop *t, int k, double spot[3]) {
  const tabletop_task *a = &t->task;
  if (a->verb == TRAY) {
    // the part of the tray that the picture shows is its right one
    static const double aside[] = {0.0, -0.04, 0.04};
    const gaze_solid tray = tray_solid();
    if (k >= 3) return false;
    const double half = (double)t->now[a->target].half * 1.2;
    spot[0] = tray.pose.pos[0] + tray.size[0] - half, spot[1] = tray.pose.pos[1] + aside[k];
    spot[2] = tray.pose.pos[2] + tray.size[2];
    return true;
  }
  float dir[2];
  avr_dir_vector((avr_dir)a->dir, dir);
  const double d = BESIDE_FIRST + 0.01 * k;
  const float *p = t->now[a->anchor].pos;
  for (int c = 0; c < 2; c++) spot[c] = (double)p[c] + d * (double)dir[c];
  spot[2] = 0.0;
  return d <= ALONG[1] + 1e-9;
}

// Where the truth sets the target down; false: nowhere.
static bool goal_spot(const tabletop *t, double spot[3]) {
  const int i = t->task.target;
  const float *p = t->now[i].pos;
  for (int k = 0; candidate(t, k, spot); k++) {
    if (t->task.verb == BESIDE && (fabs(spot[0]) > LIMIT_X || fabs(spot[1]) > LIMIT_Y)) continue;
    if (hypot(spot[0] - (double)p[0], spot[1] - (double)p[1]) < STARTS) continue;
    if (spot_free(t, i, spot, SPOT_GAP)) return true;
  }
  return false;
}

// ---- what a path means ----

typedef struct meaning {
  int object;  // that is moved
  double way[TABLETOP_POINTS_MAX][2];
  int count;
  double spot[3];
} meaning;

// Reads a path; returns NULL, or what stops it: a status.
static const char *read_path(const tabletop *t, const double (*point)[2], int n, meaning *m) {
  double p[3];
  if (!tabletop_surface(&t->view, point[0], p)) return "no_depth";
  m->object = tabletop_nearest(t->now, t->task.scene.n, p);
  if (m->object < 0) return "missed";
  if (!tabletop_surface(&t->view, point[n - 1], m->spot)) return "no_depth";
  // on top of something is no place
  if (m->spot[2] > ON_TABLE) return "blocked";
  m->spot[2] = fmax(m->spot[2], 0.0);
  m->count = n - 2;
  const double z = (double)t->now[m->object].pos[2] + GAZE_TRAJECTORY_RISE;
  for (int k = 0; k < m->count; k++) {
    if (!tabletop_plane(&t->view, point[k + 1], z, p)) return "no_depth";
    memcpy(m->way[k], p, sizeof m->way[k]);
  }
  return NULL;
}

// Judged by geometry: nothing in the way, and room to grasp and to set down.
static bool can_go(const tabletop *t, const meaning *m) {
  const route w = route_of(t->now, t->task.scene.n, m->object);
  const float *p = t->now[m->object].pos;
  double at[2] = {(double)p[0], (double)p[1]};
  if (!gaze_scene_graspable(t->now, w.n, m->object)) return false;
  for (int k = 0; k <= m->count; k++) {
    const double *to = k < m->count ? m->way[k] : m->spot;
    if (route_line(&w, -1, at, to) < ROUTE_TOUCH) return false;
    memcpy(at, to, sizeof at);
  }
  return spot_free(t, m->object, m->spot, ROUTE_TOUCH);
}

static double moved(const gaze_body *a, const gaze_body *b) {
  double s = 0.0;
  for (int k = 0; k < 3; k++) s += pow((double)a->pos[k] - (double)b->pos[k], 2.0);
  return sqrt(s);
}

// Whether the world is now as the instruction wants it.
static bool reached(const tabletop *t, const gaze_body *after) {
  const int i = t->task.target;
  const double at[2] = {(double)after[i].pos[0], (double)after[i].pos[1]};
  for (int k = 0; k < t->task.scene.n; k++)
    if (k != i && moved(&t->now[k], &after[k]) > STILL) return false;
  return moved(&t->now[i], &after[i]) >= MOVED && in_region(t, at);
}

static gaze_err act(tabletop *t, const gaze_vla_r1_reply *r, tabletop_end *end) {
  meaning m;
  gaze_act_status status;
  gaze_body after[GAZE_SCENE_BODIES_MAX];
  double goal[3];
  *end = (tabletop_end){0};
  end->status = read_path(t, (const double(*)[2])r->point, r->points, &m);
  if (end->status) return GAZE_OK;
  status = can_go(t, &m) ? GAZE_ACT_OK : GAZE_ACT_BLOCKED;
  memcpy(after, t->now, sizeof after);
  if (t->world)
    GAZE_TRY(gaze_world_carry(t->world, m.object, GAZE_TRAJECTORY_RISE, (const double(*)[2])m.way,
                              m.count, m.spot, &status));
  if (t->world && !t->rehearsing) {
    gaze_world_bodies(t->world, after);
  } else if (status == GAZE_ACT_OK) {
    // where it would be
    for (int k = 0; k < 2; k++) after[m.object].pos[k] = (float)m.spot[k];
  }
  end->status = tabletop_status(status);
  if (t->task.target < 0) return GAZE_OK;
  end->success = reached(t, after);
  const float *p = after[t->task.target].pos;
  if (goal_spot(t, goal)) end->goal_dist = hypot((double)p[0] - goal[0], (double)p[1] - goal[1]);
  return GAZE_OK;
}

// ---- the truth ----

static bool aim(tabletop *t, gaze_rng *r) {
  tabletop_task *k = &t->task;
  const int first = k->side >= 0 ? 2 : 1;  // neither the target nor its twin
  k->dir = gaze_rng_int(r, 0, AVR_DIRS - 1);
  const int other = gaze_rng_int(r, first, k->scene.n - 1);
  k->anchor = k->verb == BESIDE ? other : -1;
  if (k->verb == TRAY) k->dir = TABLETOP_TRAY;
  return true;
}

static void say(const tabletop *t, gaze_buf *out) {
  gaze_buf_str(out, "move the ");
  tabletop_called(&t->task, out);
  if (t->task.verb == TRAY) {
    gaze_buf_str(out, " into the tray");
    return;
  }
  gaze_buf_printf(out, " %s the ", place_word[t->task.dir]);
  tabletop_name(&t->task, t->task.anchor, out);
}

// The names of what stands in the way of a straight line.
static int put_blockers(const tabletop *t, const double from[2], const double to[2],
                        const char *join, gaze_buf *out) {
  const route w = route_of(t->now, t->task.scene.n, t->task.target);
  int n = 0;
  for (int k = 0; k < w.n; k++) {
    if (k == w.object || route_line(&w, k, from, to) >= ROUTE_CLEAR) continue;
    gaze_buf_str(out, n++ ? join : "");
    tabletop_box_words(t->view.box[k], out);
    tabletop_name(&t->task, k, out);
  }
  return n;
}

static void think(const tabletop *t, const double from[2], const double to[2], int corners,
                  gaze_buf *out) {
  const tabletop_task *k = &t->task;
  gaze_buf_str(out, "task: ");
  say(t, out);
  gaze_buf_str(out, "\nimage:\n");
  tabletop_seen_lines(t, out);
  gaze_buf_str(out, "object: ");
  if (k->target < 0) {
    gaze_buf_str(out, "none, there is no ");
    tabletop_called(k, out);
    gaze_buf_str(out, "\nblocked by: nothing\npath: none\n");
    return;
  }
  tabletop_box_words(t->view.box[k->target], out);
  tabletop_called(k, out);
  gaze_buf_str(out, ", the gripper can close on it\nblocked by: ");
  if (put_blockers(t, from, to, ", ", out) == 0) gaze_buf_str(out, "nothing");
  gaze_buf_str(out, "\npath: lift, then ");
  if (corners > 0)
    gaze_buf_printf(out, "by %d %s beside what is in between, ", corners,
                    corners > 1 ? "points" : "point");
  else
    gaze_buf_str(out, "along the open space, ");
  gaze_buf_str(out, "lower and release\n");
}

// The point of the picture that means the target: its centre, else the middle of what is seen.
static bool start_point(const tabletop *t, double at[2]) {
  const int i = t->task.target;
  const float *c = t->now[i].pos;
  const double centre[3] = {(double)c[0], (double)c[1], (double)c[2]}, *b = t->view.box[i];
  double p[3];
  for (int k = 0; k < 2; k++) {
    if (k == 0 && !tabletop_project(&t->view, centre, at)) continue;
    if (k == 1) at[0] = 0.5 * (b[0] + b[2]), at[1] = 0.5 * (b[1] + b[3]);
    if (tabletop_surface(&t->view, at, p) && tabletop_nearest(t->now, t->task.scene.n, p) == i)
      return true;
  }
  return false;
}

// Whether the picture shows the spot itself and not what stands before it.
static bool shows(const tabletop *t, const double at[2], const double spot[3]) {
  double p[3];
  return tabletop_surface(&t->view, at, p) &&
         hypot(hypot(p[0] - spot[0], p[1] - spot[1]), p[2] - spot[2]) < STILL;
}

static bool solve(tabletop *t, gaze_buf *thought, gaze_buf *payload) {
  const int i = t->task.target;
  double at[TABLETOP_POINTS_MAX][2], corner[CORNERS_MAX][2], spot[3], from[2] = {0};
  if (i < 0) {
    gaze_buf_str(payload, "{}");
    think(t, from, from, 0, thought);
    return true;
  }
  if (!gaze_scene_graspable(t->now, t->task.scene.n, i) || !goal_spot(t, spot)) return false;
  const route w = route_of(t->now, t->task.scene.n, i);
  for (int k = 0; k < 2; k++) from[k] = (double)t->now[i].pos[k];
  const int corners = route_find(&w, from, spot, corner, CORNERS_MAX);
  if (corners < 0 || !start_point(t, at[0])) return false;
  // over its place, round the corners, over the spot, down to it
  for (int k = 0; k < corners + 2; k++) {
    const double *xy = k == 0 ? from : k <= corners ? corner[k - 1] : spot;
    const double p[3] = {xy[0], xy[1], w.z};
    if (!tabletop_project(&t->view, p, at[k + 1])) return false;
  }
  if (!tabletop_project(&t->view, spot, at[corners + 3]) || !shows(t, at[corners + 3], spot))
    return false;
  tabletop_path_payload(t, (const double(*)[2])at, corners + 4, payload);
  think(t, from, spot, corners, thought);
  return true;
}

static const tabletop_game game = {
    .name = "trajectory",
    .kind = GAZE_VLA_R1_PATH,
    .verbs = VERBS,
    .verb = verb,
    .aim = aim,
    .say = say,
    .ask =
        "predict the trajectory of the gripper from the object to the goal as 3 to 10 waypoints "
        "[[x1, y1], [x2, y2]], from 0 to 1 of the image, or {} if it is not there.",
    .solve = solve,
    .act = act,
};

static gaze_err env_open(void **self, const gaze_cfg *cfg) {
  return tabletop_open(self, &game, cfg);
}

const gaze_env gaze_env_trajectory = {.name = "trajectory",
                                      .embodied = true,
                                      .open = env_open,
                                      .reset = tabletop_reset,
                                      .step = tabletop_step,
                                      .close = tabletop_close};
