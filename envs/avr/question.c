// envs/avr/question.c - draws questions about a scene whose hidden objects are known.
#include <string.h>
#include "envs/avr/avr_internal.h"

const char *const avr_template_name[AVR_TEMPLATES] = {"Q1", "Q2", "Q3", "E1", "K1", "K2", "K3"};

static const int VALUES[AVR_ATTRS] = {AVR_COLOURS, AVR_SIZES, AVR_SHAPES};

// Whether an object can be named in a question: seen at t = 0, and no other has its three values.
static bool named(const avr_scene *s, int i) {
  if (s->object[i].hidden) return false;
  for (int j = 0; j < s->n; j++)
    if (j != i && memcmp(s->object[j].value, s->object[i].value, sizeof s->object[i].value) == 0)
      return false;
  return true;
}

static bool top(const avr_scene *s, int i) {
  return s->object[i].stack >= 0 && avr_stack_top(s, s->object[i].stack, 0xFFFF) == i;
}

static bool any_hidden(const avr_scene *s) {
  for (int i = 0; i < s->n; i++)
    if (s->object[i].hidden) return true;
  return false;
}

// Draws one of the indices with ok[i]; -1 if there is none.
static int pick(gaze_rng *r, const bool *ok, int n) {
  int list[64], m = 0;
  for (int i = 0; i < n && m < 64; i++)
    if (ok[i]) list[m++] = i;
  return m == 0 ? -1 : list[gaze_rng_int(r, 0, m - 1)];
}

static bool ask_top(gaze_rng *r, const avr_scene *s, avr_question *q) {
  bool ok[GAZE_SCENE_BODIES_MAX] = {false};
  for (int i = 0; i < s->n; i++) ok[i] = top(s, i) && s->object[i].level > 0 && named(s, i);
  q->anchor = pick(r, ok, s->n);
  q->attr = AVR_COLOUR;  // shape and size of the cube below are given by the top
  return q->anchor >= 0;
}

static bool ask_closest(gaze_rng *r, const avr_scene *s, int place, avr_question *q) {
  bool ok[GAZE_SCENE_BODIES_MAX] = {false};
  for (int i = 0; i < s->n; i++) ok[i] = s->object[i].stack < 0 && named(s, i);
  q->anchor = pick(r, ok, s->n);
  q->attr = place & 1 ? AVR_COLOUR : AVR_SHAPE;
  return q->anchor >= 0;
}

static bool ask_exists(gaze_rng *r, const avr_scene *s, avr_question *q) {
  bool ok[GAZE_SCENE_BODIES_MAX] = {false};
  int small = 0;
  for (int i = 0; i < s->n; i++) {
    ok[i] = s->object[i].value[AVR_SIZE] == AVR_SMALL && (s->object[i].hidden || !any_hidden(s));
    small += ok[i];
  }
  // q->answer holds the wanted truth
  q->filter.value[AVR_SIZE] = AVR_SMALL;
  q->filter.value[AVR_COLOUR] = gaze_rng_int(r, 0, AVR_COLOURS - 1);
  q->filter.value[AVR_SHAPE] = gaze_rng_int(r, 0, AVR_SHAPES - 1);
  if (q->answer == 1) {
    int i = pick(r, ok, s->n);
    if (small == 0 || i < 0) return false;
    q->filter.value[AVR_COLOUR] = s->object[i].value[AVR_COLOUR];
    q->filter.value[AVR_SHAPE] = s->object[i].value[AVR_SHAPE];
  }
  return true;
}

static bool ask_count(gaze_rng *r, const avr_scene *s, avr_question *q) {
  bool ok[GAZE_SCENE_BODIES_MAX] = {false};
  int kind = gaze_rng_int(r, 0, 3);  // colours twice as often: they hide best
  avr_attr a = kind < 2 ? AVR_COLOUR : kind == 2 ? AVR_SHAPE : AVR_SIZE;
  if (q->id == AVR_K2) a = AVR_COLOUR;
  for (int i = 0; i < s->n; i++) ok[i] = true;
  int i = pick(r, ok, s->n);
  // half from the scene, half any value: "visible and one more" must not be a rule
  q->filter.value[a] =
      i >= 0 && gaze_rng_int(r, 0, 1) ? s->object[i].value[a] : gaze_rng_int(r, 0, VALUES[a] - 1);
  q->dir = (avr_dir)gaze_rng_int(r, AVR_LEFT, AVR_RIGHT);
  if (q->id != AVR_K2) return true;

  for (int k = 0; k < s->n; k++) {
    ok[k] = top(s, k) && !s->object[k].hidden;
    for (int j = 0; j < s->n; j++)
      if (j != k && top(s, j) && s->object[j].value[AVR_COLOUR] == s->object[k].value[AVR_COLOUR])
        ok[k] = false;
  }
  int t = pick(r, ok, s->n);
  if (t < 0) return false;
  q->stack = s->object[t].stack;
  return true;
}

// Whether the count stays the same without its area or stack: then the step asks nothing.
static bool degenerate(const avr_scene *s, const avr_question *q) {
  avr_question all = *q;
  int truth = -1;
  all.id = AVR_K1;
  return (q->id == AVR_K2 || q->id == AVR_K3) && avr_true_value(s, &all, &truth) &&
         truth == q->answer;
}

// Four successive counts with the truth at this place of the window.
static bool offer_counts(avr_question *q, int place) {
  int from = q->answer - place;
  if (from < 0 || from + 3 > AVR_OBJECTS_MAX) return false;
  for (int k = 0; k < 4; k++) q->offered[k] = from + k;
  q->n_offered = 4;
  return true;
}

static void offer_values(gaze_rng *r, avr_question *q) {
  int all[AVR_COLOURS], n = VALUES[q->attr];
  for (int k = 0; k < n; k++) all[k] = k;
  gaze_rng_shuffle(r, all, n);
  q->offered[0] = q->answer;
  q->n_offered = 1;
  for (int k = 0; k < n && q->n_offered < AVR_ANSWERS_MAX; k++)
    if (all[k] != q->answer) q->offered[q->n_offered++] = all[k];
}

bool avr_ask(gaze_rng *r, const avr_scene *s, avr_template id, avr_question *q) {
  int wanted = q->answer, place = q->n_offered & 3;
  *q = (avr_question){.id = id, .anchor = -1, .stack = -1, .answer = wanted & 1};
  for (int a = 0; a < AVR_ATTRS; a++) q->filter.value[a] = -1;

  bool ok = false;
  switch (id) {
    case AVR_Q1:
      ok = ask_top(r, s, q);
      break;
    case AVR_Q2:
      ok = ask_closest(r, s, place, q);
      break;
    case AVR_Q3:
      q->dir = (avr_dir)gaze_rng_int(r, 0, AVR_DIRS - 1);
      q->attr = place & 1 ? AVR_COLOUR : AVR_SHAPE;
      ok = true;
      break;
    case AVR_E1:
      ok = ask_exists(r, s, q);
      break;
    default:
      ok = ask_count(r, s, q);
      break;
  }
  int truth;
  if (!ok || !avr_true_value(s, q, &truth)) return false;
  if (id == AVR_E1 && truth != (wanted & 1)) return false;
  if (id <= AVR_Q3 && q->attr == AVR_SHAPE && truth != wanted % AVR_SHAPES) return false;
  q->answer = truth;
  if (id >= AVR_K1) return !degenerate(s, q) && offer_counts(q, place);
  if (id == AVR_E1) {
    q->offered[0] = 1, q->offered[1] = 0, q->n_offered = 2;
  } else {
    offer_values(r, q);
  }
  return true;
}
