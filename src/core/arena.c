// core/arena.c - see arena.h. No locks: an arena belongs to one thread.
#include "core/arena.h"
#include <stdint.h>

gaze_err gaze_arena_init(gaze_arena *a, void *mem, size_t cap) {
  if (mem == NULL) return GAZE_ERR_ARG;
  *a = (gaze_arena){.base = mem, .cap = cap};
  return GAZE_OK;
}

void *gaze_arena_alloc(gaze_arena *a, size_t n, size_t align) {
  // align the address, not the offset: the block itself may be unaligned
  uintptr_t at = (uintptr_t)(a->base + a->used);
  size_t pad = (size_t)(-at & (align - 1));
  if (pad > a->cap - a->used || n > a->cap - a->used - pad) return NULL;

  a->used += pad + n;
  if (a->used > a->peak) a->peak = a->used;
  return a->base + a->used - n;
}

size_t gaze_arena_mark(const gaze_arena *a) {
  return a->used;
}

void gaze_arena_release(gaze_arena *a, size_t mark) {
  a->used = mark;
}
