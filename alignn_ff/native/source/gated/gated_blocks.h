// What both directions of a gated average share: units of work, projections of their nodes, edges as they come in.
//
// A unit is a run of groups of targets. Projections of its nodes exist only in the buffers of the thread; edges are
// done a few targets at a time. Each unit owns the rows that it writes, so bits do not depend on the number of threads.
#pragma once

#include <algorithm>
#include <vector>

#include "buffer.h"
#include "gated_average.h"
#include "guarded.h"
#include "multiply.h"

namespace alignn {

constexpr int64_t EDGES_AT_ONCE = 192;
constexpr int64_t NODES_AT_ONCE = 48;  // so that matrices are read once for many rows
constexpr int64_t UNITS_PER_THREAD = 8;  // at least, so that threads end together
constexpr int64_t WIDEST = 512;         // channels
constexpr double VANISHING = 1e-6;      // native/arguments.py

template <int Fixed>
struct Channels {
  static constexpr int64_t largest = Fixed;
  explicit Channels(int64_t) {}
  operator int64_t() const { return Fixed; }
};
template <>
struct Channels<0> {
  static constexpr int64_t largest = WIDEST;
  int64_t value;
  explicit Channels(int64_t width) : value(width) {}
  operator int64_t() const { return value; }
};

enum Projection { SOURCE_GATE, TARGET_GATE, VALUE, OWN };

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

template <class T>
struct Memory {  // of one thread
  Buffer<T> x, sources, targets, d_sources, d_targets, p, y, messages, d_messages, lower_sources, lower_targets;
};

// Rows of sources: what they add to gates and the value that they send, side by side.
template <class T>
struct Sources {
  T* rows;
  int64_t first;  // source of the first row
  T* row(int64_t source, int64_t width) const { return rows + (source - first) * 2 * width; }
};

template <class T, class W>
class Blocks {
 protected:
  explicit Blocks(const AverageArguments<T>& arguments) : a(arguments), width(arguments.width) {
    const int64_t most = std::clamp<int64_t>(a.n_members / (UNITS_PER_THREAD * a.threads), 1, NODES_AT_ONCE);
    for (int64_t begin = 0, end; begin < a.n_groups; begin = end) {
      for (end = begin + 1; end < a.n_groups && a.groups[end + 1] - a.groups[begin] <= most;) ++end;
      units.push_back({begin, end});
    }
  }

  // Calls work(unit, memory) for all units, and then(run, memory) for runs of `n` rows.
  template <class Work, class Then>
  void each_unit(Work work, int64_t n, Then then) const {
    const int64_t n_units = int64_t(units.size()), n_runs = (n + NODES_AT_ONCE - 1) / NODES_AT_ONCE;
    Caught caught;
#pragma omp parallel num_threads(int(std::clamp<int64_t>(std::max(n_units, n_runs), 1, a.threads)))
    {
      Memory<T> memory;
#pragma omp for schedule(dynamic, 1)
      for (int64_t u = 0; u < n_units; ++u) caught.run([&] { work(units[u], memory); });
#pragma omp for schedule(dynamic, 1)
      for (int64_t r = 0; r < n_runs; ++r)
        caught.run([&] { then(Range{r * NODES_AT_ONCE, std::min(n, (r + 1) * NODES_AT_ONCE)}, memory); });
    }
    caught.rethrow();
  }

  // Calls work(targets) for runs of targets whose edges fit into cache.
  template <class Work>
  void each_part(Range targets, Work work) const {
    for (int64_t begin = targets.begin, end; begin < targets.end; begin = end) {
      for (end = begin + 1; end < targets.end && a.starts[end + 1] - a.starts[begin] <= EDGES_AT_ONCE;) ++end;
      work(Range{begin, end});
    }
  }

  int64_t node(int64_t member) const { return a.members ? a.members[member] : member; }
  Range targets_of(Range unit) const { return {a.groups[unit.begin], a.groups[unit.end]}; }
  Range sources_of(Range unit) const { return {a.entering[unit.begin], a.entering[unit.end]}; }
  Range edges_of(Range targets) const { return {a.starts[targets.begin], a.starts[targets.end]}; }

  void multiply_rows(const T* x, const EdgeLayer<T>& layer, T* out, int64_t n) const {
    multiply<T>({x, width, width, layer.matrix, width, out, width, layer.bias}, n);
  }

  // One projection of n rows of x into columns of `out`.
  void project(const NodeLayer<T>& layer, Projection which, const T* x, T* out, int64_t stride, int64_t n) const {
    multiply<T>({x, width, width, layer.matrices + which * width * width, width, out, stride,
                 layer.bias + which * width}, n);
  }

  // out (+)= rows·(two projections)ᵀ, what n rows of two derivatives each make of their nodes'.
  void pull_back(Projection first, Projection second, const T* rows, T* out, int64_t n) const {
    const T* const back = a.projections.back;
    multiply<T>({rows, 2 * width, width, back + first * width * width, width, out, width}, n);
    multiply<T>({rows + width, 2 * width, width, back + second * width * width, width, out, width, nullptr, true}, n);
  }

  template <class Of>
  T* gathered(const T* nodes, Range range, Of of, Memory<T>& m) const {
    T* const x = m.x.of(range.size() * width);
    for (int64_t k = range.begin; k < range.end; ++k)
      std::copy_n(nodes + of(k) * width, int64_t(width), x + (k - range.begin) * width);
    return x;
  }
  T* gathered_sources(const T* nodes, Range r, Memory<T>& m) const {
    return gathered(nodes, r, [this](int64_t k) { return node(k); }, m);
  }
  T* gathered_targets(const T* nodes, Range r, Memory<T>& m) const {
    return gathered(nodes, r, [this](int64_t k) { return node(a.targets[k]); }, m);
  }

  // Source gates and values of all members, where units share them.
  void project_all_sources() const {
    if (a.disjoint) return;
    each_unit([](Range, Memory<T>&) {}, a.n_members, [this](Range r, Memory<T>& m) {
      project_sources(r, a.source_rows + r.begin * 2 * width, m);
    });
  }
  void project_sources(Range r, T* rows, Memory<T>& m) const {
    const T* const x = gathered_sources(a.nodes, r, m);
    project(a.projections, SOURCE_GATE, x, rows, 2 * width, r.size());
    project(a.projections, VALUE, x, rows + width, 2 * width, r.size());
  }
  Sources<T> sources(Range unit, Memory<T>& m) const {
    if (!a.disjoint) return {a.source_rows, 0};
    const Range r = sources_of(unit);
    T* const rows = m.sources.of(r.size() * 2 * width);
    project_sources(r, rows, m);
    return {rows, r.begin};
  }

  // Target gates and own parts of a unit's targets, side by side.
  const T* targets(Range unit, Memory<T>& m) const {
    const Range r = targets_of(unit);
    T* const rows = m.targets.of(r.size() * 2 * width);
    const T* const x = gathered_targets(a.nodes, r, m);
    project(a.projections, TARGET_GATE, x, rows, 2 * width, r.size());
    project(a.projections, OWN, x, rows + width, 2 * width, r.size());
    return rows;
  }

  // Gates of the layers that are run again, of all sources and targets of a unit, layer by layer.
  void project_lower(Range unit, Memory<T>& m) const {
    if (!a.n_lower) return;
    const Range from = sources_of(unit), to = targets_of(unit);
    T* const source = m.lower_sources.of(a.n_lower * from.size() * width);
    T* const target = m.lower_targets.of(a.n_lower * to.size() * width);
    for (int64_t l = 0; l < a.n_lower; ++l) {
      const LowerLayer<T>& lower = a.lower[l];
      project(lower.projections, SOURCE_GATE, gathered_sources(lower.nodes, from, m),
              source + l * from.size() * width, width, from.size());
      project(lower.projections, TARGET_GATE, gathered_targets(lower.nodes, to, m), target + l * to.size() * width,
              width, to.size());
    }
  }

  struct Edges {
    const T *p, *y;
  };

  // p of the edges of some targets of a unit, and y where it is wanted or at hand.
  Edges edge_rows(Range unit, Range part, Memory<T>& m, bool states_wanted) const {
    const Range edges = edges_of(part);
    const T* const y = a.states ? a.states + edges.begin * width : nullptr;
    if (a.gates) return {a.gates + edges.begin * width, y};
    T* const p = m.p.of(edges.size() * width);
    if (y) {
      multiply_rows(y, a.layer, p, edges.size());
      return {p, y};
    }
    const bool made_too = states_wanted || a.n_lower;
    T* const made = made_too ? m.y.of(edges.size() * width) : nullptr;
    for (int64_t e = 0; e < edges.size(); ++e) {
      a.gate_table.read(width, a.cosines[edges.begin + e], p + e * width);
      if (made_too) a.state_table.read(width, a.cosines[edges.begin + e], made + e * width);
    }
    for (int64_t l = 0; l < a.n_lower; ++l) run_lower(l, unit, part, p, made, m);
    return {p, made};
  }

  // Messages of the edges of target k, their gates, Σ gate·value and Σ gate. Channels outside, so that sums and the
  // target's own part stay in registers.
  void gate(int64_t k, const Sources<T>& sources, const T* target, const T* p, T* messages, T* gates, T* sum,
            T* total) const {
    const int64_t n = a.starts[k + 1] - a.starts[k];
    const int64_t* const from = a.sources + a.starts[k];
    for (int64_t f = 0; f < width; f += Vector<T>::lanes) {
      typename Vector<T>::type weighted{}, plain{};
      const auto own = load(target + f);
      for (int64_t e = 0; e < n; ++e) {
        __builtin_prefetch(p + (n + e) * width + f);  // of the next target: rows apart are more than hardware foresees
        const T* const source = sources.row(from[e], width) + f;
        const auto message = load(p + e * width + f) + load(source) + own, s = sigmoid<T>(message);
        store(messages + e * width + f, message);
        if (gates) store(gates + e * width + f, s);
        weighted += s * load(source + width);
        plain += s;
      }
      store(sum + f, weighted), store(total + f, plain);
    }
  }

  const AverageArguments<T>& a;
  const W width;

 private:
  void run_lower(int64_t l, Range unit, Range part, T* p, T* y, Memory<T>& m) const {
    const Range from = sources_of(unit), to = targets_of(unit), edges = edges_of(part);
    const T* const sources = m.lower_sources.of(0) + (l * from.size() - from.begin) * width;
    const T* const targets = m.lower_targets.of(0) + (l * to.size() - to.begin) * width;
    for (int64_t k = part.begin; k < part.end; ++k)
      for (int64_t e = a.starts[k]; e < a.starts[k + 1]; ++e) {
        T *const message = p + (e - edges.begin) * width, *const state = y + (e - edges.begin) * width;
        const T *const source = sources + a.sources[e] * width, *const target = targets + k * width;
        for (int64_t f = 0; f < width; f += Vector<T>::lanes)
          store(message + f, load(message + f) + load(source + f) + load(target + f));
        update_row(width, message, a.lower[l].edge_norm, state, state);
      }
    multiply_rows(y, a.lower[l].following, p, edges.size());
  }

  std::vector<Range> units;  // of groups
};

}  // namespace alignn
