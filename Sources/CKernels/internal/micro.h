// Micro-kernels: C[rows][vectors] (+)= A[rows][depth] * B[depth][vectors], accumulators in registers.
// A is row-major with the fixed row stride CK_LDA, so all rows are reached from one base with constant offsets;
// 21 cache lines from row to row keep the rows of a strip in different cache sets. B is contiguous.
// Every variant adds the products of one element in the order of depth, so the shape of a tile never changes a bit.
#ifndef CK_MICRO_H
#define CK_MICRO_H
#include "vector.h"

#define CK_LDA CK_BLOCK_STRIDE

/// Memory to be wanted soon, touched a little in each step so that it arrives in the second-level cache meanwhile.
typedef struct {
  const char *base;
  long step;  // bytes per step of depth
} ck_ahead;

typedef void (*ck_micro)(long depth, const float *a, const float *b, float *c, long ldc, int accumulate,
                         ck_ahead ahead);

CK_INLINE void micro_body(const int rows, const int vectors, long depth, const float *a, const float *b, float *c,
                          long ldc, int accumulate, const bool fetching, ck_ahead ahead) {
  vf sum[14][3];
  if (accumulate) {
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
      for (int j = 0; j < vectors; j++) sum[i][j] = vload(c + i * ldc + j * CK_LANES);
  } else {
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
      for (int j = 0; j < vectors; j++) sum[i][j] = vsplat(0.0f);
  }
#pragma clang loop unroll_count(CK_UNROLL)
  for (long k = 0; k < depth; k++) {
    vf row[3];
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) row[j] = vload(b + j * CK_LANES);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      vf x = vsplat(a[i * CK_LDA]);
#pragma clang loop unroll(full)
      for (int j = 0; j < vectors; j++) sum[i][j] += x * row[j];
    }
    if (fetching) {
      __builtin_prefetch(ahead.base, 0, 2);
      ahead.base += ahead.step;
    }
    a += 1;
    b += vectors * CK_LANES;
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) vstore(c + i * ldc + j * CK_LANES, sum[i][j]);
}

#define CK_MICRO(rows, vectors)                                                                                 \
  static __attribute__((noinline)) void micro_##rows##x##vectors(long depth, const float *a, const float *b,    \
                                                                 float *c, long ldc, int accumulate,            \
                                                                 ck_ahead ahead) {                              \
    micro_body(rows, vectors, depth, a, b, c, ldc, accumulate, true, ahead);                                    \
  }
CK_MICRO(1, 1) CK_MICRO(2, 1) CK_MICRO(3, 1) CK_MICRO(4, 1) CK_MICRO(5, 1) CK_MICRO(6, 1) CK_MICRO(7, 1) CK_MICRO(8, 1)
CK_MICRO(1, 2) CK_MICRO(2, 2) CK_MICRO(3, 2) CK_MICRO(4, 2)
CK_MICRO(1, 3) CK_MICRO(2, 3) CK_MICRO(3, 3)
#if CK_ROWS_1 > 8
CK_MICRO(9, 1) CK_MICRO(10, 1)
CK_MICRO(5, 2) CK_MICRO(6, 2)
CK_MICRO(4, 3)
#endif
#if CK_ROWS_1 > 10
CK_MICRO(11, 1) CK_MICRO(12, 1) CK_MICRO(13, 1) CK_MICRO(14, 1)
CK_MICRO(7, 2) CK_MICRO(8, 2) CK_MICRO(9, 2) CK_MICRO(10, 2) CK_MICRO(11, 2) CK_MICRO(12, 2) CK_MICRO(13, 2) CK_MICRO(14, 2)
CK_MICRO(5, 3) CK_MICRO(6, 3) CK_MICRO(7, 3) CK_MICRO(8, 3) CK_MICRO(9, 3)
#endif

#if CK_ROWS_1 > 10
static const ck_micro micro_table[3][15] = {
    {0, micro_1x1, micro_2x1, micro_3x1, micro_4x1, micro_5x1, micro_6x1, micro_7x1, micro_8x1, micro_9x1, micro_10x1,
     micro_11x1, micro_12x1, micro_13x1, micro_14x1},
    {0, micro_1x2, micro_2x2, micro_3x2, micro_4x2, micro_5x2, micro_6x2, micro_7x2, micro_8x2, micro_9x2, micro_10x2,
     micro_11x2, micro_12x2, micro_13x2, micro_14x2},
    {0, micro_1x3, micro_2x3, micro_3x3, micro_4x3, micro_5x3, micro_6x3, micro_7x3, micro_8x3, micro_9x3, 0, 0, 0, 0, 0}};
#elif CK_ROWS_1 > 8
static const ck_micro micro_table[3][11] = {
    {0, micro_1x1, micro_2x1, micro_3x1, micro_4x1, micro_5x1, micro_6x1, micro_7x1, micro_8x1, micro_9x1, micro_10x1},
    {0, micro_1x2, micro_2x2, micro_3x2, micro_4x2, micro_5x2, micro_6x2, 0, 0, 0, 0},
    {0, micro_1x3, micro_2x3, micro_3x3, micro_4x3, 0, 0, 0, 0, 0, 0}};
#else
static const ck_micro micro_table[3][9] = {
    {0, micro_1x1, micro_2x1, micro_3x1, micro_4x1, micro_5x1, micro_6x1, micro_7x1, micro_8x1},
    {0, micro_1x2, micro_2x2, micro_3x2, micro_4x2, 0, 0, 0, 0},
    {0, micro_1x3, micro_2x3, micro_3x3, 0, 0, 0, 0, 0}};
#endif

CK_INLINE long micro_rows(int vectors) { return vectors == 1 ? CK_ROWS_1 : vectors == 2 ? CK_ROWS_2 : CK_ROWS_3; }

/// Whole strips of the tallest tile of two vectors, of a product whose operands are near: short ones would notice a call for
/// each.
static inline __attribute__((noinline)) void micro_tall(long strips, long depth, const float *a, const float *b, float *c,
                                                        long ldc, int accumulate) {
  for (; strips > 0; strips--, a += CK_ROWS_2 * CK_LDA, c += CK_ROWS_2 * ldc)
    micro_body(CK_ROWS_2, 2, depth, a, b, c, ldc, accumulate, false, (ck_ahead){0});
}

/// Lines of memory that the rows of a product will be written to or joined with, brought near while it is computed.
typedef struct {
  const char *written, *read;  // first row's; either may be null
  long stride;                 // bytes from row to row
  long bytes;                  // of each row
} ck_touch;

CK_INLINE void touch_rows(const ck_touch *touch, long begin, long end) {
  for (long row = begin; row < end; row++)
    for (long at = row * touch->stride; at < row * touch->stride + touch->bytes; at += 64) {
      if (touch->written) __builtin_prefetch(touch->written + at, 1, 3);
      if (touch->read) __builtin_prefetch(touch->read + at, 0, 3);
    }
}

/// `rows` rows by one panel, touching `ahead_bytes` bytes from `ahead` meanwhile.
/// Rows go in strips of nearly equal height: a last strip of one row would run at a fraction of the speed.
CK_INLINE void micro_strips_touching(long rows, int vectors, long depth, const float *a, const float *b, float *c,
                                     long ldc, int accumulate, const void *ahead, long ahead_bytes,
                                     const ck_touch *touch) {
  if (rows > 0 && rows <= micro_rows(vectors) && ahead_bytes == 0) {  // short products: even the divisions below would show
    if (touch) touch_rows(touch, 0, rows);
    micro_table[vectors - 1][rows](depth, a, b, c, ldc, accumulate, (ck_ahead){(const char *)ahead, 0});
    return;
  }
  long strips = (rows + micro_rows(vectors) - 1) / micro_rows(vectors);
  for (long s = 0, done = 0; s < strips; s++) {
    long count = (rows - done + strips - s - 1) / (strips - s);
    const ck_ahead part = {(const char *)ahead + ahead_bytes * s / strips, ahead_bytes / (strips * depth)};
    if (touch) touch_rows(touch, done, done + count);
    micro_table[vectors - 1][count](depth, a + done * CK_LDA, b, c + done * ldc, ldc, accumulate, part);
    done += count;
  }
}

CK_INLINE void micro_strips(long rows, int vectors, long depth, const float *a, const float *b, float *c, long ldc,
                            int accumulate, const void *ahead, long ahead_bytes) {
  micro_strips_touching(rows, vectors, depth, a, b, c, ldc, accumulate, ahead, ahead_bytes, NULL);
}
#endif
