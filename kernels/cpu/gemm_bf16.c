// kernels/cpu/gemm_bf16.c - matrix product with the processor's bf16 dot products.
//
// Operands are rounded to bf16 while they are packed as pairs along k. b lies in panels
// [pairs][64]; a is either rows of pairs or, transposed, [pairs][width]. One kernel computes 6 x 64
// outputs in 24 registers; the pairs of an output are summed in order, whatever the split.
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/simd.h"

#if GAZE_X86
#include <immintrin.h>

#define GAZE_BF16_TARGET \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma")))
#define BF16_INLINE GAZE_BF16_TARGET GAZE_INLINE

enum {
  PANEL = 64,         // columns of b side by side
  TILE = 6,           // rows of c per kernel call
  PAIRS = 112,        // at most so many pairs per pass: a panel of them stays in the first cache
  PIECE = 512,        // pairs of a panel of b packed by one item
  ROWS = 96,          // rows of c per item
  OUTER_ROWS = 160,   // the same for a transposed a
  GROUP = 256,        // columns per item when there are few rows
  PACK_MAX = 1 << 22  // pairs of b packed at once (16 MiB)
};

typedef struct product {
  const gaze_gemm *g;
  uint32_t *b;      // packed panels of columns n0..n1-1, all pairs
  int n0, n1;       // columns in work
  int pairs, pass;  // pairs along k, pairs per pass
  int rows, cols;   // rows and columns of c per item
  int col_items;
} product;

BF16_INLINE __mmask16 mask16(long left) {
  return (__mmask16)(left >= 16 ? 0xFFFFu : left <= 0 ? 0u : (1u << left) - 1u);
}

// 16 elements of a stored row as f32
BF16_INLINE __m512 load_f32(const gaze_mat *x, long row, long col, __mmask16 m) {
  long at = row * x->ld + col;
  if (x->type == GAZE_F32) return _mm512_maskz_loadu_ps(m, (const float *)x->data + at);
  if (x->type == GAZE_BF16) {
    __m256i h = _mm256_maskz_loadu_epi16(m, (const uint16_t *)x->data + at);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
  }
  __m128i q = _mm_maskz_loadu_epi8(m, (const int8_t *)x->data + at);
  return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q)), _mm512_set1_ps(x->scale[row]));
}

// 16 pairs (32 elements) of a stored row; elements at or past `end` are zero
BF16_INLINE __m512i load_pairs(const gaze_mat *x, long row, long col, long end) {
  __m512 lo = load_f32(x, row, col, mask16(end - col));
  __m512 hi = load_f32(x, row, col + 16, mask16(end - col - 16));
  return (__m512i)_mm512_cvtne2ps_pbh(hi, lo);
}

// 16 pairs made of rows r and r + 1, columns col..col+15
BF16_INLINE __m512i load_interleaved(const gaze_mat *x, long row, long rows, long col,
                                     __mmask16 m) {
  __m512 even = load_f32(x, row, col, m);
  __m512 odd = row + 1 < rows ? load_f32(x, row + 1, col, m) : _mm512_setzero_ps();
  __m512i t = (__m512i)_mm512_cvtne2ps_pbh(odd, even);
  const __m512i order = _mm512_set_epi32(0x1F000F, 0x1E000E, 0x1D000D, 0x1C000C, 0x1B000B, 0x1A000A,
                                         0x190009, 0x180008, 0x170007, 0x160006, 0x150005, 0x140004,
                                         0x130003, 0x120002, 0x110001, 0x100000);
  return _mm512_permutexvar_epi16(order, t);
}

BF16_INLINE void transpose16(__m512i *r) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 8] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xDD);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xDD);
  }
  for (int i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 4], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 4], 0xDD);
    r[i + 4] = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0x88);
    r[i + 12] = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0xDD);
  }
}

// [pairs][width] from rows of k: pairs p0..p0+np-1, columns c0..c1-1, zero up to width
GAZE_BF16_TARGET static void pack_interleaved(uint32_t *out, const gaze_mat *x, long k, long p0,
                                              long np, long c0, long c1, long width) {
  for (long p = 0; p < np; p++)
    for (long c = 0; c < width; c += 16) {
      __m512i v = load_interleaved(x, 2 * (p0 + p), k, c0 + c, mask16(c1 - c0 - c));
      _mm512_storeu_si512(out + p * width + c, v);
    }
}

// the same from rows of n (b stored [n,k]): 16 x 16 pairs are turned at a time
GAZE_BF16_TARGET static void pack_turned(uint32_t *out, const gaze_mat *x, long k, long p0, long np,
                                         long c0, long c1, long width) {
  for (long c = 0; c < width; c += 16)
    for (long p = 0; p < np; p += 16) {
      __m512i r[16];
      for (long i = 0; i < 16; i++)
        r[i] =
            c0 + c + i < c1 ? load_pairs(x, c0 + c + i, 2 * (p0 + p), k) : _mm512_setzero_si512();
      transpose16(r);
      long left = np - p < 16 ? np - p : 16;
      for (long i = 0; i < left; i++) _mm512_storeu_si512(out + (p + i) * width + c, r[i]);
    }
}

static void pack_b(uint32_t *out, const gaze_gemm *g, long p0, long np, long c0, long c1) {
  if (g->trans_b)
    pack_turned(out, &g->b, g->k, p0, np, c0, c1, PANEL);
  else
    pack_interleaved(out, &g->b, g->k, p0, np, c0, c1, PANEL);
}

typedef struct tile {
  float *c;
  const uint32_t *a, *b;
  const float *bias;  // NULL after the first pass
  long ldc, si, sk;   // strides of c, of a between rows and between pairs
  int np;
  bool load;  // c holds a partial sum
  __mmask16 last;
} tile;

// c[mr, 16 nv] = (c) + (bias) + sum over pairs of a b
BF16_INLINE void tile_run(const tile *t, const int mr, const int nv) {
  __m512 s[TILE][4];
  for (int i = 0; i < mr; i++)
    for (int j = 0; j < nv; j++) {
      __mmask16 m = j == nv - 1 ? t->last : 0xFFFF;
      s[i][j] =
          t->load ? _mm512_maskz_loadu_ps(m, t->c + i * t->ldc + 16 * j) : _mm512_setzero_ps();
      if (t->bias) s[i][j] = _mm512_add_ps(s[i][j], _mm512_maskz_loadu_ps(m, t->bias + 16 * j));
    }
  const uint32_t *a = t->a, *b = t->b;
  for (int p = 0; p < t->np; p++, a += t->sk, b += PANEL) {
    __m512i v[4];
    for (int j = 0; j < nv; j++) v[j] = _mm512_loadu_si512(b + 16 * j);
    for (int i = 0; i < mr; i++) {
      __m512i u = _mm512_set1_epi32((int)a[i * t->si]);
      for (int j = 0; j < nv; j++) s[i][j] = _mm512_dpbf16_ps(s[i][j], (__m512bh)u, (__m512bh)v[j]);
    }
  }
  for (int i = 0; i < mr; i++)
    for (int j = 0; j < nv; j++)
      _mm512_mask_storeu_ps(t->c + i * t->ldc + 16 * j, j == nv - 1 ? t->last : 0xFFFF, s[i][j]);
}

BF16_INLINE void tile_rows(const tile *t, int mr, const int nv) {
  switch (mr) {
    case 1:
      tile_run(t, 1, nv);
      break;
    case 2:
      tile_run(t, 2, nv);
      break;
    case 3:
      tile_run(t, 3, nv);
      break;
    case 4:
      tile_run(t, 4, nv);
      break;
    case 5:
      tile_run(t, 5, nv);
      break;
    default:
      tile_run(t, TILE, nv);
      break;
  }
}

// one panel: `rows` rows against `cols` <= 64 columns
GAZE_BF16_TARGET static void panel_run(tile t, int rows, int cols) {
  int nv = (cols + 15) / 16;
  t.last = mask16(cols - 16 * (nv - 1));
  for (; rows > 0; rows -= TILE, t.a += TILE * t.si, t.c += TILE * t.ldc) {
    int mr = rows < TILE ? rows : TILE;
    switch (nv) {
      case 1:
        tile_rows(&t, mr, 1);
        break;
      case 2:
        tile_rows(&t, mr, 2);
        break;
      case 3:
        tile_rows(&t, mr, 3);
        break;
      default:
        tile_rows(&t, mr, 4);
        break;
    }
  }
}

// one pass over pairs p0.. for a block of c; b panels start `stride` pairs apart
static void block_run(const product *q, tile t, int p0, int i0, int i1, int j0, int j1,
                      const uint32_t *b, long stride) {
  const gaze_gemm *g = q->g;
  t.load = p0 > 0 || g->accumulate;
  for (int j = j0; j < j1; j += PANEL, b += stride) {
    t.b = b;
    t.c = g->c + (long)i0 * g->ldc + j;
    t.ldc = g->ldc;
    t.bias = p0 == 0 && g->bias ? g->bias + j : NULL;
    panel_run(t, i1 - i0, j1 - j < PANEL ? j1 - j : PANEL);
  }
}

// one piece of one panel of b per item
static void pack_panels(void *ctx, int worker, long lo, long hi) {
  const gaze_cpu_job *job = ctx;
  const product *q = job->args;
  (void)worker;
  long pieces = (q->pairs + PIECE - 1) / PIECE;
  for (long i = lo; i < hi; i++) {
    long panel = i / pieces, p = i % pieces * PIECE,
         np = q->pairs - p < PIECE ? q->pairs - p : PIECE;
    pack_b(q->b + (panel * q->pairs + p) * PANEL, q->g, p, np, q->n0 + panel * PANEL, q->n1);
  }
}

// rows i0..i1-1 of a as rows of pairs
GAZE_BF16_TARGET static void pack_rows(uint32_t *out, const gaze_mat *x, long k, int i0, int i1,
                                       long width) {
  for (long i = i0; i < i1; i++, out += width)
    for (long p = 0; 2 * p < k; p += 16) _mm512_storeu_si512(out + p, load_pairs(x, i, 2 * p, k));
}

// blocks of c: a is packed here, whole if it is stored by rows, pass by pass if it is transposed
static void run_blocks(void *ctx, int worker, long lo, long hi) {
  const gaze_cpu_job *job = ctx;
  const product *q = job->args;
  const gaze_gemm *g = q->g;
  uint32_t *a = gaze_cpu_scratch(job->ex, worker, 0);
  long width = g->trans_a ? q->rows : (q->pairs + 15) & ~15;
  for (long item = lo; item < hi; item++) {
    int i0 = (int)(item / q->col_items) * q->rows, i1 = g->m - i0 < q->rows ? g->m : i0 + q->rows;
    int j0 = q->n0 + (int)(item % q->col_items) * q->cols;
    int j1 = q->n1 - j0 < q->cols ? q->n1 : j0 + q->cols;
    if (!g->trans_a) pack_rows(a, &g->a, g->k, i0, i1, width);
    const uint32_t *b = q->b + (long)(j0 - q->n0) * q->pairs;
    for (int p = 0; p < q->pairs; p += q->pass) {
      int np = q->pairs - p < q->pass ? q->pairs - p : q->pass;
      tile t = {.a = a + p, .si = width, .sk = 1, .np = np};
      if (g->trans_a) {
        pack_interleaved(a, &g->a, g->k, p, np, i0, i1, width);
        t.a = a, t.si = 1, t.sk = width;
      }
      block_run(q, t, p, i0, i1, j0, j1, b + (long)p * PANEL, (long)q->pairs * PANEL);
    }
  }
}

gaze_err gaze_cpu_gemm_bf16(gaze_exec *ex, const gaze_gemm *g) {
  product q = {.g = g, .n1 = g->n, .pairs = g->k / 2 + g->k % 2};
  int passes = (q.pairs + PAIRS - 1) / PAIRS;
  q.pass = ((q.pairs + passes - 1) / passes + 15) & ~15;
  int most = PACK_MAX / q.pairs / PANEL * PANEL, whole = (g->n + PANEL - 1) / PANEL * PANEL;
  if (most < PANEL) most = PANEL;
  if (most > whole) most = whole;
  q.b = gaze_cpu_scratch(ex, GAZE_SLOT_GEMM_B, (size_t)most * (size_t)q.pairs * sizeof *q.b);
  if (!q.b) return gaze_fail(GAZE_ERR_NOMEM, "gemm: out of memory for packed weights");
  // a weight gradient has few rows of c and long k: larger blocks, even in number
  q.rows = g->trans_a ? gaze_gemm_block(g->m, OUTER_ROWS) : g->m < ROWS ? g->m : ROWS;
  int row_items = (g->m + q.rows - 1) / q.rows;
  q.cols = row_items < (g->trans_a ? 2 : 8) ? GROUP : most;
  size_t need = (size_t)q.rows * (size_t)((g->trans_a ? q.pass : q.pairs) + 16);
  GAZE_TRY(gaze_cpu_scratch_all(ex, need * sizeof(uint32_t)));
  gaze_cpu_job job = {ex, &q};
  long pieces = (q.pairs + PIECE - 1) / PIECE;
  for (q.n0 = 0; q.n0 < g->n; q.n0 = q.n1) {
    q.n1 = g->n - q.n0 < most ? g->n : q.n0 + most;
    gaze_cpu_for(ex, (q.n1 - q.n0 + PANEL - 1) / PANEL * pieces, 1, pack_panels, &job);
    q.col_items = (q.n1 - q.n0 + q.cols - 1) / q.cols;
    gaze_cpu_for(ex, (long)row_items * q.col_items, 1, run_blocks, &job);
  }
  return GAZE_OK;
}

#else
gaze_err gaze_cpu_gemm_bf16(gaze_exec *ex, const gaze_gemm *g) {
  (void)ex, (void)g;
  return gaze_fail(GAZE_ERR_UNSUPPORTED, "gemm: no bf16 products on this processor");
}
#endif
