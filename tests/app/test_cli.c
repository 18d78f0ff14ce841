// tests/app/test_cli.c - the program itself: exit codes, one-sentence errors, JSON that parses.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "core/buf.h"
#include "core/file.h"
#include "core/json.h"

static const char PROGRAM[] = GAZE_BINARY_DIR "/gaze";
static const char GOLDEN[] = GAZE_SOURCE_DIR "/tests/golden/";

typedef struct result {
  int code;  // exit code, -1 if it did not end by itself
  gaze_buf out, err;
} result;

static void result_fini(result *r) {
  gaze_buf_fini(&r->out);
  gaze_buf_fini(&r->err);
}

// the folder of this test's files, removed at the end
static char folder[GAZE_DIR_TEMP_MAX];

static void path_of(char path[160], const char *name) {
  snprintf(path, 160, "%s/%s", folder, name);
}

// Runs the program with arguments (NULL-terminated) and `input` on standard input.
static result run(const char *const *args, const char *input, size_t n) {
  result r = {.code = -1, .out = GAZE_BUF_INIT, .err = GAZE_BUF_INIT};
  char in[160], out[160], err[160], *argv[24] = {(char *)(uintptr_t)PROGRAM};
  path_of(in, "in"), path_of(out, "out"), path_of(err, "err");
  assert_int_equal(gaze_file_write_atomic(in, input ? input : "", input ? n : 0), GAZE_OK);
  for (int i = 0; args[i]; i++) argv[i + 1] = (char *)(uintptr_t)args[i];
  fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    if (!freopen(in, "r", stdin) || !freopen(out, "w", stdout) || !freopen(err, "w", stderr))
      _exit(126);
    execv(PROGRAM, argv);
    _exit(127);
  }
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  if (WIFEXITED(status)) r.code = WEXITSTATUS(status);
  assert_int_equal(gaze_file_read(out, (size_t)64 << 20, &r.out), GAZE_OK);
  assert_int_equal(gaze_file_read(err, (size_t)1 << 20, &r.err), GAZE_OK);
  return r;
}

#define RUN(input, n, ...) run((const char *const[]){__VA_ARGS__, NULL}, input, n)

// one line on standard error that names what was wrong, and nothing else
static void assert_sentence(const result *r, const char *about) {
  const char *text = gaze_buf_text(&r->err), *end = strchr(text, '\n');
  if (!end || end[1] || !strstr(text, about))
    fail_msg("expected one line about \"%s\", got: %s", about, text);
}

static void test_bad_usage(void **state) {
  (void)state;
  static const struct {
    const char *const args[8];
    const char *about;
  } row[] = {
      {{"fly"}, "fly"},
      {{"eval", "--wings"}, "--wings"},
      {{"eval", "--episodes", "-3"}, "--episodes -3"},
      {{"eval", "--episodes", "0"}, "--episodes 0"},
      {{"eval", "--episodes", "2.5"}, "whole number"},
      {{"eval", "--episodes", "nan"}, "--episodes nan"},
      {{"eval", "--episodes"}, "--episodes"},
      {{"eval", "--policy", "ghost"}, "ghost"},
      {{"eval", "--env", "moon"}, "moon"},
      {{"eval", "--env", "avr:moon"}, "moon"},
      {{"generate", "--model", "/nowhere", "--prompt", "x"}, "/nowhere"},
      {{"generate", "--max-new", "-1"}, "--max-new -1"},
      {{"reward"}, "vla_r1"},
      {{"reward", "ghost"}, "ghost"},
      {{"reward", "vla_r1", "--mode", "soft"}, "soft"},
      {{"info", "--model", "/nowhere"}, "/nowhere"},
      {{"info", "--env", "moon"}, "moon"},
      {{"info", "--robot", "/nowhere.xml"}, "/nowhere.xml"},
      {{"info", "--robot", "CMakeLists.txt"}, "does not parse"},
      {{"bench"}, "render"},
      {{"bench", "ghost"}, "ghost"},
      {{"bench", "render", "--rounds", "4"}, "--rounds 4"},
      {{"bench", "arm", "--trials", "0"}, "--trials 0"},
      {{"bench", "arm", "--robot", "/nowhere.xml"}, "/nowhere.xml"},
  };
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    result r = run(row[i].args, NULL, 0);
    if (r.code != 2) fail_msg("row %zu (%s): exit code %d", i, row[i].about, r.code);
    assert_sentence(&r, row[i].about);
    assert_int_equal(r.out.len, 0);
    result_fini(&r);
  }
}

static void test_help(void **state) {
  (void)state;
  result all = RUN(NULL, 0, "--help");
  assert_int_equal(all.code, 0);
  static const char *const command[] = {"reward", "info", "bench", "eval", "generate"};
  for (size_t i = 0; i < sizeof command / sizeof *command; i++) {
    assert_non_null(strstr(gaze_buf_text(&all.out), command[i]));
    result r = RUN(NULL, 0, command[i], "--help");
    assert_int_equal(r.code, 0);
    assert_non_null(strstr(gaze_buf_text(&r.out), "--json"));
    assert_int_equal(r.err.len, 0);
    result_fini(&r);
  }
  result_fini(&all);
}

static cJSON *load_cases(void) {
  char path[512];
  cJSON *all = NULL;
  snprintf(path, sizeof path, "%srewards.json", GOLDEN);
  assert_int_equal(gaze_json_load(&all, path), GAZE_OK);
  return all;
}

// next line of text as JSON; *at moves on
static cJSON *next_line(const char **at) {
  const char *end = strchr(*at, '\n');
  assert_non_null(end);
  cJSON *j = NULL;
  assert_int_equal(gaze_json_parse(&j, *at, (size_t)(end - *at), "line"), GAZE_OK);
  *at = end + 1;
  return j;
}

// every golden pair through the command, in order
static void test_reward_lines(void **state) {
  (void)state;
  cJSON *all = load_cases();
  const cJSON *cases = gaze_json_get(all, "cases"), *c = NULL;
  gaze_buf in = GAZE_BUF_INIT;
  cJSON_ArrayForEach(c, cases) {
    static const char *const key[] = {"prediction", "reference"};
    for (int i = 0; i < 2; i++) {
      const char *s = gaze_json_get(c, key[i])->valuestring;
      gaze_buf_printf(&in, "%s\"%s\":", i ? "," : "{", key[i]);
      gaze_json_add_str(&in, s, strlen(s));
    }
    gaze_buf_str(&in, "}\r\n");
  }
  result r = RUN(gaze_buf_text(&in), in.len, "reward", "vla_r1");
  assert_int_equal(r.code, 0);
  assert_int_equal(r.err.len, 0);
  const char *at = gaze_buf_text(&r.out);
  cJSON_ArrayForEach(c, cases) {
    static const char *const key[] = {"task", "format", "score", "iou", "frechet_norm"};
    cJSON *got = next_line(&at);
    assert_string_equal(gaze_json_get(got, "kind")->valuestring,
                        gaze_json_get(c, "kind")->valuestring);
    for (int i = 0; i < 5; i++) {
      const cJSON *a = gaze_json_get(got, key[i]), *b = gaze_json_get(c, key[i]);
      assert_non_null(a);
      assert_int_equal(cJSON_IsNull(a), cJSON_IsNull(b));
      assert_true(cJSON_IsNull(a) || fabs(a->valuedouble - b->valuedouble) <= 1e-8);
    }
    cJSON_Delete(got);
  }
  assert_true(*at == 0);
  gaze_buf_fini(&in);
  result_fini(&r);
  cJSON_Delete(all);
}

// a bad line is named by number, and what came before it stands
static void test_reward_bad_line(void **state) {
  (void)state;
  static const char good[] = "{\"prediction\":\"a\",\"reference\":\"b\"}\n";
  static const char *const bad[] = {
      "{\"prediction\":3,\"reference\":\"b\"}\n",
      "{\"prediction\":\"a\"}\n",
      "[]\n",
      "nope\n",
      "{\"prediction\":\"a\",\"reference\":\"\\u0000\"}\n",
      "\xFF\n",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    gaze_buf in = GAZE_BUF_INIT;
    gaze_buf_printf(&in, "%s%s\n%s%s", good, good, bad[i], good);
    result r = RUN(gaze_buf_text(&in), in.len, "reward", "vla_r1");
    assert_int_equal(r.code, 2);
    assert_sentence(&r, "line 4");
    int lines = 0;
    for (size_t k = 0; k < r.out.len; k++) lines += r.out.data[k] == '\n';
    assert_int_equal(lines, 2);
    gaze_buf_fini(&in);
    result_fini(&r);
  }
}

// a line of 2 MiB is read; one beyond 16 MiB is refused
static void test_reward_long_lines(void **state) {
  (void)state;
  for (int k = 0; k < 2; k++) {
    size_t n = k ? ((size_t)16 << 20) + 1 : (size_t)2 << 20;
    char *in = malloc(n + 64);
    assert_non_null(in);
    int head = sprintf(in, "{\"reference\":\"b\",\"prediction\":\"");
    memset(in + head, 'x', n);
    memcpy(in + (size_t)head + n, "\"}", 3);
    result r = RUN(in, (size_t)head + n + 2, "reward", "vla_r1");
    assert_int_equal(r.code, k ? 2 : 0);
    if (k)
      assert_sentence(&r, "line 1: longer than 16 MiB");
    else
      assert_int_equal(r.err.len, 0);
    free(in);
    result_fini(&r);
  }
}

static void test_reward_strict(void **state) {
  (void)state;
  static const char line[] =
      "{\"prediction\":\"<think>t</think><output>[[0.1,0.1],[0.3,0.3]]</output>\","
      "\"reference\":\"<output>[[0.1,0.1],[0.2,0.2],[0.3,0.3]]</output>\"}";
  for (int strict = 0; strict < 2; strict++) {
    result r =
        RUN(line, strlen(line), "reward", "vla_r1", "--mode", strict ? "strict" : "released");
    assert_int_equal(r.code, 0);
    const char *at = gaze_buf_text(&r.out);
    cJSON *j = next_line(&at);
    double score = gaze_json_get(j, "score")->valuedouble;
    assert_true(fabs(score - (strict ? 0.1 : 0.9219454339)) < 1e-8);
    cJSON_Delete(j);
    result_fini(&r);
  }
}

static void test_info_robot(void **state) {
  (void)state;
  static const char *const name[2] = {"panda7", "ur5e6"};
  for (int k = 0; k < 2; k++) {
    result r = RUN(NULL, 0, "info", "--robot", name[k], "--json");
    assert_int_equal(r.code, 0);
    const char *at = gaze_buf_text(&r.out);
    cJSON *j = next_line(&at);
    const cJSON *robot = gaze_json_get(j, "robot");
    assert_true(gaze_json_get(robot, "joints")->valuedouble == (k ? 6 : 7));
    assert_non_null(strstr(gaze_json_get(robot, "joint_0")->valuestring, " rad/s"));
    cJSON_Delete(j);
    result_fini(&r);
  }
}

static void test_info_json(void **state) {
  (void)state;
  char model[512];
  snprintf(model, sizeof model, "%sqwen2_5_vl/tiny-a", GOLDEN);
  result r = RUN(NULL, 0, "info", "--model", model, "--tokens", "100", "--json");
  assert_int_equal(r.code, 0);
  const char *at = gaze_buf_text(&r.out);
  cJSON *j = next_line(&at);
  const cJSON *m = gaze_json_get(j, "model"), *v = gaze_json_get(j, "versions");
  assert_string_equal(gaze_json_get(v, "gaze")->valuestring, "0.1.0");
  assert_true(gaze_json_get(v, "mujoco")->valuestring[0] >= '3');
  assert_true(gaze_json_get(gaze_json_get(j, "processor"), "threads")->valuedouble >= 1);
  // tiny-a: 2 layers, 2 kv heads of 12, keys and values in f32; 608 x 48 embedding, tied
  assert_true(gaze_json_get(m, "kv_bytes_per_token")->valuedouble == 2.0 * 2 * 2 * 12 * 4);
  assert_true(gaze_json_get(m, "parameters_embedding")->valuedouble == 608.0 * 48);
  assert_true(gaze_json_get(m, "parameters_head")->valuedouble == 0);
  assert_true(gaze_json_get(m, "session_bytes")->valuedouble == 100 * 384.0 + 4 * 608);
  double parts = gaze_json_get(m, "parameters_vision")->valuedouble +
                 gaze_json_get(m, "parameters_language")->valuedouble + 608.0 * 48;
  assert_true(gaze_json_get(m, "parameters")->valuedouble == parts);
  assert_true(gaze_json_get(m, "bytes_f32")->valuedouble == 4 * parts);
  cJSON_Delete(j);
  result_fini(&r);
}

// the golden greedy continuation of one text case, through the command line
static void test_generate_golden(void **state) {
  (void)state;
  char path[512], model[512];
  snprintf(path, sizeof path, "%sqwen2_5_vl/tiny-a-golden/cases.json", GOLDEN);
  snprintf(model, sizeof model, "%sqwen2_5_vl/tiny-a", GOLDEN);
  // one greedy text of the file holds U+0000, which gaze_json_load refuses
  gaze_buf text = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(path, (size_t)16 << 20, &text), GAZE_OK);
  cJSON *all = cJSON_ParseWithLength(gaze_buf_text(&text), text.len);
  assert_non_null(all);
  const cJSON *c = gaze_json_get(gaze_json_get(all, "cases"), "text_only");
  const char *prompt = gaze_json_get(c, "prompt_text")->valuestring;
  result r = RUN(NULL, 0, "generate", "--model", model, "--raw", "--prompt", prompt, "--max-new",
                 "24", "--json", "--threads", "1");
  assert_int_equal(r.code, 0);
  const char *at = gaze_buf_text(&r.out);
  cJSON *got = next_line(&at);
  const cJSON *want[] = {gaze_json_get(c, "input_ids"),
                         gaze_json_get(gaze_json_get(c, "greedy"), "ids")};
  const cJSON *have[] = {gaze_json_get(got, "prompt_ids"), gaze_json_get(got, "ids")};
  for (int k = 0; k < 2; k++) {
    assert_int_equal(cJSON_GetArraySize(have[k]), cJSON_GetArraySize(want[k]));
    const cJSON *a = have[k]->child, *b = want[k]->child;
    for (; a && b; a = a->next, b = b->next) assert_true(a->valuedouble == b->valuedouble);
  }
  cJSON_Delete(got);
  cJSON_Delete(all);
  gaze_buf_fini(&text);
  result_fini(&r);
}

// the benchmark's gate and output on a tiny model; no figure is judged
static void test_bench_decode_json(void **state) {
  (void)state;
  char model[512];
  snprintf(model, sizeof model, "%sqwen2_5_vl/tiny-a", GOLDEN);
  result r = RUN(NULL, 0, "bench", "decode", "--model", model, "--threads", "2", "--json");
  assert_int_equal(r.code, 0);
  const char *at = gaze_buf_text(&r.out);
  cJSON *j = next_line(&at);
  const cJSON *rows = gaze_json_get(j, "rows"), *row = NULL;
  assert_int_equal(cJSON_GetArraySize(rows), 6);  // three weight types, one and two threads
  cJSON_ArrayForEach(row, rows) {
    assert_true(gaze_json_get(row, "median")->valuedouble > 0);
    assert_int_equal(cJSON_GetArraySize(gaze_json_get(row, "ratio")), 5);
  }
  cJSON_Delete(j);
  result_fini(&r);
}

// one action of each kind with one arm; no figure is judged but that shares add up
static void test_bench_arm_json(void **state) {
  (void)state;
  result r = RUN(NULL, 0, "bench", "arm", "--trials", "2", "--robot", "ur5e6", "--json");
  assert_int_equal(r.code, 0);
  const char *at = gaze_buf_text(&r.out);
  cJSON *j = next_line(&at);
  const cJSON *rows = gaze_json_get(j, "rows"), *row = NULL;
  assert_int_equal(cJSON_GetArraySize(rows), 3);
  cJSON_ArrayForEach(row, rows) {
    static const char *const part[] = {"success", "slipped", "toppled", "timeout", "blocked"};
    double sum = 0;
    for (size_t i = 0; i < 5; i++) sum += gaze_json_get(row, part[i])->valuedouble;
    assert_true(sum > 1 - 1e-9 && sum < 1 + 1e-9);
    assert_string_equal(gaze_json_get(row, "robot")->valuestring, "ur5e6");
    assert_true(gaze_json_get(row, "trials")->valuedouble == 2.0);
  }
  cJSON_Delete(j);
  result_fini(&r);
}

int main(void) {
  if (access(PROGRAM, X_OK) != 0) {
    printf("SKIP: %s is not built\n", PROGRAM);
    return 0;
  }
  if (gaze_dir_temp(folder)) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bad_usage),         cmocka_unit_test(test_help),
      cmocka_unit_test(test_reward_lines),      cmocka_unit_test(test_reward_bad_line),
      cmocka_unit_test(test_reward_long_lines), cmocka_unit_test(test_reward_strict),
      cmocka_unit_test(test_info_robot),        cmocka_unit_test(test_info_json),
      cmocka_unit_test(test_generate_golden),   cmocka_unit_test(test_bench_decode_json),
      cmocka_unit_test(test_bench_arm_json),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  if (gaze_dir_remove(folder)) failed++;
  return failed;
}
