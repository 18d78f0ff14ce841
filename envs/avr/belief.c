// envs/avr/belief.c - see belief.h.
#include "envs/avr/belief.h"
#include <stdlib.h>
#include <string.h>
#include "envs/avr/avr_internal.h"
#include "envs/avr/words.h"
#include "envs/choices.h"

enum { NAMES = 16, PLAN_DEPTH = 3, ACTIONS_MAX = 16 + 5 * GAZE_SCENE_BODIES_MAX };
enum { UNSEEN, IN_VIEW, IN_TRAY };  // where a known object is

static const char MIXED[] = " composite";
static const uint8_t KNOWS[AVR_ATTRS] = {AVR_KNOWS_COLOUR, AVR_KNOWS_SIZE, AVR_KNOWS_SHAPE};
static const uint8_t FULL_NAME = AVR_KNOWS_COLOUR | AVR_KNOWS_SIZE | AVR_KNOWS_SHAPE;

// ---- writing ----

// Scattered, so that gaps between the names do not tell how much is unseen.
static int scatter(const avr_episode *e, int i) {
  return (int)((5u * (unsigned)i + (unsigned)(e->seed % NAMES)) % NAMES);
}

static void write_object(const avr_episode *e, int i, gaze_buf *out) {
  static const float upright[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  const avr_object *o = &e->scene.object[i];
  const gaze_body *b = &e->state.body[i];
  int fact = e->state.know.fact[i];
  int where = b->gone ? IN_TRAY : e->state.visible >> i & 1 ? IN_VIEW : UNSEEN;
  gaze_buf_printf(out, "object %c %d %d", 'a' + scatter(e, i), where, fact);
  for (int a = 0; a < AVR_ATTRS; a++)
    gaze_buf_printf(out, " %d", fact & KNOWS[a] ? o->value[a] : -1);
  gaze_buf_printf(out, " %d %d", o->stack < 0 ? -1 : scatter(e, o->stack), o->level);
  for (int k = 0; k < 3; k++) gaze_buf_printf(out, " %.4f", (double)b->pos[k]);
  const float *rot = fact & AVR_KNOWS_SHAPE ? b->rot : upright;
  for (int k = 0; k < 9; k++) gaze_buf_printf(out, " %.3f", (double)rot[k]);
  gaze_buf_str(out, "\n");
}

void avr_symbols_write(const avr_episode *e, gaze_buf *out) {
  const gaze_viewer *v = &e->state.viewer;
  gaze_buf_printf(out, "viewer %g %g %g %g%s\n", (double)v->azimuth, (double)v->elevation,
                  (double)v->pan, (double)v->tilt, e->scene.family == AVR_COMPOSITE ? MIXED : "");
  for (int i = 0; i < e->scene.n; i++)
    if (e->state.know.fact[i] & AVR_EXISTS) write_object(e, i, out);
}

// ---- reading ----

typedef struct symbol {
  char name;
  int where, fact, value[AVR_ATTRS], stack, level;
  float pos[3], rot[9];
} symbol;

typedef struct symbols {
  gaze_viewer viewer;
  bool mixed;  // a composite scene
  symbol object[GAZE_SCENE_BODIES_MAX];
  int n;
} symbols;

static bool read_numbers(const char **at, int n, double lo, double hi, float *out) {
  for (int k = 0; k < n; k++) {
    char *end;
    double v = strtod(*at, &end);
    // the comparison also refuses NaN
    if (end == *at || !(v >= lo && v <= hi)) return false;
    out[k] = (float)v;
    *at = end;
  }
  return true;
}

static bool read_int(const char **at, int lo, int hi, int *out) {
  float v;
  if (!read_numbers(at, 1, lo, hi, &v)) return false;
  *out = (int)v;
  return (float)*out == v;
}

static bool read_object(const char *line, symbol *s) {
  static const int highest[AVR_ATTRS] = {AVR_COLOURS - 1, AVR_SIZES - 1, AVR_SHAPES - 1};
  const char *at = line + strlen("object ");
  if (strncmp(line, "object ", strlen("object ")) != 0 || *at < 'a' || *at >= 'a' + NAMES)
    return false;
  s->name = *at++;
  if (!read_int(&at, UNSEEN, IN_TRAY, &s->where) || !read_int(&at, 0, 63, &s->fact)) return false;
  for (int a = 0; a < AVR_ATTRS; a++) {
    if (!read_int(&at, -1, highest[a], &s->value[a])) return false;
    if ((s->value[a] >= 0) != ((s->fact & KNOWS[a]) != 0)) return false;
  }
  return read_int(&at, -1, NAMES - 1, &s->stack) &&
         read_int(&at, -1, AVR_STACK_MAX - 1, &s->level) && (s->stack >= 0) == (s->level >= 0) &&
         read_numbers(&at, 3, -10, 10, s->pos) && read_numbers(&at, 9, -1.01, 1.01, s->rot) &&
         *at == '\n';
}

static gaze_err read_symbols(const char *text, symbols *out) {
  float v[4];
  const char *at = text + strlen("viewer ");
  bool ok = strncmp(text, "viewer ", strlen("viewer ")) == 0 && read_numbers(&at, 4, -360, 360, v);
  bool mixed = ok && strncmp(at, MIXED, strlen(MIXED)) == 0;
  if (mixed) at += strlen(MIXED);
  if (!ok || *at != '\n') return gaze_fail(GAZE_ERR_FORMAT, "symbols: expected a viewer line");
  *out = (symbols){.viewer = {.azimuth = v[0], .elevation = v[1], .pan = v[2], .tilt = v[3]},
                   .mixed = mixed};
  for (at++; *at; at = strchr(at, '\n') + 1) {
    if (out->n == GAZE_SCENE_BODIES_MAX)
      return gaze_fail(GAZE_ERR_FORMAT, "symbols: more than %d objects", GAZE_SCENE_BODIES_MAX);
    if (!read_object(at, &out->object[out->n]))
      return gaze_fail(GAZE_ERR_FORMAT, "symbols: object %d is damaged", out->n + 1);
    out->n++;
  }
  return GAZE_OK;
}

// ---- the believed scene ----

struct avr_belief {
  avr_oracle *oracle;
  avr_episode e;                     // known objects in the order of first sight
  char name[GAZE_SCENE_BODIES_MAX];  // of object i, in the symbols
  int stack[GAZE_SCENE_BODIES_MAX];  // of stack k, in the symbols
  bool listed[GAZE_OPTIONS_MAX];     // option i was understood
};

gaze_err avr_belief_open(avr_belief **out, int judge_size) {
  avr_belief *b = *out = calloc(1, sizeof *b);
  if (!b) return gaze_fail(GAZE_ERR_NOMEM, "belief: out of memory");
  gaze_err e = avr_oracle_open(&b->oracle, judge_size, 1);
  if (e) avr_belief_close(out);
  return e;
}

void avr_belief_close(avr_belief **out) {
  avr_belief *b = *out;
  if (!b) return;
  avr_oracle_close(&b->oracle);
  free(b);
  *out = NULL;
}

static int stack_of(avr_belief *b, int name) {
  avr_scene *s = &b->e.scene;
  if (name < 0) return -1;
  for (int k = 0; k < s->stacks; k++)
    if (b->stack[k] == name) return k;
  b->stack[s->stacks] = name;
  return s->stacks++;
}

// Slot of a symbol, a new one if its name was never heard before; -1 if there is no room.
static int slot_of(avr_belief *b, const symbol *y, bool first) {
  avr_scene *s = &b->e.scene;
  for (int i = 0; i < s->n; i++)
    if (b->name[i] == y->name) return i;
  if (s->n == GAZE_SCENE_BODIES_MAX) return -1;
  int i = s->n++;
  b->name[i] = y->name;
  s->object[i] = (avr_object){.hidden = !first};
  // where it stood at the start is where it was first seen
  memcpy(s->body[i].pos, y->pos, sizeof y->pos);
  memcpy(s->body[i].rot, y->rot, sizeof y->rot);
  return i;
}

static void learn(avr_belief *b, int i, const symbol *y) {
  avr_object *o = &b->e.scene.object[i];
  gaze_body *start = &b->e.scene.body[i], *now = &b->e.state.body[i];
  // what is not known has to look like something in the agent's own views; no answer rests on it
  o->value[AVR_COLOUR] = y->value[AVR_COLOUR] < 0 ? 0 : y->value[AVR_COLOUR];
  o->value[AVR_SHAPE] = y->value[AVR_SHAPE] < 0 ? GAZE_SHAPE_CYLINDER : y->value[AVR_SHAPE];
  o->value[AVR_SIZE] = y->value[AVR_SIZE] >= 0 ? y->value[AVR_SIZE]
                       : y->pos[2] > 0.027f    ? AVR_LARGE
                                               : AVR_SMALL;
  o->stack = stack_of(b, y->stack);
  o->level = y->level;
  start->shape = (gaze_shape)o->value[AVR_SHAPE];
  start->half = AVR_HALF[o->value[AVR_SIZE]];
  *now = *start;
  memcpy(now->pos, y->pos, sizeof y->pos);
  memcpy(now->rot, y->rot, sizeof y->rot);
  now->gone = y->where == IN_TRAY;
}

// A stack with a gap between the levels seen is not closed, though its base was seen.
static void doubt_gaps(const avr_scene *s, uint8_t fact[GAZE_SCENE_BODIES_MAX]) {
  for (int k = 0; k < s->stacks; k++) {
    int known = 0, top = avr_stack_top(s, k, 0xFFFF);
    for (int i = 0; i < s->n; i++) known += s->object[i].stack == k;
    if (top < 0 || known == s->object[top].level + 1) continue;
    for (int i = 0; i < s->n; i++)
      if (s->object[i].stack == k) fact[i] &= (uint8_t)~AVR_KNOWS_BASE;
  }
}

// Joins the symbols of a turn, then looks: the places that this view closes follow from where the
// viewer stands and what is known to stand in the way.
static gaze_err look(avr_belief *b, const symbols *now, const gaze_obs *obs) {
  avr_scene *s = &b->e.scene;
  avr_state *st = &b->e.state;
  uint8_t fact[GAZE_SCENE_BODIES_MAX] = {0};
  unsigned visible = 0;
  for (int k = 0; k < now->n; k++) {
    const symbol *y = &now->object[k];
    int i = slot_of(b, y, obs->first);
    if (i < 0) return gaze_fail(GAZE_ERR_FORMAT, "symbols: too many objects in one episode");
    learn(b, i, y);
    fact[i] = (uint8_t)y->fact;
    if (y->where == IN_VIEW) visible |= 1u << i;
  }
  // of the others only stack scenes have stacks, of one cube at least
  s->family = now->mixed ? AVR_COMPOSITE : s->stacks > 0 ? AVR_STACK : AVR_OCCLUSION;
  avr_scene_finish(s);
  avr_colour_bodies(s, st->body);
  doubt_gaps(s, fact);
  st->viewer = now->viewer;
  st->t = (int)obs->turn;
  avr_forget(b->oracle);
  GAZE_TRY(avr_observe(b->oracle, s, st));
  // facts are what was really seen, not what this scene would show
  memcpy(st->know.fact, fact, sizeof fact);
  st->visible = (uint16_t)visible;
  return GAZE_OK;
}

// ---- words back to meaning: whatever is written the same is the same ----

typedef struct phrase {
  const char *at;
  size_t n;
  gaze_buf scratch;
} phrase;

static bool asks(const avr_belief *b, const avr_question *q, phrase *want) {
  gaze_buf_clear(&want->scratch);
  avr_question_text(&b->e.scene, q, &want->scratch);
  return want->scratch.len == want->n && memcmp(want->scratch.data, want->at, want->n) == 0;
}

static bool find_query(const avr_belief *b, phrase *want, avr_question *q) {
  const avr_scene *s = &b->e.scene;
  for (int id = AVR_Q1; id <= AVR_Q3; id++)
    for (int k = 0; k < (id == AVR_Q3 ? AVR_DIRS : s->n); k++)
      for (int a = 0; a < AVR_ATTRS; a++) {
        *q = (avr_question){.id = (avr_template)id, .attr = (avr_attr)a, .anchor = -1, .stack = -1};
        if (id == AVR_Q3) {
          q->dir = (avr_dir)k;
        } else {
          if ((b->e.state.know.fact[k] & FULL_NAME) != FULL_NAME) continue;
          q->anchor = k;
        }
        if (asks(b, q, want)) return true;
      }
  return false;
}

// filters by number: colour fastest, then size, then shape, each from "any" on
enum { FILTERS = (AVR_COLOURS + 1) * (AVR_SIZES + 1) * (AVR_SHAPES + 1) };

static bool find_filter(const avr_belief *b, phrase *want, avr_question *q) {
  for (int id = AVR_E1; id <= AVR_K3; id++)
    for (int f = 0; f < FILTERS; f++)
      for (int k = 0; k < (id == AVR_K2 ? b->e.scene.stacks : id == AVR_K3 ? 2 : 1); k++) {
        *q = (avr_question){.id = (avr_template)id, .anchor = -1, .stack = -1};
        q->filter.value[AVR_COLOUR] = f % (AVR_COLOURS + 1) - 1;
        q->filter.value[AVR_SIZE] = f / (AVR_COLOURS + 1) % (AVR_SIZES + 1) - 1;
        q->filter.value[AVR_SHAPE] = f / (AVR_COLOURS + 1) / (AVR_SIZES + 1) - 1;
        if (id == AVR_K2) q->stack = k;
        if (id == AVR_K3) q->dir = (avr_dir)k;
        if (asks(b, q, want)) return true;
      }
  return false;
}

// Number of the next slot's word: the number of a question is one of mixed radix.
static int slot(int *number, int radix) {
  int k = *number % radix;
  *number /= radix;
  return k;
}

static avr_filter class_at(int k) {
  return (avr_filter){{-1, k % AVR_SIZES, k / AVR_SIZES}};
}

// Question `number` of a template beyond the first seven; false past the last one. A filter of
// these holds one word, that of P3 the two that are not compared.
static bool nth_question(const avr_belief *b, avr_template id, int number, avr_question *q) {
  enum { CLASSES = AVR_SIZES * AVR_SHAPES, WORDS = AVR_COLOURS + AVR_SIZES + AVR_SHAPES };
  static const int first[AVR_ATTRS] = {0, AVR_COLOURS, AVR_COLOURS + AVR_SIZES};
  const avr_scene *s = &b->e.scene;
  *q = (avr_question){.id = id, .anchor = -1, .stack = -1, .filter = {{-1, -1, -1}}};
  if (id == AVR_P2 || id == AVR_X2) q->more = slot(&number, 2) ? 1 : -1;
  if (id == AVR_M2) q->dir = (avr_dir)slot(&number, AVR_RIGHT + 1);
  if (id == AVR_M3 || id == AVR_M4) q->added = 1 + slot(&number, AVR_ADDED_MAX);
  q->n_removed = id == AVR_M5 || id == AVR_X2 ? 2 : id == AVR_M1 || id == AVR_M2 || id == AVR_X1;
  for (int k = 0; k < q->n_removed; k++) q->removed[k] = class_at(slot(&number, CLASSES));
  if (id == AVR_M4 || id == AVR_X1) {
    if (s->stacks == 0) return false;
    q->stack = slot(&number, s->stacks);
  }
  if (avr_program_of(id) == AVR_SAME) {
    static const int values[AVR_ATTRS] = {AVR_COLOURS, AVR_SIZES, AVR_SHAPES};
    if (s->n == 0) return false;
    q->anchor = slot(&number, s->n);
    q->attr = (avr_attr)slot(&number, AVR_ATTRS);
    for (int a = 0; a < AVR_ATTRS && id == AVR_P3; a++) {
      int value = slot(&number, values[a]);  // of `attr` too, else the radix would depend on it
      if (a != (int)q->attr) q->filter.value[a] = value;
    }
    return number == 0;
  }
  int word = slot(&number, WORDS);
  for (int a = 0; a < AVR_ATTRS; a++)
    if (word >= first[a] && (a + 1 == AVR_ATTRS || word < first[a + 1]))
      q->filter.value[a] = word - first[a];
  return number == 0;
}

static bool find_other(const avr_belief *b, phrase *want, avr_question *q) {
  for (int id = AVR_FIRST_TEMPLATES; id < AVR_TEMPLATES; id++)
    for (int k = 0; nth_question(b, (avr_template)id, k, q); k++) {
      // no question names an object that is not known
      if (q->anchor >= 0 && (b->e.state.know.fact[q->anchor] & FULL_NAME) != FULL_NAME) continue;
      if (asks(b, q, want)) return true;
    }
  return false;
}

static gaze_err find_question(avr_belief *b, const char *text) {
  static const char head[] = "Question: ";
  const char *at = strstr(text, head), *end = at ? strchr(at, '\n') : NULL;
  phrase want = {.scratch = GAZE_BUF_INIT};
  bool found = false;
  if (end) {
    want.at = at + strlen(head);
    want.n = (size_t)(end - want.at);
    avr_question *q = &b->e.question;
    found = find_query(b, &want, q) || find_filter(b, &want, q) || find_other(b, &want, q);
  }
  gaze_buf_fini(&want.scratch);
  if (found) return GAZE_OK;
  return gaze_fail(GAZE_ERR_FORMAT, "belief: the question \"%.*s\" fits no template", (int)want.n,
                   want.at ? want.at : "");
}

static int value_of(const avr_question *q, const char *text) {
  int n = avr_value_count(q), found = -1;
  gaze_buf name = GAZE_BUF_INIT;
  for (int k = 0; k < n && found < 0; k++) {
    gaze_buf_clear(&name);
    avr_value_name(q, k, &name);
    if (strcmp(gaze_buf_text(&name), text) == 0) found = k;
  }
  gaze_buf_fini(&name);
  return found;
}

static bool action_of(const avr_belief *b, const char *text, avr_option *out) {
  avr_option all[ACTIONS_MAX];
  int n = avr_actions(&b->e.scene, &b->e.state, all, ACTIONS_MAX);
  bool found = false;
  gaze_buf name = GAZE_BUF_INIT;
  for (int k = 0; k < n && !found; k++) {
    gaze_buf_clear(&name);
    avr_option_name(&b->e, &all[k], &name);
    found = strcmp(gaze_buf_text(&name), text) == 0;
    if (found) *out = all[k];
  }
  gaze_buf_fini(&name);
  return found;
}

static void list_options(avr_belief *b, const char *text) {
  gaze_choices c;
  gaze_choices_read(text, &c);
  b->e.options = c.n;
  for (int i = 0; i < c.n; i++) {
    avr_option *o = &b->e.option[i];
    *o = (avr_option){.kind = c.action[i] ? AVR_TURN : AVR_ANSWER};
    if (c.action[i]) {
      b->listed[i] = action_of(b, c.text[i], o);
    } else {
      o->value = value_of(&b->e.question, c.text[i]);
      b->listed[i] = o->value >= 0;
    }
  }
}

gaze_err avr_belief_take(avr_belief *b, const gaze_obs *obs) {
  symbols now;
  if (!obs->truth || !obs->truth->known[0])
    return gaze_fail(GAZE_ERR_STATE, "belief: the environment told nothing of what was seen");
  GAZE_TRY(read_symbols(obs->truth->known, &now));
  if (obs->first) {
    memset(&b->e, 0, sizeof b->e);
    b->e.scene.start = now.viewer;
  }
  GAZE_TRY(look(b, &now, obs));
  if (obs->first) GAZE_TRY(find_question(b, obs->text));
  list_options(b, obs->text);
  return GAZE_OK;
}

// ---- conclusions ----

// what would be right if nothing more existed; -1 if even that is open
static int value_so_far(const avr_belief *b) {
  const avr_episode *e = &b->e;
  const avr_question *q = &e->question;
  int object[GAZE_SCENE_BODIES_MAX], value[2] = {-1, -1}, side[2] = {0};
  int n = avr_matches(&e->scene, q, &e->state, object);
  if (q->id == AVR_E1) return n > 0;
  if (avr_counts(q)) return n + q->added;
  if (avr_program_of(q->id) == AVR_SIDES) {
    for (int k = 0; k < n; k++) side[avr_in_area(AVR_RIGHT, e->scene.body[object[k]].pos[0])]++;
    return avr_compare(q, side[0], side[1]);
  }
  for (int k = 0; k < n && k < 2; k++)
    if (e->state.know.fact[object[k]] & KNOWS[q->attr])
      value[k] = e->scene.object[object[k]].value[q->attr];
  if (avr_program_of(q->id) == AVR_QUERY) return value[0];
  return value[0] < 0 || value[1] < 0 ? -1 : value[0] == value[1];
}

int avr_belief_answer(const avr_belief *b, bool *sure) {
  const avr_episode *e = &b->e;
  avr_values v;
  avr_possible(&e->scene, &e->question, &e->state, &v);
  *sure = avr_sufficient(&v);
  int so_far = value_so_far(b), exact = -1, open = -1, any = -1;
  for (int i = e->options - 1; i >= 0; i--) {
    if (e->option[i].kind != AVR_ANSWER) continue;
    any = i;
    if (!b->listed[i] || !v.possible[e->option[i].value]) continue;
    open = i;
    if (e->option[i].value == so_far) exact = i;
  }
  // evidence for a value that is not on offer is no evidence
  if (open < 0) *sure = false;
  return exact >= 0 ? exact : open >= 0 ? open : any;
}

gaze_err avr_belief_search(avr_belief *b, unsigned skip, int *option) {
  const avr_episode *e = &b->e;
  avr_option action[GAZE_OPTIONS_MAX];
  int letter[GAZE_OPTIONS_MAX], n = 0, length;
  float most = 0;
  *option = -1;
  for (int i = 0; i < e->options; i++) {
    if (e->option[i].kind == AVR_ANSWER || !b->listed[i] || (skip >> i & 1u)) continue;
    avr_state after;
    bool possible;
    GAZE_TRY(avr_imagine(b->oracle, &e->scene, &e->state, &e->option[i], &after, &possible));
    if (!possible) continue;
    letter[n] = i;
    action[n++] = e->option[i];
    float gain = avr_gain(&e->scene, &e->question, &e->state, &after);
    if (gain > most) most = gain, *option = i;
  }
  if (*option >= 0 || n == 0) return GAZE_OK;
  uint64_t first;
  GAZE_TRY(avr_plan(b->oracle, &e->scene, &e->question, &e->state, action, n, PLAN_DEPTH, &length,
                    &first));
  for (int k = n - 1; k >= 0; k--)
    if (first >> k & 1) *option = letter[k];
  return GAZE_OK;
}
