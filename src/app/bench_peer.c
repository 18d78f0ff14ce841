// app/bench_peer.c - see bench_peer.h.
#include "app/bench_peer.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static gaze_err read_answer(gaze_bench_peer *p, double *v, int n) {
  char line[256];
  if (!fgets(line, sizeof line, p->from))
    return gaze_fail(GAZE_ERR_FORMAT, "--peer: the process has gone");
  char *at = line, *end;
  for (int i = 0; i < n; i++, at = end) {
    v[i] = strtod(at, &end);
    if (end == at || !(v[i] > 0)) {
      line[strcspn(line, "\n")] = 0;
      return gaze_fail(GAZE_ERR_FORMAT, "--peer: expected %d numbers, got \"%.200s\"", n, line);
    }
  }
  return GAZE_OK;
}

gaze_err gaze_bench_peer_folder(gaze_bench_peer *p) {
  return gaze_dir_temp(p->folder);
}

gaze_err gaze_bench_peer_start(gaze_bench_peer *p, const char *python, const char *script) {
  int in[2], out[2];
  double version;
  if (pipe(in)) return gaze_fail(GAZE_ERR_IO, "--peer: no pipe");
  if (pipe(out)) return close(in[0]), close(in[1]), gaze_fail(GAZE_ERR_IO, "--peer: no pipe");
  signal(SIGPIPE, SIG_IGN);  // a peer that ends early is an error, not our end
  p->pid = fork();
  if (p->pid == 0) {
    dup2(in[0], 0), dup2(out[1], 1);
    close(in[0]), close(in[1]), close(out[0]), close(out[1]);
    execlp(python, python, script, p->folder, (char *)NULL);
    _exit(127);
  }
  close(in[0]), close(out[1]);
  p->to = fdopen(in[1], "w"), p->from = fdopen(out[0], "r");
  if (p->pid < 0 || !p->to || !p->from) return gaze_fail(GAZE_ERR_IO, "--peer: cannot start");
  return read_answer(p, &version, 1);  // a first line once it is ready
}

gaze_err gaze_bench_peer_ask(gaze_bench_peer *p, const char *line, double *v, int n) {
  if (fprintf(p->to, "%s\n", line) < 0 || fflush(p->to))
    return gaze_fail(GAZE_ERR_IO, "--peer: the process has gone");
  return read_answer(p, v, n);
}

void gaze_bench_peer_close(gaze_bench_peer *p) {
  if (p->to) fclose(p->to);
  if (p->from) fclose(p->from);
  if (p->pid > 0) waitpid(p->pid, NULL, 0);
  if (p->folder[0]) gaze_dir_remove(p->folder);
  *p = (gaze_bench_peer){0};
}
