// tests/envs/test_affordance.c - boxes: the oracle's are grasped and pushed on both arms, others
// are not.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "envs/affordance/env_affordance.h"
#include "sim/world_internal.h"
#include "tests/envs/fixture_tabletop.h"

static const gaze_env *const env = &gaze_env_affordance;
static const char *const fast[] = {"affordance.execute=false", NULL};
static const char *const there[] = {"affordance.absent=0", NULL};
static const char *const fast_there[] = {"affordance.execute=false", "affordance.absent=0", NULL};

static void test_oracle(void **state) {
  (void)state;
  for (int r = 0; r < 2; r++) {
    char robot[64];
    snprintf(robot, sizeof robot, "affordance.robot=%s", tabletop_robots[r]);
    const char *const more[] = {robot, NULL};
    tabletop *t = tabletop_test_open(env, more);
    tabletop_test_oracle(env, t, 0, 6);
    tabletop_test_close(env, t);
  }
}

static void test_geometry(void **state) {
  (void)state;
  tabletop *t = tabletop_test_open(env, fast);
  const int absent = tabletop_test_oracle(env, t, 0, 80);
  assert_true(absent > 1 && absent < 20);
  assert_null(t->world);
  tabletop_test_close(env, t);
}

static void box_of(const tabletop *t, int i, double grow, char *out, size_t cap) {
  const double *b = t->view.box[i];
  snprintf(out, cap,
           "<think>t</think><output>{\"x\": %.4f, \"y\": %.4f, \"width\": %.4f, \"height\": "
           "%.4f}</output>",
           0.5 * (b[0] + b[2]), 0.5 * (b[1] + b[3]), grow * (b[2] - b[0]), grow * (b[3] - b[1]));
}

// The whole object's box does as well as the truth's; one that is far too large does not, though
// the hand takes the right object; that of another object takes the other.
static void test_boxes(void **state) {
  (void)state;
  tabletop *t = tabletop_test_open(env, there);
  char reply[256];
  int wrong = 0;
  for (uint64_t seed = 20; seed < 26; seed++) {
    tabletop_test_reset(env, t, seed);
    if (t->task.verb != 0) continue;
    box_of(t, t->task.target, 1.0, reply, sizeof reply);
    gaze_outcome out = tabletop_test_step(env, t, reply);
    assert_true(out.correct && out.reward < 1.0f && out.reward > 0.7f);

    tabletop_test_reset(env, t, seed);
    box_of(t, t->task.target, 1.5, reply, sizeof reply);
    out = tabletop_test_step(env, t, reply);
    assert_string_equal(out.status, "ok");
    assert_false(out.correct);

    tabletop_test_reset(env, t, seed);
    for (int i = 0; i < t->task.scene.n; i++) {
      if (i == t->task.target || t->view.pixels[i] < 400) continue;
      box_of(t, i, 1.0, reply, sizeof reply);
      out = tabletop_test_step(env, t, reply);
      assert_false(out.correct);
      wrong += strcmp(out.status, "ok") == 0;
      break;
    }
  }
  assert_true(wrong > 0);
  tabletop_test_close(env, t);
}

// Boxes on nothing, on the table, and {} for what is there.
static void test_nothing(void **state) {
  (void)state;
  static const struct {
    const char *payload, *status;
  } row[] = {
      {"{\"x\": 0.5, \"y\": 0.01, \"width\": 0.04, \"height\": 0.02}", "no_depth"},
      {"{\"x\": 0.5, \"y\": 0.97, \"width\": 0.04, \"height\": 0.04}", "missed"},
      {"{\"x\": 9, \"y\": -7, \"width\": 0.1, \"height\": 0.1}", "no_depth"},
      {"{}", "ok"},
  };
  tabletop *t = tabletop_test_open(env, there);
  char reply[256];
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    tabletop_test_reset(env, t, 31);
    const gaze_outcome out =
        tabletop_test_step(env, t, tabletop_test_wrap(reply, sizeof reply, row[i].payload));
    if (strcmp(out.status, row[i].status) != 0) fail_msg("row %zu: %s", i, out.status);
    assert_true(!out.correct && out.terminated);
  }
  tabletop_test_close(env, t);
}

// Nobody is there: {} is right, and whatever box is wrong.
static void test_absent(void **state) {
  (void)state;
  const char *const more[] = {"affordance.absent=1", NULL};
  tabletop *t = tabletop_test_open(env, more);
  char reply[256], name[96];
  assert_int_equal(tabletop_test_oracle(env, t, 40, 5), 5);
  for (uint64_t seed = 40; seed < 43; seed++) {
    const gaze_obs obs = tabletop_test_reset(env, t, seed);
    assert_non_null(strstr(obs.truth->reply, "<output>{}</output>"));
    assert_non_null(strstr(obs.text, obs.truth->answer));
    for (int i = 0; i < obs.truth->boxes; i++)
      assert_string_not_equal(obs.truth->box[i].name, obs.truth->answer);
    snprintf(name, sizeof name, "%s", obs.truth->answer);
    box_of(t, 0, 1.0, reply, sizeof reply);
    const gaze_outcome out = tabletop_test_step(env, t, reply);
    assert_false(out.correct);
    assert_true(out.reward <= 0.1f + 1e-6f);
  }
  tabletop_test_close(env, t);
}

// Two of a name: the words say which, and the box of the other one is wrong.
static void test_twins(void **state) {
  (void)state;
  const char *const more[] = {"affordance.absent=0", "affordance.twins=1",
                              "affordance.execute=false", NULL};
  tabletop *t = tabletop_test_open(env, more);
  char reply[256];
  int sides[AVR_DIRS] = {0};
  for (uint64_t seed = 0; seed < 40; seed++) {
    const gaze_obs obs = tabletop_test_reset(env, t, seed);
    const tabletop_task *k = &t->task;
    const float *a = t->now[0].pos, *b = t->now[1].pos;
    int same = 0;
    for (int i = 0; i < k->scene.n; i++)
      same += !memcmp(k->scene.object[i].value, k->value, sizeof k->value);
    assert_true(same == 2 && k->target == 0 && k->side >= 0);
    sides[k->side]++;
    const bool says = (k->side == AVR_LEFT && a[0] < b[0]) ||
                      (k->side == AVR_RIGHT && a[0] > b[0]) ||
                      (k->side == AVR_FRONT && a[1] < b[1]) || (k->side == AVR_BACK && a[1] > b[1]);
    assert_true(says);
    static const char *const word[AVR_DIRS] = {" left ", " right ", " front ", " back "};
    assert_non_null(strstr(obs.text, word[k->side]));
    box_of(t, 1, 1.0, reply, sizeof reply);
    assert_false(tabletop_test_step(env, t, reply).correct);
  }
  for (int i = 0; i < AVR_DIRS; i++) assert_true(sides[i] > 0);
  tabletop_test_close(env, t);
}

// No two objects of a name otherwise, 3 to 8 of them, and both verbs.
static void test_tables(void **state) {
  (void)state;
  const char *const more[] = {"affordance.twins=0", "affordance.execute=false", NULL};
  tabletop *t = tabletop_test_open(env, more);
  int count[TABLETOP_OBJECTS_MAX + 1] = {0}, verbs[2] = {0};
  for (uint64_t seed = 0; seed < 120; seed++) {
    const gaze_obs obs = tabletop_test_reset(env, t, seed);
    const tabletop_task *k = &t->task;
    count[k->scene.n]++;
    verbs[k->verb]++;
    for (int i = 0; i < k->scene.n; i++)
      for (int j = 0; j < i; j++)
        assert_true(memcmp(k->scene.object[i].value, k->scene.object[j].value, sizeof k->value) !=
                    0);
    assert_int_equal(strncmp(obs.text, k->verb ? "push the " : "pick up the ", k->verb ? 9 : 12),
                     0);
    assert_non_null(strstr(obs.text, "\n<image>"));
    assert_string_equal(obs.truth->layout, "panda7");
  }
  for (int n = TABLETOP_OBJECTS_MIN; n <= TABLETOP_OBJECTS_MAX; n++) assert_true(count[n] > 0);
  assert_true(verbs[0] > 30 && verbs[1] > 30);
  tabletop_test_close(env, t);
}

// Height of the target's surface at a pixel, -1 where it is not seen.
static double height_at(const tabletop *t, int x, int y) {
  const double at[2] = {(x + 0.5) / TABLETOP_JUDGE, (y + 0.5) / TABLETOP_JUDGE};
  double p[3];
  if (t->view.ids[y * TABLETOP_JUDGE + x] != t->task.target) return -1.0;
  tabletop_point(&t->view, at, (double)t->view.depth[y * TABLETOP_JUDGE + x], p);
  return p[2];
}

// The truth's box holds all that is seen of the object above the fingertips, and each of its edges
// touches some of it: to a pixel, and what is lower does not count.
static void test_region(void **state) {
  (void)state;
  tabletop *t = tabletop_test_open(env, fast_there);
  int lower = 0;
  for (uint64_t seed = 0; seed < 20; seed++) {
    const gaze_obs obs = tabletop_test_reset(env, t, seed);
    const double touch = gaze_scene_touch_z(&t->now[t->task.target], t->task.verb == 0);
    const double grain = 1.5 / TABLETOP_JUDGE;
    bool edge[4] = {false};
    gaze_vla_r1_reply r;
    gaze_vla_r1_parse(obs.truth->reply, strlen(obs.truth->reply), NULL, 0, &r);
    assert_int_equal(r.kind, GAZE_VLA_R1_BOX);
    for (int y = 0; y < TABLETOP_JUDGE; y++) {
      for (int x = 0; x < TABLETOP_JUDGE; x++) {
        const double z = height_at(t, x, y), u = (x + 0.5) / TABLETOP_JUDGE;
        const double v = (y + 0.5) / TABLETOP_JUDGE;
        const bool in = u > r.box[0] - grain && u < r.box[2] + grain && v > r.box[1] - grain &&
                        v < r.box[3] + grain;
        if (z > touch + 0.001) assert_true(in);
        if (z < touch - 0.001) {
          lower += z > 0.0 && !in;
          continue;
        }
        edge[0] = edge[0] || u < r.box[0] + 2 * grain,
        edge[1] = edge[1] || v < r.box[1] + 2 * grain;
        edge[2] = edge[2] || u > r.box[2] - 2 * grain,
        edge[3] = edge[3] || v > r.box[3] - 2 * grain;
      }
    }
    for (int k = 0; k < 4; k++) assert_true(edge[k]);
  }
  assert_true(lower > 1000);  // else the region was the whole object
  tabletop_test_close(env, t);
}

// A pixel's depth leads back to what was rendered there: every seen pixel of an object lies on it.
static void test_back_projection(void **state) {
  (void)state;
  tabletop *t = tabletop_test_open(env, fast_there);
  int looked = 0;
  for (uint64_t seed = 0; seed < 4; seed++) {
    tabletop_test_reset(env, t, seed);
    for (int y = 0; y < TABLETOP_JUDGE; y += 3) {
      for (int x = 0; x < TABLETOP_JUDGE; x += 3) {
        const int id = t->view.ids[y * TABLETOP_JUDGE + x];
        const double at[2] = {(x + 0.5) / TABLETOP_JUDGE, (y + 0.5) / TABLETOP_JUDGE};
        double p[3], back[2], q[3];
        if (id < 0) continue;
        tabletop_point(&t->view, at, (double)t->view.depth[y * TABLETOP_JUDGE + x], p);
        assert_true(tabletop_project(&t->view, p, back));
        assert_true(fabs(back[0] - at[0]) < 1e-5 && fabs(back[1] - at[1]) < 1e-5);
        if (id == GAZE_SCENE_ID_TABLE && p[2] > -0.001) {
          assert_true(tabletop_plane(&t->view, at, 0.0, q));
          for (int k = 0; k < 3; k++) assert_true(fabs(p[k] - q[k]) < 2e-4);
        }
        if (id >= t->task.scene.n) continue;
        const gaze_solid s = gaze_scene_solid(&t->now[id]);
        assert_true(fabs(gaze_solid_distance(&s, p)) < 2e-4);
        looked++;
      }
    }
  }
  assert_true(looked > 1000);
  tabletop_test_close(env, t);
}

static void test_seam(void **state) {
  (void)state;
  tabletop_test_equal_seeds(env, NULL);
  tabletop_test_malformed(env, fast_there);
  tabletop_test_fault(env, there);
}

// What the arm loses is a failure though the box is right.
static void test_slips(void **state) {
  (void)state;
  tabletop *t = tabletop_test_open(env, there);
  uint64_t seed = 50;
  for (; t->task.verb != 0 || seed == 50; seed++) tabletop_test_reset(env, t, seed);
  for (int g = 0; g < t->world->m->ngeom; g++)
    if (t->world->m->geom_priority[g] > 0) t->world->m->geom_friction[3 * g] = 1e-5;
  const gaze_outcome out = tabletop_test_step(env, t, t->truth.reply);
  assert_string_equal(out.status, "slipped");
  assert_true(!out.correct && fabsf(out.reward - 1.0f) < 1e-6f);
  tabletop_test_close(env, t);
}

static void test_settings(void **state) {
  (void)state;
  assert_int_equal(tabletop_test_refused(env, "affordance.robot=no/such.xml"), GAZE_ERR_NOTFOUND);
  assert_int_equal(tabletop_test_refused(env, "affordance.objects=2"), GAZE_ERR_ARG);
  assert_int_equal(tabletop_test_refused(env, "affordance.objects=9"), GAZE_ERR_ARG);
  assert_int_equal(tabletop_test_refused(env, "affordance.absent=1.5"), GAZE_ERR_ARG);
  assert_int_equal(tabletop_test_refused(env, "affordance.digits=1"), GAZE_ERR_ARG);
  const char *const more[] = {"affordance.objects=8", "affordance.digits=2",
                              "affordance.execute=false", "affordance.absent=0", NULL};
  tabletop *t = tabletop_test_open(env, more);
  tabletop_test_oracle(env, t, 0, 20);
  assert_int_equal(t->task.scene.n, 8);
  double x = 0.0;
  const char *at = strstr(t->truth.reply, "\"x\": ");
  assert_non_null(at);
  assert_int_equal(sscanf(at, "\"x\": %lf", &x), 1);
  assert_true(fabs(100.0 * x - round(100.0 * x)) < 1e-9 && at[9] == ',');
  tabletop_test_close(env, t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_oracle), cmocka_unit_test(test_geometry),
      cmocka_unit_test(test_boxes),  cmocka_unit_test(test_nothing),
      cmocka_unit_test(test_absent), cmocka_unit_test(test_twins),
      cmocka_unit_test(test_tables), cmocka_unit_test(test_region),
      cmocka_unit_test(test_seam),   cmocka_unit_test(test_back_projection),
      cmocka_unit_test(test_slips),  cmocka_unit_test(test_settings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
