// envs/avr/layouts_internal.h - the drawing functions behind the layout table; for layouts*.c only.
#ifndef GAZE_ENVS_AVR_LAYOUTS_INTERNAL_H
#define GAZE_ENVS_AVR_LAYOUTS_INTERNAL_H

#include "envs/avr/avr_internal.h"

static const float AVR_VIEWER_Y = -0.8157f;  // the viewer at 25 degrees stands over (0, y) [m]
static const float AVR_NARROW = 0.004f;      // smallest gap inside a group [m]

// ---- layouts_occlusion.c ----
float avr_between(gaze_rng *r, double lo, double hi);
// Unit vector on the table from the viewer at 25 degrees through the body and on.
void avr_away(const gaze_body *b, float dir[2]);
// The viewer of scenes seen from the front.
bool avr_begin_front(avr_scene *s);
// A large object at a random spot, `gap` from all others; its index, -1 if there is no room.
int avr_put_screen(gaze_rng *r, avr_scene *s, float gap);
// An object at `gap` from object `from` in direction (dx, dy); -1 if it does not fit.
int avr_put_beside(avr_scene *s, int from, int shape, int size, float dx, float dy, float gap,
                   float yaw);
// A small object behind the screen as the first viewer sees it, up to `aside` off the straight
// line; `gap` 0 draws one of two kinds, else it is the widest. -1 if it does not fit.
int avr_put_hidden(gaze_rng *r, avr_scene *s, int screen, double gap, double aside);
// A large object beside `inner`, in the way of a viewer at this azimuth; the last of the scene.
bool avr_put_blocker(gaze_rng *r, avr_scene *s, int inner, float azimuth);
// Objects in the open, mostly small: a large one is one more thing to look behind.
void avr_put_decoys(gaze_rng *r, avr_scene *s, int lo, int hi);

bool avr_draw_single_screen(gaze_rng *r, avr_scene *s);
bool avr_draw_twin_screens(gaze_rng *r, avr_scene *s);
bool avr_draw_wall(gaze_rng *r, avr_scene *s);
bool avr_draw_empty_screen(gaze_rng *r, avr_scene *s);
bool avr_draw_bare_screen(gaze_rng *r, avr_scene *s);
bool avr_draw_pocket(gaze_rng *r, avr_scene *s);
bool avr_draw_ring(gaze_rng *r, avr_scene *s);
bool avr_draw_open_table(gaze_rng *r, avr_scene *s);
bool avr_draw_file_behind(gaze_rng *r, avr_scene *s);
bool avr_draw_split_areas(gaze_rng *r, avr_scene *s);

// ---- layouts_stack.c ----
// A tower at a random spot; its lowest cube, -1 if there is no room.
int avr_put_tower(gaze_rng *r, avr_scene *s, int size, int height, double reach);
// Whether all levels from object `first` on fit: each is turned a little.
bool avr_levels_fit(const avr_scene *s, int first, float gap);
void avr_put_guards(gaze_rng *r, avr_scene *s, int inner);
// Makes cube i of a stack a small one; what lies on it comes down.
void avr_make_small(avr_scene *s, int i);
// A large cube on a small one between y_lo and y_hi; its lowest cube, -1 if there is no room.
int avr_put_overhang(gaze_rng *r, avr_scene *s, double y_lo, double y_hi);
void avr_put_stack_decoys(gaze_rng *r, avr_scene *s, int lo, int hi);

bool avr_draw_pair_overhead(gaze_rng *r, avr_scene *s);
bool avr_draw_triple_overhead(gaze_rng *r, avr_scene *s);
bool avr_draw_quad_overhead(gaze_rng *r, avr_scene *s);
bool avr_draw_plain_overhead(gaze_rng *r, avr_scene *s);
bool avr_draw_twin_towers(gaze_rng *r, avr_scene *s);
bool avr_draw_open_towers(gaze_rng *r, avr_scene *s);
bool avr_draw_overhang_pair(gaze_rng *r, avr_scene *s);
bool avr_draw_mushroom_row(gaze_rng *r, avr_scene *s);
bool avr_draw_stairs(gaze_rng *r, avr_scene *s);

// ---- layouts_heldout.c ----
bool avr_draw_staggered(gaze_rng *r, avr_scene *s);
bool avr_draw_peek(gaze_rng *r, avr_scene *s);
bool avr_draw_hourglass(gaze_rng *r, avr_scene *s);
bool avr_draw_tower_block(gaze_rng *r, avr_scene *s);

// ---- layouts_composite.c ----
bool avr_draw_tower_behind_screen(gaze_rng *r, avr_scene *s);
bool avr_draw_small_behind_tower(gaze_rng *r, avr_scene *s);
bool avr_draw_screen_and_tower(gaze_rng *r, avr_scene *s);
bool avr_draw_overhang_shadow(gaze_rng *r, avr_scene *s);
bool avr_draw_stacked_screen(gaze_rng *r, avr_scene *s);
bool avr_draw_twin_stacked_screens(gaze_rng *r, avr_scene *s);
bool avr_draw_tower_in_pocket(gaze_rng *r, avr_scene *s);
bool avr_draw_two_areas_mixed(gaze_rng *r, avr_scene *s);
bool avr_draw_deep_scene(gaze_rng *r, avr_scene *s);
bool avr_draw_cropped_view(gaze_rng *r, avr_scene *s);
bool avr_draw_open_mix(gaze_rng *r, avr_scene *s);
bool avr_draw_bare_mix(gaze_rng *r, avr_scene *s);

#endif
