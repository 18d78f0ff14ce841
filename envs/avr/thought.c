// envs/avr/thought.c - the ideal reply in words: what is seen, what is open, what each option
// would bring, and the choice.
#include <math.h>
#include <string.h>
#include "envs/avr/avr_internal.h"
#include "envs/avr/words.h"
#include "sim/world.h"

const char *const avr_heading[4] = {"## Visual Reasoning", "## Uncertainty", "## Information Gain",
                                    "## Decision"};

const avr_phrases avr_wording[AVR_WORDINGS] = {
    {"Known:", "Match:", "Hidden:", "Answer:", "none", "unknown", "to", "behind", "under", "answer",
     "reveals", "enables", "blocked", "irrelevant", "sufficient", "not sufficient"},
    {"Seen so far:", "Matching:", "Not seen:", "Possible:", "nothing", "open", "to", "behind",
     "below", "answers", "shows more", "clears the way", "not possible", "no use", "enough",
     "not enough"},
    {"Objects so far:", "Fits:", "Unseen:", "Values:", "none", "not known", "up to", "in back of",
     "underneath", "is one answer", "may show it", "prepares", "cannot be done",
     "shows nothing new", "certain", "not certain"},
    {"I know:", "That match:", "Open space:", "So far:", "no object", "undecided", "to",
     "hidden behind", "hidden under", "would give the answer", "opens the view", "makes room",
     "would fail", "does not help", "I can answer", "I must look"},
    {"Known objects:", "Relevant:", "May hide:", "Range:", "none", "unclear", "to", "behind",
     "under", "would answer", "informative", "first step", "impossible", "useless", "decided",
     "still open"},
    {"Total seen:", "For the question:", "Covered:", "Result:", "nothing", "unknown", "through",
     "back of", "beneath", "would end the task", "gains", "helps later", "blocked", "gains nothing",
     "ready to answer", "more needed"},
    {"Memory:", "Candidates:", "Occluded:", "Estimate:", "empty", "ambiguous", "to", "behind",
     "under", "final answer", "useful view", "useful step", "out of reach", "not useful", "done",
     "not done"},
    {"List:", "Of these:", "Could be more:", "Answer now:", "none", "any", "or up to",
     "on the far side of", "at the bottom of", "would be final", "would reveal", "would enable",
     "would be blocked", "would not matter", "evidence complete", "evidence incomplete"},
};

bool avr_can_try(const avr_scene *s, const avr_state *st, const avr_option *o) {
  const gaze_viewer *v = &st->viewer;
  switch (o->kind) {
    case AVR_ANSWER:
      return true;
    case AVR_ORBIT: {
      // clipped at the limits: blocked when next to nothing would change
      float lo, hi;
      avr_elevation_range(s, &lo, &hi);
      if (o->azimuth != 0.0f) return fabsf(v->azimuth + o->azimuth) <= 90.5f;
      return o->elevation > 0 ? hi - v->elevation >= 5.0f : v->elevation - lo >= 5.0f;
    }
    case AVR_TURN:
      return fabsf(v->pan + o->pan) <= 40.5f && fabsf(v->tilt + o->tilt) <= 30.5f;
    case AVR_PICK:
      return gaze_scene_graspable(st->body, s->n, o->object);
    case AVR_MOVE: {
      float dir[2], to[3];
      avr_dir_vector(o->dir, dir);
      return gaze_scene_graspable(st->body, s->n, o->object) &&
             gaze_scene_place(st->body, s->n, o->object, dir, to);
    }
  }
  return false;
}

int avr_best_option(const avr_episode *e) {
  avr_values v;
  avr_possible(&e->scene, &e->question, &e->state, &v);
  bool sure = avr_sufficient(&v);
  int best = -1;
  for (int i = 0; i < e->options; i++) {
    const avr_option *o = &e->option[i];
    if (sure && (o->label & GAZE_OPT_CORRECT)) return i;
    if (sure || o->kind == AVR_ANSWER) continue;
    // among equals the larger gain, then the lower letter; a stuck state still tries something
    bool better = best < 0;
    if (!better) {
      int mine = o->label & GAZE_OPT_OPTIMAL, held = e->option[best].label & GAZE_OPT_OPTIMAL;
      better = mine != held ? mine > held : o->gain > e->option[best].gain;
    }
    if (better) best = i;
  }
  if (best >= 0) return best;

  // only answers are left: one that is still possible
  for (int i = 0; i < e->options; i++) {
    int value = e->option[i].value;
    if (e->option[i].kind == AVR_ANSWER && value >= 0 && value < AVR_VALUES_MAX &&
        v.possible[value])
      return i;
  }
  return e->options > 0 ? 0 : -1;
}

// Objects in the order a reader meets them: this view from left to right, then those seen before
// and not now, by size, colour and shape.
typedef struct listing {
  int object[GAZE_SCENE_BODIES_MAX], n;
  int seen;                             // of them in this view
  uint8_t fact[GAZE_SCENE_BODIES_MAX];  // by object: the union of all views
  avr_marks marks;
} listing;

static int place_of(const avr_object *o) {
  return 1000 * o->value[AVR_SIZE] + 10 * o->value[AVR_COLOUR] + o->value[AVR_SHAPE];
}

static void list_objects(const avr_episode *e, const avr_seen *seen, int n, listing *l) {
  bool listed[GAZE_SCENE_BODIES_MAX] = {false};
  memcpy(l->fact, e->state.know.fact, sizeof l->fact);
  for (int i = 0; i < n; i++) {
    l->object[l->n++] = seen[i].object;
    listed[seen[i].object] = true;
    l->fact[seen[i].object] |= seen[i].fact;
  }
  l->seen = l->n;
  for (int i = 0; i < e->scene.n; i++) {
    if (listed[i] || !(l->fact[i] & AVR_EXISTS)) continue;
    int k = l->n++;
    for (; k > l->seen &&
           place_of(&e->scene.object[l->object[k - 1]]) > place_of(&e->scene.object[i]);
         k--)
      l->object[k] = l->object[k - 1];
    l->object[k] = i;
  }
}

// How many objects count: by area where areas are compared, else all in the first.
typedef struct tally {
  int n[2];
} tally;

// Numbers the objects that count, in the order of the list (a query's is one: the object it asks
// about so far; of two that are compared, those known), and marks where something may hide.
static tally mark(const avr_episode *e, const avr_phrases *w, listing *l) {
  avr_region region[GAZE_SCENE_BODIES_MAX];
  int match[GAZE_SCENE_BODIES_MAX];
  tally t = {{0}};
  bool counts[GAZE_SCENE_BODIES_MAX] = {false};
  int n = avr_matches(&e->scene, &e->question, &e->state, match);
  for (int i = 0; i < n; i++) counts[match[i]] = true;
  l->marks = (avr_marks){.w = w, .by_area = avr_program_of(e->question.id) == AVR_SIDES};
  for (int k = 0; k < l->n; k++) {
    int i = l->object[k], area = 0;
    if (!counts[i]) continue;
    if (l->marks.by_area) {
      // of an object whose place is not known it is not known where it counts
      if (!(l->fact[i] & AVR_KNOWS_PLACE)) continue;
      area = avr_in_area(AVR_LEFT, e->scene.body[i].pos[0]) ? AVR_LEFT : AVR_RIGHT;
    }
    l->marks.area[i] = (uint8_t)area;
    l->marks.number[i] = (uint8_t)++t.n[area];
  }
  n = avr_unseen_regions(&e->scene, &e->question, &e->state, region);
  for (int i = 0; i < n; i++)
    *(region[i].outside ? &l->marks.outside
      : region[i].under ? &l->marks.under[region[i].object]
                        : &l->marks.behind[region[i].object]) = true;
  return t;
}

static void known_line(const avr_episode *e, const avr_phrases *w, const listing *l,
                       gaze_buf *out) {
  gaze_buf_str(out, w->known);
  for (int k = l->seen; k < l->n; k++) {
    gaze_buf_str(out, k > l->seen ? ", " : " ");
    avr_object_name(&e->scene, l->object[k], l->fact[l->object[k]], out);
    avr_put_marks(&l->marks, l->object[k], out);
  }
  if (l->n == l->seen) gaze_buf_printf(out, " %s", w->none);
  gaze_buf_str(out, "\n");
}

// names of the objects that count, in the order of the list
static void match_names(const avr_episode *e, const avr_phrases *w, const listing *l,
                        gaze_buf *out) {
  int named = 0;
  for (int k = 0; k < l->n; k++) {
    int i = l->object[k];
    if (l->marks.number[i] == 0) continue;
    if (named++) gaze_buf_str(out, ", ");
    avr_object_name(&e->scene, i, l->fact[i], out);
  }
  if (named == 0) gaze_buf_str(out, w->none);
}

// the number of objects that count, or the objects asked about so far
static void match_line(const avr_episode *e, const avr_phrases *w, const listing *l, tally t,
                       gaze_buf *out) {
  gaze_buf_printf(out, "%s ", w->match);
  switch (avr_program_of(e->question.id)) {
    case AVR_COUNT:
      gaze_buf_printf(out, "%d", t.n[0]);
      break;
    case AVR_SIDES:
      gaze_buf_printf(out, "%s %d, %s %d", avr_dir_name[AVR_LEFT], t.n[AVR_LEFT],
                      avr_dir_name[AVR_RIGHT], t.n[AVR_RIGHT]);
      break;
    case AVR_QUERY:
    case AVR_SAME:
      match_names(e, w, l, out);
      break;
  }
  gaze_buf_str(out, "\n");
}

static void hidden_line(const avr_phrases *w, const listing *l, gaze_buf *out) {
  bool any = l->marks.outside;
  for (int i = 0; i < GAZE_SCENE_BODIES_MAX; i++) any |= l->marks.behind[i] || l->marks.under[i];
  gaze_buf_printf(out, "%s %s\n", w->hidden, any ? w->unknown : w->none);
}

static void answer_line(const avr_episode *e, const avr_phrases *w, const avr_values *v,
                        gaze_buf *out) {
  gaze_buf_printf(out, "%s ", w->answer);
  if (avr_sufficient(v)) {
    int value = 0;
    while (value < AVR_VALUES_MAX - 1 && !v->possible[value]) value++;
    avr_value_name(&e->question, value, out);
  } else if (avr_counts(&e->question)) {
    gaze_buf_printf(out, "%d %s %s", v->lo, w->to, w->unknown);
  } else {
    gaze_buf_str(out, w->unknown);
  }
  gaze_buf_str(out, "\n");
}

void avr_gain_lines(const avr_episode *e, const avr_phrases *w, const char *const *brings,
                    gaze_buf *out) {
  gaze_buf_printf(out, "%s\n", avr_heading[2]);
  for (int i = 0; i < e->options; i++) {
    avr_option_name(e, &e->option[i], out);
    gaze_buf_printf(out, " %c %s\n", 'A' + i,
                    e->option[i].kind == AVR_ANSWER ? w->answers : brings[i]);
  }
}

void avr_decision_lines(const avr_episode *e, const avr_phrases *w, bool sufficient, int choice,
                        gaze_buf *out) {
  gaze_buf_printf(out, "%s\n%s: ", avr_heading[3], sufficient ? w->sufficient : w->not_sufficient);
  avr_option_name(e, &e->option[choice], out);
  gaze_buf_printf(out, " %c\n</think>\n<answer>%c</answer>", 'A' + choice, 'A' + choice);
}

// what an option would bring, by its label
static const char *brings_of(const avr_episode *e, const avr_phrases *w, const avr_option *o) {
  if (o->label & GAZE_OPT_GAINING) return w->reveals;
  if (o->label & GAZE_OPT_OPTIMAL) return w->enables;
  return avr_can_try(&e->scene, &e->state, o) ? w->irrelevant : w->blocked;
}

bool avr_view_lines(const avr_seen *seen, int n, const avr_episode *e, const avr_phrases *w,
                    gaze_buf *out) {
  avr_values v;
  avr_possible(&e->scene, &e->question, &e->state, &v);
  listing l = {0};
  list_objects(e, seen, n, &l);
  tally t = mark(e, w, &l);

  gaze_buf_printf(out, "%s\n", avr_heading[0]);
  avr_box_lines(&e->scene, &e->state.know, seen, n, &l.marks, out);
  if (e->state.t > 0) known_line(e, w, &l, out);
  match_line(e, w, &l, t, out);
  gaze_buf_printf(out, "%s\n", avr_heading[1]);
  hidden_line(w, &l, out);
  answer_line(e, w, &v, out);
  return avr_sufficient(&v);
}

gaze_err avr_thought_of(const avr_seen *seen, int n, const avr_episode *e, int choice, int wording,
                        gaze_buf *out) {
  if (choice < 0 || choice >= e->options)
    return gaze_fail(GAZE_ERR_ARG, "thought: choice: expected 0..%d, found %d", e->options - 1,
                     choice);
  if (wording < 0 || wording >= AVR_WORDINGS)
    return gaze_fail(GAZE_ERR_ARG, "thought: wording: expected 0..%d, found %d", AVR_WORDINGS - 1,
                     wording);
  const avr_phrases *w = &avr_wording[wording];
  gaze_buf_str(out, "<think>\n");
  bool sufficient = avr_view_lines(seen, n, e, w, out);
  const char *brings[GAZE_OPTIONS_MAX];
  for (int i = 0; i < e->options; i++) brings[i] = brings_of(e, w, &e->option[i]);
  avr_gain_lines(e, w, brings, out);
  avr_decision_lines(e, w, sufficient, choice, out);
  return out->failed ? gaze_fail(GAZE_ERR_NOMEM, "thought: out of memory") : GAZE_OK;
}

gaze_err avr_thought(avr_oracle *o, const avr_episode *e, int choice, int wording, gaze_buf *out) {
  avr_seen seen[GAZE_SCENE_BODIES_MAX];
  int n = avr_look(o, &e->scene, &e->state, seen);
  if (n < 0) return gaze_fail(GAZE_ERR_INTERNAL, "thought: the view could not be rendered");
  return avr_thought_of(seen, n, e, choice, wording, out);
}
