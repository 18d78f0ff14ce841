// tests/data/test_mcap.c - the container: round trip, cuts at every byte, lying lengths.
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
#include "data/base64.h"
#include "data/crc32.h"
#include "data/mcap.h"

#define PATH GAZE_BINARY_DIR "/test_mcap.mcap"

static void write_bytes(const void *bytes, size_t n) {
  FILE *f = fopen(PATH, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, n, f), n);
  fclose(f);
}

// n messages over two channels, chunks closed at `chunk_bytes`, one metadata record
static void write_log(int n, size_t chunk_bytes) {
  gaze_mcap_writer *w = NULL;
  gaze_mcap_options o = {.chunk_bytes = chunk_bytes};
  uint16_t schema = 0, a = 0, b = 0;
  assert_int_equal(gaze_mcap_create(&w, PATH, &o), GAZE_OK);
  assert_int_equal(gaze_mcap_metadata(w, "run", "key", "value"), GAZE_OK);
  assert_int_equal(gaze_mcap_schema(w, "S", "jsonschema", "{}", 2, &schema), GAZE_OK);
  assert_int_equal(gaze_mcap_channel(w, schema, "/a", "json", &a), GAZE_OK);
  assert_int_equal(gaze_mcap_channel(w, 0, "/b", "bin", &b), GAZE_OK);
  for (int i = 0; i < n; i++) {
    char text[32];
    int len = snprintf(text, sizeof text, "message %d", i);
    assert_int_equal(gaze_mcap_message(w, i % 3 ? a : b, (uint64_t)i * 10, text, (size_t)len), 0);
  }
  assert_int_equal(gaze_mcap_finish(&w), GAZE_OK);
  assert_null(w);
}

static void check_message(const gaze_mcap_message_view *m, int i) {
  char text[32];
  int len = snprintf(text, sizeof text, "message %d", i);
  assert_int_equal(m->n, len);
  assert_memory_equal(m->data, text, (size_t)len);
  assert_string_equal(m->topic, i % 3 ? "/a" : "/b");
  assert_string_equal(m->encoding, i % 3 ? "json" : "bin");
  assert_string_equal(m->schema, i % 3 ? "S" : "");
  assert_int_equal(m->log_time, i * 10);
  assert_int_equal(m->sequence, i % 3 ? i - i / 3 - 1 : i / 3);
}

static void test_round_trip(void **state) {
  (void)state;
  static const struct {
    int n;
    size_t chunk;
  } c[] = {{0, 0}, {1, 0}, {100, 0}, {100, 1}, {1000, 300}};
  for (size_t k = 0; k < sizeof c / sizeof *c; k++) {
    write_log(c[k].n, c[k].chunk);
    gaze_mcap_reader *r = NULL;
    gaze_mcap_message_view m;
    char *value = NULL;
    assert_int_equal(gaze_mcap_open(&r, PATH), GAZE_OK);
    for (int pass = 0; pass < 2; pass++, gaze_mcap_rewind(r)) {
      for (int i = 0; i < c[k].n; i++) {
        assert_int_equal(gaze_mcap_next(r, &m), GAZE_OK);
        check_message(&m, i);
      }
      assert_int_equal(gaze_mcap_next(r, &m), GAZE_ERR_END);
      assert_int_equal(gaze_mcap_next(r, &m), GAZE_ERR_END);
    }
    assert_false(gaze_mcap_truncated(r));
    if (c[k].chunk == 1) assert_int_equal(gaze_mcap_chunks(r), c[k].n);
    assert_int_equal(gaze_mcap_find_metadata(r, "run", "key", &value), GAZE_OK);
    assert_string_equal(value, "value");
    free(value);
    assert_int_equal(gaze_mcap_find_metadata(r, "run", "kez", &value), GAZE_ERR_NOTFOUND);
    assert_int_equal(gaze_mcap_find_metadata(r, "ru", "key", &value), GAZE_ERR_NOTFOUND);
    gaze_mcap_close(&r);
  }
}

static void test_index_and_seek(void **state) {
  (void)state;
  write_log(1000, 300);
  gaze_mcap_reader *r = NULL;
  gaze_mcap_message_view m;
  gaze_mcap_place *at = NULL;
  size_t n = 0;
  assert_int_equal(gaze_mcap_open(&r, PATH), GAZE_OK);
  assert_int_equal(gaze_mcap_index(r, "/b", &at, &n), GAZE_OK);
  assert_int_equal(n, 334);
  gaze_rng g;
  gaze_rng_init(&g, 1, 1);
  for (int k = 0; k < 200; k++) {
    int i = (int)gaze_rng_below(&g, (uint32_t)n);
    assert_int_equal(gaze_mcap_seek(r, at[i]), GAZE_OK);
    for (int j = 3 * i; j < 3 * i + 4 && j < 1000; j++) {  // and on over chunk borders
      assert_int_equal(gaze_mcap_next(r, &m), GAZE_OK);
      check_message(&m, j);
    }
  }
  free(at);
  assert_int_equal(gaze_mcap_index(r, "/c", &at, &n), GAZE_ERR_NOTFOUND);
  assert_int_equal(gaze_mcap_seek(r, (gaze_mcap_place){.chunk = 1u << 30}), GAZE_ERR_RANGE);
  assert_int_equal(gaze_mcap_seek(r, (gaze_mcap_place){.offset = 1u << 30}), GAZE_ERR_RANGE);
  gaze_mcap_close(&r);
}

static void test_cut_at_every_byte(void **state) {
  (void)state;
  write_log(12, 120);
  gaze_buf b = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(PATH, 1 << 20, &b), GAZE_OK);
  int most = 0;
  for (size_t cut = 0; cut < b.len; cut++) {
    write_bytes(b.data, cut);
    gaze_mcap_reader *r = NULL;
    gaze_err e = gaze_mcap_open(&r, PATH);
    if (cut < 8) {
      assert_int_equal(e, GAZE_ERR_FORMAT);
      continue;
    }
    assert_int_equal(e, GAZE_OK);
    assert_true(gaze_mcap_truncated(r));
    gaze_mcap_message_view m;
    int n = 0;
    while ((e = gaze_mcap_next(r, &m)) == GAZE_OK) check_message(&m, n++);
    assert_int_equal(e, GAZE_ERR_END);
    assert_true(n >= most);  // a longer prefix never holds less
    most = n;
    gaze_mcap_place *at = NULL;
    size_t places = 0;
    e = gaze_mcap_index(r, "/b", &at, &places);
    assert_int_equal(e, n ? GAZE_OK : GAZE_ERR_NOTFOUND);
    assert_int_equal(places, (n + 2) / 3);
    free(at);
    gaze_mcap_close(&r);
  }
  assert_int_equal(most, 12);
  gaze_buf_fini(&b);
}

static gaze_err read_all(int *n) {
  gaze_mcap_reader *r = NULL;
  gaze_mcap_message_view m;
  gaze_mcap_place *at = NULL;
  size_t places = 0;
  char *value = NULL;
  gaze_err e = gaze_mcap_open(&r, PATH);
  if (e) return e;
  *n = 0;
  while ((e = gaze_mcap_next(r, &m)) == GAZE_OK) (*n)++;
  if (gaze_mcap_index(r, "/a", &at, &places) == GAZE_OK)
    for (size_t i = 0; i < places; i++)
      if (gaze_mcap_seek(r, at[i]) == GAZE_OK) gaze_mcap_next(r, &m);
  free(at);
  gaze_mcap_find_metadata(r, "run", "key", &value);
  free(value);
  gaze_mcap_close(&r);
  return e;
}

static void test_damage_at_every_byte(void **state) {
  (void)state;
  write_log(12, 120);
  gaze_buf b = GAZE_BUF_INIT;
  int n = 0;
  assert_int_equal(gaze_file_read(PATH, 1 << 20, &b), GAZE_OK);
  for (size_t i = 0; i < b.len; i++) {
    for (int k = 0; k < 2; k++) {
      char old = b.data[i];
      b.data[i] = (char)(k ? old ^ 0x55 : 0xFF);
      write_bytes(b.data, b.len);
      gaze_err e = read_all(&n);
      b.data[i] = old;
      if (e != GAZE_ERR_END && e != GAZE_ERR_FORMAT && e != GAZE_ERR_UNSUPPORTED)
        fail_msg("byte %zu: error %d: %s", i, e, gaze_err_detail());
    }
  }
  gaze_buf_fini(&b);
}

static void put(gaze_buf *b, uint64_t v, int bytes) {
  for (int i = 0; i < bytes; i++) {
    uint8_t c = (uint8_t)(i < 8 ? v >> (8 * i) : 0);
    gaze_buf_add(b, &c, 1);
  }
}

static const char magic[] = "\x89MCAP0\r\n";

// a log by hand: magic, header, then `body`, then a footer without summary
static gaze_err by_hand(const gaze_buf *body, int *n) {
  gaze_buf b = GAZE_BUF_INIT;
  gaze_buf_add(&b, magic, 8);
  put(&b, 1, 1), put(&b, 8, 8), put(&b, 0, 8);
  gaze_buf_add(&b, gaze_buf_text(body), body->len);
  put(&b, 2, 1), put(&b, 20, 8), put(&b, 0, 20);
  gaze_buf_add(&b, magic, 8);
  write_bytes(b.data, b.len);
  gaze_buf_fini(&b);
  return read_all(n);
}

static void channel(gaze_buf *b) {
  put(b, 4, 1), put(b, 2 + 2 + 6 + 5 + 4, 8), put(b, 7, 2), put(b, 0, 2);
  put(b, 2, 4), gaze_buf_str(b, "/a");
  put(b, 1, 4), gaze_buf_str(b, "x"), put(b, 0, 4);
}

static void message(gaze_buf *b, int id) {
  put(b, 5, 1), put(b, 22 + 2, 8), put(b, (uint64_t)id, 2), put(b, 0, 4), put(b, 1, 8);
  put(b, 1, 8), gaze_buf_str(b, "hi");
}

static void chunk(gaze_buf *b, const gaze_buf *records, const char *method, uint64_t raw,
                  uint64_t packed) {
  size_t m = strlen(method);
  put(b, 6, 1), put(b, 28 + 4 + m + 8 + records->len, 8), put(b, 0, 16), put(b, raw, 8);
  put(b, 0, 4), put(b, m, 4), gaze_buf_str(b, method), put(b, packed, 8);
  gaze_buf_add(b, records->data, records->len);
}

static void test_foreign_forms(void **state) {
  (void)state;
  gaze_buf b = GAZE_BUF_INIT, in = GAZE_BUF_INIT;
  int n = 0;
  assert_int_equal(by_hand(&b, &n), GAZE_ERR_END);
  assert_int_equal(n, 0);
  // messages outside chunks, with an unknown record and an attachment between
  channel(&b), message(&b, 7);
  put(&b, 0x99, 1), put(&b, 3, 8), put(&b, 0, 3);
  put(&b, 0x09, 1), put(&b, 3, 8), put(&b, 0, 3);
  message(&b, 7);
  assert_int_equal(by_hand(&b, &n), GAZE_ERR_END);
  assert_int_equal(n, 2);
  // an uncompressed chunk with an unknown record inside
  gaze_buf_clear(&b);
  channel(&in), put(&in, 0x81, 1), put(&in, 2, 8), put(&in, 0, 2), message(&in, 7);
  chunk(&b, &in, "", in.len, in.len);
  assert_int_equal(by_hand(&b, &n), GAZE_ERR_END);
  assert_int_equal(n, 1);
  gaze_buf_fini(&b);
  gaze_buf_fini(&in);
}

static void test_lies(void **state) {
  (void)state;
  gaze_buf b = GAZE_BUF_INIT, in = GAZE_BUF_INIT;
  int n = 0;
  message(&b, 7);  // its channel is missing
  assert_int_equal(by_hand(&b, &n), GAZE_ERR_FORMAT);
  gaze_buf_clear(&b), put(&b, 5, 1), put(&b, UINT64_MAX, 8);
  assert_int_equal(by_hand(&b, &n), GAZE_ERR_FORMAT);
  gaze_buf_clear(&b), put(&b, 5, 1), put(&b, 21, 8), put(&b, 0, 21);
  assert_int_equal(by_hand(&b, &n), GAZE_ERR_FORMAT);
  gaze_buf_clear(&b), put(&b, 4, 1), put(&b, 8, 8), put(&b, 0, 4), put(&b, UINT32_MAX, 4);
  assert_int_equal(by_hand(&b, &n), GAZE_ERR_FORMAT);

  channel(&in), message(&in, 7);
  struct {
    const char *method;
    uint64_t raw, packed;
    gaze_err want;
  } c[] = {{"", in.len + 1, in.len, GAZE_ERR_FORMAT},
           {"", in.len, in.len + 1, GAZE_ERR_FORMAT},
           {"", UINT64_MAX, in.len, GAZE_ERR_FORMAT},
           {"", in.len - 1, in.len - 1, GAZE_ERR_FORMAT},  // cuts the message
           {"zstd", in.len, in.len, GAZE_ERR_FORMAT},
           {"zstd", 64 << 20, in.len, GAZE_ERR_FORMAT},
           {"lz4", in.len, in.len, GAZE_ERR_UNSUPPORTED}};
  for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
    gaze_buf_clear(&b);
    chunk(&b, &in, c[i].method, c[i].raw, c[i].packed);
    assert_int_equal(by_hand(&b, &n), c[i].want);
  }
  gaze_buf_fini(&b);
  gaze_buf_fini(&in);
}

static void test_bad_files(void **state) {
  (void)state;
  gaze_mcap_reader *r = NULL;
  gaze_mcap_writer *w = NULL;
  assert_int_equal(gaze_mcap_open(&r, PATH ".absent"), GAZE_ERR_NOTFOUND);
  assert_int_equal(gaze_mcap_open(&r, "/"), GAZE_ERR_IO);
  write_bytes("not an mcap file", 16);
  assert_int_equal(gaze_mcap_open(&r, PATH), GAZE_ERR_FORMAT);
  assert_null(r);
  assert_int_equal(gaze_mcap_create(&w, GAZE_BINARY_DIR "/absent/x.mcap", NULL), GAZE_ERR_IO);
  assert_null(w);
  assert_int_equal(gaze_mcap_create(&w, PATH, NULL), GAZE_OK);
  uint16_t id = 0;
  assert_int_equal(gaze_mcap_message(w, 3, 0, "x", 1), GAZE_ERR_ARG);
  assert_int_equal(gaze_mcap_channel(w, 9, "/a", "json", &id), GAZE_ERR_RANGE);
  assert_int_equal(gaze_mcap_finish(&w), GAZE_OK);
}

// a full disk is reported, and by every later call
static void test_write_errors_stick(void **state) {
  (void)state;
  gaze_mcap_writer *w = NULL;
  uint16_t id = 0;
  if (gaze_mcap_create(&w, "/dev/full", NULL) != GAZE_OK) return;
  assert_int_equal(gaze_mcap_channel(w, 0, "/a", "json", &id), GAZE_OK);
  assert_int_equal(gaze_mcap_message(w, id, 0, "x", 1), GAZE_OK);
  assert_int_equal(gaze_mcap_flush(w), GAZE_ERR_IO);
  assert_int_equal(gaze_mcap_message(w, id, 0, "x", 1), GAZE_ERR_IO);
  assert_int_equal(gaze_mcap_finish(&w), GAZE_ERR_IO);
}

static void test_crc_and_base64(void **state) {
  (void)state;
  gaze_crc32_table t;
  gaze_crc32_init(&t);
  assert_int_equal(gaze_crc32(&t, 0, "123456789", 9), 0xCBF43926u);  // the check value of the CRC
  assert_int_equal(gaze_crc32(&t, gaze_crc32(&t, 0, "1234567890abcdef", 5), "67890abcdef", 11),
                   gaze_crc32(&t, 0, "1234567890abcdef", 16));
  static const char *pair[][2] = {{"", ""},
                                  {"f", "Zg=="},
                                  {"fo", "Zm8="},
                                  {"foo", "Zm9v"},
                                  {"foob", "Zm9vYg=="},
                                  {"fooba", "Zm9vYmE="},
                                  {"foobar", "Zm9vYmFy"}};  // RFC 4648 section 10
  for (int i = 0; i < 7; i++) {
    gaze_buf b = GAZE_BUF_INIT;
    uint8_t out[16];
    size_t n = strlen(pair[i][0]), m = strlen(pair[i][1]);
    gaze_base64_add(&b, pair[i][0], n);
    assert_string_equal(gaze_buf_text(&b), pair[i][1]);
    assert_int_equal(gaze_base64_size(pair[i][1], m), n);
    assert_int_equal(gaze_base64_decode(pair[i][1], m, out), GAZE_OK);
    assert_memory_equal(out, pair[i][0], n);
    gaze_buf_fini(&b);
  }
  static const char *bad[] = {"Z", "Zg=", "Zg=a", "Z===", "====", "Zh==", "Zm9=", "Zm9\n", "Zm=v"};
  uint8_t out[8];
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(gaze_base64_decode(bad[i], strlen(bad[i]), out), GAZE_ERR_FORMAT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),        cmocka_unit_test(test_index_and_seek),
      cmocka_unit_test(test_cut_at_every_byte), cmocka_unit_test(test_damage_at_every_byte),
      cmocka_unit_test(test_foreign_forms),     cmocka_unit_test(test_lies),
      cmocka_unit_test(test_bad_files),         cmocka_unit_test(test_write_errors_stick),
      cmocka_unit_test(test_crc_and_base64),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
