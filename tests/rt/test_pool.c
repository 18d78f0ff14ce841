// tests/rt/test_pool.c - every worker runs every loop exactly once, in any number and rhythm.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <time.h>
#include "rt/pool.h"

typedef struct tally {
  atomic_int hits[8];
  int workers;
} tally;

static void count(void *ctx, int worker, int workers) {
  tally *t = ctx;
  atomic_fetch_add(&t->hits[worker], 1);
  if (worker == 0) t->workers = workers;
}

static void test_runs_all(void **state) {
  (void)state;
  for (int threads = 1; threads <= 5; threads++) {
    gaze_pool *p;
    assert_int_equal(gaze_pool_open(&p, threads), GAZE_OK);
    assert_int_equal(gaze_pool_threads(p), threads);
    tally t = {0};
    for (int i = 0; i < 300; i++) {
      gaze_pool_run(p, count, &t);
      // let the workers fall asleep now and then
      if (i % 100 == 50) nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    }
    assert_int_equal(t.workers, threads);
    for (int i = 0; i < 8; i++) assert_int_equal(atomic_load(&t.hits[i]), i < threads ? 300 : 0);
    gaze_pool_close(&p);
    assert_null(p);
  }
}

static void test_limits(void **state) {
  (void)state;
  gaze_pool *p;
  assert_int_equal(gaze_pool_open(&p, 0), GAZE_ERR_ARG);
  assert_int_equal(gaze_pool_open(&p, 257), GAZE_ERR_ARG);
  gaze_pool_close(&p);
  tally t = {0};
  gaze_pool_run(NULL, count, &t);  // no pool: the caller alone
  assert_int_equal(atomic_load(&t.hits[0]), 1);
}

static void test_range(void **state) {
  (void)state;
  for (long n = 0; n < 40; n++) {
    for (int workers = 1; workers < 7; workers++) {
      long at = 0;
      for (int w = 0; w < workers; w++) {
        long lo, hi;
        gaze_pool_range(n, w, workers, &lo, &hi);
        assert_true(lo == at && hi >= lo && hi - lo <= n / workers + 1);
        at = hi;
      }
      assert_true(at == n);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_runs_all), cmocka_unit_test(test_limits),
                                     cmocka_unit_test(test_range)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
