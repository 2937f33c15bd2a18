// Loops that touch each value once: bound by memory, so each does all there is to do in one pass.
#include "../internal/math.h"

CK_INLINE void activate_all(const float *in, float *out, ck_activation activation, long count) {
  long i = 0;
  for (; i + CK_LANES <= count; i += CK_LANES) vstore(out + i, vactivate(vload(in + i), activation));
  if (i < count) vstore_part(out + i, vactivate(vload_part(in + i, count - i), activation), count - i);
}

void CK_NAME(ck_activate)(const float *in, float *out, ck_activation activation, long count) {
  switch (activation) {
    case CK_SILU: activate_all(in, out, CK_SILU, count); break;
    case CK_GELU: activate_all(in, out, CK_GELU, count); break;
    case CK_QUICK_GELU: activate_all(in, out, CK_QUICK_GELU, count); break;
    case CK_RELU: activate_all(in, out, CK_RELU, count); break;
    default: activate_all(in, out, CK_IDENTITY, count);
  }
}

void CK_NAME(ck_add)(const float *a, const float *b, float *out, long count) {
  for (long i = 0; i < count; i++) out[i] = a[i] + b[i];
}

void CK_NAME(ck_multiply)(const float *a, const float *b, float *out, long count) {
  for (long i = 0; i < count; i++) out[i] = a[i] * b[i];
}

void CK_NAME(ck_weighted_sum)(float a, const float *x, float b, const float *y, float *out, long count) {
#pragma clang fp contract(off)
  for (long i = 0; i < count; i++) {
    const float left = a * x[i], right = b * y[i];
    out[i] = left + right;
  }
}
