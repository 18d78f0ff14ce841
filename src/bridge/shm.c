// bridge/shm.c - see shm.h.
#include "bridge/shm.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/clock.h"
#include "core/rng.h"

static gaze_err map(gaze_shm *m, int fd, size_t size, int access) {
  void *at = mmap(NULL, size, access, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED)
    return gaze_fail(GAZE_ERR_IO, "shared memory: cannot map %zu bytes: %s", size, strerror(errno));
  m->base = at, m->size = size;
  return GAZE_OK;
}

gaze_err gaze_shm_create(gaze_shm *m, size_t size) {
  *m = (gaze_shm){.name = ""};
  // the name need not be secret, only new: the mode keeps others out
  gaze_rng r;
  gaze_rng_init(&r, (uint64_t)gaze_clock_now(), (uint64_t)getpid());
  int fd = -1;
  for (int i = 0; i < 8 && fd < 0; i++) {
    snprintf(m->name, sizeof m->name, "/gaze-%016llx", (unsigned long long)gaze_rng_u64(&r));
    fd = shm_open(m->name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0 && errno != EEXIST) break;
  }
  if (fd < 0) {
    m->name[0] = 0;
    return gaze_fail(GAZE_ERR_IO, "shared memory: cannot make it: %s", strerror(errno));
  }
  // without the reservation a full /dev/shm would end the process at the first write
  const int full = posix_fallocate(fd, 0, (off_t)size);
  gaze_err e = full ? gaze_fail(GAZE_ERR_IO, "shared memory: no room for %zu bytes: %s", size,
                                strerror(full))
                    : map(m, fd, size, PROT_READ | PROT_WRITE);
  close(fd);
  if (e) gaze_shm_unlink(m);
  return e;
}

static bool well_named(const char *name) {
  return strncmp(name, "/gaze-", 6) == 0 && strlen(name) == GAZE_SHM_NAME - 2 &&
         strspn(name + 6, "0123456789abcdef") == 16;
}

gaze_err gaze_shm_open(gaze_shm *m, const char *name, size_t size) {
  *m = (gaze_shm){.name = ""};
  if (!well_named(name) || !size)
    return gaze_fail(GAZE_ERR_FORMAT, "shared memory: expected a name of ours and a size");
  const int fd = shm_open(name, O_RDONLY, 0);
  if (fd < 0) return gaze_fail(GAZE_ERR_NOTFOUND, "shared memory %s: %s", name, strerror(errno));
  struct stat s;
  gaze_err e = GAZE_OK;
  if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode) || s.st_uid != geteuid() ||
      (s.st_mode & 0077) != 0 || s.st_size < 0 || (uintmax_t)s.st_size < size)
    e = gaze_fail(GAZE_ERR_FORMAT, "shared memory %s: expected %zu bytes of this user alone", name,
                  size);
  if (!e) e = map(m, fd, size, PROT_READ);
  close(fd);
  return e;
}

void gaze_shm_unlink(gaze_shm *m) {
  if (m->name[0]) shm_unlink(m->name);
  m->name[0] = 0;
}

void gaze_shm_close(gaze_shm *m) {
  if (m->base) munmap(m->base, m->size);
  m->base = NULL, m->size = 0;
}
