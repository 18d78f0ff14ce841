// nn/tokenizer_load.c - builds a tokenizer from tokenizer.json and refuses what it cannot honour.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "core/json.h"
#include "core/utf8.h"
#include "nn/tokenizer_internal.h"

enum {
  ID_MAX = 1 << 22,    // ids below this
  CONTENT_MAX = 1024,  // bytes of an added token, bounds the work per position of the text
  LETTERS = 0x144      // code points of the byte alphabet lie below
};

// What loading needs and the tokenizer does not keep.
typedef struct loader {
  gaze_tokenizer *t;
  const char *what;
  int letter_byte[LETTERS];  // code point of the byte alphabet -> byte, -1 if none
  gaze_buf scratch;
} loader;

static gaze_err bad(const loader *l, const char *field, const char *expected) {
  return gaze_fail(GAZE_ERR_FORMAT, "%.400s: field %s: expected %s", l->what, field, expected);
}

static gaze_err no_memory(const loader *l) {
  return gaze_fail(GAZE_ERR_NOMEM, "%.400s: out of memory", l->what);
}

// printable bytes stand for themselves, the others follow from U+0100 on (GPT-2's byte alphabet)
static void make_alphabet(loader *l) {
  for (int i = 0; i < LETTERS; i++) l->letter_byte[i] = -1;
  for (int b = 0, next = 256; b < 256; b++) {
    bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
    l->letter_byte[printable ? b : next++] = b;
  }
}

// turns letters of the byte alphabet into bytes in l->scratch; false for other letters
static bool to_bytes(loader *l, const char *s) {
  gaze_buf_clear(&l->scratch);
  while (*s) {
    unsigned char a = (unsigned char)*s;
    int c = a;
    if (a >= 0x80) {
      // the alphabet ends below U+0800: two bytes
      if (a >= 0xE0) return false;
      c = (a & 0x1F) << 6 | ((unsigned char)s[1] & 0x3F);
      s++;
    }
    if (c >= LETTERS || l->letter_byte[c] < 0) return false;
    char byte = (char)l->letter_byte[c];
    gaze_buf_add(&l->scratch, &byte, 1);
    s++;
  }
  return !l->scratch.failed;
}

// ---- tokens ----

static void insert_text(gaze_tokenizer *t, int id) {
  const gazei_token *k = &t->token[id];
  size_t slot = gazei_hash_bytes(t->pool.data + k->at, k->len) & t->by_text_mask;
  while (t->by_text[slot]) slot = (slot + 1) & t->by_text_mask;
  t->by_text[slot] = (uint32_t)id + 1;
}

static gaze_err add_token(loader *l, int id, const char *bytes, size_t n, bool added, bool special,
                          const char *field) {
  gaze_tokenizer *t = l->t;
  gazei_token *k = &t->token[id];
  if (t->pool.len + n > UINT32_MAX - 1) return bad(l, field, "less text");
  if (k->used) return bad(l, field, "every id once");
  if (gazei_token_find(t, bytes, n) >= 0) return bad(l, field, "every token once");
  *k = (gazei_token){.at = (uint32_t)t->pool.len, .len = (uint32_t)n, .used = true};
  k->added = added, k->special = special;
  gaze_buf_add(&t->pool, bytes, n);
  gaze_buf_add(&t->pool, "", 1);
  if (t->pool.failed) return no_memory(l);
  insert_text(t, id);
  return GAZE_OK;
}

// a whole number in the range of ids, -1 for anything else
static int read_id(const cJSON *v) {
  double d = cJSON_IsNumber(v) ? v->valuedouble : -1;
  return d >= 0 && d < ID_MAX && d == floor(d) ? (int)d : -1;
}

// sizes the tables: one more than the largest id, and the hash for all texts
static gaze_err make_token_tables(loader *l, const cJSON *vocab, const cJSON *added) {
  gaze_tokenizer *t = l->t;
  const cJSON *v = NULL;
  size_t count = 0;
  cJSON_ArrayForEach(v, vocab) {
    int id = read_id(v);
    if (id < 0) return bad(l, "model.vocab", "ids from 0 to 4194303");
    if (id >= t->size) t->size = id + 1;
    count++;
  }
  cJSON_ArrayForEach(v, added) {
    int id = read_id(gaze_json_get(v, "id"));
    if (id < 0) return bad(l, "added_tokens[].id", "a number from 0 to 4194303");
    if (id >= t->size) t->size = id + 1;
    count++;
  }
  size_t slots = 1024;
  while (slots < 2 * count) slots *= 2;
  t->token = calloc((size_t)t->size + 1, sizeof *t->token);
  t->by_text = calloc(slots, sizeof *t->by_text);
  t->by_text_mask = slots - 1;
  return t->token && t->by_text ? GAZE_OK : no_memory(l);
}

static gaze_err read_vocab(loader *l, const cJSON *vocab) {
  const cJSON *v = NULL;
  cJSON_ArrayForEach(v, vocab) {
    int id = read_id(v);
    if (!v->string[0]) return bad(l, "model.vocab", "no empty token");
    if (!to_bytes(l, v->string)) return bad(l, "model.vocab", "letters of the byte alphabet");
    GAZE_TRY(add_token(l, id, l->scratch.data, l->scratch.len, false, false, "model.vocab"));
  }
  for (int b = 0; b < 256; b++) {
    char byte = (char)b;
    l->t->byte_id[b] = gazei_token_find(l->t, &byte, 1);
    if (l->t->byte_id[b] >= 0) continue;
    return gaze_fail(GAZE_ERR_FORMAT, "%.400s: field model.vocab: no token for byte 0x%02x",
                     l->what, (unsigned)b);
  }
  return GAZE_OK;
}

// ---- merges ----

// the two sides of a merge: "a b" or ["a", "b"]; the strings go to side[2] in the byte alphabet
static gaze_err split_merge(loader *l, const cJSON *m, gaze_buf side[2]) {
  static const char want[] = "\"left right\" or [\"left\", \"right\"] of known tokens";
  gaze_buf_clear(&side[0]);
  gaze_buf_clear(&side[1]);
  if (cJSON_IsString(m)) {
    const char *gap = strchr(m->valuestring, ' ');
    if (!gap || strchr(gap + 1, ' ')) return bad(l, "model.merges", want);
    gaze_buf_add(&side[0], m->valuestring, (size_t)(gap - m->valuestring));
    gaze_buf_str(&side[1], gap + 1);
  } else {
    const cJSON *a = cJSON_IsArray(m) ? m->child : NULL, *b = a ? a->next : NULL;
    if (!cJSON_IsString(a) || !cJSON_IsString(b) || b->next) return bad(l, "model.merges", want);
    gaze_buf_str(&side[0], a->valuestring);
    gaze_buf_str(&side[1], b->valuestring);
  }
  return side[0].failed || side[1].failed ? no_memory(l) : GAZE_OK;
}

static int find_letters(loader *l, const char *letters) {
  if (!letters[0] || !to_bytes(l, letters)) return -1;
  int id = gazei_token_find(l->t, l->scratch.data, l->scratch.len);
  return id;
}

static gaze_err add_merge(loader *l, gaze_buf side[2], uint32_t rank) {
  gaze_tokenizer *t = l->t;
  int a = find_letters(l, gaze_buf_text(&side[0])), b = find_letters(l, gaze_buf_text(&side[1]));
  gaze_buf_str(&side[0], gaze_buf_text(&side[1]));
  if (side[0].failed) return no_memory(l);
  int joined = find_letters(l, gaze_buf_text(&side[0]));
  if (a < 0 || b < 0 || joined < 0)
    return gaze_fail(GAZE_ERR_FORMAT, "%.400s: field model.merges[%u]: not made of known tokens",
                     l->what, (unsigned)rank);
  uint64_t pair = (uint64_t)a << 32 | (uint32_t)b;
  size_t slot = gazei_mix(pair) & t->merge_mask;
  while (t->merge[slot].pair != GAZEI_NO_PAIR && t->merge[slot].pair != pair)
    slot = (slot + 1) & t->merge_mask;
  // of a repeated pair the last one counts, as in the reference
  t->merge[slot] = (gazei_merge){.pair = pair, .rank = rank, .id = joined};
  return GAZE_OK;
}

static gaze_err read_merges(loader *l, const cJSON *merges) {
  gaze_tokenizer *t = l->t;
  if (!cJSON_IsArray(merges)) return bad(l, "model.merges", "a list");
  size_t slots = 16, count = (size_t)cJSON_GetArraySize(merges);
  while (slots < 2 * count + 2) slots *= 2;
  t->merge = malloc(slots * sizeof *t->merge);
  if (!t->merge) return no_memory(l);
  for (size_t i = 0; i < slots; i++) t->merge[i] = (gazei_merge){.pair = GAZEI_NO_PAIR};
  t->merge_mask = slots - 1;

  gaze_buf side[2] = {GAZE_BUF_INIT, GAZE_BUF_INIT};
  gaze_err e = GAZE_OK;
  uint32_t rank = 0;
  const cJSON *m = NULL;
  cJSON_ArrayForEach(m, merges) {
    e = split_merge(l, m, side);
    if (!e) e = add_merge(l, side, rank++);
    if (e) break;
  }
  gaze_buf_fini(&side[0]);
  gaze_buf_fini(&side[1]);
  return e;
}

// ---- added tokens ----

static uint32_t new_node(gazei_trie *t, unsigned char byte) {
  if (t->n == t->cap) {
    uint32_t cap = t->cap ? 2 * t->cap : 64;
    gazei_node *node = cap > t->cap ? realloc(t->node, cap * sizeof *node) : NULL;
    if (!node) return 0;
    t->node = node, t->cap = cap;
    if (t->n == 0) t->node[t->n++] = (gazei_node){.id = -1};
  }
  t->node[t->n] = (gazei_node){.id = -1, .byte = byte};
  return t->n++;
}

// the child of `at` for a byte, made if it is missing; 0 without memory
static uint32_t child_for(gazei_trie *t, uint32_t at, unsigned char byte) {
  uint32_t c = at ? t->node[at].child : t->start[byte];
  while (at && c && t->node[c].byte != byte) c = t->node[c].sibling;
  if (c) return c;
  c = new_node(t, byte);
  if (!c) return 0;
  if (at) {
    t->node[c].sibling = t->node[at].child;
    t->node[at].child = c;
  } else {
    t->start[byte] = c;
  }
  return c;
}

static gaze_err add_to_trie(loader *l, gazei_trie *t, const char *s, size_t n, int id) {
  uint32_t at = 0;
  for (size_t i = 0; i < n; i++) {
    at = child_for(t, at, (unsigned char)s[i]);
    if (!at) return no_memory(l);
  }
  if (at && t->node[at].id < 0) t->node[at].id = id;
  return GAZE_OK;
}

// a flag that may be absent (false)
static bool flag(const cJSON *o, const char *key, bool *ok) {
  const cJSON *v = gaze_json_get(o, key);
  *ok = *ok && (!v || cJSON_IsBool(v));
  return cJSON_IsTrue(v) != 0;
}

static gaze_err read_added(loader *l, const cJSON *o) {
  gaze_tokenizer *t = l->t;
  const char *s = NULL;
  bool ok = true;
  int id = read_id(gaze_json_get(o, "id"));
  GAZE_TRY(gaze_json_str(o, "content", &s, l->what));
  size_t n = strlen(s);
  if (n == 0 || n > CONTENT_MAX) return bad(l, "added_tokens[].content", "1 to 1024 bytes");
  bool special = flag(o, "special", &ok), normalized = flag(o, "normalized", &ok);
  static const char *const strange[] = {"lstrip", "rstrip", "single_word"};
  for (int i = 0; i < 3; i++)
    if (flag(o, strange[i], &ok))
      return gaze_fail(GAZE_ERR_UNSUPPORTED, "%.400s: added token \"%.100s\": %s is not supported",
                       l->what, s, strange[i]);
  if (!ok) return bad(l, "added_tokens[]", "true or false for each flag");

  // an added token may also stand in the vocabulary, under the same id
  if (t->token[id].used && gazei_token_find(t, s, n) == id)
    t->token[id].added = true, t->token[id].special = special;
  else
    GAZE_TRY(add_token(l, id, s, n, true, special, "added_tokens"));
  if (!normalized || !t->nfc)
    return add_to_trie(l, normalized ? &t->normalized : &t->raw, s, n, id);
  gaze_buf_clear(&l->scratch);
  GAZE_TRY(gazei_nfc(s, n, &l->scratch));
  return add_to_trie(l, &t->normalized, l->scratch.data, l->scratch.len, id);
}

// ---- the other sections ----

static bool is_type(const cJSON *o, const char *type) {
  const cJSON *v = gaze_json_get(o, "type");
  return cJSON_IsString(v) && strcmp(v->valuestring, type) == 0;
}

// absent, null, false or empty text
static bool is_off(const cJSON *v) {
  return !v || cJSON_IsNull(v) || cJSON_IsFalse(v) ||
         (cJSON_IsString(v) && v->valuestring[0] == 0) ||
         (cJSON_IsNumber(v) && !(v->valuedouble > 0) && !(v->valuedouble < 0));
}

static gaze_err read_model(loader *l, const cJSON *root) {
  static const char *const off[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix",
                                    "byte_fallback"};
  const cJSON *model = gaze_json_get(root, "model");
  const cJSON *added = gaze_json_get(root, "added_tokens"), *v = NULL;
  // old files do not name the type
  if (!cJSON_IsObject(model) || (gaze_json_get(model, "type") && !is_type(model, "BPE")))
    return bad(l, "model.type", "\"BPE\"");
  for (size_t i = 0; i < sizeof off / sizeof *off; i++)
    if (!is_off(gaze_json_get(model, off[i])))
      return gaze_fail(GAZE_ERR_UNSUPPORTED, "%.400s: field model.%s: only false or null is known",
                       l->what, off[i]);
  l->t->ignore_merges = !is_off(gaze_json_get(model, "ignore_merges"));
  const cJSON *vocab = gaze_json_get(model, "vocab");
  if (!cJSON_IsObject(vocab)) return bad(l, "model.vocab", "an object");
  if (added && !cJSON_IsNull(added) && !cJSON_IsArray(added))
    return bad(l, "added_tokens", "a list");
  GAZE_TRY(make_token_tables(l, vocab, added));
  GAZE_TRY(read_vocab(l, vocab));
  GAZE_TRY(read_merges(l, gaze_json_get(model, "merges")));
  cJSON_ArrayForEach(v, added) GAZE_TRY(read_added(l, v));
  return GAZE_OK;
}

// [Split by regex, ByteLevel without its own regex]
static gaze_err read_pre_tokenizer(loader *l, const cJSON *root) {
  static const char field[] = "pre_tokenizer";
  const cJSON *p = gaze_json_get(root, field);
  const cJSON *list = gaze_json_get(p, "pretokenizers");
  const cJSON *split = cJSON_IsArray(list) ? list->child : NULL;
  const cJSON *bytes = split ? split->next : NULL;
  if (!is_type(p, "Sequence") || !is_type(split, "Split") || !is_type(bytes, "ByteLevel") ||
      bytes->next)
    return bad(l, field, "a Sequence of Split and ByteLevel");
  const cJSON *behavior = gaze_json_get(split, "behavior");
  if (!cJSON_IsString(behavior) || strcmp(behavior->valuestring, "Isolated") != 0)
    return bad(l, "pre_tokenizer Split.behavior", "\"Isolated\"");
  if (!is_off(gaze_json_get(split, "invert"))) return bad(l, "pre_tokenizer Split.invert", "false");
  if (!is_off(gaze_json_get(bytes, "add_prefix_space")))
    return bad(l, "pre_tokenizer ByteLevel.add_prefix_space", "false");
  // absent means true there
  if (!cJSON_IsFalse(gaze_json_get(bytes, "use_regex")))
    return bad(l, "pre_tokenizer ByteLevel.use_regex", "false");
  const cJSON *regex = gaze_json_get(gaze_json_get(split, "pattern"), "Regex");
  if (!cJSON_IsString(regex)) return bad(l, "pre_tokenizer Split.pattern.Regex", "a string");
  char what[480];
  snprintf(what, sizeof what, "%.400s: field pre_tokenizer Split.pattern.Regex", l->what);
  return gazei_pattern_open(&l->t->pattern, regex->valuestring, what);
}

static gaze_err read_root(loader *l, const cJSON *root) {
  if (!cJSON_IsObject(root)) return bad(l, "(all)", "an object");
  static const char *const off[] = {"truncation", "padding"};
  for (int i = 0; i < 2; i++)
    if (!is_off(gaze_json_get(root, off[i]))) return bad(l, off[i], "null");
  const cJSON *norm = gaze_json_get(root, "normalizer");
  l->t->nfc = is_type(norm, "NFC");
  if (!l->t->nfc && !is_off(norm)) return bad(l, "normalizer", "NFC or null");
  const cJSON *post = gaze_json_get(root, "post_processor");
  if (!is_off(post) && !is_type(post, "ByteLevel"))
    return bad(l, "post_processor", "ByteLevel or null");
  if (!is_type(gaze_json_get(root, "decoder"), "ByteLevel")) return bad(l, "decoder", "ByteLevel");
  GAZE_TRY(read_pre_tokenizer(l, root));
  return read_model(l, root);
}

gaze_err gaze_tokenizer_parse(gaze_tokenizer **t, const char *json, size_t n, const char *what) {
  *t = NULL;
  cJSON *root = NULL;
  GAZE_TRY(gaze_json_parse(&root, json, n, what));
  loader *l = calloc(1, sizeof *l);
  gaze_err e = GAZE_ERR_NOMEM;
  if (l) {
    l->what = what;
    make_alphabet(l);
    l->t = calloc(1, sizeof *l->t);
    e = l->t ? read_root(l, root) : no_memory(l);
    if (e) gaze_tokenizer_close(&l->t);
    *t = l->t;
    gaze_buf_fini(&l->scratch);
  }
  free(l);
  cJSON_Delete(root);
  return e;
}

gaze_err gaze_tokenizer_open(gaze_tokenizer **t, const char *path) {
  *t = NULL;
  gaze_buf b = GAZE_BUF_INIT;
  gaze_err e = gaze_file_read(path, (size_t)256 << 20, &b);
  if (!e) e = gaze_tokenizer_parse(t, gaze_buf_text(&b), b.len, path);
  gaze_buf_fini(&b);
  return e;
}
