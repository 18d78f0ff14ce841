// view/plot.c - see plot.h.
#include "view/plot.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/json.h"

enum { WIDTH = 860, PANEL = 220, LEFT = 70, RIGHT = 20, TOP = 34, BOTTOM = 34 };

typedef struct series {
  double *x, *y;  // [n], owned
  int n, cap;
} series;

static gaze_err add_point(series *s, double x, double y) {
  if (s->n == s->cap) {
    int cap = s->cap ? 2 * s->cap : 256;
    double *p = realloc(s->x, (size_t)cap * sizeof *p);
    if (p) s->x = p;
    double *q = realloc(s->y, (size_t)cap * sizeof *q);
    if (q) s->y = q;
    if (!p || !q) return gaze_fail(GAZE_ERR_NOMEM, "plot: out of memory");
    s->cap = cap;
  }
  s->x[s->n] = x, s->y[s->n++] = y;
  return GAZE_OK;
}

static gaze_err read_series(const char *jsonl, size_t n, const char *key, series *s) {
  for (size_t at = 0; at < n;) {
    const char *line = jsonl + at, *end = memchr(line, '\n', n - at);
    size_t len = end ? (size_t)(end - line) : n - at;
    at += len + 1;
    cJSON *j = NULL;
    if (len == 0 || gaze_json_parse(&j, line, len, "metrics")) continue;
    const cJSON *x = gaze_json_get(j, "step"), *y = gaze_json_get(j, key);
    gaze_err e = GAZE_OK;
    if (cJSON_IsNumber(x) && cJSON_IsNumber(y) && isfinite(y->valuedouble))
      e = add_point(s, x->valuedouble, y->valuedouble);
    cJSON_Delete(j);
    GAZE_TRY(e);
  }
  return GAZE_OK;
}

// polyline of the series, averaged over `window` points on either side
static void draw_line(const series *s, int window, double y_top, double lo, double hi,
                      const char *style, gaze_buf *out) {
  double w = WIDTH - LEFT - RIGHT, h = PANEL - TOP - BOTTOM, x0 = s->x[0];
  double x_range = fmax(1, s->x[s->n - 1] - x0), y_range = hi > lo ? hi - lo : 1;
  // about one point a pixel is enough
  int stride = 1 + s->n / (2 * WIDTH);
  gaze_buf_printf(out, "<polyline fill='none' %s points='", style);
  for (int i = 0; i < s->n; i += stride) {
    double sum = 0;
    int count = 0;
    for (int k = i - window; k <= i + window; k++) {
      if (k < 0 || k >= s->n) continue;
      sum += s->y[k], count++;
    }
    gaze_buf_printf(out, "%.1f,%.1f ", LEFT + w * (s->x[i] - x0) / x_range,
                    y_top + TOP + h * (1 - (sum / count - lo) / y_range));
  }
  gaze_buf_str(out, "'/>\n");
}

static void draw_panel(const series *s, const char *key, double y_top, gaze_buf *out) {
  double lo = INFINITY, hi = -INFINITY;
  for (int i = 0; i < s->n; i++) lo = fmin(lo, s->y[i]), hi = fmax(hi, s->y[i]);
  gaze_buf_printf(out, "<text x='%d' y='%.0f' font-weight='600'>%s</text>\n", LEFT, y_top + 22,
                  key);
  for (int k = 0; k <= 4; k++) {
    double y = y_top + TOP + (PANEL - TOP - BOTTOM) * k / 4.0;
    gaze_buf_printf(out,
                    "<line x1='%d' x2='%d' y1='%.1f' y2='%.1f' stroke='#ddd'/><text x='%d' "
                    "y='%.1f' text-anchor='end'>%.3g</text>\n",
                    LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4, hi - (hi - lo) * k / 4);
  }
  for (int k = 0; k <= 4; k++)
    gaze_buf_printf(out, "<text x='%.0f' y='%.0f' text-anchor='middle'>%.0f</text>\n",
                    LEFT + (WIDTH - LEFT - RIGHT) * k / 4.0, y_top + PANEL - 14,
                    s->x[0] + (s->x[s->n - 1] - s->x[0]) * k / 4);
  draw_line(s, 0, y_top, lo, hi, "stroke='#9db8e8' stroke-width='0.7'", out);
  draw_line(s, 1 + s->n / 60, y_top, lo, hi, "stroke='#175cd3' stroke-width='2'", out);
}

gaze_err gaze_plot_svg(const char *jsonl, size_t n, const char *const *keys, gaze_buf *out) {
  gaze_buf body = GAZE_BUF_INIT;
  int panels = 0;
  gaze_err e = GAZE_OK;
  for (int k = 0; keys[k] && !e; k++) {
    series s = {0};
    e = read_series(jsonl, n, keys[k], &s);
    if (!e && s.n > 1) draw_panel(&s, keys[k], (double)PANEL * panels++, &body);
    free(s.x);
    free(s.y);
  }
  if (!e && panels == 0) e = gaze_fail(GAZE_ERR_FORMAT, "metrics: no line has the keys to plot");
  if (!e) {
    gaze_buf_printf(out,
                    "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
                    "font-family='system-ui,sans-serif' font-size='12' fill='#444'>\n"
                    "<rect width='100%%' height='100%%' fill='white'/>\n%s</svg>\n",
                    WIDTH, PANEL * panels, gaze_buf_text(&body));
    if (out->failed || body.failed) e = gaze_fail(GAZE_ERR_NOMEM, "plot: out of memory");
  }
  gaze_buf_fini(&body);
  return e;
}
