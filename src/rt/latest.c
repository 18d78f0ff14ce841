// rt/latest.c - see latest.h. One exchange on each side; acquire and release order the contents.
#include "rt/latest.h"

enum { SLOT = 3, FRESH = 4 };  // bits of `middle`

void gaze_latest_init(gaze_latest *l) {
  atomic_init(&l->middle, 1u);
  l->writer = 0, l->reader = 2;
}

void gaze_latest_publish(gaze_latest *l) {
  unsigned old = atomic_exchange_explicit(&l->middle, l->writer | FRESH, memory_order_acq_rel);
  l->writer = old & SLOT;
}

bool gaze_latest_take(gaze_latest *l) {
  if (!(atomic_load_explicit(&l->middle, memory_order_relaxed) & FRESH)) return false;
  unsigned old = atomic_exchange_explicit(&l->middle, l->reader, memory_order_acq_rel);
  l->reader = old & SLOT;
  return true;
}
