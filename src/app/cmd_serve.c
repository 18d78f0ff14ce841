// app/cmd_serve.c - gaze serve env: environments for policies in other processes or machines.
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "app/registry.h"
#include "bridge/env_server.h"
#include "core/buf.h"
#include "core/file.h"

// secrets come from files, not from the command line that everyone can list
static gaze_err read_token(const gaze_cfg *cfg, gaze_buf *token) {
  const char *file;
  GAZE_TRY(gaze_cfg_str(cfg, "token_file", NULL, &file));
  if (!file) return GAZE_OK;
  GAZE_TRY(gaze_file_read(file, 4096, token));
  while (token->len && strchr("\r\n", token->data[token->len - 1])) token->data[--token->len] = 0;
  return token->len ? GAZE_OK : gaze_fail(GAZE_ERR_FORMAT, "%s: holds no token", file);
}

static gaze_err serve(gaze_args *a) {
  const char *spec, *bind;
  int64_t batch;
  char split[16];
  uint64_t first;
  gaze_env_server_options o = {.cfg = a->cfg};
  GAZE_TRY(gaze_cfg_str(a->cfg, "env", "avr", &spec));
  GAZE_TRY(gaze_cfg_str(a->cfg, "bind", "tcp://127.0.0.1:5570", &bind));
  GAZE_TRY(gaze_cfg_int(a->cfg, "batch", 1, 1, 4096, &batch));
  GAZE_TRY(gaze_env_spec(spec, "test", &o.env, split, &first));
  GAZE_TRY(gaze_args_threads(a->cfg, &o.threads));
  GAZE_TRY(gaze_cfg_set_str(a->cfg, "split", split));
  // threads step environments here; each draws with one
  GAZE_TRY(gaze_cfg_set_num(a->cfg, "threads", 1));
  gaze_buf token = GAZE_BUF_INIT;
  gaze_env_server *server = NULL;
  o.bind = bind, o.envs = (int)batch;
  gaze_err e = read_token(a->cfg, &token);
  if (token.len) o.token = gaze_buf_text(&token);
  if (!e) e = gaze_env_server_open(&server, &o);
  if (!e) {
    printf("serving %s at %s; Ctrl-C stops\n", o.env->name, gaze_env_server_address(server));
    fflush(stdout);
    while (!*gaze_stop_flag()) nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    gaze_env_server_stats s = gaze_env_server_count(server);
    printf("%llu requests, %llu errors, %llu dropped, %llu broken episodes\n",
           (unsigned long long)s.requests, (unsigned long long)s.errors,
           (unsigned long long)s.dropped, (unsigned long long)s.faults);
    gaze_env_server_close(&server);
  }
  gaze_buf_fini(&token);
  return e;
}

static const gaze_flag flags[] = {
    {.name = "--env",
     .key = "env",
     .kind = GAZE_FLAG_TEXT,
     .value = "E",
     .help = "environment (default avr)"},
    {.name = "--bind",
     .key = "bind",
     .kind = GAZE_FLAG_TEXT,
     .value = "ADDR",
     .help = "tcp://127.0.0.1:5570 (default), ipc://FILE; other hosts need --token-file"},
    {.name = "--batch",
     .key = "batch",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 1,
     .hi = 4096,
     .help = "environments per client (default 1)"},
    {.name = "--threads",
     .key = "threads",
     .kind = GAZE_FLAG_INT,
     .value = "N",
     .lo = 0,
     .hi = 256,
     .help = "environments stepped at once, of all clients (default 0: all processors)"},
    {.name = "--token-file",
     .key = "token_file",
     .kind = GAZE_FLAG_TEXT,
     .value = "F",
     .help = "clients must send this file's text; it travels in the clear"},
    {.name = "--set", .kind = GAZE_FLAG_SET, .value = "KEY=VALUE", .help = "one setting"},
    {0},
};

const gaze_command gaze_cmd_serve_env = {
    .name = "serve env",
    .about = "serve environments over ZeroMQ",
    .usage = "serve env --env avr --bind ADDR [--batch N] [--threads N]",
    .more =
        "Example, in two terminals:\n  gaze serve env --bind tcp://127.0.0.1:5570\n"
        "  gaze run --connect tcp://127.0.0.1:5570\n",
    .flags = flags,
    .body = serve,
};
