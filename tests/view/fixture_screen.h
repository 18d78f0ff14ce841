// tests/view/fixture_screen.h - a virtual screen (Xvfb) for tests that open a window.
#ifndef GAZE_TESTS_VIEW_FIXTURE_SCREEN_H
#define GAZE_TESTS_VIEW_FIXTURE_SCREEN_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

// Starts a screen and points DISPLAY at it; returns the server's process, 0 if there is no Xvfb.
static inline pid_t screen_start(void) {
  unsetenv("WAYLAND_DISPLAY");  // GLFW would prefer that one
  int ends[2];
  char number[16] = "", display[24], fd[16];
  if (pipe(ends)) return 0;
  snprintf(fd, sizeof fd, "%d", ends[1]);
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    // -noreset: a server that starts anew when its last window closes refuses the next one
    close(ends[0]);
    if (!freopen("/dev/null", "w", stderr)) _exit(126);
    execlp("Xvfb", "Xvfb", "-displayfd", fd, "-screen", "0", "1024x768x24", "-nolisten", "tcp",
           "-noreset", (char *)NULL);
    _exit(127);
  }
  close(ends[1]);
  // the server writes its number once it takes connections; without one the pipe just ends
  size_t n = 0;
  for (ssize_t k; n + 1 < sizeof number && (k = read(ends[0], number + n, 1)) == 1; n++)
    if (number[n] == '\n') break;
  close(ends[0]);
  if (pid > 0 && n > 0) {
    number[n] = 0;
    snprintf(display, sizeof display, ":%s", number);
    if (setenv("DISPLAY", display, 1) == 0) return pid;
  }
  if (pid > 0) kill(pid, SIGTERM), waitpid(pid, NULL, 0);
  return 0;
}

static inline void screen_stop(pid_t pid) {
  kill(pid, SIGTERM);
  waitpid(pid, NULL, 0);
}

#endif
