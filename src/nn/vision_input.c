// nn/vision_input.c - the image processor's settings, its sizes and its resize.
#include "nn/vision_input.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "core/json.h"
#include "nn/float_text.h"

enum { SIDE_MAX = 65536, RATIO_MAX = 200, PIXELS_MAX = 1 << 28 };

// ---- settings ----

static gaze_err bad(const char *path, const char *field, const char *expected) {
  return gaze_fail(GAZE_ERR_FORMAT, "%.400s: field \"%s\": expected %s", path, field, expected);
}

static bool is_set(const cJSON *v) {
  return v && !cJSON_IsNull(v);
}

static gaze_err read_three(const cJSON *o, const char *key, float *out, bool positive,
                           const char *path) {
  const cJSON *list = gaze_json_get(o, key), *v = NULL;
  if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != 3)
    return bad(path, key, "a list of three numbers");
  int i = 0;
  cJSON_ArrayForEach(v, list) {
    double d = cJSON_IsNumber(v) ? v->valuedouble : (double)NAN;
    if (!(fabs(d) <= 1e6) || (positive && !(d >= 1e-6)))
      return bad(path, key, positive ? "numbers from 1e-6 to 1e6" : "numbers within 1e6");
    out[i++] = (float)d;
  }
  return GAZE_OK;
}

// steps that newer writers spell out must be the ones done here
static gaze_err check_steps(const cJSON *o, const char *path) {
  static const char *const on[] = {"do_resize", "do_rescale", "do_normalize", "do_convert_rgb"};
  for (int i = 0; i < 4; i++) {
    const cJSON *v = gaze_json_get(o, on[i]);
    if (is_set(v) && !cJSON_IsTrue(v)) return bad(path, on[i], "true");
  }
  const cJSON *v = gaze_json_get(o, "resample");
  if (is_set(v) && !(cJSON_IsNumber(v) && v->valueint == 3))
    return bad(path, "resample", "3 (bicubic)");
  v = gaze_json_get(o, "rescale_factor");
  if (is_set(v) && !(cJSON_IsNumber(v) && fabs(v->valuedouble * 255 - 1) < 1e-6))
    return bad(path, "rescale_factor", "1/255");
  return GAZE_OK;
}

static gaze_err read_limits(const cJSON *o, gaze_processor *p, const char *path) {
  // newer writers keep the limits as "edges", still counted in pixels
  bool named = is_set(gaze_json_get(o, "min_pixels")) || is_set(gaze_json_get(o, "max_pixels"));
  const cJSON *in = named ? o : gaze_json_get(o, "size");
  int64_t lo = 0, hi = 0;
  GAZE_TRY(gaze_json_int(in, named ? "min_pixels" : "shortest_edge", 1, PIXELS_MAX, &lo, path));
  GAZE_TRY(gaze_json_int(in, named ? "max_pixels" : "longest_edge", 1, PIXELS_MAX, &hi, path));
  if (lo > hi) return bad(path, named ? "max_pixels" : "longest_edge", "at least the lower limit");
  p->min_pixels = (long)lo, p->max_pixels = (long)hi;
  return GAZE_OK;
}

static gaze_err read_processor(const cJSON *o, gaze_processor *p, const char *path) {
  static const char *const kinds[] = {"Qwen2VLImageProcessor", "Qwen2VLImageProcessorFast",
                                      "Qwen2_5_VLImageProcessor"};
  const cJSON *type = gaze_json_get(o, "image_processor_type");
  bool known = false;
  for (int i = 0; i < 3; i++)
    known = known || (cJSON_IsString(type) && strcmp(type->valuestring, kinds[i]) == 0);
  if (!known) return bad(path, "image_processor_type", "\"Qwen2VLImageProcessor\"");
  int64_t patch = 0, merge = 0, time = 0;
  GAZE_TRY(gaze_json_int(o, "patch_size", 1, 128, &patch, path));
  GAZE_TRY(gaze_json_int(o, "merge_size", 2, 2, &merge, path));
  if (is_set(gaze_json_get(o, "temporal_patch_size")))
    GAZE_TRY(gaze_json_int(o, "temporal_patch_size", 2, 2, &time, path));
  p->patch = (int)patch, p->merge = (int)merge;
  GAZE_TRY(read_limits(o, p, path));
  GAZE_TRY(check_steps(o, path));
  GAZE_TRY(read_three(o, "image_mean", p->mean, false, path));
  return read_three(o, "image_std", p->std, true, path);
}

gaze_err gaze_processor_load(gaze_processor *p, const char *path) {
  *p = (gaze_processor){0};
  cJSON *root = NULL;
  GAZE_TRY(gaze_json_load(&root, path));
  gaze_processor read = {0};
  gaze_err e = read_processor(root, &read, path);
  cJSON_Delete(root);
  if (!e) *p = read;
  return e;
}

gaze_err gaze_processor_save(const gaze_processor *p, const char *path) {
  gaze_buf b = GAZE_BUF_INIT;
  gaze_buf_printf(&b,
                  "{\n  \"min_pixels\": %ld,\n  \"max_pixels\": %ld,\n  \"patch_size\": %d,\n"
                  "  \"temporal_patch_size\": 2,\n  \"merge_size\": %d,\n",
                  p->min_pixels, p->max_pixels, p->patch, p->merge);
  for (int k = 0; k < 2; k++) {
    const float *v = k ? p->std : p->mean;
    char t[3][40];
    gaze_buf_printf(&b, "  \"%s\": [%s, %s, %s],\n", k ? "image_std" : "image_mean",
                    gazei_float_text(t[0], v[0]), gazei_float_text(t[1], v[1]),
                    gazei_float_text(t[2], v[2]));
  }
  gaze_buf_str(&b,
               "  \"image_processor_type\": \"Qwen2VLImageProcessor\",\n"
               "  \"processor_class\": \"Qwen2_5_VLProcessor\"\n}\n");
  // what cannot be read back is not written
  cJSON *root = NULL;
  gaze_processor again = {0};
  gaze_err e = b.failed ? gaze_fail(GAZE_ERR_NOMEM, "%.400s: out of memory", path)
                        : gaze_json_parse(&root, b.data, b.len, path);
  if (!e) e = read_processor(root, &again, path);
  if (!e) e = gaze_file_write_atomic(path, b.data, b.len);
  cJSON_Delete(root);
  gaze_buf_fini(&b);
  return e;
}

// ---- sizes ----

// the multiple of f nearest to x, halves to the even one (Python's round)
static int round_to(int x, int f) {
  int q = x / f, r2 = 2 * (x % f);
  return (q + (r2 > f || (r2 == f && q % 2))) * f;
}

gaze_err gaze_smart_resize(const gaze_processor *p, int h, int w, int *new_h, int *new_w) {
  if (h < 1 || w < 1 || h > SIDE_MAX || w > SIDE_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "image of %dx%d pixels: sides must be 1 to %d", w, h,
                     SIDE_MAX);
  int longer = h > w ? h : w, shorter = h > w ? w : h;
  if ((double)longer / shorter > RATIO_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "image of %dx%d pixels: aspect ratio above %d", w, h,
                     RATIO_MAX);
  int f = p->patch * p->merge, a = round_to(h, f), b = round_to(w, f);
  double area = (double)h * w;
  if ((double)a * b > (double)p->max_pixels) {
    double beta = sqrt(area / (double)p->max_pixels);
    a = (int)floor(h / beta / f) * f;
    b = (int)floor(w / beta / f) * f;
    if (a < f) a = f;
    if (b < f) b = f;
  } else if ((double)a * b < (double)p->min_pixels) {
    double beta = sqrt((double)p->min_pixels / area);
    a = (int)ceil(h * beta / f) * f;
    b = (int)ceil(w * beta / f) * f;
  }
  *new_h = a, *new_w = b;
  return GAZE_OK;
}

// ---- resize ----

// Weights of one axis: output i reads count[i] inputs from first[i] on.
typedef struct axis {
  int *first, *count;
  int16_t *weight;  // [out, widest]
  int widest, precision;
} axis;

static void axis_free(axis *a) {
  free(a->first);
  free(a->count);
  free(a->weight);
}

// Keys' cubic convolution with a = -0.5
static double bicubic(double x) {
  x = fabs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

// fills w with the normalised weights of output i and returns the largest
static double weights_of(int i, int in, double scale, axis *a, double *w) {
  // shrinking widens the filter: that is the antialiasing
  double stretch = scale > 1 ? scale : 1, support = 2 * stretch, centre = scale * (i + 0.5);
  int lo = (int)(centre - support + 0.5), hi = (int)(centre + support + 0.5);
  if (centre - support + 0.5 < 0) lo = 0;
  if (hi > in) hi = in;
  double total = 0, most = 0;
  for (int k = 0; k < hi - lo; k++)
    total += w[k] = bicubic((k + lo - centre + 0.5) * (1 / stretch));
  for (int k = 0; k < hi - lo; k++) {
    if (total > 0 || total < 0) w[k] /= total;
    if (w[k] > most) most = w[k];
  }
  a->first[i] = lo, a->count[i] = hi - lo;
  return most;
}

static gaze_err axis_make(axis *a, int in, int out) {
  double scale = (double)in / out;
  a->widest = 2 * (int)ceil(2 * (scale > 1 ? scale : 1)) + 1;
  size_t n = (size_t)out * (size_t)a->widest;
  double *w = malloc(n * sizeof *w), most = 0;
  a->first = malloc((size_t)out * sizeof *a->first);
  a->count = malloc((size_t)out * sizeof *a->count);
  a->weight = malloc(n * sizeof *a->weight);
  if (!w || !a->first || !a->count || !a->weight) {
    free(w);
    return gaze_fail(GAZE_ERR_NOMEM, "resize: no memory for %d weights", out);
  }
  for (int i = 0; i < out; i++) {
    double m = weights_of(i, in, scale, a, w + (size_t)i * (size_t)a->widest);
    if (m > most) most = m;
  }
  // the largest precision at which every weight is a 16-bit number, as torchvision chooses it
  a->precision = 0;
  while (a->precision < 22 && 0.5 + most * (double)(1 << (a->precision + 1)) < 32768)
    a->precision++;
  double one = (double)(1 << a->precision);
  for (int i = 0; i < out; i++)
    for (int k = 0; k < a->count[i]; k++) {
      size_t at = (size_t)i * (size_t)a->widest + (size_t)k;
      a->weight[at] = (int16_t)(w[at] < 0 ? w[at] * one - 0.5 : w[at] * one + 0.5);
    }
  free(w);
  return GAZE_OK;
}

static uint8_t clip(int32_t v) {
  return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v;
}

// horizontal pass: [h,in,3] to [h,out,3]
static void pass_rows(const uint8_t *src, int h, int in, uint8_t *dst, int out, const axis *a) {
  int32_t half = a->precision ? 1 << (a->precision - 1) : 0;
  for (int y = 0; y < h; y++) {
    const uint8_t *row = src + (size_t)y * (size_t)in * 3;
    uint8_t *to = dst + (size_t)y * (size_t)out * 3;
    for (int x = 0; x < out; x++, to += 3) {
      const int16_t *w = a->weight + (size_t)x * (size_t)a->widest;
      const uint8_t *p = row + (size_t)a->first[x] * 3;
      int32_t r = half, g = half, b = half;
      for (int k = 0; k < a->count[x]; k++, p += 3) {
        r += w[k] * p[0];
        g += w[k] * p[1];
        b += w[k] * p[2];
      }
      to[0] = clip(r >> a->precision);
      to[1] = clip(g >> a->precision);
      to[2] = clip(b >> a->precision);
    }
  }
}

// vertical pass: [in,w,3] to [out,w,3]; `sum` has room for one row
static void pass_columns(const uint8_t *src, int w, uint8_t *dst, int out, const axis *a,
                         int32_t *sum) {
  size_t n = (size_t)w * 3;
  int32_t half = a->precision ? 1 << (a->precision - 1) : 0;
  for (int y = 0; y < out; y++) {
    const int16_t *wt = a->weight + (size_t)y * (size_t)a->widest;
    for (size_t i = 0; i < n; i++) sum[i] = half;
    for (int k = 0; k < a->count[y]; k++) {
      const uint8_t *row = src + (size_t)(a->first[y] + k) * n;
      for (size_t i = 0; i < n; i++) sum[i] += wt[k] * row[i];
    }
    for (size_t i = 0; i < n; i++) dst[(size_t)y * n + i] = clip(sum[i] >> a->precision);
  }
}

gaze_err gaze_image_resize(const uint8_t *rgb, int h, int w, uint8_t *out, int new_h, int new_w) {
  if (h < 1 || w < 1 || new_h < 1 || new_w < 1 || h > SIDE_MAX || w > SIDE_MAX ||
      new_h > PIXELS_MAX || new_w > PIXELS_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "resize: %dx%d to %dx%d pixels is out of range", w, h, new_w,
                     new_h);
  if (h == new_h && w == new_w) {
    memcpy(out, rgb, (size_t)h * (size_t)w * 3);
    return GAZE_OK;
  }
  axis ax = {0}, ay = {0};
  uint8_t *mid = malloc((size_t)h * (size_t)new_w * 3);
  int32_t *sum = malloc((size_t)new_w * 3 * sizeof *sum);
  gaze_err e = mid && sum
                   ? GAZE_OK
                   : gaze_fail(GAZE_ERR_NOMEM, "resize: no memory for %dx%d pixels", new_w, h);
  if (!e) e = axis_make(&ax, w, new_w);
  if (!e) e = axis_make(&ay, h, new_h);
  if (!e) {
    pass_rows(rgb, h, w, mid, new_w, &ax);
    pass_columns(mid, new_w, out, new_h, &ay, sum);
  }
  axis_free(&ax);
  axis_free(&ay);
  free(mid);
  free(sum);
  return e;
}
