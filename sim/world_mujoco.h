// sim/world_mujoco.h - the MuJoCo side of a world, for renderers.
#ifndef GAZE_SIM_WORLD_MUJOCO_H
#define GAZE_SIM_WORLD_MUJOCO_H

#include <mujoco/mujoco.h>
#include "sim/world.h"

// Return the model and the data; they belong to the world. Colours and the visual part of the model
// may be changed; stepping the data moves the world. Bodies of the scene are named "object0"...
// [rt: safe]
mjModel *gaze_world_model(gaze_world *w);
mjData *gaze_world_data(gaze_world *w);

#endif
