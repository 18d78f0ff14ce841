// tests/motion/fixture_arm.c - see fixture_arm.h.
#include <math.h>
#include <stdio.h>
#include "tests/motion/fixture_arm.h"

static const double PI = 3.14159265358979323846;

static gaze_joint hinge(const char *name, double lo, double hi, double vel) {
  gaze_joint j = {.type = GAZE_JOINT_HINGE,
                  .frame = gaze_pose_identity(),
                  .axis = {0, 0, 1},
                  .lo = lo,
                  .hi = hi,
                  .vel = vel,
                  .acc = 10.0,
                  .jerk = 500.0,
                  .effort = 80.0};
  snprintf(j.name, sizeof j.name, "%s", name);
  return j;
}

// Translation x, y, z after a rotation by alpha about x.
static gaze_pose turned(double alpha, double x, double y, double z) {
  const double axis[3] = {1, 0, 0};
  gaze_pose p = {.pos = {x, y, z}};
  gaze_quat_axis(p.quat, axis, alpha);
  return p;
}

gaze_chain planar_arm(void) {
  gaze_chain c = {.n = 3, .base = gaze_pose_identity(), .tool = gaze_pose_identity()};
  c.joint[0] = hinge("shoulder", -2.5, 2.5, 2.0);
  c.joint[1] = hinge("elbow", -2.5, 2.5, 2.0);
  c.joint[2] = hinge("lift", -0.2, 0.2, 0.5);
  c.joint[1].frame.pos[0] = 0.4;
  c.joint[2].frame.pos[0] = 0.3;
  c.joint[2].type = GAZE_JOINT_SLIDE;
  return c;
}

gaze_chain panda_arm(void) {
  // modified DH: a, d, alpha of each joint
  static const double dh[7][3] = {{0, 0.333, 0},    {0, 0, -0.5},           {0, 0.316, 0.5},
                                  {0.0825, 0, 0.5}, {-0.0825, 0.384, -0.5}, {0, 0, 0.5},
                                  {0.088, 0, 0.5}};
  static const double lo[7] = {-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973};
  static const double hi[7] = {2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973};
  gaze_chain c = {.n = 7, .base = gaze_pose_identity(), .tool = gaze_pose_identity()};
  for (int i = 0; i < 7; i++) {
    char name[24];
    snprintf(name, sizeof name, "joint%d", i + 1);
    double alpha = dh[i][2] * PI;
    c.joint[i] = hinge(name, lo[i], hi[i], i < 4 ? 2.175 : 2.61);
    c.joint[i].frame = turned(alpha, dh[i][0], -sin(alpha) * dh[i][1], cos(alpha) * dh[i][1]);
  }
  const double z[3] = {0, 0, 1};
  gaze_quat_axis(c.tool.quat, z, -0.25 * PI);
  c.tool.pos[2] = 0.107 + 0.1034;
  return c;
}

gaze_chain ur5e_arm(void) {
  // standard DH: a, d, alpha behind each joint, so joint i+1 stands at the end of row i
  static const double dh[6][3] = {{0, 0.1625, 0.5}, {-0.425, 0, 0},    {-0.3922, 0, 0},
                                  {0, 0.1333, 0.5}, {0, 0.0997, -0.5}, {0, 0.0996, 0}};
  gaze_chain c = {.n = 6, .base = gaze_pose_identity(), .tool = gaze_pose_identity()};
  gaze_pose end = gaze_pose_identity();
  for (int i = 0; i < 6; i++) {
    char name[24];
    snprintf(name, sizeof name, "joint%d", i + 1);
    c.joint[i] = hinge(name, i == 2 ? -PI : -2 * PI, i == 2 ? PI : 2 * PI, PI);
    c.joint[i].frame = end;
    end = turned(dh[i][2] * PI, dh[i][0], 0.0, dh[i][1]);
  }
  c.tool = end;
  c.tool.pos[2] += 0.15;
  return c;
}

static void add_capsule(gaze_hull *h, int link, const double a[3], const double b[3],
                        double radius) {
  gaze_capsule *c = &h->capsule[h->n++];
  *c = (gaze_capsule){.link = link, .radius = radius};
  for (int k = 0; k < 3; k++) c->a[k] = a[k], c->b[k] = b[k];
}

// From each joint to the next, then a palm and two fingers, all in the tool's directions.
static void dress(gaze_arm *arm) {
  const gaze_chain *c = &arm->chain;
  gaze_hull *h = &arm->hull;
  const double o[3] = {0, 0, 0};
  int last = c->n - 1;
  h->n = 0;
  for (int i = 0; i < last; i++) add_capsule(h, i, o, c->joint[i + 1].frame.pos, 0.05);

  const double palm[2][3] = {{0, -0.07, -0.08}, {0, 0.07, -0.08}};
  double a[3], b[3];
  gaze_pose_point(a, &c->tool, palm[0]), gaze_pose_point(b, &c->tool, palm[1]);
  add_capsule(h, last, a, b, 0.03);
  for (int side = -1; side <= 1; side += 2) {
    const double tip[3] = {0, side * 0.006, -0.006}, root[3] = {0, side * 0.006, -0.05};
    const double out[3] = {0, side * 0.04, 0};
    gaze_pose_point(a, &c->tool, tip), gaze_pose_point(b, &c->tool, root);
    add_capsule(h, last, a, b, 0.006);
    h->capsule[h->n - 1].finger = true;
    gaze_pose_direction(h->capsule[h->n - 1].opening, &c->tool, out);
  }
  arm->open_m = 0.08;
}

gaze_arm panda_with_hand(void) {
  gaze_arm arm = {.chain = panda_arm(), .home = {0, -0.785, 0, -2.356, 0, 1.571, 0.785}};
  dress(&arm);
  GAZE_ASSERT(gaze_hull_pairs(&arm.hull, &arm.chain, arm.home) == GAZE_OK);
  return arm;
}

gaze_arm ur5e_with_hand(void) {
  gaze_arm arm = {.chain = ur5e_arm(), .home = {0, -1.571, 1.571, -1.571, -1.571, 0}};
  dress(&arm);
  GAZE_ASSERT(gaze_hull_pairs(&arm.hull, &arm.chain, arm.home) == GAZE_OK);
  return arm;
}

void random_posture(const gaze_chain *c, gaze_rng *r, double *q) {
  for (int i = 0; i < c->n; i++) {
    double lo = c->joint[i].lo, hi = c->joint[i].hi, mid = 0.5 * (lo + hi);
    q[i] = gaze_rng_real(r, fmax(lo + 0.05, mid - PI), fmin(hi - 0.05, mid + PI));
  }
}
