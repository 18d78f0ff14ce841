// envs/rewards/vla_r1_extra.c - optional terms: where a path ends, how long and how repetitive a
// reply is.
#include <math.h>
#include <string.h>
#include "envs/rewards/vla_r1.h"

static const double ENDPOINT_SCALE = 10;  // per image side
enum { GRAMS_MAX = 4096, SLOTS = 2 * GRAMS_MAX };

double gaze_vla_r1_endpoint(const gaze_vla_r1_reply *prediction,
                            const gaze_vla_r1_reply *reference) {
  if (prediction->points < 1 || reference->points < 1) return 0;
  const double *a = prediction->point[prediction->points - 1];
  const double *b = reference->point[reference->points - 1];
  return exp(-ENDPOINT_SCALE * hypot(a[0] - b[0], a[1] - b[1]));
}

double gaze_overlong_penalty(int length, int max, int cache) {
  if (length > max) return -1;
  if (cache <= 0 || length <= max - cache) return 0;
  return (double)(max - cache - length) / cache;
}

static bool blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// FNV-1a over the word in lower case; 64 bits make a false repeat improbable
static uint64_t next_word(const char **at, const char *end) {
  while (*at < end && blank(**at)) ++*at;
  if (*at == end) return 0;
  uint64_t h = 14695981039346656037u;
  for (; *at < end && !blank(**at); ++*at) {
    char c = **at;
    if (c >= 'A' && c <= 'Z') c = (char)(c + 32);
    h = (h ^ (unsigned char)c) * 1099511628211u;
  }
  return h ? h : 1;
}

double gaze_repetition_penalty(const char *text, size_t n) {
  uint64_t slot[SLOTS];
  memset(slot, 0, sizeof slot);
  const char *at = text, *end = text + n;
  uint64_t a = next_word(&at, end), b = next_word(&at, end), c;
  int total = 0, unique = 0;
  while (total < GRAMS_MAX && (c = next_word(&at, end)) != 0) {
    uint64_t h = (a * 0x9E3779B97F4A7C15u ^ b) * 0xC2B2AE3D27D4EB4Fu ^ c;
    if (h == 0) h = 1;
    size_t i = (size_t)(h % SLOTS);
    while (slot[i] && slot[i] != h) i = (i + 1) % SLOTS;
    if (!slot[i]) unique++;
    slot[i] = h;
    total++;
    a = b, b = c;
  }
  return total ? -(1 - (double)unique / total) : 0;
}
