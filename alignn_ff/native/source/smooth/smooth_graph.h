// Bond graph and line graph as the kernels walk them: by target, with each edge's reverse.
#pragma once

#include "smooth.h"

namespace alignn {

// With r_rev = −r, an edge and its reverse have one length, and the triplets (s → t) and (rev t → rev s) one angle.
// What belongs to a source is summed over the reverses of its incoming edges: no thread writes another's rows.
struct Graph {
  Buffer<int64_t> starts;          // (n_atoms + 1,) where the edges into each atom begin
  Buffer<int64_t> line_starts;     // (n_atoms + 1,) likewise for line nodes
  Buffer<int64_t> triplet_starts;  // (n_line_nodes + 1,) where the triplets into each line node begin
  Buffer<int64_t> reverse;         // (n_edges,) the edge back
  Buffer<int64_t> line_of;         // (n_edges,) its line node, −1 if it has none
  Buffer<int64_t> line_src;        // (n_line_nodes,) atom that a line node starts from
  Buffer<int64_t> line_reverse;    // (n_line_nodes,)
  Buffer<int64_t> source;          // (n_triplets,) line node that a triplet comes from
  bool symmetric = true;

  explicit Graph(const SmoothArguments& a)
      : starts(a.n_atoms + 1), line_starts(a.n_atoms + 1), triplet_starts(a.n_line_nodes + 1), reverse(a.n_edges),
        line_of(a.n_edges), line_src(a.n_line_nodes), line_reverse(a.n_line_nodes), source(a.n_triplets) {
    count(a.dst, a.n_edges, a.n_atoms, starts);
    for (int64_t e = 0; e < a.n_edges; ++e) line_of[e] = -1;
    for (int64_t i = 0; i <= a.n_atoms; ++i) line_starts[i] = 0;
    for (int64_t l = 0; l < a.n_line_nodes; ++l) {
      const int64_t e = a.line_nodes[l];
      line_of[e] = l, line_src[l] = a.src[e];
      ++line_starts[a.dst[e] + 1];
    }
    for (int64_t i = 0; i < a.n_atoms; ++i) line_starts[i + 1] += line_starts[i];
    bool found = true;
#pragma omp parallel for schedule(static) num_threads(int(a.threads)) reduction(&& : found)
    for (int64_t e = 0; e < a.n_edges; ++e) found = (reverse[e] = find_reverse(a, e)) >= 0 && found;
    for (int64_t l = 0; found && l < a.n_line_nodes; ++l)
      found = (line_reverse[l] = line_of[reverse[a.line_nodes[l]]]) >= 0;
    symmetric = found;
    for (int64_t l = 0; l <= a.n_line_nodes; ++l) triplet_starts[l] = 0;
    for (int64_t q = 0; q < a.n_triplets; ++q) {
      source[q] = line_of[a.line_src[q]];
      ++triplet_starts[line_of[a.line_dst[q]] + 1];
    }
    for (int64_t l = 0; l < a.n_line_nodes; ++l) triplet_starts[l + 1] += triplet_starts[l];
  }

 private:
  static void count(const int64_t* index, int64_t n, int64_t n_segments, const Buffer<int64_t>& starts) {
    for (int64_t i = 0; i <= n_segments; ++i) starts[i] = 0;
    for (int64_t k = 0; k < n; ++k) ++starts[index[k] + 1];
    for (int64_t i = 0; i < n_segments; ++i) starts[i + 1] += starts[i];
  }

  int64_t find_reverse(const SmoothArguments& a, int64_t e) const {
    const int64_t from = a.src[e], to = a.dst[e], end = starts[from + 1];
    const int32_t* const s = a.shift + 3 * e;
    int64_t low = starts[from], high = end;
    while (low < high) {  // first edge into `from` that comes from `to`
      const int64_t middle = low + (high - low) / 2;
      if (a.src[middle] < to) low = middle + 1; else high = middle;
    }
    for (; low < end && a.src[low] == to; ++low) {
      const int32_t* const t = a.shift + 3 * low;
      if (s[0] == -t[0] && s[1] == -t[1] && s[2] == -t[2]) return low;
    }
    return -1;
  }
};

}  // namespace alignn
