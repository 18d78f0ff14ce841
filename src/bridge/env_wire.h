// bridge/env_wire.h - the messages of the env protocol: msgpack maps to structs and back.
#ifndef GAZE_BRIDGE_ENV_WIRE_H
#define GAZE_BRIDGE_ENV_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/buf.h"
#include "envs/batch.h"

enum {
  GAZE_WIRE_PROTOCOL = 1,
  GAZE_WIRE_ENVS_MAX = 64,    // environments of one client
  GAZE_WIRE_IMAGES_MAX = 64,  // pictures of one observation
  GAZE_WIRE_SIDE_MAX = 4096,  // pixels a side of a picture
  GAZE_WIRE_TEXT_MAX = 1 << 20,
  GAZE_WIRE_CHUNK_MAX = 4096,  // actions of a chunk
  GAZE_WIRE_DIMS_MAX = 256,    // numbers of one of them
};

typedef enum gaze_wire_endpoint {
  GAZE_WIRE_PING,
  GAZE_WIRE_HELLO,
  GAZE_WIRE_RESET,
  GAZE_WIRE_STEP,
  GAZE_WIRE_CHUNK_STEP,
  GAZE_WIRE_RENDER,
  GAZE_WIRE_CLOSE,
  GAZE_WIRE_UNKNOWN,
} gaze_wire_endpoint;

typedef struct gaze_wire_hello {
  int64_t protocol;
  int envs;     // 0: the server's choice
  bool oracle;  // observations carry the truth
  bool ask;     // pictures only in replies to "render"
  bool shm;     // pictures may lie in shared memory
  gaze_autoreset autoreset;
  const char *settings;  // JSON object of environment settings, NULL = none
} gaze_wire_hello;

typedef struct gaze_wire_request {
  gaze_wire_endpoint endpoint;
  const char *name, *token;  // endpoint as written; NULL if none was sent
  gaze_wire_hello hello;
  int rows;                           // of reset (0: one seed for every row) and steps
  uint64_t seed[GAZE_WIRE_ENVS_MAX];  // seed[0] alone when rows is 0
  bool skip[GAZE_WIRE_ENVS_MAX];      // rows that a mask or a nil action leaves alone
  bool masked;                        // skip came from a reset mask of mask_rows rows
  int mask_rows;
  int acts;       // of a row: 1 in step, the chunk's in chunk_step
  gaze_act *act;  // [rows,acts] texts, or chunks of any numbers; NULL but in steps
  int ids;        // rows that render asks for
  int id[GAZE_WIRE_ENVS_MAX];
  void *mem;  // owns texts, chunks and acts
} gaze_wire_request;

// One row of a reply. Encoding borrows; decoding points into the reply.
typedef struct gaze_wire_row {
  bool skip;          // the row was left alone or refused its act: no observation
  const char *error;  // why it refused, or how its episode was lost; NULL
  gaze_obs obs;
  uint64_t seed;                    // of the episode it belongs to
  int acts;                         // carried out in a step: 0 if it began an episode instead
  gaze_outcome out;                 // of the last of them
  const gaze_env_batch_fact *fact;  // [acts asked] of chunk_step
  bool has_last;                    // autoreset same_step: `last` is how the episode before ended
  gaze_obs last;
} gaze_wire_row;

// Memory that both ends see. Pictures within it are told by their offset.
typedef struct gaze_wire_shm {
  uint8_t *base;
  size_t size;  // bytes
} gaze_wire_shm;

typedef struct gaze_wire_contract {  // reply to hello
  int64_t protocol;
  const char *env;
  int envs;
  bool oracle;
  gaze_autoreset autoreset;
  const char *shm;   // name of the shared memory, NULL: pictures stand in the messages
  int64_t shm_size;  // bytes
  // written only
  int act_dims;  // 0 for actions that are text
  gaze_space space;
  int mujoco;  // version of the library
} gaze_wire_contract;

typedef struct gaze_wire_reply {
  const char *error;  // NULL if the request was carried out
  gaze_wire_contract contract;
  int rows, acts;  // acts: columns of chunk_step's arrays
  gaze_wire_row *row;
  void *mem;  // owns all of it except the pixels, which lie in the message or in shared memory
} gaze_wire_reply;

// Append one request. `token` may be NULL.  [rt: never]
void gaze_wire_put_hello(gaze_buf *b, const gaze_wire_hello *h, const char *token);
void gaze_wire_put_reset(gaze_buf *b, const uint64_t *seed, int rows,
                         const char *token);  // [rt: never]
void gaze_wire_put_step(gaze_buf *b, const gaze_act *act, int rows,
                        const char *token);  // neither text nor chunk = skip the row  [rt: never]
// act [rows,acts]: texts, or chunks of one action each, those of a row one behind the other in
// memory; a first act that is neither = skip the row.  [rt: never]
void gaze_wire_put_chunk_step(gaze_buf *b, const gaze_act *act, int rows, int acts,
                              const char *token);
void gaze_wire_put_render(gaze_buf *b, const int *id, int n, const char *token);  // [rt: never]
void gaze_wire_put_plain(gaze_buf *b, const char *endpoint, const char *token);   // [rt: never]

// Checks and reads a request. On failure the sentence names the field and what was expected; an
// unknown endpoint is no failure. Always free with gaze_wire_request_free, after a failure
// too (the token stays readable for the server).  [rt: never]
gaze_err gaze_wire_get_request(const void *bytes, size_t n, gaze_wire_request *out);
void gaze_wire_request_free(gaze_wire_request *r);  // [rt: never]

// Append one reply.  [rt: never]
void gaze_wire_put_error(gaze_buf *b, const char *sentence);
void gaze_wire_put_status(gaze_buf *b, const char *message);            // [rt: never]
void gaze_wire_put_contract(gaze_buf *b, const gaze_wire_contract *c);  // [rt: never]
// The reply to reset, render (acts 0), step (acts 1) or chunk_step, whose rows asked for `acts`.
// Pixels within `shm` (may be NULL) are told by offset. RANGE if the pictures of a row differ in
// size or number more than 64.  [rt: never]
gaze_err gaze_wire_put_rows(gaze_buf *b, const gaze_wire_row *row, int rows,
                            gaze_wire_endpoint endpoint, int acts, const gaze_wire_shm *shm);

// Checks and reads the reply to a request for `endpoint`; pictures point into `bytes` or `shm`
// (NULL: none is accepted there), which must outlive them. FORMAT naming the field. Free with
// gaze_wire_reply_free.  [rt: never]
gaze_err gaze_wire_get_reply(void *bytes, size_t n, gaze_wire_endpoint endpoint,
                             const gaze_wire_shm *shm, gaze_wire_reply *out);
void gaze_wire_reply_free(gaze_wire_reply *r);  // [rt: never]

#endif
