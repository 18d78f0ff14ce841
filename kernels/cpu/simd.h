// kernels/cpu/simd.h - run-time dispatch for loops the compiler vectorises, and a fast exp.
#ifndef GAZE_KERNELS_SIMD_H
#define GAZE_KERNELS_SIMD_H

#include <stdint.h>
#include <string.h>
#include "kernels/cpu/cpu.h"

#define GAZE_INLINE static inline __attribute__((always_inline))
#if defined(__x86_64__)
#define GAZE_X86 1
#define GAZE_AVX2 __attribute__((target("avx2,fma")))
#define GAZE_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")))
#else
#define GAZE_X86 0
#define GAZE_AVX2
#define GAZE_AVX512
#endif

// the next loop carries nothing from one pass to the next (arrays are the same or do not overlap)
#if defined(__clang__)
#define GAZE_IVDEP  // its run-time checks for overlap are good enough
#else
#define GAZE_IVDEP _Pragma("GCC ivdep")
#endif

typedef struct gaze_cpu_job {
  gaze_exec *ex;
  const void *args;
} gaze_cpu_job;

// Compiles `name_body(args, lo, hi)` for each instruction set and makes `name`, a gaze_cpu_part
// that picks one. The one macro of the backend: the alternative is three copies of every loop.
#define GAZE_CLONES(name, type)                                            \
  static void name##_base(const type *a, long lo, long hi) {               \
    name##_body(a, lo, hi);                                                \
  }                                                                        \
  GAZE_AVX2 static void name##_avx2(const type *a, long lo, long hi) {     \
    name##_body(a, lo, hi);                                                \
  }                                                                        \
  GAZE_AVX512 static void name##_avx512(const type *a, long lo, long hi) { \
    name##_body(a, lo, hi);                                                \
  }                                                                        \
  static void name(void *ctx, int worker, long lo, long hi) {              \
    const gaze_cpu_job *job = ctx;                                         \
    (void)worker;                                                          \
    if (job->ex->isa & GAZE_ISA_AVX512)                                    \
      name##_avx512(job->args, lo, hi);                                    \
    else if (job->ex->isa & GAZE_ISA_AVX2)                                 \
      name##_avx2(job->args, lo, hi);                                      \
    else                                                                   \
      name##_base(job->args, lo, hi);                                      \
  }

// Sums 16 lanes in a fixed tree.
GAZE_INLINE float gaze_sum16(const float *s) {
  float t[8];
  for (int j = 0; j < 8; j++) t[j] = s[j] + s[j + 8];
  return ((t[0] + t[4]) + (t[2] + t[6])) + ((t[1] + t[5]) + (t[3] + t[7]));
}

// exp to about 1e-7 relative (Cody-Waite reduction, degree 6), 0 below -87.3, the value at 88.3
// above; branch-free so that loops over it vectorise.
GAZE_INLINE float gaze_exp(float x0) {
  float x = x0 > 88.3f ? 88.3f : x0;
  x = x < -87.3f ? -87.3f : x;
  float t = x * 1.44269504f + 12582912.0f;  // rounds to the integer held in the low bits
  float n = t - 12582912.0f;
  float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  uint32_t bits;
  memcpy(&bits, &t, sizeof bits);
  bits = (bits - 0x4B400000u + 127u) << 23;
  float scale;
  memcpy(&scale, &bits, sizeof scale);
  return x0 < -87.3f ? 0.0f : p * scale;
}

#endif
