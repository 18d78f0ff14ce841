// tests/view/test_html.c - the replay page escapes texts, shows boxes and stands alone.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "core/file.h"
#include "view/html.h"

#define PAGE GAZE_BINARY_DIR "/test_page.html"

static int occurrences(const char *text, const char *what) {
  int n = 0;
  for (const char *s = text; (s = strstr(s, what)) != NULL; s++) n++;
  return n;
}

static void test_page(void **state) {
  (void)state;
  gaze_html *h;
  assert_int_equal(gaze_html_open(&h, PAGE, "title <b>", "about & more"), GAZE_OK);
  uint8_t rgb[8 * 8 * 3] = {0};
  const gaze_image im = {.rgb = rgb, .w = 8, .h = 8};
  gaze_truth t = {.sufficient = false, .options = 2, .boxes = 1, .family = "stack"};
  t.label[1] = GAZE_OPT_GAINING | GAZE_OPT_OPTIMAL;
  t.box[0] = (gaze_truth_box){.x1 = 0.5f, .y1 = 0.5f, .name = "cube"};
  assert_int_equal(gaze_html_episode(h, 0, 42, &t), GAZE_OK);
  gaze_outcome out = {.choice = 1, .action = true, .gaining = true, .status = "ok", .format = true};
  const gaze_html_step s = {
      .image = &im,
      .user = "Question: <script>alert(1)</script>?\n<image>\nOptions:\nred A\nview left 30 B",
      .reply =
          "<think>\n## Visual Reasoning\n[10 20 30 40] large \"red\" cube\n[1 2 3] not a box\n",
      .truth = &t,
      .out = &out,
      .isj = 50,
      .igr = -1,
      .fa = -1};
  assert_int_equal(gaze_html_step_add(h, &s), GAZE_OK);
  assert_int_equal(gaze_html_step_add(h, &s), GAZE_OK);
  assert_int_equal(gaze_html_close(&h), GAZE_OK);
  assert_null(h);

  gaze_buf b = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(PAGE, 1 << 20, &b), GAZE_OK);
  const char *page = gaze_buf_text(&b);
  assert_int_equal(occurrences(page, "alert(1)"), 2);
  assert_int_equal(occurrences(page, "<script>alert"), 0);
  assert_int_equal(occurrences(page, "title &lt;b&gt;"), 2);
  assert_int_equal(occurrences(page, "<rect class=cited"), 2);
  assert_int_equal(occurrences(page, "<rect class=true"), 2);
  assert_int_equal(occurrences(page, "data:image/png;base64,iVBOR"), 2);
  assert_int_equal(occurrences(page, "class=chosen"), 2);
  assert_int_equal(occurrences(page, "large &quot;red&quot; cube"), 4);
  assert_int_equal(occurrences(page, "ISJ 50"), 2);
  assert_int_equal(occurrences(page, "IGR"), 0);
  // nothing is loaded from elsewhere
  assert_int_equal(occurrences(page, "http"), 0);
  assert_non_null(strstr(page, "</html>"));
  gaze_buf_fini(&b);
  remove(PAGE);
}

static void test_cannot_write(void **state) {
  (void)state;
  gaze_html *h;
  assert_int_equal(gaze_html_open(&h, "/nonexistent/x.html", "t", "a"), GAZE_ERR_IO);
  assert_null(h);
  assert_int_equal(gaze_html_close(&h), GAZE_OK);
  // a full disk is reported, not ignored
  if (gaze_html_open(&h, "/dev/full", "t", "a") == GAZE_OK) {
    assert_int_equal(gaze_html_close(&h), GAZE_ERR_IO);
  } else {
    assert_non_null(strstr(gaze_err_detail(), "/dev/full"));
    gaze_html_close(&h);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_page),
                                     cmocka_unit_test(test_cannot_write)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
