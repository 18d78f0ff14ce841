// tests/fuzz/fuzz_reply.c - any bytes as a reply: no fault, and the two readers agree.
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"
#include "envs/avr/avr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  // the first byte chooses the length of the option list
  int options = n ? data[0] % 17 : 0;
  const char *text = n ? (const char *)data + 1 : "";
  avr_reply r = avr_parse_reply(text, n ? n - 1 : 0, options);
  GAZE_ASSERT(r.choice >= -1 && (r.choice < options || r.choice == -1));
  GAZE_ASSERT(!r.strict || r.choice >= 0);
  return 0;
}
