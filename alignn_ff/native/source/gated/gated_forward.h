// The gated average forwards.
#pragma once

#include "gated_blocks.h"

namespace alignn {

template <class T, class W>
class Forward : Blocks<T, W> {
  using Base = Blocks<T, W>;
  using Base::a, Base::width;

 public:
  explicit Forward(const AverageArguments<T>& arguments) : Base(arguments) {}

  void run() const {
    this->project_all_sources();
    this->each_unit([this](Range unit, Memory<T>& m) { convolve(unit, m); }, a.n_lone,
                    [this](Range lone, Memory<T>& m) { update_lone(lone, m); });
  }

 private:
  void convolve(Range unit, Memory<T>& m) const {
    const Sources<T> sources = this->sources(unit, m);
    const T* const targets = this->targets(unit, m);
    this->project_lower(unit, m);
    const int64_t first = this->targets_of(unit).begin;
    this->each_part(this->targets_of(unit), [&](Range part) {
      convolve_part(unit, part, sources, targets - first * 2 * width, m);
    });
  }

  void convolve_part(Range unit, Range part, const Sources<T>& sources, const T* targets, Memory<T>& m) const {
    const bool wanted = a.new_states || a.new_gates;
    const Range edges = this->edges_of(part);
    const auto in = this->edge_rows(unit, part, m, wanted);
    T* updated = nullptr;  // in the place of y, or where y is not needed
    if (wanted) updated = a.new_states ? a.new_states + edges.begin * width : m.y.of(edges.size() * width);
    for (int64_t k = part.begin; k < part.end; ++k) {
      const int64_t skipped = (a.starts[k] - edges.begin) * width, node = this->node(a.targets[k]);
      alignas(64) T inner[W::largest];
      average(k, sources, targets + k * 2 * width, in.p + skipped, wanted ? in.y + skipped : nullptr,
              updated + skipped, inner, m);
      update_row(width, inner, a.node_norm, a.nodes + node * width, a.updated + node * width);
    }
    if (a.read) std::copy_n(in.p, edges.size() * width, a.read + edges.begin * width);
    if (a.new_gates) this->multiply_rows(updated, a.following, a.new_gates + edges.begin * width, edges.size());
  }

  // What the update of target k is made of; its edges are updated on the way, where y is there.
  void average(int64_t k, const Sources<T>& sources, const T* target, const T* p, const T* y, T* updated, T* inner,
               Memory<T>& m) const {
    const int64_t n = a.starts[k + 1] - a.starts[k];
    alignas(64) T sum[W::largest], total[W::largest];
    T* const messages = m.messages.of(n * width);
    this->gate(k, sources, target, p, messages, nullptr, sum, total);
    if (y)
      for (int64_t e = 0; e < n * width; e += width)
        update_row(width, messages + e, a.edge_norm, y + e, updated + e);
    for (int64_t f = 0; f < width; f += Vector<T>::lanes)
      store(inner + f, load(target + width + f) + load(sum + f) / (load(total + f) + T(VANISHING)));
  }

  // Nodes that are no members: nothing is sent to them.
  void update_lone(Range lone, Memory<T>& m) const {
    const T* const x = this->gathered(a.nodes, lone, [this](int64_t k) { return a.lone[k]; }, m);
    T* const inner = m.targets.of(lone.size() * width);
    this->project(a.projections, OWN, x, inner, width, lone.size());
    for (int64_t k = 0; k < lone.size(); ++k)
      update_row(width, inner + k * width, a.node_norm, x + k * width, a.updated + a.lone[lone.begin + k] * width);
  }
};

}  // namespace alignn
