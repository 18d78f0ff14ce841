// data/episode.h - the episode record: a conversation with pictures, outcomes and tokens, in MCAP.
#ifndef GAZE_DATA_EPISODE_H
#define GAZE_DATA_EPISODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"
#include "core/image.h"

enum {
  GAZE_RECORD_TURNS_MAX = 4096,
  GAZE_RECORD_IMAGES_MAX = 64,
  GAZE_RECORD_TOKENS_MAX = 1 << 20
};

typedef struct gaze_record_image {
  uint8_t *png;  // the encoded file, owned; decode with gaze_image_decode
  size_t bytes;
  char camera[32];  // "" = "camera"
} gaze_record_image;

enum { GAZE_TAUGHT_ALL = INT32_MAX };  // of a reply: every byte, and the token that ends it

typedef struct gaze_record_turn {
  char *user, *reply;        // owned UTF-8 texts; NULL stands for ""
  int taught;                // bytes of the reply, from its start, that are targets of training
  gaze_record_image *image;  // [images], pictures new in this turn, in the order of "<image>"
  int images;
  char *truth_json;          // owned JSON objects, NULL if none: the oracle's view,
  char *outcome_json;        // and choice, correct, gaining, reward terms, status
  int32_t *token;            // [tokens] ids of the reply as sampled; NULL if not recorded
  uint8_t *token_trainable;  // [tokens] 0 or 1
  int tokens;
} gaze_record_turn;

typedef struct gaze_record {
  char id[64];
  char kind[16];  // "avr", "perception", "lookup"
  uint64_t seed;
  gaze_record_turn *turn;  // [turns]
  int turns, turn_cap;     // turn_cap belongs to gaze_record_add_turn
  char *info_json;         // owned JSON object of episode-level facts, NULL if none
} gaze_record;

typedef struct gaze_record_writer gaze_record_writer;  // opaque
typedef struct gaze_record_reader gaze_record_reader;  // opaque; one per thread

// Starts an empty record (copies id and kind; cut to fit).  [rt: never]
void gaze_record_init(gaze_record *r, const char *id, const char *kind, uint64_t seed);

// Appends a turn; texts are copied (NULL = ""), outcome and truth as JSON text or NULL.
// taught: bytes of the reply that are targets, GAZE_TAUGHT_ALL for all, 0 for none.
// [rt: never]
gaze_err gaze_record_add_turn(gaze_record *r, const char *user, const char *reply, int taught,
                              const char *outcome_json, const char *truth_json);

// Appends a picture to the last turn, encoded as PNG level 1. STATE without a turn.  [rt: never]
gaze_err gaze_record_add_image(gaze_record *r, const gaze_image *im);

// Appends an already encoded PNG to the last turn (copied).  [rt: never]
gaze_err gaze_record_add_png(gaze_record *r, const void *png, size_t n, const char *camera);

// Sets the last turn's tokens (copied); `trainable` NULL: all ones.  [rt: never]
gaze_err gaze_record_set_tokens(gaze_record *r, const int32_t *token, const uint8_t *trainable,
                                int tokens);

// Sets the episode facts (copied JSON text).  [rt: never]
gaze_err gaze_record_set_info(gaze_record *r, const char *info_json);

// Frees everything in the record and zeroes it; fine on a zeroed struct.  [rt: never]
void gaze_record_free(gaze_record *r);

// Creates an episode log; `manifest_json` (NULL = none) is stored as metadata
// "run_manifest" / "json".  [rt: init]
gaze_err gaze_record_create(gaze_record_writer **w, const char *path, const char *manifest_json);

// Writes one record: /camera/image (foxglove.CompressedImage, protobuf) and /chat (JSON) messages
// per turn, /episode at the end. Log time = running turn count x 1 s, so equal records give equal
// bytes. ARG naming the field if a text is not UTF-8 or a JSON field is no object; nothing is
// written then. [rt: never]
gaze_err gaze_record_write(gaze_record_writer *w, const gaze_record *r);

// Writes the summary, frees and nulls; returns the first error of the writer's life.  [rt: never]
gaze_err gaze_record_finish(gaze_record_writer **w);

// Opens a log for random access; a log cut by a crash offers its whole records. A log without
// records has count 0.  [rt: init]
gaze_err gaze_record_open(gaze_record_reader **r, const char *path);
// Frees and nulls.  [rt: never]
void gaze_record_close(gaze_record_reader **r);

// Returns the number of records.  [rt: safe]
size_t gaze_record_count(const gaze_record_reader *r);

// Returns whether the file was cut.  [rt: safe]
bool gaze_record_truncated(const gaze_record_reader *r);

// Returns the manifest text, NULL if the log has none; borrowed.  [rt: safe]
const char *gaze_record_manifest(const gaze_record_reader *r);

// Reads record `i` into *out (owned by the caller, gaze_record_free); reading in file order is
// fastest. FORMAT naming file, record and field.  [rt: never]
gaze_err gaze_record_read(gaze_record_reader *r, size_t i, gaze_record *out);

#endif
