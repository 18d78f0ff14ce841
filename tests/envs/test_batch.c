// tests/envs/test_batch.c - a batch shows what its environments show alone, for any number of
// threads; errors stay in their row; ended rows do what the autoreset mode says.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <time.h>
#include "core/rng.h"
#include "envs/batch.h"
#include "envs/reach/env_reach.h"
#include "envs/split.h"
#include "envs/tutorial.h"

enum { SIDE = 56, PIXELS = SIDE * SIDE * 3, PATCHES = 2 * PIXELS, ROWS_MAX = 8 };

// ---- an environment that does what its act says ----

typedef struct fake {
  uint64_t seed;
  uint32_t turn;
  char text[32];
} fake;

static gaze_err fake_open(void **self, const gaze_cfg *cfg) {
  (void)cfg;
  *self = calloc(1, sizeof(fake));
  return *self ? GAZE_OK : GAZE_ERR_NOMEM;
}

// an even hundred of seeds cannot begin
static gaze_err fake_reset(void *self, uint64_t seed, gaze_obs *obs) {
  fake *f = self;
  if (seed == 100) return gaze_fail(GAZE_ERR_NOTFOUND, "fake: no such episode");
  f->seed = seed, f->turn = 0;
  snprintf(f->text, sizeof f->text, "%llu:0", (unsigned long long)seed);
  *obs = (gaze_obs){.text = f->text, .first = true};
  return GAZE_OK;
}

static gaze_err fake_step(void *self, const gaze_act *act, gaze_obs *obs, gaze_outcome *out) {
  fake *f = self;
  if (!act->text) return gaze_fail(GAZE_ERR_ARG, "fake: expected text");
  if (strcmp(act->text, "break") == 0) return gaze_fail(GAZE_ERR_DEVICE, "fake: broken");
  if (strncmp(act->text, "sleep", 5) == 0)
    nanosleep(&(struct timespec){.tv_nsec = strtol(act->text + 5, NULL, 10) * 1000000}, NULL);
  f->turn++;
  snprintf(f->text, sizeof f->text, "%llu:%u", (unsigned long long)f->seed, f->turn);
  const bool end = strcmp(act->text, "end") == 0, nan = strcmp(act->text, "nan") == 0;
  *obs = (gaze_obs){.text = f->text, .turn = f->turn, .last = end || nan};
  *out = (gaze_outcome){.terminated = end,
                        .truncated = nan,
                        .reward = (float)f->turn,
                        .status = nan ? "fault" : "ok"};
  return GAZE_OK;
}

static void fake_close(void **self) {
  free(*self);
  *self = NULL;
}

static const gaze_env fake_env = {
    .name = "fake", .open = fake_open, .reset = fake_reset, .step = fake_step, .close = fake_close};

static gaze_env_batch *open_fake(int n, gaze_crew *crew, gaze_autoreset mode) {
  gaze_env_batch *b = NULL;
  gaze_env_batch_options o = {.env = &fake_env, .n = n, .crew = crew, .autoreset = mode};
  assert_int_equal(gaze_env_batch_open(&b, &o), GAZE_OK);
  return b;
}

static void say(gaze_env_batch *b, const char *const *text, int n) {
  gaze_act act[ROWS_MAX];
  for (int i = 0; i < n; i++) act[i] = (gaze_act){.text = text[i]};
  assert_int_equal(gaze_env_batch_step(b, act), GAZE_OK);
}

// ---- any number of threads ----

typedef struct game {
  const gaze_env *env;
  const char *const *settings;
  int rows, steps, acts;
} game;

static gaze_cfg *settings_of(const game *g) {
  gaze_cfg *c = NULL;
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  for (int i = 0; g->settings[i]; i++) assert_int_equal(gaze_cfg_set(c, g->settings[i]), GAZE_OK);
  return c;
}

// an act of row i that depends on the place in the game alone
static gaze_act choose(const game *g, int i, int t, float chunk[GAZE_REACH_DIMS], char text[32]) {
  gaze_rng r;
  gaze_rng_init(&r, (uint64_t)t, (uint64_t)i);
  if (!g->env->act_dims) {
    snprintf(text, 32, "<answer>%c</answer>", 'A' + gaze_rng_int(&r, 0, 6));
    return (gaze_act){.text = text};
  }
  for (int k = 0; k < GAZE_REACH_DIMS; k++) chunk[k] = (float)gaze_rng_real(&r, -0.02, 0.02);
  return (gaze_act){.chunk = chunk, .steps = 1, .dims = GAZE_REACH_DIMS};
}

typedef struct diary {  // everything a game showed, as bytes
  gaze_buf bytes;
  uint64_t episodes, acts;
} diary;

static void note_obs(gaze_buf *b, const gaze_obs *o) {
  gaze_buf_printf(b, "%s|%u|%d%d|%d;", o->text ? o->text : "", o->turn, o->first, o->last,
                  o->images);
  for (int i = 0; i < o->images; i++) gaze_buf_add(b, o->image[i].rgb, PIXELS);
  if (!o->robot) return;
  gaze_buf_add(b, o->robot->q, sizeof(float) * (size_t)o->robot->joints);
  gaze_buf_add(b, o->robot->dq, sizeof(float) * (size_t)o->robot->joints);
}

static void note(diary *d, const gaze_env_batch_row *r, int acts) {
  gaze_buf_printf(&d->bytes, "%d %d %llu %d;", (int)r->err, r->acts, (unsigned long long)r->seed,
                  r->ended);
  note_obs(&d->bytes, &r->obs);
  note_obs(&d->bytes, &r->last);
  for (int k = 0; k < r->acts && k < acts; k++)
    gaze_buf_printf(&d->bytes, "%a %d%d,", (double)r->fact[k].reward, r->fact[k].terminated,
                    r->fact[k].truncated);
}

static diary play(const game *g, int threads, gaze_autoreset mode, float *patches) {
  diary d = {.bytes = GAZE_BUF_INIT};
  gaze_cfg *cfg = settings_of(g);
  gaze_crew *crew = NULL;
  gaze_env_batch *b = NULL;
  if (threads) assert_int_equal(gaze_crew_open(&crew, threads, g->rows), GAZE_OK);
  gaze_env_batch_options o = {
      .env = g->env, .cfg = cfg, .n = g->rows, .crew = crew, .autoreset = mode};
  assert_int_equal(gaze_env_batch_open(&b, &o), GAZE_OK);
  uint8_t *rgb = calloc((size_t)g->rows, PIXELS);
  const gaze_patchify form = {.patch = 14, .merge = 2, .std = {0.5f, 0.25f, 1.0f}};
  gaze_env_batch_view v = {.rgb = rgb, .patches = patches, .form = form};
  assert_int_equal(gaze_env_batch_show(b, &v), GAZE_OK);
  uint64_t seed[ROWS_MAX];
  for (int i = 0; i < g->rows; i++) seed[i] = (uint64_t)(40 + i / 2);  // pairs start alike
  assert_int_equal(gaze_env_batch_reset(b, seed), GAZE_OK);
  for (int t = 0; t < g->steps; t++) {
    gaze_act act[ROWS_MAX * 4];
    float chunk[ROWS_MAX * 4][GAZE_REACH_DIMS];
    char text[ROWS_MAX * 4][32];
    for (int i = 0; i < g->rows * g->acts; i++) act[i] = choose(g, i, t, chunk[i], text[i]);
    int row[ROWS_MAX], got = 0;
    assert_int_equal(gaze_env_batch_send_step(b, NULL, g->rows, act, g->acts), GAZE_OK);
    while (gaze_env_batch_pending(b)) got += gaze_env_batch_recv(b, 2, row, ROWS_MAX);
    assert_int_equal(got, g->rows);
    for (int i = 0; i < g->rows; i++) note(&d, gaze_env_batch_at(b, i), g->acts);
    if (patches) gaze_buf_add(&d.bytes, patches, (size_t)g->rows * PATCHES * sizeof *patches);
  }
  d.episodes = gaze_env_batch_count(b).episodes, d.acts = gaze_env_batch_count(b).acts;
  gaze_env_batch_close(&b);
  gaze_crew_close(&crew);
  gaze_cfg_close(&cfg);
  free(rgb);
  return d;
}

static const char *const small[] = {"image_size=56", "oracle=true", NULL};
static const char *const arm[] = {"image_size=56", "reach.steps=7", "reach.distractors=2", NULL};
static const game cups = {&gaze_env_tutorial, small, ROWS_MAX, 8, 3};
static const game reach = {&gaze_env_reach, arm, 4, 6, 3};

static void check_threads(const game *g, gaze_autoreset mode) {
  float *patches = calloc((size_t)g->rows, PATCHES * sizeof *patches);
  diary want = play(g, 0, mode, patches);
  assert_false(want.bytes.failed);
  if (mode != GAZE_AUTORESET_DISABLED) assert_true(want.episodes > (uint64_t)g->rows);
  assert_true(want.acts > (uint64_t)g->rows);
  for (int threads = 1; threads <= 4; threads *= 2) {
    diary got = play(g, threads, mode, patches);
    assert_int_equal(got.bytes.len, want.bytes.len);
    assert_memory_equal(got.bytes.data, want.bytes.data, want.bytes.len);
    assert_int_equal(got.episodes, want.episodes);
    gaze_buf_fini(&got.bytes);
  }
  gaze_buf_fini(&want.bytes);
  free(patches);
}

static void test_any_number_of_threads(void **state) {
  (void)state;
  check_threads(&cups, GAZE_AUTORESET_DISABLED);
  check_threads(&cups, GAZE_AUTORESET_NEXT_STEP);
  check_threads(&cups, GAZE_AUTORESET_SAME_STEP);
}

static void test_any_number_of_threads_with_physics(void **state) {
  (void)state;
  check_threads(&reach, GAZE_AUTORESET_SAME_STEP);
}

// row by row, the batch is the environment alone: observations, pictures, rewards
static void check_alone(const game *g) {
  gaze_cfg *cfg = settings_of(g);
  gaze_env_batch *b = NULL;
  gaze_crew *crew = NULL;
  void *alone[ROWS_MAX] = {0};
  bool over[ROWS_MAX] = {false};
  gaze_obs obs[ROWS_MAX];
  assert_int_equal(gaze_crew_open(&crew, 2, g->rows), GAZE_OK);
  gaze_env_batch_options o = {.env = g->env, .cfg = cfg, .n = g->rows, .crew = crew};
  assert_int_equal(gaze_env_batch_open(&b, &o), GAZE_OK);
  uint8_t *rgb = calloc((size_t)g->rows, PIXELS);
  assert_int_equal(gaze_env_batch_show(b, &(gaze_env_batch_view){.rgb = rgb}), GAZE_OK);
  assert_int_equal(gaze_env_batch_space(b).image_w, SIDE);
  uint64_t seed[ROWS_MAX];
  for (int i = 0; i < g->rows; i++) {
    seed[i] = (uint64_t)(7 * i);
    assert_int_equal(g->env->open(&alone[i], cfg), GAZE_OK);
    assert_int_equal(g->env->reset(alone[i], seed[i], &obs[i]), GAZE_OK);
  }
  assert_int_equal(gaze_env_batch_reset(b, seed), GAZE_OK);
  for (int t = 0; t < g->steps; t++) {
    gaze_act act[ROWS_MAX];
    float chunk[ROWS_MAX][GAZE_REACH_DIMS];
    char text[ROWS_MAX][32];
    for (int i = 0; i < g->rows; i++) {
      const gaze_obs *mine = &gaze_env_batch_at(b, i)->obs;
      act[i] = choose(g, i, t, chunk[i], text[i]);
      if (over[i]) continue;
      gaze_buf x = GAZE_BUF_INIT, y = GAZE_BUF_INIT;
      note_obs(&x, &obs[i]), note_obs(&y, mine);
      assert_int_equal(x.len, y.len);
      assert_memory_equal(x.data, y.data, x.len);
      gaze_buf_fini(&x), gaze_buf_fini(&y);
      if (mine->images) assert_ptr_equal(mine->image[0].rgb, rgb + i * PIXELS);
    }
    assert_int_equal(gaze_env_batch_step(b, act), GAZE_OK);
    for (int i = 0; i < g->rows; i++) {
      const gaze_env_batch_row *r = gaze_env_batch_at(b, i);
      gaze_outcome out;
      assert_int_equal(r->err, over[i] ? GAZE_ERR_STATE : GAZE_OK);
      if (over[i]) continue;
      assert_int_equal(g->env->step(alone[i], &act[i], &obs[i], &out), GAZE_OK);
      assert_true(out.reward == r->out.reward && out.reward == r->fact[0].reward);
      assert_int_equal(out.terminated, r->fact[0].terminated);
      assert_int_equal(out.truncated, r->fact[0].truncated);
      over[i] = out.terminated || out.truncated;
      assert_int_equal(r->ended, over[i]);
    }
  }
  for (int i = 0; i < g->rows; i++) g->env->close(&alone[i]);
  gaze_env_batch_close(&b);
  gaze_crew_close(&crew);
  gaze_cfg_close(&cfg);
  free(rgb);
}

static void test_a_row_is_the_environment_alone(void **state) {
  (void)state;
  check_alone(&cups);
  check_alone(&reach);
}

// ---- ended rows ----

static void test_disabled(void **state) {
  (void)state;
  gaze_env_batch *b = open_fake(2, NULL, GAZE_AUTORESET_DISABLED);
  say(b, (const char *[]){"go", "go"}, 2);
  assert_int_equal(gaze_env_batch_at(b, 0)->err, GAZE_ERR_STATE);  // no episode yet
  assert_int_equal(gaze_env_batch_reset(b, (uint64_t[]){3, 4}), GAZE_OK);
  say(b, (const char *[]){"end", "go"}, 2);
  assert_true(gaze_env_batch_at(b, 0)->ended && !gaze_env_batch_at(b, 1)->ended);
  assert_string_equal(gaze_env_batch_at(b, 0)->obs.text, "3:1");
  say(b, (const char *[]){"go", "go"}, 2);
  assert_int_equal(gaze_env_batch_at(b, 0)->err, GAZE_ERR_STATE);
  assert_non_null(strstr(gaze_env_batch_at(b, 0)->why, "reset first"));
  assert_int_equal(gaze_env_batch_at(b, 0)->acts, 0);
  assert_string_equal(gaze_env_batch_at(b, 1)->obs.text, "4:2");
  assert_int_equal(gaze_env_batch_send_reset(b, (int[]){0}, 1, (uint64_t[]){8}), GAZE_OK);
  assert_int_equal(gaze_env_batch_recv(b, 1, (int[2]){0}, 2), 1);
  assert_string_equal(gaze_env_batch_at(b, 0)->obs.text, "8:0");
  assert_string_equal(gaze_env_batch_at(b, 1)->obs.text, "4:2");
  const gaze_env_batch_stats n = gaze_env_batch_count(b);
  assert_true(n.episodes == 3 && n.acts == 3 && n.refused == 3 && n.faults == 0);
  gaze_env_batch_close(&b);
}

static void test_next_step(void **state) {
  (void)state;
  gaze_env_batch *b = open_fake(2, NULL, GAZE_AUTORESET_NEXT_STEP);
  say(b, (const char *[]){"go", "go"}, 2);
  assert_int_equal(gaze_env_batch_at(b, 0)->err, GAZE_ERR_STATE);  // no seed to go on from
  assert_int_equal(gaze_env_batch_reset(b, (uint64_t[]){3, 3}), GAZE_OK);
  say(b, (const char *[]){"end", "go"}, 2);
  assert_true(gaze_env_batch_at(b, 0)->fact[0].terminated);
  assert_string_equal(gaze_env_batch_at(b, 0)->obs.text, "3:1");
  say(b, (const char *[]){"end", "go"}, 2);  // the act of row 0 is ignored
  const gaze_env_batch_row *r = gaze_env_batch_at(b, 0);
  assert_true(r->err == GAZE_OK && r->acts == 0 && r->obs.first && !r->ended);
  assert_true(r->fact[0].reward == 0.0f && !r->fact[0].terminated);
  assert_true(r->seed != 3 && r->seed < 1000000);
  say(b, (const char *[]){"go", "end"}, 2);
  assert_int_equal(gaze_env_batch_at(b, 0)->obs.turn, 1);
  const uint64_t second = gaze_env_batch_at(b, 0)->seed;
  say(b, (const char *[]){"end", "go"}, 2);
  say(b, (const char *[]){"go", "go"}, 2);
  assert_true(gaze_env_batch_at(b, 0)->seed != second);
  assert_true(gaze_env_batch_at(b, 1)->seed != second);  // another row, another episode
  // the same reset, the same episodes
  assert_int_equal(gaze_env_batch_reset(b, (uint64_t[]){3, 3}), GAZE_OK);
  say(b, (const char *[]){"end", "go"}, 2);
  say(b, (const char *[]){"go", "go"}, 2);
  assert_int_equal(gaze_env_batch_at(b, 0)->seed, second);
  gaze_env_batch_close(&b);
}

static void test_same_step(void **state) {
  (void)state;
  gaze_env_batch *b = open_fake(1, NULL, GAZE_AUTORESET_SAME_STEP);
  gaze_act act[4] = {{.text = "go"}, {.text = "end"}, {.text = "go"}, {.text = "go"}};
  int row;
  assert_int_equal(gaze_env_batch_reset(b, (uint64_t[]){3}), GAZE_OK);
  assert_int_equal(gaze_env_batch_send_step(b, NULL, 1, act, 4), GAZE_OK);
  assert_int_equal(gaze_env_batch_recv(b, 1, &row, 1), 1);
  const gaze_env_batch_row *r = gaze_env_batch_at(b, 0);
  assert_true(r->ended && r->acts == 2 && r->obs.first && r->obs.turn == 0);
  assert_string_equal(r->last.text, "3:2");
  assert_true(r->last.last && r->fact[0].reward == 1.0f && r->fact[1].reward == 2.0f);
  assert_true(!r->fact[0].terminated && r->fact[1].terminated);
  assert_true(r->fact[2].reward == 0.0f && !r->fact[2].terminated);
  assert_true(r->out.terminated && r->out.reward == 2.0f);
  assert_true(r->seed != 3);
  gaze_env_batch_close(&b);
}

// the last look of an episode is that of a batch that does not begin another
static void test_same_step_keeps_the_end(void **state) {
  (void)state;
  static const char *const short_arm[] = {"image_size=56", "reach.steps=2", "oracle=true", NULL};
  const game g = {&gaze_env_reach, short_arm, 1, 1, 2};
  gaze_cfg *cfg = settings_of(&g);
  gaze_buf seen[2] = {GAZE_BUF_INIT, GAZE_BUF_INIT};
  double goal[2] = {0, 1};
  for (int k = 0; k < 2; k++) {
    gaze_env_batch *b = NULL;
    gaze_env_batch_options o = {
        .env = g.env,
        .cfg = cfg,
        .n = 1,
        .autoreset = k ? GAZE_AUTORESET_SAME_STEP : GAZE_AUTORESET_DISABLED};
    static uint8_t rgb[PIXELS];
    float chunk[2][GAZE_REACH_DIMS];
    char text[2][32];
    gaze_act act[2];
    int row;
    for (int i = 0; i < 2; i++) act[i] = choose(&g, i, 0, chunk[i], text[i]);
    assert_int_equal(gaze_env_batch_open(&b, &o), GAZE_OK);
    assert_int_equal(gaze_env_batch_show(b, &(gaze_env_batch_view){.rgb = rgb}), GAZE_OK);
    assert_int_equal(gaze_env_batch_reset(b, (uint64_t[]){5}), GAZE_OK);
    assert_int_equal(gaze_env_batch_send_step(b, NULL, 1, act, 2), GAZE_OK);
    assert_int_equal(gaze_env_batch_recv(b, 1, &row, 1), 1);
    const gaze_obs *end = k ? &gaze_env_batch_at(b, 0)->last : &gaze_env_batch_at(b, 0)->obs;
    assert_true(end->last && end->images == 1 && end->robot && end->truth);
    goal[k] = (double)end->truth->to_goal[0];
    note_obs(&seen[k], end);
    gaze_env_batch_close(&b);
  }
  assert_int_equal(seen[0].len, seen[1].len);
  assert_memory_equal(seen[0].data, seen[1].data, seen[0].len);
  assert_true(goal[0] == goal[1]);
  gaze_buf_fini(&seen[0]), gaze_buf_fini(&seen[1]);
  gaze_cfg_close(&cfg);
}

// ---- errors ----

static void test_errors_stay_in_their_row(void **state) {
  (void)state;
  for (int threads = 0; threads < 3; threads++) {
    gaze_crew *crew = NULL;
    if (threads) assert_int_equal(gaze_crew_open(&crew, threads, 4), GAZE_OK);
    gaze_env_batch *b = open_fake(4, crew, GAZE_AUTORESET_DISABLED);
    assert_int_equal(gaze_env_batch_reset(b, (uint64_t[]){1, 2, 100, 4}), GAZE_OK);
    assert_int_equal(gaze_env_batch_at(b, 2)->err, GAZE_ERR_NOTFOUND);
    assert_string_equal(gaze_env_batch_at(b, 2)->why, "fake: no such episode");
    say(b, (const char *[]){NULL, "break", "go", "nan"}, 4);
    const gaze_env_batch_row *r = gaze_env_batch_at(b, 0);
    assert_true(r->err == GAZE_ERR_ARG && r->acts == 0 && !r->ended);
    assert_string_equal(r->why, "fake: expected text");
    r = gaze_env_batch_at(b, 1);
    assert_true(r->err == GAZE_ERR_DEVICE && r->acts == 1 && r->ended && r->fact[0].truncated);
    assert_true(r->out.truncated && r->obs.last && r->obs.images == 0);
    assert_string_equal(r->out.status, "fault");
    assert_int_equal(gaze_env_batch_at(b, 2)->err, GAZE_ERR_STATE);
    assert_true(gaze_env_batch_at(b, 3)->err == GAZE_OK && gaze_env_batch_at(b, 3)->ended);
    say(b, (const char *[]){"go", "go", "go", "go"}, 4);
    assert_string_equal(gaze_env_batch_at(b, 0)->obs.text, "1:1");  // a refused act changed nothing
    assert_int_equal(gaze_env_batch_at(b, 1)->err, GAZE_ERR_STATE);
    const gaze_env_batch_stats n = gaze_env_batch_count(b);
    assert_true(n.faults == 2 && n.refused == 5 && n.acts == 3 && n.episodes == 3);
    gaze_env_batch_close(&b);
    gaze_crew_close(&crew);
  }
}

static void test_lost_episodes_are_followed_by_others(void **state) {
  (void)state;
  gaze_env_batch *b = open_fake(2, NULL, GAZE_AUTORESET_SAME_STEP);
  assert_int_equal(gaze_env_batch_reset(b, (uint64_t[]){1, 2}), GAZE_OK);
  say(b, (const char *[]){"break", "go"}, 2);
  const gaze_env_batch_row *r = gaze_env_batch_at(b, 0);
  assert_true(r->err == GAZE_ERR_DEVICE && r->ended && r->fact[0].truncated);
  assert_true(r->obs.first && r->last.last);
  say(b, (const char *[]){"go", "go"}, 2);
  assert_true(gaze_env_batch_at(b, 0)->err == GAZE_OK && gaze_env_batch_at(b, 0)->obs.turn == 1);
  assert_int_equal(gaze_env_batch_at(b, 1)->obs.turn, 2);
  assert_int_equal(gaze_env_batch_count(b).faults, 1);
  gaze_env_batch_close(&b);
}

static void test_limits(void **state) {
  (void)state;
  gaze_env_batch *b = NULL;
  gaze_env_batch_options o = {.env = &fake_env, .n = 0};
  assert_int_equal(gaze_env_batch_open(&b, &o), GAZE_ERR_ARG);
  o.n = GAZE_ENV_BATCH_MAX + 1;
  assert_int_equal(gaze_env_batch_open(&b, &o), GAZE_ERR_ARG);
  assert_null(b);
  b = open_fake(2, NULL, GAZE_AUTORESET_DISABLED);
  const uint64_t seed[3] = {0};
  const gaze_act act[3] = {{.text = "go"}, {.text = "go"}, {.text = "go"}};
  static const int bad[][2] = {{0, 0}, {0, 2}, {-1, 0}};
  for (int i = 0; i < 3; i++) {
    assert_int_equal(gaze_env_batch_send_reset(b, bad[i], 2, seed), GAZE_ERR_ARG);
    assert_int_equal(gaze_env_batch_send_step(b, bad[i], 2, act, 1), GAZE_ERR_ARG);
  }
  assert_int_equal(gaze_env_batch_send_reset(b, NULL, 3, seed), GAZE_ERR_ARG);
  assert_int_equal(gaze_env_batch_send_reset(b, NULL, 0, seed), GAZE_ERR_ARG);
  assert_int_equal(gaze_env_batch_send_step(b, NULL, 2, act, 0), GAZE_ERR_ARG);
  assert_int_equal(gaze_env_batch_recv(b, 1, (int[1]){0}, 1), 0);  // nothing is in work
  static uint8_t rgb[1];
  assert_int_equal(gaze_env_batch_show(b, &(gaze_env_batch_view){.rgb = rgb}),
                   GAZE_ERR_UNSUPPORTED);
  assert_int_equal(gaze_env_batch_reset(b, seed), GAZE_OK);  // and the rows are free
  gaze_env_batch_close(&b);
  gaze_env_batch_close(&b);
}

// ---- the first rows ready ----

static void on_done(void *ctx) {
  ++*(int *)ctx;
}

static void test_first_ready(void **state) {
  (void)state;
  gaze_crew *crew = NULL;
  gaze_env_batch *b = NULL;
  int done = 0, row[3];
  assert_int_equal(gaze_crew_open(&crew, 3, 3), GAZE_OK);
  gaze_env_batch_options o = {
      .env = &fake_env, .n = 3, .crew = crew, .done = on_done, .ctx = &done};
  assert_int_equal(gaze_env_batch_open(&b, &o), GAZE_OK);
  assert_int_equal(gaze_env_batch_reset(b, (uint64_t[]){1, 2, 3}), GAZE_OK);
  assert_int_equal(done, 1);
  const gaze_act act[3] = {{.text = "sleep900"}, {.text = "go"}, {.text = "sleep20"}};
  assert_int_equal(gaze_env_batch_send_step(b, NULL, 3, act, 1), GAZE_OK);
  assert_int_equal(gaze_env_batch_recv(b, 2, row, 3), 2);  // the slow one is not waited for
  assert_true(row[0] == 1 && row[1] == 2);
  assert_int_equal(gaze_env_batch_pending(b), 1);
  // the two go on meanwhile; the third is in work
  assert_int_equal(gaze_env_batch_send_step(b, NULL, 3, act, 1), GAZE_ERR_ARG);
  assert_int_equal(gaze_env_batch_send_step(b, (int[]){2, 1}, 2, act + 1, 1), GAZE_OK);
  assert_int_equal(gaze_env_batch_recv(b, 1, row, 1), 1);
  assert_int_equal(row[0], 2);
  assert_int_equal(gaze_env_batch_recv(b, 2, row, 3), 2);
  assert_true(row[0] == 1 && row[1] == 0);
  assert_string_equal(gaze_env_batch_at(b, 0)->obs.text, "1:1");
  assert_string_equal(gaze_env_batch_at(b, 1)->obs.text, "2:2");
  assert_int_equal(done, 2);
  // rows in work are waited for
  assert_int_equal(gaze_env_batch_send_step(b, NULL, 3, act, 1), GAZE_OK);
  gaze_env_batch_close(&b);
  assert_int_equal(done, 3);
  gaze_crew_close(&crew);
}

// ---- pictures ----

static void test_pictures_when_asked(void **state) {
  (void)state;
  gaze_cfg *cfg = settings_of(&cups);
  gaze_env_batch *b = NULL;
  gaze_env_batch_options o = {.env = &gaze_env_tutorial, .cfg = cfg, .n = 2};
  static uint8_t rgb[2 * PIXELS];
  static float patches[2 * PATCHES], want[PATCHES];
  gaze_env_batch_view v = {.rgb = rgb,
                           .patches = patches,
                           .form = {.patch = 14, .merge = 2, .std = {1, 1, 1}},
                           .ask = true};
  assert_int_equal(gaze_env_batch_open(&b, &o), GAZE_OK);
  memset(rgb, 9, sizeof rgb);
  assert_int_equal(gaze_env_batch_show(b, &v), GAZE_OK);
  assert_int_equal(gaze_env_batch_reset(b, (uint64_t[]){1, 2}), GAZE_OK);
  assert_int_equal(gaze_env_batch_at(b, 0)->obs.images, 1);
  assert_null(gaze_env_batch_at(b, 0)->obs.image[0].rgb);
  for (size_t i = 0; i < sizeof rgb; i++) assert_int_equal(rgb[i], 9);
  assert_int_equal(gaze_env_batch_send_render(b, (int[]){1}, 1), GAZE_OK);
  assert_int_equal(gaze_env_batch_recv(b, 1, (int[1]){0}, 1), 1);
  assert_ptr_equal(gaze_env_batch_at(b, 1)->obs.image[0].rgb, rgb + PIXELS);
  assert_true(rgb[0] == 9 && rgb[PIXELS] == 180);  // the table
  assert_true(gaze_env_batch_at(b, 1)->obs.text != NULL);
  // patches are the op's
  gaze_exec *ex = NULL;
  assert_int_equal(gaze_exec_open_cpu(&ex, 1), GAZE_OK);
  gaze_patchify a = v.form;
  a.y = want, a.rgb = rgb + PIXELS, a.h = a.w = SIDE;
  assert_int_equal(gaze_ops_cpu.patchify(ex, &a), GAZE_OK);
  gaze_exec_close(&ex);
  assert_memory_equal(patches + PATCHES, want, sizeof want);
  assert_true(patches[0] == 0.0f);
  v.form.merge = 3;  // 42 does not divide 56
  assert_int_equal(gaze_env_batch_show(b, &v), GAZE_ERR_ARG);
  gaze_env_batch_close(&b);
  gaze_cfg_close(&cfg);
}

static void test_splits(void **state) {
  (void)state;
  const gaze_split *s = NULL;
  gaze_cfg *c = NULL;
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  assert_int_equal(gaze_split_read(c, &s), GAZE_OK);
  assert_string_equal(s->name, "train");
  assert_int_equal(gaze_cfg_set(c, "split=val"), GAZE_OK);
  gaze_env_batch *b = NULL;
  gaze_env_batch_options o = {
      .env = &fake_env, .cfg = c, .n = 1, .autoreset = GAZE_AUTORESET_SAME_STEP};
  assert_int_equal(gaze_env_batch_open(&b, &o), GAZE_OK);
  assert_int_equal(gaze_env_batch_reset(b, (uint64_t[]){1000000}), GAZE_OK);
  for (int k = 0; k < 200; k++) {
    say(b, (const char *[]){"end"}, 1);
    const uint64_t seed = gaze_env_batch_at(b, 0)->seed;
    assert_true(seed >= 1000000 && seed < 2000000);
  }
  gaze_env_batch_close(&b);
  assert_int_equal(gaze_cfg_set(c, "split=all"), GAZE_OK);
  assert_int_equal(gaze_env_batch_open(&b, &o), GAZE_ERR_ARG);
  assert_non_null(strstr(gaze_err_detail(), "train, val, test, layouts, cogent, light"));
  gaze_cfg_close(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_any_number_of_threads),
      cmocka_unit_test(test_any_number_of_threads_with_physics),
      cmocka_unit_test(test_a_row_is_the_environment_alone),
      cmocka_unit_test(test_disabled),
      cmocka_unit_test(test_next_step),
      cmocka_unit_test(test_same_step),
      cmocka_unit_test(test_same_step_keeps_the_end),
      cmocka_unit_test(test_errors_stay_in_their_row),
      cmocka_unit_test(test_lost_episodes_are_followed_by_others),
      cmocka_unit_test(test_limits),
      cmocka_unit_test(test_first_ready),
      cmocka_unit_test(test_pictures_when_asked),
      cmocka_unit_test(test_splits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
