// nn/safetensors_write.c - streams a checkpoint file to disk, whole or not at all.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/file.h"
#include "core/json.h"
#include "core/utf8.h"
#include "nn/safetensors_internal.h"

static gaze_err check_tensor(const gaze_st_tensor *t, const char *path) {
  uint64_t bytes = 0;
  if (!t->name || !t->name[0] || !gaze_utf8_valid(t->name, strlen(t->name)) ||
      !strcmp(t->name, "__metadata__"))
    return gaze_fail(GAZE_ERR_ARG, "%.400s: a tensor has no usable name", path);
  if (!gazei_st_bytes(t->type, t->rank, t->shape, &bytes) || bytes != t->bytes)
    return gaze_fail(GAZE_ERR_ARG, "%.400s: tensor \"%.200s\": %zu bytes do not fit its shape",
                     path, t->name, t->bytes);
  if (!t->data && t->bytes)
    return gaze_fail(GAZE_ERR_ARG, "%.400s: tensor \"%.200s\": no data", path, t->name);
  return GAZE_OK;
}

static gaze_err add_metadata(gaze_buf *b, const char *meta, const char *path) {
  cJSON *o = NULL;
  GAZE_TRY(gaze_json_parse(&o, meta, strlen(meta), "metadata"));
  bool ok = cJSON_IsObject(o);
  const cJSON *m = NULL;
  if (ok) cJSON_ArrayForEach(m, o) ok = ok && cJSON_IsString(m);
  cJSON_Delete(o);
  if (!ok) return gaze_fail(GAZE_ERR_ARG, "%.400s: metadata must be an object of strings", path);
  gaze_buf_str(b, "\"__metadata__\":");
  gaze_buf_str(b, meta);
  return GAZE_OK;
}

static int by_name(const void *a, const void *b) {
  return strcmp((*(const gaze_st_tensor *const *)a)->name,
                (*(const gaze_st_tensor *const *)b)->name);
}

// larger elements first keeps every tensor aligned to its element; then by name
static int by_size(const void *a, const void *b) {
  const gaze_st_tensor *x = *(const gaze_st_tensor *const *)a,
                       *y = *(const gaze_st_tensor *const *)b;
  unsigned p = gazei_st_dtypes[x->type].size, q = gazei_st_dtypes[y->type].size;
  return p != q ? (p < q ? 1 : -1) : by_name(a, b);
}

// the length, the JSON and the spaces that bring the data to a multiple of 8
static gaze_err make_header(gaze_buf *b, const gaze_st_tensor *const *order, int n,
                            const char *meta, const char *path) {
  static const char zero[8] = {0};
  gaze_buf_add(b, zero, 8);
  gaze_buf_str(b, "{");
  if (meta) GAZE_TRY(add_metadata(b, meta, path));
  uint64_t at = 0;
  for (int i = 0; i < n; i++) {
    const gaze_st_tensor *t = order[i];
    if (i || meta) gaze_buf_str(b, ",");
    gaze_json_add_str(b, t->name, strlen(t->name));
    gaze_buf_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", gazei_st_dtypes[t->type].name);
    for (int d = 0; d < t->rank; d++)
      gaze_buf_printf(b, "%s%lld", d ? "," : "", (long long)t->shape[d]);
    gaze_buf_printf(b, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at,
                    (unsigned long long)(at + t->bytes));
    at += t->bytes;
  }
  gaze_buf_str(b, "}");
  while (b->len % 8 && !b->failed) gaze_buf_str(b, " ");
  if (b->failed) return gaze_fail(GAZE_ERR_NOMEM, "%.400s: out of memory", path);
  uint64_t len = b->len - 8;
  for (int i = 0; i < 8; i++) b->data[i] = (char)(unsigned char)(len >> (8 * i));
  return GAZE_OK;
}

static gaze_err write_all(int fd, const void *bytes, size_t n, const char *path) {
  const char *p = bytes;
  while (n) {
    ssize_t k = write(fd, p, n < (size_t)1 << 28 ? n : (size_t)1 << 28);
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) return gaze_fail(GAZE_ERR_IO, "%.400s: cannot write: %s", path, strerror(errno));
    p += k, n -= (size_t)k;
  }
  return GAZE_OK;
}

static gaze_err sync_parent(const char *path) {
  char *dir = strdup(path);
  if (!dir) return gaze_fail(GAZE_ERR_NOMEM, "%.400s: out of memory", path);
  char *slash = strrchr(dir, '/');
  if (slash) *slash = 0;
  gaze_err e = gaze_dir_sync(slash ? dir : ".");
  free(dir);
  return e;
}

// temporary name in the same folder, flush, rename, flush of the folder
static gaze_err stream(const char *path, const gaze_buf *header, const gaze_st_tensor *const *order,
                       int n) {
  gaze_buf tmp = GAZE_BUF_INIT;
  gaze_buf_printf(&tmp, "%s.tmp.%ld", path, (long)getpid());
  const char *name = gaze_buf_text(&tmp);
  int fd = tmp.failed ? -1 : open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) {
    gaze_buf_fini(&tmp);
    return gaze_fail(GAZE_ERR_IO, "%.400s: cannot write: %s", path, strerror(errno));
  }
  gaze_err e = write_all(fd, header->data, header->len, path);
  for (int i = 0; i < n && !e; i++) e = write_all(fd, order[i]->data, order[i]->bytes, path);
  if (!e && fsync(fd))
    e = gaze_fail(GAZE_ERR_IO, "%.400s: cannot flush: %s", path, strerror(errno));
  if (close(fd) && !e)
    e = gaze_fail(GAZE_ERR_IO, "%.400s: cannot close: %s", path, strerror(errno));
  if (!e && rename(name, path))
    e = gaze_fail(GAZE_ERR_IO, "%.400s: cannot rename onto: %s", path, strerror(errno));
  if (e) unlink(name);
  gaze_buf_fini(&tmp);
  return e ? e : sync_parent(path);
}

gaze_err gaze_st_write(const char *path, const gaze_st_tensor *tensors, int n,
                       const char *meta_json) {
  if (n < 0) return gaze_fail(GAZE_ERR_ARG, "%.400s: negative number of tensors", path);
  for (int i = 0; i < n; i++) GAZE_TRY(check_tensor(&tensors[i], path));
  const gaze_st_tensor **order = malloc(((size_t)n + 1) * sizeof *order);
  if (!order) return gaze_fail(GAZE_ERR_NOMEM, "%.400s: out of memory", path);
  for (int i = 0; i < n; i++) order[i] = &tensors[i];

  gaze_err e = GAZE_OK;
  qsort(order, (size_t)n, sizeof *order, by_name);
  for (int i = 1; i < n && !e; i++)
    if (by_name(&order[i - 1], &order[i]) == 0)
      e = gaze_fail(GAZE_ERR_ARG, "%.400s: tensor \"%.200s\": the name is repeated", path,
                    order[i]->name);
  qsort(order, (size_t)n, sizeof *order, by_size);
  gaze_buf header = GAZE_BUF_INIT;
  if (!e) e = make_header(&header, order, n, meta_json, path);
  if (!e) e = stream(path, &header, order, n);
  gaze_buf_fini(&header);
  free(order);
  return e;
}
