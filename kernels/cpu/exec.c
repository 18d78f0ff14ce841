// kernels/cpu/exec.c - the context: workers, scratch, and what the processor can do.
#define _GNU_SOURCE  // sched_getaffinity
#include "kernels/cpu/cpu.h"
#include <cblas.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/bf16.h"

typedef struct loop {
  gaze_cpu_part fn;
  void *ctx;
  long n, grain;
  atomic_long next;
} loop;

static unsigned detect(void) {
  unsigned isa = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) isa |= GAZE_ISA_AVX2;
  if ((isa & GAZE_ISA_AVX2) && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq"))
    isa |= GAZE_ISA_AVX512;
  if ((isa & GAZE_ISA_AVX512) && __builtin_cpu_supports("avx512bf16")) isa |= GAZE_ISA_BF16;
  if ((isa & GAZE_ISA_AVX512) && __builtin_cpu_supports("avx512vnni")) isa |= GAZE_ISA_VNNI;
#endif
  return isa;
}

static int processors(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  int n = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
  return n < 1 ? 1 : n > 256 ? 256 : n;
}

gaze_err gaze_exec_open_cpu(gaze_exec **out, int threads) {
  if (!out) return gaze_fail(GAZE_ERR_ARG, "exec: no place for the context");
  *out = NULL;
  if (threads < 0 || threads > 256)
    return gaze_fail(GAZE_ERR_ARG, "exec: threads: expected 0..256, not %d", threads);
  gaze_exec *ex = calloc(1, sizeof *ex);
  if (!ex) return gaze_fail(GAZE_ERR_NOMEM, "exec: out of memory");
  ex->threads = threads ? threads : processors();
  ex->isa = detect();
  snprintf(ex->features, sizeof ex->features, "%s%s%s%sC",
           ex->isa & GAZE_ISA_BF16 ? "avx512_bf16 " : "",
           ex->isa & GAZE_ISA_VNNI ? "avx512_vnni " : "",
           ex->isa & GAZE_ISA_AVX512 ? "avx512 " : "", ex->isa & GAZE_ISA_AVX2 ? "avx2 " : "");
  // our own workers split the matrices, so the library must not start threads of its own
  openblas_set_num_threads(1);
  gaze_err e = gaze_pool_open(&ex->pool, ex->threads);
  if (e) {
    free(ex);
    return e;
  }
  *out = ex;
  return GAZE_OK;
}

void gaze_exec_close(gaze_exec **out) {
  if (!out || !*out) return;
  gaze_exec *ex = *out;
  gaze_pool_close(&ex->pool);
  for (int i = 0; i < GAZE_SLOT_END; i++) free(ex->slot[i].data);
  free(ex);
  *out = NULL;
}

int gaze_exec_threads(const gaze_exec *ex) {
  return ex ? ex->threads : 0;
}

const char *gaze_exec_features(const gaze_exec *ex) {
  return ex ? ex->features : "";
}

void *gaze_cpu_scratch(gaze_exec *ex, int slot, size_t bytes) {
  gaze_cpu_slot *s = &ex->slot[slot];
  if (s->data && s->size >= bytes) return s->data;
  if (bytes > SIZE_MAX / 2) return NULL;
  // an eighth more than asked for: sequence lengths creep up from call to call
  size_t size = (bytes + bytes / 8 + 4096) & ~(size_t)63;
  void *data = aligned_alloc(64, size);
  if (!data) return NULL;
  free(s->data);
  *s = (gaze_cpu_slot){data, size};
  return data;
}

gaze_err gaze_cpu_scratch_all(gaze_exec *ex, size_t bytes) {
  for (int i = 0; i < ex->threads; i++)
    if (!gaze_cpu_scratch(ex, i, bytes))
      return gaze_fail(GAZE_ERR_NOMEM, "kernels: out of memory for %zu bytes of scratch", bytes);
  return GAZE_OK;
}

static void share(void *ctx, int worker, int workers) {
  loop *l = ctx;
  (void)workers;
  for (;;) {
    long lo = atomic_fetch_add_explicit(&l->next, l->grain, memory_order_relaxed);
    if (lo >= l->n) return;
    l->fn(l->ctx, worker, lo, l->n - lo < l->grain ? l->n : lo + l->grain);
  }
}

void gaze_cpu_for(gaze_exec *ex, long n, long grain, gaze_cpu_part fn, void *ctx) {
  if (n <= 0) return;
  loop l = {.fn = fn, .ctx = ctx, .n = n, .grain = grain < 1 ? 1 : grain};
  atomic_init(&l.next, 0);
  // the caller computes in the same mode as the workers, or denormals would tell them apart
  const unsigned long mode = gaze_fp_mode();
  gaze_ftz_on();
  if (n <= l.grain)
    share(&l, 0, 1);
  else
    gaze_pool_run(ex->pool, share, &l);
  gaze_fp_restore(mode);
}

size_t gaze_cpu_type_size(gaze_dtype type) {
  switch (type) {
    case GAZE_F32:
      return 4;
    case GAZE_BF16:
      return 2;
    case GAZE_F16:
      return 2;
    case GAZE_I8:
      return 1;
  }
  return 0;
}

void gaze_cpu_widen(float *restrict out, const gaze_mat *x, long r, long lo, long hi) {
  long at = r * (long)x->ld;
  if (x->type == GAZE_F32) {
    memcpy(out, (const float *)x->data + at + lo, (size_t)(hi - lo) * sizeof *out);
  } else if (x->type == GAZE_BF16) {
    const uint16_t *p = (const uint16_t *)x->data + at;
    for (long i = lo; i < hi; i++) {
      uint32_t u = (uint32_t)p[i] << 16;
      memcpy(&out[i - lo], &u, sizeof u);
    }
  } else if (x->type == GAZE_F16) {
    const uint16_t *p = (const uint16_t *)x->data + at;
    for (long i = lo; i < hi; i++) out[i - lo] = gaze_f16_to_f32(p[i]);
  } else {
    const int8_t *p = (const int8_t *)x->data + at;
    float scale = x->scale[r];
    for (long i = lo; i < hi; i++) out[i - lo] = (float)p[i] * scale;
  }
}
