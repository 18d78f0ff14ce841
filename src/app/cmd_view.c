// app/cmd_view.c - gaze view: a window on a log, or on an environment that is played in it.
#include <stdio.h>
#include "app/play.h"
#include "app/registry.h"
#include "app/watch.h"

static const double HOLD_S = 1.0;  // an outcome stays so long while the world runs

typedef struct job {
  gaze_live *live;
  gaze_play play;
  int64_t episodes;  // 0: until the window is closed
  volatile int stop;
} job;

static gaze_err on_begin(void *ctx, int episode, const gaze_obs *obs) {
  (void)obs;
  job *j = ctx;
  gaze_live_begin(j->live, episode, (int)j->episodes, j->play.first_seed + (uint64_t)episode);
  return GAZE_OK;
}

static gaze_err on_look(void *ctx, const gaze_obs *obs) {
  job *j = ctx;
  return gaze_live_look(j->live, obs, &j->stop);
}

static void on_text(void *ctx, const char *text, size_t n) {
  gaze_live_text(((job *)ctx)->live, text, n);
}

static gaze_err on_decide(void *ctx, const char *reply, const char **instead) {
  job *j = ctx;
  return gaze_live_decide(j->live, reply, &j->stop, instead);
}

static gaze_err on_step(void *ctx, const gaze_step_view *v) {
  job *j = ctx;
  return gaze_live_outcome(j->live, v->out, &j->stop);
}

static gaze_err play_all(void *ctx) {
  job *j = ctx;
  gaze_player *player = NULL;
  gaze_err e = gaze_player_open(&player, &j->play);
  for (int64_t i = 0; !e && !j->stop && (j->episodes == 0 || i < j->episodes); i++) {
    e = gaze_player_episode(player, &j->play, (int)i);
    if (e == GAZE_ERR_END) e = GAZE_OK;  // the next episode was asked for
  }
  gaze_player_close(&player);
  return e == GAZE_ERR_INTERRUPTED ? GAZE_OK : e;
}

static gaze_err view_env(gaze_args *a) {
  const char *spec, *policy_name;
  char split[16], source[96];
  int64_t seed;
  bool run, closed;
  job j = {0};
  j.play = (gaze_play){.begin = on_begin,
                       .look = on_look,
                       .stream = on_text,
                       .decide = on_decide,
                       .step = on_step,
                       .ctx = &j,
                       .stop = &j.stop,
                       .env_cfg = a->cfg,
                       .policy_cfg = a->cfg};
  GAZE_TRY(gaze_cfg_str(a->cfg, "env", "avr", &spec));
  GAZE_TRY(gaze_cfg_str(a->cfg, "policy", "vla", &policy_name));
  GAZE_TRY(gaze_cfg_int(a->cfg, "episodes", 0, 0, 1000000, &j.episodes));
  GAZE_TRY(gaze_cfg_int(a->cfg, "seed", 0, 0, 1LL << 52, &seed));
  GAZE_TRY(gaze_cfg_bool(a->cfg, "view.run", false, &run));
  GAZE_TRY(gaze_env_spec(spec, "test", &j.play.env, split, &j.play.first_seed));
  GAZE_TRY(gaze_policy_find(policy_name, &j.play.policy));
  GAZE_TRY(gaze_play_image_size(a->cfg, j.play.policy));
  GAZE_TRY(gaze_cfg_set_str(a->cfg, "split", split));
  GAZE_TRY(gaze_cfg_set(a->cfg, "oracle=true"));
  j.play.first_seed += (uint64_t)seed;
  snprintf(source, sizeof source, "policy %.40s, %.20s:%s", policy_name, j.play.env->name, split);

  gaze_watch w;
  GAZE_TRY(gaze_watch_open(&w, a->cfg, "gaze view"));
  gaze_err e = gaze_live_open(&j.live, source, !run, HOLD_S);
  if (!e) e = gaze_watch_job(&w, j.live, play_all, &j, false, &j.stop, &closed);
  gaze_watch_close(&w);
  gaze_live_close(&j.live);
  return e;
}

static gaze_err view_log(gaze_args *a) {
  gaze_watch w = {0};
  gaze_replay *log = NULL;
  gaze_err e = gaze_replay_open(&log, a->word[0]);
  if (!e) e = gaze_watch_open(&w, a->cfg, "gaze view");
  if (!e) e = gaze_watch_log(&w, log);
  gaze_watch_close(&w);
  gaze_replay_close(&log);
  return e;
}

static gaze_err view(gaze_args *a) {
  bool env = gaze_cfg_has(a->cfg, "env");
  if (a->words > 1 || (a->words == 1) == env)
    return gaze_fail(GAZE_ERR_ARG, "give one log (FILE.mcap) or --env ENV (see gaze view --help)");
  return env ? view_env(a) : view_log(a);
}

static const gaze_flag flags[] = {
    {.name = "--env",
     .key = "env",
     .kind = GAZE_FLAG_TEXT,
     .value = "ENV[:SPLIT]",
     .help = "play this environment instead of showing a log, e.g. avr"},
    {.name = "--policy",
     .key = "policy",
     .kind = GAZE_FLAG_TEXT,
     .value = "P",
     .help = "with --env: vla (default), oracle or another; an unknown name lists them"},
    {.name = "--model",
     .key = "model",
     .kind = GAZE_FLAG_TEXT,
     .value = "DIR",
     .help = "with --env: model folder (default policies/tiny)"},
    {.name = "--seed",
     .key = "seed",
     .kind = GAZE_FLAG_INT,
     .value = "S",
     .lo = 0,
     .hi = 1e15,
     .help = "with --env: episode i uses the split's first seed + S + i"},
    {.name = "--episodes",
     .key = "episodes",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 0,
     .hi = 1000000,
     .help = "with --env: how many; 0 (default): until the window is closed"},
    {.name = "--run",
     .key = "view.run",
     .kind = GAZE_FLAG_SWITCH,
     .help = "with --env: start running instead of paused"},
    {.name = "--temperature",
     .key = "temperature",
     .kind = GAZE_FLAG_NUM,
     .value = "T",
     .lo = 0,
     .hi = 100,
     .help = "with --env: 0 = greedy (default)"},
    {.name = "--image-size",
     .key = "image_size",
     .kind = GAZE_FLAG_INT,
     .value = "PX",
     .lo = 28,
     .hi = 1792,
     .help = "with --env: pixels of the policy's picture"},
    {.name = "--threads",
     .key = "threads",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 0,
     .hi = 256,
     .help = "with --env: of the model (0: one per processor)"},
    {.name = "--screenshot",
     .key = "screenshot",
     .kind = GAZE_FLAG_TEXT,
     .value = "FILE.png",
     .help = "write a picture of the window and end"},
    {.name = "--frames",
     .key = "frames",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 1,
     .hi = 1 << 30,
     .help = "end after N rounds of 1/30 s, the picture is taken then (default 3)"},
    {.name = "--set",
     .kind = GAZE_FLAG_SET,
     .value = "KEY=VALUE",
     .help = "one setting, e.g. avr.layout=pocket, view.width=1920, view.height=1080"},
    {0},
};

const gaze_command gaze_cmd_view = {
    .name = "view",
    .about = "watch a log or a policy at work in a window, or take over",
    .usage = "view FILE.mcap | view --env avr [--policy P] [--model DIR] [--seed S]",
    .more =
        "The window shows the scene in three dimensions with the policy's camera as an arrow "
        "(pale\n"
        "objects: not seen in any view so far), the policy's picture with the boxes its thought\n"
        "cites (orange) and the true ones (blue), the thought as it is written, the question, the\n"
        "options with what the oracle knows of each, what the views have shown so far, and every\n"
        "decision with its outcome and reward. A log without scenes shows the picture alone.\n\n"
        "Keys, as in MuJoCo simulate where they have a counterpart (F1 lists them in the window):\n"
        "  space           run or pause                 right  one decision\n"
        "  left home end   back, first, last (log)      up, down  previous (log), next episode\n"
        "  T               take over, or hand back: then A, B, ... choose an option. The policy\n"
        "                  thinks first, and remembers your choice as its own\n"
        "  left, right, middle drag, wheel              turn, move, zoom the camera\n"
        "  double click    select an object             ctrl + left, right drag  turn, pull it\n"
        "  backspace       undo what you moved: that was a copy, episodes are never touched\n"
        "  [ ]  esc        the policy's camera and back free camera\n"
        "  tab F6 F7 F5    panels, boxes, their names, full screen\n"
        "  + -             speed of a log               ctrl + P  screenshot to gaze_view.png\n"
        "  Q               quit\n\n"
        "Examples:\n"
        "  gaze run --policy oracle --episodes 3 --out out/first\n"
        "  gaze view out/first/episodes.mcap\n"
        "  gaze view --env avr --policy vla\n",
    .flags = flags,
    .body = view,
};
