// tests/nn/fixture_file.h - files in a folder of the test's own, and checks on error sentences.
#ifndef GAZE_TESTS_NN_FIXTURE_FILE_H
#define GAZE_TESTS_NN_FIXTURE_FILE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
// cmocka after the headers it needs
#include <cmocka.h>
#include "core/buf.h"
#include "core/err.h"
#include "core/json.h"

#define FF_GOLDEN GAZE_SOURCE_DIR "/tests/golden/qwen2_5_vl"

// Asserts that a call worked and prints its sentence otherwise.
void ff_ok(gaze_err e);
// Asserts that a call failed with this code and that the sentence holds `part`.
void ff_fails(gaze_err e, gaze_err want, const char *part);
// Empties and makes the folder of this test under the build folder; borrowed, one per program.
const char *ff_dir(const char *test);
// dir/name; free() it.
char *ff_path(const char *dir, const char *name);
void ff_write(const char *path, const void *bytes, size_t n);
// Reads a whole file; gaze_buf_fini it.
gaze_buf ff_read(const char *path);
// Reads a JSON file of the golden folder; cJSON_Delete it. NUL characters in its strings, which
// the reader refuses, become U+E000.
cJSON *ff_golden_json(const char *name);
// Copies `text` with the first `from` replaced by `to`; asserts that it is there. free() it.
char *ff_replace(const char *text, const char *from, const char *to);

#endif
