// bridge/wire_internal.c - see wire_internal.h.
#include "bridge/wire_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "bridge/msgpack_scan.h"

static int append(void *b, const char *bytes, size_t n) {
  gaze_buf_add(b, bytes, n);
  return 0;
}

msgpack_packer gaze_wire_packer(gaze_buf *b) {
  msgpack_packer p;
  msgpack_packer_init(&p, b, append);
  return p;
}

void gaze_wire_str(msgpack_packer *p, const char *s) {
  if (!s) {
    msgpack_pack_nil(p);
    return;
  }
  msgpack_pack_str(p, strlen(s));
  msgpack_pack_str_body(p, s, strlen(s));
}

void gaze_wire_bool(msgpack_packer *p, bool v) {
  v ? msgpack_pack_true(p) : msgpack_pack_false(p);
}

static void bin(msgpack_packer *p, const void *bytes, size_t n) {
  msgpack_pack_bin(p, n);
  msgpack_pack_bin_body(p, bytes, n);
}

// {"nd", "type", "kind", "shape", and the caller packs the bytes or where they are}
static void array_head(msgpack_packer *p, const char *dtype, const int64_t *shape, int rank) {
  msgpack_pack_map(p, 5);
  bin(p, "nd", 2), msgpack_pack_true(p);
  bin(p, "type", 4), gaze_wire_str(p, dtype);
  bin(p, "kind", 4), bin(p, "", 0);
  bin(p, "shape", 5), msgpack_pack_array(p, (size_t)rank);
  for (int i = 0; i < rank; i++) msgpack_pack_int64(p, shape[i]);
}

void gaze_wire_array(msgpack_packer *p, const char *dtype, const int64_t *shape, int rank,
                     const void *bytes, size_t n) {
  array_head(p, dtype, shape, rank);
  bin(p, "data", 4), bin(p, bytes, n);
}

void gaze_wire_far_array(msgpack_packer *p, const char *dtype, const int64_t *shape, int rank,
                         size_t offset) {
  array_head(p, dtype, shape, rank);
  gaze_wire_str(p, "shm"), msgpack_pack_uint64(p, offset);
}

gaze_err gaze_wire_unpack(const void *bytes, size_t n, void **mem, const msgpack_object **root) {
  *mem = NULL;
  GAZE_TRY(gaze_msgpack_scan(bytes, n));
  msgpack_unpacked *u = malloc(sizeof *u);
  if (!u) return GAZE_ERR_NOMEM;
  msgpack_unpacked_init(u);
  size_t at = 0;
  msgpack_unpack_return r = msgpack_unpack_next(u, bytes, n, &at);
  if (r != MSGPACK_UNPACK_SUCCESS || at != n || !u->zone) {
    // a lone scalar has no zone, and is no message either
    bool scalar = r == MSGPACK_UNPACK_SUCCESS;
    msgpack_unpacked_destroy(u);
    free(u);
    return scalar ? gaze_fail(GAZE_ERR_FORMAT, "message: expected a map")
                  : gaze_fail(GAZE_ERR_FORMAT, "message: msgpack error %d", (int)r);
  }
  if (u->data.type != MSGPACK_OBJECT_MAP) {
    msgpack_unpacked_destroy(u);
    free(u);
    return gaze_fail(GAZE_ERR_FORMAT, "message: expected a map");
  }
  *mem = u, *root = &u->data;
  return GAZE_OK;
}

void gaze_wire_mem_free(void **mem) {
  if (*mem) msgpack_unpacked_destroy(*mem);
  free(*mem);
  *mem = NULL;
}

void *gaze_wire_alloc(void *mem, size_t n) {
  msgpack_unpacked *u = mem;
  return msgpack_zone_malloc(u->zone, n ? n : 1);
}

const msgpack_object *gaze_wire_find(const msgpack_object *o, const char *key) {
  if (!o || o->type != MSGPACK_OBJECT_MAP) return NULL;
  size_t n = strlen(key);
  for (uint32_t i = 0; i < o->via.map.size; i++) {
    const msgpack_object *k = &o->via.map.ptr[i].key;
    bool str = k->type == MSGPACK_OBJECT_STR, b = k->type == MSGPACK_OBJECT_BIN;
    const char *p = str ? k->via.str.ptr : b ? k->via.bin.ptr : NULL;
    uint32_t size = str ? k->via.str.size : b ? k->via.bin.size : 0;
    if (p && size == n && memcmp(p, key, n) == 0) return &o->via.map.ptr[i].val;
  }
  return NULL;
}

gaze_err gaze_wire_int(const msgpack_object *o, int64_t lo, int64_t hi, int64_t *v,
                       const char *what) {
  int64_t x = 0;
  bool good = o && (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER ||
                    o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER);
  if (good && o->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
    good = o->via.u64 <= INT64_MAX, x = good ? (int64_t)o->via.u64 : 0;
  else if (good)
    x = o->via.i64;
  if (!good || x < lo || x > hi)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected a whole number in %lld..%lld", what,
                     (long long)lo, (long long)hi);
  *v = x;
  return GAZE_OK;
}

gaze_err gaze_wire_num(const msgpack_object *o, double *v, const char *what) {
  double x = NAN;
  if (o && (o->type == MSGPACK_OBJECT_FLOAT32 || o->type == MSGPACK_OBJECT_FLOAT64)) x = o->via.f64;
  if (o && o->type == MSGPACK_OBJECT_POSITIVE_INTEGER) x = (double)o->via.u64;
  if (o && o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) x = (double)o->via.i64;
  if (!isfinite(x)) return gaze_fail(GAZE_ERR_FORMAT, "%s: expected a finite number", what);
  *v = x;
  return GAZE_OK;
}

gaze_err gaze_wire_flag(const msgpack_object *o, bool *v, const char *what) {
  if (!o || o->type != MSGPACK_OBJECT_BOOLEAN)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected true or false", what);
  *v = o->via.boolean;
  return GAZE_OK;
}

gaze_err gaze_wire_text(void *mem, const msgpack_object *o, bool nil_ok, const char **v,
                        const char *what) {
  *v = NULL;
  if (nil_ok && o && o->type == MSGPACK_OBJECT_NIL) return GAZE_OK;
  if (!o || o->type != MSGPACK_OBJECT_STR)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected a string", what);
  uint32_t n = o->via.str.size;
  if (n && memchr(o->via.str.ptr, 0, n))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected a string without U+0000", what);
  char *s = gaze_wire_alloc(mem, (size_t)n + 1);
  if (!s) return GAZE_ERR_NOMEM;
  if (n) memcpy(s, o->via.str.ptr, n);
  s[n] = 0;
  *v = s;
  return GAZE_OK;
}

gaze_err gaze_wire_list(const msgpack_object *o, const msgpack_object_array **v, const char *what) {
  if (!o || o->type != MSGPACK_OBJECT_ARRAY)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected a list", what);
  *v = &o->via.array;
  return GAZE_OK;
}

// bytes of one element, 0 for a type that is not accepted
static int64_t element(const char *dtype) {
  static const char *const name[] = {"|u1", "|i1", "|b1", "<u2", "<i2", "<f2",
                                     "<u4", "<i4", "<f4", "<u8", "<i8", "<f8"};
  for (size_t i = 0; i < sizeof name / sizeof *name; i++)
    if (strcmp(dtype, name[i]) == 0) return dtype[2] - '0';
  return 0;
}

// where the bytes of an array are: in the message, or in shared memory
static gaze_err locate(const msgpack_object *o, const gaze_wire_shm *shm, gaze_wire_nd *v,
                       int64_t bytes, const char *what) {
  const msgpack_object *data = gaze_wire_find(o, "data"), *far = gaze_wire_find(o, "shm");
  v->n = (size_t)bytes;
  if (!data && far && shm) {
    int64_t at = 0;
    const int64_t size = (int64_t)shm->size;
    GAZE_TRY(gaze_wire_int(far, 0, size, &at, what));
    if (bytes > size - at)
      return gaze_fail(GAZE_ERR_FORMAT, "%s: %lld bytes at %lld: beyond the shared memory", what,
                       (long long)bytes, (long long)at);
    v->bytes = shm->base + at;
    return GAZE_OK;
  }
  if (!data || data->type != MSGPACK_OBJECT_BIN)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected an array (nd, type, shape, data)", what);
  if ((uint64_t)bytes != data->via.bin.size)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: %u bytes: expected %lld", what, data->via.bin.size,
                     (long long)bytes);
  // msgpack-c points into the message, which its owner may write to
  v->bytes = (uint8_t *)(uintptr_t)data->via.bin.ptr;
  return GAZE_OK;
}

gaze_err gaze_wire_get_nd(const msgpack_object *o, const gaze_wire_shm *shm, gaze_wire_nd *v,
                          const char *what) {
  *v = (gaze_wire_nd){0};
  const msgpack_object *nd = gaze_wire_find(o, "nd"), *type = gaze_wire_find(o, "type");
  const msgpack_object *shape = gaze_wire_find(o, "shape");
  if (!nd || nd->type != MSGPACK_OBJECT_BOOLEAN || !nd->via.boolean || !type || !shape ||
      type->type != MSGPACK_OBJECT_STR || type->via.str.size != 3 ||
      shape->type != MSGPACK_OBJECT_ARRAY)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected an array (nd, type, shape, data)", what);
  memcpy(v->dtype, type->via.str.ptr, 3);
  int64_t bytes = element(v->dtype);
  if (!bytes) return gaze_fail(GAZE_ERR_FORMAT, "%s: type %s: not accepted", what, v->dtype);
  if (shape->via.array.size > 8)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: rank: expected at most 8", what);
  v->rank = (int)shape->via.array.size;
  for (int i = 0; i < v->rank; i++) {
    GAZE_TRY(gaze_wire_int(&shape->via.array.ptr[i], 0, INT32_MAX, &v->shape[i], what));
    if (v->shape[i] && bytes > INT32_MAX / v->shape[i])
      return gaze_fail(GAZE_ERR_FORMAT, "%s: expected less than 2^31 bytes", what);
    bytes *= v->shape[i];
  }
  return locate(o, shm, v, bytes, what);
}

const char *const gaze_wire_autoreset[3] = {"disabled", "next_step", "same_step"};

gaze_err gaze_wire_get_autoreset(void *mem, const msgpack_object *o, gaze_autoreset *mode,
                                 const char *what) {
  const char *name = NULL;
  GAZE_TRY(gaze_wire_text(mem, o, false, &name, what));
  for (int i = 0; i < 3; i++) {
    if (strcmp(name, gaze_wire_autoreset[i]) != 0) continue;
    *mode = (gaze_autoreset)i;
    return GAZE_OK;
  }
  return gaze_fail(GAZE_ERR_FORMAT, "%s: expected disabled, next_step or same_step, got %.64s",
                   what, name);
}
