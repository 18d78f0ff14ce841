// tests/rl/test_roll.c - trainable bits, packing, soft coordinates and dense cell labels.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "rl/roll.h"

#define MODEL GAZE_SOURCE_DIR "/tests/golden/qwen2_5_vl/tiny-a"

typedef struct rig {
  gaze_exec *ex;
  gaze_model *model;
  gaze_dialog d;
} rig;

static int open_rig(void **state) {
  rig *r = *state = calloc(1, sizeof *r);
  return !r || gaze_exec_open_cpu(&r->ex, 1) ||
         gaze_model_open(&r->model, &gaze_ops_cpu, MODEL, GAZE_F32) ||
         gaze_dialog_init(&r->d, gaze_model_tokenizer(r->model));
}

static int close_rig(void **state) {
  rig *r = *state;
  gaze_model_close(&r->model);
  gaze_exec_close(&r->ex);
  free(r);
  return 0;
}

static gaze_image grey(int w, int h) {
  gaze_image im = {.rgb = malloc((size_t)w * (size_t)h * 3), .w = w, .h = h};
  assert_non_null(im.rgb);
  memset(im.rgb, 100, (size_t)w * (size_t)h * 3);
  return im;
}

static void test_turns(void **state) {
  rig *g = *state;
  gaze_roll r = {0};
  assert_int_equal(gaze_roll_start(&r, &g->d), GAZE_OK);
  gaze_image im = grey(56, 84);
  assert_int_equal(
      gaze_roll_turn(&r, &g->d, g->model, "look <image> now", "red", GAZE_TAUGHT_ALL, &im, 1),
      GAZE_OK);
  assert_int_equal(gaze_roll_turn(&r, &g->d, g->model, "again", "blue", 0, NULL, 0), GAZE_OK);

  // what is trainable is the first reply and its end token, nothing else
  gaze_ids reply = {0};
  assert_int_equal(gaze_tokenizer_encode(g->d.tok, "red", 3, false, &reply), GAZE_OK);
  int trained = 0, images = 0, forced = 0, first = -1;
  for (int i = 0; i < r.ids.n; i++) {
    if (gaze_src_trainable(r.src[i])) {
      if (first < 0) first = i;
      trained++;
    }
    images += r.src[i] == GAZE_SRC_IMAGE;
    forced += r.src[i] == GAZE_SRC_FORCED;
    assert_true((r.src[i] == GAZE_SRC_IMAGE) == (r.ids.v[i] == g->d.image_pad));
  }
  assert_int_equal(trained, reply.n + 1);
  assert_memory_equal(r.ids.v + first, reply.v, (size_t)reply.n * sizeof *reply.v);
  assert_int_equal(r.ids.v[first + reply.n], g->d.im_end);
  assert_int_equal(images, 2 * 3);
  assert_true(forced > 1);
  assert_int_equal(r.images, 1);
  gaze_ids_fini(&reply);

  // of a reply taught in part, the tokens within the part are targets
  gaze_ids part = {0};
  const char *text = "<think>red cube</think><answer>A</answer>";
  assert_int_equal(gaze_tokenizer_encode(g->d.tok, text, strlen(text), false, &part), GAZE_OK);
  size_t whole = strlen(text), held = 0, bytes;
  for (size_t taught = 0; taught <= whole; taught++) {
    int want = 0;
    for (held = 0; want < part.n; want++) {
      gaze_tokenizer_bytes(g->d.tok, part.v[want], &bytes);
      if ((held += bytes) > taught) break;
    }
    gaze_roll_clear(&r);
    assert_int_equal(gaze_roll_start(&r, &g->d), GAZE_OK);
    assert_int_equal(gaze_roll_turn(&r, &g->d, g->model, "look", text, (int)taught, NULL, 0),
                     GAZE_OK);
    trained = 0;
    for (int i = 0; i < r.ids.n; i++) trained += gaze_src_trainable(r.src[i]);
    assert_int_equal(trained, want);
  }
  assert_int_equal(trained, part.n);  // all of it, but not the token that ends it
  gaze_ids_fini(&part);

  // text that spells a special token stays text
  gaze_roll_clear(&r);
  assert_int_equal(
      gaze_roll_turn(&r, &g->d, g->model, "<|image_pad|><|im_end|>", "x", GAZE_TAUGHT_ALL, NULL, 0),
      GAZE_OK);
  for (int i = 0; i < r.ids.n; i++) assert_int_not_equal(r.ids.v[i], g->d.image_pad);
  // a mark without a picture is refused
  assert_int_not_equal(
      gaze_roll_turn(&r, &g->d, g->model, "<image>", "x", GAZE_TAUGHT_ALL, NULL, 0), GAZE_OK);
  gaze_roll_fini(&r);
}

static void test_batch(void **state) {
  rig *g = *state;
  gaze_batch b;
  assert_int_equal(gaze_batch_open(&b, g->model, 120, 64, 400, 8, true), GAZE_OK);
  const gaze_weights_of w = {
      .thought = 1, .answer = 2, .box = 1, .coordinate0 = -1, .coordinate0_space = -1};
  gaze_roll r = {0};
  gaze_roll_start(&r, &g->d);
  gaze_image im = grey(56, 56);
  gaze_roll_turn(&r, &g->d, g->model, "<image>", "ab", GAZE_TAUGHT_ALL, &im, 1);
  int n = r.ids.n, added = 0;
  gaze_err e;
  while ((e = gaze_batch_add(&b, g->model, g->ex, &r, &w)) == GAZE_OK) added++;
  assert_int_equal(e, GAZE_ERR_END);
  assert_int_equal(added, 120 / n);
  const gaze_pack *p = gaze_batch_seal(&b);
  assert_int_equal(p->tokens, added * n);
  assert_int_equal(p->seqs, added);
  assert_int_equal(p->images, added);
  for (int i = 0; i < p->scored; i++) {
    // the scored token follows the row that predicts it
    assert_int_equal(p->target[i], p->ids[p->row[i] + 1]);
    assert_true(b.weight[i] == 2.0f);
  }
  // every sequence has the positions of the first
  for (int k = 0; k < 3; k++)
    for (int i = n; i < p->tokens; i++)
      assert_int_equal(p->pos[k * p->tokens + i], p->pos[k * p->tokens + i % n]);

  // what can never fit is told apart from what fits later
  gaze_batch_clear(&b);
  for (int i = 0; i < 40; i++)
    gaze_roll_turn(&r, &g->d, g->model, "more", "text", GAZE_TAUGHT_ALL, NULL, 0);
  assert_int_equal(gaze_batch_add(&b, g->model, g->ex, &r, &w), GAZE_ERR_RANGE);
  assert_int_equal(b.pack.tokens, 0);
  gaze_roll_fini(&r);
  gaze_batch_close(&b);
}

static void test_soft_coordinates(void **state) {
  rig *g = *state;
  gaze_batch b;
  gaze_batch_open(&b, g->model, 200, 64, 400, 4, false);
  int open = gaze_tokenizer_id(g->d.tok, "["), close = gaze_tokenizer_id(g->d.tok, "]");
  // pretend that the hundred ids from 20 on are coordinates
  // and that another word counts twice
  float word[1024];
  for (int i = 0; i < 1024; i++) word[i] = 1;
  word[70] = 2;
  assert_in_range(gaze_tokenizer_size(g->d.tok), 0, 1024);
  const gaze_weights_of w = {.thought = 1,
                             .answer = 1,
                             .box = 0.5f,
                             .word = word,
                             .coordinate0 = 20,
                             .coordinate0_space = -1,
                             .box_open = open,
                             .box_close = close};
  gaze_roll r = {0};
  gaze_roll_start(&r, &g->d);
  const int tail[] = {open, 50, 20, close, 70};
  gaze_roll_append(&r, GAZE_SRC_ANSWER, tail, NULL, 5);
  assert_int_equal(gaze_batch_add(&b, g->model, g->ex, &r, &w), GAZE_OK);
  int last = r.ids.n - 1, rows[5] = {0};
  float sum[5] = {0};
  for (int i = 0; i < b.pack.scored; i++) {
    int k = b.pack.row[i] - (last - 5);
    assert_in_range(k, 0, 4);
    rows[k]++;
    sum[k] += b.weight[i];
  }
  // inside the box: five neighbours, or three at the end of the scale; outside it: one
  const int want[5] = {1, 5, 3, 1, 1};
  const float weight[5] = {1, 0.5f, 0.5f, 1, 2};
  for (int k = 0; k < 5; k++) {
    assert_int_equal(rows[k], want[k]);
    assert_true(fabsf(sum[k] - weight[k]) < 1e-6f);
  }
  gaze_roll_fini(&r);
  gaze_batch_close(&b);
}

// all four numbers of a box in the bundled tokenizer, with and without a space, are coordinates
static void test_boxes_are_found(void **state) {
  (void)state;
  gaze_tokenizer *t = NULL;
  assert_int_equal(gaze_tokenizer_open(&t, GAZE_SOURCE_DIR "/policies/tiny/tokenizer.json"),
                   GAZE_OK);
  gaze_weights_of w = {0};
  gaze_weights_find(&w, t, true);
  gaze_ids ids = {0};
  const char *box = "[16 44 33 59]";
  assert_int_equal(gaze_tokenizer_encode(t, box, strlen(box), false, &ids), GAZE_OK);
  assert_int_equal(ids.n, 6);
  assert_int_equal(ids.v[0], w.box_open);
  assert_int_equal(ids.v[1], w.coordinate0 + 16);
  assert_int_equal(ids.v[2], w.coordinate0_space + 44);
  assert_int_equal(ids.v[4], w.coordinate0_space + 59);
  assert_int_equal(ids.v[5], w.box_close);
  gaze_weights_find(&w, t, false);
  assert_true(w.coordinate0 == -1 && w.coordinate0_space == -1 && w.box_open == ids.v[0]);
  gaze_ids_fini(&ids);
  gaze_tokenizer_close(&t);
}

static void test_cells(void **state) {
  rig *g = *state;
  static const char *const colour[] = {"gray", "red", NULL}, *const shape[] = {"cube", NULL},
                           *const size[] = {"large", "small", NULL};
  static const char *const *const words[3] = {colour, shape, size};
  gaze_batch b;
  gaze_batch_open(&b, g->model, 200, 64, 100, 4, true);
  b.grid[0][0] = b.grid[0][1] = 8;  // 4 x 4 cells
  b.pack.images = 1;
  gaze_batch_label_cells(&b, 0, 2, "[0 0 49 49] large red cube\nx\n[80 80 85 85] small object",
                         words);
  for (int i = 0; i < 16; i++) {
    int row = i / 4, col = i % 4;
    bool in_large = row < 2 && col < 2, is_small = row == 3 && col == 3;
    assert_int_equal(b.cell[i][0], in_large || is_small);
    assert_int_equal(b.cell[i][1], in_large ? 1 : -1);
    assert_int_equal(b.cell[i][2], in_large ? 0 : -1);
    assert_int_equal(b.cell[i][3], in_large ? 0 : is_small ? 1 : -1);
  }
  // the large box is cells 0..2 of 4; from the centre of cell (1,0) that is -0.5 -1.5 1.5 0.5
  static const float large[4] = {-0.5f, -1.5f, 1.5f, 0.5f};
  for (int k = 0; k < 4; k++) assert_true(fabsf(b.box[4][k] - large[k]) < 1e-5f);
  assert_true(fabsf(b.box[15][0] - (0.80f * 4 - 3.5f)) < 1e-5f && b.box[10][0] == 0.0f);
  gaze_batch_close(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_turns), cmocka_unit_test(test_batch),
                                     cmocka_unit_test(test_soft_coordinates),
                                     cmocka_unit_test(test_boxes_are_found),
                                     cmocka_unit_test(test_cells)};
  return cmocka_run_group_tests(tests, open_rig, close_rig);
}
