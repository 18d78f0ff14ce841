// view/replay.c - see replay.h.
#include "view/replay.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double WRITES = 120.0;  // bytes of thought a second at speed 1
static const double HOLD = 1.5;      // seconds an outcome stays at speed 1
static const double SPEED_MIN = 0.125, SPEED_MAX = 16.0;

struct gaze_replay {
  gaze_record_reader *log;
  size_t episodes, episode;
  gaze_record record;  // the present episode
  int turn;
  bool playing;
  double speed;     // times the normal pace
  double written;   // bytes of the reply shown
  double held;      // seconds since it was whole
  gaze_shot whole;  // the decision with its outcome
  gaze_shot part;   // the same while its thought is being written
};

// every change of place ends here; `from_start`: the thought begins again
static gaze_err load(gaze_replay *r, bool from_start) {
  GAZE_TRY(gaze_shot_from_record(&r->whole, &r->record, r->turn));
  r->whole.episode = (int)r->episode, r->whole.episodes = (int)r->episodes;
  r->written = from_start ? 0.0 : (double)r->whole.reply.len;
  r->held = 0.0;
  r->whole.paused = !r->playing;
  uint64_t version = r->part.version;
  GAZE_TRY(gaze_shot_copy(&r->part, &r->whole));
  r->part.version = version + 1;
  return GAZE_OK;
}

// what is shown while only `written` bytes are there: no outcome, no choice
static void cut(gaze_replay *r) {
  size_t n = (size_t)r->written;
  if (n >= r->whole.reply.len) return;
  gaze_buf_clear(&r->part.reply);
  gaze_buf_add(&r->part.reply, gaze_buf_text(&r->whole.reply), n);
  r->part.stage = GAZE_STAGE_THINKING;
  r->part.choice = -1;
  r->part.steps =
      r->turn < GAZE_SHOT_STEPS_MAX && r->whole.steps > 0 ? r->whole.steps - 1 : r->whole.steps;
  r->part.version++;
}

static gaze_err open_episode(gaze_replay *r, size_t i, bool at_end) {
  gaze_record fresh = {0};
  GAZE_TRY(gaze_record_read(r->log, i, &fresh));
  gaze_record_free(&r->record);
  r->record = fresh;
  r->episode = i;
  if (fresh.turns == 0)
    return gaze_fail(GAZE_ERR_FORMAT, "view: episode %zu of the log has no decision", i + 1);
  r->turn = at_end ? fresh.turns - 1 : 0;
  return load(r, r->playing);
}

gaze_err gaze_replay_open(gaze_replay **out, const char *path) {
  gaze_replay *r = *out = calloc(1, sizeof *r);
  if (!r) return gaze_fail(GAZE_ERR_NOMEM, "view: out of memory");
  r->speed = 1.0;
  gaze_err e = gaze_record_open(&r->log, path);
  if (!e) r->episodes = gaze_record_count(r->log);
  if (!e && r->episodes == 0)
    e = gaze_fail(GAZE_ERR_NOTFOUND, "%s: the log holds no episode", path);
  const char *slash = strrchr(path, '/');
  snprintf(r->whole.source, sizeof r->whole.source, "%s", slash ? slash + 1 : path);
  if (!e) e = open_episode(r, 0, false);
  if (e) gaze_replay_close(out);
  return e;
}

void gaze_replay_close(gaze_replay **out) {
  gaze_replay *r = *out;
  if (!r) return;
  gaze_record_close(&r->log);
  gaze_record_free(&r->record);
  gaze_shot_fini(&r->whole);
  gaze_shot_fini(&r->part);
  free(r);
  *out = NULL;
}

static gaze_err go_to(gaze_replay *r, int turn) {
  if (turn < 0 || turn >= r->record.turns || turn == r->turn) return GAZE_OK;
  r->turn = turn;
  return load(r, r->playing);
}

// across the ends of episodes
static gaze_err forward(gaze_replay *r) {
  if (r->turn + 1 < r->record.turns) return go_to(r, r->turn + 1);
  if (r->episode + 1 < r->episodes) return open_episode(r, r->episode + 1, false);
  r->playing = false;
  return load(r, false);
}

static gaze_err back(gaze_replay *r) {
  if (r->turn > 0) return go_to(r, r->turn - 1);
  return r->episode > 0 ? open_episode(r, r->episode - 1, true) : GAZE_OK;
}

static void set_speed(gaze_replay *r, double speed) {
  if (speed >= SPEED_MIN && speed <= SPEED_MAX) r->speed = speed;
}

gaze_err gaze_replay_ask(gaze_replay *r, gaze_ask ask) {
  switch (ask.kind) {
    case GAZE_ASK_PAUSE:
      // played to its end, a decision is written again
      if (!r->playing && r->written >= (double)r->whole.reply.len) r->written = 0.0, r->held = 0.0;
      r->playing = !r->playing;
      r->part.paused = r->whole.paused = !r->playing;
      r->part.version++;
      return GAZE_OK;
    case GAZE_ASK_FORWARD:
      // a thought that is being written is shown whole first
      if (r->written < (double)r->whole.reply.len) return load(r, false);
      return forward(r);
    case GAZE_ASK_BACK:
      return back(r);
    case GAZE_ASK_FIRST:
      return go_to(r, 0);
    case GAZE_ASK_LAST:
      return go_to(r, r->record.turns - 1);
    case GAZE_ASK_NEXT:
      return r->episode + 1 < r->episodes ? open_episode(r, r->episode + 1, false) : GAZE_OK;
    case GAZE_ASK_PREVIOUS:
      return r->episode > 0 ? open_episode(r, r->episode - 1, false) : GAZE_OK;
    case GAZE_ASK_FASTER:
      set_speed(r, r->speed * 2.0);
      return GAZE_OK;
    case GAZE_ASK_SLOWER:
      set_speed(r, r->speed * 0.5);
      return GAZE_OK;
    case GAZE_ASK_NONE:
    case GAZE_ASK_TAKE_OVER:
    case GAZE_ASK_CHOOSE:
    case GAZE_ASK_PICTURE:
      return GAZE_OK;
  }
  return GAZE_OK;
}

gaze_err gaze_replay_pass(gaze_replay *r, double seconds) {
  if (!r->playing) return GAZE_OK;
  double end = (double)r->whole.reply.len;
  if (r->written < end) {
    r->written += seconds * r->speed * WRITES;
    // the outcome appears with the last word
    if (r->written >= end) return load(r, false);
    cut(r);
    return GAZE_OK;
  }
  r->held += seconds * r->speed;
  return r->held >= HOLD ? forward(r) : GAZE_OK;
}

const gaze_shot *gaze_replay_shot(const gaze_replay *r) {
  return &r->part;
}

bool gaze_replay_playing(const gaze_replay *r) {
  return r->playing;
}
