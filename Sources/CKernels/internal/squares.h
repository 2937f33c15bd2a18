// Small transposes in registers.
#ifndef CK_SQUARES_H
#define CK_SQUARES_H
#include "vector.h"

typedef uint32_t word_row __attribute__((ext_vector_type(4)));

#define LOW_WORDS(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH_WORDS(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)

CK_INLINE word_row load_words(const char *p) {
  word_row row;
  memcpy(&row, p, sizeof row);
  return row;
}

/// Transposes 4 x 4 values of four bytes: two rounds, each interleaving row i with row i + 2.
CK_INLINE void transpose_words(word_row r[4]) {
  for (int round = 0; round < 2; round++) {
    const word_row a = LOW_WORDS(r[0], r[2]), b = HIGH_WORDS(r[0], r[2]);
    const word_row c = LOW_WORDS(r[1], r[3]), d = HIGH_WORDS(r[1], r[3]);
    r[0] = a, r[1] = b, r[2] = c, r[3] = d;
  }
}

/// to[column][row] = from[row][column].
CK_INLINE void transpose_floats(const float *from, long from_stride, float *to, long to_stride, long rows, long columns) {
  const long whole_rows = rows / 4 * 4, whole_columns = columns / 4 * 4;
  for (long r = 0; r < whole_rows; r += 4)
    for (long c = 0; c < whole_columns; c += 4) {
      word_row square[4];
#pragma clang loop unroll(full)
      for (int i = 0; i < 4; i++) square[i] = load_words((const char *)(from + (r + i) * from_stride + c));
      transpose_words(square);
#pragma clang loop unroll(full)
      for (int i = 0; i < 4; i++) memcpy(to + (c + i) * to_stride + r, &square[i], 16);
    }
  for (long r = 0; r < rows; r++)
    for (long c = r < whole_rows ? whole_columns : 0; c < columns; c++) to[c * to_stride + r] = from[r * from_stride + c];
}
#endif
