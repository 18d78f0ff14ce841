// bridge/msgpack_scan.c - see msgpack_scan.h. Open containers are a stack of counts, no recursion.
#include "bridge/msgpack_scan.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "core/utf8.h"

typedef enum kind { SCALAR, STR, BIN, ARRAY, MAP, REFUSED } kind;

typedef struct scan {
  const uint8_t *p;
  size_t n, at;
  uint64_t left[GAZE_MSGPACK_DEPTH_MAX + 1];  // values still to come in each open container
  bool map[GAZE_MSGPACK_DEPTH_MAX + 1];
  int depth;
  long items;
} scan;

static gaze_err bad(size_t at, const char *why) {
  return gaze_fail(GAZE_ERR_FORMAT, "msgpack: byte %zu: %s", at, why);
}

// big-endian length of `bytes` bytes at the cursor
static bool length(scan *s, int bytes, uint64_t *v) {
  if (s->n - s->at < (size_t)bytes) return false;
  *v = 0;
  for (int i = 0; i < bytes; i++) *v = *v << 8 | s->p[s->at++];
  return true;
}

// reads one head byte and the length behind it; *len = payload bytes, or the container's count
static bool head(scan *s, kind *k, uint64_t *len) {
  uint8_t c = s->p[s->at++];
  *len = 0;
  *k = SCALAR;
  if (c <= 0x7F || c >= 0xE0 || c == 0xC0 || c == 0xC2 || c == 0xC3) return true;
  if (c <= 0x8F) return *k = MAP, *len = c & 15, true;
  if (c <= 0x9F) return *k = ARRAY, *len = c & 15, true;
  if (c <= 0xBF) return *k = STR, *len = c & 31, true;
  if (c >= 0xCA && c <= 0xD3) {
    static const uint8_t size[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8};
    return *len = size[c - 0xCA], true;
  }
  if (c >= 0xC4 && c <= 0xC6) return *k = BIN, length(s, 1 << (c - 0xC4), len);
  if (c >= 0xD9 && c <= 0xDB) return *k = STR, length(s, 1 << (c - 0xD9), len);
  if (c == 0xDC || c == 0xDD) return *k = ARRAY, length(s, c == 0xDC ? 2 : 4, len);
  if (c == 0xDE || c == 0xDF) return *k = MAP, length(s, c == 0xDE ? 2 : 4, len);
  return *k = REFUSED, true;  // extension types and the unused 0xC1
}

// BIN keys stand only in the markers of numpy arrays
static bool marker(const uint8_t *p, size_t n) {
  static const char *const name[] = {
      "nd",    "type",        "kind",          "shape",  "data",
      "dtype", "__ndarray__", "__npgeneric__", "as_npy", "__ndarray_class__"};
  for (size_t i = 0; i < sizeof name / sizeof *name; i++)
    if (strlen(name[i]) == n && memcmp(name[i], p, n) == 0) return true;
  return false;
}

// opens a container whose items all need at least one byte
static gaze_err enter(scan *s, kind k, uint64_t count, size_t from) {
  uint64_t values = k == MAP ? 2 * count : count;
  if (values > s->n - s->at) return bad(from, "container claims more items than bytes are left");
  if (s->depth >= GAZE_MSGPACK_DEPTH_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "msgpack: byte %zu: nesting above %d", from,
                     GAZE_MSGPACK_DEPTH_MAX);
  s->depth++;
  s->left[s->depth] = values, s->map[s->depth] = k == MAP;
  return GAZE_OK;
}

static gaze_err one(scan *s) {
  size_t from = s->at;
  if (s->at >= s->n) return bad(from, "message is cut short");
  if (++s->items > GAZE_MSGPACK_ITEMS_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "msgpack: more than %d items", GAZE_MSGPACK_ITEMS_MAX);
  // keys and values alternate; an even number left means that a key comes
  bool key = s->depth > 0 && s->map[s->depth] && s->left[s->depth] % 2 == 0;
  if (s->depth > 0) s->left[s->depth]--;
  kind k;
  uint64_t len;
  if (!head(s, &k, &len)) return bad(from, "message is cut short");
  if (k == REFUSED) return bad(from, "extension types are not accepted");
  if (key && k != STR && k != BIN) return bad(from, "map key: expected a string");
  if (k == ARRAY || k == MAP) return enter(s, k, len, from);
  if (len > s->n - s->at) return bad(from, "value is longer than the bytes left");
  const uint8_t *p = s->p + s->at;
  s->at += (size_t)len;
  if (k == STR && !gaze_utf8_valid((const char *)p, (size_t)len))
    return bad(from, "string: expected UTF-8");
  if (key && k == BIN && !marker(p, (size_t)len)) return bad(from, "map key: expected a string");
  return GAZE_OK;
}

gaze_err gaze_msgpack_scan(const void *bytes, size_t n) {
  if (n > GAZE_MSGPACK_BYTES_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "msgpack: %zu bytes: expected at most %d", n,
                     GAZE_MSGPACK_BYTES_MAX);
  scan s = {.p = bytes, .n = n};
  do {
    GAZE_TRY(one(&s));
    while (s.depth > 0 && s.left[s.depth] == 0) s.depth--;
  } while (s.depth > 0);
  return s.at == n ? GAZE_OK : bad(s.at, "bytes are left over behind the message");
}
