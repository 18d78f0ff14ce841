// app/cmd_info.c - gaze info: versions, processor, what a model needs, what an environment shows.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>
#include "app/registry.h"
#include "core/json.h"
#include "nn/config.h"
#include "nn/params.h"
#include "nn/tokenizer.h"
#include "sim/robot.h"
#include "sim/world.h"

static const char GAZE_VERSION[] = "0.1.0";

// Parameters of a model by part, and what they take in memory.
typedef struct sizes {
  gaze_model_config cfg;
  double vision, layers, embedding, head, vectors;  // numbers of parameters; vectors: in all parts
  double total;
  double f32, bf16, int8;  // bytes: vectors stay f32, int8 has one f32 scale a row
  double kv;               // bytes of cache per token
  double session;          // bytes of cache and logits for `tokens`
  int tokens;
} sizes;

static gaze_err measure(const char *dir, int64_t tokens, sizes *s) {
  char path[4096];
  if (snprintf(path, sizeof path, "%s/config.json", dir) >= (int)sizeof path)
    return gaze_fail(GAZE_ERR_ARG, "--model: the path is too long");
  GAZE_TRY(gaze_model_config_load(&s->cfg, path));
  const gaze_model_config *c = &s->cfg;
  gaze_layout l;
  GAZE_TRY(gaze_layout_open(&l, c));
  for (int i = 0; i < l.n; i++) {
    const gaze_param *p = &l.param[i];
    double n = (double)p->rows * p->cols;
    bool vector = p->kind == GAZE_PARAM_VECTOR;
    double *part = strstr(p->name, "visual")         ? &s->vision
                   : strstr(p->name, "embed_tokens") ? &s->embedding
                   : strstr(p->name, "lm_head")      ? &s->head
                                                     : &s->layers;
    *part += n;
    s->total += n;
    s->vectors += vector ? n : 0;
    s->f32 += 4 * n;
    s->bf16 += vector ? 4 * n : 2 * n;
    s->int8 += vector ? 4 * n : n + 4.0 * p->rows;
  }
  gaze_layout_close(&l);
  s->tokens = tokens < c->context ? (int)tokens : c->context;
  s->kv = 2.0 * c->layers * c->kv_heads * c->head_dim * 4;
  s->session = s->kv * s->tokens + 4.0 * c->vocab;
  return GAZE_OK;
}

static gaze_err put_int(cJSON *o, const char *key, double v) {
  return cJSON_AddNumberToObject(o, key, v) ? GAZE_OK : GAZE_ERR_NOMEM;
}

static gaze_err put_str(cJSON *o, const char *key, const char *v) {
  return cJSON_AddStringToObject(o, key, v) ? GAZE_OK : GAZE_ERR_NOMEM;
}

static gaze_err add_versions(cJSON *root) {
  int mj = 0, z[3];
  char text[48];
  GAZE_TRY(gaze_world_version(&mj));
  zmq_version(&z[0], &z[1], &z[2]);
  cJSON *v = cJSON_AddObjectToObject(root, "versions");
  if (!v) return GAZE_ERR_NOMEM;
  GAZE_TRY(put_str(v, "gaze", GAZE_VERSION));
  // MuJoCo counts 1.2.3 as 1002003 from version 4 on, as 123 before
  if (mj >= 1000)
    snprintf(text, sizeof text, "%d.%d.%d", mj / 1000000, mj / 1000 % 1000, mj % 1000);
  else
    snprintf(text, sizeof text, "%d.%d.%d", mj / 100, mj / 10 % 10, mj % 10);
  GAZE_TRY(put_str(v, "mujoco", text));
  snprintf(text, sizeof text, "%d.%d.%d", z[0], z[1], z[2]);
  return put_str(v, "libzmq", text);
}

static gaze_err add_processor(cJSON *root) {
  gaze_exec *ex = NULL;
  GAZE_TRY(gaze_exec_open_cpu(&ex, 0));
  cJSON *p = cJSON_AddObjectToObject(root, "processor");
  gaze_err e = p ? GAZE_OK : GAZE_ERR_NOMEM;
  if (!e) e = put_str(p, "backend", gaze_ops_cpu.name);
  if (!e) e = put_str(p, "features", gaze_exec_features(ex));
  if (!e) e = put_int(p, "threads", gaze_exec_threads(ex));
  gaze_exec_close(&ex);
  return e;
}

static gaze_err add_model(cJSON *root, const char *dir, int64_t tokens) {
  sizes s = {.total = 0};
  GAZE_TRY(measure(dir, tokens, &s));
  const struct {
    const char *key;
    double v;
  } row[] = {
      {"layers", s.cfg.layers},
      {"hidden", s.cfg.hidden},
      {"heads", s.cfg.heads},
      {"kv_heads", s.cfg.kv_heads},
      {"vocab", s.cfg.vocab},
      {"context", s.cfg.context},
      {"vision_layers", s.cfg.vision.depth},
      {"vision_hidden", s.cfg.vision.hidden},
      {"parameters", s.total},
      {"parameters_vision", s.vision},
      {"parameters_language", s.layers},
      {"parameters_embedding", s.embedding},
      {"parameters_head", s.head},
      {"bytes_f32", s.f32},
      {"bytes_bf16", s.bf16},
      {"bytes_int8", s.int8},
      {"kv_bytes_per_token", s.kv},
      {"session_tokens", s.tokens},
      {"session_bytes", s.session},
  };
  cJSON *m = cJSON_AddObjectToObject(root, "model");
  if (!m) return GAZE_ERR_NOMEM;
  GAZE_TRY(put_str(m, "folder", dir));
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) GAZE_TRY(put_int(m, row[i].key, row[i].v));
  if (!cJSON_AddBoolToObject(m, "tied_head", s.cfg.tied)) return GAZE_ERR_NOMEM;
  return GAZE_OK;
}

// what the first observation of a seed holds; the environment itself is the witness
static gaze_err add_env(cJSON *root, const char *spec, const gaze_cfg *cfg) {
  const gaze_env *env;
  char split[16];
  uint64_t seed;
  GAZE_TRY(gaze_env_spec(spec, "test", &env, split, &seed));
  void *self = NULL;
  GAZE_TRY(env->open(&self, cfg));
  gaze_obs obs = {0};
  gaze_err e = env->reset(self, seed, &obs);
  cJSON *o = e ? NULL : cJSON_AddObjectToObject(root, "env");
  if (!e && !o) e = GAZE_ERR_NOMEM;
  if (!e) e = put_str(o, "name", env->name);
  if (!e) e = put_str(o, "split", split);
  if (!e) e = put_int(o, "first_seed", (double)seed);
  if (!e && env->act_dims == 0)
    e = put_str(o, "action",
                env->embodied ? "text: <think>thought</think><output>box or path</output>"
                              : "text: <think>thought</think><answer>option letter</answer>");
  if (!e && env->act_dims > 0) e = put_int(o, "action_dims", env->act_dims);
  if (!e && obs.images > 0) {
    e = put_int(o, "image_height", obs.image[0].h);
    if (!e) e = put_int(o, "image_width", obs.image[0].w);
  }
  if (!e && obs.truth) e = put_int(o, "options", obs.truth->options);
  if (!e) e = put_int(o, "options_max", GAZE_OPTIONS_MAX);
  if (!e) e = put_str(o, "first_message", obs.text ? obs.text : "");
  env->close(&self);
  return e;
}

// what planning knows of an arm: its joints with their limits, the hand, the tool at home
static gaze_err add_robot(cJSON *root, const char *name) {
  gaze_robot *r = calloc(1, sizeof *r);  // holds all pairs of the hull: too much for the stack
  mjSpec *spec = NULL;
  if (!r) return GAZE_ERR_NOMEM;
  gaze_err e = gaze_robot_open(r, name, NULL, &spec);
  if (spec) mj_deleteSpec(spec);
  cJSON *o = e ? NULL : cJSON_AddObjectToObject(root, "robot");
  if (!e && !o) e = GAZE_ERR_NOMEM;
  if (!e) e = put_str(o, "name", name);
  const gaze_chain *c = &r->arm.chain;
  if (!e) e = put_int(o, "joints", c->n);
  for (int i = 0; i < c->n && !e; i++) {
    const gaze_joint *j = &c->joint[i];
    const char *unit = j->type == GAZE_JOINT_HINGE ? "rad" : "m";
    char key[24], text[160];
    snprintf(key, sizeof key, "joint_%d", i);
    snprintf(text, sizeof text, "%s: %.4g..%.4g %s, %.3g %s/s, effort %.4g", j->name, j->lo, j->hi,
             unit, j->vel, unit, j->effort);
    e = put_str(o, key, text);
  }
  gaze_pose tool = gaze_chain_fk(c, r->arm.home, NULL);
  char text[96];
  snprintf(text, sizeof text, "%.3f %.3f %.3f m", tool.pos[0], tool.pos[1], tool.pos[2]);
  if (!e) e = put_str(o, "tool_at_home", text);
  snprintf(text, sizeof text, "%.0f mm", 1000 * r->arm.open_m);
  if (!e) e = put_str(o, "hand_opens", text);
  if (!e) e = put_int(o, "hull_capsules", r->arm.hull.n);
  free(r);
  return e;
}

// one line a figure, objects as headed blocks
static void print_table(const cJSON *root) {
  const cJSON *block = NULL, *item = NULL;
  cJSON_ArrayForEach(block, root) {
    printf("%s\n", block->string);
    cJSON_ArrayForEach(item, block) {
      if (cJSON_IsString(item) && strchr(item->valuestring, '\n')) {
        printf("  %s:\n%s\n", item->string, item->valuestring);
        continue;
      }
      printf("  %-22s ", item->string);
      bool bytes = strstr(item->string, "bytes") != NULL;
      if (cJSON_IsString(item))
        printf("%s\n", item->valuestring);
      else if (cJSON_IsBool(item))
        printf("%s\n", cJSON_IsTrue(item) ? "yes" : "no");
      else if (bytes && item->valuedouble >= 1e6)
        printf("%.2f MB\n", item->valuedouble / 1e6);
      else
        printf("%.0f\n", item->valuedouble);
    }
  }
}

static gaze_err fill(cJSON *root, gaze_args *a) {
  const char *model, *env, *robot;
  int64_t tokens;
  GAZE_TRY(gaze_cfg_str(a->cfg, "model", NULL, &model));
  GAZE_TRY(gaze_cfg_str(a->cfg, "robot", NULL, &robot));
  GAZE_TRY(gaze_cfg_str(a->cfg, "env", NULL, &env));
  GAZE_TRY(gaze_cfg_int(a->cfg, "tokens", 2048, 1, 1 << 24, &tokens));
  GAZE_TRY(add_versions(root));
  GAZE_TRY(add_processor(root));
  if (model) GAZE_TRY(add_model(root, model, tokens));
  if (robot) GAZE_TRY(add_robot(root, robot));
  if (!env) return GAZE_OK;
  GAZE_TRY(gaze_cfg_set(a->cfg, "oracle=true"));
  return add_env(root, env, a->cfg);
}

static gaze_err info(gaze_args *a) {
  bool json;
  GAZE_TRY(gaze_cfg_bool(a->cfg, "json", false, &json));
  if (a->words) return gaze_fail(GAZE_ERR_ARG, "unexpected word \"%s\"", a->word[0]);
  cJSON *root = cJSON_CreateObject();
  gaze_err e = root ? fill(root, a) : GAZE_ERR_NOMEM;
  char *text = e || !json ? NULL : cJSON_PrintUnformatted(root);
  if (!e && json && !text) e = GAZE_ERR_NOMEM;
  if (text) printf("%s\n", text);
  if (!e && !json) print_table(root);
  cJSON_free(text);
  cJSON_Delete(root);
  return e == GAZE_ERR_NOMEM ? gaze_fail(e, "out of memory") : e;
}

static const gaze_flag flags[] = {
    {.name = "--model",
     .key = "model",
     .kind = GAZE_FLAG_TEXT,
     .value = "DIR",
     .help = "sizes of the model in this folder; config.json is enough"},
    {.name = "--tokens",
     .key = "tokens",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 1,
     .hi = 1 << 24,
     .help = "length of the session whose memory is reckoned (default 2048)"},
    {.name = "--env",
     .key = "env",
     .kind = GAZE_FLAG_TEXT,
     .value = "ENV[:SPLIT]",
     .help = "contract of an environment: its first observation"},
    {.name = "--robot",
     .key = "robot",
     .kind = GAZE_FLAG_TEXT,
     .value = "R",
     .help = "joints and hand of an arm: panda7, ur5e6 or an MJCF or URDF file"},
    {.name = "--image-size",
     .key = "image_size",
     .kind = GAZE_FLAG_INT,
     .value = "PX",
     .lo = 28,
     .hi = 1792,
     .help = "pixels of the environment's picture (default 224)"},
    {.name = "--json", .key = "json", .kind = GAZE_FLAG_SWITCH, .help = "the same as JSON"},
    {0},
};

const gaze_command gaze_cmd_info = {
    .name = "info",
    .about = "versions, processor, model sizes, robots, environment contracts",
    .usage = "info [--model DIR] [--env E] [--robot R] [--json]",
    .more = "Example:\n  gaze info --model policies/tiny --env avr\n",
    .flags = flags,
    .body = info,
};
