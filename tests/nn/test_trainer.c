// tests/nn/test_trainer.c - gradients by finite differences, packing, freezing, the optimisers.
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
#include "core/file.h"
#include "fixture_trainer.h"
#include "nn/trainer_internal.h"

static const char *const dir = GAZE_BINARY_DIR "/test_trainer_model";

typedef struct rig {
  gaze_exec *ex;
  gaze_trainer *t;
} rig;

// a random model with an untied head, matrices six times as large as the initial ones so that
// every part has a gradient to speak of
static void rig_open(rig *r, const gaze_train_options *o, int threads) {
  write_tiny_model(dir, false);
  assert_int_equal(gaze_exec_open_cpu(&r->ex, threads), GAZE_OK);
  gaze_err e = gaze_trainer_open(&r->t, &gaze_ops_cpu, r->ex, dir, o, 5);
  if (e) print_message("%s\n", gaze_err_detail());
  assert_int_equal(e, GAZE_OK);
  float *p = gaze_trainer_params(r->t);
  gaze_rng rng;
  gaze_rng_init(&rng, 3, 3);
  for (int i = 0; i < r->t->layout.n; i++) {
    const gaze_param *x = &r->t->layout.param[i];
    for (size_t k = 0; k < (size_t)x->rows * (size_t)x->cols; k++) {
      float *v = &p[x->offset + k];
      if (x->kind == GAZE_PARAM_VECTOR)
        *v += 0.1f * (float)gaze_rng_normal(&rng);
      else
        *v *= x->kind == GAZE_PARAM_PATCH ? 1.5f : 6.0f;
    }
  }
  for (size_t i = 0; i < r->t->aux_n; i++) r->t->aux_p[i] *= 6.0f;
}

static void rig_close(rig *r) {
  gaze_trainer_close(&r->t);
  gaze_exec_close(&r->ex);
  gaze_dir_remove(dir);
}

static float *copy(const float *x, size_t n) {
  float *y = malloc(n * sizeof *y + 1);
  assert_non_null(y);
  memcpy(y, x, n * sizeof *y);
  return y;
}

static double norm(const float *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
  return sqrt(sum);
}

static double distance(const float *a, const float *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
  return sqrt(sum);
}

static void zero_grads(gaze_trainer *t) {
  memset(t->g, 0, t->layout.floats * sizeof *t->g);
  if (t->aux_n) memset(t->aux_g, 0, t->aux_n * sizeof *t->aux_g);
}

static double loss_of(gaze_trainer *t, const gaze_pack *p) {
  float aux = 0;
  double loss = train_pass(t, p, &aux);
  return loss + (double)(t->o.aux_weight * aux);
}

// slope along `dir` (unit length) at x by central differences
static double slope(gaze_trainer *t, const gaze_pack *p, float *x, const double *way, size_t n,
                    double eps) {
  float *old = copy(x, n);
  for (size_t i = 0; i < n; i++) x[i] = (float)((double)old[i] + eps * way[i]);
  double up = loss_of(t, p);
  for (size_t i = 0; i < n; i++) x[i] = (float)((double)old[i] - eps * way[i]);
  double down = loss_of(t, p);
  memcpy(x, old, n * sizeof *x);
  free(old);
  return (up - down) / (2 * eps);
}

// along the gradient itself the slope is its length; along its largest element, that element
static void check_block(gaze_trainer *t, const gaze_pack *p, const char *name, float *x,
                        const float *g, size_t n) {
  double size = norm(g, n);
  if (!(size > 1e-3)) fail_msg("%s: hardly a gradient (%g)", name, size);
  double *way = calloc(n, sizeof *way);
  assert_non_null(way);
  size_t top = 0;
  for (size_t i = 0; i < n; i++) {
    way[i] = (double)g[i] / size;
    if (fabsf(g[i]) > fabsf(g[top])) top = i;
  }
  double got = slope(t, p, x, way, n, 5e-3);
  if (!(fabs(got - size) < 0.02 * size + 1e-3)) fail_msg("%s: %g, not %g", name, got, size);
  memset(way, 0, n * sizeof *way);
  way[top] = 1;
  got = slope(t, p, x, way, n, 5e-3);
  double want = (double)g[top];
  if (!(fabs(got - want) < 0.03 * fabs(want) + 1e-3)) fail_msg("%s: %g, not %g", name, got, want);
  free(way);
}

static void test_finite_differences(void **state) {
  (void)state;
  static const char *const name[] = {"visual.patch_embed.proj.weight",
                                     "visual.blocks.0.attn.qkv.weight",
                                     "visual.blocks.1.attn.qkv.bias",
                                     "visual.blocks.2.mlp.up_proj.weight",
                                     "visual.blocks.3.norm2.weight",
                                     "visual.merger.mlp.0.weight",
                                     "visual.merger.ln_q.weight",
                                     "model.embed_tokens.weight",
                                     "model.layers.0.self_attn.k_proj.weight",
                                     "model.layers.0.mlp.gate_proj.weight",
                                     "model.layers.1.self_attn.o_proj.weight",
                                     "model.layers.1.self_attn.v_proj.bias",
                                     "model.layers.1.input_layernorm.weight",
                                     "model.norm.weight",
                                     "lm_head.weight"};
  gaze_train_options o = golden_options();
  o.aux_weight = 0.7f;
  rig r;
  rig_open(&r, &o, 2);
  test_pack k;
  test_pack_random(&k, &r.t->cfg, 3, 2, 6, 8, 9, 1);
  (void)loss_of(r.t, &k.p);
  float *g = copy(r.t->g, r.t->layout.floats), *aux = copy(r.t->aux_g, r.t->aux_n);
  for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
    const gaze_param *p = gaze_layout_find(&r.t->layout, name[i]);
    assert_non_null(p);
    check_block(r.t, &k.p, name[i], r.t->p + p->offset, g + p->offset,
                (size_t)p->rows * (size_t)p->cols);
  }
  check_block(r.t, &k.p, "auxiliary head", r.t->aux_p, aux, r.t->aux_n);
  free(g);
  free(aux);
  test_pack_free(&k);
  rig_close(&r);
}

// sum of losses, so that packs add up
static void sum_pass(gaze_trainer *t, const gaze_pack *p, float *logp) {
  float *g = malloc(((size_t)p->scored + 1) * sizeof *g);
  assert_non_null(g);
  for (int i = 0; i < p->scored; i++) g[i] = -1;
  assert_int_equal(gaze_trainer_forward(t, p, logp, NULL, NULL), GAZE_OK);
  assert_int_equal(gaze_trainer_backward(t, p, g, NULL), GAZE_OK);
  free(g);
}

static void test_packing(void **state) {
  (void)state;
  gaze_train_options o = golden_options();
  rig r;
  rig_open(&r, &o, 2);
  test_pack a, b, both;
  test_pack_random(&a, &r.t->cfg, 1, 1, 4, 6, 12, 1);
  test_pack_random(&b, &r.t->cfg, 2, 1, 8, 4, 7, 2);
  test_pack_join(&both, &a, &b);
  float one[64], all[64];
  assert_true(both.p.scored <= 64);
  sum_pass(r.t, &a.p, one);
  sum_pass(r.t, &b.p, one + a.p.scored);
  float *apart = copy(r.t->g, r.t->layout.floats);
  zero_grads(r.t);
  sum_pass(r.t, &both.p, all);
  for (int i = 0; i < both.p.scored; i++) assert_true(fabsf(one[i] - all[i]) < 1e-5f);
  double size = norm(apart, r.t->layout.floats);
  assert_true(size > 1);
  assert_true(distance(apart, r.t->g, r.t->layout.floats) < 1e-5 * size);
  free(apart);
  test_pack_free(&a);
  test_pack_free(&b);
  test_pack_free(&both);
  rig_close(&r);
}

// more rows than one chunk has: the pieces must fit together
static void test_many_chunks(void **state) {
  (void)state;
  gaze_train_options o = golden_options();
  o.max_tokens = o.max_scored = 4096;
  o.max_patches = 3072;
  rig r;
  rig_open(&r, &o, 2);
  test_pack a, b, both;
  test_pack_random(&a, &r.t->cfg, 30, 20, 6, 12, 40, 1);
  test_pack_random(&b, &r.t->cfg, 30, 20, 6, 12, 40, 2);
  test_pack_join(&both, &a, &b);
  assert_true(a.p.tokens > GAZEI_TRAIN_ROWS && a.p.n_patches > GAZEI_TRAIN_ROWS);
  float *logp = malloc((size_t)both.p.scored * 2 * sizeof *logp);
  assert_non_null(logp);
  sum_pass(r.t, &a.p, logp);
  sum_pass(r.t, &b.p, logp + a.p.scored);
  float *apart = copy(r.t->g, r.t->layout.floats);
  zero_grads(r.t);
  sum_pass(r.t, &b.p, logp + a.p.scored);
  float *second = copy(r.t->g, r.t->layout.floats);
  zero_grads(r.t);
  sum_pass(r.t, &both.p, logp + both.p.scored);
  for (int i = 0; i < both.p.scored; i++) {
    assert_true(fabsf(logp[i] - logp[i + both.p.scored]) < 1e-5f);
  }
  double size = norm(apart, r.t->layout.floats);
  assert_true(distance(apart, r.t->g, r.t->layout.floats) < 1e-4 * size);
  // no gradient for the first half: as if it were not there
  for (int i = 0; i < both.p.scored; i++) logp[i] = i < a.p.scored ? 0 : -1;
  zero_grads(r.t);
  assert_int_equal(gaze_trainer_backward(r.t, &both.p, logp, NULL), GAZE_OK);
  assert_true(distance(second, r.t->g, r.t->layout.floats) < 1e-4 * size);
  free(apart);
  free(second);
  free(logp);
  test_pack_free(&a);
  test_pack_free(&b);
  test_pack_free(&both);
  rig_close(&r);
}

static void test_text_only(void **state) {
  (void)state;
  gaze_train_options o = golden_options();
  o.aux_weight = 1;
  rig r;
  rig_open(&r, &o, 2);
  test_pack k;
  test_pack_random(&k, &r.t->cfg, 2, 0, 4, 4, 10, 3);
  float aux = 7;
  assert_true(train_pass(r.t, &k.p, &aux) > 1);
  assert_true(aux == 0);
  for (int i = 0; i < r.t->layout.n; i++) {
    const gaze_param *p = &r.t->layout.param[i];
    double size = norm(r.t->g + p->offset, (size_t)p->rows * (size_t)p->cols);
    bool vision = strncmp(p->name, "visual.", 7) == 0;
    if (vision ? size != 0 : !(size > 0)) fail_msg("%s: gradient %g", p->name, size);
  }
  test_pack_free(&k);
  rig_close(&r);
}

// a row may be scored for several targets; an equal split of one target changes nothing
static void test_repeated_rows(void **state) {
  (void)state;
  gaze_train_options o = golden_options();
  rig r;
  rig_open(&r, &o, 2);
  test_pack k;
  test_pack_random(&k, &r.t->cfg, 1, 1, 4, 4, 8, 4);
  int n = k.p.scored, row[32], target[32];
  float logp[32], twice[32], g[32], entropy[32];
  int hit[32];
  assert_true(2 * n <= 32);
  sum_pass(r.t, &k.p, logp);
  float *once = copy(r.t->g, r.t->layout.floats);
  zero_grads(r.t);
  for (int i = 0; i < n; i++) {
    row[2 * i] = row[2 * i + 1] = k.row[i];
    target[2 * i] = target[2 * i + 1] = k.target[i];
    g[2 * i] = -0.25f;
    g[2 * i + 1] = -0.75f;
  }
  gaze_pack p = k.p;
  p.row = row, p.target = target, p.scored = 2 * n;
  assert_int_equal(gaze_trainer_forward(r.t, &p, twice, hit, entropy), GAZE_OK);
  assert_int_equal(gaze_trainer_backward(r.t, &p, g, NULL), GAZE_OK);
  for (int i = 0; i < 2 * n; i++) {
    assert_true(fabsf(twice[i] - logp[i / 2]) < 1e-5f);
    assert_true(hit[i] == 0 || hit[i] == 1);
    // entropy lies between 0 and log vocab, and no target is likelier than a certain hit
    assert_true(entropy[i] > 0 && entropy[i] < logf((float)r.t->cfg.vocab) + 1e-4f);
  }
  assert_true(distance(once, r.t->g, r.t->layout.floats) < 1e-5 * norm(once, r.t->layout.floats));
  free(once);
  test_pack_free(&k);
  rig_close(&r);
}

// what comes after the last scored row cannot matter
static void test_unscored(void **state) {
  (void)state;
  gaze_train_options o = golden_options();
  rig r;
  rig_open(&r, &o, 1);
  test_pack k;
  test_pack_random(&k, &r.t->cfg, 2, 0, 4, 4, 10, 6);
  // score row 4 of the first sequence alone; token 300 stands once in its past, 301 after it,
  // 302 in the other sequence
  k.ids[2] = 300;
  k.ids[7] = 301;
  k.ids[13] = 302;
  k.p.scored = 1;
  k.row[0] = 4;
  sum_pass(r.t, &k.p, NULL);
  size_t h = (size_t)r.t->cfg.hidden;
  const float *g = r.t->g + r.t->embed_offset;
  assert_true(norm(g + 300 * h, h) > 0);
  assert_true(norm(g + 301 * h, h) == 0);
  assert_true(norm(g + 302 * h, h) == 0);
  // nothing scored: no gradient at all
  zero_grads(r.t);
  k.p.scored = 0;
  sum_pass(r.t, &k.p, NULL);
  assert_true(norm(r.t->g, r.t->layout.floats) == 0);
  test_pack_free(&k);
  rig_close(&r);
}

static void test_threads_agree(void **state) {
  (void)state;
  gaze_train_options o = golden_options();
  o.bf16_products = o.muon = true;
  o.aux_weight = 0.5f;
  float *first = NULL;
  for (int threads = 1; threads <= 2; threads++) {
    rig r;
    rig_open(&r, &o, threads);
    test_pack k;
    test_pack_random(&k, &r.t->cfg, 3, 2, 6, 8, 20, 1);
    (void)train_pass(r.t, &k.p, NULL);
    assert_int_equal(gaze_trainer_step(r.t, 1, NULL), GAZE_OK);
    if (!first)
      first = copy(r.t->p, r.t->layout.floats);
    else
      assert_memory_equal(first, r.t->p, r.t->layout.floats * sizeof *first);
    test_pack_free(&k);
    rig_close(&r);
  }
  free(first);
}

static void test_freeze(void **state) {
  (void)state;
  static const char *const names[] = {"visual.*", "*.k_proj.*",
                                      "model.layers.1.mlp.down_proj.weight", "*layernorm*", NULL};
  for (int muon = 0; muon < 2; muon++) {
    gaze_train_options o = golden_options();
    o.muon = muon == 1;
    o.freeze = names;
    rig r;
    rig_open(&r, &o, 2);
    float *before = copy(r.t->p, r.t->layout.floats);
    test_pack k;
    test_pack_random(&k, &r.t->cfg, 2, 1, 4, 4, 10, 6);
    (void)train_pass(r.t, &k.p, NULL);
    assert_int_equal(gaze_trainer_step(r.t, 1, NULL), GAZE_OK);
    int frozen = 0;
    for (int i = 0; i < r.t->layout.n; i++) {
      const gaze_param *p = &r.t->layout.param[i];
      size_t n = (size_t)p->rows * (size_t)p->cols;
      bool hold = false;
      for (int f = 0; names[f]; f++) hold = hold || gazei_match(names[f], p->name);
      bool same = memcmp(before + p->offset, r.t->p + p->offset, n * sizeof(float)) == 0;
      if (same != hold) fail_msg("%s: frozen %d, unchanged %d", p->name, hold, same);
      frozen += hold;
    }
    assert_true(frozen > 50);
    free(before);
    test_pack_free(&k);
    rig_close(&r);
  }
}

static void test_match(void **state) {
  (void)state;
  assert_true(gazei_match("*", ""));
  assert_true(gazei_match("a*c", "abbc"));
  assert_true(gazei_match("*.weight", "x.weight.weight"));
  assert_true(gazei_match("a**b*", "axxbyy"));
  assert_false(gazei_match("a*c", "abbcd"));
  assert_false(gazei_match("", "a"));
  assert_false(gazei_match("abc", "ab"));
  assert_false(gazei_match("visual.*", "model.visual.x"));
  gaze_exec *ex = NULL;
  gaze_trainer *t = NULL;
  const char *const none[] = {"modle.*", NULL};
  gaze_train_options o = golden_options();
  o.freeze = none;
  assert_int_equal(gaze_exec_open_cpu(&ex, 1), GAZE_OK);
  assert_int_equal(gaze_trainer_open(&t, &gaze_ops_cpu, ex, TINY_A, &o, 1), GAZE_ERR_ARG);
  assert_null(t);
  assert_non_null(strstr(gaze_err_detail(), "modle"));
  gaze_exec_close(&ex);
}

static void test_not_finite(void **state) {
  (void)state;
  gaze_train_options o = golden_options();
  rig r;
  rig_open(&r, &o, 1);
  test_pack k;
  test_pack_random(&k, &r.t->cfg, 1, 1, 4, 4, 8, 4);
  size_t n = r.t->layout.floats;
  float *before = copy(r.t->p, n), *m = copy(r.t->m, n), g[16], grad = 0;
  assert_int_equal(gaze_trainer_forward(r.t, &k.p, NULL, NULL, NULL), GAZE_OK);
  for (int i = 0; i < k.p.scored; i++) g[i] = i == 3 ? NAN : -1;
  assert_int_equal(gaze_trainer_backward(r.t, &k.p, g, NULL), GAZE_OK);
  assert_int_equal(gaze_trainer_step(r.t, 1, &grad), GAZE_ERR_FORMAT);
  assert_true(!(grad < INFINITY));
  assert_memory_equal(before, r.t->p, n * sizeof *before);
  assert_memory_equal(m, r.t->m, n * sizeof *m);
  assert_true(norm(r.t->g, n) == 0);
  assert_int_equal(r.t->step, 0);
  // and training goes on
  (void)train_pass(r.t, &k.p, NULL);
  assert_int_equal(gaze_trainer_step(r.t, 1, &grad), GAZE_OK);
  assert_true(distance(before, r.t->p, n) > 0);
  free(before);
  free(m);
  test_pack_free(&k);
  rig_close(&r);
}

static void test_learns(void **state) {
  (void)state;
  for (int muon = 0; muon < 2; muon++) {
    gaze_train_options o = golden_options();
    o.muon = muon == 1;
    o.bf16_products = true;
    o.lr_matrix = muon ? 0.02f : 1e-3f;
    o.decay_matrix = o.decay_other = 0;
    o.aux_weight = 0.1f;
    rig r;
    rig_open(&r, &o, 2);
    test_pack k;
    test_pack_random(&k, &r.t->cfg, 3, 2, 4, 6, 10, 8);
    float aux0 = 0, aux = 0;
    double first = train_pass(r.t, &k.p, &aux0), last = 0;
    for (int i = 0; i < 30; i++) {
      assert_int_equal(gaze_trainer_step(r.t, 1, NULL), GAZE_OK);
      last = train_pass(r.t, &k.p, &aux);
    }
    print_message("%s: loss %.2f -> %.2f, auxiliary %.2f -> %.2f\n", muon ? "muon" : "adamw", first,
                  last, (double)aux0, (double)aux);
    assert_true(last < first - 1);
    assert_true(aux < aux0);
    test_pack_free(&k);
    rig_close(&r);
  }
}

static void test_bad_packs(void **state) {
  (void)state;
  gaze_train_options o = golden_options();
  o.aux_weight = 1;
  rig r;
  rig_open(&r, &o, 1);
  test_pack k;
  test_pack_random(&k, &r.t->cfg, 2, 1, 4, 4, 8, 4);
  float g[64] = {0};
  gaze_pack p = k.p;
  assert_int_equal(gaze_trainer_backward(r.t, &p, g, NULL), GAZE_ERR_STATE);
#define REFUSED(change, code)                                                  \
  do {                                                                         \
    p = k.p;                                                                   \
    change;                                                                    \
    assert_int_equal(gaze_trainer_forward(r.t, &p, NULL, NULL, NULL), code);   \
    assert_int_equal(gaze_trainer_backward(r.t, &p, g, NULL), GAZE_ERR_STATE); \
  } while (0)
  REFUSED(p.tokens = 0, GAZE_ERR_RANGE);
  REFUSED(p.tokens = 257, GAZE_ERR_RANGE);
  REFUSED(p.n_patches = 513, GAZE_ERR_RANGE);
  REFUSED(p.scored = 257, GAZE_ERR_RANGE);
  REFUSED(p.scored = -1, GAZE_ERR_RANGE);
  REFUSED(p.ids = NULL, GAZE_ERR_ARG);
  REFUSED(p.target = NULL, GAZE_ERR_ARG);
  REFUSED(p.seqs = 1, GAZE_ERR_ARG);
  REFUSED(p.images = 0, GAZE_ERR_ARG);
  REFUSED(p.box = NULL, GAZE_ERR_ARG);
  int grid[1][2] = {{4, 3}}, other[1][2] = {{2, 4}}, ids[64], start[3] = {0, 0, p.tokens};
  memcpy(ids, k.ids, (size_t)k.p.tokens * sizeof *ids);
  REFUSED(p.grid = (const int(*)[2])grid, GAZE_ERR_ARG);
  REFUSED(p.grid = (const int(*)[2])other, GAZE_ERR_ARG);
  REFUSED(p.seq_start = start, GAZE_ERR_ARG);
  p.ids = ids;
  REFUSED((p.ids = ids, ids[0] = 5), GAZE_ERR_ARG);  // one image token too few
  REFUSED((p.ids = ids, ids[0] = r.t->cfg.vocab), GAZE_ERR_RANGE);
  REFUSED((p.ids = ids, ids[0] = -1), GAZE_ERR_RANGE);
  int row[64] = {0}, target[64] = {0};
  REFUSED((p.row = row, row[2] = p.tokens), GAZE_ERR_RANGE);
  row[2] = 0;
  REFUSED((p.row = row, p.target = target, target[1] = -1), GAZE_ERR_RANGE);
#undef REFUSED
  k.cell[1][1] = 8;
  assert_int_equal(gaze_trainer_forward(r.t, &k.p, NULL, NULL, NULL), GAZE_OK);
  assert_int_equal(gaze_trainer_backward(r.t, &k.p, g, NULL), GAZE_ERR_RANGE);
  assert_int_equal(gaze_trainer_step(r.t, -1, NULL), GAZE_ERR_ARG);
  test_pack_free(&k);
  rig_close(&r);
}

static void test_initial_weights(void **state) {
  (void)state;
  write_tiny_model(dir, true);
  gaze_train_options o = golden_options();
  gaze_exec *ex = NULL;
  assert_int_equal(gaze_exec_open_cpu(&ex, 1), GAZE_OK);
  gaze_trainer *t = NULL, *same = NULL, *other = NULL;
  assert_int_equal(gaze_trainer_open(&t, &gaze_ops_cpu, ex, dir, &o, 5), GAZE_OK);
  assert_int_equal(gaze_trainer_open(&same, &gaze_ops_cpu, ex, dir, &o, 5), GAZE_OK);
  assert_int_equal(gaze_trainer_open(&other, &gaze_ops_cpu, ex, dir, &o, 6), GAZE_OK);
  size_t n = t->layout.floats;
  assert_memory_equal(t->p, same->p, n * sizeof(float));
  assert_true(distance(t->p, other->p, n) > 0);
  const gaze_param *q = gaze_layout_find(&t->layout, "model.layers.0.self_attn.q_proj.weight");
  const gaze_param *w = gaze_layout_find(&t->layout, "model.layers.0.self_attn.o_proj.weight");
  double count = (double)q->rows * q->cols;
  assert_true(fabs(norm(t->p + q->offset, (size_t)count) / sqrt(count) - 0.02) < 0.001);
  assert_true(fabs(norm(t->p + w->offset, (size_t)count) / sqrt(count) - 0.01) < 0.001);
  assert_true(t->p[gaze_layout_find(&t->layout, "visual.merger.ln_q.weight")->offset] == 1);
  assert_true(t->p[gaze_layout_find(&t->layout, "visual.merger.mlp.0.bias")->offset] == 0);
  // digits: neighbours are closer than strangers
  int id[3];
  const char *const digit[] = {"3", "4", "9"};
  for (int i = 0; i < 3; i++) {
    id[i] = gaze_tokenizer_id(gaze_model_tokenizer(gaze_trainer_model(t)), digit[i]);
    assert_true(id[i] >= 0);
  }
  size_t h = (size_t)t->cfg.hidden;
  const float *e = t->p + t->embed_offset;
  double near = distance(e + (size_t)id[0] * h, e + (size_t)id[1] * h, h);
  assert_true(near < distance(e + (size_t)id[0] * h, e + (size_t)id[2] * h, h));
  assert_true(fabs(norm(e + (size_t)id[0] * h, h) / sqrt((double)h) - 0.02) < 1e-4);
  gaze_trainer_close(&t);
  gaze_trainer_close(&same);
  gaze_trainer_close(&other);
  gaze_exec_close(&ex);
  gaze_dir_remove(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_finite_differences),
      cmocka_unit_test(test_packing),
      cmocka_unit_test(test_many_chunks),
      cmocka_unit_test(test_text_only),
      cmocka_unit_test(test_repeated_rows),
      cmocka_unit_test(test_unscored),
      cmocka_unit_test(test_threads_agree),
      cmocka_unit_test(test_freeze),
      cmocka_unit_test(test_match),
      cmocka_unit_test(test_not_finite),
      cmocka_unit_test(test_learns),
      cmocka_unit_test(test_bad_packs),
      cmocka_unit_test(test_initial_weights),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
