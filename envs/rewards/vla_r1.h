// envs/rewards/vla_r1.h - the VLA-R1 reward: boxes by GIoU, paths by an oriented Frechet distance.
//
// A reply is <think>...</think><output>PAYLOAD</output>; PAYLOAD is a box
// {"x","y","width","height"} (x, y = centre) or a path [[x,y],...], everything in 0..1 of the
// image, or {} where nothing is there: right (task 1) if the reference says so too, else task 0.
// Formulas: vla_r1.md sections 3 and 4 (GIoU: Rezatofighi et al. 2019; discrete Frechet: Eiter and
// Mannila 1994). Replies are hostile bytes of any length; nothing here allocates. The functions
// that score two replies need about 450 KiB of stack for their scratch.
#ifndef GAZE_ENVS_REWARDS_VLA_R1_H
#define GAZE_ENVS_REWARDS_VLA_R1_H

#include <stdbool.h>
#include <stddef.h>
#include "core/err.h"
#include "envs/env.h"

enum { GAZE_VLA_R1_POINTS_MAX = 4096 };

typedef enum gaze_vla_r1_mode {
  GAZE_VLA_R1_RELEASED,  // as the published code, parsing rules apart; for every comparison
  GAZE_VLA_R1_STRICT,    // with the guards against reward hacking; for training
} gaze_vla_r1_mode;

typedef enum gaze_vla_r1_kind {
  GAZE_VLA_R1_INVALID,  // no payload of either kind
  GAZE_VLA_R1_BOX,
  GAZE_VLA_R1_PATH,
  GAZE_VLA_R1_EMPTY,  // the payload {}: what is asked for is not there
} gaze_vla_r1_kind;

typedef struct gaze_vla_r1_options {
  gaze_vla_r1_mode mode;
  bool cap_ratio;  // the length term of a vertex pair is at most ln 10
  bool sharpen;    // task := max(0, (task - 0.6) / 0.4)
} gaze_vla_r1_options;

// A parsed reply.
typedef struct gaze_vla_r1_reply {
  bool think;   // a think block exists (it may be empty)
  bool json;    // the first output block is one JSON value other than null
  bool strict;  // one non-empty think, then one output, nothing else but white space
  gaze_vla_r1_kind kind;
  double box[4];       // x0 y0 x1 y1, clamped to 0..1
  double (*point)[2];  // [cap] given by the caller, filled with clamped points
  int points;
} gaze_vla_r1_reply;

typedef struct gaze_vla_r1_score {
  gaze_vla_r1_kind kind;       // of the reference
  double task, format, score;  // 0..1; score = 0.9 task + 0.1 format
  double iou, frechet_norm;    // 0..1; NaN if the two replies are not both boxes, both paths
} gaze_vla_r1_score;

// Figures of one pair, paths in 0..1000 of the image. NaN = does not apply to the kind.
typedef struct gaze_vla_r1_metrics {
  gaze_vla_r1_kind kind;  // of the reference
  bool malformed;         // the prediction is missing or of another kind: iou 0, errors 1414.21
  double iou;             // x 100
  double dfd, hd, rmse;   // discrete Frechet, symmetric vertex Hausdorff, RMSE over 32 points
  double avg;             // mean of the three
} gaze_vla_r1_metrics;

// Parses `n` bytes. `point` [cap] receives the waypoints; a path of more than `cap` points is
// INVALID (its text is still JSON).  [rt: safe]
void gaze_vla_r1_parse(const char *text, size_t n, double (*point)[2], int cap,
                       gaze_vla_r1_reply *r);

// IoU and GIoU (-1..1) of two corner boxes; either output may be NULL.  [rt: safe]
void gaze_vla_r1_giou(const double a[4], const double b[4], double *iou, double *giou);

// Oriented discrete Frechet value of reference p [n] and prediction q [m]: positions, tangents
// (weight 0.25 per radian) and log length ratios (weight 0.10); not yet divided by the denominator.
// n and m in 1..4096, else infinity.  [rt: safe]
double gaze_vla_r1_frechet(const double (*p)[2], int n, const double (*q)[2], int m,
                           bool cap_ratio);

// sqrt(2) + 0.25 pi + 0.10 ln 10, what turns the value above into 0..1.  [rt: safe]
double gaze_vla_r1_denominator(void);

// Plain discrete Frechet, symmetric vertex Hausdorff, and root mean squared distance after
// resampling both to 32 points uniform in arc length; units of the input. Sizes as above.  [rt:
// safe]
double gaze_path_dfd(const double (*p)[2], int n, const double (*q)[2], int m);
double gaze_path_hausdorff(const double (*p)[2], int n, const double (*q)[2], int m);  // [rt: safe]
double gaze_path_rmse(const double (*p)[2], int n, const double (*q)[2], int m);       // [rt: safe]

// Drops points closer than 1e-6 to the last kept one; returns how many stay.  [rt: safe]
int gaze_path_merge(double (*p)[2], int n);

// Scores a prediction against a reference, both whole replies. `o` NULL: released.  [rt: safe]
gaze_vla_r1_score gaze_vla_r1_eval(const char *prediction, size_t n, const char *reference,
                                   size_t m, const gaze_vla_r1_options *o);

// Measures a prediction against a reference, both whole replies.  [rt: safe]
gaze_vla_r1_metrics gaze_vla_r1_measure(const char *prediction, size_t n, const char *reference,
                                        size_t m);

// Optional terms, each of weight 0 unless a configuration says otherwise.
// exp(-k |p_last - q_last|), k = 10 in units of the image; 0 unless both are paths (ManipLVM-R1).
// [rt: safe]
double gaze_vla_r1_endpoint(const gaze_vla_r1_reply *prediction,
                            const gaze_vla_r1_reply *reference);
// Soft overlong punishment -1..0 of a reply of `length` tokens (DAPO, equation 13): 0 up to
// max - cache, then falling linearly, -1 beyond max.  [rt: safe]
double gaze_overlong_penalty(int length, int max, int cache);
// -(1 - unique/total) over the white-space separated word 3-grams, ASCII case folded; -1..0, 0
// below one 3-gram. At most the first 4,096 3-grams count.  [rt: safe]
double gaze_repetition_penalty(const char *text, size_t n);

// Terms of both: task, format, iou, frechet_norm, endpoint; every one in 0..1, NaN = does not
// apply. Weights 0.9 and 0.1 on the first two give the score.
extern const gaze_reward gaze_reward_vla_r1, gaze_reward_vla_r1_strict;

#endif
