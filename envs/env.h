// envs/env.h - what an environment shows, what it is told, and what it knows to be true.
#ifndef GAZE_ENVS_ENV_H
#define GAZE_ENVS_ENV_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/buf.h"
#include "core/cfg.h"
#include "core/err.h"
#include "core/image.h"
#include "kernels/ops.h"
#include "sim/scene.h"

enum { GAZE_OPTIONS_MAX = 16, GAZE_BOXES_MAX = 32 };

typedef struct gaze_state {  // robot state; used by the embodied environments
  const float *q, *dq;       // [joints] rad or m, per second
  int joints;
} gaze_state;

typedef enum gaze_option_label {  // bits
  GAZE_OPT_ANSWER = 1,            // an answer, not an action
  GAZE_OPT_CORRECT = 2,           // the right answer
  GAZE_OPT_GAINING = 4,           // reveals a relevant fact
  GAZE_OPT_OPTIMAL = 8,  // stands on a shortest plan (in a sufficient state: the right answer)
} gaze_option_label;

typedef struct gaze_truth_box {  // a visible object, in 0..1 of the image
  float x0, y0, x1, y1;
  char name[48];  // "large red cube"
} gaze_truth_box;

// The oracle's view of one decision. Never reaches a policy that has to see for itself.
typedef struct gaze_truth {
  bool sufficient;  // the history fixes the answer
  int options;
  int label[GAZE_OPTIONS_MAX];      // gaze_option_label bits, by letter
  char text[GAZE_OPTIONS_MAX][64];  // "view left 30", "red", by letter
  char reply[4096];                 // what an ideal policy would write (four-part thought)
  char greedy[8];                   // letter of the largest one-step gain
  gaze_truth_box box[GAZE_BOXES_MAX];
  int boxes;
  char family[16], layout[24], question[8];  // "occlusion", "single_screen", "K1"
  char answer[32];                           // the true answer's text
  int optimal_steps;                         // shortest plan from the start of the episode
  int steps_left;                            // shortest plan from here, -1 if none was found
  bool control;                              // a control episode (outside the main split)
  // What the history has shown so far, in symbols of the environment's own (AVR: avr/belief.h), for
  // agents with perfect eyes and no other knowledge; "" if the environment keeps none.
  char known[4096];
  // what stands where, seen or not, and from where it is looked at: for viewers. 0 bodies: the task
  // keeps no such scene
  gaze_body body[GAZE_SCENE_BODIES_MAX];
  int bodies;
  gaze_viewer viewer;
  // embodied tasks: what brings the tool to its goal, world frame: metres, then the rotation
  // vector in radians
  bool has_goal;
  float to_goal[6];
} gaze_truth;

typedef struct gaze_obs {   // what a policy may see; borrowed until the next step
  const gaze_image *image;  // new images only; rgb NULL after gaze_env.lazy
  int images;
  const char *text;         // this turn's user message; "<image>" marks the place of each
  const gaze_state *robot;  // NULL if none
  uint32_t turn;
  bool first, last;
  const gaze_truth *truth;  // NULL unless the environment was opened with "oracle": true
} gaze_obs;

typedef struct gaze_act {  // what a policy does: text, or a chunk of low-level actions
  const char *text;        // the whole reply, thought included; NULL for a chunk
  const float *chunk;      // [steps,dims]
  int steps, dims;
} gaze_act;

// Facts about one step; borrowed strings live until the next step.
typedef struct gaze_outcome {
  bool terminated, truncated;  // the task ended; cut by the step limit
  bool format;                 // the strict parser accepted the reply
  int choice;                  // index of the chosen option, -1 if none
  bool answered, correct;      // an answer was given; it was right
  bool action;                 // an action was carried out or tried
  const char *status;  // "ok", "blocked", "slipped", "toppled", "timeout", "invalid", "fault"
  // oracle facts about the step; false/0 where the truth was not asked for
  bool sufficient_before;  // before this decision
  bool gaining, useful;    // of the executed action
  bool harmful;            // it toppled something, or more actions are needed now than before
  float bits;              // information gained, 0 where no belief is kept
  float reward;            // the environment's own total
  const char *reply;       // what was answered, for rewards on text
  const char *reference;   // reference reply for text rewards, NULL if none
  // chunks of low-level actions; max_steps is 0 where actions are text, and success is `correct`
  int steps, max_steps;  // control steps this act used; limit of an episode
  int clipped;           // of these steps, those whose action was cut to the limits
  float goal_dist;       // of the tool from its goal after them [m]
} gaze_outcome;

// What holds for every episode of an open environment.
typedef struct gaze_space {
  int image_h, image_w;  // pixels of every picture, one an observation; 0: they vary
  int max_steps;         // most acts of an episode (control steps if told chunks); 0: not known
  double control_hz;     // low-level actions a simulated second; 0: it is told text
  int joints;            // of the robot's state; 0: there is none
  const float *limit;    // [act_dims] magnitude up to which an action is not cut; NULL: not known
} gaze_space;

// One environment: open once, reset and step many times. Common settings: "oracle" (bool),
// "image_size" (pixels), "threads", "split" (envs/split.h); the rest are the environment's own.
//
// step: ARG or STATE: the act is refused and nothing has changed. Any other error: the episode is
// lost, reset begins another. The strings of an outcome outlive a reset.
typedef struct gaze_env {
  const char *name;
  int act_dims;   // numbers of one low-level action; 0: it is told text
  bool embodied;  // judged by what an arm did (embodied.h), not by answers to a question
  gaze_err (*open)(void **self, const gaze_cfg *cfg);           // [rt: init]
  gaze_err (*reset)(void *self, uint64_t seed, gaze_obs *obs);  // [rt: never]
  gaze_err (*step)(void *self, const gaze_act *act, gaze_obs *obs,
                   gaze_outcome *out);  // [rt: never]
  void (*close)(void **self);
  // Optional, all three or none (NULL: its pictures vary, and are drawn with every observation).
  void (*space)(const void *self, gaze_space *s);  // [rt: safe]
  // Pictures are drawn by `render` alone from now on: observations name them, rgb NULL.  [rt: safe]
  void (*lazy)(void *self);
  // Draws the picture of the last observation that named one, [image_h,image_w,3].  [rt: never]
  gaze_err (*render)(void *self, uint8_t *rgb);
} gaze_env;

// A reward is a pure function of recorded facts; one value per term, NaN = does not apply.
typedef struct gaze_reward {
  const char *name;
  const char *const *terms;  // NULL-terminated
  void (*eval)(const gaze_outcome *o, float *term);
} gaze_reward;

// Writes the truth as a JSON object / reads it back; every length is checked.  [rt: never]
cJSON *gaze_truth_to_json(const gaze_truth *t);
gaze_err gaze_truth_from_json(const cJSON *j, gaze_truth *t);  // [rt: never]

#endif
