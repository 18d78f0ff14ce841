// core/arena.h - bump allocator over one caller-owned block, with scratch frames.
#ifndef GAZE_CORE_ARENA_H
#define GAZE_CORE_ARENA_H

#include <stddef.h>
#include "core/err.h"

typedef struct gaze_arena {
  unsigned char *base;  // borrowed; must outlive the arena
  size_t cap, used;     // bytes
  size_t peak;          // high-water mark
} gaze_arena;

// Wraps `cap` bytes at `mem`. Fails with ARG if `mem` is NULL.  [rt: init]
gaze_err gaze_arena_init(gaze_arena *a, void *mem, size_t cap);

// Returns `n` uninitialised bytes aligned to `align` (a power of two), or NULL when full.
// Never grows; the pointer lives until the enclosing frame is released.  [rt: safe]
void *gaze_arena_alloc(gaze_arena *a, size_t n, size_t align);

// Opens a scratch frame; release drops everything allocated since the mark.  [rt: safe]
size_t gaze_arena_mark(const gaze_arena *a);
// Closes the frame opened by the mark.  [rt: safe]
void gaze_arena_release(gaze_arena *a, size_t mark);

#endif
