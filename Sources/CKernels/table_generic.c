#define CK_TABLE_NAME "generic"
#include "table.body.h"

const ck_kernels *ck_kernels_generic(void) { return &kernels; }
