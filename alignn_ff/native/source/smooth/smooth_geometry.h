// What the smooth model reads of the geometry, and how its derivatives lead back to the edge vectors.
// Lengths, envelopes and cosines are float64; bases are computed in float64 and handed over in T.
#pragma once

#include <cmath>

#include "smooth.h"

namespace alignn {

constexpr int LANES = 8;  // edges or triplets at once
constexpr double PI = 3.14159265358979323846;

// u(x) = 1 − (p+1)(p+2)/2·x^p + p(p+2)·x^(p+1) − p(p+1)/2·x^(p+2) and u'(x)/cutoff; zero from the cutoff on.
inline void envelope(double distance, double cutoff, int64_t exponent, double& value, double& slope) {
  const double p = double(exponent), x = distance < cutoff ? distance / cutoff : 1.0;
  double power = 1.0;
  for (int64_t k = 1; k < exponent; ++k) power *= x;
  const double a = 0.5 * (p + 1.0) * (p + 2.0), b = p * (p + 2.0), c = 0.5 * p * (p + 1.0);
  value = 1.0 + power * x * (x * (b - c * x) - a);
  slope = power * (x * ((p + 1.0) * b - (p + 2.0) * c * x) - p * a) / cutoff;
  if (distance >= cutoff) value = slope = 0.0;
}

// √(2·r_c)·sin(kπd/r_c)/d for k = 1 … n of LANES bonds, rows of n; sin((k+1)θ) = 2·cosθ·sin(kθ) − sin((k−1)θ).
template <class T>
void bessel(const double* distance, double cutoff, int64_t n, T* out, int count) {
  double before[LANES], now[LANES], twice[LANES], scale[LANES];
  for (int l = 0; l < LANES; ++l) {
    const double d = distance[l < count ? l : 0], angle = d * (PI / cutoff);
    before[l] = 0.0, now[l] = std::sin(angle), twice[l] = 2.0 * std::cos(angle);
    scale[l] = std::sqrt(2.0 * cutoff) / d;
  }
  for (int64_t k = 0; k < n; ++k) {
    double value[LANES];
    for (int l = 0; l < LANES; ++l) {
      value[l] = scale[l] * now[l];
      const double next = twice[l] * now[l] - before[l];
      before[l] = now[l], now[l] = next;
    }
    for (int l = 0; l < count; ++l) out[l * n + k] = T(value[l]);
  }
}

// Σ_k g_k·∂(bessel_k)/∂d of LANES bonds.
template <class T>
void bessel_slope(const double* distance, double cutoff, int64_t n, const T* g, int count, double* slope) {
  double s0[LANES], s1[LANES], c0[LANES], c1[LANES], twice[LANES], sum[LANES], rest[LANES];
  for (int l = 0; l < LANES; ++l) {
    const double angle = distance[l < count ? l : 0] * (PI / cutoff);
    s0[l] = 0.0, s1[l] = std::sin(angle), c0[l] = 1.0, c1[l] = std::cos(angle);
    twice[l] = 2.0 * c1[l], sum[l] = rest[l] = 0.0;
  }
  for (int64_t k = 0; k < n; ++k) {
    double weight[LANES] = {};
    for (int l = 0; l < count; ++l) weight[l] = double(g[l * n + k]);
    const double order = double(k + 1) * (PI / cutoff);
    for (int l = 0; l < LANES; ++l) {
      sum[l] += weight[l] * order * c1[l];
      rest[l] += weight[l] * s1[l];
      const double s2 = twice[l] * s1[l] - s0[l], c2 = twice[l] * c1[l] - c0[l];
      s0[l] = s1[l], s1[l] = s2, c0[l] = c1[l], c1[l] = c2;
    }
  }
  for (int l = 0; l < count; ++l) slope[l] = std::sqrt(2.0 * cutoff) / distance[l] * (sum[l] - rest[l] / distance[l]);
}

// Chebyshev polynomials T_1 … T_n of LANES cosines, rows of n.
template <class T>
void chebyshev(const double* cosine, int64_t n, T* out, int count) {
  double before[LANES], now[LANES], twice[LANES];
  for (int l = 0; l < LANES; ++l) before[l] = 1.0, now[l] = cosine[l < count ? l : 0], twice[l] = 2.0 * now[l];
  for (int64_t k = 0; k < n; ++k) {
    for (int l = 0; l < count; ++l) out[l * n + k] = T(now[l]);
    for (int l = 0; l < LANES; ++l) {
      const double next = twice[l] * now[l] - before[l];
      before[l] = now[l], now[l] = next;
    }
  }
}

// Σ_k g_k·T_k'(cosine) of LANES cosines, T_k' = k·U_(k−1).
template <class T>
void chebyshev_slope(const double* cosine, int64_t n, const T* g, int count, double* slope) {
  double before[LANES], now[LANES], twice[LANES], sum[LANES];
  for (int l = 0; l < LANES; ++l) before[l] = sum[l] = 0.0, now[l] = 1.0, twice[l] = 2.0 * cosine[l < count ? l : 0];
  for (int64_t k = 0; k < n; ++k) {
    double weight[LANES] = {};
    for (int l = 0; l < count; ++l) weight[l] = double(k + 1) * double(g[l * n + k]);
    for (int l = 0; l < LANES; ++l) {
      sum[l] += weight[l] * now[l];
      const double next = twice[l] * now[l] - before[l];
      before[l] = now[l], now[l] = next;
    }
  }
  for (int l = 0; l < count; ++l) slope[l] = sum[l];
}

}  // namespace alignn
