// envs/choices.h - the lettered list of a user message, read back by policies without a network.
//
// Every environment that offers a choice ends its message with "Options:" and a line "text LETTER"
// per option, letters in order from A. Options that begin with one of the verbs view, turn, pick,
// move are actions; all others are answers.
#ifndef GAZE_ENVS_CHOICES_H
#define GAZE_ENVS_CHOICES_H

#include "envs/env.h"

typedef struct gaze_choices {
  int n;
  bool action[GAZE_OPTIONS_MAX];    // by letter; else an answer
  char text[GAZE_OPTIONS_MAX][64];  // without the letter, cut to fit
} gaze_choices;

// Reads the list of a message; n is 0 if there is none. Stops at the first line that does not fit,
// so anything may be passed.  [rt: safe]
void gaze_choices_read(const char *message, gaze_choices *out);

#endif
