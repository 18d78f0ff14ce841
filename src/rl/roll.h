// rl/roll.h - the rollout buffer: interleaved text and image tokens with a trainable bit each.
//
// SFT, DPO and GRPO read this one structure. A token is trainable if the policy wrote it; images,
// options and results are not. A roll is one sequence; a batch packs many of them.
#ifndef GAZE_RL_ROLL_H
#define GAZE_RL_ROLL_H

#include <stdint.h>
#include "core/image.h"
#include "data/episode.h"
#include "nn/dialog.h"
#include "nn/model.h"
#include "nn/trainer.h"

typedef enum gaze_src {  // who wrote a token
  GAZE_SRC_PROMPT,       // system, user, template
  GAZE_SRC_IMAGE,
  GAZE_SRC_THOUGHT,  // policy: inside <think>
  GAZE_SRC_ANSWER,   // policy: everything else
  GAZE_SRC_FORCED,   // policy's place, but not its choice
} gaze_src;

typedef struct gaze_roll {
  gaze_ids ids;       // image tokens expanded
  uint8_t *src;       // [ids.n] gaze_src
  float *logp;        // [ids.n] sampling log-probability; 0 where not sampled
  int cap;            // of src and logp
  gaze_image *image;  // [images], pixels owned
  int images, image_cap;
} gaze_roll;

// Appends tokens of one source; logp NULL writes zeros.  [rt: never]
gaze_err gaze_roll_append(gaze_roll *r, gaze_src src, const int *tok, const float *logp, int n);

// Takes the pixels of an image that belongs to the roll's next image token run.  [rt: never]
gaze_err gaze_roll_add_image(gaze_roll *r, gaze_image taken);

// Returns whether the token was written by the policy.  [rt: safe]
static inline int gaze_src_trainable(uint8_t src) {
  return src == GAZE_SRC_THOUGHT || src == GAZE_SRC_ANSWER;
}

// Empties the roll and frees the pixels, keeps its arrays.  [rt: never]
void gaze_roll_clear(gaze_roll *r);
// Frees everything.  [rt: never]
void gaze_roll_fini(gaze_roll *r);

// Appends one turn of a conversation: the user text with its images (pixels are taken), then the
// reply, whose first `taught` bytes are trainable (data/episode.h). A token that ends beyond them
// is not; the token that ends the reply is with GAZE_TAUGHT_ALL. Call gaze_roll_start first. [rt:
// never]
gaze_err gaze_roll_start(gaze_roll *r, const gaze_dialog *d);
gaze_err gaze_roll_turn(gaze_roll *r, const gaze_dialog *d, const gaze_model *m, const char *user,
                        const char *reply, int taught, gaze_image *taken, int images);

// A batch under construction: a gaze_pack and the memory behind it, plus one loss weight per
// scored row.
typedef struct gaze_batch {
  gaze_pack pack;  // pointers into the arrays below
  int *ids, *pos, *seq_start, *row, *target;
  float *patches, *weight;  // weight [scored]
  int (*grid)[2];
  uint8_t *src;       // [scored] gaze_src of the token behind each target
  int8_t (*cell)[4];  // auxiliary labels of merged cells, filled by the caller
  float (*box)[4];
  int max_tokens, max_patches, max_scored, max_seqs;
} gaze_batch;

// How scored rows are weighed.
typedef struct gaze_weights_of {
  float thought, answer;    // per token class
  float box;                // factor of numbers between "[" and "]"
  const float *word;        // factors of all other tokens, one per id of the vocabulary; NULL = 1
  int coordinate0;          // id of the first of 100 coordinate tokens, -1 = no soft targets
  int coordinate0_space;    // the same with a leading space
  int box_open, box_close;  // ids of "[" and "]": only numbers between them are coordinates
} gaze_weights_of;

// Fills in the ids of a tokenizer: what opens and closes a box and, if `soft`, the coordinates.
// [rt: init]
void gaze_weights_find(gaze_weights_of *w, const gaze_tokenizer *t, bool soft);

// Allocates a batch of the given capacity; `cells` also allocates auxiliary labels.  [rt: init]
gaze_err gaze_batch_open(gaze_batch *b, const gaze_model *m, int max_tokens, int max_patches,
                         int max_scored, int max_seqs, bool cells);
void gaze_batch_close(gaze_batch *b);  // [rt: never]
void gaze_batch_clear(gaze_batch *b);  // [rt: safe]

// Adds a whole roll as one sequence; END if it does not fit into what is left, RANGE if it could
// never fit.  Coordinate targets become soft: weights exp(-|d|) over d = -2..2 (training.md,
// recipe 3).  [rt: never]
gaze_err gaze_batch_add(gaze_batch *b, const gaze_model *m, gaze_exec *ex, const gaze_roll *r,
                        const gaze_weights_of *w);

// Marks the cells of image `i` of the batch that show the objects a reply lists in its lines
// "[x0 y0 x1 y1] size colour shape" (hundredths of the picture). `words` gives the attribute words
// in value order, NULL-terminated: colours, shapes, sizes.  [rt: safe]
void gaze_batch_label_cells(gaze_batch *b, int i, int merge, const char *reply,
                            const char *const *const words[3]);

// Closes the batch and returns it, ready for the trainer; clear it before adding again.  [rt: safe]
const gaze_pack *gaze_batch_seal(gaze_batch *b);

#endif
