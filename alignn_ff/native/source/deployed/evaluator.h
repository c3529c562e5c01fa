// A model file at work: edges in, energies of atoms and the derivative of their sum in each edge vector out.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "deployed/edge_list.h"
#include "deployed/model_file.h"
#include "deployed/repulsion.h"
#include "guarded.h"

extern "C" int64_t smooth_float32(const alignn::SmoothArguments*);
extern "C" int64_t smooth_float64(const alignn::SmoothArguments*);

namespace alignn {

class Evaluator {
 public:
  const ModelFile model;
  std::vector<double> energies;  // (n_local,) eV
  std::vector<double> gradient;  // (n_edges, 3) eV/Å
  int64_t evaluated = 0;         // Σ over layers of rows

  explicit Evaluator(FileContent&& content, bool widened = false) : model(std::move(content), widened) {}

  // Rows beyond `n_local` are atoms of other processes, whose energies do not count. Throws std::runtime_error.
  void evaluate(const std::vector<int64_t>& elements, int64_t n_local, const EdgeList& edges, int64_t threads) {
    energies.assign(n_local, 0.0), gradient.assign(3 * edges.size(), 0.0), evaluated = 0;
    if (n_local == 0) return;
    for (int64_t e = 0; e < edges.size(); ++e)
      if (edges.length(e) < CLOSEST) throw std::runtime_error("two atoms are at one place (closer than 0.001 Å)");
    find_angles(int64_t(elements.size()), edges);
    distance.resize(edges.size());
    if (model.in_float64) run<double>(elements, n_local, edges, threads, model.weights64, smooth_float64);
    else run<float>(elements, n_local, edges, threads, model.weights32, smooth_float32);
    for (double& g : gradient) g *= model.scale;
    if (model.repels) add_repulsion(elements, n_local, edges);
  }

 private:
  static constexpr double CLOSEST = 1e-3;
  std::vector<int64_t> line_nodes, first_line, line_src, line_dst;
  std::vector<double> distance;

  // Pairs i→j, j→k of edges below the limit, without those that return (graph/line_graph.py).
  void find_angles(int64_t n_rows, const EdgeList& edges) {
    line_nodes.clear(), line_src.clear(), line_dst.clear(), first_line.assign(n_rows + 1, 0);
    for (int64_t e = 0; e < edges.size(); ++e)
      if (edges.length(e) < model.angle_limit) line_nodes.push_back(e), ++first_line[edges.dst[e] + 1];
    for (int64_t i = 0; i < n_rows; ++i) first_line[i + 1] += first_line[i];
    for (const int64_t f : line_nodes)
      for (int64_t k = first_line[edges.src[f]]; k < first_line[edges.src[f] + 1]; ++k) {
        const int64_t e = line_nodes[k];
        const int32_t *a = &edges.shift[3 * e], *b = &edges.shift[3 * f];
        if (edges.src[e] == edges.dst[f] && a[0] == -b[0] && a[1] == -b[1] && a[2] == -b[2]) continue;
        line_src.push_back(e), line_dst.push_back(f);
      }
  }

  template <class T, class Kernel>
  void run(const std::vector<int64_t>& elements, int64_t n_local, const EdgeList& edges, int64_t threads,
           const std::vector<T>& weights, Kernel kernel) {
    std::vector<T> local(elements.size());
    SmoothArguments a = model.sizes;
    a.n_atoms = int64_t(elements.size()), a.n_local = n_local, a.n_edges = edges.size();
    a.n_line_nodes = int64_t(line_nodes.size()), a.n_triplets = int64_t(line_src.size()), a.threads = threads;
    a.vectors = edges.vectors.data(), a.src = edges.src.data(), a.dst = edges.dst.data(), a.shift = edges.shift.data();
    a.line_nodes = line_nodes.data(), a.line_src = line_src.data(), a.line_dst = line_dst.data();
    a.bounds = model.bounds.empty() ? nullptr : model.bounds.data();
    a.rows = elements.data(), a.weights = weights.data(), a.local = local.data(), a.distance = distance.data();
    a.gradient = gradient.data(), a.evaluated = &evaluated;
    const int64_t status = kernel(&a);
    if (status == NO_MEMORY) throw std::runtime_error("there is not enough memory for the network");
    if (status == REFUSED) throw std::runtime_error("an edge has no reverse, so the neighbour lists are not symmetric");
    if (status != DONE) throw std::runtime_error("the kernels of the network failed");
    for (int64_t i = 0; i < n_local; ++i) {
      const int64_t row = elements[i];
      energies[i] = model.reference[row] + model.scale * (double(local[i]) - model.free[row]);
    }
  }

  // The edge into an atom carries half the pair's energy.
  void add_repulsion(const std::vector<int64_t>& elements, int64_t n_local, const EdgeList& edges) {
    const int64_t n = int64_t(model.symbols.size());
    for (int64_t e = 0; e < edges.size() && edges.dst[e] < n_local; ++e) {
      const int64_t from = elements[edges.src[e]], to = elements[edges.dst[e]];
      const double end = model.ends[from * n + to], r = distance[e];
      if (r >= end) continue;
      const Slope pair = repulsion(UNIVERSAL, model.numbers[from], model.numbers[to], r, end);
      energies[edges.dst[e]] += 0.5 * pair.value;
      for (int k = 0; k < 3; ++k) gradient[3 * e + k] += 0.5 * pair.slope * edges.vectors[3 * e + k] / r;
    }
  }
};

}  // namespace alignn
