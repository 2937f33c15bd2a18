// Vector exp, erf and the activations made of them. Coefficients: minimax fits by iterated weighted least squares.
#ifndef CK_MATH_H
#define CK_MATH_H
#include "vector.h"

/// Limits x; NaN stays NaN.
CK_INLINE vf vclamp(vf x, float low, float high) {
  x = vsplat(low) > x ? vsplat(low) : x;
  return vsplat(high) < x ? vsplat(high) : x;
}

/// e^x to about 1.5 ulp for x <= 88; 0 below -87.3 (results that would be subnormal), as softmax and SiLU want it.
CK_INLINE vf vexp(vf x) {
  const float shift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer held in the low bits
  const vi tiny = x < vsplat(-87.3f);
  x = vclamp(x, -87.3f, 88.3f);
  const vf shifted = x * 1.44269504f + shift;
  const vf n = shifted - shift;
  vf r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  vf p = r * 0.0013814596459269524f + 0.0083687175065279f;
  p = p * r + 0.04166838899254799f;
  p = p * r + 0.1666652113199234f;
  p = p * r + 0.4999999403953552f;
  p = p * (r * r) + r + 1.0f;
  const vf power = vfloats((vbits(shifted) + (127 - 0x4b400000)) << 23);  // 2^n
  return vselect(tiny, vsplat(0.0f), p * power);
}

/// erf(x) to about 3 ulp: x P(x^2) / Q(x^2), saturated where float32 can no longer tell it from 1.
CK_INLINE vf verf(vf x) {
  const vf c = vclamp(x, -3.92f, 3.92f);
  const vf t = c * c;
  vf p = t * 2.0259851680748397e-06f + 0.0002846814168151468f;
  p = p * t + 0.0038078187499195337f;
  p = p * t + 0.052874382585287094f;
  p = p * t + 0.19154207408428192f;
  p = p * t + 1.1283791065216064f;
  vf q = t * 3.783228385145776e-05f + 0.0011706455843523145f;
  q = q * t + 0.015054399147629738f;
  q = q * t + 0.11455624550580978f;
  q = q * t + 0.5030823945999146f;
  q = q * t + 1.0f;
  return vclamp(c * p / q, -1.0f, 1.0f);
}

CK_INLINE vf vsilu(vf x) { return x / (vsplat(1.0f) + vexp(-x)); }
CK_INLINE vf vgelu(vf x) { return 0.5f * x * (vsplat(1.0f) + verf(x * 0.70710678f)); }
CK_INLINE vf vquick_gelu(vf x) { return x / (vsplat(1.0f) + vexp(x * -1.702f)); }

CK_INLINE vf vactivate(vf x, ck_activation activation) {
  switch (activation) {
    case CK_SILU: return vsilu(x);
    case CK_GELU: return vgelu(x);
    case CK_QUICK_GELU: return vquick_gelu(x);
    case CK_RELU: return vselect(x < vsplat(0.0f), vsplat(0.0f), x);
    default: return x;
  }
}
#endif
