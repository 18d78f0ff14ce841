// tests/envs/test_avr_generate.c - whole episodes: options, plans, controls, balance, determinism.
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "envs/avr/avr_internal.h"
#include "envs/avr/talk_internal.h"

enum { SEEDS = 96, SEEDS_BALANCE = 300 };

static avr_oracle *oracle;
static const avr_settings TRAIN = {.judge_size = 224, .search_depth = 4, .sufficient_share = -1};

static int setup(void **state) {
  (void)state;
  return avr_oracle_open(&oracle, 224, 1) == GAZE_OK ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  avr_oracle_close(&oracle);
  return 0;
}

static bool sufficient(const avr_episode *e, const avr_state *st) {
  avr_values v;
  avr_possible(&e->scene, &e->question, st, &v);
  // the truth is never ruled out
  assert_true(v.possible[e->question.answer]);
  return avr_sufficient(&v);
}

static void check_answers(const avr_episode *e, bool enough) {
  const avr_question *q = &e->question;
  int truth, correct = 0, answers = 0;
  assert_true(avr_true_value(&e->scene, q, &truth));
  assert_int_equal(truth, q->answer);
  assert_in_range(q->n_offered, 2, AVR_ANSWERS_MAX);
  for (int k = 0; k < e->options; k++) {
    const avr_option *o = &e->option[k];
    if (o->kind != AVR_ANSWER) continue;
    answers++;
    assert_true(o->label & GAZE_OPT_ANSWER);
    assert_int_equal((o->label & GAZE_OPT_CORRECT) != 0, o->value == truth);
    assert_int_equal((o->label & GAZE_OPT_OPTIMAL) != 0, enough && o->value == truth);
    correct += o->value == truth;
  }
  assert_int_equal(answers, q->n_offered);
  assert_int_equal(correct, 1);
}

// 5-8 actions; 3-5 of them gain nothing and are not optimal; what the labels say holds.
static void check_actions(const avr_episode *e, bool enough) {
  int n = 0, useful = 0, optimal = 0;
  for (int k = 0; k < e->options; k++) {
    const avr_option *o = &e->option[k];
    if (o->kind == AVR_ANSWER) continue;
    n++;
    avr_state after;
    bool possible;
    assert_int_equal(avr_imagine(oracle, &e->scene, &e->state, o, &after, &possible), GAZE_OK);
    float gain = possible ? avr_gain(&e->scene, &e->question, &e->state, &after) : 0;
    assert_int_equal((o->label & GAZE_OPT_GAINING) != 0, gain > 0);
    assert_true(gain == o->gain);
    useful += (o->label & (GAZE_OPT_GAINING | GAZE_OPT_OPTIMAL)) != 0;
    optimal += (o->label & GAZE_OPT_OPTIMAL) != 0;
    for (int j = 0; j < k; j++) {
      const avr_option *p = &e->option[j];
      assert_false(p->kind == o->kind && p->azimuth == o->azimuth && p->elevation == o->elevation &&
                   p->pan == o->pan && p->tilt == o->tilt && p->object == o->object &&
                   p->dir == o->dir);
    }
  }
  assert_in_range(n, 5, AVR_ACTIONS_MAX);
  if (enough) {
    assert_int_equal(useful, 0);
  } else {
    assert_in_range(n - useful, 3, 5);
    assert_true(useful >= 1);
    if (e->steps_left > 0) assert_true(optimal >= 1);
  }
}

// Follows optimal options; the episode must become sufficient in the stored number of steps.
static void check_replay(const avr_episode *start) {
  avr_episode e = *start;
  for (int step = 0; step < start->optimal_steps; step++) {
    assert_false(sufficient(&e, &e.state));
    assert_int_equal(e.steps_left, start->optimal_steps - step);
    int best = -1;
    for (int k = 0; k < e.options; k++)
      if (e.option[k].label & GAZE_OPT_OPTIMAL) best = k;
    assert_true(best >= 0);
    avr_state after;
    bool possible;
    avr_option a = e.option[best];
    assert_int_equal(avr_imagine(oracle, &e.scene, &e.state, &a, &after, &possible), GAZE_OK);
    assert_true(possible);
    e.state = after;
    assert_int_equal(avr_list_options(oracle, &TRAIN, &e), GAZE_OK);
  }
  assert_true(sufficient(&e, &e.state));
}

// Draws and checks one episode; returns 0 main, 1 sufficient, 2 hides nothing.
static int check_episode(const avr_settings *set, uint64_t seed, avr_episode *e) {
  if (avr_generate(oracle, set, seed, e)) fail_msg("%s", gaze_err_detail());
  bool held_out = set->split == AVR_LAYOUTS_SPLIT, bare = seed % 12 == 1 && !held_out;
  bool enough = sufficient(e, &e->state), hidden = false;
  assert_int_equal(e->control, seed % 12 == 0 || bare);
  assert_int_equal(enough, seed % 12 == 0);
  assert_int_equal(e->optimal_steps > 0, !enough);
  assert_in_range(e->optimal_steps, 0, TRAIN.search_depth);
  assert_in_range(e->scene.n, 3, AVR_OBJECTS_MAX);
  assert_int_equal(avr_layouts[e->scene.layout].held_out, held_out);
  for (int i = 0; i < e->scene.n; i++) {
    const gaze_body *body = e->scene.body;
    hidden |= e->scene.object[i].hidden;
    assert_true(body[i].pos[0] > 0.02f || body[i].pos[0] < -0.02f);
    for (int j = 0; j < i; j++) {
      bool on_top = fabsf(body[i].pos[2] - body[j].pos[2]) > 0.02f;
      if (!on_top) assert_true(avr_footprint_gap(&body[i], &body[j]) > 0.001f);
    }
  }
  if (seed % 12) assert_int_equal(hidden, !bare);
  check_answers(e, enough);
  check_actions(e, enough);
  check_replay(e);
  return enough ? 1 : e->control ? 2 : 0;
}

static void test_episodes_hold_their_promises(void **state) {
  (void)state;
  static avr_episode e;
  int kinds[3] = {0};
  for (uint64_t seed = 0; seed < SEEDS; seed++) kinds[check_episode(&TRAIN, seed, &e)]++;
  // seed mod 12: 0 is a sufficient control, 1 hides nothing
  assert_true(kinds[0] == SEEDS * 10 / 12 && kinds[1] == SEEDS / 12 && kinds[2] == SEEDS / 12);
}

// ---- transfer splits ----

static avr_settings transfer(avr_split split) {
  avr_settings set = TRAIN;
  set.split = split;
  set.cogent = split == AVR_COGENT_SPLIT ? AVR_COGENT_B : AVR_ANY_COLOUR;
  return set;
}

// The layouts split draws held-out layouts, each of them, and only from its own seeds; the others
// draw none (check_episode sees to it).
static void test_layouts_are_held_out(void **state) {
  (void)state;
  static avr_episode e;
  avr_settings set = transfer(AVR_LAYOUTS_SPLIT), rest = TRAIN;
  int held_out = 0;
  for (int k = 0; avr_layouts[k].name; k++) {
    set.layout = rest.layout = avr_layouts[k].name;
    if (!avr_layouts[k].held_out) {
      assert_int_equal(avr_generate(oracle, &set, 3000002, &e), GAZE_ERR_ARG);
      continue;
    }
    held_out++;
    assert_int_equal(avr_generate(oracle, &rest, 2000002, &e), GAZE_ERR_ARG);
    for (uint64_t seed = 3000002; seed < 3000005; seed++) {
      bool sliver = false;
      check_episode(&set, seed, &e);
      assert_int_equal(e.scene.layout, k);
      for (int i = 0; i < e.scene.n; i++)
        sliver |= e.scene.object[i].hidden && (e.state.know.fact[i] & AVR_KNOWS_COLOUR);
      assert_int_equal(sliver, strcmp(avr_layouts[k].name, "peek") == 0);
    }
  }
  assert_int_equal(held_out, 6);
  set.layout = NULL;
  for (uint64_t seed = 3000000; seed < 3000012; seed++) check_episode(&set, seed, &e);
  for (uint64_t seed = 1000000; seed < 1000012; seed++) check_episode(&TRAIN, seed, &e);
  // train never, whatever is asked for
  assert_int_equal(avr_generate(oracle, &set, 5, &e), GAZE_ERR_ARG);
}

// Pictures to learn looking from show no held-out layout either.
static void test_perception_is_of_train(void **state) {
  (void)state;
  gaze_talker *t = NULL;
  gaze_talk talk = GAZE_TALK_INIT;
  gaze_rng r;
  gaze_cfg *c = NULL;
  int kinds = 0, drawn[32] = {0};
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  gaze_cfg_set(c, "image_size=28");
  gaze_cfg_set(c, "avr.judge_size=112");
  assert_int_equal(gaze_talker_open(&t, c), GAZE_OK);
  gaze_rng_init(&r, 3, 0);
  for (int k = 0; k < 300; k++) {
    assert_int_equal(gaze_talk_perception(t, &r, &talk), GAZE_OK);
    assert_false(avr_layouts[t->e.scene.layout].held_out);
    kinds += drawn[t->e.scene.layout]++ == 0;
  }
  assert_int_equal(kinds, 14);
  gaze_talk_fini(&talk);
  gaze_talker_close(&t);
  gaze_cfg_close(&c);
}

static bool allowed_pair(avr_cogent condition, const int value[AVR_ATTRS]) {
  static const char cube_in_a[AVR_COLOURS + 1] = "ynynynny";  // in the order of avr_colour_name
  bool cubes_of_a = cube_in_a[value[AVR_COLOUR]] == 'y';
  if (value[AVR_SHAPE] == GAZE_SHAPE_SPHERE) return true;
  return ((value[AVR_SHAPE] == GAZE_SHAPE_CUBE) == cubes_of_a) == (condition == AVR_COGENT_A);
}

// No scene shows a pair of the other condition, and no question asks for one.
static void test_cogent_keeps_its_pairs(void **state) {
  (void)state;
  static avr_episode e;
  int pairs[2] = {0}, seen[AVR_COLOURS][AVR_SHAPES] = {{0}}, kinds = 0;
  for (uint64_t k = 0; k < 24; k++) {
    avr_settings set = transfer(AVR_COGENT_SPLIT);
    if (k & 1) set.cogent = AVR_COGENT_A, set.split = AVR_MAIN_SPLIT;
    check_episode(&set, (k & 1 ? 0 : 3100000) + k, &e);
    const int *v = e.question.filter.value;
    if (e.question.id == AVR_E1) assert_true(allowed_pair(set.cogent, v));
    for (int i = 0; i < e.scene.n; i++) {
      const int *pair = e.scene.object[i].value;
      assert_true(allowed_pair(set.cogent, pair));
      pairs[k & 1]++;
      if (!(k & 1)) kinds += seen[pair[AVR_COLOUR]][pair[AVR_SHAPE]]++ == 0;
    }
  }
  assert_true(pairs[0] > 60 && pairs[1] > 60);
  assert_in_range(kinds, 12, 4 + 4 + AVR_COLOURS);  // most of what B allows
}

static void *generate_some(void *arg) {
  avr_episode *out = arg;
  avr_oracle *own;
  if (avr_oracle_open(&own, 224, 1)) return NULL;
  for (uint64_t k = 0; k < 12; k++)
    if (avr_generate(own, &TRAIN, 7000 + 31 * (11 - k), &out[11 - k])) return NULL;
  avr_oracle_close(&own);
  return out;
}

// The same seeds in another thread, other oracle and other order give the same bytes.
static void test_same_seed_same_episode(void **state) {
  (void)state;
  avr_episode *other = calloc(12, sizeof *other);
  static avr_episode e;
  pthread_t thread;
  void *done = NULL;
  assert_non_null(other);
  assert_int_equal(pthread_create(&thread, NULL, generate_some, other), 0);
  assert_int_equal(pthread_join(thread, &done), 0);
  assert_non_null(done);
  for (uint64_t k = 0; k < 12; k++) {
    assert_int_equal(avr_generate(oracle, &TRAIN, 7000 + 31 * k, &e), GAZE_OK);
    assert_memory_equal(&e.scene.body, &other[k].scene.body, sizeof e.scene.body);
    assert_memory_equal(&e.question, &other[k].question, sizeof e.question);
    assert_memory_equal(&e.state.know, &other[k].state.know, sizeof e.state.know);
    assert_int_equal(e.options, other[k].options);
    assert_memory_equal(e.option, other[k].option, (size_t)e.options * sizeof *e.option);
    assert_memory_equal(&e.rng, &other[k].rng, sizeof e.rng);
  }
  free(other);
}

// A seed draws the same scenes under every compiler: two draws in one argument list would not.
static void test_layouts_are_portable(void **state) {
  (void)state;
  // FNV-1a; those of the default world, those held out, those of the complete one
  uint32_t hashes[3] = {2166136261u, 2166136261u, 2166136261u};
  for (const avr_layout *l = avr_layouts; l->name; l++) {
    int which = l->complete ? 2 : l->held_out;
    uint32_t hash = hashes[which];
    for (uint64_t seed = 0; seed < 20; seed++) {
      avr_scene s = {0};
      gaze_rng r;
      gaze_rng_init(&r, seed, 7);
      l->draw(&r, &s);  // a scene given up counts as far as it was drawn
      for (int i = 0; i < s.n; i++) {
        int32_t at[2] = {(int32_t)lrintf(s.body[i].pos[0] * 1e3f),
                         (int32_t)lrintf(s.body[i].pos[1] * 1e3f)};
        for (int k = 0; k < 2; k++) hash = (hash ^ (uint32_t)at[k]) * 16777619u;
        hash = (hash ^ (uint32_t)s.object[i].value[AVR_SHAPE]) * 16777619u;
      }
    }
    hashes[which] = hash;
  }
  assert_int_equal(hashes[0], 0x3cb1fb67);
  assert_int_equal(hashes[1], 0x0eab1079);
  assert_int_equal(hashes[2], 0xccef6662);
}

static void test_settings_restrict(void **state) {
  (void)state;
  static avr_episode e;
  avr_settings set = TRAIN;
  set.layout = "ring", set.question = "Q3", set.sufficient_share = 0;
  for (uint64_t seed = 0; seed < 6; seed++) {
    assert_int_equal(avr_generate(oracle, &set, seed, &e), GAZE_OK);
    assert_string_equal(avr_layouts[e.scene.layout].name, "ring");
    assert_int_equal(e.question.id, AVR_Q3);
    assert_false(sufficient(&e, &e.state));
  }
  set.sufficient_share = 1, set.layout = NULL, set.question = "E1";
  for (uint64_t seed = 0; seed < 6; seed++) {
    assert_int_equal(avr_generate(oracle, &set, seed, &e), GAZE_OK);
    assert_true(sufficient(&e, &e.state));
    assert_int_equal(e.optimal_steps, 0);
  }
  set.layout = "nowhere";
  assert_int_equal(avr_generate(oracle, &set, 0, &e), GAZE_ERR_ARG);
}

// At the last turn only answers are left.
static void test_last_turn_has_answers_only(void **state) {
  (void)state;
  static avr_episode e;
  assert_int_equal(avr_generate(oracle, &TRAIN, 5, &e), GAZE_OK);
  e.state.t = AVR_T_MAX;
  assert_int_equal(avr_list_options(oracle, &TRAIN, &e), GAZE_OK);
  assert_int_equal(e.options, e.question.n_offered);
}

// A viewer at its limits with nothing to name has few actions or none: no episode starts there, but
// one that came there goes on with what is left.
static void test_few_actions_do_not_end_play(void **state) {
  (void)state;
  static avr_episode e;
  const gaze_viewer corner = {.azimuth = 90, .elevation = 15, .pan = 40, .tilt = 30};
  const gaze_viewer outside = {.azimuth = 200, .elevation = 15, .pan = 80, .tilt = 60};
  int refused = 0;
  for (uint64_t seed = 2; seed < 10; seed++) {
    assert_int_equal(avr_generate(oracle, &TRAIN, seed, &e), GAZE_OK);
    for (int k = 0; k < 2; k++) {
      e.state.viewer = k ? outside : corner;
      e.state.visible = 0;
      e.state.t = 0;
      refused += avr_list_options(oracle, &TRAIN, &e) == GAZE_ERR_NOTFOUND;
      e.state.t = 3;
      assert_int_equal(avr_list_options(oracle, &TRAIN, &e), GAZE_OK);
      int actions = e.options - e.question.n_offered;
      assert_in_range(actions, k ? 0 : 1, k ? 0 : 6);
      check_answers(&e, sufficient(&e, &e.state));
      if (k) assert_true(e.stuck);
      assert_in_range(avr_best_option(&e), 0, e.options - 1);
    }
  }
  assert_in_range(refused, 8, 16);
}

static bool unseen_loose(const avr_episode *e, int i) {
  return !(e->state.know.fact[i] & AVR_EXISTS) && e->scene.object[i].stack < 0;
}

// Unseen objects keep the prior that the evaluation rests on, and no random play rules out the
// truth, whether or not the physics pushed an unseen object away.
static void test_truth_survives_any_play(void **state) {
  (void)state;
  static avr_episode e;
  avr_settings set = TRAIN;
  set.search_depth = 1, set.sufficient_share = 0.5, set.question = "K3";
  for (uint64_t seed = 0; seed < 16; seed++) {
    gaze_rng r;
    assert_int_equal(avr_generate(oracle, &set, seed, &e), GAZE_OK);
    gaze_rng_init(&r, seed, 9);
    for (int i = 0; i < e.scene.n; i++) {
      if (!unseen_loose(&e, i)) continue;
      assert_int_equal(e.scene.object[i].value[AVR_SIZE], AVR_SMALL);
      assert_true(avr_owner_at(&e.scene, e.scene.body[i].pos) >= 0);
      if (seed & 1) e.state.body[i].pos[1] += 0.05f;
    }
    for (int t = 0; t < AVR_T_MAX; t++) {
      avr_option a[64];
      avr_state after;
      bool possible;
      int n = avr_actions(&e.scene, &e.state, a, 64);
      if (n == 0) break;
      const avr_option *o = &a[gaze_rng_int(&r, 0, n - 1)];
      assert_int_equal(avr_imagine(oracle, &e.scene, &e.state, o, &after, &possible), GAZE_OK);
      e.state = after;
      sufficient(&e, &e.state);
    }
  }
}

// Whatever a wish says, its truth is uniform: yes or no, or any of the four counts on offer.
static void test_words_do_not_tell_the_truth(void **state) {
  (void)state;
  enum { DRAWS = 60000, KINDS = AVR_COLOURS + AVR_SIZES + AVR_SHAPES };
  static const avr_template id[4] = {AVR_E1, AVR_K1, AVR_K2, AVR_K3};
  gaze_rng r;
  gaze_rng_init(&r, 5, 0);
  for (int family = 0; family < AVR_FAMILIES; family++)
    for (int k = 0; k < 4; k++) {
      static int seen[KINDS][4][4];  // by word, lowest count on offer, place of the truth
      memset(seen, 0, sizeof seen);
      for (int i = 0; i < DRAWS; i++) {
        avr_wish w;
        avr_draw_wish(&r, (avr_family)family, id[k], &w);
        const int *v = w.filter.value;
        int places = id[k] == AVR_E1 ? 2 : 4, place = w.truth - w.from;
        int words[3] = {v[AVR_COLOUR], v[AVR_SIZE], v[AVR_SHAPE]};
        int base[3] = {0, AVR_COLOURS, AVR_COLOURS + AVR_SIZES};
        assert_in_range(place, 0, places - 1);
        assert_in_range(w.from, 0, 3);
        assert_true(words[0] >= 0 || words[1] >= 0 || words[2] >= 0);
        for (int a = 0; a < 3; a++)
          if (words[a] >= 0) seen[base[a] + words[a]][w.from][place]++;
      }
      for (int word = 0; word < KINDS; word++)
        for (int from = 0; from < 4; from++) {
          int n = 0, places = id[k] == AVR_E1 ? 2 : 4;
          double chi = 0;
          for (int p = 0; p < places; p++) n += seen[word][from][p];
          for (int p = 0; p < places && n; p++) {
            double off = seen[word][from][p] - (double)n / places;
            chi += off * off * places / n;
          }
          assert_true(chi < 24);  // 3 degrees of freedom: one in 40,000
        }
    }
}

// Chi-square of the right answer's rank among the letters and of answers per template: letters are
// uniform, "yes" is as frequent as "no", a count lies anywhere in its window.
static void test_answers_are_balanced(void **state) {
  (void)state;
  static avr_episode e;
  avr_settings set = TRAIN;
  set.sufficient_share = 0.45;
  double letter = 0, spread = 0;
  int yes = 0, exist = 0, place[4] = {0}, counts = 0;
  for (uint64_t seed = 0; seed < SEEDS_BALANCE; seed++) {
    assert_int_equal(avr_generate(oracle, &set, seed, &e), GAZE_OK);
    for (int k = 0; k < e.options; k++)
      if (e.option[k].label & GAZE_OPT_CORRECT) letter += (k + 0.5) / e.options;
    spread += 1.0 / 12.0;
    if (e.question.id == AVR_E1) exist++, yes += e.question.answer;
    if (e.question.id >= AVR_K1) counts++, place[e.question.answer - e.question.offered[0]]++;
  }
  // 3.5 standard deviations of a uniform rank, of a fair coin; chi-square(3) at 0.0003
  double mean = letter / SEEDS_BALANCE - 0.5;
  assert_true(mean * mean < 3.5 * 3.5 * spread / SEEDS_BALANCE / SEEDS_BALANCE);
  double off = yes - 0.5 * exist, chi = 0;
  assert_true(exist > 30 && off * off < 3.5 * 3.5 * 0.25 * exist);
  for (int k = 0; k < 4; k++)
    chi += (place[k] - 0.25 * counts) * (place[k] - 0.25 * counts) / (0.25 * counts);
  assert_true(counts > 80 && chi < 18.8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_episodes_hold_their_promises),
      cmocka_unit_test(test_layouts_are_held_out),
      cmocka_unit_test(test_perception_is_of_train),
      cmocka_unit_test(test_cogent_keeps_its_pairs),
      cmocka_unit_test(test_same_seed_same_episode),
      cmocka_unit_test(test_layouts_are_portable),
      cmocka_unit_test(test_settings_restrict),
      cmocka_unit_test(test_last_turn_has_answers_only),
      cmocka_unit_test(test_few_actions_do_not_end_play),
      cmocka_unit_test(test_truth_survives_any_play),
      cmocka_unit_test(test_words_do_not_tell_the_truth),
      cmocka_unit_test(test_answers_are_balanced),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
