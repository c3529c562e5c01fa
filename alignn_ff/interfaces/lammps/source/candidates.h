// Pairs of atoms below a distance among atoms and ghosts, found by cells; kept while no atom moves by half the skin.
#pragma once

#include <algorithm>
#include <vector>

namespace alignn {

class Candidates {
 public:
  // Neighbours of the first `n_centers` of `n` atoms.
  void find(const double* const* x, int n_centers, int n, double distance) {
    start.assign(1, 0), found.clear();
    if (n_centers == 0) return;
    make_cells(x, n, distance);
    for (int i = 0; i < n_centers; ++i) {
      int low[3], high[3];
      for (int k = 0; k < 3; ++k) low[k] = std::max(0, cell(x[i], k) - 1), high[k] = std::min(m[k] - 1, cell(x[i], k) + 1);
      for (int a = low[0]; a <= high[0]; ++a)
        for (int b = low[1]; b <= high[1]; ++b)
          for (int c = low[2]; c <= high[2]; ++c)
            for (int j = head[(size_t(a) * m[1] + b) * m[2] + c]; j >= 0; j = next[j])
              if (j != i && square(x[i], x[j]) < distance * distance) found.push_back(j);
      start.push_back(found.size());
    }
  }

  const int* begin(int i) const { return found.data() + start[i]; }
  const int* end(int i) const { return found.data() + start[i + 1]; }
  double bytes() const { return double(start.capacity()) * sizeof(size_t) + double(found.capacity()) * sizeof(int); }

  static double square(const double* a, const double* b) {
    const double d[3] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
    return d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
  }

 private:
  static constexpr int MOST_CELLS = 200;  // per direction
  std::vector<size_t> start;
  std::vector<int> found, head, next;
  double low_[3] = {}, width[3] = {};
  int m[3] = {};

  int cell(const double* x, int k) const { return std::max(0, std::min(m[k] - 1, int((x[k] - low_[k]) / width[k]))); }

  void make_cells(const double* const* x, int n, double distance) {
    double high[3];
    for (int k = 0; k < 3; ++k) {
      low_[k] = high[k] = x[0][k];
      for (int i = 1; i < n; ++i) low_[k] = std::min(low_[k], x[i][k]), high[k] = std::max(high[k], x[i][k]);
      m[k] = std::max(1, std::min(MOST_CELLS, int((high[k] - low_[k]) / distance)));
      width[k] = std::max(distance, (high[k] - low_[k]) / m[k]) * (1.0 + 1e-12);
    }
    head.assign(size_t(m[0]) * m[1] * m[2], -1), next.assign(n, -1);
    for (int i = n - 1; i >= 0; --i) {
      int& first = head[(size_t(cell(x[i], 0)) * m[1] + cell(x[i], 1)) * m[2] + cell(x[i], 2)];
      next[i] = first, first = i;
    }
  }
};

}  // namespace alignn
