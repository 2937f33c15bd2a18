// Packed matrix product. Weights lie in panels of CK_PANEL columns: [panel][depth][column]; a last panel of at most one
// vector is one vector wide. Gated weights pair one vector of values with one of gates in each panel.
#include "../internal/epilogue.h"
#include "../internal/micro.h"
#include "../internal/panels.h"

size_t CK_NAME(ck_packed_bytes)(long depth, long columns, bool gated, ck_weight_type type) {
  long padded = gated ? ck_round_up(columns / 2, CK_LANES) * 2 : ck_round_up(columns, CK_LANES);
  return (size_t)depth * (size_t)padded * (type == CK_FLOAT32 ? 4 : 2);
}

// MARK: - Packing

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

CK_INLINE void pack_panel(const ck_packing *p, long panel, ck_weight_type from, ck_weight_type to) {
  const long depth = p->inputs * p->taps, width = panel_vectors(p->outputs, p->gated, panel) * CK_LANES;
  const long base = panel * depth * CK_PANEL;
  const long run = p->taps_first ? 1 : p->taps;
  for (long begin = 0; begin < p->inputs; begin += 64) {
    const long end = ck_min(begin + 64, p->inputs);
    for (long column = 0; column < width; column++) {
      const long output = output_of_column(p, panel, column);
      for (long input = begin; input < end; input++)
        for (long tap = 0; tap < p->taps; tap++) {
          const long k = p->taps_first ? tap * p->inputs + input : input * run + tap;
          const float value = output < 0 ? 0.0f : read_weight(p->source, output * depth + input * p->taps + tap, from);
          write_weight(p->packed, base + k * width + column, to, value);
        }
    }
  }
}

void CK_NAME(ck_pack_weights)(const ck_packing *p, long panel_begin, long panel_end) {
  for (long panel = panel_begin; panel < panel_end; panel++) {
    switch (p->source_type * 3 + p->packed_type) {
      case 0: pack_panel(p, panel, CK_FLOAT32, CK_FLOAT32); break;
      case 1: pack_panel(p, panel, CK_FLOAT32, CK_FLOAT16); break;
      case 3: pack_panel(p, panel, CK_FLOAT16, CK_FLOAT32); break;
      case 4: pack_panel(p, panel, CK_FLOAT16, CK_FLOAT16); break;
      default: pack_panel(p, panel, p->source_type, p->packed_type);
    }
  }
}

// MARK: - The left matrix

/// Copies depth [begin, end) of the rows into a block with rows CK_LDA apart.
static void load_rows(const ck_gemm *g, long row_begin, long row_end, long begin, long end, float *block) {
  for (long row = row_begin; row < row_end; row++, block += CK_LDA)
    memcpy(block, g->a + row * g->a_stride + begin, (size_t)(end - begin) * sizeof(float));
}

/// The same for patches of a feature map: depth is (kernel row, kernel column, channel).
static void load_patches(const ck_conv_input *in, long row_begin, long row_end, long begin, long end, float *block) {
  const long pixels = in->out_height * in->out_width;
  for (long row = row_begin; row < row_end; row++, block += CK_LDA) {
    const long sample = row / pixels, y = row % pixels / in->out_width, x = row % in->out_width;
    const float *map = in->in + sample * in->height * in->width * in->channels;
    long tap = begin / in->channels, channel = begin % in->channels;
    for (long k = begin; k < end;) {
      const long count = ck_min(in->channels - channel, end - k);
      const int32_t sy = in->source_y[y * in->stride + tap / in->kernel_width];
      const int32_t sx = in->source_x[x * in->stride + tap % in->kernel_width];
      if (sy < 0 || sx < 0)
        memset(block + (k - begin), 0, (size_t)count * sizeof(float));
      else
        memcpy(block + (k - begin), map + ((long)sy * in->width + sx) * in->channels + channel,
               (size_t)count * sizeof(float));
      k += count;
      channel = 0;
      tap++;
    }
  }
}

// MARK: - Product

static void store_panel(const ck_gemm *g, const float *sums, long row_begin, long row_end, long panel, int vectors) {
  for (long row = row_begin; row < row_end; row++, sums += CK_PANEL)
    for (int j = 0; j < vectors; j++) {
      const long column = panel * CK_PANEL + j * CK_LANES;
      finish(&g->epilogue, vload(sums + j * CK_LANES), row, column, g->columns, g->columns - column, g->out);
    }
}

/// out = (value + bias) * gelu(gate + bias).
static void store_gated_panel(const ck_gemm *g, const float *sums, long row_begin, long row_end, long panel) {
  const long columns = g->columns / 2, column = panel * CK_LANES, count = columns - column;
  vf value_bias = vsplat(0), gate_bias = vsplat(0);
  if (g->epilogue.bias) {
    value_bias = part(g->epilogue.bias, column, count);
    gate_bias = part(g->epilogue.bias, columns + column, count);
  }
  for (long row = row_begin; row < row_end; row++, sums += CK_PANEL) {
    vf value = (vload(sums) + value_bias) * vgelu(vload(sums + CK_LANES) + gate_bias);
    vstore_part(g->out + row * columns + column, value, count);
  }
}

size_t CK_NAME(ck_gemm_scratch_floats)(long rows, long depth) {
  return (size_t)(depth_blocks(depth) * rows * CK_LDA + rows * CK_PANEL + CK_BLOCK_DEPTH * CK_PANEL);
}

void CK_NAME(ck_gemm_f32)(const ck_gemm *g, long row_begin, long row_end, long panel_begin, long panel_end,
                          float *scratch) {
  const long rows = row_end - row_begin, blocks = depth_blocks(g->depth);
  float *left = scratch, *sums = left + blocks * rows * CK_LDA, *widened = sums + rows * CK_PANEL;
  for (long block = 0; block < blocks; block++) {
    const long begin = depth_begin(g->depth, block), end = depth_begin(g->depth, block + 1);
    if (g->conv)
      load_patches(g->conv, row_begin, row_end, begin, end, left + block * rows * CK_LDA);
    else
      load_rows(g, row_begin, row_end, begin, end, left + block * rows * CK_LDA);
  }
  for (long panel = panel_begin; panel < panel_end; panel++) {
    const int vectors = panel_vectors(g->columns, g->gated, panel);
    const long width = vectors * CK_LANES;
    for (long block = 0; block < blocks; block++) {
      const long begin = depth_begin(g->depth, block), depth = depth_begin(g->depth, block + 1) - begin;
      const long first = panel * g->depth * CK_PANEL + begin * width;
      const float *right = widen_panel(g->weights, g->weight_type, first, depth * width, widened);
      // What follows this block of weights is the next block or, after the last, the next panel.
      const long size = g->weight_type == CK_FLOAT32 ? 4 : 2;
      micro_strips(rows, vectors, depth, left + block * rows * CK_LDA, right, sums, CK_PANEL, block > 0,
                   (const char *)g->weights + (first + depth * width) * size, depth * width * size);
    }
    if (g->gated)
      store_gated_panel(g, sums, row_begin, row_end, panel);
    else
      store_panel(g, sums, row_begin, row_end, panel, vectors);
  }
}
