// A model file of the target `lammps` (export/lammps/file.py writes it): a header of lines "key value", the word "data",
// little-endian numbers, and a record of the comparison, which is not read here.
//
// The numbers: reference and free-atom energies (n_elements each), ends of the repulsion (n_elements²), all float64, and
// the packed weights in the dtype of the file.
#pragma once

#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "deployed/header_lines.h"
#include "deployed/sha256.h"
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
  std::vector<double> reference, free, ends;
  std::vector<double> weights64;
  std::vector<float> weights32;

  // Reads a file; a network in float32 is widened if asked for. Throws std::runtime_error with a sentence.
  explicit ModelFile(const std::string& path, bool widened = false) : path_(path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot open the model file " + path);
    std::string content((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const size_t data = content.find("\ndata\n");
    if (content.compare(0, FORMAT.size(), FORMAT) != 0 || data == std::string::npos)
      refuse("is not a file of `alignn-ff export --to lammps`");
    const HeaderLines header(path, content.substr(0, data + 1));
    const std::string version = header.text("format_version");
    if (version != "1") refuse("has format version " + version + ", and this program reads 1");
    read_header(header);
    read_numbers(header, content, data + 6, widened);
  }

 private:
  inline static const std::string FORMAT = "alignn-ff lammps\n";
  std::string path_;

  [[noreturn]] void refuse(const std::string& reason) const {
    throw std::runtime_error("the model file " + path_ + " " + reason);
  }

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
    if (numbers.size() != symbols.size()) refuse("has another number of elements than of atomic numbers");
  }

  void read_numbers(const HeaderLines& header, const std::string& content, size_t begin, bool widened) {
    const size_t n = symbols.size(), n_weights = size_t(header.whole("n_weights"));
    const std::string& dtype = header.text("dtype");
    if (dtype != "float32" && dtype != "float64") refuse("has the unknown dtype " + dtype);
    const bool narrow = dtype == "float32";
    const size_t bytes = 8 * (2 * n + n * n) + (narrow ? 4 : 8) * n_weights;
    if (content.size() < begin + bytes) refuse("is cut off");
    const char* at = content.data() + begin;
    if (sha256(reinterpret_cast<const unsigned char*>(at), bytes) != header.text("sha256"))
      refuse("is damaged: its numbers do not have the SHA-256 of its header");
    auto take = [&](auto& values, size_t count) {
      values.resize(count);
      if (count > 0) std::memcpy(values.data(), at, count * sizeof(values[0]));
      at += count * sizeof(values[0]);
    };
    take(reference, n), take(free, n), take(ends, n * n);
    in_float64 = !narrow || widened;
    if (narrow) take(weights32, n_weights); else take(weights64, n_weights);
    if (narrow && widened) weights64.assign(weights32.begin(), weights32.end());
    const int64_t read = in_float64 ? Weights<double>(sizes).count : Weights<float>(sizes).count;
    if (read != int64_t(n_weights)) refuse("has weights of another network than its header says");
  }
};

}  // namespace alignn
