// tests/kernels/fixture_op.c - see fixture_op.h.
#include "fixture_op.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 64 };  // bytes on each side

void *op_raw(op_mem *m, size_t bytes, bool out) {
  assert_true(m->n < OP_BLOCKS);
  size_t all = (bytes + 2 * GUARD + 63) & ~(size_t)63;
  char *base = aligned_alloc(64, all);
  assert_non_null(base);
  memset(base, 0xA5, all);
  m->block[m->n++] = (struct op_block){base, bytes, out};
  return base + GUARD;
}

float *op_out(op_mem *m, size_t n) {
  float *x = op_raw(m, n * sizeof *x, true);
  for (size_t i = 0; i < n; i++) x[i] = NAN;
  return x;
}

float *op_zero(op_mem *m, size_t n) {
  float *x = op_raw(m, n * sizeof *x, true);
  memset(x, 0, n * sizeof *x);
  return x;
}

float *op_in(op_mem *m, size_t n, double scale) {
  float *x = op_raw(m, n * sizeof *x, false);
  for (size_t i = 0; i < n; i++) x[i] = (float)(scale * gaze_rng_normal(&m->rng));
  return x;
}

double *op_f64(op_mem *m, const float *x, size_t n) {
  double *y = op_raw(m, n * sizeof *y, false);
  for (size_t i = 0; i < n; i++) y[i] = (double)x[i];
  return y;
}

static void check_guards(const op_mem *m) {
  for (int i = 0; i < m->n; i++) {
    const unsigned char *p = (const unsigned char *)m->block[i].base;
    for (size_t j = 0; j < GUARD; j++) {
      assert_int_equal(p[j], 0xA5);
      assert_int_equal(p[GUARD + m->block[i].bytes + j], 0xA5);
    }
  }
}

static uint64_t hash_outputs(const op_mem *m) {
  uint64_t h = 1469598103934665603u;
  for (int i = 0; i < m->n; i++)
    for (size_t j = 0; m->block[i].out && j < m->block[i].bytes; j++)
      h = (h ^ (unsigned char)m->block[i].base[GUARD + j]) * 1099511628211u;
  return h;
}

gaze_exec *op_open(int threads, unsigned isa) {
  gaze_exec *ex;
  assert_int_equal(gaze_exec_open_cpu(&ex, threads), GAZE_OK);
  ex->isa &= isa;
  return ex;
}

void op_each(op_fn fn, const void *arg) {
  static const unsigned levels[] = {0, GAZE_ISA_AVX2, GAZE_ISA_AVX2 | GAZE_ISA_AVX512, ~0u};
  for (int l = 0; l < 4; l++) {
    uint64_t first = 0;
    for (int threads = 1; threads <= 3; threads++) {
      gaze_exec *ex = op_open(threads, levels[l]);
      op_mem m = {.n = 0};
      gaze_rng_init(&m.rng, 7, 1);
      fn(ex, &m, arg);
      check_guards(&m);
      uint64_t h = hash_outputs(&m);
      if (threads == 1) first = h;
      if (h != first)
        fail_msg("%s: %d threads give other bits than one", gaze_exec_features(ex), threads);
      for (int i = 0; i < m.n; i++) free(m.block[i].base);
      gaze_exec_close(&ex);
    }
  }
}

double op_nmse(const float *got, const double *want, size_t n) {
  double diff = 0.0, all = 0.0;
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(got[i])) return INFINITY;
    diff += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
    all += want[i] * want[i];
  }
  return all > 0.0 ? diff / all : diff;
}

double op_slope(double (*f)(void *ctx), void *ctx, double *x) {
  double keep = *x, h = 1e-5;
  *x = keep + h;
  double up = f(ctx);
  *x = keep - h;
  double down = f(ctx);
  *x = keep;
  return (up - down) / (2 * h);
}

void op_assert_nmse(double value, double bound, const char *what, const char *file, int line) {
  if (!(value <= bound)) {
    print_error("%s:%d: %s: NMSE %g is above %g\n", file, line, what, value, bound);
    _fail(file, line);
  }
}
