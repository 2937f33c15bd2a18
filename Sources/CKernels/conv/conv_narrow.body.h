// Convolutions with few outputs (three colours, four latent channels): a panel of outputs would be mostly padding, so
// lanes run along the input channels instead and are added up at the end.
#include "../internal/vector.h"

CK_INLINE void narrow_row(const ck_conv_input *in, const float *weights, const int outputs, const float *bias,
                          float *out, long begin, long end) {
  const long pixels = in->out_height * in->out_width, taps = in->kernel_height * in->kernel_width, channels = in->channels;
  const long whole = channels / CK_LANES * CK_LANES;
  for (long pixel = begin; pixel < end; pixel++) {
    const long y = pixel % pixels / in->out_width * in->stride, x = pixel % in->out_width * in->stride;
    const float *map = in->in + pixel / pixels * in->height * in->width * channels;
    vf sum[4] = {vsplat(0), vsplat(0), vsplat(0), vsplat(0)};
    float rest[4] = {0, 0, 0, 0};
    for (long tap = 0; tap < taps; tap++) {
      const long sy = in->source_y[y + tap / in->kernel_width], sx = in->source_x[x + tap % in->kernel_width];
      if (sy < 0 || sx < 0) continue;
      const float *from = map + (sy * in->width + sx) * channels, *w = weights + tap * channels;
      for (long c = 0; c < whole; c += CK_LANES) {
        const vf v = vload(from + c);
#pragma clang loop unroll(full)
        for (int o = 0; o < outputs; o++) sum[o] += v * vload(w + o * taps * channels + c);
      }
      for (long c = whole; c < channels; c++)
#pragma clang loop unroll(full)
        for (int o = 0; o < outputs; o++) rest[o] += from[c] * w[o * taps * channels + c];
    }
#pragma clang loop unroll(full)
    for (int o = 0; o < outputs; o++) out[pixel * outputs + o] = vsum(sum[o]) + rest[o] + (bias ? bias[o] : 0.0f);
  }
}

void CK_NAME(ck_conv_narrow)(const ck_conv_input *in, const float *weights, long outputs, const float *bias, float *out,
                             long pixel_begin, long pixel_end) {
  switch (outputs) {
    case 1: narrow_row(in, weights, 1, bias, out, pixel_begin, pixel_end); break;
    case 2: narrow_row(in, weights, 2, bias, out, pixel_begin, pixel_end); break;
    case 3: narrow_row(in, weights, 3, bias, out, pixel_begin, pixel_end); break;
    default: narrow_row(in, weights, 4, bias, out, pixel_begin, pixel_end);
  }
}
