// nn/tokenizer_encode.c - text to ids: added tokens, NFC, regex pieces, byte pair merges.
#include <stdlib.h>
#include <string.h>
#include "core/utf8.h"
#include "nn/tokenizer_internal.h"

enum { TEXT_MAX = 1 << 26, HEAP_KIB = 1 << 16 };

// One symbol of a piece in the doubly linked list of what is not merged yet.
typedef struct symbol {
  int id, prev, next;  // id -1: swallowed by its left neighbour
} symbol;

// A possible merge: of the pair that starts at `at`, if it is still that pair.
typedef struct candidate {
  uint32_t rank;
  int at, left, right, id;
} candidate;

// Working memory of one encode call.
typedef struct work {
  const gaze_tokenizer *t;
  bool special;
  gaze_ids *out;
  symbol *sym;
  candidate *heap;
  int sym_cap, heap_n;
  pcre2_match_data *match;
  pcre2_match_context *limits;
} work;

static gaze_err no_memory(void) {
  return gaze_fail(GAZE_ERR_NOMEM, "encoding: out of memory");
}

// ---- byte pair merges ----

// lower rank first, then further left
static bool before(const candidate *a, const candidate *b) {
  return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void heap_push(work *w, candidate c) {
  int i = w->heap_n++;
  for (; i && before(&c, &w->heap[(i - 1) / 2]); i = (i - 1) / 2) w->heap[i] = w->heap[(i - 1) / 2];
  w->heap[i] = c;
}

static candidate heap_pop(work *w) {
  candidate top = w->heap[0], last = w->heap[--w->heap_n];
  int i = 0;
  for (;;) {
    int k = 2 * i + 1;
    if (k >= w->heap_n) break;
    if (k + 1 < w->heap_n && before(&w->heap[k + 1], &w->heap[k])) k++;
    if (!before(&w->heap[k], &last)) break;
    w->heap[i] = w->heap[k];
    i = k;
  }
  w->heap[i] = last;
  return top;
}

// offers the pair that starts at symbol i
static void offer(work *w, int i) {
  int j = i < 0 ? -1 : w->sym[i].next;
  if (j < 0) return;
  const gazei_merge *m = gazei_merge_find(w->t, w->sym[i].id, w->sym[j].id);
  if (m)
    heap_push(
        w, (candidate){
               .rank = m->rank, .at = i, .left = w->sym[i].id, .right = w->sym[j].id, .id = m->id});
}

// room for n symbols; each merge removes one and offers two pairs, so 3n candidates suffice
static gaze_err reserve(work *w, int n) {
  if (n <= w->sym_cap) return GAZE_OK;
  int cap = n < 256 ? 256 : n;
  free(w->sym);
  free(w->heap);
  w->sym_cap = 0;
  w->sym = malloc((size_t)cap * sizeof *w->sym);
  w->heap = malloc((size_t)cap * 3 * sizeof *w->heap);
  if (!w->sym || !w->heap) return no_memory();
  w->sym_cap = cap;
  return GAZE_OK;
}

// merges one piece, always the lowest rank and of equals the leftmost: O(n log n)
static gaze_err encode_piece(work *w, const char *s, int n) {
  const gaze_tokenizer *t = w->t;
  if (n == 1) return gaze_ids_add(w->out, t->byte_id[(unsigned char)s[0]]);
  int whole = t->ignore_merges ? gazei_token_find(t, s, (size_t)n) : -1;
  if (whole >= 0 && !t->token[whole].added) return gaze_ids_add(w->out, whole);
  GAZE_TRY(reserve(w, n));
  for (int i = 0; i < n; i++)
    w->sym[i] = (symbol){t->byte_id[(unsigned char)s[i]], i - 1, i + 1 < n ? i + 1 : -1};
  w->heap_n = 0;
  for (int i = 0; i + 1 < n; i++) offer(w, i);

  while (w->heap_n) {
    candidate c = heap_pop(w);
    symbol *a = &w->sym[c.at];
    // a candidate is stale once either side has changed
    if (a->id != c.left || a->next < 0 || w->sym[a->next].id != c.right) continue;
    symbol *b = &w->sym[a->next];
    a->id = c.id;
    a->next = b->next;
    b->id = -1;
    if (a->next >= 0) w->sym[a->next].prev = c.at;
    offer(w, a->prev);
    offer(w, c.at);
  }
  for (int i = 0; i >= 0; i = w->sym[i].next) GAZE_TRY(gaze_ids_add(w->out, w->sym[i].id));
  return GAZE_OK;
}

// ---- pieces ----

static int match_at(work *w, const char *s, size_t n, size_t at) {
  int rc =
      pcre2_match(w->t->pattern, (PCRE2_SPTR)s, n, at, PCRE2_NO_UTF_CHECK, w->match, w->limits);
  // compiled code has little stack; the interpreter works on the heap
  if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
    rc = pcre2_match(w->t->pattern, (PCRE2_SPTR)s, n, at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                     w->match, w->limits);
  return rc;
}

// "Isolated": every match is a piece, and so is what lies between two matches
static gaze_err encode_pieces(work *w, const char *s, size_t n) {
  // every real pattern needs a few steps per byte; the limit stops the others
  pcre2_set_match_limit(w->limits, 1000000u + 8u * (uint32_t)n);
  size_t done = 0, at = 0;
  while (at < n) {
    int rc = match_at(w, s, n, at);
    if (rc == PCRE2_ERROR_NOMATCH) break;
    if (rc < 0) {
      char text[160] = "";
      pcre2_get_error_message(rc, (PCRE2_UCHAR *)text, sizeof text);
      return gaze_fail(rc == PCRE2_ERROR_NOMEMORY ? GAZE_ERR_NOMEM : GAZE_ERR_RANGE,
                       "encoding: the pre-tokeniser gave up: %s", text);
    }
    const PCRE2_SIZE *o = pcre2_get_ovector_pointer(w->match);
    // \K in a lookaround can report an end before the start
    if (o[0] < done || o[1] < o[0] || o[1] > n)
      return gaze_fail(GAZE_ERR_RANGE, "encoding: the pre-tokeniser matched backwards");
    if (o[0] > done) GAZE_TRY(encode_piece(w, s + done, (int)(o[0] - done)));
    if (o[1] > o[0]) GAZE_TRY(encode_piece(w, s + o[0], (int)(o[1] - o[0])));
    done = at = o[1];
    // an empty match cuts there and the search goes on behind the next character
    if (o[1] == o[0] && at < n) at += (size_t)gaze_utf8_len(s + at, n - at);
  }
  return n > done ? encode_piece(w, s + done, (int)(n - done)) : GAZE_OK;
}

// ---- added tokens ----

// the longest added token that starts at s; its length goes to *len, -1 if there is none
static int trie_match(const gazei_trie *t, const char *s, size_t n, size_t *len) {
  int found = -1;
  uint32_t c = n ? t->start[(unsigned char)s[0]] : 0;
  for (size_t i = 0; c;) {
    int id = t->node[c].id;
    if (id >= 0) found = id, *len = i + 1;
    if (++i == n) break;
    c = t->node[c].child;
    while (c && t->node[c].byte != (unsigned char)s[i]) c = t->node[c].sibling;
  }
  return found;
}

typedef gaze_err (*span_fn)(work *w, const char *s, size_t n);

// cuts added tokens out, leftmost first and the longest of each place; the rest goes to `rest`
static gaze_err cut_added(work *w, const gazei_trie *t, const char *s, size_t n, span_fn rest) {
  size_t done = 0;
  for (size_t i = 0; t->n && i < n;) {
    size_t len = 0;
    int id = trie_match(t, s + i, n - i, &len);
    if (id < 0) {
      i++;
      continue;
    }
    i += len;
    // a spelled special token is ordinary text as a whole, whatever it may contain
    if (w->t->token[id].special && !w->special) continue;
    if (i - len > done) GAZE_TRY(rest(w, s + done, i - len - done));
    GAZE_TRY(gaze_ids_add(w->out, id));
    done = i;
  }
  return n > done ? rest(w, s + done, n - done) : GAZE_OK;
}

static gaze_err encode_normalized(work *w, const char *s, size_t n) {
  return cut_added(w, &w->t->normalized, s, n, encode_pieces);
}

static gaze_err encode_raw(work *w, const char *s, size_t n) {
  if (!w->t->nfc) return encode_normalized(w, s, n);
  gaze_buf nfc = GAZE_BUF_INIT;
  gaze_err e = gazei_nfc(s, n, &nfc);
  if (!e) e = encode_normalized(w, gaze_buf_text(&nfc), nfc.len);
  gaze_buf_fini(&nfc);
  return e;
}

gaze_err gaze_tokenizer_encode(const gaze_tokenizer *t, const char *text, size_t n, bool special,
                               gaze_ids *out) {
  if (n > TEXT_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "encoding: text longer than %d bytes", TEXT_MAX);
  if (!gaze_utf8_valid(text, n))
    return gaze_fail(GAZE_ERR_ARG, "encoding: text is not valid UTF-8");
  work w = {.t = t, .special = special, .out = out};
  w.match = pcre2_match_data_create(1, NULL);
  w.limits = pcre2_match_context_create(NULL);
  int before_n = out->n;
  gaze_err e = GAZE_OK;
  if (w.match && w.limits) {
    pcre2_set_heap_limit(w.limits, HEAP_KIB);
    e = cut_added(&w, &t->raw, text, n, encode_raw);
  } else {
    e = no_memory();
  }
  // a failed call appends nothing
  if (e) out->n = before_n;
  pcre2_match_data_free(w.match);
  pcre2_match_context_free(w.limits);
  free(w.sym);
  free(w.heap);
  return e;
}
