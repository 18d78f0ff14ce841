// nn/dialog.c - see dialog.h.
#include "nn/dialog.h"
#include <stdlib.h>
#include <string.h>

static gaze_err find(const gaze_tokenizer *tok, const char *text, int *id) {
  *id = gaze_tokenizer_id(tok, text);
  if (*id < 0)
    return gaze_fail(GAZE_ERR_FORMAT, "tokenizer: the chat template needs the token %s", text);
  return GAZE_OK;
}

gaze_err gaze_dialog_init(gaze_dialog *d, const gaze_tokenizer *tok) {
  d->tok = tok;
  GAZE_TRY(find(tok, "<|im_start|>", &d->im_start));
  GAZE_TRY(find(tok, "<|im_end|>", &d->im_end));
  GAZE_TRY(find(tok, "<|vision_start|>", &d->vision_start));
  GAZE_TRY(find(tok, "<|vision_end|>", &d->vision_end));
  return find(tok, "<|image_pad|>", &d->image_pad);
}

static gaze_err add_text(const gaze_dialog *d, const char *head, const char *text, size_t n,
                         gaze_ids *out) {
  // head and text are one piece for the pre-tokeniser, as in the rendered template
  gaze_buf b = GAZE_BUF_INIT;
  gaze_buf_str(&b, head);
  gaze_buf_add(&b, text, n);
  gaze_err e = b.failed ? GAZE_ERR_NOMEM
                        : gaze_tokenizer_encode(d->tok, gaze_buf_text(&b), b.len, false, out);
  gaze_buf_fini(&b);
  return e;
}

gaze_err gaze_dialog_message(const gaze_dialog *d, const gaze_message *m, gaze_ids *out) {
  static const char *const head[] = {"system\n", "user\n", "assistant\n"};
  const int image[] = {d->vision_start, d->image_pad, d->vision_end};
  gaze_buf text = GAZE_BUF_INIT;
  gaze_buf_str(&text, head[m->role]);
  gaze_err e = gaze_ids_add(out, d->im_start);
  // neighbouring text parts are one text; an image ends it
  for (int i = 0; i < m->n && !e; i++) {
    if (m->parts[i].text) {
      gaze_buf_str(&text, m->parts[i].text);
      continue;
    }
    e = add_text(d, "", gaze_buf_text(&text), text.len, out);
    gaze_buf_clear(&text);
    if (!e) e = gaze_ids_append(out, image, 3);
  }
  if (!e && text.failed) e = GAZE_ERR_NOMEM;
  if (!e) e = add_text(d, "", gaze_buf_text(&text), text.len, out);
  gaze_buf_fini(&text);
  if (!e) e = gaze_ids_add(out, d->im_end);
  return e ? e : add_text(d, "\n", "", 0, out);
}

gaze_err gaze_dialog_reply_head(const gaze_dialog *d, gaze_ids *out) {
  GAZE_TRY(gaze_ids_add(out, d->im_start));
  return add_text(d, "assistant\n", "", 0, out);
}

gaze_err gaze_dialog_system(const gaze_dialog *d, const char *text, gaze_ids *out) {
  const gaze_part part = {.text = text ? text : "You are a helpful assistant."};
  return gaze_dialog_message(d, &(gaze_message){.role = GAZE_ROLE_SYSTEM, .parts = &part, .n = 1},
                             out);
}

enum { MARKS_MAX = 32 };  // pictures in one turn

gaze_err gaze_dialog_user(const gaze_dialog *d, const char *text, gaze_ids *out) {
  static const char mark[] = "<image>";
  size_t n = strlen(text);
  char *copy = malloc(n + 1);
  if (!copy) return gaze_fail(GAZE_ERR_NOMEM, "conversation: out of memory");
  memcpy(copy, text, n + 1);

  // cut the copy at the marks: text, image, text, ...
  gaze_part part[2 * MARKS_MAX + 1];
  int parts = 0;
  gaze_err e = GAZE_OK;
  for (char *s = copy; s && !e;) {
    char *at = strstr(s, mark);
    part[parts++] = (gaze_part){.text = s};
    if (at && parts >= 2 * MARKS_MAX)
      e = gaze_fail(GAZE_ERR_RANGE, "conversation: more than %d pictures in a turn", MARKS_MAX);
    if (at) *at = 0, part[parts++] = (gaze_part){0};
    s = at ? at + strlen(mark) : NULL;
  }
  const gaze_message m = {.role = GAZE_ROLE_USER, .parts = part, .n = parts};
  if (!e) e = gaze_dialog_message(d, &m, out);
  free(copy);
  return e ? e : gaze_dialog_reply_head(d, out);
}

gaze_err gaze_dialog_reply(const gaze_dialog *d, const char *text, gaze_ids *out, int *n_model) {
  int before = out->n;
  GAZE_TRY(add_text(d, "", text, strlen(text), out));
  GAZE_TRY(gaze_ids_add(out, d->im_end));
  if (n_model) *n_model = out->n - before;
  return gaze_dialog_reply_end(d, out);
}

gaze_err gaze_dialog_reply_end(const gaze_dialog *d, gaze_ids *out) {
  return add_text(d, "\n", "", 0, out);
}
