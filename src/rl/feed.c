// rl/feed.c - see feed.h.
#include "rl/feed.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gaze_err open_file(gaze_feed_file *f, const char *path) {
  GAZE_TRY(gaze_record_open(&f->reader, path));
  f->count = (int64_t)gaze_record_count(f->reader);
  if (f->count == 0) return gaze_fail(GAZE_ERR_FORMAT, "%s: holds no whole conversation", path);
  gaze_record first = {0};
  GAZE_TRY(gaze_record_read(f->reader, 0, &first));
  snprintf(f->kind, sizeof f->kind, "%s", first.kind);
  gaze_record_free(&first);
  return GAZE_OK;
}

static gaze_err parse_stage(gaze_feed *f, const cJSON *j, gaze_feed_stage *s) {
  GAZE_TRY(gaze_json_num(j, "until", &s->until, "data.mix"));
  double total = 0;
  for (int i = 0; i < f->files; i++) {
    // files of one kind share the weight by their sizes
    double kind_total = 0, w = 0;
    for (int k = 0; k < f->files; k++)
      if (!strcmp(f->file[k].kind, f->file[i].kind)) kind_total += (double)f->file[k].count;
    if (gaze_json_get(j, f->file[i].kind))
      GAZE_TRY(gaze_json_num(j, f->file[i].kind, &w, "data.mix"));
    if (w < 0)
      return gaze_fail(GAZE_ERR_ARG, "data.mix: weight of \"%s\" must not be negative",
                       f->file[i].kind);
    s->weight[i] = w * (double)f->file[i].count / kind_total;
    total += s->weight[i];
  }
  if (!(total > 0))
    return gaze_fail(GAZE_ERR_ARG, "data.mix: a stage draws from none of the data files");
  return GAZE_OK;
}

gaze_err gaze_feed_open(gaze_feed *f, const char *const *paths, int n, const cJSON *mix,
                        uint64_t seed) {
  *f = (gaze_feed){.seed = seed};
  gaze_rng_init(&f->place.rng, seed, 0xFEED);
  if (n < 1 || n > GAZE_FEED_FILES_MAX)
    return gaze_fail(GAZE_ERR_ARG, "training needs 1 to %d data files, not %d", GAZE_FEED_FILES_MAX,
                     n);
  for (int i = 0; i < n; i++) {
    gaze_err e = open_file(&f->file[f->files++], paths[i]);
    if (e) {
      gaze_feed_close(f);
      return e;
    }
  }

  gaze_err e = GAZE_OK;
  const cJSON *s = NULL;
  cJSON_ArrayForEach(s, mix) {
    if (f->stages == GAZE_FEED_STAGES_MAX)
      e = gaze_fail(GAZE_ERR_ARG, "data.mix: at most %d stages", GAZE_FEED_STAGES_MAX);
    if (!e) e = parse_stage(f, s, &f->stage[f->stages++]);
    if (e) break;
  }
  if (!e && f->stages == 0) {
    f->stages = 1;
    f->stage[0].until = 1;
    for (int i = 0; i < n; i++) f->stage[0].weight[i] = (double)f->file[i].count;
  }
  if (e) gaze_feed_close(f);
  return e;
}

void gaze_feed_close(gaze_feed *f) {
  for (int i = 0; i < f->files; i++) gaze_record_close(&f->file[i].reader);
  f->files = 0;
}

static int64_t gcd(int64_t a, int64_t b) {
  while (b) {
    int64_t t = a % b;
    a = b, b = t;
  }
  return a;
}

// i-th record of a pass: i -> (a i + b) mod n with a prime to n, drawn anew for each pass
static int64_t permuted(const gaze_feed *f, int file, int64_t drawn) {
  int64_t n = f->file[file].count;
  if (n == 1) return 0;
  gaze_rng r;
  gaze_rng_init(&r, f->seed, (uint64_t)(drawn / n) * GAZE_FEED_FILES_MAX + (uint64_t)file);
  int64_t a;
  do a = 1 + (int64_t)gaze_rng_below(&r, (uint32_t)(n - 1));
  while (gcd(a, n) != 1);
  int64_t b = (int64_t)gaze_rng_below(&r, (uint32_t)n);
  return (int64_t)(((uint64_t)a * (uint64_t)(drawn % n) + (uint64_t)b) % (uint64_t)n);
}

gaze_err gaze_feed_next(gaze_feed *f, double progress, gaze_record *out) {
  int s = 0;
  while (s < f->stages - 1 && progress >= f->stage[s].until) s++;
  const double *w = f->stage[s].weight;
  double total = 0;
  for (int i = 0; i < f->files; i++) total += w[i];
  double u = gaze_rng_real(&f->place.rng, 0, total);
  int pick = 0;
  for (int i = 0; i < f->files; i++) {
    if (w[i] <= 0) continue;
    pick = i;
    if (u < w[i]) break;
    u -= w[i];
  }
  gaze_feed_file *file = &f->file[pick];
  int64_t at = permuted(f, pick, f->place.next[pick]++);
  return gaze_record_read(file->reader, (size_t)at, out);
}

cJSON *gaze_feed_state(const gaze_feed *f, const gaze_feed_place *at) {
  cJSON *j = cJSON_CreateObject(), *next = cJSON_AddArrayToObject(j, "next"),
        *rng = cJSON_AddArrayToObject(j, "rng");
  for (int i = 0; i < f->files; i++)
    cJSON_AddItemToArray(next, cJSON_CreateNumber((double)at->next[i]));
  // 64-bit words go as text: JSON numbers lose bits above 2^53
  for (int i = 0; i < 4; i++) {
    char word[24];
    snprintf(word, sizeof word, "%016" PRIx64, at->rng.s[i]);
    cJSON_AddItemToArray(rng, cJSON_CreateString(word));
  }
  return j;
}

gaze_err gaze_feed_restore(gaze_feed *f, const cJSON *state) {
  const cJSON *next = gaze_json_get(state, "next"), *rng = gaze_json_get(state, "rng");
  if (cJSON_GetArraySize(next) != f->files || cJSON_GetArraySize(rng) != 4)
    return gaze_fail(GAZE_ERR_FORMAT,
                     "checkpoint: its data position does not fit the %d data files given",
                     f->files);
  for (int i = 0; i < f->files; i++) {
    double v = cJSON_GetArrayItem(next, i)->valuedouble;
    if (!(v >= 0 && v < 9e15)) return gaze_fail(GAZE_ERR_FORMAT, "checkpoint: bad data position");
    f->place.next[i] = (int64_t)v;
  }
  for (int i = 0; i < 4; i++) {
    const cJSON *word = cJSON_GetArrayItem(rng, i);
    if (!cJSON_IsString(word) || sscanf(word->valuestring, "%16" SCNx64, &f->place.rng.s[i]) != 1)
      return gaze_fail(GAZE_ERR_FORMAT, "checkpoint: bad random state");
  }
  return GAZE_OK;
}
