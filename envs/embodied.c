// envs/embodied.c - see embodied.h.
#include "envs/embodied.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "core/json.h"
#include "core/stats.h"

void gaze_embodied_begin(gaze_embodied_record *r, const gaze_truth *first) {
  *r = (gaze_embodied_record){.goal_dist = NAN};
  if (first) snprintf(r->robot, sizeof r->robot, "%s", first->layout);
}

void gaze_embodied_step(gaze_embodied_record *r, const gaze_outcome *out) {
  const char *status = out->status ? out->status : "";
  r->decisions++;
  r->steps += out->steps;
  r->clipped += out->clipped;
  r->blocked += strcmp(status, "blocked") == 0;
  r->goal_dist = (double)out->goal_dist;
  r->success = out->terminated && out->correct;
  r->fault = out->truncated && strcmp(status, "fault") == 0;
  r->timeout = out->truncated && !r->fault;
}

static double share(double part, double of) {
  return of > 0.0 ? part / of : NAN;
}

gaze_embodied_figures gaze_embodied_sum(const gaze_embodied_record *r, int n, const char *robot) {
  double hits = 0, used = 0, dist = 0, steps = 0, clipped = 0, chunks = 0, blocked = 0;
  double timeouts = 0, faults = 0;
  int all = 0;
  for (int i = 0; i < n; i++) {
    if (robot && strcmp(r[i].robot, robot) != 0) continue;
    all++;
    hits += r[i].success;
    used += r[i].success ? r[i].steps : 0;
    dist += r[i].goal_dist;
    steps += r[i].steps, clipped += r[i].clipped;
    chunks += r[i].decisions, blocked += r[i].blocked;
    timeouts += r[i].timeout, faults += r[i].fault;
  }
  return (gaze_embodied_figures){.episodes = all,
                                 .success = 100.0 * share(hits, all),
                                 .steps_mean = share(used, hits),
                                 .dist_mean = share(dist, all),
                                 .clipped = 100.0 * share(clipped, steps),
                                 .blocked = 100.0 * share(blocked, chunks),
                                 .timeout = 100.0 * share(timeouts, all),
                                 .fault = 100.0 * share(faults, all)};
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
    gaze_buf_str(out, "}");
    any = true;
  }
  gaze_buf_str(out, "}");
}

gaze_err gaze_embodied_json(const gaze_embodied_record *r, int n, const gaze_embodied_report *about,
                            gaze_buf *out) {
  const gaze_embodied_figures f = gaze_embodied_sum(r, n, NULL);
  int64_t hits = 0, decisions = 0;
  double lo = NAN, hi = NAN, steps = 0.0;
  for (int i = 0; i < n; i++)
    hits += r[i].success, decisions += r[i].decisions, steps += r[i].steps;
  if (n > 0) gaze_stats_wilson(hits, n, &lo, &hi);

  gaze_buf_str(out, "{\"env\":");
  gaze_json_add_str(out, about->env, strlen(about->env));
  gaze_buf_str(out, ",\"policy\":");
  gaze_json_add_str(out, about->policy, strlen(about->policy));
  gaze_buf_printf(out, ",\"episodes\":%d,\"seed\":%llu", n, (unsigned long long)about->seed);
  add(out, "success", f.success);
  gaze_buf_str(out, ",\"iou\":null,\"dfd\":null,\"hd\":null,\"rmse\":null,\"avg\":null");
  add_robots(r, n, out);
  gaze_buf_str(out, ",\"ci95\":{\"success\":");
  if (n > 0)
    gaze_buf_printf(out, "[%.6g,%.6g]}", 100.0 * lo, 100.0 * hi);
  else
    gaze_buf_str(out, "[null,null]}");
  add(out, "seconds", about->seconds);
  add(out, "decisions_per_s", share((double)decisions, about->seconds));
  gaze_buf_printf(out, ",\"more\":{\"decisions\":%lld", (long long)decisions);
  add(out, "steps_mean", f.steps_mean);
  add(out, "goal_dist_mean", f.dist_mean);
  add(out, "clipped", f.clipped);
  add(out, "blocked", f.blocked);
  add(out, "timeout", f.timeout);
  add(out, "fault", f.fault);
  add(out, "steps_per_s", share(steps, about->seconds));
  gaze_buf_str(out, "}}");
  return out->failed ? gaze_fail(GAZE_ERR_NOMEM, "metrics: out of memory") : GAZE_OK;
}
