// nn/params.h - where each weight of a model lies in one float block, and views of it.
//
// The block holds every parameter once, in an order that makes fused products possible: q, k, v
// rows are adjacent, so are gate and up. The same layout serves weights, gradients and moments.
#ifndef GAZE_NN_PARAMS_H
#define GAZE_NN_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include "core/err.h"
#include "kernels/ops.h"
#include "nn/config.h"

typedef enum gaze_param_kind {
  GAZE_PARAM_MATRIX,  // 2-D weight of a block or the merger (Muon)
  GAZE_PARAM_PATCH,   // patch projection (AdamW, decayed)
  GAZE_PARAM_EMBED,   // embedding and head (AdamW, decayed)
  GAZE_PARAM_VECTOR,  // norms and biases (AdamW, no decay)
} gaze_param_kind;

typedef struct gaze_param {
  char name[96];  // checkpoint name, e.g. model.layers.0.self_attn.q_proj.weight
  gaze_param_kind kind;
  int rows, cols;      // vectors: rows = 1
  int shape[5], rank;  // as stored in the checkpoint
  size_t offset;       // floats from the start of the block
} gaze_param;

typedef struct gaze_layout {
  gaze_param *param;  // owned
  int n;
  size_t floats;  // of the whole block
} gaze_layout;

// Lists every parameter of a model and its place.  [rt: init]
gaze_err gaze_layout_open(gaze_layout *l, const gaze_model_config *c);
void gaze_layout_close(gaze_layout *l);  // [rt: never]
// Returns the parameter of that name or NULL.  [rt: never]
const gaze_param *gaze_layout_find(const gaze_layout *l, const char *name);

// A linear layer: y = x w^T + bias.
typedef struct gaze_linear {
  gaze_mat w;         // [out,in]
  const float *bias;  // [out] or NULL
  int out, in;
} gaze_linear;

typedef struct gaze_block_weights {  // vision and language blocks alike
  const float *norm1, *norm2;        // [hidden]
  gaze_linear qkv;                   // [(heads + 2 kv_heads) * head_dim, hidden]
  gaze_linear proj;                  // [hidden, heads * head_dim]
  gaze_linear gate_up;               // [2 ff, hidden]: gate rows, then up rows
  gaze_linear down;                  // [hidden, ff]
} gaze_block_weights;

typedef struct gaze_weights {
  gaze_linear patch;  // [vision hidden, 3*2*patch*patch]
  gaze_block_weights vision[GAZE_LAYERS_MAX];
  const float *merger_norm;            // [vision hidden]
  gaze_linear merger_fc1, merger_fc2;  // [4 vh, 4 vh], [hidden, 4 vh]
  gaze_mat embed;                      // [vocab, hidden]
  gaze_block_weights layer[GAZE_LAYERS_MAX];
  const float *norm;  // [hidden]
  gaze_mat head;      // [vocab, hidden]; the embedding if tied
} gaze_weights;

// Points every view into `block` (f32, laid out by `l`). Use it on weights and gradients.
// [rt: init]
gaze_err gaze_weights_bind(gaze_weights *w, const gaze_model_config *c, const gaze_layout *l,
                           const float *block);

#endif
