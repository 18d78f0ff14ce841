// tests/data/test_episode.c - records come back as written, in any order, from whole and cut logs.
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
#include "data/episode.h"
#include "data/imagefile.h"
#include "data/mcap.h"

#define PATH GAZE_BINARY_DIR "/test_episode.mcap"
#define PATH2 GAZE_BINARY_DIR "/test_episode_2.mcap"

// record k: k % 4 turns, pictures on even turns (two on turn 0), tokens on odd ones
static void make(gaze_record *r, int k) {
  char id[32], text[64];
  snprintf(id, sizeof id, "avr/%d", k);
  gaze_record_init(r, id, "avr", UINT64_MAX - (uint64_t)k);
  gaze_rng rng;
  gaze_rng_init(&rng, (uint64_t)k, 1);
  for (int t = 0; t < k % 4; t++) {
    snprintf(text, sizeof text, "<image> turn %d \"q\" \n\\ \xC3\xA9 \xF0\x9F\x98\x80", t);
    assert_int_equal(gaze_record_add_turn(r, text, "Answer: A",
                                          t == 2  ? 4
                                          : t % 2 ? 0
                                                  : GAZE_TAUGHT_ALL,
                                          t ? "{\"choice\":1,\"r\":[0.5,null]}" : NULL,
                                          t == 2 ? "{\"a\":{\"b\":[1,2]}}" : NULL),
                     GAZE_OK);
    uint8_t px[8 * 6 * 3];
    for (size_t i = 0; i < sizeof px; i++) px[i] = (uint8_t)gaze_rng_below(&rng, 256);
    gaze_image im = {.rgb = px, .w = 8, .h = 6, .camera = "wrist"};
    for (int j = 0; t % 2 == 0 && j < 2 - t / 2; j++)
      assert_int_equal(gaze_record_add_image(r, &im), GAZE_OK);
    int32_t ids[3] = {0, 151645, INT32_MAX};
    uint8_t bits[3] = {0, 1, 1};
    if (t % 2) assert_int_equal(gaze_record_set_tokens(r, ids, bits, 3), GAZE_OK);
  }
  if (k % 2) assert_int_equal(gaze_record_set_info(r, "{\"layout\":\"screen\"}"), GAZE_OK);
}

static void same_str(const char *a, const char *b) {
  assert_int_equal(a == NULL, b == NULL);
  if (a) assert_string_equal(a, b);
}

static void same(const gaze_record *a, const gaze_record *b) {
  assert_string_equal(a->id, b->id);
  assert_string_equal(a->kind, b->kind);
  assert_true(a->seed == b->seed);
  same_str(a->info_json, b->info_json);
  assert_int_equal(a->turns, b->turns);
  for (int i = 0; i < a->turns; i++) {
    const gaze_record_turn *x = &a->turn[i], *y = &b->turn[i];
    assert_string_equal(x->user, y->user);
    assert_string_equal(x->reply, y->reply);
    assert_int_equal(x->taught, y->taught);
    same_str(x->truth_json, y->truth_json);
    same_str(x->outcome_json, y->outcome_json);
    assert_int_equal(x->tokens, y->tokens);
    if (x->tokens) {
      assert_memory_equal(x->token, y->token, sizeof(int32_t) * (size_t)x->tokens);
      assert_memory_equal(x->token_trainable, y->token_trainable, (size_t)x->tokens);
    }
    assert_int_equal(x->images, y->images);
    for (int j = 0; j < x->images; j++) {
      assert_int_equal(x->image[j].bytes, y->image[j].bytes);
      assert_memory_equal(x->image[j].png, y->image[j].png, x->image[j].bytes);
      assert_string_equal(x->image[j].camera, y->image[j].camera);
    }
  }
}

static void write_log(const char *path, int n) {
  gaze_record_writer *w = NULL;
  assert_int_equal(gaze_record_create(&w, path, "{\"seed\":7}"), GAZE_OK);
  for (int k = 0; k < n; k++) {
    gaze_record r;
    make(&r, k);
    assert_int_equal(gaze_record_write(w, &r), GAZE_OK);
    gaze_record_free(&r);
  }
  assert_int_equal(gaze_record_finish(&w), GAZE_OK);
  assert_null(w);
}

static void check_record(gaze_record_reader *r, int k) {
  gaze_record want, got;
  make(&want, k);
  if (gaze_record_read(r, (size_t)k, &got)) fail_msg("record %d: %s", k, gaze_err_detail());
  same(&want, &got);
  gaze_record_free(&want);
  gaze_record_free(&got);
}

static void test_round_trip(void **state) {
  (void)state;
  enum { N = 900 };  // several chunks
  write_log(PATH, N);
  gaze_record_reader *r = NULL;
  assert_int_equal(gaze_record_open(&r, PATH), GAZE_OK);
  assert_int_equal(gaze_record_count(r), N);
  assert_false(gaze_record_truncated(r));
  assert_string_equal(gaze_record_manifest(r), "{\"seed\":7}");
  for (int k = 0; k < N; k++) check_record(r, k);
  gaze_rng rng;
  gaze_rng_init(&rng, 3, 3);
  for (int i = 0; i < 300; i++) check_record(r, gaze_rng_int(&rng, 0, N - 1));
  gaze_record none;
  assert_int_equal(gaze_record_read(r, N, &none), GAZE_ERR_RANGE);
  gaze_record_close(&r);
  assert_null(r);

  gaze_mcap_reader *m = NULL;
  assert_int_equal(gaze_mcap_open(&m, PATH), GAZE_OK);
  assert_true(gaze_mcap_chunks(m) > 2);
  gaze_mcap_close(&m);
}

static void test_picture_decodes(void **state) {
  (void)state;
  write_log(PATH, 2);
  gaze_record_reader *r = NULL;
  gaze_record rec;
  gaze_image im;
  assert_int_equal(gaze_record_open(&r, PATH), GAZE_OK);
  assert_int_equal(gaze_record_read(r, 1, &rec), GAZE_OK);
  const gaze_record_image *x = &rec.turn[0].image[0];
  assert_int_equal(gaze_image_decode(&im, x->png, x->bytes, "record"), GAZE_OK);
  gaze_rng rng;
  gaze_rng_init(&rng, 1, 1);
  for (int i = 0; i < 8 * 6 * 3; i++) assert_int_equal(im.rgb[i], gaze_rng_below(&rng, 256));
  gaze_image_free(&im);
  gaze_record_free(&rec);
  gaze_record_close(&r);
}

static void test_equal_bytes(void **state) {
  (void)state;
  write_log(PATH, 40);
  write_log(PATH2, 40);
  gaze_buf a = GAZE_BUF_INIT, b = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(PATH, 1 << 28, &a), GAZE_OK);
  assert_int_equal(gaze_file_read(PATH2, 1 << 28, &b), GAZE_OK);
  assert_int_equal(a.len, b.len);
  assert_memory_equal(a.data, b.data, a.len);
  gaze_buf_fini(&a);
  gaze_buf_fini(&b);
}

static void test_log_times_are_steps(void **state) {
  (void)state;
  write_log(PATH, 4);  // 0 + 1 + 2 + 3 turns; the empty record takes one step
  gaze_mcap_reader *m = NULL;
  gaze_mcap_message_view v;
  uint64_t want[] = {1, 2, 3, 4, 5, 6}, last = 0;
  int n = 0;
  assert_int_equal(gaze_mcap_open(&m, PATH), GAZE_OK);
  while (gaze_mcap_next(m, &v) == GAZE_OK) {
    assert_true(v.log_time >= last);
    last = v.log_time;
    if (strcmp(v.topic, "/chat") == 0) assert_true(v.log_time == want[n++] * 1000000000u);
  }
  assert_int_equal(n, 6);
  gaze_mcap_close(&m);
}

static void test_cut_log(void **state) {
  (void)state;
  write_log(PATH, 900);
  gaze_buf a = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(PATH, 1 << 28, &a), GAZE_OK);
  FILE *f = fopen(PATH2, "wb");
  assert_non_null(f);
  fwrite(a.data, 1, a.len * 2 / 3, f);
  fclose(f);
  gaze_buf_fini(&a);
  gaze_record_reader *r = NULL;
  assert_int_equal(gaze_record_open(&r, PATH2), GAZE_OK);
  assert_true(gaze_record_truncated(r));
  assert_in_range(gaze_record_count(r), 100, 899);
  for (size_t k = 0; k < gaze_record_count(r); k++) check_record(r, (int)k);
  gaze_record_close(&r);
}

static void test_empty_log(void **state) {
  (void)state;
  gaze_record_writer *w = NULL;
  gaze_record_reader *r = NULL;
  assert_int_equal(gaze_record_create(&w, PATH, NULL), GAZE_OK);
  assert_int_equal(gaze_record_finish(&w), GAZE_OK);
  assert_int_equal(gaze_record_open(&r, PATH), GAZE_OK);
  assert_int_equal(gaze_record_count(r), 0);
  assert_null(gaze_record_manifest(r));
  gaze_record_close(&r);
  assert_int_equal(gaze_record_open(&r, PATH ".absent"), GAZE_ERR_NOTFOUND);
  assert_null(r);
}

static void test_writer_refuses(void **state) {
  (void)state;
  gaze_record_writer *w = NULL;
  assert_int_equal(gaze_record_create(&w, PATH, NULL), GAZE_OK);
  struct {
    const char *reply, *outcome;
  } bad[] = {{"\xFF", NULL}, {"", "[1]"}, {"", "{\"a\":}"}, {"", "{} {}"}, {"", "NaN"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    gaze_record r;
    gaze_record_init(&r, "x", "avr", 1);
    assert_int_equal(
        gaze_record_add_turn(&r, "", bad[i].reply, GAZE_TAUGHT_ALL, bad[i].outcome, NULL), 0);
    assert_int_equal(gaze_record_write(w, &r), GAZE_ERR_ARG);
    gaze_record_free(&r);
  }
  gaze_record r;
  gaze_record_init(&r, "x", "avr", 1);
  assert_int_equal(gaze_record_add_png(&r, "x", 1, NULL), GAZE_ERR_STATE);
  gaze_record_free(&r);
  assert_int_equal(gaze_record_finish(&w), GAZE_OK);
  gaze_record_reader *rd = NULL;
  assert_int_equal(gaze_record_open(&rd, PATH), GAZE_OK);
  assert_int_equal(gaze_record_count(rd), 0);
  gaze_record_close(&rd);
}

// writes raw messages and expects the reader to refuse the record with a sentence
static void refuse(const char *image, const char *chat, const char *episode, const char *say) {
  gaze_mcap_writer *w = NULL;
  uint16_t ch[3];
  const char *topic[3] = {"/camera/image", "/chat", "/episode"}, *text[3] = {image, chat, episode};
  assert_int_equal(gaze_mcap_create(&w, PATH, NULL), GAZE_OK);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(gaze_mcap_channel(w, 0, topic[i], i ? "json" : "protobuf", &ch[i]), GAZE_OK);
    if (text[i]) assert_int_equal(gaze_mcap_message(w, ch[i], 0, text[i], strlen(text[i])), 0);
  }
  assert_int_equal(gaze_mcap_finish(&w), GAZE_OK);
  gaze_record_reader *r = NULL;
  gaze_record rec;
  assert_int_equal(gaze_record_open(&r, PATH), GAZE_OK);
  gaze_err e = gaze_record_read(r, 0, &rec);
  if (!say) {
    assert_int_equal(e, GAZE_OK);
    gaze_record_free(&rec);
  } else {
    assert_int_equal(e, GAZE_ERR_FORMAT);
    if (!strstr(gaze_err_detail(), say)) fail_msg("%s lacks %s", gaze_err_detail(), say);
  }
  gaze_record_close(&r);
}

static void test_reader_refuses(void **state) {
  (void)state;
  const char *end = "{\"id\":\"a\",\"kind\":\"avr\",\"seed\":\"1\",\"turns\":1}";
  const char *chat = "{\"turn\":0,\"images\":0}";
  const char *chat1 = "{\"turn\":0,\"images\":1}";
  refuse(NULL, chat, end, NULL);
  // tag 0x12 = data, 0x1A = format, 0x22 = frame_id, 0x0D = an unknown fixed32
  refuse("\x12\x03pic\x1A\x03png", chat1, end, NULL);
  refuse(
      "\x22\x01"
      "c\x0D"
      "1234\x12\x03pic\x1A\x03png",
      chat1, end, NULL);
  refuse("\x12\x04pic", chat1, end, "protobuf");
  refuse("\x12\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01pic", chat1, end, "protobuf");
  refuse(
      "\x0D"
      "123",
      chat1, end, "protobuf");
  refuse("\x13\x01", chat1, end, "protobuf");
  refuse("\x1A\x03png", chat1, end, "data");
  refuse("\x12\x03pic", chat1, end, "format");
  refuse("\x12\x03pic\x1A\x04jpeg", chat1, end, "format");
  refuse("\x12\x03pic\x1A\x03png\x22\x01\xFF", chat1, end, "frame_id");
  refuse("\x12\x03pic\x1A\x03png", chat, end, "images");
  refuse("\x12\x03pic\x1A\x03png", NULL, end, "images");
  refuse(NULL, NULL, end, "turns");
  refuse(NULL, "{\"turn\":1,\"images\":0}", end, "turn");
  refuse(NULL, "{\"turn\":0,\"images\":0,\"trainable\":true,\"taught\":0}", end, "taught");
  refuse(NULL, "{\"turn\":0,\"images\":0,\"trainable\":true,\"taught\":9e9}", end, "taught");
  refuse(NULL, "[1]", end, "JSON object");
  refuse(NULL, "{\"turn\":0,\"images\":0,\"tokens\":[1],\"token_trainable\":\"11\"}", end, "bit");
  refuse(NULL, "{\"turn\":0,\"images\":0,\"tokens\":[1 , 2],\"token_trainable\":\"01\"}", end,
         "tokens");
  refuse(NULL, "{\"turn\":0,\"images\":0,\"tokens\":[1, 2],\"token_trainable\":\"01\"}", end, NULL);
  refuse(NULL, "{\"turn\":0,\"images\":0,\"tokens\":[1]}", end, "bit");
  refuse(NULL, "{\"turn\":0,\"images\":0,\"tokens\":[1.5],\"token_trainable\":\"1\"}", end,
         "tokens");
  refuse(NULL, "{\"turn\":0,\"images\":0,\"tokens\":[2147483648],\"token_trainable\":\"1\"}", end,
         "tokens");
  refuse(NULL, "{\"turn\":0,\"images\":0,\"truth\":3}", end, "truth");
  refuse(NULL, "{\"turn\":0,\"images\":0,\"user\":\"\\ud800\"}", end, "user");
  refuse(NULL, chat, "{\"id\":\"a\",\"seed\":\"18446744073709551616\",\"turns\":1}", "seed");
  refuse(NULL, chat, "{\"id\":\"a\",\"kind\":\"a kind that is too long\",\"turns\":1}", "kind");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_picture_decodes),
      cmocka_unit_test(test_equal_bytes),    cmocka_unit_test(test_log_times_are_steps),
      cmocka_unit_test(test_cut_log),        cmocka_unit_test(test_empty_log),
      cmocka_unit_test(test_writer_refuses), cmocka_unit_test(test_reader_refuses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
