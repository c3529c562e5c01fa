// SiLU of a layer normalisation of one row, and its derivative: statistics in two passes over what is in registers.
#pragma once

#include <cmath>

#include "vector.h"

namespace alignn {

template <class T>
struct Norm {
  const T *weight, *bias;
  double eps;
};

template <class T>
struct Statistics {
  T mean, scale;
};

template <class T, class W>
inline Statistics<T> statistics(W width, const T* x, double eps) {
  using V = typename Vector<T>::type;
  constexpr int L = Vector<T>::lanes;
  V sum{}, squares{};
  for (int64_t f = 0; f < width; f += L) sum += load(x + f);
  const T mean = sum_lanes<T>(sum) / T(width);
  for (int64_t f = 0; f < width; f += L) {
    const V centred = load(x + f) - mean;
    squares += centred * centred;
  }
  return {mean, T(1) / std::sqrt(sum_lanes<T>(squares) / T(width) + T(eps))};
}

// out = base + SiLU(norm(x))
template <class T, class W>
inline void update_row(W width, const T* x, const Norm<T>& norm, const T* base, T* out) {
  using V = typename Vector<T>::type;
  const Statistics<T> m = statistics(width, x, norm.eps);
  for (int64_t f = 0; f < width; f += Vector<T>::lanes) {
    const V h = (load(x + f) - m.mean) * m.scale * load(norm.weight + f) + load(norm.bias + f);
    store(out + f, load(base + f) + h * sigmoid<T>(h));
  }
}

// out = (add ? out : 0) + ∂/∂x Σ gradient·SiLU(norm(x))
template <bool add, class T, class W>
inline void update_row_back(W width, const T* x, const Norm<T>& norm, const T* gradient, T* out) {
  using V = typename Vector<T>::type;
  constexpr int L = Vector<T>::lanes;
  const Statistics<T> m = statistics(width, x, norm.eps);
  alignas(64) T inner[W::largest];
  V sum{}, along{};
  for (int64_t f = 0; f < width; f += L) {
    const V unit = (load(x + f) - m.mean) * m.scale, weight = load(norm.weight + f);
    const V h = unit * weight + load(norm.bias + f), s = sigmoid<T>(h);
    const V g = load(gradient + f) * weight * (s + h * (s - s * s));
    store(inner + f, g);
    sum += g;
    along += g * unit;
  }
  const T mean = sum_lanes<T>(sum) / T(width), slope = sum_lanes<T>(along) / T(width);
  for (int64_t f = 0; f < width; f += L) {
    const V unit = (load(x + f) - m.mean) * m.scale;
    const V d = (load(inner + f) - mean - unit * slope) * m.scale;
    store(out + f, add ? load(out + f) + d : d);
  }
}

}  // namespace alignn
