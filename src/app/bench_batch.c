// app/bench_batch.c - gaze bench batch: batches of MuJoCo worlds beside bare mj_step on as many
// threads, MuJoCo's own batch, and, with --peer, mujoco.rollout, EnvPool and mujoco.Renderer.
//
// Every side steps the same model from the same state with the same controls, and ends in the same
// state to the last bit, or nothing is reported.
#include <math.h>
#include <mujoco/mjbatch.h>
#include <mujoco/mujoco.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/args.h"
#include "app/bench.h"
#include "app/bench_peer.h"
#include "core/rng.h"
#include "envs/batch.h"
#include "rt/pool.h"

enum { WARM_STEPS = 500, ROWS_MAX = 1024, SIZE = 112, PICTURES = 40 };
static const double SLICE_S = 0.25;  // of one measurement

// ---- an environment that is mj_step and nothing else ----

typedef struct world {
  mjModel *m;
  mjData *d;
  gaze_exec *ex;
  gaze_body body[GAZE_SCENE_BODIES_MAX];
  int bodies;  // drawn; 0 for a model of the caller's
  int size, substeps;
  gaze_image image;
  float *q;  // [nq], shown as the joints
  gaze_state state;
} world;

static gaze_err world_open_model(world *w, const gaze_cfg *cfg) {
  char why[512] = "";
  const char *file = NULL, *text = NULL;
  GAZE_TRY(gaze_cfg_str(cfg, "mjcf", NULL, &file));
  GAZE_TRY(gaze_cfg_str(cfg, "xml", NULL, &text));
  int64_t substeps;
  GAZE_TRY(gaze_cfg_int(cfg, "substeps", 5, 1, 1000, &substeps));
  w->substeps = (int)substeps;
  mjSpec *spec = file ? mj_parseXML(file, NULL, why, sizeof why)
                      : mj_parseXMLString(text, NULL, why, sizeof why);
  w->m = spec ? mj_compile(spec, NULL) : NULL;
  mj_deleteSpec(spec);
  w->d = w->m ? mj_makeData(w->m) : NULL;
  if (!w->d) return gaze_fail(GAZE_ERR_FORMAT, "--mjcf: MuJoCo refused the model: %s", why);
  w->q = calloc((size_t)w->m->nq + 1, sizeof *w->q);
  if (!w->q) return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
  w->state = (gaze_state){.q = w->q, .dq = w->q, .joints = (int)w->m->nq};
  if (!file) w->bodies = gaze_bench_scene(w->body);
  return gaze_exec_open_cpu(&w->ex, 1);
}

static void world_close(void **self) {
  world *w = *self;
  if (!w) return;
  mj_deleteData(w->d);
  mj_deleteModel(w->m);
  gaze_exec_close(&w->ex);
  free(w->q);
  free(w);
  *self = NULL;
}

static gaze_err world_open(void **self, const gaze_cfg *cfg) {
  world *w = *self = calloc(1, sizeof *w);
  if (!w) return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
  w->size = SIZE;
  const gaze_err e = world_open_model(w, cfg);
  if (e) world_close(self);
  return e;
}

// row and round have controls of their own, the same on every side
static void control(const mjModel *m, uint64_t seed, mjtNum *ctrl) {
  gaze_rng r;
  gaze_rng_init(&r, seed, 0);
  for (int i = 0; i < m->nu; i++) ctrl[i] = (mjtNum)(float)gaze_rng_real(&r, -1, 1);
}

static void world_warm(world *w, uint64_t seed) {
  mj_resetData(w->m, w->d);
  control(w->m, seed, w->d->ctrl);
  for (int i = 0; i < WARM_STEPS; i++) mj_step(w->m, w->d);
}

static void look(world *w, gaze_obs *obs) {
  w->image = (gaze_image){.w = w->size, .h = w->size, .camera = "view"};
  for (int i = 0; i < w->m->nq; i++) w->q[i] = (float)w->d->qpos[i];
  *obs = (gaze_obs){.text = "", .image = &w->image, .images = w->bodies > 0, .robot = &w->state};
}

static gaze_err world_reset(void *self, uint64_t seed, gaze_obs *obs) {
  world_warm(self, seed);
  look(self, obs);
  return GAZE_OK;
}

static gaze_err world_step(void *self, const gaze_act *act, gaze_obs *obs, gaze_outcome *out) {
  world *w = self;
  for (int i = 0; i < w->m->nu; i++) w->d->ctrl[i] = (mjtNum)act->chunk[i];
  for (int i = 0; i < w->substeps; i++) mj_step(w->m, w->d);
  *out = (gaze_outcome){.choice = -1, .status = "ok"};
  look(w, obs);
  return GAZE_OK;
}

static void world_space(const void *self, gaze_space *s) {
  const world *w = self;
  *s = (gaze_space){.image_h = w->size, .image_w = w->size};
}

static void world_lazy(void *self) {
  (void)self;
}

// the present poses, drawn as every environment of ours draws
static gaze_err world_render(void *self, uint8_t *rgb) {
  world *w = self;
  const gaze_viewer viewer = {.elevation = 25};
  for (int i = 0; i < w->bodies; i++) {
    for (int k = 0; k < 3; k++) w->body[i].pos[k] = (float)w->d->xpos[3 * (i + 1) + k];
    for (int k = 0; k < 9; k++) w->body[i].rot[k] = (float)w->d->xmat[9 * (i + 1) + k];
  }
  return gaze_scene_render(&gaze_ops_cpu, w->ex, w->body, w->bodies, &viewer, w->size, rgb, NULL,
                           NULL);
}

static const gaze_env world_env = {.name = "bare",
                                   .act_dims = 1,
                                   .open = world_open,
                                   .reset = world_reset,
                                   .step = world_step,
                                   .close = world_close,
                                   .space = world_space,
                                   .lazy = world_lazy,
                                   .render = world_render};

// ---- the sides ----

typedef struct rig {
  int threads, rows, substeps, iterations;  // iterations of substeps a measurement
  gaze_cfg *cfg;
  gaze_pool *pool;
  gaze_crew *crew;
  gaze_env_batch *batch;
  mjBatch *own;  // MuJoCo's
  void *bare[ROWS_MAX];
  gaze_act act[ROWS_MAX];
  float *ctrl;  // [rows,nu]
  uint8_t *rgb;
  gaze_bench_peer peer;
  bool envpool;
} rig;

static const mjModel *model(const rig *r) {
  return ((const world *)r->bare[0])->m;
}

static void step_share(void *ctx, int worker, int workers) {
  rig *r = ctx;
  long lo, hi;
  const unsigned long mode = gaze_fp_mode();
  gaze_ftz_off();  // as mj_step runs anywhere else
  gaze_pool_range(r->rows, worker, workers, &lo, &hi);
  for (int k = 0; k < r->iterations; k++) {
    for (long i = lo; i < hi; i++) {
      const world *w = r->bare[i];
      for (int j = 0; j < w->substeps; j++) mj_step(w->m, w->d);
    }
  }
  gaze_fp_restore(mode);
}

typedef struct timed {
  double wall, cpu;  // seconds
} timed;

static gaze_err time_bare(rig *r, timed *t) {
  const double t0 = gaze_bench_now(), c0 = gaze_bench_cpu();
  gaze_pool_run(r->pool, step_share, r);
  *t = (timed){gaze_bench_now() - t0, gaze_bench_cpu() - c0};
  return GAZE_OK;
}

static gaze_err time_batch(rig *r, timed *t) {
  const double t0 = gaze_bench_now(), c0 = gaze_bench_cpu();
  for (int k = 0; k < r->iterations; k++) GAZE_TRY(gaze_env_batch_step(r->batch, r->act));
  *t = (timed){gaze_bench_now() - t0, gaze_bench_cpu() - c0};
  return GAZE_OK;
}

static gaze_err time_own(rig *r, timed *t) {
  const double t0 = gaze_bench_now(), c0 = gaze_bench_cpu();
  int failed = 0;
  for (int k = 0; k < r->iterations; k++)
    failed += mjb_step(r->own, NULL, r->rows, r->substeps, mjSTAGE_NONE);
  *t = (timed){gaze_bench_now() - t0, gaze_bench_cpu() - c0};
  return failed ? gaze_fail(GAZE_ERR_INTERNAL, "MuJoCo's batch: %d steps failed", failed) : GAZE_OK;
}

// all sides have made the same steps: every row must be where the bare one is
static gaze_err check_equal(rig *r) {
  const mjModel *m = model(r);
  const size_t bytes = (size_t)m->nq * sizeof(mjtNum);
  int size = 0;
  const mjtNum *own = mjb_stateComponent(r->own, mjSTATE_QPOS, &size);
  for (int i = 0; i < r->rows; i++) {
    const world *w = r->bare[i];
    if (!isfinite(w->d->qpos[0])) return gaze_fail(GAZE_ERR_INTERNAL, "the scene blew up");
    if (memcmp(own + (size_t)i * (size_t)mjb_nstate(r->own), w->d->qpos, bytes) != 0)
      return gaze_fail(GAZE_ERR_INTERNAL, "row %d: MuJoCo's batch is elsewhere than mj_step", i);
    const float *q = gaze_env_batch_at(r->batch, i)->obs.robot->q;
    for (int k = 0; k < m->nq; k++)
      if (q[k] != (float)w->d->qpos[k])
        return gaze_fail(GAZE_ERR_INTERNAL, "row %d: the batch is elsewhere than mj_step", i);
  }
  return GAZE_OK;
}

static gaze_err rig_states(rig *r) {
  const int n = mjb_nstate(r->own);
  uint64_t *seed = calloc((size_t)r->rows, sizeof *seed);
  if (!seed) return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
  for (int i = 0; i < r->rows; i++) {
    const world *w = r->bare[i];
    seed[i] = (uint64_t)i;
    world_warm(r->bare[i], seed[i]);
    mj_getState(w->m, w->d, mjb_state(r->own) + (size_t)i * (size_t)n, mjSTATE_INTEGRATION);
    r->act[i] = (gaze_act){.chunk = r->ctrl + i * w->m->nu, .steps = 1, .dims = (int)w->m->nu};
    for (int k = 0; k < w->m->nu; k++) r->ctrl[i * w->m->nu + k] = (float)w->d->ctrl[k];
  }
  const gaze_err e = gaze_env_batch_reset(r->batch, seed);
  free(seed);
  return e;
}

static gaze_err write_xml(rig *r, const char *xml) {
  char path[128];
  GAZE_TRY(gaze_bench_peer_folder(&r->peer));
  snprintf(path, sizeof path, "%s/scene.xml", r->peer.folder);
  return gaze_file_write_atomic(path, xml, strlen(xml));
}

// the scene as text, or the caller's model, for every side
static gaze_err rig_model(rig *r, const gaze_cfg *cfg, const char *python) {
  const char *file = NULL;
  gaze_body body[GAZE_SCENE_BODIES_MAX];
  gaze_buf xml = GAZE_BUF_INIT;
  GAZE_TRY(gaze_cfg_open(&r->cfg));
  GAZE_TRY(gaze_cfg_str(cfg, "mjcf", NULL, &file));
  gaze_err e = file ? gaze_file_read(file, 1 << 24, &xml)
                    : gaze_bench_mjcf(body, gaze_bench_scene(body), false, true, &xml);
  if (!e && file) e = gaze_cfg_set_str(r->cfg, "mjcf", file);
  if (!e && !file) e = gaze_cfg_set_str(r->cfg, "xml", gaze_buf_text(&xml));
  if (!e) e = gaze_cfg_set_num(r->cfg, "substeps", r->substeps);
  if (!e && python) e = write_xml(r, gaze_buf_text(&xml));
  gaze_buf_fini(&xml);
  if (!e && python) e = gaze_bench_peer_start(&r->peer, python, "tools/bench_peer_env.py");
  return e;
}

static gaze_err rig_open(rig *r, const gaze_cfg *cfg) {
  const char *python = NULL;
  int64_t rows, substeps;
  char why[256] = "";
  GAZE_TRY(gaze_args_threads(cfg, &r->threads));
  GAZE_TRY(gaze_cfg_int(cfg, "rows", 8 * r->threads, 1, ROWS_MAX, &rows));
  GAZE_TRY(gaze_cfg_str(cfg, "peer", NULL, &python));
  GAZE_TRY(gaze_cfg_int(cfg, "substeps", 5, 1, 1000, &substeps));
  r->rows = (int)rows, r->substeps = (int)substeps;
  GAZE_TRY(rig_model(r, cfg, python));
  for (int i = 0; i < r->rows; i++) GAZE_TRY(world_open(&r->bare[i], r->cfg));
  GAZE_TRY(gaze_pool_open(&r->pool, r->threads));
  GAZE_TRY(gaze_crew_open(&r->crew, r->threads, r->rows));
  const gaze_env_batch_options o = {
      .env = &world_env, .cfg = r->cfg, .n = r->rows, .crew = r->crew};
  GAZE_TRY(gaze_env_batch_open(&r->batch, &o));
  mjBatchConfig config;
  mjb_defaultConfig(&config);
  config.nthread = r->threads, config.persistent = 1;
  r->own = mjb_makeBatch(model(r), r->rows, &config, why, sizeof why);
  if (!r->own) return gaze_fail(GAZE_ERR_INTERNAL, "MuJoCo's batch: %s", why);
  r->ctrl = calloc((size_t)r->rows * (size_t)(model(r)->nu + 1), sizeof *r->ctrl);
  r->rgb = malloc((size_t)r->rows * SIZE * SIZE * 3);
  if (!r->ctrl || !r->rgb) return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
  return rig_states(r);
}

static void rig_close(rig *r) {
  gaze_bench_peer_close(&r->peer);
  gaze_env_batch_close(&r->batch);
  gaze_crew_close(&r->crew);
  gaze_pool_close(&r->pool);
  mjb_deleteBatch(r->own);
  for (int i = 0; i < ROWS_MAX; i++) world_close(&r->bare[i]);
  gaze_cfg_close(&r->cfg);
  free(r->ctrl), free(r->rgb);
}

// so many iterations that a measurement takes its slice
static gaze_err calibrate(rig *r) {
  timed t;
  r->iterations = 1;
  GAZE_TRY(time_bare(r, &t));
  GAZE_TRY(time_batch(r, &t));
  GAZE_TRY(time_own(r, &t));
  r->iterations = t.wall > 0 && t.wall < SLICE_S ? (int)(SLICE_S / t.wall) + 1 : 1;
  return GAZE_OK;
}

static gaze_err time_rollout(rig *r, timed *t) {
  char line[96];
  double v[2];
  snprintf(line, sizeof line, "rollout %d %d %d", r->rows, r->threads, r->substeps * r->iterations);
  GAZE_TRY(gaze_bench_peer_ask(&r->peer, line, v, 2));
  *t = (timed){v[0], v[1]};
  return GAZE_OK;
}

// steps of the first round of every side, twice: by the wall's clock and by the processors'
static gaze_err measure_steps(rig *r, gaze_bench *b) {
  enum { BATCH, OWN, ROLLOUT, SIDES };
  static const char *const name[SIDES] = {"batch", "MuJoCo's mjBatch", "mujoco.rollout (Python)"};
  gaze_err (*const time_of[SIDES])(rig *, timed *) = {time_batch, time_own, time_rollout};
  const int sides = r->peer.pid > 0 ? SIDES : ROLLOUT;
  static gaze_bench_row wall[SIDES], cpu[SIDES];
  GAZE_TRY(calibrate(r));
  const double steps = (double)r->rows * r->iterations * r->substeps;
  for (int s = 0; s < SIDES; s++) {
    wall[s] = (gaze_bench_row){.unit = "steps/s", .beside = "bare mj_step"};
    cpu[s] = (gaze_bench_row){.unit = "steps/cpu-s", .beside = "bare mj_step"};
  }
  for (int k = 0; k < b->rounds; k++) {
    timed bare;
    GAZE_TRY(time_bare(r, &bare));
    for (int s = 0; s < sides; s++) {
      timed t;
      GAZE_TRY(time_of[s](r, &t));
      wall[s].rate[k] = steps / t.wall, wall[s].limit[k] = steps / bare.wall;
      cpu[s].rate[k] = steps / t.cpu, cpu[s].limit[k] = steps / bare.cpu;
      wall[s].share[k] = cpu[s].share[k] = t.cpu / t.wall / r->threads;
    }
    GAZE_TRY(check_equal(r));
  }
  for (int s = 0; s < sides; s++) {
    char line[96];
    snprintf(line, sizeof line, "%s, %d x %d threads", name[s], r->rows, r->threads);
    GAZE_TRY(gaze_bench_add(b, &wall[s], line));
    GAZE_TRY(gaze_bench_add(b, &cpu[s], line));
  }
  return GAZE_OK;
}

// step + picture of the scene, one thread a side; the peer is a Python loop over mujoco.Renderer
static gaze_err measure_pictures(rig *r, gaze_bench *b) {
  gaze_bench_row row = {.unit = "turns/cpu-s"};
  if (r->peer.pid > 0) row.beside = "mujoco.Renderer loop";
  GAZE_TRY(gaze_env_batch_show(r->batch, &(gaze_env_batch_view){.rgb = r->rgb}));
  for (int k = 0; k < b->rounds; k++) {
    const double t0 = gaze_bench_now(), c0 = gaze_bench_cpu();
    GAZE_TRY(gaze_env_batch_step(r->batch, r->act));
    const double wall = gaze_bench_now() - t0, cpu = gaze_bench_cpu() - c0;
    row.rate[k] = r->rows / cpu;
    row.share[k] = cpu / wall / r->threads;
    if (r->peer.pid <= 0) continue;
    char line[64];
    double v[2];
    snprintf(line, sizeof line, "render %d %d %d", SIZE, r->substeps, PICTURES);
    GAZE_TRY(gaze_bench_peer_ask(&r->peer, line, v, 2));
    row.limit[k] = PICTURES / v[1];
  }
  char line[96];
  snprintf(line, sizeof line, "%d steps + %d x %d picture", r->substeps, SIZE, SIZE);
  return gaze_bench_add(b, &row, line);
}

// EnvPool's Ant beside ours, if it is there and --mjcf names its model
static gaze_err measure_envpool(rig *r, gaze_bench *b) {
  gaze_bench_row row = {.unit = "steps/s", .beside = "EnvPool Ant-v4"};
  for (int k = 0; k < b->rounds; k++) {
    char line[64];
    double v[2];
    timed t;
    snprintf(line, sizeof line, "envpool %d %d %d", r->rows, r->threads, r->iterations);
    if (gaze_bench_peer_ask(&r->peer, line, v, 2)) {
      if (!b->json) printf("EnvPool: %s\n", gaze_err_detail());
      return GAZE_OK;
    }
    GAZE_TRY(time_batch(r, &t));
    const double steps = (double)r->rows * r->iterations * r->substeps;
    row.rate[k] = steps / t.wall, row.limit[k] = steps / v[0];
    row.share[k] = t.cpu / t.wall / r->threads;
  }
  return gaze_bench_add(b, &row, "batch, the same rows and threads");
}

gaze_err gaze_bench_batch(gaze_bench *b) {
  rig *r = calloc(1, sizeof *r);
  if (!r) return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
  gaze_err e = rig_open(r, b->cfg);
  if (!e) e = measure_steps(r, b);
  if (!e && gaze_cfg_has(b->cfg, "mjcf") && r->peer.pid > 0) e = measure_envpool(r, b);
  if (!e && !gaze_cfg_has(b->cfg, "mjcf")) e = measure_pictures(r, b);
  rig_close(r);
  free(r);
  return e;
}
