// rt/crew.c - see crew.h. A ring of jobs behind one lock; idle workers sleep.
#include "rt/crew.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include "rt/pool.h"

typedef struct task {
  gaze_crew_fn fn;
  void *ctx;
  int job;
} task;

struct gaze_crew {
  int threads;  // running
  int cap, first, n;
  bool stop;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  task *ring;
  pthread_t *thread;
};

// takes the oldest job; false when there is none and none will come
static bool take(gaze_crew *c, task *t) {
  pthread_mutex_lock(&c->lock);
  while (!c->n && !c->stop) pthread_cond_wait(&c->wake, &c->lock);
  bool any = c->n > 0;
  if (any) {
    *t = c->ring[c->first];
    c->first = (c->first + 1) % c->cap;
    c->n--;
  }
  pthread_mutex_unlock(&c->lock);
  return any;
}

static void *work(void *arg) {
  // a thread inherits the mode of the one that made it
  gaze_ftz_off();
  task t;
  while (take(arg, &t)) t.fn(t.ctx, t.job);
  return NULL;
}

gaze_err gaze_crew_open(gaze_crew **out, int threads, int cap) {
  *out = NULL;
  if (threads < 1 || threads > 256)
    return gaze_fail(GAZE_ERR_ARG, "crew: threads: expected 1..256, not %d", threads);
  if (cap < 1 || cap > 1 << 20)
    return gaze_fail(GAZE_ERR_ARG, "crew: room for jobs: expected 1..%d, not %d", 1 << 20, cap);
  gaze_crew *c = calloc(1, sizeof *c);
  if (!c) return gaze_fail(GAZE_ERR_NOMEM, "crew: out of memory");
  c->cap = cap;
  c->ring = calloc((size_t)cap, sizeof *c->ring);
  c->thread = calloc((size_t)threads, sizeof *c->thread);
  pthread_mutex_init(&c->lock, NULL);
  pthread_cond_init(&c->wake, NULL);
  while (c->ring && c->thread && c->threads < threads &&
         !pthread_create(&c->thread[c->threads], NULL, work, c))
    c->threads++;
  if (c->threads < threads) {
    gaze_crew_close(&c);
    return gaze_fail(GAZE_ERR_NOMEM, "crew: cannot start %d threads", threads);
  }
  *out = c;
  return GAZE_OK;
}

void gaze_crew_close(gaze_crew **out) {
  gaze_crew *c = *out;
  if (!c) return;
  pthread_mutex_lock(&c->lock);
  c->stop = true;
  pthread_cond_broadcast(&c->wake);
  pthread_mutex_unlock(&c->lock);
  for (int i = 0; i < c->threads; i++) pthread_join(c->thread[i], NULL);
  pthread_mutex_destroy(&c->lock);
  pthread_cond_destroy(&c->wake);
  free(c->ring);
  free(c->thread);
  free(c);
  *out = NULL;
}

gaze_err gaze_crew_post(gaze_crew *c, gaze_crew_fn fn, void *ctx, const int *job, int n) {
  pthread_mutex_lock(&c->lock);
  const bool room = n <= c->cap - c->n;
  for (int i = 0; i < n && room; i++) {
    c->ring[(c->first + c->n) % c->cap] = (task){fn, ctx, job[i]};
    c->n++;
  }
  if (room && n == 1) pthread_cond_signal(&c->wake);
  if (room && n > 1) pthread_cond_broadcast(&c->wake);
  pthread_mutex_unlock(&c->lock);
  return room ? GAZE_OK : gaze_fail(GAZE_ERR_RANGE, "crew: no room for %d more jobs", n);
}

int gaze_crew_threads(const gaze_crew *c) {
  return c ? c->threads : 0;
}
