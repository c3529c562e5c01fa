// Energy and gradient of the strictly smooth model (models/alignn_smooth.py), layer by layer, block of atoms by block.
//
// Everything that a block of atoms needs is done while it is in cache. What stays of the way forward are pre-activations
// and projections, never anything of size (n_edges, features): gates of edges and triplets are recomputed on the way
// back. Each row is summed by one thread in the order of the edges, so bits do not depend on the number of threads.
#pragma once

#include <algorithm>
#include <cmath>

#include "multiply.h"
#include "scalar.h"
#include "smooth.h"
#include "smooth_geometry.h"
#include "smooth_graph.h"
#include "smooth_moments.h"

namespace alignn {

constexpr int64_t BLOCK = 16;  // atoms

template <class T>
class Scratch {  // of one thread; grows to the largest block
 public:
  T* rows(int64_t n, int64_t width) {
    if (int64_t(memory_.size()) < n * width) memory_.resize(n * width);
    return memory_.data();
  }

 private:
  std::vector<T> memory_;
};

// One convolution's arrays, one row a node.
template <class T>
struct Nodes {
  Array<T> projections;  // (n, 4F): a, b, v, own
  Array<T> inner;        // (n, F): what SiLU reads; its derivative on the way back
  Array<T> gradient;     // (n, F): derivative of the gated sum
  Nodes(int64_t n, int64_t F, bool back) : projections(n * 4 * F), inner(n * F), gradient(back ? n * F : 0) {}
};

template <class T>
inline T silu(T x) {
  return x * sigmoid(x);
}

template <class T>
inline T silu_slope(T x) {
  const T s = sigmoid(x);
  return s * (T(1) + x * (T(1) - s));
}

template <class T>
class Smooth {
 public:
  Smooth(const SmoothArguments& arguments, const Graph& graph)
      : a(arguments), g(graph), F(a.features), R(a.n_radial), A(a.n_angular), back(a.gradient != nullptr), weights(a),
        weight(a.n_edges), weight_slope(a.n_edges), radial(a.n_edges * R), line_weight(a.n_line_nodes),
        line_slope(a.n_line_nodes), unit(a.n_line_nodes * 3), cosine(a.n_triplets), angular(a.n_triplets * A),
        triplet_weight(a.n_triplets), x(a.n_atoms * F), y(a.n_line_nodes * F), z0(a.n_line_nodes * F),
        first_ends(a.n_atoms * 2 * F), ends(a.n_atoms * 2 * F), hidden(a.n_atoms * F),
        d_weight(back ? a.n_edges : 0), d_radial(back ? a.n_edges * R : 0), d_line_weight(back ? a.n_line_nodes : 0),
        d_angular(back ? a.n_triplets * A : 0), d_x(back ? a.n_atoms * F : 0), d_y(back ? a.n_line_nodes * F : 0),
        d_lines(back ? a.n_line_nodes * 4 * F : 0), with_moments(a.moment_channels > 0), moments(a, g, weights, back) {
    for (int64_t l = 0; l < a.angle_layers; ++l) {
      lines.emplace_back(a.n_line_nodes, F, back);
      z.emplace_back(a.n_line_nodes * F);
    }
    for (int64_t l = 0; l < a.atom_layers; ++l) {
      atoms.emplace_back(a.n_atoms, F, back);
      bond_gates.emplace_back(a.n_line_nodes * F);
    }
  }

  void run() {
    const int64_t n_blocks = (a.n_atoms + BLOCK - 1) / BLOCK;
    const int threads = int(std::max<int64_t>(1, std::min<int64_t>(a.threads, n_blocks)));
#pragma omp parallel num_threads(threads)
    {
      Memory memory;
      auto blocks = [&](auto work) {
#pragma omp for schedule(dynamic, 1)
        for (int64_t block = 0; block < n_blocks; ++block)
          work(Range{block * BLOCK, std::min(a.n_atoms, (block + 1) * BLOCK)}, memory);
      };
      blocks([this](Range r, Memory& m) { measure_edges(r), embed(r), (void)m; });
      blocks([this](Range r, Memory& m) { measure_angles(r), first_bonds(r, m); });
      for (int64_t layer = 0; layer < a.atom_layers; ++layer) {
        if (layer < a.angle_layers) {
          blocks([=](Range r, Memory&) { update_bonds(r, layer); });
          blocks([=](Range r, Memory& m) { convolve_lines(r, layer, m); });
        }
        blocks([=](Range r, Memory& m) { convolve_atoms(r, layer, m); });
      }
      if (back) {
        blocks([this](Range r, Memory& m) { readout_back(r, m); });
        for (int64_t layer = a.atom_layers - 1; layer >= 0; --layer) {
          blocks([=](Range r, Memory& m) { atoms_back(r, layer, m); });
          if (layer < a.angle_layers) {
            blocks([=](Range r, Memory& m) { lines_back(r, layer, m); });
            blocks([=](Range r, Memory& m) { bonds_back(r, layer, m); });
            if (layer > 0) blocks([=](Range r, Memory& m) { ends_back(r, layer, m); });
          }
        }
        blocks([this](Range r, Memory&) { geometry_back(r); });
      }
    }
  }

 private:
  struct Range {
    int64_t begin, end;  // atoms
    int64_t size() const { return end - begin; }
  };
  struct Memory {
    Scratch<T> sums, gates, bonds, moments;
  };

  Range line_range(Range r) const { return {g.line_starts[r.begin], g.line_starts[r.end]}; }

  // ---- geometry

  void measure_edges(Range r) {
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

  void measure_angles(Range r) {
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

  void geometry_back(Range r) {
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
  void turn(int64_t t, double* across) const {
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

  static int lanes_left(int64_t first, int64_t end) { return int(std::min<int64_t>(LANES, end - first)); }

  // ---- forward

  void embed(Range r) {
    for (int64_t i = r.begin; i < r.end; ++i) std::copy_n(weights.embedding + a.rows[i] * F, F, x + i * F);
    project_ends(r, weights.source, weights.target, first_ends);
    prepare_layer(r, 0);
  }

  // What layer `layer` reads of the atoms that it starts from.
  void prepare_layer(Range r, int64_t layer) {
    project(r, x, weights.atom[layer].convolution, atoms[layer].projections);
    if (with_moments) moments.project(r.begin, r.size(), layer, x.get());
    if (layer < a.angle_layers) project_ends(r, weights.angle[layer].source, weights.angle[layer].target, ends);
  }

  void project(Range r, const Array<T>& from, const Convolution<T>& c, const Array<T>& to) {
    for (int64_t k = 0; k < 4; ++k)
      multiply<T>({from + r.begin * F, F, F, c.projections + k * F * F, F, to + r.begin * 4 * F + k * F, 4 * F,
                   c.bias + k * F},
                  r.size());
  }

  void project_ends(Range r, const T* source, const T* target, const Array<T>& to) {
    multiply<T>({x + r.begin * F, F, F, source, F, to + r.begin * 2 * F, 2 * F}, r.size());
    multiply<T>({x + r.begin * F, F, F, target, F, to + r.begin * 2 * F + F, 2 * F}, r.size());
  }

  void first_bonds(Range r, Memory& memory) {
    const Range rows = line_range(r);
    T* const own = memory.gates.rows(rows.size(), R);
    for (int64_t l = rows.begin; l < rows.end; ++l)
      std::copy_n(radial + a.line_nodes[l] * R, R, own + (l - rows.begin) * R);
    multiply<T>({own, R, R, weights.own, F, z0 + rows.begin * F, F, weights.own_bias}, rows.size());
    for (int64_t l = rows.begin; l < rows.end; ++l) {
      add_ends(l, first_ends, z0 + l * F);
      for (int64_t f = 0; f < F; ++f) y[l * F + f] = silu(z0[l * F + f]);
    }
  }

  void add_ends(int64_t l, const Array<T>& of, T* row) const {
    const T *source = of + g.line_src[l] * 2 * F, *target = of + a.dst[a.line_nodes[l]] * 2 * F + F;
    for (int64_t f = 0; f < F; ++f) row[f] += source[f] + target[f];
  }

  void update_bonds(Range r, int64_t layer) {
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

  void convolve_lines(Range r, int64_t layer, Memory& memory) {
    const Range rows = line_range(r);
    const Convolution<T>& w = weights.angle[layer].convolution;
    T* const sums = memory.sums.rows(rows.size(), F);
    for (int64_t t = rows.begin; t < rows.end; ++t) {
      const int64_t begin = g.triplet_starts[t], n = g.triplet_starts[t + 1] - begin;
      T* const gates = memory.gates.rows(n, F);
      multiply<T>({angular + begin * A, A, A, w.gates, F, gates, F}, n);
      gated_sum(lines[layer].projections, t, n, gates, triplet_weight + begin, sums + (t - rows.begin) * F,
                [&](int64_t k) { return g.source[begin + k]; });
    }
    begin_inner(rows, lines[layer]);
    finish(rows, w, lines[layer], sums, y);
  }

  void convolve_atoms(Range r, int64_t layer, Memory& memory) {
    const Range rows = line_range(r);
    const Convolution<T>& w = weights.atom[layer].convolution;
    multiply<T>({y + rows.begin * F, F, F, weights.atom[layer].bond_gates, F, bond_gates[layer] + rows.begin * F, F},
                rows.size());
    T* const sums = memory.sums.rows(r.size(), F);
    for (int64_t i = r.begin; i < r.end; ++i) {
      const int64_t begin = g.starts[i], n = g.starts[i + 1] - begin;
      T* const gates = memory.gates.rows(n, F);
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
      static_cast<T*>(a.local)[i] = sum + weights.out_bias[0];
    }
  }

  // The moments of a block's atoms: into what SiLU reads, and along their edges for the next layer's gates.
  void add_moments(Range r, int64_t layer, Memory& memory) {
    T* const scratch = moment_scratch(r, memory);
    moments.sum(r.begin, r.size(), layer, radial.get(), weight.get(), scratch);
    moments.add_products(r.begin, r.size(), layer, atoms[layer].inner + r.begin * F, scratch);
    if (layer + 1 < a.atom_layers) moments.along_edges(r.begin, r.size(), layer + 1, scratch);
  }

  T* moment_scratch(Range r, Memory& memory) const {
    int64_t most = 0;
    for (int64_t i = r.begin; i < r.end; ++i) most = std::max(most, g.starts[i + 1] - g.starts[i]);
    return memory.moments.rows(moments.n_scratch(most, r.size()), 1);
  }

  void add_bond_gate(int64_t l, int64_t layer, T* gate) const {
    if (l < 0) return;
    const T* const own = bond_gates[layer] + l * F;
    const T factor = line_weight[l];
    for (int64_t f = 0; f < F; ++f) gate[f] += factor * own[f];
  }

  // sum = Σ_k w_k·σ(gates_k + a_source + b_target) ⊙ v_source
  template <class Source>
  void gated_sum(const Array<T>& projections, int64_t target, int64_t n, const T* gates, const T* w, T* sum,
                 Source source) const {
    const T* const b = projections + target * 4 * F + F;
    for (int64_t f = 0; f < F; ++f) sum[f] = T(0);
    for (int64_t k = 0; k < n; ++k) {
      const T *const p = projections + source(k) * 4 * F, *const v = p + 2 * F, *const gate = gates + k * F;
      const T factor = w[k];
#pragma omp simd
      for (int64_t f = 0; f < F; ++f) sum[f] += factor * v[f] * sigmoid(gate[f] + p[f] + b[f]);
    }
  }

  void begin_inner(Range rows, Nodes<T>& nodes) const {
    for (int64_t i = rows.begin; i < rows.end; ++i)
      std::copy_n(nodes.projections + i * 4 * F + 3 * F, F, nodes.inner + i * F);
  }

  // inner += sums·M, state += SiLU(inner)·U; `sums` is used up.
  void finish(Range rows, const Convolution<T>& w, Nodes<T>& nodes, T* sums, const Array<T>& state) {
    multiply<T>({sums, F, F, w.message, F, nodes.inner + rows.begin * F, F, nullptr, true}, rows.size());
    const T* const inner = nodes.inner + rows.begin * F;
#pragma omp simd
    for (int64_t k = 0; k < rows.size() * F; ++k) sums[k] = silu(inner[k]);
    multiply<T>({sums, F, F, w.update, F, state + rows.begin * F, F, nullptr, true}, rows.size());
  }

  // ---- backward; d_… are derivatives of Σ_i local_i

  void readout_back(Range r, Memory& memory) {
    T* const d_hidden = memory.sums.rows(r.size(), F);
    for (int64_t i = r.begin; i < r.end; ++i)
      for (int64_t f = 0; f < F; ++f)
        d_hidden[(i - r.begin) * F + f] = weights.out[f] * silu_slope(hidden[i * F + f]);
    multiply<T>({d_hidden, F, F, weights.hidden_t, F, d_x + r.begin * F, F}, r.size());
    state_back(r, a.atom_layers - 1, memory);
  }

  // From the derivative of the atoms' states after a layer to that of what its SiLU read, and of its sums.
  void state_back(Range r, int64_t layer, Memory& memory) {
    T* const scratch = with_moments ? moment_scratch(r, memory) : nullptr;
    if (with_moments) moments.update_back(r.begin, r.size(), layer, d_x.get(), scratch);
    finish_back(r, weights.atom[layer].convolution, atoms[layer], d_x, memory);
    if (!with_moments) return;
    moments.products_back(r.begin, r.size(), layer, atoms[layer].inner + r.begin * F, scratch);
  }

  // From the derivative of a state to those of `inner`, in its place, and of the gated sum.
  void finish_back(Range rows, const Convolution<T>& w, Nodes<T>& nodes, const Array<T>& d_state, Memory& memory) {
    T* const d_silu = memory.sums.rows(rows.size(), F);
    multiply<T>({d_state + rows.begin * F, F, F, w.update_t, F, d_silu, F}, rows.size());
    T* const inner = nodes.inner + rows.begin * F;
#pragma omp simd
    for (int64_t k = 0; k < rows.size() * F; ++k) inner[k] = d_silu[k] * silu_slope(inner[k]);
    multiply<T>({inner, F, F, w.message_t, F, nodes.gradient + rows.begin * F, F}, rows.size());
  }

  void atoms_back(Range r, int64_t layer, Memory& memory) {
    const Range rows = line_range(r);
    const Convolution<T>& w = weights.atom[layer].convolution;
    T* const d_nodes = memory.sums.rows(r.size(), 4 * F);
    T* const d_bonds = memory.bonds.rows(rows.size(), F);
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

  void atom_back(int64_t i, Range r, int64_t layer, T* d_node, T* d_bonds, Memory& memory, T* scratch) {
    const Convolution<T>& w = weights.atom[layer].convolution;
    const int64_t begin = g.starts[i], n = g.starts[i + 1] - begin;
    T *const gates = memory.gates.rows(5 * n, F), *const mirrored = gates + n * F, *const d_gates = gates + 2 * n * F;
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
      d_weight[begin + k] += pair_back<false>(atoms[layer], {i, from, i, from}, gates + k * F, mirrored + k * F,
                                              weight[begin + k], d_node, d_node, d_gates + k * F,
                                              d_both + k * 2 * F + F);
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
  void moments_back(int64_t i, Range r, int64_t layer, const T* d_gates, T* d_both, T* scratch) {
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

  void lines_back(Range r, int64_t layer, Memory& memory) {
    const Range rows = line_range(r);
    const Convolution<T>& w = weights.angle[layer].convolution;
    for (int64_t t = rows.begin; t < rows.end; ++t) {
      const int64_t begin = g.triplet_starts[t], n = g.triplet_starts[t + 1] - begin, twin = g.line_reverse[t];
      T *const gates = memory.gates.rows(2 * n, F), *const d_gates = gates + n * F;
      T *const d_target = d_lines + t * 4 * F, *const d_source = d_lines + twin * 4 * F;
      multiply<T>({angular + begin * A, A, A, w.gates, F, gates, F}, n);
      std::fill_n(d_target + F, F, T(0));
      std::fill_n(d_source, F, T(0));
      std::fill_n(d_source + 2 * F, F, T(0));
      std::copy_n(lines[layer].inner + t * F, F, d_target + 3 * F);
      for (int64_t k = 0; k < n; ++k) {
        const int64_t from = g.source[begin + k];
        const T along = pair_back<true>(lines[layer], {t, from, twin, g.line_reverse[from]}, gates + k * F,
                                        gates + k * F, triplet_weight[begin + k], d_target, d_source, d_gates + k * F);
        d_line_weight[t] += along * line_weight[from];
      }
      multiply<T>({d_gates, F, F, w.gates_t, A, d_angular + begin * A, A, nullptr, true}, n);
    }
  }

  struct Pair {
    int64_t target, from;  // an edge from → target
    int64_t source, to;    // its mirror image source → to
  };

  // Derivatives of one edge in its target's b, and of its mirror image in its source's a and v. `d_gate` and the
  // returned derivative in the weight are those of the edge, or of both where TOGETHER.
  template <bool TOGETHER>
  T pair_back(const Nodes<T>& nodes, Pair pair, const T* gate, const T* mirrored, T w, T* d_target, T* d_source,
              T* d_gate, T* d_mirrored = nullptr) const {
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
      if constexpr (!TOGETHER) d_mirrored[f] = d2;
      d_b[f] += d1;
      d_a[f] += d2;
      d_v[f] += w * slope2;
    }
    return along;
  }

  void bonds_back(Range r, int64_t layer, Memory& memory) {
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

  void first_bonds_back(Range rows, Memory& memory) {
    T *const d_own = memory.gates.rows(rows.size(), R), *const inner = z0 + rows.begin * F;
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
  void ends_back(Range r, int64_t layer, Memory& memory) {
    T* const d_ends = memory.sums.rows(r.size(), 2 * F);
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

  const SmoothArguments& a;
  const Graph& g;
  const int64_t F, R, A;
  const bool back;
  const Weights<T> weights;
  Array<T> weight;
  Array<double> weight_slope;
  Array<T> radial, line_weight;
  Array<double> line_slope, unit, cosine;
  Array<T> angular, triplet_weight, x, y, z0, first_ends, ends, hidden;
  Array<T> d_weight, d_radial, d_line_weight, d_angular, d_x, d_y, d_lines;
  std::vector<Nodes<T>> lines, atoms;
  std::vector<Array<T>> z, bond_gates;
  const bool with_moments;
  Moments<T> moments;
};

template <class T>
int64_t evaluate_smooth(const SmoothArguments& arguments) {
  const Graph graph(arguments);
  if (!graph.symmetric) return 1;
  Smooth<T>(arguments, graph).run();
  return 0;
}

}  // namespace alignn
