// tests/view/test_live.c - a player and a window: what one tells the other, who waits for whom.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include "tests/view/fixture_log.h"
#include "view/live.h"

// a player of one episode of two decisions, in a thread
typedef struct player {
  gaze_live *live;
  volatile int stop;
  atomic_int at;  // how far it is: 1 looked, 2 decided, 3 outcome, 4..6 the same again
  gaze_err error;
  char chosen[160];  // what a person chose first, "" for nothing
  pthread_t thread;
} player;

static gaze_err decision(player *p, uint32_t turn) {
  static const char reply[] = "policy's own <answer>C</answer>";
  const char *yours;
  gaze_truth truth = fixture_truth();
  const gaze_obs obs = {.text = fixture_user, .turn = turn, .truth = &truth};
  const gaze_outcome out = {.choice = 1, .answered = true, .correct = true, .status = "ok"};
  GAZE_TRY(gaze_live_look(p->live, &obs, &p->stop));
  atomic_fetch_add(&p->at, 1);
  GAZE_TRY(gaze_live_decide(p->live, reply, &p->stop, &yours));
  if (turn == 0) strcpy(p->chosen, yours ? yours : "");
  atomic_fetch_add(&p->at, 1);
  GAZE_TRY(gaze_live_outcome(p->live, &out, &p->stop));
  atomic_fetch_add(&p->at, 1);
  return GAZE_OK;
}

static void *play(void *arg) {
  player *p = arg;
  gaze_live_begin(p->live, 4, 9, 77);
  p->error = decision(p, 0);
  if (!p->error) p->error = decision(p, 1);
  return NULL;
}

static void start(player *p, bool paused) {
  *p = (player){0};
  assert_int_equal(gaze_live_open(&p->live, "test", paused, 0.0), GAZE_OK);
  assert_int_equal(pthread_create(&p->thread, NULL, play, p), 0);
}

static void finish(player *p) {
  assert_int_equal(pthread_join(p->thread, NULL), 0);
  gaze_live_close(&p->live);
}

static void nap(void) {
  nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

// takes moments until one is as wanted; a player that never gets there runs into the test's timeout
static const gaze_shot *wait_for(player *p, gaze_stage stage, int steps) {
  for (;;) {
    const gaze_shot *s = gaze_live_take(p->live);
    if (s && s->stage == stage && s->steps == steps) return s;
    nap();
  }
}

static void tell(player *p, gaze_ask_kind kind, int option) {
  gaze_live_ask(p->live, (gaze_ask){.kind = kind, .option = option});
}

// nobody asks for anything: the player never waits
static void test_runs_through(void **state) {
  (void)state;
  player p;
  start(&p, false);
  const gaze_shot *s = wait_for(&p, GAZE_STAGE_DECIDED, 2);
  assert_true(s->episode == 4 && s->episodes == 9 && s->seed == 77 && s->turn == 1);
  assert_string_equal(gaze_buf_text(&s->reply), "policy's own <answer>C</answer>");
  assert_true(s->has_truth && s->step[1].correct && !s->step[1].yours);
  assert_string_equal(s->step[0].what, "yes");
  finish(&p);
  assert_int_equal(p.error, GAZE_OK);
  assert_string_equal(p.chosen, "");
}

static void test_streams(void **state) {
  (void)state;
  gaze_live *l;
  const gaze_obs obs = {.text = fixture_user};
  assert_int_equal(gaze_live_open(&l, "test", false, 0.0), GAZE_OK);
  assert_null(gaze_live_take(l));
  gaze_live_begin(l, 0, 0, 1);
  assert_int_equal(gaze_live_look(l, &obs, NULL), GAZE_OK);
  gaze_live_text(l, "one ", 4);
  gaze_live_text(l, "two", 3);
  assert_string_equal(gaze_buf_text(&gaze_live_take(l)->reply), "one two");

  // what the window holds stays while more is written; a streamed reply is not added again
  const gaze_shot *held = gaze_live_take(l);
  const char *yours;
  gaze_live_text(l, " three", 6);
  gaze_live_text(l, " four", 5);
  assert_string_equal(gaze_buf_text(&held->reply), "one two");
  assert_int_equal(gaze_live_decide(l, "one two three four", NULL, &yours), GAZE_OK);
  assert_null(yours);
  assert_string_equal(gaze_buf_text(&gaze_live_take(l)->reply), "one two three four");
  gaze_live_close(&l);
}

static void test_pause_and_step(void **state) {
  (void)state;
  player p;
  start(&p, true);
  assert_true(wait_for(&p, GAZE_STAGE_THINKING, 0)->paused);
  for (int i = 0; i < 10; i++) nap();
  assert_int_equal(atomic_load(&p.at), 0);  // held at the first picture

  tell(&p, GAZE_ASK_FORWARD, 0);
  wait_for(&p, GAZE_STAGE_DECIDED, 1);
  for (int i = 0; i < 10; i++) nap();
  assert_int_equal(atomic_load(&p.at), 2);  // and again at the outcome
  tell(&p, GAZE_ASK_PAUSE, 0);
  wait_for(&p, GAZE_STAGE_DECIDED, 2);
  finish(&p);
  assert_int_equal(p.error, GAZE_OK);
}

static void test_take_over(void **state) {
  (void)state;
  player p;
  start(&p, true);
  tell(&p, GAZE_ASK_TAKE_OVER, 0);
  tell(&p, GAZE_ASK_PAUSE, 0);
  const gaze_shot *s = wait_for(&p, GAZE_STAGE_YOURS, 0);
  assert_true(s->take_over);
  // the policy thought first
  assert_string_equal(gaze_buf_text(&s->reply), "policy's own <answer>C</answer>");
  tell(&p, GAZE_ASK_CHOOSE, 9);  // no such option
  for (int i = 0; i < 10; i++) nap();
  assert_int_equal(atomic_load(&p.at), 1);
  tell(&p, GAZE_ASK_CHOOSE, 1);
  s = wait_for(&p, GAZE_STAGE_YOURS, 1);
  assert_true(s->step[0].yours);

  // handed back, the policy's reply counts again
  tell(&p, GAZE_ASK_TAKE_OVER, 0);
  s = wait_for(&p, GAZE_STAGE_DECIDED, 2);
  assert_false(s->step[1].yours);
  finish(&p);
  assert_non_null(strstr(p.chosen, "## Decision"));
  assert_non_null(strstr(p.chosen, "<answer>B</answer>"));
}

// a closed window frees whoever waits, wherever that is
static void test_leaving(void **state) {
  (void)state;
  for (int at = 0; at < 3; at++) {
    player p;
    start(&p, at == 0);
    if (at == 0) wait_for(&p, GAZE_STAGE_THINKING, 0);
    if (at == 1) tell(&p, GAZE_ASK_TAKE_OVER, 0);
    if (at == 2) tell(&p, GAZE_ASK_PAUSE, 0);
    gaze_live_leave(p.live);
    finish(&p);
    assert_int_equal(p.error, GAZE_OK);
    assert_int_equal(atomic_load(&p.at), 6);
  }
  player p;
  start(&p, true);
  wait_for(&p, GAZE_STAGE_THINKING, 0);
  p.stop = 1;  // a signal does the same
  finish(&p);
  assert_int_equal(atomic_load(&p.at), 6);
}

static void test_next_episode(void **state) {
  (void)state;
  player p;
  start(&p, true);
  wait_for(&p, GAZE_STAGE_THINKING, 0);
  tell(&p, GAZE_ASK_NEXT, 0);
  finish(&p);
  assert_int_equal(p.error, GAZE_ERR_END);
  assert_int_equal(atomic_load(&p.at), 0);

  start(&p, true);
  tell(&p, GAZE_ASK_TAKE_OVER, 0);
  tell(&p, GAZE_ASK_FORWARD, 0);
  wait_for(&p, GAZE_STAGE_YOURS, 0);
  tell(&p, GAZE_ASK_NEXT, 0);
  finish(&p);
  assert_int_equal(p.error, GAZE_ERR_END);
  assert_int_equal(atomic_load(&p.at), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_runs_through),   cmocka_unit_test(test_streams),
      cmocka_unit_test(test_pause_and_step), cmocka_unit_test(test_take_over),
      cmocka_unit_test(test_leaving),        cmocka_unit_test(test_next_episode),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
