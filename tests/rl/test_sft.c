// tests/rl/test_sft.c - training learns, is reproducible, and resumes bit for bit.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "data/episode.h"
#include "rl/feed.h"
#include "rl/sft.h"

#define MODEL GAZE_SOURCE_DIR "/tests/golden/qwen2_5_vl/tiny-a"
#define DIR GAZE_BINARY_DIR "/test_sft"

// conversations about a picture that is either dark or bright
static void write_data(const char *path, const char *kind, int n) {
  gaze_record_writer *w;
  assert_int_equal(gaze_record_create(&w, path, NULL), GAZE_OK);
  uint8_t rgb[56 * 56 * 3];
  for (int i = 0; i < n; i++) {
    gaze_record rec;
    char id[32];
    snprintf(id, sizeof id, "%s-%d", kind, i);
    gaze_record_init(&rec, id, kind, (uint64_t)i);
    memset(rgb, i % 2 ? 250 : 5, sizeof rgb);
    assert_int_equal(gaze_record_add_turn(&rec, "<image>\nbright?", i % 2 ? "yes" : "no",
                                          GAZE_TAUGHT_ALL, NULL, NULL),
                     GAZE_OK);
    const gaze_image im = {.rgb = rgb, .w = 56, .h = 56};
    assert_int_equal(gaze_record_add_image(&rec, &im), GAZE_OK);
    assert_int_equal(gaze_record_write(w, &rec), GAZE_OK);
    gaze_record_free(&rec);
  }
  assert_int_equal(gaze_record_finish(&w), GAZE_OK);
}

static void train(const char *out, int steps, int stop_after, bool resume, gaze_err want);

typedef struct stopper {
  int after;
  volatile int flag;
  double loss;
} stopper;

static void count(void *ctx, const gaze_sft_progress *p) {
  stopper *s = ctx;
  s->loss = p->loss;
  if (p->step == s->after) s->flag = 1;
}

static double last_loss;

static void train(const char *out, int steps, int stop_after, bool resume, gaze_err want) {
  gaze_cfg *cfg;
  assert_int_equal(gaze_cfg_open(&cfg), GAZE_OK);
  assert_int_equal(gaze_cfg_set_str(cfg, "model", MODEL), GAZE_OK);
  gaze_cfg_set_num(cfg, "train.steps", steps);
  gaze_cfg_set_num(cfg, "train.pack_tokens", 256);
  gaze_cfg_set_num(cfg, "train.pack_patches", 256);
  gaze_cfg_set_num(cfg, "optim.hold", 1);
  gaze_cfg_set_num(cfg, "loss.aux", 0.1);
  static const char *const data[] = {DIR "/a.mcap", DIR "/b.mcap"};
  stopper s = {.after = stop_after};
  const gaze_sft_job job = {.cfg = cfg,
                            .data = data,
                            .files = 2,
                            .out = out,
                            .resume = resume,
                            .threads = 1,
                            .stop = &s.flag,
                            .progress = count,
                            .ctx = &s};
  assert_int_equal(gaze_sft_run(&job, &gaze_ops_cpu), want);
  last_loss = s.loss;
  gaze_cfg_close(&cfg);
}

static void assert_same_file(const char *a, const char *b) {
  gaze_buf x = GAZE_BUF_INIT, y = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(a, 1 << 26, &x), GAZE_OK);
  assert_int_equal(gaze_file_read(b, 1 << 26, &y), GAZE_OK);
  assert_int_equal(x.len, y.len);
  assert_memory_equal(x.data, y.data, x.len);
  gaze_buf_fini(&x);
  gaze_buf_fini(&y);
}

static int prepare(void **state) {
  (void)state;
  gaze_dir_remove(DIR);
  if (gaze_dir_make(DIR)) return -1;
  write_data(DIR "/a.mcap", "look", 11);
  write_data(DIR "/b.mcap", "other", 6);
  return 0;
}

static void test_learns_and_resumes(void **state) {
  (void)state;
  train(DIR "/whole", 12, 0, false, GAZE_OK);
  assert_true(last_loss < 1.5);  // from about 6.4 = ln 608
  // the same run, interrupted at step 5 and resumed, ends in the same bits
  train(DIR "/parts", 12, 5, false, GAZE_ERR_INTERRUPTED);
  train(DIR "/parts", 12, 0, true, GAZE_OK);
  assert_same_file(DIR "/whole/checkpoint/model.safetensors",
                   DIR "/parts/checkpoint/model.safetensors");
  assert_same_file(DIR "/whole/checkpoint/optimizer.safetensors",
                   DIR "/parts/checkpoint/optimizer.safetensors");
  gaze_buf m = GAZE_BUF_INIT;
  assert_int_equal(gaze_file_read(DIR "/parts/metrics.jsonl", 1 << 20, &m), GAZE_OK);
  int lines = 0;
  for (const char *s = gaze_buf_text(&m); (s = strchr(s, '\n')) != NULL; s++) lines++;
  assert_int_equal(lines, 12);
  gaze_buf_fini(&m);
}

static void test_feed(void **state) {
  (void)state;
  static const char *const data[] = {DIR "/a.mcap", DIR "/b.mcap"};
  cJSON *mix = NULL;
  const char text[] = "[{\"until\":0.5,\"look\":1},{\"until\":1,\"other\":1}]";
  assert_int_equal(gaze_json_parse(&mix, text, strlen(text), "mix"), GAZE_OK);
  gaze_feed f, g;
  assert_int_equal(gaze_feed_open(&f, data, 2, mix, 3), GAZE_OK);
  // two passes over the first file: every record twice, no record twice within a pass
  for (int pass = 0; pass < 2; pass++) {
    int seen = 0;
    for (int i = 0; i < 11; i++) {
      gaze_record r;
      assert_int_equal(gaze_feed_next(&f, 0.1, &r), GAZE_OK);
      assert_string_equal(r.kind, "look");
      seen |= 1 << r.seed;
      gaze_record_free(&r);
    }
    assert_int_equal(seen, (1 << 11) - 1);
  }
  cJSON *at = gaze_feed_state(&f, &f.place);
  assert_int_equal(gaze_feed_open(&g, data, 2, mix, 3), GAZE_OK);
  assert_int_equal(gaze_feed_restore(&g, at), GAZE_OK);
  for (int i = 0; i < 9; i++) {
    gaze_record x, y;
    assert_int_equal(gaze_feed_next(&f, 0.9, &x), GAZE_OK);
    assert_int_equal(gaze_feed_next(&g, 0.9, &y), GAZE_OK);
    assert_string_equal(x.id, y.id);
    assert_string_equal(x.kind, "other");
    gaze_record_free(&x);
    gaze_record_free(&y);
  }
  gaze_feed_close(&g);
  cJSON_Delete(at);
  at = cJSON_CreateObject();
  assert_int_equal(gaze_feed_restore(&f, at), GAZE_ERR_FORMAT);
  cJSON_Delete(at);
  cJSON_Delete(mix);
  gaze_feed_close(&f);
  static const char *const missing[] = {DIR "/none.mcap"};
  assert_int_not_equal(gaze_feed_open(&f, missing, 1, NULL, 1), GAZE_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_feed),
                                     cmocka_unit_test(test_learns_and_resumes)};
  return cmocka_run_group_tests(tests, prepare, NULL);
}
