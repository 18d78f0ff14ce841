// view/live.h - between one player and one window, each in its own thread.
//
// The player tells what happens; the newest moment goes through a latest-value box, so drawing
// never holds it up. What a person asks comes back through a few atomic words, read between
// decisions; only who paused the world or took it over makes it wait.
#ifndef GAZE_VIEW_LIVE_H
#define GAZE_VIEW_LIVE_H

#include "view/shot.h"

typedef struct gaze_live gaze_live;  // opaque

// `source` names what is shown ("policy oracle, avr"); paused: the world waits for the first
// GAZE_ASK_PAUSE or _FORWARD; hold_s: every outcome stays so long, 0 to never wait.  [rt: init]
gaze_err gaze_live_open(gaze_live **l, const char *source, bool paused, double hold_s);
void gaze_live_close(gaze_live **l);  // after both sides are done  [rt: never]

// ---- the player's side: END means that the next episode was asked for; `stop` (may be NULL) ends
// every waiting ----

// A new episode.  [rt: never]
void gaze_live_begin(gaze_live *l, int episode, int episodes, uint64_t seed);

// A new observation, before the policy is asked. The first of an episode waits while the world is
// paused.  [rt: never]
gaze_err gaze_live_look(gaze_live *l, const gaze_obs *obs, const volatile int *stop);

// A piece of the thought.  [rt: never]
void gaze_live_text(gaze_live *l, const char *text, size_t n);

// The whole reply. If a person has taken over, waits for the choice and sets *yours to a reply in
// the strict form with its letter, borrowed until the next call; otherwise to NULL.  [rt: never]
gaze_err gaze_live_decide(gaze_live *l, const char *reply, const volatile int *stop,
                          const char **yours);

// What came of it. Waits while the world is paused.  [rt: never]
gaze_err gaze_live_outcome(gaze_live *l, const gaze_outcome *out, const volatile int *stop);

// ---- the window's side ----

// The newest moment, NULL before the first; borrowed until the next call.  [rt: safe]
const gaze_shot *gaze_live_take(gaze_live *l);

// Passes on what a person asked.  [rt: safe]
void gaze_live_ask(gaze_live *l, gaze_ask ask);

// The window is gone: nobody is waited for any more.  [rt: safe]
void gaze_live_leave(gaze_live *l);

#endif
