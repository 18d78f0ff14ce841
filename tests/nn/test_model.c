// tests/nn/test_model.c - what a checkpoint folder must be to be opened.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// cmocka after the headers it needs
#include <cmocka.h>
#include "core/file.h"
#include "fixture_golden.h"
#include "nn/nn_internal.h"

#define SOURCE FX_GOLDEN "/tiny-a"

static char folder[512];

static void copy(const char *name) {
  char path[700];
  gaze_buf b = GAZE_BUF_INIT;
  snprintf(path, sizeof path, "%s/%s", SOURCE, name);
  fx_ok(gaze_file_read(path, (size_t)1 << 26, &b));
  snprintf(path, sizeof path, "%s/%s", folder, name);
  fx_ok(gaze_file_write_atomic(path, b.data, b.len));
  gaze_buf_fini(&b);
}

static int setup(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "%s/test_model_%ld", GAZE_BINARY_DIR, (long)getpid());
  fx_ok(gaze_dir_make(folder));
  copy("config.json");
  copy("tokenizer.json");
  copy("preprocessor_config.json");
  return 0;
}

static int teardown(void **state) {
  (void)state;
  fx_ok(gaze_dir_remove(folder));
  return 0;
}

// the tensors of tiny-a, for a test to change and write
typedef struct tensors {
  gaze_st *st;
  gaze_st_tensor t[256];
  char name[256][128];
  int n;
} tensors;

static tensors *read_tensors(void) {
  tensors *a = calloc(1, sizeof *a);
  fx_ok(gaze_st_open_folder(&a->st, SOURCE));
  a->n = gaze_st_count(a->st);
  assert_true(a->n < 255);
  for (int i = 0; i < a->n; i++) {
    a->t[i] = *gaze_st_at(a->st, i);
    snprintf(a->name[i], sizeof a->name[i], "%s", a->t[i].name);
    a->t[i].name = a->name[i];
  }
  return a;
}

static gaze_st_tensor *find(tensors *a, const char *name) {
  for (int i = 0; i < a->n; i++) {
    if (strcmp(a->t[i].name, name) == 0) return &a->t[i];
  }
  fail_msg("no tensor %s", name);
  return NULL;
}

static gaze_err open_written(tensors *a, gaze_model **m) {
  char path[700];
  snprintf(path, sizeof path, "%s/model.safetensors", folder);
  fx_ok(gaze_st_write(path, a->t, a->n, NULL));
  return gaze_model_open(m, &gaze_ops_cpu, folder, GAZE_F32);
}

static void drop(tensors *a) {
  gaze_st_close(&a->st);
  free(a);
}

static void refused_naming(tensors *a, const char *name) {
  gaze_model *m = NULL;
  assert_int_equal(open_written(a, &m), GAZE_ERR_FORMAT);
  assert_null(m);
  assert_non_null(strstr(gaze_err_detail(), name));
  drop(a);
}

static void missing_tensor(void **state) {
  (void)state;
  tensors *a = read_tensors();
  *find(a, "visual.merger.ln_q.weight") = a->t[a->n - 1];
  a->n--;
  refused_naming(a, "visual.merger.ln_q.weight");
}

static void wrong_shape(void **state) {
  (void)state;
  tensors *a = read_tensors();
  gaze_st_tensor *t = find(a, "model.layers.1.mlp.up_proj.weight");
  int64_t swap = t->shape[0];
  t->shape[0] = t->shape[1];
  t->shape[1] = swap;
  refused_naming(a, "model.layers.1.mlp.up_proj.weight");
}

static void not_finite(void **state) {
  (void)state;
  tensors *a = read_tensors();
  gaze_st_tensor *t = find(a, "model.norm.weight");
  float values[48];
  memcpy(values, t->data, sizeof values);
  values[47] = NAN;
  t->data = values;
  refused_naming(a, "model.norm.weight");
}

static void foreign_tensor(void **state) {
  (void)state;
  tensors *a = read_tensors();
  a->t[a->n] = *find(a, "model.norm.weight");
  a->t[a->n++].name = "model.layers.2.input_layernorm.weight";
  refused_naming(a, "model.layers.2.input_layernorm.weight");
}

static void wrong_tokenizer(void **state) {
  (void)state;
  tensors *a = read_tensors();
  gaze_model *m = NULL;
  char path[700];
  snprintf(path, sizeof path, "%s/preprocessor_config.json", folder);
  fx_ok(open_written(a, &m));
  gaze_processor p = *gaze_model_processor(m);
  gaze_model_close(&m);
  p.patch = 16;
  fx_ok(gaze_processor_save(&p, path));
  assert_int_equal(open_written(a, &m), GAZE_ERR_FORMAT);
  assert_non_null(strstr(gaze_err_detail(), "patch_size"));
  copy("preprocessor_config.json");
  drop(a);
}

// the names of newer library versions, and a stored head that is tied anyway
static void newer_names(void **state) {
  (void)state;
  tensors *a = read_tensors();
  for (int i = 0; i < a->n; i++) {
    const char *old = gaze_st_at(a->st, i)->name;
    bool vision = strncmp(old, "visual.", 7) == 0;
    const char *rest = vision ? old : old + 6;
    snprintf(a->name[i], sizeof a->name[i], "model.%s%s", vision ? "" : "language_model.", rest);
  }
  a->t[a->n] = *find(a, "model.language_model.embed_tokens.weight");
  a->t[a->n++].name = "lm_head.weight";
  gaze_model *m = NULL, *want = fx_model("tiny-a", GAZE_F32);
  fx_ok(open_written(a, &m));
  assert_int_equal(m->layout.floats, want->layout.floats);
  size_t f32 = gazei_layout_f32_start(&m->layout);
  assert_memory_equal(m->matrix, want->matrix, f32 * sizeof(float));
  assert_memory_equal(m->f32, want->f32, (m->layout.floats - f32) * sizeof(float));
  gaze_model_close(&m);
  gaze_model_close(&want);
  drop(a);
}

static float i8_at(const gaze_mat *w, int row, int col) {
  const int8_t *q = w->data;
  return (float)q[(size_t)row * (size_t)w->ld + (size_t)col] * w->scale[row];
}

// every packed row is within half a step of its weights, through all fused views
static void packed_rows(void **state) {
  (void)state;
  gaze_model *m = fx_model("tiny-b", GAZE_I8), *full = fx_model("tiny-b", GAZE_F32);
  for (int i = 0; i < 3; i++) {
    const gaze_linear *p[] = {&m->w.layer[i].qkv,  &m->w.layer[i].proj, &m->w.layer[i].gate_up,
                              &m->w.layer[i].down, &m->w.vision[i].qkv, &m->w.vision[i].gate_up,
                              &m->w.merger_fc1,    &m->w.merger_fc2};
    const gaze_linear *f[] = {&full->w.layer[i].qkv,     &full->w.layer[i].proj,
                              &full->w.layer[i].gate_up, &full->w.layer[i].down,
                              &full->w.vision[i].qkv,    &full->w.vision[i].gate_up,
                              &full->w.merger_fc1,       &full->w.merger_fc2};
    for (int k = 0; k < 8; k++) {
      assert_int_equal(p[k]->w.type, GAZE_I8);
      const float *want = f[k]->w.data;
      for (int r = 0; r < p[k]->out; r++) {
        float most = 0;
        for (int c = 0; c < p[k]->in; c++) most = fmaxf(most, fabsf(want[r * p[k]->in + c]));
        assert_true(fabsf(p[k]->w.scale[r] - most / 127.0f) <= 1e-7f * most);
        for (int c = 0; c < p[k]->in; c++) {
          float d = fabsf(i8_at(&p[k]->w, r, c) - want[r * p[k]->in + c]);
          assert_true(d <= 0.5001f * p[k]->w.scale[r]);
        }
      }
    }
  }
  // the rows of the embedding beyond the tokenizer are zero, their scale is positive all the same
  assert_true(m->w.embed.scale[gaze_model_cfg(m)->vocab - 1] > 0);
  assert_int_equal(m->w.patch.w.type, GAZE_F32);
  gaze_model_close(&m);
  gaze_model_close(&full);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(missing_tensor),  cmocka_unit_test(wrong_shape),
      cmocka_unit_test(not_finite),      cmocka_unit_test(foreign_tensor),
      cmocka_unit_test(wrong_tokenizer), cmocka_unit_test(newer_names),
      cmocka_unit_test(packed_rows),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
