// tests/nn/test_trainer_save.c - checkpoints: what they hold, exact resumption, and crashes.
// clang-format off
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "core/file.h"
#include "core/json.h"
#include "fixture_trainer.h"
#include "nn/safetensors.h"
#include "nn/trainer_internal.h"

#define ROOT GAZE_BINARY_DIR "/test_trainer_save"
static const char *const source = ROOT "/source", *const saved = ROOT "/saved";

static gaze_train_options options(void) {
  gaze_train_options o = golden_options();
  o.muon = true;
  o.lr_matrix = 0.02f;
  o.aux_weight = 0.5f;
  return o;
}

static gaze_trainer *open_at(gaze_exec *ex, const char *dir, uint64_t seed) {
  gaze_train_options o = options();
  gaze_trainer *t = NULL;
  gaze_err e = gaze_trainer_open(&t, &gaze_ops_cpu, ex, dir, &o, seed);
  if (e) print_message("%s\n", gaze_err_detail());
  assert_int_equal(e, GAZE_OK);
  return t;
}

static int setup(void **state) {
  gaze_dir_remove(ROOT);
  assert_int_equal(gaze_dir_make(ROOT), GAZE_OK);
  write_tiny_model(source, true);
  gaze_exec *ex = NULL;
  assert_int_equal(gaze_exec_open_cpu(&ex, 1), GAZE_OK);
  *state = ex;
  return 0;
}

static int teardown(void **state) {
  gaze_exec *ex = *state;
  gaze_exec_close(&ex);
  gaze_dir_remove(ROOT);
  return 0;
}

static void train(gaze_trainer *t, int steps, uint64_t seed) {
  test_pack k;
  for (int i = 0; i < steps; i++) {
    test_pack_random(&k, &t->cfg, 2, 1, 4, 6, 10, seed + (uint64_t)i);
    (void)train_pass(t, &k.p, NULL);
    assert_int_equal(gaze_trainer_step(t, 1, NULL), GAZE_OK);
    test_pack_free(&k);
  }
}

static void save(gaze_trainer *t, const char *to) {
  gaze_err e = gaze_trainer_save(t, to, GAZE_F32, true, "{\"cursor\":41}");
  if (e) print_message("%s\n", gaze_err_detail());
  assert_int_equal(e, GAZE_OK);
}

static void assert_same(const gaze_trainer *a, const gaze_trainer *b) {
  size_t n = a->layout.floats * sizeof(float), k = a->aux_n * sizeof(float);
  assert_int_equal(a->step, b->step);
  assert_memory_equal(a->p, b->p, n);
  assert_memory_equal(a->m, b->m, n);
  assert_memory_equal(a->v, b->v, n);
  assert_memory_equal(a->aux_p, b->aux_p, k);
  assert_memory_equal(a->aux_m, b->aux_m, k);
  assert_memory_equal(a->aux_v, b->aux_v, k);
}

static void test_resume(void **state) {
  gaze_trainer *t = open_at(*state, source, 1);
  train(t, 3, 10);
  save(t, saved);
  train(t, 2, 20);
  gaze_trainer *u = open_at(*state, saved, 2);
  char *text = NULL;
  assert_int_equal(gaze_trainer_resume(u, saved, &text), GAZE_OK);
  cJSON *o = NULL;
  assert_int_equal(gaze_json_parse(&o, text, strlen(text), "state"), GAZE_OK);
  assert_int_equal(gaze_json_get(o, "cursor")->valueint, 41);
  assert_int_equal(gaze_json_get(o, "optimizer_step")->valueint, 3);
  cJSON_Delete(o);
  free(text);
  assert_int_equal(u->step, 3);
  train(u, 2, 20);
  assert_same(t, u);
  // saving over the folder it was opened from works too
  save(u, saved);
  assert_int_equal(gaze_trainer_resume(t, saved, NULL), GAZE_OK);
  assert_same(t, u);
  gaze_trainer_close(&t);
  gaze_trainer_close(&u);
}

// a new run on a checkpoint keeps its auxiliary head, and nothing else of its optimizer
static void test_warm_start(void **state) {
  gaze_trainer *t = open_at(*state, source, 1);
  train(t, 3, 10);
  save(t, saved);
  gaze_trainer *u = open_at(*state, saved, 7), *fresh = open_at(*state, source, 7);
  size_t k = t->aux_n * sizeof(float);
  assert_true(k > 0 && u->step == 0);
  assert_memory_equal(u->aux_p, t->aux_p, k);
  assert_memory_equal(u->p, t->p, t->layout.floats * sizeof(float));
  assert_memory_equal(u->aux_m, fresh->aux_m, k);
  assert_memory_not_equal(fresh->aux_p, t->aux_p, k);
  gaze_trainer_close(&t);
  gaze_trainer_close(&u);
  gaze_trainer_close(&fresh);
}

static void test_contents(void **state) {
  gaze_trainer *t = open_at(*state, source, 1);
  train(t, 1, 1);
  assert_int_equal(gaze_trainer_save(t, saved, GAZE_BF16, false, NULL), GAZE_OK);
  assert_true(gaze_file_exists(ROOT "/saved/tokenizer.json"));
  assert_true(gaze_file_exists(ROOT "/saved/preprocessor_config.json"));
  assert_false(gaze_file_exists(ROOT "/saved/optimizer.safetensors"));
  assert_false(gaze_file_exists(ROOT "/saved/trainer.json"));
  gaze_st *st = NULL;
  assert_int_equal(gaze_st_open_folder(&st, saved), GAZE_OK);
  assert_int_equal(gaze_st_count(st), t->layout.n);
  assert_null(gaze_st_find(st, "lm_head.weight"));
  const gaze_st_tensor *x = gaze_st_find(st, "visual.patch_embed.proj.weight");
  assert_non_null(x);
  assert_int_equal(x->type, GAZE_ST_BF16);
  assert_int_equal(x->rank, 5);
  gaze_st_close(&st);
  cJSON *o = NULL;
  assert_int_equal(gaze_json_load(&o, ROOT "/saved/config.json"), GAZE_OK);
  assert_string_equal(gaze_json_get(o, "torch_dtype")->valuestring, "bfloat16");
  cJSON_Delete(o);
  // what was written is what a model reads
  gaze_trainer *u = open_at(*state, saved, 2);
  for (size_t i = 0; i < t->layout.floats; i++) {
    assert_true(fabsf(t->p[i] - u->p[i]) <= fabsf(t->p[i]) / 256);
  }
  gaze_model *m = NULL;
  assert_int_equal(gaze_model_open(&m, &gaze_ops_cpu, saved, GAZE_F32), GAZE_OK);
  gaze_model_close(&m);
  assert_int_equal(gaze_trainer_save(t, saved, GAZE_I8, false, NULL), GAZE_ERR_UNSUPPORTED);
  assert_int_equal(gaze_trainer_save(t, saved, GAZE_F32, true, "[1]"), GAZE_ERR_ARG);
  assert_int_equal(gaze_trainer_save(t, "", GAZE_F32, true, NULL), GAZE_ERR_ARG);
  // no optimiser in the folder: resume refuses and changes nothing
  assert_int_equal(gaze_trainer_resume(u, saved, NULL), GAZE_ERR_NOTFOUND);
  gaze_trainer_close(&t);
  gaze_trainer_close(&u);
}

static void write_text(const char *path, const char *text) {
  assert_int_equal(gaze_file_write_atomic(path, text, strlen(text)), GAZE_OK);
}

static void test_leftovers(void **state) {
  gaze_trainer *t = open_at(*state, source, 1);
  train(t, 1, 1);
  save(t, saved);
  // a writer that died half way, and one under our own number
  char own[512];
  snprintf(own, sizeof own, "%s.tmp.%ld", saved, (long)getpid());
  assert_int_equal(gaze_dir_make(ROOT "/saved.tmp.999999999"), GAZE_OK);
  assert_int_equal(gaze_dir_make(own), GAZE_OK);
  write_text(ROOT "/saved.tmp.999999999/model.safetensors", "half a file");
  char inside[600];
  snprintf(inside, sizeof inside, "%s/extra.json", own);
  write_text(inside, "{}");
  train(t, 1, 2);
  save(t, ROOT "/saved/");  // a slash at the end is fine
  assert_false(gaze_file_exists(ROOT "/saved.tmp.999999999"));
  assert_false(gaze_file_exists(own));
  assert_false(gaze_file_exists(ROOT "/saved.old"));
  assert_false(gaze_file_exists(ROOT "/saved/extra.json"));
  gaze_trainer *u = open_at(*state, saved, 2);
  assert_int_equal(gaze_trainer_resume(u, saved, NULL), GAZE_OK);
  assert_same(t, u);
  // a crash between two renames: only the old folder is there
  assert_int_equal(rename(saved, ROOT "/saved.old"), 0);
  assert_int_equal(gaze_trainer_resume(u, saved, NULL), GAZE_OK);
  assert_true(gaze_file_exists(saved));
  assert_same(t, u);
  assert_int_equal(rename(saved, ROOT "/saved.old"), 0);
  gaze_trainer *w = open_at(*state, saved, 3);
  gaze_trainer_close(&w);
  gaze_trainer_close(&t);
  gaze_trainer_close(&u);
}

static void test_failed_save(void **state) {
  gaze_trainer *t = open_at(*state, source, 1);
  train(t, 1, 1);
  save(t, saved);
  float first = t->p[0];
  train(t, 1, 2);
  // the source's config is gone: the save fails, the checkpoint before it stays
  assert_int_equal(rename(ROOT "/source/config.json", ROOT "/config.json"), 0);
  assert_int_not_equal(gaze_trainer_save(t, saved, GAZE_F32, true, NULL), GAZE_OK);
  assert_int_equal(rename(ROOT "/config.json", ROOT "/source/config.json"), 0);
  assert_int_equal(gaze_trainer_resume(t, saved, NULL), GAZE_OK);
  assert_true(t->p[0] == first);
  // damaged optimiser state is refused and leaves the trainer as it was
  float *before = malloc(t->layout.floats * sizeof(float));
  assert_non_null(before);
  memcpy(before, t->p, t->layout.floats * sizeof(float));
  write_text(ROOT "/saved/optimizer.safetensors", "damaged");
  assert_int_equal(gaze_trainer_resume(t, saved, NULL), GAZE_ERR_FORMAT);
  assert_memory_equal(before, t->p, t->layout.floats * sizeof(float));
  free(before);
  gaze_trainer_close(&t);
}

// saves over and over until it is killed
static void child_saves(void) {
  gaze_exec *ex = NULL;
  gaze_trainer *t = NULL;
  gaze_train_options o = options();
  if (gaze_exec_open_cpu(&ex, 1) || gaze_trainer_open(&t, &gaze_ops_cpu, ex, source, &o, 1)) {
    _exit(1);
  }
  for (;;) {
    if (gaze_trainer_save(t, saved, GAZE_F32, true, "{\"cursor\":1}")) _exit(2);
  }
}

static void test_kill(void **state) {
  gaze_trainer *t = open_at(*state, source, 1);
  save(t, saved);
  for (int i = 0; i < 8; i++) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) child_saves();
    struct timespec wait = {0, 60000000L + i * 17000000L};
    nanosleep(&wait, NULL);
    int status = 0;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));  // it was still saving, without an error
    gaze_trainer *u = open_at(*state, saved, 9);
    assert_int_equal(gaze_trainer_resume(u, saved, NULL), GAZE_OK);
    assert_same(t, u);
    gaze_trainer_close(&u);
  }
  save(t, saved);
  gaze_trainer_close(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_resume, setup, teardown),
      cmocka_unit_test_setup_teardown(test_warm_start, setup, teardown),
      cmocka_unit_test_setup_teardown(test_contents, setup, teardown),
      cmocka_unit_test_setup_teardown(test_leftovers, setup, teardown),
      cmocka_unit_test_setup_teardown(test_failed_save, setup, teardown),
      cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
