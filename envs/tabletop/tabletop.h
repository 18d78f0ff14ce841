// envs/tabletop/tabletop.h - what the box and path tasks (affordance, trajectory) share: a
// cluttered table, an instruction, its picture with depth, one reply, an arm that carries it out.
//
// Reading order: scene.c draws a table and who is meant, view.c looks (masks, depth, back to
// 3-D), words.c says it, table.c plays one episode; a task adds its game (tabletop_game).
#ifndef GAZE_ENVS_TABLETOP_TABLETOP_H
#define GAZE_ENVS_TABLETOP_TABLETOP_H

#include "core/buf.h"
#include "core/rng.h"
#include "envs/avr/avr.h"
#include "envs/rewards/vla_r1.h"
#include "sim/world.h"

enum {
  TABLETOP_OBJECTS_MIN = 3,
  TABLETOP_OBJECTS_MAX = 8,
  TABLETOP_JUDGE = 448,     // pixels of the picture that depth and truth are read from
  TABLETOP_SEEN = 30,       // of these pixels, for an object to be there
  TABLETOP_NAMED = 100,     // and to be named by an instruction
  TABLETOP_POINTS_MIN = 3,  // waypoints of a path
  TABLETOP_POINTS_MAX = 10,
};

#define TABLETOP_IOU 0.5       // of a box with the target's visible box, at least
#define TABLETOP_NEAR_M 0.015  // a point this near to an object means it [m]
#define TABLETOP_ALL (AVR_KNOWS_COLOUR | AVR_KNOWS_SHAPE | AVR_KNOWS_SIZE)

// A drawn table and what the instruction says of it. Everything random of an episode.
typedef struct tabletop_task {
  avr_scene scene;       // bodies and their values; no stacks
  int verb;              // of the game
  int target;            // object meant, -1: absent
  int value[AVR_ATTRS];  // what it is called
  int side;              // avr_dir that tells it from another of its name, -1: the only one
  int dir;               // avr_dir of a push or of a place, TABLETOP_TRAY
  int anchor;            // object a place is told by, -1
} tabletop_task;
enum { TABLETOP_TRAY = AVR_DIRS };

// What the camera measures: depth and masks at the judge's size.
typedef struct tabletop_view {
  gaze_camera cam;
  float *depth;                          // [JUDGE,JUDGE] metres along the optical axis, 0 = nothing
  int16_t *ids;                          // [JUDGE,JUDGE]
  int pixels[GAZE_SCENE_BODIES_MAX];     // seen of each object
  double box[GAZE_SCENE_BODIES_MAX][4];  // x0 y0 x1 y1 of what is seen, 0..1
} tabletop_view;

// How a reply was carried out.
typedef struct tabletop_end {
  const char *status;  // static: ok, no_depth, missed, blocked, slipped, toppled, timeout
  bool success;        // an absent target apart, which table.c judges
  double goal_dist;    // of the object from the middle of its goal [m]; 0 where there is none
} tabletop_end;

typedef struct tabletop tabletop;

// What a task adds. All pure but for the table they are given.
typedef struct tabletop_game {
  const char *name;  // "affordance": prefix of its settings
  gaze_vla_r1_kind kind;
  int verbs;
  const char *const *verb;  // [verbs], at most 7 bytes each
  // draws direction and anchor for a task whose objects stand; false: draw the table anew
  bool (*aim)(tabletop *t, gaze_rng *r);
  // writes the instruction, without a full stop
  void (*say)(const tabletop *t, gaze_buf *out);
  const char *ask;  // the sentence that names task and shape
  // writes the thought and the payload of the reference for the bodies as they are; false: no truth
  bool (*solve)(tabletop *t, gaze_buf *thought, gaze_buf *payload);
  // carries a reply of `kind` out: with the arm if t->world, else by geometry; while t->rehearsing
  // nothing moves, and success is that it should. Errors: the world's
  gaze_err (*act)(tabletop *t, const gaze_vla_r1_reply *r, tabletop_end *end);
} tabletop_game;

struct tabletop {
  const tabletop_game *game;
  gaze_exec *ex;
  gaze_world *world;  // of this episode; NULL without execution
  char robot[512];
  int image_size, objects, digits;
  double absent, twins;
  bool tell, execute;

  tabletop_task task;
  gaze_body now[GAZE_SCENE_BODIES_MAX];  // where the objects are
  tabletop_view view;
  bool playing, rehearsing;
  uint8_t *rgb;  // [image_size,image_size,3]
  gaze_image image;
  gaze_truth truth;
  gaze_buf text, reply, reference;
  gaze_buf told;  // the reference of the last step: an outcome outlives the next reset
};

// ---- table.c: the seam's four functions; an environment's open names its game ----
gaze_err tabletop_open(void **self, const tabletop_game *game, const gaze_cfg *cfg);  // [rt: init]
gaze_err tabletop_reset(void *self, uint64_t seed, gaze_obs *obs);                    // [rt: never]
gaze_err tabletop_step(void *self, const gaze_act *act, gaze_obs *obs,
                       gaze_outcome *out);  // [rt: never]
void tabletop_close(void **self);           // [rt: never]
// Name of an action's end, as in tabletop_end.status.  [rt: safe]
const char *tabletop_status(gaze_act_status s);

// ---- scene.c ----
// Draws n objects, no two of a name but, with `twins`, objects 0 and 1. False: no room.  [rt:
// never]
bool tabletop_draw(gaze_rng *r, int n, bool twins, avr_scene *s);
// Chooses the target (object 0) and how it is called: of twins by the side where it stands; an
// absent one is called like an object with one attribute changed. False: cannot be told apart.
// [rt: never]
bool tabletop_choose(gaze_rng *r, bool twins, bool absent, tabletop_task *task);

// ---- view.c ----
// Renders the present bodies into v.  [rt: never]
gaze_err tabletop_look(gaze_exec *ex, const gaze_body *bodies, int n, tabletop_view *v);
// The point `depth` metres along the optical axis behind a picture point (0..1).  [rt: safe]
void tabletop_point(const tabletop_view *v, const double at[2], double depth, double p[3]);
// The surface seen at a picture point: median depth of 5 x 5 pixels. False where there is none.
// [rt: safe]
bool tabletop_surface(const tabletop_view *v, const double at[2], double p[3]);
// The surface a box means: median depth of its central 30 %, else 60 %, behind its centre. False:
// fewer than 9 valid pixels.  [rt: never]
bool tabletop_box_point(const tabletop_view *v, const double box[4], double p[3]);
// Where the ray through a picture point meets the plane at height z. False: it does not.  [rt:
// safe]
bool tabletop_plane(const tabletop_view *v, const double at[2], double z, double p[3]);
// Where a point is seen, 0..1; false behind the camera or outside.  [rt: safe]
bool tabletop_project(const tabletop_view *v, const double p[3], double at[2]);
// Box of what is seen of object i above height z, 0..1. False: nothing.  [rt: safe]
bool tabletop_region(const tabletop_view *v, int i, double z, double box[4]);
// The object whose surface is nearest to a point, -1 beyond TABLETOP_NEAR_M.  [rt: safe]
int tabletop_nearest(const gaze_body *bodies, int n, const double p[3]);

// ---- words.c ----
// "left small red sphere": what the instruction calls the target.  [rt: never]
void tabletop_called(const tabletop_task *task, gaze_buf *out);
// "small red cube".  [rt: never]
void tabletop_name(const tabletop_task *task, int object, gaze_buf *out);
// "[30 41 44 60] " and a name; integers are hundredths of width and height.  [rt: never]
void tabletop_box_words(const double box[4], gaze_buf *out);
// A line "[30 41 44 60] name" for each object seen, from left to right.  [rt: never]
void tabletop_seen_lines(const tabletop *t, gaze_buf *out);
// Numbers of a payload, rounded to t->digits.  [rt: never]
void tabletop_box_payload(const tabletop *t, const double box[4], gaze_buf *out);
void tabletop_path_payload(const tabletop *t, const double (*point)[2], int n, gaze_buf *out);

#endif
