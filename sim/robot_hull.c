// sim/robot_hull.c - what a robot's hand does and how much room it takes: opening, tool, capsules.
#include <math.h>
#include <string.h>
#include "sim/robot_internal.h"

static const double HAND_S = 1.0;     // for the fingers to come to rest [s]
static const int HAND_STEPS = 20000;  // the most steps that may take
static const double MOVES_M = 0.005;  // fingers that part by less are no hand [m]
static const int SLICES_MAX = 2;      // capsules of one box

enum { CAPSULES = GAZE_HULL_CAPSULES_MAX - 1 };  // one is left for what the hand carries

// A pose in the world as a link of the chain (-1: the base) sees it, as p->d stands.
static gaze_pose in_link(const gaze_robot_parts *p, const gaze_robot *r, int i, const double pos[3],
                         const double quat[4]) {
  double q[GAZE_CHAIN_JOINTS_MAX];
  gaze_pose link[GAZE_CHAIN_JOINTS_MAX], at;
  gaze_robot_posture(r, p->d, q);
  gaze_chain_fk(&r->arm.chain, q, link);
  mju_copy3(at.pos, pos);
  mju_copy4(at.quat, quat);
  gaze_pose up = gaze_pose_inverse(i < 0 ? &r->arm.chain.base : &link[i]);
  return gaze_pose_mul(&up, &at);
}

static int last_link(const gaze_robot *r) {
  return r->arm.chain.n - 1;
}

// Looked at before MuJoCo does: it would write a log file of its own.
static bool sound_state(const gaze_robot_parts *p) {
  double sum = 0.0;  // x * 0 is 0 for finite x and NaN otherwise
  for (int k = 0; k < p->m->nq; k++) sum += p->d->qpos[k] * 0.0;
  for (int k = 0; k < p->m->nv; k++) sum += p->d->qvel[k] * 0.0;
  return sum == 0.0 && p->d->warning[mjWARN_BADQACC].number == 0;
}

// Lets the fingers come to rest under their controls (0: lower ends, 1: upper ends), the arm held
// still at home and weightless.
static gaze_err settle_fingers(gaze_robot_parts *p, const gaze_robot *r, int end) {
  mj_resetData(p->m, p->d);
  int steps = (int)fmin(ceil(HAND_S / p->m->opt.timestep), HAND_STEPS);
  for (int k = 0; k <= steps; k++) {
    gaze_robot_place(r, p->d, r->arm.home, 0.0);
    for (int g = 0; g < r->grips; g++)
      p->d->ctrl[r->grip[g]] = p->m->actuator_ctrlrange[2 * r->grip[g] + end];
    if (!sound_state(p))
      return gaze_fail(GAZE_ERR_UNSUPPORTED, "robot: %s: the gripper does not come to rest",
                       p->name);
    if (k < steps) mj_step(p->m, p->d);
  }
  mj_kinematics(p->m, p->d);
  return GAZE_OK;
}

static bool collides(const mjModel *m, int g) {
  return m->geom_contype[g] != 0 || m->geom_conaffinity[g] != 0;
}

// Where a geom stands, in link i.
static gaze_pose geom_in_link(const gaze_robot_parts *p, const gaze_robot *r, int i, int g) {
  double quat[4];
  mju_mat2Quat(quat, p->d->geom_xmat + 9 * g);
  return in_link(p, r, i, p->d->geom_xpos + 3 * g, quat);
}

// Finds where two fingers are: the mean centres of their geoms, in the last link.
static gaze_err finger_centres(const gaze_robot_parts *p, const gaze_robot *r, double at[2][3]) {
  int finger[2] = {-1, -1}, geoms[2] = {0, 0};
  memset(at, 0, 2 * sizeof at[0]);
  for (int g = 0; g < p->m->ngeom; g++) {
    int f = gaze_robot_finger(p, p->m->geom_bodyid[g]);
    if (f < 0 || !collides(p->m, g)) continue;
    int k = finger[0] < 0 || finger[0] == f ? 0 : 1;
    if (k == 1 && finger[1] >= 0 && finger[1] != f) continue;  // a third finger
    finger[k] = f;
    gaze_pose pose = geom_in_link(p, r, last_link(r), g);
    for (int c = 0; c < 3; c++) at[k][c] += pose.pos[c];
    geoms[k]++;
  }
  if (geoms[0] == 0 || geoms[1] == 0)
    return gaze_fail(GAZE_ERR_UNSUPPORTED,
                     "robot: %s: no gripper: expected two fingers with geoms that collide",
                     p->name);
  for (int k = 0; k < 2; k++)
    for (int c = 0; c < 3; c++) at[k][c] /= geoms[k];
  return GAZE_OK;
}

static void unit(double v[3]) {
  double length = sqrt(gaze_vec_dot(v, v));
  for (int k = 0; k < 3; k++) v[k] /= length;
}

// The corner of a geom's bounding box that lies farthest along `dir`, in the last link.
static double farthest(const gaze_robot_parts *p, const gaze_robot *r, int g, const double dir[3]) {
  const mjtNum *box = p->m->geom_aabb + 6 * g;  // centre, half sizes, in the geom
  gaze_pose pose = geom_in_link(p, r, last_link(r), g);
  double centre[3], far;
  gaze_pose_point(centre, &pose, box);
  far = gaze_vec_dot(centre, dir);
  for (int k = 0; k < 3; k++) {
    double axis[3] = {k == 0, k == 1, k == 2};
    gaze_pose_direction(axis, &pose, axis);
    far += box[3 + k] * fabs(gaze_vec_dot(axis, dir));
  }
  return far;
}

// A frame between the fingertips: y from one finger to the other, z away from the hand's body.
static void tool_between(const gaze_robot_parts *p, gaze_robot *r, double at[2][3]) {
  double x[3], y[3], z[3], mid[3], far = -INFINITY;
  gaze_pose hand = in_link(p, r, last_link(r), p->d->xpos + 3 * p->hand, p->d->xquat + 4 * p->hand);
  for (int k = 0; k < 3; k++) {
    y[k] = at[0][k] - at[1][k];
    mid[k] = 0.5 * (at[0][k] + at[1][k]);
    z[k] = mid[k] - hand.pos[k];
  }
  unit(y);
  double lean = gaze_vec_dot(z, y);
  for (int k = 0; k < 3; k++) z[k] -= lean * y[k];
  unit(z);
  gaze_vec_cross(x, y, z);
  for (int g = 0; g < p->m->ngeom; g++)
    if (gaze_robot_finger(p, p->m->geom_bodyid[g]) >= 0 && collides(p->m, g))
      far = fmax(far, farthest(p, r, g, z));
  double ahead = far - gaze_vec_dot(mid, z);
  for (int k = 0; k < 3; k++) r->arm.chain.tool.pos[k] = mid[k] + ahead * z[k];
  gaze_quat_columns(r->arm.chain.tool.quat, x, y, z);
}

static void find_tool(const gaze_robot_parts *p, gaze_robot *r, double at[2][3]) {
  int site = mj_name2id(p->m, mjOBJ_SITE, "tool");
  int last = p->m->jnt_bodyid[p->joint[r->arm.chain.n - 1]];
  if (site < 0 || !gaze_robot_below(p->m, p->m->site_bodyid[site], last)) {
    tool_between(p, r, at);
    return;
  }
  double quat[4];
  mju_mat2Quat(quat, p->d->site_xmat + 9 * site);
  r->arm.chain.tool = in_link(p, r, last_link(r), p->d->site_xpos + 3 * site, quat);
}

// The link of the chain a body is fixed to: the last joint on its way up; -1 for the base.
static int link_of(const gaze_robot_parts *p, int n, int b) {
  for (int i = n - 1; i >= 0; i--)
    if (gaze_robot_below(p->m, b, p->m->jnt_bodyid[p->joint[i]])) return i;
  return -1;
}

// Adds a capsule along axis `k` of a geom, `half` long from its middle to either end of the axis.
static gaze_err add_capsule(const gaze_robot_parts *p, gaze_robot *r, int g, const double mid[3],
                            int k, double half, double radius) {
  gaze_hull *h = &r->arm.hull;
  if (h->n == CAPSULES)
    return gaze_fail(GAZE_ERR_UNSUPPORTED, "robot: %s: more than %d colliding parts", p->name,
                     CAPSULES);
  int body = p->m->geom_bodyid[g];
  double end[3];
  gaze_capsule *c = &h->capsule[h->n++];
  *c = (gaze_capsule){.link = link_of(p, r->arm.chain.n, body), .radius = radius};
  c->finger = gaze_robot_finger(p, body) >= 0;
  gaze_pose local = geom_in_link(p, r, c->link, g);
  mju_copy3(end, mid);
  end[k] = mid[k] - half;
  gaze_pose_point(c->a, &local, end);
  end[k] = mid[k] + half;
  gaze_pose_point(c->b, &local, end);
  return GAZE_OK;
}

// A box: side by side along its middle axis as many capsules as make it about as thick as deep,
// each round its slice; their ends are flush with the box, so only its corners stick out.
static gaze_err add_box(const gaze_robot_parts *p, gaze_robot *r, int g) {
  const mjtNum *box = p->m->geom_aabb + 6 * g, *half = box + 3;
  int longest = 0, thinnest = 0;
  for (int k = 1; k < 3; k++) {
    if (half[k] > half[longest]) longest = k;
    if (half[k] <= half[thinnest]) thinnest = k;
  }
  if (longest == thinnest) thinnest = 2;
  int middle = 3 - longest - thinnest;
  int slices = (int)fmin(SLICES_MAX, ceil(half[middle] / fmax(half[thinnest], 1e-6)));
  double wide = half[middle] / slices, radius = hypot(wide, half[thinnest]);
  for (int s = 0; s < slices; s++) {
    double mid[3] = {box[0], box[1], box[2]};
    mid[middle] += (2 * s + 1 - slices) * wide;
    gaze_err e = add_capsule(p, r, g, mid, longest, fmax(0.0, half[longest] - radius), radius);
    if (e != GAZE_OK) return e;
  }
  return GAZE_OK;
}

static gaze_err add_geom(const gaze_robot_parts *p, gaze_robot *r, int g) {
  const mjtNum *size = p->m->geom_size + 3 * g;
  const double o[3] = {0.0, 0.0, 0.0};
  switch (p->m->geom_type[g]) {
    case mjGEOM_SPHERE:
      return add_capsule(p, r, g, o, 2, 0.0, size[0]);
    case mjGEOM_CAPSULE:
    case mjGEOM_CYLINDER:  // the caps stand out: more room than it needs
      return add_capsule(p, r, g, o, 2, size[1], size[0]);
    default:
      return add_box(p, r, g);
  }
}

static gaze_err build_hull(const gaze_robot_parts *p, gaze_robot *r) {
  r->arm.hull.n = 0;
  for (int g = 0; g < p->m->ngeom; g++)
    if (collides(p->m, g) && p->m->geom_type[g] != mjGEOM_PLANE &&
        gaze_robot_below(p->m, p->m->geom_bodyid[g], p->root))
      GAZE_TRY(add_geom(p, r, g));
  return GAZE_OK;
}

gaze_err gaze_robot_hand(gaze_robot_parts *p, gaze_robot *r) {
  double at[2][2][3], gap[2];
  mju_zero3(p->m->opt.gravity);
  p->m->opt.disableflags |= mjDSBL_AUTORESET;  // a broken state is to be seen
  for (int end = 0; end < 2; end++) {
    GAZE_TRY(settle_fingers(p, r, end));
    GAZE_TRY(finger_centres(p, r, at[end]));
    gap[end] = gaze_vec_distance(at[end][0], at[end][1]);
  }
  int open = gap[1] > gap[0];
  r->arm.open_m = fabs(gap[1] - gap[0]);
  if (!(r->arm.open_m > MOVES_M))
    return gaze_fail(GAZE_ERR_UNSUPPORTED, "robot: %s: no gripper: the fingers do not open",
                     p->name);
  for (int g = 0; g < r->grips; g++) {
    r->grip_open[g] = p->m->actuator_ctrlrange[2 * r->grip[g] + open];
    r->grip_closed[g] = p->m->actuator_ctrlrange[2 * r->grip[g] + !open];
  }

  // the hull open, then closed: the difference is what opening adds
  gaze_hull *h = &r->arm.hull;
  double wide[CAPSULES][3];
  GAZE_TRY(settle_fingers(p, r, open));
  GAZE_TRY(build_hull(p, r));
  for (int i = 0; i < h->n; i++)
    for (int k = 0; k < 3; k++) wide[i][k] = 0.5 * (h->capsule[i].a[k] + h->capsule[i].b[k]);
  GAZE_TRY(settle_fingers(p, r, !open));
  find_tool(p, r, at[!open]);
  GAZE_TRY(build_hull(p, r));
  for (int i = 0; i < h->n; i++) {
    gaze_capsule *c = &h->capsule[i];
    for (int k = 0; k < 3; k++)
      c->opening[k] = c->finger ? wide[i][k] - 0.5 * (c->a[k] + c->b[k]) : 0.0;
  }
  return gaze_hull_pairs(h, &r->arm.chain, r->arm.home);
}
