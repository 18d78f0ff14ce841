// app/cmd_run.c - gaze run: plays episodes through the env server, shows the thought as it is
// written, and leaves a run folder: manifest, log, replay page, frames, metrics.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "app/play.h"
#include "app/registry.h"
#include "app/watch.h"
#include "app/wire.h"
#include "bridge/env_client.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/json.h"
#include "data/episode.h"
#include "data/imagefile.h"
#include "envs/avr/metrics.h"
#include "view/html.h"

typedef struct job {
  const char *out, *env;  // run folder, name of the environment
  gaze_html *html;
  gaze_record_writer *log;
  gaze_record record;  // the episode being played
  FILE *metrics;
  bool embodied;  // judged by what an arm did: the figures of AVR do not apply
  gaze_avr_tally tally;
  gaze_avr_record facts;
  uint64_t first_seed;
  bool terminal;
  int episodes, right;
  gaze_live *live;  // the window's end, NULL without one
  gaze_play *play;  // what play_all plays
  int to_play;      // episodes
  volatile int stop;
} job;

static void on_text(void *ctx, const char *text, size_t n) {
  job *j = ctx;
  fwrite(text, 1, n, stdout);
  fflush(stdout);
  if (j->live) gaze_live_text(j->live, text, n);
}

static gaze_err on_look(void *ctx, const gaze_obs *obs) {
  job *j = ctx;
  return j->live ? gaze_live_look(j->live, obs, &j->stop) : GAZE_OK;
}

// the window shows the reply; the run stays the policy's own
static gaze_err on_decide(void *ctx, const char *reply, const char **instead) {
  job *j = ctx;
  return j->live ? gaze_live_decide(j->live, reply, &j->stop, instead) : GAZE_OK;
}

static gaze_err on_begin(void *ctx, int episode, const gaze_obs *obs) {
  job *j = ctx;
  uint64_t seed = j->first_seed + (uint64_t)episode;
  char id[64];
  snprintf(id, sizeof id, "%.32s-%llu", j->env, (unsigned long long)seed);
  gaze_record_init(&j->record, id, j->env, seed);
  gaze_avr_record_begin(&j->facts, obs->truth);
  printf("\n=== episode %d (seed %llu)\n", episode + 1, (unsigned long long)seed);
  if (j->live) gaze_live_begin(j->live, episode, j->to_play, seed);
  return gaze_html_episode(j->html, episode, seed, obs->truth);
}

static void print_step(const gaze_step_view *v, bool embodied) {
  const gaze_outcome *o = v->out;
  // a model's thought was streamed already; a chunk is nothing to read
  if (v->trace->n == 0 && o->max_steps == 0) fputs(v->reply, stdout);
  if (o->max_steps > 0) {
    printf("--> %s, %d actions, %.1f mm from the goal%s\n", o->status ? o->status : "", o->steps,
           1e3 * (double)o->goal_dist, o->correct ? ": reached" : "");
  } else if (embodied) {
    printf("\n--> %s: %s\n", o->status ? o->status : "", o->correct ? "done" : "not done");
  } else if (o->answered) {
    printf("\n--> %s (evidence was %s)\n", o->correct ? "right" : "wrong",
           o->sufficient_before ? "sufficient" : "not sufficient");
  } else {
    printf("\n--> %s%s\n", o->status ? o->status : "no action",
           o->action && o->gaining ? ", revealed something relevant" : "");
  }
}

static gaze_err write_frame(const job *j, const gaze_step_view *v) {
  if (v->image->w == 0) return GAZE_OK;
  gaze_buf png = GAZE_BUF_INIT;
  char path[4096];
  snprintf(path, sizeof path, "%s/frames/e%03d_t%u.png", j->out, v->episode + 1, v->turn);
  gaze_err e = gaze_image_encode_png(v->image, 6, &png);
  if (!e) e = gaze_file_write_atomic(path, png.data, png.len);
  gaze_buf_fini(&png);
  return e;
}

static char *outcome_json(const gaze_outcome *o) {
  cJSON *j = cJSON_CreateObject();
  cJSON_AddNumberToObject(j, "choice", o->choice);
  cJSON_AddBoolToObject(j, "answered", o->answered);
  cJSON_AddBoolToObject(j, "correct", o->correct);
  cJSON_AddBoolToObject(j, "format", o->format);
  cJSON_AddStringToObject(j, "status", o->status ? o->status : "");
  cJSON_AddBoolToObject(j, "sufficient_before", o->sufficient_before);
  cJSON_AddBoolToObject(j, "gaining", o->gaining);
  cJSON_AddBoolToObject(j, "useful", o->useful);
  cJSON_AddNumberToObject(j, "reward", (double)o->reward);
  if (o->max_steps > 0) {
    cJSON_AddNumberToObject(j, "steps", o->steps);
    cJSON_AddNumberToObject(j, "max_steps", o->max_steps);
    cJSON_AddNumberToObject(j, "clipped", o->clipped);
    cJSON_AddNumberToObject(j, "goal_dist", (double)o->goal_dist);
  }
  char *text = cJSON_PrintUnformatted(j);
  cJSON_Delete(j);
  return text;
}

static gaze_err log_step(job *j, const gaze_step_view *v) {
  cJSON *truth = v->truth ? gaze_truth_to_json(v->truth) : NULL;
  char *truth_text = truth ? cJSON_PrintUnformatted(truth) : NULL, *out = outcome_json(v->out);
  gaze_err e =
      gaze_record_add_turn(&j->record, v->user, v->reply, GAZE_TAUGHT_ALL, out, truth_text);
  if (!e && v->image->w) e = gaze_record_add_image(&j->record, v->image);
  if (!e && v->trace->n) e = gaze_record_set_tokens(&j->record, v->trace->ids, NULL, v->trace->n);
  cJSON_Delete(truth);
  free(truth_text);
  free(out);
  if (!e && v->last) {
    e = gaze_record_write(j->log, &j->record);
    gaze_record_free(&j->record);
  }
  return e;
}

// figures over the finished episodes; the page shows them beside every decision
static void running(const job *j, gaze_html_step *s) {
  s->isj = s->igr = s->fa = -1;
  if (j->tally.n == 0) return;
  gaze_avr_figures f = gaze_avr_tally_figures(&j->tally, NULL, NULL);
  if (f.isj >= 0) s->isj = f.isj;
  if (f.igr >= 0) s->igr = f.igr;
  if (f.fa >= 0) s->fa = f.fa;
}

static gaze_err on_step(void *ctx, const gaze_step_view *v) {
  job *j = ctx;
  print_step(v, j->embodied);
  gaze_avr_record_step(&j->facts, v->truth, v->out);
  if (v->last) {
    if (!j->embodied) GAZE_TRY(gaze_avr_tally_add(&j->tally, &j->facts));
    j->episodes++;
    j->right += v->out->correct;
  }
  double seconds = (double)(v->trace->prefill_ns + v->trace->decode_ns) * 1e-9;
  gaze_html_step s = {.image = v->image,
                      .user = v->user,
                      .reply = v->reply,
                      .truth = v->truth,
                      .out = v->out,
                      .seconds = seconds};
  running(j, &s);
  GAZE_TRY(gaze_html_step_add(j->html, &s));
  GAZE_TRY(write_frame(j, v));
  GAZE_TRY(log_step(j, v));
  const gaze_outcome *o = v->out;
  char motion[96] = "";  // of chunks only
  if (o->max_steps > 0)
    snprintf(motion, sizeof motion, ",\"steps\":%d,\"clipped\":%d,\"goal_dist\":%.6g", o->steps,
             o->clipped, (double)o->goal_dist);
  int n = fprintf(j->metrics,
                  "{\"episode\":%d,\"seed\":%llu,\"turn\":%u,\"choice\":%d,\"correct\":%s,"
                  "\"gaining\":%s,\"reward\":%.4f,\"completion_length\":%d,\"seconds\":%.3f%s}\n",
                  v->episode, (unsigned long long)v->seed, v->turn, o->choice,
                  o->correct ? "true" : "false", o->gaining ? "true" : "false", (double)o->reward,
                  v->trace->n, seconds, motion);
  if (n < 0 || fflush(j->metrics))
    return gaze_fail(GAZE_ERR_IO, "%s/metrics.jsonl: cannot write (disk full?)", j->out);
  return j->live ? gaze_live_outcome(j->live, o, &j->stop) : GAZE_OK;
}

static gaze_err open_outputs(job *j, const gaze_cfg *cfg, const char *policy) {
  char path[4096];
  snprintf(path, sizeof path, "%s/frames", j->out);
  GAZE_TRY(gaze_dir_make(path));
  // wall time and addresses stand in the manifest only, so equal seeds give equal logs
  cJSON *m = cJSON_CreateObject();
  cJSON_AddStringToObject(m, "gaze", "0.1.0");
  cJSON_AddNumberToObject(m, "wall_time_s", (double)(gaze_clock_wall() / 1000000000));
  char *settings = gaze_cfg_dump(cfg);
  cJSON_AddItemToObject(m, "settings", cJSON_CreateRaw(settings ? settings : "{}"));
  char *text = cJSON_Print(m);
  cJSON_Delete(m);
  free(settings);
  snprintf(path, sizeof path, "%s/manifest.json", j->out);
  gaze_err e = text ? gaze_file_write_atomic(path, text, strlen(text)) : GAZE_ERR_NOMEM;
  free(text);
  GAZE_TRY(e);
  snprintf(path, sizeof path, "%s/episodes.mcap", j->out);
  GAZE_TRY(gaze_record_create(&j->log, path, NULL));
  snprintf(path, sizeof path, "%s/metrics.jsonl", j->out);
  j->metrics = fopen(path, "wb");
  if (!j->metrics) return gaze_fail(GAZE_ERR_IO, "%s: cannot write", path);
  snprintf(path, sizeof path, "%s/index.html", j->out);
  char about[256];
  snprintf(about, sizeof about, "policy %s, environment %s, first seed %llu", policy, j->env,
           (unsigned long long)j->first_seed);
  return gaze_html_open(&j->html, path, "gaze: replay", about);
}

static gaze_err close_outputs(job *j) {
  gaze_err e = gaze_html_close(&j->html);
  gaze_err log = j->log ? gaze_record_finish(&j->log) : GAZE_OK;
  gaze_record_free(&j->record);
  if (j->metrics && fclose(j->metrics) && !e)
    e = gaze_fail(GAZE_ERR_IO, "metrics.jsonl: cannot close");
  return e ? e : log;
}

static gaze_err play_all(void *ctx) {
  job *j = ctx;
  gaze_player *player = NULL;
  gaze_err e = gaze_player_open(&player, j->play);
  for (int i = 0; i < j->to_play && !e; i++) e = gaze_player_episode(player, j->play, i);
  gaze_player_close(&player);
  if (e == GAZE_ERR_INTERRUPTED && j->episodes) e = GAZE_OK;  // what was played is complete
  return e;
}

// With a window while there is a screen and somebody watches; the run never depends on it.
static gaze_err play_watched(job *j, const gaze_cfg *cfg, const char *source) {
  gaze_watch w;
  bool closed = false;
  gaze_err e = gaze_watch_open(&w, cfg, "gaze run");
  if (e) {
    printf("%s; the run goes on without it\n", gaze_err_detail());
    j->play->stop = gaze_stop_flag();
    return play_all(j);
  }
  e = gaze_live_open(&j->live, source, false, 0.0);
  if (!e) e = gaze_watch_job(&w, j->live, play_all, j, true, &j->stop, &closed);
  if (closed) printf("the window was closed; the run went on without it\n");
  gaze_watch_close(&w);
  gaze_live_close(&j->live);
  return e;
}

static gaze_err run_episodes(gaze_args *a) {
  const char *spec, *policy_name, *connect;
  int64_t episodes, seed;
  char split[16];
  bool view;
  job j = {.terminal = isatty(1)};
  gaze_play play = {.begin = on_begin,
                    .look = on_look,
                    .stream = on_text,
                    .decide = on_decide,
                    .step = on_step,
                    .ctx = &j};
  GAZE_TRY(gaze_cfg_str(a->cfg, "env", "avr:test", &spec));
  GAZE_TRY(gaze_cfg_str(a->cfg, "policy", "vla", &policy_name));
  GAZE_TRY(gaze_cfg_str(a->cfg, "connect", NULL, &connect));
  GAZE_TRY(gaze_cfg_str(a->cfg, "out", "out/run", &j.out));
  GAZE_TRY(gaze_cfg_int(a->cfg, "episodes", 5, 1, 1000000, &episodes));
  GAZE_TRY(gaze_cfg_int(a->cfg, "seed", 0, 0, 1LL << 52, &seed));
  GAZE_TRY(gaze_cfg_bool(a->cfg, "view.window", false, &view));
  GAZE_TRY(gaze_env_spec(spec, "test", &play.env, split, &play.first_seed));
  GAZE_TRY(gaze_policy_find(policy_name, &play.policy));
  GAZE_TRY(gaze_play_image_size(a->cfg, play.policy));
  play.first_seed += (uint64_t)seed;
  play.stop = view ? &j.stop : gaze_stop_flag();
  j.first_seed = play.first_seed;
  j.env = play.env->name;
  j.embodied = play.env->embodied;
  GAZE_TRY(gaze_cfg_set_str(a->cfg, "split", split));
  GAZE_TRY(gaze_cfg_set(a->cfg, "oracle=true"));

  // the simulator stands behind a socket even in one process, so it can always be moved away
  gaze_wire *wire = NULL;
  GAZE_TRY(gaze_wire_open(&wire, play.env, a->cfg, connect));
  play.env = &gaze_env_remote;
  play.env_self = gaze_wire_env(wire);
  play.policy_cfg = a->cfg;
  gaze_err e = open_outputs(&j, a->cfg, policy_name);
  char source[96];
  snprintf(source, sizeof source, "policy %.40s, %.20s:%s", policy_name, j.env, split);
  j.play = &play, j.to_play = (int)episodes;
  if (!e) e = view ? play_watched(&j, a->cfg, source) : play_all(&j);
  gaze_err end = close_outputs(&j);
  gaze_wire_close(&wire);
  if (!e) e = end;
  if (j.episodes)
    printf("\n%d of %d episodes right; replay: %s/index.html\n", j.right, j.episodes, j.out);
  gaze_avr_tally_fini(&j.tally);
  return e;
}

static const gaze_flag flags[] = {
    {.name = "--env",
     .key = "env",
     .kind = GAZE_FLAG_TEXT,
     .value = "ENV[:SPLIT]",
     .help = "environment and split (default avr:test)"},
    {.name = "--policy",
     .key = "policy",
     .kind = GAZE_FLAG_TEXT,
     .value = "P",
     .help = "vla (default) or another; an unknown name lists them all"},
    {.name = "--model",
     .key = "model",
     .kind = GAZE_FLAG_TEXT,
     .value = "DIR",
     .help = "model folder (default policies/tiny)"},
    {.name = "--seed",
     .key = "seed",
     .kind = GAZE_FLAG_INT,
     .value = "S",
     .lo = 0,
     .hi = 1e15,
     .help = "episode i uses the split's first seed + S + i"},
    {.name = "--episodes",
     .key = "episodes",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 1,
     .hi = 1000000,
     .help = "how many (default 5)"},
    {.name = "--out",
     .key = "out",
     .kind = GAZE_FLAG_TEXT,
     .value = "DIR",
     .help = "run folder (default out/run): index.html, episodes.mcap, frames/"},
    {.name = "--connect",
     .key = "connect",
     .kind = GAZE_FLAG_TEXT,
     .value = "ADDR",
     .help = "play in a server started with gaze serve env, e.g. tcp://127.0.0.1:5570"},
    {.name = "--view",
     .key = "view.window",
     .kind = GAZE_FLAG_SWITCH,
     .help = "watch it in a window: pause, step, look around (keys: gaze view --help)"},
    {.name = "--temperature",
     .key = "temperature",
     .kind = GAZE_FLAG_NUM,
     .value = "T",
     .lo = 0,
     .hi = 100,
     .help = "0 = greedy (default)"},
    {.name = "--weights",
     .key = "weights",
     .kind = GAZE_FLAG_TEXT,
     .value = "TYPE",
     .help = "f32 (default), bf16 or int8 in memory"},
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
     .help = "of the model (0: one per processor)"},
    {.name = "--set",
     .kind = GAZE_FLAG_SET,
     .value = "KEY=VALUE",
     .help = "one setting, e.g. avr.layout=pocket"},
    {0},
};

const gaze_command gaze_cmd_run = {
    .name = "run",
    .about = "play episodes and write a replay page",
    .usage = "run [--policy P] [--model DIR] [--episodes N] [--out DIR]",
    .more =
        "Example:\n  gaze run --episodes 3 --out out/first\n"
        "then open out/first/index.html in a browser.\n",
    .flags = flags,
    .body = run_episodes,
};
