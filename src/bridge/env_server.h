// bridge/env_server.h - serves environments over ZeroMQ: the env protocol, one socket, one thread
// that listens and answers, and a crew that steps.
#ifndef GAZE_BRIDGE_ENV_SERVER_H
#define GAZE_BRIDGE_ENV_SERVER_H

#include <stdint.h>
#include "core/cfg.h"
#include "core/err.h"
#include "envs/env.h"

enum { GAZE_ENV_SERVER_CLIENTS = 8 };

typedef struct gaze_env_server gaze_env_server;  // opaque

typedef struct gaze_env_server_options {
  const char *bind;     // "tcp://127.0.0.1:5570", "ipc://FILE", "inproc://NAME"; port * = any
  const gaze_env *env;  // what is served
  const gaze_cfg *cfg;  // settings of every environment, NULL = none; read during open only
  int envs;             // environments per client unless it asks for fewer; 0: 1
  int threads;          // that step environments, of all clients; 0: the listening one does it all
  const char *token;    // clients must send it; NULL: none
  void *context;        // a ZeroMQ context to share (inproc needs it), borrowed; NULL: its own
  int idle_s;           // a full server drops clients silent for so long; 0: 60
  int beat_ms;          // between heartbeats; five unanswered drop a client; 0: 3000
} gaze_env_server_options;

typedef struct gaze_env_server_stats {
  uint64_t requests, errors, dropped;  // dropped: messages without an envelope
  uint64_t faults;                     // episodes that broke, of clients that have gone
  int clients;
} gaze_env_server_stats;

// Binds the socket and starts the threads. ARG if a tcp address is not loopback and no
// token is set; IO if the address is taken.  [rt: init]
gaze_err gaze_env_server_open(gaze_env_server **s, const gaze_env_server_options *o);

// Returns the address as bound (a port * is filled in); borrowed.  [rt: safe]
const char *gaze_env_server_address(const gaze_env_server *s);

// Returns counters; safe from any thread.  [rt: safe]
gaze_env_server_stats gaze_env_server_count(gaze_env_server *s);

// Stops the threads (within 100 ms after the steps in progress), closes every environment, frees
// and nulls.  [rt: never]
void gaze_env_server_close(gaze_env_server **s);

#endif
