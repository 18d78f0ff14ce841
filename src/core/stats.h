// core/stats.h - intervals and quantiles for reported figures.
#ifndef GAZE_CORE_STATS_H
#define GAZE_CORE_STATS_H

#include <stdint.h>

// Wilson 95 % interval of a share: `hits` of `n`, z = 1.96 (Wilson 1927). n = 0 gives [0,1].  [rt:
// safe]
void gaze_stats_wilson(int64_t hits, int64_t n, double *lo, double *hi);

// Percentile bootstrap 95 % interval of the mean of `v[n]` with `rounds` resamples.
// n = 0 gives [0,0].  Returns 0, or -1 without memory.  [rt: never]
int gaze_stats_bootstrap(const double *v, int n, int rounds, uint64_t seed, double *lo, double *hi);

// Returns the mean, 0 for n = 0.  [rt: safe]
double gaze_stats_mean(const double *v, int n);

// Returns the q-quantile (0..1) by linear interpolation; sorts `v` in place; 0 for n = 0.  [rt:
// safe]
double gaze_stats_quantile(double *v, int n, double q);

#endif
