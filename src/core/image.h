// core/image.h - an 8-bit RGB picture in memory, the form every layer hands on.
#ifndef GAZE_CORE_IMAGE_H
#define GAZE_CORE_IMAGE_H

#include <stdint.h>

typedef struct gaze_image {
  uint8_t *rgb;        // [h,w,3], row-major from the top left; the owner is whoever made it
  int w, h;            // pixels
  const char *camera;  // borrowed name, NULL if none
  int64_t time_ns;     // time of exposure
} gaze_image;

#endif
