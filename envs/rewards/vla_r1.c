// envs/rewards/vla_r1.c - see vla_r1.h: task and format terms of a pair of replies.
#include "envs/rewards/vla_r1.h"
#include <math.h>
#include <string.h>

static const double TASK_WEIGHT = 0.9, FORMAT_WEIGHT = 0.1, TINY = 1e-12;
static const double AREA_MIN = 1e-4;                     // of a box in strict mode
enum { STRICT_POINTS_MIN = 3, STRICT_POINTS_MAX = 10 };  // of a path in strict mode
static const double MISSED = 1414.21;                    // path error of a malformed reply, 0..1000

// a pair of replies and the room for their points
typedef struct pair {
  gaze_vla_r1_reply prediction, reference;
  double p[GAZE_VLA_R1_POINTS_MAX][2], r[GAZE_VLA_R1_POINTS_MAX][2];
} pair;

static void parse_pair(pair *x, const char *prediction, size_t n, const char *reference, size_t m) {
  gaze_vla_r1_parse(prediction, n, x->p, GAZE_VLA_R1_POINTS_MAX, &x->prediction);
  gaze_vla_r1_parse(reference, m, x->r, GAZE_VLA_R1_POINTS_MAX, &x->reference);
}

static double area(const double b[4]) {
  return fmax(0, b[2] - b[0]) * fmax(0, b[3] - b[1]);
}

void gaze_vla_r1_giou(const double a[4], const double b[4], double *iou, double *giou) {
  double inner[4], hull[4];
  for (int i = 0; i < 2; i++) {
    inner[i] = fmax(a[i], b[i]), inner[2 + i] = fmin(a[2 + i], b[2 + i]);
    hull[i] = fmin(a[i], b[i]), hull[2 + i] = fmax(a[2 + i], b[2 + i]);
  }
  double both = area(inner), total = area(a) + area(b) - both;
  double share = total > 0 ? both / total : 0;
  double u = fmax(TINY, total), c = area(hull);
  if (c <= 0) c = TINY;
  double g = share - (c - u) / c;
  if (iou) *iou = share;
  if (giou) *giou = g < -1 ? -1 : g > 1 ? 1 : g;
}

// strict mode: repeated points are one, and what pays without meaning anything stops paying
static bool guarded(pair *x) {
  gaze_vla_r1_reply *p = &x->prediction, *r = &x->reference;
  if (r->kind == GAZE_VLA_R1_PATH) r->points = gaze_path_merge(r->point, r->points);
  if (p->kind == GAZE_VLA_R1_PATH) {
    p->points = gaze_path_merge(p->point, p->points);
    return p->points >= STRICT_POINTS_MIN && p->points <= STRICT_POINTS_MAX;
  }
  return p->kind != GAZE_VLA_R1_BOX || area(p->box) >= AREA_MIN;
}

// the raw metric stays visible where a guard takes the task term away
static void score_task(pair *x, const gaze_vla_r1_options *o, gaze_vla_r1_score *s) {
  bool pays = o->mode != GAZE_VLA_R1_STRICT || guarded(x);
  const gaze_vla_r1_reply *p = &x->prediction, *r = &x->reference;
  if (p->kind != r->kind || r->kind == GAZE_VLA_R1_INVALID) return;
  double task = r->kind == GAZE_VLA_R1_EMPTY ? 1 : 0;
  if (r->kind == GAZE_VLA_R1_BOX) {
    double giou;
    gaze_vla_r1_giou(p->box, r->box, &s->iou, &giou);
    task = (giou + 1) / 2;
  } else if (p->points && r->points) {
    double d = gaze_vla_r1_frechet((const double(*)[2])r->point, r->points,
                                   (const double(*)[2])p->point, p->points, o->cap_ratio);
    s->frechet_norm = fmin(1, d / gaze_vla_r1_denominator());
    task = 1 - s->frechet_norm;
  }
  if (o->sharpen) task = fmax(0, (task - 0.6) / 0.4);
  s->task = pays ? task : 0;
}

static gaze_vla_r1_score score_pair(pair *x, const gaze_vla_r1_options *o) {
  gaze_vla_r1_score s = {.kind = x->reference.kind, .iou = NAN, .frechet_norm = NAN};
  const gaze_vla_r1_reply *p = &x->prediction;
  bool format = p->json && p->think && (o->mode != GAZE_VLA_R1_STRICT || p->strict);
  s.format = format ? 1 : 0;
  score_task(x, o, &s);
  s.score = TASK_WEIGHT * s.task + FORMAT_WEIGHT * s.format;
  return s;
}

gaze_vla_r1_score gaze_vla_r1_eval(const char *prediction, size_t n, const char *reference,
                                   size_t m, const gaze_vla_r1_options *o) {
  static const gaze_vla_r1_options released = {.mode = GAZE_VLA_R1_RELEASED};
  pair x;
  parse_pair(&x, prediction, n, reference, m);
  return score_pair(&x, o ? o : &released);
}

gaze_vla_r1_metrics gaze_vla_r1_measure(const char *prediction, size_t n, const char *reference,
                                        size_t m) {
  pair x;
  parse_pair(&x, prediction, n, reference, m);
  const gaze_vla_r1_reply *p = &x.prediction, *r = &x.reference;
  gaze_vla_r1_metrics out = {r->kind, false, NAN, NAN, NAN, NAN, NAN};
  out.malformed = p->kind != r->kind || (r->kind == GAZE_VLA_R1_PATH && p->points == 0);
  if (r->kind == GAZE_VLA_R1_BOX) {
    out.iou = 0;
    if (!out.malformed) gaze_vla_r1_giou(p->box, r->box, &out.iou, NULL);
    out.iou *= 100;
  } else if (r->kind == GAZE_VLA_R1_PATH && r->points > 0) {
    out.dfd = out.hd = out.rmse = out.avg = MISSED;
    if (out.malformed) return out;
    const double(*a)[2] = (const double(*)[2])r->point, (*b)[2] = (const double(*)[2])p->point;
    out.dfd = 1000 * gaze_path_dfd(a, r->points, b, p->points);
    out.hd = 1000 * gaze_path_hausdorff(a, r->points, b, p->points);
    out.rmse = 1000 * gaze_path_rmse(a, r->points, b, p->points);
    out.avg = (out.dfd + out.hd + out.rmse) / 3;
  }
  return out;
}

// ---- the plug-in ----

enum { TASK, FORMAT, IOU, FRECHET, ENDPOINT };
static const char *const terms[] = {"task", "format", "iou", "frechet_norm", "endpoint", NULL};

static void eval_terms(const gaze_outcome *o, gaze_vla_r1_mode mode, float *term) {
  for (int i = 0; terms[i]; i++) term[i] = NAN;
  if (!o->reference) return;  // not a task with a reference reply
  const char *reply = o->reply ? o->reply : "";
  pair x;
  parse_pair(&x, reply, strlen(reply), o->reference, strlen(o->reference));
  const gaze_vla_r1_options options = {.mode = mode};
  const gaze_vla_r1_score s = score_pair(&x, &options);
  term[TASK] = (float)s.task;
  term[FORMAT] = (float)s.format;
  term[IOU] = (float)s.iou;
  term[FRECHET] = (float)s.frechet_norm;
  if (s.kind == GAZE_VLA_R1_PATH)
    term[ENDPOINT] = (float)gaze_vla_r1_endpoint(&x.prediction, &x.reference);
}

static void eval_released(const gaze_outcome *o, float *term) {
  eval_terms(o, GAZE_VLA_R1_RELEASED, term);
}

static void eval_strict(const gaze_outcome *o, float *term) {
  eval_terms(o, GAZE_VLA_R1_STRICT, term);
}

const gaze_reward gaze_reward_vla_r1 = {.name = "vla_r1", .terms = terms, .eval = eval_released};
const gaze_reward gaze_reward_vla_r1_strict = {
    .name = "vla_r1_strict", .terms = terms, .eval = eval_strict};
