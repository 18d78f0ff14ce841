// tests/kernels/test_rows.c - gather, scatter and scatter-add, with repeats and skipped rows.
#include <math.h>
#include "core/bf16.h"
#include "fixture_op.h"

typedef struct shape {
  int n, cols, rows;
  gaze_rows_mode mode;
  gaze_dtype type;
} shape;

static void run(gaze_exec *ex, op_mem *m, const void *arg) {
  const shape *s = arg;
  bool gather = s->mode == GAZE_ROWS_GATHER;
  int xr = gather ? s->rows : s->n, yr = gather ? s->n : s->rows, ldx = s->cols + 2;
  int ldy = s->cols + 1;
  size_t nx = (size_t)(xr * ldx), ny = (size_t)(yr * ldy);
  float *x = op_in(m, nx, 1.0), *scale = op_in(m, (size_t)xr, 0.0), *y = op_zero(m, ny);
  uint16_t *half = op_raw(m, nx * 2, false);
  int8_t *byte = op_raw(m, nx, false);
  int *index = op_raw(m, (size_t)s->n * sizeof *index, false);
  for (size_t i = 0; i < nx; i++)
    half[i] = gaze_bf16_from_f32(x[i]), byte[i] = (int8_t)(i * 37 % 255 - 127);
  for (int i = 0; i < xr; i++) scale[i] = 0.5f + (float)i;
  for (int i = 0; i < s->n; i++) index[i] = gaze_rng_int(&m->rng, -1, s->rows - 1);
  double *want = op_f64(m, y, ny);
  for (size_t i = 0; i < ny; i++) want[i] = y[i] = 0.25f;
  for (int i = 0; i < s->n; i++)
    for (int c = 0; c < s->cols && index[i] >= 0; c++) {
      int from = (gather ? index[i] : i) * ldx + c, to = (gather ? i : index[i]) * ldy + c;
      double v = (double)x[from];
      if (s->type == GAZE_BF16) v = (double)gaze_bf16_to_f32(half[from]);
      if (s->type == GAZE_I8) v = (double)((float)byte[from] * scale[from / ldx]);
      want[to] = v + (s->mode == GAZE_ROWS_ADD ? want[to] : 0.0);
    }
  gaze_rows a = {.y = y, .index = index, .n = s->n, .cols = s->cols, .ldy = ldy, .mode = s->mode};
  a.x = (gaze_mat){s->type == GAZE_F32    ? (void *)x
                   : s->type == GAZE_BF16 ? (void *)half
                                          : byte,
                   scale, s->type, ldx};
  assert_int_equal(gaze_ops_cpu.rows(ex, &a), GAZE_OK);
  assert_nmse(y, want, ny, s->mode == GAZE_ROWS_ADD ? 1e-12 : 0.0);
}

static void test_values(void **state) {
  (void)state;
  static const gaze_dtype types[] = {GAZE_F32, GAZE_BF16, GAZE_I8};
  for (int mode = 0; mode < 3; mode++)
    for (int t = 0; t < 3; t++) {
      op_each(run, &(shape){1, 1, 1, (gaze_rows_mode)mode, types[t]});
      op_each(run, &(shape){33, 257, 5, (gaze_rows_mode)mode, types[t]});
      op_each(run, &(shape){700, 100, 40, (gaze_rows_mode)mode, types[t]});
    }
}

static void test_bad(void **state) {
  (void)state;
  gaze_exec *ex = op_open(1, ~0u);
  float x[4] = {0};
  int index[1] = {0};
  gaze_rows a = {.y = x, .x = {x, NULL, GAZE_F32, 2}, .index = index, .n = 1, .cols = 2, .ldy = 1};
  assert_int_equal(gaze_ops_cpu.rows(ex, &a), GAZE_ERR_ARG);
  a.ldy = 2, a.x.type = GAZE_I8;
  assert_int_equal(gaze_ops_cpu.rows(ex, &a), GAZE_ERR_ARG);
  a.x.type = (gaze_dtype)77;
  assert_int_equal(gaze_ops_cpu.rows(ex, &a), GAZE_ERR_UNSUPPORTED);
  a.x.type = GAZE_F32, a.index = NULL;
  assert_int_equal(gaze_ops_cpu.rows(ex, &a), GAZE_ERR_ARG);
  a.n = 0;
  assert_int_equal(gaze_ops_cpu.rows(ex, &a), GAZE_OK);
  gaze_exec_close(&ex);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_bad)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
