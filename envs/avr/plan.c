// envs/avr/plan.c - actions, what they lead to, and shortest plans.
#include <math.h>
#include <string.h>
#include "envs/avr/avr_internal.h"
#include "sim/world.h"

static const float AZIMUTH_MAX = 90, PAN_MAX = 40, TILT_MAX = 30, LEAST_CHANGE = 5;
static const float LOWEST[AVR_FAMILIES] = {15, 20}, HIGHEST[AVR_FAMILIES] = {45, 88};
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

static bool turn_viewer(const avr_scene *s, const avr_option *a, gaze_viewer *v) {
  if (a->kind == AVR_TURN) {
    v->pan += a->pan, v->tilt += a->tilt;
    return fabsf(v->pan) <= PAN_MAX && fabsf(v->tilt) <= TILT_MAX;
  }
  float e = clipped(v->elevation + a->elevation, LOWEST[s->family], HIGHEST[s->family]);
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

typedef struct search {
  avr_oracle *oracle;
  const avr_scene *scene;
  const avr_question *question;
  avr_node *node;
  int n;
  bool full;
} search;

static uint64_t state_key(const avr_scene *s, const avr_state *st) {
  uint64_t h = avr_hash(1, &st->viewer, sizeof st->viewer);
  for (int i = 0; i < s->n; i++) {
    float p[4] = {st->body[i].pos[0], st->body[i].pos[1], st->body[i].pos[2],
                  st->body[i].gone ? 1.0f : 0.0f};
    h = avr_hash(h, p, sizeof p);
  }
  return avr_hash(h, &st->know, sizeof st->know);
}

static void add_node(search *f, const avr_state *st, uint64_t first, int depth) {
  uint64_t key = state_key(f->scene, st);
  for (int k = 0; k < f->n; k++) {
    if (f->node[k].key != key) continue;
    if (f->node[k].depth == depth) f->node[k].first |= first;
    return;  // reached before
  }
  if (f->n == AVR_NODES_MAX) {
    f->full = true;
    return;
  }
  f->node[f->n].state = *st;
  f->node[f->n].key = key, f->node[f->n].first = first, f->node[f->n].depth = depth;
  f->n++;
}

// Whether the action can stand on a shortest plan: views from elsewhere, and hands on what bounds
// an open region. Later than the first step a move is no better than a pick.
static bool worth(const avr_option *a, uint16_t bounding, bool first) {
  if (a->kind == AVR_ORBIT) return true;
  if (a->kind == AVR_TURN) return false;
  return (first || a->kind == AVR_PICK) && (bounding >> a->object & 1);
}

static gaze_err expand(search *f, const avr_state *st, const avr_option *actions, int n,
                       uint64_t first, int depth) {
  uint16_t bounding = avr_bounding(f->scene, f->question, st);
  for (int k = 0; k < n && !f->full; k++) {
    if (!worth(&actions[k], bounding, depth == 1)) continue;
    avr_state after;
    bool possible;
    GAZE_TRY(avr_imagine(f->oracle, f->scene, st, &actions[k], &after, &possible));
    if (possible) add_node(f, &after, depth == 1 ? (uint64_t)1 << k : first, depth);
  }
  return GAZE_OK;
}

gaze_err avr_plan(avr_oracle *o, const avr_scene *s, const avr_question *q, const avr_state *st,
                  const avr_option *actions, int n, int depth, int *length, uint64_t *first) {
  search f = {.oracle = o, .scene = s, .question = q, .node = avr_nodes(o)};
  int from = 0;
  *length = -1, *first = 0;
  if (n > 64) n = 64;
  for (int d = 1; d <= depth; d++) {
    int until = f.n;
    if (d == 1) {
      GAZE_TRY(expand(&f, st, actions, n, 0, 1));
    } else {
      for (int k = from; k < until && !f.full; k++) {
        avr_option open[16 + 5 * GAZE_SCENE_BODIES_MAX];
        int m = avr_actions(s, &f.node[k].state, open, 16 + 5 * GAZE_SCENE_BODIES_MAX);
        GAZE_TRY(expand(&f, &f.node[k].state, open, m, f.node[k].first, d));
      }
    }
    if (f.full) return GAZE_OK;  // an unfinished level cannot name all first actions
    for (int k = until; k < f.n; k++) {
      avr_values v;
      avr_possible(s, q, &f.node[k].state, &v);
      if (!avr_sufficient(&v)) continue;
      *first |= f.node[k].first;
      *length = d;
    }
    if (*length > 0) return GAZE_OK;
    from = until;
  }
  return GAZE_OK;
}
