// app/args.c - see args.h.
#include "app/args.h"
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile int stop_flag;  // set by the signal handler, the only writer

static void on_signal(int sig) {
  if (stop_flag) {
    signal(sig, SIG_DFL);
    raise(sig);
  }
  stop_flag = 1;
}

const volatile int *gaze_stop_flag(void) {
  return &stop_flag;
}

void gaze_stop_install(void) {
  struct sigaction sa = {.sa_handler = on_signal};
  sigaction(SIGINT, &sa, NULL);
  sigaction(SIGTERM, &sa, NULL);
}

static void print_help(const gaze_command *c) {
  printf("gaze %s - %s\n\nusage: gaze %s\n\n", c->name, c->about, c->usage);
  for (const gaze_flag *f = c->flags; f && f->name; f++) {
    char left[64];
    snprintf(left, sizeof left, "%s%s%s", f->name, f->value ? " " : "", f->value ? f->value : "");
    printf("  %-24s %s\n", left, f->help);
  }
  if (c->more) printf("\n%s", c->more);
}

static gaze_parse bad(const gaze_command *c, const char *sentence, const char *what) {
  fprintf(stderr, "gaze %s: %s%s (see gaze %s --help)\n", c->name, sentence, what, c->name);
  return GAZE_PARSE_BAD;
}

static gaze_err put_number(gaze_args *a, const gaze_flag *f, const char *text) {
  char *end;
  errno = 0;
  double v = strtod(text, &end);
  bool whole = f->kind != GAZE_FLAG_INT || v == floor(v);
  if (end == text || *end || errno || !whole || !(v >= f->lo && v <= f->hi))
    return gaze_fail(GAZE_ERR_ARG, "%s %s: expected a %snumber from %.15g to %.15g", f->name, text,
                     f->kind == GAZE_FLAG_INT ? "whole " : "", f->lo, f->hi);
  return gaze_cfg_set_num(a->cfg, f->key, v);
}

static gaze_err put(gaze_args *a, const gaze_flag *f, const char *value) {
  switch (f->kind) {
    case GAZE_FLAG_TEXT:
      return gaze_cfg_set_str(a->cfg, f->key, value);
    case GAZE_FLAG_INT:
    case GAZE_FLAG_NUM:
      return put_number(a, f, value);
    case GAZE_FLAG_SWITCH: {
      char text[128];
      snprintf(text, sizeof text, "%s=true", f->key);
      return gaze_cfg_set(a->cfg, text);
    }
    case GAZE_FLAG_LIST:
      if (a->lists == GAZE_LIST_MAX)
        return gaze_fail(GAZE_ERR_ARG, "%s: at most %d times", f->name, GAZE_LIST_MAX);
      a->list[a->lists++] = value;
      return GAZE_OK;
    case GAZE_FLAG_SET:
      return gaze_cfg_set(a->cfg, value);
  }
  return GAZE_ERR_INTERNAL;
}

gaze_parse gaze_args_parse(gaze_args *a, const gaze_command *c, int argc, char **argv) {
  *a = (gaze_args){0};
  if (gaze_cfg_open(&a->cfg)) return GAZE_PARSE_BAD;
  for (int i = 0; i < argc; i++) {
    const char *arg = argv[i];
    if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) {
      print_help(c);
      return GAZE_PARSE_HELP;
    }
    if (arg[0] != '-' || !arg[1]) {
      if (a->words == GAZE_LIST_MAX) return bad(c, "too many words: ", arg);
      a->word[a->words++] = arg;
      continue;
    }
    const gaze_flag *f = c->flags;
    while (f && f->name && strcmp(f->name, arg)) f++;
    if (!f || !f->name) return bad(c, "unknown flag ", arg);
    const char *value = NULL;
    if (f->kind != GAZE_FLAG_SWITCH) {
      if (i + 1 == argc) return bad(c, "a value is missing after ", arg);
      value = argv[++i];
    }
    if (put(a, f, value)) return bad(c, gaze_err_detail(), "");
  }
  return GAZE_PARSE_OK;
}

void gaze_args_close(gaze_args *a) {
  gaze_cfg_close(&a->cfg);
}

static int report(const gaze_command *c, gaze_err e) {
  if (e == GAZE_OK) return 0;
  const char *detail = gaze_err_detail();
  fprintf(stderr, "gaze %s: %s\n", c->name, detail[0] ? detail : gaze_err_text(e));
  bool input = e == GAZE_ERR_ARG || e == GAZE_ERR_FORMAT || e == GAZE_ERR_RANGE ||
               e == GAZE_ERR_NOTFOUND || e == GAZE_ERR_UNSUPPORTED;
  return input ? 2 : 1;
}

int gaze_command_run(const gaze_command *c, int argc, char **argv) {
  gaze_args a;
  gaze_parse p = gaze_args_parse(&a, c, argc, argv);
  gaze_err e = p == GAZE_PARSE_OK ? c->body(&a) : GAZE_OK;
  gaze_args_close(&a);
  return p == GAZE_PARSE_HELP ? 0 : p == GAZE_PARSE_BAD ? 2 : report(c, e);
}

gaze_err gaze_args_threads(const gaze_cfg *cfg, int *out) {
  int64_t threads;
  GAZE_TRY(gaze_cfg_int(cfg, "threads", 0, 0, 256, &threads));
  long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  *out = threads ? (int)threads : cpus > 0 && cpus < 256 ? (int)cpus : 1;
  return GAZE_OK;
}
