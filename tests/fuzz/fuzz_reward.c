// tests/fuzz/fuzz_reward.c - any bytes as a reply: terms stay finite and within their range.
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "envs/rewards/vla_r1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *p, size_t n, const char *r, size_t m) {
  for (int mode = 0; mode < 2; mode++) {
    const gaze_vla_r1_options o = {.mode = (gaze_vla_r1_mode)mode};
    const gaze_vla_r1_score s = gaze_vla_r1_eval(p, n, r, m, &o);
    GAZE_ASSERT(s.task >= 0 && s.task <= 1 && s.score >= 0 && s.score <= 1);
    GAZE_ASSERT(s.format == 0 || s.format == 1);
    GAZE_ASSERT(isnan(s.iou) || (s.iou >= 0 && s.iou <= 1));
    GAZE_ASSERT(isnan(s.frechet_norm) || (s.frechet_norm >= 0 && s.frechet_norm <= 1));
  }
  const gaze_vla_r1_metrics x = gaze_vla_r1_measure(p, n, r, m);
  GAZE_ASSERT(isnan(x.avg) || (x.avg >= 0 && x.avg < 1414.22));
}

// the input is the prediction, and once more the reference: split at the first zero byte
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char box[] = "<output>{\"x\":0.5,\"y\":0.5,\"width\":0.2,\"height\":0.2}</output>";
  static const char path[] = "<output>[[0.1,0.1],[0.2,0.2],[0.3,0.3]]</output>";
  const char *text = (const char *)data;
  check(text, size, box, sizeof box - 1);
  check(text, size, path, sizeof path - 1);
  const void *zero = size ? memchr(data, 0, size) : NULL;
  if (zero) {
    size_t n = (size_t)((const uint8_t *)zero - data);
    check(text, n, text + n + 1, size - n - 1);
  }
  double r = gaze_repetition_penalty(text, size);
  GAZE_ASSERT(r <= 0 && r >= -1);
  return 0;
}
