// Bond lengths as states: Gaussians, then two layers SiLU(norm(W·x + b)), and their derivative in the length.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "deployed/published/published_weights.h"
#include "gated/gated_blocks.h"

namespace alignn {

template <class T>
class LengthEmbedding {
 public:
  LengthEmbedding(const PublishedFile& file, const PublishedWeights<T>& weights)
      : w(weights), gamma(file.gamma), n_basis(file.n_basis), inner(file.inner), width(file.width), zero(WIDEST) {}

  // (n, width)
  void states(const std::vector<double>& length, T* out, int64_t threads) const {
    each_run(length, threads, [&](Range r, Rows& rows) {
      forward(length, r, rows);
      for (int64_t e = 0; e < r.size(); ++e)
        update_row(width, rows.outer + e * width, w.second.norm, zero.data(), out + (r.begin + e) * width);
    });
  }

  // Adds the derivative of Σ gradient·states in each length.
  void pull_back(const std::vector<double>& length, const T* gradient, std::vector<double>& slope, int64_t threads) const {
    each_run(length, threads, [&](Range r, Rows& rows) {
      forward(length, r, rows);
      T *const d_outer = rows.d.of(r.size() * WIDEST), *const d_inner = rows.d_inner.of(r.size() * WIDEST);
      for (int64_t e = 0; e < r.size(); ++e)
        update_row_back<false>(width, rows.outer + e * width, w.second.norm, gradient + (r.begin + e) * width,
                               d_outer + e * width);
      multiply<T>({d_outer, width, width, w.second.back, inner, d_inner, inner}, r.size());
      for (int64_t e = 0; e < r.size(); ++e)
        update_row_back<false>(inner, rows.inner + e * inner, w.first.norm, d_inner + e * inner, d_outer + e * inner);
      multiply<T>({d_outer, inner, inner, w.first.back, n_basis, d_inner, n_basis}, r.size());
      for (int64_t e = 0; e < r.size(); ++e)
        for (int64_t k = 0; k < n_basis; ++k) {
          const double apart = length[r.begin + e] - double(w.centers[k]);
          slope[r.begin + e] -= 2.0 * gamma * apart * double(rows.basis[e * n_basis + k]) * double(d_inner[e * n_basis + k]);
        }
    });
  }

 private:
  struct Rows {  // of one thread
    Buffer<T> basis, inner, middle, outer, d, d_inner;
  };
  const PublishedWeights<T>& w;
  const double gamma;
  const int64_t n_basis;
  const Channels<0> inner, width;
  const std::vector<T> zero;

  template <class Work>
  void each_run(const std::vector<double>& length, int64_t threads, Work work) const {
    const int64_t n = int64_t(length.size()), n_runs = (n + NODES_AT_ONCE - 1) / NODES_AT_ONCE;
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

  // What both norms read.
  void forward(const std::vector<double>& length, Range r, Rows& rows) const {
    T* const basis = rows.basis.of(r.size() * n_basis);
    for (int64_t e = 0; e < r.size(); ++e)
      for (int64_t k = 0; k < n_basis; ++k) {
        const T apart = T(length[r.begin + e]) - w.centers[k];
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
