// tests/fuzz/fuzz_config.c - any bytes as config.json: refused with a sentence, or consistent.
#include <math.h>
#include <stdint.h>
#include "nn/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  gaze_model_config c;
  gaze_err e = gaze_model_config_parse(&c, (const char *)data, size, "fuzz.json");
  if (e) {
    GAZE_ASSERT(c.hidden == 0 && gaze_err_detail()[0]);
    return 0;
  }
  // what the network's code relies on
  GAZE_ASSERT(c.layers >= 1 && c.layers <= GAZE_LAYERS_MAX);
  GAZE_ASSERT(c.heads >= 1 && c.hidden == c.heads * c.head_dim && c.head_dim % 2 == 0);
  GAZE_ASSERT(c.kv_heads >= 1 && c.heads % c.kv_heads == 0);
  GAZE_ASSERT(c.mrope[0] >= 0 && c.mrope[1] >= 0 && c.mrope[2] >= 0);
  GAZE_ASSERT(c.mrope[0] + c.mrope[1] + c.mrope[2] == c.head_dim / 2);
  GAZE_ASSERT(isfinite(c.eps) && c.eps > 0 && isfinite(c.rope_theta) && c.rope_theta > 0);
  GAZE_ASSERT(c.image_token >= 0 && c.image_token < c.vocab && c.eos >= 0 && c.eos < c.vocab);
  const gaze_vision_config *v = &c.vision;
  GAZE_ASSERT(v->depth >= 1 && v->depth <= GAZE_LAYERS_MAX && v->merge == 2);
  GAZE_ASSERT(v->heads >= 1 && v->hidden % (4 * v->heads) == 0);
  GAZE_ASSERT(v->window >= 1 && v->window % (v->patch * v->merge) == 0);
  return 0;
}
