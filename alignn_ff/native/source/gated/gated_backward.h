// The gated average backwards: gates and averages are made again, block by block.
#pragma once

#include "gated_blocks.h"

namespace alignn {

template <class T, class W>
class Backward : Blocks<T, W> {
  using Base = Blocks<T, W>;
  using Base::a, Base::width;
  using V = typename Vector<T>::type;
  static constexpr int L = Vector<T>::lanes;

 public:
  explicit Backward(const AverageArguments<T>& arguments) : Base(arguments) {}

  void run() const {
    this->project_all_sources();
    this->each_unit([this](Range unit, Memory<T>& m) { pull_back_unit(unit, m); }, a.n_members,
                    [this](Range members, Memory<T>& m) { add_from_sources(members, m); });
    if (a.n_lone)
      this->each_unit([](Range, Memory<T>&) {}, a.n_lone, [this](Range r, Memory<T>& m) { pull_back_lone(r, m); });
  }

 private:
  struct Unit {
    Range groups;
    Sources<T> sources, d_sources;
    const T* targets;  // row of target 0, if the unit had it
    T* d_targets;
  };

  void pull_back_unit(Range groups, Memory<T>& m) const {
    const Range to = this->targets_of(groups);
    const Sources<T> sources = this->sources(groups, m);
    const T* const targets = this->targets(groups, m);
    this->project_lower(groups, m);
    T* const d_targets = m.d_targets.of(to.size() * 2 * width);
    T* d_sources = nullptr;
    if (a.disjoint) {
      const int64_t n = this->sources_of(groups).size() * 2 * width;
      d_sources = m.d_sources.of(n);
      std::fill_n(d_sources, n, T(0));
    }
    const int64_t skipped = to.begin * 2 * width;
    const Unit unit{groups, sources, {d_sources, sources.first}, targets - skipped, d_targets - skipped};
    this->each_part(to, [&](Range part) { pull_back_part(unit, part, m); });
    T* const d_x = m.x.of(to.size() * width);
    this->Base::pull_back(TARGET_GATE, OWN, d_targets, d_x, to.size());
    for (int64_t k = to.begin; k < to.end; ++k)
      add_row(d_x + (k - to.begin) * width, a.d_nodes + this->node(a.targets[k]) * width);
    if (!a.disjoint) return;
    const Range from = this->sources_of(groups);
    this->Base::pull_back(SOURCE_GATE, VALUE, d_sources, a.from_sources + from.begin * width, from.size());
  }

  void pull_back_part(const Unit& unit, Range part, Memory<T>& m) const {
    const Range edges = this->edges_of(part);
    const int64_t first = edges.begin, n = edges.size();
    const T* const p = this->edge_rows(unit.groups, part, m, false).p;
    T* const d_messages = a.disjoint ? m.d_messages.of(n * width) : a.d_messages + first * width;
    for (int64_t k = part.begin; k < part.end; ++k) {
      const int64_t skipped = (a.starts[k] - first) * width;
      pull_back_target(k, unit, p + skipped, d_messages + skipped, m);
    }
    if (a.d_cosines) {
      for (int64_t e = 0; e < n; ++e) a.d_cosines[first + e] = along_cosine(first + e, d_messages + e * width);
    } else if (a.d_states) {
      multiply<T>({d_messages, width, width, a.layer_back, width, a.d_states + first * width, width, nullptr,
                   a.states_read != 0}, n);
    }
  }

  double along_cosine(int64_t edge, const T* message) const {
    const double through_gate = a.gate_table.slope(width, a.cosines[edge], message);
    if (!a.states_read) return through_gate;
    return through_gate + a.state_table.slope(width, a.cosines[edge], a.d_states + edge * width);
  }

  void pull_back_target(int64_t k, const Unit& unit, const T* p, T* d_messages, Memory<T>& m) const {
    const int64_t n = a.starts[k + 1] - a.starts[k], edge = a.starts[k] * width;
    T *const messages = m.messages.of(n * width), *const gates = d_messages;
    alignas(64) T average[W::largest], total[W::largest];
    this->gate(k, unit.sources, unit.targets + k * 2 * width, p, messages, gates, average, total);
    pull_back_update(k, unit, average, total);
    pull_back_sum(k, unit, gates, average, total);
    if (a.states_read)
      for (int64_t e = 0; e < n * width; e += width)
        update_row_back<true>(width, messages + e, a.edge_norm, a.d_states + edge + e, d_messages + e);
    add_to_ends(k, unit, d_messages);
  }

  // Σ gate·value becomes the average, Σ gate the derivative of the sum; that of the own part goes to its row.
  void pull_back_update(int64_t k, const Unit& unit, T* average, T* total) const {
    const T* const own = unit.targets + k * 2 * width + width;
    T* const d_own = unit.d_targets + k * 2 * width + width;
    alignas(64) T inner[W::largest];
    for (int64_t f = 0; f < width; f += L) {
      const V scale = T(1) / (load(total + f) + T(VANISHING)), mean = load(average + f) * scale;
      store(total + f, scale), store(average + f, mean), store(inner + f, load(own + f) + mean);
    }
    update_row_back<false>(width, inner, a.node_norm, a.d_nodes + this->node(a.targets[k]) * width, d_own);
    for (int64_t f = 0; f < width; f += L) store(total + f, load(d_own + f) * load(total + f));
  }

  // Gates become the derivatives of messages through them; values get theirs.
  void pull_back_sum(int64_t k, const Unit& unit, T* gates, const T* average, const T* d_sum) const {
    const int64_t first = a.starts[k], n = a.starts[k + 1] - first;
    for (int64_t f = 0; f < width; f += L) {
      const V mean = load(average + f), d = load(d_sum + f);
      for (int64_t e = 0; e < n; ++e) {
        const T* const value = unit.sources.row(a.sources[first + e], width) + width + f;
        const V s = load(gates + e * width + f), flow = d * s;
        store(gates + e * width + f, (flow - flow * s) * (load(value) - mean));
        if (a.disjoint) {
          T* const sent = unit.d_sources.row(a.sources[first + e], width) + width + f;
          store(sent, load(sent) + flow);
        } else {
          store(a.sent + (first + e) * width + f, flow);
        }
      }
    }
  }

  // Gates of both ends get the derivatives of messages.
  void add_to_ends(int64_t k, const Unit& unit, const T* d_messages) const {
    const int64_t first = a.starts[k], n = a.starts[k + 1] - first;
    for (int64_t f = 0; f < width; f += L) {
      V sum{};
      for (int64_t e = 0; e < n; ++e) {
        const V d = load(d_messages + e * width + f);
        sum += d;
        if (!a.disjoint) continue;
        T* const source = unit.d_sources.row(a.sources[first + e], width) + f;
        store(source, load(source) + d);
      }
      store(unit.d_targets + k * 2 * width + f, sum);
    }
  }

  // What members get as sources: of their own group, or of all edges that leave them, in order.
  void add_from_sources(Range members, Memory<T>& m) const {
    const T* from = a.from_sources + members.begin * width;
    if (!a.disjoint) {
      T* const rows = m.d_sources.of(members.size() * 2 * width);
      std::fill_n(rows, members.size() * 2 * width, T(0));
      for (int64_t k = members.begin; k < members.end; ++k)
        for (int64_t e = a.leaving_starts[k]; e < a.leaving_starts[k + 1]; ++e) {
          T* const row = rows + (k - members.begin) * 2 * width;
          add_row(a.d_messages + a.leaving[e] * width, row);
          add_row(a.sent + a.leaving[e] * width, row + width);
        }
      T* const made = m.x.of(members.size() * width);
      this->Base::pull_back(SOURCE_GATE, VALUE, rows, made, members.size());
      from = made;
    }
    for (int64_t k = members.begin; k < members.end; ++k)
      add_row(from + (k - members.begin) * width, a.d_nodes + this->node(k) * width);
  }

  void pull_back_lone(Range lone, Memory<T>& m) const {
    const auto node = [this](int64_t k) { return a.lone[k]; };
    const T* const x = this->gathered(a.nodes, lone, node, m);
    T *const inner = m.targets.of(lone.size() * width), *const d_inner = m.d_targets.of(lone.size() * width);
    this->project(a.projections, OWN, x, inner, width, lone.size());
    for (int64_t k = 0; k < lone.size(); ++k)
      update_row_back<false>(width, inner + k * width, a.node_norm, a.d_nodes + node(lone.begin + k) * width,
                             d_inner + k * width);
    T* const d_x = m.x.of(lone.size() * width);
    multiply<T>({d_inner, width, width, a.projections.back + OWN * width * width, width, d_x, width}, lone.size());
    for (int64_t k = 0; k < lone.size(); ++k) add_row(d_x + k * width, a.d_nodes + node(lone.begin + k) * width);
  }

  void add_row(const T* row, T* to) const {
    for (int64_t f = 0; f < width; f += L) store(to + f, load(to + f) + load(row + f));
  }
};

}  // namespace alignn
