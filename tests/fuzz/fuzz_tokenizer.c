// tests/fuzz/fuzz_tokenizer.c - hostile tokenizer files, and hostile texts for a small tokenizer.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/buf.h"
#include "core/utf8.h"
#include "nn/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char MERGES[] =
    "[\"h e\",\"l l\",\"he ll\",\"hell o\",\"a a\",\"aa aa\",\"\xC4\xA0 \xC4\xA0\"]";
static const char WORDS[] =
    "\"he\":256,\"ll\":257,\"hell\":258,\"hello\":259,\"aa\":260,\"aaaa\":261,"
    "\"\xC4\xA0\xC4\xA0\":262";

// the byte alphabet, a few merges and two added tokens; NFC is off so that decoding gives the text
static gaze_tokenizer *small_tokenizer(void) {
  gaze_buf b = GAZE_BUF_INIT;
  gaze_buf_str(
      &b,
      "{\"added_tokens\":[{\"id\":300,\"content\":\"<|s|>\",\"special\":true},"
      "{\"id\":301,\"content\":\"<|\",\"normalized\":true}],\"normalizer\":null,"
      "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","
      "\"pattern\":{\"Regex\":\"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?"
      "\\\\p{L}+|\\\\p{N}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|"
      "\\\\s+(?!\\\\S)|\\\\s+\"},\"behavior\":\"Isolated\"},{\"type\":\"ByteLevel\","
      "\"use_regex\":false}]},\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":"
      "\"BPE\",\"vocab\":{");
  for (int i = 0, next = 256; i < 256; i++) {
    bool printable = (i >= 33 && i <= 126) || (i >= 161 && i != 173);
    int c = printable ? i : next++;
    if (c == '"' || c == '\\')
      gaze_buf_printf(&b, "\"\\%c\":%d,", c, i);
    else if (c < 128)
      gaze_buf_printf(&b, "\"%c\":%d,", c, i);
    else
      gaze_buf_printf(&b, "\"%c%c\":%d,", 0xC0 | c >> 6, 0x80 | (c & 63), i);
  }
  gaze_buf_printf(&b, "%s},\"merges\":%s}}", WORDS, MERGES);
  gaze_tokenizer *t = NULL;
  gaze_err e = gaze_tokenizer_parse(&t, b.data, b.len, "small");
  if (e) fprintf(stderr, "%s\n", gaze_err_detail());
  GAZE_ASSERT(!e);
  gaze_buf_fini(&b);
  return t;
}

static void check_text(const gaze_tokenizer *t, const char *s, size_t n, bool special) {
  gaze_ids l = {0};
  gaze_err e = gaze_tokenizer_encode(t, s, n, special, &l);
  GAZE_ASSERT((e == GAZE_OK) == gaze_utf8_valid(s, n));
  if (!e) {
    gaze_buf b = GAZE_BUF_INIT;
    GAZE_ASSERT(!gaze_tokenizer_decode(t, l.v, l.n, false, &b));
    GAZE_ASSERT(b.len == n && (!n || memcmp(b.data, s, n) == 0));
    for (int i = 0; i < l.n && !special; i++) GAZE_ASSERT(!gaze_tokenizer_is_special(t, l.v[i]));
    gaze_buf_fini(&b);
  }
  gaze_ids_fini(&l);
}

static void check_file(const char *json, size_t n) {
  static const char text[] = "It's e\xCC\x81  <|im_end|>\r\n hello 12\xC2\xA0\xE4\xB8\x8A!";
  gaze_tokenizer *t = NULL;
  gaze_err e = gaze_tokenizer_parse(&t, json, n, "fuzz.json");
  GAZE_ASSERT((e == GAZE_OK) == (t != NULL));
  if (!t) return;
  gaze_ids l = {0};
  // the file's own pattern may give up
  (void)gaze_tokenizer_encode(t, text, sizeof text - 1, true, &l);
  gaze_buf b = GAZE_BUF_INIT;
  for (int i = 0; i < l.n; i++) GAZE_ASSERT(l.v[i] >= 0 && l.v[i] < gaze_tokenizer_size(t));
  GAZE_ASSERT(!gaze_tokenizer_decode(t, l.v, l.n, true, &b));
  GAZE_ASSERT(gaze_utf8_valid(gaze_buf_text(&b), b.len));
  gaze_buf_fini(&b);
  gaze_ids_fini(&l);
  gaze_tokenizer_close(&t);
}

// decoding any ids gives valid UTF-8
static void check_ids(const gaze_tokenizer *t, const uint8_t *data, size_t n) {
  gaze_ids l = {0};
  for (size_t i = 0; i + 1 < n; i += 2)
    GAZE_ASSERT(!gaze_ids_add(&l, data[i] | (data[i + 1] & 1) << 8));
  gaze_buf b = GAZE_BUF_INIT;
  GAZE_ASSERT(!gaze_tokenizer_decode(t, l.v, l.n, data[0] & 1, &b));
  GAZE_ASSERT(gaze_utf8_valid(gaze_buf_text(&b), b.len));
  gaze_buf_fini(&b);
  gaze_ids_fini(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static gaze_tokenizer *small;  // once per process
  if (!small) small = small_tokenizer();
  if (size == 0) return 0;
  // the first byte chooses; a file starts with its own brace
  if (data[0] == '{')
    check_file((const char *)data, size);
  else if (data[0] == '#')
    check_ids(small, data, size);
  else
    check_text(small, (const char *)data + 1, size - 1, data[0] & 1);
  return 0;
}
