// app/bench_render.c - gaze bench render: our ray-caster on one core, beside MuJoCo's renderer.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/bench.h"
#include "app/bench_peer.h"
#include "core/file.h"

static const double SLICE_S = 0.12;  // of one measurement
enum { SIZE_MAX_PX = 224, PEER_FRAMES = 12 };

// What is rendered; `peer` is the variant the other side is asked for, NULL if it has none.
typedef struct variant {
  const char *name, *peer, *beside;
  bool all, shadows;
} variant;

static const variant variants[] = {
    {"rgb", "default", "OSMesa 4x MSAA", false, false},
    {"rgb ", "tuned", "OSMesa tuned", false, false},
    {"rgb+shadow", "default", "OSMesa 4x MSAA", false, true},
    {"rgb+depth+ids", NULL, NULL, true, false},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

typedef struct rig {
  gaze_exec *ex;
  gaze_prim prim[GAZE_SCENE_PRIMS_MAX];
  int prims;
  uint8_t *rgb;
  float *depth;
  int16_t *ids;
  gaze_bench_peer peer;
} rig;

static gaze_err frame(rig *r, const variant *v, int size) {
  const gaze_viewer viewer = {.elevation = 25};
  gaze_raycast a = {.rgb = r->rgb,
                    .depth = v->all ? r->depth : NULL,
                    .ids = v->all ? r->ids : NULL,
                    .prims = r->prim,
                    .n = r->prims,
                    .cam = gaze_scene_camera(&viewer, size),
                    .light = gaze_scene_light()};
  a.light.shadows = v->shadows;
  return gaze_ops_cpu.raycast(r->ex, &a);
}

// frames per second of processor time: both sides use one core, and what else runs on the machine
// would otherwise decide the ratio
static gaze_err time_ours(rig *r, const variant *v, int size, double *fps, double *share) {
  GAZE_TRY(frame(r, v, size));
  double t0 = gaze_bench_now(), c0 = gaze_bench_cpu(), t = 0;
  int n = 0;
  while ((t = gaze_bench_now() - t0) < SLICE_S) {
    GAZE_TRY(frame(r, v, size));
    n++;
  }
  double cpu = gaze_bench_cpu() - c0;
  *fps = n / cpu;
  *share = cpu / t;
  return GAZE_OK;
}

static gaze_err time_peer(rig *r, const variant *v, int size, double *fps) {
  double seconds;
  char line[64];
  snprintf(line, sizeof line, "%s %d %d %d", v->peer, v->shadows, size, PEER_FRAMES);
  GAZE_TRY(gaze_bench_peer_ask(&r->peer, line, &seconds, 1));
  *fps = PEER_FRAMES / seconds;
  return GAZE_OK;
}

static gaze_err write_scene(rig *r, bool shadows) {
  gaze_body body[GAZE_SCENE_BODIES_MAX];
  gaze_buf xml = GAZE_BUF_INIT;
  char path[128];
  snprintf(path, sizeof path, "%s/scene%d.xml", r->peer.folder, shadows);
  gaze_err e = gaze_bench_mjcf(body, gaze_bench_scene(body), shadows, false, &xml);
  if (!e) e = gaze_file_write_atomic(path, gaze_buf_text(&xml), xml.len);
  gaze_buf_fini(&xml);
  return e;
}

static gaze_err peer_open(rig *r, const char *python) {
  GAZE_TRY(gaze_bench_peer_folder(&r->peer));
  for (int s = 0; s < 2; s++) GAZE_TRY(write_scene(r, s));
  return gaze_bench_peer_start(&r->peer, python, "tools/bench_peer_render.py");
}

static void rig_close(rig *r) {
  gaze_bench_peer_close(&r->peer);
  gaze_exec_close(&r->ex);
  free(r->rgb), free(r->depth), free(r->ids);
}

// one size and variant; without a peer the tuned row would repeat the default one
static gaze_err measure(rig *r, gaze_bench *b, const variant *v, int size) {
  bool peer = r->peer.pid > 0 && v->peer;
  if (!peer && v->peer && !strcmp(v->peer, "tuned")) return GAZE_OK;
  gaze_bench_row row = {.unit = "frames/cpu-s", .beside = peer ? v->beside : NULL};
  for (int k = 0; k < b->rounds; k++) {
    GAZE_TRY(time_ours(r, v, size, &row.rate[k], &row.share[k]));
    if (peer) GAZE_TRY(time_peer(r, v, size, &row.limit[k]));
  }
  char name[64];
  snprintf(name, sizeof name, "%d x %d %s", size, size, v->name);
  return gaze_bench_add(b, &row, name);
}

static gaze_err rig_open(rig *r, const char *python) {
  gaze_body body[GAZE_SCENE_BODIES_MAX];
  size_t n = (size_t)SIZE_MAX_PX * SIZE_MAX_PX;
  r->prims = gaze_scene_prims(body, gaze_bench_scene(body), r->prim);
  r->rgb = malloc(3 * n);
  r->depth = malloc(n * sizeof *r->depth);
  r->ids = malloc(n * sizeof *r->ids);
  if (!r->rgb || !r->depth || !r->ids) return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
  GAZE_TRY(gaze_exec_open_cpu(&r->ex, 1));
  return python ? peer_open(r, python) : GAZE_OK;
}

gaze_err gaze_bench_render(gaze_bench *b) {
  static const int size[] = {64, 112, SIZE_MAX_PX};
  const char *python;
  GAZE_TRY(gaze_cfg_str(b->cfg, "peer", NULL, &python));
  rig r = {.prims = 0};
  gaze_err e = rig_open(&r, python);
  for (int s = 0; s < 3 && !e; s++)
    for (int v = 0; v < VARIANTS && !e; v++) e = measure(&r, b, &variants[v], size[s]);
  rig_close(&r);
  return e;
}
