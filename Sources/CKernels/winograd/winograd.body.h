// F(4x4, 3x3) with the interpolation points 0, +-sqrt(1/2), +-sqrt(2) and infinity: half the error of the textbook's
// 0, +-1, +-2 for the same number of steps, because (1/2) * 2 = 1 keeps the matrices small.
//
// Transformed input: the 36 positions of a tile are rows of 36 matrix products. A matrix row is CK_LDA floats and holds
// as many positions as fit, so that few channels do not waste memory.
#include "../internal/epilogue.h"
#include "../internal/micro.h"
#include "../internal/panels.h"

#define POINT_A 0.70710678118654752f
#define POINT_B 1.41421356237309505f

/// Positions of one tile that share a matrix row.
CK_INLINE long positions_per_row(long channels) {
  const long longest = (channels + depth_blocks(channels) - 1) / depth_blocks(channels);
  return ck_min(36, CK_LDA / longest);
}
CK_INLINE long rows_per_tile(long channels) {
  return (36 + positions_per_row(channels) - 1) / positions_per_row(channels);
}

// The 36 positions of a tile are written and read together. Strides between them are an odd number of cache lines, or
// they would all fall into one set of the first-level cache.

/// Matrix rows from one position to the next; a row is 21 lines.
CK_INLINE long input_rows(long tiles) { return tiles | 1; }
/// Floats from one position to the next in sums and weights.
CK_INLINE long odd_lines(long floats) { return (ck_round_up(floats, 16) / 16 | 1) * 16; }

size_t CK_NAME(ck_winograd_input_floats)(long tiles, long channels) {
  return (size_t)(depth_blocks(channels) * rows_per_tile(channels) * input_rows(tiles) * CK_LDA);
}

// MARK: - Input

CK_INLINE void input_step(const vf d[6], vf out[6]) {
  const vf even_a = d[4] - 2.0f * d[2], odd_a = d[3] - 2.0f * d[1];
  const vf even_b = d[4] - 0.5f * d[2], odd_b = d[3] - 0.5f * d[1];
  out[0] = d[0] + d[4] - 2.5f * d[2];
  out[1] = even_a + POINT_A * odd_a;
  out[2] = even_a - POINT_A * odd_a;
  out[3] = even_b + POINT_B * odd_b;
  out[4] = even_b - POINT_B * odd_b;
  out[5] = d[1] + d[5] - 2.5f * d[3];
}

/// Transforms one vector of channels of one tile.
CK_INLINE void input_tile(const float *const pixels[36], long channel, long count, float *out, const long offsets[36]) {
  vf half[6][6];
  for (int x = 0; x < 6; x++) {
    vf d[6], t[6];
#pragma clang loop unroll(full)
    for (int y = 0; y < 6; y++) {
      const float *p = pixels[y * 6 + x];
      d[y] = !p ? vsplat(0.0f) : count >= CK_LANES ? vload(p + channel) : vload_part(p + channel, count);
    }
    input_step(d, t);
#pragma clang loop unroll(full)
    for (int y = 0; y < 6; y++) half[y][x] = t[y];
  }
  for (int y = 0; y < 6; y++) {
    vf t[6];
    input_step(half[y], t);
#pragma clang loop unroll(full)
    for (int x = 0; x < 6; x++) {
      if (count >= CK_LANES)
        vstore(out + offsets[y * 6 + x], t[x]);
      else
        vstore_part(out + offsets[y * 6 + x], t[x], count);
    }
  }
}

typedef struct {
  long sample, y, x;  // of the tile's first output pixel
} tile_place;

CK_INLINE tile_place place_of_tile(const ck_conv_input *in, long tile) {
  const long across = (in->out_width + 3) / 4, down = (in->out_height + 3) / 4;
  return (tile_place){tile / (across * down), tile / across % down * 4, tile % across * 4};
}

void CK_NAME(ck_winograd_input)(const ck_winograd *w, long tile_begin, long tile_end) {
  const ck_conv_input *in = &w->input;
  const long channels = in->channels, tiles = w->tile_end - w->tile_begin, blocks = depth_blocks(channels);
  const long shared = positions_per_row(channels), stride = input_rows(tiles);
  const long block_floats = rows_per_tile(channels) * stride * CK_LDA;
  for (long tile = tile_begin; tile < tile_end; tile++) {
    const tile_place place = place_of_tile(in, w->tile_begin + tile);
    const float *map = in->in + place.sample * in->height * in->width * channels;
    const float *pixels[36];
    for (long i = 0; i < 36; i++) {
      const long y = in->source_y[place.y + i / 6], x = in->source_x[place.x + i % 6];
      pixels[i] = y < 0 || x < 0 ? NULL : map + (y * in->width + x) * channels;
    }
    for (long block = 0; block < blocks; block++) {
      const long begin = depth_begin(channels, block), end = depth_begin(channels, block + 1);
      long offsets[36];
      for (long i = 0; i < 36; i++) offsets[i] = (i / shared * stride + tile) * CK_LDA + i % shared * (end - begin);
      float *out = w->transformed + block * block_floats;
      for (long c = begin; c < end; c += CK_LANES) input_tile(pixels, c, end - c, out + (c - begin), offsets);
    }
  }
}

// MARK: - Weights

CK_INLINE void weight_step(vf g0, vf g1, vf g2, vf out[6]) {
  const float a = -1.0f / 1.5f, b = 1.0f / 6.0f;
  const vf even_a = a * g0 + (0.5f * a) * g2, odd_a = (POINT_A * a) * g1;
  const vf even_b = b * g0 + (2.0f * b) * g2, odd_b = (POINT_B * b) * g1;
  out[0] = g0;
  out[1] = even_a + odd_a;
  out[2] = even_a - odd_a;
  out[3] = even_b + odd_b;
  out[4] = even_b - odd_b;
  out[5] = g2;
}

/// Transforms inputs [begin, end) of one panel into out[position][input][column].
static void transform_weights(const ck_winograd *w, long panel, int vectors, long begin, long end, float *out) {
  const long width = vectors * CK_LANES, position = odd_lines((end - begin) * width);
  const long base = panel * w->input.channels * 9 * CK_PANEL;
  for (long k = begin; k < end; k++)
    for (int j = 0; j < vectors; j++) {
      const long first = base + k * 9 * width + j * CK_LANES;
      float *to = out + (k - begin) * width + j * CK_LANES;
      vf half[6][3];
#pragma clang loop unroll(full)
      for (int x = 0; x < 3; x++) {
        vf t[6];
        weight_step(vload_as(w->weights, first + x * width, w->weight_type),
                    vload_as(w->weights, first + (3 + x) * width, w->weight_type),
                    vload_as(w->weights, first + (6 + x) * width, w->weight_type), t);
#pragma clang loop unroll(full)
        for (int y = 0; y < 6; y++) half[y][x] = t[y];
      }
#pragma clang loop unroll(full)
      for (int y = 0; y < 6; y++) {
        vf t[6];
        weight_step(half[y][0], half[y][1], half[y][2], t);
#pragma clang loop unroll(full)
        for (int x = 0; x < 6; x++) vstore(to + (y * 6 + x) * position, t[x]);
      }
    }
}

/// Floats of one transformed block of one panel.
CK_INLINE long weight_block_floats(long channels) {
  const long longest = (channels + depth_blocks(channels) - 1) / depth_blocks(channels);
  return 36 * odd_lines(CK_PANEL * longest);
}

size_t CK_NAME(ck_winograd_weight_floats)(long channels) {
  return (size_t)(depth_blocks(channels) * weight_block_floats(channels));
}

void CK_NAME(ck_winograd_weights)(const ck_winograd *w, long panel, float *out) {
  const long channels = w->input.channels, blocks = depth_blocks(channels);
  const int vectors = panel_vectors(w->out_channels, false, panel);
  for (long block = 0; block < blocks; block++)
    transform_weights(w, panel, vectors, depth_begin(channels, block), depth_begin(channels, block + 1),
                      out + (panel * blocks + block) * weight_block_floats(channels));
}

// MARK: - Output

CK_INLINE void output_step(const vf m[6], vf out[4]) {
  const vf sum_a = m[1] + m[2], difference_a = m[1] - m[2], sum_b = m[3] + m[4], difference_b = m[3] - m[4];
  out[0] = m[0] + sum_a + sum_b;
  out[1] = POINT_A * difference_a + POINT_B * difference_b;
  out[2] = 0.5f * sum_a + 2.0f * sum_b;
  out[3] = (0.5f * POINT_A) * difference_a + (2.0f * POINT_B) * difference_b + m[5];
}

/// Transforms one vector of products of one tile back and stores the pixels that exist.
static void output_tile(const ck_winograd *w, const float *sums, long position, tile_place place, long column) {
  const ck_epilogue *e = &w->epilogue;
  const long columns = w->out_channels, count = columns - column;
  vf half[4][6];
#pragma clang loop unroll(full)
  for (int x = 0; x < 6; x++) {
    vf m[6], t[4];
#pragma clang loop unroll(full)
    for (int y = 0; y < 6; y++) m[y] = vload(sums + (y * 6 + x) * position);
    output_step(m, t);
#pragma clang loop unroll(full)
    for (int y = 0; y < 4; y++) half[y][x] = t[y];
  }
  vf base = e->bias ? part(e->bias, column, count) : vsplat(0.0f);
  if (e->per_sample) base += part(e->per_sample + place.sample * columns, column, count);
  const long down = ck_min(4, w->input.out_height - place.y), across = ck_min(4, w->input.out_width - place.x);
  for (long y = 0; y < down; y++) {
    vf t[4];
    output_step(half[y], t);
    const long row = (place.sample * w->input.out_height + place.y + y) * w->input.out_width + place.x;
    for (long x = 0; x < across; x++) {
      const long index = (row + x) * columns + column;
      vf value = t[x] + base;
      if (e->residual) value += part(e->residual, index, count);
      vstore_part(w->out + index, vactivate(value, e->activation), count);
    }
  }
}

size_t CK_NAME(ck_winograd_scratch_floats)(long tiles, long channels) {
  return (size_t)(36 * odd_lines(CK_PANEL * tiles) + weight_block_floats(channels));
}

void CK_NAME(ck_winograd_output)(const ck_winograd *w, long tile_begin, long tile_end, long panel, float *scratch) {
  const long channels = w->input.channels, group = w->tile_end - w->tile_begin, tiles = tile_end - tile_begin;
  const long shared = positions_per_row(channels), stride = input_rows(group);
  const long block_floats = rows_per_tile(channels) * stride * CK_LDA, position = odd_lines(tiles * CK_PANEL);
  const int vectors = panel_vectors(w->out_channels, false, panel);
  float *sums = scratch, *own_weights = sums + 36 * position;
  for (long block = 0; block < depth_blocks(channels); block++) {
    const long begin = depth_begin(channels, block), end = depth_begin(channels, block + 1), depth = end - begin;
    const float *weights = own_weights;
    if (w->prepared)
      weights = w->prepared + (panel * depth_blocks(channels) + block) * weight_block_floats(channels);
    else
      transform_weights(w, panel, vectors, begin, end, own_weights);
    for (long i = 0; i < 36; i++) {
      const float *left = w->transformed + block * block_floats + (i / shared * stride + tile_begin) * CK_LDA;
      micro_strips(tiles, vectors, depth, left + i % shared * depth, weights + i * odd_lines(depth * vectors * CK_LANES),
                   sums + i * position, CK_PANEL, block > 0, left + micro_rows(vectors) * CK_LDA,
                   tiles * CK_LDA * (long)sizeof(float));
    }
  }
  for (long tile = 0; tile < tiles; tile++) {
    const tile_place place = place_of_tile(&w->input, w->tile_begin + tile_begin + tile);
    for (int j = 0; j < vectors; j++)
      output_tile(w, sums + tile * CK_PANEL + j * CK_LANES, position, place, panel * CK_PANEL + j * CK_LANES);
  }
}
