// tests/nn/test_tokenizer.c - every golden string of both models, added tokens, hostile texts and
// files.
#include "nn/tokenizer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fixture_file.h"

static gaze_tokenizer *open_tiny(const char *model) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s/tokenizer.json", FF_GOLDEN, model);
  gaze_tokenizer *t = NULL;
  ff_ok(gaze_tokenizer_open(&t, path));
  return t;
}

static gaze_ids ids_of(const cJSON *list) {
  gaze_ids l = {0};
  const cJSON *v = NULL;
  cJSON_ArrayForEach(v, list) ff_ok(gaze_ids_add(&l, v->valueint));
  return l;
}

static void same_ids(const gaze_ids *got, const gaze_ids *want, const char *text) {
  if (got->n != want->n || (got->n && memcmp(got->v, want->v, (size_t)got->n * sizeof(int)) != 0))
    print_error("text: \"%s\"\n", text);
  assert_int_equal(got->n, want->n);
  if (got->n) assert_memory_equal(got->v, want->v, (size_t)got->n * sizeof(int));
}

static gaze_ids encode(const gaze_tokenizer *t, const char *text, bool special) {
  gaze_ids l = {0};
  ff_ok(gaze_tokenizer_encode(t, text, strlen(text), special, &l));
  return l;
}

static void decodes_to(const gaze_tokenizer *t, const gaze_ids *l, bool skip, const char *want) {
  gaze_buf b = GAZE_BUF_INIT;
  ff_ok(gaze_tokenizer_decode(t, l->v, l->n, skip, &b));
  // U+E000 stands for NUL in the expectations
  gaze_buf shown = GAZE_BUF_INIT;
  for (size_t i = 0; i < b.len; i++)
    gaze_buf_add(&shown, b.data[i] ? b.data + i : "\xEE\x80\x80", b.data[i] ? 1 : 3);
  assert_string_equal(gaze_buf_text(&shown), want);
  gaze_buf_fini(&shown);
  gaze_buf_fini(&b);
}

// the strings are also stored in hex: JSON readers may not keep them all alike
static char *text_of(const cJSON *row, size_t *len) {
  const char *hex = gaze_json_get(row, "utf8_hex")->valuestring;
  size_t n = *len = strlen(hex) / 2;
  char *s = calloc(n + 1, 1);
  for (size_t i = 0; i < n; i++) {
    unsigned byte = 0;
    assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
    s[i] = (char)byte;
  }
  return s;
}

static void golden_of(const char *model) {
  char name[128];
  snprintf(name, sizeof name, "%s-golden/tokenizer_cases.json", model);
  cJSON *j = ff_golden_json(name);
  gaze_tokenizer *t = open_tiny(model);
  int strings = 0, lists = 0;
  const cJSON *row = NULL;
  cJSON_ArrayForEach(row, gaze_json_get(j, "encode")) {
    size_t n = 0;
    char *text = text_of(row, &n);
    gaze_ids want = ids_of(gaze_json_get(row, "ids")), got = {0};
    ff_ok(gaze_tokenizer_encode(t, text, n, true, &got));
    same_ids(&got, &want, text);
    decodes_to(t, &got, false, gaze_json_get(row, "decoded")->valuestring);
    decodes_to(t, &got, true, gaze_json_get(row, "decoded_skip_special")->valuestring);
    gaze_ids_fini(&want);
    gaze_ids_fini(&got);
    free(text);
    strings++;
  }
  cJSON_ArrayForEach(row, gaze_json_get(j, "decode")) {
    gaze_ids l = ids_of(gaze_json_get(row, "ids"));
    decodes_to(t, &l, false, gaze_json_get(row, "decoded")->valuestring);
    decodes_to(t, &l, true, gaze_json_get(row, "decoded_skip_special")->valuestring);
    gaze_ids_fini(&l);
    lists++;
  }
  assert_int_equal(strings, 165);
  assert_int_equal(lists, 25);
  int b = 0;
  cJSON_ArrayForEach(row, gaze_json_get(j, "byte_ids")) {
    size_t n = 0;
    const char *s = gaze_tokenizer_bytes(t, row->valueint, &n);
    assert_int_equal(n, 1);
    assert_int_equal((unsigned char)s[0], b++);
  }
  assert_int_equal(b, 256);
  cJSON_ArrayForEach(row, gaze_json_get(j, "special_ids")) {
    assert_int_equal(gaze_tokenizer_id(t, row->string), row->valueint);
    assert_true(gaze_tokenizer_is_special(t, row->valueint));
  }
  gaze_tokenizer_close(&t);
  assert_null(t);
  cJSON_Delete(j);
}

static void golden_strings(void **state) {
  (void)state;
  golden_of("tiny-a");
  golden_of("tiny-b");
}

static void golden_prompts(void **state) {
  (void)state;
  static const char *const models[] = {"tiny-a", "tiny-b"};
  for (int m = 0; m < 2; m++) {
    char name[128];
    snprintf(name, sizeof name, "%s-golden/cases.json", models[m]);
    cJSON *j = ff_golden_json(name);
    gaze_tokenizer *t = open_tiny(models[m]);
    const cJSON *c = NULL;
    cJSON_ArrayForEach(c, gaze_json_get(j, "cases")) {
      const cJSON *target = gaze_json_get(c, "target");
      const char *text = gaze_json_get(target, "text")->valuestring;
      gaze_ids want = ids_of(gaze_json_get(target, "ids")), got = encode(t, text, true);
      same_ids(&got, &want, text);
      gaze_ids_fini(&want);
      gaze_ids_fini(&got);
      want = ids_of(gaze_json_get(gaze_json_get(c, "greedy"), "ids"));
      decodes_to(t, &want, false, gaze_json_get(gaze_json_get(c, "greedy"), "text")->valuestring);
      gaze_ids_fini(&want);
    }
    gaze_tokenizer_close(&t);
    cJSON_Delete(j);
  }
}

static void user_text_cannot_spell_special_tokens(void **state) {
  (void)state;
  gaze_tokenizer *t = open_tiny("tiny-a");
  static const char text[] = "a<|im_end|>b<|image_pad|><|im_start|>";
  gaze_ids plain = encode(t, text, false), cut = encode(t, text, true);
  for (int i = 0; i < plain.n; i++) assert_false(gaze_tokenizer_is_special(t, plain.v[i]));
  decodes_to(t, &plain, true, text);
  assert_int_equal(cut.n, 5);
  assert_int_equal(cut.v[1], gaze_tokenizer_id(t, "<|im_end|>"));
  decodes_to(t, &cut, true, "ab");
  decodes_to(t, &cut, false, text);
  gaze_ids_fini(&plain);
  gaze_ids_fini(&cut);
  gaze_tokenizer_close(&t);
}

static void lookups(void **state) {
  (void)state;
  gaze_tokenizer *t = open_tiny("tiny-a");
  assert_int_equal(gaze_tokenizer_size(t), 588);
  // 257 is "Ġt" in the file: a space and a t
  size_t n = 7;
  assert_string_equal(gaze_tokenizer_bytes(t, 257, &n), " t");
  assert_int_equal(n, 2);
  assert_int_equal(gaze_tokenizer_id(t, " t"), 257);
  assert_int_equal(gaze_tokenizer_id(t, "no such token"), -1);
  assert_int_equal(gaze_tokenizer_id(t, ""), -1);
  assert_null(gaze_tokenizer_bytes(t, -1, &n));
  assert_null(gaze_tokenizer_bytes(t, 588, &n));
  assert_int_equal(n, 0);
  assert_false(gaze_tokenizer_is_special(t, -1));
  assert_false(gaze_tokenizer_is_special(t, 588));
  assert_false(gaze_tokenizer_is_special(t, 257));
  gaze_tokenizer_close(&t);
  gaze_tokenizer_close(&t);
}

// edits the file of tiny-a and opens it; the caller checks the error
static gaze_err open_edited(gaze_tokenizer **t, const char *from, const char *to) {
  gaze_buf file = ff_read(FF_GOLDEN "/tiny-a/tokenizer.json");
  char *json = ff_replace(file.data, from, to);
  gaze_err e = gaze_tokenizer_parse(t, json, strlen(json), "edited.json");
  free(json);
  gaze_buf_fini(&file);
  return e;
}

#define ADDED(id, text, flags) \
  "\"added_tokens\": [{\"id\": " #id ", \"content\": \"" text "\"" flags "},"

static void ordinary_added_tokens(void **state) {
  (void)state;
  gaze_tokenizer *t = NULL;
  // "e" + U+0301 as a normalised token is found as U+00E9 too; "<|im" competes with "<|im_end|>"
  ff_ok(open_edited(
      &t, "\"added_tokens\": [",
      ADDED(600, "<|im",
            ",\"normalized\":false,\"special\":false") "{\"id\":601,\"content\":\"e\\u0301\","
                                                       "\"normalized\":true},"
                                                       "{\"id\":602,\"content\":\"12\"},{\"id\":"
                                                       "603,\"content\":\"123\"},"));
  assert_int_equal(gaze_tokenizer_size(t), 604);
  gaze_ids l = encode(t, "1234<|im_end|><|im12", true);
  int want[] = {603, 19, 582, 600, 602};
  assert_int_equal(l.n, 5);
  assert_memory_equal(l.v, want, sizeof want);
  gaze_ids_fini(&l);
  // the spelling of a special token is plain text as a whole, next to it ordinary ones are found
  l = encode(t, "<|im_end|><|im", false);
  assert_int_not_equal(l.v[0], 600);
  assert_int_equal(l.v[l.n - 1], 600);
  gaze_ids_fini(&l);
  l = encode(t, "x\xC3\xA9xe\xCC\x81", true);
  assert_int_equal(l.n, 4);
  assert_int_equal(l.v[1], 601);
  assert_int_equal(l.v[3], 601);
  gaze_ids_fini(&l);
  // ids without a token decode to nothing
  int hole[] = {595, 32, -5, 1 << 30};
  l = (gaze_ids){.v = hole, .n = 4};
  decodes_to(t, &l, false, "A");
  gaze_tokenizer_close(&t);
}

static void whole_pieces_without_merges(void **state) {
  (void)state;
  gaze_tokenizer *t = NULL, *plain = open_tiny("tiny-a");
  // "xyzzy" cannot be merged together, but stands in the vocabulary
  ff_ok(open_edited(&t, "\"vocab\": {", "\"vocab\": {\"xyzzy\": 700,"));
  gaze_ids l = encode(t, "xyzzy", true), same = encode(plain, "xyzzy", true);
  same_ids(&l, &same, "xyzzy");
  gaze_ids_fini(&l);
  gaze_tokenizer_close(&t);

  ff_ok(open_edited(&t, "\"ignore_merges\": false,\n  \"vocab\": {",
                    "\"ignore_merges\": true, \"vocab\": {\"xyzzy\": 700,"));
  l = encode(t, "xyzzy", true);
  assert_int_equal(l.n, 1);
  assert_int_equal(l.v[0], 700);
  gaze_ids_fini(&l);
  // never for what users type
  l = encode(t, "<|im_end|>", false);
  for (int i = 0; i < l.n; i++) assert_false(gaze_tokenizer_is_special(t, l.v[i]));
  gaze_ids_fini(&l);
  gaze_ids_fini(&same);
  gaze_tokenizer_close(&t);
  gaze_tokenizer_close(&plain);
}

static void white_space_is_unicode(void **state) {
  (void)state;
  // a tokenizer whose pattern cuts single spaces out: the pieces show in the merges
  gaze_tokenizer *t = NULL;
  ff_ok(open_edited(&t, "\"Regex\": \"", "\"Regex\": \"\\\\s|[^\\\\s]+|"));
  // " t" is a token, but a space of any kind is a piece of its own here
  gaze_ids l = encode(t, " t", true);
  assert_int_equal(l.n, 2);
  gaze_ids_fini(&l);
  gaze_tokenizer_close(&t);

  static const struct {
    const char *text;
    bool space;
  } row[] = {
      {"\t", true},           {"\x0b", true},
      {"\x0c", true},         {"\r", true},
      {"\x1c", false},        {"\x1f", false},
      {"\xC2\x85", true},     {"\xC2\xA0", true},
      {"\xE1\x9A\x80", true}, {"\xE1\xA0\x8E", false},
      {"\xE2\x80\x82", true}, {"\xE2\x80\x8B", false},
      {"\xE2\x80\xA8", true}, {"\xE2\x80\xA9", true},
      {"\xE2\x80\xAF", true}, {"\xE2\x81\x9F", true},
      {"\xE3\x80\x80", true}, {"\xEF\xBB\xBF", false},
  };
  for (int kind = 0; kind < 2; kind++) {
    ff_ok(open_edited(&t, "\"Regex\": \"",
                      kind ? "\"Regex\": \"\\\\Sh(?=e)|" : "\"Regex\": \"[\\\\s]h(?=e)|"));
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
      char text[16];
      snprintf(text, sizeof text, "%she", row[i].text);
      bool cut = row[i].space == (kind == 0);
      l = encode(t, text, true);
      int last = l.v[l.n - 1];
      // a match ends between h and e and keeps them apart
      assert_int_equal(last, gaze_tokenizer_id(t, cut ? "e" : "he"));
      gaze_ids_fini(&l);
    }
    gaze_tokenizer_close(&t);
  }
}

static void bad_files_are_refused_by_name(void **state) {
  (void)state;
  static const struct {
    const char *from, *to, *part;
    gaze_err e;
  } row[] = {
      {"\"type\": \"BPE\"", "\"type\": \"Unigram\"", "model.type", GAZE_ERR_FORMAT},
      {"\"type\": \"NFC\"", "\"type\": \"NFKC\"", "normalizer", GAZE_ERR_FORMAT},
      {"\"Isolated\"", "\"Removed\"", "behavior", GAZE_ERR_FORMAT},
      {"\"invert\": false", "\"invert\": true", "invert", GAZE_ERR_FORMAT},
      {"\"Regex\": \"", "\"Regex\": \"(", "Regex", GAZE_ERR_FORMAT},
      {"\"Regex\": \"", "\"Regex\": \"[\\\\S]|", "Regex", GAZE_ERR_FORMAT},
      {"\"Regex\": \"", "\"Regex\": \"\\\\C|", "Regex", GAZE_ERR_FORMAT},
      {"\"Regex\"", "\"String\"", "Regex", GAZE_ERR_FORMAT},
      {"\"add_prefix_space\": false", "\"add_prefix_space\": true", "add_prefix_space",
       GAZE_ERR_FORMAT},
      {"\"use_regex\": false", "\"use_regex\": true", "use_regex", GAZE_ERR_FORMAT},
      {"\"truncation\": null", "\"truncation\": {}", "truncation", GAZE_ERR_FORMAT},
      {"\"byte_fallback\": false", "\"byte_fallback\": true", "byte_fallback",
       GAZE_ERR_UNSUPPORTED},
      {"\"dropout\": null", "\"dropout\": 0.1", "dropout", GAZE_ERR_UNSUPPORTED},
      {"\"lstrip\": false", "\"lstrip\": true", "lstrip", GAZE_ERR_UNSUPPORTED},
      {"\"single_word\": false", "\"single_word\": true", "single_word", GAZE_ERR_UNSUPPORTED},
      {"\"special\": true", "\"special\": 1", "added_tokens", GAZE_ERR_FORMAT},
      {"\"id\": 580", "\"id\": -1", "added_tokens[].id", GAZE_ERR_FORMAT},
      {"\"id\": 580", "\"id\": 1.5", "added_tokens[].id", GAZE_ERR_FORMAT},
      {"\"id\": 580", "\"id\": 99999999", "added_tokens[].id", GAZE_ERR_FORMAT},
      {"\"id\": 580", "\"id\": 581", "added_tokens", GAZE_ERR_FORMAT},
      {"\"content\": \"<|endoftext|>\"", "\"content\": \"\"", "content", GAZE_ERR_FORMAT},
      {"\"content\": \"<|endoftext|>\"", "\"content\": 3", "content", GAZE_ERR_FORMAT},
      {"\"!\": 0", "\"!\": -1", "model.vocab", GAZE_ERR_FORMAT},
      {"\"!\": 0", "\"!\": 1", "model.vocab", GAZE_ERR_FORMAT},
      {"\"!\": 0", "\"\": 0", "model.vocab", GAZE_ERR_FORMAT},
      {"\"!\": 0", "\" \": 0", "model.vocab", GAZE_ERR_FORMAT},
      {"\"!\": 0", "\"\xE4\xB8\x8A\": 0", "model.vocab", GAZE_ERR_FORMAT},
      {"\"!\": 0", "\"zzz\": 0", "byte 0x21", GAZE_ERR_FORMAT},
      {"\"hel lo\"", "\"hello\"", "model.merges", GAZE_ERR_FORMAT},
      {"\"hel lo\"", "\"h e l\"", "model.merges", GAZE_ERR_FORMAT},
      {"\"hel lo\"", "\"qq qq\"", "model.merges", GAZE_ERR_FORMAT},
      {"\"hel lo\"", "[\"hel\"]", "model.merges", GAZE_ERR_FORMAT},
      {"\"hel lo\"", "7", "model.merges", GAZE_ERR_FORMAT},
      {"\"decoder\": {", "\"decoder\": {\"type\":\"WordPiece\"}, \"x\": {", "decoder",
       GAZE_ERR_FORMAT},
  };
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    gaze_tokenizer *t = NULL;
    ff_fails(open_edited(&t, row[i].from, row[i].to), row[i].e, row[i].part);
    assert_non_null(strstr(gaze_err_detail(), "edited.json"));
    assert_null(t);
  }
  gaze_tokenizer *t = NULL;
  ff_fails(gaze_tokenizer_open(&t, "no/such/tokenizer.json"), GAZE_ERR_NOTFOUND, "tokenizer.json");
}

static void truncated_files_are_refused(void **state) {
  (void)state;
  gaze_buf file = ff_read(FF_GOLDEN "/tiny-a/tokenizer.json");
  for (size_t n = 0; n + 2 < file.len; n += 37) {
    gaze_tokenizer *t = NULL;
    assert_int_equal(gaze_tokenizer_parse(&t, file.data, n, "cut.json"), GAZE_ERR_FORMAT);
    assert_null(t);
  }
  gaze_buf_fini(&file);
}

static void invalid_text_is_refused(void **state) {
  (void)state;
  gaze_tokenizer *t = open_tiny("tiny-a");
  gaze_ids l = {0};
  ff_ok(gaze_ids_add(&l, 5));
  static const char *const text[] = {"a\xFF", "\xC0\x80", "\xED\xA0\x80", "ab\xE2\x82"};
  for (int i = 0; i < 4; i++)
    ff_fails(gaze_tokenizer_encode(t, text[i], strlen(text[i]), true, &l), GAZE_ERR_ARG, "UTF-8");
  assert_int_equal(l.n, 1);
  gaze_ids_fini(&l);
  gaze_tokenizer_close(&t);
}

// repeats a pattern to n bytes
static char *repeat(const char *s, size_t n) {
  size_t k = strlen(s);
  char *out = malloc(n + 1);
  for (size_t i = 0; i < n; i++) out[i] = s[i % k];
  out[n] = 0;
  return out;
}

static void long_texts_come_back(void **state) {
  (void)state;
  gaze_tokenizer *t = open_tiny("tiny-b");
  // one piece of 600000 bytes each; lengths are multiples of the patterns
  static const char *const pattern[] = {"a",   " ",  "\n", "he", ".", "\xE4\xB8\x8A",
                                        " \t", "'s", "0"};
  for (size_t i = 0; i < sizeof pattern / sizeof *pattern; i++) {
    char *text = repeat(pattern[i], 600000);
    gaze_ids l = encode(t, text, true);
    decodes_to(t, &l, false, text);
    gaze_ids_fini(&l);
    free(text);
  }
  gaze_tokenizer_close(&t);
}

static void marks_are_ordered_in_linear_time(void **state) {
  (void)state;
  gaze_tokenizer *t = open_tiny("tiny-a");
  // a letter with 100000 marks of classes 230 and 220 in turn: NFC moves all 220 in front, and
  // the first of class 230 composes with none of them in between but "e" + U+0323
  enum { MARKS = 50000 };
  gaze_buf text = GAZE_BUF_INIT, want = GAZE_BUF_INIT;
  gaze_buf_str(&text, "q");
  gaze_buf_str(&want, "q");
  for (int i = 0; i < MARKS; i++) gaze_buf_str(&text, "\xCC\x81\xCC\xA3");
  for (int i = 0; i < MARKS; i++) gaze_buf_str(&want, "\xCC\xA3");
  for (int i = 0; i < MARKS; i++) gaze_buf_str(&want, "\xCC\x81");
  gaze_ids l = encode(t, text.data, true);
  decodes_to(t, &l, false, want.data);
  gaze_ids_fini(&l);
  gaze_buf_fini(&text);
  gaze_buf_fini(&want);
  gaze_tokenizer_close(&t);
}

static void runaway_patterns_are_stopped(void **state) {
  (void)state;
  gaze_tokenizer *t = NULL;
  ff_ok(open_edited(&t, "\"Regex\": \"", "\"Regex\": \"(a+)+(a+)+(a+)+\\\\1\\\\2\\\\3\\\\1b|"));
  char *text = repeat("a", 4000);
  gaze_ids l = {0};
  ff_fails(gaze_tokenizer_encode(t, text, 4000, true, &l), GAZE_ERR_RANGE, "pre-tokeniser");
  assert_int_equal(l.n, 0);
  free(text);
  gaze_ids_fini(&l);
  gaze_tokenizer_close(&t);
}

static void id_lists_grow(void **state) {
  (void)state;
  gaze_ids l = {0};
  for (int i = 0; i < 1000; i++) ff_ok(gaze_ids_add(&l, 3 * i));
  int more[] = {7, 8};
  ff_ok(gaze_ids_append(&l, more, 2));
  ff_ok(gaze_ids_append(&l, NULL, 0));
  assert_int_equal(gaze_ids_append(&l, more, -1), GAZE_ERR_ARG);
  assert_int_equal(l.n, 1002);
  for (int i = 0; i < 1000; i++) assert_int_equal(l.v[i], 3 * i);
  assert_int_equal(l.v[1001], 8);
  gaze_ids_fini(&l);
  assert_null(l.v);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(golden_strings),
      cmocka_unit_test(golden_prompts),
      cmocka_unit_test(user_text_cannot_spell_special_tokens),
      cmocka_unit_test(lookups),
      cmocka_unit_test(ordinary_added_tokens),
      cmocka_unit_test(whole_pieces_without_merges),
      cmocka_unit_test(white_space_is_unicode),
      cmocka_unit_test(bad_files_are_refused_by_name),
      cmocka_unit_test(truncated_files_are_refused),
      cmocka_unit_test(invalid_text_is_refused),
      cmocka_unit_test(long_texts_come_back),
      cmocka_unit_test(marks_are_ordered_in_linear_time),
      cmocka_unit_test(runaway_patterns_are_stopped),
      cmocka_unit_test(id_lists_grow),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
