// app/bench_peer.h - a Python script beside a benchmark: a request a line, an answer a line.
#ifndef GAZE_APP_BENCH_PEER_H
#define GAZE_APP_BENCH_PEER_H

#include <stdio.h>
#include <sys/types.h>
#include "core/err.h"
#include "core/file.h"

typedef struct gaze_bench_peer {
  pid_t pid;  // 0: none
  FILE *to, *from;
  char folder[GAZE_DIR_TEMP_MAX];  // given to the script; removed at the end
} gaze_bench_peer;

// Makes the folder; the caller puts the scenes there.  [rt: never]
gaze_err gaze_bench_peer_folder(gaze_bench_peer *p);

// Starts `python script folder` and waits for its first line, a number.  [rt: never]
gaze_err gaze_bench_peer_start(gaze_bench_peer *p, const char *python, const char *script);

// Sends a line and reads n numbers above 0. FORMAT with the script's words otherwise.  [rt: never]
gaze_err gaze_bench_peer_ask(gaze_bench_peer *p, const char *line, double *v, int n);

// Ends the process, removes the folder.  [rt: never]
void gaze_bench_peer_close(gaze_bench_peer *p);

#endif
