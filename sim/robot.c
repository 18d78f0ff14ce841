// sim/robot.c - reads a robot's file, finds its arm, its actuators and its limits. See robot.h.
#include "sim/robot.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "core/file.h"
#include "sim/robot_internal.h"

static const double PI = 3.14159265358979323846;
static const double RATES[3] = {1.5, 5.0,
                                100.0};  // velocity, acceleration, jerk of an unknown hinge
static const double SLIDE_SHARE = 0.2;   // of those for a slide
static const double EFFORT = 50.0;       // of a joint whose file gives none
static const double SERVO_RAD = 0.02;    // a URDF joint's servo gives its full effort this far off

bool gaze_robot_below(const mjModel *m, int b, int above) {
  while (b > above) b = m->body_parentid[b];  // parents come before their children
  return b == above;
}

int gaze_robot_finger(const gaze_robot_parts *p, int b) {
  while (b > p->hand && p->m->body_parentid[b] != p->hand) b = p->m->body_parentid[b];
  return b > p->hand && p->m->body_parentid[b] == p->hand ? b : -1;
}

static bool simple_joint(const mjModel *m, int j) {
  return m->jnt_type[j] == mjJNT_HINGE || m->jnt_type[j] == mjJNT_SLIDE;
}

// Whether any joint hangs on body b or below it.
static bool has_joints(const mjModel *m, int b) {
  for (int c = b; c < m->nbody; c++)
    if (gaze_robot_below(m, c, b) && m->body_jntnum[c] > 0) return true;
  return false;
}

// An unbranched run of joints from a root body, and where it ends.
typedef struct run {
  int n, joint[GAZE_CHAIN_JOINTS_MAX];
  int end, branches;  // last body, and how many of its children have joints
} run;

// Walks down from a root body as long as there is one way on with joints; n = 0 for what is no arm.
static run walk(const mjModel *m, int root) {
  run r = {.end = root, .branches = 1};
  for (int b = root; r.branches == 1;) {
    for (int k = 0; k < m->body_jntnum[b]; k++) {
      int j = m->body_jntadr[b] + k;
      if (!simple_joint(m, j) || r.n == GAZE_CHAIN_JOINTS_MAX) return (run){.end = root};
      r.joint[r.n++] = j;
    }
    r.end = b;
    r.branches = 0;
    for (int c = r.end + 1; c < m->nbody; c++)
      if (m->body_parentid[c] == r.end && has_joints(m, c)) b = c, r.branches++;
  }
  return r;
}

static gaze_err find_arm(gaze_robot_parts *p, gaze_robot *r) {
  run best = {0};
  for (int root = 1; root < p->m->nbody; root++) {
    if (p->m->body_parentid[root] != 0) continue;
    run now = walk(p->m, root);
    if (now.n > best.n) best = now, p->root = root;
  }
  if (best.n < 2)
    return gaze_fail(GAZE_ERR_UNSUPPORTED,
                     "robot: %s: expected an arm, a chain of 2..%d hinges and slides", p->name,
                     GAZE_CHAIN_JOINTS_MAX);
  if (best.branches < 2)
    return gaze_fail(GAZE_ERR_UNSUPPORTED, "robot: %s: no gripper: the arm ends without fingers",
                     p->name);
  r->arm.chain.n = best.n;
  p->hand = best.end;
  memcpy(p->joint, best.joint, sizeof p->joint);
  return GAZE_OK;
}

static const char *joint_name(const mjModel *m, int j) {
  const char *name = mj_id2name(m, mjOBJ_JOINT, j);
  return name ? name : "without name";
}

// A position actuator's force is kp (ctrl - q) - kv dq.
static bool drives(const mjModel *m, int a, int joint) {
  const mjtNum *bias = m->actuator_biasprm + a * mjNBIAS, *gain = m->actuator_gainprm + a * mjNGAIN;
  return m->actuator_trntype[a] == mjTRN_JOINT && m->actuator_trnid[2 * a] == joint &&
         m->actuator_gear[6 * a] == 1.0 && m->actuator_biastype[a] == mjBIAS_AFFINE &&
         gain[0] > 0.0 && fabs(gain[0] + bias[1]) <= 1e-9 * gain[0];
}

static gaze_err find_actuators(const gaze_robot_parts *p, gaze_robot *r) {
  const mjModel *m = p->m;
  for (int i = 0; i < r->arm.chain.n; i++) {
    int found = -1;
    for (int a = 0; a < m->nu && found < 0; a++)
      if (drives(m, a, p->joint[i])) found = a;
    if (found < 0)
      return gaze_fail(GAZE_ERR_UNSUPPORTED, "robot: %s: joint %s has no position actuator",
                       p->name, joint_name(m, p->joint[i]));
    r->ctrl[i] = found;
    r->qpos[i] = m->jnt_qposadr[p->joint[i]];
    r->dof[i] = m->jnt_dofadr[p->joint[i]];
  }
  return GAZE_OK;
}

static bool finger_joint(const gaze_robot_parts *p, int j) {
  return j >= 0 && gaze_robot_finger(p, p->m->jnt_bodyid[j]) >= 0;
}

// Whether an actuator pulls a finger: by its joint, or by a tendon over its joints or sites.
static bool grips(const gaze_robot_parts *p, int a) {
  const mjModel *m = p->m;
  int id = m->actuator_trnid[2 * a];
  if (m->actuator_trntype[a] == mjTRN_JOINT) return finger_joint(p, id);
  if (m->actuator_trntype[a] != mjTRN_TENDON) return false;
  for (int w = m->tendon_adr[id]; w < m->tendon_adr[id] + m->tendon_num[id]; w++) {
    if (m->wrap_type[w] == mjWRAP_JOINT && finger_joint(p, m->wrap_objid[w])) return true;
    if (m->wrap_type[w] == mjWRAP_SITE &&
        gaze_robot_finger(p, m->site_bodyid[m->wrap_objid[w]]) >= 0)
      return true;
  }
  return false;
}

static gaze_err find_grips(const gaze_robot_parts *p, gaze_robot *r) {
  const mjModel *m = p->m;
  for (int a = 0; a < m->nu; a++) {
    if (!grips(p, a)) continue;
    if (r->grips == GAZE_ROBOT_GRIPS_MAX || !m->actuator_ctrllimited[a])
      return gaze_fail(GAZE_ERR_UNSUPPORTED,
                       "robot: %s: expected at most %d gripper actuators, each with a ctrlrange",
                       p->name, GAZE_ROBOT_GRIPS_MAX);
    r->grip[r->grips++] = a;
  }
  if (r->grips > 0) return GAZE_OK;
  return gaze_fail(GAZE_ERR_UNSUPPORTED, "robot: %s: no gripper: no actuator moves the fingers",
                   p->name);
}

static double effort_of(const mjModel *m, int j, int actuator) {
  if (m->jnt_actfrclimited[j]) return m->jnt_actfrcrange[2 * j + 1];
  if (m->actuator_forcelimited[actuator]) return m->actuator_forcerange[2 * actuator + 1];
  return EFFORT;
}

static void read_limits(const mjModel *m, int j, int actuator, gaze_joint *out) {
  bool hinge = m->jnt_type[j] == mjJNT_HINGE;
  const mjtNum *user = m->nuser_jnt >= 3 ? m->jnt_user + j * (int)m->nuser_jnt : NULL;
  double *rate[3] = {&out->vel, &out->acc, &out->jerk};
  for (int k = 0; k < 3; k++) {
    *rate[k] = RATES[k] * (hinge ? 1.0 : SLIDE_SHARE);
    if (user && user[k] > 0.0) *rate[k] = user[k];
  }
  out->effort = effort_of(m, j, actuator);
  // a hinge without limits may turn once either way; a slide without them is refused later
  out->lo = hinge ? -2.0 * PI : 0.0, out->hi = hinge ? 2.0 * PI : 0.0;
  if (m->jnt_limited[j]) out->lo = m->jnt_range[2 * j], out->hi = m->jnt_range[2 * j + 1];
}

// Where a body stands in the world, as d says.
static gaze_pose body_pose(const mjData *d, int b) {
  gaze_pose p;
  mju_copy3(p.pos, d->xpos + 3 * b);
  mju_copy4(p.quat, d->xquat + 4 * b);
  return p;
}

// With all joints at 0, every link's frame is its body's turned, standing on the joint's anchor:
// that holds for any body offsets, joint positions and several joints on one body.
static gaze_err read_chain(gaze_robot_parts *p, gaze_robot *r) {
  gaze_chain *c = &r->arm.chain;
  mj_resetData(p->m, p->d);
  for (int i = 0; i < c->n; i++) p->d->qpos[r->qpos[i]] = 0.0;
  mj_kinematics(p->m, p->d);

  gaze_pose parent = body_pose(p->d, p->m->body_parentid[p->m->jnt_bodyid[p->joint[0]]]);
  c->base = parent;
  c->tool = gaze_pose_identity();
  for (int i = 0; i < c->n; i++) {
    int j = p->joint[i];
    gaze_pose link = body_pose(p->d, p->m->jnt_bodyid[j]);
    mju_copy3(link.pos, p->d->xanchor + 3 * j);
    gaze_pose up = gaze_pose_inverse(&parent), down = gaze_pose_inverse(&link);
    c->joint[i].type = p->m->jnt_type[j] == mjJNT_HINGE ? GAZE_JOINT_HINGE : GAZE_JOINT_SLIDE;
    c->joint[i].frame = gaze_pose_mul(&up, &link);
    gaze_pose_direction(c->joint[i].axis, &down, p->d->xaxis + 3 * j);
    snprintf(c->joint[i].name, sizeof c->joint[i].name, "%s", joint_name(p->m, j));
    read_limits(p->m, j, r->ctrl[i], &c->joint[i]);
    parent = link;
  }
  gaze_err e = gaze_chain_check(c);
  if (e == GAZE_OK) return e;
  char why[300];
  snprintf(why, sizeof why, "%s", gaze_err_detail());
  return gaze_fail(GAZE_ERR_UNSUPPORTED, "robot: %s: %s", p->name, why);
}

static void read_home(const gaze_robot_parts *p, gaze_robot *r) {
  int key = mj_name2id(p->m, mjOBJ_KEY, "home");
  const mjtNum *q = key >= 0 ? p->m->key_qpos + key * p->m->nq : p->m->qpos0;
  for (int i = 0; i < r->arm.chain.n; i++) {
    const gaze_joint *j = &r->arm.chain.joint[i];
    r->arm.home[i] = fmin(fmax(q[r->qpos[i]], j->lo), j->hi);
  }
}

static gaze_err bind(gaze_robot_parts *p, gaze_robot *r) {
  GAZE_TRY(find_arm(p, r));
  GAZE_TRY(find_actuators(p, r));
  GAZE_TRY(find_grips(p, r));
  GAZE_TRY(read_chain(p, r));
  read_home(p, r);
  return gaze_robot_hand(p, r);
}

// MuJoCo's words may come on several lines; a sentence has one.
static const char *one_line(char *text) {
  for (char *c = text; *c; c++)
    if (*c == '\n' || *c == '\r') *c = ' ';
  return text;
}

static gaze_err parse(const char *name, mjSpec **spec) {
  char why[500] = "";
  *spec = NULL;
  for (const gaze_robot_file *f = gaze_robot_files; f->name && *spec == NULL; f++)
    if (strcmp(f->name, name) == 0) *spec = mj_parseXMLString(f->xml, NULL, why, sizeof why);
  if (*spec == NULL && !gaze_file_exists(name))
    return gaze_fail(GAZE_ERR_NOTFOUND,
                     "robot: %s: expected panda7, ur5e6 or the name of an MJCF or URDF file", name);
  if (*spec == NULL) *spec = mj_parseXML(name, NULL, why, sizeof why);
  if (*spec == NULL)
    return gaze_fail(GAZE_ERR_FORMAT, "robot: %s does not parse: %s", name, one_line(why));
  return GAZE_OK;
}

// A URDF knows joints and no actuators; its joints get servos, critically damped at rest.
static void add_servos(mjSpec *s) {
  if (mjs_firstElement(s, mjOBJ_ACTUATOR) != NULL) return;
  for (mjsElement *e = mjs_firstElement(s, mjOBJ_JOINT); e; e = mjs_nextElement(s, e)) {
    mjsJoint *j = mjs_asJoint(e);
    if (j->type != mjJNT_HINGE && j->type != mjJNT_SLIDE) continue;
    double effort = j->actfrcrange[1] > 0.0 ? j->actfrcrange[1] : EFFORT, ratio = 1.0;
    mjsActuator *a = mjs_addActuator(s, NULL);
    a->trntype = mjTRN_JOINT;
    mjs_setString(a->target, mjs_getString(mjs_getName(e)));
    mjs_setToPosition(a, effort / SERVO_RAD, NULL, &ratio, NULL, 1.0);
  }
}

// Puts the file's world frame at `base`: every root body moves with it.
static gaze_err place_roots(mjSpec *s, const char *name, const gaze_pose *base) {
  mjsBody *world = mjs_findBody(s, "world");
  mjsElement *e = base ? mjs_firstChild(world, mjOBJ_BODY, 0) : NULL;
  for (; e != NULL; e = mjs_nextChild(world, e, 0)) {
    mjsBody *root = mjs_asBody(e);
    gaze_pose at;
    mju_copy3(at.pos, root->pos);
    mju_copy4(at.quat, root->quat);
    if (root->alt.type != mjORIENTATION_QUAT &&
        mjs_resolveOrientation(at.quat, s->compiler.degree, s->compiler.eulerseq, &root->alt))
      return gaze_fail(GAZE_ERR_FORMAT, "robot: %s: a root body has no sound orientation", name);
    mju_normalize4(at.quat);
    at = gaze_pose_mul(base, &at);
    mju_copy3(root->pos, at.pos);
    mju_copy4(root->quat, at.quat);
    root->alt.type = mjORIENTATION_QUAT;
  }
  return GAZE_OK;
}

// Compiles the spec and reads the robot from the model.
static gaze_err read_robot(gaze_robot *r, const char *name, mjSpec *spec) {
  gaze_robot_parts p = {.name = name, .m = mj_compile(spec, NULL)};
  if (p.m == NULL) {
    char why[500];
    snprintf(why, sizeof why, "%s", mjs_getError(spec));
    return gaze_fail(GAZE_ERR_FORMAT, "robot: %s does not compile: %s", name, one_line(why));
  }
  p.d = mj_makeData(p.m);
  gaze_err e = p.d ? bind(&p, r) : gaze_fail(GAZE_ERR_NOMEM, "robot: %s: no memory", name);
  mj_deleteData(p.d);
  mj_deleteModel(p.m);
  return e;
}

gaze_err gaze_robot_open(gaze_robot *r, const char *name, const gaze_pose *base, mjSpec **spec) {
  if (r == NULL || name == NULL || spec == NULL || (base != NULL && !gaze_pose_valid(base)))
    return gaze_fail(GAZE_ERR_ARG, "robot: expected a robot, a name, a sound base and a spec");
  memset(r, 0, sizeof *r);
  GAZE_TRY(parse(name, spec));
  size_t length = strlen(name);
  if (length > 5 && strcmp(name + length - 5, ".urdf") == 0) add_servos(*spec);
  gaze_err e = place_roots(*spec, name, base);
  if (e == GAZE_OK) e = read_robot(r, name, *spec);
  if (e == GAZE_OK) return e;
  mj_deleteSpec(*spec);
  *spec = NULL;
  return e;
}

void gaze_robot_command(const gaze_robot *r, mjData *d, const double *q, double open) {
  for (int i = 0; i < r->arm.chain.n; i++) d->ctrl[r->ctrl[i]] = q[i];
  for (int k = 0; k < r->grips; k++)
    d->ctrl[r->grip[k]] = r->grip_closed[k] + open * (r->grip_open[k] - r->grip_closed[k]);
}

void gaze_robot_place(const gaze_robot *r, mjData *d, const double *q, double open) {
  for (int i = 0; i < r->arm.chain.n; i++) d->qpos[r->qpos[i]] = q[i], d->qvel[r->dof[i]] = 0.0;
  gaze_robot_command(r, d, q, open);
}

void gaze_robot_posture(const gaze_robot *r, const mjData *d, double *q) {
  for (int i = 0; i < r->arm.chain.n; i++) q[i] = d->qpos[r->qpos[i]];
}
