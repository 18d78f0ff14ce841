// app/wire.h - an environment behind a socket: a server in this process, or one elsewhere.
#ifndef GAZE_APP_WIRE_H
#define GAZE_APP_WIRE_H

#include "core/cfg.h"
#include "envs/env.h"

typedef struct gaze_wire gaze_wire;  // opaque

// connect NULL: starts a server for `env` with `cfg` in a thread of its own over inproc; otherwise
// uses the server at that address. Play it as gaze_env_remote.  [rt: init]
gaze_err gaze_wire_open(gaze_wire **w, const gaze_env *env, const gaze_cfg *cfg,
                        const char *connect);

// The remote environment, already open; it is closed with the wire.  [rt: safe]
void *gaze_wire_env(const gaze_wire *w);

// Stops the server if it is ours, frees, nulls.  [rt: never]
void gaze_wire_close(gaze_wire **w);

#endif
