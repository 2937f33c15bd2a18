// Packed matrix product. Weights lie in panels of CK_PANEL columns: [panel][depth][column]; a last panel of at most one
// vector is one vector wide. Gated weights pair one vector of values with one of gates in each panel.
#include "../internal/epilogue.h"
#include "../internal/micro.h"
#include "../internal/panels.h"

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
    const long width = vectors * CK_LANES, first = panel * CK_PANEL, at = row_begin * g->columns + first;
    const float *residual = g->epilogue.residual;
    const ck_touch touch = {(const char *)(g->out + at), residual ? (const char *)(residual + at) : NULL,
                            g->columns * (long)sizeof(float), ck_min(width, g->columns - first) * (long)sizeof(float)};
    for (long block = 0; block < blocks; block++) {
      const long begin = depth_begin(g->depth, block), depth = depth_begin(g->depth, block + 1) - begin;
      const long stored = panel * g->depth * CK_PANEL + begin * width;
      const float *right = widen_panel(g->weights, g->weight_type, stored, depth * width, widened);
      // What follows this block of weights is the next block or, after the last, the next panel.
      const long size = g->weight_type == CK_FLOAT32 ? 4 : 2;
      micro_strips_touching(rows, vectors, depth, left + block * rows * CK_LDA, right, sums, CK_PANEL, block > 0,
                            (const char *)g->weights + (stored + depth * width) * size, depth * width * size,
                            !g->gated && block == blocks - 1 ? &touch : NULL);
    }
    if (g->gated)
      store_gated_panel(g, sums, row_begin, row_end, panel);
    else
      store_panel(g, sums, row_begin, row_end, panel, vectors);
  }
}
