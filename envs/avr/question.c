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

static bool ask_closest(gaze_rng *r, const avr_scene *s, avr_question *q) {
  bool ok[GAZE_SCENE_BODIES_MAX] = {false};
  for (int i = 0; i < s->n; i++) ok[i] = s->object[i].stack < 0 && named(s, i);
  q->anchor = pick(r, ok, s->n);
  return q->anchor >= 0;
}

// Whether a colour names a stack: of its top cube, or of a cube that stands alone.
static bool tops(const avr_scene *s, int i) {
  return top(s, i) || (s->object[i].stack < 0 && s->object[i].value[AVR_SHAPE] == GAZE_SHAPE_CUBE);
}

// The object that exists must be hidden, unless nothing is.
static bool ask_exists(const avr_scene *s, const avr_question *q) {
  for (int i = 0; i < s->n; i++) {
    bool fits = s->object[i].hidden || !any_hidden(s);
    for (int a = 0; a < AVR_ATTRS; a++) fits &= s->object[i].value[a] == q->filter.value[a];
    if (fits) return true;
  }
  return false;
}

static bool ask_stack(gaze_rng *r, const avr_scene *s, avr_question *q) {
  bool ok[GAZE_SCENE_BODIES_MAX] = {false};
  for (int k = 0; k < s->n; k++) {
    ok[k] = top(s, k) && !s->object[k].hidden;
    // a top of the counted colour would tell that the count is not 0
    if (s->object[k].value[AVR_COLOUR] == q->filter.value[AVR_COLOUR]) ok[k] = false;
    for (int j = 0; j < s->n; j++)
      if (j != k && tops(s, j) && s->object[j].value[AVR_COLOUR] == s->object[k].value[AVR_COLOUR])
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

static void offer_values(gaze_rng *r, avr_question *q) {
  int all[AVR_COLOURS], n = VALUES[q->attr];
  for (int k = 0; k < n; k++) all[k] = k;
  gaze_rng_shuffle(r, all, n);
  q->offered[0] = q->answer;
  q->n_offered = 1;
  for (int k = 0; k < n && q->n_offered < AVR_ANSWERS_MAX; k++)
    if (all[k] != q->answer) q->offered[q->n_offered++] = all[k];
}

// Only values that something hidden may have: one that needs no look would tell that none is due.
static void draw_filter(gaze_rng *r, avr_family family, avr_wish *w) {
  int kind = gaze_rng_int(r, 0, 3);  // colours twice as often: they hide best
  bool stack = family == AVR_STACK, exist = w->id == AVR_E1;
  int colour = gaze_rng_int(r, 0, AVR_COLOURS - 1);
  int shape = stack ? 0 : gaze_rng_int(r, 0, AVR_SHAPES - 1);  // stacks hide cubes
  int size = stack && !exist ? gaze_rng_int(r, 0, AVR_SIZES - 1) : AVR_SMALL;
  if (exist || w->id == AVR_K2 || kind < 2) w->filter.value[AVR_COLOUR] = colour;
  if (exist || (w->id != AVR_K2 && kind == 2)) w->filter.value[AVR_SHAPE] = shape;
  if (exist || (w->id != AVR_K2 && kind == 3)) w->filter.value[AVR_SIZE] = size;
}

// Lowest count on offer: windows in which scenes of the family have all four.
static int draw_window(gaze_rng *r, avr_family family, const avr_wish *w) {
  const int *v = w->filter.value;
  if (w->id != AVR_K1 || v[AVR_COLOUR] >= 0 || v[AVR_SHAPE] > 0) return 0;
  if (v[AVR_SHAPE] == 0) return family == AVR_OCCLUSION ? 1 : gaze_rng_int(r, 2, 3);
  return gaze_rng_int(r, 0, 1);
}

void avr_draw_wish(gaze_rng *r, avr_family family, avr_template id, avr_wish *w) {
  *w = (avr_wish){.id = id, .filter = {{-1, -1, -1}}};
  w->colour = gaze_rng_int(r, 0, 1) == 1;
  w->truth = gaze_rng_int(r, 0, id == AVR_E1 ? 1 : AVR_SHAPES - 1);
  w->dir = (avr_dir)gaze_rng_int(r, 0, id == AVR_K3 ? AVR_RIGHT : AVR_DIRS - 1);
  if (id >= AVR_E1) draw_filter(r, family, w);
  if (id < AVR_K1) return;
  w->from = draw_window(r, family, w);
  w->truth = w->from + gaze_rng_int(r, 0, 3);
}

bool avr_ask(gaze_rng *r, const avr_scene *s, const avr_wish *w, avr_question *q) {
  *q = (avr_question){.id = w->id, .anchor = -1, .stack = -1, .filter = w->filter, .dir = w->dir};
  q->attr = w->colour ? AVR_COLOUR : AVR_SHAPE;
  if (w->id == AVR_Q1 && !ask_top(r, s, q)) return false;
  if (w->id == AVR_Q2 && !ask_closest(r, s, q)) return false;
  if (w->id == AVR_E1 && w->truth == 1 && !ask_exists(s, q)) return false;
  if (w->id == AVR_K2 && !ask_stack(r, s, q)) return false;

  if (!avr_true_value(s, q, &q->answer)) return false;
  bool any = w->id <= AVR_Q3 && q->attr == AVR_COLOUR;
  if ((!any && q->answer != w->truth) || degenerate(s, q)) return false;
  if (w->id >= AVR_K1) {
    for (int k = 0; k < 4; k++) q->offered[k] = w->from + k;
    q->n_offered = 4;
  } else if (w->id == AVR_E1) {
    q->offered[0] = 1, q->offered[1] = 0, q->n_offered = 2;
  } else {
    offer_values(r, q);
  }
  return true;
}
