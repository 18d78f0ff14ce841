// tests/fuzz/fuzz_image.c - any bytes as a picture file: decoded or refused.
#include <stddef.h>
#include <stdint.h>
#include "data/imagefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  int w = 0, h = 0;
  // large pictures only slow the search down
  if (gaze_image_size(data, n, "fuzz", &w, &h) || (long)w * h > 1 << 18) return 0;
  gaze_image im;
  if (gaze_image_decode(&im, data, n, "fuzz") == GAZE_OK) {
    if (im.w != w || im.h != h) __builtin_trap();
    volatile uint8_t last = im.rgb[(size_t)w * (size_t)h * 3 - 1];
    (void)last;
  }
  gaze_image_free(&im);
  return 0;
}
