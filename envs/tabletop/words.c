// envs/tabletop/words.c - names, boxes and payloads; see tabletop.h. Every word stands in
// tools/tiny_words.txt.
#include <math.h>
#include <string.h>
#include "envs/avr/words.h"
#include "envs/tabletop/tabletop.h"

void tabletop_called(const tabletop_task *task, gaze_buf *out) {
  if (task->side >= 0) gaze_buf_printf(out, "%s ", avr_dir_name[task->side]);
  gaze_buf_printf(out, "%s %s %s", avr_size_name[task->value[AVR_SIZE]],
                  avr_colour_name[task->value[AVR_COLOUR]], avr_shape_name[task->value[AVR_SHAPE]]);
}

void tabletop_name(const tabletop_task *task, int object, gaze_buf *out) {
  avr_object_name(&task->scene, object, TABLETOP_ALL, out);
}

static int hundredth(double v) {
  const int h = (int)floor(100.0 * v);
  return h < 0 ? 0 : h > 99 ? 99 : h;
}

void tabletop_box_words(const double box[4], gaze_buf *out) {
  gaze_buf_printf(out, "[%d %d %d %d] ", hundredth(box[0]), hundredth(box[1]), hundredth(box[2]),
                  hundredth(box[3]));
}

void tabletop_seen_lines(const tabletop *t, gaze_buf *out) {
  const tabletop_view *v = &t->view;
  bool said[GAZE_SCENE_BODIES_MAX] = {false};
  for (;;) {
    int next = -1;
    for (int i = 0; i < t->task.scene.n; i++)
      if (!said[i] && v->pixels[i] >= TABLETOP_SEEN && (next < 0 || v->box[i][0] < v->box[next][0]))
        next = i;
    if (next < 0) return;
    said[next] = true;
    tabletop_box_words(v->box[next], out);
    tabletop_name(&t->task, next, out);
    gaze_buf_str(out, "\n");
  }
}

void tabletop_box_payload(const tabletop *t, const double box[4], gaze_buf *out) {
  gaze_buf_printf(out, "{\"x\": %.*f, \"y\": %.*f, \"width\": %.*f, \"height\": %.*f}", t->digits,
                  0.5 * (box[0] + box[2]), t->digits, 0.5 * (box[1] + box[3]), t->digits,
                  box[2] - box[0], t->digits, box[3] - box[1]);
}

void tabletop_path_payload(const tabletop *t, const double (*point)[2], int n, gaze_buf *out) {
  gaze_buf_str(out, "[");
  for (int i = 0; i < n; i++)
    gaze_buf_printf(out, "%s[%.*f, %.*f]", i ? ", " : "", t->digits, point[i][0], t->digits,
                    point[i][1]);
  gaze_buf_str(out, "]");
}
