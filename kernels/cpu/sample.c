// kernels/cpu/sample.c - next token from one row of logits, in the order of Hugging Face.
#include <math.h>
#include "kernels/cpu/simd.h"

// candidates in a binary heap: the largest logit first, the lower id first among equals
typedef struct heap {
  const float *z;
  int *id;
  int n;
} heap;

static bool before(const heap *h, int a, int b) {
  return h->z[a] != h->z[b] ? h->z[a] > h->z[b] : a < b;
}

static void sift(heap *h, int i) {
  for (;;) {
    int top = i, l = 2 * i + 1, r = l + 1;
    if (l < h->n && before(h, h->id[l], h->id[top])) top = l;
    if (r < h->n && before(h, h->id[r], h->id[top])) top = r;
    if (top == i) return;
    int t = h->id[i];
    h->id[i] = h->id[top], h->id[top] = t;
    i = top;
  }
}

static int pop(heap *h) {
  int id = h->id[0];
  h->id[0] = h->id[--h->n];
  sift(h, 0);
  return id;
}

static void heapify(heap *h) {
  for (int i = h->n / 2; i-- > 0;) sift(h, i);
}

static gaze_err check(const gaze_sample *a) {
  if (a->vocab < 1)
    return gaze_fail(GAZE_ERR_ARG, "sample: vocab: expected >= 1, not %d", a->vocab);
  if (!a->token || !a->logits || a->seen_n < 0 || (a->seen_n && !a->seen))
    return gaze_fail(GAZE_ERR_ARG, "sample: token, logits or seen is NULL");
  if (!(a->temperature >= 0.0f) || isinf(a->temperature))
    return gaze_fail(GAZE_ERR_ARG, "sample: temperature: expected finite and >= 0");
  if (!(a->top_p > 0.0f)) return gaze_fail(GAZE_ERR_ARG, "sample: top_p: expected > 0");
  if (!(a->min_p >= 0.0f && a->min_p <= 1.0f))
    return gaze_fail(GAZE_ERR_ARG, "sample: min_p: expected 0..1");
  if (!(a->repetition_penalty > 0.0f))
    return gaze_fail(GAZE_ERR_ARG, "sample: repetition_penalty: expected > 0");
  if (a->top_k < 0)
    return gaze_fail(GAZE_ERR_ARG, "sample: top_k: expected >= 0, not %d", a->top_k);
  if (a->temperature > 0.0f && !(a->u >= 0.0 && a->u < 1.0))
    return gaze_fail(GAZE_ERR_ARG, "sample: u: expected in [0,1)");
  for (int i = 0; i < a->seen_n; i++)
    if (a->seen[i] < 0 || a->seen[i] >= a->vocab)
      return gaze_fail(GAZE_ERR_ARG, "sample: seen[%d]: %d is not below vocab", i, a->seen[i]);
  return GAZE_OK;
}

// penalty, mask and temperature; returns the best id, -1 if nothing is allowed
static int prepare(const gaze_sample *a, float *z) {
  memcpy(z, a->logits, (size_t)a->vocab * sizeof *z);
  for (int i = 0; i < a->seen_n; i++) {
    // from the original logit, so an id listed twice is punished once
    float x = a->logits[a->seen[i]];
    z[a->seen[i]] = x < 0.0f ? x * a->repetition_penalty : x / a->repetition_penalty;
  }
  int best = -1;
  for (int v = 0; v < a->vocab; v++) {
    bool out = a->allow && !(a->allow[v >> 5] >> (v & 31) & 1u);
    if (out) z[v] = -INFINITY;
    if (z[v] > -INFINITY && (best < 0 || z[v] > z[best])) best = v;
  }
  for (int v = 0; v < a->vocab && a->temperature > 0.0f; v++) z[v] /= a->temperature;
  return best;
}

// keeps the k largest and all that equal the k-th
static int keep_top_k(const gaze_sample *a, const float *z, int *id, int n) {
  if (a->top_k == 0 || a->top_k >= n) return n;
  heap h = {z, id, n};
  heapify(&h);
  float limit = 0.0f;
  for (int i = 0; i < a->top_k; i++) limit = z[pop(&h)];
  int kept = 0;
  for (int v = 0; v < a->vocab; v++)
    if (z[v] >= limit && z[v] > -INFINITY) id[kept++] = v;
  return kept;
}

// keeps the most likely until their probability reaches top_p; ids come back in order of z
static int keep_top_p(const gaze_sample *a, const float *z, int *id, int n, float top) {
  if (a->top_p >= 1.0f) return n;
  double all = 0.0, sum = 0.0;
  for (int i = 0; i < n; i++) all += exp((double)z[id[i]] - (double)top);
  heap h = {z, id, n};
  heapify(&h);
  int kept = 0;
  while (h.n > 0 && (kept == 0 || sum < (double)a->top_p * all)) {
    int v = pop(&h);
    sum += exp((double)z[v] - (double)top);
    id[n - 1 - kept++] = v;  // pop freed this place
  }
  memmove(id, id + n - kept, (size_t)kept * sizeof *id);
  return kept;
}

static void sort_ids(int *id, int n) {
  // heap sort by id: no recursion, no worst case
  for (int end = n, i = n / 2; end > 1;) {
    if (i > 0) {
      i--;
    } else {
      int t = id[--end];
      id[end] = id[0], id[0] = t;
    }
    for (int at = i, child; (child = 2 * at + 1) < end; at = child) {
      if (child + 1 < end && id[child + 1] > id[child]) child++;
      if (id[at] >= id[child]) break;
      int t = id[at];
      id[at] = id[child], id[child] = t;
    }
  }
}

gaze_err gaze_cpu_sample(gaze_exec *ex, const gaze_sample *a) {
  GAZE_TRY(check(a));
  float *z = gaze_cpu_scratch(ex, GAZE_SLOT_OP, (size_t)a->vocab * (sizeof(float) + sizeof(int)));
  if (!z) return gaze_fail(GAZE_ERR_NOMEM, "sample: out of memory for scratch");
  int *id = (int *)(void *)(z + a->vocab), n = 0;
  int best = prepare(a, z);
  if (best < 0 || isinf(z[best]))
    return gaze_fail(GAZE_ERR_RANGE, "sample: logits: no finite value is allowed");
  float top = z[best];
  if (a->temperature == 0.0f) {
    *a->token = best;
    if (a->logp) *a->logp = 0.0f;
    return GAZE_OK;
  }
  for (int v = 0; v < a->vocab; v++)
    if (z[v] > -INFINITY) id[n++] = v;
  n = keep_top_k(a, z, id, n);
  int before_p = n;
  n = keep_top_p(a, z, id, n, top);
  if (n < before_p) sort_ids(id, n);
  double sum = 0.0, run = 0.0;
  int kept = 0;
  for (int i = 0; i < n; i++) {
    double w = exp((double)z[id[i]] - (double)top);
    if (w < (double)a->min_p) continue;
    id[kept++] = id[i];
    sum += w;
  }
  int token = id[kept - 1];
  for (int i = 0; i < kept; i++) {
    run += exp((double)z[id[i]] - (double)top);
    if (a->u * sum < run) {
      token = id[i];
      break;
    }
  }
  *a->token = token;
  if (a->logp) *a->logp = (float)((double)z[token] - (double)top - log(sum));
  return GAZE_OK;
}
