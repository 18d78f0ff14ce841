// envs/avr/parse.c - reads a reply: any bytes, one bounded pass per tag, no allocation.
#include <string.h>
#include "envs/avr/words.h"

static bool space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

// place of the next `tag` at or after `from`, n if there is none
static size_t find(const char *text, size_t n, size_t from, const char *tag) {
  size_t len = strlen(tag);
  while (from < n && n - from >= len) {
    const char *hit = memchr(text + from, tag[0], n - from - len + 1);
    if (!hit) return n;
    from = (size_t)(hit - text);
    if (memcmp(hit, tag, len) == 0) return from;
    from++;
  }
  return n;
}

// place of the only occurrence, n if there is none or a second one
static size_t find_only(const char *text, size_t n, const char *tag) {
  size_t at = find(text, n, 0, tag);
  return at < n && find(text, n, at + 1, tag) < n ? n : at;
}

static bool all_space(const char *text, size_t from, size_t to) {
  for (size_t i = from; i < to; i++)
    if (!space(text[i])) return false;
  return true;
}

// index of the listed letter that stands alone in text[from,to), -1 otherwise
static int letter(const char *text, size_t from, size_t to, int options) {
  while (from < to && space(text[from])) from++;
  while (to > from && space(text[to - 1])) to--;
  if (to - from != 1) return -1;
  char c = text[from];
  int at = c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' : -1;
  return at < options ? at : -1;
}

// whether the four headings stand in order in text[from,to), each once in the whole reply and
// alone on its line
static bool headings(const char *text, size_t n, size_t from, size_t to) {
  for (int h = 0; h < 4; h++) {
    size_t at = find_only(text, n, avr_heading[h]);
    if (at < from || at >= to || (at > from && text[at - 1] != '\n')) return false;
    from = at + strlen(avr_heading[h]);
    size_t end = from;
    while (end < to && text[end] != '\n' && space(text[end])) end++;
    if (end < to && text[end] != '\n') return false;
  }
  return true;
}

static bool strict(const char *text, size_t n, int options) {
  size_t open = find_only(text, n, "<think>"), close = find_only(text, n, "</think>");
  size_t answer = find_only(text, n, "<answer>"), end = find_only(text, n, "</answer>");
  if (open == n || close == n || answer == n || end == n) return false;
  if (open > close || close > answer || answer > end) return false;

  // nothing but white space outside the two blocks
  if (!all_space(text, 0, open) || !all_space(text, close + 8, answer)) return false;
  if (!all_space(text, end + 9, n)) return false;
  return headings(text, n, open + 7, close) && letter(text, answer + 8, end, options) >= 0;
}

avr_reply avr_parse_reply(const char *text, size_t n, int options) {
  avr_reply r = {.strict = false, .choice = -1};
  if (!text || n == 0 || options <= 0) return r;

  // lenient: the first answer after the last thought, or the first one if nothing was thought
  size_t from = 0;
  for (size_t at = find(text, n, 0, "</think>"); at < n; at = find(text, n, at + 1, "</think>"))
    from = at + 8;
  size_t answer = find(text, n, from, "<answer>");
  if (answer == n) return r;
  r.choice = letter(text, answer + 8, find(text, n, answer + 8, "</answer>"), options);
  r.strict = r.choice >= 0 && strict(text, n, options);
  return r;
}
