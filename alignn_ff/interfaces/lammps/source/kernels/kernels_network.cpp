// pair_style alignn: files of `alignn-ff export --to lammps`, on the C++ kernels.
#include "network.h"

#include "deployed/evaluator.h"
#include "deployed/published/published_evaluator.h"

namespace alignn {

class SmoothNetwork : public Network {
 public:
  explicit SmoothNetwork(FileContent&& content) : evaluator(std::move(content)) {
    const ModelFile& model = evaluator.model;
    name = model.name, dtype = model.in_float64 ? "float64" : "float32", symbols = model.symbols;
    cutoff = model.cutoff, reach = model.reach;
    for (int64_t layer = model.sizes.atom_layers - 1; layer >= 0; --layer) {
      Walks walks{{cutoff}};
      if (layer < model.sizes.angle_layers && model.angle_limit > 0)
        walks.insert(walks.begin(), {model.angle_limit, model.angle_limit});
      layers.push_back(walks);
    }
  }

  void evaluate(const std::vector<int64_t>& elements, int64_t n_local, const EdgeList& edges, int64_t threads) override {
    evaluator.evaluate(elements, n_local, edges, threads);
    energies.swap(evaluator.energies), gradient.swap(evaluator.gradient), evaluated = evaluator.evaluated;
  }

 private:
  Evaluator evaluator;
};

class PublishedNetwork : public Network {
 public:
  explicit PublishedNetwork(FileContent&& content) : evaluator(std::move(content)) {
    const PublishedFile& model = evaluator.model;
    name = model.name, dtype = model.in_float64 ? "float64" : "float32", symbols = model.symbols;
    cutoff = model.cutoff, reach = model.reach;
    layers.assign(model.bond_layers, Walks{{cutoff}});
    needs_neighbors = model.needs_neighbors, own_image_limit = model.own_image_limit;
  }

  void evaluate(const std::vector<int64_t>& elements, int64_t n_local, const EdgeList& edges, int64_t threads) override {
    evaluator.evaluate(elements, n_local, edges, threads);
    energies.swap(evaluator.energies), gradient.swap(evaluator.gradient), evaluated = evaluator.evaluated;
  }

 private:
  PublishedEvaluator evaluator;
};

const char* const STYLE = "alignn";
std::unique_ptr<Network> open_network(const std::string& path) {
  FileContent content(path);
  if (content.is_published()) return std::make_unique<PublishedNetwork>(std::move(content));
  return std::make_unique<SmoothNetwork>(std::move(content));
}

}  // namespace alignn
