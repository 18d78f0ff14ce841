// envs/tutorial.c - an environment from end to end, to be read and copied.
//
// A ball lies under one of three cups. The agent may lift cups ("pick left cup") and answers when
// it knows. That is all of active visual reasoning in small: a picture that hides the answer,
// actions that reveal it, and a truth that says whether what was seen is enough.
#include "envs/tutorial.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/rng.h"
#include "envs/avr/avr.h"  // for the reply parser: every environment takes replies of one form

enum { CUPS = 3 };
static const char *const SIDE[CUPS] = {"left", "middle", "right"};
static const float COST_PER_ACTION = 0.02f;

// All state lives here and nowhere else, so that many environments can run at once.
typedef struct tutorial {
  bool tell, playing, lazy;
  int size;  // pixels per side
  int ball;  // what the agent wants to know
  bool lifted[CUPS];
  uint32_t turn;
  uint8_t *rgb;  // [size,size,3]
  gaze_image image;
  gaze_truth truth;
  char text[512];
} tutorial;

static void tutorial_close(void **self) {
  tutorial *v = *self;
  if (v) free(v->rgb);
  free(v);
  *self = NULL;
}

// open: read the settings, check their ranges, allocate once. Nothing of `cfg` is kept.
static gaze_err tutorial_open(void **self, const gaze_cfg *cfg) {
  int64_t size = 96;
  tutorial *v = *self = calloc(1, sizeof *v);
  if (!v) return gaze_fail(GAZE_ERR_NOMEM, "tutorial: out of memory");
  gaze_err e = gaze_cfg_int(cfg, "image_size", size, 28, 1792, &size);
  if (!e) e = gaze_cfg_bool(cfg, "oracle", false, &v->tell);
  v->size = (int)size;
  v->rgb = e ? NULL : malloc((size_t)size * (size_t)size * 3);
  if (!e && !v->rgb) e = gaze_fail(GAZE_ERR_NOMEM, "tutorial: out of memory");
  if (e) tutorial_close(self);
  return e;
}

// Fills a rectangle given in twelfths of a picture of n pixels a side.
static void fill(uint8_t *to, int n, int x0, int y0, int x1, int y1, const uint8_t rgb[3]) {
  for (int y = y0 * n / 12; y < y1 * n / 12; y++)
    for (int x = x0 * n / 12; x < x1 * n / 12; x++) memcpy(to + 3 * (y * n + x), rgb, 3);
}

// lazy: a picture costs time, so whoever uses few of them asks for none unasked, and calls render.
static void tutorial_lazy(void *self) {
  ((tutorial *)self)->lazy = true;
}

// render: the picture shows what a camera would: the ball only where its cup is lifted.
static gaze_err tutorial_render(void *self, uint8_t *to) {
  const tutorial *v = self;
  static const uint8_t table[3] = {180, 180, 175}, cup[3] = {42, 75, 215}, ball[3] = {173, 35, 35};
  fill(to, v->size, 0, 0, 12, 12, table);
  for (int k = 0; k < CUPS; k++) {
    int x = 1 + 4 * k, y = v->lifted[k] ? 1 : 6;
    fill(to, v->size, x, y, x + 3, y + 4, cup);
    if (v->lifted[k] && k == v->ball) fill(to, v->size, x + 1, 9, x + 2, 10, ball);
  }
  return GAZE_OK;
}

// space: what holds for every episode.
static void tutorial_space(const void *self, gaze_space *s) {
  const tutorial *v = self;
  *s = (gaze_space){.image_h = v->size, .image_w = v->size, .max_steps = CUPS + 2};
}

// Sufficient: the ball was seen, or only one cup is left that can hide it.
static bool sufficient(const tutorial *v) {
  int closed = 0;
  for (int k = 0; k < CUPS; k++) closed += !v->lifted[k];
  return v->lifted[v->ball] || closed == 1;
}

// Option i: an answer for i < CUPS, else the (i - CUPS)-th cup that still stands; -1 past the end.
static int cup_of(const tutorial *v, int i) {
  if (i < CUPS) return i;
  for (int k = 0, left = i - CUPS; k < CUPS; k++)
    if (!v->lifted[k] && left-- == 0) return k;
  return -1;
}

// The truth is for recording, rewards and oracles. It labels every option, so that metrics can say
// whether an action was of use, and it holds the reply an ideal policy would give.
static void tell(tutorial *v) {
  gaze_truth *t = &v->truth;
  bool enough = sufficient(v);
  int best = v->ball;
  *t = (gaze_truth){.sufficient = enough, .optimal_steps = 1, .steps_left = enough ? 0 : 1};
  for (int k; (k = cup_of(v, t->options)) >= 0; t->options++) {
    int i = t->options;
    bool answer = i < CUPS, right = k == v->ball;
    if (answer) t->label[i] = GAZE_OPT_ANSWER | (right ? GAZE_OPT_CORRECT : 0);
    if (!answer && !enough) t->label[i] = GAZE_OPT_GAINING;
    // a shortest plan lifts the right cup; where enough was seen it is the right answer
    if (right && answer == enough) t->label[i] |= GAZE_OPT_OPTIMAL, best = i;
    snprintf(t->text[i], sizeof t->text[i], answer ? "%s" : "pick %s cup", SIDE[k]);
  }
  snprintf(t->greedy, sizeof t->greedy, "%c", 'A' + best);
  snprintf(t->answer, sizeof t->answer, "%s", SIDE[v->ball]);
  snprintf(t->reply, sizeof t->reply,
           "<think>\n## Visual Reasoning\n## Uncertainty\n%s\n## Information Gain\n## Decision\n%s "
           "%c\n</think>\n<answer>%c</answer>",
           enough ? "none" : "the ball", t->text[best], 'A' + best, 'A' + best);
  // groups of an evaluation
  snprintf(t->family, sizeof t->family, "cups");
  snprintf(t->layout, sizeof t->layout, "three_cups");
  snprintf(t->question, sizeof t->question, "where");
}

// What the policy gets: the picture, and the message that ends with the lettered list
// (envs/choices.h). Real tasks shuffle the letters; here they would only hide the idea.
static void observe(tutorial *v, const char *status, gaze_obs *obs) {
  int n = status
              ? snprintf(v->text, sizeof v->text, "Result: %s.\n", status)
              : snprintf(v->text, sizeof v->text,
                         "A ball lies under one of three cups.\nQuestion: which cup hides it?\n");
  n += snprintf(v->text + n, sizeof v->text - (size_t)n, "<image>\nOptions:");
  for (int i = 0, k; (k = cup_of(v, i)) >= 0; i++)
    n += snprintf(v->text + n, sizeof v->text - (size_t)n,
                  i < CUPS ? "\n%s %c" : "\npick %s cup %c", SIDE[k], 'A' + i);
  if (!v->lazy) tutorial_render(v, v->rgb);
  tell(v);
  v->image =
      (gaze_image){.rgb = v->lazy ? NULL : v->rgb, .w = v->size, .h = v->size, .camera = "viewer"};
  *obs = (gaze_obs){.image = &v->image,
                    .images = 1,
                    .text = v->text,
                    .turn = v->turn,
                    .first = v->turn == 0,
                    .truth = v->tell ? &v->truth : NULL};
}

// reset: everything random comes from the seed, so that equal seeds give equal bytes.
static gaze_err tutorial_reset(void *self, uint64_t seed, gaze_obs *obs) {
  tutorial *v = self;
  gaze_rng r;
  gaze_rng_init(&r, seed, 0x707);
  v->ball = gaze_rng_int(&r, 0, CUPS - 1);
  memset(v->lifted, 0, sizeof v->lifted);
  v->turn = 0;
  v->playing = true;
  observe(v, NULL, obs);
  return GAZE_OK;
}

// step: parse the reply, record the facts of this decision in `out`, change the world, look again.
static gaze_err tutorial_step(void *self, const gaze_act *act, gaze_obs *obs, gaze_outcome *out) {
  tutorial *v = self;
  if (!v->playing) return gaze_fail(GAZE_ERR_STATE, "tutorial: the episode is over, reset first");
  if (!act->text) return gaze_fail(GAZE_ERR_ARG, "tutorial: act: expected text, found a chunk");
  const avr_reply r = avr_parse_reply(act->text, strlen(act->text), v->truth.options);
  const bool enough = sufficient(v);
  *out = (gaze_outcome){.format = r.strict,
                        .choice = r.choice,
                        .status = r.choice < 0 ? "invalid" : "ok",
                        .sufficient_before = v->tell && enough};
  v->turn++;
  if (r.choice >= CUPS) {
    v->lifted[cup_of(v, r.choice)] = true;
    out->action = true;
    out->gaining = out->useful = v->tell && !enough;
    out->reward = -COST_PER_ACTION;
  } else if (r.choice >= 0) {
    out->answered = out->terminated = true;
    out->correct = r.choice == v->ball;
    out->reward = out->correct && enough ? 1.0f : 0.0f;  // a lucky guess earns nothing
  }
  // an agent that never answers is cut off, else an episode would have no end
  out->truncated = !out->terminated && v->turn > CUPS + 1;
  v->playing = !out->terminated && !out->truncated;
  if (v->playing) {
    observe(v, out->status, obs);
  } else {
    *obs = (gaze_obs){.text = "", .turn = v->turn, .last = true};
  }
  return GAZE_OK;
}

const gaze_env gaze_env_tutorial = {
    .name = "tutorial",
    .open = tutorial_open,
    .reset = tutorial_reset,
    .step = tutorial_step,
    .close = tutorial_close,
    .space = tutorial_space,
    .lazy = tutorial_lazy,
    .render = tutorial_render,
};
