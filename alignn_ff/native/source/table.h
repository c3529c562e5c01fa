// Quintic pieces of a vector function of one number (execution/published/table.py).
#pragma once

#include <cmath>
#include <cstdint>

#include "vector.h"

namespace alignn {

template <class T>
struct Table {
  double low, step;
  int64_t n_pieces;
  const T* pieces;  // (n_pieces, 6, width)

  template <class W>
  void read(W width, double x, T* out) const {
    T t;
    const T* const c = place(width, x, t);
    for (int64_t f = 0; f < width; f += Vector<T>::lanes) {
      auto value = load(c + 5 * width + f);
      for (int k = 4; k >= 0; --k) value = value * t + load(c + k * width + f);
      store(out + f, value);
    }
  }

  // Σ gradient·f'(x)
  template <class W>
  double slope(W width, double x, const T* gradient) const {
    T t;
    const T* const c = place(width, x, t);
    typename Vector<T>::type sum{};
    for (int64_t f = 0; f < width; f += Vector<T>::lanes) {
      auto slope = load(c + 5 * width + f) * T(5);
      for (int k = 4; k >= 1; --k) slope = slope * t + load(c + k * width + f) * T(k);
      sum += load(gradient + f) * slope;
    }
    return double(sum_lanes<T>(sum)) / step;
  }

 private:
  template <class W>
  const T* place(W width, double x, T& t) const {
    const double position = (x - low) / step;
    int64_t piece = int64_t(std::floor(position));
    piece = piece < 0 ? 0 : piece > n_pieces - 1 ? n_pieces - 1 : piece;
    t = T(position - double(piece));
    return pieces + piece * 6 * width;
  }
};

}  // namespace alignn
