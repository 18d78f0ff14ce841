// core/bf16.c - see bf16.h.
#include "core/bf16.h"
#include <math.h>
#include <string.h>

static float from_bits(uint32_t u) {
  float f;
  memcpy(&f, &u, sizeof f);
  return f;
}

static uint32_t to_bits(float f) {
  uint32_t u;
  memcpy(&u, &f, sizeof u);
  return u;
}

float gaze_bf16_to_f32(gaze_bf16 x) {
  return from_bits((uint32_t)x << 16);
}

gaze_bf16 gaze_bf16_from_f32(float x) {
  uint32_t u = to_bits(x);
  // keep a NaN quiet: rounding could carry its mantissa into infinity
  if ((u & 0x7FFFFFFFu) > 0x7F800000u) return (gaze_bf16)(u >> 16 | 0x40u);
  return (gaze_bf16)((u + 0x7FFFu + (u >> 16 & 1u)) >> 16);
}

float gaze_f16_to_f32(gaze_f16 x) {
  uint32_t sign = (uint32_t)(x & 0x8000u) << 16, e = x >> 10 & 31u, m = x & 1023u;
  if (e == 31) return from_bits(sign | 0x7F800000u | m << 13);
  if (e == 0) {
    float f = ldexpf((float)m, -24);
    return sign ? -f : f;
  }
  return from_bits(sign | (e + 112u) << 23 | m << 13);
}

gaze_f16 gaze_f16_from_f32(float x) {
  uint32_t u = to_bits(x);
  gaze_f16 sign = (gaze_f16)(u >> 16 & 0x8000u);
  float a = fabsf(x);
  if (a != a) return (gaze_f16)(sign | 0x7E00u);
  if (a >= 65520.0f) return (gaze_f16)(sign | 0x7C00u);
  // subnormal halves: nearbyint rounds to even in the default mode
  if (a < 6.103515625e-05f) return (gaze_f16)(sign | (gaze_f16)nearbyintf(ldexpf(a, 24)));
  uint32_t v = to_bits(a) - (112u << 23);
  return (gaze_f16)(sign | (gaze_f16)((v + 0xFFFu + (v >> 13 & 1u)) >> 13));
}
