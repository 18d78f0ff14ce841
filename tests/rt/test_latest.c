// tests/rt/test_latest.c - the reader gets whole values, the newest, in order, and never one twice.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include "rt/latest.h"

enum { WORDS = 64, VALUES = 200000 };

typedef struct box {
  gaze_latest latest;
  int slot[3][WORDS];
} box;

static void put(box *b, int value) {
  int *to = b->slot[b->latest.writer];
  for (int i = 0; i < WORDS; i++) to[i] = value;
  gaze_latest_publish(&b->latest);
}

static void test_newest_wins(void **state) {
  (void)state;
  box b;
  gaze_latest_init(&b.latest);
  assert_false(gaze_latest_take(&b.latest));
  put(&b, 1);
  put(&b, 2);
  put(&b, 3);
  assert_true(gaze_latest_take(&b.latest));
  assert_int_equal(b.slot[b.latest.reader][0], 3);
  assert_false(gaze_latest_take(&b.latest));

  // what the reader holds is not written to
  put(&b, 4);
  put(&b, 5);
  assert_int_equal(b.slot[b.latest.reader][0], 3);
  assert_true(gaze_latest_take(&b.latest));
  assert_int_equal(b.slot[b.latest.reader][0], 5);
}

static void *write_all(void *arg) {
  for (int v = 1; v <= VALUES; v++) put(arg, v);
  return NULL;
}

static void test_two_threads(void **state) {
  (void)state;
  static box b;
  gaze_latest_init(&b.latest);
  pthread_t writer;
  assert_int_equal(pthread_create(&writer, NULL, write_all, &b), 0);
  for (int last = 0; last < VALUES;) {
    if (!gaze_latest_take(&b.latest)) continue;
    const int *v = b.slot[b.latest.reader];
    assert_true(v[0] > last);
    for (int i = 1; i < WORDS; i++) assert_int_equal(v[i], v[0]);
    last = v[0];
  }
  assert_int_equal(pthread_join(writer, NULL), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_newest_wins),
                                     cmocka_unit_test(test_two_threads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
