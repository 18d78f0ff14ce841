// envs/avr/question.c - draws questions about a scene whose hidden objects are known.
#include <string.h>
#include "envs/avr/avr_internal.h"

const char *const avr_template_name[AVR_TEMPLATES] = {"Q1", "Q2", "Q3", "E1", "K1", "K2",
                                                      "K3", "P1", "P2", "P3", "M1", "M2",
                                                      "M3", "M4", "M5", "X1", "X2"};

static const int VALUES[AVR_ATTRS] = {AVR_COLOURS, AVR_SIZES, AVR_SHAPES};

avr_template avr_template_like(avr_template id) {
  if (id < AVR_FIRST_TEMPLATES) return id;
  if (id == AVR_P3) return AVR_Q2;                  // about one small object behind something
  if (id == AVR_M4 || id == AVR_X1) return AVR_K2;  // about one stack
  return AVR_K3;
}

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

// Whether an object can be named by all its values but one: seen at t = 0, and no other has them.
static bool named_but(const avr_scene *s, int i, avr_attr a) {
  avr_filter f = avr_all_but(&s->object[i], a);
  int takes = 0;
  for (int j = 0; j < s->n; j++) takes += avr_valid_filter(&f, &s->object[j]);
  return takes == 1;
}

// What P3 and X1 compare with: in sight, named without the value that is compared.
static bool ask_other(gaze_rng *r, const avr_scene *s, const avr_object *one, avr_question *q) {
  bool ok[GAZE_SCENE_BODIES_MAX] = {false};
  for (int i = 0; i < s->n; i++) {
    const avr_object *o = &s->object[i];
    bool apart = o->stack < 0 || o->stack != one->stack;
    // of a cube under another its size is in sight only where stacks are of equal cubes
    bool sized = o->stack < 0 || top(s, i) || avr_equal_stacks(s);
    ok[i] = o != one && apart && sized && !o->hidden && named_but(s, i, q->attr);
  }
  q->anchor = pick(r, ok, s->n);
  return q->anchor >= 0;
}

// The object asked about must be hidden, unless nothing is, and small: so are those that hide.
static bool ask_pair(gaze_rng *r, const avr_scene *s, avr_question *q) {
  bool ok[GAZE_SCENE_BODIES_MAX] = {false};
  for (int i = 0; i < s->n; i++) {
    const avr_object *o = &s->object[i];
    ok[i] = o->value[AVR_SIZE] == AVR_SMALL && o->stack < 0 && (o->hidden || !any_hidden(s)) &&
            named_but(s, i, q->attr);
  }
  int one = pick(r, ok, s->n);
  if (one < 0) return false;
  q->filter = avr_all_but(&s->object[one], q->attr);
  return ask_other(r, s, &s->object[one], q);
}

static int height(const avr_scene *s, int stack) {
  int n = 0;
  for (int i = 0; i < s->n; i++) n += s->object[i].stack == stack;
  return n;
}

static bool in_sight(const avr_scene *s, const avr_filter *f) {
  for (int i = 0; i < s->n; i++)
    if (!s->object[i].hidden && avr_valid_filter(f, &s->object[i])) return true;
  return false;
}

// A class of size and shape that stands on the table and has nothing to do with what is compared.
static bool ask_removed(gaze_rng *r, const avr_scene *s, const avr_object *one, avr_question *q) {
  bool ok[AVR_SIZES * AVR_SHAPES] = {false};
  for (int k = 0; k < AVR_SIZES * AVR_SHAPES; k++) {
    const avr_filter f = {{-1, k % AVR_SIZES, k / AVR_SIZES}};
    ok[k] = in_sight(s, &f) && !avr_valid_filter(&f, one) &&
            !avr_valid_filter(&f, &s->object[q->anchor]);
  }
  int k = pick(r, ok, AVR_SIZES * AVR_SHAPES);
  if (k < 0) return false;
  q->removed[0] = (avr_filter){{-1, k % AVR_SIZES, k / AVR_SIZES}};
  q->n_removed = 1;
  return true;
}

// Shape and size of a stack's cubes are those of its top, so the colour is asked.
static bool ask_centre(gaze_rng *r, const avr_scene *s, avr_question *q) {
  bool ok[GAZE_SCENE_BODIES_MAX] = {false};
  for (int k = 0; k < s->n; k++) {
    ok[k] = top(s, k) && !s->object[k].hidden && height(s, s->object[k].stack) == AVR_CENTRED;
    for (int j = 0; j < s->n; j++)
      if (j != k && top(s, j) && s->object[j].value[AVR_COLOUR] == s->object[k].value[AVR_COLOUR])
        ok[k] = false;
  }
  int t = pick(r, ok, s->n);
  if (t < 0) return false;
  q->attr = AVR_COLOUR;
  q->stack = s->object[t].stack;
  return ask_other(r, s, &s->object[t], q) && ask_removed(r, s, &s->object[t], q);
}

// Two areas without any of what is counted are no comparison.
static bool ask_areas(const avr_scene *s, const avr_question *q) {
  for (int i = 0; i < s->n; i++)
    if (avr_counted(q, &s->object[i])) return true;
  return false;
}

static bool changes(const avr_scene *s, const avr_question *q, const avr_question *without) {
  int value = -1;
  return avr_true_value(s, without, &value) && value != q->answer;
}

// Whether the answer stays the same without its area, its stack or one of the removed classes: then
// the step asks nothing. What X1 removes never touches what it compares.
static bool degenerate(const avr_scene *s, const avr_question *q) {
  avr_question all = *q;
  all.id = AVR_K1;
  bool spatial = q->id == AVR_K2 || q->id == AVR_K3 || q->id == AVR_M2 || q->id == AVR_M4;
  if (spatial && !changes(s, q, &all)) return true;
  for (int k = 0; k < q->n_removed && q->id != AVR_X1; k++) {
    avr_question kept = *q;
    kept.removed[k] = q->removed[q->n_removed - 1];
    kept.n_removed--;
    if (!changes(s, q, &kept)) return true;
  }
  return false;
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
// Of two classes each must take some of what is counted: no shape has more than one to lose and
// one to keep, and in stack scenes (for an area, too) only a colour is common enough.
static void draw_filter(gaze_rng *r, avr_family family, avr_wish *w) {
  int kind = gaze_rng_int(r, 0, 3);  // colours twice as often: they hide best
  bool stack = family == AVR_STACK, exist = w->id == AVR_E1;
  bool one_stack = w->id == AVR_K2 || w->id == AVR_M4, two = w->n_removed == 2;
  int colour = gaze_rng_int(r, 0, AVR_COLOURS - 1);
  int shape = stack ? 0 : gaze_rng_int(r, 0, AVR_SHAPES - 1);  // stacks hide cubes
  int size = stack && !exist ? gaze_rng_int(r, 0, AVR_SIZES - 1) : AVR_SMALL;
  if (one_stack || (stack && (two || w->id == AVR_M2))) kind = 0;
  if (two && kind == 2) kind = 3;
  if (exist || kind < 2) w->filter.value[AVR_COLOUR] = colour;
  if (exist || kind == 2) w->filter.value[AVR_SHAPE] = shape;
  if (exist || kind == 3) w->filter.value[AVR_SIZE] = size;
}

// Whether some of what is asked for may be of the class, by size (0, 1) and shape.
static bool touches(const avr_filter *v, const avr_filter *class) {
  for (int a = AVR_SIZE; a <= AVR_SHAPE; a++)
    if (v->value[a] >= 0 && v->value[a] != class->value[a]) return false;
  return true;
}

// Whether what is left without the removed classes may still hide, wherever things hide: small ones
// behind something, cubes of either size under a top.
static bool leaves_hidden(avr_family family, const avr_wish *w) {
  avr_question q = {.id = AVR_K1, .filter = w->filter, .n_removed = w->n_removed};
  memcpy(q.removed, w->removed, sizeof q.removed);
  avr_object behind = {.value = {-1, AVR_SMALL, -1}}, under = {.value = {-1, -1, 0}};
  return avr_counted_so_far(&q, family == AVR_STACK ? &under : &behind) != AVR_NO;
}

static void draw_removed(gaze_rng *r, avr_family family, avr_wish *w) {
  do {
    for (int n = 0; n < w->n_removed; n++) {
      int size = gaze_rng_int(r, 0, AVR_SIZES - 1), shape = gaze_rng_int(r, 0, AVR_SHAPES - 1);
      w->removed[n] = (avr_filter){{-1, size, shape}};
    }
  } while (!touches(&w->filter, &w->removed[0]) ||
           (w->n_removed == 2 && (!touches(&w->filter, &w->removed[1]) ||
                                  !memcmp(&w->removed[0], &w->removed[1], sizeof w->removed[0]))) ||
           !leaves_hidden(family, w));
}

// Lowest count on offer, before any are added: windows in which scenes of the family have all four.
static int draw_window(gaze_rng *r, avr_family family, const avr_wish *w) {
  const int *v = w->filter.value;
  bool everywhere = w->id == AVR_K1 || w->id == AVR_M3;
  if (w->id == AVR_M1 && v[AVR_COLOUR] < 0) return family == AVR_STACK ? 1 : 0;
  if (!everywhere || v[AVR_COLOUR] >= 0 || v[AVR_SHAPE] > 0) return 0;
  if (v[AVR_SHAPE] == 0) return family == AVR_OCCLUSION ? 1 : gaze_rng_int(r, 2, 3);
  return gaze_rng_int(r, 0, 1);
}

// How many values a template's truth is drawn from, counts apart.
static int truths(avr_template id) {
  if (id == AVR_E1 || id == AVR_P1 || id == AVR_P3 || id == AVR_X1) return 2;
  return id == AVR_P2 || id == AVR_X2 ? AVR_EQUAL + 1 : AVR_SHAPES;
}

static int classes(avr_template id) {
  if (id == AVR_M5 || id == AVR_X2) return 2;
  return id == AVR_M1 || id == AVR_M2;
}

void avr_draw_wish(gaze_rng *r, avr_family family, avr_template id, avr_wish *w) {
  const avr_question q = {.id = id};
  *w = (avr_wish){.id = id, .filter = {{-1, -1, -1}}, .n_removed = classes(id)};
  w->colour = gaze_rng_int(r, 0, 1) == 1;
  w->truth = gaze_rng_int(r, 0, truths(id) - 1);
  w->dir = (avr_dir)gaze_rng_int(r, 0, avr_one_area(&q) ? AVR_RIGHT : AVR_DIRS - 1);
  if (id < AVR_E1 || avr_program_of(id) == AVR_SAME) return;
  draw_filter(r, family, w);
  if (w->n_removed > 0) draw_removed(r, family, w);
  if (id == AVR_P2 || id == AVR_X2) w->more = gaze_rng_int(r, 0, 1) ? 1 : -1;
  if (id == AVR_M3 || id == AVR_M4) w->added = gaze_rng_int(r, 1, AVR_ADDED_MAX);
  if (!avr_counts(&q)) return;
  w->from = draw_window(r, family, w) + w->added;
  w->truth = w->from + gaze_rng_int(r, 0, 3);
}

void avr_reword(gaze_rng *r, avr_family family, avr_wish *w) {
  int place = w->truth - w->from;
  avr_draw_wish(r, family, w->id, w);
  w->truth = w->from + place;
}

static bool ask_objects(gaze_rng *r, const avr_scene *s, const avr_wish *w, avr_question *q) {
  switch (w->id) {
    case AVR_Q1:
      return ask_top(r, s, q);
    case AVR_Q2:
      return ask_closest(r, s, q);
    case AVR_E1:
      return w->truth == 0 || ask_exists(s, q);
    case AVR_K2:
    case AVR_M4:
      return ask_stack(r, s, q);
    case AVR_P1:
    case AVR_P2:
    case AVR_X2:
      return ask_areas(s, q);
    case AVR_P3:
      return ask_pair(r, s, q);
    case AVR_X1:
      return ask_centre(r, s, q);
    default:
      return true;
  }
}

static void offer(gaze_rng *r, const avr_wish *w, avr_question *q) {
  if (avr_counts(q)) {
    for (int k = 0; k < 4; k++) q->offered[k] = w->from + k;
    q->n_offered = 4;
  } else if (avr_program_of(q->id) == AVR_QUERY) {
    offer_values(r, q);
  } else if (avr_value_count(q) == 2) {
    q->offered[0] = 1, q->offered[1] = 0, q->n_offered = 2;
  } else {
    for (int k = 0; k <= AVR_EQUAL; k++) q->offered[k] = k;
    q->n_offered = AVR_EQUAL + 1;
  }
}

bool avr_ask(gaze_rng *r, const avr_scene *s, const avr_wish *w, avr_question *q) {
  *q = (avr_question){.id = w->id,
                      .anchor = -1,
                      .stack = -1,
                      .filter = w->filter,
                      .dir = w->dir,
                      .n_removed = w->n_removed,
                      .added = w->added,
                      .more = w->more};
  memcpy(q->removed, w->removed, sizeof q->removed);
  q->attr = w->colour ? AVR_COLOUR : AVR_SHAPE;
  if (!ask_objects(r, s, w, q) || !avr_true_value(s, q, &q->answer)) return false;
  bool any = w->id <= AVR_Q3 && q->attr == AVR_COLOUR;
  if ((!any && q->answer != w->truth) || degenerate(s, q)) return false;
  offer(r, w, q);
  return true;
}
