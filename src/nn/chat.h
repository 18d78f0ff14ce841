// nn/chat.h - the Qwen2-VL chat template: messages to prompt text.
#ifndef GAZE_NN_CHAT_H
#define GAZE_NN_CHAT_H

#include <stdbool.h>
#include "core/buf.h"
#include "core/err.h"

typedef enum gaze_role { GAZE_ROLE_SYSTEM, GAZE_ROLE_USER, GAZE_ROLE_ASSISTANT } gaze_role;

// One part of a message; text NULL means an image.
typedef struct gaze_part {
  const char *text;  // borrowed
} gaze_part;

typedef struct gaze_message {
  gaze_role role;
  const gaze_part *parts;
  int n;
} gaze_message;

// Appends the prompt text: "<|im_start|>role\n...<|im_end|>\n" per message, the default system
// message if the first is none, "<|vision_start|><|image_pad|><|vision_end|>" per image, and
// "<|im_start|>assistant\n" if `generate`. Text parts are inserted as they stand: encode the parts
// separately where they come from outside.  [rt: never]
gaze_err gaze_chat_render(const gaze_message *m, int n, bool generate, gaze_buf *out);

#endif
