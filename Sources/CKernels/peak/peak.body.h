// The arithmetic peak of one core: chains of multiply-adds that never leave the registers.
#include "../internal/vector.h"

/// Rounds of 12 vector multiply-adds: more chains than any core's latency times its units. The result depends on all.
float CK_NAME(ck_multiply_adds)(long rounds) {
  vf sums[12];
#pragma clang loop unroll(full)
  for (int i = 0; i < 12; i++) sums[i] = vsplat((float)i);
  const vf factor = vsplat(0.999f), added = vsplat(0.5f);
  for (long round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 12; i++) sums[i] = sums[i] * factor + added;
  }
  vf total = sums[0];
#pragma clang loop unroll(full)
  for (int i = 1; i < 12; i++) total += sums[i];
  return vsum(total);
}
