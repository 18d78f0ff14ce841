// bridge/env_client.c - see env_client.h. One environment per client, one request at a time.
#include "bridge/env_client.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>
#include "bridge/env_wire.h"
#include "bridge/msgpack_scan.h"
#include "bridge/shm.h"
#include "core/json.h"

typedef struct env_client {
  void *context, *socket;
  bool own_context, greeted, want_shm;
  int timeout_s;
  char address[257], token[257], name[65];
  gaze_buf request;
  zmq_msg_t message;      // the last reply: its pictures are shown to the policy
  gaze_shm shm;           // or lie here
  gaze_wire_reply reply;  // read from it
} env_client;

// settings that concern the connection stay here, the rest is the environment's
static gaze_err forward(const gaze_cfg *cfg, char **settings) {
  static const char *const own[] = {"connect", "token", "timeout_s", "oracle", "shm"};
  *settings = NULL;
  if (!cfg) return GAZE_OK;
  char *text = gaze_cfg_dump(cfg);
  if (!text) return GAZE_ERR_NOMEM;
  cJSON *j = NULL;
  gaze_err e = gaze_json_parse(&j, text, strlen(text), "env client: settings");
  free(text);
  if (e) return e;
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    cJSON_DeleteItemFromObjectCaseSensitive(j, own[i]);
  text = cJSON_PrintUnformatted(j);
  cJSON_Delete(j);
  if (!text) return GAZE_ERR_NOMEM;
  size_t n = strlen(text) + 1;
  *settings = malloc(n);
  if (*settings) memcpy(*settings, text, n);
  cJSON_free(text);
  return *settings ? GAZE_OK : GAZE_ERR_NOMEM;
}

static gaze_err copy_setting(const gaze_cfg *cfg, const char *key, const char *fallback, char *to,
                             size_t cap) {
  const char *s = NULL;
  GAZE_TRY(gaze_cfg_str(cfg, key, fallback, &s));
  if (strlen(s) >= cap)
    return gaze_fail(GAZE_ERR_ARG, "env client: %s: expected less than %zu bytes", key, cap);
  memcpy(to, s, strlen(s) + 1);
  return GAZE_OK;
}

static void forget(env_client *c) {
  gaze_wire_reply_free(&c->reply);
  zmq_msg_close(&c->message);
  zmq_msg_init(&c->message);
}

static gaze_err lost(const env_client *c, const char *what) {
  int err = zmq_errno();
  if (err == EAGAIN)
    return gaze_fail(GAZE_ERR_TIMEOUT, "env server at %s did not answer within %d s", c->address,
                     c->timeout_s);
  if (err == EINTR)
    return gaze_fail(GAZE_ERR_INTERRUPTED, "env server at %s: interrupted while waiting",
                     c->address);
  return gaze_fail(GAZE_ERR_IO, "env server at %s: cannot %s: %s", c->address, what,
                   zmq_strerror(err));
}

// sends c->request and reads the reply to it
static gaze_err call(env_client *c, gaze_wire_endpoint endpoint) {
  forget(c);
  if (c->request.failed) return GAZE_ERR_NOMEM;
  if (zmq_send(c->socket, c->request.data, c->request.len, 0) < 0) return lost(c, "send");
  if (zmq_msg_recv(&c->message, c->socket, 0) < 0) return lost(c, "receive");
  if (zmq_msg_more(&c->message)) {
    zmq_msg_t rest;
    zmq_msg_init(&rest);
    while (zmq_msg_recv(&rest, c->socket, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&rest)) {
    }
    zmq_msg_close(&rest);
    return gaze_fail(GAZE_ERR_FORMAT, "env server at %s: reply of more than one frame", c->address);
  }
  char why[512];
  const gaze_wire_shm shm = {c->shm.base, c->shm.size};
  gaze_err e = gaze_wire_get_reply(zmq_msg_data(&c->message), zmq_msg_size(&c->message), endpoint,
                                   shm.base ? &shm : NULL, &c->reply);
  if (e) {
    snprintf(why, sizeof why, "%s", gaze_err_detail());
    return gaze_fail(e, "env server at %s: %s", c->address, why);
  }
  if (c->reply.error)
    return gaze_fail(GAZE_ERR_STATE, "env server at %s: %.800s", c->address, c->reply.error);
  return GAZE_OK;
}

static gaze_err connect_socket(env_client *c, void *context) {
  c->context = context ? context : zmq_ctx_new();
  c->own_context = !context;
  c->socket = c->context ? zmq_socket(c->context, ZMQ_REQ) : NULL;
  if (!c->socket)
    return gaze_fail(GAZE_ERR_IO, "env client: no socket: %s", zmq_strerror(zmq_errno()));
  int wait_ms = c->timeout_s * 1000, none = 0, on = 1;
  int64_t most = GAZE_MSGPACK_BYTES_MAX;
  zmq_setsockopt(c->socket, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
  zmq_setsockopt(c->socket, ZMQ_SNDTIMEO, &wait_ms, sizeof wait_ms);
  zmq_setsockopt(c->socket, ZMQ_LINGER, &none, sizeof none);
  zmq_setsockopt(c->socket, ZMQ_MAXMSGSIZE, &most, sizeof most);
  // a late reply to a request that timed out must not answer the next one
  zmq_setsockopt(c->socket, ZMQ_REQ_CORRELATE, &on, sizeof on);
  zmq_setsockopt(c->socket, ZMQ_REQ_RELAXED, &on, sizeof on);
  if (zmq_connect(c->socket, c->address) != 0)
    return gaze_fail(GAZE_ERR_ARG, "env client: connect %s: %s", c->address,
                     zmq_strerror(zmq_errno()));
  return GAZE_OK;
}

static const char *token(const env_client *c) {
  return c->token[0] ? c->token : NULL;
}

// says hello and checks what is promised
static gaze_err hello(env_client *c, const gaze_wire_hello *h) {
  gaze_buf_clear(&c->request);
  gaze_wire_put_hello(&c->request, h, token(c));
  GAZE_TRY(call(c, GAZE_WIRE_HELLO));
  c->greeted = true;
  const gaze_wire_contract *k = &c->reply.contract;
  if (k->envs != 1 || k->oracle != h->oracle || k->autoreset != h->autoreset)
    return gaze_fail(
        GAZE_ERR_FORMAT,
        "env server at %s: hello reply: expected 1 environment, %s, autoreset disabled", c->address,
        h->oracle ? "with its truth" : "without its truth");
  snprintf(c->name, sizeof c->name, "%.64s", k->env);
  return GAZE_OK;
}

static gaze_err greet(env_client *c, const gaze_cfg *cfg) {
  gaze_wire_hello h = {.protocol = GAZE_WIRE_PROTOCOL, .envs = 1, .shm = c->want_shm};
  char *settings = NULL;
  GAZE_TRY(gaze_cfg_bool(cfg, "oracle", false, &h.oracle));
  GAZE_TRY(forward(cfg, &settings));
  h.settings = settings;
  gaze_err e = hello(c, &h);
  const gaze_wire_contract *k = &c->reply.contract;
  if (!e && k->shm && gaze_shm_open(&c->shm, k->shm, (size_t)k->shm_size)) {
    // another host behind a tunnel, or another user: pictures come in the messages
    h.shm = false;
    e = hello(c, &h);
    if (!e && c->reply.contract.shm)
      e = gaze_fail(GAZE_ERR_FORMAT, "env server at %s: hello reply: field shm: not asked for",
                    c->address);
  }
  free(settings);
  return e;
}

static void client_close(void **self) {
  env_client *c = *self;
  if (!c) return;
  *self = NULL;
  if (c->greeted) {
    // frees the environments at once; a server that is gone is not waited for
    int wait_ms = 200;
    zmq_setsockopt(c->socket, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    zmq_setsockopt(c->socket, ZMQ_SNDTIMEO, &wait_ms, sizeof wait_ms);
    gaze_buf_clear(&c->request);
    gaze_wire_put_plain(&c->request, "close", token(c));
    (void)call(c, GAZE_WIRE_CLOSE);
  }
  gaze_wire_reply_free(&c->reply);
  zmq_msg_close(&c->message);
  gaze_shm_close(&c->shm);
  if (c->socket) zmq_close(c->socket);
  if (c->own_context && c->context) zmq_ctx_term(c->context);
  gaze_buf_fini(&c->request);
  free(c);
}

// whether the server is likely on this host, in another process
static bool near(const char *address) {
  return strncmp(address, "ipc://", 6) == 0 || strncmp(address, "tcp://127.0.0.1:", 16) == 0 ||
         strncmp(address, "tcp://localhost:", 16) == 0 || strncmp(address, "tcp://[::1]:", 12) == 0;
}

gaze_err gaze_env_client_open(void **self, const gaze_cfg *cfg, void *context) {
  *self = NULL;
  env_client *c = calloc(1, sizeof *c);
  if (!c) return GAZE_ERR_NOMEM;
  zmq_msg_init(&c->message);
  int64_t timeout_s = 30;
  gaze_err e = gaze_cfg_int(cfg, "timeout_s", 30, 1, 86400, &timeout_s);
  c->timeout_s = (int)timeout_s;
  if (!e) e = copy_setting(cfg, "connect", "tcp://127.0.0.1:5570", c->address, sizeof c->address);
  if (!e) e = copy_setting(cfg, "token", "", c->token, sizeof c->token);
  if (!e) e = gaze_cfg_bool(cfg, "shm", near(c->address), &c->want_shm);
  if (!e) e = connect_socket(c, context);
  if (!e) e = greet(c, cfg);
  if (e) {
    void *p = c;
    return client_close(&p), e;
  }
  *self = c;
  return GAZE_OK;
}

static gaze_err client_open(void **self, const gaze_cfg *cfg) {
  return gaze_env_client_open(self, cfg, NULL);
}

static gaze_err row(env_client *c, gaze_obs *obs) {
  const gaze_wire_row *r = c->reply.row;
  if (c->reply.rows == 1 && r->skip && r->error)
    return gaze_fail(GAZE_ERR_STATE, "env server at %s: %.800s", c->address, r->error);
  if (c->reply.rows != 1 || r->skip)
    return gaze_fail(GAZE_ERR_FORMAT, "env server at %s: expected one observation", c->address);
  *obs = c->reply.row[0].obs;
  return GAZE_OK;
}

static gaze_err client_reset(void *self, uint64_t seed, gaze_obs *obs) {
  env_client *c = self;
  gaze_buf_clear(&c->request);
  gaze_wire_put_reset(&c->request, &seed, 1, token(c));
  GAZE_TRY(call(c, GAZE_WIRE_RESET));
  return row(c, obs);
}

static gaze_err client_step(void *self, const gaze_act *act, gaze_obs *obs, gaze_outcome *out) {
  env_client *c = self;
  const bool chunk = !act->text && act->chunk;
  if (!act->text && !chunk)
    return gaze_fail(GAZE_ERR_ARG, "env client: action: expected text or a chunk");
  if (chunk && (act->steps < 1 || act->steps > GAZE_WIRE_CHUNK_MAX || act->dims < 1 ||
                act->dims > GAZE_WIRE_DIMS_MAX))
    return gaze_fail(GAZE_ERR_ARG, "env client: action: expected a chunk [1..%d,1..%d]",
                     GAZE_WIRE_CHUNK_MAX, GAZE_WIRE_DIMS_MAX);
  if (act->text && strlen(act->text) > GAZE_WIRE_TEXT_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "env client: action: expected at most %d bytes",
                     GAZE_WIRE_TEXT_MAX);
  gaze_buf_clear(&c->request);
  gaze_wire_put_step(&c->request, act, 1, token(c));
  GAZE_TRY(call(c, GAZE_WIRE_STEP));
  GAZE_TRY(row(c, obs));
  if (!c->reply.row[0].acts)
    return gaze_fail(GAZE_ERR_FORMAT, "env server at %s: expected an outcome", c->address);
  *out = c->reply.row[0].out;
  return GAZE_OK;
}

const char *gaze_env_client_env(const void *self) {
  return ((const env_client *)self)->name;
}

const gaze_env gaze_env_remote = {.name = "remote",
                                  .open = client_open,
                                  .reset = client_reset,
                                  .step = client_step,
                                  .close = client_close};
