// Edges of both graphs in the order of the kernels (execution/published/topology.py), and the cosines of angles.
//
// Rows beyond `n_local` are atoms of other processes. A layer has the first rows only, all up to the last one that
// something later reads; few are evaluated if those that are read early, deep in a halo, come last.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "deployed/edge_list.h"
#include "deployed/published/published_file.h"

namespace alignn {

struct Topology {
  int64_t n_nodes = 0, n_groups = 0;
  std::vector<int64_t> members, lone, targets, starts, groups, sources, entering, leaving, leaving_starts;
  std::vector<int64_t> first, second;  // of angles: edges i→j and j→k

  int64_t n_edges() const { return int64_t(sources.size()); }
};

class PublishedGraph {
 public:
  std::vector<int64_t> atoms, edges_read;  // (n_layers + 1,) rows before each layer and after the last; in each layer, and 0
  std::vector<double> length, unit;        // (n_edges,) Å; (n_edges, 3)
  std::vector<double> cosines;             // of the angles of the first layer

  void find(const PublishedFile& file, int64_t n_local, const EdgeList& edges, const std::vector<int64_t>& starts) {
    measure(edges);
    find_rows(file.bond_layers, n_local, edges, starts);
    bonds_.clear(), lines_.clear(), bonds_of.clear(), lines_of.clear();
    for (int64_t layer = 0; layer < file.bond_layers; ++layer) {
      if (layer == 0 || atoms[layer] != atoms[layer - 1] || atoms[layer + 1] != atoms[layer])
        bonds_.push_back(join_atoms(layer, edges, starts));
      bonds_of.push_back(bonds_.size() - 1);
    }
    for (int64_t layer = 0; layer < file.angle_layers; ++layer) {
      if (layer == 0 || edges_read[layer] != edges_read[layer - 1] || edges_read[layer + 1] != edges_read[layer])
        lines_.push_back(join_bonds(file, layer, edges));
      lines_of.push_back(lines_.size() - 1);
    }
    find_cosines();
  }

  const Topology& bonds(int64_t layer) const { return bonds_[bonds_of[layer]]; }
  const Topology& line(int64_t layer) const { return lines_[lines_of[layer]]; }
  int64_t evaluated() const { return std::accumulate(atoms.begin() + 1, atoms.end(), int64_t(0)); }

 private:
  std::vector<Topology> bonds_, lines_;  // those of layers that have others than the layer before
  std::vector<size_t> bonds_of, lines_of;

  static void to_starts(std::vector<int64_t>& counts) {  // counts[i + 1] holds those of i
    for (size_t i = 1; i < counts.size(); ++i) counts[i] += counts[i - 1];
  }

  void measure(const EdgeList& edges) {
    length.resize(edges.size()), unit.resize(3 * edges.size());
    for (int64_t e = 0; e < edges.size(); ++e) {
      length[e] = edges.length(e);
      for (int k = 0; k < 3; ++k) unit[3 * e + k] = edges.vectors[3 * e + k] / length[e];
    }
  }

  void find_rows(int64_t n_layers, int64_t n_local, const EdgeList& edges, const std::vector<int64_t>& starts) {
    atoms.assign(n_layers + 1, n_local), edges_read.assign(n_layers + 1, 0);
    for (int64_t layer = n_layers - 1; layer >= 0; --layer) {
      const int64_t n = edges_read[layer] = starts[atoms[layer + 1]];
      atoms[layer] = atoms[layer + 1];
      for (int64_t e = 0; e < n; ++e) atoms[layer] = std::max(atoms[layer], edges.src[e] + 1);
    }
  }

  Topology join_atoms(int64_t layer, const EdgeList& edges, const std::vector<int64_t>& starts) const {
    const int64_t n = atoms[layer], n_edges = edges_read[layer];
    Topology t;
    t.n_nodes = n, t.n_groups = atoms[layer + 1];
    t.targets.resize(n), t.groups.resize(n + 1), t.leaving.resize(n_edges), t.leaving_starts.assign(n + 1, 0);
    std::iota(t.targets.begin(), t.targets.end(), 0), std::iota(t.groups.begin(), t.groups.end(), 0);
    std::iota(t.leaving.begin(), t.leaving.end(), 0);
    t.members = t.targets, t.sources.assign(edges.src.begin(), edges.src.begin() + n_edges);
    t.starts.assign(starts.begin(), starts.begin() + t.n_groups + 1);
    std::stable_sort(t.leaving.begin(), t.leaving.end(), [&](int64_t a, int64_t b) { return edges.src[a] < edges.src[b]; });
    for (const int64_t source : t.sources) ++t.leaving_starts[source + 1];
    to_starts(t.leaving_starts);
    return t;
  }

  // Angles whose second edge is read after the layer, grouped by the atom at the corner.
  Topology join_bonds(const PublishedFile& file, int64_t layer, const EdgeList& edges) const {
    const int64_t n_atoms = atoms[layer + 1], n_read = edges_read[layer], n_after = edges_read[layer + 1];
    Topology t;
    t.n_nodes = n_read, t.n_groups = n_atoms;
    t.entering.assign(n_atoms + 1, 0), t.groups.assign(n_atoms + 1, 0);
    for (int64_t e = 0; e < n_read; ++e) {
      const bool joins = length[e] < file.angle_limit;
      if (joins) t.members.push_back(e), ++t.entering[edges.dst[e] + 1];
      if (e >= n_after) continue;
      if (joins) t.targets.push_back(int64_t(t.members.size()) - 1), ++t.groups[edges.src[e] + 1];
      else t.lone.push_back(e);
    }
    to_starts(t.entering), to_starts(t.groups);
    const auto corner = [&](int64_t member) { return edges.src[t.members[member]]; };
    std::stable_sort(t.targets.begin(), t.targets.end(), [&](int64_t a, int64_t b) { return corner(a) < corner(b); });
    t.starts.assign(1, 0);
    for (const int64_t target : t.targets) {
      for (int64_t m = t.entering[corner(target)]; m < t.entering[corner(target) + 1]; ++m)
        join(file, edges, m, t.members[target], t);
      t.starts.push_back(t.n_edges());
    }
    return t;
  }

  static void join(const PublishedFile& file, const EdgeList& edges, int64_t member, int64_t to, Topology& t) {
    const int64_t from = t.members[member];
    const int32_t *a = &edges.shift[3 * from], *b = &edges.shift[3 * to];
    const bool returns = edges.src[from] == edges.dst[to] && a[0] == -b[0] && a[1] == -b[1] && a[2] == -b[2];
    if ((returns && !file.back_tracking) || (from == to && !file.own_image_angles)) return;
    t.sources.push_back(member), t.first.push_back(from), t.second.push_back(to);
  }

  void find_cosines() {
    cosines.assign(lines_.empty() ? 0 : line(0).n_edges(), 0.0);
    for (size_t t = 0; t < cosines.size(); ++t) {
      const double *a = &unit[3 * line(0).first[t]], *b = &unit[3 * line(0).second[t]];
      cosines[t] = -(a[0] * b[0] + a[1] * b[1] + a[2] * b[2]);
    }
  }
};

}  // namespace alignn
