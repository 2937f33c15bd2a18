// How packed matrices are cut: depth into blocks, columns into panels.
#ifndef CK_PANELS_H
#define CK_PANELS_H
#include "vector.h"

CK_INLINE long depth_blocks(long depth) { return (depth + CK_BLOCK_DEPTH - 1) / CK_BLOCK_DEPTH; }
CK_INLINE long depth_begin(long depth, long block) { return depth * block / depth_blocks(depth); }

/// Vectors across a panel.
CK_INLINE int panel_vectors(long columns, bool gated, long panel) {
  return !gated && columns - panel * CK_PANEL <= CK_LANES ? 1 : 2;
}

/// Widens depth [begin, begin + depth) of a panel to float32, or finds it where it already is float32.
CK_INLINE const float *widen_panel(const void *weights, ck_weight_type type, long first, long count, float *widened) {
  if (type == CK_FLOAT32) return (const float *)weights + first;
  for (long i = 0; i < count; i += CK_LANES) vstore(widened + i, vload_as(weights, first + i, type));
  return widened;
}
#endif
