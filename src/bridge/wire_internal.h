// bridge/wire_internal.h - packing into gaze_buf and checked reads of msgpack objects.
#ifndef GAZE_BRIDGE_WIRE_INTERNAL_H
#define GAZE_BRIDGE_WIRE_INTERNAL_H

#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/buf.h"
#include "bridge/env_wire.h"
#include "core/err.h"

// a packer that appends to `b`
msgpack_packer gaze_wire_packer(gaze_buf *b);
void gaze_wire_str(msgpack_packer *p, const char *s);  // NULL = nil
void gaze_wire_bool(msgpack_packer *p, bool v);
// a numpy array in dialect B: the bytes lie in memory order, little-endian
void gaze_wire_array(msgpack_packer *p, const char *dtype, const int64_t *shape, int rank,
                     const void *bytes, size_t n);
// the same for bytes that lie at an offset of shared memory
void gaze_wire_far_array(msgpack_packer *p, const char *dtype, const int64_t *shape, int rank,
                         size_t offset);

// scans and unpacks into *mem (an msgpack_unpacked) and returns the root map
gaze_err gaze_wire_unpack(const void *bytes, size_t n, void **mem, const msgpack_object **root);
void gaze_wire_mem_free(void **mem);
// memory that lives as long as mem
void *gaze_wire_alloc(void *mem, size_t n);

// member by name (STR or BIN key), NULL if absent or `o` is no map
const msgpack_object *gaze_wire_find(const msgpack_object *o, const char *key);
// typed reads; `what` names the field in the sentence. Absent (NULL) objects fail.
gaze_err gaze_wire_int(const msgpack_object *o, int64_t lo, int64_t hi, int64_t *v,
                       const char *what);
gaze_err gaze_wire_num(const msgpack_object *o, double *v, const char *what);
gaze_err gaze_wire_flag(const msgpack_object *o, bool *v, const char *what);
// NUL-terminated copy in mem; U+0000 inside is refused; nil gives NULL if `nil_ok`
gaze_err gaze_wire_text(void *mem, const msgpack_object *o, bool nil_ok, const char **v,
                        const char *what);
gaze_err gaze_wire_list(const msgpack_object *o, const msgpack_object_array **v, const char *what);

typedef struct gaze_wire_nd {  // a decoded array, borrowed
  char dtype[4];
  int64_t shape[8];
  int rank;
  uint8_t *bytes;
  size_t n;
} gaze_wire_nd;
// dialect B or D: shape and dtype checked against the number of bytes. With `shm` the bytes may lie
// there ("shm": offset instead of "data").
gaze_err gaze_wire_get_nd(const msgpack_object *o, const gaze_wire_shm *shm, gaze_wire_nd *v,
                          const char *what);
// names of the autoreset modes on the wire, by gaze_autoreset
extern const char *const gaze_wire_autoreset[3];
gaze_err gaze_wire_get_autoreset(void *mem, const msgpack_object *o, gaze_autoreset *mode,
                                 const char *what);

#endif
