// Vector exp and the activations made of it. Coefficients: minimax fits by iterated weighted least squares.
#ifndef CK_MATH_H
#define CK_MATH_H
#include "vector.h"

/// Limits x; NaN stays NaN.
CK_INLINE vf vclamp(vf x, float low, float high) {
  x = vsplat(low) > x ? vsplat(low) : x;
  return vsplat(high) < x ? vsplat(high) : x;
}

/// e^x for -87.3 <= x <= 88.3 to about 1.5 ulp; NaN stays NaN.
CK_INLINE vf vexp_within(vf x) {
  const float shift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer held in the low bits
  const vf shifted = x * 1.44269504f + shift;
  const vf n = shifted - shift;
  vf r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  vf p = r * 0.0013814596459269524f + 0.0083687175065279f;
  p = p * r + 0.04166838899254799f;
  p = p * r + 0.1666652113199234f;
  p = p * r + 0.4999999403953552f;
  p = p * (r * r) + r + 1.0f;
  return p * vfloats((vbits(shifted) + (127 - 0x4b400000)) << 23);  // 2^n
}

/// e^x to about 1.5 ulp for x <= 88; 0 below -87.3 (results that would be subnormal), as softmax and SiLU want it.
CK_INLINE vf vexp(vf x) {
  const vi tiny = x < vsplat(-87.3f);
  return vselect(tiny, vsplat(0.0f), vexp_within(vclamp(x, -87.3f, 88.3f)));
}

/// e^x for x <= 0, where e^-87 is as good as 0.
CK_INLINE vf vexp_of_negative(vf x) { return vexp_within(vsplat(-87.3f) > x ? vsplat(-87.3f) : x); }

/// x times the normal distribution's mass below x, from the mass beyond |x|: exp(-x^2 / 2) t P(t), t = 1 / (1 + c |x|).
/// Relative error below 1e-6 even where the result is tiny, which x (1 + erf) / 2 would lose by cancellation.
CK_INLINE vf vgelu(vf x) {
  const vf u = vclamp(vfloats(vbits(x) & INT32_MAX), 0.0f, 30.0f);
  const vf t = 1.0f / (u * 0.3959797974644665f + 1.0f);
  vf p = t * 0.03105059079825878f + -0.17381985485553741f;
  p = p * t + 0.3855767846107483f;
  p = p * t + -0.3930061161518097f;
  p = p * t + 0.14112626016139984f;
  p = p * t + -0.03333473578095436f;
  p = p * t + 0.09447882324457169f;
  p = p * t + 0.13189920783042908f;
  p = p * t + 0.15805819630622864f;
  p = p * t + 0.1579708456993103f;
  const vf beyond = vexp(u * u * -0.5f) * (p * t);
  return vselect(x < vsplat(0.0f), vsplat(0.0f), x) - u * beyond;
}

CK_INLINE vf vsilu(vf x) { return x / (vsplat(1.0f) + vexp(-x)); }
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
