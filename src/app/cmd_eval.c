// app/cmd_eval.c - gaze eval: figures of a policy over many episodes, in parallel.
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "app/play.h"
#include "app/registry.h"
#include "core/clock.h"
#include "envs/avr/metrics.h"
#include "envs/embodied.h"

// shared by the workers, which take the next episode and write its record by number
typedef struct job {
  const gaze_env *env;
  const gaze_policy *policy;
  gaze_cfg *cfg;
  uint64_t first_seed;
  int episodes, workers;
  gaze_avr_record *record;         // [episodes], of AVR
  gaze_embodied_record *embodied;  // [episodes], of embodied tasks; the other one is NULL
  pthread_mutex_t lock;            // guards the rest
  int next, done;
  int64_t decisions;
  int64_t last_line_ns;
  gaze_err err;
  char detail[512];
} job;

typedef struct worker {
  job *job;
  int episode;  // number of the episode being played
} worker;

static gaze_err on_begin(void *ctx, int episode, const gaze_obs *obs) {
  (void)episode;
  worker *w = ctx;
  if (!obs->truth) return gaze_fail(GAZE_ERR_STATE, "eval: the environment gave no truth");
  if (w->job->embodied)
    gaze_embodied_begin(&w->job->embodied[w->episode], obs->truth);
  else
    gaze_avr_record_begin(&w->job->record[w->episode], obs->truth);
  return GAZE_OK;
}

static void show(job *j) {
  int64_t now = gaze_clock_now(), every = isatty(2) ? 300000000 : 10000000000;
  if (now - j->last_line_ns < every && j->done != j->episodes) return;
  j->last_line_ns = now;
  fprintf(stderr, "%s%d/%d episodes%s", isatty(2) ? "\r" : "", j->done, j->episodes,
          isatty(2) && j->done != j->episodes ? " " : "\n");
}

static gaze_err on_step(void *ctx, const gaze_step_view *v) {
  worker *w = ctx;
  if (w->job->embodied)
    gaze_embodied_step(&w->job->embodied[w->episode], v->out);
  else
    gaze_avr_record_step(&w->job->record[w->episode], v->truth, v->out);
  pthread_mutex_lock(&w->job->lock);
  w->job->decisions++;
  if (v->last) {
    w->job->done++;
    show(w->job);
  }
  pthread_mutex_unlock(&w->job->lock);
  return GAZE_OK;
}

static void *work(void *arg) {
  worker *w = arg;
  job *j = w->job;
  const gaze_play play = {.env = j->env,
                          .policy = j->policy,
                          .env_cfg = j->cfg,
                          .policy_cfg = j->cfg,
                          .first_seed = j->first_seed,
                          .begin = on_begin,
                          .step = on_step,
                          .ctx = w,
                          .stop = gaze_stop_flag()};
  gaze_player *player = NULL;
  gaze_err e = gaze_player_open(&player, &play);
  while (!e) {
    pthread_mutex_lock(&j->lock);
    w->episode = j->err ? j->episodes : j->next++;
    pthread_mutex_unlock(&j->lock);
    if (w->episode >= j->episodes) break;
    e = gaze_player_episode(player, &play, w->episode);
  }
  if (e) {
    pthread_mutex_lock(&j->lock);
    if (!j->err) {
      j->err = e;
      snprintf(j->detail, sizeof j->detail, "%s", gaze_err_detail());
    }
    pthread_mutex_unlock(&j->lock);
  }
  gaze_player_close(&player);
  return NULL;
}

static gaze_err run_workers(job *j) {
  pthread_t thread[256];
  worker w[256];
  int started = 0;
  for (; started < j->workers; started++) {
    w[started] = (worker){.job = j};
    if (pthread_create(&thread[started], NULL, work, &w[started])) break;
  }
  for (int i = 0; i < started; i++) pthread_join(thread[i], NULL);
  if (j->err) return gaze_fail(j->err, "%s", j->detail);
  return started ? GAZE_OK : gaze_fail(GAZE_ERR_NOMEM, "cannot start a thread");
}

// a percentage, or "-" where nothing was there to be counted
static void print_share(double percent) {
  if (isnan(percent))
    printf(" %6s", "-");
  else
    printf(" %6.1f", percent);
}

// the figures most people want, one a line
static void print_table(const gaze_avr_tally *t, double seconds, int64_t decisions) {
  static const char *const family[] = {NULL, "occlusion", "stack"};
  static const char *const question[] = {"Q1", "Q2", "Q3", "E1", "K1", "K2", "K3"};
  printf("%-16s %6s %6s %6s %6s %6s %6s %6s\n", "", "n", "isj", "igr", "useful", "fa", "fa ung.",
         "steps");
  for (size_t i = 0; i < 10; i++) {
    const char *f = i < 3 ? family[i] : NULL, *q = i < 3 ? NULL : question[i - 3];
    gaze_avr_figures g = gaze_avr_tally_figures(t, f, q);
    if (g.episodes == 0) continue;
    const double share[] = {g.isj, g.igr, g.useful, g.fa, g.fa_ungated};
    printf("%-16s %6d", f ? f : q ? q : "all", g.episodes);
    for (int k = 0; k < 5; k++) print_share(share[k]);
    printf(" %6.2f\n", g.steps_mean);
  }
  printf("%.1f s, %.1f decisions/s\n", seconds, (double)decisions / seconds);
}

static gaze_err report(job *j, const char *env_name, uint64_t seed, double seconds, bool json) {
  gaze_avr_tally tally = GAZE_AVR_TALLY_INIT;
  gaze_err e = GAZE_OK;
  for (int i = 0; i < j->episodes && !e; i++) e = gaze_avr_tally_add(&tally, &j->record[i]);
  gaze_buf text = GAZE_BUF_INIT;
  const gaze_avr_report r = {
      .env = env_name, .policy = j->policy->name, .seed = seed, .seconds = seconds};
  if (!e && json) e = gaze_avr_tally_json(&tally, &r, &text);
  if (!e && json) printf("%s\n", gaze_buf_text(&text));
  if (!e && !json) print_table(&tally, seconds, j->decisions);
  gaze_buf_fini(&text);
  gaze_avr_tally_fini(&tally);
  return e;
}

// tasks told chunks
static void print_motion(const gaze_embodied_figures *f) {
  if (f->success > 0.0) printf(" (%.1f actions each)", f->steps_mean);
  printf(", %.1f mm from the goal at the end\n", 1e3 * f->dist_mean);
  printf("cut actions %.1f %%, blocked chunks %.1f %%, timeouts %.1f %%, faults %.1f %%\n",
         f->clipped, f->blocked, f->timeout, f->fault);
}

// tasks told a box or a path
static void print_replies(const gaze_embodied_figures *f) {
  const double *m = f->metric;
  if (!isnan(m[GAZE_EMBODIED_IOU])) printf(", IoU %.1f", m[GAZE_EMBODIED_IOU]);
  if (!isnan(m[GAZE_EMBODIED_AVG]))
    printf(", DFD %.1f, HD %.1f, RMSE %.1f, Avg %.1f", m[GAZE_EMBODIED_DFD], m[GAZE_EMBODIED_HD],
           m[GAZE_EMBODIED_RMSE], m[GAZE_EMBODIED_AVG]);
  printf("\nmalformed replies %.1f %%, blocked %.1f %%, faults %.1f %%\n", f->malformed, f->blocked,
         f->fault);
}

static gaze_err report_embodied(job *j, const char *env_name, uint64_t seed, double seconds,
                                bool json) {
  const gaze_embodied_report about = {
      .env = env_name, .policy = j->policy->name, .seed = seed, .seconds = seconds};
  if (json) {
    gaze_buf text = GAZE_BUF_INIT;
    gaze_err e = gaze_embodied_json(j->embodied, j->episodes, &about, &text);
    if (!e) printf("%s\n", gaze_buf_text(&text));
    gaze_buf_fini(&text);
    return e;
  }
  const gaze_embodied_figures f = gaze_embodied_sum(j->embodied, j->episodes, NULL);
  printf("%d episodes: success %.1f %%", f.episodes, f.success);
  if (j->env->act_dims > 0)
    print_motion(&f);
  else
    print_replies(&f);
  printf("%.1f s, %.1f decisions/s\n", seconds, (double)j->decisions / seconds);
  return GAZE_OK;
}

static gaze_err evaluate(gaze_args *a) {
  const char *spec, *policy;
  int64_t episodes, seed;
  bool json;
  char split[16];
  GAZE_TRY(gaze_cfg_str(a->cfg, "env", "avr:test", &spec));
  GAZE_TRY(gaze_cfg_str(a->cfg, "policy", "vla", &policy));
  GAZE_TRY(gaze_cfg_int(a->cfg, "episodes", 100, 1, 1000000, &episodes));
  GAZE_TRY(gaze_cfg_int(a->cfg, "seed", 0, 0, 1LL << 52, &seed));
  GAZE_TRY(gaze_cfg_bool(a->cfg, "json", false, &json));
  job j = {.cfg = a->cfg, .episodes = (int)episodes};
  GAZE_TRY(gaze_args_threads(a->cfg, &j.workers));
  if (j.workers > j.episodes) j.workers = j.episodes;
  GAZE_TRY(gaze_env_spec(spec, "test", &j.env, split, &j.first_seed));
  GAZE_TRY(gaze_policy_find(policy, &j.policy));
  GAZE_TRY(gaze_play_image_size(a->cfg, j.policy));
  j.first_seed += (uint64_t)seed;
  // parallel episodes beat parallel products, so each worker computes alone
  GAZE_TRY(gaze_cfg_set_str(a->cfg, "split", split));
  GAZE_TRY(gaze_cfg_set(a->cfg, "oracle=true"));
  GAZE_TRY(gaze_cfg_set_num(a->cfg, "threads", 1));
  if (j.env->embodied)
    j.embodied = calloc((size_t)j.episodes, sizeof *j.embodied);
  else
    j.record = calloc((size_t)j.episodes, sizeof *j.record);
  if (!j.record && !j.embodied) return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
  pthread_mutex_init(&j.lock, NULL);
  int64_t t0 = gaze_clock_now();
  gaze_err e = run_workers(&j);
  double seconds = (double)(gaze_clock_now() - t0) * 1e-9;
  if (!e && j.embodied) e = report_embodied(&j, spec, (uint64_t)seed, seconds, json);
  if (!e && j.record) e = report(&j, spec, (uint64_t)seed, seconds, json);
  pthread_mutex_destroy(&j.lock);
  free(j.record);
  free(j.embodied);
  return e;
}

static const gaze_flag flags[] = {
    {.name = "--env",
     .key = "env",
     .kind = GAZE_FLAG_TEXT,
     .value = "ENV[:SPLIT]",
     .help = "test (default), val, train; transfer: layouts, cogent, light"},
    {.name = "--policy",
     .key = "policy",
     .kind = GAZE_FLAG_TEXT,
     .value = "P",
     .help = "vla (default) or another; an unknown name lists them all"},
    {.name = "--model",
     .key = "model",
     .kind = GAZE_FLAG_TEXT,
     .value = "DIR",
     .help = "model folder of vla and blind (default policies/tiny)"},
    {.name = "--episodes",
     .key = "episodes",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 1,
     .hi = 1000000,
     .help = "how many (default 100)"},
    {.name = "--seed",
     .key = "seed",
     .kind = GAZE_FLAG_INT,
     .value = "S",
     .lo = 0,
     .hi = 1e15,
     .help = "episode i uses the split's first seed + S + i"},
    {.name = "--weights",
     .key = "weights",
     .kind = GAZE_FLAG_TEXT,
     .value = "TYPE",
     .help = "f32 (default), bf16 or int8 in memory"},
    {.name = "--temperature",
     .key = "temperature",
     .kind = GAZE_FLAG_NUM,
     .value = "T",
     .lo = 0,
     .hi = 100,
     .help = "0 = greedy (default)"},
    {.name = "--image-size",
     .key = "image_size",
     .kind = GAZE_FLAG_INT,
     .value = "PX",
     .lo = 28,
     .hi = 1792,
     .help = "pixels of the policy's picture (default: what its model asks for, else 224)"},
    {.name = "--threads",
     .key = "threads",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 0,
     .hi = 256,
     .help = "episodes played at once (0: one per processor)"},
    {.name = "--set",
     .kind = GAZE_FLAG_SET,
     .value = "KEY=VALUE",
     .help = "one setting, e.g. avr.family=stack"},
    {.name = "--json", .key = "json", .kind = GAZE_FLAG_SWITCH, .help = "all figures as JSON"},
    {0},
};

const gaze_command gaze_cmd_eval = {
    .name = "eval",
    .about = "measure a policy over many episodes",
    .usage = "eval --env avr:test --policy P --episodes N [--json]",
    .more =
        "Figures (percent, avr.md section 8): isj = does it know whether it has seen enough\n"
        "(mean of both classes), igr = share of its actions that revealed something relevant,\n"
        "fa = right answers given with sufficient evidence. Embodied tasks (reach,\n"
        "affordance, trajectory): success, IoU of boxes, distances of paths.\n",
    .flags = flags,
    .body = evaluate,
};
