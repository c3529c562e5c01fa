// A force field as the pair style sees it; each plugin has one way to open its file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "deployed/edge_list.h"

namespace alignn {

// What one layer reads around an atom: each chain of lengths (Å) is a walk over bonds that are shorter.
using Walks = std::vector<std::vector<double>>;

class Network {
 public:
  std::string name, dtype;
  std::vector<std::string> symbols;  // of the elements
  double cutoff = 0, reach = 0;      // Å
  std::vector<Walks> layers;         // from the last one to the first
  bool needs_neighbors = false;      // whether an atom of a periodic box without neighbours has another graph
  double own_image_limit = 0;        // Å; as a row, no image of an atom may be closer to it
  std::vector<double> energies;      // (n_local,) eV
  std::vector<double> gradient;      // (n_edges, 3) eV/Å
  int64_t evaluated = 0;             // Σ over layers of rows, in the last evaluation

  virtual ~Network() = default;

  // Rows beyond `n_local` are atoms of other processes, whose energies do not count. Throws std::exception.
  virtual void evaluate(const std::vector<int64_t>& elements, int64_t n_local, const EdgeList& edges, int64_t threads) = 0;
};

extern const char* const STYLE;                                // name of the pair style
std::unique_ptr<Network> open_network(const std::string& path);  // throws std::exception

}  // namespace alignn
