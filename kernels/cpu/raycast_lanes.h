// kernels/cpu/raycast_lanes.h - the ray-caster over vectors of rays, one body for every width.
//
// Included once by raycast_avx2.c and once by raycast_avx512.c, which define the lane type `vf`,
// the mask type `vm` and the few operations below for their processor: a second hand-written copy
// would have to be kept equal bit for bit. raycast.c is the readable form; the arithmetic and its
// order are the same here. Expected from the includer:
//   LANES, TARGET (function attribute), vf, vm, and v_set, v_iota, v_load, v_store, v_sqrt, v_max,
//   v_min, v_abs, v_lt, v_le, m_and, m_or, m_not, m_any, v_blend, v_store_codes, v_same_code,
//   v_store_color, v_store_ids.

typedef struct rays {
  vf ox, oy, oz, dx, dy, dz;
} rays;

typedef struct spans {
  vf near, far;
  vm hit;  // valid in the sense of the plain form: the ray meets the shape at all
} spans;

// What a row needs besides the frame.
typedef struct row {
  float best[GAZE_RAY_CHUNK + GAZE_RAY_PAD];
  uint32_t code[GAZE_RAY_CHUNK + GAZE_RAY_PAD];
  uint32_t color[GAZE_RAY_CHUNK + GAZE_RAY_PAD];
  int x0, n, y;  // first column, columns, row
  float fy;      // y of the row in the camera plane
} row;

#define FN TARGET static inline __attribute__((always_inline))

FN vf v_nonzero(vf d) {
  return v_blend(v_lt(v_abs(d), v_set(GAZE_RAY_TINY)), d, v_set(GAZE_RAY_TINY));
}

FN vf v_neg(vf a) {
  return v_set(-0.0f) - a;
}

FN spans v_slab(vf o, vf d) {
  vf inv = v_set(1.0f) / v_nonzero(d), mid = v_neg(o * inv), reach = v_abs(inv);
  spans s = {mid - reach, mid + reach, v_le(inv, inv)};
  return s;
}

FN spans v_both(spans a, spans b) {
  spans s = {v_max(a.near, b.near), v_min(a.far, b.far), a.hit};
  return s;
}

FN spans v_close(spans s) {
  s.hit = m_and(s.hit, v_le(s.near, s.far));
  return s;
}

FN spans v_meet_plane(const rays *r) {
  vf t = v_neg(r->oz / v_nonzero(r->dz)), one = v_set(1.0f);
  vf x = r->ox + t * r->dx, y = r->oy + t * r->dy;
  spans s = {t, t, m_and(v_le(v_abs(x), one), v_le(v_abs(y), one))};
  return s;
}

FN spans v_meet_box(const rays *r) {
  return v_close(v_both(v_both(v_slab(r->ox, r->dx), v_slab(r->oy, r->dy)), v_slab(r->oz, r->dz)));
}

FN spans v_roots(vf mid, vf rest, vf inv) {
  vf zero = v_set(0.0f), reach = v_sqrt(v_max(rest, zero) * inv);
  spans s = {mid - reach, mid + reach, v_le(zero, rest)};
  return s;
}

FN spans v_meet_ball(const rays *r, vf oz) {
  vf a = r->dx * r->dx + r->dy * r->dy + r->dz * r->dz;
  vf inv = v_set(1.0f) / v_max(a, v_set(GAZE_RAY_TINY));
  vf mid = v_neg((r->ox * r->dx + r->oy * r->dy + oz * r->dz) * inv);
  vf x = r->ox + mid * r->dx, y = r->oy + mid * r->dy, z = oz + mid * r->dz;
  return v_roots(mid, v_set(1.0f) - (x * x + y * y + z * z), inv);
}

FN spans v_meet_tube(const rays *r) {
  vf a = r->dx * r->dx + r->dy * r->dy;
  vf inv = v_set(1.0f) / v_max(a, v_set(GAZE_RAY_TINY));
  vf mid = v_neg((r->ox * r->dx + r->oy * r->dy) * inv);
  vf x = r->ox + mid * r->dx, y = r->oy + mid * r->dy;
  return v_roots(mid, v_set(1.0f) - (x * x + y * y), inv);
}

FN spans v_meet_capsule(const rays *r, float half) {
  vf lo = v_set(-half), hi = v_set(half);
  spans tube = v_meet_tube(r);
  vf z0 = r->oz + tube.near * r->dz, z1 = r->oz + tube.far * r->dz;
  vf end0 = v_min(v_max(z0, lo), hi), end1 = v_min(v_max(z1, lo), hi);
  spans a = v_meet_ball(r, r->oz - end0), b = v_meet_ball(r, r->oz - end1);
  vm side0 = m_and(v_le(z0, end0), v_le(end0, z0)), side1 = m_and(v_le(z1, end1), v_le(end1, z1));
  tube.near = v_blend(side0, a.near, tube.near);
  tube.far = v_blend(side1, b.far, tube.far);
  tube.hit = m_and(tube.hit, m_and(m_or(side0, a.hit), m_or(side1, b.hit)));
  return v_close(tube);
}

FN spans v_meet(int kind, float half, const rays *r) {
  if (kind == GAZE_PRIM_PLANE) return v_meet_plane(r);
  if (kind == GAZE_PRIM_BOX) return v_meet_box(r);
  if (kind == GAZE_PRIM_CYLINDER) return v_close(v_both(v_meet_tube(r), v_slab(r->oz, r->dz)));
  if (kind == GAZE_PRIM_CAPSULE) return v_meet_capsule(r, half);
  return v_meet_ball(r, r->oz);
}

FN rays v_rays(const gaze_ray_prim *p, vf x, float y) {
  rays r = {v_set(p->o[0]),
            v_set(p->o[1]),
            v_set(p->o[2]),
            v_set(p->b[0] * y + p->c[0]) + v_set(p->a[0]) * x,
            v_set(p->b[1] * y + p->c[1]) + v_set(p->a[1]) * x,
            v_set(p->b[2] * y + p->c[2]) + v_set(p->a[2]) * x};
  return r;
}

FN vf v_columns(const gaze_ray_frame *f, const row *w, int i) {
  vf px = v_set((float)(w->x0 + i)) + v_iota() + v_set(0.5f);
  return (px - v_set(f->cx)) * v_set(f->ifx);
}

// Keeps the nearer of what is stored and primitive p over columns i0..i1-1 of the row.
FN void v_cast_kind(const gaze_ray_frame *f, const gaze_ray_prim *p, int kind, row *w, int i0,
                    int i1) {
  for (int i = i0; i < i1; i += LANES) {
    rays r = v_rays(p, v_columns(f, w, i), w->fy);
    spans s = v_meet(kind, p->half, &r);
    vf t = p->inside ? s.far : s.near, best = v_load(w->best + i);
    vm win = m_and(s.hit, m_and(v_lt(v_set(0.0f), t), v_lt(t, best)));
    v_store(w->best + i, v_blend(win, best, t));
    v_store_codes(w->code + i, win, p->code);
  }
}

// The kind is constant in each call, so every loop holds one shape only.
TARGET static void v_cast(const gaze_ray_frame *f, const gaze_ray_prim *p, row *w, int i0, int i1) {
  switch (p->kind) {
    case GAZE_PRIM_PLANE:
      v_cast_kind(f, p, GAZE_PRIM_PLANE, w, i0, i1);
      break;
    case GAZE_PRIM_BOX:
      v_cast_kind(f, p, GAZE_PRIM_BOX, w, i0, i1);
      break;
    case GAZE_PRIM_CYLINDER:
      v_cast_kind(f, p, GAZE_PRIM_CYLINDER, w, i0, i1);
      break;
    case GAZE_PRIM_CAPSULE:
      v_cast_kind(f, p, GAZE_PRIM_CAPSULE, w, i0, i1);
      break;
    default:
      v_cast_kind(f, p, GAZE_PRIM_SPHERE, w, i0, i1);
  }
}

FN vf v_signed(vf x, float l) {
  return v_blend(v_lt(x, v_set(0.0f)), v_set(l), v_set(-l));
}

FN vf v_facing(const gaze_ray_prim *p, int kind, const float *l, vf x, vf y, vf z) {
  vf tiny = v_set(GAZE_RAY_TINY);
  if (kind == GAZE_PRIM_PLANE) return v_set(l[2]);
  if (kind == GAZE_PRIM_BOX) {
    vf ax = v_abs(x), ay = v_abs(y);
    vf v = v_blend(v_le(ay, ax), v_signed(y, l[1]), v_signed(x, l[0]));
    return v_blend(v_lt(v_max(ax, ay), v_abs(z)), v, v_signed(z, l[2]));
  }
  if (kind == GAZE_PRIM_CYLINDER) {
    vf rho2 = x * x + y * y;
    vf side = (x * v_set(l[0]) + y * v_set(l[1])) / v_sqrt(v_max(rho2, tiny));
    return v_blend(v_le(rho2, z * z), side, v_signed(z, l[2]));
  }
  vf gz = z;
  if (kind == GAZE_PRIM_CAPSULE) gz = z - v_min(v_max(z, v_set(-p->half)), v_set(p->half));
  vf gx = x * v_set(p->grad[0]), gy = y * v_set(p->grad[1]);
  gz = gz * v_set(p->grad[2]);
  vf len2 = gx * gx + gy * gy + gz * gz;
  vf dot = gx * v_set(l[0]) + gy * v_set(l[1]) + gz * v_set(l[2]);
  return dot / v_sqrt(v_max(len2, tiny));
}

TARGET static vm v_shaded(const gaze_ray_frame *f, int self, const float *fx, float y,
                          const float *depth) {
  vf x = v_load(fx), t = v_load(depth), p[3];
  for (int i = 0; i < 3; i++) {
    const float *d = f->dir + 3 * i;
    p[i] = v_set(f->eye[i]) + t * (v_set(d[1] * y - d[2]) + v_set(d[0]) * x);
  }
  vm dark = v_lt(t, t);
  for (int k = 0; k < f->n; k++) {
    const gaze_ray_prim *q = &f->prim[k];
    if (k == self) continue;
    const float *m = q->to;
    vf v0 = p[0] - v_set(q->at[0]), v1 = p[1] - v_set(q->at[1]), v2 = p[2] - v_set(q->at[2]);
    rays r = {v_set(m[0]) * v0 + v_set(m[1]) * v1 + v_set(m[2]) * v2,
              v_set(m[3]) * v0 + v_set(m[4]) * v1 + v_set(m[5]) * v2,
              v_set(m[6]) * v0 + v_set(m[7]) * v1 + v_set(m[8]) * v2,
              v_set(q->sun[0]),
              v_set(q->sun[1]),
              v_set(q->sun[2])};
    spans s = v_meet(q->kind, q->half, &r);
    dark = m_or(dark, m_and(s.hit, v_lt(v_set(GAZE_RAY_SHADOW_MIN), s.far)));
  }
  return dark;
}

FN vf v_level(float color, vf light) {
  return v_min(v_max(v_set(color) * light, v_set(0.0f)), v_set(255.0f)) + v_set(0.5f);
}

FN void v_shade_kind(const gaze_ray_frame *f, int k, int kind, row *w, int i0, int i1) {
  const gaze_ray_prim *p = &f->prim[k];
  vf zero = v_set(0.0f);
  for (int i = i0; i < i1; i += LANES) {
    vm mine = v_same_code(w->code + i, p->code);
    if (!m_any(mine)) continue;
    vf x = v_columns(f, w, i), t = v_load(w->best + i);
    rays r = v_rays(p, x, w->fy);
    vf hx = r.ox + t * r.dx, hy = r.oy + t * r.dy, hz = r.oz + t * r.dz;
    vf key = v_max(v_facing(p, kind, p->light[0], hx, hy, hz), zero);
    vf fill = v_max(v_facing(p, kind, p->light[1], hx, hy, hz), zero);
    if (f->shadows) {
      float columns[LANES];
      v_store(columns, x);
      key = v_blend(v_shaded(f, k, columns, w->fy, w->best + i), key, zero);
    }
    vf light = (v_set(f->ambient) + key) + fill;
    v_store_color(w->color + i, mine, v_level(p->color[0], light), v_level(p->color[1], light),
                  v_level(p->color[2], light));
  }
}

TARGET static void v_shade(const gaze_ray_frame *f, int k, row *w, int i0, int i1) {
  switch (f->prim[k].kind) {
    case GAZE_PRIM_PLANE:
      v_shade_kind(f, k, GAZE_PRIM_PLANE, w, i0, i1);
      break;
    case GAZE_PRIM_BOX:
      v_shade_kind(f, k, GAZE_PRIM_BOX, w, i0, i1);
      break;
    case GAZE_PRIM_CYLINDER:
      v_shade_kind(f, k, GAZE_PRIM_CYLINDER, w, i0, i1);
      break;
    case GAZE_PRIM_CAPSULE:
      v_shade_kind(f, k, GAZE_PRIM_CAPSULE, w, i0, i1);
      break;
    default:
      v_shade_kind(f, k, GAZE_PRIM_SPHERE, w, i0, i1);
  }
}

// Columns of primitive p in the row, rounded out to whole vectors; false if there are none.
FN bool v_range(const gaze_ray_prim *p, const row *w, int *i0, int *i1) {
  int a = p->x0 - w->x0, b = p->x1 - w->x0;
  if (w->y < p->y0 || w->y >= p->y1) return false;
  *i0 = a < 0 ? 0 : a / LANES * LANES;
  *i1 = b > w->n ? w->n : b;
  return *i0 < *i1;
}

// 4 packed pixels to 12 bytes; the 16-byte store may run 4 bytes on, so the end goes singly.
TARGET static void v_write_rgb(const row *w, uint8_t *rgb) {
  const __m128i pick = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  int i = 0;
  for (; i + 6 <= w->n; i += 4) {
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(w->color + i));
    _mm_storeu_si128((__m128i *)(void *)(rgb + 3 * i), _mm_shuffle_epi8(v, pick));
  }
  for (; i < w->n; i++)
    for (int c = 0; c < 3; c++) rgb[3 * i + c] = (uint8_t)(w->color[i] >> (8 * c));
}

TARGET static void v_write_depth(const row *w, float *depth) {
  vf none = v_set(GAZE_RAY_FAR), zero = v_set(0.0f);
  int i = 0;
  for (; i + LANES <= w->n; i += LANES) {
    vf t = v_load(w->best + i);
    v_store(depth + i, v_blend(v_lt(t, none), zero, t));
  }
  for (; i < w->n; i++) depth[i] = w->best[i] < GAZE_RAY_FAR ? w->best[i] : 0.0f;
}

TARGET static void v_write_ids(const row *w, int16_t *ids) {
  int i = 0;
  for (; i + LANES <= w->n; i += LANES) v_store_ids(ids + i, w->code + i);
  for (; i < w->n; i++) ids[i] = (int16_t)(w->code[i] & 0xffffu);
}

TARGET static void v_row(const gaze_ray_frame *f, row *w) {
  const gaze_raycast *a = f->out;
  int i0 = 0, i1 = 0;
  for (int i = 0; i < w->n; i++) w->best[i] = GAZE_RAY_FAR, w->code[i] = 0xffffffffu;
  for (int k = 0; k < f->n; k++)
    if (v_range(&f->prim[k], w, &i0, &i1)) v_cast(f, &f->prim[k], w, i0, i1);

  size_t at = (size_t)w->y * (size_t)a->cam.w + (size_t)w->x0;
  if (a->depth != NULL) v_write_depth(w, a->depth + at);
  if (a->ids != NULL) v_write_ids(w, a->ids + at);
  if (a->rgb == NULL) return;

  for (int i = 0; i < w->n; i++) w->color[i] = f->background;
  for (int k = 0; k < f->n; k++)
    if (v_range(&f->prim[k], w, &i0, &i1)) v_shade(f, k, w, i0, i1);
  v_write_rgb(w, a->rgb + 3 * at);
}

TARGET static void v_rows(const gaze_ray_frame *f, int y0, int y1) {
  row w;
  // the padding is computed but never stored; it only has to be defined
  memset(&w, 0, sizeof w);
  for (int y = y0; y < y1; y++) {
    w.y = y;
    w.fy = (f->cy - ((float)y + 0.5f)) * f->ify;
    for (int x = 0; x < f->out->cam.w; x += GAZE_RAY_CHUNK) {
      int left = f->out->cam.w - x;
      w.x0 = x;
      w.n = left < GAZE_RAY_CHUNK ? left : GAZE_RAY_CHUNK;
      v_row(f, &w);
    }
  }
}
