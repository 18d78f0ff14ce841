// tests/app/test_view.c - gaze view and gaze run --view: with a screen, and without one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "core/file.h"
#include "data/episode.h"
#include "data/imagefile.h"
#include "tests/view/fixture_screen.h"

static const char PROGRAM[] = GAZE_BINARY_DIR "/gaze";
#define DIR GAZE_BINARY_DIR "/test_view"
#define PICTURE DIR "/window.png"

static int run(const char *const *args) {
  char *argv[24] = {(char *)(uintptr_t)PROGRAM};
  for (int i = 0; args[i]; i++) argv[i + 1] = (char *)(uintptr_t)args[i];
  fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    if (!freopen(DIR "/out", "w", stdout) || !freopen(DIR "/err", "w", stderr)) _exit(126);
    execv(PROGRAM, argv);
    _exit(127);
  }
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static bool says(const char *file, const char *what) {
  gaze_buf b = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(file, 1 << 20, &b), GAZE_OK);
  bool found = strstr(gaze_buf_text(&b), what) != NULL;
  gaze_buf_fini(&b);
  return found;
}

static int lines(const char *file) {
  gaze_buf b = GAZE_BUF_INIT;
  int n = 0;
  assert_int_equal(gaze_file_read(file, 1 << 20, &b), GAZE_OK);
  for (const char *s = gaze_buf_text(&b); (s = strchr(s, '\n')) != NULL; s++) n++;
  gaze_buf_fini(&b);
  return n;
}

static size_t recorded(const char *path) {
  gaze_record_reader *r;
  assert_int_equal(gaze_record_open(&r, path), GAZE_OK);
  size_t n = gaze_record_count(r);
  gaze_record_close(&r);
  return n;
}

// one sentence, and the run is the same as ever
static void test_run_without_screen(void **state) {
  (void)state;
  unsetenv("DISPLAY");
  assert_int_equal(RUN("run", "--view", "--env", "tutorial", "--policy", "oracle", "--episodes",
                       "3", "--out", DIR "/blind"),
                   0);
  assert_true(says(DIR "/out", "no window: "));
  assert_true(says(DIR "/out", "; the run goes on without it\n"));
  assert_int_equal(recorded(DIR "/blind/episodes.mcap"), 3);
  assert_int_equal(RUN("run", "--env", "tutorial", "--policy", "oracle", "--episodes", "3", "--out",
                       DIR "/plain"),
                   0);
  assert_false(says(DIR "/out", "window"));
  gaze_buf a = GAZE_BUF_INIT, b = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(DIR "/blind/episodes.mcap", 1 << 24, &a), GAZE_OK);
  assert_int_equal(gaze_file_read(DIR "/plain/episodes.mcap", 1 << 24, &b), GAZE_OK);
  assert_true(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
  gaze_buf_fini(&a);
  gaze_buf_fini(&b);
}

static void test_view_without_screen(void **state) {
  (void)state;
  unsetenv("DISPLAY");
  const int none = RUN("view", DIR "/plain/episodes.mcap");
  assert_true(none == 1 || none == 2);  // 2: built without GLFW
  assert_true(says(DIR "/err", "gaze view: no window: "));
  assert_int_equal(lines(DIR "/err"), 1);
}

static void test_usage(void **state) {
  (void)state;
  assert_int_equal(RUN("view"), 2);
  assert_true(says(DIR "/err", "FILE.mcap"));
  assert_int_equal(RUN("view", "x.mcap", "--env", "avr"), 2);
  assert_int_equal(RUN("view", DIR "/nothing.mcap"), 2);
  assert_true(says(DIR "/err", "nothing.mcap"));
  assert_int_equal(gaze_file_write_atomic(DIR "/damaged.mcap", "not a log", 9), GAZE_OK);
  assert_int_equal(RUN("view", DIR "/damaged.mcap"), 2);
  assert_int_equal(lines(DIR "/err"), 1);
  assert_int_equal(RUN("view", "--env", "chess"), 2);
  assert_int_equal(RUN("view", "--help"), 0);
  assert_true(says(DIR "/out", "take over") && says(DIR "/out", "gaze view --env avr"));
}

#ifdef GAZE_WINDOW
// whether the picture of the window shows more than its background
static void assert_picture(void) {
  gaze_image im;
  assert_int_equal(gaze_image_load(&im, PICTURE), GAZE_OK);
  assert_true(im.w == 1000 && im.h == 600);
  long bright = 0;
  for (int i = 0; i < im.w * im.h; i++) bright += im.rgb[3 * i] > 120;
  assert_true(bright > 5000);
  gaze_image_free(&im);
  assert_int_equal(remove(PICTURE), 0);
}

#define SIZE "--set", "view.width=1000", "--set", "view.height=600"

static void test_log_on_screen(void **state) {
  (void)state;
  assert_int_equal(
      RUN("view", DIR "/plain/episodes.mcap", "--screenshot", PICTURE, "--frames", "3", SIZE), 0);
  assert_picture();
}

static void test_env_on_screen(void **state) {
  (void)state;
  // it waits for a key: the frames end it
  assert_int_equal(RUN("view", "--env", "tutorial", "--policy", "oracle", "--screenshot", PICTURE,
                       "--frames", "20", SIZE),
                   0);
  assert_picture();
  // it runs: the episodes end it
  assert_int_equal(
      RUN("view", "--env", "tutorial", "--policy", "oracle", "--run", "--episodes", "1", SIZE), 0);
}

// the window closes in the middle; every episode is played and recorded all the same
static void test_closed_mid_run(void **state) {
  (void)state;
  assert_int_equal(RUN("run", "--view", "--env", "avr", "--policy", "oracle", "--episodes", "8",
                       "--set", "frames=1", "--out", DIR "/closed", SIZE),
                   0);
  assert_true(says(DIR "/out", "8 of 8 episodes right"));
  assert_int_equal(recorded(DIR "/closed/episodes.mcap"), 8);
}
#endif

int main(void) {
  if (gaze_dir_make(DIR) || unsetenv("WAYLAND_DISPLAY")) return 1;
  const struct CMUnitTest without[] = {cmocka_unit_test(test_run_without_screen),
                                       cmocka_unit_test(test_view_without_screen),
                                       cmocka_unit_test(test_usage)};
  int failed = cmocka_run_group_tests(without, NULL, NULL);
#ifdef GAZE_WINDOW
  const struct CMUnitTest with[] = {cmocka_unit_test(test_log_on_screen),
                                    cmocka_unit_test(test_env_on_screen),
                                    cmocka_unit_test(test_closed_mid_run)};
  // the OpenGL driver keeps some bytes and is unloaded (tests/view/test_window.c)
  if (setenv("ASAN_OPTIONS", "detect_leaks=0", 1)) return 1;
  pid_t screen = screen_start();
  if (!screen) {
    puts("SKIP: no virtual screen (Xvfb)");
    return failed;
  }
  failed += cmocka_run_group_tests(with, NULL, NULL);
  screen_stop(screen);
#else
  puts("SKIP: built without GLFW");
#endif
  return failed;
}
