// app/cmd_bench.c - gaze bench: figures of this machine, each beside its peer or limit.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "app/bench.h"
#include "app/registry.h"
#include "core/clock.h"
#include "core/stats.h"

// a virtual machine's stolen and total processor time in ticks, see proc(5)
typedef struct ticks {
  double steal, total;
} ticks;

static ticks read_ticks(void) {
  ticks t = {0, 0};
  FILE *f = fopen("/proc/stat", "r");
  if (!f) return t;
  double v[8] = {0};
  if (fscanf(f, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
             &v[6], &v[7]) == 8) {
    for (int i = 0; i < 8; i++) t.total += v[i];
    t.steal = v[7];
  }
  fclose(f);
  return t;
}

static double load_average(void) {
  double load = -1;
  FILE *f = fopen("/proc/loadavg", "r");
  if (f && fscanf(f, "%lf", &load) != 1) load = -1;
  if (f) fclose(f);
  return load;
}

double gaze_bench_now(void) {
  return (double)gaze_clock_now() * 1e-9;
}

double gaze_bench_cpu(void) {
  struct timespec t = {0};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double median(const double *v, int n, double *worst) {
  double sorted[GAZE_BENCH_ROUNDS_MAX];
  memcpy(sorted, v, (size_t)n * sizeof *v);
  double m = gaze_stats_quantile(sorted, n, 0.5);
  *worst = sorted[0];  // sorted by now; rates and ratios are better when larger
  return m;
}

gaze_err gaze_bench_add(gaze_bench *b, const gaze_bench_row *r, const char *name) {
  double ratio[GAZE_BENCH_ROUNDS_MAX], worst, limit = 0, share = 0, share_worst = 0, unused;
  double rate = median(r->rate, b->rounds, &worst);
  double cpu = median(r->share, b->rounds, &unused);
  if (r->beside) {
    for (int i = 0; i < b->rounds; i++) ratio[i] = r->limit[i] > 0 ? r->rate[i] / r->limit[i] : 0;
    limit = median(r->limit, b->rounds, &unused);
    share = median(ratio, b->rounds, &share_worst);
  }
  if (!b->json) {
    printf("%-34s %10.1f %-13s worst %10.1f  cpu %3.0f %%", name, rate, r->unit, worst, 100 * cpu);
    if (r->beside) printf("   %s %.1f: x%.3f, worst x%.3f", r->beside, limit, share, share_worst);
    printf("\n");
    fflush(stdout);
  }
  cJSON *o = cJSON_CreateObject();
  bool ok =
      o && cJSON_AddStringToObject(o, "name", name) &&
      cJSON_AddStringToObject(o, "unit", r->unit) && cJSON_AddNumberToObject(o, "median", rate) &&
      cJSON_AddNumberToObject(o, "worst", worst) && cJSON_AddNumberToObject(o, "cpu_share", cpu);
  if (ok && r->beside)
    ok = cJSON_AddStringToObject(o, "beside", r->beside) &&
         cJSON_AddNumberToObject(o, "beside_median", limit) &&
         cJSON_AddNumberToObject(o, "ratio_median", share) &&
         cJSON_AddNumberToObject(o, "ratio_worst", share_worst) &&
         cJSON_AddItemToObject(o, "ratio", cJSON_CreateDoubleArray(ratio, b->rounds));
  if (ok && cJSON_AddItemToArray(b->rows, o)) return GAZE_OK;
  cJSON_Delete(o);
  return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
}

static gaze_err report(gaze_bench *b, const char *name, double seconds, double steal) {
  double load = load_average();
  long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  if (!b->json) {
    printf("%d rounds, %.1f s, %ld processors, load %.2f, steal %.2f %%\n", b->rounds, seconds,
           cpus, load, steal);
    return GAZE_OK;
  }
  cJSON *o = cJSON_CreateObject();
  bool ok = o && cJSON_AddStringToObject(o, "bench", name) &&
            cJSON_AddNumberToObject(o, "rounds", b->rounds) &&
            cJSON_AddNumberToObject(o, "seconds", seconds) &&
            cJSON_AddNumberToObject(o, "processors", (double)cpus) &&
            cJSON_AddNumberToObject(o, "load", load) &&
            cJSON_AddNumberToObject(o, "steal_percent", steal) &&
            cJSON_AddItemReferenceToObject(o, "rows", b->rows);
  char *text = ok ? cJSON_PrintUnformatted(o) : NULL;
  if (text) printf("%s\n", text);
  cJSON_free(text);
  cJSON_Delete(o);
  return text ? GAZE_OK : gaze_fail(GAZE_ERR_NOMEM, "out of memory");
}

static gaze_err bench(gaze_args *a) {
  static const struct {
    const char *name;
    gaze_err (*run)(gaze_bench *);
  } known[] = {{"render", gaze_bench_render},
               {"decode", gaze_bench_decode},
               {"env", gaze_bench_env},
               {"batch", gaze_bench_batch},
               {"arm", gaze_bench_arm}};
  int64_t rounds;
  gaze_bench b = {.cfg = a->cfg};
  GAZE_TRY(gaze_cfg_int(a->cfg, "rounds", 5, 5, GAZE_BENCH_ROUNDS_MAX, &rounds));
  GAZE_TRY(gaze_cfg_bool(a->cfg, "json", false, &b.json));
  b.rounds = (int)rounds;
  if (a->words != 1)
    return gaze_fail(GAZE_ERR_ARG, "expected one name: render, decode, env, batch or arm");
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (strcmp(known[i].name, a->word[0])) continue;
    b.rows = cJSON_CreateArray();
    if (!b.rows) return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
    ticks t0 = read_ticks();
    double begin = gaze_bench_now();
    gaze_err e = known[i].run(&b);
    ticks t1 = read_ticks();
    double total = t1.total - t0.total, steal = total > 0 ? 100 * (t1.steal - t0.steal) / total : 0;
    if (!e) e = report(&b, known[i].name, gaze_bench_now() - begin, steal);
    cJSON_Delete(b.rows);
    return e;
  }
  return gaze_fail(GAZE_ERR_ARG, "unknown benchmark \"%s\"; known: render, decode, env, batch, arm",
                   a->word[0]);
}

static const gaze_flag flags[] = {
    {.name = "--rounds",
     .key = "rounds",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 5,
     .hi = GAZE_BENCH_ROUNDS_MAX,
     .help = "interleaved rounds, at least 5 (default 5)"},
    {.name = "--model",
     .key = "model",
     .kind = GAZE_FLAG_TEXT,
     .value = "DIR",
     .help = "decode: model folder (default policies/tiny); without weights: random ones"},
    {.name = "--threads",
     .key = "threads",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 0,
     .hi = 256,
     .help = "decode: most threads tried; batch: threads (0: all processors)"},
    {.name = "--rows",
     .key = "rows",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 1,
     .hi = 1024,
     .help = "batch: environments (default 8 a thread)"},
    {.name = "--substeps",
     .key = "substeps",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 1,
     .hi = 1000,
     .help = "batch: physics steps of one step of an environment (default 5)"},
    {.name = "--mjcf",
     .key = "mjcf",
     .kind = GAZE_FLAG_TEXT,
     .value = "FILE",
     .help = "batch: step this model instead of our scene"},
    {.name = "--episodes",
     .key = "episodes",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 1,
     .hi = 10000,
     .help = "env: episodes a round (default 4)"},
    {.name = "--trials",
     .key = "trials",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 1,
     .hi = 100000,
     .help = "arm: actions of each kind and robot (default 200)"},
    {.name = "--seed",
     .key = "seed",
     .kind = GAZE_FLAG_INT,
     .value = "S",
     .lo = 0,
     .hi = 1LL << 52,
     .help = "arm: of the scenes and actions (default 2000000)"},
    {.name = "--robot",
     .key = "robot",
     .kind = GAZE_FLAG_TEXT,
     .value = "R",
     .help = "arm: panda7, ur5e6 or a file (default: both built-in arms)"},
    {.name = "--peer",
     .key = "peer",
     .kind = GAZE_FLAG_TEXT,
     .value = "PYTHON",
     .help = "render, batch: a Python that has mujoco, numpy, PyOpenGL and OSMesa"},
    {.name = "--json", .key = "json", .kind = GAZE_FLAG_SWITCH, .help = "all rounds as JSON"},
    {0},
};

const gaze_command gaze_cmd_bench = {
    .name = "bench",
    .about = "measure rendering, decoding, episodes or arms beside a peer or limit",
    .usage = "bench render|decode|env|batch|arm [--rounds N] [--json]",
    .more =
        "Rates: larger is better; x0.8 means 0.8 times what stands beside. A ratio counts when\n"
        "its worst round still meets the goal. cpu is the share of its processors the run got: "
        "far\n"
        "below 100 % the machine was busy and wall-clock rates (decode, env) are not to be\n"
        "quoted; render counts processor seconds on both sides. arm plays actions that the "
        "kinematic\n"
        "hand could do with simulated arms: shares of all trials, success also of those with a\n"
        "reachable grasp and of those begun. batch steps MuJoCo worlds; every side must end in "
        "the\n"
        "same state. Example:\n"
        "  gaze bench render --peer python3\n",
    .flags = flags,
    .body = bench,
};
