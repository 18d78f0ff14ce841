// tests/bridge/test_env_wire.c - env messages: there and back, cut, damaged, hostile.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "bridge/env_wire.h"
#include "bridge/msgpack_scan.h"
#include "core/json.h"
#include "tests/bridge/fixture_env.h"

static void test_scan(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t n;
    gaze_err want;
  } c[] = {
      {"\x80", 1, GAZE_OK},
      {"\x81\xa1"
       "a\xc0",
       4, GAZE_OK},
      {"\x93\xca\x00\x00\x00\x00\xff\xcf\x01\x02\x03\x04\x05\x06\x07\x08", 16, GAZE_OK},
      {"\xde\x00\x01\xc4\x02nd\xc3", 8, GAZE_OK},  // a BIN key that marks an array
      {"\xd9\x02\xc3\xa9", 4, GAZE_OK},
      {"", 0, GAZE_ERR_FORMAT},
      {"\xdd\x10\x00\x00\x00", 5, GAZE_ERR_FORMAT},  // reserves 8 GB in msgpack-c
      {"\xdf\xff\xff\xff\xff\x01", 6, GAZE_ERR_FORMAT},
      {"\xdc\x00", 2, GAZE_ERR_FORMAT},
      {"\x92\x01", 2, GAZE_ERR_FORMAT},
      {"\x81\x01\x02", 3, GAZE_ERR_FORMAT},  // int key
      {"\x81\xc4\x01"
       "a\x02",
       5, GAZE_ERR_FORMAT},  // BIN key elsewhere
      {"\x81\xc0\x02", 3, GAZE_ERR_FORMAT},
      {"\x80\x80", 2, GAZE_ERR_FORMAT},      // left over
      {"\xa2\xc3\x28", 3, GAZE_ERR_FORMAT},  // not UTF-8
      {"\xa1", 1, GAZE_ERR_FORMAT},
      {"\xdb\xff\xff\xff\xff"
       "a",
       6, GAZE_ERR_FORMAT},
      {"\xc6\x80\x00\x00\x00", 5, GAZE_ERR_FORMAT},
      {"\xc1", 1, GAZE_ERR_FORMAT},
      {"\xd4\x01\x02", 3, GAZE_ERR_FORMAT},  // extensions
      {"\xc7\x01\x01\x02", 4, GAZE_ERR_FORMAT},
      {"\xd7\xff\0\0\0\0\0\0\0\0", 10, GAZE_ERR_FORMAT},
      {"\xcb\x00\x00", 3, GAZE_ERR_FORMAT},
  };
  for (size_t i = 0; i < sizeof c / sizeof *c; i++)
    if (gaze_msgpack_scan(c[i].bytes, c[i].n) != c[i].want)
      fail_msg("case %zu: %s", i, gaze_err_detail());
}

static void test_scan_limits(void **state) {
  (void)state;
  char nest[40];
  memset(nest, '\x91', sizeof nest);
  nest[32] = '\x01';
  assert_int_equal(gaze_msgpack_scan(nest, 33), GAZE_OK);  // 32 arrays
  nest[32] = '\x91', nest[33] = '\x01';
  assert_int_equal(gaze_msgpack_scan(nest, 34), GAZE_ERR_RANGE);
  size_t n = (1u << 20) + 5;  // one array of 2^20 numbers is one item too many
  char *many = calloc(n, 1);
  memcpy(many, "\xdd\x00\x10\x00\x00", 5);
  assert_int_equal(gaze_msgpack_scan(many, n), GAZE_ERR_RANGE);
  memcpy(many, "\xdd\x00\x0f\xff\xff", 5);
  assert_int_equal(gaze_msgpack_scan(many, n - 1), GAZE_OK);
  free(many);
  assert_int_equal(gaze_msgpack_scan(nest, (size_t)65 << 20), GAZE_ERR_RANGE);
}

static void test_requests(void **state) {
  (void)state;
  gaze_buf b = GAZE_BUF_INIT;
  gaze_wire_request r;
  gaze_wire_hello h = {.protocol = 1, .envs = 4, .oracle = true, .settings = "{\"size\":3}"};
  gaze_wire_put_hello(&b, &h, "tok");
  assert_int_equal(gaze_wire_get_request(b.data, b.len, &r), GAZE_OK);
  assert_int_equal(r.endpoint, GAZE_WIRE_HELLO);
  assert_string_equal(r.token, "tok");
  assert_true(r.hello.envs == 4 && r.hello.oracle && r.hello.protocol == 1);
  assert_string_equal(r.hello.settings, "{\"size\":3}");
  gaze_wire_request_free(&r);

  gaze_buf_clear(&b);
  gaze_wire_put_reset(&b, (uint64_t[]){0, UINT64_MAX, 1u << 31}, 3, NULL);
  assert_int_equal(gaze_wire_get_request(b.data, b.len, &r), GAZE_OK);
  assert_int_equal(r.endpoint, GAZE_WIRE_RESET);
  assert_int_equal(r.rows, 3);
  assert_true(r.seed[1] == UINT64_MAX && r.seed[2] == 1u << 31);
  assert_null(r.token);
  gaze_wire_request_free(&r);

  gaze_buf_clear(&b);
  gaze_wire_put_step(&b, (const gaze_act[]){{.text = "a\n\xC3\xA9"}, {0}, {.text = ""}}, 3, NULL);
  assert_int_equal(gaze_wire_get_request(b.data, b.len, &r), GAZE_OK);
  assert_int_equal(r.endpoint, GAZE_WIRE_STEP);
  assert_string_equal(r.act[0].text, "a\n\xC3\xA9");
  assert_true(r.skip[1] && !r.skip[2]);
  assert_string_equal(r.act[2].text, "");
  gaze_wire_request_free(&r);

  // the bytes of a ping are those of every other client of the envelope
  gaze_buf_clear(&b);
  gaze_wire_put_plain(&b, "ping", NULL);
  assert_int_equal(b.len, 15);
  assert_memory_equal(b.data,
                      "\x81\xa8"
                      "endpoint\xa4ping",
                      15);
  gaze_buf_fini(&b);
}

// Chunks keep every bit, also of what only the environment may judge; rows mix.
static void test_chunks(void **state) {
  (void)state;
  const float f[6] = {0.1f, -1e-40f, INFINITY, NAN, -0.0f, 3e38f};
  const gaze_act act[4] = {{.chunk = f, .steps = 2, .dims = 3},
                           {.text = "look"},
                           {0},
                           {.chunk = f, .steps = 1, .dims = 6}};
  gaze_buf b = GAZE_BUF_INIT;
  gaze_wire_request r;
  for (int token = 0; token < 2; token++) {  // shifts the numbers in the message
    gaze_buf_clear(&b);
    gaze_wire_put_step(&b, act, 4, token ? "a" : NULL);
    assert_int_equal(gaze_wire_get_request(b.data, b.len, &r), GAZE_OK);
    assert_int_equal(r.rows, 4);
    assert_null(r.act[0].text);
    assert_true(r.act[0].steps == 2 && r.act[0].dims == 3 && r.act[3].dims == 6);
    assert_memory_equal(r.act[0].chunk, f, sizeof f);
    assert_memory_equal(r.act[3].chunk, f, sizeof f);
    assert_string_equal(r.act[1].text, "look");
    assert_true(!r.act[1].chunk && r.skip[2] && !r.skip[0]);
    gaze_wire_request_free(&r);
    for (size_t n = 0; n < b.len; n++) {
      assert_int_equal(gaze_wire_get_request(b.data, n, &r), GAZE_ERR_FORMAT);
      gaze_wire_request_free(&r);
    }
  }
  // the same message with another type, an empty side, too many, and a second kind of action
  gaze_buf_clear(&b);
  gaze_wire_put_step(&b, act, 1, NULL);
  static const struct {
    const char *from, *to;
    size_t n;
  } wrong[] = {{"<f4", "<i4", 3}, {"\x92\x02\x03", "\x92\x06\x00", 3}, {"chunk", "chunq", 5}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    gaze_buf c = GAZE_BUF_INIT;
    gaze_buf_add(&c, b.data, b.len);
    bool found = false;
    for (size_t k = 0; k + wrong[i].n <= c.len && !found; k++) {
      found = memcmp(c.data + k, wrong[i].from, wrong[i].n) == 0;
      if (found) memcpy(c.data + k, wrong[i].to, wrong[i].n);
    }
    assert_true(found);
    assert_int_equal(gaze_wire_get_request(c.data, c.len, &r), GAZE_ERR_FORMAT);
    assert_non_null(strstr(gaze_err_detail(), "step: field actions."));
    gaze_wire_request_free(&r);
    gaze_buf_fini(&c);
  }
  gaze_buf_fini(&b);
}

// The acts of a chunk are single acts of their row, texts or actions; rows may be left alone.
static void test_chunk_steps(void **state) {
  (void)state;
  const float f[6] = {0.1f, -1e-40f, INFINITY, NAN, -0.0f, 3e38f};
  const gaze_act act[6] = {{.chunk = f, .steps = 1, .dims = 3},
                           {.chunk = f + 3, .steps = 1, .dims = 3},
                           {0},
                           {0},
                           {.text = "a"},
                           {.text = ""}};
  gaze_buf b = GAZE_BUF_INIT;
  gaze_wire_request r;
  gaze_wire_put_chunk_step(&b, act, 3, 2, NULL);
  assert_int_equal(gaze_wire_get_request(b.data, b.len, &r), GAZE_OK);
  assert_int_equal(r.endpoint, GAZE_WIRE_CHUNK_STEP);
  assert_true(r.rows == 3 && r.acts == 2 && !r.skip[0] && r.skip[1] && !r.skip[2]);
  for (int k = 0; k < 2; k++) {
    assert_true(r.act[k].steps == 1 && r.act[k].dims == 3 && !r.act[k].text);
    assert_memory_equal(r.act[k].chunk, f + 3 * k, 3 * sizeof *f);
    assert_string_equal(r.act[4 + k].text, act[4 + k].text);
  }
  gaze_wire_request_free(&r);
  for (size_t n = 0; n < b.len; n++) {
    assert_int_equal(gaze_wire_get_request(b.data, n, &r), GAZE_ERR_FORMAT);
    gaze_wire_request_free(&r);
  }
  // all rows in one array [3,2,1]
  static const char block[] =
      "\x82\xa8"
      "endpoint\xaa"
      "chunk_step\xa4"
      "data\x81\xa7"
      "actions\x84\xa2nd\xc3\xa4type\xa3<f4\xa5shape\x93\x03\x02\x01\xa4"
      "data\xc4\x18"
      "\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40\0\0\xa0\x40\0\0\xc0\x40";
  assert_int_equal(gaze_wire_get_request(block, sizeof block - 1, &r), GAZE_OK);
  assert_true(r.rows == 3 && r.acts == 2);
  for (int k = 0; k < 6; k++) assert_true(*r.act[k].chunk == (float)(k + 1) && r.act[k].dims == 1);
  gaze_wire_request_free(&r);
  gaze_buf_clear(&b);
  gaze_wire_put_render(&b, (int[]){5, 0}, 2, "t");
  assert_int_equal(gaze_wire_get_request(b.data, b.len, &r), GAZE_OK);
  assert_true(r.endpoint == GAZE_WIRE_RENDER && r.ids == 2 && r.id[0] == 5 && r.id[1] == 0);
  gaze_wire_request_free(&r);
  gaze_buf_fini(&b);
}

// msgpack by hand: {"endpoint": <name>, "data": <bytes>}
static void with_data(gaze_buf *b, const char *name, const char *data, size_t n) {
  gaze_buf_clear(b);
  gaze_buf_add(b,
               "\x82\xa8"
               "endpoint",
               10);
  char head = (char)(0xA0 | strlen(name));
  gaze_buf_add(b, &head, 1);
  gaze_buf_str(b, name);
  gaze_buf_add(b,
               "\xa4"
               "data",
               5);
  gaze_buf_add(b, data, n);
}

static void test_refused_requests(void **state) {
  (void)state;
  static const struct {
    const char *name, *data;
    size_t n;
    const char *say;
  } c[] = {
      {"hello", "\x80", 1, "hello: field protocol"},
      {"hello", "\x81\xa8protocol\x02", 11, "expected 1, got 2"},
      {"hello",
       "\x81\xa8protocol\xa1"
       "1",
       12, "hello: field protocol"},
      {"hello",
       "\x82\xa8protocol\x01\xa9"
       "autoreset\xa9some_step",
       31, "expected disabled"},
      {"hello", "\x82\xa8protocol\x01\xa8pictures\xa5never", 26, "expected always or asked"},
      {"hello", "\x82\xa8protocol\x01\xa3shm\x01", 16, "hello: field shm"},
      {"hello", "\x82\xa8protocol\x01\xa6oracle\x01", 19, "hello: field oracle"},
      {"hello", "\x82\xa8protocol\x01\xa6n_envs\x00", 19, "hello: field n_envs"},
      {"hello", "\x82\xa8protocol\x01\xa6n_envs\x7f", 19, "hello: field n_envs"},
      {"hello", "\x82\xa8protocol\x01\xa8settings\x80", 21, "hello: field settings"},
      {"hello", "\x01", 1, "request: field data"},
      {"reset", "\x80", 1, "reset: field seed"},
      {"reset", "\x81\xa4seed\xff", 7, "reset: field seed"},
      {"reset", "\x81\xa4seed\x90", 7, "reset: field seed"},
      {"reset", "\x81\xa4seed\x91\xc3", 8, "reset: field seed"},
      {"reset", "\x82\xa4seed\x01\xa7options\x81\xaareset_mask\x91\x01", 29, "reset_mask"},
      {"step", "\xc0", 1, "step: field actions"},
      {"step",
       "\x81\xa7"
       "actions\x90",
       10, "step: field actions"},
      {"step",
       "\x81\xa7"
       "actions\x91\x80",
       11, "step: field actions.text"},
      {"step",
       "\x81\xa7"
       "actions\x91\x81\xa4text\x01",
       17, "step: field actions.text"},
      {"step",
       "\x81\xa7"
       "actions\x91\x81\xa4text\xa1\x00",
       18, "U+0000"},
      {"step",
       "\x81\xa7"
       "actions\x91\xa1x",
       12, "step: field actions.text"},
      {"chunk_step", "\x80", 1, "chunk_step: field actions"},
      {"chunk_step",
       "\x81\xa7"
       "actions\x91\x90",
       11, "expected 1..4096 in every row"},
      {"chunk_step",
       "\x81\xa7"
       "actions\x92\x91\xa1x\x92\xa1x\xa1x",
       18, "equally many"},
      {"chunk_step",
       "\x81\xa7"
       "actions\x92\xc0\xc0",
       12, "one row at least"},
      {"chunk_step",
       "\x81\xa7"
       "actions\x91\x91\x01",
       12, "chunk_step: field actions"},
      {"chunk_step",
       "\x81\xa7"
       "actions\x80",
       10, "chunk_step: field actions"},
      {"render", "\x80", 1, "render: field ids"},
      {"render", "\x81\xa3ids\x90", 6, "render: field ids"},
      {"render", "\x81\xa3ids\x91\x40", 7, "render: field ids"},
  };
  gaze_buf b = GAZE_BUF_INIT;
  gaze_wire_request r;
  for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
    with_data(&b, c[i].name, c[i].data, c[i].n);
    gaze_err e = gaze_wire_get_request(b.data, b.len, &r);
    if (e != GAZE_ERR_FORMAT || !strstr(gaze_err_detail(), c[i].say))
      fail_msg("case %zu: %d: %s", i, e, gaze_err_detail());
    gaze_wire_request_free(&r);
  }
  // more rows than any client may have
  char rows[80] =
      "\x81\xa7"
      "actions\xdc\x00\x41";
  memset(rows + 12, '\xc0', 65);
  with_data(&b, "step", rows, 12 + 65);
  assert_int_equal(gaze_wire_get_request(b.data, b.len, &r), GAZE_ERR_FORMAT);
  gaze_wire_request_free(&r);
  assert_int_equal(gaze_wire_get_request("\x90", 1, &r), GAZE_ERR_FORMAT);
  gaze_wire_request_free(&r);
  assert_int_equal(gaze_wire_get_request("\x01", 1, &r), GAZE_ERR_FORMAT);
  gaze_wire_request_free(&r);
  // a token that is no string is no token, and no failure of its own
  const char *odd =
      "\x82\xa8"
      "endpoint\xa4ping\xa9"
      "api_token\x01";
  assert_int_equal(gaze_wire_get_request(odd, 26, &r), GAZE_OK);
  assert_null(r.token);
  gaze_wire_request_free(&r);
  gaze_buf_fini(&b);
}

// a step reply of two rows, from the fixture environment with everything on
static void make_reply(gaze_buf *b, gaze_wire_row *row, void **self) {
  gaze_cfg *c = NULL;
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  assert_int_equal(gaze_cfg_set(c, "oracle=true"), GAZE_OK);
  assert_int_equal(gaze_cfg_set(c, "robot=true"), GAZE_OK);
  assert_int_equal(gaze_cfg_set(c, "size=2"), GAZE_OK);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(fixture_env.open(&self[i], c), GAZE_OK);
    row[i] = (gaze_wire_row){.acts = 1, .seed = UINT64_MAX};
    assert_int_equal(fixture_env.reset(self[i], 7, &row[i].obs), GAZE_OK);
  }
  gaze_act act = {.text = "look"};
  assert_int_equal(fixture_env.step(self[1], &act, &row[1].obs, &row[1].out), GAZE_OK);
  gaze_cfg_close(&c);
  assert_int_equal(gaze_wire_put_rows(b, row, 2, GAZE_WIRE_STEP, 1, NULL), GAZE_OK);
}

static void test_reply(void **state) {
  (void)state;
  gaze_buf b = GAZE_BUF_INIT;
  gaze_wire_row row[2];
  gaze_wire_reply r;
  void *self[2];
  make_reply(&b, row, self);
  if (gaze_wire_get_reply(b.data, b.len, GAZE_WIRE_STEP, NULL, &r))
    fail_msg("%s", gaze_err_detail());
  assert_int_equal(r.rows, 2);
  for (int i = 0; i < 2; i++) {
    fixture_same_obs(&row[i].obs, &r.row[i].obs);
    fixture_same_outcome(&row[i].out, &r.row[i].out);
  }
  gaze_wire_reply_free(&r);
  assert_null(r.row);
  // cut anywhere: refused, and nothing is read behind the cut
  for (size_t n = 0; n < b.len; n++) {
    char *cut = malloc(n + 1);
    memcpy(cut, b.data, n);
    assert_int_equal(gaze_wire_get_reply(cut, n, GAZE_WIRE_STEP, NULL, &r), GAZE_ERR_FORMAT);
    free(cut);
  }
  // one changed byte: refused or read, never worse
  for (size_t i = 0; i < b.len; i++) {
    char old = b.data[i];
    for (int k = 0; k < 3; k++) {
      b.data[i] = (char)(k == 0 ? old + 1 : k == 1 ? 0xC0 : old ^ 0x20);
      if (!gaze_wire_get_reply(b.data, b.len, GAZE_WIRE_STEP, NULL, &r)) gaze_wire_reply_free(&r);
    }
    b.data[i] = old;
  }
  for (int i = 0; i < 2; i++) fixture_env.close(&self[i]);
  gaze_buf_fini(&b);
}

// Rows that began an episode, ended one, refused their acts or were left alone, and pictures that
// lie in shared memory.
static void test_rows_of_a_batch(void **state) {
  (void)state;
  gaze_buf b = GAZE_BUF_INIT;
  static uint8_t memory[64];
  uint8_t px[12] = {9, 8, 7};
  const gaze_wire_shm shm = {memory, sizeof memory};
  const gaze_image far = {.rgb = memory + 52, .w = 2, .h = 2};
  const gaze_image here = {.rgb = px, .w = 2, .h = 2};
  const gaze_image blank = {.w = 2, .h = 2};
  const gaze_env_batch_fact fact[2] = {{.reward = 0.25f}, {.reward = -1, .truncated = true}};
  const gaze_wire_row row[5] = {
      {.obs = {.text = "next", .image = &far, .images = 1},
       .seed = UINT64_MAX,
       .acts = 2,
       .out = {.truncated = true, .reward = -1, .status = "timeout"},
       .fact = fact,
       .has_last = true,
       .last = {.text = "end", .image = &here, .images = 1, .turn = 2, .last = true}},
      {.skip = true, .error = "no such act"},
      {.skip = true},
      {.obs = {.text = "first", .image = &blank, .images = 1, .first = true}, .seed = 3},
      {.obs = {.text = "", .last = true},
       .error = "broken",
       .acts = 1,
       .out = {.truncated = true, .status = "fault"},
       .fact = fact + 1},
  };
  gaze_wire_reply r;
  assert_int_equal(gaze_wire_put_rows(&b, row, 5, GAZE_WIRE_CHUNK_STEP, 2, &shm), GAZE_OK);
  if (gaze_wire_get_reply(b.data, b.len, GAZE_WIRE_CHUNK_STEP, &shm, &r))
    fail_msg("%s", gaze_err_detail());
  assert_true(r.rows == 5 && r.acts == 2);
  assert_ptr_equal(r.row[0].obs.image[0].rgb, memory + 52);
  assert_true(r.row[0].seed == UINT64_MAX && r.row[0].acts == 2 && r.row[0].has_last);
  assert_memory_equal(r.row[0].last.image[0].rgb, px, sizeof px);
  assert_string_equal(r.row[0].last.text, "end");
  assert_true(r.row[0].fact[0].reward == 0.25f && !r.row[0].fact[0].truncated);
  assert_true(r.row[0].fact[1].reward == -1.0f && r.row[0].fact[1].truncated);
  assert_true(r.row[1].skip && r.row[1].acts == 0 && r.row[1].fact[0].reward == 0.0f);
  assert_string_equal(r.row[1].error, "no such act");
  assert_true(r.row[2].skip && !r.row[2].error);
  assert_true(r.row[3].acts == 0 && r.row[3].obs.first && r.row[3].obs.images == 0);
  assert_string_equal(r.row[4].error, "broken");
  assert_true(!r.row[4].skip && r.row[4].acts == 1 && !r.row[4].has_last);
  assert_true(r.row[4].fact[0].truncated && !r.row[4].fact[1].truncated);
  gaze_wire_reply_free(&r);
  // without the memory, with less of it, and with a longer reach
  assert_int_equal(gaze_wire_get_reply(b.data, b.len, GAZE_WIRE_CHUNK_STEP, NULL, &r),
                   GAZE_ERR_FORMAT);
  const gaze_wire_shm less = {memory, sizeof memory - 1};
  assert_int_equal(gaze_wire_get_reply(b.data, b.len, GAZE_WIRE_CHUNK_STEP, &less, &r),
                   GAZE_ERR_FORMAT);
  assert_non_null(strstr(gaze_err_detail(), "beyond the shared memory"));
  for (size_t n = 0; n < b.len; n++) {
    char *cut = malloc(n + 1);
    memcpy(cut, b.data, n);
    assert_int_equal(gaze_wire_get_reply(cut, n, GAZE_WIRE_CHUNK_STEP, &shm, &r), GAZE_ERR_FORMAT);
    free(cut);
  }
  for (size_t i = 0; i < b.len; i++) {
    const char old = b.data[i];
    for (int k = 0; k < 3; k++) {
      b.data[i] = (char)(k == 0 ? old + 1 : k == 1 ? 0xC0 : old ^ 0x20);
      if (gaze_wire_get_reply(b.data, b.len, GAZE_WIRE_CHUNK_STEP, &shm, &r)) continue;
      for (int j = 0; j < r.rows; j++)
        if (r.row[j].obs.images) assert_true(r.row[j].obs.image[0].rgb[0] <= 255);
      gaze_wire_reply_free(&r);
    }
    b.data[i] = old;
  }
  gaze_buf_fini(&b);
}

static void test_refused_rows(void **state) {
  (void)state;
  gaze_buf b = GAZE_BUF_INIT;
  uint8_t px[12] = {0};
  gaze_image im[2] = {{.rgb = px, .w = 2, .h = 2}, {.rgb = px, .w = 1, .h = 2}};
  gaze_wire_row row = {.obs = {.image = im, .images = 2}};
  assert_int_equal(gaze_wire_put_rows(&b, &row, 1, GAZE_WIRE_RESET, 0, NULL), GAZE_ERR_RANGE);
  assert_non_null(strstr(gaze_err_detail(), "equal sizes"));
  row.obs.images = 65;
  assert_int_equal(gaze_wire_put_rows(&b, &row, 1, GAZE_WIRE_RESET, 0, NULL), GAZE_ERR_RANGE);
  row.obs.images = 1, im[0].w = 4097;
  assert_int_equal(gaze_wire_put_rows(&b, &row, 1, GAZE_WIRE_RESET, 0, NULL), GAZE_ERR_RANGE);
  gaze_buf_fini(&b);
}

static bool holds(const gaze_buf *b, const char *what, size_t n) {
  for (size_t i = 0; i + n <= b->len; i++)
    if (memcmp(b->data + i, what, n) == 0) return true;
  return false;
}

static void test_contract(void **state) {
  (void)state;
  gaze_buf b = GAZE_BUF_INIT;
  gaze_wire_reply r;
  gaze_wire_contract k = {.protocol = 1,
                          .env = "avr",
                          .envs = 2,
                          .autoreset = GAZE_AUTORESET_SAME_STEP,
                          .shm = "/gaze-0123456789abcdef",
                          .shm_size = 4096,
                          .space = {.image_h = 56, .image_w = 84, .max_steps = 9}};
  gaze_wire_put_contract(&b, &k);
  assert_int_equal(gaze_wire_get_reply(b.data, b.len, GAZE_WIRE_HELLO, NULL, &r), GAZE_OK);
  assert_int_equal(r.contract.autoreset, GAZE_AUTORESET_SAME_STEP);
  assert_string_equal(r.contract.shm, k.shm);
  assert_int_equal(r.contract.shm_size, 4096);
  gaze_wire_reply_free(&r);
  assert_true(holds(&b, "\x94\x01\x38\x54\x03", 5));  // [1,56,84,3]
  assert_true(holds(&b,
                    "max_steps\x09\xaa"
                    "control_hz\xc0",
                    22));
  assert_true(holds(&b, "val\x92\xce\x00\x0f\x42\x40\xce\x00\x0f\x42\x40", 14));
  for (size_t n = 0; n < b.len; n++)
    assert_int_equal(gaze_wire_get_reply(b.data, n, GAZE_WIRE_HELLO, NULL, &r), GAZE_ERR_FORMAT);
  // more memory than a message may have
  gaze_buf_clear(&b);
  k.shm_size = GAZE_MSGPACK_BYTES_MAX + 1;
  gaze_wire_put_contract(&b, &k);
  assert_int_equal(gaze_wire_get_reply(b.data, b.len, GAZE_WIRE_HELLO, NULL, &r), GAZE_ERR_FORMAT);
  gaze_buf_fini(&b);
}

static void test_small_replies(void **state) {
  (void)state;
  gaze_buf b = GAZE_BUF_INIT;
  gaze_wire_reply r;
  char longer[3000];
  memset(longer, 'x', sizeof longer);
  longer[2999] = 0, longer[0] = '\xFF', longer[1] = '\n';
  gaze_wire_put_error(&b, longer);
  assert_int_equal(gaze_wire_get_reply(b.data, b.len, GAZE_WIRE_STEP, NULL, &r), GAZE_OK);
  assert_int_equal(strlen(r.error), 1024);
  assert_memory_equal(r.error, "??xx", 4);
  gaze_wire_reply_free(&r);
  gaze_buf_clear(&b);
  gaze_wire_put_error(&b, "");
  assert_int_equal(gaze_wire_get_reply(b.data, b.len, GAZE_WIRE_STEP, NULL, &r), GAZE_OK);
  assert_true(r.error[0]);
  gaze_wire_reply_free(&r);

  gaze_buf_clear(&b);
  gaze_wire_contract k = {.protocol = 2, .env = "avr", .envs = 1};
  gaze_wire_put_contract(&b, &k);
  assert_int_equal(gaze_wire_get_reply(b.data, b.len, GAZE_WIRE_HELLO, NULL, &r), GAZE_ERR_FORMAT);
  assert_non_null(strstr(gaze_err_detail(), "expected 1, got 2"));
  k.protocol = 1;
  gaze_buf_clear(&b);
  gaze_wire_put_contract(&b, &k);
  for (size_t n = 0; n < b.len; n++)
    assert_int_equal(gaze_wire_get_reply(b.data, n, GAZE_WIRE_HELLO, NULL, &r), GAZE_ERR_FORMAT);
  assert_int_equal(gaze_wire_get_reply(b.data, b.len, GAZE_WIRE_HELLO, NULL, &r), GAZE_OK);
  assert_string_equal(r.contract.env, "avr");
  gaze_wire_reply_free(&r);
  assert_true(holds(&b, "grammar\xa4text", 12));
  k.act_dims = 7;
  gaze_buf_clear(&b);
  gaze_wire_put_contract(&b, &k);
  assert_true(holds(&b, "\x92\xff\x07", 3));  // the shape [-1,7]
  assert_int_equal(gaze_wire_get_reply(b.data, b.len, GAZE_WIRE_HELLO, NULL, &r), GAZE_OK);
  gaze_wire_reply_free(&r);
  // a status where rows were asked for
  gaze_buf_clear(&b);
  gaze_wire_put_status(&b, "ok");
  assert_int_equal(gaze_wire_get_reply(b.data, b.len, GAZE_WIRE_STEP, NULL, &r), GAZE_ERR_FORMAT);
  gaze_buf_fini(&b);
}

static int nibble(char c) {
  return c <= '9' ? c - '0' : c - 'a' + 10;
}

// every golden message of a real peer passes the scan, or its file would be wrong
static void test_golden_messages(void **state) {
  (void)state;
  cJSON *j = NULL;
  if (gaze_json_load(&j, GAZE_SOURCE_DIR "/tests/golden/wire.json"))
    fail_msg("%s", gaze_err_detail());
  const cJSON *m = NULL;
  int seen = 0;
  cJSON_ArrayForEach(m, gaze_json_get(j, "messages")) {
    const cJSON *channel = gaze_json_get(m, "channel"), *hex = gaze_json_get(m, "hex");
    if (!cJSON_IsString(hex) || strcmp(channel->valuestring, "gr00t") != 0) continue;
    size_t n = strlen(hex->valuestring) / 2;
    uint8_t *bytes = malloc(n + 1);
    for (size_t i = 0; i < n; i++)
      bytes[i] =
          (uint8_t)(nibble(hex->valuestring[2 * i]) << 4 | nibble(hex->valuestring[2 * i + 1]));
    if (n && gaze_msgpack_scan(bytes, n))
      fail_msg("%s: %s", gaze_json_get(m, "id")->valuestring, gaze_err_detail());
    gaze_wire_request r;
    gaze_wire_get_request(bytes, n, &r);
    gaze_wire_request_free(&r);
    free(bytes);
    seen++;
  }
  assert_true(seen > 5);
  cJSON_Delete(j);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_scan),          cmocka_unit_test(test_scan_limits),
      cmocka_unit_test(test_requests),      cmocka_unit_test(test_refused_requests),
      cmocka_unit_test(test_chunks),        cmocka_unit_test(test_chunk_steps),
      cmocka_unit_test(test_reply),         cmocka_unit_test(test_rows_of_a_batch),
      cmocka_unit_test(test_refused_rows),  cmocka_unit_test(test_contract),
      cmocka_unit_test(test_small_replies), cmocka_unit_test(test_golden_messages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
