// sim/build.c - describes a scene to MuJoCo (mjSpec) and compiles it.
#include <stdio.h>
#include "sim/world_internal.h"

static const double FLOOR_Z = -0.50;  // parked objects stand here, out of every view
static const double PARK_GAP = 0.20;

// Stiff enough that a resting object sinks by some hundredths of a millimetre; the time constant
// must stay above two steps.
static void contact(mjsGeom *g) {
  g->condim = 6;
  g->friction[0] = 1.0, g->friction[1] = 0.005, g->friction[2] = 0.002;
  g->solref[0] = 0.006, g->solref[1] = 1.0;
}

static void fixed_box(mjsBody *world, const double pos[3], const double half[3]) {
  mjsGeom *g = mjs_addGeom(world, NULL);
  g->type = mjGEOM_BOX;
  for (int i = 0; i < 3; i++) g->pos[i] = pos[i], g->size[i] = half[i];
  contact(g);
}

static void fixed_parts(mjsBody *world) {
  double table[3] = {0.0, 0.0, -GAZE_TABLE_HALF_Z};
  double table_half[3] = {GAZE_TABLE_HALF_X, GAZE_TABLE_HALF_Y, GAZE_TABLE_HALF_Z};
  double tray[3] = {GAZE_TRAY_X, GAZE_TRAY_Y, 0.5 * GAZE_TRAY_TOP};
  double tray_half[3] = {GAZE_TRAY_HALF, GAZE_TRAY_HALF, 0.5 * GAZE_TRAY_TOP};
  fixed_box(world, table, table_half);
  fixed_box(world, tray, tray_half);

  mjsGeom *floor = mjs_addGeom(world, NULL);
  floor->type = mjGEOM_PLANE;
  floor->pos[2] = FLOOR_Z;
  floor->size[2] = 1.0;  // the first two at 0: infinite
  contact(floor);
}

static void object(mjsBody *world, const gaze_body *b, const char *name) {
  mjsBody *body = mjs_addBody(world, NULL);
  mjs_setName(body->element, name);
  mjtNum rot[9];
  for (int i = 0; i < 9; i++) rot[i] = (mjtNum)b->rot[i];
  for (int i = 0; i < 3; i++) body->pos[i] = (double)b->pos[i];
  mju_mat2Quat(body->quat, rot);
  mjs_addFreeJoint(body);

  mjsGeom *g = mjs_addGeom(body, NULL);
  g->type = b->shape == GAZE_SHAPE_CUBE     ? mjGEOM_BOX
            : b->shape == GAZE_SHAPE_SPHERE ? mjGEOM_SPHERE
                                            : mjGEOM_CYLINDER;
  for (int i = 0; i < 3; i++) g->size[i] = (double)b->half;
  g->density = 300.0;
  for (int i = 0; i < 3; i++) g->rgba[i] = b->rgb[i];
  contact(g);
}

// The hand takes the pose of what it grasps, so the relative pose is always the identity.
static void weld(mjSpec *s, const char *name) {
  mjsEquality *e = mjs_addEquality(s, NULL);
  mjs_setName(e->element, name);
  e->type = mjEQ_WELD;
  e->objtype = mjOBJ_BODY;
  e->active = 0;
  mjs_setString(e->name1, "hand");
  mjs_setString(e->name2, name);
  for (int i = 0; i < mjNEQDATA; i++) e->data[i] = 0.0;
  e->data[6] = 1.0;   // quaternion w: an explicit pose, not the one at compile time
  e->data[10] = 1.0;  // torque scale [m]
  e->solref[0] = 0.006;
}

// What only an arm needs: stiff servos are stepped implicitly, and what it holds must not creep
// between the pads (friction ten times as hard as the contact).
static void arm_options(mjSpec *s) {
  s->option.integrator = mjINT_IMPLICITFAST;
  s->option.impratio = 10.0;
  s->memory = 16 << 20;
}

static void hand(mjsBody *world) {
  mjsBody *b = mjs_addBody(world, NULL);
  mjs_setName(b->element, "hand");
  b->mocap = 1;
  b->pos[2] = 0.5;
}

static void describe(const gaze_world *w, mjSpec *s) {
  s->option.timestep = 0.002;
  s->option.cone = mjCONE_ELLIPTIC;
  s->option.iterations = 20;
  s->option.ls_iterations = 20;
  // objects at rest leave the computation; a slow topple must not: 0.2 mm/s over ten steps is the
  // start of a fall from 0.1 mm past the balance point
  s->option.enableflags |= mjENBL_SLEEP;
  s->option.sleep_tolerance = 2e-4;
  s->option.disableflags |= mjDSBL_AUTORESET;
  s->memory = 2 << 20;

  mjsBody *world = mjs_findBody(s, "world");
  fixed_parts(world);
  if (w->arm)
    arm_options(s);
  else
    hand(world);
  for (int i = 0; i < w->n; i++) {
    char name[24];
    snprintf(name, sizeof name, "object%d", i);
    object(world, &w->body[i], name);
    if (w->arm == NULL) weld(s, name);
  }
}

gaze_err gaze_world_build(gaze_world *w, mjSpec *robot) {
  mjSpec *s = robot ? robot : mj_makeSpec();
  if (s == NULL) return gaze_fail(GAZE_ERR_NOMEM, "world: MuJoCo cannot make a model description");
  describe(w, s);
  w->m = mj_compile(s, NULL);
  if (w->m == NULL) {
    gaze_fail(GAZE_ERR_FORMAT, "world: MuJoCo refuses the model: %s", mjs_getError(s));
    mj_deleteSpec(s);
    return GAZE_ERR_FORMAT;
  }
  mj_deleteSpec(s);
  w->d = mj_makeData(w->m);
  if (w->d == NULL) return gaze_fail(GAZE_ERR_NOMEM, "world: MuJoCo cannot make its data");

  for (int i = 0; i < w->n; i++) {
    char name[24];
    snprintf(name, sizeof name, "object%d", i);
    int body = mj_name2id(w->m, mjOBJ_BODY, name);
    int joint = w->m->body_jntadr[body];
    w->qpos[i] = w->m->jnt_qposadr[joint];
    w->qvel[i] = w->m->jnt_dofadr[joint];
    w->weld[i] = mj_name2id(w->m, mjOBJ_EQUALITY, name);
  }
  return GAZE_OK;
}

void gaze_world_park(gaze_world *w, int i) {
  mjtNum *q = w->d->qpos + w->qpos[i];
  q[0] = PARK_GAP * i, q[1] = 0.0, q[2] = FLOOR_Z + (double)w->body[i].half;
  q[3] = 1.0, q[4] = q[5] = q[6] = 0.0;
  mju_zero(w->d->qvel + w->qvel[i], 6);
}
