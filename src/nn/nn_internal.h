// nn/nn_internal.h - what the model, its sessions and the trainer share inside src/nn.
//
// Everything here is private to the folder: gazei_ names are not part of the library's interface.
#ifndef GAZE_NN_INTERNAL_H
#define GAZE_NN_INTERNAL_H

#include "nn/model.h"

// every RMSNorm of the vision tower has this eps, whatever the config says
#define GAZEI_VISION_EPS 1e-6f

enum {
  GAZEI_CHUNK = 512,    // tokens computed at once; longer appends go through in pieces
  GAZEI_PATCHES = 256,  // patches a session has room for from the start (grows for larger images)
};

// ---- parameters ----

// Where packed parameters lie. Matrices and embeddings are elements of `type` at the layout's
// offsets, the patch projection and the vectors are f32 after them.
typedef struct gazei_store {
  gaze_dtype type;
  const void *matrix;  // elements 0..gazei_layout_f32_start-1 of the layout, in `type`
  const float *scale;  // I8: one per matrix row, rows counted through the layout; else NULL
  const float *f32;    // element gazei_layout_f32_start and what follows
} gazei_store;

// Offset of the first parameter that always stays f32 (the patch projection).
size_t gazei_layout_f32_start(const gaze_layout *l);
// Rows of all parameters before that one, the number of I8 scales.
size_t gazei_layout_rows(const gaze_layout *l);
// gaze_weights_bind for any storage.
gaze_err gazei_weights_bind(gaze_weights *w, const gaze_model_config *c, const gaze_layout *l,
                            const gazei_store *s);

// ---- vision plan (vision_plan.c) ----

// How the vision tower treats a list of images. Patches come in as the processor makes them
// (row-major over merge x merge cells, row-major inside a cell, images one after the other); the
// tower works in "window order", in which the cells of one attention window are adjacent and the
// patches of a cell stay together. One plan has all indices and tables for that.
typedef struct gazei_vision_plan {
  int patches, cells;  // of all images; patches = cells * merge^2
  int *patch_at;       // [patches] patch_at[i]: the input patch at place i of the window order
  int *cell_at;        // [cells] the same for cells: merged[cell_at[i]] = tower output row i
  float *cos, *sin;    // [patches, head_dim/2] rotary tables, already in window order
  int *window;         // [windows+1] first patch of each window, window[windows] = patches
  int windows;
  int *image;  // [images+1] first patch of each image
  int images;
  int widest;  // patches of the largest attention segment (image or window)
  int cap_patches, cap_images;
} gazei_vision_plan;

// Allocates a plan for up to `patches` patches in up to `images` images. [rt: init]
gaze_err gazei_vision_plan_open(gazei_vision_plan *p, const gaze_vision_config *v, int patches,
                                int images);
// Frees; the plan may be zero.
void gazei_vision_plan_close(gazei_vision_plan *p);
// Fills the plan for grid[images] = {rows, columns} in patches (multiples of merge). RANGE if it
// does not fit the plan's capacity, ARG for a bad grid. No allocation.
gaze_err gazei_vision_plan_make(gazei_vision_plan *p, const gaze_vision_config *v,
                                const int (*grid)[2], int images);

// M-RoPE tables of the language model: cos and sin [n, head_dim/2] for pos[3][stride] (row 0 t,
// row 1 h, row 2 w). Frequency i = theta^(-2i/d); the first mrope[0] use t, the next mrope[1] h,
// the rest w. Use with the `rope` op (both halves of the head share the table).
void gazei_rope_table(const gaze_model_config *c, const int *pos, int stride, int n, float *cos,
                      float *sin);

// ---- model ----

struct gaze_model {
  const gaze_ops *ops;
  gaze_model_config cfg;
  gaze_layout layout;
  gaze_weights w;
  gaze_tokenizer *tokenizer;
  gaze_processor processor;
  void *matrix;  // owned storage of gazei_store; NULL where the block is borrowed
  float *scale, *f32;
  size_t bytes;  // read per token
  int im_end;    // id of <|im_end|>, -1 if the tokenizer has none
};

// Positions with rows of `stride` ints, pos[axis * stride + i]; after[i] (NULL if not wanted) is
// the position the text goes on at if token i is the last one.
gaze_err gazei_positions(const gaze_model_config *c, const int *ids, int n, const int (*grid)[2],
                         int images, int *pos, size_t stride, int *after, int *next);
// Size of an image after smart_resize and its grid in merged cells.
gaze_err gazei_image_grid(const gaze_model *m, int h, int w, int *new_h, int *new_w, int grid[2]);

// ---- vision tower (vision.c) ----

// Scratch of one forward pass through the vision tower, for one image at a time.
typedef struct gazei_vision {
  gazei_vision_plan plan;
  int cap;         // patches
  uint8_t *rgb;    // [cap * patch^2, 3] the resized picture
  float *pixels;   // [cap, 3*2*patch^2]
  float *x, *y;    // [cap, hidden] residual stream, normed
  float *qkv;      // [cap, 3 hidden]
  float *attn;     // [cap, hidden]
  float *gate_up;  // [cap, 2 ff]
  float *act;      // [cap, max(ff, hidden)]
  float *out;      // [cap / merge^2, language hidden]
} gazei_vision;

// Makes room for images of `patches` patches; keeps what is there if that is enough.
gaze_err gazei_vision_reserve(gazei_vision *v, const gaze_model *m, int patches);
void gazei_vision_close(gazei_vision *v);
// Runs one image through resize, patches, blocks and merger; features [cells, language hidden] in
// row-major cell order.
gaze_err gazei_vision_forward(gazei_vision *v, const gaze_model *m, gaze_exec *ex,
                              const gaze_image *image, float *features);

// ---- session ----

struct gaze_session {
  const gaze_model *m;
  gaze_exec *ex;
  int max, chunk;  // tokens held at most, computed at once
  int length;
  bool has_logits;
  int *ids;       // [max]
  int *pos;       // [3, max] M-RoPE positions
  int *after;     // [max] where the positions go on after each token
  float *k, *v;   // [layers, max, kv_heads * head_dim], k rotated
  float *logits;  // [vocab]
  // activations of one chunk
  float *x, *y;      // [chunk, hidden]
  float *qkv;        // [chunk, (heads + 2 kv_heads) * head_dim]
  float *attn;       // [chunk, heads * head_dim]
  float *gate_up;    // [chunk, 2 ff]
  float *act;        // [chunk, ff]
  float *cos, *sin;  // [chunk, head_dim/2]
  int *index;        // [chunk] rows of the embedding, -1 for image tokens
  // images of one append
  gazei_vision vision;
  float *features;  // [features_cap, hidden]
  int features_cap;
  int (*grid)[2];  // [grid_cap] merged cells
  int grid_cap;
  // sampling
  int *seen;            // [vocab] distinct ids of the session
  uint32_t *seen_bits;  // [ceil(vocab/32)]
  uint32_t *allow;      // [ceil(vocab/32)]
};

// Runs tokens past..past+n-1 (n <= chunk; ids and pos filled in) through all blocks: caches filled,
// s->x is the residual stream, complete for the last `need` rows only. `features`: rows of the
// chunk's image tokens; *used counts them.
gaze_err gazei_decoder_chunk(gaze_session *s, int past, int n, int need, const float *features,
                             int *used);
// Final norm and head of rows first..first+rows-1 of the last chunk: out [rows, vocab].
gaze_err gazei_decoder_head(gaze_session *s, int first, int rows, float *out);

#endif
