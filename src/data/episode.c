// data/episode.c - building and freeing a record; see episode.h.
#include "data/episode.h"
#include <stdlib.h>
#include <string.h>
#include "core/buf.h"
#include "data/imagefile.h"

static char *copy(const char *s) {
  size_t n = strlen(s) + 1;
  char *t = malloc(n);
  if (t) memcpy(t, s, n);
  return t;
}

static void copy_cut(char *to, size_t cap, const char *s) {
  size_t n = strlen(s);
  if (n >= cap) n = cap - 1;
  memcpy(to, s, n);
  to[n] = 0;
}

void gaze_record_init(gaze_record *r, const char *id, const char *kind, uint64_t seed) {
  *r = (gaze_record){.seed = seed};
  copy_cut(r->id, sizeof r->id, id);
  copy_cut(r->kind, sizeof r->kind, kind);
}

static void free_turn(gaze_record_turn *t) {
  for (int i = 0; i < t->images; i++) free(t->image[i].png);
  free(t->image);
  free(t->user);
  free(t->reply);
  free(t->truth_json);
  free(t->outcome_json);
  free(t->token);
  free(t->token_trainable);
}

gaze_err gaze_record_add_turn(gaze_record *r, const char *user, const char *reply, int taught,
                              const char *outcome_json, const char *truth_json) {
  if (r->turns >= GAZE_RECORD_TURNS_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "record %s: more than %d turns", r->id, GAZE_RECORD_TURNS_MAX);
  if (r->turns == r->turn_cap) {
    int cap = r->turn_cap ? 2 * r->turn_cap : 4;
    void *p = realloc(r->turn, (size_t)cap * sizeof *r->turn);
    if (!p) return GAZE_ERR_NOMEM;
    r->turn = p, r->turn_cap = cap;
  }
  gaze_record_turn t = {.taught = taught};
  t.user = copy(user ? user : "");
  t.reply = copy(reply ? reply : "");
  if (outcome_json) t.outcome_json = copy(outcome_json);
  if (truth_json) t.truth_json = copy(truth_json);
  if (!t.user || !t.reply || (outcome_json && !t.outcome_json) || (truth_json && !t.truth_json))
    return free_turn(&t), GAZE_ERR_NOMEM;
  r->turn[r->turns++] = t;
  return GAZE_OK;
}

static gaze_err last_turn(gaze_record *r, gaze_record_turn **t) {
  if (!r->turns) return gaze_fail(GAZE_ERR_STATE, "record %s: add a turn first", r->id);
  *t = &r->turn[r->turns - 1];
  return GAZE_OK;
}

// takes ownership of png, also on failure
static gaze_err append(gaze_record *r, uint8_t *png, size_t n, const char *camera) {
  gaze_record_turn *t = NULL;
  gaze_err e = last_turn(r, &t);
  if (!e && t->images >= GAZE_RECORD_IMAGES_MAX)
    e = gaze_fail(GAZE_ERR_RANGE, "record %s: more than %d images in a turn", r->id,
                  GAZE_RECORD_IMAGES_MAX);
  void *p = e ? NULL : realloc(t->image, ((size_t)t->images + 1) * sizeof *t->image);
  if (!e && !p) e = GAZE_ERR_NOMEM;
  if (e) return free(png), e;
  t->image = p;
  gaze_record_image *im = &t->image[t->images++];
  *im = (gaze_record_image){.png = png, .bytes = n};
  copy_cut(im->camera, sizeof im->camera, camera ? camera : "");
  return GAZE_OK;
}

gaze_err gaze_record_add_image(gaze_record *r, const gaze_image *im) {
  gaze_buf b = GAZE_BUF_INIT;
  gaze_err e = gaze_image_encode_png(im, 1, &b);
  if (e) return gaze_buf_fini(&b), e;
  return append(r, (uint8_t *)b.data, b.len, im->camera);  // the buffer's block changes hands
}

gaze_err gaze_record_add_png(gaze_record *r, const void *png, size_t n, const char *camera) {
  uint8_t *p = malloc(n ? n : 1);
  if (!p) return GAZE_ERR_NOMEM;
  if (n) memcpy(p, png, n);
  return append(r, p, n, camera);
}

gaze_err gaze_record_set_tokens(gaze_record *r, const int32_t *token, const uint8_t *trainable,
                                int tokens) {
  gaze_record_turn *t = NULL;
  GAZE_TRY(last_turn(r, &t));
  if (tokens < 0 || tokens > GAZE_RECORD_TOKENS_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "record %s: %d tokens: expected 0..%d", r->id, tokens,
                     GAZE_RECORD_TOKENS_MAX);
  size_t n = (size_t)tokens;
  int32_t *ids = malloc((n ? n : 1) * sizeof *ids);
  uint8_t *bits = malloc(n ? n : 1);
  if (!ids || !bits) return free(ids), free(bits), GAZE_ERR_NOMEM;
  for (size_t i = 0; i < n; i++) ids[i] = token[i], bits[i] = !trainable || trainable[i];
  free(t->token);
  free(t->token_trainable);
  t->token = ids, t->token_trainable = bits, t->tokens = tokens;
  return GAZE_OK;
}

gaze_err gaze_record_set_info(gaze_record *r, const char *info_json) {
  char *s = info_json ? copy(info_json) : NULL;
  if (info_json && !s) return GAZE_ERR_NOMEM;
  free(r->info_json);
  r->info_json = s;
  return GAZE_OK;
}

void gaze_record_free(gaze_record *r) {
  for (int i = 0; i < r->turns; i++) free_turn(&r->turn[i]);
  free(r->turn);
  free(r->info_json);
  *r = (gaze_record){0};
}
