// kernels/cpu/patchify.c - pixels to the rows the vision tower reads (Qwen2.5-VL order).
#include "kernels/cpu/simd.h"

typedef struct pixels {
  const gaze_patchify *a;
  float level[3][256];  // normalised value of each byte, per channel
} pixels;

// one patch per item; patches come in merge x merge blocks, row by row inside a block
static void patch_rows(void *ctx, int worker, long lo, long hi) {
  const pixels *px = ctx;
  const gaze_patchify *a = px->a;
  (void)worker;
  int p = a->patch, m = a->merge, blocks = a->w / (p * m);
  for (long i = lo; i < hi; i++) {
    long in = i % (m * m), block = i / (m * m);
    long row = block / blocks * m + in / m, col = block % blocks * m + in % m;
    float *y = a->y + i * 6 * p * p;
    for (int c = 0; c < 3; c++, y += 2 * p * p) {
      for (int r = 0; r < p; r++) {
        const uint8_t *src = a->rgb + ((row * p + r) * a->w + col * p) * 3 + c;
        for (int x = 0; x < p; x++) y[r * p + x] = px->level[c][src[3 * x]];
      }
      memcpy(y + p * p, y, (size_t)(p * p) * sizeof *y);
    }
  }
}

gaze_err gaze_cpu_patchify(gaze_exec *ex, const gaze_patchify *a) {
  if (a->patch < 1 || a->merge < 1 || a->patch > 1024 || a->merge > 1024)
    return gaze_fail(GAZE_ERR_ARG, "patchify: patch %d, merge %d: expected 1..1024", a->patch,
                     a->merge);
  int unit = a->patch * a->merge;
  if (a->h < 0 || a->w < 0 || a->h % unit || a->w % unit)
    return gaze_fail(GAZE_ERR_ARG, "patchify: h %d, w %d: expected multiples of %d", a->h, a->w,
                     unit);
  if (!a->h || !a->w) return GAZE_OK;
  if (!a->y || !a->rgb) return gaze_fail(GAZE_ERR_ARG, "patchify: y or rgb is NULL");
  pixels px = {.a = a};
  for (int c = 0; c < 3; c++) {
    if (!(a->std[c] > 0.0f)) return gaze_fail(GAZE_ERR_ARG, "patchify: std: expected positive");
    for (int v = 0; v < 256; v++)
      px.level[c][v] = (float)((v / 255.0 - (double)a->mean[c]) / (double)a->std[c]);
  }
  gaze_cpu_for(ex, (long)(a->h / a->patch) * (a->w / a->patch), 16, patch_rows, &px);
  return GAZE_OK;
}
