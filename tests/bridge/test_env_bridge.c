// tests/bridge/test_env_bridge.c - a remote environment is the local one, and its server survives.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <zmq.h>
#include "bridge/env_client.h"
#include "bridge/env_server.h"
#include "bridge/env_wire.h"
#include "tests/bridge/fixture_env.h"

static gaze_env_server *serve(const char *bind, void *context, const char *token, int envs) {
  gaze_env_server *s = NULL;
  gaze_env_server_options o = {
      .bind = bind, .env = &fixture_env, .envs = envs, .token = token, .context = context};
  if (gaze_env_server_open(&s, &o)) fail_msg("%s", gaze_err_detail());
  return s;
}

static gaze_cfg *settings(const gaze_env_server *s, bool oracle) {
  gaze_cfg *c = NULL;
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  assert_int_equal(gaze_cfg_set_str(c, "connect", gaze_env_server_address(s)), GAZE_OK);
  assert_int_equal(gaze_cfg_set(c, oracle ? "oracle=true" : "oracle=false"), GAZE_OK);
  assert_int_equal(gaze_cfg_set(c, "size=7"), GAZE_OK);
  assert_int_equal(gaze_cfg_set(c, "timeout_s=5"), GAZE_OK);
  return c;
}

// plays the same episodes on both sides of the wire
static void compare(void *remote, const gaze_cfg *cfg, int episodes) {
  void *local = NULL;
  gaze_obs a, b;
  gaze_outcome x, y;
  assert_int_equal(fixture_env.open(&local, cfg), GAZE_OK);
  for (int k = 0; k < episodes; k++) {
    uint64_t seed = k == 1 ? UINT64_MAX : (uint64_t)k;
    assert_int_equal(fixture_env.reset(local, seed, &a), GAZE_OK);
    if (gaze_env_remote.reset(remote, seed, &b)) fail_msg("%s", gaze_err_detail());
    fixture_same_obs(&a, &b);
    for (bool over = false; !over; over = x.terminated || x.truncated) {
      const float chunk[4] = {0.1f, -3e-30f, 7.0f, (float)k};
      gaze_act act = {.text = a.turn == 2 && k % 2 ? "end" : "look left \xE2\x86\x92\n"};
      if (a.turn == 1) act = (gaze_act){.chunk = chunk, .steps = 2, .dims = 2};
      assert_int_equal(fixture_env.step(local, &act, &a, &x), GAZE_OK);
      if (gaze_env_remote.step(remote, &act, &b, &y)) fail_msg("%s", gaze_err_detail());
      fixture_same_obs(&a, &b);
      fixture_same_outcome(&x, &y);
    }
  }
  fixture_env.close(&local);
}

static void test_same_over_every_transport(void **state) {
  (void)state;
  void *context = zmq_ctx_new();
  char ipc[64];
  snprintf(ipc, sizeof ipc, "ipc:///tmp/gaze_test_%ld", (long)getpid());
  const char *bind[] = {"inproc://env", ipc, "tcp://127.0.0.1:*"};
  for (int k = 0; k < 6; k++) {
    gaze_env_server *s = serve(bind[k / 2], context, NULL, 1);
    gaze_cfg *c = settings(s, k % 2);
    if (k % 2) assert_int_equal(gaze_cfg_set(c, "robot=true"), GAZE_OK);
    void *remote = NULL;
    // only inproc needs the server's context
    gaze_err e = gaze_env_client_open(&remote, c, k < 2 ? context : NULL);
    if (e) fail_msg("%s", gaze_err_detail());
    assert_string_equal(gaze_env_client_env(remote), "fake");
    compare(remote, c, 4);
    gaze_env_remote.close(&remote);
    assert_null(remote);
    assert_int_equal(gaze_env_server_count(s).clients, 0);
    gaze_cfg_close(&c);
    gaze_env_server_close(&s);
    assert_null(s);
  }
  zmq_ctx_term(context);
}

static void test_two_clients(void **state) {
  (void)state;
  gaze_env_server *s = serve("tcp://127.0.0.1:*", NULL, NULL, 1);
  gaze_cfg *c = settings(s, false);
  void *a = NULL, *b = NULL, *local = NULL;
  gaze_obs x, y;
  assert_int_equal(gaze_env_remote.open(&a, c), GAZE_OK);
  assert_int_equal(gaze_env_remote.open(&b, c), GAZE_OK);
  assert_int_equal(gaze_env_server_count(s).clients, 2);
  // interleaved: neither disturbs the other
  assert_int_equal(gaze_env_remote.reset(a, 5, &x), GAZE_OK);
  assert_int_equal(gaze_env_remote.reset(b, 6, &y), GAZE_OK);
  gaze_outcome o;
  gaze_act act = {.text = "look"};
  assert_int_equal(gaze_env_remote.step(b, &act, &y, &o), GAZE_OK);
  assert_int_equal(gaze_env_remote.step(a, &act, &x, &o), GAZE_OK);
  gaze_obs want;
  assert_int_equal(fixture_env.open(&local, c), GAZE_OK);
  assert_int_equal(fixture_env.reset(local, 5, &want), GAZE_OK);
  assert_int_equal(fixture_env.step(local, &act, &want, &o), GAZE_OK);
  fixture_same_obs(&want, &x);
  fixture_env.close(&local);
  compare(a, c, 2);
  gaze_env_remote.close(&a);
  compare(b, c, 2);
  gaze_env_remote.close(&b);
  gaze_cfg_close(&c);
  gaze_env_server_close(&s);
}

static void test_full_server(void **state) {
  (void)state;
  gaze_env_server *s = serve("tcp://127.0.0.1:*", NULL, NULL, 1);
  gaze_cfg *c = settings(s, false);
  void *v[GAZE_ENV_SERVER_CLIENTS + 1] = {0};
  for (int i = 0; i < GAZE_ENV_SERVER_CLIENTS; i++)
    assert_int_equal(gaze_env_remote.open(&v[i], c), GAZE_OK);
  assert_int_equal(gaze_env_remote.open(&v[GAZE_ENV_SERVER_CLIENTS], c), GAZE_ERR_STATE);
  assert_non_null(strstr(gaze_err_detail(), "full"));
  gaze_env_remote.close(&v[3]);
  assert_int_equal(gaze_env_remote.open(&v[3], c), GAZE_OK);
  for (int i = 0; i < GAZE_ENV_SERVER_CLIENTS; i++) gaze_env_remote.close(&v[i]);
  gaze_cfg_close(&c);
  gaze_env_server_close(&s);
}

static void test_errors_cross_the_wire(void **state) {
  (void)state;
  gaze_env_server *s = serve("tcp://127.0.0.1:*", NULL, NULL, 1);
  gaze_cfg *c = settings(s, false);
  void *v = NULL;
  gaze_obs obs;
  gaze_outcome out;
  assert_int_equal(gaze_env_remote.open(&v, c), GAZE_OK);
  assert_int_equal(gaze_env_remote.reset(v, 1, &obs), GAZE_OK);
  assert_int_equal(gaze_env_remote.step(v, &(gaze_act){.text = "fail"}, &obs, &out),
                   GAZE_ERR_STATE);
  assert_non_null(strstr(gaze_err_detail(), "fake: asked to fail"));
  // a chunk the environment refuses, chunks the client does not send, and nothing at all
  float chunk[2] = {0};
  gaze_act act = {.chunk = chunk, .steps = 2, .dims = 1};
  assert_int_equal(gaze_env_remote.step(v, &act, &obs, &out), GAZE_ERR_STATE);
  assert_non_null(strstr(gaze_err_detail(), "expected 2 numbers an action"));
  act.steps = 0;
  assert_int_equal(gaze_env_remote.step(v, &act, &obs, &out), GAZE_ERR_ARG);
  act.steps = INT32_MAX, act.dims = INT32_MAX;
  assert_int_equal(gaze_env_remote.step(v, &act, &obs, &out), GAZE_ERR_ARG);
  assert_int_equal(gaze_env_remote.step(v, &(gaze_act){0}, &obs, &out), GAZE_ERR_ARG);
  compare(v, c, 1);  // and the episode goes on
  gaze_env_remote.close(&v);
  assert_int_equal(gaze_cfg_set(c, "size=1000"), GAZE_OK);
  assert_int_equal(gaze_env_remote.open(&v, c), GAZE_ERR_STATE);
  assert_non_null(strstr(gaze_err_detail(), "size"));
  assert_null(v);
  assert_int_equal(gaze_cfg_set(c, "size=5"), GAZE_OK);
  static const char *const path[] = {"/etc/passwd", "robot.xml", "..\\robot"};
  for (int k = 0; k < 3; k++) {
    assert_int_equal(gaze_cfg_set_str(c, "scene", path[k]), GAZE_OK);
    assert_int_equal(gaze_env_remote.open(&v, c), GAZE_ERR_STATE);
    assert_non_null(strstr(gaze_err_detail(), "paths are not accepted"));
  }
  gaze_cfg_close(&c);
  gaze_env_server_close(&s);
}

static void test_dead_server(void **state) {
  (void)state;
  gaze_env_server *s = serve("tcp://127.0.0.1:*", NULL, NULL, 1);
  gaze_cfg *c = settings(s, false);
  assert_int_equal(gaze_cfg_set(c, "timeout_s=1"), GAZE_OK);
  void *v = NULL;
  gaze_obs obs;
  gaze_outcome out;
  char want[300];
  snprintf(want, sizeof want, "env server at %s did not answer within 1 s",
           gaze_env_server_address(s));
  assert_int_equal(gaze_env_remote.open(&v, c), GAZE_OK);
  assert_int_equal(gaze_env_remote.reset(v, 1, &obs), GAZE_OK);
  gaze_env_server_close(&s);  // dies in the middle of the episode
  assert_int_equal(gaze_env_remote.step(v, &(gaze_act){.text = "x"}, &obs, &out), GAZE_ERR_TIMEOUT);
  assert_string_equal(gaze_err_detail(), want);
  gaze_env_remote.close(&v);
  assert_int_equal(gaze_env_remote.open(&v, c), GAZE_ERR_TIMEOUT);  // nobody there at all
  assert_null(v);
  gaze_cfg_close(&c);
}

static void test_token_and_addresses(void **state) {
  (void)state;
  gaze_env_server *s = NULL;
  static const char *const open_addr[] = {"tcp://0.0.0.0:*", "tcp://*:*", "tcp://127.0.0.1.x.org:*",
                                          "tcp://eth0:*",    "tcp://",    "udp://127.0.0.1:1"};
  for (size_t i = 0; i < sizeof open_addr / sizeof *open_addr; i++) {
    gaze_env_server_options o = {.bind = open_addr[i], .env = &fixture_env};
    assert_int_equal(gaze_env_server_open(&s, &o), GAZE_ERR_ARG);
    assert_null(s);
  }
  s = serve("tcp://0.0.0.0:*", NULL, "secret", 1);
  gaze_env_server *other = NULL;
  gaze_env_server_options taken = {
      .bind = gaze_env_server_address(s), .env = &fixture_env, .token = "t"};
  assert_int_equal(gaze_env_server_open(&other, &taken), GAZE_ERR_IO);
  gaze_cfg *c = settings(s, false);
  const char *port = strrchr(gaze_env_server_address(s), ':');
  char address[64];
  snprintf(address, sizeof address, "tcp://127.0.0.1%s", port);
  assert_int_equal(gaze_cfg_set_str(c, "connect", address), GAZE_OK);
  void *v = NULL;
  static const char *const wrong[] = {"", "secres", "secre", "secret2", "secretsecret"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_int_equal(gaze_cfg_set_str(c, "token", wrong[i]), GAZE_OK);
    assert_int_equal(gaze_env_remote.open(&v, c), GAZE_ERR_STATE);
    assert_non_null(strstr(gaze_err_detail(), "Unauthorized: Invalid API token"));
  }
  assert_int_equal(gaze_cfg_set_str(c, "token", "secret"), GAZE_OK);
  assert_int_equal(gaze_env_remote.open(&v, c), GAZE_OK);
  compare(v, c, 1);
  gaze_env_remote.close(&v);
  gaze_cfg_close(&c);
  gaze_env_server_close(&s);
}

static void test_garbage(void **state) {
  (void)state;
  gaze_env_server *s = serve("tcp://127.0.0.1:*", NULL, NULL, 1);
  void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
  assert_int_equal(zmq_connect(socket, gaze_env_server_address(s)), 0);
  gaze_buf b = GAZE_BUF_INIT, request = GAZE_BUF_INIT;
  gaze_wire_reply r;
  // no empty frame: dropped without an answer
  assert_false(fixture_talk(socket, (const char *[]){"junk"}, (size_t[]){4}, 1, 100, &b));
  assert_false(fixture_talk(socket, (const char *[]){"a", "b", "c", "d", "", "x"},
                            (size_t[]){1, 1, 1, 1, 0, 1}, 6, 100, &b));
  static const char *const body[] = {"\xdd\x10\x00\x00\x00",
                                     "\xc1",
                                     "hello",
                                     "\x81\xa1",
                                     "\x80",
                                     "\x81\xa8"
                                     "endpoint\xa4"
                                     "what"};
  static const size_t size[] = {5, 1, 5, 2, 1, 15};
  for (int i = 0; i < 6; i++) {
    assert_true(
        fixture_talk(socket, (const char *[]){"", body[i]}, (size_t[]){0, size[i]}, 2, 5000, &b));
    assert_int_equal(gaze_wire_get_reply(b.data, b.len, GAZE_WIRE_PING, NULL, &r), GAZE_OK);
    assert_non_null(r.error);
    gaze_wire_reply_free(&r);
  }
  // no body, two bodies: answered with an error; a request id in front is echoed
  assert_true(fixture_talk(socket, (const char *[]){""}, (size_t[]){0}, 1, 5000, &b));
  assert_true(
      fixture_talk(socket, (const char *[]){"", "x", "y"}, (size_t[]){0, 1, 1}, 3, 5000, &b));
  gaze_wire_put_plain(&request, "ping", NULL);
  assert_true(fixture_talk(socket, (const char *[]){"\x01\x02\x03\x04", "", request.data},
                           (size_t[]){4, 0, request.len}, 3, 5000, &b));
  assert_int_equal(gaze_wire_get_reply(b.data, b.len, GAZE_WIRE_PING, NULL, &r), GAZE_OK);
  assert_null(r.error);
  gaze_wire_reply_free(&r);
  assert_true(gaze_env_server_count(s).dropped >= 2);
  assert_true(gaze_env_server_count(s).errors >= 7);
  zmq_close(socket);
  zmq_ctx_term(context);
  gaze_buf_fini(&b);
  gaze_buf_fini(&request);

  gaze_cfg *c = settings(s, false);
  void *v = NULL;
  assert_int_equal(gaze_env_remote.open(&v, c), GAZE_OK);
  compare(v, c, 1);
  gaze_env_remote.close(&v);
  gaze_cfg_close(&c);
  gaze_env_server_close(&s);
}

static void test_batch(void **state) {
  (void)state;
  gaze_env_server *s = serve("tcp://127.0.0.1:*", NULL, NULL, 3);
  void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
  assert_int_equal(zmq_connect(socket, gaze_env_server_address(s)), 0);
  gaze_buf b = GAZE_BUF_INIT, q = GAZE_BUF_INIT;
  gaze_wire_reply r;
  gaze_wire_put_reset(&q, (uint64_t[]){1, 2, 3}, 3, NULL);
  fixture_ask(socket, &q, GAZE_WIRE_RESET, &b, &r);
  assert_non_null(strstr(r.error, "say hello first"));
  gaze_wire_reply_free(&r);
  gaze_buf_clear(&q);
  gaze_wire_put_hello(&q, &(gaze_wire_hello){.protocol = 1, .oracle = true}, NULL);
  fixture_ask(socket, &q, GAZE_WIRE_HELLO, &b, &r);
  assert_int_equal(r.contract.envs, 3);
  assert_true(r.contract.oracle);
  gaze_wire_reply_free(&r);
  gaze_buf_clear(&q);
  gaze_wire_put_reset(&q, (uint64_t[]){4, 4}, 2, NULL);
  fixture_ask(socket, &q, GAZE_WIRE_RESET, &b, &r);
  assert_non_null(strstr(r.error, "expected 3 rows, got 2"));
  gaze_wire_reply_free(&r);
  gaze_buf_clear(&q);
  gaze_wire_put_reset(&q, (uint64_t[]){4, 9, 4}, 3, NULL);
  fixture_ask(socket, &q, GAZE_WIRE_RESET, &b, &r);
  assert_int_equal(r.rows, 3);
  fixture_same_obs(&r.row[0].obs, &r.row[2].obs);  // equal seeds, equal bytes
  assert_non_null(r.row[1].obs.truth);
  gaze_wire_reply_free(&r);
  gaze_buf_clear(&q);
  gaze_wire_put_step(&q, (const gaze_act[]){{.text = "look"}, {0}, {.text = "end"}}, 3, NULL);
  fixture_ask(socket, &q, GAZE_WIRE_STEP, &b, &r);
  assert_int_equal(r.rows, 3);
  assert_true(r.row[1].skip && !r.row[0].skip);
  assert_true(r.row[2].out.terminated && !r.row[0].out.terminated);
  assert_int_equal(r.row[0].obs.turn, 1);
  gaze_wire_reply_free(&r);
  zmq_close(socket);
  zmq_ctx_term(context);
  gaze_buf_fini(&b);
  gaze_buf_fini(&q);
  gaze_env_server_close(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_same_over_every_transport),
      cmocka_unit_test(test_two_clients),
      cmocka_unit_test(test_full_server),
      cmocka_unit_test(test_errors_cross_the_wire),
      cmocka_unit_test(test_dead_server),
      cmocka_unit_test(test_token_and_addresses),
      cmocka_unit_test(test_garbage),
      cmocka_unit_test(test_batch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
