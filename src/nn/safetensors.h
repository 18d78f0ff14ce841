// nn/safetensors.h - checkpoint tensors, mapped read-only; one file or shards with an index.
#ifndef GAZE_NN_SAFETENSORS_H
#define GAZE_NN_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>
#include "core/err.h"

typedef enum gaze_st_type {
  GAZE_ST_F32,
  GAZE_ST_BF16,
  GAZE_ST_F16,
  GAZE_ST_I32,
  GAZE_ST_I64,
  GAZE_ST_U8,
  GAZE_ST_F64
} gaze_st_type;

typedef struct gaze_st_tensor {
  const char *name;  // owned by the file
  gaze_st_type type;
  int rank;  // 0..8
  int64_t shape[8];
  const void *data;  // into the map; may be unaligned
  size_t bytes;      // product of shape times element size, checked
} gaze_st_tensor;

typedef struct gaze_st gaze_st;  // opaque: maps and the table

// Opens one .safetensors file. Every offset, length, shape and name is checked against the file;
// overlapping, out-of-range, repeated or unknown-type tensors give FORMAT.  [rt: init]
gaze_err gaze_st_open(gaze_st **st, const char *path);

// Opens a checkpoint folder: model.safetensors, or model.safetensors.index.json and its shards
// (a missing shard is named).  [rt: init]
gaze_err gaze_st_open_folder(gaze_st **st, const char *dir);

// Unmaps, frees, nulls.  [rt: never]
void gaze_st_close(gaze_st **st);

// Returns the tensor or NULL. Borrowed.  [rt: safe]
const gaze_st_tensor *gaze_st_find(const gaze_st *st, const char *name);
int gaze_st_count(const gaze_st *st);                        // [rt: safe]
const gaze_st_tensor *gaze_st_at(const gaze_st *st, int i);  // [rt: safe]

// Copies a float tensor (f32, bf16, f16) widened to f32; `n` must be its element count. Refuses
// NaN and infinity, naming the tensor.  [rt: init]
gaze_err gaze_st_read_f32(const gaze_st_tensor *t, float *out, size_t n);

// Writes tensors to a file atomically. `meta_json` (an object's text, string values) or NULL goes
// to __metadata__. Data pointers of the entries are the sources in their own type.  [rt: never]
gaze_err gaze_st_write(const char *path, const gaze_st_tensor *tensors, int n,
                       const char *meta_json);

#endif
