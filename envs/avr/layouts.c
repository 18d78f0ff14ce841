// envs/avr/layouts.c - the table of scene layouts; a new one is a function and a line here.
// Held-out ones stand last.
#include "envs/avr/layouts_internal.h"

const avr_layout avr_layouts[] = {
    {"single_screen", AVR_OCCLUSION, false, false, avr_draw_single_screen},
    {"twin_screens", AVR_OCCLUSION, false, false, avr_draw_twin_screens},
    {"wall", AVR_OCCLUSION, false, false, avr_draw_wall},
    {"empty_screen", AVR_OCCLUSION, false, false, avr_draw_empty_screen},
    {"bare_screen", AVR_OCCLUSION, false, false, avr_draw_bare_screen},
    {"pocket", AVR_OCCLUSION, false, false, avr_draw_pocket},
    {"ring", AVR_OCCLUSION, false, false, avr_draw_ring},
    {"open_table", AVR_OCCLUSION, false, false, avr_draw_open_table},
    {"pair_overhead", AVR_STACK, false, false, avr_draw_pair_overhead},
    {"triple_overhead", AVR_STACK, false, false, avr_draw_triple_overhead},
    {"quad_overhead", AVR_STACK, false, false, avr_draw_quad_overhead},
    {"plain_overhead", AVR_STACK, false, false, avr_draw_plain_overhead},
    {"twin_towers", AVR_STACK, false, false, avr_draw_twin_towers},
    {"open_towers", AVR_STACK, false, false, avr_draw_open_towers},
    {"staggered", AVR_OCCLUSION, true, false, avr_draw_staggered},
    {"peek", AVR_OCCLUSION, true, false, avr_draw_peek},
    {"stacked_screen", AVR_OCCLUSION, true, false, avr_draw_stacked_screen},
    {"hourglass", AVR_STACK, true, false, avr_draw_hourglass},
    {"tower_block", AVR_STACK, true, false, avr_draw_tower_block},
    {0},
};
