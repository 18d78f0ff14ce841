// nn/trainer_aux.c - the dense auxiliary head: what stands in each merged cell of an image.
#include <math.h>
#include <string.h>
#include "nn/trainer_internal.h"

// groups of logits that share a softmax: object, colour, shape, size; then the box
static const int group_at[5] = {0, 2, 10, 13, 15};
enum { GROUPS = 4, BOX = 15 };
#define BOX_BETA 0.05f  // cells; below this distance the box loss is quadratic

// cross-entropy of one softmax group; z becomes scale * (softmax - onehot)
static double cross_entropy(float *z, int n, int label, float scale) {
  float top = z[0];
  for (int i = 1; i < n; i++) top = fmaxf(top, z[i]);
  double sum = 0;
  for (int i = 0; i < n; i++) sum += exp((double)(z[i] - top));
  double loss = log(sum) - (double)(z[label] - top);
  for (int i = 0; i < n; i++) {
    double soft = exp((double)(z[i] - top)) / sum;
    z[i] = scale * (float)(soft - (i == label));
  }
  return loss;
}

// smooth L1 between z and the box; z becomes its gradient. Boxes are relative to the cell, because
// the tower knows places only relative to each other.
static double box_loss(float *z, const float *box, float scale) {
  double loss = 0;
  for (int i = 0; i < 4; i++) {
    float d = z[i] - box[i], far = fabsf(d);
    loss += far < BOX_BETA ? 0.5 * (double)(d * d / BOX_BETA) : (double)(far - BOX_BETA / 2);
    z[i] = scale * (far < BOX_BETA ? d / BOX_BETA : copysignf(1.0f, d));
  }
  return loss;
}

// loss of one cell; its logits become their gradient
static double cell_loss(float *z, const int8_t label[4], const float box[4], float scale) {
  double loss = 0;
  for (int k = 0; k < GROUPS; k++) {
    int n = group_at[k + 1] - group_at[k];
    float *group = z + group_at[k];
    if (label[k] < 0)
      memset(group, 0, (size_t)n * sizeof *group);
    else
      loss += cross_entropy(group, n, label[k], scale);
  }
  if (label[0] == 1)
    loss += box_loss(z + BOX, box, scale);
  else
    memset(z + BOX, 0, 4 * sizeof *z);
  return loss;
}

static gaze_err check_labels(const gaze_trainer *t, const gaze_pack *p) {
  for (int i = 0; i < t->cells; i++) {
    for (int k = 0; k < GROUPS; k++) {
      if (p->cell[i][k] >= group_at[k + 1] - group_at[k]) {
        return gaze_fail(GAZE_ERR_RANGE, "pack: cell %d: label %d is %d, expected below %d", i, k,
                         p->cell[i][k], group_at[k + 1] - group_at[k]);
      }
      if (p->cell[i][0] == 1 && !isfinite(p->box[i][k])) {
        return gaze_fail(GAZE_ERR_RANGE, "pack: cell %d: the box is not finite", i);
      }
    }
  }
  return GAZE_OK;
}

gaze_err gazei_aux_backward(gaze_trainer *t, const gaze_pack *p, float *loss) {
  int h = t->cfg.hidden, n = t->cells;
  size_t weights = (size_t)GAZEI_AUX_OUT * (size_t)h;
  gaze_mat w = {t->aux_p, NULL, GAZE_F32, h}, z = {t->aux_logit, NULL, GAZE_F32, GAZEI_AUX_OUT};
  gaze_gemm fwd = {.c = t->aux_logit,
                   .ldc = GAZEI_AUX_OUT,
                   .a = {t->feat, NULL, GAZE_F32, h},
                   .b = w,
                   .bias = t->aux_p + weights,
                   .m = n,
                   .n = GAZEI_AUX_OUT,
                   .k = h,
                   .trans_b = true};
  GAZE_TRY(t->ops->gemm(t->ex, &fwd));
  GAZE_TRY(check_labels(t, p));
  double sum = 0;
  float scale = t->o.aux_weight / (float)n;
  for (int i = 0; i < n; i++) {
    int cell = t->plan.cell_at[i];
    sum += cell_loss(t->aux_logit + (size_t)i * GAZEI_AUX_OUT, p->cell[cell], p->box[cell], scale);
  }
  if (loss) *loss = (float)(sum / n);

  gaze_gemm dx = {.c = t->d_feat,
                  .ldc = h,
                  .a = z,
                  .b = w,
                  .m = n,
                  .n = h,
                  .k = GAZEI_AUX_OUT,
                  .accumulate = true};
  GAZE_TRY(t->ops->gemm(t->ex, &dx));
  gaze_gemm dw = {.c = t->aux_g,
                  .ldc = h,
                  .a = z,
                  .b = {t->feat, NULL, GAZE_F32, h},
                  .m = GAZEI_AUX_OUT,
                  .n = h,
                  .k = n,
                  .trans_a = true,
                  .accumulate = true};
  GAZE_TRY(t->ops->gemm(t->ex, &dw));
  gaze_bias_grad db = {.db = t->aux_g + weights,
                       .dy = t->aux_logit,
                       .rows = n,
                       .cols = GAZEI_AUX_OUT,
                       .ld = GAZEI_AUX_OUT};
  return t->ops->bias_bwd(t->ex, &db);
}
