// data/mcap_read.c - the reader half of mcap.h: bounded views of the file, one chunk in memory.
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include "core/buf.h"
#include "data/crc32.h"
#include "data/mcap.h"
#include "data/mcap_internal.h"

enum { WINDOW = 16 << 10, CHUNK_FIELDS = 64, RECORD_MAX = GAZE_MCAP_CHUNK_MAX + CHUNK_FIELDS };

typedef struct chunk {
  uint64_t at;        // of the chunk record
  uint64_t index_at;  // of its message indexes; 0 if unknown
  uint32_t index_len;
} chunk;

typedef struct named {  // a schema or channel
  uint16_t id, schema;
  char *name, *encoding;
} named;

typedef struct names {
  named *v;
  size_t n, cap;
} names;

struct gaze_mcap_reader {
  int fd;
  char *path;
  uint64_t size;
  bool footer, summary, cut;  // ends in footer and magic; summary usable; cut by a crash
  uint8_t *win;               // bytes [win_at, win_at + win_n) of the file
  uint64_t win_at;
  size_t win_n, win_cap;
  chunk *chunk;
  size_t chunks, chunk_cap;
  uint64_t *meta;  // places of metadata records
  size_t metas, meta_cap;
  names schema, channel;
  // the stream: a top-level position, and a position in the current chunk
  uint64_t pos;
  uint64_t loaded;  // file position of the chunk in raw; 0 = none
  uint32_t loaded_no;
  uint32_t next_no;  // number of the chunk the stream meets next
  bool inside;
  size_t off;  // next record in raw
  uint8_t *raw;
  size_t raw_n, raw_cap;
  ZSTD_DCtx *zstd;
  gaze_crc32_table table;
};

// a bounded cursor: reading past the end sets bad and yields zeros
typedef struct cursor {
  const uint8_t *p;
  size_t n;
  bool bad;
} cursor;

static const uint8_t *take(cursor *c, size_t n) {
  if (c->bad || n > c->n) return c->bad = true, NULL;
  const uint8_t *p = c->p;
  c->p += n, c->n -= n;
  return p;
}

static uint16_t take16(cursor *c) {
  const uint8_t *p = take(c, 2);
  return p ? mcap_u16(p) : 0;
}

static uint32_t take32(cursor *c) {
  const uint8_t *p = take(c, 4);
  return p ? mcap_u32(p) : 0;
}

static uint64_t take64(cursor *c) {
  const uint8_t *p = take(c, 8);
  return p ? mcap_u64(p) : 0;
}

static cursor take_block(cursor *c) {
  uint32_t n = take32(c);
  const uint8_t *p = take(c, n);
  return (cursor){.p = p, .n = p ? n : 0, .bad = c->bad};
}

static char *copy_str(cursor s) {
  char *t = s.bad ? NULL : malloc(s.n + 1);
  if (!t) return NULL;
  if (s.n) memcpy(t, s.p, s.n);
  t[s.n] = 0;
  return t;
}

static gaze_err bad(const gaze_mcap_reader *r, uint64_t at, const char *why) {
  return gaze_fail(GAZE_ERR_FORMAT, "%s: byte %llu: %s", r->path, (unsigned long long)at, why);
}

// room for n bytes in a block that only ever grows
static gaze_err room(uint8_t **p, size_t *cap, size_t n) {
  if (n <= *cap) return GAZE_OK;
  uint8_t *q = realloc(*p, n);
  if (!q) return GAZE_ERR_NOMEM;
  *p = q, *cap = n;
  return GAZE_OK;
}

// room for one more item in a list
static gaze_err more(void **v, size_t *cap, size_t n, size_t size) {
  if (n < *cap) return GAZE_OK;
  size_t want = *cap ? *cap * 2 : 16;
  void *p = realloc(*v, want * size);
  if (!p) return GAZE_ERR_NOMEM;
  *v = p, *cap = want;
  return GAZE_OK;
}

// borrows n bytes of the file at `at`, which the caller has checked against the size
static gaze_err view(gaze_mcap_reader *r, uint64_t at, size_t n, const uint8_t **p) {
  if (at > r->size || n > r->size - at) return bad(r, at, "record runs past the end of the file");
  if (at < r->win_at || at + n > r->win_at + r->win_n) {
    // small reads come in rows (headers, indexes), large ones alone
    size_t want = n < WINDOW ? WINDOW : n;
    if (want > r->size - at) want = (size_t)(r->size - at);
    r->win_n = 0;
    GAZE_TRY(room(&r->win, &r->win_cap, want));
    for (size_t done = 0; done < want;) {
      ssize_t k = pread(r->fd, r->win + done, want - done, (off_t)(at + done));
      if (k < 0 && errno == EINTR) continue;
      if (k <= 0)
        return gaze_fail(GAZE_ERR_IO, "%s: cannot read: %s", r->path,
                         k < 0 ? strerror(errno) : "the file became shorter");
      done += (size_t)k;
    }
    r->win_at = at, r->win_n = want;
  }
  *p = r->win + (at - r->win_at);
  return GAZE_OK;
}

static const named *find(const names *s, uint16_t id) {
  for (size_t i = 0; i < s->n; i++)
    if (s->v[i].id == id) return &s->v[i];
  return NULL;
}

// stores a schema or channel; a repeated id keeps its first meaning
static gaze_err define(gaze_mcap_reader *r, int opcode, cursor c, uint64_t at) {
  names *s = opcode == MCAP_SCHEMA ? &r->schema : &r->channel;
  named x = {.id = take16(&c)};
  if (opcode == MCAP_CHANNEL) x.schema = take16(&c);
  cursor name = take_block(&c), encoding = take_block(&c);
  take_block(&c);  // schema text or channel metadata
  if (c.bad) return bad(r, at, opcode == MCAP_SCHEMA ? "damaged schema" : "damaged channel");
  if (find(s, x.id)) return GAZE_OK;
  if (s->n >= GAZE_MCAP_CHANNELS_MAX) return bad(r, at, "more than 4096 schemas or channels");
  void *v = s->v;
  GAZE_TRY(more(&v, &s->cap, s->n, sizeof *s->v));
  s->v = v;
  x.name = copy_str(name), x.encoding = copy_str(encoding);
  if (!x.name || !x.encoding) return free(x.name), free(x.encoding), GAZE_ERR_NOMEM;
  s->v[s->n++] = x;
  return GAZE_OK;
}

static gaze_err add_chunk(gaze_mcap_reader *r, chunk c) {
  void *v = r->chunk;
  GAZE_TRY(more(&v, &r->chunk_cap, r->chunks, sizeof *r->chunk));
  r->chunk = v;
  r->chunk[r->chunks++] = c;
  return GAZE_OK;
}

static gaze_err add_meta(gaze_mcap_reader *r, uint64_t at) {
  void *v = r->meta;
  GAZE_TRY(more(&v, &r->meta_cap, r->metas, sizeof *r->meta));
  r->meta = v;
  r->meta[r->metas++] = at;
  return GAZE_OK;
}

static gaze_err summary_record(gaze_mcap_reader *r, int opcode, cursor c, uint64_t at) {
  if (opcode == MCAP_SCHEMA || opcode == MCAP_CHANNEL) return define(r, opcode, c, at);
  if (opcode == MCAP_METADATA_INDEX) {
    uint64_t place = take64(&c);
    return c.bad ? bad(r, at, "damaged metadata index") : add_meta(r, place);
  }
  if (opcode != MCAP_CHUNK_INDEX) return GAZE_OK;
  take(&c, 16);  // times
  chunk k = {.at = take64(&c)};
  uint64_t length = take64(&c);
  take_block(&c);  // where each channel's index stands; they lie in a row behind the chunk
  uint64_t index_len = take64(&c);
  if (c.bad || k.at > r->size || length > r->size - k.at || index_len > r->size - k.at - length ||
      index_len > RECORD_MAX)
    return bad(r, at, "damaged chunk index");
  k.index_at = k.at + length, k.index_len = (uint32_t)index_len;
  return add_chunk(r, k);
}

static gaze_err check_summary_crc(gaze_mcap_reader *r, uint64_t start, uint32_t want) {
  uint32_t crc = 0;
  for (uint64_t at = start, stop = r->size - 12; at < stop;) {
    size_t n = stop - at < WINDOW ? (size_t)(stop - at) : WINDOW;
    const uint8_t *p;
    GAZE_TRY(view(r, at, n, &p));
    crc = gaze_crc32(&r->table, crc, p, n);
    at += n;
  }
  return crc == want ? GAZE_OK : bad(r, start, "summary checksum does not match");
}

// FORMAT here only means that the file has to be walked
static gaze_err read_summary(gaze_mcap_reader *r) {
  uint64_t foot = r->size - 8 - MCAP_HEAD - MCAP_FOOTER_BODY;
  const uint8_t *p;
  GAZE_TRY(view(r, foot, MCAP_HEAD + MCAP_FOOTER_BODY, &p));
  uint64_t start = mcap_u64(p + MCAP_HEAD);
  uint32_t crc = mcap_u32(p + MCAP_HEAD + 16);
  if (start < 8 || start > foot) return bad(r, foot, "no summary");
  if (crc) GAZE_TRY(check_summary_crc(r, start, crc));
  for (uint64_t at = start; at < foot;) {
    if (foot - at < MCAP_HEAD) return bad(r, at, "damaged summary");
    GAZE_TRY(view(r, at, MCAP_HEAD, &p));
    int opcode = p[0];
    uint64_t n = mcap_u64(p + 1);
    at += MCAP_HEAD;
    if (n > foot - at || n > RECORD_MAX) return bad(r, at, "damaged summary");
    GAZE_TRY(view(r, at, (size_t)n, &p));
    GAZE_TRY(summary_record(r, opcode, (cursor){.p = p, .n = (size_t)n}, at));
    at += n;
  }
  // without channels a jump into the file would meet unknown ids
  if (r->chunks && !r->channel.n) return bad(r, start, "summary without channels");
  return GAZE_OK;
}

static void forget(gaze_mcap_reader *r) {
  names *s[] = {&r->schema, &r->channel};
  for (int k = 0; k < 2; k++) {
    for (size_t i = 0; i < s[k]->n; i++) free(s[k]->v[i].name), free(s[k]->v[i].encoding);
    s[k]->n = 0;
  }
  r->chunks = r->metas = 0;
}

// lists chunks by their headers; stops at the first record that is not whole
static gaze_err walk(gaze_mcap_reader *r) {
  for (uint64_t at = 8; r->size - at >= MCAP_HEAD;) {
    const uint8_t *p;
    GAZE_TRY(view(r, at, MCAP_HEAD, &p));
    uint64_t n = mcap_u64(p + 1);
    int opcode = p[0];
    if (opcode == MCAP_DATA_END || opcode == MCAP_FOOTER) break;
    if (n > r->size - at - MCAP_HEAD) break;
    if (opcode == MCAP_CHUNK) GAZE_TRY(add_chunk(r, (chunk){.at = at}));
    if (opcode == MCAP_METADATA) GAZE_TRY(add_meta(r, at));
    at += MCAP_HEAD + n;
  }
  return GAZE_OK;
}

static gaze_err read_ends(gaze_mcap_reader *r) {
  const uint8_t *p;
  if (r->size < 8) return gaze_fail(GAZE_ERR_FORMAT, "%s: expected an MCAP file", r->path);
  GAZE_TRY(view(r, 0, 8, &p));
  if (memcmp(p, mcap_magic, 8) != 0)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected an MCAP file", r->path);
  const uint64_t tail = MCAP_HEAD + MCAP_FOOTER_BODY + 8;
  if (r->size >= 8 + tail) {
    GAZE_TRY(view(r, r->size - tail, (size_t)tail, &p));
    r->footer = p[0] == MCAP_FOOTER && mcap_u64(p + 1) == MCAP_FOOTER_BODY &&
                memcmp(p + tail - 8, mcap_magic, 8) == 0;
  }
  r->cut = !r->footer;
  gaze_err e = r->footer ? read_summary(r) : GAZE_ERR_FORMAT;
  r->summary = !e;
  if (e == GAZE_ERR_FORMAT) {
    forget(r);
    e = walk(r);
  }
  return e;
}

gaze_err gaze_mcap_open(gaze_mcap_reader **pr, const char *path) {
  *pr = NULL;
  gaze_mcap_reader *r = calloc(1, sizeof *r);
  if (!r) return GAZE_ERR_NOMEM;
  gaze_crc32_init(&r->table);
  r->pos = 8;
  size_t n = strlen(path) + 1;
  r->path = malloc(n);
  r->zstd = ZSTD_createDCtx();
  if (r->path) memcpy(r->path, path, n);
  r->fd = open(path, O_RDONLY | O_CLOEXEC);
  gaze_err e = r->path && r->zstd ? GAZE_OK : GAZE_ERR_NOMEM;
  struct stat st;
  if (!e && (r->fd < 0 || fstat(r->fd, &st) != 0))
    e = gaze_fail(errno == ENOENT ? GAZE_ERR_NOTFOUND : GAZE_ERR_IO, "%s: cannot open: %s", path,
                  strerror(errno));
  if (!e && !S_ISREG(st.st_mode)) e = gaze_fail(GAZE_ERR_IO, "%s: expected a regular file", path);
  if (!e) {
    r->size = (uint64_t)st.st_size;
    e = read_ends(r);
  }
  if (e) return gaze_mcap_close(&r), e;
  *pr = r;
  return GAZE_OK;
}

void gaze_mcap_close(gaze_mcap_reader **pr) {
  gaze_mcap_reader *r = *pr;
  if (!r) return;
  forget(r);
  if (r->fd >= 0) close(r->fd);
  ZSTD_freeDCtx(r->zstd);
  free(r->schema.v);
  free(r->channel.v);
  free(r->chunk);
  free(r->meta);
  free(r->win);
  free(r->raw);
  free(r->path);
  free(r);
  *pr = NULL;
}

bool gaze_mcap_truncated(const gaze_mcap_reader *r) {
  return r->cut;
}

size_t gaze_mcap_chunks(const gaze_mcap_reader *r) {
  return r->chunks;
}

void gaze_mcap_rewind(gaze_mcap_reader *r) {
  r->pos = 8, r->inside = false, r->next_no = 0;
}

// fills r->raw from the records of a chunk
static gaze_err unpack(gaze_mcap_reader *r, cursor method, cursor packed, uint64_t raw_n,
                       uint64_t at) {
  if (method.n == 0) {
    if (raw_n != packed.n) return bad(r, at, "chunk: size differs from its records");
    GAZE_TRY(room(&r->raw, &r->raw_cap, packed.n + 1));
    if (packed.n) memcpy(r->raw, packed.p, packed.n);
    return GAZE_OK;
  }
  if (method.n != 4 || memcmp(method.p, "zstd", 4) != 0)
    return gaze_fail(GAZE_ERR_UNSUPPORTED, "%s: chunk compression %.*s: expected zstd or none",
                     r->path, method.n > 16 ? 16 : (int)method.n, (const char *)method.p);
  // a zstd block of 3 bytes makes at most 128 KiB, so few bytes never justify a large chunk
  if (raw_n > ((uint64_t)packed.n / 3 + 1) << 17)
    return bad(r, at, "chunk: uncompressed size is not possible");
  if (ZSTD_getFrameContentSize(packed.p, packed.n) != raw_n)
    return bad(r, at, "chunk: zstd frame size differs from the chunk's");
  GAZE_TRY(room(&r->raw, &r->raw_cap, (size_t)raw_n + 1));
  size_t n = ZSTD_decompressDCtx(r->zstd, r->raw, (size_t)raw_n, packed.p, packed.n);
  if (ZSTD_isError(n) || n != raw_n) return bad(r, at, "chunk: damaged zstd data");
  return GAZE_OK;
}

// loads the chunk record at `at` and places the stream at its first record
static gaze_err load(gaze_mcap_reader *r, uint64_t at, uint32_t no) {
  const uint8_t *p;
  GAZE_TRY(view(r, at, MCAP_HEAD, &p));
  uint64_t n = mcap_u64(p + 1);
  if (p[0] != MCAP_CHUNK) return bad(r, at, "expected a chunk");
  if (n > r->size - at - MCAP_HEAD || n > RECORD_MAX)
    return bad(r, at, "chunk: longer than the file or 64 MiB");
  if (r->loaded != at) {
    r->loaded = 0;
    GAZE_TRY(view(r, at, MCAP_HEAD + (size_t)n, &p));
    cursor c = {.p = p + MCAP_HEAD, .n = (size_t)n};
    take(&c, 16);  // times
    uint64_t raw_n = take64(&c);
    uint32_t crc = take32(&c);
    cursor method = take_block(&c);
    uint64_t packed_n = take64(&c);
    if (c.bad || packed_n > c.n || raw_n > GAZE_MCAP_CHUNK_MAX)
      return bad(r, at, "chunk: damaged header or more than 64 MiB");
    GAZE_TRY(unpack(r, method, (cursor){.p = c.p, .n = (size_t)packed_n}, raw_n, at));
    if (crc && gaze_crc32(&r->table, 0, r->raw, (size_t)raw_n) != crc)
      return bad(r, at, "chunk: checksum does not match");
    r->raw_n = (size_t)raw_n;
    r->loaded = at;
  }
  r->loaded_no = no, r->next_no = no + 1;
  r->pos = at + MCAP_HEAD + n;
  r->inside = true, r->off = 0;
  return GAZE_OK;
}

static gaze_err message(gaze_mcap_reader *r, cursor c, uint64_t at, gaze_mcap_message_view *m) {
  uint16_t id = take16(&c);
  *m = (gaze_mcap_message_view){.sequence = take32(&c)};
  m->log_time = take64(&c);
  m->publish_time = take64(&c);
  if (c.bad) return bad(r, at, "message: shorter than its header");
  const named *ch = find(&r->channel, id);
  if (!ch) return bad(r, at, "message: its channel was never defined");
  const named *schema = ch->schema ? find(&r->schema, ch->schema) : NULL;
  m->topic = ch->name, m->encoding = ch->encoding, m->schema = schema ? schema->name : "";
  m->data = c.p, m->n = c.n;
  return GAZE_OK;
}

// END when the chunk is used up
static gaze_err next_inside(gaze_mcap_reader *r, gaze_mcap_message_view *m) {
  while (r->off < r->raw_n) {
    if (r->raw_n - r->off < MCAP_HEAD) return bad(r, r->loaded, "chunk: damaged record");
    const uint8_t *p = r->raw + r->off;
    uint64_t n = mcap_u64(p + 1);
    if (n > r->raw_n - r->off - MCAP_HEAD)
      return bad(r, r->loaded, "chunk: a record runs past its end");
    r->off += MCAP_HEAD + (size_t)n;
    cursor c = {.p = p + MCAP_HEAD, .n = (size_t)n};
    if (p[0] == MCAP_MESSAGE) return message(r, c, r->loaded, m);
    if (p[0] == MCAP_SCHEMA || p[0] == MCAP_CHANNEL) GAZE_TRY(define(r, p[0], c, r->loaded));
  }
  r->inside = false;
  return GAZE_ERR_END;
}

gaze_err gaze_mcap_next(gaze_mcap_reader *r, gaze_mcap_message_view *m) {
  for (;;) {
    if (r->inside) {
      gaze_err e = next_inside(r, m);
      if (e != GAZE_ERR_END) return e;
    }
    if (r->size - r->pos < MCAP_HEAD) return GAZE_ERR_END;
    const uint8_t *p;
    uint64_t at = r->pos;
    GAZE_TRY(view(r, at, MCAP_HEAD, &p));
    int opcode = p[0];
    uint64_t n = mcap_u64(p + 1);
    if (opcode == MCAP_DATA_END || opcode == MCAP_FOOTER) return GAZE_ERR_END;
    if (n > r->size - at - MCAP_HEAD) {
      // with a footer in place nothing was cut: the length lies
      if (r->footer) return bad(r, at, "record runs past the end of the file");
      return GAZE_ERR_END;
    }
    if (opcode == MCAP_CHUNK) {
      GAZE_TRY(load(r, at, r->next_no));
      continue;
    }
    r->pos = at + MCAP_HEAD + n;
    if (opcode != MCAP_MESSAGE && opcode != MCAP_SCHEMA && opcode != MCAP_CHANNEL) continue;
    if (n > RECORD_MAX) return bad(r, at, "record of more than 64 MiB");
    GAZE_TRY(view(r, at + MCAP_HEAD, (size_t)n, &p));
    cursor c = {.p = p, .n = (size_t)n};
    if (opcode == MCAP_MESSAGE) return message(r, c, at, m);
    GAZE_TRY(define(r, opcode, c, at));
  }
}

gaze_err gaze_mcap_seek(gaze_mcap_reader *r, gaze_mcap_place to) {
  if (to.chunk >= r->chunks)
    return gaze_fail(GAZE_ERR_RANGE, "%s: chunk %u: expected less than %zu", r->path, to.chunk,
                     r->chunks);
  GAZE_TRY(load(r, r->chunk[to.chunk].at, to.chunk));
  if (to.offset >= r->raw_n || r->raw[to.offset] != MCAP_MESSAGE)
    return gaze_fail(GAZE_ERR_RANGE, "%s: chunk %u has no message at byte %u", r->path, to.chunk,
                     to.offset);
  r->off = to.offset;
  return GAZE_OK;
}

typedef struct places {
  gaze_mcap_place *v;
  size_t n, cap;
} places;

static gaze_err add_place(places *s, size_t at_chunk, uint64_t offset) {
  void *v = s->v;
  GAZE_TRY(more(&v, &s->cap, s->n, sizeof *s->v));
  s->v = v;
  s->v[s->n++] = (gaze_mcap_place){.chunk = (uint32_t)at_chunk, .offset = (uint32_t)offset};
  return GAZE_OK;
}

static int by_offset(const void *a, const void *b) {
  const gaze_mcap_place *x = a, *y = b;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

// reads the message indexes behind one chunk
static gaze_err index_chunk(gaze_mcap_reader *r, size_t no, const char *topic, places *s) {
  const chunk *k = &r->chunk[no];
  const uint8_t *p;
  GAZE_TRY(view(r, k->index_at, k->index_len, &p));
  cursor c = {.p = p, .n = k->index_len};
  size_t from = s->n;
  while (c.n) {
    const uint8_t *head = take(&c, MCAP_HEAD);
    if (!head || mcap_u64(head + 1) > c.n) return bad(r, k->index_at, "damaged message index");
    size_t n = (size_t)mcap_u64(head + 1);
    cursor body = {.p = take(&c, n), .n = n};
    if (head[0] != MCAP_MESSAGE_INDEX) continue;
    const named *ch = find(&r->channel, take16(&body));
    cursor pairs = take_block(&body);
    if (body.bad || pairs.n % 16) return bad(r, k->index_at, "damaged message index");
    if (!ch || strcmp(ch->name, topic) != 0) continue;
    for (; pairs.n; take(&pairs, 16)) {
      uint64_t offset = mcap_u64(pairs.p + 8);
      if (offset > GAZE_MCAP_CHUNK_MAX) return bad(r, k->index_at, "damaged message index");
      GAZE_TRY(add_place(s, no, offset));
    }
  }
  // indexes are sorted by time, the file by place
  if (s->n > from) qsort(s->v + from, s->n - from, sizeof *s->v, by_offset);
  return GAZE_OK;
}

static gaze_err index_by_reading(gaze_mcap_reader *r, const char *topic, places *s) {
  gaze_mcap_rewind(r);
  for (;;) {
    gaze_mcap_message_view m;
    gaze_err e = gaze_mcap_next(r, &m);
    if (e == GAZE_ERR_END) return GAZE_OK;
    if (e) return e;
    if (!r->inside || strcmp(m.topic, topic) != 0) continue;
    size_t offset = (size_t)(m.data - r->raw) - 22 - MCAP_HEAD;
    GAZE_TRY(add_place(s, r->loaded_no, offset));
  }
}

gaze_err gaze_mcap_index(gaze_mcap_reader *r, const char *topic, gaze_mcap_place **out, size_t *n) {
  places s = {0};
  bool indexed = r->summary;
  for (size_t i = 0; i < r->chunks; i++) indexed = indexed && r->chunk[i].index_len > 0;
  gaze_err e = GAZE_OK;
  for (size_t i = 0; indexed && !e && i < r->chunks; i++) e = index_chunk(r, i, topic, &s);
  if (!indexed) e = index_by_reading(r, topic, &s);
  gaze_mcap_rewind(r);
  if (!e && !s.n)
    e = gaze_fail(GAZE_ERR_NOTFOUND, "%s: topic %s: no message in any chunk", r->path, topic);
  if (e) free(s.v), s = (places){0};
  *out = s.v, *n = s.n;
  return e;
}

static gaze_err read_metadata(gaze_mcap_reader *r, uint64_t at, const char *name, const char *key,
                              char **value) {
  const uint8_t *p;
  GAZE_TRY(view(r, at, MCAP_HEAD, &p));
  uint64_t n = mcap_u64(p + 1);
  if (p[0] != MCAP_METADATA || n > r->size - at - MCAP_HEAD || n > RECORD_MAX)
    return bad(r, at, "damaged metadata");
  GAZE_TRY(view(r, at + MCAP_HEAD, (size_t)n, &p));
  cursor c = {.p = p, .n = (size_t)n}, got = take_block(&c), map = take_block(&c);
  if (c.bad) return bad(r, at, "damaged metadata");
  if (got.n != strlen(name) || memcmp(got.p, name, got.n) != 0) return GAZE_ERR_NOTFOUND;
  while (map.n) {
    cursor k = take_block(&map), v = take_block(&map);
    if (map.bad) return bad(r, at, "damaged metadata");
    if (k.n != strlen(key) || memcmp(k.p, key, k.n) != 0) continue;
    *value = copy_str(v);
    return *value ? GAZE_OK : GAZE_ERR_NOMEM;
  }
  return GAZE_ERR_NOTFOUND;
}

gaze_err gaze_mcap_find_metadata(gaze_mcap_reader *r, const char *name, const char *key,
                                 char **value) {
  *value = NULL;
  for (size_t i = 0; i < r->metas; i++) {
    gaze_err e = read_metadata(r, r->meta[i], name, key, value);
    if (e != GAZE_ERR_NOTFOUND) return e;
  }
  return gaze_fail(GAZE_ERR_NOTFOUND, "%s: metadata %s.%s: absent", r->path, name, key);
}
