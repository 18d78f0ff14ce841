// envs/choices.c - see choices.h.
#include "envs/choices.h"
#include <string.h>

static bool is_action(const char *text) {
  static const char *const verb[] = {"view ", "turn ", "pick ", "move "};
  for (size_t v = 0; v < sizeof verb / sizeof *verb; v++)
    if (strncmp(text, verb[v], strlen(verb[v])) == 0) return true;
  return false;
}

void gaze_choices_read(const char *message, gaze_choices *out) {
  const char *s = strstr(message, "Options:");
  out->n = 0;
  while (s && (s = strchr(s, '\n')) != NULL && out->n < GAZE_OPTIONS_MAX) {
    const char *line = ++s, *end = strchr(line, '\n');
    size_t len = end ? (size_t)(end - line) : strlen(line);
    if (len < 3 || line[len - 2] != ' ' || line[len - 1] != 'A' + out->n) break;
    char *text = out->text[out->n];
    size_t cap = sizeof out->text[0] - 1, keep = len - 2 < cap ? len - 2 : cap;
    memcpy(text, line, keep);
    text[keep] = '\0';
    out->action[out->n++] = is_action(text);
  }
}
