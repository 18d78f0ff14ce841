// view/html.h - the replay of a run as one self-contained page: open it from disk, no network.
#ifndef GAZE_VIEW_HTML_H
#define GAZE_VIEW_HTML_H

#include "core/err.h"
#include "envs/env.h"

typedef struct gaze_html gaze_html;  // opaque: the open file

// One decision of the replay; everything is borrowed.
typedef struct gaze_html_step {
  const gaze_image *image;   // what the policy saw
  const char *user, *reply;  // the message it got and what it wrote
  const gaze_truth *truth;   // NULL if the run did not ask for it
  const gaze_outcome *out;
  double seconds;  // of the decision
  // running figures over the run so far, in percent; negative = none yet
  double isj, igr, fa;
} gaze_html_step;

// Starts PATH with its head. The file is complete and readable after every step.  [rt: init]
gaze_err gaze_html_open(gaze_html **h, const char *path, const char *title, const char *about);

// Starts a new episode.  [rt: never]
gaze_err gaze_html_episode(gaze_html *h, int number, uint64_t seed, const gaze_truth *truth);

// Adds a decision to the present episode.  [rt: never]
gaze_err gaze_html_step_add(gaze_html *h, const gaze_html_step *s);

// Ends the page, closes the file, nulls the pointer. IO if anything could not be written.  [rt:
// never]
gaze_err gaze_html_close(gaze_html **h);

#endif
