// tests/bridge/fixture_env.h - a tiny environment whose every observation follows from its seed.
#ifndef GAZE_TESTS_BRIDGE_FIXTURE_ENV_H
#define GAZE_TESTS_BRIDGE_FIXTURE_ENV_H

#include "bridge/env_wire.h"

// Settings: "size" (1..64 pixels, default 5), "length" (turns, default 4), "robot" (bool),
// "sleep_ms". The reply "fail" makes a step fail, "end" ends the episode.
extern const gaze_env fixture_env;

// Compares two observations and two outcomes field by field; fails the test where they differ.
void fixture_same_obs(const gaze_obs *a, const gaze_obs *b);
void fixture_same_outcome(const gaze_outcome *a, const gaze_outcome *b);

// Sends frames, and reads the reply's body into `b`; false if none comes within `wait_ms`.
bool fixture_talk(void *socket, const char *const *frame, const size_t *n, int frames, int wait_ms,
                  gaze_buf *b);
// Sends a request and reads its reply, which points into `b`; fails the test if there is none.
void fixture_ask(void *socket, const gaze_buf *request, gaze_wire_endpoint endpoint, gaze_buf *b,
                 gaze_wire_reply *r);

#endif
