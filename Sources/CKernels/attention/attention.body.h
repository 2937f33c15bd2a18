// Attention without the score matrix: keys go by in blocks, each row keeps its running maximum, sum and output
// (online softmax). A strip of rows by one block of keys stays in the first-level cache.
//
// Packed keys: [panel][head_size][CK_PANEL keys]; packed values: [panel][key][1 to 3 vectors].
#include "../internal/math.h"
#include "../internal/micro.h"
#include "../internal/panels.h"

/// Rows of scores computed together.
#define STRIP_ROWS (2 * CK_ROWS_2 <= 14 ? 2 * CK_ROWS_2 : CK_ROWS_2)

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

size_t CK_NAME(ck_attention_scratch_floats)(long head_size) {
  const long rows = CK_BLOCK_ROWS, width = value_vectors(head_size) * CK_LANES;
  return (size_t)(depth_blocks(head_size) * rows * CK_LDA + rows * width + STRIP_ROWS * CK_LDA + 2 * rows);
}

/// Running softmax of one row; valid is how many of the block's scores it may see.
typedef struct {
  float maximum, sum;
} softmax_state;

/// Turns a row of scores into weights and returns the factor its output so far must shrink by.
CK_INLINE float soften(float *scores, long valid, long count, softmax_state *state) {
  if (valid <= 0) {
    memset(scores, 0, (size_t)count * sizeof(float));
    return 1.0f;
  }
  const long padded = ck_round_up(valid, CK_LANES);
  for (long i = valid; i < padded; i++) scores[i] = -3.0e38f;
  vf highest = vload(scores);
  for (long i = CK_LANES; i < padded; i += CK_LANES) highest = vmax(highest, vload(scores + i));
  const float block_maximum = vmaximum(highest);
  const float maximum = block_maximum > state->maximum ? block_maximum : state->maximum;
  vf sum = vsplat(0.0f);
  for (long i = 0; i < padded; i += CK_LANES) {
    const vf weight = vexp_of_negative(vload(scores + i) - maximum);
    sum += weight;
    vstore(scores + i, weight);
  }
  for (long i = padded; i < count; i++) scores[i] = 0.0f;
  float factor = 1.0f;
  if (maximum != state->maximum) {
    float lanes[CK_LANES];
    vstore(lanes, vexp(vsplat(state->maximum - maximum)));
    factor = lanes[0];
  }
  state->sum = state->sum * factor + vsum(sum);
  state->maximum = maximum;
  return factor;
}

typedef struct {
  const float *query;  // packed rows of the strip
  long query_block;    // floats from one block of the head's depth to the next
  float *scores, *output;
  softmax_state *states;
  long rows, first_row;
} attention_strip;

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
  for (long i = 0; i < s->rows; i++) {
    const long valid = p->causal ? ck_min(count, s->first_row + i + 1 - begin) : count;
    const float factor = soften(s->scores + i * CK_LDA, valid, count, &s->states[i]);
    if (factor != 1.0f && begin > 0)
      for (long c = 0; c < width; c += CK_LANES) {
        float *o = s->output + i * width + c;
        vstore(o, vload(o) * factor);
      }
  }
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
  softmax_state *states = (softmax_state *)(scores + STRIP_ROWS * CK_LDA);
  for (long i = 0; i < rows; i++) {
    const float *from = p->query + (sample * p->query_count + row_begin + i) * p->query_stride + column;
    for (long block = 0; block < depth_blocks(size); block++) {
      const long begin = depth_begin(size, block), end = depth_begin(size, block + 1);
      float *to = query + (block * rows + i) * CK_LDA;
      for (long d = begin; d < end; d++) to[d - begin] = from[d] * p->scale;
    }
    states[i] = (softmax_state){-3.0e38f, 0.0f};
  }
  const long visible = p->causal ? ck_min(p->key_count, row_end) : p->key_count;
  for (long begin = 0; begin < visible; begin += CK_BLOCK_DEPTH) {
    const long end = ck_min(begin + CK_BLOCK_DEPTH, visible);
    for (long i = 0; i < rows; i += STRIP_ROWS) {
      const attention_strip strip = {query + i * CK_LDA, rows * CK_LDA, scores, output + i * width, states + i,
                                     ck_min(STRIP_ROWS, rows - i), row_begin + i};
      attend(p, keys, values, begin, end, &strip);
    }
  }
  for (long i = 0; i < rows; i++) {
    float *to = p->out + (sample * p->query_count + row_begin + i) * p->out_stride + column;
    const float inverse = 1.0f / states[i].sum;
    for (long c = 0; c < size; c += CK_LANES) vstore_part(to + c, vload(output + i * width + c) * inverse, size - c);
  }
}
