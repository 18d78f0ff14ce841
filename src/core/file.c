// core/file.c - see file.h.
#define _XOPEN_SOURCE 700
#include "core/file.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static gaze_err fail_io(const char *path, const char *what) {
  return gaze_fail(errno == ENOENT ? GAZE_ERR_NOTFOUND : GAZE_ERR_IO, "%s: %s: %s", path, what,
                   strerror(errno));
}

gaze_err gaze_file_read(const char *path, size_t limit, gaze_buf *b) {
  FILE *f = fopen(path, "rb");
  if (!f) return fail_io(path, "cannot open");
  char chunk[1 << 14];
  size_t total = 0, n;
  gaze_err e = GAZE_OK;
  while ((n = fread(chunk, 1, sizeof chunk, f)) > 0 && !e) {
    total += n;
    if (total > limit)
      e = gaze_fail(GAZE_ERR_RANGE, "%s: longer than %zu bytes", path, limit);
    else
      gaze_buf_add(b, chunk, n);
  }
  if (!e && ferror(f)) e = fail_io(path, "cannot read");
  if (!e && b->failed) e = gaze_fail(GAZE_ERR_NOMEM, "%s: out of memory", path);
  fclose(f);
  return e;
}

gaze_err gaze_file_write_atomic(const char *path, const void *bytes, size_t n) {
  gaze_buf tmp = GAZE_BUF_INIT;
  gaze_buf_printf(&tmp, "%s.tmp.%ld", path, (long)getpid());
  if (tmp.failed) return GAZE_ERR_NOMEM;
  const char *name = gaze_buf_text(&tmp);
  int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) {
    gaze_err e = fail_io(path, "cannot write");
    gaze_buf_fini(&tmp);
    return e;
  }

  gaze_err e = GAZE_OK;
  for (size_t done = 0; done < n && !e;) {
    ssize_t k = write(fd, (const char *)bytes + done, n - done);
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) e = fail_io(path, "cannot write");
    if (k > 0) done += (size_t)k;
  }
  if (!e && fsync(fd)) e = fail_io(path, "cannot flush");
  if (close(fd) && !e) e = fail_io(path, "cannot close");
  if (!e && rename(name, path)) e = fail_io(path, "cannot rename onto");
  if (e) unlink(name);
  gaze_buf_fini(&tmp);
  if (e) return e;

  // the rename itself must survive a power cut
  char dir[4096];
  snprintf(dir, sizeof dir, "%s", path);
  char *slash = strrchr(dir, '/');
  if (slash) *slash = 0;
  return gaze_dir_sync(slash ? dir : ".");
}

gaze_err gaze_dir_sync(const char *path) {
  int fd = open(path[0] ? path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail_io(path, "cannot open");
  int bad = fsync(fd);
  close(fd);
  return bad ? fail_io(path, "cannot flush") : GAZE_OK;
}

gaze_err gaze_dir_make(const char *path) {
  char p[4096];
  if ((size_t)snprintf(p, sizeof p, "%s", path) >= sizeof p)
    return gaze_fail(GAZE_ERR_ARG, "path longer than %zu bytes", sizeof p - 1);
  for (char *s = p + 1; *s; s++) {
    if (*s != '/') continue;
    *s = 0;
    if (mkdir(p, 0755) && errno != EEXIST) return fail_io(p, "cannot make folder");
    *s = '/';
  }
  struct stat st;
  if (mkdir(p, 0755) && errno != EEXIST) return fail_io(p, "cannot make folder");
  if (stat(p, &st) || !S_ISDIR(st.st_mode))
    return gaze_fail(GAZE_ERR_IO, "%s: exists and is not a folder", p);
  return GAZE_OK;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  (void)st, (void)type, (void)ftw;
  return remove(path);
}

gaze_err gaze_dir_temp(char out[GAZE_DIR_TEMP_MAX]) {
  snprintf(out, GAZE_DIR_TEMP_MAX, "/tmp/gaze-XXXXXX");
  if (mkdtemp(out)) return GAZE_OK;
  out[0] = 0;
  return fail_io("/tmp", "cannot make a folder");
}

gaze_err gaze_dir_remove(const char *path) {
  if (!gaze_file_exists(path)) return GAZE_OK;
  if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS)) return fail_io(path, "cannot remove");
  return GAZE_OK;
}

bool gaze_file_exists(const char *path) {
  return access(path, F_OK) == 0;
}

gaze_err gaze_map_open(gaze_map *m, const char *path) {
  *m = (gaze_map){0};
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail_io(path, "cannot open");
  struct stat st;
  if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
    close(fd);
    return gaze_fail(GAZE_ERR_IO, "%s: not a regular file", path);
  }
  gaze_err e = GAZE_OK;
  if (st.st_size > 0) {
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
      e = fail_io(path, "cannot map");
    else
      *m = (gaze_map){.data = p, .len = (size_t)st.st_size};
  }
  close(fd);
  return e;
}

void gaze_map_close(gaze_map *m) {
  if (m->data) munmap((void *)(size_t)m->data, m->len);
  *m = (gaze_map){0};
}
