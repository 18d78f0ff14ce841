// kernels/cpu/gemv.c - few rows times a weight matrix: the weights are streamed once.
#include "core/bf16.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/simd.h"
#if GAZE_X86
#include <immintrin.h>
#endif

enum { BLOCK = 65536, GROUP = 4 };  // weights per block; rows of `a` and of weights together
enum { ALONE = 1 << 20 };           // bytes of weights one worker streams before others can wake

typedef struct gemv {
  const gaze_gemm *g;
  const float *x;  // [m,ldx], rounded to bf16 if asked for
  int ldx;
} gemv;

static void put(const gaze_gemm *g, int row, long col, float sum) {
  float *c = g->c + (long)row * g->ldc + col;
  float v = sum + (g->bias ? g->bias[col] : 0.0f);
  *c = g->accumulate ? *c + v : v;
}

// rounds to bf16 and widens again; finite values only
GAZE_INLINE float round_bf16(float x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  u = (u + 0x7FFFu + (u >> 16 & 1u)) & 0xFFFF0000u;
  memcpy(&x, &u, sizeof u);
  return x;
}

// reference: the weight row is widened piece by piece, products are summed in 16 lanes
GAZE_INLINE void dots_body(const gemv *v, long lo, long hi) {
  const gaze_gemm *g = v->g;
  for (long n = lo; n < hi; n++) {
    for (int i = 0; i < g->m; i++) {
      const float *x = v->x + (long)i * v->ldx;
      float s[16] = {0}, w[256];
      for (int k0 = 0; k0 < g->k; k0 += 256) {
        int len = g->k - k0 < 256 ? g->k - k0 : 256, k = 0;
        gaze_cpu_widen(w, &g->b, n, k0, k0 + len);
        if (g->bf16_products)
          for (int j = 0; j < len; j++) w[j] = round_bf16(w[j]);
        for (; k + 16 <= len; k += 16)
          for (int j = 0; j < 16; j++) s[j] += w[k + j] * x[k0 + k + j];
        for (int j = 0; k < len; k++, j++) s[j] += w[k] * x[k0 + k];
      }
      put(g, i, n, gaze_sum16(s));
    }
  }
}
GAZE_CLONES(dots, gemv)

#if GAZE_X86
// 16 weights from p + i, widened; `round` as the reference
GAZE_AVX512 GAZE_INLINE __m512 load16(const char *row, long i, __mmask16 mask, __m512 scale,
                                      const int type, const bool round) {
  __m512 w;
  if (type == GAZE_F32) {
    w = _mm512_maskz_loadu_ps(mask, (const float *)(const void *)row + i);
  } else if (type == GAZE_BF16) {
    __m256i h = _mm256_maskz_loadu_epi16(mask, (const uint16_t *)(const void *)row + i);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
  } else {
    w = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(mask, row + i)));
    if (round) w = _mm512_mul_ps(w, scale);
  }
  if (!round) return w;
  __m512i u = _mm512_castps_si512(w),
          odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
  u = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
  return _mm512_castsi512_ps(_mm512_and_si512(u, _mm512_set1_epi32((int)0xFFFF0000u)));
}

// rows i0.. of x times `cols` weight rows from n on; every product sums k in the same 16 lanes,
// whatever the grouping
GAZE_AVX512 GAZE_INLINE void dot_rows(const gemv *v, long n, int i0, const int rows, const int cols,
                                      const int type, const bool round) {
  const gaze_gemm *g = v->g;
  long pitch = (long)g->b.ld * (type == GAZE_F32 ? 4 : type == GAZE_BF16 ? 2 : 1);
  const char *w = (const char *)g->b.data + n * pitch;
  const float *x = v->x + (long)i0 * v->ldx;
  __m512 s[GROUP][GROUP], scale[GROUP];
  for (int j = 0; j < cols; j++) {
    scale[j] = _mm512_set1_ps(type == GAZE_I8 ? g->b.scale[n + j] : 1.0f);
    for (int i = 0; i < rows; i++) s[i][j] = _mm512_setzero_ps();
  }
  for (int k = 0; k < g->k; k += 16) {
    __mmask16 mask = (__mmask16)(g->k - k >= 16 ? 0xFFFFu : (1u << (g->k - k)) - 1u);
    __m512 u[GROUP];
    for (int i = 0; i < rows; i++) u[i] = _mm512_maskz_loadu_ps(mask, x + (long)i * v->ldx + k);
    for (int j = 0; j < cols; j++) {
      __m512 t = load16(w + j * pitch, k, mask, scale[j], type, round);
      for (int i = 0; i < rows; i++) s[i][j] = _mm512_fmadd_ps(t, u[i], s[i][j]);
    }
  }
  for (int j = 0; j < cols; j++) {
    float last = type == GAZE_I8 && !round ? g->b.scale[n + j] : 1.0f;
    for (int i = 0; i < rows; i++) put(g, i0 + i, n + j, _mm512_reduce_add_ps(s[i][j]) * last);
  }
}

GAZE_AVX512 GAZE_INLINE void dot_group(const gemv *v, long n, const int cols, const int type,
                                       const bool round) {
  for (int i = 0; i < v->g->m; i += GROUP) switch (v->g->m - i) {
      case 1:
        dot_rows(v, n, i, 1, cols, type, round);
        break;
      case 2:
        dot_rows(v, n, i, 2, cols, type, round);
        break;
      case 3:
        dot_rows(v, n, i, 3, cols, type, round);
        break;
      default:
        dot_rows(v, n, i, GROUP, cols, type, round);
        break;
    }
}

GAZE_AVX512 GAZE_INLINE void dots_typed(const gemv *v, long lo, long hi, const int type,
                                        const bool round) {
  long n = lo;
  for (; n + GROUP <= hi; n += GROUP) dot_group(v, n, GROUP, type, round);
  for (; n < hi; n++) dot_group(v, n, 1, type, round);
}

GAZE_AVX512 static void dots_512(void *ctx, int worker, long lo, long hi) {
  const gaze_cpu_job *job = ctx;
  const gemv *v = job->args;
  bool round = v->g->bf16_products;
  (void)worker;
  if (v->g->b.type == GAZE_BF16)
    dots_typed(v, lo, hi, GAZE_BF16, false);
  else if (v->g->b.type == GAZE_F32 && round)
    dots_typed(v, lo, hi, GAZE_F32, true);
  else if (v->g->b.type == GAZE_F32)
    dots_typed(v, lo, hi, GAZE_F32, false);
  else if (round)
    dots_typed(v, lo, hi, GAZE_I8, true);
  else
    dots_typed(v, lo, hi, GAZE_I8, false);
}
#endif

gaze_err gaze_cpu_gemv(gaze_exec *ex, const gaze_gemm *g) {
  gemv v = {.g = g, .x = g->a.data, .ldx = g->a.ld};
  if (g->bf16_products) {
    float *x = gaze_cpu_scratch(ex, GAZE_SLOT_GEMM_A, (size_t)g->m * (size_t)g->k * sizeof *x);
    if (!x) return gaze_fail(GAZE_ERR_NOMEM, "gemm: out of memory for scratch");
    for (int i = 0; i < g->m; i++)
      for (int k = 0; k < g->k; k++) x[(long)i * g->k + k] = round_bf16(v.x[(long)i * v.ldx + k]);
    v.x = x, v.ldx = g->k;
  }
  gaze_cpu_part fn = dots;
#if GAZE_X86
  if (ex->isa & GAZE_ISA_AVX512) fn = dots_512;
#endif
  gaze_cpu_job job = {ex, &v};
  long grain = BLOCK / g->k / GROUP * GROUP;
  if (grain < GROUP) grain = GROUP;
  if ((double)g->n * g->k * (double)gaze_cpu_type_size(g->b.type) < ALONE) grain = g->n;
  gaze_cpu_for(ex, g->n, grain, fn, &job);
  return GAZE_OK;
}
