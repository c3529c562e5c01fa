// A model file of `alignn_smooth`. The numbers: reference and free-atom energies (n_elements each), ends of the repulsion
// (n_elements²), from format 2 on bounds of the readout (n_elements × 4), all float64, and the packed weights in the dtype
// of the file.
#pragma once

#include <string>
#include <vector>

#include "deployed/file_content.h"
#include "smooth/smooth.h"

namespace alignn {

struct ModelFile {
  std::string name;                 // of the model
  std::vector<std::string> symbols;
  std::vector<double> numbers;      // atomic numbers
  SmoothArguments sizes{};
  bool in_float64 = true;           // whether the network runs in float64
  bool repels = false;
  double cutoff = 0, angle_limit = 0, reach = 0, scale = 1;  // angle_limit: edges below it take part in angles
  std::vector<double> reference, free, ends, bounds;  // no bounds: none
  std::vector<double> weights64;
  std::vector<float> weights32;

  // A network in float32 is widened if asked for. Throws std::runtime_error with a sentence.
  explicit ModelFile(FileContent&& content, bool widened = false) {
    read_header(content.header);
    read_numbers(content, widened);
  }

 private:
  void read_header(const HeaderLines& header) {
    const auto whole = [&](const char* key) { return header.whole(key); };
    name = header.text("model"), symbols = header.words("elements"), numbers = header.numbers("atomic_numbers");
    sizes.features = whole("features"), sizes.n_radial = whole("n_radial"), sizes.n_angular = whole("n_angular");
    sizes.n_elements = int64_t(symbols.size());
    sizes.angle_layers = whole("angle_layers"), sizes.atom_layers = whole("atom_layers");
    sizes.exponent = whole("exponent");
    sizes.moment_channels = whole("moment_channels"), sizes.max_moment = whole("max_moment");
    sizes.cutoff = cutoff = header.number("cutoff"), sizes.line_cutoff = header.number("line_cutoff");
    angle_limit = header.number("angle_limit"), reach = header.number("reach"), scale = header.number("scale");
    repels = whole("repels") != 0;
    if (numbers.size() != symbols.size()) header.refuse("has another number of elements than of atomic numbers");
  }

  void read_numbers(FileContent& content, bool widened) {
    const size_t n = symbols.size(), n_weights = size_t(content.header.whole("n_weights"));
    const size_t n_bounds = content.version() > 1 ? 4 * n : 0;
    content.check(2 * n + n * n + n_bounds, n_weights);
    content.take(reference, n), content.take(free, n), content.take(ends, n * n), content.take(bounds, n_bounds);
    in_float64 = !content.narrow || widened;
    if (content.narrow) content.take(weights32, n_weights); else content.take(weights64, n_weights);
    if (content.narrow && widened) weights64.assign(weights32.begin(), weights32.end());
    const int64_t read = in_float64 ? Weights<double>(sizes).count : Weights<float>(sizes).count;
    if (read != int64_t(n_weights)) content.header.refuse("has weights of another network than its header says");
  }
};

}  // namespace alignn
