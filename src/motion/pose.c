// motion/pose.c - see pose.h.
#include "motion/pose.h"
#include <math.h>

double gaze_vec_dot(const double a[3], const double b[3]) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

void gaze_vec_cross(double out[3], const double a[3], const double b[3]) {
  out[0] = a[1] * b[2] - a[2] * b[1];
  out[1] = a[2] * b[0] - a[0] * b[2];
  out[2] = a[0] * b[1] - a[1] * b[0];
}

double gaze_vec_distance(const double a[3], const double b[3]) {
  double d[3] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
  return sqrt(gaze_vec_dot(d, d));
}

static void quat_mul(double out[4], const double a[4], const double b[4]) {
  out[0] = a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3];
  out[1] = a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2];
  out[2] = a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1];
  out[3] = a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0];
}

static void quat_conj(double out[4], const double q[4]) {
  out[0] = q[0], out[1] = -q[1], out[2] = -q[2], out[3] = -q[3];
}

// x + 2 w (v x x) + 2 v x (v x x)
static void quat_rotate(double out[3], const double q[4], const double x[3]) {
  double c[3], cc[3];
  gaze_vec_cross(c, q + 1, x);
  gaze_vec_cross(cc, q + 1, c);
  for (int k = 0; k < 3; k++) out[k] = x[k] + 2.0 * (q[0] * c[k] + cc[k]);
}

gaze_pose gaze_pose_identity(void) {
  return (gaze_pose){.quat = {1.0, 0.0, 0.0, 0.0}};
}

gaze_pose gaze_pose_mul(const gaze_pose *a, const gaze_pose *b) {
  gaze_pose p;
  gaze_pose_point(p.pos, a, b->pos);
  quat_mul(p.quat, a->quat, b->quat);
  return p;
}

gaze_pose gaze_pose_inverse(const gaze_pose *p) {
  gaze_pose inv;
  double back[3];
  quat_conj(inv.quat, p->quat);
  quat_rotate(back, inv.quat, p->pos);
  for (int k = 0; k < 3; k++) inv.pos[k] = -back[k];
  return inv;
}

void gaze_pose_point(double out[3], const gaze_pose *p, const double x[3]) {
  gaze_pose_direction(out, p, x);
  for (int k = 0; k < 3; k++) out[k] += p->pos[k];
}

void gaze_pose_direction(double out[3], const gaze_pose *p, const double x[3]) {
  double in[3] = {x[0], x[1], x[2]};
  quat_rotate(out, p->quat, in);
}

gaze_pose gaze_pose_between(const gaze_pose *a, const gaze_pose *b, double s) {
  double turn[3], step[4];
  gaze_quat_error(turn, b->quat, a->quat);
  double angle = sqrt(gaze_vec_dot(turn, turn));
  double axis[3] = {1.0, 0.0, 0.0};
  if (angle > 0.0)
    for (int k = 0; k < 3; k++) axis[k] = turn[k] / angle;
  gaze_quat_axis(step, axis, s * angle);

  gaze_pose p;
  quat_mul(p.quat, step, a->quat);
  for (int k = 0; k < 3; k++) p.pos[k] = a->pos[k] + s * (b->pos[k] - a->pos[k]);
  return p;
}

bool gaze_pose_valid(const gaze_pose *p) {
  double square = 0.0;
  for (int k = 0; k < 4; k++) square += p->quat[k] * p->quat[k];
  return isfinite(p->pos[0]) && isfinite(p->pos[1]) && isfinite(p->pos[2]) &&
         fabs(square - 1.0) <= 2e-6;
}

void gaze_quat_axis(double out[4], const double axis[3], double angle) {
  double s = sin(0.5 * angle);
  out[0] = cos(0.5 * angle);
  for (int k = 0; k < 3; k++) out[k + 1] = s * axis[k];
}

// Each of |w|, |x|, |y|, |z| follows from the trace; starting from the largest keeps the division
// well away from zero (Shepperd 1978).
void gaze_quat_columns(double out[4], const double x[3], const double y[3], const double z[3]) {
  double t[4] = {1.0 + x[0] + y[1] + z[2], 1.0 + x[0] - y[1] - z[2], 1.0 - x[0] + y[1] - z[2],
                 1.0 - x[0] - y[1] + z[2]};
  int big = 0;
  for (int k = 1; k < 4; k++)
    if (t[k] > t[big]) big = k;
  // products of two components, four times each: row = first, column = second
  double wx = y[2] - z[1], wy = z[0] - x[2], wz = x[1] - y[0];
  double xy = x[1] + y[0], xz = z[0] + x[2], yz = y[2] + z[1];
  double product[4][4] = {
      {t[0], wx, wy, wz}, {wx, t[1], xy, xz}, {wy, xy, t[2], yz}, {wz, xz, yz, t[3]}};
  for (int k = 0; k < 4; k++) out[k] = product[big][k] / (2.0 * sqrt(t[big]));
}

void gaze_quat_error(double out[3], const double to[4], const double from[4]) {
  double back[4], d[4];
  quat_conj(back, from);
  quat_mul(d, to, back);
  double sign = d[0] < 0.0 ? -1.0 : 1.0;  // q and -q are one rotation: take the shorter way
  double s = sqrt(gaze_vec_dot(d + 1, d + 1));
  // angle / sin(angle / 2), 2 at zero
  double scale = s > 1e-12 ? 2.0 * atan2(s, sign * d[0]) / s : 2.0;
  for (int k = 0; k < 3; k++) out[k] = sign * scale * d[k + 1];
}
