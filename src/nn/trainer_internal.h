// nn/trainer_internal.h - what the parts of the trainer share: the towers, their kept activations
// and the pieces a pack is cut into.
#ifndef GAZE_NN_TRAINER_INTERNAL_H
#define GAZE_NN_TRAINER_INTERNAL_H

#include "nn/nn_internal.h"
#include "nn/trainer.h"

enum {
  // rows a pack is worked on at once: small enough that a block's activations stay in the shared
  // cache between two ops, large enough for efficient products; whole sequences and images only
  GAZEI_TRAIN_ROWS = 1280,
  GAZEI_AUX_OUT = 2 + 8 + 3 + 2 + 4,  // object, colour, shape, size logits and the box
};

// What one block keeps for its backward pass; rows of the whole pack.
typedef struct gazei_acts {
  float *x, *rstd1, *n1;    // [rows,hidden] before the block, [rows], [rows,hidden] normalised
  float *qkv, *o, *lse;     // [rows,qkv] after rotation, [rows,heads*dim], [rows,heads]
  float *mid, *rstd2, *n2;  // [rows,hidden] after attention, [rows], [rows,hidden] normalised
  float *gate_up, *act;     // [rows,2 ff], [rows,ff]
} gazei_acts;

// A run of whole sequences (language) or images (vision), worked on from first to last block.
typedef struct gazei_chunk {
  int row, rows;    // of the tower
  int seg, segs;    // place in `segs` of the whole sequences or images: segs+1 local starts
  int win, wins;    // the same for attention windows (vision)
  int keep, keeps;  // language: scored rows of this chunk in `keep_row`
  bool live;        // language: some of them has a gradient
} gazei_chunk;

// A stack of blocks of one width: the vision tower or the decoder.
typedef struct gazei_tower {
  int depth, hidden, heads, kv_heads, dim, ff, qkv;
  float eps;
  bool causal;
  gazei_acts *acts;        // [depth]
  const float *cos, *sin;  // [rows, dim/2]
  float *dx;               // [rows,hidden] gradient of the residual stream
  int *segs;               // local segment starts of all chunks
  gazei_chunk *chunk;      // [chunks]
  int chunks, segs_used;
} gazei_tower;

// Buffers one chunk uses and drops.
typedef struct gazei_scratch {
  float *branch;  // [rows,hidden] output of a branch before the residual sum
  float *o;       // [rows,heads*dim] kept rows of the attention output, later their gradient
  float *d_o;     // [rows,heads*dim]
  float *d_qkv;   // [rows,qkv]
  float *d_gu;    // [rows,2 ff]
  float *d_act;   // [rows,ff]
  float *d_norm;  // [rows,hidden]
} gazei_scratch;

struct gaze_trainer {
  const gaze_ops *ops;  // borrowed
  gaze_exec *ex;        // borrowed
  gaze_train_options o;
  gaze_model_config cfg;
  gaze_layout layout;
  gaze_model *model;
  char *dir;     // source folder, for the files a checkpoint copies
  bool *frozen;  // [layout.n]
  bool vision_frozen;

  float *block;          // owned; params, grads, moments
  float *p, *g, *m, *v;  // [layout.floats] each
  uint16_t *half;        // bf16 copy of the matrices for the products, or NULL
  gaze_weights w;        // views used by the products
  gaze_weights gw;       // views of the gradients; NULL data where everything is frozen
  float *aux_p, *aux_g, *aux_m, *aux_v;  // [aux_n] each: weight [AUX_OUT,hidden], bias [AUX_OUT]
  size_t aux_n;
  int64_t step;
  size_t embed_offset;  // of the embedding in the block

  void *acts_block;  // owned; everything below
  size_t acts_bytes;
  gazei_tower vision, lang;
  gazei_scratch s;
  gazei_vision_plan plan;
  float *cos, *sin;  // [max_tokens, head_dim/2]
  // merger; cells in window order
  float *vis_x, *vis_rstd, *vis_n;  // [patches,vh], [patches], [patches,vh]
  float *fc1, *gelu, *feat;         // [cells,wide] twice, [cells,hidden]
  float *d_feat;                    // [cells,hidden]
  float *aux_logit;                 // [cells,AUX_OUT]
  // head; kept = scored rows without repeats, in row order
  float *fin_x, *fin_rstd, *fin_n, *d_fin;  // [kept,hidden], [kept], [kept,hidden] twice
  float *score_x, *d_score;                 // [scored,hidden]
  float *logp, *lse, *entropy;              // [scored]
  int *best;                                // [scored]
  int *keep_row;                            // [kept] row within its chunk
  int *keep_of;                             // [tokens] index of the kept row, -1 = not scored
  int *score_keep;                          // [scored] the kept row of each scored token
  int *embed_at;                            // [tokens] token id, -1 where an image feature stands
  int *cell_row;                            // [cells] window order: the token row of a cell
  int *cell_token;                          // [cells] cell order: the token row of a cell
  int *patch_local;                         // [patches] plan.patch_at within its chunk
  int kept, tokens, scored, patches, cells;
  bool ready;  // a forward pass is kept
};

// Sets what the products read from the current parameters (bf16 copy).
void gazei_trainer_refresh(gaze_trainer *t);
// Rows ops with f32 rows.
gaze_err gazei_rows(gaze_trainer *t, gaze_rows_mode mode, float *y, const float *x,
                    const int *index, int n, int cols);
// The attention arguments of one chunk of a block.
gaze_attention gazei_attention(const gazei_tower *tw, const gazei_acts *a, const gazei_chunk *c,
                               bool windows);
// The head over the scored rows gathered in score_x.
gaze_logprob gazei_logprob(gaze_trainer *t, const gaze_pack *p);
// Checks a pack and cuts it into chunks; fills every index list. The trainer is unusable for a
// backward pass until a forward pass has followed.
gaze_err gazei_pack_plan(gaze_trainer *t, const gaze_pack *p);
// Auxiliary loss of the merged cells; adds to d_feat and to the head's gradient.
gaze_err gazei_aux_backward(gaze_trainer *t, const gaze_pack *p, float *loss);
// Fills random weights, see trainer.h.
void gazei_trainer_random(gaze_trainer *t, uint64_t seed);
// Takes the auxiliary head from the optimizer file of a checkpoint, if it has one: the gradient of
// a random head would shake a tower that was trained with another.
gaze_err gazei_trainer_warm_aux(gaze_trainer *t, const char *dir);
// Whether `name` matches a pattern in which '*' stands for any run of characters.
bool gazei_match(const char *pattern, const char *name);
// Renames DIR.old back if a crash left no DIR.
gaze_err gazei_checkpoint_recover(const char *dir);

#endif
