// pair_style alignn: a force field of the family alignn_smooth in LAMMPS, on the package's C++ kernels.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "deployed/evaluator.h"
#include "lammps/pair.h"
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
  std::unique_ptr<alignn::Evaluator> evaluator;
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
