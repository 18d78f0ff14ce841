// data/crc32.c - see crc32.h.
#include "data/crc32.h"

void gaze_crc32_init(gaze_crc32_table *t) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
    t->t[0][i] = c;
  }
  for (uint32_t i = 0; i < 256; i++)
    for (int k = 1; k < 8; k++) t->t[k][i] = t->t[0][t->t[k - 1][i] & 255] ^ (t->t[k - 1][i] >> 8);
}

uint32_t gaze_crc32(const gaze_crc32_table *t, uint32_t crc, const void *bytes, size_t n) {
  const uint8_t *p = bytes;
  uint32_t c = ~crc;
  for (; n >= 8; n -= 8, p += 8) {
    c ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    c = t->t[7][c & 255] ^ t->t[6][c >> 8 & 255] ^ t->t[5][c >> 16 & 255] ^ t->t[4][c >> 24] ^
        t->t[3][p[4]] ^ t->t[2][p[5]] ^ t->t[1][p[6]] ^ t->t[0][p[7]];
  }
  for (; n > 0; n--, p++) c = t->t[0][(c ^ *p) & 255] ^ (c >> 8);
  return ~c;
}
