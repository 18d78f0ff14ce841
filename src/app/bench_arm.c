// app/bench_arm.c - gaze bench arm: how often a simulated arm succeeds, and agrees with the hand.
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "app/bench.h"
#include "app/registry.h"
#include "envs/avr/avr.h"
#include "sim/world.h"

enum { DRAWS_MAX = 200 };
static const double APART = 0.010;  // final places this far apart disagree [m]

typedef enum deed { PICK, MOVE, PUSH, DEEDS } deed;
static const char *const deed_name[DEEDS] = {"pick", "move", "push"};

// One action that the kinematic hand could carry out.
typedef struct trial {
  deed deed;
  gaze_body body[GAZE_SCENE_BODIES_MAX];
  int n, object;
  float dir[2], to[3];  // MOVE, PUSH
} trial;

// What one action came to.
typedef struct outcome {
  gaze_act_status status;
  gaze_fault fault;
  gaze_body body[GAZE_SCENE_BODIES_MAX];
  double simulated_s, wall_s, cpu_s;
} outcome;

typedef struct tally {
  int trials, begun, status[GAZE_ACT_TIMEOUT + 1], fault[GAZE_FAULT_CLEARANCE + 1], apart;
  double simulated_s, wall_s, cpu_s;
} tally;

static double way(const float from[3], const float to[3]) {
  return hypot((double)to[0] - (double)from[0], (double)to[1] - (double)from[1]);
}

// Collects what could be done in a scene, and takes one of it.
static bool choose(gaze_rng *r, trial *t) {
  static const float dir[4][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};
  struct {
    int object, dir;
  } open[GAZE_SCENE_BODIES_MAX * 4];
  int n = 0;
  for (int i = 0; i < t->n; i++) {
    if (!gaze_scene_graspable(t->body, t->n, i)) continue;
    for (int k = 0; k < (t->deed == PICK ? 1 : 4); k++) {
      float to[3];
      if (t->deed != PICK && !gaze_scene_place(t->body, t->n, i, dir[k], to)) continue;
      if (t->deed == PUSH &&
          !gaze_scene_pushable(t->body, t->n, i, dir[k], way(t->body[i].pos, to)))
        continue;
      open[n].object = i, open[n++].dir = k;
    }
  }
  if (n == 0) return false;
  int k = gaze_rng_int(r, 0, n - 1);
  t->object = open[k].object;
  memcpy(t->dir, dir[open[k].dir], sizeof t->dir);
  return t->deed == PICK || gaze_scene_place(t->body, t->n, t->object, t->dir, t->to);
}

// Draws a scene of the game, the layouts in turn, with something to do in it.
static gaze_err draw(uint64_t seed, deed d, int index, trial *t) {
  int layouts = 0;
  while (avr_layouts[layouts].name) layouts++;
  gaze_rng r;
  gaze_rng_init(&r, seed, (uint64_t)(index * DEEDS + (int)d));
  for (int k = 0; k < DRAWS_MAX; k++) {
    avr_scene s = {.family = avr_layouts[index % layouts].family, .layout = index % layouts};
    if (!avr_layouts[index % layouts].draw(&r, &s)) continue;
    *t = (trial){.deed = d, .n = s.n};
    memcpy(t->body, s.body, sizeof t->body);
    if (choose(&r, t)) return GAZE_OK;
  }
  return gaze_fail(GAZE_ERR_NOTFOUND, "bench arm: layout %s has nothing to %s",
                   avr_layouts[index % layouts].name, deed_name[d]);
}

static gaze_err act(gaze_world *w, const trial *t, const char *robot, gaze_act_status *status) {
  if (t->deed == PICK) return gaze_world_pick(w, t->object, status);
  if (t->deed == MOVE || robot == NULL) return gaze_world_move(w, t->object, t->dir, status);
  return gaze_world_push(w, t->object, t->dir, way(t->body[t->object].pos, t->to), status);
}

// Carries out a trial with a robot, or with the kinematic hand (NULL).
static gaze_err play(const trial *t, const char *robot, outcome *o) {
  gaze_world *w = NULL;
  *o = (outcome){.status = GAZE_ACT_TIMEOUT};
  GAZE_TRY(gaze_world_open_arm(&w, t->body, t->n, robot));
  double begin = gaze_bench_now(), cpu = gaze_bench_cpu();
  gaze_err e = act(w, t, robot, &o->status);
  o->wall_s = gaze_bench_now() - begin, o->cpu_s = gaze_bench_cpu() - cpu;
  o->simulated_s = gaze_world_time(w);
  o->fault = gaze_world_fault(w);
  gaze_world_bodies(w, o->body);
  gaze_world_close(&w);
  return e;
}

static bool apart(const trial *t, const outcome *a, const outcome *b) {
  if (a->status != b->status) return true;
  for (int i = 0; i < t->n; i++) {
    double sum = 0.0;
    for (int k = 0; k < 3; k++) {
      double d = (double)a->body[i].pos[k] - (double)b->body[i].pos[k];
      sum += d * d;
    }
    if (sqrt(sum) > APART) return true;
  }
  return false;
}

static void count(tally *c, const trial *t, const outcome *arm, const outcome *hand) {
  c->trials++;
  c->status[arm->status]++;
  c->fault[arm->fault]++;
  c->apart += apart(t, arm, hand);
  c->wall_s += arm->wall_s, c->cpu_s += arm->cpu_s;
  if (arm->simulated_s > 0.0) c->begun++, c->simulated_s += arm->simulated_s;
}

static double share(int part, int whole) {
  return whole > 0 ? (double)part / whole : 0.0;
}

// One line of text, one object of JSON.
static gaze_err add(gaze_bench *b, const char *robot, deed d, const tally *c) {
  const int ok = c->status[GAZE_ACT_OK], reached = c->trials - c->fault[GAZE_FAULT_UNREACHABLE];
  const struct {
    const char *name;
    double value;
  } figure[] = {
      {"trials", c->trials},
      {"success", share(ok, c->trials)},
      {"success_of_reachable", share(ok, reached)},
      {"success_of_begun", share(ok, c->begun)},
      {"slipped", share(c->status[GAZE_ACT_SLIPPED], c->trials)},
      {"toppled", share(c->status[GAZE_ACT_TOPPLED], c->trials)},
      {"timeout", share(c->status[GAZE_ACT_TIMEOUT], c->trials)},
      {"blocked", share(c->status[GAZE_ACT_BLOCKED], c->trials)},
      {"blocked_unreachable", share(c->fault[GAZE_FAULT_UNREACHABLE], c->trials)},
      {"blocked_collision", share(c->fault[GAZE_FAULT_COLLISION], c->trials)},
      {"blocked_clearance", share(c->fault[GAZE_FAULT_CLEARANCE], c->trials)},
      {"disagrees_with_hand", share(c->apart, c->trials)},
      {"simulated_s", c->begun > 0 ? c->simulated_s / c->begun : 0.0},
      {"wall_s", c->trials > 0 ? c->wall_s / c->trials : 0.0},
      {"cpu_s", c->trials > 0 ? c->cpu_s / c->trials : 0.0},
  };
  cJSON *o = cJSON_CreateObject();
  bool fine = o && cJSON_AddStringToObject(o, "robot", robot) &&
              cJSON_AddStringToObject(o, "action", deed_name[d]);
  if (!b->json) printf("%s %s:", robot, deed_name[d]);
  for (size_t i = 0; i < sizeof figure / sizeof *figure; i++) {
    fine = fine && cJSON_AddNumberToObject(o, figure[i].name, figure[i].value);
    if (!b->json) printf(" %s %.4g", figure[i].name, figure[i].value);
  }
  if (!b->json) printf("\n");
  if (fine && cJSON_AddItemToArray(b->rows, o)) return GAZE_OK;
  cJSON_Delete(o);
  return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
}

static gaze_err measure(gaze_bench *b, const char *robot, deed d, int trials, uint64_t seed) {
  tally c = {0};
  for (int i = 0; i < trials; i++) {
    trial t;
    outcome arm, hand;
    GAZE_TRY(draw(seed, d, i, &t));
    GAZE_TRY(play(&t, NULL, &hand));
    GAZE_TRY(play(&t, robot, &arm));
    count(&c, &t, &arm, &hand);
    if (*gaze_stop_flag()) return GAZE_ERR_INTERRUPTED;
  }
  return add(b, robot, d, &c);
}

gaze_err gaze_bench_arm(gaze_bench *b) {
  static const char *const builtin[] = {"panda7", "ur5e6"};
  const char *robot = NULL;
  int64_t trials, seed;
  GAZE_TRY(gaze_cfg_int(b->cfg, "trials", 200, 1, 100000, &trials));
  GAZE_TRY(gaze_cfg_int(b->cfg, "seed", 2000000, 0, 1LL << 52, &seed));
  GAZE_TRY(gaze_cfg_str(b->cfg, "robot", NULL, &robot));
  for (int k = 0; k < (robot ? 1 : 2); k++)
    for (int d = 0; d < DEEDS; d++)
      GAZE_TRY(measure(b, robot ? robot : builtin[k], (deed)d, (int)trials, (uint64_t)seed));
  return GAZE_OK;
}
