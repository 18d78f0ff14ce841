// view/shot.h - what a viewer shows of one moment, as plain data, and what a person may ask of it.
#ifndef GAZE_VIEW_SHOT_H
#define GAZE_VIEW_SHOT_H

#include "data/episode.h"
#include "envs/env.h"

enum { GAZE_SHOT_STEPS_MAX = 16 };  // of an episode; later ones are not listed

typedef enum gaze_stage {
  GAZE_STAGE_EMPTY,     // nothing to show yet
  GAZE_STAGE_THINKING,  // the reply is being written
  GAZE_STAGE_YOURS,     // a person is to choose
  GAZE_STAGE_DECIDED,   // `out` tells what came of it
} gaze_stage;

// One decision of this episode that is over.
typedef struct gaze_shot_step {
  char what[64];    // text of the option, "" if none was chosen
  char status[16];  // of an action
  bool yours;       // chosen by a person
  bool format, answered, correct, action, sufficient, gaining, useful, harmful;
  float reward;
  // of a chunk of actions
  int steps, max_steps, clipped;
  float goal_dist;
} gaze_shot_step;

// One moment of an episode. Zeroed is an empty one. Copy with gaze_shot_copy.
typedef struct gaze_shot {
  uint64_t version;  // grows with every change
  char source[96];   // "episodes.mcap", "policy vla, avr"
  int episode;       // 0-based
  int episodes;      // 0: nobody knows
  uint64_t seed;
  int turn, turns;  // decision shown, 0-based; decisions of the episode, 0: nobody knows
  gaze_stage stage;
  bool paused;
  bool take_over;      // a person chooses the options
  gaze_image image;    // what the policy sees; pixels owned, [h,w,3]
  size_t image_cap;    // bytes
  gaze_buf user;       // the message it got
  char question[256];  // of the episode, said in its first message
  gaze_buf reply;      // what it wrote so far
  bool has_truth;
  gaze_truth truth;
  int choice;  // option of the decision, -1 if none yet
  // the decisions up to the one shown; that one is the last entry once it is DECIDED
  gaze_shot_step step[GAZE_SHOT_STEPS_MAX];
  int steps;
} gaze_shot;

// What a person asks with keys and buttons.
typedef enum gaze_ask_kind {
  GAZE_ASK_NONE,
  GAZE_ASK_PAUSE,    // or go on
  GAZE_ASK_FORWARD,  // one decision
  GAZE_ASK_BACK,
  GAZE_ASK_FIRST,  // decision of the episode
  GAZE_ASK_LAST,
  GAZE_ASK_NEXT,  // episode
  GAZE_ASK_PREVIOUS,
  GAZE_ASK_FASTER,
  GAZE_ASK_SLOWER,
  GAZE_ASK_TAKE_OVER,  // or hand back
  GAZE_ASK_CHOOSE,     // option `option`
  GAZE_ASK_PICTURE,    // of the window, to a file
} gaze_ask_kind;

typedef struct gaze_ask {
  gaze_ask_kind kind;
  int option;
} gaze_ask;

// Frees everything and zeroes.  [rt: never]
void gaze_shot_fini(gaze_shot *s);

// Makes `to` equal to `from` and keeps its memory for the next time.  [rt: never]
gaze_err gaze_shot_copy(gaze_shot *to, const gaze_shot *from);

// Copies the pixels of a picture.  [rt: never]
gaze_err gaze_shot_set_image(gaze_shot *s, const gaze_image *im);

// Makes the shot that of a new moment: message, truth (NULL for none) and no reply.  [rt: never]
void gaze_shot_set_turn(gaze_shot *s, const char *user, const gaze_truth *truth);

// Adds the outcome of a decision to the list and makes the shot DECIDED; the option's text is read
// from the message of the shot.  [rt: safe]
void gaze_shot_set_outcome(gaze_shot *s, const gaze_outcome *out, bool yours);

// Sum of the rewards of the listed steps.  [rt: safe]
float gaze_shot_reward(const gaze_shot *s);

// Makes the shot that of decision `turn` of a recorded episode, with its reply, its outcome and
// those before it. A truth or outcome that is missing or damaged is left out: a log may come from
// elsewhere. Errors of the pictures are FORMAT.  [rt: never]
gaze_err gaze_shot_from_record(gaze_shot *s, const gaze_record *r, int turn);

#endif
