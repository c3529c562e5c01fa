// How many of the rows matter in each layer, where only the first `n_local` energies count.
//
// A layer evaluates a prefix of the rows: all up to the last one that something later reads. Any order of the rows gives
// right numbers; few rows are evaluated if those that are read early, deep in a halo, come last.
#pragma once

#include <algorithm>
#include <vector>

#include "smooth_graph.h"

namespace alignn {

struct Prefixes {
  std::vector<int64_t> atoms;  // per layer: rows whose state after it is read
  std::vector<int64_t> bonds;  // per layer with angles: rows whose incoming bonds are updated in it
  int64_t evaluated = 0;       // Σ over layers of rows

  Prefixes(const SmoothArguments& a, const Graph& g) : atoms(a.atom_layers), bonds(a.angle_layers) {
    int64_t read = a.n_local;
    for (int64_t layer = a.atom_layers - 1; layer >= 0; --layer) {
      atoms[layer] = read, evaluated += read;
      if (layer < a.angle_layers) {
        bonds[layer] = sources(a, g, read, true);
        read = sources(a, g, bonds[layer], true);
      }
      read = std::max(read, sources(a, g, atoms[layer], false));
    }
    before_ = read;
  }

  // Rows whose state before a layer is read.
  int64_t before(int64_t layer) const { return layer > 0 ? atoms[layer - 1] : before_; }

 private:
  int64_t before_ = 0;

  // The first rows up to the last one that is among `rows` or sends an edge, or a bond with angles, to one of them.
  static int64_t sources(const SmoothArguments& a, const Graph& g, int64_t rows, bool bonds) {
    int64_t last = rows;
    for (int64_t i = 0; i < rows; ++i) {
      if (bonds)
        for (int64_t l = g.line_starts[i]; l < g.line_starts[i + 1]; ++l) last = std::max(last, g.line_src[l] + 1);
      else if (g.starts[i + 1] > g.starts[i])
        last = std::max(last, a.src[g.starts[i + 1] - 1] + 1);  // edges are sorted by source
    }
    return last;
  }
};

}  // namespace alignn
