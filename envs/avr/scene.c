// envs/avr/scene.c - names, and the helpers that place and paint objects.
#include <math.h>
#include <string.h>
#include "envs/avr/avr_internal.h"

const char *const avr_colour_name[AVR_COLOURS] = {"gray",  "red",    "blue", "green",
                                                  "brown", "purple", "cyan", "yellow"};
const char *const avr_size_name[AVR_SIZES] = {"large", "small"};
const char *const avr_shape_name[AVR_SHAPES] = {"cube", "sphere", "cylinder"};
const char *const avr_family_word[AVR_FAMILIES] = {"occlusion", "stack", "composite"};

static const uint8_t COLOUR_RGB[AVR_COLOURS][3] = {{87, 87, 87},   {173, 35, 35}, {42, 75, 215},
                                                   {29, 105, 20},  {129, 74, 25}, {129, 38, 192},
                                                   {41, 208, 208}, {255, 238, 51}};

static const float AREA = 0.22f;   // half side of the layout area [m]
static const float STRIP = 0.02f;  // no centre nearer than this to x = 0 [m]
static const float GAP = 0.030f;   // between independent objects [m]
static const float DEGREE = 0.017453293f;

float avr_point_gap(const gaze_body *b, const float at[2]) {
  float dx = at[0] - b->pos[0], dy = at[1] - b->pos[1];
  if (b->shape != GAZE_SHAPE_CUBE) return hypotf(dx, dy) - b->half;
  float u = fabsf(dx * b->rot[0] + dy * b->rot[3]) - b->half;
  float v = fabsf(dx * b->rot[1] + dy * b->rot[4]) - b->half;
  if (u <= 0.0f && v <= 0.0f) return fmaxf(u, v);
  return hypotf(fmaxf(u, 0.0f), fmaxf(v, 0.0f));
}

static float corners_gap(const gaze_body *a, const gaze_body *b) {
  float best = 1e9f;
  for (int k = 0; k < 4; k++) {
    float u = (k & 1) ? a->half : -a->half, v = (k & 2) ? a->half : -a->half;
    float at[2] = {a->pos[0] + u * a->rot[0] + v * a->rot[1],
                   a->pos[1] + u * a->rot[3] + v * a->rot[4]};
    best = fminf(best, avr_point_gap(b, at));
  }
  return best;
}

float avr_footprint_gap(const gaze_body *a, const gaze_body *b) {
  bool ca = a->shape == GAZE_SHAPE_CUBE, cb = b->shape == GAZE_SHAPE_CUBE;
  if (!ca) return avr_point_gap(b, a->pos) - a->half;
  if (!cb) return avr_point_gap(a, b->pos) - b->half;
  float apart = hypotf(a->pos[0] - b->pos[0], a->pos[1] - b->pos[1]) - a->half - b->half;
  if (apart < 0.0f) return apart;  // the inscribed circles overlap
  return fminf(corners_gap(a, b), corners_gap(b, a));
}

float avr_reach(const gaze_body *b, float dx, float dy) {
  if (b->shape != GAZE_SHAPE_CUBE) return b->half;
  return b->half *
         (fabsf(dx * b->rot[0] + dy * b->rot[3]) + fabsf(dx * b->rot[1] + dy * b->rot[4]));
}

static void pose(gaze_body *b, float x, float y, float z, float yaw) {
  float c = cosf(yaw * DEGREE), sn = sinf(yaw * DEGREE);
  float rot[9] = {c, -sn, 0, sn, c, 0, 0, 0, 1};
  memcpy(b->rot, rot, sizeof rot);
  b->pos[0] = x, b->pos[1] = y, b->pos[2] = z;
}

int avr_put(avr_scene *s, int shape, int size, float x, float y, float yaw) {
  if (s->n >= AVR_OBJECTS_MAX) return -1;
  int i = s->n++;
  s->body[i] = (gaze_body){.shape = (gaze_shape)shape, .half = AVR_HALF[size]};
  s->object[i] = (avr_object){.value = {0, size, shape}, .stack = -1, .level = -1};
  pose(&s->body[i], x, y, AVR_HALF[size], yaw);
  // in stack scenes a cube alone is a stack of one: from above nobody can tell
  if (s->family == AVR_STACK && shape == GAZE_SHAPE_CUBE) {
    s->object[i].stack = s->stacks++;
    s->object[i].level = 0;
  }
  return i;
}

bool avr_tower(gaze_rng *r, avr_scene *s, int size, int height, float x, float y, float yaw) {
  if (s->n + height > AVR_OBJECTS_MAX) return false;
  for (int k = 0; k < height; k++) {
    int i = s->n++;
    float h = AVR_HALF[size];
    s->body[i] = (gaze_body){.shape = GAZE_SHAPE_CUBE, .half = h};
    s->object[i] =
        (avr_object){.value = {0, size, GAZE_SHAPE_CUBE}, .stack = s->stacks, .level = k};
    pose(&s->body[i], x, y, h * (float)(2 * k + 1), yaw + (float)gaze_rng_real(r, -5.0, 5.0));
  }
  s->stacks++;
  return true;
}

bool avr_fits(const avr_scene *s, int i, float gap) {
  const gaze_body *b = &s->body[i];
  float x = fabsf(b->pos[0]), y = fabsf(b->pos[1]);
  if (x < STRIP + 0.001f) return false;
  if (x + avr_reach(b, 1, 0) > AREA || y + avr_reach(b, 0, 1) > AREA) return false;
  for (int j = 0; j < s->n; j++) {
    bool together = s->object[i].stack >= 0 && s->object[i].stack == s->object[j].stack;
    if (j != i && !together && avr_footprint_gap(b, &s->body[j]) < gap) return false;
  }
  return true;
}

bool avr_scatter(gaze_rng *r, avr_scene *s, int shape, int size) {
  if (shape < 0) shape = gaze_rng_int(r, 0, AVR_SHAPES - 1);
  if (size < 0) size = gaze_rng_int(r, 0, AVR_SIZES - 1);
  int stacks = s->stacks;
  for (int k = 0; k < 50; k++) {
    float x = (float)gaze_rng_real(r, -0.19, 0.19), y = (float)gaze_rng_real(r, -0.19, 0.19);
    int i = avr_put(s, shape, size, x, y, (float)gaze_rng_real(r, 0, 90));
    if (i < 0) return false;
    if (avr_fits(s, i, GAP)) return true;
    s->n--;
    s->stacks = stacks;
  }
  return false;
}

int avr_cogent_colour(avr_cogent condition, int shape, int colour) {
  // gray with red, blue with green, brown with purple, yellow with cyan; the first is A's cube
  static const int partner[AVR_COLOURS] = {1, 0, 3, 2, 5, 4, 7, 6};
  static const bool cube_in_a[AVR_COLOURS] = {true, false, true, false, true, false, false, true};
  if (condition == AVR_ANY_COLOUR || shape == GAZE_SHAPE_SPHERE) return colour;
  bool wants = (shape == GAZE_SHAPE_CUBE) == (condition == AVR_COGENT_A);
  return cube_in_a[colour] == wants ? colour : partner[colour];
}

static bool taken(const avr_scene *s, int i, int colour) {
  for (int j = 0; j < i; j++)
    if (s->object[j].value[AVR_COLOUR] == colour &&
        s->object[j].value[AVR_SIZE] == s->object[i].value[AVR_SIZE] &&
        s->object[j].value[AVR_SHAPE] == s->object[i].value[AVR_SHAPE])
      return true;
  return false;
}

int avr_stack_top(const avr_scene *s, int stack, uint16_t mask) {
  int top = -1;
  for (int i = 0; i < s->n; i++)
    if (s->object[i].stack == stack && (mask >> i & 1) &&
        (top < 0 || s->object[i].level > s->object[top].level))
      top = i;
  return top;
}

bool avr_paint(gaze_rng *r, avr_scene *s) {
  int palette[AVR_COLOURS];
  for (int c = 0; c < AVR_COLOURS; c++) palette[c] = c;
  gaze_rng_shuffle(r, palette, AVR_COLOURS);
  int colours = gaze_rng_int(r, 3, AVR_COLOURS), spread = AVR_COLOURS;
  for (int i = 0; i < s->n; i++) {
    avr_object *o = &s->object[i];
    // cubes of one stack share one, two or many colours, so that counts in it spread out
    if (o->stack >= 0 && o->level == 0) {
      spread = gaze_rng_int(r, 0, 2) ? gaze_rng_int(r, 1, 2) : colours;
      gaze_rng_shuffle(r, palette, colours);
    }
    int shape = o->value[AVR_SHAPE], many = o->stack >= 0 ? spread : colours;
    int c = avr_cogent_colour(s->cogent, shape, palette[gaze_rng_int(r, 0, many - 1)]);
    for (int k = 0; o->stack < 0 && k < 24 && taken(s, i, c); k++) {
      c = palette[gaze_rng_int(r, 0, k < 8 ? colours - 1 : AVR_COLOURS - 1)];
      c = avr_cogent_colour(s->cogent, shape, c);
    }
    if (o->stack < 0 && taken(s, i, c)) return false;
    o->value[AVR_COLOUR] = c;
  }
  return true;
}

bool avr_equal_stacks(const avr_scene *s) {
  return s->family != AVR_COMPOSITE && fabsf(s->start.elevation - 70.0f) > 1.0f;
}

// Whether the frame ends before a point of the table, at the height of a small object's centre.
static bool beyond_frame(const float at[2], const gaze_camera *cam) {
  float p[3] = {at[0], at[1], AVR_HALF[AVR_SMALL]}, x, y, depth;
  if (!gaze_camera_project(cam, p, &x, &y, &depth)) return true;
  return x < 0 || y < 0 || x >= (float)cam->w || y >= (float)cam->h;
}

// The caster of a place's shadow: the nearest object in front of it on the line from the viewer.
static int caster_of(const avr_scene *s, const float at[2], const gaze_camera *cam) {
  float dx = at[0] - cam->pos[0], dy = at[1] - cam->pos[1], far = hypotf(dx, dy);
  int best = -1;
  float nearest = 1e9f;
  dx /= far, dy /= far;
  for (int i = 0; i < s->n; i++) {
    const avr_object *o = &s->object[i];
    if (o->value[AVR_SIZE] != AVR_LARGE && o->stack < 0) continue;
    if (o->stack >= 0 && avr_stack_top(s, o->stack, 0xFFFF) != i) continue;
    if (beyond_frame(s->body[i].pos, cam)) continue;
    float ox = s->body[i].pos[0] - cam->pos[0], oy = s->body[i].pos[1] - cam->pos[1];
    float along = ox * dx + oy * dy, side = fabsf(ox * dy - oy * dx);
    float behind = far - along;
    bool shadow = behind > -0.02f && side < s->body[i].half * 1.42f + 0.018f;
    float distance = hypotf(at[0] - s->body[i].pos[0], at[1] - s->body[i].pos[1]);
    if (!shadow) distance += 0.30f;  // only if nothing stands in front
    if (distance < nearest) nearest = distance, best = i;
  }
  return nearest < 0.42f ? best : -1;
}

static int owner_of(const avr_scene *s, const float at[2], const gaze_camera *cam) {
  return beyond_frame(at, cam) ? AVR_OUTSIDE : caster_of(s, at, cam);
}

int avr_owner_at(const avr_scene *s, const float at[2]) {
  int gx = (int)floorf(at[0] / 0.012f + 19.0f), gy = (int)floorf(at[1] / 0.012f + 19.0f);
  bool on = gx >= 0 && gy >= 0 && gx < AVR_GRID && gy < AVR_GRID;
  return on ? s->owner[gy * AVR_GRID + gx] : -1;
}

void avr_colour_bodies(const avr_scene *s, gaze_body *body) {
  for (int i = 0; i < s->n; i++)
    for (int k = 0; k < 3; k++)
      body[i].rgb[k] = (float)COLOUR_RGB[s->object[i].value[AVR_COLOUR]][k] / 255.0f;
}

void avr_scene_finish(avr_scene *s) {
  gaze_camera cam = gaze_scene_camera(&s->start, 64);
  avr_colour_bodies(s, s->body);
  for (int p = 0; p < AVR_PLACES; p++) {
    float at[2];
    avr_place_at(p, at);
    s->owner[p] = (int8_t)owner_of(s, at, &cam);
    // the places round a small object count for one owner: split up, they would be too few to tell
    for (int i = 0; i < s->n; i++) {
      const float *b = s->body[i].pos;
      if (s->object[i].stack >= 0 || s->object[i].value[AVR_SIZE] != AVR_SMALL) continue;
      if (hypotf(at[0] - b[0], at[1] - b[1]) < AVR_NEAR) s->owner[p] = (int8_t)owner_of(s, b, &cam);
    }
  }
}
