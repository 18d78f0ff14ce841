// bridge/env_server.c - see env_server.h. Every request gets one reply; a bad one gets an error.
//
// The listening thread owns the socket and every client. Work of a client is begun, carried out by
// the crew while others are served, and ended when the crew says through a pipe that it is done.
#include "bridge/env_server.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>
#include "bridge/env_session.h"
#include "bridge/msgpack_scan.h"
#include "core/clock.h"

enum { ID_MAX = 255, HEAD_MAX = 4, POLL_MS = 100, NAME_MAX_SHOWN = 64, BEATS = 5 };

typedef struct envelope {  // frames in front of the body, echoed as they came
  zmq_msg_t head[HEAD_MAX], body;
  int heads, bodies;
  int fd;  // of the connection it came by, -1 if it is none
  bool delimited, flooded;
} envelope;

typedef struct client {  // a connection that said hello, and its environments
  uint8_t id[ID_MAX];
  size_t id_len;  // 0: free slot
  int fd;
  int64_t last_ns;
  gaze_env_session *session;
  bool working;  // a request is being carried out
  envelope asked;
  gaze_wire_request request;
} client;

struct gaze_env_server {
  const gaze_env *env;
  char *base;   // settings as JSON text, NULL = none
  char *token;  // NULL: none
  int envs;
  int64_t idle_ns;
  void *context, *socket, *monitor;
  bool own_context, running;
  pthread_t thread;
  gaze_crew *crew;  // NULL: the listening thread steps
  int wake[2];      // pipe: the crew's end is 1
  atomic_bool stop;
  atomic_ullong requests, errors, dropped, faults;
  atomic_int clients;
  char address[512];
  client *client;  // [GAZE_ENV_SERVER_CLIENTS]
  gaze_buf out;
};

static void envelope_init(envelope *v) {
  *v = (envelope){.fd = -1};
  for (int i = 0; i < HEAD_MAX; i++) zmq_msg_init(&v->head[i]);
  zmq_msg_init(&v->body);
}

// takes the frames that a reply echoes
static void envelope_move(envelope *to, envelope *from) {
  envelope_init(to);
  to->heads = from->heads;
  for (int i = 0; i < from->heads; i++) zmq_msg_move(&to->head[i], &from->head[i]);
}

static void envelope_fini(envelope *v) {
  for (int i = 0; i < HEAD_MAX; i++) zmq_msg_close(&v->head[i]);
  zmq_msg_close(&v->body);
}

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
  if (o->threads < 0 || o->threads > 256)
    return gaze_fail(GAZE_ERR_ARG, "env server: threads: expected 0..256");
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
  if (!c->id_len) return;
  if (c->session) atomic_fetch_add(&s->faults, gaze_env_session_faults(c->session));
  gaze_env_session_close(&c->session);
  if (c->working) {
    gaze_wire_request_free(&c->request);
    envelope_fini(&c->asked);
  }
  atomic_fetch_sub(&s->clients, 1);
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

// a worker says that a client's work is done; a full pipe says so already
static void on_done(void *ctx) {
  const gaze_env_server *s = ctx;
  while (write(s->wake[1], "", 1) < 0 && errno == EINTR) {
  }
}

static gaze_err on_hello(gaze_env_server *s, envelope *v, const gaze_wire_hello *h) {
  zmq_msg_t *id = &v->head[0];
  client *c = find(s, id);
  if (c) close_client(s, c);
  c = claim(s);
  if (!c)
    return gaze_fail(GAZE_ERR_STATE, "env server is full: %d clients", GAZE_ENV_SERVER_CLIENTS);
  const gaze_env_session_options o = {.env = s->env,
                                      .base = s->base,
                                      .envs = s->envs,
                                      .crew = s->crew,
                                      .done = s->crew ? on_done : NULL,
                                      .ctx = s};
  GAZE_TRY(gaze_env_session_open(&c->session, &o, h));
  c->id_len = zmq_msg_size(id);
  memcpy(c->id, zmq_msg_data(id), c->id_len);
  c->fd = v->fd;
  c->last_ns = gaze_clock_now();
  atomic_fetch_add(&s->clients, 1);
  gaze_env_session_contract(c->session, &s->out);
  return GAZE_OK;
}

// the same time whatever the difference
static bool token_matches(const char *want, const char *got) {
  size_t n = strlen(want), m = got ? strlen(got) : 0;
  unsigned diff = (unsigned)(n != m) | !got;
  for (size_t i = 0; i < n; i++)
    diff |= (unsigned char)want[i] ^ (unsigned char)(m ? got[i % m] : 0);
  return diff == 0;
}

// begins what a client's request asks for; the request and its envelope are the client's now
static gaze_err on_work(gaze_env_server *s, envelope *v, gaze_wire_request *r) {
  client *c = find(s, &v->head[0]);
  if (!c) return gaze_fail(GAZE_ERR_STATE, "%s: say hello first", r->name);
  c->last_ns = gaze_clock_now();
  // also the rest of a request that failed halfway
  if (c->working || !gaze_env_session_ready(c->session))
    return gaze_fail(GAZE_ERR_STATE, "%s: the request before is still being carried out", r->name);
  GAZE_TRY(gaze_env_session_begin(c->session, r));
  c->working = true;
  envelope_move(&c->asked, v);
  c->request = *r;
  *r = (gaze_wire_request){.endpoint = GAZE_WIRE_UNKNOWN};
  return GAZE_OK;
}

// `later`: the reply comes when the work is done
static gaze_err dispatch(gaze_env_server *s, envelope *v, gaze_wire_request *r, bool *later) {
  switch (r->endpoint) {
    case GAZE_WIRE_PING:
      return gaze_wire_put_status(&s->out, "Server is running"), GAZE_OK;
    case GAZE_WIRE_HELLO:
      return on_hello(s, v, &r->hello);
    case GAZE_WIRE_CLOSE: {
      client *c = find(s, &v->head[0]);
      if (c) close_client(s, c);
      return gaze_wire_put_status(&s->out, "Closed"), GAZE_OK;
    }
    case GAZE_WIRE_RESET:
    case GAZE_WIRE_STEP:
    case GAZE_WIRE_CHUNK_STEP:
    case GAZE_WIRE_RENDER:
      GAZE_TRY(on_work(s, v, r));
      *later = true;
      return GAZE_OK;
    default:
      return gaze_fail(GAZE_ERR_UNSUPPORTED, "Unknown endpoint: %.*s", NAME_MAX_SHOWN, r->name);
  }
}

static gaze_err answer(gaze_env_server *s, envelope *v, bool *later) {
  gaze_wire_request r;
  gaze_err e = gaze_wire_get_request(zmq_msg_data(&v->body), zmq_msg_size(&v->body), &r);
  if (s->token && !token_matches(s->token, r.token))
    e = gaze_fail(GAZE_ERR_ARG, "Unauthorized: Invalid API token");
  else if (!e)
    e = dispatch(s, v, &r, later);
  gaze_wire_request_free(&r);
  return e;
}

// sends s->out, or the sentence of an error, to whoever sent the envelope
static void reply(gaze_env_server *s, envelope *v, gaze_err e) {
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
  for (int i = 0; i < v->heads; i++) {
    if (zmq_msg_send(&v->head[i], s->socket, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0) continue;
    // the peer has gone, perhaps before its first message was read
    client *c = i == 0 && zmq_errno() == EHOSTUNREACH ? find(s, &v->head[0]) : NULL;
    if (c) close_client(s, c);
    return;
  }
  zmq_send(s->socket, s->out.data, s->out.len, ZMQ_DONTWAIT);
}

// answers the clients whose work is done
static void end_work(gaze_env_server *s) {
  for (int i = 0; i < GAZE_ENV_SERVER_CLIENTS; i++) {
    client *c = &s->client[i];
    if (!c->working || !gaze_env_session_ready(c->session)) continue;
    gaze_buf_clear(&s->out);
    const gaze_err e = gaze_env_session_end(c->session, &c->request, &s->out);
    reply(s, &c->asked, e);
    if (!c->working) continue;  // it has gone
    gaze_wire_request_free(&c->request);
    envelope_fini(&c->asked);
    c->working = false;
    c->last_ns = gaze_clock_now();
  }
}

static void serve_message(gaze_env_server *s, envelope *v) {
  bool later = false;
  gaze_err e;
  gaze_buf_clear(&s->out);
  atomic_fetch_add(&s->requests, 1);
  if (v->bodies != 1)
    e = gaze_fail(GAZE_ERR_FORMAT, "request: expected one body frame, got %d", v->bodies);
  else
    e = answer(s, v, &later);
  if (!later) reply(s, v, e);
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
    if (v->fd < 0) v->fd = zmq_msg_get(&m, ZMQ_SRCFD);
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

// Frees the places of connections that have ended. Called between receiving a message and serving
// it: the end of a connection is told before its descriptor can belong to another.
static void forget_gone(gaze_env_server *s) {
  uint8_t event[6];  // u16 kind, i32 value
  while (s->monitor && zmq_recv(s->monitor, event, sizeof event, ZMQ_DONTWAIT) == sizeof event) {
    int32_t fd;
    char where[512];
    memcpy(&fd, event + 2, sizeof fd);
    zmq_recv(s->monitor, where, sizeof where, ZMQ_DONTWAIT);
    for (int i = 0; i < GAZE_ENV_SERVER_CLIENTS; i++)
      if (s->client[i].id_len && s->client[i].fd == fd) close_client(s, &s->client[i]);
  }
}

static void take_message(gaze_env_server *s) {
  envelope v;
  envelope_init(&v);
  const bool whole = receive(s, &v);
  forget_gone(s);
  if (whole && v.delimited && !v.flooded)
    serve_message(s, &v);
  else if (whole)
    atomic_fetch_add(&s->dropped, 1);
  envelope_fini(&v);
}

static void *serve(void *arg) {
  gaze_env_server *s = arg;
  zmq_pollitem_t item[3] = {{.socket = s->socket, .events = ZMQ_POLLIN},
                            {.fd = s->wake[0], .events = ZMQ_POLLIN},
                            {.socket = s->monitor, .events = ZMQ_POLLIN}};
  while (!atomic_load(&s->stop)) {
    if (zmq_poll(item, s->monitor ? 3 : 2, POLL_MS) <= 0) continue;
    char bytes[64];
    while (read(s->wake[0], bytes, sizeof bytes) > 0) {
    }
    if (item[0].revents & ZMQ_POLLIN) take_message(s);
    forget_gone(s);
    end_work(s);
  }
  for (int i = 0; i < GAZE_ENV_SERVER_CLIENTS; i++) close_client(s, &s->client[i]);
  return NULL;
}

// A process that ends closes its connections, and the monitor tells; heartbeats find peers that
// went without a word.
static gaze_err watch_peers(gaze_env_server *s, int beat_ms) {
  const int beat = beat_ms ? beat_ms : 3000, patience = BEATS * beat, none = 0, on = 1;
  char name[64];
  zmq_setsockopt(s->socket, ZMQ_ROUTER_MANDATORY, &on, sizeof on);
  zmq_setsockopt(s->socket, ZMQ_HEARTBEAT_IVL, &beat, sizeof beat);
  zmq_setsockopt(s->socket, ZMQ_HEARTBEAT_TIMEOUT, &patience, sizeof patience);
  // never used before: the end of a server that stood at this address may still be under way
  snprintf(name, sizeof name, "inproc://gaze-env-server-%p-%llx", (void *)s,
           (unsigned long long)gaze_clock_now());
  s->monitor = zmq_socket(s->context, ZMQ_PAIR);
  if (!s->monitor || zmq_socket_monitor(s->socket, name, ZMQ_EVENT_DISCONNECTED) != 0 ||
      zmq_connect(s->monitor, name) != 0)
    return gaze_fail(GAZE_ERR_IO, "env server: cannot watch the socket: %s",
                     zmq_strerror(zmq_errno()));
  zmq_setsockopt(s->monitor, ZMQ_LINGER, &none, sizeof none);
  return GAZE_OK;
}

static gaze_err open_crew(gaze_env_server *s, int threads) {
  if (pipe(s->wake) != 0) {
    s->wake[0] = s->wake[1] = -1;
    return gaze_fail(GAZE_ERR_IO, "env server: no pipe: %s", strerror(errno));
  }
  for (int i = 0; i < 2; i++) {
    fcntl(s->wake[i], F_SETFL, O_NONBLOCK);
    fcntl(s->wake[i], F_SETFD, FD_CLOEXEC);
  }
  return threads ? gaze_crew_open(&s->crew, threads, GAZE_ENV_SERVER_CLIENTS * GAZE_WIRE_ENVS_MAX)
                 : GAZE_OK;
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
  GAZE_TRY(watch_peers(s, o->beat_ms));
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
  s->wake[0] = s->wake[1] = -1;
  s->envs = o->envs ? o->envs : 1;
  s->idle_ns = (int64_t)(o->idle_s ? o->idle_s : 60) * 1000000000;
  s->client = calloc(GAZE_ENV_SERVER_CLIENTS, sizeof *s->client);
  gaze_err e = s->client ? GAZE_OK : GAZE_ERR_NOMEM;
  if (!e && o->cfg && !(s->base = gaze_cfg_dump(o->cfg))) e = GAZE_ERR_NOMEM;
  if (!e && o->token && o->token[0] && !(s->token = copy(o->token))) e = GAZE_ERR_NOMEM;
  if (!e) e = open_crew(s, o->threads);
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
                                 .faults = atomic_load(&s->faults),
                                 .clients = atomic_load(&s->clients)};
}

void gaze_env_server_close(gaze_env_server **ps) {
  gaze_env_server *s = *ps;
  if (!s) return;
  *ps = NULL;
  atomic_store(&s->stop, true);
  if (s->running) pthread_join(s->thread, NULL);
  if (s->socket) {
    zmq_socket_monitor(s->socket, NULL, 0);
    // a socket closes in the background: unbinding first frees the address at once
    if (s->address[0]) zmq_unbind(s->socket, s->address);
    zmq_close(s->socket);
  }
  if (s->monitor) zmq_close(s->monitor);
  if (s->own_context && s->context) zmq_ctx_term(s->context);
  gaze_crew_close(&s->crew);
  for (int i = 0; i < 2; i++)
    if (s->wake[i] >= 0) close(s->wake[i]);
  gaze_buf_fini(&s->out);
  free(s->client);
  free(s->base);
  free(s->token);
  free(s);
}
