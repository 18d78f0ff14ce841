// view/shot.c - see shot.h.
#include "view/shot.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "data/imagefile.h"
#include "envs/choices.h"

void gaze_shot_fini(gaze_shot *s) {
  free(s->image.rgb);
  gaze_buf_fini(&s->user);
  gaze_buf_fini(&s->reply);
  *s = (gaze_shot){0};
}

static void copy_text(gaze_buf *to, const gaze_buf *from) {
  gaze_buf_clear(to);
  gaze_buf_add(to, gaze_buf_text(from), from->len);
}

gaze_err gaze_shot_copy(gaze_shot *to, const gaze_shot *from) {
  gaze_shot kept = *to;
  *to = *from;
  to->image = kept.image, to->image_cap = kept.image_cap;
  to->user = kept.user, to->reply = kept.reply;
  copy_text(&to->user, &from->user);
  copy_text(&to->reply, &from->reply);
  return gaze_shot_set_image(to, &from->image);
}

gaze_err gaze_shot_set_image(gaze_shot *s, const gaze_image *im) {
  size_t n = im->w > 0 && im->h > 0 ? (size_t)im->w * (size_t)im->h * 3 : 0;
  if (n > s->image_cap) {
    uint8_t *p = realloc(s->image.rgb, n);
    if (!p) return gaze_fail(GAZE_ERR_NOMEM, "view: out of memory");
    s->image.rgb = p, s->image_cap = n;
  }
  if (n) memcpy(s->image.rgb, im->rgb, n);
  s->image.w = n ? im->w : 0, s->image.h = n ? im->h : 0;
  return GAZE_OK;
}

static void keep_question(gaze_shot *s, const char *user) {
  static const char head[] = "Question: ";
  const char *at = strstr(user, head);
  if (!at) return;
  at += sizeof head - 1;
  snprintf(s->question, sizeof s->question, "%.*s", (int)strcspn(at, "\n"), at);
}

void gaze_shot_set_turn(gaze_shot *s, const char *user, const gaze_truth *truth) {
  gaze_buf_clear(&s->user);
  gaze_buf_clear(&s->reply);
  gaze_buf_str(&s->user, user ? user : "");
  s->has_truth = truth != NULL;
  if (truth) s->truth = *truth;
  keep_question(s, gaze_buf_text(&s->user));
  s->choice = -1;
  s->version++;
}

void gaze_shot_set_outcome(gaze_shot *s, const gaze_outcome *out, bool yours) {
  gaze_choices c;
  gaze_choices_read(gaze_buf_text(&s->user), &c);
  s->choice = out->choice;
  s->stage = GAZE_STAGE_DECIDED;
  s->version++;
  if (s->steps == GAZE_SHOT_STEPS_MAX) return;
  gaze_shot_step *t = &s->step[s->steps++];
  *t = (gaze_shot_step){.yours = yours,
                        .format = out->format,
                        .answered = out->answered,
                        .correct = out->correct,
                        .action = out->action,
                        .sufficient = out->sufficient_before,
                        .gaining = out->gaining,
                        .useful = out->useful,
                        .harmful = out->harmful,
                        .reward = out->reward,
                        .steps = out->steps,
                        .max_steps = out->max_steps,
                        .clipped = out->clipped,
                        .goal_dist = out->goal_dist};
  snprintf(t->status, sizeof t->status, "%s", out->status ? out->status : "");
  if (out->choice >= 0 && out->choice < c.n)
    snprintf(t->what, sizeof t->what, "%s", c.text[out->choice]);
}

float gaze_shot_reward(const gaze_shot *s) {
  float sum = 0.0f;
  for (int i = 0; i < s->steps; i++) sum += s->step[i].reward;
  return sum;
}

// ---- from a log ----

static cJSON *parse(const char *text) {
  cJSON *j = NULL;
  return text && gaze_json_parse(&j, text, strlen(text), "log") == GAZE_OK ? j : NULL;
}

static bool truth_of(const gaze_record_turn *t, gaze_truth *out) {
  cJSON *j = parse(t->truth_json);
  bool ok = j && gaze_truth_from_json(j, out) == GAZE_OK;
  cJSON_Delete(j);
  return ok;
}

static bool flag(const cJSON *j, const char *key) {
  return cJSON_IsTrue(gaze_json_get(j, key));
}

static int whole(const cJSON *j, const char *key, int lo, int hi, int otherwise) {
  int64_t v;
  return gaze_json_int(j, key, lo, hi, &v, "log") == GAZE_OK ? (int)v : otherwise;
}

static float number(const cJSON *j, const char *key) {
  double v;
  return gaze_json_num(j, key, &v, "log") == GAZE_OK ? (float)v : 0.0f;
}

// what cmd_run writes; out->status borrows from j
static void outcome_of(const cJSON *j, gaze_outcome *out) {
  const char *status = NULL;
  *out = (gaze_outcome){.choice = whole(j, "choice", -1, GAZE_OPTIONS_MAX - 1, -1),
                        .format = flag(j, "format"),
                        .answered = flag(j, "answered"),
                        .correct = flag(j, "correct"),
                        .sufficient_before = flag(j, "sufficient_before"),
                        .gaining = flag(j, "gaining"),
                        .useful = flag(j, "useful"),
                        .reward = number(j, "reward"),
                        .steps = whole(j, "steps", 0, 1 << 30, 0),
                        .max_steps = whole(j, "max_steps", 0, 1 << 30, 0),
                        .clipped = whole(j, "clipped", 0, 1 << 30, 0),
                        .goal_dist = number(j, "goal_dist")};
  if (gaze_json_str(j, "status", &status, "log") == GAZE_OK) out->status = status;
  out->action = !out->answered && out->choice >= 0;
}

static void add_outcome(gaze_shot *s, const gaze_record_turn *t) {
  cJSON *j = parse(t->outcome_json);
  gaze_outcome out;
  if (cJSON_IsObject(j)) {
    outcome_of(j, &out);
    gaze_shot_set_outcome(s, &out, false);
  }
  cJSON_Delete(j);
}

// the last picture shown up to this decision: a turn without one shows nothing new
static gaze_err add_picture(gaze_shot *s, const gaze_record *r, int turn) {
  for (int k = turn; k >= 0; k--) {
    const gaze_record_turn *t = &r->turn[k];
    if (t->images == 0) continue;
    const gaze_record_image *last = &t->image[t->images - 1];
    gaze_image im;
    GAZE_TRY(gaze_image_decode(&im, last->png, last->bytes, "picture of the log"));
    gaze_err e = gaze_shot_set_image(s, &im);
    gaze_image_free(&im);
    return e;
  }
  return gaze_shot_set_image(s, &(gaze_image){0});
}

gaze_err gaze_shot_from_record(gaze_shot *s, const gaze_record *r, int turn) {
  if (turn < 0 || turn >= r->turns)
    return gaze_fail(GAZE_ERR_RANGE, "view: decision %d of %d", turn, r->turns);
  s->seed = r->seed;
  s->turn = turn, s->turns = r->turns;
  s->steps = 0;
  s->question[0] = 0;
  for (int k = 0; k <= turn; k++) {
    const gaze_record_turn *t = &r->turn[k];
    gaze_truth truth;
    bool known = k == turn && truth_of(t, &truth);
    gaze_shot_set_turn(s, t->user, known ? &truth : NULL);
    add_outcome(s, t);
  }
  gaze_buf_str(&s->reply, r->turn[turn].reply ? r->turn[turn].reply : "");
  s->stage = GAZE_STAGE_DECIDED;
  return add_picture(s, r, turn);
}
