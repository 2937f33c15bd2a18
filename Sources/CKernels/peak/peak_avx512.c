#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,prfchw"))), apply_to = function)
#define CK_TARGET_AVX512
#include "peak.body.h"
#pragma clang attribute pop
#endif
