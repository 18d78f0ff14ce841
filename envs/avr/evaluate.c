// envs/avr/evaluate.c - which answers are still possible: programs over three-valued sets.
//
// A known object is in, out or maybe; an open region may hold a few more. Positions are those of
// t = 0, because the answer is fixed then.
#include <math.h>
#include <string.h>
#include "envs/avr/avr_internal.h"

typedef enum truth { NO, MAYBE, YES } truth;

static const float LEAD = 0.020f;     // the winner of nearest and farthest leads by this [m]
static const float STRIP = 0.02f;     // areas begin this far from the middle [m]
static const float CELL = 0.006f;     // a place stands for centres up to this far off, per axis [m]
static const float SMALL_Z = 0.018f;  // height of an unseen small object's centre [m]
static const uint8_t KNOWS[AVR_ATTRS] = {AVR_KNOWS_COLOUR, AVR_KNOWS_SIZE, AVR_KNOWS_SHAPE};

static const int DIR_AXIS[AVR_DIRS] = {0, 0, 1, 1};
static const float DIR_SIGN[AVR_DIRS] = {-1, 1, -1, 1};

static bool is_query(const avr_question *q) {
  return q->id <= AVR_Q3;
}

bool avr_valid_filter(const avr_filter *f, const avr_object *o) {
  for (int a = 0; a < AVR_ATTRS; a++)
    if (f->value[a] >= 0 && f->value[a] != o->value[a]) return false;
  return true;
}

// ---- the truth ----

static bool in_area(const avr_question *q, float x) {
  if (q->id != AVR_K3) return true;
  return q->dir == AVR_LEFT ? x < -STRIP : x > STRIP;
}

// Whether an unseen object at a place may be in the area: its centre lies anywhere in the cell, so
// the column of places just inside the strip counts too.
static bool place_in_area(const avr_question *q, float x) {
  if (q->id != AVR_K3) return true;
  return q->dir == AVR_LEFT ? x < CELL - STRIP : x > STRIP - CELL;
}

// What nearest and farthest minimise.
static float score(const avr_scene *s, const avr_question *q, const float at[3]) {
  if (q->id == AVR_Q3) return -DIR_SIGN[q->dir] * at[DIR_AXIS[q->dir]];
  const float *f = s->body[q->anchor].pos;
  float dx = at[0] - f[0], dy = at[1] - f[1], dz = at[2] - f[2];
  return sqrtf(dx * dx + dy * dy + dz * dz);
}

static bool true_query(const avr_scene *s, const avr_question *q, int *value) {
  float best = 1e9f, next = 1e9f;
  int winner = -1;
  for (int i = 0; i < s->n; i++) {
    if (q->id == AVR_Q3 ? s->object[i].value[AVR_SIZE] != AVR_SMALL : i == q->anchor) continue;
    float d = score(s, q, s->body[i].pos);
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

bool avr_true_value(const avr_scene *s, const avr_question *q, int *value) {
  if (is_query(q)) return true_query(s, q, value);
  int count = 0;
  for (int i = 0; i < s->n; i++) {
    if (q->id == AVR_K2 && s->object[i].stack != q->stack) continue;
    count += avr_valid_filter(&q->filter, &s->object[i]) && in_area(q, s->body[i].pos[0]);
  }
  *value = q->id == AVR_E1 ? count > 0 : count;
  return true;
}

// ---- what is known ----

static bool exists(const avr_state *st, int i) {
  return st->know.fact[i] & AVR_EXISTS;
}

static truth matches(const avr_scene *s, const avr_question *q, const avr_state *st, int i) {
  if (!exists(st, i)) return NO;
  if (q->id == AVR_K2 && s->object[i].stack != q->stack) return NO;
  truth t = YES;
  for (int a = 0; a < AVR_ATTRS; a++) {
    if (q->filter.value[a] < 0) continue;
    if (!(st->know.fact[i] & KNOWS[a])) {
      t = MAYBE;
    } else if (q->filter.value[a] != s->object[i].value[a]) {
      return NO;
    }
  }
  if (q->id == AVR_K3) {
    if (!(st->know.fact[i] & AVR_KNOWS_PLACE)) return MAYBE;
    if (!in_area(q, s->body[i].pos[0])) return NO;
  }
  return t;
}

static int known_objects(const avr_scene *s, const avr_state *st) {
  int n = 0;
  for (int i = 0; i < s->n; i++) n += exists(st, i);
  return n;
}

// The present candidate of a query and its score; -1 if nothing known qualifies.
static int candidate(const avr_scene *s, const avr_question *q, const avr_state *st, float *best) {
  int winner = -1;
  *best = 1e9f;
  for (int i = 0; i < s->n; i++) {
    if (!exists(st, i)) continue;
    if (q->id == AVR_Q3) {
      if (!(st->know.fact[i] & AVR_KNOWS_SIZE)) continue;
      if (s->object[i].value[AVR_SIZE] != AVR_SMALL) continue;
    } else if (i == q->anchor) {
      continue;
    }
    float d = score(s, q, s->body[i].pos);
    if (d < *best) *best = d, winner = i;
  }
  return winner;
}

// ---- regions ----

// Highest cube of a stack seen so far, -1 if none.
static int seen_top(const avr_scene *s, const avr_state *st, int stack) {
  uint16_t mask = 0;
  for (int i = 0; i < s->n; i++)
    if (exists(st, i)) mask = (uint16_t)(mask | 1u << i);
  return avr_stack_top(s, stack, mask);
}

// How many unseen cubes may stand under the visible top of a stack; 0 = closed.
static int stack_room(const avr_scene *s, const avr_state *st, int stack) {
  int known = 0;
  bool base = false, all = true;
  for (int i = 0; i < s->n; i++) {
    if (s->object[i].stack != stack) continue;
    known += exists(st, i);
    all &= exists(st, i);
    base |= (st->know.fact[i] & AVR_KNOWS_BASE) != 0;
  }
  return (all && base) || known == 0 ? 0 : AVR_STACK_MAX - known;
}

static int behind_room(const avr_scene *s, const avr_state *st, int owner) {
  int room = AVR_HIDDEN_MAX;
  for (int i = 0; i < s->n; i++) {
    if (!s->object[i].hidden || s->object[i].stack >= 0 || !exists(st, i)) continue;
    room -= avr_owner_at(s, s->body[i].pos) == owner;
  }
  return room > 0 ? room : 0;
}

// How many more objects may stand outside the first frame.
static int outside_room(const avr_scene *s, const avr_state *st) {
  int room = AVR_OUTSIDE_MAX;
  for (int i = 0; i < s->n; i++)
    room -= s->object[i].hidden && exists(st, i) && avr_owner_at(s, s->body[i].pos) == AVR_OUTSIDE;
  return room > 0 ? room : 0;
}

// Whether an unseen object at an open place could matter: on the asked side, or ahead of a query's
// candidate.
static bool place_matters(const avr_scene *s, const avr_question *q, int p, float best) {
  float at[3] = {0, 0, SMALL_Z};
  avr_place_at(p, at);
  return is_query(q) ? score(s, q, at) < best : place_in_area(q, at[0]);
}

void avr_relevant_places(const avr_scene *s, const avr_question *q, const avr_state *st,
                         uint64_t places[(AVR_PLACES + 63) / 64]) {
  float best = 0;
  memset(places, 0, (AVR_PLACES + 63) / 64 * sizeof *places);
  if (is_query(q)) candidate(s, q, st, &best);
  for (int p = 0; p < AVR_PLACES; p++)
    if (!avr_bit(st->know.closed, p) && s->owner[p] >= 0 && place_matters(s, q, p, best))
      avr_set(places, p);
}

// Open places by owner, counting only those where an unseen object could matter.
static void open_places(const avr_scene *s, const avr_question *q, const avr_state *st, float best,
                        int count[AVR_OWNERS]) {
  memset(count, 0, AVR_OWNERS * sizeof *count);
  for (int w = 0; w < (AVR_PLACES + 63) / 64; w++) {
    uint64_t open = ~st->know.closed[w];
    for (int b = 0; open != 0; b++, open >>= 1) {
      int p = 64 * w + b;
      if (p >= AVR_PLACES) break;
      if (!(open & 1) || s->owner[p] < 0) continue;
      if (place_matters(s, q, p, best)) count[s->owner[p]]++;
    }
  }
}

// Whether an unseen cube of a stack could win a query: compared by the distance on the table,
// since the height of a stack that is not closed is unknown.
static bool under_beats(const avr_scene *s, const avr_question *q, const avr_state *st, int top,
                        float best) {
  const gaze_body *t = &s->body[top];
  bool equal = avr_equal_stacks(s);
  if (q->id == AVR_Q3) return (t->half < 0.02f || !equal) && score(s, q, t->pos) < best;
  if (s->object[q->anchor].stack == s->object[top].stack) {
    int below = -1;
    for (int i = 0; i < s->n; i++)
      if (s->object[i].stack == s->object[top].stack &&
          s->object[i].level == s->object[q->anchor].level - 1)
        below = i;
    float apart = t->half + (equal ? t->half : AVR_HALF[AVR_SMALL]);
    return (below < 0 || !exists(st, below)) && apart < best;
  }
  const float *f = s->body[q->anchor].pos;
  return hypotf(t->pos[0] - f[0], t->pos[1] - f[1]) < best;
}

// Relevant regions against a query's score `best`, with the number of objects each may hold.
static int regions(const avr_scene *s, const avr_question *q, const avr_state *st, float best,
                   avr_region out[GAZE_SCENE_BODIES_MAX], int room[GAZE_SCENE_BODIES_MAX]) {
  int n = 0, count[AVR_OWNERS], left = AVR_OBJECTS_MAX - known_objects(s, st);
  const int *v = q->filter.value;
  if (left <= 0) return 0;

  bool behind = is_query(q) || (q->id != AVR_K2 && v[AVR_SIZE] != AVR_LARGE);
  bool outside = q->id != AVR_K2;  // the stack that it names stands in the first frame
  if (behind || outside) open_places(s, q, st, best, count);
  for (int j = 0; behind && j < s->n; j++) {
    if (count[j] < AVR_REGION_PLACES) continue;
    int r = behind_room(s, st, j);
    if (r == 0 || n == GAZE_SCENE_BODIES_MAX) continue;
    room[n] = r < left ? r : left;
    out[n++] = (avr_region){.object = j, .under = false};
  }

  if (outside && count[AVR_OUTSIDE] >= AVR_REGION_PLACES && n < GAZE_SCENE_BODIES_MAX) {
    int r = outside_room(s, st);
    room[n] = r < left ? r : left;
    if (r > 0) out[n++] = (avr_region){.object = -1, .outside = true};
  }

  for (int k = 0; k < s->stacks && n < GAZE_SCENE_BODIES_MAX; k++) {
    int r = stack_room(s, st, k), top = r > 0 ? seen_top(s, st, k) : -1;
    if (top < 0) continue;
    if (is_query(q)) {
      if (!under_beats(s, q, st, top, best)) continue;
    } else {
      int size = s->object[top].value[AVR_SIZE];
      bool sized = (st->know.fact[top] & AVR_KNOWS_SIZE) && avr_equal_stacks(s);
      if (q->id == AVR_K2 && k != q->stack) continue;
      if (v[AVR_SHAPE] >= 0 && v[AVR_SHAPE] != GAZE_SHAPE_CUBE) continue;
      if (v[AVR_SIZE] >= 0 && sized && v[AVR_SIZE] != size) continue;
      if (!in_area(q, s->body[top].pos[0])) continue;
    }
    room[n] = r < left ? r : left;
    out[n++] = (avr_region){.object = top, .under = true};
  }
  return n;
}

// Whether a region that was relevant is now closed for this question.
static bool still_open(const avr_region *g, const avr_region *now, int n, const avr_scene *s) {
  for (int k = 0; k < n; k++) {
    if (now[k].under != g->under || now[k].outside != g->outside) continue;
    if (g->outside) return true;
    if (g->under ? s->object[now[k].object].stack == s->object[g->object].stack
                 : now[k].object == g->object)
      return true;
  }
  return false;
}

// ---- possible answers ----

static int values_of(avr_attr a) {
  return a == AVR_COLOUR ? AVR_COLOURS : a == AVR_SIZE ? AVR_SIZES : AVR_SHAPES;
}

static void add_value(avr_values *v, const avr_question *q, int value) {
  for (int k = 0; k < values_of(q->attr); k++)
    if (value < 0 || value == k) v->possible[k] = true;
}

static void possible_query(const avr_scene *s, const avr_question *q, const avr_state *st,
                           avr_values *v) {
  float best;
  int winner = candidate(s, q, st, &best);
  avr_region r[GAZE_SCENE_BODIES_MAX];
  int room[GAZE_SCENE_BODIES_MAX], n = regions(s, q, st, best, r, room);
  if (winner < 0 && n == 0) add_value(v, q, -1);
  if (winner >= 0)
    add_value(v, q, st->know.fact[winner] & KNOWS[q->attr] ? s->object[winner].value[q->attr] : -1);
  for (int k = 0; k < n; k++) {
    int value = -1;
    if (q->attr == AVR_SIZE && !r[k].outside)
      value = !r[k].under           ? AVR_SMALL
              : avr_equal_stacks(s) ? s->object[r[k].object].value[AVR_SIZE]
                                    : -1;
    if (q->attr == AVR_SHAPE && r[k].under) value = GAZE_SHAPE_CUBE;
    add_value(v, q, value);
  }
  // objects that would win if they were small
  for (int i = 0; q->id == AVR_Q3 && i < s->n; i++)
    if (exists(st, i) && !(st->know.fact[i] & AVR_KNOWS_SIZE) && score(s, q, s->body[i].pos) < best)
      add_value(v, q, st->know.fact[i] & KNOWS[q->attr] ? s->object[i].value[q->attr] : -1);
}

void avr_possible(const avr_scene *s, const avr_question *q, const avr_state *st, avr_values *v) {
  memset(v, 0, sizeof *v);
  if (is_query(q)) {
    possible_query(s, q, st, v);
    return;
  }
  avr_region r[GAZE_SCENE_BODIES_MAX];
  int room[GAZE_SCENE_BODIES_MAX], n = regions(s, q, st, 0, r, room), more = 0;
  for (int i = 0; i < s->n; i++) {
    truth t = matches(s, q, st, i);
    v->lo += t == YES;
    v->hi += t != NO;
  }
  for (int k = 0; k < n; k++) more += room[k];
  int left = AVR_OBJECTS_MAX - known_objects(s, st);
  v->hi += more < left ? more : left;
  if (q->id == AVR_K2 && v->hi > AVR_STACK_MAX) v->hi = AVR_STACK_MAX;
  if (v->hi >= AVR_VALUES_MAX) v->hi = AVR_VALUES_MAX - 1;
  if (q->id == AVR_E1) {
    v->possible[1] = v->hi > 0;
    v->possible[0] = v->lo == 0;
    return;
  }
  for (int k = v->lo; k <= v->hi; k++) v->possible[k] = true;
}

static int possible_count(const avr_values *v) {
  int n = 0;
  for (int k = 0; k < AVR_VALUES_MAX; k++) n += v->possible[k];
  return n;
}

bool avr_sufficient(const avr_values *v) {
  return possible_count(v) == 1;
}

int avr_open_regions(const avr_scene *s, const avr_question *q, const avr_state *st,
                     avr_region out[GAZE_SCENE_BODIES_MAX]) {
  avr_values v;
  avr_possible(s, q, st, &v);
  return avr_sufficient(&v) ? 0 : avr_unseen_regions(s, q, st, out);
}

int avr_unseen_regions(const avr_scene *s, const avr_question *q, const avr_state *st,
                       avr_region out[GAZE_SCENE_BODIES_MAX]) {
  float best = 0;
  int room[GAZE_SCENE_BODIES_MAX];
  if (is_query(q)) candidate(s, q, st, &best);
  return regions(s, q, st, best, out, room);
}

int avr_matches(const avr_scene *s, const avr_question *q, const avr_state *st,
                int out[GAZE_SCENE_BODIES_MAX]) {
  int n = 0;
  if (is_query(q)) {
    float best;
    int winner = candidate(s, q, st, &best);
    if (winner >= 0) out[n++] = winner;
    return n;
  }
  for (int i = 0; i < s->n; i++)
    if (matches(s, q, st, i) == YES) out[n++] = i;
  return n;
}

// ---- gain ----

// Facts about object i that `after` adds and that the question needs.
static int gain_object(const avr_scene *s, const avr_question *q, const avr_state *before,
                       const avr_state *after, int i, float best) {
  int fresh = after->know.fact[i] & ~before->know.fact[i], gain = 0;
  if (fresh == 0) return 0;
  if (is_query(q)) {
    if (q->id != AVR_Q3 && i == q->anchor) return 0;
    bool sized = after->know.fact[i] & AVR_KNOWS_SIZE;
    if (q->id == AVR_Q3 && sized && s->object[i].value[AVR_SIZE] != AVR_SMALL) return 0;
    if (score(s, q, s->body[i].pos) > best) return 0;
    gain += (fresh & AVR_EXISTS) != 0;
    gain += (fresh & KNOWS[q->attr]) != 0;
    gain += q->id == AVR_Q3 && (fresh & AVR_KNOWS_SIZE) != 0;
    return gain;
  }
  if (!exists(before, i)) return matches(s, q, after, i) != NO;
  if (matches(s, q, before, i) != MAYBE) return 0;
  for (int a = 0; a < AVR_ATTRS; a++) gain += q->filter.value[a] >= 0 && (fresh & KNOWS[a]) != 0;
  return gain + (q->id == AVR_K3 && (fresh & AVR_KNOWS_PLACE) != 0);
}

float avr_gain(const avr_scene *s, const avr_question *q, const avr_state *before,
               const avr_state *after) {
  avr_values had, has;
  avr_possible(s, q, before, &had);
  if (avr_sufficient(&had)) return 0;
  avr_possible(s, q, after, &has);

  float best = 0, gain = 0;
  if (is_query(q)) candidate(s, q, before, &best);
  avr_region was[GAZE_SCENE_BODIES_MAX], now[GAZE_SCENE_BODIES_MAX];
  int room[GAZE_SCENE_BODIES_MAX];
  int n = regions(s, q, before, best, was, room), m = regions(s, q, after, best, now, room);
  for (int k = 0; k < n; k++) gain += still_open(&was[k], now, m, s) ? 0.0f : 1.0f;
  for (int i = 0; i < s->n; i++) gain += (float)gain_object(s, q, before, after, i, best);
  // fewer possible answers are a gain even where no single fact above tells it
  if (gain == 0 && possible_count(&has) < possible_count(&had)) gain = 1;
  return gain;
}

bool avr_outside_open(const avr_scene *s, const avr_question *q, const avr_state *st) {
  avr_region r[GAZE_SCENE_BODIES_MAX];
  bool open = false;
  if (s->start.pan == 0 && s->start.tilt == 0) return false;
  for (int k = avr_open_regions(s, q, st, r) - 1; k >= 0; k--) open |= r[k].outside;
  return open;
}

// Whether loose object i lies on object j.
static bool rests_on(const avr_state *st, int i, int j) {
  const gaze_body *a = &st->body[i], *b = &st->body[j];
  bool above = a->pos[2] - a->half > b->pos[2];
  return above && hypotf(a->pos[0] - b->pos[0], a->pos[1] - b->pos[1]) < b->half;
}

uint16_t avr_bounding(const avr_scene *s, const avr_question *q, const avr_state *st) {
  avr_region r[GAZE_SCENE_BODIES_MAX];
  int n = avr_open_regions(s, q, st, r);
  unsigned mask = 0, present = 0;
  for (int i = 0; i < s->n; i++) present |= st->body[i].gone ? 0u : 1u << i;
  for (int k = 0; k < n; k++) {
    for (int i = 0; i < s->n; i++) {
      const avr_object *o = &s->object[i];
      if (!(present >> i & 1) || !exists(st, i)) continue;
      if (o->value[AVR_SIZE] != AVR_LARGE && o->stack < 0) continue;
      if (o->stack >= 0 && avr_stack_top(s, o->stack, (uint16_t)present) != i) continue;
      if (r[k].outside) {
        if (avr_owner_at(s, s->body[i].pos) == AVR_OUTSIDE) mask |= 1u << i;
        continue;
      }
      float dx = s->body[i].pos[0] - s->body[r[k].object].pos[0];
      float dy = s->body[i].pos[1] - s->body[r[k].object].pos[1];
      if (hypotf(dx, dy) < 0.17f) mask |= 1u << i;
    }
  }
  // what lies on one of them has to go first
  for (int i = 0; i < s->n; i++)
    for (int j = 0; j < s->n; j++)
      if ((present >> i & 1) && s->object[i].stack < 0 && (mask >> j & 1) && rests_on(st, i, j))
        mask |= 1u << i;
  return (uint16_t)mask;
}
