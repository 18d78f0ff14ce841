// tests/envs/test_tutorial.c - the tutorial environment keeps every promise of the seam.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <string.h>
#include "envs/choices.h"
#include "envs/tutorial.h"

static void *open_env(const char *oracle) {
  gaze_cfg *c = NULL;
  void *env = NULL;
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  gaze_cfg_set(c, "image_size=48");
  gaze_cfg_set(c, oracle);
  assert_int_equal(gaze_env_tutorial.open(&env, c), GAZE_OK);
  gaze_cfg_close(&c);
  return env;
}

static gaze_outcome say(void *env, int option, gaze_obs *obs) {
  char reply[32];
  gaze_outcome out;
  snprintf(reply, sizeof reply, "<answer>%c</answer>", 'A' + option);
  const gaze_act act = {.text = reply};
  assert_int_equal(gaze_env_tutorial.step(env, &act, obs, &out), GAZE_OK);
  return out;
}

static int red_pixels(const gaze_image *im) {
  int n = 0;
  for (int i = 0; i < im->w * im->h; i++) n += im->rgb[3 * i] > 2 * im->rgb[3 * i + 2];
  return n;
}

// index of the option with these label bits, -1 if none
static int labelled(const gaze_truth *t, int bits) {
  for (int i = 0; i < t->options; i++)
    if ((t->label[i] & bits) == bits) return i;
  return -1;
}

// The oracle's replies: one cup lifted, the ball seen, the right answer. The message lists what the
// truth says, and the ball shows exactly when its cup is lifted.
static void test_oracle(void **state) {
  (void)state;
  void *env = open_env("oracle=true");
  int at[3] = {0};
  for (uint64_t seed = 0; seed < 90; seed++) {
    gaze_obs obs;
    gaze_outcome out = {0};
    float reward = 0;
    assert_int_equal(gaze_env_tutorial.reset(env, seed, &obs), GAZE_OK);
    for (int t = 0; t < 2; t++) {
      gaze_choices c;
      gaze_choices_read(obs.text, &c);
      assert_int_equal(c.n, obs.truth->options);
      assert_int_equal(c.n, t ? 5 : 6);
      for (int i = 0; i < c.n; i++) {
        assert_string_equal(c.text[i], obs.truth->text[i]);
        assert_int_equal(c.action[i], !(obs.truth->label[i] & GAZE_OPT_ANSWER));
      }
      assert_int_equal(red_pixels(obs.image), t ? 16 : 0);
      assert_int_equal(obs.truth->sufficient, t);
      int best = labelled(obs.truth, GAZE_OPT_OPTIMAL);
      at[t ? best : 0] += t;
      char reply[sizeof obs.truth->reply];
      strcpy(reply, obs.truth->reply);
      const gaze_act act = {.text = reply};
      assert_int_equal(gaze_env_tutorial.step(env, &act, &obs, &out), GAZE_OK);
      assert_true(out.format && out.choice == best);
      reward += out.reward;
    }
    assert_true(out.terminated && out.correct && out.sufficient_before && obs.last);
    assert_true(reward == 1.0f - 0.02f);
  }
  for (int k = 0; k < 3; k++) assert_in_range(at[k], 15, 45);
  gaze_env_tutorial.close(&env);
  assert_null(env);
}

// Two empty cups are evidence as well; a guess before that earns nothing.
static void test_evidence(void **state) {
  (void)state;
  void *env = open_env("oracle=true");
  gaze_obs obs;
  assert_int_equal(gaze_env_tutorial.reset(env, 4, &obs), GAZE_OK);
  int right = labelled(obs.truth, GAZE_OPT_CORRECT);
  gaze_outcome out = say(env, right, &obs);
  assert_true(out.correct && !out.sufficient_before && out.reward == 0.0f);
  assert_int_equal(gaze_env_tutorial.reset(env, 4, &obs), GAZE_OK);
  for (int k = 0; k < 2; k++) {
    int option = 3;
    while (obs.truth->label[option] & GAZE_OPT_OPTIMAL) option++;
    out = say(env, option, &obs);
    assert_true(out.gaining && out.action && red_pixels(obs.image) == 0);
  }
  assert_true(obs.truth->sufficient);
  assert_int_equal(labelled(obs.truth, GAZE_OPT_GAINING), -1);
  out = say(env, right, &obs);
  assert_true(out.correct && out.reward == 1.0f);
  gaze_env_tutorial.close(&env);
}

// Nonsense uses up steps and ends; nobody is told the truth who did not ask; seeds repeat.
static void test_manners(void **state) {
  (void)state;
  void *env = open_env("oracle=false");
  gaze_obs obs;
  gaze_outcome out = {0};
  gaze_act act = {.text = "none of these"};
  assert_int_equal(gaze_env_tutorial.reset(env, 1, &obs), GAZE_OK);
  char first[512];
  snprintf(first, sizeof first, "%s", obs.text);
  int steps = 0;
  for (; !out.truncated && steps < 20; steps++) {
    assert_null(obs.truth);
    assert_int_equal(gaze_env_tutorial.step(env, &act, &obs, &out), GAZE_OK);
    assert_true(out.choice == -1 && !out.action && !out.sufficient_before);
  }
  assert_int_equal(steps, 5);
  assert_int_equal(gaze_env_tutorial.step(env, &act, &obs, &out), GAZE_ERR_STATE);
  assert_int_equal(gaze_env_tutorial.reset(env, 1, &obs), GAZE_OK);
  assert_string_equal(obs.text, first);
  act.text = NULL;
  assert_int_equal(gaze_env_tutorial.step(env, &act, &obs, &out), GAZE_ERR_ARG);
  gaze_env_tutorial.close(&env);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_oracle),
      cmocka_unit_test(test_evidence),
      cmocka_unit_test(test_manners),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
