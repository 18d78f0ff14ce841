// envs/avr/perception.c - looking exercises: one picture, its list of boxes, short questions on it.
#include <math.h>
#include <string.h>
#include "envs/avr/avr_internal.h"
#include "envs/avr/talk_internal.h"

enum { LAYOUTS_MAX = 48 };

static const float BEHIND_M = 0.03f;    // how much farther away "behind" is
static const float LEAD_M = 0.02f;      // lead of the closest object over the next
static const float LEAD_IMAGE = 0.03f;  // lead of the farthest object, of the image's side

// one picture and what may be asked about it
typedef struct view {
  gaze_rng *r;
  const avr_scene *s;
  const avr_state *st;
  avr_seen seen[GAZE_SCENE_BODIES_MAX];
  int n;
} view;

// ---- scene and viewer ----

static bool draw_scatter(gaze_rng *r, avr_scene *s) {
  int n = gaze_rng_int(r, 2, 9);
  s->start = (gaze_viewer){.elevation = 25.0f};
  for (int i = 0; i < n; i++)
    if (!avr_scatter(r, s, -1, -1)) return s->n >= 2;
  return true;
}

static void draw_scene(gaze_rng *r, bool complete, avr_scene *s) {
  int layout[LAYOUTS_MAX], layouts = 0;  // those training may show
  for (int k = 0; avr_layouts[k].name && layouts < LAYOUTS_MAX; k++)
    if (!avr_layouts[k].held_out && (complete || !avr_layouts[k].complete)) layout[layouts++] = k;
  for (;;) {
    memset(s, 0, sizeof *s);
    bool drawn = false;
    if (gaze_rng_int(r, 0, 3) == 0) {
      drawn = draw_scatter(r, s);
    } else {
      s->layout = layout[gaze_rng_int(r, 0, layouts - 1)];
      const avr_layout *l = &avr_layouts[s->layout];
      s->family = l->family;
      drawn = l->draw(r, s);
    }
    if (drawn && avr_paint(r, s)) break;
  }
  avr_scene_finish(s);
}

// where actions can bring the viewer: orbits by 30 and 20 degrees, then sometimes a turn in place
static gaze_viewer draw_viewer(gaze_rng *r, const avr_scene *s) {
  gaze_viewer v = s->start;
  float lo = s->family == AVR_STACK ? 20.0f : 15.0f, hi = s->family == AVR_STACK ? 88.0f : 45.0f;
  v.azimuth = 30.0f * (float)gaze_rng_int(r, -3, 3);
  for (int k = gaze_rng_int(r, 0, 3); k > 0; k--)
    v.elevation = fminf(fmaxf(v.elevation + (gaze_rng_int(r, 0, 1) ? 20.0f : -20.0f), lo), hi);
  v.pan = v.tilt = 0.0f;
  if (gaze_rng_int(r, 0, 4) == 0) v.pan = 20.0f * (float)gaze_rng_int(r, -1, 1);
  if (gaze_rng_int(r, 0, 6) == 0) v.tilt = 15.0f * (float)gaze_rng_int(r, -1, 1);
  return v;
}

// sometimes the picture shows a table after a pick or a move
static void disturb(gaze_rng *r, const avr_scene *s, avr_state *st) {
  if (s->n < 3 || gaze_rng_int(r, 0, 3) > 0) return;
  int i = gaze_rng_int(r, 0, s->n - 1);
  if (!gaze_scene_graspable(st->body, s->n, i)) return;
  if (gaze_rng_int(r, 0, 1)) {
    st->body[i].gone = true;
    return;
  }
  float dir[2], to[3];
  avr_dir_vector((avr_dir)gaze_rng_int(r, 0, AVR_DIRS - 1), dir);
  if (gaze_scene_place(st->body, s->n, i, dir, to)) memcpy(st->body[i].pos, to, sizeof to);
}

// ---- descriptions ----

static const int VALUES[AVR_ATTRS] = {AVR_COLOURS, AVR_SIZES, AVR_SHAPES};

typedef enum fits { NO, MAYBE, YES } fits;

static fits takes(const view *w, const avr_filter *f, int k) {
  fits is = YES;
  for (int a = 0; a < AVR_ATTRS; a++) {
    if (f->value[a] < 0) continue;
    if (!(w->seen[k].fact & avr_attr_fact((avr_attr)a))) {
      is = MAYBE;
    } else if (w->s->object[w->seen[k].object].value[a] != f->value[a]) {
      return NO;
    }
  }
  return is;
}

static int count_fits(const view *w, const avr_filter *f, fits is) {
  int n = 0;
  for (int k = 0; k < w->n; k++) n += takes(w, f, k) == is;
  return n;
}

// the only object a filter can mean
static bool unique(const view *w, const avr_filter *f) {
  return count_fits(w, f, YES) == 1 && count_fits(w, f, MAYBE) == 0;
}

// a filter of the attributes in `mask` that object k has
static avr_filter filter_of(const view *w, int k, unsigned mask) {
  avr_filter f = {{-1, -1, -1}};
  for (int a = 0; a < AVR_ATTRS; a++)
    if (mask >> a & 1u) f.value[a] = w->s->object[w->seen[k].object].value[a];
  return f;
}

static void describe(const avr_filter *f, gaze_buf *out) {
  const int *v = f->value;
  if (v[AVR_SIZE] >= 0) gaze_buf_printf(out, "%s ", avr_size_name[v[AVR_SIZE]]);
  if (v[AVR_COLOUR] >= 0) gaze_buf_printf(out, "%s ", avr_colour_name[v[AVR_COLOUR]]);
  gaze_buf_str(out, v[AVR_SHAPE] >= 0 ? avr_shape_name[v[AVR_SHAPE]] : "object");
}

static void name(const view *w, int k, gaze_buf *out) {
  avr_object_name(w->s, w->seen[k].object, w->seen[k].fact, out);
}

static void cut_line_end(gaze_buf *b) {
  if (b->len > 0 && b->data[b->len - 1] == '\n') b->data[--b->len] = '\0';
}

// a random object whose full name is unique, -1 after a few tries
static int draw_anchor(const view *w) {
  for (int tries = 0; tries < 8; tries++) {
    int k = gaze_rng_int(w->r, 0, w->n - 1);
    avr_filter f = filter_of(w, k, 7);
    if ((w->seen[k].fact & AVR_FACTS_ALL) == AVR_FACTS_ALL && unique(w, &f)) return k;
  }
  return -1;
}

// ---- questions; each returns false if it does not fit this picture ----

static bool ask_attribute(const view *w, gaze_buf *user, gaze_buf *reply) {
  static const char *const word[AVR_ATTRS] = {"colour", "size", "shape"};
  int k = gaze_rng_int(w->r, 0, w->n - 1);
  avr_attr a = (avr_attr)gaze_rng_int(w->r, 0, AVR_ATTRS - 1);
  if (!(w->seen[k].fact & avr_attr_fact(a))) return false;
  // one or two of the other attributes, whichever single the object out
  unsigned mask = (unsigned)gaze_rng_int(w->r, 1, 7) & ~(1u << a);
  avr_filter f = filter_of(w, k, mask);
  if (mask == 0 || takes(w, &f, k) != YES || !unique(w, &f)) return false;
  gaze_buf_printf(user, "what %s is the ", word[a]);
  describe(&f, user);
  gaze_buf_str(user, "?");
  avr_question q = {.id = AVR_Q2, .attr = a};
  avr_value_name(&q, w->s->object[w->seen[k].object].value[a], reply);
  return true;
}

static bool ask_count(const view *w, gaze_buf *user, gaze_buf *reply) {
  avr_question q = {.id = AVR_K1, .filter = {{-1, -1, -1}}};
  int a = gaze_rng_int(w->r, 0, AVR_ATTRS - 1);
  // mostly a value that occurs, so that "0" is not the usual answer
  int k = gaze_rng_int(w->r, 0, w->n - 1);
  q.filter.value[a] = gaze_rng_int(w->r, 0, 3) ? w->s->object[w->seen[k].object].value[a]
                                               : gaze_rng_int(w->r, 0, VALUES[a] - 1);
  if (count_fits(w, &q.filter, MAYBE)) return false;
  avr_question_text(w->s, &q, user);
  gaze_buf_printf(reply, "%d", count_fits(w, &q.filter, YES));
  return true;
}

static bool ask_exist(const view *w, gaze_buf *user, gaze_buf *reply) {
  static const unsigned masks[4] = {3, 5, 6, 7};
  bool want = gaze_rng_int(w->r, 0, 1) == 1;
  int k = gaze_rng_int(w->r, 0, w->n - 1);
  unsigned mask = masks[gaze_rng_int(w->r, 0, 3)];
  avr_question q = {.id = AVR_E1, .filter = filter_of(w, k, mask)};
  // "no" is one value away from something that is there
  while (!want) {
    int a = gaze_rng_int(w->r, 0, AVR_ATTRS - 1);
    if (!(mask >> a & 1u)) continue;
    q.filter.value[a] = (q.filter.value[a] + gaze_rng_int(w->r, 1, VALUES[a] - 1)) % VALUES[a];
    break;
  }
  int yes = count_fits(w, &q.filter, YES), maybe = count_fits(w, &q.filter, MAYBE);
  if (want ? yes == 0 : yes + maybe > 0) return false;
  avr_question_text(w->s, &q, user);
  gaze_buf_str(reply, want ? "yes" : "no");
  return true;
}

// object j is behind k as the viewer sees it: farther along the view and in its width
static bool behind(const view *w, int j, int k) {
  const gaze_body *a = &w->st->body[w->seen[j].object], *b = &w->st->body[w->seen[k].object];
  gaze_camera cam = gaze_scene_camera(&w->st->viewer, 64);
  float dx = b->pos[0] - cam.pos[0], dy = b->pos[1] - cam.pos[1], far = hypotf(dx, dy);
  float ex = a->pos[0] - b->pos[0], ey = a->pos[1] - b->pos[1];
  dx /= far, dy /= far;
  return ex * dx + ey * dy > BEHIND_M && fabsf(ex * dy - ey * dx) < a->half + b->half;
}

static bool ask_behind(const view *w, gaze_buf *user, gaze_buf *reply) {
  // from far above "behind" has no meaning in the picture
  if (w->st->viewer.elevation > 50.0f) return false;
  int k = draw_anchor(w), found = 0;
  if (k < 0) return false;
  for (int j = 0; j < w->n; j++) {
    if (j == k || !behind(w, j, k)) continue;
    gaze_buf_str(reply, found++ ? ", " : "");
    name(w, j, reply);
  }
  // "none" is easy to draw: keep a third of them
  if (found == 0 && gaze_rng_int(w->r, 0, 2)) return false;
  if (found == 0) gaze_buf_str(reply, "none");
  gaze_buf_str(user, "what is behind the ");
  name(w, k, user);
  gaze_buf_str(user, "?");
  return true;
}

static bool ask_farthest(const view *w, gaze_buf *user, gaze_buf *reply) {
  bool left = gaze_rng_int(w->r, 0, 1) == 1;
  int first = -1;
  float best = 0.0f, second = -9.0f;
  for (int k = 0; k < w->n; k++) {
    const float *b = w->seen[k].box;
    float at = 0.5f * (b[0] + b[2]) * (left ? -1.0f : 1.0f);
    if (first < 0 || at > best) {
      second = first < 0 ? second : best;
      best = at;
      first = k;
    } else if (at > second) {
      second = at;
    }
  }
  if (best - second < LEAD_IMAGE) return false;
  gaze_buf_printf(user, "what is farthest to the %s in the image?", left ? "left" : "right");
  name(w, first, reply);
  return true;
}

static bool ask_closest(const view *w, gaze_buf *user, gaze_buf *reply) {
  int k = draw_anchor(w), first = -1;
  if (k < 0 || w->n < 2) return false;
  const float *from = w->st->body[w->seen[k].object].pos;
  float best = 9.0f, second = 9.0f;
  for (int j = 0; j < w->n; j++) {
    const float *to = w->st->body[w->seen[j].object].pos;
    float dx = to[0] - from[0], dy = to[1] - from[1], dz = to[2] - from[2];
    float d = sqrtf(dx * dx + dy * dy + dz * dz);
    if (j == k) continue;
    if (d < best) {
      second = best, best = d, first = j;
    } else if (d < second) {
      second = d;
    }
  }
  if (second - best < LEAD_M) return false;
  gaze_buf_str(user, "what is closest to the ");
  name(w, k, user);
  gaze_buf_str(user, "?");
  name(w, first, reply);
  return true;
}

static bool ask_where(const view *w, gaze_buf *user, gaze_buf *reply) {
  int k = draw_anchor(w);
  if (k < 0) return false;
  gaze_buf_str(user, "where is the ");
  name(w, k, user);
  gaze_buf_str(user, "?");
  avr_box_lines(w->s, NULL, &w->seen[k], 1, NULL, reply);
  cut_line_end(reply);
  return true;
}

// place of an object in the list of this view, -1 if it does not show or its name is not unique
static int named_place(const view *w, int object) {
  for (int k = 0; k < w->n; k++) {
    if (w->seen[k].object != object) continue;
    avr_filter f = filter_of(w, k, 7);
    bool full = (w->seen[k].fact & AVR_FACTS_ALL) == AVR_FACTS_ALL;
    return full && unique(w, &f) ? k : -1;
  }
  return -1;
}

// spaces that could hold more objects, whatever is asked: "behind" before "under", left to right
static bool ask_hidden(const view *w, gaze_buf *user, gaze_buf *reply) {
  avr_question any = {.id = AVR_K1, .anchor = -1, .filter = {{-1, -1, -1}}, .stack = -1};
  avr_region region[GAZE_SCENE_BODIES_MAX];
  int n = avr_open_regions(w->s, &any, w->st, region), told = 0;
  for (int i = 0; i < n; i++)
    if (region[i].outside || named_place(w, region[i].object) < 0) return false;
  gaze_buf_str(user, "Hidden?");
  for (int k = 0; k < 2 * w->n; k++) {
    for (int i = 0; i < n; i++) {
      if (region[i].under != (k >= w->n) || region[i].object != w->seen[k % w->n].object) continue;
      gaze_buf_printf(reply, "%s%s ", told++ ? ", " : "", region[i].under ? "under" : "behind");
      name(w, k % w->n, reply);
    }
  }
  if (told == 0) gaze_buf_str(reply, "none");
  return true;
}

typedef bool (*ask)(const view *w, gaze_buf *user, gaze_buf *reply);

static bool asked_before(const gaze_talk *t, const char *user) {
  for (int i = 0; i < t->turns; i++)
    if (strcmp(t->turn[i].user, user) == 0) return true;
  return false;
}

static gaze_err ask_all(const view *w, int questions, gaze_buf *user, gaze_buf *reply,
                        gaze_talk *out) {
  static const ask kind[] = {ask_attribute, ask_attribute, ask_count,  ask_exist, ask_behind,
                             ask_farthest,  ask_closest,   ask_hidden, ask_where};
  int want = 1 + (questions < 0 ? gaze_rng_int(w->r, 4, 6) : questions);
  for (int tries = 0; out->turns < want && tries < 200; tries++) {
    gaze_buf_clear(user);
    gaze_buf_clear(reply);
    int k = gaze_rng_int(w->r, 0, (int)(sizeof kind / sizeof kind[0]) - 1);
    if (!kind[k](w, user, reply) || asked_before(out, gaze_buf_text(user))) continue;
    GAZE_TRY(avr_talk_turn(out, user, reply, NULL, 0, GAZE_TAUGHT_ALL));
  }
  return GAZE_OK;
}

// whether this view shows object i with all its facts
static bool plain(const view *w, int i) {
  for (int k = 0; k < w->n; k++)
    if (w->seen[k].object == i) return (w->seen[k].fact & AVR_FACTS_ALL) == AVR_FACTS_ALL;
  return false;
}

// A question of the game about this scene whose words this view makes plain; false if none was
// found. Sides of the table are those of azimuth 0, so only a view from there is asked about them.
static bool ask_game(const view *w, bool complete, avr_question *q) {
  static const avr_template first[7] = {AVR_E1, AVR_K1, AVR_K2, AVR_Q1, AVR_Q2, AVR_Q3, AVR_K3};
  static const avr_template all[AVR_TEMPLATES] = {AVR_E1, AVR_K1, AVR_K2, AVR_Q1, AVR_Q2, AVR_P3,
                                                  AVR_M1, AVR_M3, AVR_M4, AVR_M5, AVR_X1, AVR_Q3,
                                                  AVR_K3, AVR_P1, AVR_P2, AVR_M2, AVR_X2};
  const avr_template *id = complete ? all : first;
  bool sides = w->st->viewer.azimuth == 0.0f && w->st->viewer.pan == 0.0f;
  int kinds = complete ? (sides ? AVR_TEMPLATES : 11) : (sides ? 7 : 5);
  for (int tries = 0; tries < 40; tries++) {
    avr_wish wish;
    avr_draw_wish(w->r, w->s->family, id[gaze_rng_int(w->r, 0, kinds - 1)], &wish);
    if (!avr_ask(w->r, w->s, &wish, q)) continue;
    if (q->anchor >= 0 && !plain(w, q->anchor)) continue;
    if (q->stack >= 0 && !plain(w, avr_stack_top(w->s, q->stack, 0xFFFF))) continue;
    return true;
  }
  return false;
}

// the list alone, or with what the thought of the game says of it
static void list_view(gaze_talker *t, const view *w, gaze_buf *user, gaze_buf *reply) {
  bool first = gaze_rng_int(w->r, 0, 1) == 1;
  if (gaze_rng_real(w->r, 0.0, 1.0) < t->asked && ask_game(w, t->set.complete, &t->e.question)) {
    gaze_buf_str(user, "Question: ");
    avr_question_text(w->s, &t->e.question, user);
    gaze_buf_str(user, "\n");
    avr_view_lines(w->seen, w->n, &t->e, &avr_wording[0], reply);
  } else {
    avr_box_lines(w->s, NULL, w->seen, w->n, NULL, reply);
  }
  gaze_buf_str(user, first ? "<image>\nList." : "List.\n<image>");
  cut_line_end(reply);
}

static gaze_err look(gaze_talker *t, gaze_rng *r, gaze_buf *user, gaze_buf *reply, gaze_talk *out) {
  avr_scene *s = &t->e.scene;
  avr_state *st = &t->e.state;
  view w = {.r = r, .s = s, .st = st};
  // a view of an empty corner teaches nothing: draw again
  while (w.n < 1) {
    draw_scene(r, t->set.complete, s);
    memset(st, 0, sizeof *st);
    memcpy(st->body, s->body, sizeof st->body);
    disturb(r, s, st);
    st->viewer = draw_viewer(r, s);
    avr_forget(t->oracle);
    GAZE_TRY(avr_observe(t->oracle, s, st));
    w.n = avr_look(t->oracle, s, st, w.seen);
  }
  GAZE_TRY(avr_talk_render(t, s, st));
  list_view(t, &w, user, reply);
  GAZE_TRY(avr_talk_turn(out, user, reply, t->rgb, t->image_size, GAZE_TAUGHT_ALL));
  return ask_all(&w, t->questions, user, reply, out);
}

gaze_err gaze_talk_perception(gaze_talker *t, gaze_rng *r, gaze_talk *out) {
  gaze_buf user = GAZE_BUF_INIT, reply = GAZE_BUF_INIT;
  gaze_talk_clear(out);
  gaze_err err = look(t, r, &user, &reply, out);
  gaze_buf_fini(&user);
  gaze_buf_fini(&reply);
  return err;
}
