// tests/envs/test_avr_know.c - views, regions, possible answers and plans on hand-made scenes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "envs/avr/layouts_internal.h"

enum { GRAY, RED, BLUE, GREEN, BROWN, PURPLE, CYAN, YELLOW };
enum { CUBE = GAZE_SHAPE_CUBE, SPHERE = GAZE_SHAPE_SPHERE, CYLINDER = GAZE_SHAPE_CYLINDER };

static avr_oracle *oracle;

static int setup(void **state) {
  (void)state;
  return avr_oracle_open(&oracle, 224, 1) == GAZE_OK ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  avr_oracle_close(&oracle);
  return 0;
}

static int put(avr_scene *s, int colour, int size, int shape, float x, float y) {
  int i = avr_put(s, shape, size, x, y, 0);
  s->object[i].value[AVR_COLOUR] = colour;
  return i;
}

// First view of a finished scene; marks what it does not show as hidden.
static avr_state begin(avr_scene *s) {
  avr_scene_finish(s);
  avr_state st;
  memset(&st, 0, sizeof st);
  memcpy(st.body, s->body, sizeof st.body);
  st.viewer = s->start;
  avr_forget(oracle);
  assert_int_equal(avr_observe(oracle, s, &st), GAZE_OK);
  for (int i = 0; i < s->n; i++) s->object[i].hidden = !(st.know.fact[i] & AVR_EXISTS);
  return st;
}

static avr_question ask(avr_template id) {
  return (avr_question){.id = id, .anchor = -1, .stack = -1, .filter = {{-1, -1, -1}}};
}

static bool sufficient(const avr_scene *s, const avr_question *q, const avr_state *st) {
  avr_values v;
  avr_possible(s, q, st, &v);
  return avr_sufficient(&v);
}

static bool possible(const avr_scene *s, const avr_question *q, const avr_state *st, int value) {
  avr_values v;
  avr_possible(s, q, st, &v);
  return v.possible[value];
}

static avr_state orbit(const avr_scene *s, const avr_state *st, float azimuth, float elevation) {
  avr_option a = {.kind = AVR_ORBIT, .azimuth = azimuth, .elevation = elevation};
  avr_state after;
  bool ok;
  assert_int_equal(avr_imagine(oracle, s, st, &a, &after, &ok), GAZE_OK);
  assert_true(ok);
  return after;
}

// A large red cube with a small blue sphere straight behind it, 5 mm apart.
static avr_scene screen(void) {
  avr_scene s = {.family = AVR_OCCLUSION, .start = {.elevation = 25}};
  put(&s, RED, AVR_LARGE, CUBE, 0.03f, -0.05f);
  put(&s, BLUE, AVR_SMALL, SPHERE, 0.032f, 0.009f);
  put(&s, GREEN, AVR_SMALL, CYLINDER, -0.12f, -0.10f);
  return s;
}

static void test_view_shows_and_hides(void **state) {
  (void)state;
  avr_scene s = screen();
  avr_state st = begin(&s);
  int all = AVR_EXISTS | AVR_KNOWS_COLOUR | AVR_KNOWS_SHAPE | AVR_KNOWS_SIZE | AVR_KNOWS_PLACE;
  assert_int_equal(st.know.fact[0], all);
  assert_int_equal(st.know.fact[1], 0);
  assert_int_equal(st.know.fact[2], all);
  assert_int_equal(st.visible, 5);

  // alone pixels come from the outline: a free object's ratio is 1 within the rim's rounding
  const avr_view *v;
  assert_int_equal(avr_see(oracle, &s, st.body, &st.viewer, &v), GAZE_OK);
  assert_true(v->ratio[0] > 0.95f && v->ratio[2] > 0.93f);
  assert_true(v->ratio[1] < 0.05f);

  avr_state gone = st;
  gone.body[0].gone = true;
  memset(&gone.know, 0, sizeof gone.know);
  assert_int_equal(avr_observe(oracle, &s, &gone), GAZE_OK);
  assert_int_equal(gone.know.fact[0], 0);
  assert_int_equal(gone.know.fact[1], all);

  avr_seen seen[GAZE_SCENE_BODIES_MAX];
  assert_int_equal(avr_look(oracle, &s, &st, seen), 2);
  assert_int_equal(seen[0].object, 2);
  assert_int_equal(seen[1].object, 0);
  assert_true(seen[0].box[0] < seen[0].box[2] && seen[0].box[2] < seen[1].box[0]);
}

static void test_pixel_thresholds(void **state) {
  (void)state;
  // slide a small sphere out from behind the cube: facts come in the order of their thresholds
  int order[3] = {-1, -1, -1};
  const int bit[3] = {AVR_EXISTS, AVR_KNOWS_COLOUR, AVR_KNOWS_SIZE};
  for (int k = 0; k < 60; k++) {
    avr_scene s = screen();
    s.body[1].pos[0] = 0.032f + 0.001f * (float)k;
    avr_state st = begin(&s);
    const avr_view *v;
    assert_int_equal(avr_see(oracle, &s, st.body, &st.viewer, &v), GAZE_OK);
    int fact = st.know.fact[1];
    float px = v->pixels[1] * 4;  // 224 -> 448
    assert_int_equal((fact & AVR_EXISTS) != 0, px >= 30);
    assert_int_equal((fact & AVR_KNOWS_COLOUR) != 0, px >= 50);
    assert_int_equal((fact & AVR_KNOWS_PLACE) != 0, px >= 50);
    assert_int_equal((fact & AVR_KNOWS_SHAPE) != 0, px >= 150 && v->ratio[1] >= 0.5f);
    assert_int_equal((fact & AVR_KNOWS_SIZE) != 0, px >= 30 && v->ratio[1] >= 0.6f);
    for (int j = 0; j < 3; j++)
      if ((fact & bit[j]) && order[j] < 0) order[j] = k;
  }
  assert_true(order[0] > 0 && order[0] <= order[1] && order[1] < order[2]);
}

static void test_region_closes_from_the_free_side(void **state) {
  (void)state;
  avr_scene s = screen();
  avr_state st = begin(&s);
  avr_question q = ask(AVR_E1);
  q.filter = (avr_filter){{YELLOW, AVR_SMALL, CUBE}};
  avr_region r[GAZE_SCENE_BODIES_MAX];
  assert_int_equal(avr_open_regions(&s, &q, &st, r), 1);
  assert_int_equal(r[0].object, 0);
  assert_false(r[0].under);
  assert_false(sufficient(&s, &q, &st));

  avr_state after = orbit(&s, &st, 60, 0);
  assert_true(after.know.fact[1] & AVR_EXISTS);
  assert_true(sufficient(&s, &q, &after));
  assert_true(possible(&s, &q, &after, 0));
  assert_true(avr_gain(&s, &q, &st, &after) > 0);
  assert_true(avr_gain(&s, &q, &after, &st) == 0);  // nothing is gained where all is known
}

static void test_blocker_keeps_a_side_closed(void **state) {
  (void)state;
  avr_scene s = screen();
  int b = put(&s, PURPLE, AVR_LARGE, CUBE, 0.105f, -0.015f);
  avr_state st = begin(&s);
  avr_question q = ask(AVR_Q2);
  q.attr = AVR_COLOUR, q.anchor = 0;
  assert_true(st.know.fact[b] & AVR_EXISTS);
  assert_false(sufficient(&s, &q, &st));
  avr_state right = orbit(&s, &st, 60, 0), left = orbit(&s, &st, -60, 0);
  assert_false(sufficient(&s, &q, &right));
  assert_true(sufficient(&s, &q, &left));
  assert_true(possible(&s, &q, &left, BLUE));

  avr_option all[64];
  int n = avr_actions(&s, &st, all, 64), length;
  uint64_t first;
  assert_int_equal(avr_plan(oracle, &s, &q, &st, all, n, 4, &length, &first), GAZE_OK);
  assert_int_equal(length, 1);
  for (int k = 0; k < n; k++) {
    if (all[k].kind == AVR_ORBIT && all[k].azimuth == 60.0f) assert_false(first >> k & 1);
    if (all[k].kind == AVR_ORBIT && all[k].azimuth == -60.0f) assert_true(first >> k & 1);
    if (all[k].kind == AVR_TURN) assert_false(first >> k & 1);
  }
}

static void test_irrelevant_regions(void **state) {
  (void)state;
  avr_scene s = screen();
  avr_state st = begin(&s);
  avr_region r[GAZE_SCENE_BODIES_MAX];
  avr_question q = ask(AVR_K1);
  q.filter.value[AVR_SIZE] = AVR_LARGE;  // only small objects hide
  assert_true(sufficient(&s, &q, &st));
  assert_true(possible(&s, &q, &st, 1));
  assert_int_equal(avr_open_regions(&s, &q, &st, r), 0);
  avr_state after = orbit(&s, &st, 60, 0);
  assert_true(avr_gain(&s, &q, &st, &after) == 0);

  q = ask(AVR_K3);  // the shadow lies right of the middle
  q.filter.value[AVR_SIZE] = AVR_SMALL;
  q.dir = AVR_LEFT;
  assert_true(sufficient(&s, &q, &st));
  q.dir = AVR_RIGHT;
  assert_false(sufficient(&s, &q, &st));
  avr_values v;
  avr_possible(&s, &q, &st, &v);
  assert_int_equal(v.lo, 0);
  assert_int_equal(v.hi, 2);  // at most two behind one large object
}

// Everything seen: each template has one value left, the true one.
static void test_templates_by_hand(void **state) {
  (void)state;
  avr_scene s = {.family = AVR_OCCLUSION, .start = {.elevation = 25}};
  gaze_rng rng;
  gaze_rng_init(&rng, 1, 1);
  put(&s, RED, AVR_LARGE, CUBE, 0.10f, 0.0f);
  put(&s, BLUE, AVR_SMALL, SPHERE, 0.10f, 0.08f);
  put(&s, BLUE, AVR_SMALL, CUBE, -0.15f, -0.10f);
  put(&s, GREEN, AVR_LARGE, CYLINDER, -0.10f, 0.15f);
  assert_true(avr_tower(&rng, &s, AVR_SMALL, 3, -0.03f, -0.15f, 0));
  const int colour[3] = {RED, RED, CYAN};
  for (int k = 0; k < 3; k++) s.object[4 + k].value[AVR_COLOUR] = colour[k];
  avr_scene_finish(&s);
  avr_state st;
  memset(&st, 0, sizeof st);
  memcpy(st.body, s.body, sizeof st.body);
  memset(st.know.closed, 0xFF, sizeof st.know.closed);
  memset(st.know.fact, 0xFF, sizeof st.know.fact);

  avr_question q[9];
  const int truth[9] = {RED, SPHERE, SPHERE, 1, 0, 2, 2, 1, 3};
  q[0] = ask(AVR_Q1), q[0].anchor = 6, q[0].attr = AVR_COLOUR;      // below the cyan top
  q[1] = ask(AVR_Q2), q[1].anchor = 0, q[1].attr = AVR_SHAPE;       // 80 mm away
  q[2] = ask(AVR_Q3), q[2].dir = AVR_RIGHT, q[2].attr = AVR_SHAPE;  // small, x = 0.10
  q[3] = ask(AVR_E1), q[3].filter = (avr_filter){{BLUE, AVR_SMALL, CUBE}};
  q[4] = ask(AVR_E1), q[4].filter = (avr_filter){{RED, AVR_SMALL, SPHERE}};
  q[5] = ask(AVR_K1), q[5].filter.value[AVR_COLOUR] = BLUE;
  q[6] = ask(AVR_K2), q[6].filter.value[AVR_COLOUR] = RED, q[6].stack = 0;
  q[7] = ask(AVR_K3), q[7].filter.value[AVR_COLOUR] = RED, q[7].dir = AVR_RIGHT;
  q[8] = ask(AVR_K1), q[8].filter.value[AVR_COLOUR] = RED;
  for (int k = 0; k < 9; k++) {
    int value = -1;
    assert_true(avr_true_value(&s, &q[k], &value));
    assert_int_equal(value, truth[k]);
    assert_true(sufficient(&s, &q[k], &st));
    assert_true(possible(&s, &q[k], &st, truth[k]));
  }

  // a fact less: the blue sphere's colour, then its existence with its place open
  avr_state less = st;
  less.know.fact[1] = AVR_EXISTS | AVR_KNOWS_SHAPE | AVR_KNOWS_SIZE | AVR_KNOWS_PLACE;
  avr_values v;
  avr_possible(&s, &q[5], &less, &v);
  assert_int_equal(v.lo, 1);
  assert_int_equal(v.hi, 2);
  assert_true(sufficient(&s, &q[1], &less));
  q[1].attr = AVR_COLOUR;
  assert_false(sufficient(&s, &q[1], &less));
  assert_true(avr_gain(&s, &q[1], &less, &st) > 0);
  assert_int_equal(avr_matches(&s, &q[8], &st, (int[GAZE_SCENE_BODIES_MAX]){0}), 3);

  // a tie has no answer
  s.body[2].pos[0] = 0.10f, s.body[2].pos[1] = -0.085f;
  int value;
  assert_false(avr_true_value(&s, &q[1], &value));
}

static void test_stack_needs_its_base(void **state) {
  (void)state;
  avr_scene s = {.family = AVR_STACK, .start = {.elevation = 88}};
  gaze_rng rng;
  gaze_rng_init(&rng, 1, 1);
  assert_true(avr_tower(&rng, &s, AVR_LARGE, 2, 0.03f, -0.03f, 0));
  s.object[0].value[AVR_COLOUR] = BLUE, s.object[1].value[AVR_COLOUR] = RED;
  put(&s, GREEN, AVR_SMALL, SPHERE, -0.15f, 0.05f);
  avr_state st = begin(&s);
  assert_int_equal(st.know.fact[0], 0);
  assert_true(st.know.fact[1] & AVR_EXISTS);

  avr_question q = ask(AVR_K2);
  q.stack = 0, q.filter.value[AVR_COLOUR] = BLUE;
  avr_values v;
  avr_possible(&s, &q, &st, &v);
  assert_int_equal(v.lo, 0);
  assert_int_equal(v.hi, 3);
  avr_region r[GAZE_SCENE_BODIES_MAX];
  assert_int_equal(avr_open_regions(&s, &q, &st, r), 1);
  assert_true(r[0].under && r[0].object == 1);

  avr_option all[64];
  int n = avr_actions(&s, &st, all, 64), length;
  uint64_t first;
  assert_int_equal(avr_plan(oracle, &s, &q, &st, all, n, 1, &length, &first), GAZE_OK);
  assert_int_equal(length, -1);
  assert_int_equal(avr_plan(oracle, &s, &q, &st, all, n, 3, &length, &first), GAZE_OK);
  assert_int_equal(length, 2);  // lower twice: from 68 degrees a base does not count as seen
  for (int k = 0; k < n; k++)
    if (all[k].elevation < 0) assert_true(first >> k & 1);

  avr_state mid = orbit(&s, &st, 0, -20), low = orbit(&s, &mid, 0, -20);
  assert_true(mid.know.fact[0] & AVR_EXISTS);
  assert_false(mid.know.fact[0] & AVR_KNOWS_BASE);
  assert_false(sufficient(&s, &q, &mid));
  assert_true(low.know.fact[0] & AVR_KNOWS_BASE);
  assert_true(sufficient(&s, &q, &low));

  // one cube alone looks the same from above and closes the same way
  avr_scene one = {.family = AVR_STACK, .start = {.elevation = 88}};
  put(&one, RED, AVR_LARGE, CUBE, 0.03f, -0.03f);
  st = begin(&one);
  q.stack = 0;
  assert_false(sufficient(&one, &q, &st));
}

static void test_physical_actions(void **state) {
  (void)state;
  avr_scene s = {.family = AVR_STACK, .start = {.elevation = 25}};
  gaze_rng rng;
  gaze_rng_init(&rng, 1, 1);
  assert_true(avr_tower(&rng, &s, AVR_LARGE, 2, 0.06f, -0.03f, 0));
  s.object[0].value[AVR_COLOUR] = BLUE, s.object[1].value[AVR_COLOUR] = RED;
  avr_state st = begin(&s), after;
  bool ok;
  avr_option pick = {.kind = AVR_PICK, .object = 0};
  assert_int_equal(avr_imagine(oracle, &s, &st, &pick, &after, &ok), GAZE_OK);
  assert_false(ok);  // the red cube rests on it
  assert_int_equal(after.t, 1);
  assert_memory_equal(&after.know, &st.know, sizeof st.know);
  assert_false(after.body[0].gone);
  pick.object = 1;
  assert_int_equal(avr_imagine(oracle, &s, &st, &pick, &after, &ok), GAZE_OK);
  assert_true(ok && after.body[1].gone);

  avr_option move = {.kind = AVR_MOVE, .object = 1, .dir = AVR_LEFT};
  assert_int_equal(avr_imagine(oracle, &s, &st, &move, &after, &ok), GAZE_OK);
  assert_true(ok);
  assert_true(after.body[1].pos[0] < s.body[1].pos[0] - 0.11f);

  // beyond the limits: not offered and not possible
  st.viewer.azimuth = 90;
  avr_option right = {.kind = AVR_ORBIT, .azimuth = 30};
  assert_int_equal(avr_imagine(oracle, &s, &st, &right, &after, &ok), GAZE_OK);
  assert_false(ok);
  assert_true(after.viewer.azimuth == 90.0f);
  avr_option all[64];
  for (int k = avr_actions(&s, &st, all, 64) - 1; k >= 0; k--) assert_true(all[k].azimuth <= 0);
}

static int place_near(float x, float y) {
  int best = 0;
  float nearest = 1e9f;
  for (int p = 0; p < AVR_PLACES; p++) {
    float at[2];
    avr_place_at(p, at);
    float d = (at[0] - x) * (at[0] - x) + (at[1] - y) * (at[1] - y);
    if (d < nearest) nearest = d, best = p;
  }
  return best;
}

static int most(const avr_scene *s, const avr_question *q, const avr_state *st) {
  avr_values v;
  avr_possible(s, q, st, &v);
  return v.hi;
}

// The frame ends at the middle: up to three objects of any kind may stand in the other area.
static void test_beyond_the_first_frame(void **state) {
  (void)state;
  avr_scene s = {.family = AVR_COMPOSITE, .start = {.elevation = 25, .pan = 20}};
  put(&s, RED, AVR_LARGE, CUBE, 0.12f, -0.05f);
  put(&s, GREEN, AVR_SMALL, CYLINDER, 0.17f, -0.15f);
  int blue = put(&s, BLUE, AVR_SMALL, SPHERE, -0.12f, 0.02f);
  int gray = put(&s, GRAY, AVR_LARGE, CYLINDER, -0.15f, 0.13f);
  avr_state st = begin(&s);
  assert_int_equal(st.visible, 3);
  assert_int_equal(avr_owner_at(&s, s.body[blue].pos), AVR_OUTSIDE);
  assert_int_equal(avr_owner_at(&s, s.body[gray].pos), AVR_OUTSIDE);
  assert_int_equal(avr_owner_at(&s, s.body[0].pos), 0);

  avr_question q = ask(AVR_K3);
  avr_region r[GAZE_SCENE_BODIES_MAX];
  q.filter.value[AVR_COLOUR] = BLUE;
  q.dir = AVR_LEFT;
  assert_int_equal(avr_open_regions(&s, &q, &st, r), 1);
  assert_true(r[0].outside && !r[0].under && r[0].object == -1);
  assert_int_equal(most(&s, &q, &st), 3);
  q.dir = AVR_RIGHT;
  assert_int_equal(most(&s, &q, &st), 2);  // behind the red cube
  avr_question all = ask(AVR_K1);
  all.filter.value[AVR_COLOUR] = BLUE;
  assert_int_equal(most(&s, &all, &st), 5);
  all.filter = (avr_filter){{-1, AVR_LARGE, -1}};
  assert_int_equal(most(&s, &all, &st), 4);  // not only small ones
  avr_question shape = ask(AVR_Q3);
  shape.attr = AVR_SIZE, shape.dir = AVR_LEFT;
  assert_true(possible(&s, &shape, &st, AVR_LARGE) && possible(&s, &shape, &st, AVR_SMALL));

  // turning shows it, and so does a step to any side, which looks at the centre again
  q.dir = AVR_LEFT;
  avr_option all_actions[64], turn = {.kind = AVR_TURN, .pan = -20};
  avr_state after;
  bool ok;
  assert_int_equal(avr_imagine(oracle, &s, &st, &turn, &after, &ok), GAZE_OK);
  assert_true(ok && avr_gain(&s, &q, &st, &after) > 0);
  assert_true(possible(&s, &q, &after, 1));
  int n = avr_actions(&s, &st, all_actions, 64), length;
  uint64_t first;
  assert_int_equal(avr_plan(oracle, &s, &q, &st, all_actions, n, 3, &length, &first), GAZE_OK);
  assert_true(length >= 1);
  for (int k = 0; k < n; k++)
    if (all_actions[k].kind == AVR_TURN && all_actions[k].pan > 0) assert_false(first >> k & 1);

  // three found there close it, however much of it was never seen
  put(&s, CYAN, AVR_SMALL, CUBE, -0.06f, -0.15f);
  s.object[4].hidden = true;
  for (int i = blue; i < s.n; i++) st.know.fact[i] = 31;
  assert_int_equal(avr_open_regions(&s, &q, &st, r), 0);
  assert_true(sufficient(&s, &q, &st));
}

// A large cube on a small one: what is not seen of a stack may be of either size, unless the scene
// is one of equal stacks; and a top tells nothing of the table beside its foot.
static void test_unequal_stacks(void **state) {
  (void)state;
  for (int equal = 0; equal < 2; equal++) {
    avr_scene s = {.family = equal ? AVR_STACK : AVR_COMPOSITE};
    gaze_rng rng;
    gaze_rng_init(&rng, 1, 1);
    s.start.elevation = equal ? 88.0f : 70.0f;
    assert_true(avr_tower(&rng, &s, AVR_LARGE, 2, 0.03f, 0.0f, 0));
    avr_make_small(&s, 0);
    assert_true(s.body[0].pos[2] == 0.018f && s.body[1].pos[2] - 0.072f < 1e-6f);
    s.object[0].value[AVR_COLOUR] = BLUE, s.object[1].value[AVR_COLOUR] = RED;
    avr_state st = begin(&s);
    assert_int_equal(avr_equal_stacks(&s), equal);
    assert_int_equal(st.know.fact[0], 0);

    avr_question q = ask(AVR_K1);
    avr_region r[GAZE_SCENE_BODIES_MAX];
    int under = 0;
    q.filter = (avr_filter){{-1, AVR_SMALL, -1}};
    for (int k = avr_open_regions(&s, &q, &st, r) - 1; k >= 0; k--) under += r[k].under;
    assert_int_equal(under, equal ? 0 : 1);
    assert_int_equal(avr_bit(st.know.closed, place_near(0.03f, 0.046f)), equal);

    // from low down most of its sides show
    avr_state low = st;
    low.viewer.elevation = 25;
    memset(&low.know, 0, sizeof low.know);
    assert_int_equal(avr_observe(oracle, &s, &low), GAZE_OK);
    assert_true(low.know.fact[0] & AVR_KNOWS_SIZE);
    assert_true(low.know.fact[0] & AVR_KNOWS_BASE);
  }
}

// Cubes alone show their foot in composite scenes; elsewhere nobody asks.
static void test_foot_of_a_lone_cube(void **state) {
  (void)state;
  for (int family = 0; family < AVR_FAMILIES; family++) {
    avr_scene s = {.family = (avr_family)family, .start = {.elevation = 25}};
    put(&s, RED, AVR_LARGE, CUBE, 0.10f, 0.0f);
    avr_state st = begin(&s);
    assert_int_equal((st.know.fact[0] & AVR_KNOWS_BASE) != 0, family != AVR_OCCLUSION);
    float lo, hi;
    avr_elevation_range(&s, &lo, &hi);
    assert_true(lo == (family == AVR_STACK ? 20 : 15) && hi == (family == AVR_STACK ? 88 : 45));
    s.start.elevation = 70;
    avr_elevation_range(&s, &lo, &hi);
    assert_true(hi == (family == AVR_STACK ? 88 : 70));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_view_shows_and_hides),
      cmocka_unit_test(test_pixel_thresholds),
      cmocka_unit_test(test_region_closes_from_the_free_side),
      cmocka_unit_test(test_blocker_keeps_a_side_closed),
      cmocka_unit_test(test_irrelevant_regions),
      cmocka_unit_test(test_templates_by_hand),
      cmocka_unit_test(test_stack_needs_its_base),
      cmocka_unit_test(test_physical_actions),
      cmocka_unit_test(test_beyond_the_first_frame),
      cmocka_unit_test(test_unequal_stacks),
      cmocka_unit_test(test_foot_of_a_lone_cube),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
