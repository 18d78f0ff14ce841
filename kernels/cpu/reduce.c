// kernels/cpu/reduce.c - bias gradient, axpy and the sum of squares.
#include "kernels/cpu/simd.h"

enum { BLOCK = 32768, BIAS_ROWS = 128 };

GAZE_INLINE void add_body(const gaze_axpy *a, long lo, long hi) {
  GAZE_IVDEP
  for (long i = lo; i < hi; i++) a->y[i] += a->alpha * a->x[i];
}
GAZE_CLONES(add, gaze_axpy)

gaze_err gaze_cpu_axpy(gaze_exec *ex, const gaze_axpy *a) {
  if (a->n && (!a->y || !a->x)) return gaze_fail(GAZE_ERR_ARG, "axpy: x or y is NULL");
  gaze_cpu_job job = {ex, a};
  gaze_cpu_for(ex, (long)a->n, BLOCK, add, &job);
  return GAZE_OK;
}

typedef struct bias {
  const gaze_bias_grad *a;
  float *part;  // [blocks, cols]
} bias;

GAZE_INLINE void column_body(const bias *b, long lo, long hi) {
  const gaze_bias_grad *a = b->a;
  float *part = b->part + lo / BIAS_ROWS * a->cols;
  memset(part, 0, (size_t)a->cols * sizeof *part);
  for (long r = lo; r < hi; r++) {
    const float *dy = a->dy + r * a->ld;
    GAZE_IVDEP
    for (int c = 0; c < a->cols; c++) part[c] += dy[c];
  }
}
GAZE_CLONES(column, bias)

gaze_err gaze_cpu_bias_bwd(gaze_exec *ex, const gaze_bias_grad *a) {
  if (a->rows < 0 || a->cols < 0 || a->ld < a->cols)
    return gaze_fail(GAZE_ERR_ARG, "bias_bwd: rows %d, cols %d, ld %d: expected >= 0, ld >= cols",
                     a->rows, a->cols, a->ld);
  if (!a->rows || !a->cols) return GAZE_OK;
  if (!a->db || !a->dy) return gaze_fail(GAZE_ERR_ARG, "bias_bwd: db or dy is NULL");
  long blocks = (a->rows + BIAS_ROWS - 1) / BIAS_ROWS;
  bias b = {.a = a};
  b.part = gaze_cpu_scratch(ex, GAZE_SLOT_OP, (size_t)blocks * (size_t)a->cols * sizeof(float));
  if (!b.part) return gaze_fail(GAZE_ERR_NOMEM, "bias_bwd: out of memory for scratch");
  gaze_cpu_job job = {ex, &b};
  gaze_cpu_for(ex, a->rows, BIAS_ROWS, column, &job);
  for (long i = 0; i < blocks; i++)
    for (int c = 0; c < a->cols; c++) a->db[c] += b.part[i * a->cols + c];
  return GAZE_OK;
}

typedef struct squares {
  const float *x;
  double *part;  // one per block
} squares;

GAZE_INLINE void square_body(const squares *q, long lo, long hi) {
  double s[16] = {0};
  long i = lo;
  for (; i + 16 <= hi; i += 16)
    for (int j = 0; j < 16; j++) s[j] += (double)q->x[i + j] * (double)q->x[i + j];
  for (int j = 0; i < hi; i++, j++) s[j] += (double)q->x[i] * (double)q->x[i];
  double sum = 0.0;
  for (int j = 0; j < 16; j++) sum += s[j];
  q->part[lo / BLOCK] = sum;
}
GAZE_CLONES(square, squares)

gaze_err gaze_cpu_sumsq(gaze_exec *ex, const gaze_sumsq *a) {
  if (!a->out || (a->n && !a->x)) return gaze_fail(GAZE_ERR_ARG, "sumsq: out or x is NULL");
  size_t blocks = a->n / BLOCK + 1;
  squares q = {.x = a->x, .part = gaze_cpu_scratch(ex, GAZE_SLOT_OP, blocks * sizeof(double))};
  if (!q.part) return gaze_fail(GAZE_ERR_NOMEM, "sumsq: out of memory for scratch");
  gaze_cpu_job job = {ex, &q};
  gaze_cpu_for(ex, (long)a->n, BLOCK, square, &job);
  double sum = 0.0;
  for (size_t i = 0; i * BLOCK < a->n; i++) sum += q.part[i];
  *a->out = sum;
  return GAZE_OK;
}
