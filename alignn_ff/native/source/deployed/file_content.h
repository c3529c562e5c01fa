// A file of the target `lammps` (export/lammps/file.py writes it): a header of lines "key value", the word "data",
// little-endian numbers, and a record of the comparison, which is not read here.
#pragma once

#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "deployed/header_lines.h"
#include "deployed/sha256.h"

namespace alignn {

class FileContent {
  inline static const std::string FORMAT = "alignn-ff lammps\n";
  std::string content_;
  size_t at_ = 0;

 public:
  const HeaderLines header;
  bool narrow = false;  // whether the weights are in float32

  // Throws std::runtime_error with a sentence.
  explicit FileContent(const std::string& path) : content_(read(path)), header(path, head(path)) {
    const std::string written = header.text("format_version");
    if (written != "1" && written != "2")
      header.refuse("has format version " + written + ", and this program reads 1 and 2");
    const std::string& dtype = header.text("dtype");
    if (dtype != "float32" && dtype != "float64") header.refuse("has the unknown dtype " + dtype);
    narrow = dtype == "float32";
  }

  int version() const { return int(header.whole("format_version")); }

  // Files of alignn_smooth do not name their kind.
  bool is_published() const { return header.has("kind") && header.text("kind") == "published"; }

  // All numbers must be there and have the SHA-256 of the header: `n` in float64, then `n_weights` in the dtype.
  void check(size_t n, size_t n_weights) {
    const size_t bytes = 8 * n + (narrow ? 4 : 8) * n_weights;
    if (content_.size() < at_ + bytes) header.refuse("is cut off");
    if (sha256(reinterpret_cast<const unsigned char*>(content_.data() + at_), bytes) != header.text("sha256"))
      header.refuse("is damaged: its numbers do not have the SHA-256 of its header");
  }

  // The next numbers.
  template <class T>
  void take(std::vector<T>& values, size_t count) {
    values.resize(count);
    if (count > 0) std::memcpy(values.data(), content_.data() + at_, count * sizeof(T));
    at_ += count * sizeof(T);
  }

 private:
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot open the model file " + path);
    return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }

  std::string head(const std::string& path) {
    const size_t data = content_.find("\ndata\n");
    if (content_.compare(0, FORMAT.size(), FORMAT) != 0 || data == std::string::npos)
      throw std::runtime_error("the model file " + path + " is not a file of `alignn-ff export --to lammps`");
    at_ = data + 6;
    return content_.substr(0, data + 1);
  }
};

}  // namespace alignn
