// app/cmd_plot.c - gaze plot: training curves of a metrics.jsonl as SVG.
#include <stdio.h>
#include <string.h>
#include "app/registry.h"
#include "core/file.h"
#include "view/plot.h"

static gaze_err plot(gaze_args *a) {
  const char *out, *keys[GAZE_LIST_MAX + 1] = {"loss", "accuracy", "aux", "learning_rate", NULL};
  if (a->words != 1) return gaze_fail(GAZE_ERR_ARG, "expected one metrics.jsonl");
  GAZE_TRY(gaze_cfg_str(a->cfg, "out", NULL, &out));
  for (int i = 0; i < a->lists; i++) keys[i] = a->list[i];
  if (a->lists) keys[a->lists] = NULL;
  gaze_buf text = GAZE_BUF_INIT, svg = GAZE_BUF_INIT;
  gaze_err e = gaze_file_read(a->word[0], (size_t)1 << 30, &text);
  if (!e) e = gaze_plot_svg(gaze_buf_text(&text), text.len, keys, &svg);
  if (!e && out) e = gaze_file_write_atomic(out, svg.data, svg.len);
  if (!e && !out) fwrite(svg.data, 1, svg.len, stdout);
  gaze_buf_fini(&text);
  gaze_buf_fini(&svg);
  return e;
}

static const gaze_flag flags[] = {
    {.name = "-o",
     .key = "out",
     .kind = GAZE_FLAG_TEXT,
     .value = "FILE.svg",
     .help = "where to write (default: standard output)"},
    {.name = "--key",
     .kind = GAZE_FLAG_LIST,
     .value = "NAME",
     .help = "a panel for this key (repeat; default loss, accuracy, aux, learning_rate)"},
    {0},
};

const gaze_command gaze_cmd_plot = {
    .name = "plot",
    .about = "draw the curves of a metrics.jsonl",
    .usage = "plot metrics.jsonl [-o FILE.svg] [--key NAME]...",
    .more = "Example:\n  gaze plot out/sft/metrics.jsonl -o curve.svg\n",
    .flags = flags,
    .body = plot,
};
