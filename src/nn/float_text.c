// nn/float_text.c - see float_text.h.
#include "nn/float_text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *gazei_float_text(char text[40], float v) {
  for (int digits = 6; digits <= 9; digits++) {
    snprintf(text, 36, "%.*g", digits, (double)v);
    if (strtof(text, NULL) == v) break;
  }
  if (!strpbrk(text, ".e")) strcat(text, ".0");
  return text;
}
