// app/args.h - command-line flags to settings, with help that teaches.
#ifndef GAZE_APP_ARGS_H
#define GAZE_APP_ARGS_H

#include <stdbool.h>
#include <stdint.h>
#include "core/cfg.h"

typedef enum gaze_flag_kind {
  GAZE_FLAG_TEXT,
  GAZE_FLAG_INT,     // lo..hi
  GAZE_FLAG_NUM,     // lo..hi
  GAZE_FLAG_SWITCH,  // no value: sets true
  GAZE_FLAG_LIST,    // may be repeated: collected in `list`
  GAZE_FLAG_SET,     // key=value straight into the settings
} gaze_flag_kind;

typedef struct gaze_flag {
  const char *name;  // "--seed"
  const char *key;   // settings key
  gaze_flag_kind kind;
  const char *value;  // placeholder in the help, NULL for switches
  const char *help;
  double lo, hi;  // of numbers
} gaze_flag;

typedef struct gaze_args gaze_args;

typedef struct gaze_command {
  const char *name;                       // "run", or "train sft" as two words
  const char *about;                      // one line
  const char *usage;                      // after "gaze "
  const char *more;                       // examples and notes for --help; may be NULL
  const gaze_flag *flags;                 // ends with name NULL
  gaze_err (*body)(struct gaze_args *a);  // the command itself, after its flags were parsed
} gaze_command;

enum { GAZE_LIST_MAX = 64 };

struct gaze_args {
  gaze_cfg *cfg;
  const char *list[GAZE_LIST_MAX];  // values of LIST flags, in order
  int lists;
  const char *word[GAZE_LIST_MAX];  // positional arguments
  int words;
};

// What parsing decided.
typedef enum gaze_parse { GAZE_PARSE_OK, GAZE_PARSE_HELP, GAZE_PARSE_BAD } gaze_parse;

// Parses argv[0..argc-1] (after the command's words) into args. HELP: the help was printed. BAD:
// one sentence was printed on stderr; the exit code is 2. Close with gaze_args_close.  [rt: init]
gaze_parse gaze_args_parse(gaze_args *a, const gaze_command *c, int argc, char **argv);
void gaze_args_close(gaze_args *a);  // [rt: never]

// Parses the arguments, runs the command and returns the exit code; an error is printed as "gaze
// NAME: sentence": 2 for bad usage or bad input, 1 for a job that failed.  [rt: never]
int gaze_command_run(const gaze_command *c, int argc, char **argv);

// Reads the setting "threads": 0 or none given means one per processor, at most 256.  [rt: init]
gaze_err gaze_args_threads(const gaze_cfg *cfg, int *out);

// Set once SIGINT or SIGTERM arrived; long work stops at its next safe point.  [rt: safe]
const volatile int *gaze_stop_flag(void);
// Installs the handler; a second signal ends the program at once.  [rt: init]
void gaze_stop_install(void);

#endif
