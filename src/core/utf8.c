// core/utf8.c - see utf8.h.
#include "core/utf8.h"

int gaze_utf8_len(const char *s, size_t n) {
  if (n == 0) return 0;
  const unsigned char *p = (const unsigned char *)s;
  if (p[0] < 0x80) return 1;
  int len = p[0] >= 0xC2 && p[0] < 0xE0 ? 2 : (p[0] & 0xF0) == 0xE0 ? 3 : 0;
  if (p[0] >= 0xF0 && p[0] < 0xF5) len = 4;
  if (len == 0 || (size_t)len > n) return 0;
  for (int i = 1; i < len; i++)
    if ((p[i] & 0xC0) != 0x80) return 0;

  // the second byte carries the limits: overlong, surrogate, above U+10FFFF
  if (p[0] == 0xE0 && p[1] < 0xA0) return 0;
  if (p[0] == 0xED && p[1] > 0x9F) return 0;
  if (p[0] == 0xF0 && p[1] < 0x90) return 0;
  if (p[0] == 0xF4 && p[1] > 0x8F) return 0;
  return len;
}

bool gaze_utf8_valid(const char *s, size_t n) {
  for (size_t i = 0; i < n;) {
    int len = gaze_utf8_len(s + i, n - i);
    if (len == 0) return false;
    i += (size_t)len;
  }
  return true;
}
