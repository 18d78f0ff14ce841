// data/episode_read.c - MCAP messages back to records; see episode.h.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/utf8.h"
#include "data/episode.h"
#include "data/jsonspan.h"
#include "data/mcap.h"

struct gaze_record_reader {
  gaze_mcap_reader *mcap;
  gaze_mcap_place *end;  // [records] of each record's last message
  size_t records;
  char *manifest, *path;
};

gaze_err gaze_record_open(gaze_record_reader **pr, const char *path) {
  *pr = NULL;
  gaze_record_reader *r = calloc(1, sizeof *r);
  if (!r) return GAZE_ERR_NOMEM;
  size_t n = strlen(path) + 1;
  r->path = malloc(n);
  gaze_err e = r->path ? GAZE_OK : GAZE_ERR_NOMEM;
  if (!e) {
    memcpy(r->path, path, n);
    e = gaze_mcap_open(&r->mcap, path);
  }
  if (!e) e = gaze_mcap_index(r->mcap, "/episode", &r->end, &r->records);
  if (e == GAZE_ERR_NOTFOUND && r->mcap) e = GAZE_OK;  // a log without records
  if (!e) {
    e = gaze_mcap_find_metadata(r->mcap, "run_manifest", "json", &r->manifest);
    if (e == GAZE_ERR_NOTFOUND) e = GAZE_OK;
  }
  if (e) return gaze_record_close(&r), e;
  *pr = r;
  return GAZE_OK;
}

void gaze_record_close(gaze_record_reader **pr) {
  gaze_record_reader *r = *pr;
  if (!r) return;
  gaze_mcap_close(&r->mcap);
  free(r->end);
  free(r->manifest);
  free(r->path);
  free(r);
  *pr = NULL;
}

size_t gaze_record_count(const gaze_record_reader *r) {
  return r->records;
}

bool gaze_record_truncated(const gaze_record_reader *r) {
  return gaze_mcap_truncated(r->mcap);
}

const char *gaze_record_manifest(const gaze_record_reader *r) {
  return r->manifest;
}

// "file: record 7: /chat: tokens", for error sentences
typedef struct place {
  const gaze_record_reader *r;
  size_t record;
  const char *topic;
  char text[256];
} place;

static const char *at(place *p, const char *field) {
  const char *file = strrchr(p->r->path, '/');
  snprintf(p->text, sizeof p->text, "%.100s: record %zu: %s: %s", file ? file + 1 : p->r->path,
           p->record, p->topic, field);
  return p->text;
}

static gaze_err wrong(place *p, const char *field, const char *want) {
  return gaze_fail(GAZE_ERR_FORMAT, "%s: expected %s", at(p, field), want);
}

static gaze_err open_object(place *p, const gaze_mcap_message_view *m, gaze_span_iter *it) {
  gaze_span v = {(const char *)m->data, m->n};
  if (!gaze_span_valid(v) || !gaze_span_open(v, it) || !it->first)
    return wrong(p, "message", "a JSON object");
  return GAZE_OK;
}

// pictures that came before their turn's chat message
typedef struct pending {
  gaze_record_image *v;
  int n, cap;
} pending;

static void drop(pending *s) {
  for (int i = 0; i < s->n; i++) free(s->v[i].png);
  free(s->v);
  *s = (pending){0};
}

static bool varint(const uint8_t **p, const uint8_t *end, uint64_t *v) {
  *v = 0;
  for (int shift = 0; shift < 64 && *p < end; shift += 7) {
    uint8_t c = *(*p)++;
    *v |= (uint64_t)(c & 127) << shift;
    if (c < 128) return true;
  }
  return false;
}

// one protobuf field: its number, and its bytes if it is length-delimited (NULL otherwise)
static bool field(const uint8_t **p, const uint8_t *end, uint64_t *number, gaze_span *v) {
  uint64_t tag = 0, n = 0;
  *v = (gaze_span){0};
  if (!varint(p, end, &tag)) return false;
  *number = tag >> 3;
  if ((tag & 7) == 0) return varint(p, end, &n);
  if ((tag & 7) == 1)
    n = 8;
  else if ((tag & 7) == 5)
    n = 4;
  else if ((tag & 7) != 2 || !varint(p, end, &n))
    return false;
  if (n > (uint64_t)(end - *p)) return false;
  if ((tag & 7) == 2) *v = (gaze_span){(const char *)*p, (size_t)n};
  *p += n;
  return true;
}

static gaze_err parse_image(place *p, const gaze_mcap_message_view *m, gaze_record_image *im) {
  gaze_span data = {0}, camera = {0}, format = {0}, v;
  const uint8_t *at_byte = m->data, *end = m->data + m->n;
  if (strcmp(m->encoding, "protobuf") != 0) return wrong(p, "encoding", "protobuf");
  while (at_byte < end) {
    uint64_t number = 0;
    if (!field(&at_byte, end, &number, &v)) return wrong(p, "message", "protobuf fields");
    if (number == 2) data = v;
    if (number == 3) format = v;
    if (number == 4) camera = v;
  }
  if (!data.s) return wrong(p, "data", "the bytes of a picture");
  if (!gaze_span_is(format, "png")) return wrong(p, "format", "png");
  if (camera.s && !gaze_span_is(camera, "camera")) {
    if (camera.n >= sizeof im->camera || !gaze_utf8_valid(camera.s, camera.n))
      return wrong(p, "frame_id", "a name of at most 31 bytes");
    memcpy(im->camera, camera.s, camera.n);
  }
  im->png = malloc(data.n ? data.n : 1);
  if (!im->png) return GAZE_ERR_NOMEM;
  memcpy(im->png, data.s, data.n);
  im->bytes = data.n;
  return GAZE_OK;
}

static gaze_err read_image(place *p, const gaze_mcap_message_view *m, pending *s) {
  if (s->n >= GAZE_RECORD_IMAGES_MAX) return wrong(p, "message", "at most 64 pictures in a turn");
  if (s->n == s->cap) {
    int cap = s->cap ? 2 * s->cap : 1;
    void *v = realloc(s->v, (size_t)cap * sizeof *s->v);
    if (!v) return GAZE_ERR_NOMEM;
    s->v = v, s->cap = cap;
  }
  gaze_record_image im = {0};
  gaze_err e = parse_image(p, m, &im);
  if (e) return free(im.png), e;
  s->v[s->n++] = im;
  return GAZE_OK;
}

static gaze_err raw_object(place *p, const char *field, gaze_span v, char **out) {
  gaze_span_iter it;
  if (!gaze_span_open(v, &it) || !it.first) return wrong(p, field, "an object");
  char *s = malloc(v.n + 1);
  if (!s) return GAZE_ERR_NOMEM;
  memcpy(s, v.s, v.n);
  s[v.n] = 0;
  free(*out);
  *out = s;
  return GAZE_OK;
}

static gaze_err read_tokens(place *p, gaze_span v, gaze_record_turn *t) {
  gaze_span_iter it;
  if (t->token || !gaze_span_open(v, &it) || it.first) return wrong(p, "tokens", "one array");
  size_t cap = v.n / 2 + 1;  // a digit and a comma each
  if (cap > GAZE_RECORD_TOKENS_MAX) cap = GAZE_RECORD_TOKENS_MAX;
  t->token = malloc(cap * sizeof *t->token);
  if (!t->token) return GAZE_ERR_NOMEM;
  // ids of our writer: digits and commas; anything else is an error, never a guess
  const char *s = v.s + 1, *end = v.s + v.n - 1;
  while (s < end) {
    uint64_t x = 0;
    const char *from = s;
    for (; s < end && *s >= '0' && *s <= '9' && s - from < 11; s++)
      x = x * 10 + (uint64_t)(*s - '0');
    bool stop = s == end, comma = !stop && *s == ',';
    if (s == from || (!stop && !comma) || x > INT32_MAX || (size_t)t->tokens >= cap)
      return wrong(p, "tokens", "whole numbers in 0..2147483647");
    t->token[t->tokens++] = (int32_t)x;
    if (comma) s++;
    while (s < end && *s == ' ') s++;
  }
  return GAZE_OK;
}

static gaze_err read_bits(place *p, gaze_span v, gaze_record_turn *t) {
  if (t->token_trainable || v.n < 2 || v.s[0] != '"' || v.n - 2 > GAZE_RECORD_TOKENS_MAX)
    return wrong(p, "token_trainable", "one string of 0 and 1");
  t->token_trainable = malloc(v.n);
  if (!t->token_trainable) return GAZE_ERR_NOMEM;
  for (size_t i = 0; i < v.n - 2; i++) {
    char c = v.s[i + 1];
    if (c != '0' && c != '1') return wrong(p, "token_trainable", "one string of 0 and 1");
    t->token_trainable[i] = (uint8_t)(c == '1');
  }
  t->token_trainable[v.n - 2] = 2;  // marks the end for the length check
  return GAZE_OK;
}

static gaze_err chat_member(place *p, gaze_span key, gaze_span v, gaze_record_turn *t, int *turn,
                            int *images, bool *trainable) {
  int64_t x = 0;
  if (gaze_span_is(key, "user") || gaze_span_is(key, "reply")) {
    char **to = key.s[0] == 'u' ? &t->user : &t->reply;
    free(*to);
    *to = NULL;
    return gaze_span_str(v, to, at(p, key.s[0] == 'u' ? "user" : "reply"));
  }
  if (gaze_span_is(key, "trainable")) return gaze_span_bool(v, trainable, at(p, "trainable"));
  if (gaze_span_is(key, "taught")) {
    GAZE_TRY(gaze_span_int(v, 1, GAZE_TAUGHT_ALL, &x, at(p, "taught")));
    t->taught = (int)x;
  }
  if (gaze_span_is(key, "outcome")) return raw_object(p, "outcome", v, &t->outcome_json);
  if (gaze_span_is(key, "truth")) return raw_object(p, "truth", v, &t->truth_json);
  if (gaze_span_is(key, "tokens")) return read_tokens(p, v, t);
  if (gaze_span_is(key, "token_trainable")) return read_bits(p, v, t);
  if (gaze_span_is(key, "turn")) {
    GAZE_TRY(gaze_span_int(v, 0, GAZE_RECORD_TURNS_MAX, &x, at(p, "turn")));
    *turn = (int)x;
  }
  if (gaze_span_is(key, "images")) {
    GAZE_TRY(gaze_span_int(v, 0, GAZE_RECORD_IMAGES_MAX, &x, at(p, "images")));
    *images = (int)x;
  }
  return GAZE_OK;
}

static gaze_err check_tokens(place *p, const gaze_record_turn *t) {
  if (!t->token && !t->token_trainable) return GAZE_OK;
  const uint8_t *stop = NULL;
  if (t->token && t->token_trainable)
    for (stop = t->token_trainable; *stop != 2; stop++) {
    }
  if (!stop || stop - t->token_trainable != t->tokens)
    return wrong(p, "token_trainable", "one bit per token");
  return GAZE_OK;
}

static gaze_err read_chat(place *p, const gaze_mcap_message_view *m, gaze_record *out, pending *s) {
  gaze_span_iter it;
  gaze_span key, val;
  GAZE_TRY(open_object(p, m, &it));
  GAZE_TRY(gaze_record_add_turn(out, NULL, NULL, GAZE_TAUGHT_ALL, NULL, NULL));
  gaze_record_turn *t = &out->turn[out->turns - 1];
  t->image = s->v, t->images = s->n;  // the turn owns its pictures now
  *s = (pending){0};
  int turn = -1, images = -1;
  bool trainable = false;
  while (gaze_span_next(&it, &key, &val))
    GAZE_TRY(chat_member(p, key, val, t, &turn, &images, &trainable));
  if (!trainable) t->taught = 0;
  if (turn != out->turns - 1) return wrong(p, "turn", "turns in order from 0");
  if (images != t->images) return wrong(p, "images", "as many as came before it");
  return check_tokens(p, t);
}

static gaze_err fixed_str(place *p, const char *field, gaze_span v, char *to, size_t cap) {
  char *s = NULL;
  GAZE_TRY(gaze_span_str(v, &s, at(p, field)));
  bool fits = strlen(s) < cap;
  if (fits) memcpy(to, s, strlen(s) + 1);
  free(s);
  return fits ? GAZE_OK : wrong(p, field, "a shorter text");
}

static gaze_err read_seed(place *p, gaze_span v, uint64_t *seed) {
  uint64_t x = 0;
  bool good = v.n > 2 && v.n <= 22 && v.s[0] == '"';
  for (size_t i = 1; good && i + 1 < v.n; i++) {
    unsigned d = (unsigned)(v.s[i] - '0');
    good = d <= 9 && x <= (UINT64_MAX - d) / 10;
    if (good) x = x * 10 + d;
  }
  *seed = x;
  return good ? GAZE_OK : wrong(p, "seed", "a decimal string below 2^64");
}

static gaze_err read_episode(place *p, const gaze_mcap_message_view *m, gaze_record *out) {
  gaze_span_iter it;
  gaze_span key, v;
  GAZE_TRY(open_object(p, m, &it));
  int64_t turns = -1;
  while (gaze_span_next(&it, &key, &v)) {
    if (gaze_span_is(key, "id")) GAZE_TRY(fixed_str(p, "id", v, out->id, sizeof out->id));
    if (gaze_span_is(key, "kind")) GAZE_TRY(fixed_str(p, "kind", v, out->kind, sizeof out->kind));
    if (gaze_span_is(key, "seed")) GAZE_TRY(read_seed(p, v, &out->seed));
    if (gaze_span_is(key, "turns"))
      GAZE_TRY(gaze_span_int(v, 0, GAZE_RECORD_TURNS_MAX, &turns, at(p, "turns")));
    if (gaze_span_is(key, "info")) GAZE_TRY(raw_object(p, "info", v, &out->info_json));
  }
  return turns == out->turns ? GAZE_OK : wrong(p, "turns", "as many as came before it");
}

// places the stream behind the record before `i`
static gaze_err go(gaze_record_reader *r, size_t i) {
  if (i == 0) return gaze_mcap_rewind(r->mcap), GAZE_OK;
  gaze_mcap_message_view m;
  GAZE_TRY(gaze_mcap_seek(r->mcap, r->end[i - 1]));
  return gaze_mcap_next(r->mcap, &m);
}

static gaze_err read_messages(gaze_record_reader *r, size_t i, gaze_record *out, pending *s) {
  place p = {.r = r, .record = i, .topic = "/episode"};
  for (;;) {
    gaze_mcap_message_view m;
    gaze_err e = gaze_mcap_next(r->mcap, &m);
    if (e == GAZE_ERR_END) return wrong(&p, "message", "an end of the record");
    if (e) return e;
    p.topic = m.topic;
    if (strcmp(m.topic, "/camera/image") == 0) {
      GAZE_TRY(read_image(&p, &m, s));
    } else if (strcmp(m.topic, "/chat") == 0) {
      GAZE_TRY(read_chat(&p, &m, out, s));
    } else if (strcmp(m.topic, "/episode") == 0) {
      if (s->n) return wrong(&p, "images", "a /chat message after them");
      return read_episode(&p, &m, out);
    }
  }
}

gaze_err gaze_record_read(gaze_record_reader *r, size_t i, gaze_record *out) {
  *out = (gaze_record){0};
  if (i >= r->records)
    return gaze_fail(GAZE_ERR_RANGE, "%s: record %zu: expected less than %zu", r->path, i,
                     r->records);
  GAZE_TRY(go(r, i));
  pending s = {0};
  gaze_err e = read_messages(r, i, out, &s);
  drop(&s);
  if (e) gaze_record_free(out);
  return e;
}
