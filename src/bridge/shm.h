// bridge/shm.h - memory shared by two processes of one user on one host (POSIX shm_open).
#ifndef GAZE_BRIDGE_SHM_H
#define GAZE_BRIDGE_SHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"

enum { GAZE_SHM_NAME = 24 };  // "/gaze-" and 16 hexadecimal digits

typedef struct gaze_shm {
  char name[GAZE_SHM_NAME];  // "" once it has no name any more
  uint8_t *base;             // NULL: none
  size_t size;               // bytes
} gaze_shm;

// Makes `size` bytes of zeros under a fresh name, mode 0600, and reserves them. IO if the system
// has no room or no shared memory.  [rt: init]
gaze_err gaze_shm_create(gaze_shm *m, size_t size);

// Maps an existing one for reading. FORMAT unless the name is of the form above and it is a plain
// object of this user, closed to others, of at least `size` bytes; NOTFOUND if there is none.
// [rt: init]
gaze_err gaze_shm_open(gaze_shm *m, const char *name, size_t size);

// Takes the name away: nobody can map it any more, who has it keeps it. Twice is fine; the maker
// calls it.  [rt: never]
void gaze_shm_unlink(gaze_shm *m);

// Unmaps; the maker unlinks first.  [rt: never]
void gaze_shm_close(gaze_shm *m);

#endif
