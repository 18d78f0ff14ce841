// kernels/cpu/attention.h - what the forward and the backward pass of attention share.
#ifndef GAZE_KERNELS_ATTENTION_H
#define GAZE_KERNELS_ATTENTION_H

#include "kernels/cpu/cpu.h"

// The keys of one segment: the prefix rows, then the segment's own.
typedef struct gaze_keys {
  int q0, q1;     // query rows
  int p0, p1;     // prefix key rows
  int k0, k1;     // own key rows
  int prefix, n;  // number of prefix keys, of all keys
} gaze_keys;

// Returns the ranges of segment s.  [rt: safe]
static inline gaze_keys gaze_attention_keys(const gaze_attention *a, int s) {
  gaze_keys k = {
      .q0 = a->q_start[s], .q1 = a->q_start[s + 1], .k0 = a->k_start[s], .k1 = a->k_end[s]};
  if (a->p_start) k.p0 = a->p_start[s], k.p1 = a->p_end[s];
  k.prefix = k.p1 - k.p0;
  k.n = k.prefix + k.k1 - k.k0;
  return k;
}

// Returns how many keys query row q sees; at most 0 means none.  [rt: safe]
static inline int gaze_attention_seen(const gaze_attention *a, const gaze_keys *k, int q) {
  return a->causal ? k->n - (k->q1 - 1 - q) : k->n;
}

// Checks the arguments; `work` is false if there is nothing to do.
gaze_err gaze_attention_check(const char *op, const gaze_attention *a, bool *work);

#endif
