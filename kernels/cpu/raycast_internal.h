// kernels/cpu/raycast_internal.h - one frame of the ray-caster made ready, and its row functions.
//
// Every primitive is cast in canonical coordinates: its own frame divided by its size, so that
// sphere and ellipsoid are the unit ball, box the cube [-1,1]^3, cylinder the unit cylinder. The
// direction of pixel (x, y) is affine in x and y with camera z component -1; the ray parameter is
// therefore the depth along the optical axis in metres, whatever the scaling.
#ifndef GAZE_KERNELS_CPU_RAYCAST_INTERNAL_H
#define GAZE_KERNELS_CPU_RAYCAST_INTERNAL_H

#include <stdbool.h>
#include "kernels/ops.h"
#include "rt/pool.h"

enum {
  GAZE_RAY_PRIMS_MAX = 256,  // per frame, so that a frame fits on the caller's stack
  GAZE_RAY_CHUNK = 512,      // columns handled at once: three buffers stay in the first cache
  GAZE_RAY_PAD = 16,         // widest vector
  GAZE_RAY_BAND = 8,         // rows per unit of work
};

// |d| below this counts as parallel; keeps every quotient finite.
#define GAZE_RAY_TINY 1e-20f
// nothing is seen from here on; a ray parallel to a plane ends up beyond [m]
#define GAZE_RAY_FAR 1e9f
// smallest distance of a shadow caster from the lit point [m]
#define GAZE_RAY_SHADOW_MIN 1e-5f

typedef struct gaze_ray_prim {
  float a[3], b[3], c[3];  // canonical direction = a x + b y + c
  float o[3];              // canonical camera position
  float grad[3];           // canonical point -> local gradient (1 / size), curved kinds
  float light[2][3];       // strength x light direction, local frame, negated seen from inside
  float to[9], at[3];      // world -> canonical: to (p - at); for shadows
  float sun[3];            // canonical direction towards the key light
  float half;              // capsule: half length / radius
  float color[3];          // rgb x 255
  uint32_t code;           // index << 16 | id
  int kind;
  bool inside;         // the camera is inside: the far surface is seen
  int x0, x1, y0, y1;  // half-open pixel rectangle outside which nothing is hit
} gaze_ray_prim;

typedef struct gaze_ray_frame {
  gaze_ray_prim prim[GAZE_RAY_PRIMS_MAX];
  int n;
  float ifx, ify, cx, cy;  // 1/fx, 1/fy, principal point
  float dir[9], eye[3];    // camera rotation and position, world
  float ambient;
  uint32_t background;  // packed r | g << 8 | b << 16
  bool shadows;
  const gaze_raycast *out;
} gaze_ray_frame;

typedef enum gaze_ray_path {
  GAZE_RAY_PLAIN,
  GAZE_RAY_AVX2,
  GAZE_RAY_AVX512,
  GAZE_RAY_BEST,  // what the processor can do
} gaze_ray_path;

// Renders rows y0..y1-1. All three give the same bits.  [rt: safe]
typedef void (*gaze_ray_rows_fn)(const gaze_ray_frame *f, int y0, int y1);
void gaze_ray_rows_plain(const gaze_ray_frame *f, int y0, int y1);
void gaze_ray_rows_avx2(const gaze_ray_frame *f, int y0, int y1);
void gaze_ray_rows_avx512(const gaze_ray_frame *f, int y0, int y1);

// Checks the arguments and fills the frame; ARG or RANGE names the field.  [rt: safe]
gaze_err gaze_ray_frame_init(gaze_ray_frame *f, const gaze_raycast *a);

// Returns whether the processor and the build can run a path.  [rt: safe]
bool gaze_ray_path_ok(gaze_ray_path path);

// The whole op with a chosen path; `pool` may be NULL. UNSUPPORTED if the path cannot run.
// [rt: never]
gaze_err gaze_raycast_with(gaze_pool *pool, const gaze_raycast *a, gaze_ray_path path);

#endif
