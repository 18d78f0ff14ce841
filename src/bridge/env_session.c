// bridge/env_session.c - see env_session.h.
#include "bridge/env_session.h"
#include <stdlib.h>
#include <string.h>
#include "bridge/msgpack_scan.h"
#include "bridge/shm.h"
#include "core/json.h"
#include "sim/world.h"

struct gaze_env_session {
  const gaze_env *env;
  gaze_env_batch *batch;
  int envs, mujoco;
  bool oracle;
  gaze_autoreset autoreset;
  uint8_t *own;  // pictures, where they are not in shared memory
  gaze_shm shm;
  int sent[GAZE_WIRE_ENVS_MAX], n;  // rows of the work begun
  gaze_wire_row row[GAZE_WIRE_ENVS_MAX];
};

// No path is taken from a message, nor a bare file name, which has a dot.
static bool names_path(const cJSON *j) {
  if (cJSON_IsString(j) && strpbrk(j->valuestring, "/\\.")) return true;
  const cJSON *i = NULL;
  cJSON_ArrayForEach(i, j) if (names_path(i)) return true;
  return false;
}

static gaze_err merge(gaze_cfg *c, const char *json, bool remote) {
  cJSON *j = NULL;
  GAZE_TRY(gaze_json_parse(&j, json, strlen(json), "hello: field settings"));
  gaze_err e = GAZE_OK;
  if (!cJSON_IsObject(j))
    e = gaze_fail(GAZE_ERR_FORMAT, "hello: field settings: expected a JSON object");
  gaze_buf b = GAZE_BUF_INIT;
  const cJSON *i = NULL;
  cJSON_ArrayForEach(i, j) {
    if (e) break;
    if (!i->string[0] || strspn(i->string,
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_.-") != strlen(i->string))
      e = gaze_fail(GAZE_ERR_FORMAT, "hello: field settings: key %.64s: expected a plain name",
                    i->string);
    else if (remote && names_path(i))
      e = gaze_fail(GAZE_ERR_FORMAT, "hello: field settings.%.64s: paths are not accepted",
                    i->string);
    if (e) break;
    char *value = cJSON_PrintUnformatted(i);
    gaze_buf_clear(&b);
    gaze_buf_printf(&b, "%s=%s", i->string, value ? value : "null");
    e = value && !b.failed ? gaze_cfg_set(c, gaze_buf_text(&b)) : GAZE_ERR_NOMEM;
    cJSON_free(value);
  }
  gaze_buf_fini(&b);
  cJSON_Delete(j);
  return e;
}

static gaze_err open_batch(gaze_env_session *s, const gaze_env_session_options *o,
                           const gaze_wire_hello *h) {
  gaze_cfg *cfg = NULL;
  GAZE_TRY(gaze_cfg_open(&cfg));
  gaze_err e = o->base ? merge(cfg, o->base, false) : GAZE_OK;
  if (!e && h->settings) e = merge(cfg, h->settings, true);
  // the handshake alone decides about the truth
  if (!e) e = gaze_cfg_set(cfg, h->oracle ? "oracle=true" : "oracle=false");
  gaze_env_batch_options b = {.env = o->env,
                              .cfg = cfg,
                              .n = s->envs,
                              .crew = o->crew,
                              .autoreset = h->autoreset,
                              .done = o->done,
                              .ctx = o->ctx};
  if (!e) e = gaze_env_batch_open(&s->batch, &b);
  gaze_cfg_close(&cfg);
  return e;
}

// Pictures of a known size are drawn where the reply takes them from: shared memory if the client
// asks for it and there is some, else memory of ours. Other pictures stay in the environments.
static gaze_err place_pictures(gaze_env_session *s, const gaze_wire_hello *h) {
  const gaze_space space = gaze_env_batch_space(s->batch);
  const size_t bytes = (size_t)space.image_h * (size_t)space.image_w * 3 * (size_t)s->envs;
  if (!bytes)
    return h->ask
               ? gaze_fail(GAZE_ERR_UNSUPPORTED,
                           "hello: field pictures: %s draws with every observation", s->env->name)
               : GAZE_OK;
  gaze_env_batch_view v = {.ask = h->ask};
  if (h->shm && bytes <= GAZE_MSGPACK_BYTES_MAX && gaze_shm_create(&s->shm, bytes) == GAZE_OK)
    v.rgb = s->shm.base;
  else
    v.rgb = s->own = malloc(bytes);
  if (!v.rgb) return gaze_fail(GAZE_ERR_NOMEM, "env server: out of memory");
  return gaze_env_batch_show(s->batch, &v);
}

gaze_err gaze_env_session_open(gaze_env_session **out, const gaze_env_session_options *o,
                               const gaze_wire_hello *h) {
  *out = NULL;
  if (h->envs > o->envs)
    return gaze_fail(GAZE_ERR_RANGE, "hello: field n_envs: expected at most %d", o->envs);
  gaze_env_session *s = calloc(1, sizeof *s);
  if (!s) return gaze_fail(GAZE_ERR_NOMEM, "env server: out of memory");
  s->env = o->env, s->envs = h->envs ? h->envs : o->envs;
  s->oracle = h->oracle, s->autoreset = h->autoreset;
  gaze_err e = gaze_world_version(&s->mujoco);
  if (!e) e = open_batch(s, o, h);
  if (!e) e = place_pictures(s, h);
  if (e) return gaze_env_session_close(&s), e;
  *out = s;
  return GAZE_OK;
}

void gaze_env_session_close(gaze_env_session **out) {
  gaze_env_session *s = *out;
  if (!s) return;
  gaze_env_batch_close(&s->batch);
  gaze_shm_unlink(&s->shm);
  gaze_shm_close(&s->shm);
  free(s->own);
  free(s);
  *out = NULL;
}

void gaze_env_session_contract(const gaze_env_session *s, gaze_buf *out) {
  const gaze_wire_contract k = {.protocol = GAZE_WIRE_PROTOCOL,
                                .env = s->env->name,
                                .envs = s->envs,
                                .oracle = s->oracle,
                                .autoreset = s->autoreset,
                                .shm = s->shm.base ? s->shm.name : NULL,
                                .shm_size = (int64_t)s->shm.size,
                                .act_dims = s->env->act_dims,
                                .space = gaze_env_batch_space(s->batch),
                                .mujoco = s->mujoco};
  gaze_wire_put_contract(out, &k);
}

static gaze_err rows_differ(const char *what, int want, int got) {
  return gaze_fail(GAZE_ERR_FORMAT, "%s: expected %d rows, got %d", what, want, got);
}

// the rows that are not left alone
static void choose(gaze_env_session *s, const gaze_wire_request *r) {
  s->n = 0;
  for (int i = 0; i < s->envs; i++)
    if (!r->skip[i]) s->sent[s->n++] = i;
}

static gaze_err begin_reset(gaze_env_session *s, const gaze_wire_request *r) {
  if (r->rows && r->rows != s->envs) return rows_differ("reset: field seed", s->envs, r->rows);
  if (r->masked && r->mask_rows != s->envs)
    return rows_differ("reset: field options.reset_mask", s->envs, r->mask_rows);
  uint64_t seed[GAZE_WIRE_ENVS_MAX];
  choose(s, r);
  for (int k = 0; k < s->n; k++) {
    const int i = s->sent[k];
    // one seed for all: row k starts from seed + k
    if (!r->rows && r->seed[0] > UINT64_MAX - (uint64_t)i)
      return gaze_fail(GAZE_ERR_RANGE, "reset: field seed: row %d: beyond 64 bits", i);
    seed[k] = r->rows ? r->seed[i] : r->seed[0] + (uint64_t)i;
  }
  return s->n ? gaze_env_batch_send_reset(s->batch, s->sent, s->n, seed) : GAZE_OK;
}

static gaze_err begin_step(gaze_env_session *s, const gaze_wire_request *r) {
  if (r->rows != s->envs)
    return rows_differ(
        r->endpoint == GAZE_WIRE_STEP ? "step: field actions" : "chunk_step: field actions",
        s->envs, r->rows);
  choose(s, r);
  // the batch takes the acts of the rows it is sent: one call per run of rows side by side
  for (int k = 0, n; k < s->n; k += n) {
    for (n = 1; k + n < s->n && s->sent[k + n] == s->sent[k] + n;) n++;
    GAZE_TRY(gaze_env_batch_send_step(s->batch, s->sent + k, n,
                                      r->act + (size_t)s->sent[k] * (size_t)r->acts, r->acts));
  }
  return GAZE_OK;
}

static gaze_err begin_render(gaze_env_session *s, const gaze_wire_request *r) {
  s->n = r->ids;
  memcpy(s->sent, r->id, (size_t)r->ids * sizeof *r->id);
  for (int k = 0; k < s->n; k++)
    if (s->sent[k] >= s->envs)
      return gaze_fail(GAZE_ERR_RANGE, "render: field ids: expected 0..%d", s->envs - 1);
  return gaze_env_batch_send_render(s->batch, s->sent, s->n);
}

gaze_err gaze_env_session_begin(gaze_env_session *s, const gaze_wire_request *r) {
  gaze_shm_unlink(&s->shm);  // the client has it by now, or never will
  if (r->endpoint == GAZE_WIRE_RESET) return begin_reset(s, r);
  if (r->endpoint == GAZE_WIRE_RENDER) return begin_render(s, r);
  return begin_step(s, r);
}

bool gaze_env_session_ready(gaze_env_session *s) {
  int row[GAZE_WIRE_ENVS_MAX];
  gaze_env_batch_recv(s->batch, 0, row, GAZE_WIRE_ENVS_MAX);
  return gaze_env_batch_pending(s->batch) == 0;
}

// an environment that shows its truth unasked does not get it past here
static gaze_obs shown(const gaze_env_session *s, const gaze_obs *o) {
  gaze_obs v = *o;
  if (!s->oracle) v.truth = NULL;
  return v;
}

static void fill_row(const gaze_env_session *s, int i, gaze_wire_row *to) {
  const gaze_env_batch_row *r = gaze_env_batch_at(s->batch, i);
  const bool refused = r->err && !r->acts && !r->ended;
  *to = (gaze_wire_row){.skip = refused,
                        .error = r->err ? r->why : NULL,
                        .obs = shown(s, &r->obs),
                        .seed = r->seed,
                        .acts = r->acts,
                        .out = r->out,
                        .fact = r->fact,
                        .has_last = r->ended && s->autoreset == GAZE_AUTORESET_SAME_STEP,
                        .last = shown(s, &r->last)};
}

gaze_err gaze_env_session_end(gaze_env_session *s, const gaze_wire_request *r, gaze_buf *out) {
  for (int i = 0; i < s->envs; i++) s->row[i] = (gaze_wire_row){.skip = true};
  for (int k = 0; k < s->n; k++) fill_row(s, s->sent[k], &s->row[s->sent[k]]);
  const gaze_wire_shm shm = {s->shm.base, s->shm.size};
  return gaze_wire_put_rows(out, s->row, s->envs, r->endpoint, r->acts, shm.base ? &shm : NULL);
}

uint64_t gaze_env_session_faults(const gaze_env_session *s) {
  return gaze_env_batch_count(s->batch).faults;
}
