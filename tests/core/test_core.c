// tests/core/test_core.c - the small pieces: errors, arena, buffer, random numbers, utf8, floats.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/arena.h"
#include "core/bf16.h"
#include "core/buf.h"
#include "core/rng.h"
#include "core/stats.h"
#include "core/utf8.h"

static void test_err(void **state) {
  (void)state;
  assert_string_equal(gaze_err_text(GAZE_ERR_FORMAT), "malformed data");
  assert_string_equal(gaze_err_text((gaze_err)99), "unknown error");
  assert_int_equal(gaze_fail(GAZE_ERR_IO, "%s: %d", "x", 3), GAZE_ERR_IO);
  assert_string_equal(gaze_err_detail(), "x: 3");
  // the old sentence may be an argument of the new one
  gaze_fail(GAZE_ERR_IO, "more: %s", gaze_err_detail());
  assert_string_equal(gaze_err_detail(), "more: x: 3");
}

static void test_arena(void **state) {
  (void)state;
  unsigned char block[256];
  gaze_arena a;
  assert_int_equal(gaze_arena_init(&a, NULL, 5), GAZE_ERR_ARG);
  assert_int_equal(gaze_arena_init(&a, block + 1, 200), GAZE_OK);
  size_t mark = gaze_arena_mark(&a);
  for (int i = 0; i < 3; i++) {
    void *p = gaze_arena_alloc(&a, 33, 32);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % 32, 0);
  }
  assert_null(gaze_arena_alloc(&a, 200, 1));
  assert_null(gaze_arena_alloc(&a, (size_t)-1, 1));
  gaze_arena_release(&a, mark);
  assert_non_null(gaze_arena_alloc(&a, 200, 1));
  assert_true(a.peak == 200);
}

static void test_buf(void **state) {
  (void)state;
  gaze_buf b = GAZE_BUF_INIT;
  assert_string_equal(gaze_buf_text(&b), "");
  for (int i = 0; i < 1000; i++) gaze_buf_printf(&b, "%d,", i);
  assert_int_equal(b.len, strlen(gaze_buf_text(&b)));
  assert_memory_equal(gaze_buf_text(&b) + b.len - 8, "998,999,", 8);
  gaze_buf_clear(&b);
  gaze_buf_add(&b, "a\0b", 3);
  assert_int_equal(b.len, 3);
  gaze_buf_fini(&b);
}

static void test_rng(void **state) {
  (void)state;
  gaze_rng a, b, c;
  gaze_rng_init(&a, 7, 1);
  gaze_rng_init(&b, 7, 1);
  gaze_rng_init(&c, 7, 2);
  int same = 0;
  for (int i = 0; i < 100; i++) {
    uint64_t x = gaze_rng_u64(&a);
    assert_true(x == gaze_rng_u64(&b));
    same += x == gaze_rng_u64(&c);
  }
  assert_int_equal(same, 0);

  // every value of a small range comes about equally often
  int count[7] = {0};
  for (int i = 0; i < 70000; i++) count[gaze_rng_below(&a, 7)]++;
  for (int i = 0; i < 7; i++) assert_in_range(count[i], 9600, 10400);
  assert_int_equal(gaze_rng_below(&a, 0), 0);
  double sum = 0, square = 0;
  for (int i = 0; i < 20000; i++) {
    double x = gaze_rng_normal(&a);
    sum += x, square += x * x;
  }
  assert_true(fabs(sum / 20000) < 0.03 && fabs(square / 20000 - 1) < 0.05);
  int v[5] = {0, 1, 2, 3, 4}, seen = 0;
  gaze_rng_shuffle(&a, v, 5);
  for (int i = 0; i < 5; i++) seen |= 1 << v[i];
  assert_int_equal(seen, 31);
}

static void test_utf8(void **state) {
  (void)state;
  assert_true(gaze_utf8_valid("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 10));
  static const char *const bad[] = {
      "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80",        "\xF4\x90\x80\x80",
      "\xC3",     "\x80",         "\xF8\x88\x80\x80\x80"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(gaze_utf8_valid(bad[i], strlen(bad[i])));
}

static void test_floats(void **state) {
  (void)state;
  // every bf16 and half value survives the trip through f32
  for (uint32_t u = 0; u < 65536; u++) {
    float f = gaze_bf16_to_f32((gaze_bf16)u), h = gaze_f16_to_f32((gaze_f16)u);
    if (f == f) assert_int_equal(gaze_bf16_from_f32(f), u);
    if (h == h) assert_int_equal(gaze_f16_from_f32(h), u);
  }
  assert_int_equal(gaze_bf16_from_f32(1.00390625f), 0x3F80);  // tie goes to even
  assert_int_equal(gaze_bf16_from_f32(1.01171875f), 0x3F82);
  assert_int_equal(gaze_f16_from_f32(65520.0f), 0x7C00);
  assert_int_equal(gaze_f16_from_f32(65519.0f), 0x7BFF);
  assert_true(isnan(gaze_bf16_to_f32(gaze_bf16_from_f32(NAN))));
  assert_true(gaze_f16_to_f32(1) == 0x1p-24f);
}

static void test_stats(void **state) {
  (void)state;
  // vla_r1.md section 7: 8/10 -> 49.0-94.3 %, 70/100 -> 60.4-78.1 %
  double lo, hi;
  gaze_stats_wilson(8, 10, &lo, &hi);
  assert_true(fabs(lo - 0.490) < 5e-4 && fabs(hi - 0.943) < 5e-4);
  gaze_stats_wilson(70, 100, &lo, &hi);
  assert_true(fabs(lo - 0.604) < 5e-4 && fabs(hi - 0.781) < 5e-4);
  double v[] = {3, 1, 2, 4};
  assert_true(gaze_stats_quantile(v, 4, 0.5) == 2.5);
  assert_true(gaze_stats_mean(v, 4) == 2.5);
  double same[50];
  for (int i = 0; i < 50; i++) same[i] = 2;
  assert_int_equal(gaze_stats_bootstrap(same, 50, 100, 1, &lo, &hi), 0);
  assert_true(lo == 2 && hi == 2);
  double coin[400];
  for (int i = 0; i < 400; i++) coin[i] = i % 2;
  gaze_stats_bootstrap(coin, 400, 2000, 1, &lo, &hi);
  // normal theory: 0.5 +- 1.96 * 0.5 / 20 = 0.451..0.549
  assert_true(fabs(lo - 0.451) < 0.006 && fabs(hi - 0.549) < 0.006);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_err),   cmocka_unit_test(test_arena), cmocka_unit_test(test_buf),
      cmocka_unit_test(test_rng),   cmocka_unit_test(test_utf8),  cmocka_unit_test(test_floats),
      cmocka_unit_test(test_stats),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
