// tests/view/fixture_log.h - a small log with everything a viewer shows.
#ifndef GAZE_TESTS_VIEW_FIXTURE_LOG_H
#define GAZE_TESTS_VIEW_FIXTURE_LOG_H

#include "envs/env.h"

// The message of the first decision, and its reply: a box from 20 to 59 hundredths.
extern const char fixture_user[], fixture_reply[];

// A truth with three objects, the last of them not seen yet, and the options of fixture_user.
gaze_truth fixture_truth(void);

// Writes `episodes` episodes of two decisions: red pictures, then green ones. With `scenes`, the
// truth says what stands where. Returns false and says why on stderr if that fails.
bool fixture_log_write(const char *path, int episodes, bool scenes);

#endif
