// core/bf16.h - bfloat16 and half precision as stored in checkpoints; round to nearest even.
#ifndef GAZE_CORE_BF16_H
#define GAZE_CORE_BF16_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint16_t gaze_bf16;
typedef uint16_t gaze_f16;

// Widens one value exactly.  [rt: safe]
float gaze_bf16_to_f32(gaze_bf16 x);
// Rounds to nearest even; NaN stays NaN.  [rt: safe]
gaze_bf16 gaze_bf16_from_f32(float x);
// Widens one IEEE half exactly.  [rt: safe]
float gaze_f16_to_f32(gaze_f16 x);
// Rounds to nearest even, overflow to infinity.  [rt: safe]
gaze_f16 gaze_f16_from_f32(float x);

#ifdef __cplusplus
}
#endif
#endif
