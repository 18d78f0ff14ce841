// data/mcap.h - MCAP log files: a chunked writer, and a reader that trusts no length.
#ifndef GAZE_DATA_MCAP_H
#define GAZE_DATA_MCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"

enum {
  GAZE_MCAP_CHUNK_MAX = 64 << 20,  // bytes of one chunk, compressed and not; also of one record
  GAZE_MCAP_CHANNELS_MAX = 4096,   // per file
};

typedef struct gaze_mcap_writer gaze_mcap_writer;  // opaque
typedef struct gaze_mcap_reader gaze_mcap_reader;  // opaque; one thread each, any number per file

typedef struct gaze_mcap_options {
  const char *library;  // named in the header; NULL: "gaze"
  size_t chunk_bytes;   // a chunk is closed when it holds this much; 0: 1 MiB
  int zstd_level;       // 1..19; 0: level 1
} gaze_mcap_options;

// Creates a file (an existing one is emptied); `o` may be NULL. Writes go to disk chunk by chunk:
// after a crash everything up to the last whole chunk can be read.  [rt: init]
gaze_err gaze_mcap_create(gaze_mcap_writer **w, const char *path, const gaze_mcap_options *o);

// Adds a schema of `n` bytes and returns its id; `encoding` e.g. "jsonschema", "protobuf".
// [rt: never]
gaze_err gaze_mcap_schema(gaze_mcap_writer *w, const char *name, const char *encoding,
                          const void *text, size_t n, uint16_t *id);

// Adds a channel and returns its id; schema 0 = none, `encoding` e.g. "json".  [rt: never]
gaze_err gaze_mcap_channel(gaze_mcap_writer *w, uint16_t schema, const char *topic,
                           const char *encoding, uint16_t *id);

// Appends a message; publish time = log time, the sequence number counts per channel. RANGE if it
// is longer than a chunk may be.  [rt: never]
gaze_err gaze_mcap_message(gaze_mcap_writer *w, uint16_t channel, uint64_t log_time_ns,
                           const void *bytes, size_t n);

// Writes a metadata record of one key and value, outside the chunks (closes the open one).
// [rt: never]
gaze_err gaze_mcap_metadata(gaze_mcap_writer *w, const char *name, const char *key,
                            const char *value);

// Returns the bytes waiting in the open chunk.  [rt: safe]
size_t gaze_mcap_pending(const gaze_mcap_writer *w);

// Closes the open chunk and hands it to the system.  [rt: never]
gaze_err gaze_mcap_flush(gaze_mcap_writer *w);

// Writes the last chunk, summary and footer, frees and nulls. Returns the first error of the
// writer's life; the file is then cut, but readable up to its last whole chunk.  [rt: never]
gaze_err gaze_mcap_finish(gaze_mcap_writer **w);

typedef struct gaze_mcap_message_view {   // borrowed until the reader's next call
  const char *topic, *encoding, *schema;  // schema name, "" if none
  uint32_t sequence;
  uint64_t log_time, publish_time;  // ns
  const uint8_t *data;
  size_t n;
} gaze_mcap_message_view;

typedef struct gaze_mcap_place {  // where a message lies
  uint32_t chunk;                 // index of the chunk in the file
  uint32_t offset;                // of the message record in the uncompressed chunk
} gaze_mcap_place;

// Opens a file and reads its summary; a file without a valid one is walked once, chunk by chunk.
// Memory grows with the number of chunks and channels only. FORMAT if it is no MCAP.  [rt: init]
gaze_err gaze_mcap_open(gaze_mcap_reader **r, const char *path);
// Frees and nulls.  [rt: never]
void gaze_mcap_close(gaze_mcap_reader **r);

// Reads the next message in file order, in chunks or outside. END after the last one; unknown
// records are skipped; FORMAT for damage (checksum, lengths), UNSUPPORTED for lz4.  [rt: never]
gaze_err gaze_mcap_next(gaze_mcap_reader *r, gaze_mcap_message_view *m);

// Returns whether the file ends without its footer: cut by a crash.  [rt: safe]
bool gaze_mcap_truncated(const gaze_mcap_reader *r);

// Returns the number of whole chunks.  [rt: safe]
size_t gaze_mcap_chunks(const gaze_mcap_reader *r);

// Moves to the start of the file.  [rt: never]
void gaze_mcap_rewind(gaze_mcap_reader *r);

// Moves to a message, so that the next read returns it; loads its chunk unless it is the current
// one. RANGE if there is no such place.  [rt: never]
gaze_err gaze_mcap_seek(gaze_mcap_reader *r, gaze_mcap_place at);

// Lists the places of all chunked messages of a topic in file order (caller frees *out); from the
// message indexes if the file has a summary, else by reading everything. NOTFOUND if no message
// has the topic.  [rt: never]
gaze_err gaze_mcap_index(gaze_mcap_reader *r, const char *topic, gaze_mcap_place **out, size_t *n);

// Finds a metadata value by record name and key (caller frees); NOTFOUND if absent.  [rt: never]
gaze_err gaze_mcap_find_metadata(gaze_mcap_reader *r, const char *name, const char *key,
                                 char **value);

#endif
