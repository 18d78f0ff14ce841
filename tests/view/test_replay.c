// tests/view/test_replay.c - moments from a log: what they hold, and how keys and time move them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include "tests/view/fixture_log.h"
#include "view/known.h"
#include "view/replay.h"

#define LOG GAZE_BINARY_DIR "/test_replay.mcap"

static gaze_replay *open_log(int episodes) {
  gaze_replay *r;
  assert_true(fixture_log_write(LOG, episodes, true));
  assert_int_equal(gaze_replay_open(&r, LOG), GAZE_OK);
  return r;
}

static void ask(gaze_replay *r, gaze_ask_kind kind) {
  assert_int_equal(gaze_replay_ask(r, (gaze_ask){.kind = kind}), GAZE_OK);
}

// episode, decision
static void assert_at(const gaze_replay *r, int episode, int turn) {
  assert_int_equal(gaze_replay_shot(r)->episode, episode);
  assert_int_equal(gaze_replay_shot(r)->turn, turn);
}

static void test_moment(void **state) {
  (void)state;
  gaze_replay *r = open_log(2);
  const gaze_shot *s = gaze_replay_shot(r);
  assert_string_equal(s->source, "test_replay.mcap");
  assert_true(s->episodes == 2 && s->turns == 2 && s->seed == 7 && s->paused);
  assert_string_equal(s->question, "is there a small cube?");
  assert_string_equal(gaze_buf_text(&s->reply), fixture_reply);
  assert_true(s->has_truth && s->truth.bodies == 3);
  assert_int_equal(s->choice, 0);
  assert_int_equal(s->steps, 1);
  assert_string_equal(s->step[0].what, "view left 30");
  assert_true(s->step[0].gaining && s->step[0].action && !s->step[0].answered);
  assert_true(s->image.w == 16 && s->image.rgb[0] == 200 && s->image.rgb[1] == 0);

  // the second message does not repeat the question, and brings its own picture
  ask(r, GAZE_ASK_FORWARD);
  s = gaze_replay_shot(r);
  assert_int_equal(s->steps, 2);
  assert_string_equal(s->question, "is there a small cube?");
  assert_string_equal(s->step[1].what, "yes");
  assert_true(s->step[1].correct && s->step[1].sufficient);
  assert_float_equal(gaze_shot_reward(s), 1.08f, 1e-6f);
  assert_true(s->image.rgb[0] == 0 && s->image.rgb[1] == 200);
  gaze_replay_close(&r);
}

static void test_keys(void **state) {
  (void)state;
  static const struct {
    gaze_ask_kind kind;
    int episode, turn;
  } step[] = {{GAZE_ASK_BACK, 0, 0},   {GAZE_ASK_FORWARD, 0, 1},  {GAZE_ASK_FORWARD, 1, 0},
              {GAZE_ASK_BACK, 0, 1},   {GAZE_ASK_FIRST, 0, 0},    {GAZE_ASK_LAST, 0, 1},
              {GAZE_ASK_NEXT, 1, 0},   {GAZE_ASK_NEXT, 2, 0},     {GAZE_ASK_NEXT, 2, 0},
              {GAZE_ASK_LAST, 2, 1},   {GAZE_ASK_FORWARD, 2, 1},  {GAZE_ASK_PREVIOUS, 1, 0},
              {GAZE_ASK_CHOOSE, 1, 0}, {GAZE_ASK_TAKE_OVER, 1, 0}};
  gaze_replay *r = open_log(3);
  for (size_t i = 0; i < sizeof step / sizeof *step; i++) {
    uint64_t version = gaze_replay_shot(r)->version;
    int episode = gaze_replay_shot(r)->episode, turn = gaze_replay_shot(r)->turn;
    ask(r, step[i].kind);
    assert_at(r, step[i].episode, step[i].turn);
    // a window draws again when, and only when, the version is another one
    bool moved = episode != step[i].episode || turn != step[i].turn;
    if (moved) assert_true(gaze_replay_shot(r)->version > version);
  }
  gaze_replay_close(&r);
}

static void test_time(void **state) {
  (void)state;
  gaze_replay *r = open_log(1);
  size_t whole = strlen(fixture_reply);
  assert_int_equal(gaze_replay_pass(r, 1000.0), GAZE_OK);
  assert_at(r, 0, 0);  // paused

  // the thought is written from its first word, without choice or outcome until it is whole
  ask(r, GAZE_ASK_PAUSE);
  assert_int_equal(gaze_replay_pass(r, 0.5), GAZE_OK);
  const gaze_shot *s = gaze_replay_shot(r);
  assert_true(!s->paused && s->reply.len == 60 && s->reply.len < whole);
  assert_memory_equal(gaze_buf_text(&s->reply), fixture_reply, 60);
  assert_int_equal(s->stage, GAZE_STAGE_THINKING);
  assert_true(s->choice == -1 && s->steps == 0);
  ask(r, GAZE_ASK_FASTER);
  assert_int_equal(gaze_replay_pass(r, 0.25), GAZE_OK);
  assert_int_equal(gaze_replay_shot(r)->reply.len, 120);
  assert_int_equal(gaze_replay_pass(r, 10.0), GAZE_OK);
  assert_at(r, 0, 0);
  assert_int_equal(gaze_replay_shot(r)->reply.len, whole);
  assert_true(gaze_replay_shot(r)->steps == 1 && gaze_replay_shot(r)->choice == 0);

  // the outcome stays, then the next decision; the end of the log pauses
  assert_int_equal(gaze_replay_pass(r, 0.5), GAZE_OK);
  assert_at(r, 0, 0);
  assert_int_equal(gaze_replay_pass(r, 0.5), GAZE_OK);
  assert_at(r, 0, 1);
  for (int i = 0; i < 3; i++) assert_int_equal(gaze_replay_pass(r, 10.0), GAZE_OK);
  assert_at(r, 0, 1);
  assert_false(gaze_replay_playing(r));
  assert_true(gaze_replay_shot(r)->paused && gaze_replay_shot(r)->steps == 2);
  gaze_replay_close(&r);
}

static void test_bad_logs(void **state) {
  (void)state;
  gaze_replay *r;
  assert_int_not_equal(gaze_replay_open(&r, "/nowhere/x.mcap"), GAZE_OK);
  assert_null(r);
  assert_true(fixture_log_write(LOG, 0, true));
  assert_int_equal(gaze_replay_open(&r, LOG), GAZE_ERR_NOTFOUND);
  assert_non_null(strstr(gaze_err_detail(), "no episode"));
}

// outcome and truth of foreign logs: what cannot be read is left out
static void test_foreign(void **state) {
  (void)state;
  static const char *const outcome[] = {NULL, "{}", "{\"choice\":99,\"reward\":\"much\"}",
                                        "{\"choice\":-7,\"status\":3,\"steps\":1e300}"};
  gaze_shot s = {0};
  for (size_t i = 0; i < sizeof outcome / sizeof *outcome; i++) {
    gaze_record rec;
    gaze_record_init(&rec, "x", "other", 1);
    assert_int_equal(
        gaze_record_add_turn(&rec, NULL, NULL, GAZE_TAUGHT_ALL, outcome[i], "{\"options\":5}"),
        GAZE_OK);
    assert_int_equal(gaze_shot_from_record(&s, &rec, 0), GAZE_OK);
    assert_false(s.has_truth);
    assert_true(s.choice == -1 && s.image.w == 0);
    assert_float_equal(gaze_shot_reward(&s), 0.0f, 0.0f);
    assert_int_equal(gaze_shot_from_record(&s, &rec, 1), GAZE_ERR_RANGE);
    gaze_record_free(&rec);
  }
  gaze_shot_fini(&s);
}

static void test_known(void **state) {
  (void)state;
  gaze_truth t = fixture_truth();
  gaze_known_object k[GAZE_KNOWN_MAX];
  assert_int_equal(gaze_known_read(t.known, k), 2);
  assert_string_equal(k[0].name, "large red cube");
  assert_string_equal(k[1].name, "? brown ?");
  assert_true(k[0].where == 1 && k[1].where == 2 && k[1].letter == 'k');
  assert_float_equal(k[1].pos[0], 0.1f, 1e-6f);
  assert_int_equal(gaze_known_read("object\nobject a 1\nviewer\n\n", k), 0);
  gaze_buf many = GAZE_BUF_INIT;
  for (int i = 0; i < 40; i++) gaze_buf_str(&many, "object a 1 1 99999999 99 99 0 0 0 0 0\n");
  assert_int_equal(gaze_known_read(gaze_buf_text(&many), k), GAZE_KNOWN_MAX);
  assert_string_equal(k[0].name, "? ? ?");
  gaze_buf_fini(&many);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_moment),   cmocka_unit_test(test_keys),    cmocka_unit_test(test_time),
      cmocka_unit_test(test_bad_logs), cmocka_unit_test(test_foreign), cmocka_unit_test(test_known),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
