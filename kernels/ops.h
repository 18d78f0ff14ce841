// kernels/ops.h - the whole contract between the network and a backend.
//
// One args struct per op, passed by pointer to the backend's entry in `gaze_ops`. Matrices are
// row-major; `ld` is the distance between rows in elements. Sizes may be zero (nothing is done);
// negative sizes, NULL where data is needed, or an unsupported type give ARG or UNSUPPORTED.
// Outputs never overlap inputs unless the field says "in place". Every entry is
// deterministic: the same arguments give the same bits for any number of threads.
#ifndef GAZE_KERNELS_OPS_H
#define GAZE_KERNELS_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gaze_exec gaze_exec;  // opaque: threads or stream, scratch, handles; no globals

typedef enum gaze_dtype { GAZE_F32, GAZE_BF16, GAZE_F16, GAZE_I8 } gaze_dtype;

// A matrix operand. I8 holds round(x / scale[row]) with one positive scale per row.
typedef struct gaze_mat {
  const void *data;
  const float *scale;  // [rows] for I8, else NULL
  gaze_dtype type;
  int ld;
} gaze_mat;

// c = op(a) op(b) + bias, or c += ... with `accumulate`.
// op(a) is [m,k]: a is [m,k], or [k,m] with `trans_a`. op(b) is [k,n]: b is [k,n], or [n,k] with
// `trans_b` (a linear layer with weight [out,in] is trans_b). `bf16_products`: round both operands
// to bf16 and sum in f32 (hardware products where the processor has them, else the same rounding
// emulated); false: f32 products. A bf16 or i8 operand is widened exactly. The CPU takes f32 `a`.
typedef struct gaze_gemm {
  float *c;  // [m,n]
  int ldc;
  gaze_mat a, b;
  const float *bias;  // [n] or NULL
  int m, n, k;
  bool trans_a, trans_b, accumulate, bf16_products;
} gaze_gemm;

// y = x * rstd * w per row, rstd = 1/sqrt(mean(x^2) + eps). With `add`: sum = x + add first, and
// the norm is taken of sum (fused residual).
typedef struct gaze_rmsnorm {
  float *y, *rstd;       // [rows,cols], [rows] (rstd NULL if no backward follows)
  float *sum;            // [rows,cols], required with add; may be the same array as x
  const float *x, *add;  // [rows,cols]; add may be NULL
  const float *w;        // [cols]
  int rows, cols;
  float eps;
} gaze_rmsnorm;

// dx (+)= gradient for x; dw += gradient for w. `x` is what was normalised (sum, if add was used).
typedef struct gaze_rmsnorm_grad {
  float *dx, *dw;                  // [rows,cols], [cols]; dw NULL if frozen
  const float *dy, *x, *rstd, *w;  // [rows,cols], [rows,cols], [rows], [cols]
  int rows, cols;
  bool accumulate;  // dx += instead of dx =
} gaze_rmsnorm_grad;

// Rotates in place: element j pairs with j + dim/2 (rotate-half form). `inverse` rotates back,
// which is also the backward pass.
typedef struct gaze_rope {
  float *x;                  // [rows, heads, dim], in place
  const float *cos, *sin;    // [rows, dim/2]
  int rows, heads, dim, ld;  // ld: elements between rows of x
  bool inverse;
} gaze_rope;

// Softmax attention over packed segments. Segment s owns queries q_start[s]..q_start[s+1]-1 and
// keys k_start[s]..k_end[s]-1, preceded (in causal order) by the optional shared prefix keys
// p_start[s]..p_end[s]-1. Causal: the last query sees all keys, query i from the end misses the
// last i. Query head h reads kv head h / (heads / kv_heads).
typedef struct gaze_attention {
  float *o, *lse;              // [rows_q, heads, dim], [rows_q, heads] (lse NULL if no backward)
  const float *q, *k, *v;      // [rows_q, heads, dim], [rows_k, kv_heads, dim] twice
  const int *q_start;          // [segments+1]
  const int *k_start, *k_end;  // [segments] each
  const int *p_start, *p_end;  // [segments] each, or both NULL
  int segments, heads, kv_heads, dim;
  int ldq, ldkv, ldo;  // elements between rows of q, of k and v, of o
  float scale;
  bool causal;
} gaze_attention;

// dq, dk, dv += gradients (zeroed by the caller); strides as the forward arrays.
typedef struct gaze_attention_grad {
  gaze_attention fwd;  // the forward arguments, with o and lse filled
  float *dq, *dk, *dv;
  const float *d_o;  // [rows_q, heads, dim], stride ldo
} gaze_attention_grad;

// y = silu(gate) * up; gate and up are [rows,cols] views with stride ld.
typedef struct gaze_swiglu {
  float *y;  // [rows,cols], contiguous
  const float *gate, *up;
  int rows, cols, ld;
} gaze_swiglu;

// d_gate and d_up (stride ld) are overwritten.
typedef struct gaze_swiglu_grad {
  float *d_gate, *d_up;
  const float *dy, *gate, *up;
  int rows, cols, ld;
} gaze_swiglu_grad;

// y = x * 0.5 * (1 + erf(x / sqrt 2)).
typedef struct gaze_gelu {
  float *y;
  const float *x;
  size_t n;
} gaze_gelu;

typedef struct gaze_gelu_grad {
  float *dx;  // overwritten
  const float *dy, *x;
  size_t n;
} gaze_gelu_grad;

// db[c] += sum over rows of dy[r,c].
typedef struct gaze_bias_grad {
  float *db;
  const float *dy;
  int rows, cols, ld;
} gaze_bias_grad;

// y += alpha * x.
typedef struct gaze_axpy {
  float *y;
  const float *x;
  size_t n;
  float alpha;
} gaze_axpy;

// Moves rows. GATHER: y[i] = x[index[i]] (x may be f32 or bf16 or i8, so this is the embedding).
// SCATTER: y[index[i]] = x[i]. SCATTER_ADD: y[index[i]] += x[i] (repeats allowed; fixed order).
// Rows with a negative index are left alone.
typedef enum gaze_rows_mode { GAZE_ROWS_GATHER, GAZE_ROWS_SCATTER, GAZE_ROWS_ADD } gaze_rows_mode;
typedef struct gaze_rows {
  float *y;
  gaze_mat x;
  const int *index;  // [n]
  int n, cols, ldy;
  gaze_rows_mode mode;
} gaze_rows;

// Log-probability of one target per row under softmax(x w^T * inv_temp), in chunks: the full
// [rows,vocab] matrix never exists. Rows with target < 0 are skipped (outputs 0).
typedef struct gaze_logprob {
  float *logp, *lse;  // [rows] each; lse is kept for the backward pass
  float *entropy;     // [rows] or NULL
  int *best;          // [rows] argmax, or NULL
  const float *x;     // [rows,cols]
  gaze_mat w;         // [vocab,cols]
  const int *target;  // [rows]
  int rows, cols, vocab;
  float inv_temp;
  bool bf16_products;
} gaze_logprob;

// d(loss)/d(logp[r]) = g[r]. dx is overwritten (0 for skipped rows), dw accumulates.
typedef struct gaze_logprob_grad {
  gaze_logprob fwd;  // lse filled
  const float *g;    // [rows]
  float *dx, *dw;    // [rows,cols], [vocab,cols] (NULL if frozen)
} gaze_logprob_grad;

// Next token from one row of logits. Order (as Hugging Face): repetition penalty over `seen`
// (each id once), allow mask, temperature, top-k, top-p, min-p, then the inverse CDF at u in id
// order of the kept set. temperature 0 = argmax (lowest id wins ties), u unused.
typedef struct gaze_sample {
  int *token;
  float *logp;  // of the token under the final distribution; NULL if not wanted
  const float *logits;
  int vocab;
  const int *seen;  // [seen_n]
  int seen_n;
  const uint32_t *allow;  // bit set of vocab bits, NULL = all
  float temperature, top_p, min_p, repetition_penalty;
  int top_k;  // 0 = off
  double u;   // uniform in [0,1)
} gaze_sample;

// AdamW (Loshchilov and Hutter 2019), decoupled decay; `step` counts from 1. Gradients are
// multiplied by g_scale first (clipping).
typedef struct gaze_adamw {
  float *p, *m, *v;
  const float *g;
  size_t n;
  float lr, beta1, beta2, eps, decay, g_scale;
  int64_t step;
} gaze_adamw;

// Muon (Jordan 2024): momentum buf = mu buf + g, nesterov update g + mu buf, orthogonalised by
// `ns_steps` Newton-Schulz steps (3.4445, -4.7750, 2.0315), then p -= lr (scale U + decay p) with
// scale = sqrt(max(1, rows/cols)).
typedef struct gaze_muon {
  float *p, *m;    // [rows,cols] each
  const float *g;  // [rows,cols]
  int rows, cols, ns_steps;
  float lr, momentum, decay, g_scale;
  bool bf16_products;
} gaze_muon;

// out = sum of squares in f64, fixed order.
typedef struct gaze_sumsq {
  double *out;
  const float *x;
  size_t n;
} gaze_sumsq;

// Pixels to the vision tower's input: (x/255 - mean)/std, patch rows in 2x2 merge-block order,
// each row (channel, time, y, x) with two equal time slices.
typedef struct gaze_patchify {
  float *y;            // [(h/patch)*(w/patch), 3*2*patch*patch]
  const uint8_t *rgb;  // [h,w,3]
  int h, w, patch, merge;
  float mean[3], std[3];
} gaze_patchify;

// ---- ray-caster ----

typedef enum gaze_prim_kind {
  GAZE_PRIM_PLANE,      // z = 0 of its frame; size: half extents x, y (0 = infinite)
  GAZE_PRIM_BOX,        // size: half extents
  GAZE_PRIM_SPHERE,     // size[0]: radius
  GAZE_PRIM_CYLINDER,   // size[0]: radius, size[1]: half height along z
  GAZE_PRIM_CAPSULE,    // size[0]: radius, size[1]: half length of the cylinder part
  GAZE_PRIM_ELLIPSOID,  // size: radii
} gaze_prim_kind;

typedef struct gaze_prim {
  float pos[3];   // metres, world frame
  float rot[9];   // row-major, columns are the frame's axes in the world (as MuJoCo xmat)
  float size[3];  // metres
  float rgb[3];   // 0..1
  int kind;       // gaze_prim_kind
  int id;         // instance id written to `ids`, 0..32766
} gaze_prim;

// Pinhole camera: pixel centre (i+0.5, j+0.5), looking along -z of its frame, y up.
typedef struct gaze_camera {
  float pos[3], rot[9];  // world; rot as in gaze_prim
  float fx, fy, cx, cy;  // pixels
  int w, h;
} gaze_camera;

typedef struct gaze_light {
  float dir[2][3];      // unit vectors towards key and fill light
  float strength[2];    // Lambert weights
  float ambient;        // 0..1
  bool shadows;         // hard shadows of the key light
  float background[3];  // colour of rays that hit nothing
} gaze_light;

// One ray per pixel centre. rgb = clamp(color * (ambient + sum strength * max(0, n.l))), rounded
// to nearest. Any output may be NULL. depth: metres along the optical axis, 0 where nothing is
// hit. ids: -1 where nothing is hit. Nearest surface wins; at equal distance the lower index.
typedef struct gaze_raycast {
  uint8_t *rgb;  // [h,w,3]
  float *depth;  // [h,w]
  int16_t *ids;  // [h,w]
  const gaze_prim *prims;
  int n;
  gaze_camera cam;
  gaze_light light;
} gaze_raycast;

// One per backend; a NULL entry is reported when a model loads.
typedef struct gaze_ops {
  const char *name;
  gaze_err (*gemm)(gaze_exec *, const gaze_gemm *);
  gaze_err (*rmsnorm_fwd)(gaze_exec *, const gaze_rmsnorm *);
  gaze_err (*rmsnorm_bwd)(gaze_exec *, const gaze_rmsnorm_grad *);
  gaze_err (*rope)(gaze_exec *, const gaze_rope *);
  gaze_err (*attention_fwd)(gaze_exec *, const gaze_attention *);
  gaze_err (*attention_bwd)(gaze_exec *, const gaze_attention_grad *);
  gaze_err (*swiglu_fwd)(gaze_exec *, const gaze_swiglu *);
  gaze_err (*swiglu_bwd)(gaze_exec *, const gaze_swiglu_grad *);
  gaze_err (*gelu_fwd)(gaze_exec *, const gaze_gelu *);
  gaze_err (*gelu_bwd)(gaze_exec *, const gaze_gelu_grad *);
  gaze_err (*bias_bwd)(gaze_exec *, const gaze_bias_grad *);
  gaze_err (*axpy)(gaze_exec *, const gaze_axpy *);
  gaze_err (*rows)(gaze_exec *, const gaze_rows *);
  gaze_err (*logprob_fwd)(gaze_exec *, const gaze_logprob *);
  gaze_err (*logprob_bwd)(gaze_exec *, const gaze_logprob_grad *);
  gaze_err (*sample)(gaze_exec *, const gaze_sample *);
  gaze_err (*adamw)(gaze_exec *, const gaze_adamw *);
  gaze_err (*muon)(gaze_exec *, const gaze_muon *);
  gaze_err (*sumsq)(gaze_exec *, const gaze_sumsq *);
  gaze_err (*patchify)(gaze_exec *, const gaze_patchify *);
  gaze_err (*raycast)(gaze_exec *, const gaze_raycast *);
} gaze_ops;

extern const gaze_ops gaze_ops_cpu;

// Opens an execution context of the CPU backend with its own `threads` workers (1..256; 0 = one per
// processor the process may use). One context serves one caller at a time.  [rt: init]
gaze_err gaze_exec_open_cpu(gaze_exec **ex, int threads);

// Stops the workers, frees the scratch, nulls the pointer.  [rt: never]
void gaze_exec_close(gaze_exec **ex);

// Returns the number of workers.  [rt: safe]
int gaze_exec_threads(const gaze_exec *ex);

// Returns what the CPU backend found, for reports: "avx512_bf16 avx512_vnni avx2 ..."; borrowed.
// [rt: safe]
const char *gaze_exec_features(const gaze_exec *ex);

#ifdef __cplusplus
}
#endif
#endif
