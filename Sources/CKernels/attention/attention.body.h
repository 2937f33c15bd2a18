// Attention without the score matrix: keys go by in blocks, each row keeps its running maximum, sum and output
// (online softmax). A strip of rows by one block of keys stays in the first-level cache.
//
// Packed keys: [panel][head_size][CK_PANEL keys]; packed values: [panel][key][1 to 3 vectors].
#include "../internal/math.h"
#include "../internal/micro.h"
#include "../internal/panels.h"

/// Rows of scores computed together, and the same in whole vectors.
#define STRIP_ROWS (2 * CK_ROWS_2 <= 14 ? 2 * CK_ROWS_2 : CK_ROWS_2)
#define STRIP_LANES ((STRIP_ROWS + CK_LANES - 1) / CK_LANES * CK_LANES)
#define LOWEST -3.0e38f

CK_INLINE long value_vectors(long head_size) { return (head_size + CK_LANES - 1) / CK_LANES; }
CK_INLINE int value_panel(long vectors_left) { return vectors_left == 3 ? 3 : vectors_left >= 2 ? 2 : 1; }
CK_INLINE long packed_key_floats(long key_count, long head_size) {
  return ck_round_up(key_count, CK_PANEL) * head_size;
}

size_t CK_NAME(ck_attention_packed_floats)(long key_count, long head_size) {
  const long floats = packed_key_floats(key_count, head_size) + key_count * value_vectors(head_size) * CK_LANES;
  return (size_t)ck_round_up(floats, 16);
}

void CK_NAME(ck_attention_pack)(const ck_attention *p, long head_begin, long head_end) {
  const long size = p->head_size, count = p->key_count;
  for (long h = head_begin; h < head_end; h++) {
    const long sample = h / p->heads, column = h % p->heads * size;
    float *keys = p->packed + h * (long)CK_NAME(ck_attention_packed_floats)(count, size);
    float *values = keys + packed_key_floats(count, size);
    for (long key = 0; key < ck_round_up(count, CK_PANEL); key++) {
      const float *from = p->key + (sample * count + key) * p->key_stride + column;
      float *to = keys + key / CK_PANEL * size * CK_PANEL + key % CK_PANEL;
      for (long d = 0; d < size; d++) to[d * CK_PANEL] = key < count ? from[d] : 0.0f;
    }
    for (long done = 0, vectors = value_vectors(size); done < vectors;) {
      const int width = value_panel(vectors - done);
      for (long key = 0; key < count; key++) {
        const float *from = p->value + (sample * count + key) * p->value_stride + column;
        for (int j = 0; j < width; j++, values += CK_LANES)
          vstore(values, vload_part(from + (done + j) * CK_LANES, size - (done + j) * CK_LANES));
      }
      done += width;
    }
  }
}

/// Floats of the running maxima of a block of rows, padded by strips.
CK_INLINE long maxima_floats(long rows) { return (rows + STRIP_ROWS - 1) / STRIP_ROWS * STRIP_LANES; }

size_t CK_NAME(ck_attention_scratch_floats)(long head_size) {
  const long rows = CK_BLOCK_ROWS, width = value_vectors(head_size) * CK_LANES;
  return (size_t)(depth_blocks(head_size) * rows * CK_LDA + rows * width + STRIP_ROWS * CK_LDA + maxima_floats(rows) +
                  rows * CK_LANES);
}

/// The largest of a row's first `valid` scores; those after them, up to a whole vector, are put out of sight.
CK_INLINE float row_maximum(float *scores, long valid) {
  if (valid <= 0) return LOWEST;
  const long padded = ck_round_up(valid, CK_LANES);
  for (long i = valid; i < padded; i++) scores[i] = LOWEST;
  vf highest = vload(scores);
  for (long i = CK_LANES; i < padded; i += CK_LANES) highest = vmax(highest, vload(scores + i));
  return vmaximum(highest);
}

/// Turns a row of scores, powers of two, into weights relative to the maximum and returns their sum, lane by lane.
CK_INLINE vf weigh_row(float *scores, long valid, long count, float maximum) {
  vf sum = vsplat(0.0f);
  const long padded = valid <= 0 ? 0 : ck_round_up(valid, CK_LANES);
  for (long i = 0; i < padded; i += CK_LANES) {
    const vf weight = vexp2_of_negative(vload(scores + i) - maximum);
    sum += weight;
    vstore(scores + i, weight);
  }
  for (long i = padded; i < count; i++) scores[i] = 0.0f;
  return sum;
}

typedef struct {
  const float *query;  // packed rows of the strip
  long query_block;    // floats from one block of the head's depth to the next
  float *scores, *output;
  float *maxima, *sums;  // of each row: the largest score so far; the sum of weights, a vector of partial sums
  long rows, first_row;
} attention_strip;

/// Turns the scores of keys [begin, end) into weights and shrinks what was summed before to the new maxima.
static void soften(const ck_attention *p, long begin, long end, const attention_strip *s) {
  const long width = value_vectors(p->head_size) * CK_LANES, count = end - begin;
  float factors[STRIP_LANES], maxima[STRIP_LANES];
  for (long i = 0; i < STRIP_LANES; i++) {
    const long valid = p->causal ? ck_min(count, s->first_row + i + 1 - begin) : count;
    maxima[i] = i < s->rows ? row_maximum(s->scores + i * CK_LDA, valid) : LOWEST;
  }
  for (long i = 0; i < STRIP_LANES; i += CK_LANES) {
    const vf old = vload(s->maxima + i), block = vload(maxima + i), new = block > old ? block : old;
    vstore(factors + i, vexp2_of_negative(old - new));
    vstore(s->maxima + i, new);
  }
  for (long i = 0; i < s->rows; i++) {
    const long valid = p->causal ? ck_min(count, s->first_row + i + 1 - begin) : count;
    const vf sum = weigh_row(s->scores + i * CK_LDA, valid, count, s->maxima[i]);
    vstore(s->sums + i * CK_LANES, vload(s->sums + i * CK_LANES) * factors[i] + sum);
    if (factors[i] == 1.0f || begin == 0) continue;
    for (float *o = s->output + i * width; o < s->output + (i + 1) * width; o += CK_LANES) vstore(o, vload(o) * factors[i]);
  }
}

/// Adds keys [begin, end) to a strip of rows.
static void attend(const ck_attention *p, const float *keys, const float *values, long begin, long end,
                   const attention_strip *s) {
  const long size = p->head_size, count = end - begin, width = value_vectors(size) * CK_LANES;
  for (long key = begin; key < end; key += CK_PANEL)
    for (long block = 0; block < depth_blocks(size); block++) {
      const long from = depth_begin(size, block), depth = depth_begin(size, block + 1) - from;
      micro_strips(s->rows, 2, depth, s->query + block * s->query_block, keys + key * size + from * CK_PANEL,
                   s->scores + (key - begin), CK_LDA, block > 0, keys, 0);
    }
  soften(p, begin, end, s);
  for (long done = 0; done < width / CK_LANES;) {
    const int vectors = value_panel(width / CK_LANES - done);
    micro_strips(s->rows, vectors, count, s->scores,
                 values + done * CK_LANES * p->key_count + begin * vectors * CK_LANES, s->output + done * CK_LANES,
                 width, begin > 0, values, 0);
    done += vectors;
  }
}

void CK_NAME(ck_attention_f32)(const ck_attention *p, long head, long row_begin, long row_end, float *scratch) {
  const long size = p->head_size, rows = row_end - row_begin, width = value_vectors(size) * CK_LANES;
  const long sample = head / p->heads, column = head % p->heads * size;
  const float *keys = p->packed + head * (long)CK_NAME(ck_attention_packed_floats)(p->key_count, size);
  const float *values = keys + packed_key_floats(p->key_count, size);
  float *query = scratch, *output = query + depth_blocks(size) * rows * CK_LDA;
  float *scores = output + rows * width;
  float *maxima = scores + STRIP_ROWS * CK_LDA, *sums = maxima + maxima_floats(rows);
  // Scores come as powers of two: the base of the exponential is folded into the scale.
  const float scale = p->scale * 1.44269504f;
  for (long i = 0; i < rows; i++) {
    const float *from = p->query + (sample * p->query_count + row_begin + i) * p->query_stride + column;
    for (long block = 0; block < depth_blocks(size); block++) {
      const long begin = depth_begin(size, block), end = depth_begin(size, block + 1);
      float *to = query + (block * rows + i) * CK_LDA;
      for (long d = begin; d < end; d++) to[d - begin] = from[d] * scale;
    }
    vstore(sums + i * CK_LANES, vsplat(0.0f));
  }
  for (long i = 0; i < maxima_floats(rows); i++) maxima[i] = LOWEST;
  const long visible = p->causal ? ck_min(p->key_count, row_end) : p->key_count;
  for (long begin = 0; begin < visible; begin += CK_BLOCK_DEPTH) {
    const long end = ck_min(begin + CK_BLOCK_DEPTH, visible);
    for (long i = 0; i < rows; i += STRIP_ROWS) {
      const attention_strip strip = {query + i * CK_LDA, rows * CK_LDA, scores, output + i * width,
                                     maxima + i / STRIP_ROWS * STRIP_LANES, sums + i * CK_LANES,
                                     ck_min(STRIP_ROWS, rows - i), row_begin + i};
      attend(p, keys, values, begin, end, &strip);
    }
  }
  for (long i = 0; i < rows; i++) {
    float *to = p->out + (sample * p->query_count + row_begin + i) * p->out_stride + column;
    const float inverse = 1.0f / vsum(vload(sums + i * CK_LANES));
    for (long c = 0; c < size; c += CK_LANES) vstore_part(to + c, vload(output + i * width + c) * inverse, size - c);
  }
}
