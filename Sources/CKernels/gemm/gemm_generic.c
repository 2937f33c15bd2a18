#include "gemm.body.h"
