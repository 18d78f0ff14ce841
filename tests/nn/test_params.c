// tests/nn/test_params.c - the layout holds every parameter once, and views point at the right
// ones.
#include "nn/params.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka after the headers it needs
#include <cmocka.h>
#include "fixture_golden.h"

static gaze_model_config small(bool tied) {
  gaze_model_config c = {0};
  c.vision.depth = 2;
  c.vision.hidden = 8;
  c.vision.heads = 2;
  c.vision.ff = 12;
  c.vision.patch = 14;
  c.vision.merge = 2;
  c.vision.window = 56;
  c.layers = 2;
  c.hidden = 12;
  c.heads = 3;
  c.kv_heads = 1;
  c.head_dim = 4;
  c.ff = 20;
  c.vocab = 10;
  c.tied = tied;
  return c;
}

static void every_element_once(void **state) {
  (void)state;
  for (int tied = 0; tied < 2; tied++) {
    gaze_model_config c = small(tied);
    gaze_layout l;
    fx_ok(gaze_layout_open(&l, &c));
    unsigned char *used = calloc(l.floats, 1);
    size_t sum = 0;
    for (int i = 0; i < l.n; i++) {
      const gaze_param *p = &l.param[i];
      size_t n = (size_t)p->rows * (size_t)p->cols, shaped = 1;
      for (int k = 0; k < p->rank; k++) shaped *= (size_t)p->shape[k];
      assert_int_equal(shaped, n);
      assert_true(p->offset + n <= l.floats);
      for (size_t k = 0; k < n; k++) assert_int_equal(used[p->offset + k]++, 0);
      assert_ptr_equal(gaze_layout_find(&l, p->name), p);
      sum += n;
    }
    // counted by hand from the sizes above
    size_t vision = 2 * (8 + 8 + 24 * 8 + 24 + 8 * 8 + 8 + 2 * (12 * 8 + 12) + 8 * 12 + 8);
    size_t merger = 8 + 32 * 32 + 32 + 12 * 32 + 12;
    size_t layers = 2 * (12 + 12 + 20 * 12 + 20 + 12 * 12 + 3 * 20 * 12);
    size_t ends = 8 * 1176 + 12 + (tied ? 1 : 2) * 10 * 12;
    assert_int_equal(sum, vision + merger + layers + ends);
    free(used);
    gaze_layout_close(&l);
    assert_null(l.param);
  }
}

static const float *at(const gaze_layout *l, const float *block, const char *name) {
  const gaze_param *p = gaze_layout_find(l, name);
  assert_non_null(p);
  return block + p->offset;
}

static void views(void **state) {
  (void)state;
  gaze_model_config c = small(false);
  gaze_layout l;
  fx_ok(gaze_layout_open(&l, &c));
  float *block = calloc(l.floats, sizeof *block);
  gaze_weights *w = calloc(1, sizeof *w);
  fx_ok(gaze_weights_bind(w, &c, &l, block));
  const gaze_block_weights *b = &w->layer[1];
  const float *qkv = b->qkv.w.data, *gu = b->gate_up.w.data;
  // q 12 rows, k 4, v 4: one matrix of 20 rows
  assert_ptr_equal(qkv, at(&l, block, "model.layers.1.self_attn.q_proj.weight"));
  assert_ptr_equal(qkv + 12 * 12, at(&l, block, "model.layers.1.self_attn.k_proj.weight"));
  assert_ptr_equal(qkv + 16 * 12, at(&l, block, "model.layers.1.self_attn.v_proj.weight"));
  assert_ptr_equal(b->qkv.bias, at(&l, block, "model.layers.1.self_attn.q_proj.bias"));
  assert_ptr_equal(b->qkv.bias + 12, at(&l, block, "model.layers.1.self_attn.k_proj.bias"));
  assert_ptr_equal(b->qkv.bias + 16, at(&l, block, "model.layers.1.self_attn.v_proj.bias"));
  assert_ptr_equal(gu, at(&l, block, "model.layers.1.mlp.gate_proj.weight"));
  assert_ptr_equal(gu + 20 * 12, at(&l, block, "model.layers.1.mlp.up_proj.weight"));
  assert_ptr_equal(b->proj.w.data, at(&l, block, "model.layers.1.self_attn.o_proj.weight"));
  assert_ptr_equal(b->down.w.data, at(&l, block, "model.layers.1.mlp.down_proj.weight"));
  assert_int_equal(b->qkv.out, 20);
  assert_int_equal(b->down.w.ld, 20);
  assert_null(b->proj.bias);
  assert_null(b->gate_up.bias);
  assert_ptr_equal(b->norm1, at(&l, block, "model.layers.1.input_layernorm.weight"));
  assert_ptr_equal(b->norm2, at(&l, block, "model.layers.1.post_attention_layernorm.weight"));
  b = &w->vision[1];
  assert_ptr_equal(b->qkv.w.data, at(&l, block, "visual.blocks.1.attn.qkv.weight"));
  assert_ptr_equal(b->gate_up.bias, at(&l, block, "visual.blocks.1.mlp.gate_proj.bias"));
  assert_ptr_equal(b->gate_up.bias + 12, at(&l, block, "visual.blocks.1.mlp.up_proj.bias"));
  assert_ptr_equal(b->proj.bias, at(&l, block, "visual.blocks.1.attn.proj.bias"));
  assert_ptr_equal(w->merger_fc2.w.data, at(&l, block, "visual.merger.mlp.2.weight"));
  assert_ptr_equal(w->merger_norm, at(&l, block, "visual.merger.ln_q.weight"));
  assert_ptr_equal(w->patch.w.data, at(&l, block, "visual.patch_embed.proj.weight"));
  assert_ptr_equal(w->head.data, at(&l, block, "lm_head.weight"));
  assert_ptr_not_equal(w->head.data, w->embed.data);
  assert_ptr_equal(w->norm, at(&l, block, "model.norm.weight"));
  free(w);
  free(block);
  gaze_layout_close(&l);
}

static void tied_head(void **state) {
  (void)state;
  gaze_model_config c = small(true);
  gaze_layout l;
  fx_ok(gaze_layout_open(&l, &c));
  float *block = calloc(l.floats, sizeof *block);
  gaze_weights *w = calloc(1, sizeof *w);
  fx_ok(gaze_weights_bind(w, &c, &l, block));
  assert_ptr_equal(w->head.data, w->embed.data);
  assert_null(gaze_layout_find(&l, "lm_head.weight"));
  free(w);
  free(block);
  gaze_layout_close(&l);
}

static void kinds(void **state) {
  (void)state;
  gaze_model_config c = small(false);
  gaze_layout l;
  fx_ok(gaze_layout_open(&l, &c));
  const struct {
    const char *name;
    gaze_param_kind kind;
  } want[] = {{"visual.blocks.0.attn.qkv.weight", GAZE_PARAM_MATRIX},
              {"visual.merger.mlp.0.weight", GAZE_PARAM_MATRIX},
              {"model.layers.0.mlp.up_proj.weight", GAZE_PARAM_MATRIX},
              {"visual.patch_embed.proj.weight", GAZE_PARAM_PATCH},
              {"model.embed_tokens.weight", GAZE_PARAM_EMBED},
              {"lm_head.weight", GAZE_PARAM_EMBED},
              {"visual.merger.mlp.0.bias", GAZE_PARAM_VECTOR},
              {"model.norm.weight", GAZE_PARAM_VECTOR}};
  for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
    const gaze_param *p = gaze_layout_find(&l, want[i].name);
    assert_non_null(p);
    assert_int_equal(p->kind, want[i].kind);
  }
  assert_int_equal(gaze_layout_find(&l, "visual.patch_embed.proj.weight")->rank, 5);
  gaze_layout_close(&l);
}

static void refused(void **state) {
  (void)state;
  gaze_model_config c = small(true), other = small(true);
  gaze_layout l;
  c.layers = GAZE_LAYERS_MAX + 1;
  assert_int_equal(gaze_layout_open(&l, &c), GAZE_ERR_RANGE);
  c = small(true);
  c.ff = 0;
  assert_int_equal(gaze_layout_open(&l, &c), GAZE_ERR_RANGE);
  c = small(true);
  fx_ok(gaze_layout_open(&l, &c));
  float *block = calloc(l.floats, sizeof *block);
  gaze_weights *w = calloc(1, sizeof *w);
  other.ff = 24;  // a layout of one model does not fit another
  assert_int_equal(gaze_weights_bind(w, &other, &l, block), GAZE_ERR_ARG);
  other = small(false);
  assert_int_equal(gaze_weights_bind(w, &other, &l, block), GAZE_ERR_ARG);
  assert_int_equal(gaze_weights_bind(w, &c, &l, NULL), GAZE_ERR_ARG);
  free(w);
  free(block);
  gaze_layout_close(&l);
}

// the names are those of the checkpoints, none more and none less
static void checkpoint_names(void **state) {
  (void)state;
  const char *const models[] = {"tiny-a", "tiny-b"};
  for (int i = 0; i < 2; i++) {
    char dir[512];
    gaze_model_config c;
    gaze_layout l;
    gaze_st *st = NULL;
    snprintf(dir, sizeof dir, "%s/%s/config.json", FX_GOLDEN, models[i]);
    fx_ok(gaze_model_config_load(&c, dir));
    snprintf(dir, sizeof dir, "%s/%s", FX_GOLDEN, models[i]);
    fx_ok(gaze_st_open_folder(&st, dir));
    fx_ok(gaze_layout_open(&l, &c));
    assert_int_equal(l.n, gaze_st_count(st));
    for (int k = 0; k < l.n; k++) {
      const gaze_st_tensor *t = gaze_st_find(st, l.param[k].name);
      assert_non_null(t);
      assert_int_equal(t->rank, l.param[k].rank);
      for (int d = 0; d < t->rank; d++) assert_int_equal(t->shape[d], l.param[k].shape[d]);
    }
    gaze_layout_close(&l);
    gaze_st_close(&st);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_element_once),
      cmocka_unit_test(views),
      cmocka_unit_test(tied_head),
      cmocka_unit_test(kinds),
      cmocka_unit_test(refused),
      cmocka_unit_test(checkpoint_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
