// tests/sim/test_robot.c - robots as planners and MuJoCo see them, moved and grasping for real.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/file.h"
#include "core/rng.h"
#include "sim/robot_internal.h"

enum { N = GAZE_CHAIN_JOINTS_MAX, CUBES = 20 };

static const char *const names[2] = {"panda7", "ur5e6"};
static const double PI = 3.14159265358979323846;

// A robot in a compiled scene.
typedef struct rig {
  gaze_robot robot;
  mjSpec *spec;
  mjModel *m;
  mjData *d;
  gaze_plan plan;
} rig;

static rig *open_rig(const char *name, const gaze_pose *base) {
  rig *r = calloc(1, sizeof *r);
  gaze_err e = gaze_robot_open(&r->robot, name, base, &r->spec);
  if (e != GAZE_OK) print_message("%s\n", gaze_err_detail());
  assert_int_equal(e, GAZE_OK);
  return r;
}

static void compile(rig *r) {
  r->m = mj_compile(r->spec, NULL);
  if (r->m == NULL) print_message("%s\n", mjs_getError(r->spec));
  assert_non_null(r->m);
  r->d = mj_makeData(r->m);
  assert_non_null(r->d);
}

static void close_rig(rig *r) {
  mj_deleteData(r->d);
  mj_deleteModel(r->m);
  mj_deleteSpec(r->spec);
  free(r);
}

// Compares 100 random postures with MuJoCo's own kinematics.
static void fk_matches(rig *r) {
  gaze_rng rng;
  gaze_rng_init(&rng, 1, 0);
  const gaze_chain *c = &r->robot.arm.chain;
  int site = mj_name2id(r->m, mjOBJ_SITE, "tool");
  for (int trial = 0; trial < 100; trial++) {
    double q[N], quat[4], turn[3];
    for (int i = 0; i < c->n; i++) q[i] = gaze_rng_real(&rng, c->joint[i].lo, c->joint[i].hi);
    gaze_robot_place(&r->robot, r->d, q, 0.0);
    mj_kinematics(r->m, r->d);
    gaze_pose tool = gaze_chain_fk(c, q, NULL);
    mju_mat2Quat(quat, r->d->site_xmat + 9 * site);
    gaze_quat_error(turn, quat, tool.quat);
    assert_true(gaze_vec_distance(tool.pos, r->d->site_xpos + 3 * site) < 1e-9);
    assert_true(sqrt(gaze_vec_dot(turn, turn)) < 1e-9);
  }
}

static void test_fk_matches(void **state) {
  (void)state;
  gaze_pose base = {.pos = {0.1, -0.4, 0.03}};
  gaze_quat_axis(base.quat, (const double[3]){0, 0.6, 0.8}, 0.7);
  for (int k = 0; k < 2; k++) {
    rig *r = open_rig(names[k], &base);
    compile(r);
    fk_matches(r);
    // at home the hand is in front of the base
    gaze_pose tool = gaze_chain_fk(&r->robot.arm.chain, r->robot.arm.home, NULL);
    gaze_pose back = gaze_pose_inverse(&base), front = gaze_pose_mul(&back, &tool);
    assert_true(front.pos[0] > 0.25 && fabs(front.pos[1]) < 0.15);
    close_rig(r);
  }
}

static void test_limits_match(void **state) {
  (void)state;
  static const double panda_lo[7] = {-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973};
  for (int k = 0; k < 2; k++) {
    rig *r = open_rig(names[k], NULL);
    compile(r);
    const gaze_chain *c = &r->robot.arm.chain;
    assert_int_equal(c->n, k == 0 ? 7 : 6);
    for (int i = 0; i < c->n; i++) {
      int j = mj_name2id(r->m, mjOBJ_JOINT, c->joint[i].name);
      assert_int_equal(r->m->jnt_qposadr[j], r->robot.qpos[i]);
      assert_true(c->joint[i].lo == r->m->jnt_range[2 * j]);
      assert_true(c->joint[i].hi == r->m->jnt_range[2 * j + 1]);
      assert_true(c->joint[i].vel == r->m->jnt_user[3 * j]);
      assert_true(c->joint[i].acc == r->m->jnt_user[3 * j + 1]);
      assert_true(c->joint[i].effort == r->m->jnt_actfrcrange[2 * j + 1]);
      if (k == 0) assert_true(c->joint[i].lo == panda_lo[i]);
    }
    assert_true(fabs(r->robot.arm.open_m - (k == 0 ? 0.080 : 0.085)) < 5e-4);
    assert_true(r->robot.grip_closed[0] == 0.0 && r->robot.grip_open[0] > 0.039);
    for (int i = 0; i < r->robot.arm.hull.n; i++) {
      const gaze_capsule *cap = &r->robot.arm.hull.capsule[i];
      double way = sqrt(gaze_vec_dot(cap->opening, cap->opening));
      assert_true(fabs(way - (cap->finger ? 0.5 * r->robot.arm.open_m : 0.0)) < 1e-6);
    }
    close_rig(r);
  }
}

// The hull's distance to a floor is MuJoCo's, to the little the finger corners stick out.
static void test_hull_encloses(void **state) {
  (void)state;
  gaze_rng rng;
  gaze_rng_init(&rng, 2, 0);
  for (int k = 0; k < 2; k++) {
    rig *r = open_rig(names[k], NULL);
    compile(r);
    const gaze_arm *arm = &r->robot.arm;
    for (int trial = 0; trial < 50; trial++) {
      double q[N], low = INFINITY;
      for (int i = 0; i < arm->chain.n; i++) q[i] = arm->home[i] + gaze_rng_real(&rng, -0.5, 0.5);
      gaze_robot_place(&r->robot, r->d, q, 0.0);
      mj_kinematics(r->m, r->d);
      // lowest point of the fingers' boxes
      for (int g = 0; g < r->m->ngeom; g++) {
        if (r->m->geom_type[g] != mjGEOM_BOX) continue;
        const mjtNum *R = r->d->geom_xmat + 9 * g, *s = r->m->geom_size + 3 * g;
        double z = r->d->geom_xpos[3 * g + 2];
        low = fmin(low, z - fabs(R[6]) * s[0] - fabs(R[7]) * s[1] - fabs(R[8]) * s[2]);
      }
      gaze_solid floor = {.shape = GAZE_SOLID_PLANE, .pose = gaze_pose_identity()};
      floor.pose.pos[2] = low;
      gaze_hull fingers = {0};
      for (int i = 0; i < arm->hull.n; i++)
        if (arm->hull.capsule[i].finger) fingers.capsule[fingers.n++] = arm->hull.capsule[i];
      gaze_clutter w = {.solid = &floor, .n = 1, .target = -1, .held = -1, .margin = 0.005};
      double d = gaze_collide(&arm->chain, &fingers, &w, q, 0.0).distance;
      assert_true(fingers.n == 4 && d < 0.0045 && d > -0.006);
    }
    close_rig(r);
  }
}

// Follows the plan and then waits; returns the time simulated.
static void follow(rig *r, double wait_s) {
  double T = gaze_plan_duration(&r->plan) + wait_s, q[N], open;
  double from = r->d->time;
  while (r->d->time - from < T) {
    gaze_plan_eval(&r->plan, r->d->time - from, q, NULL, &open);
    gaze_robot_command(&r->robot, r->d, q, open);
    mj_step(r->m, r->d);
  }
  for (int k = 0; k < mjNWARNING; k++) assert_int_equal(r->d->warning[k].number, 0);
}

static void test_move_settles(void **state) {
  (void)state;
  for (int k = 0; k < 2; k++) {
    rig *r = open_rig(names[k], NULL);
    compile(r);
    const gaze_arm *arm = &r->robot.arm;
    gaze_planner p = gaze_planner_default(arm);
    gaze_pose target = {.pos = {0.45, -0.2, 0.25}, .quat = {0, 1, 0, 0}};
    gaze_robot_place(&r->robot, r->d, arm->home, 1.0);
    assert_int_equal(gaze_skill_reach(&p, arm->home, 1.0, &target, &r->plan), GAZE_OK);
    follow(r, 0.5);
    int site = mj_name2id(r->m, mjOBJ_SITE, "tool");
    double off = gaze_vec_distance(r->d->site_xpos + 3 * site, target.pos);
    print_message("%s settles %.2f mm from its target\n", names[k], 1e3 * off);
    assert_true(off < 1e-3);
    close_rig(r);
  }
}

static void add_box(mjSpec *s, const char *name, const double pos[3], const double quat[4],
                    const double half[3], bool moves) {
  mjsBody *b = mjs_addBody(mjs_findBody(s, "world"), NULL);
  mjs_setName(b->element, name);
  mju_copy3(b->pos, pos);
  mju_copy4(b->quat, quat);
  if (moves) mjs_addFreeJoint(b);
  mjsGeom *g = mjs_addGeom(b, NULL);
  g->type = mjGEOM_BOX;
  mju_copy3(g->size, half);
  g->condim = 6;
  g->density = 300.0;
  g->friction[0] = 1.0, g->friction[1] = 0.005, g->friction[2] = 0.002;
  g->solref[0] = 0.006, g->solref[1] = 1.0;
}

// A robot at the edge of the table of the AVR scenes, and a 36 mm cube on it, held by nothing but
// friction.
static rig *cube_scene(const char *name, const gaze_solid solid[2]) {
  gaze_pose base = {.pos = {0.0, -0.58, 0.0}};
  gaze_quat_axis(base.quat, (const double[3]){0, 0, 1}, 0.5 * PI);
  rig *r = open_rig(name, &base);
  add_box(r->spec, "table", solid[0].pose.pos, solid[0].pose.quat, solid[0].size, false);
  add_box(r->spec, "cube", solid[1].pose.pos, solid[1].pose.quat, solid[1].size, true);
  compile(r);
  gaze_robot_place(&r->robot, r->d, r->robot.arm.home, 1.0);
  return r;
}

static void cube_height(const rig *r, double pos[3]) {
  mju_copy3(pos, r->d->xpos + 3 * mj_name2id(r->m, mjOBJ_BODY, "cube"));
}

// One pick, and one place of what was picked; counts what worked.
static void pick_and_place(const char *name, gaze_rng *rng, int *picked, int *placed) {
  gaze_solid s[2] = {{.shape = GAZE_SOLID_BOX,
                      .pose = {.pos = {0, 0, -0.02}, .quat = {1, 0, 0, 0}},
                      .size = {0.62, 0.5, 0.02}},
                     {.shape = GAZE_SOLID_BOX, .size = {0.018, 0.018, 0.018}}};
  gaze_quat_axis(s[1].pose.quat, (const double[3]){0, 0, 1}, gaze_rng_real(rng, -PI, PI));
  s[1].pose.pos[0] = gaze_rng_real(rng, -0.3, 0.3), s[1].pose.pos[2] = 0.018;
  s[1].pose.pos[1] = gaze_rng_real(rng, -0.25, 0.1);
  rig *r = cube_scene(name, s);
  gaze_planner p = gaze_planner_default(&r->robot.arm);
  p.solid = s, p.solids = 2, p.table_z = 0.0;

  double pos[3], q[N], open;
  assert_int_equal(gaze_skill_pick(&p, r->robot.arm.home, 1.0, 1, &r->plan), GAZE_OK);
  follow(r, 1.0);
  cube_height(r, pos);
  bool up = pos[2] > 0.10 + 0.018;
  *picked += up;

  const double spot[3] = {-0.2, 0.05, 0.0};
  gaze_plan_eval(&r->plan, 1e9, q, NULL, &open);
  p.held = 1;
  assert_int_equal(gaze_skill_place(&p, q, spot, &r->plan), GAZE_OK);
  follow(r, 0.5);
  cube_height(r, pos);
  *placed += up && hypot(pos[0] - spot[0], pos[1] - spot[1]) < 0.01 && fabs(pos[2] - 0.018) < 0.002;
  close_rig(r);
}

static void test_pick_by_friction(void **state) {
  (void)state;
  for (int k = 0; k < 2; k++) {
    gaze_rng rng;
    int picked = 0, placed = 0;
    gaze_rng_init(&rng, 4, (uint64_t)k);
    for (int trial = 0; trial < CUBES; trial++) pick_and_place(names[k], &rng, &picked, &placed);
    print_message("%s: %d of %d cubes lifted, %d set down in place\n", names[k], picked, CUBES,
                  placed);
    assert_true(picked >= CUBES * 8 / 10 && placed >= CUBES * 7 / 10);
  }
}

// ---- files

// Opens text as a file of the given name; returns the error, the robot in *r if it worked.
static gaze_err open_text(const char *file, const char *text, gaze_robot *r) {
  char dir[GAZE_DIR_TEMP_MAX], path[GAZE_DIR_TEMP_MAX + 32];
  mjSpec *spec = NULL;
  assert_int_equal(gaze_dir_temp(dir), GAZE_OK);
  snprintf(path, sizeof path, "%s/%s", dir, file);
  assert_int_equal(gaze_file_write_atomic(path, text, strlen(text)), GAZE_OK);
  gaze_err e = gaze_robot_open(r, path, NULL, &spec);
  assert_true((e == GAZE_OK) == (spec != NULL));
  mj_deleteSpec(spec);
  assert_int_equal(gaze_dir_remove(dir), GAZE_OK);
  return e;
}

// The built-in panda7 with `old` replaced by `by` everywhere; the caller frees it.
static char *panda_with(const char *old, const char *by) {
  const gaze_robot_file *f = gaze_robot_files;
  while (strcmp(f->name, "panda7") != 0) f++;
  char *text = calloc(2, strlen(f->xml) + 1), *end = text;
  assert_non_null(strstr(f->xml, old));
  for (const char *at = f->xml; *at;) {
    bool hit = strncmp(at, old, strlen(old)) == 0;
    end += hit ? sprintf(end, "%s", by) : sprintf(end, "%c", *at);
    at += hit ? strlen(old) : 1;
  }
  return text;
}

static void refused(const char *old, const char *by, gaze_err want, const char *word) {
  gaze_robot r;
  char *text = panda_with(old, by);
  gaze_err e = open_text("robot.xml", text, &r);
  if (e != want || strstr(gaze_err_detail(), word) == NULL)
    print_message("%s\n", gaze_err_detail());
  assert_int_equal(e, want);
  assert_non_null(strstr(gaze_err_detail(), word));
  free(text);
}

static const char *const two_joints =
    "<mujoco><worldbody><body><joint name='a'/><geom size='0.1'/><body pos='0 0 0.3'>"
    "<joint name='b' axis='0 1 0'/><geom size='0.1'/></body></body></worldbody>"
    "<actuator><position joint='a' kp='10'/><position joint='b' kp='10'/></actuator></mujoco>";

static void test_bad_files(void **state) {
  (void)state;
  gaze_robot r;
  mjSpec *spec = NULL;
  assert_int_equal(gaze_robot_open(&r, "no/such.xml", NULL, &spec), GAZE_ERR_NOTFOUND);
  assert_null(spec);
  assert_int_equal(gaze_robot_open(&r, NULL, NULL, &spec), GAZE_ERR_ARG);
  assert_int_equal(open_text("robot.xml", "", &r), GAZE_ERR_FORMAT);
  assert_int_equal(open_text("robot.xml", "<mujoco", &r), GAZE_ERR_FORMAT);
  assert_int_equal(open_text("robot.xml", "<mujoco/>", &r), GAZE_ERR_UNSUPPORTED);
  assert_int_equal(open_text("robot.xml", two_joints, &r), GAZE_ERR_UNSUPPORTED);
  assert_non_null(strstr(gaze_err_detail(), "no gripper: the arm ends without fingers"));
  refused("</worldbody>", "", GAZE_ERR_FORMAT, "does not parse");
  refused("0.012516 0.010027", "1 0.010027", GAZE_ERR_FORMAT, "robot.xml does not compile");
  refused("<position name=\"joint3\"", "<motor name=\"joint3\"", GAZE_ERR_FORMAT, "robot.xml");
  refused("joint=\"joint7\" kp=\"1500\"", "joint=\"joint6\" kp=\"1500\"", GAZE_ERR_UNSUPPORTED,
          "joint7 has no position actuator");
  refused("<position name=\"joint7\" joint=\"joint7\" kp=\"1500\" dampratio=\"1\"",
          "<general name=\"joint7\" joint=\"joint7\" gainprm=\"100\" biastype=\"affine\" "
          "biasprm=\"0 -50 0\"",
          GAZE_ERR_UNSUPPORTED, "joint7 has no position actuator");
  refused("<position name=\"grip\" tendon=\"grip\"", "<position name=\"grip\" joint=\"joint1\"",
          GAZE_ERR_UNSUPPORTED, "no actuator moves the fingers");
  refused("ctrlrange=\"0 0.04\"", "ctrlrange=\"0 0.002\"", GAZE_ERR_UNSUPPORTED, "do not open");
}

// A joint off its body's origin and with a reference angle.
static void test_odd_joints(void **state) {
  (void)state;
  char dir[GAZE_DIR_TEMP_MAX], path[GAZE_DIR_TEMP_MAX + 32];
  char *text = panda_with("<joint name=\"joint4\"",
                          "<joint name=\"joint4\" pos=\"0.01 0.02 0.03\" ref=\"-1\"");
  assert_int_equal(gaze_dir_temp(dir), GAZE_OK);
  snprintf(path, sizeof path, "%s/robot.xml", dir);
  assert_int_equal(gaze_file_write_atomic(path, text, strlen(text)), GAZE_OK);
  rig *r = open_rig(path, NULL);
  compile(r);
  fk_matches(r);
  close_rig(r);
  free(text);
  assert_int_equal(gaze_dir_remove(dir), GAZE_OK);
}

// Without the site the tool frame is found between the fingertips: the same frame.
static void test_tool_without_site(void **state) {
  (void)state;
  gaze_robot with, without;
  char *text = panda_with("name=\"tool\"", "name=\"other\"");
  assert_int_equal(open_text("robot.xml", text, &without), GAZE_OK);
  free(text);
  mjSpec *spec = NULL;
  assert_int_equal(gaze_robot_open(&with, "panda7", NULL, &spec), GAZE_OK);
  mj_deleteSpec(spec);
  double turn[3];
  gaze_quat_error(turn, with.arm.chain.tool.quat, without.arm.chain.tool.quat);
  assert_true(gaze_vec_distance(with.arm.chain.tool.pos, without.arm.chain.tool.pos) < 1e-3);
  assert_true(sqrt(gaze_vec_dot(turn, turn)) < 0.02);
}

// Which end of the controls opens the hand is found, not assumed.
static void test_grip_ends(void **state) {
  (void)state;
  static const char *const old = "kp=\"5000\" kv=\"100\" ctrlrange=\"0 0.04\"";
  static const char *const by[2] = {"kp=\"5000\" kv=\"100\" ctrlrange=\"-0.01 0.04\"",
                                    "kp=\"5000\" kv=\"100\" gear=\"-1\" ctrlrange=\"-0.04 0\""};
  static const double ends[2][2] = {{-0.01, 0.04}, {0.0, -0.04}};  // closed, open
  for (int k = 0; k < 2; k++) {
    gaze_robot r;
    char *text = panda_with(old, by[k]);
    assert_int_equal(open_text("robot.xml", text, &r), GAZE_OK);
    free(text);
    assert_true(r.grip_closed[0] == ends[k][0] && r.grip_open[0] == ends[k][1]);
    assert_true(fabs(r.arm.open_m - 0.08) < 1e-3);
  }
}

// Bodies added behind the robot leave its addresses as they are.
static void test_addresses_hold(void **state) {
  (void)state;
  rig *r = open_rig("ur5e6", NULL);
  const double pos[3] = {0.5, 0, 0.1}, quat[4] = {1, 0, 0, 0}, half[3] = {0.02, 0.02, 0.02};
  for (int k = 0; k < 3; k++)
    add_box(r->spec, k == 0 ? "a" : k == 1 ? "b" : "c", pos, quat, half, true);
  compile(r);
  for (int i = 0; i < r->robot.arm.chain.n; i++) {
    int j = mj_name2id(r->m, mjOBJ_JOINT, r->robot.arm.chain.joint[i].name);
    assert_int_equal(r->m->jnt_qposadr[j], r->robot.qpos[i]);
    assert_int_equal(r->m->jnt_dofadr[j], r->robot.dof[i]);
    assert_int_equal(r->m->actuator_trnid[2 * r->robot.ctrl[i]], j);
  }
  double q[N];
  gaze_robot_place(&r->robot, r->d, r->robot.arm.home, 0.25);
  gaze_robot_posture(&r->robot, r->d, q);
  assert_memory_equal(q, r->robot.arm.home, sizeof(double) * 6);
  assert_true(fabs(r->d->ctrl[r->robot.grip[0]] - 0.25 * 0.0425) < 1e-12);
  close_rig(r);
}

static const char *const urdf =
    "<robot name='small'><link name='base'/>"
    "<link name='a'><inertial><mass value='1'/><inertia ixx='.01' iyy='.01' izz='.01' ixy='0' "
    "ixz='0' iyz='0'/></inertial><collision><origin xyz='0 0 .1'/><geometry><cylinder radius='.03' "
    "length='.2'/></geometry></collision></link>"
    "<link name='b'><inertial><mass value='1'/><inertia ixx='.01' iyy='.01' izz='.01' ixy='0' "
    "ixz='0' iyz='0'/></inertial></link>"
    "<link name='l'><inertial><mass value='.1'/><inertia ixx='.001' iyy='.001' izz='.001' ixy='0' "
    "ixz='0' iyz='0'/></inertial><collision><origin xyz='0 .01 .03'/><geometry><box size='.02 .01 "
    ".06'/></geometry></collision></link>"
    "<link name='r'><inertial><mass value='.1'/><inertia ixx='.001' iyy='.001' izz='.001' ixy='0' "
    "ixz='0' iyz='0'/></inertial><collision><origin xyz='0 -.01 .03'/><geometry><box size='.02 .01 "
    ".06'/></geometry></collision></link>"
    "<joint name='one' type='revolute'><parent link='base'/><child link='a'/><axis xyz='0 0 1'/>"
    "<limit lower='-2' upper='2' effort='30' velocity='1'/></joint>"
    "<joint name='two' type='revolute'><parent link='a'/><child link='b'/><origin xyz='0 0 .2'/>"
    "<axis xyz='0 1 0'/><limit lower='-1' upper='1.5' effort='20' velocity='1'/></joint>"
    "<joint name='left' type='prismatic'><parent link='b'/><child link='l'/><origin xyz='0 0 .3'/>"
    "<axis xyz='0 1 0'/><limit lower='0' upper='.03' effort='10' velocity='1'/></joint>"
    "<joint name='right' type='prismatic'><parent link='b'/><child link='r'/><origin xyz='0 0 "
    ".3'/><axis xyz='0 -1 0'/><limit lower='0' upper='.03' effort='10' velocity='1'/></joint>"
    "</robot>";

static void test_urdf(void **state) {
  (void)state;
  gaze_robot r;
  gaze_err e = open_text("robot.urdf", urdf, &r);
  if (e != GAZE_OK) print_message("%s\n", gaze_err_detail());
  assert_int_equal(e, GAZE_OK);
  assert_int_equal(r.arm.chain.n, 2);
  assert_int_equal(r.grips, 2);
  assert_string_equal(r.arm.chain.joint[1].name, "two");
  assert_true(r.arm.chain.joint[1].lo == -1.0 && r.arm.chain.joint[1].hi == 1.5);
  assert_true(fabs(r.arm.open_m - 0.06) < 1e-3);
  // 0.2 to the second joint, 0.3 to the fingers, 0.06 of finger
  const double q[2] = {0.0, 0.0}, want[3] = {0.0, 0.0, 0.56};
  gaze_pose tool = gaze_chain_fk(&r.arm.chain, q, NULL);
  assert_true(gaze_vec_distance(tool.pos, want) < 2e-3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_fk_matches),
      cmocka_unit_test(test_limits_match),
      cmocka_unit_test(test_hull_encloses),
      cmocka_unit_test(test_move_settles),
      cmocka_unit_test(test_pick_by_friction),
      cmocka_unit_test(test_bad_files),
      cmocka_unit_test(test_tool_without_site),
      cmocka_unit_test(test_grip_ends),
      cmocka_unit_test(test_odd_joints),
      cmocka_unit_test(test_addresses_hold),
      cmocka_unit_test(test_urdf),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
