// view/known.c - see known.h.
#include "view/known.h"
#include <stdio.h>
#include <string.h>
#include "envs/avr/avr.h"

static const char *word(const char *const *words, int n, int value) {
  return value >= 0 && value < n ? words[value] : "?";
}

static bool read_line(const char *line, gaze_known_object *k) {
  int facts, colour, size, shape, stack, level;
  int n =
      sscanf(line, "object %c %9d %9d %9d %9d %9d %9d %9d %f %f %f", &k->letter, &k->where, &facts,
             &colour, &size, &shape, &stack, &level, &k->pos[0], &k->pos[1], &k->pos[2]);
  if (n != 11) return false;
  snprintf(k->name, sizeof k->name, "%s %s %s", word(avr_size_name, AVR_SIZES, size),
           word(avr_colour_name, AVR_COLOURS, colour), word(avr_shape_name, AVR_SHAPES, shape));
  return true;
}

int gaze_known_read(const char *symbols, gaze_known_object out[GAZE_KNOWN_MAX]) {
  int n = 0;
  for (const char *line = symbols; line && *line && n < GAZE_KNOWN_MAX;) {
    n += read_line(line, &out[n]);
    line = strchr(line, '\n');
    if (line) line++;
  }
  return n;
}
