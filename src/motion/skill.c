// motion/skill.c - see skill.h.
#include "motion/skill.h"
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "motion/skill_internal.h"

enum { GRASPS = 8, TRIES = 4 };

static const double PI = 3.14159265358979323846;
static const double APPROACH = 0.12;  // above a grasp before going down, and after letting go [m]
static const double PUSH_DEPTH = 0.038;   // of the fingertips in what is pushed, at most [m]
static const double FINGER_ROOM = 0.003;  // between a finger and the object on either side [m]
static const double OPEN_ROOM = 0.010;    // wanted on either side when the hand opens before [m]
static const double DROP = 0.002;         // left under an object that is let go [m]
static const double BACK_OFF = 0.01;      // from what was pushed, before rising [m]
static const double STANDOFF[2] = {0.03, 0.012};  // of the fingers from what they will push [m]
static const double SPREAD = 0.8;     // gap between pushing fingers over half the solid's width
static const double UPRIGHT = 0.995;  // cosine within which a solid counts as standing straight

gaze_planner gaze_planner_default(const gaze_arm *arm) {
  return (gaze_planner){.arm = arm,
                        .held = -1,
                        .table_z = -INFINITY,
                        .margin = 0.005,
                        .tool_speed = 0.25,
                        .vel_share = 0.5,
                        .acc_share = 0.5,
                        .grip_s = 0.6,
                        .depth = 0.020,
                        .lift = 0.15};
}

static gaze_err check(const gaze_planner *p, const double *q, double open, gaze_plan *plan) {
  if (p == NULL || p->arm == NULL || q == NULL || plan == NULL)
    return gaze_fail(GAZE_ERR_ARG, "skill: expected a planner with an arm, a posture and a plan");
  plan->n = 0, plan->fault = GAZE_FAULT_NONE;
  GAZE_TRY(gaze_chain_check(&p->arm->chain));
  if (p->solids < 0 || (p->solids > 0 && p->solid == NULL) || p->held < -1 || p->held >= p->solids)
    return gaze_fail(GAZE_ERR_ARG, "skill: expected solids and a held one among them or -1");
  for (int i = 0; i < p->solids; i++)
    if (!gaze_solid_valid(&p->solid[i]))
      return gaze_fail(GAZE_ERR_ARG, "skill: solid %d: expected a known shape and finite numbers",
                       i);
  if (!(p->margin > 0.0 && p->tool_speed > 0.0 && p->vel_share > 0.0 && p->vel_share <= 1.0 &&
        p->acc_share > 0.0 && p->acc_share <= 1.0 && open >= 0.0 && open <= 1.0 &&
        p->grip_s >= 0.0 && p->grip_s < 1e3 && p->depth > 0.0 && p->depth < 1.0 && p->lift > 0.0 &&
        p->lift < 1.0))
    return gaze_fail(
        GAZE_ERR_ARG,
        "skill: expected margin, speed, depth and lift above 0, shares in 0..1, grip_s "
        "from 0");
  if (p->held >= 0 &&
      (p->arm->hull.n >= GAZE_HULL_CAPSULES_MAX || p->solid[p->held].shape == GAZE_SOLID_PLANE))
    return gaze_fail(GAZE_ERR_ARG, "skill: expected a held solid, not a plane, and room for it");
  if (!gaze_chain_within(&p->arm->chain, q, 1e-3))
    return gaze_fail(GAZE_ERR_ARG, "skill: the arm starts outside its joint limits");
  return GAZE_OK;
}

// Names the skill in the sentence of a failed plan and empties the plan.
static gaze_err finish(const char *skill, gaze_plan *plan, gaze_err e) {
  if (e == GAZE_OK) return GAZE_OK;
  char why[500];
  snprintf(why, sizeof why, "%s", gaze_err_detail());
  plan->n = 0;
  return gaze_fail(e, "%s: %s", skill, why);
}

// The hand pointing down, fingers closing along (cos yaw, sin yaw).
static gaze_pose down(double x, double y, double z, double yaw) {
  gaze_pose p = {.pos = {x, y, z}};
  const double cx[3] = {-sin(yaw), cos(yaw), 0.0}, cy[3] = {cos(yaw), sin(yaw), 0.0};
  const double cz[3] = {0.0, 0.0, -1.0};
  gaze_quat_columns(p.quat, cx, cy, cz);
  return p;
}

// A standing or lying solid as a hand from above sees it.
typedef struct grasps {
  int n;
  double yaw[GRASPS], width[GRASPS];  // closing direction and the solid's width along it [m]
  double half_z;                      // half height [m]
} grasps;

static void add_grasp(grasps *g, double yaw, double width) {
  // a parallel hand turned by half a turn is the same hand: another posture to choose from
  for (int k = 0; k < 2; k++) {
    g->yaw[g->n] = remainder(yaw + k * PI, 2.0 * PI);
    g->width[g->n++] = width;
  }
}

static bool round_grasps(grasps *g, const gaze_solid *s, const double axis[3]) {
  double radius = s->size[0], half = s->shape == GAZE_SOLID_SPHERE ? radius : s->size[1];
  if (s->shape == GAZE_SOLID_CAPSULE) half += radius;
  if (s->shape == GAZE_SOLID_SPHERE || fabs(axis[2]) > UPRIGHT) {
    g->half_z = half;
    for (int k = 0; k < GRASPS / 2; k++) add_grasp(g, k * PI / 4.0, 2.0 * radius);
    return true;
  }
  g->half_z = radius;
  add_grasp(g, atan2(axis[0], -axis[1]), 2.0 * radius);
  return fabs(axis[2]) < sqrt(1.0 - UPRIGHT * UPRIGHT);
}

static bool box_grasps(grasps *g, const gaze_solid *s, double axis[3][3]) {
  int up = 0;
  for (int k = 1; k < 3; k++)
    if (fabs(axis[k][2]) > fabs(axis[up][2])) up = k;
  int a = (up + 1) % 3, b = (up + 2) % 3;
  int narrow = s->size[a] <= s->size[b] ? a : b, wide = a + b - narrow;
  g->half_z = s->size[up];
  add_grasp(g, atan2(axis[narrow][1], axis[narrow][0]), 2.0 * s->size[narrow]);
  add_grasp(g, atan2(axis[wide][1], axis[wide][0]), 2.0 * s->size[wide]);
  return fabs(axis[up][2]) > UPRIGHT;
}

// Returns false if the solid is tilted or has no sides.
static bool find_grasps(const gaze_solid *s, grasps *g) {
  const double e[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  double axis[3][3];
  for (int k = 0; k < 3; k++) gaze_pose_direction(axis[k], &s->pose, e[k]);
  *g = (grasps){0};
  if (s->shape == GAZE_SOLID_PLANE) return false;
  return s->shape == GAZE_SOLID_BOX ? box_grasps(g, s, axis) : round_grasps(g, s, axis[2]);
}

static double share_for(const gaze_arm *arm, double width) {
  return fmin(1.0, (width + 2.0 * OPEN_ROOM) / arm->open_m);
}

// Down on the solid, close, up: from one side and with one choice of posture.
static gaze_err pick_once(gaze_builder *b, int i, const grasps *g, int k, uint64_t seed) {
  const gaze_planner *p = b->planner;
  const gaze_solid *s = &p->solid[i];
  double z = s->pose.pos[2] - g->half_z + gaze_grasp_height(p, s);
  gaze_pose grip = down(s->pose.pos[0], s->pose.pos[1], z, g->yaw[k]), above = grip, lifted = grip;
  above.pos[2] = fmax(z, s->pose.pos[2] + g->half_z + APPROACH);
  lifted.pos[2] = z + p->lift;

  b->open = b->span = share_for(p->arm, g->width[k]);
  GAZE_TRY(gaze_builder_transit(b, "approach", &above, seed));
  b->target = i;
  GAZE_TRY(gaze_builder_trace(b, "descend", &grip, 1));
  b->open = 0.0, b->span = g->width[k] / p->arm->open_m;
  gaze_builder_wait(b, "close", p->grip_s);
  return gaze_builder_trace(b, "lift", &lifted, 1);
}

gaze_err gaze_skill_pick(const gaze_planner *p, const double *q, double open, int i,
                         gaze_plan *plan) {
  GAZE_TRY(check(p, q, open, plan));
  if (i < 0 || i >= p->solids || p->held >= 0)
    return gaze_fail(GAZE_ERR_ARG, "pick: expected one of %d solids and an empty hand", p->solids);
  gaze_builder b;
  grasps g;
  gaze_builder_start(&b, p, q, open, plan);
  b.phase = "grasp";
  if (!find_grasps(&p->solid[i], &g))
    return finish("pick", plan,
                  gaze_builder_fault(&b, GAZE_FAULT_CLEARANCE, "tilted or without sides"));
  char why[80];
  snprintf(why, sizeof why, "%.0f mm wide, the hand opens by %.0f mm", 1e3 * g.width[0],
           1e3 * p->arm->open_m);
  gaze_err e = gaze_builder_fault(&b, GAZE_FAULT_CLEARANCE, why);
  for (int t = 0; t < TRIES * g.n; t++) {
    int k = t % g.n;
    if (g.width[k] + 2.0 * FINGER_ROOM > p->arm->open_m) continue;
    gaze_builder_start(&b, p, q, open, plan);
    e = pick_once(&b, i, &g, k, (uint64_t)(t / g.n));
    if (e == GAZE_OK) return e;
  }
  return finish("pick", plan, e);
}

static gaze_err place_once(gaze_builder *b, const double spot[3], double height, double width,
                           double yaw, uint64_t seed) {
  const gaze_arm *arm = b->planner->arm;
  gaze_pose set = down(spot[0], spot[1], spot[2] + height + DROP, yaw), above = set;
  above.pos[2] += APPROACH;
  b->span = width / arm->open_m;
  GAZE_TRY(gaze_builder_transit(b, "carry", &above, seed));
  // near its place the object is where it is wanted: only the hand is checked from here on
  b->hull.n = arm->hull.n;
  GAZE_TRY(gaze_builder_trace(b, "lower", &set, 1));
  b->open = b->span = share_for(arm, width);
  gaze_builder_wait(b, "let go", b->planner->grip_s);
  return gaze_builder_trace(b, "retreat", &above, 1);
}

gaze_err gaze_skill_place(const gaze_planner *p, const double *q, const double spot[3],
                          gaze_plan *plan) {
  GAZE_TRY(check(p, q, 0.0, plan));
  if (p->held < 0 || spot == NULL || !isfinite(spot[0] + spot[1] + spot[2]))
    return gaze_fail(GAZE_ERR_ARG, "place: expected a held solid and a spot of finite numbers");
  // the pose of a held solid is the one it was grasped in: it tells how it is held
  const gaze_solid *s = &p->solid[p->held];
  grasps g;
  if (!find_grasps(s, &g) || g.width[0] > p->arm->open_m)
    return gaze_fail(GAZE_ERR_ARG, "place: the held solid is tilted, too wide or without sides");
  gaze_pose now = gaze_chain_fk(&p->arm->chain, q, NULL);
  const double y[3] = {0, 1, 0};
  double closing[3], height = gaze_grasp_height(p, s);
  gaze_pose_direction(closing, &now, y);

  gaze_err e = GAZE_OK;
  for (int t = 0; t < TRIES * GRASPS; t++) {
    gaze_builder b;
    double yaw = atan2(closing[1], closing[0]) + (t % GRASPS) * 2.0 * PI / GRASPS;
    gaze_builder_start(&b, p, q, 0.0, plan);
    e = place_once(&b, spot, height, g.width[0], yaw, (uint64_t)(t / GRASPS));
    if (e == GAZE_OK) return e;
  }
  return finish("place", plan, e);
}

// How far the closed fingers reach from the tool's origin along its own direction `d`.
static double finger_reach(const gaze_arm *arm, const double d[3]) {
  double reach = 0.0, in[3], gap[3];
  gaze_pose_direction(in, &arm->chain.tool, d);
  for (int i = 0; i < arm->hull.n; i++) {
    const gaze_capsule *c = &arm->hull.capsule[i];
    if (!c->finger) continue;
    for (int k = 0; k < 3; k++) gap[k] = c->a[k] - arm->chain.tool.pos[k];
    double a = gaze_vec_dot(gap, in);
    for (int k = 0; k < 3; k++) gap[k] = c->b[k] - arm->chain.tool.pos[k];
    reach = fmax(reach, fmax(a, gaze_vec_dot(gap, in)) + c->radius);
  }
  return reach;
}

// Whether the ball inside solid i can go by `way` without meeting another solid.
static bool way_free(const gaze_planner *p, int i, double radius, const double way[3]) {
  const double *from = p->solid[i].pose.pos;
  double to[3] = {from[0] + way[0], from[1] + way[1], from[2] + way[2]};
  for (int k = 0; k < p->solids; k++)
    if (k != i && gaze_solid_capsule(&p->solid[k], from, to, radius) < 0.0) return false;
  return true;
}

// One way of pushing.
typedef struct push_way {
  double yaw;       // of the hand
  bool abreast;     // the fingers side by side, else one behind the other
  double standoff;  // [m]
  uint64_t seed;
} push_way;

// How far the fingers stand from the middle of what they have pushed for a while. A box has turned
// a face to them or has a corner between them, which for this spread is the same; what is round
// lies between them.
static double rest_half(const gaze_solid *s, const double dir[3], bool abreast) {
  const double e[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  double most = 0.0, half = gaze_solid_half(s, dir);
  if (s->shape != GAZE_SOLID_BOX) return abreast ? half * sqrt(1.0 - 0.25 * SPREAD * SPREAD) : half;
  for (int k = 0; k < 3; k++) {
    double axis[3];
    gaze_pose_direction(axis, &s->pose, e[k]);
    double along = fabs(gaze_vec_dot(axis, dir));
    if (along > most) most = along, half = s->size[k];
  }
  return half;
}

double gaze_push_height(const gaze_planner *p, const gaze_solid *s) {
  const double up[3] = {0.0, 0.0, 1.0}, half = gaze_solid_half(s, up), z = s->pose.pos[2];
  return fmax(fmax(z - 0.5 * half, z + half - PUSH_DEPTH), p->table_z + GAZE_TABLE_GAP_M);
}

static gaze_err push_once(gaze_builder *b, int i, const double dir[3], double distance,
                          double half_z, const push_way *way) {
  const gaze_planner *p = b->planner;
  const gaze_solid *s = &p->solid[i];
  // in the tool's frame: the hand points down and y is the closing direction
  double turn = atan2(dir[1], dir[0]) - way->yaw, yaw = way->yaw;
  const double ahead[3] = {sin(turn), cos(turn), 0.0};
  double reach = finger_reach(p->arm, ahead);
  double z = gaze_push_height(p, s);
  double start = -gaze_solid_half(s, dir) - reach - way->standoff;
  double end = distance - rest_half(s, dir, way->abreast) - reach;
  gaze_pose low = down(s->pose.pos[0] + start * dir[0], s->pose.pos[1] + start * dir[1], z, yaw);
  gaze_pose done = down(s->pose.pos[0] + end * dir[0], s->pose.pos[1] + end * dir[1], z, yaw);
  gaze_pose above = low, off[2] = {done, done};
  above.pos[2] = s->pose.pos[2] + half_z + APPROACH;
  // off it first: fingers that rise along what they press against would lift it
  for (int k = 0; k < 2; k++)
    for (int c = 0; c < 2; c++) off[k].pos[c] -= BACK_OFF * dir[c];
  off[1].pos[2] = z + APPROACH;

  // two fingers a little apart: what they push does not roll or turn away sideways
  b->open = way->abreast ? fmin(1.0, SPREAD * gaze_solid_half(s, dir) / p->arm->open_m) : 0.0;
  b->span = b->open;
  GAZE_TRY(gaze_builder_transit(b, "approach", &above, way->seed));
  GAZE_TRY(gaze_builder_trace(b, "descend", &low, 1));
  b->target = i;
  GAZE_TRY(gaze_builder_trace(b, "push", &done, 1));
  return gaze_builder_trace(b, "retreat", off, 2);
}

gaze_err gaze_skill_push(const gaze_planner *p, const double *q, double open, int i,
                         const double dir[2], double distance, gaze_plan *plan) {
  GAZE_TRY(check(p, q, open, plan));
  if (i < 0 || i >= p->solids || p->held >= 0 || dir == NULL ||
      !(fabs(hypot(dir[0], dir[1]) - 1.0) < 1e-3) || !(distance > 0.0 && distance < 2.0))
    return gaze_fail(GAZE_ERR_ARG,
                     "push: expected one of %d solids, an empty hand, a unit vector in x, y and a "
                     "distance in 0..2 m",
                     p->solids);
  const gaze_solid *s = &p->solid[i];
  const double dir3[3] = {dir[0], dir[1], 0.0};
  const double way[3] = {distance * dir[0], distance * dir[1], 0.0};
  gaze_builder b;
  grasps g;
  gaze_builder_start(&b, p, q, open, plan);
  b.phase = "way";
  if (!find_grasps(s, &g))
    return finish("push", plan,
                  gaze_builder_fault(&b, GAZE_FAULT_CLEARANCE, "tilted or without sides"));
  if (!way_free(p, i, fmin(g.half_z, gaze_solid_half(s, dir3)) - 0.001, way))
    return finish("push", plan,
                  gaze_builder_fault(&b, GAZE_FAULT_CLEARANCE, "something stands in the way"));
  gaze_err e = GAZE_OK;
  for (int t = 0; t < 4 * TRIES; t++) {
    // both fingers side by side first, then one behind the other; from afar first, then from near
    push_way w = {.abreast = t % 4 < 2, .standoff = STANDOFF[t % 8 / 4], .seed = (uint64_t)(t / 8)};
    w.yaw = atan2(dir[1], dir[0]) + (t % 2 ? -0.5 : 0.5) * PI + (w.abreast ? 0.0 : 0.5 * PI);
    gaze_builder_start(&b, p, q, open, plan);
    e = push_once(&b, i, dir3, distance, g.half_z, &w);
    if (e == GAZE_OK) return e;
  }
  return finish("push", plan, e);
}

gaze_err gaze_skill_reach(const gaze_planner *p, const double *q, double open,
                          const gaze_pose *target, gaze_plan *plan) {
  GAZE_TRY(check(p, q, open, plan));
  if (target == NULL || !gaze_pose_valid(target))
    return gaze_fail(GAZE_ERR_ARG, "reach: expected a target pose of finite numbers");
  gaze_err e = GAZE_OK;
  for (int t = 0; t < TRIES; t++) {
    gaze_builder b;
    gaze_builder_start(&b, p, q, open, plan);
    e = gaze_builder_transit(&b, "reach", target, (uint64_t)t);
    if (e == GAZE_OK) return e;
  }
  return finish("reach", plan, e);
}

gaze_err gaze_skill_follow(const gaze_planner *p, const double *q, double open,
                           const gaze_pose *way, int count, gaze_plan *plan) {
  GAZE_TRY(check(p, q, open, plan));
  if (way == NULL || count < 1 || count > GAZE_SKILL_WAY_MAX)
    return gaze_fail(GAZE_ERR_ARG, "follow: expected 1..%d poses", GAZE_SKILL_WAY_MAX);
  for (int k = 0; k < count; k++)
    if (!gaze_pose_valid(&way[k]))
      return gaze_fail(GAZE_ERR_ARG, "follow: pose %d: expected finite numbers", k);
  gaze_err e = GAZE_OK;
  for (int t = 0; t < TRIES; t++) {
    gaze_builder b;
    gaze_builder_start(&b, p, q, open, plan);
    e = gaze_builder_transit(&b, "to the start", &way[0], (uint64_t)t);
    if (e == GAZE_OK && count > 1) e = gaze_builder_trace(&b, "follow", way + 1, count - 1);
    if (e == GAZE_OK) return e;
  }
  return finish("follow", plan, e);
}

gaze_err gaze_skill_home(const gaze_planner *p, const double *q, double open, gaze_plan *plan) {
  GAZE_TRY(check(p, q, open, plan));
  gaze_builder b;
  gaze_builder_start(&b, p, q, open, plan);
  return finish("home", plan, gaze_builder_swing(&b, "home", p->arm->home));
}

gaze_err gaze_skill_retreat(const gaze_planner *p, const double *q, double open, double height,
                            gaze_plan *plan) {
  GAZE_TRY(check(p, q, open, plan));
  if (!(height > 0.0 && height < 2.0))
    return gaze_fail(GAZE_ERR_ARG, "retreat: field height: expected 0..2 m");
  gaze_builder b;
  gaze_builder_start(&b, p, q, open, plan);
  gaze_pose up = gaze_builder_tool(&b);
  up.pos[2] += height;
  return finish("retreat", plan, gaze_builder_trace(&b, "retreat", &up, 1));
}

double gaze_plan_duration(const gaze_plan *plan) {
  double total = 0.0;
  for (int k = 0; k < plan->n; k++)
    total += gaze_path_duration(&plan->phase[k].path) + plan->phase[k].wait_s;
  return total;
}

int gaze_plan_eval(const gaze_plan *plan, double t, double *q, double *dq, double *open) {
  int k = 0;
  for (; k + 1 < plan->n; k++) {
    double length = gaze_path_duration(&plan->phase[k].path) + plan->phase[k].wait_s;
    if (t < length) break;
    t -= length;
  }
  gaze_path_eval(&plan->phase[k].path, t, q, dq, NULL);
  *open = plan->phase[k].open;
  return k;
}
