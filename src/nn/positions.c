// nn/positions.c - image tokens, their expansion, and M-RoPE positions.
#include <limits.h>
#include "nn/nn_internal.h"

gaze_err gazei_image_grid(const gaze_model *m, int h, int w, int *new_h, int *new_w, int grid[2]) {
  int cell = m->cfg.vision.patch * m->cfg.vision.merge;
  GAZE_TRY(gaze_smart_resize(&m->processor, h, w, new_h, new_w));
  grid[0] = *new_h / cell;
  grid[1] = *new_w / cell;
  if (grid[0] < 1 || grid[1] < 1 || (int64_t)grid[0] * grid[1] > INT_MAX / 256) {
    return gaze_fail(GAZE_ERR_RANGE, "image: %d x %d pixels do not make a grid", w, h);
  }
  return GAZE_OK;
}

gaze_err gaze_model_image_tokens(const gaze_model *m, int h, int w, int *tokens) {
  int nh, nw, grid[2];
  if (!m || !tokens) return gaze_fail(GAZE_ERR_ARG, "image tokens: NULL argument");
  GAZE_TRY(gazei_image_grid(m, h, w, &nh, &nw, grid));
  *tokens = grid[0] * grid[1];
  return GAZE_OK;
}

gaze_err gaze_model_expand(const gaze_model *m, const int *ids, int n, const gaze_image *images,
                           int n_images, gaze_ids *out) {
  int used = 0;
  if (!m || !out || n < 0 || (n > 0 && !ids) || n_images < 0 || (n_images > 0 && !images)) {
    return gaze_fail(GAZE_ERR_ARG, "expand: NULL or negative argument");
  }
  for (int i = 0; i < n; i++) used += ids[i] == m->cfg.image_token;
  if (used != n_images) {
    return gaze_fail(GAZE_ERR_ARG, "expand: %d image tokens for %d images", used, n_images);
  }
  used = 0;
  for (int i = 0; i < n; i++) {
    int times = 1;
    if (ids[i] == m->cfg.image_token) {
      GAZE_TRY(gaze_model_image_tokens(m, images[used].h, images[used].w, &times));
      used++;
    }
    for (int k = 0; k < times; k++) GAZE_TRY(gaze_ids_add(out, ids[i]));
  }
  return GAZE_OK;
}

// where an append writes its positions
typedef struct writer {
  int *pos, *after;
  size_t stride;
  int next;
} writer;

static void put(writer *w, int i, int t, int y, int x, int after) {
  w->pos[i] = t;
  w->pos[w->stride + (size_t)i] = y;
  w->pos[2 * w->stride + (size_t)i] = x;
  if (w->after) w->after[i] = after;
}

// (p, p + row, p + column) over the cells; text goes on after the longer side
static void put_image(writer *w, int at, const int grid[2]) {
  int p = w->next;
  w->next = p + (grid[0] > grid[1] ? grid[0] : grid[1]);
  for (int i = 0; i < grid[0] * grid[1]; i++) {
    put(w, at + i, p, p + i / grid[1], p + i % grid[1], w->next);
  }
}

gaze_err gazei_positions(const gaze_model_config *c, const int *ids, int n, const int (*grid)[2],
                         int images, int *pos, size_t stride, int *after, int *next) {
  writer w = {pos, after, stride, *next};
  int image = 0;
  for (int i = 0; i < n;) {
    if (ids[i] != c->image_token) {
      put(&w, i, w.next, w.next, w.next, w.next + 1);
      w.next++;
      i++;
      continue;
    }
    if (image == images) {
      return gaze_fail(GAZE_ERR_ARG, "positions: image token %d has no image (%d given)", i,
                       images);
    }
    const int *g = grid[image];
    int64_t cells = (int64_t)g[0] * g[1], run = 0;
    while (g[0] > 0 && g[1] > 0 && run < cells && i + run < n && ids[i + run] == c->image_token) {
      run++;
    }
    if (run != cells || cells < 1) {
      return gaze_fail(GAZE_ERR_ARG,
                       "positions: image %d needs %lld image tokens at %d, found %lld", image,
                       (long long)cells, i, (long long)run);
    }
    put_image(&w, i, g);
    image++;
    i += (int)cells;
  }
  if (image != images) {
    return gaze_fail(GAZE_ERR_ARG, "positions: %d images, but tokens for %d", images, image);
  }
  *next = w.next;
  return GAZE_OK;
}

gaze_err gaze_model_positions(const gaze_model_config *c, const int *ids, int n,
                              const int (*grid)[2], int images, int *pos, int *next) {
  if (!c || n < 0 || images < 0 || !next || (n > 0 && (!ids || !pos)) || (images > 0 && !grid)) {
    return gaze_fail(GAZE_ERR_ARG, "positions: NULL or negative argument");
  }
  // positions never go on faster than tokens, so the sum bounds them all
  if (*next < 0 || *next > INT_MAX / 2 || n > INT_MAX / 2) {
    return gaze_fail(GAZE_ERR_RANGE, "positions: start %d with %d tokens", *next, n);
  }
  return gazei_positions(c, ids, n, grid, images, pos, (size_t)n, NULL, next);
}
