// core/stats.c - see stats.h.
#include "core/stats.h"
#include <math.h>
#include <stdlib.h>
#include "core/rng.h"

void gaze_stats_wilson(int64_t hits, int64_t n, double *lo, double *hi) {
  if (n <= 0) {
    *lo = 0, *hi = 1;
    return;
  }
  // (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)
  double z = 1.96, N = (double)n, p = (double)hits / N, d = 1 + z * z / N;
  double mid = p + z * z / (2 * N), half = z * sqrt(p * (1 - p) / N + z * z / (4 * N * N));
  *lo = fmax(0, (mid - half) / d), *hi = fmin(1, (mid + half) / d);
}

double gaze_stats_mean(const double *v, int n) {
  double s = 0;
  for (int i = 0; i < n; i++) s += v[i];
  return n > 0 ? s / n : 0;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double gaze_stats_quantile(double *v, int n, double q) {
  if (n <= 0) return 0;
  qsort(v, (size_t)n, sizeof *v, ascending);
  double at = q * (n - 1);
  int i = (int)at;
  if (i >= n - 1) return v[n - 1];
  return v[i] + (at - i) * (v[i + 1] - v[i]);
}

int gaze_stats_bootstrap(const double *v, int n, int rounds, uint64_t seed, double *lo,
                         double *hi) {
  *lo = *hi = 0;
  if (n <= 0 || rounds <= 0) return 0;
  double *mean = malloc((size_t)rounds * sizeof *mean);
  if (!mean) return -1;
  gaze_rng r;
  gaze_rng_init(&r, seed, 0);
  for (int k = 0; k < rounds; k++) {
    double s = 0;
    for (int i = 0; i < n; i++) s += v[gaze_rng_below(&r, (uint32_t)n)];
    mean[k] = s / n;
  }
  *lo = gaze_stats_quantile(mean, rounds, 0.025);
  *hi = gaze_stats_quantile(mean, rounds, 0.975);
  free(mean);
  return 0;
}
