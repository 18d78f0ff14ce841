// nn/trainer_save.c - checkpoints: a Hugging Face folder with the optimiser's state beside it.
//
// A folder is written under a temporary name and then takes the place of the old one in one step
// (an exchange where the file system can), so a crash leaves the old or the new checkpoint whole.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/bf16.h"
#include "core/file.h"
#include "core/json.h"
#include "nn/safetensors.h"
#include "nn/trainer_internal.h"

enum { PATH = 4096, NAME = 128, FILE_MAX = 256 << 20 };

static const char *const copied[] = {"tokenizer.json",
                                     "tokenizer_config.json",
                                     "preprocessor_config.json",
                                     "generation_config.json",
                                     "chat_template.json",
                                     "vocab.json",
                                     "merges.txt"};

static gaze_err join(char out[PATH], const char *dir, const char *tail) {
  if ((size_t)snprintf(out, PATH, "%s%s", dir, tail) < PATH) return GAZE_OK;
  return gaze_fail(GAZE_ERR_ARG, "checkpoint: the path is longer than %d bytes", PATH - 1);
}

// ---- folders ----

// `dir` without slashes at the end
static gaze_err clean(char out[PATH], const char *dir) {
  if (!dir || !dir[0]) return gaze_fail(GAZE_ERR_ARG, "checkpoint: no folder given");
  GAZE_TRY(join(out, dir, ""));
  for (size_t n = strlen(out); n > 1 && out[n - 1] == '/'; n--) out[n - 1] = 0;
  return GAZE_OK;
}

gaze_err gazei_checkpoint_recover(const char *dir) {
  char path[PATH], old[PATH];
  GAZE_TRY(clean(path, dir));
  GAZE_TRY(join(old, path, ".old"));
  if (gaze_file_exists(path) || !gaze_file_exists(old)) return GAZE_OK;
  if (rename(old, path)) {
    return gaze_fail(GAZE_ERR_IO, "%s: cannot rename back: %s", old, strerror(errno));
  }
  return GAZE_OK;
}

static gaze_err sync_parent(const char *path) {
  char parent[PATH];
  GAZE_TRY(join(parent, path, ""));
  char *slash = strrchr(parent, '/');
  if (slash) *slash = 0;
  return gaze_dir_sync(slash ? parent : ".");
}

// removes the temporary folders of writers that no longer run
static void sweep(const char *path) {
  char parent[PATH], prefix[PATH], full[PATH];
  if (join(parent, path, "")) return;
  char *slash = strrchr(parent, '/');
  const char *base = slash ? path + (slash - parent) + 1 : path;
  if (slash) slash[slash == parent] = 0;
  if (join(prefix, base, ".tmp.")) return;
  DIR *d = opendir(slash ? parent : ".");
  if (!d) return;
  for (struct dirent *e; (e = readdir(d)) != NULL;) {
    if (strncmp(e->d_name, prefix, strlen(prefix)) != 0) continue;
    char *end = NULL;
    long pid = strtol(e->d_name + strlen(prefix), &end, 10);
    bool number = end != e->d_name + strlen(prefix) && !*end && pid > 0;
    bool gone = number && (pid == (long)getpid() || (kill((pid_t)pid, 0) && errno == ESRCH));
    if (gone && !join(full, path, e->d_name + strlen(base))) (void)gaze_dir_remove(full);
  }
  closedir(d);
}

// puts the finished folder `fresh` in the place of `path`
static gaze_err install(const char *fresh, const char *path) {
  char old[PATH];
  GAZE_TRY(join(old, path, ".old"));
  if (!gaze_file_exists(path)) {
    if (rename(fresh, path)) {
      return gaze_fail(GAZE_ERR_IO, "%s: cannot rename: %s", path, strerror(errno));
    }
    GAZE_TRY(sync_parent(path));
    return gaze_dir_remove(old);
  }
  if (renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_EXCHANGE) == 0) {
    GAZE_TRY(sync_parent(path));
    GAZE_TRY(gaze_dir_remove(old));
    return gaze_dir_remove(fresh);  // now the previous checkpoint
  }
  // no exchange here: for a moment only DIR.old exists, which open and resume know
  GAZE_TRY(gaze_dir_remove(old));
  if (rename(path, old) || rename(fresh, path)) {
    return gaze_fail(GAZE_ERR_IO, "%s: cannot rename: %s", path, strerror(errno));
  }
  GAZE_TRY(sync_parent(path));
  return gaze_dir_remove(old);
}

// ---- files ----

static gaze_err copy_file(const char *from, const char *to, const char *name) {
  char tail[PATH], src[PATH], dst[PATH];
  GAZE_TRY(join(tail, "/", name));
  GAZE_TRY(join(src, from, tail));
  GAZE_TRY(join(dst, to, tail));
  if (!gaze_file_exists(src)) return GAZE_OK;
  gaze_buf b = GAZE_BUF_INIT;
  gaze_err e = gaze_file_read(src, FILE_MAX, &b);
  if (!e) e = gaze_file_write_atomic(dst, gaze_buf_text(&b), b.len);
  gaze_buf_fini(&b);
  return e;
}

static gaze_err write_json(const char *dir, const char *tail, const cJSON *o) {
  char path[PATH];
  GAZE_TRY(join(path, dir, tail));
  char *text = cJSON_Print(o);
  if (!text) return gaze_fail(GAZE_ERR_NOMEM, "%s: out of memory", path);
  gaze_err e = gaze_file_write_atomic(path, text, strlen(text));
  cJSON_free(text);
  return e;
}

// the source's config.json with the type of the stored weights
static gaze_err write_config(const gaze_trainer *t, const char *to, gaze_dtype type) {
  char src[PATH];
  GAZE_TRY(join(src, t->dir, "/config.json"));
  cJSON *o = NULL;
  GAZE_TRY(gaze_json_load(&o, src));
  static const char *const key[] = {"torch_dtype", "dtype"};
  bool ok = true;
  for (size_t i = 0; i < 2; i++) {
    if (!gaze_json_get(o, key[i])) continue;
    cJSON *name = cJSON_CreateString(type == GAZE_BF16 ? "bfloat16" : "float32");
    ok = ok && name && cJSON_ReplaceItemInObjectCaseSensitive(o, key[i], name);
  }
  gaze_err e = ok ? write_json(to, "/config.json", o) : GAZE_ERR_NOMEM;
  cJSON_Delete(o);
  return e;
}

static gaze_st_tensor tensor(const gaze_param *p, const char *name, gaze_st_type type,
                             const void *data) {
  size_t n = (size_t)p->rows * (size_t)p->cols, each = type == GAZE_ST_BF16 ? 2 : 4;
  gaze_st_tensor x = {.name = name, .type = type, .rank = p->rank, .data = data, .bytes = n * each};
  for (int i = 0; i < p->rank; i++) x.shape[i] = p->shape[i];
  return x;
}

static gaze_err write_weights(const gaze_trainer *t, const char *dir, gaze_dtype type) {
  char path[PATH];
  GAZE_TRY(join(path, dir, "/model.safetensors"));
  int n = t->layout.n;
  bool half = type == GAZE_BF16;
  gaze_st_tensor *x = calloc((size_t)n + 1, sizeof *x);
  gaze_bf16 *block = half ? malloc((t->layout.floats + 1) * sizeof *block) : NULL;
  gaze_err e = GAZE_OK;
  if (!x || (half && !block)) {
    e = gaze_fail(GAZE_ERR_NOMEM, "%s: out of memory", path);
  } else {
    for (size_t i = 0; half && i < t->layout.floats; i++) block[i] = gaze_bf16_from_f32(t->p[i]);
    for (int i = 0; i < n; i++) {
      const gaze_param *p = &t->layout.param[i];
      x[i] = half ? tensor(p, p->name, GAZE_ST_BF16, block + p->offset)
                  : tensor(p, p->name, GAZE_ST_F32, t->p + p->offset);
    }
    e = gaze_st_write(path, x, n, "{\"format\":\"pt\"}");
  }
  free(block);
  free(x);
  return e;
}

// the three states of every parameter, and of the auxiliary head
static const char *const state_name[3] = {"master", "m", "v"};

static void state_blocks(const gaze_trainer *t, float *part[3], float *aux[3]) {
  part[0] = t->p, part[1] = t->m, part[2] = t->v;
  aux[0] = t->aux_p, aux[1] = t->aux_m, aux[2] = t->aux_v;
}

static gaze_err write_optimizer(const gaze_trainer *t, const char *dir) {
  char path[PATH];
  GAZE_TRY(join(path, dir, "/optimizer.safetensors"));
  int n = t->layout.n, count = 0;
  gaze_st_tensor *x = calloc(3 * (size_t)n + 3, sizeof *x);
  char(*name)[NAME] = calloc(3 * (size_t)n + 3, sizeof *name);
  gaze_err e = x && name ? GAZE_OK : gaze_fail(GAZE_ERR_NOMEM, "%s: out of memory", path);
  float *part[3], *aux[3];
  state_blocks(t, part, aux);
  for (int k = 0; k < 3 && !e; k++) {
    for (int i = 0; i < n; i++, count++) {
      const gaze_param *p = &t->layout.param[i];
      snprintf(name[count], NAME, "%s.%s", state_name[k], p->name);
      x[count] = tensor(p, name[count], GAZE_ST_F32, part[k] + p->offset);
    }
    if (!t->aux_n) continue;
    snprintf(name[count], NAME, "aux.%s", state_name[k]);
    x[count] = (gaze_st_tensor){.name = name[count],
                                .type = GAZE_ST_F32,
                                .rank = 1,
                                .shape = {(int64_t)t->aux_n},
                                .data = aux[k],
                                .bytes = t->aux_n * sizeof(float)};
    count++;
  }
  if (!e) e = gaze_st_write(path, x, count, NULL);
  free(x);
  free(name);
  return e;
}

static gaze_err write_state(const gaze_trainer *t, const char *dir, const char *state_json) {
  cJSON *o = NULL;
  const char *text = state_json ? state_json : "{}";
  GAZE_TRY(gaze_json_parse(&o, text, strlen(text), "trainer state"));
  gaze_err e = GAZE_OK;
  if (!cJSON_IsObject(o)) e = gaze_fail(GAZE_ERR_ARG, "trainer state: expected an object");
  cJSON_DeleteItemFromObjectCaseSensitive(o, "optimizer_step");
  if (!e && !cJSON_AddNumberToObject(o, "optimizer_step", (double)t->step)) e = GAZE_ERR_NOMEM;
  if (!e) e = write_json(dir, "/trainer.json", o);
  cJSON_Delete(o);
  return e;
}

static gaze_err write_all(const gaze_trainer *t, const char *dir, gaze_dtype type,
                          bool with_optimizer, const char *state_json) {
  GAZE_TRY(gaze_dir_make(dir));
  GAZE_TRY(write_config(t, dir, type));
  for (size_t i = 0; i < sizeof copied / sizeof *copied; i++) {
    GAZE_TRY(copy_file(t->dir, dir, copied[i]));
  }
  GAZE_TRY(write_weights(t, dir, type));
  if (with_optimizer) GAZE_TRY(write_optimizer(t, dir));
  if (with_optimizer || state_json) GAZE_TRY(write_state(t, dir, state_json));
  return gaze_dir_sync(dir);
}

gaze_err gaze_trainer_save(gaze_trainer *t, const char *dir, gaze_dtype type, bool with_optimizer,
                           const char *state_json) {
  if (!t) return gaze_fail(GAZE_ERR_ARG, "trainer save: NULL argument");
  if (type != GAZE_F32 && type != GAZE_BF16) {
    return gaze_fail(GAZE_ERR_UNSUPPORTED, "trainer save: weights are stored as f32 or bf16");
  }
  char path[PATH], fresh[PATH], tail[64];
  GAZE_TRY(clean(path, dir));
  snprintf(tail, sizeof tail, ".tmp.%ld", (long)getpid());
  GAZE_TRY(join(fresh, path, tail));
  GAZE_TRY(gazei_checkpoint_recover(path));
  sweep(path);
  gaze_err e = write_all(t, fresh, type, with_optimizer, state_json);
  if (!e) e = install(fresh, path);
  if (e) (void)gaze_dir_remove(fresh);
  return e;
}

// ---- resume ----

// reads a tensor of n f32; one that is missing is left alone unless it is required
static gaze_err read_state(const gaze_st *st, const char *path, const char *name, bool required,
                           float *out, size_t n) {
  const gaze_st_tensor *x = gaze_st_find(st, name);
  if (!x && !required) return GAZE_OK;
  if (!x || x->type != GAZE_ST_F32 || x->bytes != n * sizeof(float)) {
    return gaze_fail(GAZE_ERR_FORMAT, "%s: tensor %s: missing or not of this model", path, name);
  }
  return gaze_st_read_f32(x, out, n);
}

// reads every state into `out`: three blocks of the layout, then three of the auxiliary head
static gaze_err read_states(const gaze_trainer *t, const gaze_st *st, const char *path,
                            float *out) {
  size_t floats = t->layout.floats;
  for (int k = 0; k < 3; k++) {
    char name[NAME];
    for (int i = 0; i < t->layout.n; i++) {
      const gaze_param *p = &t->layout.param[i];
      snprintf(name, sizeof name, "%s.%s", state_name[k], p->name);
      size_t n = (size_t)p->rows * (size_t)p->cols;
      GAZE_TRY(read_state(st, path, name, true, out + (size_t)k * floats + p->offset, n));
    }
    if (!t->aux_n) continue;
    snprintf(name, sizeof name, "aux.%s", state_name[k]);
    float *aux = out + 3 * floats + (size_t)k * t->aux_n;
    GAZE_TRY(read_state(st, path, name, true, aux, t->aux_n));
  }
  return GAZE_OK;
}

static gaze_err restore(gaze_trainer *t, const char *path, int64_t step) {
  size_t floats = t->layout.floats;
  gaze_st *st = NULL;
  GAZE_TRY(gaze_st_open(&st, path));
  float *all = calloc(3 * (floats + t->aux_n) + 1, sizeof *all);
  gaze_err e =
      all ? read_states(t, st, path, all) : gaze_fail(GAZE_ERR_NOMEM, "%s: out of memory", path);
  float *part[3], *aux[3];
  state_blocks(t, part, aux);
  for (size_t k = 0; k < 3 && !e; k++) {
    memcpy(part[k], all + k * floats, floats * sizeof *all);
    if (t->aux_n) memcpy(aux[k], all + 3 * floats + k * t->aux_n, t->aux_n * sizeof *all);
  }
  if (!e) {
    t->step = step;
    t->ready = false;
    memset(t->g, 0, floats * sizeof *t->g);
    if (t->aux_n) memset(t->aux_g, 0, t->aux_n * sizeof *t->aux_g);
  }
  free(all);
  gaze_st_close(&st);
  return e;
}

gaze_err gazei_trainer_warm_aux(gaze_trainer *t, const char *dir) {
  char path[PATH], name[NAME];
  GAZE_TRY(join(path, dir, "/optimizer.safetensors"));
  if (t->aux_n == 0 || !gaze_file_exists(path)) return GAZE_OK;
  gaze_st *st = NULL;
  GAZE_TRY(gaze_st_open(&st, path));
  snprintf(name, sizeof name, "aux.%s", state_name[0]);
  gaze_err e = read_state(st, path, name, false, t->aux_p, t->aux_n);
  gaze_st_close(&st);
  return e;
}

gaze_err gaze_trainer_resume(gaze_trainer *t, const char *dir, char **state_json) {
  if (state_json) *state_json = NULL;
  if (!t) return gaze_fail(GAZE_ERR_ARG, "trainer resume: NULL argument");
  char base[PATH], path[PATH];
  GAZE_TRY(clean(base, dir));
  GAZE_TRY(gazei_checkpoint_recover(base));
  GAZE_TRY(join(path, base, "/trainer.json"));
  gaze_buf text = GAZE_BUF_INIT;
  cJSON *o = NULL;
  int64_t step = 0;
  gaze_err e = gaze_file_read(path, FILE_MAX, &text);
  if (!e) e = gaze_json_parse(&o, gaze_buf_text(&text), text.len, path);
  if (!e) e = gaze_json_int(o, "optimizer_step", 0, INT64_C(1) << 53, &step, path);
  cJSON_Delete(o);
  if (!e) e = join(path, base, "/optimizer.safetensors");
  if (!e) e = restore(t, path, step);
  if (!e && state_json) {
    *state_json = text.data;  // the buffer is handed over
    return GAZE_OK;
  }
  gaze_buf_fini(&text);
  return e;
}
