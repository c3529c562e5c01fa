// Products of three moments that no rotation changes (nn/moments.py), channel by channel, and their derivatives.
#pragma once

#include <cstdint>

#include "dual.h"

namespace alignn {

constexpr double ROOT_SIXTH = 0.408248290463863016366, ROOT_HALF = 0.707106781186547524400;

// The traceless symmetric matrix of the five moments of order 2 (xy, yz, z², xz, x² − y²) of one channel.
template <class T>
struct Quadrupole {
  T xx, xy, xz, yy, yz, zz;
  Quadrupole(const T* moments, int64_t K, int64_t k) {
    const T z = typename Lane<T>::type(ROOT_SIXTH) * moments[2 * K + k], d = typename Lane<T>::type(ROOT_HALF) * moments[4 * K + k];
    xx = d - z, yy = -d - z, zz = 2 * z;
    xy = typename Lane<T>::type(ROOT_HALF) * moments[k], yz = typename Lane<T>::type(ROOT_HALF) * moments[K + k], xz = typename Lane<T>::type(ROOT_HALF) * moments[3 * K + k];
  }
};

// Adds what the derivatives in the six elements, each off-diagonal one standing for both, are in the five moments.
template <class T>
inline void add_quadrupole_slope(T xx, T xy, T xz, T yy, T yz, T zz, T* moments, int64_t K, int64_t k) {
  moments[k] += typename Lane<T>::type(ROOT_HALF) * xy;
  moments[K + k] += typename Lane<T>::type(ROOT_HALF) * yz;
  moments[2 * K + k] += typename Lane<T>::type(ROOT_SIXTH) * (2 * zz - xx - yy);
  moments[3 * K + k] += typename Lane<T>::type(ROOT_HALF) * xz;
  moments[4 * K + k] += typename Lane<T>::type(ROOT_HALF) * (xx - yy);
}

// w·M·v, tr(M²·N) and |M·v|²: vectors v and w of (3, K) moments of order 1, M and N of (5, K) moments of order 2.
template <class T>
void triple_products(const T* v, const T* w, const T* m, const T* n, int64_t K, T* out) {
#pragma omp simd
  for (int64_t k = 0; k < K; ++k) {
    const Quadrupole<T> M(m, K, k), N(n, K, k);
    const T v0 = v[k], v1 = v[K + k], v2 = v[2 * K + k];
    const T t0 = M.xx * v0 + M.xy * v1 + M.xz * v2, t1 = M.xy * v0 + M.yy * v1 + M.yz * v2;
    const T t2 = M.xz * v0 + M.yz * v1 + M.zz * v2;
    out[k] = t0 * w[k] + t1 * w[K + k] + t2 * w[2 * K + k];
    const T diagonal = (M.xx * M.xx + M.xy * M.xy + M.xz * M.xz) * N.xx +
                       (M.xy * M.xy + M.yy * M.yy + M.yz * M.yz) * N.yy +
                       (M.xz * M.xz + M.yz * M.yz + M.zz * M.zz) * N.zz;
    const T rest = (M.xx * M.xy + M.xy * M.yy + M.xz * M.yz) * N.xy +
                   (M.xx * M.xz + M.xy * M.yz + M.xz * M.zz) * N.xz +
                   (M.xy * M.xz + M.yy * M.yz + M.yz * M.zz) * N.yz;
    out[K + k] = diagonal + 2 * rest;
    out[2 * K + k] = t0 * t0 + t1 * t1 + t2 * t2;
  }
}

// From the derivatives g in the three products to those in v, w, m, n, which are added to.
template <class T>
void triple_products_back(const T* v, const T* w, const T* m, const T* n, int64_t K, const T* g, T* dv, T* dw, T* dm,
                          T* dn) {
#pragma omp simd
  for (int64_t k = 0; k < K; ++k) {
    const Quadrupole<T> M(m, K, k), N(n, K, k);
    const T v0 = v[k], v1 = v[K + k], v2 = v[2 * K + k], first = g[k], second = g[K + k], third = 2 * g[2 * K + k];
    const T t0 = M.xx * v0 + M.xy * v1 + M.xz * v2, t1 = M.xy * v0 + M.yy * v1 + M.yz * v2;
    const T t2 = M.xz * v0 + M.yz * v1 + M.zz * v2;
    const T d0 = first * w[k] + third * t0, d1 = first * w[K + k] + third * t1, d2 = first * w[2 * K + k] + third * t2;
    dw[k] += first * t0, dw[K + k] += first * t1, dw[2 * K + k] += first * t2;
    dv[k] += M.xx * d0 + M.xy * d1 + M.xz * d2;
    dv[K + k] += M.xy * d0 + M.yy * d1 + M.yz * d2;
    dv[2 * K + k] += M.xz * d0 + M.yz * d1 + M.zz * d2;
    const T xx = M.xx * N.xx + M.xy * N.xy + M.xz * N.xz, yy = M.xy * N.xy + M.yy * N.yy + M.yz * N.yz;
    const T zz = M.xz * N.xz + M.yz * N.yz + M.zz * N.zz;
    const T xy = M.xx * N.xy + M.xy * N.yy + M.xz * N.yz + M.xy * N.xx + M.yy * N.xy + M.yz * N.xz;
    const T xz = M.xx * N.xz + M.xy * N.yz + M.xz * N.zz + M.xz * N.xx + M.yz * N.xy + M.zz * N.xz;
    const T yz = M.xy * N.xz + M.yy * N.yz + M.yz * N.zz + M.xz * N.xy + M.yz * N.yy + M.zz * N.yz;
    const T two = 2 * second;
    add_quadrupole_slope<T>(d0 * v0 + two * xx, d0 * v1 + d1 * v0 + two * xy, d0 * v2 + d2 * v0 + two * xz,
                            d1 * v1 + two * yy, d1 * v2 + d2 * v1 + two * yz, d2 * v2 + two * zz, dm, K, k);
    add_quadrupole_slope<T>(second * (M.xx * M.xx + M.xy * M.xy + M.xz * M.xz),
                            two * (M.xx * M.xy + M.xy * M.yy + M.xz * M.yz),
                            two * (M.xx * M.xz + M.xy * M.yz + M.xz * M.zz),
                            second * (M.xy * M.xy + M.yy * M.yy + M.yz * M.yz),
                            two * (M.xy * M.xz + M.yy * M.yz + M.yz * M.zz),
                            second * (M.xz * M.xz + M.yz * M.yz + M.zz * M.zz), dn, K, k);
  }
}

}  // namespace alignn
