// envs/batch.c - see batch.h. A row is in work from send to recv; between the two only the thread
// that carries it out touches it.
#include "envs/batch.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/rng.h"
#include "envs/split.h"
#include "rt/pool.h"

enum {
  BEGIN_TRIES = 8,  // seeds tried before a row that begins on its own is given up
  KEPT_IMAGES = 8,  // pictures of a last observation
};

typedef enum job { JOB_RESET, JOB_STEP, JOB_RENDER } job;

typedef struct kept {  // an observation that outlives its episode
  uint8_t *pixels;
  gaze_image image[KEPT_IMAGES];
  gaze_buf text;
  float *joints;  // [2,joints]
  gaze_state robot;
  gaze_truth *truth;
} kept;

typedef struct cell {
  void *self;
  gaze_env_batch_row row;
  bool busy;          // sent and not received
  bool seeded, over;  // reset once; no episode is on
  job job;
  uint64_t seed, base, episode;  // asked for; of the last reset; begun since
  const gaze_act *act;
  int acts, facts;         // sent; room of row.fact
  gaze_image image;        // of row.obs, drawn where the view says
  gaze_exec *ex;           // NULL without patches
  uint8_t *rgb;            // own memory of the picture, NULL where the view has an array
  gaze_env_batch_stats n;  // of the job in work
  kept last;
} cell;

struct gaze_env_batch {
  const gaze_env *env;
  gaze_crew *crew;
  gaze_autoreset autoreset;
  const gaze_split *split;
  gaze_space space;
  bool lazy;
  gaze_env_batch_view view;
  cell *cell;
  int n, pending;  // rows; in work or ready
  void (*done)(void *ctx);
  void *ctx;
  pthread_mutex_t lock;
  pthread_cond_t some;
  int *ready, first, readies;  // ring [n] of rows ready
  int working;                 // rows sent and not ready
  int wanted;                  // rows that the receiver waits for
  gaze_env_batch_stats total;
};

static size_t picture_bytes(const gaze_env_batch *b) {
  return (size_t)b->space.image_h * (size_t)b->space.image_w * 3;
}

static void fail_row(gaze_env_batch_row *r, gaze_err e) {
  const char *why = gaze_err_detail();
  r->err = e;
  snprintf(r->why, sizeof r->why, "%s", why[0] ? why : gaze_err_text(e));
}

// draws row i's picture, and its patches if they are wanted
static gaze_err draw(gaze_env_batch *b, int i) {
  cell *c = &b->cell[i];
  const gaze_patchify *f = &b->view.form;
  uint8_t *to = b->view.rgb ? b->view.rgb + (size_t)i * picture_bytes(b) : c->rgb;
  GAZE_TRY(b->env->render(c->self, to));
  c->image = c->row.obs.image[0];
  c->image.rgb = to;
  c->row.obs.image = &c->image;
  if (!b->view.patches) return GAZE_OK;
  const int h = b->space.image_h, w = b->space.image_w;
  const size_t floats = picture_bytes(b) * 2;  // every pixel twice: two equal time slices
  gaze_patchify a = *f;
  a.y = b->view.patches + (size_t)i * floats;
  a.rgb = to, a.h = h, a.w = w;
  return gaze_ops_cpu.patchify(c->ex, &a);
}

static gaze_err show(gaze_env_batch *b, int i) {
  const gaze_obs *o = &b->cell[i].row.obs;
  return b->lazy && !b->view.ask && o->images ? draw(b, i) : GAZE_OK;
}

static gaze_err keep_pictures(const gaze_env_batch *b, cell *c, gaze_obs *to) {
  kept *k = &c->last;
  size_t bytes = 0, at = 0;
  if (to->images > KEPT_IMAGES) to->images = KEPT_IMAGES;
  for (int i = 0; i < to->images; i++) bytes += (size_t)to->image[i].w * (size_t)to->image[i].h * 3;
  uint8_t *px = realloc(k->pixels, bytes + 1);
  if (!px) return gaze_fail(GAZE_ERR_NOMEM, "batch: out of memory");
  k->pixels = px;
  for (int i = 0; i < to->images; i++) {
    const gaze_image *im = &to->image[i];
    const size_t n = (size_t)im->w * (size_t)im->h * 3;
    if (im->rgb) memcpy(px + at, im->rgb, n);
    if (!im->rgb) GAZE_TRY(b->env->render(c->self, px + at));
    k->image[i] = *im;
    k->image[i].rgb = px + at;
    at += n;
  }
  to->image = k->image;
  return GAZE_OK;
}

static gaze_err keep_robot(kept *k, gaze_obs *to) {
  if (!to->robot) return GAZE_OK;
  const size_t n = (size_t)to->robot->joints;
  float *v = realloc(k->joints, (2 * n + 1) * sizeof *v);
  if (!v) return gaze_fail(GAZE_ERR_NOMEM, "batch: out of memory");
  k->joints = v;
  memcpy(v, to->robot->q, n * sizeof *v);
  memcpy(v + n, to->robot->dq, n * sizeof *v);
  k->robot = (gaze_state){.q = v, .dq = v + n, .joints = (int)n};
  to->robot = &k->robot;
  return GAZE_OK;
}

// copies the last observation of an episode, which the reset will overwrite, to row.last
static gaze_err keep(gaze_env_batch *b, cell *c) {
  kept *k = &c->last;
  gaze_obs *to = &c->row.last;
  *to = c->row.obs;
  gaze_buf_clear(&k->text);
  gaze_buf_str(&k->text, to->text ? to->text : "");
  if (to->truth && !k->truth) k->truth = malloc(sizeof *k->truth);
  if (k->text.failed || (to->truth && !k->truth))
    return gaze_fail(GAZE_ERR_NOMEM, "batch: out of memory");
  if (to->text) to->text = gaze_buf_text(&k->text);
  if (to->truth) {
    *k->truth = *to->truth;
    to->truth = k->truth;
  }
  GAZE_TRY(keep_robot(k, to));
  return keep_pictures(b, c, to);
}

// the seed of the k-th episode that a row begins on its own
static uint64_t next_seed(const gaze_env_batch *b, uint64_t base, int row, uint64_t k) {
  gaze_rng r;
  gaze_rng_init(&r, base, (uint64_t)row);
  const uint64_t of_row = gaze_rng_u64(&r);
  gaze_rng_init(&r, of_row, k);
  return b->split->first + gaze_rng_u64(&r) % b->split->count;
}

static gaze_err begin(gaze_env_batch *b, int i, uint64_t seed) {
  cell *c = &b->cell[i];
  c->over = true;
  c->row.obs = (gaze_obs){.text = ""};
  GAZE_TRY(b->env->reset(c->self, seed, &c->row.obs));
  GAZE_TRY(show(b, i));
  c->row.seed = seed;
  c->over = false;
  c->n.episodes++;
  return GAZE_OK;
}

static gaze_err begin_next(gaze_env_batch *b, int i) {
  cell *c = &b->cell[i];
  gaze_err e = GAZE_ERR_INTERNAL;
  for (int t = 0; t < BEGIN_TRIES && e; t++)
    e = begin(b, i, next_seed(b, c->base, i, ++c->episode));
  return e;
}

// an episode that broke: its last sound observation stays, without a picture
static void lose(cell *c) {
  gaze_env_batch_row *r = &c->row;
  r->fact[r->acts++] = (gaze_env_batch_fact){.truncated = true};
  r->out = (gaze_outcome){.truncated = true, .choice = -1, .status = "fault"};
  r->obs = (gaze_obs){.text = "", .turn = r->obs.turn, .last = true};
  c->over = true;
  c->n.faults++;
}

// carries out the acts of a row until its episode ends or one of them fails
static void play(gaze_env_batch *b, int i) {
  cell *c = &b->cell[i];
  gaze_env_batch_row *r = &c->row;
  for (int k = 0; k < c->acts && !c->over && !r->err; k++) {
    gaze_outcome out = {0};
    gaze_err e = b->env->step(c->self, &c->act[k], &r->obs, &out);
    if (e) fail_row(r, e);
    if (e == GAZE_ERR_ARG || e == GAZE_ERR_STATE) {
      c->n.refused++;
    } else if (e) {
      lose(c);
    } else {
      r->out = out;
      r->fact[r->acts++] = (gaze_env_batch_fact){out.reward, out.terminated, out.truncated};
      c->over = out.terminated || out.truncated;
      // physics that broke was told by the environment itself
      if (out.status && strcmp(out.status, "fault") == 0) c->n.faults++;
    }
  }
  r->ended = c->over;
  c->n.acts += (uint64_t)r->acts;
}

static void step(gaze_env_batch *b, int i) {
  cell *c = &b->cell[i];
  gaze_env_batch_row *r = &c->row;
  memset(r->fact, 0, (size_t)c->acts * sizeof *r->fact);
  if (c->over && (!c->seeded || b->autoreset == GAZE_AUTORESET_DISABLED)) {
    c->n.refused++;
    fail_row(r, gaze_fail(GAZE_ERR_STATE,
                          "%s: step: the episode is over or has not begun, reset "
                          "first",
                          b->env->name));
    return;
  }
  gaze_err e = GAZE_OK;
  if (c->over) {
    e = begin_next(b, i);
  } else {
    play(b, i);
    if (r->ended && b->autoreset == GAZE_AUTORESET_SAME_STEP) {
      e = keep(b, c);
      if (!e) e = begin_next(b, i);
    } else if (r->acts) {
      e = show(b, i);
    }
  }
  if (e) fail_row(r, e);
}

static void work(gaze_env_batch *b, int i) {
  cell *c = &b->cell[i];
  gaze_env_batch_row *r = &c->row;
  r->err = GAZE_OK, r->why[0] = 0;
  c->n = (gaze_env_batch_stats){0};
  if (c->job == JOB_RENDER) {
    gaze_err e = GAZE_OK;
    if (b->lazy && r->obs.images) e = draw(b, i);
    if (e) fail_row(r, e);
    return;
  }
  r->out = (gaze_outcome){.choice = -1};
  r->last = (gaze_obs){0};
  r->acts = 0, r->ended = false;
  if (c->job == JOB_STEP) {
    step(b, i);
    return;
  }
  c->base = c->seed, c->episode = 0, c->seeded = true;
  gaze_err e = begin(b, i, c->seed);
  if (e) fail_row(r, e);
}

static void carry_out(void *ctx, int i) {
  gaze_env_batch *b = ctx;
  work(b, i);
  pthread_mutex_lock(&b->lock);
  b->ready[(b->first + b->readies++) % b->n] = i;
  b->working--;
  if (b->readies >= b->wanted) pthread_cond_signal(&b->some);
  if (!b->working && b->done) b->done(b->ctx);
  pthread_mutex_unlock(&b->lock);
}

// marks the rows as in work; all or none
static gaze_err claim(gaze_env_batch *b, const int *row, int n, job what) {
  gaze_err e = GAZE_OK;
  int k = 0;
  if (n < 1 || n > b->n) return gaze_fail(GAZE_ERR_ARG, "batch: expected 1..%d rows", b->n);
  for (; k < n; k++) {
    const int i = row[k];
    if (i < 0 || i >= b->n || b->cell[i].busy) break;
    b->cell[i].busy = true;
    b->cell[i].job = what;
  }
  if (k == n) return GAZE_OK;
  e = gaze_fail(GAZE_ERR_ARG, "batch: row %d: expected 0..%d, each once, none in work", row[k],
                b->n - 1);
  while (k-- > 0) b->cell[row[k]].busy = false;
  return e;
}

static gaze_err post(gaze_env_batch *b, const int *row, int n) {
  pthread_mutex_lock(&b->lock);
  b->working += n;
  pthread_mutex_unlock(&b->lock);
  gaze_err e = b->crew ? gaze_crew_post(b->crew, carry_out, b, row, n) : GAZE_OK;
  if (e) {
    pthread_mutex_lock(&b->lock);
    b->working -= n;
    pthread_mutex_unlock(&b->lock);
    for (int k = 0; k < n; k++) b->cell[row[k]].busy = false;
    return e;
  }
  b->pending += n;
  if (b->crew) return GAZE_OK;
  // the caller computes as a worker would
  const unsigned long mode = gaze_fp_mode();
  gaze_ftz_off();
  for (int k = 0; k < n; k++) carry_out(b, row[k]);
  gaze_fp_restore(mode);
  return GAZE_OK;
}

// 0, 1, .. for callers that mean every row
static const int *every(const gaze_env_batch *b, const int *row) {
  return row ? row : b->ready + b->n;
}

gaze_err gaze_env_batch_send_reset(gaze_env_batch *b, const int *row, int n, const uint64_t *seed) {
  row = every(b, row);
  GAZE_TRY(claim(b, row, n, JOB_RESET));
  for (int k = 0; k < n; k++) b->cell[row[k]].seed = seed[k];
  return post(b, row, n);
}

gaze_err gaze_env_batch_send_step(gaze_env_batch *b, const int *row, int n, const gaze_act *act,
                                  int acts) {
  if (acts < 1 || acts > GAZE_ENV_BATCH_ACTS_MAX)
    return gaze_fail(GAZE_ERR_ARG, "batch: expected 1..%d acts a step", GAZE_ENV_BATCH_ACTS_MAX);
  row = every(b, row);
  GAZE_TRY(claim(b, row, n, JOB_STEP));
  gaze_err e = GAZE_OK;
  for (int k = 0; k < n && !e; k++) {
    cell *c = &b->cell[row[k]];
    c->act = act + (size_t)k * (size_t)acts, c->acts = acts;
    if (acts <= c->facts) continue;
    gaze_env_batch_fact *f = realloc(c->row.fact, (size_t)acts * sizeof *f);
    if (!f) e = gaze_fail(GAZE_ERR_NOMEM, "batch: out of memory");
    if (f) c->row.fact = f, c->facts = acts;
  }
  if (!e) return post(b, row, n);
  for (int k = 0; k < n; k++) b->cell[row[k]].busy = false;
  return e;
}

gaze_err gaze_env_batch_send_render(gaze_env_batch *b, const int *row, int n) {
  row = every(b, row);
  GAZE_TRY(claim(b, row, n, JOB_RENDER));
  return post(b, row, n);
}

static void count(gaze_env_batch *b, const gaze_env_batch_stats *n) {
  b->total.episodes += n->episodes, b->total.acts += n->acts;
  b->total.refused += n->refused, b->total.faults += n->faults;
}

int gaze_env_batch_recv(gaze_env_batch *b, int least, int *row, int cap) {
  if (least > b->pending) least = b->pending;
  if (least > cap) least = cap;
  pthread_mutex_lock(&b->lock);
  b->wanted = least;
  while (b->readies < least) pthread_cond_wait(&b->some, &b->lock);
  int n = 0;
  for (; n < cap && b->readies; n++, b->readies--) {
    row[n] = b->ready[b->first];
    b->first = (b->first + 1) % b->n;
  }
  pthread_mutex_unlock(&b->lock);
  for (int k = 0; k < n; k++) {
    b->cell[row[k]].busy = false;
    count(b, &b->cell[row[k]].n);
  }
  b->pending -= n;
  return n;
}

static void receive_all(gaze_env_batch *b) {
  int row[64];
  while (b->pending) gaze_env_batch_recv(b, 64, row, 64);
}

gaze_err gaze_env_batch_reset(gaze_env_batch *b, const uint64_t *seed) {
  GAZE_TRY(gaze_env_batch_send_reset(b, NULL, b->n, seed));
  receive_all(b);
  return GAZE_OK;
}

gaze_err gaze_env_batch_step(gaze_env_batch *b, const gaze_act *act) {
  GAZE_TRY(gaze_env_batch_send_step(b, NULL, b->n, act, 1));
  receive_all(b);
  return GAZE_OK;
}

static gaze_err check_view(const gaze_env_batch *b, const gaze_env_batch_view *v) {
  if (b->pending) return gaze_fail(GAZE_ERR_STATE, "batch: view: rows are in work");
  if (!b->env->render || b->space.image_h < 1 || b->space.image_w < 1)
    return gaze_fail(GAZE_ERR_UNSUPPORTED, "batch: view: the pictures of %s vary", b->env->name);
  if (!v->patches) return GAZE_OK;
  const int p = v->form.patch, m = v->form.merge;
  if (p >= 1 && m >= 1 && p <= 1024 && m <= 1024 && b->space.image_h % (p * m) == 0 &&
      b->space.image_w % (p * m) == 0)
    return GAZE_OK;
  return gaze_fail(GAZE_ERR_ARG, "batch: view: %d x %d pixels: expected multiples of %d x %d",
                   b->space.image_w, b->space.image_h, p, m);
}

gaze_err gaze_env_batch_show(gaze_env_batch *b, const gaze_env_batch_view *v) {
  GAZE_TRY(check_view(b, v));
  for (int i = 0; i < b->n; i++) {
    cell *c = &b->cell[i];
    if (v->patches && !c->ex) GAZE_TRY(gaze_exec_open_cpu(&c->ex, 1));
    if (!v->rgb && !c->rgb && !(c->rgb = malloc(picture_bytes(b))))
      return gaze_fail(GAZE_ERR_NOMEM, "batch: out of memory");
    b->env->lazy(c->self);
  }
  b->view = *v;
  b->lazy = true;
  return GAZE_OK;
}

static gaze_err open_rows(gaze_env_batch *b, const gaze_cfg *cfg) {
  b->cell = calloc((size_t)b->n, sizeof *b->cell);
  b->ready = calloc(2 * (size_t)b->n, sizeof *b->ready);
  if (!b->cell || !b->ready) return gaze_fail(GAZE_ERR_NOMEM, "batch: out of memory");
  GAZE_TRY(gaze_split_read(cfg, &b->split));
  for (int i = 0; i < b->n; i++) {
    b->ready[b->n + i] = i;
    b->cell[i].over = true;
    GAZE_TRY(b->env->open(&b->cell[i].self, cfg));
  }
  if (b->env->space) b->env->space(b->cell[0].self, &b->space);
  return GAZE_OK;
}

gaze_err gaze_env_batch_open(gaze_env_batch **out, const gaze_env_batch_options *o) {
  *out = NULL;
  if (!o->env || o->n < 1 || o->n > GAZE_ENV_BATCH_MAX)
    return gaze_fail(GAZE_ERR_ARG, "batch: expected an environment and 1..%d rows",
                     GAZE_ENV_BATCH_MAX);
  gaze_env_batch *b = calloc(1, sizeof *b);
  if (!b) return gaze_fail(GAZE_ERR_NOMEM, "batch: out of memory");
  b->env = o->env, b->n = o->n, b->crew = o->crew, b->autoreset = o->autoreset;
  b->done = o->done, b->ctx = o->ctx;
  pthread_mutex_init(&b->lock, NULL);
  pthread_cond_init(&b->some, NULL);
  gaze_err e = open_rows(b, o->cfg);
  if (e) return gaze_env_batch_close(&b), e;
  *out = b;
  return GAZE_OK;
}

static void close_cell(const gaze_env *env, cell *c) {
  if (c->self) env->close(&c->self);
  gaze_exec_close(&c->ex);
  free(c->last.pixels);
  gaze_buf_fini(&c->last.text);
  free(c->last.joints);
  free(c->last.truth);
  free(c->row.fact);
  free(c->rgb);
}

void gaze_env_batch_close(gaze_env_batch **out) {
  gaze_env_batch *b = *out;
  if (!b) return;
  receive_all(b);
  for (int i = 0; b->cell && i < b->n; i++) close_cell(b->env, &b->cell[i]);
  pthread_mutex_destroy(&b->lock);
  pthread_cond_destroy(&b->some);
  free(b->cell);
  free(b->ready);
  free(b);
  *out = NULL;
}

gaze_space gaze_env_batch_space(const gaze_env_batch *b) {
  return b->space;
}

const gaze_env_batch_row *gaze_env_batch_at(const gaze_env_batch *b, int i) {
  return &b->cell[i].row;
}

int gaze_env_batch_pending(const gaze_env_batch *b) {
  return b->pending;
}

gaze_env_batch_stats gaze_env_batch_count(const gaze_env_batch *b) {
  return b->total;
}
