// pair_style alignn and alignn/torch: force fields of the package in LAMMPS, on the network of their plugin.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lammps/pair.h"
#include "network.h"
#include "rows.h"

namespace LAMMPS_NS {

class PairAlignn : public Pair {
 public:
  explicit PairAlignn(LAMMPS*);
  ~PairAlignn() override;
  void settings(int, char**) override;
  void coeff(int, char**) override;
  void init_style() override;
  double init_one(int, int) override;
  void compute(int, int) override;
  double memory_usage() override;

 private:
  std::unique_ptr<alignn::Network> network;
  std::string style = std::string("pair_style ") + alignn::STYLE;
  alignn::Rows rows;
  std::vector<int> element_of_type;
  std::vector<int64_t> tags;
  bool ghosts_wanted = false, with_ghosts = false;

  void allocate();
  void match_types(char** words);
  alignn::Atoms atoms_now();
  void add_edge(int64_t edge);
};

}  // namespace LAMMPS_NS
