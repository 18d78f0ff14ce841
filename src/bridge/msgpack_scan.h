// bridge/msgpack_scan.h - one linear check of a msgpack message before msgpack-c sees it.
#ifndef GAZE_BRIDGE_MSGPACK_SCAN_H
#define GAZE_BRIDGE_MSGPACK_SCAN_H

#include <stddef.h>
#include "core/err.h"

enum {
  GAZE_MSGPACK_BYTES_MAX = 64 << 20,
  GAZE_MSGPACK_DEPTH_MAX = 32,       // nested maps and arrays
  GAZE_MSGPACK_ITEMS_MAX = 1 << 20,  // values and keys in all
};

// Checks that the bytes are exactly one msgpack value: every length within the bytes present,
// nesting and item count bounded, STR valid UTF-8, map keys STR (or BIN where they mark an array),
// no extension types, nothing left over. msgpack-c checks none of this and reserves memory for
// claimed lengths. No allocation. FORMAT or RANGE naming the offending byte.  [rt: safe]
gaze_err gaze_msgpack_scan(const void *bytes, size_t n);

#endif
