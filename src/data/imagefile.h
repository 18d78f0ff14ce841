// data/imagefile.h - PNG and JPEG files to RGB pictures and back.
#ifndef GAZE_DATA_IMAGEFILE_H
#define GAZE_DATA_IMAGEFILE_H

#include <stddef.h>
#include "core/buf.h"
#include "core/err.h"
#include "core/image.h"

enum {
  GAZE_IMAGE_SIDE_MAX = 65536,      // pixels a side
  GAZE_IMAGE_PIXELS_MAX = 1 << 26,  // pixels in all (4 x 4096 x 4096)
};

// Reads width and height from the header of a PNG or JPEG file in memory, without decoding.
// FORMAT if it is neither or cut short, RANGE if a side is outside 1..65536 or the picture has
// more than 2^26 pixels. `what` names the source in the sentence.  [rt: never]
gaze_err gaze_image_size(const void *bytes, size_t n, const char *what, int *w, int *h);

// Decodes a PNG or JPEG file in memory to RGB8 [h,w,3]; *out is owned by the caller
// (gaze_image_free). Gray, palette and 16-bit pictures become RGB8; alpha is composited on white
// (plain 8-bit blend, no gamma); EXIF orientation and colour profiles are not applied. Errors as
// gaze_image_size, and FORMAT for corrupt data; UNSUPPORTED for CMYK.  [rt: never]
gaze_err gaze_image_decode(gaze_image *out, const void *bytes, size_t n, const char *what);

// Loads a PNG or JPEG file of at most 256 MiB.  [rt: never]
gaze_err gaze_image_load(gaze_image *out, const char *path);

// Appends a PNG file to `b`; level 1 (fast, for data) .. 9 (small). Equal pictures give equal
// bytes.  [rt: never]
gaze_err gaze_image_encode_png(const gaze_image *im, int level, gaze_buf *b);

// Appends a JPEG file (4:4:4) to `b`; quality 1..100.  [rt: never]
gaze_err gaze_image_encode_jpeg(const gaze_image *im, int quality, gaze_buf *b);

// Frees the pixels of a decoded picture and zeroes it; fine on a zeroed struct.  [rt: never]
void gaze_image_free(gaze_image *im);

#endif
