// core/err.h - error codes, and the sentence that explains the last one.
#ifndef GAZE_CORE_ERR_H
#define GAZE_CORE_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

// clang-format off
#define GAZE_ERR_MAP(X)                                            \
  X(OK,          0,   "ok")                                        \
  X(ARG,         -1,  "invalid argument")                          \
  X(NOMEM,       -2,  "out of memory")                             \
  X(IO,          -3,  "input/output error")                        \
  X(FORMAT,      -4,  "malformed data")                            \
  X(RANGE,       -5,  "value out of range")                        \
  X(STATE,       -6,  "call not allowed in this state")            \
  X(TIMEOUT,     -7,  "timed out")                                 \
  X(DEVICE,      -8,  "device error")                              \
  X(UNSUPPORTED, -9,  "not supported")                             \
  X(NOTFOUND,    -10, "not found")                                 \
  X(END,         -11, "end of data")                               \
  X(INTERRUPTED, -12, "interrupted")                               \
  X(INTERNAL,    -13, "internal error")
// clang-format on

typedef enum gaze_err {
#define GAZE_ERR_ENUM(name, code, text) GAZE_ERR_##name = code,
  GAZE_ERR_MAP(GAZE_ERR_ENUM)
#undef GAZE_ERR_ENUM
      GAZE_OK = 0
} gaze_err;

// Returns early with the error of `expr`; the only control-flow macro of the project.
#define GAZE_TRY(expr)                       \
  do {                                       \
    gaze_err gaze_try_err_ = (expr);         \
    if (gaze_try_err_) return gaze_try_err_; \
  } while (0)

// Checks for programmer errors only; never compiled out, prints the place and aborts.
#define GAZE_ASSERT(cond) ((cond) ? (void)0 : gaze_assert_failed(#cond, __FILE__, __LINE__))

// Returns the short text of a code, "unknown error" for others.  [rt: safe]
const char *gaze_err_text(gaze_err e);

// Stores a sentence for humans in a per-thread buffer (cut at 1023 bytes) and returns `e`, so
// that callers write `return gaze_fail(...)`.  [rt: never]
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
gaze_err
gaze_fail(gaze_err e, const char *fmt, ...);

// Returns the sentence of this thread's last gaze_fail, "" before the first one.  [rt: safe]
const char *gaze_err_detail(void);

// Reports a failed assertion and aborts.  [rt: never]
void gaze_assert_failed(const char *cond, const char *file, int line);

#ifdef __cplusplus
}
#endif
#endif
