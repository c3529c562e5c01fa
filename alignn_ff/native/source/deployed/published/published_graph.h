// Edges of both graphs in the order of the kernels (execution/published/topology.py), and the cosines of angles.
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

  int64_t n_edges() const { return int64_t(sources.size()); }
};

class PublishedGraph {
 public:
  Topology bonds, line;
  std::vector<double> length, unit;          // (n_edges,) Å; (n_edges, 3)
  std::vector<int64_t> first, second;        // (n_triplets,) edges i→j and j→k
  std::vector<double> cosines;               // (n_triplets,)

  void find(const PublishedFile& file, int64_t n_atoms, const EdgeList& edges) {
    measure(edges);
    join_atoms(n_atoms, edges);
    join_bonds(file, n_atoms, edges);
    cosines.resize(first.size());
    for (size_t t = 0; t < first.size(); ++t) {
      const double *a = &unit[3 * first[t]], *b = &unit[3 * second[t]];
      cosines[t] = -(a[0] * b[0] + a[1] * b[1] + a[2] * b[2]);
    }
  }

 private:
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

  void join_atoms(int64_t n, const EdgeList& edges) {
    bonds.n_nodes = bonds.n_groups = n;
    bonds.targets.resize(n), bonds.groups.resize(n + 1), bonds.leaving.resize(edges.size());
    std::iota(bonds.targets.begin(), bonds.targets.end(), 0), std::iota(bonds.groups.begin(), bonds.groups.end(), 0);
    std::iota(bonds.leaving.begin(), bonds.leaving.end(), 0);
    bonds.members = bonds.targets, bonds.sources = edges.src;
    std::stable_sort(bonds.leaving.begin(), bonds.leaving.end(),
                     [&](int64_t a, int64_t b) { return edges.src[a] < edges.src[b]; });
    bonds.starts.assign(n + 1, 0), bonds.leaving_starts.assign(n + 1, 0);
    for (int64_t e = 0; e < edges.size(); ++e) ++bonds.starts[edges.dst[e] + 1], ++bonds.leaving_starts[edges.src[e] + 1];
    to_starts(bonds.starts), to_starts(bonds.leaving_starts);
  }

  void join_bonds(const PublishedFile& file, int64_t n_atoms, const EdgeList& edges) {
    line.n_nodes = edges.size(), line.n_groups = n_atoms;
    line.members.clear(), line.lone.clear(), line.sources.clear(), first.clear(), second.clear();
    line.entering.assign(n_atoms + 1, 0), line.groups.assign(n_atoms + 1, 0);
    for (int64_t e = 0; e < edges.size(); ++e) {
      const bool joins = length[e] < file.angle_limit;
      (joins ? line.members : line.lone).push_back(e);
      if (joins) ++line.entering[edges.dst[e] + 1], ++line.groups[edges.src[e] + 1];
    }
    to_starts(line.entering), to_starts(line.groups);
    const auto corner = [&](int64_t member) { return edges.src[line.members[member]]; };
    line.targets.resize(line.members.size());
    std::iota(line.targets.begin(), line.targets.end(), 0);
    std::stable_sort(line.targets.begin(), line.targets.end(), [&](int64_t a, int64_t b) { return corner(a) < corner(b); });
    line.starts.assign(1, 0);
    for (const int64_t target : line.targets) {
      for (int64_t m = line.entering[corner(target)]; m < line.entering[corner(target) + 1]; ++m)
        join(file, edges, m, line.members[target]);
      line.starts.push_back(line.n_edges());
    }
  }

  void join(const PublishedFile& file, const EdgeList& edges, int64_t member, int64_t to) {
    const int64_t from = line.members[member];
    const int32_t *a = &edges.shift[3 * from], *b = &edges.shift[3 * to];
    const bool returns = edges.src[from] == edges.dst[to] && a[0] == -b[0] && a[1] == -b[1] && a[2] == -b[2];
    if ((returns && !file.back_tracking) || (from == to && !file.own_image_angles)) return;
    line.sources.push_back(member), first.push_back(from), second.push_back(to);
  }
};

}  // namespace alignn
