// envs/avr/metrics.c - see metrics.h. All sums are over main-split episodes unless a name says so.
#include "envs/avr/metrics.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "core/stats.h"

enum { BOOTSTRAP_ROUNDS = 10000 };

void gaze_avr_record_begin(gaze_avr_record *r, const gaze_truth *first) {
  *r = (gaze_avr_record){.control = first->control, .optimal_steps = first->optimal_steps};
  snprintf(r->family, sizeof r->family, "%s", first->family);
  snprintf(r->question, sizeof r->question, "%s", first->question);
}

static bool physical_text(const char *text) {
  return strncmp(text, "pick ", 5) == 0 || strncmp(text, "move ", 5) == 0;
}

void gaze_avr_record_step(gaze_avr_record *r, const gaze_truth *before, const gaze_outcome *out) {
  const bool sure = out->sufficient_before;
  if (!r->begun) {
    r->begun = true;
    r->first_sufficient = sure;
    // an invalid first reply is wrong either way
    r->first_right = out->choice >= 0 && (sure ? out->answered : out->action);
  }
  r->decisions++;
  if (out->format) r->strict++;
  if (out->action) {
    r->actions++;
    if (out->gaining) r->gaining++;
    if (out->useful) r->useful++;
    if (sure) r->over_exploring = true;
    if (out->choice >= 0 && out->choice < before->options &&
        physical_text(before->text[out->choice])) {
      r->physical++;
      if (out->status && strcmp(out->status, "ok") == 0) r->physical_ok++;
    }
  }
  if (out->answered) {
    r->answered = true;
    r->correct = out->correct;
    r->gated = out->correct && sure;
    r->premature = !sure;
  }
}

gaze_err gaze_avr_tally_add(gaze_avr_tally *t, const gaze_avr_record *r) {
  if (t->n == t->cap) {
    int cap = t->cap ? 2 * t->cap : 64;
    gaze_avr_record *grown = realloc(t->record, (size_t)cap * sizeof *grown);
    if (!grown) return gaze_fail(GAZE_ERR_NOMEM, "metrics: out of memory");
    t->record = grown;
    t->cap = cap;
  }
  t->record[t->n++] = *r;
  return GAZE_OK;
}

void gaze_avr_tally_fini(gaze_avr_tally *t) {
  free(t->record);
  *t = GAZE_AVR_TALLY_INIT;
}

static bool in_group(const gaze_avr_record *r, const char *family, const char *question) {
  return (!family || strcmp(r->family, family) == 0) &&
         (!question || strcmp(r->question, question) == 0);
}

// counts behind the figures
typedef struct sums {
  int64_t all, main;
  int64_t class_n[2], class_right[2];  // [not sufficient, sufficient] over all episodes
  int64_t main_right, gated, correct, premature, over;
  int64_t actions, gaining, useful, answered, acting;
  int64_t physical, physical_ok, decisions, strict;
  double igr, excess, spl;
} sums;

static double episode_igr(const gaze_avr_record *r) {
  return r->actions ? (double)r->gaining / r->actions : 0.0;
}

// success weighted by path length; an episode that needs no action and takes none scores in full
static double episode_spl(const gaze_avr_record *r) {
  int longest = r->actions > r->optimal_steps ? r->actions : r->optimal_steps;
  if (!r->gated) return 0.0;
  return longest > 0 ? (double)r->optimal_steps / longest : 1.0;
}

static void add_main(sums *s, const gaze_avr_record *r) {
  s->main++;
  s->main_right += r->first_right;
  s->gated += r->gated;
  s->correct += r->correct;
  s->premature += r->premature;
  s->over += r->over_exploring;
  s->actions += r->actions;
  s->gaining += r->gaining;
  s->useful += r->useful;
  s->answered += r->answered;
  s->acting += r->actions > 0;
  s->physical += r->physical;
  s->physical_ok += r->physical_ok;
  s->decisions += r->decisions;
  s->strict += r->strict;
  s->igr += episode_igr(r);
  if (r->gated) s->excess += r->actions - r->optimal_steps;
  s->spl += episode_spl(r);
}

static sums sum_up(const gaze_avr_tally *t, const char *family, const char *question) {
  sums s = {0};
  for (int i = 0; i < t->n; i++) {
    const gaze_avr_record *r = &t->record[i];
    if (!in_group(r, family, question)) continue;
    s.all++;
    s.class_n[r->first_sufficient]++;
    s.class_right[r->first_sufficient] += r->first_right;
    if (!r->control) add_main(&s, r);
  }
  return s;
}

static double percent(double part, int64_t of) {
  return of ? 100.0 * part / (double)of : NAN;
}

// mean of the class accuracies; of the one class that occurs if the other does not
static double balanced(const sums *s) {
  double mean = 0.0;
  int classes = 0;
  for (int c = 0; c < 2; c++) {
    if (s->class_n[c] == 0) continue;
    mean += percent((double)s->class_right[c], s->class_n[c]);
    classes++;
  }
  return classes ? mean / classes : NAN;
}

gaze_avr_figures gaze_avr_tally_figures(const gaze_avr_tally *t, const char *family,
                                        const char *question) {
  const sums s = sum_up(t, family, question);
  return (gaze_avr_figures){
      .episodes = (int)s.all,
      .main = (int)s.main,
      .isj = balanced(&s),
      .isj_main = percent((double)s.main_right, s.main),
      .igr = percent(s.igr, s.main),
      .igr_acting = percent(s.igr, s.acting),
      .igr_pooled = percent((double)s.gaining, s.actions + s.answered),
      .useful = percent((double)s.useful, s.actions),
      .fa = percent((double)s.gated, s.main),
      .fa_ungated = percent((double)s.correct, s.main),
      .steps_mean = s.main ? (double)s.actions / (double)s.main : NAN,
      .excess = s.gated ? s.excess / (double)s.gated : NAN,
      .spl = percent(s.spl, s.main),
      .premature = percent((double)s.premature, s.main),
      .over_exploring = percent((double)s.over, s.main),
      .execution = percent((double)s.physical_ok, s.physical),
      .format = percent((double)s.strict, s.decisions),
  };
}

static void add_number(gaze_buf *b, double v) {
  if (isfinite(v)) {
    gaze_buf_printf(b, "%.6g", v);
  } else {
    gaze_buf_str(b, "null");
  }
}

static void add_figure(gaze_buf *b, bool *any, const char *key, double v) {
  gaze_buf_printf(b, "%s\"%s\":", *any ? "," : "", key);
  add_number(b, v);
  *any = true;
}

// the keys that every group prints
static void add_figures(gaze_buf *b, const gaze_avr_figures *f) {
  bool any = false;
  add_figure(b, &any, "isj", f->isj);
  add_figure(b, &any, "isj_main", f->isj_main);
  add_figure(b, &any, "igr", f->igr);
  add_figure(b, &any, "useful", f->useful);
  add_figure(b, &any, "fa", f->fa);
  add_figure(b, &any, "fa_ungated", f->fa_ungated);
  add_figure(b, &any, "steps_mean", f->steps_mean);
  add_figure(b, &any, "spl", f->spl);
}

static const char *group_name(const gaze_avr_record *r, bool by_family) {
  return by_family ? r->family : r->question;
}

// one object per group, in the order of the alphabet so that equal runs print equal bytes
static void add_groups(const gaze_avr_tally *t, bool by_family, gaze_buf *b) {
  const char *last = "";
  for (bool any = false;; any = true) {
    const char *next = NULL;
    for (int i = 0; i < t->n; i++) {
      const char *name = group_name(&t->record[i], by_family);
      if (strcmp(name, last) > 0 && (!next || strcmp(name, next) < 0)) next = name;
    }
    if (!next) return;
    gaze_avr_figures f =
        by_family ? gaze_avr_tally_figures(t, next, NULL) : gaze_avr_tally_figures(t, NULL, next);
    if (any) gaze_buf_str(b, ",");
    gaze_json_add_str(b, next, strlen(next));
    gaze_buf_printf(b, ":{\"episodes\":%d,", f.episodes);
    add_figures(b, &f);
    gaze_buf_str(b, "}");
    last = next;
  }
}

static void add_interval(gaze_buf *b, bool *any, const char *key, double lo, double hi) {
  gaze_buf_printf(b, "%s\"%s\":[", *any ? "," : "", key);
  add_number(b, lo);
  gaze_buf_str(b, ",");
  add_number(b, hi);
  gaze_buf_str(b, "]");
  *any = true;
}

static void add_share(gaze_buf *b, bool *any, const char *key, int64_t hits, int64_t n) {
  double lo = 0.0, hi = 0.0;
  gaze_stats_wilson(hits, n, &lo, &hi);
  add_interval(b, any, key, 100.0 * lo, 100.0 * hi);
}

// interval of a mean of two independent shares: squared half-widths add (Newcombe 1998)
static void add_balanced(gaze_buf *b, bool *any, const sums *s) {
  double p = 0.0, below = 0.0, above = 0.0;
  int classes = 0;
  for (int c = 0; c < 2; c++) {
    if (s->class_n[c] == 0) continue;
    double lo = 0.0, hi = 0.0, share = (double)s->class_right[c] / (double)s->class_n[c];
    gaze_stats_wilson(s->class_right[c], s->class_n[c], &lo, &hi);
    p += share;
    below += (share - lo) * (share - lo);
    above += (hi - share) * (hi - share);
    classes++;
  }
  if (classes == 0) {
    add_interval(b, any, "isj", NAN, NAN);
    return;
  }
  double k = 100.0 / classes;
  add_interval(b, any, "isj", k * (p - sqrt(below)), k * (p + sqrt(above)));
}

typedef double (*episode_value)(const gaze_avr_record *r);
static double episode_steps(const gaze_avr_record *r) {
  return r->actions;
}

static gaze_err add_mean(const gaze_avr_tally *t, gaze_buf *b, bool *any, const char *key,
                         episode_value value, double scale, uint64_t seed) {
  double *v = malloc((size_t)(t->n ? t->n : 1) * sizeof *v);
  if (!v) return gaze_fail(GAZE_ERR_NOMEM, "metrics: out of memory");
  int n = 0;
  for (int i = 0; i < t->n; i++)
    if (!t->record[i].control) v[n++] = scale * value(&t->record[i]);
  double lo = NAN, hi = NAN;
  int rc = n ? gaze_stats_bootstrap(v, n, BOOTSTRAP_ROUNDS, seed, &lo, &hi) : 0;
  free(v);
  if (rc) return gaze_fail(GAZE_ERR_NOMEM, "metrics: out of memory");
  add_interval(b, any, key, lo, hi);
  return GAZE_OK;
}

static gaze_err add_intervals(const gaze_avr_tally *t, uint64_t seed, gaze_buf *b) {
  const sums s = sum_up(t, NULL, NULL);
  bool any = false;
  add_balanced(b, &any, &s);
  add_share(b, &any, "isj_main", s.main_right, s.main);
  GAZE_TRY(add_mean(t, b, &any, "igr", episode_igr, 100.0, seed));
  add_share(b, &any, "useful", s.useful, s.actions);
  add_share(b, &any, "fa", s.gated, s.main);
  add_share(b, &any, "fa_ungated", s.correct, s.main);
  GAZE_TRY(add_mean(t, b, &any, "steps_mean", episode_steps, 1.0, seed));
  return add_mean(t, b, &any, "spl", episode_spl, 100.0, seed);
}

// mean of the per-family figures that exist, as published under AVG
static double family_mean(const gaze_avr_tally *t, int which) {
  double mean = 0.0;
  int families = 0;
  for (int i = 0; i < t->n; i++) {
    bool seen = false;
    for (int k = 0; k < i && !seen; k++)
      seen = strcmp(t->record[k].family, t->record[i].family) == 0;
    if (seen) continue;
    gaze_avr_figures f = gaze_avr_tally_figures(t, t->record[i].family, NULL);
    double v = which == 0 ? f.isj_main : which == 1 ? f.igr : f.fa;
    if (!isfinite(v)) continue;
    mean += v;
    families++;
  }
  return families ? mean / families : NAN;
}

static void add_more(const gaze_avr_tally *t, const gaze_avr_figures *f, gaze_buf *b) {
  bool any = false;
  add_figure(b, &any, "main_episodes", f->main);
  add_figure(b, &any, "igr_acting", f->igr_acting);
  add_figure(b, &any, "igr_pooled", f->igr_pooled);
  add_figure(b, &any, "excess", f->excess);
  add_figure(b, &any, "premature", f->premature);
  add_figure(b, &any, "over_exploring", f->over_exploring);
  add_figure(b, &any, "execution", f->execution);
  add_figure(b, &any, "format", f->format);
  add_figure(b, &any, "family_mean_isj_main", family_mean(t, 0));
  add_figure(b, &any, "family_mean_igr", family_mean(t, 1));
  add_figure(b, &any, "family_mean_fa", family_mean(t, 2));
}

gaze_err gaze_avr_tally_json(const gaze_avr_tally *t, const gaze_avr_report *report,
                             gaze_buf *out) {
  const gaze_avr_figures f = gaze_avr_tally_figures(t, NULL, NULL);
  int64_t decisions = 0;
  for (int i = 0; i < t->n; i++) decisions += t->record[i].decisions;

  gaze_buf_str(out, "{\"env\":");
  gaze_json_add_str(out, report->env, strlen(report->env));
  gaze_buf_str(out, ",\"policy\":");
  gaze_json_add_str(out, report->policy, strlen(report->policy));
  gaze_buf_printf(out, ",\"episodes\":%d,\"seed\":%llu,", f.episodes,
                  (unsigned long long)report->seed);
  add_figures(out, &f);
  gaze_buf_str(out, ",\"by_family\":{");
  add_groups(t, true, out);
  gaze_buf_str(out, "},\"by_question\":{");
  add_groups(t, false, out);
  gaze_buf_str(out, "},\"ci95\":{");
  GAZE_TRY(add_intervals(t, report->seed, out));
  gaze_buf_str(out, "},\"seconds\":");
  add_number(out, report->seconds);
  gaze_buf_str(out, ",\"decisions_per_s\":");
  add_number(out, report->seconds > 0.0 ? (double)decisions / report->seconds : NAN);
  gaze_buf_str(out, ",\"more\":{");
  add_more(t, &f, out);
  gaze_buf_str(out, "}}");
  return out->failed ? gaze_fail(GAZE_ERR_NOMEM, "metrics: out of memory") : GAZE_OK;
}
