// envs/avr/talk.h - training conversations: played episodes, looking exercises, look-up exercises.
//
// A talk is a list of turns; a turn is what the user says (with at most one image, marked
// "<image>") and the reply to learn. All makers are deterministic in the generator they are given.
#ifndef GAZE_ENVS_AVR_TALK_H
#define GAZE_ENVS_AVR_TALK_H

#include <stdbool.h>
#include <stdint.h>
#include "core/cfg.h"
#include "core/rng.h"
#include "data/episode.h"

typedef struct gaze_turn {
  char *user, *reply;  // owned, NUL-terminated UTF-8
  uint8_t *rgb;        // [h,w,3] owned, NULL if the turn shows nothing new
  int w, h;
  int taught;  // bytes of the reply that are targets (data/episode.h); the rest is context only
} gaze_turn;

typedef struct gaze_talk {
  gaze_turn *turn;  // [turns], owned
  int turns, cap;
} gaze_talk;
#define GAZE_TALK_INIT ((gaze_talk){0})

// Drops the turns and keeps the list's memory.  [rt: never]
void gaze_talk_clear(gaze_talk *t);
// Frees everything.  [rt: never]
void gaze_talk_fini(gaze_talk *t);

// Appends one turn: texts and the picture (rgb NULL for none) are copied.  [rt: never]
gaze_err gaze_talk_add(gaze_talk *t, const char *user, const char *reply, const uint8_t *rgb, int w,
                       int h, int taught);

typedef struct gaze_talker gaze_talker;  // opaque: oracle, renderer, settings

// Opens a maker of talks. Settings: "image_size" (224), "threads" (1), the "avr.*" ones of
// env_avr.h, and "talk.noise" (0.3: share of turns that take a random action instead of the best),
// "talk.wording" (0..7, or -1: drawn per talk), "talk.questions" (-1: 4 to 6; how many a picture's
// list is followed by, if the scene has as many), "talk.asked" (0.5: share of lists that come with
// what the game's thought says of them), "talk.seed_first" (0) and "talk.seeds"
// (1,000,000): the range episode seeds are drawn from. The configuration must outlive the maker.
// [rt: init]
gaze_err gaze_talker_open(gaze_talker **t, const gaze_cfg *cfg);
void gaze_talker_close(gaze_talker **t);  // [rt: never]

// Replaces `out` by one oracle episode, played without physics until it is answered.  [rt: never]
gaze_err gaze_talk_episode(gaze_talker *t, gaze_rng *r, gaze_talk *out);

// Replaces `out` by one picture with its list of boxes and four to six short questions on it.
// Never draws a held-out layout.  [rt: never]
gaze_err gaze_talk_perception(gaze_talker *t, gaze_rng *r, gaze_talk *out);

// Replaces `out` by text-only exercises: option lists (value to letter and back), or lists of known
// objects to match against a question.  [rt: never]
gaze_err gaze_talk_lookup(gaze_rng *r, gaze_talk *out);

#endif
