// tests/envs/test_avr_env.c - episodes through the common seam: oracle, invalid, random replies.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/rng.h"
#include "envs/avr/avr.h"
#include "envs/avr/env_avr.h"

enum { SIZE = 56 };

static void *open_env(bool oracle, bool physics, const char *more) {
  gaze_cfg *c = NULL;
  void *env = NULL;
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  gaze_cfg_set_num(c, "image_size", SIZE);
  gaze_cfg_set(c, "avr.judge_size=224");
  gaze_cfg_set(c, "avr.search_depth=4");
  gaze_cfg_set(c, oracle ? "oracle=true" : "oracle=false");
  gaze_cfg_set(c, physics ? "avr.physics=true" : "avr.physics=false");
  if (more) gaze_cfg_set(c, more);
  if (gaze_env_avr.open(&env, c)) fail_msg("%s", gaze_err_detail());
  gaze_cfg_close(&c);  // the environment keeps nothing of it
  return env;
}

// resets to the first seed at or after `seed` that has a scene; returns it
static uint64_t reset_near(void *env, uint64_t seed, gaze_obs *obs) {
  for (int k = 0; k < 40; k++, seed++) {
    gaze_err err = gaze_env_avr.reset(env, seed, obs);
    if (err == GAZE_OK) return seed;
    if (err != GAZE_ERR_NOTFOUND) fail_msg("seed %u: %s", (unsigned)seed, gaze_err_detail());
  }
  fail_msg("no seed near %u has a scene", (unsigned)seed);
  return 0;
}

static gaze_outcome say(void *env, const char *text, gaze_obs *obs) {
  gaze_outcome out;
  gaze_act act = {.text = text};
  if (gaze_env_avr.step(env, &act, obs, &out)) fail_msg("%s", gaze_err_detail());
  return out;
}

static void check_truth(const gaze_obs *obs) {
  const gaze_truth *t = obs->truth;
  assert_true(t->options >= 2 && t->options <= GAZE_OPTIONS_MAX);
  assert_true(t->boxes >= 0 && t->boxes <= GAZE_BOXES_MAX);
  int correct = 0;
  for (int i = 0; i < t->options; i++) {
    char line[96];
    snprintf(line, sizeof line, "\n%s %c", t->text[i], 'A' + i);
    assert_non_null(strstr(obs->text, line));
    if (t->label[i] & GAZE_OPT_CORRECT) {
      correct++;
      assert_true(t->label[i] & GAZE_OPT_ANSWER);
      assert_string_equal(t->text[i], t->answer);
    }
  }
  assert_int_equal(correct, 1);
  assert_true(avr_parse_reply(t->reply, strlen(t->reply), t->options).strict);
  assert_true((t->steps_left == 0) == t->sufficient);
  for (int i = 0; i < t->boxes; i++) {
    assert_true(t->box[i].x0 < t->box[i].x1 && t->box[i].y0 < t->box[i].y1);
    assert_non_null(strstr(t->reply, t->box[i].name));
  }
}

// one episode of the oracle's own replies; returns its reward
static float play_oracle(void *env, uint64_t seed, int *actions) {
  gaze_obs obs;
  reset_near(env, seed, &obs);
  float reward = 0.0f;
  int optimal = obs.truth->optimal_steps;
  bool control = obs.truth->control, sufficient = obs.truth->sufficient;
  assert_true(obs.first && !obs.last && obs.images == 1);
  assert_int_equal(obs.image->w, SIZE);
  // a main episode never begins sufficient
  if (!control) assert_false(sufficient);
  for (*actions = 0;;) {
    check_truth(&obs);
    char reply[4096];
    strcpy(reply, obs.truth->reply);
    bool sure = obs.truth->sufficient;
    gaze_outcome out = say(env, reply, &obs);
    assert_true(out.format);
    assert_string_equal(out.reply, reply);
    assert_string_equal(out.reference, reply);
    assert_true(out.sufficient_before == sure);
    reward += out.reward;
    if (out.terminated) {
      assert_true(out.answered && out.correct && sure && obs.last);
      assert_int_equal(obs.images, 0);
      break;
    }
    assert_true(out.action && out.useful && !out.answered);
    assert_true(++*actions <= AVR_T_MAX);
    assert_int_equal((int)obs.turn, *actions);
  }
  assert_true(*actions >= optimal);
  return reward;
}

// index of the colour nearest to a pixel by its direction in RGB; -1 for the table, sky and tray
static int colour_of(const uint8_t *p) {
  static const float rgb[AVR_COLOURS][3] = {{87, 87, 87},   {173, 35, 35}, {42, 75, 215},
                                            {29, 105, 20},  {129, 74, 25}, {129, 38, 192},
                                            {41, 208, 208}, {255, 238, 51}};
  float best = 0.98f, length = sqrtf((float)(p[0] * p[0] + p[1] * p[1] + p[2] * p[2]));
  int found = -1;
  for (int c = 0; c < AVR_COLOURS; c++) {
    float dot = 0, own = 0;
    for (int k = 0; k < 3; k++) dot += rgb[c][k] * p[k], own += rgb[c][k] * rgb[c][k];
    if (dot / (length * sqrtf(own) + 1e-6f) > best) {
      best = dot / (length * sqrtf(own));
      found = c;
    }
  }
  return found;
}

// pixels of a colour inside a box of the picture
static int count_colour(const gaze_image *im, const gaze_truth_box *b, int colour) {
  const float w = (float)im->w, h = (float)im->h;
  int n = 0;
  for (int y = (int)(b->y0 * h); y < (int)(b->y1 * h); y++)
    for (int x = (int)(b->x0 * w); x < (int)(b->x1 * w); x++)
      n += colour_of(im->rgb + 3 * (y * im->w + x)) == colour;
  return n;
}

// What the picture shows is what the truth says: every box holds pixels of the colour it is named
// by, at the start and after each step. Scenes are painted several times while a question is
// sought; a picture of an earlier paint would be wrong and no fact of the oracle would tell.
static void test_pictures_show_the_named_colours(void **state) {
  (void)state;
  void *env = open_env(true, true, "image_size=224");
  gaze_obs obs;
  int boxes = 0;
  for (uint64_t seed = 0; seed < 24; seed++) {
    reset_near(env, 900 + 40 * seed, &obs);
    while (!obs.last) {
      for (int i = 0; i < obs.truth->boxes; i++) {
        const gaze_truth_box *b = &obs.truth->box[i];
        int colour = 0;  // gray cannot be told from the table by its direction
        for (int c = 1; c < AVR_COLOURS; c++)
          if (strstr(b->name, avr_colour_name[c])) colour = c;
        if (colour == 0) continue;
        boxes++;
        if (count_colour(obs.image, b, colour) < 8)
          fail_msg("seed %u: no %s in its box", (unsigned)(900 + 40 * seed), b->name);
      }
      char reply[4096];
      strcpy(reply, obs.truth->reply);
      say(env, reply, &obs);
    }
  }
  assert_true(boxes > 200);
  gaze_env_avr.close(&env);
}

// Another light changes the picture and nothing else: words, options, truth stay to the letter.
static void test_light_changes_pictures_only(void **state) {
  (void)state;
  void *test = open_env(true, false, "split=test"), *light = open_env(true, false, "split=light");
  gaze_obs a, b;
  double differ = 0;
  for (uint64_t seed = 0; seed < 6; seed++) {
    reset_near(test, 3200000 + 40 * seed, &a);
    reset_near(light, 3200000 + 40 * seed, &b);
    while (!a.last) {
      assert_string_equal(a.text, b.text);
      assert_memory_equal(a.truth, b.truth, sizeof *a.truth);
      const int n = SIZE * SIZE * 3;
      for (int i = 0; i < n; i++) differ += fabs((double)a.image->rgb[i] - b.image->rgb[i]) / n;
      assert_true(differ > 0);
      char reply[4096];
      strcpy(reply, a.truth->reply);
      gaze_outcome x = say(test, reply, &a), y = say(light, reply, &b);
      assert_true(x.reward == y.reward && x.gaining == y.gaining && x.correct == y.correct);
    }
    assert_true(differ / (double)(seed + 1) > 4);  // levels of 256, a pixel's mean
  }
  gaze_env_avr.close(&test);
  gaze_env_avr.close(&light);
}

static void test_oracle_without_physics(void **state) {
  (void)state;
  void *env = open_env(true, false, NULL);
  for (uint64_t k = 0; k < 30; k++) {
    int actions = 0;
    float reward = play_oracle(env, 1000 + 50 * k, &actions);
    assert_true(fabsf(reward - (1.1f - 0.02f * (float)actions)) < 1e-5f);
  }
  gaze_env_avr.close(&env);
  assert_null(env);
}

// the simulator carries picks and moves out; the plan of the geometry holds
static void test_oracle_with_physics(void **state) {
  (void)state;
  void *env = open_env(true, true, NULL);
  for (uint64_t k = 0; k < 12; k++) {
    int actions = 0;
    play_oracle(env, 5000 + 50 * k, &actions);
  }
  gaze_env_avr.close(&env);
}

// a reply that names no option uses the step up and shows the same again
static void test_invalid_keeps_the_state(void **state) {
  (void)state;
  void *env = open_env(true, true, NULL);
  gaze_obs obs;
  reset_near(env, 77, &obs);
  uint8_t *picture = malloc((size_t)SIZE * SIZE * 3);
  assert_non_null(picture);
  memcpy(picture, obs.image->rgb, (size_t)SIZE * SIZE * 3);
  char list[4096];
  snprintf(list, sizeof list, "%s", strstr(obs.text, "<image>\n"));
  static const char *const bad[] = {"", "E", "<answer>Z</answer>", "<answer></answer>"};
  for (int k = 0; k < 4; k++) {
    gaze_outcome out = say(env, bad[k], &obs);
    assert_int_equal(out.choice, -1);
    assert_false(out.action || out.answered || out.terminated || out.format);
    assert_string_equal(out.status, "invalid");
    assert_true(out.reward == 0.0f);
    char want[4200];
    snprintf(want, sizeof want, "Result: invalid.\n%s", list);
    assert_string_equal(obs.text, want);
    assert_memory_equal(obs.image->rgb, picture, (size_t)SIZE * SIZE * 3);
    assert_int_equal((int)obs.turn, k + 1);
  }
  free(picture);
  gaze_env_avr.close(&env);
}

// eight steps are used up, then only answers are offered and anything else ends the episode wrong
static void test_last_step(void **state) {
  (void)state;
  void *env = open_env(true, false, NULL);
  gaze_obs obs;
  uint64_t seed = reset_near(env, 300, &obs);
  for (int round = 0; round < 2; round++) {
    assert_int_equal(gaze_env_avr.reset(env, seed, &obs), GAZE_OK);
    for (int k = 0; k < AVR_T_MAX; k++) assert_false(say(env, "none", &obs).terminated);
    int right = -1;
    for (int i = 0; i < obs.truth->options; i++) {
      assert_true(obs.truth->label[i] & GAZE_OPT_ANSWER);
      if (obs.truth->label[i] & GAZE_OPT_CORRECT) right = i;
    }
    char reply[32];
    snprintf(reply, sizeof reply, "<answer>%c</answer>", round ? 'A' + right : 'Z');
    gaze_outcome out = say(env, reply, &obs);
    assert_true(out.terminated && obs.last);
    assert_true(out.answered == (round == 1) && out.correct == (round == 1));
    gaze_act act = {.text = "<answer>A</answer>"};
    assert_int_equal(gaze_env_avr.step(env, &act, &obs, &out), GAZE_ERR_STATE);
  }
  gaze_env_avr.close(&env);
}

// any listed letter in any state is carried out or answered; never an error, never past the limit
static void test_random_letters(void **state) {
  (void)state;
  for (int physics = 0; physics < 2; physics++) {
    void *env = open_env(true, physics, NULL);
    gaze_rng r;
    gaze_rng_init(&r, 9, (uint64_t)physics);
    for (uint64_t k = 0; k < (physics ? 8u : 25u); k++) {
      gaze_obs obs;
      reset_near(env, 20000 + 50 * k, &obs);
      gaze_outcome out = {0};
      for (int t = 0; !out.terminated; t++) {
        assert_true(t <= AVR_T_MAX);
        check_truth(&obs);
        int letter[GAZE_OPTIONS_MAX], n = 0;
        for (int i = 0; i < obs.truth->options; i++)
          if (t >= AVR_T_MAX || !(obs.truth->label[i] & GAZE_OPT_ANSWER)) letter[n++] = i;
        char reply[32];
        snprintf(reply, sizeof reply, "<answer>%c</answer>",
                 'A' + letter[gaze_rng_below(&r, (uint32_t)n)]);
        out = say(env, reply, &obs);
        assert_true(out.action != out.answered);
        if (out.gaining) assert_string_not_equal(out.status, "blocked");
      }
    }
    gaze_env_avr.close(&env);
  }
}

// A harmful action makes the way to the answer longer; one on a shortest way never does.
static void test_harm(void **state) {
  (void)state;
  void *env = open_env(true, false, NULL);
  gaze_rng r;
  gaze_rng_init(&r, 5, 0);
  int harmful = 0, optimal = 0;
  uint64_t seed = 7000;
  for (int k = 0; k < 30; k++) {
    gaze_obs obs;
    gaze_outcome out = {0};
    seed = reset_near(env, seed, &obs) + 1;
    for (int t = 0; t < 4 && !obs.truth->sufficient; t++) {
      int before = obs.truth->steps_left, letter;
      do letter = (int)gaze_rng_below(&r, (uint32_t)obs.truth->options);
      while (obs.truth->label[letter] & GAZE_OPT_ANSWER);
      bool planned = (obs.truth->label[letter] & GAZE_OPT_OPTIMAL) != 0;
      char reply[32];
      snprintf(reply, sizeof reply, "<answer>%c</answer>", 'A' + letter);
      out = say(env, reply, &obs);
      harmful += out.harmful, optimal += planned;
      if (planned) assert_int_equal(obs.truth->steps_left, before - 1);
      assert_false(planned && out.harmful);
      if (out.harmful) assert_true(obs.truth->steps_left < 0 || obs.truth->steps_left > before);
    }
  }
  assert_true(harmful >= 3 && optimal >= 10);
  gaze_env_avr.close(&env);
}

// equal seeds give equal bytes, and a policy's view never depends on whether the truth is told
static void test_same_seed_same_bytes(void **state) {
  (void)state;
  void *told = open_env(true, true, NULL), *blind = open_env(false, true, NULL);
  gaze_obs a, b;
  uint64_t seed = reset_near(told, 4242, &a);
  assert_int_equal(gaze_env_avr.reset(blind, seed, &b), GAZE_OK);
  for (int k = 0; k < 3; k++) {
    assert_null(b.truth);
    assert_string_equal(a.text, b.text);
    assert_memory_equal(a.image->rgb, b.image->rgb, (size_t)SIZE * SIZE * 3);
    int action = 0;
    while (a.truth->label[action] & GAZE_OPT_ANSWER) action++;
    char reply[32];
    snprintf(reply, sizeof reply, "<answer>%c</answer>", 'A' + action);
    gaze_outcome x = say(told, reply, &a), y = say(blind, reply, &b);
    assert_string_equal(x.status, y.status);
    assert_true(x.reward == y.reward);
    assert_false(y.sufficient_before || y.gaining || y.useful || y.harmful);
    assert_null(y.reference);
  }
  gaze_env_avr.close(&told);
  gaze_env_avr.close(&blind);
}

static void test_settings(void **state) {
  (void)state;
  static const char *const bad[] = {"avr.family=round",     "avr.layout=none", "avr.question=Z9",
                                    "avr.wording=8",        "image_size=2",    "split=all",
                                    "avr.judge_size=\"x\"", "oracle=3"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    gaze_cfg *c = NULL;
    void *env = NULL;
    assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
    gaze_cfg_set(c, bad[i]);
    assert_int_equal(gaze_env_avr.open(&env, c), GAZE_ERR_ARG);
    assert_null(env);
    gaze_cfg_close(&c);
  }
  void *env = open_env(true, false, "avr.question=K1");
  gaze_obs obs;
  reset_near(env, 31, &obs);
  assert_string_equal(obs.truth->question, "K1");
  gaze_act chunk = {.text = NULL};
  gaze_outcome out;
  assert_int_equal(gaze_env_avr.step(env, &chunk, &obs, &out), GAZE_ERR_ARG);
  gaze_env_avr.close(&env);
  gaze_env_avr.close(&env);
}

// Letter of the first option that begins so; 0 if there is none.
static char letter_of(const gaze_truth *t, const char *begin) {
  for (int i = 0; i < t->options; i++)
    if (strncmp(t->text[i], begin, strlen(begin)) == 0) return (char)('A' + i);
  return 0;
}

// Share of pixels that differ by more than 8 in some channel.
static double picture_distance(const uint8_t *a, const uint8_t *b) {
  int far = 0;
  for (int p = 0; p < SIZE * SIZE; p++) {
    bool differs = false;
    for (int c = 0; c < 3; c++) differs = differs || abs(a[3 * p + c] - b[3 * p + c]) > 8;
    far += differs;
  }
  return (double)far / (SIZE * SIZE);
}

// An arm picks as the hand does, and the next picture shows no arm.
static void test_arm_acts(void **state) {
  (void)state;
  void *env[2] = {open_env(true, true, NULL), open_env(true, true, "avr.hand=ur5e6")};
  int both = 0;
  for (uint64_t k = 0; k < 8 && both < 3; k++) {
    uint8_t rgb[2][SIZE * SIZE * 3];
    bool ok[2] = {false, false};
    for (int e = 0; e < 2; e++) {
      gaze_obs obs;
      reset_near(env[e], 40 * k, &obs);
      char letter = letter_of(obs.truth, "pick "), reply[32];
      if (letter == 0) break;
      snprintf(reply, sizeof reply, "<answer>%c</answer>", letter);
      gaze_outcome out = say(env[e], reply, &obs);
      assert_true(out.action && obs.images == 1);
      ok[e] = strcmp(out.status, "ok") == 0;
      memcpy(rgb[e], obs.image->rgb, sizeof rgb[e]);
    }
    if (!ok[0] || !ok[1]) continue;
    both++;
    assert_true(picture_distance(rgb[0], rgb[1]) < 0.01);
  }
  assert_true(both >= 2);
  gaze_env_avr.close(&env[0]);
  gaze_env_avr.close(&env[1]);

  // a robot that is not there is told when the environment is opened
  gaze_cfg *c = NULL;
  void *none = NULL;
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  gaze_cfg_set(c, "avr.hand=/nowhere.xml");
  assert_int_equal(gaze_env_avr.open(&none, c), GAZE_ERR_NOTFOUND);
  assert_null(none);
  gaze_cfg_close(&c);
}

// every wording is a strict reply with the same choice
static void test_wordings(void **state) {
  (void)state;
  for (int w = 1; w < 8; w++) {
    char set[32];
    snprintf(set, sizeof set, "avr.wording=%d", w);
    void *env = open_env(true, false, set);
    int actions = 0;
    play_oracle(env, 1000, &actions);
    gaze_env_avr.close(&env);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pictures_show_the_named_colours),
      cmocka_unit_test(test_light_changes_pictures_only),
      cmocka_unit_test(test_oracle_without_physics),
      cmocka_unit_test(test_oracle_with_physics),
      cmocka_unit_test(test_invalid_keeps_the_state),
      cmocka_unit_test(test_last_step),
      cmocka_unit_test(test_random_letters),
      cmocka_unit_test(test_harm),
      cmocka_unit_test(test_same_seed_same_bytes),
      cmocka_unit_test(test_settings),
      cmocka_unit_test(test_arm_acts),
      cmocka_unit_test(test_wordings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
