// tests/bridge/fixture_env.h - a tiny environment whose every observation follows from its seed.
#ifndef GAZE_TESTS_BRIDGE_FIXTURE_ENV_H
#define GAZE_TESTS_BRIDGE_FIXTURE_ENV_H

#include "envs/env.h"

// Settings: "size" (1..64 pixels, default 5), "length" (turns, default 4), "robot" (bool),
// "sleep_ms". The reply "fail" makes a step fail, "end" ends the episode.
extern const gaze_env fixture_env;

// Compares two observations and two outcomes field by field; fails the test where they differ.
void fixture_same_obs(const gaze_obs *a, const gaze_obs *b);
void fixture_same_outcome(const gaze_outcome *a, const gaze_outcome *b);

#endif
