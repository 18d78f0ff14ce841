// tests/view/test_video.c - the film of a log: its length, its pictures, its texts, its failures.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/file.h"
#include "view/video_internal.h"

#define LOG GAZE_BINARY_DIR "/test_video.mcap"
#define FILM GAZE_BINARY_DIR "/test_video.mp4"

static const char REPLY[] =
    "<think>\n## Visual Reasoning\n[0 0 49 49] large {red} \\N cube\n\nMatch: none\n"
    "## Decision\nsufficient: no B\n</think>\n<answer>B</answer>";

// two episodes of one turn each: a white and a black picture
static gaze_record_reader *make_log(int episodes) {
  gaze_record_writer *w;
  gaze_record_reader *r;
  assert_int_equal(gaze_record_create(&w, LOG, NULL), GAZE_OK);
  for (int k = 0; k < episodes; k++) {
    gaze_record rec;
    uint8_t rgb[16 * 16 * 3];
    memset(rgb, k ? 0 : 255, sizeof rgb);
    const gaze_image im = {.rgb = rgb, .w = 16, .h = 16};
    gaze_record_init(&rec, "avr-1", "avr", 1);
    assert_int_equal(
        gaze_record_add_turn(&rec, "Question: any red?\n<image>", REPLY, GAZE_TAUGHT_ALL,
                             "{\"answered\":true,\"correct\":true}", NULL),
        GAZE_OK);
    assert_int_equal(gaze_record_add_image(&rec, &im), GAZE_OK);
    assert_int_equal(gaze_record_write(w, &rec), GAZE_OK);
    gaze_record_free(&rec);
  }
  assert_int_equal(gaze_record_finish(&w), GAZE_OK);
  assert_int_equal(gaze_record_open(&r, LOG), GAZE_OK);
  return r;
}

static void test_layout(void **state) {
  (void)state;
  gaze_video_settings s = gaze_video_defaults();
  video_turn t;
  video_lay_out(&s, REPLY, 50, &t);
  // empty lines take no time; 0.8 s before, 0.2 s a line, 2 s after
  assert_int_equal(t.lines, 8);
  assert_int_equal(t.first, 50);
  assert_int_equal(t.frames, 8 + 2 * 8 + 20);
  assert_memory_equal(t.line[3], "Match", 5);
  assert_int_equal(t.length[3], 11);
  video_lay_out(&s, "", 0, &t);
  assert_int_equal(t.lines, 0);
  assert_int_equal(t.frames, 28);

  // more lines than are kept
  char *many = malloc(4 * VIDEO_LINES_MAX + 1);
  assert_non_null(many);
  for (int i = 0; i < 2 * VIDEO_LINES_MAX; i++) memcpy(many + 2 * i, "a\n", 3);
  video_lay_out(&s, many, 0, &t);
  assert_int_equal(t.lines, VIDEO_LINES_MAX);
  free(many);
}

static void test_boxes(void **state) {
  (void)state;
  static const char *const bad[] = {
      "[1 2 3]", "[1 2 3 100]", "[-1 2 3 4]", "[5 2 3 4] x", "[1 2 3 4 gray ", "1 2 3 4]", ""};
  int b[4];
  assert_true(video_box("[1 2 30 99] large red cube", b));
  assert_true(b[0] == 1 && b[1] == 2 && b[2] == 30 && b[3] == 99);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(video_box(bad[i], b));
}

static void test_texts(void **state) {
  (void)state;
  gaze_video_settings s = gaze_video_defaults();
  gaze_record_turn turn = {.outcome_json =
                               (char *)(uintptr_t) "{\"status\":\"ok{\",\"gaining\":true}"};
  gaze_buf ass = GAZE_BUF_INIT, srt = GAZE_BUF_INIT;
  video_turn t;
  int next = 1;
  video_lay_out(&s, REPLY, 36000, &t);  // an hour in
  video_turn_texts(&s, &t, &turn, "any red?\nsecond line", &ass, &srt, &next);
  const char *a = gaze_buf_text(&ass), *b = gaze_buf_text(&srt);
  assert_non_null(strstr(a, "Dialogue: 0,1:00:00.00,1:00:04.40,Question,any red?\n"));
  // the third line comes after 0.8 + 2 x 0.2 s; what the policy wrote cannot style or break it
  assert_non_null(strstr(a, "Dialogue: 0,1:00:01.20,1:00:01.40,Thought,"));
  assert_non_null(strstr(a, "large (red) /N cube"));
  assert_non_null(strstr(a, "Outcome,ok(, revealed something relevant\n"));
  // two sections say more than boxes
  assert_int_equal(next, 4);
  assert_non_null(strstr(b, "01:00:01,000 --> 01:00:01,600\nMatch: none\n\n"));
  assert_non_null(strstr(b, "\nsufficient: no B\n"));
  assert_null(strstr(b, "red"));

  // an outcome that is no JSON says nothing
  gaze_buf_clear(&ass);
  turn.outcome_json = (char *)(uintptr_t) "{\"status\"";
  video_turn_texts(&s, &t, &turn, NULL, &ass, &srt, &next);
  assert_null(strstr(gaze_buf_text(&ass), "Outcome"));
  gaze_buf_fini(&ass);
  gaze_buf_fini(&srt);
}

// what a shell command prints, without the line ends at its end
static void ask(const char *command, char *out, size_t cap) {
  FILE *p = popen(command, "r");
  assert_non_null(p);
  size_t n = fread(out, 1, cap - 1, p);
  pclose(p);
  while (n && out[n - 1] == '\n') n--;
  out[n] = 0;
}

static void test_film(void **state) {
  (void)state;
  gaze_record_reader *log = make_log(2);
  gaze_video_settings s = gaze_video_defaults();
  s.height = 240;
  unlink(FILM);
  if (gaze_video_write(log, FILM, &s)) fail_msg("%s", gaze_err_detail());
  char out[256];
  ask("ffprobe -v error -count_frames -select_streams v -show_entries "
      "stream=codec_name,width,height,nb_read_frames -of csv=p=0 " FILM,
      out, sizeof out);
  assert_string_equal(out, "h264,426,240,88");
  ask("ffprobe -v error -select_streams s -show_entries stream=codec_name -of csv=p=0 " FILM, out,
      sizeof out);
  assert_string_equal(out, "mov_text");

  // one pixel inside the picture, before and after its box line, and of the second episode
  static const struct {
    const char *at;
    int lo, hi;
  } probe[] = {{"0.3", 240, 255}, {"4.0", 130, 235}, {"5.0", 0, 20}};
  for (int i = 0; i < 3; i++) {
    char command[256];
    uint8_t gray[4];
    snprintf(command, sizeof command,
             "ffmpeg -v error -ss %s -i " FILM
             " -frames:v 1 -vf crop=2:2:0:60 -f rawvideo -pix_fmt gray -",
             probe[i].at);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    assert_int_equal(fread(gray, 1, 4, p), 4);
    pclose(p);
    assert_in_range(gray[0], probe[i].lo, probe[i].hi);
  }
  gaze_record_close(&log);
}

static bool stop_now(void *ctx) {
  return ++*(int *)ctx > 3;
}

static void test_failures(void **state) {
  (void)state;
  gaze_record_reader *log = make_log(1);
  gaze_video_settings s = gaze_video_defaults();
  assert_int_equal(gaze_video_write(log, "/nowhere/film.mp4", &s), GAZE_ERR_IO);
  assert_non_null(strstr(gaze_err_detail(), "nowhere"));

  // stopped: what stood there before stays
  int asked = 0;
  s.stop = stop_now, s.ctx = &asked;
  assert_int_equal(gaze_file_write_atomic(FILM, "old", 3), GAZE_OK);
  assert_int_equal(gaze_video_write(log, FILM, &s), GAZE_ERR_INTERRUPTED);
  gaze_buf b = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(FILM, 100, &b), GAZE_OK);
  assert_string_equal(gaze_buf_text(&b), "old");
  assert_false(gaze_file_exists(FILM ".part"));
  gaze_buf_fini(&b);

  s = gaze_video_defaults();
  s.height = 121;
  assert_int_equal(gaze_video_write(log, FILM, &s), GAZE_ERR_ARG);
  s = gaze_video_defaults();
  s.fps = 0;
  assert_int_equal(gaze_video_write(log, FILM, &s), GAZE_ERR_ARG);
  s = gaze_video_defaults();
  s.line_seconds = 0;
  assert_int_equal(gaze_video_write(log, FILM, &s), GAZE_ERR_ARG);

  char *path = strdup(getenv("PATH"));
  setenv("PATH", "/nowhere", 1);
  s = gaze_video_defaults();
  assert_int_equal(gaze_video_write(log, FILM, &s), GAZE_ERR_NOTFOUND);
  setenv("PATH", path, 1);
  free(path);
  gaze_record_close(&log);
  log = make_log(0);
  assert_int_equal(gaze_video_write(log, FILM, &s), GAZE_ERR_NOTFOUND);
  gaze_record_close(&log);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_layout), cmocka_unit_test(test_boxes),    cmocka_unit_test(test_texts),
      cmocka_unit_test(test_film),   cmocka_unit_test(test_failures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
