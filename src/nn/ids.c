// nn/ids.c - the growable list of token ids, see tokenizer.h.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "nn/tokenizer.h"

gaze_err gaze_ids_append(gaze_ids *l, const int *ids, int n) {
  if (n < 0) return gaze_fail(GAZE_ERR_ARG, "token list: negative number of ids");
  if (n > INT32_MAX / 2 - l->n) return gaze_fail(GAZE_ERR_RANGE, "token list: too many ids");
  if (l->n + n > l->cap) {
    int cap = l->cap > (l->n + n) / 2 ? 2 * l->cap : l->n + n + 16;
    int *v = realloc(l->v, (size_t)cap * sizeof *v);
    if (!v) return gaze_fail(GAZE_ERR_NOMEM, "token list: no memory for %d ids", cap);
    l->v = v, l->cap = cap;
  }
  if (n) memcpy(l->v + l->n, ids, (size_t)n * sizeof *ids);
  l->n += n;
  return GAZE_OK;
}

gaze_err gaze_ids_add(gaze_ids *l, int id) {
  return gaze_ids_append(l, &id, 1);
}

void gaze_ids_fini(gaze_ids *l) {
  free(l->v);
  *l = (gaze_ids){0};
}
