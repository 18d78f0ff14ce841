// envs/tabletop/scene.c - draws a table and who is meant; see tabletop.h.
#include <math.h>
#include <string.h>
#include "envs/avr/avr_internal.h"
#include "envs/tabletop/tabletop.h"

static const float SIDES_X = 0.06f, SIDES_Y = 0.08f;  // apart, to be told by left or front [m]

bool tabletop_draw(gaze_rng *r, int n, bool twins, avr_scene *s) {
  *s = (avr_scene){.family = AVR_OCCLUSION};
  for (int i = 0; i < n; i++) {
    const int *v = s->object[0].value;
    bool second = twins && i == 1;
    if (!avr_scatter(r, s, second ? v[AVR_SHAPE] : -1, second ? v[AVR_SIZE] : -1)) return false;
  }
  if (!avr_paint(r, s)) return false;
  // no other object bears the name of the first, so none bears that of its twin
  if (twins) s->object[1].value[AVR_COLOUR] = s->object[0].value[AVR_COLOUR];
  avr_colour_bodies(s, s->body);
  return true;
}

// The word that tells object 0 from object 1, -1 if they stand too much alike.
static int side_of(const avr_scene *s) {
  float dx = s->body[0].pos[0] - s->body[1].pos[0], dy = s->body[0].pos[1] - s->body[1].pos[1];
  if (fabsf(dx) >= SIDES_X && fabsf(dx) >= fabsf(dy)) return dx < 0.0f ? AVR_LEFT : AVR_RIGHT;
  if (fabsf(dy) >= SIDES_Y) return dy < 0.0f ? AVR_FRONT : AVR_BACK;
  return -1;
}

static bool on_table(const avr_scene *s, const int value[AVR_ATTRS]) {
  for (int i = 0; i < s->n; i++)
    if (memcmp(s->object[i].value, value, sizeof s->object[i].value) == 0) return true;
  return false;
}

// An object that is nearly there: one attribute of a present one changed.
static bool call_absent(gaze_rng *r, tabletop_task *task) {
  static const int values[AVR_ATTRS] = {AVR_COLOURS, AVR_SIZES, AVR_SHAPES};
  for (int k = 0; k < 20; k++) {
    const int a = gaze_rng_int(r, 0, AVR_ATTRS - 1);
    memcpy(task->value, task->scene.object[0].value, sizeof task->value);
    task->value[a] = gaze_rng_int(r, 0, values[a] - 1);
    if (!on_table(&task->scene, task->value)) return true;
  }
  return false;
}

bool tabletop_choose(gaze_rng *r, bool twins, bool absent, tabletop_task *task) {
  task->side = task->anchor = -1;
  task->target = absent ? -1 : 0;
  if (absent) return call_absent(r, task);
  memcpy(task->value, task->scene.object[0].value, sizeof task->value);
  if (twins) task->side = side_of(&task->scene);
  return !twins || task->side >= 0;
}
