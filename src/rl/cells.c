// rl/cells.c - dense labels for the auxiliary loss, read off the box lines of a reply.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "rl/roll.h"

typedef struct line_object {
  float box[4];     // x0 y0 x1 y1 in 0..1
  int8_t value[3];  // colour, shape, size; -1 = not named
} line_object;

// finds one of the words in the line as a whole word
static int8_t find_word(const char *line, size_t n, const char *const *words) {
  for (int8_t v = 0; words[v]; v++) {
    size_t len = strlen(words[v]);
    for (size_t i = 0; i + len <= n; i++) {
      bool starts = i == 0 || line[i - 1] == ' ';
      bool ends = i + len == n || line[i + len] == ' ';
      if (starts && ends && memcmp(line + i, words[v], len) == 0) return v;
    }
  }
  return -1;
}

// parses "[x0 y0 x1 y1] words"; false for any other line
static bool parse_line(const char *s, size_t n, const char *const *const words[3], line_object *o) {
  char text[160];
  if (n < 10 || n >= sizeof text || s[0] != '[') return false;
  memcpy(text, s, n);
  text[n] = 0;
  char *at = text + 1;
  for (int k = 0; k < 4; k++) {
    char *end;
    long v = strtol(at, &end, 10);
    if (end == at || v < 0 || v > 99) return false;
    // the last hundredth belongs to the box
    o->box[k] = (float)(v + (k >= 2)) / 100.0f;
    at = end;
  }
  if (*at++ != ']') return false;
  for (int k = 0; k < 3; k++) o->value[k] = find_word(at, strlen(at), words[k]);
  return o->box[2] > o->box[0] && o->box[3] > o->box[1];
}

// an object owns the cell of its centre and every cell whose centre it covers
static bool owns(const line_object *o, int r, int c, int rows, int cols) {
  float cx = (o->box[0] + o->box[2]) / 2, cy = (o->box[1] + o->box[3]) / 2;
  if ((int)(cx * (float)cols) == c && (int)(cy * (float)rows) == r) return true;
  float x = ((float)c + 0.5f) / (float)cols, y = ((float)r + 0.5f) / (float)rows;
  return x > o->box[0] && x < o->box[2] && y > o->box[1] && y < o->box[3];
}

static float area(const line_object *o) {
  return (o->box[2] - o->box[0]) * (o->box[3] - o->box[1]);
}

void gaze_batch_label_cells(gaze_batch *b, int i, int merge, const char *reply,
                            const char *const *const words[3]) {
  if (!b->cell) return;
  int first = 0;
  for (int k = 0; k < i; k++) first += b->grid[k][0] * b->grid[k][1] / (merge * merge);
  int rows = b->grid[i][0] / merge, cols = b->grid[i][1] / merge;

  line_object object[32];
  int n = 0;
  for (const char *s = reply; s && *s && n < 32;) {
    const char *end = strchr(s, '\n');
    if (parse_line(s, end ? (size_t)(end - s) : strlen(s), words, &object[n])) n++;
    s = end ? end + 1 : NULL;
  }

  for (int r = 0; r < rows; r++) {
    for (int c = 0; c < cols; c++) {
      int8_t *label = b->cell[first + r * cols + c];
      const line_object *best = NULL;
      // the smaller object wins a shared cell: it has no other
      for (int k = 0; k < n; k++)
        if (owns(&object[k], r, c, rows, cols) && (!best || area(&object[k]) < area(best)))
          best = &object[k];
      label[0] = best != NULL;
      for (int k = 0; k < 3; k++) label[k + 1] = best ? best->value[k] : (int8_t)-1;
      float *box = b->box[first + r * cols + c];
      memset(box, 0, 4 * sizeof *box);
      for (int k = 0; k < 4 && best; k++)
        box[k] = k % 2 ? best->box[k] * (float)rows - ((float)r + 0.5f)
                       : best->box[k] * (float)cols - ((float)c + 0.5f);
    }
  }
}
