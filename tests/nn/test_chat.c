// tests/nn/test_chat.c - rendered prompts equal the reference's text.
#include "nn/chat.h"
#include <stdio.h>
#include <string.h>
#include "fixture_file.h"

static gaze_role role_of(const char *name) {
  return !strcmp(name, "system") ? GAZE_ROLE_SYSTEM
         : !strcmp(name, "user") ? GAZE_ROLE_USER
                                 : GAZE_ROLE_ASSISTANT;
}

static void golden_prompts(void **state) {
  (void)state;
  static const char *const models[] = {"tiny-a", "tiny-b"};
  int cases = 0;
  for (int m = 0; m < 2; m++) {
    char name[64];
    snprintf(name, sizeof name, "%s-golden/cases.json", models[m]);
    cJSON *j = ff_golden_json(name);
    const cJSON *c = NULL, *msg = NULL, *part = NULL;
    cJSON_ArrayForEach(c, gaze_json_get(j, "cases")) {
      gaze_part parts[32];
      gaze_message list[8];
      int n = 0, used = 0;
      cJSON_ArrayForEach(msg, gaze_json_get(c, "messages")) {
        const cJSON *content = gaze_json_get(msg, "content");
        list[n] = (gaze_message){.role = role_of(gaze_json_get(msg, "role")->valuestring),
                                 .parts = &parts[used]};
        if (cJSON_IsString(content)) {
          parts[used++].text = content->valuestring;
          list[n].n = 1;
        } else {
          cJSON_ArrayForEach(part, content) {
            const cJSON *text = gaze_json_get(part, "text");
            parts[used++].text = text ? text->valuestring : NULL;
            list[n].n++;
          }
        }
        n++;
      }
      gaze_buf b = GAZE_BUF_INIT;
      ff_ok(gaze_chat_render(list, n, true, &b));
      assert_string_equal(gaze_buf_text(&b), gaze_json_get(c, "prompt_text")->valuestring);
      gaze_buf_fini(&b);
      cases++;
    }
    cJSON_Delete(j);
  }
  assert_int_equal(cases, 7);
}

static void turns_by_hand(void **state) {
  (void)state;
  gaze_part s[] = {{"Be brief."}}, u[] = {{"Look: "}, {NULL}}, a[] = {{"A cup."}};
  gaze_message m[] = {{GAZE_ROLE_SYSTEM, s, 1},
                      {GAZE_ROLE_USER, u, 2},
                      {GAZE_ROLE_ASSISTANT, a, 1},
                      {GAZE_ROLE_SYSTEM, s, 0}};
  gaze_buf b = GAZE_BUF_INIT;
  ff_ok(gaze_chat_render(m, 4, false, &b));
  assert_string_equal(
      gaze_buf_text(&b),
      "<|im_start|>system\nBe brief.<|im_end|>\n"
      "<|im_start|>user\nLook: <|vision_start|><|image_pad|><|vision_end|><|im_end|>\n"
      "<|im_start|>assistant\nA cup.<|im_end|>\n"
      "<|im_start|>system\n<|im_end|>\n");
  gaze_buf_clear(&b);
  // the default system message comes first when there is none, and only then
  ff_ok(gaze_chat_render(m + 2, 1, true, &b));
  assert_string_equal(gaze_buf_text(&b),
                      "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
                      "<|im_start|>assistant\nA cup.<|im_end|>\n<|im_start|>assistant\n");
  gaze_buf_clear(&b);
  ff_ok(gaze_chat_render(NULL, 0, true, &b));
  assert_string_equal(gaze_buf_text(&b), "<|im_start|>assistant\n");
  gaze_buf_fini(&b);
}

static void bad_messages(void **state) {
  (void)state;
  gaze_buf b = GAZE_BUF_INIT;
  gaze_message m[] = {{GAZE_ROLE_USER, NULL, 0}, {(gaze_role)9, NULL, 0}};
  ff_fails(gaze_chat_render(m, 2, true, &b), GAZE_ERR_ARG, "message 1");
  m[1] = (gaze_message){GAZE_ROLE_USER, NULL, 1};
  ff_fails(gaze_chat_render(m, 2, true, &b), GAZE_ERR_ARG, "message 1");
  ff_fails(gaze_chat_render(m, -1, true, &b), GAZE_ERR_ARG, "negative");
  assert_int_equal(b.len, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(golden_prompts),
      cmocka_unit_test(turns_by_hand),
      cmocka_unit_test(bad_messages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
