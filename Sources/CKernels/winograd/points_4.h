// F(4x4, 3x3) with the points 0, +-sqrt(1/2), +-sqrt(2) and infinity: half the error of the textbook's 0, +-1, +-2 for
// the same number of steps, because (1/2) * 2 = 1 keeps the matrices small.
#define TILE 4
#define POINTS 6
#define PAIRS 2

#define POINT_A 0.70710678118654752f
#define POINT_B 1.41421356237309505f

/// What the pair +-p makes of three weights: even part of the first and third, odd part of the second.
static const float pair_even[PAIRS][2] = {{-1.0f / 1.5f, -0.5f / 1.5f}, {1.0f / 6.0f, 2.0f / 6.0f}};
static const float pair_odd[PAIRS] = {-POINT_A / 1.5f, POINT_B / 6.0f};

CK_INLINE void input_step(const vf d[POINTS], vf out[POINTS]) {
  const vf even_a = d[4] - 2.0f * d[2], odd_a = d[3] - 2.0f * d[1];
  const vf even_b = d[4] - 0.5f * d[2], odd_b = d[3] - 0.5f * d[1];
  out[0] = d[0] + d[4] - 2.5f * d[2];
  out[1] = even_a + POINT_A * odd_a;
  out[2] = even_a - POINT_A * odd_a;
  out[3] = even_b + POINT_B * odd_b;
  out[4] = even_b - POINT_B * odd_b;
  out[5] = d[1] + d[5] - 2.5f * d[3];
}

CK_INLINE void output_step(const vf m[POINTS], vf out[TILE]) {
  const vf sum_a = m[1] + m[2], difference_a = m[1] - m[2], sum_b = m[3] + m[4], difference_b = m[3] - m[4];
  out[0] = m[0] + sum_a + sum_b;
  out[1] = POINT_A * difference_a + POINT_B * difference_b;
  out[2] = 0.5f * sum_a + 2.0f * sum_b;
  out[3] = (0.5f * POINT_A) * difference_a + (2.0f * POINT_B) * difference_b + m[5];
}
