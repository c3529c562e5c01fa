// Energy and gradient of the strictly smooth model (models/alignn_smooth.py), layer by layer, block of atoms by block:
// the arrays and the order of the work. smooth_forward.h and smooth_backward.h hold the work itself.
//
// Everything that a block of atoms needs is done while it is in cache. What stays of the way forward are
// pre-activations and projections, never anything of size (n_edges, features): gates of edges and triplets are
// recomputed on the way back. Each row is summed by one thread in the order of the edges, so bits do not depend on the
// number of threads.
//
// Where only the first energies count, layers evaluate the rows of smooth_prefixes.h. What the way back reads of other
// rows is zero.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "buffer.h"
#include "guarded.h"
#include "multiply.h"
#include "scalar.h"
#include "smooth.h"
#include "smooth_geometry.h"
#include "smooth_graph.h"
#include "smooth_moments.h"
#include "smooth_prefixes.h"

namespace alignn {

constexpr int64_t BLOCK = 16;  // atoms

// nn/bounds.py: what is below `lower` or above `upper` levels off; value and slope.
struct Bounded {
  double value, slope;
  Bounded(double x, const double* bounds) {
    const double lowest = bounds[0], lower = bounds[1], upper = bounds[2], highest = bounds[3];
    const double end = std::min(std::max(x, lower), upper), width = x < lower ? lower - lowest : highest - upper;
    const double t = std::tanh((x - end) / width);
    value = end + width * t, slope = 1.0 - t * t;
  }
};

// One convolution's arrays, one row a node.
template <class T>
struct Nodes {
  Buffer<T> projections;  // (n, 4F): a, b, v, own
  Buffer<T> inner;        // (n, F): what SiLU reads; its derivative on the way back
  Buffer<T> gradient;     // (n, F): derivative of the gated sum
  Nodes(int64_t n, int64_t F, bool back) : projections(n * 4 * F), inner(n * F), gradient(back ? n * F : 0) {}
};

template <class T>
class Smooth {
 public:
  Smooth(const SmoothArguments& arguments, const Graph& graph)
      : a(arguments), g(graph), F(a.features), R(a.n_radial), A(a.n_angular), back(a.gradient != nullptr), weights(a),
        weight(a.n_edges), weight_slope(a.n_edges), radial(a.n_edges * R), line_weight(a.n_line_nodes),
        line_slope(a.n_line_nodes), unit(a.n_line_nodes * 3), cosine(a.n_triplets), angular(a.n_triplets * A),
        triplet_weight(a.n_triplets), x(a.n_atoms * F), y(a.n_line_nodes * F), z0(a.n_line_nodes * F),
        first_ends(a.n_atoms * 2 * F), ends(a.n_atoms * 2 * F), hidden(a.n_atoms * F), readout_slope(a.n_atoms),
        d_weight(back ? a.n_edges : 0), d_radial(back ? a.n_edges * R : 0), d_line_weight(back ? a.n_line_nodes : 0),
        d_angular(back ? a.n_triplets * A : 0), d_x(back ? a.n_atoms * F : 0), d_y(back ? a.n_line_nodes * F : 0),
        d_lines(back ? a.n_line_nodes * 4 * F : 0), with_moments(a.moment_channels > 0), moments(a, g, weights, back), prefix(a, g) {
    for (int64_t l = 0; l < a.angle_layers; ++l) {
      lines.emplace_back(a.n_line_nodes, F, back);
      z.emplace_back(a.n_line_nodes * F);
    }
    for (int64_t l = 0; l < a.atom_layers; ++l) {
      atoms.emplace_back(a.n_atoms, F, back);
      bond_gates.emplace_back(a.n_line_nodes * F);
    }
    clear_rows_left_out();
    if (a.evaluated != nullptr) *a.evaluated = prefix.evaluated;
  }

  void run() {
    const int threads = int(std::max<int64_t>(1, std::min<int64_t>(a.threads, n_blocks(a.n_atoms))));
    Caught caught;
#pragma omp parallel num_threads(threads)
    {
      Memory memory;
      auto blocks = [&](int64_t rows, auto work) {
#pragma omp for schedule(dynamic, 1)
        for (int64_t block = 0; block < n_blocks(rows); ++block)
          caught.run([&] { work(Range{block * BLOCK, std::min(rows, (block + 1) * BLOCK)}, memory); });
      };
      blocks(a.n_atoms, [this](Range r, Memory&) { measure_edges(r), embed(r); });
      blocks(a.n_atoms, [this](Range r, Memory& m) { measure_angles(r), first_bonds(r, m); });
      for (int64_t layer = 0; layer < a.atom_layers; ++layer) {
        if (layer < a.angle_layers) {
          blocks(prefix.bonds[layer], [=](Range r, Memory&) { update_bonds(r, layer); });
          blocks(prefix.atoms[layer], [=](Range r, Memory& m) { convolve_lines(r, layer, m); });
        }
        blocks(prefix.atoms[layer], [=](Range r, Memory& m) { convolve_atoms(r, layer, m); });
      }
      if (back) {
        blocks(a.n_local, [this](Range r, Memory& m) { readout_back(r, m); });
        for (int64_t layer = a.atom_layers - 1; layer >= 0; --layer) {
          const int64_t before = prefix.before(layer);
          blocks(before, [=](Range r, Memory& m) { atoms_back(r, layer, m); });
          if (layer < a.angle_layers) {
            blocks(before, [=](Range r, Memory& m) { lines_back(r, layer, m); });
            blocks(prefix.bonds[layer], [=](Range r, Memory& m) { bonds_back(r, layer, m); });
            if (layer > 0) blocks(before, [=](Range r, Memory& m) { ends_back(r, layer, m); });
          }
        }
        blocks(a.n_atoms, [this](Range r, Memory&) { geometry_back(r); });
      }
    }
    caught.rethrow();
  }

 private:
  struct Range {
    int64_t begin, end;  // atoms
    int64_t size() const { return end - begin; }
  };
  struct Memory {  // of one thread
    Buffer<T> sums, gates, bonds, moments;
  };

  static int64_t n_blocks(int64_t rows) { return (rows + BLOCK - 1) / BLOCK; }

  // Rows, or bonds into rows, from `first` on: `width` zeros each.
  void clear(const Buffer<T>& of, int64_t width, int64_t first) const {
    std::fill_n(of + first * width, (a.n_atoms - first) * width, T(0));
  }
  void clear_bonds(const Buffer<T>& of, int64_t width, int64_t first) const {
    const int64_t l = g.line_starts[first];
    std::fill_n(of + l * width, (a.n_line_nodes - l) * width, T(0));
  }

  void clear_rows_left_out() const {
    if (!back || a.n_local == a.n_atoms) return;
    clear(d_x, F, a.n_local);
    for (int64_t layer = 0; layer < a.atom_layers; ++layer) {
      const int64_t left = prefix.atoms[layer];
      if (layer > 0) clear(atoms[layer].projections, 4 * F, prefix.before(layer));
      clear(atoms[layer].inner, F, left), clear(atoms[layer].gradient, F, left);
      clear_bonds(bond_gates[layer], F, left);
      if (with_moments) moments.clear_rows_left_out(layer, left, prefix.before(layer));
      if (layer >= a.angle_layers) continue;
      clear_bonds(z[layer], F, prefix.bonds[layer]), clear_bonds(lines[layer].projections, 4 * F, prefix.bonds[layer]);
      clear_bonds(lines[layer].inner, F, left), clear_bonds(lines[layer].gradient, F, left);
    }
  }

  Range line_range(Range r) const { return {g.line_starts[r.begin], g.line_starts[r.end]}; }

  // Forward.
  void measure_edges(Range r);
  void measure_angles(Range r);
  static int lanes_left(int64_t first, int64_t end) { return int(std::min<int64_t>(LANES, end - first)); }
  void embed(Range r);
  void prepare_layer(Range r, int64_t layer);
  void project(Range r, const Buffer<T>& from, const Convolution<T>& c, const Buffer<T>& to);
  void project_ends(Range r, const T* source, const T* target, const Buffer<T>& to);
  void first_bonds(Range r, Memory& memory);
  void add_ends(int64_t l, const Buffer<T>& of, T* row) const;
  void update_bonds(Range r, int64_t layer);
  void convolve_lines(Range r, int64_t layer, Memory& memory);
  void convolve_atoms(Range r, int64_t layer, Memory& memory);
  void add_moments(Range r, int64_t layer, Memory& memory);
  T* moment_scratch(Range r, Memory& memory) const;
  void add_bond_gate(int64_t l, int64_t layer, T* gate) const;
  template <class Source>
  void gated_sum(const Buffer<T>& projections, int64_t target, int64_t n, const T* gates, const T* w, T* sum,
                 Source source) const;
  void begin_inner(Range rows, Nodes<T>& nodes) const;
  void finish(Range rows, const Convolution<T>& w, Nodes<T>& nodes, T* sums, const Buffer<T>& state);

  // Backward; d_… are derivatives of Σ_i local_i.
  struct Pair {
    int64_t target, from;  // an edge from → target
    int64_t source, to;    // its mirror image source → to
  };
  void geometry_back(Range r);
  void turn(int64_t t, double* across) const;
  void readout_back(Range r, Memory& memory);
  void state_back(Range r, int64_t layer, Memory& memory);
  void finish_back(Range rows, const Convolution<T>& w, Nodes<T>& nodes, const Buffer<T>& d_state, Memory& memory);
  void atoms_back(Range r, int64_t layer, Memory& memory);
  void atom_back(int64_t i, Range r, int64_t layer, T* d_node, T* d_bonds, Memory& memory, T* scratch);
  void moments_back(int64_t i, Range r, int64_t layer, const T* d_gates, T* d_both, T* scratch);
  void lines_back(Range r, int64_t layer, Memory& memory);
  template <bool TOGETHER, bool MIRROR>
  T pair_back(const Nodes<T>& nodes, Pair pair, const T* gate, const T* mirrored, T w, T* d_target, T* d_source,
              T* d_gate, T* d_mirrored = nullptr) const;
  void bonds_back(Range r, int64_t layer, Memory& memory);
  void first_bonds_back(Range rows, Memory& memory);
  void ends_back(Range r, int64_t layer, Memory& memory);

  const SmoothArguments& a;
  const Graph& g;
  const int64_t F, R, A;
  const bool back;
  const Weights<T> weights;
  Buffer<T> weight;
  Buffer<double> weight_slope;
  Buffer<T> radial, line_weight;
  Buffer<double> line_slope, unit, cosine;
  Buffer<T> angular, triplet_weight, x, y, z0, first_ends, ends, hidden;
  Buffer<T> readout_slope;  // (n,): of the bounds, 1 between them
  Buffer<T> d_weight, d_radial, d_line_weight, d_angular, d_x, d_y, d_lines;
  std::vector<Nodes<T>> lines, atoms;
  std::vector<Buffer<T>> z, bond_gates;
  const bool with_moments;
  Moments<T> moments;
  const Prefixes prefix;
};

}  // namespace alignn
