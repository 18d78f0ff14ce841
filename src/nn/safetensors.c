// nn/safetensors.c - maps checkpoint files and checks every number of their headers.
#include "nn/safetensors.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/bf16.h"
#include "core/file.h"
#include "core/json.h"
#include "nn/safetensors_internal.h"

enum { RANK_MAX = 8 };

// the format's own limit on the header
static const uint64_t HEADER_MAX = 100000000;

const gazei_st_dtype gazei_st_dtypes[GAZEI_ST_TYPES] = {
    {"F32", 4}, {"BF16", 2}, {"F16", 2}, {"I32", 4}, {"I64", 8}, {"U8", 1}, {"F64", 8},
};

// A tensor and where it came from; the public part is first.
typedef struct entry {
  gaze_st_tensor t;
  uint64_t begin;  // offset in the data part of its file
  int file;
} entry;

struct gaze_st {
  gaze_map *map;  // one per file
  int files;
  entry *e;  // sorted by name
  int n, cap;
};

static gaze_err bad_tensor(const char *path, const char *name, const char *why) {
  return gaze_fail(GAZE_ERR_FORMAT, "%.400s: tensor \"%.200s\": %s", path, name, why);
}

bool gazei_st_bytes(gaze_st_type type, int rank, const int64_t *shape, uint64_t *bytes) {
  if ((unsigned)type >= GAZEI_ST_TYPES || rank < 0 || rank > RANK_MAX) return false;
  uint64_t n = gazei_st_dtypes[type].size;
  for (int i = 0; i < rank; i++)
    if (shape[i] < 0 || __builtin_mul_overflow(n, (uint64_t)shape[i], &n)) return false;
  *bytes = n;
  return n <= SIZE_MAX / 2;
}

// a whole number from 0 to 2^53, the range in which JSON numbers are exact here
static bool whole(const cJSON *v, uint64_t *out) {
  if (!cJSON_IsNumber(v)) return false;
  double d = v->valuedouble;
  if (!(d >= 0 && d <= 9007199254740992.0) || d != floor(d)) return false;
  *out = (uint64_t)d;
  return true;
}

// the three members of a tensor's entry, each exactly once and nothing else
static gaze_err split_entry(const cJSON *o, const char *path, const cJSON **dtype,
                            const cJSON **shape, const cJSON **offsets) {
  const cJSON *m = NULL;
  if (!cJSON_IsObject(o)) return bad_tensor(path, o->string, "expected an object");
  cJSON_ArrayForEach(m, o) {
    const cJSON **slot = !strcmp(m->string, "dtype")          ? dtype
                         : !strcmp(m->string, "shape")        ? shape
                         : !strcmp(m->string, "data_offsets") ? offsets
                                                              : NULL;
    if (!slot) return bad_tensor(path, o->string, "unknown member in its header entry");
    if (*slot) return bad_tensor(path, o->string, "repeated member in its header entry");
    *slot = m;
  }
  if (!cJSON_IsString(*dtype)) return bad_tensor(path, o->string, "\"dtype\" must be a string");
  if (!cJSON_IsArray(*shape)) return bad_tensor(path, o->string, "\"shape\" must be a list");
  if (!cJSON_IsArray(*offsets) || cJSON_GetArraySize(*offsets) != 2)
    return bad_tensor(path, o->string, "\"data_offsets\" must be two numbers");
  return GAZE_OK;
}

static gaze_err read_shape(const cJSON *shape, const char *path, const char *name,
                           gaze_st_tensor *t) {
  const cJSON *v = NULL;
  cJSON_ArrayForEach(v, shape) {
    uint64_t d = 0;
    if (t->rank == RANK_MAX) return bad_tensor(path, name, "more than 8 dimensions");
    if (!whole(v, &d)) return bad_tensor(path, name, "\"shape\" must hold whole numbers");
    t->shape[t->rank++] = (int64_t)d;
  }
  uint64_t bytes = 0;
  if (!gazei_st_bytes(t->type, t->rank, t->shape, &bytes))
    return bad_tensor(path, name, "its shape is too large");
  t->bytes = (size_t)bytes;
  return GAZE_OK;
}

static gaze_err read_entry(const cJSON *o, const char *path, uint64_t data_len, entry *e) {
  const cJSON *dtype = NULL, *shape = NULL, *offsets = NULL;
  GAZE_TRY(split_entry(o, path, &dtype, &shape, &offsets));
  int type = 0;
  while (type < GAZEI_ST_TYPES && strcmp(gazei_st_dtypes[type].name, dtype->valuestring) != 0)
    type++;
  if (type == GAZEI_ST_TYPES)
    return gaze_fail(GAZE_ERR_FORMAT, "%.400s: tensor \"%.200s\": unknown dtype \"%.40s\"", path,
                     o->string, dtype->valuestring);
  e->t.type = (gaze_st_type)type;
  GAZE_TRY(read_shape(shape, path, o->string, &e->t));

  uint64_t begin = 0, end = 0;
  if (!whole(offsets->child, &begin) || !whole(offsets->child->next, &end) || begin > end)
    return bad_tensor(path, o->string, "\"data_offsets\" must be ordered whole numbers");
  if (end > data_len)
    return bad_tensor(path, o->string, "its data reaches beyond the end of the file");
  if (end - begin != e->t.bytes)
    return bad_tensor(path, o->string, "its data length does not fit its shape and dtype");
  e->begin = begin;
  return GAZE_OK;
}

static gaze_err check_metadata(const cJSON *o, const char *path) {
  const cJSON *m = NULL;
  if (!cJSON_IsObject(o))
    return gaze_fail(GAZE_ERR_FORMAT, "%.400s: __metadata__ must be an object", path);
  cJSON_ArrayForEach(m, o) if (!cJSON_IsString(m)) return gaze_fail(
      GAZE_ERR_FORMAT, "%.400s: __metadata__: \"%.200s\" must be a string", path, m->string);
  return GAZE_OK;
}

static int by_offset(const void *a, const void *b) {
  const entry *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return (x->t.bytes > y->t.bytes) - (x->t.bytes < y->t.bytes);
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const entry *)a)->t.name, ((const entry *)b)->t.name);
}

// makes room for n more entries
static gaze_err reserve(gaze_st *st, int n) {
  if (n > INT32_MAX / 2 - st->n) return GAZE_ERR_NOMEM;
  if (st->n + n <= st->cap) return GAZE_OK;
  int cap = st->n + n;
  entry *e = realloc(st->e, (size_t)cap * sizeof *e);
  if (!e) return gaze_fail(GAZE_ERR_NOMEM, "no memory for %d tensors", cap);
  st->e = e, st->cap = cap;
  return GAZE_OK;
}

// the data must be covered exactly once: no gap, no overlap, nothing left over
static gaze_err check_cover(entry *e, int n, uint64_t data_len, const char *path) {
  if (n) qsort(e, (size_t)n, sizeof *e, by_offset);
  uint64_t at = 0;
  for (int i = 0; i < n; i++) {
    if (e[i].begin < at) return bad_tensor(path, e[i].t.name, "its data overlaps another tensor");
    if (e[i].begin > at) return bad_tensor(path, e[i].t.name, "a gap lies before its data");
    at += e[i].t.bytes;
  }
  if (at != data_len)
    return gaze_fail(GAZE_ERR_FORMAT, "%.400s: %llu bytes after the last tensor", path,
                     (unsigned long long)(data_len - at));
  return GAZE_OK;
}

static gaze_err read_header(gaze_st *st, const cJSON *root, const char *path,
                            const unsigned char *data, uint64_t data_len, int file) {
  if (!cJSON_IsObject(root))
    return gaze_fail(GAZE_ERR_FORMAT, "%.400s: the header must be an object", path);
  GAZE_TRY(reserve(st, cJSON_GetArraySize(root)));
  int first = st->n;
  bool metadata = false;
  const cJSON *m = NULL;
  cJSON_ArrayForEach(m, root) {
    if (!strcmp(m->string, "__metadata__")) {
      if (metadata) return gaze_fail(GAZE_ERR_FORMAT, "%.400s: __metadata__ is repeated", path);
      metadata = true;
      GAZE_TRY(check_metadata(m, path));
      continue;
    }
    entry e = {.file = file};
    GAZE_TRY(read_entry(m, path, data_len, &e));
    e.t.data = data + e.begin;
    e.t.name = strdup(m->string);
    if (!e.t.name) return gaze_fail(GAZE_ERR_NOMEM, "%.400s: out of memory", path);
    st->e[st->n++] = e;
  }
  return check_cover(st->e ? st->e + first : NULL, st->n - first, data_len, path);
}

// maps one file and adds its tensors
static gaze_err add_file(gaze_st *st, const char *path) {
  gaze_map *map = realloc(st->map, (size_t)(st->files + 1) * sizeof *map);
  if (!map) return gaze_fail(GAZE_ERR_NOMEM, "%.400s: out of memory", path);
  st->map = map;
  GAZE_TRY(gaze_map_open(&map[st->files], path));
  int file = st->files++;
  const unsigned char *p = map[file].data;
  size_t len = map[file].len;
  if (len < 8)
    return gaze_fail(GAZE_ERR_FORMAT, "%.400s: %zu bytes are too few for a safetensors file", path,
                     len);
  uint64_t header = 0;
  for (int i = 7; i >= 0; i--) header = header << 8 | p[i];
  if (header > HEADER_MAX || header > len - 8)
    return gaze_fail(GAZE_ERR_FORMAT, "%.400s: header length %llu does not fit the file", path,
                     (unsigned long long)header);
  cJSON *root = NULL;
  GAZE_TRY(gaze_json_parse(&root, (const char *)p + 8, (size_t)header, path));
  size_t start = 8 + (size_t)header;
  gaze_err e = read_header(st, root, path, p + start, len - start, file);
  cJSON_Delete(root);
  return e;
}

// sorts for find and refuses names that come twice
static gaze_err finish(gaze_st *st, const char *what) {
  if (st->n) qsort(st->e, (size_t)st->n, sizeof *st->e, by_name);
  for (int i = 1; i < st->n; i++)
    if (by_name(&st->e[i - 1], &st->e[i]) == 0)
      return bad_tensor(what, st->e[i].t.name, "the name is repeated");
  return GAZE_OK;
}

static entry *find(const gaze_st *st, const char *name) {
  entry key = {.t = {.name = name}};
  return st->n ? bsearch(&key, st->e, (size_t)st->n, sizeof key, by_name) : NULL;
}

gaze_err gaze_st_open(gaze_st **st, const char *path) {
  *st = calloc(1, sizeof **st);
  if (!*st) return gaze_fail(GAZE_ERR_NOMEM, "%.400s: out of memory", path);
  gaze_err e = add_file(*st, path);
  if (!e) e = finish(*st, path);
  if (e) gaze_st_close(st);
  return e;
}

static char *join(const char *dir, const char *name) {
  size_t n = strlen(dir) + strlen(name) + 2;
  char *p = malloc(n);
  if (p) snprintf(p, n, "%s/%s", dir, name);
  return p;
}

// a shard lies in the folder itself: the index cannot point elsewhere
static bool shard_name_ok(const cJSON *v) {
  static const char end[] = ".safetensors";
  if (!cJSON_IsString(v)) return false;
  size_t n = strlen(v->valuestring), m = sizeof end - 1;
  return n > m && n < 256 && !strchr(v->valuestring, '/') && !strcmp(v->valuestring + n - m, end);
}

static int shard_index(const char *const *shard, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (!strcmp(shard[i], name)) return i;
  return -1;
}

static gaze_err add_shard(gaze_st *st, const char *dir, const char *name, const char *index) {
  char *path = join(dir, name);
  if (!path) return gaze_fail(GAZE_ERR_NOMEM, "%.400s: out of memory", index);
  gaze_err e =
      gaze_file_exists(path)
          ? add_file(st, path)
          : gaze_fail(GAZE_ERR_NOTFOUND, "%.400s: shard \"%.256s\" is missing", index, name);
  free(path);
  return e;
}

static gaze_err open_shards(gaze_st *st, const char *dir, const cJSON *root, const char *index) {
  enum { SHARDS_MAX = 4096 };
  const cJSON *map = gaze_json_get(root, "weight_map"), *m = NULL;
  if (!cJSON_IsObject(map))
    return gaze_fail(GAZE_ERR_FORMAT, "%.400s: field \"weight_map\": expected an object", index);
  const char **shard = calloc(SHARDS_MAX, sizeof *shard);
  if (!shard) return gaze_fail(GAZE_ERR_NOMEM, "%.400s: out of memory", index);
  gaze_err e = GAZE_OK;
  int n = 0;
  cJSON_ArrayForEach(m, map) {
    if (!shard_name_ok(m) || n == SHARDS_MAX) {
      e = gaze_fail(GAZE_ERR_FORMAT, "%.400s: tensor \"%.200s\": expected the name of a shard",
                    index, m->string);
      break;
    }
    if (shard_index(shard, n, m->valuestring) >= 0) continue;
    shard[n++] = m->valuestring;
    if ((e = add_shard(st, dir, m->valuestring, index))) break;
  }
  if (!e) e = finish(st, index);
  // the index must tell the truth about what lies where
  if (!e) cJSON_ArrayForEach(m, map) {
      const entry *t = find(st, m->string);
      if (t && t->file == shard_index(shard, n, m->valuestring)) continue;
      e = gaze_fail(GAZE_ERR_FORMAT, "%.400s: tensor \"%.200s\" is not in shard \"%.256s\"", index,
                    m->string, m->valuestring);
      break;
    }
  free(shard);
  return e;
}

static gaze_err open_index(gaze_st **st, const char *dir, const char *index) {
  cJSON *root = NULL;
  if (!gaze_file_exists(index))
    return gaze_fail(GAZE_ERR_NOTFOUND,
                     "%.400s: neither model.safetensors nor model.safetensors.index.json", dir);
  GAZE_TRY(gaze_json_load(&root, index));
  *st = calloc(1, sizeof **st);
  gaze_err e = *st ? open_shards(*st, dir, root, index)
                   : gaze_fail(GAZE_ERR_NOMEM, "%.400s: out of memory", index);
  cJSON_Delete(root);
  if (e) gaze_st_close(st);
  return e;
}

gaze_err gaze_st_open_folder(gaze_st **st, const char *dir) {
  *st = NULL;
  char *single = join(dir, "model.safetensors");
  char *index = join(dir, "model.safetensors.index.json");
  gaze_err e = GAZE_ERR_NOMEM;
  if (!single || !index)
    gaze_fail(e, "%.400s: out of memory", dir);
  else
    e = gaze_file_exists(single) ? gaze_st_open(st, single) : open_index(st, dir, index);
  free(single);
  free(index);
  return e;
}

void gaze_st_close(gaze_st **st) {
  if (!*st) return;
  for (int i = 0; i < (*st)->files; i++) gaze_map_close(&(*st)->map[i]);
  for (int i = 0; i < (*st)->n; i++) free((char *)(size_t)(*st)->e[i].t.name);
  free((*st)->map);
  free((*st)->e);
  free(*st);
  *st = NULL;
}

const gaze_st_tensor *gaze_st_find(const gaze_st *st, const char *name) {
  const entry *e = find(st, name);
  return e ? &e->t : NULL;
}

int gaze_st_count(const gaze_st *st) {
  return st->n;
}

const gaze_st_tensor *gaze_st_at(const gaze_st *st, int i) {
  return i >= 0 && i < st->n ? &st->e[i].t : NULL;
}

gaze_err gaze_st_read_f32(const gaze_st_tensor *t, float *out, size_t n) {
  if (t->type != GAZE_ST_F32 && t->type != GAZE_ST_BF16 && t->type != GAZE_ST_F16)
    return gaze_fail(GAZE_ERR_FORMAT, "tensor \"%.200s\": expected F32, BF16 or F16, not %s",
                     t->name, gazei_st_dtypes[t->type].name);
  if (t->bytes / gazei_st_dtypes[t->type].size != n)
    return gaze_fail(GAZE_ERR_ARG, "tensor \"%.200s\": has %zu elements, expected %zu", t->name,
                     t->bytes / gazei_st_dtypes[t->type].size, n);

  // the data may be unaligned: every element goes through memcpy
  const unsigned char *p = t->data;
  uint32_t bad = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = 0;
    uint16_t half = 0;
    if (t->type == GAZE_ST_F32) {
      memcpy(&bits, p + 4 * i, 4);
    } else if (t->type == GAZE_ST_BF16) {
      memcpy(&half, p + 2 * i, 2);
      bits = (uint32_t)half << 16;
    } else {
      memcpy(&half, p + 2 * i, 2);
      float f = gaze_f16_to_f32(half);
      memcpy(&bits, &f, 4);
    }
    bad |= (bits & 0x7f800000u) == 0x7f800000u;
    memcpy(out + i, &bits, 4);
  }
  if (bad) return gaze_fail(GAZE_ERR_FORMAT, "tensor \"%.200s\": holds NaN or infinity", t->name);
  return GAZE_OK;
}
