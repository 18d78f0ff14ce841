// view/video_text.c - what a film says: the overlay beside the picture and the subtitles.
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "core/json.h"
#include "view/cited.h"
#include "view/video_internal.h"

enum { SHOWN = 27 };  // lines of thought beside the picture; older ones scroll out

static const double LEAD_SECONDS = 0.8, HOLD_SECONDS = 2.0;

void video_lay_out(const gaze_video_settings *s, const char *reply, int64_t first, video_turn *t) {
  *t = (video_turn){.first = first};
  for (const char *at = reply; *at && t->lines < VIDEO_LINES_MAX;) {
    size_t n = strcspn(at, "\n");
    if (n > 0) {
      t->line[t->lines] = at;
      t->length[t->lines++] = n > 512 ? 512 : (int)n;
    }
    at += n + (at[n] == '\n');
  }
  t->per_line = (int)fmax(1, round(s->line_seconds * s->fps));
  t->lead = (int)ceil(LEAD_SECONDS * s->fps);
  t->frames = t->lead + (int64_t)t->per_line * t->lines + (int64_t)ceil(HOLD_SECONDS * s->fps);
}

bool video_box(const char *line, int box[4]) {
  if (!gaze_cited_box(line, box)) return false;
  for (int k = 0; k < 4; k++)
    if (box[k] < 0 || box[k] > 99) return false;
  return box[0] <= box[2] && box[1] <= box[3];
}

static void put_time(gaze_buf *b, const gaze_video_settings *s, int64_t frame, char point,
                     int digits) {
  int64_t ms = frame * 1000 / s->fps;
  gaze_buf_printf(b, digits == 2 ? "%d:%02d:%02d%c%02d" : "%02d:%02d:%02d%c%03d",
                  (int)(ms / 3600000), (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), point,
                  (int)(digits == 2 ? ms % 1000 / 10 : ms % 1000));
}

// braces open style overrides and backslashes commands: both are shown as what they look like
static void put_plain(gaze_buf *b, const char *s, size_t n) {
  for (size_t i = 0; i < n; i++) {
    char c = s[i];
    if ((unsigned char)c < 32 || c == 127) continue;
    if (c == '{' || c == '}') c = c == '{' ? '(' : ')';
    if (c == '\\') c = '/';
    gaze_buf_add(b, &c, 1);
  }
}

void video_overlay_head(int w, int h, gaze_buf *ass) {
  int left = h + h / 45, size = h / 40;
  gaze_buf_printf(ass,
                  "[Script Info]\nScriptType: v4.00+\nPlayResX: %d\nPlayResY: %d\nWrapStyle: 0\n"
                  "[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, Outline, Shadow, "
                  "Alignment, MarginL, MarginR, MarginV\n",
                  w, h);
  const struct {
    const char *name, *colour;
    int alignment, size;
  } style[] = {{"Question", "&H00F0E6DC", 7, size + 2},
               {"Thought", "&H00E0E0E0", 7, size},
               {"Outcome", "&H0078D2FF", 1, size + 2}};
  for (int i = 0; i < 3; i++)
    gaze_buf_printf(ass, "Style: %s,DejaVu Sans,%d,%s,0,0,%d,%d,%d,%d\n", style[i].name,
                    style[i].size, style[i].colour, style[i].alignment, left, h / 60,
                    i == 1 ? h / 7 : h / 60);
  gaze_buf_str(ass, "[Events]\nFormat: Layer, Start, End, Style, Text\n");
}

static void begin_event(const gaze_video_settings *s, int64_t from, int64_t to, const char *style,
                        gaze_buf *ass) {
  gaze_buf_str(ass, "Dialogue: 0,");
  put_time(ass, s, from, '.', 2);
  gaze_buf_str(ass, ",");
  put_time(ass, s, to, '.', 2);
  gaze_buf_printf(ass, ",%s,", style);
}

static void put_line(const char *line, int n, gaze_buf *ass) {
  int box[4];
  const char *colour = n > 1 && line[0] == '#'                 ? "{\\b1\\c&HFFC896&}"
                       : video_box(line, box)                  ? "{\\c&H20B0FF&}"
                       : n > 8 && !memcmp(line, "<answer>", 8) ? "{\\b1\\c&H78F078&}"
                                                               : NULL;
  if (colour) gaze_buf_str(ass, colour);
  put_plain(ass, line, (size_t)n);
  if (colour) gaze_buf_str(ass, "{\\r}");
}

// the thought grows line by line; what does not fit leaves at the top
static void thought_events(const gaze_video_settings *s, const video_turn *t, gaze_buf *ass) {
  for (int k = 0; k < t->lines; k++) {
    int64_t from = t->first + t->lead + (int64_t)k * t->per_line;
    begin_event(s, from, k + 1 < t->lines ? from + t->per_line : t->first + t->frames, "Thought",
                ass);
    for (int i = k < SHOWN ? 0 : k - SHOWN + 1; i <= k; i++) {
      put_line(t->line[i], t->length[i], ass);
      gaze_buf_str(ass, i < k ? "\\N" : "\n");
    }
  }
}

static bool is_true(const cJSON *j, const char *key) {
  return cJSON_IsTrue(gaze_json_get(j, key));
}

static void outcome_event(const gaze_video_settings *s, const video_turn *t, const char *json,
                          gaze_buf *ass) {
  cJSON *j = json ? cJSON_Parse(json) : NULL;
  if (!j) return;
  begin_event(s, t->first + t->lead + (int64_t)t->lines * t->per_line, t->first + t->frames,
              "Outcome", ass);
  const cJSON *status = gaze_json_get(j, "status");
  if (is_true(j, "answered")) {
    gaze_buf_printf(ass, "%s answer, evidence %s", is_true(j, "correct") ? "right" : "wrong",
                    is_true(j, "sufficient_before") ? "sufficient" : "not sufficient");
  } else {
    const char *text = cJSON_IsString(status) ? status->valuestring : "";
    put_plain(ass, text, strlen(text));
    if (is_true(j, "gaining")) gaze_buf_str(ass, ", revealed something relevant");
  }
  gaze_buf_str(ass, "\n");
  cJSON_Delete(j);
}

// one subtitle per section of the thought, without the lists of boxes
static void subtitles(const gaze_video_settings *s, const video_turn *t, gaze_buf *srt, int *next) {
  for (int k = 0, end; k < t->lines; k = end) {
    int shown = 0, box[4];
    for (end = k + 1; end < t->lines && t->line[end][0] != '#'; end++) {
    }
    for (int i = k; i < end; i++) shown += t->line[i][0] != '#' && !video_box(t->line[i], box);
    if (shown == 0) continue;
    gaze_buf_printf(srt, "%d\n", (*next)++);
    put_time(srt, s, t->first + t->lead + (int64_t)k * t->per_line, ',', 3);
    gaze_buf_str(srt, " --> ");
    put_time(
        srt, s,
        end < t->lines ? t->first + t->lead + (int64_t)end * t->per_line : t->first + t->frames,
        ',', 3);
    gaze_buf_str(srt, "\n");
    for (int i = k; i < end; i++) {
      if (t->line[i][0] == '#' || video_box(t->line[i], box)) continue;
      put_plain(srt, t->line[i], (size_t)t->length[i]);
      gaze_buf_str(srt, "\n");
    }
    gaze_buf_str(srt, "\n");
  }
}

void video_turn_texts(const gaze_video_settings *s, const video_turn *t,
                      const gaze_record_turn *turn, const char *question, gaze_buf *ass,
                      gaze_buf *srt, int *next) {
  if (question) {
    begin_event(s, t->first, t->first + t->frames, "Question", ass);
    put_plain(ass, question, strcspn(question, "\n"));
    gaze_buf_str(ass, "\n");
  }
  thought_events(s, t, ass);
  outcome_event(s, t, turn->outcome_json, ass);
  subtitles(s, t, srt, next);
}
