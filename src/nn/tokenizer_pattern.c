// nn/tokenizer_pattern.c - the pre-tokeniser's regular expression and NFC normalisation.
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include "nn/tokenizer_internal.h"

// Unicode White_Space. pcre2's own \s also takes U+180E.
#define SPACE                                                                                 \
  "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}" \
  "\\x{205f}\\x{3000}"

enum { PATTERN_MAX = 4096 };

// copies the pattern with \s and \S spelled out; false for \S inside a class, which has no such
// spelling
static bool spell_spaces(const char *p, gaze_buf *out) {
  bool in_class = false;
  while (*p) {
    if (*p == '\\' && p[1]) {
      if (p[1] == 'S' && in_class) return false;
      if (p[1] == 's')
        gaze_buf_str(out, in_class ? SPACE : "[" SPACE "]");
      else if (p[1] == 'S')
        gaze_buf_str(out, "[^" SPACE "]");
      else
        gaze_buf_add(out, p, 2);
      p += 2;
      continue;
    }
    if (*p == '[' && !in_class) {
      in_class = true;
      gaze_buf_add(out, p++, 1);
      // a bracket that comes first is a member of the class
      if (*p == '^') gaze_buf_add(out, p++, 1);
      if (*p == ']') gaze_buf_add(out, p++, 1);
      continue;
    }
    if (*p == ']') in_class = false;
    gaze_buf_add(out, p++, 1);
  }
  return true;
}

gaze_err gazei_pattern_open(pcre2_code **re, const char *pattern, const char *what) {
  *re = NULL;
  gaze_buf b = GAZE_BUF_INIT;
  if (strlen(pattern) > PATTERN_MAX)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: the pattern is longer than %d bytes", what, PATTERN_MAX);
  if (strstr(pattern, "\\Q") || strstr(pattern, "[:") || !spell_spaces(pattern, &b)) {
    gaze_buf_fini(&b);
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \\Q, [: :] and a \\S inside [] are unknown", what);
  }
  if (b.failed) {
    gaze_buf_fini(&b);
    return gaze_fail(GAZE_ERR_NOMEM, "%s: out of memory", what);
  }
  int error = 0;
  PCRE2_SIZE at = 0;
  *re = pcre2_compile((PCRE2_SPTR)gaze_buf_text(&b), b.len,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &at, NULL);
  gaze_buf_fini(&b);
  if (!*re) {
    char text[160] = "";
    pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof text);
    return gaze_fail(GAZE_ERR_FORMAT, "%s: %s", what, text);
  }
  // speed only: without executable memory the interpreter takes over
  pcre2_jit_compile(*re, PCRE2_JIT_COMPLETE);
  return GAZE_OK;
}

static int combining_class(utf8proc_int32_t c) {
  return utf8proc_get_property(c)->combining_class;
}

// sorts a run of combining marks by class, equal classes in their order; counting, because the
// library's own reordering takes quadratic time
static bool sort_marks(utf8proc_int32_t *run, size_t n) {
  if (n < 2) return true;
  if (n <= 32) {
    for (size_t i = 1; i < n; i++) {
      utf8proc_int32_t c = run[i];
      size_t k = i;
      while (k && combining_class(run[k - 1]) > combining_class(c)) run[k] = run[k - 1], k--;
      run[k] = c;
    }
    return true;
  }
  size_t place[257] = {0};
  utf8proc_int32_t *copy = malloc(n * sizeof *copy);
  if (!copy) return false;
  memcpy(copy, run, n * sizeof *copy);
  for (size_t i = 0; i < n; i++) place[combining_class(copy[i]) + 1]++;
  for (int c = 1; c < 257; c++) place[c] += place[c - 1];
  for (size_t i = 0; i < n; i++) run[place[combining_class(copy[i])]++] = copy[i];
  free(copy);
  return true;
}

// canonical decomposition in canonical order; the count goes to *n, NULL without memory
static utf8proc_int32_t *decompose(const char *text, size_t len, size_t *n) {
  size_t cap = len + 32, k = 0, run = 0;
  utf8proc_int32_t *c = malloc(cap * sizeof *c);
  for (size_t i = 0; c && i < len;) {
    utf8proc_int32_t cp = 0, part[32];
    utf8proc_ssize_t step =
        utf8proc_iterate((const utf8proc_uint8_t *)text + i, (utf8proc_ssize_t)(len - i), &cp);
    int boundary = 0;
    utf8proc_ssize_t parts =
        step <= 0
            ? 0
            : utf8proc_decompose_char(cp, part, 32, UTF8PROC_STABLE | UTF8PROC_COMPOSE, &boundary);
    if (step <= 0) step = 1;
    i += (size_t)step;
    if (parts <= 0) continue;
    if (k + (size_t)parts > cap) {
      cap = 2 * cap + (size_t)parts;
      utf8proc_int32_t *more = realloc(c, cap * sizeof *c);
      if (!more) {
        free(c);
        return NULL;
      }
      c = more;
    }
    for (utf8proc_ssize_t j = 0; j < parts; j++) {
      c[k++] = part[j];
      if (combining_class(part[j])) continue;
      if (!sort_marks(c + run, k - 1 - run)) goto fail;
      run = k;
    }
  }
  if (c && sort_marks(c + run, k - run)) {
    *n = k;
    return c;
  }
fail:
  free(c);
  return NULL;
}

gaze_err gazei_nfc(const char *text, size_t n, gaze_buf *out) {
  // text below U+0300 is its own NFC: nothing there composes or reorders
  size_t i = 0;
  while (i < n && (unsigned char)text[i] < 0xCC) i++;
  if (i == n) {
    gaze_buf_add(out, text, n);
    return out->failed ? gaze_fail(GAZE_ERR_NOMEM, "tokenizer: out of memory") : GAZE_OK;
  }

  size_t len = 0;
  utf8proc_int32_t *c = decompose(text, n, &len);
  if (!c) return gaze_fail(GAZE_ERR_NOMEM, "tokenizer: out of memory");
  utf8proc_ssize_t k =
      utf8proc_normalize_utf32(c, (utf8proc_ssize_t)len, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  for (utf8proc_ssize_t j = 0; j < k; j++) {
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t b = utf8proc_encode_char(c[j], bytes);
    gaze_buf_add(out, bytes, (size_t)b);
  }
  free(c);
  if (k < 0) return gaze_fail(GAZE_ERR_INTERNAL, "tokenizer: %s", utf8proc_errmsg(k));
  return out->failed ? gaze_fail(GAZE_ERR_NOMEM, "tokenizer: out of memory") : GAZE_OK;
}
