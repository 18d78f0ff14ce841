// rt/latest.h - latest-value box: one writer, one reader, three slots; neither ever waits.
//
// The box hands out slot numbers 0..2; the caller keeps the three values. The writer fills the slot
// it owns and publishes it, the reader takes the newest published one; what was not taken in time
// is overwritten.
#ifndef GAZE_RT_LATEST_H
#define GAZE_RT_LATEST_H

#include <stdatomic.h>
#include <stdbool.h>

typedef struct gaze_latest {
  atomic_uint middle;       // slot between the two, and whether it is newer than the reader's
  unsigned writer, reader;  // slots; each is touched by its own side only
} gaze_latest;

// Empties the box, before either side starts.  [rt: safe]
void gaze_latest_init(gaze_latest *l);

// Gives the writer's slot to the reader; l->writer is another one then, with older contents.
// [rt: safe]
void gaze_latest_publish(gaze_latest *l);

// Returns whether something was published since the last take; l->reader is the newest then.
// [rt: safe]
bool gaze_latest_take(gaze_latest *l);

#endif
