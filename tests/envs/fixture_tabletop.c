// tests/envs/fixture_tabletop.c - see fixture_tabletop.h.
#include "tests/envs/fixture_tabletop.h"
#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/file.h"
#include "sim/world_internal.h"

enum { SIZE = TABLETOP_TEST_SIZE };

const char *const tabletop_robots[2] = {"panda7", "ur5e6"};

static gaze_err try_open(const gaze_env *env, const char *const *more, void **self) {
  gaze_cfg *c = NULL;
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  gaze_cfg_set_num(c, "image_size", SIZE);
  gaze_cfg_set(c, "oracle=true");
  for (int i = 0; more && more[i]; i++) assert_int_equal(gaze_cfg_set(c, more[i]), GAZE_OK);
  const gaze_err e = env->open(self, c);
  gaze_cfg_close(&c);  // the environment keeps nothing of it
  return e;
}

tabletop *tabletop_test_open(const gaze_env *env, const char *const *more) {
  void *self = NULL;
  if (try_open(env, more, &self)) fail_msg("%s", gaze_err_detail());
  return self;
}

gaze_err tabletop_test_refused(const gaze_env *env, const char *setting) {
  void *self = NULL;
  const char *const more[2] = {setting, NULL};
  const gaze_err e = try_open(env, more, &self);
  if (!e) fail_msg("%s was taken", setting);
  assert_null(self);
  return e;
}

void tabletop_test_close(const gaze_env *env, tabletop *t) {
  void *self = t;
  env->close(&self);
  assert_null(self);
}

gaze_obs tabletop_test_reset(const gaze_env *env, tabletop *t, uint64_t seed) {
  gaze_obs obs = {0};
  if (env->reset(t, seed, &obs)) fail_msg("%s", gaze_err_detail());
  assert_true(obs.first && !obs.last && obs.turn == 0 && obs.images == 1 && obs.truth);
  return obs;
}

gaze_outcome tabletop_test_step(const gaze_env *env, tabletop *t, const char *reply) {
  gaze_outcome out = {0};
  gaze_obs obs = {0};
  const gaze_act act = {.text = reply};
  if (env->step(t, &act, &obs, &out)) fail_msg("%s", gaze_err_detail());
  assert_true(obs.last && obs.turn == 1 && (out.terminated || out.truncated));
  assert_int_equal(env->step(t, &act, &obs, &out), GAZE_ERR_STATE);  // one step an episode
  assert_true(out.choice == -1 && out.max_steps == 0);
  return out;
}

const char *tabletop_test_wrap(char *room, size_t cap, const char *payload) {
  snprintf(room, cap, "<think>t</think><output>%s</output>", payload);
  return room;
}

int tabletop_test_oracle(const gaze_env *env, tabletop *t, uint64_t first, int n) {
  int absent = 0;
  for (int i = 0; i < n; i++) {
    const gaze_obs obs = tabletop_test_reset(env, t, first + (uint64_t)i);
    tabletop_test_words(obs.text);
    tabletop_test_words(obs.truth->reply);
    absent += strcmp(obs.truth->question, "absent") == 0;
    const gaze_outcome out = tabletop_test_step(env, t, obs.truth->reply);
    if (!out.correct || strcmp(out.status, "ok") != 0)
      fail_msg("%s seed %d: %s\n%s", t->robot, (int)first + i, out.status, t->truth.reply);
    assert_true(out.terminated && !out.truncated && out.answered && out.format);
    assert_string_equal(out.reply, out.reference);
    assert_true(fabsf(out.reward - 1.0f) < 1e-6f);
  }
  return absent;
}

void tabletop_test_words(const char *text) {
  gaze_buf list = GAZE_BUF_INIT;
  char word[64];
  gaze_buf_str(&list, "\n");
  assert_int_equal(gaze_file_read(GAZE_SOURCE_DIR "/tools/tiny_words.txt", 1 << 20, &list),
                   GAZE_OK);
  for (const char *p = text; *p;) {
    size_t n = 0;
    while (isalpha((unsigned char)p[n])) n++;
    // tags are listed with their brackets, the output's are of the tokenizer itself
    const bool tag = p > text && (p[-1] == '<' || p[-1] == '/');
    snprintf(word, sizeof word, "\n%.*s\n", (int)n, p);
    if (n && !tag && !strstr(gaze_buf_text(&list), word))
      fail_msg("\"%.*s\" of \"%s\" is not listed", (int)n, p, text);
    p += n ? n : 1;
  }
  gaze_buf_fini(&list);
}

static void same_outcome(const gaze_outcome *a, const gaze_outcome *b) {
  assert_true(a->correct == b->correct && a->terminated == b->terminated);
  assert_string_equal(a->status, b->status);
  assert_true(memcmp(&a->goal_dist, &b->goal_dist, sizeof a->goal_dist) == 0);
  assert_true(a->reward == b->reward);
}

void tabletop_test_equal_seeds(const gaze_env *env, const char *const *more) {
  tabletop *a = tabletop_test_open(env, more), *b = tabletop_test_open(env, more);
  tabletop_test_reset(env, b, 99);
  char first[4096] = "";
  int same = 0;
  for (uint64_t seed = 5; seed < 8; seed++) {
    const gaze_obs x = tabletop_test_reset(env, a, seed), y = tabletop_test_reset(env, b, seed);
    assert_string_equal(x.text, y.text);
    assert_memory_equal(x.image->rgb, y.image->rgb, SIZE * SIZE * 3);
    assert_memory_equal(x.truth, y.truth, sizeof *x.truth);
    same += strcmp(first, x.truth->reply) == 0;
    snprintf(first, sizeof first, "%s", x.truth->reply);
    const gaze_outcome p = tabletop_test_step(env, a, a->truth.reply);
    const gaze_outcome q = tabletop_test_step(env, b, b->truth.reply);
    same_outcome(&p, &q);
  }
  assert_int_equal(same, 0);  // other seeds are other episodes
  tabletop_test_close(env, a);
  tabletop_test_close(env, b);
}

// one point more than a path may have
#define ELEVEN                                                                            \
  "<think>t</think><output>[[0.1,0.5],[0.2,0.5],[0.3,0.5],[0.1,0.6],[0.2,0.6],[0.3,0.6]," \
  "[0.1,0.7],[0.2,0.7],[0.3,0.7],[0.1,0.8],[0.2,0.8]]</output>"

void tabletop_test_malformed(const gaze_env *env, const char *const *more) {
  static const char *const bad[] = {
      "",
      "<think>t</think>",
      "<output>",
      "<think>t</think><output></output>",
      "<think>t</think><output>null</output>",
      "<think>t</think><output>[]</output>",
      "<think>t</think><output>[[0.5, 0.5], [0.6, 0.6]]</output>",
      "<think>t</think><output>[[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.6, 0.6]]</output>",
      "<think>t</think><output>[[.1,.5]]</output>",
      ELEVEN,
      "<think>t</think><output>[[0.5, 0.5], [0.6, NaN], [0.7, 0.7]]</output>",
      "<think>t</think><output>{\"x\": NaN, \"y\": 1, \"width\": 1, \"height\": 1}</output>",
      "<think>t</think><output>{\"x\": 0.5}</output>",
      "\xff\xfe<output>\x01</output>",
      "<answer>A</answer>",
  };
  tabletop *t = tabletop_test_open(env, more);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const gaze_obs obs = tabletop_test_reset(env, t, 3);
    assert_string_not_equal(obs.truth->question, "absent");
    const gaze_outcome out = tabletop_test_step(env, t, bad[i]);
    if (strcmp(out.status, "invalid") != 0 || out.correct || out.answered || !out.terminated)
      fail_msg("row %zu: %s", i, out.status);
    assert_true(out.reward <= 0.1f + 1e-6f);
  }
  // a reply in pieces is no error of the seam; a chunk of actions is
  gaze_obs obs = tabletop_test_reset(env, t, 3);
  const float chunk[7] = {0};
  gaze_outcome out;
  const gaze_act act = {.chunk = chunk, .steps = 1, .dims = 7};
  assert_int_equal(env->step(t, &act, &obs, &out), GAZE_ERR_ARG);
  // without its thought the reply still counts, and is not of the strict form
  char payload[512];
  const char *at = strstr(obs.truth->reply, "<output>");
  assert_non_null(at);
  snprintf(payload, sizeof payload, "%s", at);
  out = tabletop_test_step(env, t, payload);
  assert_true(out.correct && !out.format && fabsf(out.reward - 0.9f) < 1e-6f);
  tabletop_test_close(env, t);
}

void tabletop_test_fault(const gaze_env *env, const char *const *more) {
  tabletop *t = tabletop_test_open(env, more);
  tabletop_test_reset(env, t, 4);
  t->world->d->qvel[0] = NAN;
  const gaze_outcome out = tabletop_test_step(env, t, t->truth.reply);
  assert_true(out.truncated && !out.terminated && !out.correct);
  assert_string_equal(out.status, "fault");
  assert_true(isfinite(out.reward) && isfinite(out.goal_dist));
  tabletop_test_oracle(env, t, 5, 1);
  tabletop_test_close(env, t);
}
