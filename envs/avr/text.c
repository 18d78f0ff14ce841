// envs/avr/text.c - names, questions, options and the user's messages; see avr.h and words.h.
#include <math.h>
#include "envs/avr/avr_internal.h"
#include "envs/avr/words.h"

const char *const avr_rules =
    "At most 12 objects, stacks of 1 to 4 cubes, at most 2 small objects hidden behind one large "
    "object, at most 3 objects outside the first image. The answer is about the start.";

const char *const avr_template_text[AVR_TEMPLATE_TEXTS] = {
    "what {attr} is the object under the {name} on top?",
    "what {attr} is the object closest to the {name}?",
    "what {attr} is the small object farthest to the {dir}?",
    "is there a small {v1} {v2}?",
    "how many objects are {v}?",
    "how many cubes are {v} in the stack topped by the {c} cube?",
    "how many objects are {v} in the {side} area?",
    "is the number of {v} objects equal in the left and right areas?",
    "which area has {more, fewer} {v} objects?",
    "is the {attr} of the {name} the same as the {attr} of the {name}?",
    "remove all objects that are {size shape}: how many objects that are {v} remain?",
    "remove all objects that are {size shape}: how many objects that are {v} remain in the {side} "
    "area?",
    "add {n} objects that are {v}: how many objects are {v} then?",
    "add {n} cubes that are {v} to the stack topped by the {c} cube: how many cubes are {v} in it "
    "then?",
    "remove all objects that are {size shape} and all that are {size shape}: how many objects that "
    "are {v} remain?",
    "remove all objects that are {size shape}: is the {attr} of the centre cube of the stack "
    "topped "
    "by the {c} cube the same as the {attr} of the {name}?",
    "remove all objects that are {size shape} and all that are {size shape}: which area has {more, "
    "fewer} {v} objects?",
};

const char *const avr_dir_name[AVR_DIRS] = {"left", "right", "front", "back"};
static const char *const attr_word[AVR_ATTRS] = {"colour", "size", "shape"};

void avr_dir_vector(avr_dir d, float v[2]) {
  static const float table[AVR_DIRS][2] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}};
  v[0] = table[d][0];
  v[1] = table[d][1];
}

static const char *value_word(avr_attr a, int value) {
  if (a == AVR_COLOUR) return avr_colour_name[value];
  if (a == AVR_SIZE) return avr_size_name[value];
  return avr_shape_name[value];
}

void avr_object_name(const avr_scene *s, int object, uint8_t fact, gaze_buf *out) {
  const int *v = s->object[object].value;
  if (fact & AVR_KNOWS_SIZE) gaze_buf_printf(out, "%s ", avr_size_name[v[AVR_SIZE]]);
  if (fact & AVR_KNOWS_COLOUR) gaze_buf_printf(out, "%s ", avr_colour_name[v[AVR_COLOUR]]);
  gaze_buf_str(out, fact & AVR_KNOWS_SHAPE ? avr_shape_name[v[AVR_SHAPE]] : "object");
}

static void full_name(const avr_scene *s, int object, gaze_buf *out) {
  avr_object_name(s, object, AVR_KNOWS_SIZE | AVR_KNOWS_COLOUR | AVR_KNOWS_SHAPE, out);
}

void avr_value_name(const avr_question *q, int value, gaze_buf *out) {
  if (avr_counts(q)) {
    gaze_buf_printf(out, "%d", value);
  } else if (avr_program_of(q->id) == AVR_QUERY) {
    gaze_buf_str(out, value_word(q->attr, value));
  } else if (avr_value_count(q) == 2) {
    gaze_buf_str(out, value ? "yes" : "no");
  } else {
    gaze_buf_str(out, value == AVR_EQUAL ? "equal" : avr_dir_name[value]);
  }
}

// the words of a filter as adjectives before the shape word, or before "object"
static void filter_phrase(const avr_filter *f, gaze_buf *out) {
  const int *v = f->value;
  if (v[AVR_SIZE] >= 0) gaze_buf_printf(out, "%s ", avr_size_name[v[AVR_SIZE]]);
  if (v[AVR_COLOUR] >= 0) gaze_buf_printf(out, "%s ", avr_colour_name[v[AVR_COLOUR]]);
  gaze_buf_str(out, v[AVR_SHAPE] >= 0 ? avr_shape_name[v[AVR_SHAPE]] : "object");
}

// the words of a filter after "are": "red", "small red", "cube"
static void filter_words(const avr_filter *f, gaze_buf *out) {
  static const avr_attr order[AVR_ATTRS] = {AVR_SIZE, AVR_COLOUR, AVR_SHAPE};
  bool any = false;
  for (int i = 0; i < AVR_ATTRS; i++) {
    if (f->value[order[i]] < 0) continue;
    gaze_buf_printf(out, "%s%s", any ? " " : "", value_word(order[i], f->value[order[i]]));
    any = true;
  }
}

// "the large sphere": an object by all its values but the one that is compared
static void but_name(const avr_scene *s, int object, avr_attr a, gaze_buf *out) {
  avr_filter f = avr_all_but(&s->object[object], a);
  filter_phrase(&f, out);
}

static const char *top_colour(const avr_scene *s, int stack) {
  int top = avr_stack_top(s, stack, 0xFFFF);
  return avr_colour_name[top < 0 ? 0 : s->object[top].value[AVR_COLOUR]];
}

// "remove all objects that are small cube and all that are large sphere: "
static void removal(const avr_question *q, gaze_buf *out) {
  for (int k = 0; k < q->n_removed; k++) {
    gaze_buf_str(out, k == 0 ? "remove all objects that are " : " and all that are ");
    filter_words(&q->removed[k], out);
  }
  if (q->n_removed > 0) gaze_buf_str(out, ": ");
}

static void query_text(const avr_scene *s, const avr_question *q, gaze_buf *out) {
  gaze_buf_printf(out, "what %s is the ", attr_word[q->attr]);
  if (q->id == AVR_Q3) {
    gaze_buf_printf(out, "small object farthest to the %s?", avr_dir_name[q->dir]);
    return;
  }
  gaze_buf_str(out, q->id == AVR_Q1 ? "object under the " : "object closest to the ");
  full_name(s, q->anchor, out);
  gaze_buf_str(out, q->id == AVR_Q1 ? " on top?" : "?");
}

// "how many objects are red" with its set; after a removal, how many that are red remain
static void count_text(const avr_scene *s, const avr_question *q, gaze_buf *out) {
  bool stack = q->id == AVR_K2 || q->id == AVR_M4;
  if (q->added > 0) {
    gaze_buf_printf(out, "add %d %s that are ", q->added, stack ? "cubes" : "objects");
    filter_words(&q->filter, out);
    if (stack) gaze_buf_printf(out, " to the stack topped by the %s cube", top_colour(s, q->stack));
    gaze_buf_str(out, ": ");
  }
  removal(q, out);
  gaze_buf_printf(out, "how many %s %s ", stack ? "cubes" : "objects",
                  q->n_removed > 0 ? "that are" : "are");
  filter_words(&q->filter, out);
  if (q->n_removed > 0) gaze_buf_str(out, " remain");
  if (q->id == AVR_K2)
    gaze_buf_printf(out, " in the stack topped by the %s cube", top_colour(s, q->stack));
  if (q->id == AVR_M4) gaze_buf_str(out, " in it");
  if (avr_one_area(q)) gaze_buf_printf(out, " in the %s area", avr_dir_name[q->dir]);
  gaze_buf_str(out, q->added > 0 ? " then?" : "?");
}

static void sides_text(const avr_question *q, gaze_buf *out) {
  removal(q, out);
  if (q->id == AVR_P1) {
    gaze_buf_str(out, "is the number of ");
  } else {
    gaze_buf_printf(out, "which area has %s ", q->more > 0 ? "more" : "fewer");
  }
  filter_words(&q->filter, out);
  gaze_buf_str(out, q->id == AVR_P1 ? " objects equal in the left and right areas?" : " objects?");
}

static void same_text(const avr_scene *s, const avr_question *q, gaze_buf *out) {
  removal(q, out);
  gaze_buf_printf(out, "is the %s of the ", attr_word[q->attr]);
  if (q->id == AVR_X1) {
    gaze_buf_printf(out, "centre cube of the stack topped by the %s cube", top_colour(s, q->stack));
  } else {
    filter_phrase(&q->filter, out);
  }
  gaze_buf_printf(out, " the same as the %s of the ", attr_word[q->attr]);
  but_name(s, q->anchor, q->attr, out);
  gaze_buf_str(out, "?");
}

void avr_question_text(const avr_scene *s, const avr_question *q, gaze_buf *out) {
  switch (avr_program_of(q->id)) {
    case AVR_QUERY:
      query_text(s, q, out);
      break;
    case AVR_COUNT:
      if (q->id == AVR_E1) {
        gaze_buf_str(out, "is there a ");
        filter_phrase(&q->filter, out);
        gaze_buf_str(out, "?");
        break;
      }
      count_text(s, q, out);
      break;
    case AVR_SIDES:
      sides_text(q, out);
      break;
    case AVR_SAME:
      same_text(s, q, out);
      break;
  }
}

void avr_option_name(const avr_episode *e, const avr_option *o, gaze_buf *out) {
  switch (o->kind) {
    case AVR_ANSWER:
      avr_value_name(&e->question, o->value, out);
      break;
    case AVR_ORBIT:
      if (o->azimuth != 0.0f) {
        gaze_buf_printf(out, "view %s %d", o->azimuth < 0 ? "left" : "right",
                        (int)lroundf(fabsf(o->azimuth)));
      } else {
        gaze_buf_printf(out, "view %s", o->elevation < 0 ? "lower" : "higher");
      }
      break;
    case AVR_TURN:
      if (o->pan != 0.0f) {
        gaze_buf_printf(out, "turn %s %d", o->pan < 0 ? "left" : "right",
                        (int)lroundf(fabsf(o->pan)));
      } else {
        gaze_buf_printf(out, "turn %s %d", o->tilt < 0 ? "down" : "up",
                        (int)lroundf(fabsf(o->tilt)));
      }
      break;
    case AVR_PICK:
      gaze_buf_str(out, "pick ");
      avr_object_name(&e->scene, o->object, e->state.know.fact[o->object], out);
      break;
    case AVR_MOVE:
      gaze_buf_str(out, "move ");
      avr_object_name(&e->scene, o->object, e->state.know.fact[o->object], out);
      gaze_buf_printf(out, " %s", avr_dir_name[o->dir]);
      break;
  }
}

void avr_option_lines(const avr_episode *e, gaze_buf *out) {
  for (int i = 0; i < e->options; i++) {
    if (i) gaze_buf_str(out, "\n");
    avr_option_name(e, &e->option[i], out);
    gaze_buf_printf(out, " %c", 'A' + i);
  }
}

void avr_prompt(const avr_episode *e, const char *status, gaze_buf *out) {
  if (status) {
    gaze_buf_printf(out, "Result: %s.\n", status);
  } else {
    gaze_buf_printf(out, "%s\nQuestion: ", avr_rules);
    avr_question_text(&e->scene, &e->question, out);
    gaze_buf_str(out, "\n");
  }
  gaze_buf_str(out, "<image>\nOptions:\n");
  avr_option_lines(e, out);
}

void avr_put_marks(const avr_marks *m, int object, gaze_buf *out) {
  if (m->number[object] && m->by_area) gaze_buf_printf(out, " %s", avr_dir_name[m->area[object]]);
  if (m->number[object]) gaze_buf_printf(out, " %d", m->number[object]);
  if (m->behind[object]) gaze_buf_printf(out, " %s", m->w->behind);
  if (m->under[object]) gaze_buf_printf(out, " %s", m->w->under);
}

void avr_box_lines(const avr_scene *s, const avr_know *know, const avr_seen *seen, int n,
                   const avr_marks *marks, gaze_buf *out) {
  for (int i = 0; i < n; i++) {
    int v[4];
    for (int k = 0; k < 4; k++) {
      float x = floorf(100.0f * seen[i].box[k]);
      v[k] = x < 0.0f ? 0 : x > 99.0f ? 99 : (int)x;
    }
    gaze_buf_printf(out, "[%d %d %d %d] ", v[0], v[1], v[2], v[3]);
    uint8_t fact = (uint8_t)(seen[i].fact | (know ? know->fact[seen[i].object] : 0));
    avr_object_name(s, seen[i].object, fact, out);
    if (marks) avr_put_marks(marks, seen[i].object, out);
    gaze_buf_str(out, "\n");
  }
}
