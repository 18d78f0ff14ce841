// envs/avr/plan.c - actions, what they lead to, and shortest plans.
#include <math.h>
#include <string.h>
#include "envs/avr/avr_internal.h"
#include "sim/world.h"

static const float AZIMUTH_MAX = 90, PAN_MAX = 40, TILT_MAX = 30, LEAST_CHANGE = 5;
static const float LOWEST[AVR_FAMILIES] = {15, 20, 15}, HIGHEST[AVR_FAMILIES] = {45, 88, 45};
static const float DIRECTION[AVR_DIRS][2] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}};

static float clipped(float x, float lo, float hi) {
  return fminf(fmaxf(x, lo), hi);
}

bool avr_nameable(const avr_scene *s, const avr_state *st, int i) {
  const uint8_t need = AVR_KNOWS_COLOUR | AVR_KNOWS_SHAPE | AVR_KNOWS_SIZE;
  static const uint8_t knows[AVR_ATTRS] = {AVR_KNOWS_COLOUR, AVR_KNOWS_SIZE, AVR_KNOWS_SHAPE};
  if (!(st->visible >> i & 1) || (st->know.fact[i] & need) != need) return false;
  for (int j = 0; j < s->n; j++) {
    if (j == i || !(st->visible >> j & 1)) continue;
    bool same = true;  // as far as is known
    for (int a = 0; a < AVR_ATTRS; a++)
      same &= !(st->know.fact[j] & knows[a]) || s->object[j].value[a] == s->object[i].value[a];
    if (same) return false;
  }
  return true;
}

void avr_elevation_range(const avr_scene *s, float *lo, float *hi) {
  *lo = LOWEST[s->family];
  *hi = fmaxf(HIGHEST[s->family], s->start.elevation);
}

static bool turn_viewer(const avr_scene *s, const avr_option *a, gaze_viewer *v) {
  if (a->kind == AVR_TURN) {
    v->pan += a->pan, v->tilt += a->tilt;
    return fabsf(v->pan) <= PAN_MAX && fabsf(v->tilt) <= TILT_MAX;
  }
  float lo, hi;
  avr_elevation_range(s, &lo, &hi);
  float e = clipped(v->elevation + a->elevation, lo, hi);
  bool changes = a->azimuth != 0 || fabsf(e - v->elevation) >= LEAST_CHANGE;
  v->azimuth += a->azimuth;
  v->elevation = e;
  v->pan = v->tilt = 0;
  return changes && fabsf(v->azimuth) <= AZIMUTH_MAX;
}

gaze_err avr_imagine(avr_oracle *o, const avr_scene *s, const avr_state *st, const avr_option *a,
                     avr_state *after, bool *possible) {
  *after = *st;
  after->t++;
  *possible = false;
  if (a->kind == AVR_ANSWER) return GAZE_OK;
  if (a->kind == AVR_ORBIT || a->kind == AVR_TURN) {
    *possible = turn_viewer(s, a, &after->viewer);
    if (!*possible) after->viewer = st->viewer;
  } else {
    float pos[3];
    int i = a->object;
    *possible =
        gaze_scene_graspable(st->body, s->n, i) &&
        (a->kind == AVR_PICK || gaze_scene_place(st->body, s->n, i, DIRECTION[a->dir], pos));
    if (*possible && a->kind == AVR_PICK) after->body[i].gone = true;
    if (*possible && a->kind == AVR_MOVE) memcpy(after->body[i].pos, pos, sizeof pos);
  }
  // a blocked action changes nothing, so there is nothing new to see
  return *possible ? avr_observe(o, s, after) : GAZE_OK;
}

int avr_actions(const avr_scene *s, const avr_state *st, avr_option *out, int cap) {
  static const float azimuth[] = {-60, -30, 30, 60}, elevation[] = {20, -20};
  avr_option all[16 + 5 * GAZE_SCENE_BODIES_MAX];
  int n = 0, kept = 0;
  for (int k = 0; k < 4; k++) all[n++] = (avr_option){.kind = AVR_ORBIT, .azimuth = azimuth[k]};
  for (int k = 0; k < 2; k++) all[n++] = (avr_option){.kind = AVR_ORBIT, .elevation = elevation[k]};
  for (int k = -1; k <= 1; k += 2) {
    all[n++] = (avr_option){.kind = AVR_TURN, .pan = 20.0f * (float)k};
    all[n++] = (avr_option){.kind = AVR_TURN, .tilt = 15.0f * (float)k};
  }
  for (int i = 0; i < s->n; i++) {
    if (st->body[i].gone || !avr_nameable(s, st, i)) continue;
    all[n++] = (avr_option){.kind = AVR_PICK, .object = i};
    for (int d = 0; d < AVR_DIRS; d++)
      all[n++] = (avr_option){.kind = AVR_MOVE, .object = i, .dir = (avr_dir)d};
  }
  for (int k = 0; k < n && kept < cap; k++) {
    gaze_viewer v = st->viewer;
    if (all[k].kind <= AVR_TURN && !turn_viewer(s, &all[k], &v)) continue;
    out[kept++] = all[k];
  }
  return kept;
}

// ---- search ----

enum { ACTIONS_MAX = 16 + 5 * GAZE_SCENE_BODIES_MAX };

typedef struct search {
  avr_oracle *oracle;
  const avr_scene *scene;
  const avr_question *question;
  avr_node *node;
  avr_know open;  // places and facts by which states are told apart
  int n, most;    // nodes, and how many there may be
  bool moves;     // may be the first step
  bool full;
} search;

// Composite scenes ask for longer plans: there, states that differ only in places which could not
// matter any more are one, and moves are tried apart. The other families keep their first bounds,
// which episodes rest on.
static search begin(avr_oracle *o, const avr_scene *s, const avr_question *q, const avr_state *st) {
  search f = {.oracle = o, .scene = s, .question = q, .node = avr_nodes(o), .most = 1600};
  memset(&f.open, 0xFF, sizeof f.open);
  f.moves = s->family != AVR_COMPOSITE;
  if (f.moves) return f;
  f.most = AVR_NODES_MAX;
  avr_relevant_places(s, q, st, f.open.closed);
  return f;
}

static uint64_t state_key(const search *f, const avr_state *st) {
  uint64_t h = avr_hash(1, &st->viewer, sizeof st->viewer);
  avr_know know = st->know;
  for (int i = 0; i < f->scene->n; i++) {
    float p[4] = {st->body[i].pos[0], st->body[i].pos[1], st->body[i].pos[2],
                  st->body[i].gone ? 1.0f : 0.0f};
    h = avr_hash(h, p, sizeof p);
  }
  for (int w = 0; w < (AVR_PLACES + 63) / 64; w++) know.closed[w] &= f->open.closed[w];
  return avr_hash(h, &know, sizeof know);
}

// Slot of the node with the key in the index, or the free one where it belongs.
static int *find_slot(search *f, uint64_t key) {
  int *index = avr_node_index(f->oracle);
  size_t at = (size_t)key % AVR_NODE_INDEX;
  while (index[at] >= 0 && f->node[index[at]].key != key) at = (at + 1) % AVR_NODE_INDEX;
  return &index[at];
}

static void add_node(search *f, const avr_state *st, uint64_t first, int depth) {
  uint64_t key = state_key(f, st);
  int *slot = find_slot(f, key);
  if (*slot >= 0) {  // reached before
    avr_node *node = &f->node[*slot];
    if (node->depth == depth) node->first |= first;
    return;
  }
  if (f->n == f->most) {
    f->full = true;
    return;
  }
  *slot = f->n;
  f->node[f->n].state = *st;
  f->node[f->n].key = key, f->node[f->n].first = first, f->node[f->n].depth = depth;
  f->n++;
}

// Whether the action can stand on a shortest plan: views from elsewhere, turns where something may
// be beyond the first frame, and hands on what bounds an open region. Later than the first step a
// move is no better than a pick.
static bool worth(const avr_option *a, uint16_t bounding, bool outside, bool moves) {
  if (a->kind == AVR_ORBIT) return true;
  if (a->kind == AVR_TURN) return outside;
  return (moves || a->kind == AVR_PICK) && (bounding >> a->object & 1);
}

static gaze_err expand(search *f, const avr_state *st, const avr_option *actions, int n,
                       uint64_t first, int depth) {
  uint16_t bounding = avr_bounding(f->scene, f->question, st);
  bool outside = avr_outside_open(f->scene, f->question, st);
  for (int k = 0; k < n && !f->full; k++) {
    if (!worth(&actions[k], bounding, outside, depth == 1 && f->moves)) continue;
    avr_state after;
    bool possible;
    GAZE_TRY(avr_imagine(f->oracle, f->scene, st, &actions[k], &after, &possible));
    if (possible) add_node(f, &after, depth == 1 ? (uint64_t)1 << k : first, depth);
  }
  return GAZE_OK;
}

static bool enough(const search *f, const avr_state *st) {
  avr_values v;
  avr_possible(f->scene, f->question, st, &v);
  return avr_sufficient(&v);
}

// Level by level; the first that holds a sufficient state ends it.
static gaze_err breadth_first(search *f, const avr_state *st, const avr_option *actions, int n,
                              int depth, int *length, uint64_t *first) {
  int from = 0;
  *length = -1, *first = 0;
  f->n = 0;
  memset(avr_node_index(f->oracle), 0xFF, AVR_NODE_INDEX * sizeof(int));
  for (int d = 1; d <= depth; d++) {
    int until = f->n;
    if (d == 1) {
      GAZE_TRY(expand(f, st, actions, n, 0, 1));
    } else {
      for (int k = from; k < until && !f->full; k++) {
        avr_option open[ACTIONS_MAX];
        int m = avr_actions(f->scene, &f->node[k].state, open, ACTIONS_MAX);
        GAZE_TRY(expand(f, &f->node[k].state, open, m, f->node[k].first, d));
      }
    }
    if (f->full) return GAZE_OK;  // an unfinished level cannot name all first actions
    for (int k = until; k < f->n; k++) {
      if (!enough(f, &f->node[k].state)) continue;
      *first |= f->node[k].first;
      *length = d;
    }
    if (*length > 0) return GAZE_OK;
    from = until;
  }
  return GAZE_OK;
}

// Whether a plan of `depth` more steps follows the action.
static gaze_err leads_on(search *f, const avr_state *st, const avr_option *a, int depth,
                         bool *yes) {
  avr_state after;
  avr_option open[ACTIONS_MAX];
  int length;
  uint64_t first;
  *yes = false;
  GAZE_TRY(avr_imagine(f->oracle, f->scene, st, a, &after, yes));
  if (!*yes) return GAZE_OK;
  *yes = enough(f, &after);
  if (*yes || depth == 0) return GAZE_OK;
  int n = avr_actions(f->scene, &after, open, ACTIONS_MAX);
  GAZE_TRY(breadth_first(f, &after, open, n, depth, &length, &first));
  *yes = length > 0;
  return GAZE_OK;
}

// A move opens no more than the pick of the same object, so only where that starts a shortest plan
// may the move do so too.
static gaze_err try_moves(search *f, const avr_state *st, const avr_option *actions, int n,
                          int length, uint64_t *first) {
  uint16_t picked = 0;
  for (int k = 0; k < n; k++)
    if (actions[k].kind == AVR_PICK && (*first >> k & 1))
      picked = (uint16_t)(picked | 1u << actions[k].object);
  for (int k = 0; k < n; k++) {
    if (actions[k].kind != AVR_MOVE || !(picked >> actions[k].object & 1)) continue;
    bool yes;
    GAZE_TRY(leads_on(f, st, &actions[k], length - 1, &yes));
    if (yes) *first |= (uint64_t)1 << k;
  }
  return GAZE_OK;
}

gaze_err avr_plan(avr_oracle *o, const avr_scene *s, const avr_question *q, const avr_state *st,
                  const avr_option *actions, int n, int depth, int *length, uint64_t *first) {
  search f = begin(o, s, q, st);
  if (n > 64) n = 64;
  GAZE_TRY(breadth_first(&f, st, actions, n, depth, length, first));
  if (*length > 0 && !f.moves) GAZE_TRY(try_moves(&f, st, actions, n, *length, first));
  return GAZE_OK;
}
