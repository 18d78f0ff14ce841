// tests/fuzz/fuzz_safetensors.c - any bytes as a checkpoint file: refused, or read in full.
#define _GNU_SOURCE  // memfd_create
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "nn/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const gaze_st *st) {
  unsigned sum = 0;
  for (int i = 0; i < gaze_st_count(st); i++) {
    const gaze_st_tensor *t = gaze_st_at(st, i);
    GAZE_ASSERT(gaze_st_find(st, t->name) == t);
    for (size_t k = 0; k < t->bytes; k++) sum += ((const unsigned char *)t->data)[k];
    size_t n = t->bytes / (t->type == GAZE_ST_F32 ? 4 : 2);
    float *out = malloc(n * sizeof *out + 1);
    if (out) (void)gaze_st_read_f32(t, out, n);
    free(out);
  }
  GAZE_ASSERT(sum + 1 != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int fd = memfd_create("st", 0);
  if (fd < 0) return 0;
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if (write(fd, data, size) == (ssize_t)size) {
    gaze_st *st = NULL;
    gaze_err e = gaze_st_open(&st, path);
    GAZE_ASSERT((e == GAZE_OK) == (st != NULL));
    if (st) read_all(st);
    gaze_st_close(&st);
  }
  close(fd);
  return 0;
}
