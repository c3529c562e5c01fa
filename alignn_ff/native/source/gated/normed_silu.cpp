// SiLU of a layer normalisation, row by row, with its first and second derivatives; formulas in nn/normed_silu.py.
// Only the input is kept. Sums over rows go block by block in order, so bits do not depend on the number of threads.
#include <algorithm>
#include <cmath>

#include "buffer.h"
#include "guarded.h"
#include "scalar.h"

namespace alignn {

constexpr int64_t ROWS = 128;  // of a block

template <class T>
struct Row {  // h = (x − mean)·r of one row
  T r;
  Row(const T* x, int64_t width, T epsilon, T* h) {
    T sum = T(0), square = T(0);
#pragma omp simd reduction(+ : sum)
    for (int64_t f = 0; f < width; ++f) sum += x[f];
    const T mean = sum / T(width);
#pragma omp simd reduction(+ : square)
    for (int64_t f = 0; f < width; ++f) square += (x[f] - mean) * (x[f] - mean);
    r = T(1) / std::sqrt(square / T(width) + epsilon);
    for (int64_t f = 0; f < width; ++f) h[f] = (x[f] - mean) * r;
  }
};

template <class T>
struct Sums {  // Σ a, Σ a·h of one row
  T plain = T(0), along = T(0);
  Sums(const T* a, const T* h, int64_t width) {
    T p = T(0), q = T(0);
#pragma omp simd reduction(+ : p, q)
    for (int64_t f = 0; f < width; ++f) p += a[f], q += a[f] * h[f];
    plain = p / T(width), along = q / T(width);
  }
};

// Calls work(row, scratch, partial) for all rows; `partial` holds the block's own two rows of `width` sums.
template <class T, class Work>
void by_blocks(int64_t n, int64_t width, int threads, T* first, T* second, Work work) {
  const int64_t blocks = (n + ROWS - 1) / ROWS;
  const Buffer<T> partial(blocks * 2 * width);
  std::fill_n(partial.get(), blocks * 2 * width, T(0));
  Caught caught;
#pragma omp parallel num_threads(threads)
  {
    Buffer<T> scratch;
#pragma omp for schedule(static)
    for (int64_t b = 0; b < blocks; ++b)
      caught.run([&] {
        T* const rows = scratch.of(5 * width);
        for (int64_t i = b * ROWS; i < std::min(n, (b + 1) * ROWS); ++i) work(i, rows, partial + b * 2 * width);
      });
  }
  caught.rethrow();
  if (!first) return;
  std::fill_n(first, width, T(0)), std::fill_n(second, width, T(0));
  for (int64_t b = 0; b < blocks; ++b)
    for (int64_t f = 0; f < width; ++f)
      first[f] += partial[b * 2 * width + f], second[f] += partial[b * 2 * width + width + f];
}

template <class T>
void normed_silu(int64_t n, int64_t width, int threads, T epsilon, const T* x, const T* scale, const T* shift, T* out) {
  by_blocks<T>(n, width, threads, nullptr, nullptr, [=](int64_t i, T* h, T*) {
    const Row<T> row(x + i * width, width, epsilon, h);
    T* const to = out + i * width;
#pragma omp simd
    for (int64_t f = 0; f < width; ++f) {
      const T z = h[f] * scale[f] + shift[f];
      to[f] = z * sigmoid(z);
    }
  });
}

template <class T>
void normed_silu_first(int64_t n, int64_t width, int threads, T epsilon, const T* x, const T* scale, const T* shift,
                       const T* G, T* dx, T* dscale, T* dshift) {
  by_blocks<T>(n, width, threads, dscale, dshift, [=](int64_t i, T* h, T* partial) {
    const Row<T> row(x + i * width, width, epsilon, h);
    T *const g = h + width, *const to = dx + i * width;
    const T* const given = G + i * width;
#pragma omp simd
    for (int64_t f = 0; f < width; ++f) {
      const T z = h[f] * scale[f] + shift[f], s = sigmoid(z);
      const T gz = given[f] * s * (T(1) + z * (T(1) - s));
      partial[f] += gz * h[f];
      partial[width + f] += gz;
      g[f] = gz * scale[f];
    }
    const Sums<T> sums(g, h, width);
#pragma omp simd
    for (int64_t f = 0; f < width; ++f) to[f] = row.r * (g[f] - sums.plain - h[f] * sums.along);
  });
}

// Derivatives of Σ u·dx in G, x, scale and shift, dx being the first derivative.
template <class T>
void normed_silu_second(int64_t n, int64_t width, int threads, T epsilon, const T* x, const T* scale, const T* shift,
                        const T* G, const T* u, T* dG, T* dx, T* dscale, T* dshift) {
  by_blocks<T>(n, width, threads, dscale, dshift, [=](int64_t i, T* h, T* partial) {
    const Row<T> row(x + i * width, width, epsilon, h);
    const T *const a = u + i * width, *const given = G + i * width, r = row.r;
    T *const g = h + width, *const slope = h + 2 * width, *const t = h + 3 * width, *const curve = h + 4 * width;
#pragma omp simd
    for (int64_t f = 0; f < width; ++f) {
      const T z = h[f] * scale[f] + shift[f], s = sigmoid(z);
      slope[f] = s * (T(1) + z * (T(1) - s));
      curve[f] = s * (T(1) - s) * (T(2) + z * (T(1) - T(2) * s));
      g[f] = given[f] * slope[f] * scale[f];
    }
    const Sums<T> of_a(a, h, width), of_g(g, h, width);
    T both = T(0);
#pragma omp simd reduction(+ : both)
    for (int64_t f = 0; f < width; ++f) both += a[f] * g[f];
    const T rest = both - T(width) * (of_a.plain * of_g.plain + of_a.along * of_g.along);
#pragma omp simd
    for (int64_t f = 0; f < width; ++f) {
      const T q = r * (a[f] - of_a.plain - h[f] * of_a.along);
      const T tz = q * scale[f] * given[f] * curve[f];
      dG[i * width + f] = q * scale[f] * slope[f];
      partial[f] += q * given[f] * slope[f] + tz * h[f];
      partial[width + f] += tz;
      t[f] = tz * scale[f] - r * (a[f] * of_g.along + g[f] * of_a.along);
    }
    const Sums<T> of_t(t, h, width);
    const T bend = rest * r * r / T(width);
    T* const to = dx + i * width;
#pragma omp simd
    for (int64_t f = 0; f < width; ++f) to[f] = r * (t[f] - of_t.plain - h[f] * of_t.along) - bend * h[f];
  });
}

}  // namespace alignn

#define SIZES int64_t n, int64_t width, int64_t threads, double epsilon
#define GIVEN n, width, int(threads)
#define EXPORT(T, suffix)                                                                                           \
  extern "C" int64_t normed_silu_##suffix(SIZES, const T* x, const T* scale, const T* shift, T* out) {              \
    return alignn::guarded([&] { alignn::normed_silu<T>(GIVEN, T(epsilon), x, scale, shift, out); });               \
  }                                                                                                                 \
  extern "C" int64_t normed_silu_first_##suffix(SIZES, const T* x, const T* scale, const T* shift, const T* G,      \
                                                T* dx, T* dscale, T* dshift) {                                      \
    return alignn::guarded(                                                                                         \
        [&] { alignn::normed_silu_first<T>(GIVEN, T(epsilon), x, scale, shift, G, dx, dscale, dshift); });          \
  }                                                                                                                 \
  extern "C" int64_t normed_silu_second_##suffix(SIZES, const T* x, const T* scale, const T* shift, const T* G,     \
                                                 const T* u, T* dG, T* dx, T* dscale, T* dshift) {                  \
    return alignn::guarded([&] {                                                                                    \
      alignn::normed_silu_second<T>(GIVEN, T(epsilon), x, scale, shift, G, u, dG, dx, dscale, dshift);              \
    });                                                                                                             \
  }
EXPORT(float, float32)
EXPORT(double, float64)
