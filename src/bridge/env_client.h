// bridge/env_client.h - an environment that lives in another thread, process or machine.
#ifndef GAZE_BRIDGE_ENV_CLIENT_H
#define GAZE_BRIDGE_ENV_CLIENT_H

#include "core/cfg.h"
#include "envs/env.h"

// The environment behind an env server. Settings: "connect" (address, default
// tcp://127.0.0.1:5570), "token" (text), "timeout_s" (default 30), "oracle" (bool),
// "shm" (bool: take pictures from shared memory if the server offers it; default: for ipc and
// loopback addresses; they are read-only then); all others are sent to the server's environment.
// TIMEOUT "env server at X did not answer within N s" if the server is gone; STATE with the
// server's own sentence if it refuses.
extern const gaze_env gaze_env_remote;

// Opens with a shared ZeroMQ context (inproc needs the server's; borrowed, NULL = its own); use
// the result with gaze_env_remote's reset, step and close.  [rt: init]
gaze_err gaze_env_client_open(void **self, const gaze_cfg *cfg, void *context);

// Returns the served environment's name; borrowed.  [rt: safe]
const char *gaze_env_client_env(const void *self);

#endif
