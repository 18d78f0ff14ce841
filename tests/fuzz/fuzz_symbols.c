// tests/fuzz/fuzz_symbols.c - any bytes as symbols (and, after a zero byte, as the message):
// refused with a sentence, or believed without harm.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "envs/avr/belief.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static avr_belief *belief;  // keeps what earlier inputs left behind, as a long episode would
  static gaze_truth truth;
  char message[1024] =
      "Question: how many objects are red?\n<image>\nOptions:\n0 A\nview left 30 B\n1 C\n2 D";
  if (!belief) GAZE_ASSERT(avr_belief_open(&belief, 112) == GAZE_OK);
  size_t n = 0;
  while (n < size && data[n] != 0 && n < sizeof truth.known - 1) n++;
  memcpy(truth.known, data, n);
  truth.known[n] = 0;
  if (n + 1 < size)
    snprintf(message, sizeof message, "%.*s", (int)(size - n - 1), (const char *)data + n + 1);

  const gaze_obs obs = {.text = message, .first = size % 4 != 0, .truth = &truth};
  bool sure;
  int option = -1;
  if (avr_belief_take(belief, &obs)) {
    GAZE_ASSERT(gaze_err_detail()[0]);
    return 0;
  }
  int answer = avr_belief_answer(belief, &sure);
  GAZE_ASSERT(answer >= -1 && answer < GAZE_OPTIONS_MAX);
  GAZE_ASSERT(avr_belief_search(belief, 0, &option) == GAZE_OK);
  GAZE_ASSERT(option >= -1 && option < GAZE_OPTIONS_MAX);
  return 0;
}
