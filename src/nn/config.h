// nn/config.h - the sizes of a Qwen2.5-VL model, read from config.json.
#ifndef GAZE_NN_CONFIG_H
#define GAZE_NN_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include "core/err.h"

enum { GAZE_LAYERS_MAX = 128 };

typedef struct gaze_vision_config {
  int depth, hidden, heads, ff;          // blocks, width, attention heads, SwiGLU width
  int patch, merge, window;              // 14, 2, window size in pixels (112)
  bool full_attention[GAZE_LAYERS_MAX];  // true: whole image; false: windows
} gaze_vision_config;

typedef struct gaze_model_config {
  gaze_vision_config vision;
  int layers, hidden, heads, kv_heads, head_dim, ff, vocab;
  int mrope[3];  // frequencies for t, h, w; sum = head_dim / 2
  int context;   // max_position_embeddings
  float eps, rope_theta;
  bool tied;                                            // the output head is the embedding
  int image_token, vision_start, vision_end, bos, eos;  // token ids
  int vision_pad, video_token;  // token ids kept for config.json only; 0 or less: none
} gaze_model_config;

// Reads a flat (published) or nested (newer) config.json. Unknown architectures, missing,
// inconsistent or out-of-range fields are refused with the file and the field's name.  [rt: init]
gaze_err gaze_model_config_load(gaze_model_config *c, const char *path);

// Parses the same from memory; `what` names the source in errors.  [rt: init]
gaze_err gaze_model_config_parse(gaze_model_config *c, const char *json, size_t n,
                                 const char *what);

// Writes a config.json the reference implementation loads (flat layout).  [rt: never]
gaze_err gaze_model_config_save(const gaze_model_config *c, const char *path);

#endif
