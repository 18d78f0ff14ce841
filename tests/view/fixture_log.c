// tests/view/fixture_log.c - see fixture_log.h.
#include "tests/view/fixture_log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "data/episode.h"

const char fixture_user[] =
    "At most 12 objects.\nQuestion: is there a small cube?\n<image>\nOptions:\nview left 30 A\n"
    "yes B\nno C";
const char fixture_reply[] =
    "<think>\n## Visual Reasoning\n[20 20 59 59] large red cube behind\n## Uncertainty\nHidden: "
    "unknown\n## Information Gain\n## Decision\nnot sufficient: view left 30 A\n</think>\n"
    "<answer>A</answer>";

gaze_truth fixture_truth(void) {
  gaze_truth t = {.options = 3, .boxes = 1, .bodies = 3, .optimal_steps = 1, .steps_left = 1};
  static const char *const text[] = {"view left 30", "yes", "no"};
  for (int i = 0; i < 3; i++) snprintf(t.text[i], sizeof t.text[i], "%s", text[i]);
  t.label[0] = GAZE_OPT_GAINING | GAZE_OPT_OPTIMAL;
  t.label[1] = GAZE_OPT_ANSWER | GAZE_OPT_CORRECT;
  t.label[2] = GAZE_OPT_ANSWER;
  t.box[0] = (gaze_truth_box){.x0 = 0.2f, .y0 = 0.2f, .x1 = 0.6f, .y1 = 0.6f};
  snprintf(t.box[0].name, sizeof t.box[0].name, "large red cube");
  snprintf(t.family, sizeof t.family, "occlusion");
  snprintf(t.known, sizeof t.known,
           "viewer 0 25 0 0\n"
           "object c 1 31 1 0 0 -1 0 0.0000 0.0000 0.0360 1 0 0 0 1 0 0 0 1\n"
           "object k 2 3 4 -1 -1 -1 0 0.1000 0.1000 0.0180 1 0 0 0 1 0 0 0 1\n");
  const gaze_body upright = {.half = 0.036f, .rot = {1, 0, 0, 0, 1, 0, 0, 0, 1}};
  for (int i = 0; i < 3; i++) t.body[i] = upright;
  t.body[0].rgb[0] = 0.8f, t.body[0].pos[2] = 0.036f;
  t.body[1].half = 0.018f, t.body[1].rgb[2] = 0.8f, t.body[1].pos[0] = t.body[1].pos[1] = 0.1f;
  t.body[1].pos[2] = 0.018f;
  t.body[2].rgb[1] = 0.8f, t.body[2].pos[1] = 0.15f, t.body[2].pos[2] = 0.036f;
  t.viewer = (gaze_viewer){.elevation = 25};
  return t;
}

static bool add_turn(gaze_record *r, int turn, const char *truth) {
  uint8_t rgb[16 * 16 * 3] = {0};
  for (int i = 0; i < 16 * 16; i++) rgb[3 * i + turn] = 200;
  const gaze_image im = {.rgb = rgb, .w = 16, .h = 16};
  static const char *const outcome[] = {
      "{\"choice\":0,\"answered\":false,\"correct\":false,\"format\":true,\"status\":\"ok\","
      "\"sufficient_before\":false,\"gaining\":true,\"useful\":true,\"reward\":-0.02}",
      "{\"choice\":1,\"answered\":true,\"correct\":true,\"format\":true,\"status\":\"ok\","
      "\"sufficient_before\":true,\"gaining\":false,\"useful\":false,\"reward\":1.1}"};
  const char *user = turn ? "Result: ok.\n<image>\nOptions:\nview lower A\nyes B" : fixture_user;
  return gaze_record_add_turn(r, user, turn ? "<answer>B</answer>" : fixture_reply, GAZE_TAUGHT_ALL,
                              outcome[turn], truth) == GAZE_OK &&
         gaze_record_add_image(r, &im) == GAZE_OK;
}

bool fixture_log_write(const char *path, int episodes, bool scenes) {
  gaze_truth t = fixture_truth();
  if (!scenes) t.bodies = 0;
  cJSON *j = gaze_truth_to_json(&t);
  char *truth = j ? cJSON_PrintUnformatted(j) : NULL;
  cJSON_Delete(j);
  gaze_record_writer *w = NULL;
  bool ok = truth && gaze_record_create(&w, path, NULL) == GAZE_OK;
  for (int i = 0; i < episodes && ok; i++) {
    gaze_record r;
    gaze_record_init(&r, "avr-7", "avr", (uint64_t)(7 + i));
    ok = add_turn(&r, 0, truth) && add_turn(&r, 1, truth) && gaze_record_write(w, &r) == GAZE_OK;
    gaze_record_free(&r);
  }
  if (w) ok = gaze_record_finish(&w) == GAZE_OK && ok;
  free(truth);
  if (!ok) fprintf(stderr, "%s: %s\n", path, gaze_err_detail());
  return ok;
}
