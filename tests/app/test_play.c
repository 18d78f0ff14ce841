// tests/app/test_play.c - whole episodes through the real program: inproc and tcp give the same
// bytes, a dead server is reported, an interrupted run stays readable, gen does not depend on
// threads.
#define _DEFAULT_SOURCE  // usleep
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/file.h"
#include "data/episode.h"

static const char PROGRAM[] = GAZE_BINARY_DIR "/gaze";
#define DIR GAZE_BINARY_DIR "/test_play"

// starts the program with its output going to files
static pid_t start(const char *const *args, const char *out) {
  char *argv[24] = {(char *)(uintptr_t)PROGRAM};
  for (int i = 0; args[i]; i++) argv[i + 1] = (char *)(uintptr_t)args[i];
  fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    if (!freopen(out, "w", stdout) || !freopen(DIR "/err", "w", stderr)) _exit(126);
    execv(PROGRAM, argv);
    _exit(127);
  }
  return pid;
}

static int wait_code(pid_t pid) {
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define RUN(...) wait_code(start((const char *const[]){__VA_ARGS__, NULL}, DIR "/out"))

// starts a server on any free port and returns the address it prints
static pid_t serve(const char *env, char address[64]) {
  char name[16];
  remove(DIR "/serve");
  pid_t pid = start(
      (const char *const[]){"serve", "env", "--env", env, "--bind", "tcp://127.0.0.1:*", NULL},
      DIR "/serve");
  for (int i = 0; i < 200; i++) {
    usleep(50000);
    gaze_buf b = GAZE_BUF_INIT;
    bool there = !gaze_file_read(DIR "/serve", 4096, &b) &&
                 sscanf(gaze_buf_text(&b), "serving %15s at %63[^;];", name, address) == 2 &&
                 strcmp(name, env) == 0;
    gaze_buf_fini(&b);
    if (there) return pid;
  }
  fail_msg("the server did not start");
  return pid;
}

static void assert_same(const char *a, const char *b) {
  gaze_buf x = GAZE_BUF_INIT, y = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(a, 1 << 28, &x), GAZE_OK);
  assert_int_equal(gaze_file_read(b, 1 << 28, &y), GAZE_OK);
  assert_true(x.len == y.len && memcmp(x.data, y.data, x.len) == 0);
  gaze_buf_fini(&x);
  gaze_buf_fini(&y);
}

static int prepare(void **state) {
  (void)state;
  gaze_dir_remove(DIR);
  return gaze_dir_make(DIR) != GAZE_OK;
}

static void test_same_bytes(void **state) {
  (void)state;
  char address[64];
  assert_int_equal(
      RUN("run", "--policy", "oracle", "--episodes", "3", "--seed", "40", "--out", DIR "/a"), 0);
  pid_t server = serve("avr", address);
  assert_int_equal(RUN("run", "--policy", "oracle", "--episodes", "3", "--seed", "40", "--out",
                       DIR "/b", "--connect", address),
                   0);
  kill(server, SIGINT);
  assert_int_equal(wait_code(server), 0);
  assert_same(DIR "/a/episodes.mcap", DIR "/b/episodes.mcap");

  // what stands in the log: whole episodes that end with the right answer
  gaze_record_reader *r;
  assert_int_equal(gaze_record_open(&r, DIR "/a/episodes.mcap"), GAZE_OK);
  assert_int_equal(gaze_record_count(r), 3);
  for (size_t i = 0; i < 3; i++) {
    gaze_record rec;
    assert_int_equal(gaze_record_read(r, i, &rec), GAZE_OK);
    const gaze_record_turn *last = &rec.turn[rec.turns - 1];
    assert_non_null(strstr(last->outcome_json, "\"correct\":true"));
    assert_non_null(strstr(last->outcome_json, "\"sufficient_before\":true"));
    assert_int_equal(rec.turn[0].images, 1);
    gaze_record_free(&rec);
  }
  gaze_record_close(&r);
  assert_true(gaze_file_exists(DIR "/a/index.html") && gaze_file_exists(DIR "/a/manifest.json"));
  assert_true(gaze_file_exists(DIR "/a/frames/e001_t0.png"));
}

// Nothing on the way assumes one environment: another plays over both wires and is evaluated.
static void test_tutorial(void **state) {
  (void)state;
  char address[64];
  assert_int_equal(
      RUN("run", "--env", "tutorial", "--policy", "random", "--episodes", "4", "--out", DIR "/ta"),
      0);
  pid_t server = serve("tutorial", address);
  assert_int_equal(RUN("run", "--env", "tutorial", "--policy", "random", "--episodes", "4", "--out",
                       DIR "/tb", "--connect", address),
                   0);
  kill(server, SIGINT);
  assert_int_equal(wait_code(server), 0);
  assert_same(DIR "/ta/episodes.mcap", DIR "/tb/episodes.mcap");
  gaze_record_reader *r;
  gaze_record rec;
  assert_int_equal(gaze_record_open(&r, DIR "/ta/episodes.mcap"), GAZE_OK);
  assert_int_equal(gaze_record_count(r), 4);
  assert_int_equal(gaze_record_read(r, 0, &rec), GAZE_OK);
  assert_string_equal(rec.kind, "tutorial");
  gaze_record_free(&rec);
  gaze_record_close(&r);

  assert_int_equal(
      RUN("eval", "--env", "tutorial", "--policy", "oracle", "--episodes", "50", "--json"), 0);
  gaze_buf b = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(DIR "/out", 1 << 20, &b), GAZE_OK);
  assert_non_null(strstr(gaze_buf_text(&b), "\"fa\":100"));
  gaze_buf_fini(&b);
}

// Chunks of actions: the same bytes in one process and over tcp, and figures of their own.
static void test_reach(void **state) {
  (void)state;
  char address[64];
  assert_int_equal(RUN("run", "--env", "reach", "--policy", "servo", "--episodes", "2", "--out",
                       DIR "/r", "--image-size", "56", "--set", "reach.robot=ur5e6"),
                   0);
  pid_t server = serve("reach", address);
  assert_int_equal(
      RUN("run", "--env", "reach", "--policy", "servo", "--episodes", "2", "--out", DIR "/s",
          "--image-size", "56", "--set", "reach.robot=ur5e6", "--connect", address),
      0);
  // who asks this server for another game is told which one it plays
  assert_int_equal(
      RUN("run", "--policy", "random", "--episodes", "1", "--out", DIR "/t", "--connect", address),
      2);
  kill(server, SIGINT);
  assert_int_equal(wait_code(server), 0);
  assert_same(DIR "/r/episodes.mcap", DIR "/s/episodes.mcap");

  gaze_record_reader *r;
  gaze_record rec;
  assert_int_equal(gaze_record_open(&r, DIR "/r/episodes.mcap"), GAZE_OK);
  assert_int_equal(gaze_record_read(r, 1, &rec), GAZE_OK);
  assert_string_equal(rec.kind, "reach");
  const gaze_record_turn *last = &rec.turn[rec.turns - 1];
  float action[7];
  assert_non_null(strstr(last->outcome_json, "\"correct\":true"));
  assert_non_null(strstr(last->outcome_json, "\"goal_dist\":"));
  assert_int_equal(sscanf(rec.turn[0].reply, "%f %f %f %f %f %f %f\n", &action[0], &action[1],
                          &action[2], &action[3], &action[4], &action[5], &action[6]),
                   7);
  gaze_record_free(&rec);
  gaze_record_close(&r);

  assert_int_equal(RUN("eval", "--env", "reach", "--policy", "servo", "--episodes", "3", "--json",
                       "--image-size", "28", "--threads", "2"),
                   0);
  gaze_buf b = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(DIR "/out", 4096, &b), GAZE_OK);
  assert_non_null(strstr(gaze_buf_text(&b), "\"success\":100,"));
  assert_non_null(strstr(gaze_buf_text(&b), "\"by_robot\":{\"panda7\":{\"episodes\":3,"));
  gaze_buf_fini(&b);
  // a policy of words has nothing to say here: bad input, and a sentence
  assert_int_equal(RUN("eval", "--env", "reach", "--policy", "random", "--episodes", "1"), 2);
}

// Boxes and paths: the same bytes over tcp, figures of their own, and conversations to learn from
// that do not depend on the number of threads.
static void test_boxes_and_paths(void **state) {
  (void)state;
  char address[64];
  assert_int_equal(RUN("run", "--env", "trajectory", "--policy", "oracle", "--episodes", "2",
                       "--out", DIR "/p", "--image-size", "56"),
                   0);
  pid_t server = serve("trajectory", address);
  assert_int_equal(RUN("run", "--env", "trajectory", "--policy", "oracle", "--episodes", "2",
                       "--out", DIR "/q", "--image-size", "56", "--connect", address),
                   0);
  kill(server, SIGINT);
  assert_int_equal(wait_code(server), 0);
  assert_same(DIR "/p/episodes.mcap", DIR "/q/episodes.mcap");

  gaze_buf b = GAZE_BUF_INIT;
  assert_int_equal(RUN("eval", "--env", "affordance", "--policy", "oracle", "--episodes", "3",
                       "--json", "--threads", "2", "--set", "affordance.robot=ur5e6"),
                   0);
  assert_int_equal(gaze_file_read(DIR "/out", 4096, &b), GAZE_OK);
  assert_non_null(strstr(gaze_buf_text(&b), "\"success\":100,\"iou\":100,\"dfd\":null,"));
  assert_non_null(strstr(gaze_buf_text(&b), "\"by_robot\":{\"ur5e6\":{\"episodes\":3,"));
  gaze_buf_clear(&b);
  // letters are no boxes: nothing is done, and that is the figure
  assert_int_equal(
      RUN("eval", "--env", "trajectory", "--policy", "random", "--episodes", "3", "--json", "--set",
          "trajectory.execute=false", "--set", "trajectory.absent=0"),
      0);
  assert_int_equal(gaze_file_read(DIR "/out", 4096, &b), GAZE_OK);
  assert_non_null(strstr(gaze_buf_text(&b), "\"success\":0,"));
  assert_non_null(strstr(gaze_buf_text(&b), "\"avg\":1414.21,"));
  assert_non_null(strstr(gaze_buf_text(&b), "\"failures\":{\"invalid\":3}"));
  gaze_buf_fini(&b);

  static const char *const env[2] = {"affordance", "trajectory"};
  static const char *const ask[2] = {"predict the affordance", "predict the trajectory"};
  for (int i = 0; i < 2; i++) {
    assert_int_equal(RUN("gen", "--env", env[i], "--episodes", "5", "--threads", "1", "--out",
                         DIR "/one.mcap", "--image-size", "56"),
                     0);
    assert_int_equal(RUN("gen", "--env", env[i], "--episodes", "5", "--threads", "2", "--out",
                         DIR "/two.mcap", "--image-size", "56"),
                     0);
    gaze_record_reader *one, *two;
    assert_int_equal(gaze_record_open(&one, DIR "/one.mcap"), GAZE_OK);
    assert_int_equal(gaze_record_open(&two, DIR "/two.mcap"), GAZE_OK);
    assert_true(gaze_record_count(one) == 5 && gaze_record_count(two) == 5);
    for (size_t k = 0; k < 5; k++) {
      gaze_record x, y;
      assert_int_equal(gaze_record_read(one, k, &x), GAZE_OK);
      assert_int_equal(gaze_record_read(two, k, &y), GAZE_OK);
      assert_string_equal(x.kind, env[i]);
      assert_true(x.turns == 1 && x.turn[0].images == 1 && x.turn[0].taught == GAZE_TAUGHT_ALL);
      assert_non_null(strstr(x.turn[0].user, ask[i]));
      assert_non_null(strstr(x.turn[0].reply, "</think><output>"));
      assert_string_equal(x.turn[0].user, y.turn[0].user);
      assert_string_equal(x.turn[0].reply, y.turn[0].reply);
      assert_true(x.turn[0].image[0].bytes == y.turn[0].image[0].bytes);
      gaze_record_free(&x);
      gaze_record_free(&y);
    }
    gaze_record_close(&one);
    gaze_record_close(&two);
  }
  // chunks are no words to learn
  assert_int_equal(RUN("gen", "--env", "reach", "--episodes", "1", "--out", DIR "/x.mcap"), 2);
}

static void test_dead_server(void **state) {
  (void)state;
  char address[64];
  pid_t server = serve("avr", address);
  kill(server, SIGKILL);
  wait_code(server);
  assert_int_equal(RUN("run", "--policy", "random", "--episodes", "1", "--out", DIR "/c",
                       "--connect", address, "--set", "timeout_s=1"),
                   1);
  gaze_buf b = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(DIR "/err", 4096, &b), GAZE_OK);
  assert_non_null(strstr(gaze_buf_text(&b), "did not answer within 1 s"));
  gaze_buf_fini(&b);
}

static void test_gen_any_threads(void **state) {
  (void)state;
  assert_int_equal(RUN("gen", "--env", "avr", "--episodes", "6", "--seed", "9", "--image-size",
                       "56", "--threads", "1", "--out", DIR "/1.mcap"),
                   0);
  assert_int_equal(RUN("gen", "--env", "avr", "--episodes", "6", "--seed", "9", "--image-size",
                       "56", "--threads", "3", "--out", DIR "/3.mcap"),
                   0);
  gaze_record_reader *a, *b;
  assert_int_equal(gaze_record_open(&a, DIR "/1.mcap"), GAZE_OK);
  assert_int_equal(gaze_record_open(&b, DIR "/3.mcap"), GAZE_OK);
  assert_int_equal(gaze_record_count(a), 6);
  for (size_t i = 0; i < 6; i++) {
    gaze_record x, y;
    assert_int_equal(gaze_record_read(a, i, &x), GAZE_OK);
    assert_int_equal(gaze_record_read(b, i, &y), GAZE_OK);
    assert_int_equal(x.turns, y.turns);
    for (int k = 0; k < x.turns; k++) {
      assert_string_equal(x.turn[k].reply, y.turn[k].reply);
      assert_int_equal(x.turn[k].image[0].bytes, y.turn[k].image[0].bytes);
      assert_memory_equal(x.turn[k].image[0].png, y.turn[k].image[0].png, x.turn[k].image[0].bytes);
    }
    gaze_record_free(&x);
    gaze_record_free(&y);
  }
  gaze_record_close(&a);
  gaze_record_close(&b);
}

static void test_disk_full(void **state) {
  (void)state;
  if (access("/dev/full", W_OK)) {
    printf("no /dev/full here\n");
    return;
  }
  assert_int_equal(RUN("gen", "--env", "lookup", "--episodes", "3000", "--out", "/dev/full"), 1);
  gaze_buf b = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(DIR "/err", 1 << 16, &b), GAZE_OK);
  assert_non_null(strstr(gaze_buf_text(&b), "/dev/full"));
  gaze_buf_fini(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_same_bytes),      cmocka_unit_test(test_tutorial),
      cmocka_unit_test(test_boxes_and_paths), cmocka_unit_test(test_reach),
      cmocka_unit_test(test_dead_server),     cmocka_unit_test(test_gen_any_threads),
      cmocka_unit_test(test_disk_full),
  };
  return cmocka_run_group_tests(tests, prepare, NULL);
}
