// A model file of a published force field (export/lammps/published.py writes it). The numbers: reference energies
// (n_elements) in float64, and the weights in the dtype of the file.
#pragma once

#include <string>
#include <vector>

#include "deployed/file_content.h"

namespace alignn {

struct PublishedFile {
  struct Pieces {  // of a table
    double low, step;
    int64_t n;
  };

  std::string name;  // of the model
  std::vector<std::string> symbols;
  std::vector<double> numbers;  // atomic numbers
  int64_t width = 0, inner = 0, n_basis = 0, bond_layers = 0, angle_layers = 0;
  double cutoff = 0, angle_limit = 0, reach = 0, scale = 1, gamma = 0, eps = 0;
  double penalty_factor = 0, penalty_threshold = 0, own_image_limit = 0;
  double graph_cutoff = 0;  // of the model; its own network may read shorter bonds only, up to `cutoff`
  double inner_cutoff = 0, exponent = 0, zbl_end = 0;
  bool shapes_bonds = false, multiplies = false, falls_from_0 = false, penalty_reads_envelope = false;
  bool back_tracking = false, own_image_angles = true, needs_neighbors = false;
  Pieces states{}, gates{};
  bool in_float64 = true;  // whether the network runs in float64
  std::vector<double> reference;
  std::vector<double> weights64;
  std::vector<float> weights32;

  // A network in float32 is widened if asked for. Throws std::runtime_error with a sentence.
  explicit PublishedFile(FileContent&& content, bool widened = false) {
    read_header(content.header);
    const size_t n = symbols.size(), n_weights = size_t(content.header.whole("n_weights"));
    content.check(n, n_weights);
    content.take(reference, n);
    in_float64 = !content.narrow || widened;
    if (content.narrow) content.take(weights32, n_weights); else content.take(weights64, n_weights);
    if (content.narrow && widened) weights64.assign(weights32.begin(), weights32.end());
  }

 private:
  void read_header(const HeaderLines& header) {
    const auto whole = [&](const char* key) { return header.whole(key); };
    const auto number = [&](const char* key) { return header.number(key); };
    name = header.text("model"), symbols = header.words("elements"), numbers = header.numbers("atomic_numbers");
    width = whole("width"), inner = whole("inner"), n_basis = whole("n_basis");
    bond_layers = whole("bond_layers"), angle_layers = whole("angle_layers");
    cutoff = number("cutoff"), angle_limit = number("angle_limit"), reach = number("reach"), scale = number("scale");
    gamma = number("gamma"), eps = number("eps");
    penalty_factor = number("penalty_factor"), penalty_threshold = number("penalty_threshold");
    own_image_limit = number("own_image_limit"), graph_cutoff = number("graph_cutoff");
    inner_cutoff = number("inner_cutoff"), exponent = number("exponent"), zbl_end = number("zbl_end");
    shapes_bonds = whole("shapes_bonds") != 0, multiplies = whole("multiplies") != 0;
    falls_from_0 = whole("falls_from_0") != 0, penalty_reads_envelope = whole("penalty_reads_envelope") != 0;
    back_tracking = whole("back_tracking") != 0, own_image_angles = whole("own_image_angles") != 0;
    needs_neighbors = whole("needs_neighbors") != 0;
    states = {number("states_low"), number("states_step"), whole("states_pieces")};
    gates = {number("gates_low"), number("gates_step"), whole("gates_pieces")};
    if (numbers.size() != symbols.size()) header.refuse("has another number of elements than of atomic numbers");
  }
};

}  // namespace alignn
