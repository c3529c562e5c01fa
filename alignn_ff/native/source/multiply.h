// Products of tall matrices with small ones that stay in cache: out = x·W, row by row of x.
// Every element is summed over k in order, so bits do not depend on how rows are split among threads.
#pragma once

#include <cstdint>

#include "vector.h"

namespace alignn {

constexpr int TILE_COLUMNS = VECTOR_BYTES == 32 ? 2 : 4;  // vectors: as many as registers hold beside 6 rows

// `bias` starts each row unless it is null; `add` starts from what `out` holds.
template <class T>
struct Product {
  const T* x;
  int64_t x_stride, inner;
  const T* weights;  // (inner, columns), rows side by side
  int64_t columns;
  T* out;
  int64_t out_stride;
  const T* bias = nullptr;
  bool add = false;
  int64_t weights_stride = 0;  // between rows of `weights`; 0: as many as columns
};

template <class T, int R, int C>
inline void multiply_tile(const Product<T>& p, int64_t row, int64_t column) {
  using V = typename Vector<T>::type;
  constexpr int L = Vector<T>::lanes;
  const T* const x = p.x + row * p.x_stride;
  T* const out = p.out + row * p.out_stride + column;
  const int64_t stride = p.weights_stride > 0 ? p.weights_stride : p.columns;
  V sum[R][C];
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c) {
      if (p.add)
        sum[r][c] = *reinterpret_cast<const V*>(out + r * p.out_stride + c * L);
      else if (p.bias)
        sum[r][c] = *reinterpret_cast<const V*>(p.bias + column + c * L);
      else
        sum[r][c] = V{};
    }
  for (int64_t k = 0; k < p.inner; ++k) {
    const T* const w = p.weights + k * stride + column;
    V weights[C];
    for (int c = 0; c < C; ++c) weights[c] = *reinterpret_cast<const V*>(w + c * L);
    for (int r = 0; r < R; ++r) {
      const T factor = x[r * p.x_stride + k];
      for (int c = 0; c < C; ++c) sum[r][c] += weights[c] * factor;
    }
  }
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c) *reinterpret_cast<V*>(out + r * p.out_stride + c * L) = sum[r][c];
}

template <class T, int C>
inline void multiply_columns(const Product<T>& p, int64_t rows, int64_t column) {
  constexpr int TALL = C == 1 ? 12 : 6;
  int64_t row = 0;
  for (; row + TALL <= rows; row += TALL) multiply_tile<T, TALL, C>(p, row, column);
  for (; row + 4 <= rows; row += 4) multiply_tile<T, 4, C>(p, row, column);
  for (; row + 2 <= rows; row += 2) multiply_tile<T, 2, C>(p, row, column);
  for (; row < rows; ++row) multiply_tile<T, 1, C>(p, row, column);
}

// `columns` must be a multiple of a vector's lanes.
template <class T>
void multiply(const Product<T>& p, int64_t rows) {
  constexpr int L = Vector<T>::lanes;
  int64_t column = 0;
  for (; column + TILE_COLUMNS * L <= p.columns; column += TILE_COLUMNS * L)
    multiply_columns<T, TILE_COLUMNS>(p, rows, column);
  for (; column + 2 * L <= p.columns; column += 2 * L) multiply_columns<T, 2>(p, rows, column);
  for (; column < p.columns; column += L) multiply_columns<T, 1>(p, rows, column);
}

}  // namespace alignn
