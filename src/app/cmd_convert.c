// app/cmd_convert.c - gaze convert: a log in another form, told by the extensions.
#include <stdio.h>
#include <string.h>
#include "app/registry.h"
#include "data/episode.h"
#include "view/video.h"

static bool ends_with(const char *s, const char *end) {
  size_t n = strlen(s), k = strlen(end);
  return n >= k && !strcmp(s + n - k, end);
}

static bool stopped(void *ctx) {
  (void)ctx;
  return *gaze_stop_flag() != 0;
}

static gaze_err to_video(gaze_args *a) {
  gaze_video_settings s = gaze_video_defaults();
  int64_t height, fps;
  GAZE_TRY(gaze_cfg_int(a->cfg, "video.height", s.height, 120, 2160, &height));
  GAZE_TRY(gaze_cfg_int(a->cfg, "video.fps", s.fps, 1, 60, &fps));
  GAZE_TRY(gaze_cfg_num(a->cfg, "video.line_seconds", s.line_seconds, 0.02, 10, &s.line_seconds));
  GAZE_TRY(gaze_cfg_int(a->cfg, "episodes", 0, 0, 1000000, &s.episodes));
  s.height = (int)height, s.fps = (int)fps, s.stop = stopped;
  gaze_record_reader *log;
  GAZE_TRY(gaze_record_open(&log, a->word[0]));
  gaze_err e = gaze_video_write(log, a->word[1], &s);
  gaze_record_close(&log);
  if (!e) fprintf(stderr, "%s\n", a->word[1]);
  return e;
}

static gaze_err convert(gaze_args *a) {
  if (a->words != 2) return gaze_fail(GAZE_ERR_ARG, "expected two files: IN.mcap OUT.mp4");
  if (!ends_with(a->word[0], ".mcap") || !ends_with(a->word[1], ".mp4"))
    return gaze_fail(GAZE_ERR_ARG, "%s to %s: known is .mcap to .mp4", a->word[0], a->word[1]);
  return to_video(a);
}

static const gaze_flag flags[] = {
    {.name = "--episodes",
     .key = "episodes",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 0,
     .hi = 1000000,
     .help = "only the first N (default: all)"},
    {.name = "--set",
     .kind = GAZE_FLAG_SET,
     .value = "KEY=VALUE",
     .help = "video.height (720), video.fps (10), video.line_seconds (0.2)"},
    {0},
};

const gaze_command gaze_cmd_convert = {
    .name = "convert",
    .about = "turn a log of episodes into a film",
    .usage = "convert episodes.mcap film.mp4 [--episodes N] [--set KEY=VALUE]...",
    .more =
        "The film shows what the policy saw, the boxes as it names them, and its thought, also as\n"
        "subtitles. It needs the ffmpeg program.\n\nExample:\n"
        "  gaze convert out/run/episodes.mcap out/run/video.mp4\n",
    .flags = flags,
    .body = convert,
};
