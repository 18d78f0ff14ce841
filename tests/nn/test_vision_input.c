// tests/nn/test_vision_input.c - sizes, resized bytes and pixel values of the golden pictures.
#include "nn/vision_input.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "data/imagefile.h"
#include "fixture_file.h"

static gaze_processor published(void) {
  gaze_processor p;
  ff_ok(gaze_processor_load(&p, FF_GOLDEN "/tiny-a/preprocessor_config.json"));
  return p;
}

static void golden_sizes(void **state) {
  (void)state;
  cJSON *j = ff_golden_json("smart_resize.json");
  gaze_processor p = published();
  const cJSON *row = NULL;
  int rows = 0;
  cJSON_ArrayForEach(row, gaze_json_get(j, "rows")) {
    int v[6], i = 0, h = 0, w = 0;
    const cJSON *x = NULL;
    cJSON_ArrayForEach(x, row) v[i++] = x->valueint;
    assert_int_equal(i, 6);
    p.min_pixels = v[2], p.max_pixels = v[3];
    ff_ok(gaze_smart_resize(&p, v[0], v[1], &h, &w));
    assert_int_equal(h, v[4]);
    assert_int_equal(w, v[5]);
    rows++;
  }
  assert_true(rows > 80);
  cJSON_Delete(j);
}

static void extreme_sizes(void **state) {
  (void)state;
  gaze_processor p = published();
  int h = 0, w = 0;
  ff_ok(gaze_smart_resize(&p, 1, 1, &h, &w));
  assert_int_equal(h, 56);
  assert_int_equal(w, 56);
  ff_ok(gaze_smart_resize(&p, 1, 200, &h, &w));
  ff_fails(gaze_smart_resize(&p, 1, 201, &h, &w), GAZE_ERR_RANGE, "aspect ratio");
  ff_fails(gaze_smart_resize(&p, 20000, 1, &h, &w), GAZE_ERR_RANGE, "1x20000");
  ff_fails(gaze_smart_resize(&p, 0, 5, &h, &w), GAZE_ERR_RANGE, "sides");
  ff_fails(gaze_smart_resize(&p, 5, -5, &h, &w), GAZE_ERR_RANGE, "sides");
  ff_fails(gaze_smart_resize(&p, 65537, 65537, &h, &w), GAZE_ERR_RANGE, "sides");
  ff_ok(gaze_smart_resize(&p, 65536, 65536, &h, &w));
  assert_int_equal(h, 3584);
  // limits below one cell still give a cell
  p.min_pixels = p.max_pixels = 1;
  ff_ok(gaze_smart_resize(&p, 300, 20, &h, &w));
  assert_int_equal(h, 28);
  assert_int_equal(w, 28);
}

// reads the values of a little-endian numpy file; dims must match its header
static gaze_buf npy(const char *name, const char *dtype, const char *shape, const char **values) {
  char *path = ff_path(FF_GOLDEN, name);
  gaze_buf b = ff_read(path);
  free(path);
  assert_true(b.len > 10 && memcmp(b.data, "\x93NUMPY\x01", 7) == 0);
  size_t head = (unsigned char)b.data[8] + 256u * (unsigned char)b.data[9];
  assert_true(b.len >= 10 + head);
  b.data[10 + head - 1] = 0;
  assert_non_null(strstr(b.data + 10, dtype));
  assert_non_null(strstr(b.data + 10, shape));
  *values = b.data + 10 + head;
  return b;
}

static gaze_image picture(const char *name) {
  char path[1024];
  snprintf(path, sizeof path, "%s/images/%s.png", FF_GOLDEN, name);
  gaze_image im = {0};
  ff_ok(gaze_image_load(&im, path));
  return im;
}

// (x/255 - mean)/std in the patch order of the golden README, in double
static double pixel_value(const gaze_processor *p, const uint8_t *rgb, int w, int row, int col) {
  int cols = w / p->patch, cell = row / 4, sub = row % 4;
  int y = cell / (cols / 2) * 2 + sub / 2, x = cell % (cols / 2) * 2 + sub % 2;
  int c = col / (2 * p->patch * p->patch), at = col % (p->patch * p->patch);
  y = y * p->patch + at / p->patch, x = x * p->patch + at % p->patch;
  double v = rgb[((size_t)y * (size_t)w + (size_t)x) * 3 + (size_t)c];
  return (v / 255 - (double)p->mean[c]) / (double)p->std[c];
}

static void golden_picture(const char *model, const char *name, const cJSON *info) {
  char file[256], shape[64];
  snprintf(file, sizeof file, FF_GOLDEN "/%s/preprocessor_config.json", model);
  gaze_processor p;
  ff_ok(gaze_processor_load(&p, file));
  gaze_image im = picture(name);
  int h = 0, w = 0;
  ff_ok(gaze_smart_resize(&p, im.h, im.w, &h, &w));
  assert_int_equal(h, gaze_json_get(info, "resized_height")->valueint);
  assert_int_equal(w, gaze_json_get(info, "resized_width")->valueint);
  size_t n = (size_t)h * (size_t)w * 3;
  uint8_t *out = malloc(n);
  ff_ok(gaze_image_resize(im.rgb, im.h, im.w, out, h, w));

  const char *values = NULL;
  if (h == im.h && w == im.w) {
    assert_memory_equal(out, im.rgb, n);
  } else {
    snprintf(file, sizeof file, "%s-golden/pixels/%s.resized.npy", model, name);
    snprintf(shape, sizeof shape, "(%d, %d, 3)", h, w);
    gaze_buf b = npy(file, "|u1", shape, &values);
    assert_memory_equal(out, values, n);
    gaze_buf_fini(&b);
  }

  int rows = h / 14 * (w / 14);
  snprintf(file, sizeof file, "%s-golden/pixels/%s.pixel_values.npy", model, name);
  snprintf(shape, sizeof shape, "(%d, 1176)", rows);
  gaze_buf b = npy(file, "<f4", shape, &values);
  double most = 0;
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < 1176; c++) {
      float want;
      memcpy(&want, values + 4 * ((size_t)r * 1176 + (size_t)c), 4);
      most = fmax(most, fabs(pixel_value(&p, out, w, r, c) - (double)want));
    }
  assert_true(most < 1e-5);
  gaze_buf_fini(&b);
  free(out);
  gaze_image_free(&im);
}

static void golden_pictures(void **state) {
  (void)state;
  static const char *const models[] = {"tiny-a", "tiny-b"};
  int pictures = 0;
  for (int m = 0; m < 2; m++) {
    char name[64];
    snprintf(name, sizeof name, "%s-golden/cases.json", models[m]);
    cJSON *j = ff_golden_json(name);
    const cJSON *im = NULL;
    cJSON_ArrayForEach(im, gaze_json_get(j, "images")) {
      golden_picture(models[m], im->string, im);
      pictures++;
    }
    cJSON_Delete(j);
  }
  assert_int_equal(pictures, 8);
}

static void one_pixel_fills_the_picture(void **state) {
  (void)state;
  static const uint8_t rgb[3] = {7, 130, 255};
  uint8_t out[5 * 4 * 3];
  ff_ok(gaze_image_resize(rgb, 1, 1, out, 5, 4));
  for (int i = 0; i < 20; i++) assert_memory_equal(out + 3 * i, rgb, 3);
}

static void flat_pictures_stay_flat(void **state) {
  (void)state;
  static const int size[][4] = {{3, 7, 50, 2}, {100, 3, 1, 1}, {2, 300, 9, 300}, {64, 64, 63, 65}};
  for (int i = 0; i < 4; i++) {
    const int *s = size[i];
    size_t n = (size_t)s[0] * (size_t)s[1] * 3, k = (size_t)s[2] * (size_t)s[3] * 3;
    uint8_t *in = malloc(n), *out = malloc(k);
    memset(in, 201, n);
    memset(out, 0, k);
    ff_ok(gaze_image_resize(in, s[0], s[1], out, s[2], s[3]));
    // the rounded weights sum to one within less than half a level
    for (size_t j = 0; j < k; j++) assert_int_equal(out[j], 201);
    free(in);
    free(out);
  }
}

static void doubling_by_hand(void **state) {
  (void)state;
  // 0 | 255 to four: centres at -.25 .25 .75 1.25 in pixels of the source, weights of x = .25 and
  // .75 are .8671875 and .2265625, those of 1.25 and 1.75 -.0703125 and -.0234375; at the left end
  // only .25 and .75+.5 = 1.25 remain: 255 * -.0703125 / (.8671875 - .0703125) < 0
  static const uint8_t in[6] = {0, 0, 0, 255, 255, 255};
  uint8_t out[12];
  ff_ok(gaze_image_resize(in, 1, 2, out, 1, 4));
  // second: 255 * .2265625 / (.2265625 + .8671875) = 52.8
  static const uint8_t want[4] = {0, 53, 202, 255};
  for (int i = 0; i < 4; i++) assert_int_equal(out[3 * i], want[i]);
}

static void bad_resize_calls(void **state) {
  (void)state;
  uint8_t px[3] = {0};
  ff_fails(gaze_image_resize(px, 0, 1, px, 1, 1), GAZE_ERR_RANGE, "resize");
  ff_fails(gaze_image_resize(px, 1, 1, px, 1, -1), GAZE_ERR_RANGE, "resize");
  ff_fails(gaze_image_resize(px, 1, 65537, px, 1, 1), GAZE_ERR_RANGE, "resize");
}

static void processor_files(void **state) {
  (void)state;
  static const struct {
    const char *from, *to, *part;  // part NULL: accepted
  } row[] = {
      {"Qwen2VLImageProcessor", "CLIPImageProcessor", "image_processor_type"},
      {"Qwen2VLImageProcessor", "Qwen2VLImageProcessorFast", NULL},
      {"\"patch_size\": 14", "\"patch_size\": 0", "patch_size"},
      {"\"merge_size\": 2", "\"merge_size\": 3", "merge_size"},
      {"\"temporal_patch_size\": 2", "\"temporal_patch_size\": 1", "temporal_patch_size"},
      {"\"min_pixels\": 3136", "\"min_pixels\": 0", "min_pixels"},
      {"\"min_pixels\": 3136", "\"min_pixels\": 99999999", "max_pixels"},
      {"\"min_pixels\": 3136", "\"min_pixels\": \"3136\"", "min_pixels"},
      {"\"max_pixels\": 12845056", "\"max_pixels\": 1e30", "max_pixels"},
      {"0.26862954", "0", "image_std"},
      {"0.26862954,", "", "image_std"},
      {"0.48145466", "1e300", "image_mean"},
      {"0.48145466", "\"x\"", "image_mean"},
      {"\"min_pixels\"", "\"do_rescale\": false, \"min_pixels\"", "do_rescale"},
      {"\"min_pixels\"", "\"do_resize\": true, \"min_pixels\"", NULL},
      {"\"min_pixels\"", "\"resample\": 2, \"min_pixels\"", "resample"},
      {"\"min_pixels\"", "\"rescale_factor\": 1, \"min_pixels\"", "rescale_factor"},
      {"\"min_pixels\"", "\"rescale_factor\": 0.00392156862745098, \"min_pixels\"", NULL},
      {"\"min_pixels\": 3136,\n \"max_pixels\": 12845056",
       "\"size\": {\"shortest_edge\": 3136, \"longest_edge\": 12845056}", NULL},
      {"\"min_pixels\": 3136,\n \"max_pixels\": 12845056", "\"x\": 1", "shortest_edge"},
  };
  const char *dir = ff_dir("test_vision_input");
  char *path = ff_path(dir, "preprocessor_config.json");
  gaze_buf file = ff_read(FF_GOLDEN "/tiny-a/preprocessor_config.json");
  gaze_processor want = published();
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    char *text = ff_replace(file.data, row[i].from, row[i].to);
    ff_write(path, text, strlen(text));
    free(text);
    gaze_processor p;
    gaze_err e = gaze_processor_load(&p, path);
    if (row[i].part) {
      ff_fails(e, GAZE_ERR_FORMAT, row[i].part);
      assert_int_equal(p.patch, 0);
    } else {
      ff_ok(e);
      assert_int_equal(p.min_pixels, want.min_pixels);
      assert_int_equal(p.max_pixels, want.max_pixels);
    }
  }
  ff_ok(gaze_processor_save(&want, path));
  gaze_processor again;
  ff_ok(gaze_processor_load(&again, path));
  assert_int_equal(again.patch, want.patch);
  assert_int_equal(again.min_pixels, want.min_pixels);
  assert_memory_equal(again.mean, want.mean, sizeof want.mean);
  assert_memory_equal(again.std, want.std, sizeof want.std);
  want.merge = 5;
  ff_fails(gaze_processor_save(&want, path), GAZE_ERR_FORMAT, "merge_size");
  ff_ok(gaze_processor_load(&again, path));
  gaze_buf_fini(&file);
  free(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(golden_sizes),
      cmocka_unit_test(extreme_sizes),
      cmocka_unit_test(golden_pictures),
      cmocka_unit_test(one_pixel_fills_the_picture),
      cmocka_unit_test(flat_pictures_stay_flat),
      cmocka_unit_test(doubling_by_hand),
      cmocka_unit_test(bad_resize_calls),
      cmocka_unit_test(processor_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
