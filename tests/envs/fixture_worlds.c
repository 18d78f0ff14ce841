// tests/envs/fixture_worlds.c - see fixture_worlds.h.
//
// Worlds are not kept: objects are added one by one, with every value each may have, and of a world
// only what the question's program would remember is kept. Equal memories are one.
#include "tests/envs/fixture_worlds.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECTS = 12, BEHIND = 2, UNDER = 4, PLACES_LEAST = 3, GRID = 38, SLOTS = 1 << 15 };
// beyond the first frame: so many objects of any kind, and the owner of the places there
enum { BEYOND = 3, OUTSIDE = GAZE_SCENE_BODIES_MAX };
enum { ANYWHERE = -1 };  // in neither area, or it does not matter

typedef struct thing {
  int value[AVR_ATTRS];
  int stack, level;  // -1 alone
  int index;         // -1 unseen
  int area;          // AVR_LEFT, AVR_RIGHT, ANYWHERE
} thing;

// What a program remembers of the objects met so far.
typedef struct memory {
  uint8_t objects, count[2], one, one_value, other_value, bad, unused;
} memory;

static bool fits(const avr_filter *f, const int value[AVR_ATTRS]) {
  for (int a = 0; a < AVR_ATTRS; a++)
    if (f->value[a] != -1 && f->value[a] != value[a]) return false;
  return true;
}

static bool taken_away(const avr_question *q, const int value[AVR_ATTRS]) {
  return (q->n_removed > 0 && fits(&q->removed[0], value)) ||
         (q->n_removed > 1 && fits(&q->removed[1], value));
}

static void meet_other(const avr_question *q, const thing *t, memory *m) {
  if (t->index != q->anchor) return;
  m->other_value = (uint8_t)t->value[q->attr];
  if (q->id == AVR_X1 && taken_away(q, t->value)) m->bad = 1;
  if (q->id == AVR_P3 && fits(&q->filter, t->value)) m->bad = 1;
}

static void meet(const avr_question *q, const thing *t, memory *m) {
  bool v = fits(&q->filter, t->value), stays = !taken_away(q, t->value);
  m->objects++;
  switch (q->id) {
    case AVR_E1:
    case AVR_K1:
    case AVR_M3:
      m->count[0] = (uint8_t)(m->count[0] + v);
      break;
    case AVR_K2:
    case AVR_M4:
      m->count[0] = (uint8_t)(m->count[0] + (v && t->stack == q->stack));
      break;
    case AVR_K3:
      m->count[0] = (uint8_t)(m->count[0] + (v && t->area == (int)q->dir));
      break;
    case AVR_M1:
    case AVR_M5:
      m->count[0] = (uint8_t)(m->count[0] + (v && stays));
      break;
    case AVR_M2:
      m->count[0] = (uint8_t)(m->count[0] + (v && stays && t->area == (int)q->dir));
      break;
    case AVR_P1:
    case AVR_P2:
      if (v && t->area >= 0) m->count[t->area]++;
      break;
    case AVR_X2:
      if (v && stays && t->area >= 0) m->count[t->area]++;
      break;
    case AVR_P3:
      if (v)
        m->one = (uint8_t)(m->one < 2 ? m->one + 1 : 2), m->one_value = (uint8_t)t->value[q->attr];
      meet_other(q, t, m);
      break;
    case AVR_X1:
      if (t->stack == q->stack && t->stack >= 0) {
        m->one++;  // height
        if (t->level == 1) m->one_value = (uint8_t)t->value[q->attr];
        if (!stays) m->bad = 1;
      }
      meet_other(q, t, m);
      break;
    default:
      break;
  }
}

static int answer(const avr_question *q, const memory *m) {
  int l = m->count[0], r = m->count[1];
  switch (q->id) {
    case AVR_E1:
      return l > 0 ? 1 : 0;
    case AVR_K1:
    case AVR_K2:
    case AVR_K3:
    case AVR_M1:
    case AVR_M2:
    case AVR_M5:
      return l;
    case AVR_M3:
    case AVR_M4:
      return l + q->added;
    case AVR_P1:
      return l == r ? 1 : 0;
    case AVR_P2:
    case AVR_X2:
      if (l == r) return AVR_EQUAL;
      return (l > r) == (q->more == 1) ? AVR_LEFT : AVR_RIGHT;
    case AVR_P3:
      return m->one != 1 || m->bad ? -1 : m->one_value == m->other_value;
    case AVR_X1:
      // the only odd height from three up to four
      return m->one != 3 || m->bad ? -1 : m->one_value == m->other_value;
    default:
      return -1;
  }
}

// ---- nearest and farthest ----

static bool asks_position(const avr_question *q) {
  return q->id == AVR_Q1 || q->id == AVR_Q2 || q->id == AVR_Q3;
}

// How far something at p is from winning: less is better.
static float distance(const avr_scene *s, const avr_question *q, float x, float y, float z) {
  if (q->id == AVR_Q3) {
    const float towards[AVR_DIRS] = {x, -x, y, -y};
    return towards[q->dir];
  }
  const float *f = s->body[q->anchor].pos;
  return sqrtf((x - f[0]) * (x - f[0]) + (y - f[1]) * (y - f[1]) + (z - f[2]) * (z - f[2]));
}

static float distance_of(const avr_scene *s, const avr_question *q, int i) {
  const float *p = s->body[i].pos;
  return distance(s, q, p[0], p[1], p[2]);
}

static int winner_of(const avr_scene *s, const avr_question *q, float *lead) {
  float best = INFINITY, next = INFINITY;
  int winner = -1;
  for (int i = 0; i < s->n; i++) {
    if (q->id == AVR_Q3 && s->object[i].value[AVR_SIZE] != 1) continue;
    if (q->id != AVR_Q3 && i == q->anchor) continue;
    float d = distance_of(s, q, i);
    if (d < best) {
      next = best, best = d, winner = i;
    } else if (d < next) {
      next = d;
    }
  }
  *lead = next - best;
  return winner;
}

// Whether the object that P3 and X1 compare with is the only one of its other two values.
static bool names_other(const avr_scene *s, const avr_question *q) {
  int n = 0;
  for (int i = 0; i < s->n; i++) {
    bool same = true;
    for (int a = 0; a < AVR_ATTRS; a++)
      same &= a == (int)q->attr || s->object[i].value[a] == s->object[q->anchor].value[a];
    n += same;
  }
  return n == 1;
}

int worlds_truth(const avr_scene *s, const avr_question *q) {
  if (asks_position(q)) {
    float lead;
    int winner = winner_of(s, q, &lead);
    return winner < 0 || lead < 0.020f ? -1 : s->object[winner].value[q->attr];
  }
  memory m = {0};
  if ((q->id == AVR_P3 || q->id == AVR_X1) && !names_other(s, q)) return -1;
  for (int i = 0; i < s->n; i++) {
    float x = s->body[i].pos[0];
    const avr_object *o = &s->object[i];
    thing t = {.stack = o->stack,
               .level = o->level,
               .index = i,
               .area = x < -0.020f  ? AVR_LEFT
                       : x > 0.020f ? AVR_RIGHT
                                    : ANYWHERE};
    memcpy(t.value, o->value, sizeof t.value);
    meet(q, &t, &m);
  }
  return answer(q, &m);
}

// ---- what is known ----

static bool known(const avr_state *st, int i, int fact) {
  return (st->know.fact[i] & fact) == fact;
}

static bool knows_value(const avr_state *st, int i, int a) {
  static const int bit[AVR_ATTRS] = {AVR_KNOWS_COLOUR, AVR_KNOWS_SIZE, AVR_KNOWS_SHAPE};
  return known(st, i, bit[a]);
}

static void place(int p, float *x, float *y) {
  *x = ((float)(p % GRID) - 18.5f) * 0.012f;
  *y = ((float)(p / GRID) - 18.5f) * 0.012f;
}

static bool open_at(const avr_scene *s, const avr_state *st, int p, int owner) {
  return s->owner[p] == owner && !((st->know.closed[p / 64] >> (p % 64)) & 1);
}

// Whether the prior says that the cubes of a stack are of one size: of stack scenes, and not of
// those first seen from 70 degrees.
static bool equal_cubes(const avr_scene *s) {
  return s->family != AVR_COMPOSITE && fabsf(s->start.elevation - 70) > 1;
}

// How many more small objects the prior lets hide behind the owner, or of any kind out of the
// frame.
static int room_behind(const avr_scene *s, const avr_state *st, int owner) {
  int room = owner == OUTSIDE ? BEYOND : BEHIND;
  for (int i = 0; i < s->n; i++) {
    const float *at = s->body[i].pos;
    int gx = (int)floorf(at[0] / 0.012f + 19.0f), gy = (int)floorf(at[1] / 0.012f + 19.0f);
    bool on = gx >= 0 && gx < GRID && gy >= 0 && gy < GRID;
    bool alone = s->object[i].stack < 0 || owner == OUTSIDE;
    if (known(st, i, AVR_EXISTS) && s->object[i].hidden && alone && on &&
        s->owner[gx + GRID * gy] == owner)
      room--;
  }
  return room < 0 ? 0 : room;
}

// How many more cubes may stand in a stack; its highest known cube in *top.
static int room_under(const avr_scene *s, const avr_state *st, int stack, int *top) {
  int cubes = 0, seen = 0, base = 0;
  *top = -1;
  for (int i = 0; i < s->n; i++) {
    if (s->object[i].stack != stack) continue;
    cubes++;
    base += known(st, i, AVR_KNOWS_BASE);
    if (!known(st, i, AVR_EXISTS)) continue;
    seen++;
    if (*top < 0 || s->object[i].level > s->object[*top].level) *top = i;
  }
  return seen == 0 || (seen == cubes && base > 0) ? 0 : UNDER - seen;
}

// ---- sets of memories ----

typedef struct set {
  memory at[SLOTS];
  bool used[SLOTS];
  int list[SLOTS], n;
} set;

static void put(set *to, const memory *m) {
  uint64_t key;
  assert(sizeof key == sizeof *m);
  memcpy(&key, m, sizeof key);
  unsigned k = (unsigned)(key * 0x9E3779B97F4A7C15u >> 49);
  for (; to->used[k]; k = (k + 1) % SLOTS)
    if (memcmp(&to->at[k], m, sizeof *m) == 0) return;
  assert(to->n < SLOTS / 2);
  to->used[k] = true;
  to->at[k] = *m;
  to->list[to->n++] = (int)k;
}

static void clear(set *s) {
  for (int k = 0; k < s->n; k++) s->used[s->list[k]] = false;
  s->n = 0;
}

static void join(set *to, const set *from) {
  for (int k = 0; k < from->n; k++) put(to, &from->at[from->list[k]]);
}

typedef struct worlds {
  const avr_scene *s;
  const avr_question *q;
  set a, b, c;  // a: so far
} worlds;

// Adds to `to` every memory of `from` with the thing met: -1 among its values stands for any.
static void meet_all(const worlds *w, const set *from, const thing *t, set *to) {
  for (int k = 0; k < from->n; k++)
    for (int v = 0; v < 8 * 2 * 3; v++) {
      const int value[AVR_ATTRS] = {v % 8, v / 8 % 2, v / 16};
      thing full = *t;
      bool agrees = true;
      for (int a = 0; a < AVR_ATTRS; a++) {
        agrees &= t->value[a] < 0 || t->value[a] == value[a];
        full.value[a] = value[a];
      }
      memory m = from->at[from->list[k]];
      if (!agrees || m.objects == OBJECTS) continue;
      meet(w->q, &full, &m);
      put(to, &m);
    }
}

static void swap_in(worlds *w) {
  clear(&w->a);
  join(&w->a, &w->b);
  clear(&w->b);
}

static void add_known(worlds *w, const avr_state *st, int i) {
  const avr_object *o = &w->s->object[i];
  thing t = {.stack = o->stack, .level = o->level, .index = i};
  for (int a = 0; a < AVR_ATTRS; a++) t.value[a] = knows_value(st, i, a) ? o->value[a] : -1;
  bool left = w->s->body[i].pos[0] < 0, placed = known(st, i, AVR_KNOWS_PLACE);
  for (int area = AVR_LEFT; area <= AVR_RIGHT; area++) {
    if (placed && left != (area == AVR_LEFT)) continue;
    t.area = area;
    meet_all(w, &w->a, &t, &w->b);
  }
  swap_in(w);
}

static bool by_area(const avr_question *q) {
  return q->id == AVR_K3 || q->id == AVR_P1 || q->id == AVR_P2 || q->id == AVR_M2 ||
         q->id == AVR_X2;
}

static void add_behind(worlds *w, const avr_state *st, int owner) {
  int in[2] = {0}, all = 0;
  for (int p = 0; p < AVR_PLACES; p++) {
    float x, y;
    if (!open_at(w->s, st, p, owner)) continue;
    place(p, &x, &y);
    all++;
    in[AVR_LEFT] += x < -0.014f;  // half a cell more than the area
    in[AVR_RIGHT] += x > 0.014f;
  }
  for (int room = room_behind(w->s, st, owner); room > 0; room--) {
    join(&w->b, &w->a);  // nothing here
    for (int area = ANYWHERE; area <= AVR_RIGHT; area++) {
      if ((area == ANYWHERE) == by_area(w->q)) continue;
      if ((area == ANYWHERE ? all : in[area]) < PLACES_LEAST) continue;
      const int size = owner == OUTSIDE ? -1 : 1;
      const thing t = {
          .value = {-1, size, -1}, .stack = -1, .level = -1, .index = -1, .area = area};
      meet_all(w, &w->a, &t, &w->b);
    }
    swap_in(w);
  }
}

static void add_under(worlds *w, const avr_state *st, int stack) {
  int top, room = room_under(w->s, st, stack, &top), level[UNDER] = {0}, missing = 0;
  for (int l = 0; l < UNDER; l++) {
    bool there = false;
    for (int i = 0; i < w->s->n; i++)
      there |=
          known(st, i, AVR_EXISTS) && w->s->object[i].stack == stack && w->s->object[i].level == l;
    if (!there) level[missing++] = l;
  }
  join(&w->b, &w->a);  // no cube, then one, two, three more
  for (int k = 0; k < room && k < missing; k++) {
    bool sized = knows_value(st, top, AVR_SIZE) && equal_cubes(w->s);
    const thing t = {.value = {-1, sized ? w->s->object[top].value[AVR_SIZE] : -1, 0},
                     .stack = stack,
                     .level = level[k],
                     .index = -1,
                     .area = w->s->body[top].pos[0] < 0 ? AVR_LEFT : AVR_RIGHT};
    clear(&w->c);
    meet_all(w, &w->a, &t, &w->c);
    clear(&w->a);
    join(&w->a, &w->c);
    join(&w->b, &w->c);
  }
  swap_in(w);
}

static uint32_t program_answers(const avr_scene *s, const avr_question *q, const avr_state *st) {
  worlds *w = calloc(1, sizeof *w);
  assert(w);
  w->s = s, w->q = q;
  put(&w->a, &(memory){0});
  for (int i = 0; i < s->n; i++)
    if (known(st, i, AVR_EXISTS)) add_known(w, st, i);
  for (int j = 0; j < s->n; j++) add_behind(w, st, j);
  add_behind(w, st, OUTSIDE);
  for (int k = 0; k < s->stacks; k++) add_under(w, st, k);
  uint32_t found = 0;
  for (int k = 0; k < w->a.n; k++) {
    int v = answer(q, &w->a.at[w->a.list[k]]);
    if (v >= 0) found |= 1u << v;
  }
  free(w);
  return found;
}

// ---- positions ----

static uint32_t values_of(const avr_question *q, int value) {
  static const uint32_t all[AVR_ATTRS] = {0xFF, 3, 7};
  return value < 0 ? all[q->attr] : 1u << value;
}

// Values of an unseen object that would win against `best`: one is enough, since only one wins.
static uint32_t unseen_winners(const avr_scene *s, const avr_question *q, const avr_state *st,
                               float best) {
  uint32_t found = 0;
  const bool equal = equal_cubes(s);
  for (int j = 0; j <= OUTSIDE; j++) {
    if (j >= s->n && j != OUTSIDE) continue;
    int ahead = 0;
    for (int p = 0; p < AVR_PLACES; p++) {
      float x, y;
      place(p, &x, &y);
      ahead += open_at(s, st, p, j) && distance(s, q, x, y, 0.018f) < best;
    }
    if (ahead >= PLACES_LEAST && room_behind(s, st, j) > 0)
      found |= values_of(q, q->attr == AVR_SIZE && j != OUTSIDE ? 1 : -1);
  }
  for (int k = 0; k < s->stacks; k++) {
    int top, below = -1;
    if (room_under(s, st, k, &top) == 0) continue;
    const float *p = s->body[top].pos;
    bool wins, small = s->body[top].half < 0.02f;
    if (q->id == AVR_Q3) {
      wins = (small || !equal) && distance(s, q, p[0], p[1], p[2]) < best;
    } else if (s->object[q->anchor].stack == k) {
      for (int i = 0; i < s->n; i++)
        if (s->object[i].stack == k && s->object[i].level == s->object[q->anchor].level - 1 &&
            known(st, i, AVR_EXISTS))
          below = i;
      wins = below < 0 && s->body[top].half + (equal ? s->body[top].half : 0.018f) < best;
    } else {
      // at the height that would be nearest: how high the stack is nobody knows
      wins = distance(s, q, p[0], p[1], s->body[q->anchor].pos[2]) < best;
    }
    int value = q->attr == AVR_SHAPE ? 0 : -1;
    if (q->attr == AVR_SIZE && equal) value = s->object[top].value[AVR_SIZE];
    if (wins) found |= values_of(q, value);
  }
  return found;
}

static uint32_t position_answers(const avr_scene *s, const avr_question *q, const avr_state *st) {
  int unsized[GAZE_SCENE_BODIES_MAX], n = 0, objects = 0;
  uint32_t found = 0;
  for (int i = 0; i < s->n; i++) {
    objects += known(st, i, AVR_EXISTS);
    if (q->id == AVR_Q3 && known(st, i, AVR_EXISTS) && !knows_value(st, i, AVR_SIZE))
      unsized[n++] = i;
  }
  // every way for those of unknown size to be small
  for (int small = 0; small < 1 << n; small++) {
    float best = INFINITY;
    int winner = -1;
    for (int i = 0; i < s->n; i++) {
      bool takes_part = known(st, i, AVR_EXISTS) && (q->id == AVR_Q3 || i != q->anchor);
      if (q->id == AVR_Q3 && knows_value(st, i, AVR_SIZE))
        takes_part &= s->object[i].value[AVR_SIZE] == 1;
      for (int k = 0; k < n; k++)
        if (unsized[k] == i) takes_part &= (small >> k & 1) == 1;
      // of two that tie for the farthest (cubes of a stack) the one of known size
      float d = distance_of(s, q, i);
      bool ahead = d < best || (q->id == AVR_Q3 && winner >= 0 && d == best &&
                                !knows_value(st, winner, AVR_SIZE));
      if (takes_part && ahead) best = d, winner = i;
    }
    if (winner >= 0)
      found |= values_of(q, knows_value(st, winner, (int)q->attr) ? s->object[winner].value[q->attr]
                            : q->id == AVR_Q3 && q->attr == AVR_SIZE ? 1
                                                                     : -1);
    if (objects < OBJECTS) found |= unseen_winners(s, q, st, best);
  }
  return found;
}

uint32_t worlds_answers(const avr_scene *s, const avr_question *q, const avr_state *st) {
  return asks_position(q) ? position_answers(s, q, st) : program_answers(s, q, st);
}
