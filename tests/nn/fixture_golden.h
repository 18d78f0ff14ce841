// tests/nn/fixture_golden.h - the golden checkpoints, their cases and pictures.
#ifndef GAZE_TESTS_NN_FIXTURE_GOLDEN_H
#define GAZE_TESTS_NN_FIXTURE_GOLDEN_H

#include "core/json.h"
#include "nn/model.h"
#include "nn/safetensors.h"

enum { FX_IMAGES_MAX = 4 };

#define FX_GOLDEN GAZE_SOURCE_DIR "/tests/golden/qwen2_5_vl"

// One case of cases.json with its stored tensors.
typedef struct fx_case {
  const char *name;  // borrowed from the json
  const cJSON *json;
  gaze_st *st;
  gaze_image images[FX_IMAGES_MAX];
  int n_images;
  const int *ids, *pos, *target;      // [n], [3,n], [n_target], in the map
  const float *logits, *target_logp;  // [n,vocab], [n_target]
  int n, n_target;
} fx_case;

// Asserts that a call worked and prints its sentence otherwise.
void fx_ok(gaze_err e);
// Reads a PNG of the golden images by its name without ending. Free .rgb with free().
gaze_image fx_image(const char *name);
// Loads <model>-golden/cases.json.
cJSON *fx_cases(const char *model);
// Loads one case; `model` as "tiny-a".
fx_case fx_case_open(const char *model, const cJSON *json);
void fx_case_close(fx_case *c);
// Opens a golden model with the CPU backend.
gaze_model *fx_model(const char *model, gaze_dtype weights);
gaze_exec *fx_exec(int threads);
// An i32 or f32 tensor of a file by name; asserts that it is there with `n` elements (n < 0: any).
const int *fx_i32(const gaze_st *st, const char *name, int n);
const float *fx_f32(const gaze_st *st, const char *name, int n);
// max |a - b|
float fx_max_diff(const float *a, const float *b, size_t n);

#endif
