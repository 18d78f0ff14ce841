// tests/view/test_plot.c - curves: one panel per key that occurs, broken lines skipped.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include "view/plot.h"

static int occurrences(const char *text, const char *what) {
  int n = 0;
  for (const char *s = text; (s = strstr(s, what)) != NULL; s++) n++;
  return n;
}

static void test_panels(void **state) {
  (void)state;
  static const char text[] =
      "{\"step\":1,\"loss\":4,\"other\":\"x\"}\nnot json\n{\"step\":2,\"loss\":2}\n"
      "{\"step\":3,\"loss\":1,\"aux\":5}\n{\"step\":4,\"lo";
  static const char *const keys[] = {"loss", "aux", "none", NULL};
  gaze_buf b = GAZE_BUF_INIT;
  assert_int_equal(gaze_plot_svg(text, sizeof text - 1, keys, &b), GAZE_OK);
  const char *svg = gaze_buf_text(&b);
  // "aux" has one point only, which is no curve
  assert_int_equal(occurrences(svg, "font-weight='600'>loss<"), 1);
  assert_int_equal(occurrences(svg, "font-weight='600'>"), 1);
  assert_int_equal(occurrences(svg, "<polyline"), 2);
  // the first point is the highest and leftmost, the last the lowest and rightmost
  assert_non_null(strstr(svg, "points='70.0,34.0 "));
  assert_non_null(strstr(svg, "840.0,186.0 '"));
  gaze_buf_fini(&b);
}

static void test_nothing(void **state) {
  (void)state;
  static const char *const keys[] = {"loss", NULL};
  gaze_buf b = GAZE_BUF_INIT;
  assert_int_equal(gaze_plot_svg("", 0, keys, &b), GAZE_ERR_FORMAT);
  assert_int_equal(gaze_plot_svg("{\"step\":1}\n", 11, keys, &b), GAZE_ERR_FORMAT);
  gaze_buf_fini(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_panels), cmocka_unit_test(test_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
