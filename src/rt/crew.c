// rt/crew.c - see crew.h. A list of jobs for every worker behind one lock; idle workers sleep.
//
// A job's number says whose list it joins, so that what it works on stays in one processor's cache
// from job to job; a worker whose list is empty takes the oldest of another.
#include "rt/crew.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include "rt/pool.h"

typedef struct task {
  gaze_crew_fn fn;
  void *ctx;
  int job, next;  // next of the list it is in, -1 at the end
} task;

typedef struct list {
  int first, last;  // tasks; -1: empty
} list;

struct gaze_crew {
  int threads, running;  // asked for; started
  int waiting;           // jobs in the lists
  bool stop;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  int cap;
  task *task;  // [cap]
  list spare;  // tasks without a job
  list *of;    // [threads]
  pthread_t *thread;
};

typedef struct start {
  gaze_crew *crew;
  int worker;
} start;

static void append(gaze_crew *c, list *l, int i) {
  c->task[i].next = -1;
  if (l->first < 0)
    l->first = i;
  else
    c->task[l->last].next = i;
  l->last = i;
}

static int pop(gaze_crew *c, list *l) {
  const int i = l->first;
  l->first = c->task[i].next;
  return i;
}

// takes a job of the worker's own, else of another; false when there is none and none will come
static bool take(gaze_crew *c, int worker, task *t) {
  pthread_mutex_lock(&c->lock);
  while (!c->waiting && !c->stop) pthread_cond_wait(&c->wake, &c->lock);
  const bool any = c->waiting > 0;
  if (any) {
    while (c->of[worker].first < 0) worker = (worker + 1) % c->threads;
    const int i = pop(c, &c->of[worker]);
    *t = c->task[i];
    append(c, &c->spare, i);
    c->waiting--;
  }
  pthread_mutex_unlock(&c->lock);
  return any;
}

static void *work(void *arg) {
  start *s = arg;
  gaze_crew *c = s->crew;
  const int worker = s->worker;
  free(s);
  // a thread inherits the mode of the one that made it
  gaze_ftz_off();
  task t;
  while (take(c, worker, &t)) t.fn(t.ctx, t.job);
  return NULL;
}

static bool start_one(gaze_crew *c) {
  start *s = malloc(sizeof *s);
  if (!s) return false;
  *s = (start){c, c->running};
  if (pthread_create(&c->thread[c->running], NULL, work, s)) {
    free(s);
    return false;
  }
  c->running++;
  return true;
}

gaze_err gaze_crew_open(gaze_crew **out, int threads, int cap) {
  *out = NULL;
  if (threads < 1 || threads > 256)
    return gaze_fail(GAZE_ERR_ARG, "crew: threads: expected 1..256, not %d", threads);
  if (cap < 1 || cap > 1 << 20)
    return gaze_fail(GAZE_ERR_ARG, "crew: room for jobs: expected 1..%d, not %d", 1 << 20, cap);
  gaze_crew *c = calloc(1, sizeof *c);
  if (!c) return gaze_fail(GAZE_ERR_NOMEM, "crew: out of memory");
  c->threads = threads, c->cap = cap;
  c->task = calloc((size_t)cap, sizeof *c->task);
  c->of = calloc((size_t)threads, sizeof *c->of);
  c->thread = calloc((size_t)threads, sizeof *c->thread);
  pthread_mutex_init(&c->lock, NULL);
  pthread_cond_init(&c->wake, NULL);
  const bool room = c->task && c->of && c->thread;
  c->spare.first = -1;
  for (int i = 0; i < cap && room; i++) append(c, &c->spare, i);
  for (int i = 0; i < threads && room; i++) c->of[i].first = -1;
  while (room && c->running < threads && start_one(c)) {
  }
  if (c->running < threads) {
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
  for (int i = 0; i < c->running; i++) pthread_join(c->thread[i], NULL);
  pthread_mutex_destroy(&c->lock);
  pthread_cond_destroy(&c->wake);
  free(c->task);
  free(c->of);
  free(c->thread);
  free(c);
  *out = NULL;
}

gaze_err gaze_crew_post(gaze_crew *c, gaze_crew_fn fn, void *ctx, const int *job, int n) {
  pthread_mutex_lock(&c->lock);
  const bool room = n <= c->cap - c->waiting;
  for (int k = 0; k < n && room; k++) {
    const int i = pop(c, &c->spare);
    c->task[i] = (task){.fn = fn, .ctx = ctx, .job = job[k]};
    append(c, &c->of[(unsigned)job[k] % (unsigned)c->threads], i);
    c->waiting++;
  }
  if (room && n == 1) pthread_cond_signal(&c->wake);
  if (room && n > 1) pthread_cond_broadcast(&c->wake);
  pthread_mutex_unlock(&c->lock);
  return room ? GAZE_OK : gaze_fail(GAZE_ERR_RANGE, "crew: no room for %d more jobs", n);
}

int gaze_crew_threads(const gaze_crew *c) {
  return c ? c->threads : 0;
}
