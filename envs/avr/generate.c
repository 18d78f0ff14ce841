// envs/avr/generate.c - from a seed to an episode: draw, judge, reject, draw again.
#include <string.h>
#include "envs/avr/avr_internal.h"

enum {
  TRIES = 2000,
  TRIES_A_LAYOUT = 25,
  TRIES_A_CLOSURE = 200,
  TRIES_A_WISH = 250,
  TRIES_HELD_OUT = 100,
  TRIES_A_DRAW = 24,
  DEEP_STEPS = 3,  // actions that deep_scene asks for, at least
  PAINTS = 60,
  QUESTIONS = 6,
  LAYOUTS_MAX = 48,
  TRAIN_SEEDS = 1000000
};

typedef enum share { MAIN, SUFFICIENT, HIDES_NOTHING } share;

// What is drawn once a seed, so that rejection cannot skew it.
typedef struct target {
  share share;
  avr_wish wish;
  int closed;  // views that must not suffice, see `resists`
  avr_family family;
  const avr_layout *layout;
} target;

static const float EXISTS_PX = 30, COLOUR_PX = 50, SHAPE_PX = 150, REFERENCE = 448;

static bool named(const char *want, const char *have) {
  return want == NULL || strcmp(want, have) == 0;
}

static bool is_layout(const avr_layout *l, const char *name) {
  return strcmp(l->name, name) == 0;
}

static bool one_of(const avr_layout *l, const char *const *names) {
  for (; *names != NULL; names++)
    if (is_layout(l, *names)) return true;
  return false;
}

// Which questions of the composite family a layout can carry, and as what.
static bool fits_composite(const avr_layout *l, avr_template id, share want) {
  static const char *const stackless[] = {"stacked_screen", "twin_stacked_screens", NULL};
  static const char *const covered[] = {"tower_behind_screen", "tower_in_pocket", "overhang_shadow",
                                        NULL};
  bool open = is_layout(l, "open_mix"), bare = is_layout(l, "bare_mix");
  bool deep = is_layout(l, "deep_scene");
  if (one_of(l, stackless) && (id == AVR_Q1 || id == AVR_K2)) return false;
  // its stack is of two cubes, which cannot hold all counts on offer
  if (is_layout(l, "overhang_shadow") && id == AVR_K2) return false;
  if (want == HIDES_NOTHING) return bare && id >= AVR_E1 && id != AVR_K2;
  if (want == SUFFICIENT) return open || (id != AVR_E1 && id != AVR_K1);
  if (open || bare) return false;
  // only counts ask for everything that is hidden
  if (deep && id != AVR_K1 && id != AVR_K3) return false;
  // only there are cubes of a tower itself out of sight
  return (id != AVR_Q1 && id != AVR_K2) || one_of(l, covered);
}

// Which questions a layout can carry, and as what.
static bool fits_share(const avr_layout *l, avr_template id, share want) {
  static const char *const low[] = {"twin_towers", "open_towers", "tower_block", "stairs", NULL};
  static const char *const low_stacks[] = {"overhang_pair", "mushroom_row", NULL};
  // only a stack of three has a centre cube
  static const char *const centred[] = {"triple_overhead", "plain_overhead", "twin_towers",
                                        "open_towers",     "stairs",         NULL};
  if (id == AVR_X1 && !one_of(l, centred)) return false;
  id = avr_template_like(id);
  if (l->family == AVR_COMPOSITE) return fits_composite(l, id, want);
  bool overhead = l->family == AVR_STACK && !one_of(l, low);
  // stacks of two cubes cannot hold all counts on offer, and no held-out layout hides nothing
  if ((l->held_out || one_of(l, low_stacks)) && id == AVR_K2) return false;
  if (l->held_out && id == AVR_E1 && want == SUFFICIENT) return false;
  if (l->family == AVR_OCCLUSION && (id == AVR_Q1 || id == AVR_K2)) return false;
  if (l->family == AVR_STACK && (id == AVR_Q2 || id == AVR_Q3)) return false;
  if (want == HIDES_NOTHING)
    return (is_layout(l, "bare_screen") || is_layout(l, "plain_overhead")) && id >= AVR_E1 &&
           id != AVR_K2;
  if (want == SUFFICIENT) {
    if (id == AVR_Q1 || id == AVR_K2) return !overhead;
    return true;
  }
  if (id == AVR_Q1 && !overhead && !is_layout(l, "stairs")) return false;
  if (is_layout(l, "bare_screen") || is_layout(l, "open_table") || is_layout(l, "open_towers"))
    return false;
  if (id == AVR_E1 && l->family == AVR_STACK) return !is_layout(l, "triple_overhead");
  return true;
}

static share draw_share(gaze_rng *r, const avr_settings *set, uint64_t seed) {
  if (set->sufficient_share >= 0)
    return gaze_rng_real(r, 0, 1) < set->sufficient_share ? SUFFICIENT : MAIN;
  if (seed % 12 == 1) return set->split == AVR_LAYOUTS_SPLIT ? MAIN : HIDES_NOTHING;
  return seed % 12 == 0 ? SUFFICIENT : MAIN;
}

static bool allowed(const avr_settings *set, uint64_t seed, const target *t, const avr_layout *l,
                    avr_template id) {
  if (l->held_out != (set->split == AVR_LAYOUTS_SPLIT)) return false;
  if (l->held_out && seed < TRAIN_SEEDS) return false;
  if (!set->complete && (l->complete || id >= AVR_FIRST_TEMPLATES)) return false;
  return named(set->question, avr_template_name[id]) && named(set->layout, l->name) &&
         named(set->family, avr_family_word[l->family]) && fits_share(l, id, t->share);
}

// A question about a pair that the condition excludes would answer itself: its partner is asked
// for. Stacks hide cubes only.
static void keep_condition(avr_cogent condition, avr_family family, avr_wish *w) {
  avr_filter *f = &w->filter;
  bool cubes = family == AVR_STACK || avr_template_like(w->id) == AVR_K2;
  int shape = cubes ? GAZE_SHAPE_CUBE : f->value[AVR_SHAPE];
  if (shape >= 0 && f->value[AVR_COLOUR] >= 0)
    f->value[AVR_COLOUR] = avr_cogent_colour(condition, shape, f->value[AVR_COLOUR]);
}

// Draws family and template evenly, in this order, among what the settings allow; Q1 half as often,
// since one step down from overhead mostly answers it. Of held-out layouts one asks nothing else.
static bool draw_template(gaze_rng *r, const avr_settings *set, uint64_t seed, target *t) {
  bool ok[AVR_FAMILIES][AVR_TEMPLATES] = {{false}};
  int family[AVR_FAMILIES], families = 0, template[2 * AVR_TEMPLATES], templates = 0;
  for (const avr_layout *l = avr_layouts; l->name != NULL; l++)
    for (int id = 0; id < AVR_TEMPLATES; id++)
      ok[l->family][id] |= allowed(set, seed, t, l, (avr_template)id);
  for (int f = 0; f < AVR_FAMILIES; f++) {
    bool any = false;
    for (int id = 0; id < AVR_TEMPLATES; id++) any |= ok[f][id];
    if (any) family[families++] = f;
  }
  if (families == 0) return false;

  t->family = (avr_family)family[gaze_rng_int(r, 0, families - 1)];
  for (int id = 0; id < AVR_TEMPLATES; id++)
    for (int k = id == AVR_Q1 && set->split != AVR_LAYOUTS_SPLIT; k < 2; k++)
      if (ok[t->family][id]) template[templates++] = id;
  avr_draw_wish(r, t->family, (avr_template) template[gaze_rng_int(r, 0, templates - 1)],
                &t -> wish);
  keep_condition(set->cogent, t->family, &t->wish);
  // where nothing hides, "yes" would be in sight
  if (t->share == HIDES_NOTHING && t->wish.id == AVR_E1) t->wish.truth = 0;
  return true;
}

static void draw_layout(gaze_rng *r, const avr_settings *set, uint64_t seed, target *t) {
  const avr_layout *list[LAYOUTS_MAX];
  int n = 0;
  for (const avr_layout *l = avr_layouts; l->name != NULL; l++)
    if (l->family == t->family && n < LAYOUTS_MAX && allowed(set, seed, t, l, t->wish.id))
      list[n++] = l;
  t->layout = list[gaze_rng_int(r, 0, n - 1)];
}

// Whether what is hidden lies where the prior told to the agent lets it hide: one of at most three
// outside the frame, under the top of a stack, or small and one of at most two behind a large
// object or tower. Needs the hidden flags.
static bool keeps_prior(const avr_scene *s) {
  int behind[AVR_OWNERS] = {0};
  for (int i = 0; i < s->n; i++) {
    const avr_object *o = &s->object[i];
    if (!o->hidden) continue;
    int owner = avr_owner_at(s, s->body[i].pos);
    if (owner == AVR_OUTSIDE) {
      if (++behind[owner] > AVR_OUTSIDE_MAX) return false;
      continue;
    }
    if (o->stack >= 0) {
      if (avr_stack_top(s, o->stack, 0xFFFF) == i) return false;
      continue;
    }
    if (o->value[AVR_SIZE] != AVR_SMALL || owner < 0 || ++behind[owner] > AVR_HIDDEN_MAX)
      return false;
  }
  return true;
}

// In composite scenes a cube that shows alone must show that it is no tower's top: its foot.
static bool shows_foot(const avr_scene *s, const avr_view *v, int i) {
  const avr_object *o = &s->object[i];
  bool alone = o->stack < 0 && o->value[AVR_SHAPE] == GAZE_SHAPE_CUBE && !o->hidden;
  return s->family != AVR_COMPOSITE || !alone || (v->know.fact[i] & AVR_KNOWS_BASE);
}

// Whether of a small object no more shows than its colour, far from the other thresholds.
static bool is_sliver(const avr_object *o, float px, float ratio) {
  return o->value[AVR_SIZE] == AVR_SMALL && o->stack < 0 && px >= 1.5f * COLOUR_PX && ratio < 0.4f;
}

// Draws and paints the objects. The newer layouts are tighter and have several tries; the first
// ones keep to one, which their seeds rest on.
static bool draw_objects(gaze_rng *r, const avr_layout *l, avr_scene *s) {
  int tries = l->complete || l->family == AVR_COMPOSITE ? TRIES_A_DRAW : 1;
  for (; tries > 0; tries--) {
    s->n = s->stacks = 0;
    if (l->draw(r, s) && s->n >= 3 && avr_paint(r, s)) return true;
  }
  return false;
}

// Draws a scene, takes the first view and checks that nothing lies near a threshold: an object is
// plainly seen or plainly hidden. Sets the hidden flags; a sliver counts as hidden.
static gaze_err draw_scene(avr_oracle *o, gaze_rng *r, const avr_settings *set, const target *t,
                           avr_episode *e, bool *ok) {
  avr_scene *s = &e->scene;
  memset(s, 0, sizeof *s);
  s->family = t->family;
  s->cogent = set->cogent;
  for (int k = 0; avr_layouts[k].name != NULL; k++)
    if (&avr_layouts[k] == t->layout) s->layout = k;
  *ok = draw_objects(r, t->layout, s);
  if (!*ok) return GAZE_OK;
  avr_scene_finish(s);

  avr_state *st = &e->state;
  memset(st, 0, sizeof *st);
  memcpy(st->body, s->body, sizeof st->body);
  st->viewer = s->start;
  avr_forget(o);
  const avr_view *view;
  GAZE_TRY(avr_see(o, s, st->body, &st->viewer, &view));
  float scale = (float)avr_judge_size(o) / REFERENCE;
  scale *= scale;
  bool peek = is_layout(t->layout, "peek");
  int slivers = 0;
  for (int i = 0; i < s->n; i++) {
    avr_object *ob = &s->object[i];
    float px = view->pixels[i] / scale;
    bool under = ob->stack >= 0 && avr_stack_top(s, ob->stack, 0xFFFF) != i;
    bool sliver = peek && is_sliver(ob, px, view->ratio[i]);
    slivers += sliver;
    ob->hidden = sliver || px < EXISTS_PX;
    bool clear = sliver || px < 0.5f * EXISTS_PX ||
                 (under ? px >= 1.5f * COLOUR_PX : px >= 1.5f * SHAPE_PX && view->ratio[i] >= 0.7f);
    *ok &= clear && shows_foot(s, view, i);
  }
  *ok &= keeps_prior(s) && (slivers > 0 || !peek);
  return *ok ? avr_observe(o, s, st) : GAZE_OK;
}

// Whether a fact the question asks for is hidden: the object of a query, the one that exists, or
// (count, "no") anything that might be counted.
static bool asks_hidden(const avr_scene *s, const avr_question *q) {
  bool any = false;
  for (int i = 0; i < s->n; i++) any |= s->object[i].hidden;
  if (q->id > AVR_Q3) return any;
  // the value known at t = 0 belongs to another object, or to none
  float best = 1e9f;
  int winner = -1;
  for (int i = 0; i < s->n; i++) {
    float d;
    const float *p = s->body[i].pos;
    if (q->id == AVR_Q3) {
      if (s->object[i].value[AVR_SIZE] != AVR_SMALL) continue;
      d = q->dir == AVR_LEFT    ? p[0]
          : q->dir == AVR_RIGHT ? -p[0]
          : q->dir == AVR_FRONT ? p[1]
                                : -p[1];
    } else {
      if (i == q->anchor) continue;
      const float *f = s->body[q->anchor].pos;
      d = (p[0] - f[0]) * (p[0] - f[0]) + (p[1] - f[1]) * (p[1] - f[1]) +
          (p[2] - f[2]) * (p[2] - f[2]);
    }
    if (d < best) best = d, winner = i;
  }
  return winner >= 0 && s->object[winner].hidden;
}

static bool hides_nothing(const avr_scene *s) {
  for (int i = 0; i < s->n; i++)
    if (s->object[i].hidden) return false;
  return true;
}

// Whether the views from these azimuths and two elevations together would answer the question.
static gaze_err views_suffice(avr_oracle *o, const avr_episode *e, const int *azimuth, int n,
                              const float elevation[2], bool *yes) {
  avr_state st = e->state;
  for (int a = 0; a < n; a++)
    for (int k = 0; k < 2; k++) {
      st.viewer = (gaze_viewer){.azimuth = (float)azimuth[a], .elevation = elevation[k]};
      GAZE_TRY(avr_observe(o, &e->scene, &st));
    }
  avr_values v;
  avr_possible(&e->scene, &e->question, &st, &v);
  *yes = avr_sufficient(&v);
  return GAZE_OK;
}

// No fixed script of viewer moves may serve most scenes. So a scene seen from the side must resist
// all views of one side, or of both together, and one seen from overhead the way down at most of
// five azimuths together: `closed`, a bit each, is drawn once a seed.
static gaze_err resists(avr_oracle *o, const avr_episode *e, int closed, bool *ok) {
  static const int side[6] = {30, 60, 90, -30, -60, -90}, down[5] = {0, 30, -30, 60, -60};
  static const float low[2] = {25, 45}, high[2] = {68, 48};
  bool overhead = e->scene.start.elevation > 60, yes = false;
  int azimuth[6], n = 0;
  for (int k = 0; k < (overhead ? 5 : 6); k++)
    if (closed >> (overhead ? 2 + k : k / 3) & 1) azimuth[n++] = overhead ? down[k] : side[k];
  if (n > 0) GAZE_TRY(views_suffice(o, e, azimuth, n, overhead ? high : low, &yes));
  *ok = !yes;
  return GAZE_OK;
}

// Whether the question needs an effort and lets itself be answered as wanted; plans and lists
// options.
static gaze_err judge(avr_oracle *o, const avr_settings *set, const target *t, avr_episode *e,
                      bool *ok) {
  *ok = false;
  if (t->share == MAIN && !asks_hidden(&e->scene, &e->question)) return GAZE_OK;
  if (t->share == HIDES_NOTHING && !hides_nothing(&e->scene)) return GAZE_OK;
  avr_values v;
  avr_possible(&e->scene, &e->question, &e->state, &v);
  if (avr_sufficient(&v) != (t->share == SUFFICIENT)) return GAZE_OK;

  if (t->share == MAIN) {
    bool hard;
    GAZE_TRY(resists(o, e, t->closed, &hard));
    if (!hard) return GAZE_OK;
  }

  gaze_err err = avr_list_options(o, set, e);
  if (err == GAZE_ERR_NOTFOUND) return GAZE_OK;
  if (err) return err;
  int least = is_layout(t->layout, "deep_scene") ? DEEP_STEPS : 1;
  *ok = t->share == SUFFICIENT || e->steps_left >= least;
  e->optimal_steps = e->steps_left;
  return GAZE_OK;
}

// Paints the scene anew until it answers as wished: what is seen and hidden does not depend on
// colours, and paint is cheaper than scenes.
static gaze_err paint_to_order(avr_oracle *o, const avr_settings *set, gaze_rng *r, const target *t,
                               avr_episode *e, bool *ok) {
  const int *v = t->wish.filter.value;
  bool by_colour = avr_program_of(t->wish.id) == AVR_QUERY ||
                   avr_program_of(t->wish.id) == AVR_SAME || v[AVR_COLOUR] >= 0;
  *ok = false;
  for (int k = 0, asked = 0; k < (by_colour ? PAINTS : 1) && asked < QUESTIONS && !*ok; k++) {
    if (k > 0 && !avr_paint(r, &e->scene)) continue;
    if (!avr_ask(r, &e->scene, &t->wish, &e->question)) continue;
    asked++;
    gaze_rng_init(&e->rng, e->seed, (uint64_t)1 << 40);
    GAZE_TRY(judge(o, set, t, e, ok));
  }
  // the state's bodies were copied before the last paint, and they are what pictures show
  avr_colour_bodies(&e->scene, e->scene.body);
  avr_colour_bodies(&e->scene, e->state.body);
  return GAZE_OK;
}

// Bits 0, 1: right, left (14 % each alone, else both); bits 2..6: four of the azimuths, two for
// Q1 and X1, which a single good look answers.
static int draw_closed(gaze_rng *r, avr_template id) {
  int side = gaze_rng_int(r, 0, 99), down[5] = {4, 8, 16, 32, 64};
  gaze_rng_shuffle(r, down, 5);
  return (side < 22   ? 1
          : side < 44 ? 2
                      : 3) |
         down[0] | down[1] | (id == AVR_Q1 || id == AVR_X1 ? 0 : down[2] | down[3]);
}

static int drop_bit(int set, bool lowest) {
  int bit = 1;
  if (lowest) return set & (set - 1);
  while (set >> 1 >= bit) bit <<= 1;
  return set & ~bit;
}

// One demand less in each group of bits, from either end in turn.
static int ease(int closed, int turn) {
  return drop_bit(closed & 3, turn & 1) | drop_bit(closed >> 2, turn & 1) << 2;
}

gaze_err avr_generate(avr_oracle *o, const avr_settings *set, uint64_t seed, avr_episode *e) {
  gaze_rng r;
  target t = {0};
  gaze_rng_init(&r, seed, 0);
  t.share = draw_share(&r, set, seed);
  if (!draw_template(&r, set, seed, &t))
    return gaze_fail(GAZE_ERR_ARG, "avr: field family/layout/question: nothing fits these");
  t.closed = draw_closed(&r, t.wish.id);
  for (int k = 0; k < TRIES; k++) {
    gaze_rng_init(&r, seed, (uint64_t)k + 1);
    // a seed that finds no scene so hard makes do with an easier one
    if (k > 0 && k % TRIES_A_CLOSURE == 0)
      t.closed = ease(t.closed, k / TRIES_A_CLOSURE + t.wish.truth);
    // the later templates ask for more at once: other words, the same place of the truth
    if (k > 0 && k % TRIES_A_WISH == 0 && t.wish.id >= AVR_FIRST_TEMPLATES) {
      avr_reword(&r, t.family, &t.wish);
      keep_condition(set->cogent, t.family, &t.wish);
    }
    if (k >= TRIES / 2 && k % TRIES_A_WISH == 0) {  // the last resort: another question
      t.closed = 0;
      draw_template(&r, set, seed, &t);
    }
    // held-out layouts are few, and some can never answer as wished: ask something else soon
    if (set->split == AVR_LAYOUTS_SPLIT && k > 0 && k % TRIES_HELD_OUT == 0)
      draw_template(&r, set, seed, &t);
    if (k % TRIES_A_LAYOUT == 0) draw_layout(&r, set, seed, &t);
    memset(e, 0, sizeof *e);
    e->seed = seed;
    e->tries = k + 1;
    e->control = t.share != MAIN;
    bool ok;
    GAZE_TRY(draw_scene(o, &r, set, &t, e, &ok));
    if (ok) GAZE_TRY(paint_to_order(o, set, &r, &t, e, &ok));
    if (ok) return GAZE_OK;
  }
  return gaze_fail(GAZE_ERR_NOTFOUND, "avr: seed %llu: no scene fits after %d draws",
                   (unsigned long long)seed, TRIES);
}
