// envs/avr/know.c - what a view shows: visible pixels, facts, and places where nothing can hide.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "envs/avr/avr_internal.h"

enum { CACHE = 4096, SAMPLES = 24, HULL_MAX = 64 };

// thresholds of avr.md section 7, pixels at 448 x 448
static const float EXISTS_PX = 30, COLOUR_PX = 50, SHAPE_PX = 150, SHAPE_RATIO = 0.5f,
                   SIZE_RATIO = 0.6f, PLACE_PX = 50, REFERENCE = 448;
static const float COVERED_RATIO = 0.3f;  // of a covered cube hardly more than half ever shows
static const float SMALL = 0.018f;        // radius of the smallest unseen object [m]
static const float BASE_ELEVATION = 60;   // from higher up a stack's height cannot be told [deg]
static const int SAMPLES_SEEN = 3;        // visible samples of 24 that close a place

typedef struct entry {
  uint64_t key;
  uint32_t generation;
  avr_view view;
} entry;

struct avr_oracle {
  gaze_exec *exec;
  int size;
  float *depth;  // [size,size]
  int16_t *ids;  // [size,size]
  entry *cache;  // direct-mapped on the key
  uint32_t generation;
  avr_node *nodes;
  int *node_index;
  float offset[SAMPLES][2], lift[SAMPLES];  // samples on a unit sphere, and their height on it
};

gaze_err avr_oracle_open(avr_oracle **out, int judge_size, int threads) {
  *out = NULL;
  if (judge_size < 32 || judge_size > 2048)
    return gaze_fail(GAZE_ERR_RANGE, "avr: field judge_size: expected 32..2048, got %d",
                     judge_size);
  avr_oracle *o = calloc(1, sizeof *o);
  if (o == NULL) return gaze_fail(GAZE_ERR_NOMEM, "avr: no memory for the oracle");
  size_t pixels = (size_t)judge_size * (size_t)judge_size;
  o->size = judge_size;
  o->depth = malloc(pixels * sizeof *o->depth);
  o->ids = malloc(pixels * sizeof *o->ids);
  o->cache = calloc(CACHE, sizeof *o->cache);
  o->nodes = malloc(AVR_NODES_MAX * sizeof *o->nodes);
  o->node_index = malloc(AVR_NODE_INDEX * sizeof *o->node_index);
  o->generation = 1;
  gaze_err e = gaze_exec_open_cpu(&o->exec, threads);
  if (!e && (!o->depth || !o->ids || !o->cache || !o->nodes || !o->node_index))
    e = gaze_fail(GAZE_ERR_NOMEM, "avr: no memory for the oracle");
  for (int k = 0; k < SAMPLES; k++) {
    // two thirds on the rim, where a covered object shows first
    float a = 6.2831853f * (float)k / (k < 16 ? 16.0f : 8.0f), d = k < 16 ? 0.85f : 0.45f;
    o->offset[k][0] = d * cosf(a), o->offset[k][1] = d * sinf(a);
    o->lift[k] = SMALL * sqrtf(1.0f - d * d);
  }
  if (e) {
    avr_oracle_close(&o);
    return e;
  }
  *out = o;
  return GAZE_OK;
}

void avr_oracle_close(avr_oracle **po) {
  avr_oracle *o = *po;
  if (o == NULL) return;
  gaze_exec_close(&o->exec);
  free(o->depth);
  free(o->ids);
  free(o->cache);
  free(o->nodes);
  free(o->node_index);
  free(o);
  *po = NULL;
}

void avr_forget(avr_oracle *o) {
  o->generation++;
}
avr_node *avr_nodes(avr_oracle *o) {
  return o->nodes;
}
int *avr_node_index(avr_oracle *o) {
  return o->node_index;
}
int avr_judge_size(const avr_oracle *o) {
  return o->size;
}

uint64_t avr_hash(uint64_t h, const void *data, size_t n) {
  const unsigned char *p = data;
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t x;
    memcpy(&x, p, 8);
    h = (h ^ x) * 0x9E3779B97F4A7C15u;
    h ^= h >> 29;
  }
  for (; n > 0; n--, p++) h = (h ^ *p) * 0x100000001B3u;
  return h ^ (h >> 32);
}

// ---- pixels of an object alone: the area of its convex outline, cut at the frame ----

typedef struct point {
  float x, y;
} point;

static int outline_points(const gaze_body *b, const gaze_camera *cam, point *out) {
  float at[HULL_MAX][3];
  int n = 0, kept = 0;
  float h = b->half;
  if (b->shape == GAZE_SHAPE_CUBE) {
    for (n = 0; n < 8; n++)
      for (int k = 0; k < 3; k++)
        at[n][k] = b->pos[k] + h * ((n & 1 ? b->rot[3 * k] : -b->rot[3 * k]) +
                                    (n & 2 ? b->rot[3 * k + 1] : -b->rot[3 * k + 1]) +
                                    (n & 4 ? b->rot[3 * k + 2] : -b->rot[3 * k + 2]));
  } else if (b->shape == GAZE_SHAPE_CYLINDER) {
    for (n = 0; n < 40; n++) {
      float a = 6.2831853f * (float)(n >> 1) / 20.0f, c = h * cosf(a), s = h * sinf(a);
      float z = n & 1 ? h : -h;
      for (int k = 0; k < 3; k++)
        at[n][k] = b->pos[k] + c * b->rot[3 * k] + s * b->rot[3 * k + 1] + z * b->rot[3 * k + 2];
    }
  } else {
    // the circle where rays from the camera touch the sphere
    float d[3], len = 0, t[3], w[3];
    for (int k = 0; k < 3; k++) d[k] = cam->pos[k] - b->pos[k], len += d[k] * d[k];
    len = sqrtf(len);
    for (int k = 0; k < 3; k++) d[k] /= len, t[k] = cam->rot[3 * k];
    float dot = d[0] * t[0] + d[1] * t[1] + d[2] * t[2], tl = 0;
    for (int k = 0; k < 3; k++) t[k] -= dot * d[k], tl += t[k] * t[k];
    for (int k = 0; k < 3; k++) t[k] /= sqrtf(tl);
    for (int k = 0; k < 3; k++)
      w[k] = d[(k + 1) % 3] * t[(k + 2) % 3] - d[(k + 2) % 3] * t[(k + 1) % 3];
    float sine = h / len, rim = h * sqrtf(1.0f - sine * sine);
    for (n = 0; n < 32; n++) {
      float a = 6.2831853f * (float)n / 32.0f, c = rim * cosf(a), s = rim * sinf(a);
      for (int k = 0; k < 3; k++) at[n][k] = b->pos[k] + d[k] * h * sine + c * t[k] + s * w[k];
    }
  }
  for (int k = 0; k < n; k++) {
    float depth;
    if (gaze_camera_project(cam, at[k], &out[kept].x, &out[kept].y, &depth)) kept++;
  }
  return kept;
}

static float cross(point a, point b, point c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

// Andrew's monotone chain; hull[2n], returns its size.
static int convex_hull(point *p, int n, point *hull) {
  int m = 0;
  for (int i = 1; i < n; i++) {
    point v = p[i];
    int j = i;
    for (; j > 0 && (p[j - 1].x > v.x || (p[j - 1].x == v.x && p[j - 1].y > v.y)); j--)
      p[j] = p[j - 1];
    p[j] = v;
  }
  for (int i = 0; i < n; i++) {
    while (m >= 2 && cross(hull[m - 2], hull[m - 1], p[i]) <= 0) m--;
    hull[m++] = p[i];
  }
  int lower = m + 1;
  for (int i = n - 2; i >= 0; i--) {
    while (m >= lower && cross(hull[m - 2], hull[m - 1], p[i]) <= 0) m--;
    hull[m++] = p[i];
  }
  return m - 1;
}

// Keeps the part of the polygon with sign * (axis ? y : x) <= limit (Sutherland and Hodgman 1974).
static int clip(const point *in, int n, point *out, int axis, float sign, float limit) {
  int m = 0;
  for (int i = 0; i < n; i++) {
    point a = in[i], b = in[(i + 1) % n];
    float da = sign * (axis ? a.y : a.x) - limit, db = sign * (axis ? b.y : b.x) - limit;
    if (da <= 0) out[m++] = a;
    if ((da <= 0) == (db <= 0)) continue;
    float t = da / (da - db);
    out[m++] = (point){a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)};
  }
  return m;
}

static float polygon_area(const point *p, int n) {
  float area = 0;
  for (int i = 0; i < n; i++) {
    point a = p[i], b = p[(i + 1) % n];
    area += a.x * b.y - a.y * b.x;
  }
  return 0.5f * fabsf(area);
}

// Pixels of the body when nothing hides it; writes the rectangle that holds them.
static float alone_pixels(const gaze_body *b, const gaze_camera *cam, int rect[4]) {
  point p[HULL_MAX], a[2 * HULL_MAX + 8], c[2 * HULL_MAX + 8];
  int n = outline_points(b, cam, p);
  float x0 = 1e9f, y0 = 1e9f, x1 = -1e9f, y1 = -1e9f, w = (float)cam->w, h = (float)cam->h;
  for (int k = 0; k < n; k++) {
    x0 = fminf(x0, p[k].x), x1 = fmaxf(x1, p[k].x);
    y0 = fminf(y0, p[k].y), y1 = fmaxf(y1, p[k].y);
  }
  rect[0] = x0 > 1 ? (int)fminf(x0 - 1, w) : 0, rect[1] = y0 > 1 ? (int)fminf(y0 - 1, h) : 0;
  rect[2] = x1 < w - 2 ? (int)fmaxf(x1 + 2, 0) : cam->w;
  rect[3] = y1 < h - 2 ? (int)fmaxf(y1 + 2, 0) : cam->h;
  if (n < 3) return 0;
  n = convex_hull(p, n, a);
  if (x0 < 0 || y0 < 0 || x1 > w || y1 > h) {
    n = clip(a, n, c, 0, -1, 0);
    n = clip(c, n, a, 0, 1, w);
    n = clip(a, n, c, 1, -1, 0);
    n = clip(c, n, a, 1, 1, h);
  }
  return n < 3 ? 0 : polygon_area(a, n);
}

// Visible pixels of an id inside a rectangle, and their own bounding box.
static int count_pixels(const avr_oracle *o, int id, const int rect[4], float box[4]) {
  int count = 0, x0 = o->size, y0 = o->size, x1 = -1, y1 = -1;
  for (int y = rect[1]; y < rect[3]; y++) {
    const int16_t *row = o->ids + (size_t)y * (size_t)o->size;
    for (int x = rect[0]; x < rect[2]; x++) {
      if (row[x] != id) continue;
      count++;
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y < y0) y0 = y;
      y1 = y;
    }
  }
  box[0] = (float)x0, box[1] = (float)y0, box[2] = (float)(x1 + 1), box[3] = (float)(y1 + 1);
  return count;
}

// Whether the view shows that a stack's lowest cube stands on the table: points just above its
// lower edges on the faces towards the camera.
static bool base_seen(const avr_oracle *o, const gaze_body *b, int id, const gaze_camera *cam) {
  int seen = 0;
  for (int f = 0; f < 4; f++) {
    float sign = f & 1 ? 1.0f : -1.0f, n[2], t[2];
    for (int k = 0; k < 2; k++)
      n[k] = sign * b->rot[3 * k + f / 2], t[k] = b->rot[3 * k + 1 - f / 2];
    float face[2] = {b->pos[0] + b->half * n[0], b->pos[1] + b->half * n[1]};
    if ((cam->pos[0] - face[0]) * n[0] + (cam->pos[1] - face[1]) * n[1] <= 0) continue;
    for (int k = 0; k < 4; k++) {
      float u = b->half * (-0.75f + 0.5f * (float)k), px, py, depth;
      float at[3] = {face[0] + u * t[0], face[1] + u * t[1], b->pos[2] - 0.85f * b->half};
      if (!gaze_camera_project(cam, at, &px, &py, &depth)) continue;
      if (px < 0 || py < 0 || px >= (float)o->size || py >= (float)o->size) continue;
      seen += o->ids[(size_t)(int)py * (size_t)o->size + (size_t)(int)px] == id;
    }
  }
  return seen >= 3;
}

// Whether it can be asked of an object if something stands under it.
static bool has_base(const avr_scene *s, int i) {
  const avr_object *o = &s->object[i];
  if (o->stack >= 0) return o->level == 0;
  return s->family == AVR_COMPOSITE && o->value[AVR_SHAPE] == GAZE_SHAPE_CUBE;
}

static void see_objects(const avr_oracle *o, const avr_scene *s, const gaze_body *bodies,
                        const gaze_viewer *v, const gaze_camera *cam, avr_view *out) {
  float scale = (float)(o->size * o->size) / (REFERENCE * REFERENCE);
  for (int i = 0; i < s->n; i++) {
    if (bodies[i].gone) continue;
    int rect[4];
    float alone = alone_pixels(&bodies[i], cam, rect);
    float px = (float)count_pixels(o, i, rect, out->box[i]);
    float ratio = alone > 0 ? fminf(px / alone, 1.0f) : 0;
    out->pixels[i] = px, out->ratio[i] = ratio;
    if (px < EXISTS_PX * scale) continue;

    const avr_object *ob = &s->object[i];
    int fact = AVR_EXISTS;
    if (px >= COLOUR_PX * scale) fact |= AVR_KNOWS_COLOUR;
    if (px >= PLACE_PX * scale) fact |= AVR_KNOWS_PLACE;
    if (px >= SHAPE_PX * scale && ratio >= SHAPE_RATIO) fact |= AVR_KNOWS_SHAPE;
    if (ratio >= SIZE_RATIO) fact |= AVR_KNOWS_SIZE;
    if (ob->stack >= 0 && avr_stack_top(s, ob->stack, 0xFFFF) != i) {
      fact |= AVR_KNOWS_SHAPE;
      if (avr_equal_stacks(s) || ratio >= COVERED_RATIO) fact |= AVR_KNOWS_SIZE;
    }
    if (has_base(s, i) && v->elevation <= BASE_ELEVATION && base_seen(o, &bodies[i], i, cam))
      fact |= AVR_KNOWS_BASE;
    out->know.fact[i] = (uint8_t)fact;
    out->visible = (uint16_t)(out->visible | 1u << i);
  }
}

// Whether an unseen small object at the place would have been noticed.
static bool noticed(const avr_oracle *o, const gaze_camera *cam, const float at[2]) {
  float p[3] = {at[0], at[1], SMALL}, px, py, depth, size = (float)o->size;
  if (!gaze_camera_project(cam, p, &px, &py, &depth)) return false;
  float radius = SMALL * cam->fx / depth;
  int seen = 0;
  for (int k = 0; k < SAMPLES; k++) {
    float x = px + radius * o->offset[k][0], y = py + radius * o->offset[k][1];
    if (x < 0 || y < 0 || x >= size || y >= size) continue;
    float d = o->depth[(size_t)(int)y * (size_t)o->size + (size_t)(int)x];
    // nothing nearer than the sphere's own surface there (0 = nothing at all)
    if ((d == 0 || d > depth - o->lift[k] - 0.002f) && ++seen >= SAMPLES_SEEN) return true;
  }
  return false;
}

// Whether object i stood next to the place at t = 0, the time a question is about: an object pushed
// away before anybody saw it must not close the place it came from.
static bool near_start(const avr_scene *s, int i, const float at[2]) {
  float dx = at[0] - s->body[i].pos[0], dy = at[1] - s->body[i].pos[1];
  return dx * dx + dy * dy < AVR_NEAR * AVR_NEAR;
}

// Whether a known body leaves no room for a small object at the place. Where stacks may be of
// unequal cubes, one that rests on another tells no more than that a small cube is below.
static bool takes_place(const avr_scene *s, const gaze_body *b, const float at[2]) {
  gaze_body below = *b;
  if (!avr_equal_stacks(s) && b->pos[2] - b->half > SMALL) below.half = fminf(b->half, SMALL);
  return avr_point_gap(&below, at) < SMALL;
}

static void see_places(const avr_oracle *o, const avr_scene *s, const gaze_body *bodies,
                       const gaze_camera *cam, avr_view *out) {
  for (int p = 0; p < AVR_PLACES; p++) {
    float at[2];
    avr_place_at(p, at);
    bool closed = noticed(o, cam, at), there = false;
    for (int i = 0; i < s->n && !there; i++) {
      if (bodies[i].gone) {
        there = s->object[i].stack < 0 && near_start(s, i, at);
        continue;
      }
      float dx = at[0] - bodies[i].pos[0], dy = at[1] - bodies[i].pos[1], d2 = dx * dx + dy * dy;
      if (out->know.fact[i]) {
        if (!closed && d2 < 0.006f) closed = takes_place(s, &bodies[i], at);
      } else if (s->object[i].stack < 0 || avr_owner_at(s, s->body[i].pos) == AVR_OUTSIDE) {
        there = d2 < AVR_NEAR * AVR_NEAR || near_start(s, i, at);
      }
    }
    // the grid is coarse: a place is never ruled out next to what is really there
    if (closed && !there) avr_set(out->know.closed, p);
  }
}

gaze_err avr_see(avr_oracle *o, const avr_scene *s, const gaze_body *bodies, const gaze_viewer *v,
                 const avr_view **view) {
  uint64_t key = avr_hash(0x51ED270B, v, sizeof *v);
  for (int i = 0; i < s->n; i++) {
    float pose[13];
    memcpy(pose, bodies[i].pos, 3 * sizeof(float));
    memcpy(pose + 3, bodies[i].rot, 9 * sizeof(float));
    pose[12] = bodies[i].gone ? 1.0f : 0.0f;
    key = avr_hash(key, pose, sizeof pose);
  }
  entry *e = &o->cache[key % CACHE];
  if (e->key != key || e->generation != o->generation) {
    GAZE_TRY(gaze_scene_render(&gaze_ops_cpu, o->exec, bodies, s->n, v, o->size, NULL, o->depth,
                               o->ids));
    gaze_camera cam = gaze_scene_camera(v, o->size);
    memset(e, 0, sizeof *e);
    see_objects(o, s, bodies, v, &cam, &e->view);
    see_places(o, s, bodies, &cam, &e->view);
    e->key = key, e->generation = o->generation;
  }
  *view = &e->view;
  return GAZE_OK;
}

gaze_err avr_observe(avr_oracle *o, const avr_scene *s, avr_state *st) {
  const avr_view *view;
  GAZE_TRY(avr_see(o, s, st->body, &st->viewer, &view));
  for (int i = 0; i < s->n; i++) st->know.fact[i] |= view->know.fact[i];
  for (int k = 0; k < (AVR_PLACES + 63) / 64; k++) st->know.closed[k] |= view->know.closed[k];
  st->visible = view->visible;
  return GAZE_OK;
}

int avr_look(avr_oracle *o, const avr_scene *s, const avr_state *st,
             avr_seen seen[GAZE_SCENE_BODIES_MAX]) {
  const avr_view *view;
  int n = 0;
  if (avr_see(o, s, st->body, &st->viewer, &view)) return 0;
  for (int i = 0; i < s->n; i++) {
    if (!view->know.fact[i]) continue;
    avr_seen v = {.object = i, .fact = view->know.fact[i]};
    for (int k = 0; k < 4; k++) v.box[k] = view->box[i][k] / (float)o->size;
    int j = n++;
    for (; j > 0 && seen[j - 1].box[0] + seen[j - 1].box[2] > v.box[0] + v.box[2]; j--)
      seen[j] = seen[j - 1];
    seen[j] = v;
  }
  return n;
}
