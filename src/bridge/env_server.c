// bridge/env_server.c - see env_server.h. Every request gets one reply; a bad one gets an error.
#include "bridge/env_server.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>
#include "bridge/env_wire.h"
#include "bridge/msgpack_scan.h"
#include "core/clock.h"
#include "core/json.h"

enum { ID_MAX = 255, HEAD_MAX = 4, POLL_MS = 100, NAME_MAX_SHOWN = 64 };

typedef struct client {  // a connection that said hello, and its environments
  uint8_t id[ID_MAX];
  size_t id_len;  // 0: free slot
  int64_t last_ns;
  int envs;
  bool oracle;
  void *self[GAZE_WIRE_ENVS_MAX];
  gaze_wire_row row[GAZE_WIRE_ENVS_MAX];
} client;

struct gaze_env_server {
  const gaze_env *env;
  char *base;   // settings as JSON text, NULL = none
  char *token;  // NULL: none
  int envs;
  int64_t idle_ns;
  void *context, *socket;
  bool own_context, running;
  pthread_t thread;
  atomic_bool stop;
  atomic_ullong requests, errors, dropped;
  atomic_int clients;
  char address[512];
  client *client;  // [GAZE_ENV_SERVER_CLIENTS]
  gaze_buf out;
};

typedef struct envelope {  // frames in front of the body, echoed as they came
  zmq_msg_t head[HEAD_MAX], body;
  int heads, bodies;
  bool delimited, flooded;
} envelope;

static char *copy(const char *s) {
  size_t n = strlen(s) + 1;
  char *t = malloc(n);
  if (t) memcpy(t, s, n);
  return t;
}

static gaze_err check_address(const gaze_env_server_options *o) {
  if (!o->bind || !o->env) return gaze_fail(GAZE_ERR_ARG, "env server: expected bind and env");
  if (strlen(o->bind) > 256)
    return gaze_fail(GAZE_ERR_ARG, "env server: bind: expected at most 256 bytes");
  if (o->envs < 0 || o->envs > GAZE_WIRE_ENVS_MAX)
    return gaze_fail(GAZE_ERR_ARG, "env server: envs: expected 0..%d", GAZE_WIRE_ENVS_MAX);
  if (strncmp(o->bind, "ipc://", 6) == 0 || strncmp(o->bind, "inproc://", 9) == 0) return GAZE_OK;
  if (strncmp(o->bind, "tcp://", 6) != 0)
    return gaze_fail(GAZE_ERR_ARG, "env server: bind %s: expected tcp://, ipc:// or inproc://",
                     o->bind);
  // the host must be a loopback literal: a name could resolve to anything
  const char *host = o->bind + 6, *colon = strrchr(host, ':');
  size_t n = colon ? (size_t)(colon - host) : 0;
  bool loopback = (n == 9 && memcmp(host, "127.0.0.1", 9) == 0) ||
                  (n == 9 && memcmp(host, "localhost", 9) == 0) ||
                  (n == 5 && memcmp(host, "[::1]", 5) == 0);
  if (loopback || (o->token && o->token[0])) return GAZE_OK;
  return gaze_fail(GAZE_ERR_ARG,
                   "env server: bind %s: expected a loopback address, or a token for others",
                   o->bind);
}

static void close_client(gaze_env_server *s, client *c) {
  for (int i = 0; i < c->envs; i++)
    if (c->self[i]) s->env->close(&c->self[i]);
  if (c->id_len) atomic_fetch_sub(&s->clients, 1);
  *c = (client){0};
}

static client *find(gaze_env_server *s, zmq_msg_t *id) {
  for (int i = 0; i < GAZE_ENV_SERVER_CLIENTS; i++) {
    client *c = &s->client[i];
    if (c->id_len && c->id_len == zmq_msg_size(id) &&
        memcmp(c->id, zmq_msg_data(id), c->id_len) == 0)
      return c;
  }
  return NULL;
}

// a free slot, or the one that has been silent for longest if that is long enough
static client *claim(gaze_env_server *s) {
  client *oldest = NULL;
  for (int i = 0; i < GAZE_ENV_SERVER_CLIENTS; i++) {
    client *c = &s->client[i];
    if (!c->id_len) return c;
    if (!oldest || c->last_ns < oldest->last_ns) oldest = c;
  }
  if (gaze_clock_now() - oldest->last_ns < s->idle_ns) return NULL;
  close_client(s, oldest);
  return oldest;
}

// Settings from a message may shape the task, never name files: no path is taken from a message,
// nor a bare file name, which has a dot.
static bool names_path(const cJSON *j) {
  if (cJSON_IsString(j) && strpbrk(j->valuestring, "/\\.")) return true;
  const cJSON *i = NULL;
  cJSON_ArrayForEach(i, j) if (names_path(i)) return true;
  return false;
}

static gaze_err merge(gaze_cfg *c, const char *json, bool remote) {
  cJSON *j = NULL;
  GAZE_TRY(gaze_json_parse(&j, json, strlen(json), "hello: field settings"));
  gaze_err e = GAZE_OK;
  if (!cJSON_IsObject(j))
    e = gaze_fail(GAZE_ERR_FORMAT, "hello: field settings: expected a JSON object");
  gaze_buf b = GAZE_BUF_INIT;
  const cJSON *i = NULL;
  cJSON_ArrayForEach(i, j) {
    if (e) break;
    if (!i->string[0] || strspn(i->string,
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_.-") != strlen(i->string))
      e = gaze_fail(GAZE_ERR_FORMAT, "hello: field settings: key %.64s: expected a plain name",
                    i->string);
    else if (remote && names_path(i))
      e = gaze_fail(GAZE_ERR_FORMAT, "hello: field settings.%.64s: paths are not accepted",
                    i->string);
    if (e) break;
    char *value = cJSON_PrintUnformatted(i);
    gaze_buf_clear(&b);
    gaze_buf_printf(&b, "%s=%s", i->string, value ? value : "null");
    e = value && !b.failed ? gaze_cfg_set(c, gaze_buf_text(&b)) : GAZE_ERR_NOMEM;
    cJSON_free(value);
  }
  gaze_buf_fini(&b);
  cJSON_Delete(j);
  return e;
}

static gaze_err open_envs(gaze_env_server *s, client *c, const gaze_wire_hello *h) {
  gaze_cfg *cfg = NULL;
  GAZE_TRY(gaze_cfg_open(&cfg));
  gaze_err e = s->base ? merge(cfg, s->base, false) : GAZE_OK;
  if (!e && h->settings) e = merge(cfg, h->settings, true);
  // the handshake alone decides about the truth
  if (!e) e = gaze_cfg_set(cfg, h->oracle ? "oracle=true" : "oracle=false");
  c->envs = h->envs ? h->envs : s->envs;
  c->oracle = h->oracle;
  for (int i = 0; i < c->envs && !e; i++) e = s->env->open(&c->self[i], cfg);
  gaze_cfg_close(&cfg);
  return e;
}

static gaze_err on_hello(gaze_env_server *s, zmq_msg_t *id, const gaze_wire_hello *h) {
  if (h->envs > s->envs)
    return gaze_fail(GAZE_ERR_RANGE, "hello: field n_envs: expected at most %d", s->envs);
  client *c = find(s, id);
  if (c) close_client(s, c);
  if (!c) c = claim(s);
  if (!c)
    return gaze_fail(GAZE_ERR_STATE, "env server is full: %d clients", GAZE_ENV_SERVER_CLIENTS);
  c->id_len = zmq_msg_size(id);
  memcpy(c->id, zmq_msg_data(id), c->id_len);
  c->last_ns = gaze_clock_now();
  atomic_fetch_add(&s->clients, 1);
  gaze_err e = open_envs(s, c, h);
  if (e) return close_client(s, c), e;
  gaze_wire_contract k = {.protocol = GAZE_WIRE_PROTOCOL,
                          .env = s->env->name,
                          .envs = c->envs,
                          .oracle = c->oracle,
                          .act_dims = s->env->act_dims};
  gaze_wire_put_contract(&s->out, &k);
  return GAZE_OK;
}

// an environment that shows its truth unasked does not get it past here
static gaze_err put_rows(gaze_env_server *s, client *c, bool step) {
  for (int i = 0; i < c->envs && !c->oracle; i++) c->row[i].obs.truth = NULL;
  return gaze_wire_put_rows(&s->out, c->row, c->envs, step);
}

static gaze_err rows_differ(const char *what, int want, int got) {
  return gaze_fail(GAZE_ERR_FORMAT, "%s: expected %d rows, got %d", what, want, got);
}

static gaze_err on_reset(gaze_env_server *s, client *c, const gaze_wire_request *r) {
  if (r->rows && r->rows != c->envs) return rows_differ("reset: field seed", c->envs, r->rows);
  if (r->masked && r->mask_rows != c->envs)
    return rows_differ("reset: field options.reset_mask", c->envs, r->mask_rows);
  for (int i = 0; i < c->envs; i++) {
    c->row[i] = (gaze_wire_row){.skip = r->skip[i]};
    // one seed for all: row k starts from seed + k
    uint64_t seed = r->rows ? r->seed[i] : r->seed[0] + (uint64_t)i;
    if (!r->skip[i]) GAZE_TRY(s->env->reset(c->self[i], seed, &c->row[i].obs));
  }
  return put_rows(s, c, false);
}

static gaze_err on_step(gaze_env_server *s, client *c, const gaze_wire_request *r) {
  if (r->rows != c->envs) return rows_differ("step: field actions", c->envs, r->rows);
  for (int i = 0; i < c->envs; i++) {
    c->row[i] = (gaze_wire_row){.skip = r->skip[i]};
    if (!r->skip[i]) GAZE_TRY(s->env->step(c->self[i], &r->act[i], &c->row[i].obs, &c->row[i].out));
  }
  return put_rows(s, c, true);
}

// the same time whatever the difference
static bool token_matches(const char *want, const char *got) {
  size_t n = strlen(want), m = got ? strlen(got) : 0;
  unsigned diff = (unsigned)(n != m) | !got;
  for (size_t i = 0; i < n; i++)
    diff |= (unsigned char)want[i] ^ (unsigned char)(m ? got[i % m] : 0);
  return diff == 0;
}

static gaze_err dispatch(gaze_env_server *s, zmq_msg_t *id, const gaze_wire_request *r) {
  client *c = find(s, id);
  if (c) c->last_ns = gaze_clock_now();
  switch (r->endpoint) {
    case GAZE_WIRE_PING:
      return gaze_wire_put_status(&s->out, "Server is running"), GAZE_OK;
    case GAZE_WIRE_HELLO:
      return on_hello(s, id, &r->hello);
    case GAZE_WIRE_CLOSE:
      if (c) close_client(s, c);
      return gaze_wire_put_status(&s->out, "Closed"), GAZE_OK;
    case GAZE_WIRE_RESET:
    case GAZE_WIRE_STEP: {
      if (!c) return gaze_fail(GAZE_ERR_STATE, "%s: say hello first", r->name);
      gaze_err e = r->endpoint == GAZE_WIRE_RESET ? on_reset(s, c, r) : on_step(s, c, r);
      c->last_ns = gaze_clock_now();
      return e;
    }
    default:
      return gaze_fail(GAZE_ERR_UNSUPPORTED, "Unknown endpoint: %.*s", NAME_MAX_SHOWN, r->name);
  }
}

static gaze_err answer(gaze_env_server *s, zmq_msg_t *id, void *body, size_t n) {
  gaze_wire_request r;
  gaze_err e = gaze_wire_get_request(body, n, &r);
  if (s->token && !token_matches(s->token, r.token))
    e = gaze_fail(GAZE_ERR_ARG, "Unauthorized: Invalid API token");
  else if (!e)
    e = dispatch(s, id, &r);
  gaze_wire_request_free(&r);
  return e;
}

static void reply(gaze_env_server *s, envelope *v) {
  gaze_err e = GAZE_OK;
  gaze_buf_clear(&s->out);
  atomic_fetch_add(&s->requests, 1);
  if (v->bodies != 1)
    e = gaze_fail(GAZE_ERR_FORMAT, "request: expected one body frame, got %d", v->bodies);
  else
    e = answer(s, &v->head[0], zmq_msg_data(&v->body), zmq_msg_size(&v->body));
  if (!e && s->out.failed) e = gaze_fail(GAZE_ERR_NOMEM, "env server: out of memory");
  if (!e && s->out.len > GAZE_MSGPACK_BYTES_MAX)
    e = gaze_fail(GAZE_ERR_RANGE, "reply of %zu bytes: expected at most %d; use fewer rows",
                  s->out.len, GAZE_MSGPACK_BYTES_MAX);
  if (e) {
    atomic_fetch_add(&s->errors, 1);
    gaze_buf_clear(&s->out);
    gaze_wire_put_error(&s->out, gaze_err_detail()[0] ? gaze_err_detail() : gaze_err_text(e));
  }
  if (s->out.failed) return;
  // a peer that has gone costs nothing: the router drops what it cannot route
  for (int i = 0; i < v->heads; i++)
    if (zmq_msg_send(&v->head[i], s->socket, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) return;
  zmq_send(s->socket, s->out.data, s->out.len, ZMQ_DONTWAIT);
}

// reads all frames of one message; frames beyond the envelope and one body are counted, not kept
static bool receive(gaze_env_server *s, envelope *v) {
  bool more = true;
  while (more) {
    zmq_msg_t m;
    zmq_msg_init(&m);
    if (zmq_msg_recv(&m, s->socket, ZMQ_DONTWAIT) < 0) {
      zmq_msg_close(&m);
      return false;
    }
    more = zmq_msg_more(&m);
    bool empty = zmq_msg_size(&m) == 0;
    if (v->delimited) {
      v->bodies++;
      if (v->bodies == 1) zmq_msg_move(&v->body, &m);
    } else if (v->heads < HEAD_MAX) {
      v->delimited = empty && v->heads > 0;
      zmq_msg_move(&v->head[v->heads++], &m);
    } else {
      v->flooded = true;
    }
    zmq_msg_close(&m);
  }
  return true;
}

static void *serve(void *arg) {
  gaze_env_server *s = arg;
  zmq_pollitem_t item = {.socket = s->socket, .events = ZMQ_POLLIN};
  while (!atomic_load(&s->stop)) {
    if (zmq_poll(&item, 1, POLL_MS) <= 0) continue;
    envelope v = {0};
    for (int i = 0; i < HEAD_MAX; i++) zmq_msg_init(&v.head[i]);
    zmq_msg_init(&v.body);
    if (receive(s, &v)) {
      if (v.delimited && !v.flooded)
        reply(s, &v);
      else
        atomic_fetch_add(&s->dropped, 1);
    }
    for (int i = 0; i < HEAD_MAX; i++) zmq_msg_close(&v.head[i]);
    zmq_msg_close(&v.body);
  }
  for (int i = 0; i < GAZE_ENV_SERVER_CLIENTS; i++) close_client(s, &s->client[i]);
  return NULL;
}

static gaze_err open_socket(gaze_env_server *s, const gaze_env_server_options *o) {
  s->context = o->context ? o->context : zmq_ctx_new();
  s->own_context = !o->context;
  s->socket = s->context ? zmq_socket(s->context, ZMQ_ROUTER) : NULL;
  if (!s->socket)
    return gaze_fail(GAZE_ERR_IO, "env server: no socket: %s", zmq_strerror(zmq_errno()));
  int64_t most = GAZE_MSGPACK_BYTES_MAX;
  int linger = 1000;
  zmq_setsockopt(s->socket, ZMQ_MAXMSGSIZE, &most, sizeof most);
  zmq_setsockopt(s->socket, ZMQ_LINGER, &linger, sizeof linger);
  if (zmq_bind(s->socket, o->bind) != 0) {
    const char *hint = zmq_errno() == EADDRINUSE ? " (is another server running there?)" : "";
    return gaze_fail(GAZE_ERR_IO, "env server: cannot bind %s: %s%s", o->bind,
                     zmq_strerror(zmq_errno()), hint);
  }
  size_t n = sizeof s->address;
  if (zmq_getsockopt(s->socket, ZMQ_LAST_ENDPOINT, s->address, &n) != 0) s->address[0] = 0;
  return GAZE_OK;
}

gaze_err gaze_env_server_open(gaze_env_server **ps, const gaze_env_server_options *o) {
  *ps = NULL;
  GAZE_TRY(check_address(o));
  gaze_env_server *s = calloc(1, sizeof *s);
  if (!s) return GAZE_ERR_NOMEM;
  s->env = o->env;
  s->envs = o->envs ? o->envs : 1;
  s->idle_ns = (int64_t)(o->idle_s ? o->idle_s : 60) * 1000000000;
  s->client = calloc(GAZE_ENV_SERVER_CLIENTS, sizeof *s->client);
  gaze_err e = s->client ? GAZE_OK : GAZE_ERR_NOMEM;
  if (!e && o->cfg && !(s->base = gaze_cfg_dump(o->cfg))) e = GAZE_ERR_NOMEM;
  if (!e && o->token && o->token[0] && !(s->token = copy(o->token))) e = GAZE_ERR_NOMEM;
  if (!e) e = open_socket(s, o);
  if (!e && pthread_create(&s->thread, NULL, serve, s) != 0)
    e = gaze_fail(GAZE_ERR_IO, "env server: cannot start a thread");
  s->running = !e;
  if (e) return gaze_env_server_close(&s), e;
  *ps = s;
  return GAZE_OK;
}

const char *gaze_env_server_address(const gaze_env_server *s) {
  return s->address;
}

gaze_env_server_stats gaze_env_server_count(gaze_env_server *s) {
  return (gaze_env_server_stats){.requests = atomic_load(&s->requests),
                                 .errors = atomic_load(&s->errors),
                                 .dropped = atomic_load(&s->dropped),
                                 .clients = atomic_load(&s->clients)};
}

void gaze_env_server_close(gaze_env_server **ps) {
  gaze_env_server *s = *ps;
  if (!s) return;
  *ps = NULL;
  atomic_store(&s->stop, true);
  if (s->running) pthread_join(s->thread, NULL);
  if (s->socket) {
    // a socket closes in the background: unbinding first frees the address at once
    if (s->address[0]) zmq_unbind(s->socket, s->address);
    zmq_close(s->socket);
  }
  if (s->own_context && s->context) zmq_ctx_term(s->context);
  gaze_buf_fini(&s->out);
  free(s->client);
  free(s->base);
  free(s->token);
  free(s);
}
