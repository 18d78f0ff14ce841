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

// A body as numbers: shape, half extent, colour, gone, centre, rotation. For looking at, so a
// hundredth of a millimetre is enough, and short.
enum { BODY_NUMBERS = 18 };

static double shortened(float x) {
  return round((double)x * 1e5) / 1e5;
}

static cJSON *body_json(const gaze_body *b) {
  double v[BODY_NUMBERS] = {(double)b->shape, shortened(b->half)};
  v[5] = b->gone;
  for (int k = 0; k < 3; k++) v[2 + k] = shortened(b->rgb[k]), v[6 + k] = shortened(b->pos[k]);
  for (int k = 0; k < 9; k++) v[9 + k] = shortened(b->rot[k]);
  return cJSON_CreateDoubleArray(v, BODY_NUMBERS);
}

static bool add_scene(cJSON *j, const gaze_truth *t) {
  const gaze_viewer *v = &t->viewer;
  const double at[4] = {(double)v->azimuth, (double)v->elevation, (double)v->pan, (double)v->tilt};
  cJSON *viewer = cJSON_CreateDoubleArray(at, 4), *bodies = NULL;
  bool ok = viewer && cJSON_AddItemToObject(j, "viewer", viewer);
  if (!ok) cJSON_Delete(viewer);
  if (ok) bodies = cJSON_AddArrayToObject(j, "bodies");
  for (int i = 0; ok && i < t->bodies; i++) ok = add_item(bodies, body_json(&t->body[i]));
  return ok && bodies;
}

cJSON *gaze_truth_to_json(const gaze_truth *t) {
  if (t->options < 0 || t->options > GAZE_OPTIONS_MAX || t->boxes < 0 || t->boxes > GAZE_BOXES_MAX)
    return NULL;
  if (t->bodies < 0 || t->bodies > GAZE_SCENE_BODIES_MAX) return NULL;
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
  if (ok && t->bodies) ok = add_scene(j, t);
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

// exactly n finite numbers
static gaze_err read_numbers(const cJSON *j, const char *key, int n, float *out) {
  const cJSON *v = NULL;
  int found = cJSON_IsArray(j) ? cJSON_GetArraySize(j) : -1, k = 0;
  if (found != n)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \"%s\" must have %d numbers, found %d", WHAT, key, n,
                     found);
  cJSON_ArrayForEach(v, j) {
    // the comparison also refuses NaN
    if (!cJSON_IsNumber(v) || !(fabs(v->valuedouble) <= 1e6))
      return gaze_fail(GAZE_ERR_FORMAT, "%s: \"%s\" must have %d finite numbers", WHAT, key, n);
    out[k++] = (float)v->valuedouble;
  }
  return GAZE_OK;
}

static gaze_err read_box(const cJSON *i, gaze_truth_box *b) {
  float v[4];
  GAZE_TRY(read_numbers(gaze_json_get(i, "box"), "box", 4, v));
  b->x0 = v[0], b->y0 = v[1], b->x1 = v[2], b->y1 = v[3];
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
  const cJSON *goal = gaze_json_get(j, "to_goal");
  if (!goal) return GAZE_OK;
  GAZE_TRY(read_numbers(goal, "to_goal", 6, t->to_goal));
  t->has_goal = true;
  return GAZE_OK;
}

static gaze_err read_body(const cJSON *j, gaze_body *b) {
  float v[BODY_NUMBERS];
  GAZE_TRY(read_numbers(j, "bodies", BODY_NUMBERS, v));
  if (!(v[0] == (float)GAZE_SHAPE_CUBE || v[0] == (float)GAZE_SHAPE_SPHERE ||
        v[0] == (float)GAZE_SHAPE_CYLINDER))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \"bodies\": unknown shape", WHAT);
  b->shape = (gaze_shape)v[0], b->half = v[1], b->gone = v[5] != 0.0f;
  memcpy(b->rgb, v + 2, sizeof b->rgb);
  memcpy(b->pos, v + 6, sizeof b->pos);
  memcpy(b->rot, v + 9, sizeof b->rot);
  return GAZE_OK;
}

// absent where the task keeps no scene
static gaze_err read_scene(const cJSON *j, gaze_truth *t) {
  const cJSON *a = NULL, *i = NULL;
  float v[4];
  int k = 0;
  if (!gaze_json_get(j, "bodies")) return GAZE_OK;
  GAZE_TRY(read_numbers(gaze_json_get(j, "viewer"), "viewer", 4, v));
  t->viewer = (gaze_viewer){.azimuth = v[0], .elevation = v[1], .pan = v[2], .tilt = v[3]};
  GAZE_TRY(read_array(j, "bodies", GAZE_SCENE_BODIES_MAX, &a, &t->bodies));
  cJSON_ArrayForEach(i, a) GAZE_TRY(read_body(i, &t->body[k++]));
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
  GAZE_TRY(read_scene(j, t));
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
