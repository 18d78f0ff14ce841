// sim/arm.c - a simulated arm carries and pushes: plans first, then follows them by its servos.
//
// Every way of an action is planned before the first step is taken, so what cannot be done leaves
// the world untouched. Objects are held by friction between the fingers and nothing else.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/world_internal.h"

enum { OBJECTS = GAZE_WORLD_FIXED };  // table and tray; then the objects that are not gone

static const double PI = 3.14159265358979323846;
static const double BASE_Y = 0.50;              // [m]
static const double TOOL_SPEED = 1.0;           // of the fingertips [m/s]
static const double GRIP_S = 0.35;              // for the fingers to close or open
static const double SHARE = 1.0;                // of the joints' velocity and acceleration
static const double MARGIN = 0.003;             // kept from what is not touched [m]
static const double DEPTH[2] = {0.020, 0.006};  // of the fingertips in what is grasped [m]
static const double SLACK = 0.02;  // a lifted object this far from its place was lost [m]
static const double REST_S = 0.1;  // at home, for the servos to come to rest
// mean speeds of a push: what slides faster runs on when the hand stops, what rolls still sooner
static const double SLIDE_SPEED = 0.10, ROLL_SPEED = 0.06;  // [m/s]

gaze_err gaze_arm_open(gaze_world *w, const char *robot, mjSpec **spec) {
  w->arm = calloc(1, sizeof *w->arm);
  if (w->arm == NULL) return gaze_fail(GAZE_ERR_NOMEM, "world: no memory for an arm");
  const double up[3] = {0.0, 0.0, 1.0};
  gaze_pose base = {.pos = {0.0, BASE_Y, 0.0}};
  gaze_quat_axis(base.quat, up, -0.5 * PI);
  return gaze_robot_open(&w->arm->robot, robot, &base, spec);
}

void gaze_arm_park(gaze_world *w) {
  const gaze_robot *r = &w->arm->robot;
  gaze_robot_place(r, w->d, r->arm.home, 1.0);
  for (int i = 0; i < r->arm.chain.n; i++) {
    // force = kp (ctrl - q) - kv dq: at constant speed a servo stays kv / kp seconds behind
    const mjtNum *gain = w->m->actuator_gainprm + r->ctrl[i] * mjNGAIN;
    const mjtNum *bias = w->m->actuator_biasprm + r->ctrl[i] * mjNBIAS;
    w->arm->lead[i] = -bias[2] / gain[0];
  }
}

// What the planner sees: solids, and which of them is the object acted on.
typedef struct surroundings {
  gaze_solid solid[OBJECTS + GAZE_SCENE_BODIES_MAX];
  int n, object;
} surroundings;

gaze_solid gaze_scene_solid(const gaze_body *b) {
  static const gaze_solid_shape shape[] = {[GAZE_SHAPE_CUBE] = GAZE_SOLID_BOX,
                                           [GAZE_SHAPE_SPHERE] = GAZE_SOLID_SPHERE,
                                           [GAZE_SHAPE_CYLINDER] = GAZE_SOLID_CYLINDER};
  gaze_solid s = {.shape = shape[b->shape]};
  mjtNum rot[9];
  for (int k = 0; k < 9; k++) rot[k] = (mjtNum)b->rot[k];
  mju_mat2Quat(s.pose.quat, rot);
  mju_normalize4(s.pose.quat);
  for (int k = 0; k < 3; k++) s.pose.pos[k] = (double)b->pos[k], s.size[k] = (double)b->half;
  return s;
}

double gaze_scene_touch_z(const gaze_body *b, bool grasp) {
  const gaze_planner p = {.table_z = 0.0, .depth = DEPTH[0]};
  const gaze_solid s = gaze_scene_solid(b);
  if (!grasp) return gaze_push_height(&p, &s);
  return (double)b->pos[2] - gaze_body_height(b) + gaze_grasp_height(&p, &s);
}

void gaze_world_fixed(gaze_solid solid[GAZE_WORLD_FIXED]) {
  solid[0] =
      (gaze_solid){.shape = GAZE_SOLID_BOX,
                   .pose = {.pos = {0.0, 0.0, -GAZE_TABLE_HALF_Z}, .quat = {1.0, 0.0, 0.0, 0.0}},
                   .size = {GAZE_TABLE_HALF_X, GAZE_TABLE_HALF_Y, GAZE_TABLE_HALF_Z}};
  solid[1] = (gaze_solid){.shape = GAZE_SOLID_BOX,
                          .pose = {.pos = {GAZE_TRAY_X, GAZE_TRAY_Y, 0.5 * GAZE_TRAY_TOP},
                                   .quat = {1.0, 0.0, 0.0, 0.0}},
                          .size = {GAZE_TRAY_HALF, GAZE_TRAY_HALF, 0.5 * GAZE_TRAY_TOP}};
}

static void look_round(surroundings *s, const gaze_body *bodies, int n, int i) {
  gaze_world_fixed(s->solid);
  s->n = OBJECTS, s->object = -1;
  for (int j = 0; j < n; j++) {
    if (bodies[j].gone) continue;
    if (j == i) s->object = s->n;
    s->solid[s->n++] = gaze_scene_solid(&bodies[j]);
  }
}

static gaze_planner planner(const gaze_world_arm *a, const surroundings *s) {
  gaze_planner p = gaze_planner_default(&a->robot.arm);
  p.solid = s->solid, p.solids = s->n;
  p.table_z = 0.0;
  p.margin = MARGIN;
  p.tool_speed = TOOL_SPEED;
  p.vel_share = p.acc_share = SHARE;
  p.grip_s = GRIP_S;
  return p;
}

// Where the arm was told to be, which is where its next plan begins.
static void told(const gaze_world *w, double *q) {
  const gaze_robot *r = &w->arm->robot;
  for (int i = 0; i < r->arm.chain.n; i++) q[i] = w->d->ctrl[r->ctrl[i]];
}

static void end_of(const gaze_plan *plan, double *q) {
  double open;
  gaze_plan_eval(plan, gaze_plan_duration(plan), q, NULL, &open);
}

// Steps the world while the arm follows a plan, then for `rest_s`.
static gaze_err follow(gaze_world *w, const gaze_plan *plan, double rest_s) {
  const gaze_robot *r = &w->arm->robot;
  const double dt = w->m->opt.timestep, T = gaze_plan_duration(plan) + rest_s;
  for (int k = 1; (k - 1) * dt < T; k++) {
    double q[GAZE_CHAIN_JOINTS_MAX], dq[GAZE_CHAIN_JOINTS_MAX], open;
    gaze_plan_eval(plan, k * dt, q, dq, &open);
    for (int i = 0; i < r->arm.chain.n; i++) q[i] += w->arm->lead[i] * dq[i];
    gaze_robot_command(r, w->d, q, open);
    GAZE_TRY(gaze_world_step(w));
  }
  return GAZE_OK;
}

// No plan is an answer, not an error of the caller.
static gaze_err answer(gaze_world *w, gaze_err e, const gaze_plan *plan, gaze_act_status *status) {
  *status = GAZE_ACT_BLOCKED;
  w->fault = e == GAZE_ERR_NOTFOUND ? plan->fault : GAZE_FAULT_NONE;
  return e == GAZE_ERR_NOTFOUND ? GAZE_OK : e;
}

// Opens the hand where it is and goes home: what is planned for went wrong, so the way home is
// planned from what is there now. If it finds none, it goes up and home over the bare table.
static gaze_err give_up(gaze_world *w) {
  gaze_world_arm *a = w->arm;
  gaze_body now[GAZE_SCENE_BODIES_MAX];
  surroundings s;
  double q[GAZE_CHAIN_JOINTS_MAX];
  gaze_world_bodies(w, now);
  look_round(&s, now, w->n, -1);
  gaze_planner p = planner(a, &s);
  told(w, q);
  gaze_err e = gaze_skill_home(&p, q, 1.0, &a->plan[3]);
  p.solids = OBJECTS;
  if (e == GAZE_ERR_NOTFOUND) e = gaze_skill_home(&p, q, 1.0, &a->plan[3]);
  GAZE_TRY(e);
  return follow(w, &a->plan[3], REST_S);
}

// Plans the way of a held object at the height it was lifted to: where the object goes, the hand
// goes with it.
static gaze_err plan_way(const gaze_planner *p, const double *q, const gaze_body *b,
                         const gaze_carrying *how, gaze_plan *plan) {
  gaze_pose way[GAZE_WORLD_WAY_MAX + 2];
  plan->n = 0;
  if (how->count == 0) return GAZE_OK;
  const gaze_pose hand = gaze_chain_fk(&p->arm->chain, q, NULL);
  for (int k = 0; k <= how->count + 1; k++) way[k] = hand;
  for (int k = 1; k <= how->count + 1; k++) {
    const double *to = k <= how->count ? how->way[k - 1] : how->to;
    for (int c = 0; c < 2; c++) way[k].pos[c] += to[c] - (double)b->pos[c];
  }
  return gaze_skill_follow(p, q, 0.0, way, how->count + 2, plan);
}

// Plans to take the object, to carry it along its way, to set it down, and to go home past where it
// stands then; `made` counts the plans that were found.
static gaze_err plan_carry(gaze_world_arm *a, surroundings *s, const double *q0, const gaze_body *b,
                           const gaze_carrying *how, double depth, int *made) {
  gaze_planner p = planner(a, s);
  p.depth = depth, p.lift = how->rise;
  double q[GAZE_CHAIN_JOINTS_MAX];
  const double spot[3] = {how->to[0], how->to[1], how->to[2] - gaze_body_height(b)};
  *made = 0;
  GAZE_TRY(gaze_skill_pick(&p, q0, 1.0, s->object, &a->plan[0]));
  end_of(&a->plan[0], q);
  *made = 1;
  p.held = s->object;
  GAZE_TRY(plan_way(&p, q, b, how, &a->plan[1]));
  if (a->plan[1].n) end_of(&a->plan[1], q);
  *made = 2;
  GAZE_TRY(gaze_skill_place(&p, q, spot, &a->plan[2]));
  end_of(&a->plan[2], q);
  *made = 3;
  p.held = -1;
  mju_copy3(s->solid[s->object].pose.pos, how->to);
  return gaze_skill_home(&p, q, 1.0, &a->plan[3]);
}

static bool rolls(const gaze_body *b) {
  bool stands = fabs((double)b->rot[8]) > 0.7;
  return b->shape == GAZE_SHAPE_SPHERE || (b->shape == GAZE_SHAPE_CYLINDER && !stands);
}

// Whether the object came up with the hand.
static bool lifted(const gaze_world *w, const gaze_body *before, int i) {
  const gaze_plan *pick = &w->arm->plan[0];
  const gaze_chain *c = &w->arm->robot.arm.chain;
  const gaze_path *lift = &pick->phase[pick->n - 1].path;
  double rise = gaze_chain_fk(c, lift->q[lift->knots - 1], NULL).pos[2] -
                gaze_chain_fk(c, lift->q[0], NULL).pos[2];
  double want[3] = {(double)before->pos[0], (double)before->pos[1], (double)before->pos[2] + rise};
  return gaze_world_off(w, i, want) <= SLACK;
}

// What carrying takes, the pause in the air and the way home apart [s].
static double carry_time(const gaze_world_arm *a) {
  double total = 0.0;
  for (int k = 0; k < 3; k++) total += gaze_plan_duration(&a->plan[k]);
  return total;
}

gaze_err gaze_arm_carry(gaze_world *w, const gaze_body *before, int i, const gaze_carrying *how,
                        gaze_act_status *status) {
  gaze_world_arm *a = w->arm;
  surroundings s;
  double q[GAZE_CHAIN_JOINTS_MAX];
  int made = 0;
  told(w, q);
  gaze_err e = GAZE_OK;
  for (int k = 0; k < 2; k++) {
    look_round(&s, before, w->n, i);
    e = plan_carry(a, &s, q, &before[i], how, DEPTH[k], &made);
    // higher up the palm may pass over a neighbour; what is round cannot be held there
    if (e != GAZE_ERR_NOTFOUND || a->plan[made].fault != GAZE_FAULT_COLLISION || rolls(&before[i]))
      break;
  }
  if (e != GAZE_OK) return answer(w, e, &a->plan[made], status);
  *status = GAZE_ACT_TIMEOUT;
  if (carry_time(a) > GAZE_ACT_LIMIT_S) return GAZE_OK;
  *status = GAZE_ACT_OK;
  if (w->rehearse) return GAZE_OK;

  GAZE_TRY(follow(w, &a->plan[0], how->hold_s));
  *status = GAZE_ACT_SLIPPED;
  if (!lifted(w, &before[i], i)) return give_up(w);
  if (a->plan[1].n) GAZE_TRY(follow(w, &a->plan[1], 0.0));
  GAZE_TRY(follow(w, &a->plan[2], 0.0));
  *status = GAZE_ACT_OK;
  return follow(w, &a->plan[3], REST_S);
}

// Slows the phase that touches the object.
static void push_gently(gaze_plan *plan, double speed, double distance) {
  for (int k = 0; k < plan->n; k++) {
    gaze_path *path = &plan->phase[k].path;
    if (strcmp(plan->phase[k].name, "push") == 0)
      gaze_path_stretch(path, fmax(1.0, distance / speed / gaze_path_duration(path)));
  }
}

gaze_err gaze_arm_push(gaze_world *w, const gaze_body *before, int i, const float dir[2],
                       double distance, gaze_act_status *status) {
  gaze_world_arm *a = w->arm;
  const double way[2] = {(double)dir[0], (double)dir[1]};
  surroundings s;
  double q[GAZE_CHAIN_JOINTS_MAX];
  look_round(&s, before, w->n, i);
  gaze_planner p = planner(a, &s);
  told(w, q);
  gaze_err e = gaze_skill_push(&p, q, 1.0, s.object, way, distance, &a->plan[0]);
  if (e != GAZE_OK) return answer(w, e, &a->plan[0], status);
  push_gently(&a->plan[0], rolls(&before[i]) ? ROLL_SPEED : SLIDE_SPEED, distance);
  for (int k = 0; k < 2; k++) s.solid[s.object].pose.pos[k] += distance * way[k];
  end_of(&a->plan[0], q);
  e = gaze_skill_home(&p, q, 1.0, &a->plan[1]);
  if (e != GAZE_OK) return answer(w, e, &a->plan[1], status);
  *status = GAZE_ACT_TIMEOUT;
  if (gaze_plan_duration(&a->plan[0]) > GAZE_ACT_LIMIT_S) return GAZE_OK;
  *status = GAZE_ACT_OK;
  if (w->rehearse) return GAZE_OK;

  GAZE_TRY(follow(w, &a->plan[0], 0.0));
  return follow(w, &a->plan[1], REST_S);
}
