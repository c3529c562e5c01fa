// The gated mean over neighbours, out_i = N_i/(D_i + ε), N_i = Σ_{e: dst=i} σ(m_e) ⊙ v_src and D_i = Σ σ(m_e), with its
// first and second derivatives; formulas in nn/native_mean.py. Edges are sorted by dst; one thread sums a row in order.
#include <cstdint>

#include "guarded.h"
#include "scalar.h"

namespace alignn {

struct MeanEdges {
  const int64_t *src, *dst, *by_dst, *order, *by_src;
  int64_t n_nodes, n_edges, width;
  int threads;
  int64_t end(const int64_t* starts, int64_t i) const { return i + 1 < n_nodes ? starts[i + 1] : n_edges; }
};

template <class T>
void mean_forward(const MeanEdges& edges, T epsilon, const T* m, const T* v, T* out, T* inverse) {
  const int64_t width = edges.width;
#pragma omp parallel for schedule(static) num_threads(edges.threads)
  for (int64_t i = 0; i < edges.n_nodes; ++i) {
    T *const sum = out + i * width, *const total = inverse + i * width;
    for (int64_t f = 0; f < width; ++f) sum[f] = total[f] = T(0);
    for (int64_t e = edges.by_dst[i]; e < edges.end(edges.by_dst, i); ++e) {
      const T *message = m + e * width, *value = v + edges.src[e] * width;
#pragma omp simd
      for (int64_t f = 0; f < width; ++f) {
        const T s = sigmoid(message[f]);
        sum[f] += s * value[f];
        total[f] += s;
      }
    }
    for (int64_t f = 0; f < width; ++f) total[f] = T(1) / (total[f] + epsilon), sum[f] *= total[f];
  }
}

template <class T>
void mean_first(const MeanEdges& edges, const T* m, const T* v, const T* out, const T* inverse, const T* G, T* dm,
                T* dv) {
  const int64_t width = edges.width;
#pragma omp parallel num_threads(edges.threads)
  {
#pragma omp for schedule(static)
    for (int64_t i = 0; i < edges.n_nodes; ++i)
      for (int64_t e = edges.by_dst[i]; e < edges.end(edges.by_dst, i); ++e) {
        const T *message = m + e * width, *value = v + edges.src[e] * width;
        const T *own = out + i * width, *scale = inverse + i * width, *given = G + i * width;
        T* const to = dm + e * width;
#pragma omp simd
        for (int64_t f = 0; f < width; ++f) {
          const T s = sigmoid(message[f]);
          to[f] = s * (T(1) - s) * given[f] * scale[f] * (value[f] - own[f]);
        }
      }
#pragma omp for schedule(static)
    for (int64_t j = 0; j < edges.n_nodes; ++j) {
      T* const sum = dv + j * width;
      for (int64_t f = 0; f < width; ++f) sum[f] = T(0);
      for (int64_t k = edges.by_src[j]; k < edges.end(edges.by_src, j); ++k) {
        const int64_t e = edges.order[k], to = edges.dst[e] * width;
        const T *message = m + e * width, *scale = inverse + to, *given = G + to;
#pragma omp simd
        for (int64_t f = 0; f < width; ++f) sum[f] += sigmoid(message[f]) * given[f] * scale[f];
      }
    }
  }
}

// Derivatives of Σ um·dm + Σ uv·dv in G, m and v. `tn` (n_nodes, width) is room for what sources read of targets.
template <class T>
void mean_second(const MeanEdges& edges, const T* m, const T* v, const T* out, const T* inverse, const T* G,
                 const T* um, const T* uv, T* dG, T* dm, T* dv, T* tn) {
  const int64_t width = edges.width;
#pragma omp parallel num_threads(edges.threads)
  {
#pragma omp for schedule(static)
    for (int64_t i = 0; i < edges.n_nodes; ++i) {
      const T *own = out + i * width, *scale = inverse + i * width, *given = G + i * width;
      T *const K = dG + i * width, *const U = tn + i * width;
      const int64_t begin = edges.by_dst[i], end = edges.end(edges.by_dst, i);
      for (int64_t f = 0; f < width; ++f) K[f] = U[f] = T(0);
      for (int64_t e = begin; e < end; ++e) {
        const T *message = m + e * width, *u = um + e * width;
        const T *value = v + edges.src[e] * width, *w = uv + edges.src[e] * width;
#pragma omp simd
        for (int64_t f = 0; f < width; ++f) {
          const T s = sigmoid(message[f]), slope = s * (T(1) - s) * u[f];
          K[f] += slope * (value[f] - own[f]) + s * w[f];
          U[f] += slope;
        }
      }
      for (int64_t e = begin; e < end; ++e) {
        const T *message = m + e * width, *u = um + e * width;
        const T *value = v + edges.src[e] * width, *w = uv + edges.src[e] * width;
        T* const to = dm + e * width;
#pragma omp simd
        for (int64_t f = 0; f < width; ++f) {
          const T s = sigmoid(message[f]), c = given[f] * scale[f];
          const T t = c * scale[f], across = value[f] - own[f];
          to[f] = s * (T(1) - s) * ((T(1) - T(2) * s) * c * across * u[f] + c * w[f] - t * (U[f] * across + K[f]));
        }
      }
      for (int64_t f = 0; f < width; ++f) {
        U[f] *= -given[f] * scale[f] * scale[f];
        K[f] *= scale[f];
      }
    }
#pragma omp for schedule(static)
    for (int64_t j = 0; j < edges.n_nodes; ++j) {
      T* const sum = dv + j * width;
      for (int64_t f = 0; f < width; ++f) sum[f] = T(0);
      for (int64_t k = edges.by_src[j]; k < edges.end(edges.by_src, j); ++k) {
        const int64_t e = edges.order[k], to = edges.dst[e] * width;
        const T *message = m + e * width, *u = um + e * width;
        const T *scale = inverse + to, *given = G + to, *t = tn + to;
#pragma omp simd
        for (int64_t f = 0; f < width; ++f) {
          const T s = sigmoid(message[f]);
          sum[f] += s * ((T(1) - s) * given[f] * scale[f] * u[f] + t[f]);
        }
      }
    }
  }
}

}  // namespace alignn

#define EDGES const int64_t *src, const int64_t *dst, const int64_t *by_dst, const int64_t *order, \
              const int64_t *by_src, int64_t n_nodes, int64_t n_edges, int64_t width, int64_t threads
#define MAKE_EDGES alignn::MeanEdges{src, dst, by_dst, order, by_src, n_nodes, n_edges, width, int(threads)}
#define EXPORT(T, suffix)                                                                                           \
  extern "C" int64_t gated_mean_##suffix(EDGES, double epsilon, const T* m, const T* v, T* out, T* inverse) {       \
    return alignn::guarded([&] { alignn::mean_forward(MAKE_EDGES, T(epsilon), m, v, out, inverse); });              \
  }                                                                                                                 \
  extern "C" int64_t gated_mean_first_##suffix(EDGES, const T* m, const T* v, const T* out, const T* inverse,       \
                                               const T* G, T* dm, T* dv) {                                          \
    return alignn::guarded([&] { alignn::mean_first(MAKE_EDGES, m, v, out, inverse, G, dm, dv); });                 \
  }                                                                                                                 \
  extern "C" int64_t gated_mean_second_##suffix(EDGES, const T* m, const T* v, const T* out, const T* inverse,      \
                                                const T* G, const T* um, const T* uv, T* dG, T* dm, T* dv,          \
                                                T* tn) {                                                            \
    return alignn::guarded([&] { alignn::mean_second(MAKE_EDGES, m, v, out, inverse, G, um, uv, dG, dm, dv, tn); }); \
  }
EXPORT(float, float32)
EXPORT(double, float64)
