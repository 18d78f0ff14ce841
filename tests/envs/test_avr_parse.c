// tests/envs/test_avr_parse.c - the strict and the lenient reader of replies.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/rng.h"
#include "envs/avr/avr.h"

#define BODY "## Visual Reasoning\n## Uncertainty\n## Information Gain\n## Decision\n"

typedef struct sample {
  const char *text;
  bool strict;
  int choice;
} sample;

// nine letters, A to I, are listed
static const sample samples[] = {
    {"<think>\n" BODY "</think>\n<answer>E</answer>", true, 4},
    {"<think>\n" BODY "</think>\n<answer>e</answer>", true, 4},
    {" \n<think>\n" BODY "</think><answer>\t I\n</answer>\n\n", true, 8},
    {"<think>" BODY "</think>\n<answer>A</answer>", true, 0},
    {"<think>\n## Visual Reasoning \n## Uncertainty\n## Information Gain\n## Decision</think>"
     "<answer>A</answer>",
     true, 0},
    // a letter that is not listed, two letters, none
    {"<think>\n" BODY "</think>\n<answer>J</answer>", false, -1},
    {"<think>\n" BODY "</think>\n<answer>AB</answer>", false, -1},
    {"<think>\n" BODY "</think>\n<answer>A B</answer>", false, -1},
    {"<think>\n" BODY "</think>\n<answer></answer>", false, -1},
    {"<think>\n" BODY "</think>\n<answer>1</answer>", false, -1},
    {"<think>\n" BODY "</think>\n<answer>red A</answer>", false, -1},
    // headings: missing, swapped, twice, not alone on the line
    {"<think>\n## Visual Reasoning\n## Uncertainty\n## Decision\n</think>\n<answer>B</answer>",
     false, 1},
    {"<think>\n## Uncertainty\n## Visual Reasoning\n## Information Gain\n## Decision\n</think>\n"
     "<answer>B</answer>",
     false, 1},
    {"<think>\n" BODY "## Decision\n</think>\n<answer>B</answer>", false, 1},
    {"<think>\nsee ## Visual Reasoning\n## Uncertainty\n## Information Gain\n## "
     "Decision\n</think>\n"
     "<answer>B</answer>",
     false, 1},
    {"<think>\n## Visual Reasoning of all\n## Uncertainty\n## Information Gain\n## Decision\n"
     "</think>\n<answer>B</answer>",
     false, 1},
    {"<think></think>" BODY "<answer>B</answer>", false, 1},
    // blocks: missing, twice, in the wrong order, text around them
    {"<answer>C</answer>", false, 2},
    {BODY "<answer>C</answer>", false, 2},
    {"<think>\n" BODY "<answer>C</answer>", false, 2},
    {"<answer>C</answer><think>\n" BODY "</think>", false, -1},
    {"<answer>C</answer><think>\n" BODY "</think><answer>D</answer>", false, 3},
    {"<think>\n" BODY "<answer>C</answer></think><answer>D</answer>", false, 3},
    {"<think>\n" BODY "</think><answer>C</answer><answer>D</answer>", false, 2},
    {"<think>\n" BODY "</think></think><answer>C</answer>", false, 2},
    {"<think><think>\n" BODY "</think><answer>C</answer>", false, 2},
    {"well, <think>\n" BODY "</think><answer>C</answer>", false, 2},
    {"<think>\n" BODY "</think>so <answer>C</answer>", false, 2},
    {"<think>\n" BODY "</think><answer>C</answer>.", false, 2},
    {"<think>\n" BODY "</think><answer>C", false, 2},
    {"<think>\n" BODY "</think><answer>", false, -1},
    {"</think><answer>C</answer>", false, 2},
    {"</answer>C<answer>", false, -1},
    {"<ANSWER>C</ANSWER>", false, -1},
    {"<<answer>C</answer>", false, 2},
    {"", false, -1},
    {"<", false, -1},
    {"C", false, -1},
};

static void test_samples(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
    avr_reply r = avr_parse_reply(samples[i].text, strlen(samples[i].text), 9);
    if (r.strict != samples[i].strict || r.choice != samples[i].choice)
      fail_msg("sample %zu: strict %d choice %d: %s", i, r.strict, r.choice, samples[i].text);
  }
}

static void test_letters_end_with_the_list(void **state) {
  (void)state;
  const char *text = "<answer>C</answer>";
  assert_int_equal(avr_parse_reply(text, strlen(text), 3).choice, 2);
  assert_int_equal(avr_parse_reply(text, strlen(text), 2).choice, -1);
  assert_int_equal(avr_parse_reply(text, strlen(text), 0).choice, -1);
  assert_int_equal(avr_parse_reply(NULL, 0, 9).choice, -1);
}

// the length decides, not a NUL: what stands behind one is still read
static void test_nul_bytes(void **state) {
  (void)state;
  static const char inside[] = "<think>\n\0" BODY "</think>\n<answer>B</answer>";
  avr_reply r = avr_parse_reply(inside, sizeof inside - 1, 9);
  assert_int_equal(r.choice, 1);
  assert_false(r.strict);  // the first heading no longer starts its line
  static const char letter[] = "<answer>B\0</answer>";
  assert_int_equal(avr_parse_reply(letter, sizeof letter - 1, 9).choice, -1);
}

// every prefix and every single-byte change of a good reply is read without a fault; only the whole
// one is strict among the prefixes
static void test_prefixes_and_changes(void **state) {
  (void)state;
  const char *good = "<think>\n" BODY "</think>\n<answer>E</answer>";
  size_t n = strlen(good);
  char *copy = malloc(n);
  assert_non_null(copy);
  for (size_t k = 0; k < n; k++) {
    // an exact allocation lets the sanitizer see any read past the end
    char *cut = malloc(k ? k : 1);
    assert_non_null(cut);
    memcpy(cut, good, k);
    assert_false(avr_parse_reply(cut, k, 9).strict);
    free(cut);
    memcpy(copy, good, n);
    copy[k] = '<';
    avr_reply r = avr_parse_reply(copy, n, 9);
    assert_true(r.choice >= -1 && r.choice < 9);
  }
  assert_true(avr_parse_reply(good, n, 9).strict);
  free(copy);
}

static void test_huge(void **state) {
  (void)state;
  static const char *const piece[] = {"<think>",       "</think>", "<answer>", "</answer>", "A",
                                      "## Decision\n", "<",        "\xff\xfe", "\n"};
  size_t n = (size_t)4 << 20, at = 0;
  char *text = malloc(n);
  assert_non_null(text);
  memset(text, '<', n);
  assert_int_equal(avr_parse_reply(text, n, 9).choice, -1);
  memcpy(text + n - 18, "<answer>B</answer>", 18);
  assert_int_equal(avr_parse_reply(text, n, 9).choice, 1);

  gaze_rng r;
  gaze_rng_init(&r, 7, 0);
  while (at < n - 16) {
    const char *p = piece[gaze_rng_below(&r, sizeof piece / sizeof piece[0])];
    memcpy(text + at, p, strlen(p));
    at += strlen(p);
  }
  avr_reply reply = avr_parse_reply(text, at, 9);
  assert_false(reply.strict);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_samples),   cmocka_unit_test(test_letters_end_with_the_list),
      cmocka_unit_test(test_nul_bytes), cmocka_unit_test(test_prefixes_and_changes),
      cmocka_unit_test(test_huge),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
