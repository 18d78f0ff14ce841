// tests/data/test_imagefile.c - pictures survive PNG exactly, JPEG nearly, and damage is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/file.h"
#include "core/rng.h"
#include "data/imagefile.h"

#define PATH GAZE_BINARY_DIR "/test_imagefile.png"

static void noise(uint8_t *px, size_t n, uint64_t seed) {
  gaze_rng r;
  gaze_rng_init(&r, seed, 0);
  for (size_t i = 0; i < n; i++) px[i] = (uint8_t)gaze_rng_below(&r, 256);
}

static void test_png_round_trip(void **state) {
  (void)state;
  static const int size[][2] = {{1, 1}, {3, 2}, {17, 5}, {64, 64}};
  for (int k = 0; k < 4; k++) {
    uint8_t px[64 * 64 * 3];
    int w = size[k][0], h = size[k][1];
    size_t n = (size_t)(w * h * 3);
    noise(px, n, (uint64_t)k);
    for (int level = 1; level <= 9; level += 4) {
      gaze_buf b = GAZE_BUF_INIT;
      gaze_image in = {.rgb = px, .w = w, .h = h}, out;
      assert_int_equal(gaze_image_encode_png(&in, level, &b), GAZE_OK);
      int hw = 0, hh = 0;
      assert_int_equal(gaze_image_size(b.data, b.len, "t", &hw, &hh), GAZE_OK);
      assert_int_equal(hw, w);
      assert_int_equal(hh, h);
      assert_int_equal(gaze_image_decode(&out, b.data, b.len, "t"), GAZE_OK);
      assert_int_equal(out.w, w);
      assert_int_equal(out.h, h);
      assert_memory_equal(out.rgb, px, n);
      gaze_image_free(&out);
      assert_null(out.rgb);
      gaze_buf_fini(&b);
    }
  }
}

static void test_jpeg_is_near(void **state) {
  (void)state;
  uint8_t px[32 * 24 * 3];
  for (int y = 0; y < 24; y++)
    for (int x = 0; x < 32; x++)
      for (int c = 0; c < 3; c++) px[(y * 32 + x) * 3 + c] = (uint8_t)(x * 4 + y * 3 + 30 * c);
  gaze_buf b = GAZE_BUF_INIT;
  gaze_image in = {.rgb = px, .w = 32, .h = 24}, out;
  assert_int_equal(gaze_image_encode_jpeg(&in, 95, &b), GAZE_OK);
  assert_int_equal(gaze_image_decode(&out, b.data, b.len, "t"), GAZE_OK);
  assert_int_equal(out.w, 32);
  assert_int_equal(out.h, 24);
  for (int i = 0; i < 32 * 24 * 3; i++) assert_in_range(out.rgb[i] + 6 - px[i], 0, 12);
  gaze_image_free(&out);
  // every cut is refused: a gray lower half would be a wrong picture
  for (size_t n = 0; n + 2 < b.len; n++) {
    char *cut = malloc(n + 1);  // its own block, so that a read past the end is seen
    memcpy(cut, b.data, n);
    gaze_err e = gaze_image_decode(&out, cut, n, "t");
    free(cut);
    if (e != GAZE_ERR_FORMAT) fail_msg("cut at %zu: %d", n, e);
    assert_null(out.rgb);
  }
  gaze_buf_fini(&b);
}

static void test_png_cut_and_damaged(void **state) {
  (void)state;
  uint8_t px[9 * 9 * 3];
  noise(px, sizeof px, 5);
  gaze_buf b = GAZE_BUF_INIT;
  gaze_image in = {.rgb = px, .w = 9, .h = 9}, out;
  assert_int_equal(gaze_image_encode_png(&in, 6, &b), GAZE_OK);
  for (size_t n = 0; n < b.len; n++) {
    char *cut = malloc(n + 1);
    memcpy(cut, b.data, n);
    assert_int_equal(gaze_image_decode(&out, cut, n, "t"), GAZE_ERR_FORMAT);
    assert_null(out.rgb);
    free(cut);
  }
  // every critical chunk carries a checksum, so one flipped bit never passes unseen
  for (size_t i = 0; i < b.len; i++) {
    b.data[i] = (char)(b.data[i] ^ 4);
    gaze_err e = gaze_image_decode(&out, b.data, b.len, "t");
    assert_int_not_equal(e, GAZE_OK);
    b.data[i] = (char)(b.data[i] ^ 4);
  }
  gaze_buf_fini(&b);
}

static uint32_t crc(const uint8_t *p, size_t n) {
  uint32_t c = 0xFFFFFFFFu;
  for (size_t i = 0; i < n; i++) {
    c ^= p[i];
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
  }
  return ~c;
}

static void put32(gaze_buf *b, uint32_t v) {
  uint8_t p[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
  gaze_buf_add(b, p, 4);
}

static void png_chunk(gaze_buf *b, const char *name, const void *bytes, size_t n) {
  put32(b, (uint32_t)n);
  size_t from = b->len;
  gaze_buf_add(b, name, 4);
  gaze_buf_add(b, bytes, n);
  put32(b, crc((uint8_t *)b->data + from, b->len - from));
}

// a PNG by hand: one stored deflate block of `n` bytes (filter byte 0 before each row)
static void hand_png(gaze_buf *b, uint32_t w, uint32_t h, int bits, int type, const char *extra,
                     const void *extra_bytes, size_t extra_n, const uint8_t *raw, size_t n) {
  uint8_t head[13] = {0};
  for (int i = 0; i < 4; i++) {
    head[i] = (uint8_t)(w >> (24 - 8 * i));
    head[4 + i] = (uint8_t)(h >> (24 - 8 * i));
  }
  head[8] = (uint8_t)bits, head[9] = (uint8_t)type;
  gaze_buf_clear(b);
  gaze_buf_add(b, "\x89PNG\r\n\x1A\n", 8);
  png_chunk(b, "IHDR", head, 13);
  if (extra) png_chunk(b, extra, extra_bytes, extra_n);
  uint8_t z[64] = {0x78, 0x01, 1, (uint8_t)n, 0, (uint8_t)~n, 0xFF};
  memcpy(z + 7, raw, n);
  uint32_t s1 = 1, s2 = 0;
  for (size_t i = 0; i < n; i++) s1 = (s1 + raw[i]) % 65521, s2 = (s2 + s1) % 65521;
  uint8_t sum[4] = {(uint8_t)(s2 >> 8), (uint8_t)s2, (uint8_t)(s1 >> 8), (uint8_t)s1};
  memcpy(z + 7 + n, sum, 4);
  png_chunk(b, "IDAT", z, 11 + n);
  png_chunk(b, "IEND", "", 0);
}

static void expect_pixels(const gaze_buf *b, const uint8_t *want, size_t n) {
  gaze_image out;
  if (gaze_image_decode(&out, b->data, b->len, "t")) fail_msg("%s", gaze_err_detail());
  assert_int_equal(out.w * out.h * 3, n);
  assert_memory_equal(out.rgb, want, n);
  gaze_image_free(&out);
}

static void test_png_forms(void **state) {
  (void)state;
  gaze_buf b = GAZE_BUF_INIT;
  // gray 1 bit: white, black
  hand_png(&b, 2, 1, 1, 0, NULL, NULL, 0, (uint8_t[]){0, 0x80}, 2);
  expect_pixels(&b, (uint8_t[]){255, 255, 255, 0, 0, 0}, 6);
  // gray 16 bits, scaled to 8
  hand_png(&b, 1, 1, 16, 0, NULL, NULL, 0, (uint8_t[]){0, 0x80, 0x80}, 3);
  expect_pixels(&b, (uint8_t[]){128, 128, 128}, 3);
  // RGB 16 bits
  hand_png(&b, 1, 1, 16, 2, NULL, NULL, 0, (uint8_t[]){0, 0xFF, 0xFF, 0, 0, 0x40, 0x40}, 7);
  expect_pixels(&b, (uint8_t[]){255, 0, 64}, 3);
  // palette of two colours
  hand_png(&b, 2, 1, 8, 3, "PLTE", (uint8_t[]){1, 2, 3, 200, 100, 50}, 6, (uint8_t[]){0, 1, 0}, 3);
  expect_pixels(&b, (uint8_t[]){200, 100, 50, 1, 2, 3}, 6);
  // RGBA: opaque, clear, half: 255 - 128 + 128 * c / 255
  hand_png(&b, 3, 1, 8, 6, NULL, NULL, 0,
           (uint8_t[]){0, 9, 8, 7, 255, 9, 8, 7, 0, 0, 255, 100, 128}, 13);
  expect_pixels(&b, (uint8_t[]){9, 8, 7, 255, 255, 255, 127, 255, 177}, 9);
  // gray with alpha
  hand_png(&b, 1, 1, 8, 4, NULL, NULL, 0, (uint8_t[]){0, 0, 51}, 3);
  expect_pixels(&b, (uint8_t[]){204, 204, 204}, 3);
  gaze_buf_fini(&b);
}

static void test_sizes_are_checked(void **state) {
  (void)state;
  gaze_buf b = GAZE_BUF_INIT;
  gaze_image out;
  int w = 0, h = 0;
  static const struct {
    uint32_t w, h;
    gaze_err want;
  } c[] = {{0, 1, GAZE_ERR_RANGE},           {65537, 1, GAZE_ERR_RANGE},
           {65536, 65536, GAZE_ERR_RANGE},   {8193, 8192, GAZE_ERR_RANGE},
           {0xFFFFFFFFu, 1, GAZE_ERR_RANGE}, {8192, 8192, GAZE_ERR_FORMAT}};
  for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
    hand_png(&b, c[i].w, c[i].h, 8, 2, NULL, NULL, 0, (uint8_t[]){0, 0, 0, 0}, 4);
    assert_int_equal(gaze_image_size(b.data, b.len, "bomb", &w, &h), c[i].want);
    assert_int_equal(gaze_image_decode(&out, b.data, b.len, "bomb"), c[i].want);
    assert_non_null(strstr(gaze_err_detail(), "bomb"));
  }
  gaze_buf_fini(&b);
}

static void test_files_and_arguments(void **state) {
  (void)state;
  uint8_t px[3] = {1, 2, 3};
  gaze_buf b = GAZE_BUF_INIT;
  gaze_image im = {.rgb = px, .w = 1, .h = 1}, out, none = {0};
  assert_int_equal(gaze_image_encode_png(&im, 1, &b), GAZE_OK);
  assert_int_equal(gaze_file_write_atomic(PATH, b.data, b.len), GAZE_OK);
  assert_int_equal(gaze_image_load(&out, PATH), GAZE_OK);
  assert_memory_equal(out.rgb, px, 3);
  gaze_image_free(&out);
  assert_int_equal(gaze_image_load(&out, PATH ".absent"), GAZE_ERR_NOTFOUND);
  assert_int_equal(gaze_file_write_atomic(PATH, "GIF89a", 6), GAZE_OK);
  assert_int_equal(gaze_image_load(&out, PATH), GAZE_ERR_FORMAT);
  assert_non_null(strstr(gaze_err_detail(), "test_imagefile.png"));
  assert_int_equal(gaze_image_encode_png(&im, 0, &b), GAZE_ERR_ARG);
  assert_int_equal(gaze_image_encode_jpeg(&im, 101, &b), GAZE_ERR_ARG);
  assert_int_equal(gaze_image_encode_png(&none, 1, &b), GAZE_ERR_ARG);
  im.w = 0;
  assert_int_equal(gaze_image_encode_jpeg(&im, 90, &b), GAZE_ERR_RANGE);
  gaze_buf_fini(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_png_round_trip),      cmocka_unit_test(test_jpeg_is_near),
      cmocka_unit_test(test_png_cut_and_damaged), cmocka_unit_test(test_png_forms),
      cmocka_unit_test(test_sizes_are_checked),   cmocka_unit_test(test_files_and_arguments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
