// tests/nn/fixture_file.c - see fixture_file.h.
#include "fixture_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"

void ff_ok(gaze_err e) {
  if (e) print_error("%s: %s\n", gaze_err_text(e), gaze_err_detail());
  assert_int_equal(e, GAZE_OK);
}

void ff_fails(gaze_err e, gaze_err want, const char *part) {
  if (e != want || !strstr(gaze_err_detail(), part))
    print_error("got \"%s\", expected \"%s\" in it\n", gaze_err_detail(), part);
  assert_int_equal(e, want);
  assert_non_null(strstr(gaze_err_detail(), part));
}

const char *ff_dir(const char *test) {
  static char dir[1024];
  snprintf(dir, sizeof dir, "%s/%s", GAZE_BINARY_DIR, test);
  ff_ok(gaze_dir_remove(dir));
  ff_ok(gaze_dir_make(dir));
  return dir;
}

char *ff_path(const char *dir, const char *name) {
  size_t n = strlen(dir) + strlen(name) + 2;
  char *p = malloc(n);
  assert_non_null(p);
  snprintf(p, n, "%s/%s", dir, name);
  return p;
}

void ff_write(const char *path, const void *bytes, size_t n) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, n, f), n);
  assert_int_equal(fclose(f), 0);
}

gaze_buf ff_read(const char *path) {
  gaze_buf b = GAZE_BUF_INIT;
  ff_ok(gaze_file_read(path, (size_t)1 << 28, &b));
  return b;
}

cJSON *ff_golden_json(const char *name) {
  char *path = ff_path(FF_GOLDEN, name);
  gaze_buf b = ff_read(path);
  for (char *at = b.data; (at = strstr(at, "\\u0000")) != NULL; at++) memcpy(at, "\\ue000", 6);
  cJSON *j = NULL;
  ff_ok(gaze_json_parse(&j, b.data, b.len, path));
  gaze_buf_fini(&b);
  free(path);
  return j;
}

char *ff_replace(const char *text, const char *from, const char *to) {
  const char *at = strstr(text, from);
  if (!at) print_error("\"%s\" is not in the text\n", from);
  assert_non_null(at);
  gaze_buf b = GAZE_BUF_INIT;
  gaze_buf_add(&b, text, (size_t)(at - text));
  gaze_buf_str(&b, to);
  gaze_buf_str(&b, at + strlen(from));
  assert_false(b.failed);
  return b.data;
}
