// app/bench_env.c - gaze bench env: episodes drawn and played, and the bare physics step.
#include <math.h>
#include <mujoco/mujoco.h>
#include <stdio.h>
#include <string.h>
#include "app/bench.h"
#include "app/play.h"
#include "app/registry.h"
#include "core/buf.h"

enum { WARM_STEPS = 500, STEPS = 2000 };
static const uint64_t FIRST_SEED = 2000000;  // of the test split

typedef struct bare {  // MuJoCo alone, the scene of bench_scene.c with free bodies
  mjModel *m;
  mjData *d;
} bare;

static gaze_err bare_open(bare *x) {
  gaze_body body[GAZE_SCENE_BODIES_MAX];
  gaze_buf xml = GAZE_BUF_INIT;
  char why[512] = "";
  GAZE_TRY(gaze_bench_mjcf(body, gaze_bench_scene(body), false, true, &xml));
  mjSpec *spec = mj_parseXMLString(gaze_buf_text(&xml), NULL, why, sizeof why);
  gaze_buf_fini(&xml);
  x->m = spec ? mj_compile(spec, NULL) : NULL;
  mj_deleteSpec(spec);
  x->d = x->m ? mj_makeData(x->m) : NULL;
  if (!x->d) return gaze_fail(GAZE_ERR_INTERNAL, "MuJoCo refused the scene: %s", why);
  for (int i = 0; i < WARM_STEPS; i++) mj_step(x->m, x->d);
  return GAZE_OK;
}

static void bare_close(bare *x) {
  mj_deleteData(x->d);
  mj_deleteModel(x->m);
}

typedef struct tally {
  int decisions;
} tally;

static gaze_err on_step(void *ctx, const gaze_step_view *v) {
  (void)v;
  ((tally *)ctx)->decisions++;
  return *gaze_stop_flag() ? GAZE_ERR_INTERRUPTED : GAZE_OK;
}

typedef struct rig {
  gaze_player *player[2];  // with physics, and by geometry alone
  gaze_play play[2];
  gaze_cfg *cfg[2];
  tally tally;
  bare bare;
} rig;

static gaze_err rig_open(rig *r) {
  for (int i = 0; i < 2; i++) {
    GAZE_TRY(gaze_cfg_open(&r->cfg[i]));
    GAZE_TRY(gaze_cfg_merge_text(r->cfg[i],
                                 i == 0 ? "{\"oracle\":true,\"split\":\"test\",\"threads\":1}"
                                        : "{\"oracle\":true,\"split\":\"test\",\"threads\":1,"
                                          "\"avr\":{\"physics\":false}}",
                                 "settings"));
    r->play[i] = (gaze_play){.policy = &gaze_policy_oracle,
                             .env_cfg = r->cfg[i],
                             .policy_cfg = r->cfg[i],
                             .first_seed = FIRST_SEED,
                             .step = on_step,
                             .ctx = &r->tally};
    GAZE_TRY(gaze_env_find("avr", &r->play[i].env));
    GAZE_TRY(gaze_player_open(&r->player[i], &r->play[i]));
  }
  return bare_open(&r->bare);
}

static void rig_close(rig *r) {
  bare_close(&r->bare);
  for (int i = 0; i < 2; i++) {
    gaze_player_close(&r->player[i]);
    gaze_cfg_close(&r->cfg[i]);
  }
}

// every round plays the same seeds, with physics, without, and then steps MuJoCo alone
static gaze_err measure(rig *r, gaze_bench *b, int episodes) {
  gaze_bench_row whole = {.unit = "episodes/s", .beside = "without physics"},
                 turns = {.unit = "decisions/s"}, steps = {.unit = "steps/s"};
  for (int k = 0; k < b->rounds; k++) {
    for (int i = 0; i < 2; i++) {
      r->tally.decisions = 0;
      double t0 = gaze_bench_now(), c0 = gaze_bench_cpu();
      for (int n = 0; n < episodes; n++)
        GAZE_TRY(gaze_player_episode(r->player[i], &r->play[i], n));
      double t = gaze_bench_now() - t0;
      (i == 0 ? whole.rate : whole.limit)[k] = episodes / t;
      if (i == 1) continue;
      turns.rate[k] = r->tally.decisions / t;
      whole.share[k] = turns.share[k] = (gaze_bench_cpu() - c0) / t;
    }
    double t0 = gaze_bench_now(), c0 = gaze_bench_cpu();
    for (int n = 0; n < STEPS; n++) mj_step(r->bare.m, r->bare.d);
    double t = gaze_bench_now() - t0;
    steps.rate[k] = STEPS / t;
    steps.share[k] = (gaze_bench_cpu() - c0) / t;
    if (!isfinite(r->bare.d->qpos[0])) return gaze_fail(GAZE_ERR_INTERNAL, "the scene blew up");
  }
  GAZE_TRY(gaze_bench_add(b, &whole, "avr, oracle, 1 thread"));
  GAZE_TRY(gaze_bench_add(b, &turns, "avr, oracle, 1 thread"));
  return gaze_bench_add(b, &steps, "bare mj_step, 10 objects");
}

gaze_err gaze_bench_env(gaze_bench *b) {
  int64_t episodes;
  GAZE_TRY(gaze_cfg_int(b->cfg, "episodes", 4, 1, 10000, &episodes));
  rig r = {.tally = {0}};
  gaze_err e = rig_open(&r);
  if (!e) e = measure(&r, b, (int)episodes);
  rig_close(&r);
  return e;
}
