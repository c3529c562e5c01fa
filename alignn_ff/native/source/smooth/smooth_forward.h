// The way forward of the strictly smooth model: geometry, bonds, angles, atoms, readout of a block of atoms.
#pragma once

#include "smooth_arrays.h"

namespace alignn {

template <class T>
inline void Smooth<T>::measure_edges(Range r) {
  for (int64_t e = g.starts[r.begin]; e < g.starts[r.end]; ++e) {
    const double* v = a.vectors + 3 * e;
    const double d = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    double value, slope;
    envelope(d, a.cutoff, a.exponent, value, slope);
    a.distance[e] = d, weight[e] = T(value), weight_slope[e] = slope;
    const int64_t l = g.line_of[e];
    if (l < 0) continue;
    envelope(d, a.line_cutoff, a.exponent, value, slope);
    line_weight[l] = T(value), line_slope[l] = slope;
    for (int k = 0; k < 3; ++k) unit[3 * l + k] = v[k] / d;
  }
  for (int64_t e = g.starts[r.begin]; e < g.starts[r.end]; e += LANES)
    bessel(a.distance + e, a.cutoff, R, radial + e * R, lanes_left(e, g.starts[r.end]));
  if (with_moments) moments.measure(g.starts[r.begin], g.starts[r.end]);
  if (!back) return;
  const int64_t first = g.starts[r.begin], n = g.starts[r.end] - first;
  std::fill_n(d_weight + first, n, T(0));
  std::fill_n(d_radial + first * R, n * R, T(0));
  const Range rows = line_range(r);
  std::fill_n(d_line_weight + rows.begin, rows.size(), T(0));
  std::fill_n(d_y + rows.begin * F, rows.size() * F, T(0));
}

template <class T>
inline void Smooth<T>::measure_angles(Range r) {
  const Range rows = line_range(r);
  for (int64_t t = rows.begin; t < rows.end; ++t)
    for (int64_t q = g.triplet_starts[t]; q < g.triplet_starts[t + 1]; ++q) {
      const double *u = unit + 3 * g.source[q], *v = unit + 3 * t;
      cosine[q] = -(u[0] * v[0] + u[1] * v[1] + u[2] * v[2]);
      triplet_weight[q] = line_weight[g.source[q]] * line_weight[t];
    }
  const int64_t first = g.triplet_starts[rows.begin], last = g.triplet_starts[rows.end];
  for (int64_t q = first; q < last; q += LANES) chebyshev(cosine + q, A, angular + q * A, lanes_left(q, last));
  if (back) std::fill_n(d_angular + first * A, (last - first) * A, T(0));
}

template <class T>
inline void Smooth<T>::embed(Range r) {
  for (int64_t i = r.begin; i < r.end; ++i) std::copy_n(weights.embedding + a.rows[i] * F, F, x + i * F);
  project_ends(r, weights.source, weights.target, first_ends);
  prepare_layer(r, 0);
}

// What layer `layer` reads of the atoms that it starts from.
template <class T>
inline void Smooth<T>::prepare_layer(Range r, int64_t layer) {
  project(r, x, weights.atom[layer].convolution, atoms[layer].projections);
  if (with_moments) moments.project(r.begin, r.size(), layer, x.get());
  if (layer < a.angle_layers) project_ends(r, weights.angle[layer].source, weights.angle[layer].target, ends);
}

template <class T>
inline void Smooth<T>::project(Range r, const Buffer<T>& from, const Convolution<T>& c, const Buffer<T>& to) {
  for (int64_t k = 0; k < 4; ++k)
    multiply<T>({from + r.begin * F, F, F, c.projections + k * F * F, F, to + r.begin * 4 * F + k * F, 4 * F,
                 c.bias + k * F},
                r.size());
}

template <class T>
inline void Smooth<T>::project_ends(Range r, const T* source, const T* target, const Buffer<T>& to) {
  multiply<T>({x + r.begin * F, F, F, source, F, to + r.begin * 2 * F, 2 * F}, r.size());
  multiply<T>({x + r.begin * F, F, F, target, F, to + r.begin * 2 * F + F, 2 * F}, r.size());
}

template <class T>
inline void Smooth<T>::first_bonds(Range r, Memory& memory) {
  const Range rows = line_range(r);
  T* const own = memory.gates.of(rows.size() * R);
  for (int64_t l = rows.begin; l < rows.end; ++l)
    std::copy_n(radial + a.line_nodes[l] * R, R, own + (l - rows.begin) * R);
  multiply<T>({own, R, R, weights.own, F, z0 + rows.begin * F, F, weights.own_bias}, rows.size());
  for (int64_t l = rows.begin; l < rows.end; ++l) {
    add_ends(l, first_ends, z0 + l * F);
    for (int64_t f = 0; f < F; ++f) y[l * F + f] = silu(z0[l * F + f]);
  }
}

template <class T>
inline void Smooth<T>::add_ends(int64_t l, const Buffer<T>& of, T* row) const {
  const T *source = of + g.line_src[l] * 2 * F, *target = of + a.dst[a.line_nodes[l]] * 2 * F + F;
  for (int64_t f = 0; f < F; ++f) row[f] += source[f] + target[f];
}

template <class T>
inline void Smooth<T>::update_bonds(Range r, int64_t layer) {
  const Range rows = line_range(r);
  const AngleLayer<T>& w = weights.angle[layer];
  T* const before = z[layer] + rows.begin * F;
  multiply<T>({y + rows.begin * F, F, F, w.own, F, before, F, w.own_bias}, rows.size());
  for (int64_t l = rows.begin; l < rows.end; ++l) {
    T *const inner = z[layer] + l * F, *const state = y + l * F;
    add_ends(l, ends, inner);
#pragma omp simd
    for (int64_t f = 0; f < F; ++f) state[f] += silu(inner[f]);
  }
  project(rows, y, w.convolution, lines[layer].projections);
}

template <class T>
inline void Smooth<T>::convolve_lines(Range r, int64_t layer, Memory& memory) {
  const Range rows = line_range(r);
  const Convolution<T>& w = weights.angle[layer].convolution;
  T* const sums = memory.sums.of(rows.size() * F);
  for (int64_t t = rows.begin; t < rows.end; ++t) {
    const int64_t begin = g.triplet_starts[t], n = g.triplet_starts[t + 1] - begin;
    T* const gates = memory.gates.of(n * F);
    multiply<T>({angular + begin * A, A, A, w.gates, F, gates, F}, n);
    gated_sum(lines[layer].projections, t, n, gates, triplet_weight + begin, sums + (t - rows.begin) * F,
              [&](int64_t k) { return g.source[begin + k]; });
  }
  begin_inner(rows, lines[layer]);
  finish(rows, w, lines[layer], sums, y);
}

template <class T>
inline void Smooth<T>::convolve_atoms(Range r, int64_t layer, Memory& memory) {
  const Range rows = line_range(r);
  const Convolution<T>& w = weights.atom[layer].convolution;
  multiply<T>({y + rows.begin * F, F, F, weights.atom[layer].bond_gates, F, bond_gates[layer] + rows.begin * F, F},
              rows.size());
  T* const sums = memory.sums.of(r.size() * F);
  for (int64_t i = r.begin; i < r.end; ++i) {
    const int64_t begin = g.starts[i], n = g.starts[i + 1] - begin;
    T* const gates = memory.gates.of(n * F);
    multiply<T>({radial + begin * R, R, R, w.gates, F, gates, F}, n);
    for (int64_t k = 0; k < n; ++k) add_bond_gate(g.line_of[begin + k], layer, gates + k * F);
    if (with_moments && layer > 0)
      for (int64_t k = 0; k < n; ++k) moments.add_gates(begin + k, layer, gates + k * F, nullptr);
    gated_sum(atoms[layer].projections, i, n, gates, weight + begin, sums + (i - r.begin) * F,
              [&](int64_t k) { return a.src[begin + k]; });
  }
  begin_inner(r, atoms[layer]);
  if (with_moments) add_moments(r, layer, memory);
  finish(r, w, atoms[layer], sums, x);
  if (with_moments) moments.update(r.begin, r.size(), layer, x.get(), moment_scratch(r, memory));
  if (layer + 1 < a.atom_layers) return prepare_layer(r, layer + 1);
  multiply<T>({x + r.begin * F, F, F, weights.hidden, F, hidden + r.begin * F, F, weights.hidden_bias}, r.size());
  for (int64_t i = r.begin; i < r.end; ++i) {
    T sum = T(0);
    for (int64_t f = 0; f < F; ++f) sum += weights.out[f] * silu(hidden[i * F + f]);
    sum += weights.out_bias[0];
    readout_slope[i] = T(1);
    if (a.bounds != nullptr) {
      const Bounded energy(double(sum), a.bounds + 4 * a.rows[i]);
      sum = T(energy.value), readout_slope[i] = T(energy.slope);
    }
    static_cast<T*>(a.local)[i] = sum;
  }
}

// The moments of a block's atoms: into what SiLU reads, and along their edges for the next layer's gates.
template <class T>
inline void Smooth<T>::add_moments(Range r, int64_t layer, Memory& memory) {
  T* const scratch = moment_scratch(r, memory);
  moments.sum(r.begin, r.size(), layer, radial.get(), weight.get(), scratch);
  moments.add_products(r.begin, r.size(), layer, atoms[layer].inner + r.begin * F, scratch);
  if (layer + 1 < a.atom_layers) moments.along_edges(r.begin, r.size(), layer + 1, scratch);
}

template <class T>
inline T* Smooth<T>::moment_scratch(Range r, Memory& memory) const {
  int64_t most = 0;
  for (int64_t i = r.begin; i < r.end; ++i) most = std::max(most, g.starts[i + 1] - g.starts[i]);
  return memory.moments.of(moments.n_scratch(most, r.size()));
}

template <class T>
inline void Smooth<T>::add_bond_gate(int64_t l, int64_t layer, T* gate) const {
  if (l < 0) return;
  const T* const own = bond_gates[layer] + l * F;
  const T factor = line_weight[l];
  for (int64_t f = 0; f < F; ++f) gate[f] += factor * own[f];
}

// sum = Σ_k w_k·σ(gates_k + a_source + b_target) ⊙ v_source
template <class T>
template <class Source>
inline void Smooth<T>::gated_sum(const Buffer<T>& projections, int64_t target, int64_t n, const T* gates, const T* w,
                                 T* sum, Source source) const {
  const T* const b = projections + target * 4 * F + F;
  for (int64_t f = 0; f < F; ++f) sum[f] = T(0);
  for (int64_t k = 0; k < n; ++k) {
    const T *const p = projections + source(k) * 4 * F, *const v = p + 2 * F, *const gate = gates + k * F;
    const T factor = w[k];
#pragma omp simd
    for (int64_t f = 0; f < F; ++f) sum[f] += factor * v[f] * sigmoid(gate[f] + p[f] + b[f]);
  }
}

template <class T>
inline void Smooth<T>::begin_inner(Range rows, Nodes<T>& nodes) const {
  for (int64_t i = rows.begin; i < rows.end; ++i)
    std::copy_n(nodes.projections + i * 4 * F + 3 * F, F, nodes.inner + i * F);
}

// inner += sums·M, state += SiLU(inner)·U; `sums` is used up.
template <class T>
inline void Smooth<T>::finish(Range rows, const Convolution<T>& w, Nodes<T>& nodes, T* sums, const Buffer<T>& state) {
  multiply<T>({sums, F, F, w.message, F, nodes.inner + rows.begin * F, F, nullptr, true}, rows.size());
  const T* const inner = nodes.inner + rows.begin * F;
#pragma omp simd
  for (int64_t k = 0; k < rows.size() * F; ++k) sums[k] = silu(inner[k]);
  multiply<T>({sums, F, F, w.update, F, state + rows.begin * F, F, nullptr, true}, rows.size());
}

}  // namespace alignn
