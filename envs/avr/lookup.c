// envs/avr/lookup.c - text-only exercises that link values to letters and questions to objects.
//
// Without them a small model answers at random: the link from a value to its letter does not form
// from episodes alone.
#include <string.h>
#include "envs/avr/talk_internal.h"

static const int VALUES[AVR_ATTRS] = {AVR_COLOURS, AVR_SIZES, AVR_SHAPES};

enum { ITEMS = 5, SHORT_ITEMS = 12 };  // exercises per talk; those of a few words

static int pick_unused(gaze_rng *r, int n, bool *used) {
  int v;
  do v = gaze_rng_int(r, 0, n - 1);
  while (used[v]);
  used[v] = true;
  return v;
}

// answers as questions offer them: colours, sizes, shapes, yes and no, or four successive counts
static int draw_answers(gaze_rng *r, avr_question *q, avr_option *out) {
  int n = 0;
  *q = (avr_question){.anchor = -1, .stack = -1};
  switch (gaze_rng_int(r, 0, 4)) {
    case 0: {
      bool used[AVR_COLOURS] = {false};
      q->id = AVR_Q2, q->attr = AVR_COLOUR;
      for (; n < 4; n++) out[n].value = pick_unused(r, AVR_COLOURS, used);
      break;
    }
    case 1:
      q->id = AVR_Q2, q->attr = AVR_SIZE;
      for (; n < AVR_SIZES; n++) out[n].value = n;
      break;
    case 2:
      q->id = AVR_Q2, q->attr = AVR_SHAPE;
      for (; n < AVR_SHAPES; n++) out[n].value = n;
      break;
    case 3:
      q->id = AVR_E1;
      for (; n < 2; n++) out[n].value = n;
      break;
    default: {
      int first = gaze_rng_int(r, 0, 9);
      q->id = AVR_K1;
      for (; n < 4; n++) out[n].value = first + n;
      break;
    }
  }
  for (int i = 0; i < n; i++) out[i].kind = AVR_ANSWER;
  return n;
}

static avr_option draw_action(gaze_rng *r, int objects) {
  static const float orbit[4] = {-60, -30, 30, 60};
  avr_option o = {.kind = AVR_ORBIT};
  switch (gaze_rng_int(r, 0, 5)) {
    case 0:
    case 1:
      o.azimuth = orbit[gaze_rng_int(r, 0, 3)];
      break;
    case 2:
      o.elevation = gaze_rng_int(r, 0, 1) ? 20.0f : -20.0f;
      break;
    case 3:
      o.kind = AVR_TURN;
      if (gaze_rng_int(r, 0, 1)) {
        o.pan = gaze_rng_int(r, 0, 1) ? 20.0f : -20.0f;
      } else {
        o.tilt = gaze_rng_int(r, 0, 1) ? 15.0f : -15.0f;
      }
      break;
    case 4:
      o.kind = AVR_PICK;
      o.object = gaze_rng_int(r, 0, objects - 1);
      break;
    default:
      o.kind = AVR_MOVE;
      o.object = gaze_rng_int(r, 0, objects - 1);
      o.dir = (avr_dir)gaze_rng_int(r, 0, AVR_DIRS - 1);
      break;
  }
  return o;
}

static bool same_option(const avr_option *a, const avr_option *b) {
  return a->kind == b->kind && a->value == b->value && a->azimuth == b->azimuth &&
         a->elevation == b->elevation && a->pan == b->pan && a->tilt == b->tilt &&
         a->object == b->object && a->dir == b->dir;
}

// objects without poses: all that names need; triples are distinct so that names are
static void draw_objects(gaze_rng *r, avr_episode *e, int n) {
  e->scene.n = 0;
  while (e->scene.n < n) {
    avr_object o = {.stack = -1, .level = -1};
    for (int a = 0; a < AVR_ATTRS; a++) o.value[a] = gaze_rng_int(r, 0, VALUES[a] - 1);
    bool fresh = true;
    for (int i = 0; i < e->scene.n; i++)
      if (memcmp(e->scene.object[i].value, o.value, sizeof o.value) == 0) fresh = false;
    if (!fresh) continue;
    e->state.know.fact[e->scene.n] = AVR_EXISTS | AVR_FACTS_ALL;
    e->scene.object[e->scene.n++] = o;
  }
}

static void draw_options(gaze_rng *r, avr_episode *e) {
  avr_option all[GAZE_OPTIONS_MAX];
  int order[GAZE_OPTIONS_MAX];
  memset(all, 0, sizeof all);
  int n = draw_answers(r, &e->question, all), actions = gaze_rng_int(r, 5, AVR_ACTIONS_MAX);
  for (int end = n + actions; n < end;) {
    all[n] = draw_action(r, e->scene.n);
    bool fresh = true;
    for (int i = 0; i < n; i++)
      if (same_option(&all[i], &all[n])) fresh = false;
    if (fresh) n++;
  }
  for (int i = 0; i < n; i++) order[i] = i;
  gaze_rng_shuffle(r, order, n);
  for (int i = 0; i < n; i++) e->option[i] = all[order[i]];
  e->options = n;
}

// the list that the exercises of one talk are about
static void draw_list(gaze_rng *r, avr_episode *e, gaze_buf *user) {
  draw_objects(r, e, gaze_rng_int(r, 2, 9));
  draw_options(r, e);
  gaze_buf_str(user, "Options:\n");
  avr_option_lines(e, user);
  gaze_buf_str(user, "\n");
}

static gaze_err letters(gaze_rng *r, avr_episode *e, gaze_buf *user, gaze_buf *reply,
                        gaze_talk *out) {
  draw_list(r, e, user);
  for (int k = 0; k < SHORT_ITEMS; k++) {
    int i = gaze_rng_int(r, 0, e->options - 1), form = gaze_rng_int(r, 0, 3);
    // "Choose" is the form the decision has, so it is asked most
    gaze_buf_str(user, form < 2 ? "Choose: " : form == 2 ? "Letter: " : "Value: ");
    if (form < 3) {
      avr_option_name(e, &e->option[i], user);
    } else {
      gaze_buf_printf(user, "%c", 'A' + i);
    }
    if (form != 2) avr_option_name(e, &e->option[i], reply);
    if (form < 3) gaze_buf_printf(reply, form < 2 ? " %c" : "%c", 'A' + i);
    GAZE_TRY(avr_talk_turn(out, user, reply, NULL, 0, GAZE_TAUGHT_ALL));
  }
  return GAZE_OK;
}

// "reveals: view left 60, pick large blue cube": the options that bring this, in any order
static void bringing_line(gaze_rng *r, const avr_episode *e, const char *const *brings,
                          const char *what, gaze_buf *out) {
  int order[GAZE_OPTIONS_MAX], n = 0;
  for (int i = 0; i < e->options; i++)
    if (e->option[i].kind != AVR_ANSWER && brings[i] == what) order[n++] = i;
  gaze_rng_shuffle(r, order, n);
  for (int k = 0; k < n; k++) {
    gaze_buf_printf(out, k ? ", " : "\n%s: ", what);
    avr_option_name(e, &e->option[order[k]], out);
  }
}

// The end of a thought from its middle: who is told the answer, or which action to choose, and what
// each option brings writes the gain section, the decision and the letter.
static gaze_err decisions(gaze_rng *r, avr_episode *e, gaze_buf *user, gaze_buf *reply,
                          gaze_talk *out) {
  const avr_phrases *w = &avr_wording[0];
  draw_list(r, e, user);
  for (int k = 0; k < ITEMS; k++) {
    const char *brings[GAZE_OPTIONS_MAX];
    bool sure = gaze_rng_int(r, 0, 1) == 1;
    int choice;
    do choice = gaze_rng_int(r, 0, e->options - 1);
    while ((e->option[choice].kind == AVR_ANSWER) != sure);
    for (int i = 0; i < e->options; i++) {
      double u = gaze_rng_real(r, 0, 1);
      brings[i] = u < 0.15 ? w->blocked : u < 0.45 && !sure ? w->reveals : w->irrelevant;
    }
    if (!sure) brings[choice] = w->reveals;
    gaze_buf_printf(user, "%s%s ", sure ? w->answer : w->not_sufficient, sure ? "" : ":");
    avr_option_name(e, &e->option[choice], user);
    bringing_line(r, e, brings, w->reveals, user);
    bringing_line(r, e, brings, w->blocked, user);
    avr_gain_lines(e, w, brings, reply);
    avr_decision_lines(e, w, sure, choice, reply);
    GAZE_TRY(avr_talk_turn(out, user, reply, NULL, 0, GAZE_TAUGHT_ALL));
  }
  return GAZE_OK;
}

static bool filter_takes(const avr_filter *f, const avr_object *o) {
  for (int a = 0; a < AVR_ATTRS; a++)
    if (f->value[a] >= 0 && f->value[a] != o->value[a]) return false;
  return true;
}

// a filter of one to three values, from an object of the list or off by one value
static avr_filter draw_filter(gaze_rng *r, const avr_scene *s, int attrs) {
  int order[AVR_ATTRS] = {AVR_COLOUR, AVR_SIZE, AVR_SHAPE};
  const avr_object *o = &s->object[gaze_rng_int(r, 0, s->n - 1)];
  avr_filter f = {{-1, -1, -1}};
  gaze_rng_shuffle(r, order, AVR_ATTRS);
  for (int k = 0; k < attrs; k++) f.value[order[k]] = o->value[order[k]];
  if (gaze_rng_int(r, 0, 1)) {
    int a = order[gaze_rng_int(r, 0, attrs - 1)];
    f.value[a] = gaze_rng_int(r, 0, VALUES[a] - 1);
  }
  return f;
}

static gaze_err matches(gaze_rng *r, avr_episode *e, gaze_buf *user, gaze_buf *reply,
                        gaze_talk *out) {
  draw_objects(r, e, gaze_rng_int(r, 2, 9));
  const avr_scene *s = &e->scene;
  bool closed = gaze_rng_int(r, 0, 1) == 1;
  for (int k = 0; k < ITEMS; k++) {
    avr_question *q = &e->question;
    bool count = gaze_rng_int(r, 0, 1) == 1;
    *q = (avr_question){.id = count ? AVR_K1 : AVR_E1, .anchor = -1, .stack = -1};
    q->filter = draw_filter(r, s, count ? 1 : gaze_rng_int(r, 2, 3));
    if (k == 0) {
      gaze_buf_str(user, "Known: ");
      for (int i = 0; i < s->n; i++) {
        if (i) gaze_buf_str(user, ", ");
        avr_object_name(s, i, AVR_FACTS_ALL, user);
      }
      if (closed) gaze_buf_str(user, "\nHidden: none");
      gaze_buf_str(user, "\n");
    }
    gaze_buf_str(user, "Question: ");
    avr_question_text(s, q, user);

    int n = 0;
    gaze_buf_str(reply, "Known:");
    for (int i = 0; i < s->n; i++) {
      gaze_buf_str(reply, i ? ", " : " ");
      avr_object_name(s, i, AVR_FACTS_ALL, reply);
      if (filter_takes(&q->filter, &s->object[i])) gaze_buf_printf(reply, " %d", ++n);
    }
    gaze_buf_printf(reply, "\nMatch: %d", n);
    // nothing hidden: what matches is the answer
    if (closed) {
      gaze_buf_str(reply, "\nAnswer: ");
      avr_value_name(q, count ? n : n > 0, reply);
    }
    GAZE_TRY(avr_talk_turn(out, user, reply, NULL, 0, GAZE_TAUGHT_ALL));
  }
  return GAZE_OK;
}

gaze_err gaze_talk_lookup(gaze_rng *r, gaze_talk *out) {
  avr_episode e;
  memset(&e, 0, sizeof e);
  gaze_buf user = GAZE_BUF_INIT, reply = GAZE_BUF_INIT;
  gaze_talk_clear(out);
  double kind = gaze_rng_real(r, 0, 1);
  gaze_err err = kind < 0.35   ? letters(r, &e, &user, &reply, out)
                 : kind < 0.75 ? decisions(r, &e, &user, &reply, out)
                               : matches(r, &e, &user, &reply, out);
  gaze_buf_fini(&user);
  gaze_buf_fini(&reply);
  return err;
}
