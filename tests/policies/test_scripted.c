// tests/policies/test_scripted.c - scripted policies read the option list as the environment writes
// it.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include "core/rng.h"
#include "envs/avr/avr.h"
#include "policies/policy.h"

static const char message[] =
    "At most 12 objects.\nQuestion: how many objects are red?\n<image>\nOptions:\n"
    "0 A\nview left 60 B\n1 C\npick large red cube D\nturn up 15 E\n2 F";

// chosen option of one act, checked against the strict grammar
static int act(const gaze_policy *p, void *self, const gaze_obs *obs) {
  gaze_act a = {0};
  assert_int_equal(p->act(self, obs, &a, NULL), GAZE_OK);
  avr_reply r = avr_parse_reply(a.text, strlen(a.text), 6);
  assert_true(r.strict);
  return r.choice;
}

static int count(const gaze_policy *p, int hits[6]) {
  void *self = NULL;
  const gaze_obs obs = {.text = message};
  assert_int_equal(p->open(&self, NULL), GAZE_OK);
  for (uint64_t seed = 0; seed < 600; seed++) {
    assert_int_equal(p->reset(self, seed), GAZE_OK);
    hits[act(p, self, &obs)]++;
  }
  p->close(&self);
  assert_null(self);
  return 0;
}

static void test_random(void **state) {
  (void)state;
  int hits[6] = {0};
  count(&gaze_policy_random, hits);
  for (int i = 0; i < 6; i++) assert_in_range(hits[i], 60, 145);
}

static void test_always_answer(void **state) {
  (void)state;
  int hits[6] = {0};
  count(&gaze_policy_always_answer, hits);
  assert_int_equal(hits[1] + hits[3] + hits[4], 0);
  for (int i = 0; i < 6; i += i ? 3 : 2) assert_in_range(hits[i], 150, 250);
}

static void test_first_action(void **state) {
  (void)state;
  int hits[6] = {0};
  count(&gaze_policy_first_action, hits);
  assert_int_equal(hits[1], 600);
}

static void test_truth_is_needed(void **state) {
  (void)state;
  const gaze_policy *const p[] = {&gaze_policy_oracle, &gaze_policy_greedy};
  for (int i = 0; i < 2; i++) {
    void *self = NULL;
    gaze_act a;
    assert_true(p[i]->needs_truth);
    assert_int_equal(p[i]->open(&self, NULL), GAZE_OK);
    gaze_obs obs = {.text = message};
    assert_int_equal(p[i]->act(self, &obs, &a, NULL), GAZE_ERR_STATE);
    gaze_truth truth = {.greedy = "D", .reply = "say"};
    obs.truth = &truth;
    assert_int_equal(p[i]->act(self, &obs, &a, NULL), GAZE_OK);
    if (i == 0) assert_string_equal(a.text, "say");
    if (i == 1) assert_non_null(strstr(a.text, "<answer>D</answer>"));
    p[i]->close(&self);
  }
}

// the same seeds draw the same letters
static void test_seeded(void **state) {
  (void)state;
  void *a = NULL, *b = NULL;
  const gaze_obs obs = {.text = message};
  gaze_policy_random.open(&a, NULL);
  gaze_policy_random.open(&b, NULL);
  gaze_policy_random.reset(a, 7);
  gaze_policy_random.reset(b, 7);
  for (int i = 0; i < 50; i++)
    assert_int_equal(act(&gaze_policy_random, a, &obs), act(&gaze_policy_random, b, &obs));
  gaze_policy_random.close(&a);
  gaze_policy_random.close(&b);
}

// A policy's draws know nothing of those an environment makes from the same seed.
static void test_independent_of_the_environment(void **state) {
  (void)state;
  static const uint64_t stream[] = {0, 1, 0x707, (uint64_t)1 << 40};
  enum { SEEDS = 3000 };
  void *self = NULL;
  const gaze_obs obs = {.text = message};
  gaze_policy_always_answer.open(&self, NULL);
  for (int k = 0; k < 4; k++) {
    int hits[3][3] = {{0}};
    double chi = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
      gaze_rng env;
      gaze_rng_init(&env, seed, stream[k]);
      gaze_policy_always_answer.reset(self, seed);
      int answer = act(&gaze_policy_always_answer, self, &obs);
      hits[gaze_rng_int(&env, 0, 2)][answer == 0 ? 0 : answer == 2 ? 1 : 2]++;
    }
    for (int i = 0; i < 9; i++) {
      double off = hits[i / 3][i % 3] - SEEDS / 9.0;
      chi += off * off * 9 / SEEDS;
    }
    assert_true(chi < 32);  // 8 degrees of freedom: one in 10,000
  }
  gaze_policy_always_answer.close(&self);
}

// a message without options must not break anyone
static void test_odd_messages(void **state) {
  (void)state;
  static const char *const odd[] = {"", "Options:", "Options:\n", "Options:\nA\n", "no list here"};
  const gaze_policy *const p[] = {&gaze_policy_random, &gaze_policy_always_answer,
                                  &gaze_policy_first_action};
  for (int i = 0; i < 3; i++) {
    void *self = NULL;
    p[i]->open(&self, NULL);
    p[i]->reset(self, 1);
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
      const gaze_obs obs = {.text = odd[k]};
      assert_int_equal(act(p[i], self, &obs), 0);
    }
    p[i]->close(&self);
  }
}

// Straight there: far off as fast as may be, near by what is left, and never without a goal.
static void test_servo(void **state) {
  (void)state;
  void *self = NULL;
  gaze_act a = {0};
  gaze_truth truth = {.to_goal = {0.3f, 0.0f, -0.4f, 0.0f, 0.04f, 0.0f}};
  gaze_obs obs = {.text = "reach", .truth = &truth};
  assert_true(gaze_policy_servo.needs_truth);
  assert_int_equal(gaze_policy_servo.open(&self, NULL), GAZE_OK);
  assert_int_equal(gaze_policy_servo.act(self, &obs, &a, NULL), GAZE_ERR_STATE);
  truth.has_goal = true;
  assert_int_equal(gaze_policy_servo.act(self, &obs, &a, NULL), GAZE_OK);
  assert_null(a.text);
  assert_int_equal(a.steps, 4);
  assert_int_equal(a.dims, 7);
  for (int i = 0; i < 4; i++) {
    const float *c = a.chunk + 7 * i;
    assert_true(fabsf(c[0] - 0.012f) < 1e-6f && c[1] == 0.0f && fabsf(c[2] + 0.016f) < 1e-6f);
    assert_true(c[3] == 0.0f && fabsf(c[4] - 0.01f) < 1e-6f && c[6] == 1.0f);
  }
  truth.to_goal[0] = 0.008f, truth.to_goal[2] = 0.0f;
  assert_int_equal(gaze_policy_servo.act(self, &obs, &a, NULL), GAZE_OK);
  assert_true(fabsf(a.chunk[21] - 0.002f) < 1e-7f);
  gaze_policy_servo.close(&self);
  assert_null(self);

  // at every look all that is left would swing about the goal
  gaze_cfg *cfg = NULL;
  assert_int_equal(gaze_cfg_open(&cfg), GAZE_OK);
  gaze_cfg_set(cfg, "servo.steps=1");
  assert_int_equal(gaze_policy_servo.open(&self, cfg), GAZE_OK);
  gaze_cfg_close(&cfg);
  assert_int_equal(gaze_policy_servo.act(self, &obs, &a, NULL), GAZE_OK);
  assert_true(a.steps == 1 && fabsf(a.chunk[0] - 0.008f / 3) < 1e-7f);
  gaze_policy_servo.close(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_random),       cmocka_unit_test(test_always_answer),
      cmocka_unit_test(test_first_action), cmocka_unit_test(test_truth_is_needed),
      cmocka_unit_test(test_seeded),       cmocka_unit_test(test_independent_of_the_environment),
      cmocka_unit_test(test_odd_messages), cmocka_unit_test(test_servo),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
