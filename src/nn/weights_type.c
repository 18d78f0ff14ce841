// nn/weights_type.c - names of the in-memory weight types; see model.h.
#include <string.h>
#include "nn/model.h"

gaze_err gaze_weights_type(const char *name, gaze_dtype *type) {
  static const char *const names[] = {"f32", "bf16", "int8"};
  static const gaze_dtype types[] = {GAZE_F32, GAZE_BF16, GAZE_I8};
  for (int i = 0; i < 3; i++) {
    if (strcmp(name, names[i])) continue;
    *type = types[i];
    return GAZE_OK;
  }
  return gaze_fail(GAZE_ERR_ARG, "weights must be f32, bf16 or int8, not \"%s\"", name);
}
