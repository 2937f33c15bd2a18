// What happens to a vector of sums before it is stored.
#ifndef CK_EPILOGUE_H
#define CK_EPILOGUE_H
#include "math.h"

CK_INLINE vf part(const float *p, long begin, long count) {
  return count >= CK_LANES ? vload(p + begin) : vload_part(p + begin, count);
}

/// Finishes one vector of sums of a row and stores the `count` lanes that exist.
CK_INLINE void finish(const ck_epilogue *e, vf sum, long row, long column, long columns, long count, float *out) {
  if (e->bias) sum += part(e->bias, column, count);
  if (e->per_sample) sum += part(e->per_sample + row / e->rows_per_sample * columns, column, count);
  const long index = row * columns + column;
  if (e->residual) sum += part(e->residual, index, count);
  sum = vactivate(sum, e->activation);
  if (count >= CK_LANES)
    vstore(out + index, sum);
  else
    vstore_part(out + index, sum, count);
}
#endif
