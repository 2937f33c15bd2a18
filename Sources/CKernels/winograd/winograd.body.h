// Winograd's convolutions for one size of tile; the file that includes this has included the points of that size and
// has set WINOGRAD, the suffix of the tile's names.
//
// Transformed input: the positions of a tile are rows of so many matrix products. Depth is cut into blocks that let two
// positions share a matrix row of CK_LDA floats. Weights are transformed two rows of positions at a time, next to their
// use: that costs less than reading transformed weights from memory.
#include "../internal/epilogue.h"
#include "../internal/micro.h"
#include "../internal/panels.h"

#define POSITIONS (POINTS * POINTS)
#define WINOGRAD_NAME(base) CK_NAME(CK_JOIN(base, WINOGRAD))
/// The longest block of depth.
#define BLOCK_DEPTH (CK_LDA / 2)

CK_INLINE long blocks_of(long channels) { return (channels + BLOCK_DEPTH - 1) / BLOCK_DEPTH; }
CK_INLINE long block_begin(long channels, long block) { return channels * block / blocks_of(channels); }
CK_INLINE long longest_block(long channels) { return (channels + blocks_of(channels) - 1) / blocks_of(channels); }

/// Where a position lies in transformed input: in the order in which products use them, the rows of zero and infinity
/// before those of the pairs of points.
CK_INLINE long place_of_position(long y, long x) {
  const long row = y == 0 ? 0 : y == POINTS - 1 ? 1 : y + 1;
  return row * POINTS + x;
}

/// Positions of one tile that share a matrix row.
CK_INLINE long positions_per_row(long channels) { return ck_min(POSITIONS, CK_LDA / longest_block(channels)); }
CK_INLINE long rows_per_tile(long channels) {
  return (POSITIONS + positions_per_row(channels) - 1) / positions_per_row(channels);
}

// The positions of a tile are written and read together. Strides between them are an odd number of cache lines, or
// they would all fall into one set of the first-level cache.

/// Matrix rows from one position to the next; a row is 21 lines.
CK_INLINE long input_rows(long tiles) { return tiles | 1; }
/// Floats from one position to the next in sums and weights.
CK_INLINE long odd_lines(long floats) { return (ck_round_up(floats, 16) / 16 | 1) * 16; }

static size_t WINOGRAD_NAME(input_floats)(long tiles, long channels) {
  return (size_t)(blocks_of(channels) * rows_per_tile(channels) * input_rows(tiles) * CK_LDA);
}

// MARK: - Input

/// Transforms one vector of channels of one tile and asks for the same channels of the next tile.
CK_INLINE void input_tile(const float *const pixels[POSITIONS], const float *const next[POSITIONS], long channel,
                          long count, float *out, const long offsets[POSITIONS]) {
  vf half[POINTS][POINTS];
  for (int x = 0; x < POINTS; x++) {
    vf d[POINTS], t[POINTS];
#pragma clang loop unroll(full)
    for (int y = 0; y < POINTS; y++) {
      const float *p = pixels[y * POINTS + x];
      d[y] = !p ? vsplat(0.0f) : count >= CK_LANES ? vload(p + channel) : vload_part(p + channel, count);
      __builtin_prefetch(next[y * POINTS + x] + channel, 0, 3);
    }
    input_step(d, t);
#pragma clang loop unroll(full)
    for (int y = 0; y < POINTS; y++) half[y][x] = t[y];
  }
  for (int y = 0; y < POINTS; y++) {
    vf t[POINTS];
    input_step(half[y], t);
#pragma clang loop unroll(full)
    for (int x = 0; x < POINTS; x++) {
      if (count >= CK_LANES)
        vstore(out + offsets[y * POINTS + x], t[x]);
      else
        vstore_part(out + offsets[y * POINTS + x], t[x], count);
    }
  }
}

typedef struct {
  long sample, y, x;  // of the tile's first output pixel
} tile_place;

CK_INLINE tile_place place_of_tile(const ck_conv_input *in, long tile) {
  const long across = (in->out_width + TILE - 1) / TILE, down = (in->out_height + TILE - 1) / TILE;
  return (tile_place){tile / (across * down), tile / across % down * TILE, tile % across * TILE};
}

/// The input pixels of a tile; null for zeros.
static void find_pixels(const ck_conv_input *in, long tile, const float *pixels[POSITIONS]) {
  const tile_place place = place_of_tile(in, tile);
  const float *map = in->in + place.sample * in->height * in->width * in->channels;
  for (long i = 0; i < POSITIONS; i++) {
    const long y = in->source_y[place.y + i / POINTS], x = in->source_x[place.x + i % POINTS];
    pixels[i] = y < 0 || x < 0 ? NULL : map + (y * in->width + x) * in->channels;
  }
}

static void WINOGRAD_NAME(input)(const ck_winograd *w, long tile_begin, long tile_end) {
  const long channels = w->input.channels, tiles = w->tile_end - w->tile_begin, blocks = blocks_of(channels);
  const long shared = positions_per_row(channels), stride = input_rows(tiles);
  const long block_floats = rows_per_tile(channels) * stride * CK_LDA;
  const float *lists[2][POSITIONS];
  if (tile_begin < tile_end) find_pixels(&w->input, w->tile_begin + tile_begin, lists[tile_begin % 2]);
  for (long tile = tile_begin; tile < tile_end; tile++) {
    const float **pixels = lists[tile % 2], **next = lists[(tile + 1) % 2];
    find_pixels(&w->input, w->tile_begin + ck_min(tile + 1, tile_end - 1), next);
    for (long block = 0; block < blocks; block++) {
      const long begin = block_begin(channels, block), end = block_begin(channels, block + 1);
      long offsets[POSITIONS];
      for (long i = 0; i < POSITIONS; i++) {
        const long at = place_of_position(i / POINTS, i % POINTS);
        offsets[i] = (at / shared * stride + tile) * CK_LDA + at % shared * (end - begin);
      }
      float *out = w->transformed + block * block_floats;
      for (long c = begin; c < end; c += CK_LANES) input_tile(pixels, next, c, end - c, out + (c - begin), offsets);
    }
  }
}

// MARK: - Weights

CK_INLINE void weight_pair(int pair, vf g0, vf g1, vf g2, vf *plus, vf *minus) {
  const vf even = pair_even[pair][0] * g0 + pair_even[pair][1] * g2, odd = pair_odd[pair] * g1;
  *plus = even + odd;
  *minus = even - odd;
}

CK_INLINE void weight_row(const vf g[3], float *out, long position) {
  vstore(out, g[0]);
#pragma clang loop unroll(full)
  for (int pair = 0; pair < PAIRS; pair++) {
    vf plus, minus;
    weight_pair(pair, g[0], g[1], g[2], &plus, &minus);
    vstore(out + (2 * pair + 1) * position, plus);
    vstore(out + (2 * pair + 2) * position, minus);
  }
  vstore(out + (POINTS - 1) * position, g[2]);
}

/// Transforms inputs [begin, end) of one panel into two rows of positions, out[row][column][input][output]:
/// the rows of zero and infinity for pair -1, else those of a pair of points.
CK_INLINE void weight_rows(const ck_winograd *w, const ck_weight_type type, long panel, int vectors, long begin, long end,
                           const int pair, float *out) {
  const long width = vectors * CK_LANES, position = odd_lines((end - begin) * width);
  const long base = panel * w->input.channels * 9 * CK_PANEL;
  for (long k = begin; k < end; k++)
    for (int j = 0; j < vectors; j++) {
      const long first = base + k * 9 * width + j * CK_LANES;
      float *to = out + (k - begin) * width + j * CK_LANES;
      vf upper[3], lower[3];
#pragma clang loop unroll(full)
      for (int x = 0; x < 3; x++) {
        const vf g0 = vload_as(w->weights, first + x * width, type);
        const vf g2 = vload_as(w->weights, first + (6 + x) * width, type);
        if (pair < 0)
          upper[x] = g0, lower[x] = g2;
        else
          weight_pair(pair, g0, vload_as(w->weights, first + (3 + x) * width, type), g2, &upper[x], &lower[x]);
      }
      weight_row(upper, to, position);
      weight_row(lower, to + POINTS * position, position);
    }
}

static void transform_weights(const ck_winograd *w, long panel, int vectors, long begin, long end, int pair, float *out) {
  switch (w->weight_type) {
    case CK_FLOAT32: weight_rows(w, CK_FLOAT32, panel, vectors, begin, end, pair, out); break;
    case CK_FLOAT16: weight_rows(w, CK_FLOAT16, panel, vectors, begin, end, pair, out); break;
    default: weight_rows(w, CK_BFLOAT16, panel, vectors, begin, end, pair, out);
  }
}

/// Floats of two rows of transformed positions of one panel.
CK_INLINE long weight_floats(long channels) { return 2 * POINTS * odd_lines(CK_PANEL * longest_block(channels)); }

// MARK: - Output

CK_INLINE void store_output(float *to, vf value, long count, bool streaming) {
  if (streaming)
    __builtin_nontemporal_store(value, (vf *)to);
  else
    vstore_part(to, value, count);
}

/// Transforms one vector of products of one tile back and stores the pixels that exist.
static void output_tile(const ck_winograd *w, const float *sums, long position, tile_place place, long column,
                        bool streaming) {
  const ck_epilogue *e = &w->epilogue;
  const long columns = w->out_channels, count = columns - column;
  vf half[TILE][POINTS];
#pragma clang loop unroll(full)
  for (int x = 0; x < POINTS; x++) {
    vf m[POINTS], t[TILE];
#pragma clang loop unroll(full)
    for (int y = 0; y < POINTS; y++) m[y] = vload(sums + (y * POINTS + x) * position);
    output_step(m, t);
#pragma clang loop unroll(full)
    for (int y = 0; y < TILE; y++) half[y][x] = t[y];
  }
  vf base = e->bias ? part(e->bias, column, count) : vsplat(0.0f);
  if (e->per_sample) base += part(e->per_sample + place.sample * columns, column, count);
  const long down = ck_min(TILE, w->input.out_height - place.y), across = ck_min(TILE, w->input.out_width - place.x);
  for (long y = 0; y < down; y++) {
    vf t[TILE];
    output_step(half[y], t);
    const long row = (place.sample * w->input.out_height + place.y + y) * w->input.out_width + place.x;
    for (long x = 0; x < across; x++) {
      const long index = (row + x) * columns + column;
      vf value = t[x] + base;
      if (e->residual) value += part(e->residual, index, count);
      store_output(w->out + index, vactivate(value, e->activation), count, streaming);
    }
  }
}

/// Asks for the memory that a tile's output will be joined with and written to.
static void touch_tile(const ck_winograd *w, tile_place place, long column, long end, bool streaming) {
  const float *residual = w->epilogue.residual;
  if (streaming && !residual) return;
  const long down = ck_min(TILE, w->input.out_height - place.y), across = ck_min(TILE, w->input.out_width - place.x);
  for (long y = 0; y < down; y++)
    for (long x = 0; x < across; x++) {
      const long row = (place.sample * w->input.out_height + place.y + y) * w->input.out_width + place.x + x;
      for (long c = column; c < end; c += 16) {
        if (!streaming) __builtin_prefetch(w->out + row * w->out_channels + c, 1, 3);
        if (residual) __builtin_prefetch(residual + row * w->out_channels + c, 0, 3);
      }
    }
}

static size_t WINOGRAD_NAME(scratch_floats)(long tiles, long panels, long channels) {
  return (size_t)(panels * (POSITIONS * odd_lines(CK_PANEL * tiles) + weight_floats(channels)));
}

/// The range of one call.
typedef struct {
  long tile_begin, tiles, panel_begin, panel_end;
  float *sums, *weights;
  long position, panel_floats;  // floats of sums from position to position, and of a panel's
} output_part;

/// Products of two rows of positions with all panels of the part. Meanwhile `ahead_bytes` bytes are fetched from `ahead`
/// on or, where that is null, the next rows of the input.
static void multiply_rows(const ck_winograd *w, const output_part *part, long block, int pair, const char *ahead,
                          long ahead_bytes) {
  const long channels = w->input.channels, shared = positions_per_row(channels);
  const long stride = input_rows(w->tile_end - w->tile_begin), panels = part->panel_end - part->panel_begin;
  const long begin = block_begin(channels, block), end = block_begin(channels, block + 1), depth = end - begin;
  const float *input = w->transformed + block * rows_per_tile(channels) * stride * CK_LDA + part->tile_begin * CK_LDA;
  for (long panel = part->panel_begin; panel < part->panel_end; panel++)
    transform_weights(w, panel, panel_vectors(w->out_channels, false, panel), begin, end, pair,
                      part->weights + (panel - part->panel_begin) * weight_floats(channels));
  const long row_bytes = part->tiles * CK_LDA * (long)sizeof(float) / (shared * panels);
  for (long i = 0; i < 2 * POINTS; i++) {
    const long row = i / POINTS, y = pair < 0 ? row * (POINTS - 1) : 1 + 2 * pair + row, x = i % POINTS;
    const long place = place_of_position(y, x);
    const float *left = input + place / shared * stride * CK_LDA;
    for (long own = 0; own < panels; own++) {
      const int vectors = panel_vectors(w->out_channels, false, part->panel_begin + own);
      const char *next_row = (const char *)(left + stride * CK_LDA) + (place % shared * panels + own) * row_bytes;
      micro_strips(part->tiles, vectors, depth, left + place % shared * depth,
                   part->weights + own * weight_floats(channels) + i * odd_lines(depth * vectors * CK_LANES),
                   part->sums + own * part->panel_floats + (y * POINTS + x) * part->position, CK_PANEL, block > 0,
                   ahead ? ahead + ahead_bytes * i / (2 * POINTS) : next_row,
                   ahead ? ahead_bytes / (2 * POINTS) : row_bytes);
    }
  }
}

/// Products of a part with many tiles: its panels share the rows of the input.
static void multiply_many(const ck_winograd *w, const output_part *part) {
  for (long block = 0; block < blocks_of(w->input.channels); block++)
    for (int pair = -1; pair < PAIRS; pair++) multiply_rows(w, part, block, pair, NULL, 0);
}

/// Products of a part with few tiles, where making the weights is most of the work: panel by panel, so that each run of
/// stored weights is transformed to its end while it is near, and the next is fetched meanwhile.
static void multiply_few(const ck_winograd *w, const output_part *part) {
  const long channels = w->input.channels, size = w->weight_type == CK_FLOAT32 ? 4 : 2;
  for (long panel = part->panel_begin; panel < part->panel_end; panel++) {
    output_part one = *part;
    one.panel_begin = panel;
    one.panel_end = panel + 1;
    one.sums += (panel - part->panel_begin) * part->panel_floats;
    const long width = panel_vectors(w->out_channels, false, panel) * CK_LANES;
    for (long block = 0; block < blocks_of(channels); block++) {
      const long begin = block_begin(channels, block), end = block_begin(channels, block + 1);
      // What follows is the next block of this panel or, after the last, the first of the next panel.
      const char *ahead = (const char *)w->weights + (panel * channels * CK_PANEL + end * width) * 9 * size;
      const long bytes = (end - begin) * width * 9 * size / (PAIRS + 1);
      for (int pair = -1; pair < PAIRS; pair++) multiply_rows(w, &one, block, pair, ahead + (pair + 1) * bytes, bytes);
    }
  }
}

static void WINOGRAD_NAME(output)(const ck_winograd *w, long tile_begin, long tile_end, long panel_begin, long panel_end,
                                  float *scratch) {
  const long panels = panel_end - panel_begin, tiles = tile_end - tile_begin, columns = w->out_channels;
  const long position = odd_lines(tiles * CK_PANEL);
  const output_part part = {tile_begin, tiles, panel_begin, panel_end, scratch, scratch + panels * POSITIONS * position,
                            position, POSITIONS * position};
  if (tiles <= 2 * CK_ROWS_2)
    multiply_few(w, &part);
  else
    multiply_many(w, &part);
  const long column = panel_begin * CK_PANEL, end = ck_min(panel_end * CK_PANEL, columns);
  const bool streaming = w->streaming && columns % CK_LANES == 0 && (uintptr_t)w->out % sizeof(vf) == 0;
  for (long tile = 0; tile < tiles; tile++) {
    const long number = w->tile_begin + tile_begin + tile;
    if (tile + 1 < tiles) touch_tile(w, place_of_tile(&w->input, number + 1), column, end, streaming);
    const tile_place place = place_of_tile(&w->input, number);
    for (long c = column; c < end; c += CK_LANES) {
      const long own = (c - column) / CK_PANEL;
      output_tile(w, part.sums + own * part.panel_floats + tile * CK_PANEL + (c - column) % CK_PANEL, position, place, c,
                  streaming);
    }
  }
  if (streaming) vfence();
}

const ck_winograd_kernels WINOGRAD_NAME(ck_winograd) = {
    .tile = TILE,
    .positions = POSITIONS,
    .input_floats = WINOGRAD_NAME(input_floats),
    .input = WINOGRAD_NAME(input),
    .scratch_floats = WINOGRAD_NAME(scratch_floats),
    .output = WINOGRAD_NAME(output),
};
