// The vector type of one translation unit. A file sets CK_TARGET_AVX512, CK_TARGET_AVX2 or neither before it includes
// this; the text that follows is then the same for every instruction set, so all of them compute by the same steps.
#ifndef CK_VECTOR_H
#define CK_VECTOR_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ckernels.h"

#define CK_JOIN_(a, b) a##b
#define CK_JOIN(a, b) CK_JOIN_(a, b)

// Rows of a micro-tile by its width in vectors: as many as the registers hold beside one row of the panel; and the steps of
// its loop that are written out.
#if defined(CK_TARGET_AVX512)
#define CK_LANES 16
#define CK_SUFFIX _avx512
#define CK_ROWS_1 14
#define CK_ROWS_2 14
#define CK_ROWS_3 9
#define CK_UNROLL 2
#elif defined(CK_TARGET_AVX2)
#define CK_LANES 8
#define CK_SUFFIX _avx2
#define CK_ROWS_1 10
#define CK_ROWS_2 6
#define CK_ROWS_3 4
#define CK_UNROLL 4
#else
#define CK_LANES 4
#define CK_SUFFIX _generic
#define CK_ROWS_1 8
#define CK_ROWS_2 4
#define CK_ROWS_3 3
#define CK_UNROLL 4
#endif

/// The exported name of a kernel in this instruction set.
#define CK_NAME(base) CK_JOIN(base, CK_SUFFIX)
#define CK_INLINE static inline __attribute__((always_inline))
/// Columns of a panel of packed weights: two vectors.
#define CK_PANEL (2 * CK_LANES)

typedef float vf __attribute__((ext_vector_type(CK_LANES)));
typedef int32_t vi __attribute__((ext_vector_type(CK_LANES)));
typedef float vf_unaligned __attribute__((ext_vector_type(CK_LANES), aligned(4)));
typedef _Float16 vh __attribute__((ext_vector_type(CK_LANES), aligned(2)));
typedef uint16_t vu16 __attribute__((ext_vector_type(CK_LANES), aligned(2)));

CK_INLINE vf vload(const float *p) { return *(const vf_unaligned *)p; }
CK_INLINE void vstore(float *p, vf v) { *(vf_unaligned *)p = v; }
CK_INLINE vf vsplat(float x) { return (vf)x; }
CK_INLINE vi vbits(vf v) {
  vi r;
  memcpy(&r, &v, sizeof r);
  return r;
}
CK_INLINE vf vfloats(vi v) {
  vf r;
  memcpy(&r, &v, sizeof r);
  return r;
}
CK_INLINE vf vselect(vi mask, vf yes, vf no) { return mask ? yes : no; }
CK_INLINE vf vmax(vf a, vf b) { return a > b ? a : b; }
CK_INLINE vf vmin(vf a, vf b) { return a < b ? a : b; }

/// The first n lanes from memory, zeros after.
CK_INLINE vf vload_part(const float *p, long n) {
  if (n >= CK_LANES) return vload(p);
  float lanes[CK_LANES] = {0};
  for (long i = 0; i < n; i++) lanes[i] = p[i];
  return vload(lanes);
}
CK_INLINE void vstore_part(float *p, vf v, long n) {
  if (n >= CK_LANES) {
    vstore(p, v);
    return;
  }
  float lanes[CK_LANES];
  vstore(lanes, v);
  for (long i = 0; i < n; i++) p[i] = lanes[i];
}
/// Orders streaming stores before whatever tells other threads of them.
CK_INLINE void vfence(void) {
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#endif
}

typedef float v8 __attribute__((ext_vector_type(8)));
typedef float v4 __attribute__((ext_vector_type(4)));
typedef float v2 __attribute__((ext_vector_type(2)));

/// Lanes added in a fixed tree of halves, so that every instruction set's own sum is repeatable.
CK_INLINE float vsum(vf v) {
#if CK_LANES == 16
  const v8 eight = v.lo + v.hi;
  const v4 four = eight.lo + eight.hi;
#elif CK_LANES == 8
  const v4 four = v.lo + v.hi;
#else
  const v4 four = v;
#endif
  const v2 two = four.lo + four.hi;
  return two.x + two.y;
}
CK_INLINE float vmaximum(vf v) {
#if CK_LANES == 16
  const v8 eight = v.lo > v.hi ? v.lo : v.hi;
  const v4 four = eight.lo > eight.hi ? eight.lo : eight.hi;
#elif CK_LANES == 8
  const v4 four = v.lo > v.hi ? v.lo : v.hi;
#else
  const v4 four = v;
#endif
  const v2 two = four.lo > four.hi ? four.lo : four.hi;
  return two.x > two.y ? two.x : two.y;
}

/// One vector of stored weights as float32.
CK_INLINE vf vload_as(const void *base, long index, ck_weight_type type) {
  switch (type) {
    case CK_FLOAT16: {
#if CK_LANES == 4 && defined(__x86_64__)
      // Plain x86-64 has no half-precision conversion: integer steps, exact for every finite and non-finite value.
      const uint16_t *h = (const uint16_t *)base + index;
      float lanes[CK_LANES];
      for (int i = 0; i < CK_LANES; i++) {
        uint32_t magnitude = (uint32_t)(h[i] & 0x7fff) << 13, sign = (uint32_t)(h[i] & 0x8000) << 16;
        float f;
        memcpy(&f, &magnitude, 4);
        f *= 0x1p112f;  // the exponent moves from bias 15 to bias 127; subnormals become normal
        uint32_t bits;
        memcpy(&bits, &f, 4);
        if ((h[i] & 0x7c00) == 0x7c00) bits |= 0x7f800000u;
        bits |= sign;
        memcpy(&lanes[i], &bits, 4);
      }
      return vload(lanes);
#else
      return __builtin_convertvector(*(const vh *)((const _Float16 *)base + index), vf);
#endif
    }
    case CK_BFLOAT16: {
      vu16 half = *(const vu16 *)((const uint16_t *)base + index);
      return vfloats(__builtin_convertvector(half, vi) << 16);
    }
    default:
      return vload((const float *)base + index);
  }
}

CK_INLINE long ck_min(long a, long b) { return a < b ? a : b; }
CK_INLINE long ck_max(long a, long b) { return a > b ? a : b; }
CK_INLINE long ck_round_up(long n, long unit) { return (n + unit - 1) / unit * unit; }
#endif
