// envs/avr/evaluate.c - which answers are still possible: programs over three-valued sets.
//
// A known object is in, out or maybe; an open region may hold a few more (regions.c). A question
// takes for granted that its program has a value: what it calls "the" there is once, and a stack
// with a centre cube is three high.
#include <math.h>
#include <string.h>
#include "envs/avr/avr_internal.h"

static const uint8_t KNOWS[AVR_ATTRS] = {AVR_KNOWS_COLOUR, AVR_KNOWS_SIZE, AVR_KNOWS_SHAPE};
static const int VALUES[AVR_ATTRS] = {AVR_COLOURS, AVR_SIZES, AVR_SHAPES};

// ---- sets ----

avr_truth avr_counted_so_far(const avr_question *q, const avr_object *o) {
  avr_object full = *o;
  int yes = 0, no = 0;
  for (int k = 0; k < AVR_COLOURS * AVR_SIZES * AVR_SHAPES; k++) {
    const int value[AVR_ATTRS] = {k % AVR_COLOURS, k / AVR_COLOURS % AVR_SIZES,
                                  k / AVR_COLOURS / AVR_SIZES};
    bool fits = true;
    for (int a = 0; a < AVR_ATTRS; a++) {
      full.value[a] = value[a];
      fits &= o->value[a] < 0 || o->value[a] == value[a];
    }
    if (!fits) continue;
    if (avr_counted(q, &full)) {
      yes++;
    } else {
      no++;
    }
  }
  return no == 0 ? AVR_YES : yes == 0 ? AVR_NO : AVR_MAYBE;
}

// Whether object i is counted as far as its values are known, wherever it stands.
static avr_truth counted(const avr_scene *s, const avr_question *q, const avr_state *st, int i) {
  if (!avr_exists(st, i)) return AVR_NO;
  avr_object known = s->object[i];
  bool full = true;
  for (int a = 0; a < AVR_ATTRS; a++) {
    if (st->know.fact[i] & KNOWS[a]) continue;
    known.value[a] = -1;
    full = false;
  }
  if (full) return avr_counted(q, &known) ? AVR_YES : AVR_NO;
  return avr_counted_so_far(q, &known);
}

// The same in the area the question is about, if it is about one.
static avr_truth matches(const avr_scene *s, const avr_question *q, const avr_state *st, int i) {
  avr_truth t = counted(s, q, st, i);
  if (t == AVR_NO || !avr_one_area(q)) return t;
  if (!(st->know.fact[i] & AVR_KNOWS_PLACE)) return AVR_MAYBE;
  return avr_in_area(q->dir, s->body[i].pos[0]) ? t : AVR_NO;
}

static int known_objects(const avr_scene *s, const avr_state *st) {
  int n = 0;
  for (int i = 0; i < s->n; i++) n += avr_exists(st, i);
  return n;
}

// The present candidate of a query and its score; -1 if nothing known qualifies.
static int candidate(const avr_scene *s, const avr_question *q, const avr_state *st, float *best) {
  int winner = -1;
  *best = 1e9f;
  for (int i = 0; i < s->n; i++) {
    if (!avr_exists(st, i)) continue;
    if (q->id == AVR_Q3) {
      if (!(st->know.fact[i] & AVR_KNOWS_SIZE)) continue;
      if (s->object[i].value[AVR_SIZE] != AVR_SMALL) continue;
    } else if (i == q->anchor) {
      continue;
    }
    float d = avr_score(s, q, s->body[i].pos);
    if (d < *best) *best = d, winner = i;
  }
  return winner;
}

// What P3 or X1 compares with the other object, once it is known which it is; -1 before.
static int compared(const avr_scene *s, const avr_question *q, const avr_state *st) {
  for (int i = 0; i < s->n; i++) {
    if (!avr_exists(st, i) || i == q->anchor) continue;
    if (q->id == AVR_X1) {
      if (s->object[i].stack == q->stack && s->object[i].level == AVR_CENTRE) return i;
    } else if (counted(s, q, st, i) == AVR_YES) {
      return i;
    }
  }
  return -1;
}

// ---- regions ----

float avr_score_so_far(const avr_scene *s, const avr_question *q, const avr_state *st) {
  float best = 0;
  if (avr_program_of(q->id) == AVR_QUERY) candidate(s, q, st, &best);
  return best;
}

// Regions whose content could still change the answer: none once P3 or X1 has found its object.
static int relevant_rooms(const avr_scene *s, const avr_question *q, const avr_state *st,
                          float best, avr_room out[GAZE_SCENE_BODIES_MAX]) {
  if (avr_program_of(q->id) == AVR_SAME && compared(s, q, st) >= 0) return 0;
  return avr_rooms(s, q, st, best, out);
}

int avr_unseen_regions(const avr_scene *s, const avr_question *q, const avr_state *st,
                       avr_region out[GAZE_SCENE_BODIES_MAX]) {
  avr_room r[GAZE_SCENE_BODIES_MAX];
  int n = avr_rooms(s, q, st, avr_score_so_far(s, q, st), r);
  for (int k = 0; k < n; k++) out[k] = r[k].at;
  return n;
}

int avr_open_regions(const avr_scene *s, const avr_question *q, const avr_state *st,
                     avr_region out[GAZE_SCENE_BODIES_MAX]) {
  avr_values v;
  avr_possible(s, q, st, &v);
  return avr_sufficient(&v) ? 0 : avr_unseen_regions(s, q, st, out);
}

// Whether all that a region could hold for the question is ruled out: it is closed, or closed to
// one of the areas.
static bool closes(const avr_room *was, const avr_room *now, int n, const avr_scene *s) {
  for (int k = 0; k < n; k++) {
    const avr_region *a = &was->at, *b = &now[k].at;
    if (a->under != b->under || a->outside != b->outside) continue;
    if (a->under ? s->object[a->object].stack != s->object[b->object].stack
                 : a->object != b->object)
      continue;
    return (was->side[0] && !now[k].side[0]) || (was->side[1] && !now[k].side[1]);
  }
  return true;
}

// ---- possible answers ----

static int how_many(const avr_values *v) {
  int n = 0;
  for (int k = 0; k < AVR_VALUES_MAX; k++) n += v->possible[k];
  return n;
}

// Marks the value of an attribute, or all of them where it is unknown (-1).
static void add_value(bool *possible, avr_attr a, int value) {
  for (int k = 0; k < VALUES[a]; k++)
    if (value < 0 || value == k) possible[k] = true;
}

static int known_value(const avr_scene *s, const avr_state *st, int i, avr_attr a) {
  return st->know.fact[i] & KNOWS[a] ? s->object[i].value[a] : -1;
}

// Value that whatever a region holds would have; -1 if it can be any.
static int unseen_value(const avr_scene *s, const avr_region *r, avr_attr a) {
  if (r->outside) return -1;
  if (a == AVR_SIZE && !r->under) return AVR_SMALL;
  if (a == AVR_SIZE && avr_equal_stacks(s)) return s->object[r->object].value[AVR_SIZE];
  return a == AVR_SHAPE && r->under ? (int)GAZE_SHAPE_CUBE : -1;
}

static void possible_query(const avr_scene *s, const avr_question *q, const avr_state *st,
                           avr_values *v) {
  float best;
  avr_room r[GAZE_SCENE_BODIES_MAX];
  int winner = candidate(s, q, st, &best), n = avr_rooms(s, q, st, best, r);
  if (winner < 0 && n == 0) add_value(v->possible, q->attr, -1);
  if (winner >= 0) add_value(v->possible, q->attr, known_value(s, st, winner, q->attr));
  for (int k = 0; k < n; k++) add_value(v->possible, q->attr, unseen_value(s, &r[k].at, q->attr));
  // objects that would win if they were small
  for (int i = 0; q->id == AVR_Q3 && i < s->n; i++)
    if (avr_exists(st, i) && !(st->know.fact[i] & AVR_KNOWS_SIZE) &&
        avr_score(s, q, s->body[i].pos) < best)
      add_value(v->possible, q->attr, known_value(s, st, i, q->attr));
}

static void possible_count(const avr_scene *s, const avr_question *q, const avr_state *st,
                           avr_values *v) {
  avr_room r[GAZE_SCENE_BODIES_MAX];
  int n = avr_rooms(s, q, st, 0, r), more = 0, left = AVR_OBJECTS_MAX - known_objects(s, st);
  for (int i = 0; i < s->n; i++) {
    avr_truth t = matches(s, q, st, i);
    v->lo += t == AVR_YES;
    v->hi += t != AVR_NO;
  }
  for (int k = 0; k < n; k++) more += r[k].room;
  v->hi += more < left ? more : left;
  if ((q->id == AVR_K2 || q->id == AVR_M4) && v->hi > AVR_STACK_MAX) v->hi = AVR_STACK_MAX;
  v->lo += q->added, v->hi += q->added;
  if (v->hi >= AVR_VALUES_MAX) v->hi = AVR_VALUES_MAX - 1;
  if (q->id == AVR_E1) {
    v->possible[1] = v->hi > 0;
    v->possible[0] = v->lo == 0;
    return;
  }
  for (int k = v->lo; k <= v->hi; k++) v->possible[k] = true;
}

// Objects that count in the left, the right or either area. Index 2 holds those of unknown place:
// wherever they are, they are on one side.
typedef struct areas {
  int sure[3], maybe[3];
  int room[3], left;  // unseen ones by where they may be, and how many there may be in all
} areas;

static areas count_areas(const avr_scene *s, const avr_question *q, const avr_state *st) {
  areas a = {.left = AVR_OBJECTS_MAX - known_objects(s, st)};
  avr_room r[GAZE_SCENE_BODIES_MAX];
  int n = avr_rooms(s, q, st, 0, r);
  for (int k = 0; k < n; k++)
    a.room[r[k].side[0] && r[k].side[1] ? 2 : r[k].side[1] ? 1 : 0] += r[k].room;
  for (int i = 0; i < s->n; i++) {
    avr_truth t = counted(s, q, st, i);
    bool placed = st->know.fact[i] & AVR_KNOWS_PLACE;
    int side = !placed ? 2 : avr_in_area(AVR_LEFT, s->body[i].pos[0]) ? 0 : 1;
    a.sure[side] += t == AVR_YES;
    a.maybe[side] += t == AVR_MAYBE;
  }
  return a;
}

// What counts is how many more there are on the left. Every difference between the extremes can be,
// but that one of unknown place is on either side makes it two more or two less.
static void possible_sides(const avr_scene *s, const avr_question *q, const avr_state *st,
                           avr_values *v) {
  areas a = count_areas(s, q, st);
  int left = a.room[0] + a.room[2], right = a.room[1] + a.room[2];
  if (left > a.left) left = a.left;
  if (right > a.left) right = a.left;
  int up = left + a.maybe[0] + a.maybe[2], down = right + a.maybe[1] + a.maybe[2];
  for (int k = 0; k <= a.sure[2]; k++) {
    int sure = a.sure[0] + k - a.sure[1] - (a.sure[2] - k);
    for (int d = sure - down; d <= sure + up; d++) v->possible[avr_compare(q, d, 0)] = true;
  }
}

static void possible_same(const avr_scene *s, const avr_question *q, const avr_state *st,
                          avr_values *v) {
  bool one[AVR_COLOURS] = {false}, other[AVR_COLOURS] = {false};
  int found = compared(s, q, st);
  add_value(other, q->attr, known_value(s, st, q->anchor, q->attr));
  if (found >= 0) {
    add_value(one, q->attr, known_value(s, st, found, q->attr));
  } else if (q->id == AVR_X1) {
    add_value(one, q->attr, q->attr == AVR_SHAPE ? (int)GAZE_SHAPE_CUBE : -1);
  } else {
    avr_room r[GAZE_SCENE_BODIES_MAX];
    int n = avr_rooms(s, q, st, 0, r), maybe = 0;
    for (int k = 0; k < n; k++) add_value(one, q->attr, unseen_value(s, &r[k].at, q->attr));
    for (int i = 0; i < s->n; i++) {
      if (i == q->anchor || counted(s, q, st, i) != AVR_MAYBE) continue;
      add_value(one, q->attr, known_value(s, st, i, q->attr));
      maybe++;
    }
    if (n + maybe == 0) add_value(one, q->attr, -1);
  }
  for (int a = 0; a < VALUES[q->attr]; a++)
    for (int b = 0; b < VALUES[q->attr]; b++)
      if (one[a] && other[b]) v->possible[a == b] = true;
}

void avr_possible(const avr_scene *s, const avr_question *q, const avr_state *st, avr_values *v) {
  memset(v, 0, sizeof *v);
  switch (avr_program_of(q->id)) {
    case AVR_QUERY:
      possible_query(s, q, st, v);
      break;
    case AVR_COUNT:
      possible_count(s, q, st, v);
      break;
    case AVR_SIDES:
      possible_sides(s, q, st, v);
      break;
    case AVR_SAME:
      possible_same(s, q, st, v);
      break;
  }
}

bool avr_sufficient(const avr_values *v) {
  return how_many(v) == 1;
}

int avr_matches(const avr_scene *s, const avr_question *q, const avr_state *st,
                int out[GAZE_SCENE_BODIES_MAX]) {
  int n = 0, one = -1, other = -1;
  float best;
  switch (avr_program_of(q->id)) {
    case AVR_QUERY:
      one = candidate(s, q, st, &best);
      break;
    case AVR_SAME:
      one = compared(s, q, st);
      other = avr_exists(st, q->anchor) ? q->anchor : -1;
      break;
    case AVR_COUNT:
    case AVR_SIDES:
      for (int i = 0; i < s->n; i++)
        if (matches(s, q, st, i) == AVR_YES) out[n++] = i;
      break;
  }
  if (one >= 0) out[n++] = one;
  if (other >= 0) out[n++] = other;
  return n;
}

// ---- gain ----

// Of the facts that are new about object i, those a query needs.
static int gain_query(const avr_scene *s, const avr_question *q, const avr_state *after, int i,
                      int fresh, float best) {
  if (q->id != AVR_Q3 && i == q->anchor) return 0;
  bool sized = after->know.fact[i] & AVR_KNOWS_SIZE;
  if (q->id == AVR_Q3 && sized && s->object[i].value[AVR_SIZE] != AVR_SMALL) return 0;
  if (avr_score(s, q, s->body[i].pos) > best) return 0;
  int gain = (fresh & AVR_EXISTS) != 0;
  gain += (fresh & KNOWS[q->attr]) != 0;
  return gain + (q->id == AVR_Q3 && (fresh & AVR_KNOWS_SIZE) != 0);
}

// Those that tell whether it is in the set (for a set of two areas: where).
static int gain_set(const avr_scene *s, const avr_question *q, const avr_state *before,
                    const avr_state *after, int i, int fresh) {
  bool by_area = avr_one_area(q) || avr_program_of(q->id) == AVR_SIDES;
  if (!avr_exists(before, i)) return matches(s, q, after, i) != AVR_NO;
  avr_truth was = matches(s, q, before, i);
  bool open = was == AVR_MAYBE || (was == AVR_YES && by_area && (fresh & AVR_KNOWS_PLACE));
  if (!open) return 0;
  int gain = 0;
  for (int a = 0; a < AVR_ATTRS; a++) gain += avr_reads(q, (avr_attr)a) && (fresh & KNOWS[a]) != 0;
  return gain + (by_area && (fresh & AVR_KNOWS_PLACE) != 0);
}

// Those that tell which object is compared, and its value.
static int gain_same(const avr_scene *s, const avr_question *q, const avr_state *before,
                     const avr_state *after, int i, int fresh) {
  int gain = 0;
  if (i == q->anchor || i == compared(s, q, after)) gain += (fresh & KNOWS[q->attr]) != 0;
  if (i == q->anchor || compared(s, q, before) >= 0) return gain;
  if (q->id == AVR_X1) return gain + (i == compared(s, q, after));
  return gain + gain_set(s, q, before, after, i, fresh);
}

// Facts about object i that `after` adds and that the question needs.
static int gain_object(const avr_scene *s, const avr_question *q, const avr_state *before,
                       const avr_state *after, int i, float best) {
  int fresh = after->know.fact[i] & ~before->know.fact[i];
  if (fresh == 0) return 0;
  switch (avr_program_of(q->id)) {
    case AVR_QUERY:
      return gain_query(s, q, after, i, fresh, best);
    case AVR_COUNT:
    case AVR_SIDES:
      return gain_set(s, q, before, after, i, fresh);
    case AVR_SAME:
      return gain_same(s, q, before, after, i, fresh);
  }
  return 0;
}

float avr_gain(const avr_scene *s, const avr_question *q, const avr_state *before,
               const avr_state *after) {
  avr_values had, has;
  avr_possible(s, q, before, &had);
  if (avr_sufficient(&had)) return 0;
  avr_possible(s, q, after, &has);

  float best = avr_score_so_far(s, q, before), gain = 0;
  avr_room was[GAZE_SCENE_BODIES_MAX], now[GAZE_SCENE_BODIES_MAX];
  int n = relevant_rooms(s, q, before, best, was), m = relevant_rooms(s, q, after, best, now);
  for (int k = 0; k < n; k++) gain += closes(&was[k], now, m, s) ? 1.0f : 0.0f;
  for (int i = 0; i < s->n; i++) gain += (float)gain_object(s, q, before, after, i, best);
  // fewer possible answers are a gain even where no single fact above tells it
  if (gain == 0 && how_many(&has) < how_many(&had)) gain = 1;
  return gain;
}

bool avr_outside_open(const avr_scene *s, const avr_question *q, const avr_state *st) {
  avr_region r[GAZE_SCENE_BODIES_MAX];
  bool open = false;
  if (s->start.pan == 0 && s->start.tilt == 0) return false;
  for (int k = avr_open_regions(s, q, st, r) - 1; k >= 0; k--) open |= r[k].outside;
  return open;
}
