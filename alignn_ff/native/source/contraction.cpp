// The three derivatives of Φ = Σ_e Σ_s Σ_c A[i(e), s, c]·q[e, group(s), c]·Y[e, s], where edges are sorted by their
// node i: sums over the edges of a node (∂A), and what each edge receives from its node (∂q, ∂Y); nn/sums/contraction.py.
// The three are one another's derivatives. One thread makes a row in the order of the edges: bits do not depend on the
// number of threads.
#include <cstdint>

#include "guarded.h"

namespace alignn {

// group[s] names the block of `channels` columns of q that column s of Y goes with.
struct Contraction {
  const int64_t *starts, *group;
  int64_t n_nodes, n_edges, n_columns, n_groups, channels;
  int threads;
  int64_t end(int64_t i) const { return i + 1 < n_nodes ? starts[i + 1] : n_edges; }
  int64_t edge_row() const { return n_groups * channels; }
  int64_t node_row() const { return n_columns * channels; }
};

template <class T>
void to_nodes(const Contraction& c, const T* q, const T* Y, T* A) {
#pragma omp parallel for schedule(static) num_threads(c.threads)
  for (int64_t i = 0; i < c.n_nodes; ++i) {
    T* const node = A + i * c.node_row();
    for (int64_t k = 0; k < c.node_row(); ++k) node[k] = T(0);
    for (int64_t e = c.starts[i]; e < c.end(i); ++e) {
      const T *edge = q + e * c.edge_row(), *y = Y + e * c.n_columns;
      for (int64_t s = 0; s < c.n_columns; ++s) {
        const T *from = edge + c.group[s] * c.channels, along = y[s];
        T* const sum = node + s * c.channels;
#pragma omp simd
        for (int64_t k = 0; k < c.channels; ++k) sum[k] += along * from[k];
      }
    }
  }
}

template <class T>
void to_edges(const Contraction& c, const T* A, const T* Y, T* q) {
#pragma omp parallel for schedule(static) num_threads(c.threads)
  for (int64_t i = 0; i < c.n_nodes; ++i) {
    const T* const node = A + i * c.node_row();
    for (int64_t e = c.starts[i]; e < c.end(i); ++e) {
      T* const edge = q + e * c.edge_row();
      const T* const y = Y + e * c.n_columns;
      for (int64_t k = 0; k < c.edge_row(); ++k) edge[k] = T(0);
      for (int64_t s = 0; s < c.n_columns; ++s) {
        const T *from = node + s * c.channels, along = y[s];
        T* const sum = edge + c.group[s] * c.channels;
#pragma omp simd
        for (int64_t k = 0; k < c.channels; ++k) sum[k] += along * from[k];
      }
    }
  }
}

template <class T>
void to_columns(const Contraction& c, const T* A, const T* q, T* Y) {
#pragma omp parallel for schedule(static) num_threads(c.threads)
  for (int64_t i = 0; i < c.n_nodes; ++i) {
    const T* const node = A + i * c.node_row();
    for (int64_t e = c.starts[i]; e < c.end(i); ++e) {
      const T* const edge = q + e * c.edge_row();
      for (int64_t s = 0; s < c.n_columns; ++s) {
        const T *one = node + s * c.channels, *other = edge + c.group[s] * c.channels;
        T sum = T(0);
#pragma omp simd reduction(+ : sum)
        for (int64_t k = 0; k < c.channels; ++k) sum += one[k] * other[k];
        Y[e * c.n_columns + s] = sum;
      }
    }
  }
}

}  // namespace alignn

#define EXPORT(NAME, T, suffix)                                                                                     \
  extern "C" int64_t contract_##NAME##_##suffix(const int64_t* starts, const int64_t* group, int64_t n_nodes,       \
                                                int64_t n_edges, int64_t n_columns, int64_t n_groups,               \
                                                int64_t channels, int64_t threads, const T* first, const T* second, \
                                                T* out) {                                                           \
    const alignn::Contraction c{starts, group, n_nodes, n_edges, n_columns, n_groups, channels, int(threads)};      \
    return alignn::guarded([&] { alignn::NAME(c, first, second, out); });                                           \
  }
EXPORT(to_nodes, float, float32)
EXPORT(to_edges, float, float32)
EXPORT(to_columns, float, float32)
EXPORT(to_nodes, double, float64)
EXPORT(to_edges, double, float64)
EXPORT(to_columns, double, float64)
