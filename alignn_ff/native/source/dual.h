// Numbers with a derivative along one direction, for the second derivatives of what is written for any kind of number.
#pragma once

#include <cmath>
#include <type_traits>
#include <utility>

#include "vector.h"

namespace alignn {

// The type of one lane of a number: of a vector, of a number with a derivative, or of T itself.
template <class N, class = void>
struct Lane {
  typedef N type;
};
template <class N>
struct Lane<N, std::void_t<decltype(std::declval<N>()[0])>> {
  typedef std::decay_t<decltype(std::declval<N>()[0])> type;
};
template <class N>
struct Lane<N, std::void_t<typename N::lane>> {
  typedef typename N::lane type;
};

// v + ε·d with ε² = 0; V is a vector or T itself.
template <class V>
struct Dual {
  typedef typename Lane<V>::type lane;
  V v{}, d{};
  Dual() = default;
  Dual(V value) : v(value) {}
  Dual(V value, V derivative) : v(value), d(derivative) {}
  Dual& operator+=(const Dual& b) { return *this = *this + b; }
  Dual& operator-=(const Dual& b) { return *this = *this - b; }

  friend Dual operator+(const Dual& a, const Dual& b) { return {a.v + b.v, a.d + b.d}; }
  friend Dual operator-(const Dual& a, const Dual& b) { return {a.v - b.v, a.d - b.d}; }
  friend Dual operator-(const Dual& a) { return {-a.v, -a.d}; }
  friend Dual operator*(const Dual& a, const Dual& b) { return {a.v * b.v, a.d * b.v + a.v * b.d}; }
  friend Dual operator/(const Dual& a, const Dual& b) {
    const V ratio = a.v / b.v;
    return {ratio, (a.d - ratio * b.d) / b.v};
  }
  friend Dual operator+(const Dual& a, lane b) { return {a.v + b, a.d}; }
  friend Dual operator+(lane a, const Dual& b) { return b + a; }
  friend Dual operator-(const Dual& a, lane b) { return {a.v - b, a.d}; }
  friend Dual operator-(lane a, const Dual& b) { return {a - b.v, -b.d}; }
  friend Dual operator*(const Dual& a, lane b) { return {a.v * b, a.d * b}; }
  friend Dual operator*(lane a, const Dual& b) { return b * a; }
};

// Lane by lane, and their derivatives.
template <class V>
inline V square_root(V x) {
  for (unsigned l = 0; l < sizeof(V) / sizeof(x[0]); ++l) x[l] = std::sqrt(x[l]);
  return x;
}
template <class V>
inline void sine_cosine(const V& x, V& sine, V& cosine) {
  for (unsigned l = 0; l < sizeof(V) / sizeof(x[0]); ++l) sine[l] = std::sin(x[l]), cosine[l] = std::cos(x[l]);
}
// a where x < limit, else zero.
template <class V>
inline V where_below(const V& x, double limit, const V& a) {
  return x < limit ? a : V{};
}
template <class V>
inline Dual<V> square_root(const Dual<V>& x) {
  const V root = square_root(x.v);
  return {root, x.d / (2 * root)};
}
template <class V>
inline void sine_cosine(const Dual<V>& x, Dual<V>& sine, Dual<V>& cosine) {
  sine_cosine(x.v, sine.v, cosine.v);
  sine.d = cosine.v * x.d, cosine.d = -sine.v * x.d;
}
template <class V>
inline Dual<V> where_below(const Dual<V>& x, double limit, const Dual<V>& a) {
  return {where_below(x.v, limit, a.v), where_below(x.v, limit, a.d)};
}

}  // namespace alignn
