// envs/affordance/env_affordance.h - where to touch: an instruction and a picture, a box for a
// reply.
#ifndef GAZE_ENVS_AFFORDANCE_ENV_AFFORDANCE_H
#define GAZE_ENVS_AFFORDANCE_ENV_AFFORDANCE_H

#include "envs/env.h"

#define GAZE_AFFORDANCE_PUSH_M 0.10  // how far a push goes

// Observation: a picture (avr-v1, from the front, elevation 40 degrees; the arm is never drawn) and
// text: "pick up the small red sphere" or "push the large blue cube to the left", then the shape of
// the answer. Action: text, <think>..</think><output>{"x","y","width","height"}</output> in 0..1 of
// the picture, {} for what is not there. One step: the reply is carried out by the arm and the
// episode ends. Facts: gaze_outcome.{correct, status, reply, reference}; status "ok", "invalid" (no
// box), "no_depth", "missed" (no object where the box is), "blocked", "slipped", "toppled",
// "timeout", "fault". Settings: "affordance.robot" panda7 | ur5e6 | FILE, "affordance.execute" true
// (else geometry alone judges), "affordance.absent" 0.1 and "affordance.twins" 0.2 (shares of
// episodes without the object, with two of its name), "affordance.objects" -1 (drawn) or 3..8,
// "affordance.digits" 2..4 of the truth (3), and image_size, oracle, threads.
extern const gaze_env gaze_env_affordance;

#endif
