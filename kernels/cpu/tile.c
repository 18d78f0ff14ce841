// kernels/cpu/tile.c - see tile.h; AVX-512 by hand, everything else as the compiler makes it.
#include "kernels/cpu/tile.h"
#include "kernels/cpu/simd.h"
#if GAZE_X86
#include <immintrin.h>
#endif

enum { TILE = 6 };  // rows per kernel call: 6 x 4 vectors are 24 of the 32 registers

GAZE_INLINE void run_body(const gaze_tile *t) {
  for (int i = 0; i < t->m; i++) {
    float *c = t->c + i * t->ldc;
    if (!t->accumulate) memset(c, 0, (size_t)t->n * sizeof *c);
    for (int p = 0; p < t->k; p++) {
      float a = t->a[i * t->si + p * t->sk];
      const float *b = t->b + p * t->ldb;
      GAZE_IVDEP
      for (int j = 0; j < t->n; j++) c[j] += a * b[j];
    }
  }
}

GAZE_INLINE float dot_body(const float *a, const float *b, int n) {
  float s[16] = {0};
  int i = 0;
  for (; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; j++) s[j] += a[i + j] * b[i + j];
  for (int j = 0; i < n; i++, j++) s[j] += a[i] * b[i];
  return gaze_sum16(s);
}

GAZE_INLINE void exp_body(float *x, int n, float scale, float shift) {
  GAZE_IVDEP
  for (int i = 0; i < n; i++) x[i] = gaze_exp(scale * x[i] - shift);
}

GAZE_INLINE void grad_body(float *p, float *dp, int n, float scale, float lse, float d) {
  exp_body(p, n, scale, lse);
  GAZE_IVDEP
  for (int i = 0; i < n; i++) dp[i] = p[i] * (dp[i] - d) * scale;
}

GAZE_INLINE float sum_body(const float *x, int n) {
  float s[16] = {0};
  int i = 0;
  for (; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; j++) s[j] += x[i + j];
  for (int j = 0; i < n; i++, j++) s[j] += x[i];
  return gaze_sum16(s);
}

GAZE_INLINE float max_body(const float *x, int n, float scale) {
  float m[16];
  for (int j = 0; j < 16; j++) m[j] = scale * x[0];
  int i = 0;
  for (; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; j++) m[j] = scale * x[i + j] > m[j] ? scale * x[i + j] : m[j];
  for (; i < n; i++) m[0] = scale * x[i] > m[0] ? scale * x[i] : m[0];
  for (int j = 1; j < 16; j++) m[0] = m[j] > m[0] ? m[j] : m[0];
  return m[0];
}

static int argmax_body(const float *x, int n) {
  int best = 0;
  for (int i = 1; i < n; i++)
    if (x[i] > x[best]) best = i;
  return best;
}

GAZE_AVX2 static void run_avx2(const gaze_tile *t) {
  run_body(t);
}
GAZE_AVX2 static float dot_avx2(const float *a, const float *b, int n) {
  return dot_body(a, b, n);
}
GAZE_AVX2 static void grad_avx2(float *p, float *dp, int n, float scale, float lse, float d) {
  grad_body(p, dp, n, scale, lse, d);
}
GAZE_AVX2 static float softmax_avx2(float *x, int n, float scale, float *max) {
  *max = max_body(x, n, scale);
  exp_body(x, n, scale, *max);
  return sum_body(x, n);
}

#if GAZE_X86
GAZE_AVX512 GAZE_INLINE __mmask16 mask16(int left) {
  return (__mmask16)(left >= 16 ? 0xFFFFu : left <= 0 ? 0u : (1u << left) - 1u);
}

// c[mr, 16 nv]; the last vector has `last` lanes
GAZE_AVX512 GAZE_INLINE void kernel(const gaze_tile *t, float *c, const float *a, const float *b,
                                    __mmask16 last, const int mr, const int nv) {
  __m512 s[TILE][4];
  for (int i = 0; i < mr; i++)
    for (int j = 0; j < nv; j++)
      s[i][j] = t->accumulate
                    ? _mm512_maskz_loadu_ps(j == nv - 1 ? last : 0xFFFF, c + i * t->ldc + 16 * j)
                    : _mm512_setzero_ps();
  for (int p = 0; p < t->k; p++, a += t->sk, b += t->ldb) {
    __m512 v[4];
    for (int j = 0; j < nv; j++)
      v[j] = _mm512_maskz_loadu_ps(j == nv - 1 ? last : 0xFFFF, b + 16 * j);
    for (int i = 0; i < mr; i++) {
      __m512 u = _mm512_set1_ps(a[i * t->si]);
      for (int j = 0; j < nv; j++) s[i][j] = _mm512_fmadd_ps(u, v[j], s[i][j]);
    }
  }
  for (int i = 0; i < mr; i++)
    for (int j = 0; j < nv; j++)
      _mm512_mask_storeu_ps(c + i * t->ldc + 16 * j, j == nv - 1 ? last : 0xFFFF, s[i][j]);
}

GAZE_AVX512 GAZE_INLINE void strip(const gaze_tile *t, int j, __mmask16 last, const int nv) {
  for (int i = 0; i < t->m; i += TILE) {
    float *c = t->c + i * t->ldc + j;
    const float *a = t->a + i * t->si, *b = t->b + j;
    switch (t->m - i) {
      case 1:
        kernel(t, c, a, b, last, 1, nv);
        break;
      case 2:
        kernel(t, c, a, b, last, 2, nv);
        break;
      case 3:
        kernel(t, c, a, b, last, 3, nv);
        break;
      case 4:
        kernel(t, c, a, b, last, 4, nv);
        break;
      case 5:
        kernel(t, c, a, b, last, 5, nv);
        break;
      default:
        kernel(t, c, a, b, last, TILE, nv);
        break;
    }
  }
}

GAZE_AVX512 static void run_512(const gaze_tile *t) {
  for (int j = 0; j < t->n; j += 64) {
    int left = t->n - j, nv = left >= 64 ? 4 : (left + 15) / 16;
    __mmask16 last = mask16(left - 16 * (nv - 1));
    switch (nv) {
      case 1:
        strip(t, j, last, 1);
        break;
      case 2:
        strip(t, j, last, 2);
        break;
      case 3:
        strip(t, j, last, 3);
        break;
      default:
        strip(t, j, last, 4);
        break;
    }
  }
}

GAZE_AVX512 static void turn_512(float *out, long ld_out, const float *x, long ldx, int rows,
                                 int cols) {
  for (int i = 0; i < rows; i += 16) {
    __mmask16 rm = mask16(rows - i);
    for (int j = 0; j < cols; j += 16) {
      __m512 r[16], t[16];
      for (int k = 0; k < 16; k++)
        r[k] = i + k < rows ? _mm512_maskz_loadu_ps(mask16(cols - j), x + (i + k) * ldx + j)
                            : _mm512_setzero_ps();
      for (int k = 0; k < 16; k += 2) {
        t[k] = _mm512_unpacklo_ps(r[k], r[k + 1]);
        t[k + 1] = _mm512_unpackhi_ps(r[k], r[k + 1]);
      }
      for (int k = 0; k < 16; k += 4) {
        r[k] = _mm512_shuffle_ps(t[k], t[k + 2], 0x44);
        r[k + 1] = _mm512_shuffle_ps(t[k], t[k + 2], 0xEE);
        r[k + 2] = _mm512_shuffle_ps(t[k + 1], t[k + 3], 0x44);
        r[k + 3] = _mm512_shuffle_ps(t[k + 1], t[k + 3], 0xEE);
      }
      for (int k = 0; k < 4; k++) {
        t[k] = _mm512_shuffle_f32x4(r[k], r[k + 4], 0x88);
        t[k + 4] = _mm512_shuffle_f32x4(r[k + 8], r[k + 12], 0x88);
        t[k + 8] = _mm512_shuffle_f32x4(r[k], r[k + 4], 0xDD);
        t[k + 12] = _mm512_shuffle_f32x4(r[k + 8], r[k + 12], 0xDD);
      }
      for (int k = 0; k < 4; k++) {
        r[k] = _mm512_shuffle_f32x4(t[k], t[k + 4], 0x88);
        r[k + 8] = _mm512_shuffle_f32x4(t[k], t[k + 4], 0xDD);
        r[k + 4] = _mm512_shuffle_f32x4(t[k + 8], t[k + 12], 0x88);
        r[k + 12] = _mm512_shuffle_f32x4(t[k + 8], t[k + 12], 0xDD);
      }
      for (int k = 0; k < 16 && j + k < cols; k++)
        _mm512_mask_storeu_ps(out + (j + k) * ld_out + i, rm, r[k]);
    }
  }
}

// exp as gaze_exp, with fused products and the exponent set by scalef (denormals become 0)
GAZE_AVX512 GAZE_INLINE __m512 exp_512(__m512 x) {
  x = _mm512_min_ps(_mm512_set1_ps(88.3f), x);  // this order keeps a NaN
  __mmask16 live = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-87.3f), _CMP_NLT_UQ);
  __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 8);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
  r = _mm512_fmadd_ps(n, _mm512_set1_ps(2.12194440e-4f), r);
  __m512 p = _mm512_set1_ps(1.9875691500e-4f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
  p = _mm512_add_ps(_mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r), _mm512_set1_ps(1.0f));
  return _mm512_maskz_scalef_ps(live, p, n);
}

GAZE_AVX512 static void grad_512(float *p, float *dp, int n, float scale, float lse, float d) {
  __m512 k = _mm512_set1_ps(scale), l = _mm512_set1_ps(lse), mean = _mm512_set1_ps(d);
  for (int i = 0; i < n; i += 16) {
    __mmask16 mask = mask16(n - i);
    __m512 e = exp_512(_mm512_fmsub_ps(_mm512_maskz_loadu_ps(mask, p + i), k, l));
    __m512 g = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, dp + i), mean);
    _mm512_mask_storeu_ps(p + i, mask, e);
    _mm512_mask_storeu_ps(dp + i, mask, _mm512_mul_ps(_mm512_mul_ps(e, g), k));
  }
}

GAZE_AVX512 static float softmax_512(float *x, int n, float scale, float *max) {
  __m512 k = _mm512_set1_ps(scale), low = _mm512_set1_ps(-3.4e38f), m = low;
  for (int i = 0; i < n; i += 16) {
    __mmask16 mask = mask16(n - i);
    m = _mm512_mask_max_ps(m, mask, m, _mm512_mul_ps(k, _mm512_maskz_loadu_ps(mask, x + i)));
  }
  *max = _mm512_reduce_max_ps(m);
  m = _mm512_set1_ps(*max);
  __m512 sum = _mm512_setzero_ps();
  for (int i = 0; i < n; i += 16) {
    __mmask16 mask = mask16(n - i);
    __m512 e = exp_512(_mm512_fmsub_ps(_mm512_maskz_loadu_ps(mask, x + i), k, m));
    sum = _mm512_mask_add_ps(sum, mask, sum, e);
    _mm512_mask_storeu_ps(x + i, mask, e);
  }
  return _mm512_reduce_add_ps(sum);
}

GAZE_AVX512 static float dot_512(const float *a, const float *b, int n) {
  __m512 s = _mm512_setzero_ps(), t = s;
  int i = 0;
  for (; i + 32 <= n; i += 32) {
    s = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s);
    t = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16), t);
  }
  for (; i < n; i += 16) {
    __mmask16 m = mask16(n - i);
    s = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(m, a + i), _mm512_maskz_loadu_ps(m, b + i), s);
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(s, t));
}
GAZE_AVX512 static int argmax_512(const float *x, int n) {
  __m512 m = _mm512_set1_ps(x[0]);
  for (int i = 0; i < n; i += 16) {
    __mmask16 mask = mask16(n - i);
    m = _mm512_mask_max_ps(m, mask, m, _mm512_maskz_loadu_ps(mask, x + i));
  }
  m = _mm512_set1_ps(_mm512_reduce_max_ps(m));
  for (int i = 0; i < n; i += 16) {
    __mmask16 mask = mask16(n - i);
    unsigned hit = _mm512_mask_cmp_ps_mask(mask, _mm512_maskz_loadu_ps(mask, x + i), m, _CMP_EQ_OQ);
    if (hit) return i + __builtin_ctz(hit);
  }
  return 0;
}
#else
static int argmax_512(const float *x, int n) {
  return argmax_body(x, n);
}
static void run_512(const gaze_tile *t) {
  run_body(t);
}
static void grad_512(float *p, float *dp, int n, float scale, float lse, float d) {
  grad_body(p, dp, n, scale, lse, d);
}
static float softmax_512(float *x, int n, float scale, float *max) {
  return softmax_avx2(x, n, scale, max);
}
static float dot_512(const float *a, const float *b, int n) {
  return dot_body(a, b, n);
}
#endif

void gaze_tile_run(unsigned isa, const gaze_tile *t) {
  if (t->m <= 0 || t->n <= 0) return;
  if (isa & GAZE_ISA_AVX512)
    run_512(t);
  else if (isa & GAZE_ISA_AVX2)
    run_avx2(t);
  else
    run_body(t);
}

void gaze_tile_turn(unsigned isa, float *out, long ld_out, const float *x, long ldx, int rows,
                    int cols) {
#if GAZE_X86
  if (isa & GAZE_ISA_AVX512) {
    turn_512(out, ld_out, x, ldx, rows, cols);
    return;
  }
#endif
  (void)isa;
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++) out[j * ld_out + i] = x[i * ldx + j];
}

float gaze_tile_softmax(unsigned isa, float *x, int n, float scale, float *max) {
  if (isa & GAZE_ISA_AVX512) return softmax_512(x, n, scale, max);
  if (isa & GAZE_ISA_AVX2) return softmax_avx2(x, n, scale, max);
  *max = max_body(x, n, scale);
  exp_body(x, n, scale, *max);
  return sum_body(x, n);
}

void gaze_tile_softmax_grad(unsigned isa, float *p, float *dp, int n, float scale, float lse,
                            float d) {
  if (isa & GAZE_ISA_AVX512)
    grad_512(p, dp, n, scale, lse, d);
  else if (isa & GAZE_ISA_AVX2)
    grad_avx2(p, dp, n, scale, lse, d);
  else
    grad_body(p, dp, n, scale, lse, d);
}

float gaze_tile_dot(unsigned isa, const float *a, const float *b, int n) {
  if (isa & GAZE_ISA_AVX512) return dot_512(a, b, n);
  return isa & GAZE_ISA_AVX2 ? dot_avx2(a, b, n) : dot_body(a, b, n);
}

int gaze_tile_argmax(unsigned isa, const float *x, int n) {
  return isa & GAZE_ISA_AVX512 ? argmax_512(x, n) : argmax_body(x, n);
}
