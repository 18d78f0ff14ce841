// app/cmd_reward.c - gaze reward: scores pairs of replies, one JSON line in, one out.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/registry.h"
#include "core/buf.h"
#include "data/jsonspan.h"
#include "envs/rewards/vla_r1.h"

static const size_t LINE_MAX_BYTES = (size_t)16 << 20;

// standard input in blocks, handed out as lines
typedef struct lines {
  char block[1 << 16];
  size_t at, have;
  long number;  // of the line last read, from 1
} lines;

// Reads one line without its newline into `b`; END after the last one, RANGE beyond the limit.
static gaze_err next_line(lines *in, gaze_buf *b) {
  gaze_buf_clear(b);
  in->number++;
  for (bool any = false;; any = true) {
    if (in->at == in->have) {
      in->at = 0;
      in->have = fread(in->block, 1, sizeof in->block, stdin);
      if (in->have == 0 && ferror(stdin)) return gaze_fail(GAZE_ERR_IO, "cannot read the input");
      if (in->have == 0) return any && b->len ? GAZE_OK : GAZE_ERR_END;
    }
    const char *from = in->block + in->at, *end = memchr(from, '\n', in->have - in->at);
    size_t n = end ? (size_t)(end - from) : in->have - in->at;
    if (n > LINE_MAX_BYTES - b->len)
      return gaze_fail(GAZE_ERR_RANGE, "line %ld: longer than 16 MiB", in->number);
    gaze_buf_add(b, from, n);
    if (b->failed) return gaze_fail(GAZE_ERR_NOMEM, "line %ld: out of memory", in->number);
    in->at += n + (end ? 1 : 0);
    if (end) return GAZE_OK;
  }
}

// the two texts of a line, owned by the caller
static gaze_err read_pair(const gaze_buf *line, long number, char **prediction, char **reference) {
  const gaze_span all = {gaze_buf_text(line), line->len};
  gaze_span_iter it;
  gaze_span key, value, p = {0}, r = {0};
  char where[32];
  snprintf(where, sizeof where, "line %ld", number);
  if (!gaze_span_valid(all)) return gaze_fail(GAZE_ERR_FORMAT, "%s: not valid JSON", where);
  if (!gaze_span_open(all, &it) || !memchr(all.s, '{', all.n))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected an object with \"prediction\", \"reference\"",
                     where);
  while (gaze_span_next(&it, &key, &value)) {
    if (key.s && gaze_span_is(key, "prediction")) p = value;
    if (key.s && gaze_span_is(key, "reference")) r = value;
  }
  if (!p.n || p.s[0] != '"')
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \"prediction\" must be a string", where);
  if (!r.n || r.s[0] != '"')
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \"reference\" must be a string", where);
  GAZE_TRY(gaze_span_str(p, prediction, where));
  return gaze_span_str(r, reference, where);
}

// the shortest decimal form that reads back as the same double; null for NaN
static void put_number(const char *key, double v) {
  char text[32];
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, v);
    if (strtod(text, NULL) == v) break;
  }
  printf(",\"%s\":%s", key, isnan(v) ? "null" : text);
}

static gaze_err score_line(const gaze_buf *line, long number, const gaze_vla_r1_options *o) {
  static const char *const kind[] = {"invalid", "box", "path", "empty"};
  char *prediction = NULL, *reference = NULL;
  gaze_err e = read_pair(line, number, &prediction, &reference);
  if (!e) {
    const gaze_vla_r1_score s =
        gaze_vla_r1_eval(prediction, strlen(prediction), reference, strlen(reference), o);
    printf("{\"kind\":\"%s\"", kind[s.kind]);
    put_number("task", s.task);
    put_number("format", s.format);
    put_number("score", s.score);
    put_number("iou", s.iou);
    put_number("frechet_norm", s.frechet_norm);
    printf("}\n");
  }
  free(prediction);
  free(reference);
  return e;
}

static gaze_err score_all(const gaze_cfg *c) {
  const char *mode;
  GAZE_TRY(gaze_cfg_str(c, "mode", "released", &mode));
  gaze_vla_r1_options o = {.mode = GAZE_VLA_R1_RELEASED};
  GAZE_TRY(gaze_cfg_bool(c, "cap_ratio", false, &o.cap_ratio));
  GAZE_TRY(gaze_cfg_bool(c, "sharpen", false, &o.sharpen));
  if (!strcmp(mode, "strict"))
    o.mode = GAZE_VLA_R1_STRICT;
  else if (strcmp(mode, "released"))
    return gaze_fail(GAZE_ERR_ARG, "--mode: expected released or strict, not \"%s\"", mode);
  lines *in = calloc(1, sizeof *in);
  if (!in) return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
  gaze_buf line = GAZE_BUF_INIT;
  gaze_err e = GAZE_OK;
  while (!*gaze_stop_flag() && (e = next_line(in, &line)) == GAZE_OK) {
    // an empty line is no pair, and no reason to stop
    if (strspn(gaze_buf_text(&line), " \t\r") == line.len) continue;
    e = score_line(&line, in->number, &o);
    if (e) break;
  }
  gaze_buf_fini(&line);
  free(in);
  // what was scored before a bad line stands
  if (fflush(stdout) && (!e || e == GAZE_ERR_END))
    return gaze_fail(GAZE_ERR_IO, "cannot write the results");
  return e == GAZE_ERR_END ? GAZE_OK : e;
}

static gaze_err reward(gaze_args *a) {
  if (a->words != 1) return gaze_fail(GAZE_ERR_ARG, "expected the name of one reward: vla_r1");
  if (strcmp(a->word[0], "vla_r1"))
    return gaze_fail(GAZE_ERR_ARG, "unknown reward \"%s\"; known: vla_r1", a->word[0]);
  return score_all(a->cfg);
}

static const gaze_flag flags[] = {
    {.name = "--mode",
     .key = "mode",
     .kind = GAZE_FLAG_TEXT,
     .value = "MODE",
     .help = "released (default: as published) or strict (guards for training)"},
    {.name = "--cap-ratio",
     .key = "cap_ratio",
     .kind = GAZE_FLAG_SWITCH,
     .help = "length term of a path vertex at most ln 10"},
    {.name = "--sharpen",
     .key = "sharpen",
     .kind = GAZE_FLAG_SWITCH,
     .help = "task := max(0, (task - 0.6) / 0.4)"},
    {.name = "--json", .key = "json", .kind = GAZE_FLAG_SWITCH, .help = "the only form there is"},
    {0},
};

const gaze_command gaze_cmd_reward = {
    .name = "reward",
    .about = "score replies against references, line by line",
    .usage = "reward vla_r1 < pairs.jsonl",
    .more =
        "A line is {\"prediction\": reply, \"reference\": reply}; the answer is\n"
        "{\"kind\",\"task\",\"format\",\"score\",\"iou\",\"frechet_norm\"}. A bad line ends the "
        "run "
        "with\nexit code 2; the results before it stand.\n",
    .flags = flags,
    .body = reward,
};
