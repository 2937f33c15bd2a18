// GroupNorm in two steps (moments of chunks, then a scale and shift per channel), LayerNorm and softmax by rows.
// Moments are sums of squared deviations from the chunk's own mean, so a large mean costs no digits.
#include "../internal/math.h"

/// Adds (x - mean)^p of four pixels at a time to one sum per channel; p is 1 without means, 2 with.
CK_INLINE void add_pixels(const float *in, long pixels, long channels, const float *means, float *sums) {
  const bool squared = means != NULL;
  long pixel = 0;
  for (; pixel < pixels; pixel += 4) {
    const long count = ck_min(4, pixels - pixel);
    const float *from = in + pixel * channels;
    long c = 0;
    for (; c + CK_LANES <= channels && count == 4; c += CK_LANES) {
      vf x0 = vload(from + c), x1 = vload(from + channels + c);
      vf x2 = vload(from + 2 * channels + c), x3 = vload(from + 3 * channels + c);
      if (squared) {
        const vf mean = vload(means + c);
        x0 -= mean, x1 -= mean, x2 -= mean, x3 -= mean;
        x0 *= x0, x1 *= x1, x2 *= x2, x3 *= x3;
      }
      vstore(sums + c, vload(sums + c) + ((x0 + x1) + (x2 + x3)));
    }
    for (; c < channels; c++)
      for (long i = 0; i < count; i++) {
        float x = from[i * channels + c];
        if (squared) x = (x - means[c]) * (x - means[c]);
        sums[c] += x;
      }
  }
}

/// scratch: two floats per channel.
void CK_NAME(ck_group_norm_moments)(const ck_group_norm *p, long sample, long pixel_begin, long pixel_end,
                                    double *means, double *squares, float *scratch) {
  const long channels = p->channels, width = channels / p->groups, pixels = pixel_end - pixel_begin;
  const float *in = p->in + (sample * p->pixels + pixel_begin) * channels;
  float *sums = scratch, *channel_means = scratch + channels;
  memset(sums, 0, (size_t)channels * sizeof(float));
  add_pixels(in, pixels, channels, NULL, sums);
  for (long g = 0; g < p->groups; g++) {
    double sum = 0;
    for (long c = 0; c < width; c++) sum += sums[g * width + c];
    // Deviations are taken from the rounded mean, so the rounded mean is also what the caller gets.
    const float mean = (float)(sum / (double)(width * pixels));
    means[g] = mean;
    for (long c = 0; c < width; c++) channel_means[g * width + c] = mean;
    // The rest of the sum corrects the squares for a mean that is not exact.
    squares[g] = sum - (double)mean * (double)(width * pixels);
  }
  memset(sums, 0, (size_t)channels * sizeof(float));
  add_pixels(in, pixels, channels, channel_means, sums);
  for (long g = 0; g < p->groups; g++) {
    double sum = 0;
    for (long c = 0; c < width; c++) sum += sums[g * width + c];
    const double count = (double)(width * pixels), rest = squares[g] / count;
    means[g] += rest;
    squares[g] = sum - rest * rest * count;
    if (squares[g] < 0) squares[g] = 0;
  }
}

CK_INLINE void scale_shift_rows(const float *in, float *out, const float *scale, const float *shift, long channels,
                                long pixels, ck_activation activation) {
  for (long i = 0; i < pixels; i++, in += channels, out += channels) {
    long c = 0;
    for (; c + CK_LANES <= channels; c += CK_LANES)
      vstore(out + c, vactivate(vload(in + c) * vload(scale + c) + vload(shift + c), activation));
    if (c < channels) {
      const long rest = channels - c;
      const vf x = vload_part(in + c, rest) * vload_part(scale + c, rest) + vload_part(shift + c, rest);
      vstore_part(out + c, vactivate(x, activation), rest);
    }
  }
}

void CK_NAME(ck_scale_shift)(const ck_group_norm *p, const float *scale, const float *shift, ck_activation activation,
                             long sample, long pixel_begin, long pixel_end) {
  const long first = (sample * p->pixels + pixel_begin) * p->channels, pixels = pixel_end - pixel_begin;
  switch (activation) {
    case CK_IDENTITY:
      scale_shift_rows(p->in + first, p->out + first, scale, shift, p->channels, pixels, CK_IDENTITY);
      break;
    case CK_SILU:
      scale_shift_rows(p->in + first, p->out + first, scale, shift, p->channels, pixels, CK_SILU);
      break;
    default:
      scale_shift_rows(p->in + first, p->out + first, scale, shift, p->channels, pixels, activation);
  }
}

void CK_NAME(ck_layer_norm)(const float *in, float *out, const float *weight, const float *bias, float epsilon,
                            long width, long row_begin, long row_end) {
  for (long row = row_begin; row < row_end; row++) {
    const float *x = in + row * width;
    float *y = out + row * width;
    vf sums = vsplat(0.0f), squares = vsplat(0.0f);
    for (long c = 0; c < width; c += CK_LANES) sums += vload_part(x + c, width - c);
    const float mean = vsum(sums) / (float)width;
    for (long c = 0; c < width; c += CK_LANES) {
      vf d = vload_part(x + c, width - c) - mean;
      if (width - c < CK_LANES) {
        float lanes[CK_LANES] = {0};
        vstore_part(lanes, d, width - c);  // padding lanes hold -mean, not a deviation
        d = vload(lanes);
      }
      squares += d * d;
    }
    const float scale = 1.0f / __builtin_sqrtf(vsum(squares) / (float)width + epsilon);
    for (long c = 0; c < width; c += CK_LANES) {
      const long count = width - c;
      vf v = (vload_part(x + c, count) - mean) * scale;
      if (weight) v *= vload_part(weight + c, count);
      if (bias) v += vload_part(bias + c, count);
      vstore_part(y + c, v, count);
    }
  }
}

void CK_NAME(ck_softmax_rows)(const float *in, float *out, long width, long row_begin, long row_end) {
  for (long row = row_begin; row < row_end; row++) {
    const float *x = in + row * width;
    float *y = out + row * width;
    float maximum = x[0];
    vf highest = vsplat(maximum), sum = vsplat(0.0f);
    long c = 0;
    for (; c + CK_LANES <= width; c += CK_LANES) highest = vmax(highest, vload(x + c));
    maximum = vmaximum(highest);
    for (; c < width; c++) maximum = x[c] > maximum ? x[c] : maximum;
    for (c = 0; c + CK_LANES <= width; c += CK_LANES) {
      const vf e = vexp(vload(x + c) - maximum);
      sum += e;
      vstore(y + c, e);
    }
    if (c < width) {
      float lanes[CK_LANES] = {0};
      vstore_part(lanes, vexp(vload_part(x + c, width - c) - maximum), width - c);
      sum += vload(lanes);
      vstore_part(y + c, vload(lanes), width - c);
    }
    const float scale = 1.0f / vsum(sum);
    for (c = 0; c < width; c += CK_LANES) vstore_part(y + c, vload_part(y + c, width - c) * scale, width - c);
  }
}
