// bridge/env_session.h - one client's environments on the server: work begun, work ended.
#ifndef GAZE_BRIDGE_ENV_SESSION_H
#define GAZE_BRIDGE_ENV_SESSION_H

#include "bridge/env_wire.h"

typedef struct gaze_env_session gaze_env_session;

typedef struct gaze_env_session_options {
  const gaze_env *env;
  const char *base;         // settings as JSON text, NULL = none
  int envs;                 // most environments; the client's number unless it asks for fewer
  gaze_crew *crew;          // who steps; borrowed. NULL: whoever begins
  void (*done)(void *ctx);  // as gaze_env_batch_options.done
  void *ctx;
} gaze_env_session_options;

// Opens what a hello asks for. Settings from a message may shape the task, never name files.
// RANGE, FORMAT naming the field; the environment's own errors.  [rt: init]
gaze_err gaze_env_session_open(gaze_env_session **s, const gaze_env_session_options *o,
                               const gaze_wire_hello *h);

// Waits for what is in work, frees, nulls.  [rt: never]
void gaze_env_session_close(gaze_env_session **s);

// Appends the reply to hello.  [rt: never]
void gaze_env_session_contract(const gaze_env_session *s, gaze_buf *out);

// Begins a reset, step, chunk_step or render; `r` is borrowed until the end. FORMAT if the rows do
// not fit, and nothing has begun then.  [rt: never]
gaze_err gaze_env_session_begin(gaze_env_session *s, const gaze_wire_request *r);

// Whether what was begun is carried out.  [rt: never]
bool gaze_env_session_ready(gaze_env_session *s);

// Appends the reply to what was begun and is ready. Errors stay in their rows.  [rt: never]
gaze_err gaze_env_session_end(gaze_env_session *s, const gaze_wire_request *r, gaze_buf *out);

// Episodes that broke so far.  [rt: safe]
uint64_t gaze_env_session_faults(const gaze_env_session *s);

#endif
