// nn/vision_input.h - from a picture to the vision tower's patches, as the reference processor.
#ifndef GAZE_NN_VISION_INPUT_H
#define GAZE_NN_VISION_INPUT_H

#include "core/err.h"
#include "core/image.h"

// preprocessor_config.json of a Qwen2-VL image processor.
typedef struct gaze_processor {
  int patch, merge;  // 14, 2
  long min_pixels, max_pixels;
  float mean[3], std[3];
} gaze_processor;

// Reads preprocessor_config.json; unknown processors and bad fields are refused by name.  [rt:
// init]
gaze_err gaze_processor_load(gaze_processor *p, const char *path);
// Writes it.  [rt: never]
gaze_err gaze_processor_save(const gaze_processor *p, const char *path);

// smart_resize: sides become multiples of patch*merge within the pixel limits, round half to even.
// RANGE for an aspect ratio above 200 or sides outside 1..65536.  [rt: safe]
gaze_err gaze_smart_resize(const gaze_processor *p, int h, int w, int *new_h, int *new_w);

// Bicubic (a = -0.5) with antialiasing on 8 bits, two passes, in the fixed-point arithmetic
// of torchvision. out: [new_h,new_w,3] of the caller. Equal sizes copy.  [rt: never]
gaze_err gaze_image_resize(const uint8_t *rgb, int h, int w, uint8_t *out, int new_h, int new_w);

#endif
