// core/file.h - whole-file reads, read-only maps, atomic writes, folders.
#ifndef GAZE_CORE_FILE_H
#define GAZE_CORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include "core/buf.h"
#include "core/err.h"

enum { GAZE_DIR_TEMP_MAX = 32 };  // bytes of a temporary folder's path, with its end

// Reads a whole file into `b` (appended); RANGE if it is longer than `limit`.  [rt: never]
gaze_err gaze_file_read(const char *path, size_t limit, gaze_buf *b);

// Writes `n` bytes so that a reader sees the old file or the whole new one: temporary name in the
// same folder, fsync, rename, fsync of the folder. On failure the old file stays.  [rt: never]
gaze_err gaze_file_write_atomic(const char *path, const void *bytes, size_t n);

// Creates a folder and its parents; an existing folder is fine.  [rt: never]
gaze_err gaze_dir_make(const char *path);

// Makes an empty folder of its own in /tmp and writes its path; out is empty after an error. The
// caller removes it.  [rt: never]
gaze_err gaze_dir_temp(char out[GAZE_DIR_TEMP_MAX]);

// Removes a folder and everything in it; a missing one is fine.  [rt: never]
gaze_err gaze_dir_remove(const char *path);

// Flushes a folder's entries to disk.  [rt: never]
gaze_err gaze_dir_sync(const char *path);

// Returns whether the path exists.  [rt: never]
bool gaze_file_exists(const char *path);

// A read-only map of a file.
typedef struct gaze_map {
  const unsigned char *data;  // NULL for an empty file
  size_t len;
} gaze_map;

// Maps a regular file.  [rt: init]
gaze_err gaze_map_open(gaze_map *m, const char *path);
// Unmaps; fine on a zeroed struct.  [rt: never]
void gaze_map_close(gaze_map *m);

#endif
