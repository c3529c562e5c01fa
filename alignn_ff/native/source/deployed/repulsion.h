// The short-range repulsion of a pair (nn/repulsion.py) and its slope.
#pragma once

#include <cmath>

namespace alignn {

struct PairEnergy {
  double value, slope;  // eV, eV/Å
};

inline PairEnergy repulsion(double z1, double z2, double r, double end) {
  static const double c[4] = {0.18175, 0.50986, 0.28022, 0.02817}, k[4] = {3.19980, 0.94229, 0.40290, 0.20162};
  const double a = (std::pow(z1, 0.23) + std::pow(z2, 0.23)) / (0.8854 * 0.529177210903);
  double phi = 0.0, d_phi = 0.0;
  for (int m = 0; m < 4; ++m) {
    const double term = c[m] * std::exp(-k[m] * r * a);
    phi += term, d_phi -= k[m] * a * term;
  }
  const double x = r / end, x2 = x * x, x5 = x2 * x2 * x;
  const double u = 1.0 + x5 * x * (x * (48.0 - 21.0 * x) - 28.0);  // the envelope with exponent 6
  const double d_u = x5 * (x * (336.0 - 168.0 * x) - 168.0) / end;
  const double q = 14.399645478 * z1 * z2;
  return {q / r * phi * u, q * (-phi * u / (r * r) + (d_phi * u + phi * d_u) / r)};
}

}  // namespace alignn
