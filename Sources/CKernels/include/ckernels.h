// The hot inner loops of the tensor runtime that need an instruction set.
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

#endif
