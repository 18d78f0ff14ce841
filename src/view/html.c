// view/html.c - see html.h. Every text is escaped; pictures stand in the page as base64 PNG.
#include "view/html.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "data/base64.h"
#include "data/imagefile.h"
#include "view/cited.h"

struct gaze_html {
  FILE *f;
  gaze_buf path;
  int episode, step;
  bool open;  // an episode's section is open
};

static const char style[] =
    ":root{--bg:#f6f7f9;--card:#fff;--ink:#1c2430;--soft:#667085;--line:#dfe3ea;--good:#12805c;"
    "--bad:#b42318;--note:#175cd3;--chip:#eef2f7}"
    "@media(prefers-color-scheme:dark){:root{--bg:#12161c;--card:#1b212a;--ink:#e6eaf0;"
    "--soft:#98a2b3;--line:#2c3542;--good:#47cd9b;--bad:#f97066;--note:#84adff;--chip:#252d39}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);"
    "font:15px/1.5 system-ui,sans-serif}main{max-width:1180px;margin:auto;padding:24px 16px 80px}"
    "h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:36px 0 8px}p{margin:4px 0}"
    ".soft{color:var(--soft)}.step{display:grid;grid-template-columns:minmax(260px,380px) 1fr "
    "minmax(190px,240px);gap:18px;background:var(--card);border:1px solid var(--line);"
    "border-radius:10px;padding:16px;margin:12px 0}"
    "@media(max-width:860px){.step{grid-template-columns:1fr}}"
    ".pic{position:relative}.pic img{width:100%;display:block;border-radius:6px;"
    "image-rendering:auto}.pic svg{position:absolute;inset:0;width:100%;height:100%}"
    ".cited{fill:none;stroke:#ffb020;stroke-width:.6}.true{fill:none;stroke:#00d0ff;"
    "stroke-width:.4;stroke-dasharray:1.4 1}svg text{font-size:3.2px;fill:#fff;paint-order:stroke;"
    "stroke:#000;stroke-width:.5}pre{white-space:pre-wrap;font:13px/1.45 ui-monospace,monospace;"
    "margin:0}.head{font-weight:600;color:var(--note)}ol{list-style:none;margin:0;padding:0}"
    "li{padding:2px 8px;border-radius:6px;margin:2px 0;background:var(--chip);font-size:13.5px}"
    "li.chosen{outline:2px solid var(--note)}li b{display:inline-block;width:1.4em}"
    ".chip{display:inline-block;font-size:12px;padding:0 7px;border-radius:9px;margin-left:4px;"
    "background:var(--chip)}.good{color:var(--good)}.bad{color:var(--bad)}"
    ".bar{display:flex;gap:18px;flex-wrap:wrap;font-size:13px;margin-top:8px}"
    "body.no-true .true,body.no-true .t{display:none}"
    "body.no-cited .cited,body.no-cited .c{display:none}"
    "label{margin-right:16px;user-select:none}";

static const char script[] =
    "for(const k of['true','cited'])document.getElementById(k).onchange=e=>"
    "document.body.classList.toggle('no-'+k,!e.target.checked)";

static void put(gaze_html *h, const char *s) {
  fputs(s, h->f);
}

static void put_text(gaze_html *h, const char *s, size_t n) {
  for (size_t i = 0; i < n && s[i]; i++) {
    switch (s[i]) {
      case '<':
        put(h, "&lt;");
        break;
      case '>':
        put(h, "&gt;");
        break;
      case '&':
        put(h, "&amp;");
        break;
      case '"':
        put(h, "&quot;");
        break;
      default:
        fputc(s[i], h->f);
    }
  }
}

static gaze_err check(gaze_html *h) {
  if (fflush(h->f) || ferror(h->f))
    return gaze_fail(GAZE_ERR_IO, "%s: cannot write: %s", gaze_buf_text(&h->path), strerror(errno));
  return GAZE_OK;
}

gaze_err gaze_html_open(gaze_html **out, const char *path, const char *title, const char *about) {
  gaze_html *h = *out = calloc(1, sizeof *h);
  if (!h) return gaze_fail(GAZE_ERR_NOMEM, "%s: out of memory", path);
  gaze_buf_str(&h->path, path);
  h->f = fopen(path, "wb");
  if (!h->f) {
    gaze_err e = gaze_fail(GAZE_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
    gaze_buf_fini(&h->path);
    free(h);
    *out = NULL;
    return e;
  }
  put(h,
      "<!doctype html><html lang=en><meta charset=utf-8>"
      "<meta name=viewport content='width=device-width'><title>");
  put_text(h, title, strlen(title));
  fprintf(h->f, "</title><style>%s</style><main><h1>", style);
  put_text(h, title, strlen(title));
  put(h, "</h1><p class=soft>");
  put_text(h, about, strlen(about));
  fprintf(
      h->f,
      "</p><p><label><input type=checkbox id=cited checked> <span style='color:#ffb020'>"
      "&#9632;</span> boxes the thought cites</label><label><input type=checkbox id=true checked>"
      " <span style='color:#00b4dc'>&#9632;</span> true boxes</label></p><script>%s</script>",
      script);
  return check(h);
}

gaze_err gaze_html_episode(gaze_html *h, int number, uint64_t seed, const gaze_truth *truth) {
  if (h->open) put(h, "</section>");
  h->open = true, h->episode = number, h->step = 0;
  fprintf(h->f, "<section><h2>Episode %d <span class='soft'>seed %llu", number + 1,
          (unsigned long long)seed);
  if (truth) {
    fprintf(h->f, " &middot; ");
    put_text(h, truth->family, sizeof truth->family);
    put(h, " / ");
    put_text(h, truth->layout, sizeof truth->layout);
    put(h, " / ");
    put_text(h, truth->question, sizeof truth->question);
    if (!truth->has_goal) fprintf(h->f, " &middot; shortest plan %d", truth->optimal_steps);
  }
  put(h, "</span></h2>");
  return check(h);
}

static void put_box(gaze_html *h, const char *kind, const char *text_class, float x0, float y0,
                    float x1, float y1, const char *name, size_t n) {
  double w = 100 * (double)(x1 - x0), t = 100 * (double)(y1 - y0);
  fprintf(h->f, "<rect class=%s x=%.2f y=%.2f width=%.2f height=%.2f></rect>", kind,
          100 * (double)x0, 100 * (double)y0, w > 0 ? w : 0, t > 0 ? t : 0);
  if (!text_class) return;
  fprintf(h->f, "<text class=%s x=%.2f y=%.2f>", text_class, 100 * (double)x0,
          100 * (double)y0 - 0.8);
  put_text(h, name, n);
  put(h, "</text>");
}

// the lines "[x0 y0 x1 y1] name" of a reply
static void put_cited(gaze_html *h, const char *reply) {
  for (const char *s = reply; s; s = strchr(s, '\n')) {
    if (*s == '\n') s++;
    int b[4];
    const char *name = gaze_cited_box(s, b);
    if (!name) continue;
    const char *end = strchr(name, '\n');
    put_box(h, "cited", "c", (float)b[0] / 100, (float)b[1] / 100, (float)(b[2] + 1) / 100,
            (float)(b[3] + 1) / 100, name, end ? (size_t)(end - name) : strlen(name));
  }
}

static gaze_err put_picture(gaze_html *h, const gaze_html_step *s) {
  put(h, "<div><div class=pic>");
  if (s->image && s->image->w > 0) {
    gaze_buf png = GAZE_BUF_INIT, text = GAZE_BUF_INIT;
    gaze_err e = gaze_image_encode_png(s->image, 6, &png);
    if (!e) gaze_base64_add(&text, png.data, png.len);
    if (!e && text.failed) e = GAZE_ERR_NOMEM;
    if (!e)
      fprintf(h->f, "<img alt='camera' src='data:image/png;base64,%s'>", gaze_buf_text(&text));
    gaze_buf_fini(&png);
    gaze_buf_fini(&text);
    GAZE_TRY(e);
  }
  put(h, "<svg viewBox='0 0 100 100' preserveAspectRatio=none>");
  for (int i = 0; s->truth && i < s->truth->boxes; i++) {
    const gaze_truth_box *b = &s->truth->box[i];
    put_box(h, "true", NULL, b->x0, b->y0, b->x1, b->y1, b->name, sizeof b->name);
  }
  put_cited(h, s->reply ? s->reply : "");
  put(h, "</svg></div></div>");
  return GAZE_OK;
}

static void put_thought(gaze_html *h, const gaze_html_step *s) {
  // the message without its option list, which has a column of its own
  const char *options = strstr(s->user, "<image>");
  put(h, "<div><pre class=soft>");
  put_text(h, s->user, options ? (size_t)(options - s->user) : strlen(s->user));
  put(h, "</pre><pre>");
  for (const char *line = s->reply ? s->reply : ""; *line;) {
    const char *end = strchr(line, '\n');
    size_t n = end ? (size_t)(end - line) : strlen(line);
    bool head = n > 3 && strncmp(line, "## ", 3) == 0;
    if (head) put(h, "<span class=head>");
    put_text(h, line, n);
    if (head) put(h, "</span>");
    put(h, "\n");
    line += n + (end != NULL);
  }
  put(h, "</pre></div>");
}

static void put_option(gaze_html *h, const gaze_html_step *s, int i, const char *name, size_t n) {
  fprintf(h->f, "<li%s><b>%c</b>", s->out->choice == i ? " class=chosen" : "", 'A' + i);
  put_text(h, name, n);
  int label = s->truth && i < s->truth->options ? s->truth->label[i] : 0;
  if (label & GAZE_OPT_CORRECT) put(h, "<span class='chip good'>right</span>");
  if (label & GAZE_OPT_GAINING) put(h, "<span class='chip good'>reveals</span>");
  if ((label & GAZE_OPT_OPTIMAL) && !(label & GAZE_OPT_ANSWER))
    put(h, "<span class='chip good'>shortest</span>");
  put(h, "</li>");
}

static void put_options(gaze_html *h, const gaze_html_step *s) {
  put(h, "<div><ol>");
  const char *line = strstr(s->user, "Options:");
  for (int i = 0; line && i < GAZE_OPTIONS_MAX && (line = strchr(line, '\n')) != NULL; i++) {
    const char *end = strchr(++line, '\n');
    size_t n = end ? (size_t)(end - line) : strlen(line);
    if (n < 2) break;
    put_option(h, s, i, line, n - 2);  // without the letter at its end
  }
  put(h, "</ol>");
}

// of a chunk of actions: how near it came, not what it revealed
static void put_motion(gaze_html *h, const gaze_outcome *o) {
  if (o->correct)
    put(h, "<span class=good>goal reached</span>");
  else
    fprintf(h->f, "action: %s", o->status ? o->status : "-");
  fprintf(h->f, "<br><span class=soft>%d actions, %d cut, %.1f mm from the goal</span>", o->steps,
          o->clipped, 1e3 * (double)o->goal_dist);
}

static void put_result(gaze_html *h, const gaze_html_step *s) {
  const gaze_outcome *o = s->out;
  put(h, "<p>");
  if (o->max_steps > 0) {
    put_motion(h, o);
  } else if (o->answered) {
    fprintf(h->f, "<span class=%s>%s</span>", o->correct ? "good" : "bad",
            o->correct ? "right answer" : "wrong answer");
  } else {
    fprintf(h->f, "action: %s", o->status ? o->status : "-");
    if (s->truth && o->action)
      fprintf(h->f, ", <span class=%s>%s</span>", o->gaining ? "good" : "bad",
              o->gaining ? "revealed something relevant" : "revealed nothing relevant");
  }
  if (s->truth && o->max_steps == 0)
    fprintf(h->f, "<br><span class=soft>evidence was %s</span>",
            o->sufficient_before ? "sufficient" : "not sufficient");
  if (!o->format) put(h, "<br><span class=bad>malformed reply</span>");
  put(h, "</p><div class='bar soft'>");
  fprintf(h->f, "<span>reward %.2f</span><span>%.2f s</span>", (double)o->reward, s->seconds);
  if (s->isj >= 0) fprintf(h->f, "<span>ISJ %.0f</span>", s->isj);
  if (s->igr >= 0) fprintf(h->f, "<span>IGR %.0f</span>", s->igr);
  if (s->fa >= 0) fprintf(h->f, "<span>FA %.0f</span>", s->fa);
  put(h, "</div></div>");
}

gaze_err gaze_html_step_add(gaze_html *h, const gaze_html_step *s) {
  fprintf(h->f, "<div class=step id=e%ds%d>", h->episode + 1, h->step++);
  GAZE_TRY(put_picture(h, s));
  put_thought(h, s);
  put_options(h, s);
  put_result(h, s);
  put(h, "</div>");
  return check(h);
}

gaze_err gaze_html_close(gaze_html **out) {
  gaze_html *h = *out;
  if (!h) return GAZE_OK;
  if (h->open) put(h, "</section>");
  put(h, "</main></html>\n");
  gaze_err e = check(h);
  if (fclose(h->f) && !e) e = gaze_fail(GAZE_ERR_IO, "%s: cannot close", gaze_buf_text(&h->path));
  gaze_buf_fini(&h->path);
  free(h);
  *out = NULL;
  return e;
}
