// Bond lengths as a published network reads them: shaped by an envelope, or their embedding weighted by it
// (models/published/atomwise.py).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "deployed/published/published_file.h"
#include "deployed/repulsion.h"

namespace alignn {

struct PublishedLengths {
  std::vector<Slope> read, weight;  // (n_edges,) what is embedded, Å, and the weight of the embedding; slopes in the length

  void shape(const PublishedFile& file, const std::vector<double>& length) {
    read.resize(length.size()), weight.assign(length.size(), {1.0, 0.0});
    for (size_t e = 0; e < length.size(); ++e) {
      read[e] = {length[e], 1.0};
      if (!file.shapes_bonds) continue;
      const Slope u = of(file, length[e]);
      if (file.multiplies) weight[e] = u;
      else if (file.falls_from_0) read[e] = u;
      else read[e] = {length[e] * u.value, u.value + length[e] * u.slope};
    }
  }

 private:
  static Slope of(const PublishedFile& file, double r) {
    const double begin = file.falls_from_0 ? 0.0 : file.inner_cutoff;
    const double range = file.falls_from_0 ? file.inner_cutoff : file.graph_cutoff - file.inner_cutoff;
    const Slope u = envelope(std::max(r - begin, 0.0) / range, file.exponent);
    return {u.value, r > begin ? u.slope / range : 0.0};
  }
};

}  // namespace alignn
