// rl/roll.c - see roll.h.
#include "rl/roll.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gaze_err reserve(gaze_roll *r, int n) {
  if (n <= r->cap) return GAZE_OK;
  int cap = r->cap ? r->cap : 256;
  while (cap < n) cap *= 2;
  uint8_t *src = realloc(r->src, (size_t)cap);
  if (src) r->src = src;
  float *logp = realloc(r->logp, (size_t)cap * sizeof *logp);
  if (logp) r->logp = logp;
  if (!src || !logp) return gaze_fail(GAZE_ERR_NOMEM, "rollout of %d tokens: out of memory", n);
  r->cap = cap;
  return GAZE_OK;
}

gaze_err gaze_roll_append(gaze_roll *r, gaze_src src, const int *tok, const float *logp, int n) {
  GAZE_TRY(reserve(r, r->ids.n + n));
  int at = r->ids.n;
  GAZE_TRY(gaze_ids_append(&r->ids, tok, n));
  for (int i = 0; i < n; i++) {
    r->src[at + i] = (uint8_t)src;
    r->logp[at + i] = logp ? logp[i] : 0.0f;
  }
  return GAZE_OK;
}

gaze_err gaze_roll_add_image(gaze_roll *r, gaze_image taken) {
  if (r->images == r->image_cap) {
    int cap = r->image_cap ? 2 * r->image_cap : 4;
    gaze_image *p = realloc(r->image, (size_t)cap * sizeof *p);
    if (!p) {
      free(taken.rgb);
      return gaze_fail(GAZE_ERR_NOMEM, "rollout of %d images: out of memory", cap);
    }
    r->image = p, r->image_cap = cap;
  }
  r->image[r->images++] = taken;
  return GAZE_OK;
}

void gaze_roll_clear(gaze_roll *r) {
  for (int i = 0; i < r->images; i++) free(r->image[i].rgb);
  r->images = 0, r->ids.n = 0;
}

void gaze_roll_fini(gaze_roll *r) {
  gaze_roll_clear(r);
  gaze_ids_fini(&r->ids);
  free(r->src);
  free(r->logp);
  free(r->image);
  *r = (gaze_roll){0};
}

gaze_err gaze_roll_start(gaze_roll *r, const gaze_dialog *d) {
  gaze_roll_clear(r);
  gaze_ids head = {0};
  gaze_err e = gaze_dialog_system(d, NULL, &head);
  if (!e) e = gaze_roll_append(r, GAZE_SRC_PROMPT, head.v, NULL, head.n);
  gaze_ids_fini(&head);
  return e;
}

// appends user ids, each image token repeated as often as its image needs
static gaze_err append_user(gaze_roll *r, const gaze_dialog *d, const gaze_model *m,
                            const gaze_ids *u, const gaze_image *image, int images) {
  gaze_ids all = {0};
  gaze_err e = gaze_model_expand(m, u->v, u->n, image, images, &all);
  for (int i = 0; i < all.n && !e; i++) {
    gaze_src src = all.v[i] == d->image_pad ? GAZE_SRC_IMAGE : GAZE_SRC_PROMPT;
    e = gaze_roll_append(r, src, all.v + i, NULL, 1);
  }
  gaze_ids_fini(&all);
  return e;
}

// number of leading tokens of a reply that lie within its first `taught` bytes
static int count_taught(const gaze_dialog *d, const int *tok, int n, int taught) {
  if (taught == GAZE_TAUGHT_ALL) return n;
  size_t end = 0;
  int k = 0;
  for (; k < n; k++) {
    size_t bytes;
    gaze_tokenizer_bytes(d->tok, tok[k], &bytes);
    end += bytes;
    if (end > (size_t)taught) break;
  }
  return k;
}

// the thought is what stands up to and with </think>
static gaze_err append_reply(gaze_roll *r, const gaze_dialog *d, const char *reply, int taught) {
  gaze_ids t = {0};
  int n_model = 0, think_end = gaze_tokenizer_id(d->tok, "</think>"), split = 0;
  gaze_err e = gaze_dialog_reply(d, reply, &t, &n_model);
  for (int i = 0; i < n_model && !e; i++)
    if (t.v[i] == think_end) split = i + 1;
  int targets = e ? 0 : count_taught(d, t.v, n_model, taught);
  for (int i = 0; i < n_model && !e; i++) {
    gaze_src src = i >= targets ? GAZE_SRC_FORCED : i < split ? GAZE_SRC_THOUGHT : GAZE_SRC_ANSWER;
    e = gaze_roll_append(r, src, t.v + i, NULL, 1);
  }
  if (!e) e = gaze_roll_append(r, GAZE_SRC_PROMPT, t.v + n_model, NULL, t.n - n_model);
  gaze_ids_fini(&t);
  return e;
}

gaze_err gaze_roll_turn(gaze_roll *r, const gaze_dialog *d, const gaze_model *m, const char *user,
                        const char *reply, int taught, gaze_image *taken, int images) {
  gaze_ids u = {0};
  gaze_err e = gaze_dialog_user(d, user, &u);
  if (!e) e = append_user(r, d, m, &u, taken, images);
  gaze_ids_fini(&u);
  for (int i = 0; i < images; i++) {
    // taken means taken: also when something failed
    gaze_err add = gaze_roll_add_image(r, taken[i]);
    if (!e) e = add;
  }
  return e ? e : append_reply(r, d, reply, taught);
}

gaze_err gaze_batch_open(gaze_batch *b, const gaze_model *m, int max_tokens, int max_patches,
                         int max_scored, int max_seqs, bool cells) {
  const gaze_processor *p = gaze_model_processor(m);
  size_t patch = (size_t)(6 * p->patch * p->patch), merged = (size_t)(p->merge * p->merge);
  *b = (gaze_batch){.max_tokens = max_tokens,
                    .max_patches = max_patches,
                    .max_scored = max_scored,
                    .max_seqs = max_seqs};
  b->ids = calloc((size_t)max_tokens, sizeof *b->ids);
  b->pos = calloc((size_t)max_tokens * 3, sizeof *b->pos);
  b->seq_start = calloc((size_t)max_seqs + 1, sizeof *b->seq_start);
  b->row = calloc((size_t)max_scored, sizeof *b->row);
  b->target = calloc((size_t)max_scored, sizeof *b->target);
  b->weight = calloc((size_t)max_scored, sizeof *b->weight);
  b->src = calloc((size_t)max_scored, sizeof *b->src);
  b->patches = malloc((size_t)max_patches * patch * sizeof *b->patches);
  b->grid = calloc((size_t)max_patches, sizeof *b->grid);
  bool ok = b->ids && b->pos && b->seq_start && b->row && b->target && b->weight && b->src &&
            b->patches && b->grid;
  if (cells) {
    b->cell = calloc((size_t)max_patches / merged + 1, sizeof *b->cell);
    b->box = calloc((size_t)max_patches / merged + 1, sizeof *b->box);
    ok = ok && b->cell && b->box;
  }
  if (!ok) {
    gaze_batch_close(b);
    return gaze_fail(GAZE_ERR_NOMEM, "batch of %d tokens: out of memory", max_tokens);
  }
  gaze_batch_clear(b);
  return GAZE_OK;
}

void gaze_batch_close(gaze_batch *b) {
  free(b->ids);
  free(b->pos);
  free(b->seq_start);
  free(b->row);
  free(b->target);
  free(b->weight);
  free(b->src);
  free(b->patches);
  free(b->grid);
  free(b->cell);
  free(b->box);
  *b = (gaze_batch){0};
}

void gaze_batch_clear(gaze_batch *b) {
  b->seq_start[0] = 0;
  b->pack = (gaze_pack){.ids = b->ids,
                        .pos = b->pos,
                        .seq_start = b->seq_start,
                        .patches = b->patches,
                        .grid = (const int(*)[2])b->grid,
                        .row = b->row,
                        .target = b->target,
                        .cell = (const int8_t(*)[4])b->cell,
                        .box = (const float(*)[4])b->box};
}

// the id of the first of a hundred coordinates in a row, -1 if they are not single tokens in order
static int coordinates(const gaze_tokenizer *t, const char *space) {
  char text[8];
  int first = -1;
  for (int k = 0; k < 100; k++) {
    snprintf(text, sizeof text, "%s%d", space, k);
    int id = gaze_tokenizer_id(t, text);
    if (k == 0) first = id;
    if (id < 0 || id != first + k) return -1;
  }
  return first;
}

void gaze_weights_find(gaze_weights_of *w, const gaze_tokenizer *t, bool soft) {
  w->box_open = gaze_tokenizer_id(t, "[");
  w->box_close = gaze_tokenizer_id(t, "]");
  w->coordinate0 = soft ? coordinates(t, "") : -1;
  w->coordinate0_space = soft ? coordinates(t, " ") : -1;
}

// one scored row, or five with soft weights if the target is a coordinate
static gaze_err score(gaze_batch *b, int row, int target, bool in_box, float weight, uint8_t src,
                      const gaze_weights_of *w) {
  static const float soft[5] = {0.1353353f, 0.3678794f, 1.0f, 0.3678794f, 0.1353353f};
  int first = w->coordinate0 >= 0 && target >= w->coordinate0 && target < w->coordinate0 + 100
                  ? w->coordinate0
                  : w->coordinate0_space;
  bool is_coordinate = in_box && first >= 0 && target >= first && target < first + 100;
  float total = 0;
  for (int d = -2; d <= 2; d++) {
    if (d && (!is_coordinate || target + d < first || target + d >= first + 100)) continue;
    total += soft[d + 2];
  }
  for (int d = -2; d <= 2; d++) {
    if (d && (!is_coordinate || target + d < first || target + d >= first + 100)) continue;
    gaze_pack *p = &b->pack;
    if (p->scored == b->max_scored) return GAZE_ERR_END;
    b->row[p->scored] = row;
    b->target[p->scored] = target + d;
    b->weight[p->scored] = weight * soft[d + 2] / total;
    b->src[p->scored++] = src;
  }
  return GAZE_OK;
}

static gaze_err add_images(gaze_batch *b, const gaze_model *m, gaze_exec *ex, const gaze_roll *r) {
  const gaze_processor *proc = gaze_model_processor(m);
  int width = 6 * proc->patch * proc->patch;
  for (int i = 0; i < r->images; i++) {
    const gaze_image *im = &r->image[i];
    int h, w;
    GAZE_TRY(gaze_smart_resize(proc, im->h, im->w, &h, &w));
    int gh = h / proc->patch, gw = w / proc->patch;
    if (b->pack.n_patches + gh * gw > b->max_patches) return GAZE_ERR_END;
    const uint8_t *rgb = im->rgb;
    uint8_t *resized = NULL;
    if (h != im->h || w != im->w) {
      resized = malloc((size_t)h * (size_t)w * 3);
      if (!resized) return gaze_fail(GAZE_ERR_NOMEM, "image: out of memory");
      gaze_err e = gaze_image_resize(im->rgb, im->h, im->w, resized, h, w);
      if (e) {
        free(resized);
        return e;
      }
      rgb = resized;
    }
    gaze_patchify a = {.y = b->patches + (size_t)b->pack.n_patches * (size_t)width,
                       .rgb = rgb,
                       .h = h,
                       .w = w,
                       .patch = proc->patch,
                       .merge = proc->merge};
    memcpy(a.mean, proc->mean, sizeof a.mean);
    memcpy(a.std, proc->std, sizeof a.std);
    gaze_err e = gaze_model_ops(m)->patchify(ex, &a);
    free(resized);
    GAZE_TRY(e);
    b->grid[b->pack.images][0] = gh, b->grid[b->pack.images][1] = gw;
    b->pack.images++;
    b->pack.n_patches += gh * gw;
  }
  return GAZE_OK;
}

static gaze_err add_sequence(gaze_batch *b, const gaze_model *m, gaze_exec *ex, const gaze_roll *r,
                             const gaze_weights_of *w) {
  gaze_pack *p = &b->pack;
  int at = p->tokens, n = r->ids.n, image0 = p->images;
  const gaze_processor *proc = gaze_model_processor(m);
  GAZE_TRY(add_images(b, m, ex, r));
  memcpy(b->ids + at, r->ids.v, (size_t)n * sizeof *b->ids);

  // positions count merged cells and start again at every sequence
  int(*cells)[2] = calloc((size_t)r->images + 1, sizeof *cells);
  int *pos = malloc((size_t)n * 3 * sizeof *pos);
  gaze_err e = cells && pos ? GAZE_OK : gaze_fail(GAZE_ERR_NOMEM, "batch: out of memory");
  for (int i = 0; i < r->images && !e; i++)
    for (int k = 0; k < 2; k++) cells[i][k] = b->grid[image0 + i][k] / proc->merge;
  int next = 0;
  if (!e)
    e = gaze_model_positions(gaze_model_cfg(m), r->ids.v, n, (const int(*)[2])cells, r->images, pos,
                             &next);
  // the batch keeps three rows of max_tokens; they are closed up when the pack is used
  for (int k = 0; k < 3 && !e; k++)
    memcpy(b->pos + (size_t)k * (size_t)b->max_tokens + at, pos + (size_t)k * (size_t)n,
           (size_t)n * sizeof *pos);
  free(cells);
  free(pos);
  GAZE_TRY(e);

  // the token at i is read at row i - 1, so the first can never be scored
  bool in_box = false;
  for (int i = 1; i < n; i++) {
    if (r->ids.v[i] == w->box_close) in_box = false;
    float weight = r->src[i] == GAZE_SRC_THOUGHT  ? w->thought
                   : r->src[i] == GAZE_SRC_ANSWER ? w->answer
                                                  : 0.0f;
    weight *= in_box ? w->box : w->word ? w->word[r->ids.v[i]] : 1.0f;
    if (weight > 0) GAZE_TRY(score(b, at + i - 1, r->ids.v[i], in_box, weight, r->src[i], w));
    if (r->ids.v[i] == w->box_open) in_box = true;
  }
  p->tokens += n;
  b->seq_start[++p->seqs] = p->tokens;
  return GAZE_OK;
}

gaze_err gaze_batch_add(gaze_batch *b, const gaze_model *m, gaze_exec *ex, const gaze_roll *r,
                        const gaze_weights_of *w) {
  gaze_pack before = b->pack;
  if (r->ids.n > b->max_tokens)
    return gaze_fail(GAZE_ERR_RANGE, "sequence of %d tokens: the batch holds %d", r->ids.n,
                     b->max_tokens);
  gaze_err e = before.tokens + r->ids.n > b->max_tokens || before.seqs == b->max_seqs
                   ? GAZE_ERR_END
                   : add_sequence(b, m, ex, r, w);
  if (e) b->pack = before;  // a half-added sequence leaves no trace
  if (e == GAZE_ERR_END && before.seqs == 0)
    return gaze_fail(GAZE_ERR_RANGE, "sequence of %d tokens and %d images: larger than a batch",
                     r->ids.n, r->images);
  return e;
}

const gaze_pack *gaze_batch_seal(gaze_batch *b) {
  // positions were written with a stride of max_tokens; the pack wants [3, tokens]
  for (int k = 1; k < 3; k++)
    memmove(b->pos + (size_t)k * (size_t)b->pack.tokens, b->pos + (size_t)k * (size_t)b->max_tokens,
            (size_t)b->pack.tokens * sizeof *b->pos);
  return &b->pack;
}
