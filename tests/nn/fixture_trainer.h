// tests/nn/fixture_trainer.h - packs for the tests of the trainer.
#ifndef GAZE_TESTS_NN_FIXTURE_TRAINER_H
#define GAZE_TESTS_NN_FIXTURE_TRAINER_H

#include "nn/trainer.h"

#define TINY_A GAZE_SOURCE_DIR "/tests/golden/qwen2_5_vl/tiny-a"
#define TINY_A_GOLDEN GAZE_SOURCE_DIR "/tests/golden/qwen2_5_vl/tiny-a-golden"

// A pack that owns its arrays.
typedef struct test_pack {
  gaze_pack p;
  int *ids, *pos, *seq_start, *row, *target;
  float *patches;
  int (*grid)[2];
  int8_t (*cell)[4];
  float (*box)[4];
} test_pack;

// The prompt and target of a golden case of tiny-a; every target token is scored.
void test_pack_case(test_pack *t, const char *name);
// `seqs` sequences of random text, the first `images` of them with an image of rows x cols
// patches in front; every text token but the first of a sequence is scored. Words repeat with the
// seed. With labels for the auxiliary head.
void test_pack_random(test_pack *t, const gaze_model_config *c, int seqs, int images, int rows,
                      int cols, int text, uint64_t seed);
// Both packs as one.
void test_pack_join(test_pack *t, const test_pack *a, const test_pack *b);
void test_pack_free(test_pack *t);

// The options of the training goldens: AdamW 1e-3, betas .9/.95, decay 0.1, clip 1, f32 products.
gaze_train_options golden_options(void);

// Forward, backward of mean cross-entropy, returns the loss.
double train_pass(gaze_trainer *t, const gaze_pack *p, float *aux);

// Opens a config of the smallest model with `layers` decoder layers into `dir` (made): config.json
// and the texts of tiny-a, no weights.
void write_tiny_model(const char *dir, bool tied);

#endif
