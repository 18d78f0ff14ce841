// data/episode_write.c - records to MCAP messages; see episode.h.
#include <stdlib.h>
#include <string.h>
#include "core/buf.h"
#include "core/json.h"
#include "core/utf8.h"
#include "data/episode.h"
#include "data/jsonspan.h"
#include "data/mcap.h"

// chunks end with a record: a random read then unpacks little more than it needs
enum { CHUNK_WANT = 128 << 10 };

struct gaze_record_writer {
  gaze_mcap_writer *mcap;
  uint16_t image, chat, episode;
  uint64_t step;  // turns written so far
  gaze_buf b;
};

// a serialized FileDescriptorSet: google/protobuf/timestamp.proto and foxglove.CompressedImage with
// timestamp = 1, data = 2, format = 3, frame_id = 4
static const char image_schema[] =
    "\012w\012\037google/protobuf/timestamp.proto\022\017google.protobuf\042"
    ";\012\011Timestamp\022\030\012\007seconds\030\001 \001(\003R\007seconds"
    "\022\024\012\005nanos\030\002 \001(\005R\005nanosb\006proto3\012\305\001"
    "\012\036foxglove/CompressedImage.proto\022\010foxglove\032\037google/pr"
    "otobuf/timestamp.proto\042p\012\017CompressedImage\022-\012\011timestam"
    "p\030\001 \001(\0132\032.google.protobuf.Timestamp\022\020\012\010frame"
    "_id\030\004 \001(\011\022\014\012\004data\030\002 \001(\014\022\016\012"
    "\006format\030\003 \001(\011b\006proto3";

static const char chat_schema[] =
    "{\"type\":\"object\",\"title\":\"gaze.Chat\",\"properties\":{"
    "\"turn\":{\"type\":\"integer\"},\"user\":{\"type\":\"string\"},"
    "\"reply\":{\"type\":\"string\"},\"trainable\":{\"type\":\"boolean\"},"
    "\"taught\":{\"type\":\"integer\"},\"images\":{\"type\":\"integer\"},\"outcome\":{\"type\":"
    "\"object\"},"
    "\"truth\":{\"type\":\"object\"},"
    "\"tokens\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},"
    "\"token_trainable\":{\"type\":\"string\"}}}";

static const char episode_schema[] =
    "{\"type\":\"object\",\"title\":\"gaze.Episode\",\"properties\":{"
    "\"id\":{\"type\":\"string\"},\"kind\":{\"type\":\"string\"},\"seed\":{\"type\":\"string\"},"
    "\"turns\":{\"type\":\"integer\"},\"info\":{\"type\":\"object\"}}}";

static gaze_err add_topic(gaze_mcap_writer *m, const char *topic, const char *schema,
                          const char *text, uint16_t *id) {
  uint16_t s = 0;
  GAZE_TRY(gaze_mcap_schema(m, schema, "jsonschema", text, strlen(text), &s));
  return gaze_mcap_channel(m, s, topic, "json", id);
}

// pictures are protobuf: base64 in JSON costs a third more space and most of the reading time
static gaze_err add_image_topic(gaze_mcap_writer *m, uint16_t *id) {
  uint16_t s = 0;
  GAZE_TRY(gaze_mcap_schema(m, "foxglove.CompressedImage", "protobuf", image_schema,
                            sizeof image_schema - 1, &s));
  return gaze_mcap_channel(m, s, "/camera/image", "protobuf", id);
}

gaze_err gaze_record_create(gaze_record_writer **pw, const char *path, const char *manifest_json) {
  *pw = NULL;
  gaze_record_writer *w = calloc(1, sizeof *w);
  if (!w) return GAZE_ERR_NOMEM;
  gaze_err e = gaze_mcap_create(&w->mcap, path, NULL);
  if (!e && manifest_json) e = gaze_mcap_metadata(w->mcap, "run_manifest", "json", manifest_json);
  if (!e) e = add_image_topic(w->mcap, &w->image);
  if (!e) e = add_topic(w->mcap, "/chat", "gaze.Chat", chat_schema, &w->chat);
  if (!e) e = add_topic(w->mcap, "/episode", "gaze.Episode", episode_schema, &w->episode);
  if (e) {
    gaze_mcap_finish(&w->mcap);
    free(w);
    return e;
  }
  *pw = w;
  return GAZE_OK;
}

static gaze_err check_text(const gaze_record *r, const char *field, const char *s, int turn) {
  if (!s || gaze_utf8_valid(s, strlen(s))) return GAZE_OK;
  return gaze_fail(GAZE_ERR_ARG, "record %s: turn %d: %s: expected UTF-8", r->id, turn, field);
}

static gaze_err check_object(const gaze_record *r, const char *field, const char *s, int turn) {
  if (!s) return GAZE_OK;
  gaze_span v = {s, strlen(s)};
  gaze_span_iter it;
  if (gaze_span_valid(v) && gaze_span_open(v, &it) && it.first) return GAZE_OK;
  return gaze_fail(GAZE_ERR_ARG, "record %s: turn %d: %s: expected a JSON object", r->id, turn,
                   field);
}

static gaze_err check(const gaze_record *r) {
  if (r->turns < 0 || r->turns > GAZE_RECORD_TURNS_MAX)
    return gaze_fail(GAZE_ERR_ARG, "record %s: %d turns: expected 0..%d", r->id, r->turns,
                     GAZE_RECORD_TURNS_MAX);
  GAZE_TRY(check_text(r, "id", r->id, 0));
  GAZE_TRY(check_text(r, "kind", r->kind, 0));
  GAZE_TRY(check_object(r, "info", r->info_json, 0));
  for (int i = 0; i < r->turns; i++) {
    const gaze_record_turn *t = &r->turn[i];
    GAZE_TRY(check_text(r, "user", t->user, i));
    GAZE_TRY(check_text(r, "reply", t->reply, i));
    GAZE_TRY(check_object(r, "outcome", t->outcome_json, i));
    GAZE_TRY(check_object(r, "truth", t->truth_json, i));
    for (int k = 0; k < t->tokens; k++)
      if (t->token[k] < 0)
        return gaze_fail(GAZE_ERR_ARG, "record %s: turn %d: token %d: expected an id >= 0", r->id,
                         i, k);
  }
  return GAZE_OK;
}

static void add_text(gaze_buf *b, const char *s) {
  gaze_json_add_str(b, s ? s : "", s ? strlen(s) : 0);
}

static void varint(gaze_buf *b, uint64_t v) {
  for (; v > 127; v >>= 7) gaze_buf_add(b, &(uint8_t){(uint8_t)(v | 128)}, 1);
  gaze_buf_add(b, &(uint8_t){(uint8_t)v}, 1);
}

// a length-delimited protobuf field
static void field(gaze_buf *b, unsigned number, const void *bytes, size_t n) {
  varint(b, number << 3 | 2);
  varint(b, n);
  gaze_buf_add(b, bytes, n);
}

static void image_message(gaze_buf *b, const gaze_record_image *im, uint64_t step) {
  const char *camera = im->camera[0] ? im->camera : "camera";
  gaze_buf_clear(b);
  if (step) {  // Timestamp {seconds = 1}; a zero is left out
    gaze_buf time = GAZE_BUF_INIT;
    varint(&time, 1 << 3);
    varint(&time, step);
    field(b, 1, gaze_buf_text(&time), time.len);
    gaze_buf_fini(&time);
  }
  field(b, 2, im->png, im->bytes);
  field(b, 3, "png", 3);
  field(b, 4, camera, strlen(camera));
}

// decimal digits by hand: token lists are most of a record
static void add_int(gaze_buf *b, int32_t v) {
  char s[12];
  size_t k = sizeof s;
  uint32_t x = (uint32_t)v;
  do s[--k] = (char)('0' + x % 10), x /= 10;
  while (x);
  gaze_buf_add(b, s + k, sizeof s - k);
}

static void tokens_json(gaze_buf *b, const gaze_record_turn *t) {
  gaze_buf_str(b, ",\"tokens\":[");
  for (int i = 0; i < t->tokens; i++) {
    if (i) gaze_buf_add(b, ",", 1);
    add_int(b, t->token[i]);
  }
  gaze_buf_str(b, "],\"token_trainable\":\"");
  for (int i = 0; i < t->tokens; i++) gaze_buf_add(b, t->token_trainable[i] ? "1" : "0", 1);
  gaze_buf_str(b, "\"");
}

static void chat_json(gaze_buf *b, const gaze_record_turn *t, int turn) {
  gaze_buf_clear(b);
  gaze_buf_printf(b, "{\"turn\":%d,\"user\":", turn);
  add_text(b, t->user);
  gaze_buf_str(b, ",\"reply\":");
  add_text(b, t->reply);
  gaze_buf_printf(b, ",\"trainable\":%s,\"images\":%d", t->taught > 0 ? "true" : "false",
                  t->images);
  if (t->taught > 0 && t->taught != GAZE_TAUGHT_ALL)
    gaze_buf_printf(b, ",\"taught\":%d", t->taught);
  if (t->outcome_json) gaze_buf_printf(b, ",\"outcome\":%s", t->outcome_json);
  if (t->truth_json) gaze_buf_printf(b, ",\"truth\":%s", t->truth_json);
  if (t->token) tokens_json(b, t);
  gaze_buf_str(b, "}");
}

static gaze_err send(gaze_record_writer *w, uint16_t channel, uint64_t step) {
  if (w->b.failed) return GAZE_ERR_NOMEM;
  return gaze_mcap_message(w->mcap, channel, step * 1000000000u, w->b.data, w->b.len);
}

gaze_err gaze_record_write(gaze_record_writer *w, const gaze_record *r) {
  GAZE_TRY(check(r));
  for (int i = 0; i < r->turns; i++, w->step++) {
    const gaze_record_turn *t = &r->turn[i];
    for (int k = 0; k < t->images; k++) {
      image_message(&w->b, &t->image[k], w->step);
      GAZE_TRY(send(w, w->image, w->step));
    }
    chat_json(&w->b, t, i);
    GAZE_TRY(send(w, w->chat, w->step));
  }
  if (!r->turns) w->step++;
  gaze_buf *b = &w->b;
  gaze_buf_clear(b);
  gaze_buf_str(b, "{\"id\":");
  add_text(b, r->id);
  gaze_buf_str(b, ",\"kind\":");
  add_text(b, r->kind);
  // a string: JSON readers keep only 53 bits of a number
  gaze_buf_printf(b, ",\"seed\":\"%llu\",\"turns\":%d", (unsigned long long)r->seed, r->turns);
  if (r->info_json) gaze_buf_printf(b, ",\"info\":%s", r->info_json);
  gaze_buf_str(b, "}");
  GAZE_TRY(send(w, w->episode, w->step - 1));
  return gaze_mcap_pending(w->mcap) >= CHUNK_WANT ? gaze_mcap_flush(w->mcap) : GAZE_OK;
}

gaze_err gaze_record_finish(gaze_record_writer **pw) {
  gaze_record_writer *w = *pw;
  if (!w) return GAZE_OK;
  *pw = NULL;
  gaze_err e = gaze_mcap_finish(&w->mcap);
  gaze_buf_fini(&w->b);
  free(w);
  return e;
}
