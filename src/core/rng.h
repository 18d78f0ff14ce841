// core/rng.h - seeded random numbers; one generator per owner, state is plain data.
#ifndef GAZE_CORE_RNG_H
#define GAZE_CORE_RNG_H

#include <stdint.h>

// xoshiro256** (Blackman and Vigna 2018), seeded through SplitMix64. Copying it is a snapshot.
typedef struct gaze_rng {
  uint64_t s[4];
} gaze_rng;

// Starts the generator for (seed, stream); different streams are independent.  [rt: safe]
void gaze_rng_init(gaze_rng *r, uint64_t seed, uint64_t stream);

// Returns 64 random bits.  [rt: safe]
uint64_t gaze_rng_u64(gaze_rng *r);

// Returns an unbiased integer in [0,n); 0 if n is 0.  [rt: safe]
uint32_t gaze_rng_below(gaze_rng *r, uint32_t n);

// Returns an integer in [lo,hi], both included; needs lo <= hi.  [rt: safe]
int gaze_rng_int(gaze_rng *r, int lo, int hi);

// Returns a real in [lo,hi) with 53 random bits.  [rt: safe]
double gaze_rng_real(gaze_rng *r, double lo, double hi);

// Returns a standard normal sample (Box-Muller, one value per call).  [rt: safe]
double gaze_rng_normal(gaze_rng *r);

// Shuffles the `n` ints at `v` (Fisher-Yates).  [rt: safe]
void gaze_rng_shuffle(gaze_rng *r, int *v, int n);

#endif
