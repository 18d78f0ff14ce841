// core/rng.c - see rng.h.
#include "core/rng.h"
#include <math.h>

static uint64_t splitmix(uint64_t *x) {
  uint64_t z = (*x += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, int k) {
  return (x << k) | (x >> (64 - k));
}

void gaze_rng_init(gaze_rng *r, uint64_t seed, uint64_t stream) {
  // mix the stream in twice, so that (seed, stream) and (stream, seed) differ
  uint64_t x = seed, y = stream ^ 0xD1B54A32D192ED03u;
  for (int i = 0; i < 4; i++) r->s[i] = splitmix(&x) ^ rotl(splitmix(&y), 17);
}

uint64_t gaze_rng_u64(gaze_rng *r) {
  uint64_t *s = r->s, out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotl(s[3], 45);
  return out;
}

uint32_t gaze_rng_below(gaze_rng *r, uint32_t n) {
  if (n == 0) return 0;
  // reject the uneven tail, so every value is equally likely
  uint64_t limit = UINT64_MAX - UINT64_MAX % n, x;
  do x = gaze_rng_u64(r);
  while (x >= limit);
  return (uint32_t)(x % n);
}

int gaze_rng_int(gaze_rng *r, int lo, int hi) {
  return lo + (int)gaze_rng_below(r, (uint32_t)(hi - lo) + 1u);
}

double gaze_rng_real(gaze_rng *r, double lo, double hi) {
  return lo + (hi - lo) * ((double)(gaze_rng_u64(r) >> 11) * 0x1p-53);
}

double gaze_rng_normal(gaze_rng *r) {
  double u = 1.0 - gaze_rng_real(r, 0, 1), v = gaze_rng_real(r, 0, 1);
  return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

void gaze_rng_shuffle(gaze_rng *r, int *v, int n) {
  for (int i = n - 1; i > 0; i--) {
    int j = gaze_rng_int(r, 0, i), t = v[i];
    v[i] = v[j];
    v[j] = t;
  }
}
