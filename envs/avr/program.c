// envs/avr/program.c - what each question asks: its program, run over the whole scene.
//
// A program takes a set of objects (a filter, a stack, an area, less the removed classes) and makes
// a value of it. The sets are those of t = 0.
#include <math.h>
#include "envs/avr/avr_internal.h"

static const float LEAD = 0.020f;   // the winner of nearest and farthest leads by this [m]
static const float STRIP = 0.020f;  // areas begin this far from the middle [m]

static const int DIR_AXIS[AVR_DIRS] = {0, 0, 1, 1};
static const float DIR_SIGN[AVR_DIRS] = {-1, 1, -1, 1};

avr_program avr_program_of(avr_template id) {
  static const avr_program of[AVR_TEMPLATES] = {
      [AVR_Q1] = AVR_QUERY, [AVR_Q2] = AVR_QUERY, [AVR_Q3] = AVR_QUERY, [AVR_E1] = AVR_COUNT,
      [AVR_K1] = AVR_COUNT, [AVR_K2] = AVR_COUNT, [AVR_K3] = AVR_COUNT, [AVR_P1] = AVR_SIDES,
      [AVR_P2] = AVR_SIDES, [AVR_P3] = AVR_SAME,  [AVR_M1] = AVR_COUNT, [AVR_M2] = AVR_COUNT,
      [AVR_M3] = AVR_COUNT, [AVR_M4] = AVR_COUNT, [AVR_M5] = AVR_COUNT, [AVR_X1] = AVR_SAME,
      [AVR_X2] = AVR_SIDES};
  return of[id];
}

bool avr_counts(const avr_question *q) {
  return avr_program_of(q->id) == AVR_COUNT && q->id != AVR_E1;
}

int avr_value_count(const avr_question *q) {
  static const int values[AVR_ATTRS] = {AVR_COLOURS, AVR_SIZES, AVR_SHAPES};
  if (avr_counts(q)) return AVR_VALUES_MAX;
  if (q->id == AVR_P2 || q->id == AVR_X2) return AVR_EQUAL + 1;
  return avr_program_of(q->id) == AVR_QUERY ? values[q->attr] : 2;
}

// ---- sets ----

bool avr_valid_filter(const avr_filter *f, const avr_object *o) {
  for (int a = 0; a < AVR_ATTRS; a++)
    if (f->value[a] >= 0 && f->value[a] != o->value[a]) return false;
  return true;
}

static bool removed(const avr_question *q, const avr_object *o) {
  for (int k = 0; k < q->n_removed; k++)
    if (avr_valid_filter(&q->removed[k], o)) return true;
  return false;
}

bool avr_counted(const avr_question *q, const avr_object *o) {
  bool one_stack = q->id == AVR_K2 || q->id == AVR_M4;
  if (one_stack && o->stack != q->stack) return false;
  return avr_valid_filter(&q->filter, o) && !removed(q, o);
}

bool avr_reads(const avr_question *q, avr_attr a) {
  bool reads = q->filter.value[a] >= 0;
  for (int k = 0; k < q->n_removed; k++) reads |= q->removed[k].value[a] >= 0;
  return reads;
}

bool avr_one_area(const avr_question *q) {
  return q->id == AVR_K3 || q->id == AVR_M2;
}

bool avr_in_area(avr_dir area, float x) {
  return area == AVR_LEFT ? x < -STRIP : x > STRIP;
}

avr_filter avr_all_but(const avr_object *o, avr_attr a) {
  avr_filter f = {{o->value[AVR_COLOUR], o->value[AVR_SIZE], o->value[AVR_SHAPE]}};
  f.value[a] = -1;
  return f;
}

// ---- values ----

float avr_score(const avr_scene *s, const avr_question *q, const float at[3]) {
  if (q->id == AVR_Q3) return -DIR_SIGN[q->dir] * at[DIR_AXIS[q->dir]];
  const float *f = s->body[q->anchor].pos;
  float dx = at[0] - f[0], dy = at[1] - f[1], dz = at[2] - f[2];
  return sqrtf(dx * dx + dy * dy + dz * dz);
}

static bool query(const avr_scene *s, const avr_question *q, int *value) {
  float best = 1e9f, next = 1e9f;
  int winner = -1;
  for (int i = 0; i < s->n; i++) {
    if (q->id == AVR_Q3 ? s->object[i].value[AVR_SIZE] != AVR_SMALL : i == q->anchor) continue;
    float d = avr_score(s, q, s->body[i].pos);
    if (d < best) {
      next = best, best = d, winner = i;
    } else if (d < next) {
      next = d;
    }
  }
  if (winner < 0 || next - best < LEAD) return false;
  *value = s->object[winner].value[q->attr];
  return true;
}

static int count(const avr_scene *s, const avr_question *q, bool everywhere, avr_dir area) {
  int n = 0;
  for (int i = 0; i < s->n; i++)
    n += avr_counted(q, &s->object[i]) && (everywhere || avr_in_area(area, s->body[i].pos[0]));
  return n;
}

int avr_compare(const avr_question *q, int left, int right) {
  if (q->id == AVR_P1) return left == right;
  if (left == right) return AVR_EQUAL;
  return (left - right) * q->more > 0 ? AVR_LEFT : AVR_RIGHT;
}

// The only object that the filter takes, -1 if there is none or another.
static int unique(const avr_scene *s, const avr_filter *f) {
  int found = -1;
  for (int i = 0; i < s->n; i++) {
    if (!avr_valid_filter(f, &s->object[i])) continue;
    if (found >= 0) return -1;
    found = i;
  }
  return found;
}

// The centre cube of a stack, -1 if its height is not odd or below three, or if a removed class
// takes any of its cubes.
static int centre(const avr_scene *s, const avr_question *q) {
  int height = 0, found = -1;
  for (int i = 0; i < s->n; i++) {
    const avr_object *o = &s->object[i];
    if (o->stack != q->stack || o->stack < 0) continue;
    if (removed(q, o)) return -1;
    height++;
    if (o->level == AVR_CENTRE) found = i;
  }
  return height == AVR_CENTRED ? found : -1;
}

static bool same(const avr_scene *s, const avr_question *q, int *value) {
  int one = q->id == AVR_X1 ? centre(s, q) : unique(s, &q->filter), other = q->anchor;
  if (one < 0 || other < 0 || one == other || removed(q, &s->object[other])) return false;
  avr_filter name = avr_all_but(&s->object[other], q->attr);
  if (unique(s, &name) != other) return false;
  *value = s->object[one].value[q->attr] == s->object[other].value[q->attr];
  return true;
}

bool avr_true_value(const avr_scene *s, const avr_question *q, int *value) {
  switch (avr_program_of(q->id)) {
    case AVR_QUERY:
      return query(s, q, value);
    case AVR_COUNT:
      *value = count(s, q, !avr_one_area(q), q->dir) + q->added;
      if (q->id == AVR_E1) *value = *value > 0;
      return true;
    case AVR_SIDES:
      *value = avr_compare(q, count(s, q, false, AVR_LEFT), count(s, q, false, AVR_RIGHT));
      return true;
    case AVR_SAME:
      return same(s, q, value);
  }
  return false;
}
