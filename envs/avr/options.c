// envs/avr/options.c - the lettered list of one decision: answers, useful actions, distractors.
#include <string.h>
#include "envs/avr/avr_internal.h"

enum { ALL_MAX = 64, KINDS = 4 };  // ORBIT, TURN, PICK, MOVE

// Every action of a state with what came of it.
typedef struct tried {
  avr_option option[ALL_MAX];
  bool useful[ALL_MAX], optimal[ALL_MAX], taken[ALL_MAX];
  int n, n_useful;
} tried;

static int kind_of(const avr_option *a) {
  return (int)a->kind - AVR_ORBIT;
}

static gaze_err try_all(avr_oracle *o, const avr_settings *set, avr_episode *e, bool sufficient,
                        tried *t) {
  memset(t, 0, sizeof *t);
  t->n = avr_actions(&e->scene, &e->state, t->option, ALL_MAX);
  uint64_t first = 0;
  e->steps_left = 0;
  if (!sufficient)
    GAZE_TRY(avr_plan(o, &e->scene, &e->question, &e->state, t->option, t->n, set->search_depth,
                      &e->steps_left, &first));
  for (int k = 0; k < t->n && !sufficient; k++) {
    avr_state after;
    bool possible;
    GAZE_TRY(avr_imagine(o, &e->scene, &e->state, &t->option[k], &after, &possible));
    if (possible) t->option[k].gain = avr_gain(&e->scene, &e->question, &e->state, &after);
    t->optimal[k] = first >> k & 1;
    t->useful[k] = t->optimal[k] || t->option[k].gain > 0;
    t->n_useful += t->useful[k];
  }
  return GAZE_OK;
}

// Moves an untaken action of the wanted class to the list; kinds take turns by weight, else the
// many moves would crowd out the rest. Returns false if none is left.
static bool take(avr_episode *e, tried *t, bool useful, bool optimal, const int weight[KINDS]) {
  int count[KINDS] = {0}, total = 0;
  for (int k = 0; k < t->n; k++)
    if (!t->taken[k] && t->useful[k] == useful && (!optimal || t->optimal[k]))
      count[kind_of(&t->option[k])]++;
  for (int j = 0; j < KINDS; j++) total += count[j] ? weight[j] : 0;
  if (total == 0) return false;

  int kind = 0, draw = gaze_rng_int(&e->rng, 0, total - 1);
  for (;; kind++) {
    int w = count[kind] ? weight[kind] : 0;
    if (draw < w) break;
    draw -= w;
  }
  int which = gaze_rng_int(&e->rng, 0, count[kind] - 1);
  for (int k = 0; k < t->n; k++) {
    if (t->taken[k] || t->useful[k] != useful || (optimal && !t->optimal[k])) continue;
    if (kind_of(&t->option[k]) != kind || which-- > 0) continue;
    t->taken[k] = true;
    avr_option a = t->option[k];
    a.label = (t->optimal[k] ? GAZE_OPT_OPTIMAL : 0) | (a.gain > 0 ? GAZE_OPT_GAINING : 0);
    e->option[e->options++] = a;
    return true;
  }
  return false;
}

static void list_answers(avr_episode *e, bool sufficient) {
  for (int k = 0; k < e->question.n_offered; k++) {
    int value = e->question.offered[k], label = GAZE_OPT_ANSWER;
    if (value == e->question.answer)
      label |= GAZE_OPT_CORRECT | (sufficient ? GAZE_OPT_OPTIMAL : 0);
    e->option[e->options++] = (avr_option){.kind = AVR_ANSWER, .value = value, .label = label};
  }
}

static void shuffle(avr_episode *e) {
  for (int k = e->options - 1; k > 0; k--) {
    int j = gaze_rng_int(&e->rng, 0, k);
    avr_option a = e->option[k];
    e->option[k] = e->option[j];
    e->option[j] = a;
  }
}

// How many actions to list, and how many of them are distractors.
typedef struct counts {
  int n, d;
} counts;

// Cuts the wanted counts down to what there is; false if that leaves less than a full list.
static bool cut(counts *c, int useful, int useless) {
  bool full = useful > 0 ? useless >= 3 : useless >= 5;
  if (useful == 0) {
    if (c->n > useless) c->n = useless;
    if (c->d > c->n) c->d = c->n;
    return full;
  }
  if (c->d > useless) c->d = useless;
  if (c->n - c->d > useful) c->n = c->d + useful;
  if (c->n < 5) {
    c->d = useless < 5 - useful ? useless : 5 - useful;
    c->n = c->d + useful;
  }
  return full && c->n >= 5;
}

// Draws n in 5..8 actions of which d in 3..5 are distractors. An episode must start with a full
// list; later it goes on with what there is.
static gaze_err list_actions(avr_oracle *o, const avr_settings *set, avr_episode *e,
                             bool sufficient) {
  static const int useless_weight[KINDS] = {5, 2, 3, 3}, useful_weight[KINDS] = {6, 1, 4, 2};
  tried t;
  GAZE_TRY(try_all(o, set, e, sufficient, &t));
  counts c = {.n = gaze_rng_int(&e->rng, 5, AVR_ACTIONS_MAX)};
  c.d = gaze_rng_int(&e->rng, 3, 5);
  if (c.n - c.d < 1) c.d = c.n - 1;
  e->stuck = !sufficient && t.n_useful == 0;
  if (!cut(&c, t.n_useful, t.n - t.n_useful) && e->state.t == 0)
    return gaze_fail(GAZE_ERR_NOTFOUND, "avr: too few actions or distractors");
  if (t.n_useful > 0) {
    bool planned = take(e, &t, true, true, useful_weight);
    for (int k = planned; k < c.n - c.d; k++) take(e, &t, true, false, useful_weight);
  } else {
    // here nothing gains, but the kinds must not tell so: some are drawn as if useful
    for (int k = 0; k < c.n - c.d; k++) take(e, &t, false, false, useful_weight);
  }
  for (int k = 0; k < c.d; k++) take(e, &t, false, false, useless_weight);
  return GAZE_OK;
}

gaze_err avr_list_options(avr_oracle *o, const avr_settings *set, avr_episode *e) {
  avr_values v;
  avr_possible(&e->scene, &e->question, &e->state, &v);
  bool sufficient = avr_sufficient(&v);
  e->options = 0;
  e->stuck = false;
  e->steps_left = sufficient ? 0 : -1;
  list_answers(e, sufficient);
  if (e->state.t < AVR_T_MAX) GAZE_TRY(list_actions(o, set, e, sufficient));
  shuffle(e);
  return GAZE_OK;
}
