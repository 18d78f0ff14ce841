// envs/affordance/env_affordance.c - see env_affordance.h: the region that fingers can touch, and
// touching it.
#include "envs/affordance/env_affordance.h"
#include <math.h>
#include "envs/avr/avr_internal.h"
#include "envs/avr/words.h"
#include "envs/tabletop/tabletop.h"

enum { PICK, PUSH, VERBS };
static const char *const verb[VERBS] = {"pick", "push"};
static const char *const direction[AVR_DIRS] = {"to the left", "to the right", "to the front",
                                                "to the back"};
static const double SURE = 0.05;  // more IoU than success asks for, of the truth

static bool can_touch(const tabletop *t, int i) {
  float dir[2];
  if (t->task.verb == PICK) return gaze_scene_graspable(t->now, t->task.scene.n, i);
  avr_dir_vector((avr_dir)t->task.dir, dir);
  return gaze_scene_pushable(t->now, t->task.scene.n, i, dir, GAZE_AFFORDANCE_PUSH_M);
}

static bool aim(tabletop *t, gaze_rng *r) {
  t->task.dir = gaze_rng_int(r, 0, AVR_DIRS - 1);
  return true;
}

static void say(const tabletop *t, gaze_buf *out) {
  gaze_buf_str(out, t->task.verb == PICK ? "pick up the " : "push the ");
  tabletop_called(&t->task, out);
  if (t->task.verb == PUSH) gaze_buf_printf(out, " %s", direction[t->task.dir]);
}

// The object nearest to i, by the gap between the two.
static int neighbour(const tabletop *t, int i) {
  int best = -1;
  float least = 1e9f;
  for (int k = 0; k < t->task.scene.n; k++) {
    const float gap = k == i ? 1e9f : avr_footprint_gap(&t->now[i], &t->now[k]);
    if (gap < least) least = gap, best = k;
  }
  return best;
}

static void think(const tabletop *t, const double box[4], gaze_buf *out) {
  const tabletop_task *k = &t->task;
  gaze_buf_str(out, "task: ");
  say(t, out);
  gaze_buf_str(out, "\nimage:\n");
  tabletop_seen_lines(t, out);
  if (k->target < 0) {
    gaze_buf_str(out, "region: none, there is no ");
    tabletop_called(k, out);
    gaze_buf_str(out, "\npossible: no\n");
    return;
  }
  gaze_buf_str(out, "region: ");
  tabletop_box_words(box, out);
  gaze_buf_str(out, "top of the ");
  tabletop_called(k, out);
  gaze_buf_str(out,
               k->verb == PICK ? ", the gripper can close on it" : ", the gripper can touch it");
  gaze_buf_str(out, "\npossible: yes, open space between it and the ");
  tabletop_name(k, neighbour(t, k->target), out);
  gaze_buf_str(out, "\n");
}

static bool solve(tabletop *t, gaze_buf *thought, gaze_buf *payload) {
  const int i = t->task.target;
  double box[4] = {0}, iou = 0.0;
  if (i >= 0) {
    const double z = gaze_scene_touch_z(&t->now[i], t->task.verb == PICK);
    if (!can_touch(t, i) || !tabletop_region(&t->view, i, z, box)) return false;
    gaze_vla_r1_giou(box, t->view.box[i], &iou, NULL);
    if (iou < TABLETOP_IOU + SURE) return false;
    tabletop_box_payload(t, box, payload);
  } else {
    gaze_buf_str(payload, "{}");
  }
  think(t, box, thought);
  return true;
}

static gaze_err touch(tabletop *t, int i, gaze_act_status *status) {
  float dir[2];
  *status = can_touch(t, i) ? GAZE_ACT_OK : GAZE_ACT_BLOCKED;
  if (!t->world) return GAZE_OK;
  if (t->task.verb == PICK) return gaze_world_lift(t->world, i, status);
  avr_dir_vector((avr_dir)t->task.dir, dir);
  return gaze_world_push(t->world, i, dir, GAZE_AFFORDANCE_PUSH_M, status);
}

// Box to depth to point to object to hand.
static gaze_err act(tabletop *t, const gaze_vla_r1_reply *r, tabletop_end *end) {
  double p[3], iou = 0.0;
  gaze_act_status status;
  *end = (tabletop_end){.status = "no_depth"};
  if (!tabletop_box_point(&t->view, r->box, p)) return GAZE_OK;
  const int i = tabletop_nearest(t->now, t->task.scene.n, p);
  end->status = "missed";
  if (i < 0) return GAZE_OK;
  GAZE_TRY(touch(t, i, &status));
  end->status = tabletop_status(status);
  if (i != t->task.target) return GAZE_OK;
  gaze_vla_r1_giou(r->box, t->view.box[i], &iou, NULL);
  end->success = status == GAZE_ACT_OK && iou >= TABLETOP_IOU;
  return GAZE_OK;
}

static const tabletop_game game = {
    .name = "affordance",
    .kind = GAZE_VLA_R1_BOX,
    .verbs = VERBS,
    .verb = verb,
    .aim = aim,
    .say = say,
    .ask =
        "predict the affordance, the region to touch, as a box {\"x\": x, \"y\": y, \"width\": "
        "width, \"height\": height}, centre and size from 0 to 1 of the image, or {} if it is "
        "not there.",
    .solve = solve,
    .act = act,
};

static gaze_err env_open(void **self, const gaze_cfg *cfg) {
  return tabletop_open(self, &game, cfg);
}

const gaze_env gaze_env_affordance = {.name = "affordance",
                                      .embodied = true,
                                      .open = env_open,
                                      .reset = tabletop_reset,
                                      .step = tabletop_step,
                                      .close = tabletop_close};
