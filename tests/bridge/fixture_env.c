// tests/bridge/fixture_env.c - see fixture_env.h.
#include "tests/bridge/fixture_env.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <zmq.h>
#include "core/rng.h"

enum { SIDE_MAX = 64, JOINTS = 3 };

typedef struct fake {
  int size, length, sleep_ms;
  bool oracle, robot, ended;
  uint32_t turn;
  gaze_rng rng;
  uint8_t px[2][SIDE_MAX * SIDE_MAX * 3];
  gaze_image image[2];
  float q[JOINTS], dq[JOINTS];
  gaze_state state;
  char text[128], reply[64];
  gaze_truth truth;
} fake;

static gaze_err fake_open(void **self, const gaze_cfg *cfg) {
  int64_t size = 0, length = 0, sleep_ms = 0;
  bool oracle = false, robot = false;
  GAZE_TRY(gaze_cfg_int(cfg, "size", 5, 1, SIDE_MAX, &size));
  GAZE_TRY(gaze_cfg_int(cfg, "length", 4, 1, 1000, &length));
  GAZE_TRY(gaze_cfg_int(cfg, "sleep_ms", 0, 0, 5000, &sleep_ms));
  GAZE_TRY(gaze_cfg_bool(cfg, "oracle", false, &oracle));
  GAZE_TRY(gaze_cfg_bool(cfg, "robot", false, &robot));
  fake *f = calloc(1, sizeof *f);
  if (!f) return GAZE_ERR_NOMEM;
  f->size = (int)size, f->length = (int)length, f->sleep_ms = (int)sleep_ms;
  f->oracle = oracle, f->robot = robot;
  *self = f;
  return GAZE_OK;
}

// two pictures at the start, then one or none in turns
static void observe(fake *f, gaze_obs *obs) {
  *obs = (gaze_obs){.image = f->image, .turn = f->turn, .text = f->text};
  obs->images = f->turn == 0 ? 2 : f->turn % 2 ? 1 : 0;
  for (int i = 0; i < obs->images; i++) {
    for (int k = 0; k < f->size * (f->size + 1) * 3; k++)
      f->px[i][k] = (uint8_t)gaze_rng_below(&f->rng, 256);
    f->image[i] = (gaze_image){.rgb = f->px[i], .w = f->size, .h = f->size + 1, .camera = "wrist"};
    f->image[i].time_ns = -5 + (int64_t)f->turn;
    if (i) f->image[i].camera = NULL;
  }
  snprintf(f->text, sizeof f->text, "turn %u \xC3\xA9 \"%u\"", f->turn,
           gaze_rng_below(&f->rng, 99));
  obs->first = f->turn == 0;
  obs->last = f->ended || f->turn + 1 >= (uint32_t)f->length;
  for (int i = 0; i < JOINTS; i++)
    f->q[i] = (float)gaze_rng_real(&f->rng, -1, 1), f->dq[i] = (float)i;
  f->state = (gaze_state){.q = f->q, .dq = f->dq, .joints = JOINTS};
  if (f->robot) obs->robot = &f->state;
  f->truth = (gaze_truth){.options = 2, .optimal_steps = 3, .steps_left = -1, .sufficient = true};
  f->truth.label[1] = GAZE_OPT_CORRECT | GAZE_OPT_ANSWER;
  snprintf(f->truth.text[0], sizeof f->truth.text[0], "red");
  snprintf(f->truth.reply, sizeof f->truth.reply, "reply %u", f->turn);
  if (f->oracle) obs->truth = &f->truth;
}

static gaze_err fake_reset(void *self, uint64_t seed, gaze_obs *obs) {
  fake *f = self;
  gaze_rng_init(&f->rng, seed, 0);
  f->turn = 0, f->ended = false;
  observe(f, obs);
  return GAZE_OK;
}

// chunks of two numbers; what the step says was made of them
static gaze_err fake_chunk(fake *f, const gaze_act *act, gaze_obs *obs, gaze_outcome *out) {
  if (act->dims != 2) return gaze_fail(GAZE_ERR_ARG, "fake: expected 2 numbers an action");
  float sum = 0.0f;
  for (int i = 0; i < act->steps * act->dims; i++) sum = 2.0f * sum + act->chunk[i];
  f->turn++;
  observe(f, obs);
  *out = (gaze_outcome){.truncated = obs->last,
                        .choice = -1,
                        .action = true,
                        .status = "ok",
                        .reward = sum,
                        .steps = act->steps,
                        .max_steps = 100,
                        .clipped = act->steps / 2,
                        .goal_dist = 0.1f};
  f->truth.has_goal = true;
  f->truth.to_goal[5] = sum;
  return GAZE_OK;
}

static gaze_err fake_step(void *self, const gaze_act *act, gaze_obs *obs, gaze_outcome *out) {
  fake *f = self;
  if (!act->text) return fake_chunk(f, act, obs, out);
  if (strcmp(act->text, "fail") == 0) return gaze_fail(GAZE_ERR_STATE, "fake: asked to fail");
  if (f->sleep_ms)
    nanosleep(&(struct timespec){f->sleep_ms / 1000, f->sleep_ms % 1000 * 1000000L}, NULL);
  f->turn++;
  f->ended = strcmp(act->text, "end") == 0;
  observe(f, obs);
  snprintf(f->reply, sizeof f->reply, "%.60s", act->text);
  *out = (gaze_outcome){.terminated = f->ended,
                        .truncated = obs->last && !f->ended,
                        .format = true,
                        .choice = (int)f->turn - 1,
                        .answered = f->ended,
                        .correct = f->ended,
                        .action = !f->ended,
                        .status = f->ended ? "ok" : "blocked",
                        .useful = f->turn % 2,
                        .gaining = f->oracle,
                        .bits = 0.1f * (float)f->turn,
                        .reward = 1.0f / (float)(f->turn + 2),
                        .reply = f->reply};
  return GAZE_OK;
}

static void fake_close(void **self) {
  free(*self);
  *self = NULL;
}

const gaze_env fixture_env = {
    .name = "fake", .open = fake_open, .reset = fake_reset, .step = fake_step, .close = fake_close};

static void same_text(const char *a, const char *b) {
  assert_int_equal(a == NULL, b == NULL);
  if (a) assert_string_equal(a, b);
}

void fixture_same_obs(const gaze_obs *a, const gaze_obs *b) {
  same_text(a->text, b->text);
  assert_int_equal(a->turn, b->turn);
  assert_int_equal(a->first, b->first);
  assert_int_equal(a->last, b->last);
  assert_int_equal(a->images, b->images);
  for (int i = 0; i < a->images; i++) {
    assert_int_equal(a->image[i].w, b->image[i].w);
    assert_int_equal(a->image[i].h, b->image[i].h);
    assert_true(a->image[i].time_ns == b->image[i].time_ns);
    same_text(a->image[i].camera, b->image[i].camera);
    assert_memory_equal(a->image[i].rgb, b->image[i].rgb,
                        (size_t)a->image[i].w * (size_t)a->image[i].h * 3);
  }
  assert_int_equal(a->robot == NULL, b->robot == NULL);
  if (a->robot) {
    assert_int_equal(a->robot->joints, b->robot->joints);
    assert_memory_equal(a->robot->q, b->robot->q, sizeof(float) * (size_t)a->robot->joints);
    assert_memory_equal(a->robot->dq, b->robot->dq, sizeof(float) * (size_t)a->robot->joints);
  }
  assert_int_equal(a->truth == NULL, b->truth == NULL);
  if (!a->truth) return;
  assert_int_equal(a->truth->options, b->truth->options);
  assert_int_equal(a->truth->label[1], b->truth->label[1]);
  assert_string_equal(a->truth->text[0], b->truth->text[0]);
  assert_string_equal(a->truth->reply, b->truth->reply);
  assert_int_equal(a->truth->steps_left, b->truth->steps_left);
  assert_int_equal(a->truth->has_goal, b->truth->has_goal);
  assert_memory_equal(a->truth->to_goal, b->truth->to_goal, sizeof a->truth->to_goal);
}

void fixture_same_outcome(const gaze_outcome *a, const gaze_outcome *b) {
  assert_int_equal(a->terminated, b->terminated);
  assert_int_equal(a->truncated, b->truncated);
  assert_int_equal(a->format, b->format);
  assert_int_equal(a->choice, b->choice);
  assert_int_equal(a->answered, b->answered);
  assert_int_equal(a->correct, b->correct);
  assert_int_equal(a->action, b->action);
  assert_int_equal(a->sufficient_before, b->sufficient_before);
  assert_int_equal(a->gaining, b->gaining);
  assert_int_equal(a->useful, b->useful);
  assert_int_equal(a->harmful, b->harmful);
  assert_true(a->bits == b->bits && a->reward == b->reward);
  assert_int_equal(a->steps, b->steps);
  assert_int_equal(a->max_steps, b->max_steps);
  assert_int_equal(a->clipped, b->clipped);
  assert_true(a->goal_dist == b->goal_dist);
  same_text(a->status, b->status);
  same_text(a->reply, b->reply);
  same_text(a->reference, b->reference);
}

bool fixture_talk(void *socket, const char *const *frame, const size_t *n, int frames, int wait_ms,
                  gaze_buf *b) {
  for (int i = 0; i < frames; i++)
    assert_true(zmq_send(socket, frame[i], n[i], i + 1 < frames ? ZMQ_SNDMORE : 0) >= 0);
  zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
  gaze_buf_clear(b);
  int more = 1;
  while (more) {
    zmq_msg_t m;
    zmq_msg_init(&m);
    if (zmq_msg_recv(&m, socket, 0) < 0) return zmq_msg_close(&m), false;
    more = zmq_msg_more(&m);
    if (!more) gaze_buf_add(b, zmq_msg_data(&m), zmq_msg_size(&m));
    zmq_msg_close(&m);
  }
  return true;
}

void fixture_ask(void *socket, const gaze_buf *request, gaze_wire_endpoint endpoint, gaze_buf *b,
                 gaze_wire_reply *r) {
  const char *frame[] = {"", request->data};
  size_t n[] = {0, request->len};
  assert_true(fixture_talk(socket, frame, n, 2, 5000, b));
  if (gaze_wire_get_reply(b->data, b->len, endpoint, NULL, r)) fail_msg("%s", gaze_err_detail());
}

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
// libzmq is not instrumented: the sanitizer sees its memory change hands but not its locks
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) {
  return "ignore_noninstrumented_modules=1";
}
#endif
