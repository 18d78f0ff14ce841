// nn/generate.c - the decode loop: sampling, end tokens, stop strings, streaming of whole text.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/rng.h"
#include "core/utf8.h"
#include "nn/nn_internal.h"

static const char REPLACEMENT[] = "\xEF\xBF\xBD";  // U+FFFD

// Text that is decoded but not handed out: it may be half a character or the start of a stop
// string.
typedef struct writer {
  gaze_buf raw;   // token bytes that are not yet whole characters
  gaze_buf text;  // valid UTF-8, held back while it may begin a stop string
  const char *const *stop;
  gaze_stream_fn stream;
  void *ctx;
  bool stopped;  // by a stop string or by the receiver
  bool matched;  // by a stop string
} writer;

static bool continues(unsigned char lead, unsigned char second) {
  if (lead == 0xE0) return second >= 0xA0 && second <= 0xBF;
  if (lead == 0xED) return second >= 0x80 && second <= 0x9F;
  if (lead == 0xF0) return second >= 0x90 && second <= 0xBF;
  if (lead == 0xF4) return second >= 0x80 && second <= 0x8F;
  return second >= 0x80 && second <= 0xBF;
}

// Length of what begins at s: a character (*ok), or the longest invalid part, which is *cut when
// more bytes could still complete it.
static size_t step(const unsigned char *s, size_t n, bool *ok, bool *cut) {
  int whole = gaze_utf8_len((const char *)s, n);
  *ok = whole > 0;
  *cut = false;
  if (whole > 0) return (size_t)whole;
  size_t need = s[0] >= 0xC2 && s[0] <= 0xDF   ? 2
                : s[0] >= 0xE0 && s[0] <= 0xEF ? 3
                : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4
                                               : 1;
  size_t have = 1;
  while (have < need && have < n &&
         (have == 1 ? continues(s[0], s[1]) : (s[have] & 0xC0) == 0x80)) {
    have++;
  }
  *cut = have == n && have < need;
  return have;
}

static void drop_front(gaze_buf *b, size_t n) {
  memmove(b->data, b->data + n, b->len - n + 1);
  b->len -= n;
}

// whole characters move from raw to text; what is cut off waits unless this is the end
static void take_characters(writer *w, bool end) {
  size_t at = 0;
  while (at < w->raw.len) {
    bool ok, cut;
    const unsigned char *s = (const unsigned char *)w->raw.data + at;
    size_t len = step(s, w->raw.len - at, &ok, &cut);
    if (cut && !end) break;
    if (ok) {
      gaze_buf_add(&w->text, s, len);
    } else {
      gaze_buf_str(&w->text, REPLACEMENT);
    }
    at += len;
  }
  if (at > 0) drop_front(&w->raw, at);
}

// bytes that are surely not part of a stop string; sets *match at the first whole one
static size_t safe_length(const writer *w, bool *match) {
  size_t n = w->text.len, safe = n;
  *match = false;
  for (size_t at = 0; at < n && w->stop; at++) {
    for (int i = 0; w->stop[i]; i++) {
      size_t len = strlen(w->stop[i]), left = n - at, both = len < left ? len : left;
      if (len == 0 || memcmp(w->text.data + at, w->stop[i], both) != 0) continue;
      if (both == len) {
        *match = true;
        return at;
      }
      if (at < safe) safe = at;
    }
  }
  return safe;
}

static void hand_out(writer *w, bool end) {
  bool match;
  take_characters(w, end);
  size_t safe = safe_length(w, &match);
  if (end && !match) safe = w->text.len;
  if (safe > 0 && w->stream && !w->stream(w->ctx, w->text.data, safe)) w->stopped = true;
  if (safe > 0) drop_front(&w->text, safe);
  if (match) {
    w->stopped = w->matched = true;
    gaze_buf_clear(&w->text);
    gaze_buf_clear(&w->raw);
  }
}

static gaze_err add_token(writer *w, const gaze_tokenizer *t, int id) {
  size_t n;
  const char *bytes = gaze_tokenizer_bytes(t, id, &n);
  if (bytes && n > 0 && !gaze_tokenizer_is_special(t, id)) gaze_buf_add(&w->raw, bytes, n);
  hand_out(w, false);
  if (w->raw.failed || w->text.failed) return gaze_fail(GAZE_ERR_NOMEM, "generate: text");
  return GAZE_OK;
}

static int see_token(gaze_session *s, int id, int n) {
  uint32_t bit = 1u << (id & 31);
  if (s->seen_bits[id >> 5] & bit) return n;
  s->seen_bits[id >> 5] |= bit;
  s->seen[n] = id;
  return n + 1;
}

// the distinct ids of the session, what the repetition penalty looks at
static int see_all(gaze_session *s) {
  int n = 0;
  memset(s->seen_bits, 0, ((size_t)s->m->cfg.vocab / 32 + 1) * sizeof(uint32_t));
  for (int i = 0; i < s->length; i++) n = see_token(s, s->ids[i], n);
  return n;
}

static gaze_err check(const gaze_session *s, const gaze_sampling *p, const gaze_generated *out) {
  if (!s || !p || !out) return gaze_fail(GAZE_ERR_ARG, "generate: NULL argument");
  if (!s->has_logits) {
    return gaze_fail(GAZE_ERR_STATE, "generate: append first, there are no logits");
  }
  if (!(p->temperature >= 0) || !isfinite(p->temperature) || !(p->top_p > 0 && p->top_p <= 1) ||
      !(p->min_p >= 0 && p->min_p <= 1) || !(p->repetition_penalty > 0) ||
      !isfinite(p->repetition_penalty) || p->top_k < 0 || p->max_new < 0) {
    return gaze_fail(GAZE_ERR_ARG,
                     "generate: expected temperature >= 0, 0 < top_p <= 1, 0 <= min_p <= 1, "
                     "repetition_penalty > 0, top_k >= 0, max_new >= 0");
  }
  return GAZE_OK;
}

static gaze_err pick(gaze_session *s, const gaze_sampling *p, gaze_rng *rng, int seen_n, int *token,
                     float *logp) {
  gaze_sample a = {.token = token,
                   .logp = logp,
                   .logits = s->logits,
                   .vocab = s->m->cfg.vocab,
                   .seen = s->seen,
                   .seen_n = seen_n,
                   .allow = s->allow,
                   .temperature = p->temperature,
                   .top_p = p->top_p,
                   .min_p = p->min_p,
                   .repetition_penalty = p->repetition_penalty,
                   .top_k = p->top_k};
  if (p->temperature > 0) a.u = gaze_rng_real(rng, 0, 1);
  return s->m->ops->sample(s->ex, &a);
}

// the caller's constraint; the image token is never said, for it would need a picture
static void allowed(gaze_session *s, gaze_allow_fn allow, void *ctx, const gaze_generated *out) {
  int image = s->m->cfg.image_token;
  size_t bytes = ((size_t)s->m->cfg.vocab / 32 + 1) * sizeof(uint32_t);
  memset(s->allow, 0, bytes);
  if (!allow || !allow(ctx, out->ids.v, out->ids.n, s->allow)) memset(s->allow, 0xFF, bytes);
  if (image >= 0) s->allow[image >> 5] &= ~(1u << (image & 31));
}

static gaze_err decode(gaze_session *s, const gaze_sampling *p, gaze_allow_fn allow, void *ctx,
                       int limit, writer *w, gaze_generated *out) {
  const gaze_model *m = s->m;
  gaze_rng rng;
  gaze_rng_init(&rng, p->seed, 0);
  int seen_n = p->repetition_penalty != 1.0f ? see_all(s) : 0;
  while (out->ids.n < limit && !w->stopped && !out->ended) {
    int token = -1;
    allowed(s, allow, ctx, out);
    GAZE_TRY(pick(s, p, &rng, seen_n, &token, &out->logp[out->ids.n]));
    if (token < 0 || token >= m->cfg.vocab) {
      return gaze_fail(GAZE_ERR_INTERNAL, "generate: sampled id %d", token);
    }
    GAZE_TRY(gaze_session_append(s, &token, 1, NULL, 0));
    out->ids.v[out->ids.n++] = token;
    if (p->repetition_penalty != 1.0f) seen_n = see_token(s, token, seen_n);
    out->ended = token == m->cfg.eos || token == m->im_end;
    if (w->stream || w->stop) GAZE_TRY(add_token(w, m->tokenizer, token));
  }
  if (!w->stopped && (w->stream || w->stop)) hand_out(w, true);
  if (w->matched) out->ended = true;
  return GAZE_OK;
}

gaze_err gaze_session_generate(gaze_session *s, const gaze_sampling *p, gaze_stream_fn stream,
                               gaze_allow_fn allow, void *ctx, gaze_generated *out) {
  GAZE_TRY(check(s, p, out));
  *out = (gaze_generated){0};
  int limit = p->max_new < s->max - s->length ? p->max_new : s->max - s->length;
  size_t room = (size_t)limit + 1;
  out->ids.v = malloc(room * sizeof(int));
  out->logp = malloc(room * sizeof(float));
  if (!out->ids.v || !out->logp) {
    gaze_generated_fini(out);
    return gaze_fail(GAZE_ERR_NOMEM, "generate: %d tokens", limit);
  }
  out->ids.cap = limit + 1;
  writer w = {.stop = p->stop, .stream = stream, .ctx = ctx};
  int64_t begin = gaze_clock_now();
  gaze_err e = decode(s, p, allow, ctx, limit, &w, out);
  out->decode_ns = gaze_clock_now() - begin;
  gaze_buf_fini(&w.raw);
  gaze_buf_fini(&w.text);
  if (e) gaze_generated_fini(out);
  return e;
}

void gaze_generated_fini(gaze_generated *g) {
  if (!g) return;
  gaze_ids_fini(&g->ids);
  free(g->logp);
  *g = (gaze_generated){0};
}
