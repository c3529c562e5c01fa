// Vectors of the machine's width, and the functions of them that rows of channels need: no tables, no branches.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace alignn {

#if defined(__AVX512F__)
constexpr int VECTOR_BYTES = 64;
#elif defined(__AVX__)
constexpr int VECTOR_BYTES = 32;
#else
constexpr int VECTOR_BYTES = 16;
#endif

constexpr int64_t CHANNELS = 16;  // widths of the network are padded to multiples of it
static_assert(CHANNELS * sizeof(float) % VECTOR_BYTES == 0, "a whole number of the widest vectors");

template <class T>
struct Integer;
template <>
struct Integer<float> {
  typedef int32_t type;
};
template <>
struct Integer<double> {
  typedef int64_t type;
};

template <class T>
struct Vector {
  typedef T type __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));
  typedef typename Integer<T>::type integers __attribute__((vector_size(VECTOR_BYTES)));
  static constexpr int lanes = VECTOR_BYTES / sizeof(T);
};

template <class T>
inline typename Vector<T>::type load(const T* from) {
  return *reinterpret_cast<const typename Vector<T>::type*>(from);
}

template <class T>
inline void store(T* to, typename Vector<T>::type value) {
  *reinterpret_cast<typename Vector<T>::type*>(to) = value;
}

template <class T, int BYTES>
struct Wide {
  typedef T type __attribute__((vector_size(BYTES)));
};

// Sum of the lanes, half by half.
template <class T, int BYTES = VECTOR_BYTES>
inline T sum_lanes(typename Wide<T, BYTES>::type value) {
  if constexpr (BYTES == 2 * sizeof(T)) {
    return value[0] + value[1];
  } else {
    typename Wide<T, BYTES / 2>::type low, high;
    std::memcpy(&low, &value, BYTES / 2);
    std::memcpy(&high, reinterpret_cast<const char*>(&value) + BYTES / 2, BYTES / 2);
    return sum_lanes<T, BYTES / 2>(low + high);
  }
}

// The larger and the smaller of both; where x is NaN, NaN.
template <class T>
inline typename Vector<T>::type at_least(typename Vector<T>::type x, T limit) {
  using V = typename Vector<T>::type;
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return _mm512_max_ps(V{} + limit, x);
  else
    return _mm512_max_pd(V{} + limit, x);
#else
  return x < limit ? V{} + limit : x;
#endif
}

template <class T>
inline typename Vector<T>::type at_most(typename Vector<T>::type x, T limit) {
  using V = typename Vector<T>::type;
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return _mm512_min_ps(V{} + limit, x);
  else
    return _mm512_min_pd(V{} + limit, x);
#else
  return x > limit ? V{} + limit : x;
#endif
}

// 1/x of a normal number, within 1 ulp.
template <class T>
inline typename Vector<T>::type reciprocal(typename Vector<T>::type x) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {  // an estimate of 14 bits and a Newton step, in a third of the time of a division
    const typename Vector<T>::type estimate = _mm512_rcp14_ps(x);
    return estimate * (T(1) - x * estimate) + estimate;
  }
#endif
  return T(1) / x;
}

// What makes e^x = 2^n·2^f with |f| <= 1/2: 1/ln(2), its rounding error, a number that rounds what is added to it to an
// integer and leaves n + bias in its low bits, and coefficients of 2^f from the highest down.
template <class T>
struct Power;
template <>
struct Power<float> {
  static constexpr float limit = 87.0f, inverse = 1.44269504088896341f, rest = 0.0f;  // rest·x is below an ulp
  static constexpr float rounder = 12582912.0f + 127.0f;
  static constexpr int mantissa = 23;
  static constexpr float series[] = {1.3276471874e-3f, 9.6755413336e-3f, 5.5507132739e-2f,
                                     0.24022119724f,   0.69314696706f,   1.0000000717f};
};
template <>
struct Power<double> {
  static constexpr double limit = 700.0, inverse = 1.4426950408889634, rest = 2.0355273740931033e-17;
  static constexpr double rounder = 6755399441055744.0 + 1023.0;
  static constexpr int mantissa = 52;
  static constexpr double series[] = {1.3691488853904124e-12, 2.5678435993488196e-11, 4.44553827187081e-10,
                                      7.054911620801121e-09,  1.0178086009239696e-07, 1.3215486790144305e-06,
                                      1.5252733804059838e-05, 0.00015403530393381606, 0.0013333558146428441,
                                      0.009618129107628477,   0.055504108664821576,   0.2402265069591007,
                                      0.6931471805599453,     1.0};
};

// 1/(1 + e^-x), in float within 2-3 ulp; NaN stays NaN.
template <class T>
inline typename Vector<T>::type sigmoid(typename Vector<T>::type x) {
  using V = typename Vector<T>::type;
  using P = Power<T>;
  x = at_least<T>(at_most<T>(x, P::limit), -P::limit);
  const V shifted = P::rounder - x * P::inverse;
  const V n = shifted - P::rounder;
  V f = -n - x * P::inverse;  // a fused operation: no rounding of the product
  if constexpr (P::rest != 0) f -= x * P::rest;
  V p = V{} + P::series[0];
  for (unsigned k = 1; k < sizeof(P::series) / sizeof(T); ++k) p = p * f + P::series[k];
  const V power = (V)((typename Vector<T>::integers)shifted << P::mantissa);
  return reciprocal<T>(p * power + T(1));
}

}  // namespace alignn
