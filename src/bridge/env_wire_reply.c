// bridge/env_wire_reply.c - replies of the env protocol; see env_wire.h.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bridge/env_wire.h"
#include "bridge/msgpack_scan.h"
#include "bridge/wire_internal.h"
#include "core/json.h"
#include "envs/split.h"

void gaze_wire_put_error(gaze_buf *b, const char *sentence) {
  // plain ASCII of 1..1024 bytes, whatever names the sentence quotes
  char text[1025];
  size_t n = strlen(sentence), k = 0;
  while (k < n && k < 1024) {
    unsigned char c = (unsigned char)sentence[k];
    text[k++] = (char)(c < 0x80 && c >= 0x20 ? c : '?');
  }
  text[k] = 0;
  msgpack_packer p = gaze_wire_packer(b);
  msgpack_pack_map(&p, 1);
  gaze_wire_str(&p, "error"), gaze_wire_str(&p, k ? text : "unknown error");
}

void gaze_wire_put_status(gaze_buf *b, const char *message) {
  msgpack_packer p = gaze_wire_packer(b);
  msgpack_pack_map(&p, 2);
  gaze_wire_str(&p, "status"), gaze_wire_str(&p, "ok");
  gaze_wire_str(&p, "message"), gaze_wire_str(&p, message);
}

static void space(msgpack_packer *p, const char *key, const char *dtype, int rank, int last) {
  gaze_wire_str(p, key), msgpack_pack_map(p, 2);
  gaze_wire_str(p, "dtype"), gaze_wire_str(p, dtype);
  gaze_wire_str(p, "shape"), msgpack_pack_array(p, (size_t)rank);
  for (int i = 0; i < rank; i++) msgpack_pack_int(p, i == rank - 1 ? last : -1);
}

// chunks of actions [-1,D], with the bounds beyond which numbers are cut
static void put_chunk_space(msgpack_packer *p, int dims, const float *limit) {
  gaze_wire_str(p, "chunk"), msgpack_pack_map(p, limit ? 4 : 2);
  gaze_wire_str(p, "dtype"), gaze_wire_str(p, "<f4");
  gaze_wire_str(p, "shape"), msgpack_pack_array(p, 2);
  msgpack_pack_int(p, -1), msgpack_pack_int(p, dims);
  for (int side = 0; side < 2 && limit; side++) {
    gaze_wire_str(p, side ? "high" : "low"), msgpack_pack_array(p, (size_t)dims);
    for (int i = 0; i < dims; i++) msgpack_pack_float(p, side ? limit[i] : -limit[i]);
  }
}

static void put_splits(msgpack_packer *p) {
  size_t n = 0;
  while (gaze_splits[n].name) n++;
  msgpack_pack_map(p, n);
  for (size_t i = 0; i < n; i++) {
    gaze_wire_str(p, gaze_splits[i].name), msgpack_pack_array(p, 2);
    msgpack_pack_uint64(p, gaze_splits[i].first), msgpack_pack_uint64(p, gaze_splits[i].count);
  }
}

static void put_picture_space(msgpack_packer *p, const gaze_space *s) {
  // per row [pictures,h,w,3]; -1 = varies
  gaze_wire_str(p, "image"), msgpack_pack_map(p, 2);
  gaze_wire_str(p, "dtype"), gaze_wire_str(p, "|u1");
  gaze_wire_str(p, "shape"), msgpack_pack_array(p, 4);
  msgpack_pack_int(p, s->image_h ? 1 : -1);
  msgpack_pack_int(p, s->image_h ? s->image_h : -1);
  msgpack_pack_int(p, s->image_w ? s->image_w : -1);
  msgpack_pack_int(p, 3);
}

void gaze_wire_put_contract(gaze_buf *b, const gaze_wire_contract *c) {
  msgpack_packer p = gaze_wire_packer(b);
  msgpack_pack_map(&p, (size_t)(11 + (c->shm != NULL)));
  gaze_wire_str(&p, "protocol"), msgpack_pack_int64(&p, c->protocol);
  gaze_wire_str(&p, "env"), gaze_wire_str(&p, c->env);
  gaze_wire_str(&p, "n_envs"), msgpack_pack_int(&p, c->envs);
  gaze_wire_str(&p, "autoreset"), gaze_wire_str(&p, gaze_wire_autoreset[c->autoreset]);
  gaze_wire_str(&p, "oracle"), gaze_wire_bool(&p, c->oracle);
  gaze_wire_str(&p, "obs"), msgpack_pack_map(&p, (size_t)(2 + (c->space.joints > 0)));
  put_picture_space(&p, &c->space);
  space(&p, "text", "str", 0, 0);
  if (c->space.joints > 0) {
    gaze_wire_str(&p, "robot"), msgpack_pack_map(&p, 2);
    space(&p, "q", "<f4", 1, c->space.joints);
    space(&p, "dq", "<f4", 1, c->space.joints);
  }
  gaze_wire_str(&p, "action"), msgpack_pack_map(&p, 1);
  if (c->act_dims > 0)
    put_chunk_space(&p, c->act_dims, c->space.limit);
  else
    gaze_wire_str(&p, "grammar"), gaze_wire_str(&p, "text");
  gaze_wire_str(&p, "max_steps");
  c->space.max_steps ? msgpack_pack_int(&p, c->space.max_steps) : msgpack_pack_nil(&p);
  gaze_wire_str(&p, "control_hz");
  c->space.control_hz > 0 ? msgpack_pack_double(&p, c->space.control_hz) : msgpack_pack_nil(&p);
  gaze_wire_str(&p, "splits"), put_splits(&p);
  gaze_wire_str(&p, "mujoco"), msgpack_pack_int(&p, c->mujoco);
  if (!c->shm) return;
  gaze_wire_str(&p, "shm"), msgpack_pack_map(&p, 2);
  gaze_wire_str(&p, "name"), gaze_wire_str(&p, c->shm);
  gaze_wire_str(&p, "size"), msgpack_pack_int64(&p, c->shm_size);
}

// where a picture stands in shared memory; false if elsewhere
static bool within(const gaze_wire_shm *shm, const uint8_t *px, size_t n, size_t *at) {
  // compared as numbers: pointers into different arrays have no order
  const uintptr_t lo = shm ? (uintptr_t)shm->base : 0, p = (uintptr_t)px;
  if (!shm || p < lo || p - lo > shm->size || n > shm->size - (p - lo)) return false;
  *at = p - lo;
  return true;
}

// nil where the row has nothing to show
static gaze_err put_images(msgpack_packer *p, const gaze_obs *o, const gaze_wire_shm *shm) {
  if (o->images < 0 || o->images > GAZE_WIRE_IMAGES_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "env: %d pictures: expected 0..%d", o->images,
                     GAZE_WIRE_IMAGES_MAX);
  if (!o->images || !o->image[0].rgb) return msgpack_pack_nil(p), GAZE_OK;
  int w = o->image[0].w, h = o->image[0].h;
  if (w < 1 || h < 1 || w > GAZE_WIRE_SIDE_MAX || h > GAZE_WIRE_SIDE_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "env: picture of %d x %d: expected sides in 1..%d", w, h,
                     GAZE_WIRE_SIDE_MAX);
  for (int i = 1; i < o->images; i++)
    if (o->image[i].w != w || o->image[i].h != h)
      return gaze_fail(GAZE_ERR_RANGE, "env: pictures of one observation: expected equal sizes");
  size_t one = (size_t)w * (size_t)h * 3, n = one * (size_t)o->images;
  int64_t shape[4] = {o->images, h, w, 3};
  size_t at = 0;
  if (o->images == 1 && within(shm, o->image[0].rgb, n, &at))
    return gaze_wire_far_array(p, "|u1", shape, 4, at), GAZE_OK;
  if (o->images == 1) return gaze_wire_array(p, "|u1", shape, 4, o->image[0].rgb, n), GAZE_OK;
  uint8_t *all = malloc(n);
  if (!all) return GAZE_ERR_NOMEM;
  for (int i = 0; i < o->images; i++) memcpy(all + (size_t)i * one, o->image[i].rgb, one);
  gaze_wire_array(p, "|u1", shape, 4, all, n);
  free(all);
  return GAZE_OK;
}

static void put_robot(msgpack_packer *p, const gaze_obs *o) {
  if (!o->robot) {
    msgpack_pack_nil(p);
    return;
  }
  int64_t joints = o->robot->joints;
  size_t n = (size_t)joints * sizeof(float);
  msgpack_pack_map(p, 2);
  gaze_wire_str(p, "q"), gaze_wire_array(p, "<f4", &joints, 1, o->robot->q, n);
  gaze_wire_str(p, "dq"), gaze_wire_array(p, "<f4", &joints, 1, o->robot->dq, n);
}

typedef struct reply_form {  // what a reply of rows is packed for
  const gaze_wire_row *row;
  int rows, acts;
  gaze_wire_endpoint endpoint;
  const gaze_wire_shm *shm;
} reply_form;

static bool is_step(gaze_wire_endpoint e) {
  return e == GAZE_WIRE_STEP || e == GAZE_WIRE_CHUNK_STEP;
}

// row i's observation, or how its last episode ended; NULL where there is none
static const gaze_obs *obs_of(const reply_form *f, int i, bool last) {
  const gaze_wire_row *r = &f->row[i];
  if (last) return r->has_last ? &r->last : NULL;
  return r->skip ? NULL : &r->obs;
}

static gaze_err put_obs(msgpack_packer *p, const reply_form *f, bool last) {
  static const char *const key[] = {"image", "camera", "time_ns", "text",
                                    "robot", "turn",   "first",   "last"};
  msgpack_pack_map(p, 8);
  for (int k = 0; k < 8; k++) {
    gaze_wire_str(p, key[k]);
    msgpack_pack_array(p, (size_t)f->rows);
    for (int i = 0; i < f->rows; i++) {
      const gaze_obs *o = obs_of(f, i, last);
      if (!o) {
        msgpack_pack_nil(p);
        continue;
      }
      if (k == 0) GAZE_TRY(put_images(p, o, f->shm));
      if (k == 1 || k == 2) {
        msgpack_pack_array(p, (size_t)o->images);
        for (int j = 0; j < o->images; j++) {
          if (k == 1) gaze_wire_str(p, o->image[j].camera);
          if (k == 2) msgpack_pack_int64(p, o->image[j].time_ns);
        }
      }
      if (k == 3) gaze_wire_str(p, o->text);
      if (k == 4) put_robot(p, o);
      if (k == 5) msgpack_pack_uint32(p, o->turn);
      if (k == 6) gaze_wire_bool(p, o->first);
      if (k == 7) gaze_wire_bool(p, o->last);
    }
  }
  return GAZE_OK;
}

// the flags of an outcome, in wire order
static const char *const flag_name[] = {"terminated", "truncated", "format",     "answered",
                                        "correct",    "action",    "sufficient", "gaining",
                                        "useful",     "harmful"};
enum { FLAGS = sizeof flag_name / sizeof *flag_name };

static bool *flag(gaze_outcome *o, int i) {
  bool *f[FLAGS] = {&o->terminated, &o->truncated,         &o->format,  &o->answered, &o->correct,
                    &o->action,     &o->sufficient_before, &o->gaining, &o->useful,   &o->harmful};
  return f[i];
}

static void put_outcome(msgpack_packer *p, const gaze_outcome *src) {
  gaze_outcome o = *src;
  const bool chunk = o.max_steps > 0;
  msgpack_pack_map(p, FLAGS + 6 + (chunk ? 4 : 0));
  for (int i = 0; i < FLAGS; i++) gaze_wire_str(p, flag_name[i]), gaze_wire_bool(p, *flag(&o, i));
  gaze_wire_str(p, "choice"), msgpack_pack_int(p, o.choice);
  gaze_wire_str(p, "status"), gaze_wire_str(p, o.status);
  gaze_wire_str(p, "bits"), msgpack_pack_float(p, o.bits);
  gaze_wire_str(p, "reward"), msgpack_pack_float(p, o.reward);
  gaze_wire_str(p, "reply"), gaze_wire_str(p, o.reply);
  gaze_wire_str(p, "reference"), gaze_wire_str(p, o.reference);
  if (!chunk) return;
  gaze_wire_str(p, "steps"), msgpack_pack_int(p, o.steps);
  gaze_wire_str(p, "max_steps"), msgpack_pack_int(p, o.max_steps);
  gaze_wire_str(p, "clipped"), msgpack_pack_int(p, o.clipped);
  gaze_wire_str(p, "goal_dist"), msgpack_pack_float(p, o.goal_dist);
}

static gaze_err put_truth(msgpack_packer *p, const gaze_truth *t) {
  if (!t) return msgpack_pack_nil(p), GAZE_OK;
  cJSON *j = gaze_truth_to_json(t);
  char *s = j ? cJSON_PrintUnformatted(j) : NULL;
  cJSON_Delete(j);
  if (!s) return GAZE_ERR_NOMEM;
  gaze_wire_str(p, s);
  cJSON_free(s);
  return GAZE_OK;
}

static gaze_err put_truths(msgpack_packer *p, const reply_form *f, bool last) {
  gaze_wire_str(p, "oracle"), msgpack_pack_array(p, (size_t)f->rows);
  for (int i = 0; i < f->rows; i++) {
    const gaze_obs *o = obs_of(f, i, last);
    GAZE_TRY(put_truth(p, o ? o->truth : NULL));
  }
  return GAZE_OK;
}

static bool any_truth(const reply_form *f, bool last) {
  bool any = false;
  for (int i = 0; i < f->rows; i++) any = any || (obs_of(f, i, last) && obs_of(f, i, last)->truth);
  return any;
}

static void put_outcomes(msgpack_packer *p, const reply_form *f) {
  gaze_wire_str(p, "outcome"), msgpack_pack_array(p, (size_t)f->rows);
  for (int i = 0; i < f->rows; i++) {
    if (f->row[i].acts)
      put_outcome(p, &f->row[i].out);
    else
      msgpack_pack_nil(p);
  }
}

// how episodes ended in rows that show the next one already
static gaze_err put_final(msgpack_packer *p, const reply_form *f) {
  uint8_t mask[GAZE_WIRE_ENVS_MAX];
  const int64_t n = f->rows;
  const bool truth = any_truth(f, true);
  for (int i = 0; i < f->rows; i++) mask[i] = f->row[i].has_last;
  gaze_wire_str(p, "final_obs");
  GAZE_TRY(put_obs(p, f, true));
  gaze_wire_str(p, "_final_obs"), gaze_wire_array(p, "|b1", &n, 1, mask, (size_t)f->rows);
  gaze_wire_str(p, "final_info"), msgpack_pack_map(p, truth);
  if (truth) GAZE_TRY(put_truths(p, f, true));
  gaze_wire_str(p, "_final_info"), gaze_wire_array(p, "|b1", &n, 1, mask, (size_t)f->rows);
  return GAZE_OK;
}

static gaze_err put_info(msgpack_packer *p, const reply_form *f) {
  const bool truth = any_truth(f, false), step = is_step(f->endpoint);
  bool error = false, last = false;
  for (int i = 0; i < f->rows; i++) {
    error = error || f->row[i].error;
    last = last || f->row[i].has_last;
  }
  msgpack_pack_map(p, (size_t)(1 + truth + step + error + 4 * last));
  gaze_wire_str(p, "seed"), msgpack_pack_array(p, (size_t)f->rows);
  for (int i = 0; i < f->rows; i++)
    f->row[i].skip ? msgpack_pack_nil(p) : msgpack_pack_uint64(p, f->row[i].seed);
  if (truth) GAZE_TRY(put_truths(p, f, false));
  if (step) put_outcomes(p, f);
  if (error) gaze_wire_str(p, "error"), msgpack_pack_array(p, (size_t)f->rows);
  for (int i = 0; i < f->rows && error; i++) gaze_wire_str(p, f->row[i].error);
  return last ? put_final(p, f) : GAZE_OK;
}

// what one act earned and ended; nothing where it was not carried out
static gaze_env_batch_fact fact_of(const gaze_wire_row *r, int k) {
  if (k >= r->acts) return (gaze_env_batch_fact){0};
  if (r->fact) return r->fact[k];
  return (gaze_env_batch_fact){r->out.reward, r->out.terminated, r->out.truncated};
}

static gaze_err put_facts(msgpack_packer *p, const reply_form *f) {
  const bool chunk = f->endpoint == GAZE_WIRE_CHUNK_STEP;
  const size_t n = (size_t)f->rows * (size_t)f->acts;
  const int64_t shape[2] = {f->rows, f->acts};
  float *reward = malloc(n * (sizeof *reward + 2));
  if (!reward) return GAZE_ERR_NOMEM;
  uint8_t *terminated = (uint8_t *)(reward + n), *truncated = terminated + n;
  for (size_t j = 0; j < n; j++) {
    const gaze_env_batch_fact x = fact_of(&f->row[j / (size_t)f->acts], (int)(j % (size_t)f->acts));
    reward[j] = x.reward, terminated[j] = x.terminated, truncated[j] = x.truncated;
  }
  gaze_wire_str(p, "reward"), gaze_wire_array(p, "<f4", shape, 1 + chunk, reward, 4 * n);
  gaze_wire_str(p, "terminated"), gaze_wire_array(p, "|b1", shape, 1 + chunk, terminated, n);
  gaze_wire_str(p, "truncated"), gaze_wire_array(p, "|b1", shape, 1 + chunk, truncated, n);
  free(reward);
  if (!chunk) return GAZE_OK;
  int32_t steps[GAZE_WIRE_ENVS_MAX];
  for (int i = 0; i < f->rows; i++) steps[i] = f->row[i].acts;
  gaze_wire_str(p, "steps"), gaze_wire_array(p, "<i4", shape, 1, steps, 4 * (size_t)f->rows);
  return GAZE_OK;
}

gaze_err gaze_wire_put_rows(gaze_buf *b, const gaze_wire_row *row, int rows,
                            gaze_wire_endpoint endpoint, int acts, const gaze_wire_shm *shm) {
  GAZE_ASSERT(rows >= 1 && rows <= GAZE_WIRE_ENVS_MAX && acts <= GAZE_WIRE_CHUNK_MAX);
  const reply_form f = {row, rows, acts, endpoint, shm};
  const bool chunk = endpoint == GAZE_WIRE_CHUNK_STEP;
  msgpack_packer p = gaze_wire_packer(b);
  msgpack_pack_map(&p, (size_t)(2 + (is_step(endpoint) ? 3 : 0) + chunk));
  gaze_wire_str(&p, "obs");
  GAZE_TRY(put_obs(&p, &f, false));
  if (is_step(endpoint)) GAZE_TRY(put_facts(&p, &f));
  gaze_wire_str(&p, "info");
  return put_info(&p, &f);
}

static gaze_err get_contract(gaze_wire_reply *r, const msgpack_object *root) {
  gaze_wire_contract *c = &r->contract;
  int64_t n = 0;
  GAZE_TRY(gaze_wire_int(gaze_wire_find(root, "protocol"), 0, INT32_MAX, &c->protocol,
                         "hello reply: field protocol"));
  if (c->protocol != GAZE_WIRE_PROTOCOL)
    return gaze_fail(GAZE_ERR_FORMAT, "hello reply: field protocol: expected %d, got %lld",
                     GAZE_WIRE_PROTOCOL, (long long)c->protocol);
  GAZE_TRY(gaze_wire_text(r->mem, gaze_wire_find(root, "env"), false, &c->env,
                          "hello reply: field env"));
  GAZE_TRY(gaze_wire_int(gaze_wire_find(root, "n_envs"), 1, GAZE_WIRE_ENVS_MAX, &n,
                         "hello reply: field n_envs"));
  c->envs = (int)n;
  GAZE_TRY(gaze_wire_flag(gaze_wire_find(root, "oracle"), &c->oracle, "hello reply: field oracle"));
  GAZE_TRY(gaze_wire_get_autoreset(r->mem, gaze_wire_find(root, "autoreset"), &c->autoreset,
                                   "hello reply: field autoreset"));
  const msgpack_object *shm = gaze_wire_find(root, "shm");
  if (!shm || shm->type == MSGPACK_OBJECT_NIL) return GAZE_OK;
  GAZE_TRY(gaze_wire_text(r->mem, gaze_wire_find(shm, "name"), false, &c->shm,
                          "hello reply: field shm.name"));
  return gaze_wire_int(gaze_wire_find(shm, "size"), 1, GAZE_MSGPACK_BYTES_MAX, &c->shm_size,
                       "hello reply: field shm.size");
}

// the row-th item of a list under `key` with one item per row
static gaze_err item(const msgpack_object *map, const char *key, int rows, int row,
                     const msgpack_object **o, const char *what) {
  const msgpack_object_array *a = NULL;
  GAZE_TRY(gaze_wire_list(gaze_wire_find(map, key), &a, what));
  if (a->size != (uint32_t)rows)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected %d rows, got %u", what, rows, a->size);
  *o = &a->ptr[row];
  return GAZE_OK;
}

static gaze_err get_images(void *mem, const msgpack_object *obs, const gaze_wire_shm *shm, int rows,
                           int row, gaze_obs *o) {
  const msgpack_object *im = NULL, *camera = NULL, *time = NULL;
  GAZE_TRY(item(obs, "image", rows, row, &im, "reply: field obs.image"));
  GAZE_TRY(item(obs, "camera", rows, row, &camera, "reply: field obs.camera"));
  GAZE_TRY(item(obs, "time_ns", rows, row, &time, "reply: field obs.time_ns"));
  if (im->type == MSGPACK_OBJECT_NIL) return GAZE_OK;
  gaze_wire_nd nd;
  GAZE_TRY(gaze_wire_get_nd(im, shm, &nd, "reply: field obs.image"));
  bool good = strcmp(nd.dtype, "|u1") == 0 && nd.rank == 4 && nd.shape[3] == 3 &&
              nd.shape[0] >= 1 && nd.shape[0] <= GAZE_WIRE_IMAGES_MAX;
  for (int i = 1; good && i <= 2; i++) good = nd.shape[i] >= 1 && nd.shape[i] <= GAZE_WIRE_SIDE_MAX;
  if (!good)
    return gaze_fail(GAZE_ERR_FORMAT, "reply: field obs.image: expected |u1 of [1..%d,h,w,3]",
                     GAZE_WIRE_IMAGES_MAX);
  const msgpack_object_array *names = NULL, *times = NULL;
  GAZE_TRY(gaze_wire_list(camera, &names, "reply: field obs.camera"));
  GAZE_TRY(gaze_wire_list(time, &times, "reply: field obs.time_ns"));
  if (names->size != nd.shape[0] || times->size != nd.shape[0])
    return gaze_fail(GAZE_ERR_FORMAT, "reply: field obs.camera, time_ns: expected one per picture");
  gaze_image *image = gaze_wire_alloc(mem, (size_t)nd.shape[0] * sizeof *image);
  if (!image) return GAZE_ERR_NOMEM;
  size_t one = (size_t)(nd.shape[1] * nd.shape[2] * 3);
  for (int i = 0; i < nd.shape[0]; i++) {
    image[i] = (gaze_image){
        .rgb = nd.bytes + (size_t)i * one, .w = (int)nd.shape[2], .h = (int)nd.shape[1]};
    GAZE_TRY(
        gaze_wire_text(mem, &names->ptr[i], true, &image[i].camera, "reply: field obs.camera"));
    GAZE_TRY(gaze_wire_int(&times->ptr[i], INT64_MIN, INT64_MAX, &image[i].time_ns,
                           "reply: field obs.time_ns"));
  }
  o->image = image, o->images = (int)nd.shape[0];
  return GAZE_OK;
}

static gaze_err get_joints(void *mem, const msgpack_object *map, const char *key, const float **v,
                           int *joints) {
  gaze_wire_nd nd;
  GAZE_TRY(gaze_wire_get_nd(gaze_wire_find(map, key), NULL, &nd, "reply: field obs.robot"));
  if (strcmp(nd.dtype, "<f4") != 0 || nd.rank != 1 || nd.shape[0] > 4096 ||
      (*joints >= 0 && nd.shape[0] != *joints))
    return gaze_fail(GAZE_ERR_FORMAT, "reply: field obs.robot: expected q and dq of <f4 [joints]");
  float *f = gaze_wire_alloc(mem, nd.n);  // the bytes in the message may be unaligned
  if (!f) return GAZE_ERR_NOMEM;
  if (nd.n) memcpy(f, nd.bytes, nd.n);
  *v = f, *joints = (int)nd.shape[0];
  return GAZE_OK;
}

static gaze_err get_obs(void *mem, const msgpack_object *obs, const gaze_wire_shm *shm, int rows,
                        int row, gaze_obs *o) {
  const msgpack_object *x = NULL;
  int64_t turn = 0;
  GAZE_TRY(get_images(mem, obs, shm, rows, row, o));
  GAZE_TRY(item(obs, "text", rows, row, &x, "reply: field obs.text"));
  GAZE_TRY(gaze_wire_text(mem, x, true, &o->text, "reply: field obs.text"));
  GAZE_TRY(item(obs, "turn", rows, row, &x, "reply: field obs.turn"));
  GAZE_TRY(gaze_wire_int(x, 0, UINT32_MAX, &turn, "reply: field obs.turn"));
  o->turn = (uint32_t)turn;
  GAZE_TRY(item(obs, "first", rows, row, &x, "reply: field obs.first"));
  GAZE_TRY(gaze_wire_flag(x, &o->first, "reply: field obs.first"));
  GAZE_TRY(item(obs, "last", rows, row, &x, "reply: field obs.last"));
  GAZE_TRY(gaze_wire_flag(x, &o->last, "reply: field obs.last"));
  GAZE_TRY(item(obs, "robot", rows, row, &x, "reply: field obs.robot"));
  if (x->type == MSGPACK_OBJECT_NIL) return GAZE_OK;
  gaze_state *s = gaze_wire_alloc(mem, sizeof *s);
  if (!s) return GAZE_ERR_NOMEM;
  s->joints = -1;
  GAZE_TRY(get_joints(mem, x, "q", &s->q, &s->joints));
  GAZE_TRY(get_joints(mem, x, "dq", &s->dq, &s->joints));
  o->robot = s;
  return GAZE_OK;
}

// what only chunks of low-level actions have; absent for text
static gaze_err get_chunk_facts(const msgpack_object *m, gaze_outcome *o) {
  static const char *const key[] = {"steps", "max_steps", "clipped"};
  int *to[] = {&o->steps, &o->max_steps, &o->clipped};
  if (!gaze_wire_find(m, "max_steps")) return GAZE_OK;
  for (int i = 0; i < 3; i++) {
    char what[64];
    int64_t n = 0;
    snprintf(what, sizeof what, "reply: field info.outcome.%s", key[i]);
    GAZE_TRY(gaze_wire_int(gaze_wire_find(m, key[i]), 0, INT32_MAX, &n, what));
    *to[i] = (int)n;
  }
  double dist = 0.0;
  GAZE_TRY(
      gaze_wire_num(gaze_wire_find(m, "goal_dist"), &dist, "reply: field info.outcome.goal_dist"));
  if (!(dist >= 0.0 && dist <= 1e6))
    return gaze_fail(GAZE_ERR_FORMAT, "reply: field info.outcome.goal_dist: expected 0..1e6 m");
  o->goal_dist = (float)dist;
  return GAZE_OK;
}

static gaze_err get_outcome(void *mem, const msgpack_object *m, gaze_outcome *o) {
  char what[64];
  for (int i = 0; i < FLAGS; i++) {
    snprintf(what, sizeof what, "reply: field info.outcome.%s", flag_name[i]);
    GAZE_TRY(gaze_wire_flag(gaze_wire_find(m, flag_name[i]), flag(o, i), what));
  }
  int64_t choice = 0;
  double bits = 0, reward = 0;
  GAZE_TRY(gaze_wire_int(gaze_wire_find(m, "choice"), -1, INT16_MAX, &choice,
                         "reply: field info.outcome.choice"));
  GAZE_TRY(gaze_wire_num(gaze_wire_find(m, "bits"), &bits, "reply: field info.outcome.bits"));
  GAZE_TRY(gaze_wire_num(gaze_wire_find(m, "reward"), &reward, "reply: field info.outcome.reward"));
  o->choice = (int)choice, o->bits = (float)bits, o->reward = (float)reward;
  if (!isfinite(o->bits) || !isfinite(o->reward))
    return gaze_fail(GAZE_ERR_FORMAT, "reply: field info.outcome: bits, reward: out of range");
  GAZE_TRY(gaze_wire_text(mem, gaze_wire_find(m, "status"), true, &o->status,
                          "reply: field info.outcome.status"));
  GAZE_TRY(gaze_wire_text(mem, gaze_wire_find(m, "reply"), true, &o->reply,
                          "reply: field info.outcome.reply"));
  GAZE_TRY(gaze_wire_text(mem, gaze_wire_find(m, "reference"), true, &o->reference,
                          "reply: field info.outcome.reference"));
  return get_chunk_facts(m, o);
}

static gaze_err get_truth(void *mem, const msgpack_object *x, const gaze_truth **truth) {
  const char *text = NULL;
  GAZE_TRY(gaze_wire_text(mem, x, true, &text, "reply: field info.oracle"));
  if (!text) return GAZE_OK;
  gaze_truth *t = gaze_wire_alloc(mem, sizeof *t);
  if (!t) return GAZE_ERR_NOMEM;
  cJSON *j = NULL;
  GAZE_TRY(gaze_json_parse(&j, text, strlen(text), "reply: field info.oracle"));
  gaze_err e = gaze_truth_from_json(j, t);
  cJSON_Delete(j);
  *truth = t;
  return e;
}

// an array of chunk_step's reply, [rows,acts] or [rows]
static gaze_err get_fact_array(const msgpack_object *root, const char *key, const char *dtype,
                               int rows, int acts, const uint8_t **bytes) {
  char what[48];
  gaze_wire_nd nd;
  snprintf(what, sizeof what, "reply: field %s", key);
  GAZE_TRY(gaze_wire_get_nd(gaze_wire_find(root, key), NULL, &nd, what));
  if (strcmp(nd.dtype, dtype) != 0 || nd.rank != (acts ? 2 : 1) || nd.shape[0] != rows ||
      (acts && nd.shape[1] != acts))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected %s of [rows%s]", what, dtype,
                     acts ? ",acts" : "");
  *bytes = nd.bytes;
  return GAZE_OK;
}

static gaze_err get_facts(gaze_wire_reply *r, const msgpack_object *root) {
  const uint8_t *reward, *terminated, *truncated, *steps;
  gaze_wire_nd nd;
  GAZE_TRY(gaze_wire_get_nd(gaze_wire_find(root, "reward"), NULL, &nd, "reply: field reward"));
  if (nd.rank != 2 || nd.shape[1] < 1 || nd.shape[1] > GAZE_WIRE_CHUNK_MAX)
    return gaze_fail(GAZE_ERR_FORMAT, "reply: field reward: expected <f4 of [rows,1..%d]",
                     GAZE_WIRE_CHUNK_MAX);
  const int rows = r->rows, acts = (int)nd.shape[1];
  GAZE_TRY(get_fact_array(root, "reward", "<f4", rows, acts, &reward));
  GAZE_TRY(get_fact_array(root, "terminated", "|b1", rows, acts, &terminated));
  GAZE_TRY(get_fact_array(root, "truncated", "|b1", rows, acts, &truncated));
  GAZE_TRY(get_fact_array(root, "steps", "<i4", rows, 0, &steps));
  gaze_env_batch_fact *f = gaze_wire_alloc(r->mem, (size_t)rows * (size_t)acts * sizeof *f);
  if (!f) return GAZE_ERR_NOMEM;
  for (int j = 0; j < rows * acts; j++) {
    memcpy(&f[j].reward, reward + 4 * j, 4);
    f[j].terminated = terminated[j] != 0, f[j].truncated = truncated[j] != 0;
    if (!isfinite(f[j].reward))
      return gaze_fail(GAZE_ERR_FORMAT, "reply: field reward: expected finite numbers");
  }
  r->acts = acts;
  for (int i = 0; i < rows; i++) {
    int32_t n;
    memcpy(&n, steps + 4 * i, 4);
    if (n < 0 || n > acts || (n > 0) != (r->row[i].acts > 0))
      return gaze_fail(GAZE_ERR_FORMAT, "reply: field steps: expected 0..%d, 0 without an outcome",
                       acts);
    r->row[i].acts = n;
    r->row[i].fact = f + (size_t)i * (size_t)acts;
  }
  return GAZE_OK;
}

// how the episode before ended, where the row shows the next one already
static gaze_err get_final(gaze_wire_reply *r, const msgpack_object *info, const gaze_wire_shm *shm,
                          int i) {
  const msgpack_object *obs = gaze_wire_find(info, "final_obs"), *turn = NULL, *x = NULL;
  if (!obs) return GAZE_OK;
  GAZE_TRY(item(obs, "turn", r->rows, i, &turn, "reply: field info.final_obs.turn"));
  if (turn->type == MSGPACK_OBJECT_NIL) return GAZE_OK;
  r->row[i].has_last = true;
  GAZE_TRY(get_obs(r->mem, obs, shm, r->rows, i, &r->row[i].last));
  const msgpack_object *more = gaze_wire_find(info, "final_info");
  if (!gaze_wire_find(more, "oracle")) return GAZE_OK;
  GAZE_TRY(item(more, "oracle", r->rows, i, &x, "reply: field info.final_info.oracle"));
  return get_truth(r->mem, x, &r->row[i].last.truth);
}

static gaze_err get_row(gaze_wire_reply *r, const msgpack_object *root, bool step,
                        const gaze_wire_shm *shm, int i) {
  const msgpack_object *obs = gaze_wire_find(root, "obs"), *info = gaze_wire_find(root, "info");
  const msgpack_object *turn = NULL, *x = NULL;
  gaze_wire_row *row = &r->row[i];
  if (gaze_wire_find(info, "error")) {
    GAZE_TRY(item(info, "error", r->rows, i, &x, "reply: field info.error"));
    GAZE_TRY(gaze_wire_text(r->mem, x, true, &row->error, "reply: field info.error"));
  }
  GAZE_TRY(item(obs, "turn", r->rows, i, &turn, "reply: field obs.turn"));
  row->skip = turn->type == MSGPACK_OBJECT_NIL;
  if (step) {
    GAZE_TRY(item(info, "outcome", r->rows, i, &x, "reply: field info.outcome"));
    row->acts = x->type != MSGPACK_OBJECT_NIL;
    if (row->acts) GAZE_TRY(get_outcome(r->mem, x, &row->out));
  }
  GAZE_TRY(get_final(r, info, shm, i));
  if (row->skip) return GAZE_OK;
  GAZE_TRY(get_obs(r->mem, obs, shm, r->rows, i, &row->obs));
  if (gaze_wire_find(info, "oracle")) {
    GAZE_TRY(item(info, "oracle", r->rows, i, &x, "reply: field info.oracle"));
    GAZE_TRY(get_truth(r->mem, x, &row->obs.truth));
  }
  if (!gaze_wire_find(info, "seed")) return GAZE_OK;
  GAZE_TRY(item(info, "seed", r->rows, i, &x, "reply: field info.seed"));
  if (x->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
    return gaze_fail(GAZE_ERR_FORMAT, "reply: field info.seed: expected a whole number >= 0");
  row->seed = x->via.u64;
  return GAZE_OK;
}

static gaze_err get_rows(gaze_wire_reply *r, const msgpack_object *root,
                         gaze_wire_endpoint endpoint, const gaze_wire_shm *shm) {
  const msgpack_object_array *text = NULL;
  GAZE_TRY(gaze_wire_list(gaze_wire_find(gaze_wire_find(root, "obs"), "text"), &text,
                          "reply: field obs.text"));
  if (text->size < 1 || text->size > GAZE_WIRE_ENVS_MAX)
    return gaze_fail(GAZE_ERR_FORMAT, "reply: field obs.text: expected 1..%d rows",
                     GAZE_WIRE_ENVS_MAX);
  const int rows = (int)text->size;
  r->row = gaze_wire_alloc(r->mem, (size_t)rows * sizeof *r->row);
  if (!r->row) return GAZE_ERR_NOMEM;
  memset(r->row, 0, (size_t)rows * sizeof *r->row);
  r->rows = rows;
  for (int i = 0; i < rows; i++) GAZE_TRY(get_row(r, root, is_step(endpoint), shm, i));
  return endpoint == GAZE_WIRE_CHUNK_STEP ? get_facts(r, root) : GAZE_OK;
}

gaze_err gaze_wire_get_reply(void *bytes, size_t n, gaze_wire_endpoint endpoint,
                             const gaze_wire_shm *shm, gaze_wire_reply *out) {
  *out = (gaze_wire_reply){0};
  const msgpack_object *root = NULL;
  GAZE_TRY(gaze_wire_unpack(bytes, n, &out->mem, &root));
  const msgpack_object *error = gaze_wire_find(root, "error");
  gaze_err e = GAZE_OK;
  if (error)
    e = gaze_wire_text(out->mem, error, false, &out->error, "reply: field error");
  else if (endpoint == GAZE_WIRE_HELLO)
    e = get_contract(out, root);
  else if (endpoint == GAZE_WIRE_RESET || endpoint == GAZE_WIRE_RENDER || is_step(endpoint))
    e = get_rows(out, root, endpoint, shm);
  if (e) gaze_wire_reply_free(out);
  return e;
}

void gaze_wire_reply_free(gaze_wire_reply *r) {
  gaze_wire_mem_free(&r->mem);
  *r = (gaze_wire_reply){0};
}
