// tests/fuzz/fuzz_mcap.c - any bytes as an episode log: read in file order, by index, as records.
#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "data/episode.h"
#include "data/mcap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_as_log(const char *path) {
  gaze_mcap_reader *r = NULL;
  if (gaze_mcap_open(&r, path)) return;
  gaze_mcap_message_view m;
  while (gaze_mcap_next(r, &m) == GAZE_OK) {
    volatile uint8_t last = m.n ? m.data[m.n - 1] : 0;
    (void)last;
  }
  gaze_mcap_place *at = NULL;
  size_t count = 0;
  if (gaze_mcap_index(r, "/chat", &at, &count) == GAZE_OK)
    for (size_t i = 0; i < count && i < 64; i++)
      if (gaze_mcap_seek(r, at[i]) == GAZE_OK) gaze_mcap_next(r, &m);
  free(at);
  gaze_mcap_close(&r);
}

static void read_as_records(const char *path) {
  gaze_record_reader *r = NULL;
  if (gaze_record_open(&r, path)) return;
  for (size_t i = 0; i < gaze_record_count(r) && i < 64; i++) {
    gaze_record rec;
    gaze_record_read(r, i, &rec);
    gaze_record_free(&rec);
  }
  gaze_record_close(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  int fd = memfd_create("fuzz", 0);
  if (fd < 0) return 0;
  if (write(fd, data, n) == (ssize_t)n) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    read_as_log(path);
    read_as_records(path);
  }
  close(fd);
  return 0;
}
