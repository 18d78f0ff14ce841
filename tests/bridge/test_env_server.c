// tests/bridge/test_env_server.c - batches behind a server: rows that err, end, wait and draw, in
// several processes and with any number of threads; clients that vanish.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <zmq.h>
#include "bridge/env_client.h"
#include "bridge/env_server.h"
#include "bridge/shm.h"
#include "core/clock.h"
#include "envs/reach/env_reach.h"
#include "envs/tutorial.h"
#include "tests/bridge/fixture_env.h"

enum { SIDE = 56, PIXELS = SIDE * SIDE * 3 };

typedef struct peer {  // a client that speaks the wire
  void *context, *socket;
  gaze_buf request, body;
  gaze_wire_reply reply;
} peer;

static peer dial(const char *address) {
  peer p = {.context = zmq_ctx_new()};
  p.socket = zmq_socket(p.context, ZMQ_DEALER);
  int none = 0;
  zmq_setsockopt(p.socket, ZMQ_LINGER, &none, sizeof none);
  assert_int_equal(zmq_connect(p.socket, address), 0);
  return p;
}

static void hang_up(peer *p) {
  gaze_wire_reply_free(&p->reply);
  gaze_buf_fini(&p->request);
  gaze_buf_fini(&p->body);
  zmq_close(p->socket);
  zmq_ctx_term(p->context);
}

static gaze_wire_reply *ask(peer *p, gaze_wire_endpoint endpoint) {
  gaze_wire_reply_free(&p->reply);
  fixture_ask(p->socket, &p->request, endpoint, &p->body, &p->reply);
  gaze_buf_clear(&p->request);
  return &p->reply;
}

static gaze_wire_reply *hello(peer *p, gaze_wire_hello h) {
  h.protocol = GAZE_WIRE_PROTOCOL;
  gaze_wire_put_hello(&p->request, &h, NULL);
  return ask(p, GAZE_WIRE_HELLO);
}

static gaze_wire_reply *reset(peer *p, const uint64_t *seed, int rows) {
  gaze_wire_put_reset(&p->request, seed, rows, NULL);
  return ask(p, GAZE_WIRE_RESET);
}

static gaze_wire_reply *step(peer *p, const gaze_act *act, int rows) {
  gaze_wire_put_step(&p->request, act, rows, NULL);
  return ask(p, GAZE_WIRE_STEP);
}

static gaze_wire_reply *chunk_step(peer *p, const gaze_act *act, int rows, int acts) {
  gaze_wire_put_chunk_step(&p->request, act, rows, acts, NULL);
  return ask(p, GAZE_WIRE_CHUNK_STEP);
}

static gaze_env_server *serve(const gaze_env *env, int envs, int threads) {
  gaze_env_server *s = NULL;
  const gaze_env_server_options o = {
      .bind = "tcp://127.0.0.1:*", .env = env, .envs = envs, .threads = threads, .beat_ms = 100};
  if (gaze_env_server_open(&s, &o)) fail_msg("%s", gaze_err_detail());
  return s;
}

// waits until the server has so many clients; the seconds that took, -1 after ten
static double until_clients(gaze_env_server *s, int n) {
  const int64_t t0 = gaze_clock_now();
  while (gaze_clock_now() - t0 < 10000000000) {
    if (gaze_env_server_count(s).clients == n) return (double)(gaze_clock_now() - t0) * 1e-9;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  return -1;
}

// ---- rows ----

static void test_errors_stay_in_their_row(void **state) {
  (void)state;
  for (int threads = 0; threads <= 2; threads += 2) {
    gaze_env_server *s = serve(&fixture_env, 3, threads);
    peer p = dial(gaze_env_server_address(s));
    assert_int_equal(hello(&p, (gaze_wire_hello){0})->contract.envs, 3);
    reset(&p, (uint64_t[]){1, 2, 3}, 3);
    gaze_wire_reply *r =
        step(&p, (gaze_act[]){{.text = "look"}, {.text = "fail"}, {.text = "look"}}, 3);
    assert_null(r->error);
    assert_true(!r->row[0].skip && r->row[1].skip && !r->row[2].skip);
    assert_true(!r->row[0].error && !r->row[2].error && r->row[0].acts == 1);
    assert_string_equal(r->row[1].error, "fake: asked to fail");
    // the refused act changed nothing, the others went on
    r = step(&p, (gaze_act[]){{.text = "look"}, {.text = "look"}, {.text = "end"}}, 3);
    assert_true(r->row[0].obs.turn == 2 && r->row[1].obs.turn == 1 && r->row[2].out.terminated);
    r = step(&p, (gaze_act[]){{0}, {0}, {.text = "look"}}, 3);
    assert_true(r->row[0].skip && !r->row[0].error);
    assert_non_null(strstr(r->row[2].error, "reset first"));
    // seeds beyond what 64 bits can count are refused
    gaze_buf_add(&p.request,
                 "\x82\xa8"
                 "endpoint\xa5reset\xa4"
                 "data\x81\xa4seed\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
                 36);
    assert_non_null(strstr(ask(&p, GAZE_WIRE_RESET)->error, "reset: field seed"));
    hang_up(&p);
    gaze_env_server_close(&s);
  }
}

static void test_same_step(void **state) {
  (void)state;
  gaze_env_server *s = serve(&gaze_env_tutorial, 2, 2);
  peer p = dial(gaze_env_server_address(s));
  gaze_wire_hello h = {.oracle = true,
                       .autoreset = GAZE_AUTORESET_SAME_STEP,
                       .settings = "{\"image_size\":56,\"split\":\"val\"}"};
  assert_int_equal(hello(&p, h)->contract.autoreset, GAZE_AUTORESET_SAME_STEP);
  gaze_wire_reply *r = reset(&p, (uint64_t[]){1000000, 1000001}, 2);
  char answer[2][40];
  for (int i = 0; i < 2; i++)
    snprintf(answer[i], sizeof answer[i], "<answer>%s</answer>", i ? "F" : "A");
  r = step(&p, (gaze_act[]){{.text = answer[0]}, {.text = answer[1]}}, 2);
  assert_true(r->row[0].has_last && r->row[0].out.terminated && r->row[0].obs.first);
  assert_true(r->row[0].last.last && r->row[0].last.turn == 1 && r->row[0].obs.images == 1);
  assert_true(r->row[0].seed > 1000001 && r->row[0].seed < 2000000);
  assert_non_null(r->row[0].obs.truth);
  assert_true(!r->row[1].has_last && r->row[1].seed == 1000001 && r->row[1].obs.turn == 1);
  hang_up(&p);
  gaze_env_server_close(&s);
}

static void test_next_step(void **state) {
  (void)state;
  gaze_env_server *s = serve(&fixture_env, 1, 0);
  peer p = dial(gaze_env_server_address(s));
  hello(&p, (gaze_wire_hello){.autoreset = GAZE_AUTORESET_NEXT_STEP});
  reset(&p, (uint64_t[]){4}, 1);
  assert_true(step(&p, &(gaze_act){.text = "end"}, 1)->row[0].out.terminated);
  const gaze_wire_reply *r = step(&p, &(gaze_act){.text = "end"}, 1);
  assert_true(r->row[0].acts == 0 && r->row[0].obs.first && r->row[0].seed != 4);
  hang_up(&p);
  gaze_env_server_close(&s);
}

// a chunk is its acts one by one, up to the end; one look after it
static void test_chunk_step(void **state) {
  (void)state;
  gaze_env_server *s = serve(&fixture_env, 3, 2);
  peer a = dial(gaze_env_server_address(s)), b = dial(gaze_env_server_address(s));
  hello(&a, (gaze_wire_hello){0}), hello(&b, (gaze_wire_hello){0});
  reset(&a, (uint64_t[]){1, 2, 3}, 3), reset(&b, (uint64_t[]){1, 2, 3}, 3);
  const gaze_act act[9] = {{.text = "look"}, {.text = "look"}, {.text = "look"}, {0}, {0}, {0},
                           {.text = "look"}, {.text = "end"},  {.text = "look"}};
  gaze_wire_reply *r = chunk_step(&a, act, 3, 3), *one = NULL;
  assert_null(r->error);
  assert_true(r->acts == 3 && r->row[0].acts == 3 && r->row[1].skip && r->row[2].acts == 2);
  for (int k = 0; k < 3; k++) {
    one = step(&b, (gaze_act[]){act[k], {0}, k < 2 ? act[6 + k] : (gaze_act){0}}, 3);
    assert_true(r->row[0].fact[k].reward == one->row[0].out.reward);
    if (k < 2) assert_true(r->row[2].fact[k].reward == one->row[2].out.reward);
    if (k == 1) fixture_same_obs(&one->row[2].obs, &r->row[2].obs);
  }
  fixture_same_obs(&one->row[0].obs, &r->row[0].obs);
  assert_true(r->row[2].fact[1].terminated && !r->row[2].fact[2].terminated);
  assert_true(r->row[2].fact[2].reward == 0.0f);
  hang_up(&a), hang_up(&b);
  gaze_env_server_close(&s);
}

static void test_pictures_when_asked(void **state) {
  (void)state;
  gaze_env_server *s = serve(&gaze_env_tutorial, 2, 1);
  peer p = dial(gaze_env_server_address(s)), q = dial(gaze_env_server_address(s));
  const char *settings = "{\"image_size\":56}";
  hello(&p, (gaze_wire_hello){.settings = settings, .ask = true});
  hello(&q, (gaze_wire_hello){.settings = settings});
  assert_int_equal(reset(&p, (uint64_t[]){1, 2}, 2)->row[1].obs.images, 0);
  const gaze_wire_reply *want = reset(&q, (uint64_t[]){1, 2}, 2);
  gaze_wire_put_render(&p.request, (int[]){1}, 1, NULL);
  const gaze_wire_reply *r = ask(&p, GAZE_WIRE_RENDER);
  assert_true(r->row[0].skip && r->row[1].obs.images == 1);
  fixture_same_obs(&want->row[1].obs, &r->row[1].obs);
  gaze_wire_put_render(&p.request, (int[]){2}, 1, NULL);
  assert_non_null(strstr(ask(&p, GAZE_WIRE_RENDER)->error, "render: field ids"));
  gaze_wire_put_render(&p.request, (int[]){1, 1}, 2, NULL);
  assert_non_null(ask(&p, GAZE_WIRE_RENDER)->error);
  hang_up(&p), hang_up(&q);
  gaze_env_server_close(&s);
  // an environment whose pictures vary cannot be asked
  s = serve(&fixture_env, 1, 0);
  p = dial(gaze_env_server_address(s));
  assert_non_null(strstr(hello(&p, (gaze_wire_hello){.ask = true})->error, "field pictures"));
  assert_int_equal(gaze_env_server_count(s).clients, 0);
  hang_up(&p);
  gaze_env_server_close(&s);
}

// ---- others are served meanwhile ----

static void test_pings_pass_a_step(void **state) {
  (void)state;
  gaze_env_server *s = serve(&fixture_env, 2, 3);
  peer a = dial(gaze_env_server_address(s)), b = dial(gaze_env_server_address(s));
  hello(&a, (gaze_wire_hello){.settings = "{\"sleep_ms\":700}"});
  hello(&b, (gaze_wire_hello){0});
  reset(&a, (uint64_t[]){1, 2}, 2);
  const gaze_act act[2] = {{.text = "look"}, {.text = "look"}};
  const int64_t t0 = gaze_clock_now();
  gaze_wire_put_step(&a.request, act, 2, NULL);
  assert_int_equal(zmq_send(a.socket, "", 0, ZMQ_SNDMORE), 0);
  assert_true(zmq_send(a.socket, a.request.data, a.request.len, 0) > 0);
  gaze_buf_clear(&a.request);
  gaze_wire_put_plain(&b.request, "ping", NULL);
  assert_null(ask(&b, GAZE_WIRE_PING)->error);
  assert_true(gaze_clock_now() - t0 < 600000000);
  // one request of a client at a time
  reset(&b, (uint64_t[]){1, 2}, 2);
  assert_non_null(strstr(step(&a, act, 2)->error, "still being carried out"));
  gaze_buf_clear(&a.body);
  char body[4096], empty[8];
  assert_int_equal(zmq_recv(a.socket, empty, sizeof empty, 0), 0);
  int n = zmq_recv(a.socket, body, sizeof body, 0);
  assert_true(n > 0 && n <= (int)sizeof body);
  assert_true(gaze_clock_now() - t0 >= 700000000);
  gaze_wire_reply r;
  assert_int_equal(gaze_wire_get_reply(body, (size_t)n, GAZE_WIRE_STEP, NULL, &r), GAZE_OK);
  assert_true(r.rows == 2 && r.row[1].acts == 1);
  gaze_wire_reply_free(&r);
  hang_up(&a), hang_up(&b);
  gaze_env_server_close(&s);
}

// ---- clients in other processes ----

// a process that says hello, resets, begins a step and then waits for its end
static pid_t stranger(const char *address, int rows) {
  int ready[2];
  char byte = 0;
  assert_int_equal(pipe(ready), 0);
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    peer p = dial(address);
    const uint64_t seed[2] = {1, 2};
    const gaze_act act[2] = {{.text = "look"}, {.text = "look"}};
    hello(&p, (gaze_wire_hello){.settings = "{\"sleep_ms\":300}"});
    reset(&p, seed, rows);
    gaze_wire_put_step(&p.request, act, rows, NULL);
    zmq_send(p.socket, "", 0, ZMQ_SNDMORE);
    zmq_send(p.socket, p.request.data, p.request.len, 0);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);  // the step is on
    if (write(ready[1], "", 1) != 1) _exit(1);
    for (;;) pause();
  }
  assert_int_equal(read(ready[0], &byte, 1), 1);
  close(ready[0]), close(ready[1]);
  return pid;
}

static void test_a_dead_client_frees_its_place(void **state) {
  (void)state;
  for (int threads = 0; threads <= 2; threads += 2) {
    gaze_env_server *s = serve(&fixture_env, 2, threads);
    for (int k = 0; k < 3; k++) {
      pid_t pid = stranger(gaze_env_server_address(s), 2);
      assert_true(until_clients(s, 1) >= 0);
      kill(pid, SIGKILL);  // in the middle of a step
      waitpid(pid, NULL, 0);
      const double t = until_clients(s, 0);
      assert_true(t >= 0);
      if (k == 2) printf("a client that was killed: its place free after %.0f ms\n", 1e3 * t);
    }
    peer p = dial(gaze_env_server_address(s));  // and the server goes on
    hello(&p, (gaze_wire_hello){0});
    assert_int_equal(reset(&p, (uint64_t[]){1, 2}, 2)->rows, 2);
    hang_up(&p);
    assert_true(until_clients(s, 0) >= 0);
    gaze_env_server_close(&s);
  }
}

static void test_a_frozen_client_frees_its_place(void **state) {
  (void)state;
  gaze_env_server *s = serve(&fixture_env, 2, 1);
  pid_t pid = stranger(gaze_env_server_address(s), 2);
  assert_true(until_clients(s, 1) >= 0);
  kill(pid, SIGSTOP);
  const double t = until_clients(s, 0);
  printf("a client that froze: its place free after %.0f ms of 500\n", 1e3 * t);
  assert_true(t > 0.3);  // not before its heartbeats are missed
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  gaze_env_server_close(&s);
}

// ---- two processes, every transport ----

typedef struct away {  // a server in another process
  pid_t pid;
  int stop;  // closing it ends the process
  char address[256];
} away;

static away serve_away(const gaze_env *env, const char *bind, int threads) {
  int told[2], stop[2];
  away a = {0};
  assert_int_equal(pipe(told), 0);
  assert_int_equal(pipe(stop), 0);
  fflush(NULL);
  a.pid = fork();
  if (a.pid == 0) {
    close(stop[1]);
    gaze_env_server *s = NULL;
    const gaze_env_server_options o = {.bind = bind, .env = env, .envs = 2, .threads = threads};
    char byte, address[256] = "";
    if (gaze_env_server_open(&s, &o)) _exit(1);
    snprintf(address, sizeof address, "%s", gaze_env_server_address(s));
    if (write(told[1], address, sizeof address) != sizeof address) _exit(1);
    while (read(stop[0], &byte, 1) > 0) {
    }
    gaze_env_server_close(&s);
    _exit(0);
  }
  close(told[1]), close(stop[0]);
  a.stop = stop[1];
  assert_int_equal(read(told[0], a.address, sizeof a.address), (ssize_t)sizeof a.address);
  close(told[0]);
  return a;
}

static void end_away(away *a) {
  int status = 1;
  close(a->stop);
  waitpid(a->pid, &status, 0);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void note(gaze_buf *b, const gaze_obs *o) {
  gaze_buf_printf(b, "%s|%u|%d%d|%d;", o->text, o->turn, o->first, o->last, o->images);
  for (int i = 0; i < o->images; i++) gaze_buf_add(b, o->image[i].rgb, PIXELS);
  if (o->robot) gaze_buf_add(b, o->robot->q, sizeof(float) * (size_t)o->robot->joints);
}

// all that an episode of reach shows, through any environment behind the seam
static void play(const gaze_env *env, void *self, gaze_buf *diary) {
  gaze_obs obs;
  gaze_outcome out = {0};
  if (env->reset(self, 11, &obs)) fail_msg("%s", gaze_err_detail());
  note(diary, &obs);
  for (int t = 0; t < 4; t++) {
    float chunk[2][GAZE_REACH_DIMS] = {{0.01f, 0.002f * (float)t, -0.01f, 0.02f, 0, 0, 1},
                                       {0, 0.01f, 0, 0, 0.03f, 0, -1}};
    const gaze_act act = {.chunk = chunk[0], .steps = 2, .dims = GAZE_REACH_DIMS};
    if (env->step(self, &act, &obs, &out)) fail_msg("%s", gaze_err_detail());
    note(diary, &obs);
    gaze_buf_printf(diary, "%a %a %d;", (double)out.reward, (double)out.goal_dist, out.truncated);
  }
}

static void test_two_processes_show_the_same(void **state) {
  (void)state;
  char ipc[64], ipc_name[64];
  snprintf(ipc, sizeof ipc, "ipc:///tmp/gaze_test_server_%ld", (long)getpid());
  snprintf(ipc_name, sizeof ipc_name, "%s", ipc);
  static const char *const set[] = {"image_size=56", "reach.steps=8", "timeout_s=20"};
  gaze_cfg *c = NULL;
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  for (int i = 0; i < 3; i++) assert_int_equal(gaze_cfg_set(c, set[i]), GAZE_OK);
  void *local = NULL;
  gaze_buf want = GAZE_BUF_INIT;
  if (gaze_env_reach.open(&local, c)) fail_msg("%s", gaze_err_detail());
  play(&gaze_env_reach, local, &want);
  gaze_env_reach.close(&local);
  for (int k = 0; k < 8; k++) {  // tcp or ipc, shared memory or not, workers or not
    away a = serve_away(&gaze_env_reach, k & 1 ? ipc : "tcp://127.0.0.1:*", k & 4 ? 2 : 0);
    assert_int_equal(gaze_cfg_set_str(c, "connect", a.address), GAZE_OK);
    assert_int_equal(gaze_cfg_set(c, k & 2 ? "shm=true" : "shm=false"), GAZE_OK);
    void *remote = NULL;
    gaze_buf got = GAZE_BUF_INIT;
    if (gaze_env_remote.open(&remote, c)) fail_msg("%s", gaze_err_detail());
    play(&gaze_env_remote, remote, &got);
    play(&gaze_env_remote, remote, &got);  // again: the same once more
    assert_int_equal(got.len, 2 * want.len);
    assert_memory_equal(got.data, want.data, want.len);
    assert_memory_equal(got.data + want.len, want.data, want.len);
    gaze_buf_fini(&got);
    gaze_env_remote.close(&remote);
    end_away(&a);
  }
  gaze_buf_fini(&want);
  gaze_cfg_close(&c);
}

// pictures lie in the memory that the handshake names, of which nothing stays behind
static void test_shared_memory_is_used(void **state) {
  (void)state;
  away a = serve_away(&gaze_env_tutorial, "tcp://127.0.0.1:*", 1);
  peer p = dial(a.address), q = dial(a.address);
  const char *settings = "{\"image_size\":56}";
  const gaze_wire_reply *r = hello(&p, (gaze_wire_hello){.settings = settings, .shm = true});
  assert_int_equal(r->contract.shm_size, 2 * PIXELS);
  char name[GAZE_SHM_NAME];
  gaze_shm m;
  snprintf(name, sizeof name, "%s", r->contract.shm);
  assert_int_equal(gaze_shm_open(&m, name, 2 * PIXELS), GAZE_OK);
  hello(&q, (gaze_wire_hello){.settings = settings});
  const gaze_wire_reply *want = reset(&q, (uint64_t[]){5, 6}, 2);
  const uint64_t seed[2] = {5, 6};
  const gaze_wire_shm shm = {m.base, m.size};
  gaze_wire_put_reset(&p.request, seed, 2, NULL);
  const char *frame[] = {"", p.request.data};
  assert_true(fixture_talk(p.socket, frame, (size_t[]){0, p.request.len}, 2, 5000, &p.body));
  assert_true(p.body.len < PIXELS);
  gaze_wire_reply got;
  if (gaze_wire_get_reply(p.body.data, p.body.len, GAZE_WIRE_RESET, &shm, &got))
    fail_msg("%s", gaze_err_detail());
  for (int i = 0; i < 2; i++) {
    assert_ptr_equal(got.row[i].obs.image[0].rgb, m.base + i * PIXELS);
    fixture_same_obs(&want->row[i].obs, &got.row[i].obs);
  }
  gaze_wire_reply_free(&got);
  gaze_shm again;
  assert_int_equal(gaze_shm_open(&again, name, 1), GAZE_ERR_NOTFOUND);  // its name is gone
  gaze_shm_close(&m);
  hang_up(&p), hang_up(&q);
  end_away(&a);
}

static void test_shared_memory_is_checked(void **state) {
  (void)state;
  gaze_shm m, v;
  assert_int_equal(gaze_shm_create(&m, 4096), GAZE_OK);
  m.base[4095] = 7;
  assert_int_equal(gaze_shm_open(&v, m.name, 4096), GAZE_OK);
  assert_int_equal(v.base[4095], 7);
  gaze_shm_close(&v);
  assert_int_equal(gaze_shm_open(&v, m.name, 8192), GAZE_ERR_FORMAT);  // smaller than promised
  static const char *const bad[] = {"",
                                    "/gaze-",
                                    "gaze-0123456789abcdef",
                                    "/gaze-0123456789abcde",
                                    "/gaze-0123456789abcdeF",
                                    "/gaze-../../etc/pass",
                                    "/gaze-0123456789abcdef0"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(gaze_shm_open(&v, bad[i], 1), GAZE_ERR_FORMAT);
  // one that others may read is nobody's secret
  char name[GAZE_SHM_NAME];
  snprintf(name, sizeof name, "%s", m.name);
  const int fd = shm_open(name, 2, 0);
  assert_true(fd >= 0);
  assert_int_equal(fchmod(fd, 0644), 0);
  close(fd);
  assert_int_equal(gaze_shm_open(&v, name, 4096), GAZE_ERR_FORMAT);
  assert_null(v.base);
  gaze_shm_unlink(&m);
  gaze_shm_unlink(&m);
  assert_int_equal(gaze_shm_open(&v, name, 4096), GAZE_ERR_NOTFOUND);
  gaze_shm_close(&m);
  assert_int_equal(gaze_shm_create(&m, SIZE_MAX / 4), GAZE_ERR_IO);
  assert_true(!m.base && !m.name[0]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_errors_stay_in_their_row),
      cmocka_unit_test(test_same_step),
      cmocka_unit_test(test_next_step),
      cmocka_unit_test(test_chunk_step),
      cmocka_unit_test(test_pictures_when_asked),
      cmocka_unit_test(test_pings_pass_a_step),
      cmocka_unit_test(test_a_dead_client_frees_its_place),
      cmocka_unit_test(test_a_frozen_client_frees_its_place),
      cmocka_unit_test(test_two_processes_show_the_same),
      cmocka_unit_test(test_shared_memory_is_used),
      cmocka_unit_test(test_shared_memory_is_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
