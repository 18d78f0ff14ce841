// envs/rewards/vla_r1_parse.c - reply text to think block, output block and typed payload.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "data/jsonspan.h"
#include "envs/rewards/vla_r1.h"

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

// ASCII white space, which is more than JSON's own: \v and \f count too
static bool blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// offset of `tag` in t at or after `from`, SIZE_MAX if it is not there; only ASCII letters fold
static size_t find_tag(gaze_span t, size_t from, const char *tag) {
  size_t len = strlen(tag);
  for (size_t i = from; i + len <= t.n; i++) {
    size_t k = 0;
    while (k < len && lower(t.s[i + k]) == tag[k]) k++;
    if (k == len) return i;
  }
  return SIZE_MAX;
}

// first opening tag and the first closing tag after it
static bool find_block(gaze_span t, const char *open, const char *close, gaze_span *body) {
  size_t a = find_tag(t, 0, open);
  if (a == SIZE_MAX) return false;
  a += strlen(open);
  size_t b = find_tag(t, a, close);
  if (b == SIZE_MAX) return false;
  *body = (gaze_span){t.s + a, b - a};
  return true;
}

static gaze_span trim(gaze_span v) {
  while (v.n && blank(v.s[0])) v.s++, v.n--;
  while (v.n && blank(v.s[v.n - 1])) v.n--;
  return v;
}

static bool is_object(gaze_span v) {
  return v.n && v.s[0] == '{';
}

// a member name against a plain word, \u escapes of ASCII undone
static bool key_is(gaze_span key, const char *word) {
  size_t at = 0;
  for (; *word; word++) {
    char c = at < key.n ? key.s[at] : 0;
    if (c == '\\' && key.n - at >= 6 && key.s[at + 1] == 'u') {
      char hex[5] = {key.s[at + 2], key.s[at + 3], key.s[at + 4], key.s[at + 5], 0};
      if (strtol(hex, NULL, 16) != *word) return false;
      at += 6;
      continue;
    }
    if (at == key.n || c != *word) return false;
    at++;
  }
  return at == key.n;
}

// a finite JSON number; the span lies inside an output block, so a byte that ends the number
// follows
static bool read_number(gaze_span v, double *out) {
  if (!v.n || !(v.s[0] == '-' || (v.s[0] >= '0' && v.s[0] <= '9'))) return false;
  *out = strtod(v.s, NULL);
  return isfinite(*out);
}

static double clamp01(double x) {
  return x < 0 ? 0 : x > 1 ? 1 : x;
}

static bool read_box(gaze_span v, double box[4]) {
  static const char *const name[] = {"x", "y", "width", "height"};
  double value[4] = {0};
  bool good[4] = {false};
  gaze_span_iter it;
  gaze_span key, member;
  if (!gaze_span_open(v, &it)) return false;
  while (gaze_span_next(&it, &key, &member))
    for (int i = 0; i < 4; i++)
      // of duplicates the last one decides, good or bad
      if (key_is(key, name[i])) good[i] = read_number(member, &value[i]);
  if (!good[0] || !good[1] || !good[2] || !good[3]) return false;
  for (int axis = 0; axis < 2; axis++) {
    double half = fabs(value[2 + axis]) / 2;
    box[axis] = clamp01(value[axis] - half);
    box[2 + axis] = clamp01(value[axis] + half);
  }
  return true;
}

static bool no_members(gaze_span object) {
  gaze_span_iter it;
  gaze_span key, member;
  return gaze_span_open(object, &it) && !gaze_span_next(&it, &key, &member);
}

static bool read_point(gaze_span v, double p[2]) {
  gaze_span_iter it;
  gaze_span key, item;
  if (is_object(v) || !gaze_span_open(v, &it)) return false;
  int n = 0;
  for (; gaze_span_next(&it, &key, &item); n++) {
    double x;
    if (n == 2 || !read_number(item, &x)) return false;
    p[n] = clamp01(x);
  }
  return n == 2;
}

static bool read_path(gaze_span v, double (*point)[2], int cap, int *points) {
  gaze_span_iter it;
  gaze_span key, item;
  *points = 0;
  if (!gaze_span_open(v, &it)) return false;
  while (gaze_span_next(&it, &key, &item)) {
    if (*points == cap || !read_point(item, point[*points])) {
      *points = 0;
      return false;
    }
    ++*points;
  }
  return true;
}

// one non-empty think, one output, in this order, each tag once, blanks between
static bool strict_grammar(gaze_span t) {
  static const char *const tag[] = {"<think>", "</think>", "<output>", "</output>"};
  size_t at[4], end = 0;
  for (int i = 0; i < 4; i++) {
    at[i] = find_tag(t, 0, tag[i]);
    if (at[i] == SIZE_MAX || at[i] < end) return false;
    end = at[i] + strlen(tag[i]);
    if (find_tag(t, end, tag[i]) != SIZE_MAX) return false;
  }
  size_t think = at[0] + strlen(tag[0]), between = at[1] + strlen(tag[1]);
  return trim((gaze_span){t.s, at[0]}).n == 0 &&
         trim((gaze_span){t.s + think, at[1] - think}).n > 0 &&
         trim((gaze_span){t.s + between, at[2] - between}).n == 0 &&
         trim((gaze_span){t.s + end, t.n - end}).n == 0;
}

void gaze_vla_r1_parse(const char *text, size_t n, double (*point)[2], int cap,
                       gaze_vla_r1_reply *r) {
  *r = (gaze_vla_r1_reply){.point = point};
  gaze_span all = {text ? text : "", text ? n : 0}, body;
  r->think = find_block(all, "<think>", "</think>", &body);
  r->strict = strict_grammar(all);
  if (!find_block(all, "<output>", "</output>", &body)) return;
  gaze_span value = trim(body);
  // a bare null counts as no payload
  if (!gaze_span_valid(value) || value.s[0] == 'n') return;
  r->json = true;
  if (is_object(value)) {
    if (read_box(value, r->box))
      r->kind = GAZE_VLA_R1_BOX;
    else if (no_members(value))
      r->kind = GAZE_VLA_R1_EMPTY;
  } else if (value.s[0] == '[') {
    if (read_path(value, point, cap, &r->points)) r->kind = GAZE_VLA_R1_PATH;
  }
}
