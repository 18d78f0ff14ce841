// envs/avr/talk_internal.h - what the makers of talks share; not for others.
#ifndef GAZE_ENVS_AVR_TALK_INTERNAL_H
#define GAZE_ENVS_AVR_TALK_INTERNAL_H

#include "core/buf.h"
#include "envs/avr/act.h"
#include "envs/avr/talk.h"
#include "envs/avr/words.h"

struct gaze_talker {
  avr_oracle *oracle;
  gaze_exec *ex;
  avr_settings set;
  avr_episode e;  // scratch: one conversation at a time
  int image_size, wording, questions;
  double noise, asked;
  int64_t seed_first, seeds;
  uint8_t *rgb;  // [image_size,image_size,3]
};

enum { AVR_FACTS_ALL = AVR_KNOWS_COLOUR | AVR_KNOWS_SHAPE | AVR_KNOWS_SIZE };

// Bit of `attr` in the facts of an object.  [rt: safe]
uint8_t avr_attr_fact(avr_attr a);

// Renders the state at the policy's size into t->rgb.  [rt: never]
gaze_err avr_talk_render(gaze_talker *t, const avr_scene *s, const avr_state *st);

// Adds a turn and clears both buffers; out of memory in them is reported here.  [rt: never]
gaze_err avr_talk_turn(gaze_talk *out, gaze_buf *user, gaze_buf *reply, const uint8_t *rgb,
                       int size, int taught);

#endif
