// Edges as hosts hand them to a network.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace alignn {

// Edges of a symmetric graph, sorted by dst, src, shift: each with its reverse.
struct EdgeList {
  std::vector<int64_t> src, dst;
  std::vector<int32_t> shift;   // (n, 3)
  std::vector<double> vectors;  // (n, 3) Å, from src to dst

  int64_t size() const { return int64_t(src.size()); }
  void clear() { src.clear(), dst.clear(), shift.clear(), vectors.clear(); }
  void add(int64_t from, int64_t to, const int32_t* moved, const double* vector) {
    src.push_back(from), dst.push_back(to);
    shift.insert(shift.end(), moved, moved + 3), vectors.insert(vectors.end(), vector, vector + 3);
  }
  double length(int64_t e) const {
    const double* r = &vectors[3 * e];
    return std::sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2]);
  }
};

}  // namespace alignn
