// envs/reach/scene.c - draws a table and a goal; see reach_internal.h.
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "envs/reach/reach_internal.h"
#include "motion/ik.h"

enum { COLOURS = 7, SHAPES = 3, SIZES = 2, KINDS = COLOURS * SHAPES * SIZES, DRAWS = 100 };

static const struct {
  const char *name;
  float rgb[3];
} colour[COLOURS] = {
    {"red", {0.68f, 0.14f, 0.14f}},   {"blue", {0.16f, 0.29f, 0.84f}},
    {"green", {0.11f, 0.41f, 0.08f}}, {"purple", {0.51f, 0.15f, 0.75f}},
    {"cyan", {0.16f, 0.82f, 0.82f}},  {"yellow", {1.0f, 0.93f, 0.2f}},
    {"gray", {0.34f, 0.34f, 0.34f}},
};
static const char *const shape[SHAPES] = {"cube", "sphere", "cylinder"};  // as gaze_shape
static const char *const size[SIZES] = {"small", "large"};
static const double PI = 3.14159265358979323846;
static const float HALF[SIZES] = {0.018f, 0.036f};              // [m]
static const double X_MAX = 0.22, Y_MIN = -0.16, Y_MAX = 0.12;  // where things lie [m]
static const double Z_MIN = 0.08, Z_MAX = 0.35;                 // of a point in the air [m]
static const float APART = 0.13f;  // of centres: an open hand fits between [m]

static void dress(reach_scene *s, int i, int kind) {
  const int c = kind / (SHAPES * SIZES), f = kind / SIZES % SHAPES, k = kind % SIZES;
  s->body[i].shape = (gaze_shape)f;
  s->body[i].half = HALF[k];
  memcpy(s->body[i].rgb, colour[c].rgb, sizeof colour[c].rgb);
  snprintf(s->name[i], sizeof s->name[i], "%s %s %s", size[k], colour[c].name, shape[f]);
}

static bool clear_of(const reach_scene *s, int i) {
  for (int k = 0; k < i; k++)
    if (hypotf(s->body[i].pos[0] - s->body[k].pos[0], s->body[i].pos[1] - s->body[k].pos[1]) <
        APART)
      return false;
  return true;
}

static bool lay_out(reach_scene *s, gaze_rng *rng) {
  for (int i = 0; i < s->n; i++) {
    gaze_body *b = &s->body[i];
    const float yaw = (float)gaze_rng_real(rng, 0.0, 1.5707963), c = cosf(yaw), sn = sinf(yaw);
    const float rot[9] = {c, -sn, 0, sn, c, 0, 0, 0, 1};
    memcpy(b->rot, rot, sizeof rot);
    bool free = false;
    for (int k = 0; k < 20 && !free; k++) {
      b->pos[0] = (float)gaze_rng_real(rng, -X_MAX, X_MAX);
      b->pos[1] = (float)gaze_rng_real(rng, Y_MIN, Y_MAX);
      b->pos[2] = b->half;
      free = clear_of(s, i);
    }
    if (!free) return false;
  }
  return true;
}

void reach_tilt(const gaze_pose *tool, double turn[3]) {
  const double z[3] = {0.0, 0.0, 1.0}, down[3] = {0.0, 0.0, -1.0};
  double axis[3];
  gaze_pose_direction(axis, tool, z);
  gaze_vec_cross(turn, axis, down);
  const double sine = sqrt(gaze_vec_dot(turn, turn)), cosine = gaze_vec_dot(axis, down);
  if (sine > 1e-9) {
    for (int k = 0; k < 3; k++) turn[k] *= atan2(sine, cosine) / sine;
  } else {
    // a hand pointing straight up may turn over any way
    turn[0] = cosine < 0.0 ? PI : 0.0, turn[1] = turn[2] = 0.0;
  }
}

void reach_turn(gaze_pose *pose, const double turn[3]) {
  const double angle = sqrt(gaze_vec_dot(turn, turn));
  if (angle == 0.0) return;
  const double axis[3] = {turn[0] / angle, turn[1] / angle, turn[2] / angle};
  gaze_pose by = gaze_pose_identity(), at = {.quat = {1.0, 0.0, 0.0, 0.0}};
  gaze_quat_axis(by.quat, axis, angle);
  memcpy(at.quat, pose->quat, sizeof at.quat);
  at = gaze_pose_mul(&by, &at);
  memcpy(pose->quat, at.quat, sizeof at.quat);
}

// A goal without a posture would be no task.
static bool within_reach(const reach_scene *s, const gaze_arm *arm) {
  gaze_pose target = gaze_chain_fk(&arm->chain, arm->home, NULL);
  double turn[3], q[GAZE_CHAIN_JOINTS_MAX];
  reach_tilt(&target, turn);
  reach_turn(&target, turn);
  reach_goal(s, s->body, target.pos);
  gaze_ik ik = gaze_ik_default(&target);
  ik.home = arm->home;
  ik.restarts = 2;
  return gaze_ik_solve(&arm->chain, &ik, arm->home, q) == GAZE_OK;
}

void reach_goal(const reach_scene *s, const gaze_body *now, double goal[3]) {
  if (s->air) {
    memcpy(goal, s->point, sizeof s->point);
    return;
  }
  for (int k = 0; k < 3; k++) goal[k] = (double)now[0].pos[k];
  goal[2] += (double)now[0].half + GAZE_REACH_ABOVE;
}

gaze_err reach_draw(reach_scene *s, const gaze_arm *arm, bool air, int distractors, uint64_t seed) {
  gaze_rng rng;
  gaze_rng_init(&rng, seed, 0x2EAC);
  for (int k = 0; k < DRAWS; k++) {
    int kind[KINDS];
    *s = (reach_scene){.air = air};
    for (int i = 0; i < KINDS; i++) kind[i] = i;
    gaze_rng_shuffle(&rng, kind, KINDS);
    s->n = distractors < 0 ? gaze_rng_int(&rng, 0, 3) : distractors;
    s->n += !air;
    for (int i = 0; i < s->n; i++) dress(s, i, kind[i]);
    s->point[0] = gaze_rng_real(&rng, -X_MAX, X_MAX);
    s->point[1] = gaze_rng_real(&rng, Y_MIN, Y_MAX);
    s->point[2] = gaze_rng_real(&rng, Z_MIN, Z_MAX);
    // as precise as the words say it
    for (int i = 0; i < 3; i++) s->point[i] = round(1e3 * s->point[i]) * 1e-3;
    if (lay_out(s, &rng) && within_reach(s, arm)) return GAZE_OK;
  }
  return gaze_fail(GAZE_ERR_NOTFOUND,
                   "reach: seed %llu: no goal within the arm's reach in %d draws",
                   (unsigned long long)seed, DRAWS);
}
