// sim/scene.h - a tabletop as plain data: bodies, cameras, and the primitives a ray sees.
//
// Everything visual of the avr-v1 look is here and frozen: a change needs a new look name and a
// retrained policy. A second look, avr-v1-light, shifts the light only. World frame: metres, z up,
// table top at z = 0, x to the right and y away from a viewer at azimuth 0.
#ifndef GAZE_SIM_SCENE_H
#define GAZE_SIM_SCENE_H

#include <stdbool.h>
#include "kernels/ops.h"

enum {
  GAZE_SCENE_BODIES_MAX = 16,  // objects on the table (the prior says at most 12)
  GAZE_SCENE_PRIMS_MAX = GAZE_SCENE_BODIES_MAX + 8,
  GAZE_SCENE_ID_TABLE = 100,  // instance ids; body i has id i
  GAZE_SCENE_ID_TRAY = 101,
};

typedef enum gaze_shape { GAZE_SHAPE_CUBE, GAZE_SHAPE_SPHERE, GAZE_SHAPE_CYLINDER } gaze_shape;

// One object. Plain data: copying an array of them is a snapshot of the scene.
typedef struct gaze_body {
  gaze_shape shape;
  float half;            // half extent: cube edge/2, radius, cylinder radius and half height [m]
  float rgb[3];          // 0..1
  float pos[3], rot[9];  // centre [m] and rotation matrix (row-major), world frame
  bool gone;             // in the tray: neither rendered nor part of the scene
} gaze_body;

// Where the viewer stands and looks.
typedef struct gaze_viewer {
  float azimuth, elevation, pan, tilt;  // degrees; 0 azimuth = front, positive = to the right/up
} gaze_viewer;

// Returns the avr-v1 camera (radius 0.90 m round (0,0,0.03), vertical field of view 42 degrees) for
// a square image of `size` pixels.  [rt: safe]
gaze_camera gaze_scene_camera(const gaze_viewer *v, int size);

// Returns the avr-v1 light: ambient 0.35 + key + fill, no cast shadows.  [rt: safe]
gaze_light gaze_scene_light(void);

// Returns a light of the look avr-v1-light: key and fill from other sides and of other strengths,
// drawn from the seed, with cast shadows. Camera and colours are those of avr-v1.  [rt: safe]
gaze_light gaze_scene_light_drawn(uint64_t seed);

// Writes the primitives of the table, the tray and all bodies that are not gone (id = body index)
// to prims[GAZE_SCENE_PRIMS_MAX]; returns their number.  [rt: safe]
int gaze_scene_prims(const gaze_body *bodies, int n, gaze_prim *prims);

// Renders the bodies: any of rgb [size,size,3], depth [size,size], ids [size,size] may be NULL.
// [rt: never]
gaze_err gaze_scene_render(const gaze_ops *ops, gaze_exec *ex, const gaze_body *bodies, int n,
                           const gaze_viewer *v, int size, uint8_t *rgb, float *depth,
                           int16_t *ids);

// The same under another light.  [rt: never]
gaze_err gaze_scene_render_lit(const gaze_ops *ops, gaze_exec *ex, const gaze_body *bodies, int n,
                               const gaze_viewer *v, const gaze_light *light, int size,
                               uint8_t *rgb, float *depth, int16_t *ids);

// Projects a world point; returns false behind the camera. px, py in pixels, depth in metres along
// the optical axis.  [rt: safe]
bool gaze_camera_project(const gaze_camera *c, const float p[3], float *px, float *py,
                         float *depth);

#endif
