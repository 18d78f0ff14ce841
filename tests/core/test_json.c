// tests/core/test_json.c - strict JSON: what cJSON lets pass must be refused here.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include "core/json.h"

static gaze_err parse(const char *text, cJSON **j) {
  return gaze_json_parse(j, text, strlen(text), "test");
}

static void test_accepts(void **state) {
  (void)state;
  static const char *const good[] = {"{}",
                                     " [1, -0.5e3, 0] \n",
                                     "\"a\\u00e9\\\"\"",
                                     "true",
                                     "{\"a\":{\"b\":[null]}}",
                                     "1e5",
                                     "\"\xC3\xA9\"",
                                     "[[[]]]"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    cJSON *j;
    assert_int_equal(parse(good[i], &j), GAZE_OK);
    cJSON_Delete(j);
  }
}

static void test_refuses(void **state) {
  (void)state;
  static const char *const bad[] = {"",    "{",        "{}x",      "01",          "1.",
                                    ".5",  "+1",       "NaN",      "[1,]",        "{a:1}",
                                    "'a'", "\"\x01\"", "\"\xFF\"", "\"\\u0000\"", "Infinity",
                                    "-",   "1e",       "[1 2]",    "{\"a\" 1}"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    cJSON *j;
    if (parse(bad[i], &j) != GAZE_ERR_FORMAT) fail_msg("accepted %s", bad[i]);
    assert_null(j);
    assert_non_null(strstr(gaze_err_detail(), "test"));
  }
}

static void test_nesting_is_bounded(void **state) {
  (void)state;
  char deep[256];
  cJSON *j;
  memset(deep, '[', 100);
  memset(deep + 100, ']', 100);
  assert_int_equal(gaze_json_parse(&j, deep, 200, "deep"), GAZE_ERR_FORMAT);
  assert_int_equal(gaze_json_parse(&j, deep + 50, 100, "deep"), GAZE_OK);
  cJSON_Delete(j);
}

static void test_members(void **state) {
  (void)state;
  cJSON *j;
  assert_int_equal(parse("{\"n\":7,\"x\":1.5,\"s\":\"t\",\"n\":8,\"big\":1e999}", &j), GAZE_OK);
  int64_t n;
  double x;
  const char *s;
  assert_int_equal(gaze_json_int(j, "n", 0, 10, &n, "f"), GAZE_OK);
  assert_int_equal(n, 8);  // the last duplicate wins
  assert_int_equal(gaze_json_int(j, "n", 0, 7, &n, "f"), GAZE_ERR_FORMAT);
  assert_int_equal(gaze_json_int(j, "x", 0, 7, &n, "f"), GAZE_ERR_FORMAT);
  assert_int_equal(gaze_json_int(j, "N", 0, 10, &n, "f"), GAZE_ERR_FORMAT);  // exact case
  assert_int_equal(gaze_json_num(j, "x", &x, "f"), GAZE_OK);
  assert_true(x == 1.5);
  assert_int_equal(gaze_json_num(j, "big", &x, "f"), GAZE_ERR_FORMAT);
  assert_int_equal(gaze_json_str(j, "s", &s, "f"), GAZE_OK);
  assert_string_equal(s, "t");
  assert_int_equal(gaze_json_str(j, "x", &s, "f"), GAZE_ERR_FORMAT);
  cJSON_Delete(j);
}

static void test_write_string(void **state) {
  (void)state;
  gaze_buf b = GAZE_BUF_INIT;
  gaze_json_add_str(&b, "a\"\\\n\x01\xFF\xC3\xA9", 8);
  assert_string_equal(gaze_buf_text(&b), "\"a\\\"\\\\\\n\\u0001\xEF\xBF\xBD\xC3\xA9\"");
  cJSON *j;
  assert_int_equal(gaze_json_parse(&j, gaze_buf_text(&b), b.len, "back"), GAZE_OK);
  cJSON_Delete(j);
  gaze_buf_fini(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_accepts),
      cmocka_unit_test(test_refuses),
      cmocka_unit_test(test_nesting_is_bounded),
      cmocka_unit_test(test_members),
      cmocka_unit_test(test_write_string),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
