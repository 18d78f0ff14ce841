// kernels/cpu/rows.c - gather, scatter and scatter-add of rows; the embedding is a gather.
#include "kernels/cpu/simd.h"

enum { BLOCK = 32768, STRIP = 64 };  // elements per block; columns per strip

GAZE_INLINE void gather_body(const gaze_rows *a, long lo, long hi) {
  for (long i = lo; i < hi; i++)
    if (a->index[i] >= 0) gaze_cpu_widen(a->y + i * a->ldy, &a->x, a->index[i], 0, a->cols);
}
GAZE_CLONES(gather, gaze_rows)

// work is split by columns, so that rows hit twice are written in the order of i
GAZE_INLINE void scatter_body(const gaze_rows *a, long lo, long hi) {
  for (long i = 0; i < a->n; i++) {
    if (a->index[i] < 0) continue;
    float *y = a->y + (long)a->index[i] * a->ldy;
    if (a->mode == GAZE_ROWS_SCATTER) {
      gaze_cpu_widen(y + lo, &a->x, i, lo, hi);
      continue;
    }
    float x[STRIP];
    gaze_cpu_widen(x, &a->x, i, lo, hi);
    for (long c = lo; c < hi; c++) y[c] += x[c - lo];
  }
}
GAZE_CLONES(scatter, gaze_rows)

gaze_err gaze_cpu_rows(gaze_exec *ex, const gaze_rows *a) {
  if (a->n < 0 || a->cols < 0 || a->ldy < a->cols || a->x.ld < a->cols)
    return gaze_fail(GAZE_ERR_ARG,
                     "rows: n %d, cols %d, ldy %d, x.ld %d: expected >= 0, ld >= cols", a->n,
                     a->cols, a->ldy, a->x.ld);
  if (!a->n || !a->cols) return GAZE_OK;
  if (!a->y || !a->x.data || !a->index)
    return gaze_fail(GAZE_ERR_ARG, "rows: y, x or index is NULL");
  if (!gaze_cpu_type_size(a->x.type))
    return gaze_fail(GAZE_ERR_UNSUPPORTED, "rows: x.type: unknown type %d", (int)a->x.type);
  if (a->x.type == GAZE_I8 && !a->x.scale)
    return gaze_fail(GAZE_ERR_ARG, "rows: x.scale: needed for i8");
  gaze_cpu_job job = {ex, a};
  if (a->mode == GAZE_ROWS_GATHER)
    gaze_cpu_for(ex, a->n, BLOCK / a->cols, gather, &job);
  else if (a->mode == GAZE_ROWS_SCATTER || a->mode == GAZE_ROWS_ADD)
    gaze_cpu_for(ex, a->cols, STRIP, scatter, &job);
  else
    return gaze_fail(GAZE_ERR_ARG, "rows: mode: unknown mode %d", (int)a->mode);
  return GAZE_OK;
}
