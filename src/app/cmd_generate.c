// app/cmd_generate.c - gaze generate: one prompt with pictures through a model.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/registry.h"
#include "core/json.h"
#include "data/imagefile.h"
#include "nn/dialog.h"
#include "nn/model.h"

typedef struct job {
  gaze_args args;
  gaze_exec *ex;
  gaze_model *model;
  gaze_session *session;
  gaze_image image[GAZE_LIST_MAX];
  int images;
  gaze_ids prompt;  // expanded
  gaze_generated out;
  bool json, logits;
} job;

static gaze_err load_images(job *j, const char *const *files, int n) {
  for (int i = 0; i < n; i++) {
    if (j->images == GAZE_LIST_MAX)
      return gaze_fail(GAZE_ERR_ARG, "at most %d pictures", GAZE_LIST_MAX);
    GAZE_TRY(gaze_image_load(&j->image[j->images], files[i]));
    j->images++;
  }
  return GAZE_OK;
}

// images first, then the text
static gaze_err chat_prompt(job *j, const gaze_dialog *d, const char *prompt, gaze_ids *ids) {
  gaze_part part[GAZE_LIST_MAX + 1] = {{0}};
  part[j->images].text = prompt;
  GAZE_TRY(gaze_dialog_system(d, NULL, ids));
  const gaze_message m = {.role = GAZE_ROLE_USER, .parts = part, .n = j->images + 1};
  GAZE_TRY(gaze_dialog_message(d, &m, ids));
  return gaze_dialog_reply_head(d, ids);
}

static gaze_err read_role(const cJSON *m, const char *file, gaze_role *role) {
  const char *name;
  GAZE_TRY(gaze_json_str(m, "role", &name, file));
  static const char *const names[] = {"system", "user", "assistant"};
  for (int i = 0; i < 3; i++) {
    if (strcmp(names[i], name)) continue;
    *role = (gaze_role)i;
    return GAZE_OK;
  }
  return gaze_fail(GAZE_ERR_FORMAT, "%s: \"role\" must be system, user or assistant, not \"%s\"",
                   file, name);
}

// one content part: text, or an image named by path, taken in order of appearance
static gaze_err read_part(job *j, const cJSON *p, const char *file, gaze_part *out) {
  const char *type, *path = NULL;
  GAZE_TRY(gaze_json_str(p, "type", &type, file));
  if (!strcmp(type, "text")) return gaze_json_str(p, "text", &out->text, file);
  if (strcmp(type, "image"))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \"type\" must be text or image, not \"%s\"", file, type);
  out->text = NULL;
  const cJSON *v = gaze_json_get(p, "image");
  if (!v) v = gaze_json_get(p, "path");
  // without a path the picture is the next --image
  if (!v) return GAZE_OK;
  if (!cJSON_IsString(v))
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \"image\" must be a file name", file);
  path = v->valuestring;
  return load_images(j, &path, 1);
}

static gaze_err read_message(job *j, const gaze_dialog *d, const cJSON *m, const char *file,
                             gaze_ids *ids) {
  gaze_role role = GAZE_ROLE_USER;
  gaze_part part[GAZE_LIST_MAX];
  int n = 0;
  GAZE_TRY(read_role(m, file, &role));
  const cJSON *content = gaze_json_get(m, "content"), *p = NULL;
  if (cJSON_IsString(content)) {
    part[n++].text = content->valuestring;
  } else if (cJSON_IsArray(content)) {
    cJSON_ArrayForEach(p, content) {
      if (n == GAZE_LIST_MAX)
        return gaze_fail(GAZE_ERR_FORMAT, "%s: at most %d parts a message", file, GAZE_LIST_MAX);
      GAZE_TRY(read_part(j, p, file, &part[n++]));
    }
  } else {
    return gaze_fail(GAZE_ERR_FORMAT, "%s: \"content\" must be a string or an array", file);
  }
  const gaze_message msg = {.role = role, .parts = part, .n = n};
  return gaze_dialog_message(d, &msg, ids);
}

static gaze_err read_messages(job *j, const gaze_dialog *d, const char *file, gaze_ids *ids) {
  cJSON *all = NULL;
  GAZE_TRY(gaze_json_load(&all, file));
  const cJSON *m = NULL, *first = cJSON_GetArrayItem(all, 0);
  gaze_err e = GAZE_OK;
  if (!cJSON_IsArray(all) || !first)
    e = gaze_fail(GAZE_ERR_FORMAT, "%s: expected an array of messages", file);
  gaze_role role = GAZE_ROLE_SYSTEM;
  if (!e) e = read_role(first, file, &role);
  if (!e && role != GAZE_ROLE_SYSTEM) e = gaze_dialog_system(d, NULL, ids);
  if (!e) {
    cJSON_ArrayForEach(m, all) {
      e = read_message(j, d, m, file, ids);
      if (e) break;
    }
  }
  cJSON_Delete(all);
  return e ? e : gaze_dialog_reply_head(d, ids);
}

static gaze_err build_prompt(job *j) {
  const gaze_cfg *c = j->args.cfg;
  const char *prompt, *messages;
  bool raw;
  GAZE_TRY(gaze_cfg_str(c, "prompt", NULL, &prompt));
  GAZE_TRY(gaze_cfg_str(c, "messages", NULL, &messages));
  GAZE_TRY(gaze_cfg_bool(c, "raw", false, &raw));
  if (!prompt == !messages)
    return gaze_fail(GAZE_ERR_ARG, "give either --prompt TEXT or --messages FILE");
  GAZE_TRY(load_images(j, j->args.list, j->args.lists));
  const gaze_tokenizer *tok = gaze_model_tokenizer(j->model);
  gaze_ids ids = {0};
  gaze_dialog d;
  gaze_err e = GAZE_OK;
  if (raw && prompt) {
    e = gaze_tokenizer_encode(tok, prompt, strlen(prompt), true, &ids);
  } else {
    e = gaze_dialog_init(&d, tok);
    if (!e) e = messages ? read_messages(j, &d, messages, &ids) : chat_prompt(j, &d, prompt, &ids);
  }
  if (!e) e = gaze_model_expand(j->model, ids.v, ids.n, j->image, j->images, &j->prompt);
  gaze_ids_fini(&ids);
  if (!e && j->prompt.n == 0) e = gaze_fail(GAZE_ERR_ARG, "the prompt is empty");
  return e;
}

static bool print_piece(void *ctx, const char *text, size_t n) {
  const job *j = ctx;
  if (!j->json) fwrite(text, 1, n, stdout), fflush(stdout);
  return !*gaze_stop_flag();
}

static void print_ids(const char *key, const gaze_ids *ids) {
  printf("\"%s\":[", key);
  for (int i = 0; i < ids->n; i++) printf("%s%d", i ? "," : "", ids->v[i]);
  printf("],");
}

static gaze_err print_json(job *j) {
  gaze_buf text = GAZE_BUF_INIT, quoted = GAZE_BUF_INIT;
  gaze_err e = gaze_tokenizer_decode(gaze_model_tokenizer(j->model), j->out.ids.v, j->out.ids.n,
                                     true, &text);
  if (!e) {
    gaze_json_add_str(&quoted, gaze_buf_text(&text), text.len);
    printf("{");
    print_ids("prompt_ids", &j->prompt);
    print_ids("ids", &j->out.ids);
    printf("\"text\":%s", gaze_buf_text(&quoted));
  }
  gaze_buf_fini(&text);
  gaze_buf_fini(&quoted);
  return e;
}

static gaze_err read_sampling(const gaze_cfg *c, gaze_sampling *s) {
  double t, p, m, r;
  int64_t k, n, seed;
  GAZE_TRY(gaze_cfg_num(c, "temperature", 0, 0, 100, &t));
  GAZE_TRY(gaze_cfg_num(c, "top_p", 1, 0, 1, &p));
  GAZE_TRY(gaze_cfg_num(c, "min_p", 0, 0, 1, &m));
  GAZE_TRY(gaze_cfg_num(c, "repetition_penalty", 1, 0.01, 100, &r));
  GAZE_TRY(gaze_cfg_int(c, "top_k", 0, 0, 1 << 20, &k));
  GAZE_TRY(gaze_cfg_int(c, "max_new", 256, 0, 1 << 20, &n));
  GAZE_TRY(gaze_cfg_int(c, "seed", 0, 0, 1LL << 52, &seed));
  *s = (gaze_sampling){.temperature = (float)t,
                       .top_p = (float)p,
                       .min_p = (float)m,
                       .repetition_penalty = (float)r,
                       .top_k = (int)k,
                       .max_new = (int)n,
                       .seed = (uint64_t)seed};
  return GAZE_OK;
}

static gaze_err generate(job *j) {
  const gaze_cfg *c = j->args.cfg;
  const char *dir, *weights;
  int64_t threads;
  gaze_sampling s;
  GAZE_TRY(gaze_cfg_str(c, "model", "policies/tiny", &dir));
  GAZE_TRY(gaze_cfg_str(c, "weights", "f32", &weights));
  GAZE_TRY(gaze_cfg_int(c, "threads", 0, 0, 256, &threads));
  GAZE_TRY(gaze_cfg_bool(c, "json", false, &j->json));
  GAZE_TRY(gaze_cfg_bool(c, "logits", false, &j->logits));
  GAZE_TRY(read_sampling(c, &s));
  gaze_dtype type;
  GAZE_TRY(gaze_weights_type(weights, &type));
  GAZE_TRY(gaze_exec_open_cpu(&j->ex, (int)threads));
  GAZE_TRY(gaze_model_open(&j->model, &gaze_ops_cpu, dir, type));
  GAZE_TRY(build_prompt(j));
  int limit = gaze_model_cfg(j->model)->context;
  if (j->prompt.n >= limit)
    return gaze_fail(GAZE_ERR_RANGE, "the prompt has %d tokens; the model's context holds %d",
                     j->prompt.n, limit);
  if (s.max_new > limit - j->prompt.n) s.max_new = limit - j->prompt.n;
  GAZE_TRY(gaze_session_open(&j->session, j->model, j->ex, j->prompt.n + s.max_new));
  GAZE_TRY(gaze_session_append(j->session, j->prompt.v, j->prompt.n, j->image, j->images));

  // the logits asked for are those of the prompt's last position
  int vocab = gaze_model_cfg(j->model)->vocab;
  float *last = malloc((size_t)vocab * sizeof *last);
  if (!last) return gaze_fail(GAZE_ERR_NOMEM, "out of memory");
  memcpy(last, gaze_session_logits(j->session), (size_t)vocab * sizeof *last);
  gaze_err e = gaze_session_generate(j->session, &s, print_piece, NULL, j, &j->out);
  if (!e && j->json) e = print_json(j);
  if (!e && j->json && j->logits) {
    printf(",\"logits\":[");
    for (int i = 0; i < vocab; i++) printf("%s%.9g", i ? "," : "", (double)last[i]);
    printf("]");
  }
  if (!e) printf(j->json ? "}\n" : "\n");
  free(last);
  return e;
}

static gaze_err run(gaze_args *a) {
  job j = {.args = *a};
  gaze_err e = generate(&j);
  gaze_generated_fini(&j.out);
  gaze_ids_fini(&j.prompt);
  gaze_session_close(&j.session);
  gaze_model_close(&j.model);
  gaze_exec_close(&j.ex);
  for (int i = 0; i < j.images; i++) free(j.image[i].rgb);
  return e;
}

static const gaze_flag flags[] = {
    {.name = "--model",
     .key = "model",
     .kind = GAZE_FLAG_TEXT,
     .value = "DIR",
     .help = "Hugging Face folder (default policies/tiny)"},
    {.name = "--prompt",
     .key = "prompt",
     .kind = GAZE_FLAG_TEXT,
     .value = "TEXT",
     .help = "user text; pictures come before it"},
    {.name = "--image", .kind = GAZE_FLAG_LIST, .value = "FILE", .help = "PNG or JPEG (repeat)"},
    {.name = "--raw",
     .key = "raw",
     .kind = GAZE_FLAG_SWITCH,
     .help = "take the prompt as it stands: special tokens count, <|image_pad|> is a picture"},
    {.name = "--messages",
     .key = "messages",
     .kind = GAZE_FLAG_TEXT,
     .value = "FILE.json",
     .help = "a whole conversation in the Hugging Face chat form"},
    {.name = "--max-new",
     .key = "max_new",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 0,
     .hi = 1 << 20,
     .help = "tokens to write at most (default 256)"},
    {.name = "--temperature",
     .key = "temperature",
     .kind = GAZE_FLAG_NUM,
     .value = "T",
     .lo = 0,
     .hi = 100,
     .help = "0 = greedy (default)"},
    {.name = "--top-p",
     .key = "top_p",
     .kind = GAZE_FLAG_NUM,
     .value = "P",
     .lo = 0,
     .hi = 1,
     .help = "nucleus"},
    {.name = "--top-k",
     .key = "top_k",
     .kind = GAZE_FLAG_INT,
     .value = "K",
     .lo = 0,
     .hi = 1 << 20,
     .help = "best K only"},
    {.name = "--min-p",
     .key = "min_p",
     .kind = GAZE_FLAG_NUM,
     .value = "P",
     .lo = 0,
     .hi = 1,
     .help = "share of the best probability"},
    {.name = "--repetition-penalty",
     .key = "repetition_penalty",
     .kind = GAZE_FLAG_NUM,
     .value = "X",
     .lo = 0.01,
     .hi = 100,
     .help = "1 = off"},
    {.name = "--seed",
     .key = "seed",
     .kind = GAZE_FLAG_INT,
     .value = "S",
     .lo = 0,
     .hi = 1e15,
     .help = "of the sampler"},
    {.name = "--weights",
     .key = "weights",
     .kind = GAZE_FLAG_TEXT,
     .value = "TYPE",
     .help = "f32 (default), bf16 or int8 in memory"},
    {.name = "--threads",
     .key = "threads",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 0,
     .hi = 256,
     .help = "worker threads (0: all)"},
    {.name = "--json", .key = "json", .kind = GAZE_FLAG_SWITCH, .help = "ids and text as JSON"},
    {.name = "--logits",
     .key = "logits",
     .kind = GAZE_FLAG_SWITCH,
     .help = "with --json: the logits after the prompt"},
    {0},
};

const gaze_command gaze_cmd_generate = {
    .name = "generate",
    .about = "let a model continue a prompt with pictures",
    .usage = "generate --prompt TEXT [--image FILE]... [--model DIR]",
    .more = "Example:\n  gaze generate --image scene.png --prompt \"List.\"\n",
    .flags = flags,
    .body = run,
};
