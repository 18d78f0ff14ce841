// envs/avr/regions.c - where unseen objects may be: behind what casts a shadow, beyond the first
// frame, under stack tops.
//
// A region is listed if something in it could matter to the question. Positions are those of t = 0,
// because the answer is fixed then.
#include <math.h>
#include <string.h>
#include "envs/avr/avr_internal.h"

static const float STRIP = 0.020f;    // areas begin this far from the middle [m]
static const float CELL = 0.006f;     // a place stands for centres up to this far off, per axis [m]
static const float SMALL_Z = 0.018f;  // height of an unseen small object's centre [m]

static int known_objects(const avr_scene *s, const avr_state *st) {
  int n = 0;
  for (int i = 0; i < s->n; i++) n += avr_exists(st, i);
  return n;
}

// ---- behind, and beyond the first frame ----

static int behind_room(const avr_scene *s, const avr_state *st, int owner) {
  int room = AVR_HIDDEN_MAX;
  for (int i = 0; i < s->n; i++) {
    if (!s->object[i].hidden || s->object[i].stack >= 0 || !avr_exists(st, i)) continue;
    room -= avr_owner_at(s, s->body[i].pos) == owner;
  }
  return room > 0 ? room : 0;
}

// How many more objects may stand outside the first frame.
static int outside_room(const avr_scene *s, const avr_state *st) {
  int room = AVR_OUTSIDE_MAX;
  for (int i = 0; i < s->n; i++)
    room -=
        s->object[i].hidden && avr_exists(st, i) && avr_owner_at(s, s->body[i].pos) == AVR_OUTSIDE;
  return room > 0 ? room : 0;
}

// Whether an unseen object at a place may be in the area: its centre lies anywhere in the cell, so
// the column of places just inside the strip counts too.
static bool place_in_area(avr_dir area, float x) {
  return area == AVR_LEFT ? x < CELL - STRIP : x > STRIP - CELL;
}

// Whether an unseen object at a place could matter as one of the area: it is counted there, or (in
// either) ahead of a query's candidate.
static bool matters_at(const avr_scene *s, const avr_question *q, const float at[3], avr_dir area,
                       float best) {
  avr_program p = avr_program_of(q->id);
  if (p == AVR_QUERY) return avr_score(s, q, at) < best;
  if (avr_one_area(q) && area != q->dir) return false;
  return (p != AVR_SIDES && !avr_one_area(q)) || place_in_area(area, at[0]);
}

// Open places by area and owner, counting only those where an unseen object could matter.
static void open_places(const avr_scene *s, const avr_question *q, const avr_state *st, float best,
                        int count[2][AVR_OWNERS]) {
  memset(count, 0, 2 * sizeof *count);
  for (int w = 0; w < (AVR_PLACES + 63) / 64; w++) {
    uint64_t open = ~st->know.closed[w];
    for (int b = 0; open != 0; b++, open >>= 1) {
      int p = 64 * w + b;
      if (p >= AVR_PLACES) break;
      if (!(open & 1) || s->owner[p] < 0) continue;
      float at[3] = {0, 0, SMALL_Z};
      avr_place_at(p, at);
      for (int k = 0; k < 2; k++) count[k][s->owner[p]] += matters_at(s, q, at, (avr_dir)k, best);
    }
  }
}

// What hides behind something is small and stands alone.
static bool behind_matters(const avr_question *q) {
  const avr_object unseen = {.value = {-1, AVR_SMALL, -1}, .stack = -1, .level = -1};
  if (avr_program_of(q->id) == AVR_QUERY) return true;
  return q->id != AVR_X1 && avr_counted_so_far(q, &unseen) != AVR_NO;
}

// What stands beyond the first frame may be anything, but the stack that a question names is in it.
static bool outside_matters(const avr_question *q) {
  const avr_object unseen = {.value = {-1, -1, -1}, .stack = -1, .level = -1};
  if (avr_program_of(q->id) == AVR_QUERY) return true;
  return q->id != AVR_X1 && avr_counted_so_far(q, &unseen) != AVR_NO;
}

static int rooms_behind(const avr_scene *s, const avr_question *q, const avr_state *st, float best,
                        avr_room *out) {
  int n = 0, count[2][AVR_OWNERS];
  const bool behind = behind_matters(q), outside = outside_matters(q);
  if (!behind && !outside) return 0;
  open_places(s, q, st, best, count);
  for (int j = 0; j <= AVR_OUTSIDE && n < GAZE_SCENE_BODIES_MAX; j++) {
    const bool out_there = j == AVR_OUTSIDE;
    if (!(out_there ? outside : behind) || (!out_there && j >= s->n)) continue;
    bool left = count[AVR_LEFT][j] >= AVR_REGION_PLACES;
    bool right = count[AVR_RIGHT][j] >= AVR_REGION_PLACES;
    int room = !left && !right ? 0 : out_there ? outside_room(s, st) : behind_room(s, st, j);
    if (room == 0) continue;
    out[n++] =
        (avr_room){{.object = out_there ? -1 : j, .outside = out_there}, room, {left, right}};
  }
  return n;
}

void avr_relevant_places(const avr_scene *s, const avr_question *q, const avr_state *st,
                         uint64_t places[(AVR_PLACES + 63) / 64]) {
  const float best = avr_score_so_far(s, q, st);
  memset(places, 0, (AVR_PLACES + 63) / 64 * sizeof *places);
  for (int p = 0; p < AVR_PLACES; p++) {
    if (avr_bit(st->know.closed, p) || s->owner[p] < 0) continue;
    float at[3] = {0, 0, SMALL_Z};
    avr_place_at(p, at);
    if (matters_at(s, q, at, AVR_LEFT, best) || matters_at(s, q, at, AVR_RIGHT, best))
      avr_set(places, p);
  }
}

// ---- under ----

// Highest cube of a stack seen so far, -1 if none.
static int seen_top(const avr_scene *s, const avr_state *st, int stack) {
  uint16_t mask = 0;
  for (int i = 0; i < s->n; i++)
    if (avr_exists(st, i)) mask = (uint16_t)(mask | 1u << i);
  return avr_stack_top(s, stack, mask);
}

// How many unseen cubes may stand under the visible top of a stack; 0 = closed.
static int stack_room(const avr_scene *s, const avr_state *st, int stack) {
  int known = 0;
  bool base = false, all = true;
  for (int i = 0; i < s->n; i++) {
    if (s->object[i].stack != stack) continue;
    known += avr_exists(st, i);
    all &= avr_exists(st, i);
    base |= (st->know.fact[i] & AVR_KNOWS_BASE) != 0;
  }
  return (all && base) || known == 0 ? 0 : AVR_STACK_MAX - known;
}

// Whether an unseen cube of a stack could win a query: compared by the distance on the table,
// since the height of a stack that is not closed is unknown.
static bool under_beats(const avr_scene *s, const avr_question *q, const avr_state *st, int top,
                        float best) {
  const gaze_body *t = &s->body[top];
  bool equal = avr_equal_stacks(s);
  if (q->id == AVR_Q3) return (t->half < 0.02f || !equal) && avr_score(s, q, t->pos) < best;
  if (s->object[q->anchor].stack == s->object[top].stack) {
    int below = -1;
    for (int i = 0; i < s->n; i++)
      if (s->object[i].stack == s->object[top].stack &&
          s->object[i].level == s->object[q->anchor].level - 1)
        below = i;
    float apart = t->half + (equal ? t->half : AVR_HALF[AVR_SMALL]);
    return (below < 0 || !avr_exists(st, below)) && apart < best;
  }
  const float *f = s->body[q->anchor].pos;
  return hypotf(t->pos[0] - f[0], t->pos[1] - f[1]) < best;
}

// What stands under a top is a cube, in its area, and of its size where stacks are equal.
static bool under_matters(const avr_scene *s, const avr_question *q, const avr_state *st, int top,
                          float best) {
  if (avr_program_of(q->id) == AVR_QUERY) return under_beats(s, q, st, top, best);
  if (q->id == AVR_X1) return s->object[top].stack == q->stack;
  bool sized = (st->know.fact[top] & AVR_KNOWS_SIZE) && avr_equal_stacks(s);
  const avr_object unseen = {
      .value = {-1, sized ? s->object[top].value[AVR_SIZE] : -1, GAZE_SHAPE_CUBE},
      .stack = s->object[top].stack};
  if (avr_one_area(q) && !avr_in_area(q->dir, s->body[top].pos[0])) return false;
  return avr_counted_so_far(q, &unseen) != AVR_NO;
}

static int rooms_under(const avr_scene *s, const avr_question *q, const avr_state *st, float best,
                       avr_room *out, int cap) {
  int n = 0;
  bool by_area = avr_program_of(q->id) == AVR_SIDES;
  for (int k = 0; k < s->stacks && n < cap; k++) {
    int room = stack_room(s, st, k), top = room > 0 ? seen_top(s, st, k) : -1;
    if (top < 0 || !under_matters(s, q, st, top, best)) continue;
    float x = s->body[top].pos[0];
    out[n++] =
        (avr_room){{.object = top, .under = true},
                   room,
                   {!by_area || avr_in_area(AVR_LEFT, x), !by_area || avr_in_area(AVR_RIGHT, x)}};
  }
  return n;
}

int avr_rooms(const avr_scene *s, const avr_question *q, const avr_state *st, float best,
              avr_room out[GAZE_SCENE_BODIES_MAX]) {
  int left = AVR_OBJECTS_MAX - known_objects(s, st);
  if (left <= 0) return 0;
  int n = rooms_behind(s, q, st, best, out);
  n += rooms_under(s, q, st, best, out + n, GAZE_SCENE_BODIES_MAX - n);
  for (int k = 0; k < n; k++)
    if (out[k].room > left) out[k].room = left;
  return n;
}

// ---- what bounds them ----

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
      if (!(present >> i & 1) || !avr_exists(st, i)) continue;
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
