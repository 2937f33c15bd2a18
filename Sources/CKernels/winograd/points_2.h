// F(2x2, 3x3): the points 0, +-1 and infinity.
#define TILE 2
#define POINTS 4
#define PAIRS 1

/// What the pair +-p makes of three weights: even part of the first and third, odd part of the second.
static const float pair_even[PAIRS][2] = {{0.5f, 0.5f}};
static const float pair_odd[PAIRS] = {0.5f};

CK_INLINE void input_step(const vf d[POINTS], vf out[POINTS]) {
  out[0] = d[0] - d[2];
  out[1] = d[2] + d[1];
  out[2] = d[2] - d[1];
  out[3] = d[3] - d[1];
}

CK_INLINE void output_step(const vf m[POINTS], vf out[TILE]) {
  out[0] = m[0] + (m[1] + m[2]);
  out[1] = (m[1] - m[2]) + m[3];
}
