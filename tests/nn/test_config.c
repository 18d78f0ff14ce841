// tests/nn/test_config.c - both layouts of config.json, refusals by field name, and writing.
#include "nn/config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fixture_file.h"

static gaze_model_config load(const char *name) {
  char *path = ff_path(FF_GOLDEN, name);
  gaze_model_config c;
  ff_ok(gaze_model_config_load(&c, path));
  free(path);
  return c;
}

static void same_config(const gaze_model_config *a, const gaze_model_config *b) {
  assert_memory_equal(&a->vision, &b->vision, sizeof a->vision);
  const int *x = &a->layers, *y = &b->layers;
  for (int i = 0; i < 7; i++) assert_int_equal(x[i], y[i]);
  assert_memory_equal(a->mrope, b->mrope, sizeof a->mrope);
  assert_int_equal(a->context, b->context);
  assert_true(a->eps >= b->eps && a->eps <= b->eps);
  assert_true(a->rope_theta >= b->rope_theta && a->rope_theta <= b->rope_theta);
  assert_int_equal(a->tied, b->tied);
  const int *p = &a->image_token, *q = &b->image_token;
  for (int i = 0; i < 7; i++) assert_int_equal(p[i], q[i]);
}

static void golden_layouts(void **state) {
  (void)state;
  gaze_model_config c = load("tiny-a/config.json"),
                    nested = load("tiny-a-golden/config_nested.json");
  assert_int_equal(c.vision.depth, 4);
  assert_int_equal(c.vision.hidden, 32);
  assert_int_equal(c.vision.heads, 2);
  assert_int_equal(c.vision.ff, 48);
  assert_int_equal(c.vision.patch, 14);
  assert_int_equal(c.vision.merge, 2);
  assert_int_equal(c.vision.window, 56);
  for (int i = 0; i < GAZE_LAYERS_MAX; i++)
    assert_int_equal(c.vision.full_attention[i], i == 1 || i == 3);
  assert_int_equal(c.layers, 2);
  assert_int_equal(c.hidden, 48);
  assert_int_equal(c.heads, 4);
  assert_int_equal(c.kv_heads, 2);
  assert_int_equal(c.head_dim, 12);
  assert_int_equal(c.ff, 96);
  assert_int_equal(c.vocab, 608);
  assert_int_equal(c.mrope[0] + 10 * c.mrope[1] + 100 * c.mrope[2], 222);
  assert_int_equal(c.context, 4096);
  assert_true(c.eps > 0.99e-6f && c.eps < 1.01e-6f);
  assert_true(c.rope_theta >= 1e6f && c.rope_theta <= 1e6f);
  assert_true(c.tied);
  assert_int_equal(c.bos, 580);
  assert_int_equal(c.eos, 582);
  assert_int_equal(c.vision_start, 583);
  assert_int_equal(c.vision_end, 584);
  assert_int_equal(c.vision_pad, 585);
  assert_int_equal(c.image_token, 586);
  assert_int_equal(c.video_token, 587);
  same_config(&c, &nested);

  c = load("tiny-b/config.json"), nested = load("tiny-b-golden/config_nested.json");
  assert_int_equal(c.head_dim, 20);
  assert_int_equal(c.mrope[2], 4);
  assert_false(c.tied);
  assert_true(c.vision.full_attention[0] && !c.vision.full_attention[1]);
  same_config(&c, &nested);
}

// one edit of a golden file; part NULL: still accepted
typedef struct edit {
  const char *from, *to, *part;
} edit;

static void try_edits(const char *name, const edit *row, size_t n) {
  char *path = ff_path(FF_GOLDEN, name);
  gaze_buf file = ff_read(path);
  for (size_t i = 0; i < n; i++) {
    char *text = ff_replace(file.data, row[i].from, row[i].to);
    gaze_model_config c;
    gaze_err e = gaze_model_config_parse(&c, text, strlen(text), "edited.json");
    if (row[i].part) {
      ff_fails(e, GAZE_ERR_FORMAT, row[i].part);
      assert_non_null(strstr(gaze_err_detail(), "edited.json"));
      assert_int_equal(c.hidden, 0);
    } else {
      ff_ok(e);
      assert_int_equal(c.hidden, 48);
    }
    free(text);
  }
  gaze_buf_fini(&file);
  free(path);
}

static void flat_edits(void **state) {
  (void)state;
  static const edit row[] = {
      {"\"model_type\": \"qwen2_5_vl\"", "\"model_type\": \"qwen2_vl\"", "model_type"},
      {"\"model_type\"", "\"x\"", "model_type"},
      {"\"Qwen2_5_VLForConditionalGeneration\"", "\"Qwen2VLForConditionalGeneration\"",
       "architectures"},
      {"\"Qwen2_5_VLForConditionalGeneration\"", "", "architectures"},
      {"\"attention_dropout\"", "\"quantization_config\": {}, \"x\"", "quantization_config"},
      {"\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu\"", "hidden_act"},
      {"\"hidden_size\": 48", "\"hidden_size\": 47", "hidden_size"},
      {"\"hidden_size\": 48", "\"hidden_size\": 0", "hidden_size"},
      {"\"hidden_size\": 48", "\"hidden_size\": -48", "hidden_size"},
      {"\"hidden_size\": 48", "\"hidden_size\": 1e15", "hidden_size"},
      {"\"hidden_size\": 48", "\"hidden_size\": 48.5", "hidden_size"},
      {"\"hidden_size\": 48", "\"hidden_size\": \"48\"", "hidden_size"},
      {"\"hidden_size\": 48", "\"x\": 48", "hidden_size"},
      // 44 / 4 heads is an odd head
      {"\"hidden_size\": 48", "\"hidden_size\": 44", "hidden_size"},
      // fits by itself, but not the tower's output
      {"\"out_hidden_size\": 48", "\"out_hidden_size\": 32", "out_hidden_size"},
      {"\"hidden_size\": 48", "\"hidden_size\": 48, \"head_dim\": 24", "head_dim"},
      {"\"hidden_size\": 48", "\"hidden_size\": 48, \"head_dim\": 12", NULL},
      {"\"num_attention_heads\": 4", "\"num_attention_heads\": 5", "hidden_size"},
      {"\"num_attention_heads\": 4", "\"num_attention_heads\": 0", "num_attention_heads"},
      {"\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "num_key_value_heads"},
      {"\"num_key_value_heads\": 2", "\"num_key_value_heads\": 8", "num_key_value_heads"},
      {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 129", "num_hidden_layers"},
      {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": null", "num_hidden_layers"},
      // a video token beyond the vocabulary is as good as none: libraries write a default
      {"\"vocab_size\": 608", "\"vocab_size\": 587", NULL},
      {"\"vocab_size\": 608", "\"vocab_size\": 586", "image_token_id"},
      {"\"bos_token_id\": 580", "\"bos_token_id\": 608", "bos_token_id"},
      {"\"bos_token_id\": 580", "\"bos_token_id\": 1.5", "bos_token_id"},
      {"\"eos_token_id\": 582", "\"eos_token_id\": [582, 580]", NULL},
      {"\"eos_token_id\": 582", "\"eos_token_id\": []", "eos_token_id"},
      {"\"image_token_id\": 586", "\"x\": 586", "image_token_id"},
      {"\"rms_norm_eps\": 1e-06", "\"rms_norm_eps\": 0", "rms_norm_eps"},
      {"\"rms_norm_eps\": 1e-06", "\"rms_norm_eps\": 1e-60", "rms_norm_eps"},
      {"\"rms_norm_eps\": 1e-06", "\"rms_norm_eps\": 1e999", "rms_norm_eps"},
      {"\"rope_theta\": 1000000.0", "\"rope_theta\": -1", "rope_theta"},
      {"\"rope_theta\": 1000000.0", "\"x\": 1", "rope_theta"},
      {"\"rope_scaling\"", "\"x\"", "rope_scaling"},
      {"\"type\": \"mrope\"", "\"type\": \"yarn\"", "type"},
      {"\"type\": \"mrope\"", "\"type\": \"mrope\", \"rope_type\": \"linear\"", "rope_type"},
      {"\"type\": \"mrope\"", "\"type\": \"default\", \"rope_type\": \"default\"", NULL},
      {"\"mrope_section\": [\n   2", "\"mrope_section\": [\n   3", "mrope_section"},
      {"\"mrope_section\": [\n   2", "\"mrope_section\": [\n   2, 0", "mrope_section"},
      {"\"mrope_section\": [\n   2,\n   2", "\"mrope_section\": [\n   -2,\n   6", "mrope_section"},
      {"\"mrope_section\": [\n   2,\n   2", "\"mrope_section\": [\n   0,\n   4", NULL},
      {"\"tie_word_embeddings\": true", "\"tie_word_embeddings\": 1", "tie_word_embeddings"},
      {"\"tie_word_embeddings\": true", "\"x\": 1", "tie_word_embeddings"},
      {"\"use_sliding_window\": false", "\"use_sliding_window\": true", "use_sliding_window"},
      {"\"vision_config\"", "\"x\"", "vision_config"},
      {"\"vision_config\": {", "\"vision_config\": 3, \"x\": {", "vision_config"},
      {"\"depth\": 4", "\"depth\": 129", "depth"},
      {"\"depth\": 4,\n  \"hidden_act\": \"silu\"", "\"depth\": 4,\n  \"hidden_act\": \"gelu\"",
       "vision_config: field \"hidden_act\""},
      {"\"depth\": 4", "\"depth\": 3", "fullatt_block_indexes"},
      {"\"fullatt_block_indexes\": [\n   1", "\"fullatt_block_indexes\": [\n   -1",
       "fullatt_block_indexes"},
      {"\"fullatt_block_indexes\"", "\"x\"", "fullatt_block_indexes"},
      {"\"hidden_size\": 32", "\"hidden_size\": 36", "vision_config: field \"hidden_size\""},
      {"\"num_heads\": 2", "\"num_heads\": 3", "hidden_size"},
      {"\"in_chans\": 3", "\"in_chans\": 4", "in_chans"},
      {"\"in_chans\": 3", "\"in_channels\": 1", "in_channels"},
      {"\"patch_size\": 14", "\"patch_size\": 16", "spatial_patch_size"},
      {"\"spatial_merge_size\": 2", "\"spatial_merge_size\": 3", "spatial_merge_size"},
      {"\"window_size\": 56", "\"window_size\": 60", "window_size"},
      {"\"temporal_patch_size\": 2", "\"temporal_patch_size\": 1", "temporal_patch_size"},
      {"\"tokens_per_second\": 2", "\"tokens_per_second\": 25", NULL},
  };
  try_edits("tiny-a/config.json", row, sizeof row / sizeof *row);
}

static void nested_edits(void **state) {
  (void)state;
  static const edit row[] = {
      {"\"text_config\": {", "\"text_config\": 1, \"x\": {", "text_config"},
      {"\"qwen2_5_vl_text\"", "\"qwen3\"", "text_config: field \"model_type\""},
      {"\"full_attention\"", "\"sliding_attention\"", "layer_types"},
      {"\"rope_theta\": 1000000.0", "\"x\": 1", "rope_theta"},
      {"\"rope_type\": \"default\"", "\"rope_type\": \"dynamic\"", "rope_type"},
      {"\"rope_theta\": 10000.0", "\"rope_theta\": 5000", "rope_theta"},
      {"\"tie_word_embeddings\": true", "\"x\": true", "tie_word_embeddings"},
      {"\"dtype\": \"float32\"", "\"dtype\": \"bfloat16\"", NULL},
  };
  try_edits("tiny-a-golden/config_nested.json", row, sizeof row / sizeof *row);
}

static void truncated_and_broken(void **state) {
  (void)state;
  gaze_buf file = ff_read(FF_GOLDEN "/tiny-a/config.json");
  gaze_model_config c;
  size_t end = file.len;
  while (file.data[end - 1] != '}') end--;
  for (size_t n = 0; n < end; n++)
    assert_int_equal(gaze_model_config_parse(&c, file.data, n, "cut.json"), GAZE_ERR_FORMAT);
  ff_fails(gaze_model_config_parse(&c, "[]", 2, "list.json"), GAZE_ERR_FORMAT, "list.json");
  ff_fails(gaze_model_config_load(&c, "no/such/config.json"), GAZE_ERR_NOTFOUND, "config.json");
  gaze_buf_fini(&file);
}

static void saved_files_come_back(void **state) {
  (void)state;
  char *path = ff_path(ff_dir("test_config"), "config.json");
  static const char *const names[] = {"tiny-a/config.json", "tiny-b/config.json"};
  for (int i = 0; i < 2; i++) {
    gaze_model_config c = load(names[i]), again;
    c.eps *= 1.0000003f;  // a value without a short decimal form
    ff_ok(gaze_model_config_save(&c, path));
    ff_ok(gaze_model_config_load(&again, path));
    same_config(&c, &again);
  }
  // a config that could not be loaded is not written
  gaze_buf before = ff_read(path);
  gaze_model_config c = load(names[0]);
  c.kv_heads = 3;
  ff_fails(gaze_model_config_save(&c, path), GAZE_ERR_FORMAT, "num_key_value_heads");
  gaze_buf after = ff_read(path);
  assert_string_equal(before.data, after.data);
  gaze_buf_fini(&before);
  gaze_buf_fini(&after);
  free(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(golden_layouts),        cmocka_unit_test(flat_edits),
      cmocka_unit_test(nested_edits),          cmocka_unit_test(truncated_and_broken),
      cmocka_unit_test(saved_files_come_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
