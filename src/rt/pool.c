// rt/pool.c - see pool.h. A generation counter starts a loop, a countdown ends it.
#include "rt/pool.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { SPINS = 4000 };  // some tens of microseconds before a worker sleeps

struct gaze_pool {
  int threads, started;
  gaze_pool_fn fn;
  void *ctx;
  atomic_uint generation;  // bumped to start a loop
  atomic_int left;         // workers still busy
  atomic_bool stop;
  pthread_mutex_t lock;
  pthread_cond_t wake, done;
  pthread_t *thread;
};

typedef struct start {
  gaze_pool *pool;
  int worker;
} start;

static void relax(void) {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

unsigned long gaze_fp_mode(void) {
#if defined(__x86_64__)
  return _mm_getcsr();
#elif defined(__aarch64__)
  unsigned long v;
  __asm__ volatile("mrs %0, fpcr" : "=r"(v));
  return v;
#else
  return 0;
#endif
}

void gaze_fp_restore(unsigned long mode) {
#if defined(__x86_64__)
  _mm_setcsr((unsigned)mode);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(mode));
#else
  (void)mode;
#endif
}

#if defined(__x86_64__)
enum { FTZ = 0x8040 };
#else
enum { FTZ = 1 << 24 };
#endif

void gaze_ftz_on(void) {
  gaze_fp_restore(gaze_fp_mode() | (unsigned long)FTZ);
}

void gaze_ftz_off(void) {
  gaze_fp_restore(gaze_fp_mode() & ~(unsigned long)FTZ);
}

// returns once the generation moved on from `seen`
static unsigned wait_generation(gaze_pool *p, unsigned seen) {
  for (int i = 0; i < SPINS; i++) {
    unsigned g = atomic_load_explicit(&p->generation, memory_order_acquire);
    if (g != seen) return g;
    relax();
  }
  pthread_mutex_lock(&p->lock);
  unsigned g;
  while ((g = atomic_load_explicit(&p->generation, memory_order_acquire)) == seen)
    pthread_cond_wait(&p->wake, &p->lock);
  pthread_mutex_unlock(&p->lock);
  return g;
}

static void *work(void *arg) {
  start *s = arg;
  gaze_pool *p = s->pool;
  int worker = s->worker;
  free(s);
  gaze_ftz_on();
  for (unsigned seen = 0;;) {
    seen = wait_generation(p, seen);
    if (atomic_load(&p->stop)) return NULL;
    p->fn(p->ctx, worker, p->threads);
    if (atomic_fetch_sub_explicit(&p->left, 1, memory_order_acq_rel) == 1) {
      pthread_mutex_lock(&p->lock);
      pthread_cond_signal(&p->done);
      pthread_mutex_unlock(&p->lock);
    }
  }
}

gaze_err gaze_pool_open(gaze_pool **out, int threads) {
  *out = NULL;
  if (threads < 1 || threads > 256)
    return gaze_fail(GAZE_ERR_ARG, "threads must be from 1 to 256, not %d", threads);
  gaze_pool *p = calloc(1, sizeof *p);
  if (!p) return GAZE_ERR_NOMEM;
  p->threads = threads;
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->wake, NULL);
  pthread_cond_init(&p->done, NULL);
  p->thread = calloc((size_t)threads, sizeof *p->thread);
  for (int i = 1; p->thread && i < threads; i++) {
    start *s = malloc(sizeof *s);
    if (!s) break;
    *s = (start){.pool = p, .worker = i};
    if (pthread_create(&p->thread[i], NULL, work, s)) {
      free(s);
      break;
    }
    p->started++;
  }
  if (!p->thread || p->started != threads - 1) {
    gaze_pool_close(&p);
    return gaze_fail(GAZE_ERR_NOMEM, "cannot start %d threads", threads);
  }
  *out = p;
  return GAZE_OK;
}

static void kick(gaze_pool *p) {
  pthread_mutex_lock(&p->lock);
  atomic_fetch_add_explicit(&p->generation, 1, memory_order_release);
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->lock);
}

void gaze_pool_close(gaze_pool **out) {
  gaze_pool *p = *out;
  if (!p) return;
  atomic_store(&p->stop, true);
  kick(p);
  for (int i = 1; i <= p->started; i++) pthread_join(p->thread[i], NULL);
  pthread_mutex_destroy(&p->lock);
  pthread_cond_destroy(&p->wake);
  pthread_cond_destroy(&p->done);
  free(p->thread);
  free(p);
  *out = NULL;
}

void gaze_pool_run(gaze_pool *p, gaze_pool_fn fn, void *ctx) {
  if (!p || p->threads == 1) {
    fn(ctx, 0, 1);
    return;
  }
  p->fn = fn, p->ctx = ctx;
  atomic_store_explicit(&p->left, p->threads - 1, memory_order_relaxed);
  kick(p);
  fn(ctx, 0, p->threads);
  for (int i = 0; i < SPINS; i++) {
    if (atomic_load_explicit(&p->left, memory_order_acquire) == 0) return;
    relax();
  }
  pthread_mutex_lock(&p->lock);
  while (atomic_load_explicit(&p->left, memory_order_acquire) != 0)
    pthread_cond_wait(&p->done, &p->lock);
  pthread_mutex_unlock(&p->lock);
}

int gaze_pool_threads(const gaze_pool *p) {
  return p ? p->threads : 1;
}

void gaze_pool_range(long n, int worker, int workers, long *lo, long *hi) {
  *lo = n * worker / workers;
  *hi = n * (worker + 1) / workers;
}
