// Moments of the neighbours of each node, A[i, s, k] = Σ_{e: dst=i} q[e, g(s), k]·v[src, g(s), k]·Y[e, s], with their
// first and second derivatives; formulas in nn/sums/moments.py. Nothing of size (n_edges, channels) is written but
// derivatives of q. One thread makes a row in the order of the edges: bits do not depend on the number of threads.
#include "buffer.h"
#include "guarded.h"
#include "rows.h"

namespace alignn {

// group[s] is the block of K channels of q and v that column s of Y goes with; columns of a group stand side by side.
// Edges are sorted by dst; `order` lists them by source.
struct Sent {
  const int64_t *src, *dst, *by_dst, *order, *by_src, *group;
  int64_t n_nodes, n_edges, n_columns, n_groups, K;
  int threads;
  int64_t end(const int64_t* starts, int64_t i) const { return i + 1 < n_nodes ? starts[i + 1] : n_edges; }
  int64_t edge_row() const { return n_groups * K; }
  int64_t node_row() const { return n_columns * K; }

  // Calls work(V{}, W, first column, first channel in rows of q, first number in a node's row) for all pieces of a row.
  template <class T, class Work>
  void each_piece(Work work) const {
    for (int64_t s = 0; s < n_columns;) {
      const int64_t first = s, block = group[first] * K;
      while (s < n_columns && group[s] == group[first]) ++s;
      each_columns(s - first, [&](auto width, int64_t column) {
        each_vector<T>(K, [&](auto zero, int64_t k) {
          work(zero, width, first + column, block + k, (first + column) * K + k);
        });
      });
    }
  }
};

template <class T>
struct SentInputs {
  const T *q, *Y, *v;
};

template <class T>
void moments(const Sent& c, const SentInputs<T>& in, T* A) {
#pragma omp parallel for schedule(static) num_threads(c.threads)
  for (int64_t i = 0; i < c.n_nodes; ++i)
    c.each_piece<T>([&](auto zero, auto width, int64_t column, int64_t k, int64_t at) {
      using V = decltype(zero);
      V sum[width] = {};
      for (int64_t e = c.by_dst[i]; e < c.end(c.by_dst, i); ++e) {
        const V sent = read<V>(in.q + e * c.edge_row() + k) * read<V>(in.v + c.src[e] * c.edge_row() + k);
        const T* const y = in.Y + e * c.n_columns + column;
        for (int s = 0; s < width; ++s) sum[s] += sent * y[s];
      }
      for (int s = 0; s < width; ++s) write<V>(A + i * c.node_row() + at + s * c.K, sum[s]);
    });
}

// Rows of a node, channel by channel: each channel of a group has numbers only in the columns of its group.
template <class T>
void turn(const Sent& c, const T* node, T* turned) {
  for (int64_t k = 0; k < c.edge_row() * MOST_COLUMNS; ++k) turned[k] = T(0);
  for (int64_t s = 0; s < c.n_columns; ++s)
    for (int64_t k = 0; k < c.K; ++k) turned[(c.group[s] * c.K + k) * MOST_COLUMNS + s] = node[s * c.K + k];
}

template <class T>
struct Work {  // of one thread
  Buffer<T> turned, rows;
};

template <class T>
struct SentFirst {  // G = ∂L/∂A, and the derivatives that come out
  const T* G;
  T *q, *Y, *v;
};

template <class T>
void moments_first(const Sent& c, const SentInputs<T>& in, const SentFirst<T>& d) {
  const int64_t row = c.edge_row();
  Caught caught;
#pragma omp parallel num_threads(c.threads)
  {
    Work<T> work;
#pragma omp for schedule(static)
    for (int64_t i = 0; i < c.n_nodes; ++i)
      caught.run([&] {
        const int64_t begin = c.by_dst[i], n = c.end(c.by_dst, i) - begin;
        const T* const G = d.G + i * c.node_row();
        T *const turned = work.turned.of(row * MOST_COLUMNS), *const sent = work.rows.of(n * row);
        for (int64_t k = 0; k < n * row; ++k) d.q[begin * row + k] = T(0);
        c.each_piece<T>([&](auto zero, auto width, int64_t column, int64_t k, int64_t at) {
          using V = decltype(zero);
          V held[width];
          read_rows(held, G + at, c.K);
          for (int64_t e = begin; e < begin + n; ++e) {
            const V value = read<V>(in.v + c.src[e] * row + k);
            T* const out = d.q + e * row + k;
            write<V>(out, read<V>(out) + value * combine(held, in.Y + e * c.n_columns + column));
            write<V>(sent + (e - begin) * row + k, value * read<V>(in.q + e * row + k));
          }
        });
        turn(c, G, turned);
        along_edges<T>(turned, row, c.n_columns, n, false, [&](int64_t k) { return sent + k * row; },
                       [&](int64_t k) { return d.Y + (begin + k) * c.n_columns; });
      });
#pragma omp for schedule(static)
    for (int64_t j = 0; j < c.n_nodes; ++j) {
      T* const out = d.v + j * row;
      for (int64_t k = 0; k < row; ++k) out[k] = T(0);
      c.each_piece<T>([&](auto zero, auto width, int64_t column, int64_t k, int64_t at) {
        using V = decltype(zero);
        V sum = read<V>(out + k);
        for (int64_t n = c.by_src[j]; n < c.end(c.by_src, j); ++n) {
          const int64_t e = c.order[n];
          V held[width];
          read_rows(held, d.G + c.dst[e] * c.node_row() + at, c.K);
          sum += read<V>(in.q + e * row + k) * combine(held, in.Y + e * c.n_columns + column);
        }
        write<V>(out + k, sum);
      });
    }
  }
  caught.rethrow();
}

template <class T>
struct SentSecond {  // G, cotangents u of the first derivatives, and the derivatives that come out
  const T *G, *u_q, *u_Y, *u_v;
  T *G_out, *q, *Y, *v;
};

template <class T>
void moments_second(const Sent& c, const SentInputs<T>& in, const SentSecond<T>& d) {
  const int64_t row = c.edge_row();
  Caught caught;
#pragma omp parallel num_threads(c.threads)
  {
    Work<T> work;
#pragma omp for schedule(static)
    for (int64_t i = 0; i < c.n_nodes; ++i)
      caught.run([&] {
        const int64_t begin = c.by_dst[i], n = c.end(c.by_dst, i) - begin;
        const T* const G = d.G + i * c.node_row();
        T *const turned = work.turned.of(row * MOST_COLUMNS), *const changed = work.rows.of(n * row);
        for (int64_t k = 0; k < n * row; ++k) d.q[begin * row + k] = T(0);
        c.each_piece<T>([&](auto zero, auto width, int64_t column, int64_t k, int64_t at) {
          using V = decltype(zero);
          V held[width], sum[width] = {};
          read_rows(held, G + at, c.K);
          for (int64_t e = begin; e < begin + n; ++e) {
            const int64_t from = c.src[e] * row + k, here = e * row + k;
            const V q = read<V>(in.q + here), v = read<V>(in.v + from), u_v = read<V>(d.u_v + from);
            const V moved = read<V>(d.u_q + here) * v + q * u_v, sent = q * v;
            const T *const y = in.Y + e * c.n_columns + column, *const u_y = d.u_Y + e * c.n_columns + column;
            for (int s = 0; s < width; ++s) sum[s] += moved * y[s] + sent * u_y[s];
            write<V>(d.q + here, read<V>(d.q + here) + u_v * combine(held, y) + v * combine(held, u_y));
            write<V>(changed + (e - begin) * row + k, moved);
          }
          for (int s = 0; s < width; ++s) write<V>(d.G_out + i * c.node_row() + at + s * c.K, sum[s]);
        });
        turn(c, G, turned);
        along_edges<T>(turned, row, c.n_columns, n, false, [&](int64_t k) { return changed + k * row; },
                       [&](int64_t k) { return d.Y + (begin + k) * c.n_columns; });
      });
#pragma omp for schedule(static)
    for (int64_t j = 0; j < c.n_nodes; ++j) {
      T* const out = d.v + j * row;
      for (int64_t k = 0; k < row; ++k) out[k] = T(0);
      c.each_piece<T>([&](auto zero, auto width, int64_t column, int64_t k, int64_t at) {
        using V = decltype(zero);
        V sum = read<V>(out + k);
        for (int64_t n = c.by_src[j]; n < c.end(c.by_src, j); ++n) {
          const int64_t e = c.order[n], here = e * row + k;
          V held[width];
          read_rows(held, d.G + c.dst[e] * c.node_row() + at, c.K);
          sum += read<V>(d.u_q + here) * combine(held, in.Y + e * c.n_columns + column) +
                 read<V>(in.q + here) * combine(held, d.u_Y + e * c.n_columns + column);
        }
        write<V>(out + k, sum);
      });
    }
  }
  caught.rethrow();
}

}  // namespace alignn

#define SENT const int64_t *src, const int64_t *order, const int64_t *by_src, const int64_t *dst,                  \
             const int64_t *by_dst, const int64_t *group, int64_t n_nodes, int64_t n_edges, int64_t n_columns,     \
             int64_t n_groups, int64_t channels, int64_t threads
#define RUN(CALL)                                                                                                  \
  const alignn::Sent c{src, dst, by_dst, order, by_src, group, n_nodes, n_edges, n_columns, n_groups, channels,    \
                       int(threads)};                                                                              \
  if (n_columns > alignn::MOST_COLUMNS) return alignn::REFUSED;                                                    \
  return alignn::guarded([&] { alignn::CALL; })
#define EXPORT(T, suffix)                                                                                          \
  extern "C" int64_t moments_##suffix(SENT, const T* q, const T* Y, const T* v, T* A) {                            \
    RUN(moments<T>(c, {q, Y, v}, A));                                                                              \
  }                                                                                                                \
  extern "C" int64_t moments_first_##suffix(SENT, const T* q, const T* Y, const T* v, const T* G, T* dq, T* dY,    \
                                            T* dv) {                                                               \
    RUN(moments_first<T>(c, {q, Y, v}, {G, dq, dY, dv}));                                                          \
  }                                                                                                                \
  extern "C" int64_t moments_second_##suffix(SENT, const T* q, const T* Y, const T* v, const T* G, const T* uq,    \
                                             const T* uY, const T* uv, T* dG, T* dq, T* dY, T* dv) {               \
    RUN(moments_second<T>(c, {q, Y, v}, {G, uq, uY, uv, dG, dq, dY, dv}));                                         \
  }
EXPORT(float, float32)
EXPORT(double, float64)
