// envs/avr/words.h - the fixed words of the game, and the pieces its texts are built from.
#ifndef GAZE_ENVS_AVR_WORDS_H
#define GAZE_ENVS_AVR_WORDS_H

#include "core/buf.h"
#include "envs/avr/avr.h"

enum {
  AVR_WORDINGS = 8,  // phrase sets of the thought; 0 is canonical
  AVR_TEMPLATE_TEXTS = AVR_TEMPLATES,
};

// The first line of every episode: the prior without which "how many" never closes.
extern const char *const avr_rules;

// The four headings of a thought, in order.
extern const char *const avr_heading[4];

// What the questions say, slots in braces; in the order of avr_template.
extern const char *const avr_template_text[AVR_TEMPLATE_TEXTS];

// The phrases of one wording. Every one is a few lower-case words, except the line heads.
typedef struct avr_phrases {
  const char *known, *match, *hidden, *answer;           // line heads, with the colon
  const char *none, *unknown, *to;                       // empty list, open value, "1 to 3"
  const char *behind, *under;                            // where something may be hidden
  const char *answers;                                   // what the answer letters are
  const char *reveals, *enables, *blocked, *irrelevant;  // what an action would do
  const char *sufficient, *not_sufficient;               // the decision
} avr_phrases;
extern const avr_phrases avr_wording[AVR_WORDINGS];

// Text of the question: "what colour is the object closest to the large red cube?".  [rt: never]
void avr_question_text(const avr_scene *s, const avr_question *q, gaze_buf *out);

// Text of a value of this question: "red", "large", "cube", "yes", "3".  [rt: never]
void avr_value_name(const avr_question *q, int value, gaze_buf *out);

// What a thought adds to an object's name: its number among those that count (where areas are
// compared: the area and its number there), and where the question leaves something open. Said at
// the object itself, so that nothing has to be copied from a list where names repeat.
typedef struct avr_marks {
  const avr_phrases *w;
  uint8_t number[GAZE_SCENE_BODIES_MAX];  // 1.. in the order of the list, 0 = does not count
  bool by_area;                           // numbers start anew in each area
  uint8_t area[GAZE_SCENE_BODIES_MAX];    // AVR_LEFT, AVR_RIGHT
  bool behind[GAZE_SCENE_BODIES_MAX], under[GAZE_SCENE_BODIES_MAX];
  bool outside;  // something may be beyond the first frame
} avr_marks;

// One line "[x0 y0 x1 y1] name" per seen object; integers are hundredths of width and height,
// 0..99. The name gives what this view or `know` (may be NULL) tells, `marks` (may be NULL) follow.
// [rt: never]
void avr_box_lines(const avr_scene *s, const avr_know *know, const avr_seen *seen, int n,
                   const avr_marks *marks, gaze_buf *out);

// Writes the marks of one object, each after a space: "2 behind under", "left 1".  [rt: never]
void avr_put_marks(const avr_marks *m, int object, gaze_buf *out);

// The first two sections of a thought: what this view shows of the question, what is open, what
// the answer is so far. Reads scene, question and state; returns whether they fix the answer.
// [rt: never]
bool avr_view_lines(const avr_seen *seen, int n, const avr_episode *e, const avr_phrases *w,
                    gaze_buf *out);

// avr_thought for a view that was already looked at.  [rt: never]
gaze_err avr_thought_of(const avr_seen *seen, int n, const avr_episode *e, int choice, int wording,
                        gaze_buf *out);

// The gain section: heading, then a line "name letter what" per option, in the order of the list:
// each line copies its option before it judges it. brings[i]: what option i would bring, a phrase
// of `w`; read for actions only.  [rt: never]
void avr_gain_lines(const avr_episode *e, const avr_phrases *w, const char *const *brings,
                    gaze_buf *out);

// The end of a reply: heading, the decision as "name letter", then the answer.  [rt: never]
void avr_decision_lines(const avr_episode *e, const avr_phrases *w, bool sufficient, int choice,
                        gaze_buf *out);

// Whether an action can be tried at all, by geometry only: reach of the viewer, grasp and free
// place.  [rt: safe]
bool avr_can_try(const avr_scene *s, const avr_state *st, const avr_option *o);

// The option list, one "name letter" line each, without a final line end.  [rt: never]
void avr_option_lines(const avr_episode *e, gaze_buf *out);

// Unit vector in x, y of a direction word, world frame.  [rt: safe]
void avr_dir_vector(avr_dir d, float v[2]);
extern const char *const avr_dir_name[AVR_DIRS];  // left right front back

#endif
