// The moments of the strictly smooth model (nn/moments.py): atom by atom forwards and back. Nothing of size (n_edges,
// channels) is kept but what a layer's gates read of both ends of a bond; products with radial functions are made again.
//
// A derivative that belongs to the source of an edge is gathered at that atom from the reverses of its incoming edges, for
// which R_lm(−r) = (−1)^l·R_lm(r).
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
      : a(arguments), g(graph), w(weights), F(a.features), R(a.n_radial), K(a.moment_channels), L(a.max_moment),
        S(L * (L + 2)), C(L * K), harmonics(a.n_edges * S), d_harmonics(back ? a.n_edges * S : 0) {
    for (int64_t l = 0; l < a.atom_layers; ++l) {
      moments.emplace_back(a.n_atoms * S * K);
      values.emplace_back(a.n_atoms * C);
      ends.emplace_back(l > 0 ? a.n_edges * 2 * F : 0);
      mixed.emplace_back(a.n_atoms * F);
    }
    for (int64_t k = 0; k < 2; ++k) d_moments.emplace_back(back ? a.n_atoms * S * K : 0);
  }

  // Numbers that a thread needs for an atom of n_edges edges, or for the states of a block.
  int64_t n_scratch(int64_t n_edges, int64_t n_atoms) const {
    return std::max({n_edges * 2 * C + C, 4 * S * F, 2 * S * K + n_products(), n_atoms * F});
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

  // A of one atom.
  void sum(int64_t i, int64_t layer, const T* radial, const T* weight, T* scratch) const {
    const int64_t begin = g.starts[i], n = g.starts[i + 1] - begin;
    T* const sent = scratch;
    multiply<T>({radial + begin * R, R, R, w.atom[layer].moments.radial, C, sent, C}, n);
    T* const A = moments[layer] + i * S * K;
    std::fill_n(A, S * K, T(0));
    for (int64_t k = 0; k < n; ++k) {
      const T *value = values[layer] + a.src[begin + k] * C, *Y = harmonics + (begin + k) * S, factor = weight[begin + k];
      T* const row = sent + k * C;
#pragma omp simd
      for (int64_t c = 0; c < C; ++c) row[c] *= value[c];
      for (int64_t s = 0; s < S; ++s) {
        const T *from = row + ORDER_OF[s] * K, along = factor * Y[s];
        T* const to = A + s * K;
#pragma omp simd
        for (int64_t c = 0; c < K; ++c) to[c] += along * from[c];
      }
    }
  }

  // Adds a linear function of the products of one atom's moments to what its SiLU reads.
  void add_products(int64_t i, int64_t layer, T* inner, T* scratch) const {
    const MomentLayer<T>& m = w.atom[layer].moments;
    const T* const A = moments[layer] + i * S * K;
    T *const products = scratch, *const other = scratch + n_products();
    mix_pairs(A, m, other);
    std::fill_n(products, C, T(0));
    for (int64_t s = 0; s < S; ++s) {
      T* const sum = products + ORDER_OF[s] * K;
#pragma omp simd
      for (int64_t c = 0; c < K; ++c) sum[c] += A[s * K + c] * other[s * K + c];
    }
    if (L > 1) {
      mix_triples(A, m, other);
      triple_products(A, other, A + 3 * K, other + 3 * K, K, products + C);
    }
    multiply<T>({products, n_products(), n_products(), m.out, F, inner, F, nullptr, true}, 1);
  }

  // What the gates of the next layer read of this atom along each of its edges: own | other end's, (n, 2F).
  void along_edges(int64_t i, int64_t layer, T* scratch) const {
    const int64_t begin = g.starts[i], n = g.starts[i + 1] - begin;
    T* const P = scratch;
    hand_out(i, layer, P);
    multiply<T>({harmonics + begin * S, S, S, P, 2 * F, ends[layer] + begin * 2 * F, 2 * F}, n);
  }

  void add_gates(int64_t e, int64_t layer, T* gate, T* mirrored) const {
    const T *const here = ends[layer] + e * 2 * F, *const there = ends[layer] + g.reverse[e] * 2 * F;
    for (int64_t f = 0; f < F; ++f) gate[f] += here[f] + there[F + f];
    if (mirrored != nullptr)
      for (int64_t f = 0; f < F; ++f) mirrored[f] += there[f] + here[F + f];
  }

  // state += SiLU(state·W + b)·U + c; what SiLU reads is kept.
  void mix(int64_t begin, int64_t n, int64_t layer, T* state, T* scratch) const {
    const MomentLayer<T>& m = w.atom[layer].moments;
    T *const x = state + begin * F, *const inner = mixed[layer] + begin * F;
    multiply<T>({x, F, F, m.mix_in, F, inner, F, m.mix_in_bias}, n);
    for (int64_t k = 0; k < n * F; ++k) scratch[k] = inner[k] * sigmoid(inner[k]);
    for (int64_t r = 0; r < n; ++r)
      for (int64_t f = 0; f < F; ++f) x[r * F + f] += m.mix_out_bias[f];
    multiply<T>({scratch, F, F, m.mix_out, F, x, F, nullptr, true}, n);
  }

  void mix_back(int64_t begin, int64_t n, int64_t layer, T* d_state, T* scratch) const {
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

  // From the derivative of what SiLU reads to that of the atom's moments, added to what the gates have left there.
  void products_back(int64_t i, int64_t layer, const T* d_inner, T* scratch) const {
    const MomentLayer<T>& m = w.atom[layer].moments;
    const T* const A = moments[layer] + i * S * K;
    T* const dA = d_moments[layer % 2] + i * S * K;
    T *const d = scratch, *const other = d + n_products(), *const d_other = other + S * K;
    multiply<T>({d_inner, F, F, m.out_t, n_products(), d, n_products()}, 1);
    if (layer + 1 == a.atom_layers) std::fill_n(dA, S * K, T(0));
    mix_pairs(A, m, other);
    for (int64_t s = 0; s < S; ++s) {
      const T* const slope = d + ORDER_OF[s] * K;
#pragma omp simd
      for (int64_t c = 0; c < K; ++c) {
        dA[s * K + c] += slope[c] * other[s * K + c];
        d_other[s * K + c] = slope[c] * A[s * K + c];
      }
    }
    for (int64_t l = 0, s = 0; l < L; s += 2 * l + 3, ++l)
      multiply<T>({d_other + s * K, K, K, m.pairs_t + l * K * K, K, dA + s * K, K, nullptr, true}, 2 * l + 3);
    if (L < 2) return;
    mix_triples(A, m, other);
    std::fill_n(d_other, 8 * K, T(0));
    triple_products_back(A, other, A + 3 * K, other + 3 * K, K, d + C, dA, d_other, dA + 3 * K, d_other + 3 * K);
    multiply<T>({d_other, K, K, m.triples_t, K, dA, K, nullptr, true}, 3);
    multiply<T>({d_other + 3 * K, K, K, m.triples_t + K * K, K, dA + 3 * K, K, nullptr, true}, 5);
  }

  // From the derivatives of an atom's gates, (n, 2F): its edges' own and those of their reverses, to its moments of the
  // layer before, and to directions.
  void gates_back(int64_t i, int64_t layer, const T* d_gates, T* scratch) const {
    const int64_t begin = g.starts[i], n = g.starts[i + 1] - begin;
    T *const P = scratch, *const dP = scratch + S * 2 * F;
    hand_out(i, layer, P);
    std::fill_n(dP, S * 2 * F, T(0));
    for (int64_t k = 0; k < n; ++k) {
      const T *d = d_gates + k * 2 * F, *Y = harmonics + (begin + k) * S;
      T* const dY = d_harmonics + (begin + k) * S;
      for (int64_t s = 0; s < S; ++s) {
        const T *p = P + s * 2 * F, along = Y[s];
        T* const dp = dP + s * 2 * F;
        T total = T(0);
#pragma omp simd reduction(+ : total)
        for (int64_t f = 0; f < 2 * F; ++f) {
          total += d[f] * p[f];
          dp[f] += along * d[f];
        }
        dY[s] += total;
      }
    }
    T* const dA = d_moments[(layer - 1) % 2] + i * S * K;
    for (int64_t l = 0, s = 0; l < L; s += 2 * l + 3, ++l)
      multiply<T>({dP + s * 2 * F, 2 * F, 2 * F, w.atom[layer].moments.gates_t + l * 2 * F * K, K, dA + s * K, K},
                  2 * l + 3);
  }

  // From the derivative of moments to radial functions, envelopes, directions, and the states of neighbours.
  void sum_back(int64_t i, int64_t layer, const T* radial, const T* weight, T* d_radial, T* d_weight, T* d_state,
                T* scratch) const {
    const MomentLayer<T>& m = w.atom[layer].moments;
    const int64_t begin = g.starts[i], n = g.starts[i + 1] - begin;
    T *const rows = scratch, *const d_rows = rows + n * C, *const d_value = d_rows + n * C;
    const T* const dA = d_moments[layer % 2] + i * S * K;
    multiply<T>({radial + begin * R, R, R, m.radial, C, rows, C}, n);
    std::fill_n(d_value, C, T(0));
    for (int64_t k = 0; k < n; ++k) {
      const int64_t e = begin + k, j = a.src[e];
      const T *value = values[layer] + j * C, *far = d_moments[layer % 2] + j * S * K, *Y = harmonics + e * S;
      T *const row = rows + k * C, *const d_row = d_rows + k * C, *const dY = d_harmonics + e * S;
      std::fill_n(d_row, C, T(0));
      T along_weight = T(0);
      for (int64_t s = 0; s < S; ++s) {
        const int64_t order = ORDER_OF[s];
        const T y = weight[e] * Y[s], mirrored = order % 2 == 0 ? -y : y;
        const T *own = dA + s * K, *other = far + s * K, *r = row + order * K, *v = value + order * K;
        T *const to = d_row + order * K, *const to_value = d_value + order * K;
        T total = T(0);
#pragma omp simd reduction(+ : total)
        for (int64_t c = 0; c < K; ++c) {
          total += r[c] * v[c] * own[c];
          to[c] += y * own[c];
          to_value[c] += mirrored * r[c] * other[c];
        }
        dY[s] += weight[e] * total;
        along_weight += Y[s] * total;
      }
      d_weight[e] += along_weight;
#pragma omp simd
      for (int64_t c = 0; c < C; ++c) d_row[c] *= value[c];
    }
    multiply<T>({d_rows, C, C, m.radial_t, R, d_radial + begin * R, R, nullptr, true}, n);
    if (d_state != nullptr) multiply<T>({d_value, C, C, m.value_t, F, d_state + i * F, F, nullptr, true}, 1);
  }

 private:
  int64_t n_products() const { return (L + (L > 1 ? 3 : 0)) * K; }

  void mix_pairs(const T* A, const MomentLayer<T>& m, T* out) const {
    for (int64_t l = 0, s = 0; l < L; s += 2 * l + 3, ++l)
      multiply<T>({A + s * K, K, K, m.pairs + l * K * K, K, out + s * K, K}, 2 * l + 3);
  }

  void mix_triples(const T* A, const MomentLayer<T>& m, T* out) const {
    multiply<T>({A, K, K, m.triples, K, out, K}, 3);
    multiply<T>({A + 3 * K, K, K, m.triples + K * K, K, out + 3 * K, K}, 5);
  }

  // P of the gates of `layer`: (S, 2F) from the moments of the layer before.
  void hand_out(int64_t i, int64_t layer, T* P) const {
    const T* const A = moments[layer - 1] + i * S * K;
    for (int64_t l = 0, s = 0; l < L; s += 2 * l + 3, ++l)
      multiply<T>({A + s * K, K, K, w.atom[layer].moments.gates + l * K * 2 * F, 2 * F, P + s * 2 * F, 2 * F},
                  2 * l + 3);
  }

  const SmoothArguments& a;
  const Graph& g;
  const Weights<T>& w;
  const int64_t F, R, K, L, S, C;
  Array<T> harmonics, d_harmonics;
  std::vector<Array<T>> moments, values, ends, mixed, d_moments;
};

}  // namespace alignn
