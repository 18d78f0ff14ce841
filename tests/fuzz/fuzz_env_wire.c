// tests/fuzz/fuzz_env_wire.c - any bytes as a request to the env server, and as its reply.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "bridge/env_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static uint8_t memory[4096];
static const gaze_wire_shm shm = {memory, sizeof memory};

// what was read can be written and read again
static void again(const gaze_wire_reply *r, gaze_wire_endpoint k) {
  gaze_buf b = GAZE_BUF_INIT;
  const int acts = k == GAZE_WIRE_CHUNK_STEP ? r->acts : k == GAZE_WIRE_STEP;
  if (gaze_wire_put_rows(&b, r->row, r->rows, k, acts, &shm) == GAZE_OK && !b.failed) {
    gaze_wire_reply back;
    if (gaze_wire_get_reply(b.data, b.len, k, &shm, &back)) __builtin_trap();
    gaze_wire_reply_free(&back);
  }
  gaze_buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  gaze_wire_request r;
  gaze_wire_get_request(data, n, &r);
  gaze_wire_request_free(&r);
  uint8_t *copy = malloc(n + 1);
  if (!copy) return 0;
  memcpy(copy, data, n);
  for (int k = GAZE_WIRE_HELLO; k <= GAZE_WIRE_RENDER; k++) {
    gaze_wire_reply y;
    if (gaze_wire_get_reply(copy, n, (gaze_wire_endpoint)k, &shm, &y)) continue;
    if (y.rows) again(&y, (gaze_wire_endpoint)k);
    gaze_wire_reply_free(&y);
  }
  free(copy);
  return 0;
}
