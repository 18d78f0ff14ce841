// kernels/cpu/tile.h - small f32 products inside one worker; the building block of attention.
#ifndef GAZE_KERNELS_TILE_H
#define GAZE_KERNELS_TILE_H

#include "kernels/cpu/cpu.h"

// c[m,n] (+)= a b. Element (i,p) of a is a[i*si + p*sk], so a may be transposed; b is [k,n] with
// stride ldb. Every output sums its k products in order, whatever m and n are.
typedef struct gaze_tile {
  float *c;
  const float *a, *b;
  long ldc, si, sk, ldb;
  int m, n, k;
  bool accumulate;
} gaze_tile;

// Runs one product on the calling thread.  [rt: safe]
void gaze_tile_run(unsigned isa, const gaze_tile *t);

// out[cols,rows] = x[rows,cols] turned; strides ld_out and ldx.  [rt: safe]
void gaze_tile_turn(unsigned isa, float *out, long ld_out, const float *x, long ldx, int rows,
                    int cols);

// Turns a row of scores into exp(scale x - max) and returns the sum and the max of scale x.
// [rt: safe]
float gaze_tile_softmax(unsigned isa, float *x, int n, float scale, float *max);

// Turns scores into probabilities p = exp(scale p - lse), and their gradients dp into the scores'
// gradients p (dp - d) scale.  [rt: safe]
void gaze_tile_softmax_grad(unsigned isa, float *p, float *dp, int n, float scale, float lse,
                            float d);

// Returns the sum of a b over n.  [rt: safe]
float gaze_tile_dot(unsigned isa, const float *a, const float *b, int n);

// Returns the place of the largest of n >= 1 values, the first among equals.  [rt: safe]
int gaze_tile_argmax(unsigned isa, const float *x, int n);

#endif
