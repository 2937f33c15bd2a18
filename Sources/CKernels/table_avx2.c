#include "ckernels.h"
#if defined(__x86_64__)
#define CK_TARGET_AVX2
#define CK_TABLE_NAME "avx2"
#include "table.body.h"
const ck_kernels *ck_kernels_avx2(void) { return &kernels; }
#else
const ck_kernels *ck_kernels_avx2(void) { return 0; }
#endif
