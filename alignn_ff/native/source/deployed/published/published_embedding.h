// Bond lengths as states: Gaussians, then two layers SiLU(norm(W·x + b)), and their derivative in the length.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "deployed/published/published_lengths.h"
#include "deployed/published/published_weights.h"
#include "gated/gated_blocks.h"

namespace alignn {

template <class T>
class LengthEmbedding {
 public:
  LengthEmbedding(const PublishedFile& file, const PublishedWeights<T>& weights)
      : w(weights), gamma(file.gamma), n_basis(file.n_basis), inner(file.inner), width(file.width), zero(WIDEST) {}

  // (n, width) of the first `n` bonds.
  void states(const PublishedLengths& lengths, int64_t n, T* out, int64_t threads) const {
    each_run(n, threads, [&](Range r, Rows& rows) {
      forward(lengths, r, rows);
      for (int64_t e = 0; e < r.size(); ++e) {
        T* const row = out + (r.begin + e) * width;
        update_row(width, rows.outer + e * width, w.second.norm, zero.data(), row);
        scale(lengths.weight[r.begin + e].value, row, row);
      }
    });
  }

  // Adds the derivative of Σ gradient·states in each length.
  void pull_back(const PublishedLengths& lengths, int64_t n, const T* gradient, std::vector<double>& slope,
                 int64_t threads) const {
    each_run(n, threads, [&](Range r, Rows& rows) {
      forward(lengths, r, rows);
      T *const d = rows.d.of(r.size() * WIDEST), *const d_next = rows.d_next.of(r.size() * WIDEST);
      for (int64_t e = 0; e < r.size(); ++e) {
        const T* const given = gradient + (r.begin + e) * width;
        const Slope weight = lengths.weight[r.begin + e];
        T *const outer = rows.outer + e * width, *const state = d_next + e * width;
        if (weight.slope != 0.0) {
          update_row(width, outer, w.second.norm, zero.data(), state);
          for (int64_t f = 0; f < width; ++f) slope[r.begin + e] += weight.slope * double(given[f]) * double(state[f]);
        }
        scale(weight.value, given, state);
        update_row_back<false>(width, outer, w.second.norm, state, d + e * width);
      }
      multiply<T>({d, width, width, w.second.back, inner, d_next, inner}, r.size());
      for (int64_t e = 0; e < r.size(); ++e)
        update_row_back<false>(inner, rows.inner + e * inner, w.first.norm, d_next + e * inner, d + e * inner);
      multiply<T>({d, inner, inner, w.first.back, n_basis, d_next, n_basis}, r.size());
      for (int64_t e = 0; e < r.size(); ++e) slope[r.begin + e] += along(lengths.read[r.begin + e], e, d_next, rows);
    });
  }

 private:
  struct Rows {  // of one thread
    Buffer<T> basis, inner, middle, outer, d, d_next;
  };
  const PublishedWeights<T>& w;
  const double gamma;
  const int64_t n_basis;
  const Channels<0> inner, width;
  const std::vector<T> zero;

  template <class Work>
  void each_run(int64_t n, int64_t threads, Work work) const {
    const int64_t n_runs = (n + NODES_AT_ONCE - 1) / NODES_AT_ONCE;
    Caught caught;
#pragma omp parallel num_threads(int(std::clamp<int64_t>(n_runs, 1, threads)))
    {
      Rows rows;
#pragma omp for schedule(static)
      for (int64_t run = 0; run < n_runs; ++run)
        caught.run([&] { work(Range{run * NODES_AT_ONCE, std::min(n, (run + 1) * NODES_AT_ONCE)}, rows); });
    }
    caught.rethrow();
  }

  void scale(double factor, const T* row, T* out) const {
    for (int64_t f = 0; f < width; ++f) out[f] = T(factor) * row[f];
  }

  // Σ of the derivatives in the Gaussians of row `e`, in the length.
  double along(const Slope& read, int64_t e, const T* d_basis, const Rows& rows) const {
    double sum = 0.0;
    for (int64_t k = 0; k < n_basis; ++k) {
      const double value = double(rows.basis[e * n_basis + k]), d = double(d_basis[e * n_basis + k]);
      sum -= 2.0 * gamma * (read.value - double(w.centers[k])) * value * d;
    }
    return sum * read.slope;
  }

  // What both norms read.
  void forward(const PublishedLengths& lengths, Range r, Rows& rows) const {
    T* const basis = rows.basis.of(r.size() * n_basis);
    for (int64_t e = 0; e < r.size(); ++e)
      for (int64_t k = 0; k < n_basis; ++k) {
        const T apart = T(lengths.read[r.begin + e].value) - w.centers[k];
        basis[e * n_basis + k] = std::exp(-T(gamma) * (apart * apart));
      }
    T *const before = rows.inner.of(r.size() * inner), *const after = rows.middle.of(r.size() * inner);
    multiply<T>({basis, n_basis, n_basis, w.first.matrix, inner, before, inner, w.first.bias}, r.size());
    for (int64_t e = 0; e < r.size(); ++e)
      update_row(inner, before + e * inner, w.first.norm, zero.data(), after + e * inner);
    T* const outer = rows.outer.of(r.size() * width);
    multiply<T>({after, inner, inner, w.second.matrix, width, outer, width, w.second.bias}, r.size());
  }
};

}  // namespace alignn
