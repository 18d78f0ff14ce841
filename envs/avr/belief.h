// envs/avr/belief.h - what a history alone tells: the known objects as symbols, and a scene made of
// nothing else.
//
// The environment writes what its pictures have shown so far (avr_symbols_write). An agent with
// perfect eyes reads that and nothing more, and reasons in a scene of its own: evaluate.c judges it
// and plan.c looks ahead in it exactly as the oracle does in the true one, except that there is
// nothing in it that was not seen. Which places are still open it works out itself, from the views
// it was given.
#ifndef GAZE_ENVS_AVR_BELIEF_H
#define GAZE_ENVS_AVR_BELIEF_H

#include "envs/avr/avr.h"

// Appends a line about the viewer, then one per object of which at least the existence was seen:
//   viewer AZIMUTH ELEVATION PAN TILT                                   degrees; a composite scene
//                                                                       adds "composite"
//   object NAME WHERE FACTS COLOUR SIZE SHAPE STACK LEVEL X Y Z R0..R8  metres, rotation row-major
// NAME: a letter that stays with the object. WHERE: 0 out of sight, 1 in this view, 2 in the tray.
// FACTS: the bits of avr.h. A value (order of the words in avr.h) that was not seen is -1, and so
// are STACK and LEVEL of what stands alone. Poses are the present ones: perfect memory. [rt: never]
void avr_symbols_write(const avr_episode *e, gaze_buf *out);

typedef struct avr_belief avr_belief;  // opaque

// Opens a belief that looks at its own scene with `judge_size` pixels. Caller closes.  [rt: init]
gaze_err avr_belief_open(avr_belief **out, int judge_size);
void avr_belief_close(avr_belief **b);  // [rt: never]

// Takes in one turn; obs->first begins an episode. Of the truth it reads `known` only. STATE
// without symbols, FORMAT naming the line if they are damaged or the question's words fit no
// template.  [rt: never]
gaze_err avr_belief_take(avr_belief *b, const gaze_obs *obs);

// Option index of the answer: the only one still possible (then *sure), else what would be right if
// nothing more existed, or any answer that is still possible; -1 if no answer is offered.
// [rt: never]
int avr_belief_answer(const avr_belief *b, bool *sure);

// Option index of the action expected to gain most if nothing more existed; where none gains at
// once, one that starts a shortest plan of at most three steps; -1 if there is neither. `skip`: a
// bit per option that is not to be considered.  [rt: never]
gaze_err avr_belief_search(avr_belief *b, unsigned skip, int *option);

#endif
