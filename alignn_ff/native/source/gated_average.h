// One gated average of the published families as the kernels see it, and functions of a row of channels.
#pragma once

#include <cmath>
#include <cstdint>

#include "scalar.h"

namespace alignn {

// Mirrored field by field in execution/blocked/native_engine.py; T is float or double throughout.
struct TableArguments {  // coefficients of quintic pieces, (n_pieces, 6, width)
  double low, step;
  int64_t n_pieces;
  const void* pieces;
};

struct NormArguments {
  const void *weight, *bias;
  double eps;
};

struct EdgeLayerArguments {  // p = y·matrix + bias
  const void *matrix, *bias;  // (width, width), transposed; (width,)
};

struct LowerArguments {  // a layer to be run again on the edges
  const void* projections;  // (n_nodes, 2·width): source and target gates
  NormArguments edge_norm;
  EdgeLayerArguments following;
};

struct AverageArguments {
  int64_t n_nodes, n_groups, width, threads, disjoint;
  const int64_t *targets, *starts, *groups, *sources;  // execution/blocked/topology.py
  NormArguments node_norm, edge_norm;
  EdgeLayerArguments layer;
  const void* layer_back;  // (width, width), not transposed
  const void* nodes;       // (n_nodes, width)
  void* projections;       // (n_nodes, 4·width): source gate, target gate, value, own
  // where edges come from
  const void *gates, *states;  // (n_edges, width), or null
  const double* cosines;       // (n_edges,)
  TableArguments gate_table, state_table;
  int64_t n_lower;
  const LowerArguments* lower;
  // forwards
  void* updated;                  // (n_nodes, width)
  void *new_states, *new_gates;   // (n_edges, width), or null
  EdgeLayerArguments following;
  // backwards
  const void* d_nodes;      // (n_nodes, width)
  void* d_states;           // (n_edges, width), or null
  int64_t states_read;
  double* d_cosines;        // (n_edges,), or null
  void* d_projections;      // (n_nodes, 4·width), `projections` itself if groups are disjoint
  void *d_messages, *sent;  // (n_edges, width) what flows to source gates and values, if groups are not disjoint
};

template <class T>
struct Norm {
  const T *weight, *bias;
  T eps;
  explicit Norm(const NormArguments& a)
      : weight(static_cast<const T*>(a.weight)), bias(static_cast<const T*>(a.bias)), eps(T(a.eps)) {}
};

template <class T>
struct Moments {
  T mean, scale;
};

template <class T, class W>
inline Moments<T> moments(W width, const T* x, T eps) {
  T sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t f = 0; f < width; ++f) sum += x[f];
  const T mean = sum / T(width);
#pragma omp simd reduction(+ : squares)
  for (int64_t f = 0; f < width; ++f) squares += (x[f] - mean) * (x[f] - mean);
  return {mean, T(1) / std::sqrt(squares / T(width) + eps)};
}

// out = base + SiLU(norm(x))
template <class T, class W>
inline void update_row(W width, const T* x, const Norm<T>& norm, const T* base, T* out) {
  const Moments<T> m = moments(width, x, norm.eps);
#pragma omp simd
  for (int64_t f = 0; f < width; ++f) {
    const T h = (x[f] - m.mean) * m.scale * norm.weight[f] + norm.bias[f];
    out[f] = base[f] + h * sigmoid(h);
  }
}

// out = (add ? out : 0) + ∂/∂x Σ gradient·SiLU(norm(x))
template <class T, class W>
inline void update_row_back(W width, const T* x, const Norm<T>& norm, const T* gradient, T* out, bool add) {
  const Moments<T> m = moments(width, x, norm.eps);
  alignas(64) T inner[W::largest];
  T sum = 0, along = 0;
#pragma omp simd reduction(+ : sum, along)
  for (int64_t f = 0; f < width; ++f) {
    const T unit = (x[f] - m.mean) * m.scale;
    const T h = unit * norm.weight[f] + norm.bias[f];
    const T s = sigmoid(h);
    const T g = gradient[f] * s * (T(1) + h * (T(1) - s)) * norm.weight[f];
    inner[f] = g;
    sum += g;
    along += g * unit;
  }
  sum /= T(width), along /= T(width);
  const T keep = add ? T(1) : T(0);
#pragma omp simd
  for (int64_t f = 0; f < width; ++f) {
    const T unit = (x[f] - m.mean) * m.scale;
    out[f] = (add ? out[f] * keep : T(0)) + m.scale * (inner[f] - sum - unit * along);
  }
}

template <class T>
struct Table {
  const T* pieces;
  double low, step;
  int64_t n_pieces;
  explicit Table(const TableArguments& a)
      : pieces(static_cast<const T*>(a.pieces)), low(a.low), step(a.step), n_pieces(a.n_pieces) {}

  template <class W>
  void read(W width, double x, T* out) const {
    T t;
    const T* const c = place(width, x, t);
#pragma omp simd
    for (int64_t f = 0; f < width; ++f) {
      T value = c[5 * width + f];
      for (int k = 4; k >= 0; --k) value = value * t + c[k * width + f];
      out[f] = value;
    }
  }

  // Σ gradient·f'(x)
  template <class W>
  double slope(W width, double x, const T* gradient) const {
    T t, sum = 0;
    const T* const c = place(width, x, t);
#pragma omp simd reduction(+ : sum)
    for (int64_t f = 0; f < width; ++f) {
      T slope = T(5) * c[5 * width + f];
      for (int k = 4; k >= 1; --k) slope = slope * t + T(k) * c[k * width + f];
      sum += gradient[f] * slope;
    }
    return double(sum) / step;
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
