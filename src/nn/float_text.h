// nn/float_text.h - floats in the JSON files of a checkpoint folder.
#ifndef GAZE_NN_FLOAT_TEXT_H
#define GAZE_NN_FLOAT_TEXT_H

// Writes the shortest of 6 to 9 digits that reads back as the same float, always with a fraction
// or an exponent so that readers see no integer. `v` is finite. Returns `text`.  [rt: safe]
const char *gazei_float_text(char text[40], float v);

#endif
