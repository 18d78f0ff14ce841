// envs/split.c - see split.h.
#include "envs/split.h"
#include <string.h>
#include "core/buf.h"

const gaze_split gaze_splits[] = {
    {"train", 0, 1000000},
    {"val", 1000000, 1000000},
    {"test", 2000000, 1000000},
    {"layouts", 3000000, 100000},
    {"cogent", 3100000, 100000},
    {"light", 3200000, 100000},
    {NULL, 0, 0},
};

gaze_err gaze_split_find(const char *name, const gaze_split **s) {
  gaze_buf known = GAZE_BUF_INIT;
  for (int i = 0; gaze_splits[i].name; i++) {
    if (strcmp(gaze_splits[i].name, name) == 0) {
      *s = &gaze_splits[i];
      gaze_buf_fini(&known);
      return GAZE_OK;
    }
    gaze_buf_printf(&known, "%s%s", i ? ", " : "", gaze_splits[i].name);
  }
  gaze_err e =
      gaze_fail(GAZE_ERR_ARG, "unknown split \"%.64s\"; known: %s", name, gaze_buf_text(&known));
  gaze_buf_fini(&known);
  return e;
}

gaze_err gaze_split_read(const gaze_cfg *cfg, const gaze_split **s) {
  const char *name = NULL;
  GAZE_TRY(gaze_cfg_str(cfg, "split", "train", &name));
  return gaze_split_find(name, s);
}
