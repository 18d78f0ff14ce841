// policies/scripted.h - what policies without a network share: a generator and a reply of a letter.
#ifndef GAZE_POLICIES_SCRIPTED_H
#define GAZE_POLICIES_SCRIPTED_H

#include "core/rng.h"
#include "envs/choices.h"
#include "policies/policy.h"

typedef struct gaze_scripted {
  gaze_rng rng;     // of this episode
  char reply[160];  // the last reply; a gaze_act borrows it
} gaze_scripted;

// The `open`, `reset` and `close` of a policy that is a gaze_scripted, or begins with one and was
// allocated in one piece.
gaze_err gaze_scripted_open(void **self, const gaze_cfg *cfg);  // [rt: init]
gaze_err gaze_scripted_reset(void *self, uint64_t seed);        // [rt: never]
void gaze_scripted_close(void **self);                          // [rt: never]

// Replies with the letter of an option, in the strict grammar; act->text is borrowed until the next
// reply.  [rt: never]
gaze_err gaze_scripted_choose(gaze_scripted *s, int option, gaze_act *act);

// Replies with an option of one kind, actions or answers: the first listed, or any; with A if there
// is none.  [rt: never]
gaze_err gaze_scripted_kind(gaze_scripted *s, const gaze_obs *obs, bool action, bool first,
                            gaze_act *act);

#endif
