// view/video.h - a log of episodes as a film: the picture with the boxes as the thought names them,
// the thought beside it as it is written, and the same thought as subtitles.
#ifndef GAZE_VIEW_VIDEO_H
#define GAZE_VIEW_VIDEO_H

#include "data/episode.h"

typedef struct gaze_video_settings {
  int height;               // of the film, pixels, even, 120..2160; its width is 16/9 of it
  int fps;                  // frames per second, 1..60
  double line_seconds;      // from one line of a thought to the next, 0.02..10
  int64_t episodes;         // at most so many; 0 = all
  bool (*stop)(void *ctx);  // asked between frames, NULL = never; true ends with INTERRUPTED
  void *ctx;
} gaze_video_settings;

// 720 lines, 10 frames and 5 lines of thought a second, every episode.  [rt: safe]
gaze_video_settings gaze_video_defaults(void);

// Writes the episodes of a log to an MP4 file (H.264, mov_text subtitles) through the `ffmpeg`
// program of the PATH. The file appears when it is whole; a film that fails leaves an older one.
// ARG: a setting; NOTFOUND: no ffmpeg, or a log without episodes; IO: ffmpeg failed, its own words
// in the detail.  [rt: never]
gaze_err gaze_video_write(gaze_record_reader *log, const char *path, const gaze_video_settings *s);

#endif
