// motion/collide.h - distances of an arm made of capsules to simple solids and to itself.
//
// Every solid is convex, so along a capsule's axis the signed distance is a convex function and its
// smallest value is found by golden section to 10 um; what is left of the bracket is subtracted, so
// no distance is ever reported too large. A capsule that is pushed in reads the depth of its axis
// minus its radius: right in sign, not the shortest way out.
#ifndef GAZE_MOTION_COLLIDE_H
#define GAZE_MOTION_COLLIDE_H

#include "motion/chain.h"
#include "motion/path.h"

enum { GAZE_HULL_CAPSULES_MAX = 64, GAZE_HULL_PAIRS_MAX = 2048 };

typedef enum gaze_solid_shape {
  GAZE_SOLID_PLANE,     // everything below z = 0 of its frame
  GAZE_SOLID_BOX,       // size = half extents
  GAZE_SOLID_SPHERE,    // size[0] = radius
  GAZE_SOLID_CYLINDER,  // size[0] = radius, size[1] = half height along z
  GAZE_SOLID_CAPSULE,   // size[0] = radius, size[1] = half length of the axis along z
} gaze_solid_shape;

// One thing in the world; sizes in metres.
typedef struct gaze_solid {
  gaze_solid_shape shape;
  gaze_pose pose;
  double size[3];
} gaze_solid;

// The points within `radius` of the segment a-b, fixed to a link.
typedef struct gaze_capsule {
  int link;           // index of the link; -1 for the base
  bool finger;        // may touch what is to be grasped
  double a[3], b[3];  // in the link, hand closed [m]
  double opening[3];  // added to a and b when the hand is fully open [m]
  double radius;      // [m]
} gaze_capsule;

// An arm's outside: capsules, and the pairs of them that could meet.
typedef struct gaze_hull {
  int n, pairs;
  gaze_capsule capsule[GAZE_HULL_CAPSULES_MAX];
  unsigned char pair[GAZE_HULL_PAIRS_MAX][2];
} gaze_hull;

// What stands round the arm. The base and the first link, which turns on the spot, are not checked
// against it: they may stand on the table.
typedef struct gaze_clutter {
  const gaze_solid *solid;  // [n], borrowed
  int n;
  int target;     // the solid the fingers may touch, -1 for none
  int held;       // the solid in the hand: not in the way, -1 for none
  double margin;  // to keep from everything else [m]
} gaze_clutter;

// The nearest two things.
typedef struct gaze_near {
  double distance;  // [m]; negative: they overlap
  int capsule;      // of the arm, -1 if there is nothing to meet
  int other;        // solid, or the second capsule if `self`
  bool self;
} gaze_near;

// Returns whether shape, pose and sizes make sense.  [rt: safe]
bool gaze_solid_valid(const gaze_solid *s);

// Radius of the ball round a solid's centre that holds all of it; infinite for a plane.  [rt: safe]
double gaze_solid_radius(const gaze_solid *s);

// Half the width of a solid along a unit direction; infinite for a plane.  [rt: safe]
double gaze_solid_half(const gaze_solid *s, const double dir[3]);

// Signed distance of a point to a solid, exact.  [rt: safe]
double gaze_solid_distance(const gaze_solid *s, const double point[3]);

// Signed distance of a capsule, given in the solid's parent frame, to a solid; at most 10 um too
// small, never too large.  [rt: safe]
double gaze_solid_capsule(const gaze_solid *s, const double a[3], const double b[3], double radius);

// Smallest distance of two segments, exact (Ericson 2005, section 5.1.9).  [rt: safe]
double gaze_segment_distance(const double a[3], const double b[3], const double c[3],
                             const double d[3]);

// Fills h->pair with the capsules that are at least two links apart and do not touch at posture
// q (which must be a sound one), the hand open.  [rt: init]
gaze_err gaze_hull_pairs(gaze_hull *h, const gaze_chain *c, const double *q);

// Finds what is nearest to the arm at q with the hand open by a share of 0..1.  [rt: safe]
gaze_near gaze_collide(const gaze_chain *c, const gaze_hull *h, const gaze_clutter *w,
                       const double *q, double open);

// Follows a path in steps so short that nothing can be passed unseen (conservative advancement,
// Mirtich 1996): GAZE_OK means that half the margin is kept everywhere. Otherwise STATE, and *hit
// (may be NULL) and the sentence say where.  [rt: never]
gaze_err gaze_collide_path(const gaze_chain *c, const gaze_hull *h, const gaze_clutter *w,
                           const gaze_path *path, double open, gaze_near *hit);

#endif
