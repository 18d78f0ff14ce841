// tests/rt/test_crew.c - every job is carried out once, oldest first, also those left at the end.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include "rt/crew.h"
#include "rt/pool.h"

enum { JOBS = 500 };

typedef struct tally {
  atomic_int hits[JOBS], next;
  int order[JOBS];
  atomic_bool hold;  // jobs wait while it is set
} tally;

static void count(void *ctx, int job) {
  tally *t = ctx;
  while (atomic_load(&t->hold)) nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
  atomic_fetch_add(&t->hits[job], 1);
  t->order[atomic_fetch_add(&t->next, 1)] = job;
}

static void test_every_job_once(void **state) {
  (void)state;
  for (int threads = 1; threads <= 5; threads++) {
    gaze_crew *c;
    static tally t;
    t = (tally){0};
    assert_int_equal(gaze_crew_open(&c, threads, JOBS), GAZE_OK);
    assert_int_equal(gaze_crew_threads(c), threads);
    int job[JOBS];
    for (int i = 0; i < JOBS; i++) job[i] = i;
    for (int i = 0, n; i < JOBS; i += n) {
      n = i % 7 + 1 > JOBS - i ? JOBS - i : i % 7 + 1;
      assert_int_equal(gaze_crew_post(c, count, &t, job + i, n), GAZE_OK);
      // let the workers fall asleep now and then
      if (i % 100 == 0) nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    gaze_crew_close(&c);  // what waits is done
    assert_null(c);
    for (int i = 0; i < JOBS; i++) assert_int_equal(atomic_load(&t.hits[i]), 1);
    for (int i = 0; i < JOBS && threads == 1; i++) assert_int_equal(t.order[i], i);
  }
}

static void test_all_or_none(void **state) {
  (void)state;
  gaze_crew *c;
  static tally t;
  t = (tally){.hold = true};
  assert_int_equal(gaze_crew_open(&c, 1, 4), GAZE_OK);
  const int job[6] = {0, 1, 2, 3, 4, 5};
  assert_int_equal(gaze_crew_post(c, count, &t, job, 5), GAZE_ERR_RANGE);
  assert_int_equal(gaze_crew_post(c, count, &t, job, 3), GAZE_OK);
  assert_int_equal(gaze_crew_post(c, count, &t, job + 3, 3), GAZE_ERR_RANGE);
  atomic_store(&t.hold, false);
  gaze_crew_close(&c);
  assert_int_equal(atomic_load(&t.next), 3);
}

static void test_limits(void **state) {
  (void)state;
  gaze_crew *c;
  assert_int_equal(gaze_crew_open(&c, 0, 1), GAZE_ERR_ARG);
  assert_int_equal(gaze_crew_open(&c, 257, 1), GAZE_ERR_ARG);
  assert_int_equal(gaze_crew_open(&c, 1, 0), GAZE_ERR_ARG);
  assert_int_equal(gaze_crew_open(&c, 1, (1 << 20) + 1), GAZE_ERR_ARG);
  assert_null(c);
  gaze_crew_close(&c);
  assert_int_equal(gaze_crew_threads(NULL), 0);
}

static void halve(void *ctx, int job) {
  volatile float *v = ctx;
  v[job] = v[job] * 0.5f;
}

// a worker started by a thread that flushes denormals keeps them
static void test_denormals_are_kept(void **state) {
  (void)state;
  const unsigned long mode = gaze_fp_mode();
  gaze_crew *c;
  volatile float v = 1.2e-38f;
  gaze_ftz_on();
  assert_int_equal(gaze_crew_open(&c, 1, 1), GAZE_OK);
  assert_int_equal(gaze_crew_post(c, halve, (void *)(uintptr_t)&v, &(int){0}, 1), GAZE_OK);
  gaze_crew_close(&c);
  gaze_fp_restore(mode);
  assert_true(v > 0.0f);
  gaze_ftz_on();
  halve((void *)(uintptr_t)&v, 0);
  gaze_fp_restore(mode);
#if defined(__x86_64__)
  assert_true(v == 0.0f);
#endif
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_job_once),
      cmocka_unit_test(test_all_or_none),
      cmocka_unit_test(test_limits),
      cmocka_unit_test(test_denormals_are_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
