// envs/tabletop/table.c - one episode of a box or path task behind the seam; see tabletop.h. One
// step: parse the reply, carry it out, judge.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "envs/tabletop/tabletop.h"

enum { DRAWS = 200, STREAM = 0x7AB1E, POINTS = 64 };

static const gaze_viewer VIEWER = {.elevation = 40.0f};
static const double SETTLE_S = 2.0;

void tabletop_close(void **self) {
  tabletop *t = *self;
  if (!t) return;
  gaze_exec_close(&t->ex);
  gaze_world_close(&t->world);
  free(t->view.depth);
  free(t->view.ids);
  free(t->rgb);
  gaze_buf_fini(&t->text);
  gaze_buf_fini(&t->reply);
  gaze_buf_fini(&t->reference);
  gaze_buf_fini(&t->told);
  free(t);
  *self = NULL;
}

// "affordance.robot"
static const char *key(const tabletop *t, const char *name, char out[64]) {
  snprintf(out, 64, "%s.%s", t->game->name, name);
  return out;
}

static gaze_err open_settings(tabletop *t, const gaze_cfg *cfg, int *threads) {
  int64_t size, workers, objects, digits;
  const char *robot = NULL;
  char k[64];
  GAZE_TRY(gaze_cfg_int(cfg, "image_size", 224, 28, 1792, &size));
  GAZE_TRY(gaze_cfg_bool(cfg, "oracle", false, &t->tell));
  GAZE_TRY(gaze_cfg_int(cfg, "threads", 1, 0, 256, &workers));
  GAZE_TRY(gaze_cfg_str(cfg, key(t, "robot", k), "panda7", &robot));
  GAZE_TRY(gaze_cfg_bool(cfg, key(t, "execute", k), true, &t->execute));
  GAZE_TRY(gaze_cfg_num(cfg, key(t, "absent", k), 0.1, 0.0, 1.0, &t->absent));
  GAZE_TRY(gaze_cfg_num(cfg, key(t, "twins", k), 0.2, 0.0, 1.0, &t->twins));
  GAZE_TRY(gaze_cfg_int(cfg, key(t, "objects", k), -1, -1, TABLETOP_OBJECTS_MAX, &objects));
  GAZE_TRY(gaze_cfg_int(cfg, key(t, "digits", k), 3, 2, 4, &digits));
  if (objects >= 0 && objects < TABLETOP_OBJECTS_MIN)
    return gaze_fail(GAZE_ERR_ARG, "%s.objects: expected %d..%d, or -1 for drawn", t->game->name,
                     TABLETOP_OBJECTS_MIN, TABLETOP_OBJECTS_MAX);
  if (strlen(robot) >= sizeof t->robot)
    return gaze_fail(GAZE_ERR_ARG, "%s.robot: expected a name of at most %zu bytes", t->game->name,
                     sizeof t->robot - 1);
  snprintf(t->robot, sizeof t->robot, "%s", robot);
  t->image_size = (int)size, t->objects = (int)objects, t->digits = (int)digits;
  *threads = (int)workers;
  return GAZE_OK;
}

static gaze_err open_parts(tabletop *t, const gaze_cfg *cfg) {
  int threads = 1;
  GAZE_TRY(open_settings(t, cfg, &threads));
  gaze_world *bare = NULL;  // a robot that cannot be read is told now
  GAZE_TRY(gaze_world_open_arm(&bare, NULL, 0, t->robot));
  gaze_world_close(&bare);
  GAZE_TRY(gaze_exec_open_cpu(&t->ex, threads));
  const size_t judge = (size_t)TABLETOP_JUDGE * TABLETOP_JUDGE;
  t->view.depth = malloc(judge * sizeof *t->view.depth);
  t->view.ids = malloc(judge * sizeof *t->view.ids);
  t->rgb = malloc((size_t)t->image_size * (size_t)t->image_size * 3);
  if (t->view.depth && t->view.ids && t->rgb) return GAZE_OK;
  return gaze_fail(GAZE_ERR_NOMEM, "%s: out of memory", t->game->name);
}

gaze_err tabletop_open(void **self, const tabletop_game *game, const gaze_cfg *cfg) {
  tabletop *t = calloc(1, sizeof *t);
  *self = t;
  if (!t) return gaze_fail(GAZE_ERR_NOMEM, "%s: out of memory", game->name);
  t->game = game;
  gaze_err err = open_parts(t, cfg);
  if (err) tabletop_close(self);
  return err;
}

const char *tabletop_status(gaze_act_status s) {
  static const char *const name[] = {[GAZE_ACT_OK] = "ok",
                                     [GAZE_ACT_BLOCKED] = "blocked",
                                     [GAZE_ACT_SLIPPED] = "slipped",
                                     [GAZE_ACT_TOPPLED] = "toppled",
                                     [GAZE_ACT_TIMEOUT] = "timeout"};
  return name[s];
}

// ---- the truth ----

static gaze_vla_r1_reply parse(const gaze_buf *text, double (*point)[2]) {
  gaze_vla_r1_reply r;
  gaze_vla_r1_parse(gaze_buf_text(text), text->len, point, POINTS, &r);
  if (r.kind != GAZE_VLA_R1_PATH) return r;
  r.points = gaze_path_merge(point, r.points);
  if (r.points < TABLETOP_POINTS_MIN || r.points > TABLETOP_POINTS_MAX)
    r.kind = GAZE_VLA_R1_INVALID;
  return r;
}

// Whether the picture shows whom the words name, and the other one of that name.
static bool named_seen(const tabletop *t) {
  const tabletop_task *k = &t->task;
  const int named[3] = {k->target, k->anchor, k->side >= 0 ? 1 : -1};
  for (int i = 0; i < 3; i++)
    if (named[i] >= 0 && t->view.pixels[named[i]] < TABLETOP_NAMED) return false;
  return true;
}

// The reference for the bodies as they are; false: they allow none.
static gaze_err solve(tabletop *t, bool *found) {
  gaze_buf thought = GAZE_BUF_INIT, payload = GAZE_BUF_INIT;
  GAZE_TRY(tabletop_look(t->ex, t->now, t->task.scene.n, &t->view));
  *found = named_seen(t) && t->game->solve(t, &thought, &payload);
  gaze_buf_clear(&t->reference);
  gaze_buf_printf(&t->reference, "<think>\n%s</think><output>%s</output>", gaze_buf_text(&thought),
                  gaze_buf_text(&payload));
  const bool failed = thought.failed || payload.failed || t->reference.failed;
  gaze_buf_fini(&thought);
  gaze_buf_fini(&payload);
  return failed ? gaze_fail(GAZE_ERR_NOMEM, "%s: out of memory", t->game->name) : GAZE_OK;
}

// Whether the reference, as it will be read, can be carried out.
static gaze_err rehearse(tabletop *t, bool *good) {
  double point[POINTS][2];
  const gaze_vla_r1_reply r = parse(&t->reference, point);
  tabletop_end end = {0};
  *good = t->task.target < 0;
  if (t->task.target < 0 || r.kind != t->game->kind) return GAZE_OK;
  t->rehearsing = true;
  if (t->world) gaze_world_rehearse(t->world, true);
  const gaze_err e = t->game->act(t, &r, &end);
  if (t->world) gaze_world_rehearse(t->world, false);
  t->rehearsing = false;
  *good = end.success;
  return e;
}

// Puts the drawn objects into the world; false: they do not come to rest.
static gaze_err stand(tabletop *t, bool *good) {
  GAZE_TRY(gaze_world_open_arm(&t->world, t->task.scene.body, t->task.scene.n, t->robot));
  const gaze_err e = gaze_world_settle(t->world, SETTLE_S);
  *good = e == GAZE_OK;
  gaze_world_bodies(t->world, t->now);
  return e == GAZE_ERR_TIMEOUT ? GAZE_OK : e;
}

// One try at a table with a truth. Geometry first: a plan costs far more.
static gaze_err draw_once(tabletop *t, gaze_rng *r, int n, bool twins, bool absent, bool *good) {
  tabletop_task *k = &t->task;
  *good = tabletop_draw(r, n, twins, &k->scene) && tabletop_choose(r, twins, absent, k) &&
          t->game->aim(t, r);
  if (!*good) return GAZE_OK;
  memcpy(t->now, k->scene.body, sizeof t->now);
  GAZE_TRY(solve(t, good));
  if (*good) GAZE_TRY(rehearse(t, good));
  if (!*good || !t->execute) return GAZE_OK;
  GAZE_TRY(stand(t, good));
  if (*good) GAZE_TRY(solve(t, good));
  if (*good) GAZE_TRY(rehearse(t, good));
  if (!*good) gaze_world_close(&t->world);
  return GAZE_OK;
}

// What is asked is drawn once and tables until one fits it: what is rejected on the way leaves no
// trace in the words.
static gaze_err draw(tabletop *t, uint64_t seed) {
  gaze_rng r;
  gaze_rng_init(&r, seed, STREAM);
  t->task = (tabletop_task){.verb = gaze_rng_int(&r, 0, t->game->verbs - 1)};
  const bool absent = gaze_rng_real(&r, 0.0, 1.0) < t->absent;
  const bool twins = gaze_rng_real(&r, 0.0, 1.0) < t->twins && !absent;
  const int drawn = gaze_rng_int(&r, TABLETOP_OBJECTS_MIN, TABLETOP_OBJECTS_MAX);
  const int n = t->objects < 0 ? drawn : t->objects;
  for (int k = 0; k < DRAWS; k++) {
    bool good = false;
    GAZE_TRY(draw_once(t, &r, n, twins, absent, &good));
    if (good) return GAZE_OK;
  }
  return gaze_fail(GAZE_ERR_NOTFOUND, "%s: seed %llu: no table that can be solved in %d draws",
                   t->game->name, (unsigned long long)seed, DRAWS);
}

static void copy_text(gaze_buf *b, char *to, size_t cap) {
  snprintf(to, cap, "%s", gaze_buf_text(b));
  gaze_buf_clear(b);
}

static gaze_err fill_truth(tabletop *t) {
  gaze_truth *u = &t->truth;
  gaze_buf b = GAZE_BUF_INIT;
  *u = (gaze_truth){.sufficient = true, .optimal_steps = 1, .steps_left = 1};
  snprintf(u->family, sizeof u->family, "%s", t->game->name);
  const char *slash = strrchr(t->robot, '/');
  snprintf(u->layout, sizeof u->layout, "%.23s", slash ? slash + 1 : t->robot);
  snprintf(u->question, sizeof u->question, "%s",
           t->task.target < 0 ? "absent" : t->game->verb[t->task.verb]);
  tabletop_called(&t->task, &b);
  copy_text(&b, u->answer, sizeof u->answer);
  for (int i = 0; i < t->task.scene.n; i++) {
    if (t->view.pixels[i] < TABLETOP_SEEN) continue;
    gaze_truth_box *box = &u->box[u->boxes++];
    const double *v = t->view.box[i];
    box->x0 = (float)v[0], box->y0 = (float)v[1], box->x1 = (float)v[2], box->y1 = (float)v[3];
    tabletop_name(&t->task, i, &b);
    copy_text(&b, box->name, sizeof box->name);
  }
  const bool failed = b.failed, fits = t->reference.len < sizeof u->reply;
  gaze_buf_fini(&b);
  if (failed) return gaze_fail(GAZE_ERR_NOMEM, "%s: out of memory", t->game->name);
  if (!fits)
    return gaze_fail(GAZE_ERR_RANGE, "%s: the ideal reply has %zu bytes, at most %zu fit",
                     t->game->name, t->reference.len, sizeof u->reply - 1);
  snprintf(u->reply, sizeof u->reply, "%s", gaze_buf_text(&t->reference));
  return GAZE_OK;
}

gaze_err tabletop_reset(void *self, uint64_t seed, gaze_obs *obs) {
  tabletop *t = self;
  t->playing = false;
  gaze_world_close(&t->world);
  GAZE_TRY(draw(t, seed));
  GAZE_TRY(gaze_scene_render(&gaze_ops_cpu, t->ex, t->now, t->task.scene.n, &VIEWER, t->image_size,
                             t->rgb, NULL, NULL));
  t->image =
      (gaze_image){.rgb = t->rgb, .w = t->image_size, .h = t->image_size, .camera = "viewer"};
  gaze_buf_clear(&t->text);
  t->game->say(t, &t->text);
  gaze_buf_printf(&t->text, ".\n%s\n<image>", t->game->ask);
  if (t->text.failed) return gaze_fail(GAZE_ERR_NOMEM, "%s: out of memory", t->game->name);
  if (t->tell) GAZE_TRY(fill_truth(t));
  *obs = (gaze_obs){.image = &t->image,
                    .images = 1,
                    .text = gaze_buf_text(&t->text),
                    .first = true,
                    .truth = t->tell ? &t->truth : NULL};
  t->playing = true;
  return GAZE_OK;
}

// Carries the reply out and says whether it did what was asked.
static gaze_err judge(tabletop *t, const gaze_vla_r1_reply *r, gaze_outcome *out) {
  tabletop_end end = {.status = "invalid"};
  if (r->kind == GAZE_VLA_R1_EMPTY) {
    out->answered = true, out->status = "ok";
    out->correct = t->task.target < 0;
    return GAZE_OK;
  }
  if (r->kind == t->game->kind) {
    out->answered = out->action = true;
    GAZE_TRY(t->game->act(t, r, &end));
  }
  out->status = end.status;
  out->correct = end.success && t->task.target >= 0;
  out->goal_dist = (float)end.goal_dist;
  return GAZE_OK;
}

gaze_err tabletop_step(void *self, const gaze_act *act, gaze_obs *obs, gaze_outcome *out) {
  tabletop *t = self;
  double point[POINTS][2];
  if (!t->playing)
    return gaze_fail(GAZE_ERR_STATE, "%s: step: the episode is over, reset first", t->game->name);
  if (!act->text)
    return gaze_fail(GAZE_ERR_ARG, "%s: act: expected text, found a chunk", t->game->name);
  gaze_buf_clear(&t->reply);
  gaze_buf_str(&t->reply, act->text);
  gaze_buf_clear(&t->told);
  gaze_buf_str(&t->told, gaze_buf_text(&t->reference));
  if (t->reply.failed || t->told.failed)
    return gaze_fail(GAZE_ERR_NOMEM, "%s: out of memory", t->game->name);
  t->playing = false;

  const gaze_vla_r1_reply r = parse(&t->reply, point);
  const char *reply = gaze_buf_text(&t->reply), *reference = gaze_buf_text(&t->told);
  const gaze_vla_r1_options strict = {.mode = GAZE_VLA_R1_STRICT};
  *out = (gaze_outcome){.format = r.strict,
                        .choice = -1,
                        .status = "invalid",
                        .sufficient_before = t->tell,
                        .reply = reply,
                        .reference = t->tell ? reference : NULL};
  const gaze_err e = judge(t, &r, out);
  if (e == GAZE_ERR_DEVICE)
    // what physics says now is worth nothing
    out->truncated = true, out->status = "fault";
  else
    GAZE_TRY(e);
  out->terminated = !out->truncated;
  out->reward = (float)gaze_vla_r1_eval(reply, t->reply.len, reference, t->told.len, &strict).score;
  *obs = (gaze_obs){.text = "", .turn = 1, .last = true};
  return GAZE_OK;
}
