// view/cited.h - the boxes a thought cites, one line each.
#ifndef GAZE_VIEW_CITED_H
#define GAZE_VIEW_CITED_H

#include <stdbool.h>
#include <stdio.h>

// Reads "[x0 y0 x1 y1]" at the start of a line: hundredths of the picture as they were written,
// unchecked. Returns what follows the bracket, NULL if the line has no such start.  [rt: safe]
static inline const char *gaze_cited_box(const char *line, int box[4]) {
  int used = 0;
  bool all = sscanf(line, "[%3d %3d %3d %3d]%n", &box[0], &box[1], &box[2], &box[3], &used) == 4;
  return all && used ? line + used : NULL;
}

#endif
