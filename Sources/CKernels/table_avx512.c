#include "ckernels.h"
#if defined(__x86_64__)
#define CK_TARGET_AVX512
#define CK_TABLE_NAME "avx512"
#include "table.body.h"
const ck_kernels *ck_kernels_avx512(void) { return &kernels; }
#else
const ck_kernels *ck_kernels_avx512(void) { return 0; }
#endif
