// Numbers made of the moments of each node that no rotation changes (nn/moments.py), with first and second derivatives.
// Second derivatives are first ones of numbers with a derivative.
#include "guarded.h"
#include "moments/rows.h"
#include "smooth/smooth_harmonics.h"
#include "smooth/smooth_invariants.h"

namespace alignn {

struct InvariantSizes {
  int64_t n_nodes, n_columns, K;
  int threads;
  int64_t n_orders() const { return n_columns == 3 ? 1 : n_columns == 8 ? 2 : 3; }
  bool triples() const { return n_columns > 3; }
  int64_t n_out() const { return n_orders() + (triples() ? 3 : 0); }
};

// Moments A, and what channels mixed by U (all orders), and by the two matrices of the triple products (vector, matrix),
// make of them: (n_nodes, columns, K) each; without triple products the last two are not read.
template <class T>
struct InvariantInputs {
  T *A, *B, *w, *m;
};

constexpr int64_t MOST_INVARIANTS = 6;

// The inputs of one node and of one or several channels, or the derivatives in them.
template <class N>
struct Held {
  N A[MOST_HARMONICS] = {}, B[MOST_HARMONICS] = {}, w[3] = {}, m[5] = {};
};

template <class N>
void products(const InvariantSizes& c, const Held<N>& x, N* out) {
  for (int64_t l = 0; l < c.n_orders(); ++l) out[l] = N{};
  for (int64_t s = 0; s < c.n_columns; ++s) out[ORDER_OF[s]] += x.A[s] * x.B[s];
  if (c.triples()) triple_products<N>(x.A, x.w, x.A + 3, x.m, 1, out + c.n_orders());
}

template <class N>
void pull_back(const InvariantSizes& c, const Held<N>& x, const N* G, Held<N>& d) {
  for (int64_t s = 0; s < c.n_columns; ++s) {
    d.A[s] = G[ORDER_OF[s]] * x.B[s];
    d.B[s] = G[ORDER_OF[s]] * x.A[s];
  }
  if (c.triples()) triple_products_back<N>(x.A, x.w, x.A + 3, x.m, 1, G + c.n_orders(), d.A, d.w, d.A + 3, d.m);
}

// Calls visit(array, numbers, n) for each array of the inputs with the numbers of a node that belong to it.
template <class T, class N, class Visit>
inline void each_array(const InvariantSizes& c, const InvariantInputs<T>& rows, N& held, int64_t i, int64_t k, Visit visit) {
  visit(rows.A + i * c.n_columns * c.K + k, held.A, c.n_columns);
  visit(rows.B + i * c.n_columns * c.K + k, held.B, c.n_columns);
  if (!c.triples()) return;
  visit(rows.w + i * 3 * c.K + k, held.w, int64_t(3));
  visit(rows.m + i * 5 * c.K + k, held.m, int64_t(5));
}

template <class V, class T>
Held<V> take(const InvariantSizes& c, const InvariantInputs<const T>& rows, int64_t i, int64_t k) {
  Held<V> held;
  each_array(c, rows, held, i, k, [&](const T* from, V* to, int64_t n) {
    for (int64_t s = 0; s < n; ++s) to[s] = read<V>(from + s * c.K);
  });
  return held;
}

template <class V, class T>
void give(const InvariantSizes& c, const Held<V>& held, const InvariantInputs<T>& rows, int64_t i, int64_t k) {
  each_array(c, rows, held, i, k, [&](T* to, const V* from, int64_t n) {
    for (int64_t s = 0; s < n; ++s) write<V>(to + s * c.K, from[s]);
  });
}

template <class V, class T>
void take_out(const InvariantSizes& c, const T* rows, int64_t i, int64_t k, V* out) {
  for (int64_t n = 0; n < c.n_out(); ++n) out[n] = read<V>(rows + (i * c.n_out() + n) * c.K + k);
}

template <class V, class T>
void give_out(const InvariantSizes& c, const V* values, int64_t i, int64_t k, T* rows) {
  for (int64_t n = 0; n < c.n_out(); ++n) write<V>(rows + (i * c.n_out() + n) * c.K + k, values[n]);
}

template <class T, class Work>
void each_node(const InvariantSizes& c, Work work) {
#pragma omp parallel for schedule(static) num_threads(c.threads)
  for (int64_t i = 0; i < c.n_nodes; ++i) each_vector<T>(c.K, [&](auto zero, int64_t k) { work(zero, i, k); });
}

template <class T>
void invariants(const InvariantSizes& c, const InvariantInputs<const T>& in, T* out) {
  each_node<T>(c, [&](auto zero, int64_t i, int64_t k) {
    using V = decltype(zero);
    V values[MOST_INVARIANTS];
    products(c, take<V>(c, in, i, k), values);
    give_out(c, values, i, k, out);
  });
}

template <class T>
void invariants_first(const InvariantSizes& c, const InvariantInputs<const T>& in, const T* G,
                      const InvariantInputs<T>& d) {
  each_node<T>(c, [&](auto zero, int64_t i, int64_t k) {
    using V = decltype(zero);
    V given[MOST_INVARIANTS];
    Held<V> slope;
    take_out(c, G, i, k, given);
    pull_back(c, take<V>(c, in, i, k), given, slope);
    give(c, slope, d, i, k);
  });
}

// Derivatives of Σ u·first in G and in the inputs, along u.
template <class T>
void invariants_second(const InvariantSizes& c, const InvariantInputs<const T>& in, const T* G,
                       const InvariantInputs<const T>& u, T* d_G, const InvariantInputs<T>& d) {
  each_node<T>(c, [&](auto zero, int64_t i, int64_t k) {
    using V = decltype(zero);
    const Held<V> x = take<V>(c, in, i, k), along = take<V>(c, u, i, k);
    Held<Dual<V>> moving, slope;
    Held<V> bend;
    auto join = [](const auto& value, const auto& direction, auto& both, int64_t n) {
      for (int64_t s = 0; s < n; ++s) both[s] = {value[s], direction[s]};
    };
    join(x.A, along.A, moving.A, c.n_columns), join(x.B, along.B, moving.B, c.n_columns);
    join(x.w, along.w, moving.w, 3), join(x.m, along.m, moving.m, 5);
    Dual<V> values[MOST_INVARIANTS], given[MOST_INVARIANTS];
    V moved[MOST_INVARIANTS], plain[MOST_INVARIANTS];
    products(c, moving, values);
    take_out(c, G, i, k, plain);
    for (int64_t n = 0; n < c.n_out(); ++n) moved[n] = values[n].d, given[n] = Dual<V>(plain[n]);
    give_out(c, moved, i, k, d_G);
    pull_back(c, moving, given, slope);
    auto part = [](const auto& both, auto& derivative, int64_t n) {
      for (int64_t s = 0; s < n; ++s) derivative[s] = both[s].d;
    };
    part(slope.A, bend.A, c.n_columns), part(slope.B, bend.B, c.n_columns), part(slope.w, bend.w, 3);
    part(slope.m, bend.m, 5);
    give(c, bend, d, i, k);
  });
}

}  // namespace alignn

#define SIZES int64_t n_nodes, int64_t n_columns, int64_t channels, int64_t threads
#define RUN(CALL)                                                                                                  \
  const alignn::InvariantSizes c{n_nodes, n_columns, channels, int(threads)};                                      \
  if (n_columns != 3 && n_columns != 8 && n_columns != 15) return alignn::REFUSED;                                 \
  return alignn::guarded([&] { alignn::CALL; })
#define EXPORT(T, suffix)                                                                                          \
  extern "C" int64_t invariants_##suffix(SIZES, const T* A, const T* B, const T* w, const T* m, T* out) {          \
    RUN(invariants<T>(c, {A, B, w, m}, out));                                                                      \
  }                                                                                                                \
  extern "C" int64_t invariants_first_##suffix(SIZES, const T* A, const T* B, const T* w, const T* m, const T* G,  \
                                               T* dA, T* dB, T* dw, T* dm) {                                       \
    RUN(invariants_first<T>(c, {A, B, w, m}, G, {dA, dB, dw, dm}));                                                \
  }                                                                                                                \
  extern "C" int64_t invariants_second_##suffix(SIZES, const T* A, const T* B, const T* w, const T* m, const T* G, \
                                                const T* uA, const T* uB, const T* uw, const T* um, T* dG, T* dA,  \
                                                T* dB, T* dw, T* dm) {                                             \
    RUN(invariants_second<T>(c, {A, B, w, m}, G, {uA, uB, uw, um}, dG, {dA, dB, dw, dm}));                         \
  }
EXPORT(float, float32)
EXPORT(double, float64)
