// core/cfg.c - see cfg.h.
#include "core/cfg.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/json.h"

struct gaze_cfg {
  cJSON *root;
};

gaze_err gaze_cfg_open(gaze_cfg **c) {
  *c = calloc(1, sizeof **c);
  if (!*c) return GAZE_ERR_NOMEM;
  (*c)->root = cJSON_CreateObject();
  if (!(*c)->root) {
    gaze_cfg_close(c);
    return GAZE_ERR_NOMEM;
  }
  return GAZE_OK;
}

void gaze_cfg_close(gaze_cfg **c) {
  if (!*c) return;
  cJSON_Delete((*c)->root);
  free(*c);
  *c = NULL;
}

// objects merge member by member, everything else is replaced
static bool merge(cJSON *into, const cJSON *from) {
  const cJSON *i = NULL;
  cJSON_ArrayForEach(i, from) {
    cJSON *old = cJSON_GetObjectItemCaseSensitive(into, i->string);
    if (cJSON_IsObject(old) && cJSON_IsObject(i)) {
      if (!merge(old, i)) return false;
      continue;
    }
    cJSON *copy = cJSON_Duplicate(i, 1);
    if (!copy) return false;
    if (old ? !cJSON_ReplaceItemInObjectCaseSensitive(into, i->string, copy)
            : !cJSON_AddItemToObject(into, i->string, copy))
      return false;
  }
  return true;
}

// takes `j`
static gaze_err merge_tree(gaze_cfg *c, cJSON *j, const char *what) {
  gaze_err e = GAZE_OK;
  if (!cJSON_IsObject(j))
    e = gaze_fail(GAZE_ERR_FORMAT, "%s: expected one JSON object of settings", what);
  else if (!merge(c->root, j))
    e = GAZE_ERR_NOMEM;
  cJSON_Delete(j);
  return e;
}

gaze_err gaze_cfg_load(gaze_cfg *c, const char *path) {
  cJSON *j = NULL;
  GAZE_TRY(gaze_json_load(&j, path));
  return merge_tree(c, j, path);
}

gaze_err gaze_cfg_merge_text(gaze_cfg *c, const char *json, const char *what) {
  cJSON *j = NULL;
  GAZE_TRY(gaze_json_parse(&j, json, strlen(json), what));
  return merge_tree(c, j, what);
}

// walks "a.b.c"; with `make`, creates the objects on the way and returns the parent of the last
static cJSON *walk(cJSON *at, const char *key, bool make, const char **last) {
  for (;;) {
    const char *dot = strchr(key, '.');
    if (!dot) break;
    char name[128];
    size_t n = (size_t)(dot - key);
    if (n == 0 || n >= sizeof name) return NULL;
    memcpy(name, key, n);
    name[n] = 0;
    cJSON *next = cJSON_GetObjectItemCaseSensitive(at, name);
    if (!next && make) next = cJSON_AddObjectToObject(at, name);
    if (!cJSON_IsObject(next)) return NULL;
    at = next;
    key = dot + 1;
  }
  *last = key;
  return key[0] ? at : NULL;
}

// takes `value`
static gaze_err put(gaze_cfg *c, const char *key, cJSON *value) {
  const char *last = NULL;
  cJSON *parent = value ? walk(c->root, key, true, &last) : NULL;
  if (!parent) {
    cJSON_Delete(value);
    return gaze_fail(GAZE_ERR_ARG, "cannot set \"%s\": part of it is not a group", key);
  }
  cJSON_DeleteItemFromObjectCaseSensitive(parent, last);
  return cJSON_AddItemToObject(parent, last, value) ? GAZE_OK : GAZE_ERR_NOMEM;
}

gaze_err gaze_cfg_set(gaze_cfg *c, const char *assignment) {
  const char *eq = strchr(assignment, '=');
  char key[256];
  if (!eq || eq == assignment || (size_t)(eq - assignment) >= sizeof key)
    return gaze_fail(GAZE_ERR_ARG, "setting \"%s\": expected key=value", assignment);
  memcpy(key, assignment, (size_t)(eq - assignment));
  key[eq - assignment] = 0;
  cJSON *v = NULL;
  if (gaze_json_parse(&v, eq + 1, strlen(eq + 1), key)) v = cJSON_CreateString(eq + 1);
  return put(c, key, v);
}

gaze_err gaze_cfg_set_str(gaze_cfg *c, const char *key, const char *value) {
  return put(c, key, cJSON_CreateString(value));
}

gaze_err gaze_cfg_set_num(gaze_cfg *c, const char *key, double value) {
  return put(c, key, cJSON_CreateNumber(value));
}

static const cJSON *find(const gaze_cfg *c, const char *key) {
  const char *last = NULL;
  const cJSON *parent = c ? walk(c->root, key, false, &last) : NULL;
  return parent ? cJSON_GetObjectItemCaseSensitive(parent, last) : NULL;
}

bool gaze_cfg_has(const gaze_cfg *c, const char *key) {
  return find(c, key) != NULL;
}

gaze_err gaze_cfg_int(const gaze_cfg *c, const char *key, int64_t fallback, int64_t lo, int64_t hi,
                      int64_t *out) {
  const cJSON *v = find(c, key);
  *out = fallback;
  if (!v) return GAZE_OK;
  double d = cJSON_IsNumber(v) ? v->valuedouble : NAN;
  if (!(fabs(d) <= 9007199254740992.0) || d != floor(d) || d < (double)lo || d > (double)hi)
    return gaze_fail(GAZE_ERR_ARG, "setting \"%s\" must be a whole number from %lld to %lld", key,
                     (long long)lo, (long long)hi);
  *out = (int64_t)d;
  return GAZE_OK;
}

gaze_err gaze_cfg_num(const gaze_cfg *c, const char *key, double fallback, double lo, double hi,
                      double *out) {
  const cJSON *v = find(c, key);
  *out = fallback;
  if (!v) return GAZE_OK;
  double d = cJSON_IsNumber(v) ? v->valuedouble : NAN;
  if (!(d >= lo && d <= hi))
    return gaze_fail(GAZE_ERR_ARG, "setting \"%s\" must be a number from %g to %g", key, lo, hi);
  *out = d;
  return GAZE_OK;
}

gaze_err gaze_cfg_bool(const gaze_cfg *c, const char *key, bool fallback, bool *out) {
  const cJSON *v = find(c, key);
  *out = fallback;
  if (!v) return GAZE_OK;
  if (!cJSON_IsBool(v)) return gaze_fail(GAZE_ERR_ARG, "setting \"%s\" must be true or false", key);
  *out = cJSON_IsTrue(v);
  return GAZE_OK;
}

gaze_err gaze_cfg_str(const gaze_cfg *c, const char *key, const char *fallback, const char **out) {
  const cJSON *v = find(c, key);
  *out = fallback;
  if (!v) return GAZE_OK;
  if (!cJSON_IsString(v)) return gaze_fail(GAZE_ERR_ARG, "setting \"%s\" must be a string", key);
  *out = v->valuestring;
  return GAZE_OK;
}

char *gaze_cfg_dump(const gaze_cfg *c) {
  return cJSON_PrintUnformatted(c->root);
}
