// tests/envs/fixture_tabletop.h - what the tests of the box and path tasks share.
#ifndef GAZE_TESTS_ENVS_FIXTURE_TABLETOP_H
#define GAZE_TESTS_ENVS_FIXTURE_TABLETOP_H

#include "envs/tabletop/tabletop.h"

enum { TABLETOP_TEST_SIZE = 56 };
extern const char *const tabletop_robots[2];

// Opens with oracle=true and `more`, settings "key=value" ended by NULL (or NULL for none); fails
// the test on an error.
tabletop *tabletop_test_open(const gaze_env *env, const char *const *more);
// The error of opening so, and nothing open.
gaze_err tabletop_test_refused(const gaze_env *env, const char *setting);
void tabletop_test_close(const gaze_env *env, tabletop *t);
gaze_obs tabletop_test_reset(const gaze_env *env, tabletop *t, uint64_t seed);
gaze_outcome tabletop_test_step(const gaze_env *env, tabletop *t, const char *reply);
// The payload in a reply's form: <think>t</think><output>..</output>; lives until the next call.
const char *tabletop_test_wrap(char *room, size_t cap, const char *payload);
// Plays `n` seeds with the oracle's reply and asks for success of each; returns how many answered
// that nothing is there.
int tabletop_test_oracle(const gaze_env *env, tabletop *t, uint64_t first, int n);
// Everything of `text` that is a word stands in tools/tiny_words.txt.
void tabletop_test_words(const char *text);
// Equal seeds give equal texts, pictures, truths and outcomes, whatever was played before.
void tabletop_test_equal_seeds(const gaze_env *env, const char *const *more);
// Replies of no use end the episode as "invalid", whatever bytes they are of.
void tabletop_test_malformed(const gaze_env *env, const char *const *more);
// Broken physics truncates the episode and says so; the next one is sound.
void tabletop_test_fault(const gaze_env *env, const char *const *more);

#endif
