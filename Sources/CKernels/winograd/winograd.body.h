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
#define ODD_LINES(floats) ((((floats) + 15) / 16 | 1) * 16)
/// The same for weights of the longest block, constant so that a transform reaches all positions from one address.
#define WEIGHT_STRIDE ODD_LINES(CK_PANEL * BLOCK_DEPTH)
/// Floats of two rows of transformed positions of one panel.
#define WEIGHT_FLOATS (2 * POINTS * WEIGHT_STRIDE)

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

CK_INLINE void weight_row(const vf g[3], float *out) {
  vstore(out, g[0]);
#pragma clang loop unroll(full)
  for (int pair = 0; pair < PAIRS; pair++) {
    vf plus, minus;
    weight_pair(pair, g[0], g[1], g[2], &plus, &minus);
    vstore(out + (2 * pair + 1) * WEIGHT_STRIDE, plus);
    vstore(out + (2 * pair + 2) * WEIGHT_STRIDE, minus);
  }
  vstore(out + (POINTS - 1) * WEIGHT_STRIDE, g[2]);
}

/// Transforms inputs [begin, end) of one panel into two rows of positions, out[row][column][input][output]:
/// the rows of zero and infinity for pair -1, else those of a pair of points.
CK_INLINE void weight_rows(const ck_winograd *w, const ck_weight_type type, long panel, const int vectors, long begin,
                           long end, const int pair, float *out) {
  const long width = vectors * CK_LANES;
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
      weight_row(upper, to);
      weight_row(lower, to + POINTS * WEIGHT_STRIDE);
    }
}

/// The same with the width and the pair known to the compiler in every loop that matters.
CK_INLINE void weight_rows_of(const ck_winograd *w, const ck_weight_type type, long panel, int vectors, long begin, long end,
                              int pair, float *out) {
  if (vectors == 1)
    weight_rows(w, type, panel, 1, begin, end, pair, out);
  else if (pair < 0)
    weight_rows(w, type, panel, 2, begin, end, -1, out);
#if PAIRS > 1
  else if (pair == 0)
    weight_rows(w, type, panel, 2, begin, end, 0, out);
#endif
#if PAIRS > 2
  else if (pair == 1)
    weight_rows(w, type, panel, 2, begin, end, 1, out);
#endif
  else
    weight_rows(w, type, panel, 2, begin, end, PAIRS - 1, out);
}

static void transform_weights(const ck_winograd *w, long panel, int vectors, long begin, long end, int pair, float *out) {
  switch (w->weight_type) {
    case CK_FLOAT32: weight_rows_of(w, CK_FLOAT32, panel, vectors, begin, end, pair, out); break;
    case CK_FLOAT16: weight_rows_of(w, CK_FLOAT16, panel, vectors, begin, end, pair, out); break;
    default: weight_rows_of(w, CK_BFLOAT16, panel, vectors, begin, end, pair, out);
  }
}

// MARK: - Output

/// How a panel's pixels are stored, known to the compiler where it matters.
typedef struct {
  int vectors;     // of the panel
  bool plain;      // whole vectors without an activation, of whole tiles
  bool residual;   // there is one
  bool streaming;  // past the caches
} output_form;

CK_INLINE void store_output(const ck_winograd *w, long index, vf value, long count, const output_form form) {
  const ck_epilogue *e = &w->epilogue;
  if (form.residual) value += form.plain ? vload(e->residual + index) : part(e->residual, index, count);
  if (!form.plain) value = vactivate(value, e->activation);
  if (form.streaming)
    __builtin_nontemporal_store(value, (vf *)(w->out + index));
  else if (form.plain)
    vstore(w->out + index, value);
  else
    vstore_part(w->out + index, value, count);
}

/// Transforms a panel of products of one tile back and stores the pixels that exist, each whole: a line that is streamed in
/// two halves with others between them would be written twice.
CK_INLINE void output_panel(const ck_winograd *w, const float *sums, long position, tile_place place, long column,
                            const output_form form) {
  const ck_epilogue *e = &w->epilogue;
  const long columns = w->out_channels;
  vf half[2][TILE][POINTS], base[2];
  for (int v = 0; v < form.vectors; v++) {
    const long first = column + v * CK_LANES, count = columns - first;
    base[v] = e->bias ? part(e->bias, first, count) : vsplat(0.0f);
    if (e->per_sample) base[v] += part(e->per_sample + place.sample * columns, first, count);
#pragma clang loop unroll(full)
    for (int x = 0; x < POINTS; x++) {
      vf m[POINTS], t[TILE];
#pragma clang loop unroll(full)
      for (int y = 0; y < POINTS; y++) m[y] = vload(sums + (y * POINTS + x) * position + v * CK_LANES);
      output_step(m, t);
#pragma clang loop unroll(full)
      for (int y = 0; y < TILE; y++) half[v][y][x] = t[y];
    }
  }
  const long down = form.plain ? TILE : ck_min(TILE, w->input.out_height - place.y);
  const long across = form.plain ? TILE : ck_min(TILE, w->input.out_width - place.x);
  for (long y = 0; y < down; y++) {
    vf t[2][TILE];
    for (int v = 0; v < form.vectors; v++) output_step(half[v][y], t[v]);
    const long row = (place.sample * w->input.out_height + place.y + y) * w->input.out_width + place.x;
    for (long x = 0; x < across; x++)
      for (int v = 0; v < form.vectors; v++) {
        const long first = column + v * CK_LANES;
        store_output(w, (row + x) * columns + first, t[v][x] + base[v], columns - first, form);
      }
  }
}

static void output_tile(const ck_winograd *w, const float *sums, long position, tile_place place, long column, int vectors,
                        bool streaming) {
  const bool whole = place.y + TILE <= w->input.out_height && place.x + TILE <= w->input.out_width;
  const bool residual = w->epilogue.residual;
  if (!whole || vectors != 2 || column + CK_PANEL > w->out_channels || w->epilogue.activation != CK_IDENTITY)
    output_panel(w, sums, position, place, column, (output_form){vectors, false, residual, streaming});
  else if (residual && streaming)
    output_panel(w, sums, position, place, column, (output_form){2, true, true, true});
  else if (residual)
    output_panel(w, sums, position, place, column, (output_form){2, true, true, false});
  else if (streaming)
    output_panel(w, sums, position, place, column, (output_form){2, true, false, true});
  else
    output_panel(w, sums, position, place, column, (output_form){2, true, false, false});
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

static size_t WINOGRAD_NAME(scratch_floats)(long tiles, long panels) {
  return (size_t)(panels * (POSITIONS * ODD_LINES(CK_PANEL * tiles) + WEIGHT_FLOATS));
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
                      part->weights + (panel - part->panel_begin) * WEIGHT_FLOATS);
  const long row_bytes = part->tiles * CK_LDA * (long)sizeof(float) / (shared * panels);
  for (long i = 0; i < 2 * POINTS; i++) {
    const long row = i / POINTS, y = pair < 0 ? row * (POINTS - 1) : 1 + 2 * pair + row, x = i % POINTS;
    const long place = place_of_position(y, x);
    const float *left = input + place / shared * stride * CK_LDA;
    for (long own = 0; own < panels; own++) {
      const int vectors = panel_vectors(w->out_channels, false, part->panel_begin + own);
      const char *next_row = (const char *)(left + stride * CK_LDA) + (place % shared * panels + own) * row_bytes;
      micro_strips(part->tiles, vectors, depth, left + place % shared * depth,
                   part->weights + own * WEIGHT_FLOATS + i * WEIGHT_STRIDE,
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
  const long position = ODD_LINES(tiles * CK_PANEL);
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
    for (long panel = panel_begin; panel < panel_end; panel++)
      output_tile(w, part.sums + (panel - panel_begin) * part.panel_floats + tile * CK_PANEL, position, place,
                  panel * CK_PANEL, panel_vectors(columns, false, panel), streaming);
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
