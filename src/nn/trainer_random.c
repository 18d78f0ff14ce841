// nn/trainer_random.c - random weights of a new model.
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "nn/trainer_internal.h"

#define INIT_STD 0.02

static bool ends_with(const char *s, const char *tail) {
  size_t n = strlen(s), k = strlen(tail);
  return n >= k && strcmp(s + n - k, tail) == 0;
}

static void fill(gaze_trainer *t, const gaze_param *p, uint64_t seed, int index) {
  float *x = t->p + p->offset;
  size_t n = (size_t)p->rows * (size_t)p->cols;
  if (p->kind == GAZE_PARAM_VECTOR) {
    float value = ends_with(p->name, ".bias") ? 0.0f : 1.0f;
    for (size_t i = 0; i < n; i++) x[i] = value;
    return;
  }
  // what a residual branch adds shrinks with the number of branches, so that depth does not
  // change the size of the sum at the start (GPT-2)
  bool out = ends_with(p->name, "o_proj.weight") || ends_with(p->name, "attn.proj.weight") ||
             ends_with(p->name, "down_proj.weight");
  int depth = strncmp(p->name, "visual.", 7) == 0 ? t->cfg.vision.depth : t->cfg.layers;
  double std = out && depth > 0 ? INIT_STD / sqrt(2.0 * depth) : INIT_STD;
  gaze_rng rng;
  gaze_rng_init(&rng, seed, (uint64_t)index + 1);
  for (size_t i = 0; i < n; i++) x[i] = (float)(std * gaze_rng_normal(&rng));
}

// sin and cos of value times geometric frequencies (1.5 to 0.015 per unit), root mean square
// INIT_STD: near numbers start near each other
static void sinusoid(float *row, int n, int value) {
  int half = n / 2;
  for (int i = 0; i < half; i++) {
    double f = 1.5 * pow(0.01, half > 1 ? (double)i / (half - 1) : 0.0);
    row[i] = (float)(INIT_STD * sqrt(2.0) * sin(value * f));
    row[half + i] = (float)(INIT_STD * sqrt(2.0) * cos(value * f));
  }
}

static void coordinates(gaze_trainer *t) {
  const gaze_tokenizer *tok = gaze_model_tokenizer(t->model);
  for (int v = 0; v < 100; v++) {
    char name[2][16];
    snprintf(name[0], sizeof name[0], "%d", v);
    // a space is U+0120 in the byte alphabet
    snprintf(name[1], sizeof name[1], "\xc4\xa0%d", v);
    for (int i = 0; i < 2; i++) {
      int id = tok ? gaze_tokenizer_id(tok, name[i]) : -1;
      if (id < 0 || id >= t->cfg.vocab) continue;
      size_t h = (size_t)t->cfg.hidden;
      sinusoid(t->p + t->embed_offset + (size_t)id * h, t->cfg.hidden, v);
    }
  }
}

void gazei_trainer_random(gaze_trainer *t, uint64_t seed) {
  for (int i = 0; i < t->layout.n; i++) fill(t, &t->layout.param[i], seed, i);
  coordinates(t);
  gaze_rng rng;
  gaze_rng_init(&rng, seed, 0);
  // the biases of the auxiliary head stay zero
  size_t n = t->aux_n / (size_t)(t->cfg.hidden + 1) * (size_t)t->cfg.hidden;
  for (size_t i = 0; i < n; i++) t->aux_p[i] = (float)(INIT_STD * gaze_rng_normal(&rng));
}
