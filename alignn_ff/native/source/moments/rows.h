// Products of rows of channels with the columns of edges, which sums of moments and gates of bonds consist of.
// V is a vector of the machine's width, or T itself for the channels that do not fill one.
#pragma once

#include <cstdint>
#include <type_traits>

#include "vector.h"

namespace alignn {

constexpr int64_t MOST_COLUMNS = 16;  // of an edge: 15 angular functions up to order 3, filled up to whole vectors

template <class V, class T>
inline V read(const T* from) {
  if constexpr (sizeof(V) == sizeof(T))
    return *from;
  else
    return load(from);
}

template <class V, class T>
inline void write(T* to, V value) {
  if constexpr (sizeof(V) == sizeof(T))
    *to = value;
  else
    store(to, value);
}

// Calls work(V{}, first channel) for each whole vector of n channels, and work(T{}, channel) for each of the rest.
template <class T, class Work>
inline void each_vector(int64_t n, Work work) {
  using V = typename Vector<T>::type;
  constexpr int64_t L = Vector<T>::lanes;
  int64_t k = 0;
  for (; k + L <= n; k += L) work(V{}, k);
  for (; k < n; ++k) work(T{}, k);
}

// Calls work(W, first column) for n columns at once where W = n is known to the compiler, or column by column.
template <class Work>
inline void each_columns(int64_t n, Work work) {
  switch (n) {
    case 3: work(std::integral_constant<int, 3>{}, int64_t(0)); break;
    case 5: work(std::integral_constant<int, 5>{}, int64_t(0)); break;
    case 7: work(std::integral_constant<int, 7>{}, int64_t(0)); break;
    case 8: work(std::integral_constant<int, 8>{}, int64_t(0)); break;
    case 15: work(std::integral_constant<int, 15>{}, int64_t(0)); break;
    default:
      for (int64_t s = 0; s < n; ++s) work(std::integral_constant<int, 1>{}, s);
  }
}

// Σ_s rows[s]·y[s] of W rows held in registers.
template <int W, class V, class T>
inline V combine(const V (&rows)[W], const T* y) {
  V sum = rows[0] * y[0];
  for (int s = 1; s < W; ++s) sum += rows[s] * y[s];
  return sum;
}

template <int W, class V, class T>
inline void read_rows(V (&rows)[W], const T* from, int64_t stride) {
  for (int s = 0; s < W; ++s) rows[s] = read<V>(from + s * stride);
}

// out[s] = Σ_c of R edges' rows p with a node's rows, which `turned` holds channel by channel, MOST_COLUMNS columns each.
template <int R, class T>
inline void along_tile(const T* turned, int64_t channels, const T* const* p, T (*out)[MOST_COLUMNS]) {
  using V = typename Vector<T>::type;
  constexpr int L = Vector<T>::lanes, C = MOST_COLUMNS / L;
  V sum[R][C] = {};
  for (int64_t c = 0; c < channels; ++c) {
    V columns[C];
    for (int v = 0; v < C; ++v) columns[v] = read<V>(turned + c * MOST_COLUMNS + v * L);
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < C; ++v) sum[r][v] += columns[v] * p[r][c];
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < C; ++v) write<V>(out[r] + v * L, sum[r][v]);
}

// For n edges, in the order of row(k) → p and to(k) → where n_columns numbers go; `add` keeps what is there.
template <class T, class Row, class To>
inline void along_edges(const T* turned, int64_t channels, int64_t n_columns, int64_t n, bool add, Row row, To to) {
  constexpr int R = 4;
  alignas(64) T found[R][MOST_COLUMNS];
  for (int64_t k = 0; k < n; k += R) {
    const int here = n - k < R ? int(n - k) : R;
    const T* p[R];
    for (int r = 0; r < here; ++r) p[r] = row(k + r);
    if (here == R)
      along_tile<R, T>(turned, channels, p, found);
    else
      for (int r = 0; r < here; ++r) along_tile<1, T>(turned, channels, p + r, found + r);
    for (int r = 0; r < here; ++r) {
      T* const out = to(k + r);
      for (int64_t s = 0; s < n_columns; ++s) out[s] = add ? out[s] + found[r][s] : found[r][s];
    }
  }
}

}  // namespace alignn
