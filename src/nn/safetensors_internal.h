// nn/safetensors_internal.h - the element types, shared by the reader and the writer.
#ifndef GAZE_NN_SAFETENSORS_INTERNAL_H
#define GAZE_NN_SAFETENSORS_INTERNAL_H

#include <stdbool.h>
#include "nn/safetensors.h"

enum { GAZEI_ST_TYPES = 7 };

typedef struct gazei_st_dtype {
  const char *name;  // as in the header
  unsigned size;     // bytes per element
} gazei_st_dtype;

// Indexed by gaze_st_type.
extern const gazei_st_dtype gazei_st_dtypes[GAZEI_ST_TYPES];

// Computes the byte size of a tensor; false if the type, the rank, a side or the product is out of
// range.  [rt: safe]
bool gazei_st_bytes(gaze_st_type type, int rank, const int64_t *shape, uint64_t *bytes);

#endif
