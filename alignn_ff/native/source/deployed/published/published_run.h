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
  Buffer<T> embedded;       // (n_edges, width) states of bonds before the first layer; set before `forward`
  std::vector<double> d_cosines;  // after `backward`

  PublishedRun(const PublishedFile& file, const PublishedWeights<T>& weights) : w(weights), width(file.width) {}

  // What `forward` starts from: room for bonds, and states of atoms.
  T* begin(const PublishedGraph& graph, const std::vector<int64_t>& elements, int64_t n_threads) {
    g = &graph, threads = n_threads;
    n_atoms = int64_t(elements.size()), n_bonds = g->bonds.n_edges(), n_angles = g->line.n_edges();
    atoms.resize(w.bonds.size() + 1), messages.resize(w.bonds.size()), bonds.resize(w.angles.size());
    kept.resize(w.angles.size());
    T* const x = atoms[0].of(n_atoms * width);
    for (int64_t i = 0; i < n_atoms; ++i) std::copy_n(w.elements + elements[i] * width, width, x + i * width);
    return embedded.of(n_bonds * width);
  }

  // (n_atoms, width) states of the atoms after the last layer.
  const T* forward() {
    const int64_t n_layers = int64_t(w.bonds.size());
    gates.clear();
    T* states = embedded.get();
    for (int64_t layer = 0; layer < n_layers; ++layer) {
      T* const made = layer == n_layers - 1 ? nullptr : messages[layer].of(n_bonds * width);
      AverageArguments<T> a = arguments(w.bonds[layer], g->bonds, atoms[layer].get(), false);
      a.states = states, a.read = states, a.updated = atoms[layer + 1].of(n_atoms * width), a.new_states = made;
      call(a);
      gates.push_back(states);
      states = made && layer < int64_t(w.angles.size()) ? angles_forward(layer) : made;
    }
    return atoms[n_layers].get();
  }

  // (n_edges, width) derivatives in the embedded bonds, from those in the states of the atoms, which are overwritten.
  const T* backward(T* d_atoms) {
    T* d_states = nullptr;
    for (int64_t layer = int64_t(w.bonds.size()) - 1; layer >= 0; --layer) {
      if (layer < int64_t(w.angles.size())) angles_backward(layer, d_states);
      const bool read = d_states != nullptr;
      if (!read) d_states = gates[layer];  // in the place of what the last layer read
      AverageArguments<T> a = arguments(w.bonds[layer], g->bonds, atoms[layer].get(), false);
      a.gates = gates[layer];
      pull_back(a, d_atoms, d_states, read);
    }
    return d_states;
  }

 private:
  const PublishedWeights<T>& w;
  const int64_t width;
  const PublishedGraph* g = nullptr;
  int64_t threads = 1, n_atoms = 0, n_bonds = 0, n_angles = 0;
  std::vector<Buffer<T>> atoms, messages, bonds, kept;  // of each layer; `kept`: what angles add to its gates
  std::vector<T*> gates;                                // what bonds added to those of each layer
  Buffer<T> to_sources, to_values, source_rows;

  T* angles_forward(int64_t layer) {
    const int64_t last = int64_t(w.angles.size()) - 1;
    AverageArguments<T> a = arguments(w.angles[layer], g->line, messages[layer].get(), true);
    if (layer > 0) {
      a.gates = kept[layer].get();
      if (layer < last) a.states = kept[last].get();
    } else {
      read_tables(a);
    }
    a.updated = bonds[layer].of(n_bonds * width);
    if (layer < last) {
      if (layer < last - 1) a.new_states = kept[last].of(n_angles * width);
      a.new_gates = kept[layer + 1].of(n_angles * width), a.following = w.angles[layer + 1].edges;
    }
    call(a);
    return bonds[layer].get();
  }

  void angles_backward(int64_t layer, T* d_states) {
    const int64_t last = int64_t(w.angles.size()) - 1;
    AverageArguments<T> a = arguments(w.angles[layer], g->line, messages[layer].get(), true);
    if (layer > 0) {
      a.gates = kept[layer].get();
    } else {
      read_tables(a);
      d_cosines.assign(n_angles, 0.0), a.d_cosines = d_cosines.data();
    }
    pull_back(a, d_states, last > 0 ? kept[last].get() : nullptr, layer < last);
  }

  void read_tables(AverageArguments<T>& a) const {
    a.cosines = g->cosines.data(), a.gate_table = w.gates, a.state_table = w.states;
  }

  AverageArguments<T> arguments(const typename PublishedWeights<T>::Convolution& layer, const Topology& t, const T* nodes,
                                bool disjoint) {
    AverageArguments<T> a{};
    a.n_nodes = t.n_nodes, a.n_members = int64_t(t.members.size()), a.n_groups = t.n_groups;
    a.n_lone = int64_t(t.lone.size()), a.width = width, a.threads = threads, a.disjoint = disjoint;
    a.members = t.lone.empty() ? nullptr : t.members.data(), a.lone = t.lone.data();
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
      a.d_messages = to_sources.of(n_bonds * width), a.sent = to_values.of(n_bonds * width);
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
