// tests/sim/test_render_mujoco.c - masks and depth against MuJoCo's own renderer (OSMesa).
#include <stdio.h>

#ifndef GAZE_OSMESA
int main(void) {
  puts("SKIP: built without OSMesa");
  return 0;
}
#else
#include <GL/osmesa.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/rng.h"
#include "sim/world_internal.h"

enum { SIZE = 448, PIXELS = SIZE * SIZE, SCENES = 50, ERODE = 2 };

static const double NEAR_M = 0.1, FAR_M = 4.0;

typedef struct pictures {
  int16_t mine[PIXELS], theirs[PIXELS];
  float depth[PIXELS], zbuffer[PIXELS];
  unsigned char rgb[3 * PIXELS];
} pictures;

typedef struct score {
  double iou_sum, iou_least;
  int objects;
  long inside, close;  // eroded object pixels, and those within 1 mm
} score;

static bool apart(const gaze_body *b, int n, const gaze_body *c) {
  for (int i = 0; i < n; i++) {
    double d = hypot((double)(b[i].pos[0] - c->pos[0]), (double)(b[i].pos[1] - c->pos[1]));
    if (d < 1.42 * (double)(b[i].half + c->half) + 0.005) return false;
  }
  return true;
}

// Up to 12 objects that do not touch; sometimes a cube lies on a cube.
static int random_bodies(gaze_rng *r, gaze_body *b) {
  int want = gaze_rng_int(r, 3, 12), n = 0;
  for (int t = 0; t < 400 && n < want; t++) {
    gaze_body c = {.shape = (gaze_shape)gaze_rng_int(r, 0, 2)};
    c.half = gaze_rng_below(r, 2) ? 0.036f : 0.018f;
    c.pos[0] = (float)gaze_rng_real(r, -0.22, 0.22);
    c.pos[1] = (float)gaze_rng_real(r, -0.22, 0.22);
    c.pos[2] = c.half;
    float yaw = (float)gaze_rng_real(r, 0.0, 3.0), s = sinf(yaw), k = cosf(yaw);
    float rot[9] = {k, -s, 0, s, k, 0, 0, 0, 1};
    memcpy(c.rot, rot, sizeof rot);
    for (int i = 0; i < 3; i++) c.rgb[i] = (float)gaze_rng_real(r, 0.1, 1.0);
    if (!apart(b, n, &c)) continue;
    b[n++] = c;
    if (c.shape == GAZE_SHAPE_CUBE && n < want && gaze_rng_below(r, 2) == 0) {
      b[n] = c;
      b[n].half = 0.018f;
      b[n++].pos[2] = 2.0f * c.half + 0.018f;
    }
  }
  return n;
}

static gaze_viewer random_viewer(gaze_rng *r) {
  gaze_viewer v = {.azimuth = (float)gaze_rng_real(r, -90, 90),
                   .elevation = (float)gaze_rng_real(r, 15, 88)};
  if (gaze_rng_below(r, 3) == 0) {
    v.pan = (float)gaze_rng_real(r, -20, 20);
    v.tilt = (float)gaze_rng_real(r, -15, 15);
  }
  return v;
}

// Both eyes at our camera; only the first is drawn.
static void aim(mjvScene *scn, const gaze_camera *c) {
  for (int eye = 0; eye < 2; eye++) {
    mjvGLCamera *g = &scn->camera[eye];
    for (int i = 0; i < 3; i++) {
      g->pos[i] = c->pos[i];
      g->up[i] = c->rot[3 * i + 1];
      g->forward[i] = -c->rot[3 * i + 2];
    }
    g->frustum_center = 0.0f;
    g->frustum_near = (float)NEAR_M;
    g->frustum_far = (float)FAR_M;
    g->frustum_top = (float)(NEAR_M * 0.5 * SIZE / (double)c->fy);
    g->frustum_bottom = -g->frustum_top;
    g->orthographic = 0;
  }
}

// Object index of a segmentation colour, -1 for everything else.
static int16_t owner(const gaze_world *w, const mjvScene *scn, const unsigned char *rgb) {
  int seg = rgb[0] + (rgb[1] << 8) + (rgb[2] << 16) - 1;
  for (int g = 0; seg >= 0 && g < scn->ngeom; g++) {
    const mjvGeom *v = &scn->geoms[g];
    if (v->segid != seg || v->objtype != mjOBJ_GEOM) continue;
    const char *name = mj_id2name(w->m, mjOBJ_BODY, w->m->geom_bodyid[v->objid]);
    int i = -1;
    if (name != NULL && sscanf(name, "object%d", &i) == 1) return (int16_t)i;
    return -1;
  }
  return -1;
}

// MuJoCo's masks and depth of one view, top row first.
static void render_theirs(gaze_world *w, const gaze_camera *c, pictures *p) {
  w->m->vis.quality.offsamples = 0;  // mixed id colours would name other objects
  w->m->vis.quality.numslices = 128;
  w->m->vis.quality.numstacks = 64;
  w->m->vis.global.offwidth = w->m->vis.global.offheight = SIZE;
  mjvScene scn;
  mjrContext con;
  mjvOption opt;
  mjvCamera cam;
  mjv_defaultScene(&scn);
  mjr_defaultContext(&con);
  mjv_defaultOption(&opt);
  mjv_defaultCamera(&cam);
  mjv_makeScene(w->m, &scn, 200);
  mjr_makeContext(w->m, &con, mjFONTSCALE_100);
  mjr_setBuffer(mjFB_OFFSCREEN, &con);
  assert_int_equal(con.currentBuffer, mjFB_OFFSCREEN);

  mj_forward(w->m, w->d);
  mjv_updateScene(w->m, w->d, &opt, NULL, &cam, mjCAT_ALL, &scn);
  aim(&scn, c);
  scn.flags[mjRND_SEGMENT] = scn.flags[mjRND_IDCOLOR] = 1;
  mjrRect view = {0, 0, SIZE, SIZE};
  mjr_render(view, &scn, &con);
  mjr_readPixels(p->rgb, p->zbuffer, view, &con);
  for (int y = 0; y < SIZE; y++)
    for (int x = 0; x < SIZE; x++)
      p->theirs[y * SIZE + x] = owner(w, &scn, p->rgb + 3 * ((SIZE - 1 - y) * SIZE + x));
  mjr_freeContext(&con);
  mjv_freeScene(&scn);
}

static double their_depth(const pictures *p, int x, int y) {
  double z = (double)p->zbuffer[(SIZE - 1 - y) * SIZE + x];
  return NEAR_M * FAR_M / (FAR_M - z * (FAR_M - NEAR_M));
}

// Whether both masks hold object `id` all round (x, y).
static bool deep_inside(const pictures *p, int x, int y, int id) {
  if (x < ERODE || y < ERODE || x >= SIZE - ERODE || y >= SIZE - ERODE) return false;
  for (int dy = -ERODE; dy <= ERODE; dy++) {
    for (int dx = -ERODE; dx <= ERODE; dx++) {
      int at = (y + dy) * SIZE + x + dx;
      if (p->mine[at] != id || p->theirs[at] != id) return false;
    }
  }
  return true;
}

static void compare(const pictures *p, int n, score *s) {
  for (int id = 0; id < n; id++) {
    int both = 0, any = 0, theirs = 0;
    for (int i = 0; i < PIXELS; i++) {
      bool a = p->mine[i] == id, b = p->theirs[i] == id;
      both += a && b, any += a || b, theirs += b;
    }
    if (any < 30) continue;  // fewer pixels than the oracle counts as seen
    double iou = (double)both / any;
    s->iou_sum += iou;
    s->objects++;
    if (theirs > 100 && iou < s->iou_least) s->iou_least = iou;
  }
  for (int y = 0; y < SIZE; y++) {
    for (int x = 0; x < SIZE; x++) {
      int id = p->mine[y * SIZE + x];
      if (id < 0 || id >= n || !deep_inside(p, x, y, id)) continue;
      s->inside++;
      s->close += fabs((double)p->depth[y * SIZE + x] - their_depth(p, x, y)) < 1e-3;
    }
  }
}

static void test_masks_and_depth(void **state) {
  (void)state;
  static unsigned char frame[4 * PIXELS];
  pictures *p = malloc(sizeof *p);
  assert_non_null(p);
  OSMesaContext gl = OSMesaCreateContextExt(GL_RGBA, 24, 8, 0, NULL);
  assert_non_null(gl);
  assert_true(OSMesaMakeCurrent(gl, frame, GL_UNSIGNED_BYTE, SIZE, SIZE));
  gaze_exec *ex = NULL;
  assert_int_equal(gaze_exec_open_cpu(&ex, 1), GAZE_OK);

  gaze_rng r;
  gaze_rng_init(&r, 11, 0);
  score s = {.iou_least = 1.0};
  for (int k = 0; k < SCENES; k++) {
    gaze_body b[GAZE_SCENE_BODIES_MAX];
    int n = random_bodies(&r, b);
    gaze_viewer v = random_viewer(&r);
    gaze_camera c = gaze_scene_camera(&v, SIZE);
    gaze_world *w = NULL;
    assert_int_equal(gaze_world_open(&w, b, n), GAZE_OK);
    assert_int_equal(gaze_scene_render(&gaze_ops_cpu, ex, b, n, &v, SIZE, NULL, p->depth, p->mine),
                     GAZE_OK);
    render_theirs(w, &c, p);
    compare(p, n, &s);
    gaze_world_close(&w);
  }
  printf("%d objects: mean IoU %.4f, least %.4f; depth within 1 mm at %.3f %% of %ld pixels\n",
         s.objects, s.iou_sum / s.objects, s.iou_least, 100.0 * (double)s.close / (double)s.inside,
         s.inside);
  assert_true(s.objects > 3 * SCENES);
  assert_true(s.iou_sum / s.objects >= 0.98);
  assert_true(s.iou_least >= 0.93);
  assert_true(s.inside > 50000 && (double)s.close >= 0.99 * (double)s.inside);

  gaze_exec_close(&ex);
  OSMesaDestroyContext(gl);
  free(p);
}

int main(void) {
  // MuJoCo's loader of GL functions looks here
  if (setenv("MUJOCO_GL", "osmesa", 1) != 0) return 1;
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_masks_and_depth)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
