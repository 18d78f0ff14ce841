// core/json.c - see json.h. cJSON is lenient where files lie, so a scan runs before it.
#include "core/json.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "core/utf8.h"

enum { NESTING_MAX = 64 };

// a cursor over the text; `at` stops on the first offending byte
typedef struct scan {
  const char *s;
  size_t n, at;
} scan;

static bool digit(const scan *c) {
  return c->at < c->n && c->s[c->at] >= '0' && c->s[c->at] <= '9';
}

static bool scan_digits(scan *c) {
  if (!digit(c)) return false;
  while (digit(c)) c->at++;
  return true;
}

// number = [-] (0 | 1-9 digits) [. digits] [e [+-] digits]
static bool scan_number(scan *c) {
  if (c->s[c->at] == '-') c->at++;
  if (c->at < c->n && c->s[c->at] == '0') {
    c->at++;
  } else if (!scan_digits(c)) {
    return false;
  }
  if (c->at < c->n && c->s[c->at] == '.') {
    c->at++;
    if (!scan_digits(c)) return false;
  }
  if (c->at < c->n && (c->s[c->at] == 'e' || c->s[c->at] == 'E')) {
    c->at++;
    if (c->at < c->n && (c->s[c->at] == '+' || c->s[c->at] == '-')) c->at++;
    if (!scan_digits(c)) return false;
  }
  return true;
}

// whether a number or word may end here
static bool at_delimiter(const scan *c) {
  return c->at == c->n || (c->s[c->at] && strchr(" \t\r\n,:]}", c->s[c->at]));
}

static bool scan_string(scan *c) {
  for (c->at++; c->at < c->n;) {
    unsigned char ch = (unsigned char)c->s[c->at];
    if (ch == '"') return c->at++, true;
    if (ch < 0x20) return false;
    if (ch == '\\') {
      // \u0000 would cut the C string short
      if (c->n - c->at >= 6 && memcmp(c->s + c->at, "\\u0000", 6) == 0) return false;
      c->at += 2;
      continue;
    }
    int len = gaze_utf8_len(c->s + c->at, c->n - c->at);
    if (len == 0) return false;
    c->at += (size_t)len;
  }
  return false;
}

// checks tokens and nesting; the grammar between tokens is left to cJSON
static bool scan_all(scan *c) {
  int depth = 0;
  while (c->at < c->n) {
    char ch = c->s[c->at];
    if (ch == '{' || ch == '[') {
      if (++depth > NESTING_MAX) return false;
      c->at++;
    } else if (ch == '}' || ch == ']') {
      if (--depth < 0) return false;
      c->at++;
    } else if (ch == '"') {
      if (!scan_string(c)) return false;
    } else if (ch == '-' || (ch >= '0' && ch <= '9')) {
      if (!scan_number(c) || !at_delimiter(c)) return false;
    } else if (strchr(" \t\r\n,:", ch) && ch) {
      c->at++;
    } else {
      static const char *const word[] = {"true", "false", "null"};
      size_t w = 0;
      for (; w < 3; w++)
        if (c->n - c->at >= strlen(word[w]) && !memcmp(c->s + c->at, word[w], strlen(word[w])))
          break;
      if (w == 3) return false;
      c->at += strlen(word[w]);
      if (!at_delimiter(c)) return false;
    }
  }
  return depth == 0;
}

gaze_err gaze_json_parse(cJSON **out, const char *text, size_t n, const char *what) {
  *out = NULL;
  scan c = {.s = text, .n = n};
  if (!scan_all(&c))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: not valid JSON at byte %zu", what, c.at);

  // trailing space confuses require_null_terminated, so it is cut here
  while (n && strchr(" \t\r\n", text[n - 1]) && text[n - 1]) n--;
  const char *end = NULL;
  cJSON *j = cJSON_ParseWithLengthOpts(text, n, &end, 0);
  if (!j || end != text + n) {
    cJSON_Delete(j);
    return gaze_fail(GAZE_ERR_FORMAT, "%s: not valid JSON at byte %zu", what,
                     end ? (size_t)(end - text) : (size_t)0);
  }
  *out = j;
  return GAZE_OK;
}

gaze_err gaze_json_load(cJSON **out, const char *path) {
  *out = NULL;
  gaze_buf b = GAZE_BUF_INIT;
  gaze_err e = gaze_file_read(path, (size_t)256 << 20, &b);
  if (!e) e = gaze_json_parse(out, gaze_buf_text(&b), b.len, path);
  gaze_buf_fini(&b);
  return e;
}

const cJSON *gaze_json_get(const cJSON *o, const char *key) {
  const cJSON *found = NULL, *i = NULL;
  if (!cJSON_IsObject(o)) return NULL;
  cJSON_ArrayForEach(i, o) if (i->string && strcmp(i->string, key) == 0) found = i;
  return found;
}

gaze_err gaze_json_int(const cJSON *o, const char *key, int64_t lo, int64_t hi, int64_t *out,
                       const char *what) {
  const cJSON *v = gaze_json_get(o, key);
  double d = cJSON_IsNumber(v) ? v->valuedouble : NAN;
  // the first test also refuses NaN
  if (!(fabs(d) <= 9007199254740992.0) || d != floor(d) || d < (double)lo || d > (double)hi)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \"%s\" must be a whole number from %lld to %lld", what,
                     key, (long long)lo, (long long)hi);
  *out = (int64_t)d;
  return GAZE_OK;
}

gaze_err gaze_json_num(const cJSON *o, const char *key, double *out, const char *what) {
  const cJSON *v = gaze_json_get(o, key);
  if (!cJSON_IsNumber(v) || !isfinite(v->valuedouble))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \"%s\" must be a finite number", what, key);
  *out = v->valuedouble;
  return GAZE_OK;
}

gaze_err gaze_json_str(const cJSON *o, const char *key, const char **out, const char *what) {
  const cJSON *v = gaze_json_get(o, key);
  if (!cJSON_IsString(v))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \"%s\" must be a string", what, key);
  *out = v->valuestring;
  return GAZE_OK;
}

void gaze_json_add_str(gaze_buf *b, const char *s, size_t n) {
  gaze_buf_add(b, "\"", 1);
  for (size_t i = 0; i < n;) {
    unsigned char c = (unsigned char)s[i];
    int len = gaze_utf8_len(s + i, n - i);
    if (len == 0) {
      gaze_buf_str(b, "\xEF\xBF\xBD");
      i++;
      continue;
    }
    if (c == '"' || c == '\\') {
      gaze_buf_printf(b, "\\%c", c);
    } else if (c == '\n') {
      gaze_buf_str(b, "\\n");
    } else if (c == '\t') {
      gaze_buf_str(b, "\\t");
    } else if (c == '\r') {
      gaze_buf_str(b, "\\r");
    } else if (c < 0x20) {
      gaze_buf_printf(b, "\\u%04x", c);
    } else {
      gaze_buf_add(b, s + i, (size_t)len);
    }
    i += (size_t)len;
  }
  gaze_buf_add(b, "\"", 1);
}
