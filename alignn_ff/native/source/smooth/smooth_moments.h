// The moments of the strictly smooth model (nn/moments.py): atom by atom forwards and back. Nothing of size (n_edges,
// channels) is kept but what a layer's gates read of both ends of a bond; products with radial functions are made
// again.
//
// A derivative that belongs to the source of an edge is gathered at that atom from the reverses of its incoming edges,
// for which R_lm(−r) = (−1)^l·R_lm(r).
#pragma once

#include <algorithm>
#include <vector>

#include "multiply.h"
#include "scalar.h"
#include "smooth.h"
#include "smooth_graph.h"
#include "smooth_harmonics.h"
#include "smooth_invariants.h"

namespace alignn {

template <class T>
class Moments {
 public:
  Moments(const SmoothArguments& arguments, const Graph& graph, const Weights<T>& weights, bool back)
      : S(arguments.moment_channels > 0 ? arguments.max_moment * (arguments.max_moment + 2) : 0),
        C(arguments.max_moment * arguments.moment_channels),
        a(arguments), g(graph), w(weights), F(a.features), R(a.n_radial), K(a.moment_channels), L(a.max_moment),
        harmonics(a.n_edges * S), d_harmonics(back ? a.n_edges * S : 0) {
    if (K == 0) return;
    for (int64_t l = 0; l < a.atom_layers; ++l) {
      moments.emplace_back(a.n_atoms * S * K);
      values.emplace_back(a.n_atoms * C);
      ends.emplace_back(l > 0 ? a.n_edges * 2 * F : 0);
      mixed.emplace_back(a.n_atoms * F);
    }
    for (int64_t k = 0; k < 2; ++k) d_moments.emplace_back(back ? a.n_atoms * S * K : 0);
  }

  // Numbers that a thread needs for a block of atoms, the largest of which has n_edges edges.
  int64_t n_scratch(int64_t n_edges, int64_t n_atoms) const {
    return n_atoms * (4 * S * F + 2 * S * K + n_products() + F + C) + n_edges * (3 * C + S + WIDE) + C +
           (2 * F + C) * WIDE;
  }

  // Zeros for the rows that a layer leaves out: from `left` on after it, from `before` on before it.
  void clear_rows_left_out(int64_t layer, int64_t left, int64_t before) const {
    if (layer + 2 >= a.atom_layers) clear(d_moments[layer % 2], S * K, left);
    if (layer == 0) return;
    clear(values[layer], C, before);
    std::fill_n(ends[layer] + g.starts[before] * 2 * F, (a.n_edges - g.starts[before]) * 2 * F, T(0));
  }

  void measure(int64_t first, int64_t last) const {
    for (int64_t e = first; e < last; ++e) {
      const double *v = a.vectors + 3 * e, d = a.distance[e];
      const double unit[3] = {v[0] / d, v[1] / d, v[2] / d};
      solid_harmonics(unit, S, harmonics + e * S);
    }
    if (a.gradient != nullptr) std::fill_n(d_harmonics + first * S, (last - first) * S, T(0));
  }

  // ∂/∂r of an edge through its direction, perpendicular to it.
  void direction_back(int64_t e, double* across) const {
    const double *v = a.vectors + 3 * e, d = a.distance[e];
    const double unit[3] = {v[0] / d, v[1] / d, v[2] / d};
    double slope[3];
    solid_harmonics_slope(unit, S, d_harmonics + e * S, slope);
    const double along = slope[0] * unit[0] + slope[1] * unit[1] + slope[2] * unit[2];
    for (int k = 0; k < 3; ++k) across[k] += slope[k] - along * unit[k];
  }

  void project(int64_t begin, int64_t n, int64_t layer, const T* x) const {
    multiply<T>({x + begin * F, F, F, w.atom[layer].moments.value, C, values[layer] + begin * C, C,
                 w.atom[layer].moments.value_bias}, n);
  }

  // A of a block of atoms.
  void sum(int64_t first, int64_t n_atoms, int64_t layer, const T* radial, const T* weight, T* scratch) const {
    for (int64_t i = first; i < first + n_atoms; ++i) {
      const int64_t begin = g.starts[i], n = g.starts[i + 1] - begin;
      T *const sent = scratch, *const columns = scratch + n * C;
      multiply<T>({radial + begin * R, R, R, w.atom[layer].moments.radial, C, sent, C}, n);
      for (int64_t k = 0; k < n; ++k) {
        const T* const value = values[layer] + a.src[begin + k] * C;
        T* const row = sent + k * C;
#pragma omp simd
        for (int64_t c = 0; c < C; ++c) row[c] *= value[c];
        for (int64_t s = 0; s < S; ++s) columns[s * n + k] = weight[begin + k] * harmonics[(begin + k) * S + s];
      }
      T* const A = moments[layer] + i * S * K;
      each_order([&](int64_t l, int64_t s, int64_t size) {
        multiply<T>({columns + s * n, n, n, sent + l * K, K, A + s * K, K, nullptr, false, C}, size);
      });
    }
  }

  // Adds a linear function of the products of the atoms' moments to what their SiLU reads, (n_atoms, F).
  void add_products(int64_t first, int64_t n_atoms, int64_t layer, T* inner, T* scratch) const {
    const MomentLayer<T>& m = w.atom[layer].moments;
    const T* const A = moments[layer] + first * S * K;
    const int64_t P = n_products();
    T *const products = scratch, *const other = scratch + n_atoms * P;
    mix(A, n_atoms, m.pairs, S, other);
    for (int64_t i = 0; i < n_atoms; ++i) {
      T* const sums = products + i * P;
      std::fill_n(sums, C, T(0));
      for (int64_t s = 0; s < S; ++s) {
        const T *one = A + (i * S + s) * K, *two = other + (i * S + s) * K;
        T* const sum = sums + ORDER_OF[s] * K;
#pragma omp simd
        for (int64_t c = 0; c < K; ++c) sum[c] += one[c] * two[c];
      }
    }
    if (L > 1) {
      mix(A, n_atoms, m.triples, 8, other);
      for (int64_t i = 0; i < n_atoms; ++i) {
        const T *one = A + i * S * K, *two = other + i * S * K;
        triple_products(one, two, one + 3 * K, two + 3 * K, K, products + i * P + C);
      }
    }
    multiply<T>({products, P, P, m.out, F, inner, F, nullptr, true}, n_atoms);
  }

  // What the gates of the next layer read of these atoms along each of their edges: own | other end's, (n, 2F).
  void along_edges(int64_t first, int64_t n_atoms, int64_t layer, T* scratch) const {
    hand_out(first, n_atoms, layer, scratch);
    for (int64_t i = 0; i < n_atoms; ++i) {
      const int64_t begin = g.starts[first + i], n = g.starts[first + i + 1] - begin;
      multiply<T>({harmonics + begin * S, S, S, scratch + i * S * 2 * F, 2 * F, ends[layer] + begin * 2 * F, 2 * F}, n);
    }
  }

  void add_gates(int64_t e, int64_t layer, T* gate, T* mirrored) const {
    const T *const here = ends[layer] + e * 2 * F, *const there = ends[layer] + g.reverse[e] * 2 * F;
    for (int64_t f = 0; f < F; ++f) gate[f] += here[f] + there[F + f];
    if (mirrored != nullptr)
      for (int64_t f = 0; f < F; ++f) mirrored[f] += there[f] + here[F + f];
  }

  // state += SiLU(state·W + b)·U + c; what SiLU reads is kept.
  void update(int64_t begin, int64_t n, int64_t layer, T* state, T* scratch) const {
    const MomentLayer<T>& m = w.atom[layer].moments;
    T *const x = state + begin * F, *const inner = mixed[layer] + begin * F;
    multiply<T>({x, F, F, m.mix_in, F, inner, F, m.mix_in_bias}, n);
    for (int64_t k = 0; k < n * F; ++k) scratch[k] = inner[k] * sigmoid(inner[k]);
    for (int64_t r = 0; r < n; ++r)
      for (int64_t f = 0; f < F; ++f) x[r * F + f] += m.mix_out_bias[f];
    multiply<T>({scratch, F, F, m.mix_out, F, x, F, nullptr, true}, n);
  }

  void update_back(int64_t begin, int64_t n, int64_t layer, T* d_state, T* scratch) const {
    const MomentLayer<T>& m = w.atom[layer].moments;
    T* const d = d_state + begin * F;
    const T* const inner = mixed[layer] + begin * F;
    multiply<T>({d, F, F, m.mix_out_t, F, scratch, F}, n);
    for (int64_t k = 0; k < n * F; ++k) {
      const T s = sigmoid(inner[k]);
      scratch[k] *= s * (T(1) + inner[k] * (T(1) - s));
    }
    multiply<T>({scratch, F, F, m.mix_in_t, F, d, F, nullptr, true}, n);
  }

  // From the derivative of what SiLU reads, (n_atoms, F), to that of the moments, added to what the gates left there.
  void products_back(int64_t first, int64_t n_atoms, int64_t layer, const T* d_inner, T* scratch) const {
    const MomentLayer<T>& m = w.atom[layer].moments;
    const T* const A = moments[layer] + first * S * K;
    T* const dA = d_moments[layer % 2] + first * S * K;
    const int64_t P = n_products();
    T *const d = scratch, *const other = d + n_atoms * P, *const d_other = other + n_atoms * S * K;
    multiply<T>({d_inner, F, F, m.out_t, P, d, P}, n_atoms);
    if (layer + 1 == a.atom_layers) std::fill_n(dA, n_atoms * S * K, T(0));
    mix(A, n_atoms, m.pairs, S, other);
    for (int64_t i = 0; i < n_atoms; ++i)
      for (int64_t s = 0; s < S; ++s) {
        const int64_t row = (i * S + s) * K;
        const T* const slope = d + i * P + ORDER_OF[s] * K;
#pragma omp simd
        for (int64_t c = 0; c < K; ++c) {
          dA[row + c] += slope[c] * other[row + c];
          d_other[row + c] = slope[c] * A[row + c];
        }
      }
    mix(d_other, n_atoms, m.pairs_t, S, dA, true);
    if (L < 2) return;
    mix(A, n_atoms, m.triples, 8, other);
    for (int64_t i = 0; i < n_atoms; ++i) {
      const int64_t row = i * S * K, quadrupole = row + 3 * K;
      std::fill_n(d_other + row, 8 * K, T(0));
      triple_products_back(A + row, other + row, A + quadrupole, other + quadrupole, K, d + i * P + C, dA + row,
                           d_other + row, dA + quadrupole, d_other + quadrupole);
    }
    mix(d_other, n_atoms, m.triples_t, 8, dA, true);
  }

  // P of the gates of a layer for a block of atoms, (n_atoms, S, 2F), from the moments of the layer before.
  void hand_out(int64_t first, int64_t n_atoms, int64_t layer, T* P) const {
    const T* const A = moments[layer - 1] + first * S * K;
    for (int64_t s = 0; s < S; ++s)
      multiply<T>({A + s * K, S * K, K, w.atom[layer].moments.gates + ORDER_OF[s] * K * 2 * F, 2 * F, P + s * 2 * F,
                   S * 2 * F}, n_atoms);
  }

  // From the derivatives of one atom's gates, (n, 2F), its edges' own and those of their reverses, to directions, and
  // to its row dP of what was handed out.
  void gates_back(int64_t i, const T* d_gates, const T* P, T* dP, T* scratch) const {
    const int64_t begin = g.starts[i], n = g.starts[i + 1] - begin;
    T *const columns = scratch, *const turned = columns + n * S, *const d_along = turned + 2 * F * WIDE;
    for (int64_t k = 0; k < n; ++k)
      for (int64_t s = 0; s < S; ++s) columns[s * n + k] = harmonics[(begin + k) * S + s];
    multiply<T>({columns, n, n, d_gates, 2 * F, dP, 2 * F}, S);
    for (int64_t f = 0; f < 2 * F; ++f)
      for (int64_t s = 0; s < WIDE; ++s) turned[f * WIDE + s] = s < S ? P[s * 2 * F + f] : T(0);
    multiply<T>({d_gates, 2 * F, 2 * F, turned, WIDE, d_along, WIDE}, n);
    for (int64_t k = 0; k < n; ++k)
      for (int64_t s = 0; s < S; ++s) d_harmonics[(begin + k) * S + s] += d_along[k * WIDE + s];
  }

  // What was handed out, back to the moments of the layer before.
  void hand_back(int64_t first, int64_t n_atoms, int64_t layer, const T* dP) const {
    T* const dA = d_moments[(layer - 1) % 2] + first * S * K;
    for (int64_t s = 0; s < S; ++s)
      multiply<T>({dP + s * 2 * F, S * 2 * F, 2 * F, w.atom[layer].moments.gates_t + ORDER_OF[s] * 2 * F * K, K,
                   dA + s * K, S * K}, n_atoms);
  }

  // From the derivative of one atom's moments to radial functions, envelopes, directions, and what it sends, (C,).
  void sum_back(int64_t i, int64_t layer, const T* radial, const T* weight, T* d_radial, T* d_weight, T* d_value,
                T* scratch) const {
    const MomentLayer<T>& m = w.atom[layer].moments;
    const int64_t begin = g.starts[i], n = g.starts[i + 1] - begin;
    T *const rows = scratch, *const d_rows = rows + n * C, *const sent = d_rows + n * C;
    T *const turned = sent + n * C, *const d_along = turned + C * WIDE, *const far = d_along + n * WIDE;
    const T* const dA = d_moments[layer % 2] + i * S * K;
    multiply<T>({radial + begin * R, R, R, m.radial, C, rows, C}, n);
    each_order([&](int64_t l, int64_t s, int64_t size) {
      multiply<T>({harmonics + begin * S + s, S, size, dA + s * K, K, d_rows + l * K, C}, n);
      for (int64_t c = 0; c < K; ++c)
        for (int64_t t = 0; t < WIDE; ++t)
          turned[(l * K + c) * WIDE + t] = t >= s && t < s + size ? dA[t * K + c] : T(0);
    });
    std::fill_n(d_value, C, T(0));
    for (int64_t k = 0; k < n; ++k) {
      const int64_t e = begin + k, j = a.src[e];
      const T *const value = values[layer] + j * C, *const dA_far = d_moments[layer % 2] + j * S * K;
      const T *const Y = harmonics + e * S, *const row = rows + k * C, factor = weight[e];
      T *const d_row = d_rows + k * C, *const product = sent + k * C;
#pragma omp simd
      for (int64_t c = 0; c < C; ++c) product[c] = row[c] * value[c];
#pragma omp simd
      for (int64_t c = 0; c < C; ++c) d_row[c] *= factor * value[c];
      each_order([&](int64_t l, int64_t s, int64_t size) {
        multiply<T>({Y + s, S, size, dA_far + s * K, K, far + l * K, C}, 1);
        const T sign = l % 2 == 0 ? -factor : factor;
#pragma omp simd
        for (int64_t c = l * K; c < (l + 1) * K; ++c) d_value[c] += sign * row[c] * far[c];
      });
    }
    multiply<T>({sent, C, C, turned, WIDE, d_along, WIDE}, n);
    for (int64_t k = 0; k < n; ++k) {
      T total = T(0);
      for (int64_t s = 0; s < S; ++s) {
        const T slope = d_along[k * WIDE + s];
        total += harmonics[(begin + k) * S + s] * slope;
        d_harmonics[(begin + k) * S + s] += weight[begin + k] * slope;
      }
      d_weight[begin + k] += total;
    }
    multiply<T>({d_rows, C, C, m.radial_t, R, d_radial + begin * R, R, nullptr, true}, n);
  }

  // What a block of atoms sends, back to their states.
  void send_back(int64_t first, int64_t n_atoms, int64_t layer, const T* d_values, T* d_state) const {
    multiply<T>({d_values, C, C, w.atom[layer].moments.value_t, F, d_state + first * F, F, nullptr, true}, n_atoms);
  }

  const int64_t S, C;

 private:
  static constexpr int64_t WIDE = 16;  // a multiple of every vector's lanes that holds all functions

  int64_t n_products() const { return (L + (L > 1 ? 3 : 0)) * K; }

  template <class Work>
  void each_order(Work work) const {
    for (int64_t l = 0, s = 0; l < L; s += 2 * l + 3, ++l) work(l, s, 2 * l + 3);
  }

  void clear(const Buffer<T>& of, int64_t width, int64_t first) const {
    std::fill_n(of + first * width, (a.n_atoms - first) * width, T(0));
  }

  // One (K, K) matrix per order over the first `count` functions of each atom.
  void mix(const T* A, int64_t n_atoms, const T* matrices, int64_t count, T* out, bool add = false) const {
    for (int64_t s = 0; s < count; ++s)
      multiply<T>({A + s * K, S * K, K, matrices + ORDER_OF[s] * K * K, K, out + s * K, S * K, nullptr, add}, n_atoms);
  }

  const SmoothArguments& a;
  const Graph& g;
  const Weights<T>& w;
  const int64_t F, R, K, L;
  Buffer<T> harmonics, d_harmonics;
  std::vector<Buffer<T>> moments, values, ends, mixed, d_moments;
};

}  // namespace alignn
