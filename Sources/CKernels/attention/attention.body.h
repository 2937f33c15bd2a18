// Attention without the score matrix: keys go by in blocks, each query keeps its running maximum, sum and output
// (online softmax). Queries lie across the lanes, so that every step of the softmax is a vertical one and a head needs
// no padding: scores are [key][query] and the output is [head_size][query] until it is stored. A tile of CK_PANEL
// queries by one block of keys stays in the first-level cache.
//
// Packed keys: [block][block of depth][row][CK_LDA], where a row holds as many keys as fit, each `block_rows` after the
// one before. Packed values: [span of KEY_SPAN keys][head_size][CK_LDA].
#include "../internal/math.h"
#include "../internal/micro.h"
#include "../internal/panels.h"
#include "../internal/squares.h"

/// Keys whose scores are computed together. Up to eight of them share a packed row, so that an eighth has to be whole strips of
/// the tallest micro-tile: of 14 rows, or 12 as two of 6 or three of 4.
#define KEY_BLOCK (CK_ROWS_2 > 6 ? 8 * CK_ROWS_2 : 96)
/// Keys that share a row of packed values: whole blocks.
#define KEY_SPAN (CK_LDA / KEY_BLOCK * KEY_BLOCK)
#define LOWEST -3.0e38f

/// Keys that share a row of packed keys: a power of two, so that every row of a whole block is filled.
CK_INLINE long keys_per_row(long head_size) {
  long keys = 1;
  while (keys < 8 && 2 * keys * head_size <= CK_LDA) keys *= 2;
  return keys;
}
CK_INLINE long block_rows(long head_size) { return KEY_BLOCK / keys_per_row(head_size); }
CK_INLINE long key_block_floats(long head_size) { return depth_blocks(head_size) * block_rows(head_size) * CK_LDA; }
CK_INLINE long packed_key_floats(long key_count, long head_size) {
  return (key_count + KEY_BLOCK - 1) / KEY_BLOCK * key_block_floats(head_size);
}

size_t CK_NAME(ck_attention_packed_floats)(long key_count, long head_size) {
  const long spans = (key_count + KEY_SPAN - 1) / KEY_SPAN;
  return (size_t)(packed_key_floats(key_count, head_size) + spans * head_size * CK_LDA);
}

static void pack_keys(const ck_attention *p, const float *from, float *packed) {
  const long size = p->head_size, shared = keys_per_row(size), rows = block_rows(size);
  for (long key = 0; key < p->key_count; key++, from += p->key_stride) {
    const long place = key % KEY_BLOCK;
    float *block = packed + key / KEY_BLOCK * key_block_floats(size);
    for (long part = 0; part < depth_blocks(size); part++) {
      const long begin = depth_begin(size, part), end = depth_begin(size, part + 1);
      float *to = block + (part * rows + place % rows) * CK_LDA + (shared > 1 ? place / rows * size : 0);
      memcpy(to, from + begin, (size_t)(end - begin) * sizeof(float));
    }
  }
}

void CK_NAME(ck_attention_pack)(const ck_attention *p, long head_begin, long head_end) {
  const long size = p->head_size, count = p->key_count;
  for (long h = head_begin; h < head_end; h++) {
    const long sample = h / p->heads, column = h % p->heads * size;
    float *keys = p->packed + h * (long)CK_NAME(ck_attention_packed_floats)(count, size);
    float *values = keys + packed_key_floats(count, size);
    pack_keys(p, p->key + sample * count * p->key_stride + column, keys);
    for (long key = 0; key < count; key += KEY_SPAN, values += size * CK_LDA)
      transpose_floats(p->value + (sample * count + key) * p->value_stride + column, p->value_stride, values, CK_LDA,
                       ck_min(KEY_SPAN, count - key), size);
  }
}

/// A tile of queries: its rows of CK_PANEL floats.
typedef struct {
  float *query, *output;  // [head_size]
  float *maxima, *sums;   // of the scores so far, and of the weights relative to the maximum
  long first;             // query of the first lane
} attention_tile;

CK_INLINE long tile_floats(long head_size) { return (2 * head_size + 2) * CK_PANEL; }

CK_INLINE attention_tile tile_at(float *memory, long head_size, long first) {
  float *maxima = memory + 2 * head_size * CK_PANEL;
  return (attention_tile){memory, memory + head_size * CK_PANEL, maxima, maxima + CK_PANEL, first};
}

size_t CK_NAME(ck_attention_scratch_floats)(long head_size) {
  return (size_t)(CK_QUERY_ROWS / CK_PANEL * tile_floats(head_size) + KEY_BLOCK * CK_PANEL);
}

/// One row of C for each of A's, two vectors wide, from operands in near caches.
CK_INLINE void multiply(long rows, long depth, const float *a, const float *b, float *c, int accumulate) {
  // Unless all strips are whole, the last whole one and what is left are shared evenly.
  const long strips = rows % CK_ROWS_2 == 0 ? rows / CK_ROWS_2 : ck_max(0, rows / CK_ROWS_2 - 1), done = strips * CK_ROWS_2;
  micro_tall(strips, depth, a, b, c, CK_PANEL, accumulate);
  if (done < rows) micro_strips(rows - done, 2, depth, a + done * CK_LDA, b, c + done * CK_PANEL, CK_PANEL, accumulate, a, 0);
}

/// Scores of `count` keys of one block: [key][query].
static void score(const ck_attention *p, const float *keys, long count, const attention_tile *tile, float *scores) {
  const long size = p->head_size, rows = block_rows(size);
  for (long begin = 0; begin < count; begin += rows)
    for (long part = 0; part < depth_blocks(size); part++) {
      const long from = depth_begin(size, part), depth = depth_begin(size, part + 1) - from;
      multiply(ck_min(rows, count - begin), depth, keys + part * rows * CK_LDA + begin / rows * size,
               tile->query + from * CK_PANEL, scores + begin * CK_PANEL, part > 0);
    }
}

/// Puts scores of keys that a query may not see, those after it, out of sight.
static void hide_later_keys(float *scores, long begin, long count, long first) {
  for (long key = 0; key < count; key++)
    for (long lane = 0; lane < ck_min(CK_PANEL, begin + key - first); lane++) scores[key * CK_PANEL + lane] = LOWEST;
}

/// The largest of each lane's scores and of `highest`.
CK_INLINE vf highest_score(const float *scores, long count, vf highest) {
  vf other[4] = {highest, highest, highest, highest};  // apart, as a maximum takes longer than a load
  long key = 0;
  for (; key + 4 <= count; key += 4)
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) other[i] = vmax(vload(scores + (key + i) * CK_PANEL), other[i]);
  for (; key < count; key++) other[0] = vmax(vload(scores + key * CK_PANEL), other[0]);
  return vmax(vmax(other[0], other[1]), vmax(other[2], other[3]));
}

/// Turns a score into a weight.
CK_INLINE vf weigh(float *score, vf highest) {
  const vf weight = vexp2_of_negative(vload(score) - highest);
  vstore(score, weight);
  return weight;
}

/// Turns one vector of queries' scores, powers of two, into weights; shrinks what was summed before to the new maxima.
static void soften(const ck_attention *p, const attention_tile *tile, long lane, float *scores, long count, bool first) {
  const vf old = vload(tile->maxima + lane), highest = highest_score(scores + lane, count, old);
  vf even = vsplat(0.0f), odd = vsplat(0.0f);
  float *s = scores + lane;
  for (long pair = 0; pair < count / 2; pair++, s += 2 * CK_PANEL) {
    even += weigh(s, highest);
    odd += weigh(s + CK_PANEL, highest);
  }
  if (count % 2) even += weigh(s, highest);
  const vf factor = vexp2_of_negative(old - highest);
  vstore(tile->maxima + lane, highest);
  vstore(tile->sums + lane, vload(tile->sums + lane) * factor + (even + odd));
  if (first || -vmaximum(-factor) == 1.0f) return;
  for (long d = 0; d < p->head_size; d++) {
    float *o = tile->output + d * CK_PANEL + lane;
    vstore(o, vload(o) * factor);
  }
}

static void load_tile(const ck_attention *p, const float *from, long rows, const attention_tile *tile) {
  // Scores come as powers of two: the base of the exponential is folded into the scale.
  const float scale = p->scale * 1.44269504f;
  if (rows < CK_PANEL) memset(tile->query, 0, (size_t)(p->head_size * CK_PANEL) * sizeof(float));
  transpose_floats(from, p->query_stride, tile->query, CK_PANEL, rows, p->head_size);
  for (long i = 0; i < p->head_size * CK_PANEL; i += CK_LANES) vstore(tile->query + i, vload(tile->query + i) * scale);
  for (long lane = 0; lane < CK_PANEL; lane += CK_LANES) {
    vstore(tile->maxima + lane, vsplat(LOWEST));
    vstore(tile->sums + lane, vsplat(0.0f));
  }
}

static void store_tile(const ck_attention *p, const attention_tile *tile, float *to, long rows) {
  for (long lane = 0; lane < CK_PANEL; lane += CK_LANES) {
    const vf inverse = 1.0f / vload(tile->sums + lane);
    for (float *o = tile->output + lane; o < tile->output + p->head_size * CK_PANEL; o += CK_PANEL)
      vstore(o, vload(o) * inverse);
  }
  transpose_floats(tile->output, CK_PANEL, to, p->out_stride, p->head_size, rows);
}

void CK_NAME(ck_attention_f32)(const ck_attention *p, long head, long row_begin, long row_end, float *scratch) {
  const long size = p->head_size, sample = head / p->heads, column = head % p->heads * size;
  const float *keys = p->packed + head * (long)CK_NAME(ck_attention_packed_floats)(p->key_count, size);
  const float *values = keys + packed_key_floats(p->key_count, size);
  float *scores = scratch, *tiles = scratch + KEY_BLOCK * CK_PANEL;
  const float *query = p->query + sample * p->query_count * p->query_stride + column;
  for (long row = row_begin, i = 0; row < row_end; row += CK_PANEL, i++) {
    const attention_tile tile = tile_at(tiles + i * tile_floats(size), size, row);
    load_tile(p, query + row * p->query_stride, ck_min(CK_PANEL, row_end - row), &tile);
  }
  const long visible = p->causal ? ck_min(p->key_count, row_end) : p->key_count;
  for (long begin = 0; begin < visible; begin += KEY_BLOCK) {
    const long count = ck_min(KEY_BLOCK, visible - begin);
    const float *block = keys + begin / KEY_BLOCK * key_block_floats(size);
    const float *span = values + begin / KEY_SPAN * size * CK_LDA + begin % KEY_SPAN;
    for (long row = row_begin, i = 0; row < row_end; row += CK_PANEL, i++) {
      const attention_tile tile = tile_at(tiles + i * tile_floats(size), size, row);
      score(p, block, count, &tile, scores);
      if (p->causal) hide_later_keys(scores, begin, count, row);
      for (long lane = 0; lane < CK_PANEL; lane += CK_LANES) soften(p, &tile, lane, scores, count, begin == 0);
      multiply(size, count, span, scores, tile.output, begin > 0);
    }
  }
  for (long row = row_begin, i = 0; row < row_end; row += CK_PANEL, i++) {
    const attention_tile tile = tile_at(tiles + i * tile_floats(size), size, row);
    store_tile(p, &tile, p->out + (sample * p->query_count + row) * p->out_stride + column, ck_min(CK_PANEL, row_end - row));
  }
}
