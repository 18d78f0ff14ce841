// kernels/cpu/cpu.h - what the CPU kernels share: the context, its scratch, and fixed-block loops.
#ifndef GAZE_KERNELS_CPU_H
#define GAZE_KERNELS_CPU_H

#include "kernels/ops.h"
#include "rt/pool.h"

// What the processor can do; plain C is always there.
enum {
  GAZE_ISA_AVX2 = 1,    // with fma
  GAZE_ISA_AVX512 = 2,  // f, bw, vl, dq
  GAZE_ISA_BF16 = 4,    // avx512_bf16
  GAZE_ISA_VNNI = 8,    // avx512_vnni, reported only
};

// Scratch slots: 0..threads-1 belong to the workers, these to the op that runs. An op that calls
// another op (logprob calls gemm, muon calls gemm and sumsq) must not use the same slot.
enum {
  GAZE_SLOT_GEMM_A = 256,
  GAZE_SLOT_GEMM_B,
  GAZE_SLOT_OP,
  GAZE_SLOT_MUON,
  GAZE_SLOT_END,
};

typedef struct gaze_cpu_slot {
  void *data;
  size_t size;  // bytes
} gaze_cpu_slot;

struct gaze_exec {
  gaze_pool *pool;
  int threads;
  unsigned isa;  // GAZE_ISA_*
  char features[128];
  gaze_cpu_slot slot[GAZE_SLOT_END];
};

// Part of a loop: items lo..hi-1, run by `worker` (its scratch slot).
typedef void (*gaze_cpu_part)(void *ctx, int worker, long lo, long hi);

// Returns 64-byte aligned scratch of at least `bytes`, contents undefined; NULL if memory is out.
// Grows on demand and never shrinks, so a repeated call allocates nothing. A worker's slot must be
// grown before the loop starts.  [rt: never]
void *gaze_cpu_scratch(gaze_exec *ex, int slot, size_t bytes);

// Grows every worker's slot to `bytes`.  [rt: never]
gaze_err gaze_cpu_scratch_all(gaze_exec *ex, size_t bytes);

// Runs fn over the blocks [i*grain, (i+1)*grain) of 0..n-1, each whole, on whichever worker is
// free. The blocks do not depend on the number of workers, so neither do the results.  [rt: never]
void gaze_cpu_for(gaze_exec *ex, long n, long grain, gaze_cpu_part fn, void *ctx);

// Widens elements lo..hi-1 of row r of a matrix to f32.  [rt: safe]
void gaze_cpu_widen(float *out, const gaze_mat *x, long r, long lo, long hi);

// Bytes of one element; 0 for an unknown type.  [rt: safe]
size_t gaze_cpu_type_size(gaze_dtype type);

gaze_err gaze_cpu_gemm(gaze_exec *ex, const gaze_gemm *a);
gaze_err gaze_cpu_rmsnorm_fwd(gaze_exec *ex, const gaze_rmsnorm *a);
gaze_err gaze_cpu_rmsnorm_bwd(gaze_exec *ex, const gaze_rmsnorm_grad *a);
gaze_err gaze_cpu_rope(gaze_exec *ex, const gaze_rope *a);
gaze_err gaze_cpu_attention_fwd(gaze_exec *ex, const gaze_attention *a);
gaze_err gaze_cpu_attention_bwd(gaze_exec *ex, const gaze_attention_grad *a);
gaze_err gaze_cpu_swiglu_fwd(gaze_exec *ex, const gaze_swiglu *a);
gaze_err gaze_cpu_swiglu_bwd(gaze_exec *ex, const gaze_swiglu_grad *a);
gaze_err gaze_cpu_gelu_fwd(gaze_exec *ex, const gaze_gelu *a);
gaze_err gaze_cpu_gelu_bwd(gaze_exec *ex, const gaze_gelu_grad *a);
gaze_err gaze_cpu_bias_bwd(gaze_exec *ex, const gaze_bias_grad *a);
gaze_err gaze_cpu_axpy(gaze_exec *ex, const gaze_axpy *a);
gaze_err gaze_cpu_rows(gaze_exec *ex, const gaze_rows *a);
gaze_err gaze_cpu_logprob_fwd(gaze_exec *ex, const gaze_logprob *a);
gaze_err gaze_cpu_logprob_bwd(gaze_exec *ex, const gaze_logprob_grad *a);
gaze_err gaze_cpu_sample(gaze_exec *ex, const gaze_sample *a);
gaze_err gaze_cpu_adamw(gaze_exec *ex, const gaze_adamw *a);
gaze_err gaze_cpu_muon(gaze_exec *ex, const gaze_muon *a);
gaze_err gaze_cpu_sumsq(gaze_exec *ex, const gaze_sumsq *a);
gaze_err gaze_cpu_patchify(gaze_exec *ex, const gaze_patchify *a);
gaze_err gaze_cpu_raycast(gaze_exec *ex, const gaze_raycast *a);

#endif
