// nn/chat.c - the Qwen2-VL chat template, see chat.h.
#include "nn/chat.h"
#include <stddef.h>

static const char *const role_name[] = {"system", "user", "assistant"};

gaze_err gaze_chat_render(const gaze_message *m, int n, bool generate, gaze_buf *out) {
  if (n < 0) return gaze_fail(GAZE_ERR_ARG, "chat: negative number of messages");
  for (int i = 0; i < n; i++)
    if ((unsigned)m[i].role > GAZE_ROLE_ASSISTANT || m[i].n < 0 || (m[i].n && !m[i].parts))
      return gaze_fail(GAZE_ERR_ARG, "chat: message %d: unknown role or bad parts", i);

  if (n && m[0].role != GAZE_ROLE_SYSTEM)
    gaze_buf_str(out, "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n");
  for (int i = 0; i < n; i++) {
    gaze_buf_printf(out, "<|im_start|>%s\n", role_name[m[i].role]);
    for (int p = 0; p < m[i].n; p++) {
      const char *text = m[i].parts[p].text;
      gaze_buf_str(out, text ? text : "<|vision_start|><|image_pad|><|vision_end|>");
    }
    gaze_buf_str(out, "<|im_end|>\n");
  }
  if (generate) gaze_buf_str(out, "<|im_start|>assistant\n");
  return out->failed ? gaze_fail(GAZE_ERR_NOMEM, "chat: out of memory") : GAZE_OK;
}
