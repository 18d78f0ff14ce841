// data/base64.c - see base64.h.
#include "data/base64.h"
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void gaze_base64_add(gaze_buf *b, const void *bytes, size_t n) {
  const uint8_t *p = bytes;
  char out[1024];
  size_t k = 0;
  for (size_t i = 0; i < n; i += 3) {
    size_t left = n - i;
    uint32_t v = (uint32_t)p[i] << 16;
    if (left > 1) v |= (uint32_t)p[i + 1] << 8;
    if (left > 2) v |= p[i + 2];
    out[k++] = digits[v >> 18];
    out[k++] = digits[v >> 12 & 63];
    out[k++] = left > 1 ? digits[v >> 6 & 63] : '=';
    out[k++] = left > 2 ? digits[v & 63] : '=';
    if (k == sizeof out) gaze_buf_add(b, out, k), k = 0;
  }
  gaze_buf_add(b, out, k);
}

size_t gaze_base64_size(const char *s, size_t n) {
  if (n % 4 != 0) return (size_t)-1;
  if (n == 0) return 0;
  return n / 4 * 3 - (s[n - 1] == '=') - (s[n - 1] == '=' && s[n - 2] == '=');
}

// 0..63, or 255 for a foreign character
static void fill_table(uint8_t table[256]) {
  memset(table, 255, 256);
  for (int i = 0; i < 64; i++) table[(unsigned char)digits[i]] = (uint8_t)i;
}

gaze_err gaze_base64_decode(const char *s, size_t n, uint8_t *out) {
  size_t size = gaze_base64_size(s, n);
  if (size == (size_t)-1)
    return gaze_fail(GAZE_ERR_FORMAT, "base64: %zu characters: expected a multiple of 4", n);
  uint8_t table[256];
  fill_table(table);
  const uint8_t *p = (const uint8_t *)s;
  size_t whole = size / 3 * 4;
  uint32_t bad = 0;
  for (size_t i = 0; i < whole; i += 4, out += 3) {
    uint32_t a = table[p[i]], b = table[p[i + 1]], c = table[p[i + 2]], d = table[p[i + 3]];
    bad |= a | b | c | d;
    uint32_t v = a << 18 | b << 12 | c << 6 | d;
    out[0] = (uint8_t)(v >> 16), out[1] = (uint8_t)(v >> 8), out[2] = (uint8_t)v;
  }
  if (whole < n) {  // one padded group is left
    size_t rest = size % 3;
    uint32_t a = table[p[whole]], b = table[p[whole + 1]];
    uint32_t c = rest == 2 ? table[p[whole + 2]] : 0;
    bad |= a | b | c;
    if (rest == 2 ? c & 3 : b & 15) bad = 255;
    uint32_t v = a << 18 | b << 12 | c << 6;
    out[0] = (uint8_t)(v >> 16);
    if (rest == 2) out[1] = (uint8_t)(v >> 8);
  }
  if (bad > 63) return gaze_fail(GAZE_ERR_FORMAT, "base64: foreign character or wrong padding");
  return GAZE_OK;
}
