// data/imagefile.c - see imagefile.h. All state lives in one struct so that a longjmp loses
// nothing.
#include "data/imagefile.h"
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>
#include "core/file.h"

static const unsigned char png_magic[8] = {0x89, 'P', 'N', 'G', 0x0D, 0x0A, 0x1A, 0x0A};

static uint32_t be32(const unsigned char *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static gaze_err check_size(long long w, long long h, const char *what) {
  if (w < 1 || h < 1 || w > GAZE_IMAGE_SIDE_MAX || h > GAZE_IMAGE_SIDE_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "%s: sides %lld x %lld: expected 1..%d pixels each", what, w,
                     h, GAZE_IMAGE_SIDE_MAX);
  if (w * h > GAZE_IMAGE_PIXELS_MAX)
    return gaze_fail(GAZE_ERR_RANGE, "%s: %lld x %lld pixels: expected at most %d in all", what, w,
                     h, GAZE_IMAGE_PIXELS_MAX);
  return GAZE_OK;
}

static bool is_png(const unsigned char *p, size_t n) {
  return n >= sizeof png_magic && memcmp(p, png_magic, sizeof png_magic) == 0;
}

static bool is_jpeg(const unsigned char *p, size_t n) {
  return n >= 3 && p[0] == 0xFF && p[1] == 0xD8 && p[2] == 0xFF;
}

// the IHDR chunk always comes first: length 13, name, then width and height
static gaze_err png_size(const unsigned char *p, size_t n, const char *what, int *w, int *h) {
  if (n < 33 || be32(p + 8) != 13 || memcmp(p + 12, "IHDR", 4) != 0)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: PNG header is cut short or damaged", what);
  long long pw = be32(p + 16), ph = be32(p + 20);
  GAZE_TRY(check_size(pw, ph, what));

  // deflate cannot shrink below 1:1032, so few bytes never justify a large picture
  long long bits = (long long)p[24] * (p[25] == 2 ? 3 : p[25] == 4 ? 2 : p[25] == 6 ? 4 : 1);
  if ((pw * bits / 8) * ph / 1032 > (long long)n)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: PNG of %zu bytes claims %lld x %lld pixels", what, n, pw,
                     ph);
  *w = (int)pw, *h = (int)ph;
  return GAZE_OK;
}

static gaze_err jpeg_size(tjhandle tj, const unsigned char *p, size_t n, const char *what, int *w,
                          int *h) {
  int sub = 0, space = 0;
  *w = *h = 0;
  if (tjDecompressHeader3(tj, p, (unsigned long)n, w, h, &sub, &space) != 0)
    return gaze_fail(GAZE_ERR_FORMAT, "%s: JPEG header: %s", what, tjGetErrorStr2(tj));
  if (*w < 1 || *h < 1) return gaze_fail(GAZE_ERR_FORMAT, "%s: JPEG header is cut short", what);
  if (space == TJCS_CMYK || space == TJCS_YCCK)
    return gaze_fail(GAZE_ERR_UNSUPPORTED, "%s: CMYK JPEG: expected RGB or gray", what);
  return check_size(*w, *h, what);
}

gaze_err gaze_image_size(const void *bytes, size_t n, const char *what, int *w, int *h) {
  const unsigned char *p = bytes;
  *w = *h = 0;
  if (is_png(p, n)) return png_size(p, n, what, w, h);
  if (!is_jpeg(p, n)) return gaze_fail(GAZE_ERR_FORMAT, "%s: expected a PNG or JPEG file", what);
  tjhandle tj = tjInitDecompress();
  if (!tj) return GAZE_ERR_NOMEM;
  gaze_err e = jpeg_size(tj, p, n, what, w, h);
  tjDestroy(tj);
  return e;
}

// everything a PNG read or write owns; lives outside the frame that setjmp guards
typedef struct png_job {
  png_structp png;
  png_infop info;
  png_bytep *row;
  unsigned char *px;
  const unsigned char *in;
  size_t n, at;
  gaze_buf *out;
  jmp_buf jump;
  char why[96];
} png_job;

static void on_png_error(png_structp png, png_const_charp text) {
  png_job *j = png_get_error_ptr(png);
  size_t k = strlen(text) < sizeof j->why - 1 ? strlen(text) : sizeof j->why - 1;
  memcpy(j->why, text, k);
  j->why[k] = 0;
  longjmp(j->jump, 1);
}

static void on_png_warning(png_structp png, png_const_charp text) {
  (void)png, (void)text;
}

static void png_pull(png_structp png, png_bytep to, size_t n) {
  png_job *j = png_get_io_ptr(png);
  if (n > j->n - j->at) png_error(png, "data is cut short");
  memcpy(to, j->in + j->at, n);
  j->at += n;
}

static void png_push(png_structp png, png_bytep from, size_t n) {
  png_job *j = png_get_io_ptr(png);
  gaze_buf_add(j->out, from, n);
}

static void png_flush_none(png_structp png) {
  (void)png;
}

// reads into j->px as RGB or RGBA rows; *channels says which
static bool read_png_rows(png_job *j, int h, int *channels) {
  if (setjmp(j->jump)) return false;
  png_set_read_fn(j->png, j, png_pull);
  png_set_user_limits(j->png, GAZE_IMAGE_SIDE_MAX, GAZE_IMAGE_SIDE_MAX);
  png_set_chunk_malloc_max(j->png, 1 << 20);
  png_set_chunk_cache_max(j->png, 64);
  png_read_info(j->png, j->info);

  int type = png_get_color_type(j->png, j->info);
  png_set_expand(j->png);  // palette to RGB, gray to 8 bits, tRNS to alpha
  png_set_scale_16(j->png);
  if (type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_GRAY_ALPHA) png_set_gray_to_rgb(j->png);
  png_set_interlace_handling(j->png);
  png_read_update_info(j->png, j->info);

  size_t stride = png_get_rowbytes(j->png, j->info);
  *channels = png_get_channels(j->png, j->info);
  j->px = malloc(stride * (size_t)h);
  j->row = malloc(sizeof *j->row * (size_t)h);
  if (!j->px || !j->row) png_error(j->png, "out of memory");
  for (int y = 0; y < h; y++) j->row[y] = j->px + stride * (size_t)y;
  png_read_image(j->png, j->row);
  png_read_end(j->png, NULL);
  return true;
}

// out = c a + 255 (1 - a), rounded; packs RGBA to RGB in place, which only moves bytes down
static void composite_on_white(unsigned char *px, size_t pixels) {
  for (size_t i = 0; i < pixels; i++) {
    unsigned a = px[4 * i + 3];
    for (size_t c = 0; c < 3; c++)
      px[3 * i + c] = (unsigned char)((px[4 * i + c] * a + 255 * (255 - a) + 127) / 255);
  }
}

static gaze_err decode_png(gaze_image *out, const unsigned char *p, size_t n, const char *what) {
  int w = 0, h = 0, channels = 0;
  GAZE_TRY(png_size(p, n, what, &w, &h));
  png_job j = {.in = p, .n = n};
  j.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &j, on_png_error, on_png_warning);
  if (j.png) j.info = png_create_info_struct(j.png);
  gaze_err e = j.info ? GAZE_OK : GAZE_ERR_NOMEM;
  if (!e && !read_png_rows(&j, h, &channels))
    e = gaze_fail(GAZE_ERR_FORMAT, "%s: PNG: %s", what, j.why);
  png_destroy_read_struct(&j.png, &j.info, NULL);
  free(j.row);
  if (!e && channels != 3 && channels != 4)
    e = gaze_fail(GAZE_ERR_FORMAT, "%s: PNG has %d channels after expansion", what, channels);
  if (e) return free(j.px), e;

  if (channels == 4) {
    composite_on_white(j.px, (size_t)w * (size_t)h);
    unsigned char *small = realloc(j.px, (size_t)w * (size_t)h * 3);
    if (small) j.px = small;
  }
  *out = (gaze_image){.rgb = j.px, .w = w, .h = h};
  return GAZE_OK;
}

static gaze_err decode_jpeg(gaze_image *out, const unsigned char *p, size_t n, const char *what) {
  tjhandle tj = tjInitDecompress();
  if (!tj) return GAZE_ERR_NOMEM;
  int w = 0, h = 0;
  unsigned char *px = NULL;
  gaze_err e = jpeg_size(tj, p, n, what, &w, &h);
  if (!e && !(px = malloc((size_t)w * (size_t)h * 3))) e = GAZE_ERR_NOMEM;
  // a warning means damaged or missing data: half a picture is worse than none
  int flags = TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS;
  if (!e && tjDecompress2(tj, p, (unsigned long)n, px, w, w * 3, h, TJPF_RGB, flags) != 0)
    e = gaze_fail(GAZE_ERR_FORMAT, "%s: JPEG: %s", what, tjGetErrorStr2(tj));
  tjDestroy(tj);
  if (e) return free(px), e;
  *out = (gaze_image){.rgb = px, .w = w, .h = h};
  return GAZE_OK;
}

gaze_err gaze_image_decode(gaze_image *out, const void *bytes, size_t n, const char *what) {
  *out = (gaze_image){0};
  const unsigned char *p = bytes;
  if (is_png(p, n)) return decode_png(out, p, n, what);
  if (is_jpeg(p, n)) return decode_jpeg(out, p, n, what);
  return gaze_fail(GAZE_ERR_FORMAT, "%s: expected a PNG or JPEG file", what);
}

gaze_err gaze_image_load(gaze_image *out, const char *path) {
  *out = (gaze_image){0};
  gaze_buf b = GAZE_BUF_INIT;
  gaze_err e = gaze_file_read(path, (size_t)256 << 20, &b);
  if (!e) e = gaze_image_decode(out, gaze_buf_text(&b), b.len, path);
  gaze_buf_fini(&b);
  return e;
}

static gaze_err check_input(const gaze_image *im) {
  if (!im || !im->rgb) return gaze_fail(GAZE_ERR_ARG, "image: expected pixels, got none");
  return check_size(im->w, im->h, "image");
}

static bool write_png_rows(png_job *j, const gaze_image *im, int level) {
  if (setjmp(j->jump)) return false;
  png_set_write_fn(j->png, j, png_push, png_flush_none);
  png_set_compression_level(j->png, level);
  // one cheap filter for data, the best of five for files that are kept
  png_set_filter(j->png, 0, level <= 2 ? PNG_FILTER_SUB : PNG_ALL_FILTERS);
  png_set_IHDR(j->png, j->info, (png_uint_32)im->w, (png_uint_32)im->h, 8, PNG_COLOR_TYPE_RGB,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(j->png, j->info);
  for (int y = 0; y < im->h; y++) png_write_row(j->png, im->rgb + (size_t)y * (size_t)im->w * 3);
  png_write_end(j->png, j->info);
  return true;
}

gaze_err gaze_image_encode_png(const gaze_image *im, int level, gaze_buf *b) {
  GAZE_TRY(check_input(im));
  if (level < 1 || level > 9) return gaze_fail(GAZE_ERR_ARG, "png level %d: expected 1..9", level);
  png_job j = {.out = b};
  j.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &j, on_png_error, on_png_warning);
  if (j.png) j.info = png_create_info_struct(j.png);
  gaze_err e = j.info ? GAZE_OK : GAZE_ERR_NOMEM;
  if (!e && !write_png_rows(&j, im, level)) e = gaze_fail(GAZE_ERR_INTERNAL, "png: %s", j.why);
  png_destroy_write_struct(&j.png, &j.info);
  return !e && b->failed ? GAZE_ERR_NOMEM : e;
}

gaze_err gaze_image_encode_jpeg(const gaze_image *im, int quality, gaze_buf *b) {
  GAZE_TRY(check_input(im));
  if (quality < 1 || quality > 100)
    return gaze_fail(GAZE_ERR_ARG, "jpeg quality %d: expected 1..100", quality);
  tjhandle tj = tjInitCompress();
  if (!tj) return GAZE_ERR_NOMEM;
  unsigned char *out = NULL;
  unsigned long n = 0;
  gaze_err e = GAZE_OK;
  if (tjCompress2(tj, im->rgb, im->w, im->w * 3, im->h, TJPF_RGB, &out, &n, TJSAMP_444, quality,
                  TJFLAG_ACCURATEDCT) != 0)
    e = gaze_fail(GAZE_ERR_RANGE, "jpeg: %s", tjGetErrorStr2(tj));
  else
    gaze_buf_add(b, out, n);
  tjFree(out);
  tjDestroy(tj);
  return !e && b->failed ? GAZE_ERR_NOMEM : e;
}

void gaze_image_free(gaze_image *im) {
  free(im->rgb);
  *im = (gaze_image){0};
}
