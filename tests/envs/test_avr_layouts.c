// tests/envs/test_avr_layouts.c - every layout of avr.md section 3 against its definition, by rays:
// what the first view hides, what hides it, and what an action opens.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "envs/avr/avr_internal.h"
#include "sim/world.h"

enum { SEEDS = 3 };

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

// ---- what rays tell ----

// Objects that a view of these bodies shows, a bit each.
static unsigned seen_from(const avr_scene *s, const gaze_body *body, float azimuth,
                          float elevation) {
  const avr_view *view;
  gaze_viewer v = s->start;
  v.azimuth = azimuth, v.elevation = elevation;
  assert_int_equal(avr_see(oracle, s, body, &v, &view), GAZE_OK);
  return view->visible;
}

static bool large(const avr_scene *s, int i) {
  return s->object[i].stack < 0 && s->object[i].value[AVR_SIZE] == AVR_LARGE;
}

static bool loose_hidden(const avr_scene *s, int i) {
  return s->object[i].hidden && s->object[i].stack < 0;
}

static bool rests_on(const avr_scene *s, int i, int j) {
  const gaze_body *a = &s->body[i], *b = &s->body[j];
  float dx = a->pos[0] - b->pos[0], dy = a->pos[1] - b->pos[1];
  return i != j && a->pos[2] - a->half > b->pos[2] && hypotf(dx, dy) < b->half;
}

// Hidden objects that the first view shows once the objects `away` (a bit each) are gone, with
// their stacks and what lies on them.
static unsigned shows_without(const avr_scene *s, unsigned away) {
  gaze_body body[GAZE_SCENE_BODIES_MAX];
  unsigned hidden = 0;
  memcpy(body, s->body, sizeof body);
  for (int i = 0; i < s->n; i++) {
    for (int j = 0; j < s->n; j++) {
      bool together = s->object[j].stack >= 0 && s->object[i].stack == s->object[j].stack;
      if (away >> j & 1) body[i].gone |= i == j || together || rests_on(s, i, j);
    }
    if (s->object[i].hidden && !body[i].gone) hidden |= 1u << i;
  }
  return hidden & seen_from(s, body, s->start.azimuth, s->start.elevation);
}

static unsigned hides(const avr_scene *s, int j) {
  return shows_without(s, 1u << j);
}

static int height(const avr_scene *s, int stack) {
  int n = 0;
  for (int i = 0; i < s->n; i++) n += s->object[i].stack == stack;
  return n;
}

static int cube_of(const avr_scene *s, int stack, int level) {
  for (int i = 0; i < s->n; i++)
    if (s->object[i].stack == stack && s->object[i].level == level) return i;
  fail_msg("stack %d has no level %d", stack, level);
  return -1;
}

static int count_hidden(const avr_scene *s, bool loose) {
  int n = 0;
  for (int i = 0; i < s->n; i++) n += s->object[i].hidden && (s->object[i].stack < 0) == loose;
  return n;
}

static float behind(const avr_scene *s, int i, int j) {
  return s->body[i].pos[1] - s->body[j].pos[1];
}

// Number of large loose objects that hide something, the last of them in *screen.
static int screens(const avr_scene *s, int *screen) {
  int n = 0;
  for (int i = 0; i < s->n; i++)
    if (large(s, i) && hides(s, i)) n++, *screen = i;
  return n;
}

// Whether some view shows hidden object i and not j.
static bool parts(const avr_scene *s, int i, int j) {
  for (int a = -90; a <= 90; a += 30)
    for (int k = 0; k < 2; k++) {
      unsigned v = seen_from(s, s->body, (float)a, k ? 45.0f : 25.0f);
      if ((v >> i & 1) && !(v >> j & 1)) return true;
    }
  return false;
}

static void two_hidden(const avr_scene *s, int *a, int *b) {
  *a = *b = -1;
  for (int i = 0; i < s->n; i++)
    if (loose_hidden(s, i)) *(*a < 0 ? a : b) = i;
  assert_true(*b >= 0);
}

// ---- occlusion ----

static void check_single_screen(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  int f = -1, h = 0;
  assert_int_equal(count_hidden(s, true), 1);
  while (!s->object[h].hidden) h++;
  assert_true(screens(s, &f) >= 1);
  for (int i = 0; i < s->n; i++)
    if (large(s, i) && hides(s, i) && behind(s, h, i) > 0) f = i;
  assert_in_range((int)(1e3f * avr_footprint_gap(&s->body[f], &s->body[h])), 4, 45);
}

static void check_twin_screens(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  unsigned by[GAZE_SCENE_BODIES_MAX], both = 0;
  assert_int_equal(count_hidden(s, true), 2);
  for (int i = 0; i < s->n; i++) by[i] = large(s, i) ? hides(s, i) : 0;
  for (int i = 0; i < s->n; i++)
    for (int j = 0; j < s->n; j++)
      if (i != j && by[i] && by[j] && by[i] != by[j]) both |= by[i] | by[j];
  for (int i = 0; i < s->n; i++) assert_int_equal(s->object[i].hidden, both >> i & 1);
}

// One screen, two in file: some view shows the near one and still hides the far one.
static void check_file_behind(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  int a, b;
  two_hidden(s, &a, &b);
  int near = behind(s, b, a) > 0 ? a : b, far = near == a ? b : a;
  assert_true(behind(s, far, near) > 0.025f);
  assert_true(avr_footprint_gap(&s->body[a], &s->body[b]) < 0.012f);
  bool one = false;
  for (int i = 0; i < s->n; i++) one |= large(s, i) && hides(s, i) == (1u << a | 1u << b);
  assert_true(one);
  assert_true(parts(s, near, far));
}

// Gap of two objects as seen along the line between them [m].
static float side_by_side(const gaze_body *a, const gaze_body *b) {
  float x = b->pos[0] - a->pos[0], y = b->pos[1] - a->pos[1], d = hypotf(x, y);
  return d - avr_reach(a, x / d, y / d) - avr_reach(b, x / d, y / d);
}

static void check_wall(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  bool wall = false;
  assert_int_equal(count_hidden(s, true), 2);
  for (int i = 0; i < s->n; i++)
    for (int j = 0; j < i; j++)
      if (large(s, i) && large(s, j) && shows_without(s, 1u << i | 1u << j))
        wall |= side_by_side(&s->body[i], &s->body[j]) < 0.0101f;
  assert_true(wall);
}

static void check_empty_screen(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  int empty = 0, f;
  assert_int_equal(count_hidden(s, true), 1);
  assert_true(screens(s, &f) >= 1);
  for (int i = 0; i < s->n; i++) empty += large(s, i) && !hides(s, i);
  assert_true(empty >= 1);
}

// Large objects within 60 mm of the first hidden one.
static int neighbours(const avr_scene *s, int hidden) {
  int h = 0, near = 0;
  assert_int_equal(count_hidden(s, true), hidden);
  while (!s->object[h].hidden) h++;
  for (int i = 0; i < s->n; i++)
    near += large(s, i) && avr_footprint_gap(&s->body[i], &s->body[h]) < 0.06f;
  return near;
}

static void check_staggered(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  int a, b;
  two_hidden(s, &a, &b);
  assert_true(fabsf(behind(s, a, b)) > 0.01f);
  assert_true(parts(s, a, b) || parts(s, b, a));
}

static void check_pocket(const avr_episode *e) {
  assert_true(neighbours(&e->scene, 1) >= 3);
}

static void check_ring(const avr_episode *e) {
  assert_true(neighbours(&e->scene, 1) >= 4);
}

static void check_peek(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  int slivers = 0;
  for (int i = 0; i < s->n; i++) {
    int fact = e->state.know.fact[i];
    if (!loose_hidden(s, i) || !(fact & AVR_KNOWS_COLOUR)) continue;
    slivers++;
    assert_false(fact & (AVR_KNOWS_SHAPE | AVR_KNOWS_SIZE));
  }
  assert_true(slivers >= 1);
}

static void check_split_areas(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  int screen[2] = {0}, hidden[2] = {0};
  for (int i = 0; i < s->n; i++) {
    screen[s->body[i].pos[0] > 0] += large(s, i) && hides(s, i);
    hidden[s->body[i].pos[0] > 0] += loose_hidden(s, i);
  }
  for (int k = 0; k < 2; k++) assert_true(screen[k] >= 1 && hidden[k] >= 1 && hidden[k] <= 2);
}

// ---- stack ----

// A stack of these sizes, bottom first, whose lowest cubes do not show; its number.
static int check_stack(const avr_episode *e, const int *size, int n, float elevation, int covered) {
  const avr_scene *s = &e->scene;
  assert_true(s->start.elevation == elevation);
  for (int k = 0; k < s->stacks; k++) {
    if (height(s, k) != n) continue;
    bool fits = true;
    for (int j = 0; j < n; j++) {
      int i = cube_of(s, k, j), first = cube_of(s, k, 0);
      int want = size ? size[j] : s->object[first].value[AVR_SIZE];
      fits &= s->object[i].value[AVR_SIZE] == want && (j >= covered || s->object[i].hidden);
    }
    if (fits) return k;
  }
  fail_msg("no such stack");
  return -1;
}

static void check_pair_overhead(const avr_episode *e) {
  check_stack(e, NULL, 2, 88, 1);
}

static void check_triple_overhead(const avr_episode *e) {
  check_stack(e, NULL, 3, 88, 2);
}

static void check_quad_overhead(const avr_episode *e) {
  static const int small[4] = {AVR_SMALL, AVR_SMALL, AVR_SMALL, AVR_SMALL};
  check_stack(e, small, 4, 88, 3);
}

static void check_plain_overhead(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  int single = 0;
  assert_true(s->start.elevation == 88);
  for (int k = 0; k < s->stacks; k++) single += height(s, k) == 1;
  assert_true(single >= 1 || e->question.id != AVR_K1);
}

// Overhang pairs of which the lower cube shows from lower down only.
static int overhangs(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  int n = 0;
  assert_true(s->start.elevation == 70);
  for (int k = 0; k < s->stacks; k++) {
    if (height(s, k) != 2) continue;
    int low = cube_of(s, k, 0), top = cube_of(s, k, 1);
    if (s->object[low].value[AVR_SIZE] != AVR_SMALL || s->object[top].value[AVR_SIZE] != AVR_LARGE)
      continue;
    n++;
    gaze_body body[GAZE_SCENE_BODIES_MAX];
    memcpy(body, s->body, sizeof body);
    for (int i = 0; i < s->n; i++) body[i].gone = i != low && i != top;
    assert_true(s->object[low].hidden);
    assert_false(seen_from(s, body, 0, 70) >> low & 1);
    assert_true(seen_from(s, body, 0, 45) >> low & 1);
    assert_true(fabsf(body[low].pos[2] - 0.018f) < 1e-6f &&
                fabsf(body[top].pos[2] - 0.072f) < 1e-6f);
  }
  return n;
}

static void check_overhang_pair(const avr_episode *e) {
  assert_int_equal(overhangs(e), 1);
}

static void check_mushroom_row(const avr_episode *e) {
  assert_in_range(overhangs(e), 2, 3);
}

static void check_hourglass(const avr_episode *e) {
  static const int size[3] = {AVR_LARGE, AVR_SMALL, AVR_LARGE};
  int k = check_stack(e, size, 3, 70, 0);
  assert_true(e->scene.object[cube_of(&e->scene, k, 1)].hidden);
}

// Near stack hides lower cubes of another, whose top shows.
static bool covers(const avr_scene *s, int near, int far) {
  unsigned by = hides(s, cube_of(s, near, 0));
  int top = cube_of(s, far, height(s, far) - 1);
  if (s->object[top].hidden || behind(s, top, cube_of(s, near, 0)) < 0) return false;
  for (int i = 0; i < s->n; i++)
    if (s->object[i].stack == far && (by >> i & 1)) return true;
  return false;
}

static void check_twin_towers(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  bool twin = false;
  assert_true(s->start.elevation == 25);
  for (int a = 0; a < s->stacks; a++)
    for (int b = 0; b < s->stacks; b++) twin |= a != b && covers(s, a, b);
  assert_true(twin);
}

static void check_tower_block(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  int pairs = 0;
  for (int k = 0; k < s->stacks; k++) pairs += height(s, k) == 2;
  assert_int_equal(pairs, 4);
  assert_true(s->start.elevation == 25);
  assert_in_range(count_hidden(s, false), 1, 2);
}

static void check_stairs(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  assert_true(s->start.elevation == 25);
  int base[3];
  for (int k = 0; k < 3; k++) {
    assert_int_equal(height(s, k), 3 - k);
    base[k] = cube_of(s, k, 0);
  }
  assert_true(behind(s, base[1], base[0]) > 0.1f && behind(s, base[2], base[1]) > 0.1f);
  assert_true(s->object[base[1]].hidden);
  assert_true(covers(s, 0, 1));
}

// ---- composite ----

// A tower whose lowest cube is behind a screen and whose top shows; its number.
static int tower_behind(const avr_scene *s) {
  for (int k = 0; k < s->stacks; k++) {
    int low = cube_of(s, k, 0), top = cube_of(s, k, height(s, k) - 1);
    if (!s->object[low].hidden || s->object[top].hidden) continue;
    for (int i = 0; i < s->n; i++)
      if (large(s, i) && (hides(s, i) >> low & 1)) return k;
  }
  fail_msg("no tower behind a screen");
  return -1;
}

static void check_tower_behind_screen(const avr_episode *e) {
  int k = tower_behind(&e->scene);
  assert_in_range(height(&e->scene, k), 2, 4);
}

// Bits of the loose small objects that towers hide.
static unsigned behind_towers(const avr_scene *s) {
  unsigned mask = 0;
  for (int k = 0; k < s->stacks; k++) {
    unsigned by = height(s, k) > 1 ? hides(s, cube_of(s, k, 0)) : 0;
    for (int i = 0; i < s->n; i++)
      if (loose_hidden(s, i)) mask |= by & 1u << i;
  }
  return mask;
}

static void check_small_behind_tower(const avr_episode *e) {
  assert_int_equal(count_hidden(&e->scene, true), 1);
  assert_true(behind_towers(&e->scene));
}

static void check_screen_and_tower(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  avr_question any = {.id = AVR_K1, .anchor = -1, .stack = -1, .filter = {{-1, -1, -1}}};
  avr_region r[GAZE_SCENE_BODIES_MAX];
  int n = avr_unseen_regions(s, &any, &e->state, r), f = -1, open[2] = {0};
  assert_true(screens(s, &f) >= 1);
  for (int k = 0; k < n; k++) open[s->object[r[k].object].stack >= 0]++;
  assert_true(open[0] >= 1 && open[1] >= 1);
}

static void check_overhang_shadow(const avr_episode *e) {
  assert_int_equal(overhangs(e), 1);
  assert_true(behind_towers(&e->scene));
}

// A screen with a cube on it, which has to go first.
static bool stacked(const avr_scene *s, int f) {
  for (int i = 0; i < s->n; i++) {
    if (!large(s, f) || !rests_on(s, i, f)) continue;
    gaze_body body[GAZE_SCENE_BODIES_MAX];
    memcpy(body, s->body, sizeof body);
    assert_false(gaze_scene_graspable(body, s->n, f));
    assert_true(gaze_scene_graspable(body, s->n, i));
    return true;
  }
  return false;
}

// Screens with a cube on them: those that hide something and those that do not.
static void count_stacked(const avr_scene *s, int count[2]) {
  count[0] = count[1] = 0;
  for (int f = 0; f < s->n; f++)
    if (stacked(s, f)) count[hides(s, f) != 0]++;
}

static void check_stacked_screen(const avr_episode *e) {
  int n[2];
  count_stacked(&e->scene, n);
  assert_true(n[0] == 0 && n[1] == 1);
}

static void check_twin_stacked_screens(const avr_episode *e) {
  int n[2];
  count_stacked(&e->scene, n);
  assert_int_equal(count_hidden(&e->scene, true), 1);
  assert_true(n[0] == 1 && n[1] == 1);
}

static void check_tower_in_pocket(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  int base = cube_of(s, tower_behind(s), 0), sides = 0;
  for (int i = 0; i < s->n; i++)
    sides += large(s, i) && fabsf(behind(s, i, base)) < 0.045f &&
             avr_footprint_gap(&s->body[i], &s->body[base]) < 0.03f;
  assert_true(sides >= 1);
}

// Screens that hide something stand in one area, towers in the other.
static void check_two_areas_mixed(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  unsigned towers = behind_towers(s);
  int side[2] = {0};
  for (int i = 0; i < s->n; i++)
    if (s->object[i].stack >= 0) side[s->body[i].pos[0] > 0]++;
  assert_true(towers && (side[0] == 0) != (side[1] == 0));
  bool other = false;
  for (int i = 0; i < s->n; i++) other |= loose_hidden(s, i) && side[s->body[i].pos[0] > 0] == 0;
  assert_true(other);
}

static void check_deep_scene(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  int n[2];
  count_stacked(s, n);
  assert_in_range(n[0] + n[1], 1, 2);
  for (int i = 0; i < s->n; i++)
    for (int j = 0; j < s->n; j++) {
      if (!large(s, j) || !stacked(s, j)) continue;
      if (s->object[i].stack >= 0) assert_true(behind(s, i, j) < 0);
      if (loose_hidden(s, i)) assert_true(behind(s, i, j) > 0 || !(hides(s, j) >> i & 1));
    }
  assert_true(e->optimal_steps >= 3);
}

// One area lies beyond the frame, and turning there gains.
static void check_cropped_view(const avr_episode *e) {
  const avr_scene *s = &e->scene;
  float side = s->start.pan > 0 ? 1.0f : -1.0f;
  int beyond = 0;
  assert_true(fabsf(s->start.pan) == 20);
  for (int i = 0; i < s->n; i++) {
    bool out = avr_owner_at(s, s->body[i].pos) == AVR_OUTSIDE;
    assert_int_equal(out, s->body[i].pos[0] * side < 0);
    if (out) assert_true(s->object[i].hidden);
    beyond += out;
  }
  assert_in_range(beyond, 1, AVR_OUTSIDE_MAX);
  avr_question any = {.id = AVR_K1, .anchor = -1, .stack = -1, .filter = {{-1, -1, -1}}};
  avr_option turn = {.kind = AVR_TURN, .pan = -20 * side};
  avr_state after;
  bool possible;
  assert_int_equal(avr_imagine(oracle, s, &e->state, &turn, &after, &possible), GAZE_OK);
  assert_true(possible && avr_gain(s, &any, &e->state, &after) > 0);
}

// ---- episodes ----

typedef struct layout_case {
  const char *name;
  avr_family family;
  void (*check)(const avr_episode *e);
} layout_case;

static bool sufficient(const avr_episode *e) {
  avr_values v;
  avr_possible(&e->scene, &e->question, &e->state, &v);
  assert_true(v.possible[e->question.answer]);
  return avr_sufficient(&v);
}

static void check_options(const avr_episode *e) {
  int n = 0, useful = 0;
  for (int k = 0; k < e->options; k++) {
    n += e->option[k].kind != AVR_ANSWER;
    useful += (e->option[k].label & (GAZE_OPT_GAINING | GAZE_OPT_OPTIMAL)) != 0;
  }
  assert_in_range(n, 5, AVR_ACTIONS_MAX);
  assert_in_range(n - useful, 3, 5);
}

// Optimal options lead to sufficiency in as many steps as were stored.
static void follow_plan(const avr_settings *set, avr_episode *e) {
  for (int step = e->optimal_steps; step > 0; step--) {
    assert_false(sufficient(e));
    int best = avr_best_option(e);
    assert_true(e->option[best].label & GAZE_OPT_OPTIMAL);
    avr_option a = e->option[best];
    avr_state after;
    bool possible;
    assert_int_equal(avr_imagine(oracle, &e->scene, &e->state, &a, &after, &possible), GAZE_OK);
    assert_true(possible);
    e->state = after;
    if (step > 1) assert_int_equal(avr_list_options(oracle, set, e), GAZE_OK);
  }
  assert_true(sufficient(e));
}

// Whatever is tried, the truth is never ruled out.
static void play_at_random(avr_episode *e, uint64_t seed) {
  gaze_rng r;
  gaze_rng_init(&r, seed, 9);
  for (int t = 0; t < AVR_T_MAX; t++) {
    avr_option a[64];
    avr_state after;
    bool possible;
    int n = avr_actions(&e->scene, &e->state, a, 64);
    if (n == 0) break;
    const avr_option *o = &a[gaze_rng_int(&r, 0, n - 1)];
    assert_int_equal(avr_imagine(oracle, &e->scene, &e->state, o, &after, &possible), GAZE_OK);
    e->state = after;
    sufficient(e);
  }
}

static const avr_layout *find(const char *name) {
  for (const avr_layout *l = avr_layouts; l->name; l++)
    if (strcmp(l->name, name) == 0) return l;
  fail_msg("no layout is named %s", name);
  return NULL;
}

static void test_layout(void **state) {
  static avr_episode e;
  const layout_case *c = *state;
  const avr_layout *l = find(c->name);
  avr_settings set = {.judge_size = 224, .search_depth = 4, .complete = true};
  set.layout = l->name, set.sufficient_share = 0;
  if (strcmp(l->name, "deep_scene") == 0) set.search_depth = 6;
  set.split = l->held_out ? AVR_LAYOUTS_SPLIT : AVR_MAIN_SPLIT;
  assert_int_equal(l->family, c->family);
  int tries[SEEDS];
  for (int j = 0; j < SEEDS; j++) {
    uint64_t seed = (l->held_out ? 3000000u : 2000000u) + 7u * (unsigned)j + 3u;
    if (avr_generate(oracle, &set, seed, &e)) fail_msg("%s: %s", l->name, gaze_err_detail());
    assert_string_equal(avr_layouts[e.scene.layout].name, l->name);
    tries[j] = e.tries;
    assert_true(e.optimal_steps >= 1);
    check_options(&e);
    c->check(&e);
    const avr_state start = e.state;
    play_at_random(&e, seed);
    e.state = start;
    follow_plan(&set, &e);
  }
  print_message("%s: %d, %d, %d draws\n", l->name, tries[0], tries[1], tries[2]);
}

// Outside the default world a layout needs avr.complete or the layouts split; a family as well.
static void test_complete_is_asked_for(void **state) {
  (void)state;
  static avr_episode e;
  for (const avr_layout *l = avr_layouts; l->name; l++) {
    avr_settings set = {.judge_size = 224, .search_depth = 4, .sufficient_share = -1};
    set.layout = l->name;
    if (!l->complete) continue;
    assert_false(l->held_out);
    assert_int_equal(avr_generate(oracle, &set, 2000002, &e), GAZE_ERR_ARG);
  }
  avr_settings set = {.judge_size = 224, .search_depth = 4, .sufficient_share = -1};
  set.family = "composite";
  assert_int_equal(avr_generate(oracle, &set, 2000002, &e), GAZE_ERR_ARG);
  set.complete = true;
  for (uint64_t seed = 2000004; seed < 2000007; seed++) {
    // a sufficient control, one that hides nothing, and a main episode
    assert_int_equal(avr_generate(oracle, &set, seed, &e), GAZE_OK);
    assert_int_equal(e.scene.family, AVR_COMPOSITE);
    assert_int_equal(e.control, seed % 12 < 2);
    assert_int_equal(sufficient(&e), seed % 12 == 0);
  }
}

#define LAYOUT(family, name)                         \
  {                                                  \
#name, test_layout, NULL, NULL, &(layout_case) { \
#name, family, check_##name                    \
    }                                                \
  }

int main(void) {
  const struct CMUnitTest tests[] = {
      LAYOUT(AVR_OCCLUSION, single_screen),
      LAYOUT(AVR_OCCLUSION, twin_screens),
      LAYOUT(AVR_OCCLUSION, file_behind),
      LAYOUT(AVR_OCCLUSION, wall),
      LAYOUT(AVR_OCCLUSION, empty_screen),
      LAYOUT(AVR_OCCLUSION, staggered),
      LAYOUT(AVR_OCCLUSION, pocket),
      LAYOUT(AVR_OCCLUSION, ring),
      LAYOUT(AVR_OCCLUSION, peek),
      LAYOUT(AVR_OCCLUSION, split_areas),
      LAYOUT(AVR_STACK, pair_overhead),
      LAYOUT(AVR_STACK, triple_overhead),
      LAYOUT(AVR_STACK, quad_overhead),
      LAYOUT(AVR_STACK, overhang_pair),
      LAYOUT(AVR_STACK, hourglass),
      LAYOUT(AVR_STACK, mushroom_row),
      LAYOUT(AVR_STACK, twin_towers),
      LAYOUT(AVR_STACK, tower_block),
      LAYOUT(AVR_STACK, stairs),
      LAYOUT(AVR_STACK, plain_overhead),
      LAYOUT(AVR_COMPOSITE, tower_behind_screen),
      LAYOUT(AVR_COMPOSITE, small_behind_tower),
      LAYOUT(AVR_COMPOSITE, screen_and_tower),
      LAYOUT(AVR_COMPOSITE, overhang_shadow),
      LAYOUT(AVR_COMPOSITE, stacked_screen),
      LAYOUT(AVR_COMPOSITE, twin_stacked_screens),
      LAYOUT(AVR_COMPOSITE, tower_in_pocket),
      LAYOUT(AVR_COMPOSITE, two_areas_mixed),
      LAYOUT(AVR_COMPOSITE, deep_scene),
      LAYOUT(AVR_COMPOSITE, cropped_view),
      cmocka_unit_test(test_complete_is_asked_for),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
