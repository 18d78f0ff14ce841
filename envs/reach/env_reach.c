// envs/reach/env_reach.c - the reach task behind the seam; see env_reach.h. One step: check the
// chunk, carry out its actions one by one, look.
#include "envs/reach/env_reach.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "envs/reach/reach_internal.h"
#include "envs/rewards/reach.h"

static const gaze_viewer VIEWER = {.elevation = 40.0f};
static const double SETTLE_S = 2.0;

static void env_close(void **self) {
  env_reach *v = *self;
  if (!v) return;
  gaze_exec_close(&v->ex);
  gaze_world_close(&v->world);
  free(v->rgb);
  free(v);
  *self = NULL;
}

static gaze_err open_settings(env_reach *v, const gaze_cfg *cfg, int *threads) {
  int64_t size, workers, distractors, steps;
  const char *robot = NULL, *target = NULL;
  GAZE_TRY(gaze_cfg_int(cfg, "image_size", 224, 28, 1792, &size));
  GAZE_TRY(gaze_cfg_bool(cfg, "oracle", false, &v->tell));
  GAZE_TRY(gaze_cfg_int(cfg, "threads", 1, 0, 256, &workers));
  GAZE_TRY(gaze_cfg_str(cfg, "reach.robot", "panda7", &robot));
  GAZE_TRY(gaze_cfg_str(cfg, "reach.target", "object", &target));
  GAZE_TRY(gaze_cfg_int(cfg, "reach.distractors", -1, -1, REACH_OBJECTS_MAX - 1, &distractors));
  GAZE_TRY(gaze_cfg_int(cfg, "reach.steps", GAZE_REACH_STEPS_MAX, 1, 10000, &steps));
  if (strcmp(target, "object") != 0 && strcmp(target, "point") != 0)
    return gaze_fail(GAZE_ERR_ARG, "reach.target: expected object or point, found \"%s\"", target);
  if (strlen(robot) >= sizeof v->robot)
    return gaze_fail(GAZE_ERR_ARG, "reach.robot: expected a name of at most %zu bytes",
                     sizeof v->robot - 1);
  snprintf(v->robot, sizeof v->robot, "%s", robot);
  v->air = strcmp(target, "point") == 0;
  v->image_size = (int)size, v->distractors = (int)distractors, v->max_steps = (int)steps;
  *threads = (int)workers;
  return GAZE_OK;
}

static gaze_err open_parts(env_reach *v, const gaze_cfg *cfg) {
  int threads = 1;
  GAZE_TRY(open_settings(v, cfg, &threads));
  gaze_world *bare = NULL;  // a robot that cannot be read is told now
  GAZE_TRY(gaze_world_open_arm(&bare, NULL, 0, v->robot));
  v->arm = *gaze_world_arm_of(bare);
  gaze_world_close(&bare);
  GAZE_TRY(gaze_exec_open_cpu(&v->ex, threads));
  v->rgb = malloc((size_t)v->image_size * (size_t)v->image_size * 3);
  return v->rgb ? GAZE_OK : gaze_fail(GAZE_ERR_NOMEM, "reach: out of memory");
}

static gaze_err env_open(void **self, const gaze_cfg *cfg) {
  env_reach *v = calloc(1, sizeof *v);
  *self = v;
  if (!v) return gaze_fail(GAZE_ERR_NOMEM, "reach: out of memory");
  gaze_err err = open_parts(v, cfg);
  if (err) env_close(self);
  return err;
}

static double distance(const env_reach *v) {
  return sqrt(gaze_vec_dot(v->off, v->off));
}

static bool at_goal(const env_reach *v) {
  return distance(v) <= GAZE_REACH_NEAR_M &&
         sqrt(gaze_vec_dot(v->off + 3, v->off + 3)) <= GAZE_REACH_NEAR_RAD;
}

static void fill_truth(env_reach *v) {
  gaze_truth *t = &v->truth;
  *t = (gaze_truth){.has_goal = true, .steps_left = -1, .optimal_steps = -1};
  for (int k = 0; k < 6; k++) t->to_goal[k] = (float)v->off[k];
  snprintf(t->family, sizeof t->family, "reach");
  const char *slash = strrchr(v->robot, '/');
  snprintf(t->layout, sizeof t->layout, "%.23s", slash ? slash + 1 : v->robot);
  snprintf(t->question, sizeof t->question, v->air ? "point" : "object");
  if (!v->air) snprintf(t->answer, sizeof t->answer, "%.31s", v->scene.name[0]);
}

// The task at first, then how the last chunk ended.
static void say(env_reach *v, const char *status) {
  const double *p = v->scene.point;
  if (status)
    snprintf(v->text, sizeof v->text, "%s\n<image>", status);
  else if (v->air)
    snprintf(v->text, sizeof v->text, "reach the point %.3f %.3f %.3f\n<image>", p[0], p[1], p[2]);
  else
    snprintf(v->text, sizeof v->text, "reach the %s\n<image>", v->scene.name[0]);
}

static void env_lazy(void *self) {
  ((env_reach *)self)->lazy = true;
}

static gaze_err env_render(void *self, uint8_t *rgb) {
  env_reach *v = self;
  return gaze_scene_render(&gaze_ops_cpu, v->ex, v->now, v->scene.n, &VIEWER, v->image_size, rgb,
                           NULL, NULL);
}

static gaze_err observe(env_reach *v, const char *status, bool last, gaze_obs *obs) {
  if (!v->lazy) GAZE_TRY(env_render(v, v->rgb));
  v->image = (gaze_image){.rgb = v->lazy ? NULL : v->rgb,
                          .w = v->image_size,
                          .h = v->image_size,
                          .camera = "viewer",
                          .time_ns = (int64_t)v->steps * (1000000000 / GAZE_REACH_HZ)};
  say(v, status);
  if (v->tell) fill_truth(v);
  *obs = (gaze_obs){.image = &v->image,
                    .images = 1,
                    .text = v->text,
                    .robot = &v->state,
                    .turn = v->turn,
                    .first = status == NULL,
                    .last = last,
                    .truth = v->tell ? &v->truth : NULL};
  return GAZE_OK;
}

static gaze_err env_reset(void *self, uint64_t seed, gaze_obs *obs) {
  env_reach *v = self;
  v->playing = false;
  gaze_world_close(&v->world);
  GAZE_TRY(reach_draw(&v->scene, &v->arm, v->air, v->distractors, seed));
  GAZE_TRY(gaze_world_open_arm(&v->world, v->scene.body, v->scene.n, v->robot));
  GAZE_TRY(gaze_world_settle(v->world, SETTLE_S));
  memcpy(v->told, v->arm.home, sizeof v->told);
  v->open = 1.0;
  v->steps = v->held = 0;
  v->turn = 0;
  reach_look(v);
  GAZE_TRY(observe(v, NULL, false, obs));
  v->playing = true;
  return GAZE_OK;
}

static gaze_err check_chunk(const env_reach *v, const gaze_act *act) {
  if (!v->playing)
    return gaze_fail(GAZE_ERR_STATE, "reach: step: the episode is over, reset first");
  if (!act->chunk)
    return gaze_fail(GAZE_ERR_ARG, "reach: act: expected a chunk of actions, found text");
  if (act->dims != GAZE_REACH_DIMS || act->steps < 1 || act->steps > GAZE_REACH_CHUNK_MAX)
    return gaze_fail(GAZE_ERR_ARG, "reach: act: expected a chunk [1..%d,%d], found [%d,%d]",
                     GAZE_REACH_CHUNK_MAX, GAZE_REACH_DIMS, act->steps, act->dims);
  for (int i = 0; i < act->steps * act->dims; i++)
    if (!isfinite(act->chunk[i]))
      return gaze_fail(GAZE_ERR_ARG, "reach: act: chunk[%d][%d]: expected a finite number",
                       i / act->dims, i % act->dims);
  return GAZE_OK;
}

// Carries the chunk out until it or the episode ends.
static gaze_err play(env_reach *v, const gaze_act *act, gaze_outcome *out) {
  for (int k = 0; k < act->steps && !out->terminated && !out->truncated; k++) {
    reach_move done;
    gaze_err err = reach_act(v, act->chunk + k * act->dims, &done);
    v->steps++, out->steps++;
    out->clipped += done.clipped;
    if (err == GAZE_ERR_DEVICE) {
      // what physics says now is worth nothing: the last sound look stays
      out->truncated = true;
      out->status = "fault";
      return GAZE_OK;
    }
    GAZE_TRY(err);
    reach_look(v);
    v->held = at_goal(v) ? v->held + 1 : 0;
    out->correct = out->terminated = v->held >= GAZE_REACH_HOLD;
    out->truncated = !out->terminated && v->steps >= v->max_steps;
    if (out->truncated) out->status = "timeout";
    if (!done.blocked) continue;
    if (!out->truncated) out->status = "blocked";
    break;
  }
  return GAZE_OK;
}

static gaze_err env_step(void *self, const gaze_act *act, gaze_obs *obs, gaze_outcome *out) {
  env_reach *v = self;
  GAZE_TRY(check_chunk(v, act));
  *out = (gaze_outcome){
      .choice = -1, .format = true, .action = true, .status = "ok", .max_steps = v->max_steps};
  v->turn++;
  gaze_err err = play(v, act, out);
  out->goal_dist = (float)distance(v);
  out->reward = gaze_reach_reward(out);
  const bool over = out->terminated || out->truncated;
  if (!err) err = observe(v, out->status, over, obs);
  if (err || over) v->playing = false;
  return err;
}

static void env_space(const void *self, gaze_space *s) {
  static const float limit[GAZE_REACH_DIMS] = {(float)GAZE_REACH_MOVE_MAX,
                                               (float)GAZE_REACH_MOVE_MAX,
                                               (float)GAZE_REACH_MOVE_MAX,
                                               (float)GAZE_REACH_TURN_MAX,
                                               (float)GAZE_REACH_TURN_MAX,
                                               (float)GAZE_REACH_TURN_MAX,
                                               1};
  const env_reach *v = self;
  *s = (gaze_space){.image_h = v->image_size,
                    .image_w = v->image_size,
                    .max_steps = v->max_steps,
                    .control_hz = GAZE_REACH_HZ,
                    .joints = v->arm.chain.n,
                    .limit = limit};
}

const gaze_env gaze_env_reach = {.name = "reach",
                                 .act_dims = GAZE_REACH_DIMS,
                                 .embodied = true,
                                 .open = env_open,
                                 .reset = env_reset,
                                 .step = env_step,
                                 .close = env_close,
                                 .space = env_space,
                                 .lazy = env_lazy,
                                 .render = env_render};
