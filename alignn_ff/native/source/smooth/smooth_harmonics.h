// Real solid harmonics of directions, l = 1 … 3, as in nn/harmonics.py, and how their derivatives lead back.
#pragma once

#include <cmath>
#include <cstdint>

namespace alignn {

constexpr int64_t MOST_HARMONICS = 15;

// Index of the order, from 0, of each function.
constexpr int64_t ORDER_OF[MOST_HARMONICS] = {0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2};

// N is a number that a direction consists of, T what results are kept in.
template <class N, class T>
inline void solid_harmonics(const N* u, int64_t n, T* out) {
  const N x = u[0], y = u[1], z = u[2];
  const double root = std::sqrt(3.0);
  out[0] = T(x), out[1] = T(y), out[2] = T(z);
  if (n < 8) return;
  out[3] = T(root * x * y), out[4] = T(root * y * z), out[5] = T(1.5 * z * z - 0.5);
  out[6] = T(root * x * z), out[7] = T(0.5 * root * (x * x - y * y));
  if (n < 15) return;
  const double a = std::sqrt(5.0 / 8.0), b = std::sqrt(15.0), c = std::sqrt(3.0 / 8.0);
  out[8] = T(a * y * (3 * x * x - y * y)), out[9] = T(b * x * y * z), out[10] = T(c * y * (5 * z * z - 1));
  out[11] = T(0.5 * z * (5 * z * z - 3)), out[12] = T(c * x * (5 * z * z - 1));
  out[13] = T(0.5 * b * z * (x * x - y * y)), out[14] = T(a * x * (x * x - 3 * y * y));
}

// Σ_s g_s·∂R_s/∂u, with a part along u that does not matter for a direction.
template <class N, class T>
inline void solid_harmonics_slope(const N* u, int64_t n, const T* g, N* slope) {
  const N x = u[0], y = u[1], z = u[2];
  const double root = std::sqrt(3.0);
  N dx = N(g[0]), dy = N(g[1]), dz = N(g[2]);
  if (n >= 8) {
    dx += root * (g[3] * y + g[6] * z + g[7] * x);
    dy += root * (g[3] * x + g[4] * z - g[7] * y);
    dz += root * (g[4] * y + g[6] * x) + 3.0 * g[5] * z;
  }
  if (n >= 15) {
    const double a = std::sqrt(5.0 / 8.0), b = std::sqrt(15.0), c = std::sqrt(3.0 / 8.0);
    dx += g[8] * a * 6 * x * y + g[9] * b * y * z + g[12] * c * (5 * z * z - 1) + g[13] * b * z * x +
          g[14] * a * 3 * (x * x - y * y);
    dy += g[8] * a * 3 * (x * x - y * y) + g[9] * b * x * z + g[10] * c * (5 * z * z - 1) - g[13] * b * z * y -
          g[14] * a * 6 * x * y;
    dz += g[9] * b * x * y + g[10] * c * 10 * y * z + g[11] * 0.5 * (15 * z * z - 3) + g[12] * c * 10 * x * z +
          g[13] * 0.5 * b * (x * x - y * y);
  }
  slope[0] = dx, slope[1] = dy, slope[2] = dz;
}

}  // namespace alignn
