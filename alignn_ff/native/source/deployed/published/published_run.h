// The layers of a published network forwards and backwards; what stays between the passes is that of
// execution/published/network.py with `Keep.GATES`.
#pragma once

#include <stdexcept>
#include <vector>

#include "deployed/published/published_graph.h"
#include "deployed/published/published_weights.h"
#include "gated/gated_blocks.h"
#include "guarded.h"

extern "C" int64_t gated_average_float32(const alignn::AverageArguments<float>*);
extern "C" int64_t gated_average_float64(const alignn::AverageArguments<double>*);

namespace alignn {

inline int64_t gated(const AverageArguments<float>* a) { return gated_average_float32(a); }
inline int64_t gated(const AverageArguments<double>* a) { return gated_average_float64(a); }

template <class T>
class PublishedRun {
 public:
  std::vector<double> d_cosines;  // of the angles of the first layer, after `backward`

  PublishedRun(const PublishedFile& file, const PublishedWeights<T>& weights) : w(weights), width(file.width) {}

  // Takes the states of atoms before the first layer; room for those of bonds.
  T* begin(const PublishedGraph& graph, const std::vector<int64_t>& elements, int64_t n_threads) {
    g = &graph, threads = n_threads;
    atoms.resize(w.bonds.size() + 1), messages.resize(w.bonds.size()), bonds.resize(w.angles.size());
    kept.resize(w.angles.size());
    T* const x = atoms[0].of(g->atoms[0] * width);
    for (int64_t i = 0; i < g->atoms[0]; ++i) std::copy_n(w.elements + elements[i] * width, width, x + i * width);
    return embedded.of(g->edges_read[0] * width);
  }

  // (n_local, width) states of the atoms after the last layer.
  const T* forward() {
    const int64_t n_layers = int64_t(w.bonds.size());
    gates.clear();
    T* states = embedded.get();
    for (int64_t layer = 0; layer < n_layers; ++layer) {
      T* const made = layer == n_layers - 1 ? nullptr : messages[layer].of(g->edges_read[layer] * width);
      AverageArguments<T> a = arguments(w.bonds[layer], g->bonds(layer), atoms[layer].get(), false);
      a.states = states, a.read = states, a.updated = atoms[layer + 1].of(g->atoms[layer + 1] * width);
      a.new_states = made;
      call(a);
      gates.push_back(states);
      states = made && layer < int64_t(w.angles.size()) ? angles_forward(layer) : made;
    }
    return atoms[n_layers].get();
  }

  // Derivatives in the embedded bonds that the first layer reads, from those in the states of the atoms, (atoms before the
  // first layer, width), 0 beyond `n_local`, which are overwritten.
  const T* backward(T* d_atoms) {
    const int64_t n_layers = int64_t(w.bonds.size());
    T* const d_states = d_bonds.of(g->edges_read[0] * width);
    for (int64_t layer = n_layers - 1; layer >= 0; --layer) {
      std::fill(d_states + g->edges_read[layer + 1] * width, d_states + g->edges_read[layer] * width, T(0));
      if (layer < int64_t(w.angles.size())) angles_backward(layer, d_states);
      AverageArguments<T> a = arguments(w.bonds[layer], g->bonds(layer), atoms[layer].get(), false);
      a.gates = gates[layer];
      pull_back(a, d_atoms, d_states, layer < n_layers - 1);
    }
    return d_states;
  }

 private:
  const PublishedWeights<T>& w;
  const int64_t width;
  const PublishedGraph* g = nullptr;
  int64_t threads = 1;
  Buffer<T> embedded, d_bonds;                          // of the bonds that the first layer reads
  std::vector<Buffer<T>> atoms, messages, bonds, kept;  // of each layer; `kept`: what angles add to its gates
  std::vector<T*> gates;                                // what bonds added to those of each layer
  Buffer<T> to_sources, to_values, source_rows;

  T* angles_forward(int64_t layer) {
    const int64_t last = int64_t(w.angles.size()) - 1, n_angles = g->line(layer).n_edges();
    AverageArguments<T> a = arguments(w.angles[layer], g->line(layer), messages[layer].get(), true);
    if (layer > 0) {
      a.gates = kept[layer].get();
      if (layer < last) a.states = kept[last].get();
    } else {
      read_tables(a);
    }
    a.updated = bonds[layer].of(g->edges_read[layer + 1] * width);
    if (layer < last) {
      // the first layer has the most angles; later ones find the array large enough
      if (layer < last - 1) a.new_states = kept[last].of(n_angles * width);
      a.new_gates = kept[layer + 1].of(n_angles * width), a.following = w.angles[layer + 1].edges;
    }
    call(a);
    if (layer < last) {
      take_read(layer, kept[layer + 1].get());
      if (layer < last - 1) take_read(layer, kept[last].get());
    }
    return bonds[layer].get();
  }

  void angles_backward(int64_t layer, T* d_states) {
    const int64_t last = int64_t(w.angles.size()) - 1;
    AverageArguments<T> a = arguments(w.angles[layer], g->line(layer), messages[layer].get(), true);
    if (layer > 0) {
      a.gates = kept[layer].get();
    } else {
      read_tables(a);
      d_cosines.assign(g->line(0).n_edges(), 0.0), a.d_cosines = d_cosines.data();
    }
    if (layer < last) give_read(layer, kept[last].get());
    pull_back(a, d_states, last > 0 ? kept[last].get() : nullptr, layer < last);
  }

  // Whether the layer after this one reads an angle of this one.
  bool read_on(int64_t layer, int64_t angle) const { return g->line(layer).second[angle] < g->edges_read[layer + 2]; }

  // Rows of a layer's angles become those of the next layer.
  void take_read(int64_t layer, T* rows) const {
    if (&g->line(layer) == &g->line(layer + 1)) return;
    int64_t next = 0;
    for (int64_t k = 0; k < g->line(layer).n_edges(); ++k)
      if (read_on(layer, k)) std::copy_n(rows + k * width, width, rows + next++ * width);
  }

  // The other way round, with 0 for those that the next layer does not read.
  void give_read(int64_t layer, T* rows) const {
    if (&g->line(layer) == &g->line(layer + 1)) return;
    int64_t next = g->line(layer + 1).n_edges();
    for (int64_t k = g->line(layer).n_edges() - 1; k >= 0; --k) {
      T* const row = rows + k * width;
      if (read_on(layer, k)) std::copy_n(rows + --next * width, width, row);
      else std::fill_n(row, width, T(0));
    }
  }

  void read_tables(AverageArguments<T>& a) const {
    a.cosines = g->cosines.data(), a.gate_table = w.gates, a.state_table = w.states;
  }

  AverageArguments<T> arguments(const typename PublishedWeights<T>::Convolution& layer, const Topology& t, const T* nodes,
                                bool disjoint) {
    AverageArguments<T> a{};
    a.n_nodes = t.n_nodes, a.n_members = int64_t(t.members.size()), a.n_groups = t.n_groups;
    a.n_lone = int64_t(t.lone.size()), a.width = width, a.threads = threads, a.disjoint = disjoint;
    a.members = a.n_members == a.n_nodes ? nullptr : t.members.data(), a.lone = t.lone.data();
    a.targets = t.targets.data(), a.starts = t.starts.data(), a.groups = t.groups.data(), a.sources = t.sources.data();
    a.entering = t.entering.data(), a.leaving = t.leaving.data(), a.leaving_starts = t.leaving_starts.data();
    a.node_norm = layer.node_norm, a.edge_norm = layer.edge_norm, a.projections = layer.nodes, a.layer = layer.edges;
    a.layer_back = layer.edges_back, a.nodes = nodes;
    if (!disjoint) a.source_rows = source_rows.of(a.n_members * 2 * width);
    return a;
  }

  void pull_back(AverageArguments<T>& a, T* d_nodes, T* d_states, bool read) {
    a.d_nodes = d_nodes, a.d_states = d_states, a.states_read = read;
    if (a.disjoint) {
      a.from_sources = to_sources.of(a.n_members * width);
    } else {
      const int64_t n = g->edges_read[0] * width;
      a.d_messages = to_sources.of(n), a.sent = to_values.of(n);
    }
    call(a);
  }

  static void call(const AverageArguments<T>& a) {
    const int64_t status = gated(&a);
    if (status == NO_MEMORY) throw std::runtime_error("there is not enough memory for the network");
    if (status != DONE) throw std::runtime_error("the kernels of the network failed");
  }
};

}  // namespace alignn
