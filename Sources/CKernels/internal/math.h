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

/// 2^x for x <= 0 to about 2 ulp, where 2^-126 is as good as 0; NaN stays NaN. The two ways differ by a rounding where x is half
/// way between integers.
CK_INLINE vf vexp2_of_negative(vf x) {
  x = vsplat(-126.0f) > x ? vsplat(-126.0f) : x;
#if defined(CK_TARGET_AVX512)
  // What the processor has for it: the distance to the nearest integer, and the scaling by a power of two.
  const vf r = __builtin_ia32_reduceps512_mask(x, 0, vsplat(0.0f), -1, 4);
#else
  const float shift = 12582912.0f + 127.0f;  // as in vexp_within; the low bits become the exponent's field
  const vf shifted = x + shift;
  const vf r = x - (shifted - shift);
#endif
  vf p = r * 0.0013264715671539307f + 0.009671513922512531f;
  p = p * r + 0.05550733953714371f;
  p = p * r + 0.24022242426872253f;
  p = p * r + 0.6931470036506653f;
  p = p * r + 1.0f;
#if defined(CK_TARGET_AVX512)
  return __builtin_ia32_scalefps512_mask(p, x - r, vsplat(0.0f), -1, 4);
#else
  return p * vfloats(vbits(shifted) << 23);
#endif
}

/// 1 / x to about 1 ulp for ordinary x > 0.
CK_INLINE vf vreciprocal(vf x) {
#if defined(CK_TARGET_AVX512)
  // A division takes 16 cycles here; an estimate of 14 bits and a step of Newton's take 3 operations.
  const vf estimate = __builtin_ia32_rcp14ps512_mask(x, vsplat(0.0f), -1);
  return estimate + estimate * (1.0f - x * estimate);
#else
  return 1.0f / x;
#endif
}

/// x times the normal distribution's mass below x, from the mass beyond |x|: exp(-x^2 / 2) t P(t), t = 1 / (1 + c |x|).
/// Relative error below 1e-6 even where the result is tiny, which x (1 + erf) / 2 would lose by cancellation.
/// |x| is limited to 11, where the mass is 1e-28: further on, steps on subnormal numbers would take a hundred cycles.
CK_INLINE vf vgelu(vf x) {
  const vf magnitude = vfloats(vbits(x) & INT32_MAX), u = vsplat(11.0f) < magnitude ? vsplat(11.0f) : magnitude;
  const vf t = vreciprocal(u * 0.3959797974644665f + 1.0f);
  vf p = t * 0.03105059079825878f + -0.17381985485553741f;
  p = p * t + 0.3855767846107483f;
  p = p * t + -0.3930061161518097f;
  p = p * t + 0.14112626016139984f;
  p = p * t + -0.03333473578095436f;
  p = p * t + 0.09447882324457169f;
  p = p * t + 0.13189920783042908f;
  p = p * t + 0.15805819630622864f;
  p = p * t + 0.1579708456993103f;
  const vf beyond = vexp2_of_negative(u * u * -0.72134752f) * (p * t);
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
