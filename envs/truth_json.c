// envs/truth_json.c - the oracle's view as JSON, for logs and the wire; see env.h.
#include <math.h>
#include <string.h>
#include "core/json.h"
#include "envs/env.h"

static const char *const WHAT = "truth";

static cJSON *option_json(const gaze_truth *t, int i) {
  cJSON *o = cJSON_CreateObject();
  bool ok = o && cJSON_AddNumberToObject(o, "label", t->label[i]) &&
            cJSON_AddStringToObject(o, "text", t->text[i]);
  if (ok) return o;
  cJSON_Delete(o);
  return NULL;
}

static cJSON *box_json(const gaze_truth_box *b) {
  const double v[4] = {b->x0, b->y0, b->x1, b->y1};
  cJSON *o = cJSON_CreateObject(), *xy = cJSON_CreateDoubleArray(v, 4);
  if (o && xy && cJSON_AddItemToObject(o, "box", xy)) {
    if (cJSON_AddStringToObject(o, "name", b->name)) return o;
  } else {
    cJSON_Delete(xy);
  }
  cJSON_Delete(o);
  return NULL;
}

static bool add_item(cJSON *array, cJSON *item) {
  if (array && item && cJSON_AddItemToArray(array, item)) return true;
  cJSON_Delete(item);
  return false;
}

cJSON *gaze_truth_to_json(const gaze_truth *t) {
  if (t->options < 0 || t->options > GAZE_OPTIONS_MAX || t->boxes < 0 || t->boxes > GAZE_BOXES_MAX)
    return NULL;
  cJSON *j = cJSON_CreateObject();
  bool ok = j && cJSON_AddBoolToObject(j, "sufficient", t->sufficient) &&
            cJSON_AddBoolToObject(j, "control", t->control) &&
            cJSON_AddStringToObject(j, "family", t->family) &&
            cJSON_AddStringToObject(j, "layout", t->layout) &&
            cJSON_AddStringToObject(j, "question", t->question) &&
            cJSON_AddStringToObject(j, "answer", t->answer) &&
            cJSON_AddStringToObject(j, "greedy", t->greedy) &&
            cJSON_AddStringToObject(j, "reply", t->reply) &&
            cJSON_AddStringToObject(j, "known", t->known) &&
            cJSON_AddNumberToObject(j, "optimal_steps", t->optimal_steps) &&
            cJSON_AddNumberToObject(j, "steps_left", t->steps_left);
  cJSON *options = ok ? cJSON_AddArrayToObject(j, "options") : NULL;
  for (int i = 0; ok && i < t->options; i++) ok = add_item(options, option_json(t, i));
  cJSON *boxes = ok ? cJSON_AddArrayToObject(j, "boxes") : NULL;
  for (int i = 0; ok && i < t->boxes; i++) ok = add_item(boxes, box_json(&t->box[i]));
  if (ok && t->has_goal) {
    double v[6];
    for (int k = 0; k < 6; k++) v[k] = (double)t->to_goal[k];
    cJSON *goal = cJSON_CreateDoubleArray(v, 6);
    ok = goal && cJSON_AddItemToObject(j, "to_goal", goal);
    if (!ok) cJSON_Delete(goal);
  }
  if (ok && options && boxes) return j;
  cJSON_Delete(j);
  return NULL;
}

static gaze_err read_bool(const cJSON *j, const char *key, bool *out) {
  const cJSON *v = gaze_json_get(j, key);
  if (!cJSON_IsBool(v))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \"%s\" must be true or false", WHAT, key);
  *out = cJSON_IsTrue(v);
  return GAZE_OK;
}

static gaze_err read_text(const cJSON *j, const char *key, char *out, size_t cap) {
  const char *s = NULL;
  GAZE_TRY(gaze_json_str(j, key, &s, WHAT));
  size_t n = strlen(s);
  if (n >= cap)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \"%s\" must have at most %zu bytes, found %zu", WHAT,
                     key, cap - 1, n);
  memcpy(out, s, n + 1);
  return GAZE_OK;
}

static gaze_err read_int(const cJSON *j, const char *key, int lo, int hi, int *out) {
  int64_t v = 0;
  GAZE_TRY(gaze_json_int(j, key, lo, hi, &v, WHAT));
  *out = (int)v;
  return GAZE_OK;
}

static gaze_err read_array(const cJSON *j, const char *key, int max, const cJSON **out, int *n) {
  const cJSON *a = gaze_json_get(j, key);
  if (!cJSON_IsArray(a))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \"%s\" must be an array", WHAT, key);
  int count = cJSON_GetArraySize(a);
  if (count > max)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \"%s\" must have at most %d items, found %d", WHAT, key,
                     max, count);
  *out = a;
  *n = count;
  return GAZE_OK;
}

static gaze_err read_options(const cJSON *j, gaze_truth *t) {
  const cJSON *a = NULL, *i = NULL;
  GAZE_TRY(read_array(j, "options", GAZE_OPTIONS_MAX, &a, &t->options));
  int k = 0;
  cJSON_ArrayForEach(i, a) {
    GAZE_TRY(read_int(i, "label", 0, 15, &t->label[k]));
    GAZE_TRY(read_text(i, "text", t->text[k], sizeof t->text[k]));
    k++;
  }
  return GAZE_OK;
}

static gaze_err read_box(const cJSON *i, gaze_truth_box *b) {
  float *to[4] = {&b->x0, &b->y0, &b->x1, &b->y1};
  const cJSON *xy = NULL, *v = NULL;
  int n = 0, k = 0;
  GAZE_TRY(read_array(i, "box", 4, &xy, &n));
  if (n != 4)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \"box\" must have 4 numbers, found %d", WHAT, n);
  cJSON_ArrayForEach(v, xy) {
    // the comparison also refuses NaN
    if (!cJSON_IsNumber(v) || !(fabs(v->valuedouble) <= 1e6))
      return gaze_fail(GAZE_ERR_FORMAT, "%s: \"box\" must have 4 finite numbers", WHAT);
    *to[k++] = (float)v->valuedouble;
  }
  return read_text(i, "name", b->name, sizeof b->name);
}

static gaze_err read_boxes(const cJSON *j, gaze_truth *t) {
  const cJSON *a = NULL, *i = NULL;
  GAZE_TRY(read_array(j, "boxes", GAZE_BOXES_MAX, &a, &t->boxes));
  int k = 0;
  cJSON_ArrayForEach(i, a) GAZE_TRY(read_box(i, &t->box[k++]));
  return GAZE_OK;
}

// absent where the task has no goal of a tool
static gaze_err read_goal(const cJSON *j, gaze_truth *t) {
  const cJSON *a = NULL, *v = NULL;
  int n = 0, k = 0;
  if (!gaze_json_get(j, "to_goal")) return GAZE_OK;
  GAZE_TRY(read_array(j, "to_goal", 6, &a, &n));
  if (n != 6)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \"to_goal\" must have 6 numbers, found %d", WHAT, n);
  cJSON_ArrayForEach(v, a) {
    if (!cJSON_IsNumber(v) || !(fabs(v->valuedouble) <= 1e6))
      return gaze_fail(GAZE_ERR_FORMAT, "%s: \"to_goal\" must have 6 finite numbers", WHAT);
    t->to_goal[k++] = (float)v->valuedouble;
  }
  t->has_goal = true;
  return GAZE_OK;
}

static gaze_err read_truth(const cJSON *j, gaze_truth *t) {
  GAZE_TRY(read_bool(j, "sufficient", &t->sufficient));
  GAZE_TRY(read_bool(j, "control", &t->control));
  GAZE_TRY(read_text(j, "family", t->family, sizeof t->family));
  GAZE_TRY(read_text(j, "layout", t->layout, sizeof t->layout));
  GAZE_TRY(read_text(j, "question", t->question, sizeof t->question));
  GAZE_TRY(read_text(j, "answer", t->answer, sizeof t->answer));
  GAZE_TRY(read_text(j, "greedy", t->greedy, sizeof t->greedy));
  GAZE_TRY(read_text(j, "reply", t->reply, sizeof t->reply));
  GAZE_TRY(read_text(j, "known", t->known, sizeof t->known));
  GAZE_TRY(read_int(j, "optimal_steps", -1, 1000, &t->optimal_steps));
  GAZE_TRY(read_int(j, "steps_left", -1, 1000, &t->steps_left));
  GAZE_TRY(read_options(j, t));
  GAZE_TRY(read_goal(j, t));
  return read_boxes(j, t);
}

gaze_err gaze_truth_from_json(const cJSON *j, gaze_truth *t) {
  memset(t, 0, sizeof *t);
  gaze_err err = cJSON_IsObject(j) ? read_truth(j, t)
                                   : gaze_fail(GAZE_ERR_FORMAT, "%s: expected an object", WHAT);
  // a half-read truth must not be taken for one
  if (err) memset(t, 0, sizeof *t);
  return err;
}
