// rl/sft.h - supervised fine-tuning on recorded conversations.
#ifndef GAZE_RL_SFT_H
#define GAZE_RL_SFT_H

#include <stdbool.h>
#include "core/cfg.h"
#include "core/err.h"
#include "kernels/ops.h"

// What a progress line needs; handed over after every step.
typedef struct gaze_sft_progress {
  int64_t step, steps;
  double loss, accuracy;  // of scored tokens in this step
  double tokens_per_s, samples_per_s;
  double learning_rate, grad_norm, aux;
  double seconds;  // since the run began
} gaze_sft_progress;

typedef struct gaze_sft_job {
  const gaze_cfg *cfg;      // settings, see README.md
  const char *const *data;  // MCAP files
  int files;
  const char *out;  // run folder: metrics.jsonl, checkpoint/
  bool resume;
  int threads;
  const volatile int *stop;  // set from a signal: save and return INTERRUPTED
  void (*progress)(void *ctx, const gaze_sft_progress *p);  // may be NULL
  void *ctx;
} gaze_sft_job;

// Trains until `steps` or `seconds` are reached, saving to out/checkpoint every `save_seconds`.
// A killed run loses at most the steps since the last save; resuming is bit-exact on one thread
// count.  [rt: never]
gaze_err gaze_sft_run(const gaze_sft_job *job, const gaze_ops *ops);

#endif
