// envs/embodied.c - see embodied.h.
#include "envs/embodied.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "core/stats.h"
#include "envs/rewards/vla_r1.h"

enum { METRICS = GAZE_EMBODIED_METRICS, ROUNDS = 10000 };
static const char *const metric_name[METRICS] = {"iou", "dfd", "hd", "rmse", "avg"};

void gaze_embodied_begin(gaze_embodied_record *r, const gaze_truth *first) {
  *r = (gaze_embodied_record){.goal_dist = NAN};
  for (int k = 0; k < METRICS; k++) r->metric[k] = NAN;
  if (first) snprintf(r->robot, sizeof r->robot, "%s", first->layout);
}

// The reply against its reference; tells whether a goal has a distance.
static bool measure(gaze_embodied_record *r, const gaze_outcome *out) {
  const char *reply = out->reply ? out->reply : "";
  const gaze_vla_r1_metrics m =
      gaze_vla_r1_measure(reply, strlen(reply), out->reference, strlen(out->reference));
  const double v[METRICS] = {m.iou, m.dfd, m.hd, m.rmse, m.avg};
  memcpy(r->metric, v, sizeof v);
  r->asked = true, r->malformed = m.malformed;
  return m.kind == GAZE_VLA_R1_PATH;
}

void gaze_embodied_step(gaze_embodied_record *r, const gaze_outcome *out) {
  const char *status = out->status ? out->status : "";
  bool goal = out->max_steps > 0;
  if (out->reference) goal = measure(r, out);
  r->decisions++;
  r->steps += out->steps;
  r->clipped += out->clipped;
  r->blocked += strcmp(status, "blocked") == 0;
  r->goal_dist = goal ? (double)out->goal_dist : NAN;
  r->success = out->terminated && out->correct;
  r->fault = out->truncated && strcmp(status, "fault") == 0;
  r->timeout = out->truncated && !r->fault;
  snprintf(r->status, sizeof r->status, "%s", status);
}

static double share(double part, double of) {
  return of > 0.0 ? part / of : NAN;
}

// A mean over what applies.
typedef struct mean {
  double sum, n;
} mean;

static void take(mean *m, double v) {
  if (!isnan(v)) m->sum += v, m->n++;
}

gaze_embodied_figures gaze_embodied_sum(const gaze_embodied_record *r, int n, const char *robot) {
  double hits = 0, used = 0, steps = 0, clipped = 0, chunks = 0, blocked = 0;
  double timeouts = 0, faults = 0;
  mean dist = {0}, malformed = {0}, metric[METRICS] = {{0}}, well[METRICS] = {{0}};
  int all = 0;
  for (int i = 0; i < n; i++) {
    if (robot && strcmp(r[i].robot, robot) != 0) continue;
    all++;
    hits += r[i].success;
    used += r[i].success ? r[i].steps : 0;
    take(&dist, r[i].goal_dist);
    steps += r[i].steps, clipped += r[i].clipped;
    chunks += r[i].decisions, blocked += r[i].blocked;
    timeouts += r[i].timeout, faults += r[i].fault;
    for (int k = 0; k < METRICS; k++) {
      take(&metric[k], r[i].metric[k]);
      if (!r[i].malformed) take(&well[k], r[i].metric[k]);
    }
    if (r[i].asked) take(&malformed, r[i].malformed);
  }
  gaze_embodied_figures f = {.episodes = all,
                             .success = 100.0 * share(hits, all),
                             .steps_mean = steps > 0 ? share(used, hits) : NAN,
                             .dist_mean = share(dist.sum, dist.n),
                             .clipped = 100.0 * share(clipped, steps),
                             .blocked = 100.0 * share(blocked, chunks),
                             .timeout = 100.0 * share(timeouts, all),
                             .fault = 100.0 * share(faults, all),
                             .malformed = 100.0 * share(malformed.sum, malformed.n)};
  for (int k = 0; k < METRICS; k++) {
    f.metric[k] = share(metric[k].sum, metric[k].n);
    f.well[k] = share(well[k].sum, well[k].n);
  }
  return f;
}

static void add(gaze_buf *b, const char *key, double v) {
  if (isfinite(v))
    gaze_buf_printf(b, ",\"%s\":%.6g", key, v);
  else
    gaze_buf_printf(b, ",\"%s\":null", key);
}

static void add_robots(const gaze_embodied_record *r, int n, gaze_buf *out) {
  bool any = false;
  gaze_buf_str(out, ",\"by_robot\":{");
  for (int i = 0; i < n; i++) {
    bool seen = false;
    for (int k = 0; k < i && !seen; k++) seen = strcmp(r[k].robot, r[i].robot) == 0;
    if (seen) continue;
    const gaze_embodied_figures f = gaze_embodied_sum(r, n, r[i].robot);
    if (any) gaze_buf_str(out, ",");
    gaze_json_add_str(out, r[i].robot, strlen(r[i].robot));
    gaze_buf_printf(out, ":{\"episodes\":%d", f.episodes);
    add(out, "success", f.success);
    for (int k = 0; k < METRICS; k++) add(out, metric_name[k], f.metric[k]);
    gaze_buf_str(out, "}");
    any = true;
  }
  gaze_buf_str(out, "}");
}

static gaze_err add_intervals(const gaze_embodied_record *r, int n, gaze_buf *out) {
  int64_t hits = 0;
  double lo = 0.0, hi = 0.0, *v = malloc((size_t)(n > 0 ? n : 1) * sizeof *v);
  if (!v) return gaze_fail(GAZE_ERR_NOMEM, "metrics: out of memory");
  for (int i = 0; i < n; i++) hits += r[i].success;
  gaze_buf_str(out, ",\"ci95\":{\"success\":");
  if (n > 0) gaze_stats_wilson(hits, n, &lo, &hi);
  if (n > 0)
    gaze_buf_printf(out, "[%.6g,%.6g]", 100.0 * lo, 100.0 * hi);
  else
    gaze_buf_str(out, "[null,null]");
  gaze_err e = GAZE_OK;
  for (int k = 0; k < METRICS && !e; k++) {
    int count = 0;
    for (int i = 0; i < n; i++)
      if (!isnan(r[i].metric[k])) v[count++] = r[i].metric[k];
    if (count == 0) continue;
    if (gaze_stats_bootstrap(v, count, ROUNDS, 1, &lo, &hi))
      e = gaze_fail(GAZE_ERR_NOMEM, "metrics: out of memory");
    gaze_buf_printf(out, ",\"%s\":[%.6g,%.6g]", metric_name[k], lo, hi);
  }
  gaze_buf_str(out, "}");
  free(v);
  return e;
}

// How many episodes failed in which way.
static void add_failures(const gaze_embodied_record *r, int n, gaze_buf *out) {
  bool any = false;
  gaze_buf_str(out, ",\"failures\":{");
  for (int i = 0; i < n; i++) {
    int same = 0;
    bool seen = r[i].success;
    for (int k = 0; k < n && !seen; k++) {
      const bool like = !r[k].success && strcmp(r[k].status, r[i].status) == 0;
      seen = like && k < i;
      same += like;
    }
    if (seen) continue;
    if (any) gaze_buf_str(out, ",");
    gaze_json_add_str(out, r[i].status, strlen(r[i].status));
    gaze_buf_printf(out, ":%d", same);
    any = true;
  }
  gaze_buf_str(out, "}");
}

static void add_more(const gaze_embodied_record *r, int n, const gaze_embodied_figures *f,
                     double seconds, gaze_buf *out) {
  int64_t decisions = 0;
  double steps = 0.0;
  char key[24];
  for (int i = 0; i < n; i++) decisions += r[i].decisions, steps += r[i].steps;
  add(out, "seconds", seconds);
  add(out, "decisions_per_s", share((double)decisions, seconds));
  gaze_buf_printf(out, ",\"more\":{\"decisions\":%lld", (long long)decisions);
  add(out, "steps_mean", f->steps_mean);
  add(out, "goal_dist_mean", f->dist_mean);
  add(out, "clipped", f->clipped);
  add(out, "blocked", f->blocked);
  add(out, "timeout", f->timeout);
  add(out, "fault", f->fault);
  add(out, "malformed", f->malformed);
  for (int k = 0; k < METRICS; k++) {
    snprintf(key, sizeof key, "%s_wellformed", metric_name[k]);
    add(out, key, f->well[k]);
  }
  add_failures(r, n, out);
  add(out, "steps_per_s", share(steps, seconds));
  gaze_buf_str(out, "}}");
}

gaze_err gaze_embodied_json(const gaze_embodied_record *r, int n, const gaze_embodied_report *about,
                            gaze_buf *out) {
  const gaze_embodied_figures f = gaze_embodied_sum(r, n, NULL);
  gaze_buf_str(out, "{\"env\":");
  gaze_json_add_str(out, about->env, strlen(about->env));
  gaze_buf_str(out, ",\"policy\":");
  gaze_json_add_str(out, about->policy, strlen(about->policy));
  gaze_buf_printf(out, ",\"episodes\":%d,\"seed\":%llu", n, (unsigned long long)about->seed);
  add(out, "success", f.success);
  for (int k = 0; k < METRICS; k++) add(out, metric_name[k], f.metric[k]);
  add_robots(r, n, out);
  GAZE_TRY(add_intervals(r, n, out));
  add_more(r, n, &f, about->seconds, out);
  return out->failed ? gaze_fail(GAZE_ERR_NOMEM, "metrics: out of memory") : GAZE_OK;
}
