// motion/pose.h - rigid poses: a position and a unit quaternion, w first as in MuJoCo.
#ifndef GAZE_MOTION_POSE_H
#define GAZE_MOTION_POSE_H

#include <stdbool.h>

// A frame in its parent's frame. Positions in metres.
typedef struct gaze_pose {
  double pos[3];
  double quat[4];  // w, x, y, z; unit length
} gaze_pose;

// Inner product of two vectors.  [rt: safe]
double gaze_vec_dot(const double a[3], const double b[3]);
// out = a x b; out may not be a or b.  [rt: safe]
void gaze_vec_cross(double out[3], const double a[3], const double b[3]);
// Distance of two points.  [rt: safe]
double gaze_vec_distance(const double a[3], const double b[3]);

// Returns the identity.  [rt: safe]
gaze_pose gaze_pose_identity(void);
// Returns a * b: the frame b, given in a, in a's parent.  [rt: safe]
gaze_pose gaze_pose_mul(const gaze_pose *a, const gaze_pose *b);
// Returns the parent's frame in p.  [rt: safe]
gaze_pose gaze_pose_inverse(const gaze_pose *p);
// out = the point x, given in p, in p's parent; out may be x.  [rt: safe]
void gaze_pose_point(double out[3], const gaze_pose *p, const double x[3]);
// out = the direction x, given in p, in p's parent; out may be x.  [rt: safe]
void gaze_pose_direction(double out[3], const gaze_pose *p, const double x[3]);
// Returns the pose at share s of the way from a to b: a straight line and one rotation about a
// fixed axis (slerp, the shorter way).  [rt: safe]
gaze_pose gaze_pose_between(const gaze_pose *a, const gaze_pose *b, double s);
// Returns whether every number is finite and the quaternion has unit length to 1e-6.  [rt: safe]
bool gaze_pose_valid(const gaze_pose *p);

// out = the quaternion of a rotation by `angle` [rad] about a unit axis.  [rt: safe]
void gaze_quat_axis(double out[4], const double axis[3], double angle);
// out = the quaternion of a rotation matrix with the columns x, y, z (orthonormal, right-handed).
// [rt: safe]
void gaze_quat_columns(double out[4], const double x[3], const double y[3], const double z[3]);
// out = the rotation vector [rad] that turns `from` into `to`, in the parent's frame; at most pi
// long.  [rt: safe]
void gaze_quat_error(double out[3], const double to[4], const double from[4]);

#endif
