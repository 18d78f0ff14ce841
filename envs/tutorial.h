// envs/tutorial.h - the smallest complete environment: which of three cups hides the ball?
#ifndef GAZE_ENVS_TUTORIAL_H
#define GAZE_ENVS_TUTORIAL_H

#include "envs/env.h"

extern const gaze_env gaze_env_tutorial;

#endif
