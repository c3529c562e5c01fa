// The short-range repulsion of a pair (nn/repulsion.py), the envelope that ends it (nn/envelope.py), and their slopes.
#pragma once

#include <cmath>

namespace alignn {

struct Slope {
  double value, slope;
};

// 1 at 0, 0 from 1 on.
inline Slope envelope(double x, double p) {
  if (x >= 1.0) return {0.0, 0.0};
  const double below = std::pow(x, p - 1.0), left = 1.0 - x;
  const double tail = x * (p * (p + 2.0) - 0.5 * p * (p + 1.0) * x) - 0.5 * (p + 1.0) * (p + 2.0);
  return {1.0 + below * x * tail, -0.5 * p * (p + 1.0) * (p + 2.0) * below * left * left};
}

struct Screening {
  double length, coulomb;  // Å, eV·Å
  double exponent;         // of the envelope
};
constexpr Screening UNIVERSAL{0.8854 * 0.529177210903, 14.399645478, 6.0};
constexpr Screening PUBLISHED_ZBL{0.46850, 14.399645, 4.0};  // nn/short_range.py

// Of a pair, eV and eV/Å.
inline Slope repulsion(const Screening& screening, double z1, double z2, double r, double end) {
  static const double c[4] = {0.18175, 0.50986, 0.28022, 0.02817}, k[4] = {3.19980, 0.94229, 0.40290, 0.20162};
  const double a = (std::pow(z1, 0.23) + std::pow(z2, 0.23)) / screening.length;
  double phi = 0.0, d_phi = 0.0;
  for (int m = 0; m < 4; ++m) {
    const double term = c[m] * std::exp(-k[m] * r * a);
    phi += term, d_phi -= k[m] * a * term;
  }
  const Slope u = envelope(r / end, screening.exponent);
  const double q = screening.coulomb * z1 * z2, d_u = u.slope / end;
  return {q / r * phi * u.value, q * (-phi * u.value / (r * r) + (d_phi * u.value + phi * d_u) / r)};
}

}  // namespace alignn
