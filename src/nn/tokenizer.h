// nn/tokenizer.h - byte-level BPE from a Hugging Face tokenizer.json.
#ifndef GAZE_NN_TOKENIZER_H
#define GAZE_NN_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include "core/buf.h"
#include "core/err.h"

typedef struct gaze_tokenizer gaze_tokenizer;  // opaque, immutable after open, shared by threads

// A growable list of token ids.
typedef struct gaze_ids {
  int *v;  // owned
  int n, cap;
} gaze_ids;

gaze_err gaze_ids_add(gaze_ids *l, int id);                    // [rt: never]
gaze_err gaze_ids_append(gaze_ids *l, const int *ids, int n);  // [rt: never]
void gaze_ids_fini(gaze_ids *l);                               // [rt: never]

// Loads vocabulary, merges (strings or pairs), the file's own pre-tokeniser regex (pcre2), NFC
// normaliser and added tokens. FORMAT names the field that is wrong.  [rt: init]
gaze_err gaze_tokenizer_open(gaze_tokenizer **t, const char *path);
// The same from memory; `what` names the source.  [rt: init]
gaze_err gaze_tokenizer_parse(gaze_tokenizer **t, const char *json, size_t n, const char *what);
// Frees and nulls.  [rt: never]
void gaze_tokenizer_close(gaze_tokenizer **t);

// Appends the ids of `n` bytes of UTF-8. `special`: added tokens in the text are recognised as
// such; false: text that spells a *special* added token is encoded as ordinary text (what users
// type), ordinary added tokens are still recognised. ARG on invalid UTF-8.  [rt: never]
gaze_err gaze_tokenizer_encode(const gaze_tokenizer *t, const char *text, size_t n, bool special,
                               gaze_ids *out);

// Appends the text of the ids; invalid byte sequences become U+FFFD; unknown ids decode to
// nothing. `skip_special` leaves special tokens out.  [rt: never]
gaze_err gaze_tokenizer_decode(const gaze_tokenizer *t, const int *ids, int n, bool skip_special,
                               gaze_buf *out);

// Returns the raw bytes of one token (borrowed) and their number; NULL for unknown ids. For
// streaming and for grammars.  [rt: safe]
const char *gaze_tokenizer_bytes(const gaze_tokenizer *t, int id, size_t *n);

// Returns the id of a token by its exact text (added tokens, or vocabulary after byte mapping),
// -1 if there is none.  [rt: never]
int gaze_tokenizer_id(const gaze_tokenizer *t, const char *text);

// Returns whether the id is a special added token.  [rt: safe]
bool gaze_tokenizer_is_special(const gaze_tokenizer *t, int id);

// Returns one more than the largest id.  [rt: safe]
int gaze_tokenizer_size(const gaze_tokenizer *t);

#endif
