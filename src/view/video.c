// view/video.c - see video.h. Texts first (ffmpeg reads them when it starts), then the frames.
#include "view/video.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/file.h"
#include "data/imagefile.h"
#include "view/video_internal.h"

extern char **environ;

typedef struct film {
  const gaze_video_settings *s;
  gaze_record_reader *log;
  size_t episodes;
  char dir[GAZE_DIR_TEMP_MAX];  // texts and ffmpeg's complaints
  int w, h;
  uint8_t *picture, *frame;  // [h,h,3] scaled picture; the same with boxes
  int socket;                // ffmpeg's standard input; -1 = none
  pid_t child;               // 0 = none
} film;

gaze_video_settings gaze_video_defaults(void) {
  return (gaze_video_settings){.height = 720, .fps = 10, .line_seconds = 0.2};
}

static gaze_err check_settings(const gaze_video_settings *s) {
  if (s->height < 120 || s->height > 2160 || s->height % 2)
    return gaze_fail(GAZE_ERR_ARG, "video: height: expected an even number in 120..2160, found %d",
                     s->height);
  if (s->fps < 1 || s->fps > 60)
    return gaze_fail(GAZE_ERR_ARG, "video: fps: expected 1..60, found %d", s->fps);
  if (!(s->line_seconds >= 0.02 && s->line_seconds <= 10))
    return gaze_fail(GAZE_ERR_ARG, "video: line_seconds: expected 0.02..10, found %g",
                     s->line_seconds);
  return GAZE_OK;
}

// the line after "Question: " in the first message, NULL if there is none
static const char *question_of(const gaze_record *r) {
  const char *at = r->turns && r->turn[0].user ? strstr(r->turn[0].user, "Question: ") : NULL;
  return at ? at + strlen("Question: ") : NULL;
}

static gaze_err write_texts(const film *f) {
  gaze_buf ass = GAZE_BUF_INIT, srt = GAZE_BUF_INIT;
  int64_t at = 0;
  int next = 1;
  gaze_err e = GAZE_OK;
  video_overlay_head(f->w, f->h, &ass);
  for (size_t i = 0; i < f->episodes && !e; i++) {
    gaze_record r = {0};
    e = gaze_record_read(f->log, i, &r);
    for (int k = 0; k < r.turns && !e; k++) {
      video_turn t;
      video_lay_out(f->s, r.turn[k].reply ? r.turn[k].reply : "", at, &t);
      video_turn_texts(f->s, &t, &r.turn[k], question_of(&r), &ass, &srt, &next);
      at += t.frames;
    }
    gaze_record_free(&r);
  }
  char path[GAZE_DIR_TEMP_MAX + 16];
  if (!e && (ass.failed || srt.failed)) e = gaze_fail(GAZE_ERR_NOMEM, "video: out of memory");
  snprintf(path, sizeof path, "%s/thought.ass", f->dir);
  if (!e) e = gaze_file_write_atomic(path, ass.data, ass.len);
  snprintf(path, sizeof path, "%s/thought.srt", f->dir);
  if (!e) e = gaze_file_write_atomic(path, srt.len ? srt.data : "", srt.len);
  gaze_buf_fini(&ass);
  gaze_buf_fini(&srt);
  return e;
}

static gaze_err spawn_ffmpeg(film *f, int input, char *const argv[]) {
  posix_spawn_file_actions_t act;
  char complaints[GAZE_DIR_TEMP_MAX + 16];
  snprintf(complaints, sizeof complaints, "%s/errors", f->dir);
  if (posix_spawn_file_actions_init(&act)) return gaze_fail(GAZE_ERR_NOMEM, "video: out of memory");
  int bad = posix_spawn_file_actions_adddup2(&act, input, 0);
  if (!bad)
    bad = posix_spawn_file_actions_addopen(&act, 2, complaints, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!bad) bad = posix_spawnp(&f->child, "ffmpeg", &act, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&act);
  if (!bad) return GAZE_OK;
  f->child = 0;
  return bad == ENOENT ? gaze_fail(GAZE_ERR_NOTFOUND, "video: the ffmpeg program is not installed")
                       : gaze_fail(GAZE_ERR_IO, "video: cannot start ffmpeg: %s", strerror(bad));
}

static gaze_err start_ffmpeg(film *f, const char *part) {
  char size[32], rate[16], srt[GAZE_DIR_TEMP_MAX + 16], filter[160], out[4096];
  snprintf(size, sizeof size, "%dx%d", f->h, f->h);
  snprintf(rate, sizeof rate, "%d", f->s->fps);
  snprintf(srt, sizeof srt, "%s/thought.srt", f->dir);
  snprintf(filter, sizeof filter, "[0:v]pad=%d:%d:0:0:color=0x14171c,ass=%s/thought.ass[v]", f->w,
           f->h, f->dir);
  if (snprintf(out, sizeof out, "file:%s", part) >= (int)sizeof out)
    return gaze_fail(GAZE_ERR_ARG, "video: the path is too long");
  char *const argv[] = {"ffmpeg",     "-hide_banner",
                        "-loglevel",  "error",
                        "-y",         "-f",
                        "rawvideo",   "-pixel_format",
                        "rgb24",      "-video_size",
                        size,         "-framerate",
                        rate,         "-i",
                        "pipe:0",     "-i",
                        srt,          "-filter_complex",
                        filter,       "-map",
                        "[v]",        "-map",
                        "1:s",        "-c:v",
                        "libx264",    "-preset",
                        "veryfast",   "-crf",
                        "21",         "-pix_fmt",
                        "yuv420p",    "-c:s",
                        "mov_text",   "-movflags",
                        "+faststart", "-f",
                        "mp4",        out,
                        NULL};
  int pair[2];
  // a socket, not a pipe: a write to a dead reader then returns an error instead of a signal
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
    return gaze_fail(GAZE_ERR_IO, "video: socketpair: %s", strerror(errno));
  gaze_err e = spawn_ffmpeg(f, pair[1], argv);
  close(pair[1]);
  f->socket = pair[0];
  return e;
}

// what ffmpeg said, one line
static gaze_err ffmpeg_failed(const film *f, int status) {
  char path[GAZE_DIR_TEMP_MAX + 16];
  snprintf(path, sizeof path, "%s/errors", f->dir);
  gaze_buf said = GAZE_BUF_INIT;
  if (gaze_file_read(path, 1 << 20, &said)) gaze_buf_clear(&said);
  const char *text = gaze_buf_text(&said);
  gaze_err e = gaze_fail(GAZE_ERR_IO, "video: ffmpeg failed (status %d): %.*s", status,
                         (int)strcspn(text, "\n"), text);
  gaze_buf_fini(&said);
  return e;
}

static gaze_err finish_ffmpeg(film *f) {
  if (f->socket >= 0) close(f->socket);
  f->socket = -1;
  int status = 0;
  if (!f->child) return GAZE_OK;
  while (waitpid(f->child, &status, 0) < 0 && errno == EINTR) {
  }
  f->child = 0;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return GAZE_OK;
  return ffmpeg_failed(f, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static bool send_frame(const film *f) {
  size_t left = (size_t)f->h * (size_t)f->h * 3;
  for (const uint8_t *at = f->frame; left;) {
    ssize_t n = send(f->socket, at, left, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n, left -= (size_t)n;
  }
  return true;
}

// nearest pixels: what the policy saw, not a smoother world
static void scale_picture(const gaze_image *im, int size, uint8_t *out) {
  for (int y = 0; y < size; y++)
    for (int x = 0; x < size; x++) {
      int64_t sy = (int64_t)y * im->h / size, sx = (int64_t)x * im->w / size;
      memcpy(out + 3 * ((size_t)y * (size_t)size + (size_t)x), im->rgb + 3 * (sy * im->w + sx), 3);
    }
}

static void draw_box(uint8_t *rgb, int size, const int box[4], bool newest) {
  static const uint8_t orange[3] = {255, 176, 32}, white[3] = {255, 255, 255};
  int x0 = box[0] * size / 100, y0 = box[1] * size / 100, thick = size / 240;
  int x1 = (box[2] + 1) * size / 100 - 1, y1 = (box[3] + 1) * size / 100 - 1;
  for (int y = y0; y <= y1; y++)
    for (int x = x0; x <= x1; x++) {
      bool edge = y - y0 < thick || y1 - y < thick || x - x0 < thick || x1 - x < thick;
      if (edge)
        memcpy(rgb + 3 * ((size_t)y * (size_t)size + (size_t)x), newest ? white : orange, 3);
    }
}

static gaze_err show_picture(film *f, const gaze_record_turn *turn) {
  if (turn->images == 0) return GAZE_OK;  // nothing new: the last picture stays
  const gaze_record_image *last = &turn->image[turn->images - 1];
  gaze_image im;
  GAZE_TRY(gaze_image_decode(&im, last->png, last->bytes, "picture of the log"));
  scale_picture(&im, f->h, f->picture);
  gaze_image_free(&im);
  return GAZE_OK;
}

static gaze_err film_turn(film *f, const gaze_record_turn *turn) {
  video_turn t;
  video_lay_out(f->s, turn->reply ? turn->reply : "", 0, &t);
  GAZE_TRY(show_picture(f, turn));
  size_t bytes = (size_t)f->h * (size_t)f->h * 3;
  memcpy(f->frame, f->picture, bytes);
  for (int64_t k = 0; k < t.frames; k++) {
    if (f->s->stop && f->s->stop(f->s->ctx))
      return gaze_fail(GAZE_ERR_INTERRUPTED, "video: stopped, nothing is written");
    int64_t since = k - t.lead;
    int line = since < 0 ? -1 : (int)(since / t.per_line), box[4];
    if (since >= 0 && since % t.per_line == 0 && line <= t.lines) {
      // the line before loses its highlight when the next begins
      if (line > 0 && video_box(t.line[line - 1], box)) draw_box(f->frame, f->h, box, false);
      if (line < t.lines && video_box(t.line[line], box)) draw_box(f->frame, f->h, box, true);
    }
    if (!send_frame(f)) return GAZE_ERR_IO;  // ffmpeg's own words follow when it has ended
  }
  return GAZE_OK;
}

static gaze_err film_episodes(film *f) {
  gaze_err e = GAZE_OK;
  for (size_t i = 0; i < f->episodes && !e; i++) {
    gaze_record r = {0};
    e = gaze_record_read(f->log, i, &r);
    for (int k = 0; k < r.turns && !e; k++) e = film_turn(f, &r.turn[k]);
    gaze_record_free(&r);
  }
  return e;
}

static gaze_err film_to(film *f, const char *part) {
  size_t bytes = (size_t)f->h * (size_t)f->h * 3;
  f->picture = calloc(1, bytes);
  f->frame = calloc(1, bytes);
  if (!f->picture || !f->frame) return gaze_fail(GAZE_ERR_NOMEM, "video: out of memory");
  GAZE_TRY(gaze_dir_temp(f->dir));
  GAZE_TRY(write_texts(f));
  gaze_err e = start_ffmpeg(f, part);
  if (!e) e = film_episodes(f);
  // a reader that went away says why when it is asked for its status
  gaze_err end = finish_ffmpeg(f);
  return e && e != GAZE_ERR_IO ? e : end ? end : e;
}

gaze_err gaze_video_write(gaze_record_reader *log, const char *path, const gaze_video_settings *s) {
  GAZE_TRY(check_settings(s));
  film f = {.s = s, .log = log, .socket = -1, .h = s->height, .w = s->height * 16 / 9 / 2 * 2};
  f.episodes = gaze_record_count(log);
  if (s->episodes > 0 && (uint64_t)s->episodes < f.episodes) f.episodes = (size_t)s->episodes;
  if (f.episodes == 0) return gaze_fail(GAZE_ERR_NOTFOUND, "video: the log holds no episode");
  char part[4096];
  if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
    return gaze_fail(GAZE_ERR_ARG, "video: the path is too long");
  gaze_err e = film_to(&f, part);
  if (!e && rename(part, path)) e = gaze_fail(GAZE_ERR_IO, "%s: %s", path, strerror(errno));
  if (e) unlink(part);
  if (f.dir[0]) gaze_dir_remove(f.dir);
  free(f.picture);
  free(f.frame);
  return e;
}
