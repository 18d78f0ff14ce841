// sim/world.c - opening, stepping, settling, saving and restoring a MuJoCo world.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/world_internal.h"
#include "sim/world_mujoco.h"

static const double STILL_SPEED = 0.005;  // [m/s]
static const double STILL_SPIN = 0.05;    // [rad/s]
static const int STILL_STEPS = 100;       // 0.2 s

static gaze_err check_body(const gaze_body *b, int i) {
  double sum = 0.0;  // x * 0 is 0 for finite x and NaN otherwise
  for (int k = 0; k < 3; k++) sum += (double)b->pos[k] * 0.0;
  for (int k = 0; k < 9; k++) sum += (double)b->rot[k] * 0.0;
  if (!(sum == 0.0))
    return gaze_fail(GAZE_ERR_ARG, "world: field bodies[%d].pos, rot: expected finite numbers", i);
  if (!(b->half >= 0.001f && b->half <= 0.2f))
    return gaze_fail(GAZE_ERR_RANGE, "world: field bodies[%d].half: expected 0.001..0.2 m, got %g",
                     i, (double)b->half);
  if (b->shape != GAZE_SHAPE_CUBE && b->shape != GAZE_SHAPE_SPHERE &&
      b->shape != GAZE_SHAPE_CYLINDER)
    return gaze_fail(GAZE_ERR_RANGE, "world: field bodies[%d].shape: unknown shape", i);
  return GAZE_OK;
}

gaze_err gaze_world_version(int *version) {
  if (version == NULL)
    return gaze_fail(GAZE_ERR_ARG, "world: field version: expected a place for the number");
  *version = mj_version();
  if (*version != mjVERSION_HEADER)
    return gaze_fail(GAZE_ERR_UNSUPPORTED,
                     "world: MuJoCo library is %d, expected %d as its headers", *version,
                     mjVERSION_HEADER);
  return GAZE_OK;
}

// Describes, compiles and parks.
static gaze_err open_parts(gaze_world *w, const char *robot) {
  mjSpec *spec = NULL;
  if (robot) GAZE_TRY(gaze_arm_open(w, robot, &spec));
  GAZE_TRY(gaze_world_build(w, spec));
  if (w->arm) gaze_arm_park(w);
  w->state_n = mj_stateSize(w->m, mjSTATE_INTEGRATION);
  w->state = malloc((size_t)w->state_n * sizeof *w->state);
  return w->state ? GAZE_OK : gaze_fail(GAZE_ERR_NOMEM, "world: no memory for a state");
}

gaze_err gaze_world_open(gaze_world **w, const gaze_body *bodies, int n) {
  return gaze_world_open_arm(w, bodies, n, NULL);
}

gaze_err gaze_world_open_arm(gaze_world **out, const gaze_body *bodies, int n, const char *robot) {
  if (out == NULL) return gaze_fail(GAZE_ERR_ARG, "world: field w: expected a place for the world");
  *out = NULL;
  if (n < 0 || n > GAZE_SCENE_BODIES_MAX || (n > 0 && bodies == NULL))
    return gaze_fail(GAZE_ERR_ARG, "world: field n: expected 0..%d bodies, got %d",
                     GAZE_SCENE_BODIES_MAX, n);
  int version = 0;
  GAZE_TRY(gaze_world_version(&version));
  for (int i = 0; i < n; i++) GAZE_TRY(check_body(&bodies[i], i));

  gaze_world *w = calloc(1, sizeof *w);
  if (w == NULL) return gaze_fail(GAZE_ERR_NOMEM, "world: no memory for a world");
  w->n = n;
  w->held = -1;
  if (n > 0) memcpy(w->body, bodies, (size_t)n * sizeof *bodies);
  gaze_err e = open_parts(w, robot);
  if (e != GAZE_OK) {
    gaze_world_close(&w);
    return e;
  }
  for (int i = 0; i < n; i++)
    if (w->body[i].gone) gaze_world_park(w, i);
  *out = w;
  return GAZE_OK;
}

void gaze_world_close(gaze_world **w) {
  if (w == NULL || *w == NULL) return;
  mj_deleteData((*w)->d);
  mj_deleteModel((*w)->m);
  free((*w)->state);
  free((*w)->arm);
  free(*w);
  *w = NULL;
}

mjModel *gaze_world_model(gaze_world *w) {
  return w->m;
}

mjData *gaze_world_data(gaze_world *w) {
  return w->d;
}

void gaze_world_refresh(gaze_world *w) {
  mj_getState(w->m, w->d, w->state, mjSTATE_INTEGRATION);
  mj_resetData(w->m, w->d);
  mj_setState(w->m, w->d, w->state, mjSTATE_INTEGRATION);
}

// Looked at before MuJoCo does: it would write a log file of its own and go on with what it has.
static bool finite_state(const gaze_world *w) {
  double sum = 0.0;
  for (int k = 0; k < w->m->nq; k++) sum += w->d->qpos[k] * 0.0;
  for (int k = 0; k < w->m->nv; k++) sum += w->d->qvel[k] * 0.0;
  return sum == 0.0;
}

gaze_err gaze_world_step(gaze_world *w) {
  if (!finite_state(w))
    return gaze_fail(GAZE_ERR_DEVICE, "world: positions or velocities are not numbers at %.3f s",
                     w->d->time);
  mj_step(w->m, w->d);
  for (int k = 0; k < mjNWARNING; k++)
    if (w->d->warning[k].number > 0)
      return gaze_fail(GAZE_ERR_DEVICE, "world: MuJoCo warning %d at %.3f s", k, w->d->time);
  return GAZE_OK;
}

static bool still(const gaze_world *w) {
  for (int i = 0; i < w->n; i++) {
    const mjtNum *v = w->d->qvel + w->qvel[i];
    if (!(mju_norm3(v) < STILL_SPEED && mju_norm3(v + 3) < STILL_SPIN)) return false;
  }
  return true;
}

gaze_err gaze_world_settle(gaze_world *w, double limit_s) {
  if (!(limit_s >= 0.0 && limit_s <= 1e4))
    return gaze_fail(GAZE_ERR_RANGE, "world: field limit_s: expected 0..1e4 s");
  gaze_world_refresh(w);
  int calm = 0;
  for (long k = 0; (double)k * w->m->opt.timestep < limit_s; k++) {
    GAZE_TRY(gaze_world_step(w));
    calm = still(w) ? calm + 1 : 0;
    // what sleeps cannot move again by itself, so waiting longer tells nothing
    if (calm >= STILL_STEPS || (calm > 0 && w->d->ntree_awake == 0)) return GAZE_OK;
  }
  if (w->n == 0) return GAZE_OK;
  return gaze_fail(GAZE_ERR_TIMEOUT, "world: objects still move after %g s", limit_s);
}

double gaze_world_time(const gaze_world *w) {
  return w->d->time;
}

void gaze_world_bodies(const gaze_world *w, gaze_body *bodies) {
  for (int i = 0; i < w->n; i++) {
    bodies[i] = w->body[i];
    if (w->body[i].gone) continue;
    const mjtNum *q = w->d->qpos + w->qpos[i];
    mjtNum rot[9];
    mju_quat2Mat(rot, q + 3);
    for (int k = 0; k < 3; k++) bodies[i].pos[k] = (float)q[k];
    for (int k = 0; k < 9; k++) bodies[i].rot[k] = (float)rot[k];
  }
}

size_t gaze_world_state_bytes(const gaze_world *w) {
  return sizeof w->held + sizeof w->body + (size_t)w->state_n * sizeof *w->state;
}

void gaze_world_save(const gaze_world *w, void *state) {
  unsigned char *p = state;
  memcpy(p, &w->held, sizeof w->held);
  memcpy(p + sizeof w->held, w->body, sizeof w->body);
  // through the scratch: the caller's bytes need not be aligned
  mj_getState(w->m, w->d, w->state, mjSTATE_INTEGRATION);
  memcpy(p + sizeof w->held + sizeof w->body, w->state, (size_t)w->state_n * sizeof *w->state);
}

gaze_err gaze_world_restore(gaze_world *w, const void *state) {
  if (state == NULL) return gaze_fail(GAZE_ERR_ARG, "world: field state: expected saved bytes");
  const unsigned char *p = state;
  int held = 0;
  gaze_body body[GAZE_SCENE_BODIES_MAX];
  memcpy(&held, p, sizeof held);
  memcpy(body, p + sizeof held, sizeof body);
  bool same = held >= -1 && held < w->n;
  for (int i = 0; i < w->n; i++)
    same = same && body[i].shape == w->body[i].shape && body[i].half == w->body[i].half;
  if (!same) return gaze_fail(GAZE_ERR_FORMAT, "world: field state: belongs to another scene");

  memcpy(w->state, p + sizeof held + sizeof body, (size_t)w->state_n * sizeof *w->state);
  for (int k = 0; k < w->state_n; k++)
    if (!isfinite(w->state[k]))
      return gaze_fail(GAZE_ERR_FORMAT, "world: field state: expected finite numbers");
  w->held = held;
  memcpy(w->body, body, sizeof body);
  mj_resetData(w->m, w->d);
  mj_setState(w->m, w->d, w->state, mjSTATE_INTEGRATION);
  return GAZE_OK;
}
