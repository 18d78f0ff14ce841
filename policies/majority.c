// policies/majority.c - answers at once what was right most often in training for such a question.
//
// It learns at open, from a log of played training episodes (`gaze gen --env avr`): for every
// question template, how often each answer was the right one. No picture is looked at.
#include <stdlib.h>
#include <string.h>
#include "data/episode.h"
#include "envs/avr/avr.h"
#include "envs/avr/words.h"
#include "policies/scripted.h"

enum { ROWS_MAX = 256 };

typedef struct row {
  int question;
  char answer[24];
  int count;
} row;

typedef struct majority {
  gaze_scripted base;  // first: its functions take a majority for one
  row row[ROWS_MAX];
  int rows;
} majority;

// Whether a text fits a pattern in which every "{slot}" stands for one character or more.
static bool fits(const char *pattern, const char *text, const char *end) {
  for (; *pattern && *pattern != '{'; pattern++, text++)
    if (text == end || *pattern != *text) return false;
  if (!*pattern) return text == end;
  pattern = strchr(pattern, '}') + 1;
  for (text++; text <= end; text++)
    if (fits(pattern, text, end)) return true;
  return false;
}

// Number of the template a message asks by; -1 if it asks nothing known.
static int question_of(const char *message) {
  static const char head[] = "Question: ";
  const char *at = strstr(message, head), *end = at ? strchr(at, '\n') : NULL;
  if (!end) return -1;
  // the longer ones come later and fit the shorter ones' slots too
  for (int k = AVR_TEMPLATE_TEXTS - 1; k >= 0; k--)
    if (fits(avr_template_text[k], at + strlen(head), end)) return k;
  return -1;
}

static row *find_row(majority *m, int question, const char *answer) {
  for (int k = 0; k < m->rows; k++)
    if (m->row[k].question == question && strcmp(m->row[k].answer, answer) == 0) return &m->row[k];
  return NULL;
}

// A training episode ends with the right answer: the letter of its last reply, in its last list.
static gaze_err learn(majority *m, const gaze_record *r) {
  if (r->turns == 0) return GAZE_OK;
  const gaze_record_turn *last = &r->turn[r->turns - 1];
  int question = question_of(r->turn[0].user ? r->turn[0].user : "");
  gaze_choices c;
  gaze_choices_read(last->user ? last->user : "", &c);
  const char *reply = last->reply ? last->reply : "";
  avr_reply parsed = avr_parse_reply(reply, strlen(reply), c.n);
  if (question < 0 || parsed.choice < 0 || c.action[parsed.choice]) return GAZE_OK;

  const char *answer = c.text[parsed.choice];
  row *found = find_row(m, question, answer);
  if (!found) {
    if (m->rows == ROWS_MAX || strlen(answer) >= sizeof found->answer)
      return gaze_fail(GAZE_ERR_FORMAT, "policy majority: more answers than any template has");
    found = &m->row[m->rows++];
    found->question = question;
    memcpy(found->answer, answer, strlen(answer) + 1);
  }
  found->count++;
  return GAZE_OK;
}

static gaze_err read_training(majority *m, const char *path) {
  gaze_record_reader *r = NULL;
  GAZE_TRY(gaze_record_open(&r, path));
  gaze_err e = GAZE_OK;
  for (size_t i = 0; i < gaze_record_count(r) && !e; i++) {
    gaze_record record = {0};
    e = gaze_record_read(r, i, &record);
    if (!e) e = learn(m, &record);
    gaze_record_free(&record);
  }
  gaze_record_close(&r);
  if (!e && m->rows == 0)
    e = gaze_fail(GAZE_ERR_FORMAT, "policy majority: %s holds no answered episode", path);
  return e;
}

static gaze_err majority_open(void **self, const gaze_cfg *cfg) {
  const char *path;
  *self = NULL;
  GAZE_TRY(gaze_cfg_str(cfg, "majority.data", NULL, &path));
  if (!path)
    return gaze_fail(
        GAZE_ERR_ARG,
        "policy majority: needs --set majority.data=FILE.mcap, training episodes drawn "
        "with gaze gen --env avr");
  majority *m = *self = calloc(1, sizeof *m);
  if (!m) return gaze_fail(GAZE_ERR_NOMEM, "policy: out of memory");
  gaze_err e = read_training(m, path);
  if (e) gaze_scripted_close(self);
  return e;
}

static gaze_err majority_act(void *self, const gaze_obs *obs, gaze_act *act, gaze_trace *trace) {
  (void)trace;
  majority *m = self;
  gaze_choices c;
  int question = question_of(obs->text), best = -1, most = -1;
  gaze_choices_read(obs->text, &c);
  for (int i = 0; i < c.n; i++) {
    if (c.action[i]) continue;
    const row *r = find_row(m, question, c.text[i]);
    int count = r ? r->count : 0;
    if (count > most) most = count, best = i;
  }
  return gaze_scripted_choose(&m->base, best < 0 ? 0 : best, act);
}

const gaze_policy gaze_policy_majority = {
    .name = "majority",
    .about = "the answer that was right most often in training for such a question",
    .open = majority_open,
    .reset = gaze_scripted_reset,
    .act = majority_act,
    .close = gaze_scripted_close,
};
