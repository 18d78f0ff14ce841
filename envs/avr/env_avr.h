// envs/avr/env_avr.h - the active visual reasoning environment behind the common seam.
//
// Settings: "image_size" (224) pixels; "oracle" (false); "threads" (1); "split" train|val|test
// (all drawn alike: the caller's seeds are absolute), layouts|cogent|light (the transfer splits,
// see envs/README.md); "avr.cogent" A|B (which colours shapes may have); "avr.family",
// "avr.layout", "avr.question" restrict what is drawn; "avr.judge_size" (448), "avr.search_depth"
// (6), "avr.sufficient_share"
// (-1: the seed mod 12 rule), "avr.wording" (0..7), "avr.physics" (true: MuJoCo with the kinematic
// hand; false: geometry only, for drawing training data).
#ifndef GAZE_ENVS_AVR_ENV_AVR_H
#define GAZE_ENVS_AVR_ENV_AVR_H

#include "envs/env.h"

extern const gaze_env gaze_env_avr;

#endif
