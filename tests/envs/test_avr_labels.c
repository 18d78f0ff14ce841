// tests/envs/test_avr_labels.c - labels of training data (small renders, geometry, short search)
// beside those of the full oracle (448 pixels, physics, deep search), on the same steps. avr.md
// section 7.
//
// `envs_test_avr_labels 500` measures as many steps as the specification asks for; the test itself
// looks at fewer.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "envs/avr/act.h"
#include "envs/avr/avr_internal.h"
#include "envs/avr/words.h"

static const avr_settings CHEAP = {.judge_size = 224, .search_depth = 4, .sufficient_share = -1};
enum { FULL_SIZE = 448, FULL_DEPTH = 6, ACTIONS = 16 + 5 * GAZE_SCENE_BODIES_MAX };

static int steps_wanted = 40;

// the same episode as the full oracle sees it
typedef struct full {
  avr_oracle *oracle;
  gaze_world *world;
  void *saved;  // the world before the step
  avr_state state;
} full;

typedef struct tally {
  int steps, sufficient, labels, agree, gaining, optimal;
  int missed, invented;  // of the disagreements: what only the full, only the cheap path finds
} tally;

static void ok(gaze_err e) {
  if (e) print_error("%s\n", gaze_err_detail());
  assert_int_equal(e, GAZE_OK);
}

static void full_begin(full *f, const avr_episode *e) {
  avr_forget(f->oracle);
  f->state = e->state;
  memset(&f->state.know, 0, sizeof f->state.know);
  ok(avr_observe(f->oracle, &e->scene, &f->state));
  ok(gaze_world_open(&f->world, f->state.body, e->scene.n));
  f->saved = malloc(gaze_world_state_bytes(f->world));
  assert_non_null(f->saved);
  gaze_world_save(f->world, f->saved);
}

static void full_end(full *f) {
  gaze_world_close(&f->world);
  free(f->saved);
  f->saved = NULL;
}

// what an action really leads to; picks and moves run in MuJoCo from the saved state
static void full_act(full *f, const avr_scene *s, const avr_option *a, avr_state *after) {
  bool possible;
  if (a->kind == AVR_ORBIT || a->kind == AVR_TURN) {
    ok(avr_imagine(f->oracle, s, &f->state, a, after, &possible));
    return;
  }
  gaze_act_status how;
  float dir[2];
  *after = f->state;
  after->t++;
  ok(gaze_world_restore(f->world, f->saved));
  avr_dir_vector(a->dir, dir);
  ok(a->kind == AVR_PICK ? gaze_world_pick(f->world, a->object, &how)
                         : gaze_world_move(f->world, a->object, dir, &how));
  gaze_world_bodies(f->world, after->body);
  ok(avr_observe(f->oracle, s, after));
}

static bool same_action(const avr_option *a, const avr_option *b) {
  return a->kind == b->kind && a->azimuth == b->azimuth && a->elevation == b->elevation &&
         a->pan == b->pan && a->tilt == b->tilt && (a->kind < AVR_PICK || a->object == b->object) &&
         (a->kind < AVR_MOVE || a->dir == b->dir);
}

// whether the action starts a shortest plan of the full oracle
static bool on_plan(const avr_option *a, const avr_option *all, int n, uint64_t first) {
  for (int k = 0; k < n && k < 64; k++)
    if (same_action(a, &all[k])) return first >> k & 1;
  return false;
}

static void compare_label(bool real, bool cheap, tally *c) {
  c->labels++;
  c->agree += real == cheap;
  c->missed += real && !cheap;
  c->invented += cheap && !real;
}

static void compare_step(full *f, const avr_episode *e, tally *c) {
  avr_values cheap, real;
  avr_possible(&e->scene, &e->question, &e->state, &cheap);
  avr_possible(&e->scene, &e->question, &f->state, &real);
  bool sure = avr_sufficient(&real);
  c->steps++;
  c->sufficient += sure;
  c->labels++;
  c->agree += avr_sufficient(&cheap) == sure;

  avr_option all[ACTIONS];
  int n = avr_actions(&e->scene, &f->state, all, ACTIONS), length = 0;
  uint64_t first = 0;
  if (!sure)
    ok(avr_plan(f->oracle, &e->scene, &e->question, &f->state, all, n, FULL_DEPTH, &length,
                &first));
  for (int k = 0; k < e->options; k++) {
    const avr_option *a = &e->option[k];
    if (a->kind == AVR_ANSWER) continue;
    avr_state after;
    full_act(f, &e->scene, a, &after);
    bool gains = !sure && avr_gain(&e->scene, &e->question, &f->state, &after) > 0;
    bool plan = on_plan(a, all, n, first);
    c->gaining += gains;
    c->optimal += plan;
    compare_label(gains, a->label & GAZE_OPT_GAINING, c);
    compare_label(plan, a->label & GAZE_OPT_OPTIMAL, c);
  }
}

// the oracle's choice, or every third step any action, so that poor states are met as well
static int choose(const avr_episode *e, int step) {
  int best = avr_best_option(e), n = 0, action[GAZE_OPTIONS_MAX];
  if (step % 3 || e->option[best].kind == AVR_ANSWER) return best;
  for (int k = 0; k < e->options; k++)
    if (e->option[k].kind != AVR_ANSWER) action[n++] = k;
  return n ? action[(step / 3) % n] : best;
}

static void compare_episode(full *f, avr_oracle *cheap, avr_episode *e, tally *c) {
  full_begin(f, e);
  while (c->steps < steps_wanted) {
    compare_step(f, e, c);
    int choice = choose(e, c->steps);
    if (choice < 0 || e->option[choice].kind == AVR_ANSWER) break;
    avr_option a = e->option[choice];
    avr_state after;
    full_act(f, &e->scene, &a, &after);
    f->state = after;
    if (a.kind >= AVR_PICK) gaze_world_save(f->world, f->saved);
    avr_effect effect;
    ok(avr_execute(cheap, &CHEAP, NULL, e, choice, &effect));
  }
  full_end(f);
}

static void test_cheap_labels_agree(void **state) {
  (void)state;
  static avr_episode e;
  avr_oracle *cheap = NULL;
  full f = {0};
  tally c = {0};
  ok(avr_oracle_open(&cheap, CHEAP.judge_size, 1));
  ok(avr_oracle_open(&f.oracle, FULL_SIZE, 1));
  for (uint64_t seed = 9000; c.steps < steps_wanted; seed++) {
    ok(avr_generate(cheap, &CHEAP, seed, &e));
    compare_episode(&f, cheap, &e, &c);
  }
  print_message(
      "%d steps (%d sufficient), %d labels (%d gaining, %d optimal): %.2f %% agree; "
      "only full %d, only cheap %d\n",
      c.steps, c.sufficient, c.labels, c.gaining, c.optimal, 100.0 * c.agree / c.labels, c.missed,
      c.invented);
  assert_true(c.sufficient > c.steps / 10 && c.gaining > c.steps / 4 && c.optimal > c.steps / 4);
  assert_true(c.agree >= 0.97 * c.labels);
  avr_oracle_close(&f.oracle);
  avr_oracle_close(&cheap);
}

int main(int argc, char **argv) {
  if (argc > 1) steps_wanted = atoi(argv[1]);
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_cheap_labels_agree)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
