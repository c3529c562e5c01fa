// The gated average of the published families (execution/blocked/contract.py), forwards and backwards, a few targets at
// a time: all that their edges need is done while it is in cache. Each unit of work owns the rows that it writes, so
// bits do not depend on the number of threads.
#include "gated_average.h"

#include <algorithm>
#include <vector>

#include "multiply.h"

namespace alignn {

constexpr int64_t ROWS = 192;      // edges at once
constexpr int64_t WIDEST = 512;    // channels
constexpr double VANISHING = 1e-6;  // nn/gated_average.py

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

template <class T, class W>
class Average {
 public:
  explicit Average(const AverageArguments& arguments)
      : a(arguments), width(arguments.width), node_norm(a.node_norm), edge_norm(a.edge_norm),
        gate_table(a.gate_table), state_table(a.state_table), nodes(cast(a.nodes)), projections(cast(a.projections)),
        seen(a.d_projections && a.disjoint ? a.n_nodes : 0) {
    int64_t begin = 0;
    for (int64_t g = 0; g < a.n_groups; ++g) {
      const bool full = rows_of(a.groups[begin], a.groups[g + 1]) > ROWS || a.groups[g + 1] - a.groups[begin] > ROWS;
      if (full && g > begin) units.push_back({a.groups[begin], a.groups[g]}), begin = g;
    }
    if (a.n_groups > begin) units.push_back({a.groups[begin], a.groups[a.n_groups]});
  }

  void forward() {
    each_unit([this](Range unit, Memory& m) { parts(unit, [&](Range t) { forward(t, m); }); });
  }

  void backward() {
    each_unit([this](Range unit, Memory& m) {
      parts(unit, [&](Range t) { backward(t, m); });
      if (a.disjoint) m.sources.write(*this);
    });
    if (!a.disjoint) return;
    for (int64_t i = 0; i < a.n_nodes; ++i) {
      if (seen[i]) continue;  // nobody's source
      std::fill_n(cast(a.d_projections) + i * 4 * width, int64_t(width), T(0));
      std::fill_n(cast(a.d_projections) + i * 4 * width + 2 * width, int64_t(width), T(0));
    }
  }

 private:
  struct Range {  // of targets
    int64_t begin, end;
  };

  // What flows to the sources of one unit, until all of its targets are done.
  struct Sources {
    std::vector<int32_t> rank;
    std::vector<int64_t> nodes;
    std::vector<T> gates, values;
    explicit Sources(int64_t n_nodes) : rank(n_nodes, -1) {}
    int64_t row(int64_t node, int64_t width) {
      if (rank[node] < 0) {
        rank[node] = int32_t(nodes.size());
        nodes.push_back(node);
        gates.resize(nodes.size() * width), values.resize(nodes.size() * width);
        std::fill_n(gates.end() - width, width, T(0)), std::fill_n(values.end() - width, width, T(0));
      }
      return rank[node] * width;
    }
    void write(Average& average) {
      const int64_t width = average.width;
      for (size_t k = 0; k < nodes.size(); ++k) {
        T* const row = cast(average.a.d_projections) + nodes[k] * 4 * width;
        std::copy_n(gates.data() + k * width, width, row);
        std::copy_n(values.data() + k * width, width, row + 2 * width);
        average.seen[nodes[k]] = 1;
        rank[nodes[k]] = -1;
      }
      nodes.clear();
    }
  };

  struct Memory {
    std::vector<T> p, y, message, gate;
    Sources sources;
    explicit Memory(int64_t n_nodes) : sources(n_nodes) {}
  };

  struct EdgeRows {
    const T *p, *y;
  };

  static T* cast(void* x) { return static_cast<T*>(x); }
  static const T* cast(const void* x) { return static_cast<const T*>(x); }
  static T* rows(std::vector<T>& memory, int64_t n) {
    if (int64_t(memory.size()) < n) memory.resize(n);
    return memory.data();
  }
  int64_t rows_of(int64_t begin, int64_t end) const { return a.starts[end] - a.starts[begin]; }

  template <class F>
  void each_unit(F work) {
    const int64_t n = int64_t(units.size());
#pragma omp parallel num_threads(int(std::max<int64_t>(1, std::min(a.threads, n))))
    {
      Memory memory(a.d_projections && a.disjoint ? a.n_nodes : 0);
#pragma omp for schedule(dynamic, 4)
      for (int64_t u = 0; u < n; ++u) work(units[u], memory);
    }
  }

  template <class F>
  void parts(Range unit, F work) const {
    for (int64_t begin = unit.begin; begin < unit.end;) {
      int64_t end = begin + 1;
      while (end < unit.end && rows_of(begin, end + 1) <= ROWS) ++end;
      work(Range{begin, end});
      begin = end;
    }
  }

  void multiply_rows(const T* x, const void* matrix, const void* bias, T* out, int64_t n, bool add = false) const {
    multiply<T>({x, width, width, cast(matrix), width, out, width, cast(bias), add}, n);
  }

  EdgeRows edge_rows(Range t, Memory& m, bool states_wanted) const {
    const int64_t first = a.starts[t.begin], n = rows_of(t.begin, t.end), size = n * width;
    const T* const y = a.states ? cast(a.states) + first * width : nullptr;
    if (a.gates) return {cast(a.gates) + first * width, y};
    T* const p = rows(m.p, size);
    if (y) {
      multiply_rows(y, a.layer.matrix, a.layer.bias, p, n);
      return {p, y};
    }
    T* const made = rows(m.y, size);
    for (int64_t e = 0; e < n; ++e) {
      gate_table.read(width, a.cosines[first + e], p + e * width);
      if (states_wanted || a.n_lower) state_table.read(width, a.cosines[first + e], made + e * width);
    }
    for (int64_t l = 0; l < a.n_lower; ++l) run_lower(a.lower[l], t, p, made);
    return {p, made};
  }

  void run_lower(const LowerArguments& lower, Range t, T* p, T* y) const {
    const int64_t first = a.starts[t.begin];
    const Norm<T> norm(lower.edge_norm);
    for (int64_t k = t.begin; k < t.end; ++k) {
      const T* const target = cast(lower.projections) + a.targets[k] * 2 * width + width;
      for (int64_t e = a.starts[k]; e < a.starts[k + 1]; ++e) {
        const T* const source = cast(lower.projections) + a.sources[e] * 2 * width;
        T* const message = p + (e - first) * width;
        for (int64_t f = 0; f < width; ++f) message[f] += source[f] + target[f];
        T* const state = y + (e - first) * width;
        update_row(width, message, norm, state, state);
      }
    }
    multiply_rows(y, lower.following.matrix, lower.following.bias, p, rows_of(t.begin, t.end));
  }

  void forward(Range t, Memory& m) {
    const bool wanted = a.new_states || a.new_gates;
    const EdgeRows edges = edge_rows(t, m, wanted);
    const int64_t first = a.starts[t.begin], n = rows_of(t.begin, t.end);
    T* const updated = wanted ? rows(m.y, n * width) : nullptr;  // where y itself is, or where it is not needed
    alignas(64) T message[W::largest], sum[W::largest], total[W::largest];
    for (int64_t k = t.begin; k < t.end; ++k) {
      const int64_t node = a.targets[k];
      const T* const own = projections + node * 4 * width;
      for (int64_t f = 0; f < width; ++f) sum[f] = total[f] = T(0);
      for (int64_t e = a.starts[k]; e < a.starts[k + 1]; ++e) {
        const T* const source = projections + a.sources[e] * 4 * width;
        const T* const p = edges.p + (e - first) * width;
#pragma omp simd
        for (int64_t f = 0; f < width; ++f) {
          message[f] = p[f] + source[f] + own[width + f];
          const T s = sigmoid(message[f]);
          sum[f] += s * source[2 * width + f];
          total[f] += s;
        }
        if (wanted)
          update_row(width, message, edge_norm, edges.y + (e - first) * width, updated + (e - first) * width);
      }
      for (int64_t f = 0; f < width; ++f) sum[f] = own[3 * width + f] + sum[f] / (total[f] + T(VANISHING));
      update_row(width, sum, node_norm, nodes + node * width, cast(a.updated) + node * width);
    }
    if (a.new_gates)
      multiply_rows(updated, a.following.matrix, a.following.bias, cast(a.new_gates) + first * width, n);
    if (a.new_states) std::copy_n(updated, n * width, cast(a.new_states) + first * width);
  }

  void backward(Range t, Memory& m) {
    const EdgeRows edges = edge_rows(t, m, false);
    const int64_t first = a.starts[t.begin], n = rows_of(t.begin, t.end);
    T* const messages = rows(m.message, n * width);
    for (int64_t k = t.begin; k < t.end; ++k) backward_target(k, first, edges.p, messages, m);
    if (a.d_cosines) {
      for (int64_t e = 0; e < n; ++e) {
        double along = gate_table.slope(width, a.cosines[first + e], messages + e * width);
        if (a.states_read)
          along += state_table.slope(width, a.cosines[first + e], cast(a.d_states) + (first + e) * width);
        a.d_cosines[first + e] = along;
      }
    } else if (a.d_states) {
      multiply_rows(messages, a.layer_back, nullptr, cast(a.d_states) + first * width, n, a.states_read != 0);
    }
  }

  void backward_target(int64_t k, int64_t first, const T* p, T* messages, Memory& m) {
    const int64_t node = a.targets[k], n = a.starts[k + 1] - a.starts[k];
    const T* const own = projections + node * 4 * width;
    T* const gates = rows(m.gate, n * width);
    alignas(64) T average[W::largest], total[W::largest], inner[W::largest], d_sum[W::largest], d_target[W::largest];
    for (int64_t f = 0; f < width; ++f) average[f] = total[f] = d_target[f] = T(0);
    for (int64_t e = 0; e < n; ++e) {
      const T* const source = projections + a.sources[a.starts[k] + e] * 4 * width;
      const T* const added = p + (a.starts[k] + e - first) * width;
      T* const message = messages + (a.starts[k] + e - first) * width;
      T* const gate = gates + e * width;
#pragma omp simd
      for (int64_t f = 0; f < width; ++f) {
        message[f] = added[f] + source[f] + own[width + f];
        const T s = sigmoid(message[f]);
        gate[f] = s;
        average[f] += s * source[2 * width + f];
        total[f] += s;
      }
    }
    for (int64_t f = 0; f < width; ++f) {
      total[f] = T(1) / (total[f] + T(VANISHING));
      average[f] *= total[f];
      inner[f] = own[3 * width + f] + average[f];
    }
    update_row_back(width, inner, node_norm, cast(a.d_nodes) + node * width, d_sum, false);
    T* const d_own = cast(a.d_projections) + node * 4 * width;
    for (int64_t f = 0; f < width; ++f) inner[f] = d_sum[f], d_sum[f] *= total[f];
    for (int64_t e = 0; e < n; ++e) {
      const int64_t edge = a.starts[k] + e, from = a.sources[edge];
      const T* const value = projections + from * 4 * width + 2 * width;
      const T* const gate = gates + e * width;
      T* const message = messages + (edge - first) * width;
      T *d_gate, *d_value;
      if (a.disjoint) {
        const int64_t row = m.sources.row(from, width);
        d_gate = m.sources.gates.data() + row, d_value = m.sources.values.data() + row;
      } else {
        d_gate = cast(a.d_messages) + edge * width, d_value = cast(a.sent) + edge * width;
        std::fill_n(d_gate, int64_t(width), T(0)), std::fill_n(d_value, int64_t(width), T(0));
      }
      alignas(64) T direct[W::largest];
#pragma omp simd
      for (int64_t f = 0; f < width; ++f) {
        const T flow = d_sum[f] * gate[f];
        d_value[f] += flow;
        direct[f] = flow * (T(1) - gate[f]) * (value[f] - average[f]);
      }
      if (a.states_read) update_row_back(width, message, edge_norm, cast(a.d_states) + edge * width, direct, true);
#pragma omp simd
      for (int64_t f = 0; f < width; ++f) {
        message[f] = direct[f];
        d_gate[f] += direct[f];
        d_target[f] += direct[f];
      }
    }
    std::copy_n(d_target, int64_t(width), d_own + width);
    std::copy_n(inner, int64_t(width), d_own + 3 * width);
  }

  const AverageArguments& a;
  const W width;
  const Norm<T> node_norm, edge_norm;
  const Table<T> gate_table, state_table;
  const T *nodes, *projections;
  std::vector<uint8_t> seen;
  std::vector<Range> units;
};

template <class T>
int64_t average(const AverageArguments& a) {
  auto run = [&](auto width) {
    Average<T, decltype(width)> average(a);
    if (a.d_projections)
      average.backward();
    else
      average.forward();
  };
  if (a.width > WIDEST) return 1;
  switch (a.width) {
    case 64: run(Channels<64>(64)); break;
    case 128: run(Channels<128>(128)); break;
    default: run(Channels<0>(a.width));
  }
  return 0;
}

}  // namespace alignn

extern "C" int64_t gated_average_float32(const alignn::AverageArguments* a) { return alignn::average<float>(*a); }
extern "C" int64_t gated_average_float64(const alignn::AverageArguments* a) { return alignn::average<double>(*a); }
