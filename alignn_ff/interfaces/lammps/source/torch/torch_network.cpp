// pair_style alignn/torch: files of `alignn-ff export --to lammps-torch`, on libtorch.
#include "network.h"

#include <ATen/Parallel.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "deployed/header_lines.h"

namespace alignn {

class TorchNetwork : public Network {
 public:
  explicit TorchNetwork(const std::string& path) {
    torch::jit::ExtraFilesMap extra{{ENTRY, ""}};
    try {
      module = torch::jit::load(path, c10::Device(c10::kCPU), extra);
    } catch (const c10::Error&) {
      throw std::runtime_error("cannot read " + path + " as a TorchScript file");
    }
    const HeaderLines header(path, extra[ENTRY]);
    if (extra[ENTRY].empty()) header.refuse("is not a file of this version of `alignn-ff export --to lammps-torch`");
    if (header.text("format_version") != "1") header.refuse("has format version " + header.text("format_version"));
    if (header.text("refusal") != "none") header.refuse("cannot run in LAMMPS: " + header.text("refusal"));
    name = header.text("model"), dtype = header.text("dtype"), symbols = header.words("elements");
    for (double z : header.numbers("atomic_numbers")) numbers.push_back(int64_t(z));
    cutoff = header.number("cutoff"), reach = header.number("reach"), needs_neighbors = header.whole("needs_neighbors") != 0;
    own_image_limit = header.number("own_image_limit");
    for (const std::string& layer : header.words("walks")) {
      layers.emplace_back();
      for (const std::string& walk : split(layer, '/')) {
        layers.back().emplace_back();
        for (const std::string& length : split(walk, '+')) layers.back().back().push_back(std::stod(length));
      }
    }
    torch::jit::setGraphExecutorOptimize(false);  // else each new number of edges is compiled again
  }

  void evaluate(const std::vector<int64_t>& elements, int64_t n_local, const EdgeList& edges, int64_t threads) override {
    energies.assign(n_local, 0.0), gradient.assign(3 * edges.size(), 0.0);
    evaluated = int64_t(layers.size() * elements.size());
    if (n_local == 0) return;
    for (int64_t e = 0; e < edges.size(); ++e)
      if (edges.length(e) < CLOSEST) throw std::runtime_error("two atoms are at one place (closer than 0.001 Å)");
    if (at::get_num_threads() != int(threads)) at::set_num_threads(int(threads));
    at::AutoGradMode with_derivatives(true);
    std::vector<int64_t> z;
    for (int64_t element : elements) z.push_back(numbers[element]);
    const int64_t n = edges.size();
    std::vector<c10::IValue> inputs{view(edges.vectors, {n, 3}, at::kDouble), view(z, {int64_t(z.size())}, at::kLong),
                                    view(edges.src, {n}, at::kLong),          view(edges.dst, {n}, at::kLong),
                                    view(edges.shift, {n, 3}, at::kInt),      n_local};
    const auto found = module.get_method("energy_and_edge_gradient")(inputs).toTuple();
    copy(found->elements()[0].toTensor(), energies), copy(found->elements()[1].toTensor(), gradient);
    const auto rows = module.find_method("layer_rows");  // older files have none, and evaluate all rows in every layer
    if (!rows) return;
    evaluated = 0;
    for (int64_t n : (*rows)({inputs[0], inputs[2], inputs[3], n_local, int64_t(z.size())}).toIntVector()) evaluated += n;
  }

 private:
  inline static const std::string ENTRY = "alignn_ff_host.txt";
  static constexpr double CLOSEST = 1e-3;
  torch::jit::Module module;
  std::vector<int64_t> numbers;  // atomic numbers of the elements

  static std::vector<std::string> split(const std::string& text, char mark) {
    std::istringstream stream(text);
    std::vector<std::string> parts;
    for (std::string part; std::getline(stream, part, mark);) parts.push_back(part);
    return parts;
  }

  template <class T>
  static at::Tensor view(const std::vector<T>& values, at::IntArrayRef shape, at::ScalarType type) {
    return at::from_blob(const_cast<T*>(values.data()), shape, at::TensorOptions(type));
  }

  static void copy(const at::Tensor& from, std::vector<double>& to) {
    const at::Tensor values = from.contiguous();
    std::copy_n(values.data_ptr<double>(), to.size(), to.begin());
  }
};

const char* const STYLE = "alignn/torch";
std::unique_ptr<Network> open_network(const std::string& path) { return std::make_unique<TorchNetwork>(path); }

}  // namespace alignn
