// envs/avr/avr.h - types of the active visual reasoning environment, shared by its files.
//
// Reading order of one decision: scene.c draws the table, question.c asks, program.c has the true
// answer, know.c records what each view showed, regions.c where more may hide, evaluate.c says
// which answers are still possible, plan.c looks ahead, options.c lists answers and actions, text.c
// puts it into words, env_avr.c runs the physics.
#ifndef GAZE_ENVS_AVR_AVR_H
#define GAZE_ENVS_AVR_AVR_H

#include <stdbool.h>
#include <stdint.h>
#include "core/cfg.h"
#include "core/err.h"
#include "core/rng.h"
#include "envs/env.h"
#include "sim/scene.h"

enum {
  AVR_EQUAL = 2,  // P2, X2: a tie, after AVR_LEFT and AVR_RIGHT
  AVR_COLOURS = 8,
  AVR_SHAPES = 3,
  AVR_SIZES = 2,
  AVR_T_MAX = 8,         // actions; at t = 8 only answers are offered
  AVR_PLACES = 38 * 38,  // candidate centres of an unseen small object, 12 mm grid over the table
  AVR_ANSWERS_MAX = 4,
  AVR_ACTIONS_MAX = 8,
  AVR_VALUES_MAX = 16,  // values a question can have (8 colours, counts 0..12 + 3, ...)
};

typedef enum avr_family { AVR_OCCLUSION, AVR_STACK, AVR_COMPOSITE, AVR_FAMILIES } avr_family;
typedef enum avr_attr { AVR_COLOUR, AVR_SIZE, AVR_SHAPE, AVR_ATTRS } avr_attr;
typedef enum avr_dir { AVR_LEFT, AVR_RIGHT, AVR_FRONT, AVR_BACK, AVR_DIRS } avr_dir;

// Words, in value order: gray red blue green brown purple cyan yellow / large small / cube sphere
// cylinder; occlusion stack composite. (scene.c)
extern const char *const avr_colour_name[AVR_COLOURS];
extern const char *const avr_size_name[AVR_SIZES];
extern const char *const avr_shape_name[AVR_SHAPES];
extern const char *const avr_family_word[AVR_FAMILIES];

typedef struct avr_object {
  int value[AVR_ATTRS];  // colour, size, shape
  int stack, level;      // stack number and place from the table (0), -1 if it stands alone
  bool hidden;           // meant to be unseen at t = 0
} avr_object;

// Which colours shapes may have, after CLEVR CoGenT: cubes gray, blue, brown, yellow and cylinders
// red, green, purple, cyan (A), or the reverse (B); spheres any.
typedef enum avr_cogent { AVR_ANY_COLOUR, AVR_COGENT_A, AVR_COGENT_B } avr_cogent;

typedef struct avr_scene {
  avr_family family;
  int layout;                             // index into avr_layouts
  gaze_body body[GAZE_SCENE_BODIES_MAX];  // poses; the present ones in avr_state
  avr_object object[GAZE_SCENE_BODIES_MAX];
  int n, stacks;
  gaze_viewer start;
  avr_cogent cogent;  // what avr_paint may use
  // large object or stack top in whose shadow a place lies at t = 0, AVR_OUTSIDE where the first
  // frame ends before it, -1 = none (avr_scene_finish)
  int8_t owner[AVR_PLACES];
} avr_scene;

typedef struct avr_layout {
  const char *name;
  avr_family family;
  bool held_out;  // never in training
  bool complete;  // drawn with avr_settings.complete only
  // draws one scene; false: no room, try again
  bool (*draw)(gaze_rng *r, avr_scene *s);
} avr_layout;
extern const avr_layout avr_layouts[];  // ends with name NULL (layouts.c)

// Question templates, with the program of each (avr.md section 4): query, exist, count,
// comparison, hypothetical, composite. Those from AVR_P1 on need avr_settings.complete.
typedef enum avr_template {
  AVR_Q1,  // attr of the object nearest to the anchor, the top of a stack
  AVR_Q2,  // attr of the object nearest to the anchor
  AVR_Q3,  // attr of the small object farthest to `dir`
  AVR_E1,  // whether the filter takes any object
  AVR_K1,  // how many objects the filter takes
  AVR_K2,  // how many cubes of the stack
  AVR_K3,  // how many objects of the area `dir`
  AVR_P1,  // whether K3 is equal left and right
  AVR_P2,  // which area has more (fewer)
  AVR_P3,  // whether attr of the only object the filter takes is that of `other`
  AVR_M1,  // K1 without the objects of a removed class
  AVR_M2,  // K3 without them
  AVR_M3,  // K1 with some added
  AVR_M4,  // K2 with some added
  AVR_M5,  // K1 without those of two classes
  AVR_X1,  // whether attr of the stack's centre cube is that of `other`, a class removed
  AVR_X2,  // P2 without the objects of two classes
  AVR_TEMPLATES,
  AVR_FIRST_TEMPLATES = AVR_P1
} avr_template;
extern const char *const avr_template_name[AVR_TEMPLATES];  // "Q1", ... (question.c)

// A filter: value per attribute, -1 = any.
typedef struct avr_filter {
  int value[AVR_ATTRS];
} avr_filter;

enum { AVR_REMOVED_MAX = 2, AVR_ADDED_MAX = 3 };

typedef struct avr_question {
  avr_template id;
  avr_attr attr;      // asked attribute of Q1-Q3, P3, X1
  int anchor;         // object index of `on top` (Q1), `front` (Q2), `other` (P3, X1); -1 otherwise
  avr_dir dir;        // Q3; K3, M2 use left/right
  avr_filter filter;  // E1: small v1 v2; P3: all but attr; K, P1, P2, M, X2: v
  int stack;          // K2, M4, X1: stack number; -1 otherwise
  int answer;         // colour/size/shape index, 0 no / 1 yes, AVR_LEFT.. of P2, X2, or a count
  int offered[AVR_ANSWERS_MAX], n_offered;  // answer options, fixed for the episode
  avr_filter removed[AVR_REMOVED_MAX];      // M1, M2, X1: one class of size and shape; M5, X2: two
  int n_removed;
  int added;  // M3, M4: how many are added, else 0
  int more;   // P2, X2 ask for the area with more (1) or fewer (-1), else 0
} avr_question;

// Facts about one object, a bit each. Of a cube under another only its existence and colour have to
// be seen: its shape follows from the prior, and its size where stacks are of equal cubes
// (avr_equal_stacks). BASE, of the lowest cube of a stack: it was seen from the side to stand on
// the table, so nothing is below; of a cube alone in composite scenes likewise. (know.c)
enum {
  AVR_EXISTS = 1,
  AVR_KNOWS_COLOUR = 2,
  AVR_KNOWS_SHAPE = 4,
  AVR_KNOWS_SIZE = 8,
  AVR_KNOWS_PLACE = 16,
  AVR_KNOWS_BASE = 32
};

// What the views so far have shown: a union, so two of them are joined by |.
typedef struct avr_know {
  uint8_t fact[GAZE_SCENE_BODIES_MAX];
  // bit p: no unseen small object can stand with its centre at place p (it would have been seen,
  // or something known stands there)
  uint64_t closed[(AVR_PLACES + 63) / 64];
} avr_know;

typedef struct avr_state {  // where an episode stands; plain data, copied by the search
  gaze_body body[GAZE_SCENE_BODIES_MAX];
  gaze_viewer viewer;
  avr_know know;
  uint16_t visible;  // bit i: object i exists in the present view
  int t;
} avr_state;

// The set of values the question can still have.
typedef struct avr_values {
  bool possible[AVR_VALUES_MAX];
  int lo, hi;  // counts: the interval
} avr_values;

typedef enum avr_kind { AVR_ANSWER, AVR_ORBIT, AVR_TURN, AVR_PICK, AVR_MOVE } avr_kind;
typedef struct avr_option {
  avr_kind kind;
  int value;                 // ANSWER: value
  float azimuth, elevation;  // ORBIT: change in degrees (one of them)
  float pan, tilt;           // TURN: change in degrees (one of them)
  int object;                // PICK, MOVE
  avr_dir dir;               // MOVE
  int label;                 // gaze_option_label bits
  float gain;                // relevant facts it adds: used to rank (greedy)
} avr_option;

// A region that may hold unseen objects and could change the answer.
typedef struct avr_region {
  int object;  // "behind" this large object or stack top, or "under" this stack's visible top
  bool under;
  bool outside;  // neither: beyond the first frame; object is -1
} avr_region;

typedef struct avr_episode {
  avr_scene scene;
  avr_question question;
  avr_state state;
  avr_option option[GAZE_OPTIONS_MAX];
  int options;
  int optimal_steps;  // L* from the start
  int steps_left;     // shortest plan from the present state, -1 if none was found
  bool control;       // sufficient at t = 0, or hides nothing
  bool stuck;         // a harmful action left no useful one
  int tries;          // scenes drawn until this one fitted
  uint64_t seed;
  gaze_rng rng;  // substream of the seed; also shuffles letters
} avr_episode;

typedef struct avr_oracle avr_oracle;  // opaque: ray-caster context and buffers (know.c)

// Which seeds' rules hold: train, val and test are drawn alike; the transfer splits differ.
typedef enum avr_split {
  AVR_MAIN_SPLIT,
  AVR_LAYOUTS_SPLIT,  // held-out layouts only
  AVR_COGENT_SPLIT,   // colours of condition B
  AVR_LIGHT_SPLIT     // pictures under the avr-v1-light look
} avr_split;

typedef struct avr_settings {
  int judge_size;           // pixels of the oracle's image: 448 full, 224 cheap
  int search_depth;         // 6 full, 4 cheap
  double sufficient_share;  // share of episodes sufficient at t = 0; < 0: the seed mod 12 rule
  const char *family, *layout, *question;  // restrict, NULL = all
  const char *hand;                        // robot that acts; NULL = the kinematic hand
  avr_split split;
  avr_cogent cogent;
  bool complete;  // all of avr.md; else what the bundled policy was trained on
} avr_settings;

// ---- know.c ----
gaze_err avr_oracle_open(avr_oracle **o, int judge_size, int threads);  // [rt: init]
void avr_oracle_close(avr_oracle **o);                                  // [rt: never]
// Renders the state as the oracle sees it and joins what it shows into state->know.  [rt: never]
gaze_err avr_observe(avr_oracle *o, const avr_scene *s, avr_state *st);
typedef struct avr_seen {
  int object;
  uint8_t fact;
  float box[4];
} avr_seen;
// Boxes (0..1) and facts of what this one view shows, left to right; returns the number.
// [rt: never]
int avr_look(avr_oracle *o, const avr_scene *s, const avr_state *st,
             avr_seen seen[GAZE_SCENE_BODIES_MAX]);

// ---- program.c ----
// True value from the whole scene; false if the instance is invalid (not unique, tie, ...).  [rt:
// safe]
bool avr_true_value(const avr_scene *s, const avr_question *q, int *value);
// Whether the question's values are counts.  [rt: safe]
bool avr_counts(const avr_question *q);

// ---- evaluate.c ----
// Which values are possible given what is known (interval evaluation, avr.md section 7).  [rt:
// safe]
void avr_possible(const avr_scene *s, const avr_question *q, const avr_state *st, avr_values *v);
bool avr_sufficient(const avr_values *v);  // exactly one  [rt: safe]
// Open regions that can change the answer; returns the number (cap GAZE_SCENE_BODIES_MAX).  [rt:
// safe]
int avr_open_regions(const avr_scene *s, const avr_question *q, const avr_state *st,
                     avr_region out[GAZE_SCENE_BODIES_MAX]);
// The same for a question that may be answered already: whether a place could hide something that
// the question asks about does not depend on what was found elsewhere.  [rt: safe]
int avr_unseen_regions(const avr_scene *s, const avr_question *q, const avr_state *st,
                       avr_region out[GAZE_SCENE_BODIES_MAX]);
// Known objects that match the question so far (counted, existing, or the present candidate of a
// query); returns the number. For the thought's "Match" line.  [rt: safe]
int avr_matches(const avr_scene *s, const avr_question *q, const avr_state *st,
                int out[GAZE_SCENE_BODIES_MAX]);
// Relevant facts that `after` has and `before` lacks; > 0 = the action gained.  [rt: safe]
float avr_gain(const avr_scene *s, const avr_question *q, const avr_state *before,
               const avr_state *after);

// ---- question.c ----
// What a question is to say and what its answer is to be, drawn before any scene: whatever scenes
// are rejected until one fits, the words then tell nothing about the answer (avr.md section 10).
typedef struct avr_wish {
  avr_template id;
  int truth;          // 0 no, 1 yes; shape asked by Q2, Q3; the count; AVR_LEFT.. of P2, X2
  int from;           // counts: lowest of the four successive ones on offer
  bool colour;        // Q2, Q3, P3 ask for the colour, else for the shape
  avr_dir dir;        // Q3: which side; K3, M2: left or right
  avr_filter filter;  // E1, K, P1, P2, M, X2
  avr_filter removed[AVR_REMOVED_MAX];
  int n_removed, added, more;
} avr_wish;

// The template of the first seven that demands the same of a layout: whoever can carry the one can
// carry the other.  [rt: safe]
avr_template avr_template_like(avr_template id);

// Draws a wish for a template in scenes of this family.  [rt: never]
void avr_draw_wish(gaze_rng *r, avr_family family, avr_template id, avr_wish *w);

// Draws other words for the same template and keeps the truth, of a count its place among those on
// offer: truths stay as even as they were drawn, whatever words are too rare to find a scene.
// [rt: never]
void avr_reword(gaze_rng *r, avr_family family, avr_wish *w);

// Writes the question of the wish about the scene, with its answer and the values on offer; false
// if the scene cannot be asked so or its answer is another. Needs the hidden flags.  [rt: never]
bool avr_ask(gaze_rng *r, const avr_scene *s, const avr_wish *w, avr_question *q);

// ---- plan.c ----
// Lowest and highest elevation a viewer of the scene can take [deg]: by family, and up to where it
// started.  [rt: safe]
void avr_elevation_range(const avr_scene *s, float *lo, float *hi);
// Whether the action can be carried out, and the state after it (geometry only: the cheap path).
// The new view is observed.  [rt: never]
gaze_err avr_imagine(avr_oracle *o, const avr_scene *s, const avr_state *st, const avr_option *a,
                     avr_state *after, bool *possible);
// Every action open in this state (legal and named objects only); returns the number.  [rt: safe]
int avr_actions(const avr_scene *s, const avr_state *st, avr_option *out, int cap);
// Length of a shortest plan to sufficiency (-1: none within depth) and the actions that start one
// (bits into `actions`).  [rt: never]
gaze_err avr_plan(avr_oracle *o, const avr_scene *s, const avr_question *q, const avr_state *st,
                  const avr_option *actions, int n, int depth, int *length, uint64_t *first);

// ---- options.c ----
// Fills episode->option with answers and 5-8 actions (3-5 verified distractors), shuffled and
// labelled, for the present state. At t = 0 NOTFOUND if the state has too few of them; later the
// list is cut to what there is (`stuck` if nothing useful is left), so that play always goes on.
// [rt: never]
gaze_err avr_list_options(avr_oracle *o, const avr_settings *set, avr_episode *e);

// ---- generate.c ----
// Draws the whole episode of a seed: scene, question, first view, plan, options. The same seed and
// settings give the same episode.  [rt: never]
gaze_err avr_generate(avr_oracle *o, const avr_settings *set, uint64_t seed, avr_episode *e);

// ---- text.c / thought.c / parse.c ----
// "large red cube"; attributes that are not known are left out ("object" for the shape).  [rt:
// never]
void avr_object_name(const avr_scene *s, int object, uint8_t fact, gaze_buf *out);
// "view left 30", "pick large red cube", "red", "3".  [rt: never]
void avr_option_name(const avr_episode *e, const avr_option *o, gaze_buf *out);
// User message of this turn; status NULL on the first.  [rt: never]
void avr_prompt(const avr_episode *e, const char *status, gaze_buf *out);
// The ideal reply: four-part thought and answer. wording 0 is canonical, 1..7 vary the phrases.
// `choice` is the option the decision names (the oracle's, or a forced one).  [rt: never]
gaze_err avr_thought(avr_oracle *o, const avr_episode *e, int choice, int wording, gaze_buf *out);
// The option an ideal policy takes: the right answer when sufficient, else an optimal action.  [rt:
// safe]
int avr_best_option(const avr_episode *e);
typedef struct avr_reply {
  bool strict;  // the strict grammar holds
  int choice;   // option index by the lenient parser, -1 if none
} avr_reply;
// Parses a reply against `options` letters (avr.md section 6).  [rt: safe]
avr_reply avr_parse_reply(const char *text, size_t n, int options);

#endif
