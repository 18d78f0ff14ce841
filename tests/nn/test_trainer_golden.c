// tests/nn/test_trainer_golden.c - losses, gradients and AdamW steps of the reference.
// clang-format off
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "fixture_trainer.h"
#include "nn/safetensors.h"

typedef struct rig {
  gaze_exec *ex;
  gaze_trainer *t;
} rig;

static void rig_open(rig *r, const gaze_train_options *o) {
  assert_int_equal(gaze_exec_open_cpu(&r->ex, 2), GAZE_OK);
  gaze_err e = gaze_trainer_open(&r->t, &gaze_ops_cpu, r->ex, TINY_A, o, 1);
  if (e) print_message("%s\n", gaze_err_detail());
  assert_int_equal(e, GAZE_OK);
}

static void rig_close(rig *r) {
  gaze_trainer_close(&r->t);
  assert_null(r->t);
  gaze_exec_close(&r->ex);
}

static float *golden(gaze_st *st, const gaze_param *p) {
  const gaze_st_tensor *x = gaze_st_find(st, p->name);
  assert_non_null(x);
  size_t n = (size_t)p->rows * (size_t)p->cols;
  float *v = malloc(n * sizeof *v);
  assert_non_null(v);
  assert_int_equal(gaze_st_read_f32(x, v, n), GAZE_OK);
  return v;
}

// ||a - b|| / ||b|| of each tensor; returns the worst and its name
static double worst_l2(const gaze_trainer *t, const float *block, const char *file,
                       const char **name) {
  gaze_st *st = NULL;
  char path[1024];
  snprintf(path, sizeof path, TINY_A_GOLDEN "/train/%s", file);
  assert_int_equal(gaze_st_open(&st, path), GAZE_OK);
  const gaze_layout *l = gaze_trainer_layout(t);
  assert_int_equal(l->n, 80);
  double worst = 0;
  for (int i = 0; i < l->n; i++) {
    const gaze_param *p = &l->param[i];
    float *want = golden(st, p);
    double far = 0, size = 0;
    for (size_t k = 0; k < (size_t)p->rows * (size_t)p->cols; k++) {
      double d = (double)block[p->offset + k] - (double)want[k];
      far += d * d;
      size += (double)want[k] * (double)want[k];
    }
    double rel = sqrt(far / (size + 1e-30));
    if (!(rel <= worst)) {
      worst = rel;
      *name = p->name;
    }
    free(want);
  }
  gaze_st_close(&st);
  return worst;
}

static void test_gradients(void **state) {
  (void)state;
  rig r;
  gaze_train_options o = golden_options();
  rig_open(&r, &o);
  test_pack k;
  test_pack_case(&k, "one_image");
  double loss = train_pass(r.t, &k.p, NULL);
  assert_true(fabs(loss - 8.745756149291992) < 1e-5);
  const char *name = "";
  double worst = worst_l2(r.t, gaze_trainer_grads(r.t), "gradients.safetensors", &name);
  print_message("worst gradient: %s, relative L2 %.2g\n", name, worst);
  assert_true(worst < 1e-4);
  test_pack_free(&k);
  rig_close(&r);
}

static void check_parameters(const gaze_trainer *t, const float *block) {
  gaze_st *st = NULL;
  assert_int_equal(gaze_st_open(&st, TINY_A_GOLDEN "/train/parameters_after_3_steps.safetensors"),
                   GAZE_OK);
  const gaze_layout *l = gaze_trainer_layout(t);
  size_t all = 0, off = 0;
  double most = 0;
  for (int i = 0; i < l->n; i++) {
    const gaze_param *p = &l->param[i];
    float *want = golden(st, p);
    size_t n = (size_t)p->rows * (size_t)p->cols;
    for (size_t k = 0; k < n; k++) {
      double d = fabs((double)block[p->offset + k] - (double)want[k]);
      if (!(d <= most)) most = d;
      off += !(d < 1e-4);
    }
    all += n;
    free(want);
  }
  gaze_st_close(&st);
  print_message("parameters: %zu of %zu above 1e-4, largest %.2g\n", off, all, most);
  assert_true(most < 2e-3);
  assert_true(off * 1000 < all);
}

static void test_three_steps(void **state) {
  (void)state;
  rig r;
  gaze_train_options o = golden_options();
  rig_open(&r, &o);
  test_pack k;
  test_pack_case(&k, "one_image");
  cJSON *log = NULL;
  assert_int_equal(gaze_json_load(&log, TINY_A_GOLDEN "/train/train.json"), GAZE_OK);
  const cJSON *steps = gaze_json_get(log, "steps");
  for (int i = 0; i < 3; i++) {
    const cJSON *s = cJSON_GetArrayItem(steps, i);
    double loss = train_pass(r.t, &k.p, NULL);
    assert_true(fabs(loss - gaze_json_get(s, "loss")->valuedouble) < 1e-4);
    float norm = 0;
    assert_int_equal(gaze_trainer_step(r.t, 1.0f, &norm), GAZE_OK);
    double want = gaze_json_get(s, "grad_norm_before_clip")->valuedouble;
    assert_true(fabs((double)norm - want) < 1e-3 * want);
  }
  check_parameters(r.t, gaze_trainer_params(r.t));
  float logp[64];
  assert_int_equal(gaze_trainer_forward(r.t, &k.p, logp, NULL, NULL), GAZE_OK);
  double loss = 0;
  for (int i = 0; i < k.p.scored; i++) loss -= (double)logp[i] / k.p.scored;
  assert_true(fabs(loss - gaze_json_get(log, "loss_after_3_steps")->valuedouble) < 1e-4);
  cJSON_Delete(log);
  test_pack_free(&k);
  rig_close(&r);
}

static void check_case(rig *r, const cJSON *want) {
  test_pack k;
  test_pack_case(&k, want->string);
  double loss = train_pass(r->t, &k.p, NULL);
  double expected = gaze_json_get(want, "loss")->valuedouble;
  if (!(fabs(loss - expected) < 2e-5)) fail_msg("%s: %.7f, not %.7f", want->string, loss, expected);
  const float *g = gaze_trainer_grads(r->t);
  const gaze_layout *l = gaze_trainer_layout(r->t);
  const cJSON *size = gaze_json_get(want, "gradient_l2");
  for (int i = 0; i < l->n; i++) {
    const gaze_param *p = &l->param[i];
    double sum = 0;
    for (size_t n = 0; n < (size_t)p->rows * (size_t)p->cols; n++) {
      sum += (double)g[p->offset + n] * (double)g[p->offset + n];
    }
    const cJSON *x = gaze_json_get(size, p->name);
    // a tensor the loss does not reach is null or left out
    double l2 = cJSON_IsNumber(x) ? x->valuedouble : 0;
    if (!(fabs(sqrt(sum) - l2) <= 1e-4 * l2)) fail_msg("%s %s", want->string, p->name);
  }
  float norm = 0;
  assert_int_equal(gaze_trainer_step(r->t, 0.0f, &norm), GAZE_OK);  // clears the gradients
  double total = gaze_json_get(want, "grad_norm")->valuedouble;
  assert_true(fabs((double)norm - total) < 1e-4 * total);
  test_pack_free(&k);
}

static void test_all_cases(void **state) {
  (void)state;
  rig r;
  gaze_train_options o = golden_options();
  rig_open(&r, &o);
  cJSON *all = NULL;
  assert_int_equal(gaze_json_load(&all, TINY_A_GOLDEN "/train/losses_all_cases.json"), GAZE_OK);
  int cases = 0;
  const cJSON *c = NULL;
  cJSON_ArrayForEach(c, all) {
    if (!gaze_json_get(c, "gradient_l2")) continue;
    check_case(&r, c);
    cases++;
  }
  assert_int_equal(cases, 4);
  cJSON_Delete(all);
  rig_close(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_gradients),
      cmocka_unit_test(test_three_steps),
      cmocka_unit_test(test_all_cases),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
