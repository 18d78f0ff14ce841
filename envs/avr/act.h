// envs/avr/act.h - carrying out one option: physics or geometry, then the next view and options.
#ifndef GAZE_ENVS_AVR_ACT_H
#define GAZE_ENVS_AVR_ACT_H

#include "envs/avr/avr.h"
#include "sim/world.h"

// How an action went; facts for the outcome.
typedef struct avr_effect {
  const char *status;  // "ok", "blocked", "slipped", "toppled", "timeout"; constant
  float gain;          // relevant facts the executed action added
} avr_effect;

// Carries out action `choice` of the episode: updates poses, viewer, knowledge and t, and lists the
// new options. `world`: NULL = geometry only (avr_imagine); otherwise physics decides picks and
// moves, and *world is opened from the present poses, with the arm that `set` names if it names
// one, when it is first needed (the caller closes it). ARG if the choice is no action.  [rt: never]
gaze_err avr_execute(avr_oracle *o, const avr_settings *set, gaze_world **world, avr_episode *e,
                     int choice, avr_effect *effect);

// Uses up a step without changing anything ("invalid"); lists options again only when the last
// step leaves answers alone.  [rt: never]
gaze_err avr_waste(avr_oracle *o, const avr_settings *set, avr_episode *e);

// Reads the settings "avr.family", "avr.layout", "avr.question", "avr.judge_size",
// "avr.search_depth", "avr.sufficient_share", "avr.hand". Strings are borrowed from the
// configuration. ARG for unknown names.  [rt: init]
gaze_err avr_settings_read(const gaze_cfg *cfg, avr_settings *set);

#endif
