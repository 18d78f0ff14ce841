// view/plot.h - training curves as SVG.
#ifndef GAZE_VIEW_PLOT_H
#define GAZE_VIEW_PLOT_H

#include "core/buf.h"
#include "core/err.h"

// Appends an SVG page with one panel per key of `keys` (NULL-terminated): the values of that key in
// metrics.jsonl text over the "step" key, thin as logged and thick smoothed. Lines that are no
// JSON objects are skipped (a run may have been cut); FORMAT if no line has any of the keys.
// [rt: never]
gaze_err gaze_plot_svg(const char *jsonl, size_t n, const char *const *keys, gaze_buf *out);

#endif
