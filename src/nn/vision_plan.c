// nn/vision_plan.c - window order and rotary tables: what a forward pass precomputes.
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include "nn/nn_internal.h"

gaze_err gazei_vision_plan_open(gazei_vision_plan *p, const gaze_vision_config *v, int patches,
                                int images) {
  *p = (gazei_vision_plan){.cap_patches = patches, .cap_images = images};
  size_t n = (size_t)patches, half = (size_t)(v->hidden / v->heads / 2);
  p->patch_at = malloc((n + 1) * sizeof(int));
  p->cell_at = malloc((n + 1) * sizeof(int));
  // no window is empty, so there are at most as many as cells
  p->window = malloc((n + 1) * sizeof(int));
  p->image = malloc(((size_t)images + 1) * sizeof(int));
  p->cos = malloc((n * half + 1) * sizeof(float));
  p->sin = malloc((n * half + 1) * sizeof(float));
  if (!p->patch_at || !p->cell_at || !p->window || !p->image || !p->cos || !p->sin) {
    gazei_vision_plan_close(p);
    return gaze_fail(GAZE_ERR_NOMEM, "vision plan: %d patches", patches);
  }
  return GAZE_OK;
}

void gazei_vision_plan_close(gazei_vision_plan *p) {
  free(p->patch_at);
  free(p->cell_at);
  free(p->window);
  free(p->image);
  free(p->cos);
  free(p->sin);
  *p = (gazei_vision_plan){0};
}

static int least(int a, int b) {
  return a < b ? a : b;
}

// d/4 frequencies 10000^(-2i/(d/2)); the first d/4 angles are of the row, the next of the column
static void patch_angles(const gaze_vision_config *v, int row, int col, float *cos_out,
                         float *sin_out) {
  int d = v->hidden / v->heads, quarter = d / 4;
  for (int i = 0; i < quarter; i++) {
    // f32 as in the reference: the table is part of the numbers to match
    float f = (float)(1.0 / pow(10000.0, 2.0 * i / (d / 2)));
    float a = (float)row * f, b = (float)col * f;
    cos_out[i] = cosf(a);
    sin_out[i] = sinf(a);
    cos_out[quarter + i] = cosf(b);
    sin_out[quarter + i] = sinf(b);
  }
}

// the cells of one window, row-major, with their patches
static void add_window(gazei_vision_plan *p, const gaze_vision_config *v, int cell0, int cols,
                       const int box[4]) {
  int merge = v->merge, unit = merge * merge;
  size_t half = (size_t)(v->hidden / v->heads / 2);
  for (int r = box[0]; r < box[1]; r++) {
    for (int c = box[2]; c < box[3]; c++) {
      int cell = cell0 + r * cols + c;
      p->cell_at[p->cells++] = cell;
      for (int k = 0; k < unit; k++) {
        int at = p->patches++;
        p->patch_at[at] = cell * unit + k;
        patch_angles(v, r * merge + k / merge, c * merge + k % merge, p->cos + (size_t)at * half,
                     p->sin + (size_t)at * half);
      }
    }
  }
}

static void end_window(gazei_vision_plan *p) {
  int n = p->patches - p->window[p->windows];
  if (n > p->widest) p->widest = n;
  p->window[++p->windows] = p->patches;
}

static gaze_err add_image(gazei_vision_plan *p, const gaze_vision_config *v, const int grid[2]) {
  int merge = v->merge, side = v->window / merge / v->patch;
  if (grid[0] < merge || grid[1] < merge || grid[0] % merge || grid[1] % merge || side < 1) {
    return gaze_fail(GAZE_ERR_ARG, "vision: grid %d x %d is not a multiple of %d patches", grid[0],
                     grid[1], merge);
  }
  if ((int64_t)grid[0] * grid[1] > p->cap_patches - p->patches) {
    return gaze_fail(GAZE_ERR_RANGE, "vision: more than %d patches", p->cap_patches);
  }
  int rows = grid[0] / merge, cols = grid[1] / merge, cell0 = p->cells, first = p->patches;
  for (int r = 0; r < rows; r += side) {
    for (int c = 0; c < cols; c += side) {
      const int box[4] = {r, least(r + side, rows), c, least(c + side, cols)};
      add_window(p, v, cell0, cols, box);
      end_window(p);
    }
  }
  if (p->patches - first > p->widest) p->widest = p->patches - first;
  p->image[++p->images] = p->patches;
  return GAZE_OK;
}

gaze_err gazei_vision_plan_make(gazei_vision_plan *p, const gaze_vision_config *v,
                                const int (*grid)[2], int images) {
  p->patches = p->cells = p->windows = p->images = p->widest = 0;
  p->window[0] = p->image[0] = 0;
  if (images > p->cap_images) {
    return gaze_fail(GAZE_ERR_RANGE, "vision: more than %d images", p->cap_images);
  }
  for (int i = 0; i < images; i++) GAZE_TRY(add_image(p, v, grid[i]));
  return GAZE_OK;
}

void gazei_rope_table(const gaze_model_config *c, const int *pos, int stride, int n, float *cos,
                      float *sin) {
  int half = c->head_dim / 2;
  for (int j = 0; j < half; j++) {
    int axis = j < c->mrope[0] ? 0 : j < c->mrope[0] + c->mrope[1] ? 1 : 2;
    float f = (float)(1.0 / pow((double)c->rope_theta, 2.0 * j / c->head_dim));
    for (int i = 0; i < n; i++) {
      float angle = (float)pos[(size_t)axis * (size_t)stride + (size_t)i] * f;
      cos[(size_t)i * (size_t)half + (size_t)j] = cosf(angle);
      sin[(size_t)i * (size_t)half + (size_t)j] = sinf(angle);
    }
  }
}
