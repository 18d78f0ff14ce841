// nn/tokenizer_internal.h - the tables of a tokenizer, shared by its loader and its users.
#ifndef GAZE_NN_TOKENIZER_INTERNAL_H
#define GAZE_NN_TOKENIZER_INTERNAL_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include "nn/tokenizer.h"

// What an id stands for.
typedef struct gazei_token {
  uint32_t at, len;  // its bytes in the pool
  bool used;         // false: a hole in the numbering
  bool added, special;
} gazei_token;

// A merge: the pair of ids, its rank and the id it becomes.
typedef struct gazei_merge {
  uint64_t pair;  // left << 32 | right; GAZEI_NO_PAIR in a free slot
  uint32_t rank;
  int id;
} gazei_merge;

#define GAZEI_NO_PAIR UINT64_MAX

// One byte of an added token; node 0 is the root, so 0 also means "none".
typedef struct gazei_node {
  uint32_t child, sibling;
  int id;  // the token that ends here, -1 if none
  unsigned char byte;
} gazei_node;

typedef struct gazei_trie {
  gazei_node *node;  // owned
  uint32_t n, cap;
  uint32_t start[256];  // child of the root by byte
} gazei_trie;

struct gaze_tokenizer {
  gazei_token *token;  // [size]
  int size;
  gaze_buf pool;      // the bytes of all tokens, each with a NUL behind
  uint32_t *by_text;  // hash of the tokens' bytes: id + 1, 0 = free
  size_t by_text_mask;
  gazei_merge *merge;  // hash of pairs
  size_t merge_mask;
  int byte_id[256];       // the token of each single byte
  gazei_trie raw;         // added tokens found in the text as it stands
  gazei_trie normalized;  // added tokens found after normalisation
  bool nfc;
  bool ignore_merges;   // a piece that is a token of the vocabulary stands as it is
  pcre2_code *pattern;  // the pre-tokeniser
};

// Compiles a pre-tokeniser pattern with the Unicode meaning of \s. FORMAT naming `what`.
gaze_err gazei_pattern_open(pcre2_code **re, const char *pattern, const char *what);

// Appends the NFC form of valid UTF-8; time is linear in the text even for hostile mark orders.
gaze_err gazei_nfc(const char *text, size_t n, gaze_buf *out);

// Finds the merge of two neighbours, NULL if there is none.
const gazei_merge *gazei_merge_find(const gaze_tokenizer *t, int left, int right);

// Finds a token by its bytes; -1 if there is none.
int gazei_token_find(const gaze_tokenizer *t, const char *bytes, size_t n);

// Slot of a hash table for a key.
uint64_t gazei_mix(uint64_t x);
uint64_t gazei_hash_bytes(const char *s, size_t n);

#endif
