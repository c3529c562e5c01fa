// A published force field at work: edges in, energies of atoms and the derivative of their sum in each edge vector out.
#pragma once

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "deployed/published/published_embedding.h"
#include "deployed/published/published_run.h"

namespace alignn {

class PublishedEvaluator {
 public:
  const PublishedFile model;
  std::vector<double> energies;  // (n_local,) eV
  std::vector<double> gradient;  // (n_edges, 3) eV/Å
  int64_t evaluated = 0;         // Σ over layers of rows

  explicit PublishedEvaluator(FileContent&& content, bool widened = false) : model(std::move(content), widened) {
    if (model.in_float64) in_double = std::make_unique<Network<double>>(model, model.weights64);
    else in_float = std::make_unique<Network<float>>(model, model.weights32);
  }

  // Rows beyond `n_local` are atoms of other processes, whose energies do not count. Throws std::runtime_error.
  void evaluate(const std::vector<int64_t>& elements, int64_t n_local, const EdgeList& edges, int64_t threads) {
    energies.assign(n_local, 0.0), gradient.assign(3 * edges.size(), 0.0), evaluated = 0;
    if (n_local == 0) return;
    for (int64_t e = 0; e < edges.size(); ++e)
      if (edges.length(e) < CLOSEST) throw std::runtime_error("two atoms are at one place (closer than 0.001 Å)");
    choose(edges);
    std::vector<int64_t> starts(elements.size() + 1, 0);
    for (const int64_t to : bonds.dst) ++starts[to + 1];
    for (size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
    graph.find(model, n_local, bonds, starts);
    lengths.shape(model, graph.length);
    evaluated = graph.evaluated();
    slope.assign(bonds.size(), 0.0), d_unit.assign(3 * bonds.size(), 0.0);
    if (in_double) run(*in_double, elements, n_local, threads);
    else run(*in_float, elements, n_local, threads);
    add_short_range(elements, n_local);
    to_vectors();
  }

 private:
  static constexpr double CLOSEST = 1e-3;

  template <class T>
  struct Network {
    const PublishedWeights<T> weights;
    const LengthEmbedding<T> embedding;
    PublishedRun<T> layers;
    std::vector<T> d_atoms;

    Network(const PublishedFile& file, const std::vector<T>& values)
        : weights(file, values), embedding(file, weights), layers(file, weights) {}
  };

  EdgeList bonds;              // edges that the network reads
  std::vector<int64_t> kept;   // which of the edges given
  PublishedGraph graph;
  PublishedLengths lengths;
  std::vector<double> slope, d_unit;  // derivatives in lengths and in unit vectors
  std::unique_ptr<Network<double>> in_double;
  std::unique_ptr<Network<float>> in_float;

  void choose(const EdgeList& edges) {
    bonds.clear(), kept.clear();
    for (int64_t e = 0; e < edges.size(); ++e) {
      if (edges.length(e) > model.cutoff) continue;
      kept.push_back(e);
      bonds.add(edges.src[e], edges.dst[e], &edges.shift[3 * e], &edges.vectors[3 * e]);
    }
  }

  template <class T>
  void run(Network<T>& n, const std::vector<int64_t>& elements, int64_t n_local, int64_t threads) {
    const int64_t width = model.width;
    n.embedding.states(lengths, graph.edges_read[0], n.layers.begin(graph, elements, threads), threads);
    const T* const x = n.layers.forward();
    n.d_atoms.assign(elements.size() * width, T(0));
    for (int64_t i = 0; i < n_local; ++i) {
      T local = n.weights.readout_bias[0];
      for (int64_t f = 0; f < width; ++f) {
        local += n.weights.readout[f] * x[i * width + f];
        n.d_atoms[i * width + f] = T(model.scale * double(n.weights.readout[f]));
      }
      energies[i] = model.reference[elements[i]] + model.scale * double(local);
    }
    const T* const d_states = n.layers.backward(n.d_atoms.data());
    n.embedding.pull_back(lengths, graph.edges_read[0], d_states, slope, threads);
    if (model.angle_layers > 0) to_units(n.layers.d_cosines);
  }

  void to_units(const std::vector<double>& d_cosines) {
    for (size_t t = 0; t < d_cosines.size(); ++t) {
      const int64_t a = 3 * graph.line(0).first[t], b = 3 * graph.line(0).second[t];
      for (int k = 0; k < 3; ++k) {
        d_unit[a + k] -= d_cosines[t] * graph.unit[b + k];
        d_unit[b + k] -= d_cosines[t] * graph.unit[a + k];
      }
    }
  }

  // The penalty, which both edges of a pair carry in full, and half of ZBL.
  void add_short_range(const std::vector<int64_t>& elements, int64_t n_local) {
    for (int64_t e = 0; e < bonds.size() && bonds.dst[e] < n_local; ++e) {
      const int64_t from = bonds.src[e], to = bonds.dst[e];
      const Slope read = model.penalty_reads_envelope ? lengths.read[e] : Slope{graph.length[e], 1.0};
      if (read.value < model.penalty_threshold) {
        energies[to] += model.penalty_factor * (model.penalty_threshold - read.value);
        slope[e] -= model.penalty_factor * read.slope;
      }
      if (graph.length[e] >= model.zbl_end) continue;
      const double z1 = model.numbers[elements[from]], z2 = model.numbers[elements[to]];
      const Slope pair = repulsion(PUBLISHED_ZBL, z1, z2, graph.length[e], model.zbl_end);
      energies[to] += 0.5 * pair.value, slope[e] += 0.5 * pair.slope;
    }
  }

  void to_vectors() {
    for (int64_t e = 0; e < bonds.size(); ++e) {
      const double *u = &graph.unit[3 * e], *d = &d_unit[3 * e];
      const double along = u[0] * d[0] + u[1] * d[1] + u[2] * d[2];
      for (int k = 0; k < 3; ++k)
        gradient[3 * kept[e] + k] = slope[e] * u[k] + (d[k] - along * u[k]) / graph.length[e];
    }
  }
};

}  // namespace alignn
