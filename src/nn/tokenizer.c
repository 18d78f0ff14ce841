// nn/tokenizer.c - lookups in a tokenizer, decoding, and its end.
#include "nn/tokenizer.h"
#include <stdlib.h>
#include <string.h>
#include "core/utf8.h"
#include "nn/tokenizer_internal.h"

// finaliser of splitmix64
uint64_t gazei_mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// FNV-1a, mixed because the table takes the low bits
uint64_t gazei_hash_bytes(const char *s, size_t n) {
  uint64_t h = 0xcbf29ce484222325u;
  for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
  return gazei_mix(h);
}

const gazei_merge *gazei_merge_find(const gaze_tokenizer *t, int left, int right) {
  uint64_t pair = (uint64_t)left << 32 | (uint32_t)right;
  size_t slot = gazei_mix(pair) & t->merge_mask;
  for (;; slot = (slot + 1) & t->merge_mask) {
    if (t->merge[slot].pair == pair) return &t->merge[slot];
    if (t->merge[slot].pair == GAZEI_NO_PAIR) return NULL;
  }
}

int gazei_token_find(const gaze_tokenizer *t, const char *bytes, size_t n) {
  size_t slot = gazei_hash_bytes(bytes, n) & t->by_text_mask;
  for (; t->by_text[slot]; slot = (slot + 1) & t->by_text_mask) {
    const gazei_token *k = &t->token[t->by_text[slot] - 1];
    if (k->len == n && memcmp(t->pool.data + k->at, bytes, n) == 0)
      return (int)(t->by_text[slot] - 1);
  }
  return -1;
}

void gaze_tokenizer_close(gaze_tokenizer **t) {
  if (!*t) return;
  free((*t)->token);
  free((*t)->by_text);
  free((*t)->merge);
  free((*t)->raw.node);
  free((*t)->normalized.node);
  gaze_buf_fini(&(*t)->pool);
  pcre2_code_free((*t)->pattern);
  free(*t);
  *t = NULL;
}

static const gazei_token *token_at(const gaze_tokenizer *t, int id) {
  return id >= 0 && id < t->size && t->token[id].used ? &t->token[id] : NULL;
}

const char *gaze_tokenizer_bytes(const gaze_tokenizer *t, int id, size_t *n) {
  const gazei_token *k = token_at(t, id);
  *n = k ? k->len : 0;
  return k ? t->pool.data + k->at : NULL;
}

int gaze_tokenizer_id(const gaze_tokenizer *t, const char *text) {
  return gazei_token_find(t, text, strlen(text));
}

bool gaze_tokenizer_is_special(const gaze_tokenizer *t, int id) {
  const gazei_token *k = token_at(t, id);
  return k && k->special;
}

int gaze_tokenizer_size(const gaze_tokenizer *t) {
  return t->size;
}

// length of the part at `s` that one U+FFFD replaces: the longest prefix of a valid sequence
// (Unicode 3.9, "maximal subpart"), at least one byte
static size_t broken_len(const unsigned char *s, size_t n) {
  unsigned char a = s[0], lo = 0x80, hi = 0xBF;
  size_t want = a >= 0xC2 && a <= 0xDF   ? 2
                : a >= 0xE0 && a <= 0xEF ? 3
                : a >= 0xF0 && a <= 0xF4 ? 4
                                         : 1;
  // the second byte excludes overlong forms, surrogates and values above U+10FFFF
  if (a == 0xE0) lo = 0xA0;
  if (a == 0xED) hi = 0x9F;
  if (a == 0xF0) lo = 0x90;
  if (a == 0xF4) hi = 0x8F;
  size_t k = 1;
  for (; k < want && k < n && s[k] >= lo && s[k] <= hi; k++) lo = 0x80, hi = 0xBF;
  return k;
}

static void add_repaired(gaze_buf *out, const char *s, size_t n) {
  for (size_t i = 0, done = 0; i <= n;) {
    int len = i < n ? gaze_utf8_len(s + i, n - i) : 0;
    if (len) {
      i += (size_t)len;
      continue;
    }
    // valid text is copied in one go
    gaze_buf_add(out, s + done, i - done);
    if (i == n) break;
    i += broken_len((const unsigned char *)s + i, n - i);
    gaze_buf_str(out, "\xEF\xBF\xBD");
    done = i;
  }
}

gaze_err gaze_tokenizer_decode(const gaze_tokenizer *t, const int *ids, int n, bool skip_special,
                               gaze_buf *out) {
  gaze_buf raw = GAZE_BUF_INIT;
  for (int i = 0; i < n; i++) {
    const gazei_token *k = token_at(t, ids[i]);
    if (k && !(skip_special && k->special)) gaze_buf_add(&raw, t->pool.data + k->at, k->len);
  }
  if (raw.len) add_repaired(out, raw.data, raw.len);
  bool failed = raw.failed || out->failed;
  gaze_buf_fini(&raw);
  return failed ? gaze_fail(GAZE_ERR_NOMEM, "decoding: no memory for %d tokens", n) : GAZE_OK;
}
