// tests/nn/test_model_golden.c - both golden models, every case: prompt, positions, logits, tokens.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka after the headers it needs
#include <cmocka.h>
#include "fixture_golden.h"
#include "nn/chat.h"
#include "nn/nn_internal.h"

typedef void (*case_fn)(const char *model, gaze_model *m, gaze_exec *ex, fx_case *c);

static void each_case(case_fn fn) {
  const char *const models[] = {"tiny-a", "tiny-b"};
  gaze_exec *ex = fx_exec(2);
  for (int i = 0; i < 2; i++) {
    gaze_model *m = fx_model(models[i], GAZE_F32);
    cJSON *root = fx_cases(models[i]);
    const cJSON *json;
    cJSON_ArrayForEach(json, gaze_json_get(root, "cases")) {
      fx_case c = fx_case_open(models[i], json);
      fn(models[i], m, ex, &c);
      fx_case_close(&c);
    }
    cJSON_Delete(root);
    gaze_model_close(&m);
  }
  gaze_exec_close(&ex);
}

// ---- prompt and positions ----

static gaze_role role_of(const char *name) {
  return strcmp(name, "system") == 0 ? GAZE_ROLE_SYSTEM
         : strcmp(name, "user") == 0 ? GAZE_ROLE_USER
                                     : GAZE_ROLE_ASSISTANT;
}

static void render(const cJSON *messages, gaze_buf *text) {
  gaze_message m[8];
  gaze_part parts[8][8];
  int n = 0;
  const cJSON *json, *part;
  cJSON_ArrayForEach(json, messages) {
    const cJSON *content = gaze_json_get(json, "content");
    m[n] = (gaze_message){role_of(gaze_json_get(json, "role")->valuestring), parts[n], 0};
    if (cJSON_IsString(content)) {
      parts[n][m[n].n++].text = content->valuestring;
    } else {
      cJSON_ArrayForEach(part, content) {
        const cJSON *t = gaze_json_get(part, "text");
        parts[n][m[n].n++].text = t ? t->valuestring : NULL;
      }
    }
    n++;
  }
  fx_ok(gaze_chat_render(m, n, true, text));
}

static void prompt_case(const char *model, gaze_model *m, gaze_exec *ex, fx_case *c) {
  (void)ex;
  (void)model;
  gaze_buf text = GAZE_BUF_INIT;
  gaze_ids ids = {0}, full = {0};
  render(gaze_json_get(c->json, "messages"), &text);
  assert_string_equal(gaze_buf_text(&text), gaze_json_get(c->json, "prompt_text")->valuestring);
  fx_ok(gaze_tokenizer_encode(gaze_model_tokenizer(m), text.data, text.len, true, &ids));
  fx_ok(gaze_model_expand(m, ids.v, ids.n, c->images, c->n_images, &full));
  assert_int_equal(full.n, c->n);
  assert_memory_equal(full.v, c->ids, (size_t)c->n * sizeof(int));
  gaze_ids_fini(&ids);
  gaze_ids_fini(&full);
  gaze_buf_fini(&text);
}

static void prompts(void **state) {
  (void)state;
  each_case(prompt_case);
}

static void position_case(const char *model, gaze_model *m, gaze_exec *ex, fx_case *c) {
  (void)ex;
  (void)model;
  int grid[FX_IMAGES_MAX][2], h, w, next = 0;
  for (int i = 0; i < c->n_images; i++) {
    fx_ok(gazei_image_grid(m, c->images[i].h, c->images[i].w, &h, &w, grid[i]));
  }
  int *pos = malloc(3 * (size_t)c->n * sizeof(int));
  fx_ok(gaze_model_positions(gaze_model_cfg(m), c->ids, c->n, (const int(*)[2])grid, c->n_images,
                             pos, &next));
  assert_memory_equal(pos, c->pos, 3 * (size_t)c->n * sizeof(int));
  assert_int_equal(next - c->n, gaze_json_get(c->json, "rope_delta")->valueint);
  free(pos);
}

static void positions(void **state) {
  (void)state;
  each_case(position_case);
}

// ---- numbers ----

static void logits_case(const char *model, gaze_model *m, gaze_exec *ex, fx_case *c) {
  gaze_session *s = NULL;
  size_t vocab = (size_t)gaze_model_cfg(m)->vocab;
  float *out = malloc((size_t)c->n * vocab * sizeof(float));
  fx_ok(gaze_session_open(&s, m, ex, 256));
  fx_ok(gaze_session_score(s, c->ids, c->n, c->images, c->n_images, out));
  float d = fx_max_diff(out, c->logits, (size_t)c->n * vocab);
  print_message("%s/%s: logits max abs error %.2e\n", model, c->name, (double)d);
  assert_true(d <= 2e-4f);
  const float *last = c->logits + (size_t)(c->n - 1) * vocab;
  assert_true(fx_max_diff(gaze_session_logits(s), last, vocab) <= 2e-4f);
  gaze_session_close(&s);
  free(out);
}

static void logits(void **state) {
  (void)state;
  each_case(logits_case);
}

static double log_softmax(const float *x, int n, int at) {
  double most = x[0], sum = 0;
  for (int i = 1; i < n; i++) most = x[i] > most ? x[i] : most;
  for (int i = 0; i < n; i++) sum += exp(x[i] - most);
  return x[at] - most - log(sum);
}

static void target_case(const char *model, gaze_model *m, gaze_exec *ex, fx_case *c) {
  gaze_session *s = NULL;
  int vocab = gaze_model_cfg(m)->vocab;
  double worst = 0;
  float *out = malloc((size_t)c->n_target * (size_t)vocab * sizeof(float));
  fx_ok(gaze_session_open(&s, m, ex, 256));
  fx_ok(gaze_session_append(s, c->ids, c->n, c->images, c->n_images));
  double first = log_softmax(gaze_session_logits(s), vocab, c->target[0]);
  fx_ok(gaze_session_score(s, c->target, c->n_target, NULL, 0, out));
  for (int i = 0; i < c->n_target; i++) {
    const float *row = i > 0 ? out + (size_t)(i - 1) * (size_t)vocab : NULL;
    double got = row ? log_softmax(row, vocab, c->target[i]) : first;
    worst = fmax(worst, fabs(got - (double)c->target_logp[i]));
  }
  print_message("%s/%s: target log-probability max error %.2e\n", model, c->name, worst);
  assert_true(worst <= 1e-4);
  gaze_session_close(&s);
  free(out);
}

static void targets(void **state) {
  (void)state;
  each_case(target_case);
}

// ---- tokens ----

static int argmax(const float *x, int n) {
  int best = 0;
  for (int i = 1; i < n; i++) best = x[i] > x[best] ? i : best;
  return best;
}

// positive logits of seen ids are divided by the penalty, negative ones multiplied
static void penalize(float *x, const int *ids, int n, float penalty, unsigned char *seen) {
  for (int i = 0; i < n; i++) {
    if (seen[ids[i]]) continue;
    seen[ids[i]] = 1;
    x[ids[i]] = x[ids[i]] > 0 ? x[ids[i]] / penalty : x[ids[i]] * penalty;
  }
}

static void continue_greedily(gaze_model *m, gaze_exec *ex, fx_case *c, float penalty,
                              const cJSON *want) {
  gaze_session *s = NULL;
  int vocab = gaze_model_cfg(m)->vocab;
  float *x = malloc((size_t)vocab * sizeof(float));
  unsigned char *seen = malloc((size_t)vocab);
  assert_int_equal(cJSON_GetArraySize(want), 24);
  fx_ok(gaze_session_open(&s, m, ex, 256));
  fx_ok(gaze_session_append(s, c->ids, c->n, c->images, c->n_images));
  for (int i = 0; i < 24; i++) {
    memcpy(x, gaze_session_logits(s), (size_t)vocab * sizeof(float));
    memset(seen, 0, (size_t)vocab);
    penalize(x, gaze_session_ids(s), gaze_session_length(s), penalty, seen);
    int id = argmax(x, vocab);
    assert_int_equal(id, cJSON_GetArrayItem(want, i)->valueint);
    fx_ok(gaze_session_append(s, &id, 1, NULL, 0));
  }
  gaze_session_close(&s);
  free(seen);
  free(x);
}

static void greedy_case(const char *model, gaze_model *m, gaze_exec *ex, fx_case *c) {
  (void)model;
  const cJSON *greedy = gaze_json_get(gaze_json_get(c->json, "greedy"), "ids");
  const cJSON *penalty = gaze_json_get(c->json, "greedy_repetition_penalty_1.05");
  continue_greedily(m, ex, c, 1.0f, greedy);
  if (penalty) continue_greedily(m, ex, c, 1.05f, gaze_json_get(penalty, "ids"));
}

static void greedy(void **state) {
  (void)state;
  each_case(greedy_case);
}

// the decode loop takes the same way up to the first end token
static void generate_case(const char *model, gaze_model *m, gaze_exec *ex, fx_case *c) {
  (void)model;
  for (int penalized = 0; penalized < 2; penalized++) {
    const cJSON *want =
        gaze_json_get(c->json, penalized ? "greedy_repetition_penalty_1.05" : "greedy");
    if (!want) continue;
    want = gaze_json_get(want, "ids");
    gaze_session *s = NULL;
    gaze_generated g;
    gaze_sampling p = {.top_p = 1, .repetition_penalty = penalized ? 1.05f : 1.0f, .max_new = 24};
    fx_ok(gaze_session_open(&s, m, ex, 256));
    fx_ok(gaze_session_append(s, c->ids, c->n, c->images, c->n_images));
    fx_ok(gaze_session_generate(s, &p, NULL, NULL, NULL, &g));
    for (int i = 0; i < g.ids.n; i++) {
      assert_int_equal(g.ids.v[i], cJSON_GetArrayItem(want, i)->valueint);
    }
    assert_true(g.ids.n == 24 || g.ended);
    assert_int_equal(gaze_session_length(s), c->n + g.ids.n);
    gaze_generated_fini(&g);
    gaze_session_close(&s);
  }
}

static void generated(void **state) {
  (void)state;
  each_case(generate_case);
}

// ---- the tower on its own ----

static void merged_features(void **state) {
  (void)state;
  gaze_exec *ex = fx_exec(2);
  gaze_model *m = fx_model("tiny-a", GAZE_F32);
  cJSON *root = fx_cases("tiny-a");
  fx_case c = fx_case_open("tiny-a", gaze_json_get(gaze_json_get(root, "cases"), "one_image"));
  gaze_st *st = NULL;
  gazei_vision v = {0};
  float out[15 * 48];
  fx_ok(gaze_st_open(&st, FX_GOLDEN "/tiny-a-golden/debug_one_image.safetensors"));
  fx_ok(gazei_vision_forward(&v, m, ex, &c.images[0], out));
  assert_true(fx_max_diff(out, fx_f32(st, "vision.merged", 15 * 48), 15 * 48) <= 1e-4f);
  gazei_vision_close(&v);
  gaze_st_close(&st);
  fx_case_close(&c);
  cJSON_Delete(root);
  gaze_model_close(&m);
  gaze_exec_close(&ex);
}

// ---- weights in other types, over a borrowed block, and wrong ones ----

static void packed_case(const char *model, gaze_exec *ex, gaze_dtype type, double limit) {
  gaze_model *m = fx_model(model, type), *full = fx_model(model, GAZE_F32);
  cJSON *root = fx_cases(model);
  const cJSON *json;
  assert_true(gaze_model_bytes(m) < gaze_model_bytes(full));
  cJSON_ArrayForEach(json, gaze_json_get(root, "cases")) {
    fx_case c = fx_case_open(model, json);
    gaze_session *s = NULL;
    size_t n = (size_t)c.n * (size_t)gaze_model_cfg(m)->vocab;
    float *out = malloc(n * sizeof(float));
    double sum = 0;
    fx_ok(gaze_session_open(&s, m, ex, 256));
    fx_ok(gaze_session_score(s, c.ids, c.n, c.images, c.n_images, out));
    for (size_t i = 0; i < n; i++) {
      double d = (double)out[i] - (double)c.logits[i];
      sum += d * d;
    }
    double rms = sqrt(sum / (double)n);
    print_message("%s/%s %s: logits rms error %.2e, max %.2e\n", model, c.name,
                  type == GAZE_I8 ? "i8" : "bf16", rms, (double)fx_max_diff(out, c.logits, n));
    assert_true(rms <= limit);
    free(out);
    gaze_session_close(&s);
    fx_case_close(&c);
  }
  cJSON_Delete(root);
  gaze_model_close(&m);
  gaze_model_close(&full);
}

static void packed(void **state) {
  (void)state;
  gaze_exec *ex = fx_exec(1);
  // tiny-b is stored in bf16, so nothing is rounded; the logits' standard deviation is above 2
  packed_case("tiny-b", ex, GAZE_BF16, 1e-4);
  packed_case("tiny-a", ex, GAZE_BF16, 0.05);
  packed_case("tiny-a", ex, GAZE_I8, 0.2);
  packed_case("tiny-b", ex, GAZE_I8, 0.2);
  gaze_exec_close(&ex);
}

static void wrapped(void **state) {
  (void)state;
  gaze_exec *ex = fx_exec(1);
  gaze_model *m = NULL, *full = fx_model("tiny-a", GAZE_F32);
  const gaze_model_config *c = gaze_model_cfg(full);
  gaze_layout l;
  gaze_st *st = NULL;
  fx_ok(gaze_layout_open(&l, c));
  fx_ok(gaze_st_open_folder(&st, FX_GOLDEN "/tiny-a"));
  float *block = calloc(l.floats, sizeof *block);
  for (int i = 0; i < l.n; i++) {
    size_t n = (size_t)l.param[i].rows * (size_t)l.param[i].cols;
    fx_ok(gaze_st_read_f32(gaze_st_find(st, l.param[i].name), block + l.param[i].offset, n));
  }
  fx_ok(gaze_model_wrap(&m, &gaze_ops_cpu, FX_GOLDEN "/tiny-a", c, block));
  gaze_session *a = NULL, *b = NULL;
  const int ids[] = {1, 2, 3, 50, 60};
  fx_ok(gaze_session_open(&a, m, ex, 16));
  fx_ok(gaze_session_open(&b, full, ex, 16));
  fx_ok(gaze_session_append(a, ids, 5, NULL, 0));
  fx_ok(gaze_session_append(b, ids, 5, NULL, 0));
  size_t bytes = (size_t)c->vocab * sizeof(float);
  assert_memory_equal(gaze_session_logits(a), gaze_session_logits(b), bytes);
  // the block is borrowed: a change shows at once
  block[gaze_layout_find(&l, "model.norm.weight")->offset] += 1.0f;
  fx_ok(gaze_session_rewind(a, 0));
  fx_ok(gaze_session_append(a, ids, 5, NULL, 0));
  assert_memory_not_equal(gaze_session_logits(a), gaze_session_logits(b), bytes);
  gaze_session_close(&a);
  gaze_session_close(&b);
  gaze_model_close(&m);
  gaze_model_close(&full);
  gaze_st_close(&st);
  gaze_layout_close(&l);
  free(block);
  gaze_exec_close(&ex);
}

static void missing_ops(void **state) {
  (void)state;
  gaze_ops ops = gaze_ops_cpu;
  gaze_model *m = NULL;
  ops.rope = NULL;
  ops.sample = NULL;
  assert_int_equal(gaze_model_open(&m, &ops, FX_GOLDEN "/tiny-a", GAZE_F32), GAZE_ERR_UNSUPPORTED);
  assert_non_null(strstr(gaze_err_detail(), "rope sample"));
  assert_null(m);
  assert_int_equal(gaze_model_open(&m, &gaze_ops_cpu, FX_GOLDEN "/tiny-a", GAZE_F16),
                   GAZE_ERR_UNSUPPORTED);
  assert_true(gaze_model_open(&m, &gaze_ops_cpu, FX_GOLDEN "/none", GAZE_F32) != GAZE_OK);
  assert_null(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(prompts),     cmocka_unit_test(positions), cmocka_unit_test(merged_features),
      cmocka_unit_test(logits),      cmocka_unit_test(targets),   cmocka_unit_test(greedy),
      cmocka_unit_test(generated),   cmocka_unit_test(packed),    cmocka_unit_test(wrapped),
      cmocka_unit_test(missing_ops),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
