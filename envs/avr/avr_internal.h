// envs/avr/avr_internal.h - helpers shared by the logic files of the environment; not for others.
#ifndef GAZE_ENVS_AVR_AVR_INTERNAL_H
#define GAZE_ENVS_AVR_AVR_INTERNAL_H

#include "envs/avr/avr.h"

enum {
  AVR_GRID = 38,          // places per side
  AVR_REGION_PLACES = 3,  // fewer open places than this hold no small object worth a look
  AVR_OBJECTS_MAX = 12,   // the prior told to the agent
  AVR_STACK_MAX = 4,
  AVR_HIDDEN_MAX = 2,  // small objects behind one large object
  // a stack with a centre cube has an odd height of three or more, and at most four: three
  AVR_CENTRED = 3,
  AVR_CENTRE = 1,                       // level of that cube
  AVR_OUTSIDE_MAX = 3,                  // objects outside the first frame
  AVR_OUTSIDE = GAZE_SCENE_BODIES_MAX,  // owner of the places there
  AVR_OWNERS,
  AVR_LARGE = 0,
  AVR_SMALL = 1,           // values of AVR_SIZE
  AVR_NODES_MAX = 6000,    // search nodes of one plan
  AVR_NODE_INDEX = 32749,  // slots of their index, a prime
};

static const float AVR_HALF[AVR_SIZES] = {0.036f, 0.018f};  // half extents [m]
static const float AVR_NEAR = 0.015f;  // a place this near to a real unseen object stays open [m]

static inline bool avr_bit(const uint64_t *set, int p) {
  return (set[p >> 6] >> (p & 63)) & 1u;
}
static inline void avr_set(uint64_t *set, int p) {
  set[p >> 6] |= (uint64_t)1 << (p & 63);
}
static inline void avr_clear(uint64_t *set, int p) {
  set[p >> 6] &= ~((uint64_t)1 << (p & 63));
}

// Centre of place p on the table [m].
static inline void avr_place_at(int p, float at[2]) {
  at[0] = 0.012f * ((float)(p % AVR_GRID) - 18.5f);
  at[1] = 0.012f * ((float)(p / AVR_GRID) - 18.5f);
}

// What one view shows: the facts, the places it closes, and the measures behind the facts.
typedef struct avr_view {
  avr_know know;
  uint16_t visible;                     // bit i: exists
  float pixels[GAZE_SCENE_BODIES_MAX];  // v_i at the judge's size
  float ratio[GAZE_SCENE_BODIES_MAX];   // r_i = v_i / a_i
  float box[GAZE_SCENE_BODIES_MAX][4];  // pixels
} avr_view;

// ---- scene.c ----
// Shortest distance between the footprints of two bodies [m]; negative where they overlap.
float avr_footprint_gap(const gaze_body *a, const gaze_body *b);
// Distance of a point on the table from the footprint; negative inside.
float avr_point_gap(const gaze_body *b, const float at[2]);
// Adds an object standing alone at (x, y); returns its index, -1 if the table is full.
int avr_put(avr_scene *s, int shape, int size, float x, float y, float yaw);
// Adds a tower of `height` equal cubes, bottom first; false if the scene is full.
bool avr_tower(gaze_rng *r, avr_scene *s, int size, int height, float x, float y, float yaw);
// Whether object i keeps `gap` to all others, lies in the area and off the middle strip.
bool avr_fits(const avr_scene *s, int i, float gap);
// Adds an object at a random free spot (shape, size -1: random); false if there is none.
bool avr_scatter(gaze_rng *r, avr_scene *s, int shape, int size);
// Gives every object a colour; triples of nameable objects are unique. False if there are too few.
bool avr_paint(gaze_rng *r, avr_scene *s);
// The colour itself if the condition allows it for the shape, else the one it stands for there.
int avr_cogent_colour(avr_cogent condition, int shape, int colour);
// Half extent of the footprint along a direction [m].
float avr_reach(const gaze_body *b, float dx, float dy);
// Gives bodies [s->n] the colours of their objects: after each avr_paint, for the scene's own
// bodies and for every copy that is drawn.
void avr_colour_bodies(const avr_scene *s, gaze_body *body);
// Fills what follows from the objects: colours of the bodies, owners of the places.
void avr_scene_finish(avr_scene *s);
// Owner of the place nearest to a point of the table; -1 if it has none. After avr_scene_finish.
int avr_owner_at(const avr_scene *s, const float at[2]);
// Whether unseen cubes of a stack are of the size of those seen. The prompt does not say so: it is
// so in stack scenes, but for those first seen from 70 degrees, and nowhere else.
bool avr_equal_stacks(const avr_scene *s);
// Index of the highest cube of a stack, of those in `mask`; -1 if none.
int avr_stack_top(const avr_scene *s, int stack, uint16_t mask);

// ---- know.c ----
// The view of a configuration, from the cache where it was seen before. The pointer lives until the
// next call.
gaze_err avr_see(avr_oracle *o, const avr_scene *s, const gaze_body *bodies, const gaze_viewer *v,
                 const avr_view **view);
// Drops the cache (a new scene begins).
void avr_forget(avr_oracle *o);
// Scratch of the search: AVR_NODES_MAX nodes, and an index of them by their keys.
typedef struct avr_node {
  avr_state state;
  uint64_t key, first;  // hash of state; first actions that reach it at this depth
  int depth;
} avr_node;
avr_node *avr_nodes(avr_oracle *o);
int *avr_node_index(avr_oracle *o);
int avr_judge_size(const avr_oracle *o);
uint64_t avr_hash(uint64_t h, const void *data, size_t n);

// ---- program.c ----
// What a program does with the objects its filter takes.
typedef enum avr_program {
  AVR_QUERY,  // Q1-Q3: a value of the nearest or farthest
  AVR_COUNT,  // E1, K, M: how many there are (E1: any at all), those added included
  AVR_SIDES,  // P1, P2, X2: the areas' counts against each other
  AVR_SAME    // P3, X1: a value of one against that of another
} avr_program;
avr_program avr_program_of(avr_template id);
// Whether the filter takes the object.
bool avr_valid_filter(const avr_filter *f, const avr_object *o);
// Whether an object of these values and this stack is one of those counted, wherever it stands (P3:
// one that the description fits).
bool avr_counted(const avr_question *q, const avr_object *o);
// Whether the program reads this attribute of what it may count.
bool avr_reads(const avr_question *q, avr_attr a);
// Whether it counts in one area only: that of `dir`.
bool avr_one_area(const avr_question *q);
// Whether a centre at x lies in the area (AVR_LEFT, AVR_RIGHT).
bool avr_in_area(avr_dir area, float x);
// Value of a question about two areas with these counts.
int avr_compare(const avr_question *q, int left, int right);
// What nearest and farthest minimise [m].
float avr_score(const avr_scene *s, const avr_question *q, const float at[3]);
// All values of the object but one; the rest is any.
avr_filter avr_all_but(const avr_object *o, avr_attr a);
// How many values the question can have: they are 0 up to that.
int avr_value_count(const avr_question *q);

// ---- evaluate.c ----
typedef enum avr_truth { AVR_NO, AVR_MAYBE, AVR_YES } avr_truth;
// Whether an object is counted of which only the values >= 0 are known.
avr_truth avr_counted_so_far(const avr_question *q, const avr_object *o);
static inline bool avr_exists(const avr_state *st, int i) {
  return st->know.fact[i] & AVR_EXISTS;
}
// The score that a query's unseen objects have to beat; 0 for other questions.
float avr_score_so_far(const avr_scene *s, const avr_question *q, const avr_state *st);
// Whether something may be beyond the first frame that could change the answer.
bool avr_outside_open(const avr_scene *s, const avr_question *q, const avr_state *st);

// ---- regions.c ----
// A region with the number of unseen objects it may hold, and whether what it holds may count in
// the left and in the right area (both where areas do not matter).
typedef struct avr_room {
  avr_region at;
  int room;
  bool side[2];
} avr_room;
// Regions where an unseen object could matter, against a query's present score `best`.
int avr_rooms(const avr_scene *s, const avr_question *q, const avr_state *st, float best,
              avr_room out[GAZE_SCENE_BODIES_MAX]);
// Objects that could be moved to open a relevant region: a bit each.
uint16_t avr_bounding(const avr_scene *s, const avr_question *q, const avr_state *st);
// The places at which something unseen could still change the answer: a bit each.
void avr_relevant_places(const avr_scene *s, const avr_question *q, const avr_state *st,
                         uint64_t places[(AVR_PLACES + 63) / 64]);

// ---- plan.c ----
// Whether the object can be named among the visible ones.
bool avr_nameable(const avr_scene *s, const avr_state *st, int object);

#endif
