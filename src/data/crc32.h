// data/crc32.h - the CRC-32 of zlib and PNG (polynomial 0xEDB88320), as MCAP uses it.
#ifndef GAZE_DATA_CRC32_H
#define GAZE_DATA_CRC32_H

#include <stddef.h>
#include <stdint.h>

typedef struct gaze_crc32_table {
  uint32_t t[8][256];  // slicing by eight (Kounavis and Berry 2005)
} gaze_crc32_table;

// Fills the tables; one per owner, they are read-only afterwards.  [rt: init]
void gaze_crc32_init(gaze_crc32_table *t);

// Continues a checksum over `n` more bytes; start with crc 0.  [rt: safe]
uint32_t gaze_crc32(const gaze_crc32_table *t, uint32_t crc, const void *bytes, size_t n);

#endif
