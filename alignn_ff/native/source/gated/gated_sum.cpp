// The gated sum over neighbours, out_i = Σ_{e: dst=i} w_e·S_e ⊙ v_src with S_e = σ(g_e + a_src + b_dst), its first and
// its second derivatives; formulas in nn/sums/gated_sum.py. Gates are recomputed wherever they are read, so that nothing of
// size (n_edges, features) is kept. One thread sums a row in the order of the edges: bits do not depend on threads.
#include "guarded.h"
#include "scalar.h"

namespace alignn {

// Rows of the nodes' projections [a | b | v], of their cotangents and of their derivatives lie `stride` = 3·width
// apart. Edges are sorted by dst: those into target i begin at by_dst[i]. `order` lists the edges sorted by source:
// those from source j begin at by_src[j]. Both have n_nodes entries; the last segment ends at n_edges.
struct Edges {
  const int64_t *src, *dst, *by_dst, *order, *by_src;
  int64_t n_nodes, n_edges, stride;
  int threads;
  int64_t end(const int64_t* starts, int64_t i) const { return i + 1 < n_nodes ? starts[i + 1] : n_edges; }
};

template <class T>
struct Inputs {  // gates, projections of sources, targets and values, weights
  const T *g, *a, *b, *v, *w;
};

template <class T>
void forward(const Edges& edges, int64_t width, const Inputs<T>& in, T* out) {
  const T *const g = in.g, *const a = in.a, *const b = in.b, *const v = in.v, *const w = in.w;
#pragma omp parallel for schedule(static) num_threads(edges.threads)
  for (int64_t i = 0; i < edges.n_nodes; ++i) {
    T* const sum = out + i * width;
    const T* const target = b + i * edges.stride;
    for (int64_t f = 0; f < width; ++f) sum[f] = T(0);
    for (int64_t e = edges.by_dst[i]; e < edges.end(edges.by_dst, i); ++e) {
      const int64_t from = edges.src[e] * edges.stride;
      const T *gate = g + e * width, *source = a + from, *value = v + from;
      const T weight = w[e];
#pragma omp simd
      for (int64_t f = 0; f < width; ++f) sum[f] += weight * value[f] * sigmoid(gate[f] + source[f] + target[f]);
    }
  }
}

template <class T>
struct First {  // derivatives of Σ G·out, G = ∂L/∂out
  const T* G;
  T *g, *a, *b, *v, *w;
};

template <class T>
void backward(const Edges& edges, int64_t width, const Inputs<T>& in, const First<T>& d) {
  const T *const g = in.g, *const a = in.a, *const b = in.b, *const v = in.v, *const w = in.w;
#pragma omp parallel num_threads(edges.threads)
  {
#pragma omp for schedule(static)
    for (int64_t i = 0; i < edges.n_nodes; ++i) {
      T* const sum = d.b + i * edges.stride;
      const T *target = b + i * edges.stride, *G = d.G + i * width;
      for (int64_t f = 0; f < width; ++f) sum[f] = T(0);
      for (int64_t e = edges.by_dst[i]; e < edges.end(edges.by_dst, i); ++e) {
        const int64_t from = edges.src[e] * edges.stride;
        const T *gate = g + e * width, *source = a + from, *value = v + from;
        T* const out = d.g + e * width;
        const T weight = w[e];
        T along = T(0);
#pragma omp simd reduction(+ : along)
        for (int64_t f = 0; f < width; ++f) {
          const T s = sigmoid(gate[f] + source[f] + target[f]);
          const T slope = G[f] * value[f] * s;
          const T change = weight * slope * (T(1) - s);
          along += slope;
          out[f] = change;
          sum[f] += change;
        }
        d.w[e] = along;
      }
    }
#pragma omp for schedule(static)
    for (int64_t j = 0; j < edges.n_nodes; ++j) {
      T *const sum_a = d.a + j * edges.stride, *const sum_v = d.v + j * edges.stride;
      const T* const source = a + j * edges.stride;
      for (int64_t f = 0; f < width; ++f) sum_a[f] = sum_v[f] = T(0);
      for (int64_t k = edges.by_src[j]; k < edges.end(edges.by_src, j); ++k) {
        const int64_t e = edges.order[k];
        const T *gate = g + e * width, *change = d.g + e * width;
        const T *target = b + edges.dst[e] * edges.stride, *G = d.G + edges.dst[e] * width;
        const T weight = w[e];
#pragma omp simd
        for (int64_t f = 0; f < width; ++f) {
          sum_a[f] += change[f];
          sum_v[f] += weight * G[f] * sigmoid(gate[f] + source[f] + target[f]);
        }
      }
    }
  }
}

template <class T>
struct Second {  // G, cotangents u of the first derivatives, and the derivatives that come out
  const T *G, *u_g, *u_a, *u_b, *u_v, *u_w;
  T *G_out, *g, *a, *b, *v, *w;
};

template <class T>
void second(const Edges& edges, int64_t width, const Inputs<T>& in, const Second<T>& d) {
  const T *const g = in.g, *const a = in.a, *const b = in.b, *const v = in.v, *const w = in.w;
#pragma omp parallel num_threads(edges.threads)
  {
#pragma omp for schedule(static)
    for (int64_t i = 0; i < edges.n_nodes; ++i) {
      T *const sum_G = d.G_out + i * width, *const sum_b = d.b + i * edges.stride;
      const T *target = b + i * edges.stride, *G = d.G + i * width, *u_target = d.u_b + i * edges.stride;
      for (int64_t f = 0; f < width; ++f) sum_G[f] = sum_b[f] = T(0);
      for (int64_t e = edges.by_dst[i]; e < edges.end(edges.by_dst, i); ++e) {
        const int64_t row = e * width, from = edges.src[e] * edges.stride;
        const T *gate = g + row, *source = a + from, *value = v + from;
        const T *u_gate = d.u_g + row, *u_source = d.u_a + from, *u_value = d.u_v + from;
        T* const out = d.g + row;
        const T weight = w[e], u_weight = d.u_w[e];
        T along = T(0);
#pragma omp simd reduction(+ : along)
        for (int64_t f = 0; f < width; ++f) {
          const T s = sigmoid(gate[f] + source[f] + target[f]);
          const T u = u_gate[f] + u_source[f] + u_target[f];
          const T slope = s * (T(1) - s);
          const T inner = s * u_value[f] + u * slope * value[f];
          const T curved = (weight * u * (T(1) - T(2) * s) + u_weight) * value[f] + weight * u_value[f];
          const T change = slope * G[f] * curved;
          along += G[f] * inner;
          sum_G[f] += weight * inner + u_weight * s * value[f];
          sum_b[f] += change;
          out[f] = change;
        }
        d.w[e] = along;
      }
    }
#pragma omp for schedule(static)
    for (int64_t j = 0; j < edges.n_nodes; ++j) {
      T *const sum_a = d.a + j * edges.stride, *const sum_v = d.v + j * edges.stride;
      const T *source = a + j * edges.stride, *u_source = d.u_a + j * edges.stride;
      for (int64_t f = 0; f < width; ++f) sum_a[f] = sum_v[f] = T(0);
      for (int64_t k = edges.by_src[j]; k < edges.end(edges.by_src, j); ++k) {
        const int64_t e = edges.order[k], row = e * width, to = edges.dst[e] * edges.stride;
        const T *gate = g + row, *u_gate = d.u_g + row, *change = d.g + row;
        const T *target = b + to, *G = d.G + edges.dst[e] * width, *u_target = d.u_b + to;
        const T weight = w[e], u_weight = d.u_w[e];
#pragma omp simd
        for (int64_t f = 0; f < width; ++f) {
          const T s = sigmoid(gate[f] + source[f] + target[f]);
          const T u = u_gate[f] + u_source[f] + u_target[f];
          sum_a[f] += change[f];
          sum_v[f] += G[f] * s * (weight * u * (T(1) - s) + u_weight);
        }
      }
    }
  }
}

}  // namespace alignn

#define EDGES const int64_t *src, const int64_t *dst, const int64_t *by_dst, const int64_t *order, \
              const int64_t *by_src, int64_t n_nodes, int64_t n_edges, int64_t width, int64_t threads
#define MAKE_EDGES alignn::Edges{src, dst, by_dst, order, by_src, n_nodes, n_edges, 3 * width, int(threads)}
#define INPUTS alignn::Inputs<T> in{g, p, p + width, p + 2 * width, w}
#define EXPORT(TYPE, suffix)                                                                                        \
  extern "C" int64_t gated_sum_##suffix(EDGES, const TYPE* g, const TYPE* p, const TYPE* w, TYPE* out) {            \
    using T = TYPE;                                                                                                 \
    const INPUTS;                                                                                                   \
    return alignn::guarded([&] { alignn::forward(MAKE_EDGES, width, in, out); });                                   \
  }                                                                                                                 \
  extern "C" int64_t gated_sum_first_##suffix(EDGES, const TYPE* g, const TYPE* p, const TYPE* w, const TYPE* G,    \
                                              TYPE* dg, TYPE* dp, TYPE* dw) {                                       \
    using T = TYPE;                                                                                                 \
    const INPUTS;                                                                                                   \
    const alignn::First<T> d{G, dg, dp, dp + width, dp + 2 * width, dw};                                            \
    return alignn::guarded([&] { alignn::backward(MAKE_EDGES, width, in, d); });                                    \
  }                                                                                                                 \
  extern "C" int64_t gated_sum_second_##suffix(EDGES, const TYPE* g, const TYPE* p, const TYPE* w, const TYPE* G,   \
                                               const TYPE* ug, const TYPE* up, const TYPE* uw, TYPE* dG, TYPE* dg,  \
                                               TYPE* dp, TYPE* dw) {                                                \
    using T = TYPE;                                                                                                 \
    const INPUTS;                                                                                                   \
    const alignn::Second<T> d{G,  ug, up, up + width, up + 2 * width, uw,                                           \
                              dG, dg, dp, dp + width, dp + 2 * width, dw};                                          \
    return alignn::guarded([&] { alignn::second(MAKE_EDGES, width, in, d); });                                      \
  }
EXPORT(float, float32)
EXPORT(double, float64)
