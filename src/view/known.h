// view/known.h - what a history has shown, read back from the symbols of the game.
#ifndef GAZE_VIEW_KNOWN_H
#define GAZE_VIEW_KNOWN_H

#include "core/buf.h"

enum { GAZE_KNOWN_MAX = 16 };

typedef struct gaze_known_object {
  char letter;    // its name in the symbols
  int where;      // 0 out of sight, 1 in this view, 2 in the tray
  float pos[3];   // centre [m]
  char name[48];  // "large red cube"; "?" for what was not seen of it
} gaze_known_object;

// Reads gaze_truth.known of the AVR environment (envs/avr/belief.h). Returns how many objects were
// found; lines of any other form are passed over.  [rt: safe]
int gaze_known_read(const char *symbols, gaze_known_object out[GAZE_KNOWN_MAX]);

#endif
