// tests/nn/test_session.c - append, rewind and fork leave the same state whatever way led there.
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka after the headers it needs
#include <cmocka.h>
#include "fixture_golden.h"

// everything a test needs of tiny-a/two_images
typedef struct scene {
  gaze_model *m;
  gaze_exec *ex;
  cJSON *root;
  fx_case c;
  size_t vocab;
  int first_end, second_begin;  // end of the first image, begin of the second
} scene;

static scene scene_open(gaze_dtype weights) {
  scene s = {.m = fx_model("tiny-a", weights), .ex = fx_exec(2), .root = fx_cases("tiny-a")};
  s.c = fx_case_open("tiny-a", gaze_json_get(gaze_json_get(s.root, "cases"), "two_images"));
  s.vocab = (size_t)gaze_model_cfg(s.m)->vocab;
  int img = gaze_model_cfg(s.m)->image_token, i = 0;
  while (s.c.ids[i] != img) i++;
  s.first_end = i + 16;
  for (i = s.first_end; s.c.ids[i] != img;) i++;
  s.second_begin = i;
  return s;
}

static void scene_close(scene *s) {
  fx_case_close(&s->c);
  cJSON_Delete(s->root);
  gaze_model_close(&s->m);
  gaze_exec_close(&s->ex);
}

static gaze_session *open_at_once(const scene *s, int max) {
  gaze_session *a = NULL;
  fx_ok(gaze_session_open(&a, s->m, s->ex, max));
  fx_ok(gaze_session_append(a, s->c.ids, s->c.n, s->c.images, s->c.n_images));
  return a;
}

// greedy continuation, by hand
static void continue_by(gaze_session *s, size_t vocab, int *out, int n) {
  for (int i = 0; i < n; i++) {
    const float *x = gaze_session_logits(s);
    int best = 0;
    for (size_t k = 1; k < vocab; k++) best = x[k] > x[best] ? (int)k : best;
    out[i] = best;
    fx_ok(gaze_session_append(s, &best, 1, NULL, 0));
  }
}

static void same_future(gaze_session *a, gaze_session *b, size_t vocab, float limit) {
  int ia[12], ib[12];
  assert_int_equal(gaze_session_length(a), gaze_session_length(b));
  assert_true(fx_max_diff(gaze_session_logits(a), gaze_session_logits(b), vocab) <= limit);
  continue_by(a, vocab, ia, 12);
  continue_by(b, vocab, ib, 12);
  assert_memory_equal(ia, ib, sizeof ia);
  assert_true(fx_max_diff(gaze_session_logits(a), gaze_session_logits(b), vocab) <= limit);
  assert_memory_equal(gaze_session_ids(a), gaze_session_ids(b),
                      (size_t)gaze_session_length(a) * sizeof(int));
}

static void pieces(void **state) {
  (void)state;
  scene s = scene_open(GAZE_F32);
  const int *ids = s.c.ids;
  gaze_session *a = open_at_once(&s, 256), *b = NULL, *d = NULL;
  // text and first image, text between, second image and text
  fx_ok(gaze_session_open(&b, s.m, s.ex, 200));
  fx_ok(gaze_session_append(b, ids, s.first_end, s.c.images, 1));
  int between = s.second_begin - s.first_end;
  fx_ok(gaze_session_append(b, ids + s.first_end, between, NULL, 0));
  fx_ok(gaze_session_append(b, ids + s.second_begin, s.c.n - s.second_begin, s.c.images + 1, 1));
  // one token at a time where that is possible
  fx_ok(gaze_session_open(&d, s.m, s.ex, s.c.n + 12));
  for (int i = 0; i < s.c.n;) {
    int image = ids[i] == gaze_model_cfg(s.m)->image_token;
    int n = !image ? 1 : i < s.first_end ? 16 : 7;
    fx_ok(gaze_session_append(d, ids + i, n, image ? &s.c.images[i > s.first_end] : NULL, image));
    i += n;
  }
  gaze_session *a2 = NULL;
  fx_ok(gaze_session_fork(&a2, a));
  same_future(a, b, s.vocab, 1e-5f);
  same_future(a2, d, s.vocab, 2e-5f);
  gaze_session_close(&a);
  gaze_session_close(&a2);
  gaze_session_close(&b);
  gaze_session_close(&d);
  scene_close(&s);
}

// more tokens than are computed at once
static void long_append(void **state) {
  (void)state;
  scene s = scene_open(GAZE_F32);
  enum { N = 1200 };
  int *ids = malloc(N * sizeof *ids);
  float *all = malloc(N * s.vocab * sizeof *all);
  gaze_session *a = NULL, *b = NULL, *d = NULL;
  memcpy(ids, s.c.ids, (size_t)s.c.n * sizeof *ids);
  for (int i = s.c.n; i < N; i++) ids[i] = 40 + i * 7 % 300;
  // an image behind the first piece as well
  memcpy(ids + 600, s.c.ids, (size_t)s.c.n * sizeof *ids);
  gaze_image images[4] = {s.c.images[0], s.c.images[1], s.c.images[0], s.c.images[1]};
  fx_ok(gaze_session_open(&a, s.m, s.ex, N + 12));
  fx_ok(gaze_session_open(&b, s.m, s.ex, N + 12));
  fx_ok(gaze_session_open(&d, s.m, s.ex, N + 12));
  fx_ok(gaze_session_append(a, ids, N, images, 4));
  fx_ok(gaze_session_append(b, ids, 300, images, 2));
  fx_ok(gaze_session_append(b, ids + 300, 450, images + 2, 2));
  fx_ok(gaze_session_append(b, ids + 750, N - 750, NULL, 0));
  fx_ok(gaze_session_score(d, ids, N, images, 4, all));
  assert_true(fx_max_diff(gaze_session_logits(d), gaze_session_logits(a), s.vocab) <= 1e-5f);
  assert_true(fx_max_diff(all + (N - 1) * s.vocab, gaze_session_logits(a), s.vocab) <= 1e-5f);
  same_future(a, b, s.vocab, 2e-5f);
  fx_ok(gaze_session_rewind(d, 0));
  fx_ok(gaze_session_append(d, ids, 300, images, 2));
  assert_true(fx_max_diff(all + 299 * s.vocab, gaze_session_logits(d), s.vocab) <= 1e-5f);
  gaze_session_close(&a);
  gaze_session_close(&b);
  gaze_session_close(&d);
  free(all);
  free(ids);
  scene_close(&s);
}

static void forked(void **state) {
  (void)state;
  scene s = scene_open(GAZE_F32);
  gaze_session *a = open_at_once(&s, 256), *b = NULL, *d = NULL;
  fx_ok(gaze_session_fork(&b, a));
  assert_memory_equal(gaze_session_logits(a), gaze_session_logits(b), s.vocab * sizeof(float));
  // the parent goes elsewhere, the child does not notice
  const int other[] = {60, 61, 62};
  fx_ok(gaze_session_append(a, other, 3, NULL, 0));
  fx_ok(gaze_session_rewind(a, s.c.n - 5));
  fx_ok(gaze_session_append(a, other, 3, NULL, 0));
  d = open_at_once(&s, 256);
  same_future(b, d, s.vocab, 0.0f);
  gaze_session_close(&a);
  gaze_session_close(&b);
  gaze_session_close(&d);
  scene_close(&s);
}

static void rewound(void **state) {
  (void)state;
  scene s = scene_open(GAZE_F32);
  gaze_session *a = open_at_once(&s, 256), *b = open_at_once(&s, 256);
  int from = s.second_begin;
  // behind the first image the position is not the token count, and has to come back
  fx_ok(gaze_session_rewind(a, from));
  assert_int_equal(gaze_session_length(a), from);
  gaze_sampling p = {.top_p = 1, .repetition_penalty = 1, .max_new = 1};
  gaze_generated g;
  assert_int_equal(gaze_session_generate(a, &p, NULL, NULL, NULL, &g), GAZE_ERR_STATE);
  fx_ok(gaze_session_append(a, s.c.ids + from, s.c.n - from, s.c.images + 1, 1));
  same_future(a, b, s.vocab, 1e-5f);
  fx_ok(gaze_session_rewind(a, 0));
  fx_ok(gaze_session_append(a, s.c.ids, s.c.n, s.c.images, 2));
  fx_ok(gaze_session_rewind(b, s.c.n));
  continue_by(b, s.vocab, (int[2]){0}, 2);
  fx_ok(gaze_session_rewind(b, s.c.n - 1));
  fx_ok(gaze_session_append(b, s.c.ids + s.c.n - 1, 1, NULL, 0));
  same_future(a, b, s.vocab, 1e-5f);
  assert_int_equal(gaze_session_rewind(a, 1000), GAZE_ERR_RANGE);
  assert_int_equal(gaze_session_rewind(a, -1), GAZE_ERR_RANGE);
  gaze_session_close(&a);
  gaze_session_close(&b);
  scene_close(&s);
}

static void overflow(void **state) {
  (void)state;
  scene s = scene_open(GAZE_F32);
  gaze_session *a = open_at_once(&s, s.c.n + 2), *b = NULL;
  float *before = malloc(s.vocab * sizeof *before);
  memcpy(before, gaze_session_logits(a), s.vocab * sizeof *before);
  const int more[] = {1, 2, 3};
  assert_int_equal(gaze_session_append(a, more, 3, NULL, 0), GAZE_ERR_RANGE);
  assert_int_equal(gaze_session_append(a, s.c.ids, s.c.n, s.c.images, 2), GAZE_ERR_RANGE);
  // and everything else that is refused
  const int bad[] = {1, 608}, negative[] = {-1}, img[] = {gaze_model_cfg(s.m)->image_token};
  assert_int_equal(gaze_session_append(a, bad, 2, NULL, 0), GAZE_ERR_ARG);
  assert_int_equal(gaze_session_append(a, negative, 1, NULL, 0), GAZE_ERR_ARG);
  assert_int_equal(gaze_session_append(a, img, 1, NULL, 0), GAZE_ERR_ARG);
  assert_int_equal(gaze_session_append(a, more, 1, s.c.images, 1), GAZE_ERR_ARG);
  assert_int_equal(gaze_session_append(a, img, 1, s.c.images, 1), GAZE_ERR_ARG);
  gaze_image empty = {.w = 28, .h = 28};
  assert_int_equal(gaze_session_append(a, img, 1, &empty, 1), GAZE_ERR_ARG);
  gaze_image narrow = {.rgb = s.c.images[0].rgb, .w = 1, .h = 500};
  assert_int_equal(gaze_session_append(a, img, 1, &narrow, 1), GAZE_ERR_RANGE);
  assert_int_equal(gaze_session_append(a, NULL, 1, NULL, 0), GAZE_ERR_ARG);
  fx_ok(gaze_session_append(a, NULL, 0, NULL, 0));
  assert_int_equal(gaze_session_length(a), s.c.n);
  assert_memory_equal(gaze_session_logits(a), before, s.vocab * sizeof *before);
  assert_memory_equal(gaze_session_ids(a), s.c.ids, (size_t)s.c.n * sizeof(int));
  fx_ok(gaze_session_append(a, more, 2, NULL, 0));
  assert_int_equal(gaze_session_append(a, more, 1, NULL, 0), GAZE_ERR_RANGE);
  assert_int_equal(gaze_session_open(&b, s.m, s.ex, 4097), GAZE_ERR_RANGE);
  assert_int_equal(gaze_session_open(&b, s.m, s.ex, 0), GAZE_ERR_RANGE);
  assert_null(b);
  gaze_session_close(&a);
  free(before);
  scene_close(&s);
}

static void threads(void **state) {
  (void)state;
  const gaze_dtype types[] = {GAZE_F32, GAZE_BF16, GAZE_I8};
  for (int t = 0; t < 3; t++) {
    scene s = scene_open(types[t]);
    size_t n = (size_t)s.c.n * s.vocab;
    float *first = malloc(n * sizeof *first), *out = malloc(n * sizeof *out);
    int want[12], got[12];
    for (int workers = 1; workers <= 3; workers++) {
      gaze_exec *ex = fx_exec(workers);
      gaze_session *a = NULL;
      fx_ok(gaze_session_open(&a, s.m, ex, 256));
      fx_ok(gaze_session_score(a, s.c.ids, s.c.n, s.c.images, 2, workers == 1 ? first : out));
      if (workers > 1) assert_memory_equal(first, out, n * sizeof *out);
      continue_by(a, s.vocab, workers == 1 ? want : got, 12);
      if (workers > 1) assert_memory_equal(want, got, sizeof want);
      gaze_session_close(&a);
      gaze_exec_close(&ex);
    }
    free(first);
    free(out);
    scene_close(&s);
  }
}

// an image of more patches than a session has room for at first
static void large_image(void **state) {
  (void)state;
  scene s = scene_open(GAZE_F32);
  enum { SIDE = 560 };  // 20 x 20 cells, 1600 patches
  uint8_t *rgb = malloc(SIDE * SIDE * 3);
  for (int i = 0; i < SIDE * SIDE * 3; i++) rgb[i] = (uint8_t)(i * 37 % 251);
  gaze_image image = {.rgb = rgb, .w = SIDE, .h = SIDE};
  int ids[402], img = gaze_model_cfg(s.m)->image_token;
  for (int i = 0; i < 402; i++) ids[i] = i == 0 || i == 401 ? 50 : img;
  gaze_session *a = NULL;
  fx_ok(gaze_session_open(&a, s.m, s.ex, 600));
  fx_ok(gaze_session_append(a, ids, 402, &image, 1));
  fx_ok(gaze_session_append(a, s.c.ids, s.c.n, s.c.images, 2));
  for (size_t i = 0; i < s.vocab; i++) assert_true(isfinite(gaze_session_logits(a)[i]));
  gaze_session_close(&a);
  free(rgb);
  scene_close(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pieces),      cmocka_unit_test(long_append), cmocka_unit_test(forked),
      cmocka_unit_test(rewound),     cmocka_unit_test(overflow),    cmocka_unit_test(threads),
      cmocka_unit_test(large_image),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
