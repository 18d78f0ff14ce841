// app/cmd_gen.c - gaze gen: training conversations with oracle thoughts, drawn in parallel.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "app/registry.h"
#include "core/clock.h"
#include "data/episode.h"
#include "envs/avr/talk.h"
#include "rt/pool.h"

enum { CHUNK = 64 };  // records drawn between two writes

typedef enum kind { EPISODES, PERCEPTION, LOOKUP, PLAYED, KINDS = PLAYED } kind;
static const char *const kind_name[KINDS] = {"avr", "perception", "lookup"};

typedef struct job {
  kind kind;
  const gaze_env *env;  // PLAYED: any environment told text, played by its oracle
  const char *name;
  uint64_t seed;
  int64_t first, n;      // records of the present chunk
  gaze_talker **talker;  // [workers]
  void **played;         // [workers]
  gaze_record record[CHUNK];
  gaze_err err[CHUNK];
  char detail[256];
} job;

// An episode in which every reply is the ideal one.
static gaze_err play(const gaze_env *env, void *self, uint64_t seed, gaze_talk *talk) {
  gaze_obs obs;
  gaze_outcome out = {0};
  gaze_talk_clear(talk);
  GAZE_TRY(env->reset(self, seed, &obs));
  while (!out.terminated && !out.truncated) {
    const gaze_image *im = obs.images ? obs.image : NULL;
    if (!obs.truth || !obs.truth->reply[0])
      return gaze_fail(GAZE_ERR_UNSUPPORTED, "%s has no oracle that writes", env->name);
    GAZE_TRY(gaze_talk_add(talk, obs.text, obs.truth->reply, im ? im->rgb : NULL, im ? im->w : 0,
                           im ? im->h : 0, GAZE_TAUGHT_ALL));
    // the truth changes with the step, what was kept of it does not
    const gaze_act act = {.text = talk->turn[talk->turns - 1].reply};
    GAZE_TRY(env->step(self, &act, &obs, &out));
  }
  return GAZE_OK;
}

static gaze_err draw(const job *j, int worker, int64_t i, gaze_talk *talk, gaze_record *rec) {
  gaze_talker *t = j->talker ? j->talker[worker] : NULL;
  gaze_rng r;
  gaze_rng_init(&r, j->seed + (uint64_t)i, (uint64_t)j->kind + 1);
  if (j->kind == EPISODES) GAZE_TRY(gaze_talk_episode(t, &r, talk));
  if (j->kind == PERCEPTION) GAZE_TRY(gaze_talk_perception(t, &r, talk));
  if (j->kind == LOOKUP) GAZE_TRY(gaze_talk_lookup(&r, talk));
  if (j->kind == PLAYED) GAZE_TRY(play(j->env, j->played[worker], j->seed + (uint64_t)i, talk));

  char id[64];
  snprintf(id, sizeof id, "%s-%lld", j->name, (long long)(j->seed + (uint64_t)i));
  gaze_record_init(rec, id, j->name, j->seed + (uint64_t)i);
  for (int k = 0; k < talk->turns; k++) {
    const gaze_turn *turn = &talk->turn[k];
    GAZE_TRY(gaze_record_add_turn(rec, turn->user, turn->reply, turn->taught, NULL, NULL));
    const gaze_image im = {.rgb = turn->rgb, .w = turn->w, .h = turn->h, .camera = "viewer"};
    if (turn->rgb) GAZE_TRY(gaze_record_add_image(rec, &im));
  }
  return GAZE_OK;
}

// records go to workers in turn, so what a record holds does not depend on their number
static void draw_share(void *ctx, int worker, int workers) {
  job *j = ctx;
  gaze_talk talk = GAZE_TALK_INIT;
  for (int64_t i = worker; i < j->n; i += workers) {
    j->err[i] = draw(j, worker, j->first + i, &talk, &j->record[i]);
    if (j->err[i] && worker == 0) snprintf(j->detail, sizeof j->detail, "%s", gaze_err_detail());
  }
  gaze_talk_fini(&talk);
}

static gaze_err write_chunk(job *j, gaze_record_writer *w) {
  gaze_err e = GAZE_OK;
  for (int64_t i = 0; i < j->n; i++) {
    if (!e && j->err[i])
      e = gaze_fail(j->err[i], "record %lld: %s", (long long)(j->first + i),
                    j->detail[0] ? j->detail : gaze_err_text(j->err[i]));
    if (!e) e = gaze_record_write(w, &j->record[i]);
    gaze_record_free(&j->record[i]);
  }
  return e;
}

static gaze_err draw_all(job *j, gaze_pool *pool, gaze_record_writer *w, int64_t episodes) {
  int64_t begin = gaze_clock_now(), last = begin;
  for (j->first = 0; j->first < episodes; j->first += j->n) {
    j->n = episodes - j->first < CHUNK ? episodes - j->first : CHUNK;
    gaze_pool_run(pool, draw_share, j);
    GAZE_TRY(write_chunk(j, w));
    int64_t now = gaze_clock_now(), done = j->first + j->n;
    bool terminal = isatty(2);
    if (now - last > (terminal ? 300000000 : 10000000000) || done == episodes) {
      last = now;
      fprintf(stderr, "%s%lld/%lld %s  %.1f/s%s", terminal ? "\r" : "", (long long)done,
              (long long)episodes, j->name, (double)done * 1e9 / (double)(now - begin),
              terminal && done != episodes ? "  " : "\n");
    }
    if (*gaze_stop_flag())
      return gaze_fail(GAZE_ERR_INTERRUPTED, "stopped after %lld records; they are in the file",
                       (long long)done);
  }
  return GAZE_OK;
}

static gaze_err read_kind(job *j, const char *env) {
  for (int i = 0; i < KINDS; i++) {
    if (strcmp(env, kind_name[i]) && !(i == 0 && !strcmp(env, "avr:train"))) continue;
    j->kind = (kind)i, j->name = kind_name[i];
    return GAZE_OK;
  }
  char split[16];
  uint64_t first;
  GAZE_TRY(gaze_env_spec(env, "train", &j->env, split, &first));
  if (j->env->act_dims > 0 || strchr(env, ':'))
    return gaze_fail(GAZE_ERR_ARG,
                     "--env %s: expected avr, perception, lookup or an environment told text", env);
  j->kind = PLAYED, j->name = j->env->name;
  return GAZE_OK;
}

// Of an arm only the words are wanted, unless told otherwise.
static gaze_err open_played(job *j, gaze_cfg *cfg, int workers) {
  char key[64];
  snprintf(key, sizeof key, "%s.execute", j->env->name);
  if (j->env->embodied && !gaze_cfg_has(cfg, key)) {
    strcat(key, "=false");
    GAZE_TRY(gaze_cfg_set(cfg, key));
  }
  GAZE_TRY(gaze_cfg_set(cfg, "oracle=true"));
  j->played = calloc((size_t)workers, sizeof *j->played);
  if (!j->played) return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
  for (int i = 0; i < workers; i++) GAZE_TRY(j->env->open(&j->played[i], cfg));
  return GAZE_OK;
}

static gaze_err open_talkers(job *j, gaze_cfg *cfg, int workers) {
  if (j->kind == PLAYED) return open_played(j, cfg, workers);
  j->talker = calloc((size_t)workers, sizeof *j->talker);
  if (!j->talker) return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
  for (int i = 0; i < workers && j->kind != LOOKUP; i++)
    GAZE_TRY(gaze_talker_open(&j->talker[i], cfg));
  return GAZE_OK;
}

static gaze_err generate(gaze_args *a) {
  const char *env, *policy, *out;
  int64_t episodes, seed;
  int workers;
  GAZE_TRY(gaze_cfg_str(a->cfg, "env", "avr", &env));
  GAZE_TRY(gaze_cfg_str(a->cfg, "policy", "oracle", &policy));
  GAZE_TRY(gaze_cfg_str(a->cfg, "out", NULL, &out));
  GAZE_TRY(gaze_cfg_int(a->cfg, "episodes", 1000, 1, 100000000, &episodes));
  GAZE_TRY(gaze_cfg_int(a->cfg, "seed", 0, 0, 1LL << 52, &seed));
  GAZE_TRY(gaze_args_threads(a->cfg, &workers));
  if (!out) return gaze_fail(GAZE_ERR_ARG, "--out FILE.mcap is missing");
  if (strcmp(policy, "oracle"))
    return gaze_fail(GAZE_ERR_ARG, "--policy %s: only the oracle writes training thoughts", policy);
  job *j = calloc(1, sizeof *j);
  if (!j) return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
  gaze_pool *pool = NULL;
  gaze_record_writer *w = NULL;
  j->seed = (uint64_t)seed;

  // drawing data takes the cheap labels of avr.md section 7 unless told otherwise
  gaze_err e = read_kind(j, env);
  if (!e && !gaze_cfg_has(a->cfg, "avr.judge_size"))
    e = gaze_cfg_set_num(a->cfg, "avr.judge_size", 224);
  if (!e && !gaze_cfg_has(a->cfg, "avr.search_depth"))
    e = gaze_cfg_set_num(a->cfg, "avr.search_depth", 4);
  if (!e && !gaze_cfg_has(a->cfg, "avr.sufficient_share"))
    e = gaze_cfg_set_num(a->cfg, "avr.sufficient_share", 0.4);
  if (!e) e = gaze_cfg_set_num(a->cfg, "threads", 1);
  if (!e) e = open_talkers(j, a->cfg, workers);
  if (!e) e = gaze_pool_open(&pool, workers);
  char *manifest = e ? NULL : gaze_cfg_dump(a->cfg);
  if (!e) e = gaze_record_create(&w, out, manifest);
  free(manifest);
  if (!e) e = draw_all(j, pool, w, episodes);
  // what was drawn before an interruption or failure stays readable
  gaze_err end = w ? gaze_record_finish(&w) : GAZE_OK;
  gaze_pool_close(&pool);
  for (int i = 0; j->talker && i < workers; i++) gaze_talker_close(&j->talker[i]);
  for (int i = 0; j->played && i < workers; i++)
    if (j->played[i]) j->env->close(&j->played[i]);
  free(j->talker);
  free(j->played);
  free(j);
  return e ? e : end;
}

static const gaze_flag flags[] = {
    {.name = "--env",
     .key = "env",
     .kind = GAZE_FLAG_TEXT,
     .value = "E",
     .help = "avr (played episodes), perception (look and list), lookup (text only), affordance, "
             "trajectory, tutorial"},
    {.name = "--policy",
     .key = "policy",
     .kind = GAZE_FLAG_TEXT,
     .value = "oracle",
     .help = "who plays; only the oracle writes thoughts to learn from"},
    {.name = "--episodes",
     .key = "episodes",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 1,
     .hi = 1e8,
     .help = "conversations (default 1000)"},
    {.name = "--seed",
     .key = "seed",
     .kind = GAZE_FLAG_INT,
     .value = "S",
     .lo = 0,
     .hi = 1e15,
     .help = "record i is drawn from seed S + i"},
    {.name = "--out",
     .key = "out",
     .kind = GAZE_FLAG_TEXT,
     .value = "FILE.mcap",
     .help = "where to write; opens in Foxglove"},
    {.name = "--image-size",
     .key = "image_size",
     .kind = GAZE_FLAG_INT,
     .value = "PX",
     .lo = 28,
     .hi = 1792,
     .help = "pixels of the pictures (default 224)"},
    {.name = "--threads",
     .key = "threads",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 0,
     .hi = 256,
     .help = "drawn at once (0: one per processor); the file does not depend on it"},
    {.name = "--set",
     .kind = GAZE_FLAG_SET,
     .value = "KEY=VALUE",
     .help = "one setting, e.g. avr.sufficient_share=0.4, talk.noise=0.3"},
    {0},
};

const gaze_command gaze_cmd_gen = {
    .name = "gen",
    .about = "draw training conversations with oracle thoughts",
    .usage = "gen --env avr --episodes N --seed S --out FILE.mcap",
    .more = "Example:\n  gaze gen --env perception --episodes 20000 --out out/perception.mcap\n",
    .flags = flags,
    .body = generate,
};
