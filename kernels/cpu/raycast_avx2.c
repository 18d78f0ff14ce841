// kernels/cpu/raycast_avx2.c - the ray-caster, 8 rays at a time (AVX2).
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>
#include "kernels/cpu/raycast_internal.h"

#define LANES 8
#define TARGET __attribute__((target("avx2")))
#define OP TARGET static inline __attribute__((always_inline))

typedef __m256 vf;
typedef __m256 vm;  // all bits of a lane

OP vf v_set(float x) {
  return _mm256_set1_ps(x);
}
OP vf v_iota(void) {
  return _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7);
}
OP vf v_load(const float *p) {
  return _mm256_loadu_ps(p);
}
OP void v_store(float *p, vf a) {
  _mm256_storeu_ps(p, a);
}
OP vf v_sqrt(vf a) {
  return _mm256_sqrt_ps(a);
}
OP vf v_max(vf a, vf b) {
  return _mm256_max_ps(a, b);
}
OP vf v_min(vf a, vf b) {
  return _mm256_min_ps(a, b);
}
OP vf v_abs(vf a) {
  return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
OP vm v_lt(vf a, vf b) {
  return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}
OP vm v_le(vf a, vf b) {
  return _mm256_cmp_ps(a, b, _CMP_LE_OQ);
}
OP vm m_and(vm a, vm b) {
  return _mm256_and_ps(a, b);
}
OP vm m_or(vm a, vm b) {
  return _mm256_or_ps(a, b);
}
OP bool m_any(vm a) {
  return _mm256_movemask_ps(a) != 0;
}
// b where m, else a
OP vf v_blend(vm m, vf a, vf b) {
  return _mm256_blendv_ps(a, b, m);
}

OP void v_store_codes(uint32_t *p, vm m, uint32_t code) {
  _mm256_maskstore_epi32((int *)(void *)p, _mm256_castps_si256(m), _mm256_set1_epi32((int)code));
}
OP vm v_same_code(const uint32_t *p, uint32_t code) {
  __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
  return _mm256_castsi256_ps(_mm256_cmpeq_epi32(v, _mm256_set1_epi32((int)code)));
}
OP void v_store_color(uint32_t *p, vm m, vf r, vf g, vf b) {
  __m256i v = _mm256_or_si256(_mm256_cvttps_epi32(r), _mm256_slli_epi32(_mm256_cvttps_epi32(g), 8));
  v = _mm256_or_si256(v, _mm256_slli_epi32(_mm256_cvttps_epi32(b), 16));
  _mm256_maskstore_epi32((int *)(void *)p, _mm256_castps_si256(m), v);
}
OP void v_store_ids(int16_t *ids, const uint32_t *code) {
  __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)code);
  // the low halves of all lanes, then the two 64-bit groups side by side
  const __m256i low = _mm256_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1, 0,
                                       1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1);
  v = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(v, low), 0x08);
  _mm_storeu_si128((__m128i *)(void *)ids, _mm256_castsi256_si128(v));
}

#include "kernels/cpu/raycast_lanes.h"

TARGET void gaze_ray_rows_avx2(const gaze_ray_frame *f, int y0, int y1) {
  v_rows(f, y0, y1);
}
#else
typedef int gaze_no_avx2;
#endif
