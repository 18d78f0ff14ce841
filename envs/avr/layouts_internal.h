// envs/avr/layouts_internal.h - the drawing functions behind the layout table; for layouts*.c only.
#ifndef GAZE_ENVS_AVR_LAYOUTS_INTERNAL_H
#define GAZE_ENVS_AVR_LAYOUTS_INTERNAL_H

#include "envs/avr/avr_internal.h"

// ---- layouts_occlusion.c ----
bool avr_draw_single_screen(gaze_rng *r, avr_scene *s);
bool avr_draw_twin_screens(gaze_rng *r, avr_scene *s);
bool avr_draw_wall(gaze_rng *r, avr_scene *s);
bool avr_draw_empty_screen(gaze_rng *r, avr_scene *s);
bool avr_draw_bare_screen(gaze_rng *r, avr_scene *s);
bool avr_draw_pocket(gaze_rng *r, avr_scene *s);
bool avr_draw_ring(gaze_rng *r, avr_scene *s);
bool avr_draw_open_table(gaze_rng *r, avr_scene *s);

// ---- layouts_stack.c ----
bool avr_draw_pair_overhead(gaze_rng *r, avr_scene *s);
bool avr_draw_triple_overhead(gaze_rng *r, avr_scene *s);
bool avr_draw_quad_overhead(gaze_rng *r, avr_scene *s);
bool avr_draw_plain_overhead(gaze_rng *r, avr_scene *s);
bool avr_draw_twin_towers(gaze_rng *r, avr_scene *s);
bool avr_draw_open_towers(gaze_rng *r, avr_scene *s);

#endif
