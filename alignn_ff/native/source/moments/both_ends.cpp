// What the nodes at both ends of an edge hold along it, out[e, k] = Σ_s (N[dst, s, k] + N[src, s, K + k])·Y[e, s], with
// first and second derivatives; formulas in nn/sums/both_ends.py. The edges of a node are visited twice, first those
// that lead to it, then those that come from it, so that the rows of a node stay in cache. One thread makes a row in
// the order of the edges: bits do not depend on the number of threads.
#include "buffer.h"
#include "guarded.h"
#include "rows.h"

namespace alignn {

struct Ends {
  const int64_t *by_dst, *order, *by_src;
  int64_t n_nodes, n_edges, n_columns, K;
  int threads;
  int64_t node_row() const { return n_columns * 2 * K; }
};

// One of both passes: the edges of each node, and which half of the node's channels they read.
struct Pass {
  const int64_t *starts, *order;  // no order: edges stand in that of the nodes
  int64_t half;
  bool add;
  int64_t edge(int64_t n) const { return order ? order[n] : n; }
};

template <class Visit>
void each_pass(const Ends& c, Visit visit) {
  const Pass passes[] = {{c.by_dst, nullptr, 0, false}, {c.by_src, c.order, 1, true}};
  Caught caught;
  for (const Pass& pass : passes) {
#pragma omp parallel for schedule(static) num_threads(c.threads)
    for (int64_t i = 0; i < c.n_nodes; ++i)
      caught.run([&] { visit(pass, i, pass.starts[i], i + 1 < c.n_nodes ? pass.starts[i + 1] : c.n_edges); });
  }
  caught.rethrow();
}

template <class T, class Work>
inline void each_piece(const Ends& c, Work work) {
  each_columns(c.n_columns, [&](auto width, int64_t column) {
    each_vector<T>(c.K, [&](auto zero, int64_t k) { work(zero, width, column, k, column > 0); });
  });
}

template <class T>
void both_ends(const Ends& c, const T* N, const T* Y, T* out) {
  each_pass(c, [&](const Pass& pass, int64_t i, int64_t begin, int64_t end) {
    const T* const node = N + i * c.node_row() + pass.half * c.K;
    each_piece<T>(c, [&](auto zero, auto width, int64_t column, int64_t k, bool later) {
      using V = decltype(zero);
      V held[width];
      read_rows(held, node + column * 2 * c.K + k, 2 * c.K);
      for (int64_t n = begin; n < end; ++n) {
        const int64_t e = pass.edge(n);
        T* const to = out + e * c.K + k;
        const V sum = combine(held, Y + e * c.n_columns + column);
        write<V>(to, pass.add || later ? read<V>(to) + sum : sum);
      }
    });
  });
}

template <class T>
void turn(const Ends& c, const T* node, T* turned) {
  for (int64_t k = 0; k < c.K * MOST_COLUMNS; ++k) turned[k] = T(0);
  for (int64_t s = 0; s < c.n_columns; ++s)
    for (int64_t k = 0; k < c.K; ++k) turned[k * MOST_COLUMNS + s] = node[s * 2 * c.K + k];
}

// dN[i, s] = Σ_e G[e]·Y[e, s] of the edges of a pass, and dY[e, s] = Σ_k rows[s, k]·G[e, k].
template <class T>
void pull_back(const Ends& c, const Pass& pass, int64_t begin, int64_t end, const T* rows, const T* G, const T* Y,
               T* d_node, T* d_Y) {
  each_piece<T>(c, [&](auto zero, auto width, int64_t column, int64_t k, bool) {
    using V = decltype(zero);
    V sum[width] = {};
    for (int64_t n = begin; n < end; ++n) {
      const int64_t e = pass.edge(n);
      const V given = read<V>(G + e * c.K + k);
      const T* const y = Y + e * c.n_columns + column;
      for (int s = 0; s < width; ++s) sum[s] += given * y[s];
    }
    for (int s = 0; s < width; ++s) write<V>(d_node + (column + s) * 2 * c.K + k, sum[s]);
  });
  Buffer<T> memory(c.K * MOST_COLUMNS);
  turn(c, rows, memory.get());
  along_edges<T>(memory.get(), c.K, c.n_columns, end - begin, pass.add,
                 [&](int64_t n) { return G + pass.edge(begin + n) * c.K; },
                 [&](int64_t n) { return d_Y + pass.edge(begin + n) * c.n_columns; });
}

template <class T>
void both_ends_first(const Ends& c, const T* N, const T* Y, const T* G, T* d_N, T* d_Y) {
  each_pass(c, [&](const Pass& pass, int64_t i, int64_t begin, int64_t end) {
    const int64_t node = i * c.node_row() + pass.half * c.K;
    pull_back(c, pass, begin, end, N + node, G, Y, d_N + node, d_Y);
  });
}

template <class T>
struct EndsSecond {  // G, cotangents u of the first derivatives, and the derivatives that come out
  const T *G, *u_N, *u_Y;
  T *G_out, *N, *Y;
};

template <class T>
void both_ends_second(const Ends& c, const T* N, const T* Y, const EndsSecond<T>& d) {
  each_pass(c, [&](const Pass& pass, int64_t i, int64_t begin, int64_t end) {
    const int64_t node = i * c.node_row() + pass.half * c.K;
    each_piece<T>(c, [&](auto zero, auto width, int64_t column, int64_t k, bool later) {
      using V = decltype(zero);
      V held[width], moved[width];
      read_rows(held, N + node + column * 2 * c.K + k, 2 * c.K);
      read_rows(moved, d.u_N + node + column * 2 * c.K + k, 2 * c.K);
      for (int64_t n = begin; n < end; ++n) {
        const int64_t e = pass.edge(n), at = e * c.n_columns + column;
        T* const to = d.G_out + e * c.K + k;
        const V sum = combine(moved, Y + at) + combine(held, d.u_Y + at);
        write<V>(to, pass.add || later ? read<V>(to) + sum : sum);
      }
    });
    pull_back(c, pass, begin, end, d.u_N + node, d.G, d.u_Y, d.N + node, d.Y);
  });
}

}  // namespace alignn

#define ENDS const int64_t *order, const int64_t *by_src, const int64_t *by_dst, int64_t n_nodes, int64_t n_edges, \
             int64_t n_columns, int64_t channels, int64_t threads
#define RUN(CALL)                                                                                                  \
  const alignn::Ends c{by_dst, order, by_src, n_nodes, n_edges, n_columns, channels, int(threads)};                \
  if (n_columns > alignn::MOST_COLUMNS) return alignn::REFUSED;                                                    \
  return alignn::guarded([&] { alignn::CALL; })
#define EXPORT(T, suffix)                                                                                          \
  extern "C" int64_t both_ends_##suffix(ENDS, const T* N, const T* Y, T* out) { RUN(both_ends<T>(c, N, Y, out)); } \
  extern "C" int64_t both_ends_first_##suffix(ENDS, const T* N, const T* Y, const T* G, T* dN, T* dY) {            \
    RUN(both_ends_first<T>(c, N, Y, G, dN, dY));                                                                   \
  }                                                                                                                \
  extern "C" int64_t both_ends_second_##suffix(ENDS, const T* N, const T* Y, const T* G, const T* uN, const T* uY, \
                                               T* dG, T* dN, T* dY) {                                              \
    RUN(both_ends_second<T>(c, N, Y, {G, uN, uY, dG, dN, dY}));                                                    \
  }
EXPORT(float, float32)
EXPORT(double, float64)
