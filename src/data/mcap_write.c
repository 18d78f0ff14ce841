// data/mcap_write.c - the writer half of mcap.h.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>
#include "core/buf.h"
#include "data/crc32.h"
#include "data/mcap.h"
#include "data/mcap_internal.h"

typedef struct channel {
  uint64_t messages;
  uint32_t sequence;
  gaze_buf index;  // (time, offset) pairs of the open chunk
} channel;

struct gaze_mcap_writer {
  FILE *f;
  char *path;
  gaze_err failed;  // first error: later calls return it
  uint64_t at;      // bytes written
  uint32_t crc;     // of them
  size_t chunk_bytes;
  ZSTD_CCtx *zstd;
  gaze_buf chunk, packed;  // records of the open chunk; its compressed form
  uint64_t chunk_start, chunk_end;
  uint64_t chunk_messages;
  gaze_buf defs;  // channel records, repeated in the summary
  gaze_buf schemas, chunk_index, metadata_index;
  channel *ch;  // [channels]
  uint32_t channels;
  uint16_t schema_count;
  uint32_t chunks, metadata;
  uint64_t messages, start, end;
  gaze_crc32_table table;
};

static void put(gaze_buf *b, uint64_t v, int bytes) {
  uint8_t p[8];
  mcap_put(p, v, bytes);
  gaze_buf_add(b, p, (size_t)bytes);
}

static void put_str(gaze_buf *b, const char *s) {
  size_t n = strlen(s);
  put(b, n, 4);
  gaze_buf_add(b, s, n);
}

// opens a record and returns where its length stands
static size_t begin(gaze_buf *b, int opcode) {
  put(b, (uint64_t)opcode, 1);
  put(b, 0, 8);
  return b->len;
}

static void end(gaze_buf *b, size_t from) {
  if (!b->failed) mcap_put((uint8_t *)b->data + from - 8, b->len - from, 8);
}

static gaze_err fail(gaze_mcap_writer *w, gaze_err e, const char *why) {
  if (!w->failed) w->failed = gaze_fail(e, "%s: %s", w->path, why);
  return w->failed;
}

static gaze_err out(gaze_mcap_writer *w, const void *bytes, size_t n) {
  if (w->failed) return w->failed;
  if (n && fwrite(bytes, 1, n, w->f) != n) return fail(w, GAZE_ERR_IO, strerror(errno));
  w->crc = gaze_crc32(&w->table, w->crc, bytes, n);
  w->at += n;
  return GAZE_OK;
}

static gaze_err out_buf(gaze_mcap_writer *w, const gaze_buf *b) {
  if (b->failed) return fail(w, GAZE_ERR_NOMEM, "out of memory");
  return out(w, b->data, b->len);
}

static void destroy(gaze_mcap_writer *w) {
  if (w->f) fclose(w->f);
  ZSTD_freeCCtx(w->zstd);
  for (uint32_t i = 0; i < w->channels; i++) gaze_buf_fini(&w->ch[i].index);
  gaze_buf *all[] = {&w->chunk,   &w->packed,      &w->defs,
                     &w->schemas, &w->chunk_index, &w->metadata_index};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) gaze_buf_fini(all[i]);
  free(w->ch);
  free(w->path);
  free(w);
}

gaze_err gaze_mcap_create(gaze_mcap_writer **pw, const char *path, const gaze_mcap_options *o) {
  *pw = NULL;
  gaze_mcap_writer *w = calloc(1, sizeof *w);
  if (!w) return GAZE_ERR_NOMEM;
  size_t n = strlen(path) + 1;
  w->path = malloc(n);
  w->zstd = ZSTD_createCCtx();
  w->ch = calloc(GAZE_MCAP_CHANNELS_MAX, sizeof *w->ch);
  if (!w->path || !w->zstd || !w->ch) return destroy(w), GAZE_ERR_NOMEM;
  memcpy(w->path, path, n);
  w->chunk_bytes = o && o->chunk_bytes ? o->chunk_bytes : (size_t)1 << 20;
  int level = o && o->zstd_level ? o->zstd_level : 1;
  ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, level);
  gaze_crc32_init(&w->table);
  w->f = fopen(path, "wb");
  if (!w->f) {
    gaze_err e = gaze_fail(GAZE_ERR_IO, "%s: cannot create: %s", path, strerror(errno));
    return destroy(w), e;
  }

  gaze_buf b = GAZE_BUF_INIT;
  gaze_buf_add(&b, mcap_magic, sizeof mcap_magic);
  size_t at = begin(&b, MCAP_HEADER);
  put_str(&b, "");
  put_str(&b, o && o->library ? o->library : "gaze");
  end(&b, at);
  gaze_err e = out_buf(w, &b);
  gaze_buf_fini(&b);
  if (e) return destroy(w), e;
  *pw = w;
  return GAZE_OK;
}

gaze_err gaze_mcap_schema(gaze_mcap_writer *w, const char *name, const char *encoding,
                          const void *text, size_t n, uint16_t *id) {
  if (w->failed) return w->failed;
  if (w->schema_count >= GAZE_MCAP_CHANNELS_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "%s: more than %d schemas", w->path, GAZE_MCAP_CHANNELS_MAX);
  if (n > GAZE_MCAP_CHUNK_MAX / 64)
    return gaze_fail(GAZE_ERR_RANGE, "%s: schema %s: longer than 1 MiB", w->path, name);
  *id = ++w->schema_count;
  size_t from = w->schemas.len, at = begin(&w->schemas, MCAP_SCHEMA);
  put(&w->schemas, *id, 2);
  put_str(&w->schemas, name);
  put_str(&w->schemas, encoding);
  put(&w->schemas, n, 4);
  gaze_buf_add(&w->schemas, text, n);
  end(&w->schemas, at);
  if (w->schemas.failed) return fail(w, GAZE_ERR_NOMEM, "out of memory");
  gaze_buf_add(&w->chunk, w->schemas.data + from, w->schemas.len - from);
  return GAZE_OK;
}

gaze_err gaze_mcap_channel(gaze_mcap_writer *w, uint16_t schema, const char *topic,
                           const char *encoding, uint16_t *id) {
  if (w->failed) return w->failed;
  if (w->channels >= GAZE_MCAP_CHANNELS_MAX || schema > w->schema_count)
    return gaze_fail(GAZE_ERR_RANGE,
                     "%s: channel %s: expected a known schema and at most %d channels", w->path,
                     topic, GAZE_MCAP_CHANNELS_MAX);
  *id = (uint16_t)w->channels++;
  size_t from = w->defs.len, at = begin(&w->defs, MCAP_CHANNEL);
  put(&w->defs, *id, 2);
  put(&w->defs, schema, 2);
  put_str(&w->defs, topic);
  put_str(&w->defs, encoding);
  put(&w->defs, 0, 4);  // no metadata
  end(&w->defs, at);
  if (w->defs.failed) return fail(w, GAZE_ERR_NOMEM, "out of memory");
  gaze_buf_add(&w->chunk, w->defs.data + from, w->defs.len - from);
  return GAZE_OK;
}

gaze_err gaze_mcap_message(gaze_mcap_writer *w, uint16_t id, uint64_t time, const void *bytes,
                           size_t n) {
  if (w->failed) return w->failed;
  if (id >= w->channels) return gaze_fail(GAZE_ERR_ARG, "%s: channel %d: unknown", w->path, id);
  if (n > GAZE_MCAP_CHUNK_MAX / 2)
    return gaze_fail(GAZE_ERR_RANGE, "%s: message of %zu bytes: expected at most %d", w->path, n,
                     GAZE_MCAP_CHUNK_MAX / 2);
  if (w->chunk.len && w->chunk.len + n > GAZE_MCAP_CHUNK_MAX / 2) GAZE_TRY(gaze_mcap_flush(w));
  channel *c = &w->ch[id];
  put(&c->index, time, 8);
  put(&c->index, w->chunk.len, 8);

  put(&w->chunk, MCAP_MESSAGE, 1);
  put(&w->chunk, 22 + n, 8);
  put(&w->chunk, id, 2);
  put(&w->chunk, c->sequence++, 4);
  put(&w->chunk, time, 8);
  put(&w->chunk, time, 8);
  gaze_buf_add(&w->chunk, bytes, n);
  if (w->chunk.failed || c->index.failed) return fail(w, GAZE_ERR_NOMEM, "out of memory");

  if (!w->chunk_messages || time < w->chunk_start) w->chunk_start = time;
  if (!w->chunk_messages || time > w->chunk_end) w->chunk_end = time;
  if (!w->messages || time < w->start) w->start = time;
  if (!w->messages || time > w->end) w->end = time;
  c->messages++, w->messages++, w->chunk_messages++;
  return w->chunk.len >= w->chunk_bytes ? gaze_mcap_flush(w) : GAZE_OK;
}

size_t gaze_mcap_pending(const gaze_mcap_writer *w) {
  return w->chunk.len;
}

// one index record per channel with messages; the chunk index points at each
static gaze_err write_message_indexes(gaze_mcap_writer *w, gaze_buf *offsets) {
  gaze_buf b = GAZE_BUF_INIT;
  for (uint32_t i = 0; i < w->channels && !w->failed; i++) {
    gaze_buf *index = &w->ch[i].index;
    if (!index->len) continue;
    put(offsets, i, 2);
    put(offsets, w->at, 8);
    gaze_buf_clear(&b);
    size_t at = begin(&b, MCAP_MESSAGE_INDEX);
    put(&b, i, 2);
    put(&b, index->len, 4);
    gaze_buf_add(&b, index->data, index->len);
    end(&b, at);
    out_buf(w, &b);
    gaze_buf_clear(index);
  }
  gaze_buf_fini(&b);
  return offsets->failed ? fail(w, GAZE_ERR_NOMEM, "out of memory") : w->failed;
}

// compresses the open chunk into w->packed, as a whole record
static gaze_err pack_chunk(gaze_mcap_writer *w) {
  size_t raw = w->chunk.len, bound = ZSTD_compressBound(raw);
  gaze_buf *b = &w->packed;
  gaze_buf_clear(b);
  size_t at = begin(b, MCAP_CHUNK);
  put(b, w->chunk_start, 8);
  put(b, w->chunk_end, 8);
  put(b, raw, 8);
  put(b, gaze_crc32(&w->table, 0, w->chunk.data, raw), 4);
  put_str(b, "zstd");
  put(b, 0, 8);
  size_t body = b->len;
  void *space = malloc(bound);
  if (!space || b->failed) return free(space), fail(w, GAZE_ERR_NOMEM, "out of memory");
  size_t n = ZSTD_compress2(w->zstd, space, bound, w->chunk.data, raw);
  if (!ZSTD_isError(n)) gaze_buf_add(b, space, n);
  free(space);
  if (ZSTD_isError(n)) return fail(w, GAZE_ERR_INTERNAL, ZSTD_getErrorName(n));
  if (b->failed) return fail(w, GAZE_ERR_NOMEM, "out of memory");
  mcap_put((uint8_t *)b->data + body - 8, n, 8);
  end(b, at);
  return GAZE_OK;
}

gaze_err gaze_mcap_flush(gaze_mcap_writer *w) {
  if (w->failed || !w->chunk.len) return w->failed;
  if (w->chunk.failed) return fail(w, GAZE_ERR_NOMEM, "out of memory");
  if (!w->chunk_messages) w->chunk_start = w->chunk_end = 0;
  GAZE_TRY(pack_chunk(w));
  uint64_t start = w->at, length = w->packed.len;
  GAZE_TRY(out_buf(w, &w->packed));
  gaze_buf offsets = GAZE_BUF_INIT;
  gaze_err e = write_message_indexes(w, &offsets);
  if (e) return gaze_buf_fini(&offsets), e;

  gaze_buf *b = &w->chunk_index;
  size_t at = begin(b, MCAP_CHUNK_INDEX);
  put(b, w->chunk_start, 8);
  put(b, w->chunk_end, 8);
  put(b, start, 8);
  put(b, length, 8);
  put(b, offsets.len, 4);
  gaze_buf_add(b, gaze_buf_text(&offsets), offsets.len);
  put(b, w->at - start - length, 8);
  put_str(b, "zstd");
  put(b, length - MCAP_HEAD - 44, 8);  // 44: chunk fields and the word zstd
  put(b, w->chunk.len, 8);
  end(b, at);
  gaze_buf_fini(&offsets);
  gaze_buf_clear(&w->chunk);
  w->chunks++, w->chunk_messages = 0;
  // a crash of the process must not take finished chunks with it
  if (fflush(w->f)) return fail(w, GAZE_ERR_IO, strerror(errno));
  return GAZE_OK;
}

gaze_err gaze_mcap_metadata(gaze_mcap_writer *w, const char *name, const char *key,
                            const char *value) {
  GAZE_TRY(gaze_mcap_flush(w));
  gaze_buf b = GAZE_BUF_INIT;
  size_t at = begin(&b, MCAP_METADATA);
  put_str(&b, name);
  put(&b, 8 + strlen(key) + strlen(value), 4);
  put_str(&b, key);
  put_str(&b, value);
  end(&b, at);
  uint64_t start = w->at, length = b.len;
  gaze_err e = length > GAZE_MCAP_CHUNK_MAX
                   ? gaze_fail(GAZE_ERR_RANGE, "%s: metadata %s is too long", w->path, name)
                   : out_buf(w, &b);
  gaze_buf_fini(&b);
  if (e) return e;
  at = begin(&w->metadata_index, MCAP_METADATA_INDEX);
  put(&w->metadata_index, start, 8);
  put(&w->metadata_index, length, 8);
  put_str(&w->metadata_index, name);
  end(&w->metadata_index, at);
  w->metadata++;
  return GAZE_OK;
}

static void statistics(const gaze_mcap_writer *w, gaze_buf *b) {
  size_t at = begin(b, MCAP_STATISTICS);
  put(b, w->messages, 8);
  put(b, w->schema_count, 2);
  put(b, w->channels, 4);
  put(b, 0, 4);  // attachments
  put(b, w->metadata, 4);
  put(b, w->chunks, 4);
  put(b, w->start, 8);
  put(b, w->end, 8);
  put(b, (uint64_t)w->channels * 10, 4);
  for (uint32_t i = 0; i < w->channels; i++) {
    put(b, i, 2);
    put(b, w->ch[i].messages, 8);
  }
  end(b, at);
}

// the summary: definitions, statistics, indexes, then where each group stands, then the footer
static gaze_err write_summary(gaze_mcap_writer *w) {
  gaze_buf b = GAZE_BUF_INIT, offsets = GAZE_BUF_INIT, stats = GAZE_BUF_INIT;
  size_t at = begin(&b, MCAP_DATA_END);
  put(&b, w->crc, 4);
  end(&b, at);
  gaze_err e = out_buf(w, &b);
  gaze_buf_clear(&b);
  statistics(w, &stats);

  uint64_t start = w->at;
  const gaze_buf *group[] = {&w->schemas, &w->defs, &stats, &w->chunk_index, &w->metadata_index};
  const int opcode[] = {MCAP_SCHEMA, MCAP_CHANNEL, MCAP_STATISTICS, MCAP_CHUNK_INDEX,
                        MCAP_METADATA_INDEX};
  for (int i = 0; i < 5; i++) {
    if (!group[i]->len) continue;
    at = begin(&offsets, MCAP_SUMMARY_OFFSET);
    put(&offsets, (uint64_t)opcode[i], 1);
    put(&offsets, start + b.len, 8);
    put(&offsets, group[i]->len, 8);
    end(&offsets, at);
    gaze_buf_add(&b, group[i]->data, group[i]->len);
    if (group[i]->failed) b.failed = true;
  }
  uint64_t offset_start = start + b.len;
  gaze_buf_add(&b, gaze_buf_text(&offsets), offsets.len);
  begin(&b, MCAP_FOOTER);
  if (!b.failed) mcap_put((uint8_t *)b.data + b.len - 8, MCAP_FOOTER_BODY, 8);
  put(&b, start, 8);
  put(&b, offset_start, 8);
  if (!b.failed) put(&b, gaze_crc32(&w->table, 0, b.data, b.len), 4);
  gaze_buf_add(&b, mcap_magic, sizeof mcap_magic);
  if (offsets.failed || stats.failed) b.failed = true;
  if (!e) e = out_buf(w, &b);
  gaze_buf_fini(&b);
  gaze_buf_fini(&offsets);
  gaze_buf_fini(&stats);
  return e;
}

gaze_err gaze_mcap_finish(gaze_mcap_writer **pw) {
  gaze_mcap_writer *w = *pw;
  if (!w) return GAZE_OK;
  *pw = NULL;
  if (!gaze_mcap_flush(w)) write_summary(w);
  FILE *f = w->f;
  w->f = NULL;
  if (fclose(f)) fail(w, GAZE_ERR_IO, strerror(errno));
  gaze_err e = w->failed;
  destroy(w);
  return e;
}
