// The table of one instruction set. Bodies are compiled in their own files; here are only their names.
#include "internal/vector.h"

#define CK_DECLARE(result, name, ...) result CK_NAME(name)(__VA_ARGS__)

CK_DECLARE(size_t, ck_packed_bytes, long depth, long columns, bool gated, ck_weight_type type);
CK_DECLARE(void, ck_pack_weights, const ck_packing *packing, long panel_begin, long panel_end);
CK_DECLARE(size_t, ck_gemm_scratch_floats, long rows, long depth);
CK_DECLARE(void, ck_gemm_f32, const ck_gemm *problem, long row_begin, long row_end, long panel_begin, long panel_end,
           float *scratch);
extern const ck_winograd_kernels CK_NAME(ck_winograd_2), CK_NAME(ck_winograd_4), CK_NAME(ck_winograd_6);
CK_DECLARE(void, ck_conv_narrow, const ck_conv_input *input, const float *weights, long outputs, const float *bias,
           float *out, long pixel_begin, long pixel_end);
CK_DECLARE(size_t, ck_attention_packed_floats, long key_count, long head_size);
CK_DECLARE(void, ck_attention_pack, const ck_attention *problem, long head_begin, long head_end);
CK_DECLARE(size_t, ck_attention_scratch_floats, long head_size);
CK_DECLARE(void, ck_attention_f32, const ck_attention *problem, long head, long row_begin, long row_end, float *scratch);
CK_DECLARE(void, ck_group_norm_moments, const ck_group_norm *problem, long sample, long pixel_begin, long pixel_end,
           double *means, double *squares, float *scratch);
CK_DECLARE(void, ck_scale_shift, const ck_group_norm *problem, const float *scale, const float *shift,
           ck_activation activation, long sample, long pixel_begin, long pixel_end);
CK_DECLARE(void, ck_layer_norm, const float *in, float *out, const float *weight, const float *bias, float epsilon,
           long width, long row_begin, long row_end);
CK_DECLARE(void, ck_softmax_rows, const float *in, float *out, long width, long row_begin, long row_end);
CK_DECLARE(void, ck_activate, const float *in, float *out, ck_activation activation, long count);
CK_DECLARE(void, ck_add, const float *a, const float *b, float *out, long count);
CK_DECLARE(void, ck_multiply, const float *a, const float *b, float *out, long count);
CK_DECLARE(void, ck_weighted_sum, float a, const float *x, float b, const float *y, float *out, long count);
CK_DECLARE(void, ck_transpose, const float *in, float *out, long rows, long columns, long row_begin, long row_end);
CK_DECLARE(void, ck_widen, const void *in, ck_weight_type type, float *out, long count);
CK_DECLARE(float, ck_multiply_adds, long rounds);

static const ck_kernels kernels = {
    .name = CK_TABLE_NAME,
    .panel = CK_PANEL,
    .multiply_adds = CK_NAME(ck_multiply_adds),
    .round_flops = 12 * 2 * CK_LANES,
    .packed_bytes = CK_NAME(ck_packed_bytes),
    .pack_weights = CK_NAME(ck_pack_weights),
    .gemm_scratch_floats = CK_NAME(ck_gemm_scratch_floats),
    .gemm = CK_NAME(ck_gemm_f32),
    .winograd2 = &CK_NAME(ck_winograd_2),
    .winograd4 = &CK_NAME(ck_winograd_4),
    .winograd6 = &CK_NAME(ck_winograd_6),
    .conv_narrow = CK_NAME(ck_conv_narrow),
    .attention_packed_floats = CK_NAME(ck_attention_packed_floats),
    .attention_pack = CK_NAME(ck_attention_pack),
    .attention_scratch_floats = CK_NAME(ck_attention_scratch_floats),
    .attention = CK_NAME(ck_attention_f32),
    .group_norm_moments = CK_NAME(ck_group_norm_moments),
    .scale_shift = CK_NAME(ck_scale_shift),
    .layer_norm = CK_NAME(ck_layer_norm),
    .softmax_rows = CK_NAME(ck_softmax_rows),
    .activate = CK_NAME(ck_activate),
    .add = CK_NAME(ck_add),
    .multiply = CK_NAME(ck_multiply),
    .weighted_sum = CK_NAME(ck_weighted_sum),
    .transpose = CK_NAME(ck_transpose),
    .widen = CK_NAME(ck_widen),
};
