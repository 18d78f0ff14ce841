// nn/model.h - a Qwen2.5-VL model (shared, constant) and its sessions (one timeline each).
#ifndef GAZE_NN_MODEL_H
#define GAZE_NN_MODEL_H

#include "core/image.h"
#include "kernels/ops.h"
#include "nn/config.h"
#include "nn/params.h"
#include "nn/tokenizer.h"
#include "nn/vision_input.h"

typedef struct gaze_model gaze_model;
typedef struct gaze_session gaze_session;

// Opens a Hugging Face folder (config.json, tokenizer.json, preprocessor_config.json,
// *.safetensors). `weights`: F32 keeps widened floats, BF16 stores matrices in bf16, I8 packs
// matrices per row. Wrong or missing tensors, shapes and NaN are refused by name; absent ops of the
// backend are listed.  [rt: init]
gaze_err gaze_model_open(gaze_model **m, const gaze_ops *ops, const char *dir, gaze_dtype weights);

// Parses "f32", "bf16" or "int8" (what --weights takes); ARG otherwise.  [rt: init]
gaze_err gaze_weights_type(const char *name, gaze_dtype *type);

// Opens a model over given f32 parameters (the trainer's; borrowed, may change between calls),
// with a tokenizer and processor read from `dir`.  [rt: init]
gaze_err gaze_model_wrap(gaze_model **m, const gaze_ops *ops, const char *dir,
                         const gaze_model_config *c, const float *block);

// Frees and nulls; sessions must be closed first.  [rt: never]
void gaze_model_close(gaze_model **m);

const gaze_model_config *gaze_model_cfg(const gaze_model *m);     // [rt: safe]
const gaze_tokenizer *gaze_model_tokenizer(const gaze_model *m);  // [rt: safe]
const gaze_processor *gaze_model_processor(const gaze_model *m);  // [rt: safe]
const gaze_weights *gaze_model_weights(const gaze_model *m);      // [rt: safe]
const gaze_ops *gaze_model_ops(const gaze_model *m);              // [rt: safe]
size_t gaze_model_bytes(const gaze_model *m);  // bytes of weights read per token  [rt: safe]

// Number of language tokens an image of this size becomes; RANGE for impossible sizes.  [rt: safe]
gaze_err gaze_model_image_tokens(const gaze_model *m, int h, int w, int *tokens);

// Replaces each image token in `ids` by as many as the image needs; ARG if the numbers of image
// tokens and images differ.  [rt: never]
gaze_err gaze_model_expand(const gaze_model *m, const int *ids, int n, const gaze_image *images,
                           int n_images, gaze_ids *out);

// M-RoPE positions (golden README, "Positions"): pos[3][n] for expanded ids with the grids of the
// images in merged cells (rows, cols each), continuing at *next and updating it.  [rt: safe]
gaze_err gaze_model_positions(const gaze_model_config *c, const int *ids, int n,
                              const int (*grid)[2], int images, int *pos, int *next);

// Opens a session for at most `max_tokens` tokens (RANGE beyond the model's context). The exec is
// borrowed and may be shared by sessions that take turns.  [rt: init]
gaze_err gaze_session_open(gaze_session **s, const gaze_model *m, gaze_exec *ex, int max_tokens);
void gaze_session_close(gaze_session **s);  // [rt: never]

// Appends expanded ids; the i-th run of image tokens takes images[i]. Computes the logits after
// the last token. RANGE if the session would overflow (it is unchanged then).  [rt: never]
gaze_err gaze_session_append(gaze_session *s, const int *ids, int n, const gaze_image *images,
                             int n_images);

// Logits [vocab] after the newest token; borrowed until the next call.  [rt: safe]
const float *gaze_session_logits(const gaze_session *s);
// Like append, but also returns the logits of every appended position in out [n,vocab].  [rt:
// never]
gaze_err gaze_session_score(gaze_session *s, const int *ids, int n, const gaze_image *images,
                            int n_images, float *out);
int gaze_session_length(const gaze_session *s);      // tokens held  [rt: safe]
const int *gaze_session_ids(const gaze_session *s);  // [length], borrowed  [rt: safe]

// Drops everything after the first `length` tokens; logits are undefined until the next append.
// [rt: safe]
gaze_err gaze_session_rewind(gaze_session *s, int length);

// Opens a second session with the same past (a copy of the cache); both go on alone.  [rt: init]
gaze_err gaze_session_fork(gaze_session **child, const gaze_session *s);

typedef struct gaze_sampling {
  float temperature;                       // 0 = greedy
  float top_p, min_p, repetition_penalty;  // 1, 0, 1 = off
  int top_k;                               // 0 = off
  uint64_t seed;
  int max_new;
  const char *const *stop;  // NULL-terminated stop strings, or NULL
} gaze_sampling;

// Called for each decoded piece of text (whole UTF-8 characters); false stops.
typedef bool (*gaze_stream_fn)(void *ctx, const char *text, size_t n);

// Allowed next tokens: fills bits[ceil(vocab/32)] for the ids decoded so far and returns true, or
// returns false for "no constraint".
typedef bool (*gaze_allow_fn)(void *ctx, const int *ids, int n, uint32_t *bits);

// What one generation was: ids with their sampling log-probabilities.
typedef struct gaze_generated {
  gaze_ids ids;  // includes the end token if one was decoded
  float *logp;   // [ids.n], owned
  bool ended;    // by an end token or a stop string, not by max_new
  int64_t decode_ns;
} gaze_generated;
void gaze_generated_fini(gaze_generated *g);  // [rt: never]

// Decodes from the session's present logits until eos / <|im_end|> / stop / max_new; every token is
// appended to the session. Same seed, same session: same tokens. The image token is never sampled.
// A full session ends the generation like max_new. STATE without logits (append first), ARG for
// parameters out of range.  [rt: never]
gaze_err gaze_session_generate(gaze_session *s, const gaze_sampling *p, gaze_stream_fn stream,
                               gaze_allow_fn allow, void *ctx, gaze_generated *out);

#endif
