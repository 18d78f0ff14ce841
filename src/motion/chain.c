// motion/chain.c - see chain.h.
#include "motion/chain.h"
#include <math.h>
#include <stddef.h>

static gaze_err check_joint(const gaze_joint *j, int i) {
  if (j->type != GAZE_JOINT_HINGE && j->type != GAZE_JOINT_SLIDE)
    return gaze_fail(GAZE_ERR_ARG, "chain: joint %d: expected a hinge or a slide", i);
  if (!gaze_pose_valid(&j->frame))
    return gaze_fail(GAZE_ERR_RANGE, "chain: joint %d: field frame: expected a unit quaternion", i);
  if (!(fabs(gaze_vec_dot(j->axis, j->axis) - 1.0) <= 2e-6))
    return gaze_fail(GAZE_ERR_RANGE, "chain: joint %d: field axis: expected a unit vector", i);
  if (!(isfinite(j->lo) && isfinite(j->hi) && j->lo < j->hi))
    return gaze_fail(GAZE_ERR_RANGE, "chain: joint %d: fields lo, hi: expected finite lo < hi", i);
  const double rate[4] = {j->vel, j->acc, j->jerk, j->effort};
  for (int k = 0; k < 4; k++)
    if (!(isfinite(rate[k]) && rate[k] > 0.0))
      return gaze_fail(GAZE_ERR_RANGE,
                       "chain: joint %d: fields vel, acc, jerk, effort: expected positive numbers",
                       i);
  return GAZE_OK;
}

gaze_err gaze_chain_check(const gaze_chain *c) {
  if (c == NULL || c->n < 1 || c->n > GAZE_CHAIN_JOINTS_MAX)
    return gaze_fail(GAZE_ERR_ARG, "chain: field n: expected 1..%d joints", GAZE_CHAIN_JOINTS_MAX);
  if (!gaze_pose_valid(&c->base) || !gaze_pose_valid(&c->tool))
    return gaze_fail(GAZE_ERR_RANGE, "chain: fields base, tool: expected unit quaternions");
  for (int i = 0; i < c->n; i++) GAZE_TRY(check_joint(&c->joint[i], i));
  return GAZE_OK;
}

// The joint's own motion, in its link's frame at q = 0.
static gaze_pose joint_motion(const gaze_joint *j, double q) {
  gaze_pose p = gaze_pose_identity();
  if (j->type == GAZE_JOINT_HINGE) {
    gaze_quat_axis(p.quat, j->axis, q);
  } else {
    for (int k = 0; k < 3; k++) p.pos[k] = q * j->axis[k];
  }
  return p;
}

gaze_pose gaze_chain_fk(const gaze_chain *c, const double *q, gaze_pose *link) {
  gaze_pose at = c->base;
  for (int i = 0; i < c->n; i++) {
    at = gaze_pose_mul(&at, &c->joint[i].frame);
    gaze_pose motion = joint_motion(&c->joint[i], q[i]);
    at = gaze_pose_mul(&at, &motion);
    if (link != NULL) link[i] = at;
  }
  return gaze_pose_mul(&at, &c->tool);
}

// A hinge turns the tool about its axis, w = z, v = z x (p - o); a slide moves it along, v = z.
gaze_pose gaze_chain_jacobian(const gaze_chain *c, const double *q, double *jac) {
  gaze_pose link[GAZE_CHAIN_JOINTS_MAX];
  gaze_pose tool = gaze_chain_fk(c, q, link);
  int n = c->n;
  for (int i = 0; i < n; i++) {
    double z[3], v[3], arm[3];
    gaze_pose_direction(z, &link[i], c->joint[i].axis);
    for (int k = 0; k < 3; k++) arm[k] = tool.pos[k] - link[i].pos[k];
    gaze_vec_cross(v, z, arm);
    bool hinge = c->joint[i].type == GAZE_JOINT_HINGE;
    for (int k = 0; k < 3; k++) {
      jac[k * n + i] = hinge ? v[k] : z[k];
      jac[(k + 3) * n + i] = hinge ? z[k] : 0.0;
    }
  }
  return tool;
}

bool gaze_chain_within(const gaze_chain *c, const double *q, double slack) {
  for (int i = 0; i < c->n; i++)
    if (!(q[i] >= c->joint[i].lo - slack && q[i] <= c->joint[i].hi + slack)) return false;
  return true;
}
