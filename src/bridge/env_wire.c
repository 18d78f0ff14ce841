// bridge/env_wire.c - requests of the env protocol; replies are in env_wire_reply.c.
#include "bridge/env_wire.h"
#include <string.h>
#include "bridge/wire_internal.h"

// opens {"endpoint":.., ["api_token":..], ["data": the caller packs it next]}
static msgpack_packer begin(gaze_buf *b, const char *endpoint, const char *token, bool data) {
  msgpack_packer p = gaze_wire_packer(b);
  msgpack_pack_map(&p, (size_t)(1 + (token != NULL) + data));
  gaze_wire_str(&p, "endpoint"), gaze_wire_str(&p, endpoint);
  if (token) gaze_wire_str(&p, "api_token"), gaze_wire_str(&p, token);
  if (data) gaze_wire_str(&p, "data");
  return p;
}

void gaze_wire_put_hello(gaze_buf *b, const gaze_wire_hello *h, const char *token) {
  msgpack_packer p = begin(b, "hello", token, true);
  msgpack_pack_map(&p, (size_t)(3 + h->ask + h->shm + (h->envs > 0) + (h->settings != NULL)));
  gaze_wire_str(&p, "protocol"), msgpack_pack_int64(&p, h->protocol);
  gaze_wire_str(&p, "autoreset"), gaze_wire_str(&p, gaze_wire_autoreset[h->autoreset]);
  gaze_wire_str(&p, "oracle"), gaze_wire_bool(&p, h->oracle);
  if (h->ask) gaze_wire_str(&p, "pictures"), gaze_wire_str(&p, "asked");
  if (h->shm) gaze_wire_str(&p, "shm"), gaze_wire_bool(&p, true);
  if (h->envs > 0) gaze_wire_str(&p, "n_envs"), msgpack_pack_int(&p, h->envs);
  if (h->settings) gaze_wire_str(&p, "settings"), gaze_wire_str(&p, h->settings);
}

void gaze_wire_put_reset(gaze_buf *b, const uint64_t *seed, int rows, const char *token) {
  msgpack_packer p = begin(b, "reset", token, true);
  msgpack_pack_map(&p, 1);
  gaze_wire_str(&p, "seed"), msgpack_pack_array(&p, (size_t)rows);
  for (int i = 0; i < rows; i++) msgpack_pack_uint64(&p, seed[i]);
}

static void put_chunk(msgpack_packer *p, const gaze_act *act) {
  const int64_t shape[2] = {act->steps, act->dims};
  gaze_wire_array(p, "<f4", shape, 2, act->chunk,
                  (size_t)act->steps * (size_t)act->dims * sizeof(float));
}

void gaze_wire_put_step(gaze_buf *b, const gaze_act *act, int rows, const char *token) {
  msgpack_packer p = begin(b, "step", token, true);
  msgpack_pack_map(&p, 1);
  gaze_wire_str(&p, "actions"), msgpack_pack_array(&p, (size_t)rows);
  for (int i = 0; i < rows; i++) {
    if (!act[i].text && !act[i].chunk) {
      msgpack_pack_nil(&p);
      continue;
    }
    msgpack_pack_map(&p, 1);
    if (act[i].text)
      gaze_wire_str(&p, "text"), gaze_wire_str(&p, act[i].text);
    else
      gaze_wire_str(&p, "chunk"), put_chunk(&p, &act[i]);
  }
}

void gaze_wire_put_chunk_step(gaze_buf *b, const gaze_act *act, int rows, int acts,
                              const char *token) {
  msgpack_packer p = begin(b, "chunk_step", token, true);
  msgpack_pack_map(&p, 1);
  gaze_wire_str(&p, "actions"), msgpack_pack_array(&p, (size_t)rows);
  for (int i = 0; i < rows; i++) {
    const gaze_act *a = act + (size_t)i * (size_t)acts;
    if (a->chunk)
      put_chunk(&p, &(gaze_act){.chunk = a->chunk, .steps = acts, .dims = a->dims});
    else if (!a->text)
      msgpack_pack_nil(&p);
    else
      msgpack_pack_array(&p, (size_t)acts);
    for (int k = 0; k < acts && a->text; k++) gaze_wire_str(&p, a[k].text);
  }
}

void gaze_wire_put_render(gaze_buf *b, const int *id, int n, const char *token) {
  msgpack_packer p = begin(b, "render", token, true);
  msgpack_pack_map(&p, 1);
  gaze_wire_str(&p, "ids"), msgpack_pack_array(&p, (size_t)n);
  for (int i = 0; i < n; i++) msgpack_pack_int(&p, id[i]);
}

void gaze_wire_put_plain(gaze_buf *b, const char *endpoint, const char *token) {
  begin(b, endpoint, token, false);
}

static gaze_err get_hello(gaze_wire_request *r, const msgpack_object *data) {
  gaze_wire_hello *h = &r->hello;
  GAZE_TRY(gaze_wire_int(gaze_wire_find(data, "protocol"), 0, INT32_MAX, &h->protocol,
                         "hello: field protocol"));
  if (h->protocol != GAZE_WIRE_PROTOCOL)
    return gaze_fail(GAZE_ERR_FORMAT, "hello: field protocol: expected %d, got %lld",
                     GAZE_WIRE_PROTOCOL, (long long)h->protocol);
  const msgpack_object *o = gaze_wire_find(data, "autoreset");
  if (o) GAZE_TRY(gaze_wire_get_autoreset(r->mem, o, &h->autoreset, "hello: field autoreset"));
  o = gaze_wire_find(data, "pictures");
  const char *when = "always";
  if (o) GAZE_TRY(gaze_wire_text(r->mem, o, false, &when, "hello: field pictures"));
  h->ask = strcmp(when, "asked") == 0;
  if (!h->ask && strcmp(when, "always") != 0)
    return gaze_fail(GAZE_ERR_FORMAT, "hello: field pictures: expected always or asked, got %.64s",
                     when);
  o = gaze_wire_find(data, "shm");
  if (o) GAZE_TRY(gaze_wire_flag(o, &h->shm, "hello: field shm"));
  o = gaze_wire_find(data, "oracle");
  if (o) GAZE_TRY(gaze_wire_flag(o, &h->oracle, "hello: field oracle"));
  o = gaze_wire_find(data, "n_envs");
  int64_t n = 0;
  if (o) GAZE_TRY(gaze_wire_int(o, 1, GAZE_WIRE_ENVS_MAX, &n, "hello: field n_envs"));
  h->envs = (int)n;
  o = gaze_wire_find(data, "settings");
  return o ? gaze_wire_text(r->mem, o, true, &h->settings, "hello: field settings") : GAZE_OK;
}

static gaze_err get_seed(const msgpack_object *o, uint64_t *seed) {
  if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
    return gaze_fail(GAZE_ERR_FORMAT, "reset: field seed: expected a whole number >= 0");
  *seed = o->via.u64;
  return GAZE_OK;
}

static gaze_err get_rows(const msgpack_object_array *a, const char *what, int *rows) {
  if (a->size < 1 || a->size > GAZE_WIRE_ENVS_MAX)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected 1..%d rows, got %u", what, GAZE_WIRE_ENVS_MAX,
                     a->size);
  *rows = (int)a->size;
  return GAZE_OK;
}

static gaze_err get_reset(gaze_wire_request *r, const msgpack_object *data) {
  const msgpack_object *seed = gaze_wire_find(data, "seed");
  const msgpack_object *mask = gaze_wire_find(gaze_wire_find(data, "options"), "reset_mask");
  const msgpack_object_array *a = NULL;
  if (!seed) return gaze_fail(GAZE_ERR_FORMAT, "reset: field seed: expected a number or a list");
  if (seed->type == MSGPACK_OBJECT_ARRAY) {
    a = &seed->via.array;
    GAZE_TRY(get_rows(a, "reset: field seed", &r->rows));
    for (int i = 0; i < r->rows; i++) GAZE_TRY(get_seed(&a->ptr[i], &r->seed[i]));
  } else {
    GAZE_TRY(get_seed(seed, &r->seed[0]));
  }
  if (!mask || mask->type == MSGPACK_OBJECT_NIL) return GAZE_OK;
  GAZE_TRY(gaze_wire_list(mask, &a, "reset: field options.reset_mask"));
  GAZE_TRY(get_rows(a, "reset: field options.reset_mask", &r->mask_rows));
  r->masked = true;
  for (int i = 0; i < r->mask_rows; i++) {
    bool on = false;
    GAZE_TRY(gaze_wire_flag(&a->ptr[i], &on, "reset: field options.reset_mask"));
    r->skip[i] = !on;
  }
  return GAZE_OK;
}

static gaze_err get_text(void *mem, const msgpack_object *o, gaze_act *act, const char *what) {
  GAZE_TRY(gaze_wire_text(mem, o, false, &act->text, what));
  if (o->via.str.size > GAZE_WIRE_TEXT_MAX)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected at most %d bytes", what, GAZE_WIRE_TEXT_MAX);
  return GAZE_OK;
}

// [steps,dims] floats of our own: the bytes in the message may be unaligned. Whether the numbers
// make sense is for the environment to say.
static gaze_err get_chunk(void *mem, const msgpack_object *o, gaze_act *act, const char *what) {
  gaze_wire_nd nd;
  GAZE_TRY(gaze_wire_get_nd(o, NULL, &nd, what));
  if (strcmp(nd.dtype, "<f4") != 0 || nd.rank != 2 || nd.shape[0] < 1 ||
      nd.shape[0] > GAZE_WIRE_CHUNK_MAX || nd.shape[1] < 1 || nd.shape[1] > GAZE_WIRE_DIMS_MAX)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected <f4 of [1..%d,1..%d]", what,
                     GAZE_WIRE_CHUNK_MAX, GAZE_WIRE_DIMS_MAX);
  float *f = gaze_wire_alloc(mem, nd.n);
  if (!f) return GAZE_ERR_NOMEM;
  memcpy(f, nd.bytes, nd.n);
  *act = (gaze_act){.chunk = f, .steps = (int)nd.shape[0], .dims = (int)nd.shape[1]};
  return GAZE_OK;
}

static gaze_err alloc_acts(gaze_wire_request *r, int acts) {
  const size_t n = (size_t)r->rows * (size_t)acts * sizeof *r->act;
  r->acts = acts;
  r->act = gaze_wire_alloc(r->mem, n);
  if (!r->act) return GAZE_ERR_NOMEM;
  memset(r->act, 0, n);
  return GAZE_OK;
}

static gaze_err get_step(gaze_wire_request *r, const msgpack_object *data) {
  const msgpack_object_array *a = NULL;
  GAZE_TRY(gaze_wire_list(gaze_wire_find(data, "actions"), &a, "step: field actions"));
  GAZE_TRY(get_rows(a, "step: field actions", &r->rows));
  GAZE_TRY(alloc_acts(r, 1));
  for (int i = 0; i < r->rows; i++) {
    const msgpack_object *o = &a->ptr[i];
    r->skip[i] = o->type == MSGPACK_OBJECT_NIL;
    if (r->skip[i]) continue;
    const msgpack_object *text = gaze_wire_find(o, "text"), *chunk = gaze_wire_find(o, "chunk");
    if (chunk && text)
      return gaze_fail(GAZE_ERR_FORMAT, "step: field actions: expected text or chunk, not both");
    if (chunk)
      GAZE_TRY(get_chunk(r->mem, chunk, &r->act[i], "step: field actions.chunk"));
    else
      GAZE_TRY(get_text(r->mem, text, &r->act[i], "step: field actions.text"));
  }
  return GAZE_OK;
}

// the acts of one row of chunk_step: an array [K,D] or a list of K texts
static gaze_err get_chunk_row(gaze_wire_request *r, const msgpack_object *o, int i) {
  static const char what[] = "chunk_step: field actions";
  const bool texts = o->type == MSGPACK_OBJECT_ARRAY;
  gaze_act whole = {0};
  if (!texts) GAZE_TRY(get_chunk(r->mem, o, &whole, what));
  const uint32_t n = texts ? o->via.array.size : (uint32_t)whole.steps;
  if (n < 1 || n > GAZE_WIRE_CHUNK_MAX || (r->act && n != (uint32_t)r->acts))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected 1..%d in every row, equally many", what,
                     GAZE_WIRE_CHUNK_MAX);
  if (!r->act) GAZE_TRY(alloc_acts(r, (int)n));
  gaze_act *act = r->act + (size_t)i * n;
  for (uint32_t k = 0; k < n; k++) {
    if (texts) GAZE_TRY(get_text(r->mem, &o->via.array.ptr[k], &act[k], what));
    if (!texts)
      act[k] = (gaze_act){
          .chunk = whole.chunk + (size_t)k * (size_t)whole.dims, .steps = 1, .dims = whole.dims};
  }
  return GAZE_OK;
}

// one array [N,K,D] for all rows
static gaze_err get_block(gaze_wire_request *r, const msgpack_object *o) {
  static const char what[] = "chunk_step: field actions";
  gaze_wire_nd nd;
  GAZE_TRY(gaze_wire_get_nd(o, NULL, &nd, what));
  if (strcmp(nd.dtype, "<f4") != 0 || nd.rank != 3 || nd.shape[0] < 1 ||
      nd.shape[0] > GAZE_WIRE_ENVS_MAX || nd.shape[1] < 1 || nd.shape[1] > GAZE_WIRE_CHUNK_MAX ||
      nd.shape[2] < 1 || nd.shape[2] > GAZE_WIRE_DIMS_MAX)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: expected <f4 of [1..%d,1..%d,1..%d]", what,
                     GAZE_WIRE_ENVS_MAX, GAZE_WIRE_CHUNK_MAX, GAZE_WIRE_DIMS_MAX);
  float *f = gaze_wire_alloc(r->mem, nd.n);
  if (!f) return GAZE_ERR_NOMEM;
  memcpy(f, nd.bytes, nd.n);
  r->rows = (int)nd.shape[0];
  GAZE_TRY(alloc_acts(r, (int)nd.shape[1]));
  for (int k = 0; k < r->rows * r->acts; k++)
    r->act[k] =
        (gaze_act){.chunk = f + (int64_t)k * nd.shape[2], .steps = 1, .dims = (int)nd.shape[2]};
  return GAZE_OK;
}

static gaze_err get_chunk_step(gaze_wire_request *r, const msgpack_object *data) {
  const msgpack_object *o = gaze_wire_find(data, "actions");
  const msgpack_object_array *a = NULL;
  if (o && o->type == MSGPACK_OBJECT_MAP) return get_block(r, o);
  GAZE_TRY(gaze_wire_list(o, &a, "chunk_step: field actions"));
  GAZE_TRY(get_rows(a, "chunk_step: field actions", &r->rows));
  for (int i = 0; i < r->rows; i++) {
    r->skip[i] = a->ptr[i].type == MSGPACK_OBJECT_NIL;
    if (!r->skip[i]) GAZE_TRY(get_chunk_row(r, &a->ptr[i], i));
  }
  return r->act
             ? GAZE_OK
             : gaze_fail(GAZE_ERR_FORMAT, "chunk_step: field actions: expected one row at least");
}

static gaze_err get_render(gaze_wire_request *r, const msgpack_object *data) {
  const msgpack_object_array *a = NULL;
  GAZE_TRY(gaze_wire_list(gaze_wire_find(data, "ids"), &a, "render: field ids"));
  GAZE_TRY(get_rows(a, "render: field ids", &r->ids));
  for (int i = 0; i < r->ids; i++) {
    int64_t id = 0;
    GAZE_TRY(gaze_wire_int(&a->ptr[i], 0, GAZE_WIRE_ENVS_MAX - 1, &id, "render: field ids"));
    r->id[i] = (int)id;
  }
  return GAZE_OK;
}

static gaze_err get_body(gaze_wire_request *r, const msgpack_object *root) {
  static const char *const name[] = {"ping",       "hello",  "reset", "step",
                                     "chunk_step", "render", "close"};
  const msgpack_object *o = gaze_wire_find(root, "api_token"), *data = gaze_wire_find(root, "data");
  // a token that is no string is a wrong token: the server says so, not the parser
  if (o && o->type == MSGPACK_OBJECT_STR) gaze_wire_text(r->mem, o, false, &r->token, "api_token");
  GAZE_TRY(gaze_wire_text(r->mem, gaze_wire_find(root, "endpoint"), false, &r->name,
                          "request: field endpoint"));
  r->endpoint = GAZE_WIRE_UNKNOWN;
  for (int i = 0; i < GAZE_WIRE_UNKNOWN; i++)
    if (strcmp(r->name, name[i]) == 0) r->endpoint = (gaze_wire_endpoint)i;
  if (data && data->type != MSGPACK_OBJECT_MAP && data->type != MSGPACK_OBJECT_NIL)
    return gaze_fail(GAZE_ERR_FORMAT, "request: field data: expected a map");
  switch (r->endpoint) {
    case GAZE_WIRE_HELLO:
      return get_hello(r, data);
    case GAZE_WIRE_RESET:
      return get_reset(r, data);
    case GAZE_WIRE_STEP:
      return get_step(r, data);
    case GAZE_WIRE_CHUNK_STEP:
      return get_chunk_step(r, data);
    case GAZE_WIRE_RENDER:
      return get_render(r, data);
    default:
      return GAZE_OK;
  }
}

gaze_err gaze_wire_get_request(const void *bytes, size_t n, gaze_wire_request *out) {
  *out = (gaze_wire_request){.endpoint = GAZE_WIRE_UNKNOWN};
  const msgpack_object *root = NULL;
  GAZE_TRY(gaze_wire_unpack(bytes, n, &out->mem, &root));
  return get_body(out, root);  // the token stays readable when the rest is wrong
}

void gaze_wire_request_free(gaze_wire_request *r) {
  gaze_wire_mem_free(&r->mem);
}
