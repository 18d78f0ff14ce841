// kernels/cpu/raycast_avx512.c - the ray-caster, 16 rays at a time (AVX-512 F and BW).
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>
#include "kernels/cpu/raycast_internal.h"

#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512bw")))
#define OP TARGET static inline __attribute__((always_inline))

typedef __m512 vf;
typedef __mmask16 vm;

OP vf v_set(float x) {
  return _mm512_set1_ps(x);
}
OP vf v_iota(void) {
  return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
OP vf v_load(const float *p) {
  return _mm512_loadu_ps(p);
}
OP void v_store(float *p, vf a) {
  _mm512_storeu_ps(p, a);
}
OP vf v_sqrt(vf a) {
  return _mm512_sqrt_ps(a);
}
OP vf v_max(vf a, vf b) {
  return _mm512_max_ps(a, b);
}
OP vf v_min(vf a, vf b) {
  return _mm512_min_ps(a, b);
}
OP vf v_abs(vf a) {
  return _mm512_abs_ps(a);
}
OP vm v_lt(vf a, vf b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
OP vm v_le(vf a, vf b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ);
}
OP vm m_and(vm a, vm b) {
  return (vm)(a & b);
}
OP vm m_or(vm a, vm b) {
  return (vm)(a | b);
}
OP bool m_any(vm a) {
  return a != 0;
}
// b where m, else a
OP vf v_blend(vm m, vf a, vf b) {
  return _mm512_mask_blend_ps(m, a, b);
}

OP void v_store_codes(uint32_t *p, vm m, uint32_t code) {
  _mm512_mask_storeu_epi32(p, m, _mm512_set1_epi32((int)code));
}
OP vm v_same_code(const uint32_t *p, uint32_t code) {
  return _mm512_cmpeq_epi32_mask(_mm512_loadu_si512(p), _mm512_set1_epi32((int)code));
}
OP void v_store_color(uint32_t *p, vm m, vf r, vf g, vf b) {
  __m512i v = _mm512_or_si512(_mm512_cvttps_epi32(r), _mm512_slli_epi32(_mm512_cvttps_epi32(g), 8));
  v = _mm512_or_si512(v, _mm512_slli_epi32(_mm512_cvttps_epi32(b), 16));
  _mm512_mask_storeu_epi32(p, m, v);
}
OP void v_store_ids(int16_t *ids, const uint32_t *code) {
  __m256i v = _mm512_cvtepi32_epi16(_mm512_loadu_si512(code));
  _mm256_storeu_si256((__m256i *)(void *)ids, v);
}

#include "kernels/cpu/raycast_lanes.h"

TARGET void gaze_ray_rows_avx512(const gaze_ray_frame *f, int y0, int y1) {
  v_rows(f, y0, y1);
}
#else
typedef int gaze_no_avx512;
#endif
