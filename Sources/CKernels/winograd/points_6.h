// F(6x6, 3x3) with the points 0, +-1, +-2, +-1/2 and infinity: of all triples with product 1 about the smallest error.
#define TILE 6
#define POINTS 8
#define PAIRS 3

/// What the pair +-p makes of three weights: even part of the first and third, odd part of the second.
static const float pair_even[PAIRS][2] = {
    {-1.0f / 4.5f, -1.0f / 4.5f}, {1.0f / 90.0f, 4.0f / 90.0f}, {1.0f / 1.40625f, 0.25f / 1.40625f}};
static const float pair_odd[PAIRS] = {-1.0f / 4.5f, 2.0f / 90.0f, 0.5f / 1.40625f};

CK_INLINE void input_step(const vf d[POINTS], vf out[POINTS]) {
  const vf even_a = d[2] + d[6] - 4.25f * d[4], odd_a = d[1] + d[5] - 4.25f * d[3];
  const vf even_b = d[6] - 1.25f * d[4] + 0.25f * d[2], odd_b = 2.0f * d[5] - 2.5f * d[3] + 0.5f * d[1];
  const vf even_c = d[6] - 5.0f * d[4] + 4.0f * d[2], odd_c = 0.5f * d[5] - 2.5f * d[3] + 2.0f * d[1];
  out[0] = d[0] - d[6] + 5.25f * (d[4] - d[2]);
  out[1] = even_a + odd_a;
  out[2] = even_a - odd_a;
  out[3] = even_b + odd_b;
  out[4] = even_b - odd_b;
  out[5] = even_c + odd_c;
  out[6] = even_c - odd_c;
  out[7] = d[7] - d[1] + 5.25f * (d[3] - d[5]);
}

CK_INLINE void output_step(const vf m[POINTS], vf out[TILE]) {
  const vf sum_a = m[1] + m[2], difference_a = m[1] - m[2], sum_b = m[3] + m[4], difference_b = m[3] - m[4];
  const vf sum_c = m[5] + m[6], difference_c = m[5] - m[6];
  out[0] = m[0] + sum_a + sum_b + sum_c;
  out[1] = difference_a + 2.0f * difference_b + 0.5f * difference_c;
  out[2] = sum_a + 4.0f * sum_b + 0.25f * sum_c;
  out[3] = difference_a + 8.0f * difference_b + 0.125f * difference_c;
  out[4] = sum_a + 16.0f * sum_b + 0.0625f * sum_c;
  out[5] = difference_a + 32.0f * difference_b + 0.03125f * difference_c + m[7];
}
