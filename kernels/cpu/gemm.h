// kernels/cpu/gemm.h - the three ways to a matrix product; gemm.c chooses.
#ifndef GAZE_KERNELS_GEMM_H
#define GAZE_KERNELS_GEMM_H

#include "kernels/cpu/cpu.h"

enum { GAZE_GEMV_ROWS = 8 };  // up to so many rows of `a`, weights are streamed instead of packed

// c = a b^T for few rows: !trans_a, trans_b, 1 <= m <= GAZE_GEMV_ROWS. Splits the rows of b.
gaze_err gaze_cpu_gemv(gaze_exec *ex, const gaze_gemm *g);

// Products in bf16 by the processor (GAZE_ISA_BF16), any transposition.
gaze_err gaze_cpu_gemm_bf16(gaze_exec *ex, const gaze_gemm *g);

// Blocks of a dimension: at least two once it is worth it, even in number, whole multiples of 16.
static inline int gaze_gemm_block(int n, int want) {
  int count = (n + want - 1) / want;
  count += count & 1;
  int block = (n + count - 1) / count;
  return (block + 15) & ~15;
}

#endif
