// Changes of order: weights into panels, matrices into their transposes. Both move squares that fit the registers, so
// that memory is the limit.
#include "../internal/panels.h"
#include "../internal/squares.h"

// MARK: - Squares

typedef uint16_t half_row __attribute__((ext_vector_type(8)));

#define LOW_HALVES(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH_HALVES(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)

CK_INLINE half_row load_halves(const char *p) {
  half_row row;
  memcpy(&row, p, sizeof row);
  return row;
}

/// Transposes 8 x 8 values of two bytes: three rounds, each interleaving row i with row i + 4.
CK_INLINE void transpose_halves(half_row r[8]) {
  for (int round = 0; round < 3; round++) {
    half_row t[8];
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
      t[2 * i] = LOW_HALVES(r[i], r[i + 4]);
      t[2 * i + 1] = HIGH_HALVES(r[i], r[i + 4]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++) r[i] = t[i];
  }
}

// MARK: - Packing

size_t CK_NAME(ck_packed_bytes)(long depth, long columns, bool gated, ck_weight_type type) {
  long padded = gated ? ck_round_up(columns / 2, CK_LANES) * 2 : ck_round_up(columns, CK_LANES);
  return (size_t)depth * (size_t)padded * (type == CK_FLOAT32 ? 4 : 2);
}

static float read_weight(const void *source, long index, ck_weight_type type) {
  float value = 0;
  if (type == CK_FLOAT32) {
    memcpy(&value, (const char *)source + index * 4, 4);
    return value;
  }
  uint16_t half;
  memcpy(&half, (const char *)source + index * 2, 2);
  if (type == CK_BFLOAT16) {
    uint32_t bits = (uint32_t)half << 16;
    memcpy(&value, &bits, 4);
    return value;
  }
  _Float16 h;
  memcpy(&h, &half, 2);
  return (float)h;
}

static void write_weight(void *packed, long index, ck_weight_type type, float value) {
  if (type == CK_FLOAT32) {
    ((float *)packed)[index] = value;
  } else if (type == CK_FLOAT16) {
    _Float16 h = (_Float16)value;
    memcpy((uint16_t *)packed + index, &h, 2);
  } else {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    bool nan = value != value;
    bits += 0x7fff + ((bits >> 16) & 1);  // to nearest, ties to even
    ((uint16_t *)packed)[index] = nan ? 0x7fc0 : (uint16_t)(bits >> 16);
  }
}

/// The output whose weights stand in a column of a panel, or -1 for padding.
static long output_of_column(const ck_packing *packing, long panel, long column) {
  if (!packing->gated) {
    long output = panel * CK_PANEL + column;
    return output < packing->outputs ? output : -1;
  }
  long half = packing->outputs / 2, value = panel * CK_LANES + column % CK_LANES;
  if (value >= half) return -1;
  return column < CK_LANES ? value : half + value;
}

/// Where the weights of depth k, counted as the file has them, stand in a panel.
CK_INLINE long packed_row(const ck_packing *p, long k) {
  return p->taps_first ? k % p->taps * p->inputs + k / p->taps : k;
}

/// Packs with a change of type, weight by weight.
static void pack_converted(const ck_packing *p, long panel, long width, long first) {
  const long depth = p->inputs * p->taps;
  for (long column = 0; column < width; column++) {
    const long output = output_of_column(p, panel, column);
    for (long k = 0; k < depth; k++) {
      const float value = output < 0 ? 0.0f : read_weight(p->source, output * depth + k, p->source_type);
      write_weight(p->packed, first + packed_row(p, k) * width + column, p->packed_type, value);
    }
  }
}

/// Packs weights of `size` bytes as they are: the panel is the transpose of its outputs' rows.
CK_INLINE void pack_copied(const ck_packing *p, long panel, long width, long first, long size) {
  const long depth = p->inputs * p->taps, side = size == 2 ? 8 : 4, ahead = 512;
  static const char zeros[16] = {0};
  const char *rows[CK_PANEL];
  for (long column = 0; column < width; column++) {
    const long output = output_of_column(p, panel, column);
    rows[column] = output < 0 ? NULL : (const char *)p->source + output * depth * size;
  }
  char *packed = (char *)p->packed + first * size;
  // A panel narrower than a square goes by single weights.
  const long squares = width % side == 0 ? depth / side * side : 0;
  long k = 0;
  for (; k < squares; k += side) {
    char *to[8];
    for (long i = 0; i < side; i++) to[i] = packed + packed_row(p, k + i) * width * size;
    for (long column = 0; column < width; column += side) {
      const char *from[8];
#pragma clang loop unroll(full)
      for (long i = 0; i < side; i++) {
        const char *row = rows[column + i];
        from[i] = row ? row + k * size : zeros;
        // The rows are too many for the processor to see all of them coming.
        if (k * size % 64 == 0) __builtin_prefetch(from[i] + (row ? ahead : 0));
      }
      if (size == 2) {
        half_row square[8];
#pragma clang loop unroll(full)
        for (int i = 0; i < 8; i++) square[i] = load_halves(from[i]);
        transpose_halves(square);
#pragma clang loop unroll(full)
        for (int i = 0; i < 8; i++) memcpy(to[i] + column * 2, &square[i], 16);
      } else {
        word_row square[4];
#pragma clang loop unroll(full)
        for (int i = 0; i < 4; i++) square[i] = load_words(from[i]);
        transpose_words(square);
#pragma clang loop unroll(full)
        for (int i = 0; i < 4; i++) memcpy(to[i] + column * 4, &square[i], 16);
      }
    }
  }
  for (; k < depth; k++)
    for (long column = 0; column < width; column++) {
      char *to = packed + (packed_row(p, k) * width + column) * size;
      memcpy(to, rows[column] ? rows[column] + k * size : zeros, (size_t)size);
    }
}

void CK_NAME(ck_pack_weights)(const ck_packing *p, long panel_begin, long panel_end) {
  for (long panel = panel_begin; panel < panel_end; panel++) {
    const long width = panel_vectors(p->outputs, p->gated, panel) * CK_LANES;
    const long first = panel * p->inputs * p->taps * CK_PANEL;
    if (p->source_type != p->packed_type)
      pack_converted(p, panel, width, first);
    else if (p->packed_type == CK_FLOAT32)
      pack_copied(p, panel, width, first, 4);
    else
      pack_copied(p, panel, width, first, 2);
  }
}

void CK_NAME(ck_widen)(const void *in, ck_weight_type type, float *out, long count) {
  const long whole = count / CK_LANES * CK_LANES;
  for (long i = 0; i < whole; i += CK_LANES) vstore(out + i, vload_as(in, i, type));
  for (long i = whole; i < count; i++) out[i] = read_weight(in, i, type);
}

// MARK: - Transposes

CK_INLINE void transpose_values(const float *in, float *out, long rows, long columns, long row, long column, long bottom,
                                long right) {
  for (long r = row; r < bottom; r++)
    for (long c = column; c < right; c++) out[r * columns + c] = in[c * rows + r];
}

void CK_NAME(ck_transpose)(const float *in, float *out, long rows, long columns, long row_begin, long row_end) {
  // Blocks of 16 x 16: whole cache lines on both sides.
  for (long row = row_begin; row < row_end; row += 16)
    for (long column = 0; column < columns; column += 16) {
      const long bottom = ck_min(row + 16, row_end), right = ck_min(column + 16, columns);
      const long whole_bottom = row + (bottom - row) / 4 * 4, whole_right = column + (right - column) / 4 * 4;
      for (long c = column; c < whole_right; c += 4)
        for (long r = row; r < whole_bottom; r += 4) {
          word_row square[4];
#pragma clang loop unroll(full)
          for (int i = 0; i < 4; i++) square[i] = load_words((const char *)(in + (c + i) * rows + r));
          transpose_words(square);
#pragma clang loop unroll(full)
          for (int i = 0; i < 4; i++) memcpy(out + (r + i) * columns + c, &square[i], 16);
        }
      transpose_values(in, out, rows, columns, row, whole_right, whole_bottom, right);
      transpose_values(in, out, rows, columns, whole_bottom, column, bottom, right);
    }
}
