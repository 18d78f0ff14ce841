// tests/motion/fixture_arm.h - arms to test with: a planar one for sums by hand, two real ones.
#ifndef GAZE_TESTS_MOTION_FIXTURE_ARM_H
#define GAZE_TESTS_MOTION_FIXTURE_ARM_H

#include "core/rng.h"
#include "motion/skill.h"

// Two hinges about z, links of 0.4 and 0.3 m along x, one slide along z at the end.
gaze_chain planar_arm(void);
// Franka Emika Panda, flange + 0.1034 m hand (FCI documentation, DH parameters and limits).
gaze_chain panda_arm(void);
// Universal Robots UR5e with a tool 0.15 m before the flange (maker's DH table).
gaze_chain ur5e_arm(void);

// The two above with a hull, a parallel hand that opens 80 mm, and a home posture over the table.
gaze_arm panda_with_hand(void);
gaze_arm ur5e_with_hand(void);

// A posture within the limits and within one turn round the middle.
void random_posture(const gaze_chain *c, gaze_rng *r, double *q);

#endif
