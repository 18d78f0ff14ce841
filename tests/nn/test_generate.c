// tests/nn/test_generate.c - the decode loop: masks, stop strings, streaming, seeds, ends.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka after the headers it needs
#include <cmocka.h>
#include "core/utf8.h"
#include "fixture_golden.h"

typedef struct fixture {
  gaze_model *m;
  gaze_exec *ex;
  gaze_session *s;
  int byte[256];  // id of the token that is this one byte
} fixture;

static const int PROMPT[] = {10, 20, 30, 40, 50};

static fixture open_fixture(void) {
  fixture f = {.m = fx_model("tiny-a", GAZE_F32), .ex = fx_exec(1)};
  const gaze_tokenizer *t = gaze_model_tokenizer(f.m);
  for (int id = 0; id < gaze_tokenizer_size(t); id++) {
    size_t n;
    const char *bytes = gaze_tokenizer_bytes(t, id, &n);
    if (bytes && n == 1 && !gaze_tokenizer_is_special(t, id)) f.byte[(unsigned char)bytes[0]] = id;
  }
  fx_ok(gaze_session_open(&f.s, f.m, f.ex, 128));
  fx_ok(gaze_session_append(f.s, PROMPT, 5, NULL, 0));
  return f;
}

static void close_fixture(fixture *f) {
  gaze_session_close(&f->s);
  gaze_model_close(&f->m);
  gaze_exec_close(&f->ex);
}

static void restart(fixture *f) {
  fx_ok(gaze_session_rewind(f->s, 0));
  fx_ok(gaze_session_append(f->s, PROMPT, 5, NULL, 0));
}

static gaze_sampling greedy(int max_new) {
  return (gaze_sampling){.top_p = 1, .repetition_penalty = 1, .max_new = max_new};
}

// makes the model say exactly these bytes, one token each, then the end token
typedef struct script {
  const fixture *f;
  const char *text;
  gaze_buf heard;
  int pieces;
  size_t refuse_after;  // bytes after which the receiver stops; 0 = never
} script;

static bool say(void *ctx, const int *ids, int n, uint32_t *bits) {
  script *s = ctx;
  size_t len = strlen(s->text);
  int id = (size_t)n < len ? s->f->byte[(unsigned char)s->text[n]] : gaze_model_cfg(s->f->m)->eos;
  for (int i = 0; i < n && (size_t)i < len; i++) {
    assert_int_equal(ids[i], s->f->byte[(unsigned char)s->text[i]]);
  }
  bits[id / 32] |= 1u << (id % 32);
  return true;
}

static bool hear(void *ctx, const char *text, size_t n) {
  script *s = ctx;
  assert_true(n > 0);
  assert_true(gaze_utf8_valid(text, n));
  gaze_buf_add(&s->heard, text, n);
  s->pieces++;
  return s->refuse_after == 0 || s->heard.len < s->refuse_after;
}

static gaze_generated play(fixture *f, script *s, const char *text, const char *const *stop,
                           int max_new) {
  gaze_generated g;
  gaze_sampling p = greedy(max_new);
  p.stop = stop;
  s->f = f;
  s->text = text;
  s->pieces = 0;
  gaze_buf_clear(&s->heard);
  restart(f);
  fx_ok(gaze_session_generate(f->s, &p, hear, say, s, &g));
  return g;
}

static void masked(void **state) {
  (void)state;
  fixture f = open_fixture();
  script s = {0};
  gaze_generated g = play(&f, &s, "left 3", NULL, 50);
  assert_string_equal(gaze_buf_text(&s.heard), "left 3");
  assert_int_equal(g.ids.n, 7);
  assert_true(g.ended);
  assert_int_equal(g.ids.v[6], gaze_model_cfg(f.m)->eos);
  assert_int_equal(gaze_session_length(f.s), 12);
  assert_memory_equal(gaze_session_ids(f.s) + 5, g.ids.v, 7 * sizeof(int));
  for (int i = 0; i < 7; i++) assert_true(fabsf(g.logp[i]) < 1e-6f);  // the only allowed token
  gaze_generated_fini(&g);
  assert_null(g.ids.v);
  gaze_buf_fini(&s.heard);
  close_fixture(&f);
}

static void whole_characters(void **state) {
  (void)state;
  fixture f = open_fixture();
  script s = {0};
  gaze_generated g = play(&f, &s, "a\xC3\xA9\xE2\x9C\x85z\xF0\x9F\xA4\x96", NULL, 50);
  assert_string_equal(gaze_buf_text(&s.heard), "a\xC3\xA9\xE2\x9C\x85z\xF0\x9F\xA4\x96");
  assert_int_equal(s.pieces, 5);
  gaze_generated_fini(&g);
  // cut in the middle of a character: nothing of it is heard until the end replaces it
  g = play(&f, &s, "a\xE2\x9C\x85", NULL, 3);
  assert_string_equal(gaze_buf_text(&s.heard), "a\xEF\xBF\xBD");
  assert_int_equal(g.ids.n, 3);
  assert_false(g.ended);
  gaze_generated_fini(&g);
  // invalid bytes, as the tokenizer decodes them
  g = play(&f, &s, "\xC3(\x80\xE2\x28\xED\xA0\x80\xF0\x9F(x", NULL, 50);
  gaze_buf want = GAZE_BUF_INIT;
  fx_ok(gaze_tokenizer_decode(gaze_model_tokenizer(f.m), g.ids.v, g.ids.n, true, &want));
  assert_string_equal(gaze_buf_text(&s.heard), gaze_buf_text(&want));
  gaze_generated_fini(&g);
  gaze_buf_fini(&want);
  gaze_buf_fini(&s.heard);
  close_fixture(&f);
}

static void stop_strings(void **state) {
  (void)state;
  fixture f = open_fixture();
  script s = {0};
  const char *const stop[] = {"</act>", "STOP", NULL};
  gaze_generated g = play(&f, &s, "go STORE STOP more", stop, 50);
  // the text before the stop string is heard, a beginning that leads nowhere too
  assert_string_equal(gaze_buf_text(&s.heard), "go STORE ");
  assert_int_equal(g.ids.n, 13);
  assert_true(g.ended);
  gaze_generated_fini(&g);
  g = play(&f, &s, "x <</act>y", stop, 50);
  assert_string_equal(gaze_buf_text(&s.heard), "x <");
  assert_true(g.ended);
  gaze_generated_fini(&g);
  // the end comes while text is held back
  g = play(&f, &s, "a STO", stop, 50);
  assert_string_equal(gaze_buf_text(&s.heard), "a STO");
  assert_int_equal(g.ids.n, 6);
  gaze_generated_fini(&g);
  gaze_buf_fini(&s.heard);
  close_fixture(&f);
}

static void receiver_stops(void **state) {
  (void)state;
  fixture f = open_fixture();
  script s = {.refuse_after = 4};
  gaze_generated g = play(&f, &s, "abcdefgh", NULL, 50);
  assert_string_equal(gaze_buf_text(&s.heard), "abcd");
  assert_int_equal(g.ids.n, 4);
  assert_false(g.ended);
  gaze_generated_fini(&g);
  gaze_buf_fini(&s.heard);
  close_fixture(&f);
}

// whatever the model says, the pieces together are the decoded text
static void streamed_is_decoded(void **state) {
  (void)state;
  fixture f = open_fixture();
  script s = {.f = &f};
  for (uint64_t seed = 0; seed < 20; seed++) {
    gaze_sampling p = greedy(40);
    gaze_generated g;
    gaze_buf want = GAZE_BUF_INIT;
    p.temperature = 1.5f;
    p.seed = seed;
    restart(&f);
    gaze_buf_clear(&s.heard);
    fx_ok(gaze_session_generate(f.s, &p, hear, NULL, &s, &g));
    fx_ok(gaze_tokenizer_decode(gaze_model_tokenizer(f.m), g.ids.v, g.ids.n, true, &want));
    assert_string_equal(gaze_buf_text(&s.heard), gaze_buf_text(&want));
    gaze_buf_fini(&want);
    gaze_generated_fini(&g);
  }
  gaze_buf_fini(&s.heard);
  close_fixture(&f);
}

static gaze_generated sample(fixture *f, uint64_t seed, float temperature) {
  gaze_generated g;
  gaze_sampling p = greedy(30);
  p.temperature = temperature;
  p.top_k = 50;
  p.top_p = 0.95f;
  p.seed = seed;
  restart(f);
  fx_ok(gaze_session_generate(f->s, &p, NULL, NULL, NULL, &g));
  return g;
}

static void seeded(void **state) {
  (void)state;
  fixture f = open_fixture();
  gaze_generated a = sample(&f, 7, 1.0f), b = sample(&f, 7, 1.0f), c = sample(&f, 8, 1.0f);
  assert_int_equal(a.ids.n, b.ids.n);
  assert_memory_equal(a.ids.v, b.ids.v, (size_t)a.ids.n * sizeof(int));
  assert_memory_equal(a.logp, b.logp, (size_t)a.ids.n * sizeof(float));
  bool same = a.ids.n == c.ids.n;
  same = same && memcmp(a.ids.v, c.ids.v, (size_t)a.ids.n * sizeof(int)) == 0;
  assert_false(same);
  for (int i = 0; i < a.ids.n; i++) assert_true(isfinite(a.logp[i]) && a.logp[i] <= 0);
  assert_true(a.decode_ns > 0);
  gaze_generated_fini(&a);
  gaze_generated_fini(&b);
  gaze_generated_fini(&c);
  close_fixture(&f);
}

static bool anything_but_end(void *ctx, const int *ids, int n, uint32_t *bits) {
  const fixture *f = ctx;
  const gaze_model_config *c = gaze_model_cfg(f->m);
  (void)ids;
  (void)n;
  for (int id = 0; id < c->vocab; id++) {
    if (id != c->eos && id != c->image_token) bits[id / 32] |= 1u << (id % 32);
  }
  return true;
}

// a full session ends the generation without an error
static void room_runs_out(void **state) {
  (void)state;
  fixture f = open_fixture();
  gaze_generated g;
  gaze_sampling p = greedy(1000);
  fx_ok(gaze_session_generate(f.s, &p, NULL, anything_but_end, &f, &g));
  assert_int_equal(g.ids.n, 123);
  assert_false(g.ended);
  assert_int_equal(gaze_session_length(f.s), 128);
  gaze_generated_fini(&g);
  close_fixture(&f);
}

static bool only_image(void *ctx, const int *ids, int n, uint32_t *bits) {
  const fixture *f = ctx;
  int image = gaze_model_cfg(f->m)->image_token;
  (void)ids;
  (void)n;
  bits[image / 32] |= 1u << (image % 32);
  return true;
}

static void nothing_to_say(void **state) {
  (void)state;
  fixture f = open_fixture();
  gaze_generated g;
  gaze_sampling p = greedy(3);
  assert_true(gaze_session_generate(f.s, &p, NULL, only_image, &f, &g) != GAZE_OK);
  assert_null(g.ids.v);
  assert_int_equal(gaze_session_length(f.s), 5);
  close_fixture(&f);
}

static void refused(void **state) {
  (void)state;
  fixture f = open_fixture();
  gaze_generated g;
  gaze_sampling p[6];
  for (int i = 0; i < 6; i++) p[i] = greedy(5);
  p[0].temperature = -1;
  p[1].top_p = 0;
  p[2].repetition_penalty = 0;
  p[3].max_new = -1;
  p[4].temperature = NAN;
  p[5].top_k = -2;
  for (int i = 0; i < 6; i++) {
    assert_int_equal(gaze_session_generate(f.s, &p[i], NULL, NULL, NULL, &g), GAZE_ERR_ARG);
  }
  assert_int_equal(gaze_session_length(f.s), 5);
  gaze_sampling fine = greedy(0);
  fx_ok(gaze_session_generate(f.s, &fine, NULL, NULL, NULL, &g));
  assert_int_equal(g.ids.n, 0);
  gaze_generated_fini(&g);
  close_fixture(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(masked),
      cmocka_unit_test(whole_characters),
      cmocka_unit_test(stop_strings),
      cmocka_unit_test(receiver_stops),
      cmocka_unit_test(streamed_is_decoded),
      cmocka_unit_test(seeded),
      cmocka_unit_test(room_runs_out),
      cmocka_unit_test(refused),
      cmocka_unit_test(nothing_to_say),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
