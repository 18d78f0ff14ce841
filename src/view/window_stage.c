// view/window_stage.c - the scene in three dimensions: MuJoCo's renderer and mouse.
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "sim/world_mujoco.h"
#include "view/window_internal.h"

static const float UNSEEN_ALPHA = 0.30f;  // of objects that no view has shown so far
// not quite opaque: such surfaces take no shadow, whose map is too coarse for an endless floor
static const float FLOOR[4] = {0.14f, 0.17f, 0.21f, 0.99f};
static const double SAME_PLACE = 0.002;  // a known object stands where a body stands [m]
static const double STEP_MAX_S = 0.05;   // of the copy's physics per picture

void view_stage_init(view_stage *t) {
  *t = (view_stage){0};
  mjv_defaultScene(&t->scene);
  mjv_defaultOption(&t->option);
  mjv_defaultPerturb(&t->pert);
  t->option.label = mjLABEL_NONE;
  t->option.flags[mjVIS_PERTFORCE] = 1;
  mjv_defaultCamera(&t->camera);
  // the table and the arrow of the policy's camera, which stands in front
  t->camera.azimuth = 125.0, t->camera.elevation = -33.0, t->camera.distance = 1.8;
  t->camera.lookat[1] = -0.15, t->camera.lookat[2] = 0.08;
}

void view_stage_fini(view_stage *t) {
  mjv_freeScene(&t->scene);
  gaze_world_close(&t->world);
}

// ---- what stands there ----

static int body_id(const mjModel *m, int i) {
  char name[24];
  snprintf(name, sizeof name, "object%d", i);
  return mj_name2id(m, mjOBJ_BODY, name);
}

// The world's model knows shapes only: the table and the tray get the colours the policy sees, the
// floor under them is the background. What was picked lies down there and is not drawn.
static void paint(view_stage *t) {
  mjModel *m = gaze_world_model(t->world);
  gaze_prim prim[GAZE_SCENE_PRIMS_MAX];
  gaze_scene_prims(NULL, 0, prim);  // the table, then the tray: in the order of the fixed geoms
  for (int g = 0, fixed = 0; g < m->ngeom; g++) {
    float *rgba = m->geom_rgba + 4 * g;
    if (m->geom_type[g] == mjGEOM_PLANE)
      memcpy(rgba, FLOOR, sizeof FLOOR);
    else if (m->geom_bodyid[g] == 0 && fixed < 2)
      memcpy(rgba, prim[fixed++].rgb, sizeof prim[0].rgb);
  }
  for (int i = 0; i < t->bodies; i++) {
    float *rgba = m->geom_rgba + 4 * m->body_geomadr[body_id(m, i)];
    memcpy(rgba, t->body[i].rgb, sizeof t->body[i].rgb);
    rgba[3] = t->body[i].gone ? 0.0f : t->known[i] ? 1.0f : UNSEEN_ALPHA;
  }
}

void view_stage_restore(view_stage *t) {
  t->copy = false;
  t->pert.active = 0;
  if (!t->world) return;
  mjModel *m = gaze_world_model(t->world);
  mjData *d = gaze_world_data(t->world);
  mj_resetData(m, d);
  for (int i = 0; i < t->bodies; i++) {
    if (t->body[i].gone) continue;
    mjtNum *q = d->qpos + m->jnt_qposadr[m->body_jntadr[body_id(m, i)]], rot[9];
    for (int k = 0; k < 3; k++) q[k] = (mjtNum)t->body[i].pos[k];
    for (int k = 0; k < 9; k++) rot[k] = (mjtNum)t->body[i].rot[k];
    mju_mat2Quat(q + 3, rot);
  }
  mj_forward(m, d);
}

static bool same_things(const view_stage *t, const gaze_truth *truth) {
  if (!t->world || t->bodies != truth->bodies) return false;
  for (int i = 0; i < t->bodies; i++)
    if (t->body[i].shape != truth->body[i].shape || t->body[i].half != truth->body[i].half)
      return false;
  return true;
}

static gaze_err make_world(view_stage *t, const gaze_truth *truth) {
  mjv_freeScene(&t->scene);
  gaze_world_close(&t->world);
  t->pert.select = 0;
  GAZE_TRY(gaze_world_open(&t->world, truth->body, truth->bodies));
  mjModel *m = gaze_world_model(t->world);
  m->vis.quality.shadowsize = 2048;
  for (int k = 0; k < 3; k++)
    m->vis.headlight.ambient[k] = 0.35f, m->vis.headlight.diffuse[k] = 0.3f;
  // a hand's push, not a crane's
  m->vis.map.force = 0.05f;
  m->stat.extent = 1.0;
  m->stat.center[0] = m->stat.center[1] = m->stat.center[2] = 0.0;
  mjv_makeScene(m, &t->scene, 200);
  return GAZE_OK;
}

// a body is known when some known object stands where it stands
static void mark_known(view_stage *t, const gaze_truth *truth) {
  gaze_known_object known[GAZE_KNOWN_MAX];
  int n = gaze_known_read(truth->known, known);
  for (int i = 0; i < t->bodies; i++) {
    t->known[i] = n == 0;
    for (int k = 0; k < n; k++) {
      const float *a = known[k].pos, *b = t->body[i].pos;
      double far =
          fabs((double)(a[0] - b[0])) + fabs((double)(a[1] - b[1])) + fabs((double)(a[2] - b[2]));
      t->known[i] = t->known[i] || far < SAME_PLACE;
    }
  }
}

gaze_err view_stage_show(view_stage *t, const gaze_shot *s, bool *remade) {
  const gaze_truth *truth = &s->truth;
  *remade = false;
  if (!s->has_truth || truth->bodies == 0) {
    mjv_freeScene(&t->scene);
    gaze_world_close(&t->world);
    return GAZE_OK;
  }
  bool same = same_things(t, truth);
  bool still = same && memcmp(t->body, truth->body, sizeof t->body) == 0;
  if (!same) GAZE_TRY(make_world(t, truth));
  *remade = !same;
  memcpy(t->body, truth->body, sizeof t->body);
  t->bodies = truth->bodies;
  t->viewer = truth->viewer;
  mark_known(t, truth);
  paint(t);
  // what was moved by hand stays moved until the episode moves on
  if (!still) view_stage_restore(t);
  return GAZE_OK;
}

// ---- drawing ----

// Both eyes at the policy's camera; only the first is drawn.
static void look_as_policy(view_stage *t) {
  gaze_camera c = gaze_scene_camera(&t->viewer, 448);
  for (int eye = 0; eye < 2; eye++) {
    mjvGLCamera *g = &t->scene.camera[eye];
    for (int i = 0; i < 3; i++) {
      g->pos[i] = c.pos[i];
      g->up[i] = c.rot[3 * i + 1];
      g->forward[i] = -c.rot[3 * i + 2];
    }
    g->frustum_center = 0.0f, g->frustum_width = 0.0f;
    g->frustum_near = 0.05f, g->frustum_far = 60.0f;
    g->frustum_top = 0.05f * 0.5f * (float)c.h / c.fy;
    g->frustum_bottom = -g->frustum_top;
    g->orthographic = 0;
  }
}

// the key light of the pictures, here with a shadow: it shows what stands on what
static void add_light(view_stage *t) {
  if (t->scene.nlight >= mjMAXLIGHT) return;
  const gaze_light light = gaze_scene_light();
  mjvLight *l = &t->scene.lights[t->scene.nlight++];
  *l = (mjvLight){.id = -1, .type = mjLIGHT_DIRECTIONAL, .texid = -1, .castshadow = 1};
  l->attenuation[0] = 1.0f;
  for (int k = 0; k < 3; k++) {
    l->dir[k] = -light.dir[0][k], l->pos[k] = 2.0f * light.dir[0][k];
    l->diffuse[k] = light.strength[0];
  }
}

// an arrow that looks as the policy's camera does
static void add_viewer(view_stage *t) {
  if (t->scene.ngeom >= t->scene.maxgeom) return;
  gaze_camera c = gaze_scene_camera(&t->viewer, 448);
  const float rgba[4] = {1.0f, 0.69f, 0.13f, 0.9f};
  mjtNum from[3], to[3];
  for (int i = 0; i < 3; i++) {
    from[i] = (mjtNum)c.pos[i];
    to[i] = from[i] - 0.10 * (mjtNum)c.rot[3 * i + 2];
  }
  mjvGeom *g = &t->scene.geoms[t->scene.ngeom++];
  mjv_initGeom(g, mjGEOM_ARROW, NULL, NULL, NULL, rgba);
  mjv_connector(g, mjGEOM_ARROW, 0.006, from, to);
  g->category = mjCAT_DECOR;
}

static void step_copy(view_stage *t, double now_s) {
  mjModel *m = gaze_world_model(t->world);
  mjData *d = gaze_world_data(t->world);
  double left = fmin(now_s - t->time_s, STEP_MAX_S);
  t->time_s = now_s;
  for (; left > 0.0; left -= m->opt.timestep) {
    mju_zero(d->xfrc_applied, (int)(6 * m->nbody));
    mjv_applyPerturbForce(m, d, &t->pert);
    mj_step(m, d);
  }
  // thrown about too wildly, the copy starts again
  for (int k = 0; k < mjNWARNING; k++)
    if (d->warning[k].number > 0) {
      view_stage_restore(t);
      return;
    }
}

void view_stage_draw(view_stage *t, mjrRect at, double now_s, const mjrContext *draw) {
  if (t->copy) step_copy(t, now_s);
  mjv_updateScene(gaze_world_model(t->world), gaze_world_data(t->world), &t->option, &t->pert,
                  &t->camera, mjCAT_ALL, &t->scene);
  add_light(t);
  if (t->policy_eye)
    look_as_policy(t);
  else
    add_viewer(t);
  mjr_render(at, &t->scene, draw);
}

bool view_stage_moves(const view_stage *t) {
  if (!t->world || !t->copy) return false;
  return t->pert.active || gaze_world_data(t->world)->ntree_awake > 0;
}

// ---- the mouse ----

void view_stage_drag(view_stage *t, int action, double dx, double dy) {
  if (!t->world) return;
  const mjModel *m = gaze_world_model(t->world);
  if (t->pert.active) {
    mjv_movePerturb(m, gaze_world_data(t->world), action, dx, dy, &t->scene, &t->pert);
  } else {
    t->policy_eye = false;
    mjv_moveCamera(m, action, dx, dy, &t->camera);
  }
}

void view_stage_zoom(view_stage *t, double amount) {
  if (!t->world) return;
  t->policy_eye = false;
  mjv_moveCamera(gaze_world_model(t->world), mjMOUSE_ZOOM, 0.0, amount, &t->camera);
}

void view_stage_select(view_stage *t, double x, double y, double aspect, bool centre) {
  if (!t->world) return;
  mjtNum point[3];
  int geom, flex, skin;
  int body = mjv_select(gaze_world_model(t->world), gaze_world_data(t->world), &t->option, aspect,
                        x, y, &t->scene, point, &geom, &flex, &skin);
  if (centre && body >= 0) {
    mju_copy3(t->camera.lookat, point);
    return;
  }
  mjv_defaultPerturb(&t->pert);
  if (body <= 0) return;  // nothing, or what is fixed
  t->pert.select = body;
  mjtNum to[3];
  const mjData *d = gaze_world_data(t->world);
  mju_sub3(to, point, d->xpos + 3 * body);
  mju_mulMatTVec(t->pert.localpos, d->xmat + 9 * body, to, 3, 3);
}

bool view_stage_grab(view_stage *t, int perturbation) {
  if (!t->world || t->pert.select <= 0) return false;
  if (perturbation && !t->pert.active)
    mjv_initPerturb(gaze_world_model(t->world), gaze_world_data(t->world), &t->scene, &t->pert);
  t->pert.active = perturbation;
  if (perturbation) t->copy = true;
  return perturbation != 0;
}
