// nn/trainer.h - forward, backward and optimiser over packed sequences.
#ifndef GAZE_NN_TRAINER_H
#define GAZE_NN_TRAINER_H

#include "core/cfg.h"
#include "core/rng.h"
#include "nn/model.h"

typedef struct gaze_trainer gaze_trainer;

// A batch of whole sequences, one after the other. Borrowed by the calls.
typedef struct gaze_pack {
  const int *ids;        // [tokens], image tokens expanded
  const int *pos;        // [3, tokens]
  const int *seq_start;  // [seqs+1]
  int tokens, seqs;
  const float *patches;  // [n_patches, 3*2*patch*patch], images in order
  const int (*grid)[2];  // [images] rows and columns in patches
  int images, n_patches;
  // what is scored: the log-probability of token `target[i]` read at position `row[i]` (so the
  // token at p is scored with row p-1). A row may appear several times (soft targets).
  const int *row, *target;  // [scored]
  int scored;
  // optional dense labels of merged cells (auxiliary loss), NULL if none: per cell
  // {object 0/1, colour 0..7, shape 0..2, size 0..1}, -1 = not scored; box: x0 y0 x1 y1 from
  // the centre of the cell, in cells
  const int8_t (*cell)[4];
  const float (*box)[4];
} gaze_pack;

typedef struct gaze_train_options {
  int max_tokens, max_patches, max_scored;  // capacity of one pack
  bool bf16_products;
  float lr_matrix, lr_other;  // Muon (or AdamW if !muon) on matrices; AdamW on the rest
  bool muon;
  float momentum, beta1, beta2, eps, decay_matrix, decay_other, clip;
  float aux_weight;           // 0: no auxiliary head
  const char *const *freeze;  // NULL-terminated name patterns with '*', or NULL
  bool decay_vectors;         // false: norms and biases are not decayed
} gaze_train_options;

// The recipe of training.md: Muon 0.02 (momentum 0.95, decay 0.05), AdamW 2e-3 (.9/.98), clip 1.
// [rt: safe]
gaze_train_options gaze_train_defaults(void);

// Opens a trainer over the weights of a checkpoint folder, or over random ones if the folder has no
// weights (normal(0, 0.02); residual outputs scaled by 1/sqrt(2 layers); norms 1; biases 0;
// coordinate embeddings "0".."99" sinusoidal if the tokenizer has them). The auxiliary head is the
// one of the folder's optimizer file, if that holds one, else random.  [rt: init]
gaze_err gaze_trainer_open(gaze_trainer **t, const gaze_ops *ops, gaze_exec *ex, const char *dir,
                           const gaze_train_options *o, uint64_t seed);
void gaze_trainer_close(gaze_trainer **t);  // [rt: never]

// Runs the pack forward and keeps activations; logp[scored] of every scored token, hit[scored]
// (argmax equals target) and entropy[scored] may be NULL.  [rt: never]
gaze_err gaze_trainer_forward(gaze_trainer *t, const gaze_pack *p, float *logp, int *hit,
                              float *entropy);

// Backward of the last forward: g[i] = d loss / d logp[i]. Gradients add up until step. The
// auxiliary loss, if on, is added with its weight; its value goes to *aux (may be NULL).
// [rt: never]
gaze_err gaze_trainer_backward(gaze_trainer *t, const gaze_pack *p, const float *g, float *aux);

// Clips by global norm, updates the weights with both rates times `rate`, clears gradients.
// FORMAT if the gradient is not finite: nothing is changed then but the gradients, which are
// cleared.  [rt: never]
gaze_err gaze_trainer_step(gaze_trainer *t, float rate, float *grad_norm);

// The weights as a model for evaluation; borrowed, always current.  [rt: safe]
const gaze_model *gaze_trainer_model(const gaze_trainer *t);
// Views for tests and tools: block of parameters and of gradients, and their layout.  [rt: safe]
float *gaze_trainer_params(gaze_trainer *t);
const float *gaze_trainer_grads(const gaze_trainer *t);
const gaze_layout *gaze_trainer_layout(const gaze_trainer *t);

// Writes a checkpoint: Hugging Face folder (weights in `type` F32 or BF16) plus
// optimizer.safetensors (f32 master weights, moments, auxiliary head) and trainer.json with
// `state_json` merged in. Temporary folder name, fsync, rename; the previous checkpoint is kept
// until the new one stands. `with_optimizer` false: weights only.  [rt: never]
gaze_err gaze_trainer_save(gaze_trainer *t, const char *dir, gaze_dtype type, bool with_optimizer,
                           const char *state_json);

// Restores weights, moments and step count saved with the optimizer; bit-exact. *state_json is the
// text of trainer.json (caller frees).  [rt: init]
gaze_err gaze_trainer_resume(gaze_trainer *t, const char *dir, char **state_json);

#endif
