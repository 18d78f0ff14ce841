// bridge/env_wire_reply.c - replies of the env protocol; see env_wire.h.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bridge/env_wire.h"
#include "bridge/wire_internal.h"
#include "core/json.h"

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

void gaze_wire_put_contract(gaze_buf *b, const gaze_wire_contract *c) {
  msgpack_packer p = gaze_wire_packer(b);
  msgpack_pack_map(&p, 7);
  gaze_wire_str(&p, "protocol"), msgpack_pack_int64(&p, c->protocol);
  gaze_wire_str(&p, "env"), gaze_wire_str(&p, c->env);
  gaze_wire_str(&p, "n_envs"), msgpack_pack_int(&p, c->envs);
  gaze_wire_str(&p, "autoreset"), gaze_wire_str(&p, "disabled");
  gaze_wire_str(&p, "oracle"), gaze_wire_bool(&p, c->oracle);
  gaze_wire_str(&p, "obs"), msgpack_pack_map(&p, 2);
  space(&p, "image", "|u1", 4, 3);  // per row [pictures,h,w,3]; -1 = varies
  space(&p, "text", "str", 0, 0);
  gaze_wire_str(&p, "action"), msgpack_pack_map(&p, 1);
  if (c->act_dims > 0)
    space(&p, "chunk", "<f4", 2, c->act_dims);
  else
    gaze_wire_str(&p, "grammar"), gaze_wire_str(&p, "text");
}

// nil where the row has nothing to show
static gaze_err put_images(msgpack_packer *p, const gaze_obs *o) {
  if (o->images < 0 || o->images > GAZE_WIRE_IMAGES_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "env: %d pictures: expected 0..%d", o->images,
                     GAZE_WIRE_IMAGES_MAX);
  if (!o->images) return msgpack_pack_nil(p), GAZE_OK;
  int w = o->image[0].w, h = o->image[0].h;
  if (w < 1 || h < 1 || w > GAZE_WIRE_SIDE_MAX || h > GAZE_WIRE_SIDE_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "env: picture of %d x %d: expected sides in 1..%d", w, h,
                     GAZE_WIRE_SIDE_MAX);
  for (int i = 1; i < o->images; i++)
    if (o->image[i].w != w || o->image[i].h != h)
      return gaze_fail(GAZE_ERR_RANGE, "env: pictures of one observation: expected equal sizes");
  size_t one = (size_t)w * (size_t)h * 3, n = one * (size_t)o->images;
  int64_t shape[4] = {o->images, h, w, 3};
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

static gaze_err put_obs(msgpack_packer *p, const gaze_wire_row *row, int rows) {
  static const char *const key[] = {"image", "camera", "time_ns", "text",
                                    "robot", "turn",   "first",   "last"};
  msgpack_pack_map(p, 8);
  for (int k = 0; k < 8; k++) {
    gaze_wire_str(p, key[k]);
    msgpack_pack_array(p, (size_t)rows);
    for (int i = 0; i < rows; i++) {
      const gaze_obs *o = &row[i].obs;
      if (row[i].skip) {
        msgpack_pack_nil(p);
        continue;
      }
      if (k == 0) GAZE_TRY(put_images(p, o));
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

static gaze_err put_info(msgpack_packer *p, const gaze_wire_row *row, int rows, bool step) {
  bool truth = false;
  for (int i = 0; i < rows; i++) truth = truth || (!row[i].skip && row[i].obs.truth);
  msgpack_pack_map(p, (size_t)truth + step);
  if (truth) {
    gaze_wire_str(p, "oracle"), msgpack_pack_array(p, (size_t)rows);
    for (int i = 0; i < rows; i++) GAZE_TRY(put_truth(p, row[i].skip ? NULL : row[i].obs.truth));
  }
  if (!step) return GAZE_OK;
  gaze_wire_str(p, "outcome"), msgpack_pack_array(p, (size_t)rows);
  for (int i = 0; i < rows; i++) {
    if (row[i].skip)
      msgpack_pack_nil(p);
    else
      put_outcome(p, &row[i].out);
  }
  return GAZE_OK;
}

gaze_err gaze_wire_put_rows(gaze_buf *b, const gaze_wire_row *row, int rows, bool step) {
  GAZE_ASSERT(rows >= 1 && rows <= GAZE_WIRE_ENVS_MAX);
  msgpack_packer p = gaze_wire_packer(b);
  msgpack_pack_map(&p, step ? 5 : 2);
  gaze_wire_str(&p, "obs");
  GAZE_TRY(put_obs(&p, row, rows));
  if (step) {
    float reward[GAZE_WIRE_ENVS_MAX];
    uint8_t ended[2][GAZE_WIRE_ENVS_MAX];
    for (int i = 0; i < rows; i++) {
      reward[i] = row[i].skip ? 0.0f : row[i].out.reward;
      ended[0][i] = !row[i].skip && row[i].out.terminated;
      ended[1][i] = !row[i].skip && row[i].out.truncated;
    }
    int64_t n = rows;
    gaze_wire_str(&p, "reward");
    gaze_wire_array(&p, "<f4", &n, 1, reward, (size_t)rows * sizeof *reward);
    gaze_wire_str(&p, "terminated"), gaze_wire_array(&p, "|b1", &n, 1, ended[0], (size_t)rows);
    gaze_wire_str(&p, "truncated"), gaze_wire_array(&p, "|b1", &n, 1, ended[1], (size_t)rows);
  }
  gaze_wire_str(&p, "info");
  return put_info(&p, row, rows, step);
}

static gaze_err get_contract(gaze_wire_reply *r, const msgpack_object *root) {
  gaze_wire_contract *c = &r->contract;
  const char *mode = NULL;
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
  GAZE_TRY(gaze_wire_text(r->mem, gaze_wire_find(root, "autoreset"), false, &mode,
                          "hello reply: field autoreset"));
  if (strcmp(mode, "disabled") != 0)
    return gaze_fail(GAZE_ERR_FORMAT, "hello reply: field autoreset: expected disabled");
  return GAZE_OK;
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

static gaze_err get_images(void *mem, const msgpack_object *obs, int rows, int row, gaze_obs *o) {
  const msgpack_object *im = NULL, *camera = NULL, *time = NULL;
  GAZE_TRY(item(obs, "image", rows, row, &im, "reply: field obs.image"));
  GAZE_TRY(item(obs, "camera", rows, row, &camera, "reply: field obs.camera"));
  GAZE_TRY(item(obs, "time_ns", rows, row, &time, "reply: field obs.time_ns"));
  if (im->type == MSGPACK_OBJECT_NIL) return GAZE_OK;
  gaze_wire_nd nd;
  GAZE_TRY(gaze_wire_get_nd(im, &nd, "reply: field obs.image"));
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
  GAZE_TRY(gaze_wire_get_nd(gaze_wire_find(map, key), &nd, "reply: field obs.robot"));
  if (strcmp(nd.dtype, "<f4") != 0 || nd.rank != 1 || nd.shape[0] > 4096 ||
      (*joints >= 0 && nd.shape[0] != *joints))
    return gaze_fail(GAZE_ERR_FORMAT, "reply: field obs.robot: expected q and dq of <f4 [joints]");
  float *f = gaze_wire_alloc(mem, nd.n);  // the bytes in the message may be unaligned
  if (!f) return GAZE_ERR_NOMEM;
  if (nd.n) memcpy(f, nd.bytes, nd.n);
  *v = f, *joints = (int)nd.shape[0];
  return GAZE_OK;
}

static gaze_err get_obs(void *mem, const msgpack_object *obs, int rows, int row, gaze_obs *o) {
  const msgpack_object *x = NULL;
  int64_t turn = 0;
  GAZE_TRY(get_images(mem, obs, rows, row, o));
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

static gaze_err get_rows(gaze_wire_reply *r, const msgpack_object *root, bool step) {
  const msgpack_object *obs = gaze_wire_find(root, "obs"), *info = gaze_wire_find(root, "info");
  const msgpack_object_array *text = NULL;
  GAZE_TRY(gaze_wire_list(gaze_wire_find(obs, "text"), &text, "reply: field obs.text"));
  if (text->size < 1 || text->size > GAZE_WIRE_ENVS_MAX)
    return gaze_fail(GAZE_ERR_FORMAT, "reply: field obs.text: expected 1..%d rows",
                     GAZE_WIRE_ENVS_MAX);
  int rows = (int)text->size;
  r->row = gaze_wire_alloc(r->mem, (size_t)rows * sizeof *r->row);
  if (!r->row) return GAZE_ERR_NOMEM;
  memset(r->row, 0, (size_t)rows * sizeof *r->row);
  r->rows = rows;
  for (int i = 0; i < rows; i++) {
    const msgpack_object *turn = NULL, *x = NULL;
    GAZE_TRY(item(obs, "turn", rows, i, &turn, "reply: field obs.turn"));
    r->row[i].skip = turn->type == MSGPACK_OBJECT_NIL;
    if (r->row[i].skip) continue;
    GAZE_TRY(get_obs(r->mem, obs, rows, i, &r->row[i].obs));
    if (gaze_wire_find(info, "oracle")) {
      GAZE_TRY(item(info, "oracle", rows, i, &x, "reply: field info.oracle"));
      GAZE_TRY(get_truth(r->mem, x, &r->row[i].obs.truth));
    }
    if (!step) continue;
    GAZE_TRY(item(info, "outcome", rows, i, &x, "reply: field info.outcome"));
    GAZE_TRY(get_outcome(r->mem, x, &r->row[i].out));
  }
  return GAZE_OK;
}

gaze_err gaze_wire_get_reply(void *bytes, size_t n, gaze_wire_endpoint endpoint,
                             gaze_wire_reply *out) {
  *out = (gaze_wire_reply){0};
  const msgpack_object *root = NULL;
  GAZE_TRY(gaze_wire_unpack(bytes, n, &out->mem, &root));
  const msgpack_object *error = gaze_wire_find(root, "error");
  gaze_err e = GAZE_OK;
  if (error)
    e = gaze_wire_text(out->mem, error, false, &out->error, "reply: field error");
  else if (endpoint == GAZE_WIRE_HELLO)
    e = get_contract(out, root);
  else if (endpoint == GAZE_WIRE_RESET || endpoint == GAZE_WIRE_STEP)
    e = get_rows(out, root, endpoint == GAZE_WIRE_STEP);
  if (e) gaze_wire_reply_free(out);
  return e;
}

void gaze_wire_reply_free(gaze_wire_reply *r) {
  gaze_wire_mem_free(&r->mem);
  *r = (gaze_wire_reply){0};
}
