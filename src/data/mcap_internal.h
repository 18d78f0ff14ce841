// data/mcap_internal.h - opcodes and little-endian fields shared by the MCAP writer and reader.
#ifndef GAZE_DATA_MCAP_INTERNAL_H
#define GAZE_DATA_MCAP_INTERNAL_H

#include <stdint.h>
#include <string.h>

enum {
  MCAP_HEADER = 0x01,
  MCAP_FOOTER = 0x02,
  MCAP_SCHEMA = 0x03,
  MCAP_CHANNEL = 0x04,
  MCAP_MESSAGE = 0x05,
  MCAP_CHUNK = 0x06,
  MCAP_MESSAGE_INDEX = 0x07,
  MCAP_CHUNK_INDEX = 0x08,
  MCAP_STATISTICS = 0x0B,
  MCAP_METADATA = 0x0C,
  MCAP_METADATA_INDEX = 0x0D,
  MCAP_SUMMARY_OFFSET = 0x0E,
  MCAP_DATA_END = 0x0F,
  MCAP_HEAD = 9,          // opcode and length
  MCAP_FOOTER_BODY = 20,  // two offsets and a checksum
};

static const uint8_t mcap_magic[8] = {0x89, 'M', 'C', 'A', 'P', 0x30, 0x0D, 0x0A};

static inline uint16_t mcap_u16(const uint8_t *p) {
  return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t mcap_u32(const uint8_t *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t mcap_u64(const uint8_t *p) {
  return (uint64_t)mcap_u32(p) | (uint64_t)mcap_u32(p + 4) << 32;
}
static inline void mcap_put(uint8_t *p, uint64_t v, int bytes) {
  for (int i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> (8 * i));
}

#endif
