// The hot inner loops of the tensor runtime that need an instruction set.
//
// Every kernel works on a range of its problem and shares nothing, so the caller splits a problem over its own threads.
// No kernel's numbers depend on how a problem was split. Feature maps are channels-last: [sample][y][x][channel].
#ifndef CKERNELS_H
#define CKERNELS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// What this processor can run, read once with cpuid.
typedef struct {
  bool avx2;    // AVX2, FMA and F16C, enabled by the operating system
  bool avx512;  // AVX-512 F, BW, DQ and VL, enabled by the operating system
} ck_cpu_features;

ck_cpu_features ck_detect_cpu(void);

#pragma clang assume_nonnull begin

/// How packed weights are stored; they are widened to float32 in the cache, next to their use.
typedef enum { CK_FLOAT32 = 0, CK_FLOAT16 = 1, CK_BFLOAT16 = 2 } ck_weight_type;
typedef enum { CK_IDENTITY = 0, CK_SILU = 1, CK_GELU = 2, CK_QUICK_GELU = 3, CK_RELU = 4 } ck_activation;

enum {
  CK_BLOCK_DEPTH = 320,   // the longest run of products summed in registers; longer sums are made of equal blocks
  CK_BLOCK_STRIDE = 336,  // floats from row to row of a packed block
  CK_BLOCK_ROWS = 112,    // the most rows one call of a matrix kernel takes
  CK_QUERY_ROWS = 128,    // the most queries one call of attention takes
};

/// What happens to a sum before it is stored: out = activation(sum + bias + per_sample + residual); gated products take a bias alone.
typedef struct {
  const float *_Nullable bias;        // [columns], or null
  const float *_Nullable per_sample;  // [samples][columns], or null
  const float *_Nullable residual;    // laid out as the output, or null
  long rows_per_sample;     // rows of the output that share a line of per_sample
  ck_activation activation;
} ck_epilogue;

/// The geometry of a convolution's input. Padding, cropping and nearest upsampling are all said by the two maps.
typedef struct {
  const float *in;  // [samples][height][width][channels]
  long height, width, channels;
  const int32_t *source_y;  // row of `in` read for each row of the padded, upsampled input; -1 for zeros
  const int32_t *source_x;  // the same for columns
  long out_height, out_width;
  long kernel_height, kernel_width, stride;
} ck_conv_input;

/// A product of a row-major matrix (or the patches of a feature map) with packed weights.
typedef struct {
  const float *_Nullable a;              // [rows][depth], rows a_stride floats apart; unused when conv is set
  long a_stride;
  const ck_conv_input *_Nullable conv;   // rows are output pixels, depth is kernel_height * kernel_width * channels
  const void *weights;         // as ck_kernels.pack_weights makes them
  ck_weight_type weight_type;
  long depth, columns;         // columns of the weights
  bool gated;                  // GEGLU: columns hold values then gates; the output has half as many
  float *out;                  // [rows][output columns], contiguous
  ck_epilogue epilogue;
} ck_gemm;

/// Weights as they come from a file: [outputs][inputs][taps], and the order of depth in which they are packed.
typedef struct {
  const void *source;  // may be unaligned
  ck_weight_type source_type;
  long outputs, inputs, taps;
  bool taps_first;     // depth runs over (tap, input), as patches do; else over (input, tap), as the file does
  bool gated;
  void *packed;
  ck_weight_type packed_type;
} ck_packing;

/// A stride-1 3x3 convolution by Winograd's method over one group of tiles.
typedef struct {
  ck_conv_input input;  // its maps reach past the last output by a whole tile
  const void *weights;  // packed with depth over (input, tap)
  ck_weight_type weight_type;
  long out_channels;
  float *out;           // [samples][out_height][out_width][out_channels]
  ck_epilogue epilogue; // rows_per_sample is out_height * out_width
  long tile_begin, tile_end;  // the group: tiles in the order (sample, tile row, tile column)
  float *transformed;   // input tiles of the group, input_floats long, shared by all output channels
  bool streaming;       // the output is too large for any cache: stores may go past them
} ck_winograd;

/// The kernels of Winograd's method for one size of tile.
typedef struct {
  long tile;       // output pixels along a side
  long positions;  // products for each tile, input and output

  size_t (*_Nonnull input_floats)(long tiles, long channels);
  /// Transforms the group's tiles [tile_begin, tile_end), counted from the start of the group.
  void (*_Nonnull input)(const ck_winograd *problem, long tile_begin, long tile_end);
  size_t (*_Nonnull scratch_floats)(long tiles, long panels);
  /// Products and output of tiles [tile_begin, tile_end) of the group for panels of output channels.
  void (*_Nonnull output)(const ck_winograd *problem, long tile_begin, long tile_end, long panel_begin, long panel_end,
                          float *scratch);
} ck_winograd_kernels;

/// Attention over tokens whose heads lie side by side: row r of head h begins at r * stride + h * head_size.
typedef struct {
  const float *query, *key, *value;
  float *out;
  long query_stride, key_stride, value_stride, out_stride;
  long samples, heads, head_size, query_count, key_count;
  bool causal;
  float scale;
  float *packed;  // keys and values of every head, ck_attention_packed_floats(...) * samples * heads long
} ck_attention;

/// Per-channel normalisation of [samples][pixels][channels].
typedef struct {
  const float *in;
  float *out;
  long pixels, channels, groups;
} ck_group_norm;

/// The kernels of one instruction set.
typedef struct {
  const char *name;
  long panel;  // columns of a panel of packed weights

  /// Keeps the arithmetic units busy for so many rounds of round_flops operations each.
  float (*_Nonnull multiply_adds)(long rounds);
  long round_flops;

  /// Bytes of packed weights.
  size_t (*_Nonnull packed_bytes)(long depth, long columns, bool gated, ck_weight_type type);
  /// Packs the panels [panel_begin, panel_end).
  void (*_Nonnull pack_weights)(const ck_packing *packing, long panel_begin, long panel_end);

  size_t (*_Nonnull gemm_scratch_floats)(long rows, long depth);
  /// Rows [row_begin, row_end), at most CK_BLOCK_ROWS of them, by panels [panel_begin, panel_end).
  void (*_Nonnull gemm)(const ck_gemm *problem, long row_begin, long row_end, long panel_begin, long panel_end, float *scratch);

  /// Winograd's F(2x2, 3x3), F(4x4, 3x3) and F(6x6, 3x3).
  const ck_winograd_kernels *winograd2, *winograd4, *winograd6;

  /// Output pixels [pixel_begin, pixel_end) of a convolution with at most four outputs; weights [outputs][tap][input].
  void (*_Nonnull conv_narrow)(const ck_conv_input *input, const float *weights, long outputs, const float *_Nullable bias, float *out,
                      long pixel_begin, long pixel_end);

  size_t (*_Nonnull attention_packed_floats)(long key_count, long head_size);
  /// Packs keys and values of heads [head_begin, head_end), counted over samples and heads.
  void (*_Nonnull attention_pack)(const ck_attention *problem, long head_begin, long head_end);
  size_t (*_Nonnull attention_scratch_floats)(long head_size);
  /// Query rows [row_begin, row_end) of one head, at most CK_QUERY_ROWS of them, best whole panels.
  void (*_Nonnull attention)(const ck_attention *problem, long head, long row_begin, long row_end, float *scratch);

  /// Mean and sum of squared deviations of each group over pixels [pixel_begin, pixel_end) of one sample.
  void (*_Nonnull group_norm_moments)(const ck_group_norm *problem, long sample, long pixel_begin, long pixel_end,
                             double *means, double *squares, float *scratch);
  /// out = activation(in * scale[channel] + shift[channel]) over pixels of one sample.
  void (*_Nonnull scale_shift)(const ck_group_norm *problem, const float *scale, const float *shift, ck_activation activation,
                      long sample, long pixel_begin, long pixel_end);
  void (*_Nonnull layer_norm)(const float *in, float *out, const float *weight, const float *_Nullable bias, float epsilon, long width,
                     long row_begin, long row_end);
  void (*_Nonnull softmax_rows)(const float *in, float *out, long width, long row_begin, long row_end);

  void (*_Nonnull activate)(const float *in, float *out, ck_activation activation, long count);
  void (*_Nonnull add)(const float *a, const float *b, float *out, long count);
  void (*_Nonnull multiply)(const float *a, const float *b, float *out, long count);
  /// out = a * x + b * y, two roundings: a * x and b * y are rounded, then their sum.
  void (*_Nonnull weighted_sum)(float a, const float *x, float b, const float *y, float *out, long count);
  /// out[row][column] = in[column][row] for rows [row_begin, row_end) of the output.
  void (*_Nonnull transpose)(const float *in, float *out, long rows, long columns, long row_begin, long row_end);
  /// Converts stored values, which may be unaligned, to float32.
  void (*_Nonnull widen)(const void *in, ck_weight_type type, float *out, long count);
} ck_kernels;

/// The portable kernels, compiled for the baseline of the architecture (SSE2 on x86-64, NEON on arm64).
const ck_kernels *ck_kernels_generic(void);
/// The kernels for AVX2, FMA and F16C; null where the architecture has none.
const ck_kernels *_Nullable ck_kernels_avx2(void);
/// The kernels for AVX-512; null where the architecture has none.
const ck_kernels *_Nullable ck_kernels_avx512(void);

#pragma clang assume_nonnull end

#endif
