// app/wire.c - see wire.h.
#include "app/wire.h"
#include <stdlib.h>
#include <string.h>
#include <zmq.h>
#include "bridge/env_client.h"
#include "bridge/env_server.h"
#include "core/json.h"

struct gaze_wire {
  void *context;            // ZeroMQ context shared by both ends of an inproc wire
  gaze_env_server *server;  // NULL if the server is elsewhere
  void *env;
};

// copies what concerns the environment; paths and the policy's settings stay here
static gaze_err env_settings(gaze_cfg *to, const gaze_cfg *from, const gaze_env *env,
                             bool own_server) {
  // an environment's own settings stand under its name: "avr.layout"
  const char *const keys[] = {"oracle", "token",      "timeout_s", "shm",
                              "split",  "image_size", env->name};
  // a server of our own has the environment's settings already, also those that name files
  const size_t n = own_server ? 3 : sizeof keys / sizeof *keys;
  char *text = gaze_cfg_dump(from);
  cJSON *all = NULL, *some = cJSON_CreateObject();
  gaze_err e = text && some ? gaze_json_parse(&all, text, strlen(text), "settings")
                            : gaze_fail(GAZE_ERR_NOMEM, "out of memory");
  for (size_t i = 0; i < n && !e; i++) {
    const cJSON *v = gaze_json_get(all, keys[i]);
    if (v) cJSON_AddItemToObject(some, keys[i], cJSON_Duplicate(v, 1));
  }
  char *chosen = e ? NULL : cJSON_PrintUnformatted(some);
  if (!e) e = chosen ? gaze_cfg_merge_text(to, chosen, "settings") : GAZE_ERR_NOMEM;
  free(text);
  free(chosen);
  cJSON_Delete(all);
  cJSON_Delete(some);
  return e;
}

static gaze_err connect_to(gaze_wire *w, const gaze_env *env, const gaze_cfg *cfg,
                           const char *address) {
  gaze_cfg *own = NULL;
  GAZE_TRY(gaze_cfg_open(&own));
  gaze_err e = env_settings(own, cfg, env, w->server != NULL);
  if (!e) e = gaze_cfg_set_str(own, "connect", address);
  if (!e) e = gaze_env_client_open(&w->env, own, w->context);
  gaze_cfg_close(&own);
  return e;
}

gaze_err gaze_wire_open(gaze_wire **out, const gaze_env *env, const gaze_cfg *cfg,
                        const char *connect) {
  gaze_wire *w = *out = calloc(1, sizeof *w);
  if (!w) return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
  gaze_err e = GAZE_OK;
  if (!connect) {
    connect = "inproc://gaze-env";
    w->context = zmq_ctx_new();
    const gaze_env_server_options o = {
        .bind = connect, .env = env, .cfg = cfg, .envs = 1, .context = w->context};
    e = w->context ? gaze_env_server_open(&w->server, &o)
                   : gaze_fail(GAZE_ERR_NOMEM, "cannot make a ZeroMQ context");
  }
  if (!e) e = connect_to(w, env, cfg, connect);
  // chunks and words, and the figures of both, are not the same game
  const char *served = e ? "" : gaze_env_client_env(w->env);
  if (!e && strcmp(served, env->name) != 0)
    e = gaze_fail(GAZE_ERR_ARG, "env server at %s plays %s, not %s: give --env %s", connect, served,
                  env->name, served);
  if (e) gaze_wire_close(out);
  return e;
}

void *gaze_wire_env(const gaze_wire *w) {
  return w->env;
}

void gaze_wire_close(gaze_wire **out) {
  gaze_wire *w = *out;
  if (!w) return;
  if (w->env) gaze_env_remote.close(&w->env);
  gaze_env_server_close(&w->server);
  if (w->context) zmq_ctx_term(w->context);
  free(w);
  *out = NULL;
}
