// The strictly smooth model as the kernels see it: arguments, weights, arrays.
#pragma once

#include <cstdint>
#include <vector>

#include "buffer.h"

namespace alignn {

// Mirrored field by field in native/arguments.py; T is float or double throughout.
struct SmoothArguments {
  int64_t n_atoms, n_edges, n_line_nodes, n_triplets;
  int64_t n_local;  // the gradient is that of the sum over the first n_local readouts
  int64_t features, n_radial, n_angular;  // padded with zero weights to multiples of CHANNELS
  int64_t n_elements, angle_layers, atom_layers, exponent, threads;
  int64_t moment_channels, max_moment;  // padded likewise; no channels: no moments
  double cutoff, line_cutoff;
  const double* vectors;          // (n_edges, 3) Å
  const int64_t *src, *dst;       // (n_edges,) sorted by dst, src, shift
  const int32_t* shift;           // (n_edges, 3)
  const int64_t* line_nodes;      // (n_line_nodes,) ascending edge ids
  const int64_t *line_src, *line_dst;  // (n_triplets,) edge ids, sorted by line_dst
  const int64_t* rows;            // (n_atoms,) element of each atom
  const void* weights;            // packed as execution/smooth/weights.py does
  const double* bounds;           // (n_elements, 4) of the readout: lowest, lower, upper, highest; none if null
  void* local;                    // (n_atoms,) T, readout of each atom, within its bounds; of the first n_local
  double* distance;               // (n_edges,) Å
  double* gradient;               // (n_edges, 3) ∂(Σ local[:n_local])/∂vectors, not wanted if null
  int64_t* evaluated;             // () Σ over layers of evaluated rows, not wanted if null
};

template <class T>
struct Convolution {
  const T *projections, *bias, *message, *update;  // 4 × (F, F): a, b, v, own; (4F,); (F, F); (F, F)
  const T *projections_t, *message_t, *update_t;   // (4F, F), (F, F), (F, F)
  const T *gates, *gates_t;                        // (basis, F), (F, basis)
};

template <class T>
struct AngleLayer {
  const T *own, *own_bias, *source, *target;  // (F, F), (F,), (F, F), (F, F)
  const T *own_t, *ends_t;                    // (F, F), (2F, F)
  Convolution<T> convolution;
};

// C = max_moment·K, P = products·K; one (K, K) and one (K, 2F) matrix per order.
template <class T>
struct MomentLayer {
  const T *radial, *radial_t, *value, *value_bias, *value_t;  // (R, C), (C, R), (F, C), (C,), (C, F)
  const T *pairs, *pairs_t, *triples, *triples_t;             // (K, K) each; two triples from order 2 on
  const T *out, *out_t;                                       // (P, F), (F, P)
  const T *gates, *gates_t;                                   // (K, 2F), (2F, K); not in the first layer
  const T *mix_in, *mix_in_bias, *mix_in_t, *mix_out, *mix_out_bias, *mix_out_t;  // (F, F), (F,), …
};

template <class T>
struct AtomLayer {
  const T *bond_gates, *bond_gates_t;  // (F, F)
  Convolution<T> convolution;
  MomentLayer<T> moments;
};

template <class T>
struct Weights {
  const T* embedding;                                   // (n_elements, F)
  const T *own, *own_bias, *source, *target, *own_t;    // (R, F), (F,), (F, F), (F, F), (F, R)
  std::vector<AngleLayer<T>> angle;
  std::vector<AtomLayer<T>> atom;
  const T *hidden, *hidden_bias, *out, *out_bias, *hidden_t;  // (F, F), (F,), (F,), (16,) of which one, (F, F)

  int64_t count = 0;  // of numbers that are read; no array is needed to know it

  explicit Weights(const SmoothArguments& a) {
    const int64_t F = a.features, R = a.n_radial, A = a.n_angular;
    const T* const packed = static_cast<const T*>(a.weights);
    auto take = [&](int64_t n) {
      const T* here = packed == nullptr ? nullptr : packed + count;
      count += n;
      return here;
    };
    auto convolution = [&](int64_t basis) {
      Convolution<T> c;
      c.projections = take(4 * F * F), c.bias = take(4 * F), c.message = take(F * F), c.update = take(F * F);
      c.projections_t = take(4 * F * F), c.message_t = take(F * F), c.update_t = take(F * F);
      c.gates = take(basis * F), c.gates_t = take(F * basis);
      return c;
    };
    auto moments = [&](bool gated) {
      const int64_t K = a.moment_channels, L = a.max_moment, C = L * K, P = (L + (L > 1 ? 3 : 0)) * K;
      MomentLayer<T> m;
      m.radial = take(R * C), m.radial_t = take(C * R);
      m.value = take(F * C), m.value_bias = take(C), m.value_t = take(C * F);
      m.pairs = take(L * K * K), m.pairs_t = take(L * K * K);
      m.triples = take(L > 1 ? 2 * K * K : 0), m.triples_t = take(L > 1 ? 2 * K * K : 0);
      m.out = take(P * F), m.out_t = take(F * P);
      m.gates = take(gated ? L * K * 2 * F : 0), m.gates_t = take(gated ? L * K * 2 * F : 0);
      m.mix_in = take(F * F), m.mix_in_bias = take(F), m.mix_in_t = take(F * F);
      m.mix_out = take(F * F), m.mix_out_bias = take(F), m.mix_out_t = take(F * F);
      return m;
    };
    embedding = take(a.n_elements * F);
    own = take(R * F), own_bias = take(F), source = take(F * F), target = take(F * F), own_t = take(F * R);
    for (int64_t l = 0; l < a.angle_layers; ++l) {
      AngleLayer<T> layer;
      layer.own = take(F * F), layer.own_bias = take(F), layer.source = take(F * F), layer.target = take(F * F);
      layer.own_t = take(F * F), layer.ends_t = take(2 * F * F);
      layer.convolution = convolution(A);
      angle.push_back(layer);
    }
    for (int64_t l = 0; l < a.atom_layers; ++l) {
      AtomLayer<T> layer;
      layer.bond_gates = take(F * F), layer.bond_gates_t = take(F * F);
      layer.convolution = convolution(R);
      if (a.moment_channels > 0) layer.moments = moments(l > 0);
      atom.push_back(layer);
    }
    hidden = take(F * F), hidden_bias = take(F), out = take(F), out_bias = take(16), hidden_t = take(F * F);
  }
};

}  // namespace alignn
