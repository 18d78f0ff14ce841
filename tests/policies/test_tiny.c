// tests/policies/test_tiny.c - the bundled checkpoint: its vocabulary holds what later work needs,
// it opens in every weight type, and it plays the game in its grammar.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "envs/avr/env_avr.h"
#include "nn/model.h"
#include "policies/policy.h"

#define TINY GAZE_SOURCE_DIR "/policies/tiny"

static int tokens_of(const gaze_tokenizer *t, const char *text) {
  gaze_ids ids = {0};
  assert_int_equal(gaze_tokenizer_encode(t, text, strlen(text), false, &ids), GAZE_OK);
  int n = ids.n;
  gaze_ids_fini(&ids);
  return n;
}

static void test_vocabulary(void **state) {
  (void)state;
  gaze_tokenizer *t;
  assert_int_equal(gaze_tokenizer_open(&t, TINY "/tokenizer.json"), GAZE_OK);
  char text[16];
  for (int v = 0; v < 100; v++) {
    snprintf(text, sizeof text, "%d", v);
    assert_int_equal(tokens_of(t, text), 1);
    snprintf(text, sizeof text, " %d", v);
    assert_int_equal(tokens_of(t, text), 1);
    snprintf(text, sizeof text, ".%02d", v);
    assert_int_equal(tokens_of(t, text), 1);
  }
  static const char *const single[] = {
      "<think>",  "</think>", "<answer>",   "</answer>",   "<output>",    "</output>",
      " red",     " cube",    " sphere",    " cylinder",   " closest",    " farthest",
      " equal",   " fewer",   " remain",    " centre",     " topped",     " gripper",
      " grasp",   " drawer",  " waypoints", " trajectory", " affordance", "## Decision",
      " reveals", " enables", " blocked",   " irrelevant", " sufficient", "## Uncertainty"};
  for (size_t i = 0; i < sizeof single / sizeof *single; i++)
    if (tokens_of(t, single[i]) != 1) fail_msg("\"%s\" is not one token", single[i]);
  // anything else still has a spelling
  assert_true(tokens_of(t, "zyzzyva \xE2\x82\xAC") > 3);
  gaze_tokenizer_close(&t);
}

static void test_size(void **state) {
  (void)state;
  struct stat st;
  assert_int_equal(stat(TINY "/model.safetensors", &st), 0);
  assert_true(st.st_size <= 15 << 20);
  static const gaze_dtype types[] = {GAZE_F32, GAZE_BF16, GAZE_I8};
  size_t bytes[3];
  for (int i = 0; i < 3; i++) {
    gaze_model *m;
    assert_int_equal(gaze_model_open(&m, &gaze_ops_cpu, TINY, types[i]), GAZE_OK);
    bytes[i] = gaze_model_bytes(m);
    gaze_model_close(&m);
  }
  assert_true(bytes[1] < bytes[0] && bytes[2] < bytes[1]);
}

// most replies follow the strict grammar; what they are worth is measured by gaze eval, not here
static void test_plays(void **state) {
  (void)state;
  gaze_cfg *cfg;
  void *env = NULL, *policy = NULL;
  assert_int_equal(gaze_cfg_open(&cfg), GAZE_OK);
  gaze_cfg_set_str(cfg, "model", TINY);
  gaze_cfg_set_num(cfg, "threads", 1);
  gaze_cfg_set_num(cfg, "avr.judge_size", 224);
  gaze_cfg_set_num(cfg, "avr.search_depth", 4);
  assert_int_equal(gaze_env_avr.open(&env, cfg), GAZE_OK);
  assert_int_equal(gaze_policy_vla.open(&policy, cfg), GAZE_OK);
  int replies = 0, strict = 0;
  for (uint64_t seed = 1000100; seed < 1000106; seed++) {
    gaze_obs obs;
    gaze_outcome out = {0};
    assert_int_equal(gaze_env_avr.reset(env, seed, &obs), GAZE_OK);
    assert_null(obs.truth);
    assert_int_equal(gaze_policy_vla.reset(policy, seed), GAZE_OK);
    while (!out.terminated) {
      gaze_act act = {0};
      assert_int_equal(gaze_policy_vla.act(policy, &obs, &act, NULL), GAZE_OK);
      assert_int_equal(gaze_env_avr.step(env, &act, &obs, &out), GAZE_OK);
      replies++, strict += out.format;
    }
  }
  assert_true(strict * 10 >= replies * 8);
  gaze_policy_vla.close(&policy);
  gaze_env_avr.close(&env);
  gaze_cfg_close(&cfg);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_vocabulary), cmocka_unit_test(test_size),
                                     cmocka_unit_test(test_plays)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
