// view/window_panels.c - everything in the window but the scene: the policy's picture with boxes,
// the thought, the question, options, what is known, what was done. Text in MuJoCo's own font.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "envs/choices.h"
#include "envs/rewards/reach.h"
#include "view/cited.h"
#include "view/window_internal.h"

enum { PAD = 8, ROWS_MAX = 512 };

typedef struct rgb {
  float r, g, b;
} rgb;
static const rgb INK = {0.90f, 0.92f, 0.94f}, SOFT = {0.60f, 0.64f, 0.70f},
                 NOTE = {0.52f, 0.68f, 1.00f}, GOOD = {0.28f, 0.80f, 0.61f},
                 BAD = {0.98f, 0.44f, 0.40f}, ORANGE = {1.00f, 0.69f, 0.13f},
                 CYAN = {0.00f, 0.82f, 1.00f}, CARD = {0.106f, 0.129f, 0.165f},
                 BACK = {0.070f, 0.086f, 0.110f}, CHOSEN = {0.16f, 0.27f, 0.45f};

// ---- places ----

static int line_height(const gaze_window *w) {
  return w->draw.charHeight;
}

view_layout view_lay_out(const gaze_window *w, int width, int height, bool scene) {
  view_layout l = {.all = {0, 0, width, height}};
  int bar = line_height(w) + 6, column = w->panels ? 36 * line_height(w) * 11 / 20 : 0;
  if (column > width * 3 / 10) column = width * 3 / 10;
  int high = height - bar, wide = width - 2 * column;
  l.bar = (mjrRect){0, 0, width, bar};
  l.facts = (mjrRect){width - column, bar, column, high};
  l.thought = (mjrRect){width - 2 * column, bar, column, high};
  l.scene = (mjrRect){0, bar, wide, high};
  int side = (scene ? 2 * wide / 5 : wide) - 2 * PAD;
  if (side > high - 2 * PAD) side = high - 2 * PAD;
  side = side / 4 * 4;
  // beside the scene in its upper left corner, alone in the middle
  if (scene)
    l.inset = (mjrRect){PAD, bar + high - PAD - side, side, side};
  else
    l.inset = (mjrRect){(wide - side) / 2, bar + (high - side) / 2, side, side};
  return l;
}

// ---- text ----

static int char_width(const mjrContext *draw, char c) {
  return draw->charWidth[(unsigned char)c < 127 ? (unsigned char)c : '?'];
}

// bytes of `text` that fit into `width` pixels, broken at a space where there is one; at least 1
static int fitting(const mjrContext *draw, const char *text, int width) {
  int used = 0, n = 0, space = 0;
  for (; text[n] && text[n] != '\n'; n++) {
    used += char_width(draw, text[n]);
    if (used > width) break;
    if (text[n] == ' ') space = n;
  }
  if (!text[n] || text[n] == '\n') return n;
  return space > 0 ? space : n > 0 ? n : 1;
}

// the wrapped line that begins at *at; moves *at behind it
static int next_line(const mjrContext *draw, const char **at, int width, const char **line) {
  *line = *at;
  int n = fitting(draw, *at, width);
  *at += n;
  if (**at == '\n' || **at == ' ') (*at)++;
  return n;
}

int view_lines(const mjrContext *draw, const char *text, int width) {
  int n = 0;
  const char *line;
  for (const char *at = text; *at; n++) next_line(draw, &at, width, &line);
  return n;
}

// A column that is written from the top down.
typedef struct pen {
  const gaze_window *w;
  mjrRect box;
  int y;     // pixels from the top of the box
  int font;  // mjtFont; 0 is the normal one
} pen;

static void fill(mjrRect at, rgb c, float alpha) {
  if (at.width > 0 && at.height > 0) mjr_rectangle(at, c.r, c.g, c.b, alpha);
}

// MuJoCo's font has the printable ASCII characters
static void ascii(char *out, size_t cap, const char *text, size_t n) {
  size_t k = 0;
  for (size_t i = 0; i < n && k + 1 < cap; i++)
    out[k++] = text[i] >= 32 && text[i] < 127 ? text[i] : '?';
  out[k] = 0;
}

// bytes of the text that end inside the pen's box
static int room_for(const pen *p, int x, const char *text, int n) {
  int k = 0;
  for (int used = x; k < n; k++) {
    used += char_width(&p->w->draw, text[k]);
    if (used > p->box.width) break;
  }
  return k;
}

// one line of text at pixel (x, y) from the upper left corner of the pen's box
static void put(const pen *p, int x, int y, rgb c, const char *text, int n) {
  char line[256];
  int high = line_height(p->w);
  if (y + high > p->box.height || y < 0) return;
  n = room_for(p, x, text, n);
  ascii(line, sizeof line, text, (size_t)n);
  // text is placed in the view of the last rectangle
  mjrRect row = {p->box.left + x, p->box.bottom + p->box.height - y - high, p->box.width - x, high};
  if (row.width <= 0) return;
  mjr_rectangle(row, 0, 0, 0, 0);
  mjr_text(p->font, line, &p->w->draw, 0.0f, 0.15f, c.r, c.g, c.b);
}

static void write_wrapped(pen *p, int indent, rgb c, const char *text) {
  int width = p->box.width - 2 * PAD - indent;
  const char *line;
  if (width <= 0) return;
  for (const char *at = text; *at;) {
    int n = next_line(&p->w->draw, &at, width, &line);
    put(p, PAD + indent, p->y, c, line, n);
    p->y += line_height(p->w);
  }
}

static void heading(pen *p, const char *text) {
  p->y += line_height(p->w) / 3;
  write_wrapped(p, 0, NOTE, text);
}

static int text_width(const gaze_window *w, const char *s) {
  int n = 0;
  for (; *s; s++) n += char_width(&w->draw, *s);
  return n;
}

// ---- the policy's picture ----

// nearest pixels: what the policy saw, not a smoother world; bottom row first
static bool scale_picture(gaze_window *w, const gaze_image *im, int side) {
  size_t n = (size_t)side * (size_t)side * 3;
  if (n > w->pixels_cap) {
    uint8_t *p = realloc(w->pixels, n);
    if (!p) return false;
    w->pixels = p, w->pixels_cap = n;
  }
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++) {
      int64_t sy = (int64_t)(side - 1 - y) * im->h / side, sx = (int64_t)x * im->w / side;
      memcpy(w->pixels + 3 * ((size_t)y * (size_t)side + (size_t)x),
             im->rgb + 3 * (sy * im->w + sx), 3);
    }
  return true;
}

// x0..y1 in 0..1 of the picture, y downwards
static void frame(mjrRect at, float x0, float y0, float x1, float y1, int thick, rgb c) {
  int left = at.left + (int)(x0 * (float)at.width), right = at.left + (int)(x1 * (float)at.width);
  int top = at.bottom + at.height - (int)(y0 * (float)at.height);
  int low = at.bottom + at.height - (int)(y1 * (float)at.height);
  int wide = right - left, high = top - low;
  if (wide <= 0 || high <= 0) return;
  fill((mjrRect){left, low, wide, thick}, c, 1.0f);
  fill((mjrRect){left, top - thick, wide, thick}, c, 1.0f);
  fill((mjrRect){left, low, thick, high}, c, 1.0f);
  fill((mjrRect){right - thick, low, thick, high}, c, 1.0f);
}

static float inside(float v) {
  return v > 0.0f ? (v < 1.0f ? v : 1.0f) : 0.0f;
}

static void label(const gaze_window *w, mjrRect at, float x0, float y0, const char *name, rgb c) {
  pen p = {.w = w, .box = at, .font = mjFONT_SHADOW};
  put(&p, (int)(x0 * (float)at.width) + 3, (int)(y0 * (float)at.height) + 1, c, name,
      (int)strlen(name));
}

static void true_boxes(const gaze_window *w, const gaze_shot *s, mjrRect at) {
  for (int i = 0; s->has_truth && i < s->truth.boxes; i++) {
    const gaze_truth_box *b = &s->truth.box[i];
    float x0 = inside(b->x0), y0 = inside(b->y0), x1 = inside(b->x1), y1 = inside(b->y1);
    frame(at, x0, y0, x1, y1, 1, CYAN);
    if (w->labels) label(w, at, x0, y0, b->name, CYAN);
  }
}

static void cited_boxes(const gaze_shot *s, mjrRect at) {
  for (const char *line = gaze_buf_text(&s->reply); line && *line;) {
    int b[4];
    const char *name = gaze_cited_box(line, b), *end = strchr(line, '\n');
    if (name) {
      float x0 = inside((float)b[0] / 100.0f), y0 = inside((float)b[1] / 100.0f);
      float x1 = inside((float)(b[2] + 1) / 100.0f), y1 = inside((float)(b[3] + 1) / 100.0f);
      frame(at, x0, y0, x1, y1, 2, ORANGE);
    }
    line = end ? end + 1 : NULL;
  }
}

static void picture(gaze_window *w, const gaze_shot *s) {
  mjrRect at = w->at.inset;
  if (s->image.w <= 0 || at.width < 16) return;
  fill((mjrRect){at.left - 2, at.bottom - 2, at.width + 4, at.height + 4}, SOFT, 1.0f);
  if (!scale_picture(w, &s->image, at.width)) return;
  mjr_drawPixels(w->pixels, NULL, at, &w->draw);
  if (!w->boxes) return;
  true_boxes(w, s, at);
  cited_boxes(s, at);
}

// ---- the thought ----

static rgb line_colour(const char *line, bool fresh) {
  int b[4];
  if (!fresh) return INK;
  if (!strncmp(line, "## ", 3)) return NOTE;
  if (line[0] == '<') return SOFT;
  return gaze_cited_box(line, b) ? ORANGE : INK;
}

static void thought(gaze_window *w, const gaze_shot *s) {
  pen p = {.w = w, .box = w->at.thought};
  if (p.box.width <= 0) return;
  fill(p.box, BACK, 1.0f);
  heading(&p, s->stage == GAZE_STAGE_THINKING && !s->paused ? "Thought ..." : "Thought");
  const char *text = gaze_buf_text(&s->reply), *line;
  int width = p.box.width - 2 * PAD, all = view_lines(&w->draw, text, width);
  int room = (p.box.height - p.y) / line_height(w), first = all - room - w->scroll;
  if (first < 0) first = 0, w->scroll = all > room ? all - room : 0;
  rgb colour = INK;
  int k = 0;
  for (const char *at = text; *at; k++) {
    // a wrapped line keeps the colour of its beginning
    bool fresh = at == text || at[-1] == '\n';
    if (fresh) colour = line_colour(at, true);
    int n = next_line(&w->draw, &at, width, &line);
    if (k < first || k >= first + room) continue;
    put(&p, PAD, p.y, colour, line, n);
    p.y += line_height(w);
  }
}

// ---- the facts ----

static void about(pen *p, const gaze_shot *s) {
  char text[256], of[32] = "", turns[32] = "";
  if (s->episodes) snprintf(of, sizeof of, " of %d", s->episodes);
  if (s->turns) snprintf(turns, sizeof turns, " of %d", s->turns);
  snprintf(text, sizeof text, "%s", s->source);
  write_wrapped(p, 0, INK, text);
  snprintf(text, sizeof text, "episode %d%s, decision %d%s", s->episode + 1, of, s->turn + 1,
           turns);
  write_wrapped(p, 0, SOFT, text);
  snprintf(text, sizeof text, "seed %llu%s%s%s%s%s%s", (unsigned long long)s->seed,
           s->has_truth ? ", " : "", s->has_truth ? s->truth.family : "", s->has_truth ? " / " : "",
           s->has_truth ? s->truth.layout : "", s->has_truth ? " / " : "",
           s->has_truth ? s->truth.question : "");
  write_wrapped(p, 0, SOFT, text);
}

// chips behind an option's text; x moves on
static void chip(pen *p, int *x, rgb c, const char *text) {
  int wide = text_width(p->w, text);
  if (*x + wide > p->box.width - PAD) return;
  put(p, *x, p->y, c, text, (int)strlen(text));
  *x += wide + text_width(p->w, " ");
}

static void option(pen *p, const gaze_shot *s, int i, const gaze_choices *c) {
  int high = line_height(p->w),
      label = s->has_truth && i < s->truth.options ? s->truth.label[i] : 0;
  mjrRect row = {p->box.left + PAD / 2, p->box.bottom + p->box.height - p->y - high,
                 p->box.width - PAD, high};
  if (i == s->choice && p->y + high <= p->box.height) fill(row, CHOSEN, 1.0f);
  char letter[3] = {(char)('A' + i), 0, 0};
  put(p, PAD, p->y, s->stage == GAZE_STAGE_YOURS ? ORANGE : NOTE, letter, 1);
  int x = PAD + text_width(p->w, "W ");
  chip(p, &x, c->action[i] ? INK : ORANGE, c->text[i]);
  if (label & GAZE_OPT_CORRECT) chip(p, &x, GOOD, "right");
  if (label & GAZE_OPT_GAINING) chip(p, &x, GOOD, "reveals");
  if ((label & GAZE_OPT_OPTIMAL) && !(label & GAZE_OPT_ANSWER)) chip(p, &x, GOOD, "best");
  p->y += high;
}

static void options(pen *p, const gaze_shot *s) {
  gaze_choices c;
  gaze_choices_read(gaze_buf_text(&s->user), &c);
  if (c.n == 0) return;
  heading(p, s->stage == GAZE_STAGE_YOURS ? "Options: press a letter" : "Options");
  for (int i = 0; i < c.n; i++) option(p, s, i, &c);
}

static void known(pen *p, const gaze_shot *s) {
  static const char *const where[] = {"out of sight", "in view", "in the tray"};
  gaze_known_object k[GAZE_KNOWN_MAX];
  int n = s->has_truth ? gaze_known_read(s->truth.known, k) : 0;
  if (n == 0) return;
  char text[96], of[24] = "";
  if (s->truth.bodies) snprintf(of, sizeof of, " of %d", s->truth.bodies);
  snprintf(text, sizeof text, "Seen so far: %d%s", n, of);
  heading(p, text);
  for (int i = 0; i < n; i++) {
    int x = PAD;
    chip(p, &x, k[i].where == 1 ? INK : SOFT, k[i].name);
    if (k[i].where != 1) chip(p, &x, SOFT, where[k[i].where == 2 ? 2 : 0]);
    p->y += line_height(p->w);
  }
  write_wrapped(
      p, 0, s->truth.sufficient ? GOOD : ORANGE,
      s->truth.sufficient ? "the evidence is sufficient" : "the evidence is not sufficient yet");
}

static void step_facts(const gaze_shot_step *t, bool truth, char *out, size_t cap) {
  if (t->max_steps > 0)
    snprintf(out, cap, "%s, %d actions, %d cut, %.1f mm off", t->status, t->steps, t->clipped,
             1e3 * (double)t->goal_dist);
  else if (t->answered)
    snprintf(out, cap, "%s%s", t->correct ? "right answer" : "wrong answer",
             !truth          ? ""
             : t->sufficient ? ", evidence sufficient"
                             : ", evidence not sufficient");
  else
    snprintf(out, cap, "%s%s%s%s", t->status[0] ? t->status : "no action",
             truth && t->action ? (t->gaining ? ", revealed" : ", revealed nothing") : "",
             t->harmful ? ", harmful" : "", t->format ? "" : ", malformed reply");
}

// the terms of the reward where actions come in chunks; elsewhere the facts above are what it is
// made of
static void reward_terms(pen *p, const gaze_shot_step *t) {
  const gaze_outcome o = {.max_steps = t->max_steps,
                          .steps = t->steps,
                          .correct = t->correct,
                          .goal_dist = t->goal_dist};
  float term[2];
  char text[96];
  if (t->max_steps == 0) return;
  gaze_reward_reach.eval(&o, term);
  snprintf(text, sizeof text, "%s %.2f, %s %.2f", gaze_reward_reach.terms[0], (double)term[0],
           gaze_reward_reach.terms[1], (double)term[1]);
  write_wrapped(p, text_width(p->w, "1 "), SOFT, text);
}

static void steps(pen *p, const gaze_shot *s) {
  char text[192];
  if (s->steps == 0) return;
  snprintf(text, sizeof text, "Decisions: reward %+.2f", (double)gaze_shot_reward(s));
  heading(p, text);
  for (int i = 0; i < s->steps; i++) {
    const gaze_shot_step *t = &s->step[i];
    snprintf(text, sizeof text, "%d %s%s  %+.2f", i + 1, t->what[0] ? t->what : "-",
             t->yours ? " (you)" : "", (double)t->reward);
    write_wrapped(p, 0, INK, text);
    step_facts(t, s->has_truth, text, sizeof text);
    bool good = t->correct || t->gaining, bad = (t->answered && !t->correct) || t->harmful;
    write_wrapped(p, text_width(p->w, "1 "), bad || !t->format ? BAD : good ? GOOD : SOFT, text);
    reward_terms(p, t);
  }
}

static void facts(gaze_window *w, const gaze_shot *s) {
  pen p = {.w = w, .box = w->at.facts, .y = PAD};
  if (p.box.width <= 0) return;
  fill(p.box, CARD, 1.0f);
  if (s->stage == GAZE_STAGE_EMPTY) return;
  about(&p, s);
  heading(&p, "Question");
  write_wrapped(&p, 0, INK, s->question[0] ? s->question : "-");
  options(&p, s);
  known(&p, s);
  steps(&p, s);
  if (!s->has_truth) {
    heading(&p, "Truth");
    write_wrapped(&p, 0, SOFT, "not recorded");
  }
}

// ---- the bar, the help ----

static void bar(gaze_window *w, const gaze_shot *s) {
  pen p = {.w = w, .box = w->at.bar, .y = 3};
  char text[256];
  const char *state = s->stage == GAZE_STAGE_YOURS      ? "YOUR TURN: press the letter of an option"
                      : s->paused                       ? "PAUSED   space: run, right: one decision"
                      : s->stage == GAZE_STAGE_THINKING ? "thinking"
                      : s->stage == GAZE_STAGE_DECIDED  ? "running"
                                                        : "starting";
  snprintf(text, sizeof text, "%s%s", state,
           s->take_over && s->stage != GAZE_STAGE_YOURS ? "   you choose (T: hand back)" : "");
  rgb c = s->stage == GAZE_STAGE_YOURS ? ORANGE : s->paused ? NOTE : GOOD;
  fill(p.box, CARD, 1.0f);
  put(&p, PAD, p.y, c, text, (int)strlen(text));
  static const char help[] = "F1: help";
  put(&p, p.box.width - PAD - text_width(w, help), p.y, SOFT, help, (int)strlen(help));
}

static const char help_keys[] =
    "space\nright\nleft\nhome, end\nup, down\n+, -\nT\nA ... P\n\nleft drag\nright drag\nwheel\n"
    "double click\nctrl + drag\nbackspace\n[  ]\nesc\n\ntab\nF5\nF6, F7\npage up, down\nctrl + P\n"
    "Q";
static const char help_text[] =
    "run, pause\none decision\nback (log)\nfirst, last decision (log)\nprevious, next episode\n"
    "faster, slower (log)\ntake over, hand back\nchoose an option\n\nturn the camera\n"
    "move the camera\nzoom; scroll the thought\nselect; right: look at\n"
    "push what is selected (a copy)\nundo what you pushed\nfree camera, policy's camera\n"
    "free camera\n\npanels\nfull screen\nboxes, names\nscroll the thought\nscreenshot\nquit";

// what the picture of the scene means, in its lower corner
static void scene_note(gaze_window *w) {
  const view_stage *t = &w->stage;
  pen p = {.w = w, .box = w->at.scene, .font = mjFONT_SHADOW};
  p.y = p.box.height - line_height(w) - 4;
  const char *eye = t->policy_eye ? "the policy's camera" : "free camera; pale: not seen so far";
  put(&p, PAD, p.y, INK, eye, (int)strlen(eye));
  if (!t->copy) return;
  static const char copy[] = "COPY: moved by you, the episode is as it was (backspace)";
  p.y -= line_height(w);
  put(&p, PAD, p.y, ORANGE, copy, (int)sizeof copy - 1);
}

void view_panels_draw(gaze_window *w, const gaze_shot *s) {
  if (w->stage.world) scene_note(w);
  picture(w, s);
  thought(w, s);
  facts(w, s);
  bar(w, s);
  if (!w->help) return;
  fill(w->at.scene, BACK, 0.8f);
  mjr_overlay(mjFONT_NORMAL, mjGRID_TOPLEFT, w->at.scene, help_keys, help_text, &w->draw);
}
