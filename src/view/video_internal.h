// view/video_internal.h - between the film and its texts.
#ifndef GAZE_VIEW_VIDEO_INTERNAL_H
#define GAZE_VIEW_VIDEO_INTERNAL_H

#include "core/buf.h"
#include "view/video.h"

enum { VIDEO_LINES_MAX = 256 };  // of one reply; later ones are not shown

// One turn on the film's time axis, in frames. Lines point into the reply.
typedef struct video_turn {
  const char *line[VIDEO_LINES_MAX];
  int length[VIDEO_LINES_MAX];
  int lines;
  int64_t first, frames;  // where the turn begins, how long it stays
  int per_line, lead;     // frames from line to line; frames before the first
} video_turn;

// Splits a reply into lines and lays the turn on the axis, `first` being its first frame.
// [rt: safe]
void video_lay_out(const gaze_video_settings *s, const char *reply, int64_t first, video_turn *t);

// Appends the head of the overlay script (Advanced SubStation Alpha) for a film of w x h.
// [rt: never]
void video_overlay_head(int w, int h, gaze_buf *ass);

// Appends a turn to the overlay and to the subtitles (SubRip, numbered from *next on). question: of
// the episode, NULL if none.  [rt: never]
void video_turn_texts(const gaze_video_settings *s, const video_turn *t,
                      const gaze_record_turn *turn, const char *question, gaze_buf *ass,
                      gaze_buf *srt, int *next);

// Reads "[x0 y0 x1 y1]" at the start of a line into hundredths of the picture; false if it is no
// box.  [rt: safe]
bool video_box(const char *line, int box[4]);

#endif
