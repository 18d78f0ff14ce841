// app/cmd_train.c - gaze train sft: settings, progress line, Ctrl-C.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "app/registry.h"
#include "core/clock.h"
#include "rl/sft.h"

typedef struct line {
  int64_t last_ns;
  bool terminal;
} line;

// one line that is rewritten on a terminal, a plain one every ten seconds otherwise
static void show(void *ctx, const gaze_sft_progress *p) {
  line *l = ctx;
  int64_t now = gaze_clock_now();
  int64_t every = l->terminal ? 200000000 : 10000000000;
  if (now - l->last_ns < every && p->step != p->steps) return;
  l->last_ns = now;
  fprintf(stderr,
          "%sstep %lld/%lld  loss %.4f  right %.1f %%  aux %.3f  rate %.4g  %.0f tokens/s  %.1f "
          "conversations/s  %.0f s%s",
          l->terminal ? "\r" : "", (long long)p->step, (long long)p->steps, p->loss,
          100 * p->accuracy, p->aux, p->learning_rate, p->tokens_per_s, p->samples_per_s,
          p->seconds, l->terminal ? "  " : "\n");
}

static gaze_err train(const gaze_args *a) {
  const char *out;
  int64_t threads;
  bool resume;
  GAZE_TRY(gaze_cfg_str(a->cfg, "out", "out/sft", &out));
  GAZE_TRY(gaze_cfg_int(a->cfg, "threads", 0, 0, 256, &threads));
  GAZE_TRY(gaze_cfg_bool(a->cfg, "resume", false, &resume));
  line l = {.terminal = isatty(2)};
  gaze_sft_job job = {.cfg = a->cfg,
                      .data = a->list,
                      .files = a->lists,
                      .out = out,
                      .resume = resume,
                      .threads = (int)threads,
                      .stop = gaze_stop_flag(),
                      .progress = show,
                      .ctx = &l};
  gaze_err e = gaze_sft_run(&job, &gaze_ops_cpu);
  if (l.terminal) fputc('\n', stderr);
  return e;
}

// --config comes first whatever its place, so that --set wins over the file
static gaze_err merge_config(gaze_args *a) {
  const char *file;
  GAZE_TRY(gaze_cfg_str(a->cfg, "config", NULL, &file));
  if (!file) return GAZE_OK;
  gaze_cfg *merged;
  GAZE_TRY(gaze_cfg_open(&merged));
  gaze_err e = gaze_cfg_load(merged, file);
  char *flags = e ? NULL : gaze_cfg_dump(a->cfg);
  if (flags) e = gaze_cfg_merge_text(merged, flags, "flags");
  free(flags);
  if (e) {
    gaze_cfg_close(&merged);
    return e;
  }
  gaze_cfg_close(&a->cfg);
  a->cfg = merged;
  return GAZE_OK;
}

static gaze_err merge_and_train(gaze_args *a) {
  GAZE_TRY(merge_config(a));
  return train(a);
}

static const gaze_flag flags[] = {
    {.name = "--config",
     .key = "config",
     .kind = GAZE_FLAG_TEXT,
     .value = "FILE",
     .help = "settings as JSON"},
    {.name = "--data",
     .kind = GAZE_FLAG_LIST,
     .value = "FILE.mcap",
     .help = "conversations to learn from (repeat)"},
    {.name = "--model",
     .key = "model",
     .kind = GAZE_FLAG_TEXT,
     .value = "DIR",
     .help = "model folder to start from; without weights: random ones"},
    {.name = "--out",
     .key = "out",
     .kind = GAZE_FLAG_TEXT,
     .value = "DIR",
     .help = "run folder (default out/sft)"},
    {.name = "--set",
     .kind = GAZE_FLAG_SET,
     .value = "KEY=VALUE",
     .help = "one setting, e.g. train.steps=2000"},
    {.name = "--threads",
     .key = "threads",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .help = "worker threads (0: all)",
     .lo = 0,
     .hi = 256},
    {.name = "--resume",
     .key = "resume",
     .kind = GAZE_FLAG_SWITCH,
     .help = "go on from DIR/checkpoint, bit for bit"},
    {0},
};

const gaze_command gaze_cmd_train_sft = {
    .name = "train sft",
    .about = "teach a model from recorded conversations",
    .usage = "train sft --config FILE --data FILE.mcap [--data ...] [--set key=value]",
    .more =
        "Example:\n"
        "  gaze train sft --model policies/tiny --data out/train.mcap --set train.steps=100\n"
        "Ctrl-C saves and stops; the same command with --resume goes on.\n",
    .flags = flags,
    .body = merge_and_train,
};
