#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,prfchw"))), apply_to = function)
#define CK_TARGET_AVX2
#include "winograd4.body.h"
#pragma clang attribute pop
#endif
