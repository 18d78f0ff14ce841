// tests/core/test_cfg.c - settings: dotted keys, merging, misuse named by key.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "core/cfg.h"
#include "core/file.h"

static void test_reads(void **state) {
  (void)state;
  gaze_cfg *c;
  assert_int_equal(gaze_cfg_open(&c), GAZE_OK);
  assert_int_equal(gaze_cfg_merge_text(c, "{\"a\":{\"b\":3,\"s\":\"x\"},\"on\":true}", "t"),
                   GAZE_OK);
  assert_int_equal(gaze_cfg_merge_text(c, "{\"a\":{\"b\":4}}", "t"), GAZE_OK);
  int64_t n;
  double d;
  const char *s;
  bool b;
  assert_int_equal(gaze_cfg_int(c, "a.b", 9, 0, 10, &n), GAZE_OK);
  assert_int_equal(n, 4);
  assert_int_equal(gaze_cfg_int(c, "a.none", 9, 0, 10, &n), GAZE_OK);
  assert_int_equal(n, 9);
  assert_int_equal(gaze_cfg_int(NULL, "a", 5, 0, 10, &n), GAZE_OK);
  assert_int_equal(n, 5);
  assert_int_equal(gaze_cfg_str(c, "a.s", "", &s), GAZE_OK);
  assert_string_equal(s, "x");  // merging kept the sibling
  assert_int_equal(gaze_cfg_bool(c, "on", false, &b), GAZE_OK);
  assert_true(b);
  assert_int_equal(gaze_cfg_num(c, "a.b", 0, 0, 3, &d), GAZE_ERR_ARG);
  assert_non_null(strstr(gaze_err_detail(), "a.b"));
  assert_int_equal(gaze_cfg_int(c, "a.s", 0, 0, 3, &n), GAZE_ERR_ARG);
  gaze_cfg_close(&c);
  assert_null(c);
}

static void test_set(void **state) {
  (void)state;
  gaze_cfg *c;
  gaze_cfg_open(&c);
  assert_int_equal(gaze_cfg_set(c, "x.y=2.5"), GAZE_OK);
  assert_int_equal(gaze_cfg_set(c, "x.name=some words"), GAZE_OK);
  assert_int_equal(gaze_cfg_set(c, "x.flag=false"), GAZE_OK);
  assert_int_equal(gaze_cfg_set(c, "novalue"), GAZE_ERR_ARG);
  assert_int_equal(gaze_cfg_set(c, "=3"), GAZE_ERR_ARG);
  assert_int_equal(gaze_cfg_set(c, "x.y.z=3"), GAZE_ERR_ARG);  // x.y is a number
  char *text = gaze_cfg_dump(c);
  assert_string_equal(text, "{\"x\":{\"y\":2.5,\"name\":\"some words\",\"flag\":false}}");
  free(text);
  gaze_cfg_close(&c);
}

static void test_files(void **state) {
  (void)state;
  const char *dir = GAZE_BINARY_DIR "/test_cfg_dir/sub";
  assert_int_equal(gaze_dir_make(dir), GAZE_OK);
  const char *path = GAZE_BINARY_DIR "/test_cfg_dir/sub/a.json";
  assert_int_equal(gaze_file_write_atomic(path, "[1]", 3), GAZE_OK);
  gaze_cfg *c;
  gaze_cfg_open(&c);
  assert_int_equal(gaze_cfg_load(c, path), GAZE_ERR_FORMAT);  // not an object
  assert_int_equal(gaze_file_write_atomic(path, "{\"k\":1}", 7), GAZE_OK);
  assert_int_equal(gaze_cfg_load(c, path), GAZE_OK);
  assert_true(gaze_cfg_has(c, "k"));
  assert_int_equal(gaze_cfg_load(c, "/nonexistent/x.json"), GAZE_ERR_NOTFOUND);
  gaze_map m;
  assert_int_equal(gaze_map_open(&m, path), GAZE_OK);
  assert_int_equal(m.len, 7);
  gaze_map_close(&m);
  assert_int_equal(gaze_map_open(&m, dir), GAZE_ERR_IO);
  gaze_buf b = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(path, 6, &b), GAZE_ERR_RANGE);
  gaze_buf_fini(&b);
  // a failed write leaves the old file
  assert_int_not_equal(gaze_file_write_atomic("/nonexistent/dir/f", "x", 1), GAZE_OK);
  gaze_cfg_close(&c);
  assert_int_equal(gaze_dir_remove(GAZE_BINARY_DIR "/test_cfg_dir"), GAZE_OK);
  assert_false(gaze_file_exists(path));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_reads), cmocka_unit_test(test_set),
                                     cmocka_unit_test(test_files)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
