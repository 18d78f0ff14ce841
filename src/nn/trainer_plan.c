// nn/trainer_plan.c - checks a pack and prepares the index lists and chunks of one forward pass.
#include <math.h>
#include <string.h>
#include "nn/trainer_internal.h"

static gaze_err check_sizes(const gaze_trainer *t, const gaze_pack *p) {
  if (p->tokens < 1 || p->tokens > t->o.max_tokens) {
    return gaze_fail(GAZE_ERR_RANGE, "pack: tokens: expected 1..%d, got %d", t->o.max_tokens,
                     p->tokens);
  }
  if (p->n_patches < 0 || p->n_patches > t->o.max_patches) {
    return gaze_fail(GAZE_ERR_RANGE, "pack: n_patches: expected 0..%d, got %d", t->o.max_patches,
                     p->n_patches);
  }
  if (p->scored < 0 || p->scored > t->o.max_scored) {
    return gaze_fail(GAZE_ERR_RANGE, "pack: scored: expected 0..%d, got %d", t->o.max_scored,
                     p->scored);
  }
  if (!p->ids || !p->pos || !p->seq_start || p->seqs < 1 || p->images < 0 ||
      (p->n_patches && (!p->patches || !p->grid)) || (p->scored && (!p->row || !p->target)) ||
      (p->cell && !p->box)) {
    return gaze_fail(GAZE_ERR_ARG, "pack: an array that its sizes call for is NULL");
  }
  return GAZE_OK;
}

static gaze_err check_lists(const gaze_trainer *t, const gaze_pack *p) {
  if (p->seq_start[0] != 0 || p->seq_start[p->seqs] != p->tokens) {
    return gaze_fail(GAZE_ERR_ARG, "pack: seq_start: expected 0 first and %d last", p->tokens);
  }
  for (int i = 0; i < p->seqs; i++) {
    if (p->seq_start[i + 1] <= p->seq_start[i]) {
      return gaze_fail(GAZE_ERR_ARG, "pack: seq_start: sequence %d is empty", i);
    }
  }
  for (int i = 0; i < p->tokens; i++) {
    if (p->ids[i] < 0 || p->ids[i] >= t->cfg.vocab) {
      return gaze_fail(GAZE_ERR_RANGE, "pack: ids: token %d is %d, expected 0..%d", i, p->ids[i],
                       t->cfg.vocab - 1);
    }
  }
  for (int i = 0; i < p->scored; i++) {
    if (p->row[i] < 0 || p->row[i] >= p->tokens || p->target[i] < 0 ||
        p->target[i] >= t->cfg.vocab) {
      return gaze_fail(GAZE_ERR_RANGE, "pack: scored token %d: row %d, target %d out of range", i,
                       p->row[i], p->target[i]);
    }
  }
  return GAZE_OK;
}

static gaze_err check_images(const gaze_trainer *t, const gaze_pack *p, int image_tokens) {
  int unit = t->cfg.vision.merge * t->cfg.vision.merge;
  if (t->plan.patches != p->n_patches) {
    return gaze_fail(GAZE_ERR_ARG, "pack: the grids have %d patches, n_patches is %d",
                     t->plan.patches, p->n_patches);
  }
  if (image_tokens != p->n_patches / unit) {
    return gaze_fail(GAZE_ERR_ARG, "pack: %d image tokens for %d merged cells", image_tokens,
                     p->n_patches / unit);
  }
  return GAZE_OK;
}

// local starts of segments first..last-1 and the end of the last; returns where they stand
static int add_segs(gazei_tower *tw, const int *start, int first, int last) {
  int at = tw->segs_used;
  for (int i = first; i <= last; i++) tw->segs[tw->segs_used++] = start[i] - start[first];
  return at;
}

// whole segments until a chunk has about GAZEI_TRAIN_ROWS rows
static void cut(gazei_tower *tw, const int *start, int n) {
  tw->chunks = tw->segs_used = 0;
  for (int first = 0; first < n;) {
    int last = first + 1;
    while (last < n && start[last + 1] - start[first] <= GAZEI_TRAIN_ROWS) last++;
    gazei_chunk *c = &tw->chunk[tw->chunks++];
    *c = (gazei_chunk){
        .row = start[first], .rows = start[last] - start[first], .segs = last - first};
    c->seg = add_segs(tw, start, first, last);
    first = last;
  }
}

// windows of each vision chunk, and the patch order inside it
static void plan_vision(gaze_trainer *t) {
  gazei_tower *tw = &t->vision;
  const gazei_vision_plan *pl = &t->plan;
  cut(tw, pl->image, pl->images);
  int w = 0;
  for (int i = 0; i < tw->chunks; i++) {
    gazei_chunk *c = &tw->chunk[i];
    int first = w;
    while (w < pl->windows && pl->window[w] < c->row + c->rows) w++;
    c->win = add_segs(tw, pl->window, first, w);
    c->wins = w - first;
    for (int k = c->row; k < c->row + c->rows; k++) t->patch_local[k] = pl->patch_at[k] - c->row;
  }
}

// which rows of each chunk are scored, each once, in row order
static void plan_scored(gaze_trainer *t, const gaze_pack *p) {
  for (int i = 0; i < p->tokens; i++) t->keep_of[i] = -1;
  for (int i = 0; i < p->scored; i++) t->keep_of[p->row[i]] = 0;
  t->kept = 0;
  for (int i = 0; i < t->lang.chunks; i++) {
    gazei_chunk *c = &t->lang.chunk[i];
    c->keep = t->kept;
    for (int k = 0; k < c->rows; k++) {
      if (t->keep_of[c->row + k] < 0) continue;
      t->keep_of[c->row + k] = t->kept;
      t->keep_row[t->kept++] = k;
    }
    c->keeps = t->kept - c->keep;
  }
  for (int i = 0; i < p->scored; i++) t->score_keep[i] = t->keep_of[p->row[i]];
}

gaze_err gazei_pack_plan(gaze_trainer *t, const gaze_pack *p) {
  GAZE_TRY(check_sizes(t, p));
  GAZE_TRY(check_lists(t, p));
  // images count for their patches only; an empty one would have no window
  int images = p->n_patches ? p->images : 0;
  GAZE_TRY(gazei_vision_plan_make(&t->plan, &t->cfg.vision, p->grid, images));
  int cells = 0;
  int *token_of = t->cell_token;
  for (int i = 0; i < p->tokens; i++) {
    bool image = p->ids[i] == t->cfg.image_token;
    if (image && cells < t->o.max_patches) token_of[cells] = i;
    cells += image;
    t->embed_at[i] = image ? -1 : p->ids[i];
  }
  GAZE_TRY(check_images(t, p, cells));
  for (int i = 0; i < cells; i++) t->cell_row[i] = token_of[t->plan.cell_at[i]];
  t->tokens = p->tokens;
  t->scored = p->scored;
  t->patches = p->n_patches;
  t->cells = cells;
  plan_vision(t);
  cut(&t->lang, p->seq_start, p->seqs);
  plan_scored(t, p);
  gazei_rope_table(&t->cfg, p->pos, p->tokens, p->tokens, t->cos, t->sin);
  return GAZE_OK;
}
