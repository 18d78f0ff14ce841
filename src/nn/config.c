// nn/config.c - reads and writes the sizes of a Qwen2.5-VL model, see config.h.
#include "nn/config.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/buf.h"
#include "core/file.h"
#include "core/json.h"
#include "nn/float_text.h"

static const char ARCHITECTURE[] = "Qwen2_5_VLForConditionalGeneration";

// Where one group of fields is read from, with the words that name it in errors.
typedef struct section {
  const cJSON *o;  // an object
  char what[600];  // file, or file and object
} section;

// One whole number and its place in the config.
typedef struct int_field {
  const char *key;
  size_t at;
  int lo, hi;
} int_field;

// the upper bounds keep every product of two sizes below 2^53 and of a size with 8 below 2^31
static const int_field text_fields[] = {
    {"num_hidden_layers", offsetof(gaze_model_config, layers), 1, GAZE_LAYERS_MAX},
    {"hidden_size", offsetof(gaze_model_config, hidden), 2, 1 << 16},
    {"num_attention_heads", offsetof(gaze_model_config, heads), 1, 4096},
    {"num_key_value_heads", offsetof(gaze_model_config, kv_heads), 1, 4096},
    {"intermediate_size", offsetof(gaze_model_config, ff), 1, 1 << 20},
    {"vocab_size", offsetof(gaze_model_config, vocab), 1, 1 << 22},
    {"max_position_embeddings", offsetof(gaze_model_config, context), 1, 1 << 24},
};

static const int_field vision_fields[] = {
    {"depth", offsetof(gaze_vision_config, depth), 1, GAZE_LAYERS_MAX},
    {"hidden_size", offsetof(gaze_vision_config, hidden), 4, 1 << 14},
    {"num_heads", offsetof(gaze_vision_config, heads), 1, 1024},
    {"intermediate_size", offsetof(gaze_vision_config, ff), 1, 1 << 18},
    {"patch_size", offsetof(gaze_vision_config, patch), 1, 128},
    {"spatial_merge_size", offsetof(gaze_vision_config, merge), 2, 2},
    {"window_size", offsetof(gaze_vision_config, window), 1, 1 << 16},
};

// fails with the source and the field's name
static gaze_err bad(const section *s, const char *key, const char *expected) {
  return gaze_fail(GAZE_ERR_FORMAT, "%s: field \"%s\": expected %s", s->what, key, expected);
}

static section sub_section(const section *outer, const cJSON *o, const char *key) {
  section s = {.o = o};
  snprintf(s.what, sizeof s.what, "%.500s: %.60s", outer->what, key);
  return s;
}

// a member that is there and not null
static const cJSON *present(const cJSON *o, const char *key) {
  const cJSON *v = gaze_json_get(o, key);
  return v && !cJSON_IsNull(v) ? v : NULL;
}

static gaze_err read_ints(const section *s, const int_field *f, size_t n, void *base) {
  for (size_t i = 0; i < n; i++) {
    int64_t v = 0;
    GAZE_TRY(gaze_json_int(s->o, f[i].key, f[i].lo, f[i].hi, &v, s->what));
    int value = (int)v;
    memcpy((char *)base + f[i].at, &value, sizeof value);
  }
  return GAZE_OK;
}

static gaze_err read_positive(const section *s, const char *key, double max, float *out) {
  double v = 0;
  GAZE_TRY(gaze_json_num(s->o, key, &v, s->what));
  // FLT_MIN: a value that is zero as a float is no positive number here
  if (!(v >= (double)FLT_MIN && v <= max))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: field \"%s\": expected a number above 0 and at most %g",
                     s->what, key, max);
  *out = (float)v;
  return GAZE_OK;
}

// an optional member must be this number if it is there
static gaze_err check_int_is(const section *s, const char *key, int want) {
  int64_t v = 0;
  if (!present(s->o, key)) return GAZE_OK;
  return gaze_json_int(s->o, key, want, want, &v, s->what);
}

// an optional member must be this string if it is there
static gaze_err check_str_is(const section *s, const char *key, const char *want) {
  const cJSON *v = present(s->o, key);
  if (!v || (cJSON_IsString(v) && strcmp(v->valuestring, want) == 0)) return GAZE_OK;
  char expected[80];
  snprintf(expected, sizeof expected, "\"%s\"", want);
  return bad(s, key, expected);
}

// a number from the text section or, where writers differ, from the top level; a list gives its
// first entry (end tokens)
static gaze_err read_token(const section *text, const section *top, const char *key, int vocab,
                           int *out) {
  const section *s = present(text->o, key) ? text : top;
  const cJSON *v = present(s->o, key);
  if (cJSON_IsArray(v)) v = v->child;
  double d = cJSON_IsNumber(v) ? v->valuedouble : -1;
  if (!(d >= 0 && d < vocab) || d != floor(d))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: field \"%s\": expected a token id from 0 to %d", s->what,
                     key, vocab - 1);
  *out = (int)d;
  return GAZE_OK;
}

// ids that only pass through to the next config.json
static gaze_err read_optional_token(const section *text, const section *top, const char *key,
                                    int vocab, int *out) {
  *out = -1;
  if (!present(text->o, key) && !present(top->o, key)) return GAZE_OK;
  int id = -1;
  const section *s = present(text->o, key) ? text : top;
  int64_t v = 0;
  GAZE_TRY(gaze_json_int(s->o, key, 0, INT32_MAX, &v, s->what));
  id = (int)v;
  // library defaults (151654, 151656) may lie beyond a small vocabulary: as good as absent
  if (id < vocab) *out = id;
  return GAZE_OK;
}

static gaze_err read_mrope(const section *s, gaze_model_config *c) {
  const cJSON *list = present(s->o, "mrope_section");
  if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != 3)
    return bad(s, "mrope_section", "a list of three whole numbers");
  int sum = 0, i = 0;
  const cJSON *v = NULL;
  cJSON_ArrayForEach(v, list) {
    double d = cJSON_IsNumber(v) ? v->valuedouble : -1;
    if (!(d >= 0 && d <= c->head_dim) || d != floor(d))
      return bad(s, "mrope_section", "a list of three whole numbers");
    sum += c->mrope[i++] = (int)d;
  }
  if (sum != c->head_dim / 2)
    return gaze_fail(GAZE_ERR_FORMAT,
                     "%s: field \"mrope_section\": expected a sum of %d (half of head_dim), not %d",
                     s->what, c->head_dim / 2, sum);
  return GAZE_OK;
}

// "rope_scaling" (published) or "rope_parameters" (newer, with the base frequency inside)
static gaze_err read_rope(const section *text, gaze_model_config *c) {
  const char *key = present(text->o, "rope_parameters") ? "rope_parameters" : "rope_scaling";
  const cJSON *o = present(text->o, key);
  if (!cJSON_IsObject(o)) return bad(text, key, "an object with \"mrope_section\"");
  section s = sub_section(text, o, key);

  // "default" is what newer writers call the same unscaled frequencies
  static const char *const kinds[] = {"type", "rope_type"};
  for (int i = 0; i < 2; i++) {
    const cJSON *v = present(o, kinds[i]);
    if (v && !(cJSON_IsString(v) &&
               (!strcmp(v->valuestring, "mrope") || !strcmp(v->valuestring, "default"))))
      return bad(&s, kinds[i], "\"mrope\" or \"default\" (scaled rotary positions are unknown)");
  }
  GAZE_TRY(read_mrope(&s, c));
  const section *base = present(o, "rope_theta") ? &s : text;
  return read_positive(base, "rope_theta", 1e12, &c->rope_theta);
}

static gaze_err read_tied(const section *text, const section *top, bool *out) {
  const section *s = present(top->o, "tie_word_embeddings") ? top : text;
  const cJSON *v = present(s->o, "tie_word_embeddings");
  if (!cJSON_IsBool(v)) return bad(top, "tie_word_embeddings", "true or false");
  *out = cJSON_IsTrue(v) != 0;
  return GAZE_OK;
}

static gaze_err check_layer_types(const section *text) {
  const cJSON *slide = present(text->o, "use_sliding_window");
  if (slide && !cJSON_IsFalse(slide)) return bad(text, "use_sliding_window", "false");
  const cJSON *list = present(text->o, "layer_types"), *v = NULL;
  if (list && !cJSON_IsArray(list)) return bad(text, "layer_types", "a list");
  cJSON_ArrayForEach(v, list) {
    if (!cJSON_IsString(v) || strcmp(v->valuestring, "full_attention") != 0)
      return bad(text, "layer_types", "\"full_attention\" for every layer");
  }
  return GAZE_OK;
}

static gaze_err read_text(const section *text, const section *top, gaze_model_config *c) {
  GAZE_TRY(check_str_is(text, "hidden_act", "silu"));
  GAZE_TRY(read_ints(text, text_fields, sizeof text_fields / sizeof *text_fields, c));
  if (c->hidden % c->heads) return bad(text, "hidden_size", "a multiple of num_attention_heads");
  if (c->heads % c->kv_heads)
    return bad(text, "num_key_value_heads", "a divisor of num_attention_heads");
  c->head_dim = c->hidden / c->heads;
  if (c->head_dim % 2) return bad(text, "hidden_size", "an even number of dimensions per head");
  GAZE_TRY(check_int_is(text, "head_dim", c->head_dim));

  GAZE_TRY(read_positive(text, "rms_norm_eps", 1, &c->eps));
  GAZE_TRY(read_rope(text, c));
  GAZE_TRY(check_layer_types(text));
  GAZE_TRY(read_tied(text, top, &c->tied));

  GAZE_TRY(read_token(text, top, "bos_token_id", c->vocab, &c->bos));
  GAZE_TRY(read_token(text, top, "eos_token_id", c->vocab, &c->eos));
  GAZE_TRY(read_token(text, top, "image_token_id", c->vocab, &c->image_token));
  GAZE_TRY(read_token(text, top, "vision_start_token_id", c->vocab, &c->vision_start));
  GAZE_TRY(read_token(text, top, "vision_end_token_id", c->vocab, &c->vision_end));
  GAZE_TRY(read_optional_token(text, top, "vision_token_id", c->vocab, &c->vision_pad));
  return read_optional_token(text, top, "video_token_id", c->vocab, &c->video_token);
}

static gaze_err read_full_attention(const section *s, gaze_vision_config *v) {
  const cJSON *list = present(s->o, "fullatt_block_indexes"), *i = NULL;
  if (!cJSON_IsArray(list)) return bad(s, "fullatt_block_indexes", "a list of block numbers");
  cJSON_ArrayForEach(i, list) {
    double d = cJSON_IsNumber(i) ? i->valuedouble : -1;
    if (!(d >= 0 && d < v->depth) || d != floor(d))
      return bad(s, "fullatt_block_indexes", "block numbers from 0 to depth - 1");
    v->full_attention[(int)d] = true;
  }
  return GAZE_OK;
}

// tokens_per_second is not read: it only spaces the frames of videos
static gaze_err read_vision(const section *s, gaze_model_config *c) {
  gaze_vision_config *v = &c->vision;
  GAZE_TRY(check_str_is(s, "hidden_act", "silu"));
  GAZE_TRY(read_ints(s, vision_fields, sizeof vision_fields / sizeof *vision_fields, v));
  GAZE_TRY(check_int_is(s, "in_chans", 3));
  GAZE_TRY(check_int_is(s, "in_channels", 3));
  GAZE_TRY(check_int_is(s, "temporal_patch_size", 2));
  GAZE_TRY(check_int_is(s, "spatial_patch_size", v->patch));
  int64_t out = 0;
  GAZE_TRY(gaze_json_int(s->o, "out_hidden_size", c->hidden, c->hidden, &out, s->what));

  if (v->hidden % v->heads) return bad(s, "hidden_size", "a multiple of num_heads");
  if (v->hidden / v->heads % 4)
    return bad(s, "hidden_size", "a multiple of four dimensions per head");
  if (v->window % (v->patch * v->merge))
    return bad(s, "window_size", "a multiple of patch_size * spatial_merge_size");
  const cJSON *rope = present(s->o, "rope_parameters");
  if (rope) {
    section r = sub_section(s, rope, "rope_parameters");
    GAZE_TRY(check_int_is(&r, "rope_theta", 10000));
    GAZE_TRY(check_str_is(&r, "rope_type", "axial"));
  }
  return read_full_attention(s, v);
}

static gaze_err check_architecture(const section *top) {
  if (!present(top->o, "model_type")) return bad(top, "model_type", "\"qwen2_5_vl\"");
  GAZE_TRY(check_str_is(top, "model_type", "qwen2_5_vl"));
  const cJSON *list = present(top->o, "architectures");
  const cJSON *name = cJSON_IsArray(list) ? list->child : NULL;
  if (list && (!cJSON_IsString(name) || name->next || strcmp(name->valuestring, ARCHITECTURE) != 0))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: field \"architectures\": expected [\"%s\"]", top->what,
                     ARCHITECTURE);
  if (present(top->o, "quantization_config"))
    return bad(top, "quantization_config", "none (quantised checkpoints are unknown)");
  return GAZE_OK;
}

static gaze_err read_config(const section *top, gaze_model_config *c) {
  if (!cJSON_IsObject(top->o))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected an object", top->what);
  GAZE_TRY(check_architecture(top));

  const cJSON *nested = present(top->o, "text_config");
  if (nested && !cJSON_IsObject(nested)) return bad(top, "text_config", "an object");
  section text = nested ? sub_section(top, nested, "text_config") : *top;
  if (nested) GAZE_TRY(check_str_is(&text, "model_type", "qwen2_5_vl_text"));
  GAZE_TRY(read_text(&text, top, c));

  const cJSON *v = present(top->o, "vision_config");
  if (!cJSON_IsObject(v)) return bad(top, "vision_config", "an object");
  section vision = sub_section(top, v, "vision_config");
  return read_vision(&vision, c);
}

gaze_err gaze_model_config_parse(gaze_model_config *c, const char *json, size_t n,
                                 const char *what) {
  *c = (gaze_model_config){0};
  cJSON *root = NULL;
  GAZE_TRY(gaze_json_parse(&root, json, n, what));
  section top = {.o = root};
  snprintf(top.what, sizeof top.what, "%.500s", what);
  gaze_model_config read = {0};
  gaze_err e = read_config(&top, &read);
  cJSON_Delete(root);
  if (!e) *c = read;
  return e;
}

gaze_err gaze_model_config_load(gaze_model_config *c, const char *path) {
  *c = (gaze_model_config){0};
  gaze_buf b = GAZE_BUF_INIT;
  gaze_err e = gaze_file_read(path, (size_t)1 << 24, &b);
  if (!e) e = gaze_model_config_parse(c, gaze_buf_text(&b), b.len, path);
  gaze_buf_fini(&b);
  return e;
}

static void add_int(gaze_buf *b, const char *key, int v) {
  gaze_buf_printf(b, "  \"%s\": %d,\n", key, v);
}

static void add_float(gaze_buf *b, const char *key, float v) {
  char text[40];
  gaze_buf_printf(b, "  \"%s\": %s,\n", key, gazei_float_text(text, v));
}

static void add_vision(gaze_buf *b, const gaze_model_config *c) {
  const gaze_vision_config *v = &c->vision;
  gaze_buf_str(b, "  \"vision_config\": {\n");
  for (size_t i = 0; i < sizeof vision_fields / sizeof *vision_fields; i++) {
    int value = 0;
    memcpy(&value, (const char *)v + vision_fields[i].at, sizeof value);
    gaze_buf_str(b, "  ");
    add_int(b, vision_fields[i].key, value);
  }
  gaze_buf_printf(b, "    \"out_hidden_size\": %d,\n    \"spatial_patch_size\": %d,\n", c->hidden,
                  v->patch);
  gaze_buf_str(b, "    \"fullatt_block_indexes\": [");
  for (int i = 0, n = 0; i < v->depth; i++)
    if (v->full_attention[i]) gaze_buf_printf(b, "%s%d", n++ ? ", " : "", i);
  gaze_buf_str(b,
               "],\n    \"hidden_act\": \"silu\",\n    \"in_chans\": 3,\n"
               "    \"temporal_patch_size\": 2,\n    \"tokens_per_second\": 2\n  },\n");
}

gaze_err gaze_model_config_save(const gaze_model_config *c, const char *path) {
  gaze_buf b = GAZE_BUF_INIT;
  gaze_buf_printf(&b, "{\n  \"architectures\": [\"%s\"],\n  \"model_type\": \"qwen2_5_vl\",\n",
                  ARCHITECTURE);
  for (size_t i = 0; i < sizeof text_fields / sizeof *text_fields; i++) {
    int value = 0;
    memcpy(&value, (const char *)c + text_fields[i].at, sizeof value);
    add_int(&b, text_fields[i].key, value);
  }
  gaze_buf_str(&b, "  \"hidden_act\": \"silu\",\n  \"attention_dropout\": 0.0,\n");
  add_float(&b, "rms_norm_eps", c->eps);
  add_float(&b, "rope_theta", c->rope_theta);
  gaze_buf_printf(&b,
                  "  \"rope_scaling\": {\"type\": \"mrope\", \"mrope_section\": [%d, %d, %d]},\n",
                  c->mrope[0], c->mrope[1], c->mrope[2]);
  gaze_buf_printf(&b, "  \"tie_word_embeddings\": %s,\n", c->tied ? "true" : "false");
  add_int(&b, "bos_token_id", c->bos);
  add_int(&b, "eos_token_id", c->eos);
  add_int(&b, "image_token_id", c->image_token);
  add_int(&b, "vision_start_token_id", c->vision_start);
  add_int(&b, "vision_end_token_id", c->vision_end);
  if (c->vision_pad > 0) add_int(&b, "vision_token_id", c->vision_pad);
  if (c->video_token > 0) add_int(&b, "video_token_id", c->video_token);
  add_vision(&b, c);
  gaze_buf_str(&b, "  \"use_cache\": true,\n");
  add_int(&b, "sliding_window", c->context);
  add_int(&b, "max_window_layers", c->layers);
  gaze_buf_str(&b, "  \"use_sliding_window\": false\n}\n");

  // what cannot be read back is not written
  gaze_model_config again;
  gaze_err e = b.failed ? gaze_fail(GAZE_ERR_NOMEM, "%s: out of memory", path)
                        : gaze_model_config_parse(&again, gaze_buf_text(&b), b.len, path);
  if (!e) e = gaze_file_write_atomic(path, gaze_buf_text(&b), b.len);
  gaze_buf_fini(&b);
  return e;
}
