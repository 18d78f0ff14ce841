// data/jsonspan.c - see jsonspan.h. One recursive check, then cheap steps over checked text.
#include "data/jsonspan.h"
#include <stdlib.h>
#include <string.h>
#include "core/utf8.h"

enum { NESTING_MAX = 64 };

typedef struct text {
  const char *at, *end;
} text;

static void blanks(text *t) {
  while (t->at < t->end && (*t->at == ' ' || *t->at == '\t' || *t->at == '\n' || *t->at == '\r'))
    t->at++;
}

static bool word(text *t, const char *w) {
  size_t n = strlen(w);
  if ((size_t)(t->end - t->at) < n || memcmp(t->at, w, n) != 0) return false;
  t->at += n;
  return true;
}

static bool one(text *t, char c) {
  if (t->at >= t->end || *t->at != c) return false;
  t->at++;
  return true;
}

static bool digits(text *t) {
  const char *from = t->at;
  while (t->at < t->end && *t->at >= '0' && *t->at <= '9') t->at++;
  return t->at > from;
}

static bool number(text *t) {
  one(t, '-');
  if (!one(t, '0') && !digits(t)) return false;
  if (one(t, '.') && !digits(t)) return false;
  if (one(t, 'e') || one(t, 'E')) {
    if (!one(t, '+')) one(t, '-');
    return digits(t);
  }
  return true;
}

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static bool escape(text *t) {
  if (t->at >= t->end) return false;
  char c = *t->at++;
  if (c != 'u') return c && strchr("\"\\/bfnrt", c);
  for (int i = 0; i < 4; i++)
    if (t->at >= t->end || hex(*t->at++) < 0) return false;
  return true;
}

static bool string(text *t) {
  if (!one(t, '"')) return false;
  while (t->at < t->end) {
    unsigned char c = (unsigned char)*t->at;
    if (c == '"') return t->at++, true;
    if (c < 0x20) return false;
    if (c == '\\') {
      t->at++;
      if (!escape(t)) return false;
    } else if (c < 0x80) {
      t->at++;
    } else {
      int n = gaze_utf8_len(t->at, (size_t)(t->end - t->at));
      if (!n) return false;
      t->at += n;
    }
  }
  return false;
}

static bool value(text *t, int depth);

static bool members(text *t, bool object, int depth) {
  char close = object ? '}' : ']';
  t->at++;
  blanks(t);
  if (one(t, close)) return true;
  for (;;) {
    blanks(t);
    if (object) {
      if (!string(t)) return false;
      blanks(t);
      if (!one(t, ':')) return false;
      blanks(t);
    }
    if (!value(t, depth + 1)) return false;
    blanks(t);
    if (one(t, close)) return true;
    if (!one(t, ',')) return false;
  }
}

static bool value(text *t, int depth) {
  if (t->at >= t->end || depth > NESTING_MAX) return false;
  switch (*t->at) {
    case '{':
      return members(t, true, depth);
    case '[':
      return members(t, false, depth);
    case '"':
      return string(t);
    case 't':
      return word(t, "true");
    case 'f':
      return word(t, "false");
    case 'n':
      return word(t, "null");
    default:
      return number(t);
  }
}

bool gaze_span_valid(gaze_span v) {
  if (!v.s) return false;
  text t = {v.s, v.s + v.n};
  blanks(&t);
  if (!value(&t, 0)) return false;
  blanks(&t);
  return t.at == t.end;
}

bool gaze_span_open(gaze_span v, gaze_span_iter *it) {
  text t = {v.s, v.s + v.n};
  blanks(&t);
  if (t.at >= t.end || (*t.at != '{' && *t.at != '[')) return false;
  *it = (gaze_span_iter){.at = t.at + 1, .end = t.end, .first = *t.at == '{'};
  return true;
}

// steps over a string of checked text
static void skip_string(text *t) {
  for (t->at++; t->at < t->end && *t->at != '"'; t->at++)
    if (*t->at == '\\') t->at++;
  t->at++;
}

// steps over a value of checked text: only strings and brackets matter
static void skip(text *t) {
  int depth = 0;
  while (t->at < t->end) {
    char c = *t->at;
    if (c == '"') {
      skip_string(t);
      if (depth == 0) return;
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) return;
    t->at++;
    if (c == '{' || c == '[') depth++;
    if ((c == '}' || c == ']') && --depth == 0) return;
  }
}

bool gaze_span_next(gaze_span_iter *it, gaze_span *key, gaze_span *val) {
  text t = {it->at, it->end};
  blanks(&t);
  if (one(&t, ',')) blanks(&t);
  if (t.at >= t.end || *t.at == '}' || *t.at == ']') return false;
  *key = (gaze_span){0};
  if (it->first) {
    const char *from = t.at + 1;
    skip_string(&t);
    *key = (gaze_span){from, (size_t)(t.at - from - 1)};
    blanks(&t);
    one(&t, ':');
    blanks(&t);
  }
  const char *from = t.at;
  skip(&t);
  size_t n = (size_t)(t.at - from);
  while (n && strchr(" \t\r\n", from[n - 1])) n--;
  *val = (gaze_span){from, n};
  it->at = t.at;
  return true;
}

bool gaze_span_is(gaze_span key, const char *name) {
  return key.s && key.n == strlen(name) && memcmp(key.s, name, key.n) == 0;
}

static unsigned hex4(const char *p) {
  return (unsigned)(hex(p[0]) << 12 | hex(p[1]) << 8 | hex(p[2]) << 4 | hex(p[3]));
}

static size_t put_utf8(char *o, unsigned c) {
  if (c < 0x80) return o[0] = (char)c, 1;
  if (c < 0x800) return o[0] = (char)(0xC0 | c >> 6), o[1] = (char)(0x80 | (c & 63)), 2;
  if (c < 0x10000) {
    o[0] = (char)(0xE0 | c >> 12), o[1] = (char)(0x80 | (c >> 6 & 63));
    o[2] = (char)(0x80 | (c & 63));
    return 3;
  }
  o[0] = (char)(0xF0 | c >> 18), o[1] = (char)(0x80 | (c >> 12 & 63));
  o[2] = (char)(0x80 | (c >> 6 & 63)), o[3] = (char)(0x80 | (c & 63));
  return 4;
}

// decodes the \u at *p (behind the u) into *o; 0 if it is no character of its own
static size_t unicode(const char **p, const char *end, char *o) {
  unsigned c = hex4(*p);
  *p += 4;
  if (c >= 0xD800 && c < 0xDC00) {
    if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u') return 0;
    unsigned low = hex4(*p + 2);
    if (low < 0xDC00 || low > 0xDFFF) return 0;
    *p += 6;
    c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
  } else if (c >= 0xDC00 && c < 0xE000) {
    return 0;
  }
  return c ? put_utf8(o, c) : 0;
}

gaze_err gaze_span_str(gaze_span v, char **out, const char *what) {
  *out = NULL;
  if (v.n < 2 || v.s[0] != '"') return gaze_fail(GAZE_ERR_FORMAT, "%s: expected a string", what);
  char *o = malloc(v.n);  // escapes only shrink
  if (!o) return GAZE_ERR_NOMEM;
  size_t n = 0;
  const char *p = v.s + 1, *end = v.s + v.n - 1;
  while (p < end) {
    const char *run = memchr(p, '\\', (size_t)(end - p));
    size_t k = (size_t)((run ? run : end) - p);
    memcpy(o + n, p, k);
    n += k, p += k;
    if (!run) break;
    char c = p[1];
    p += 2;
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *hit = strchr(from, c);
    if (hit) {
      o[n++] = to[hit - from];
      continue;
    }
    size_t used = unicode(&p, end, o + n);
    if (!used) {
      free(o);
      return gaze_fail(GAZE_ERR_FORMAT, "%s: U+0000 or half a surrogate pair in a string", what);
    }
    n += used;
  }
  o[n] = 0;
  *out = o;
  return GAZE_OK;
}

gaze_err gaze_span_int(gaze_span v, int64_t lo, int64_t hi, int64_t *out, const char *what) {
  bool minus = v.n && v.s[0] == '-';
  uint64_t x = 0;
  bool good = v.n > (size_t)minus && v.n <= 20;
  for (size_t i = minus; good && i < v.n; i++) {
    unsigned d = (unsigned)(v.s[i] - '0');
    good = d <= 9 && x <= ((uint64_t)INT64_MAX - d) / 10;
    if (good) x = x * 10 + d;
  }
  int64_t y = minus ? -(int64_t)x : (int64_t)x;
  if (!good || y < lo || y > hi)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected a whole number in %lld..%lld", what,
                     (long long)lo, (long long)hi);
  *out = y;
  return GAZE_OK;
}

gaze_err gaze_span_bool(gaze_span v, bool *out, const char *what) {
  bool yes = gaze_span_is(v, "true");
  if (!yes && !gaze_span_is(v, "false"))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected true or false", what);
  *out = yes;
  return GAZE_OK;
}
