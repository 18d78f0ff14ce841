// app/main.c - the one main: finds the subcommand and runs it.
#include <stdio.h>
#include <string.h>
#include "app/registry.h"

static void print_usage(FILE *f) {
  fprintf(f,
          "gaze - looks, thinks and acts: a vision-language-action controller\n\n"
          "usage: gaze COMMAND [flags]\n\n");
  for (int i = 0; gaze_commands[i]; i++)
    fprintf(f, "  %-12s %s\n", gaze_commands[i]->name, gaze_commands[i]->about);
  fprintf(f, "\nEvery command has --help. Start with: gaze run\n");
}

// number of argv words the command's name takes up, 0 if it is another command
static int matches(const gaze_command *c, int argc, char **argv) {
  const char *space = strchr(c->name, ' ');
  if (!space) return argc > 0 && !strcmp(argv[0], c->name) ? 1 : 0;
  size_t n = (size_t)(space - c->name);
  bool first = argc > 1 && strlen(argv[0]) == n && !strncmp(argv[0], c->name, n);
  return first && !strcmp(argv[1], space + 1) ? 2 : 0;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    print_usage(stderr);
    return 2;
  }
  if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
    print_usage(stdout);
    return 0;
  }
  gaze_stop_install();
  for (int i = 0; gaze_commands[i]; i++) {
    int words = matches(gaze_commands[i], argc - 1, argv + 1);
    if (words) return gaze_command_run(gaze_commands[i], argc - 1 - words, argv + 1 + words);
  }
  fprintf(stderr, "gaze: unknown command \"%s\" (see gaze --help)\n", argv[1]);
  return 2;
}
