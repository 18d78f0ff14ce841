// view/replay.h - a place in a log of episodes, moved by a person or by time.
#ifndef GAZE_VIEW_REPLAY_H
#define GAZE_VIEW_REPLAY_H

#include "view/shot.h"

typedef struct gaze_replay gaze_replay;  // opaque: the open log, the present episode

// Opens a log at its first decision, paused. NOTFOUND for a log without episodes; errors of
// gaze_record_open.  [rt: init]
gaze_err gaze_replay_open(gaze_replay **r, const char *path);
void gaze_replay_close(gaze_replay **r);  // [rt: never]

// Does what was asked; what has no meaning here does nothing.  [rt: never]
gaze_err gaze_replay_ask(gaze_replay *r, gaze_ask ask);

// Lets `seconds` pass. While playing, the thought appears as if it was being written, its outcome
// stays a while, and the next decision follows; the end of the log pauses.  [rt: never]
gaze_err gaze_replay_pass(gaze_replay *r, double seconds);

// The present moment; borrowed until the next call.  [rt: safe]
const gaze_shot *gaze_replay_shot(const gaze_replay *r);

// Whether it plays.  [rt: safe]
bool gaze_replay_playing(const gaze_replay *r);

#endif
