// tests/kernels/fixture_op.h - runs a kernel on every instruction set and several thread counts.
#ifndef GAZE_TESTS_FIXTURE_OP_H
#define GAZE_TESTS_FIXTURE_OP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "core/rng.h"
#include "kernels/cpu/cpu.h"

enum { OP_BLOCKS = 64 };

// memory of one case: every block lies between guard words
typedef struct op_mem {
  gaze_rng rng;
  int n;
  struct op_block {
    char *base;
    size_t bytes;
    bool out;
  } block[OP_BLOCKS];
} op_mem;

typedef void (*op_fn)(gaze_exec *ex, op_mem *m, const void *arg);

// Calls fn for plain C, AVX2, AVX-512 and AVX-512 with bf16 (those the machine has), with 1, 2 and
// 3 threads each, always with the same random numbers. Fails if outputs differ between thread
// counts in any bit, or if a guard word is gone.
void op_each(op_fn fn, const void *arg);

// Opens a context restricted to the instruction sets in `isa`.
gaze_exec *op_open(int threads, unsigned isa);

// Output of n floats, filled with NaN. Owned by m.
float *op_out(op_mem *m, size_t n);
// Input of n floats, normal times scale.
float *op_in(op_mem *m, size_t n, double scale);
// Zeroed, compared between thread counts as an output (for gradients that accumulate).
float *op_zero(op_mem *m, size_t n);
// Uninitialised bytes between guards.
void *op_raw(op_mem *m, size_t bytes, bool out);

// Copies to doubles; owned by m.
double *op_f64(op_mem *m, const float *x, size_t n);

// sum (got - want)^2 / sum want^2; infinite if a value is not finite.
double op_nmse(const float *got, const double *want, size_t n);

// Central difference of f at x[i].
double op_slope(double (*f)(void *ctx), void *ctx, double *x);

#define assert_nmse(got, want, n, bound) \
  op_assert_nmse(op_nmse(got, want, n), bound, #got, __FILE__, __LINE__)
void op_assert_nmse(double value, double bound, const char *what, const char *file, int line);

#endif
