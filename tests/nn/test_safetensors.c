// tests/nn/test_safetensors.c - golden checkpoints, lying headers, shards, values and writing.
#include "nn/safetensors.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "fixture_file.h"

static const char *dir;

static char *in_dir(const char *name) {
  return ff_path(dir, name);
}

// writes header length, header and `data` zero bytes; then opens the file
static gaze_err open_made(gaze_st **st, const char *header, size_t data) {
  char *path = in_dir("made.safetensors");
  gaze_buf b = GAZE_BUF_INIT;
  unsigned char len[8] = {0};
  size_t n = strlen(header);
  for (int i = 0; i < 8; i++) len[i] = (unsigned char)((uint64_t)n >> (8 * i));
  gaze_buf_add(&b, len, 8);
  gaze_buf_str(&b, header);
  for (size_t i = 0; i < data; i++) gaze_buf_add(&b, "", 1);
  ff_write(path, b.data, b.len);
  gaze_buf_fini(&b);
  gaze_err e = gaze_st_open(st, path);
  free(path);
  return e;
}

static void golden_single(void **state) {
  (void)state;
  gaze_st *st = NULL;
  ff_ok(gaze_st_open_folder(&st, FF_GOLDEN "/tiny-a"));
  assert_int_equal(gaze_st_count(st), 80);
  const gaze_st_tensor *t = gaze_st_find(st, "model.embed_tokens.weight");
  assert_non_null(t);
  assert_int_equal(t->type, GAZE_ST_F32);
  assert_int_equal(t->rank, 2);
  assert_int_equal(t->shape[0], 608);
  assert_int_equal(t->shape[1], 48);
  assert_int_equal(t->bytes, 608 * 48 * 4);
  float *v = malloc(t->bytes);
  ff_ok(gaze_st_read_f32(t, v, 608 * 48));
  assert_memory_equal(v, t->data, t->bytes);
  // rows beyond the tokenizer's 588 ids are zero, the others are not
  double in = 0, out = 0;
  for (int i = 0; i < 588 * 48; i++) in += fabs((double)v[i]);
  for (int i = 588 * 48; i < 608 * 48; i++) out += fabs((double)v[i]);
  assert_true(in > 1 && out <= 0);
  ff_fails(gaze_st_read_f32(t, v, 608 * 48 - 1), GAZE_ERR_ARG, "model.embed_tokens.weight");
  free(v);
  assert_null(gaze_st_find(st, "lm_head.weight"));
  assert_null(gaze_st_at(st, -1));
  assert_null(gaze_st_at(st, 80));
  for (int i = 1; i < 80; i++)
    assert_true(strcmp(gaze_st_at(st, i - 1)->name, gaze_st_at(st, i)->name) < 0);
  gaze_st_close(&st);
  assert_null(st);
  gaze_st_close(&st);
}

static void golden_shards(void **state) {
  (void)state;
  gaze_st *st = NULL;
  ff_ok(gaze_st_open_folder(&st, FF_GOLDEN "/tiny-b"));
  const gaze_st_tensor *t = gaze_st_find(st, "lm_head.weight");
  assert_non_null(t);
  assert_int_equal(t->type, GAZE_ST_BF16);
  assert_int_equal(t->shape[0], 557);
  size_t n = 557 * 60;
  float *v = malloc(n * sizeof *v);
  ff_ok(gaze_st_read_f32(t, v, n));
  // widening keeps the 16 bits on top
  for (size_t i = 0; i < n; i++) {
    uint16_t half;
    uint32_t bits;
    memcpy(&half, (const char *)t->data + 2 * i, 2);
    memcpy(&bits, v + i, 4);
    assert_int_equal(bits, (uint32_t)half << 16);
  }
  free(v);
  gaze_st_close(&st);
}

static void lying_headers(void **state) {
  (void)state;
  static const struct {
    const char *header;
    size_t data;
    const char *part;
  } row[] = {
      {"[]", 0, "object"},
      {"{", 0, "JSON"},
      {"{}", 1, "1 bytes after the last tensor"},
      {"{\"a\":3}", 0, "\"a\""},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3, "end of the file"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, "after the last"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}", 5, "gap"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "length"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "ordered"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4, "two numbers"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0.5,4.5]}}", 8, "whole"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "whole"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[\"0\",4]}}", 4, "whole"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "shape"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1e300],\"data_offsets\":[0,4]}}", 4, "shape"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, "shape"},
      // 2^32 * 2^32 * 4 is 0 in 64 bits
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
       "too large"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
       "8 dimensions"},
      {"{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "F8_E4M3"},
      {"{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "dtype"},
      {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "dtype"},
      {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "shape"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "data_offsets"},
      {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
       "repeated member"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1,
       "unknown member"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
       "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
       3, "overlaps"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
       "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
       2, "overlaps"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
       "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
       2, "name is repeated"},
      {"{\"__metadata__\":3}", 0, "__metadata__"},
      {"{\"__metadata__\":{\"a\":3}}", 0, "__metadata__"},
      {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__ is repeated"},
  };
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    gaze_st *st = NULL;
    ff_fails(open_made(&st, row[i].header, row[i].data), GAZE_ERR_FORMAT, row[i].part);
    assert_null(st);
  }
}

static void honest_headers(void **state) {
  (void)state;
  gaze_st *st = NULL;
  ff_ok(open_made(&st, "{}   ", 0));
  assert_int_equal(gaze_st_count(st), 0);
  assert_null(gaze_st_find(st, "a"));
  gaze_st_close(&st);
  // scalars, empty tensors anywhere, any order of entries
  ff_ok(open_made(&st,
                  "{\"__metadata__\":{\"format\":\"pt\"},"
                  "\"z\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[8,11]},"
                  "\"s\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},"
                  "\"e\":{\"dtype\":\"I32\",\"shape\":[0,7],\"data_offsets\":[8,8]}}",
                  11));
  assert_int_equal(gaze_st_count(st), 3);
  assert_int_equal(gaze_st_find(st, "s")->rank, 0);
  assert_int_equal(gaze_st_find(st, "s")->bytes, 8);
  assert_int_equal(gaze_st_find(st, "e")->bytes, 0);
  assert_int_equal(gaze_st_find(st, "z")->shape[0], 3);
  float v[3];
  ff_fails(gaze_st_read_f32(gaze_st_find(st, "z"), v, 3), GAZE_ERR_FORMAT, "U8");
  gaze_st_close(&st);
}

static void header_lengths(void **state) {
  (void)state;
  static const unsigned char head[][8] = {
      {3, 0, 0, 0, 0, 0, 0, 0},
      {0, 0, 0, 0, 1, 0, 0, 0},
      {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
      {0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F},
      {0, 0, 0, 0, 0, 0, 0, 0},
  };
  char *path = in_dir("length.safetensors");
  for (size_t i = 0; i < sizeof head / sizeof *head; i++) {
    char bytes[10];
    memcpy(bytes, head[i], 8);
    memcpy(bytes + 8, "{}", 2);
    ff_write(path, bytes, 10);
    gaze_st *st = NULL;
    assert_int_equal(gaze_st_open(&st, path), GAZE_ERR_FORMAT);
    assert_null(st);
  }
  gaze_st *st = NULL;
  ff_fails(gaze_st_open(&st, "no/such.safetensors"), GAZE_ERR_NOTFOUND, "such");
  free(path);
}

static void every_truncation(void **state) {
  (void)state;
  float f[4] = {1, -2, 3, 0.5f};
  int32_t k[2] = {5, -6};
  gaze_st_tensor t[2] = {
      {.name = "f", .type = GAZE_ST_F32, .rank = 2, .shape = {2, 2}, .data = f, .bytes = 16},
      {.name = "k", .type = GAZE_ST_I32, .rank = 1, .shape = {2}, .data = k, .bytes = 8}};
  char *path = in_dir("whole.safetensors"), *cut = in_dir("cut.safetensors");
  ff_ok(gaze_st_write(path, t, 2, "{\"format\":\"pt\"}"));
  gaze_buf b = ff_read(path);
  gaze_st *st = NULL;
  for (size_t n = 0; n < b.len; n++) {
    ff_write(cut, b.data, n);
    assert_int_equal(gaze_st_open(&st, cut), GAZE_ERR_FORMAT);
    assert_null(st);
  }
  ff_write(cut, b.data, b.len);
  ff_ok(gaze_st_open(&st, cut));
  gaze_st_close(&st);
  gaze_buf_fini(&b);
  free(path);
  free(cut);
}

static void written_files_come_back(void **state) {
  (void)state;
  uint8_t u[3] = {1, 2, 3};
  uint16_t h[3] = {0x3C00, 0xC000, 0x0001};  // 1, -2, 2^-24 as halves
  uint16_t bf[2] = {0x3F80, 0xC040};         // 1, -3
  float f[2] = {1.5f, -0.25f};
  double d = 7;
  int64_t q = -9;
  gaze_st_tensor t[] = {
      {.name = "u", .type = GAZE_ST_U8, .rank = 1, .shape = {3}, .data = u, .bytes = 3},
      {.name = "h", .type = GAZE_ST_F16, .rank = 1, .shape = {3}, .data = h, .bytes = 6},
      {.name = "b\"\\\n", .type = GAZE_ST_BF16, .rank = 1, .shape = {2}, .data = bf, .bytes = 4},
      {.name = "f", .type = GAZE_ST_F32, .rank = 2, .shape = {1, 2}, .data = f, .bytes = 8},
      {.name = "d", .type = GAZE_ST_F64, .rank = 0, .data = &d, .bytes = 8},
      {.name = "q", .type = GAZE_ST_I64, .rank = 1, .shape = {1}, .data = &q, .bytes = 8},
      {.name = "none", .type = GAZE_ST_F32, .rank = 1, .shape = {0}, .data = NULL, .bytes = 0},
  };
  char *path = in_dir("out.safetensors");
  ff_ok(gaze_st_write(path, t, 7, "{\"format\":\"pt\",\"step\":\"3\"}"));
  gaze_st *st = NULL;
  ff_ok(gaze_st_open(&st, path));
  assert_int_equal(gaze_st_count(st), 7);
  for (int i = 0; i < 7; i++) {
    const gaze_st_tensor *r = gaze_st_find(st, t[i].name);
    assert_non_null(r);
    assert_int_equal(r->type, t[i].type);
    assert_int_equal(r->rank, t[i].rank);
    assert_memory_equal(r->shape, t[i].shape, sizeof r->shape);
    assert_int_equal(r->bytes, t[i].bytes);
    if (t[i].bytes) assert_memory_equal(r->data, t[i].data, t[i].bytes);
    // maps start on a page, so every tensor is aligned to its element
    static const size_t size[] = {4, 2, 2, 4, 8, 1, 8};
    assert_int_equal((size_t)(uintptr_t)r->data % size[r->type], 0);
  }
  float v[3];
  ff_ok(gaze_st_read_f32(gaze_st_find(st, "h"), v, 3));
  assert_true(v[0] >= 1 && v[0] <= 1 && v[1] >= -2 && v[1] <= -2);
  assert_true(v[2] >= 0x1p-24f && v[2] <= 0x1p-24f);
  ff_ok(gaze_st_read_f32(gaze_st_find(st, "b\"\\\n"), v, 2));
  assert_true(v[1] >= -3 && v[1] <= -3);
  gaze_st_close(&st);
  free(path);
}

static void refused_writes_leave_the_old_file(void **state) {
  (void)state;
  char *path = in_dir("keep.safetensors");
  float f[2] = {1, 2};
  gaze_st_tensor good = {
      .name = "f", .type = GAZE_ST_F32, .rank = 1, .shape = {2}, .data = f, .bytes = 8};
  ff_ok(gaze_st_write(path, &good, 1, NULL));
  gaze_buf before = ff_read(path);
  gaze_st_tensor bad[8];
  for (int i = 0; i < 8; i++) bad[i] = good;
  bad[0].bytes = 7;
  bad[1].shape[0] = 3;
  bad[2].data = NULL;
  bad[3].name = "";
  bad[4].name = "__metadata__";
  bad[5].rank = 9;
  bad[6].type = (gaze_st_type)99;
  bad[7].name = "\xFF";
  for (int i = 0; i < 8; i++) assert_int_equal(gaze_st_write(path, &bad[i], 1, NULL), GAZE_ERR_ARG);
  gaze_st_tensor twice[2] = {good, good};
  ff_fails(gaze_st_write(path, twice, 2, NULL), GAZE_ERR_ARG, "repeated");
  ff_fails(gaze_st_write(path, &good, 1, "{\"a\":1}"), GAZE_ERR_ARG, "metadata");
  ff_fails(gaze_st_write(path, &good, 1, "{"), GAZE_ERR_FORMAT, "metadata");
  ff_fails(gaze_st_write("no/such/folder/x", &good, 1, NULL), GAZE_ERR_IO, "cannot write");
  gaze_buf after = ff_read(path);
  assert_int_equal(before.len, after.len);
  assert_memory_equal(before.data, after.data, before.len);
  gaze_buf_fini(&before);
  gaze_buf_fini(&after);
  free(path);
}

static void values_that_are_no_numbers(void **state) {
  (void)state;
  static const struct {
    gaze_st_type type;
    uint32_t bits;
  } row[] = {{GAZE_ST_F32, 0x7FC00000}, {GAZE_ST_F32, 0x7F800000}, {GAZE_ST_F32, 0xFF800001},
             {GAZE_ST_BF16, 0x7F80},    {GAZE_ST_BF16, 0xFFC0},    {GAZE_ST_F16, 0x7C00},
             {GAZE_ST_F16, 0xFE00}};
  char *path = in_dir("nan.safetensors");
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    size_t size = row[i].type == GAZE_ST_F32 ? 4 : 2;
    unsigned char bytes[4 * 3] = {0};
    for (size_t k = 0; k < size; k++) bytes[2 * size + k] = (unsigned char)(row[i].bits >> (8 * k));
    gaze_st_tensor t = {.name = "layer.w",
                        .type = row[i].type,
                        .rank = 1,
                        .shape = {3},
                        .data = bytes,
                        .bytes = 3 * size};
    ff_ok(gaze_st_write(path, &t, 1, NULL));
    gaze_st *st = NULL;
    ff_ok(gaze_st_open(&st, path));
    float v[3];
    ff_fails(gaze_st_read_f32(gaze_st_find(st, "layer.w"), v, 3), GAZE_ERR_FORMAT, "layer.w");
    gaze_st_close(&st);
  }
  free(path);
}

static void folders(void **state) {
  (void)state;
  gaze_st *st = NULL;
  char *folder = in_dir("folder"), *index = in_dir("folder/model.safetensors.index.json");
  char *one = in_dir("folder/one.safetensors"), *two = in_dir("folder/two.safetensors");
  ff_ok(gaze_dir_make(folder));
  ff_fails(gaze_st_open_folder(&st, folder), GAZE_ERR_NOTFOUND, "model.safetensors");
  float f = 1;
  gaze_st_tensor a = {.name = "a", .type = GAZE_ST_F32, .data = &f, .bytes = 4};
  gaze_st_tensor b = a;
  b.name = "b";
  ff_ok(gaze_st_write(one, &a, 1, NULL));
  static const struct {
    const char *json;
    gaze_err e;
    const char *part;
  } row[] = {
      {"{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}", GAZE_ERR_NOTFOUND,
       "two.safetensors"},
      {"{\"weight_map\":{\"a\":\"../folder/one.safetensors\"}}", GAZE_ERR_FORMAT, "\"a\""},
      {"{\"weight_map\":{\"a\":\"one.bin\"}}", GAZE_ERR_FORMAT, "\"a\""},
      {"{\"weight_map\":{\"a\":3}}", GAZE_ERR_FORMAT, "\"a\""},
      {"{\"weight_map\":[]}", GAZE_ERR_FORMAT, "weight_map"},
      {"{}", GAZE_ERR_FORMAT, "weight_map"},
      {"{\"weight_map\":{\"c\":\"one.safetensors\"}}", GAZE_ERR_FORMAT, "\"c\""},
  };
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    ff_write(index, row[i].json, strlen(row[i].json));
    ff_fails(gaze_st_open_folder(&st, folder), row[i].e, row[i].part);
    assert_null(st);
  }
  static const char both[] =
      "{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}";
  ff_write(index, both, sizeof both - 1);
  // the same name in two shards
  ff_ok(gaze_st_write(two, &a, 1, NULL));
  ff_fails(gaze_st_open_folder(&st, folder), GAZE_ERR_FORMAT, "repeated");
  ff_ok(gaze_st_write(two, &b, 1, NULL));
  ff_ok(gaze_st_open_folder(&st, folder));
  assert_int_equal(gaze_st_count(st), 2);
  gaze_st_close(&st);
  // the index names the wrong shard
  static const char swapped[] =
      "{\"weight_map\":{\"b\":\"one.safetensors\",\"a\":\"two.safetensors\"}}";
  ff_write(index, swapped, sizeof swapped - 1);
  ff_fails(gaze_st_open_folder(&st, folder), GAZE_ERR_FORMAT, "is not in shard");
  free(folder);
  free(index);
  free(one);
  free(two);
}

int main(void) {
  dir = ff_dir("test_safetensors");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(golden_single),
      cmocka_unit_test(golden_shards),
      cmocka_unit_test(lying_headers),
      cmocka_unit_test(honest_headers),
      cmocka_unit_test(header_lengths),
      cmocka_unit_test(every_truncation),
      cmocka_unit_test(written_files_come_back),
      cmocka_unit_test(refused_writes_leave_the_old_file),
      cmocka_unit_test(values_that_are_no_numbers),
      cmocka_unit_test(folders),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
