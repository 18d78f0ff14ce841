// tests/envs/fixture_worlds.h - answers of a question by enumerating worlds, for tests to compare
// the oracle with. Shares no code with program.c, regions.c or evaluate.c.
#ifndef GAZE_TESTS_FIXTURE_WORLDS_H
#define GAZE_TESTS_FIXTURE_WORLDS_H

#include "envs/avr/avr.h"

// Answer over the whole scene; -1 if the question has none (nothing or more than one is meant, a
// tie, a stack without a centre).
int worlds_truth(const avr_scene *s, const avr_question *q);

// Answers over every world that agrees with what is known and in which the question has one: bit k
// stands for value k. 0 if there is no such world. (That the name of what P3 and X1 compare with
// fits nothing else is left out: it tells too little of the rest to be worth a thought.)
//
// A world gives each known object values for those not known, and adds unseen ones: small, at open
// places in the shadow of something (two an owner at most, those found there included, and only
// where three or more open places could matter to the question), and cubes under the visible top of
// a stack that is not closed (four cubes at most). Twelve objects at most.
uint32_t worlds_answers(const avr_scene *s, const avr_question *q, const avr_state *st);

#endif
