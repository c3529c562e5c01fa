// The way back of the strictly smooth model: derivatives of the sum of readouts, down to the edge vectors.
#pragma once

#include "smooth_arrays.h"

namespace alignn {

template <class T>
inline void Smooth<T>::geometry_back(Range r) {
  const int64_t end = g.starts[r.end];
  double slope[LANES];
  for (int64_t first = g.starts[r.begin]; first < end; first += LANES) {
    const int count = lanes_left(first, end);
    bessel_slope(a.distance + first, a.cutoff, R, d_radial + first * R, count, slope);
    for (int64_t e = first; e < first + count; ++e) {
      const int64_t l = g.line_of[e];
      const double d = a.distance[e];
      double along = slope[e - first] + double(d_weight[e]) * weight_slope[e];
      double across[3] = {};
      if (l >= 0) along += double(d_line_weight[l]) * line_slope[l], turn(l, across);
      if (with_moments) moments.direction_back(e, across);
      for (int k = 0; k < 3; ++k) a.gradient[3 * e + k] = along * a.vectors[3 * e + k] / d + across[k] / d;
    }
  }
}

// ∂/∂u of a line node's direction u, without its part along u; the angles of its own incoming triplets suffice,
// since d_angular holds them together with their mirror images.
template <class T>
inline void Smooth<T>::turn(int64_t t, double* across) const {
  double slope[LANES];
  for (int64_t first = g.triplet_starts[t]; first < g.triplet_starts[t + 1]; first += LANES) {
    const int count = lanes_left(first, g.triplet_starts[t + 1]);
    chebyshev_slope(cosine + first, A, d_angular + first * A, count, slope);
    for (int64_t q = first; q < first + count; ++q)
      for (int k = 0; k < 3; ++k) across[k] -= slope[q - first] * unit[3 * g.source[q] + k];
  }
  const double* const u = unit + 3 * t;
  const double along = across[0] * u[0] + across[1] * u[1] + across[2] * u[2];
  for (int k = 0; k < 3; ++k) across[k] -= along * u[k];
}

template <class T>
inline void Smooth<T>::readout_back(Range r, Memory& memory) {
  T* const d_hidden = memory.sums.of(r.size() * F);
  for (int64_t i = r.begin; i < r.end; ++i)
    for (int64_t f = 0; f < F; ++f)
      d_hidden[(i - r.begin) * F + f] = readout_slope[i] * weights.out[f] * silu_slope(hidden[i * F + f]);
  multiply<T>({d_hidden, F, F, weights.hidden_t, F, d_x + r.begin * F, F}, r.size());
  state_back(r, a.atom_layers - 1, memory);
}

// From the derivative of the atoms' states after a layer to that of what its SiLU read, and of its sums.
template <class T>
inline void Smooth<T>::state_back(Range r, int64_t layer, Memory& memory) {
  T* const scratch = with_moments ? moment_scratch(r, memory) : nullptr;
  if (with_moments) moments.update_back(r.begin, r.size(), layer, d_x.get(), scratch);
  finish_back(r, weights.atom[layer].convolution, atoms[layer], d_x, memory);
  if (!with_moments) return;
  moments.products_back(r.begin, r.size(), layer, atoms[layer].inner + r.begin * F, scratch);
}

// From the derivative of a state to those of `inner`, in its place, and of the gated sum.
template <class T>
inline void Smooth<T>::finish_back(Range rows, const Convolution<T>& w, Nodes<T>& nodes, const Buffer<T>& d_state,
                                   Memory& memory) {
  T* const d_silu = memory.sums.of(rows.size() * F);
  multiply<T>({d_state + rows.begin * F, F, F, w.update_t, F, d_silu, F}, rows.size());
  T* const inner = nodes.inner + rows.begin * F;
#pragma omp simd
  for (int64_t k = 0; k < rows.size() * F; ++k) inner[k] = d_silu[k] * silu_slope(inner[k]);
  multiply<T>({inner, F, F, w.message_t, F, nodes.gradient + rows.begin * F, F}, rows.size());
}

template <class T>
inline void Smooth<T>::atoms_back(Range r, int64_t layer, Memory& memory) {
  const Range rows = line_range(r);
  const Convolution<T>& w = weights.atom[layer].convolution;
  T* const d_nodes = memory.sums.of(r.size() * 4 * F);
  T* const d_bonds = memory.bonds.of(rows.size() * F);
  T* const scratch = with_moments ? moment_scratch(r, memory) : nullptr;
  if (with_moments && layer > 0) moments.hand_out(r.begin, r.size(), layer, scratch);
  for (int64_t i = r.begin; i < r.end; ++i) {
    T* const d_node = d_nodes + (i - r.begin) * 4 * F;
    atom_back(i, r, layer, d_node, d_bonds - rows.begin * F, memory, scratch);
    std::copy_n(atoms[layer].inner + i * F, F, d_node + 3 * F);
  }
  if (with_moments && layer > 0) {
    const int64_t row = r.size() * moments.S * 2 * F;
    moments.hand_back(r.begin, r.size(), layer, scratch + row);
    moments.send_back(r.begin, r.size(), layer, scratch + 2 * row, d_x.get());
  }
  if (layer > 0)
    multiply<T>({d_nodes, 4 * F, 4 * F, w.projections_t, F, d_x + r.begin * F, F, nullptr, true}, r.size());
  multiply<T>({d_bonds, F, F, weights.atom[layer].bond_gates_t, F, d_y + rows.begin * F, F, nullptr, true},
              rows.size());
  if (layer < a.angle_layers)
    finish_back(rows, weights.angle[layer].convolution, lines[layer], d_y, memory);
  else if (layer > 0)
    state_back(r, layer - 1, memory);
  else
    first_bonds_back(rows, memory);
}

template <class T>
inline void Smooth<T>::atom_back(int64_t i, Range r, int64_t layer, T* d_node, T* d_bonds, Memory& memory, T* scratch) {
  const Convolution<T>& w = weights.atom[layer].convolution;
  const int64_t begin = g.starts[i], n = g.starts[i + 1] - begin;
  T* const gates = memory.gates.of((with_moments ? 5 : 3) * n * F);
  T *const mirrored = gates + n * F, *const d_gates = gates + 2 * n * F;
  T* const d_both = gates + 3 * n * F;  // d_gates beside those of the mirror images, for moments
  multiply<T>({radial + begin * R, R, R, w.gates, F, gates, F}, n);
  std::copy_n(gates, n * F, mirrored);
  if (with_moments && layer > 0)
    for (int64_t k = 0; k < n; ++k) moments.add_gates(begin + k, layer, gates + k * F, mirrored + k * F);
  for (int64_t k = 0; k < n; ++k) {
    const int64_t l = g.line_of[begin + k];
    if (l >= 0) add_bond_gate(l, layer, gates + k * F), add_bond_gate(g.line_reverse[l], layer, mirrored + k * F);
  }
  std::fill_n(d_node, 3 * F, T(0));
  for (int64_t k = 0; k < n; ++k) {
    const int64_t from = a.src[begin + k];
    const Pair pair{i, from, i, from};
    const T *const own = gates + k * F, *const other = mirrored + k * F;
    d_weight[begin + k] +=
        with_moments ? pair_back<false, true>(atoms[layer], pair, own, other, weight[begin + k], d_node, d_node,
                                              d_gates + k * F, d_both + k * 2 * F + F)
                     : pair_back<false, false>(atoms[layer], pair, own, other, weight[begin + k], d_node, d_node,
                                               d_gates + k * F);
  }
  if (with_moments) moments_back(i, r, layer, d_gates, d_both, scratch);
  multiply<T>({d_gates, F, F, w.gates_t, R, d_radial + begin * R, R, nullptr, true}, n);
  for (int64_t k = 0; k < n; ++k) {
    const int64_t l = g.line_of[begin + k];
    if (l < 0) continue;
    const T *const d_gate = d_gates + k * F, *const own = bond_gates[layer] + l * F, factor = line_weight[l];
    T sum = T(0);
#pragma omp simd reduction(+ : sum)
    for (int64_t f = 0; f < F; ++f) {
      sum += d_gate[f] * own[f];
      d_bonds[l * F + f] = factor * d_gate[f];
    }
    d_line_weight[l] += sum;
  }
}

// One atom of a block that begins at `first`; `scratch` begins with rows of the block's atoms: P, dP, d_values.
template <class T>
inline void Smooth<T>::moments_back(int64_t i, Range r, int64_t layer, const T* d_gates, T* d_both, T* scratch) {
  const int64_t n = g.starts[i + 1] - g.starts[i], row = moments.S * 2 * F, k = i - r.begin;
  T *const P = scratch, *const dP = P + r.size() * row, *const d_values = dP + r.size() * row;
  T* const rest = d_values + r.size() * moments.C;
  if (layer > 0) {
    for (int64_t e = 0; e < n; ++e) std::copy_n(d_gates + e * F, F, d_both + e * 2 * F);
    moments.gates_back(i, d_both, P + k * row, dP + k * row, rest);
  }
  moments.sum_back(i, layer, radial.get(), weight.get(), d_radial.get(), d_weight.get(), d_values + k * moments.C,
                   rest);
}

template <class T>
inline void Smooth<T>::lines_back(Range r, int64_t layer, Memory& memory) {
  const Range rows = line_range(r);
  const Convolution<T>& w = weights.angle[layer].convolution;
  for (int64_t t = rows.begin; t < rows.end; ++t) {
    const int64_t begin = g.triplet_starts[t], n = g.triplet_starts[t + 1] - begin, twin = g.line_reverse[t];
    T *const gates = memory.gates.of(2 * n * F), *const d_gates = gates + n * F;
    T *const d_target = d_lines + t * 4 * F, *const d_source = d_lines + twin * 4 * F;
    multiply<T>({angular + begin * A, A, A, w.gates, F, gates, F}, n);
    std::fill_n(d_target + F, F, T(0));
    std::fill_n(d_source, F, T(0));
    std::fill_n(d_source + 2 * F, F, T(0));
    std::copy_n(lines[layer].inner + t * F, F, d_target + 3 * F);
    for (int64_t k = 0; k < n; ++k) {
      const int64_t from = g.source[begin + k];
      const T along = pair_back<true, false>(lines[layer], {t, from, twin, g.line_reverse[from]}, gates + k * F,
                                      gates + k * F, triplet_weight[begin + k], d_target, d_source, d_gates + k * F);
      d_line_weight[t] += along * line_weight[from];
    }
    multiply<T>({d_gates, F, F, w.gates_t, A, d_angular + begin * A, A, nullptr, true}, n);
  }
}

// Derivatives of one edge in its target's b, and of its mirror image in its source's a and v. `d_gate` and the
// returned derivative in the weight are those of the edge, or of both where TOGETHER;
// `d_mirrored`, where MIRROR, is that of the mirror image's gate.
template <class T>
template <bool TOGETHER, bool MIRROR>
inline T Smooth<T>::pair_back(const Nodes<T>& nodes, Pair pair, const T* gate, const T* mirrored, T w, T* d_target,
                              T* d_source, T* d_gate, T* d_mirrored) const {
  const T *const p = nodes.projections.get(), *const G = nodes.gradient.get();
  const T *const a1 = p + pair.from * 4 * F, *const v1 = a1 + 2 * F, *const b1 = p + pair.target * 4 * F + F;
  const T *const a2 = p + pair.source * 4 * F, *const v2 = a2 + 2 * F, *const b2 = p + pair.to * 4 * F + F;
  const T *const G1 = G + pair.target * F, *const G2 = G + pair.to * F;
  T *const d_a = d_source, *const d_b = d_target + F, *const d_v = d_source + 2 * F;
  T along = T(0);
#pragma omp simd reduction(+ : along)
  for (int64_t f = 0; f < F; ++f) {
    const T s1 = sigmoid(gate[f] + a1[f] + b1[f]), s2 = sigmoid(mirrored[f] + a2[f] + b2[f]);
    const T slope1 = G1[f] * v1[f] * s1, slope2 = G2[f] * s2;
    const T d1 = w * slope1 * (T(1) - s1), d2 = w * slope2 * v2[f] * (T(1) - s2);
    along += TOGETHER ? slope1 + slope2 * v2[f] : slope1;
    d_gate[f] = TOGETHER ? d1 + d2 : d1;
    if constexpr (MIRROR) d_mirrored[f] = d2;
    d_b[f] += d1;
    d_a[f] += d2;
    d_v[f] += w * slope2;
  }
  return along;
}

template <class T>
inline void Smooth<T>::bonds_back(Range r, int64_t layer, Memory& memory) {
  const Range rows = line_range(r);
  const AngleLayer<T>& w = weights.angle[layer];
  T *const d_state = d_y + rows.begin * F, *const inner = z[layer] + rows.begin * F;
  multiply<T>({d_lines + rows.begin * 4 * F, 4 * F, 4 * F, w.convolution.projections_t, F, d_state, F, nullptr, true},
              rows.size());
#pragma omp simd
  for (int64_t k = 0; k < rows.size() * F; ++k) inner[k] = d_state[k] * silu_slope(inner[k]);
  multiply<T>({inner, F, F, w.own_t, F, d_state, F, nullptr, true}, rows.size());
  if (layer == 0) first_bonds_back(rows, memory);
}

template <class T>
inline void Smooth<T>::first_bonds_back(Range rows, Memory& memory) {
  T *const d_own = memory.gates.of(rows.size() * R), *const inner = z0 + rows.begin * F;
  const T* const d_state = d_y + rows.begin * F;
#pragma omp simd
  for (int64_t k = 0; k < rows.size() * F; ++k) inner[k] = d_state[k] * silu_slope(inner[k]);
  multiply<T>({inner, F, F, weights.own_t, R, d_own, R}, rows.size());
  for (int64_t l = rows.begin; l < rows.end; ++l) {
    T *const to = d_radial + a.line_nodes[l] * R, *const from = d_own + (l - rows.begin) * R;
    for (int64_t k = 0; k < R; ++k) to[k] += from[k];
  }
}

// What bonds learnt from their atoms, back to the atoms: bonds that start from i are reverses of those that end there.
template <class T>
inline void Smooth<T>::ends_back(Range r, int64_t layer, Memory& memory) {
  T* const d_ends = memory.sums.of(r.size() * 2 * F);
  std::fill_n(d_ends, r.size() * 2 * F, T(0));
  for (int64_t i = r.begin; i < r.end; ++i) {
    T* const sum = d_ends + (i - r.begin) * 2 * F;
    for (int64_t l = g.line_starts[i]; l < g.line_starts[i + 1]; ++l) {
      const T *const in = z[layer] + l * F, *const out = z[layer] + g.line_reverse[l] * F;
      for (int64_t f = 0; f < F; ++f) sum[f] += out[f], sum[F + f] += in[f];
    }
  }
  multiply<T>({d_ends, 2 * F, 2 * F, weights.angle[layer].ends_t, F, d_x + r.begin * F, F, nullptr, true}, r.size());
  state_back(r, layer - 1, memory);
}

}  // namespace alignn
